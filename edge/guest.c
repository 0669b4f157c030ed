/*
 * A guest's socket.  Most heads come in one piece and are judged where they were read, in the
 * door's scratch; only what is incomplete is kept.  After an answer the socket is shut down for
 * writing and read until the client's EOF, since closing it over unread bytes would send a reset,
 * which may overtake the answer.
 */
#include "edge/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/random.h"
#include "edge/proxy_v2.h"
#include "proto/http_head.h"

enum {
	IN_MAX_BYTES = BODY_MAX_BYTES + SCRATCH_BYTES,
	OUT_MAX_BYTES = 16384,
	SEND_DEADLINE_MS = 10000,
	DISCARD_MAX_BYTES = 1048576,
};

uint64_t door_random(struct door *d)
{
	uint64_t value;

	if (d->random_left < sizeof(value)) {
		random_fill(d->random, sizeof(d->random));
		d->random_left = sizeof(d->random);
	}
	d->random_left -= sizeof(value);
	memcpy(&value, d->random + d->random_left, sizeof(value));
	explicit_bzero(d->random + d->random_left, sizeof(value));
	return value;
}

void guest_set_deadline(struct guest *g, int64_t in_ms)
{
	g->due_ms = (int64_t)uv_now(g->door->loop) + in_ms;
	wheel_set(&g->door->deadlines, &g->deadline, g->due_ms);
}

static void on_ready(struct watch_source *s, uint32_t events);

static void list_add(struct guest *g, enum guest_list list)
{
	struct door *d = g->door;

	g->list = list;
	g->newer = NULL;
	g->older = d->newest[list];
	*(g->older == NULL ? &d->oldest[list] : &g->older->newer) = g;
	d->newest[list] = g;
}

static void list_remove(struct guest *g)
{
	struct door *d = g->door;

	*(g->newer == NULL ? &d->newest[g->list] : &g->newer->older) = g->older;
	*(g->older == NULL ? &d->oldest[g->list] : &g->older->newer) = g->newer;
}

void guest_new(struct door *d, int fd, const struct address *peer, enum upgrade_state state)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL || watch_add(d->watch, fd, EPOLLIN, &g->source) < 0) {
		free(g);
		close(fd);
		return;
	}
	g->source.on_ready = on_ready;
	g->door = d;
	g->fd = fd;
	g->state = state;
	g->peer = *peer;
	/* Heads hold tokens, bodies hold passwords, and a login's answer holds a token. */
	buf_init_secret(&g->in, IN_MAX_BYTES);
	buf_init_secret(&g->out, OUT_MAX_BYTES);
	g->out_page = SLICE_LITERAL(""); /* not NULL, which no offset may be added to */
	list_add(g, GUESTS_IDLE);
	d->n_guests++;
	guest_set_deadline(g, d->head_timeout_ms);
}

void guest_free(struct guest *g)
{
	struct door *d = g->door;

	if (g->ask != 0)
		auth_client_cancel(d->auth, g->ask);
	d->n_asking -= g->is_asking;
	wheel_unset(&g->deadline);
	list_remove(g);
	d->n_guests--;
	watch_forget(d->watch, &g->source);
	if (g->fd >= 0)
		close(g->fd);
	guest_call_free(g->call);
	buf_fini(&g->in);
	buf_fini(&g->out);
	free(g);
}

static bool is_reading(const struct guest *g)
{
	return g->state == UP_READING_PROXY || g->state == UP_READING_HEAD ||
	       g->state == UP_READING_BODY || g->state == UP_READING_CALL;
}

void guest_sort(struct guest *g)
{
	const bool is_idle =
		g->phase == GUEST_LINGERING || (g->phase == GUEST_TALKING && is_reading(g));
	const enum guest_list list = is_idle ? GUESTS_IDLE : GUESTS_BUSY;

	if (list == g->list)
		return;
	list_remove(g);
	list_add(g, list);
}

bool guest_make_room(struct door *d)
{
	if (d->oldest[GUESTS_IDLE] == NULL)
		return false;
	guest_free(d->oldest[GUESTS_IDLE]);
	return true;
}

static void tell(struct guest *g, enum upgrade_event event)
{
	guest_tell(g, &(struct news){.event = event});
}

void guest_on_deadline(struct guest *g)
{
	if (g->due_ms > (int64_t)uv_now(g->door->loop))
		wheel_set(&g->door->deadlines, &g->deadline, g->due_ms);
	else if (g->phase == GUEST_TALKING)
		tell(g, EV_TIMEOUT);
	else
		guest_free(g);
}

/* Remembers bytes that may be its own already. */
static void keep(struct guest *g, struct slice bytes)
{
	const char *own = g->in.data;

	if (own != NULL && bytes.data >= own && bytes.data <= own + g->in.len) {
		memmove(g->in.data, bytes.data, bytes.len);
		g->in.len = bytes.len;
		return;
	}
	buf_clear(&g->in);
	buf_add(&g->in, bytes);
}

static void refuse(struct guest *g, enum refusal why)
{
	guest_tell(g, &(struct news){.event = EV_HEAD_REFUSED, .refusal = why});
}

static enum upgrade_event event_of(enum request_kind kind)
{
	switch (kind) {
	case REQUEST_UPGRADE:
		return EV_HEAD_UPGRADE;
	case REQUEST_CHECK:
	case REQUEST_REFRESH:
	case REQUEST_LOGOUT:
	case REQUEST_TICKET:
		return EV_HEAD_CHECK;
	case REQUEST_LOGIN:
		return EV_HEAD_BODY;
	case REQUEST_CHAT:
	case REQUEST_PUSH:
		return EV_HEAD_CALL;
	case REQUEST_OPTIONS:
	case REQUEST_HEALTH:
	case REQUEST_READY:
	case REQUEST_PAGE:
		return EV_HEAD_PLAIN;
	case REQUEST_REFUSED:
		break;
	}
	return EV_HEAD_REFUSED;
}

static void take_login(struct guest *g, struct slice body)
{
	struct http_login login;

	if (!http_read_login(body, &login)) {
		tell(g, EV_BODY_BAD);
		return;
	}
	guest_tell(g, &(struct news){.event = EV_BODY_OK, .login = &login});
	json_decref(login.json);
}

static void take_body(struct guest *g)
{
	const struct slice body = {g->in.data, g->body_bytes};

	if (g->in.failed)
		tell(g, EV_GONE);
	else if (g->in.len < g->body_bytes)
		return;
	else if (g->kind == REQUEST_LOGIN)
		take_login(g, body);
	else
		guest_call_take_body(g, body);
}

static bool is_full(const struct door *d)
{
	return live_count(d->live) + d->n_asking >= d->max_connections || live_is_tight(d->live);
}

static bool is_call(enum request_kind kind)
{
	return kind == REQUEST_CHAT || kind == REQUEST_PUSH;
}

/* What the head cannot know. */
static void judge_further(const struct door *d, struct slice rest, struct request *request)
{
	const bool is_upgrade = request->kind == REQUEST_UPGRADE;
	enum refusal r = N_REFUSALS;

	if (!is_upgrade && !is_call(request->kind))
		return;
	if (is_upgrade && rest.len > 0)
		r = REFUSAL_EARLY_BYTES;
	else if (d->is_draining)
		r = REFUSAL_DRAINING;
	else if (is_upgrade ? is_full(d) : live_is_tight(d->live))
		r = REFUSAL_FULL;
	if (r == N_REFUSALS)
		return;
	request->kind = REQUEST_REFUSED;
	request->refusal = r;
}

static void take_request(struct guest *g, const struct http_head *head, struct slice rest)
{
	struct request request;
	struct news news = {.request = &request};

	request_judge(head, &g->door->rules, &request);
	judge_further(g->door, rest, &request);
	g->is_for_upgrade = request.is_for_upgrade;
	g->kind = request.kind;
	g->cors = request.cors;
	news.event = event_of(request.kind);
	news.refusal = request.refusal;
	if (request.kind != REQUEST_LOGIN && !is_call(request.kind)) {
		guest_tell(g, &news);
		return;
	}
	if (is_call(request.kind) && !guest_call_begin(g, &request)) {
		tell(g, EV_GONE);
		return;
	}
	/* The head's bytes end here, and with them what the request borrowed from them. */
	g->body_bytes = request.body_bytes;
	keep(g, rest);
	guest_tell(g, &news);
	take_body(g);
}

static void take_head(struct guest *g, struct slice in)
{
	struct http_head head;

	switch (http_head_parse(in, &head)) {
	case HTTP_HEAD_MORE:
		keep(g, in);
		if (g->in.failed)
			tell(g, EV_GONE);
		break;
	case HTTP_HEAD_BAD:
		refuse(g, REFUSAL_BAD_HEAD);
		break;
	case HTTP_HEAD_TOO_LARGE:
		refuse(g, REFUSAL_HEAD_TOO_LARGE);
		break;
	case HTTP_HEAD_VERSION:
		refuse(g, REFUSAL_HTTP_VERSION);
		break;
	case HTTP_HEAD_OK:
		take_request(g, &head, (struct slice){in.data + head.bytes, in.len - head.bytes});
		break;
	}
}

static void take_proxy(struct guest *g, struct slice in)
{
	struct proxy_header header;

	switch (proxy_v2_parse(in, &header)) {
	case PROXY_MORE:
		keep(g, in);
		if (g->in.failed)
			tell(g, EV_GONE);
		break;
	case PROXY_BAD:
		tell(g, EV_PROXY_BAD);
		break;
	case PROXY_OK:
		if (!header.is_local)
			g->peer = header.source;
		tell(g, EV_PROXY_OK);
		in = (struct slice){in.data + header.bytes, in.len - header.bytes};
		keep(g, in);
		if (in.len > 0)
			take_head(g, buf_slice(&g->in));
		break;
	}
}

/* in: all bytes so far of what is being read. */
static void take(struct guest *g, struct slice in)
{
	switch (g->state) {
	case UP_READING_PROXY:
		take_proxy(g, in);
		break;
	case UP_READING_HEAD:
		take_head(g, in);
		break;
	case UP_READING_BODY:
	case UP_READING_CALL:
		keep(g, in);
		take_body(g);
		break;
	case UP_ASKING_AUTH:
	case UP_OPENING:
	case UP_ADOPTED:
	case UP_CHECKING:
	case UP_LOGGING_IN:
	case UP_PERMITTING:
	case UP_CALLING:
	case UP_CLOSED:
	case UP_N_STATES:
		g->discarded += in.len;
		tell(g, g->discarded > DISCARD_MAX_BYTES ? EV_GONE : EV_MORE_BYTES);
		break;
	}
}

static void on_talking(struct guest *g)
{
	ssize_t n = recv(g->fd, g->door->scratch, SCRATCH_BYTES, 0);
	struct slice in = {g->door->scratch, (size_t)n};

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		tell(g, EV_GONE);
		return;
	}
	if (is_reading(g) && g->in.len > 0) {
		buf_add(&g->in, in);
		if (g->in.failed) {
			tell(g, EV_GONE);
			return;
		}
		in = buf_slice(&g->in);
	}
	take(g, in);
}

/* What a client says after its answer is nobody's business. */
static void discard(struct guest *g)
{
	ssize_t n = recv(g->fd, g->door->scratch, SCRATCH_BYTES, 0);

	if (n > 0)
		g->discarded += (size_t)n;
	if (n == 0 && g->phase == GUEST_SENDING) {
		/* It may well read on; without EPOLLIN, or its EOF would be news for ever. */
		g->has_ended = true;
		watch_change(g->door->watch, g->fd, EPOLLOUT, &g->source);
	} else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) ||
		   g->discarded > DISCARD_MAX_BYTES) {
		guest_free(g);
	}
}

static void on_ready(struct watch_source *s, uint32_t events)
{
	struct guest *g = (struct guest *)s;

	if (g->phase == GUEST_TALKING)
		on_talking(g);
	else if (g->phase == GUEST_SENDING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
		guest_send(g);
	else
		discard(g);
}

static void begin_sending(struct guest *g)
{
	g->phase = GUEST_SENDING;
	guest_sort(g);
	watch_change(g->door->watch, g->fd, EPOLLIN | EPOLLOUT, &g->source);
	guest_set_deadline(g, SEND_DEADLINE_MS);
}

static void linger(struct guest *g)
{
	if (g->has_ended || shutdown(g->fd, SHUT_WR) < 0) {
		guest_free(g);
		return;
	}
	if (g->phase == GUEST_SENDING)
		watch_change(g->door->watch, g->fd, EPOLLIN, &g->source);
	g->phase = GUEST_LINGERING;
	guest_sort(g);
	guest_set_deadline(g, LINGER_MS);
}

void guest_send(struct guest *g)
{
	const size_t total = g->out.len + g->out_page.len;

	if (g->out.failed) {
		guest_free(g);
		return;
	}
	while (g->sent < total) {
		size_t head = g->sent < g->out.len ? g->sent : g->out.len;
		size_t page = g->sent - head;
		struct iovec parts[2] = {
			{g->out.data + head, g->out.len - head},
			{(char *)(uintptr_t)g->out_page.data + page, g->out_page.len - page},
		};
		struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
		ssize_t n = sendmsg(g->fd, &message, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			if (g->phase != GUEST_SENDING)
				begin_sending(g);
			return;
		}
		if (n < 0 && errno != EINTR) {
			guest_free(g);
			return;
		}
		g->sent += n < 0 ? 0 : (size_t)n;
	}
	linger(g);
}

enum upgrade_event guest_look(struct guest *g, enum upgrade_event otherwise)
{
	char byte;
	ssize_t n = recv(g->fd, &byte, 1, MSG_PEEK);

	if (n > 0)
		return EV_MORE_BYTES;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? otherwise : EV_GONE;
}
