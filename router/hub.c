/*
 * One step of the core and what follows from it.  The switch in carry_out() is the whole list of
 * what the router can do to the world.
 */
#include "router/hub.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/random.h"
#include "router/control.h"
#include "router/inbox.h"
#include "router/links.h"
#include "router/system.h"

#define ARENA_MAX_BYTES 8388608

static int make_core(struct hub *h)
{
	const struct router_config *config = h->config;
	struct core_config core = {
		.recipients = config->recipients,
		.watching = config->watching,
		.sessions_per_user = (size_t)config->sessions_per_user,
		.limit = config->session_policy,
		.is_durable = inbox_is_durable(h->inbox),
		.inbox_rows = (uint64_t)config->inbox_rows,
		.inbox_bytes = (uint64_t)config->inbox_bytes,
		.retention_ms = config->retention_ms,
		.random = random_u64(),
		.started_ms = h->started_ms,
		.after_restart = true, /* whether edges live from before is not known */
	};

	memcpy(core.epoch, inbox_epoch(h->inbox).data, sizeof(core.epoch));
	return core_new(&h->core, &core);
}

int hub_init(struct hub *h, const struct router_config *config, uv_loop_t *loop)
{
	int rc;

	*h = (struct hub){.config = config, .loop = loop, .started_ms = clock_boot_ms()};
	h->router_start = random_u64();
	leases_init(&h->leases);
	buf_init(&h->scratch, PUSH_MAX_BYTES);
	memory_open(&h->memory, (uint64_t)config->memory_limit);
	rc = inbox_open(&h->inbox, h);
	if (rc < 0)
		return rc;
	rc = make_core(h);
	if (rc == 0)
		rc = inbox_start(h->inbox);
	if (rc == 0)
		rc = arena_new(&h->arena, ARENA_MAX_BYTES);
	if (rc == 0)
		rc = tail_new(&h->tail);
	if (rc == 0)
		rc = why_new(&h->why);
	if (rc < 0)
		log_error("start", "error=\"%s\"", strerror(-rc));
	return rc;
}

static void take_note(struct hub *h, const struct core_command *c)
{
	struct tail_entry entry = {
		.at_ms = clock_wall_ms(),
		.kind = slice_of(c->note.kind),
		.user = c->note.user,
		.detail = c->note.detail,
	};

	tail_add(h->tail, &entry);
	if (entry.user.len > 0 && why_wants(entry.kind))
		why_add(h->why, entry.at_ms, entry.user, entry.kind, entry.detail);
	/* Users and details are of the core's own character sets. */
	log_debug(c->note.kind, "user=%.*s %.*s", SLICE_ARGS(c->note.user),
		SLICE_ARGS(c->note.detail));
}

static void carry_out(struct hub *h, const struct core_command *c)
{
	switch (c->kind) {
	case CORE_DO_OPENED:
		links_opened(h->links, c);
		break;
	case CORE_DO_OPEN_REFUSED:
		links_refuse_open(h->links, c->link, c->open_refused.nonce, c->open_refused.code);
		break;
	case CORE_DO_RESULT:
		links_result(h->links, c);
		break;
	case CORE_DO_DELIVER:
		links_deliver(h->links, c);
		break;
	case CORE_DO_SHUT:
		links_shut(h->links, c);
		break;
	case CORE_DO_SYSTEM:
		system_publish(h->system, c->system.number, &c->system.text);
		break;
	case CORE_DO_CTL_RESULT:
		control_result(h->control, c);
		break;
	case CORE_DO_VIOLATION:
		links_violation(h->links, c->link, c->violation.what);
		break;
	case CORE_DO_PAGE:
		links_page(h->links, c);
		break;
	case CORE_DO_RESET:
		links_stream_reset(h->links, c);
		break;
	case CORE_DO_APPEND:
		inbox_append(h->inbox, c);
		break;
	case CORE_DO_READ:
		inbox_read(h->inbox, c);
		break;
	case CORE_DO_USER:
		inbox_user(h->inbox, c);
		break;
	case CORE_DO_POSITION:
		inbox_position(h->inbox, c);
		break;
	case CORE_DO_CONTACT:
		inbox_contact(h->inbox, c);
		break;
	case CORE_DO_TRIM:
		inbox_trim(h->inbox, c);
		break;
	case CORE_DO_MARK:
		inbox_mark(h->inbox, c);
		break;
	case CORE_DO_NOTE:
		take_note(h, c);
		break;
	}
}

/* For a mid, where the sender gave none. */
static bool needs_randomness(const struct core_event *event)
{
	if (event->kind == CORE_SEND)
		return event->send.mid.len == 0;
	return (event->kind == CORE_PUSH || event->kind == CORE_CTL_PUSH) &&
	       event->push.mid.len == 0;
}

int hub_step(struct hub *h, struct core_event *event)
{
	struct core_commands commands;
	int rc;

	event->now_ms = clock_boot_ms();
	event->wall_ms = clock_wall_ms();
	if (needs_randomness(event))
		random_fill(event->random, sizeof(event->random));
	rc = core_step(h->core, event, &commands);
	if (rc < 0) {
		LOG_LIMITED(LOG_ERROR, "step_failed", "event=%d error=%d", (int)event->kind, -rc);
		return rc;
	}
	for (size_t i = 0; i < commands.n; i++)
		carry_out(h, &commands.list[i]);
	return 0;
}

void hub_note(struct hub *h, const char *kind, struct slice user, const char *detail, ...)
{
	char text[TAIL_DETAIL_BYTES];
	struct tail_entry entry = {.at_ms = clock_wall_ms(), .kind = slice_of(kind), .user = user};
	va_list args;

	va_start(args, detail);
	vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	entry.detail = slice_of(text);
	tail_add(h->tail, &entry);
	LOG_LIMITED(LOG_INFO, kind, "%s", text);
}

void hub_view(const struct hub *h, struct router_view *out)
{
	*out = (struct router_view){.uptime_ms = (uint64_t)(clock_boot_ms() - h->started_ms)};
	core_counts(h->core, &out->core);
	out->hands = h->counts;
	inbox_counts(h->inbox, &out->store);
	out->memory_used = h->memory.used;
	out->memory_limit = h->memory.limit;
	links_view(h->links, out);
}

unsigned hub_json(struct hub *h, struct slice in, size_t max_bytes, struct slice *out)
{
	CLEANUP(json_decrefp) json_t *value = NULL;

	if (in.len > max_bytes)
		return EX_TOO_LARGE;
	if (json_read(in, FRAME_MAX_DEPTH, &value) != JSON_READ)
		return EX_BAD_DATA;
	buf_clear(&h->scratch);
	json_write(&h->scratch, value);
	/* A number may grow when it is written anew: 0.1 is 0.10000000000000001. */
	if (h->scratch.failed || h->scratch.len > max_bytes)
		return EX_TOO_LARGE;
	*out = buf_slice(&h->scratch);
	return 0;
}
