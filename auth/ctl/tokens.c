/*
 * The commands about tokens: token, check, revoke; and ping.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "auth/ctl/ask.h"
#include "auth/ctl/print.h"

static enum ctl_exit tokens_ask(struct ctl *c, Pb__CtlToken *ask)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__AuthCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
	request.token = ask;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_TOKEN, &reply);
	if (result != CTL_OK)
		return result;
	print_tokens(&c->out, reply->token, c->args->json);
	return ctl_flush(c, CTL_OK);
}

/* In pages, since an answer has a bound. */
static enum ctl_exit many_tokens(struct ctl *c, Pb__CtlToken *ask)
{
	enum ctl_exit result = CTL_OK;

	for (uint64_t done = 0; done < c->args->count && result == CTL_OK;) {
		uint64_t left = c->args->count - done;
		char sub[24];

		ask->count =
			(uint32_t)(left < CTL_TOKENS_PER_REQUEST ? left : CTL_TOKENS_PER_REQUEST);
		snprintf(sub, sizeof(sub), "%" PRIu64, c->args->first_sub + done);
		ask->sub = ctl_text(sub);
		result = tokens_ask(c, ask);
		done += ask->count;
	}
	return result;
}

enum ctl_exit ctl_token(struct ctl *c)
{
	Pb__CtlToken ask = PB__CTL_TOKEN__INIT;

	ask.sub = ctl_text(c->args->sub);
	ask.ttl_s = c->args->ttl_s;
	ask.scope = ctl_text(c->args->scope);
	ask.aud = ctl_text(c->args->aud);
	return c->args->count > 0 ? many_tokens(c, &ask) : tokens_ask(c, &ask);
}

/* word, or standard input where it is -.  One that could not be valid is still sent, to be refused;
 * what no request could hold is not.  NULL: after a line. */
static const char *token_of(const char *word, char *text, size_t size)
{
	if (strcmp(word, "-") != 0) {
		if (strlen(word) < size)
			return word;
		(void)ctl_fail("token", "that is far too long for one");
		return NULL;
	}
	if (ctl_read_token(text, size))
		return text;
	(void)ctl_fail("standard input", strerror(errno));
	return NULL;
}

enum ctl_exit ctl_check(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlCheck check = PB__CTL_CHECK__INIT;
	Pb__AuthCtlReply *reply = NULL;
	char text[CTL_REQUEST_MAX_BYTES / 2];
	const char *token = token_of(c->args->word, text, sizeof(text));
	enum ctl_exit result;

	if (token == NULL)
		return CTL_ERROR;
	check.token = ctl_text(token);
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_CHECK;
	request.check = &check;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_VERDICT, &reply);
	if (result != CTL_OK)
		return result;
	print_verdict(&c->out, reply->verdict, c->args->json);
	return ctl_flush(c, reply->verdict->valid ? CTL_OK : CTL_REFUSED);
}

enum ctl_exit ctl_ping(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlPing ping = PB__CTL_PING__INIT;
	Pb__AuthCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_PING;
	request.ping = &ping;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT__NOT_SET, &reply);
	if (result != CTL_OK)
		return result;
	buf_add_text(&c->out, c->args->json ? "{\"ok\":true}\n" : "ok\n");
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_revoke(struct ctl *c)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlRevoke revoke = PB__CTL_REVOKE__INIT;
	Pb__AuthCtlReply *reply = NULL;
	char text[CTL_REQUEST_MAX_BYTES / 2];
	const char *token = NULL;
	enum ctl_exit result;

	if (c->args->token != NULL) {
		token = token_of(c->args->token, text, sizeof(text));
		if (token == NULL)
			return CTL_ERROR;
	}
	revoke.user = ctl_text(c->args->user);
	revoke.jti = ctl_text(c->args->jti);
	revoke.issuer = ctl_text(c->args->issuer);
	revoke.token = ctl_text(token);
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_REVOKE;
	request.revoke = &revoke;
	result = ctl_ask(c, &request, PB__AUTH_CTL_REPLY__RESULT_DONE, &reply);
	if (result != CTL_OK)
		return result;
	print_done(&c->out, "revoked", reply->done, c->args->json);
	return ctl_flush(c, reply->done->in_force ? CTL_OK : CTL_RECORDED);
}
