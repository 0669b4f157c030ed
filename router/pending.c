/* A list.  The message's texts stand behind the record that needs them. */
#include "router/pending.h"

#include <stdlib.h>
#include <string.h>

void pendings_init(struct pendings *ps)
{
	*ps = (struct pendings){.last = &ps->first};
}

void pendings_fini(struct pendings *ps)
{
	while (ps->first != NULL)
		pending_free(pendings_take(ps));
}

static struct slice copy(char **at, struct slice s)
{
	struct slice out = {*at, s.len};

	if (s.len > 0)
		memcpy(*at, s.data, s.len);
	*at += s.len;
	return out;
}

struct pending *pending_new(const struct message *m)
{
	struct pending *p = malloc(sizeof(*p) + m->to.len + m->from.len + m->device.len +
				   m->mid.len + m->event.len + m->body.len);
	char *at;

	if (p == NULL)
		return NULL;
	*p = (struct pending){.message = *m};
	p->last_waiter = &p->waiters;
	at = p->text;
	p->message.to = copy(&at, m->to);
	p->message.from = copy(&at, m->from);
	p->message.device = copy(&at, m->device);
	p->message.mid = copy(&at, m->mid);
	p->message.event = copy(&at, m->event);
	p->message.body = copy(&at, m->body);
	return p;
}

void pending_free(struct pending *p)
{
	while (p != NULL && p->waiters != NULL) {
		struct waiter *w = p->waiters;

		p->waiters = w->next;
		free(w);
	}
	free(p);
}

static void count(struct pendings *ps, const struct asker *asker, size_t bytes)
{
	ps->all.rows++;
	ps->all.bytes += bytes;
	if (asker->is_operator)
		return;
	ps->of_link[asker->link].rows++;
	ps->of_link[asker->link].bytes += bytes;
}

static void count_gone(struct pendings *ps, const struct asker *asker, size_t bytes)
{
	ps->all.rows--;
	ps->all.bytes -= bytes;
	if (asker->is_operator)
		return;
	ps->of_link[asker->link].rows--;
	ps->of_link[asker->link].bytes -= bytes;
}

void pendings_add(struct pendings *ps, struct pending *p)
{
	p->next = NULL;
	*ps->last = p;
	ps->last = &p->next;
	count(ps, &p->asker, p->message.body.len);
}

bool pendings_wait(struct pendings *ps, struct pending *p, const struct asker *asker)
{
	struct waiter *w = malloc(sizeof(*w));

	if (w == NULL)
		return false;
	*w = (struct waiter){.asker = *asker};
	*p->last_waiter = w;
	p->last_waiter = &w->next;
	count(ps, asker, 0);
	return true;
}

struct pending *pendings_take(struct pendings *ps)
{
	struct pending *p = ps->first;

	ps->first = p->next;
	if (ps->first == NULL)
		ps->last = &ps->first;
	count_gone(ps, &p->asker, p->message.body.len);
	for (const struct waiter *w = p->waiters; w != NULL; w = w->next)
		count_gone(ps, &w->asker, 0);
	p->next = NULL;
	return p;
}
