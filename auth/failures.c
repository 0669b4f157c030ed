/*
 * failures: a map from names to small counters.  A window starts with its first failure.  An
 * attempt in flight counts as a failure until it ends, so that many guesses sent at once do not
 * pass while the first is still being hashed.
 */
#include "auth/failures.h"

#include <errno.h>

#include "common/map.h"
#include "proto/limits.h"

struct counter {
	int64_t since_ms; /* of the first failure in the window */
	unsigned failed;
	unsigned in_flight;
	size_t name_len;
	char name[];
};

struct failures {
	struct map *map;
};

int failures_new(struct failures **out)
{
	CLEANUP(failures_freep) struct failures *f = calloc(1, sizeof(*f));
	int r = f == NULL ? -ENOMEM : map_new(&f->map);

	if (r < 0)
		return r;
	*out = f;
	f = NULL;
	return 0;
}

void failures_free(struct failures *f)
{
	struct counter *c;

	if (f == NULL)
		return;
	if (f->map != NULL) {
		for (size_t i = 0; (c = map_next(f->map, &i)) != NULL;)
			free(c);
		map_free(f->map);
	}
	free(f);
}

static void counter_age(struct counter *c, int64_t now_ms)
{
	if (c->failed > 0 && now_ms - c->since_ms >= FAILURES_WINDOW_MS)
		c->failed = 0;
}

static void counter_drop(struct failures *f, struct counter *c)
{
	(void)map_remove(f->map, (struct slice){c->name, c->name_len});
	free(c);
}

static void sweep(struct failures *f, int64_t now_ms)
{
	struct counter *c;

	for (size_t i = 0; (c = map_next(f->map, &i)) != NULL;) {
		counter_age(c, now_ms);
		if (c->failed == 0 && c->in_flight == 0)
			counter_drop(f, c);
	}
}

static struct counter *counter_new(struct failures *f, struct slice name)
{
	struct counter *c = calloc(1, sizeof(*c) + name.len);

	if (c == NULL)
		return NULL;
	c->name_len = name.len;
	if (name.len > 0)
		memcpy(c->name, name.data, name.len);
	if (map_put(f->map, name, c) < 0) {
		free(c);
		return NULL;
	}
	return c;
}

int64_t failures_begin(struct failures *f, struct slice name, int64_t now_ms)
{
	struct counter *c = map_get(f->map, name);

	if (c == NULL) {
		if (map_count(f->map) >= FAILURES_MAX_NAMES)
			sweep(f, now_ms);
		if (map_count(f->map) < FAILURES_MAX_NAMES)
			c = counter_new(f, name);
		if (c == NULL)
			return 1000;
	}
	counter_age(c, now_ms);
	if (c->failed >= LOGIN_FAILURES_PER_MINUTE)
		return c->since_ms + FAILURES_WINDOW_MS - now_ms;
	if (c->failed + c->in_flight >= LOGIN_FAILURES_PER_MINUTE)
		return 1000;
	c->in_flight++;
	return 0;
}

void failures_end(struct failures *f, struct slice name, bool failed, int64_t now_ms)
{
	struct counter *c = map_get(f->map, name);

	if (c == NULL || c->in_flight == 0)
		return;
	c->in_flight--;
	counter_age(c, now_ms);
	if (failed && c->failed++ == 0)
		c->since_ms = now_ms;
	if (c->failed == 0 && c->in_flight == 0)
		counter_drop(f, c);
}
