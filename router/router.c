/*
 * One loop.  What is heard during a turn is answered when the turn is over, before the loop waits
 * again: first the links that must end are ended, then everything that was collected goes out, in
 * one message for each receiver.
 *
 * There is no router_free(): NNG's sockets are never closed in a living process, and the process
 * leaves with _exit().
 */
#include "router/router.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "router/control.h"
#include "router/hello.h"
#include "router/hub.h"
#include "router/inbox.h"
#include "router/links.h"
#include "router/page.h"
#include "router/sweep.h"
#include "router/system.h"
#include "router/ticketkey.h"
#include "router/trust.h"

#define TICK_MS 250
#define STOP_MS 5000	/* at most, until what was taken is on disk */
#define ANSWERS_MS 1000 /* and then until it is answered */
#define MEMORY_TICKS 4

struct router {
	uv_loop_t loop;
	uv_prepare_t turn_end;
	uv_timer_t tick;
	uv_signal_t sigterm;
	uv_signal_t sigint;
	uv_signal_t sighup;
	struct hub hub;
	struct page *page;
	struct ticketkey ticketkey;
	unsigned ticks;
	int64_t drain_by_ms; /* 0: not draining */
	bool is_stored;	     /* draining, and nothing waits for the disk */
	int result;
};

static bool is_drained(const struct router *r)
{
	return links_are_idle(r->hub.links) && system_is_idle(r->hub.system);
}

/* First what was taken comes to disk, then its answers go out; edges that send on and on are not
 * waited for. */
static void go_on_draining(struct router *r)
{
	int64_t now = clock_boot_ms();

	if (!r->is_stored && inbox_is_idle(r->hub.inbox)) {
		r->is_stored = true;
		control_drain(r->hub.control);
		if (r->drain_by_ms > now + ANSWERS_MS)
			r->drain_by_ms = now + ANSWERS_MS;
	} else if ((r->is_stored && is_drained(r)) || now >= r->drain_by_ms) {
		uv_stop(&r->loop);
	}
}

static void on_turn_end(uv_prepare_t *prepare)
{
	struct router *r = prepare->data;

	links_turn(r->hub.links);
	system_turn(r->hub.system);
	control_turn(r->hub.control);
	if (r->drain_by_ms == 0)
		return;
	go_on_draining(r);
}

static void look_for_key(struct router *r, int64_t now)
{
	switch (ticketkey_look(&r->ticketkey, &r->hub, now)) {
	case TICKETKEY_WAIT:
		return;
	case TICKETKEY_READY:
		log_info("ready", "run=%s", r->hub.config->run_path);
		hub_note(&r->hub, "started", (struct slice){0}, "version=%s", POSTERN_VERSION);
		return;
	case TICKETKEY_UNSAFE:
		r->result = -EACCES;
		uv_stop(&r->loop);
		return;
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct router *r = timer->data;
	struct core_event event = {.kind = CORE_TICK};
	int64_t now = clock_boot_ms();

	if (r->hub.keys == NULL)
		look_for_key(r, now);
	hub_step(&r->hub, &event);
	if (r->ticks++ % MEMORY_TICKS == 0)
		memory_read(&r->hub.memory);
	links_tick(r->hub.links, now);
	hello_tick(r->hub.hello, now);
	control_tick(r->hub.control, now);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct router *r = handle->data;

	if (number == SIGHUP) {
		control_hangup(r->hub.control);
		return;
	}
	if (r->drain_by_ms != 0)
		_exit(EXIT_SUCCESS); /* asked twice */
	log_info("drain", "signal=%s", strsignal(number));
	r->hub.draining = true;
	r->drain_by_ms = clock_boot_ms() + STOP_MS;
}

static int watch_signal(struct router *r, uv_signal_t *handle, int number)
{
	int rc = uv_signal_init(&r->loop, handle);

	handle->data = r;
	return rc < 0 ? rc : uv_signal_start(handle, on_signal, number);
}

static int start_loop(struct router *r)
{
	int rc = uv_loop_init(&r->loop);

	r->turn_end.data = r;
	r->tick.data = r;
	if (rc == 0)
		rc = watch_signal(r, &r->sigterm, SIGTERM);
	if (rc == 0)
		rc = watch_signal(r, &r->sigint, SIGINT);
	if (rc == 0)
		rc = watch_signal(r, &r->sighup, SIGHUP);
	if (rc == 0)
		rc = uv_prepare_init(&r->loop, &r->turn_end);
	if (rc == 0)
		rc = uv_timer_init(&r->loop, &r->tick);
	return rc;
}

int router_new(struct router **out, const struct router_config *config)
{
	struct router *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	rc = start_loop(r);
	if (rc < 0)
		log_error("start", "error=\"%s\"", strerror(-rc));
	if (rc == 0)
		rc = hub_init(&r->hub, config, &r->loop);
	*out = r; /* the loop knows its address: it stays, also after a failure */
	return rc;
}

static int listen_all(struct router *r)
{
	struct hub *h = &r->hub;
	int rc = bus_new(&h->bus, &r->loop);

	/* The first socket tells whether another router lives here; only then are its links swept.
	 */
	if (rc == 0)
		rc = hello_new(&h->hello, h);
	if (rc == 0)
		rc = sweep_links(h->config->run_path);
	if (rc == 0)
		rc = links_new(&h->links, h);
	if (rc == 0)
		rc = system_new(&h->system, h);
	if (rc == 0)
		rc = trust_new(&h->trust, h);
	if (rc == 0)
		rc = control_new(&h->control, h);
	return rc;
}

int router_listen(struct router *r)
{
	int rc = listen_all(r);

	if (rc < 0) {
		log_error("listen", "run=%s error=\"%s\"", r->hub.config->run_path, strerror(-rc));
		return rc;
	}
	return page_new(&r->page, &r->hub);
}

int router_run(struct router *r)
{
	int rc = uv_prepare_start(&r->turn_end, on_turn_end);

	if (rc == 0)
		rc = uv_timer_start(&r->tick, on_tick, 0, TICK_MS);
	if (rc == 0)
		rc = uv_run(&r->loop, UV_RUN_DEFAULT);
	if (rc < 0)
		return rc;
	if (r->is_stored)
		inbox_stop(r->hub.inbox);
	log_info("stopped", "result=%d", r->result);
	return r->result;
}
