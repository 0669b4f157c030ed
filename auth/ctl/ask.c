/*
 * One question and its answer, and the words for when there is none.
 */
#include "auth/ctl/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/ctl/print.h"
#include "common/bus.h"
#include "proto/codes.h"
#include "proto/pack.h"

/* Some answers wait for the router, and auth commits what it is told. */
#define ANSWER_MS (5000 + REVOKE_CONFIRM_MS)
#define ELEMENTS_MAX (CTL_REPLY_MAX_BYTES / 64)

enum ctl_exit ctl_fail(const char *what, const char *why)
{
	fprintf(stderr, "authctl: %s: %s\n", what, why);
	return CTL_ERROR;
}

/* The socket is there or not, and may be ours or not; each has its own advice. */
static enum ctl_exit fail_away(const char *path, int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -ENOENT:
		return ctl_fail(
			path, "nobody listens there: is postern-auth running, is --run right?");
	case -EACCES:
	case -EPERM:
	case -ECONNRESET: /* let in by the path, turned away by its uid */
		return ctl_fail(path, "not permitted: run as a user of --ctl-uids");
	case -ETIMEDOUT:
		return ctl_fail(
			path, "no answer: auth is busy, or this user is not one of --ctl-uids");
	default:
		return ctl_fail(path, strerror(-error));
	}
}

enum ctl_exit ctl_flush(struct ctl *c, enum ctl_exit exit_code)
{
	if (c->out.failed)
		return ctl_fail("answer", "too large");
	/* A reader that went away (authctl user list | head) is no error of ours to report. */
	if (fwrite(c->out.data == NULL ? "" : c->out.data, 1, c->out.len, stdout) != c->out.len ||
		fflush(stdout) != 0)
		return CTL_ERROR;
	buf_clear(&c->out);
	return exit_code;
}

bool ctl_read_token(char *text, size_t size)
{
	size_t n = fread(text, 1, size - 1, stdin);

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	text[n] = '\0';
	return ferror(stdin) == 0;
}

static enum ctl_exit refused(struct ctl *c, const Pb__AuthCtlReply *reply)
{
	/* What another try may cure is no refusal. */
	const bool is_trouble = reply->code == EX_INTERNAL || reply->code == EX_UNAVAILABLE;
	const enum ctl_exit exit_code = is_trouble ? CTL_ERROR : CTL_REFUSED;

	print_refusal(&c->out, reply, c->args->json);
	if (c->args->json)
		return ctl_flush(c, exit_code);
	fprintf(stderr, "authctl: %.*s", SLICE_ARGS(buf_slice(&c->out)));
	return exit_code;
}

/* The lowest that has the command, so that an auth of before understands what it can. */
static uint32_t wire_of(const Pb__AuthCtlRequest *request)
{
	return request->command_case == PB__AUTH_CTL_REQUEST__COMMAND_TOKEN ||
			       request->command_case == PB__AUTH_CTL_REQUEST__COMMAND_CHECK
		       ? 2
		       : 3;
}

enum ctl_exit ctl_ask(struct ctl *c, Pb__AuthCtlRequest *request,
	Pb__AuthCtlReply__ResultCase wanted, Pb__AuthCtlReply **out)
{
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, ELEMENTS_MAX};
	ProtobufCMessage *decoded = NULL;
	struct bus_msg *answer = NULL;
	struct bus_msg *m;
	bool understood;
	int r;

	request->wire = wire_of(request);
	m = pack_message(&request->base);
	if (m == NULL)
		return ctl_fail("request", "out of memory");
	r = bus_call(c->path, m, CTL_REPLY_MAX_BYTES, ANSWER_MS, &answer);
	if (r < 0)
		return fail_away(c->path, r);
	understood = codec_decode(&pb__auth_ctl_reply__descriptor, bus_msg_bytes(answer), &bounds,
			     c->arena, &decoded) == CODEC_OK &&
		     wire_is_known(((const Pb__AuthCtlReply *)decoded)->wire);
	bus_msg_free(answer);
	if (!understood)
		return ctl_fail(c->path, "an answer that is not understood; another version?");
	*out = (Pb__AuthCtlReply *)decoded;
	if ((*out)->code != 0)
		return refused(c, *out);
	if ((*out)->result_case == wanted)
		return CTL_OK;
	return ctl_fail(c->path, "auth answered something else than was asked");
}
