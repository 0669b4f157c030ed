/*
 * Auth as its peers find it: requests of edges and of authctl, as bytes and as questions that are
 * put together here, with tokens, tickets and secrets of which some are good.  Every request is
 * answered or dropped, once.  What is granted is granted to the user of a good token, for the edge
 * that asked; nothing else opens anything, and what is revoked opens nothing any more.
 *
 * Keys, tickets, users, facts and the worker are the real ones.  Hashes of passwords are played.
 */
#include <assert.h>

#include "tests/fuzz/auth_rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pass_time(struct play *p)
{
	world_ms += (int64_t)script_number(&p->s, 2) * 16;
}

static void hear_router(struct play *p)
{
	router_answers(script_byte(&p->s) % 2 == 0);
}

static void step(struct play *p)
{
	static void (*const steps[])(struct play * p) = {send_bytes, send_raw, send_questions,
		send_questions, send_ctl_bytes, send_revoke, pass_time, hear_router, send_command};

	steps[script_byte(&p->s) % (sizeof(steps) / sizeof(steps[0]))](p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play p;

	if (authd.ring == NULL)
		auth_begin();
	world_reset();
	p = (struct play){.s = {data, size}};
	world_on_sent(check_sent, &p);
	is_used = false;
	while (!script_is_over(&p.s))
		step(&p);
	router_answers(true);
	while (world_waiting() > 0)
		(void)uv_run(&authd.loop, UV_RUN_ONCE);
	assert(!router_is_awaited() && authd.logouts_in_flight == 0);
	world_on_sent(NULL, NULL);
	for (uint32_t pipe = 1; pipe <= EDGES; pipe++)
		world_down(authd.edge_socket, pipe);
	if (is_used)
		auth_begin_again();
	return 0;
}
