/*
 * What the core says to an edge, as items on its link.  An item is encoded at once, since a
 * command's texts live only until the next step.
 */
#include <errno.h>

#include "proto/codec.h"
#include "proto/codes.h"
#include "router/links_internal.h"

/* A text for more sessions than this is said in several items. */
#define SESSIONS_PER_ITEM 8192
#define AGAIN_AFTER_MS 1000

static void add(struct links *ls, uint32_t slot, const Pb__DownItem *item, size_t elements)
{
	struct edge_link *l = &ls->links[slot];
	int rc;

	if (!l->live || l->why != NULL)
		return;
	rc = link_add(&l->link, item, elements);
	if (rc < 0)
		links_close(ls, slot, rc == -ENOBUFS ? "does_not_keep_up" : "out_of_memory");
}

static Pb__ResetReason wire_reset(enum core_reset reason)
{
	switch (reason) {
	case CORE_RESET_NONE:
		return PB__RESET_REASON__RESET_NONE;
	case CORE_RESET_EPOCH_CHANGED:
		return PB__RESET_REASON__RESET_EPOCH_CHANGED;
	case CORE_RESET_TOO_OLD:
		return PB__RESET_REASON__RESET_TOO_OLD;
	case CORE_RESET_AHEAD:
		return PB__RESET_REASON__RESET_AHEAD;
	}
	return PB__RESET_REASON__RESET_NONE;
}

void links_opened(struct links *ls, const struct core_command *c)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownOpened opened = PB__DOWN_OPENED__INIT;

	opened.nonce = c->opened.nonce;
	opened.session = c->opened.session;
	opened.epoch = codec_bytes(core_epoch(ls->hub->core));
	opened.u = c->opened.u;
	opened.s = c->opened.s;
	opened.start_u = c->opened.start_u;
	opened.start_s = c->opened.start_s;
	opened.recovered = c->opened.recovered;
	opened.reset = wire_reset(c->opened.reset);
	item.item_case = PB__DOWN_ITEM__ITEM_OPENED;
	item.opened = &opened;
	add(ls, c->link, &item, 2);
}

void links_refuse_open(struct links *ls, uint32_t slot, uint64_t nonce, unsigned code)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownOpenRefused refused = PB__DOWN_OPEN_REFUSED__INIT;

	refused.nonce = nonce;
	refused.code = code;
	item.item_case = PB__DOWN_ITEM__ITEM_OPEN_REFUSED;
	item.open_refused = &refused;
	add(ls, slot, &item, 2);
}

static Pb__SendState wire_state(enum core_state state)
{
	switch (state) {
	case CORE_REFUSED:
		return PB__SEND_STATE__SEND_REFUSED;
	case CORE_DELIVERED:
		return PB__SEND_STATE__SEND_DELIVERED;
	case CORE_ACCEPTED:
		return PB__SEND_STATE__SEND_ACCEPTED;
	case CORE_KEPT:
		return PB__SEND_STATE__SEND_STORED;
	case CORE_DUPLICATE:
		return PB__SEND_STATE__SEND_DUPLICATE;
	}
	return PB__SEND_STATE__SEND_REFUSED;
}

void links_result(struct links *ls, const struct core_command *c)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownResult result = PB__DOWN_RESULT__INIT;

	result.ref = c->result.ref;
	result.state = wire_state(c->result.state);
	result.first = wire_state(c->result.first);
	result.devices = c->result.devices;
	result.seq = c->result.seq;
	result.mid = codec_bytes(c->result.mid);
	result.code = c->result.code;
	result.after_ms = c->result.after_ms;
	result.field = codec_bytes(slice_of(c->result.field));
	item.item_case = PB__DOWN_ITEM__ITEM_RESULT;
	item.result = &result;
	add(ls, c->link, &item, 2);
}

void links_refuse_send(
	struct links *ls, uint32_t slot, uint64_t ref, unsigned code, const char *field)
{
	struct core_command c = {.kind = CORE_DO_RESULT, .link = slot};

	c.result.ref = ref;
	c.result.state = CORE_REFUSED;
	c.result.code = code;
	c.result.after_ms = code == EX_UNAVAILABLE ? AGAIN_AFTER_MS : 0;
	c.result.field = field;
	links_result(ls, &c);
}

void links_deliver(struct links *ls, const struct core_command *c)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownDeliver deliver = PB__DOWN_DELIVER__INIT;

	deliver.text = codec_bytes(c->deliver.text.text);
	deliver.data_end = c->deliver.text.data_end;
	deliver.plain_end = c->deliver.text.plain_end;
	deliver.shed = c->deliver.shed;
	deliver.native_only = c->deliver.native_only;
	deliver.number = c->deliver.number;
	deliver.system = c->deliver.system;
	item.item_case = PB__DOWN_ITEM__ITEM_DELIVER;
	item.deliver = &deliver;
	for (size_t i = 0; i < c->deliver.n_sessions; i += deliver.n_sessions) {
		size_t left = c->deliver.n_sessions - i;

		deliver.n_sessions = left < SESSIONS_PER_ITEM ? left : SESSIONS_PER_ITEM;
		deliver.sessions = (uint64_t *)(uintptr_t)(c->deliver.sessions + i);
		add(ls, c->link, &item, 2 + deliver.n_sessions);
	}
}

void links_shut(struct links *ls, const struct core_command *c)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownShut shut = PB__DOWN_SHUT__INIT;

	shut.session = c->shut.session;
	shut.code = c->shut.code;
	shut.after_ms = c->shut.after_ms;
	item.item_case = PB__DOWN_ITEM__ITEM_SHUT;
	item.shut = &shut;
	add(ls, c->link, &item, 2);
}

void links_page(struct links *ls, const struct core_command *c)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownPage page = PB__DOWN_PAGE__INIT;

	page.session = c->page.session;
	page.system = c->page.stream == CORE_STREAM_SYSTEM;
	page.last = c->page.last;
	page.more = c->page.more;
	item.item_case = PB__DOWN_ITEM__ITEM_PAGE;
	item.page = &page;
	add(ls, c->link, &item, 2);
}

void links_stream_reset(struct links *ls, const struct core_command *c)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownReset reset = PB__DOWN_RESET__INIT;

	reset.session = c->reset.session;
	reset.reason = wire_reset(c->reset.reason);
	reset.u = c->reset.u;
	reset.s = c->reset.s;
	item.item_case = PB__DOWN_ITEM__ITEM_RESET;
	item.reset = &reset;
	add(ls, c->link, &item, 2);
}

static void say_drain(struct links *ls, uint32_t slot)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownDrain drain = PB__DOWN_DRAIN__INIT;

	item.item_case = PB__DOWN_ITEM__ITEM_DRAIN;
	item.drain = &drain;
	add(ls, slot, &item, 2);
}

int links_drain(struct links *ls, uint32_t edge_id, uint64_t *out_sessions)
{
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		const struct edge_link *l = &ls->links[i];

		if (!l->live || l->edge.id != edge_id)
			continue;
		*out_sessions = core_link_sessions(ls->hub->core, i);
		say_drain(ls, i);
		return 0;
	}
	return -ENOENT;
}

void links_credential(struct links *ls, uint32_t slot)
{
	const struct edge_link *l = &ls->links[slot];
	Pb__DownItem item = PB__DOWN_ITEM__INIT;
	Pb__DownCredential fresh = PB__DOWN_CREDENTIAL__INIT;
	unsigned char bytes[CREDENTIAL_BYTES];

	credential_mint(ls->hub->keys, l->edge.id, l->edge.epoch, bytes);
	fresh.credential.data = bytes;
	fresh.credential.len = sizeof(bytes);
	item.item_case = PB__DOWN_ITEM__ITEM_CREDENTIAL;
	item.credential = &fresh;
	add(ls, slot, &item, 2);
}

void links_new_credentials(struct links *ls)
{
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		if (ls->links[i].live && links_wire(ls, i) >= 3)
			links_credential(ls, i);
	}
}

void links_end_old_credentials(struct links *ls)
{
	for (uint32_t i = 0; i < MAX_EDGES; i++) {
		if (ls->links[i].live && links_wire(ls, i) < 3)
			links_close(ls, i, "ticket_key");
	}
}

void links_system(struct links *ls, uint32_t slot, Pb__SystemMessage *message)
{
	Pb__DownItem item = PB__DOWN_ITEM__INIT;

	item.item_case = PB__DOWN_ITEM__ITEM_SYSTEM;
	item.system = message;
	add(ls, slot, &item, 2);
}

void links_gauges(struct links *ls, uint32_t slot, const Pb__UpGauges *gauges)
{
	/* Numbers only, so a plain copy owns all of it. */
	ls->links[slot].gauges = *gauges;
}
