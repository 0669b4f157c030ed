/*
 * The context that libwebsockets lives in, and the way of a socket into it.  No listener, no TLS,
 * no extension, no timer for each connection: what it is not asked to do it cannot do wrong.
 */
#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"
#include "edge/ws_inner.h"

#define VHOST "postern"
#define UNSENT_BYTES 131072 /* of one socket, in the kernel */

/* Its lines may hold parts of frames only below warnings, which are never asked for. */
static void on_lws_log(int level, const char *line)
{
	char text[160];
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == '\n')
		len--;
	log_debug("lws", "level=%d text=%s", level,
		log_quote(text, sizeof(text), (struct slice){line, len}));
}

static int context_new(struct ws *ws, uv_loop_t *loop)
{
	static const lws_retry_bo_t never = {0};
	void *loops[] = {loop};
	struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
			   LWS_SERVER_OPTION_SKIP_SERVER_CANONICAL_NAME,
		.foreign_loops = loops,
		.port = CONTEXT_PORT_NO_LISTEN_SERVER,
		.pt_serv_buf_size = 16384,
		.max_http_header_data = 1024,
		.alpn = "http/1.1",
		.retry_and_idle_policy = &never,
		.protocols = ws_protocols,
		.vhost_name = VHOST,
		.user = ws,
	};

	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_log);
	ws->context = lws_create_context(&info);
	if (ws->context == NULL)
		return -ENOMEM;
	ws->vhost = lws_create_vhost(ws->context, &info);
	if (ws->vhost == NULL) {
		lws_context_destroy(ws->context);
		return -ENOMEM;
	}
	return 0;
}

int ws_new(struct ws **out, uv_loop_t *loop, const struct ws_events *events, size_t pending_bytes)
{
	struct ws *ws = calloc(1, sizeof(*ws));
	int ret;

	if (ws == NULL)
		return -ENOMEM;
	ws->events = events;
	ws->pending_bytes = pending_bytes;
	ret = context_new(ws, loop);
	if (ret < 0) {
		free(ws);
		return ret;
	}
	*out = ws;
	return 0;
}

static size_t write_head(char *head, size_t size, const struct ws_adoption *a)
{
	int n = snprintf(head, size,
		"GET /ws HTTP/1.1\r\nHost: " VHOST
		"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %.*s\r\n%s\r\n",
		SLICE_ARGS(a->key),
		a->is_native ? "Sec-WebSocket-Protocol: " WS_SUBPROTOCOL "\r\n" : "");

	return n < 0 || (size_t)n >= size ? 0 : (size_t)n;
}

int ws_adopt(struct ws *ws, struct ws_link *link, const struct ws_adoption *a)
{
	const int on = 1;
	const int unsent = UNSENT_BYTES;
	char head[512];
	size_t len = write_head(head, sizeof(head), a);
	struct lws *wsi = NULL;

	link->ws = ws;
	link->fd = a->fd;
	link->is_granted = true;
	/* On a unix socket these two have no meaning and fail. */
	setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(a->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
	if (len == 0) {
		close(a->fd);
	} else {
		ws->adopting = link;
		wsi = lws_adopt_socket_vhost_readbuf(ws->vhost, a->fd, head, len);
		ws->adopting = NULL;
	}
	if (wsi != NULL)
		return 0;
	/* Closed on the way: where libwebsockets made nothing of it, nobody else will tell. */
	if (link->wsi == NULL)
		ws_tell_closed(link);
	return -ECONNABORTED;
}
