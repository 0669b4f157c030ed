/*
 * Auth and router start in any order, and auth makes the key at its first start.  After ten seconds
 * without a key the router says so, once, and goes on looking: auth may be down for longer.  A file
 * that cannot be read gets the same ten seconds, since its owner may be setting up its permissions.
 *
 * A later key comes by auth's word, each second, so that what failed once is tried again.  What
 * auth retired is seen by its file, which auth removes.
 */
#include "router/ticketkey.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/ticket_files.h"
#include "router/links.h"

#define PATIENCE_MS 10000

static bool dir_of(const struct hub *h, char dir[PATH_MAX])
{
	if (snprintf(dir, PATH_MAX, "%s/ticket", h->config->daemon.state) < PATH_MAX)
		return true;
	LOG_LIMITED(LOG_ERROR, "ticket_key", "error=path_too_long");
	return false;
}

/* Its file is what a key lives by: auth removes it when nothing that it made is good any more. */
static void drop_retired(struct hub *h, const char *dir)
{
	unsigned char ids[TICKET_KEYS_MAX];
	size_t n = ticket_keys_ids(h->keys, ids);

	for (size_t i = 0; n > 1 && i < n; i++) {
		unsigned char secret[TICKET_KEY_BYTES];
		int rc = ticket_file_read(dir, ids[i], secret);

		explicit_bzero(secret, sizeof(secret));
		if (rc == -ENOENT && ticket_keys_remove(h->keys, ids[i]))
			log_info("ticket_key_retired", "id=%u", ids[i]);
	}
}

/* Well before the older key goes: with what it made such an edge still gets its identity again. */
static void end_old_credentials(struct hub *h)
{
	if (h->keys_changed_ms == 0 ||
		clock_boot_ms() - h->keys_changed_ms < TICKET_KEY_RETIRE_MS / 2)
		return;
	h->keys_changed_ms = 0;
	links_end_old_credentials(h->links);
}

void ticketkey_wanted(struct hub *h, uint32_t id)
{
	char dir[PATH_MAX];
	int rc;

	if (h->keys == NULL || id == 0 || id > UINT8_MAX || !dir_of(h, dir))
		return;
	drop_retired(h, dir);
	if (ticket_keys_minting(h->keys) == id) {
		end_old_credentials(h);
		return;
	}
	rc = ticket_keys_load_one(h->keys, dir, (unsigned char)id);
	if (rc < 0) {
		LOG_LIMITED(LOG_ERROR, "ticket_key", "dir=%s id=%u error=\"%s\"", dir, id,
			strerror(-rc));
		return;
	}
	(void)ticket_keys_mint_with(h->keys, (unsigned char)id);
	h->keys_changed_ms = clock_boot_ms();
	links_new_credentials(h->links);
	log_info("ticket_key_changed", "minting=%u", id);
}

size_t ticketkey_ids(const struct hub *h, uint32_t out[TICKET_KEYS_MAX])
{
	unsigned char ids[TICKET_KEYS_MAX];
	size_t n = h->keys == NULL ? 0 : ticket_keys_ids(h->keys, ids);

	for (size_t i = 0; i < n; i++)
		out[i] = ids[i];
	return n;
}

enum ticketkey_result ticketkey_look(struct ticketkey *tk, struct hub *h, int64_t now_ms)
{
	char dir[PATH_MAX];
	int rc;

	if (!dir_of(h, dir))
		return TICKETKEY_UNSAFE;
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
