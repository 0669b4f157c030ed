/*
 * The edge's door: a few clients send anything in any pieces, read as much as they like, stop
 * speaking and leave; auth and the router answer whatever they like, and time passes.
 *
 * Each client gets one whole answer at most, which is HTTP; nobody is let in but for a grant of
 * auth and an opening of the router, and never with bytes that came too early; and when all
 * deadlines have passed nobody is there any more, and nobody is asked for them.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fuzz/guest_rig.h"
#include "tests/fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CLIENTS 3
#define GOT_MAX_BYTES 65536
#define PAGE_BYTES 30000 /* more than a socket takes at once */
#define TICK_MS 50
#define SEND_BUFFER_BYTES 4608

struct client {
	int fd; /* -1: none */
	struct slice rest;
	size_t got_len;
	bool has_end; /* of the edge's bytes */
	char got[GOT_MAX_BYTES];
};

static struct door door;
static uv_loop_t loop;
static struct client clients[CLIENTS];
static bool has_waited; /* long enough for a deadline */
static struct pages *pages;
static struct origin_list no_origins, origins;

#define TEXT(s)                                                                                    \
	{                                                                                          \
		(s), sizeof(s) - 1                                                                 \
	}
#define UPGRADE                                                                                    \
	" HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                    \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define TOKEN "Authorization: Bearer a.b.c\r\n"

static const struct slice texts[] = {
	TEXT("GET /ws" UPGRADE TOKEN "\r\n"),
	TEXT("GET /ws?dev=phone&e=k3f9k3f9&u=1&s=2" UPGRADE
	     "Sec-WebSocket-Protocol: postern.v1, bearer.a.b.c\r\n\r\n"),
	TEXT("GET /ws?ticket=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" UPGRADE "\r\n"),
	TEXT("GET /auth/check HTTP/1.1\r\nHost: a\r\n" TOKEN "\r\n"),
	TEXT("POST /auth/refresh HTTP/1.1\r\nHost: a\r\n" TOKEN "\r\n"),
	TEXT("POST /auth/logout HTTP/1.1\r\nHost: a\r\n" TOKEN "\r\n"),
	TEXT("POST /auth/ticket HTTP/1.1\r\nHost: a\r\n" TOKEN "\r\n"),
	TEXT("POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\n\r\n"
	     "{\"username\":\"jim\",\"password\":\"12345\"}"),
	TEXT("POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 27\r\n" TOKEN
	     "Idempotency-Key: m-1\r\n\r\n{\"toUser\":\"7\",\"content\":\"\"}"),
	TEXT("POST /api/push HTTP/1.1\r\nHost: a\r\nContent-Length: 36\r\n" TOKEN
	     "\r\n{\"all\":true,\"event\":\"news\",\"data\":1}"),
	TEXT("GET /page.html HTTP/1.1\r\nHost: a\r\n\r\n"),
	TEXT("GET /page.html HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n"),
	TEXT("POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"),
	TEXT("POST /api/chat HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n" TOKEN "\r\n"),
	TEXT("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"),
	TEXT("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"),
	TEXT("OPTIONS /api/chat HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n"),
	TEXT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\2\x1f\x90\0\x50"),
	TEXT("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
};

static void begin(void)
{
	static char page[PAGE_BYTES];
	char dir[] = "/tmp/postern-fuzz-XXXXXX", path[64];
	struct slice bad;
	FILE *f;

	assert(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/page.html", dir);
	f = fopen(path, "we");
	memset(page, 'p', sizeof(page));
	assert(f != NULL && fwrite(page, 1, sizeof(page), f) == sizeof(page) && fclose(f) == 0);
	assert(pages_load(&pages, dir) == 0);
	assert(unlink(path) == 0 && rmdir(dir) == 0);
	assert(origin_list_parse("https://a.example", &origins, &bad));
	assert(uv_loop_init(&loop) == 0);
}

static struct client *client_from(struct script *s)
{
	return &clients[script_byte(s) % CLIENTS];
}

static void client_comes(struct script *s)
{
	static const struct address peer = {.bytes = {192, 0, 2, 1}};
	const int bytes = SEND_BUFFER_BYTES;
	struct client *c = client_from(s);
	bool is_proxy = script_byte(s) % 4 == 3;
	int fds[2];

	if (c->fd >= 0)
		return;
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	assert(setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)) == 0);
	c->fd = fds[0];
	c->rest = (struct slice){"", 0};
	c->got_len = 0;
	c->has_end = false;
	guest_new(&door, fds[1], &peer, is_proxy ? UP_READING_PROXY : UP_READING_HEAD);
}

static void say(const struct client *c, struct slice bytes)
{
	if (c->fd >= 0 && bytes.len > 0)
		(void)send(c->fd, bytes.data, bytes.len, MSG_NOSIGNAL);
}

static void client_says(struct script *s)
{
	const struct client *c = client_from(s);

	say(c, script_slice(s));
}

/* One of the texts, of which the rest may come later. */
static void client_says_text(struct script *s)
{
	struct client *c = client_from(s);
	struct slice text = texts[script_byte(s) % (sizeof(texts) / sizeof(texts[0]))];
	size_t len = script_byte(s) * 2;

	if (len == 0 || len > text.len)
		len = text.len;
	say(c, (struct slice){text.data, len});
	c->rest = (struct slice){text.data + len, text.len - len};
}

static void client_says_rest(struct script *s)
{
	struct client *c = client_from(s);

	say(c, c->rest);
	c->rest.len = 0;
}

static void read_some(struct client *c, size_t len)
{
	ssize_t n;

	if (c->fd < 0 || len == 0)
		return;
	assert(len <= sizeof(c->got) - c->got_len);
	n = recv(c->fd, c->got + c->got_len, len, 0);
	if (n > 0)
		c->got_len += (size_t)n;
	c->has_end |= n == 0 || (n < 0 && errno == ECONNRESET);
}

static void client_reads(struct script *s)
{
	struct client *c = client_from(s);

	read_some(c, (size_t)script_byte(s) * 8);
}

static void client_ends(struct script *s)
{
	const struct client *c = client_from(s);

	if (c->fd >= 0)
		(void)shutdown(c->fd, SHUT_WR);
}

/* A head and what it says that follows, and nothing behind it. */
static void check_answer(const struct client *c)
{
	const char *end = memmem(c->got, c->got_len, "\r\n\r\n", 4);
	const char *field;
	size_t body, said = 0;

	if (c->got_len == 0)
		return;
	assert(c->got_len < 9 || memcmp(c->got, "HTTP/1.1 ", 9) == 0);
	if (end == NULL) {
		assert(!c->has_end || has_waited);
		return;
	}
	body = (size_t)(c->got + c->got_len - (end + 4));
	field = memmem(c->got, (size_t)(end - c->got) + 2, "\r\nContent-Length: ", 18);
	if (field != NULL)
		said = strtoul(field + 18, NULL, 10);
	assert(body <= said && (body == said || !c->has_end || has_waited));
}

static void client_goes(struct client *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	check_answer(c);
}

static void client_leaves(struct script *s)
{
	client_goes(client_from(s));
}

static void deadlines_pass(void)
{
	struct wheel_entry *e;

	uv_update_time(&loop);
	while ((e = wheel_pop(&door.deadlines, (int64_t)uv_now(&loop))) != NULL)
		guest_on_deadline((struct guest *)((char *)e - offsetof(struct guest, deadline)));
}

static void time_passes(struct script *s)
{
	world_ms += (int64_t)script_byte(s) * 100;
	has_waited = true;
	deadlines_pass();
}

static void mood_changes(struct script *s)
{
	unsigned how = script_byte(s);

	rig_mood = (struct rig_mood){
		.auth_is_up = how & 1,
		.auth_is_busy = how & 2,
		.live_is_up = (how & 4) == 0,
		.live_is_tight = how & 8,
		.live_count = how & 16 ? door.max_connections : 0,
	};
}

static void drain(struct script *s)
{
	struct guest *next;

	door.is_draining = script_byte(s) % 2;
	for (size_t i = 0; door.is_draining && i < GUEST_LISTS; i++) {
		for (struct guest *g = door.newest[i]; g != NULL; g = next) {
			next = g->older;
			if (g->phase == GUEST_TALKING)
				guest_tell(g, &(struct news){.event = EV_DRAIN});
		}
	}
}

static void others_need_room(struct script *s)
{
	(void)s;
	has_waited |= guest_make_room(&door); /* perhaps within an answer */
}

static void check_lists(void)
{
	size_t n = 0, n_asking = 0;

	for (size_t i = 0; i < GUEST_LISTS; i++) {
		const struct guest *newer = NULL;

		for (const struct guest *g = door.newest[i]; g != NULL; g = g->older) {
			assert(g->newer == newer && g->list == i && wheel_is_set(&g->deadline));
			newer = g;
			n++;
			n_asking += g->is_asking;
		}
		assert(door.oldest[i] == newer);
	}
	assert(n == door.n_guests && n_asking == door.n_asking);
}

static void step(struct script *s)
{
	static void (*const steps[])(struct script * s) = {client_comes, client_says,
		client_says_text, client_says_text, client_says_rest, client_reads, client_ends,
		client_leaves, time_passes, rig_auth_answers, rig_auth_answers, rig_opening_ends,
		rig_call_ends, mood_changes, drain, others_need_room};

	steps[script_byte(s) % (sizeof(steps) / sizeof(steps[0]))](s);
}

static void door_open(unsigned how)
{
	door = (struct door){
		.loop = &loop,
		.rules = {how & 1 ? &origins : &no_origins, how & 2 ? NULL : pages,
			{how & 4, (how & 8) == 0, (how & 16) == 0}},
		.head_timeout_ms = 10000,
		.upgrade_timeout_ms = 5000,
		.max_connections = 2,
	};
	uv_update_time(&loop);
	wheel_init(&door.deadlines, TICK_MS, (int64_t)uv_now(&loop));
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i].fd = -1;
	has_waited = false;
	rig_reset();
}

/* All answers are read to their ends; who never ends is sent away. */
static void door_close(void)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		struct client *c = &clients[i];

		for (size_t n = 0; n < 16; n++) {
			read_some(c, sizeof(c->got) - c->got_len);
			rig_turn();
		}
		client_goes(c);
	}
	rig_turn();
	for (unsigned i = 0; i < 4; i++) {
		world_ms += 20000;
		deadlines_pass();
		rig_turn();
	}
	assert(door.n_guests == 0 && door.n_asking == 0 && rig_is_empty());
	assert(door.n_adopted == rig_adopted());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};

	if (pages == NULL)
		begin();
	world_reset();
	world_stop_time(true);
	door_open(script_byte(&s));
	while (!script_is_over(&s)) {
		step(&s);
		rig_turn();
		check_lists();
	}
	door_close();
	world_stop_time(false);
	return 0;
}
