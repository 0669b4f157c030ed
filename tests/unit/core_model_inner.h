/*
 * core_model_inner: what the files of the plain model share: core_model.c (who is there),
 * core_model_identity.c (who may be there, and is not any more), core_model_presence.c,
 * core_model_messages.c (who may say what to whom), core_model_stored.c (it is on disk, or not),
 * core_model_streams.c (pages, positions, trimming), core_model_text.c.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_MODEL_INNER_H
#define POSTERN_TESTS_UNIT_CORE_MODEL_INNER_H

#include "core_model.h"

#define MODEL_DAY_MS 86400000
#define MODEL_TEXT_BYTES 320

/* Something that must come out. */
void model_line(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* NULL, and the lines are right, for an event that names no session of its link. */
struct model_session *model_owned(struct model *m, const struct core_event *e, uint64_t id);
void model_end(struct model *m, size_t i, int64_t now_ms);
/* Shut by others, and never opened again. */
void model_end_for_good(struct model *m, size_t i, unsigned code, int64_t now_ms);
/* The close code for a ticket that is void, or 0. */
unsigned model_void_code(const struct model *m, const struct ticket *t, int64_t now_ms);
void model_revoke(struct model *m, const struct core_event *e);
/* 0, or the close code for one too many; old: the id that is rebound, or 0. */
unsigned model_limit_code(
	const struct model *m, const struct core_event *e, unsigned user, uint64_t old);
/* Ends what gives way to s. */
void model_replace(
	struct model *m, const struct core_event *e, const struct model_session *s, uint64_t old);
void model_renew(struct model *m, const struct core_event *e);
void model_kick(struct model *m, const struct core_event *e);
/* Soon after a restart. */
bool model_is_silent(const struct model *m, int64_t now_ms);
unsigned model_sessions(const struct model *m, unsigned user);
void model_tell(
	struct model *m, const struct model_session *s, struct model_watch *w, int64_t now_ms);
void model_watch(struct model *m, const struct core_event *e);
/* These two exchanged a message. */
void model_reveal(struct model *m, unsigned a, unsigned b);

void model_send(struct model *m, const struct core_event *e, struct slice mid);
void model_push(struct model *m, const struct core_event *e, struct slice mid);
void model_typing(struct model *m, const struct core_event *e);

/* code 0: like's result. */
void model_answer(struct model *m, const struct model_asker *a, const char *result);
void model_stored(struct model *m, const struct core_event *e);
void model_failed(struct model *m, const struct core_event *e);

/* The message as a frame; where its plain form ends. */
enum model_view { MODEL_RECEIVED, MODEL_CARBON, MODEL_TO_ALL };
size_t model_text(const struct model *m, const struct model_message *msg, enum model_view view,
	char text[MODEL_TEXT_BYTES]);
const char *model_json_uid(const char *uid, char out[32]);

struct model_position *model_position(struct model_user *u, const char *device, bool make);
/* The connections that the device has left. */
void model_settle(struct model *m, unsigned user, const char *device);
void model_ack(struct model *m, const struct core_event *e);
void model_acked(struct model *m, const struct core_event *e);
void model_sync(struct model *m, const struct core_event *e);
void model_rows(struct model *m, const struct core_event *e);
void model_old(struct model *m, const struct core_event *e);
void model_purge(struct model *m, const struct core_event *e);
void model_flush(struct model *m);

#endif
