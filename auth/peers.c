/*
 * peers: two maps.  Pipes remember the credential's bytes, so that the MAC is computed once for
 * each pipe; edges hold the quota, so that a taken edge gains nothing by opening more pipes.
 */
#include "auth/peers.h"

#include <errno.h>
#include <openssl/crypto.h>

#include "common/map.h"

struct pipe {
	struct peer_edge *edge;
	char credential[CREDENTIAL_BYTES];
};

struct peers {
	struct ticket_keys *keys;
	int64_t asks_per_s;
	struct map *pipes; /* by number */
	struct map *edges; /* by id and epoch */
};

int peers_new(struct peers **out, struct ticket_keys *keys, int64_t asks_per_s)
{
	CLEANUP(peers_freep) struct peers *p = calloc(1, sizeof(*p));

	if (p == NULL || map_new(&p->pipes) < 0 || map_new(&p->edges) < 0)
		return -ENOMEM;
	p->keys = keys;
	p->asks_per_s = asks_per_s;
	*out = p;
	p = NULL;
	return 0;
}

static void map_free_all(struct map *m)
{
	void *value;

	if (m == NULL)
		return;
	for (size_t i = 0; (value = map_next(m, &i)) != NULL;)
		free(value);
	map_free(m);
}

void peers_free(struct peers *p)
{
	if (p == NULL)
		return;
	map_free_all(p->pipes);
	map_free_all(p->edges);
	free(p);
}

static uint64_t edge_key(uint32_t id, uint32_t epoch)
{
	return (uint64_t)id << 32 | epoch;
}

static void edge_drop_if_idle(struct peers *p, struct peer_edge *edge)
{
	if (edge->pipes > 0 || edge->logins > 0)
		return;
	(void)map_remove_u64(p->edges, edge_key(edge->id, edge->epoch));
	free(edge);
}

static struct peer_edge *edge_get(struct peers *p, uint32_t id, uint32_t epoch, int64_t now_ms)
{
	uint64_t key = edge_key(id, epoch);
	struct peer_edge *edge = map_get_u64(p->edges, key);

	if (edge != NULL)
		return edge;
	edge = calloc(1, sizeof(*edge));
	if (edge == NULL)
		return NULL;
	edge->id = id;
	edge->epoch = epoch;
	edge->tokens_milli = p->asks_per_s * 1000;
	edge->filled_at_ms = now_ms;
	if (map_put_u64(p->edges, key, edge) < 0) {
		free(edge);
		return NULL;
	}
	return edge;
}

static struct pipe *pipe_get(struct peers *p, uint32_t number)
{
	struct pipe *pipe = map_get_u64(p->pipes, number);

	if (pipe != NULL)
		return pipe;
	pipe = calloc(1, sizeof(*pipe));
	if (pipe != NULL && map_put_u64(p->pipes, number, pipe) < 0) {
		free(pipe);
		return NULL;
	}
	return pipe;
}

struct peer_edge *peers_admit(
	struct peers *p, uint32_t number, struct slice credential, int64_t now_ms)
{
	struct pipe *pipe = map_get_u64(p->pipes, number);
	struct peer_edge *before = pipe == NULL ? NULL : pipe->edge;
	struct peer_edge *edge;
	uint32_t id, epoch;

	if (credential.len != CREDENTIAL_BYTES)
		return NULL;
	if (before != NULL &&
		CRYPTO_memcmp(pipe->credential, credential.data, CREDENTIAL_BYTES) == 0)
		return before;
	if (credential_verify(p->keys, credential, &id, &epoch) != TICKET_OK)
		return NULL;
	pipe = pipe_get(p, number);
	edge = pipe == NULL ? NULL : edge_get(p, id, epoch, now_ms);
	if (edge == NULL)
		return NULL;
	edge->pipes++;
	pipe->edge = edge;
	memcpy(pipe->credential, credential.data, CREDENTIAL_BYTES);
	if (before != NULL) {
		before->pipes--;
		edge_drop_if_idle(p, before);
	}
	return edge;
}

void peers_ask_again(struct peers *p)
{
	struct pipe *pipe;

	for (size_t i = 0; (pipe = map_next(p->pipes, &i)) != NULL;)
		memset(pipe->credential, 0, sizeof(pipe->credential)); /* none has this magic */
}

void peers_pipe_gone(struct peers *p, uint32_t number)
{
	struct pipe *pipe = map_remove_u64(p->pipes, number);

	if (pipe == NULL)
		return;
	if (pipe->edge != NULL) {
		pipe->edge->pipes--;
		edge_drop_if_idle(p, pipe->edge);
	}
	free(pipe);
}

bool peers_spend(struct peers *p, struct peer_edge *edge, size_t n, int64_t now_ms)
{
	int64_t full = p->asks_per_s * 1000;
	int64_t passed = now_ms - edge->filled_at_ms;
	int64_t cost = (int64_t)n * 1000;

	if (passed > 1000)
		passed = 1000;
	if (passed > 0) {
		edge->tokens_milli += passed * p->asks_per_s;
		edge->filled_at_ms = now_ms;
	}
	if (edge->tokens_milli > full)
		edge->tokens_milli = full;
	if (edge->tokens_milli < cost)
		return false;
	edge->tokens_milli -= cost;
	return true;
}

bool peers_login_begin(struct peers *p, struct peer_edge *edge)
{
	(void)p;
	if (edge->logins >= AUTH_LOGINS_IN_FLIGHT)
		return false;
	edge->logins++;
	return true;
}

void peers_login_end(struct peers *p, struct peer_edge *edge)
{
	edge->logins--;
	edge_drop_if_idle(p, edge);
}
