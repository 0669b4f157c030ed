/* map against a naive model, and the hash against the reference vectors. */
#include <stdio.h>
#include <stdlib.h>

#include "common/map.h"
#include "tests/unit/test.h"

enum { KEYS = 3000, OPERATIONS = 100000 };

static int values[KEYS + 1];

/* xorshift64: the same run each time */
static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static struct map *new_map(void)
{
	struct map *m = NULL;

	assert_int_equal(map_new(&m), 0);
	return m;
}

static void siphash_is_the_reference_siphash(void **state)
{
	/* vectors_sip64 of the authors' implementation: key 00..0f, input 00, 00 01, ... */
	static const struct {
		size_t len;
		uint64_t hash;
	} table[] = {
		{0, UINT64_C(0x726fdb47dd0e0e31)},
		{1, UINT64_C(0x74f839c593dc67fd)},
		{2, UINT64_C(0x0d6c8009d9a94f5a)},
		{3, UINT64_C(0x85676696d7fb7e2d)},
		{7, UINT64_C(0xab0200f58b01d137)},
		{8, UINT64_C(0x93f5f5799a932462)},
		{15, UINT64_C(0xa129ca6149be45e5)},
	};
	char in[16];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (char)i;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_true(map_siphash(UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908),
				    (struct slice){in, table[i].len}) == table[i].hash);
}

static void an_empty_map_has_nothing(void **state)
{
	struct map *m = new_map();
	size_t i = 0;

	(void)state;
	assert_null(map_get_u64(m, 0));
	assert_null(map_get(m, SLICE_LITERAL("")));
	assert_null(map_remove_u64(m, 0));
	assert_null(map_remove(m, SLICE_LITERAL("x")));
	assert_null(map_next(m, &i));
	assert_int_equal(map_count(m), 0);
	map_free(m);
	map_free(NULL);
}

static void it_does_what_an_array_does(void **state)
{
	struct map *m = new_map();
	static void *model[KEYS];
	uint64_t seed = 88172645463325252;
	size_t count = 0;

	(void)state;
	for (int n = 0; n < OPERATIONS; n++) {
		/* phases that fill and phases that drain */
		bool fills = (n / 10000) % 2 == 0;
		uint64_t r = draw(&seed);
		size_t k = r % KEYS;
		uint64_t key = k * UINT64_C(0x100000001);
		void *value = &values[(r >> 32) % KEYS];

		if ((r >> 20) % 4 < (fills ? 3 : 1)) {
			assert_int_equal(map_put_u64(m, key, value), 0);
			count += model[k] == NULL;
			model[k] = value;
		} else {
			assert_ptr_equal(map_remove_u64(m, key), model[k]);
			count -= model[k] != NULL;
			model[k] = NULL;
		}
		k = (r >> 8) % KEYS;
		assert_ptr_equal(map_get_u64(m, k * UINT64_C(0x100000001)), model[k]);
		assert_int_equal(map_count(m), count);
	}
	for (size_t k = 0; k < KEYS; k++)
		assert_ptr_equal(map_get_u64(m, k * UINT64_C(0x100000001)), model[k]);
	map_free(m);
}

static struct slice text_key(size_t k, char buf[64])
{
	/* lengths from 0 on, with NULs in them */
	memset(buf, 0, 64);
	if (k == 0)
		return (struct slice){buf, 0};
	snprintf(buf, 64, "%zu", k);
	return (struct slice){buf, 5 + k % 40};
}

static void byte_strings_are_keys_as_well(void **state)
{
	struct map *m = new_map();
	static void *model[KEYS];
	uint64_t seed = 88172645463325252;
	char buf[64];

	(void)state;
	for (int n = 0; n < OPERATIONS; n++) {
		uint64_t r = draw(&seed);
		size_t k = r % KEYS;
		void *value = &values[(r >> 32) % KEYS];

		if ((r >> 20) % 2 == 0) {
			assert_int_equal(map_put(m, text_key(k, buf), value), 0);
			model[k] = value;
		} else {
			assert_ptr_equal(map_remove(m, text_key(k, buf)), model[k]);
			model[k] = NULL;
		}
		k = (r >> 8) % KEYS;
		assert_ptr_equal(map_get(m, text_key(k, buf)), model[k]);
	}
	map_free(m);
}

static void a_number_and_a_string_are_never_the_same_key(void **state)
{
	struct map *m = new_map();
	uint64_t number = 3;
	struct slice bytes = {(const char *)&number, sizeof(number)};

	(void)state;
	assert_int_equal(map_put_u64(m, number, &values[1]), 0);
	assert_null(map_get(m, bytes));
	assert_int_equal(map_put(m, bytes, &values[2]), 0);
	assert_ptr_equal(map_get_u64(m, number), &values[1]);
	assert_ptr_equal(map_remove(m, bytes), &values[2]);
	assert_ptr_equal(map_get_u64(m, number), &values[1]);
	map_free(m);
}

static void a_walk_sees_each_element_once(void **state)
{
	struct map *m = new_map();
	static unsigned seen[KEYS];
	size_t i = 0;
	int *v;

	(void)state;
	for (uint64_t k = 0; k < KEYS; k++)
		assert_int_equal(map_put_u64(m, k, &values[k]), 0);
	while ((v = map_next(m, &i)) != NULL)
		seen[v - values]++;
	for (size_t k = 0; k < KEYS; k++)
		assert_int_equal(seen[k], 1);
	map_free(m);
}

static void a_walk_may_remove_what_it_stands_on(void **state)
{
	(void)state;
	for (uint64_t size = 1; size <= 200; size++) {
		struct map *m = new_map();
		unsigned seen[200] = {0};
		size_t i = 0;
		int *v;

		for (uint64_t k = 0; k < size; k++)
			assert_int_equal(map_put_u64(m, k, &values[k]), 0);
		while ((v = map_next(m, &i)) != NULL) {
			uint64_t k = (uint64_t)(v - values);

			seen[k]++;
			if (k % 3 != 0)
				assert_ptr_equal(map_remove_u64(m, k), v);
		}
		for (uint64_t k = 0; k < size; k++) {
			assert_int_equal(seen[k], 1);
			assert_ptr_equal(map_get_u64(m, k), k % 3 == 0 ? &values[k] : NULL);
		}
		map_free(m);
	}
}

static void graves_do_not_pile_up(void **state)
{
	struct map *m = new_map();

	(void)state;
	/* ever new keys, few at a time: in a table full of graves no search would end */
	for (uint64_t k = 0; k < 1000000; k++) {
		assert_int_equal(map_put_u64(m, k, &values[0]), 0);
		if (k >= 8)
			assert_non_null(map_remove_u64(m, k - 8));
	}
	assert_int_equal(map_count(m), 8);
	map_free(m);
}

static void keys_are_copied(void **state)
{
	struct map *m = new_map();
	char key[] = "jim";

	(void)state;
	assert_int_equal(map_put(m, slice_of(key), &values[1]), 0);
	memcpy(key, "joe", 3);
	assert_null(map_get(m, slice_of(key)));
	assert_ptr_equal(map_get(m, SLICE_LITERAL("jim")), &values[1]);
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_is_the_reference_siphash),
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(it_does_what_an_array_does),
		cmocka_unit_test(byte_strings_are_keys_as_well),
		cmocka_unit_test(a_number_and_a_string_are_never_the_same_key),
		cmocka_unit_test(a_walk_sees_each_element_once),
		cmocka_unit_test(a_walk_may_remove_what_it_stands_on),
		cmocka_unit_test(graves_do_not_pile_up),
		cmocka_unit_test(keys_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
