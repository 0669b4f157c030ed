/* The core without memory: whichever allocation of a step fails, the step is void and says so, the
 * state is as before, and the same event is as good when memory is back.  What the store says, and
 * ticks, are taken in any case; the next tick does the rest. */
#include <errno.h>

#include "tests/sim/alloc.h"
#include "tests/unit/core_rig.h"

enum { ENOUGH = 400 }; /* allocations of one step */
enum { VOIDS = 100 };  /* steps that must have failed, or the scene asks for too little */

#define EPOCH "k3f9k3f9"

static const struct core_config config = {
	.watching = CORE_WATCH_ANY,
	.sessions_per_user = 3,
	.limit = CORE_LIMIT_OLDEST,
	.is_durable = true,
	.inbox_rows = INBOX_ROWS,
	.inbox_bytes = INBOX_BYTES,
	.retention_ms = (int64_t)INBOX_RETENTION_S * 1000,
	.epoch = {'k', '3', 'f', '9', 'k', '3', 'f', '9'},
	.random = 5,
	.started_ms = 1000000,
};

/* Of the events below: what they point to. */
static struct ticket ticket;
static struct slice users[3];
static struct message_row rows[3];

static uint64_t last_append(const struct rig *r)
{
	return rig_nth(r, CORE_DO_APPEND, rig_count(r, CORE_DO_APPEND) - 1)->append.number;
}

static void store(struct rig *r, uint64_t number)
{
	struct core_event e = {.kind = CORE_STORED, .stored = {number}};

	rig_step(r, &e);
}

static void open_as(struct rig *r, uint32_t link, uint64_t session, const char *uid, uint64_t u)
{
	struct core_event e;

	r->link = link;
	ticket = rig_ticket(r, session, uid);
	ticket.flags |= TICKET_MAY_PUSH;
	e = rig_open_event(&ticket);
	e.open.has_position = true;
	e.open.epoch = SLICE_LITERAL(EPOCH);
	e.open.u = u;
	rig_step(r, &e);
}

static void watch_all(struct rig *r, uint32_t link, uint64_t session)
{
	struct core_event e = {.kind = CORE_WATCH};

	r->link = link;
	users[0] = SLICE_LITERAL("1");
	users[1] = SLICE_LITERAL("2");
	users[2] = SLICE_LITERAL("nobody");
	e.watch.session = session;
	e.watch.users = users;
	e.watch.n_users = 3;
	rig_step(r, &e);
}

/* Two users on two links, two messages on disk, one on its way, a session that reads, a watcher.
 * The number of the message on its way. */
static uint64_t scene(struct rig *r)
{
	uint64_t number;
	struct core_event sync = {.kind = CORE_SYNC, .sync = {23, CORE_STREAM_USER, 0}};

	rig_start_with(r, &config);
	rig_known(r, "3");
	open_as(r, 0, 11, "1", 0);
	open_as(r, 1, 21, "2", 0);
	open_as(r, 0, 22, "2", 0);
	watch_all(r, 0, 22);
	rig_send(r, 0, 11, "2", "one");
	store(r, last_append(r));
	rig_send(r, 0, 11, "2", "two");
	store(r, last_append(r));
	open_as(r, 1, 23, "2", 0);
	r->link = 1;
	rig_step(r, &sync);
	rig_send(r, 0, 11, "2", "three");
	number = last_append(r);
	rig_tick(r, 2000);
	return number;
}

static void make_rows(struct core_event *e)
{
	struct message m = {.to = SLICE_LITERAL("2"),
		.from = SLICE_LITERAL("1"),
		.device = SLICE_LITERAL("d1"),
		.mid = SLICE_LITERAL("m1"),
		.body = SLICE_LITERAL("one"),
		.at_to = {1, 1, 3},
		.at_from = {1, 0, 0},
		.ts_ms = 1767225600000};

	rows[0] = (struct message_row){.seq = 1, .message = m};
	rows[1] = (struct message_row){.seq = 2, .is_damaged = true};
	e->rows.session = 23;
	e->rows.floor = 1;
	e->rows.rows = rows;
	e->rows.n = 2;
}

/* Somebody new, or one who has as many sessions as he may. */
static void make_open(struct rig *r, struct core_event *e, bool other)
{
	const enum core_event_kind kind = e->kind;

	ticket = rig_ticket(r, 31, other ? "2" : "new");
	*e = rig_open_event(&ticket);
	e->kind = kind;
	if (kind == CORE_REBIND)
		e->open.replaces = 11;
}

static void make_renewal(struct rig *r, struct core_event *e)
{
	ticket = rig_ticket(r, 11, "1");
	e->renew.session = 11;
	e->renew.ticket = &ticket;
}

/* Of a user with three sessions, or of everybody. */
static void make_revocation(struct rig *r, struct core_event *e, bool other)
{
	e->revoke.tag = 3;
	e->revoke.mark = (struct mark){.kind = other ? MARK_ISSUER : MARK_USER,
		.uid = SLICE_LITERAL("2"),
		.at_ms = r->now_ms,
		.code = CLOSE_REVOKED};
}

static void make_push(struct core_event *e, const char *to)
{
	e->push.session = e->kind == CORE_PUSH ? 11 : 0;
	e->push.ref = 9;
	e->push.user = slice_of(to);
	e->push.event = SLICE_LITERAL("news");
	e->push.data = SLICE_LITERAL("[1,2]");
}

/* The event of that kind which has most to do in the scene. */
static void make_event(struct rig *r, struct core_event *e, bool other, uint64_t on_its_way)
{
	r->link = 0;
	if (e->kind == CORE_OPEN || e->kind == CORE_REBIND)
		make_open(r, e, other);
	else if (e->kind == CORE_RENEW)
		make_renewal(r, e);
	else if (e->kind == CORE_REVOKE)
		make_revocation(r, e, other);
	else if (e->kind == CORE_EDGE_UP)
		e->edge.id = 7;
	else if (e->kind == CORE_CLOSE)
		e->close.session = 11;
	else if (e->kind == CORE_SEND)
		e->send.session = 11, e->send.to = slice_of(other ? "3" : "2"),
		e->send.content = SLICE_LITERAL("four"), e->send.mid = SLICE_LITERAL("m4");
	else if (e->kind == CORE_PUSH || e->kind == CORE_CTL_PUSH)
		make_push(e, other ? "" : "2");
	else if (e->kind == CORE_TYPING)
		e->typing.session = 11, e->typing.to = SLICE_LITERAL("2");
	else if (e->kind == CORE_WATCH)
		e->watch.session = 11, e->watch.users = users, e->watch.n_users = 3;
	else if (e->kind == CORE_AWAY)
		e->away.session = 11, e->away.away = true;
	else if (e->kind == CORE_USER_KNOWN || e->kind == CORE_CTL_KICK ||
		 e->kind == CORE_CTL_PURGE)
		e->user.uid = slice_of(e->kind == CORE_USER_KNOWN ? "somebody" : "2");
	else if (e->kind == CORE_ACK)
		e->ack.session = 22, e->ack.u = 2;
	else if (e->kind == CORE_SYNC)
		e->sync.session = 22, e->sync.after = 1;
	else if (e->kind == CORE_STORED)
		e->stored.number = on_its_way;
	else if (e->kind == CORE_ROWS)
		make_rows(e);
	else if (e->kind == CORE_ACKED)
		e->acked.uid = SLICE_LITERAL("2"), e->acked.place = (struct message_place){2, 2, 6};
	else if (e->kind == CORE_OLD)
		e->old.uid = SLICE_LITERAL("2"), e->old.seq = 1;
}

static void prepare(struct rig *r, struct core_event *e, bool other)
{
	uint64_t number = scene(r);

	make_event(r, e, other, number);
	e->now_ms = r->now_ms;
	e->wall_ms = 1767225600000 + r->now_ms;
	e->random[0] = 3;
	e->link = r->link; /* 0 */
}

static uint64_t digest_after(enum core_event_kind kind, bool other)
{
	struct core_event e = {.kind = kind};
	struct rig r;
	uint64_t digest;

	prepare(&r, &e, other);
	assert_int_equal(core_step(r.core, &e, &r.out), 0);
	rig_tick(&r, 0);
	digest = core_digest(r.core);
	rig_stop(&r);
	return digest;
}

/* true: the step got all it wanted. */
static bool step_without(
	enum core_event_kind kind, bool other, unsigned n, bool for_ever, unsigned *out_void)
{
	uint64_t want = digest_after(kind, other);
	struct core_event e = {.kind = kind};
	struct rig r;
	uint64_t before;
	unsigned failed;
	int rc;

	prepare(&r, &e, other);
	before = core_digest(r.core);
	alloc_fail_at(n, for_ever);
	rc = core_step(r.core, &e, &r.out);
	failed = alloc_failed();
	alloc_fail_at(0, false);
	if (rc != 0) {
		assert_int_equal(rc, -ENOMEM);
		assert_true(failed > 0);
		assert_int_equal(r.out.n, 0);
		assert_true(core_digest(r.core) == before);
		assert_int_equal(core_step(r.core, &e, &r.out), 0);
		++*out_void;
	}
	/* What is told when there is memory is told by a tick. */
	rig_tick(&r, 0);
	assert_true(core_digest(r.core) == want);
	rig_stop(&r);
	return failed == 0;
}

static void a_step_without_memory_is_void_whichever_allocation_fails(void **state)
{
	unsigned voids = 0;

	(void)state;
	for (int kind = CORE_EDGE_UP; kind <= CORE_TICK; kind++) {
		for (int way = 0; way < 4; way++) {
			unsigned n = 1;

			while (!step_without(
				(enum core_event_kind)kind, way % 2 == 1, n, way / 2 == 1, &voids))
				assert_true(n++ < ENOUGH);
		}
	}
}

static void what_is_told_late_is_told_to_nobody_who_is_gone(void **state)
{
	struct core_event e = {.kind = CORE_STORED};
	struct rig r;

	(void)state;
	e.stored.number = scene(&r);
	alloc_fail_at(1, true);
	rig_bare_step(&r, &e);
	alloc_fail_at(0, false);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	r.now_ms += SESSION_MAX_MS;
	rig_tick(&r, 0);
	assert_int_equal(rig_count(&r, CORE_DO_SHUT), 4);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	rig_one(&r, CORE_DO_RESULT);
	rig_stop(&r);
}

static int load(struct core *c)
{
	static const struct mark marks[4] = {
		{.kind = MARK_USER, .uid = {"1", 1}, .at_ms = 999999},
		{.kind = MARK_TOKEN, .id = 9, .at_ms = 999999},
		{.kind = MARK_ISSUER, .id = 1, .at_ms = 999999},
		{.kind = MARK_SESSION, .id = 77, .at_ms = 999999},
	};
	const struct core_stored_user u = {
		.uid = SLICE_LITERAL("1"), .head = {3, 3, 9}, .acked = {1, 1, 3}, .floor = 1};
	const struct core_stored_device d = {
		.uid = SLICE_LITERAL("1"), .device = SLICE_LITERAL("d1"), .u = 1};
	const struct message m = {.to = SLICE_LITERAL("1"),
		.from = SLICE_LITERAL("2"),
		.device = SLICE_LITERAL("d"),
		.mid = SLICE_LITERAL("m"),
		.body = SLICE_LITERAL("hi"),
		.at_to = {3, 3, 9}};
	struct core_stored_user other = u;
	int rc = core_load_user(c, &u);

	other.uid = SLICE_LITERAL("2");
	if (rc == 0)
		rc = core_load_user(c, &other);
	if (rc == 0)
		rc = core_load_device(c, &d);
	if (rc == 0)
		rc = core_load_contact(c, SLICE_LITERAL("1"), SLICE_LITERAL("2"), 5);
	for (size_t i = 0; rc == 0 && i < 4; i++)
		rc = core_load_mark(c, &marks[i]);
	return rc == 0 ? core_load_recent(c, &m) : rc;
}

static void a_start_without_memory_fails_and_leaks_nothing(void **state)
{
	unsigned n = 0;
	unsigned failed = 1;

	(void)state;
	while (failed > 0) {
		struct core *c = NULL;
		int rc;

		assert_true(n++ < ENOUGH);
		alloc_fail_at(n, true);
		rc = core_new(&c, &config);
		if (rc == 0)
			rc = load(c);
		failed = alloc_failed();
		alloc_fail_at(0, false);
		assert_int_equal(rc, failed > 0 ? -ENOMEM : 0);
		core_free(c);
	}
	assert_true(n > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_without_memory_is_void_whichever_allocation_fails),
		cmocka_unit_test(what_is_told_late_is_told_to_nobody_who_is_gone),
		cmocka_unit_test(a_start_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
