/*
 * postern-load: what an upgrade, a stored private message and a delivery cost.
 *
 * Every message carries a mark.  A receiver checks that the numbers of each sender and those of its
 * stream rise by one, so a lost, doubled or reordered message ends the run.  The figure to trust on
 * a shared machine is CPU time of the watched processes per unit.
 */
#include "bench/load.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/mark.h"

enum { TOKEN_BYTES = 3200, CONNECTING = 64 };

static const char help[] =
	"usage: postern-load MODE [options]\n"
	"\n"
	"  upgrade   authenticated upgrades, 64 at a time; CPU and latency of each\n"
	"  idle      connections that only stay; resident bytes of the first --pids process for\n"
	"            each\n"
	"  message   private messages between neighbours (user 2k and 2k+1), each with an id and "
	"a\n"
	"            mid; counts those whose ack came, and acknowledges what it received\n"
	"  stall     the same twice: all read, then some do not; then these read on\n"
	"  restart   the same; then kills the first --pids process, which something else must "
	"start\n"
	"            again, and resumes\n"
	"  fanout    pushes by the first connection to all; its token needs the scope push\n"
	"\n"
	"  --address A:P   the edge (127.0.0.1:8080)\n"
	"  --page A:P      the router's page, for the store's figures\n"
	"  --tokens FILE   one token a line; line i is user i, from 1 (authctl token --count)\n"
	"  -n N            connections (1000)\n"
	"  --window W      messages in flight: per connection, or in all for fanout (1)\n"
	"  --rate R        messages a second of all, instead of as fast as they are answered\n"
	"  --size BYTES    of a message's text (64)\n"
	"  --ack K         every K numbers a connection acknowledges its position (32); 0: never\n"
	"  --offline P     percent of the messages that go to users who are not there (0); each "
	"tenth\n"
	"                  more user, who comes and reads them in the end\n"
	"  --stall P       percent of the connections that stop reading (1)\n"
	"  --seconds S     of sending, in each part (5)\n"
	"  --pids A,B,C    edge, auth, router: processes whose CPU time is charged\n"
	"  --label TEXT    stands in the output\n"
	"\n"
	"example: postern-load message --tokens tokens.txt -n 500 --window 4 --pids 12,13,14\n";

void load_init(struct load *l, size_t n)
{
	FILE *f = fopen(l->o.tokens, "re");
	char token[TOKEN_BYTES];

	if (f == NULL)
		fail("cannot read %s", l->o.tokens);
	l->tokens = calloc(n, sizeof(*l->tokens));
	for (size_t i = 0; l->tokens != NULL && i < n; i++) {
		if (fgets(token, sizeof(token), f) == NULL)
			fail("%s has only %zu tokens", l->o.tokens, i);
		token[strcspn(token, "\r\n")] = '\0';
		l->tokens[i] = strdup(token);
	}
	fclose(f);
	clients_init(&l->cs, l->o.address, n);
	l->cs.arg = l;
}

void load_connect(struct load *l, size_t from, size_t to)
{
	size_t ready = l->cs.n_ready, started = from;

	while (l->cs.n_ready < ready + to - from) {
		while (started < to && started - from - (l->cs.n_ready - ready) < CONNECTING) {
			client_connect(&l->cs, started, l->tokens[started]);
			started++;
		}
		clients_poll(&l->cs, 100);
	}
}

void load_poll_for(struct load *l, double seconds)
{
	int64_t end = now_ns() + (int64_t)(seconds * 1e9);

	while (now_ns() < end)
		clients_poll(&l->cs, 10);
}

static int number_option(const char *value, size_t least, size_t *out)
{
	char *end;

	*out = strtoul(value, &end, 10);
	return *end != '\0' || end == value || *out < least ? -1 : 0;
}

static int option(struct options *o, int letter, const char *value)
{
	switch (letter) {
	case 'a':
		o->address = value;
		return 0;
	case 'P':
		o->page = value;
		return 0;
	case 't':
		o->tokens = value;
		return 0;
	case 'l':
		o->label = value;
		return 0;
	case 'n':
		return number_option(value, 1, &o->n);
	case 'w':
		return number_option(value, 1, &o->window);
	case 'r':
		return number_option(value, 0, &o->rate);
	case 'k':
		return number_option(value, 0, &o->ack_every);
	case 'o':
		return number_option(value, 0, &o->offline_percent) < 0 || o->offline_percent > 99
			       ? -1
			       : 0;
	case 's':
		return number_option(value, MARK_BYTES, &o->size) < 0 || o->size > 16000 ? -1 : 0;
	case 'S':
		o->stall_percent = strtod(value, NULL);
		return o->stall_percent <= 0 || o->stall_percent > 50 ? -1 : 0;
	case 'd':
		o->seconds = strtod(value, NULL);
		return o->seconds <= 0 ? -1 : 0;
	case 'p':
		return watched_parse(&o->watched, value);
	default:
		return -1;
	}
}

static int options_read(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {{"address", 1, NULL, 'a'}, {"page", 1, NULL, 'P'},
		{"tokens", 1, NULL, 't'}, {"label", 1, NULL, 'l'}, {"window", 1, NULL, 'w'},
		{"rate", 1, NULL, 'r'}, {"ack", 1, NULL, 'k'}, {"offline", 1, NULL, 'o'},
		{"size", 1, NULL, 's'}, {"stall", 1, NULL, 'S'}, {"seconds", 1, NULL, 'd'},
		{"pids", 1, NULL, 'p'}, {"help", 0, NULL, 'h'}, {0}};
	int letter;

	while ((letter = getopt_long(argc, argv, "n:h", longs, NULL)) != -1) {
		if (letter == 'h') {
			fputs(help, stdout);
			exit(0);
		}
		if (option(o, letter, optarg) < 0)
			return -1;
	}
	o->mode = optind == argc - 1 ? argv[optind] : "";
	return 0;
}

int main(int argc, char **argv)
{
	static struct load load;
	static const struct {
		const char *name;
		void (*go)(struct load *l);
	} modes[] = {{"upgrade", mode_upgrade}, {"idle", mode_idle}, {"message", mode_message},
		{"stall", mode_stall}, {"restart", mode_restart}, {"fanout", mode_fanout}};

	load.o = (struct options){.address = "127.0.0.1:8080",
		.page = "",
		.label = "",
		.tokens = "tokens.txt",
		.n = 1000,
		.window = 1,
		.size = 64,
		.ack_every = 32,
		.stall_percent = 1,
		.seconds = 5};
	if (options_read(&load.o, argc, argv) < 0)
		fail("a wrong option or value; see --help");
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		if (strcmp(modes[i].name, load.o.mode) == 0) {
			modes[i].go(&load);
			return 0;
		}
	}
	fputs(help, stderr);
	return 64;
}
