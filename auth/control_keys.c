/*
 * control_keys: the keys as an operator sees them, and their change.  No answer holds a secret.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "auth/authd_parts.h"
#include "auth/rotation.h"
#include "proto/codes.h"

static ProtobufCBinaryData text_or_none(const char *text)
{
	return codec_bytes(text == NULL ? (struct slice){0} : slice_of(text));
}

static void line_fill(const struct key *key, const struct key *own, Pb__CtlKeyLine *out)
{
	pb__ctl_key_line__init(out);
	out->file = text_or_none(key->policy->name);
	out->kid = text_or_none(key->kid);
	out->alg = text_or_none(key->alg->name);
	out->iss = text_or_none(key->policy->iss);
	out->aud = text_or_none(key->policy->aud);
	out->users = text_or_none(key->policy->users);
	out->max_lifetime_s = (uint64_t)key->policy->max_lifetime_s;
	out->own = key == own;
}

static bool keys_add(struct authd *a, Pb__CtlKeys *out)
{
	size_t n = keyring_count(a->ring);
	const struct key *own = keyring_own(a->ring);
	Pb__CtlKeyLine *lines = arena_alloc(a->arena, (n + 1) * sizeof(*lines));

	out->keys = arena_alloc(a->arena, (n + 1) * sizeof(*out->keys));
	if (lines == NULL || out->keys == NULL)
		return false;
	for (; out->n_keys < n; out->n_keys++) {
		line_fill(keyring_at(a->ring, out->n_keys), own, &lines[out->n_keys]);
		out->keys[out->n_keys] = &lines[out->n_keys];
	}
	return true;
}

static bool ticket_keys_add_lines(struct authd *a, Pb__CtlKeys *out)
{
	struct ticketring_line list[TICKET_KEYS_MAX];
	size_t n = rotation_list(a, list);
	Pb__CtlTicketKey *lines = arena_alloc(a->arena, (n + 1) * sizeof(*lines));

	out->ticket_keys = arena_alloc(a->arena, (n + 1) * sizeof(*out->ticket_keys));
	if (lines == NULL || out->ticket_keys == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		pb__ctl_ticket_key__init(&lines[i]);
		lines[i].id = list[i].id;
		lines[i].is_minting = list[i].is_minting;
		lines[i].retires_in_ms = list[i].retires_in_ms;
		lines[i].router_has_it = list[i].router_has_it;
		out->ticket_keys[out->n_ticket_keys++] = &lines[i];
	}
	return true;
}

static bool answer_keys(struct authd *a, Pb__AuthCtlReply *reply)
{
	Pb__CtlKeys *out = arena_alloc(a->arena, sizeof(*out));

	if (out == NULL)
		return control_refuse(reply, EX_INTERNAL, "out of memory");
	pb__ctl_keys__init(out);
	if (!keys_add(a, out) || !ticket_keys_add_lines(a, out))
		return control_refuse(reply, EX_INTERNAL, "out of memory");
	reply->result_case = PB__AUTH_CTL_REPLY__RESULT_KEYS;
	reply->keys = out;
	return true;
}

bool control_keys_list(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	return answer_keys(ask->a, reply);
}

/* Copies why into the arena. */
static bool refuse_text(
	struct authd *a, Pb__AuthCtlReply *reply, enum exception_code code, const char *why)
{
	size_t size = strlen(why) + 1;
	char *copy = arena_alloc(a->arena, size);

	if (copy == NULL)
		return control_refuse(reply, EX_INTERNAL, "out of memory");
	memcpy(copy, why, size);
	return control_refuse(reply, code, copy);
}

/* Two keys are there: what does the older, or the newer, still wait for? */
static bool refuse_busy(struct authd *a, Pb__AuthCtlReply *reply)
{
	struct ticketring_line list[TICKET_KEYS_MAX];
	size_t n = rotation_list(a, list);
	char text[160];

	if (n > 1 && list[0].retires_in_ms > 0)
		snprintf(text, sizeof(text),
			"key %u still verifies what it made: rotate again in %" PRId64 " s",
			list[0].id, (list[0].retires_in_ms + 999) / 1000);
	else
		snprintf(text, sizeof(text), "key %u still waits for the router to load it",
			n > 1 ? list[1].id : 0);
	return refuse_text(a, reply, EX_NOT_PERMITTED, text);
}

static bool rotate_ticket(struct authd *a, Pb__AuthCtlReply *reply)
{
	int r = rotation_ticket(a);
	char text[160];

	if (r == 0)
		return answer_keys(a, reply);
	if (r == -EBUSY)
		return refuse_busy(a, reply);
	snprintf(text, sizeof(text), "the key's file cannot be made: %s", strerror(-r));
	return refuse_text(a, reply, EX_INTERNAL, text);
}

static bool rotate_own(struct authd *a, Pb__AuthCtlReply *reply)
{
	struct key_error e;
	int r = rotation_own(a, &e);

	if (r == 0)
		return answer_keys(a, reply);
	return refuse_text(a, reply, r == -EINVAL ? EX_NOT_PERMITTED : EX_INTERNAL, e.text);
}

bool control_keys_rotate(const struct control_ask *ask, Pb__AuthCtlReply *reply)
{
	switch (ask->request->keys_rotate->what) {
	case PB__CTL_KEYS_WHAT__CTL_KEYS_TICKET:
		return rotate_ticket(ask->a, reply);
	case PB__CTL_KEYS_WHAT__CTL_KEYS_OWN:
		return rotate_own(ask->a, reply);
	case _PB__CTL_KEYS_WHAT_IS_INT_SIZE:
		break;
	}
	return control_refuse(reply, EX_BAD_DATA, "the ticket key or the own key");
}
