/*
 * Message k of a sender goes to its neighbour, or, for the share that is asked for, to a user who
 * is not there.  Which one follows from k alone, so both receivers know what must come next.
 *
 * A carbon shows that a message is stored whose ack was lost with a connection; the ack comes when
 * it is sent again.  An ack counts as the frame with its number when it is the next one; otherwise
 * that number comes as a carbon.
 */
#include "bench/chat.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/mark.h"

#define MS INT64_C(1000000)
#define BACKOFF_MS 500
#define BACKOFF_MAX_MS 30000
#define RECONNECT_EVERY_NS (5 * MS)

static bool goes_away(const struct chat *ch, uint32_t number)
{
	uint64_t percent = ch->n_away > 0 ? ch->l->o.offline_percent : 0;

	return number * percent / 100 != (number + 1) * percent / 100;
}

/* Of the first `sent` numbers, those that go to somebody who is not there. */
static uint64_t count_away(const struct chat *ch, uint32_t sent)
{
	return ch->n_away > 0 ? sent * (uint64_t)ch->l->o.offline_percent / 100 : 0;
}

static uint32_t skip_to(const struct chat *ch, uint32_t number, bool away)
{
	while (goes_away(ch, number) != away)
		number++;
	return number;
}

static void write_chat(struct chat *ch, struct client *c, uint32_t number)
{
	const struct talker *t = &ch->talkers[c->index];
	const struct mark m = {t->sent_ns[number % IN_FLIGHT_MAX], number, c->index};
	size_t to = goes_away(ch, number) ? ch->l->o.n + c->index % ch->n_away : c->index ^ 1;
	char body[20000], frame[20200];
	int n;

	mark_write(body, ch->l->o.size, &m);
	n = snprintf(frame, sizeof(frame),
		"{\"event\":\"chat\",\"id\":%" PRIu32 ",\"mid\":\"%08" PRIx32 "%08" PRIx32
		"\",\"data\":{\"toUserId\":%zu,\"message\":\"%s\"}}",
		number, c->index, number, to + 1, body);
	client_send(&ch->l->cs, c, frame, (size_t)n);
}

static bool has_room(const struct chat *ch, const struct client *c)
{
	const struct talker *t = &ch->talkers[c->index];

	return c->ready && !c->is_stalled && t->sent - t->base < ch->l->o.window;
}

static void send_next(struct chat *ch, struct client *c)
{
	struct talker *t = &ch->talkers[c->index];

	t->sent_ns[t->sent % IN_FLIGHT_MAX] = now_ns();
	write_chat(ch, c, t->sent++);
	ch->issued++;
}

static void say_position(struct chat *ch, struct client *c)
{
	struct talker *t = &ch->talkers[c->index];
	char frame[128];
	int n = snprintf(frame, sizeof(frame),
		"{\"event\":\"heartbeat\",\"data\":{\"u\":%" PRIu64 ",\"s\":%" PRIu64 "}}", c->u,
		c->s);

	client_send(&ch->l->cs, c, frame, (size_t)n);
	ch->heartbeats++;
	t->told_u = c->u;
	t->told_ago = 0;
}

/* It has everything up to this number now. */
static void advance(struct chat *ch, struct client *c, uint64_t seq)
{
	struct talker *t = &ch->talkers[c->index];

	c->u = seq;
	if (ch->l->o.ack_every > 0 && ++t->told_ago >= ch->l->o.ack_every)
		say_position(ch, c);
	if (t->ready_ns > 0 && t->resumed_ns == 0 && c->u >= c->head_u) {
		t->resumed_ns = now_ns();
		ch->n_resuming--;
	}
}

static void on_chat(struct chat *ch, struct client *c, const char *text, size_t len)
{
	struct talker *from, *t = &ch->talkers[c->index];
	uint64_t seq = 0;
	struct mark m;

	if (!mark_read(text, len, &m) || m.sender >= ch->l->o.n ||
		!number_after(text, len, "\"seq\":", &seq))
		fail("connection %u got %.*s", c->index, (int)len, text);
	if (m.sender == c->index && seq <= c->u)
		return; /* its ack was here first */
	if (seq != c->u + 1)
		fail("connection %u is at %" PRIu64 " and got %.*s", c->index, c->u, (int)len,
			text);
	if (m.sender != c->index) {
		bool away = c->index >= ch->l->o.n;
		uint32_t *next = away ? &ch->talkers[m.sender].stored : &t->received;

		from = &ch->talkers[m.sender];
		*next = skip_to(ch, *next, away);
		if (m.number != *next || m.number >= from->sent)
			fail("connection %u: message %u of %u, expected %u", c->index, m.number,
				m.sender, *next);
		++*next;
		if (away) {
			ch->stored++;
		} else {
			ch->deliveries++;
			samples_add(&ch->delivery, now_ns() - m.sent_ns);
		}
	}
	advance(ch, c, seq);
}

static void count_state(struct chat *ch, const char *state)
{
	if (memcmp(state, "deliv", 5) == 0)
		ch->delivered_acks++;
	else if (memcmp(state, "accep", 5) == 0)
		ch->accepted_acks++;
	else if (memcmp(state, "store", 5) == 0)
		ch->stored_acks++;
	else
		ch->duplicate_acks++;
}

static void on_ack(struct chat *ch, struct client *c, const char *text, size_t len)
{
	static const char key[] = "\"state\":\"";
	struct talker *t = &ch->talkers[c->index];
	const char *state = memmem(text, len, key, sizeof(key) - 1);
	uint64_t id = 0, seq = 0;

	if (state == NULL || !number_after(text, len, "\"id\":", &id) || id < t->base ||
		id >= t->sent || (t->acked >> (id - t->base) & 1) != 0)
		fail("connection %u got %.*s", c->index, (int)len, text);
	samples_add(&ch->ack, now_ns() - t->sent_ns[id % IN_FLIGHT_MAX]);
	count_state(ch, state + sizeof(key) - 1);
	ch->acks++;
	t->acked |= UINT64_C(1) << (id - t->base);
	while (t->acked & 1) {
		t->acked >>= 1;
		t->base++;
	}
	if (number_after(state, (size_t)(text + len - state), "\"seq\":", &seq) && seq == c->u + 1)
		advance(ch, c, seq);
	if (ch->is_sending && ch->l->o.rate == 0 && has_room(ch, c))
		send_next(ch, c);
}

static bool begins(const char *text, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len > n && memcmp(text, with, n) == 0;
}

static void on_text(void *arg, struct client *c, const char *text, size_t len)
{
	struct chat *ch = arg;

	if (begins(text, len, "{\"event\":\"chat\""))
		on_chat(ch, c, text, len);
	else if (begins(text, len, "{\"event\":\"ack\""))
		on_ack(ch, c, text, len);
	else if (begins(text, len, "{\"event\":\"heartbeat\""))
		ch->answers++;
	else if (!begins(text, len, "{\"event\":\"goaway\""))
		fail("connection %u got %.*s", c->index, (int)len, text);
}

static void on_ready(void *arg, struct client *c)
{
	struct chat *ch = arg;
	struct talker *t = &ch->talkers[c->index];

	t->told_u = t->told_ago = 0;
	if (t->attempts == 0)
		return;
	t->attempts = 0;
	t->ready_ns = now_ns();
	if (c->u >= c->head_u) {
		t->resumed_ns = t->ready_ns;
		ch->n_resuming--;
	}
	for (uint32_t k = t->base; k != t->sent; k++) {
		if ((t->acked >> (k - t->base) & 1) == 0) {
			write_chat(ch, c, k);
			ch->again++;
		}
	}
}

/* Full jitter, as docs/PROTOCOL.md asks of clients. */
static void on_gone(void *arg, struct client *c, int64_t after_ms)
{
	struct chat *ch = arg;
	struct talker *t = &ch->talkers[c->index];
	int64_t span = BACKOFF_MAX_MS;

	if (t->attempts == 0 && (t->ready_ns == 0 || t->resumed_ns > 0))
		ch->n_resuming++;
	if (t->attempts == 0)
		ch->n_lost_connections++;
	t->ready_ns = t->resumed_ns = 0;
	if (t->attempts < 6)
		span = BACKOFF_MS << t->attempts;
	span = random() % span;
	if (after_ms > 0)
		ch->refused++;
	t->attempts++;
	t->retry_ns = now_ns() + (span > after_ms ? span : after_ms) * MS;
}

void chat_reconnect(struct chat *ch)
{
	int64_t now = now_ns();

	for (size_t i = 0; ch->n_resuming > 0 && i < ch->l->o.n; i++) {
		struct talker *t = &ch->talkers[i];

		if (t->retry_ns == 0 || t->retry_ns > now)
			continue;
		t->retry_ns = 0;
		ch->attempts++;
		client_connect(&ch->l->cs, i, ch->l->tokens[i]);
	}
}

/* Users who are not there were there once, or nobody would know them. */
static void show_the_away(struct chat *ch)
{
	struct load *l = ch->l;

	load_connect(l, l->o.n, l->cs.n);
	for (size_t i = l->o.n; i < l->cs.n; i++) {
		client_close(&l->cs, &l->cs.list[i]);
		l->cs.list[i].epoch[0] = '\0';
	}
	load_poll_for(l, 0.5);
}

void chat_init(struct chat *ch, struct load *l)
{
	if (l->o.n % 2 != 0)
		fail("-n must be even: messages go between neighbours");
	if (l->o.window > IN_FLIGHT_MAX)
		fail("--window is at most %d", IN_FLIGHT_MAX);
	ch->l = l;
	ch->n_away = l->o.offline_percent > 0 ? (l->o.n + 9) / 10 : 0;
	ch->talkers = calloc(l->o.n + ch->n_away, sizeof(*ch->talkers));
	if (ch->talkers == NULL)
		fail("out of memory");
	load_init(l, l->o.n + ch->n_away);
	l->cs.arg = ch;
	l->cs.on_text = on_text;
	l->cs.on_ready = on_ready;
	if (ch->n_away > 0)
		show_the_away(ch);
	load_connect(l, 0, l->o.n);
}

void chat_may_be_gone(struct chat *ch)
{
	ch->l->cs.on_gone = on_gone;
}

static void send_at_rate(struct chat *ch, uint64_t due)
{
	struct load *l = ch->l;
	size_t tried = 0;

	while (ch->issued < due && tried < l->o.n) {
		struct client *c = &l->cs.list[ch->next];

		ch->next = (ch->next + 1) % l->o.n;
		tried++;
		if (has_room(ch, c)) {
			send_next(ch, c);
			tried = 0;
		}
	}
}

/* Fills the windows; from then on each ack brings the next message. */
static void send_at_once(struct chat *ch)
{
	for (size_t i = 0; i < ch->l->o.n; i++)
		while (has_room(ch, &ch->l->cs.list[i]))
			send_next(ch, &ch->l->cs.list[i]);
}

void chat_run(struct chat *ch, double seconds)
{
	const int64_t start = now_ns(), end = start + (int64_t)(seconds * 1e9);
	const uint64_t issued = ch->issued;
	int64_t now, looked = 0;

	ch->is_sending = true;
	if (ch->l->o.rate == 0)
		send_at_once(ch);
	while ((now = now_ns()) < end) {
		if (ch->l->o.rate > 0)
			send_at_rate(
				ch, issued + (uint64_t)(now - start) * ch->l->o.rate / 1000000000);
		clients_poll(&ch->l->cs, 1);
		if (now - looked > RECONNECT_EVERY_NS) {
			looked = now;
			chat_reconnect(ch);
			if (ch->on_turn != NULL)
				ch->on_turn(ch);
		}
	}
	ch->is_sending = false;
}

static uint64_t sent_to(const struct chat *ch, bool away)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ch->l->o.n; i++) {
		const uint32_t sent = ch->talkers[i].sent;

		sum += away ? count_away(ch, sent) : sent - count_away(ch, sent);
	}
	return sum;
}

void chat_drain(struct chat *ch)
{
	const int64_t limit = now_ns() + DRAIN_S * 1000 * MS;
	const uint64_t there = sent_to(ch, false), away = sent_to(ch, true);

	while (now_ns() < limit && (ch->deliveries < there || ch->acks < there + away)) {
		clients_poll(&ch->l->cs, 10);
		chat_reconnect(ch);
	}
	if (ch->deliveries != there || ch->acks != there + away)
		fail("of %" PRIu64 " messages %" PRIu64 " have their ack and %" PRIu64
		     " of %" PRIu64 " arrived",
			there + away, ch->acks, ch->deliveries, there);
}

void chat_fetch_stored(struct chat *ch)
{
	struct load *l = ch->l;
	const int64_t limit = now_ns() + DRAIN_S * 1000 * MS;
	const uint64_t away = sent_to(ch, true);

	load_connect(l, l->o.n, l->cs.n);
	while (ch->stored < away && now_ns() < limit)
		clients_poll(&l->cs, 10);
	if (ch->stored != away)
		fail("%" PRIu64 " of %" PRIu64 " stored messages came", ch->stored, away);
}

void chat_acknowledge(struct chat *ch)
{
	const int64_t limit = now_ns() + DRAIN_S * 1000 * MS;

	for (size_t i = 0; i < ch->l->cs.n; i++)
		if (ch->l->cs.list[i].ready)
			say_position(ch, &ch->l->cs.list[i]);
	while (ch->answers < ch->heartbeats && now_ns() < limit)
		clients_poll(&ch->l->cs, 10);
	if (ch->answers < ch->heartbeats)
		fail("%" PRIu64 " of %" PRIu64 " heartbeats were answered", ch->answers,
			ch->heartbeats);
}
