/* Where a session begins, and how it gets what it has not. */
#include "core_rig.h"

/* A user with messages 3 to 9 of a stream on disk, and system messages 2 to 5. */
static void start(struct rig *r)
{
	const struct core_stored_user system = {.head = {5, 5, 50}, .floor = 2};
	const struct core_stored_user user = {
		.uid = {"1", 1},
		.head = {9, 9, 90},
		.acked = {4, 4, 40},
		.acked_system = 3,
		.floor = 3,
	};

	rig_start_with(r, &rig_config);
	assert_int_equal(core_load_user(r->core, &system), 0);
	assert_int_equal(core_load_user(r->core, &user), 0);
}

static const struct core_command *open_at(
	struct rig *r, uint64_t session, const char *epoch, uint64_t u, uint64_t s)
{
	struct ticket t;
	struct core_event e;

	r->link = 0;
	t = rig_ticket(r, session, "1");
	e = rig_open_event(&t);
	e.open.has_position = epoch != NULL;
	e.open.epoch = slice_of(epoch);
	e.open.u = u;
	e.open.s = s;
	rig_step(r, &e);
	return rig_one(r, CORE_DO_OPENED);
}

static void a_position_that_can_be_honoured_is_where_the_session_begins(void **state)
{
	static const uint64_t good[][2] = {{2, 1}, {9, 5}, {5, 3}};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct core_command *c;

		start(&r);
		c = open_at(&r, 1, "epoch001", good[i][0], good[i][1]);
		assert_true(c->opened.recovered);
		assert_int_equal(c->opened.reset, CORE_RESET_NONE);
		assert_int_equal(c->opened.u, 9);
		assert_int_equal(c->opened.s, 5);
		assert_int_equal(c->opened.start_u, good[i][0]);
		assert_int_equal(c->opened.start_s, good[i][1]);
		rig_stop(&r);
	}
}

static void a_position_that_cannot_is_a_reset_of_both_streams(void **state)
{
	static const struct {
		const char *epoch;
		uint64_t u, s;
		enum core_reset reset;
	} bad[] = {
		{"epoch002", 5, 5, CORE_RESET_EPOCH_CHANGED},
		{"", 5, 5, CORE_RESET_EPOCH_CHANGED},
		{"epoch001", 10, 5, CORE_RESET_AHEAD},
		{"epoch001", 9, 6, CORE_RESET_AHEAD},
		{"epoch001", 1, 5, CORE_RESET_TOO_OLD},
		{"epoch001", 9, 0, CORE_RESET_TOO_OLD},
		{"epoch001", UINT64_MAX, UINT64_MAX, CORE_RESET_AHEAD},
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct core_command *c;

		start(&r);
		c = open_at(&r, 1, bad[i].epoch, bad[i].u, bad[i].s);
		assert_false(c->opened.recovered);
		assert_int_equal(c->opened.reset, bad[i].reset);
		assert_int_equal(c->opened.start_u, 9);
		assert_int_equal(c->opened.start_s, 5);
		rig_stop(&r);
	}
}

static void a_client_without_memory_begins_after_what_its_user_acknowledged(void **state)
{
	const struct core_stored_user lost = {
		.uid = {"1", 1}, .head = {9, 9, 90}, .acked = {1, 1, 1}, .floor = 6};
	const struct core_command *c;
	struct rig r;

	(void)state;
	start(&r);
	c = open_at(&r, 1, NULL, 0, 0);
	assert_false(c->opened.recovered);
	assert_int_equal(c->opened.reset, CORE_RESET_NONE);
	assert_int_equal(c->opened.start_u, 4);
	assert_int_equal(c->opened.start_s, 3);
	assert_int_equal(rig_count(&r, CORE_DO_USER), 0);
	rig_stop(&r);
	start(&r);
	assert_int_equal(core_load_user(r.core, &lost), 0);
	c = open_at(&r, 1, NULL, 0, 0);
	assert_int_equal(c->opened.start_u, 5); /* 6 is the first that is kept */
	assert_int_equal(c->opened.start_s, 1);
	rig_stop(&r);
}

static void somebody_new_begins_at_the_head_of_the_system_stream(void **state)
{
	const struct core_command *c;
	struct core_event push;
	struct rig r;

	(void)state;
	start(&r);
	rig_open(&r, 0, 1, "new");
	c = rig_one(&r, CORE_DO_USER);
	assert_true(slice_is(c->user.uid, "new"));
	assert_int_equal(c->user.acked_system, 5);
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.start_s, 5);
	rig_close(&r, 0, 1);
	push = rig_push("", "p");
	rig_step(&r, &push);
	rig_store(&r);
	rig_open(&r, 0, 2, "new");
	assert_int_equal(rig_count(&r, CORE_DO_USER), 0);
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.start_s, 5);
	assert_int_equal(rig_one(&r, CORE_DO_OPENED)->opened.s, 6);
	rig_stop(&r);
}

static void ask(struct rig *r, uint64_t session, enum core_stream stream, uint64_t after)
{
	struct core_event e = {.kind = CORE_SYNC, .sync = {session, stream, after}};

	rig_event(r, 0, e);
}

/* Rows after + 1 to last of user 1's stream, or of the system's: pushes. */
struct page {
	struct message_row rows[16];
	char bodies[16][8];
	struct core_event e;
};

static struct core_event *page_of(
	struct page *p, uint64_t session, enum core_stream stream, uint64_t after, uint64_t last)
{
	*p = (struct page){.e = {.kind = CORE_ROWS}};
	for (uint64_t seq = after + 1; seq <= last; seq++) {
		struct message_row *row = &p->rows[p->e.rows.n];

		snprintf(p->bodies[p->e.rows.n], 8, "%d", (int)seq);
		row->seq = seq;
		row->message = (struct message){
			.kind = MESSAGE_PUSH,
			.to = stream == CORE_STREAM_USER ? SLICE_LITERAL("1") : (struct slice){0},
			.mid = SLICE_LITERAL("m"),
			.event = SLICE_LITERAL("news"),
			.body = slice_of(p->bodies[p->e.rows.n]),
			.at_to = {seq, seq, seq},
			.ts_ms = 17,
		};
		p->e.rows.n++;
	}
	p->e.rows.session = session;
	p->e.rows.stream = stream;
	p->e.rows.after = after;
	p->e.rows.floor = 2;
	p->e.rows.rows = p->rows;
	return &p->e;
}

static void a_session_reads_pages_until_it_has_the_head_and_is_live_then(void **state)
{
	const struct core_command *c;
	struct core_counts n;
	struct page p;
	struct rig r;
	struct core_event push = rig_push("1", "p");

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 5, 5);
	core_counts(r.core, &n);
	assert_int_equal(n.syncing, 1);
	ask(&r, 1, CORE_STREAM_USER, 5);
	c = rig_one(&r, CORE_DO_READ);
	assert_int_equal(r.out.n, 1);
	assert_int_equal(c->read.session, 1);
	assert_int_equal(c->read.after, 5);
	assert_true(slice_is(c->read.uid, "1"));
	/* meanwhile there comes one more, which is not handed over */
	rig_step(&r, &push);
	rig_store(&r);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	assert_int_equal(rig_one(&r, CORE_DO_CTL_RESULT)->result.state, CORE_ACCEPTED);
	rig_step(&r, page_of(&p, 1, CORE_STREAM_USER, 5, 9));
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 4);
	for (size_t i = 0; i < 4; i++) {
		c = rig_nth(&r, CORE_DO_DELIVER, i);
		assert_int_equal(c->deliver.number, 6 + i);
		assert_int_equal(c->deliver.n_sessions, 1);
		assert_false(c->deliver.system);
		assert_false(c->deliver.native_only);
	}
	c = rig_one(&r, CORE_DO_PAGE);
	assert_int_equal(c->page.last, 9);
	assert_true(c->page.more);
	assert_int_equal(r.out.list[r.out.n - 1].kind, CORE_DO_PAGE);
	ask(&r, 1, CORE_STREAM_USER, 9);
	rig_step(&r, page_of(&p, 1, CORE_STREAM_USER, 9, 10));
	assert_int_equal(rig_one(&r, CORE_DO_PAGE)->page.last, 10);
	assert_false(rig_one(&r, CORE_DO_PAGE)->page.more);
	push = rig_push("1", "p2");
	rig_step(&r, &push);
	rig_store(&r);
	assert_int_equal(rig_one(&r, CORE_DO_DELIVER)->deliver.number, 11);
	core_counts(r.core, &n);
	assert_int_equal(n.syncing, 0);
	rig_stop(&r);
}

static void rows_that_are_on_disk_and_were_not_told_yet_come_live(void **state)
{
	struct core_event push = rig_push("1", "p");
	struct page p;
	struct rig r;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 8, 5);
	ask(&r, 1, CORE_STREAM_USER, 8);
	rig_step(&r, &push);
	rig_step(&r, page_of(&p, 1, CORE_STREAM_USER, 8, 10));
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 1);
	assert_int_equal(rig_one(&r, CORE_DO_PAGE)->page.last, 9);
	assert_false(rig_one(&r, CORE_DO_PAGE)->page.more);
	rig_store(&r);
	assert_int_equal(rig_one(&r, CORE_DO_DELIVER)->deliver.number, 10);
	rig_stop(&r);
}

static void a_second_question_before_the_page_is_ignored(void **state)
{
	struct page p;
	struct rig r;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 5, 3);
	ask(&r, 1, CORE_STREAM_USER, 5);
	ask(&r, 1, CORE_STREAM_USER, 6);
	assert_int_equal(r.out.n, 0);
	/* the other stream is another question */
	ask(&r, 1, CORE_STREAM_SYSTEM, 3);
	assert_int_equal(rig_one(&r, CORE_DO_READ)->read.uid.len, 0);
	assert_int_equal(rig_one(&r, CORE_DO_READ)->read.stream, CORE_STREAM_SYSTEM);
	rig_step(&r, page_of(&p, 1, CORE_STREAM_SYSTEM, 3, 5));
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 2);
	assert_true(rig_nth(&r, CORE_DO_DELIVER, 0)->deliver.system);
	assert_int_equal(rig_nth(&r, CORE_DO_DELIVER, 0)->deliver.number, 4);
	assert_int_equal(rig_one(&r, CORE_DO_PAGE)->page.stream, CORE_STREAM_SYSTEM);
	assert_false(rig_one(&r, CORE_DO_PAGE)->page.more);
	rig_stop(&r);
}

static void one_who_has_everything_is_live_at_once(void **state)
{
	struct rig r;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 5, 5);
	ask(&r, 1, CORE_STREAM_USER, 9);
	assert_int_equal(r.out.n, 1);
	assert_int_equal(rig_one(&r, CORE_DO_PAGE)->page.last, 9);
	assert_false(rig_one(&r, CORE_DO_PAGE)->page.more);
	rig_stop(&r);
}

static void what_was_trimmed_meanwhile_is_a_reset_and_then_the_session_is_live(void **state)
{
	struct core_event push = rig_push("1", "p");
	struct page p;
	struct rig r;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 5, 5);
	ask(&r, 1, CORE_STREAM_USER, 5);
	page_of(&p, 1, CORE_STREAM_USER, 5, 5)->rows.floor = 8;
	rig_step(&r, &p.e);
	assert_int_equal(rig_one(&r, CORE_DO_RESET)->reset.reason, CORE_RESET_TOO_OLD);
	assert_int_equal(rig_one(&r, CORE_DO_RESET)->reset.u, 9);
	assert_int_equal(rig_one(&r, CORE_DO_RESET)->reset.s, 0);
	assert_int_equal(r.out.list[0].kind, CORE_DO_RESET);
	assert_int_equal(rig_one(&r, CORE_DO_PAGE)->page.last, 9);
	assert_false(rig_one(&r, CORE_DO_PAGE)->page.more);
	rig_step(&r, &push);
	rig_store(&r);
	assert_int_equal(rig_one(&r, CORE_DO_DELIVER)->deliver.number, 10);
	/* and when it is known before the store is asked */
	ask(&r, 1, CORE_STREAM_USER, 1);
	assert_int_equal(rig_one(&r, CORE_DO_RESET)->reset.u, 10);
	assert_int_equal(rig_count(&r, CORE_DO_READ), 0);
	rig_stop(&r);
}

static void damaged_and_expired_rows_leave_their_numbers(void **state)
{
	const struct core_command *c;
	struct page p;
	struct rig r;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 6, 3);
	ask(&r, 1, CORE_STREAM_USER, 6);
	page_of(&p, 1, CORE_STREAM_USER, 6, 9);
	p.rows[0] = (struct message_row){.seq = 7, .is_damaged = true};
	p.rows[1].message.expires_ms = 1;
	p.rows[2].message.expires_ms = INT64_MAX;
	rig_step(&r, &p.e);
	c = rig_nth(&r, CORE_DO_DELIVER, 0);
	assert_true(c->deliver.native_only);
	assert_int_equal(c->deliver.number, 7);
	rig_assert_text(&c->deliver.text, c->deliver.text.text.len,
		"{\"event\":\"gone\",\"data\":{\"reason\":\"damaged\"},\"seq\":7");
	c = rig_nth(&r, CORE_DO_DELIVER, 1);
	rig_assert_text(&c->deliver.text, c->deliver.text.text.len,
		"{\"event\":\"gone\",\"data\":{\"reason\":\"expired\"},\"seq\":8");
	assert_false(rig_nth(&r, CORE_DO_DELIVER, 2)->deliver.native_only);
	ask(&r, 1, CORE_STREAM_SYSTEM, 3);
	page_of(&p, 1, CORE_STREAM_SYSTEM, 3, 5);
	p.rows[0] = (struct message_row){.seq = 4, .is_damaged = true};
	rig_step(&r, &p.e);
	c = rig_nth(&r, CORE_DO_DELIVER, 0);
	rig_assert_text(&c->deliver.text, c->deliver.text.text.len,
		"{\"event\":\"gone\",\"data\":{\"reason\":\"damaged\"},\"seq\":4,\"st\":\"s\"");
	rig_stop(&r);
}

static void what_no_honest_edge_asks_is_a_violation(void **state)
{
	struct rig r;
	uint64_t before;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 5, 5);
	before = core_digest(r.core);
	ask(&r, 1, CORE_STREAM_USER, 10);
	rig_one(&r, CORE_DO_VIOLATION);
	ask(&r, 1, CORE_STREAM_SYSTEM, 6);
	rig_one(&r, CORE_DO_VIOLATION);
	ask(&r, 2, CORE_STREAM_USER, 5);
	rig_one(&r, CORE_DO_VIOLATION);
	assert_true(core_digest(r.core) == before);
	rig_stop(&r);
}

static void one_edge_waits_for_a_bounded_number_of_pages(void **state)
{
	struct core_event other = {.kind = CORE_SYNC, .sync = {900, CORE_STREAM_SYSTEM, 2}};
	struct page p;
	struct rig r;
	char uid[8];
	uint64_t before;

	(void)state;
	start(&r);
	rig_edge_up(&r, 1);
	rig_open(&r, 1, 900, "900");
	for (uint64_t i = 1; i <= SYNCS_IN_FLIGHT + 3; i++) {
		snprintf(uid, sizeof(uid), "%d", 100 + (int)i);
		rig_open(&r, 0, i, uid);
	}
	for (uint64_t i = 1; i <= SYNCS_IN_FLIGHT; i++) {
		ask(&r, i, CORE_STREAM_SYSTEM, 2);
		rig_one(&r, CORE_DO_READ);
	}
	before = core_digest(r.core);
	ask(&r, SYNCS_IN_FLIGHT + 1, CORE_STREAM_SYSTEM, 2);
	assert_int_equal(rig_count(&r, CORE_DO_READ), 0);
	rig_one(&r, CORE_DO_VIOLATION);
	assert_true(core_digest(r.core) == before);
	/* that is no matter of another edge's */
	rig_event(&r, 1, other);
	rig_one(&r, CORE_DO_READ);
	/* one that has its page makes room, and so does one that has ended */
	rig_step(&r, page_of(&p, 1, CORE_STREAM_SYSTEM, 2, 5));
	ask(&r, SYNCS_IN_FLIGHT + 1, CORE_STREAM_SYSTEM, 2);
	rig_one(&r, CORE_DO_READ);
	rig_close(&r, 0, 2);
	ask(&r, SYNCS_IN_FLIGHT + 2, CORE_STREAM_SYSTEM, 2);
	rig_one(&r, CORE_DO_READ);
	ask(&r, SYNCS_IN_FLIGHT + 3, CORE_STREAM_SYSTEM, 2);
	rig_one(&r, CORE_DO_VIOLATION);
	rig_stop(&r);
}

static void a_page_for_a_session_that_has_ended_or_did_not_ask_is_dropped(void **state)
{
	struct page p;
	struct rig r;

	(void)state;
	start(&r);
	open_at(&r, 1, "epoch001", 5, 5);
	rig_step(&r, page_of(&p, 1, CORE_STREAM_USER, 5, 9));
	assert_int_equal(r.out.n, 0);
	ask(&r, 1, CORE_STREAM_USER, 5);
	rig_close(&r, 0, 1);
	rig_step(&r, page_of(&p, 1, CORE_STREAM_USER, 5, 9));
	assert_int_equal(r.out.n, 0);
	rig_step(&r, page_of(&p, 77, CORE_STREAM_USER, 5, 9));
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_position_that_can_be_honoured_is_where_the_session_begins),
		cmocka_unit_test(a_position_that_cannot_is_a_reset_of_both_streams),
		cmocka_unit_test(a_client_without_memory_begins_after_what_its_user_acknowledged),
		cmocka_unit_test(somebody_new_begins_at_the_head_of_the_system_stream),
		cmocka_unit_test(a_session_reads_pages_until_it_has_the_head_and_is_live_then),
		cmocka_unit_test(rows_that_are_on_disk_and_were_not_told_yet_come_live),
		cmocka_unit_test(a_second_question_before_the_page_is_ignored),
		cmocka_unit_test(one_who_has_everything_is_live_at_once),
		cmocka_unit_test(
			what_was_trimmed_meanwhile_is_a_reset_and_then_the_session_is_live),
		cmocka_unit_test(damaged_and_expired_rows_leave_their_numbers),
		cmocka_unit_test(what_no_honest_edge_asks_is_a_violation),
		cmocka_unit_test(one_edge_waits_for_a_bounded_number_of_pages),
		cmocka_unit_test(a_page_for_a_session_that_has_ended_or_did_not_ask_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
