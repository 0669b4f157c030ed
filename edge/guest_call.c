/*
 * A call of the HTTP API: the head says who, the body says what, then auth and the router are asked
 * as for an upgrade, and what the router says of the one message is the answer.
 *
 * live_call() calls back with the guest as argument; a step out of UP_CALLING cancels it.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "edge/guest.h"

/* Backstop: live_call's own deadlines are shorter. */
enum { CALL_TIMEOUT_MS = 2 * SEND_ANSWER_MS + 1000 };

struct guest_call {
	struct guest_proof proof;
	struct slice mid;
	struct api_call body;
	size_t len;
	char kept[]; /* what proof and mid point to */
};

static struct slice keep(struct guest_call *c, struct slice s)
{
	char *to = c->kept + c->len;

	if (s.len > 0)
		memcpy(to, s.data, s.len);
	c->len += s.len;
	return (struct slice){to, s.len};
}

bool guest_call_begin(struct guest *g, const struct request *r)
{
	size_t len = r->token.len + r->origin.len + r->mid.len;
	struct guest_call *c = calloc(1, sizeof(*c) + len);

	if (c == NULL)
		return false;
	c->proof.token = keep(c, r->token);
	c->proof.origin = keep(c, r->origin);
	c->proof.is_one_time = r->is_one_time;
	c->mid = keep(c, r->mid);
	g->call = c;
	return true;
}

void guest_call_free(struct guest_call *c)
{
	if (c == NULL)
		return;
	api_call_fini(&c->body);
	explicit_bzero(c->kept, c->len);
	free(c);
}

void guest_call_take_body(struct guest *g, struct slice body)
{
	struct api_call *call = &g->call->body;
	struct api_error e =
		g->kind == REQUEST_PUSH ? api_read_push(body, call) : api_read_chat(body, call);

	guest_tell(g,
		&(struct news){.event = e.code == EX_NONE ? EV_BODY_OK : EV_BODY_BAD, .error = e});
}

void guest_call_ask(struct guest *g)
{
	guest_ask_auth(g, &g->call->proof);
}

static void on_called(void *arg, const struct live_call_result *result)
{
	struct guest *g = arg;
	struct news news = {.result = result};

	switch (result->outcome) {
	case LIVE_CALL_SENT:
		news.event = EV_CALLED;
		break;
	case LIVE_CALL_REFUSED:
		news.event = EV_CALL_REFUSED;
		news.error.code = result->exception;
		break;
	case LIVE_CALL_SHUT:
		news.event = EV_OPEN_REFUSED;
		news.refusal = refusal_of_open(result->close_code);
		/* As at an upgrade, whoever is not let in hears the same. */
		news.code = news.refusal == REFUSAL_UNAUTHORIZED ? 0 : result->close_code;
		break;
	case LIVE_CALL_AWAY:
		news.event = EV_CALL_REFUSED;
		news.error.code = EX_UNAVAILABLE;
		break;
	}
	guest_tell(g, &news);
}

void guest_call_make(struct guest *g, const struct auth_reply *grant)
{
	const struct guest_call *c = g->call;
	const struct live_call call = {
		.nonce = g->nonce,
		.ticket = grant->ticket,
		.is_push = g->kind == REQUEST_PUSH,
		.to = c->body.to,
		.content = c->body.content,
		.event = c->body.event,
		.data = c->body.data,
		.mid = c->mid,
	};
	int result;

	if (call.is_push && !grant->may_push) {
		guest_tell(g, &(struct news){
				      .event = EV_CALL_REFUSED, .error = {EX_NOT_PERMITTED, NULL}});
		return;
	}
	guest_set_deadline(g, CALL_TIMEOUT_MS);
	result = live_call(g->door->live, &call, on_called, g);
	if (result < 0)
		guest_tell(
			g, &(struct news){.event = result == -EAGAIN ? EV_ROUTER_AWAY : EV_BUSY});
}

void guest_call_answer(struct guest *g, const struct news *news)
{
	g->door->n_answered++;
	api_write_sent(&g->out, news->result, &g->cors);
	guest_send(g);
}

/* Both the body's faults, which we named, and the router's exceptions. */
void guest_call_refuse(struct guest *g, const struct news *news)
{
	const struct live_call_result *r = news->result;
	const bool is_routers = r != NULL && r->outcome == LIVE_CALL_REFUSED;
	const char *field = news->error.field == NULL ? "" : news->error.field;
	char peer[ADDRESS_TEXT_BYTES];

	LOG_LIMITED(LOG_INFO, "call_refused", "code=%u peer=%s", (unsigned)news->error.code,
		address_format(&g->peer, peer));
	g->door->n_refused++;
	refusal_write_exception(
		&g->out, &(struct refusal_exception){
				 .code = news->error.code,
				 .field = is_routers ? api_field(r->field) : slice_of(field),
				 .after_ms = guest_after_ms(g, is_routers ? r->after_ms : 0),
				 .cors = g->cors,
			 });
	guest_send(g);
}
