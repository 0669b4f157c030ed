/*
 * The store, as store.h says it: what is submitted waits, is committed in batches, and is told
 * later; a crash loses what was not committed, and what was not told yet.  Numbers are held to be
 * without holes here, where the last word on them is.
 */
#include <stdlib.h>

#include "router/store.h"
#include "tests/sim/sim.h"

#define KEEP_ACKED_MS (INT64_C(1000) * INBOX_KEEP_ACKED_S)

void store_new_epoch(struct world *w)
{
	static const char digits[] = "0123456789abcdef";

	for (unsigned i = 0; i < EPOCH_BYTES; i++)
		w->disk.epoch[i] = digits[sim_below(w, 16)];
}

void store_init(struct world *w)
{
	w->disk.streams[SYSTEM] = (struct disk_stream){.exists = true, .floor = 1};
	store_new_epoch(w);
	w->op_last = &w->op_first;
	w->told_last = &w->told_first;
}

static void submit(struct world *w, const struct op *like)
{
	struct op *o = malloc(sizeof(*o));

	if (o == NULL)
		abort();
	*o = *like;
	o->next = NULL;
	*w->op_last = o;
	w->op_last = &o->next;
}

static struct told *tell(struct world *w, enum core_event_kind kind)
{
	struct told *t = calloc(1, sizeof(*t));

	if (t == NULL)
		abort();
	t->event.kind = kind;
	*w->told_last = t;
	w->told_last = &t->next;
	return t;
}

static struct slice keep_bytes(struct kept *k, size_t *used, struct slice s)
{
	char *at = k->bytes + *used;

	if (s.len == 0)
		return (struct slice){0};
	if (s.len > sizeof(k->bytes) - *used)
		abort();
	memcpy(at, s.data, s.len);
	*used += s.len;
	return (struct slice){at, s.len};
}

static void take_append(struct world *w, const struct core_command *c)
{
	const struct message *m = c->append.message;
	struct kept *k;
	size_t used = 0;

	if (w->n_kept == (int)(sizeof(w->kept) / sizeof(w->kept[0])))
		abort();
	k = &w->kept[w->n_kept];
	*k = (struct kept){.sent = check_body(m->body),
		.number = c->append.number,
		.generation = c->append.generation,
		.message = *m};
	k->message.to = keep_bytes(k, &used, m->to);
	k->message.from = keep_bytes(k, &used, m->from);
	k->message.device = keep_bytes(k, &used, m->device);
	k->message.mid = keep_bytes(k, &used, m->mid);
	k->message.event = keep_bytes(k, &used, m->event);
	k->message.body = keep_bytes(k, &used, m->body);
	TRACE(w, "append %llu of generation %llu: m%d to %s seq %llu, from %s seq %llu",
		(unsigned long long)k->number, (unsigned long long)k->generation, k->sent,
		sim_uids[sim_user(m->to)], (unsigned long long)m->at_to.seq,
		m->from.len == 0 ? "operator" : sim_uids[sim_user(m->from)],
		(unsigned long long)m->at_from.seq);
	check_append(w, w->n_kept++);
	if (w->failed)
		return;
	if (!w->sent[k->sent].is_dated || w->wall_skew < w->sent[k->sent].wall_skew)
		w->sent[k->sent].wall_skew = w->wall_skew;
	w->sent[k->sent].is_dated = true;
	/* No memory for it: its generation has failed, once what was submitted before is durable.
	 */
	if (w->nature.memory_fails && !w->quiet && sim_once_in(w, 30))
		w->lost_generation = k->generation + 1;
	if (k->generation + 1 > w->dropped_generation && k->generation + 1 != w->lost_generation)
		submit(w, &(struct op){.kind = OP_APPEND, .kept = w->n_kept - 1});
}

static void read_page(struct world *w, const struct op *o)
{
	const struct disk_stream *s = &w->disk.streams[o->user];
	struct told *t = tell(w, CORE_ROWS);
	unsigned max = 1 + sim_below(w, sizeof(t->rows) / sizeof(t->rows[0]));
	uint64_t seq = o->value + 1;

	t->event.rows.session = o->session;
	t->event.rows.stream = o->stream;
	t->event.rows.after = o->value;
	t->event.rows.floor = s->exists ? s->floor : 1;
	t->event.rows.rows = t->rows;
	/* A page begins right after what was asked for, or is empty. */
	if (seq < t->event.rows.floor)
		return;
	for (; seq <= s->head.seq && t->event.rows.n < max; seq++) {
		const struct kept *k = &w->kept[s->kept[seq]];
		struct message_row *row = &t->rows[t->event.rows.n++];

		row->seq = seq;
		row->is_damaged = k->damaged;
		if (!k->damaged)
			row->message = k->message;
	}
}

static void take_read(struct world *w, const struct core_command *c)
{
	struct op o = {.kind = OP_READ,
		.user = sim_user(c->read.uid),
		.value = c->read.after,
		.session = c->read.session,
		.stream = c->read.stream};

	w->totals->pages++;
	if ((o.user == SYSTEM) != (o.stream == CORE_STREAM_SYSTEM))
		sim_fail(w, "rules", "READ of another stream than it says");
	/* The thread may read before it commits what waits. */
	if (sim_once_in(w, 3))
		read_page(w, &o);
	else
		submit(w, &o);
}

static void take_position(struct world *w, const struct core_command *c)
{
	struct op o = {.kind = OP_POSITION, .user = sim_user(c->position.uid)};

	o.position.user = o.user;
	snprintf(o.position.device, sizeof(o.position.device), "%.*s",
		SLICE_ARGS(c->position.device));
	o.position.kept.u = c->position.u;
	o.position.kept.s = c->position.s;
	o.position.kept.seen_ms = c->position.seen_ms;
	submit(w, &o);
}

void store_take(struct world *w, const struct core_command *c)
{
	struct op o = {0};

	if (c->kind == CORE_DO_APPEND) {
		take_append(w, c);
	} else if (c->kind == CORE_DO_READ) {
		take_read(w, c);
	} else if (c->kind == CORE_DO_POSITION) {
		take_position(w, c);
	} else if (c->kind == CORE_DO_USER) {
		o = (struct op){.kind = OP_USER,
			.user = sim_user(c->user.uid),
			.value = c->user.acked_system};
		submit(w, &o);
	} else if (c->kind == CORE_DO_CONTACT) {
		o = (struct op){.kind = OP_CONTACT,
			.user = sim_user(c->contact.a),
			.other = sim_user(c->contact.b),
			.last_ms = c->contact.last_ms};
		submit(w, &o);
	} else if (c->kind == CORE_DO_MARK) {
		o = (struct op){.kind = OP_MARK,
			.rule = c->mark.mark.kind == MARK_SESSION ? -1 : (int)c->mark.tag - 1,
			.value = c->mark.mark.id % 4096 % SESSIONS,
			.mark = {c->mark.mark.at_ms, c->mark.mark.code}};
		submit(w, &o);
	} else if (c->kind == CORE_DO_TRIM) {
		w->totals->trims++;
		TRACE(w, "trim of %s up to %llu", sim_uids[sim_user(c->trim.uid)],
			(unsigned long long)c->trim.seq);
		o = (struct op){
			.kind = OP_TRIM, .user = sim_user(c->trim.uid), .value = c->trim.seq};
		submit(w, &o);
	}
}

static void put_row(
	struct world *w, int user, int kept, const struct message_place *at, bool received)
{
	struct disk_stream *s = &w->disk.streams[user];
	size_t len = received ? w->kept[kept].message.body.len : 0;

	if (!s->exists)
		*s = (struct disk_stream){.exists = true, .floor = 1};
	if (at->seq != s->head.seq + 1)
		sim_fail(w, "C3", "%s: number %llu was stored after %llu", sim_uids[user],
			(unsigned long long)at->seq, (unsigned long long)s->head.seq);
	else if (at->rows != s->head.rows + received || at->bytes != s->head.bytes + len)
		sim_fail(w, "rules", "%s: the place of %llu counts %llu rows, %llu bytes",
			sim_uids[user], (unsigned long long)at->seq, (unsigned long long)at->rows,
			(unsigned long long)at->bytes);
	if (w->failed || at->seq > ROWS) {
		w->failed = true;
		return;
	}
	s->head = *at;
	s->kept[at->seq] = kept;
}

static void commit_append(struct world *w, int kept)
{
	struct kept *k = &w->kept[kept];
	const struct message *m = &k->message;
	struct sent *s = &w->sent[k->sent];

	if (++s->rows > 1 && !s->excused)
		sim_fail(w, "C6", "m%d has two rows", k->sent);
	put_row(w, sim_user(m->to), kept, &m->at_to, true);
	if (m->at_from.seq != 0 && !w->failed)
		put_row(w, sim_user(m->from), kept, &m->at_from, false);
	/* Its id is not loaded at the next start. */
	if (w->nature.rows_rot && sim_once_in(w, 25))
		k->damaged = s->excused = true;
}

static void commit_position(struct world *w, const struct position *p)
{
	struct disk_stream *s = &w->disk.streams[p->user];
	struct position *at = NULL;
	struct told *t;

	for (size_t i = 0; p->device[0] != '\0' && i < CLIENTS * 2; i++) {
		struct position *d = &w->disk.devices[i];

		if (!d->used || (d->user == p->user && strcmp(d->device, p->device) == 0)) {
			at = d;
			break;
		}
	}
	if (at != NULL) {
		*at = *p;
		at->used = true;
	}
	if (p->kept.s > s->acked_system)
		s->acked_system = p->kept.s;
	if (p->kept.u == 0 || p->kept.u < s->floor || p->kept.u > s->head.seq)
		return;
	t = tell(w, CORE_ACKED);
	t->event.acked.uid = slice_of(sim_uids[p->user]);
	t->event.acked.place = s->head;
	if (p->kept.u < s->head.seq) {
		const struct message *m = &w->kept[s->kept[p->kept.u]].message;

		t->event.acked.place = sim_user(m->to) == p->user && m->at_to.seq == p->kept.u
					       ? m->at_to
					       : m->at_from;
	}
	if (t->event.acked.place.seq > s->acked.seq)
		s->acked = t->event.acked.place;
}

static void commit_user(struct world *w, const struct op *o)
{
	struct disk_stream *s = &w->disk.streams[o->user];

	if (!s->exists)
		*s = (struct disk_stream){.exists = true, .floor = 1};
	if (o->value > s->acked_system)
		s->acked_system = o->value;
}

static void commit_trim(struct world *w, const struct op *o)
{
	struct disk_stream *s = &w->disk.streams[o->user];

	if (o->value > s->head.seq)
		sim_fail(w, "rules", "%s: trim beyond the head", sim_uids[o->user]);
	else if (o->value + 1 > s->floor)
		s->floor = o->value + 1;
}

/* The disk is full: the batch and all of its generation go. */
static void fail_generation(struct world *w, uint64_t generation)
{
	struct op **at = &w->op_first;

	TRACE(w, "disk full: generation %llu is dropped", (unsigned long long)generation);
	w->dropped_generation = generation + 1;
	w->op_last = &w->op_first;
	while (*at != NULL) {
		struct op *o = *at;

		if (o->kind == OP_APPEND && w->kept[o->kept].generation <= generation) {
			*at = o->next;
			free(o);
		} else {
			at = &o->next;
			w->op_last = at;
		}
	}
	tell(w, CORE_FAILED)->event.failed.generation = generation;
}

static void report(struct world *w, uint64_t *stored)
{
	if (*stored != 0)
		tell(w, CORE_STORED)->event.stored.number = *stored;
	*stored = 0;
}

/* false: the disk is full. */
static bool commit(struct world *w, const struct op *o, uint64_t *stored)
{
	if (o->kind == OP_APPEND && w->disk_full) {
		report(w, stored);
		fail_generation(w, w->kept[o->kept].generation);
		return false;
	}
	if (o->kind == OP_APPEND) {
		commit_append(w, o->kept);
		*stored = w->kept[o->kept].number;
	} else if (o->kind == OP_READ) {
		report(w, stored);
		read_page(w, o);
	} else if (o->kind == OP_POSITION) {
		report(w, stored);
		commit_position(w, &o->position);
	} else if (o->kind == OP_USER) {
		commit_user(w, o);
	} else if (o->kind == OP_MARK) {
		marks_commit(w, o);
	} else if (o->kind == OP_CONTACT) {
		w->disk.contacts[o->user][o->other] = o->last_ms;
	} else {
		commit_trim(w, o);
	}
	return true;
}

void store_work(struct world *w, unsigned max_ops)
{
	uint64_t stored = 0;

	for (; max_ops > 0 && w->op_first != NULL && !w->failed; max_ops--) {
		struct op *o = w->op_first;

		if (!commit(w, o, &stored))
			continue;
		w->op_first = o->next;
		if (w->op_first == NULL)
			w->op_last = &w->op_first;
		free(o);
	}
	report(w, &stored);
	if (w->lost_generation > w->dropped_generation && w->op_first == NULL) {
		TRACE(w, "no memory: generation %llu is dropped",
			(unsigned long long)w->lost_generation - 1);
		w->dropped_generation = w->lost_generation;
		tell(w, CORE_FAILED)->event.failed.generation = w->lost_generation - 1;
	}
}

/* The next that the core has not heard. */
void store_tell(struct world *w)
{
	struct told *t = w->told_first;

	if (t == NULL || w->core == NULL)
		return;
	w->told_first = t->next;
	if (w->told_first == NULL)
		w->told_last = &w->told_first;
	router_must(w, &t->event);
	free(t);
}

void store_crash(struct world *w)
{
	while (w->op_first != NULL) {
		struct op *o = w->op_first;

		w->op_first = o->next;
		free(o);
	}
	w->op_last = &w->op_first;
	while (w->told_first != NULL) {
		struct told *t = w->told_first;

		w->told_first = t->next;
		free(t);
	}
	w->told_last = &w->told_first;
	w->lost_generation = 0;
}

/* Some stream's rows that are older than what is kept of acknowledged ones. */
void store_offer(struct world *w)
{
	int user = (int)sim_below(w, STREAMS);
	const struct disk_stream *s = &w->disk.streams[user];
	uint64_t seq = s->floor;
	struct told *t;

	if (!s->exists || w->core == NULL)
		return;
	while (seq <= s->head.seq &&
		w->kept[s->kept[seq]].message.ts_ms + KEEP_ACKED_MS <= sim_wall(w))
		seq++;
	if (seq == s->floor)
		return;
	t = tell(w, CORE_OLD);
	t->event.old.uid = slice_of(sim_uids[user]);
	t->event.old.seq = seq - 1;
	t->event.old.ts_ms = w->kept[s->kept[seq - 1]].message.ts_ms;
}

static void must(int rc)
{
	if (rc != 0)
		abort();
}

static void load_recent(struct world *w)
{
	for (int i = 0; i < w->n_kept; i++) {
		const struct kept *k = &w->kept[i];
		const struct disk_stream *s = &w->disk.streams[sim_user(k->message.to)];
		uint64_t seq = k->message.at_to.seq;

		if (seq > s->head.seq || s->kept[seq] != i || k->damaged || seq < s->floor ||
			k->message.ts_ms < sim_wall(w) - STORE_RECENT_MS)
			continue;
		must(core_load_recent(w->core, &k->message));
	}
}

void store_load_into(struct world *w)
{
	for (int i = 0; i < STREAMS; i++) {
		const struct disk_stream *s = &w->disk.streams[i];
		const struct core_stored_user u = {
			slice_of(sim_uids[i]), s->head, s->acked, s->acked_system, s->floor};

		if (s->exists)
			must(core_load_user(w->core, &u));
	}
	for (size_t i = 0; i < CLIENTS * 2; i++) {
		struct position *p = &w->disk.devices[i];

		p->kept.uid = slice_of(sim_uids[p->user]);
		p->kept.device = slice_of(p->device);
		if (p->used)
			must(core_load_device(w->core, &p->kept));
	}
	for (int a = 0; a < STREAMS; a++) {
		for (int b = 0; b < STREAMS; b++) {
			if (w->disk.contacts[a][b] != 0)
				must(core_load_contact(w->core, slice_of(sim_uids[a]),
					slice_of(sim_uids[b]), w->disk.contacts[a][b]));
		}
	}
	load_recent(w);
	marks_load(w);
}
