/*
 * A very small HTTP server: one request a connection, a head of at most HEAD_MAX_BYTES within
 * HEAD_DEADLINE_MS, then the answer, then the client's EOF or LINGER_MS, whichever is first.  The
 * parser is the one of proto/, so it is as strict as the edge's.
 */
#include "router/page.h"

#include <errno.h>
#include <stdlib.h>

#include "common/address.h"
#include "common/log.h"
#include "router/page_answer.h"

#define MAX_CLIENTS 32

struct page {
	struct hub *hub;
	uv_tcp_t listener;
	unsigned clients;
};

struct client {
	struct page *page;
	uv_tcp_t tcp;
	uv_timer_t deadline;
	uv_write_t write;
	uv_shutdown_t shutdown;
	unsigned open_handles;
	bool answered;
	size_t len;
	char in[HEAD_MAX_BYTES + 1];
	struct buf out;
};

static void on_client_handle_closed(uv_handle_t *handle)
{
	struct client *c = handle->data;

	if (--c->open_handles > 0)
		return;
	c->page->clients--;
	buf_fini(&c->out);
	free(c);
}

static void close_client(struct client *c)
{
	if (!uv_is_closing((uv_handle_t *)&c->tcp))
		uv_close((uv_handle_t *)&c->tcp, on_client_handle_closed);
	if (!uv_is_closing((uv_handle_t *)&c->deadline))
		uv_close((uv_handle_t *)&c->deadline, on_client_handle_closed);
}

static void on_client_shutdown(uv_shutdown_t *req, int status)
{
	struct client *c = req->data;

	if (status < 0)
		close_client(c);
}

static void on_client_deadline(uv_timer_t *timer);

static void on_client_written(uv_write_t *req, int status)
{
	struct client *c = req->data;

	c->shutdown.data = c;
	if (status < 0 || uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_client_shutdown) < 0)
		close_client(c);
}

static void send_answer(struct client *c)
{
	uv_buf_t bytes;

	if (c->out.failed) {
		close_client(c);
		return;
	}
	bytes = uv_buf_init(c->out.data, (unsigned)c->out.len);
	c->answered = true;
	c->write.data = c;
	uv_timer_start(&c->deadline, on_client_deadline, LINGER_MS, 0);
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_client_written) < 0)
		close_client(c);
}

static void on_client_deadline(uv_timer_t *timer)
{
	struct client *c = timer->data;

	if (c->answered || c->len == 0) {
		close_client(c);
		return;
	}
	page_answer_status(&c->out, 408, "the request did not come\n");
	send_answer(c);
}

static void take_head(struct client *c)
{
	struct http_head head;
	struct slice in = {c->in, c->len};

	switch (http_head_parse(in, &head)) {
	case HTTP_HEAD_MORE:
		return;
	case HTTP_HEAD_OK:
		c->page->hub->counts.page_requests++;
		page_answer(&c->out, c->page->hub, &head);
		break;
	case HTTP_HEAD_BAD:
		page_answer_status(&c->out, 400, "malformed request\n");
		break;
	case HTTP_HEAD_TOO_LARGE:
		page_answer_status(&c->out, 431, "request too large\n");
		break;
	case HTTP_HEAD_VERSION:
		page_answer_status(&c->out, 505, "HTTP/1.1 only\n");
		break;
	}
	send_answer(c);
}

static void on_client_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct client *c = handle->data;

	(void)suggested;
	/* After the answer, bytes are read to be thrown away. */
	if (c->answered)
		c->len = 0;
	*out = uv_buf_init(c->in + c->len, (unsigned)(sizeof(c->in) - c->len));
}

static void on_client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct client *c = stream->data;

	(void)bytes;
	if (n < 0) {
		close_client(c);
		return;
	}
	if (c->answered)
		return;
	c->len += (size_t)n;
	take_head(c);
}

static void on_page_connection(uv_stream_t *listener, int status)
{
	struct page *p = listener->data;
	struct client *c;

	if (status < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return;
	c->page = p;
	c->tcp.data = c;
	c->deadline.data = c;
	c->open_handles = 2;
	buf_init(&c->out, PAGE_ANSWER_MAX_BYTES);
	uv_tcp_init(p->hub->loop, &c->tcp);
	uv_timer_init(p->hub->loop, &c->deadline);
	p->clients++;
	if (uv_accept(listener, (uv_stream_t *)&c->tcp) < 0 || p->clients > MAX_CLIENTS ||
		uv_timer_start(&c->deadline, on_client_deadline, HEAD_DEADLINE_MS, 0) < 0 ||
		uv_read_start((uv_stream_t *)&c->tcp, on_client_alloc, on_client_read) < 0)
		close_client(c);
}

static void log_address(uv_tcp_t *listener)
{
	struct sockaddr_storage name;
	char text[ADDRESS_TEXT_BYTES];
	struct address address;
	int len = sizeof(name);

	if (uv_tcp_getsockname(listener, (struct sockaddr *)&name, &len) == 0 &&
		address_of_sockaddr(&name, &address))
		log_info("page", "address=%s", address_format(&address, text));
}

static int listen_on(struct page *p, const char *text)
{
	struct sockaddr_storage name;
	struct address address;
	int rc = address_parse(text, &address) ? 0 : -EINVAL;

	if (rc == 0)
		rc = uv_tcp_init(p->hub->loop, &p->listener);
	if (rc == 0) {
		address_to_sockaddr(&address, &name);
		rc = uv_tcp_bind(&p->listener, (struct sockaddr *)&name, 0);
	}
	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&p->listener, MAX_CLIENTS, on_page_connection);
	return rc;
}

int page_new(struct page **out, struct hub *hub)
{
	struct page *p;
	int rc;

	*out = NULL;
	if (strcmp(hub->config->page, "off") == 0)
		return 0;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		return -ENOMEM;
	p->hub = hub;
	p->listener.data = p;
	rc = listen_on(p, hub->config->page);
	if (rc < 0) {
		log_error("page", "address=%s error=\"%s\"", hub->config->page, uv_strerror(rc));
		return rc; /* the process ends */
	}
	log_address(&p->listener);
	*out = p;
	return 0;
}
