/* trust_wire: what is asked next, and what may be told, after each history of answers. */
#include "auth/trust_wire.h"
#include "tests/unit/test.h"

enum happened { END, TWO, THREE, BROKE, SILENT }; /* answered in wire 2 or 3; or not */

#define A 11 /* starts of routers */
#define B 22

static const struct history {
	const char *name;
	struct {
		enum happened what;
		uint64_t start;
	} steps[9];
	uint32_t next;
	bool may_tell_a;
	bool may_tell_b;
} histories[] = {
	{"at the start", {{END, 0}}, 3, true, true},
	{"a router of now", {{THREE, A}, {THREE, A}}, 3, true, true},
	{"the other wire is tried after a broken pipe", {{BROKE, 0}}, 2, false, false},
	{"and after no answer", {{SILENT, 0}}, 2, false, false},
	{"and again", {{BROKE, 0}, {BROKE, 0}}, 3, true, true},
	{"wire 2 once is asked wire 3", {{BROKE, 0}, {TWO, A}}, 3, true, true},
	{"it broke again: wire 2, still unsure", {{BROKE, 0}, {TWO, A}, {BROKE, 0}}, 2, false,
		false},
	{"one of before", {{BROKE, 0}, {TWO, A}, {BROKE, 0}, {TWO, A}}, 2, true, false},
	{"and it stays that", {{BROKE, 0}, {TWO, A}, {BROKE, 0}, {TWO, A}, {TWO, A}, {TWO, A}}, 2,
		true, false},
	{"silence is no proof", {{SILENT, 0}, {TWO, A}, {SILENT, 0}, {TWO, A}}, 3, true, true},
	{"another router answered meanwhile", {{BROKE, 0}, {TWO, A}, {BROKE, 0}, {TWO, B}}, 3, true,
		true},
	{"a router of now was there meanwhile",
		{{BROKE, 0}, {TWO, A}, {THREE, A}, {BROKE, 0}, {TWO, A}}, 3, true, true},
	{"one of before is replaced",
		{{BROKE, 0}, {TWO, A}, {BROKE, 0}, {TWO, A}, {BROKE, 0}, {THREE, B}}, 3, true,
		true},
	{"by another of before",
		{{BROKE, 0}, {TWO, A}, {BROKE, 0}, {TWO, A}, {TWO, B}, {BROKE, 0}, {TWO, B}}, 2,
		false, true},
};

static void run(const struct history *h, struct trust_wire *w)
{
	trust_wire_init(w);
	for (size_t i = 0; h->steps[i].what != END; i++) {
		switch (h->steps[i].what) {
		case TWO:
			trust_wire_answered(w, 2, h->steps[i].start);
			break;
		case THREE:
			trust_wire_answered(w, 3, h->steps[i].start);
			break;
		case BROKE:
		case SILENT:
			trust_wire_unanswered(w, h->steps[i].what == BROKE);
			break;
		case END:
			break;
		}
	}
}

static void each_history_has_its_next_question(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++) {
		const struct history *h = &histories[i];
		struct trust_wire w;

		run(h, &w);
		if (w.next != h->next || trust_wire_may_tell(&w, A) != h->may_tell_a ||
			trust_wire_may_tell(&w, B) != h->may_tell_b)
			fail_msg("%s: next %u, tells A %d, B %d", h->name, w.next,
				trust_wire_may_tell(&w, A), trust_wire_may_tell(&w, B));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_history_has_its_next_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
