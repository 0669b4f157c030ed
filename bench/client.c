/*
 * client: the smallest WebSocket client that can drive a gateway to its limit.  Each connection
 * goes through connect, upgrade, `ready`; from then on text frames go to on_text.
 */
#include "bench/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/measure.h"

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10, READ_BYTES = 65536 };

void fail(const char *format, ...)
{
	va_list args;

	fputs("postern-load: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

void clients_init(struct clients *cs, const char *address, size_t n)
{
	char host[64];
	int port;
	struct rlimit files = {n + 64, n + 64};

	if (sscanf(address, "%63[^:]:%d", host, &port) != 2)
		fail("--address wants ADDRESS:PORT, not '%s'", address);
	cs->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(AF_INET, host, &cs->server.sin_addr) != 1)
		fail("'%s' is no IPv4 address", host);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < n + 16)
		fail("%zu connections need more descriptors than %zu", n, (size_t)files.rlim_cur);
	cs->epoll = epoll_create1(EPOLL_CLOEXEC);
	cs->list = calloc(n, sizeof(*cs->list));
	cs->n = n;
	if (cs->epoll < 0 || cs->list == NULL)
		fail("cannot start: %s", strerror(errno));
}

static void room(char **buf, size_t *cap, size_t need)
{
	if (need <= *cap)
		return;
	*cap = need < 4096 ? 4096 : 2 * need;
	*buf = realloc(*buf, *cap);
	if (*buf == NULL)
		fail("out of memory");
}

static void watch(struct clients *cs, struct client *c, int op)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};

	if (c->out_len > 0)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(cs->epoll, op, c->fd, &ev) < 0)
		fail("epoll_ctl: %s", strerror(errno));
}

static void write_bytes(struct clients *cs, struct client *c, const char *bytes, size_t len)
{
	ssize_t sent = 0;

	if (c->out_len == 0)
		sent = send(c->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && errno != EAGAIN)
		fail("connection %u: %s", c->index, strerror(errno));
	if (sent < 0)
		sent = 0;
	if ((size_t)sent == len)
		return;
	room(&c->out, &c->out_cap, c->out_len + len - (size_t)sent);
	memcpy(c->out + c->out_len, bytes + sent, len - (size_t)sent);
	c->out_len += len - (size_t)sent;
	watch(cs, c, EPOLL_CTL_MOD);
}

static void write_frame(
	struct clients *cs, struct client *c, int opcode, const char *payload, size_t len)
{
	char frame[8 + 65536];
	size_t head = len < 126 ? 2 : 4;

	if (len > 65535)
		fail("a frame of %zu bytes is not for this generator", len);
	frame[0] = (char)(0x80 | opcode);
	frame[1] = (char)(0x80 | (len < 126 ? len : 126));
	if (head == 4) {
		frame[2] = (char)(len >> 8);
		frame[3] = (char)(len & 255);
	}
	memset(frame + head, 0, 4); /* the mask */
	memcpy(frame + head + 4, payload, len);
	write_bytes(cs, c, frame, head + 4 + len);
}

void client_send(struct clients *cs, struct client *c, const char *text, size_t len)
{
	write_frame(cs, c, OP_TEXT, text, len);
}

void client_connect(struct clients *cs, size_t i, const char *token)
{
	struct client *c = &cs->list[i];
	char head[4096];
	int one = 1, n;

	c->index = (uint32_t)i;
	c->started_ns = now_ns();
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&cs->server, sizeof(cs->server)) < 0)
		fail("connection %zu: %s", i, strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(cs, c, EPOLL_CTL_ADD);
	n = snprintf(head, sizeof(head),
		"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Protocol: postern.v1\r\nAuthorization: Bearer %s\r\n\r\n",
		token);
	if (n < 0 || (size_t)n >= sizeof(head))
		fail("token %zu is too long", i);
	write_bytes(cs, c, head, (size_t)n);
}

static void on_frame(struct clients *cs, struct client *c, int opcode, const char *text, size_t len)
{
	static const char ready[] = "{\"event\":\"ready\"";

	if (opcode == OP_PING) {
		write_frame(cs, c, OP_PONG, text, len);
	} else if (opcode == OP_CLOSE) {
		fail("connection %u was closed: %.*s", c->index, len > 2 ? (int)len - 2 : 0,
			text + 2);
	} else if (c->ready) {
		if (cs->on_text != NULL)
			cs->on_text(c, text, len);
	} else if (len > sizeof(ready) && memcmp(text, ready, sizeof(ready) - 1) == 0) {
		c->ready = true;
		cs->n_ready++;
		if (cs->on_ready != NULL)
			cs->on_ready(c);
	}
}

/* Takes whole frames from the front of in; the number of bytes used. */
static size_t take_frames(struct clients *cs, struct client *c)
{
	size_t used = 0;

	for (;;) {
		const unsigned char *p = (const unsigned char *)c->in + used;
		size_t left = c->in_len - used, head = 2, len;

		if (left < 2)
			return used;
		len = p[1] & 127;
		if (len == 126)
			head = 4;
		else if (len == 127)
			head = 10;
		if (left < head)
			return used;
		if (head > 2) {
			len = 0;
			for (size_t i = 2; i < head; i++)
				len = len << 8 | p[i];
		}
		if (left - head < len)
			return used;
		on_frame(cs, c, p[0] & 15, c->in + used + head, len);
		used += head + len;
	}
}

static size_t take_upgrade(struct client *c)
{
	const char *end = memmem(c->in, c->in_len, "\r\n\r\n", 4);

	if (end == NULL)
		return 0;
	if (strncmp(c->in, "HTTP/1.1 101", 12) != 0)
		fail("connection %u was refused: %.*s", c->index, (int)c->in_len, c->in);
	c->upgraded = true;
	return (size_t)(end - c->in) + 4;
}

static void on_readable(struct clients *cs, struct client *c)
{
	ssize_t n;
	size_t used = 0;

	room(&c->in, &c->in_cap, c->in_len + READ_BYTES);
	n = recv(c->fd, c->in + c->in_len, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		fail("connection %u is gone: %s", c->index, n == 0 ? "EOF" : strerror(errno));
	c->in_len += (size_t)n;
	if (!c->upgraded)
		used = take_upgrade(c);
	memmove(c->in, c->in + used, c->in_len - used);
	c->in_len -= used;
	if (!c->upgraded)
		return;
	used = take_frames(cs, c);
	memmove(c->in, c->in + used, c->in_len - used);
	c->in_len -= used;
	if (c->in_len == 0) { /* idle connections keep no buffer, so many fit */
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	}
}

static void on_writable(struct clients *cs, struct client *c)
{
	ssize_t sent = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN)
		fail("connection %u: %s", c->index, strerror(errno));
	if (sent > 0) {
		memmove(c->out, c->out + sent, c->out_len - (size_t)sent);
		c->out_len -= (size_t)sent;
	}
	if (c->out_len == 0)
		watch(cs, c, EPOLL_CTL_MOD);
}

void clients_poll(struct clients *cs, int timeout_ms)
{
	struct epoll_event events[256];
	int n = epoll_wait(cs->epoll, events, 256, timeout_ms);

	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (events[i].events & EPOLLOUT)
			on_writable(cs, c);
		if (events[i].events & ~(unsigned)EPOLLOUT)
			on_readable(cs, c);
	}
}
