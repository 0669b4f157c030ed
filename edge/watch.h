/*
 * watch: the readiness of the door's sockets, gathered under one epoll descriptor that the loop
 * polls. A uv_poll_t for each socket would cost five system calls and a handle that closes later;
 * this costs one call to add and one to remove, and the owner may be freed at once.  It never
 * waits: the loop does.  Loop thread only.
 */
#ifndef POSTERN_EDGE_WATCH_H
#define POSTERN_EDGE_WATCH_H

#include <stdint.h>
#include <sys/epoll.h>
#include <uv.h>

struct watch;

/* Embedded in its owner.  events: EPOLLIN and so on; level-triggered. */
struct watch_source {
	void (*on_ready)(struct watch_source *s, uint32_t events);
};

/* Owned *out; lives as long as the process.  0 or -errno. */
int watch_new(struct watch **out, uv_loop_t *loop);
/* 0 or -errno. */
int watch_add(struct watch *w, int fd, uint32_t events, struct watch_source *s);
/* events 0: nothing but errors. */
void watch_change(struct watch *w, int fd, uint32_t events, struct watch_source *s);
/* For a descriptor that lives on elsewhere. */
void watch_remove(struct watch *w, int fd, struct watch_source *s);
/* For a descriptor that is closed now. */
void watch_forget(struct watch *w, struct watch_source *s);

#endif
