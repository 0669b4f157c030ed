/*
 * A body is made from the message's index alone, so the model needs to keep none, and a row that
 * another one was taken for is always seen.
 */
#include "tests/unit/store_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define ROWS_MAX 65536

static const char *const suffixes[] = {
	"", "-wal", ".head", ".key", ".lock", ".backup", ".backup.part", "-shm", "-journal"};

void rig_init(struct rig *r, const char *kind)
{
	memset(r, 0, sizeof(*r));
	r->rows = calloc(ROWS_MAX, sizeof(*r->rows));
	assert_non_null(r->rows);
	r->generation = 1;
	r->ts_ms = 1700000000000;
	r->config.on_tmpfs = true;
	r->config.keep_acked_ms = 86400000;
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/postern-store-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	if (strcmp(kind, "sqlite") == 0) {
		(void)snprintf(r->path, sizeof(r->path), "%s/inbox.db", r->dir);
		(void)snprintf(r->url, sizeof(r->url), "sqlite:%s", r->path);
	} else {
		(void)snprintf(r->url, sizeof(r->url), "%s", kind);
	}
	r->config.url = r->url;
}

void rig_remove(struct rig *r, const char *suffix)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s%s", r->path, suffix);
	(void)unlink(path);
}

static void name_remove(const struct rig *r, const char *name)
{
	char path[160];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s%s", r->dir, name, suffixes[i]);
		(void)unlink(path);
	}
}

void rig_fini(struct rig *r)
{
	static const char *const names[] = {"inbox.db", "copy", "copy2"};

	if (r->store != NULL)
		rig_close(r);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		name_remove(r, names[i]);
	(void)rmdir(r->dir);
	for (size_t i = 0; i < r->n_users; i++)
		free(r->users[i].rows);
	free(r->rows);
}

static void file_copy(const char *from, const char *to)
{
	char bytes[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC), out;
	ssize_t n;

	(void)unlink(to);
	if (in < 0)
		return;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

void rig_copy(const struct rig *r, const char *name)
{
	char from[160], to[160];

	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(from, sizeof(from), "%s%s", r->path, suffixes[i]);
		(void)snprintf(to, sizeof(to), "%s/%s%s", r->dir, name, suffixes[i]);
		file_copy(from, to);
	}
}

void rig_restore(struct rig *r, const char *name, const char *suffix)
{
	char from[160], to[160];

	(void)snprintf(from, sizeof(from), "%s/%s%s", r->dir, name, suffix);
	(void)snprintf(to, sizeof(to), "%s%s", r->path, suffix);
	file_copy(from, to);
}

size_t rig_user(struct rig *r, const char *name)
{
	for (size_t i = 0; i < r->n_users; i++)
		if (strcmp(r->users[i].name, name) == 0)
			return i;
	assert_true(r->n_users < RIG_USERS);
	(void)snprintf(r->users[r->n_users].name, sizeof(r->users[0].name), "%s", name);
	r->users[r->n_users].rows = calloc(ROWS_MAX, sizeof(size_t));
	assert_non_null(r->users[r->n_users].rows);
	return r->n_users++;
}

static size_t user_of(struct rig *r, struct slice uid)
{
	char name[16] = "";

	assert_true(uid.len < sizeof(name));
	if (uid.len > 0)
		memcpy(name, uid.data, uid.len);
	return rig_user(r, name);
}

static void body_make(size_t row, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (char)('a' + (row * 7 + i * (row % 5 + 1)) % 26);
	(void)snprintf(out, len < 12 ? len : 12, "%zu", row);
}

/* What rows[i] was submitted as.  body has room for it. */
static struct message message_of(const struct rig *r, size_t i, char *body, char mid[24])
{
	const struct rig_row *row = &r->rows[i];
	bool is_chat = row->sender < RIG_USERS;
	struct message m = {
		.kind = is_chat ? MESSAGE_CHAT : MESSAGE_PUSH,
		.to = slice_of(r->users[row->recipient].name),
		.from = slice_of(is_chat ? r->users[row->sender].name : ""),
		.device = slice_of(is_chat ? "phone" : "routerctl"),
		.event = slice_of(is_chat ? "" : "news"),
		.body = {body, row->body_len},
		.at_to = row->to,
		.at_from = row->from,
		.ts_ms = row->ts_ms,
		.expires_ms = is_chat ? 0 : row->ts_ms + 1000,
	};

	body_make(i, row->body_len, body);
	m.mid = (struct slice){mid, (size_t)snprintf(mid, 24, "mid-%zu", i)};
	return m;
}

void rig_send(struct rig *r, const char *from, const char *to, size_t body_len)
{
	size_t i = r->n_rows++, recipient = rig_user(r, to);
	size_t sender = from == NULL ? RIG_USERS : rig_user(r, from);
	struct rig_user *u = &r->users[recipient];
	char *body = malloc(body_len + 16), mid[24];
	struct rig_row *row = &r->rows[i];
	struct message m;

	assert_true(r->n_rows < ROWS_MAX);
	assert_non_null(body);
	u->rows[u->head.seq] = i;
	u->head =
		(struct message_place){u->head.seq + 1, u->head.rows + 1, u->head.bytes + body_len};
	*row = (struct rig_row){.to = u->head,
		.sender = sender,
		.recipient = recipient,
		.body_len = body_len,
		.number = ++r->number,
		.generation = r->generation,
		.ts_ms = r->ts_ms++};
	if (sender < RIG_USERS && sender != recipient) {
		struct rig_user *s = &r->users[sender];

		s->rows[s->head.seq++] = i;
		row->from = s->head;
	}
	m = message_of(r, i, body, mid);
	if (r->store != NULL)
		assert_int_equal(store_append(r->store, row->number, row->generation, &m), 0);
	free(body);
}

static void on_stored(void *arg, uint64_t number)
{
	struct rig *r = arg;

	assert_true(number > r->stored);
	rig_count_stored(r, number);
}

void rig_count_stored(struct rig *r, uint64_t number)
{
	for (; r->n_stored < r->n_rows; r->n_stored++) {
		const struct rig_row *row = &r->rows[r->n_stored];

		if (row->number > number)
			break;
		if (row->number == 0)
			continue;
		if (row->to.seq > r->users[row->recipient].stored.seq)
			r->users[row->recipient].stored = row->to;
		if (row->from.seq > 0 && row->from.seq > r->users[row->sender].stored.seq)
			r->users[row->sender].stored = row->from;
	}
	r->stored = number;
}

static void on_failed(void *arg, uint64_t generation, const char *why)
{
	struct rig *r = arg;

	assert_non_null(why);
	r->failures++;
	r->failed = generation;
}

static void on_broken(void *arg, const char *why)
{
	struct rig *r = arg;

	assert_false(r->is_broken);
	r->is_broken = true;
	(void)snprintf(r->why, sizeof(r->why), "%s", why);
}

static bool place_eq(const struct message_place *a, const struct message_place *b)
{
	return a->seq == b->seq && a->rows == b->rows && a->bytes == b->bytes;
}

static bool is_right(struct rig *r, const struct rig_user *u, const struct message_row *row)
{
	char *body, mid[24];
	const struct message *got = &row->message;
	struct message m;
	bool right;

	if (row->seq == 0 || row->seq > u->head.seq)
		return false;
	body = malloc(r->rows[u->rows[row->seq - 1]].body_len + 16);
	assert_non_null(body);
	m = message_of(r, u->rows[row->seq - 1], body, mid);
	right = got->kind == m.kind && slice_eq(got->to, m.to) && slice_eq(got->from, m.from) &&
		slice_eq(got->device, m.device) && slice_eq(got->mid, m.mid) &&
		slice_eq(got->event, m.event) && slice_eq(got->body, m.body) &&
		place_eq(&got->at_to, &m.at_to) && place_eq(&got->at_from, &m.at_from) &&
		got->ts_ms == m.ts_ms && got->expires_ms == m.expires_ms;
	free(body);
	return right;
}

static void on_page(void *arg, const struct store_page *page)
{
	struct rig *r = arg;
	const struct rig_user *u = &r->users[user_of(r, page->uid)];

	r->pages++;
	r->tag = page->tag;
	r->floor = page->floor;
	r->n = page->n;
	r->damaged = 0;
	r->last = page->after;
	for (size_t i = 0; i < page->n; i++) {
		assert_int_equal(page->rows[i].seq, page->after + 1 + i);
		r->last = page->rows[i].seq;
		if (page->rows[i].is_damaged)
			r->damaged++;
		else if (!is_right(r, u, &page->rows[i]))
			r->wrong++;
	}
	r->all_damaged += r->damaged;
}

static void on_acked(void *arg, struct slice uid, const struct message_place *place)
{
	struct rig *r = arg;
	struct rig_user *u = &r->users[user_of(r, uid)];

	u->acked = place->seq;
	u->acked_rows = place->rows;
	u->acked_bytes = place->bytes;
}

static void on_old(void *arg, struct slice uid, uint64_t seq, int64_t ts_ms)
{
	struct rig *r = arg;
	struct rig_user *u = &r->users[user_of(r, uid)];

	assert_int_equal(ts_ms, r->rows[u->rows[seq - 1]].ts_ms);
	u->old = seq;
}

static void on_backup(void *arg, const char *path, const char *why)
{
	struct rig *r = arg;

	assert_true((path == NULL) != (why == NULL));
	(void)snprintf(r->backup, sizeof(r->backup), "%s", path == NULL ? "" : path);
	r->backup_done = true;
}

static void on_marked(void *arg, uint64_t tag, bool is_durable)
{
	struct rig *r = arg;

	r->marked_tag = tag;
	if (is_durable)
		r->marked++;
	else
		r->unmarked++;
}

static const struct store_events events = {
	.on_stored = on_stored,
	.on_failed = on_failed,
	.on_broken = on_broken,
	.on_page = on_page,
	.on_marked = on_marked,
	.on_acked = on_acked,
	.on_old = on_old,
	.on_backup = on_backup,
};

enum store_opened rig_try(struct rig *r)
{
	return store_open(&r->store, &r->config, r->why);
}

void rig_open(struct rig *r)
{
	if (rig_try(r) != STORE_OPENED)
		fail_msg("%s", r->why);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	assert_int_equal(store_start(r->store, &r->loop, &events, r), 0);
	r->has_loop = true;
}

void rig_close(struct rig *r)
{
	if (r->has_loop) {
		store_stop(r->store);
		(void)uv_run(&r->loop, UV_RUN_DEFAULT);
		assert_int_equal(uv_loop_close(&r->loop), 0);
	} else {
		store_free(r->store);
	}
	r->has_loop = false;
	r->store = NULL;
}

static void on_deadline(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

void rig_turn(struct rig *r, uint64_t began_ns)
{
	uv_timer_t timer;
	bool over = false;

	if ((uv_hrtime() - began_ns) / 1000000 > RIG_WAIT_MS)
		fail_msg("nothing came in %d ms", RIG_WAIT_MS);
	uv_timer_init(&r->loop, &timer);
	timer.data = &over;
	uv_timer_start(&timer, on_deadline, 20, 0);
	(void)uv_run(&r->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	(void)uv_run(&r->loop, UV_RUN_NOWAIT);
}

void rig_wait(struct rig *r, const bool *what)
{
	for (uint64_t began = uv_hrtime(); !*what;)
		rig_turn(r, began);
}

void rig_settle(struct rig *r)
{
	for (uint64_t began = uv_hrtime(); !store_is_idle(r->store) && !r->is_broken;)
		rig_turn(r, began);
}

void rig_read(struct rig *r, const char *name, uint64_t after, uint32_t max_rows)
{
	struct store_read read = {.tag = after + 77,
		.uid = slice_of(name),
		.after = after,
		.max_rows = max_rows,
		.max_bytes = SYNC_PAGE_BYTES};
	size_t pages = r->pages;
	uint64_t began = uv_hrtime();

	assert_int_equal(store_read(r->store, &read), 0);
	while (r->pages == pages)
		rig_turn(r, began);
	assert_int_equal(r->tag, after + 77);
}

size_t rig_read_all(struct rig *r, const char *name)
{
	size_t right = 0, wrong = r->wrong;
	uint64_t after = 0;

	rig_read(r, name, INT64_MAX, 1); /* for the floor alone */
	after = r->floor - 1;
	for (;;) {
		rig_read(r, name, after, 7);
		if (r->n == 0)
			break;
		after = r->last;
		right += r->n - r->damaged;
	}
	return right - (r->wrong - wrong);
}

void rig_fall_back(struct rig *r)
{
	for (size_t i = 0; i < r->n_users; i++)
		r->users[i].head = r->users[i].stored;
	for (size_t i = 0; i < r->n_rows; i++)
		if (r->rows[i].number > r->stored)
			r->rows[i].number = 0; /* it was never there */
	r->generation++;
}

int rig_setup_sqlite(void **state)
{
	struct rig *r = malloc(sizeof(*r));

	rig_init(r, "sqlite");
	rig_open(r);
	*state = r;
	return 0;
}

int rig_teardown(void **state)
{
	rig_fini(*state);
	free(*state);
	return 0;
}

void rig_send_some(struct rig *r, int n)
{
	static const char *const names[] = {"ann", "bob", "cid", "dan"};

	for (int i = 0; i < n; i++)
		rig_send(r, names[i * 3 % 4], names[i * 7 % 3], (size_t)(i * 37 % 300));
	rig_settle(r);
}

/* Every stream, and how many rows of them were right. */
size_t rig_read_everything(struct rig *r)
{
	size_t right = 0;

	for (size_t i = 0; i < r->n_users; i++)
		right += rig_read_all(r, r->users[i].name);
	return right;
}

size_t rig_places(const struct rig *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_users; i++)
		n += (size_t)r->users[i].head.seq;
	return n;
}

/* Puts all files of a copy in place of the closed store's. */
void rig_put_back(struct rig *r, const char *name)
{
	rig_restore(r, name, "");
	rig_restore(r, name, "-wal");
	if (access(r->path, F_OK) != 0)
		fail_msg("no copy");
}

char *rig_epoch(struct rig *r, char out[EPOCH_BYTES + 1])
{
	memcpy(out, store_epoch(r->store).data, EPOCH_BYTES);
	out[EPOCH_BYTES] = '\0';
	return out;
}

char *rig_epoch_of_file(const struct rig *r, char out[EPOCH_BYTES + 1])
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s.head", r->path);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, out, EPOCH_BYTES, 8), EPOCH_BYTES);
	out[EPOCH_BYTES] = '\0';
	close(fd);
	return out;
}
