/*
 * What a secret passed through on its way to a client is given back without it.  free() and
 * realloc() are wrapped by the linker, so that each block is looked at as it goes.
 */
#include <malloc.h>
#include <stdlib.h>

#include "edge/http.h"
#include "tests/unit/test.h"

static const char secret[] = "only-for-the-client-0815";
static size_t left_behind;
static size_t given_back;

void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);

static void look(void *p)
{
	if (p == NULL)
		return;
	given_back++;
	left_behind += memmem(p, malloc_usable_size(p), secret, strlen(secret)) != NULL;
}

void *__wrap_realloc(void *p, size_t size)
{
	look(p); /* it may move */
	return __real_realloc(p, size);
}

void __wrap_free(void *p)
{
	look(p);
	__real_free(p);
}

static int start(void **state)
{
	(void)state;
	left_behind = given_back = 0;
	return 0;
}

static void grow(struct buf *b)
{
	buf_add_text(b, secret);
	for (int i = 0; i < 1000; i++)
		buf_add_text(b, "and more");
	buf_add_text(b, secret);
	assert_false(b->failed);
	assert_int_equal(b->len, 8000 + 2 * strlen(secret));
	assert_memory_equal(b->data, secret, strlen(secret));
	buf_fini(b);
}

static void a_buf_that_grows_leaves_nothing_of_it(void **state)
{
	struct buf b;

	(void)state;
	buf_init_secret(&b, 10000);
	grow(&b);
	assert_true(given_back > 3);
	assert_int_equal(left_behind, 0);
	grow(&b); /* it is still one */
	assert_int_equal(left_behind, 0);
}

/* Or the test above could not fail. */
static void another_buf_does(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10000);
	grow(&b);
	assert_true(left_behind > 3);
}

static void an_answer_with_a_token_leaves_nothing_of_it(void **state)
{
	static const struct cors nobody;
	struct buf out;

	(void)state;
	buf_init_secret(&out, 10000);
	http_write_token(&out, slice_of(secret), &nobody);
	http_write_ticket(&out, slice_of(secret), 30000, &nobody);
	assert_false(out.failed);
	assert_non_null(memmem(out.data, out.len, secret, strlen(secret)));
	buf_fini(&out);
	assert_true(given_back > 3);
	assert_int_equal(left_behind, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_buf_that_grows_leaves_nothing_of_it, start),
		cmocka_unit_test_setup(another_buf_does, start),
		cmocka_unit_test_setup(an_answer_with_a_token_leaves_nothing_of_it, start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
