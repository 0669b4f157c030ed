/*
 * client: many WebSocket connections (RFC 6455, client side) on one epoll, for load only: the mask
 * is zero, the server's frames are trusted to be well formed, and anything unexpected ends the run
 * with a message.  What is sent in one turn leaves in one write.  One thread.
 */
#ifndef POSTERN_BENCH_CLIENT_H
#define POSTERN_BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
	int fd; /* 0: none */
	uint32_t index;
	bool upgraded;	 /* the 101 came */
	bool ready;	 /* the `ready` frame came */
	bool is_stalled; /* nothing is read */
	bool is_dirty;	 /* has bytes that wait for the end of the turn */
	int64_t started_ns;
	char epoch[16]; /* "": it was never connected */
	uint64_t u;	/* what it has, see docs/PROTOCOL.md; the owner counts on */
	uint64_t s;
	uint64_t head_u; /* of its stream when it connected last */
	char *in;	 /* what was received and not yet used */
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
	struct client **dirty;
	size_t n_dirty;
	bool small_windows; /* the kernel keeps little for who does not read */
	void *arg;
	/* text is borrowed.  Called for each text frame after `ready`. */
	void (*on_text)(void *arg, struct client *c, const char *text, size_t len);
	void (*on_ready)(void *arg, struct client *c);
	/* It was refused, or ended, and may be connected again after after_ms.  NULL: that ends the
	 * run. */
	void (*on_gone)(void *arg, struct client *c, int64_t after_ms);
};

/* "127.0.0.1:8080"; exits on failure. */
struct sockaddr_in address_parse(const char *address);
void clients_init(struct clients *cs, const char *address, size_t n);
/* Starts connection i with this token, with its position when it has one; not yet ready on return.
 */
void client_connect(struct clients *cs, size_t i, const char *token);
/* Ends it without a word. */
void client_close(struct clients *cs, struct client *c);
/* Sends one text frame, at the latest at the end of the turn. */
void client_send(struct clients *cs, struct client *c, const char *text, size_t len);
void client_stall(struct clients *cs, struct client *c, bool stalled);
/* Handles what is there, waiting at most timeout_ms. */
void clients_poll(struct clients *cs, int timeout_ms);

/* The number after key in a frame that has it. */
bool number_after(const char *text, size_t len, const char *key, uint64_t *out);

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
