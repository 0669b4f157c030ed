/*
 * store_dump PATH: every row of every inbox in a store that no router has open, or in a copy of one
 * (PATH, PATH-wal, PATH.key), as JSON lines:
 *
 *	{"to":"2","to_seq":7,"from":"1","from_seq":3,"device":"..","mid":"..","body":"..","damaged":false}
 *
 * A row appears in the inbox of its recipient.  A damaged one says no more than to, to_seq and
 * damaged; its inbox may be its sender's.  Exit 1: the store cannot be read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "router/store_backend.h"

#define LINE_MAX_BYTES 1048576
#define PAGE_ROWS 256

struct dump {
	struct store_backend *store;
	struct store_rows rows;
	struct buf line;
};

static void add_text(struct buf *b, const char *name, struct slice value)
{
	buf_printf(b, ",\"%s\":", name);
	buf_add_json_string(b, value);
}

static int print_row(struct dump *d, struct slice uid, const struct message_row *row)
{
	const struct message *m = &row->message;
	struct buf *b = &d->line;

	if (!row->is_damaged && (m->at_to.seq != row->seq || !slice_eq(m->to, uid)))
		return 0; /* what he sent */
	buf_clear(b);
	buf_add_text(b, "{\"to\":");
	buf_add_json_string(b, uid);
	buf_printf(b, ",\"to_seq\":%" PRIu64, row->seq);
	if (!row->is_damaged) {
		add_text(b, "from", m->from);
		buf_printf(b, ",\"from_seq\":%" PRIu64, m->at_from.seq);
		add_text(b, "device", m->device);
		add_text(b, "mid", m->mid);
		add_text(b, "body", m->body);
	}
	buf_printf(b, ",\"damaged\":%s}", row->is_damaged ? "true" : "false");
	if (b->failed)
		return -ENOMEM;
	return printf("%.*s\n", SLICE_ARGS(buf_slice(b))) < 0 ? -EIO : 0;
}

static int print_page(struct dump *d, const struct store_read *read)
{
	int r;

	store_rows_clear(&d->rows);
	r = d->store->ops->read(d->store, read, &d->rows);
	store_rows_finish(&d->rows);
	for (size_t i = 0; r == 0 && i < d->rows.n; i++)
		r = print_row(d, read->uid, &d->rows.rows[i]);
	return r;
}

static int on_user(void *arg, const struct store_user *u)
{
	struct dump *d = arg;
	struct store_read read = {.uid = u->uid,
		.after = u->floor - 1,
		.max_rows = PAGE_ROWS,
		.max_bytes = SYNC_PAGE_BYTES};
	int r;

	do {
		r = print_page(d, &read);
		read.after += d->rows.n;
	} while (r == 0 && d->rows.n > 0);
	return r;
}

int main(int argc, char **argv)
{
	static const struct store_visitor visitor = {.on_user = on_user};
	struct dump d;
	char why[STORE_WHY_BYTES];
	int r;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: store_dump PATH\n");
		return 2;
	}
	if (store_sqlite_open(&d.store, argv[1], NULL, why) != STORE_OPENED) {
		(void)fprintf(stderr, "%s: %s\n", argv[1], why);
		return 1;
	}
	store_rows_init(&d.rows);
	buf_init(&d.line, LINE_MAX_BYTES);
	r = d.store->ops->load(d.store, &visitor, INT64_MAX, &d);
	if (r == 0 && fflush(stdout) != 0)
		r = -errno;
	if (r < 0)
		(void)fprintf(stderr, "%s: %s\n", argv[1], strerror(-r));
	store_rows_fini(&d.rows);
	buf_fini(&d.line);
	d.store->ops->close(d.store);
	return r < 0;
}
