/*
 * control_audit: which of routerctl's commands are recorded.  The file is a real one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audit.h"
#include "router/control_internal.h"
#include "tests/unit/test.h"

#define UID 1234

static struct control control;
static struct hub hub;
static struct router_config config;
static char dir[] = "/tmp/postern-control-XXXXXX";
static char file[64];

static size_t file_bytes(char *text, size_t size)
{
	FILE *f = fopen(file, "r");
	size_t n = f == NULL ? 0 : fread(text, 1, size - 1, f);

	if (f != NULL)
		fclose(f);
	text[n] = '\0';
	return n;
}

static int setup(void **state)
{
	(void)state;
	memset(&control, 0, sizeof(control));
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/audit.log", dir);
	config.daemon.state = dir;
	hub.config = &config;
	control.hub = &hub;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	audit_close(control.audit);
	unlink(file);
	return rmdir(dir);
}

/* How many bytes a command that says nothing but its kind leaves in the file. */
static size_t record(const ProtobufCFieldDescriptor *field, char *text, size_t size)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	struct asker asker = {
		.uid = UID, .control = &control, .command = control_command_of(field->id)};
	union {
		ProtobufCMessage base;
		unsigned char bytes[256];
	} command;

	protobuf_c_message_init(field->descriptor, &command);
	request.command_case = field->id;
	request.push = (Pb__CtlPush *)&command; /* any of the union */
	assert_true(control_record(&control, &request, &asker));
	return file_bytes(text, size);
}

static void every_command_but_ping_is_recorded_by_its_name(void **state)
{
	const ProtobufCMessageDescriptor *d = &pb__router_ctl_request__descriptor;
	char text[8192];
	size_t before = 0;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &d->fields[i];
		size_t now;
		char wanted[64];

		if (field->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		n++;
		now = record(field, text, sizeof(text));
		snprintf(wanted, sizeof(wanted), "\"uid\":1234,\"command\":\"%s\"", field->name);
		if ((strstr(text + before, wanted) != NULL) ==
			(field->id == PB__ROUTER_CTL_REQUEST__COMMAND_PING))
			fail_msg("%s: %s", field->name, text + before);
		if (field->id == PB__ROUTER_CTL_REQUEST__COMMAND_PING)
			assert_int_equal(now, before);
		before = now;
	}
	assert_true(n >= 13);
}

static void the_result_has_the_id_of_what_was_begun(void **state)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;
	Pb__CtlKick kick = PB__CTL_KICK__INIT;
	struct asker askers[2];
	uint64_t ids[4];
	char text[8192];
	const char *at = text;

	(void)state;
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_KICK;
	request.kick = &kick;
	for (size_t i = 0; i < 2; i++) {
		askers[i] = (struct asker){.uid = UID,
			.control = &control,
			.command = control_command_of(request.command_case),
			.changes = true};
		assert_true(control_record(&control, &request, &askers[i]));
	}
	control_record_result(&askers[1], &reply);
	control_record_result(&askers[0], &reply);
	assert_true(file_bytes(text, sizeof(text)) > 0);
	for (size_t i = 0; i < 4; i++) {
		at = strstr(at, "\"id\":") + 5;
		ids[i] = strtoull(at, NULL, 10);
	}
	assert_true(ids[0] > 0 && ids[1] > ids[0]);
	assert_true(ids[2] == ids[1] && ids[3] == ids[0]);
}

static void a_ping_needs_no_file(void **state)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__CtlPing ping = PB__CTL_PING__INIT;
	Pb__CtlStats stats = PB__CTL_STATS__INIT;
	struct asker asker = {.control = &control};

	(void)state;
	config.daemon.state = "/nowhere/at/all";
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_PING;
	request.ping = &ping;
	asker.command = control_command_of(request.command_case);
	assert_true(control_record(&control, &request, &asker));
	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_STATS;
	request.stats = &stats;
	asker.command = control_command_of(request.command_case);
	assert_false(control_record(&control, &request, &asker));
}

static void what_is_no_command_has_an_answer(void **state)
{
	(void)state;
	assert_ptr_equal(control_command_of(PB__ROUTER_CTL_REQUEST__COMMAND__NOT_SET)->handle,
		control_on_none);
	assert_ptr_equal(control_command_of((Pb__RouterCtlRequest__CommandCase)4711)->handle,
		control_on_none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_command_but_ping_is_recorded_by_its_name),
		TEST(the_result_has_the_id_of_what_was_begun),
		TEST(a_ping_needs_no_file),
		TEST(what_is_no_command_has_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
