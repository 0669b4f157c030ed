/*
 * core_model_inner: what the two files of the plain model share.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_MODEL_INNER_H
#define POSTERN_TESTS_UNIT_CORE_MODEL_INNER_H

#include "core_model.h"

/* Something that must come out. */
void model_line(struct model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* NULL, and the lines are right, for an event that names no session of its link. */
struct model_session *model_owned(struct model *m, const struct core_event *e, uint64_t id);
/* Soon after a restart. */
bool model_is_silent(const struct model *m, int64_t now_ms);
unsigned model_sessions(const struct model *m, unsigned user);

void model_send(struct model *m, const struct core_event *e, struct slice mid);
void model_push(struct model *m, const struct core_event *e, struct slice mid);
void model_typing(struct model *m, const struct core_event *e);

#endif
