/*
 * front: the listening sockets and the door behind them.  Loop thread only.
 */
#ifndef POSTERN_EDGE_FRONT_H
#define POSTERN_EDGE_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "common/address.h"
#include "edge/auth_client.h"
#include "edge/credentials.h"
#include "edge/live.h"
#include "edge/origin.h"
#include "edge/pages.h"

/* Connections at the door at a time; more wait in the kernel. */
#define FRONT_GUESTS_MAX 2048

struct front;

struct front_config {
	struct address listen;
	bool has_listen_proxy;
	struct address listen_proxy; /* PROXY protocol v2 */
	const struct network *proxy_from;
	size_t n_proxy_from;
	const struct origin_list *origins;
	const struct pages *pages; /* NULL: no demo page */
	struct credential_places places;
	int64_t head_timeout_ms;
	int64_t upgrade_timeout_ms;
	size_t max_connections;
};

struct front_stats {
	size_t guests;
	uint64_t adopted;
	uint64_t refused;
	uint64_t answered;
};

/* Listens; clients are accepted as soon as the loop runs.  What config points to is borrowed for
 * ever. 0 and an owned *out, or -errno after a line in the log. */
int front_new(struct front **out, uv_loop_t *loop, struct auth_client *auth, struct live *live,
	const struct front_config *config);
/* The edge goes: upgrades get 503, those that wait at the door too. */
void front_drain(struct front *f);
/* Listens no more. */
void front_close(struct front *f);
struct front_stats front_stats(const struct front *f);

#endif
