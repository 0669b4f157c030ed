/*
 * One step of the core and what follows from it.  The switch in carry_out() is the whole list of
 * what the router can do to the world.
 */
#include "router/hub.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "common/random.h"
#include "router/links.h"
#include "router/system.h"

#define ARENA_MAX_BYTES 8388608

int hub_init(struct hub *h, const struct router_config *config, uv_loop_t *loop)
{
	struct core_config core = {
		.recipients = config->recipients,
		.sessions_per_user = (size_t)config->sessions_per_user,
		.epoch_random = random_u64(),
		.started_ms = clock_boot_ms(),
		.after_restart = true, /* whether edges live from before is not known */
	};
	int rc;

	*h = (struct hub){.config = config, .loop = loop, .started_ms = core.started_ms};
	h->router_start = random_u64();
	leases_init(&h->leases);
	buf_init(&h->scratch, PUSH_MAX_BYTES);
	rc = core_new(&h->core, &core);
	if (rc == 0)
		rc = arena_new(&h->arena, ARENA_MAX_BYTES);
	if (rc == 0)
		rc = tail_new(&h->tail);
	return rc;
}

static void answer_with(const struct core_command *c, struct hub_answer *answer)
{
	if (answer == NULL)
		return;
	answer->delivered = c->result.delivered;
	answer->devices = c->result.devices;
	answer->seq = c->result.seq;
	answer->code = c->result.code;
	answer->field = c->result.field;
	answer->mid_len = 0;
	if (c->result.mid.len > 0 && c->result.mid.len <= sizeof(answer->mid)) {
		memcpy(answer->mid, c->result.mid.data, c->result.mid.len);
		answer->mid_len = c->result.mid.len;
	}
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
	/* Users and details are of the core's own character sets. */
	log_debug(c->note.kind, "user=%.*s %.*s", SLICE_ARGS(c->note.user),
		SLICE_ARGS(c->note.detail));
}

static void carry_out(struct hub *h, const struct core_command *c, struct hub_answer *answer)
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
		answer_with(c, answer);
		break;
	case CORE_DO_VIOLATION:
		links_violation(h->links, c->link, c->violation.what);
		break;
	case CORE_DO_NOTE:
		take_note(h, c);
		break;
	}
}

static bool needs_randomness(enum core_event_kind kind)
{
	return kind == CORE_SEND || kind == CORE_PUSH || kind == CORE_CTL_PUSH;
}

int hub_step(struct hub *h, struct core_event *event, struct hub_answer *answer)
{
	struct core_commands commands;
	int rc;

	event->now_ms = clock_boot_ms();
	event->wall_ms = clock_wall_ms();
	if (needs_randomness(event->kind))
		random_fill(event->random, sizeof(event->random));
	rc = core_step(h->core, event, &commands);
	if (rc < 0) {
		LOG_LIMITED(LOG_ERROR, "step_failed", "event=%d error=%d", (int)event->kind, -rc);
		return rc;
	}
	for (size_t i = 0; i < commands.n; i++)
		carry_out(h, &commands.list[i], answer);
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
