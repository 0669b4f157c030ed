/* tail: a ring of notes. */
#include <stdio.h>
#include <string.h>

#include "router/tail.h"
#include "tests/unit/test.h"

static void add(struct tail *t, const char *kind, const char *user, const char *detail)
{
	struct tail_entry entry = {
		.at_ms = 5,
		.kind = slice_of(kind),
		.user = slice_of(user),
		.detail = slice_of(detail),
	};

	tail_add(t, &entry);
}

static void notes_are_numbered_and_read_after_a_number(void **state)
{
	struct tail *t = NULL;
	const struct tail_note *note;

	(void)state;
	assert_int_equal(tail_new(&t), 0);
	assert_int_equal(tail_last(t), 0);
	assert_null(tail_next(t, 0, (struct slice){0}));
	add(t, "opened", "1", "edge=1");
	add(t, "closed", "2", "edge=2");
	note = tail_next(t, 0, (struct slice){0});
	assert_int_equal(note->number, 1);
	assert_int_equal(note->user_len, 1);
	note = tail_next(t, 1, (struct slice){0});
	assert_int_equal(note->number, 2);
	assert_memory_equal(note->kind, "closed", 6);
	assert_memory_equal(note->detail, "edge=2", 6);
	assert_null(tail_next(t, 2, (struct slice){0}));
	assert_null(tail_next(t, UINT64_MAX - 1, (struct slice){0}));
	tail_free(t);
}

static void notes_of_one_user_are_found_among_others(void **state)
{
	struct tail *t = NULL;

	(void)state;
	assert_int_equal(tail_new(&t), 0);
	add(t, "opened", "1", "");
	add(t, "opened", "11", "");
	add(t, "edge_up", "", "");
	add(t, "closed", "1", "");
	assert_int_equal(tail_next(t, 1, SLICE_LITERAL("1"))->number, 4);
	assert_int_equal(tail_next(t, 0, SLICE_LITERAL("11"))->number, 2);
	assert_null(tail_next(t, 0, SLICE_LITERAL("111")));
	tail_free(t);
}

static void the_oldest_are_forgotten(void **state)
{
	struct tail *t = NULL;
	uint64_t seen = 0;
	uint64_t after = 0;
	const struct tail_note *note;

	(void)state;
	assert_int_equal(tail_new(&t), 0);
	for (int i = 0; i < TAIL_KEPT + 100; i++)
		add(t, "opened", "1", "");
	while ((note = tail_next(t, after, (struct slice){0})) != NULL) {
		assert_int_equal(note->number, after == 0 ? 101 : after + 1);
		after = note->number;
		seen++;
	}
	assert_int_equal(seen, TAIL_KEPT);
	tail_free(t);
}

static void long_texts_are_cut(void **state)
{
	char text[1000];
	struct tail *t = NULL;
	const struct tail_note *note;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(tail_new(&t), 0);
	add(t, text, text, text);
	note = tail_next(t, 0, (struct slice){0});
	assert_int_equal(note->kind_len, TAIL_KIND_BYTES);
	assert_int_equal(note->user_len, UID_MAX_BYTES);
	assert_int_equal(note->detail_len, TAIL_DETAIL_BYTES);
	tail_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_are_numbered_and_read_after_a_number),
		cmocka_unit_test(notes_of_one_user_are_found_among_others),
		cmocka_unit_test(the_oldest_are_forgotten),
		cmocka_unit_test(long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
