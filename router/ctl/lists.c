/*
 * The commands that ask and print, most of them one question.
 */
#include <stdio.h>
#include <string.h>

#include "router/ctl/ask.h"
#include "router/ctl/explain.h"
#include "router/ctl/print.h"

#define TOP_DEFAULT 20

/* The next page begins there.  With what is no uid the same one would come for ever. */
static bool go_on_after(ProtobufCBinaryData uid, char after[UID_MAX_BYTES + 1])
{
	if (uid.len == 0 || uid.len > UID_MAX_BYTES) {
		fprintf(stderr, "routerctl: who: the router names a user that is none\n");
		return false;
	}
	memcpy(after, uid.data, uid.len);
	after[uid.len] = '\0';
	return true;
}

enum ctl_exit ctl_who(struct ctl *c)
{
	char after[UID_MAX_BYTES + 1] = "";
	bool more = true;

	for (bool first = true; more; first = false) {
		Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
		Pb__CtlWho who = PB__CTL_WHO__INIT;
		Pb__RouterCtlReply *reply = NULL;
		const Pb__CtlUsers *users;
		const Pb__CtlUserLine *last;
		enum ctl_exit result;

		who.after = ctl_text(after);
		request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_WHO;
		request.who = &who;
		result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_USERS, &reply);
		if (result != CTL_OK)
			return result;
		users = reply->users;
		print_users(&c->out, users, c->args->json, first);
		more = users->more && users->n_users > 0;
		last = more ? users->users[users->n_users - 1] : NULL;
		if (ctl_flush(c, CTL_OK) != CTL_OK)
			return CTL_ERROR;
		if (last != NULL && !go_on_after(last->uid, after))
			return CTL_ERROR;
	}
	return CTL_OK;
}

enum ctl_exit ctl_user(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlUser user = PB__CTL_USER__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	user.uid = ctl_text(c->args->user);
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_USER;
	request.user = &user;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_USERS, &reply);
	if (result != CTL_OK)
		return result;
	for (size_t i = 0; i < reply->users->n_users; i++)
		print_user(&c->out, reply->users->users[i], c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_edges(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlEdges edges = PB__CTL_EDGES__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_EDGES;
	request.edges = &edges;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_EDGE_LIST, &reply);
	if (result != CTL_OK)
		return result;
	print_edges(&c->out, reply->edge_list, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_stats(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlStats stats = PB__CTL_STATS__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_STATS;
	request.stats = &stats;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_STAT_LIST, &reply);
	if (result != CTL_OK)
		return result;
	print_stats(&c->out, reply->stat_list, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_ping(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlPing ping = PB__CTL_PING__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_PING;
	request.ping = &ping;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT__NOT_SET, &reply);
	if (result != CTL_OK)
		return result;
	buf_add_text(&c->out, c->args->json ? "{\"ok\":true}\n" : "ok\n");
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_kick(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlKick kick = PB__CTL_KICK__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	kick.uid = ctl_text(c->args->user);
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_KICK;
	request.kick = &kick;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_KICKED, &reply);
	if (result != CTL_OK)
		return result;
	print_kicked(&c->out, reply->kicked, c->args->json);
	return ctl_flush(c, CTL_OK);
}

/* Until it is interrupted, or the router goes. */
enum ctl_exit ctl_tail(struct ctl *c)
{
	uint64_t after = 0;

	for (;;) {
		Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
		Pb__CtlTail tail = PB__CTL_TAIL__INIT;
		Pb__RouterCtlReply *reply = NULL;
		enum ctl_exit result;

		tail.after = after;
		tail.user = ctl_text(c->args->user);
		request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_TAIL;
		request.tail = &tail;
		result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_TAILED, &reply);
		if (result != CTL_OK)
			return result;
		after = reply->tailed->next;
		print_events(&c->out, reply->tailed, c->args->json);
		result = ctl_flush(c, CTL_OK);
		if (result != CTL_OK)
			return result;
	}
}

enum ctl_exit ctl_top(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlTop top = PB__CTL_TOP__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	top.count = c->args->count == 0 ? TOP_DEFAULT : c->args->count;
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_TOP;
	request.top = &top;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_TOP_LIST, &reply);
	if (result != CTL_OK)
		return result;
	print_top(&c->out, reply->top_list, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_inbox(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlInbox inbox = PB__CTL_INBOX__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	inbox.uid = ctl_text(c->args->user);
	inbox.purge = c->args->purge;
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_INBOX;
	request.inbox = &inbox;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_INBOX_STATE, &reply);
	if (result != CTL_OK)
		return result;
	print_inbox(&c->out, reply->inbox_state, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_drain(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlDrain drain = PB__CTL_DRAIN__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	drain.edge_id = c->args->edge_id;
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_DRAIN;
	request.drain = &drain;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_DRAINING, &reply);
	if (result != CTL_OK)
		return result;
	print_draining(&c->out, reply->draining, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_why(struct ctl *c)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlWhy why = PB__CTL_WHY__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	why.uid = ctl_text(c->args->user);
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_WHY;
	request.why = &why;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_REASONS, &reply);
	if (result != CTL_OK)
		return result;
	print_reasons(&c->out, reply->reasons, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_explain(struct ctl *c)
{
	const struct explanation *e;

	if (c->args->word != NULL) {
		e = explain_find(c->args->word);
		if (e == NULL) {
			fprintf(stderr, "routerctl: explain: there is no such code\n");
			return CTL_REFUSED;
		}
		explain_print(&c->out, e, c->args->json);
		return ctl_flush(c, CTL_OK);
	}
	for (size_t i = 0; (e = explain_at(i)) != NULL; i++) {
		buf_add_text(&c->out, i == 0 || c->args->json ? "" : "\n");
		explain_print(&c->out, e, c->args->json);
	}
	return ctl_flush(c, CTL_OK);
}
