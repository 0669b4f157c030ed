/* metrics: the same numbers, for Prometheus and as JSON. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "router/metrics.h"
#include "tests/unit/test.h"

static struct router_view example(void)
{
	struct router_view view = {.uptime_ms = 61000, .edges_up = 2, .n_edges = 2};

	view.core.sessions = 12;
	view.core.sent = UINT64_MAX;
	view.hands.batches_in = 34;
	for (size_t i = 0; i < 2; i++) {
		view.edges[i].edge_id = 700 + (uint32_t)i;
		view.edges[i].edge_epoch = 9;
		view.edges[i].sessions = 6;
		view.edges[i].gauges = (Pb__UpGauges)PB__UP_GAUGES__INIT;
		view.edges[i].gauges.frames_out = 1000 + i;
	}
	return view;
}

static bool is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!islower((unsigned char)s[i]) && s[i] != '_')
			return false;
	}
	return len > 0;
}

/* A sample line: name, perhaps one label with digits, a number. */
static void check_sample(const char *line, const char *family)
{
	size_t name = strcspn(line, "{ ");
	const char *p = line + name;
	char *end;

	assert_true(is_name(line, name));
	assert_int_equal(strlen(family), name);
	assert_memory_equal(line, family, name);
	if (strncmp(line, "postern_build_info", 18) == 0)
		return;
	if (*p == '{') {
		assert_int_equal(strncmp(p, "{edge=\"", 7), 0);
		p += 7 + strspn(p + 7, "0123456789");
		assert_int_equal(strncmp(p, "\"} ", 3), 0);
		p += 2;
	}
	assert_int_equal(*p, ' ');
	assert_true(isdigit((unsigned char)p[1]));
	strtoull(p + 1, &end, 10);
	assert_int_equal(*end, '\0');
}

static void each_line_is_of_the_exposition_format_and_each_family_is_announced_once(void **state)
{
	struct router_view view = example();
	char family[64] = "";
	char announced[128][64];
	size_t n_announced = 0;
	struct buf out;
	char *line;
	char *rest;

	(void)state;
	buf_init(&out, 1 << 20);
	metrics_prometheus(&out, &view);
	assert_false(out.failed);
	assert_int_equal(out.data[out.len - 1], '\n');
	buf_add(&out, (struct slice){"", 1});
	for (line = strtok_r(out.data, "\n", &rest); line != NULL;
		line = strtok_r(NULL, "\n", &rest)) {
		char type[16];

		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line, "# HELP %63s", family), 1);
			for (size_t i = 0; i < n_announced; i++)
				assert_string_not_equal(family, announced[i]);
			snprintf(announced[n_announced++], 64, "%s", family);
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			char name[64];

			assert_int_equal(sscanf(line, "# TYPE %63s %15s", name, type), 2);
			assert_string_equal(name, family);
			/* Counters are named so, and only they. */
			assert_int_equal(strcmp(type, "counter") == 0,
				strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0);
		} else {
			check_sample(line, family);
		}
	}
	assert_true(n_announced > 30);
	buf_fini(&out);
}

static void has(const struct buf *out, const char *text)
{
	if (memmem(out->data, out->len, text, strlen(text)) == NULL)
		fail_msg("missing: %s", text);
}

static void numbers_are_exact_and_edges_have_their_label(void **state)
{
	struct router_view view = example();
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	metrics_prometheus(&out, &view);
	has(&out, "\npostern_sessions 12\n");
	has(&out, "\npostern_messages_sent_total 18446744073709551615\n");
	has(&out, "\npostern_link_batches_in_total 34\n");
	has(&out, "\npostern_edge_sessions{edge=\"700\"} 6\n");
	has(&out, "\npostern_edge_frames_out_total{edge=\"700\"} 1000\n");
	has(&out, "\npostern_edge_frames_out_total{edge=\"701\"} 1001\n");
	buf_fini(&out);
}

static void the_json_is_json_and_tells_the_same(void **state)
{
	CLEANUP(json_decrefp) json_t *value = NULL;
	struct router_view view = example();
	const json_t *stats;
	const json_t *edge;
	struct buf out;
	uint64_t number;
	const char *name;

	(void)state;
	view.core.sent = 77; /* jansson's integers are signed */
	buf_init(&out, 1 << 20);
	metrics_json(&out, &view);
	assert_int_equal(json_read(buf_slice(&out), 8, &value), JSON_READ);
	assert_int_equal(json_integer_value(json_object_get(value, "uptime_ms")), 61000);
	stats = json_object_get(value, "stats");
	for (size_t i = 0; (name = metrics_stat(&view, i, &number)) != NULL; i++) {
		const json_t *stat = json_object_get(stats, name);

		assert_true(json_is_integer(stat));
		assert_int_equal(json_integer_value(stat), number);
	}
	edge = json_array_get(json_object_get(value, "edges"), 1);
	assert_int_equal(json_integer_value(json_object_get(edge, "edge")), 701);
	assert_int_equal(json_integer_value(json_object_get(edge, "frames_out_total")), 1001);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			each_line_is_of_the_exposition_format_and_each_family_is_announced_once),
		cmocka_unit_test(numbers_are_exact_and_edges_have_their_label),
		cmocka_unit_test(the_json_is_json_and_tells_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
