/*
 * Each answer twice: as JSON, where every member is there, and as text, where what is empty or
 * usual is left out.  Whatever auth says goes through plain.h.
 */
#include "auth/ctl/print.h"

#include <inttypes.h>

#include "common/plain.h"
#include "proto/codec.h"

static void add_token(struct buf *out, ProtobufCBinaryData token, bool json)
{
	if (json) {
		buf_add_text(out, "{");
		plain_add_member(out, "token", codec_slice(token));
		buf_add_text(out, "}\n");
		return;
	}
	plain_add(out, codec_slice(token));
	buf_add_text(out, "\n");
}

void print_tokens(struct buf *out, const Pb__CtlTokenMade *made, bool json)
{
	if (made->token.len > 0)
		add_token(out, made->token, json);
	for (size_t i = 0; i < made->n_more; i++)
		add_token(out, made->more[i], json);
}

static void add_plain_verdict(struct buf *out, const Pb__CtlVerdict *v)
{
	if (!v->valid) {
		buf_add_text(out, "invalid: ");
		plain_add(out, codec_slice(v->reason));
		buf_add_text(out, "\n");
		return;
	}
	buf_add_text(out, "valid user=");
	plain_add(out, codec_slice(v->uid));
	buf_add_text(out, " kid=");
	plain_add(out, codec_slice(v->kid));
	buf_printf(out, " expires_in=%" PRId64 "s scope=", v->expires_in_ms / 1000);
	plain_add(out, codec_slice(v->scope));
	buf_add_text(out, "\n");
}

void print_verdict(struct buf *out, const Pb__CtlVerdict *v, bool json)
{
	if (!json) {
		add_plain_verdict(out, v);
		return;
	}
	buf_printf(out, "{\"valid\":%s,", v->valid ? "true" : "false");
	plain_add_member(out, "reason", codec_slice(v->reason));
	if (v->valid) {
		buf_add_text(out, ",");
		plain_add_member(out, "uid", codec_slice(v->uid));
		buf_add_text(out, ",");
		plain_add_member(out, "kid", codec_slice(v->kid));
		buf_printf(out, ",\"expires_in_ms\":%" PRId64 ",", v->expires_in_ms);
		plain_add_member(out, "scope", codec_slice(v->scope));
	}
	buf_add_text(out, "}\n");
}

void print_done(struct buf *out, const char *what, const Pb__CtlDone *done, bool json)
{
	if (json) {
		buf_printf(out, "{\"done\":\"%s\",\"in_force\":%s,", what,
			done->in_force ? "true" : "false");
		plain_add_member(out, "uid", codec_slice(done->uid));
		buf_add_text(out, "}\n");
		return;
	}
	buf_add_text(out, what);
	if (done->uid.len > 0) {
		buf_add_text(out, " user=");
		plain_add(out, codec_slice(done->uid));
	}
	buf_add_text(out, done->in_force ? "\n"
					 : "; the router is away and will be told when it is "
					   "back\n");
}

void print_still_good(struct buf *out, const Pb__CtlDone *done)
{
	buf_add_text(out, "tokens from before are still good; to end them: authctl revoke --user ");
	plain_add(out, codec_slice(done->uid));
	buf_add_text(out, " --yes\n");
}

void print_logins(struct buf *out, const Pb__CtlLogins *logins, bool json, bool with_heading)
{
	if (with_heading && !json)
		buf_add_text(out, "NAME                  USER ID\n");
	for (size_t i = 0; i < logins->n_logins; i++) {
		const Pb__CtlLogin *login = logins->logins[i];

		if (json) {
			buf_add_text(out, "{");
			plain_add_member(out, "username", codec_slice(login->username));
			buf_add_text(out, ",");
			plain_add_member(out, "uid", codec_slice(login->uid));
			buf_printf(out, ",\"demo\":%s}\n", login->demo ? "true" : "false");
			continue;
		}
		plain_add_cell(out, codec_slice(login->username), 20);
		plain_add_cell(out, codec_slice(login->uid), 20);
		buf_add_text(out, login->demo ? "demo" : "");
		plain_end_line(out);
	}
}

static void add_json_key(struct buf *out, const Pb__CtlKeyLine *key)
{
	const struct {
		const char *name;
		ProtobufCBinaryData value;
	} members[] = {{"file", key->file}, {"kid", key->kid}, {"alg", key->alg}, {"iss", key->iss},
		{"aud", key->aud}, {"users", key->users}};

	buf_add_text(out, "{\"key\":\"token\"");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		buf_add_text(out, ",");
		plain_add_member(out, members[i].name, codec_slice(members[i].value));
	}
	buf_printf(out, ",\"max_lifetime_s\":%" PRIu64 ",\"signs\":%s}\n", key->max_lifetime_s,
		key->own ? "true" : "false");
}

static void add_plain_key(struct buf *out, const Pb__CtlKeyLine *key)
{
	plain_add_cell(out, codec_slice(key->file), 20);
	plain_add_cell(out, codec_slice(key->kid), 20);
	plain_add_cell(out, codec_slice(key->alg), 5);
	plain_add_cell(out, codec_slice(key->iss), 16);
	plain_add_cell(out, codec_slice(key->aud), 12);
	plain_add_cell(out, codec_slice(key->users), 12);
	buf_printf(out, "%" PRIu64 "s%s", key->max_lifetime_s, key->own ? "  signs" : "");
	plain_end_line(out);
}

static void add_json_ticket_key(struct buf *out, const Pb__CtlTicketKey *key)
{
	buf_printf(out,
		"{\"key\":\"ticket\",\"id\":%" PRIu32 ",\"mints\":%s,\"retires_in_ms\":%" PRId64
		",\"router_has_it\":%s}\n",
		key->id, key->is_minting ? "true" : "false", key->retires_in_ms,
		key->router_has_it ? "true" : "false");
}

static void add_plain_ticket_key(struct buf *out, const Pb__CtlTicketKey *key)
{
	buf_printf(
		out, "ticket key %" PRIu32 "  %s", key->id, key->is_minting ? "mints" : "verifies");
	if (key->retires_in_ms > 0)
		buf_printf(out, ", retires in %" PRId64 "s", (key->retires_in_ms + 999) / 1000);
	if (!key->router_has_it)
		buf_add_text(out, ", not at the router yet");
	buf_add_text(out, "\n");
}

void print_keys(struct buf *out, const Pb__CtlKeys *keys, bool json)
{
	if (!json)
		buf_add_text(out, "FILE                  KID                   ALG    ISS          "
				  "     AUD           USERS         MAX-LIFETIME\n");
	for (size_t i = 0; i < keys->n_keys; i++)
		(json ? add_json_key : add_plain_key)(out, keys->keys[i]);
	for (size_t i = 0; i < keys->n_ticket_keys; i++)
		(json ? add_json_ticket_key : add_plain_ticket_key)(out, keys->ticket_keys[i]);
}

void print_refusal(struct buf *out, const Pb__AuthCtlReply *reply, bool json)
{
	if (json) {
		buf_printf(out, "{\"code\":%" PRIu32 ",", reply->code);
		plain_add_member(out, "message", codec_slice(reply->message));
		buf_add_text(out, "}\n");
		return;
	}
	plain_add(out, codec_slice(reply->message));
	buf_add_text(out, "\n");
}
