/*
 * A message is on disk: its readers get it, its sender is answered.  A text is written once and
 * goes to each link that has a live session of its receiver, and to no other.  Or it is not, for
 * want of room: then its numbers are given out anew, and its sender may try again.
 *
 * One message after the other is told, each wholly or not at all: what there is no memory for is
 * told by a later tick, in the same order.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/bug.h"
#include "router/core_internal.h"

/* Before a sender whose message found no room tries again. */
#define FAILED_AFTER_MS 5000

int core_answer(struct core *c, const struct asker *asker, struct core_command **out)
{
	const struct link_state *l = &c->sessions.links[asker->link];

	*out = NULL;
	if (asker->is_operator)
		*out = commands_add(&c->commands, CORE_DO_CTL_RESULT, 0);
	else if (l->up && l->turn == asker->turn)
		*out = commands_add(&c->commands, CORE_DO_RESULT, asker->link);
	else
		return 0;
	if (*out == NULL)
		return -ENOMEM;
	(*out)->result.ref = asker->ref;
	return 0;
}

static bool is_receiver(const struct fanout *f, const struct session *s)
{
	return s->id != f->except && (!f->live_only || s->is_live);
}

bool core_has_receiver(const struct fanout *f)
{
	for (const struct session *s = f->user->sessions; s != NULL; s = s->user_next) {
		if (is_receiver(f, s))
			return true;
	}
	return false;
}

int core_fan_out(struct core *c, const struct fanout *f, uint32_t *out_n)
{
	uint64_t *ids = commands_alloc(&c->commands, f->user->n_sessions * sizeof(*ids));
	struct core_command *command = NULL;

	*out_n = 0;
	if (ids == NULL)
		return -ENOMEM;
	for (const struct session *s = f->user->sessions; s != NULL; s = s->user_next) {
		if (!is_receiver(f, s))
			continue;
		if (command == NULL || command->link != s->link) {
			command = commands_add(&c->commands, CORE_DO_DELIVER, s->link);
			if (command == NULL)
				return -ENOMEM;
			command->deliver.sessions = ids + *out_n;
			command->deliver.text = f->text;
			command->deliver.shed = f->shed;
			command->deliver.native_only = f->native_only;
			command->deliver.number = f->number;
		}
		ids[(*out_n)++] = s->id;
		command->deliver.n_sessions++;
	}
	return 0;
}

static int tell_all(struct core *c, const struct message *m)
{
	struct core_command *command;
	struct core_text text;

	if (!text_message(&c->commands, m, TEXT_SYSTEM, &text))
		return -ENOMEM;
	command = commands_add(&c->commands, CORE_DO_SYSTEM, 0);
	if (command == NULL)
		return -ENOMEM;
	command->system.number = m->at_to.seq;
	command->system.text = text;
	return 0;
}

/* The live sessions of its recipient. */
static int tell_recipient(struct core *c, const struct pending *p, uint32_t *out_n)
{
	struct fanout f = {.user = p->to, .live_only = true, .number = p->message.at_to.seq};

	*out_n = 0;
	if (BUG(7))
		return tell_all(c, &p->message);
	if (!core_has_receiver(&f))
		return 0;
	if (!text_message(&c->commands, &p->message, TEXT_RECEIVED, &f.text))
		return -ENOMEM;
	return core_fan_out(c, &f, out_n);
}

/* The sender's other sessions.  A plain client is shown none, but its edge counts the number. */
static int tell_sender(struct core *c, const struct pending *p, uint32_t *out_n)
{
	struct fanout f = {.user = p->from,
		.except = p->session,
		.live_only = true,
		.native_only = true,
		.number = p->message.at_from.seq};

	*out_n = 0;
	if (p->message.at_from.seq == 0 || !core_has_receiver(&f))
		return 0;
	if (!text_message(&c->commands, &p->message, TEXT_CARBON, &f.text))
		return -ENOMEM;
	return core_fan_out(c, &f, out_n);
}

static bool note_stored(struct core *c, const struct pending *p, const struct core_command *like)
{
	struct slice by = p->from == NULL ? SLICE_LITERAL("operator") : user_uid(p->from);
	bool is_chat = p->message.kind == MESSAGE_CHAT;
	struct note n;

	if (!note_begin(&n, &c->commands))
		return false;
	if (is_chat)
		note_text(&n, "to", p->message.to);
	else
		note_text(&n, "event", p->message.event);
	note_text(&n, "mid", p->message.mid);
	if (!is_chat)
		note_number(&n, "seq", like->result.seq);
	note_number(&n, "devices", like->result.devices);
	note_number(&n, "bytes", p->message.body.len);
	if (is_chat)
		return note_end(&n, "sent", by);
	note_text(&n, "by", by);
	return note_end(&n, "pushed", p->message.to);
}

/* To the sender, and to those who asked again. */
static int answer_all(struct core *c, const struct pending *p, const struct core_command *like)
{
	struct core_command *result;

	if (core_answer(c, &p->asker, &result) < 0)
		return -ENOMEM;
	if (result != NULL) {
		result->result = like->result;
		result->result.ref = p->asker.ref;
	}
	for (const struct waiter *w = p->waiters; w != NULL; w = w->next) {
		if (core_answer(c, &w->asker, &result) < 0)
			return -ENOMEM;
		if (result == NULL)
			continue;
		result->result = like->result;
		result->result.ref = w->asker.ref;
		if (like->result.state == CORE_REFUSED)
			continue;
		result->result.first = like->result.state;
		result->result.state = CORE_DUPLICATE;
	}
	return 0;
}

/* Whether the store must hear of it, and how late that is remembered. */
static int learn_contact(struct core *c, const struct pending *p, int64_t wall_ms)
{
	struct core_command *command;
	struct slice a;
	struct slice b;
	int64_t last_ms;

	if (p->message.kind != MESSAGE_CHAT || p->from == p->to)
		return 0;
	a = user_uid(p->from);
	b = user_uid(p->to);
	last_ms = contacts_last(&c->contacts, a, b);
	if (last_ms != 0 && wall_ms - last_ms < DAY_MS)
		return 0;
	command = commands_add(&c->commands, CORE_DO_CONTACT, 0);
	if (command == NULL)
		return -ENOMEM;
	command->contact.a = contacts_in_order(a, b) ? a : b;
	command->contact.b = contacts_in_order(a, b) ? b : a;
	command->contact.last_ms = wall_ms;
	if (contacts_put(&c->contacts, a, b, wall_ms) < 0)
		return -ENOMEM;
	presence_reveal(&c->presence, p->from, p->to);
	return 0;
}

static enum core_state state_of(const struct pending *p, uint32_t devices)
{
	if (devices > 0)
		return CORE_DELIVERED;
	return p->to != NULL && p->to->n_sessions > 0 ? CORE_ACCEPTED : CORE_KEPT;
}

/* Nothing may fail here. */
static void settle(struct core *c, struct pending *p, const struct core_command *like)
{
	struct mid *mid = p->mid == 0 ? NULL : mids_at(&c->mids, p->mid);

	if (p->to == NULL) {
		c->system.stored = p->message.at_to;
	} else {
		p->to->numbers.stored = p->message.at_to;
		c->unacked_rows++;
	}
	if (p->message.at_from.seq != 0)
		p->from->numbers.stored = p->message.at_from;
	if (mid != NULL) {
		mid->pending = NULL;
		mid->state = like->result.state;
		mid->devices = like->result.devices;
		mid->seq = like->result.seq;
	}
	c->counts.stored++;
	if (p->message.kind == MESSAGE_CHAT)
		c->counts.sent++;
	else
		c->counts.pushes++;
}

static int tell_stored(struct core *c, struct pending *p, const struct core_event *e)
{
	bool is_chat = p->message.kind == MESSAGE_CHAT;
	struct core_command like = {0};
	uint32_t carbons = 0;

	if (p->to == NULL) {
		if (tell_all(c, &p->message) < 0)
			return -ENOMEM;
		like.result.devices = (uint32_t)(c->sessions.n - c->sessions.n_calls);
	} else if (tell_recipient(c, p, &like.result.devices) < 0 ||
		   tell_sender(c, p, &carbons) < 0) {
		return -ENOMEM;
	}
	like.result.state = state_of(p, like.result.devices);
	like.result.seq = is_chat ? p->message.at_from.seq : p->message.at_to.seq;
	like.result.mid = p->message.mid;
	if (answer_all(c, p, &like) < 0 || !note_stored(c, p, &like) ||
		learn_contact(c, p, e->wall_ms) < 0)
		return -ENOMEM;
	settle(c, p, &like);
	c->counts.deliveries += like.result.devices + carbons;
	return 0;
}

static int tell_failed(struct core *c, const struct pending *p)
{
	struct core_command like = {0};

	like.result.code = EX_UNAVAILABLE;
	like.result.after_ms = FAILED_AFTER_MS;
	like.result.mid = p->message.mid;
	if (answer_all(c, p, &like) < 0)
		return -ENOMEM;
	c->counts.refused += p->message.kind == MESSAGE_CHAT;
	return 0;
}

void core_tell(struct core *c, const struct core_event *e)
{
	struct pending *p;

	while ((p = c->pending.first) != NULL && (p->is_failed || p->number <= c->stored_number)) {
		struct commands_mark mark = commands_mark(&c->commands);

		if ((p->is_failed ? tell_failed(c, p) : tell_stored(c, p, e)) < 0) {
			commands_rewind(&c->commands, &mark);
			return;
		}
		pendings_add(&c->told, pendings_take(&c->pending));
	}
}

int core_on_stored(struct core *c, const struct core_event *e)
{
	if (e->stored.number > c->stored_number)
		c->stored_number = e->stored.number;
	core_tell(c, e);
	return 0;
}

static void set_heads(struct core *c, const struct pending *p, bool back)
{
	struct numbers *to = p->to == NULL ? &c->system : &p->to->numbers;

	to->head = back ? to->stored : p->message.at_to;
	if (p->message.at_from.seq != 0)
		p->from->numbers.head = back ? p->from->numbers.stored : p->message.at_from;
}

/*
 * Every number of the generation that is not on disk is given out again.  Of what is on disk and
 * was not told yet the numbers stand.
 */
int core_on_failed(struct core *c, const struct core_event *e)
{
	if (e->failed.generation != c->generation)
		return 0;
	for (const struct pending *p = c->pending.first; p != NULL; p = p->next) {
		if (!p->is_failed && !BUG(8))
			set_heads(c, p, true);
	}
	for (struct pending *p = c->pending.first; p != NULL; p = p->next) {
		if (p->is_failed)
			continue;
		if (p->number <= c->stored_number) {
			set_heads(c, p, false);
			continue;
		}
		p->is_failed = true;
		if (p->mid != 0)
			mids_remove(&c->mids, p->mid);
	}
	c->generation += !BUG(25);
	c->counts.store_failures++;
	core_tell(c, e);
	return 0;
}
