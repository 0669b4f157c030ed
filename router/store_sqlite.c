/*
 * Opening: lock, key, database, sealed head, users, in this order, and each says in one line what
 * is wrong.  What makes a store unsafe to go on with is refused, and --accept-loss overrides what
 * is only a loss: then a new epoch begins, so that every client learns that numbers were taken
 * back.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/bug.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "router/store_key.h"
#include "router/store_record.h"
#include "router/store_sqlite_inner.h"

static const struct store_ops ops;

static void close_all(struct store_backend *b)
{
	struct store_sqlite *s = (struct store_sqlite *)b;

	sq_backup_end(s);
	for (int i = 0; i < SQ_COUNT; i++)
		sqlite3_finalize(s->queries[i]);
	sqlite3_close(s->db);
	store_head_fini(&s->head);
	store_mac_free(s->mac);
	store_users_fini(&s->users);
	free(s->tailed.list);
	free(s->round.list);
	if (s->lock >= 0)
		close(s->lock);
	free(s->path);
	free(s->backup_path);
	free(s->backup_part);
	free(s);
}

static void sqlite_freep(struct store_sqlite **s)
{
	if (*s != NULL)
		close_all(&(*s)->base);
}

/* What went wrong while opening. */
struct trouble {
	enum store_opened opened;
	char *why; /* STORE_WHY_BYTES */
};

static int fail(struct trouble *t, enum store_opened opened, const char *why, int error)
{
	t->opened = opened;
	if (error < 0)
		(void)snprintf(t->why, STORE_WHY_BYTES, "%s: %s", why, strerror(-error));
	else
		(void)snprintf(t->why, STORE_WHY_BYTES, "%s", why);
	return -1;
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	((struct store_sqlite *)arg)->wal_pages = pages;
	return SQLITE_OK;
}

static int database_open(struct store_sqlite *s, struct trouble *t)
{
	int64_t tables = 0;
	int r = sq_errno(sqlite3_open_v2(s->path, &s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));

	if (r == 0)
		r = sq_exec(s, "PRAGMA locking_mode=EXCLUSIVE");
	if (r == 0)
		r = sq_number(s, "PRAGMA user_version", &s->schema);
	if (r == 0)
		r = sq_number(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r == -EBUSY)
		return fail(t, STORE_OPEN_REFUSED, "another process has the store open", 0);
	if (r < 0)
		return fail(t, STORE_OPEN_FAILED, "the store cannot be read", r);
	if (s->schema > SQ_SCHEMA_VERSION)
		return fail(t, STORE_OPEN_REFUSED, "the store was written by a later version", 0);
	if (s->schema == 0 && (tables > 0 || s->is_look))
		return fail(t, STORE_OPEN_REFUSED, "this is not a store of messages", 0);
	r = sq_settings(s);
	(void)sqlite3_wal_hook(s->db, on_wal, s);
	if (r == 0 && s->schema == 1 && !s->is_look)
		r = sq_migrate(s);
	if (r == 0)
		r = s->schema == 0 ? sq_make(s) : sq_prepare(s);
	if (r == 0)
		r = sq_meta_read(s);
	if (r == -ENOKEY)
		return fail(t, STORE_OPEN_REFUSED, "the store's key does not fit it", 0);
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the store cannot be opened", r) : 0;
}

/* NULL: the head vouches for the database. */
static const char *loss_of(
	const struct store_sqlite *s, enum store_head_found found, const struct store_head *head)
{
	switch (found) {
	case STORE_HEAD_NONE:
		return s->now.counter == 0 ? NULL : "the store's sealed head is missing";
	case STORE_HEAD_DAMAGED:
		return "the store's sealed head is damaged";
	case STORE_HEAD_FAILED:
		return "the store's sealed head cannot be read";
	case STORE_HEAD_FOUND:
		break;
	}
	if (memcmp(head->epoch, s->base.epoch, EPOCH_BYTES) != 0)
		return "the store is another one than its sealed head's";
	return head->counter > s->now.counter && !BUG(19)
		       ? "the store is older than its sealed head"
		       : NULL;
}

static int dirty_users_write(struct store_sqlite *s)
{
	struct store_person *p;
	int r = 0;

	for (size_t i = 0;
		s->users.by_id != NULL && r == 0 && (p = map_next(s->users.by_id, &i)) != NULL;)
		if (p->state.is_dirty) {
			r = sq_user_write(s, p);
			p->state.is_dirty = false;
		}
	return r;
}

/* Positions are of an epoch: those of devices mean nothing in the next.  What was lost may have
 * been marks. */
static int epoch_begin(struct store_sqlite *s)
{
	int r = sq_exec(s, "BEGIN IMMEDIATE; DELETE FROM devices;");

	store_epoch_make(s->base.epoch);
	s->now.counter++;
	if (r == 0)
		r = dirty_users_write(s);
	if (r == 0)
		r = sq_marks_void(s);
	if (r == 0)
		r = sq_meta_write(s);
	return r == 0 ? sq_exec(s, "COMMIT") : r;
}

static int refuse_loss(struct trouble *t, const char *what)
{
	(void)snprintf(t->why, STORE_WHY_BYTES,
		"%s; --accept-loss begins a new epoch with what is there", what);
	t->opened = STORE_OPEN_REFUSED;
	return -1;
}

static int head_check(struct store_sqlite *s, const char *path, bool accept_loss, struct trouble *t)
{
	enum store_head_found found = store_head_open(&s->head, path);
	const char *loss = loss_of(s, found, &s->head);
	int r = 0;

	if (loss != NULL && (!accept_loss || found == STORE_HEAD_FAILED))
		return refuse_loss(t, loss);
	if (loss != NULL)
		r = epoch_begin(s);
	memcpy(s->head.epoch, s->base.epoch, EPOCH_BYTES);
	s->head.counter = s->now.counter;
	if (r == 0)
		r = store_head_make(&s->head, path);
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the sealed head cannot be written", r) : 0;
}

/* Numbers that could be given twice make a new epoch: readers must not take them for what they had.
 * A user whose row is lost is worse: what is kept for him cannot be reached any more. */
static int users_check(
	struct store_sqlite *s, const char *head, bool accept_loss, struct trouble *t)
{
	size_t damaged = 0;
	bool is_short = false;
	int r = store_users_init(&s->users);

	if (r == 0)
		r = sq_users_read(s, &damaged, &is_short);
	if (r < 0)
		return fail(t, STORE_OPEN_FAILED, "the store's users cannot be read", r);
	if (damaged > 0 && !accept_loss)
		return refuse_loss(t, "the store's table of users is damaged");
	if (damaged > 0 || is_short) {
		log_warn("store_damaged", "users=%zu note=\"a new epoch begins\"", damaged);
		r = epoch_begin(s);
		memcpy(s->head.epoch, s->base.epoch, EPOCH_BYTES);
		s->head.counter = s->now.counter;
		if (r == 0)
			r = store_head_make(&s->head, head); /* flushed, or it is another's */
	}
	s->kept = s->now;
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the store cannot be written", r) : 0;
}

/* PATH and what stands behind it. */
struct names {
	char head[PATH_MAX];
	char key[PATH_MAX];
	char lock[PATH_MAX];
};

static bool names_make(struct store_sqlite *s, const char *path, struct names *out)
{
	s->path = strdup(path);
	return s->path != NULL && asprintf(&s->backup_path, "%s.backup", path) > 0 &&
	       asprintf(&s->backup_part, "%s.backup.part", path) > 0 &&
	       snprintf(out->head, PATH_MAX, "%s.head", path) < PATH_MAX &&
	       snprintf(out->key, PATH_MAX, "%s.key", path) < PATH_MAX &&
	       snprintf(out->lock, PATH_MAX, "%s.lock", path) < PATH_MAX;
}

static int place_check(struct store_sqlite *s, const struct names *names,
	const struct store_config *config, struct trouble *t)
{
	int r = store_is_volatile(s->path);

	if (r < 0)
		return fail(t, STORE_OPEN_FAILED, "the store's directory", r);
	if (r > 0 && !config->on_tmpfs)
		return fail(t, STORE_OPEN_REFUSED,
			"the store would be in memory (tmpfs), where no message survives a power"
			" cut",
			0);
	r = store_lock(&s->lock, names->lock);
	if (r == -EWOULDBLOCK)
		return fail(t, STORE_OPEN_REFUSED, "another process has the store open", 0);
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the store's lock", r) : 0;
}

static int macs_make(struct store_sqlite *s, const char *path, bool is_new, struct trouble *t)
{
	unsigned char key[STORE_KEY_FILE_BYTES];
	int r = store_key_read(key, path);

	if (r == -EPERM)
		return fail(t, STORE_OPEN_REFUSED, "others may read the store's key", 0);
	if (r == -ENOENT && is_new)
		r = store_key_make(key, path);
	if (r == -ENOENT || r == -EINVAL)
		return fail(t, STORE_OPEN_REFUSED, "the store's key is not there", 0);
	if (r == 0)
		r = store_mac_new(&s->mac, key);
	if (r == 0)
		r = store_mac_new(&s->head.mac, key + STORE_KEY_BYTES);
	explicit_bzero(key, sizeof(key));
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the store's key", r) : 0;
}

/* SQLite would make the file with the process's umask. */
static int file_make(const char *path, bool *out_is_new)
{
	CLEANUP(fd_closep) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*out_is_new = st.st_size == 0;
	return store_dir_flush(path);
}

static int open_all(struct store_sqlite *s, const struct names *names,
	const struct store_config *config, struct trouble *t)
{
	bool is_new = false;
	int r;

	if (place_check(s, names, config, t) < 0)
		return -1;
	r = file_make(s->path, &is_new);
	if (r < 0)
		return fail(t, STORE_OPEN_FAILED, "the store's file", r);
	if (macs_make(s, names->key, is_new, t) < 0 || database_open(s, t) < 0 ||
		head_check(s, names->head, config->accept_loss, t) < 0)
		return -1;
	if (users_check(s, names->head, config->accept_loss, t) < 0)
		return -1;
	r = sq_marks_open(s);
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the store's marks cannot be read", r) : 0;
}

/* Nothing is made or written: what is damaged is only told. */
static int look_at_all(struct store_sqlite *s, const struct names *names, struct trouble *t)
{
	size_t damaged = 0;
	bool is_short = false;
	int r;

	if (macs_make(s, names->key, false, t) < 0 || database_open(s, t) < 0)
		return -1;
	r = store_users_init(&s->users);
	if (r == 0)
		r = sq_users_read(s, &damaged, &is_short);
	return r < 0 ? fail(t, STORE_OPEN_FAILED, "the store's users cannot be read", r) : 0;
}

enum store_opened store_sqlite_open(struct store_backend **out, const char *path,
	const struct store_config *config, char why[STORE_WHY_BYTES])
{
	CLEANUP(sqlite_freep) struct store_sqlite *s = calloc(1, sizeof(*s));
	struct trouble t = {STORE_OPEN_FAILED, why};
	struct names names;

	(void)snprintf(why, STORE_WHY_BYTES, "no memory, or the path is too long");
	if (s == NULL)
		return STORE_OPEN_FAILED;
	s->base.ops = &ops;
	s->lock = -1;
	s->head.fd = -1;
	s->is_look = config == NULL;
	if (config != NULL) {
		s->boot = config->boot;
		s->boot_ahead_ms = config->boot_ms - clock_boot_ms();
	}
	if (!names_make(s, path, &names))
		return STORE_OPEN_FAILED;
	if ((s->is_look ? look_at_all(s, &names, &t) : open_all(s, &names, config, &t)) < 0)
		return t.opened;
	*out = &s->base;
	s = NULL;
	return STORE_OPENED;
}

static const struct store_ops ops = {
	.is_durable = true,
	.close = close_all,
	.load = sq_load,
	.begin = sq_begin,
	.append = sq_append,
	.user = sq_user,
	.position = sq_position,
	.contact = sq_contact,
	.mark = sq_mark,
	.trim = sq_trim,
	.tidy = sq_tidy,
	.commit = sq_commit,
	.rollback = sq_rollback,
	.has_untidy = sq_has_untidy,
	.read = sq_read,
	.scan = sq_scan,
	.backup = sq_backup,
	.backup_path = sq_backup_path,
};
