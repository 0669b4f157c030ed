/*
 * core_model: the router's rules once more, as plainly as can be: arrays, walks over everything,
 * printf. Each event gives lines that say what must come out; the test compares them with what the
 * core says.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_MODEL_H
#define POSTERN_TESTS_UNIT_CORE_MODEL_H

#include "router/core.h"

#define MODEL_LINKS 3
#define MODEL_USERS 8
#define MODEL_LIVE 64
#define MODEL_ENDED 4096
#define MODEL_WATCHES 4
#define MODEL_LINES 256
#define MODEL_LINE_BYTES 384

enum model_state { MODEL_OFFLINE, MODEL_ONLINE, MODEL_AWAY, MODEL_UNKNOWN };

struct model_watch {
	unsigned user;
	enum model_state state;
	unsigned devices;
	int64_t told_ms;
};

struct model_session {
	uint64_t id;
	unsigned user;
	uint32_t link;
	uint32_t edge_id;
	uint32_t edge_epoch;
	bool plain;
	bool away;
	unsigned flags;
	int64_t ends_ms;
	int64_t ceiling_ms;
	size_t n_watches;
	struct model_watch watches[MODEL_WATCHES];
};

struct model_link {
	bool up;
	uint32_t id;
	uint32_t epoch;
};

struct model_user {
	char uid[24];
	bool known;
	uint64_t seq;
};

struct model {
	struct core_config config;
	struct model_link links[MODEL_LINKS];
	struct model_user users[MODEL_USERS];
	size_t n_live;
	struct model_session live[MODEL_LIVE];
	size_t n_ended; /* none is forgotten: the test names none whose time has passed */
	struct model_session ended[MODEL_ENDED];
	uint64_t system_head;
	size_t n_lines;
	char lines[MODEL_LINES][MODEL_LINE_BYTES];
};

void model_init(struct model *m, const struct core_config *config);
/* mid: the one the core has drawn, for an event without one. */
void model_step(struct model *m, const struct core_event *e, struct slice mid);
/* Whether the event is one that must change nothing: a violation, or refused. */
bool model_is_refused(const struct model *m);

const struct model_session *model_live(const struct model *m, uint64_t id);
int model_user(const struct model *m, struct slice uid); /* -1: none */
enum model_state model_state(const struct model *m, unsigned user, unsigned *out_devices);
const char *model_word(enum model_state state);

#endif
