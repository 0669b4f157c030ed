/*
 * ownkey: each file is complete before it has its name.  The key of before gets its copy first and
 * own.conf is replaced last, in one rename: a crash in between leaves a copy that names the same
 * secret as own.conf, which is how ownkey_tidy() knows it.
 */
#include "auth/ownkey.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/base64url.h"
#include "auth/keyfile.h"
#include "common/buf.h"
#include "common/random.h"

#define SECRET_BYTES 64 /* as long as the longest hash */
#define NAME_BYTES 160
#define CONF_MAX_BYTES 16384
#define LATE_S                                                                                     \
	90 /* a token is taken so long after its end, and what it opened was checked before */

static const char temporary[] = ".own.conf.new"; /* no *.conf, so nobody reads it */

struct change {
	int dir_fd;
	const struct key *own;
	struct buf text;	  /* own.conf as it is */
	char kid[32];		  /* the new one */
	char secret[NAME_BYTES];  /* its file */
	char retired[NAME_BYTES]; /* the old one's file */
};

static void dir_closep(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

static int complain(struct key_error *e, const char *name, int error)
{
	key_error_set(e, "%.200s: %s", name, strerror(-error));
	return error;
}

static int text_read(int dir_fd, const char *name, struct buf *out)
{
	CLEANUP(fd_closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char part[1024];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, part, sizeof(part))) > 0)
		buf_add(out, (struct slice){part, (size_t)n});
	if (n < 0)
		return -errno;
	return out->failed ? -EFBIG : 0;
}

/* The next line of rest with its newline. */
static bool line_next(struct slice *rest, struct slice *out)
{
	const char *end;

	if (rest->len == 0) /* of a file that is not there it has no bytes to point to */
		return false;
	end = memchr(rest->data, '\n', rest->len);
	*out = (struct slice){rest->data, end == NULL ? rest->len : (size_t)(end + 1 - rest->data)};
	rest->data += out->len;
	rest->len -= out->len;
	return true;
}

/* Whether the line sets name; *out_value is then what stands behind =, without blanks. */
static bool line_sets(struct slice line, const char *name, struct slice *out_value)
{
	const char *const blanks = " \t\r\n";
	size_t len = strlen(name);

	while (line.len > 0 && strchr(blanks, line.data[0]) != NULL) {
		line.data++;
		line.len--;
	}
	if (line.len < len || memcmp(line.data, name, len) != 0)
		return false;
	line.data += len;
	line.len -= len;
	for (bool is_seen = false; line.len > 0; line.data++, line.len--) {
		if (!is_seen && line.data[0] == '=')
			is_seen = true;
		else if (strchr(blanks, line.data[0]) == NULL)
			break;
	}
	len = 0;
	while (len < line.len && strchr(blanks, line.data[len]) == NULL)
		len++;
	*out_value = (struct slice){line.data, len};
	return line.data[-1] == '=' || strchr(blanks, line.data[-1]) != NULL;
}

static struct slice setting(const struct buf *text, const char *name)
{
	struct slice rest = buf_slice(text);
	struct slice line, value;

	while (line_next(&rest, &line)) {
		if (line_sets(line, name, &value))
			return value;
	}
	return (struct slice){0};
}

/* own.conf's text without these settings. */
static void text_without(struct buf *out, const struct buf *text, const char *const *names)
{
	struct slice rest = buf_slice(text);
	struct slice line = {0};

	while (line_next(&rest, &line)) {
		struct slice ignored;
		bool is_left_out = false;

		for (size_t i = 0; names[i] != NULL; i++)
			is_left_out = is_left_out || line_sets(line, names[i], &ignored);
		if (is_left_out)
			continue;
		buf_add(out, line);
		if (line.data[line.len - 1] != '\n')
			buf_add_text(out, "\n");
	}
}

/* Replaces name with this text, in one step. */
static int conf_write(int dir_fd, const char *name, const struct buf *text)
{
	int r = text->failed ? -ENOMEM : 0;

	if (r < 0)
		return r;
	(void)unlinkat(dir_fd, temporary, 0);
	r = keyfile_write(dir_fd, temporary, buf_slice(text));
	if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	return r;
}

static int secret_write(const struct change *c)
{
	unsigned char secret[SECRET_BYTES];
	char text[BASE64URL_ENCODED_MAX(SECRET_BYTES) + 2];
	size_t len;
	int r;

	random_fill(secret, sizeof(secret));
	len = base64url_encode(secret, sizeof(secret), text);
	text[len++] = '\n';
	r = keyfile_write(c->dir_fd, c->secret, (struct slice){text, len});
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	return r;
}

static int retired_write(const struct change *c, int64_t now_s)
{
	static const char *const names[] = {"until", NULL};
	time_t until = now_s + c->own->policy->max_lifetime_s + LATE_S;
	char text[32];
	struct tm tm;
	struct buf b;
	int r;

	strftime(text, sizeof(text), KEYFILE_UNTIL_FORMAT, gmtime_r(&until, &tm));
	buf_init(&b, CONF_MAX_BYTES);
	buf_add_text(&b, "# Auth signed with this key before: it verifies until the time below.\n");
	text_without(&b, &c->text, names);
	buf_printf(&b, "until = %s\n", text);
	r = conf_write(c->dir_fd, c->retired, &b);
	buf_fini(&b);
	return r;
}

static int own_write(const struct change *c)
{
	static const char *const names[] = {"alg", "file", "encoding", "kid", "until", NULL};
	struct buf b;
	int r;

	buf_init(&b, CONF_MAX_BYTES);
	text_without(&b, &c->text, names);
	buf_printf(&b, "alg = %s\nfile = %s\nencoding = base64url\nkid = %s\n", c->own->alg->name,
		c->secret, c->kid);
	r = conf_write(c->dir_fd, "own.conf", &b);
	buf_fini(&b);
	return r;
}

static bool is_plain_name(const char *s)
{
	return strlen(s) < 100 &&
	       s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] ==
		       '\0';
}

/* own-KID.conf, where the kid of before can be a file's name. */
static int names_choose(struct change *c, struct key_error *e)
{
	const char *old = c->own->kid;
	uint32_t drawn = (uint32_t)random_u64();

	snprintf(c->kid, sizeof(c->kid), "own-%08x", drawn);
	snprintf(c->secret, sizeof(c->secret), "%s.secret", c->kid);
	if (old == NULL || !is_plain_name(old))
		snprintf(c->retired, sizeof(c->retired), "own-before-%08x.conf", drawn);
	else
		snprintf(c->retired, sizeof(c->retired), "%s%s.conf",
			strncmp(old, "own-", 4) == 0 ? "" : "own-", old);
	if (faccessat(c->dir_fd, c->retired, F_OK, 0) == 0)
		return complain(e, c->retired, -EEXIST);
	return 0;
}

/* Whether own.conf names the new secret already. */
static bool is_in_place(const struct change *c)
{
	struct buf b;
	bool is;

	buf_init(&b, CONF_MAX_BYTES);
	is = text_read(c->dir_fd, "own.conf", &b) == 0 && slice_is(setting(&b, "file"), c->secret);
	buf_fini(&b);
	return is;
}

static int change_write(const struct change *c, int64_t now_s, struct key_error *e)
{
	int r = secret_write(c);

	if (r < 0)
		return complain(e, c->secret, r);
	r = retired_write(c, now_s);
	if (r == 0)
		r = own_write(c);
	if (r == 0)
		return 0;
	/* Renamed, and then the directory was not synced: whichever own.conf the next start finds,
	 * its secret is there. */
	if (is_in_place(c))
		return complain(e, "own.conf", r);
	(void)unlinkat(c->dir_fd, temporary, 0);
	(void)unlinkat(c->dir_fd, c->retired, 0);
	(void)unlinkat(c->dir_fd, c->secret, 0);
	return complain(e, "own.conf", r);
}

int ownkey_rotate(const char *dir, const struct key *own, int64_t now_s, struct key_error *e)
{
	CLEANUP(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct change c = {.dir_fd = fd, .own = own};
	int r;

	if (fd < 0)
		return complain(e, dir, -errno);
	/* Tokens without iss fit a file's name, and that changes. */
	if (own->policy->iss == NULL)
		return key_error_set(e, "own.conf has no iss: set one and load the keys first");
	buf_init(&c.text, CONF_MAX_BYTES);
	r = text_read(fd, "own.conf", &c.text);
	if (r < 0)
		(void)complain(e, "own.conf", r);
	else
		r = names_choose(&c, e);
	if (r == 0)
		r = change_write(&c, now_s, e);
	buf_fini(&c.text);
	return r;
}

static bool is_retired_name(const char *name)
{
	size_t len = strlen(name);

	return len >= 9 && len < NAME_BYTES && strncmp(name, "own-", 4) == 0 &&
	       strcmp(name + len - 5, ".conf") == 0;
}

/* The secret is ours when rotation, or the first start, named it. */
static void secret_remove(int dir_fd, struct slice file)
{
	char name[NAME_BYTES];

	if (file.len < 10 || file.len >= sizeof(name) || memcmp(file.data, "own", 3) != 0 ||
		memcmp(file.data + file.len - 7, ".secret", 7) != 0)
		return;
	snprintf(name, sizeof(name), "%.*s", SLICE_ARGS(file));
	if (strchr(name, '/') == NULL)
		(void)unlinkat(dir_fd, name, 0);
}

/* own is the file that own.conf names. */
static int tidy_one(int dir_fd, const char *name, struct slice own, int64_t now_s)
{
	struct slice file, until;
	bool is_same, is_over;
	int64_t until_s;
	struct buf b;
	int r;

	buf_init(&b, CONF_MAX_BYTES);
	r = text_read(dir_fd, name, &b);
	file = setting(&b, "file");
	until = setting(&b, "until");
	is_same = own.len > 0 && slice_eq(file, own);
	is_over = keyfile_until_parse(until, &until_s) && until_s <= now_s;
	/* The .conf first: without its secret it could not be loaded. */
	if (r == 0 && until.len > 0 && (is_same || is_over) && unlinkat(dir_fd, name, 0) < 0)
		r = -errno;
	if (r == 0 && is_over && !is_same)
		secret_remove(dir_fd, file);
	buf_fini(&b);
	return r;
}

static int tidy_all(DIR *dir, int dir_fd, int64_t now_s, struct key_error *e)
{
	const struct dirent *entry;
	struct buf own;
	int r;

	buf_init(&own, CONF_MAX_BYTES);
	r = text_read(dir_fd, "own.conf", &own);
	if (r == -ENOENT)
		r = 0;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_retired_name(entry->d_name))
			continue;
		r = tidy_one(dir_fd, entry->d_name, setting(&own, "file"), now_s);
		if (r < 0)
			(void)complain(e, entry->d_name, r);
	}
	buf_fini(&own);
	return r;
}

int ownkey_tidy(const char *path, int64_t now_s, struct key_error *e)
{
	CLEANUP(dir_closep) DIR *dir = opendir(path);

	key_error_set(e, "own.conf cannot be read");
	if (dir == NULL)
		return errno == ENOENT ? 0 : complain(e, path, -errno);
	return tidy_all(dir, dirfd(dir), now_s, e);
}
