/* A router from nothing and back: see router_rig.h. */
#include "tests/fuzz/router_rig.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/json.h"

struct hub hub;
struct router_config config;

static const unsigned char secret[TICKET_KEY_BYTES] = "the key of this target";
static uv_loop_t loop;
static char dir[64]; /* for audit.log */

static void path_of(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", dir, name);
}

static void remove_dir(void)
{
	char path[128];

	path_of(path, "audit.log");
	(void)unlink(path);
	(void)rmdir(dir);
}

void router_check_record(void)
{
	char path[128], line[AUDIT_LINE_MAX + 1];
	FILE *f;

	path_of(path, "audit.log");
	f = fopen(path, "re");
	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		CLEANUP(json_decrefp) json_t *json = NULL;
		size_t len = strlen(line);

		assert(len > 1 && line[len - 1] == '\n');
		assert(json_read((struct slice){line, len - 1}, 4, &json) == JSON_READ);
		assert(json_text(json, "command").len > 0 && json_text(json, "result").len > 0);
	}
	fclose(f);
	assert(truncate(path, 0) == 0);
}

void router_init(void)
{
	static char run[] = "/run", store[] = "memory";

	snprintf(dir, sizeof(dir), "%s/postern-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
	config = (struct router_config){
		.daemon = {.run = run, .state = dir},
		.store = store,
		.watching = CORE_WATCH_ANY,
		.inbox_rows = 20,
		.inbox_bytes = 65536,
		.retention_ms = 86400000,
		.keep_acked_ms = 86400000,
		.memory_limit = INT64_C(1) << 50,
		.sessions_per_user = 3,
	};
	config.edges.n = config.auths.n = config.ctls.n = 1;
	memcpy(config.run_path, run, sizeof(run));
	assert(uv_loop_init(&loop) == 0);
	world_reset();
	assert(hub_init(&hub, &config, &loop) == 0 && system_new(&hub.system, &hub) == 0);
	world_keep(); /* its memory cannot be freed, so it stays */
}

void router_settle(void)
{
	while (!inbox_is_idle(hub.inbox))
		uv_run(&loop, UV_RUN_ONCE);
	links_turn(hub.links);
	system_turn(hub.system);
	control_turn(hub.control);
}

void router_end(void)
{
	while (!inbox_is_idle(hub.inbox))
		uv_run(&loop, UV_RUN_ONCE);
	inbox_stop(hub.inbox);
	uv_run(&loop, UV_RUN_DEFAULT);
	free(hub.inbox);
	core_free(hub.core);
	arena_free(hub.arena);
	buf_fini(&hub.scratch);
	ticket_keys_free(hub.keys);
	tail_free(hub.tail);
	why_free(hub.why);
	if (hub.memory.statm >= 0)
		close(hub.memory.statm);
	if (hub.links != NULL) {
		for (size_t i = 0; i < MAX_EDGES; i++)
			link_fini(&hub.links->links[i].link);
	}
	free(hub.links);
	free(hub.hello);
	free(hub.trust);
	if (hub.control != NULL) {
		arena_free(hub.control->arena);
		audit_close(hub.control->audit);
	}
	free(hub.control);
}

void router_begin(void)
{
	const struct core_text nothing = {{"", 0}, 0, 0};
	struct system_feed *system = hub.system;

	assert(hub_init(&hub, &config, &loop) == 0);
	world_ms++; /* to a store in memory, tickets from before its start are void */
	hub.system = system;
	system_publish(system, 0, &nothing); /* its numbers begin anew */
	system_turn(system);
	world_sent_done(world_socket("system.sock"), true);
	assert(ticket_keys_new(&hub.keys, SLICE_LITERAL("boot")) == 0 &&
		ticket_keys_add(hub.keys, 1, secret) == 0);
	assert(hello_new(&hub.hello, &hub) == 0 && links_new(&hub.links, &hub) == 0);
	assert(trust_new(&hub.trust, &hub) == 0 && control_new(&hub.control, &hub) == 0);
}

void router_tick(int64_t ms)
{
	struct core_event event = {.kind = CORE_TICK};

	world_ms += ms;
	hub_step(&hub, &event);
	links_tick(hub.links, world_ms);
	hello_tick(hub.hello, world_ms);
	control_tick(hub.control, world_ms);
}
