/*
 * Each answer twice: as JSON, with numbers as they came, and as text, with ages and times that
 * people read.  Whatever the router says goes through plain.h.
 */
#include "router/ctl/print.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "common/plain.h"
#include "proto/codec.h"

/* 3s, 4m, 5h, 6d: the largest unit that fits. */
static void add_age(struct buf *out, uint64_t ms, size_t width)
{
	static const struct {
		uint64_t ms;
		char unit;
	} units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
	char text[32];
	size_t i = 0;

	while (i < 3 && ms < units[i].ms)
		i++;
	snprintf(text, sizeof(text), "%" PRIu64 "%c", ms / units[i].ms, units[i].unit);
	plain_add_cell(out, slice_of(text), width);
}

static const char *dialect_name(Pb__Dialect dialect)
{
	return dialect == PB__DIALECT__DIALECT_NATIVE  ? "native"
	       : dialect == PB__DIALECT__DIALECT_PLAIN ? "plain"
	       : dialect == PB__DIALECT__DIALECT_API   ? "api"
						       : "?";
}

/* As JSON, and for people. */
static const struct push_word {
	const char *state;
	const char *text;
} push_words[] = {
	[PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED] = {"delivered", "delivered"},
	[PB__CTL_PUSH_STATE__CTL_PUSH_ACCEPTED] = {"accepted",
		"stored, and being read by the user's devices"},
	[PB__CTL_PUSH_STATE__CTL_PUSH_STORED] = {"stored", "stored; the user is not connected"},
	[PB__CTL_PUSH_STATE__CTL_PUSH_ACKED] = {"acked", "acknowledged"},
	[PB__CTL_PUSH_STATE__CTL_PUSH_TIMED_OUT] = {"timed_out",
		"stored and handed out, but not acknowledged in time"},
	[PB__CTL_PUSH_STATE__CTL_PUSH_DUPLICATE] = {"duplicate", "known already, not sent again"},
};

void print_pushed(struct buf *out, const Pb__CtlPushed *pushed, bool json)
{
	const size_t n = sizeof(push_words) / sizeof(push_words[0]);
	const struct push_word *word =
		&push_words[(size_t)pushed->state < n ? (size_t)pushed->state : 0];

	if (json) {
		buf_printf(out, "{\"state\":\"%s\",\"devices\":%" PRIu32 ",\"seq\":%" PRIu64 ",",
			word->state, pushed->devices, pushed->seq);
		plain_add_member(out, "mid", codec_slice(pushed->mid));
		buf_add_text(out, "}\n");
		return;
	}
	buf_add_text(out, word->text);
	if (pushed->state == PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED)
		buf_printf(out, " to %" PRIu32 " device%s", pushed->devices,
			pushed->devices == 1 ? "" : "s");
	buf_printf(out, ", seq %" PRIu64 ", id ", pushed->seq);
	plain_add(out, codec_slice(pushed->mid));
	buf_add_text(out, "\n");
}

static void add_json_session(struct buf *out, const Pb__CtlSessionLine *s)
{
	buf_printf(out, "{\"session\":\"%016" PRIx64 "\",", s->session);
	plain_add_member(out, "device", codec_slice(s->device));
	buf_printf(out,
		",\"edge\":%" PRIu32 ",\"dialect\":\"%s\",\"away\":%s,\"opened_ms_ago\":%" PRIu64
		",\"ends_in_ms\":%" PRId64 "}",
		s->edge_id, dialect_name(s->dialect), s->away ? "true" : "false", s->opened_ms_ago,
		s->ends_in_ms);
}

static void add_json_user(struct buf *out, const Pb__CtlUserLine *user)
{
	buf_add_text(out, "{");
	plain_add_member(out, "user", codec_slice(user->uid));
	buf_add_text(out, ",");
	plain_add_member(out, "state", codec_slice(user->state));
	buf_printf(out,
		",\"seq\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"unacked\":%" PRIu64 ",\"sessions\":[",
		user->seq, user->acked, user->unacked);
	for (size_t i = 0; i < user->n_sessions; i++) {
		buf_add_text(out, i == 0 ? "" : ",");
		add_json_session(out, user->sessions[i]);
	}
	buf_add_text(out, "]}\n");
}

void print_users(struct buf *out, const Pb__CtlUsers *users, bool json, bool with_heading)
{
	if (with_heading && !json)
		buf_add_text(out, "USER                  STATE     DEVICES  EDGES\n");
	for (size_t i = 0; i < users->n_users; i++) {
		const Pb__CtlUserLine *user = users->users[i];
		char devices[24];

		if (json) {
			add_json_user(out, user);
			continue;
		}
		snprintf(devices, sizeof(devices), "%zu", user->n_sessions);
		plain_add_cell(out, codec_slice(user->uid), 20);
		plain_add_cell(out, codec_slice(user->state), 8);
		plain_add_cell(out, slice_of(devices), 7);
		for (size_t s = 0; s < user->n_sessions; s++) {
			/* The same edge twice in a row is said once. */
			if (s == 0 || user->sessions[s]->edge_id != user->sessions[s - 1]->edge_id)
				buf_printf(out, "%" PRIu32 " ", user->sessions[s]->edge_id);
		}
		plain_end_line(out);
	}
}

void print_user(struct buf *out, const Pb__CtlUserLine *user, bool json)
{
	if (json) {
		add_json_user(out, user);
		return;
	}
	plain_add(out, codec_slice(user->uid));
	buf_add_text(out, "  ");
	plain_add(out, codec_slice(user->state));
	buf_printf(out, "  seq %" PRIu64 "  acked %" PRIu64 "  unacked %" PRIu64 "\n", user->seq,
		user->acked, user->unacked);
	if (user->n_sessions == 0)
		return;
	buf_add_text(
		out, "DEVICE                EDGE      DIALECT  STATE   OPEN    ENDS IN  SESSION\n");
	for (size_t i = 0; i < user->n_sessions; i++) {
		const Pb__CtlSessionLine *s = user->sessions[i];
		char edge[16];

		snprintf(edge, sizeof(edge), "%" PRIu32, s->edge_id);
		plain_add_cell(out, codec_slice(s->device), 20);
		plain_add_cell(out, slice_of(edge), 8);
		plain_add_cell(out, slice_of(dialect_name(s->dialect)), 7);
		plain_add_cell(out, slice_of(s->away ? "away" : "online"), 6);
		add_age(out, s->opened_ms_ago, 6);
		add_age(out, s->ends_in_ms > 0 ? (uint64_t)s->ends_in_ms : 0, 7);
		buf_printf(out, "%016" PRIx64 "\n", s->session);
	}
}

static void add_json_edge(struct buf *out, const Pb__CtlEdgeLine *edge, const Pb__UpGauges *g)
{
	buf_printf(out,
		"{\"edge\":%" PRIu32 ",\"epoch\":%" PRIu32 ",\"sessions\":%" PRIu64
		",\"queued_bytes\":%" PRIu64 ",\"violations\":%" PRIu64 ",\"connections\":%" PRIu64
		",\"upgrades\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"frames_in\":%" PRIu64
		",\"frames_out\":%" PRIu64 ",\"bytes_in\":%" PRIu64 ",\"bytes_out\":%" PRIu64
		",\"exceptions\":%" PRIu64 ",\"slow_closed\":%" PRIu64 ",\"behind\":%" PRIu64
		",\"memory_bytes\":%" PRIu64 "}\n",
		edge->edge_id, edge->edge_epoch, edge->sessions, edge->queued_bytes,
		edge->violations, g->connections, g->upgrades, g->refused, g->frames_in,
		g->frames_out, g->bytes_in, g->bytes_out, g->exceptions, g->slow_closed, g->behind,
		g->memory_bytes);
}

void print_edges(struct buf *out, const Pb__CtlEdgeList *edges, bool json)
{
	const Pb__UpGauges none = PB__UP_GAUGES__INIT;

	if (!json)
		buf_printf(out, "%-9s%10s%13s%11s%9s%13s%13s%9s%11s\n", "EDGE", "SESSIONS",
			"CONNECTIONS", "UPGRADES", "REFUSED", "FRAMES IN", "FRAMES OUT", "QUEUED",
			"VIOLATIONS");
	for (size_t i = 0; i < edges->n_edges; i++) {
		const Pb__CtlEdgeLine *edge = edges->edges[i];
		const Pb__UpGauges *g = edge->gauges == NULL ? &none : edge->gauges;

		if (json)
			add_json_edge(out, edge, g);
		else
			buf_printf(out,
				"%-9" PRIu32 "%10" PRIu64 "%13" PRIu64 "%11" PRIu64 "%9" PRIu64
				"%13" PRIu64 "%13" PRIu64 "%9" PRIu64 "%11" PRIu64 "\n",
				edge->edge_id, edge->sessions, g->connections, g->upgrades,
				g->refused, g->frames_in, g->frames_out, edge->queued_bytes,
				edge->violations);
	}
}

void print_stats(struct buf *out, const Pb__CtlStatList *stats, bool json)
{
	buf_add_text(out, json ? "{" : "");
	for (size_t i = 0; i < stats->n_stats; i++) {
		const Pb__CtlStat *stat = stats->stats[i];

		if (json) {
			buf_add_text(out, i == 0 ? "" : ",");
			plain_add_json(out, codec_slice(stat->name));
			buf_printf(out, ":%" PRIu64, stat->value);
		} else {
			plain_add_cell(out, codec_slice(stat->name), 28);
			buf_printf(out, "%" PRIu64 "\n", stat->value);
		}
	}
	buf_add_text(out, json ? "}\n" : "");
}

void print_top(struct buf *out, const Pb__CtlTopList *top, bool json)
{
	if (!json)
		buf_add_text(out, "USER                     UNACKED       BYTES  SESSIONS\n");
	for (size_t i = 0; i < top->n_lines; i++) {
		const Pb__CtlTopLine *line = top->lines[i];

		if (json) {
			buf_add_text(out, "{");
			plain_add_member(out, "user", codec_slice(line->uid));
			buf_printf(out,
				",\"unacked\":%" PRIu64 ",\"bytes\":%" PRIu64
				",\"sessions\":%" PRIu32 "}\n",
				line->rows, line->bytes, line->sessions);
			continue;
		}
		plain_add_cell(out, codec_slice(line->uid), 20);
		buf_printf(out, "%10" PRIu64 "%12" PRIu64 "%10" PRIu32 "\n", line->rows,
			line->bytes, line->sessions);
	}
}

static void add_json_inbox(struct buf *out, const Pb__CtlInboxState *state)
{
	buf_add_text(out, "{");
	plain_add_member(out, "user", codec_slice(state->uid));
	buf_printf(out,
		",\"head\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"floor\":%" PRIu64
		",\"unacked\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"purged\":%s,\"devices\":[",
		state->head, state->acked, state->floor, state->rows, state->bytes,
		state->purged ? "true" : "false");
	for (size_t i = 0; i < state->n_devices; i++) {
		const Pb__CtlDeviceLine *d = state->devices[i];

		buf_add_text(out, i == 0 ? "{" : ",{");
		plain_add_member(out, "device", codec_slice(d->device));
		buf_printf(out, ",\"u\":%" PRIu64 ",\"s\":%" PRIu64 ",\"seen_ms_ago\":%" PRIu64 "}",
			d->u, d->s, d->seen_ms_ago);
	}
	buf_add_text(out, "]}\n");
}

void print_inbox(struct buf *out, const Pb__CtlInboxState *state, bool json)
{
	if (json) {
		add_json_inbox(out, state);
		return;
	}
	plain_add(out, codec_slice(state->uid));
	buf_printf(out,
		"  last %" PRIu64 "  acked %" PRIu64 "  kept from %" PRIu64 "  unacked %" PRIu64
		" (%" PRIu64 " bytes)%s\n",
		state->head, state->acked, state->floor, state->rows, state->bytes,
		state->purged ? "  purged" : "");
	if (state->n_devices > 0)
		buf_add_text(out, "DEVICE                        READ      SYSTEM  SEEN\n");
	for (size_t i = 0; i < state->n_devices; i++) {
		const Pb__CtlDeviceLine *d = state->devices[i];

		plain_add_cell(out, codec_slice(d->device), 20);
		buf_printf(out, "%12" PRIu64 "%12" PRIu64 "  ", d->u, d->s);
		add_age(out, d->seen_ms_ago, 0);
		plain_end_line(out);
	}
}

void print_draining(struct buf *out, const Pb__CtlDraining *draining, bool json)
{
	if (json)
		buf_printf(out, "{\"sessions\":%" PRIu64 "}\n", draining->sessions);
	else
		buf_printf(out, "the edge sends %" PRIu64 " session%s elsewhere and ends\n",
			draining->sessions, draining->sessions == 1 ? "" : "s");
}

void print_backup(struct buf *out, const char *path, uint64_t bytes, bool json)
{
	if (json) {
		buf_add_text(out, "{\"file\":");
		plain_add_json(out, slice_of(path));
		buf_printf(out, ",\"bytes\":%" PRIu64 "}\n", bytes);
		return;
	}
	plain_add(out, slice_of(path));
	buf_printf(out, ": %" PRIu64 " bytes\n", bytes);
}

void print_kicked(struct buf *out, const Pb__CtlKicked *kicked, bool json)
{
	if (json)
		buf_printf(out, "{\"sessions\":%" PRIu32 "}\n", kicked->sessions);
	else
		buf_printf(out, "ended %" PRIu32 " session%s\n", kicked->sessions,
			kicked->sessions == 1 ? "" : "s");
}

/* RFC 3339, UTC: sorts, and needs no locale. */
static void add_time(struct buf *out, uint64_t at_ms)
{
	time_t seconds = (time_t)(at_ms / 1000);
	struct tm tm = {0};
	char text[32];

	if (gmtime_r(&seconds, &tm) == NULL ||
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
		buf_printf(out, "%" PRIu64, at_ms);
	else
		buf_printf(out, "%s.%03uZ", text, (unsigned)(at_ms % 1000));
}

/* The close code of a reason is what people ask for: see routerctl explain. */
void print_reasons(struct buf *out, const Pb__CtlReasons *reasons, bool json)
{
	if (!json && reasons->n_reasons == 0)
		buf_add_text(out, "nothing is known of his sessions\n");
	for (size_t i = 0; i < reasons->n_reasons; i++) {
		const Pb__CtlReason *reason = reasons->reasons[i];

		if (json) {
			buf_printf(out, "{\"at_ms\":%" PRIu64 ",", reason->at_ms);
			plain_add_member(out, "kind", codec_slice(reason->kind));
			buf_add_text(out, ",");
			plain_add_member(out, "detail", codec_slice(reason->detail));
			buf_add_text(out, "}\n");
			continue;
		}
		add_time(out, reason->at_ms);
		buf_add_text(out, "  ");
		plain_add_cell(out, codec_slice(reason->kind), 10);
		plain_add(out, codec_slice(reason->detail));
		buf_add_text(out, "\n");
	}
}

void print_events(struct buf *out, const Pb__CtlTailed *tailed, bool json)
{
	for (size_t i = 0; i < tailed->n_events; i++) {
		const Pb__CtlEvent *event = tailed->events[i];

		if (json) {
			buf_printf(out, "{\"number\":%" PRIu64 ",\"at_ms\":%" PRIu64 ",",
				event->number, event->at_ms);
			plain_add_member(out, "kind", codec_slice(event->kind));
			buf_add_text(out, ",");
			plain_add_member(out, "user", codec_slice(event->user));
			buf_add_text(out, ",");
			plain_add_member(out, "detail", codec_slice(event->detail));
			buf_add_text(out, "}\n");
			continue;
		}
		add_time(out, event->at_ms);
		buf_add_text(out, "  ");
		plain_add_cell(out, codec_slice(event->kind), 10);
		plain_add_cell(out, codec_slice(event->user), 16);
		plain_add(out, codec_slice(event->detail));
		buf_add_text(out, "\n");
	}
}

void print_refusal(struct buf *out, const Pb__RouterCtlReply *reply, bool json)
{
	if (json) {
		buf_printf(out, "{\"state\":\"refused\",\"code\":%" PRIu32 ",", reply->code);
		plain_add_member(out, "message", codec_slice(reply->message));
		buf_add_text(out, "}\n");
		return;
	}
	buf_printf(out, "refused: %" PRIu32 " ", reply->code);
	plain_add(out, codec_slice(reply->message));
	buf_add_text(out, "\n");
}
