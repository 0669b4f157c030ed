/*
 * The same rules for a queue as ws.c has: a frame that went in part is not in the queue any more,
 * and while a socket is full nothing else is written.
 */
#include "tests/fuzz/sockets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "edge/frame.h"

#define SHORT_PART 8

struct ws {
	const struct ws_events *events;
	size_t pending_bytes;
	struct ws_counts counts;
	struct ws_link *dirty;
	size_t n_dirty;
};

struct client {
	struct ws_link *link;
	size_t room;
	struct buf got; /* no whole frame yet */
	bool has_close; /* after a close frame nothing follows */
};

static struct ws the_ws;
static struct client clients[SOCKETS_MAX];
static sockets_frame_fn *on_frame;

int ws_new(struct ws **out, uv_loop_t *loop, const struct ws_events *events, size_t pending_bytes)
{
	(void)loop;
	the_ws = (struct ws){.events = events, .pending_bytes = pending_bytes};
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		buf_init(&clients[i].got, 1 << 22);
	*out = &the_ws;
	return 0;
}

const struct ws_counts *ws_counts(const struct ws *ws)
{
	return &ws->counts;
}

void sockets_on_frame(sockets_frame_fn *fn)
{
	on_frame = fn;
}

struct ws_link *sockets_link(size_t client)
{
	return clients[client].link;
}

static size_t index_of(int fd)
{
	assert(fd >= SOCKETS_FD && fd < SOCKETS_FD + SOCKETS_MAX);
	return (size_t)(fd - SOCKETS_FD);
}

static struct client *client_of(const struct ws_link *link)
{
	struct client *c = &clients[index_of(link->fd)];

	assert(c->link == link);
	return c;
}

static void tell_closed(struct ws_link *link)
{
	struct client *c = client_of(link);

	if (link->is_told)
		return;
	link->is_told = link->is_ending = true;
	link->wsi = NULL;
	ws_drop_queue(link);
	c->link = NULL;
	buf_clear(&c->got);
	the_ws.events->on_closed(link);
}

int ws_adopt(struct ws *ws, struct ws_link *link, const struct ws_adoption *a)
{
	struct client *c = &clients[index_of(a->fd)];

	assert(c->link == NULL);
	link->ws = ws;
	link->fd = a->fd;
	link->wsi = c;
	link->is_granted = true;
	c->link = link;
	c->room = 0;
	c->has_close = false;
	buf_clear(&c->got);
	return 0;
}

static void mark_dirty(struct ws_link *link)
{
	if (link->is_dirty)
		return;
	link->is_dirty = true;
	link->next_dirty = the_ws.dirty;
	the_ws.dirty = link;
	the_ws.n_dirty++;
}

void sockets_establish(size_t client)
{
	struct ws_link *link = clients[client].link;

	if (link == NULL || link->is_established || link->is_ending)
		return;
	link->is_established = true;
	if (!outq_is_empty(&link->out))
		mark_dirty(link);
	if (!link->is_closing)
		the_ws.events->on_open(link);
}

void ws_drop_queue(struct ws_link *link)
{
	if (link->ws != NULL)
		link->ws->counts.queued_bytes -= link->out.bytes;
	outq_clear(&link->out);
}

void ws_drop_messages(struct ws_link *link)
{
	const uint32_t before = link->out.bytes;

	outq_keep_own(&link->out);
	if (link->ws != NULL)
		link->ws->counts.queued_bytes -= before - link->out.bytes;
}

bool ws_has_room(struct ws_link *link)
{
	const uint32_t before = link->out.bytes;

	if (link->ws == NULL || link->out.bytes <= link->ws->pending_bytes / 2)
		return true;
	outq_shed(&link->out);
	link->ws->counts.queued_bytes -= before - link->out.bytes;
	return link->out.bytes <= link->ws->pending_bytes / 2;
}

bool ws_is_short(const struct ws_link *link)
{
	return link->ws == NULL || link->out.bytes <= link->ws->pending_bytes / SHORT_PART;
}

enum outq_result ws_put(struct ws *ws, struct ws_link *link, struct wire *w)
{
	uint32_t before = link->out.bytes;
	enum outq_result result;

	if (link->is_closing || link->is_ending)
		return OUTQ_SHED;
	link->ws = ws;
	result = outq_put(&link->out, w, ws->pending_bytes);
	ws->counts.queued_bytes += link->out.bytes;
	ws->counts.queued_bytes -= before;
	if (link->is_established && !link->is_blocked)
		mark_dirty(link);
	return result;
}

void ws_close(struct ws_link *link, unsigned code, uint32_t after_ms)
{
	CLEANUP(wire_unrefp) struct wire *w = NULL;
	char reason[FRAME_REASON_BYTES];
	size_t n = frame_close_reason(reason, code, after_ms);

	if (link->is_closing || link->is_ending)
		return;
	link->is_closing = true;
	w = wire_new_close((uint16_t)code, (struct slice){reason, n});
	assert(w != NULL && outq_put(&link->out, w, SIZE_MAX) == OUTQ_QUEUED);
	link->ws->counts.queued_bytes += w->len;
	if (link->is_established && !link->is_blocked)
		mark_dirty(link);
}

void ws_kill(struct ws_link *link)
{
	link->is_ending = true;
	ws_drop_queue(link);
}

void ws_tick(struct ws *ws)
{
	(void)ws;
	/* What was killed is found dead. */
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (clients[i].link != NULL && clients[i].link->is_ending)
			tell_closed(clients[i].link);
	}
}

/* What is whole of what came. */
static void take_frames(size_t i)
{
	struct client *c = &clients[i];
	size_t at = 0;

	while (c->got.len >= at + 2) {
		const unsigned char *p = (const unsigned char *)c->got.data + at;
		size_t len = p[1], head = 2;

		assert((p[0] & 0xf0) == 0x80 && len <= 127); /* final; a server masks nothing */
		if (len == 126)
			head = 4;
		else if (len == 127)
			head = 10;
		if (c->got.len - at < head)
			break;
		for (size_t k = 2, big = 0; k < head; k++) {
			big = big << 8 | p[k];
			len = big;
		}
		if (c->got.len - at < head + len)
			break;
		assert(!c->has_close);
		c->has_close = (p[0] & 15) == 8;
		on_frame(&(struct sockets_frame){i, p[0] & 15, {(const char *)p + head, len}});
		at += head + len;
	}
	if (at > 0)
		memmove(c->got.data, c->got.data + at, c->got.len - at);
	c->got.len -= at;
}

/* What the socket takes; the rest of a frame that it takes in part goes with it later. */
static void write_queue(struct ws_link *link)
{
	struct client *c = client_of(link);

	while (!outq_is_empty(&link->out) && c->room > 0) {
		struct iovec first;
		struct wire *part;
		struct slice rest = {NULL, 0};
		uint32_t before = link->out.bytes;
		size_t n;

		assert(outq_gather(&link->out, &first, 1) == 1);
		n = first.iov_len < c->room ? first.iov_len : c->room;
		buf_add(&c->got, (struct slice){first.iov_base, n});
		c->room -= n;
		part = outq_advance(&link->out, n, &rest);
		the_ws.counts.queued_bytes -= before - link->out.bytes;
		assert((part != NULL) == (rest.len > 0));
		if (part != NULL)
			buf_add(&c->got, rest);
		wire_unref(part);
		link->has_moved = true;
	}
	assert(!c->got.failed);
	link->is_blocked = !outq_is_empty(&link->out);
	take_frames(index_of(link->fd));
}

static void flush(struct ws_link *link)
{
	if (!link->is_established || link->is_ending || link->is_blocked)
		return;
	write_queue(link);
	if (!link->wants_room || link->is_closing || link->is_ending || !ws_is_short(link))
		return;
	link->wants_room = false;
	the_ws.events->on_room(link);
}

void ws_flush(struct ws *ws)
{
	while (ws->dirty != NULL) {
		struct ws_link *link = ws->dirty;

		ws->dirty = link->next_dirty;
		link->next_dirty = NULL;
		link->is_dirty = false;
		ws->n_dirty--;
		if (link->wsi != NULL)
			flush(link);
	}
}

size_t ws_dirty(const struct ws *ws)
{
	return ws->n_dirty;
}

void sockets_read(size_t client, size_t bytes)
{
	struct ws_link *link = clients[client].link;

	if (link == NULL || !link->is_established || link->is_ending)
		return;
	clients[client].room = bytes;
	link->is_blocked = false;
	mark_dirty(link);
}

void sockets_say(size_t client, struct slice text)
{
	struct ws_link *link = clients[client].link;

	if (link == NULL || !link->is_established || link->is_ending)
		return;
	the_ws.events->on_bytes(link);
	if (!link->is_closing && utf8_is_valid(text) && text.len <= FRAME_MAX_BYTES)
		the_ws.events->on_text(link, text);
}

void sockets_pong(size_t client, struct slice payload)
{
	struct ws_link *link = clients[client].link;

	if (link == NULL || !link->is_established || link->is_ending)
		return;
	the_ws.events->on_bytes(link);
	if (!link->is_closing)
		the_ws.events->on_pong(link, payload);
}

void sockets_leave(size_t client, unsigned code, bool says_close)
{
	struct ws_link *link = clients[client].link;

	if (link == NULL)
		return;
	if (says_close && link->is_established && !link->is_ending)
		the_ws.events->on_leaving(link, code);
	tell_closed(link);
}

void sockets_reset(void)
{
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		sockets_leave(i, 0, false);
}
