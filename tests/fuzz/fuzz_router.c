/*
 * The router as its peers find it: edges that say HELLO, claim links and send batches, auth with
 * its facts, an operator with his commands; each as bytes, or as a message that is put together
 * here, with tickets that the router's own key has signed, so that what lies behind them is
 * reached.
 *
 * Every request is answered or dropped, once.  What goes to an edge is within its bounds and in
 * order; a session exists only by a good ticket for that very edge; nothing is delivered to a link
 * whose session it is not; and a chat names as its sender a user who had a session on a link.
 *
 * Everything is the real one but the bus, the clocks and chance.  The store is that in memory.
 */
#include <assert.h>

#include "tests/fuzz/router_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *const users[USERS] = {"ann", "bob", "7"};
struct play play;

static void pass_time(struct play *p)
{
	router_tick((int64_t)script_number(&p->s, 2) * 4);
}

static void hang_up_one(struct play *p)
{
	hang_up(&p->edges[script_byte(&p->s) % EDGES]);
}

static void drain(struct play *p)
{
	hub.draining = script_byte(&p->s) % 2;
}

static void step(struct play *p)
{
	static void (*const steps[])(struct play * p) = {say_hello, connect_link, say_batch,
		say_batch, say_batch_raw, say_raw, ask_hello_raw, ask_trust_raw, say_facts,
		ask_ctl_raw, pass_time, hang_up_one, ask_page, say_command, say_second, drain};

	steps[script_byte(&p->s) % (sizeof(steps) / sizeof(steps[0]))](p);
}

/* What the bus would do at the end of a turn. */
static void turn(struct play *p)
{
	router_settle();
	for (size_t i = 0; i < EDGES; i++) {
		struct edge *e = &p->edges[i];

		if (e->socket == NULL)
			continue;
		if (world_closed(e->socket) == e->pipe)
			hang_up(e);
		else
			world_sent_done(e->socket, true);
	}
	world_sent_done(world_socket("system.sock"), true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct play *p = &play;

	if (hub.system == NULL)
		router_init();
	else
		world_reset();
	*p = (struct play){.s = {data, size}, .asking = EDGES};
	config.recipients = script_byte(&p->s) % 2 ? CORE_RECIPIENTS_ANY : CORE_RECIPIENTS_KNOWN;
	config.session_policy = (enum core_limit)(script_byte(&p->s) % 3);
	if (hub.core != NULL)
		router_end();
	router_begin();
	world_on_sent(check_sent, p);
	while (!script_is_over(&p->s)) {
		step(p);
		turn(p);
	}
	router_tick(CTL_WAIT_MAX_MS + TAIL_WAIT_MS);
	turn(p);
	control_drain(hub.control);
	assert(world_waiting() == 0);
	for (size_t i = 0; i < EDGES; i++)
		hang_up(&p->edges[i]);
	turn(p);
	world_on_sent(NULL, NULL);
	router_check_record();
	return 0;
}
