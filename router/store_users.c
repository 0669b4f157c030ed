/*
 * A batch touches a few hundred of perhaps a hundred thousand users, so the undo is a list of
 * those, not a copy of the table.  A user that was made by a batch that failed stays in memory,
 * unwritten.
 */
#include "router/store_users.h"

#include <errno.h>
#include <stdlib.h>

#include "router/store_record.h"

int store_users_init(struct store_users *t)
{
	int r = map_new(&t->by_uid);

	t->next_id = 1;
	return r < 0 ? r : map_new(&t->by_id);
}

void store_users_fini(struct store_users *t)
{
	struct store_person *p;

	if (t->by_id != NULL)
		for (size_t i = 0; (p = map_next(t->by_id, &i)) != NULL;) {
			free(p->tail);
			free(p);
		}
	map_free(t->by_uid);
	map_free(t->by_id);
	free(t->undo);
}

struct slice store_person_uid(const struct store_person *p)
{
	return (struct slice){p->uid, p->uid_len};
}

struct store_person *store_users_get(const struct store_users *t, struct slice uid)
{
	return map_get(t->by_uid, uid);
}

struct store_person *store_users_by_id(const struct store_users *t, uint64_t id)
{
	return map_get_u64(t->by_id, id);
}

struct store_person *store_users_add(struct store_users *t, struct slice uid, uint64_t id)
{
	struct store_person *p;

	if (id == 0)
		id = t->next_id;
	if (map_get(t->by_uid, uid) != NULL || map_get_u64(t->by_id, id) != NULL)
		return NULL;
	p = calloc(1, sizeof(*p) + uid.len);
	if (p == NULL)
		return NULL;
	p->id = id;
	p->uid_len = uid.len;
	if (uid.len > 0)
		memcpy(p->uid, uid.data, uid.len);
	p->state.floor = p->state.low = p->tail_base = 1;
	if (map_put_u64(t->by_id, id, p) < 0) {
		free(p);
		return NULL;
	}
	if (map_put(t->by_uid, uid, p) < 0) {
		(void)map_remove_u64(t->by_id, id);
		free(p);
		return NULL;
	}
	if (id >= t->next_id)
		t->next_id = id + 1;
	return p;
}

int store_users_touch(struct store_users *t, struct store_person *p)
{
	if (p->is_touched)
		return 0;
	if (t->n_undo == t->cap_undo) {
		size_t cap = t->cap_undo == 0 ? 256 : t->cap_undo * 2;
		struct store_person_before *more = realloc(t->undo, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		t->undo = more;
		t->cap_undo = cap;
	}
	t->undo[t->n_undo++] = (struct store_person_before){p, p->state};
	p->is_touched = true;
	return 0;
}

/* What is in the table leaves the tail. */
static void tail_shorten(struct store_person *p)
{
	uint64_t base = p->state.indexed.seq + 1;
	size_t n = (size_t)(p->state.head.seq - p->state.indexed.seq);

	if (base == p->tail_base)
		return;
	if (n > 0) {
		memmove(p->tail, p->tail + (base - p->tail_base), n * sizeof(*p->tail));
	} else {
		free(p->tail);
		p->tail = NULL;
		p->tail_cap = 0;
	}
	p->tail_base = base;
}

void store_users_keep(struct store_users *t)
{
	for (size_t i = 0; i < t->n_undo; i++) {
		t->undo[i].person->is_touched = false;
		tail_shorten(t->undo[i].person);
	}
	t->n_undo = 0;
}

void store_users_undo(struct store_users *t)
{
	for (size_t i = 0; i < t->n_undo; i++) {
		t->undo[i].person->state = t->undo[i].state;
		store_users_untidy(t, t->undo[i].person); /* what was taken away is there again */
	}
	store_users_keep(t);
}

int store_person_push(struct store_person *p, const struct message_place *place, uint64_t message)
{
	size_t n = (size_t)(place->seq - p->tail_base);

	if (n >= p->tail_cap) {
		size_t cap = p->tail_cap == 0 ? 4 : p->tail_cap * 2;
		struct store_tail *more = realloc(p->tail, cap * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		p->tail = more;
		p->tail_cap = cap;
	}
	p->tail[n] = (struct store_tail){message, place->rows, place->bytes};
	p->state.head = *place;
	return 0;
}

const struct store_tail *store_person_tail(const struct store_person *p, uint64_t seq)
{
	return &p->tail[seq - p->tail_base];
}

void store_users_untidy(struct store_users *t, struct store_person *p)
{
	if (p->is_untidy || p->state.low >= p->state.floor)
		return;
	p->is_untidy = true;
	p->next_untidy = t->untidy;
	t->untidy = p;
	t->n_untidy++;
}

size_t store_person_encode(const struct store_person *p, char out[STORE_PERSON_MAX_BYTES])
{
	const struct store_person_state *state = &p->state;
	const uint64_t numbers[] = {state->acked.seq, state->acked.rows, state->acked.bytes,
		state->acked_system, state->floor, state->below_floor.seq, state->below_floor.rows,
		state->below_floor.bytes, state->low, state->indexed.seq, state->indexed.rows,
		state->indexed.bytes};
	char *at = out + 1 + p->uid_len;

	out[0] = (char)(unsigned char)p->uid_len;
	memcpy(out + 1, p->uid, p->uid_len);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++, at += 8)
		store_put_u64(at, numbers[i]);
	return (size_t)(at - out);
}

static struct message_place place_get(const char *at)
{
	return (struct message_place){
		store_get_u64(at), store_get_u64(at + 8), store_get_u64(at + 16)};
}

bool store_person_decode(struct slice in, struct slice *uid, struct store_person_state *out)
{
	size_t uid_len = in.len == 0 ? 0 : (unsigned char)in.data[0];
	const char *at = in.data + 1 + uid_len;

	if (in.len != 1 + uid_len + 96 || uid_len > UID_MAX_BYTES)
		return false;
	*uid = (struct slice){in.data + 1, uid_len};
	*out = (struct store_person_state){
		.acked = place_get(at),
		.acked_system = store_get_u64(at + 24),
		.floor = store_get_u64(at + 32),
		.below_floor = place_get(at + 40),
		.low = store_get_u64(at + 64),
		.indexed = place_get(at + 72),
		.is_written = true,
	};
	out->head = out->indexed;
	return true;
}
