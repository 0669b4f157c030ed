/*
 * postern-load: what an upgrade, a private message and a delivery cost.
 *
 * Every message carries a mark: the time it was sent, its number, its sender.  A receiver checks
 * that the numbers of each sender rise by one, so a lost, doubled or reordered message ends the
 * run.  The figure to trust on a shared machine is CPU time of the watched processes per unit.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/client.h"
#include "bench/measure.h"

enum { MARK_BYTES = 36, TOKEN_BYTES = 3200, DRAIN_S = 10 };

struct options {
	const char *mode;
	const char *address;
	const char *tokens;
	size_t n;
	size_t window;
	size_t size;
	double seconds;
	struct watched watched;
};

static struct run {
	struct options o;
	struct clients cs;
	struct samples latency;
	uint32_t *sent;	    /* per sender */
	uint32_t *received; /* per receiver */
	uint64_t deliveries;
	uint64_t acked;
	bool sending;
	uint32_t *reached; /* fanout: subscribers of message number i % window */
} run;

static const char help[] =
	"usage: postern-load MODE [options]\n"
	"\n"
	"  upgrade   authenticated upgrades, 64 at a time; CPU and latency of each\n"
	"  idle      connections that only stay; resident bytes of the first --pids process for "
	"each\n"
	"  message   private messages between neighbours (user 2k and 2k+1)\n"
	"  fanout    pushes by the first connection to all; its token needs the scope push\n"
	"\n"
	"  --address A:P   the edge (127.0.0.1:8080)\n"
	"  --tokens FILE   one token a line; line i is user i, from 1 (authctl token --count)\n"
	"  -n N            connections (1000)\n"
	"  --window W      messages in flight: per connection, or in all for fanout (1)\n"
	"  --size BYTES    of a message's text (64)\n"
	"  --seconds S     of sending (5)\n"
	"  --pids A,B      processes whose CPU time is charged\n"
	"\n"
	"example: postern-load message --tokens tokens.txt -n 500 --window 4 --pids 12,13,14\n";

/* ~ time(16 hex) number(8) sender(8) x... ~ */
static void mark_write(char *out, size_t size, uint32_t number, uint32_t sender)
{
	int n = snprintf(out, size + 1, "~%016" PRIx64 "%08" PRIx32 "%08" PRIx32 "~",
		(uint64_t)now_ns(), number, sender);

	for (size_t i = (size_t)n; i < size; i++)
		out[i] = 'x';
	out[size] = '\0';
}

/* The frame is not terminated, and this is the generator's hot path: no sscanf. */
static bool hex_read(const char *at, size_t digits, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		unsigned d = (unsigned char)at[i];

		if (d >= '0' && d <= '9')
			d -= '0';
		else if (d >= 'a' && d <= 'f')
			d -= 'a' - 10;
		else
			return false;
		*out = *out << 4 | d;
	}
	return true;
}

static bool mark_read(
	const char *text, size_t len, int64_t *sent_ns, uint32_t *number, uint32_t *sender)
{
	const char *at = memchr(text, '~', len);
	uint64_t t, n, s;

	if (at == NULL || (size_t)(text + len - at) < MARK_BYTES || !hex_read(at + 1, 16, &t) ||
		!hex_read(at + 17, 8, &n) || !hex_read(at + 25, 8, &s))
		return false;
	*sent_ns = (int64_t)t;
	*number = (uint32_t)n;
	*sender = (uint32_t)s;
	return true;
}

static void send_message(struct client *c)
{
	char body[20000], frame[20200];
	uint32_t i = c->index;
	int n;

	mark_write(body, run.o.size, run.sent[i]++, i);
	n = snprintf(frame, sizeof(frame),
		"{\"event\":\"chat\",\"data\":{\"toUserId\":%" PRIu32 ",\"message\":\"%s\"}}",
		(i ^ 1) + 1, body);
	client_send(&run.cs, c, frame, (size_t)n);
}

static void send_push(void)
{
	char body[20000], frame[20200];
	int n;

	mark_write(body, run.o.size, run.sent[0]++, 0);
	n = snprintf(frame, sizeof(frame),
		"{\"event\":\"push\",\"data\":{\"event\":\"bench\",\"data\":{\"message\":\"%s\"}}}",
		body);
	client_send(&run.cs, &run.cs.list[0], frame, (size_t)n);
}

static void account(struct client *c, const char *text, size_t len, uint32_t expect_from)
{
	int64_t sent_ns;
	uint32_t number, sender;

	if (!mark_read(text, len, &sent_ns, &number, &sender)) {
		if (memmem(text, len, "\"exception\"", 11) != NULL)
			fail("connection %u got %.*s", c->index, (int)len, text);
		run.acked++;
		return;
	}
	if (sender != expect_from || number != run.received[c->index])
		fail("connection %u: message %u of %u, expected %u of %u", c->index, number, sender,
			run.received[c->index], expect_from);
	run.received[c->index]++;
	run.deliveries++;
	samples_add(&run.latency, now_ns() - sent_ns);
}

static void on_message(struct client *c, const char *text, size_t len)
{
	uint64_t before = run.deliveries;

	account(c, text, len, c->index ^ 1);
	if (run.sending && run.deliveries > before)
		send_message(&run.cs.list[c->index ^ 1]);
}

/* The next push goes when one has reached its last subscriber. */
static void on_push(struct client *c, const char *text, size_t len)
{
	uint64_t before = run.deliveries;
	uint32_t number = run.received[c->index];

	account(c, text, len, 0);
	if (run.deliveries == before || ++run.reached[number % run.o.window] < run.o.n)
		return;
	run.reached[number % run.o.window] = 0;
	if (run.sending)
		send_push();
}

static void connect_all(void)
{
	FILE *f = fopen(run.o.tokens, "re");
	char token[TOKEN_BYTES];
	size_t started = 0;

	if (f == NULL)
		fail("cannot read %s", run.o.tokens);
	while (run.cs.n_ready < run.o.n) {
		while (started < run.o.n && started - run.cs.n_ready < 64) {
			if (fgets(token, sizeof(token), f) == NULL)
				fail("%s has only %zu tokens", run.o.tokens, started);
			token[strcspn(token, "\r\n")] = '\0';
			client_connect(&run.cs, started++, token);
		}
		clients_poll(&run.cs, 100);
	}
	fclose(f);
}

static void poll_for(double seconds)
{
	int64_t end = now_ns() + (int64_t)(seconds * 1e9);

	while (now_ns() < end)
		clients_poll(&run.cs, 10);
}

static void print_line(const char *unit, uint64_t count, int64_t cpu_ns, int64_t wall_ns)
{
	printf("{\"mode\":\"%s\",\"connections\":%zu,\"window\":%zu,\"%s\":%" PRIu64
	       ",\"per_s\":%.0f,\"cpu_us_per\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f}\n",
		run.o.mode, run.o.n, run.o.window, unit, count,
		(double)count * 1e9 / (double)wall_ns,
		count == 0 ? 0 : (double)cpu_ns / 1e3 / (double)count,
		(double)samples_percentile(&run.latency, 50) / 1e3,
		(double)samples_percentile(&run.latency, 99) / 1e3);
}

static void on_ready(struct client *c)
{
	samples_add(&run.latency, now_ns() - c->started_ns);
}

static void mode_upgrade(void)
{
	int64_t cpu = watched_cpu_ns(&run.o.watched), start = now_ns();

	run.cs.on_ready = on_ready;
	connect_all();
	print_line("upgrades", run.o.n, watched_cpu_ns(&run.o.watched) - cpu, now_ns() - start);
}

static void mode_idle(void)
{
	int64_t before = watched_rss_bytes(&run.o.watched, 0), after;

	if (run.o.watched.n == 0)
		fail("idle wants --pids");
	connect_all();
	poll_for(run.o.seconds);
	after = watched_rss_bytes(&run.o.watched, 0);
	printf("{\"mode\":\"idle\",\"connections\":%zu,\"bytes_per_connection\":%" PRId64
	       ",\"rss_bytes\":%" PRId64 "}\n",
		run.o.n, (after - before) / (int64_t)run.o.n, after);
}

/* Sends for the time given, then waits for what is under way and checks that all of it came. */
static void measure(const char *unit, uint64_t copies, void (*begin)(void))
{
	int64_t cpu, start, wall, limit;
	uint64_t sent = 0, at_stop;

	samples_clear(&run.latency);
	cpu = watched_cpu_ns(&run.o.watched);
	start = now_ns();
	run.sending = true;
	begin();
	poll_for(run.o.seconds);
	run.sending = false;
	cpu = watched_cpu_ns(&run.o.watched) - cpu;
	wall = now_ns() - start;
	at_stop = run.deliveries;
	for (size_t i = 0; i < run.o.n; i++)
		sent += run.sent[i];
	limit = now_ns() + DRAIN_S * INT64_C(1000000000);
	while (run.deliveries < sent * copies && now_ns() < limit)
		clients_poll(&run.cs, 10);
	if (run.deliveries != sent * copies)
		fail("%" PRIu64 " of %" PRIu64 " deliveries came", run.deliveries, sent * copies);
	print_line(unit, at_stop, cpu, wall);
}

static void begin_message(void)
{
	for (size_t w = 0; w < run.o.window; w++)
		for (size_t i = 0; i < run.o.n; i++)
			send_message(&run.cs.list[i]);
}

static void begin_fanout(void)
{
	for (size_t w = 0; w < run.o.window; w++)
		send_push();
}

static void mode_message(void)
{
	if (run.o.n % 2 != 0)
		fail("-n must be even: messages go between neighbours");
	run.cs.on_text = on_message;
	connect_all();
	measure("messages", 1, begin_message);
}

static void mode_fanout(void)
{
	run.reached = calloc(run.o.window, sizeof(*run.reached));
	if (run.reached == NULL)
		fail("out of memory");
	run.cs.on_text = on_push;
	connect_all();
	measure("deliveries", run.o.n, begin_fanout);
}

static int option(struct options *o, int letter, const char *value)
{
	switch (letter) {
	case 'a':
		o->address = value;
		return 0;
	case 't':
		o->tokens = value;
		return 0;
	case 'n':
		o->n = strtoul(value, NULL, 10);
		return o->n == 0 ? -1 : 0;
	case 'w':
		o->window = strtoul(value, NULL, 10);
		return o->window == 0 ? -1 : 0;
	case 's':
		o->size = strtoul(value, NULL, 10);
		return o->size < MARK_BYTES || o->size > 16000 ? -1 : 0;
	case 'd':
		o->seconds = strtod(value, NULL);
		return o->seconds <= 0 ? -1 : 0;
	case 'p':
		return watched_parse(&o->watched, value);
	default:
		return -1;
	}
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {{"address", 1, NULL, 'a'}, {"tokens", 1, NULL, 't'},
		{"window", 1, NULL, 'w'}, {"size", 1, NULL, 's'}, {"seconds", 1, NULL, 'd'},
		{"pids", 1, NULL, 'p'}, {"help", 0, NULL, 'h'}, {0}};
	static const struct {
		const char *name;
		void (*go)(void);
	} modes[] = {{"upgrade", mode_upgrade}, {"idle", mode_idle}, {"message", mode_message},
		{"fanout", mode_fanout}};
	int letter;

	run.o = (struct options){.address = "127.0.0.1:8080",
		.tokens = "tokens.txt",
		.n = 1000,
		.window = 1,
		.size = 64,
		.seconds = 5};
	while ((letter = getopt_long(argc, argv, "n:h", longs, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (option(&run.o, letter, optarg) < 0)
			fail("a wrong option or value; see --help");
	}
	run.o.mode = optind == argc - 1 ? argv[optind] : "";
	run.sent = calloc(run.o.n, sizeof(*run.sent));
	run.received = calloc(run.o.n, sizeof(*run.received));
	if (run.sent == NULL || run.received == NULL)
		fail("out of memory");
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(modes[i].name, run.o.mode) == 0) {
			clients_init(&run.cs, run.o.address, run.o.n);
			modes[i].go();
			return 0;
		}
	}
	fputs(help, stderr);
	return 64;
}
