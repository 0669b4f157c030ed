/*
 * Nothing is decided here but one thing: when the core has no memory for what the store reports, or
 * the store none for a page that somebody waits for, the two would be out of step for good.  Then
 * the process ends and begins anew from the disk.
 */
#include "router/inbox.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "proto/ticket_files.h"
#include "router/control.h"
#include "router/trust.h"

#define FILE_NAME "inbox.db"

struct inbox {
	struct hub *hub;
	struct store *store;
};

static void end_process(const char *event, const char *why)
{
	log_error(event, "reason=\"%s\"", why);
	_exit(EXIT_INTERNAL);
}

static void tell(struct inbox *ib, struct core_event *event)
{
	if (hub_step(ib->hub, event) < 0)
		end_process("store_event_lost", "out of memory");
}

static void on_stored(void *arg, uint64_t number)
{
	struct core_event event = {.kind = CORE_STORED};

	event.stored.number = number;
	tell(arg, &event);
}

static void on_failed(void *arg, uint64_t generation, const char *why)
{
	struct core_event event = {.kind = CORE_FAILED};

	LOG_LIMITED(
		LOG_ERROR, "store_full", "generation=%" PRIu64 " reason=\"%s\"", generation, why);
	event.failed.generation = generation;
	tell(arg, &event);
}

static void on_broken(void *arg, const char *why)
{
	(void)arg;
	end_process("store_broken", why);
}

static void on_page(void *arg, const struct store_page *page)
{
	struct core_event event = {.kind = CORE_ROWS};

	event.rows.session = page->tag;
	event.rows.stream = page->uid.len == 0 ? CORE_STREAM_SYSTEM : CORE_STREAM_USER;
	event.rows.after = page->after;
	event.rows.floor = page->floor;
	event.rows.rows = page->rows;
	event.rows.n = page->n;
	tell(arg, &event);
}

static void on_acked(void *arg, struct slice uid, const struct message_place *place)
{
	struct core_event event = {.kind = CORE_ACKED};

	event.acked.uid = uid;
	event.acked.place = *place;
	tell(arg, &event);
}

static void on_marked(void *arg, uint64_t tag, bool is_durable)
{
	struct inbox *ib = arg;

	trust_marked(ib->hub->trust, tag, is_durable);
}

static void on_old(void *arg, struct slice uid, uint64_t seq, int64_t ts_ms)
{
	struct core_event event = {.kind = CORE_OLD};

	event.old.uid = uid;
	event.old.seq = seq;
	event.old.ts_ms = ts_ms;
	tell(arg, &event);
}

static void on_backup(void *arg, const char *path, const char *why)
{
	struct inbox *ib = arg;

	control_backup_done(ib->hub->control, path, why);
}

static const struct store_events store_events = {
	.on_stored = on_stored,
	.on_failed = on_failed,
	.on_broken = on_broken,
	.on_page = on_page,
	.on_marked = on_marked,
	.on_acked = on_acked,
	.on_old = on_old,
	.on_backup = on_backup,
};

/* What the store kept, as the core wants it. */
static int on_stored_user(void *arg, const struct store_user *u)
{
	const struct inbox *ib = arg;
	const struct core_stored_user user = {
		.uid = u->uid,
		.head = u->head,
		.acked = u->acked,
		.acked_system = u->acked_system,
		.floor = u->floor,
	};

	return core_load_user(ib->hub->core, &user);
}

static int on_stored_device(void *arg, const struct store_device *d)
{
	const struct inbox *ib = arg;
	const struct core_stored_device device = {
		.uid = d->uid,
		.device = d->device,
		.u = d->u,
		.s = d->s,
		.seen_ms = d->seen_ms,
	};

	return core_load_device(ib->hub->core, &device);
}

static int on_stored_contact(void *arg, const struct store_contact *c)
{
	const struct inbox *ib = arg;

	return core_load_contact(ib->hub->core, c->a, c->b, c->last_ms);
}

static int on_stored_mark(void *arg, const struct mark *mark)
{
	const struct inbox *ib = arg;

	return core_load_mark(ib->hub->core, mark);
}

static int on_void(void *arg, int64_t until_ms)
{
	struct inbox *ib = arg;

	ib->hub->void_until_ms = until_ms;
	if (inbox_is_durable(ib))
		log_warn("marks_lost",
			"note=\"what was revoked is not known: all tickets are void\"");
	return 0;
}

static int on_recent(void *arg, const struct message *m)
{
	const struct inbox *ib = arg;

	return core_load_recent(ib->hub->core, m);
}

static const struct store_visitor visitor = {
	.on_user = on_stored_user,
	.on_device = on_stored_device,
	.on_contact = on_stored_contact,
	.on_mark = on_stored_mark,
	.on_void = on_void,
	.on_recent = on_recent,
};

/* The kernel's boot id as a number: its first 16 hex digits, which are random. */
static int boot_number(uint64_t *out)
{
	char id[40] = "";
	int rc = boot_id_read(id);

	*out = 0;
	for (size_t i = 0, n = 0; rc == 0 && n < 16 && id[i] != '\0'; i++) {
		const char *digits = "0123456789abcdef";
		const char *digit = strchr(digits, id[i]);

		if (digit == NULL)
			continue;
		*out = *out << 4 | (uint64_t)(digit - digits);
		n++;
	}
	return rc;
}

static int open_store(struct inbox *ib, const char *url)
{
	const struct router_config *config = ib->hub->config;
	struct store_config store = {
		.url = url,
		.accept_loss = config->accept_loss,
		.on_tmpfs = config->store_on_tmpfs,
		.keep_acked_ms = config->keep_acked_ms,
		.boot_ms = clock_boot_ms(),
	};
	char why[STORE_WHY_BYTES] = "";
	int rc = boot_number(&store.boot);

	if (rc < 0) {
		log_error("boot_id", "error=\"%s\"", strerror(-rc));
		return rc;
	}
	switch (store_open(&ib->store, &store, why)) {
	case STORE_OPENED:
		if (!store_is_durable(ib->store))
			log_warn("store", "kind=memory note=\"nothing is kept: neither messages "
					  "nor what is revoked\"");
		return 0;
	case STORE_OPEN_FAILED:
		log_error("store_failed", "store=%s reason=\"%s\"", url, why);
		return -EAGAIN; /* another start may find it better */
	case STORE_OPEN_REFUSED:
		log_error("store_refused", "store=%s reason=\"%s\"", url, why);
		return -EPERM;
	}
	return -EPERM;
}

int inbox_open(struct inbox **out, struct hub *hub)
{
	const struct router_config *config = hub->config;
	struct inbox *ib = calloc(1, sizeof(*ib));
	char url[PATH_MAX];
	int rc;

	if (ib == NULL)
		return -ENOMEM;
	ib->hub = hub;
	if (config->store != NULL && config->store[0] != '\0')
		rc = snprintf(url, sizeof(url), "%s", config->store);
	else
		rc = snprintf(url, sizeof(url), "sqlite:%s/" FILE_NAME, config->daemon.state);
	if (rc >= (int)sizeof(url)) {
		log_error("store_refused", "reason=\"its path is too long\"");
		free(ib);
		return -ENAMETOOLONG;
	}
	*out = ib;
	return open_store(ib, url);
}

bool inbox_is_durable(const struct inbox *ib)
{
	return store_is_durable(ib->store);
}

struct slice inbox_epoch(const struct inbox *ib)
{
	return store_epoch(ib->store);
}

int inbox_start(struct inbox *ib)
{
	int64_t began = clock_boot_ms();
	struct core_counts counts;
	int rc = store_load(ib->store, &visitor, clock_wall_ms(), ib);

	if (rc < 0)
		return rc;
	core_counts(ib->hub->core, &counts);
	log_info("inbox", "users=%" PRIu64 " unacked=%" PRIu64 " mids=%" PRIu64 " ms=%" PRId64,
		counts.users_known, counts.unacked_rows, counts.mids, clock_boot_ms() - began);
	return store_start(ib->store, ib->hub->loop, &store_events, ib);
}

static void not_submitted(const char *what)
{
	LOG_LIMITED(LOG_ERROR, "not_submitted", "what=%s error=memory", what);
}

/* One that is not taken fails its generation, as a full disk does: on_failed() comes. */
void inbox_append(struct inbox *ib, const struct core_command *c)
{
	if (store_append(ib->store, c->append.number, c->append.generation, c->append.message) < 0)
		not_submitted("message");
}

void inbox_read(struct inbox *ib, const struct core_command *c)
{
	const struct store_read read = {
		.tag = c->read.session,
		.uid = c->read.uid,
		.after = c->read.after,
		.max_rows = SYNC_PAGE_ROWS,
		.max_bytes = SYNC_PAGE_BYTES,
	};

	/* Its session would wait for ever. */
	if (store_read(ib->store, &read) < 0)
		end_process("store_read_lost", "out of memory");
}

void inbox_user(struct inbox *ib, const struct core_command *c)
{
	if (store_user(ib->store, c->user.uid, c->user.acked_system) < 0)
		not_submitted("user");
}

/* A later one says the same and more. */
void inbox_position(struct inbox *ib, const struct core_command *c)
{
	const struct store_device d = {
		.uid = c->position.uid,
		.device = c->position.device,
		.u = c->position.u,
		.s = c->position.s,
		.seen_ms = c->position.seen_ms,
	};

	if (store_position(ib->store, &d) < 0)
		not_submitted("position");
}

void inbox_contact(struct inbox *ib, const struct core_command *c)
{
	const struct store_contact contact = {
		.a = c->contact.a,
		.b = c->contact.b,
		.last_ms = c->contact.last_ms,
	};

	if (store_contact(ib->store, &contact) < 0)
		not_submitted("contact");
}

void inbox_mark(struct inbox *ib, const struct core_command *c)
{
	struct trust *trust = ib->hub->trust;

	if (c->mark.tag != 0)
		trust_marking(trust, c->mark.tag);
	if (store_mark(ib->store, &c->mark.mark, c->mark.tag) == 0)
		return;
	not_submitted("mark");
	if (c->mark.tag != 0)
		trust_marked(trust, c->mark.tag, false);
}

/* It is offered again. */
void inbox_trim(struct inbox *ib, const struct core_command *c)
{
	if (store_trim(ib->store, c->trim.uid, c->trim.seq) < 0)
		not_submitted("trim");
}

int inbox_backup(struct inbox *ib)
{
	return store_backup(ib->store);
}

bool inbox_is_idle(const struct inbox *ib)
{
	return store_is_idle(ib->store);
}

void inbox_stop(struct inbox *ib)
{
	store_stop(ib->store);
}

void inbox_counts(const struct inbox *ib, struct store_counts *out)
{
	store_counts(ib->store, out);
}
