/* Who watches whom, what they are told, and how often. */
#include "core_rig.h"

static void watch(
	struct rig *r, uint32_t link, uint64_t session, const struct slice *users, size_t n)
{
	struct core_event e = {.kind = CORE_WATCH};

	r->link = link;
	e.watch.session = session;
	e.watch.users = users;
	e.watch.n_users = n;
	rig_step(r, &e);
}

static void watch_one(struct rig *r, uint32_t link, uint64_t session, const char *uid)
{
	struct slice user = slice_of(uid);

	watch(r, link, session, &user, 1);
}

static void away(struct rig *r, uint32_t link, uint64_t session, bool is_away)
{
	struct core_event e = {.kind = CORE_AWAY, .away = {session, is_away}};

	r->link = link;
	rig_step(r, &e);
}

/* The one presence frame of the step. */
static void assert_told(struct rig *r, const char *data)
{
	const struct core_command *c = rig_one(r, CORE_DO_DELIVER);
	char want[256];

	snprintf(want, sizeof(want), "{\"event\":\"presence\",\"data\":{%s}", data);
	rig_assert_text(&c->deliver.text, c->deliver.text.text.len, want);
	assert_true(c->deliver.shed);
	assert_false(c->deliver.native_only);
}

static void a_watch_is_answered_at_once_for_each_of_its_users(void **state)
{
	static const struct slice users[] = {{"2", 1}, {"never", 5}, {"1", 1}, {"2", 1}};
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	watch(&r, 0, 1, users, 4);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 3);
	assert_int_equal(rig_received(&r, 0, 1), 3);
	watch_one(&r, 0, 1, "2");
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":1");
	watch_one(&r, 0, 1, "never");
	assert_told(&r, "\"user\":\"never\",\"state\":\"offline\",\"devices\":0");
	watch(&r, 0, 1, NULL, 0);
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

static void a_change_is_told_with_the_next_tick_but_not_twice_in_a_second(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	watch_one(&r, 0, 1, "2");
	rig_tick(&r, 1000);
	assert_int_equal(r.out.n, 0);
	rig_open(&r, 1, 2, "2");
	rig_tick(&r, 0);
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":1");
	rig_open(&r, 1, 3, "2");
	rig_tick(&r, 250);
	assert_int_equal(r.out.n, 0);
	rig_close(&r, 1, 2);
	rig_close(&r, 1, 3);
	rig_tick(&r, 749);
	assert_int_equal(r.out.n, 0);
	rig_tick(&r, 1);
	assert_told(&r, "\"user\":\"2\",\"state\":\"offline\",\"devices\":0");
	rig_tick(&r, 5000);
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

static void what_changes_and_changes_back_is_not_told(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	watch_one(&r, 0, 1, "2");
	r.now_ms += 2000;
	rig_open(&r, 1, 3, "2");
	rig_close(&r, 1, 2);
	rig_tick(&r, 250);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	rig_stop(&r);
}

static void a_user_is_away_when_every_session_is(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 1, 2, "2");
	rig_open(&r, 0, 3, "2");
	watch_one(&r, 0, 1, "2");
	away(&r, 1, 2, true);
	away(&r, 1, 2, true);
	rig_tick(&r, 2000);
	assert_int_equal(r.out.n, 0);
	assert_string_equal(rig_user(&r, "2").state, "online");
	away(&r, 0, 3, true);
	rig_tick(&r, 0);
	assert_told(&r, "\"user\":\"2\",\"state\":\"away\",\"devices\":2");
	rig_close(&r, 1, 2);
	rig_tick(&r, 1000);
	assert_told(&r, "\"user\":\"2\",\"state\":\"away\",\"devices\":1");
	away(&r, 0, 3, false);
	rig_tick(&r, 1000);
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":1");
	rig_stop(&r);
}

static void one_text_per_link_tells_all_watchers_there(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	for (uint64_t s = 1; s <= 50; s++) {
		char uid[8];

		snprintf(uid, sizeof(uid), "w%d", (int)s);
		rig_open(&r, s % 2, s, uid);
		watch_one(&r, s % 2, s, "2");
	}
	rig_tick(&r, 1000);
	rig_open(&r, 0, 99, "2");
	rig_tick(&r, 250);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 2);
	for (uint64_t s = 1; s <= 50; s++)
		assert_int_equal(rig_received(&r, s % 2, s), 1);
	assert_int_equal(rig_received(&r, 0, 99), 0);
	rig_stop(&r);
}

static void a_new_list_replaces_the_old_and_an_ended_session_is_told_nothing(void **state)
{
	struct rig r;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 0, 4, "4");
	watch_one(&r, 0, 1, "2");
	watch_one(&r, 0, 1, "3");
	watch_one(&r, 0, 4, "3");
	rig_tick(&r, 1000);
	rig_open(&r, 1, 2, "2");
	rig_tick(&r, 1000);
	assert_int_equal(r.out.n, 0);
	rig_close(&r, 0, 4);
	rig_open(&r, 1, 3, "3");
	rig_tick(&r, 1000);
	assert_told(&r, "\"user\":\"3\",\"state\":\"online\",\"devices\":1");
	assert_int_equal(rig_received(&r, 0, 1), 1);
	rig_edge_down(&r, 0);
	rig_close(&r, 1, 3);
	rig_tick(&r, 1000);
	assert_int_equal(rig_count(&r, CORE_DO_DELIVER), 0);
	rig_stop(&r);
}

static void watching_a_user_does_not_make_him_known(void **state)
{
	struct rig r;
	struct core_counts counts;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	watch_one(&r, 0, 1, "ghost");
	assert_string_equal(rig_user(&r, "ghost").state, "not known");
	rig_send(&r, 0, 1, "ghost", "x");
	assert_int_equal(rig_one(&r, CORE_DO_RESULT)->result.code, EX_RECIPIENT_UNKNOWN);
	core_counts(r.core, &counts);
	assert_int_equal(counts.users_known, 1);
	rig_stop(&r);
}

static void a_list_that_no_honest_edge_sends_is_a_violation(void **state)
{
	struct slice users[WATCH_MAX_USERS + 1];
	struct rig r;
	uint64_t before;

	(void)state;
	rig_start(&r);
	rig_open(&r, 0, 1, "1");
	before = core_digest(r.core);
	for (size_t i = 0; i <= WATCH_MAX_USERS; i++)
		users[i] = SLICE_LITERAL("2");
	watch(&r, 0, 1, users, WATCH_MAX_USERS + 1);
	rig_one(&r, CORE_DO_VIOLATION);
	watch_one(&r, 0, 1, "a b");
	rig_one(&r, CORE_DO_VIOLATION);
	assert_int_equal(r.out.n, 1);
	assert_true(core_digest(r.core) == before);
	rig_stop(&r);
}

static void after_a_restart_nothing_is_told_until_edges_have_reopened(void **state)
{
	struct core_config restarted = rig_config;
	struct rig r;

	(void)state;
	restarted.after_restart = true;
	rig_start_with(&r, &restarted);
	rig_known(&r, "3");
	rig_open(&r, 0, 1, "1");
	watch_one(&r, 0, 1, "2");
	assert_int_equal(r.out.n, 0);
	watch_one(&r, 0, 1, "3");
	watch_one(&r, 0, 1, "2");
	rig_open(&r, 1, 2, "2");
	rig_tick(&r, 4999);
	assert_int_equal(r.out.n, 0);
	assert_string_equal(rig_user(&r, "3").state, "unknown");
	assert_string_equal(rig_user(&r, "2").state, "online");
	rig_tick(&r, 1);
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":1");
	assert_string_equal(rig_user(&r, "3").state, "offline");
	rig_tick(&r, 1000);
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

/* Users 1 and 2, of whom 1 watches 2, himself, and one who is not there. */
static void start_watching(struct rig *r, enum core_watching watching)
{
	static const struct slice users[] = {{"2", 1}, {"1", 1}, {"3", 1}};
	struct core_config config = rig_config;

	config.watching = watching;
	rig_start_with(r, &config);
	r->stores_at_once = true;
	rig_open(r, 0, 1, "1");
	rig_open(r, 1, 2, "2");
	watch(r, 0, 1, users, 3);
	assert_int_equal(rig_received(r, 0, 1), 3);
}

static bool says(const struct rig *r, const char *data)
{
	for (size_t i = 0; i < rig_count(r, CORE_DO_DELIVER); i++) {
		const struct slice text = rig_nth(r, CORE_DO_DELIVER, i)->deliver.text.text;

		if (memmem(text.data, text.len, data, strlen(data)) != NULL)
			return true;
	}
	return false;
}

static void who_is_no_contact_looks_offline_until_a_message_was_exchanged(void **state)
{
	struct rig r;

	(void)state;
	start_watching(&r, CORE_WATCH_CONTACTS);
	assert_true(says(&r, "\"user\":\"2\",\"state\":\"offline\",\"devices\":0"));
	assert_true(says(&r, "\"user\":\"1\",\"state\":\"online\",\"devices\":1"));
	rig_open(&r, 1, 3, "2");
	rig_tick(&r, 2000);
	assert_int_equal(r.out.n, 0);
	rig_send(&r, 1, 2, "1", "hello");
	rig_one(&r, CORE_DO_CONTACT);
	rig_tick(&r, 2000);
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":2");
	watch_one(&r, 0, 1, "2");
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":2");
	rig_stop(&r);
}

static void the_store_hears_of_a_contact_at_most_once_a_day(void **state)
{
	const struct core_command *c;
	struct rig r;

	(void)state;
	start_watching(&r, CORE_WATCH_CONTACTS);
	rig_send(&r, 1, 2, "1", "x");
	c = rig_one(&r, CORE_DO_CONTACT);
	assert_true(slice_is(c->contact.a, "1"));
	assert_true(slice_is(c->contact.b, "2"));
	assert_int_equal(c->contact.last_ms, 1767225600000 + r.now_ms);
	rig_send(&r, 0, 1, "2", "x");
	assert_int_equal(rig_count(&r, CORE_DO_CONTACT), 0);
	rig_send(&r, 0, 1, "1", "to myself");
	assert_int_equal(rig_count(&r, CORE_DO_CONTACT), 0);
	r.now_ms += 86400000;
	rig_send(&r, 0, 1, "2", "x");
	rig_one(&r, CORE_DO_CONTACT);
	rig_stop(&r);
}

static void a_contact_lasts_as_long_as_messages_are_kept(void **state)
{
	const int64_t day = 86400000;
	const int64_t last = 1767225600000;
	struct rig r;

	(void)state;
	start_watching(&r, CORE_WATCH_CONTACTS);
	assert_int_equal(
		core_load_contact(r.core, SLICE_LITERAL("1"), SLICE_LITERAL("2"), last), 0);
	r.now_ms = 30 * day; /* the time of the last one is kept to the day */
	watch_one(&r, 0, 1, "2");
	assert_told(&r, "\"user\":\"2\",\"state\":\"online\",\"devices\":1");
	r.now_ms = 31 * day;
	watch_one(&r, 0, 1, "2");
	assert_told(&r, "\"user\":\"2\",\"state\":\"offline\",\"devices\":0");
	rig_stop(&r);
}

static void everybody_looks_offline_when_watching_is_off(void **state)
{
	struct rig r;

	(void)state;
	start_watching(&r, CORE_WATCH_OFF);
	assert_false(says(&r, "online"));
	rig_send(&r, 1, 2, "1", "x");
	rig_open(&r, 1, 3, "2");
	rig_tick(&r, 2000);
	assert_int_equal(r.out.n, 0);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_is_answered_at_once_for_each_of_its_users),
		cmocka_unit_test(a_change_is_told_with_the_next_tick_but_not_twice_in_a_second),
		cmocka_unit_test(what_changes_and_changes_back_is_not_told),
		cmocka_unit_test(a_user_is_away_when_every_session_is),
		cmocka_unit_test(one_text_per_link_tells_all_watchers_there),
		cmocka_unit_test(a_new_list_replaces_the_old_and_an_ended_session_is_told_nothing),
		cmocka_unit_test(watching_a_user_does_not_make_him_known),
		cmocka_unit_test(a_list_that_no_honest_edge_sends_is_a_violation),
		cmocka_unit_test(after_a_restart_nothing_is_told_until_edges_have_reopened),
		cmocka_unit_test(who_is_no_contact_looks_offline_until_a_message_was_exchanged),
		cmocka_unit_test(the_store_hears_of_a_contact_at_most_once_a_day),
		cmocka_unit_test(a_contact_lasts_as_long_as_messages_are_kept),
		cmocka_unit_test(everybody_looks_offline_when_watching_is_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
