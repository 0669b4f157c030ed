/*
 * told: how far the router has come with the numbered facts of auth: which are in force, and up to
 * which one everything is on disk too.  A fact whose mark was not kept is taken anew, with all that
 * follow it.  Pure.
 */
#ifndef POSTERN_ROUTER_TOLD_H
#define POSTERN_ROUTER_TOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOLD_WAITING_MAX 1024 /* marks on their way to the disk */

struct told {
	uint64_t taken;			    /* in force up to here */
	uint64_t waiting[TOLD_WAITING_MAX]; /* numbers, ascending, whose marks are not on disk */
	size_t n_waiting;
};

enum told_next {
	TOLD_TAKE, /* it is the next: say told_take() and carry it out */
	TOLD_SKIP, /* it was taken already */
	TOLD_STOP, /* nor what follows it: one is missing, or too many marks wait */
};
/* May fact number follow?  after: the request has all that hold between after and it. */
enum told_next told_next(const struct told *t, uint64_t number, uint64_t after);
void told_take(struct told *t, uint64_t number);
/* It could not be carried out, or its mark was not kept. */
void told_lost(struct told *t, uint64_t number);

/* The fact that is being taken made a mark; told_marked() follows. */
void told_marking(struct told *t, uint64_t number);
void told_marked(struct told *t, uint64_t number, bool is_durable);

/* Whether all marks up to there have been kept or lost. */
bool told_is_settled(const struct told *t, uint64_t number);
/* Up to here everything is in force and on disk. */
uint64_t told_last(const struct told *t);

#endif
