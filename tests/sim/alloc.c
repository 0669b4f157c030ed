/* Counts allocations down to the one that fails. */
#include "tests/sim/alloc.h"

static struct {
	unsigned left; /* 0: nothing fails */
	bool for_ever;
	bool failing;
	unsigned failed;
} plan;

void alloc_fail_at(unsigned n, bool for_ever)
{
	plan.left = n;
	plan.for_ever = for_ever;
	plan.failing = false;
	plan.failed = 0;
}

unsigned alloc_failed(void)
{
	return plan.failed;
}

static bool fails(void)
{
	if (plan.left > 0 && --plan.left == 0)
		plan.failing = true;
	if (!plan.failing)
		return false;
	plan.failing = plan.for_ever;
	plan.failed++;
	return true;
}

void *alloc_malloc(size_t bytes)
{
	return fails() ? NULL : malloc(bytes);
}

void *alloc_calloc(size_t n, size_t bytes)
{
	return fails() ? NULL : calloc(n, bytes);
}

void *alloc_realloc(void *old, size_t bytes)
{
	return fails() ? NULL : realloc(old, bytes);
}

void *alloc_reallocarray(void *old, size_t n, size_t bytes)
{
	return fails() ? NULL : reallocarray(old, n, bytes);
}
