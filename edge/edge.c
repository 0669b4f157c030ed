/*
 * The order in edge_new() is that of the needs: the limit of descriptors before libwebsockets makes
 * its table of that size; the files before everything that could be refused later; the listeners
 * last, when there is somebody behind them.
 *
 * The first SIGTERM or SIGINT drains, as does the router's word: nobody new, 503 for who waits, a
 * slot in the drain time for who is in, and out when all have gone or the deadline has come.  A
 * second one does not wait.
 */
#include "edge/edge.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <uv.h>

#include "edge/fingerprint.h"
#include "edge/front.h"
#include "edge/pages.h"

enum {
	OWN_DESCRIPTORS = 192, /* NNG, the loop, listeners, logs */
	SECOND_MS = 1000,
	POLL_READY_MS = 50,
	STATS_SECONDS = 60,
	LAST_WORDS_MS = 200, /* for close frames to all that are left */
};

struct edge {
	const struct edge_config *cfg;
	size_t max_connections; /* what the descriptors allow of the setting */
	uv_loop_t loop;
	struct bus *bus;
	struct auth_client *auth;
	struct live *live;
	struct front *front;
	struct pages *pages;
	uv_signal_t signals[3];
	uv_timer_t second;
	uv_timer_t readiness;
	uv_timer_t drain;
	bool is_ready;
	bool is_draining;
	bool live_is_empty;
	int64_t drain_ends_ms;
	unsigned seconds;
	struct front_stats logged;
};

/*
 * libwebsockets walks its table of descriptors at each close in Debian's build, so not more than
 * needed.  With fewer than wanted, clients get fewer: what the edge itself needs, to find auth and
 * the router again, is never theirs.
 */
static size_t limit_descriptors(const struct edge_config *cfg)
{
	const rlim_t own = FRONT_GUESTS_MAX + OWN_DESCRIPTORS;
	size_t connections = (size_t)cfg->max_connections;
	rlim_t wanted = connections + own;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return connections;
	if (limit.rlim_max < wanted) {
		wanted = limit.rlim_max;
		connections = wanted > 2 * own ? wanted - own : wanted / 4;
		log_warn("few_descriptors",
			"wanted=%" PRId64 " allowed=%" PRIu64 " max_connections=%zu",
			cfg->max_connections + (int64_t)own, (uint64_t)wanted, connections);
	}
	limit.rlim_cur = wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("descriptors_not_set", "error=%d", errno);
	return connections;
}

static int load_pages(struct edge *e)
{
	const char *dir = e->cfg->web;
	int result;

	if (!e->cfg->demo)
		return 0;
	if (dir == NULL || dir[0] == '\0') {
		log_warn("no_demo_page", "hint=\"--web DIR\"");
		return 0;
	}
	result = pages_load(&e->pages, dir);
	if (result < 0)
		log_error("web_not_loaded", "dir=%s error=\"%s\"", dir, strerror(-result));
	else
		log_info("demo_page", "files=%zu", pages_count(e->pages));
	return result;
}

static void leave_when_empty(struct edge *e)
{
	if (e->live_is_empty && front_stats(e->front).guests == 0)
		uv_stop(&e->loop);
}

static void on_live_empty(void *arg)
{
	struct edge *e = arg;

	e->live_is_empty = true;
	front_close(e->front);
	leave_when_empty(e);
}

static void on_drain_timer(uv_timer_t *timer)
{
	struct edge *e = timer->data;
	int64_t left_ms = e->drain_ends_ms - (int64_t)uv_now(&e->loop);

	leave_when_empty(e);
	if (left_ms <= LAST_WORDS_MS)
		live_drain_now(e->live); /* whoever waits for something */
	if (left_ms <= 0)
		uv_stop(&e->loop);
}

static void drain(struct edge *e)
{
	e->is_draining = true;
	e->drain_ends_ms = (int64_t)uv_now(&e->loop) + e->cfg->drain_ms;
	front_drain(e->front);
	live_drain(e->live, e->cfg->drain_ms, on_live_empty, e);
	uv_timer_start(&e->drain, on_drain_timer, POLL_READY_MS, POLL_READY_MS);
}

static void on_drain_asked(void *arg)
{
	struct edge *e = arg;

	if (e->is_draining)
		return;
	log_info("draining", "by=router");
	drain(e);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct edge *e = signal->data;
	const bool is_second = e->is_draining;

	if (number == SIGHUP) {
		log_info("nothing_to_reload", "signal=SIGHUP");
		return;
	}
	log_info("draining", "signal=%d at_once=%d", number, is_second);
	if (!is_second) {
		drain(e);
		return;
	}
	/* What is on its way to clients must not be cut off. */
	live_drain_now(e->live);
	e->drain_ends_ms = (int64_t)uv_now(&e->loop) + LAST_WORDS_MS;
}

static void on_readiness(uv_timer_t *timer)
{
	struct edge *e = timer->data;
	bool auth = auth_client_is_up(e->auth);
	bool router = live_is_up(e->live);

	if ((auth && router) == e->is_ready || e->is_draining)
		return;
	e->is_ready = auth && router;
	if (e->is_ready)
		log_info("ready", "auth=1 router=1");
	else
		log_warn("not_ready", "auth=%d router=%d", auth, router);
	/* The first one is waited for; later changes may take a second to be told. */
	uv_timer_start(timer, on_readiness, SECOND_MS, SECOND_MS);
}

static void on_second(uv_timer_t *timer)
{
	struct edge *e = timer->data;
	struct front_stats now;

	if (++e->seconds % STATS_SECONDS != 0)
		return;
	now = front_stats(e->front);
	if (now.adopted == e->logged.adopted && now.refused == e->logged.refused &&
		now.answered == e->logged.answered)
		return;
	log_info("stats",
		"connections=%zu door=%zu adopted=%" PRIu64 " refused=%" PRIu64
		" answered=%" PRIu64,
		live_count(e->live), now.guests, now.adopted, now.refused, now.answered);
	e->logged = now;
}

static int start_handles(struct edge *e)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	int result = 0;

	for (size_t i = 0; i < 3 && result == 0; i++) {
		result = uv_signal_init(&e->loop, &e->signals[i]);
		e->signals[i].data = e;
		if (result == 0)
			result = uv_signal_start(&e->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&e->loop, &e->second);
	uv_timer_init(&e->loop, &e->readiness);
	uv_timer_init(&e->loop, &e->drain);
	e->second.data = e->readiness.data = e->drain.data = e;
	uv_timer_start(&e->second, on_second, SECOND_MS, SECOND_MS);
	uv_timer_start(&e->readiness, on_readiness, POLL_READY_MS, POLL_READY_MS);
	return result;
}

static int build_live(struct edge *e)
{
	const struct edge_config *cfg = e->cfg;
	struct live_config live = {
		.hello_path = cfg->hello_path,
		.system_path = cfg->system_path,
		.interval_ms = cfg->interval_ms,
		.grace_ms = cfg->grace_ms,
		.msgs_per_s = (size_t)cfg->msgs_per_second,
		.msgs_burst = (size_t)cfg->msgs_burst,
		.pending_bytes = (size_t)cfg->pending_bytes,
		.max_connections = e->max_connections,
		.memory_limit = (uint64_t)cfg->memory_limit,
		.may_swap = cfg->swap == EDGE_SWAP_REBIND,
		.on_drain = on_drain_asked,
		.arg = e,
	};
	int result = bus_new(&e->bus, &e->loop);

	if (result == 0)
		result = auth_client_new(&e->auth, &e->loop, e->bus, cfg->auth_path);
	if (result == 0)
		result = live_new(&e->live, &e->loop, e->bus, e->auth, &live);
	if (result < 0)
		log_error("cannot_start", "error=\"%s\"", strerror(-result));
	return result;
}

static int build_front(struct edge *e)
{
	const struct edge_config *cfg = e->cfg;
	struct front_config front = {
		.listen = cfg->listen,
		.has_listen_proxy = cfg->has_listen_proxy,
		.listen_proxy = cfg->listen_proxy,
		.proxy_from = cfg->proxy_from,
		.n_proxy_from = cfg->n_proxy_from,
		.origins = &cfg->origins,
		.pages = e->pages,
		.places = {cfg->token_cookie, cfg->token_query, cfg->token_ticket},
		.head_timeout_ms = cfg->head_timeout_ms,
		.upgrade_timeout_ms = cfg->upgrade_timeout_ms,
		.max_connections = e->max_connections,
	};

	return front_new(&e->front, &e->loop, e->auth, e->live, &front);
}

int edge_new(struct edge **out, const struct edge_config *cfg)
{
	struct edge *e = calloc(1, sizeof(*e));
	int result;

	if (e == NULL)
		return -ENOMEM;
	e->cfg = cfg;
	e->max_connections = limit_descriptors(cfg);
	fingerprint_start();
	result = uv_loop_init(&e->loop);
	if (result == 0)
		result = load_pages(e);
	if (result == 0)
		result = build_live(e);
	if (result == 0)
		result = start_handles(e);
	if (result == 0)
		result = build_front(e);
	/* What was begun is left to the process, which ends now. */
	*out = e;
	return result;
}

void edge_run(struct edge *e)
{
	uv_run(&e->loop, UV_RUN_DEFAULT);
	log_info("stopped", "connections=%zu", live_count(e->live));
}
