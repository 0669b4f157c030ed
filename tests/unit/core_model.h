/*
 * core_model: the router's rules once more, as plainly as can be: arrays, walks over everything,
 * printf. Each event gives lines that say what must come out; the test compares them with what the
 * core says.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_MODEL_H
#define POSTERN_TESTS_UNIT_CORE_MODEL_H

#include "router/core.h"

#define MODEL_LINKS 3
#define MODEL_USERS 9
#define MODEL_SYSTEM MODEL_USERS /* as a recipient, and as a stream */
#define MODEL_STREAMS (MODEL_USERS + 1)
#define MODEL_LIVE 256
#define MODEL_ENDED 4096
#define MODEL_WATCHES 4
#define MODEL_POSITIONS 8
#define MODEL_MESSAGES 2000
#define MODEL_LINES 1024
#define MODEL_VOIDS 512
#define MODEL_LINE_BYTES 448

enum model_state { MODEL_OFFLINE, MODEL_ONLINE, MODEL_AWAY, MODEL_UNKNOWN };

struct model_watch {
	unsigned user;
	enum model_state state;
	unsigned devices;
	bool is_hidden;
	int64_t told_ms;
};

struct model_session {
	uint64_t id;
	unsigned user;
	uint32_t link;
	uint32_t edge_id;
	uint32_t edge_epoch;
	char device[DEVICE_MAX_BYTES + 1];
	bool plain;
	bool is_call; /* of an HTTP request */
	bool away;
	bool is_live;
	bool is_reading[2];
	uint64_t asked[2];
	uint64_t acked[2];
	unsigned flags;
	int64_t ends_ms;
	int64_t ceiling_ms;
	int64_t issued_ms;
	uint64_t token_hash;
	uint32_t issuer_id;
	unsigned final_code; /* of the close, when it ended for good */
	size_t n_watches;
	struct model_watch watches[MODEL_WATCHES];
};

struct model_link {
	bool up;
	unsigned turn;
	uint32_t id;
	uint32_t epoch;
};

struct model_stream {
	uint64_t head;
	uint64_t stored;
	uint64_t floor;
};

struct model_position {
	bool used;
	char device[DEVICE_MAX_BYTES + 1]; /* "": of none */
	uint64_t at[2];
	int64_t seen_ms;
	int64_t told_ms;
	bool is_dirty;
};

struct model_user {
	char uid[24];
	bool known;
	bool has_begun;
	uint64_t acked;	      /* highest */
	uint64_t acked_place; /* as far as the store has said */
	uint64_t acked_system;
	unsigned new_inboxes;
	int64_t new_inboxes_day;
	struct model_position positions[MODEL_POSITIONS];
};

struct model_asker {
	bool is_operator;
	uint32_t link;
	unsigned turn;
	uint64_t ref;
};

enum model_fate { MODEL_WAITS, MODEL_STORED, MODEL_FAILED };
struct model_message {
	enum model_fate fate;
	bool is_push;
	bool is_named; /* the mid is the client's */
	unsigned to;
	int from; /* -1: an operator */
	uint64_t session;
	char device[DEVICE_MAX_BYTES + 1];
	char mid[MID_MAX_BYTES + 1];
	char event[16];
	char body[32];
	uint64_t seq_to;
	uint64_t seq_from;
	int64_t at_ms;
	int64_t ts_ms;
	int64_t expires_ms;
	struct model_asker asker;
	/* the result */
	enum core_state state;
	unsigned devices;
};

struct model_waiter {
	size_t message;
	struct model_asker asker;
};

/* A revocation, as it was told; one after the other, none is forgotten. */
struct model_void {
	enum mark_kind kind;
	char uid[24];
	uint64_t id;
	int64_t at_ms;
	unsigned code;
};

struct model {
	struct core_config config;
	struct model_link links[MODEL_LINKS];
	struct model_user users[MODEL_USERS];
	struct model_stream streams[MODEL_STREAMS];
	size_t n_live; /* in the order of their opening */
	struct model_session live[MODEL_LIVE];
	size_t n_ended; /* none is forgotten: the test names none whose time has passed */
	struct model_session ended[MODEL_ENDED];
	size_t n_messages; /* the number of the i-th is i + 1 */
	struct model_message messages[MODEL_MESSAGES];
	size_t n_waiters;
	struct model_waiter waiters[MODEL_MESSAGES];
	size_t n_voids;
	struct model_void voids[MODEL_VOIDS];
	uint64_t generation;
	int64_t contacts[MODEL_USERS][MODEL_USERS]; /* 0: none */
	size_t n_lines;
	char lines[MODEL_LINES][MODEL_LINE_BYTES];
};

void model_init(struct model *m, const struct core_config *config);
/* mid: the one the core has drawn, for an event without one. */
void model_step(struct model *m, const struct core_event *e, struct slice mid);
/* Whether the event was one that must change nothing: a violation, or refused. */
bool model_is_refused(const struct model *m, const struct core_event *e);

const struct model_session *model_live(const struct model *m, uint64_t id);
int model_user(const struct model *m, struct slice uid); /* -1: none */
enum model_state model_state(const struct model *m, unsigned user, unsigned *out_devices);
const char *model_word(enum model_state state);
/* Received and not acknowledged, of what is stored, or with is_all of what waits, too. */
unsigned model_unacked(const struct model *m, unsigned user, bool is_all, uint64_t *out_bytes);

#endif
