/*
 * trust (router): what auth is answered, and when.  The bus, the core and the store are played
 * here: a test says when a mark is on disk.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/codes.h"
#include "proto/pack.h"
#include "router/ticketkey.h"
#include "router/trust.h"
#include "tests/unit/test.h"
#include "trust.pb-c.h"

static struct hub hub;
static struct trust *trust;
static struct router_config config;
static struct bus_options listening;
static uint32_t wanted_key;

/* Requests are numbered from 1; the bus's own type is opaque. */
static struct bus_request *request_of(size_t n)
{
	return (struct bus_request *)(uintptr_t)n;
}

#define REQUESTS 8

static struct {
	bool is_answered;
	bool is_dropped;
	uint32_t wire;
	uint64_t last;
	size_t n_keys;
} answers[REQUESTS];

static struct {
	size_t steps;
	size_t fail_at; /* this step finds no memory; 0: none */
	size_t users;
	struct mark mark; /* the last */
	char uid[16];
} core;

int bus_listen(
	struct bus *b, const char *path, const struct bus_options *options, struct bus_socket **out)
{
	(void)b;
	(void)out;
	assert_non_null(strstr(path, "/trust/trust.sock"));
	listening = *options;
	return 0;
}

struct bus_msg {
	size_t len;
	char data[];
};

struct bus_msg *bus_msg_new(size_t len)
{
	struct bus_msg *m = malloc(sizeof(*m) + len);

	assert_non_null(m);
	m->len = len;
	return m;
}

char *bus_msg_data(struct bus_msg *m)
{
	return m->data;
}

void bus_answer(struct bus_request *req, struct bus_msg *m)
{
	size_t n = (size_t)(uintptr_t)req;
	Pb__TrustReply *reply =
		pb__trust_reply__unpack(NULL, m->len, (const uint8_t *)bus_msg_data(m));

	assert_non_null(reply);
	assert_false(answers[n].is_answered);
	answers[n].is_answered = true;
	answers[n].wire = reply->wire;
	answers[n].last = reply->last;
	answers[n].n_keys = reply->n_ticket_keys;
	assert_int_equal(reply->router_start, 4711);
	pb__trust_reply__free_unpacked(reply, NULL);
	free(m);
}

void bus_request_drop(struct bus_request *req)
{
	answers[(size_t)(uintptr_t)req].is_dropped = true;
}

void bus_pipe_close(struct bus_socket *s, uint32_t pipe)
{
	(void)s;
	(void)pipe;
}

void ticketkey_wanted(struct hub *h, uint32_t id)
{
	(void)h;
	wanted_key = id;
}

size_t ticketkey_ids(const struct hub *h, uint32_t out[TICKET_KEYS_MAX])
{
	(void)h;
	out[0] = 3;
	return 1;
}

/* The core makes a mark of each revocation of a user, and has none to make of others. */
int hub_step(struct hub *h, struct core_event *event)
{
	const struct mark *mark = &event->revoke.mark;

	if (++core.steps == core.fail_at)
		return -1;
	if (event->kind == CORE_USER_KNOWN) {
		core.users++;
		return 0;
	}
	assert_int_equal(event->kind, CORE_REVOKE);
	core.mark = *mark;
	memcpy(core.uid, mark->uid.data == NULL ? "" : mark->uid.data, mark->uid.len);
	core.uid[mark->uid.len] = '\0';
	if (mark->kind == MARK_USER)
		trust_marking(h->trust, event->revoke.tag);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&hub, 0, sizeof(hub));
	memset(&core, 0, sizeof(core));
	memset(answers, 0, sizeof(answers));
	wanted_key = 99;
	strcpy(config.run_path, "/run");
	hub.config = &config;
	hub.router_start = 4711;
	assert_int_equal(arena_new(&hub.arena, 1 << 20), 0);
	assert_int_equal(trust_new(&trust, &hub), 0);
	hub.trust = trust;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(hub.arena);
	free(trust);
	return 0;
}

/* A user, or a revocation of one. */
struct told_fact {
	uint64_t number;
	const char *user;
	const char *revoked;
	int64_t boot_ms; /* of the revocation */
};

static void say_bytes(size_t n, const ProtobufCMessage *m)
{
	unsigned char bytes[65536];
	size_t len = protobuf_c_message_pack(m, bytes);

	listening.on_request(
		listening.arg, 1, (struct slice){(const char *)bytes, len}, request_of(n));
}

static void say_in(uint32_t wire, size_t n, uint64_t after, const struct told_fact *facts)
{
	Pb__TrustRequest request = PB__TRUST_REQUEST__INIT;
	Pb__TrustFact list[8], *pointers[8];
	Pb__TrustUser users[8];
	Pb__TrustRevoke revokes[8];

	for (size_t i = 0; facts[i].number != 0; i++) {
		pb__trust_fact__init(&list[i]);
		pb__trust_user__init(&users[i]);
		pb__trust_revoke__init(&revokes[i]);
		list[i].number = facts[i].number;
		users[i].uid = codec_bytes(slice_of(facts[i].user));
		revokes[i].kind = PB__REVOKE_KIND__REVOKE_USER;
		revokes[i].uid = codec_bytes(slice_of(facts[i].revoked));
		revokes[i].boot_ms = facts[i].boot_ms;
		revokes[i].code = CLOSE_REVOKED;
		if (facts[i].user != NULL) {
			list[i].fact_case = PB__TRUST_FACT__FACT_USER;
			list[i].user = &users[i];
		} else if (facts[i].revoked != NULL) {
			list[i].fact_case = PB__TRUST_FACT__FACT_REVOKE;
			list[i].revoke = &revokes[i];
		}
		pointers[i] = &list[i];
		request.n_facts++;
	}
	request.wire = wire;
	request.facts = pointers;
	request.after = after;
	request.ticket_key = 2;
	say_bytes(n, &request.base);
}

#define USER(n, uid)                                                                               \
	{                                                                                          \
		.number = (n), .user = (uid)                                                       \
	}
#define REVOKE(n, uid, ms)                                                                         \
	{                                                                                          \
		.number = (n), .revoked = (uid), .boot_ms = (ms)                                   \
	}
#define HOLE(n)                                                                                    \
	{                                                                                          \
		.number = (n)                                                                      \
	}
#define END HOLE(0)
#define SAY(n, after, ...)                                                                         \
	say_in(WIRE_VERSION, n, after, (const struct told_fact[]){__VA_ARGS__, END})
#define SAY_2(n, ...) say_in(2, n, 0, (const struct told_fact[]){__VA_ARGS__, END})

static void answered(size_t n, uint64_t last)
{
	assert_true(answers[n].is_answered);
	assert_int_equal(answers[n].last, last);
}

static void facts_without_a_mark_are_answered_at_once(void **state)
{
	(void)state;
	SAY(1, 0, USER(1, "ann"), USER(4, "bob"));
	answered(1, 4);
	assert_int_equal(core.users, 2);
	assert_int_equal(answers[1].wire, WIRE_VERSION);
	assert_int_equal(answers[1].n_keys, 1);
	assert_int_equal(wanted_key, 2);
	SAY(2, 9, USER(10, "cid")); /* what is between 4 and 9? */
	answered(2, 4);
	SAY(3, 4, USER(10, "cid"));
	answered(3, 10);
}

static void wire_2_has_no_holes_and_nothing_of_wire_3(void **state)
{
	(void)state;
	SAY_2(1, USER(1, "ann"), HOLE(2), USER(3, "bob"), USER(5, "cid"));
	answered(1, 3);
	assert_int_equal(core.users, 2);
	assert_int_equal(answers[1].wire, 2);
	assert_int_equal(answers[1].n_keys, 0);
	assert_int_equal(wanted_key, 99);
	SAY_2(2, REVOKE(4, "ann", 100)); /* it is not known there */
	answered(2, 4);
	assert_int_equal(core.steps, 2);
}

static void a_revocation_is_answered_when_it_is_on_disk(void **state)
{
	(void)state;
	SAY(1, 0, USER(1, "ann"), REVOKE(2, "ann", 100), USER(3, "bob"), REVOKE(5, "bob", 200));
	assert_false(answers[1].is_answered);
	assert_int_equal(core.steps, 4); /* in force */
	assert_int_equal(core.mark.kind, MARK_USER);
	assert_int_equal(core.mark.at_ms, 200);
	assert_int_equal(core.mark.code, CLOSE_REVOKED);
	assert_string_equal(core.uid, "bob");
	trust_marked(trust, 2, true);
	assert_false(answers[1].is_answered);
	trust_marked(trust, 5, true);
	answered(1, 5);
}

static void one_that_is_not_on_disk_is_told_again(void **state)
{
	(void)state;
	SAY(1, 0, USER(1, "ann"), REVOKE(2, "ann", 100), REVOKE(4, "bob", 200));
	trust_marked(trust, 2, true);
	trust_marked(trust, 4, false);
	answered(1, 3);
	SAY(2, 3, REVOKE(4, "bob", 200));
	assert_int_equal(core.steps, 4); /* again */
	assert_false(answers[2].is_answered);
	trust_marked(trust, 4, true);
	answered(2, 4);
}

static void a_request_without_facts_is_answered_while_others_wait(void **state)
{
	(void)state;
	SAY(1, 0, REVOKE(2, "ann", 100));
	SAY(2, 2, END);
	answered(2, 1);
	SAY(3, 0, REVOKE(2, "ann", 100)); /* auth has lost patience */
	assert_int_equal(core.steps, 1);
	assert_false(answers[3].is_answered);
	trust_marked(trust, 2, true);
	answered(1, 2);
	answered(3, 2);
}

static void what_finds_no_memory_is_not_taken(void **state)
{
	(void)state;
	core.fail_at = 2;
	SAY(1, 0, USER(1, "ann"), USER(2, "bob"), USER(3, "cid"));
	answered(1, 1);
	SAY(2, 1, USER(2, "bob"), USER(3, "cid"));
	answered(2, 3);
	assert_int_equal(core.users, 3);
}

static void a_revocation_of_an_earlier_boot_is_taken_and_does_nothing(void **state)
{
	(void)state;
	SAY(1, 0, REVOKE(1, "ann", 0));
	answered(1, 1);
	assert_int_equal(core.steps, 0);
}

static void a_fact_that_is_none_is_passed_by(void **state)
{
	(void)state;
	SAY(1, 0, USER(1, "not a user id!"), REVOKE(2, "", 100), USER(3, "bob"), USER(3, "bob"),
		USER(2, "ann"));
	answered(1, 3);
	assert_int_equal(core.users, 1);
	assert_int_equal(core.steps, 1);
}

static void what_is_no_request_is_dropped(void **state)
{
	Pb__TrustRequest request = PB__TRUST_REQUEST__INIT;

	(void)state;
	request.wire = WIRE_VERSION + 1;
	say_bytes(1, &request.base);
	assert_true(answers[1].is_dropped);
	request.wire = 0;
	say_bytes(2, &request.base);
	assert_true(answers[2].is_dropped);
	listening.on_request(listening.arg, 1, SLICE_LITERAL("\xff\xff\xff"), request_of(3));
	assert_true(answers[3].is_dropped);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(facts_without_a_mark_are_answered_at_once),
		TEST(wire_2_has_no_holes_and_nothing_of_wire_3),
		TEST(a_revocation_is_answered_when_it_is_on_disk),
		TEST(one_that_is_not_on_disk_is_told_again),
		TEST(a_request_without_facts_is_answered_while_others_wait),
		TEST(what_finds_no_memory_is_not_taken),
		TEST(a_revocation_of_an_earlier_boot_is_taken_and_does_nothing),
		TEST(a_fact_that_is_none_is_passed_by),
		TEST(what_is_no_request_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
