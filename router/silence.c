/*
 * Sessions that the edge itself had called away before stay so; only those that this module marked
 * come back, and of those only what still lives: some may have ended meanwhile.  They are collected
 * first, since what the core tells about sessions lives until its next step.
 */
#include "router/silence.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/log.h"

static int keep(struct silence *s, size_t *cap, uint64_t session)
{
	if (s->n_sessions == *cap) {
		size_t wider = *cap == 0 ? 64 : *cap * 2;
		uint64_t *grown = realloc(s->sessions, wider * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		s->sessions = grown;
		*cap = wider;
	}
	s->sessions[s->n_sessions++] = session;
	return 0;
}

/* The sessions of the edge that are away, or that are not. */
static int collect(struct silence *s, const struct core *core, uint32_t edge_id, bool away)
{
	struct core_user_info user = {0};
	struct core_session_info session;
	size_t cap = 0;

	while (core_next_online(core, user.uid, &user)) {
		for (size_t i = 0; core_user_session(core, user.uid, i, &session); i++) {
			if (session.edge_id == edge_id && session.away == away &&
				keep(s, &cap, session.session) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static void say(struct hub *h, uint32_t slot, uint64_t session, bool away)
{
	struct core_event event = {.kind = CORE_AWAY, .link = slot};

	event.away.session = session;
	event.away.away = away;
	hub_step(h, &event);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a;
	uint64_t y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void silence_begin(struct silence *s, struct hub *h, uint32_t slot, uint32_t edge_id)
{
	if (s->on)
		return;
	s->on = true;
	if (collect(s, h->core, edge_id, false) < 0)
		log_error("silence", "edge=%" PRIu32 " error=memory", edge_id);
	log_warn("edge_silent", "edge=%" PRIu32 " sessions=%zu", edge_id, s->n_sessions);
	if (s->n_sessions > 0)
		qsort(s->sessions, s->n_sessions, sizeof(*s->sessions), compare);
	for (size_t i = 0; i < s->n_sessions; i++)
		say(h, slot, s->sessions[i], true);
}

void silence_end(struct silence *s, struct hub *h, uint32_t slot, uint32_t edge_id)
{
	struct silence still = {0};

	if (!s->on)
		return;
	if (collect(&still, h->core, edge_id, true) < 0)
		log_error("silence", "edge=%" PRIu32 " error=memory", edge_id);
	for (size_t i = 0; i < still.n_sessions; i++) {
		if (s->n_sessions > 0 && bsearch(&still.sessions[i], s->sessions, s->n_sessions,
						 sizeof(*s->sessions), compare) != NULL)
			say(h, slot, still.sessions[i], false);
	}
	silence_forget(&still);
	silence_forget(s);
}

void silence_forget(struct silence *s)
{
	free(s->sessions);
	*s = (struct silence){0};
}
