/*
 * store_bench URL [users [rows [batch [body]]]]: what it costs to keep messages.  Appends rows chat
 * messages between users in rounds of batch, each submitted when the one before is durable, and
 * prints the rate and the CPU of the process per message.  Loopback and one directory; it ends by
 * itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "router/store.h"

struct bench {
	struct store *store;
	uv_loop_t loop;
	struct message_place *heads; /* of users */
	size_t users;
	uint64_t rows;
	uint64_t batch;
	size_t body;
	uint64_t sent;
	uint64_t stored;
	uint64_t slowest_us;
	uint64_t seed;
};

static double cpu_s(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static size_t pick(struct bench *b)
{
	b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
	return (size_t)(b->seed >> 33) % b->users;
}

static void send_one(struct bench *b)
{
	static char body[65536];
	char to[16], from[16], mid[24];
	size_t x = pick(b), y = pick(b);
	struct message m = {.kind = MESSAGE_CHAT, .ts_ms = clock_wall_ms()};

	memset(body, 'x', b->body);
	m.to = (struct slice){to, (size_t)snprintf(to, sizeof(to), "%zu", x)};
	m.from = (struct slice){from, (size_t)snprintf(from, sizeof(from), "%zu", y)};
	m.mid = (struct slice){
		mid, (size_t)snprintf(mid, sizeof(mid), "m%016llx", (unsigned long long)b->sent)};
	m.device = SLICE_LITERAL("phone");
	m.body = (struct slice){body, b->body};
	b->heads[x].seq++;
	b->heads[x].rows++;
	b->heads[x].bytes += b->body;
	m.at_to = b->heads[x];
	if (x != y) {
		b->heads[y].seq++;
		m.at_from = b->heads[y];
	}
	if (store_append(b->store, ++b->sent, 1, &m) < 0)
		abort();
}

static void send_some(struct bench *b)
{
	for (uint64_t i = 0; i < b->batch && b->sent < b->rows; i++)
		send_one(b);
}

static void on_stored(void *arg, uint64_t number)
{
	struct bench *b = arg;
	struct store_counts c;

	store_counts(b->store, &c);
	if (c.commit_us > b->slowest_us)
		b->slowest_us = c.commit_us;
	b->stored = number;
	if (number == b->rows)
		store_stop(b->store);
	else if (number + b->batch > b->sent)
		send_some(b);
}

static void on_failed(void *arg, uint64_t generation, const char *why)
{
	(void)arg;
	(void)generation;
	(void)fprintf(stderr, "%s\n", why);
	exit(1);
}

static void on_broken(void *arg, const char *why)
{
	on_failed(arg, 0, why);
}

static void on_page(void *arg, const struct store_page *page)
{
	(void)arg;
	(void)page;
}

static void on_acked(void *arg, struct slice uid, const struct message_place *place)
{
	(void)arg;
	(void)uid;
	(void)place;
}

static void on_old(void *arg, struct slice uid, uint64_t seq, int64_t ts_ms)
{
	(void)arg;
	(void)uid;
	(void)seq;
	(void)ts_ms;
}

static void on_backup(void *arg, const char *path, const char *why)
{
	(void)arg;
	(void)path;
	(void)why;
}

static const struct store_events events = {
	.on_stored = on_stored,
	.on_failed = on_failed,
	.on_broken = on_broken,
	.on_page = on_page,
	.on_acked = on_acked,
	.on_old = on_old,
	.on_backup = on_backup,
};

static uint64_t argument(int argc, char **argv, int i, uint64_t otherwise)
{
	return argc > i ? strtoull(argv[i], NULL, 10) : otherwise;
}

static void run(struct bench *b)
{
	struct store_counts c;
	int64_t began = clock_mono_ms();
	double cpu = cpu_s(), seconds;

	send_some(b);
	if (b->batch < b->rows) /* the next collects while one is written */
		send_some(b);
	store_counts(b->store, &c);
	(void)uv_run(&b->loop, UV_RUN_DEFAULT);
	cpu = cpu_s() - cpu;
	seconds = (double)(clock_mono_ms() - began) / 1000;
	printf("rows %llu batch %llu users %zu body %zu: %.2f s, %.0f rows/s, CPU %.2f us per row,"
	       " slowest commit %llu us\n",
		(unsigned long long)b->rows, (unsigned long long)b->batch, b->users, b->body,
		seconds, (double)b->rows / seconds, cpu * 1e6 / (double)b->rows,
		(unsigned long long)b->slowest_us);
}

struct loaded {
	uint64_t users;
	uint64_t recent;
};

static int on_user(void *arg, const struct store_user *u)
{
	(void)u;
	((struct loaded *)arg)->users++;
	return 0;
}

static int on_recent(void *arg, const struct message *m)
{
	(void)m;
	((struct loaded *)arg)->recent++;
	return 0;
}

/* What a start costs. */
static void load(const struct store_config *config)
{
	static const struct store_visitor visitor = {.on_user = on_user, .on_recent = on_recent};
	struct loaded l = {0, 0};
	char why[STORE_WHY_BYTES];
	int64_t began = clock_mono_ms(), opened;
	struct store *s;

	if (store_open(&s, config, why) != STORE_OPENED) {
		(void)fprintf(stderr, "%s\n", why);
		exit(1);
	}
	opened = clock_mono_ms();
	if (store_load(s, &visitor, clock_wall_ms(), &l) < 0)
		exit(1);
	printf("opened in %lld ms, %llu users and %llu recent messages loaded in %lld ms\n",
		(long long)(opened - began), (unsigned long long)l.users,
		(unsigned long long)l.recent, (long long)(clock_mono_ms() - opened));
	store_free(s);
}

int main(int argc, char **argv)
{
	struct store_config config = {
		.url = argc > 1 ? argv[1] : "", .on_tmpfs = true, .keep_acked_ms = 86400000};
	struct bench b = {.users = (size_t)argument(argc, argv, 2, 500),
		.rows = argument(argc, argv, 3, 1000000),
		.batch = argument(argc, argv, 4, 1024),
		.body = (size_t)argument(argc, argv, 5, 100),
		.seed = 1};
	char why[STORE_WHY_BYTES];

	if (b.body > 65536 || b.users == 0 || b.rows == 0 || b.batch == 0)
		return 2;
	b.heads = calloc(b.users, sizeof(*b.heads));
	if (b.heads == NULL || uv_loop_init(&b.loop) < 0)
		return 1;
	if (store_open(&b.store, &config, why) != STORE_OPENED) {
		(void)fprintf(stderr, "%s\n", why);
		return 1;
	}
	if (store_start(b.store, &b.loop, &events, &b) < 0)
		return 1;
	run(&b);
	load(&config);
	free(b.heads);
	return uv_loop_close(&b.loop) == 0 ? 0 : 1;
}
