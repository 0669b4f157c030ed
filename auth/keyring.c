/*
 * keyring: all key files together, and the rules that hold between them: one kid names one key, and
 * two issuers do not speak for the same users unless the operator says so, since either could then
 * log in as the other's.
 */
#include "auth/keyring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/base64url.h"
#include "auth/keyfile.h"
#include "common/random.h"

#define OWN_SECRET_BYTES 32

static const char own_conf[] = "# The key that Postern itself signs with (logins, authctl token).\n"
			       "alg = HS256\n"
			       "file = own.secret\n"
			       "encoding = base64url\n"
			       "kid = own\n"
			       "iss = postern\n"
			       "max-lifetime = 24h\n";

struct keyring {
	struct key *keys[KEYRING_MAX_KEYS];
	size_t n_keys;
	struct key_policy *policies[KEYRING_MAX_FILES];
	size_t n_policies;
};

static void dir_closep(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

void keyring_free(struct keyring *ring)
{
	if (ring == NULL)
		return;
	for (size_t i = 0; i < ring->n_keys; i++)
		key_free(ring->keys[i]);
	for (size_t i = 0; i < ring->n_policies; i++)
		key_policy_free(ring->policies[i]);
	free(ring);
}

size_t keyring_count(const struct keyring *ring)
{
	return ring->n_keys;
}

const struct key *keyring_at(const struct keyring *ring, size_t i)
{
	return i < ring->n_keys ? ring->keys[i] : NULL;
}

const struct key *keyring_by_kid(const struct keyring *ring, struct slice kid)
{
	for (size_t i = 0; i < ring->n_keys; i++) {
		if (ring->keys[i]->kid != NULL && slice_is(kid, ring->keys[i]->kid))
			return ring->keys[i];
	}
	return NULL;
}

const struct key *keyring_own(const struct keyring *ring)
{
	for (size_t i = 0; i < ring->n_keys; i++) {
		if (ring->keys[i]->secret != NULL &&
			strcmp(ring->keys[i]->policy->name, "own") == 0)
			return ring->keys[i];
	}
	return NULL;
}

static bool is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return entry->d_name[0] != '.' && len > 5 && len < 256 &&
	       strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int key_add(void *arg, struct key *key)
{
	struct keyring *ring = arg;

	if (ring->n_keys == KEYRING_MAX_KEYS) {
		key_free(key);
		return -E2BIG;
	}
	ring->keys[ring->n_keys++] = key;
	return 0;
}

static int file_add(struct keyring *ring, int dir_fd, const char *conf, struct key_error *e)
{
	int r;

	if (ring->n_policies == KEYRING_MAX_FILES) {
		key_error_set(e, "more than %d key files", KEYRING_MAX_FILES);
		return -E2BIG;
	}
	r = keyfile_load(dir_fd, conf, key_add, ring, &ring->policies[ring->n_policies], e);
	if (ring->policies[ring->n_policies] != NULL)
		ring->n_policies++;
	if (r == -E2BIG)
		key_error_set(e, "%s: more than %d keys in all", conf, KEYRING_MAX_KEYS);
	return r;
}

static int check_kids(const struct keyring *ring, struct key_error *e)
{
	for (size_t i = 0; i < ring->n_keys; i++) {
		const struct key *key = ring->keys[i];
		const struct key *first;

		if (key->kid == NULL)
			continue;
		first = keyring_by_kid(ring, slice_of(key->kid));
		if (first != key)
			return key_error_set(e, "%s.conf and %s.conf: two keys have one kid",
				first->policy->name, key->policy->name);
	}
	return 0;
}

static bool is_same_issuer(const struct key_policy *a, const struct key_policy *b)
{
	const char *of_a = a->iss != NULL ? a->iss : a->name;
	const char *of_b = b->iss != NULL ? b->iss : b->name;

	return strcmp(of_a, of_b) == 0;
}

static bool users_overlap(const struct key_policy *a, const struct key_policy *b)
{
	size_t of_a = strlen(a->users);
	size_t of_b = strlen(b->users);

	return strncmp(a->users, b->users, of_a < of_b ? of_a : of_b) == 0;
}

static int check_users(const struct keyring *ring, struct key_error *e)
{
	for (size_t i = 0; i < ring->n_policies; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct key_policy *a = ring->policies[i];
			const struct key_policy *b = ring->policies[k];

			if (!is_same_issuer(a, b) && users_overlap(a, b))
				return key_error_set(e,
					"%s.conf and %s.conf: two issuers for the same users: set "
					"`users` in each, or --shared-users",
					b->name, a->name);
		}
	}
	return 0;
}

/* In the order of names, so that errors and the choice among keys without kid do not wander. */
static int files_add(struct keyring *ring, int dir_fd, DIR *dir, struct key_error *e)
{
	char last[256] = "";

	for (;;) {
		char next[256] = "";
		const struct dirent *entry;
		int r;

		rewinddir(dir);
		while ((entry = readdir(dir)) != NULL) {
			if (is_conf(entry) && strcmp(entry->d_name, last) > 0 &&
				(next[0] == '\0' || strcmp(entry->d_name, next) < 0))
				snprintf(next, sizeof(next), "%s", entry->d_name);
		}
		if (next[0] == '\0')
			return 0;
		r = file_add(ring, dir_fd, next, e);
		if (r < 0)
			return r;
		memcpy(last, next, sizeof(last));
	}
}

static int dir_open(const char *path, int *out_fd, DIR **out_dir, struct key_error *e)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int second, r;

	if (fd < 0) {
		r = -errno;
		key_error_set(e, "%s: %s", path, strerror(-r));
		return r;
	}
	r = keyfile_check_private(fd, path, e);
	if (r < 0)
		return r;
	second = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	*out_dir = second < 0 ? NULL : fdopendir(second);
	if (*out_dir == NULL)
		return -ENOMEM;
	*out_fd = fd;
	fd = -1;
	return 0;
}

int keyring_load(struct keyring **out, const char *path, bool shared_users, struct key_error *e)
{
	CLEANUP(keyring_freep) struct keyring *ring = calloc(1, sizeof(*ring));
	CLEANUP(dir_closep) DIR *dir = NULL;
	CLEANUP(fd_closep) int fd = -1;
	int r;

	key_error_set(e, "out of memory");
	if (ring == NULL)
		return -ENOMEM;
	r = dir_open(path, &fd, &dir, e);
	if (r == 0)
		r = files_add(ring, fd, dir, e);
	if (r == 0)
		r = check_kids(ring, e);
	if (r == 0 && !shared_users)
		r = check_users(ring, e);
	if (r == 0 && ring->n_keys == 0)
		r = key_error_set(e, "%s: no keys", path);
	if (r < 0)
		return r;
	*out = ring;
	ring = NULL;
	return 0;
}

/* The secret first: a crash in between leaves no .conf, and the next start begins anew. */
static int own_write(int dir_fd)
{
	unsigned char secret[OWN_SECRET_BYTES];
	char text[BASE64URL_ENCODED_MAX(OWN_SECRET_BYTES) + 2];
	size_t len;
	int r;

	random_fill(secret, sizeof(secret));
	len = base64url_encode(secret, sizeof(secret), text);
	text[len++] = '\n';
	(void)unlinkat(dir_fd, "own.secret", 0);
	r = keyfile_write(dir_fd, "own.secret", (struct slice){text, len});
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	if (r == 0)
		r = keyfile_write(dir_fd, "own.conf", slice_of(own_conf));
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	return r;
}

int keyring_make_own(const char *path, struct key_error *e)
{
	CLEANUP(dir_closep) DIR *dir = NULL;
	CLEANUP(fd_closep) int fd = -1;
	const struct dirent *entry;
	int r;

	key_error_set(e, "out of memory");
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		r = -errno;
		key_error_set(e, "%s: %s", path, strerror(-r));
		return r;
	}
	r = dir_open(path, &fd, &dir, e);
	if (r < 0)
		return r;
	while ((entry = readdir(dir)) != NULL) {
		if (is_conf(entry))
			return 0;
	}
	r = own_write(fd);
	if (r < 0) {
		key_error_set(e, "%s: own.conf cannot be written: %s", path, strerror(-r));
		return r;
	}
	return 1;
}
