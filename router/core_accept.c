/*
 * A message is taken: it gets the next numbers of its streams at once, and waits in the queue until
 * the store says that it is on disk.  Everything that needs memory is made first; then nothing may
 * fail any more.
 */
#include <errno.h>
#include <string.h>

#include "common/bug.h"
#include "router/core_internal.h"

/* Before the same send is worth another try. */
#define UNAVAILABLE_AFTER_MS 1000
#define FULL_AFTER_MS 5000

/* No edge may keep the others' messages out. */
static bool is_queue_full(const struct core *c, const struct draft *d, size_t bytes)
{
	const struct pendings_count *all = &c->pending.all;
	const struct pendings_count *link = &c->pending.of_link[d->asker.link];

	if ((all->rows >= STORE_PENDING_ROWS && !BUG(2)) ||
		bytes > STORE_PENDING_BYTES - all->bytes)
		return true;
	return !d->asker.is_operator && !BUG(2) &&
	       (link->rows >= EDGE_PENDING_ROWS || bytes + link->bytes > EDGE_PENDING_BYTES);
}

/* Why there is no room for it, if there is none. */
static struct refusal check_bounds(
	const struct core *c, const struct draft *d, const struct user *to)
{
	size_t len = d->message.body.len;

	if (is_queue_full(c, d, len))
		return (struct refusal){EX_UNAVAILABLE, NULL, UNAVAILABLE_AFTER_MS};
	if (to == NULL)
		return (struct refusal){0};
	if (to->numbers.head.rows - to->acked.rows >= c->config.inbox_rows ||
		to->numbers.head.bytes - to->acked.bytes + len > c->config.inbox_bytes)
		return (struct refusal){EX_INBOX_FULL, NULL, FULL_AFTER_MS};
	return (struct refusal){0};
}

/* A user whom nobody has heard of gets an inbox by this message. */
static struct refusal check_new_inbox(const struct draft *d)
{
	int64_t day = d->e->wall_ms / DAY_MS;
	const struct user *by = d->session == NULL ? NULL : d->session->user;

	if (by == NULL || by->inboxes_day != day || by->n_inboxes < NEW_INBOXES_PER_DAY)
		return (struct refusal){0};
	return (struct refusal){
		EX_RATE_LIMITED, NULL, (uint32_t)((day + 1) * DAY_MS - d->e->wall_ms)};
}

static void count_new_inbox(const struct draft *d)
{
	struct user *by = d->session == NULL ? NULL : d->session->user;
	int64_t day = d->e->wall_ms / DAY_MS;

	if (by == NULL)
		return;
	if (by->inboxes_day != day)
		by->n_inboxes = 0;
	by->inboxes_day = day;
	by->n_inboxes++;
}

/* The mid is known: what became of the first, or a wait for it. */
static int repeat(struct core *c, const struct draft *d, const struct mid *first)
{
	struct core_command *result;

	if (first->pending != NULL && !BUG(10)) {
		if (!pendings_wait(&c->pending, first->pending, &d->asker))
			return -ENOMEM;
		c->counts.duplicates++;
		return 0;
	}
	if (core_answer(c, &d->asker, &result) < 0)
		return -ENOMEM;
	if (result != NULL) {
		char *mid = commands_alloc(&c->commands, d->message.mid.len);

		if (mid == NULL)
			return -ENOMEM;
		memcpy(mid, d->message.mid.data, d->message.mid.len);
		result->result.state = CORE_DUPLICATE;
		result->result.first = first->state;
		result->result.devices = first->devices;
		result->result.seq = first->seq;
		result->result.mid = (struct slice){mid, d->message.mid.len};
	}
	c->counts.duplicates++;
	return 0;
}

/* The next place in a stream. */
static struct message_place place_after(const struct message_place *head, const struct message *m)
{
	return (struct message_place){head->seq + 1, head->rows + 1, head->bytes + m->body.len};
}

static void number(const struct core *c, const struct draft *d, struct pending *p)
{
	const struct message_place *to = p->to == NULL ? &c->system.head : &p->to->numbers.head;

	p->number = c->last_number + 1;
	p->message.at_to = place_after(to, &p->message);
	if (d->message.kind == MESSAGE_CHAT && p->from != p->to) {
		p->message.at_from = p->from->numbers.head;
		p->message.at_from.seq++;
	}
}

static bool add_user(struct core *c, const struct user *u)
{
	struct core_command *command = commands_add(&c->commands, CORE_DO_USER, 0);

	if (command == NULL)
		return false;
	command->user.uid = user_uid(u);
	command->user.acked_system = c->system.stored.seq;
	return true;
}

static int add_commands(struct core *c, const struct pending *p)
{
	struct core_command *append;

	if (p->to != NULL && !p->to->has_begun && !add_user(c, p->to))
		return -ENOMEM;
	append = commands_add(&c->commands, CORE_DO_APPEND, 0);
	if (append == NULL)
		return -ENOMEM;
	append->append.number = p->number;
	append->append.generation = c->generation;
	append->append.message = &p->message;
	return 0;
}

/* Nothing may fail here. */
static void commit(struct core *c, struct pending *p)
{
	if (p->to == NULL) {
		c->system.head = p->message.at_to;
	} else {
		users_know(&c->users, p->to);
		if (!p->to->has_begun)
			p->to->acked_system = c->system.stored.seq;
		p->to->has_begun = true;
		p->to->numbers.head = p->message.at_to;
	}
	if (p->message.at_from.seq != 0)
		p->from->numbers.head = p->message.at_from;
	c->last_number = p->number;
	if (BUG(1))
		c->stored_number = p->number;
	if (BUG(2) && c->pending.all.rows >= STORE_PENDING_ROWS)
		c->pending.first->is_failed = true;
	pendings_add(&c->pending, p);
}

/* name: NULL when the mid was drawn, which nobody will repeat. */
static int append(struct core *c, struct draft *d, struct user *to, const struct mids_name *name)
{
	struct pending *p;

	if (name == NULL && !text_mid(&c->commands, d->e->wall_ms, d->e->random, &d->message.mid))
		return -ENOMEM;
	p = pending_new(&d->message);
	if (p == NULL)
		return -ENOMEM;
	p->to = to;
	p->from = d->session == NULL ? NULL : d->session->user;
	p->session = d->session == NULL ? 0 : d->session->id;
	p->asker = d->asker;
	number(c, d, p);
	if (add_commands(c, p) < 0 ||
		(name != NULL && (p->mid = mids_add(&c->mids, name, c->now_ms)) == 0)) {
		pending_free(p);
		return -ENOMEM;
	}
	if (p->mid != 0)
		mids_at(&c->mids, p->mid)->pending = p;
	commit(c, p);
	return 0;
}

/* The first message for somebody: he is made with it. */
static int append_for_new(struct core *c, struct draft *d, const struct mids_name *name)
{
	struct user *to = users_make(&c->users, d->message.to);

	if (to == NULL)
		return -ENOMEM;
	if (append(c, d, to, name) < 0) {
		users_drop_idle(&c->users, to);
		return -ENOMEM;
	}
	count_new_inbox(d);
	return 0;
}

int core_accept(struct core *c, struct draft *d, struct refusal *out)
{
	bool is_named = d->message.mid.len > 0;
	struct mids_name name = {0};
	struct user *to = NULL;
	uint32_t known = 0;

	*out = (struct refusal){0};
	if (is_named) {
		mids_name(&c->mids, &d->message, &name);
		known = mids_find(&c->mids, &name, c->now_ms);
	}
	if (known != 0 && mids_at(&c->mids, known)->check != name.check) {
		*out = (struct refusal){EX_MID_REUSED, "mid", 0};
		return 0;
	}
	if (known != 0 && (mids_at(&c->mids, known)->pending == NULL || !is_queue_full(c, d, 0)))
		return repeat(c, d, mids_at(&c->mids, known));
	if (d->message.to.len > 0)
		out->code = core_recipient(c, d->message.to, &to);
	if (out->code == EX_NONE)
		*out = check_bounds(c, d, to);
	if (out->code == EX_NONE && d->message.to.len > 0 && (to == NULL || !to->known))
		*out = check_new_inbox(d);
	if (out->code != EX_NONE)
		return 0;
	if (d->message.to.len > 0 && (to == NULL || !to->known))
		return append_for_new(c, d, is_named ? &name : NULL);
	return append(c, d, to, is_named ? &name : NULL);
}
