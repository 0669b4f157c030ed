/*
 * client: the smallest WebSocket client that can drive a gateway to its limit.  Each connection
 * goes through connect, upgrade, `ready`; from then on text frames go to on_text.  Bytes are read
 * into one buffer for all; a connection keeps only the piece of a frame that was cut off.
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

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10, READ_BYTES = 262144 };

static char shared[READ_BYTES];

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

struct sockaddr_in address_parse(const char *address)
{
	struct sockaddr_in parsed = {.sin_family = AF_INET};
	char host[64];
	int port;

	if (sscanf(address, "%63[^:]:%d", host, &port) != 2)
		fail("'%s' is not ADDRESS:PORT", address);
	parsed.sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &parsed.sin_addr) != 1)
		fail("'%s' is no IPv4 address", host);
	return parsed;
}

void clients_init(struct clients *cs, const char *address, size_t n)
{
	struct rlimit files = {n + 64, n + 64};

	cs->server = address_parse(address);
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		getrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur < n + 16)
		fail("%zu connections need more descriptors than %zu", n, (size_t)files.rlim_cur);
	cs->epoll = epoll_create1(EPOLL_CLOEXEC);
	cs->list = calloc(n, sizeof(*cs->list));
	cs->dirty = calloc(n, sizeof(struct client *));
	cs->n = n;
	if (cs->epoll < 0 || cs->list == NULL || cs->dirty == NULL)
		fail("cannot start: %s", strerror(errno));
}

static void room(char **buf, size_t *cap, size_t need)
{
	if (need <= *cap)
		return;
	*cap = need < 1024 ? 1024 : 2 * need;
	*buf = realloc(*buf, *cap);
	if (*buf == NULL)
		fail("out of memory");
}

static void watch(struct clients *cs, struct client *c, int op)
{
	struct epoll_event ev = {.events = c->is_stalled ? 0 : EPOLLIN, .data.ptr = c};

	if (c->out_len > 0)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(cs->epoll, op, c->fd, &ev) < 0)
		fail("epoll_ctl: %s", strerror(errno));
}

void client_stall(struct clients *cs, struct client *c, bool stalled)
{
	c->is_stalled = stalled;
	if (c->fd > 0)
		watch(cs, c, EPOLL_CTL_MOD);
}

void client_close(struct clients *cs, struct client *c)
{
	close(c->fd);
	cs->n_ready -= c->ready;
	c->fd = 0;
	c->upgraded = c->ready = false;
	c->in_len = c->out_len = 0;
}

static void gone(struct clients *cs, struct client *c, int64_t after_ms, const char *why)
{
	if (cs->on_gone == NULL)
		fail("connection %u: %s", c->index, why);
	client_close(cs, c);
	cs->on_gone(cs->arg, c, after_ms);
}

static void send_some(struct clients *cs, struct client *c)
{
	ssize_t sent = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent < 0 && errno != EAGAIN) {
		gone(cs, c, 0, strerror(errno));
		return;
	}
	if (sent > 0) {
		memmove(c->out, c->out + sent, c->out_len - (size_t)sent);
		c->out_len -= (size_t)sent;
	}
}

static void flush(struct clients *cs)
{
	while (cs->n_dirty > 0) {
		struct client *c = cs->dirty[--cs->n_dirty];

		c->is_dirty = false;
		if (c->fd == 0 || c->out_len == 0)
			continue;
		send_some(cs, c);
		if (c->fd > 0 && c->out_len > 0)
			watch(cs, c, EPOLL_CTL_MOD);
	}
}

static void write_bytes(struct clients *cs, struct client *c, const char *bytes, size_t len)
{
	room(&c->out, &c->out_cap, c->out_len + len);
	memcpy(c->out + c->out_len, bytes, len);
	c->out_len += len;
	if (!c->is_dirty) {
		c->is_dirty = true;
		cs->dirty[cs->n_dirty++] = c;
	}
}

static void write_frame(
	struct clients *cs, struct client *c, int opcode, const char *payload, size_t len)
{
	char head[8] = {0}; /* the mask is zero */
	size_t head_len = len < 126 ? 6 : 8;

	if (len > 65535)
		fail("a frame of %zu bytes is not for this generator", len);
	head[0] = (char)(0x80 | opcode);
	head[1] = (char)(0x80 | (len < 126 ? len : 126));
	if (head_len == 8) {
		head[2] = (char)(len >> 8);
		head[3] = (char)(len & 255);
	}
	write_bytes(cs, c, head, head_len);
	write_bytes(cs, c, payload, len);
}

void client_send(struct clients *cs, struct client *c, const char *text, size_t len)
{
	write_frame(cs, c, OP_TEXT, text, len);
}

static int open_socket(const struct clients *cs)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int one = 1, little = 4096;

	if (fd < 0)
		fail("socket: %s", strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (cs->small_windows)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof(little));
	return fd;
}

void client_connect(struct clients *cs, size_t i, const char *token)
{
	struct client *c = &cs->list[i];
	char head[4096], position[96] = "";
	int n;

	c->index = (uint32_t)i;
	c->started_ns = now_ns();
	c->fd = open_socket(cs);
	if (connect(c->fd, (const struct sockaddr *)&cs->server, sizeof(cs->server)) < 0 &&
		errno != EINPROGRESS) {
		gone(cs, c, 0, strerror(errno));
		return;
	}
	watch(cs, c, EPOLL_CTL_ADD);
	if (c->epoch[0] != '\0')
		snprintf(position, sizeof(position), "&e=%s&u=%llu&s=%llu", c->epoch,
			(unsigned long long)c->u, (unsigned long long)c->s);
	n = snprintf(head, sizeof(head),
		"GET /ws?dev=load%s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		"Sec-WebSocket-Protocol: postern.v1\r\nAuthorization: Bearer %s\r\n\r\n",
		position, token);
	if (n < 0 || (size_t)n >= sizeof(head))
		fail("token %zu is too long", i);
	write_bytes(cs, c, head, (size_t)n);
}

bool number_after(const char *text, size_t len, const char *key, uint64_t *out)
{
	const char *at = memmem(text, len, key, strlen(key)), *end = text + len;

	if (at == NULL)
		return false;
	*out = 0;
	for (at += strlen(key); at < end && *at >= '0' && *at <= '9'; at++)
		*out = *out * 10 + (uint64_t)(*at - '0');
	return true;
}

/* Where it begins: with what its user did not acknowledge, or after its own position. */
static void on_ready(struct clients *cs, struct client *c, const char *text, size_t len)
{
	static const char key[] = "\"resume\":{\"epoch\":\"";
	const char *resume = memmem(text, len, key, sizeof(key) - 1);
	const char *epoch = resume == NULL ? NULL : resume + sizeof(key) - 1;
	const char *quote = epoch == NULL ? NULL : memchr(epoch, '"', (size_t)(text + len - epoch));
	uint64_t head_s, missed;

	if (quote == NULL || quote - epoch >= (ptrdiff_t)sizeof(c->epoch) ||
		!number_after(quote, (size_t)(text + len - quote), "\"u\":", &c->head_u) ||
		!number_after(quote, (size_t)(text + len - quote), "\"s\":", &head_s) ||
		!number_after(quote, (size_t)(text + len - quote), "\"missed\":", &missed))
		fail("connection %u: what is %.*s", c->index, (int)len, text);
	if (c->epoch[0] == '\0')
		c->u = c->head_u - missed;
	else if (memmem(text, len, "\"recovered\":true", 16) == NULL)
		fail("connection %u was not resumed at %llu: %.*s", c->index,
			(unsigned long long)c->u, (int)len, text);
	c->s = head_s;
	memcpy(c->epoch, epoch, (size_t)(quote - epoch));
	c->epoch[quote - epoch] = '\0';
	c->ready = true;
	cs->n_ready++;
	if (cs->on_ready != NULL)
		cs->on_ready(cs->arg, c);
}

static void on_frame(struct clients *cs, struct client *c, int opcode, const char *text, size_t len)
{
	static const char ready[] = "{\"event\":\"ready\"";
	char why[128];

	if (opcode == OP_PING) {
		write_frame(cs, c, OP_PONG, text, len);
	} else if (opcode == OP_CLOSE) {
		uint64_t after_ms = 0;

		snprintf(why, sizeof(why), "closed: %.*s", len > 2 ? (int)len - 2 : 0, text + 2);
		(void)number_after(text, len, "after=", &after_ms);
		gone(cs, c, (int64_t)after_ms, why);
	} else if (c->ready) {
		if (cs->on_text != NULL)
			cs->on_text(cs->arg, c, text, len);
	} else if (len > sizeof(ready) && memcmp(text, ready, sizeof(ready) - 1) == 0) {
		on_ready(cs, c, text, len);
	}
}

/* Takes whole frames from the front; the number of bytes used. */
static size_t take_frames(struct clients *cs, struct client *c, const char *in, size_t in_len)
{
	size_t used = 0;

	while (c->fd > 0) {
		const unsigned char *p = (const unsigned char *)in + used;
		size_t left = in_len - used, head = 2, len;

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
		on_frame(cs, c, p[0] & 15, in + used + head, len);
		used += head + len;
	}
	return in_len;
}

static size_t take_upgrade(struct clients *cs, struct client *c, const char *in, size_t len)
{
	const char *end = memmem(in, len, "\r\n\r\n", 4);
	uint64_t after_ms = 0;
	char why[256];

	if (end == NULL)
		return 0;
	if (strncmp(in, "HTTP/1.1 101", 12) == 0) {
		c->upgraded = true;
		return (size_t)(end - in) + 4;
	}
	snprintf(why, sizeof(why), "refused: %.*s", (int)len, in);
	if (strncmp(in, "HTTP/1.1 503", 12) != 0)
		fail("connection %u was %s", c->index, why);
	(void)number_after(in, len, "\"after_ms\":", &after_ms);
	gone(cs, c, (int64_t)after_ms, why);
	return len;
}

static void on_readable(struct clients *cs, struct client *c)
{
	char *in = c->in_len == 0 ? shared : c->in;
	size_t used = 0, len;
	ssize_t n;

	if (in == c->in) {
		room(&c->in, &c->in_cap, c->in_len + READ_BYTES);
		in = c->in;
	}
	n = recv(c->fd, in + c->in_len, READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		gone(cs, c, 0, n == 0 ? "EOF" : strerror(errno));
		return;
	}
	len = c->in_len + (size_t)n;
	if (!c->upgraded)
		used = take_upgrade(cs, c, in, len);
	if (c->upgraded)
		used += take_frames(cs, c, in + used, len - used);
	c->in_len = c->fd > 0 ? len - used : 0;
	if (in == shared && c->in_len > 0)
		room(&c->in, &c->in_cap, c->in_len);
	if (c->in_len > 0) {
		memmove(c->in, in + used, c->in_len);
	} else { /* so many fit */
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	}
}

void clients_poll(struct clients *cs, int timeout_ms)
{
	struct epoll_event events[512];
	int n;

	flush(cs);
	n = epoll_wait(cs->epoll, events, 512, timeout_ms);
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (c->fd > 0 && (events[i].events & EPOLLOUT)) {
			send_some(cs, c);
			if (c->fd > 0 && c->out_len == 0)
				watch(cs, c, EPOLL_CTL_MOD);
		}
		if (c->fd > 0 && (events[i].events & ~(unsigned)EPOLLOUT))
			on_readable(cs, c);
	}
	flush(cs);
}
