/*
 * libwebsockets sees a socket only after auth and the router said yes, with a head that we wrote:
 * the few fields that matter, no token, no byte of a stranger.  From then on it frames, unmasks,
 * answers pings and closes; it never parses HTTP from the network, and it listens nowhere.
 *
 * It reads, we write.  Frames go to the socket directly (ws_write.c), which is many times cheaper
 * than a writeable callback and an lws_write() for each.  Two writers on one socket is safe under
 * one rule: what we write ends at a frame's end.  When the kernel takes a frame in part, its rest
 * goes to libwebsockets (LWS_WRITE_HTTP: bytes as they are), which keeps it in its own buffer and
 * sends it before any pong or close of its own; while that buffer holds anything we write nothing.
 */
#include "edge/ws.h"

#include <errno.h>
#include <libwebsockets.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "edge/frame.h"
#include "edge/ws_inner.h"
#include "proto/limits.h"

#define RX_BYTES 384	/* one buffer for each connection: the larger part of its memory */
#define TX_BYTES 65536	/* 0 would chop writes at RX_BYTES */
#define EMPTY_PIECES 64 /* of one message */
#define SHORT_PART 8	/* of the bound of a queue: so much and a page are less than half */

static void mark_dirty(struct ws_link *link)
{
	if (link->is_dirty)
		return;
	link->is_dirty = true;
	link->next_dirty = link->ws->dirty;
	link->ws->dirty = link;
	link->ws->n_dirty++;
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

static void rx_free(struct ws_link *link)
{
	if (link->rx != NULL)
		buf_fini(link->rx);
	free(link->rx);
	link->rx = NULL;
	link->empty_pieces = 0;
}

void ws_tell_closed(struct ws_link *link)
{
	if (link->is_told)
		return;
	link->is_told = true;
	link->is_ending = true;
	link->wsi = NULL;
	ws_drop_queue(link);
	rx_free(link);
	link->ws->events->on_closed(link);
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

/* Writes as much as the socket takes. */
static void write_queue(struct ws_link *link)
{
	struct wire *frame = NULL;
	const uint64_t before = link->ws->counts.bytes_out;
	struct slice rest;
	enum ws_written written;

	if (outq_is_empty(&link->out))
		return;
	if (lws_partial_buffered(link->wsi)) {
		link->is_blocked = true;
		lws_callback_on_writable(link->wsi);
		return;
	}
	written = ws_write(link->fd, &link->out, &link->ws->counts, &frame, &rest);
	link->has_moved |= link->ws->counts.bytes_out != before;
	switch (written) {
	case WS_WRITTEN:
		return;
	case WS_WRITE_FAILED:
		ws_kill(link);
		return;
	case WS_WRITE_PARTIAL:
		/* The frame is ours until libwebsockets has copied what the socket does not take.
		 */
		if (lws_write(link->wsi, frame->bytes + (frame->len - rest.len), rest.len,
			    LWS_WRITE_HTTP) < 0)
			ws_kill(link);
		wire_unref(frame);
		break;
	case WS_WRITE_BLOCKED:
		break;
	}
	link->is_blocked = true;
	lws_callback_on_writable(link->wsi);
}

static void flush(struct ws_link *link)
{
	if (!link->is_established || link->is_ending || link->is_blocked)
		return;
	write_queue(link);
	if (!link->wants_room || link->is_closing || link->is_ending || !ws_is_short(link))
		return;
	link->wants_room = false;
	link->ws->events->on_room(link);
}

void ws_flush(struct ws *ws)
{
	while (ws->dirty != NULL) {
		struct ws_link *link = ws->dirty;

		ws->dirty = link->next_dirty;
		link->next_dirty = NULL;
		link->is_dirty = false;
		ws->n_dirty--;
		flush(link);
	}
}

size_t ws_dirty(const struct ws *ws)
{
	return ws->n_dirty;
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

/* The close frame is one of ours, for libwebsockets' way to it is barred: see on_writeable(). */
static struct wire *close_frame(unsigned code, uint32_t after_ms)
{
	char reason[FRAME_REASON_BYTES];
	size_t n = frame_close_reason(reason, code, after_ms);

	return wire_new_close((uint16_t)code, (struct slice){reason, n});
}

void ws_close(struct ws_link *link, unsigned code, uint32_t after_ms)
{
	CLEANUP(wire_unrefp) struct wire *w = NULL;

	if (link->is_closing || link->is_ending)
		return;
	link->is_closing = true;
	rx_free(link);
	w = close_frame(code, after_ms);
	if (w == NULL || outq_put(&link->out, w, SIZE_MAX) != OUTQ_QUEUED) {
		ws_kill(link);
		return;
	}
	link->ws->counts.queued_bytes += w->len;
	if (link->is_established && !link->is_blocked)
		mark_dirty(link);
}

void ws_kill(struct ws_link *link)
{
	const struct linger reset = {.l_onoff = 1, .l_linger = 0};

	link->is_ending = true;
	ws_drop_queue(link);
	if (link->wsi == NULL)
		return;
	/* libwebsockets finds a dead socket at its next event; no timer of its own is needed. */
	setsockopt(link->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	shutdown(link->fd, SHUT_RDWR);
	lws_callback_on_writable(link->wsi);
}

void ws_tick(struct ws *ws)
{
	/* The plugin re-arms its timer only from its own callbacks. */
	lws_cancel_service(ws->context);
}

const struct ws_counts *ws_counts(const struct ws *ws)
{
	return &ws->counts;
}

/* From here on: libwebsockets' callbacks.  Non-zero ends the connection. */

static int on_instantiated(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	struct ws *ws = lws_context_user(lws_get_context(wsi));

	(void)link;
	(void)in;
	(void)len;
	if (ws->adopting == NULL)
		return -1;
	ws->adopting->wsi = wsi;
	lws_set_opaque_user_data(wsi, ws->adopting);
	return 0;
}

static int on_upgrade(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)in; /* never looked at */
	(void)len;
	return link != NULL && link->is_granted && link->wsi == wsi ? 0 : -1;
}

static int on_http(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)link;
	(void)wsi;
	(void)in;
	(void)len;
	return -1;
}

static int on_established(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	if (on_upgrade(link, wsi, in, len) < 0)
		return -1;
	link->is_established = true;
	if (!outq_is_empty(&link->out))
		mark_dirty(link);
	if (!link->is_closing)
		link->ws->events->on_open(link);
	return 0;
}

/* false: no memory. */
static bool rx_add(struct ws_link *link, struct slice piece)
{
	if (link->rx == NULL) {
		link->rx = malloc(sizeof(*link->rx));
		if (link->rx == NULL)
			return false;
		buf_init(link->rx, FRAME_MAX_BYTES);
	}
	buf_add(link->rx, piece);
	return !link->rx->failed;
}

/*
 * libwebsockets' own check of UTF-8 is off: it takes a pong between two fragments for a part of the
 * text, and does not look at the end of a text whose last fragment is empty.
 */
static void take_text(struct ws_link *link, struct slice text)
{
	if (!utf8_is_valid(text)) {
		ws_close(link, LWS_CLOSE_STATUS_INVALID_PAYLOAD, 0);
		return;
	}
	link->ws->counts.frames_in++;
	link->ws->events->on_text(link, text);
}

/* A piece of a message.  Its length is refused as soon as it is announced, not when it is there. */
static void take_piece(struct ws_link *link, struct lws *wsi, struct slice piece)
{
	size_t have = link->rx == NULL ? 0 : link->rx->len;
	size_t coming = lws_remaining_packet_payload(wsi);

	if (lws_frame_is_binary(wsi)) {
		ws_close(link, LWS_CLOSE_STATUS_UNACCEPTABLE_OPCODE, 0);
		return;
	}
	if (coming > FRAME_MAX_BYTES || have + piece.len + coming > FRAME_MAX_BYTES ||
		(piece.len == 0 && ++link->empty_pieces > EMPTY_PIECES)) {
		ws_close(link, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, 0);
		return;
	}
	if (link->rx == NULL && lws_is_final_fragment(wsi)) {
		link->empty_pieces = 0;
		take_text(link, piece);
		return;
	}
	if (!rx_add(link, piece)) {
		ws_close(link, LWS_CLOSE_STATUS_UNEXPECTED_CONDITION, 0);
		return;
	}
	if (lws_is_final_fragment(wsi)) {
		take_text(link, buf_slice(link->rx));
		rx_free(link);
	}
}

static int on_receive(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	if (link == NULL)
		return -1;
	if (link->is_closing || link->is_ending)
		return 0;
	link->ws->counts.bytes_in += len;
	link->ws->events->on_bytes(link);
	take_piece(link, wsi, (struct slice){len == 0 ? "" : in, len});
	return 0;
}

static int on_pong(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)wsi;
	if (link == NULL)
		return -1;
	link->ws->counts.bytes_in += len;
	if (link->is_closing || link->is_ending)
		return 0;
	link->ws->events->on_bytes(link);
	link->ws->events->on_pong(link, (struct slice){len == 0 ? "" : in, len});
	return 0;
}

/*
 * Never -1: Debian's libwebsockets, built with its asserts, closes a connection twice when this
 * callback wants it closed ("uv repeat test"), and the second time drops the close frame that the
 * first prepared.
 */
static int on_writeable(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)wsi;
	(void)in;
	(void)len;
	if (link == NULL || link->is_ending)
		return 0;
	link->is_blocked = false;
	flush(link);
	return 0;
}

/* RFC 6455, 5.5.1 */
static unsigned close_code(const unsigned char *payload, size_t len)
{
	return len < 2 ? 0 : (unsigned)payload[0] << 8 | payload[1];
}

static int on_peer_close(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)wsi;
	if (link == NULL)
		return -1;
	/* The answer to ours: both have said it, and libwebsockets need not say it again. */
	if (link->is_closing)
		return -1;
	if (!link->is_ending)
		link->ws->events->on_leaving(link, close_code(in, len));
	link->is_ending = true;
	ws_drop_queue(link);
	return 0;
}

/* libwebsockets begins to close, for a reason of its own (a protocol error) or of ours.
 */
static int on_unbind(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)wsi;
	(void)in;
	(void)len;
	if (link == NULL)
		return 0;
	if (!link->is_ending && !link->is_closing)
		link->ws->events->on_leaving(link, 0);
	link->is_ending = true;
	ws_drop_queue(link);
	return 0;
}

static int on_gone(struct ws_link *link, struct lws *wsi, const void *in, size_t len)
{
	(void)in;
	(void)len;
	if (link == NULL)
		return 0;
	lws_set_opaque_user_data(wsi, NULL);
	ws_tell_closed(link);
	return 0;
}

static const struct {
	enum lws_callback_reasons reason;
	int (*handle)(struct ws_link *link, struct lws *wsi, const void *in, size_t len);
} callbacks[] = {
	{LWS_CALLBACK_RECEIVE, on_receive},
	{LWS_CALLBACK_RECEIVE_PONG, on_pong},
	{LWS_CALLBACK_SERVER_WRITEABLE, on_writeable},
	{LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED, on_instantiated},
	{LWS_CALLBACK_HTTP_CONFIRM_UPGRADE, on_upgrade},
	{LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION, on_upgrade},
	{LWS_CALLBACK_HTTP, on_http},
	{LWS_CALLBACK_ESTABLISHED, on_established},
	{LWS_CALLBACK_WS_PEER_INITIATED_CLOSE, on_peer_close},
	{LWS_CALLBACK_WS_SERVER_DROP_PROTOCOL, on_unbind},
	{LWS_CALLBACK_CLOSED, on_gone},
	{LWS_CALLBACK_CLOSED_HTTP, on_gone},
	{LWS_CALLBACK_WSI_DESTROY, on_gone},
};

static int on_lws(
	struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)user;
	for (size_t i = 0; i < sizeof(callbacks) / sizeof(callbacks[0]); i++)
		if (callbacks[i].reason == reason)
			return callbacks[i].handle(lws_get_opaque_user_data(wsi), wsi, in, len);
	return 0;
}

const struct lws_protocols ws_protocols[] = {
	/* without session data libwebsockets does not tell that it begins to close */
	{WS_SUBPROTOCOL, on_lws, sizeof(void *), RX_BYTES, 0, NULL, TX_BYTES},
	{NULL, NULL, 0, 0, 0, NULL, 0},
};
