/* Questions of edges and commands of operators: see auth_rig.h. */
#include <assert.h>
#include <stdlib.h>

#include "auth/hash.h"
#include "tests/fuzz/auth_rig.h"

/* One of ours, or what the script says. */
static ProtobufCBinaryData token_from(struct play *p, struct asked *q)
{
	unsigned which = script_byte(&p->s) % (TOKENS + 1);

	q->token = which == TOKENS ? -1 : (int)which;
	return codec_bytes(which == TOKENS ? script_slice(&p->s) : slice_of(tokens[which]));
}

static const struct kept *kept_from(
	struct play *p, const struct kept *list, size_t n, ProtobufCBinaryData *out)
{
	unsigned which = script_byte(&p->s) % (KEPT + 1);

	if (which == KEPT || which >= n) {
		*out = codec_bytes(script_slice(&p->s));
		return NULL;
	}
	*out = codec_bytes((struct slice){list[which].bytes, list[which].len});
	return &list[which];
}

/* Room for any question that is put together here. */
struct room {
	Pb__AuthAsk ask;
	Pb__AuthVerify verify;
	Pb__AuthRenew renew;
	Pb__AuthLogin login;
	Pb__AuthRedeem redeem;
	Pb__AuthRefresh refresh;
	Pb__AuthOneTimeOrder one_time;
	Pb__AuthLogout logout;
};

static void ask_verify(struct play *p, struct room *r, struct asked *q)
{
	pb__auth_verify__init(&r->verify);
	r->verify.token = token_from(p, q);
	r->verify.nonce = q->nonce;
	r->ask.verify = &r->verify;
}

/* Of a live session. */
static void ask_reauth(struct play *p, struct room *r, struct asked *q)
{
	const struct kept *kept;

	ask_verify(p, r, q);
	kept = kept_from(p, p->tickets, p->n_tickets, &r->verify.ticket);
	q->has_live = kept != NULL && ticket_verify(authd.ticket_keys,
					      codec_slice(r->verify.ticket), &q->live) == TICKET_OK;
}

static void ask_renew(struct play *p, struct room *r, struct asked *q)
{
	const struct kept *kept;

	pb__auth_renew__init(&r->renew);
	kept = kept_from(p, p->tickets, p->n_tickets, &r->renew.ticket);
	q->token = kept == NULL ? -1 : kept->token;
	r->ask.renew = &r->renew;
}

static void ask_login(struct play *p, struct room *r, struct asked *q)
{
	(void)q;
	pb__auth_login__init(&r->login);
	r->login.username = codec_bytes(script_slice(&p->s));
	r->login.password = codec_bytes(script_slice(&p->s));
	r->login.address = codec_bytes(script_slice(&p->s));
	r->ask.login = &r->login;
}

static void ask_redeem(struct play *p, struct room *r, struct asked *q)
{
	const struct kept *kept;

	pb__auth_redeem__init(&r->redeem);
	kept = kept_from(p, p->secrets, p->n_secrets, &r->redeem.secret);
	q->token = kept == NULL ? -1 : kept->token;
	q->secret = kept == NULL ? 0 : kept->serial;
	q->origin = script_slice(&p->s);
	r->redeem.origin = codec_bytes(q->origin);
	r->redeem.nonce = q->nonce;
	r->ask.redeem = &r->redeem;
}

static void ask_refresh(struct play *p, struct room *r, struct asked *q)
{
	pb__auth_refresh__init(&r->refresh);
	r->refresh.token = token_from(p, q);
	r->ask.refresh = &r->refresh;
}

static void ask_one_time(struct play *p, struct room *r, struct asked *q)
{
	pb__auth_one_time_order__init(&r->one_time);
	r->one_time.token = token_from(p, q);
	q->origin = script_slice(&p->s);
	r->one_time.origin = codec_bytes(q->origin);
	r->ask.one_time = &r->one_time;
}

static void ask_logout(struct play *p, struct room *r, struct asked *q)
{
	pb__auth_logout__init(&r->logout);
	r->logout.token = token_from(p, q);
	r->ask.logout = &r->logout;
}

static void ask_from(struct play *p, struct room *r, struct asked *q)
{
	static const struct {
		Pb__AuthAsk__AskCase kind;
		void (*fill)(struct play *p, struct room *r, struct asked *q);
	} kinds[] = {
		{PB__AUTH_ASK__ASK_VERIFY, ask_verify},
		{PB__AUTH_ASK__ASK_VERIFY, ask_reauth},
		{PB__AUTH_ASK__ASK_RENEW, ask_renew},
		{PB__AUTH_ASK__ASK_LOGIN, ask_login},
		{PB__AUTH_ASK__ASK_REDEEM, ask_redeem},
		{PB__AUTH_ASK__ASK_REFRESH, ask_refresh},
		{PB__AUTH_ASK__ASK_ONE_TIME, ask_one_time},
		{PB__AUTH_ASK__ASK_LOGOUT, ask_logout},
	};
	unsigned kind = script_byte(&p->s) % 8;

	pb__auth_ask__init(&r->ask);
	*q = (struct asked){.kind = kinds[kind].kind, .token = -1};
	r->ask.ask_case = q->kind;
	q->nonce = script_byte(&p->s);
	kinds[kind].fill(p, r, q);
}

static void tell(struct play *p, struct bus_socket *socket, struct slice bytes)
{
	size_t dropped = world_dropped();
	uint32_t closed;

	if (bytes.len > world_options(socket)->max_message)
		return;
	p->is_ctl = socket == authd.ctl_socket;
	(void)world_ask(socket, 1 + (uint32_t)p->edge, bytes);
	is_used |= !p->is_harmless && world_dropped() == dropped;
	p->knows_question = p->is_ctl = p->is_harmless = false;
	closed = world_closed(socket);
	if (closed != 0)
		world_down(socket, closed);
}

void send_questions(struct play *p)
{
	Pb__AuthRequest request = PB__AUTH_REQUEST__INIT;
	static struct room rooms[8];
	static Pb__AuthAsk *list[8];
	unsigned first = script_byte(&p->s);
	bool is_harmless;
	uint8_t *bytes;
	size_t len;

	p->n = first % 8;
	p->edge = script_byte(&p->s) % EDGES;
	request.wire = 2 + script_byte(&p->s) % 3;
	request.credential =
		codec_bytes((struct slice){(const char *)credentials[p->edge], CREDENTIAL_BYTES});
	p->is_harmless = true;
	for (size_t i = 0; i < p->n; i++) {
		ask_from(p, &rooms[i], &p->asked[i]);
		p->is_harmless &= p->asked[i].kind <= PB__AUTH_ASK__ASK_RENEW;
		list[i] = &rooms[i].ask;
	}
	request.asks = list;
	request.n_asks = p->n;
	bytes = malloc(pb__auth_request__get_packed_size(&request) + 1);
	assert(bytes != NULL);
	is_harmless = p->is_harmless;
	len = pb__auth_request__pack(&request, bytes);
	for (unsigned i = 0; i <= first / 8; i++) { /* somebody insists */
		p->knows_question = true;
		p->is_harmless = is_harmless;
		tell(p, authd.edge_socket, (struct slice){(const char *)bytes, len});
	}
	free(bytes);
}

void send_raw(struct play *p)
{
	struct slice asks = script_slice(&p->s);
	Pb__AuthRequest request = PB__AUTH_REQUEST__INIT;
	size_t n;
	uint8_t *bytes;

	request.wire = WIRE_VERSION;
	request.credential =
		codec_bytes((struct slice){(const char *)credentials[0], CREDENTIAL_BYTES});
	n = pb__auth_request__get_packed_size(&request);
	bytes = malloc(n + asks.len + 1);
	assert(bytes != NULL);
	pb__auth_request__pack(&request, bytes);
	if (asks.len > 0)
		memcpy(bytes + n, asks.data, asks.len);
	p->edge = 0;
	tell(p, authd.edge_socket, (struct slice){(const char *)bytes, n + asks.len});
	free(bytes);
}

static void command(struct play *p, Pb__AuthCtlRequest *request)
{
	static uint8_t bytes[CTL_REQUEST_MAX_BYTES];

	if (pb__auth_ctl_request__get_packed_size(request) > sizeof(bytes))
		return;
	request->wire = 3;
	tell(p, authd.ctl_socket,
		(struct slice){(const char *)bytes, pb__auth_ctl_request__pack(request, bytes)});
}

void send_revoke(struct play *p)
{
	static const char *const issuers[] = {"postern", "https://shop.example", "own", "shop"};
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlRevoke body = PB__CTL_REVOKE__INIT;
	unsigned which = script_byte(&p->s) % TOKENS;
	unsigned how = script_byte(&p->s) % 5;
	unsigned issuer = script_byte(&p->s) % 4;

	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_REVOKE;
	request.revoke = &body;
	if (how == 0)
		body.token = codec_bytes(slice_of(tokens[which]));
	else if (how == 1)
		body.user = codec_bytes(slice_of(users[which]));
	if (how == 2 || how == 3)
		body.jti = codec_bytes(slice_of(jtis[which]));
	if (how == 3 || how == 4)
		body.issuer = codec_bytes(slice_of(issuers[issuer]));
	command(p, &request);
	for (size_t i = 0; i < TOKENS; i++) {
		bool is_issuers = issuer % 2 == (i == FOREIGN ? 1 : 0);

		if (how == 1	   ? strcmp(users[i], users[which]) == 0
			: how == 4 ? is_issuers
				   : i == which && (how != 3 || is_issuers))
			p->is_void[i] = true;
	}
}

static ProtobufCBinaryData hash_from(struct play *p, char out[HASH_MAX_BYTES])
{
	struct slice password = script_slice(&p->s);

	return hash_make(password, out) == 0 ? codec_bytes(slice_of(out)) : codec_bytes(password);
}

/* Room for any command that is put together here. */
struct order {
	Pb__AuthCtlRequest request;
	Pb__CtlToken token;
	Pb__CtlCheck check;
	Pb__CtlUserAdd add;
	Pb__CtlUserPasswd passwd;
	Pb__CtlUserList list;
	Pb__CtlUserRemove remove;
	Pb__CtlPing ping;
	Pb__CtlKeysList keys;
	Pb__CtlKeysRotate rotate;
	char hash[HASH_MAX_BYTES];
};

static void order_token(struct play *p, struct order *o)
{
	pb__ctl_token__init(&o->token);
	o->token.sub = codec_bytes(script_slice(&p->s));
	o->token.ttl_s = script_number(&p->s, 3);
	o->token.scope = codec_bytes(script_slice(&p->s));
	o->token.aud = codec_bytes(script_slice(&p->s));
	o->token.count = script_byte(&p->s);
	o->request.token = &o->token;
}

static void order_check(struct play *p, struct order *o)
{
	struct asked ignored;

	pb__ctl_check__init(&o->check);
	o->check.token = token_from(p, &ignored);
	o->request.check = &o->check;
}

static void order_add(struct play *p, struct order *o)
{
	pb__ctl_user_add__init(&o->add);
	o->add.username = codec_bytes(script_slice(&p->s));
	o->add.uid = codec_bytes(script_slice(&p->s));
	o->add.hash = hash_from(p, o->hash);
	o->request.user_add = &o->add;
}

static void order_passwd(struct play *p, struct order *o)
{
	pb__ctl_user_passwd__init(&o->passwd);
	o->passwd.username = codec_bytes(script_slice(&p->s));
	o->passwd.hash = hash_from(p, o->hash);
	o->request.user_passwd = &o->passwd;
}

static void order_list(struct play *p, struct order *o)
{
	pb__ctl_user_list__init(&o->list);
	o->list.after = codec_bytes(script_slice(&p->s));
	o->request.user_list = &o->list;
}

static void order_remove(struct play *p, struct order *o)
{
	pb__ctl_user_remove__init(&o->remove);
	o->remove.username = codec_bytes(script_slice(&p->s));
	o->request.user_remove = &o->remove;
}

static void order_ping(struct play *p, struct order *o)
{
	(void)p;
	pb__ctl_ping__init(&o->ping);
	o->request.ping = &o->ping;
}

static void order_keys(struct play *p, struct order *o)
{
	(void)p;
	pb__ctl_keys_list__init(&o->keys);
	o->request.keys_list = &o->keys;
}

static void order_rotate(struct play *p, struct order *o)
{
	pb__ctl_keys_rotate__init(&o->rotate);
	o->rotate.what = (Pb__CtlKeysWhat)(script_byte(&p->s) % 3);
	o->request.keys_rotate = &o->rotate;
}

void send_command(struct play *p)
{
	static const struct {
		Pb__AuthCtlRequest__CommandCase kind;
		void (*fill)(struct play *p, struct order *o);
	} kinds[] = {
		{PB__AUTH_CTL_REQUEST__COMMAND_TOKEN, order_token},
		{PB__AUTH_CTL_REQUEST__COMMAND_CHECK, order_check},
		{PB__AUTH_CTL_REQUEST__COMMAND_USER_ADD, order_add},
		{PB__AUTH_CTL_REQUEST__COMMAND_USER_PASSWD, order_passwd},
		{PB__AUTH_CTL_REQUEST__COMMAND_USER_LIST, order_list},
		{PB__AUTH_CTL_REQUEST__COMMAND_USER_REMOVE, order_remove},
		{PB__AUTH_CTL_REQUEST__COMMAND_PING, order_ping},
		{PB__AUTH_CTL_REQUEST__COMMAND_KEYS_LIST, order_keys},
		{PB__AUTH_CTL_REQUEST__COMMAND_KEYS_ROTATE, order_rotate},
	};
	struct order o;
	unsigned kind = script_byte(&p->s) % 9;

	pb__auth_ctl_request__init(&o.request);
	o.request.command_case = kinds[kind].kind;
	kinds[kind].fill(p, &o);
	command(p, &o.request);
}

void send_bytes(struct play *p)
{
	p->edge = 0;
	tell(p, authd.edge_socket, script_slice(&p->s));
}

void send_ctl_bytes(struct play *p)
{
	tell(p, authd.ctl_socket, script_slice(&p->s));
}
