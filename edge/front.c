/*
 * Accepting.  What can be set once is set on the listener, from which Linux's accepted sockets
 * inherit it: TCP_NODELAY and TCP_USER_TIMEOUT cost no call per connection.
 *
 * Not accepting is the admission control: with FRONT_GUESTS_MAX at the door, or without
 * descriptors, the listeners are not polled for a while, and clients wait in the kernel's backlog.
 *
 * One timer serves all deadlines at the door, and stands still while nobody is there.
 */
#include "edge/front.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "edge/guest.h"

enum {
	TICK_MS = 50,
	BACKLOG = 4096, /* and no more than net.core.somaxconn */
	ACCEPTS_PER_EVENT = 64,
	NO_DESCRIPTORS_PAUSE_MS = 100,
};

struct listener {
	struct watch_source source;
	struct front *front;
	int fd; /* -1: not in use */
	bool is_proxy;
};

struct front {
	struct door door;
	struct front_config config;
	struct listener listeners[2];
	uv_timer_t tick;
	bool is_paused;
	int64_t resume_ms;
};

static int64_t now_ms(const struct front *f)
{
	return (int64_t)uv_now(f->door.loop);
}

static void watch_listeners(struct front *f, uint32_t events)
{
	for (size_t i = 0; i < 2; i++) {
		struct listener *l = &f->listeners[i];

		if (l->fd >= 0)
			watch_change(f->door.watch, l->fd, events, &l->source);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct front *f = timer->data;
	struct door *d = &f->door;
	struct wheel_entry *e;

	while ((e = wheel_pop(&d->deadlines, now_ms(f))) != NULL)
		guest_on_deadline((struct guest *)((char *)e - offsetof(struct guest, deadline)));
	if (f->is_paused && now_ms(f) >= f->resume_ms && d->n_guests < FRONT_GUESTS_MAX) {
		f->is_paused = false;
		watch_listeners(f, EPOLLIN);
	}
	if (!f->is_paused && d->n_guests == 0)
		uv_timer_stop(timer);
}

static void run_timer(struct front *f)
{
	if (uv_is_active((const uv_handle_t *)&f->tick))
		return;
	/* The wheel stood still; it catches up before anybody is put on it. */
	while (wheel_pop(&f->door.deadlines, now_ms(f)) != NULL)
		;
	uv_timer_start(&f->tick, on_tick, TICK_MS, TICK_MS);
}

static void pause_accepting(struct front *f, int64_t for_ms, const char *why)
{
	LOG_LIMITED(LOG_WARN, "accept_paused", "why=%s guests=%zu", why, f->door.n_guests);
	f->is_paused = true;
	f->resume_ms = now_ms(f) + for_ms;
	watch_listeners(f, 0);
	run_timer(f);
}

static bool may_speak_proxy(const struct front *f, const struct address *peer)
{
	for (size_t i = 0; i < f->config.n_proxy_from; i++) {
		if (network_has(&f->config.proxy_from[i], peer))
			return true;
	}
	return false;
}

static void welcome(struct listener *l, int fd, const struct sockaddr_storage *from)
{
	struct front *f = l->front;
	char text[ADDRESS_TEXT_BYTES];
	struct address peer;

	if (!address_of_sockaddr(from, &peer)) {
		close(fd);
		return;
	}
	if (l->is_proxy && !may_speak_proxy(f, &peer)) {
		LOG_LIMITED(LOG_WARN, "proxy_peer_refused", "peer=%s", address_format(&peer, text));
		close(fd);
		return;
	}
	run_timer(f);
	guest_new(&f->door, fd, &peer, l->is_proxy ? UP_READING_PROXY : UP_READING_HEAD);
}

/* Whether accept() may be called again at once. */
static bool accept_failed(struct front *f, int error)
{
	switch (error) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		pause_accepting(f, NO_DESCRIPTORS_PAUSE_MS, "no_descriptors");
		return false;
	default:
		return true; /* of a connection that was gone before it was accepted */
	}
}

static void on_listener(struct watch_source *s, uint32_t events)
{
	struct listener *l = (struct listener *)s;
	struct front *f = l->front;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_EVENT && !f->is_paused; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd;

		if (f->door.n_guests >= FRONT_GUESTS_MAX && !guest_make_room(&f->door)) {
			pause_accepting(f, 0, "door_full");
			return;
		}
		fd = accept4(l->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			welcome(l, fd, &from);
		else if (!accept_failed(f, errno))
			return;
	}
}

static int set_options(int fd, int family)
{
	const int one = 1;
	const int zero = 0;
	const unsigned timeout = TCP_USER_TIMEOUT_MS;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout)) < 0)
		return -errno;
	if (family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0)
		return -errno;
	return 0;
}

/* A listening *out, and the address that it really got. */
static int open_listener(const struct address *a, int *out, struct address *out_real)
{
	CLEANUP(fd_closep) int fd = -1;
	struct sockaddr_storage name;
	socklen_t len = address_to_sockaddr(a, &name);
	int result;

	fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	result = set_options(fd, name.ss_family);
	if (result < 0)
		return result;
	if (bind(fd, (const struct sockaddr *)&name, len) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	len = sizeof(name);
	if (getsockname(fd, (struct sockaddr *)&name, &len) < 0)
		return -errno;
	if (!address_of_sockaddr(&name, out_real))
		return -EAFNOSUPPORT;
	*out = fd;
	fd = -1;
	return 0;
}

static int listen_on(struct front *f, struct listener *l, const struct address *a)
{
	const char *event = l->is_proxy ? "listening_proxy" : "listening";
	char text[ADDRESS_TEXT_BYTES];
	struct address real;
	int result = open_listener(a, &l->fd, &real);

	if (result == 0)
		result = watch_add(f->door.watch, l->fd, EPOLLIN, &l->source);
	if (result < 0)
		log_error("cannot_listen", "address=%s error=\"%s\"", address_format(a, text),
			strerror(-result));
	else
		log_info(event, "address=%s", address_format(&real, text));
	return result;
}

void front_close(struct front *f)
{
	for (size_t i = 0; i < 2; i++) {
		struct listener *l = &f->listeners[i];

		if (l->fd >= 0) {
			watch_forget(f->door.watch, &l->source);
			close(l->fd);
		}
		l->fd = -1;
	}
}

static void init(struct front *f, uv_loop_t *loop, struct auth_client *auth, struct live *live)
{
	struct door *d = &f->door;

	d->loop = loop;
	d->auth = auth;
	d->live = live;
	d->rules = (struct request_rules){f->config.origins, f->config.pages, f->config.places};
	d->head_timeout_ms = f->config.head_timeout_ms;
	d->upgrade_timeout_ms = f->config.upgrade_timeout_ms;
	d->max_connections = f->config.max_connections;
	wheel_init(&d->deadlines, TICK_MS, now_ms(f));
	uv_timer_init(loop, &f->tick);
	f->tick.data = f;
	for (size_t i = 0; i < 2; i++)
		f->listeners[i] = (struct listener){{on_listener}, f, -1, i == 1};
}

int front_new(struct front **out, uv_loop_t *loop, struct auth_client *auth, struct live *live,
	const struct front_config *config)
{
	struct front *f = calloc(1, sizeof(*f));
	int result;

	if (f == NULL)
		return -ENOMEM;
	f->config = *config;
	init(f, loop, auth, live);
	result = watch_new(&f->door.watch, loop);
	if (result == 0)
		result = listen_on(f, &f->listeners[0], &config->listen);
	if (result == 0 && config->has_listen_proxy)
		result = listen_on(f, &f->listeners[1], &config->listen_proxy);
	/* A front that failed is left to the process, which ends: the loop knows its handles. */
	if (result == 0)
		*out = f;
	return result;
}

static void drain_list(struct guest *newest)
{
	struct guest *next;

	for (struct guest *g = newest; g != NULL; g = next) {
		next = g->older; /* a step frees or moves no guest but its own */
		if (g->phase == GUEST_TALKING)
			guest_tell(g, &(struct news){.event = EV_DRAIN});
	}
}

void front_drain(struct front *f)
{
	f->door.is_draining = true;
	for (size_t i = 0; i < GUEST_LISTS; i++)
		drain_list(f->door.newest[i]);
}

struct front_stats front_stats(const struct front *f)
{
	const struct door *d = &f->door;

	return (struct front_stats){d->n_guests, d->n_adopted, d->n_refused, d->n_answered};
}
