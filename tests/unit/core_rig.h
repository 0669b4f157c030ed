/*
 * core_rig: a core with links, tickets and a clock, for the tests of the router's rules, and a
 * store that has everything on disk at once (rig_start()), or when the test says so.
 */
#ifndef POSTERN_TESTS_UNIT_CORE_RIG_H
#define POSTERN_TESTS_UNIT_CORE_RIG_H

#include <stdio.h>

#include "router/core.h"
#include "test.h"

#define RIG_MAY_SEND TICKET_MAY_SEND

struct rig {
	struct core *core;
	struct core_commands out;
	int64_t now_ms;
	uint32_t link;	     /* of the next events */
	bool stores_at_once; /* else rig_store() does */
	uint64_t appended;   /* the last number that it was given */
};

/* What most of the tests want. */
static const struct core_config rig_config = {
	.watching = CORE_WATCH_ANY,
	.sessions_per_user = 8,
	.is_durable = true,
	.inbox_rows = INBOX_ROWS,
	.inbox_bytes = INBOX_BYTES,
	.retention_ms = (int64_t)INBOX_RETENTION_S * 1000,
	.epoch = {'e', 'p', 'o', 'c', 'h', '0', '0', '1'},
	.random = 5,
	.started_ms = 1000000,
};

/* The commands of an event alone. */
static inline void rig_bare_step(struct rig *r, struct core_event *e)
{
	e->now_ms = r->now_ms;
	e->wall_ms = 1767225600000 + r->now_ms;
	e->random[0] = (uint64_t)r->now_ms;
	if (e->kind < CORE_USER_KNOWN || e->kind == CORE_ACK || e->kind == CORE_SYNC ||
		e->kind == CORE_REBIND)
		e->link = r->link;
	assert_int_equal(core_step(r->core, e, &r->out), 0);
	for (size_t i = 0; i < r->out.n; i++) {
		if (r->out.list[i].kind == CORE_DO_APPEND)
			r->appended = r->out.list[i].append.number;
	}
}

/* Everything that was appended is on disk. */
static inline void rig_store(struct rig *r)
{
	struct core_event e = {.kind = CORE_STORED, .stored = {r->appended}};

	rig_bare_step(r, &e);
}

/* The disk was full. */
static inline void rig_fail(struct rig *r, uint64_t generation)
{
	struct core_event e = {.kind = CORE_FAILED, .failed = {generation}};

	rig_bare_step(r, &e);
}

/* Link n is held by edge 100 + n of epoch 7.  Where a message is on disk at once, the commands are
 * those that follow from that. */
static inline void rig_step(struct rig *r, struct core_event *e)
{
	uint64_t before = r->appended;

	rig_bare_step(r, e);
	if (r->appended != before && r->stores_at_once)
		rig_store(r);
}

static inline void rig_edge_up(struct rig *r, uint32_t link)
{
	struct core_event e = {.kind = CORE_EDGE_UP, .edge = {100 + link, 7}};

	r->link = link;
	rig_step(r, &e);
}

static inline void rig_edge_down(struct rig *r, uint32_t link)
{
	struct core_event e = {.kind = CORE_EDGE_DOWN};

	r->link = link;
	rig_step(r, &e);
}

static inline void rig_start_with(struct rig *r, const struct core_config *config)
{
	*r = (struct rig){.now_ms = config->started_ms};
	assert_int_equal(core_new(&r->core, config), 0);
	rig_edge_up(r, 0);
	rig_edge_up(r, 1);
	r->link = 0;
}

static inline void rig_start(struct rig *r)
{
	rig_start_with(r, &rig_config);
	r->stores_at_once = true;
}

static inline void rig_stop(struct rig *r)
{
	core_free(r->core);
}

/* A ticket as auth would make it, for the link that is chosen. */
static inline struct ticket rig_ticket(const struct rig *r, uint64_t session, const char *uid)
{
	struct ticket t = {
		.flags = RIG_MAY_SEND,
		.session = session,
		.edge_id = 100 + r->link,
		.edge_epoch = 7,
		.nonce = session + 1000,
		.issued_at_ms = r->now_ms,
		.present_by_ms = r->now_ms + TICKET_PRESENT_MS,
		.session_end_ms = r->now_ms + SESSION_MAX_MS,
		.ceiling_ms = r->now_ms + 4 * SESSION_MAX_MS,
		.uid_len = strlen(uid),
	};

	memcpy(t.uid, uid, t.uid_len);
	return t;
}

static inline struct core_event rig_open_event(const struct ticket *t)
{
	struct core_event e = {.kind = CORE_OPEN};

	e.open.ticket = t;
	e.open.nonce = t->nonce;
	e.open.device = SLICE_LITERAL("d1");
	return e;
}

static inline void rig_present(struct rig *r, const struct ticket *t)
{
	struct core_event e = rig_open_event(t);

	rig_step(r, &e);
}

static inline void rig_open(struct rig *r, uint32_t link, uint64_t session, const char *uid)
{
	struct ticket t;

	r->link = link;
	t = rig_ticket(r, session, uid);
	rig_present(r, &t);
}

static inline void rig_close(struct rig *r, uint32_t link, uint64_t session)
{
	struct core_event e = {.kind = CORE_CLOSE, .close = {.session = session}};

	r->link = link;
	rig_step(r, &e);
}

static inline void rig_send(
	struct rig *r, uint32_t link, uint64_t session, const char *to, const char *content)
{
	struct core_event e = {.kind = CORE_SEND};

	r->link = link;
	e.send.session = session;
	e.send.ref = 77;
	e.send.to = slice_of(to);
	e.send.content = slice_of(content);
	rig_step(r, &e);
}

static inline void rig_known(struct rig *r, const char *uid)
{
	struct core_event e = {.kind = CORE_USER_KNOWN, .user = {slice_of(uid)}};

	rig_step(r, &e);
}

static inline void rig_tick(struct rig *r, int64_t after_ms)
{
	struct core_event e = {.kind = CORE_TICK};

	r->now_ms += after_ms;
	rig_step(r, &e);
}

static inline size_t rig_count(const struct rig *r, enum core_command_kind kind)
{
	size_t n = 0;

	for (size_t i = 0; i < r->out.n; i++)
		n += r->out.list[i].kind == kind;
	return n;
}

/* The i-th command of that kind; the test fails when there is none. */
static inline const struct core_command *rig_nth(
	const struct rig *r, enum core_command_kind kind, size_t i)
{
	for (size_t k = 0; k < r->out.n; k++) {
		if (r->out.list[k].kind == kind && i-- == 0)
			return &r->out.list[k];
	}
	fail_msg("no command of kind %d", (int)kind);
	return NULL;
}

static inline const struct core_command *rig_one(const struct rig *r, enum core_command_kind kind)
{
	assert_int_equal(rig_count(r, kind), 1);
	return rig_nth(r, kind, 0);
}

/* How many DELIVERs of the step go to the session. */
static inline size_t rig_received(const struct rig *r, uint32_t link, uint64_t session)
{
	size_t n = 0;

	for (size_t i = 0; i < r->out.n; i++) {
		const struct core_command *c = &r->out.list[i];

		if (c->kind != CORE_DO_DELIVER || c->link != link)
			continue;
		for (size_t k = 0; k < c->deliver.n_sessions; k++)
			n += c->deliver.sessions[k] == session;
	}
	return n;
}

static inline void rig_assert_text(const struct core_text *t, size_t len, const char *want)
{
	char got[1024];

	assert_in_range(len, 0, t->text.len);
	snprintf(got, sizeof(got), "%.*s", (int)len, t->text.data);
	assert_string_equal(got, want);
}

/* A private message of a session on a link. */
static inline struct core_event rig_message(uint64_t session, const char *to, const char *mid)
{
	struct core_event e = {.kind = CORE_SEND};

	e.send.session = session;
	e.send.ref = 5;
	e.send.to = slice_of(to);
	e.send.content = SLICE_LITERAL("x");
	e.send.mid = slice_of(mid);
	return e;
}

/* An operator's push. */
static inline struct core_event rig_push(const char *user, const char *mid)
{
	struct core_event e = {.kind = CORE_CTL_PUSH};

	e.push.ref = 9;
	e.push.user = slice_of(user);
	e.push.event = SLICE_LITERAL("news");
	e.push.data = SLICE_LITERAL("[1]");
	e.push.mid = slice_of(mid);
	return e;
}

static inline void rig_event(struct rig *r, uint32_t link, struct core_event e)
{
	r->link = link;
	rig_step(r, &e);
}

/* The code of its refusal, which changes nothing. */
static inline unsigned rig_refused(struct rig *r, uint32_t link, struct core_event e)
{
	uint64_t before = core_digest(r->core);

	rig_event(r, link, e);
	assert_int_equal(rig_one(r, CORE_DO_RESULT)->result.state, CORE_REFUSED);
	assert_int_equal(rig_count(r, CORE_DO_APPEND), 0);
	assert_true(core_digest(r->core) == before);
	return rig_one(r, CORE_DO_RESULT)->result.code;
}

static inline struct core_user_info rig_user(const struct rig *r, const char *uid)
{
	struct core_user_info info = {.state = "not known"};

	core_user(r->core, slice_of(uid), &info);
	return info;
}

#endif
