/*
 * client: many WebSocket connections (RFC 6455, client side) on one epoll, for load only: the mask
 * is zero, the server's frames are trusted to be well formed, and anything unexpected ends the run
 * with a message.  One thread.
 */
#ifndef POSTERN_BENCH_CLIENT_H
#define POSTERN_BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
	int fd;
	uint32_t index;
	bool upgraded; /* the 101 came */
	bool ready;    /* the `ready` frame came */
	int64_t started_ns;
	char *in; /* what was received and not yet used */
	size_t in_len, in_cap;
	char *out; /* what the socket did not take yet */
	size_t out_len, out_cap;
};

struct clients {
	int epoll;
	struct sockaddr_in server;
	struct client *list;
	size_t n;
	size_t n_ready;
	/* text is borrowed.  Called for each text frame after `ready`. */
	void (*on_text)(struct client *c, const char *text, size_t len);
	void (*on_ready)(struct client *c);
};

/* "127.0.0.1:8080"; exits on failure. */
void clients_init(struct clients *cs, const char *address, size_t n);
/* Starts connection i with this token; not yet ready on return. */
void client_connect(struct clients *cs, size_t i, const char *token);
/* Sends one text frame. */
void client_send(struct clients *cs, struct client *c, const char *text, size_t len);
/* Handles what is there, waiting at most timeout_ms. */
void clients_poll(struct clients *cs, int timeout_ms);

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
