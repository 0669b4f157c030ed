/*
 * Columns have fixed widths, since lists come in pages; a longer value pushes its line to the
 * right, which is uglier than cutting it and more useful.
 */
#include "auth/ctl/print.h"

#include <inttypes.h>

#include "common/plain.h"
#include "proto/codec.h"
#include "proto/limits.h"

#define CELL_MAX_BYTES 4096

static void add_cell(struct buf *out, ProtobufCBinaryData text, size_t width)
{
	struct buf cell;

	buf_init(&cell, CELL_MAX_BYTES);
	plain_add(&cell, codec_slice(text));
	if (cell.len == 0)
		buf_add_text(&cell, "-");
	buf_add(out, buf_slice(&cell));
	for (size_t n = plain_width(buf_slice(&cell)); n < width; n++)
		buf_add_text(out, " ");
	buf_add_text(out, "  ");
	out->failed |= cell.failed;
	buf_fini(&cell);
}

static void end_line(struct buf *out)
{
	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
	buf_add_text(out, "\n");
}

static void add_json_member(struct buf *out, const char *name, ProtobufCBinaryData value)
{
	buf_printf(out, "\"%s\":", name);
	plain_add_json(out, codec_slice(value));
}

static void add_token(struct buf *out, ProtobufCBinaryData token, bool json)
{
	if (json) {
		buf_add_text(out, "{");
		add_json_member(out, "token", token);
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
	add_json_member(out, "reason", v->reason);
	if (v->valid) {
		buf_add_text(out, ",");
		add_json_member(out, "uid", v->uid);
		buf_add_text(out, ",");
		add_json_member(out, "kid", v->kid);
		buf_printf(out, ",\"expires_in_ms\":%" PRId64 ",", v->expires_in_ms);
		add_json_member(out, "scope", v->scope);
	}
	buf_add_text(out, "}\n");
}

void print_done(struct buf *out, const char *what, const Pb__CtlRevoked *done, bool json)
{
	if (json) {
		buf_printf(out, "{\"done\":\"%s\",\"in_force\":%s,", what,
			done->in_force ? "true" : "false");
		add_json_member(out, "uid", done->uid);
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

void print_logins(struct buf *out, const Pb__CtlLogins *logins, bool json, bool with_heading)
{
	if (with_heading && !json)
		buf_add_text(out, "NAME                  USER ID\n");
	for (size_t i = 0; i < logins->n_logins; i++) {
		const Pb__CtlLogin *login = logins->logins[i];

		if (json) {
			buf_add_text(out, "{");
			add_json_member(out, "username", login->username);
			buf_add_text(out, ",");
			add_json_member(out, "uid", login->uid);
			buf_printf(out, ",\"demo\":%s}\n", login->demo ? "true" : "false");
			continue;
		}
		add_cell(out, login->username, 20);
		add_cell(out, login->uid, 20);
		buf_add_text(out, login->demo ? "demo" : "");
		end_line(out);
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
		add_json_member(out, members[i].name, members[i].value);
	}
	buf_printf(out, ",\"max_lifetime_s\":%" PRIu64 ",\"signs\":%s}\n", key->max_lifetime_s,
		key->own ? "true" : "false");
}

static void add_plain_key(struct buf *out, const Pb__CtlKeyLine *key)
{
	add_cell(out, key->file, 20);
	add_cell(out, key->kid, 20);
	add_cell(out, key->alg, 5);
	add_cell(out, key->iss, 16);
	add_cell(out, key->aud, 12);
	add_cell(out, key->users, 12);
	buf_printf(out, "%" PRIu64 "s%s", key->max_lifetime_s, key->own ? "  signs" : "");
	end_line(out);
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
		add_json_member(out, "message", reply->message);
		buf_add_text(out, "}\n");
		return;
	}
	plain_add(out, codec_slice(reply->message));
	buf_add_text(out, "\n");
}
