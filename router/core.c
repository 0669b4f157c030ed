/*
 * The frame around the rules: one table says who handles which event, a step clears what the one
 * before said, and a step that ran out of memory says nothing at all.  Handlers make all their
 * commands, which may fail, before they change anything, which may not; that is how a step is whole
 * or void.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "router/core_internal.h"

static core_handler_fn *const handlers[] = {
	[CORE_EDGE_UP] = core_on_edge_up,
	[CORE_EDGE_DOWN] = core_on_edge_down,
	[CORE_OPEN] = core_on_open,
	[CORE_CLOSE] = core_on_close,
	[CORE_SEND] = core_on_send,
	[CORE_PUSH] = core_on_push,
	[CORE_TYPING] = core_on_typing,
	[CORE_WATCH] = core_on_watch,
	[CORE_AWAY] = core_on_away,
	[CORE_RENEW] = core_on_renew,
	[CORE_USER_KNOWN] = core_on_user_known,
	[CORE_CTL_PUSH] = core_on_push,
	[CORE_CTL_KICK] = core_on_kick,
	[CORE_TICK] = core_on_tick,
};

int core_new(struct core **out, const struct core_config *config)
{
	struct core *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->config = *config;
	c->now_ms = config->started_ms;
	commands_init(&c->commands);
	c->presence.users = &c->users;
	if (config->after_restart)
		c->presence.silent_until_ms = config->started_ms + PRESENCE_SILENCE_MS;
	text_epoch(config->epoch_random, c->epoch, sizeof(c->epoch));
	if (users_init(&c->users, config->epoch_random) < 0 || sessions_init(&c->sessions) < 0) {
		core_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

void core_free(struct core *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->sessions.n; i++)
		presence_forget(&c->presence, c->sessions.heap[i]);
	sessions_fini(&c->sessions);
	users_fini(&c->users);
	commands_fini(&c->commands);
	free(c);
}

int core_step(struct core *c, const struct core_event *event, struct core_commands *out)
{
	int rc;

	assert(event->link < MAX_EDGES);
	*out = (struct core_commands){0};
	commands_reset(&c->commands);
	c->now_ms = event->now_ms;
	rc = handlers[event->kind](c, event);
	if (rc < 0)
		return rc;
	*out = (struct core_commands){c->commands.list, c->commands.n};
	return 0;
}

enum owner core_owner(
	const struct core *c, const struct core_event *e, uint64_t id, struct session **out)
{
	const struct link_state *l = &c->sessions.links[e->link];
	struct session *s = sessions_find(&c->sessions, id);

	if (s == NULL || !l->up)
		return OWNER_NONE;
	if (s->user == NULL)
		return s->edge.id == l->edge.id && s->edge.epoch == l->edge.epoch ? OWNER_ENDED
										  : OWNER_NONE;
	*out = s;
	return s->link == e->link ? OWNER_LINK : OWNER_NONE;
}

int core_violation(struct core *c, const struct core_event *e, const char *what)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_VIOLATION, e->link);

	if (command == NULL)
		return -ENOMEM;
	command->violation.what = what;
	c->counts.violations++;
	return 0;
}

static void user_info(const struct core *c, const struct user *u, struct core_user_info *out)
{
	struct presence_view view = presence_of(u);

	if (view.state == PRESENCE_OFFLINE && c->now_ms < c->presence.silent_until_ms)
		view.state = PRESENCE_UNKNOWN;
	out->uid = user_uid(u);
	out->state = presence_word(view.state);
	out->seq = u->seq;
	out->n_sessions = u->n_sessions;
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

size_t core_link_sessions(const struct core *c, uint32_t link)
{
	return link < MAX_EDGES ? c->sessions.links[link].n : 0;
}

void core_counts(const struct core *c, struct core_counts *out)
{
	*out = c->counts;
	out->sessions = c->sessions.n;
	out->users_online = c->users.n_online;
	out->users_known = c->users.n_known;
	out->system_head = c->system_head;
}

struct slice core_epoch(const struct core *c)
{
	return (struct slice){c->epoch, sizeof(c->epoch)};
}
