/*
 * config: the edge's settings, read, checked and made ready for use.
 */
#ifndef POSTERN_EDGE_CONFIG_H
#define POSTERN_EDGE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/daemon.h"
#include "edge/origin.h"

#define PROXY_NETWORKS_MAX 32
#define SOCKET_PATH_BYTES 108

enum edge_swap { EDGE_SWAP_REJECT, EDGE_SWAP_REBIND };

struct edge_config {
	struct daemon_config daemon;
	/* As given. */
	char *listen_text;
	char *listen_proxy_text;
	char *proxy_from_text;
	char *origins_text;
	char *web;
	bool demo;
	bool demo_public;
	bool token_cookie;
	bool token_query;
	bool token_ticket;
	enum edge_swap swap;
	int64_t max_connections;
	int64_t head_timeout_ms;
	int64_t upgrade_timeout_ms;
	int64_t interval_ms;
	int64_t grace_ms;
	int64_t msgs_per_second;
	int64_t msgs_burst;
	int64_t pending_bytes;
	int64_t drain_ms;
	int64_t memory_limit;

	/* Made of it. */
	struct address listen;
	bool has_listen_proxy;
	struct address listen_proxy;
	struct network proxy_from[PROXY_NETWORKS_MAX];
	size_t n_proxy_from;
	struct origin_list origins;
	char auth_path[SOCKET_PATH_BYTES];
	char hello_path[SOCKET_PATH_BYTES];
	char system_path[SOCKET_PATH_BYTES];
};

/* As config_load().  edge_config_free() whatever the result. */
enum config_result edge_config_load(struct edge_config *cfg, int argc, char **argv);
void edge_config_free(struct edge_config *cfg);

#endif
