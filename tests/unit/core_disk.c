/* A queue of what it was given, and arrays of what it has. */
#include "core_disk.h"

#include <assert.h>

#include "test.h"

void disk_init(struct disk *d)
{
	d->first = 0;
	d->end = 0;
	d->untold = 0;
	d->dropped = 0;
	for (unsigned i = 0; i < MODEL_STREAMS; i++) {
		d->streams[i].head = (struct message_place){0};
		d->streams[i].floor = 1;
	}
}

static unsigned stream_of(const struct model *m, struct slice uid)
{
	return uid.len == 0 ? MODEL_SYSTEM : (unsigned)model_user(m, uid);
}

static struct slice keep(struct disk_message *k, size_t *used, struct slice s)
{
	struct slice out = {k->bytes + *used, s.len};

	assert_in_range(s.len, 0, sizeof(k->bytes) - *used);
	if (s.len > 0)
		memcpy(k->bytes + *used, s.data, s.len);
	*used += s.len;
	return out;
}

static void keep_message(struct disk *d, const struct core_command *c)
{
	struct disk_message *k = &d->messages[c->append.number];
	size_t used = 0;

	assert_in_range(c->append.number, 1, MODEL_MESSAGES);
	k->message = *c->append.message;
	k->generation = c->append.generation;
	k->message.to = keep(k, &used, k->message.to);
	k->message.from = keep(k, &used, k->message.from);
	k->message.device = keep(k, &used, k->message.device);
	k->message.mid = keep(k, &used, k->message.mid);
	k->message.event = keep(k, &used, k->message.event);
	k->message.body = keep(k, &used, k->message.body);
}

void disk_take(struct disk *d, const struct model *m, const struct core_command *c)
{
	struct disk_op op = {.kind = c->kind};

	if (c->kind == CORE_DO_APPEND) {
		if (c->append.generation < d->dropped)
			return;
		keep_message(d, c);
		op.number = c->append.number;
	} else if (c->kind == CORE_DO_READ) {
		op.session = c->read.session;
		op.stream = c->read.stream;
		op.of = stream_of(m, c->read.uid);
		op.at = c->read.after;
	} else if (c->kind == CORE_DO_POSITION) {
		op.of = stream_of(m, c->position.uid);
		op.at = c->position.u;
	} else if (c->kind == CORE_DO_TRIM) {
		op.of = stream_of(m, c->trim.uid);
		op.at = c->trim.seq;
	} else {
		return;
	}
	assert_in_range(d->end, 0, DISK_OPS - 1);
	d->ops[d->end++] = op;
}

static void put_row(struct disk *d, unsigned stream, const struct message_place *at,
	size_t received, uint64_t number)
{
	struct disk_stream *s = &d->streams[stream];
	bool is_received = d->messages[number].message.at_to.seq == at->seq &&
			   &d->messages[number].message.at_to == at;

	assert_int_equal(at->seq, s->head.seq + 1);
	assert_int_equal(at->rows, s->head.rows + is_received);
	assert_int_equal(at->bytes, s->head.bytes + received);
	s->head = *at;
	s->numbers[at->seq] = number;
}

static void commit(struct disk *d, const struct model *m, uint64_t number, bool is_damaged)
{
	struct disk_message *k = &d->messages[number];
	const struct message *msg = &k->message;

	k->is_damaged = is_damaged;
	put_row(d, stream_of(m, msg->to), &msg->at_to, msg->body.len, number);
	if (msg->at_from.seq != 0)
		put_row(d, stream_of(m, msg->from), &msg->at_from, 0, number);
}

/* Full: the generation of the next append goes. */
static void drop_generation(struct disk *d, struct core_event *e)
{
	uint64_t generation = d->messages[d->ops[d->first].number].generation;
	size_t kept = d->first;

	for (size_t i = d->first; i < d->end; i++) {
		if (d->ops[i].kind != CORE_DO_APPEND)
			d->ops[kept++] = d->ops[i];
	}
	d->end = kept;
	d->dropped = generation + 1;
	e->kind = CORE_FAILED;
	e->failed.generation = generation;
}

static void read_page(struct disk *d, const struct disk_op *op, size_t max, struct core_event *e)
{
	const struct disk_stream *s = &d->streams[op->of];

	e->kind = CORE_ROWS;
	e->rows.session = op->session;
	e->rows.stream = op->stream;
	e->rows.after = op->at;
	e->rows.floor = s->floor;
	e->rows.rows = d->rows;
	for (uint64_t seq = op->at + 1;
		op->at + 1 >= s->floor && seq <= s->head.seq && e->rows.n < max; seq++) {
		const struct disk_message *k = &d->messages[s->numbers[seq]];
		struct message_row *row = &d->rows[e->rows.n++];

		*row = (struct message_row){.seq = seq, .is_damaged = k->is_damaged};
		if (!k->is_damaged)
			row->message = k->message;
	}
}

/* false: nothing is to be said of it. */
static bool acked(
	struct disk *d, const struct model *m, const struct disk_op *op, struct core_event *e)
{
	const struct disk_stream *s = &d->streams[op->of];
	const struct message *msg;

	if (op->at == 0 || op->at < s->floor || op->at > s->head.seq)
		return false;
	msg = &d->messages[s->numbers[op->at]].message;
	e->kind = CORE_ACKED;
	e->acked.uid = slice_of(m->users[op->of].uid);
	e->acked.place = stream_of(m, msg->to) == op->of && msg->at_to.seq == op->at ? msg->at_to
										     : msg->at_from;
	return true;
}

static void offer_old(
	struct disk *d, const struct model *m, struct core_event *e, disk_draw_fn *draw, void *arg)
{
	unsigned of = draw(arg, MODEL_STREAMS);
	const struct disk_stream *s = &d->streams[of];

	if (s->head.seq < s->floor)
		return;
	e->kind = CORE_OLD;
	if (of != MODEL_SYSTEM)
		e->old.uid = slice_of(m->users[of].uid);
	e->old.seq = s->floor + draw(arg, (unsigned)(s->head.seq - s->floor + 1));
	e->old.ts_ms = e->wall_ms - (draw(arg, 4) == 0 ? m->config.retention_ms : 86400000);
}

static void append_some(struct disk *d, const struct model *m, disk_draw_fn *draw, void *arg)
{
	for (unsigned n = 1 + draw(arg, 8);
		n > 0 && d->first < d->end && d->ops[d->first].kind == CORE_DO_APPEND; n--) {
		d->untold = d->ops[d->first++].number;
		commit(d, m, d->untold, draw(arg, 60) == 0);
	}
}

static void tell_stored(struct disk *d, struct core_event *e)
{
	e->kind = CORE_STORED;
	e->stored.number = d->untold;
	d->untold = 0;
}

/* One thing that it was given; whether there is an event of it. */
static bool work(
	struct disk *d, const struct model *m, struct core_event *e, disk_draw_fn *draw, void *arg)
{
	const struct disk_op op = d->ops[d->first];

	if (op.kind == CORE_DO_APPEND && draw(arg, 60) == 0) {
		drop_generation(d, e);
		return true;
	}
	if (op.kind == CORE_DO_APPEND) {
		append_some(d, m, draw, arg);
		return false;
	}
	d->first++;
	if (op.kind == CORE_DO_READ) {
		read_page(d, &op, 1 + draw(arg, DISK_ROWS), e);
		return true;
	}
	if (op.kind == CORE_DO_POSITION)
		return acked(d, m, &op, e);
	if (d->streams[op.of].floor <= op.at)
		d->streams[op.of].floor = op.at + 1;
	assert_in_range(op.at, 0, d->streams[op.of].head.seq);
	return false;
}

bool disk_event(
	struct disk *d, const struct model *m, struct core_event *e, disk_draw_fn *draw, void *arg)
{
	enum core_event_kind before = e->kind;

	for (;;) {
		bool is_read = d->first < d->end && d->ops[d->first].kind == CORE_DO_READ;

		/* A page may be seen before what it shows is told. */
		if (d->untold != 0 && !(is_read && draw(arg, 3) == 0)) {
			tell_stored(d, e);
			return true;
		}
		if (d->first == d->end)
			break;
		if (work(d, m, e, draw, arg))
			return true;
	}
	d->first = 0;
	d->end = 0;
	offer_old(d, m, e, draw, arg);
	return e->kind != before;
}

const struct disk_message *disk_row(const struct disk *d, unsigned stream, uint64_t seq)
{
	return seq == 0 || seq > d->streams[stream].head.seq
		       ? NULL
		       : &d->messages[d->streams[stream].numbers[seq]];
}
