/*
 * The rig of the bus tests.  The bus and its sockets are never closed, so neither is the loop; what
 * a test opened stays, idle, until the process ends.
 */
#include "tests/unit/bus_rig.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

enum { DEADLINE_MS = 20000, TURN_MS = 5, GREETING_BYTES = 8, HEAD_BYTES = 9 };

static struct {
	uv_loop_t loop;
	struct bus *bus;
	uv_timer_t turn;
	char dir[32];
} rig;

static void on_turn(uv_timer_t *timer)
{
	(void)timer;
}

int rig_start(void **state)
{
	(void)state;
	snprintf(rig.dir, sizeof(rig.dir), "/tmp/postern-bus-XXXXXX");
	if (mkdtemp(rig.dir) == NULL || uv_loop_init(&rig.loop) < 0)
		return -1;
	uv_timer_init(&rig.loop, &rig.turn);
	return bus_new(&rig.bus, &rig.loop);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int rig_stop(void **state)
{
	(void)state;
	return nftw(rig.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int rig_stop_without_leaks(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
	/* The tests leave with _exit(), which does not look. */
	if (__lsan_do_recoverable_leak_check() != 0)
		return -1;
#endif
	return rig_stop(state);
}

struct bus *rig_bus(void)
{
	return rig.bus;
}

uv_loop_t *rig_loop(void)
{
	return &rig.loop;
}

const char *rig_path(void)
{
	static char paths[64][48];
	static unsigned n;
	char *path = paths[n % 64];

	snprintf(path, sizeof(paths[0]), "%s/%u", rig.dir, n++);
	return path;
}

void rig_wait_at(bool (*done)(void *arg), void *arg, const char *file, int line)
{
	uint64_t deadline = uv_hrtime() + (uint64_t)DEADLINE_MS * 1000000;

	/* The timer lets a condition that no event announces be looked at again. */
	uv_timer_start(&rig.turn, on_turn, TURN_MS, TURN_MS);
	while (!done(arg)) {
		if (uv_hrtime() > deadline)
			_fail(file, line);
		uv_run(&rig.loop, UV_RUN_ONCE);
	}
	uv_timer_stop(&rig.turn);
}

struct counter {
	const unsigned *value;
	unsigned wanted;
};

static bool has_counted(void *arg)
{
	const struct counter *c = arg;

	return *c->value >= c->wanted;
}

void rig_wait_count_at(const unsigned *value, unsigned wanted, const char *file, int line)
{
	rig_wait_at(has_counted, &(struct counter){value, wanted}, file, line);
}

static bool is_past(void *when)
{
	return uv_hrtime() >= *(uint64_t *)when;
}

void rig_run_ms(unsigned ms)
{
	uint64_t when = uv_hrtime() + (uint64_t)ms * 1000000;

	rig_wait(is_past, &when);
}

size_t rig_count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static bool has_few_fds(void *n)
{
	return rig_count_fds() <= *(size_t *)n;
}

void rig_wait_for_fds(size_t n)
{
	rig_wait(has_few_fds, &n);
}

static void on_up(void *arg, uint32_t pipe)
{
	struct side *side = arg;

	side->pipe = pipe;
	side->is_up = true;
	side->ups++;
	if (side->hook != NULL)
		side->hook(side);
}

static void on_down(void *arg, uint32_t pipe)
{
	struct side *side = arg;

	(void)pipe;
	side->downs++;
	side->is_up = side->ups > side->downs;
	if (side->hook != NULL)
		side->hook(side);
}

static uint64_t number_of(struct slice msg)
{
	uint64_t number = 0;

	if (msg.len >= sizeof(number))
		memcpy(&number, msg.data, sizeof(number));
	return number;
}

static void on_message(void *arg, uint32_t pipe, struct slice msg)
{
	struct side *side = arg;

	if (number_of(msg) != side->next++ || !side->is_up || pipe != side->pipe)
		side->disorder++;
	side->last_len = msg.len;
	side->messages++;
	if (side->hook != NULL)
		side->hook(side);
}

static void on_request(void *arg, uint32_t pipe, struct slice msg, struct bus_request *req)
{
	struct side *side = arg;

	if (!side->is_up)
		side->disorder++;
	side->pipe = pipe;
	side->messages++;
	side->last_len = msg.len;
	if (side->echo) {
		struct bus_msg *m = bus_msg_new(msg.len);

		if (m != NULL && msg.len > 0)
			memcpy(bus_msg_data(m), msg.data, msg.len);
		bus_answer(req, m);
	} else if (side->n_kept < sizeof(side->kept) / sizeof(side->kept[0])) {
		side->kept_number[side->n_kept] = number_of(msg);
		side->kept[side->n_kept++] = req;
	}
	if (side->hook != NULL)
		side->hook(side);
}

static void on_sent(void *arg, bool ok)
{
	struct side *side = arg;

	if (ok)
		side->sent++;
	else
		side->not_sent++;
	if (side->hook != NULL)
		side->hook(side);
}

struct bus_options side_options(struct side *side, enum bus_pattern pattern)
{
	return (struct bus_options){
		.pattern = pattern,
		.max_message = 65536,
		.contexts = 8,
		.queue = 8192,
		.mode = 0600,
		.arg = side,
		.on_message = on_message,
		.on_request = on_request,
		.on_sent = on_sent,
		.on_up = on_up,
		.on_down = on_down,
	};
}

void side_listen(struct side *side, enum bus_pattern pattern, const char *path)
{
	struct bus_options options = side_options(side, pattern);

	assert_int_equal(bus_listen(rig.bus, path, &options, &side->socket), 0);
}

void side_dial(struct side *side, enum bus_pattern pattern, const char *path)
{
	struct bus_options options = side_options(side, pattern);

	assert_int_equal(bus_dial(rig.bus, path, &options, &side->socket), 0);
}

struct bus_msg *rig_message(uint64_t number, size_t len)
{
	struct bus_msg *m = bus_msg_new(len);

	assert_non_null(m);
	memset(bus_msg_data(m), 0, len);
	memcpy(bus_msg_data(m), &number, sizeof(number));
	return m;
}

bool side_send(struct side *side, uint64_t number, size_t len)
{
	return bus_send(side->socket, rig_message(number, len));
}

void verdict_take(void *verdict, enum bus_answer_result result, struct slice answer)
{
	struct verdict *v = verdict;

	assert_false(v->done);
	v->done = true;
	v->result = result;
	v->number = number_of(answer);
	v->len = answer.len;
}

static bool is_done(void *verdict)
{
	return ((struct verdict *)verdict)->done;
}

void verdict_wait(struct verdict *v)
{
	rig_wait(is_done, v);
}

int raw_connect(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	/* The backlog is short; the listener's threads empty it. */
	while (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		assert_int_equal(errno, EAGAIN);
	return fd;
}

void raw_greet(int fd, enum raw_protocol protocol)
{
	const char greeting[GREETING_BYTES] = {0, 'S', 'P', 0, 0, (char)protocol, 0, 0};
	char theirs[GREETING_BYTES];

	assert_int_equal(send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL), sizeof(greeting));
	assert_int_equal(recv(fd, theirs, sizeof(theirs), MSG_WAITALL), sizeof(theirs));
}

struct admission {
	int fd;
	const struct side *server;
	unsigned ups;
};

static bool is_decided(void *arg)
{
	const struct admission *a = arg;
	char byte;

	return a->server->ups > a->ups || recv(a->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

int raw_enter(const char *path, enum raw_protocol protocol, const struct side *server)
{
	struct admission a = {.server = server, .ups = server->ups};

	for (;;) {
		a.fd = raw_connect(path);
		raw_greet(a.fd, protocol);
		rig_wait(is_decided, &a);
		if (server->ups > a.ups)
			return a.fd;
		close(a.fd);
	}
}

void raw_frame(int fd, uint64_t len, size_t n)
{
	unsigned char head[HEAD_BYTES] = {1};
	char *zeros = calloc(1, n + 1);

	assert_non_null(zeros);
	for (unsigned i = 0; i < 8; i++)
		head[1 + i] = (unsigned char)(len >> (56 - 8 * i));
	/* The other end may have gone by now. */
	if (send(fd, head, sizeof(head), MSG_NOSIGNAL) > 0 && n > 0)
		(void)!send(fd, zeros, n, MSG_NOSIGNAL);
	free(zeros);
}

static bool is_closed(void *arg)
{
	int fd = *(int *)arg;
	char buf[4096];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0 || errno == ECONNRESET || errno == EPIPE;
}

void raw_wait_closed(int fd)
{
	rig_wait(is_closed, &fd);
}
