/*
 * The memory of a question, its place in the tables of auth_client and of by_nonce, and the way out
 * of both, which is one function.
 */
#include "edge/live_question.h"

#include <errno.h>
#include <stdlib.h>

#include "common/random.h"
#include "proto/codec.h"

static void wipe(char *text, size_t len)
{
	if (text != NULL)
		explicit_bzero(text, len);
	free(text);
}

void live_question_free(struct live_question *q)
{
	if (q == NULL)
		return;
	wipe(q->frame, q->frame_len);
	free(q->user);
	free(q);
}

struct live_question *live_question_take(struct live_conn *c)
{
	struct live_question *q = live_question(c);
	struct live *l = c->live;

	if (q == NULL)
		return NULL;
	if (q->ask != 0)
		auth_client_cancel(l->auth, q->ask);
	if (q->is_at_router && map_get_u64(l->by_nonce, q->nonce) == c)
		map_remove_u64(l->by_nonce, q->nonce);
	q->ask = 0;
	q->is_at_router = false;
	c->change->question = NULL;
	if (c->change->user == NULL) {
		free(c->change);
		c->change = NULL;
	}
	return q;
}

void live_free_change(struct live_conn *c)
{
	live_question_free(live_question_take(c));
	if (c->change != NULL)
		free(c->change->user);
	free(c->change);
	c->change = NULL;
}

static struct live_question *make(
	const struct live_conn *c, const struct frame *f, struct slice text)
{
	struct live_question *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->number = c->rules.state.question;
	q->nonce = random_u64();
	q->due_ms = INT64_MAX;
	q->token = fingerprint_of(f->token);
	q->is_reauth = f->event == FRAME_REAUTH;
	q->id_len = f->id.len;
	if (q->id_len > 0)
		memcpy(q->id, f->id.data, q->id_len);
	if (q->is_reauth)
		return q;
	q->frame = malloc(text.len);
	if (q->frame == NULL) {
		free(q);
		return NULL;
	}
	memcpy(q->frame, text.data, text.len);
	q->frame_len = text.len;
	return q;
}

struct live_question *live_question_open(
	struct live_conn *c, const struct frame *f, struct slice text)
{
	struct live_question *q;

	if (c->change == NULL)
		c->change = calloc(1, sizeof(*c->change));
	q = c->change == NULL ? NULL : make(c, f, text);
	if (q == NULL)
		return NULL;
	q->c = c;
	c->change->question = q;
	return q;
}

int live_question_keep_user(struct live_question *q, const struct auth_reply *reply)
{
	const int64_t now_ms = live_now(q->c->live);

	q->user = malloc(sizeof(*q->user) + reply->uid.len + reply->ticket.len);
	if (q->user == NULL)
		return -ENOMEM;
	q->user->uid_len = (uint8_t)reply->uid.len;
	q->user->ticket_len = (uint16_t)reply->ticket.len;
	memcpy(mempcpy(q->user->text, reply->uid.data, reply->uid.len), reply->ticket.data,
		reply->ticket.len);
	q->may_push = reply->may_push;
	q->ends_ms = now_ms + reply->ends_in_ms;
	q->expires_ms = now_ms + reply->expires_in_ms;
	return 0;
}

int live_question_say_rebind(struct live_question *q)
{
	struct live_conn *c = q->c;
	struct live *l = c->live;
	const struct slice ticket = {q->user->text + q->user->uid_len, q->user->ticket_len};
	Pb__UpOpen open = PB__UP_OPEN__INIT;
	Pb__UpRebind rebind = PB__UP_REBIND__INIT;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	int ret;

	live_fill_open(c, ticket, q->nonce, &open);
	rebind.session = c->session;
	rebind.open = &open;
	item.item_case = PB__UP_ITEM__ITEM_REBIND;
	item.rebind = &rebind;
	if (map_get_u64(l->by_nonce, q->nonce) != NULL)
		return -EEXIST;
	ret = map_put_u64(l->by_nonce, q->nonce, c);
	if (ret < 0)
		return ret;
	q->is_at_router = true;
	return uplink_add(l->uplink, &item, UPLINK_MAY_WAIT);
}

int64_t live_question_due_ms(const struct live_conn *c)
{
	const struct live_question *q = live_question(c);

	return q == NULL ? INT64_MAX : q->due_ms;
}

void live_end_question(struct live_conn *c, bool is_shut)
{
	const struct identity_facts none = {0};

	identity_step(&c->rules.state, is_shut ? ID_EV_SHUT : ID_EV_LEFT, 0, &none);
	live_question_free(live_question_take(c));
}
