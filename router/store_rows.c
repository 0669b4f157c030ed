/*
 * Until a page is complete its bytes may move, so a row keeps where its record begins and how long
 * it is; the slices are made once, at the end.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/random.h"
#include "router/store_backend.h"
#include "router/store_record.h"

#define PAGE_MAX_BYTES 1048576
#define PAGE_FULL_BYTES (PAGE_MAX_BYTES - PUSH_MAX_BYTES - 1024) /* one record fits behind */

void store_rows_init(struct store_rows *rows)
{
	*rows = (struct store_rows){.floor = 1};
	buf_init(&rows->bytes, PAGE_MAX_BYTES);
}

void store_rows_fini(struct store_rows *rows)
{
	free(rows->rows);
	buf_fini(&rows->bytes);
}

void store_rows_clear(struct store_rows *rows)
{
	rows->n = 0;
	rows->body_bytes = 0;
	buf_clear(&rows->bytes);
}

static int grow(struct store_rows *rows)
{
	size_t cap = rows->cap == 0 ? 16 : rows->cap * 2;
	struct message_row *more = realloc(rows->rows, cap * sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	rows->rows = more;
	rows->cap = cap;
	return 0;
}

int store_rows_add(struct store_rows *rows, uint64_t seq, struct slice record)
{
	struct message_row *row;

	if (rows->n == rows->cap && grow(rows) < 0)
		return -ENOMEM;
	row = &rows->rows[rows->n];
	*row = (struct message_row){.seq = seq, .is_damaged = record.len == 0};
	if (record.len > 0) {
		struct message m;

		if (!store_record_decode(record, &m))
			return -EINVAL;
		row->message.body.len = record.len;
		rows->body_bytes += m.body.len;
		buf_add(&rows->bytes, record);
		if (rows->bytes.failed)
			return -ENOMEM;
	}
	rows->n++;
	return 0;
}

bool store_rows_is_full(const struct store_rows *rows, const struct store_read *read)
{
	return rows->n >= read->max_rows || (rows->n > 0 && rows->body_bytes >= read->max_bytes) ||
	       rows->bytes.len >= PAGE_FULL_BYTES;
}

void store_rows_finish(struct store_rows *rows)
{
	const char *at = rows->bytes.data;

	for (size_t i = 0; i < rows->n; i++) {
		struct message_row *row = &rows->rows[i];
		size_t len = row->message.body.len;

		if (row->is_damaged)
			continue;
		(void)store_record_decode((struct slice){at, len}, &row->message);
		at += len;
	}
}

void store_epoch_make(char out[EPOCH_BYTES])
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	uint64_t value = random_u64();

	for (size_t i = 0; i < EPOCH_BYTES; i++)
		out[i] = digits[value >> (5 * i) & 31];
}
