/*
 * The table stands in the order of the codes.  A code of proto/codes.h without a text here fails
 * tests/unit/test_explain.c.
 */
#include "router/ctl/explain.h"

#include <stdio.h>
#include <string.h>

#include "common/plain.h"
#include "proto/codes.h"

static const struct explanation table[] = {
	{EX_INTERNAL, "Router or edge had no memory for it, or found a fault of their own.",
		"Send it again with the same mid, with backoff.",
		"The logs of router and edge, the memory in `routerctl stats` and `routerctl "
		"edges`."},
	{EX_BAD_FRAME, "A frame was no JSON object of the protocol, or nested too deep.",
		"Nothing: it has a fault.  Three of these within 10 s close with 4001.",
		"Which client version that is; `exceptions` of `routerctl edges`."},
	{EX_UNKNOWN_EVENT, "The event of a frame is not one of the protocol.",
		"Nothing: it is newer than this server, or has a fault.",
		"The versions of client and server."},
	{EX_BAD_DATA,
		"A member of `data` is missing, of the wrong type or out of its range: `field`.",
		"Correct that member.", "The client's version."},
	{EX_TOO_LARGE, "A text is over 16 KiB, or the data of a push over 64 KiB.",
		"Send less; large things belong elsewhere, with a link to them.",
		"Nothing: the limits are fixed."},
	{EX_RECIPIENT_UNKNOWN,
		"There is no such user: auth never named him, nor did he ever connect.",
		"Check the id.",
		"`routerctl user ID`, `authctl user list`, and --recipients of the router."},
	{EX_RECIPIENT_OFFLINE,
		"The recipient has no connection, and this router keeps no messages.",
		"Try again later.", "--store of the router: memory keeps nothing."},
	{EX_INBOX_FULL,
		"Too many messages wait for the recipient, or one user made too many new "
		"inboxes.",
		"Try again after `after_ms`.",
		"`routerctl top`, `routerctl inbox ID`; --inbox-rows and --inbox-bytes."},
	{EX_RATE_LIMITED, "Too many frames or questions in too short a time.", "Wait `after_ms`.",
		"The client: it may run in a loop."},
	{EX_TOO_MANY_WATCHES, "One session may watch the presence of 100 users.", "Watch fewer.",
		"Nothing: the limit is fixed."},
	{EX_TOKEN_INVALID,
		"Auth does not take the token of a reauth: its signature, issuer, times or "
		"claims, or it is revoked.",
		"Get a new token.  The old one stays until its own end.",
		"`authctl check -` says which rule refused a token."},
	{EX_TOKEN_EXPIRED, "The token is past its end.", "Get a new token.",
		"The issuer's lifetime, and the clocks of both machines."},
	{EX_IDENTITY_MISMATCH,
		"A token of another user came on a live connection, and --swap is "
		"reject.",
		"Connect anew for the other user.  4403 closes this connection.",
		"`routerctl why ID` of the first user; --swap of the edge."},
	{EX_NOT_PERMITTED,
		"The token lacks the scope for it (chat, push), watching him is not "
		"allowed, or the router refused a change of user.",
		"Nothing, or ask for a token with the scope.",
		"The token's `scope` by `authctl check -`; --watch of the router."},
	{EX_IDENTITY_CHANGED,
		"A frame came while auth was asked about a new token: it was executed "
		"for nobody.",
		"Send it again at once.", "Nothing: it is how a change of token works."},
	{EX_MID_REUSED, "The mid belongs to a message with another text or recipient.",
		"Draw another mid for another message.", "The client: ids must be random."},
	{EX_UNAVAILABLE,
		"Auth or the router did not answer, is stopping, or has no room: nothing is "
		"known to have been done.",
		"Send it again with the same mid after `after_ms`.",
		"`routerctl stats` (pending, store, memory), `routerctl edges`, the disk; of "
		"routerctl itself: audit.log."},

	{CLOSE_BAD_PROTOCOL,
		"The client broke the protocol: a malformed head or frame, three bad "
		"frames within 10 s.",
		"Nothing: it has a fault.", "The client's version; the edge's log at debug."},
	{CLOSE_FORBIDDEN,
		"The upgrade is not allowed: its Origin is not in the list, or the "
		"token may not connect.",
		"Nothing.", "--origins of the edge; `authctl check -`."},
	{CLOSE_SESSION_LIMIT, "The user has as many sessions as one may have.",
		"Close one of the others first.",
		"`routerctl user ID`; --sessions-per-user and --session-policy of the router."},
	{CLOSE_KICKED, "An operator ended all sessions of the user.", "Stay away.",
		"audit.log says who did it (`routerctl kick`)."},
	{CLOSE_OVERLOAD, "Edge or router are full or short of memory.",
		"Come back after `after` with full jitter.",
		"`routerctl stats` (memory, opens_shed), `routerctl edges`; --memory-limit, "
		"--max-connections."},
	{CLOSE_SLOW_CONSUMER, "The client did not read what was written for it.",
		"Come back with the last position; nothing is lost.",
		"slow_closed and behind of `routerctl edges`; the client's network."},
	{CLOSE_RATE_LIMITED, "Too many connections or requests of one address or user.",
		"Come back after `after`.", "The limits of the edge in `postern-edge --help`."},
	{CLOSE_ROUTER_AWAY, "The edge has no link to the router.",
		"Come back after `after`; the message inbox is untouched.",
		"Is the router running?  Its log, and its disk: it ends when a write fails."},
	{CLOSE_RETRY,
		"It could not be judged now: auth is slow or away, or the session's ticket "
		"could not be renewed.",
		"Come back after `after` with the same token.",
		"Is auth running?  auth_waiting and router_waiting in the metrics of the edge."},
	{CLOSE_HEARTBEAT_LOST, "The client did not answer a ping in time.",
		"Come back with the last position.",
		"The client's network; a phone that slept does this."},
	{CLOSE_DRAIN, "The edge is being stopped.", "Come back, to another edge.",
		"`routerctl drain` in audit.log; a deployment."},
	{CLOSE_REBALANCE, "The edge sends clients elsewhere.", "Come back.",
		"`routerctl edges`: the connections of each."},
	{CLOSE_OUT_OF_SYNC, "Edge and router do not agree on the session any more.",
		"Come back with the last position.",
		"violations in `routerctl edges`, the router's log: an edge of another version?"},
	{CLOSE_TOKEN_EXPIRED, "The token ended, and no new one came by `reauth`.",
		"Get a new token, then come back with the last position.",
		"Does the client answer `auth.expiring`?  The issuer's lifetime."},
	{CLOSE_UNAUTHORIZED, "There was no good token or ticket.", "Get a new token.",
		"`authctl check -` says which rule refused it."},
	{CLOSE_IDENTITY_MISMATCH,
		"A token of another user came on a live connection, and --swap is "
		"reject.",
		"Connect anew with the token of one user.",
		"`routerctl why ID`; --swap of the edge."},
	{CLOSE_REVOKED, "The user's tokens, this token or its issuer were revoked.",
		"Get a new token, if there is one for him.",
		"`authctl revoke` in audit.log; `routerctl why ID`."},
	{CLOSE_REPLACED, "A newer session of the same user took its place.",
		"Nothing by itself: somebody works on the other one.",
		"`routerctl why ID`; --session-policy of the router."},
	{CLOSE_LOGGED_OUT, "The user logged out: the token is void.", "Log in again.",
		"`routerctl why ID`."},
};

#define N_CODES (sizeof(table) / sizeof(table[0]))

const struct explanation *explain_at(size_t i)
{
	return i < N_CODES ? &table[i] : NULL;
}

const struct explanation *explain_find(const char *word)
{
	char number[12];

	for (size_t i = 0; i < N_CODES; i++) {
		(void)snprintf(number, sizeof(number), "%u", table[i].code);
		if (strcmp(word, number) == 0 || strcmp(word, code_info(table[i].code)->name) == 0)
			return &table[i];
	}
	return NULL;
}

static const char *kind_of(unsigned code)
{
	return code >= 4000 ? "close code" : "exception";
}

static void print_json(struct buf *out, const struct explanation *e, const struct code_info *info)
{
	const struct {
		const char *name;
		const char *value;
	} members[] = {
		{"name", info->name},
		{"kind", kind_of(e->code)},
		{"retry", info->retry},
		{"what", e->what},
		{"client", e->client},
		{"look", e->look},
	};

	buf_printf(out, "{\"code\":%u", e->code);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		buf_add_text(out, ",");
		plain_add_member(out, members[i].name, slice_of(members[i].value));
	}
	buf_add_text(out, "}\n");
}

void explain_print(struct buf *out, const struct explanation *e, bool json)
{
	const struct code_info *info = code_info(e->code);

	if (json) {
		print_json(out, e, info);
		return;
	}
	buf_printf(
		out, "%u %s (%s, retry: %s)\n", e->code, info->name, kind_of(e->code), info->retry);
	buf_printf(
		out, "  what     %s\n  client   %s\n  look at  %s\n", e->what, e->client, e->look);
}
