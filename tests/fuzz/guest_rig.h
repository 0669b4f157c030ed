/*
 * guest_rig: what a guest at the edge's door has around it, for fuzz_guest.c: the readiness of its
 * socket, auth, and the live half, which are played here and hold it to what it may ask them.
 */
#ifndef POSTERN_TESTS_FUZZ_GUEST_RIG_H
#define POSTERN_TESTS_FUZZ_GUEST_RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "edge/guest.h"
#include "tests/fuzz/script.h"

/* What the daemons around are like, at the time. */
struct rig_mood {
	bool auth_is_up;
	bool auth_is_busy; /* takes no question */
	bool live_is_up;
	bool live_is_tight;
	size_t live_count;
};
extern struct rig_mood rig_mood;

void rig_reset(void);
/* Calls what is ready, until nothing is. */
void rig_turn(void);
/* Auth answers a question, the router an opening or a call, as the script says. */
void rig_auth_answers(struct script *s);
void rig_opening_ends(struct script *s);
void rig_call_ends(struct script *s);
/* Nobody is watched, asked or waited for. */
bool rig_is_empty(void);
/* How many sockets were given to libwebsockets, for good. */
size_t rig_adopted(void);

#endif
