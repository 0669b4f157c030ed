/*
 * trust: what the router is asked and told.  The bus is played here: one question is out at a time,
 * and the test answers it as a router would.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/trust.h"
#include "common/clock.h"
#include "proto/codec.h"
#include "tests/unit/db_rig.h"
#include "tests/unit/test.h"
#include "trust.pb-c.h"

#define START 77
#define BOOT 9000000LL

struct bus_msg {
	size_t len;
	char *data;
};

static uv_loop_t loop;
static struct trust *trust;
static struct trust *lives[16]; /* each test's, as long as this process */
static unsigned n_lives;
static struct arena *arena;
static struct bus_msg *out; /* the question, NULL: none */
static bus_answer_fn *on_answer;
static void *on_answer_arg;
static unsigned asked;

struct bus_msg *bus_msg_new(size_t len)
{
	struct bus_msg *m = malloc(sizeof(*m));

	assert_non_null(m);
	m->len = len;
	m->data = malloc(len + 1);
	assert_non_null(m->data);
	return m;
}

char *bus_msg_data(struct bus_msg *m)
{
	return m->data;
}

void bus_msg_free(struct bus_msg *m)
{
	if (m != NULL)
		free(m->data);
	free(m);
}

/* In pack.h, which also answers; nobody does here. */
void bus_answer(struct bus_request *req, struct bus_msg *m)
{
	(void)req;
	bus_msg_free(m);
	fail();
}

void bus_request_drop(struct bus_request *req)
{
	(void)req;
	fail();
}

int bus_dial(struct bus *b, const char *path, const struct bus_options *options,
	struct bus_socket **socket)
{
	(void)b;
	(void)path;
	(void)options;
	*socket = NULL;
	return 0;
}

int bus_ask(
	struct bus_socket *s, struct bus_msg *m, int64_t timeout_ms, bus_answer_fn *fn, void *arg)
{
	(void)s;
	assert_true(timeout_ms > 0);
	assert_null(out);
	out = m;
	on_answer = fn;
	on_answer_arg = arg;
	asked++;
	return 0;
}

int64_t clock_boot_ms(void)
{
	return BOOT;
}

static int setup(void **state)
{
	if (db_rig_setup(state) < 0 || uv_loop_init(&loop) < 0 || arena_new(&arena, 1 << 20) < 0)
		return -1;
	rig_open();
	asked = 0;
	if (trust_new(&trust, &loop, NULL, "trust.sock", rig.facts) < 0)
		return -1;
	assert_true(n_lives < sizeof(lives) / sizeof(lives[0]));
	lives[n_lives++] = trust;
	return 0;
}

static void handle_close(uv_handle_t *handle, void *arg)
{
	(void)arg;
	uv_close(handle, NULL);
}

static int teardown(void **state)
{
	uv_walk(&loop, handle_close, NULL);
	(void)uv_run(&loop, UV_RUN_DEFAULT);
	bus_msg_free(out);
	out = NULL;
	arena_free(arena);
	return uv_loop_close(&loop) < 0 ? -1 : db_rig_teardown(state);
}

/* The question that is out; if there is none, one is asked now.  Until the next. */
static const Pb__TrustRequest *question(void)
{
	static const struct codec_bounds bounds = {
		TRUST_MAX_BYTES, 2 * TRUST_FACTS_PER_REQUEST + 1};
	ProtobufCMessage *msg;

	if (out == NULL)
		trust_tell(trust);
	assert_non_null(out);
	assert_int_equal(codec_decode(&pb__trust_request__descriptor,
				 (struct slice){out->data, out->len}, &bounds, arena, &msg),
		CODEC_OK);
	return (const Pb__TrustRequest *)msg;
}

static void no_answer(enum bus_answer_result result)
{
	(void)question();
	bus_msg_free(out);
	out = NULL;
	on_answer(on_answer_arg, result, (struct slice){0});
}

static void answer_from(uint64_t start, uint32_t wire, uint64_t last)
{
	Pb__TrustReply reply = PB__TRUST_REPLY__INIT;
	uint32_t keys[] = {1, 2};
	unsigned char bytes[64];

	(void)question();
	bus_msg_free(out);
	out = NULL;
	reply.wire = wire;
	reply.router_start = start;
	reply.last = last;
	if (wire >= 3) {
		reply.n_ticket_keys = 2;
		reply.ticket_keys = keys;
	}
	on_answer(on_answer_arg, BUS_ANSWERED,
		(struct slice){(const char *)bytes, pb__trust_reply__pack(&reply, bytes)});
}

static void answer(uint32_t wire, uint64_t last)
{
	answer_from(START, wire, last);
}

static const char *facts_of(const Pb__TrustRequest *q)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < q->n_facts; i++) {
		const Pb__TrustFact *f = q->facts[i];
		const char *space = i == 0 ? "" : " ";

		if (f->fact_case == PB__TRUST_FACT__FACT_USER)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
				"%s%" PRIu64 ":%.*s", space, f->number, (int)f->user->uid.len,
				(const char *)f->user->uid.data);
		else if (f->fact_case == PB__TRUST_FACT__FACT_REVOKE)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
				"%s%" PRIu64 ":%d,%.*s,%" PRIu64 ",%" PRIu32 ",%" PRId64
				",%" PRIu32,
				space, f->number, (int)f->revoke->kind, (int)f->revoke->uid.len,
				(const char *)f->revoke->uid.data, f->revoke->token_hash,
				f->revoke->issuer, f->revoke->boot_ms, f->revoke->code);
		else
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "%s%" PRIu64, space, f->number);
		assert_true(len < sizeof(text));
	}
	return text;
}

static void expect(uint32_t wire, uint64_t after, const char *facts)
{
	const Pb__TrustRequest *q = question();

	assert_int_equal(q->wire, wire);
	assert_int_equal(q->after, after);
	assert_string_equal(facts_of(q), facts);
}

static void revoke_user(const char *uid, int64_t boot_ms)
{
	struct revocation v = {.kind = REVOCATION_USER,
		.uid = slice_of(uid),
		.wall_ms = 5,
		.boot_ms = boot_ms,
		.code = 4404};

	assert_int_equal(revocations_add(rig.revocations, &v, 1), 0);
}

static unsigned confirmed, unconfirmed;

static void on_done(struct trust_wait *w, bool in_force)
{
	(void)w;
	if (in_force)
		confirmed++;
	else
		unconfirmed++;
}

/* Waits for the last fact. */
static void wait_begin(struct trust_wait *w)
{
	confirmed = unconfirmed = 0;
	*w = (struct trust_wait){.done = on_done};
	trust_wait_for(trust, w, facts_last(rig.facts));
}

static void the_router_is_told_what_it_has_not(void **state)
{
	struct revocation list[] = {
		{.kind = REVOCATION_TOKEN,
			.uid = SLICE_LITERAL("ann"),
			.hash = UINT64_MAX,
			.boot_ms = BOOT,
			.code = 4410},
		{.kind = REVOCATION_ISSUER, .issuer = 4000000000, .boot_ms = BOOT, .code = 4404},
	};

	(void)state;
	assert_int_equal(rig_add("ann", "ann"), 0);
	assert_int_equal(rig_add("ben", "7"), 0);
	expect(3, 0, ""); /* what it has is not known yet */
	answer(3, 0);
	expect(3, 0, "1:ann 2:7");
	answer(3, 2);
	assert_null(out);
	revoke_user("7", BOOT);
	trust_tell(trust);
	expect(3, 2, "3:0,7,0,0,9000000,4404");
	assert_int_equal(revocations_add(rig.revocations, list, 2), 0);
	trust_tell(trust); /* one question at a time */
	answer(3, 3);
	expect(3, 3, "4:1,ann,18446744073709551615,0,9000000,4410 5:2,,0,4000000000,9000000,4404");
	answer(3, 5);
	assert_null(out);
	answer_from(START + 1, 3, 0); /* the router began anew */
	expect(3, 0,
		"1:ann 2:7 3:0,7,0,0,9000000,4404 4:1,ann,18446744073709551615,0,9000000,4410 "
		"5:2,,0,4000000000,9000000,4404");
}

static void what_no_ticket_can_remember_is_left_out(void **state)
{
	(void)state;
	revoke_user("ann", BOOT - MARK_KEPT_MS);
	revoke_user("ben", BOOT - MARK_KEPT_MS + 1);
	revoke_user("cem", 0);
	answer(3, 0);
	expect(3, 0, "2:0,ben,0,0,8040001,4404 3:0,cem,0,0,0,4404"); /* the last one always goes */
	answer(3, 3);
	assert_null(out);
}

static void who_waits_is_told_when_the_router_has_it(void **state)
{
	struct trust_wait first, second;

	(void)state;
	answer(3, 0);
	revoke_user("ann", BOOT);
	wait_begin(&first);
	expect(3, 0, "1:0,ann,0,0,9000000,4404"); /* at once */
	revoke_user("ben", BOOT);
	second = (struct trust_wait){.done = on_done};
	trust_wait_for(trust, &second, facts_last(rig.facts));
	answer(3, 1);
	assert_int_equal(confirmed, 1);
	expect(3, 1, "2:0,ben,0,0,9000000,4404");
	answer(3, 2);
	assert_int_equal(confirmed, 2);
	assert_int_equal(unconfirmed, 0);
	/* What the router has long had is confirmed by its next answer. */
	wait_begin(&first);
	expect(3, 2, "");
	answer(3, 2);
	assert_int_equal(confirmed, 1);
}

static void who_waits_in_vain_is_told_so(void **state)
{
	struct trust_wait w, other;

	(void)state;
	answer(3, 0);
	revoke_user("ann", BOOT);
	wait_begin(&w);
	other = (struct trust_wait){.done = on_done};
	trust_wait_for(trust, &other, 1);
	while (unconfirmed < 2) {
		if (out != NULL)
			no_answer(BUS_TIMED_OUT);
		(void)uv_run(&loop, UV_RUN_ONCE);
	}
	assert_int_equal(confirmed, 0);
	/* When the router is back it is told nevertheless. */
	while (question()->wire != 3)
		no_answer(BUS_TIMED_OUT);
	answer_from(START + 1, 3, 0);
	expect(3, 0, "1:0,ann,0,0,9000000,4404");
	answer_from(START + 1, 3, 1);
	assert_int_equal(confirmed, 0);
}

static void a_router_that_takes_nothing_is_not_asked_without_pause(void **state)
{
	(void)state;
	assert_int_equal(rig_add("ann", "ann"), 0);
	answer(3, 0);
	expect(3, 0, "1:ann");
	answer(3, 0); /* its memory is short, say */
	assert_null(out);
	while (out == NULL) /* until the next second's question */
		(void)uv_run(&loop, UV_RUN_ONCE);
	expect(3, 0, "1:ann");
	answer(3, 1);
	assert_null(out);
}

static void an_older_router_is_told_users_alone_in_numbers_without_holes(void **state)
{
	struct trust_wait w;

	(void)state;
	assert_int_equal(rig_add("ann", "ann"), 0);
	revoke_user("ann", BOOT);
	revoke_user("ann", BOOT); /* 2 is a hole now */
	assert_int_equal(rig_add("ben", "7"), 0);
	no_answer(BUS_BROKE); /* of wire 3 */
	expect(2, 0, "");
	answer(2, 0);
	/* it might have come up in between */
	expect(3, 0, "1:ann 3:0,ann,0,0,9000000,4404 4:7");
	no_answer(BUS_BROKE);
	expect(2, 0, "");
	answer(2, 0); /* the same one: it is older */
	expect(2, 0, "1:ann 2 3 4:7");
	revoke_user("7", BOOT);
	wait_begin(&w);
	answer(2, 4);
	expect(2, 0, "5");
	answer(2, 5);
	assert_null(out);
	while (confirmed + unconfirmed == 0) {
		if (out != NULL)
			answer(2, 5);
		(void)uv_run(&loop, UV_RUN_ONCE);
	}
	assert_int_equal(confirmed, 0); /* recorded, not in force */
	/* A new router in its place is told everything, in wire 3. */
	expect(2, 0, "");
	answer_from(START + 1, 2, 0);
	expect(3, 0, "1:ann 3:0,ann,0,0,9000000,4404 4:7 5:0,7,0,0,9000000,4404");
	answer_from(START + 1, 3, 5);
	assert_null(out);
}

static void a_router_that_comes_up_late_is_not_taken_for_an_older_one(void **state)
{
	(void)state;
	revoke_user("ann", BOOT);
	no_answer(BUS_TIMED_OUT);
	expect(2, 0, "");
	no_answer(BUS_TIMED_OUT);
	expect(3, 0, "");
	no_answer(BUS_BROKE);
	expect(2, 0, "");
	answer(2, 0);
	expect(3, 0, "1:0,ann,0,0,9000000,4404");
	no_answer(BUS_TIMED_OUT); /* busy: it did not drop it */
	expect(2, 0, "");
	answer(2, 0);
	expect(3, 0, "1:0,ann,0,0,9000000,4404");
	answer(3, 1);
	assert_null(out);
}

static void an_auth_db_that_was_put_back_takes_numbers_the_router_has_not(void **state)
{
	struct trust_wait w;

	(void)state;
	revoke_user("ann", BOOT);
	answer(3, 40);
	assert_null(out);
	revoke_user("ben", BOOT);
	wait_begin(&w);
	expect(3, 40, "41:0,ben,0,0,9000000,4404");
	answer(3, 41);
	assert_int_equal(confirmed, 1);
}

static uint32_t heard_keys[4];
static size_t n_heard_keys;

static void on_keys(void *arg, const uint32_t *ids, size_t n)
{
	(void)arg;
	n_heard_keys = n;
	for (size_t i = 0; i < n && i < 4; i++)
		heard_keys[i] = ids[i];
}

static void the_router_is_asked_for_a_ticket_key(void **state)
{
	(void)state;
	trust_on_ticket_keys(trust, on_keys, NULL);
	assert_int_equal(question()->ticket_key, 0);
	answer(3, 0);
	assert_int_equal(n_heard_keys, 2);
	assert_int_equal(heard_keys[1], 2);
	trust_want_ticket_key(trust, 2);
	assert_int_equal(question()->ticket_key, 2);
	no_answer(BUS_TIMED_OUT);
	assert_int_equal(question()->wire, 2);
	assert_int_equal(question()->ticket_key, 0);
	answer(2, 0);
	assert_int_equal(n_heard_keys, 0);
	assert_int_equal(question()->ticket_key, 2);
}

static void many_facts_go_in_batches(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRUST_FACTS_PER_REQUEST + 10; i++) {
		char name[UID_MAX_BYTES + 1];

		memset(name, 'x', UID_MAX_BYTES); /* the longest */
		snprintf(name, 8, "%06u_", i);
		name[7] = 'x';
		name[UID_MAX_BYTES] = '\0';
		revoke_user(name, BOOT);
	}
	answer(3, 0);
	assert_int_equal(question()->n_facts, TRUST_FACTS_PER_REQUEST);
	assert_true(out->len <= TRUST_MAX_BYTES);
	answer(3, TRUST_FACTS_PER_REQUEST);
	assert_int_equal(question()->n_facts, 10);
	answer(3, TRUST_FACTS_PER_REQUEST + 10);
	assert_null(out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_router_is_told_what_it_has_not),
		TEST(what_no_ticket_can_remember_is_left_out),
		TEST(who_waits_is_told_when_the_router_has_it),
		TEST(who_waits_in_vain_is_told_so),
		TEST(a_router_that_takes_nothing_is_not_asked_without_pause),
		TEST(an_older_router_is_told_users_alone_in_numbers_without_holes),
		TEST(a_router_that_comes_up_late_is_not_taken_for_an_older_one),
		TEST(an_auth_db_that_was_put_back_takes_numbers_the_router_has_not),
		TEST(the_router_is_asked_for_a_ticket_key),
		TEST(many_facts_go_in_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
