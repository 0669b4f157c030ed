/*
 * keyfile: the operator's side of a key.  Everything that could make verification weaker than it
 * looks is an error with one clear line: an unknown or doubled setting, a file that others can
 * read, a path that leaves the directory.
 */
#include "auth/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "auth/base64url.h"
#include "auth/jwk.h"
#include "common/config.h"
#include "proto/names.h"

#define MAX_LIFETIME_DEFAULT_S (24 * 60 * 60)
#define MAX_LIFETIME_LONGEST_S (366LL * 24 * 60 * 60)

enum field {
	FIELD_ALG,
	FIELD_FILE,
	FIELD_KID,
	FIELD_ISS,
	FIELD_AUD,
	FIELD_USERS,
	FIELD_MAX_LIFETIME,
	FIELD_UNTIL,
	FIELD_ENCODING,
	FIELD_COUNT
};

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_ALG] = "alg",
	[FIELD_FILE] = "file",
	[FIELD_KID] = "kid",
	[FIELD_ISS] = "iss",
	[FIELD_AUD] = "aud",
	[FIELD_USERS] = "users",
	[FIELD_MAX_LIFETIME] = "max-lifetime",
	[FIELD_UNTIL] = "until",
	[FIELD_ENCODING] = "encoding",
};

struct fields {
	struct slice value[FIELD_COUNT]; /* data NULL: not set */
};

struct text {
	char *data;
	size_t len;
};

static void text_wipe(struct text *t)
{
	if (t->data != NULL)
		explicit_bzero(t->data, t->len);
	free(t->data);
}

void key_policy_free(struct key_policy *policy)
{
	if (policy == NULL)
		return;
	free(policy->name);
	free(policy->iss);
	free(policy->aud);
	free(policy->users);
	free(policy);
}

int keyfile_check_private(int fd, const char *name, struct key_error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		int r = -errno;

		key_error_set(e, "%s: %s", name, strerror(-r));
		return r;
	}
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
		key_error_set(e, "%s: others can read or write it (mode %04o): chmod %s", name,
			(unsigned)st.st_mode & 07777, S_ISDIR(st.st_mode) ? "0700" : "0600");
		return -EACCES;
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		key_error_set(e, "%s: it belongs to uid %u, which is neither root nor us", name,
			(unsigned)st.st_uid);
		return -EACCES;
	}
	return 0;
}

static int read_all(int fd, const char *name, struct text *out, struct key_error *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > KEYFILE_MAX_BYTES)
		return key_error_set(
			e, "%s: not a file of at most %d bytes", name, KEYFILE_MAX_BYTES);
	out->data = calloc(1, (size_t)st.st_size + 1);
	if (out->data == NULL)
		return -ENOMEM;
	while (out->len < (size_t)st.st_size) {
		ssize_t n = read(fd, out->data + out->len, (size_t)st.st_size - out->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return key_error_set(e, "%s: cannot be read", name);
		out->len += (size_t)n;
	}
	return 0;
}

static int read_private(int dir_fd, const char *name, struct text *out, struct key_error *e)
{
	CLEANUP(fd_closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0) {
		r = -errno;
		key_error_set(e, "%s: %s", name, strerror(-r));
		return r;
	}
	r = keyfile_check_private(fd, name, e);
	return r < 0 ? r : read_all(fd, name, out, e);
}

static struct slice trimmed(struct slice s)
{
	while (s.len > 0 && memchr(" \t\r", s.data[0], 3) != NULL) {
		s.data++;
		s.len--;
	}
	while (s.len > 0 && memchr(" \t\r", s.data[s.len - 1], 3) != NULL)
		s.len--;
	return s;
}

static struct slice without_comment(struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.data[i] == '#' &&
			(i == 0 || line.data[i - 1] == ' ' || line.data[i - 1] == '\t'))
			return (struct slice){line.data, i};
	}
	return line;
}

static int field_find(struct slice name)
{
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (slice_is(name, field_names[i]))
			return i;
	}
	return -ENOENT;
}

static int line_read(struct slice line, unsigned number, struct fields *out, struct key_error *e)
{
	struct slice name, value;
	const char *equals;
	int field;

	line = trimmed(without_comment(line));
	if (line.len == 0)
		return 0;
	equals = memchr(line.data, '=', line.len);
	if (equals == NULL)
		return key_error_set(e, "line %u: not `setting = value`", number);
	name = trimmed((struct slice){line.data, (size_t)(equals - line.data)});
	value = trimmed((struct slice){equals + 1, line.len - (size_t)(equals + 1 - line.data)});
	field = field_find(name);
	if (field < 0)
		return key_error_set(e, "line %u: no setting is called \"%.*s\"", number,
			(int)(name.len < 64 ? name.len : 64), name.data);
	if (out->value[field].data != NULL)
		return key_error_set(e, "line %u: %s is there twice", number, field_names[field]);
	if (memchr(value.data, '\0', value.len) != NULL)
		return key_error_set(e, "line %u: a NUL", number);
	out->value[field] = value;
	return 0;
}

static int fields_read(const struct text *text, struct fields *out, struct key_error *e)
{
	struct slice rest = {text->data, text->len};
	unsigned number = 0;

	while (rest.len > 0) {
		const char *end = memchr(rest.data, '\n', rest.len);
		struct slice line = {rest.data, end == NULL ? rest.len : (size_t)(end - rest.data)};
		size_t used = line.len + (end == NULL ? 0 : 1);
		int r = line_read(line, ++number, out, e);

		if (r < 0)
			return r;
		rest.data += used;
		rest.len -= used;
	}
	return 0;
}

static bool field_copy(const struct fields *f, enum field field, const char *otherwise, char **out)
{
	struct slice value = f->value[field];

	if (value.len > 0)
		*out = strndup(value.data, value.len);
	else if (otherwise != NULL)
		*out = strdup(otherwise);
	else
		return true;
	return *out != NULL;
}

/* Stable over restarts, since revocations will name it. */
static uint32_t issuer_number(const char *issuer)
{
	unsigned char hash[SHA256_DIGEST_LENGTH];

	SHA256((const unsigned char *)issuer, strlen(issuer), hash);
	return (uint32_t)hash[0] | (uint32_t)hash[1] << 8 | (uint32_t)hash[2] << 16 |
	       (uint32_t)hash[3] << 24;
}

static int lifetime_read(struct slice value, int64_t *out_s, struct key_error *e)
{
	char text[32];
	int64_t ms;

	*out_s = MAX_LIFETIME_DEFAULT_S;
	if (value.data == NULL)
		return 0;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(value));
	ms = value.len < sizeof(text) ? duration_parse(text) : -1;
	if (ms < 1000 || ms / 1000 > MAX_LIFETIME_LONGEST_S)
		return key_error_set(e, "max-lifetime is a time of 1s to 366d, for instance 24h");
	*out_s = ms / 1000;
	return 0;
}

bool keyfile_until_parse(struct slice value, int64_t *out_s)
{
	char text[32];
	struct tm tm = {0};
	const char *end;

	if (value.len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(value));
	end = strptime(text, KEYFILE_UNTIL_FORMAT, &tm);
	if (end == NULL || *end != '\0')
		return false;
	*out_s = timegm(&tm);
	return *out_s > 0;
}

static int policy_new(
	struct key_policy **out, const char *conf, const struct fields *f, struct key_error *e)
{
	CLEANUP(key_policy_freep) struct key_policy *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	p->name = strndup(conf, strlen(conf) - strlen(".conf"));
	if (p->name == NULL || !field_copy(f, FIELD_ISS, NULL, &p->iss) ||
		!field_copy(f, FIELD_AUD, NULL, &p->aud) ||
		!field_copy(f, FIELD_USERS, "", &p->users))
		return -ENOMEM;
	if (p->users[0] != '\0' && !name_is_uid(slice_of(p->users)))
		return key_error_set(e, "users is the start of uids, of [A-Za-z0-9._@:-]");
	r = lifetime_read(f->value[FIELD_MAX_LIFETIME], &p->max_lifetime_s, e);
	if (r < 0)
		return r;
	if (f->value[FIELD_UNTIL].data != NULL &&
		!keyfile_until_parse(f->value[FIELD_UNTIL], &p->until_s))
		return key_error_set(e, "until is a time in UTC, as 2026-12-31T00:00:00Z");
	p->issuer_id = issuer_number(p->iss != NULL ? p->iss : p->name);
	*out = p;
	p = NULL;
	return 0;
}

static int secret_read(struct key **out, const struct key_spec *spec, const struct fields *f,
	const struct text *material, struct key_error *e)
{
	unsigned char decoded[BASE64URL_DECODED_MAX(4096)];
	struct slice secret = {material->data, material->len};
	struct slice encoding = f->value[FIELD_ENCODING];
	size_t len;
	int r;

	if (secret.len > 0 && secret.data[secret.len - 1] == '\n')
		secret.len--;
	if (encoding.data == NULL || slice_is(encoding, "text"))
		return key_from_secret(out, spec, secret, e);
	if (!slice_is(encoding, "base64url"))
		return key_error_set(e, "encoding is text or base64url");
	if (!base64url_decode(secret, decoded, sizeof(decoded), &len))
		return key_error_set(e, "the secret is not base64url without padding");
	r = key_from_secret(out, spec, (struct slice){(const char *)decoded, len}, e);
	explicit_bzero(decoded, sizeof(decoded));
	return r;
}

/* What a file is shows in its first byte: `{` is a JWK set.  A secret is only what HS* says is one.
 */
static int material_read(const struct key_spec *spec, const struct fields *f,
	const struct text *material, keyfile_each_fn *each, void *arg, struct key_error *e)
{
	struct slice bytes = {material->data, material->len};
	size_t blank = strspn(material->data, " \t\r\n");
	struct key *key = NULL;
	int r;

	if (material->data[blank] == '{' && (spec->alg == NULL || spec->alg->family != ALG_HMAC ||
						    f->value[FIELD_ENCODING].data == NULL)) {
		struct jwks_spec set = {.alg = spec->alg, .policy = spec->policy};

		if (spec->kid.data != NULL)
			return key_error_set(e, "kid: the keys of a JWK set name their own");
		return jwks_read(bytes, &set, each, arg, e);
	}
	if (spec->alg == NULL)
		return key_error_set(e, "alg is missing");
	if (spec->alg->family == ALG_HMAC)
		r = secret_read(&key, spec, f, material, e);
	else if (f->value[FIELD_ENCODING].data != NULL)
		r = key_error_set(e, "encoding is for secrets only");
	else
		r = key_from_pem(&key, spec, bytes, e);
	return r < 0 ? r : each(arg, key);
}

static int spec_read(struct key_spec *spec, const struct fields *f, struct key_error *e)
{
	struct slice alg = f->value[FIELD_ALG];
	struct slice file = f->value[FIELD_FILE];

	if (file.len == 0)
		return key_error_set(e, "file is missing");
	if (file.len > 255 || memchr(file.data, '/', file.len) != NULL || file.data[0] == '.')
		return key_error_set(e, "file names a file in this directory, without a path");
	if (alg.data != NULL) {
		spec->alg = alg_find(alg);
		if (spec->alg == NULL)
			return key_error_set(e,
				"alg is one of HS256, HS384, HS512, RS256, RS384, RS512, PS256, "
				"PS384, PS512, ES256, ES384, ES512, EdDSA");
	}
	if (f->value[FIELD_KID].data != NULL)
		spec->kid = f->value[FIELD_KID];
	return 0;
}

static int conf_apply(int dir_fd, const struct key_policy *policy, const struct fields *f,
	keyfile_each_fn *each, void *arg, struct key_error *e)
{
	CLEANUP(text_wipe) struct text material = {0};
	struct key_spec spec = {.policy = policy};
	char name[256];
	int r;

	r = spec_read(&spec, f, e);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(f->value[FIELD_FILE]));
	r = read_private(dir_fd, name, &material, e);
	return r < 0 ? r : material_read(&spec, f, &material, each, arg, e);
}

/* Puts the file's name before the line. */
static void error_name(struct key_error *e, const char *conf)
{
	struct key_error inner = *e;

	key_error_set(e, "%s: %.200s", conf, inner.text);
}

int keyfile_load(int dir_fd, const char *conf, keyfile_each_fn *each, void *arg,
	struct key_policy **out_policy, struct key_error *e)
{
	CLEANUP(text_wipe) struct text text = {0};
	struct fields fields = {0};
	int r;

	r = read_private(dir_fd, conf, &text, e);
	if (r < 0)
		return r;
	r = fields_read(&text, &fields, e);
	if (r == 0)
		r = policy_new(out_policy, conf, &fields, e);
	if (r == 0)
		r = conf_apply(dir_fd, *out_policy, &fields, each, arg, e);
	if (r < 0)
		error_name(e, conf);
	return r;
}

int keyfile_write(int dir_fd, const char *name, struct slice bytes)
{
	CLEANUP(fd_closep)
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes.data += n;
		bytes.len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}
