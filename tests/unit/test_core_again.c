/* What was read live is read again by page, to the byte. */
#include "core_rig.h"

static void ask(struct rig *r, uint64_t session, enum core_stream stream, uint64_t after)
{
	struct core_event e = {.kind = CORE_SYNC, .sync = {session, stream, after}};

	rig_event(r, 0, e);
}

/* A message and where it went, so that it can be read again. */
struct kept {
	struct message message;
	char bytes[64];
};

static struct slice keep(struct kept *k, size_t *used, struct slice s)
{
	struct slice out = {k->bytes + *used, s.len};

	assert_in_range(s.len, 0, sizeof(k->bytes) - *used);
	memcpy(k->bytes + *used, s.data, s.len);
	*used += s.len;
	return out;
}

static void keep_appended(const struct rig *r, struct kept *k)
{
	size_t used = 0;

	k->message = *rig_one(r, CORE_DO_APPEND)->append.message;
	k->message.to = keep(k, &used, k->message.to);
	k->message.from = keep(k, &used, k->message.from);
	k->message.device = keep(k, &used, k->message.device);
	k->message.mid = keep(k, &used, k->message.mid);
	k->message.event = keep(k, &used, k->message.event);
	k->message.body = keep(k, &used, k->message.body);
}

static void copy_text(const struct core_text *t, char out[256])
{
	snprintf(out, 256, "%u %u %.*s", t->data_end, t->plain_end, SLICE_ARGS(t->text));
}

/* What session got live of the message that is stored now, and then by a page. */
static void assert_same_again(struct rig *r, struct core_event e, uint64_t session,
	uint64_t by_session, enum core_stream stream)
{
	struct message_row row = {0};
	struct core_event rows = {.kind = CORE_ROWS};
	struct kept k;
	char live[256] = "";
	char again[256] = "";

	rig_event(r, 0, e);
	keep_appended(r, &k);
	rig_store(r);
	for (size_t i = 0; i < r->out.n; i++) {
		const struct core_command *c = &r->out.list[i];

		if (c->kind == CORE_DO_SYSTEM)
			copy_text(&c->system.text, live);
		else if (c->kind == CORE_DO_DELIVER && c->deliver.sessions[0] == by_session)
			copy_text(&c->deliver.text, live);
		row.seq = c->kind == CORE_DO_DELIVER && c->deliver.sessions[0] == by_session
				  ? c->deliver.number
			  : c->kind == CORE_DO_SYSTEM ? c->system.number
						      : row.seq;
	}
	row.message = k.message;
	ask(r, session, stream, row.seq - 1);
	rig_one(r, CORE_DO_READ);
	rows.rows.session = session;
	rows.rows.stream = stream;
	rows.rows.after = row.seq - 1;
	rows.rows.floor = 1;
	rows.rows.rows = &row;
	rows.rows.n = 1;
	rig_step(r, &rows);
	copy_text(&rig_one(r, CORE_DO_DELIVER)->deliver.text, again);
	assert_string_equal(live, again);
}

static void a_page_has_the_same_bytes_as_the_live_frame(void **state)
{
	struct rig r;

	(void)state;
	rig_start_with(&r, &rig_config);
	rig_open(&r, 0, 1, "1");
	rig_open(&r, 0, 2, "2");
	rig_open(&r, 0, 3, "1");
	assert_same_again(&r, rig_message(1, "2", "m1"), 2, 2, CORE_STREAM_USER);
	assert_same_again(&r, rig_message(1, "2", "m2"), 3, 3, CORE_STREAM_USER); /* a carbon */
	assert_same_again(&r, rig_message(2, "2", "m3"), 2, 2, CORE_STREAM_USER);
	assert_same_again(&r, rig_push("2", "p1"), 2, 2, CORE_STREAM_USER);
	assert_same_again(&r, rig_push("", "p2"), 2, 2, CORE_STREAM_SYSTEM);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_has_the_same_bytes_as_the_live_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
