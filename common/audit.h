/*
 * audit: the append-only record of control commands, STATE/audit.log.  One JSON object a line:
 *   {"time":"2026-11-25T09:00:00.000Z","id":1795597200000,"daemon":"router","uid":0,
 *    "command":"kick","args":{"sessions":"1"},"result":"ok"}
 * A command is written before it is carried out ("result":"begun") and, when it changes something,
 * its result after, with the same id.  Ids are of one daemon: they ascend, and go on after its
 * restart unless the clock was set back.  Never a token (its jti is none), a password, a hash, or
 * the data of a push.  Auth and router write the same file where they share a directory: a line is
 * one write() of at most AUDIT_LINE_MAX. Loop thread only.
 */
#ifndef POSTERN_COMMON_AUDIT_H
#define POSTERN_COMMON_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/slice.h"

#define AUDIT_LINE_MAX 2048

struct audit;

/* Opens path for appending, making it (0640) if it is not there; daemon is borrowed for life.  0
 * and an owned *out, or -errno (-EINVAL: not a file, -ELOOP: a link). */
int audit_open(struct audit **out, const char *path, const char *daemon);
void audit_close(struct audit *a);
DEFINE_FREEP(struct audit, audit_close)
/* After the file was moved away (SIGHUP).  0, or -errno and the old file is kept. */
int audit_reopen(struct audit *a);

/* For the lines of one more command.  Of 2^53 at most, as JSON needs it. */
uint64_t audit_next_id(struct audit *a);

struct audit_arg {
	const char *name;
	struct slice value; /* cut at 256 bytes, with "..." behind; empty: left out */
};
struct audit_entry {
	uid_t uid; /* of who asked, from the socket */
	const char *command;
	const char *result; /* begun, ok, or why not: a few words */
	const struct audit_arg *args;
	size_t n_args; /* what does not fit into the line is left out, and "cut":true says so */
	uint64_t id;   /* of audit_next_id() */
};
/* On disk when it returns.  0, or -errno: then the command must not be carried out.  A file that
 * was removed is made again. */
int audit_write(struct audit *a, const struct audit_entry *e);

#endif
