/*
 * A ring for each user, made with his first reason, in a list with the newest first: the user at
 * its end gives way when there are too many.
 */
#include "router/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/map.h"

struct person {
	struct person *newer;
	struct person *older;
	size_t n; /* reasons so far */
	struct why_reason ring[WHY_PER_USER];
	size_t uid_len;
	char uid[];
};

struct why {
	struct map *people;
	struct person *newest;
	struct person *oldest;
};

int why_new(struct why **out)
{
	struct why *w = calloc(1, sizeof(*w));

	if (w == NULL || map_new(&w->people) < 0) {
		free(w);
		return -ENOMEM;
	}
	*out = w;
	return 0;
}

void why_free(struct why *w)
{
	struct person *p;

	if (w == NULL)
		return;
	while ((p = w->newest) != NULL) {
		w->newest = p->older;
		free(p);
	}
	map_free(w->people);
	free(w);
}

bool why_wants(struct slice kind)
{
	static const char *const kinds[] = {"opened", "closed", "refused", "kicked", "replaced",
		"revoked", "revocation", "violation"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (slice_is(kind, kinds[i]))
			return true;
	}
	return false;
}

static void leave(struct why *w, struct person *p)
{
	if (p->newer != NULL)
		p->newer->older = p->older;
	else
		w->newest = p->older;
	if (p->older != NULL)
		p->older->newer = p->newer;
	else
		w->oldest = p->newer;
}

static void lead(struct why *w, struct person *p)
{
	p->newer = NULL;
	p->older = w->newest;
	if (w->newest != NULL)
		w->newest->newer = p;
	else
		w->oldest = p;
	w->newest = p;
}

static void forget_oldest(struct why *w)
{
	struct person *p = w->oldest;

	leave(w, p);
	(void)map_remove(w->people, (struct slice){p->uid, p->uid_len});
	free(p);
}

static struct person *person_new(struct why *w, struct slice user)
{
	struct person *p;

	if (map_count(w->people) >= WHY_USERS)
		forget_oldest(w);
	p = calloc(1, sizeof(*p) + user.len);
	if (p == NULL)
		return NULL;
	memcpy(p->uid, user.data, user.len);
	p->uid_len = user.len;
	if (map_put(w->people, user, p) < 0) {
		free(p);
		return NULL;
	}
	lead(w, p);
	return p;
}

static struct slice cut(struct slice s, size_t max)
{
	return (struct slice){s.data, s.len < max ? s.len : max};
}

static bool is_same(const struct why_reason *r, struct slice kind, struct slice detail)
{
	return slice_eq((struct slice){r->kind, r->kind_len}, kind) &&
	       slice_eq((struct slice){r->detail, r->detail_len}, detail);
}

static unsigned char keep(char *to, struct slice from)
{
	if (from.len > 0)
		memcpy(to, from.data, from.len);
	return (unsigned char)from.len;
}

void why_add(
	struct why *w, int64_t at_ms, struct slice user, struct slice kind, struct slice detail)
{
	struct person *p = map_get(w->people, user);
	struct why_reason *r;

	kind = cut(kind, WHY_KIND_BYTES);
	detail = cut(detail, WHY_DETAIL_BYTES);
	if (p == NULL)
		p = person_new(w, user);
	if (p == NULL)
		return;
	leave(w, p);
	lead(w, p);
	if (p->n > 0 && is_same(&p->ring[(p->n - 1) % WHY_PER_USER], kind, detail)) {
		p->ring[(p->n - 1) % WHY_PER_USER].at_ms = at_ms;
		return;
	}
	r = &p->ring[p->n++ % WHY_PER_USER];
	r->at_ms = at_ms;
	r->kind_len = keep(r->kind, kind);
	r->detail_len = keep(r->detail, detail);
}

const struct why_reason *why_at(const struct why *w, struct slice user, size_t i)
{
	const struct person *p = map_get(w->people, user);
	size_t n;

	if (p == NULL)
		return NULL;
	n = p->n < WHY_PER_USER ? p->n : WHY_PER_USER;
	return i < n ? &p->ring[(p->n - n + i) % WHY_PER_USER] : NULL;
}
