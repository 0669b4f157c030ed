/*
 * While a batch of events is being worked off, an owner may be removed and freed by another one's
 * callback; its event, if still to come, is then struck out of the batch.
 */
#include "edge/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { BATCH = 128, BATCHES_PER_TURN = 8 };

struct watch {
	int epoll;
	uv_poll_t poll;
	int next; /* in the batch being worked off */
	int n;
	struct epoll_event events[BATCH];
};

static void work_off(struct watch *w)
{
	for (w->next = 0; w->next < w->n;) {
		const struct epoll_event *e = &w->events[w->next++];
		struct watch_source *s = e->data.ptr;

		if (s != NULL)
			s->on_ready(s, e->events);
	}
	w->n = 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < BATCHES_PER_TURN; i++) {
		bool was_full;

		w->n = epoll_wait(w->epoll, w->events, BATCH, 0);
		was_full = w->n == BATCH;
		work_off(w);
		if (!was_full)
			return; /* what comes meanwhile is for the next turn */
	}
}

int watch_new(struct watch **out, uv_loop_t *loop)
{
	struct watch *w = calloc(1, sizeof(*w));
	int result;

	if (w == NULL)
		return -ENOMEM;
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	result = w->epoll < 0 ? -errno : uv_poll_init(loop, &w->poll, w->epoll);
	if (result < 0) {
		if (w->epoll >= 0)
			close(w->epoll);
		free(w);
		return result;
	}
	w->poll.data = w;
	*out = w;
	return uv_poll_start(&w->poll, UV_READABLE, on_poll);
}

static int control(struct watch *w, int op, int fd, uint32_t events, struct watch_source *s)
{
	struct epoll_event e = {.events = events, .data.ptr = s};

	return epoll_ctl(w->epoll, op, fd, &e) < 0 ? -errno : 0;
}

int watch_add(struct watch *w, int fd, uint32_t events, struct watch_source *s)
{
	return control(w, EPOLL_CTL_ADD, fd, events, s);
}

void watch_change(struct watch *w, int fd, uint32_t events, struct watch_source *s)
{
	control(w, EPOLL_CTL_MOD, fd, events, s);
}

void watch_forget(struct watch *w, struct watch_source *s)
{
	for (int i = w->next; i < w->n; i++) {
		if (w->events[i].data.ptr == s)
			w->events[i].data.ptr = NULL;
	}
}

void watch_remove(struct watch *w, int fd, struct watch_source *s)
{
	watch_forget(w, s);
	control(w, EPOLL_CTL_DEL, fd, 0, s);
}
