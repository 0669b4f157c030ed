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
};

static void log_refused(const struct guest *g, const struct refusal_info *info, unsigned code)
{
	char peer[ADDRESS_TEXT_BYTES];

	LOG_LIMITED(LOG_INFO, "refused", "status=%u code=%u peer=%s why=\"%s\"", info->status, code,
		address_format(&g->peer, peer), info->message);
}

static void refuse(struct guest *g, enum refusal why, const struct news *news)
{
	struct door *d = g->door;
	const struct refusal_info *info = refusal_info(why);
	struct refusal_detail detail = {
		.refusal = why,
		.code = news->code,
		.after_ms = news->after_ms,
		.allow = news->request == NULL ? NULL : news->request->allow,
		.cors = g->cors,
	};

	if (detail.after_ms <= 0)
		detail.after_ms =
			AFTER_MIN_MS + (int64_t)(door_random(d) % (AFTER_MAX_MS - AFTER_MIN_MS));
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

static void on_auth_reply(void *arg, const struct auth_reply *reply)
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

static void ask_auth(struct guest *g, const struct request *request)
{
	struct door *d = g->door;

	g->nonce = door_random(d);
	if (request->kind == REQUEST_UPGRADE) {
		g->is_asking = true;
		d->n_asking++;
		g->is_native = request->is_native;
		memcpy(g->key, request->key.data, sizeof(g->key));
		memcpy(g->device, request->device, request->device_len);
		g->device_len = request->device_len;
		g->has_position = request->has_position;
		g->position = request->position;
		if (g->device_len == 0)
			name_device(g);
	}
	guest_set_deadline(g, d->upgrade_timeout_ms);
	g->ask = auth_client_verify(d->auth,
		&(struct auth_verify){.token = request->token, .nonce = g->nonce},
		d->upgrade_timeout_ms, on_auth_reply, g);
	if (g->ask == 0)
		tell_busy(g);
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
	g->ask = auth_client_login(g->door->auth, &ask, LOGIN_TIMEOUT_MS, on_auth_reply, g);
	if (g->ask == 0)
		tell_busy(g);
}

static void answer_plain(struct guest *g, const struct request *request)
{
	struct door *d = g->door;

	switch (request->kind) {
	case REQUEST_OPTIONS:
		http_write_options(&g->out, request->allow, g->cors);
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
	case REQUEST_LOGIN:
		guest_free(g);
		return;
	}
	d->n_answered++;
	guest_send(g);
}

static void answer_check(struct guest *g)
{
	g->door->n_answered++;
	http_write_no_content(&g->out, g->cors);
	guest_send(g);
}

static void answer_login(struct guest *g, struct slice token)
{
	g->door->n_answered++;
	http_write_token(&g->out, token, g->cors);
	guest_send(g);
}

static void cancel_ask(struct guest *g)
{
	if (g->ask != 0)
		auth_client_cancel(g->door->auth, g->ask);
	g->ask = 0;
}

void guest_tell(struct guest *g, const struct news *news)
{
	bool end_session;
	struct upgrade_step step = upgrade_step(&g->state, news->event, &end_session);

	if (end_session)
		live_open_cancel(g->door->live, g->nonce);
	if (g->state == UP_CLOSED) {
		cancel_ask(g);
		stop_asking(g);
	}
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
		answer_check(g);
		break;
	case ACT_ANSWER_LOGIN:
		answer_login(g, news->reply->token);
		break;
	case ACT_REFUSE:
		refuse(g, step.refusal, news);
		break;
	case ACT_REFUSE_KNOWN:
		refuse(g, news->refusal, news);
		break;
	}
}
