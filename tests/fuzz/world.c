/* world: see world.h. */
#include "tests/fuzz/world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"

enum { SOCKETS_MAX = 160, ASKS_MAX = 4096 };

struct bus_msg {
	size_t len;
	char data[];
};

struct bus_request {
	struct bus_request *next;
};

struct ask {
	bus_answer_fn *fn;
	void *arg;
};

struct bus_socket {
	char path[128];
	struct bus_options options;
	uint32_t pipe; /* PAIR: the peer's; 0: none */
	uint32_t closed;
	bool is_sending;
	struct ask *asks; /* REQ: ASKS_MAX */
	size_t n_asks;
};

int64_t world_ms = WORLD_START_MS;

static struct bus_socket *sockets[SOCKETS_MAX];
static size_t n_sockets;
static size_t n_kept;
static struct bus_request *waiting;
static size_t n_waiting;
static size_t n_dropped;
static uint64_t chance;
static world_sent_fn *sent_fn;
static void *sent_arg;

/* Clocks and chance */

int64_t clock_boot_ms(void)
{
	return world_ms;
}

int64_t clock_mono_ms(void)
{
	return world_ms;
}

int64_t clock_wall_ms(void)
{
	return WORLD_WALL_MS + world_ms - WORLD_START_MS;
}

/* libuv's, as long as a target runs: its fuzzer looks at the real ones. */
static bool is_stopped;

void world_stop_time(bool on)
{
	is_stopped = on;
}

int clock_gettime(clockid_t which, struct timespec *out)
{
	if (!is_stopped || which == CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, which, out);
	out->tv_sec = world_ms / 1000;
	out->tv_nsec = world_ms % 1000 * 1000000;
	return 0;
}

uint64_t random_u64(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

void random_fill(void *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		((unsigned char *)out)[i] = (unsigned char)(random_u64() >> 32);
}

/* Messages */

int bus_new(struct bus **out, uv_loop_t *loop)
{
	(void)loop;
	*out = NULL;
	return 0;
}

struct bus_msg *bus_msg_new(size_t len)
{
	struct bus_msg *m = malloc(sizeof(*m) + len);

	assert(m != NULL);
	m->len = len;
	return m;
}

void bus_msg_free(struct bus_msg *m)
{
	free(m);
}

char *bus_msg_data(struct bus_msg *m)
{
	return m->data;
}

struct slice bus_msg_bytes(const struct bus_msg *m)
{
	return (struct slice){m->data, m->len};
}

static void pass_on(const struct world_sent *sent)
{
	if (sent_fn != NULL)
		sent_fn(sent_arg, sent);
}

void world_on_sent(world_sent_fn *fn, void *arg)
{
	sent_fn = fn;
	sent_arg = arg;
}

/* Sockets */

static int open_socket(const char *path, const struct bus_options *options, struct bus_socket **out)
{
	struct bus_socket *s = calloc(1, sizeof(*s));
	size_t len = strlen(path);
	size_t skip = len < sizeof(s->path) ? 0 : len - sizeof(s->path) + 1;

	assert(s != NULL && n_sockets < SOCKETS_MAX && options->max_message > 0);
	memcpy(s->path, path + skip, len - skip); /* the end is what it is found by */
	s->options = *options;
	if (options->pattern == BUS_REQ) {
		s->asks = calloc(ASKS_MAX, sizeof(*s->asks));
		assert(s->asks != NULL);
	}
	sockets[n_sockets++] = s;
	*out = s;
	return 0;
}

int bus_listen(
	struct bus *b, const char *path, const struct bus_options *options, struct bus_socket **out)
{
	(void)b;
	return open_socket(path, options, out);
}

int bus_dial(
	struct bus *b, const char *path, const struct bus_options *options, struct bus_socket **out)
{
	(void)b;
	return open_socket(path, options, out);
}

int bus_redial(struct bus_socket *s, const char *path)
{
	(void)path;
	if (s->pipe != 0)
		s->closed = s->pipe;
	return 0;
}

struct bus_socket *world_socket(const char *suffix)
{
	size_t len = strlen(suffix);

	for (size_t i = n_sockets; i-- > 0;) {
		size_t whole = strlen(sockets[i]->path);

		if (whole >= len && strcmp(sockets[i]->path + whole - len, suffix) == 0)
			return sockets[i];
	}
	return NULL;
}

const struct bus_options *world_options(const struct bus_socket *s)
{
	return &s->options;
}

void bus_pipe_close(struct bus_socket *s, uint32_t pipe)
{
	s->closed = pipe;
}

uint32_t world_closed(struct bus_socket *s)
{
	uint32_t pipe = s->closed;

	s->closed = 0;
	return pipe;
}

void world_up(struct bus_socket *s, uint32_t pipe)
{
	s->pipe = pipe;
	if (s->options.on_up != NULL)
		s->options.on_up(s->options.arg, pipe);
}

void world_down(struct bus_socket *s, uint32_t pipe)
{
	s->pipe = 0;
	s->is_sending = false;
	if (s->options.on_down != NULL)
		s->options.on_down(s->options.arg, pipe);
}

void world_message(struct bus_socket *s, uint32_t pipe, struct slice bytes)
{
	assert(bytes.len <= s->options.max_message);
	s->options.on_message(s->options.arg, pipe, bytes);
}

bool bus_can_send(const struct bus_socket *s)
{
	return !s->is_sending && (s->options.pattern == BUS_PUB || s->pipe != 0);
}

bool bus_send(struct bus_socket *s, struct bus_msg *m)
{
	const struct world_sent sent = {.socket = s, .bytes = bus_msg_bytes(m)};

	if (!bus_can_send(s)) {
		free(m);
		return false;
	}
	s->is_sending = true;
	pass_on(&sent);
	free(m);
	return true;
}

void world_sent_done(struct bus_socket *s, bool ok)
{
	if (!s->is_sending)
		return;
	s->is_sending = false;
	if (s->options.on_sent != NULL)
		s->options.on_sent(s->options.arg, ok);
}

/* Requests that come */

static void request_end(struct bus_request *req)
{
	struct bus_request **place = &waiting;

	while (*place != NULL && *place != req)
		place = &(*place)->next;
	assert(*place == req); /* answered or dropped once */
	*place = req->next;
	n_waiting--;
	free(req);
}

static bool is_waiting(const struct bus_request *req)
{
	for (const struct bus_request *r = waiting; r != NULL; r = r->next) {
		if (r == req)
			return true;
	}
	return false;
}

struct bus_request *world_ask(struct bus_socket *s, uint32_t pipe, struct slice bytes)
{
	struct bus_request *req = calloc(1, sizeof(*req));

	assert(req != NULL && bytes.len <= s->options.max_message);
	req->next = waiting;
	waiting = req;
	n_waiting++;
	s->options.on_request(s->options.arg, pipe, bytes, req);
	return is_waiting(req) ? req : NULL;
}

size_t world_waiting(void)
{
	return n_waiting;
}

size_t world_dropped(void)
{
	return n_dropped;
}

uid_t bus_request_uid(const struct bus_request *req)
{
	assert(is_waiting(req));
	return 1234;
}

void bus_answer(struct bus_request *req, struct bus_msg *m)
{
	const struct world_sent sent = {.req = req, .bytes = bus_msg_bytes(m)};

	assert(is_waiting(req));
	pass_on(&sent);
	request_end(req);
	free(m);
}

void bus_request_drop(struct bus_request *req)
{
	n_dropped++;
	request_end(req);
}

/* Questions that go */

int bus_ask(struct bus_socket *s, struct bus_msg *m, int64_t timeout_ms, bus_answer_fn *on_answer,
	void *arg)
{
	const struct world_sent sent = {.socket = s, .bytes = bus_msg_bytes(m)};

	assert(timeout_ms > 0);
	if (s->n_asks == ASKS_MAX) {
		free(m);
		return -EAGAIN;
	}
	s->asks[s->n_asks++] = (struct ask){on_answer, arg};
	pass_on(&sent);
	free(m);
	return 0;
}

size_t world_asked(const struct bus_socket *s)
{
	return s->n_asks;
}

void world_answer(struct bus_socket *s, enum bus_answer_result result, struct slice answer)
{
	struct ask first = s->asks[0];

	assert(s->n_asks > 0);
	s->n_asks--;
	memmove(s->asks, s->asks + 1, s->n_asks * sizeof(s->asks[0]));
	first.fn(first.arg, result, answer);
}

void world_keep(void)
{
	n_kept = n_sockets;
}

void world_reset(void)
{
	static bool is_quiet;

	if (!is_quiet)
		log_open("fuzz", LOG_ERROR, false);
	is_quiet = true;
	while (waiting != NULL)
		request_end(waiting);
	while (n_sockets > n_kept) {
		n_sockets--;
		free(sockets[n_sockets]->asks);
		free(sockets[n_sockets]);
	}
	for (size_t i = 0; i < n_sockets; i++) {
		struct bus_socket *s = sockets[i];

		s->pipe = s->closed = 0;
		s->is_sending = false;
		s->n_asks = 0;
	}
	n_dropped = 0;
	chance = 0x9e3779b97f4a7c15;
	world_ms = WORLD_START_MS;
}
