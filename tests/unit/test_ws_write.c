/* One connection's queue into a socket that takes a little at a time. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/ws.h"
#include "tests/unit/test.h"

#define MOST 9100000 /* 300 frames of less than 30,004 bytes */

struct pair {
	int ours;
	int theirs;
};

static struct pair make_pair(void)
{
	const int small = 4096;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	return (struct pair){fds[0], fds[1]};
}

static void put(struct outq *q, struct ws_counts *counts, size_t n, char c)
{
	static char text[60000];
	struct wire *w;

	memset(text, c, n);
	w = wire_new_text((struct slice){text, n}, (struct slice){NULL, 0}, false);
	assert_int_equal(outq_put(q, w, SIZE_MAX), OUTQ_QUEUED);
	counts->queued_bytes += w->len;
	wire_unref(w);
}

static size_t drain(int fd, char *to, size_t max)
{
	ssize_t n = read(fd, to, max);

	return n < 0 ? 0 : (size_t)n;
}

static void many_frames_leave_in_one_call(void **state)
{
	struct pair p = make_pair();
	struct outq q = {0};
	struct ws_counts counts = {0};
	struct wire *frame = NULL;
	struct slice rest;
	char got[100];

	(void)state;
	for (int i = 0; i < 20; i++)
		put(&q, &counts, 1, 'x');
	assert_int_equal(ws_write(p.ours, &q, &counts, &frame, &rest), WS_WRITTEN);
	assert_null(frame);
	assert_int_equal(counts.frames_out, 20);
	assert_int_equal(counts.bytes_out, 60);
	assert_int_equal(counts.queued_bytes, 0);
	assert_int_equal(drain(p.theirs, got, sizeof(got)), 60);
	close(p.ours);
	close(p.theirs);
}

/* Does what ws.c does, with the test in libwebsockets' place for the rest of a frame. */
static void what_arrives_is_what_was_queued_however_little_is_read(void **state)
{
	struct pair p = make_pair();
	struct outq q = {0};
	struct ws_counts counts = {0};
	char *sent = malloc(MOST);
	char *got = malloc(MOST);
	char *held = malloc(100000);
	size_t n_sent = 0;
	size_t n_got = 0;
	size_t n_held = 0;
	int partial = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct iovec iov;
		struct outq one = {0};
		size_t len = (size_t)(i * 397) % 30000;

		put(&q, &counts, len, (char)('a' + i % 26));
		put(&one, &(struct ws_counts){0}, len, (char)('a' + i % 26));
		assert_int_equal(outq_gather(&one, &iov, 1), 1);
		memcpy(sent + n_sent, iov.iov_base, iov.iov_len);
		n_sent += iov.iov_len;
		outq_clear(&one);
	}
	for (size_t step = 1; n_got < n_sent; step = step * 7 % 9973) {
		struct wire *frame = NULL;
		struct slice rest;

		if (n_held > 0) {
			ssize_t n = write(p.ours, held, n_held);

			n = n < 0 ? 0 : n;
			n_held -= (size_t)n;
			memmove(held, held + n, n_held);
		} else if (ws_write(p.ours, &q, &counts, &frame, &rest) == WS_WRITE_PARTIAL) {
			memcpy(held, rest.data, rest.len);
			n_held = rest.len;
			wire_unref(frame);
			partial++;
		}
		n_got += drain(p.theirs, got + n_got, step);
	}
	assert_int_equal(n_got, n_sent);
	assert_memory_equal(got, sent, n_sent);
	assert_true(partial > 10);
	assert_int_equal(counts.frames_out, 300);
	assert_int_equal(counts.queued_bytes, 0);
	free(sent);
	free(got);
	free(held);
	close(p.ours);
	close(p.theirs);
}

static void a_full_socket_is_not_a_dead_one(void **state)
{
	struct pair p = make_pair();
	struct outq q = {0};
	struct ws_counts counts = {0};
	struct wire *frame = NULL;
	struct slice rest;
	enum ws_written w;

	(void)state;
	do {
		put(&q, &counts, 100, 'x');
		w = ws_write(p.ours, &q, &counts, &frame, &rest);
		wire_unref(frame);
		frame = NULL;
	} while (w == WS_WRITTEN);
	assert_int_not_equal(w, WS_WRITE_FAILED);
	put(&q, &counts, 100, 'x');
	assert_int_equal(ws_write(p.ours, &q, &counts, &frame, &rest), WS_WRITE_BLOCKED);
	close(p.theirs);
	assert_int_equal(ws_write(p.ours, &q, &counts, &frame, &rest), WS_WRITE_FAILED);
	outq_clear(&q);
	close(p.ours);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_frames_leave_in_one_call),
		cmocka_unit_test(what_arrives_is_what_was_queued_however_little_is_read),
		cmocka_unit_test(a_full_socket_is_not_a_dead_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
