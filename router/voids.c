/* Three maps, and a queue through all of them. */
#include "router/voids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"

int voids_init(struct voids *v)
{
	*v = (struct voids){0};
	if (map_new(&v->users) < 0 || map_new(&v->tokens) < 0 || map_new(&v->issuers) < 0)
		return -ENOMEM;
	return 0;
}

void voids_fini(struct voids *v)
{
	while (v->oldest != NULL) {
		struct voids_entry *gone = v->oldest;

		v->oldest = gone->newer;
		free(gone);
	}
	map_free(v->users);
	map_free(v->tokens);
	map_free(v->issuers);
	*v = (struct voids){0};
}

bool voids_names(const struct mark *mark, const struct voids_ticket *t)
{
	switch (mark->kind) {
	case MARK_USER:
		return slice_eq(mark->uid, t->uid) && t->issued_ms <= mark->at_ms;
	case MARK_TOKEN:
		return mark->id == t->token_hash;
	case MARK_ISSUER:
		return mark->id == t->issuer_id && t->issued_ms <= mark->at_ms;
	case MARK_SESSION:
		break;
	}
	return false;
}

static struct voids_entry *find(const struct voids *v, const struct mark *mark)
{
	switch (mark->kind) {
	case MARK_USER:
		return map_get(v->users, mark->uid);
	case MARK_TOKEN:
		return map_get_u64(v->tokens, mark->id);
	case MARK_ISSUER:
		return map_get_u64(v->issuers, mark->id);
	case MARK_SESSION:
		break;
	}
	return NULL;
}

static int put(struct voids *v, struct voids_entry *entry)
{
	switch (entry->mark.kind) {
	case MARK_USER:
		return map_put(v->users, entry->mark.uid, entry);
	case MARK_TOKEN:
		return map_put_u64(v->tokens, entry->mark.id, entry);
	case MARK_ISSUER:
		return map_put_u64(v->issuers, entry->mark.id, entry);
	case MARK_SESSION:
		break;
	}
	return -EINVAL;
}

static void take_out(struct voids *v, const struct voids_entry *entry)
{
	switch (entry->mark.kind) {
	case MARK_USER:
		map_remove(v->users, entry->mark.uid);
		break;
	case MARK_TOKEN:
		map_remove_u64(v->tokens, entry->mark.id);
		break;
	case MARK_ISSUER:
		map_remove_u64(v->issuers, entry->mark.id);
		break;
	case MARK_SESSION:
		break;
	}
}

static void join(struct voids *v, struct voids_entry *entry)
{
	entry->newer = NULL;
	entry->older = v->newest;
	if (v->newest == NULL)
		v->oldest = entry;
	else
		v->newest->newer = entry;
	v->newest = entry;
	v->n++;
}

static void leave(struct voids *v, struct voids_entry *entry)
{
	if (entry->older == NULL)
		v->oldest = entry->newer;
	else
		entry->older->newer = entry->newer;
	if (entry->newer == NULL)
		v->newest = entry->older;
	else
		entry->newer->older = entry->older;
	v->n--;
}

static void forget(struct voids *v, struct voids_entry *entry)
{
	take_out(v, entry);
	leave(v, entry);
	free(entry);
}

void voids_raise(const struct voids *v, struct mark *mark)
{
	const struct voids_entry *entry = find(v, mark);

	if (entry != NULL && entry->mark.at_ms > mark->at_ms)
		mark->at_ms = entry->mark.at_ms;
}

/* A token's uid serves its sessions' end alone. */
static struct voids_entry *new_entry(const struct mark *mark)
{
	size_t len = mark->kind == MARK_USER ? mark->uid.len : 0;
	struct voids_entry *entry = malloc(sizeof(*entry) + len);

	if (entry == NULL)
		return NULL;
	entry->mark = *mark;
	entry->mark.uid = (struct slice){entry->uid, len};
	if (len > 0)
		memcpy(entry->uid, mark->uid.data, len);
	return entry;
}

int voids_put(struct voids *v, const struct mark *mark)
{
	struct voids_entry *entry = find(v, mark);
	int rc;

	if (entry != NULL) {
		if (mark->at_ms > entry->mark.at_ms)
			entry->mark.at_ms = mark->at_ms;
		entry->mark.code = mark->code;
		leave(v, entry);
		join(v, entry);
		return 0;
	}
	entry = new_entry(mark);
	if (entry == NULL)
		return -ENOMEM;
	rc = put(v, entry);
	if (rc < 0) {
		free(entry);
		return rc;
	}
	join(v, entry);
	if (v->n > MARKS_MAX)
		forget(v, v->oldest);
	return 0;
}

bool voids_is_past(int64_t at_ms, int64_t now_ms)
{
	return at_ms == 0 || now_ms - at_ms > MARK_KEPT_MS;
}

unsigned voids_code(const struct voids *v, const struct voids_ticket *t, int64_t now_ms)
{
	const struct mark asked[] = {
		{.kind = MARK_TOKEN, .id = t->token_hash},
		{.kind = MARK_USER, .uid = t->uid},
		{.kind = MARK_ISSUER, .id = t->issuer_id},
	};

	for (size_t i = 0; v->n > 0 && i < sizeof(asked) / sizeof(asked[0]); i++) {
		const struct voids_entry *entry = find(v, &asked[i]);

		if (entry != NULL && voids_names(&entry->mark, t) &&
			!voids_is_past(entry->mark.at_ms, now_ms))
			return entry->mark.code;
	}
	return 0;
}

void voids_forget(struct voids *v, int64_t now_ms)
{
	/* In the order of their arrival, not of their times: one may be kept longer for the one
	 * before it. */
	while (v->oldest != NULL && voids_is_past(v->oldest->mark.at_ms, now_ms))
		forget(v, v->oldest);
}
