/*
 * Lists for operators.  Each has a bound that keeps its reply below CTL_REPLY_MAX_BYTES: users come
 * in pages, the rest is small by nature.
 */
#include "router/control_lists.h"

#include <errno.h>

#include "common/clock.h"
#include "proto/codec.h"

/* A session's line on the wire, with room to spare: numbers, and a device of DEVICE_MAX_BYTES. */
#define SESSION_LINE_BYTES 128
#define USER_LINE_BYTES (UID_MAX_BYTES + 96)

static Pb__Dialect wire_dialect(enum core_dialect dialect)
{
	switch (dialect) {
	case CORE_NATIVE:
		return PB__DIALECT__DIALECT_NATIVE;
	case CORE_PLAIN:
		return PB__DIALECT__DIALECT_PLAIN;
	case CORE_API:
		return PB__DIALECT__DIALECT_API;
	}
	return PB__DIALECT__DIALECT_NATIVE;
}

static Pb__CtlSessionLine *session_line(
	struct arena *arena, const struct core_session_info *info, int64_t now)
{
	Pb__CtlSessionLine *line = arena_alloc(arena, sizeof(*line));

	if (line == NULL)
		return NULL;
	pb__ctl_session_line__init(line);
	line->session = info->session;
	line->device = codec_bytes(info->device);
	line->edge_id = info->edge_id;
	line->dialect = wire_dialect(info->dialect);
	line->away = info->away;
	line->opened_ms_ago = now > info->opened_ms ? (uint64_t)(now - info->opened_ms) : 0;
	line->ends_in_ms = info->ends_ms - now;
	return line;
}

static Pb__CtlUserLine *user_line(
	struct hub *h, struct arena *arena, const struct core_user_info *user)
{
	Pb__CtlUserLine *line = arena_alloc(arena, sizeof(*line));
	struct core_session_info info;
	int64_t now = clock_boot_ms();

	if (line == NULL)
		return NULL;
	pb__ctl_user_line__init(line);
	line->uid = codec_bytes(user->uid);
	line->state = codec_bytes(slice_of(user->state));
	line->seq = user->seq;
	line->acked = user->acked;
	line->unacked = user->rows;
	line->sessions = arena_alloc(arena, (user->n_sessions + 1) * sizeof(*line->sessions));
	if (line->sessions == NULL)
		return NULL;
	for (size_t i = 0; i < user->n_sessions; i++) {
		if (!core_user_session(h->core, user->uid, i, &info))
			break;
		line->sessions[line->n_sessions] = session_line(arena, &info, now);
		if (line->sessions[line->n_sessions++] == NULL)
			return NULL;
	}
	return line;
}

int control_who(struct hub *h, struct arena *arena, struct slice after, Pb__CtlUsers *out)
{
	struct core_user_info user = {.uid = after};
	size_t bytes = 0;

	out->users = arena_alloc(arena, CTL_USERS_PER_PAGE * sizeof(*out->users));
	if (out->users == NULL)
		return -ENOMEM;
	while (core_next_online(h->core, user.uid, &user)) {
		bytes += USER_LINE_BYTES + user.n_sessions * SESSION_LINE_BYTES;
		/* One user always fits, however many sessions. */
		if (out->n_users == CTL_USERS_PER_PAGE ||
			(out->n_users > 0 && bytes > CTL_REPLY_MAX_BYTES - 1024)) {
			out->more = true;
			break;
		}
		out->users[out->n_users] = user_line(h, arena, &user);
		if (out->users[out->n_users++] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int control_user(struct hub *h, struct arena *arena, struct slice uid, Pb__CtlUsers *out)
{
	struct core_user_info user;

	if (!core_user(h->core, uid, &user))
		return -ENOENT;
	out->users = arena_alloc(arena, sizeof(*out->users));
	if (out->users == NULL)
		return -ENOMEM;
	out->users[0] = user_line(h, arena, &user);
	out->n_users = 1;
	return out->users[0] == NULL ? -ENOMEM : 0;
}

int control_edges(struct hub *h, struct arena *arena, Pb__CtlEdgeList *out)
{
	struct router_view *view = arena_alloc(arena, sizeof(*view));

	out->edges = arena_alloc(arena, MAX_EDGES * sizeof(*out->edges));
	if (view == NULL || out->edges == NULL)
		return -ENOMEM;
	hub_view(h, view);
	for (size_t i = 0; i < view->n_edges; i++) {
		struct edge_view *edge = &view->edges[i];
		Pb__CtlEdgeLine *line = arena_alloc(arena, sizeof(*line));

		if (line == NULL)
			return -ENOMEM;
		pb__ctl_edge_line__init(line);
		line->edge_id = edge->edge_id;
		line->edge_epoch = edge->edge_epoch;
		line->sessions = edge->sessions;
		line->queued_bytes = edge->queued_bytes;
		line->violations = edge->violations;
		line->gauges = &edge->gauges;
		out->edges[out->n_edges++] = line;
	}
	return 0;
}

int control_top(struct hub *h, struct arena *arena, uint32_t count, Pb__CtlTopList *out)
{
	size_t max = count == 0 || count > CTL_TOP_MAX ? CTL_TOP_MAX : count;
	struct core_user_info *users = arena_alloc(arena, CTL_TOP_MAX * sizeof(*users));

	out->lines = arena_alloc(arena, CTL_TOP_MAX * sizeof(*out->lines));
	if (users == NULL || out->lines == NULL)
		return -ENOMEM;
	max = core_top(h->core, users, max);
	for (size_t i = 0; i < max; i++) {
		Pb__CtlTopLine *line = arena_alloc(arena, sizeof(*line));

		if (line == NULL)
			return -ENOMEM;
		pb__ctl_top_line__init(line);
		line->uid = codec_bytes(users[i].uid);
		line->rows = users[i].rows;
		line->bytes = users[i].bytes;
		line->sessions = (uint32_t)users[i].n_sessions;
		out->lines[out->n_lines++] = line;
	}
	return 0;
}

static Pb__CtlDeviceLine *device_line(
	struct arena *arena, const struct core_device_info *device, int64_t wall_ms)
{
	Pb__CtlDeviceLine *line = arena_alloc(arena, sizeof(*line));

	if (line == NULL)
		return NULL;
	pb__ctl_device_line__init(line);
	line->device = codec_bytes(device->device);
	line->u = device->u;
	line->s = device->s;
	line->seen_ms_ago = wall_ms > device->seen_ms ? (uint64_t)(wall_ms - device->seen_ms) : 0;
	return line;
}

int control_inbox(struct hub *h, struct arena *arena, struct slice uid, Pb__CtlInboxState *out)
{
	struct core_user_info user;
	struct core_device_info device;

	if (!core_user(h->core, uid, &user))
		return -ENOENT;
	out->uid = codec_bytes(user.uid);
	out->head = user.seq;
	out->acked = user.acked;
	out->floor = user.floor;
	out->rows = user.rows;
	out->bytes = user.bytes;
	out->devices = arena_alloc(arena, (user.n_devices + 1) * sizeof(*out->devices));
	if (out->devices == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < user.n_devices; i++) {
		if (!core_user_device(h->core, uid, i, &device))
			break;
		out->devices[out->n_devices] = device_line(arena, &device, clock_wall_ms());
		if (out->devices[out->n_devices++] == NULL)
			return -ENOMEM;
	}
	return 0;
}

int control_stats(struct hub *h, struct arena *arena, Pb__CtlStatList *out)
{
	struct router_view *view = arena_alloc(arena, sizeof(*view));
	uint64_t value;
	size_t n = 0;

	if (view == NULL)
		return -ENOMEM;
	hub_view(h, view);
	while (metrics_stat(view, n, &value) != NULL)
		n++;
	out->stats = arena_alloc(arena, n * sizeof(*out->stats));
	if (out->stats == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		Pb__CtlStat *stat = arena_alloc(arena, sizeof(*stat));

		if (stat == NULL)
			return -ENOMEM;
		pb__ctl_stat__init(stat);
		stat->name = codec_bytes(slice_of(metrics_stat(view, i, &value)));
		stat->value = value;
		out->stats[out->n_stats++] = stat;
	}
	return 0;
}

static Pb__CtlEvent *event_line(struct arena *arena, const struct tail_note *note)
{
	Pb__CtlEvent *line = arena_alloc(arena, sizeof(*line));

	if (line == NULL)
		return NULL;
	pb__ctl_event__init(line);
	line->number = note->number;
	line->at_ms = (uint64_t)note->at_ms;
	line->kind = codec_bytes((struct slice){note->kind, note->kind_len});
	line->user = codec_bytes((struct slice){note->user, note->user_len});
	line->detail = codec_bytes((struct slice){note->detail, note->detail_len});
	return line;
}

int control_tail(
	struct hub *h, struct arena *arena, uint64_t after, struct slice user, Pb__CtlTailed *out)
{
	const struct tail_note *note;

	out->next = tail_last(h->tail);
	out->events = arena_alloc(arena, TAIL_KEPT * sizeof(*out->events));
	if (out->events == NULL)
		return -ENOMEM;
	while ((note = tail_next(h->tail, after, user)) != NULL) {
		Pb__CtlEvent *line = event_line(arena, note);

		if (line == NULL)
			return -ENOMEM;
		out->events[out->n_events++] = line;
		after = note->number;
	}
	return 0;
}

int control_why(struct hub *h, struct arena *arena, struct slice uid, Pb__CtlReasons *out)
{
	const struct why_reason *reason;

	out->reasons = arena_alloc(arena, WHY_PER_USER * sizeof(*out->reasons));
	if (out->reasons == NULL)
		return -ENOMEM;
	while ((reason = why_at(h->why, uid, out->n_reasons)) != NULL) {
		Pb__CtlReason *line = arena_alloc(arena, sizeof(*line));

		if (line == NULL)
			return -ENOMEM;
		pb__ctl_reason__init(line);
		line->at_ms = (uint64_t)reason->at_ms;
		line->kind = codec_bytes((struct slice){reason->kind, reason->kind_len});
		line->detail = codec_bytes((struct slice){reason->detail, reason->detail_len});
		out->reasons[out->n_reasons++] = line;
	}
	return 0;
}
