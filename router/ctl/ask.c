/*
 * One question and its answer, and the words for when there is none.
 */
#include "router/ctl/ask.h"

#include <errno.h>
#include <stdio.h>

#include "common/bus.h"
#include "proto/codes.h"
#include "proto/pack.h"
#include "router/ctl/print.h"

#define ANSWER_MS 5000

static void complain_away(const struct ctl *c, int error)
{
	if (error == -ECONNREFUSED || error == -ENOENT)
		fprintf(stderr, "routerctl: the router is away: nobody listens on %s\n", c->path);
	else if (error == -EACCES || error == -EPERM)
		fprintf(stderr, "routerctl: %s may not be opened by this user\n", c->path);
	else if (error == -ENAMETOOLONG)
		fprintf(stderr, "routerctl: %s is too long for a socket's path\n", c->path);
	else
		fprintf(stderr,
			"routerctl: no answer on %s: the router hangs, or this user is not in its "
			"--ctl-uids\n",
			c->path);
}

enum ctl_exit ctl_flush(struct ctl *c, enum ctl_exit exit_code)
{
	if (c->out.failed) {
		fprintf(stderr, "routerctl: the answer is too large\n");
		return CTL_ERROR;
	}
	/* A reader that went away (routerctl tail | head) is no error of ours to report. */
	if (fwrite(c->out.data == NULL ? "" : c->out.data, 1, c->out.len, stdout) != c->out.len ||
		fflush(stdout) != 0)
		return CTL_ERROR;
	buf_clear(&c->out);
	return exit_code;
}

static enum ctl_exit refused(struct ctl *c, const Pb__RouterCtlReply *reply)
{
	/* What another try may cure is no refusal. */
	const bool is_trouble = reply->code == EX_INTERNAL || reply->code == EX_UNAVAILABLE;
	const enum ctl_exit exit_code = is_trouble ? CTL_ERROR : CTL_REFUSED;

	print_refusal(&c->out, reply, c->args->json);
	if (c->args->json)
		return ctl_flush(c, exit_code);
	fprintf(stderr, "routerctl: %.*s", SLICE_ARGS(buf_slice(&c->out)));
	return exit_code;
}

/* Some answers wait for something. */
static int answer_ms(const Pb__RouterCtlRequest *request)
{
	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_TAIL)
		return TAIL_WAIT_MS + ANSWER_MS;
	if (request->command_case == PB__ROUTER_CTL_REQUEST__COMMAND_PUSH)
		return (int)request->push->timeout_ms + ANSWER_MS;
	return ANSWER_MS;
}

/* The lowest that has the command, so that it may ask a router that is older. */
static uint32_t wire_of(const Pb__RouterCtlRequest *request)
{
	return request->command_case >= PB__ROUTER_CTL_REQUEST__COMMAND_WHY ? 3
									    : WIRE_VERSION_OLDEST;
}

enum ctl_exit ctl_ask(struct ctl *c, Pb__RouterCtlRequest *request,
	Pb__RouterCtlReply__ResultCase wanted, Pb__RouterCtlReply **out)
{
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, 65536};
	ProtobufCMessage *decoded = NULL;
	struct bus_msg *answer = NULL;
	struct bus_msg *m;
	bool understood;
	int rc;

	request->wire = wire_of(request);
	m = pack_message(&request->base);
	if (m == NULL)
		return CTL_ERROR;
	rc = bus_call(c->path, m, CTL_REPLY_MAX_BYTES, answer_ms(request), &answer);
	if (rc < 0) {
		complain_away(c, rc);
		return CTL_ERROR;
	}
	understood = codec_decode(&pb__router_ctl_reply__descriptor, bus_msg_bytes(answer), &bounds,
			     c->arena, &decoded) == CODEC_OK &&
		     wire_is_known(((const Pb__RouterCtlReply *)decoded)->wire);
	bus_msg_free(answer);
	if (!understood) {
		fprintf(stderr, "routerctl: an answer that is not understood; another version?\n");
		return CTL_ERROR;
	}
	*out = (Pb__RouterCtlReply *)decoded;
	if ((*out)->code != 0)
		return refused(c, *out);
	if ((*out)->result_case == wanted)
		return CTL_OK;
	fprintf(stderr, "routerctl: the router answered something else than was asked\n");
	return CTL_ERROR;
}
