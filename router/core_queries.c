/* What operators ask.  Nothing here changes anything. */
#include "router/core_internal.h"

static void user_info(const struct core *c, const struct user *u, struct core_user_info *out)
{
	struct presence_view view = presence_of(u);

	if (view.state == PRESENCE_OFFLINE && c->now_ms < c->presence.silent_until_ms)
		view.state = PRESENCE_UNKNOWN;
	out->uid = user_uid(u);
	out->state = presence_word(view.state);
	out->seq = u->numbers.stored.seq;
	out->acked = u->acked_seq;
	out->floor = u->numbers.floor;
	out->rows = core_unacked(u);
	out->bytes = u->numbers.stored.bytes - u->acked.bytes;
	out->n_sessions = u->n_sessions;
	out->n_devices = u->n_positions;
}

bool core_user(const struct core *c, struct slice uid, struct core_user_info *out)
{
	const struct user *u = users_find(&c->users, uid);

	if (u == NULL || !u->known)
		return false;
	user_info(c, u, out);
	return true;
}

bool core_user_session(
	const struct core *c, struct slice uid, size_t i, struct core_session_info *out)
{
	const struct user *u = users_find(&c->users, uid);
	const struct session *s = u == NULL ? NULL : u->sessions;

	for (; s != NULL && i > 0; i--)
		s = s->user_next;
	if (s == NULL)
		return false;
	*out = (struct core_session_info){
		.session = s->id,
		.device = {s->device, s->device_len},
		.edge_id = s->edge.id,
		.dialect = s->dialect,
		.flags = s->flags,
		.away = s->away,
		.opened_ms = s->opened_ms,
		.ends_ms = s->ends_ms,
	};
	return true;
}

bool core_next_online(const struct core *c, struct slice after, struct core_user_info *out)
{
	const struct user *u = users_next_online(&c->users, after);

	if (u == NULL)
		return false;
	user_info(c, u, out);
	return true;
}

bool core_user_device(
	const struct core *c, struct slice uid, size_t i, struct core_device_info *out)
{
	const struct user *u = users_find(&c->users, uid);
	const struct position *p = u == NULL ? NULL : u->positions;

	for (; p != NULL && i > 0; i--)
		p = p->next;
	if (p == NULL)
		return false;
	*out = (struct core_device_info){position_device(p), p->u, p->s, p->seen_ms};
	return true;
}

size_t core_top(const struct core *c, struct core_user_info *out, size_t max)
{
	const struct user *u;
	size_t n = 0;

	for (size_t i = 0; (u = map_next(c->users.by_uid, &i)) != NULL;) {
		size_t at = n;

		if (core_unacked(u) == 0)
			continue;
		while (at > 0 && out[at - 1].rows < core_unacked(u))
			at--;
		if (at == max)
			continue;
		n += n < max;
		for (size_t k = n - 1; k > at; k--)
			out[k] = out[k - 1];
		user_info(c, u, &out[at]);
	}
	return n;
}

size_t core_link_sessions(const struct core *c, uint32_t link)
{
	return link < MAX_EDGES ? c->sessions.links[link].n : 0;
}

void core_counts(const struct core *c, struct core_counts *out)
{
	*out = c->counts;
	out->sessions = c->sessions.n - c->sessions.n_calls;
	out->users_online = c->users.n_online;
	out->users_known = c->users.n_known;
	out->system_head = c->system.stored.seq;
	out->pending_rows = c->pending.all.rows;
	out->pending_bytes = c->pending.all.bytes;
	out->syncing = c->sessions.n_behind;
	out->mids = c->mids.n;
	out->unacked_rows = c->unacked_rows;
	out->marks = c->voids.n + c->sessions.ended_for_good.n;
}

struct slice core_epoch(const struct core *c)
{
	return (struct slice){c->config.epoch, sizeof(c->config.epoch)};
}
