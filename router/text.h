/*
 * text: writes what clients and operators read, into the memory of a step (commands.h).  Frames are
 * in the layout of DownDeliver (proto/link.proto): the native form without its last brace, with the
 * places where the shorter forms end.  Pure; every function is false (and nothing was made) out of
 * memory.
 */
#ifndef POSTERN_ROUTER_TEXT_H
#define POSTERN_ROUTER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "router/commands.h"
#include "router/message.h"

/* Uids, event names and mids are of the sets of proto/names.h and need no escaping; content is
 * valid UTF-8; data is JSON. */
struct text_chat {
	struct slice from;
	struct slice to; /* of a carbon */
	struct slice content;
	struct slice mid;
	uint64_t seq;
	int64_t ts;
};
bool text_chat(struct commands *c, const struct text_chat *t, struct core_text *out);
/* What the sender's other devices see. */
bool text_carbon(struct commands *c, const struct text_chat *t, struct core_text *out);

struct text_push {
	struct slice event;
	struct slice data;
	struct slice mid;
	uint64_t seq;
	int64_t ts;
	bool system; /* seq is of the system stream */
};
bool text_push(struct commands *c, const struct text_push *t, struct core_text *out);

/* A stored message as somebody reads it, live or in a page: the same bytes. */
enum text_view {
	TEXT_RECEIVED, /* by its recipient */
	TEXT_CARBON,   /* by its sender */
	TEXT_SYSTEM,   /* in the system stream */
};
bool text_message(
	struct commands *c, const struct message *m, enum text_view view, struct core_text *out);

/* Of a number whose message is not there any more. */
struct text_gone {
	const char *reason;
	uint64_t seq;
	bool system;
};
bool text_gone(struct commands *c, const struct text_gone *t, struct core_text *out);

struct text_presence {
	struct slice user;
	const char *state;
	uint32_t devices;
};
bool text_presence(struct commands *c, const struct text_presence *t, struct core_text *out);
bool text_typing(struct commands *c, struct slice from, struct core_text *out);

/* 26 digits of Crockford's base 32: 48 bits of time, 80 of random numbers; they sort by time. */
bool text_mid(struct commands *c, int64_t wall_ms, const uint64_t random[2], struct slice *out);

/*
 * A note's detail, key=value key=value.  Values are of the sets of proto/names.h.
 *	if (!note_begin(&n, c)) return false;  note_number(&n, "devices", 2);  note_end(&n, "sent",
 *user);
 */
#define NOTE_MAX_BYTES 1024

struct note {
	struct commands *commands;
	char *start;
	char *at;
};
bool note_begin(struct note *n, struct commands *c);
void note_text(struct note *n, const char *key, struct slice value);
void note_number(struct note *n, const char *key, uint64_t value);
void note_hex(struct note *n, const char *key, uint64_t value);
/* kind is a literal; user is borrowed: copied into the note's memory. */
bool note_end(struct note *n, const char *kind, struct slice user);

#endif
