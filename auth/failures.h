/*
 * failures: counts wrong passwords by name (of a user, of an address prefix) within a minute,
 * attempts that are still being checked included.  Pure: time is an argument.  Loop thread only.
 */
#ifndef POSTERN_AUTH_FAILURES_H
#define POSTERN_AUTH_FAILURES_H

#include <stdint.h>

#include "common/cleanup.h"
#include "common/slice.h"

/* The worker hashes a few dozen passwords a second, so a minute cannot bring more names than this.
 */
#define FAILURES_MAX_NAMES 8192
#define FAILURES_WINDOW_MS 60000

struct failures;

int failures_new(struct failures **out);
void failures_free(struct failures *f);
DEFINE_FREEP(struct failures, failures_free)

/*
 * An attempt under this name begins: 0, and failures_end() must follow; or the ms until it may be
 * tried again, and nothing is counted.  name is copied.
 */
int64_t failures_begin(struct failures *f, struct slice name, int64_t now_ms);
void failures_end(struct failures *f, struct slice name, bool failed, int64_t now_ms);

#endif
