/* Message ids that were used lately. */
#include <stdio.h>
#include <stdlib.h>

#include "router/mids.h"
#include "router/pending.h"
#include "test.h"

static struct message message(const char *from, const char *device, const char *mid)
{
	return (struct message){
		.to = SLICE_LITERAL("to"),
		.from = slice_of(from),
		.device = slice_of(device),
		.mid = slice_of(mid),
		.body = SLICE_LITERAL("body"),
	};
}

static struct mids_name name_of(const struct mids *m, const struct message *message)
{
	struct mids_name name;

	mids_name(m, message, &name);
	return name;
}

/* The n-th id of a device. */
static struct mids_name nth(const struct mids *m, const char *device, unsigned n)
{
	char mid[16];
	struct message msg;

	snprintf(mid, sizeof(mid), "m%u", n);
	msg = message("1", device, mid);
	return name_of(m, &msg);
}

static void an_id_belongs_to_a_user_and_a_device(void **state)
{
	static const struct {
		const char *from, *device, *mid;
	} others[] = {{"2", "d", "m"}, {"1", "e", "m"}, {"1", "d", "n"}, {"1d", "", "m"},
		{"", "1d", "m"}, {"1", "dm", ""}};
	struct message msg = message("1", "d", "m");
	struct mids m;
	struct mids_name name;
	uint32_t i;

	(void)state;
	assert_int_equal(mids_init(&m, 5), 0);
	name = name_of(&m, &msg);
	assert_int_equal(mids_find(&m, &name, 0), 0);
	i = mids_add(&m, &name, 0);
	assert_int_not_equal(i, 0);
	assert_int_equal(mids_find(&m, &name, 0), i);
	for (size_t k = 0; k < sizeof(others) / sizeof(others[0]); k++) {
		msg = message(others[k].from, others[k].device, others[k].mid);
		name = name_of(&m, &msg);
		assert_int_equal(mids_find(&m, &name, 0), 0);
	}
	mids_fini(&m);
}

static void a_check_covers_what_is_said_and_to_whom(void **state)
{
	struct message msg = message("1", "d", "m");
	struct mids m;
	struct mids_name first;

	(void)state;
	assert_int_equal(mids_init(&m, 5), 0);
	first = name_of(&m, &msg);
	for (int i = 0; i < 4; i++) {
		struct message other = msg;
		struct mids_name name;

		if (i == 0)
			other.to = SLICE_LITERAL("you");
		else if (i == 1)
			other.body = SLICE_LITERAL("bodY");
		else if (i == 2)
			other.kind = MESSAGE_PUSH;
		else
			other.event = SLICE_LITERAL("e");
		name = name_of(&m, &other);
		assert_true(name.key == first.key);
		assert_true(name.check != first.check);
	}
	mids_fini(&m);
}

static void the_oldest_of_a_device_makes_room_and_other_devices_keep_theirs(void **state)
{
	struct mids m;
	struct mids_name name;

	(void)state;
	assert_int_equal(mids_init(&m, 5), 0);
	name = nth(&m, "other", 0);
	assert_int_not_equal(mids_add(&m, &name, 0), 0);
	for (unsigned i = 0; i < MIDS_PER_DEVICE + 10; i++) {
		name = nth(&m, "d", i);
		assert_int_not_equal(mids_add(&m, &name, 0), 0);
	}
	assert_int_equal(m.n, MIDS_PER_DEVICE + 1);
	for (unsigned i = 0; i < MIDS_PER_DEVICE + 10; i++) {
		name = nth(&m, "d", i);
		assert_int_equal(mids_find(&m, &name, 0) != 0, i >= 10);
	}
	name = nth(&m, "other", 0);
	assert_int_not_equal(mids_find(&m, &name, 0), 0);
	mids_fini(&m);
}

static void an_id_is_forgotten_after_its_time(void **state)
{
	struct mids m;
	struct mids_name name;

	(void)state;
	assert_int_equal(mids_init(&m, 5), 0);
	for (unsigned i = 0; i < 100; i++) {
		name = nth(&m, "d", i);
		assert_int_not_equal(mids_add(&m, &name, i), 0);
	}
	name = nth(&m, "d", 40);
	assert_int_not_equal(mids_find(&m, &name, 40 + MIDS_MS - 1), 0);
	assert_int_equal(mids_find(&m, &name, 40 + MIDS_MS), 0);
	mids_expire(&m, 40 + MIDS_MS, 10);
	assert_int_equal(m.n, 90);
	mids_expire(&m, 40 + MIDS_MS, 1000);
	assert_int_equal(m.n, 59);
	/* the same id once more, though the old one is still in the table */
	name = nth(&m, "d", 50);
	assert_int_not_equal(mids_add(&m, &name, 60 + MIDS_MS), 0);
	assert_int_not_equal(mids_find(&m, &name, 60 + MIDS_MS), 0);
	mids_fini(&m);
}

static void a_waiting_message_hears_that_its_id_was_forgotten(void **state)
{
	struct message msg = message("1", "d", "m0");
	struct pending *p = pending_new(&msg);
	struct mids m;
	struct mids_name name;

	(void)state;
	assert_non_null(p);
	assert_int_equal(mids_init(&m, 5), 0);
	name = name_of(&m, &msg);
	p->mid = mids_add(&m, &name, 0);
	mids_at(&m, p->mid)->pending = p;
	/* one that waits is known, however long it takes */
	assert_int_equal(mids_find(&m, &name, 2 * MIDS_MS), p->mid);
	for (unsigned i = 1; i <= MIDS_PER_DEVICE; i++) {
		name = nth(&m, "d", i);
		assert_int_not_equal(mids_add(&m, &name, 0), 0);
	}
	assert_int_equal(p->mid, 0);
	pending_free(p);
	mids_fini(&m);
}

/* SplitMix64 */
static uint64_t draw(uint64_t *random)
{
	uint64_t z = *random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	return z ^ (z >> 31);
}

static void any_order_of_adding_and_removing_leaves_exactly_what_was_not_removed(void **state)
{
	enum { IDS = 3000 };
	static uint32_t there[IDS];
	uint64_t random = 1;
	struct mids m;
	size_t n = 0;

	(void)state;
	assert_int_equal(mids_init(&m, 5), 0);
	for (int step = 0; step < 60000; step++) {
		unsigned i = (unsigned)(draw(&random) % IDS);
		char device[8];
		struct mids_name name;

		snprintf(device, sizeof(device), "d%u", i % 7);
		name = nth(&m, device, i);
		assert_int_equal(mids_find(&m, &name, 0), there[i]);
		if (there[i] != 0) {
			mids_remove(&m, there[i]);
			there[i] = 0;
			n--;
		} else {
			there[i] = mids_add(&m, &name, 0);
			n++;
		}
		assert_int_equal(m.n, n);
	}
	assert_int_equal(map_count(m.devices), 7);
	mids_fini(&m);
}

static void the_table_has_a_bound_and_the_oldest_of_all_is_forgotten(void **state)
{
	struct mids m;
	struct mids_name name = {.device = 1};
	uint64_t last = MIDS_MAX + 5;

	(void)state;
	assert_int_equal(mids_init(&m, 5), 0);
	for (uint64_t i = 1; i <= last; i++) {
		name.key = i * UINT64_C(0x9e3779b97f4a7c15);
		name.device = i / 512;
		assert_int_not_equal(mids_add(&m, &name, 0), 0);
	}
	assert_int_equal(m.n, MIDS_MAX - 1);
	assert_int_equal(m.cap, MIDS_MAX);
	name.key = 6 * UINT64_C(0x9e3779b97f4a7c15);
	assert_int_equal(mids_find(&m, &name, 0), 0);
	name.key = 7 * UINT64_C(0x9e3779b97f4a7c15);
	assert_int_not_equal(mids_find(&m, &name, 0), 0);
	mids_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_belongs_to_a_user_and_a_device),
		cmocka_unit_test(a_check_covers_what_is_said_and_to_whom),
		cmocka_unit_test(the_oldest_of_a_device_makes_room_and_other_devices_keep_theirs),
		cmocka_unit_test(an_id_is_forgotten_after_its_time),
		cmocka_unit_test(a_waiting_message_hears_that_its_id_was_forgotten),
		cmocka_unit_test(
			any_order_of_adding_and_removing_leaves_exactly_what_was_not_removed),
		cmocka_unit_test(the_table_has_a_bound_and_the_oldest_of_all_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
