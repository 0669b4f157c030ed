/*
 * A LinkUp message is its head followed by its items; since protobuf's fields may come in any order
 * and a repeated field is simply there many times, the items are packed one after the other as they
 * come and the head, with the numbers of the moment, is put before them when the message leaves.
 *
 * LINK_WINDOW_RESERVE numbers of the window are kept for messages without items.
 */
#include "edge/batches.h"

#include <errno.h>
#include <stdlib.h>

#include "common/buf.h"

#define ITEM_TAG 0x2a /* field 5 of LinkUp, length-delimited */
#define ITEM_HEAD_MAX 6
#define HEAD_ROOM 128 /* for the fields before the items */

struct batch {
	struct batch *next;
	struct buf items;
	size_t n;
	size_t elements; /* as codec.h counts them */
};

void batches_init(struct batches *b)
{
	*b = (struct batches){0};
}

static void batch_free(struct batch *x)
{
	if (x != NULL)
		buf_fini(&x->items);
	free(x);
}

void batches_reset(struct batches *b)
{
	while (b->first != NULL) {
		struct batch *next = b->first->next;

		batch_free(b->first);
		b->first = next;
	}
	batches_init(b);
}

static int open_batch(struct batches *b)
{
	struct batch *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return -ENOMEM;
	buf_init(&x->items, LINK_BATCH_MAX_BYTES - HEAD_ROOM);
	x->elements = 1; /* the LinkUp itself */
	if (b->last != NULL)
		b->last->next = x;
	else
		b->first = x;
	b->last = x;
	return 0;
}

static size_t item_head(char out[ITEM_HEAD_MAX], size_t len)
{
	size_t n = 0;

	out[n++] = ITEM_TAG;
	while (len >= 0x80) {
		out[n++] = (char)(unsigned char)(0x80 | (len & 0x7f));
		len >>= 7;
	}
	out[n++] = (char)len;
	return n;
}

struct packer {
	ProtobufCBuffer base;
	struct buf *to;
};

static void on_packed(ProtobufCBuffer *to, size_t len, const uint8_t *data)
{
	buf_add(((struct packer *)to)->to, (struct slice){(const char *)data, len});
}

static size_t elements_of(const Pb__UpItem *item)
{
	return 2 + (item->item_case == PB__UP_ITEM__ITEM_WATCH ? item->watch->n_users : 0);
}

static bool fits(const struct batch *x, size_t bytes, size_t elements)
{
	return x != NULL && x->n < LINK_BATCH_MAX_ITEMS && x->items.len + bytes <= x->items.max &&
	       x->elements + elements <= LINK_BATCH_MAX_ELEMENTS;
}

int batches_add(struct batches *b, const Pb__UpItem *item, size_t max_waiting)
{
	size_t len = pb__up_item__get_packed_size(item);
	char head[ITEM_HEAD_MAX];
	size_t n = item_head(head, len);
	struct packer packer = {.base = {.append = on_packed}};
	struct buf *items;
	size_t before;

	if (len + ITEM_HEAD_MAX > LINK_BATCH_MAX_BYTES - HEAD_ROOM)
		return -EMSGSIZE;
	if (b->waiting_bytes + n + len > max_waiting)
		return -EAGAIN;
	if (!fits(b->last, n + len, elements_of(item)) && open_batch(b) < 0)
		return -ENOMEM;
	items = &b->last->items;
	before = items->len;
	packer.to = items;
	buf_add(items, (struct slice){head, n});
	pb__up_item__pack_to_buffer(item, &packer.base);
	if (items->failed) {
		items->len = before;
		items->failed = false;
		return -ENOMEM;
	}
	b->last->n++;
	b->last->elements += elements_of(item);
	b->waiting_bytes += n + len;
	return 0;
}

static bool has_items(const struct batches *b)
{
	return b->first != NULL && b->first->n > 0;
}

static bool has_credit(const struct batches *b, bool for_items)
{
	const uint64_t kept = for_items ? LINK_WINDOW_RESERVE : 0;
	size_t bytes = HEAD_ROOM * (1 + kept) + (for_items ? b->first->items.len : 0);

	return b->sent - b->seen < LINK_WINDOW_BATCHES - kept &&
	       b->unseen_bytes + bytes <= LINK_WINDOW_BYTES;
}

static void fill_head(const struct batches *b, const struct batches_head *head, Pb__LinkUp *up)
{
	up->wire = head->wire;
	up->key.len = head->key.len;
	up->key.data = (uint8_t *)(uintptr_t)head->key.data;
	up->number = b->sent + 1;
	up->seen = head->seen;
}

size_t batches_size(const struct batches *b, const struct batches_head *head)
{
	Pb__LinkUp up = PB__LINK_UP__INIT;
	bool items = has_items(b) && has_credit(b, true);

	if (!items && !(head->is_due && has_credit(b, false)))
		return 0;
	fill_head(b, head, &up);
	return pb__link_up__get_packed_size(&up) + (items ? b->first->items.len : 0);
}

void batches_write(struct batches *b, const struct batches_head *head, char *out)
{
	Pb__LinkUp up = PB__LINK_UP__INIT;
	bool items = has_items(b) && has_credit(b, true);
	size_t n;

	fill_head(b, head, &up);
	n = pb__link_up__pack(&up, (uint8_t *)out);
	if (items) {
		struct batch *x = b->first;

		memcpy(out + n, x->items.data, x->items.len);
		n += x->items.len;
		b->waiting_bytes -= x->items.len;
		b->first = x->next;
		if (b->first == NULL)
			b->last = NULL;
		batch_free(x);
	}
	b->sent++;
	b->sizes[b->sent % LINK_WINDOW_BATCHES] = (uint32_t)n;
	b->unseen_bytes += n;
}

bool batches_on_seen(struct batches *b, uint64_t n)
{
	if (n > b->sent)
		return false;
	while (b->seen < n) {
		b->seen++;
		b->unseen_bytes -= b->sizes[b->seen % LINK_WINDOW_BATCHES];
	}
	return true;
}
