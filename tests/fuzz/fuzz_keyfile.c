/*
 * A key directory as an operator may leave it: NAME.conf and the file that it names, both from the
 * input.  What is loaded has policy and strength; what is refused is refused in one line, which
 * holds nothing of the key; and own.conf, where it can be loaded, can be changed for another key so
 * that both are loaded afterwards.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/keyfile.h"
#include "auth/keyring.h"
#include "auth/ownkey.h"
#include "proto/names.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW_S 1767225600LL
#define SECRET "/these bytes are nobody's to see/" /* at the end of some keys */

/* What the first byte says, beside the name: of the file k, and of what is around it. */
enum k_is { K_PRIVATE, K_READABLE, K_MISSING, K_DIRECTORY };
enum around { NOTHING_ELSE, DIR_READABLE, CONF_OF_OTHERS, SECOND_CONF };

#define MANY_FILES 0xff /* as the whole byte: more than a ring takes */

static char dir[64];
static bool knows_secret; /* the .conf itself says it */

static void remove_dir(void)
{
	(void)rmdir(dir);
}

/* In memory: nothing here waits for a disk. */
static void begin(void)
{
	if (dir[0] != '\0')
		return;
	snprintf(dir, sizeof(dir), "%s/postern-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(dir) != NULL);
	atexit(remove_dir);
}

static void file_make(const char *name, struct slice bytes, struct slice more)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert(fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len);
	assert(write(fd, more.data, more.len) == (ssize_t)more.len);
	close(fd);
}

static void clear(void)
{
	DIR *d = opendir(dir);
	const struct dirent *entry;

	assert(d != NULL);
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			assert(unlinkat(dirfd(d), entry->d_name,
				       entry->d_type == DT_DIR ? AT_REMOVEDIR : 0) == 0);
	}
	closedir(d);
	assert(chmod(dir, 0700) == 0);
}

static void check_key(const struct key *key)
{
	const struct key_policy *p = key->policy;

	assert(key->alg != NULL && p->max_lifetime_s >= 1 &&
		p->max_lifetime_s <= 366LL * 24 * 60 * 60 && p->until_s >= 0);
	assert(p->users[0] == '\0' || name_is_uid(slice_of(p->users)));
	assert(key->kid == NULL || (key->kid[0] != '\0' && strlen(key->kid) <= KEY_ID_MAX_BYTES));
	if (key->alg->family == ALG_HMAC)
		assert(key->secret_len >= KEY_SECRET_MIN_BYTES);
	else
		assert(key->secret == NULL && key->verifier != NULL);
}

static void check_ring(const struct keyring *ring)
{
	size_t n = keyring_count(ring);

	assert(n > 0 && n <= KEYRING_MAX_KEYS && keyring_at(ring, n) == NULL);
	for (size_t i = 0; i < n; i++) {
		const struct key *key = keyring_at(ring, i);

		check_key(key);
		if (key->kid != NULL)
			assert(keyring_by_kid(ring, slice_of(key->kid)) == key);
	}
}

static void check_refusal(const struct key_error *e)
{
	assert(e->text[0] != '\0' && strchr(e->text, '\n') == NULL);
	assert(knows_secret || strstr(e->text, SECRET) == NULL);
}

/* The key of before verifies until its time, and the new one signs. */
static void check_rotation(const struct keyring *before)
{
	const struct key *own = keyring_own(before);
	CLEANUP(keyring_freep) struct keyring *after = NULL;
	struct key_error e = {""};
	int r;

	if (own == NULL || ownkey_rotate(dir, own, NOW_S, &e) < 0) {
		assert(own == NULL || (e.text[0] != '\0' && strchr(e.text, '\n') == NULL));
		return;
	}
	r = keyring_load(&after, dir, false, &e);
	if (r < 0)
		fprintf(stderr, "after the change: %s\n", e.text);
	assert(r == 0 && keyring_count(after) == keyring_count(before) + 1);
	check_ring(after);
	assert(keyring_own(after) != NULL && keyring_own(after)->alg == own->alg);
	assert(keyring_own(after)->secret_len >= KEY_SECRET_MIN_BYTES);
	if (own->kid != NULL)
		assert(keyring_by_kid(after, slice_of(own->kid)) != NULL &&
			strcmp(keyring_own(after)->kid, own->kid) != 0);
	assert(keyring_own(after)->policy->issuer_id == own->policy->issuer_id);
	/* In time it goes, with its secret; the one that signs stays. */
	assert(ownkey_tidy(dir, NOW_S, &e) == 0);
	assert(ownkey_tidy(dir, NOW_S + own->policy->max_lifetime_s + 3600, &e) == 0);
	keyring_free(after);
	after = NULL;
	r = keyring_load(&after, dir, false, &e);
	if (r < 0)
		fprintf(stderr, "after its time: %s\n", e.text);
	assert(r == 0 && keyring_count(after) == keyring_count(before) &&
		keyring_own(after) != NULL);
}

static void check_dir(const char *conf_name, bool is_private)
{
	CLEANUP(keyring_freep) struct keyring *ring = NULL;
	struct key_error e = {""};
	int r = keyring_load(&ring, dir, false, &e);

	assert((r == 0) == (ring != NULL) && (r < 0 || is_private));
	if (r < 0) {
		check_refusal(&e);
		return;
	}
	check_ring(ring);
	if (strcmp(conf_name, "own.conf") == 0)
		check_rotation(ring);
}

/* Without any key there is one afterwards, and only then. */
static void check_first_start(void)
{
	CLEANUP(keyring_freep) struct keyring *ring = NULL;
	struct key_error e;

	assert(keyring_make_own(dir, &e) == 1 && keyring_make_own(dir, &e) == 0);
	assert(keyring_load(&ring, dir, false, &e) == 0 && keyring_own(ring) != NULL);
	check_rotation(ring);
	clear();
	assert(keyring_make_own("/nowhere/keys", &e) < 0 && e.text[0] != '\0');
}

static void k_make(enum k_is kind, struct slice bytes, struct slice more)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/k", dir);
	if (kind == K_DIRECTORY)
		assert(mkdir(path, 0700) == 0);
	if (kind == K_DIRECTORY || kind == K_MISSING)
		return;
	file_make("k", bytes, more);
	assert(kind != K_READABLE || chmod(path, 0644) == 0);
}

static void around_make(enum around kind, const char *conf_name)
{
	char path[128];

	switch (kind) {
	case NOTHING_ELSE:
		break;
	case DIR_READABLE:
		assert(chmod(dir, 0755) == 0);
		break;
	case CONF_OF_OTHERS: /* a mode where only root can give it away */
		snprintf(path, sizeof(path), "%s/%s", dir, conf_name);
		assert(geteuid() == 0 ? chown(path, 1, 1) == 0 : chmod(path, 0620) == 0);
		break;
	case SECOND_CONF:
		file_make("b.conf",
			SLICE_LITERAL("alg = HS256\nfile = b\niss = https://shop.example\n"),
			SLICE_LITERAL("kid = a\nusers = shop:\n"));
		file_make("b", SLICE_LITERAL("0123456789abcdef0123456789abcdef"),
			SLICE_LITERAL(SECRET));
		break;
	}
}

static void many_make(void)
{
	char name[32];

	for (unsigned i = 0; i <= KEYRING_MAX_FILES; i++) {
		snprintf(name, sizeof(name), "many-%02u.conf", i);
		file_make(name, SLICE_LITERAL("alg = HS256\nfile = many\niss = i\n"),
			SLICE_LITERAL("users = i:\n"));
	}
	file_make("many", SLICE_LITERAL("0123456789abcdef0123456789abcdef"), SLICE_LITERAL(SECRET));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {"a.conf", "own.conf", "own-a.conf", "a-b.conf"};
	const struct slice none = {"", 0};
	struct script s = {data, size};
	unsigned which = script_byte(&s);
	const enum around around = (enum around)(which / 32 % 4);
	const uint8_t *nul = s.left == 0 ? NULL : memchr(s.at, '\0', s.left);
	struct slice conf = script_take(&s, nul == NULL ? s.left : (size_t)(nul - s.at));
	struct key_error e = {""};

	begin();
	if (size == 0)
		check_first_start();
	knows_secret = conf.len > 0 && memmem(conf.data, conf.len, SECRET, strlen(SECRET)) != NULL;
	script_byte(&s);
	file_make(names[which % 4], conf, none);
	k_make((enum k_is)(which / 8 % 4), script_rest(&s),
		which / 4 % 2 == 0 ? none : SLICE_LITERAL(SECRET));
	around_make(around, names[which % 4]);
	if (which == MANY_FILES)
		many_make();
	assert(ownkey_tidy(dir, NOW_S, &e) == 0 || e.text[0] != '\0');
	check_dir(names[which % 4],
		around != DIR_READABLE && around != CONF_OF_OTHERS && which != MANY_FILES);
	clear();
	return 0;
}
