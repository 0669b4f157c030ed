/*
 * core_chance: random events that fit, or nearly fit, the state of the plain model.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_CHANCE_H
#define POSTERN_TESTS_UNIT_CORE_CHANCE_H

#include "core_disk.h"
#include "core_model.h"

struct chance {
	const struct model *model; /* borrowed */
	struct disk *disk;	   /* the same */
	uint64_t random;
	int64_t now_ms;
	int64_t wall_skew;
	uint64_t next_session;
	struct ticket ticket; /* of the last event, as users */
	struct slice users[MODEL_WATCHES];
	char mid[16];
};

bool chance_once_in(struct chance *ch, unsigned n);
/* The next event, a little later than the one before.  It borrows from ch and the model. */
void chance_event(struct chance *ch, struct core_event *e);

#endif
