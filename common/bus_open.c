/*
 * Opening sockets.  Everything that bounds a peer is set before the first one can connect: the
 * largest message, who may connect, the mode of the file.  A socket that could not be opened fully
 * is left behind, since NNG may abort when a socket is closed: that happens at start, and the
 * process ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/bus_nng.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum { QUEUE_MAX = 8192, STEP_MS = 500 };

static int open_protocol(struct bus_socket *s)
{
	switch (s->options.pattern) {
	case BUS_PAIR:
		return nng_pair1_open(&s->sock);
	case BUS_REQ:
		return nng_req0_open(&s->sock);
	case BUS_REP:
		return nng_rep0_open(&s->sock);
	case BUS_PUB:
		return nng_pub0_open(&s->sock);
	case BUS_SUB:
		return nng_sub0_open(&s->sock);
	}
	return NNG_EINVAL;
}

static bool receives(const struct bus_socket *s)
{
	return s->options.pattern == BUS_PAIR || s->options.pattern == BUS_SUB;
}

static bool sends(const struct bus_socket *s)
{
	return s->options.pattern == BUS_PAIR || s->options.pattern == BUS_PUB;
}

static int set_options(struct bus_socket *s)
{
	const struct bus_options *o = &s->options;
	int queue = o->queue > QUEUE_MAX ? QUEUE_MAX : o->queue;
	/* 0 would be no bound at all; a subscriber has nothing to say to its publisher. */
	size_t max = o->pattern == BUS_PUB ? 1 : o->max_message;
	int rc;

	if (max == 0)
		return NNG_EINVAL;
	if (o->pattern == BUS_PAIR || o->pattern == BUS_REQ || o->pattern == BUS_REP)
		max += BUS_HEADER_BYTES;
	rc = nng_socket_set_size(s->sock, NNG_OPT_RECVMAXSZ, max);
	if (rc == 0 && queue > 0 && o->pattern == BUS_PUB)
		rc = nng_socket_set_int(s->sock, NNG_OPT_SENDBUF, queue);
	if (rc == 0 && queue > 0 && o->pattern == BUS_SUB)
		rc = nng_socket_set_int(s->sock, NNG_OPT_RECVBUF, queue);
	if (rc == 0 && o->pattern == BUS_SUB)
		rc = nng_socket_set(s->sock, NNG_OPT_SUB_SUBSCRIBE, "", 0);
	if (rc == 0 && o->pattern == BUS_REQ)
		rc = nng_socket_set_ms(s->sock, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	return rc;
}

static void make_slots(struct bus_socket *s)
{
	for (size_t i = 0; i < BUS_AHEAD; i++) {
		struct bus_slot *slot = &s->slots[i];

		slot->event.kind = BUS_EVENT_MESSAGE;
		slot->event.socket = s;
		slot->event.slot = slot;
		slot->next_free = s->free_slots;
		s->free_slots = slot;
	}
}

/* A socket that is ready but has no endpoint. */
static int socket_new(struct bus *b, const struct bus_options *options, struct bus_socket **out)
{
	CLEANUP(mem_freep) struct bus_socket *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->bus = b;
	s->options = *options;
	s->lock_fd = -1;
	s->sent.kind = BUS_EVENT_SENT;
	s->sent.socket = s;
	make_slots(s);
	rc = open_protocol(s);
	if (rc != 0)
		return bus_errno(rc);
	rc = set_options(s);
	if (rc == 0 && receives(s))
		rc = nng_aio_alloc(&s->recv_aio, bus_on_received, s);
	if (rc == 0 && sends(s))
		rc = nng_aio_alloc(&s->send_aio, bus_on_send_done, s);
	if (rc == 0)
		rc = bus_pipe_watch(s);
	if (rc != 0)
		return bus_errno(rc);
	*out = s;
	s = NULL;
	return 0;
}

static int start_receiving(struct bus_socket *s)
{
	if (s->recv_aio != NULL)
		nng_recv_aio(s->sock, s->recv_aio);
	return s->options.pattern == BUS_REP ? bus_rpc_serve(s) : 0;
}

static int make_url(char *url, size_t size, const char *path)
{
	if (strlen(path) > BUS_PATH_MAX_BYTES)
		return -ENAMETOOLONG;
	snprintf(url, size, "ipc://%s", path);
	return 0;
}

/*
 * Takes path for this process: the lock on path.lock says whether its listener lives, without
 * knocking at it.  Then what lies at path is stale.
 */
static int claim_path(struct bus_socket *s, const char *path)
{
	char name[BUS_PATH_MAX_BYTES + sizeof(".lock")];
	CLEANUP(fd_closep) int fd = -1;
	struct stat st;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
	if (lstat(path, &st) == 0 && (!S_ISSOCK(st.st_mode) || unlink(path) < 0))
		return S_ISSOCK(st.st_mode) ? -errno : -EEXIST;
	s->lock_fd = fd;
	fd = -1;
	return 0;
}

/* Where nobody but our own uid may connect, the kernel need not even let others knock. */
static mode_t file_mode(const struct bus_options *o)
{
	for (size_t i = 0; i < o->n_uids; i++) {
		if (o->uids[i] != geteuid())
			return o->mode;
	}
	return o->n_uids == 0 ? o->mode : o->mode & 0700;
}

int bus_listen(
	struct bus *b, const char *path, const struct bus_options *options, struct bus_socket **out)
{
	char url[BUS_PATH_MAX_BYTES + sizeof("ipc://")];
	struct bus_socket *s = NULL;
	nng_listener listener;
	int rc = make_url(url, sizeof(url), path);

	if (rc == 0)
		rc = socket_new(b, options, &s);
	if (rc == 0)
		rc = claim_path(s, path);
	if (rc < 0)
		return rc;
	rc = nng_listener_create(&listener, s->sock, url);
	if (rc == 0 && options->mode != 0)
		rc = nng_listener_set_int(
			listener, NNG_OPT_IPC_PERMISSIONS, (int)file_mode(options));
	if (rc != 0)
		return bus_errno(rc);
	rc = start_receiving(s);
	if (rc == 0)
		rc = bus_errno(nng_listener_start(listener, 0));
	if (rc < 0)
		return rc;
	*out = s;
	return 0;
}

static int make_dialer(struct bus_socket *s, const char *url, nng_dialer *out)
{
	int rc = nng_dialer_create(out, s->sock, url);

	if (rc == 0)
		rc = nng_dialer_set_ms(*out, NNG_OPT_RECONNMINT, BUS_REDIAL_MS);
	if (rc == 0)
		rc = nng_dialer_set_ms(*out, NNG_OPT_RECONNMAXT, 0);
	return bus_errno(rc);
}

int bus_dial(
	struct bus *b, const char *path, const struct bus_options *options, struct bus_socket **out)
{
	struct bus_socket *s = NULL;
	int rc = socket_new(b, options, &s);

	if (rc == 0)
		rc = make_url(s->url, sizeof(s->url), path);
	if (rc == 0)
		rc = start_receiving(s);
	if (rc == 0)
		rc = make_dialer(s, s->url, &s->dialer);
	if (rc == 0)
		rc = bus_errno(nng_dialer_start(s->dialer, NNG_FLAG_NONBLOCK));
	if (rc < 0)
		return rc;
	s->next_dialing = b->dialing;
	b->dialing = s;
	*out = s;
	return 0;
}

static int dial_anew(struct bus_socket *s)
{
	nng_dialer dialer;
	int rc = make_dialer(s, s->url, &dialer);

	if (rc == 0)
		bus_pipe_switch(s, dialer);
	return rc;
}

int bus_redial(struct bus_socket *s, const char *path)
{
	int rc = make_url(s->url, sizeof(s->url), path);

	return rc == 0 ? dial_anew(s) : rc;
}

/*
 * NNG 1.5 waits by the wall clock.  Is that put back by an hour, a dialer that waits to try again
 * does so an hour later; so those without a peer are replaced.
 */
static void on_tick(uv_timer_t *timer)
{
	struct bus *b = timer->data;
	int64_t ahead_ms = clock_wall_ms() - clock_mono_ms();

	if (ahead_ms < b->wall_ahead_ms - STEP_MS) {
		for (struct bus_socket *s = b->dialing; s != NULL; s = s->next_dialing) {
			/* Without memory for it: at the next tick. */
			if (!bus_pipe_any(s) && dial_anew(s) < 0)
				return;
		}
	}
	b->wall_ahead_ms = ahead_ms;
}

int bus_tick_start(struct bus *b)
{
	int rc = uv_timer_init(b->loop, &b->tick);

	if (rc < 0)
		return rc;
	b->tick.data = b;
	b->wall_ahead_ms = clock_wall_ms() - clock_mono_ms();
	rc = uv_timer_start(&b->tick, on_tick, BUS_TICK_MS, BUS_TICK_MS);
	uv_unref((uv_handle_t *)&b->tick);
	return rc;
}
