/*
 * routerctl push: the data from the command line or from standard input, and the exit code that
 * says how far the message came.
 */
#include <stdio.h>
#include <string.h>

#include "router/ctl/ask.h"
#include "router/ctl/print.h"

#define WAIT_DEFAULT_MS 5000

/* --data -: all of standard input. */
static bool read_input(struct buf *out)
{
	char part[4096];
	size_t n;

	while ((n = fread(part, 1, sizeof(part), stdin)) > 0)
		buf_add(out, (struct slice){part, n});
	return !ferror(stdin) && !out->failed;
}

/* What was asked for, reached or not. */
static enum ctl_exit exit_of(const Pb__CtlPushed *pushed, Pb__CtlWait wait)
{
	switch (pushed->state) {
	case PB__CTL_PUSH_STATE__CTL_PUSH_STORED:
		return wait == PB__CTL_WAIT__CTL_WAIT_ACCEPTED ? CTL_OK : CTL_STORED;
	case PB__CTL_PUSH_STATE__CTL_PUSH_ACCEPTED:
		return wait == PB__CTL_WAIT__CTL_WAIT_ACCEPTED ? CTL_OK : CTL_TIMED_OUT;
	case PB__CTL_PUSH_STATE__CTL_PUSH_TIMED_OUT:
		return CTL_TIMED_OUT;
	case PB__CTL_PUSH_STATE__CTL_PUSH_DELIVERED:
	case PB__CTL_PUSH_STATE__CTL_PUSH_ACKED:
	case PB__CTL_PUSH_STATE__CTL_PUSH_DUPLICATE:
	case _PB__CTL_PUSH_STATE_IS_INT_SIZE:
		return CTL_OK;
	}
	return CTL_ERROR; /* another version's */
}

static enum ctl_exit push_data(struct ctl *c, struct slice data)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlPush push = PB__CTL_PUSH__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	push.user = ctl_text(c->args->user);
	push.event = ctl_text(c->args->event == NULL ? "system" : c->args->event);
	push.data = codec_bytes(data);
	push.mid = ctl_text(c->args->mid);
	push.wait = (Pb__CtlWait)c->args->wait;
	push.ttl_ms = (uint64_t)c->args->ttl_ms;
	push.timeout_ms =
		c->args->timeout_ms == 0 ? WAIT_DEFAULT_MS : (uint32_t)c->args->timeout_ms;
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_PUSH;
	request.push = &push;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_PUSHED, &reply);
	if (result != CTL_OK)
		return result;
	print_pushed(&c->out, reply->pushed, c->args->json);
	return ctl_flush(c, exit_of(reply->pushed, push.wait));
}

enum ctl_exit ctl_push(struct ctl *c)
{
	const char *data = c->args->data == NULL ? "null" : c->args->data;
	struct buf complaint;
	struct buf input;
	struct slice text = slice_of(data);
	enum ctl_exit result;

	buf_init(&complaint, 512);
	buf_init(&input, PUSH_MAX_BYTES);
	if (strcmp(data, "-") == 0 && !read_input(&input)) {
		fprintf(stderr, "routerctl: --data -: more than %d bytes\n", PUSH_MAX_BYTES);
		result = CTL_USAGE;
	} else {
		if (strcmp(data, "-") == 0)
			text = buf_slice(&input);
		if (args_data_is_json(text, &complaint)) {
			result = push_data(c, text);
		} else {
			fprintf(stderr, "routerctl: %.*s\n", SLICE_ARGS(buf_slice(&complaint)));
			result = CTL_USAGE;
		}
	}
	buf_fini(&complaint);
	buf_fini(&input);
	return result;
}
