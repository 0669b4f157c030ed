/*
 * Auth and router start in any order, and auth makes the key at its first start.  After ten seconds
 * without a key the router says so, once, and goes on looking: auth may be down for longer.  A file
 * that cannot be read gets the same ten seconds, since its owner may be setting up its permissions.
 */
#include "router/ticketkey.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "proto/ticket_files.h"

#define PATIENCE_MS 10000

enum ticketkey_result ticketkey_look(struct ticketkey *tk, struct hub *h, int64_t now_ms)
{
	char dir[PATH_MAX];
	int rc;

	if (snprintf(dir, sizeof(dir), "%s/ticket", h->config->daemon.state) >= (int)sizeof(dir)) {
		log_error("ticket_key", "error=path_too_long");
		return TICKETKEY_UNSAFE;
	}
	rc = ticket_keys_load(&h->keys, dir);
	if (rc == 0)
		return TICKETKEY_READY;
	if (tk->since_ms == 0)
		tk->since_ms = now_ms;
	if (now_ms - tk->since_ms < PATIENCE_MS)
		return TICKETKEY_WAIT;
	if (rc != -ENOENT) {
		log_error("ticket_key", "dir=%s error=\"%s\"", dir, strerror(-rc));
		return TICKETKEY_UNSAFE;
	}
	if (!tk->said) {
		log_warn("ticket_key_missing", "dir=%s note=\"auth makes it; still waiting\"", dir);
		tk->said = true;
	}
	return TICKETKEY_WAIT;
}
