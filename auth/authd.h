/*
 * authd: the daemon, as three steps in the order of its privileges: what needs files and threads,
 * what needs sockets, and the loop.
 */
#ifndef POSTERN_AUTH_AUTHD_H
#define POSTERN_AUTH_AUTHD_H

#include "auth/config.h"

struct authd;

/* Opens keys, users and the ticket key, making them at first start; starts the password worker.
 * cfg is borrowed.  0 and an owned *out, or -errno after a line in the log. */
int authd_new(struct authd **out, const struct auth_config *cfg);

/* Reads the key files alone, for --check-config.  0, or -errno after a line in the log. */
int authd_check(const struct auth_config *cfg);

/* First use of NNG: makes the socket directories, listens and dials.  0, or -errno after a line. */
int authd_listen(struct authd *a);

/* Until SIGTERM or SIGINT.  Sockets live as long as the process: _exit() follows. */
void authd_run(struct authd *a);

#endif
