/*
 * sends: what clients sent and the router has not answered: which session, and the client's id.
 * Names a session, never a connection: an answer may come when that is gone.
 */
#ifndef POSTERN_EDGE_SENDS_H
#define POSTERN_EDGE_SENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/slice.h"

struct sends;

struct send_entry {
	uint64_t ref;
	uint64_t session;
	int64_t at_ms;
	bool takes_number; /* the answer is the next frame of the sender's own stream */
	uint8_t id_len;
	char id[]; /* JSON text of the client's id */
};

/* 0 and an owned *out, or -ENOMEM. */
int sends_new(struct sends **out);
void sends_free(struct sends *s);
/* e->ref, e->id_len and e->id are set here, the rest and id are copied.  Times never go back.
 * 0 and a new *out_ref, or -ENOMEM. */
int sends_add(struct sends *s, const struct send_entry *e, struct slice id, uint64_t *out_ref);
/* Owned by the caller (free); NULL: no such ref. */
struct send_entry *sends_take(struct sends *s, uint64_t ref);
/* Takes all.  e is borrowed for the call; fn adds none. */
typedef void sends_each_fn(void *arg, const struct send_entry *e);
void sends_take_all(struct sends *s, sends_each_fn *fn, void *arg);
/* Takes what was added at this time or before. */
void sends_take_old(struct sends *s, int64_t at_ms, sends_each_fn *fn, void *arg);
size_t sends_count(const struct sends *s);
static inline struct slice send_id(const struct send_entry *e)
{
	return (struct slice){e->id, e->id_len};
}

#endif
