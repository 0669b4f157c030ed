/*
 * Messages wait for the end of the turn and then travel together.  NNG says when it has taken a
 * message, not whether anybody got it: the numbers do that.
 */
#include "router/system.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "link.pb-c.h"
#include "router/batch.h"
#include "router/links.h"

#define HEADER_MAX_BYTES 32 /* of a SystemBatch beside its messages */

_Static_assert(SYSTEM_BATCH_MAX_BYTES >= PUSH_MAX_BYTES + 4096, "a push fits a batch");
_Static_assert(SYSTEM_BATCH_MAX_BYTES <= 134217728 / SYSTEM_QUEUE,
	"subscribers that do not read hold back no more");

static const struct batch_limits limits = {
	.field = 3, /* SystemBatch.messages */
	.max_bytes = SYSTEM_BATCH_MAX_BYTES - HEADER_MAX_BYTES,
	.max_items = SYSTEM_KEPT,
	.max_elements = SYSTEM_KEPT,
	.max_queued = LINK_QUEUE_MAX_BYTES,
};

struct kept {
	uint64_t number; /* 0: nothing yet */
	char *text;	 /* owned */
	size_t len;
	uint32_t data_end;
	uint32_t plain_end;
};

struct system_feed {
	struct hub *hub;
	struct bus_socket *socket;
	struct batch waiting;
	uint64_t head;
	struct kept ring[SYSTEM_KEPT];
};

int system_new(struct system_feed **out, struct hub *hub)
{
	struct system_feed *s = calloc(1, sizeof(*s));
	struct core_counts counts;
	const struct bus_options options = {
		.pattern = BUS_PUB,
		.max_message = 1, /* subscribers have nothing to say */
		.queue = SYSTEM_QUEUE,
		.uids = hub->config->edges.list,
		.n_uids = hub->config->edges.n,
		.mode = 0666,
		.arg = s,
	};
	char path[PATH_MAX];

	if (s == NULL)
		return -ENOMEM;
	s->hub = hub;
	core_counts(hub->core, &counts);
	s->head = counts.system_head; /* what came before this start is in the store alone */
	batch_init(&s->waiting, &limits);
	*out = s;
	if (snprintf(path, sizeof(path), "%s/router/system.sock", hub->config->run_path) >=
		(int)sizeof(path))
		return -ENAMETOOLONG;
	return bus_listen(hub->bus, path, &options, &s->socket);
}

static void keep(struct system_feed *s, uint64_t number, const struct core_text *text)
{
	struct kept *k = &s->ring[number % SYSTEM_KEPT];
	char *copy = malloc(text->text.len);

	free(k->text);
	*k = (struct kept){0};
	if (copy == NULL)
		return; /* then it cannot be repaired; the live way is still open */
	memcpy(copy, text->text.data, text->text.len);
	k->number = number;
	k->text = copy;
	k->len = text->text.len;
	k->data_end = text->data_end;
	k->plain_end = text->plain_end;
}

static Pb__SystemMessage message_of(const struct kept *k)
{
	Pb__SystemMessage m = PB__SYSTEM_MESSAGE__INIT;

	m.number = k->number;
	m.text = codec_bytes((struct slice){k->text, k->len});
	m.data_end = k->data_end;
	m.plain_end = k->plain_end;
	return m;
}

void system_publish(struct system_feed *s, uint64_t number, const struct core_text *text)
{
	Pb__SystemMessage m = PB__SYSTEM_MESSAGE__INIT;

	m.number = number;
	m.text = codec_bytes(text->text);
	m.data_end = text->data_end;
	m.plain_end = text->plain_end;
	s->head = number;
	keep(s, number, text);
	/* What is not published here shows as a gap to the edges, who ask for it over their links.
	 */
	if (batch_add(&s->waiting, &m.base, 1) < 0)
		LOG_LIMITED(LOG_ERROR, "system_not_published", "number=%llu",
			(unsigned long long)number);
}

void system_repair(struct system_feed *s, uint32_t slot, uint64_t after)
{
	uint64_t first = s->head < SYSTEM_KEPT ? 1 : s->head - SYSTEM_KEPT + 1;

	for (uint64_t n = after >= first ? after + 1 : first; n <= s->head && n != 0; n++) {
		const struct kept *k = &s->ring[n % SYSTEM_KEPT];

		if (k->number == n) {
			Pb__SystemMessage m = message_of(k);

			links_system(s->hub->links, slot, &m);
		}
	}
}

uint64_t system_head(const struct system_feed *s)
{
	return s->head;
}

void system_turn(struct system_feed *s)
{
	Pb__SystemBatch header = PB__SYSTEM_BATCH__INIT;
	size_t bytes = batch_first_bytes(&s->waiting);
	size_t header_bytes;
	struct bus_msg *m;

	if (bytes == 0 || !bus_can_send(s->socket))
		return;
	header.wire = WIRE_VERSION_OLDEST; /* all edges hear it, and its shape has not changed */
	header.router_start = s->hub->router_start;
	header_bytes = pb__system_batch__get_packed_size(&header);
	m = bus_msg_new(header_bytes + bytes);
	if (m == NULL)
		return; /* next turn */
	pb__system_batch__pack(&header, (uint8_t *)bus_msg_data(m));
	batch_take(&s->waiting, bus_msg_data(m) + header_bytes);
	bus_send(s->socket, m);
}

bool system_is_idle(const struct system_feed *s)
{
	return batch_first_bytes(&s->waiting) == 0 && bus_can_send(s->socket);
}
