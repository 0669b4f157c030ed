/* dispatch: the table of what an edge may ask. */
#include "router/dispatch.h"
#include "tests/unit/test.h"

static void every_item_of_the_schema_has_a_handler_and_nothing_else_has(void **state)
{
	const ProtobufCMessageDescriptor *items = &pb__up_item__descriptor;
	bool in_schema[256] = {0};

	(void)state;
	for (unsigned i = 0; i < items->n_fields; i++)
		in_schema[items->fields[i].id] = true;
	for (unsigned kind = 0; kind < 256; kind++)
		assert_int_equal(
			dispatch_knows((Pb__UpItem__ItemCase)kind, WIRE_VERSION), in_schema[kind]);
}

static void a_link_of_wire_2_may_say_what_wire_2_had(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 256; kind++) {
		assert_int_equal(dispatch_knows((Pb__UpItem__ItemCase)kind, 2),
			kind >= PB__UP_ITEM__ITEM_OPEN && kind <= PB__UP_ITEM__ITEM_SYNC);
		assert_false(dispatch_knows((Pb__UpItem__ItemCase)kind, 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_of_the_schema_has_a_handler_and_nothing_else_has),
		cmocka_unit_test(a_link_of_wire_2_may_say_what_wire_2_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
