/*
 * The frames that an edge says on its own account.  They are few and rare beside what the router
 * wrote, so they are simply printed.  No frame repeats what the client sent but its `id`, and that
 * was parsed and written anew by us.
 */
#include <inttypes.h>
#include <stdio.h>

#include "edge/frame.h"
#include "proto/names.h"

#define DEFAULT_AFTER_MS 1000
#define RESUME ";resume=1"

static void add_id(struct buf *b, struct slice id)
{
	if (id.len == 0)
		return;
	buf_add_text(b, ",\"id\":");
	buf_add(b, id);
}

static void add_resume(struct buf *b, const struct frame_resume *r)
{
	buf_add_text(b, ",\"resume\":{\"epoch\":");
	buf_add_json_string(b, r->epoch);
	buf_printf(b,
		",\"u\":%" PRIu64 ",\"s\":%" PRIu64 ",\"recovered\":%s,\"missed\":%" PRIu64 "}",
		r->u, r->s, r->recovered ? "true" : "false", r->missed);
}

static void add_auth(struct buf *b, int64_t expires_in_ms, bool may_swap)
{
	buf_printf(b, ",\"auth\":{\"expires_in_ms\":%" PRId64 ",\"swap\":\"%s\"}", expires_in_ms,
		may_swap ? "rebind" : "reject");
}

void frame_write_ready(struct buf *b, const struct frame_ready *r)
{
	buf_printf(b, "{\"event\":\"ready\",\"data\":{\"conn\":\"%s\",\"user\":", r->conn);
	buf_add_json_string(b, r->user);
	buf_add_text(b, ",\"device\":");
	buf_add_json_string(b, r->device);
	buf_printf(b, ",\"identity\":%u", r->identity);
	add_resume(b, &r->resume);
	buf_printf(b, ",\"heartbeat\":{\"interval_ms\":%" PRId64 ",\"grace_ms\":%" PRId64 "}",
		r->interval_ms, r->grace_ms);
	add_auth(b, r->expires_in_ms, r->may_swap);
	buf_printf(b,
		",\"limits\":{\"frame\":%d,\"chat\":%d,\"msgs_per_s\":%u,\"burst\":%u,\"pending\":"
		"%" PRIu64 "}}}",
		FRAME_MAX_BYTES, CHAT_MAX_BYTES, r->msgs_per_s, r->msgs_burst, r->pending_bytes);
}

void frame_write_identity(struct buf *b, const struct frame_identity *i)
{
	buf_add_text(b, "{\"event\":\"identity\",\"data\":{\"user\":");
	buf_add_json_string(b, i->user);
	buf_printf(b, ",\"identity\":%u", i->identity);
	add_resume(b, &i->resume);
	add_auth(b, i->expires_in_ms, i->may_swap);
	buf_add_text(b, "}}");
}

void frame_write_reauthed(struct buf *b, struct slice id, uint16_t identity, int64_t expires_in_ms)
{
	buf_add_text(b, "{\"event\":\"ack\"");
	add_id(b, id);
	buf_printf(b, ",\"data\":{\"identity\":%u,\"expires_in_ms\":%" PRId64 "}}", identity,
		expires_in_ms);
}

void frame_write_expiring(struct buf *b, int64_t expires_in_ms)
{
	buf_printf(b, "{\"event\":\"auth.expiring\",\"data\":{\"expires_in_ms\":%" PRId64 "}}",
		expires_in_ms);
}

void frame_write_ack(struct buf *b, const struct frame_ack *a)
{
	buf_add_text(b, "{\"event\":\"ack\"");
	add_id(b, a->id);
	buf_add_text(b, ",\"data\":{\"mid\":");
	buf_add_json_string(b, a->mid);
	buf_printf(b, ",\"state\":\"%s\"", a->state);
	if (a->first != NULL)
		buf_printf(b, ",\"first\":\"%s\"", a->first);
	buf_printf(b, ",\"devices\":%u", a->devices);
	if (a->seq != 0)
		buf_printf(b, ",\"seq\":%" PRIu64, a->seq);
	buf_add_text(b, "}}");
}

void frame_write_done(struct buf *b, struct slice id)
{
	buf_add_text(b, "{\"event\":\"ack\"");
	add_id(b, id);
	buf_add_text(b, ",\"data\":{}}");
}

void frame_write_exception(struct buf *b, const struct frame_exception *e)
{
	const struct code_info *info = code_info(e->code);
	struct slice retry;

	if (info == NULL)
		info = code_info(EX_INTERNAL);
	retry = slice_of(info->retry);
	buf_add_text(b, "{\"event\":\"exception\"");
	add_id(b, e->id);
	buf_printf(b,
		",\"data\":{\"status\":\"error\",\"code\":%u,\"message\":\"%s\",\"retry\":\"%s\"",
		info->code, info->name, info->retry);
	if (slice_is(retry, "after"))
		buf_printf(
			b, ",\"after_ms\":%u", e->after_ms == 0 ? DEFAULT_AFTER_MS : e->after_ms);
	if (e->field.len > 0) {
		buf_add_text(b, ",\"field\":");
		buf_add_json_string(b, e->field);
	}
	buf_add_text(b, "}}");
}

void frame_write_heartbeat(struct buf *b, struct slice id, struct slice user, int64_t wall_ms)
{
	buf_add_text(b, "{\"event\":\"heartbeat\"");
	add_id(b, id);
	buf_add_text(b, ",\"data\":{\"user\":");
	if (name_is_number(user))
		buf_add(b, user);
	else
		buf_add_json_string(b, user);
	buf_printf(b, ",\"time\":%" PRId64 "}}", wall_ms);
}

void frame_write_goaway(struct buf *b, uint32_t reconnect_after_ms, uint32_t close_in_ms)
{
	buf_printf(b,
		"{\"event\":\"goaway\",\"data\":{\"reason\":\"drain\",\"reconnect_after_ms\":%u,"
		"\"close_in_ms\":%u,\"resumable\":true}}",
		reconnect_after_ms, close_in_ms);
}

void frame_write_reset(struct buf *b, const struct frame_reset *r)
{
	buf_printf(b, "{\"event\":\"reset\",\"data\":{\"reason\":\"%s\",\"epoch\":", r->reason);
	buf_add_json_string(b, r->epoch);
	buf_printf(b, ",\"u\":%" PRIu64 ",\"s\":%" PRIu64 "}}", r->u, r->s);
}

/* Nothing was lost with the connection: 41xx and 42xx. */
static bool can_resume(unsigned code)
{
	return code / 100 == 41 || code / 100 == 42;
}

size_t frame_close_reason(char out[FRAME_REASON_BYTES], unsigned code, uint32_t after_ms)
{
	const struct code_info *info = code < 4000 ? NULL : code_info(code);
	int n;

	if (info == NULL)
		return 0;
	if (after_ms > 0)
		n = snprintf(out, FRAME_REASON_BYTES, "%s;after=%u%s", info->name, after_ms,
			can_resume(code) ? RESUME : "");
	else
		n = snprintf(out, FRAME_REASON_BYTES, "%s%s", info->name,
			can_resume(code) ? RESUME : "");
	return n < 0 || n >= FRAME_REASON_BYTES ? 0 : (size_t)n;
}
