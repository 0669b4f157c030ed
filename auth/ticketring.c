/*
 * ticketring: two keys at most, so the whole state is which of them mints.  The newer one while it
 * does not mint is the candidate; the older one while it does not mint is retiring.
 */
#include "auth/ticketring.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/bug.h"
#include "common/log.h"
#include "proto/ticket_files.h"

#define REMOVE_AGAIN_MS 60000

_Static_assert(TICKET_KEYS_MAX == 2, "a key more would be neither candidate nor retiring");

struct ticketring {
	struct ticket_keys *keys;
	char *dir;
	int64_t retire_at_ms; /* of the older one, while the newer one mints */
	uint32_t router_ids[TICKET_KEYS_MAX];
	size_t n_router_ids;
};

int ticketring_new(struct ticketring **out, struct ticket_keys *keys, const char *dir)
{
	CLEANUP(ticketring_freep) struct ticketring *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return -ENOMEM;
	r->keys = keys;
	r->dir = strdup(dir);
	if (r->dir == NULL)
		return -ENOMEM;
	*out = r;
	r = NULL;
	return 0;
}

void ticketring_free(struct ticketring *r)
{
	if (r == NULL)
		return;
	free(r->dir);
	free(r);
}

/* *out_older is 0 when there is one key alone. */
static unsigned char newest(const struct ticketring *r, unsigned char *out_older)
{
	unsigned char ids[TICKET_KEYS_MAX] = {0};
	size_t n = ticket_keys_ids(r->keys, ids);

	*out_older = n > 1 ? ids[0] : 0;
	return n > 1 ? ids[1] : ids[0];
}

unsigned char ticketring_wanted(const struct ticketring *r)
{
	unsigned char older;

	return newest(r, &older);
}

static bool router_has(const struct ticketring *r, unsigned char id)
{
	for (size_t i = 0; i < r->n_router_ids; i++) {
		if (r->router_ids[i] == id)
			return true;
	}
	return false;
}

void ticketring_router_has(struct ticketring *r, const uint32_t *ids, size_t n, int64_t now_ms)
{
	unsigned char older;
	unsigned char newer = newest(r, &older);
	unsigned char minting = ticket_keys_minting(r->keys);

	r->n_router_ids = n < TICKET_KEYS_MAX ? n : TICKET_KEYS_MAX;
	for (size_t i = 0; i < r->n_router_ids; i++)
		r->router_ids[i] = ids[i];
	if (older == 0 || n == 0)
		return;
	if (minting == older && router_has(r, newer)) {
		(void)ticket_keys_mint_with(r->keys, newer);
		r->retire_at_ms = now_ms + TICKET_KEY_RETIRE_MS;
		log_info("ticket_key_changed", "minting=%u retiring=%u", newer, older);
	} else if (minting == newer && !router_has(r, newer) && router_has(r, older)) {
		/* It was started again and cannot read the newer one any more. */
		(void)ticket_keys_mint_with(r->keys, older);
		log_error("ticket_key_lost_by_router", "minting=%u waiting=%u", older, newer);
	}
}

int ticketring_rotate(struct ticketring *r)
{
	unsigned char older;
	unsigned char next = ticket_key_next(newest(r, &older));
	int err;

	if (older != 0)
		return -EBUSY;
	err = ticket_file_make(r->dir, next);
	if (err == 0)
		err = ticket_keys_load_one(r->keys, r->dir, next);
	if (err < 0)
		return err;
	if (BUG(40))
		(void)ticket_keys_mint_with(r->keys, next);
	log_info("ticket_key_made", "id=%u", next);
	return 0;
}

bool ticketring_tick(struct ticketring *r, int64_t now_ms)
{
	unsigned char older;
	unsigned char newer = newest(r, &older);
	int err;

	if (older == 0 || ticket_keys_minting(r->keys) != newer || now_ms < r->retire_at_ms)
		return false;
	/* The file first: it is what a start reads, and what tells the router. */
	err = ticket_file_remove(r->dir, older);
	if (err < 0) {
		log_error("ticket_key_not_removed", "id=%u error=\"%s\"", older, strerror(-err));
		r->retire_at_ms = now_ms + REMOVE_AGAIN_MS;
		return false;
	}
	(void)ticket_keys_remove(r->keys, older);
	log_info("ticket_key_retired", "id=%u", older);
	return true;
}

size_t ticketring_list(
	const struct ticketring *r, int64_t now_ms, struct ticketring_line out[TICKET_KEYS_MAX])
{
	unsigned char minting = ticket_keys_minting(r->keys);
	unsigned char ids[TICKET_KEYS_MAX];
	size_t n = ticket_keys_ids(r->keys, ids);

	for (size_t i = 0; i < n; i++) {
		bool retires = n > 1 && i == 0 && ids[i] != minting;
		int64_t left = r->retire_at_ms - now_ms;

		out[i] = (struct ticketring_line){
			.id = ids[i],
			.is_minting = ids[i] == minting,
			.router_has_it = router_has(r, ids[i]),
			.retires_in_ms = !retires   ? 0
					 : left > 1 ? left
						    : 1,
		};
	}
	return n;
}
