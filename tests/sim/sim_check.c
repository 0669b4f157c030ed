/*
 * What must hold: while it happens, where it can be said then, and at the end.  C1 to C9 are those
 * of the reliability rules: nothing acknowledged is lost, once per device, in order and without a
 * hole, to nobody else, nothing invented, a retry makes no second row, nothing after a session's
 * end, a resume that is exact or a reset.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "tests/sim/sim.h"

#define RETENTION_MS (INT64_C(1000) * INBOX_RETENTION_S)
/* The wall clock was that much off, at most, when a message was dated and when it was judged. */
#define SKEW_MS 7200000

void sim_fail(struct world *w, const char *check, const char *format, ...)
{
	va_list args;

	if (w->failed)
		return;
	w->failed = true;
	w->totals->found[check[0] == 'C' && check[2] == '\0' ? check[1] - '0' : 0]++;
	printf("seed %llu failed in round %u: %s: ", (unsigned long long)w->seed, w->round, check);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* mN, maybe in quotes. */
int check_body(struct slice body)
{
	char text[24];
	int n;

	if (body.len >= sizeof(text))
		return -1;
	snprintf(text, sizeof(text), "%.*s", SLICE_ARGS(body));
	return sscanf(text, "m%d", &n) == 1 || sscanf(text, "\"m%d", &n) == 1 ? n : -1;
}

int check_text(struct slice text, uint64_t *out_seq, bool *out_gone, bool *out_carbon)
{
	char line[800];
	const char *at;
	int sent = -1;

	snprintf(line, sizeof(line), "%.*s", SLICE_ARGS(text));
	*out_gone = strncmp(line, "{\"event\":\"gone\"", 15) == 0;
	*out_carbon = strstr(line, ",\"carbon\":true") != NULL;
	*out_seq = 0;
	at = strstr(line, "\"seq\":");
	if (at != NULL)
		*out_seq = strtoull(at + 6, NULL, 10);
	at = strstr(line, "\"content\":\"m");
	if (at == NULL)
		at = strstr(line, "\"data\":\"m");
	if (at != NULL && !*out_gone)
		sent = atoi(strchr(at + 6, 'm') + 1);
	return sent;
}

struct session *session_of(struct world *w, uint64_t id)
{
	return &w->sessions[id % 4096 % SESSIONS];
}

bool session_is_alive(const struct world *w, const struct session *s)
{
	return s->opened_in == w->life && !s->shut && !s->ended;
}

static bool is_known(const struct world *w, int sent)
{
	return sent >= 0 && sent < w->n_sent;
}

/* C4, C5, C8, and that nothing is said of a message before it is on disk. */
static void check_deliver(struct world *w, const struct core_command *c)
{
	bool gone;
	bool carbon;
	uint64_t seq;
	int sent = check_text(c->deliver.text.text, &seq, &gone, &carbon);

	for (size_t i = 0; i < c->deliver.n_sessions; i++) {
		const struct session *s = session_of(w, c->deliver.sessions[i]);
		const struct sent *m = is_known(w, sent) ? &w->sent[sent] : NULL;

		if (s->opened_in != w->life || (uint32_t)s->link != c->link)
			sim_fail(w, "C4", "a delivery to a session that is not there");
		else if (s->dialect == CORE_API)
			sim_fail(w, "C4", "a delivery to an HTTP request");
		else if (s->shut || s->ended || w->now_ms > s->late_ms)
			sim_fail(w, "C8", "a delivery after the end of a session");
		else if (sent >= 0 && m == NULL)
			sim_fail(w, "C5", "m%d was never sent", sent);
		else if (m != NULL && m->to != SYSTEM && s->user != m->to && s->user != m->from)
			sim_fail(w, "C4", "m%d was delivered to %s", sent, sim_uids[s->user]);
		else if (m != NULL && m->to == SYSTEM && !c->deliver.system)
			sim_fail(w, "C4", "m%d is of the system stream", sent);
		else if (m != NULL && m->rows == 0 && !m->excused)
			sim_fail(w, "C1", "m%d was delivered before it was stored", sent);
	}
}

static void check_result(struct world *w, const struct core_command *c)
{
	const struct core_command *k = c;
	int sent = check_body(k->result.mid);

	if (k->result.state == CORE_REFUSED || !is_known(w, sent))
		return;
	if (w->sent[sent].rows == 0 && !w->sent[sent].excused)
		sim_fail(w, "C1", "m%d was acknowledged and is not on disk", sent);
	if (k->result.state == CORE_DELIVERED && k->result.devices == 0)
		sim_fail(w, "rules", "m%d was delivered to no device", sent);
}

static void check_opened(struct world *w, const struct core_command *c)
{
	struct session *s = session_of(w, c->opened.session);

	if (s->opened_in == w->life)
		sim_fail(w, "C8", "one ticket opened two sessions");
	if ((uint32_t)s->link != c->link)
		sim_fail(w, "C8", "a ticket of edge %d opened a session of edge %u", s->link,
			c->link);
	s->opened_in = w->life;
	s->shut = false;
	s->ended = false;
}

static void check_system(struct world *w, const struct core_command *c)
{
	bool gone;
	bool carbon;
	uint64_t seq;
	int sent = check_text(c->system.text.text, &seq, &gone, &carbon);

	if (!is_known(w, sent) || w->sent[sent].to != SYSTEM)
		sim_fail(w, "C4", "a message to one was published to all");
	else if (w->sent[sent].rows == 0 && !w->sent[sent].excused)
		sim_fail(w, "C1", "m%d was published before it was stored", sent);
}

/* Rows after `after` up to seq are not kept any more: they must be older than the retention. */
static bool may_be_gone(const struct world *w, int user, uint64_t after, uint64_t seq)
{
	const struct disk_stream *s = &w->disk.streams[user];

	for (uint64_t n = after + 1; n <= seq && n <= s->head.seq; n++) {
		if (w->kept[s->kept[n]].message.ts_ms + RETENTION_MS > sim_wall(w) + SKEW_MS)
			return false;
	}
	return true;
}

/* Its place is on disk; what it acknowledged and was not flushed is forgotten by a crash. */
static bool is_kept(const struct world *w, const struct client *c, uint64_t trimmed)
{
	for (size_t i = 0; i < CLIENTS * 2; i++) {
		const struct position *p = &w->disk.devices[i];

		/* Who has lost something already begins anew, and holds nothing. */
		if (p->used && p->user == c->user && strcmp(p->device, c->device) == 0)
			return p->kept.u >= trimmed;
	}
	return false;
}

/* Nothing may go that a device which keeps its place has not read. */
static void check_trim(struct world *w, const struct core_command *c)
{
	int user = sim_user(c->trim.uid);
	uint64_t before = w->trimmed[user];

	if (c->trim.seq > w->trimmed[user])
		w->trimmed[user] = c->trim.seq;
	for (int i = 0; i < CLIENTS && user != SYSTEM; i++) {
		struct client *cl = &w->clients[i];

		bool is_now = memcmp(cl->epoch, w->disk.epoch, EPOCH_BYTES) == 0;

		if (cl->user != user || cl->memory != WITH_MEMORY ||
			(is_now && cl->u >= c->trim.seq))
			continue;
		if (!is_now || cl->shared_device || !is_kept(w, cl, before))
			cl->lost_u = c->trim.seq;
		else if (!may_be_gone(w, user, cl->u, c->trim.seq))
			sim_fail(w, "C1", "client %d has %llu, and all up to %llu is trimmed", i,
				(unsigned long long)cl->u, (unsigned long long)c->trim.seq);
	}
	if (user == SYSTEM ? !may_be_gone(w, user, 0, c->trim.seq)
			   : c->trim.seq > w->read_u[user] &&
				     !may_be_gone(w, user, w->read_u[user], c->trim.seq))
		sim_fail(w, "C1", "%s: trimmed up to %llu, which nobody has read", sim_uids[user],
			(unsigned long long)c->trim.seq);
}

void check_command(struct world *w, const struct core_event *e, const struct core_command *c)
{
	if (c->kind == CORE_DO_DELIVER)
		check_deliver(w, c);
	else if (c->kind == CORE_DO_RESULT)
		check_result(w, c);
	else if (c->kind == CORE_DO_OPENED)
		check_opened(w, c);
	else if (c->kind == CORE_DO_SHUT)
		session_of(w, c->shut.session)->shut = true;
	else if (c->kind == CORE_DO_SYSTEM)
		check_system(w, c);
	else if (c->kind == CORE_DO_TRIM)
		check_trim(w, c);
	else if (c->kind == CORE_DO_APPEND && e->kind == CORE_SEND &&
		 (w->now_ms > session_of(w, e->send.session)->late_ms ||
			 !session_is_alive(w, session_of(w, e->send.session))))
		sim_fail(w, "C8", "a message was taken after the end of its session");
}

void check_append(struct world *w, int kept)
{
	const struct kept *k = &w->kept[kept];
	const struct message *m = &k->message;
	const struct sent *s;

	if (!is_known(w, k->sent)) {
		sim_fail(w, "C5", "a message that nobody sent is stored");
		return;
	}
	s = &w->sent[k->sent];
	if (sim_user(m->to) != s->to)
		sim_fail(w, "C4", "m%d is stored for %.*s", k->sent, SLICE_ARGS(m->to));
	else if (s->from == OPERATOR ? m->from.len != 0 : sim_user(m->from) != s->from)
		sim_fail(w, "C4", "m%d is stored as sent by %.*s", k->sent, SLICE_ARGS(m->from));
}

void check_frame(struct world *w, const struct client *c, const struct frame *f, int stream)
{
	const struct disk_stream *s = &w->disk.streams[stream];
	const struct kept *k;
	bool carbon;

	if (memcmp(c->epoch, w->disk.epoch, EPOCH_BYTES) != 0)
		return;
	if (f->seq == 0 || f->seq > s->head.seq) {
		sim_fail(w, "C5", "%s: %llu is not stored", sim_uids[stream],
			(unsigned long long)f->seq);
		return;
	}
	k = &w->kept[s->kept[f->seq]];
	carbon = sim_user(k->message.to) != stream;
	if (f->is_gone && !k->damaged && k->message.expires_ms == 0)
		sim_fail(w, "C1", "m%d is said to be gone", k->sent);
	else if (!f->is_gone && f->sent != k->sent)
		sim_fail(w, "C3", "%s: %llu is m%d and was m%d when it was stored",
			sim_uids[stream], (unsigned long long)f->seq, f->sent, k->sent);
	else if (!f->is_gone && f->is_carbon != carbon)
		sim_fail(w, "C4", "m%d came as %s", k->sent, carbon ? "received" : "a carbon");
}

/* C9: where a connection begins. */
void check_ready(struct world *w, const struct client *c, const struct frame *f)
{
	bool again = f->seq != 0;
	bool is_now = memcmp(f->epoch, w->disk.epoch, EPOCH_BYTES) == 0;
	bool keeps = c->memory == WITH_MEMORY || again;

	if (f->reset != CORE_RESET_NONE) {
		check_reset(w, c, f);
		return;
	}
	if (c->has_position && keeps && memcmp(f->epoch, c->epoch, EPOCH_BYTES) != 0)
		sim_fail(w, "C9", "another epoch without a reset");
	else if (c->has_position && keeps && c->dialect == CORE_NATIVE &&
		 (f->u != c->u || f->s != c->s))
		sim_fail(w, "C9", "a resume after %llu, %llu began after %llu, %llu",
			(unsigned long long)c->u, (unsigned long long)c->s,
			(unsigned long long)f->u, (unsigned long long)f->s);
	else if (c->has_position && keeps && !f->recovered)
		sim_fail(w, "C9", "a resume is neither recovered nor reset");
	else if (!c->has_position && is_now && f->u > w->read_u[c->user] &&
		 f->u > w->trimmed[c->user])
		sim_fail(w, "C1", "%s begins after %llu, and nobody has read more than %llu",
			sim_uids[c->user], (unsigned long long)f->u,
			(unsigned long long)w->read_u[c->user]);
	else if (!keeps && c->has_position && is_now && f->u > w->read_u[c->user] &&
		 f->u > w->trimmed[c->user])
		sim_fail(w, "C1", "%s, without memory, begins after %llu", sim_uids[c->user],
			(unsigned long long)f->u);
}

void check_reset(struct world *w, const struct client *c, const struct frame *f)
{
	bool is_now = memcmp(f->epoch, w->disk.epoch, EPOCH_BYTES) == 0;
	bool same = memcmp(f->epoch, c->epoch, EPOCH_BYTES) == 0;
	const struct disk_stream *s = &w->disk.streams[c->user];

	switch (f->reset) {
	case CORE_RESET_NONE:
		sim_fail(w, "C9", "a reset without a reason");
		break;
	case CORE_RESET_EPOCH_CHANGED:
		if (same)
			sim_fail(w, "C9", "the epoch is the same");
		break;
	case CORE_RESET_AHEAD:
		if (same && is_now)
			sim_fail(w, "C9",
				"an honest client is ahead: it has %llu of %llu, %llu of %llu",
				(unsigned long long)c->u, (unsigned long long)s->head.seq,
				(unsigned long long)c->s,
				(unsigned long long)w->disk.streams[SYSTEM].head.seq);
		break;
	case CORE_RESET_TOO_OLD:
		if (is_now && same && c->lost_u <= c->u &&
			!may_be_gone(w, c->user, c->u, w->trimmed[c->user]))
			sim_fail(w, "C9", "a reset of %s at %llu loses what is not old, up to %llu",
				sim_uids[c->user], (unsigned long long)c->u,
				(unsigned long long)w->trimmed[c->user]);
		break;
	}
}

static void check_stored(struct world *w)
{
	for (int i = 0; i < w->n_sent; i++) {
		const struct sent *s = &w->sent[i];

		if (s->outcome == ACKED && s->rows != 1 && !s->excused)
			sim_fail(w, "C1", "m%d was acknowledged and has %u rows", i, s->rows);
		else if (s->rows > 1 && !s->excused)
			sim_fail(w, "C6", "m%d has %u rows", i, s->rows);
	}
}

static void check_positions(struct world *w)
{
	for (int i = 0; i < CLIENTS; i++) {
		const struct client *c = &w->clients[i];
		const struct conn *k = &w->edges[c->edge].conns[c->conn];
		uint64_t u = w->disk.streams[c->user].head.seq;
		uint64_t s = w->disk.streams[SYSTEM].head.seq;

		if (k->user.sent != u || k->system.sent != s ||
			(c->memory == WITH_MEMORY && (c->u != u || c->s != s)))
			sim_fail(w, "C1", "client %d has %llu of %llu, %llu of %llu", i,
				(unsigned long long)c->u, (unsigned long long)u,
				(unsigned long long)c->s, (unsigned long long)s);
	}
}

/* What operators see is what is on disk. */
static void check_users(struct world *w)
{
	for (int i = 0; i < HONEST; i++) {
		const struct disk_stream *s = &w->disk.streams[i];
		struct core_user_info info = {0};

		if (!core_user(w->core, slice_of(sim_uids[i]), &info))
			sim_fail(w, "rules", "%s is not known", sim_uids[i]);
		else if (info.seq != s->head.seq || info.acked != s->acked.seq ||
			 info.floor != s->floor || info.rows != s->head.rows - s->acked.rows)
			sim_fail(w, "rules",
				"%s: seq %llu acked %llu floor %llu rows %llu, on disk %llu %llu "
				"%llu %llu",
				sim_uids[i], (unsigned long long)info.seq,
				(unsigned long long)info.acked, (unsigned long long)info.floor,
				(unsigned long long)info.rows, (unsigned long long)s->head.seq,
				(unsigned long long)s->acked.seq, (unsigned long long)s->floor,
				(unsigned long long)(s->head.rows - s->acked.rows));
		else if (info.acked > w->read_u[i])
			sim_fail(w, "C1", "%s: %llu counts as acknowledged, read was %llu",
				sim_uids[i], (unsigned long long)info.acked,
				(unsigned long long)w->read_u[i]);
	}
}

/* C7: presence is what sessions there are. */
static void check_presence(struct world *w)
{
	unsigned there[HONEST] = {0};

	for (int i = 0; i < CLIENTS; i++)
		there[w->clients[i].user] += w->clients[i].edge >= 0;
	for (int u = 0; u < HONEST; u++) {
		struct core_user_info info = {0};

		core_user(w->core, slice_of(sim_uids[u]), &info);
		if (info.n_sessions != there[u])
			sim_fail(w, "C7", "%s has %u connections and %zu sessions", sim_uids[u],
				there[u], info.n_sessions);
	}
	for (int i = 0; i < CLIENTS; i++) {
		const struct conn *k = &w->edges[w->clients[i].edge].conns[w->clients[i].conn];

		for (int u = 0; k->watches && u < HONEST; u++) {
			if (k->told[u] != there[u] + 1)
				sim_fail(w, "C7",
					"client %d believes that %s has %d devices, not %u", i,
					sim_uids[u], (int)k->told[u] - 1, there[u]);
		}
	}
}

static void check_counts(struct world *w)
{
	struct core_counts n;

	core_counts(w->core, &n);
	if (n.pending_rows != 0 || n.pending_bytes != 0 || n.syncing != 0)
		sim_fail(w, "C12", "%llu rows wait for the store, %llu sessions for a page",
			(unsigned long long)n.pending_rows, (unsigned long long)n.syncing);
}

void check_end(struct world *w)
{
	for (int i = 0; i < CLIENTS; i++) {
		if (w->clients[i].edge < 0) {
			sim_fail(w, "C1", "client %d is not there in the end", i);
			return;
		}
	}
	check_stored(w);
	check_positions(w);
	check_users(w);
	check_presence(w);
	check_counts(w);
}
