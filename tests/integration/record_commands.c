/*
 * Commands, a line each, words apart by one blank.  Sessions and nonces are 16 hexadecimal digits,
 *tickets and raw bytes any even number of them.  Nothing is checked: it is the router that must.
 *
 *	open TICKET NONCE DEVICE [reopen|api] close SESSION [CODE]   hello | hello again
 *	send SESSION TO TEXT...               typing SESSION TO      dial PATH
 *	push SESSION USER|* EVENT JSON        away SESSION 0|1       key HEX
 *	watch SESSION UID...                  renew SESSION TICKET   number N
 *	since N                               empty                  raw HEX
 *	flood N                               silent 0|1             hoard 0|1       quit
 *	ack SESSION U S                       sync SESSION AFTER [system]
 *	open TICKET NONCE DEVICE at EPOCH U S
 *	rebind SESSION TICKET NONCE DEVICE
 *	verify LABEL TOKEN [TICKET]           extend LABEL TICKET      asks auth
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/record_edge.h"

#define LINE_BYTES 262144
#define MAX_WORDS 160

/* The words after the command; missing ones are empty. */
struct words {
	char *at[MAX_WORDS];
	size_t n;
};

static struct {
	struct record *record;
	uv_pipe_t input;
	char line[LINE_BYTES];
	size_t len;
} commands;

static uint64_t number_of(const char *text, int base)
{
	return strtoull(text, NULL, base);
}

static unsigned hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a' + 10) & 15;
}

/* In place. */
static struct slice hex_of(char *text)
{
	size_t n = strlen(text) / 2;

	for (size_t i = 0; i < n; i++)
		text[i] = (char)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
	return (struct slice){text, n};
}

static ProtobufCBinaryData text_of(const char *text)
{
	return codec_bytes(slice_of(text));
}

/* Everything from the i-th word on, blanks included. */
static const char *rest_from(struct words *w, size_t i)
{
	for (size_t k = i; k + 1 < w->n; k++)
		w->at[k][strlen(w->at[k])] = ' ';
	return w->at[i];
}

typedef void command_fn(struct record *r, struct words *w);

/* at: TICKET NONCE DEVICE and what may follow. */
static void read_open(Pb__UpOpen *open, char **at)
{
	open->ticket = codec_bytes(hex_of(at[0]));
	open->nonce = number_of(at[1], 16);
	open->device = text_of(at[2]);
	open->reopen = strcmp(at[3], "reopen") == 0;
	if (strcmp(at[3], "api") == 0)
		open->dialect = PB__DIALECT__DIALECT_API;
	open->has_position = strcmp(at[3], "at") == 0;
	if (open->has_position) {
		open->epoch = text_of(at[4]);
		open->u = number_of(at[5], 10);
		open->s = number_of(at[6], 10);
	}
}

static void do_open(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpOpen open = PB__UP_OPEN__INIT;

	read_open(&open, w->at);
	item.item_case = PB__UP_ITEM__ITEM_OPEN;
	item.open = &open;
	record_send_item(r, &item);
}

static void do_rebind(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpRebind rebind = PB__UP_REBIND__INIT;
	Pb__UpOpen open = PB__UP_OPEN__INIT;

	rebind.session = number_of(w->at[0], 16);
	read_open(&open, w->at + 1);
	rebind.open = &open;
	item.item_case = PB__UP_ITEM__ITEM_REBIND;
	item.rebind = &rebind;
	record_send_item(r, &item);
}

static void do_close(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpClose close = PB__UP_CLOSE__INIT;

	close.session = number_of(w->at[0], 16);
	close.code = (uint32_t)number_of(w->at[1], 10);
	item.item_case = PB__UP_ITEM__ITEM_CLOSE;
	item.close = &close;
	record_send_item(r, &item);
}

static void do_send(struct record *r, struct words *w)
{
	static uint64_t ref;
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpSend send = PB__UP_SEND__INIT;

	send.session = number_of(w->at[0], 16);
	send.ref = ++ref;
	send.to = text_of(w->at[1]);
	send.content = text_of(rest_from(w, 2));
	item.item_case = PB__UP_ITEM__ITEM_SEND;
	item.send = &send;
	record_send_item(r, &item);
}

static void do_push(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpPush push = PB__UP_PUSH__INIT;

	push.session = number_of(w->at[0], 16);
	push.ref = 1000000;
	push.user = text_of(strcmp(w->at[1], "*") == 0 ? "" : w->at[1]);
	push.event = text_of(w->at[2]);
	push.data = text_of(rest_from(w, 3));
	item.item_case = PB__UP_ITEM__ITEM_PUSH;
	item.push = &push;
	record_send_item(r, &item);
}

static void do_typing(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpTyping typing = PB__UP_TYPING__INIT;

	typing.session = number_of(w->at[0], 16);
	typing.to = text_of(w->at[1]);
	item.item_case = PB__UP_ITEM__ITEM_TYPING;
	item.typing = &typing;
	record_send_item(r, &item);
}

static void do_watch(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpWatch watch = PB__UP_WATCH__INIT;
	ProtobufCBinaryData users[MAX_WORDS];

	watch.session = number_of(w->at[0], 16);
	for (size_t i = 1; i < w->n; i++)
		users[i - 1] = text_of(w->at[i]);
	watch.users = users;
	watch.n_users = w->n == 0 ? 0 : w->n - 1;
	item.item_case = PB__UP_ITEM__ITEM_WATCH;
	item.watch = &watch;
	record_send_item(r, &item);
}

static void do_away(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpAway away = PB__UP_AWAY__INIT;

	away.session = number_of(w->at[0], 16);
	away.away = number_of(w->at[1], 10) != 0;
	item.item_case = PB__UP_ITEM__ITEM_AWAY;
	item.away = &away;
	record_send_item(r, &item);
}

static void do_renew(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpRenew renew = PB__UP_RENEW__INIT;

	renew.session = number_of(w->at[0], 16);
	renew.ticket = codec_bytes(hex_of(w->at[1]));
	item.item_case = PB__UP_ITEM__ITEM_RENEW;
	item.renew = &renew;
	record_send_item(r, &item);
}

static void do_verify(struct record *r, struct words *w)
{
	record_ask_auth(r, number_of(w->at[0], 10), slice_of(w->at[1]), hex_of(w->at[2]));
}

static void do_extend(struct record *r, struct words *w)
{
	record_ask_auth(r, number_of(w->at[0], 10), (struct slice){0}, hex_of(w->at[1]));
}

static void do_ack(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpAck ack = PB__UP_ACK__INIT;

	ack.session = number_of(w->at[0], 16);
	ack.u = number_of(w->at[1], 10);
	ack.s = number_of(w->at[2], 10);
	item.item_case = PB__UP_ITEM__ITEM_ACK;
	item.ack = &ack;
	record_send_item(r, &item);
}

static void do_sync(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpSync sync = PB__UP_SYNC__INIT;

	sync.session = number_of(w->at[0], 16);
	sync.after = number_of(w->at[1], 10);
	sync.system = strcmp(w->at[2], "system") == 0;
	item.item_case = PB__UP_ITEM__ITEM_SYNC;
	item.sync = &sync;
	record_send_item(r, &item);
}

static void do_since(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpSystemSince since = PB__UP_SYSTEM_SINCE__INIT;

	since.number = number_of(w->at[0], 10);
	item.item_case = PB__UP_ITEM__ITEM_SYSTEM_SINCE;
	item.system_since = &since;
	record_send_item(r, &item);
}

static void do_empty(struct record *r, struct words *w)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;

	(void)w;
	record_send_item(r, &item);
}

static void do_key(struct record *r, struct words *w)
{
	record_send_batch(r, NULL, 0, hex_of(w->at[0]));
}

static void do_number(struct record *r, struct words *w)
{
	r->sent = number_of(w->at[0], 10) - 1;
	record_send_batch(r, NULL, 0, (struct slice){0});
}

static void do_flood(struct record *r, struct words *w)
{
	for (uint64_t n = number_of(w->at[0], 10); n > 0; n--)
		record_send_batch(r, NULL, 0, (struct slice){0});
}

static void do_raw(struct record *r, struct words *w)
{
	record_send_raw(r, hex_of(w->at[0]));
}

static void do_silent(struct record *r, struct words *w)
{
	r->is_silent = number_of(w->at[0], 10) != 0;
}

static void do_hoard(struct record *r, struct words *w)
{
	r->keep_seen = number_of(w->at[0], 10) != 0;
}

static void do_dial(struct record *r, struct words *w)
{
	record_dial(r, w->at[0]);
}

static void do_hello(struct record *r, struct words *w)
{
	record_say_hello(r, strcmp(w->at[0], "again") == 0);
}

static void do_quit(struct record *r, struct words *w)
{
	(void)r;
	(void)w;
	_exit(EXIT_SUCCESS);
}

static const struct {
	const char *name;
	command_fn *run;
} table[] = {
	{"open", do_open},
	{"rebind", do_rebind},
	{"verify", do_verify},
	{"extend", do_extend},
	{"close", do_close},
	{"send", do_send},
	{"push", do_push},
	{"typing", do_typing},
	{"watch", do_watch},
	{"away", do_away},
	{"renew", do_renew},
	{"since", do_since},
	{"ack", do_ack},
	{"sync", do_sync},
	{"empty", do_empty},
	{"key", do_key},
	{"number", do_number},
	{"flood", do_flood},
	{"raw", do_raw},
	{"silent", do_silent},
	{"hoard", do_hoard},
	{"dial", do_dial},
	{"hello", do_hello},
	{"quit", do_quit},
};

static void run_line(char *line)
{
	static char nothing[MAX_WORDS][1];
	struct words words = {.n = 0};
	char *name = strsep(&line, " ");

	for (size_t i = 0; i < MAX_WORDS; i++)
		words.at[i] = nothing[i];
	while (line != NULL && words.n < MAX_WORDS)
		words.at[words.n++] = strsep(&line, " ");
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].name, name) == 0) {
			table[i].run(commands.record, &words);
			return;
		}
	}
	fprintf(stderr, "record_edge: no command: %s\n", name);
	_exit(EXIT_FAILURE);
}

static void run_lines(void)
{
	char *start = commands.line;
	char *end = commands.line + commands.len;
	char *newline;

	while ((newline = memchr(start, '\n', (size_t)(end - start))) != NULL) {
		*newline = '\0';
		run_line(start);
		start = newline + 1;
	}
	commands.len = (size_t)(end - start);
	memmove(commands.line, start, commands.len);
}

static void on_input_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	(void)handle;
	(void)suggested;
	*out = uv_buf_init(commands.line + commands.len, (unsigned)(LINE_BYTES - commands.len));
}

static void on_input_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	(void)bytes;
	if (n < 0) {
		uv_read_stop(stream); /* goes on recording until it is stopped */
		return;
	}
	commands.len += (size_t)n;
	run_lines();
}

int record_commands_start(struct record *r)
{
	int rc = uv_pipe_init(r->loop, &commands.input, 0);

	commands.record = r;
	if (rc == 0)
		rc = uv_pipe_open(&commands.input, 0);
	if (rc == 0)
		rc = uv_read_start((uv_stream_t *)&commands.input, on_input_alloc, on_input_read);
	return rc;
}
