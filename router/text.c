/*
 * One text is written for all its receivers, with pointers and memcpy: a frame's length is known to
 * be at most six times its content and a little, so room is taken once and what is left over given
 * back.
 */
#include "router/text.h"

#include <assert.h>

#include "proto/limits.h"
#include "proto/names.h"

/* A JSON character takes at most this much: \u001f */
#define ESCAPED_BYTES 6
/* Keys, braces, numbers and the mid of a frame, generously. */
#define FRAME_OVERHEAD_BYTES 512
#define MID_DRAWN_BYTES 26

static char *put(char *at, struct slice s)
{
	if (s.len > 0)
		memcpy(at, s.data, s.len);
	return at + s.len;
}

#define PUT(at, literal) put(at, SLICE_LITERAL(literal))

static char *put_number(char *at, uint64_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	return put(at, (struct slice){digits + i, sizeof(digits) - i});
}

static char *put_hex(char *at, uint64_t n)
{
	for (int shift = 60; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[n >> shift & 15];
	return at;
}

/* Text that needs no escaping. */
static char *put_quoted(char *at, struct slice s)
{
	*at++ = '"';
	at = put(at, s);
	*at++ = '"';
	return at;
}

/* A uid where clients of the original expect a number. */
static char *put_uid(char *at, struct slice uid)
{
	return name_is_number(uid) ? put(at, uid) : put_quoted(at, uid);
}

static char *put_escape(char *at, unsigned char c)
{
	static const char letters[] = {['\b'] = 'b',
		['\f'] = 'f',
		['\n'] = 'n',
		['\r'] = 'r',
		['\t'] = 't',
		['"'] = '"',
		['\\'] = '\\'};

	*at++ = '\\';
	if (letters[c] != 0) {
		*at++ = letters[c];
		return at;
	}
	at = PUT(at, "u00");
	*at++ = "0123456789abcdef"[c >> 4];
	*at++ = "0123456789abcdef"[c & 15];
	return at;
}

static char *put_json(char *at, struct slice s)
{
	size_t from = 0;

	*at++ = '"';
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		at = put(at, (struct slice){s.data + from, i - from});
		at = put_escape(at, c);
		from = i + 1;
	}
	at = put(at, (struct slice){s.data + from, s.len - from});
	*at++ = '"';
	return at;
}

/* A frame that is being written. */
struct frame {
	struct commands *commands;
	char *start;
	char *at;
	struct core_text *out;
};

static bool frame_begin(
	struct frame *f, struct commands *c, size_t max_content, struct core_text *out)
{
	f->commands = c;
	f->out = out;
	f->start = commands_room(c, max_content + FRAME_OVERHEAD_BYTES);
	f->at = f->start;
	return f->start != NULL;
}

/* Frames of a stream: ,"seq":n  and then what plain clients do not get. */
static void frame_number(struct frame *f, uint64_t seq)
{
	f->out->data_end = (uint32_t)(f->at - f->start);
	f->at = PUT(f->at, ",\"seq\":");
	f->at = put_number(f->at, seq);
	f->out->plain_end = (uint32_t)(f->at - f->start);
}

static void frame_mid(struct frame *f, struct slice mid, int64_t ts)
{
	f->at = PUT(f->at, ",\"mid\":");
	f->at = put_quoted(f->at, mid);
	f->at = PUT(f->at, ",\"ts\":");
	f->at = put_number(f->at, ts < 0 ? 0 : (uint64_t)ts);
}

static bool frame_end(struct frame *f)
{
	size_t len = (size_t)(f->at - f->start);

	if (f->out->plain_end == 0) {
		f->out->data_end = (uint32_t)len;
		f->out->plain_end = (uint32_t)len;
	}
	f->out->text = (struct slice){f->start, len};
	commands_keep(f->commands, len);
	return true;
}

static size_t chat_max(const struct text_chat *t)
{
	return t->from.len + t->to.len + t->mid.len + ESCAPED_BYTES * t->content.len;
}

bool text_chat(struct commands *c, const struct text_chat *t, struct core_text *out)
{
	struct frame f;

	*out = (struct core_text){0};
	if (!frame_begin(&f, c, chat_max(t), out))
		return false;
	f.at = PUT(f.at, "{\"event\":\"chat\",\"data\":{\"fromUser\":");
	f.at = put_uid(f.at, t->from);
	f.at = PUT(f.at, ",\"content\":");
	f.at = put_json(f.at, t->content);
	f.at = PUT(f.at, "}");
	frame_number(&f, t->seq);
	frame_mid(&f, t->mid, t->ts);
	return frame_end(&f);
}

bool text_carbon(struct commands *c, const struct text_chat *t, struct core_text *out)
{
	struct frame f;

	*out = (struct core_text){0};
	if (!frame_begin(&f, c, chat_max(t), out))
		return false;
	f.at = PUT(f.at, "{\"event\":\"chat\",\"data\":{\"toUser\":");
	f.at = put_uid(f.at, t->to);
	f.at = PUT(f.at, ",\"content\":");
	f.at = put_json(f.at, t->content);
	f.at = PUT(f.at, ",\"fromUser\":");
	f.at = put_uid(f.at, t->from);
	f.at = PUT(f.at, "}");
	frame_number(&f, t->seq);
	frame_mid(&f, t->mid, t->ts);
	f.at = PUT(f.at, ",\"carbon\":true");
	return frame_end(&f);
}

bool text_push(struct commands *c, const struct text_push *t, struct core_text *out)
{
	struct frame f;

	*out = (struct core_text){0};
	if (!frame_begin(&f, c, t->event.len + t->data.len + t->mid.len, out))
		return false;
	f.at = PUT(f.at, "{\"event\":");
	f.at = put_quoted(f.at, t->event);
	f.at = PUT(f.at, ",\"data\":");
	f.at = put(f.at, t->data);
	frame_number(&f, t->seq);
	if (t->system)
		f.at = PUT(f.at, ",\"st\":\"s\"");
	frame_mid(&f, t->mid, t->ts);
	return frame_end(&f);
}

bool text_message(
	struct commands *c, const struct message *m, enum text_view view, struct core_text *out)
{
	const struct text_chat chat = {
		.from = m->from,
		.to = m->to,
		.content = m->body,
		.mid = m->mid,
		.seq = view == TEXT_CARBON ? m->at_from.seq : m->at_to.seq,
		.ts = m->ts_ms,
	};
	const struct text_push push = {
		.event = m->event,
		.data = m->body,
		.mid = m->mid,
		.seq = m->at_to.seq,
		.ts = m->ts_ms,
		.system = view == TEXT_SYSTEM,
	};

	switch (m->kind) {
	case MESSAGE_CHAT:
		return view == TEXT_CARBON ? text_carbon(c, &chat, out) : text_chat(c, &chat, out);
	case MESSAGE_PUSH:
		break;
	}
	return text_push(c, &push, out);
}

bool text_gone(struct commands *c, const struct text_gone *t, struct core_text *out)
{
	struct frame f;

	*out = (struct core_text){0};
	if (!frame_begin(&f, c, 0, out))
		return false;
	f.at = PUT(f.at, "{\"event\":\"gone\",\"data\":{\"reason\":");
	f.at = put_quoted(f.at, slice_of(t->reason));
	f.at = PUT(f.at, "}");
	frame_number(&f, t->seq);
	if (t->system)
		f.at = PUT(f.at, ",\"st\":\"s\"");
	return frame_end(&f);
}

bool text_presence(struct commands *c, const struct text_presence *t, struct core_text *out)
{
	struct frame f;

	*out = (struct core_text){0};
	if (!frame_begin(&f, c, t->user.len, out))
		return false;
	f.at = PUT(f.at, "{\"event\":\"presence\",\"data\":{\"user\":");
	f.at = put_quoted(f.at, t->user);
	f.at = PUT(f.at, ",\"state\":");
	f.at = put_quoted(f.at, slice_of(t->state));
	f.at = PUT(f.at, ",\"devices\":");
	f.at = put_number(f.at, t->devices);
	f.at = PUT(f.at, "}");
	return frame_end(&f);
}

bool text_typing(struct commands *c, struct slice from, struct core_text *out)
{
	struct frame f;

	*out = (struct core_text){0};
	if (!frame_begin(&f, c, from.len, out))
		return false;
	f.at = PUT(f.at, "{\"event\":\"typing\",\"data\":{\"fromUser\":");
	f.at = put_uid(f.at, from);
	f.at = PUT(f.at, "}");
	return frame_end(&f);
}

/* The low 5 * n bits of value, highest first. */
static void put_base32(char *at, size_t n, uint64_t value, const char *alphabet)
{
	for (; n > 0; n--) {
		at[n - 1] = alphabet[value & 31];
		value >>= 5;
	}
}

bool text_mid(struct commands *c, int64_t wall_ms, const uint64_t random[2], struct slice *out)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	char *mid = commands_alloc(c, MID_DRAWN_BYTES);

	if (mid == NULL)
		return false;
	put_base32(mid, 10, (uint64_t)wall_ms & ((UINT64_C(1) << 48) - 1), alphabet);
	put_base32(mid + 10, 8, random[0], alphabet);
	put_base32(mid + 18, 8, random[1], alphabet);
	*out = (struct slice){mid, MID_DRAWN_BYTES};
	return true;
}

bool note_begin(struct note *n, struct commands *c)
{
	n->commands = c;
	n->start = commands_room(c, NOTE_MAX_BYTES);
	n->at = n->start;
	return n->start != NULL;
}

/* key=, when value_len more bytes and the user at the end fit too. */
static void note_key(struct note *n, const char *key, size_t value_len)
{
	struct slice k = slice_of(key);
	size_t used = (size_t)(n->at - n->start);

	assert(used + k.len + value_len + 2 + UID_MAX_BYTES <= NOTE_MAX_BYTES);
	if (used > 0)
		*n->at++ = ' ';
	n->at = put(n->at, k);
	*n->at++ = '=';
}

void note_text(struct note *n, const char *key, struct slice value)
{
	note_key(n, key, value.len);
	n->at = put(n->at, value);
}

void note_number(struct note *n, const char *key, uint64_t value)
{
	note_key(n, key, 20);
	n->at = put_number(n->at, value);
}

void note_hex(struct note *n, const char *key, uint64_t value)
{
	note_key(n, key, 16);
	n->at = put_hex(n->at, value);
}

bool note_end(struct note *n, const char *kind, struct slice user)
{
	struct core_command *command = commands_add(n->commands, CORE_DO_NOTE, 0);
	size_t len = (size_t)(n->at - n->start);

	if (command == NULL)
		return false;
	command->note.kind = kind;
	command->note.detail = (struct slice){n->start, len};
	command->note.user = (struct slice){n->at, user.len};
	n->at = put(n->at, user);
	commands_keep(n->commands, len + user.len);
	return true;
}
