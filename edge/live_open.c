/*
 * How a connection comes to be: the door asks for an opening with the ticket, the router answers,
 * the door hands over the socket.  `ready` is queued with the router's answer, so it is the first
 * frame, and all that the router sends from then on follows it, whether or not the socket is there
 * yet.
 *
 * When the router was started anew it knows nobody: every connection is opened again with its
 * ticket, a few thousand in a turn, while its socket stays as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bug.h"
#include "common/log.h"
#include "edge/live_inner.h"
#include "proto/codec.h"
#include "proto/codes.h"

#define REOPENS_PER_TURN 2000
#define REOPEN_TURN_MS 2
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 5000

void live_fill_open(const struct live_conn *c, struct slice ticket, uint64_t nonce, Pb__UpOpen *out)
{
	out->nonce = nonce;
	out->ticket = codec_bytes(ticket);
	out->device = codec_bytes(live_device(c));
	out->dialect = c->rules.dialect == CONN_NATIVE ? PB__DIALECT__DIALECT_NATIVE
						       : PB__DIALECT__DIALECT_PLAIN;
}

static int send_open(struct live_conn *c, bool reopen)
{
	Pb__UpOpen open = PB__UP_OPEN__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;

	live_fill_open(c, live_ticket(c), c->nonce, &open);
	open.reopen = reopen;
	if (c->has_position) {
		open.has_position = true;
		open.epoch = codec_bytes((struct slice){c->epoch, EPOCH_BYTES});
		open.u = c->rules.user.sent;
		open.s = c->rules.system.sent;
	}
	item.item_case = PB__UP_ITEM__ITEM_OPEN;
	item.open = &open;
	return uplink_add(c->live->uplink, &item, UPLINK_MAY_WAIT);
}

static bool open_is_good(const struct live_open *o)
{
	return o->uid.len > 0 && o->uid.len <= UID_MAX_BYTES && o->device.len > 0 &&
	       o->device.len <= DEVICE_MAX_BYTES && o->ticket.len > 0 &&
	       o->ticket.len <= TICKET_MAX_BYTES;
}

static struct live_conn *make_conn(struct live *l, const struct live_open *o)
{
	struct live_conn *c = calloc(1, sizeof(*c) + o->uid.len + o->device.len + o->ticket.len);
	const struct conn_times times = {
		.now_ms = live_now(l),
		.phase_ms = live_jitter(l, 0, UINT16_MAX),
		.expires_in_ms = o->expires_in_ms,
		.ends_in_ms = o->ends_in_ms,
	};
	char *p;

	if (c == NULL)
		return NULL;
	c->live = l;
	c->nonce = o->nonce;
	c->serial = ++l->last_serial;
	c->stage = LIVE_OPENING;
	c->may_push = o->may_push;
	c->token = o->token;
	c->uid_len = (uint8_t)o->uid.len;
	c->device_len = (uint8_t)o->device.len;
	c->ticket_len = (uint16_t)o->ticket.len;
	p = mempcpy(c->text, o->uid.data, o->uid.len);
	p = mempcpy(p, o->device.data, o->device.len);
	memcpy(p, o->ticket.data, o->ticket.len);
	conn_init(&c->rules, &l->limits, o->dialect == LIVE_NATIVE ? CONN_NATIVE : CONN_PLAIN,
		&times);
	if (o->has_position) {
		c->has_position = true;
		memcpy(c->epoch, o->position.epoch, EPOCH_BYTES);
		stream_start(&c->rules.user, o->position.u);
		stream_start(&c->rules.system, o->position.s);
		conn_tells_position(&c->rules);
	}
	return c;
}

static void note_opening(struct live *l)
{
	if (map_count(l->by_nonce) > l->most_opening)
		l->most_opening = map_count(l->by_nonce);
}

int live_open(struct live *l, const struct live_open *o, live_opened_fn *fn, void *arg)
{
	struct live_conn *c;
	int ret;

	if (!live_is_up(l) || l->n_conns == l->config.max_connections)
		return -EAGAIN;
	if (!open_is_good(o) || map_get_u64(l->by_nonce, o->nonce) != NULL)
		return -EINVAL;
	c = make_conn(l, o);
	if (c == NULL)
		return -ENOMEM;
	c->opened = fn;
	c->opened_arg = arg;
	ret = map_put_u64(l->by_nonce, c->nonce, c);
	if (ret == 0)
		ret = send_open(c, false);
	if (ret < 0) {
		map_remove_u64(l->by_nonce, c->nonce);
		free(c);
		return ret;
	}
	note_opening(l);
	c->index = (uint32_t)l->n_conns;
	l->conns[l->n_conns++] = c;
	return 0;
}

void live_open_cancel(struct live *l, uint64_t nonce)
{
	struct live_conn *c = map_get_u64(l->by_nonce, nonce);

	/* An answer that is still on its way finds nobody, and the session is closed then. */
	if (c != NULL && c->stage != LIVE_ADOPTED)
		live_bury(c);
}

int live_adopt(struct live *l, uint64_t nonce, int fd, struct slice key)
{
	struct live_conn *c = map_get_u64(l->by_nonce, nonce);
	const struct ws_adoption adoption = {
		.fd = fd,
		.key = key,
		.is_native = c != NULL && c->rules.dialect == CONN_NATIVE,
	};

	if (c == NULL || c->stage != LIVE_ADMITTED) {
		close(fd);
		return -ENOENT;
	}
	map_remove_u64(l->by_nonce, nonce);
	c->stage = LIVE_ADOPTED;
	conn_on_bytes(&c->rules, live_now(l));
	live_set_timer(c);
	return ws_adopt(l->ws, &c->link, &adoption);
}

struct frame_resume live_resume(const struct live_conn *c, const Pb__DownOpened *o)
{
	return (struct frame_resume){
		.epoch = codec_slice(o->epoch),
		.u = o->u,
		.s = o->s,
		.recovered = o->recovered,
		.missed = o->u - c->rules.user.sent + o->s - c->rules.system.sent,
	};
}

static void queue_ready(struct live_conn *c, const Pb__DownOpened *o)
{
	struct live *l = c->live;
	char name[32];
	const struct frame_ready ready = {
		.conn = name,
		.user = live_uid(c),
		.device = live_device(c),
		.identity = c->rules.identity,
		.resume = live_resume(c, o),
		.interval_ms = l->config.interval_ms,
		.grace_ms = l->config.grace_ms,
		.expires_in_ms = conn_token_left_ms(&c->rules, live_now(l)),
		.msgs_per_s = l->limits.msgs_per_s,
		.msgs_burst = l->limits.msgs_burst,
		.pending_bytes = l->config.pending_bytes,
		.may_swap = l->config.may_swap,
	};

	snprintf(name, sizeof(name), "%x.%" PRIx64, uplink_edge_id(l->uplink), c->serial);
	buf_clear(&l->scratch);
	frame_write_ready(&l->scratch, &ready);
	live_put_scratch(c);
}

static void after_reopen(struct live_conn *c)
{
	c->is_reopening = false;
	map_remove_u64(c->live->by_nonce, c->nonce);
	/* What was acknowledged to the old router may be unknown to the new one. */
	c->rules.has_untold = !c->rules.tells_position;
	/* Its list must not be lost in silence: it comes back and says it again. */
	if (c->watch != NULL && live_say_watch(c) < 0)
		live_close(c, CLOSE_RETRY, live_jitter(c->live, RETRY_MIN_MS, RETRY_MAX_MS));
	if (c->rules.away)
		live_say_away(c, true);
	if (c->has_news)
		live_say_renewed(c);
}

/* Where the session begins.  Below the head: the rest is asked for when the socket is there. */
void live_begin_streams(struct live_conn *c, const Pb__DownOpened *o)
{
	const uint64_t u = o->start_u < o->u ? o->start_u : o->u;
	const uint64_t s = o->start_s < o->s ? o->start_s : o->s;

	memcpy(c->epoch, o->epoch.data, EPOCH_BYTES);
	c->has_position = true;
	stream_start(&c->rules.user, u);
	stream_start(&c->rules.system, s);
	c->rules.user.is_behind = u < o->u;
	c->rules.system.is_behind = s < o->s;
}

void live_on_opened(struct live *l, const Pb__DownOpened *o)
{
	struct live_conn *c = map_get_u64(l->by_nonce, o->nonce);

	if (c != NULL && live_take_rebound(c, o))
		return;
	if (live_call_on_opened(l, o))
		return;
	/* It was cancelled, or closed while it was being reopened. */
	if (c == NULL || c->is_open || o->epoch.len != EPOCH_BYTES) {
		live_say_close(l, o->session, 0);
		return;
	}
	if (map_put_u64(l->by_session, o->session, c) < 0) {
		live_say_close(l, o->session, CLOSE_OVERLOAD);
		live_close(c, CLOSE_OVERLOAD, live_jitter(l, RETRY_MIN_MS, RETRY_MAX_MS));
		return;
	}
	live_begin_streams(c, o);
	c->session = o->session;
	c->is_open = true;
	uplink_system_start(l->uplink, o->s);
	if (c->stage == LIVE_OPENING && c->rules.dialect == CONN_NATIVE)
		queue_ready(c, o);
	if (o->reset != PB__RESET_REASON__RESET_NONE)
		live_put_reset(c, live_reset_reason(o->reset));
	if (c->stage == LIVE_OPENING) {
		c->stage = LIVE_ADMITTED;
		c->opened(c->opened_arg, LIVE_OPENED, 0);
	} else {
		after_reopen(c);
		live_want_sync(c);
	}
}

void live_on_open_refused(struct live *l, const Pb__DownOpenRefused *r)
{
	struct live_conn *c = map_get_u64(l->by_nonce, r->nonce);
	const struct code_info *info;

	if (live_call_on_open_refused(l, r) || c == NULL || live_take_rebind_refused(c, r) ||
		c->is_open)
		return;
	if (c->stage == LIVE_OPENING) {
		live_bury(c);
		c->opened(c->opened_arg, LIVE_REFUSED, r->code);
		return;
	}
	LOG_LIMITED(LOG_WARN, "reopen_refused", "code=%u", r->code);
	/* It may have been revoked, kicked or replaced meanwhile: then it must not come back so. */
	info = code_info(r->code);
	if (info == NULL || r->code < 4000 || strcmp(info->retry, "after") == 0)
		live_close(c, CLOSE_RETRY, live_jitter(l, RETRY_MIN_MS, RETRY_MAX_MS));
	else
		live_close(c, r->code, 0);
}

static void lose_session(struct live_conn *c)
{
	struct live *l = c->live;

	if (c->stage == LIVE_OPENING) {
		live_bury(c);
		c->opened(c->opened_arg, LIVE_AWAY, CLOSE_ROUTER_AWAY);
		return;
	}
	if (c->stage == LIVE_ADMITTED) {
		live_bury(c); /* live_adopt() will not find it */
		return;
	}
	live_note_lost(c);
	live_forget_sync(c);
	if (c->is_open)
		map_remove_u64(l->by_session, c->session);
	if (c->is_reopening)
		map_remove_u64(l->by_nonce, c->nonce);
	if (c->wants_reopen)
		l->n_wants_reopen--;
	c->is_open = false;
	live_note_behind(c);
	c->is_reopening = false;
	c->wants_reopen = false;
}

void live_on_send_lost(void *arg, const struct send_entry *e)
{
	struct live *l = arg;
	struct live_conn *c = map_get_u64(l->by_session, e->session);

	if (c == NULL || BUG(27))
		return;
	conn_send_end(&c->rules);
	live_say_exception(c, send_id(e), EX_UNAVAILABLE, (struct slice){NULL, 0}, 0);
	live_note_settled(c);
}

void live_on_link_down(void *arg)
{
	struct live *l = arg;

	/* First, while sessions still name their connections. */
	sends_take_all(l->sends, live_on_send_lost, l);
	for (size_t i = l->n_conns; i-- > 0;)
		if (i < l->n_conns)
			lose_session(l->conns[i]);
	syncs_reset(&l->syncs);
	live_calls_on_down(l);
	uv_timer_stop(&l->reopen_timer);
}

static void reopen_some(struct live *l)
{
	size_t done = 0;

	while (l->n_wants_reopen > 0 && done < REOPENS_PER_TURN) {
		struct live_conn *c;

		/* One that is removed is replaced by the last, so once through may not be enough.
		 */
		if (l->reopen_next >= l->n_conns)
			l->reopen_next = 0;
		c = l->conns[l->reopen_next++];
		if (!c->wants_reopen)
			continue;
		if (map_put_u64(l->by_nonce, c->nonce, c) < 0)
			return;
		if (send_open(c, true) < 0) {
			map_remove_u64(l->by_nonce, c->nonce);
			l->reopen_next--;
			return;
		}
		c->wants_reopen = false;
		c->is_reopening = true;
		c->has_news = false;
		note_opening(l);
		l->n_wants_reopen--;
		done++;
	}
}

void live_on_reopen_timer(uv_timer_t *timer)
{
	struct live *l = timer->data;

	reopen_some(l);
	if (l->n_wants_reopen == 0)
		uv_timer_stop(timer);
}

void live_on_link_up(void *arg, enum uplink_change change)
{
	struct live *l = arg;
	size_t n = l->n_conns;

	for (size_t i = n; i-- > 0;) {
		struct live_conn *c = l->conns[i];

		if (c->is_leaving)
			continue;
		if (change == UPLINK_NEW_ROUTER) {
			c->wants_reopen = true;
			l->n_wants_reopen++;
		} else {
			live_close(c, CLOSE_RETRY, live_jitter(l, RETRY_MIN_MS, RETRY_MAX_MS));
		}
	}
	if (n > 0)
		log_info(change == UPLINK_NEW_ROUTER ? "sessions_reopen" : "sessions_lost",
			"connections=%zu", n);
	l->reopen_next = 0;
	if (l->n_wants_reopen > 0)
		uv_timer_start(&l->reopen_timer, live_on_reopen_timer, 0, REOPEN_TURN_MS);
}
