/*
 * What clients have, and what they ask for again.  Positions go up by acknowledgement and to the
 * store with the ticks; pages come from the store and go to one session; what everybody has may be
 * trimmed.
 */
#include <errno.h>

#include "common/bug.h"
#include "router/core_internal.h"

/* Told to the store in one tick; the rest waits its turn. */
#define POSITIONS_PER_TICK 2048

static struct numbers *numbers_of(struct core *c, const struct session *s, enum core_stream stream)
{
	return stream == CORE_STREAM_SYSTEM ? &c->system : &s->user->numbers;
}

static struct slice device_of(const struct session *s)
{
	return (struct slice){s->device, s->device_len};
}

/* What the position of a device says: everything that all its connections have. */
static void settle_position(struct core *c, struct position *p)
{
	struct user *u = p->user;
	uint64_t least_u = UINT64_MAX;
	uint64_t least_s = UINT64_MAX;

	for (const struct session *s = u->sessions; s != NULL; s = s->user_next) {
		if (!slice_eq(device_of(s), position_device(p)))
			continue;
		least_u = s->acked_u < least_u ? s->acked_u : least_u;
		least_s = s->acked_s < least_s ? s->acked_s : least_s;
	}
	if (least_u != UINT64_MAX)
		positions_raise(&c->positions, p, least_u, least_s);
}

static void count_position(struct user *u, const struct position *p)
{
	if (p->u > u->acked_seq)
		u->acked_seq = p->u;
	if (p->s > u->acked_system)
		u->acked_system = p->s;
}

void core_settle_position(struct core *c, struct user *u, struct slice device)
{
	struct position *p = device_is_named(device) ? positions_find(u, device) : NULL;

	if (p == NULL)
		return;
	settle_position(c, p);
	count_position(u, p);
}

int core_on_ack(struct core *c, const struct core_event *e)
{
	struct session *s = NULL;
	struct position *p;

	switch (core_connection(c, e, e->ack.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "ack_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	if (e->ack.u > s->user->numbers.stored.seq || e->ack.s > c->system.stored.seq)
		return core_violation(c, e, "ack_beyond_the_head");
	p = positions_make(&c->positions, s->user, device_of(s));
	if (p == NULL)
		return -ENOMEM;
	s->acked_u = e->ack.u > s->acked_u ? e->ack.u : s->acked_u;
	s->acked_s = e->ack.s > s->acked_s ? e->ack.s : s->acked_s;
	if (p->device_len == 0 || BUG(12))
		positions_raise(&c->positions, p, s->acked_u, s->acked_s);
	else
		settle_position(c, p);
	positions_seen(&c->positions, p, e->wall_ms);
	count_position(s->user, p);
	return 0;
}

static bool add_position(struct core *c, const struct position *p)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_POSITION, 0);

	if (command == NULL)
		return false;
	command->position.uid = user_uid(p->user);
	command->position.device = position_device(p);
	command->position.u = p->u;
	command->position.s = p->s;
	command->position.seen_ms = p->seen_ms;
	return true;
}

void core_flush_positions(struct core *c)
{
	struct position *p;

	for (size_t i = 0; i < POSITIONS_PER_TICK && (p = c->positions.dirty_first) != NULL; i++) {
		if (!add_position(c, p))
			return;
		positions_told(&c->positions, p);
	}
}

int core_on_acked(struct core *c, const struct core_event *e)
{
	struct user *u = users_find(&c->users, e->acked.uid);
	const struct message_place *place = &e->acked.place;

	if (u == NULL || place->seq <= u->acked.seq || place->seq > u->numbers.stored.seq)
		return 0;
	if (BUG(26))
		return 0;
	c->unacked_rows -= place->rows - u->acked.rows;
	u->acked = *place;
	if (place->seq > u->acked_seq)
		u->acked_seq = place->seq;
	return 0;
}

/* The end of a page. */
static int add_page(struct core *c, struct session *s, enum core_stream stream, uint64_t last)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_PAGE, s->link);

	if (command == NULL)
		return -ENOMEM;
	command->page.session = s->id;
	command->page.stream = stream;
	command->page.last = last;
	command->page.more = last + BUG(11) < numbers_of(c, s, stream)->stored.seq;
	if (stream == CORE_STREAM_USER && !command->page.more)
		sessions_set_live(&c->sessions, s, true);
	return 0;
}

/* What comes after its position is not kept any more: it goes on at the head. */
static int reset(struct core *c, struct session *s, enum core_stream stream)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_RESET, s->link);
	uint64_t head = numbers_of(c, s, stream)->stored.seq;

	if (command == NULL)
		return -ENOMEM;
	command->reset.session = s->id;
	command->reset.reason = CORE_RESET_TOO_OLD;
	command->reset.u = stream == CORE_STREAM_USER ? head : 0;
	command->reset.s = stream == CORE_STREAM_SYSTEM ? head : 0;
	if (add_page(c, s, stream, head) < 0)
		return -ENOMEM;
	c->counts.resets++;
	return 0;
}

static int read_page(struct core *c, const struct session *s, const struct core_event *e)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_READ, 0);

	if (command == NULL)
		return -ENOMEM;
	command->read.session = s->id;
	command->read.stream = e->sync.stream;
	if (e->sync.stream == CORE_STREAM_USER)
		command->read.uid = user_uid(s->user);
	command->read.after = e->sync.after;
	return 0;
}

int core_on_sync(struct core *c, const struct core_event *e)
{
	enum core_stream stream = e->sync.stream;
	const struct numbers *n;
	struct session *s = NULL;

	switch (core_connection(c, e, e->sync.session, &s)) {
	case OWNER_NONE:
		return core_violation(c, e, "sync_for_another_session");
	case OWNER_ENDED:
		return 0;
	case OWNER_LINK:
		break;
	}
	n = numbers_of(c, s, stream);
	if (e->sync.after > n->stored.seq)
		return core_violation(c, e, "sync_beyond_the_head");
	if (s->is_reading[stream])
		return 0;
	if (n->floor > e->sync.after + 1)
		return reset(c, s, stream);
	if (e->sync.after == n->stored.seq)
		return add_page(c, s, stream, e->sync.after);
	/* Readers of other edges wait behind those of one that asks for everything at once. */
	if (c->sessions.links[e->link].n_reading >= SYNCS_IN_FLIGHT)
		return core_violation(c, e, "too_many_syncs");
	if (read_page(c, s, e) < 0)
		return -ENOMEM;
	sessions_set_reading(&c->sessions, s, stream, true);
	s->asked_after[stream] = e->sync.after;
	if (stream == CORE_STREAM_USER)
		sessions_set_live(&c->sessions, s, false);
	return 0;
}

static const char *gone_reason(const struct message_row *row, int64_t wall_ms)
{
	if (row->is_damaged && !BUG(24))
		return "damaged";
	return row->message.expires_ms != 0 && row->message.expires_ms <= wall_ms ? "expired"
										  : NULL;
}

static int deliver_row(struct core *c, const struct session *s, const struct core_event *e,
	const struct message_row *row)
{
	bool system = e->rows.stream == CORE_STREAM_SYSTEM;
	const char *reason = gone_reason(row, e->wall_ms);
	bool carbon = reason == NULL && !system && !slice_eq(row->message.to, user_uid(s->user));
	struct text_gone gone = {reason, row->seq, system};
	struct core_command *command;
	struct core_text text;
	uint64_t *id = commands_alloc(&c->commands, sizeof(*id));

	if (id == NULL)
		return -ENOMEM;
	*id = s->id;
	if (!(reason != NULL ? text_gone(&c->commands, &gone, &text)
			     : text_message(&c->commands, &row->message,
				       system	? TEXT_SYSTEM
				       : carbon ? TEXT_CARBON
						: TEXT_RECEIVED,
				       &text)))
		return -ENOMEM;
	command = commands_add(&c->commands, CORE_DO_DELIVER, s->link);
	if (command == NULL)
		return -ENOMEM;
	command->deliver.sessions = id;
	command->deliver.n_sessions = 1;
	command->deliver.text = text;
	command->deliver.native_only = reason != NULL || carbon;
	command->deliver.number = row->seq;
	command->deliver.system = system;
	return 0;
}

int core_on_rows(struct core *c, const struct core_event *e)
{
	struct session *s = sessions_find(&c->sessions, e->rows.session);
	enum core_stream stream = e->rows.stream;
	uint64_t last = e->rows.after + BUG(3);
	int rc;

	if (s == NULL || s->user == NULL || !s->is_reading[stream] ||
		s->asked_after[stream] != e->rows.after)
		return 0;
	if (e->rows.floor > e->rows.after + 1) {
		rc = reset(c, s, stream);
		if (rc == 0)
			sessions_set_reading(&c->sessions, s, stream, false);
		return rc;
	}
	for (size_t i = 0; i < e->rows.n; i++) {
		/* What is on disk and was not told yet comes live. */
		if (e->rows.rows[i].seq != last + 1 || last == numbers_of(c, s, stream)->stored.seq)
			break;
		if (deliver_row(c, s, e, &e->rows.rows[i]) < 0)
			return -ENOMEM;
		last++;
	}
	rc = add_page(c, s, stream, last);
	if (rc < 0)
		return rc;
	sessions_set_reading(&c->sessions, s, stream, false);
	c->counts.deliveries += last - e->rows.after;
	return 0;
}

/* How far the stream of a user may be trimmed, when nobody but the retention wants it. */
static uint64_t acknowledged_by_all(const struct user *u)
{
	uint64_t lowest;

	return positions_lowest(u, &lowest) && !BUG(13) ? lowest : u->acked_seq;
}

static uint64_t not_past_readers(const struct user *u, uint64_t seq)
{
	for (const struct session *s = u->sessions; s != NULL; s = s->user_next) {
		if (!s->is_live && s->asked_after[CORE_STREAM_USER] < seq)
			seq = s->asked_after[CORE_STREAM_USER];
	}
	return seq;
}

/*
 * The stream's numbers up to seq go.  Where that is more than anybody acknowledged they stop
 * counting against the user: the store says what place that is (CORE_ACKED), so it is asked before
 * they are gone.
 */
static int trim(struct core *c, struct user *u, uint64_t seq, int64_t wall_ms)
{
	struct core_command *command;

	if (u != NULL && seq > u->acked_seq) {
		command = commands_add(&c->commands, CORE_DO_POSITION, 0);
		if (command == NULL)
			return -ENOMEM;
		command->position.uid = user_uid(u);
		command->position.u = seq;
		command->position.s = u->acked_system;
		command->position.seen_ms = wall_ms;
	}
	command = commands_add(&c->commands, CORE_DO_TRIM, 0);
	if (command == NULL)
		return -ENOMEM;
	if (u != NULL)
		command->trim.uid = user_uid(u);
	command->trim.seq = seq;
	return 0;
}

/* Who is still to be reopened may be reading, and the store offers again. */
static bool readers_may_come_back(const struct core *c)
{
	return c->config.after_restart && c->now_ms - c->config.started_ms <= REOPEN_WINDOW_MS;
}

int core_on_old(struct core *c, const struct core_event *e)
{
	bool is_system = e->old.uid.len == 0;
	struct user *u = is_system ? NULL : users_find(&c->users, e->old.uid);
	struct numbers *n = is_system ? &c->system : u == NULL ? NULL : &u->numbers;
	bool is_past = e->wall_ms - e->old.ts_ms >= c->config.retention_ms;
	uint64_t seq = e->old.seq;

	if (n == NULL || (is_system && !is_past) || readers_may_come_back(c))
		return 0;
	if (!is_past && acknowledged_by_all(u) < seq)
		seq = acknowledged_by_all(u);
	if (!is_system)
		seq = not_past_readers(u, seq);
	if (seq > n->stored.seq)
		seq = n->stored.seq;
	if (seq < n->floor)
		return 0;
	if (trim(c, u, seq, e->wall_ms) < 0)
		return -ENOMEM;
	n->floor = seq + 1;
	if (u != NULL && seq > u->acked_seq)
		u->acked_seq = seq;
	return 0;
}

static int purge(struct core *c, struct user *u, int64_t wall_ms)
{
	uint64_t head = u->numbers.stored.seq;

	if (head >= u->numbers.floor && trim(c, u, head, wall_ms) < 0)
		return -ENOMEM;
	c->unacked_rows -= core_unacked(u);
	u->numbers.floor = head + 1;
	u->acked = u->numbers.stored;
	u->acked_seq = head;
	return 0;
}

int core_on_purge(struct core *c, const struct core_event *e)
{
	struct user *u = users_find(&c->users, e->user.uid);
	struct core_command *result = commands_add(&c->commands, CORE_DO_CTL_RESULT, 0);
	struct note n;

	if (result == NULL)
		return -ENOMEM;
	if (u == NULL || !u->known) {
		result->result.code = EX_RECIPIENT_UNKNOWN;
		return 0;
	}
	result->result.state = CORE_DELIVERED;
	result->result.seq = u->numbers.stored.seq;
	if (!note_begin(&n, &c->commands))
		return -ENOMEM;
	note_number(&n, "seq", u->numbers.stored.seq);
	note_number(&n, "unacknowledged", core_unacked(u));
	if (!note_end(&n, "purged", user_uid(u)))
		return -ENOMEM;
	return purge(c, u, e->wall_ms);
}
