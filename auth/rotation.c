/*
 * What ticketring.c and ownkey.c decide and write is pure but for their files; here they meet the
 * loop: a tick retires the older ticket key, each answer of the router says which keys it has, and
 * a new own key is in force when the keys have been read again.
 */
#include "auth/rotation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "auth/authd_parts.h"
#include "auth/ownkey.h"
#include "common/clock.h"
#include "common/log.h"

#define TICK_MS 1000

struct rotation {
	struct ticketring *ring;
	uv_timer_t tick;
};

static void on_tick(uv_timer_t *timer)
{
	struct authd *a = timer->data;

	/* What an edge showed once is not looked at again, so it must be shown again now. */
	if (ticketring_tick(a->rotation->ring, clock_boot_ms()))
		peers_ask_again(a->peers);
}

static void on_router_keys(void *arg, const uint32_t *ids, size_t n)
{
	struct authd *a = arg;

	ticketring_router_has(a->rotation->ring, ids, n, clock_boot_ms());
}

int rotation_start(struct authd *a)
{
	CLEANUP(mem_freep) struct rotation *rot = calloc(1, sizeof(*rot));
	CLEANUP(mem_freep) char *dir = NULL;
	int r;

	if (rot == NULL || asprintf(&dir, "%s/ticket", a->cfg->daemon.state) < 0)
		return -ENOMEM;
	r = ticketring_new(&rot->ring, a->ticket_keys, dir);
	if (r == 0)
		r = uv_timer_init(&a->loop, &rot->tick);
	if (r < 0)
		return r;
	rot->tick.data = a;
	(void)uv_timer_start(&rot->tick, on_tick, TICK_MS, TICK_MS);
	a->rotation = rot;
	rot = NULL; /* lives as long as the loop */
	trust_on_ticket_keys(a->trust, on_router_keys, a);
	trust_want_ticket_key(a->trust, ticketring_wanted(a->rotation->ring));
	return 0;
}

int rotation_ticket(struct authd *a)
{
	int r = ticketring_rotate(a->rotation->ring);

	if (r == 0)
		trust_want_ticket_key(a->trust, ticketring_wanted(a->rotation->ring));
	return r;
}

int rotation_own(struct authd *a, struct key_error *e)
{
	CLEANUP(mem_freep) char *dir = NULL;
	const struct key *own = keyring_own(a->ring);
	int64_t now_s = clock_wall_ms() / 1000;
	int r;

	key_error_set(e, "out of memory");
	if (asprintf(&dir, "%s/keys", a->cfg->daemon.state) < 0)
		return -ENOMEM;
	if (own == NULL)
		return key_error_set(e, "there is no own key: keys/own.conf with an HMAC secret");
	r = ownkey_tidy(dir, now_s, e);
	if (r == 0)
		r = ownkey_rotate(dir, own, now_s, e);
	if (r < 0)
		return r;
	r = authd_reload_keys(a);
	if (r < 0)
		key_error_set(e, "own.conf is new, but the keys of before stay: see the log");
	else
		log_info("own_key_changed", "kid=%s", keyring_own(a->ring)->kid);
	return r;
}

size_t rotation_list(const struct authd *a, struct ticketring_line out[TICKET_KEYS_MAX])
{
	return ticketring_list(a->rotation->ring, clock_boot_ms(), out);
}
