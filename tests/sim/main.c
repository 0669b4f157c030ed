/*
 * sim: many lives of the router's core, one per seed; see sim.h.
 *
 *	sim                     1,000 seeds from 1
 *	sim --seeds 5000 --from 7
 *	sim --seed 42 --trace   one life, each step of it
 *
 * Exit: 0 when every check held in every life, 1 at the first seed where one did not.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

struct options {
	uint64_t from;
	uint64_t seeds;
	bool trace;
};

static bool number(const char *text, uint64_t *out)
{
	char *end;

	if (text == NULL || *text == '\0')
		return false;
	*out = strtoull(text, &end, 10);
	return *end == '\0';
}

static bool read_options(struct options *o, char **args)
{
	for (; *args != NULL; args++) {
		if (strcmp(*args, "--trace") == 0)
			o->trace = true;
		else if (strcmp(*args, "--seeds") == 0 && number(*++args, &o->seeds))
			continue;
		else if (strcmp(*args, "--from") == 0 && number(*++args, &o->from))
			continue;
		else if (strcmp(*args, "--seed") == 0 && number(*++args, &o->from))
			o->seeds = 1;
		else
			return false;
	}
	return true;
}

#define SAY(what, n) printf("%12llu %s\n", (unsigned long long)(n), what)

static void print(const struct totals *t)
{
	SAY("seeds", t->lives);
	SAY("steps of the core", t->steps);
	SAY("messages", t->messages);
	SAY("acked", t->acked);
	SAY("frames read", t->delivered);
	SAY("lost (C1)", t->found[1]);
	SAY("doubled or out of order (C2, C3, C6)", t->found[2] + t->found[3] + t->found[6]);
	SAY("misdelivered or invented (C4, C5)", t->found[4] + t->found[5]);
	SAY("other findings (C7, C8, C9, rules)",
		t->found[0] + t->found[7] + t->found[8] + t->found[9]);
	SAY("answers that a message is known", t->duplicates);
	SAY("sends refused and tried again", t->refused);
	SAY("pages", t->pages);
	SAY("resets", t->resets);
	SAY("gone (damaged, or past their time)", t->gone);
	SAY("trims", t->trims);
	SAY("router deaths", t->router_deaths);
	SAY("edge deaths", t->edge_deaths);
	SAY("broken links", t->link_breaks);
	SAY("full disks", t->full_disks);
	SAY("older stores put back", t->older_stores);
	SAY("events without memory", t->no_memory);
	SAY("jumps of the wall clock", t->jumps);
	SAY("things that an evil edge said", t->evil_events);
	SAY("violations counted", t->violations);
	SAY("revocations", t->revocations);
	SAY("sessions that they ended", t->revoked);
	SAY("opens of what was void or ended for good", t->kept_out);
	SAY("connections that changed their user", t->rebinds);
	SAY("that were refused to", t->rebinds_refused);
	SAY("HTTP requests", t->calls);
	SAY("sessions that gave way to newer ones", t->replaced);
}

int main(int argc, char **argv)
{
	struct options o = {.from = 1, .seeds = 1000};
	struct totals totals = {0};
	bool has_failed = false;

	(void)argc;
	if (!read_options(&o, argv + 1)) {
		fprintf(stderr, "usage: sim [--seeds N] [--from N] | --seed N [--trace]\n");
		return 64;
	}
	for (uint64_t i = 0; i < o.seeds && !has_failed; i++) {
		has_failed = !sim_life(o.from + i, o.trace, &totals);
		if (has_failed)
			printf("again: %s --seed %llu --trace\n", argv[0],
				(unsigned long long)(o.from + i));
	}
	print(&totals);
	return has_failed;
}
