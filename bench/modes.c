/*
 * modes: upgrades, idle connections, pushes to all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"
#include "bench/mark.h"

static void print_line(const struct load *l, const char *unit, uint64_t count, int64_t cpu_ns,
	int64_t wall_ns, struct samples *latency)
{
	printf("{\"label\":\"%s\",\"mode\":\"%s\",\"connections\":%zu,\"window\":%zu,"
	       "\"%s\":%" PRIu64
	       ",\"per_s\":%.0f,\"cpu_us_per\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f}\n",
		l->o.label, l->o.mode, l->o.n, l->o.window, unit, count,
		(double)count * 1e9 / (double)wall_ns,
		count == 0 ? 0 : (double)cpu_ns / 1e3 / (double)count,
		(double)samples_percentile(latency, 50) / 1e3,
		(double)samples_percentile(latency, 99) / 1e3);
}

struct upgrades {
	struct samples latency;
};

static void on_ready(void *arg, struct client *c)
{
	struct upgrades *u = arg;

	samples_add(&u->latency, now_ns() - c->started_ns);
}

void mode_upgrade(struct load *l)
{
	struct upgrades u = {0};
	int64_t cpu, start;

	load_init(l, l->o.n);
	l->cs.arg = &u;
	l->cs.on_ready = on_ready;
	cpu = watched_cpu_ns(&l->o.watched);
	start = now_ns();
	load_connect(l, 0, l->o.n);
	print_line(l, "upgrades", l->o.n, watched_cpu_ns(&l->o.watched) - cpu, now_ns() - start,
		&u.latency);
}

void mode_idle(struct load *l)
{
	int64_t before = watched_rss_bytes(&l->o.watched, 0), after;

	if (l->o.watched.n == 0)
		fail("idle wants --pids");
	load_init(l, l->o.n);
	load_connect(l, 0, l->o.n);
	load_poll_for(l, l->o.seconds);
	after = watched_rss_bytes(&l->o.watched, 0);
	printf("{\"label\":\"%s\",\"mode\":\"idle\",\"connections\":%zu,"
	       "\"bytes_per_connection\":%" PRId64 ",\"rss_bytes\":%" PRId64 "}\n",
		l->o.label, l->o.n, (after - before) / (int64_t)l->o.n, after);
}

struct fanout {
	struct load *l;
	struct samples latency;
	uint32_t sent;
	uint32_t *received; /* of each connection */
	uint32_t *reached;  /* connections that have message number i % window */
	uint64_t deliveries;
	bool sending;
};

static void send_push(struct fanout *f)
{
	const struct mark m = {now_ns(), f->sent++, 0};
	char body[20000], frame[20200];
	int n;

	mark_write(body, f->l->o.size, &m);
	n = snprintf(frame, sizeof(frame),
		"{\"event\":\"push\",\"data\":{\"event\":\"bench\",\"data\":{\"message\":\"%s\"}}}",
		body);
	client_send(&f->l->cs, &f->l->cs.list[0], frame, (size_t)n);
}

/* The next push goes when one has reached its last subscriber. */
static void on_push(void *arg, struct client *c, const char *text, size_t len)
{
	struct fanout *f = arg;
	struct mark m;

	if (memmem(text, len, "\"exception\"", 11) != NULL)
		fail("connection %u got %.*s", c->index, (int)len, text);
	if (!mark_read(text, len, &m))
		return;
	if (m.number != f->received[c->index])
		fail("connection %u: push %u, expected %u", c->index, m.number,
			f->received[c->index]);
	f->received[c->index]++;
	f->deliveries++;
	samples_add(&f->latency, now_ns() - m.sent_ns);
	if (++f->reached[m.number % f->l->o.window] < f->l->o.n)
		return;
	f->reached[m.number % f->l->o.window] = 0;
	if (f->sending)
		send_push(f);
}

void mode_fanout(struct load *l)
{
	struct fanout f = {.l = l};
	int64_t cpu, start, limit;
	uint64_t at_stop;

	f.received = calloc(l->o.n, sizeof(*f.received));
	f.reached = calloc(l->o.window, sizeof(*f.reached));
	if (f.received == NULL || f.reached == NULL)
		fail("out of memory");
	load_init(l, l->o.n);
	load_connect(l, 0, l->o.n);
	l->cs.arg = &f;
	l->cs.on_text = on_push;
	cpu = watched_cpu_ns(&l->o.watched);
	start = now_ns();
	f.sending = true;
	for (size_t w = 0; w < l->o.window; w++)
		send_push(&f);
	load_poll_for(l, l->o.seconds);
	f.sending = false;
	cpu = watched_cpu_ns(&l->o.watched) - cpu;
	at_stop = f.deliveries;
	print_line(l, "deliveries", at_stop, cpu, now_ns() - start, &f.latency);
	limit = now_ns() + DRAIN_S * INT64_C(1000000000);
	while (f.deliveries < (uint64_t)f.sent * l->o.n && now_ns() < limit)
		clients_poll(&l->cs, 10);
	if (f.deliveries != (uint64_t)f.sent * l->o.n)
		fail("%" PRIu64 " of %" PRIu64 " deliveries came", f.deliveries,
			(uint64_t)f.sent * l->o.n);
}
