/* Clients come, speak and go: see live_rig.h. */
#include <assert.h>
#include <stdio.h>

#include "edge/live_call.h"
#include "tests/fuzz/live_rig.h"

static void on_opened(void *arg, enum live_open_outcome outcome, unsigned code)
{
	struct client *c = arg;

	assert(c->is_used && !c->is_admitted);
	c->is_admitted = outcome == LIVE_OPENED;
	c->is_used = c->is_admitted;
	assert(outcome == LIVE_OPENED || code != 0 || play.is_hostile);
}

void client_opens(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;
	unsigned how = script_byte(&p->s);
	struct client *c = &p->clients[i];
	char ticket[TICKET_BYTES];
	const struct live_open open = {
		.nonce = ++p->nonces,
		.ticket = ticket_of(how % USERS, ticket),
		.uid = slice_of(users[how % USERS]),
		.device = SLICE_LITERAL("phone"),
		.dialect = how & 2 ? LIVE_PLAIN : LIVE_NATIVE,
		.expires_in_ms = how & 4 ? 70000 : 3600000,
		.ends_in_ms = how & 8 ? 30000 : 900000,
		.may_push = (how & 16) != 0,
		.token = fingerprint_of(slice_of(tokens[how % USERS])),
		.has_position = (how & 32) != 0,
		.position = {EPOCH, how >> 6, how >> 7},
	};

	if (c->is_used || sockets_link(i) != NULL)
		return;
	*c = (struct client){.is_used = true,
		.nonce = open.nonce,
		.is_native = open.dialect == LIVE_NATIVE,
		.user = USERS};
	c->is_used = live_open(live, &open, on_opened, c) == 0;
}

void client_adopts(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;
	struct client *c = &p->clients[i];

	if (!c->is_admitted || sockets_link(i) != NULL)
		return;
	c->is_used = c->is_admitted = false; /* its socket is what is left of it */
	if (live_adopt(live, c->nonce, SOCKETS_FD + (int)i,
		    SLICE_LITERAL("dGhlIHNhbXBsZSBub25jZQ==")) == 0)
		sockets_establish(i);
}

void client_cancels(struct play *p)
{
	struct client *c = &p->clients[script_byte(&p->s) % CLIENTS];

	if (c->is_used)
		live_open_cancel(live, c->nonce);
	c->is_used = c->is_admitted = false;
}

/* A frame of this kind, about these numbers, and perhaps with a token. */
void client_says(struct play *p)
{
	static const char *const forms[] = {
		"{\"event\":\"chat\",\"id\":%u,\"data\":{\"toUserId\":\"7\",\"message\":\"x\"%s}}",
		"{\"event\":\"chat\",\"data\":{\"toUserId\":\"ann\",\"message\":\"%u\"%s}}",
		"{\"event\":\"heartbeat\",\"data\":{\"u\":%u%s}}",
		"{\"event\":\"heartbeat\",\"data\":{\"s\":%u%s}}",
		"{\"event\":\"typing\",\"id\":%u,\"data\":{\"toUserId\":7%s}}",
		"{\"event\":\"watch\",\"id\":%u,\"data\":{\"users\":[7]%s}}",
		"{\"event\":\"push\",\"id\":%u,\"data\":{\"event\":\"n\",\"data\":1%s}}",
		"{\"event\":\"sync\",\"data\":{\"e\":\"" EPOCH "\",\"u\":%u%s}}",
		"{\"event\":\"sync\",\"data\":{\"e\":\"" EPOCH "\",\"s\":%u%s}}",
		"{\"event\":\"sync\",\"id\":%u,\"data\":{\"e\":\"other\"%s}}",
		"{\"event\":\"reauth\",\"id\":%u,\"data\":{\"x\":1%s}}",
	};
	size_t i = script_byte(&p->s) % CLIENTS;
	unsigned form = script_byte(&p->s) % 11;
	unsigned number = script_byte(&p->s);
	unsigned token = script_byte(&p->s) % (2 * TOKENS);
	char with[64] = "", text[256];
	int n;

	if (token < TOKENS)
		snprintf(with, sizeof(with), ",\"token\":\"%s\"", tokens[token]);
	n = snprintf(text, sizeof(text), forms[form], number, with);
	if (form == 7 || form == 8)
		p->clients[i].has_synced = true;
	sockets_say(i, (struct slice){text, (size_t)n});
}

static void on_called(void *arg, const struct live_call_result *result)
{
	(void)arg;
	assert(play.called > 0);
	play.called--;
	assert(result->outcome != LIVE_CALL_SENT || result->state != NULL);
}

void request_calls(struct play *p)
{
	unsigned how = script_byte(&p->s);
	char ticket[TICKET_BYTES];
	const struct live_call call = {
		.nonce = ++p->nonces,
		.ticket = ticket_of(how % USERS, ticket),
		.is_push = (how & 2) != 0,
		.to = slice_of(users[1]),
		.content = SLICE_LITERAL("x"),
		.event = SLICE_LITERAL("n"),
		.data = SLICE_LITERAL("1"),
	};

	if (p->called < CALLS && live_call(live, &call, on_called, NULL) == 0) {
		p->called++;
		if (how & 4) {
			live_call_cancel(live, call.nonce);
			p->called--;
		}
	}
}

void client_says_raw(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;

	sockets_say(i, script_slice(&p->s));
	p->clients[i].has_synced = true; /* perhaps */
}

void client_pongs(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;

	sockets_pong(i, (struct slice){p->clients[i].ping, p->clients[i].ping_len});
}

void client_reads(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;

	sockets_read(i, (size_t)script_byte(&p->s) * 32);
}

void client_leaves(struct play *p)
{
	size_t i = script_byte(&p->s) % CLIENTS;
	unsigned code = (unsigned)script_number(&p->s, 2);

	sockets_leave(i, code, script_byte(&p->s) % 2);
}
