/*
 * Everything around the edge, and the list of what may happen.  The router does each item in one
 * step, keeps messages and sends on disk before it says so, and forgets sessions when it starts
 * anew.
 */
#include "tests/model/world.h"

#include <string.h>

#include "edge/identity.h"

const char *world_broken;

void world_must(bool holds, const char *what)
{
	if (!holds && world_broken == NULL)
		world_broken = what;
}

void world_init(struct world *w, const struct budget *budget, bool may_swap)
{
	memset(w, 0, sizeof(*w));
	w->left = *budget;
	w->may_swap = may_swap;
	w->state = ID_STEADY;
	w->identity = w->written_identity = 1;
	w->is_open = w->is_linked = true;
	w->session = w->mapped[0] = 1;
	w->sessions[0].session = 1;
	w->sessions[0].is_live = true;
	w->next_session = 2;
	/* One waits for the other user already. */
	w->head[1] = 1;
}

/* The router. */

static int find(const struct world *w, uint8_t session)
{
	for (int i = 0; i < SESSIONS; i++)
		if (w->sessions[i].session == session)
			return i;
	return -1;
}

static void forget(struct world *w, int i)
{
	memset(&w->sessions[i], 0, sizeof(w->sessions[i]));
}

static void open_session(struct world *w, uint8_t session, uint8_t user, uint8_t start)
{
	int i = find(w, 0);

	world_must(i >= 0, "bounds: the router has too few sessions for this search");
	if (i < 0)
		return;
	w->sessions[i].session = session;
	w->sessions[i].user = user;
	w->sessions[i].is_live = start == w->head[user];
	put_down(w, (struct item){.kind = DOWN_OPENED,
			    .session = session,
			    .user = user,
			    .number = start,
			    .other = w->head[user]});
}

static void refuse(struct world *w, uint8_t session)
{
	put_down(w, (struct item){.kind = DOWN_REFUSED, .session = session});
}

static void deliver(struct world *w, uint8_t session, uint8_t user, uint8_t number)
{
	put_down(w,
		(struct item){
			.kind = DOWN_DELIVER, .session = session, .user = user, .number = number});
}

static void on_rebind(struct world *w, const struct item *u)
{
	int i = find(w, u->session);

	if (i < 0) {
		refuse(w, u->other);
		return;
	}
	w->moved_session = u->session;
	w->moved_user = w->sessions[i].user;
	forget(w, i);
	open_session(w, u->other, u->user, w->acked[u->user]);
}

static void on_sync(struct world *w, int i, const struct item *u)
{
	const uint8_t user = w->sessions[i].user;

	for (uint8_t n = u->number; n < w->head[user];)
		deliver(w, u->session, user, ++n);
	put_down(w,
		(struct item){.kind = DOWN_PAGE, .session = u->session, .number = w->head[user]});
	w->sessions[i].is_live = true;
}

static void on_send(struct world *w, int i, const struct item *u)
{
	world_must(w->sessions[i].user == u->user,
		"sender: a send is done by another user than the one it came under");
	w->stored = (uint8_t)(w->stored | 1 << u->number);
	put_down(w, (struct item){.kind = DOWN_RESULT, .session = u->session, .number = u->number});
}

static void on_ack(struct world *w, int i, const struct item *u)
{
	const uint8_t user = w->sessions[i].user;

	world_must(u->number <= w->received[user],
		"acked: a message is acknowledged that its user never got");
	if (u->number > w->acked[user])
		w->acked[user] = u->number;
}

static void router_take(struct world *w, bool refuses)
{
	const struct item u = w->up[0];
	const int i = find(w, u.session);

	w->n_up--;
	memmove(w->up, w->up + 1, w->n_up * sizeof(w->up[0]));
	memset(&w->up[w->n_up], 0, sizeof(w->up[0]));
	if (u.kind == UP_OPEN)
		refuses ? refuse(w, u.session) : open_session(w, u.session, u.user, u.number);
	else if (u.kind == UP_REBIND)
		refuses ? refuse(w, u.other) : on_rebind(w, &u);
	else if (i < 0)
		return;
	else if (u.kind == UP_SEND)
		on_send(w, i, &u);
	else if (u.kind == UP_ACK)
		on_ack(w, i, &u);
	else if (u.kind == UP_SYNC)
		on_sync(w, i, &u);
	else if (u.kind == UP_CLOSE)
		forget(w, i);
}

static void message_for(struct world *w, uint8_t user)
{
	w->head[user]++;
	for (int i = 0; i < SESSIONS; i++)
		if (w->sessions[i].session != 0 && w->sessions[i].user == user &&
			w->sessions[i].is_live)
			deliver(w, w->sessions[i].session, user, w->head[user]);
}

/* The client. */

static bool say(struct world *w, struct saying s)
{
	if (w->has_left || w->has_ended || w->n_said == CLIENT_QUEUE)
		return false;
	w->said[w->n_said++] = s;
	if (s.what != SAID_PONG)
		w->unanswered++;
	return true;
}

static void hear(struct world *w, struct out_frame f)
{
	switch ((enum frame_kind)f.kind) {
	case FRAME_MESSAGE:
		world_must(f.number <= w->received[f.user] + 1, "hole: a number is left out");
		if (f.number > w->received[f.user])
			w->received[f.user] = f.number;
		return;
	case FRAME_SENT:
		world_must((w->stored & 1 << f.number) != 0,
			"lost: a send was acked and is not on disk");
		w->unanswered--;
		return;
	case FRAME_ANSWER:
		w->unanswered--;
		return;
	case FRAME_IDENTITY:
		w->client_user = f.user;
		return;
	case FRAME_PING:
		say(w, (struct saying){SAID_PONG, 0, f.number, f.identity});
		return;
	}
}

/* What may happen.  Each takes from its budget only when it did. */

static bool client_says(struct world *w, uint8_t *left, struct saying s)
{
	if (*left == 0 || !say(w, s))
		return false;
	(*left)--;
	return true;
}

static bool client_sends(struct world *w, uint8_t *left, enum said what, uint8_t token)
{
	if (w->next_ref == REFS ||
		!client_says(w, left, (struct saying){(uint8_t)what, token, w->next_ref, 0}))
		return false;
	w->next_ref++;
	return true;
}

static bool client_leaves(struct world *w)
{
	if (w->left.leaves == 0 || w->has_left || w->has_ended)
		return false;
	w->left.leaves--;
	w->has_left = true;
	return true;
}

static bool edge_reads(struct world *w)
{
	const struct saying s = w->said[0];

	if (w->n_said == 0) {
		if (!w->has_left || w->has_ended)
			return false;
		edge_client_gone(w);
		return true;
	}
	w->n_said--;
	memmove(w->said, w->said + 1, w->n_said * sizeof(s));
	memset(&w->said[w->n_said], 0, sizeof(s));
	edge_take_saying(w, s);
	return true;
}

static bool socket_takes(struct world *w, bool whole)
{
	struct out_frame f;

	/* A client that does not read its own pongs' way full is waited for. */
	if (w->n_out > 0 && w->out[0].kind == FRAME_PING && w->n_said == CLIENT_QUEUE &&
		!w->has_left)
		return false;
	if (!whole && w->left.partial_writes == 0)
		return false;
	if (!edge_write(w, whole, &f))
		return false;
	if (whole) {
		hear(w, f);
	} else {
		w->left.partial_writes--;
		w->has_partial = true;
		w->partial = f;
	}
	edge_has_room(w);
	return true;
}

static bool socket_takes_rest(struct world *w)
{
	const struct out_frame f = w->partial;

	if (!w->has_partial || w->n_said == CLIENT_QUEUE)
		return false;
	w->has_partial = false;
	memset(&w->partial, 0, sizeof(w->partial));
	if (!w->has_ended)
		hear(w, f);
	return true;
}

static bool auth_answers(struct world *w, unsigned i, bool is_busy)
{
	const struct question_to_auth q = w->auth[i];

	if (!q.is_open || (is_busy && w->left.busy == 0))
		return false;
	w->left.busy = (uint8_t)(w->left.busy - is_busy);
	memset(&w->auth[i], 0, sizeof(q));
	edge_take_answer(w, &q, is_busy);
	return true;
}

static bool question_is_late(struct world *w)
{
	uint8_t *left = w->state == ID_ASKING ? &w->left.late_questions : &w->left.timeouts;

	if (w->has_ended || w->state < ID_ASKING || *left == 0)
		return false;
	(*left)--;
	edge_question_late(w);
	return true;
}

static bool send_is_late(struct world *w)
{
	if (w->refs == 0 || w->left.timeouts == 0)
		return false;
	w->left.timeouts--;
	edge_send_late(w);
	return true;
}

static bool router_works(struct world *w, bool refuses)
{
	if (w->n_up == 0 || !w->is_linked)
		return false;
	if (refuses && (w->left.refusals == 0 || w->up[0].kind > UP_REBIND))
		return false;
	w->left.refusals = (uint8_t)(w->left.refusals - refuses);
	router_take(w, refuses);
	return true;
}

static bool edge_hears(struct world *w)
{
	const struct item i = w->down[0];

	if (w->n_down == 0)
		return false;
	w->n_down--;
	memmove(w->down, w->down + 1, w->n_down * sizeof(i));
	memset(&w->down[w->n_down], 0, sizeof(i));
	edge_take_item(w, i);
	return true;
}

static bool router_dies(struct world *w)
{
	if (!w->is_linked || w->left.restarts == 0)
		return false;
	w->left.restarts--;
	memset(w->up, 0, sizeof(w->up));
	memset(w->down, 0, sizeof(w->down));
	w->n_up = w->n_down = 0;
	memset(w->sessions, 0, sizeof(w->sessions));
	w->moved_session = w->moved_user = 0;
	edge_lose_link(w);
	/* What it said on the way down is for nobody. */
	memset(w->up, 0, sizeof(w->up));
	w->n_up = 0;
	return true;
}

static bool router_is_back(struct world *w)
{
	if (w->is_linked)
		return false;
	edge_get_link(w);
	return true;
}

static bool router_shuts(struct world *w)
{
	int i = find(w, w->session);

	if (w->left.shuts == 0 || i < 0)
		return false;
	w->left.shuts--;
	put_down(w, (struct item){.kind = DOWN_SHUT, .session = w->session});
	forget(w, i);
	return true;
}

static bool router_delivers_late(struct world *w)
{
	if (w->left.late_deliveries == 0 || w->moved_session == 0 || w->head[w->moved_user] == 0)
		return false;
	w->left.late_deliveries--;
	deliver(w, w->moved_session, w->moved_user, w->head[w->moved_user]);
	return true;
}

static bool message_comes(struct world *w, uint8_t user)
{
	if (w->left.messages == 0 || !w->is_linked)
		return false;
	w->left.messages--;
	message_for(w, user);
	return true;
}

static bool pings(struct world *w)
{
	if (w->left.pings == 0 || w->has_ended || (!w->position_is_due && !w->is_unseen))
		return false;
	w->left.pings--;
	edge_ping(w);
	return true;
}

static const char *const names[WORLD_STEPS] = {"client: sends", "client: sends with token A",
	"client: sends with token B", "client: sends with another token of A",
	"client: sends with a bad token", "client: reauth A", "client: reauth B",
	"client: reauth with another token of A", "client: reauth with a bad token",
	"client: says its position", "client: leaves", "edge: reads a frame",
	"socket: takes a frame", "socket: takes a part of a frame", "socket: takes the rest",
	"auth: answers the first question", "auth: answers the second", "auth: answers the third",
	"auth: answers the fourth", "auth: is busy", "edge: the question is late",
	"edge: a send is late", "router: takes an item", "router: refuses",
	"edge: hears the router", "router: dies", "router: is back", "router: shuts the session",
	"router: delivers to a session that was moved", "a message for A", "a message for B",
	"edge: pings"};

bool world_step(struct world *w, unsigned step)
{
	switch (step) {
	case 0:
		return client_sends(w, &w->left.sends, SAID_SEND, 0);
	case 1:
	case 2:
	case 3:
	case 4:
		return client_sends(
			w, &w->left.sends_with_token, SAID_SEND_WITH_TOKEN, (uint8_t)(step - 1));
	case 5:
	case 6:
	case 7:
	case 8:
		return client_says(w, &w->left.reauths,
			(struct saying){SAID_REAUTH, (uint8_t)(step - 5), 0, 0});
	case 9:
		return client_says(w, &w->left.positions,
			(struct saying){SAID_POSITION, 0, w->received[w->client_user], 0});
	case 10:
		return client_leaves(w);
	case 11:
		return edge_reads(w);
	case 12:
	case 13:
		return socket_takes(w, step == 12);
	case 14:
		return socket_takes_rest(w);
	case 15:
	case 16:
	case 17:
	case 18:
		return auth_answers(w, step - 15, false);
	case 19:
		return auth_answers(w, 0, true);
	case 20:
		return question_is_late(w);
	case 21:
		return send_is_late(w);
	case 22:
	case 23:
		return router_works(w, step == 23);
	case 24:
		return edge_hears(w);
	case 25:
		return router_dies(w);
	case 26:
		return router_is_back(w);
	case 27:
		return router_shuts(w);
	case 28:
		return router_delivers_late(w);
	case 29:
	case 30:
		return message_comes(w, (uint8_t)(step - 29));
	case 31:
		return pings(w);
	}
	return false;
}

const char *world_step_name(unsigned step)
{
	return names[step];
}

void world_look(const struct world *w)
{
	int n = 0;

	if (w->n_up > 0 || w->n_down > 0 || w->n_out > 0 || w->n_said > 0 || w->has_partial ||
		!w->is_linked || (!w->has_ended && w->state != ID_STEADY) || w->has_left)
		return;
	for (int i = 0; i < SESSIONS; i++)
		n += w->sessions[i].session != 0;
	if (w->has_ended) {
		world_must(n == 0, "left: the router keeps a session that nobody has");
		return;
	}
	if (w->refs != 0)
		return; /* its time is not over */
	world_must(n == 1 && find(w, w->session) >= 0 &&
			   w->sessions[find(w, w->session)].user == w->user,
		"session: the router's session is not the connection's");
	world_must(w->mapped[0] == w->session && w->mapped[1] == 0,
		"mapped: another session names the connection");
	world_must(w->unanswered == 0, "answer: a frame got none, or two");
	world_must(w->received[w->user] == w->head[w->user], "missing: a message does not come");
}
