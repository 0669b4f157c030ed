/*
 * Both directions of a link keep the same two facts: the number of the last batch, and up to where
 * the receiver has seen them.  The sizes of the unseen ones lie in a ring, one place for each batch
 * that the window allows, so that `seen` gives their bytes back.
 */
#include "router/link.h"

#include <errno.h>

#include "common/bug.h"

/* What a message has beside its items: four numbers with their tags. */
#define HEADER_MAX_BYTES 64

static const struct batch_limits limits = {
	.field = 5, /* LinkDown.items */
	.max_bytes = LINK_BATCH_MAX_BYTES - HEADER_MAX_BYTES,
	.max_items = LINK_BATCH_MAX_ITEMS,
	.max_elements = LINK_BATCH_MAX_ELEMENTS - 1, /* the LinkDown itself is one */
	.max_queued = LINK_QUEUE_MAX_BYTES,
};

void link_init(struct link *l)
{
	*l = (struct link){.wire = WIRE_VERSION};
	batch_init(&l->waiting, &limits);
}

void link_fini(struct link *l)
{
	batch_fini(&l->waiting);
}

void link_reset(struct link *l, uint32_t wire)
{
	link_fini(l);
	link_init(l);
	l->wire = wire;
}

static void seen_up_to(uint64_t *from, uint64_t to, size_t *bytes, const uint32_t *sizes)
{
	for (; *from < to; (*from)++)
		*bytes -= sizes[(*from + 1) % LINK_WINDOW_BATCHES];
}

enum link_take link_take(struct link *l, uint64_t number, uint64_t seen, size_t bytes)
{
	if (number != l->rx_number + 1 && !BUG(20))
		return LINK_GAP;
	if (number - l->rx_told > LINK_WINDOW_BATCHES || bytes > LINK_WINDOW_BYTES - l->rx_bytes)
		return LINK_OVER_CREDIT;
	if (seen > l->tx_number || seen < l->tx_seen)
		return LINK_BAD_SEEN;
	l->rx_number = number;
	l->rx_sizes[number % LINK_WINDOW_BATCHES] = (uint32_t)bytes;
	l->rx_bytes += bytes;
	seen_up_to(&l->tx_seen, seen, &l->tx_bytes, l->tx_sizes);
	return LINK_TAKEN;
}

int link_add(struct link *l, const Pb__DownItem *item, size_t elements)
{
	return batch_add(&l->waiting, &item->base, elements);
}

size_t link_queued(const struct link *l)
{
	return l->waiting.queued;
}

static bool edge_needs_credit(const struct link *l)
{
	return l->rx_number - l->rx_told >= LINK_WINDOW_BATCHES / 4 ||
	       l->rx_bytes >= LINK_WINDOW_BYTES / 4;
}

static bool has_news(const struct link *l, uint64_t system_head)
{
	return system_head != l->head_told || l->rx_number != l->rx_told;
}

enum link_due link_due(const struct link *l, uint64_t system_head, bool on_tick)
{
	uint64_t unseen = l->tx_number - l->tx_seen;
	size_t bytes = batch_first_bytes(&l->waiting);
	/* Room for the batches without items of the reserve. */
	const size_t reserve = (size_t)LINK_WINDOW_RESERVE * HEADER_MAX_BYTES;

	if (bytes > 0 && unseen < LINK_WINDOW_BATCHES - LINK_WINDOW_RESERVE &&
		l->tx_bytes + bytes + HEADER_MAX_BYTES <= LINK_WINDOW_BYTES - reserve)
		return LINK_ITEMS;
	if (unseen < LINK_WINDOW_BATCHES &&
		(edge_needs_credit(l) || (on_tick && has_news(l, system_head))))
		return LINK_HEADER;
	return LINK_NOTHING;
}

static Pb__LinkDown next_header(const struct link *l, uint64_t system_head)
{
	Pb__LinkDown header = PB__LINK_DOWN__INIT;

	header.wire = l->wire;
	header.number = l->tx_number + 1;
	header.seen = l->rx_number;
	header.system_head = system_head;
	return header;
}

size_t link_next_bytes(const struct link *l, enum link_due due, uint64_t system_head)
{
	Pb__LinkDown header = next_header(l, system_head);
	size_t bytes = pb__link_down__get_packed_size(&header);

	return due == LINK_ITEMS ? bytes + batch_first_bytes(&l->waiting) : bytes;
}

size_t link_make(struct link *l, enum link_due due, uint64_t system_head, char *out)
{
	Pb__LinkDown header = next_header(l, system_head);
	size_t total = link_next_bytes(l, due, system_head);
	size_t bytes = pb__link_down__pack(&header, (uint8_t *)out);
	size_t items = due == LINK_ITEMS ? batch_take(&l->waiting, out + bytes) : 0;

	l->tx_number++;
	l->tx_sizes[l->tx_number % LINK_WINDOW_BATCHES] = (uint32_t)total;
	l->tx_bytes += total;
	l->rx_told = l->rx_number;
	l->rx_bytes = 0;
	l->head_told = system_head;
	return items;
}
