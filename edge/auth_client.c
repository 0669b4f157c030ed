/*
 * A question waits in one of two queues (logins travel alone and slowly, and must not hold up
 * tokens), then it is in a batch that auth has, then it is gone.  It has one deadline, on a wheel,
 * wherever it is.  A batch whose questions are all gone still holds its place until the bus gives
 * it back: that is what bounds the number of requests that a stopped auth finds when it wakes up.
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
#include "edge/auth_wire.h"
#include "edge/wheel.h"
#include "proto/ticket.h"

enum {
	TICK_MS = 20,
	PROBE_MS = 1000,
	UP_MS = 3000, /* since the last answer */
	WAITING_MAX = 4096,
	LOGINS_WAITING_MAX = 64,
	ARENA_MAX_BYTES = 262144,
};

struct batch;

struct ask {
	struct wheel_entry deadline;
	struct ask *next; /* while it waits */
	struct ask *prev;
	struct batch *batch; /* NULL: it waits */
	size_t index;	     /* in the batch */
	uint64_t id;
	struct auth_ask what;
	int64_t due_ms;
	bool is_second; /* its connection broke once */
	auth_reply_fn *fn;
	void *arg;
	size_t len;
	char bytes[]; /* what `what` points to */
};

/* In the order of arrival, but for what is asked again. */
struct queue {
	struct ask *first;
	struct ask *last;
	size_t n;
	size_t max;
};

struct batch {
	struct auth_client *ac;
	bool is_login;
	bool is_probe;
	size_t n;
	struct ask *asks[AUTH_ASKS_PER_REQUEST]; /* NULL: cancelled, or past its deadline */
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
	struct queue tokens;
	struct queue logins;
	size_t batches_out;
	size_t logins_out;
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

static struct queue *queue_of(struct auth_client *ac, const struct ask *a)
{
	return a->what.kind == AUTH_ASK_LOGIN ? &ac->logins : &ac->tokens;
}

/* before NULL: at the end. */
static void queue_insert(struct queue *q, struct ask *a, struct ask *before)
{
	a->next = before;
	a->prev = before == NULL ? q->last : before->prev;
	*(a->prev == NULL ? &q->first : &a->prev->next) = a;
	*(a->next == NULL ? &q->last : &a->next->prev) = a;
	q->n++;
}

static void queue_remove(struct queue *q, struct ask *a)
{
	*(a->prev == NULL ? &q->first : &a->prev->next) = a->next;
	*(a->next == NULL ? &q->last : &a->next->prev) = a->prev;
	q->n--;
}

static void on_tick(uv_timer_t *timer);

/* Out of everything; still to be freed. */
static void ask_take(struct auth_client *ac, struct ask *a)
{
	if (a->batch != NULL)
		a->batch->asks[a->index] = NULL;
	else
		queue_remove(queue_of(ac, a), a);
	wheel_unset(&a->deadline);
	map_remove_u64(ac->by_id, a->id);
	if (map_count(ac->by_id) == 0)
		uv_timer_stop(&ac->tick);
}

/* Tokens and passwords do not stay behind in freed memory. */
static void ask_free(struct ask *a)
{
	explicit_bzero(a->bytes, a->len);
	free(a);
}

static void ask_finish(struct auth_client *ac, struct ask *a, const struct auth_reply *reply)
{
	ask_take(ac, a);
	a->fn(a->arg, reply);
	ask_free(a);
}

static void ask_away(struct auth_client *ac, struct ask *a)
{
	ask_finish(ac, a, &(struct auth_reply){.outcome = AUTH_AWAY});
}

static void on_tick(uv_timer_t *timer)
{
	struct auth_client *ac = timer->data;
	struct wheel_entry *e;

	while ((e = wheel_pop(&ac->deadlines, now_ms(ac))) != NULL) {
		struct ask *a = (struct ask *)((char *)e - offsetof(struct ask, deadline));

		if (a->due_ms > now_ms(ac)) /* beyond the wheel's horizon when it was set */
			wheel_set(&ac->deadlines, e, a->due_ms);
		else
			ask_away(ac, a);
	}
}

static void on_prepare(uv_prepare_t *prepare);

static void send_soon(struct auth_client *ac)
{
	if (ac->credential_len > 0 && (ac->tokens.n > 0 || ac->logins.n > 0))
		uv_prepare_start(&ac->prepare, on_prepare);
}

static void answer_batch(struct batch *b, Pb__AuthAnswer *const *answers)
{
	for (size_t i = 0; i < b->n; i++) {
		struct ask *a = b->asks[i];
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
	struct auth_client *ac = b->ac;
	struct queue *q = b->is_login ? &ac->logins : &ac->tokens;
	struct ask *before = q->first;

	for (size_t i = 0; i < b->n; i++) {
		struct ask *a = b->asks[i];

		if (a == NULL)
			continue;
		if (a->is_second) {
			ask_away(ac, a);
			continue;
		}
		a->is_second = true;
		a->batch = NULL;
		queue_insert(q, a, before);
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

	if (b->is_probe)
		ac->is_probing = false;
	else
		(*(b->is_login ? &ac->logins_out : &ac->batches_out))--;
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

static struct batch *batch_new(struct auth_client *ac)
{
	struct batch *b = malloc(sizeof(*b));

	if (b != NULL) {
		b->ac = ac;
		b->is_login = false;
		b->is_probe = false;
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

/* One message from the head of the queue.  False: nothing more can be sent now. */
static bool send_batch(struct auth_client *ac, struct queue *q, size_t *out_count, size_t max_asks)
{
	struct batch *b = batch_new(ac);
	int64_t due_ms = 0;
	int result;

	if (b == NULL)
		return false;
	b->is_login = q == &ac->logins;
	while (b->n < max_asks && q->first != NULL) {
		struct ask *a = q->first;

		queue_remove(q, a);
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
	(*out_count)++;
	return true;
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct auth_client *ac = prepare->data;

	while (ac->tokens.n > 0 && ac->batches_out < AUTH_REQUESTS_IN_FLIGHT &&
		send_batch(ac, &ac->tokens, &ac->batches_out, AUTH_ASKS_PER_REQUEST))
		;
	while (ac->logins.n > 0 && ac->logins_out < AUTH_LOGINS_IN_FLIGHT &&
		send_batch(ac, &ac->logins, &ac->logins_out, 1))
		;
	uv_prepare_stop(prepare);
}

static void probe(struct auth_client *ac)
{
	struct batch *b;

	if (ac->is_probing || ac->credential_len == 0)
		return;
	b = batch_new(ac);
	if (b == NULL)
		return;
	b->is_probe = true;
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
	ac->tokens.max = WAITING_MAX;
	ac->logins.max = LOGINS_WAITING_MAX;
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

static struct slice keep(struct ask *a, struct slice s)
{
	char *to = a->bytes + a->len;

	if (s.len > 0)
		memcpy(to, s.data, s.len);
	a->len += s.len;
	return (struct slice){to, s.len};
}

static uint64_t ask_new(struct auth_client *ac, const struct auth_ask *what, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	size_t len = what->proof.len + what->login.username.len + what->login.password.len +
		     what->login.address.len;
	struct queue *q = what->kind == AUTH_ASK_LOGIN ? &ac->logins : &ac->tokens;
	struct ask *a = q->n < q->max ? calloc(1, sizeof(*a) + len) : NULL;

	if (a == NULL)
		return 0;
	a->id = ++ac->last_id;
	if (map_put_u64(ac->by_id, a->id, a) < 0) {
		free(a);
		return 0;
	}
	if (map_count(ac->by_id) > ac->most)
		ac->most = map_count(ac->by_id);
	a->what.kind = what->kind;
	a->what.nonce = what->nonce;
	a->what.proof = keep(a, what->proof);
	a->what.login.username = keep(a, what->login.username);
	a->what.login.password = keep(a, what->login.password);
	a->what.login.address = keep(a, what->login.address);
	a->fn = fn;
	a->arg = arg;
	a->due_ms = now_ms(ac) + timeout_ms;
	queue_insert(q, a, NULL);
	/* The wheel stood still while nobody waited; it must not fire for the time in between. */
	if (map_count(ac->by_id) == 1) {
		on_tick(&ac->tick);
		uv_timer_start(&ac->tick, on_tick, TICK_MS, TICK_MS);
	}
	wheel_set(&ac->deadlines, &a->deadline, a->due_ms);
	send_soon(ac);
	return a->id;
}

uint64_t auth_client_verify(struct auth_client *ac, struct slice token, uint64_t nonce,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_VERIFY, .proof = token, .nonce = nonce};

	return ask_new(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_renew(struct auth_client *ac, struct slice ticket, int64_t timeout_ms,
	auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_RENEW, .proof = ticket};

	return ask_new(ac, &what, timeout_ms, fn, arg);
}

uint64_t auth_client_login(struct auth_client *ac, const struct auth_login *login,
	int64_t timeout_ms, auth_reply_fn *fn, void *arg)
{
	struct auth_ask what = {.kind = AUTH_ASK_LOGIN, .login = *login};

	return ask_new(ac, &what, timeout_ms, fn, arg);
}

void auth_client_cancel(struct auth_client *ac, uint64_t id)
{
	struct ask *a = map_get_u64(ac->by_id, id);

	if (a == NULL)
		return;
	ask_take(ac, a);
	ask_free(a);
}
