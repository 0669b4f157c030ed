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
	struct disk disk;
	struct chance chance;
	uint64_t delivered;
	uint64_t rebound; /* of all lives, as what follows */
	uint64_t revoked;
	uint64_t replaced;
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
	add_line(l, "%s ref=%lu %d/%d devices=%u seq=%lu mid=%.*s code=%u %s",
		c->kind == CORE_DO_RESULT ? head : "ctl", c->result.ref, c->result.state,
		c->result.first, c->result.devices, c->result.seq, SLICE_ARGS(c->result.mid),
		c->result.code, c->result.field == NULL ? "-" : c->result.field);
}

/* One line for each session. */
static void add_delivery(struct life *l, const struct core_command *c)
{
	assert_int_not_equal(c->deliver.n_sessions, 0);
	for (size_t i = 0; i < c->deliver.n_sessions; i++)
		add_line(l, "deliver %u session=%lu shed=%d native=%d %lu/%d plain=%u %.*s",
			c->link, c->deliver.sessions[i], c->deliver.shed, c->deliver.native_only,
			c->deliver.number, c->deliver.system, c->deliver.text.plain_end,
			SLICE_ARGS(c->deliver.text.text));
}

static void add_append(struct life *l, const struct core_command *c)
{
	const struct message *m = c->append.message;

	add_line(l, "append %lu/%lu %.*s %lu from %.*s %lu %.*s %.*s push=%d %.*s %.*s %ld %ld",
		c->append.number, c->append.generation, SLICE_ARGS(m->to), m->at_to.seq,
		SLICE_ARGS(m->from), m->at_from.seq, SLICE_ARGS(m->device), SLICE_ARGS(m->mid),
		m->kind == MESSAGE_PUSH, SLICE_ARGS(m->event), SLICE_ARGS(m->body), m->ts_ms,
		m->expires_ms);
}

/* To the store, but for APPEND. */
static void describe_store(struct life *l, const struct core_command *c)
{
	if (c->kind == CORE_DO_READ)
		add_line(l, "read session=%lu %d %.*s after=%lu", c->read.session, c->read.stream,
			SLICE_ARGS(c->read.uid), c->read.after);
	else if (c->kind == CORE_DO_USER)
		add_line(l, "user %.*s %lu", SLICE_ARGS(c->user.uid), c->user.acked_system);
	else if (c->kind == CORE_DO_POSITION)
		add_line(l, "position %.*s/%.*s u=%lu s=%lu seen=%ld", SLICE_ARGS(c->position.uid),
			SLICE_ARGS(c->position.device), c->position.u, c->position.s,
			c->position.seen_ms);
	else if (c->kind == CORE_DO_CONTACT)
		add_line(l, "contact %.*s %.*s %ld", SLICE_ARGS(c->contact.a),
			SLICE_ARGS(c->contact.b), c->contact.last_ms);
	else
		add_line(l, "trim %.*s %lu", SLICE_ARGS(c->trim.uid), c->trim.seq);
}

static void describe(struct life *l, const struct core_command *c)
{
	switch (c->kind) {
	case CORE_DO_OPENED:
		add_line(l, "opened %u nonce=%lu session=%lu u=%lu s=%lu from %lu/%lu %d/%d",
			c->link, c->opened.nonce, c->opened.session, c->opened.u, c->opened.s,
			c->opened.start_u, c->opened.start_s, c->opened.recovered, c->opened.reset);
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
	case CORE_DO_PAGE:
		add_line(l, "page %u session=%lu %d last=%lu more=%d", c->link, c->page.session,
			c->page.stream, c->page.last, c->page.more);
		break;
	case CORE_DO_RESET:
		add_line(l, "reset %u session=%lu %d u=%lu s=%lu", c->link, c->reset.session,
			c->reset.reason, c->reset.u, c->reset.s);
		break;
	case CORE_DO_APPEND:
		add_append(l, c);
		break;
	case CORE_DO_READ:
	case CORE_DO_USER:
	case CORE_DO_POSITION:
	case CORE_DO_CONTACT:
	case CORE_DO_TRIM:
		describe_store(l, c);
		break;
	case CORE_DO_MARK:
		add_line(l, "mark %d tag=%lu %.*s id=%lu at=%ld code=%u edge=%u/%u",
			c->mark.mark.kind, c->mark.tag,
			SLICE_ARGS(
				c->mark.mark.uid.len == 0 ? SLICE_LITERAL("-") : c->mark.mark.uid),
			c->mark.mark.id, c->mark.mark.at_ms, c->mark.mark.code,
			c->mark.mark.edge_id, c->mark.mark.edge_epoch);
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

/* Whose session it is, without looking at the model. */
static unsigned user_of(const struct life *l, uint64_t session)
{
	for (unsigned user = 0; user < MODEL_USERS; user++) {
		struct core_session_info s;

		for (size_t n = 0;
			core_user_session(l->core, slice_of(l->model.users[user].uid), n, &s);
			n++) {
			if (s.session == session)
				return user;
		}
	}
	fail_msg("seed %lu step %d: a delivery to a session that is not there", l->seed, l->step);
	return 0;
}

/* What has a number is the row of that number in the stream of the user whose session it is. */
static void assert_is_row(const struct life *l, const struct core_command *c)
{
	const struct slice text = c->deliver.text.text;
	char mid[MID_MAX_BYTES + 16];

	for (size_t i = 0; i < c->deliver.n_sessions; i++) {
		unsigned user = user_of(l, c->deliver.sessions[i]);
		const struct disk_message *k = disk_row(
			&l->disk, c->deliver.system ? MODEL_SYSTEM : user, c->deliver.number);

		assert_non_null(k);
		snprintf(mid, sizeof(mid), "\"mid\":\"%.*s\"", SLICE_ARGS(k->message.mid));
		assert_true(memmem(text.data, text.len, mid, strlen(mid)) != NULL ||
			    memmem(text.data, text.len, "\"event\":\"gone\"", 14) != NULL);
		assert_int_equal(model_live(&l->model, c->deliver.sessions[i])->link, c->link);
	}
}

static bool share_a_session(const struct core_command *a, const struct core_command *b)
{
	for (size_t i = 0; i < a->deliver.n_sessions; i++) {
		for (size_t k = 0; k < b->deliver.n_sessions; k++) {
			if (a->deliver.sessions[i] == b->deliver.sessions[k])
				return true;
		}
	}
	return false;
}

/* The rows are the right ones, and their numbers rise; one text goes to a link once. */
static void assert_streams(const struct life *l)
{
	for (size_t i = 0; i < l->out.n; i++) {
		const struct core_command *c = &l->out.list[i];

		if (c->kind != CORE_DO_DELIVER || c->deliver.number == 0)
			continue;
		assert_is_row(l, c);
		for (size_t k = 0; k < i; k++) {
			const struct core_command *b = &l->out.list[k];

			if (b->kind != CORE_DO_DELIVER || b->deliver.number == 0)
				continue;
			if (share_a_session(b, c))
				assert_true(b->deliver.number < c->deliver.number);
			assert_false(b->link == c->link &&
				     b->deliver.text.text.data == c->deliver.text.text.data);
		}
	}
}

static void compare_inbox(const struct life *l, unsigned user, const struct core_user_info *info)
{
	const struct model *m = &l->model;
	uint64_t bytes;
	size_t devices = 0;

	assert_int_equal(info->seq, m->streams[user].stored);
	assert_int_equal(info->floor, m->streams[user].floor);
	assert_int_equal(info->acked, m->users[user].acked);
	assert_int_equal(info->rows, model_unacked(m, user, false, &bytes));
	assert_int_equal(info->bytes, bytes);
	for (size_t i = 0; i < MODEL_POSITIONS; i++) {
		const struct model_position *p = &m->users[user].positions[i];
		struct core_device_info d = {.u = 0};

		if (!p->used || p->device[0] == '\0')
			continue;
		for (size_t k = 0; !slice_is(d.device, p->device); k++)
			assert_true(core_user_device(l->core, info->uid, k, &d));
		assert_int_equal(d.u, p->at[0]);
		assert_int_equal(d.s, p->at[1]);
		assert_int_equal(d.seen_ms, p->seen_ms);
		devices++;
	}
	assert_int_equal(info->n_devices, devices);
}

static void compare_counts(const struct life *l)
{
	const struct model *m = &l->model;
	struct core_counts n;
	size_t behind = 0;
	size_t waiting = 0;
	size_t rows = 0;
	uint64_t bytes;

	core_counts(l->core, &n);
	for (size_t i = 0; i < m->n_live; i++)
		behind += !m->live[i].is_live;
	for (size_t i = 0; i < m->n_messages; i++)
		waiting += m->messages[i].fate == MODEL_WAITS;
	for (size_t i = 0; i < m->n_waiters; i++)
		waiting += m->messages[m->waiters[i].message].fate == MODEL_WAITS;
	for (unsigned i = 0; i < MODEL_USERS; i++)
		rows += model_unacked(m, i, false, &bytes);
	assert_int_equal(n.syncing, behind);
	assert_int_equal(n.pending_rows, waiting);
	assert_int_equal(n.unacked_rows, rows);
	assert_int_equal(n.system_head, m->streams[MODEL_SYSTEM].stored);
}

static void compare_users(struct life *l)
{
	struct model *m = &l->model;
	size_t online = 0;
	size_t sessions = 0;
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
		compare_inbox(l, i, &info);
	}
	core_counts(l->core, &counts);
	for (size_t i = 0; i < m->n_live; i++)
		sessions += !m->live[i].is_call;
	assert_int_equal(counts.sessions, sessions);
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

		if (want->is_call)
			continue;
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

		if (c->kind != CORE_DO_APPEND)
			continue;
		assert_int_equal(c->append.message->mid.len, 26);
		return c->append.message->mid;
	}
	return given;
}

/* Whether the event could be refused; then it is worth knowing the state before. */
static bool is_dubious(struct life *l, const struct core_event *e)
{
	bool is_of_session = (e->kind > CORE_OPEN && e->kind < CORE_USER_KNOWN) ||
			     e->kind == CORE_ACK || e->kind == CORE_SYNC || e->kind == CORE_REBIND;

	return is_of_session && chance_once_in(&l->chance, 4);
}

static void live_a_step(struct life *l)
{
	struct core_event e;
	struct slice mid = {NULL, 0};
	uint64_t before = 0;
	bool is_watched;

	chance_event(&l->chance, &e);
	is_watched = is_dubious(l, &e) || (e.kind == CORE_OPEN && chance_once_in(&l->chance, 4));
	if (is_watched)
		before = core_digest(l->core);
	assert_int_equal(core_step(l->core, &e, &l->out), 0);
	if (e.kind == CORE_SEND)
		mid = drawn_mid(l, e.send.mid);
	else if (e.kind == CORE_PUSH || e.kind == CORE_CTL_PUSH)
		mid = drawn_mid(l, e.push.mid);
	model_step(&l->model, &e, mid);
	compare_lines(l);
	assert_streams(l);
	for (size_t i = 0; i < l->out.n; i++)
		disk_take(&l->disk, &l->model, &l->out.list[i]);
	if (is_watched && model_is_refused(&l->model, &e))
		assert_true(core_digest(l->core) == before);
	compare_users(l);
	compare_sessions(l);
	compare_counts(l);
	l->delivered += l->n_lines;
}

static void live(struct life *l, uint64_t seed)
{
	struct core_config config = {.sessions_per_user = 2 + seed % 4,
		.limit = seed % 3 == 0	 ? CORE_LIMIT_REFUSE
			 : seed % 3 == 1 ? CORE_LIMIT_OLDEST
					 : CORE_LIMIT_DEVICE,
		.watching = seed % 4 == 0   ? CORE_WATCH_OFF
			    : seed % 4 == 1 ? CORE_WATCH_ANY
					    : CORE_WATCH_CONTACTS,
		.is_durable = seed % 5 != 0,
		.inbox_rows = seed % 6 == 0 ? 20 : INBOX_ROWS,
		.inbox_bytes = seed % 7 == 0 ? 150 : INBOX_BYTES,
		.retention_ms = (int64_t)INBOX_RETENTION_S * 1000,
		.epoch = {'e', 'p', 'o', 'c', 'h', '0', '0', '1'},
		.recipients = seed / 3 % 3 == 0 ? CORE_RECIPIENTS_ANY : CORE_RECIPIENTS_KNOWN,
		.started_ms = 1000000,
		.after_restart = seed % 2 == 0,
		.random = seed};
	struct core_counts n;

	l->n_lines = 0;
	l->seed = seed;
	l->chance = (struct chance){
		.model = &l->model, .disk = &l->disk, .random = seed, .now_ms = config.started_ms};
	disk_init(&l->disk);
	model_init(&l->model, &config);
	for (unsigned i = 0; i < MODEL_LINKS; i++)
		l->model.links[i] = (struct model_link){.id = 200 + i, .epoch = 1};
	assert_int_equal(core_new(&l->core, &config), 0);
	for (l->step = 0; l->step < STEPS; l->step++)
		live_a_step(l);
	core_counts(l->core, &n);
	l->rebound += n.rebound;
	l->revoked += n.revoked;
	l->replaced += n.replaced;
	core_free(l->core);
}

static uint64_t first_seed = 1;
static uint64_t last_seed = SEEDS;

static void the_core_says_what_the_plain_model_says_in_every_life(void **state)
{
	struct life *l = calloc(1, sizeof(*l));

	(void)state;
	assert_non_null(l);
	for (uint64_t seed = first_seed; seed <= last_seed; seed++) {
		live(l, seed);
	}
	print_message("%lu lives of %d events, %lu commands compared; %lu sessions rebound, %lu "
		      "revoked, %lu replaced\n",
		last_seed - first_seed + 1, STEPS, l->delivered, l->rebound, l->revoked,
		l->replaced);
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
