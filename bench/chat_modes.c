/*
 * chat_modes: what private messages cost, what others feel of those who do not read, and how
 * clients come back when their edge was killed.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bench/chat.h"

enum { EDGE, AUTH, ROUTER, PROCESSES };

/* What is counted over one stretch of sending. */
struct stretch {
	int64_t wall_ns;
	int64_t cpu_ns[PROCESSES];
	uint64_t acks;
	uint64_t commits;
	uint64_t rows;
};

static uint64_t us(struct samples *s, double p)
{
	return (uint64_t)(samples_percentile(s, p) / 1000);
}

static void look(struct chat *ch, struct stretch *s, int sign)
{
	static struct page page;
	const struct options *o = &ch->l->o;

	for (size_t i = 0; i < PROCESSES && i < o->watched.n; i++)
		s->cpu_ns[i] += sign * watched_one_cpu_ns(&o->watched, i);
	s->wall_ns += sign * now_ns();
	s->acks += (uint64_t)sign * ch->acks;
	page_read(&page, o->page);
	s->commits += (uint64_t)sign * page_get(&page, "store_commits_total");
	s->rows += (uint64_t)sign * page_get(&page, "store_rows_total");
}

static void measured_run(struct chat *ch, struct stretch *s)
{
	samples_clear(&ch->ack);
	samples_clear(&ch->delivery);
	*s = (struct stretch){0};
	look(ch, s, -1);
	chat_run(ch, ch->l->o.seconds);
	look(ch, s, 1);
}

static double each(const struct stretch *s, int64_t ns)
{
	return s->acks == 0 ? 0 : (double)ns / 1e3 / (double)s->acks;
}

static void print_stretch(struct chat *ch, const struct stretch *s, const char *part)
{
	const struct options *o = &ch->l->o;
	int64_t all = s->cpu_ns[EDGE] + s->cpu_ns[AUTH] + s->cpu_ns[ROUTER];

	printf("{\"label\":\"%s\",\"mode\":\"%s\",\"part\":\"%s\",\"connections\":%zu,"
	       "\"window\":%zu,\"rate\":%zu,\"size\":%zu,\"offline_percent\":%zu,\"acked\":%" PRIu64
	       ",\"per_s\":%.0f,\"ack_p50_us\":%" PRIu64 ",\"ack_p99_us\":%" PRIu64
	       ",\"p50_us\":%" PRIu64 ",\"p99_us\":%" PRIu64 ",\"batch\":%.1f,\"commits\":%" PRIu64,
		o->label, o->mode, part, o->n, o->window, o->rate, o->size, o->offline_percent,
		s->acks, (double)s->acks * 1e9 / (double)s->wall_ns, us(&ch->ack, 50),
		us(&ch->ack, 99), us(&ch->delivery, 50), us(&ch->delivery, 99),
		s->commits == 0 ? 0 : (double)s->rows / (double)s->commits, s->commits);
	if (o->watched.n == PROCESSES)
		printf(",\"cpu_us_per\":%.2f,\"edge_us\":%.2f,\"router_us\":%.2f", each(s, all),
			each(s, s->cpu_ns[EDGE]), each(s, s->cpu_ns[ROUTER]));
}

void mode_message(struct load *l)
{
	struct chat ch = {0};
	struct stretch s;

	chat_init(&ch, l);
	measured_run(&ch, &s);
	print_stretch(&ch, &s, "sending");
	chat_drain(&ch);
	if (ch.n_away > 0)
		chat_fetch_stored(&ch);
	chat_acknowledge(&ch);
	printf(",\"delivered\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"stored\":%" PRIu64
	       ",\"fetched\":%" PRIu64 ",\"heartbeats\":%" PRIu64 ",\"arrived\":%" PRIu64 "}\n",
		ch.delivered_acks, ch.accepted_acks, ch.stored_acks, ch.stored, ch.heartbeats,
		ch.deliveries + ch.stored);
}

/* The edge's own numbers, which it tells once a second. */
static void print_edge(struct chat *ch, uint64_t extra, const char *name)
{
	static struct page page;

	page_read(&page, ch->l->o.page);
	printf(",\"edge_rss_bytes\":%" PRId64 ",\"edge_queued_bytes\":%" PRIu64
	       ",\"behind\":%" PRIu64 ",\"slow_closed\":%" PRIu64 ",\"%s\":%" PRIu64 "}\n",
		watched_rss_bytes(&ch->l->o.watched, EDGE), page_get(&page, "edge_queued_bytes"),
		page_get(&page, "edge_behind"), page_get(&page, "edge_slow_closed_total"), name,
		extra);
}

static size_t stall_some(struct chat *ch, bool stalled)
{
	const double percent = ch->l->o.stall_percent;
	size_t each_of = 2 * (size_t)(50 / percent + 0.5), n = 0;

	for (size_t i = 1; i < ch->l->o.n; i += each_of) {
		client_stall(&ch->l->cs, &ch->l->cs.list[i], stalled);
		n++;
	}
	return n;
}

void mode_stall(struct load *l)
{
	struct chat ch = {0};
	struct stretch s;
	int64_t began;
	size_t n;

	l->cs.small_windows = true;
	chat_init(&ch, l);
	chat_run(&ch, 1); /* so that memory has been used once */
	measured_run(&ch, &s);
	print_stretch(&ch, &s, "quiet");
	print_edge(&ch, 0, "stalled");
	chat_may_be_gone(&ch);
	n = stall_some(&ch, true);
	measured_run(&ch, &s);
	print_stretch(&ch, &s, "stalled");
	print_edge(&ch, n, "stalled");
	began = now_ns();
	stall_some(&ch, false);
	chat_drain(&ch);
	printf("{\"label\":\"%s\",\"mode\":\"stall\",\"part\":\"after\",\"all_read_after_ms\":"
	       "%" PRId64 ",\"closed\":%zu,\"sent\":%" PRIu64 ",\"arrived\":%" PRIu64 "}\n",
		l->o.label, (now_ns() - began) / 1000000, ch.n_lost_connections, ch.issued,
		ch.deliveries);
	chat_acknowledge(&ch);
}

/* The deepest that was seen, of each queue. */
static const char *const queues[] = {"edge_auth_waiting", "edge_router_waiting", "pending_rows",
	"store_queued_rows", "sessions_syncing", "edge_link_queued_bytes"};
enum { N_QUEUES = sizeof(queues) / sizeof(*queues) };

struct restart {
	struct chat ch; /* first: on_turn gives this back */
	uint64_t max[N_QUEUES];
	int64_t looked_ns;
	int64_t kill_ns; /* 0: not to be killed now */
	int64_t killed_ns;
};

static void look_at_queues(struct restart *r)
{
	static struct page page;

	if (now_ns() - r->looked_ns < 50000000)
		return;
	r->looked_ns = now_ns();
	page_read(&page, r->ch.l->o.page);
	for (size_t i = 0; i < N_QUEUES; i++) {
		uint64_t value = page_get(&page, queues[i]);

		if (value > r->max[i])
			r->max[i] = value;
	}
}

/* In the middle of sending, so that acks are lost. */
static void kill_edge(struct restart *r)
{
	struct watched *w = &r->ch.l->o.watched;

	r->kill_ns = 0;
	r->killed_ns = now_ns();
	chat_may_be_gone(&r->ch);
	if (kill(w->pids[EDGE], SIGKILL) < 0)
		fail("the edge cannot be killed: %s", strerror(errno));
	w->n = 0; /* the next has another id */
}

static void on_turn(struct chat *ch)
{
	struct restart *r = (struct restart *)ch;

	if (r->kill_ns > 0 && now_ns() > r->kill_ns)
		kill_edge(r);
	else
		look_at_queues(r);
}

static void print_queues(struct restart *r)
{
	for (size_t i = 0; i < N_QUEUES; i++) {
		printf(",\"most_%s\":%" PRIu64, queues[i], r->max[i]);
		r->max[i] = 0;
	}
}

static void print_back(struct restart *r)
{
	const struct chat *ch = &r->ch;
	struct samples ready = {0}, resumed = {0};

	for (size_t i = 0; i < ch->l->o.n; i++) {
		samples_add(&ready, ch->talkers[i].ready_ns - r->killed_ns);
		samples_add(&resumed, ch->talkers[i].resumed_ns - r->killed_ns);
	}
	printf("{\"label\":\"%s\",\"mode\":\"restart\",\"part\":\"back\",\"connections\":%zu,"
	       "\"attempts\":%" PRIu64 ",\"told_to_wait\":%" PRIu64 ",\"ready_p50_ms\":%" PRIu64
	       ",\"ready_p99_ms\":%" PRIu64 ",\"resumed_p50_ms\":%" PRIu64
	       ",\"resumed_p99_ms\":%" PRIu64 ",\"resumed_last_ms\":%" PRIu64
	       ",\"sent_again\":%" PRIu64,
		ch->l->o.label, ch->l->o.n, ch->attempts, ch->refused, us(&ready, 50) / 1000,
		us(&ready, 99) / 1000, us(&resumed, 50) / 1000, us(&resumed, 99) / 1000,
		us(&resumed, 100) / 1000, ch->again);
	print_queues(r);
	puts("}");
}

void mode_restart(struct load *l)
{
	struct restart r = {.ch = {.on_turn = on_turn}};
	struct chat *ch = &r.ch;
	struct stretch s;

	if (l->o.watched.n == 0)
		fail("restart wants --pids");
	if (l->o.rate == 0)
		fail("restart wants a --rate");
	chat_init(ch, l);
	chat_run(ch, 1);
	measured_run(ch, &s);
	print_stretch(ch, &s, "before");
	print_queues(&r);
	puts("}");
	r.kill_ns = now_ns() + 500000000;
	do
		chat_run(ch, 1);
	while ((ch->n_lost_connections < l->o.n || ch->n_resuming > 0) &&
		now_ns() - r.killed_ns < 3 * DRAIN_S * INT64_C(1000000000));
	if (ch->n_lost_connections < l->o.n || ch->n_resuming > 0)
		fail("%zu connections were lost, %zu did not resume", ch->n_lost_connections,
			ch->n_resuming);
	print_back(&r);
	measured_run(ch, &s);
	print_stretch(ch, &s, "after");
	print_queues(&r);
	chat_drain(ch);
	chat_acknowledge(ch);
	printf(",\"duplicate_acks\":%" PRIu64 ",\"sent\":%" PRIu64 ",\"arrived\":%" PRIu64 "}\n",
		ch->duplicate_acks, ch->issued, ch->deliveries);
}
