/*
 * The frame around the rules: one table says who handles which event, a step clears what the one
 * before said, and a step that ran out of memory says nothing at all.  Handlers make all their
 * commands, which may fail, before they change anything, which may not; that is how a step is whole
 * or void.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/bug.h"
#include "router/core_internal.h"

static core_handler_fn *const handlers[] = {
	[CORE_EDGE_UP] = core_on_edge_up,
	[CORE_EDGE_DOWN] = core_on_edge_down,
	[CORE_OPEN] = core_on_open,
	[CORE_REBIND] = core_on_rebind,
	[CORE_REVOKE] = core_on_revoke,
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
	[CORE_ACK] = core_on_ack,
	[CORE_SYNC] = core_on_sync,
	[CORE_STORED] = core_on_stored,
	[CORE_FAILED] = core_on_failed,
	[CORE_ROWS] = core_on_rows,
	[CORE_ACKED] = core_on_acked,
	[CORE_OLD] = core_on_old,
	[CORE_CTL_PURGE] = core_on_purge,
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
	contacts_init(&c->contacts, config->random);
	pendings_init(&c->pending);
	pendings_init(&c->told);
	c->system.floor = 1;
	c->presence.users = &c->users;
	c->presence.contacts = &c->contacts;
	c->presence.watching = config->watching;
	if (config->after_restart)
		c->presence.silent_until_ms = config->started_ms + PRESENCE_SILENCE_MS;
	if (users_init(&c->users, config->random) < 0 || sessions_init(&c->sessions) < 0 ||
		voids_init(&c->voids) < 0 || mids_init(&c->mids, config->random) < 0) {
		core_free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

static void free_positions(struct core *c)
{
	struct user *u;

	for (size_t i = 0; c->users.by_uid != NULL && (u = map_next(c->users.by_uid, &i)) != NULL;)
		positions_free(&c->positions, u);
}

void core_free(struct core *c)
{
	if (c == NULL)
		return;
	free_positions(c);
	pendings_fini(&c->pending);
	pendings_fini(&c->told);
	contacts_fini(&c->contacts);
	mids_fini(&c->mids);
	for (size_t i = 0; i < c->sessions.n; i++)
		presence_forget(&c->presence, c->sessions.heap[i]);
	sessions_fini(&c->sessions);
	voids_fini(&c->voids);
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
	pendings_fini(&c->told);
	c->now_ms = event->now_ms;
	c->named = NULL;
	rc = handlers[event->kind](c, event);
	if (rc < 0)
		return rc;
	*out = (struct core_commands){c->commands.list, c->commands.n};
	return 0;
}

enum owner core_owner(struct core *c, const struct core_event *e, uint64_t id, struct session **out)
{
	const struct link_state *l = &c->sessions.links[e->link];
	struct session *s = sessions_find(&c->sessions, id);

	if (s == NULL || !l->up)
		return OWNER_NONE;
	if (s->user == NULL)
		return s->edge.id == l->edge.id && s->edge.epoch == l->edge.epoch ? OWNER_ENDED
										  : OWNER_NONE;
	c->named = s->user;
	*out = s;
	return s->link == e->link || BUG(23) ? OWNER_LINK : OWNER_NONE;
}

enum owner core_connection(
	struct core *c, const struct core_event *e, uint64_t id, struct session **out)
{
	enum owner owner = core_owner(c, e, id, out);

	return owner == OWNER_LINK && (*out)->dialect == CORE_API ? OWNER_NONE : owner;
}

int core_violation(struct core *c, const struct core_event *e, const char *what)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_VIOLATION, e->link);

	if (command == NULL)
		return -ENOMEM;
	command->violation.what = what;
	if (c->named != NULL)
		command->violation.user = user_uid(c->named);
	c->counts.violations++;
	return 0;
}
