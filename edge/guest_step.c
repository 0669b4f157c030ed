/*
 * What the steps of upgrade.c's table do.  The 101 is not sent here: guest_adopt() gives the socket
 * away, and live_adopt() gives it to libwebsockets.
 *
 * auth and live call back with the guest as argument; guest_free() cancels the question at auth,
 * and a step out of UP_OPENING cancels the opening, so no call comes for a guest that is gone.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "edge/guest.h"

enum {
	AFTER_MIN_MS = 1000, /* 503: back off, each for another time */
	AFTER_MAX_MS = 4000,
	LOGIN_TIMEOUT_MS = 10000,
	LOGOUT_TIMEOUT_MS = 5000, /* the router has a part in it */
};

static void log_refused(const struct guest *g, const struct refusal_info *info, unsigned code)
{
	char peer[ADDRESS_TEXT_BYTES];

	LOG_LIMITED(LOG_INFO, "refused", "status=%u code=%u peer=%s why=\"%s\"", info->status, code,
		address_format(&g->peer, peer), info->message);
}

int64_t guest_after_ms(struct guest *g, int64_t said_ms)
{
	if (said_ms > 0)
		return said_ms;
	return AFTER_MIN_MS + (int64_t)(door_random(g->door) % (AFTER_MAX_MS - AFTER_MIN_MS));
}

static void refuse(struct guest *g, enum refusal why, const struct news *news)
{
	struct door *d = g->door;
	const struct refusal_info *info = refusal_info(why);
	struct refusal_detail detail = {
		.refusal = why,
		.code = news->code,
		.after_ms = guest_after_ms(g, news->after_ms),
		.allow = news->request == NULL ? NULL : news->request->allow,
		.cors = g->cors,
	};

	d->n_refused++;
	if (g->is_for_upgrade)
		live_count_upgrade(d->live, true);
	log_refused(g, info, news->code != 0 ? news->code : info->code);
	refusal_write(&g->out, &detail);
	guest_send(g);
}

static void stop_asking(struct guest *g)
{
	g->door->n_asking -= g->is_asking;
	g->is_asking = false;
}

void guest_on_auth_reply(void *arg, const struct auth_reply *reply)
{
	static const enum upgrade_event events[] = {
		[AUTH_GRANTED] = EV_GRANTED,
		[AUTH_DENIED] = EV_DENIED,
		[AUTH_BUSY] = EV_BUSY,
		[AUTH_AWAY] = EV_AUTH_AWAY,
	};
	struct guest *g = arg;

	g->ask = 0;
	guest_tell(g, &(struct news){.event = events[reply->outcome],
			      .reply = reply,
			      .after_ms = reply->retry_after_ms});
}

/* auth_client has too much to do already. */
static void tell_busy(struct guest *g)
{
	guest_tell(g, &(struct news){.event = EV_BUSY});
}

static void name_device(struct guest *g)
{
	int n = snprintf(g->device, sizeof(g->device), "~%016" PRIx64, door_random(g->door));

	g->device_len = (size_t)n;
}

void guest_ask_auth(struct guest *g, const struct guest_proof *proof)
{
	struct door *d = g->door;
	const int64_t ms = d->upgrade_timeout_ms;

	g->nonce = door_random(d);
	guest_set_deadline(g, ms);
	if (proof->is_one_time)
		g->ask = auth_client_redeem(d->auth,
			&(struct auth_redeem){proof->token, proof->origin, g->nonce}, ms,
			guest_on_auth_reply, g);
	else
		g->ask = auth_client_verify(d->auth,
			&(struct auth_verify){.token = proof->token, .nonce = g->nonce}, ms,
			guest_on_auth_reply, g);
	if (g->ask == 0)
		tell_busy(g);
}

static void keep_upgrade(struct guest *g, const struct request *request)
{
	g->is_asking = true;
	g->door->n_asking++;
	g->is_native = request->is_native;
	if (!request->is_one_time)
		g->token = fingerprint_of(request->token);
	memcpy(g->key, request->key.data, sizeof(g->key));
	memcpy(g->device, request->device, request->device_len);
	g->device_len = request->device_len;
	g->has_position = request->has_position;
	g->position = request->position;
	if (g->device_len == 0)
		name_device(g);
}

/* About the token itself. */
static void ask_more(struct guest *g, const struct request *r)
{
	struct auth_client *auth = g->door->auth;
	int64_t ms = g->door->upgrade_timeout_ms;

	if (r->kind == REQUEST_LOGOUT) {
		ms = LOGOUT_TIMEOUT_MS;
		g->ask = auth_client_logout(auth, r->token, ms, guest_on_auth_reply, g);
	} else if (r->kind == REQUEST_REFRESH) {
		g->ask = auth_client_refresh(auth, r->token, ms, guest_on_auth_reply, g);
	} else {
		g->ask =
			auth_client_one_time(auth, r->token, r->origin, ms, guest_on_auth_reply, g);
	}
	guest_set_deadline(g, ms);
	if (g->ask == 0)
		tell_busy(g);
}

/* request: NULL for a call, whose head is gone. */
static void ask_auth(struct guest *g, const struct request *request)
{
	if (request == NULL) {
		guest_call_ask(g);
		return;
	}
	if (request->kind == REQUEST_UPGRADE)
		keep_upgrade(g, request);
	if (request->kind == REQUEST_UPGRADE || request->kind == REQUEST_CHECK)
		guest_ask_auth(g, &(struct guest_proof){
					  request->token, request->is_one_time, request->origin});
	else
		ask_more(g, request);
}

static void on_opened(void *arg, enum live_open_outcome outcome, unsigned code)
{
	struct guest *g = arg;
	struct news news = {0};

	switch (outcome) {
	case LIVE_OPENED:
		/* Bytes that came before the 101 must not become frames after it. */
		news.event = guest_look(g, EV_OPENED);
		break;
	case LIVE_REFUSED:
		news.event = EV_OPEN_REFUSED;
		news.refusal = refusal_of_open(code);
		/* Whoever is not let in hears the same, whatever was wrong. */
		news.code = news.refusal == REFUSAL_UNAUTHORIZED ? 0 : code;
		break;
	case LIVE_AWAY:
		news.event = EV_ROUTER_AWAY;
		break;
	}
	guest_tell(g, &news);
}

static void open_session(struct guest *g, const struct auth_reply *grant)
{
	struct live_open open = {
		.nonce = g->nonce,
		.ticket = grant->ticket,
		.uid = grant->uid,
		.device = {g->device, g->device_len},
		.dialect = g->is_native ? LIVE_NATIVE : LIVE_PLAIN,
		.expires_in_ms = grant->expires_in_ms,
		.ends_in_ms = grant->ends_in_ms,
		.may_push = grant->may_push,
		.token = g->token,
		.has_position = g->has_position,
		.position = g->position,
	};

	stop_asking(g); /* live counts it from here */
	if (live_open(g->door->live, &open, on_opened, g) < 0)
		guest_tell(g, &(struct news){.event = EV_ROUTER_AWAY});
}

static void adopt(struct guest *g)
{
	struct door *d = g->door;
	char key[WEBSOCKET_KEY_BYTES];
	uint64_t nonce = g->nonce;
	int fd = g->fd;
	int result;

	memcpy(key, g->key, sizeof(key));
	watch_remove(d->watch, fd, &g->source);
	g->fd = -1;
	guest_free(g);
	result = live_adopt(d->live, nonce, fd, (struct slice){key, sizeof(key)});
	if (result < 0)
		LOG_LIMITED(LOG_ERROR, "not_adopted", "error=%d", -result);
	d->n_adopted += result == 0;
	live_count_upgrade(d->live, result < 0);
}

static void ask_login(struct guest *g, const struct http_login *login)
{
	char prefix[ADDRESS_TEXT_BYTES];
	struct auth_login ask = {
		login->username, login->password, slice_of(address_prefix(&g->peer, prefix))};

	guest_set_deadline(g, LOGIN_TIMEOUT_MS);
	g->ask = auth_client_login(g->door->auth, &ask, LOGIN_TIMEOUT_MS, guest_on_auth_reply, g);
	if (g->ask == 0)
		tell_busy(g);
}

static void answer_plain(struct guest *g, const struct request *request)
{
	struct door *d = g->door;

	switch (request->kind) {
	case REQUEST_OPTIONS:
		http_write_options(&g->out, request->allow, &g->cors);
		break;
	case REQUEST_HEALTH:
		http_write_health(&g->out);
		break;
	case REQUEST_READY:
		http_write_ready(&g->out, auth_client_is_up(d->auth), live_is_up(d->live));
		break;
	case REQUEST_PAGE:
		http_write_page(&g->out, request->page, request->is_unchanged);
		if (!request->is_unchanged)
			g->out_page = request->page->body;
		break;
	case REQUEST_REFUSED:
	case REQUEST_UPGRADE:
	case REQUEST_CHECK:
	case REQUEST_REFRESH:
	case REQUEST_LOGOUT:
	case REQUEST_TICKET:
	case REQUEST_LOGIN:
	case REQUEST_CHAT:
	case REQUEST_PUSH:
		guest_free(g);
		return;
	}
	d->n_answered++;
	guest_send(g);
}

static void answer_check(struct guest *g, const struct auth_reply *reply)
{
	g->door->n_answered++;
	if (g->kind == REQUEST_REFRESH)
		http_write_token(&g->out, reply->token, &g->cors);
	else if (g->kind == REQUEST_TICKET)
		http_write_ticket(&g->out, reply->token, reply->expires_in_ms, &g->cors);
	else
		http_write_no_content(&g->out, &g->cors);
	guest_send(g);
}

static void answer_login(struct guest *g, struct slice token)
{
	g->door->n_answered++;
	http_write_token(&g->out, token, &g->cors);
	guest_send(g);
}

static void cancel_ask(struct guest *g)
{
	if (g->ask != 0)
		auth_client_cancel(g->door->auth, g->ask);
	g->ask = 0;
}

static void end_session_of(struct guest *g)
{
	if (g->call != NULL)
		live_call_cancel(g->door->live, g->nonce);
	else
		live_open_cancel(g->door->live, g->nonce);
}

void guest_tell(struct guest *g, const struct news *news)
{
	bool end_session;
	struct upgrade_step step = upgrade_step(&g->state, news->event, &end_session);

	if (end_session)
		end_session_of(g);
	if (g->state == UP_CLOSED) {
		cancel_ask(g);
		stop_asking(g);
	}
	guest_sort(g);
	switch (step.action) {
	case ACT_CLOSE:
		guest_free(g);
		break;
	case ACT_WAIT:
		break;
	case ACT_ASK_AUTH:
		ask_auth(g, news->request);
		break;
	case ACT_OPEN_SESSION:
		open_session(g, news->reply);
		break;
	case ACT_HAND_TO_LWS:
		adopt(g);
		break;
	case ACT_READ_BODY:
		guest_set_deadline(g, BODY_DEADLINE_MS);
		break;
	case ACT_ASK_LOGIN:
		ask_login(g, news->login);
		break;
	case ACT_ANSWER_PLAIN:
		answer_plain(g, news->request);
		break;
	case ACT_ANSWER_CHECK:
		answer_check(g, news->reply);
		break;
	case ACT_ANSWER_LOGIN:
		answer_login(g, news->reply->token);
		break;
	case ACT_CALL:
		guest_call_make(g, news->reply);
		break;
	case ACT_ANSWER_CALL:
		guest_call_answer(g, news);
		break;
	case ACT_REFUSE_CALL:
		guest_call_refuse(g, news);
		break;
	case ACT_REFUSE:
		refuse(g, step.refusal, news);
		break;
	case ACT_REFUSE_KNOWN:
		refuse(g, news->refusal, news);
		break;
	}
}
