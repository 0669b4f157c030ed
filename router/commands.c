/*
 * A list that doubles, and a chain of chunks that is filled from the front.  A chunk is never
 * moved, so a command may point into it; what one large step made the chain grow by is given back
 * at the next reset.
 */
#include "router/commands.h"

#include <stdlib.h>

#ifdef COMMANDS_TIGHT
/* Of tests: nearly every command asks for memory, which may fail. */
enum { FIRST_COMMANDS = 1, KEPT_COMMANDS = 1, CHUNK_BYTES = 64, KEPT_BYTES = 0 };
#else
/* What is kept has room for what one commit of the store brings, STORE_BATCH_ROWS messages. */
enum { FIRST_COMMANDS = 64, KEPT_COMMANDS = 8192, CHUNK_BYTES = 65536, KEPT_BYTES = 4194304 };
#endif

struct commands_chunk {
	struct commands_chunk *next;
	size_t cap;
	uint64_t bytes[];
};

void commands_init(struct commands *c)
{
	*c = (struct commands){0};
}

static void free_chunks(struct commands_chunk *chunk)
{
	while (chunk != NULL) {
		struct commands_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
}

void commands_fini(struct commands *c)
{
	free(c->list);
	free_chunks(c->first);
	commands_init(c);
}

/* The list, after a step that made it large. */
static void give_back_list(struct commands *c)
{
	struct core_command *list;

	if (c->cap <= KEPT_COMMANDS)
		return;
	list = realloc(c->list, KEPT_COMMANDS * sizeof(*list));
	if (list == NULL)
		return;
	c->list = list;
	c->cap = KEPT_COMMANDS;
}

void commands_reset(struct commands *c)
{
	size_t kept = 0;

	for (struct commands_chunk **at = &c->first; *at != NULL; at = &(*at)->next) {
		kept += (*at)->cap;
		if (kept > KEPT_BYTES) {
			free_chunks(*at);
			*at = NULL;
			break;
		}
	}
	give_back_list(c);
	c->n = 0;
	c->current = c->first;
	c->used = 0;
}

struct commands_mark commands_mark(const struct commands *c)
{
	return (struct commands_mark){c->n, c->current, c->used};
}

void commands_rewind(struct commands *c, const struct commands_mark *mark)
{
	c->n = mark->n;
	c->current = mark->current;
	c->used = mark->used;
}

bool commands_reserve(struct commands *c, size_t n)
{
	size_t cap = c->cap == 0 ? FIRST_COMMANDS : c->cap;
	struct core_command *list;

	if (n <= c->cap - c->n)
		return true;
	while (cap - c->n < n)
		cap *= 2;
	list = reallocarray(c->list, cap, sizeof(*list));
	if (list == NULL)
		return false;
	c->list = list;
	c->cap = cap;
	return true;
}

struct core_command *commands_add(struct commands *c, enum core_command_kind kind, uint32_t link)
{
	struct core_command *command;

	if (!commands_reserve(c, 1))
		return NULL;
	command = &c->list[c->n++];
	*command = (struct core_command){.kind = kind, .link = link};
	return command;
}

/* Makes a chunk with that much room the current one. */
static bool next_chunk(struct commands *c, size_t bytes)
{
	struct commands_chunk **at = c->current == NULL ? &c->first : &c->current->next;
	struct commands_chunk *chunk = *at;
	size_t cap = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;

	if (chunk == NULL || chunk->cap < bytes) {
		chunk = malloc(sizeof(*chunk) + cap);
		if (chunk == NULL)
			return false;
		chunk->cap = cap;
		chunk->next = *at;
		*at = chunk;
	}
	c->current = chunk;
	c->used = 0;
	return true;
}

char *commands_room(struct commands *c, size_t max)
{
	if ((c->current == NULL || c->current->cap - c->used < max) && !next_chunk(c, max))
		return NULL;
	return (char *)c->current->bytes + c->used;
}

void commands_keep(struct commands *c, size_t bytes)
{
	size_t rounded = (bytes + 7) & ~(size_t)7;
	size_t left = c->current->cap - c->used;

	c->used += rounded < left ? rounded : left;
}

void *commands_alloc(struct commands *c, size_t bytes)
{
	char *room = commands_room(c, bytes);

	if (room != NULL)
		commands_keep(c, bytes);
	return room;
}
