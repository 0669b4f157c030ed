/* Which tickets are void, for how long, and with which code. */
#include <stdio.h>

#include "proto/codes.h"
#include "proto/limits.h"
#include "router/voids.h"
#include "test.h"

#define NOW 5000000

static const struct voids_ticket jims = {{"jim", 3}, NOW, 77, 1};

static struct mark of_user(const char *uid, int64_t at_ms)
{
	return (struct mark){
		.kind = MARK_USER, .uid = slice_of(uid), .at_ms = at_ms, .code = CLOSE_REVOKED};
}

static struct mark of_id(enum mark_kind kind, uint64_t id, int64_t at_ms)
{
	return (struct mark){.kind = kind, .id = id, .at_ms = at_ms, .code = CLOSE_LOGGED_OUT};
}

static unsigned code_after(const struct mark *mark)
{
	struct voids v;
	unsigned code;

	assert_int_equal(voids_init(&v), 0);
	assert_int_equal(voids_put(&v, mark), 0);
	code = voids_code(&v, &jims, NOW);
	assert_int_equal(voids_names(mark, &jims), code != 0);
	voids_fini(&v);
	return code;
}

static void a_ticket_is_void_when_its_user_token_or_issuer_is(void **state)
{
	struct mark mark;

	(void)state;
	mark = of_user("jim", NOW);
	assert_int_equal(code_after(&mark), CLOSE_REVOKED);
	mark = of_user("jim", NOW - 1);
	assert_int_equal(code_after(&mark), 0);
	mark = of_user("jimmy", NOW);
	assert_int_equal(code_after(&mark), 0);
	mark = of_id(MARK_TOKEN, 77, NOW - 1000);
	assert_int_equal(code_after(&mark), CLOSE_LOGGED_OUT);
	mark = of_id(MARK_TOKEN, 1, NOW);
	assert_int_equal(code_after(&mark), 0);
	mark = of_id(MARK_ISSUER, 1, NOW);
	assert_int_equal(code_after(&mark), CLOSE_LOGGED_OUT);
	mark = of_id(MARK_ISSUER, 1, NOW - 1);
	assert_int_equal(code_after(&mark), 0);
	mark = of_id(MARK_ISSUER, 77, NOW);
	assert_int_equal(code_after(&mark), 0);
}

static void a_later_mark_of_the_same_replaces_the_earlier_but_never_its_time(void **state)
{
	struct mark mark = of_user("jim", NOW);
	struct voids v;

	(void)state;
	assert_int_equal(voids_init(&v), 0);
	assert_int_equal(voids_put(&v, &mark), 0);
	mark = of_user("jim", NOW - 500);
	mark.code = CLOSE_LOGGED_OUT;
	voids_raise(&v, &mark);
	assert_int_equal(mark.at_ms, NOW);
	mark.at_ms = NOW - 500;
	assert_int_equal(voids_put(&v, &mark), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(voids_code(&v, &jims, NOW), CLOSE_LOGGED_OUT);
	mark.at_ms = NOW + 500;
	voids_raise(&v, &mark);
	assert_int_equal(mark.at_ms, NOW + 500);
	voids_fini(&v);
}

static void the_code_is_that_of_the_token_before_the_user_before_the_issuer(void **state)
{
	struct mark marks[] = {
		of_id(MARK_ISSUER, 1, NOW), of_user("jim", NOW), of_id(MARK_TOKEN, 77, NOW)};
	struct voids v;

	(void)state;
	assert_int_equal(voids_init(&v), 0);
	for (unsigned i = 0; i < 3; i++) {
		marks[i].code = 4001 + i;
		assert_int_equal(voids_put(&v, &marks[i]), 0);
		assert_int_equal(voids_code(&v, &jims, NOW), 4001 + i);
	}
	voids_fini(&v);
}

static void a_mark_is_kept_as_long_as_a_ticket_can_live_and_no_longer(void **state)
{
	struct mark old = of_user("jim", NOW);
	struct mark other = of_id(MARK_TOKEN, 5, NOW + 1000);
	struct voids v;

	(void)state;
	assert_int_equal(voids_init(&v), 0);
	assert_int_equal(voids_put(&v, &old), 0);
	assert_int_equal(voids_put(&v, &other), 0);
	voids_forget(&v, NOW + MARK_KEPT_MS);
	assert_int_equal(v.n, 2);
	assert_int_equal(voids_code(&v, &jims, NOW + MARK_KEPT_MS), CLOSE_REVOKED);
	assert_int_equal(voids_code(&v, &jims, NOW + MARK_KEPT_MS + 1), 0);
	voids_forget(&v, NOW + MARK_KEPT_MS + 1);
	assert_int_equal(v.n, 1);
	/* one that is told again counts from then on */
	assert_int_equal(voids_put(&v, &old), 0);
	other.at_ms = NOW + 5000;
	assert_int_equal(voids_put(&v, &other), 0);
	voids_forget(&v, NOW + MARK_KEPT_MS + 5000);
	assert_int_equal(v.n, 1);
	voids_forget(&v, NOW + MARK_KEPT_MS + 5001);
	assert_int_equal(v.n, 0);
	voids_fini(&v);
}

static void of_too_many_the_oldest_is_forgotten(void **state)
{
	struct voids v;

	(void)state;
	assert_int_equal(voids_init(&v), 0);
	for (uint64_t i = 0; i < MARKS_MAX + 10; i++) {
		struct mark mark = of_id(MARK_TOKEN, i, NOW);

		if (i == MARKS_MAX) { /* the first is the newest again */
			mark.id = 0;
			assert_int_equal(voids_put(&v, &mark), 0);
			mark.id = i;
		}
		assert_int_equal(voids_put(&v, &mark), 0);
		assert_in_range(v.n, 1, MARKS_MAX);
	}
	for (uint64_t i = 0; i < 20; i++) {
		struct voids_ticket t = {.token_hash = i};

		assert_int_equal(voids_code(&v, &t, NOW), i == 0 || i > 10 ? CLOSE_LOGGED_OUT : 0);
	}
	voids_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ticket_is_void_when_its_user_token_or_issuer_is),
		cmocka_unit_test(a_later_mark_of_the_same_replaces_the_earlier_but_never_its_time),
		cmocka_unit_test(the_code_is_that_of_the_token_before_the_user_before_the_issuer),
		cmocka_unit_test(a_mark_is_kept_as_long_as_a_ticket_can_live_and_no_longer),
		cmocka_unit_test(of_too_many_the_oldest_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
