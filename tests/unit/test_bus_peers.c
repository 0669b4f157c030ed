/*
 * bus among peers that misbehave, each many times over, since what they hit is a race: a peer that
 * leaves at once, that resets after half a message, that floods or never reads and is closed by us,
 * that sends too much.  Afterwards a good peer must be served, and every descriptor be back.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bus_nng.h"
#include "tests/unit/bus_rig.h"

enum { TIMES = 300, FLOODS = 200, HALF = 1000 };

/* A socket of each kind that listens, with the good peer's kind and what it says on the wire. */
static const struct kind {
	enum bus_pattern pattern;
	enum bus_pattern peer;
	enum raw_protocol raw;
} kinds[] = {
	{BUS_REP, BUS_REQ, RAW_REQ},
	{BUS_PAIR, BUS_PAIR, RAW_PAIR1},
	{BUS_PUB, BUS_SUB, RAW_SUB},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static void serve_a_good_peer(const struct kind *kind, struct side *server, struct side *client)
{
	static struct verdict v;

	switch (kind->pattern) {
	case BUS_REP:
		server->echo = true;
		v = (struct verdict){0};
		assert_int_equal(
			bus_ask(client->socket, rig_message(5, 8), 20000, verdict_take, &v), 0);
		verdict_wait(&v);
		assert_int_equal(v.result, BUS_ANSWERED);
		break;
	case BUS_PAIR:
		rig_wait_count(&client->ups, 1);
		assert_true(side_send(client, 0, 8));
		rig_wait_count(&server->messages, 1);
		break;
	case BUS_PUB:
		rig_wait_count(&client->ups, 1);
		rig_wait_count(&server->ups, server->downs + 1);
		assert_true(side_send(server, 0, 8));
		rig_wait_count(&client->messages, 1);
		break;
	case BUS_REQ:
	case BUS_SUB:
		fail();
	}
	assert_int_equal(server->disorder, 0);
}

typedef void attack_fn(const struct kind *kind, struct side *server, const char *path);

static void under_attack(attack_fn *attack, struct side sides[KINDS][2])
{
	for (size_t i = 0; i < KINDS; i++) {
		struct side *server = &sides[i][0];
		const char *path = rig_path();
		size_t fds;

		side_listen(server, kinds[i].pattern, path);
		fds = rig_count_fds();
		attack(&kinds[i], server, path);
		rig_wait_for_fds(fds);
		side_dial(&sides[i][1], kinds[i].peer, path);
		serve_a_good_peer(&kinds[i], server, &sides[i][1]);
	}
}

static void leave_at_once(const struct kind *kind, struct side *server, const char *path)
{
	(void)kind;
	(void)server;
	for (unsigned i = 0; i < TIMES; i++)
		close(raw_connect(path));
}

static void peers_that_leave_at_once_do_no_harm(void **state)
{
	static struct side sides[KINDS][2];

	(void)state;
	under_attack(leave_at_once, sides);
}

/* The greeting is never read: the kernel says ECONNRESET to the other end. */
static void reset_after_half_a_message(
	const struct kind *kind, struct side *server, const char *path)
{
	char greeting[] = {0, 'S', 'P', 0, 0, (char)kind->raw, 0, 0};

	(void)server;
	for (unsigned i = 0; i < TIMES; i++) {
		int fd = raw_connect(path);

		send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL);
		raw_frame(fd, HALF * 2, i % HALF);
		close(fd);
	}
}

static void peers_that_reset_after_half_a_message_do_no_harm(void **state)
{
	static struct side sides[KINDS][2];

	(void)state;
	under_attack(reset_after_half_a_message, sides);
}

static void say_nothing_and_stay_a_while(
	const struct kind *kind, struct side *server, const char *path)
{
	int fds[64];

	(void)server;
	for (unsigned i = 0; i < 64; i++) {
		fds[i] = raw_connect(path);
		if (i % 2 == 0)
			raw_greet(fds[i], kind->raw == RAW_SUB ? RAW_PAIR1 : RAW_SUB);
	}
	for (unsigned i = 0; i < 64; i++)
		close(fds[i]);
}

static void peers_of_another_protocol_do_no_harm(void **state)
{
	static struct side sides[KINDS][2];

	(void)state;
	under_attack(say_nothing_and_stay_a_while, sides);
	for (size_t i = 0; i < KINDS; i++)
		assert_int_equal(sides[i][0].ups, sides[i][0].downs + 1);
}

static void announce_too_much(const struct kind *kind, struct side *server, const char *path)
{
	(void)server;
	for (unsigned i = 0; i < 20; i++) {
		int fd = raw_connect(path);

		raw_greet(fd, kind->raw);
		/* max_message and a protocol header are 65540 bytes, for PUB it is 1 */
		raw_frame(fd, i % 2 == 0 ? 65541 : UINT64_MAX, 100);
		raw_wait_closed(fd);
		close(fd);
	}
}

static void a_message_that_is_too_large_closes_its_pipe_and_the_socket_lives_on(void **state)
{
	static struct side sides[KINDS][2];

	(void)state;
	under_attack(announce_too_much, sides);
}

/* A thread that writes whole messages, or the bytes of one very slowly, until it is stopped. */
struct writer {
	int fd;
	bool drips;
	pthread_t thread;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	char message[9 + 64] = {1, [8] = 64, [9] = 0};
	char drop = 0;

	if (w->drips)
		raw_frame(w->fd, 65536, 0);
	while (send(w->fd, w->drips ? &drop : message, w->drips ? 1 : sizeof(message),
		       MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

static void writer_start(struct writer *w, const struct side *server, const char *path, bool drips)
{
	w->fd = raw_enter(path, RAW_PAIR1, server);
	w->drips = drips;
	assert_int_equal(pthread_create(&w->thread, NULL, write_on, w), 0);
}

static void writer_join(struct writer *w)
{
	pthread_join(w->thread, NULL);
	close(w->fd);
}

static void drown(struct side *server, const char *path, bool drips)
{
	for (unsigned i = 0; i < FLOODS; i++) {
		struct writer w;

		writer_start(&w, server, path, drips);
		rig_run_ms(1 + i % 4);
		bus_pipe_close(server->socket, server->pipe);
		rig_wait_count(&server->downs, server->ups);
		writer_join(&w);
	}
}

static void a_peer_that_floods_can_be_closed(void **state)
{
	static struct side server;
	static struct side client;
	const char *path = rig_path();
	size_t fds;

	(void)state;
	side_listen(&server, BUS_PAIR, path);
	fds = rig_count_fds();
	drown(&server, path, false);
	drown(&server, path, true);
	rig_wait_for_fds(fds);
	server.next = 0;
	server.messages = 0;
	server.disorder = 0;
	side_dial(&client, BUS_PAIR, path);
	serve_a_good_peer(&kinds[1], &server, &client);
}

static void send_on(struct side *side)
{
	while (side->is_up && bus_can_send(side->socket) && side_send(side, 77, 32768))
		;
}

/* Never reads, so that a write of the server waits; sends a part of a message in drops; then leaves
 * with its own buffer full, which is an error at the other end and not just an end. */
static void never_read(struct side *server, const char *path)
{
	for (unsigned i = 0; i < TIMES; i++) {
		int fd = raw_enter(path, RAW_PAIR1, server);

		rig_wait_count(&server->sent, server->sent + 2);
		raw_frame(fd, HALF, 0);
		for (unsigned n = 0; n < i % 64; n++)
			send(fd, "", 1, MSG_NOSIGNAL);
		close(fd);
		rig_wait_count(&server->downs, server->ups);
	}
}

static void a_peer_that_never_reads_and_leaves_does_no_harm(void **state)
{
	static struct side server = {.hook = send_on};
	static struct side client;
	const char *path = rig_path();
	size_t fds;

	(void)state;
	side_listen(&server, BUS_PAIR, path);
	fds = rig_count_fds();
	never_read(&server, path);
	server.hook = NULL;
	rig_wait_for_fds(fds);
	server.next = 0;
	side_dial(&client, BUS_PAIR, path);
	serve_a_good_peer(&kinds[1], &server, &client);
}

/* Whether fd, read to its end, holds a byte of what side_send() sent as 77. */
static bool has_old_bytes(int fd)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		if (memchr(buf, 77, (size_t)n) != NULL)
			return true;
	return false;
}

static void what_was_meant_for_one_peer_never_reaches_the_next(void **state)
{
	static struct side server = {.hook = send_on};
	const char *path = rig_path();

	(void)state;
	side_listen(&server, BUS_PAIR, path);
	for (unsigned i = 0; i < 100; i++) {
		int fd = raw_enter(path, RAW_PAIR1, &server);

		/* Until one message is in NNG, and the next waits to get in. */
		rig_wait_count(&server.sent, server.sent + 2);
		server.hook = NULL;
		close(fd);
		fd = raw_enter(path, RAW_PAIR1, &server);
		assert_false(has_old_bytes(fd));
		close(fd);
		rig_wait_count(&server.downs, server.ups);
		server.hook = send_on;
	}
}

static void a_uid_that_is_not_listed_is_refused(void **state)
{
	static struct side strict;
	static struct side kind;
	static struct side client;
	static uid_t others[2];
	static uid_t ours[2];
	struct bus_options options = side_options(&strict, BUS_PAIR);
	const char *path = rig_path();

	(void)state;
	others[0] = getuid() + 1;
	others[1] = getuid() + 2;
	options.uids = others;
	options.n_uids = 2;
	assert_int_equal(bus_listen(rig_bus(), path, &options, &strict.socket), 0);
	for (unsigned i = 0; i < 20; i++) {
		int fd = raw_connect(path);

		raw_greet(fd, RAW_PAIR1);
		raw_frame(fd, 8, 8);
		raw_wait_closed(fd);
		close(fd);
	}
	assert_int_equal(strict.ups, 0);
	assert_int_equal(strict.messages, 0);

	path = rig_path();
	ours[0] = getuid() + 1;
	ours[1] = getuid();
	options = side_options(&kind, BUS_PAIR);
	options.uids = ours;
	options.n_uids = 2;
	assert_int_equal(bus_listen(rig_bus(), path, &options, &kind.socket), 0);
	side_dial(&client, BUS_PAIR, path);
	rig_wait_count(&kind.ups, 1);
}

static void a_peer_that_asks_and_does_not_read_loses_its_pipe(void **state)
{
	static struct side server = {.echo = true};
	static struct side client;
	const char *path = rig_path();
	int fd;

	(void)state;
	side_listen(&server, BUS_REP, path);
	fd = raw_connect(path);
	raw_greet(fd, RAW_REQ);
	for (unsigned i = 0; i < 64; i++) {
		char head[] = {1, 0, 0, 0, 0, 0, 0, (char)0x80, 4, (char)0x80, 0, 0, (char)i};
		char body[32768] = {0};

		/* 4 bytes of id and 32,768 of question; the answer is as long */
		if (send(fd, head, sizeof(head), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
			send(fd, body, sizeof(body), MSG_NOSIGNAL | MSG_DONTWAIT) <
				(ssize_t)sizeof(body))
			break;
		rig_run_ms(1);
	}
	/* All contexts wait for it; it is given up after BUS_ANSWER_TIMEOUT. */
	rig_wait_count(&server.downs, 1);
	close(fd);
	side_dial(&client, BUS_REQ, path);
	serve_a_good_peer(&kinds[0], &server, &client);
}

/* All but KILL, STOP and the two that glibc keeps for itself. */
#define ALL_SIGNALS UINT64_C(0xfffffffe7ffbfeff)

static void the_threads_of_nng_take_no_signals(void **state)
{
	unsigned found = 0;
	char line[256];

	(void)state;
	for (int tid = getpid(); tid < getpid() + 200; tid++) {
		char path[64];
		FILE *f;
		bool is_nng = false;

		snprintf(path, sizeof(path), "/proc/self/task/%d/status", tid);
		f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			if (strncmp(line, "Name:\tnng:", 10) == 0)
				is_nng = true;
			if (is_nng && strncmp(line, "SigBlk:", 7) == 0) {
				assert_int_equal(
					strtoull(line + 7, NULL, 16) & ALL_SIGNALS, ALL_SIGNALS);
				found++;
			}
		}
		if (f != NULL)
			fclose(f);
	}
	assert_true(found > 0);
}

static void a_lost_write_is_no_error_for_nng(void **state)
{
	int pair[2];
	struct iovec iov = {"abc", 3};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	Dl_info info;
	Dl_info mine;

	(void)state;
	/* What NNG finds is the executable's, not libc's or a sanitizer's. */
	assert_int_not_equal(dladdr(dlsym(RTLD_DEFAULT, "sendmsg"), &info), 0);
	assert_int_not_equal(dladdr((void *)(uintptr_t)&kinds, &mine), 0);
	assert_ptr_equal(info.dli_fbase, mine.dli_fbase);
	assert_int_not_equal(dladdr(dlsym(RTLD_DEFAULT, "getsockopt"), &info), 0);
	assert_ptr_equal(info.dli_fbase, mine.dli_fbase);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(sendmsg(pair[0], &msg, MSG_NOSIGNAL), 3);
	close(pair[1]);
	assert_int_equal(sendmsg(pair[0], &msg, MSG_NOSIGNAL), 3);
	close(pair[0]);
	assert_int_equal(sendmsg(pair[0], &msg, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lost_write_is_no_error_for_nng),
		cmocka_unit_test(the_threads_of_nng_take_no_signals),
		cmocka_unit_test(peers_that_leave_at_once_do_no_harm),
		cmocka_unit_test(peers_that_reset_after_half_a_message_do_no_harm),
		cmocka_unit_test(peers_of_another_protocol_do_no_harm),
		cmocka_unit_test(
			a_message_that_is_too_large_closes_its_pipe_and_the_socket_lives_on),
		cmocka_unit_test(a_peer_that_floods_can_be_closed),
		cmocka_unit_test(a_peer_that_never_reads_and_leaves_does_no_harm),
		cmocka_unit_test(what_was_meant_for_one_peer_never_reaches_the_next),
		cmocka_unit_test(a_uid_that_is_not_listed_is_refused),
		cmocka_unit_test(a_peer_that_asks_and_does_not_read_loses_its_pipe),
	};
	int failed = cmocka_run_group_tests(tests, rig_start, rig_stop);

	/* Never closed sockets: no exit handler of NNG's may run. */
	_exit(failed == 0 ? 0 : 1);
}
