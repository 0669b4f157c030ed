/*
 * All tickets live equally long, so the list in order of making is also the one in which they
 * expire; every call forgets those at its head whose time is over.  A user's own are a second list
 * through the same entries, for his share.
 */
#include "auth/onetime.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>

#include "auth/base64url.h"
#include "common/bug.h"
#include "common/map.h"

struct owner;

struct entry {
	struct entry *next, *previous;		   /* of all */
	struct entry *owner_next, *owner_previous; /* of the same user */
	struct owner *owner;
	int64_t until_ms;
	unsigned char name[SHA256_DIGEST_LENGTH]; /* of the text */
	unsigned char origin[SHA256_DIGEST_LENGTH];
	struct token_facts facts;
};

struct owner {
	struct entry *first, *last;
	size_t count;
	size_t uid_len;
	char uid[UID_MAX_BYTES];
};

struct onetime {
	struct entry *first, *last;
	struct map *entries; /* by name */
	struct map *owners;  /* by uid */
};

static void entry_unlink(struct onetime *o, struct entry *e)
{
	struct owner *owner = e->owner;

	*(e->previous == NULL ? &o->first : &e->previous->next) = e->next;
	*(e->next == NULL ? &o->last : &e->next->previous) = e->previous;
	*(e->owner_previous == NULL ? &owner->first : &e->owner_previous->owner_next) =
		e->owner_next;
	*(e->owner_next == NULL ? &owner->last : &e->owner_next->owner_previous) =
		e->owner_previous;
	owner->count--;
}

static void entry_forget(struct onetime *o, struct entry *e)
{
	struct owner *owner = e->owner;

	entry_unlink(o, e);
	(void)map_remove(o->entries, (struct slice){(const char *)e->name, sizeof(e->name)});
	if (owner->count == 0) {
		(void)map_remove(o->owners, (struct slice){owner->uid, owner->uid_len});
		free(owner);
	}
	free(e);
}

static void forget_expired(struct onetime *o, int64_t now_ms)
{
	while (o->first != NULL && o->first->until_ms <= now_ms)
		entry_forget(o, o->first);
}

void onetime_free(struct onetime *o)
{
	if (o == NULL)
		return;
	while (o->first != NULL)
		entry_forget(o, o->first);
	map_free(o->entries);
	map_free(o->owners);
	free(o);
}

int onetime_new(struct onetime **out)
{
	CLEANUP(onetime_freep) struct onetime *o = calloc(1, sizeof(*o));
	int r = o == NULL ? -ENOMEM : map_new(&o->entries);

	if (r == 0)
		r = map_new(&o->owners);
	if (r < 0)
		return r;
	*out = o;
	o = NULL;
	return 0;
}

static void digest(struct slice text, unsigned char out[SHA256_DIGEST_LENGTH])
{
	SHA256((const unsigned char *)text.data, text.len, out);
}

static struct owner *owner_of(struct onetime *o, const struct token_facts *facts)
{
	struct slice uid = {facts->uid, facts->uid_len};
	struct owner *owner = map_get(o->owners, uid);

	if (owner != NULL)
		return owner;
	owner = calloc(1, sizeof(*owner));
	if (owner == NULL)
		return NULL;
	memcpy(owner->uid, uid.data, uid.len);
	owner->uid_len = uid.len;
	if (map_put(o->owners, uid, owner) < 0) {
		free(owner);
		return NULL;
	}
	return owner;
}

static void entry_link(struct onetime *o, struct owner *owner, struct entry *e)
{
	e->owner = owner;
	e->previous = o->last;
	*(o->last == NULL ? &o->first : &o->last->next) = e;
	o->last = e;
	e->owner_previous = owner->last;
	*(owner->last == NULL ? &owner->first : &owner->last->owner_next) = e;
	owner->last = e;
	owner->count++;
}

/* Takes e. */
static int entry_add(struct onetime *o, struct entry *e)
{
	struct owner *owner = owner_of(o, &e->facts);

	if (owner == NULL) {
		free(e);
		return -ENOMEM;
	}
	entry_link(o, owner, e);
	if (map_put(o->entries, (struct slice){(const char *)e->name, sizeof(e->name)}, e) < 0) {
		entry_forget(o, e);
		return -ENOMEM;
	}
	if (owner->count > ONE_TIME_PER_USER)
		entry_forget(o, owner->first);
	return 0;
}

static bool has_room(const struct onetime *o, const struct token_facts *facts)
{
	const struct owner *owner = map_get(o->owners, (struct slice){facts->uid, facts->uid_len});

	return map_count(o->entries) < ONE_TIME_MAX ||
	       (owner != NULL && owner->count == ONE_TIME_PER_USER);
}

int onetime_make(struct onetime *o, const unsigned char random[ONE_TIME_BYTES],
	const struct token_facts *facts, struct slice origin, int64_t now_ms,
	char out[ONE_TIME_TEXT_BYTES + 1])
{
	char text[BASE64URL_ENCODED_MAX(ONE_TIME_BYTES) + 1];
	struct entry *e;
	int r;

	forget_expired(o, now_ms);
	if (!has_room(o, facts))
		return -EAGAIN;
	e = calloc(1, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	base64url_encode(random, ONE_TIME_BYTES, text);
	e->until_ms = now_ms + ONE_TIME_MS;
	e->facts = *facts;
	e->facts.key = NULL; /* a reload may free it */
	digest((struct slice){text, ONE_TIME_TEXT_BYTES}, e->name);
	digest(origin, e->origin);
	r = entry_add(o, e);
	if (r == 0)
		memcpy(out, text, ONE_TIME_TEXT_BYTES + 1);
	explicit_bzero(text, sizeof(text));
	return r;
}

bool onetime_take(struct onetime *o, struct slice text, struct slice origin, int64_t now_ms,
	struct token_facts *out)
{
	unsigned char name[SHA256_DIGEST_LENGTH];
	unsigned char from[SHA256_DIGEST_LENGTH];
	struct entry *e;
	bool fits;

	forget_expired(o, now_ms);
	if (text.len != ONE_TIME_TEXT_BYTES)
		return false;
	digest(text, name);
	digest(origin, from);
	e = map_get(o->entries, (struct slice){(const char *)name, sizeof(name)});
	if (e == NULL)
		return false;
	fits = memcmp(e->origin, from, sizeof(from)) == 0;
	if (fits)
		*out = e->facts;
	if (!BUG(38))
		entry_forget(o, e);
	return fits;
}

size_t onetime_count(const struct onetime *o)
{
	return map_count(o->entries);
}

int64_t onetime_wait_ms(const struct onetime *o, int64_t now_ms)
{
	return o->first == NULL || o->first->until_ms <= now_ms ? 0 : o->first->until_ms - now_ms;
}
