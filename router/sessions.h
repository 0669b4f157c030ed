/*
 * sessions: who is connected through which link, and until when.  A session that has ended stays in
 * the table for a while: its id is not taken again, and an edge that had not heard of the end is
 * not blamed.  One that was ended for good stays until no ticket can name it any more.  Sessions of
 * HTTP requests (CORE_API) are in lists of their own and in no number but n_calls.  Pure; does not
 * know presence: whoever ends a session drops its watches first (presence.h).
 */
#ifndef POSTERN_ROUTER_SESSIONS_H
#define POSTERN_ROUTER_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/map.h"
#include "proto/limits.h"
#include "router/core.h"
#include "router/users.h"

#define ENDED_KEPT 65536    /* at most; the oldest is forgotten */
#define ENDED_KEPT_MS 60000 /* at least, and until the ticket's end */

struct edge_name {
	uint32_t id;
	uint32_t epoch;
};

struct session {
	uint64_t id;
	struct user *user; /* NULL: it has ended, and only id, edge, ends_ms, final_code and
			      link_next mean anything */
	struct edge_name edge;
	uint32_t link;
	unsigned char flags; /* enum ticket_flag */
	bool away;
	bool is_live;		 /* has everything up to the stored head, or gets it */
	bool is_reading[2];	 /* by enum core_stream: a page is on its way */
	uint64_t asked_after[2]; /* what it had when it asked last, or began */
	uint64_t acked_u; /* what its client acknowledged; when it began, what its device had */
	uint64_t acked_s;
	enum core_dialect dialect;
	unsigned final_code; /* of the close, when it has ended for good; else 0 */
	uint64_t order;	     /* of its opening; sessions.c */
	int64_t issued_ms;   /* its ticket, as what follows */
	uint64_t token_hash;
	uint32_t issuer_id;
	int64_t opened_ms;
	int64_t ends_ms; /* ended: when it is forgotten */
	int64_t ceiling_ms;
	struct session *user_next;
	struct session *link_next; /* of the link, or of the queue of those that ended */
	struct session *link_prev;
	size_t heap_at;
	struct watch *watches; /* presence.c */
	uint32_t n_watches;
	uint32_t device_len;
	char device[DEVICE_MAX_BYTES];
};

struct link_state {
	bool up;
	uint64_t turn; /* one more for each edge that comes up here */
	struct edge_name edge;
	struct session *first; /* with those of HTTP requests */
	size_t n;
	size_t n_reading; /* pages that are on their way to its sessions */
};

/* Of those that ended, the first to end first. */
struct ended {
	struct session *first;
	struct session *last;
	size_t n;
};

struct sessions {
	struct map *by_id;
	struct session **heap; /* the next to end is the first */
	size_t n;	       /* of the heap: those that live */
	size_t heap_cap;
	size_t n_calls;	 /* of these: of HTTP requests */
	size_t n_behind; /* of the others: not live in the sense of core.h */
	uint64_t last_order;
	struct ended ended;
	struct ended ended_for_good;
	struct link_state links[MAX_EDGES];
};

/* 0 or -errno.  sessions_fini() also after a failure; it frees no watches. */
int sessions_init(struct sessions *ss);
void sessions_fini(struct sessions *ss);

/* Living or ended; NULL: never heard of. */
struct session *sessions_find(const struct sessions *ss, uint64_t id);

/*
 * A session with id, user, link, edge, and everything else that is known filled in by the caller is
 * copied into the tables.  Its id must not be there.  NULL: out of memory, and nothing changed.
 */
struct session *sessions_add(struct sessions *ss, const struct session *like);
/* final_code: the close code of one that ends for good, or 0.  Never fails. */
void sessions_end(struct sessions *ss, struct session *s, unsigned final_code, int64_t now_ms);
/* The id of one that never lived here, as if it had ended at that time, for good when final_code
 * says so.  false: out of memory. */
bool sessions_add_ended(struct sessions *ss, const struct session *like, int64_t now_ms);
void sessions_set_end(struct sessions *ss, struct session *s, int64_t ends_ms);
void sessions_set_away(struct session *s, bool away);
void sessions_set_live(struct sessions *ss, struct session *s, bool is_live);
void sessions_set_reading(
	struct sessions *ss, struct session *s, enum core_stream stream, bool is_reading);

/* The next to end, if it is due, or NULL. */
struct session *sessions_due(const struct sessions *ss, int64_t now_ms);
/* Forgets ended ones whose time has come. */
void sessions_forget(struct sessions *ss, int64_t now_ms);

#endif
