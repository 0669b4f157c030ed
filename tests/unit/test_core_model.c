/*
 * Random lives against the plain model (core_model.c): whatever the events, the core says exactly
 * what the model says, and what may never happen does not.  A seed is one life; a failure prints
 * it, and `test_core_model SEED` lives it again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core_chance.h"
#include "core_model.h"
#include "test.h"

#define SEEDS 300
#define STEPS 2000

struct life {
	uint64_t seed;
	int step;
	struct core *core;
	struct core_commands out;
	struct model model;
	struct chance chance;
	uint64_t delivered;
	size_t n_lines;
	char lines[MODEL_LINES][MODEL_LINE_BYTES];
};

static void add_line(struct life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_line(struct life *l, const char *format, ...)
{
	va_list args;

	assert_in_range(l->n_lines, 0, MODEL_LINES - 1);
	va_start(args, format);
	vsnprintf(l->lines[l->n_lines++], MODEL_LINE_BYTES, format, args);
	va_end(args);
}

static void add_result(struct life *l, const struct core_command *c)
{
	char head[16];

	snprintf(head, sizeof(head), "result %u", c->link);
	add_line(l, "%s ref=%lu %d devices=%u seq=%lu mid=%.*s code=%u %s",
		c->kind == CORE_DO_RESULT ? head : "ctl", c->result.ref, c->result.delivered,
		c->result.devices, c->result.seq, SLICE_ARGS(c->result.mid), c->result.code,
		c->result.field == NULL ? "-" : c->result.field);
}

/* One line for each session. */
static void add_delivery(struct life *l, const struct core_command *c)
{
	assert_int_not_equal(c->deliver.n_sessions, 0);
	for (size_t i = 0; i < c->deliver.n_sessions; i++)
		add_line(l, "deliver %u session=%lu shed=%d native=%d plain=%u %.*s", c->link,
			c->deliver.sessions[i], c->deliver.shed, c->deliver.native_only,
			c->deliver.text.plain_end, SLICE_ARGS(c->deliver.text.text));
}

static void describe(struct life *l, const struct core_command *c)
{
	switch (c->kind) {
	case CORE_DO_OPENED:
		add_line(l, "opened %u nonce=%lu session=%lu u=%lu s=%lu", c->link, c->opened.nonce,
			c->opened.session, c->opened.u, c->opened.s);
		break;
	case CORE_DO_OPEN_REFUSED:
		add_line(l, "refused %u nonce=%lu code=%u", c->link, c->open_refused.nonce,
			c->open_refused.code);
		break;
	case CORE_DO_RESULT:
	case CORE_DO_CTL_RESULT:
		add_result(l, c);
		break;
	case CORE_DO_DELIVER:
		add_delivery(l, c);
		break;
	case CORE_DO_SHUT:
		add_line(l, "shut %u session=%lu code=%u", c->link, c->shut.session, c->shut.code);
		break;
	case CORE_DO_SYSTEM:
		add_line(l, "system %lu plain=%u %.*s", c->system.number, c->system.text.plain_end,
			SLICE_ARGS(c->system.text.text));
		break;
	case CORE_DO_VIOLATION:
		add_line(l, "violation %u", c->link);
		break;
	case CORE_DO_NOTE:
		/* An operator may know that, to whom and how long; never what. */
		assert_null(memmem(c->note.detail.data, c->note.detail.len, "secret", 6));
		break;
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void compare_lines(struct life *l)
{
	struct model *m = &l->model;

	l->n_lines = 0;
	for (size_t i = 0; i < l->out.n; i++)
		describe(l, &l->out.list[i]);
	qsort(l->lines, l->n_lines, MODEL_LINE_BYTES, by_text);
	qsort(m->lines, m->n_lines, MODEL_LINE_BYTES, by_text);
	for (size_t i = 0; i < l->n_lines || i < m->n_lines; i++) {
		const char *got = i < l->n_lines ? l->lines[i] : "nothing";
		const char *want = i < m->n_lines ? m->lines[i] : "nothing";

		if (strcmp(got, want) != 0)
			fail_msg("seed %lu step %d\n  core:  %s\n  model: %s", l->seed, l->step,
				got, want);
	}
}

/* Without looking at the model: a private text goes to its users' sessions on their links, once a
 * link. */
static void assert_private(const struct life *l, const struct core_event *e, struct slice sender)
{
	for (size_t i = 0; i < l->out.n; i++) {
		const struct core_command *c = &l->out.list[i];

		for (size_t k = 0; c->kind == CORE_DO_DELIVER && k < c->deliver.n_sessions; k++) {
			bool is_theirs = false;
			struct core_session_info s;

			for (size_t n = 0; core_user_session(l->core, sender, n, &s); n++)
				is_theirs = is_theirs || s.session == c->deliver.sessions[k];
			for (size_t n = 0; core_user_session(l->core, e->send.to, n, &s); n++)
				is_theirs = is_theirs || s.session == c->deliver.sessions[k];
			assert_true(is_theirs);
			assert_int_equal(
				model_live(&l->model, c->deliver.sessions[k])->link, c->link);
		}
		for (size_t k = 0; c->kind == CORE_DO_DELIVER && k < i; k++)
			assert_false(
				l->out.list[k].kind == CORE_DO_DELIVER &&
				l->out.list[k].link == c->link &&
				slice_eq(l->out.list[k].deliver.text.text, c->deliver.text.text));
	}
}

static void compare_users(struct life *l)
{
	struct model *m = &l->model;
	size_t online = 0;
	struct core_counts counts;

	for (unsigned i = 0; i < MODEL_USERS; i++) {
		struct core_user_info info;
		unsigned devices;
		enum model_state state = model_state(m, i, &devices);

		online += devices > 0;
		assert_int_equal(
			core_user(l->core, slice_of(m->users[i].uid), &info), m->users[i].known);
		if (!m->users[i].known)
			continue;
		if (devices == 0 && m->config.after_restart &&
			l->chance.now_ms < m->config.started_ms + 5000)
			state = MODEL_UNKNOWN;
		assert_string_equal(info.state, model_word(state));
		assert_int_equal(info.n_sessions, devices);
		assert_true(info.seq == m->users[i].seq);
	}
	core_counts(l->core, &counts);
	assert_int_equal(counts.sessions, m->n_live);
	assert_int_equal(counts.users_online, online);
}

static void compare_sessions(struct life *l)
{
	size_t links[MODEL_LINKS] = {0};

	for (size_t i = 0; i < l->model.n_live; i++) {
		const struct model_session *want = &l->model.live[i];
		struct slice uid = slice_of(l->model.users[want->user].uid);
		struct core_session_info s;
		bool is_there = false;

		for (size_t k = 0; !is_there && core_user_session(l->core, uid, k, &s); k++)
			is_there = s.session == want->id && s.ends_ms == want->ends_ms &&
				   s.away == want->away && s.edge_id == want->edge_id &&
				   (s.dialect == CORE_PLAIN) == want->plain;
		assert_true(is_there);
		links[want->link]++;
	}
	for (uint32_t i = 0; i < MODEL_LINKS; i++)
		assert_int_equal(core_link_sessions(l->core, i), links[i]);
}

static struct slice drawn_mid(const struct life *l, struct slice given)
{
	for (size_t i = 0; given.len == 0 && i < l->out.n; i++) {
		const struct core_command *c = &l->out.list[i];

		if (c->kind != CORE_DO_RESULT && c->kind != CORE_DO_CTL_RESULT)
			continue;
		assert_int_equal(c->result.mid.len, c->result.delivered ? 26 : 0);
		return c->result.mid;
	}
	return given;
}

/* Whether the event could be refused; then it is worth knowing the state before. */
static bool is_dubious(struct life *l, const struct core_event *e)
{
	return e->kind < CORE_USER_KNOWN && e->kind > CORE_OPEN && chance_once_in(&l->chance, 4);
}

static void live_a_step(struct life *l)
{
	struct core_event e;
	struct slice mid = {NULL, 0};
	struct slice sender = {NULL, 0};
	uint64_t before = 0;
	bool is_watched;

	chance_event(&l->chance, &e);
	is_watched = is_dubious(l, &e) || (e.kind == CORE_OPEN && chance_once_in(&l->chance, 4));
	if (is_watched)
		before = core_digest(l->core);
	if (e.kind == CORE_SEND && model_live(&l->model, e.send.session) != NULL)
		sender = slice_of(l->model.users[model_live(&l->model, e.send.session)->user].uid);
	assert_int_equal(core_step(l->core, &e, &l->out), 0);
	if (e.kind == CORE_SEND)
		mid = drawn_mid(l, e.send.mid);
	else if (e.kind == CORE_PUSH || e.kind == CORE_CTL_PUSH)
		mid = drawn_mid(l, e.push.mid);
	model_step(&l->model, &e, mid);
	compare_lines(l);
	if (is_watched && model_is_refused(&l->model))
		assert_true(core_digest(l->core) == before);
	if (e.kind == CORE_SEND)
		assert_private(l, &e, sender);
	compare_users(l);
	compare_sessions(l);
	l->delivered += l->n_lines;
}

static void live(struct life *l, uint64_t seed)
{
	struct core_config config = {.sessions_per_user = 3 + seed % 4,
		.recipients = seed % 3 == 0 ? CORE_RECIPIENTS_ANY : CORE_RECIPIENTS_KNOWN,
		.started_ms = 1000000,
		.after_restart = seed % 2 == 0,
		.epoch_random = seed};

	*l = (struct life){.seed = seed};
	l->chance =
		(struct chance){.model = &l->model, .random = seed, .now_ms = config.started_ms};
	model_init(&l->model, &config);
	for (unsigned i = 0; i < MODEL_LINKS; i++)
		l->model.links[i] = (struct model_link){.id = 200 + i, .epoch = 1};
	assert_int_equal(core_new(&l->core, &config), 0);
	for (l->step = 0; l->step < STEPS; l->step++)
		live_a_step(l);
	core_free(l->core);
}

static uint64_t first_seed = 1;
static uint64_t last_seed = SEEDS;

static void the_core_says_what_the_plain_model_says_in_every_life(void **state)
{
	struct life *l = malloc(sizeof(*l));
	uint64_t lines = 0;

	(void)state;
	assert_non_null(l);
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		live(l, seed);
		lines += l->delivered;
	}
	print_message("%lu lives of %d events, %lu commands compared\n", last_seed - first_seed + 1,
		STEPS, lines);
	free(l);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_core_says_what_the_plain_model_says_in_every_life),
	};

	if (argc > 1)
		first_seed = last_seed = strtoull(argv[1], NULL, 10);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
