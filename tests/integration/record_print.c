/*
 * Every message is printed whole, as hexadecimal digits, beside what was understood of it: whoever
 * looks for a text that must not be here needs no trust in the parser.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/buf.h"
#include "tests/integration/record_edge.h"

#define LINE_MAX_BYTES 16777216

static void end_line(struct buf *line)
{
	buf_add_text(line, "}\n");
	if (line->failed || fwrite(line->data, 1, line->len, stdout) != line->len ||
		fflush(stdout) != 0)
		_exit(EXIT_FAILURE); /* nobody records any more */
	buf_fini(line);
}

static void begin_line(struct buf *line, const char *is)
{
	buf_init(line, LINE_MAX_BYTES);
	buf_printf(line, "{\"is\":\"%s\"", is);
}

static void add_hex(struct buf *line, const char *name, struct slice bytes)
{
	buf_printf(line, ",\"%s\":\"", name);
	for (size_t i = 0; i < bytes.len; i++)
		buf_printf(line, "%02x", (unsigned)(unsigned char)bytes.data[i]);
	buf_add_text(line, "\"");
}

static void add_text(struct buf *line, const char *name, ProtobufCBinaryData text)
{
	struct slice s = codec_slice(text);

	buf_printf(line, ",\"%s\":", name);
	if (utf8_is_valid(s))
		buf_add_json_string(line, s);
	else
		buf_add_text(line, "null"); /* see the raw bytes */
}

void record_print(const char *is, const char *format, ...)
{
	struct buf line;
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	begin_line(&line, is);
	buf_add_text(&line, text);
	end_line(&line);
}

void record_print_ticket(size_t i, struct slice uid, uint64_t nonce, struct slice ticket)
{
	struct buf line;

	begin_line(&line, "granted");
	buf_printf(&line, ",\"token\":%zu,\"nonce\":\"%016" PRIx64 "\"", i, nonce);
	add_text(&line, "uid", codec_bytes(uid));
	add_hex(&line, "ticket", ticket);
	end_line(&line);
}

static void print_opened(const Pb__DownOpened *opened)
{
	struct buf line;

	begin_line(&line, "opened");
	buf_printf(&line,
		",\"nonce\":\"%016" PRIx64 "\",\"session\":\"%016" PRIx64 "\",\"u\":%" PRIu64
		",\"s\":%" PRIu64 ",\"start_u\":%" PRIu64 ",\"start_s\":%" PRIu64
		",\"recovered\":%s,\"reset\":%d",
		opened->nonce, opened->session, opened->u, opened->s, opened->start_u,
		opened->start_s, opened->recovered ? "true" : "false", (int)opened->reset);
	add_text(&line, "epoch", opened->epoch);
	end_line(&line);
}

static void print_result(const Pb__DownResult *result)
{
	struct buf line;

	begin_line(&line, "result");
	buf_printf(&line,
		",\"ref\":%" PRIu64
		",\"state\":%d,\"first\":%d,\"delivered\":%s,\"devices\":%" PRIu32
		",\"seq\":%" PRIu64 ",\"code\":%" PRIu32 ",\"after_ms\":%" PRIu32,
		result->ref, (int)result->state, (int)result->first,
		result->state == PB__SEND_STATE__SEND_DELIVERED ? "true" : "false", result->devices,
		result->seq, result->code, result->after_ms);
	add_text(&line, "mid", result->mid);
	add_text(&line, "field", result->field);
	end_line(&line);
}

static void print_deliver(const Pb__DownDeliver *deliver)
{
	struct buf line;

	begin_line(&line, "deliver");
	add_text(&line, "text", deliver->text);
	buf_printf(&line,
		",\"number\":%" PRIu64 ",\"system\":%s,\"data_end\":%" PRIu32
		",\"plain_end\":%" PRIu32 ",\"sessions\":[",
		deliver->number, deliver->system ? "true" : "false", deliver->data_end,
		deliver->plain_end);
	for (size_t i = 0; i < deliver->n_sessions; i++)
		buf_printf(&line, "%s\"%016" PRIx64 "\"", i == 0 ? "" : ",", deliver->sessions[i]);
	buf_add_text(&line, "]");
	end_line(&line);
}

static void print_system(const char *by, const Pb__SystemMessage *message)
{
	struct buf line;

	begin_line(&line, "system");
	buf_printf(&line, ",\"by\":\"%s\",\"number\":%" PRIu64, by, message->number);
	add_text(&line, "text", message->text);
	end_line(&line);
}

static void print_item(const Pb__DownItem *item)
{
	switch ((int)item->item_case) {
	case PB__DOWN_ITEM__ITEM_OPENED:
		print_opened(item->opened);
		break;
	case PB__DOWN_ITEM__ITEM_OPEN_REFUSED:
		record_print("open_refused", ",\"nonce\":\"%016" PRIx64 "\",\"code\":%" PRIu32,
			item->open_refused->nonce, item->open_refused->code);
		break;
	case PB__DOWN_ITEM__ITEM_RESULT:
		print_result(item->result);
		break;
	case PB__DOWN_ITEM__ITEM_DELIVER:
		print_deliver(item->deliver);
		break;
	case PB__DOWN_ITEM__ITEM_SHUT:
		record_print("shut", ",\"session\":\"%016" PRIx64 "\",\"code\":%" PRIu32,
			item->shut->session, item->shut->code);
		break;
	case PB__DOWN_ITEM__ITEM_SYSTEM:
		print_system("link", item->system);
		break;
	case PB__DOWN_ITEM__ITEM_PAGE:
		record_print("page",
			",\"session\":\"%016" PRIx64 "\",\"system\":%s,\"last\":%" PRIu64
			",\"more\":%s",
			item->page->session, item->page->system ? "true" : "false",
			item->page->last, item->page->more ? "true" : "false");
		break;
	case PB__DOWN_ITEM__ITEM_RESET:
		record_print("reset",
			",\"session\":\"%016" PRIx64 "\",\"reason\":%d,\"u\":%" PRIu64
			",\"s\":%" PRIu64,
			item->reset->session, (int)item->reset->reason, item->reset->u,
			item->reset->s);
		break;
	case PB__DOWN_ITEM__ITEM_CREDENTIAL:
		record_print("credential", "%s", "");
		break;
	case PB__DOWN_ITEM__ITEM_DRAIN:
		record_print("drain", "%s", "");
		break;
	default:
		record_print("empty_item", "%s", "");
		break;
	}
}

void record_print_down(const Pb__LinkDown *down, struct slice raw)
{
	struct buf line;

	begin_line(&line, "batch");
	buf_printf(&line,
		",\"wire\":%" PRIu32 ",\"number\":%" PRIu64 ",\"seen\":%" PRIu64
		",\"system_head\":%" PRIu64 ",\"items\":%zu",
		down->wire, down->number, down->seen, down->system_head, down->n_items);
	add_hex(&line, "raw", raw);
	end_line(&line);
	for (size_t i = 0; i < down->n_items; i++)
		print_item(down->items[i]);
}

void record_print_system(const Pb__SystemBatch *batch, struct slice raw)
{
	struct buf line;

	begin_line(&line, "pub");
	buf_printf(&line, ",\"wire\":%" PRIu32 ",\"messages\":%zu", batch->wire, batch->n_messages);
	add_hex(&line, "raw", raw);
	end_line(&line);
	for (size_t i = 0; i < batch->n_messages; i++)
		print_system("pub", batch->messages[i]);
}
