/*
 * trust_wire: in which wire version the router is asked.  A router of before drops a question of
 * wire 3 and closes the pipe; so does one that dies over it.  That it is one of before is believed
 * when the same router (by its start) answers wire 2 before and after that.  Pure.
 */
#ifndef POSTERN_AUTH_TRUST_WIRE_H
#define POSTERN_AUTH_TRUST_WIRE_H

#include <stdbool.h>
#include <stdint.h>

struct trust_wire {
	uint32_t next;	       /* of the next question */
	uint64_t wire_2_start; /* of the router that answered wire 2 last; 0: none */
	bool wire_3_broke;     /* since then a question of wire 3 cost the pipe */
	uint64_t old_start;    /* of a router that is known to be one of before; 0: none */
};

void trust_wire_init(struct trust_wire *w);

/* The router that started so answered in that wire. */
void trust_wire_answered(struct trust_wire *w, uint32_t wire, uint64_t router_start);
/* No answer came; broke: and the pipe is gone. */
void trust_wire_unanswered(struct trust_wire *w, bool broke);

/* Whether facts may be sent to the router that started so in the next question: in wire 2 only to
 * one of before, since a revocation in it says nothing. */
bool trust_wire_may_tell(const struct trust_wire *w, uint64_t router_start);

#endif
