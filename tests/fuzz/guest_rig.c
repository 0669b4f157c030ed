/* What is around a guest: see guest_rig.h. */
#include "tests/fuzz/guest_rig.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/json.h"
#include "proto/names.h"

#define SOURCES 16
#define QUESTIONS 16
#define SESSIONS 16
#define TURNS_MAX 1000

struct watched {
	struct watch_source *source; /* NULL: free */
	int fd;
	uint32_t events;
};

enum question_kind { ASK_OPENING, ASK_TOKEN, ASK_SECRET, ASK_NOTHING };

struct question {
	uint64_t id; /* 0: free */
	enum question_kind kind;
	uint64_t nonce;
	auth_reply_fn *fn;
	void *arg;
};

/* What auth granted, and what the router made of it. */
struct session {
	enum { FREE, GRANTED, OPENING, OPENED, CALLING } state;
	uint64_t nonce;
	bool may_push;
	live_opened_fn *opened;
	live_called_fn *called;
	void *arg;
};

struct rig_mood rig_mood;

static struct watched watched[SOURCES];
static struct question questions[QUESTIONS];
static struct session sessions[SESSIONS];
static uint64_t n_asked;
static size_t n_granted;
static size_t n_adopted;

void rig_reset(void)
{
	rig_mood = (struct rig_mood){.auth_is_up = true, .live_is_up = true};
	memset(sessions, 0, sizeof(sessions));
	n_asked = 0;
	n_granted = n_adopted = 0;
}

size_t rig_adopted(void)
{
	return n_adopted;
}

bool rig_is_empty(void)
{
	for (size_t i = 0; i < SOURCES; i++) {
		if (watched[i].source != NULL)
			return false;
	}
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (questions[i].id != 0)
			return false;
	}
	for (size_t i = 0; i < SESSIONS; i++) {
		if (sessions[i].state > GRANTED)
			return false;
	}
	return true;
}

/* Readiness */

static struct watched *watched_find(const struct watch_source *s)
{
	for (size_t i = 0; i < SOURCES; i++) {
		if (watched[i].source == s)
			return &watched[i];
	}
	return NULL;
}

int watch_add(struct watch *w, int fd, uint32_t events, struct watch_source *s)
{
	struct watched *free = watched_find(NULL);

	(void)w;
	if (free == NULL)
		return -ENOSPC;
	assert(watched_find(s) == NULL);
	*free = (struct watched){s, fd, events};
	return 0;
}

void watch_change(struct watch *w, int fd, uint32_t events, struct watch_source *s)
{
	struct watched *found = watched_find(s);

	(void)w;
	assert(found != NULL && found->fd == fd);
	found->events = events;
}

void watch_forget(struct watch *w, struct watch_source *s)
{
	struct watched *found = watched_find(s);

	(void)w;
	if (found != NULL)
		found->source = NULL;
}

void watch_remove(struct watch *w, int fd, struct watch_source *s)
{
	assert(watched_find(s) != NULL && watched_find(s)->fd == fd);
	watch_forget(w, s);
}

static bool is_ready(const struct watched *at, uint32_t *out_events)
{
	struct pollfd p = {.fd = at->fd, .events = (short)at->events};

	if (at->source == NULL || poll(&p, 1, 0) <= 0)
		return false;
	assert((p.revents & POLLNVAL) == 0);
	*out_events = (uint32_t)p.revents;
	return true;
}

void rig_turn(void)
{
	bool was_ready = true;
	uint32_t events;

	for (unsigned n = 0; was_ready; n++) {
		assert(n < TURNS_MAX); /* something is ready for ever */
		was_ready = false;
		for (size_t i = 0; i < SOURCES; i++) {
			if (!is_ready(&watched[i], &events))
				continue;
			was_ready = true;
			watched[i].source->on_ready(watched[i].source, events);
		}
	}
}

/* Auth */

static uint64_t ask(enum question_kind kind, uint64_t nonce, auth_reply_fn *fn, void *arg)
{
	for (size_t i = 0; i < QUESTIONS && !rig_mood.auth_is_busy; i++) {
		struct question *q = &questions[i];

		if (q->id != 0)
			continue;
		*q = (struct question){++n_asked, kind, nonce, fn, arg};
		return q->id;
	}
	return 0;
}

static void assert_token(struct slice token)
{
	assert(token.len >= 5 && token.len <= TOKEN_MAX_BYTES);
	for (size_t i = 0; i < token.len; i++)
		assert(token.data[i] > ' ' && (unsigned char)token.data[i] < 0x7f);
}

uint64_t auth_client_verify(struct auth_client *ac, const struct auth_verify *verify,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert_token(verify->token);
	assert(timeout_ms > 0 && verify->ticket.len == 0);
	return ask(ASK_OPENING, verify->nonce, fn, arg);
}

uint64_t auth_client_redeem(struct auth_client *ac, const struct auth_redeem *redeem,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert(timeout_ms > 0 && redeem->secret.len == ONE_TIME_TEXT_BYTES);
	return ask(ASK_OPENING, redeem->nonce, fn, arg);
}

uint64_t auth_client_refresh(struct auth_client *ac, struct slice token, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert_token(token);
	assert(timeout_ms > 0);
	return ask(ASK_TOKEN, 0, fn, arg);
}

uint64_t auth_client_one_time(struct auth_client *ac, struct slice token, struct slice origin,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	(void)ac;
	(void)origin;
	assert_token(token);
	assert(timeout_ms > 0);
	return ask(ASK_SECRET, 0, fn, arg);
}

uint64_t auth_client_logout(struct auth_client *ac, struct slice token, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert_token(token);
	assert(timeout_ms > 0);
	return ask(ASK_NOTHING, 0, fn, arg);
}

uint64_t auth_client_login(struct auth_client *ac, const struct auth_login *login,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	(void)ac;
	assert(timeout_ms > 0 && login->address.len > 0);
	assert(login->username.len > 0 && login->username.len <= USERNAME_MAX_BYTES);
	assert(login->password.len > 0 && login->password.len <= PASSWORD_MAX_BYTES);
	assert(utf8_is_valid(login->username) && utf8_is_valid(login->password));
	return ask(ASK_TOKEN, 0, fn, arg);
}

void auth_client_cancel(struct auth_client *ac, uint64_t id)
{
	(void)ac;
	for (size_t i = 0; i < QUESTIONS; i++) {
		if (questions[i].id == id)
			questions[i].id = 0;
	}
}

bool auth_client_is_up(const struct auth_client *ac)
{
	(void)ac;
	return rig_mood.auth_is_up;
}

/* The next place is that of the oldest grant that nobody made anything of. */
static bool session_grant(uint64_t nonce, bool may_push)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		struct session *s = &sessions[n_granted++ % SESSIONS];

		if (s->state > GRANTED)
			continue;
		*s = (struct session){.state = GRANTED, .nonce = nonce, .may_push = may_push};
		return true;
	}
	return false;
}

void rig_auth_answers(struct script *s)
{
	static const char secret[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
	struct question *q = &questions[script_byte(s) % QUESTIONS];
	const struct question asked = *q;
	unsigned how = script_byte(s);
	struct auth_reply reply = {.outcome = (enum auth_outcome)(how % 4)};

	if (q->id == 0)
		return;
	reply.retry_after_ms = how / 8 * 100;
	if (reply.outcome == AUTH_GRANTED) {
		reply.uid = SLICE_LITERAL("ann");
		reply.ticket = SLICE_LITERAL("a ticket");
		reply.expires_in_ms = how & 8 ? -5000 : 3600000;
		reply.ends_in_ms = 900000;
		reply.may_push = (how & 4) != 0;
		reply.token = asked.kind == ASK_SECRET ? slice_of(secret) : SLICE_LITERAL("x.y.z");
		if (asked.kind == ASK_OPENING && !session_grant(asked.nonce, reply.may_push))
			return;
	}
	q->id = 0;
	asked.fn(asked.arg, &reply);
}

/* The live half */

static struct session *session_find(uint64_t nonce)
{
	for (size_t i = 0; i < SESSIONS; i++) {
		if (sessions[i].state != FREE && sessions[i].nonce == nonce)
			return &sessions[i];
	}
	return NULL;
}

bool live_is_up(const struct live *l)
{
	(void)l;
	return rig_mood.live_is_up;
}

size_t live_count(const struct live *l)
{
	(void)l;
	return rig_mood.live_count;
}

bool live_is_tight(const struct live *l)
{
	(void)l;
	return rig_mood.live_is_tight;
}

void live_count_upgrade(struct live *l, bool refused)
{
	(void)l;
	(void)refused;
}

static bool is_drawn(struct slice device)
{
	return device.len == 17 && device.data[0] == '~';
}

/* Only what auth granted, and once. */
int live_open(struct live *l, const struct live_open *o, live_opened_fn *fn, void *arg)
{
	struct session *s = session_find(o->nonce);

	(void)l;
	assert(s != NULL && s->state == GRANTED && slice_is(o->ticket, "a ticket"));
	assert(slice_is(o->uid, "ann") && o->may_push == s->may_push);
	assert(name_is_device(o->device) || is_drawn(o->device));
	if (!rig_mood.live_is_up)
		return -EAGAIN;
	s->state = OPENING;
	s->opened = fn;
	s->arg = arg;
	return 0;
}

void live_open_cancel(struct live *l, uint64_t nonce)
{
	struct session *s = session_find(nonce);

	(void)l;
	assert(s == NULL || s->state != CALLING);
	if (s != NULL)
		s->state = FREE;
}

/* Nothing came before the 101 that could be taken for a frame after it. */
int live_adopt(struct live *l, uint64_t nonce, int fd, struct slice key)
{
	struct session *s = session_find(nonce);
	char byte;

	(void)l;
	assert(s != NULL && s->state == OPENED && key.len == WEBSOCKET_KEY_BYTES);
	assert(recv(fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN);
	s->state = FREE;
	n_adopted++;
	close(fd);
	return 0;
}

int live_call(struct live *l, const struct live_call *call, live_called_fn *done, void *arg)
{
	struct session *s = session_find(call->nonce);
	CLEANUP(json_decrefp) json_t *data = NULL;

	(void)l;
	assert(s != NULL && s->state == GRANTED && slice_is(call->ticket, "a ticket"));
	assert(call->mid.len == 0 || name_is_mid(call->mid));
	if (call->is_push)
		assert(s->may_push && (call->to.len == 0 || name_is_uid(call->to)) &&
			name_is_event(call->event) &&
			json_read(call->data, FRAME_MAX_DEPTH, &data) == JSON_READ);
	else
		assert(name_is_uid(call->to) && utf8_is_valid(call->content));
	if (rig_mood.live_is_tight)
		return -EBUSY;
	if (!rig_mood.live_is_up)
		return -EAGAIN;
	s->state = CALLING;
	s->called = done;
	s->arg = arg;
	return 0;
}

void live_call_cancel(struct live *l, uint64_t nonce)
{
	struct session *s = session_find(nonce);

	(void)l;
	assert(s == NULL || s->state == CALLING);
	if (s != NULL)
		s->state = FREE;
}

void rig_opening_ends(struct script *s)
{
	static const unsigned codes[] = {
		CLOSE_UNAUTHORIZED, CLOSE_OVERLOAD, CLOSE_BAD_PROTOCOL, 0, CLOSE_RETRY};
	struct session *o = &sessions[script_byte(s) % SESSIONS];
	unsigned how = script_byte(s);
	const enum live_open_outcome outcome = (enum live_open_outcome)(how % 3);

	if (o->state != OPENING)
		return;
	o->state = outcome == LIVE_OPENED ? OPENED : FREE;
	o->opened(o->arg, outcome, outcome == LIVE_REFUSED ? codes[how / 3 % 5] : 0);
}

void rig_call_ends(struct script *s)
{
	struct session *c = &sessions[script_byte(s) % SESSIONS];
	unsigned how = script_byte(s);
	const struct live_call_result result = {
		.outcome = (enum live_call_outcome)(how % 4),
		.state = how & 8 ? "delivered" : "stored",
		.first = how & 16 ? "stored" : NULL,
		.mid = SLICE_LITERAL("m-1"),
		.devices = how,
		.seq = how,
		.exception = how & 32 ? EX_UNAVAILABLE : EX_RECIPIENT_UNKNOWN,
		.field = how & 64 ? SLICE_LITERAL("toUserId") : (struct slice){NULL, 0},
		.after_ms = how / 16,
		.close_code = how & 4 ? CLOSE_UNAUTHORIZED : CLOSE_OVERLOAD,
	};

	if (c->state != CALLING)
		return;
	c->state = FREE;
	c->called(c->arg, &result);
}
