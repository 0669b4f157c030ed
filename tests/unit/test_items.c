/*
 * dispatch (router): what becomes of an item that opens, rebinds, renews or ends a session, before
 * the core sees it.  The core and the links are played here; tickets are real.
 */
#include <string.h>

#include "common/memory.h"
#include "proto/codes.h"
#include "router/dispatch.h"
#include "router/links.h"
#include "router/system.h"
#include "tests/unit/test.h"

#define NONCE 77

static struct hub hub;
static uint32_t wire;
static bool is_tight;

static struct {
	unsigned steps;
	enum core_event_kind kind;
	enum core_dialect dialect;
	uint64_t replaces;
	uint64_t session;
	unsigned close_code;
	unsigned refused; /* close code */
	unsigned violations;
} seen;

int hub_step(struct hub *h, struct core_event *event)
{
	(void)h;
	seen.steps++;
	seen.kind = event->kind;
	if (event->kind == CORE_OPEN || event->kind == CORE_REBIND) {
		seen.dialect = event->open.dialect;
		seen.replaces = event->open.replaces;
		assert_int_equal(event->open.nonce, NONCE);
		assert_non_null(event->open.ticket);
	} else if (event->kind == CORE_CLOSE) {
		seen.session = event->close.session;
		seen.close_code = event->close.code;
	}
	return 0;
}

unsigned hub_json(struct hub *h, struct slice in, size_t max_bytes, struct slice *out)
{
	(void)h;
	(void)max_bytes;
	*out = in;
	return 0;
}

uint32_t links_wire(const struct links *ls, uint32_t slot)
{
	(void)ls;
	(void)slot;
	return wire;
}

void links_refuse_open(struct links *ls, uint32_t slot, uint64_t nonce, unsigned code)
{
	(void)ls;
	(void)slot;
	assert_int_equal(nonce, NONCE);
	seen.refused = code;
}

void links_refuse_send(
	struct links *ls, uint32_t slot, uint64_t ref, unsigned code, const char *field)
{
	(void)ls;
	(void)slot;
	(void)ref;
	(void)code;
	(void)field;
}

void links_violation(struct links *ls, uint32_t slot, const char *what)
{
	(void)ls;
	(void)slot;
	assert_non_null(what);
	seen.violations++;
}

void links_close(struct links *ls, uint32_t slot, const char *why)
{
	(void)ls;
	(void)slot;
	fail_msg("closed: %s", why);
}

void links_gauges(struct links *ls, uint32_t slot, const Pb__UpGauges *gauges)
{
	(void)ls;
	(void)slot;
	(void)gauges;
}

void system_repair(struct system_feed *s, uint32_t slot, uint64_t after)
{
	(void)s;
	(void)slot;
	(void)after;
}

bool memory_is_tight(const struct memory *m)
{
	(void)m;
	return is_tight;
}

static const unsigned char secret[TICKET_KEY_BYTES] = {1, 2, 3};

static int setup(void **state)
{
	(void)state;
	memset(&hub, 0, sizeof(hub));
	memset(&seen, 0, sizeof(seen));
	wire = WIRE_VERSION;
	is_tight = false;
	assert_int_equal(ticket_keys_new(&hub.keys, SLICE_LITERAL("boot")), 0);
	return ticket_keys_add(hub.keys, 1, secret);
}

static int teardown(void **state)
{
	(void)state;
	ticket_keys_free(hub.keys);
	return 0;
}

/* What an edge asks for. */
struct asked {
	const char *device; /* NULL: phone */
	Pb__Dialect dialect;
	bool reopen;
	bool is_forged;
	int64_t issued_ms; /* 0: 1000 */
};

static void fill(const struct asked *a, Pb__UpOpen *open, unsigned char bytes[TICKET_MAX_BYTES])
{
	const struct ticket t = {
		.flags = TICKET_MAY_SEND,
		.session = 5,
		.nonce = NONCE,
		.issued_at_ms = a->issued_ms == 0 ? 1000 : a->issued_ms,
		.present_by_ms = 2000,
		.session_end_ms = 3000,
		.ceiling_ms = 4000,
		.uid_len = 3,
		.uid = "ann",
	};
	size_t len = ticket_mint(hub.keys, &t, bytes);

	assert_true(len > 0);
	if (a->is_forged)
		bytes[len - 1] ^= 1;
	pb__up_open__init(open);
	open->nonce = NONCE;
	open->ticket = (ProtobufCBinaryData){len, bytes};
	open->device = codec_bytes(slice_of(a->device == NULL ? "phone" : a->device));
	open->dialect = a->dialect;
	open->reopen = a->reopen;
}

static void ask_open(struct asked a)
{
	unsigned char bytes[TICKET_MAX_BYTES];
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpOpen open;

	memset(&seen, 0, sizeof(seen));
	fill(&a, &open, bytes);
	item.item_case = PB__UP_ITEM__ITEM_OPEN;
	item.open = &open;
	dispatch_item(&hub, 0, &item);
}

static void ask_rebind(struct asked a)
{
	unsigned char bytes[TICKET_MAX_BYTES];
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpRebind rebind = PB__UP_REBIND__INIT;
	Pb__UpOpen open;

	memset(&seen, 0, sizeof(seen));
	fill(&a, &open, bytes);
	rebind.session = 4;
	rebind.open = &open;
	item.item_case = PB__UP_ITEM__ITEM_REBIND;
	item.rebind = &rebind;
	dispatch_item(&hub, 0, &item);
}

static void ask_close(uint32_t code)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpClose close = PB__UP_CLOSE__INIT;

	memset(&seen, 0, sizeof(seen));
	close.session = 9;
	close.code = code;
	item.item_case = PB__UP_ITEM__ITEM_CLOSE;
	item.close = &close;
	dispatch_item(&hub, 0, &item);
}

static void is_refused(unsigned code, unsigned violations)
{
	assert_int_equal(seen.refused, code);
	assert_int_equal(seen.violations, violations);
	assert_int_equal(seen.steps, 0);
}

static void is_stepped(enum core_event_kind kind)
{
	assert_int_equal(seen.steps, 1);
	assert_int_equal(seen.kind, kind);
	assert_int_equal(seen.refused, 0);
	assert_int_equal(seen.violations, 0);
}

static void a_ticket_is_looked_at_before_anything_else(void **state)
{
	(void)state;
	ask_open((struct asked){.is_forged = true, .device = "not a device!"});
	is_refused(CLOSE_UNAUTHORIZED, 1);
	ask_rebind((struct asked){.is_forged = true, .device = "not a device!"});
	is_refused(CLOSE_UNAUTHORIZED, 1);
	assert_int_equal(hub.counts.tickets_bad, 2);
	ask_open((struct asked){.device = "not a device!"});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	ask_rebind((struct asked){.device = "not a device!"});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	ask_open((struct asked){0});
	is_stepped(CORE_OPEN);
}

static void a_rebind_names_the_session_that_ends(void **state)
{
	Pb__UpItem item = PB__UP_ITEM__INIT;
	Pb__UpRebind empty = PB__UP_REBIND__INIT;

	(void)state;
	ask_rebind((struct asked){0});
	is_stepped(CORE_REBIND);
	assert_int_equal(seen.replaces, 4);
	ask_rebind((struct asked){.reopen = true});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	ask_rebind((struct asked){.dialect = PB__DIALECT__DIALECT_API});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	memset(&seen, 0, sizeof(seen));
	item.item_case = PB__UP_ITEM__ITEM_REBIND;
	item.rebind = &empty;
	dispatch_item(&hub, 0, &item);
	assert_int_equal(seen.violations, 1);
	assert_int_equal(seen.steps, 0);
}

static void the_dialect_of_requests_is_of_wire_3_and_begins_once(void **state)
{
	(void)state;
	ask_open((struct asked){.dialect = PB__DIALECT__DIALECT_API});
	is_stepped(CORE_OPEN);
	assert_int_equal(seen.dialect, CORE_API);
	ask_open((struct asked){.dialect = PB__DIALECT__DIALECT_API, .reopen = true});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	ask_open((struct asked){.dialect = (Pb__Dialect)99});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	wire = 2;
	ask_open((struct asked){.dialect = PB__DIALECT__DIALECT_API});
	is_refused(CLOSE_BAD_PROTOCOL, 1);
	ask_open((struct asked){0});
	is_stepped(CORE_OPEN);
	memset(&seen, 0, sizeof(seen));
	ask_rebind((struct asked){0}); /* of wire 3 */
	assert_int_equal(seen.violations, 1);
	assert_int_equal(seen.steps, 0);
}

static void a_ticket_from_before_lost_marks_is_void(void **state)
{
	(void)state;
	hub.void_until_ms = 1000;
	ask_open((struct asked){0});
	is_refused(CLOSE_RETRY, 0);
	ask_open((struct asked){.reopen = true});
	is_refused(CLOSE_RETRY, 0);
	ask_rebind((struct asked){0});
	is_refused(CLOSE_RETRY, 0);
	ask_open((struct asked){.issued_ms = 1001});
	is_stepped(CORE_OPEN);
}

static void new_work_is_shed_and_old_sessions_come_back(void **state)
{
	(void)state;
	is_tight = true;
	ask_open((struct asked){0});
	is_refused(CLOSE_OVERLOAD, 0);
	ask_rebind((struct asked){0});
	is_refused(CLOSE_OVERLOAD, 0);
	assert_int_equal(hub.counts.opens_shed, 2);
	ask_open((struct asked){.reopen = true});
	is_stepped(CORE_OPEN);
}

static void a_close_brings_its_code_if_it_is_one(void **state)
{
	static const uint32_t codes[][2] = {{0, 0}, {1000, 1000}, {1006, 1006}, {4001, 4001},
		{4999, 4999}, {999, 0}, {5000, 0}, {UINT32_MAX, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		ask_close(codes[i][0]);
		is_stepped(CORE_CLOSE);
		assert_int_equal(seen.session, 9);
		assert_int_equal(seen.close_code, codes[i][1]);
	}
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_ticket_is_looked_at_before_anything_else),
		TEST(a_rebind_names_the_session_that_ends),
		TEST(the_dialect_of_requests_is_of_wire_3_and_begins_once),
		TEST(a_ticket_from_before_lost_marks_is_void),
		TEST(new_work_is_shed_and_old_sessions_come_back),
		TEST(a_close_brings_its_code_if_it_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
