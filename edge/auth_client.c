/*
 * A question waits in a lane, then it is in a batch that auth has, then it is gone.  It has one
 * deadline, on a wheel, wherever it is.  A batch whose questions are all gone still holds its place
 * until the bus gives it back: that is what bounds the number of requests that a stopped auth finds
 * when it wakes up.
 *
 * Sending happens in uv_prepare, after all callbacks of the turn have asked what they had to ask.
 *
 * Since a stopped auth breaks no connection, and since nobody may be asking, an empty request goes
 * out whenever auth has been silent for a second: that is what auth_client_is_up() stands on.
 */
#include "edge/auth_client.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/map.h"
#include "edge/auth_lanes.h"
#include "edge/auth_wire.h"
#include "proto/ticket.h"

enum {
	TICK_MS = 20,
	PROBE_MS = 1000,
	UP_MS = 3000, /* since the last answer */
	ARENA_MAX_BYTES = 262144,
};

struct batch {
	struct auth_client *ac;
	struct auth_lane *lane; /* NULL: a probe */
	size_t n;
	struct auth_question *asks[AUTH_ASKS_PER_REQUEST]; /* NULL: cancelled, or past its
							      deadline */
};

struct auth_client {
	uv_loop_t *loop;
	struct bus_socket *socket;
	uv_prepare_t prepare;
	uv_timer_t tick;
	uv_timer_t probe;
	struct wheel deadlines;
	struct arena *arena;
	struct map *by_id;
	struct auth_lane lanes[AUTH_LANES];
	bool is_probing;
	size_t most; /* questions at once, since somebody asked */
	uint64_t last_id;
	int64_t heard_ms;      /* 0: not lately */
	size_t credential_len; /* 0: none yet */
	char credential[CREDENTIAL_BYTES];
};

static int64_t now_ms(const struct auth_client *ac)
{
	return (int64_t)uv_now(ac->loop);
}

static void on_tick(uv_timer_t *timer);

/* Out of everything; still to be freed. */
static void ask_take(struct auth_client *ac, struct auth_question *a)
{
	if (a->batch != NULL)
		a->batch->asks[a->index] = NULL;
	else
		auth_lane_remove(a->lane, a);
	wheel_unset(&a->deadline);
	map_remove_u64(ac->by_id, a->id);
	if (map_count(ac->by_id) == 0)
		uv_timer_stop(&ac->tick);
}

static void ask_finish(
	struct auth_client *ac, struct auth_question *a, const struct auth_reply *reply)
{
	ask_take(ac, a);
	a->fn(a->arg, reply);
	auth_question_free(a);
}

static void ask_away(struct auth_client *ac, struct auth_question *a)
{
	ask_finish(ac, a, &(struct auth_reply){.outcome = AUTH_AWAY});
}

static void on_tick(uv_timer_t *timer)
{
	struct auth_client *ac = timer->data;
	struct wheel_entry *e;

	while ((e = wheel_pop(&ac->deadlines, now_ms(ac))) != NULL) {
		struct auth_question *a =
			(struct auth_question *)((char *)e -
						 offsetof(struct auth_question, deadline));

		if (a->due_ms > now_ms(ac)) /* beyond the wheel's horizon when it was set */
			wheel_set(&ac->deadlines, e, a->due_ms);
		else
			ask_away(ac, a);
	}
}

static void on_prepare(uv_prepare_t *prepare);

static void send_soon(struct auth_client *ac)
{
	size_t n = 0;

	for (size_t i = 0; i < AUTH_LANES; i++)
		n += ac->lanes[i].n;
	if (ac->credential_len > 0 && n > 0)
		uv_prepare_start(&ac->prepare, on_prepare);
}

static void answer_batch(struct batch *b, Pb__AuthAnswer *const *answers)
{
	for (size_t i = 0; i < b->n; i++) {
		struct auth_question *a = b->asks[i];
		struct auth_reply reply;

		if (a == NULL)
			continue;
		if (auth_answer_read(answers[i], a->what.kind, &reply)) {
			ask_finish(b->ac, a, &reply);
		} else {
			LOG_LIMITED(LOG_ERROR, "auth_answer_wrong", "what=kind");
			ask_away(b->ac, a);
		}
	}
}

/* The connection broke: ask once more, in the same order, before what came later. */
static void ask_again(struct batch *b)
{
	struct auth_question *before = b->n == 0 ? NULL : b->lane->first;

	for (size_t i = 0; i < b->n; i++) {
		struct auth_question *a = b->asks[i];

		if (a == NULL)
			continue;
		if (a->is_second) {
			ask_away(b->ac, a);
			continue;
		}
		a->is_second = true;
		a->batch = NULL;
		auth_lane_insert(b->lane, a, before);
	}
}

static void fail_batch(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		if (b->asks[i] != NULL)
			ask_away(b->ac, b->asks[i]);
	}
}

static void take_answer(struct batch *b, struct slice answer)
{
	struct auth_client *ac = b->ac;
	Pb__AuthAnswer *const *answers;

	ac->heard_ms = now_ms(ac);
	if (auth_answers_read(ac->arena, answer, b->n, &answers)) {
		answer_batch(b, answers);
	} else {
		LOG_LIMITED(LOG_ERROR, "auth_answer_wrong", "what=message bytes=%zu", answer.len);
		fail_batch(b);
	}
}

static void on_answer(void *arg, enum bus_answer_result result, struct slice answer)
{
	CLEANUP(mem_freep) struct batch *b = arg;
	struct auth_client *ac = b->ac;

	if (b->lane == NULL)
		ac->is_probing = false;
	else
		b->lane->out--;
	switch (result) {
	case BUS_ANSWERED:
		take_answer(b, answer);
		break;
	case BUS_BROKE:
		ac->heard_ms = 0;
		ask_again(b);
		break;
	case BUS_TIMED_OUT:
		fail_batch(b);
		break;
	}
	send_soon(ac);
}

static struct batch *batch_new(struct auth_client *ac, struct auth_lane *lane)
{
	struct batch *b = malloc(sizeof(*b));

	if (b != NULL) {
		b->ac = ac;
		b->lane = lane;
		b->n = 0;
	}
	return b;
}

/* Takes b; its questions stay where they are when it fails. */
static int batch_ask(struct batch *b, int64_t timeout_ms)
{
	struct auth_batch wire;
	struct bus_msg *msg;

	auth_batch_init(&wire, (struct slice){b->ac->credential, b->ac->credential_len});
	for (size_t i = 0; i < b->n; i++)
		auth_batch_add(&wire, &b->asks[i]->what);
	msg = bus_msg_new(auth_batch_bytes(&wire));
	if (msg == NULL)
		return -ENOMEM;
	auth_batch_write(&wire, bus_msg_data(msg));
	return bus_ask(b->ac->socket, msg, timeout_ms, on_answer, b);
}

/* One message from the head of the lane.  False: nothing more can be sent now. */
static bool send_batch(struct auth_client *ac, struct auth_lane *lane)
{
	struct batch *b = batch_new(ac, lane);
	int64_t due_ms = 0;
	int result;

	if (b == NULL)
		return false;
	while (b->n < lane->rules->asks && lane->first != NULL) {
		struct auth_question *a = lane->first;

		auth_lane_remove(lane, a);
		a->batch = b;
		a->index = b->n;
		b->asks[b->n++] = a;
		if (a->due_ms > due_ms)
			due_ms = a->due_ms;
	}
	/* The longest deadline keeps the batch's place; each question has its own. */
	result = batch_ask(b, due_ms > now_ms(ac) ? due_ms - now_ms(ac) : 1);
	if (result < 0) {
		LOG_LIMITED(LOG_ERROR, "auth_not_asked", "error=%d", -result);
		fail_batch(b);
		free(b);
		return false;
	}
	lane->out++;
	return true;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct auth_client *ac = prepare->data;

	for (size_t i = 0; i < AUTH_LANES; i++) {
		struct auth_lane *lane = &ac->lanes[i];

		while (lane->n > 0 && lane->out < lane->rules->requests && send_batch(ac, lane))
			;
	}
	uv_prepare_stop(prepare);
}

static void probe(struct auth_client *ac)
{
	struct batch *b;

	if (ac->is_probing || ac->credential_len == 0)
		return;
	b = batch_new(ac, NULL);
	if (b == NULL)
		return;
	if (batch_ask(b, PROBE_MS) < 0)
		free(b);
	else
		ac->is_probing = true;
}

static void on_probe(uv_timer_t *timer)
{
	struct auth_client *ac = timer->data;

	if (now_ms(ac) - ac->heard_ms >= PROBE_MS)
		probe(ac);
}

static void start_handles(struct auth_client *ac)
{
	uv_prepare_init(ac->loop, &ac->prepare);
	uv_timer_init(ac->loop, &ac->tick);
	uv_timer_init(ac->loop, &ac->probe);
	ac->prepare.data = ac->tick.data = ac->probe.data = ac;
	uv_timer_start(&ac->probe, on_probe, PROBE_MS, PROBE_MS);
}

int auth_client_new(struct auth_client **out, uv_loop_t *loop, struct bus *bus, const char *path)
{
	struct auth_client *ac = calloc(1, sizeof(*ac));
	struct bus_options options = {.pattern = BUS_REQ, .max_message = AUTH_REPLY_MAX_BYTES};
	int result;

	if (ac == NULL)
		return -ENOMEM;
	ac->loop = loop;
	auth_lanes_init(ac->lanes);
	wheel_init(&ac->deadlines, TICK_MS, now_ms(ac));
	result = map_new(&ac->by_id);
	if (result == 0)
		result = arena_new(&ac->arena, ARENA_MAX_BYTES);
	if (result == 0)
		result = bus_dial(bus, path, &options, &ac->socket);
	if (result < 0) {
		arena_free(ac->arena);
		map_free(ac->by_id);
		free(ac);
		return result;
	}
	start_handles(ac);
	*out = ac;
	return 0;
}

void auth_client_set_credential(struct auth_client *ac, struct slice credential)
{
	if (credential.len > sizeof(ac->credential)) {
		log_error("credential_wrong", "bytes=%zu", credential.len);
		return;
	}
	memcpy(ac->credential, credential.data, credential.len);
	ac->credential_len = credential.len;
	probe(ac);
	send_soon(ac);
}

bool auth_client_is_up(const struct auth_client *ac)
{
	return ac->heard_ms != 0 && now_ms(ac) - ac->heard_ms < UP_MS;
}

size_t auth_client_take_most(struct auth_client *ac)
{
	size_t most = ac->most;

	ac->most = map_count(ac->by_id);
	return most;
}

/* The wheel stood still while nobody waited; it must not fire for the time in between. */
static void run_tick(struct auth_client *ac)
{
	if (map_count(ac->by_id) != 1)
		return;
	on_tick(&ac->tick);
	uv_timer_start(&ac->tick, on_tick, TICK_MS, TICK_MS);
}

static uint64_t ask(struct auth_client *ac, const struct auth_ask *what, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	struct auth_lane *lane = &ac->lanes[auth_lane_of(what->kind)];
	struct auth_question *a = lane->n < lane->rules->waiting ? auth_question_new(what) : NULL;

	if (a == NULL)
		return 0;
	a->id = ++ac->last_id;
	if (map_put_u64(ac->by_id, a->id, a) < 0) {
		auth_question_free(a);
		return 0;
	}
	if (map_count(ac->by_id) > ac->most)
		ac->most = map_count(ac->by_id);
	a->fn = fn;
	a->arg = arg;
	a->due_ms = now_ms(ac) + timeout_ms;
	auth_lane_insert(lane, a, NULL);
	run_tick(ac);
	wheel_set(&ac->deadlines, &a->deadline, a->due_ms);
	send_soon(ac);
	return a->id;
}

uint64_t auth_client_verify(struct auth_client *ac, const struct auth_verify *verify,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {
		.kind = verify->ticket.len > 0 ? AUTH_ASK_REAUTH : AUTH_ASK_VERIFY,
		.proof = verify->token,
		.ticket = verify->ticket,
		.nonce = verify->nonce,
	};

	return ask(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_redeem(struct auth_client *ac, const struct auth_redeem *redeem,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {
		.kind = AUTH_ASK_REDEEM,
		.proof = redeem->secret,
		.origin = redeem->origin,
		.nonce = redeem->nonce,
	};

	return ask(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_refresh(struct auth_client *ac, struct slice token, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_REFRESH, .proof = token};

	return ask(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_one_time(struct auth_client *ac, struct slice token, struct slice origin,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_ONE_TIME, .proof = token, .origin = origin};

	return ask(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_logout(struct auth_client *ac, struct slice token, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_LOGOUT, .proof = token};

	return ask(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_renew(struct auth_client *ac, struct slice ticket, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_RENEW, .proof = ticket};

	return ask(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_login(struct auth_client *ac, const struct auth_login *login,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_LOGIN, .login = *login};

	return ask(ac, &what, timeout_ms, fn, arg);
}

void auth_client_cancel(struct auth_client *ac, uint64_t id)
{
	struct auth_question *a = map_get_u64(ac->by_id, id);

	if (a == NULL)
		return;
	ask_take(ac, a);
	auth_question_free(a);
}
