/* bus between peers that behave: order, one peer, questions, redialling.  Real unix sockets. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/bus_rig.h"

enum { MANY = 20000, ASKS = 200 };

static void send_more(struct side *side)
{
	uint64_t *number = side->user;

	while (*number < MANY && bus_can_send(side->socket) && side_send(side, *number, 24))
		(*number)++;
}

static void messages_of_a_pair_arrive_in_order_both_ways(void **state)
{
	static uint64_t from_a;
	static uint64_t from_b;
	static struct side a = {.hook = send_more, .user = &from_a};
	static struct side b = {.hook = send_more, .user = &from_b};
	const char *path = rig_path();

	(void)state;
	side_listen(&a, BUS_PAIR, path);
	side_dial(&b, BUS_PAIR, path);
	rig_wait_count(&a.messages, MANY);
	rig_wait_count(&b.messages, MANY);
	assert_int_equal(a.disorder + b.disorder, 0);
	assert_int_equal(a.ups + b.ups, 2);
	assert_int_equal(a.not_sent + b.not_sent, 0);
	a.hook = NULL;
	b.hook = NULL;
}

static void nothing_can_be_sent_to_a_pair_without_a_peer(void **state)
{
	static struct side a;

	(void)state;
	side_listen(&a, BUS_PAIR, rig_path());
	assert_false(bus_can_send(a.socket));
	assert_false(side_send(&a, 0, 8));
}

static void a_second_peer_of_a_pair_is_refused_until_the_first_is_gone(void **state)
{
	static struct side a;
	static struct side b;
	static struct side c;
	const char *path = rig_path();
	int second;

	(void)state;
	side_listen(&a, BUS_PAIR, path);
	side_dial(&b, BUS_PAIR, path);
	rig_wait_count(&a.ups, 1);
	second = raw_connect(path);
	raw_greet(second, RAW_PAIR1);
	raw_wait_closed(second);
	close(second);
	assert_int_equal(a.ups, 1);
	assert_int_equal(a.downs, 0);

	assert_int_equal(bus_redial(b.socket, rig_path()), 0);
	rig_wait_count(&a.downs, 1);
	side_dial(&c, BUS_PAIR, path);
	rig_wait_count(&a.ups, 2);
	assert_int_equal(a.disorder, 0);
}

static void the_largest_message_passes(void **state)
{
	static struct side a;
	static struct side b;
	const char *path = rig_path();

	(void)state;
	side_listen(&a, BUS_PAIR, path);
	side_dial(&b, BUS_PAIR, path);
	rig_wait_count(&b.ups, 1);
	assert_true(side_send(&b, 0, 65536));
	rig_wait_count(&a.messages, 1);
	assert_int_equal(a.last_len, 65536);
}

static void every_subscriber_hears_everything(void **state)
{
	static struct side pub;
	static struct side subs[3];
	const char *path = rig_path();

	(void)state;
	side_listen(&pub, BUS_PUB, path);
	for (size_t i = 0; i < 3; i++)
		side_dial(&subs[i], BUS_SUB, path);
	rig_wait_count(&pub.ups, 3);
	for (uint64_t n = 0; n < 1000; n++) {
		assert_true(side_send(&pub, n, 100));
		assert_false(bus_can_send(pub.socket));
		rig_wait_count(&pub.sent, (unsigned)n + 1);
	}
	for (size_t i = 0; i < 3; i++) {
		rig_wait_count(&subs[i].messages, 1000);
		assert_int_equal(subs[i].disorder, 0);
	}
}

static void many_questions_are_answered_at_once(void **state)
{
	static struct side server = {.echo = true};
	static struct side client;
	static struct verdict verdicts[ASKS];
	const char *path = rig_path();

	(void)state;
	side_listen(&server, BUS_REP, path);
	side_dial(&client, BUS_REQ, path);
	for (unsigned round = 0; round < 3; round++) {
		memset(verdicts, 0, sizeof(verdicts));
		for (uint64_t i = 0; i < ASKS; i++)
			assert_int_equal(bus_ask(client.socket, rig_message(i, 16), 20000,
						 verdict_take, &verdicts[i]),
				0);
		for (uint64_t i = 0; i < ASKS; i++) {
			verdict_wait(&verdicts[i]);
			assert_int_equal(verdicts[i].result, BUS_ANSWERED);
			assert_int_equal(verdicts[i].number, i);
		}
	}
	assert_int_equal(server.messages, 3 * ASKS);
	assert_int_equal(server.disorder, 0);
}

static void requests_may_be_answered_in_another_order_or_not_at_all(void **state)
{
	static struct side server;
	static struct side client;
	static struct verdict verdicts[8];
	static struct verdict last;
	const char *path = rig_path();

	(void)state;
	side_listen(&server, BUS_REP, path);
	side_dial(&client, BUS_REQ, path);
	for (uint64_t i = 0; i < 8; i++)
		assert_int_equal(bus_ask(client.socket, rig_message(i, 8), 20000, verdict_take,
					 &verdicts[i]),
			0);
	rig_wait_count(&server.messages, 8);
	bus_request_drop(server.kept[0]);
	for (unsigned i = 8; i-- > 1;)
		bus_answer(server.kept[i], rig_message(100 + server.kept_number[i], 8));
	for (unsigned i = 1; i < 8; i++) {
		uint64_t number = server.kept_number[i];

		verdict_wait(&verdicts[number]);
		assert_int_equal(verdicts[number].number, 100 + number);
	}
	assert_false(verdicts[server.kept_number[0]].done);
	server.echo = true;
	assert_int_equal(bus_ask(client.socket, rig_message(7, 8), 20000, verdict_take, &last), 0);
	verdict_wait(&last);
	assert_int_equal(last.number, 7);
}

static void a_question_without_a_peer_times_out_at_its_deadline(void **state)
{
	static struct side client;
	static struct verdict v;
	uint64_t before = uv_hrtime();

	(void)state;
	side_dial(&client, BUS_REQ, rig_path());
	assert_int_equal(bus_ask(client.socket, rig_message(1, 8), 150, verdict_take, &v), 0);
	verdict_wait(&v);
	assert_int_equal(v.result, BUS_TIMED_OUT);
	assert_true(uv_hrtime() - before >= 145 * UINT64_C(1000000));
}

static void a_question_without_an_answer_times_out_and_its_context_serves_again(void **state)
{
	static struct side server;
	static struct side client;
	static struct verdict v;
	const char *path = rig_path();

	(void)state;
	side_listen(&server, BUS_REP, path);
	side_dial(&client, BUS_REQ, path);
	assert_int_equal(bus_ask(client.socket, rig_message(1, 8), 150, verdict_take, &v), 0);
	verdict_wait(&v);
	assert_int_equal(v.result, BUS_TIMED_OUT);
	assert_int_equal(server.messages, 1);

	/* The late answer to the first must not be taken for that of the second. */
	v = (struct verdict){0};
	assert_int_equal(bus_ask(client.socket, rig_message(2, 8), 20000, verdict_take, &v), 0);
	rig_wait_count(&server.messages, 2);
	bus_answer(server.kept[0], rig_message(11, 8));
	bus_answer(server.kept[1], rig_message(22, 8));
	verdict_wait(&v);
	assert_int_equal(v.result, BUS_ANSWERED);
	assert_int_equal(v.number, 22);
}

static void a_question_breaks_with_its_connection_and_is_not_sent_again(void **state)
{
	static struct side server;
	static struct side client;
	static struct verdict v;
	const char *path = rig_path();

	(void)state;
	side_listen(&server, BUS_REP, path);
	side_dial(&client, BUS_REQ, path);
	assert_int_equal(bus_ask(client.socket, rig_message(1, 8), 20000, verdict_take, &v), 0);
	rig_wait_count(&server.messages, 1);
	bus_pipe_close(server.socket, server.pipe);
	verdict_wait(&v);
	assert_int_equal(v.result, BUS_BROKE);
	bus_answer(server.kept[0], rig_message(1, 8)); /* to nobody */
	rig_wait_count(&server.ups, 2);
	assert_int_equal(server.messages, 1);

	server.echo = true;
	v = (struct verdict){0};
	assert_int_equal(bus_ask(client.socket, rig_message(2, 8), 20000, verdict_take, &v), 0);
	verdict_wait(&v);
	assert_int_equal(v.result, BUS_ANSWERED);
	assert_int_equal(server.messages, 2);
}

/* One message that the client has for the server, whatever happens to its connection. */
struct errand {
	struct side *client;
	struct side *server;
	unsigned number;
	unsigned downs; /* of the client, when it was sent */
	bool is_sent;
};

static bool is_run(void *arg)
{
	struct errand *e = arg;

	if (e->server->messages > e->number)
		return true;
	if ((!e->is_sent || e->client->downs != e->downs) && bus_can_send(e->client->socket)) {
		e->is_sent = side_send(e->client, e->number, 8);
		e->downs = e->client->downs;
	}
	return false;
}

static bool is_alone(void *arg)
{
	const struct side *s = arg;

	return s->ups == s->downs;
}

/*
 * NNG tells of the end of a PAIR's pipe just before it is ready for the next one, so a client that
 * dials at once may be let in and turned away; then it dials again.
 */
static void a_pair_redials_a_hundred_times(void **state)
{
	static struct side servers[2];
	static struct side client;
	const char *paths[2] = {rig_path(), rig_path()};
	size_t fds;

	(void)state;
	side_listen(&servers[0], BUS_PAIR, paths[0]);
	side_listen(&servers[1], BUS_PAIR, paths[1]);
	side_dial(&client, BUS_PAIR, paths[0]);
	rig_wait_count(&client.ups, 1);
	rig_wait_count(&servers[0].ups, 1);
	fds = rig_count_fds();
	for (unsigned i = 1; i <= 100; i++) {
		struct side *server = &servers[i % 2];
		struct errand errand = {&client, server, server->messages, 0, false};
		unsigned downs = client.downs;

		assert_int_equal(bus_redial(client.socket, paths[i % 2]), 0);
		assert_false(bus_can_send(client.socket));
		rig_wait_count(&client.downs, downs + 1);
		/* Else the one that is dialled next could still think that it has a peer. */
		rig_wait(is_alone, &servers[(i + 1) % 2]);
		rig_wait(is_run, &errand);
	}
	assert_int_equal(client.ups, client.downs + 1);
	assert_int_equal(servers[0].disorder + servers[1].disorder, 0);
	assert_int_equal(servers[0].messages + servers[1].messages, 100);
	rig_wait_for_fds(fds);
}

static void a_subscriber_redials(void **state)
{
	static struct side first;
	static struct side second;
	static struct side sub;
	const char *paths[2] = {rig_path(), rig_path()};

	(void)state;
	side_listen(&first, BUS_PUB, paths[0]);
	side_listen(&second, BUS_PUB, paths[1]);
	side_dial(&sub, BUS_SUB, paths[0]);
	rig_wait_count(&first.ups, 1);
	rig_wait_count(&sub.ups, 1);
	assert_int_equal(bus_redial(sub.socket, paths[1]), 0);
	rig_wait_count(&second.ups, 1);
	rig_wait_count(&first.downs, 1);
	rig_wait_count(&sub.ups, 2);
	assert_true(side_send(&first, 99, 8));
	assert_true(side_send(&second, 0, 8));
	rig_wait_count(&sub.messages, 1);
	assert_int_equal(sub.disorder, 0);
}

static mode_t mode_for(struct side *side, const uid_t *uids, size_t n)
{
	struct bus_options options = side_options(side, BUS_PAIR);
	const char *path = rig_path();
	struct bus_socket *s;
	struct stat st;

	options.mode = 0666;
	options.uids = uids;
	options.n_uids = n;
	assert_int_equal(bus_listen(rig_bus(), path, &options, &s), 0);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

static void a_path_for_our_own_uid_cannot_be_opened_by_another(void **state)
{
	static struct side sides[3];
	static uid_t uids[2];

	(void)state;
	uids[0] = geteuid();
	uids[1] = uids[0] + 1;
	assert_int_equal(mode_for(&sides[0], uids, 1), 0600);
	assert_int_equal(mode_for(&sides[1], uids, 2), 0666);
	assert_int_equal(mode_for(&sides[2], uids + 1, 1), 0666);
}

/* A question by hand, since the uid that counts is the one at connect(). */
static int ask_as(uid_t uid, const char *path)
{
	/* NNG's frame: 1, the length, then REQ's id and the body. */
	static const char frame[] = "\x01\0\0\0\0\0\0\0\x0c\x80\0\0\x01"
				    "12345678";
	uid_t own = geteuid();
	int fd;

	assert_int_equal(seteuid(uid), 0);
	fd = raw_connect(path);
	assert_int_equal(seteuid(own), 0);
	raw_greet(fd, RAW_REQ);
	assert_int_equal(send(fd, frame, sizeof(frame) - 1, MSG_NOSIGNAL), sizeof(frame) - 1);
	return fd;
}

static void a_request_tells_the_uid_of_who_asks(void **state)
{
	static struct side server;
	const char *path = rig_path();
	char dir[128];
	uid_t stranger = geteuid() == 0 ? 65534 : geteuid();
	int fds[2];

	(void)state;
	side_listen(&server, BUS_REP, path);
	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	assert_int_equal(chmod(dir, 0711), 0);
	assert_int_equal(chmod(path, 0666), 0);
	fds[0] = ask_as(geteuid(), path);
	rig_wait_count(&server.messages, 1);
	fds[1] = ask_as(stranger, path);
	rig_wait_count(&server.messages, 2);
	assert_int_equal(bus_request_uid(server.kept[0]), geteuid());
	assert_int_equal(bus_request_uid(server.kept[1]), stranger);
	/* It stays known when the asker has left. */
	close(fds[1]);
	rig_wait_count(&server.downs, 1);
	assert_int_equal(bus_request_uid(server.kept[1]), stranger);
	close(fds[0]);
	bus_request_drop(server.kept[0]);
	bus_request_drop(server.kept[1]);
}

static void a_live_path_is_refused_and_a_stale_one_replaced(void **state)
{
	static struct side a;
	static struct side b;
	struct bus_options options = side_options(&a, BUS_PAIR);
	const char *path = rig_path();
	const char *stale = rig_path();
	const char *file = rig_path();
	struct bus_socket *s;
	struct stat st;

	(void)state;
	side_listen(&a, BUS_PAIR, path);
	assert_int_equal(bus_listen(rig_bus(), path, &options, &s), -EADDRINUSE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	assert_int_equal(mknod(stale, S_IFSOCK | 0600, 0), 0);
	options.mode = 0666;
	assert_int_equal(bus_listen(rig_bus(), stale, &options, &s), 0);
	assert_int_equal(stat(stale, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	side_dial(&b, BUS_PAIR, stale);
	rig_wait_count(&a.ups, 1);

	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(bus_listen(rig_bus(), file, &options, &s), -EEXIST);
	assert_int_equal(access(file, F_OK), 0);
}

static void options_that_bound_nothing_are_refused(void **state)
{
	static struct side a;
	struct bus_options options = side_options(&a, BUS_PAIR);
	struct bus_socket *s;
	char longest[256];

	(void)state;
	options.max_message = 0;
	assert_int_equal(bus_listen(rig_bus(), rig_path(), &options, &s), -EINVAL);
	options.max_message = 1;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(bus_listen(rig_bus(), longest, &options, &s), -ENAMETOOLONG);
}

struct call {
	const char *path;
	uint64_t number;
	int timeout_ms;
	int rc;
	uint64_t answer;
	bool done;
};

static void *make_call(void *arg)
{
	struct call *c = arg;
	struct bus_msg *answer = NULL;

	c->rc = bus_call(c->path, rig_message(c->number, 8), 64, c->timeout_ms, &answer);
	if (c->rc == 0) {
		memcpy(&c->answer, bus_msg_data(answer), sizeof(c->answer));
		bus_msg_free(answer);
	}
	__atomic_store_n(&c->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static bool call_is_done(void *arg)
{
	return __atomic_load_n(&((struct call *)arg)->done, __ATOMIC_ACQUIRE);
}

static void call(struct call *c)
{
	pthread_t thread;

	c->done = false;
	assert_int_equal(pthread_create(&thread, NULL, make_call, c), 0);
	rig_wait(call_is_done, c);
	pthread_join(thread, NULL);
}

static void a_tool_asks_without_a_loop(void **state)
{
	static struct side server = {.echo = true};
	struct call c = {.path = rig_path(), .timeout_ms = 20000};

	(void)state;
	call(&c);
	assert_int_equal(c.rc, -ECONNREFUSED);
	side_listen(&server, BUS_REP, c.path);
	for (c.number = 1; c.number < 20; c.number++) {
		call(&c);
		assert_int_equal(c.rc, 0);
		assert_int_equal(c.answer, c.number);
	}
	server.echo = false;
	c.timeout_ms = 100;
	call(&c);
	assert_int_equal(c.rc, -ETIMEDOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_a_pair_arrive_in_order_both_ways),
		cmocka_unit_test(nothing_can_be_sent_to_a_pair_without_a_peer),
		cmocka_unit_test(a_second_peer_of_a_pair_is_refused_until_the_first_is_gone),
		cmocka_unit_test(the_largest_message_passes),
		cmocka_unit_test(every_subscriber_hears_everything),
		cmocka_unit_test(many_questions_are_answered_at_once),
		cmocka_unit_test(requests_may_be_answered_in_another_order_or_not_at_all),
		cmocka_unit_test(a_question_without_a_peer_times_out_at_its_deadline),
		cmocka_unit_test(
			a_question_without_an_answer_times_out_and_its_context_serves_again),
		cmocka_unit_test(a_question_breaks_with_its_connection_and_is_not_sent_again),
		cmocka_unit_test(a_pair_redials_a_hundred_times),
		cmocka_unit_test(a_subscriber_redials),
		cmocka_unit_test(a_path_for_our_own_uid_cannot_be_opened_by_another),
		cmocka_unit_test(a_request_tells_the_uid_of_who_asks),
		cmocka_unit_test(a_live_path_is_refused_and_a_stale_one_replaced),
		cmocka_unit_test(options_that_bound_nothing_are_refused),
		cmocka_unit_test(a_tool_asks_without_a_loop),
	};
	int failed = cmocka_run_group_tests(tests, rig_start, rig_stop_without_leaks);

	/* Never closed sockets: no exit handler of NNG's may run. */
	_exit(failed == 0 ? 0 : 1);
}
