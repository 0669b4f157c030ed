/*
 * commands: what one core_step() answers, and the memory that its texts and lists live in.  Both
 * are kept from step to step, so that a step allocates nothing once they have grown.  Pure.
 */
#ifndef POSTERN_ROUTER_COMMANDS_H
#define POSTERN_ROUTER_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>

#include "router/core.h"

struct commands_chunk;

struct commands {
	struct core_command *list;
	size_t n;
	size_t cap;
	struct commands_chunk *first;
	struct commands_chunk *current;
	size_t used; /* of current */
};

void commands_init(struct commands *c);
void commands_fini(struct commands *c);
/* Forgets all commands and everything they point to. */
void commands_reset(struct commands *c);

/* The next n calls of commands_add() succeed.  false: out of memory. */
bool commands_reserve(struct commands *c, size_t n);
/* A zeroed command at the end of the list, borrowed until the next call of this or reserve; NULL:
 * out of memory. */
struct core_command *commands_add(struct commands *c, enum core_command_kind kind, uint32_t link);

/* Where a part of a step begins, and back to there: what it added is as if it had never been. */
struct commands_mark {
	size_t n;
	struct commands_chunk *current;
	size_t used;
};
struct commands_mark commands_mark(const struct commands *c);
void commands_rewind(struct commands *c, const struct commands_mark *mark);

/* Memory until the next reset, aligned for 64-bit numbers, uninitialised; NULL: out of memory. */
void *commands_alloc(struct commands *c, size_t bytes);
/* The same for what is not measured yet: room for max bytes, of which commands_keep() then takes
 * some. Nothing else may be taken in between. */
char *commands_room(struct commands *c, size_t max);
void commands_keep(struct commands *c, size_t bytes);

#endif
