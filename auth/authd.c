/*
 * authd: builds the daemon's parts and owns the loop.  What is read from disk is read before the
 * first socket; after that only the key files are read again, on SIGHUP, and a reload that fails
 * changes nothing.
 */
#include "auth/authd.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "auth/authd_parts.h"
#include "auth/ownkey.h"
#include "auth/rotation.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/limits.h"
#include "proto/ticket_files.h"

/* Logins (at most 33 at a time) and logouts (at most 32) hold one each until they are answered. */
#define EDGE_CONTEXTS 128
#define CTL_CONTEXTS 16	 /* what waits for the router holds one, and others are served */
#define PRUNE_MS 3600000 /* and not at the start, when the clock may be wrong */
#define ARENA_MAX_BYTES (4 * 1024 * 1024)

static int failed(const char *what, const char *path, int error)
{
	char quoted[160];

	log_error("start_failed", "what=%s path=%s error=\"%s\"", what,
		log_quote(quoted, sizeof(quoted), slice_of(path)), strerror(-error));
	return error;
}

static void keys_complain(const struct key_error *e)
{
	char quoted[sizeof(e->text) + 8];

	log_error("keys_refused", "error=%s", log_quote(quoted, sizeof(quoted), slice_of(e->text)));
}

static char *path_join(const char *dir, const char *name)
{
	char *path = NULL;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

static int dir_make(const char *path, mode_t mode)
{
	return mkdir(path, mode) < 0 && errno != EEXIST ? -errno : 0;
}

static int keys_load(const struct auth_config *cfg, struct keyring **out)
{
	CLEANUP(mem_freep) char *dir = path_join(cfg->daemon.state, "keys");
	struct key_error e;
	int r;

	if (dir == NULL)
		return -ENOMEM;
	r = keyring_load(out, dir, cfg->shared_users, &e);
	if (r < 0)
		keys_complain(&e);
	else
		log_info("keys_loaded", "count=%zu", keyring_count(*out));
	return r;
}

static int keys_make(const struct auth_config *cfg)
{
	CLEANUP(mem_freep) char *dir = path_join(cfg->daemon.state, "keys");
	struct key_error e;
	int r;

	if (dir == NULL)
		return -ENOMEM;
	r = keyring_make_own(dir, &e);
	if (r > 0)
		log_info("key_made", "file=own.conf");
	/* No key's time is over yet: at a start the clock may be wrong. */
	if (r >= 0)
		r = ownkey_tidy(dir, 0, &e);
	if (r < 0)
		keys_complain(&e);
	return r;
}

int authd_check(const struct auth_config *cfg)
{
	CLEANUP(mem_freep) char *dir = path_join(cfg->daemon.state, "keys");
	CLEANUP(keyring_freep) struct keyring *ring = NULL;

	if (dir == NULL)
		return -ENOMEM;
	if (access(dir, F_OK) < 0 && errno == ENOENT)
		return 0; /* the first start will make it */
	return keys_load(cfg, &ring);
}

static int ticket_open(struct authd *a)
{
	CLEANUP(mem_freep) char *dir = path_join(a->cfg->daemon.state, "ticket");
	int r;

	if (dir == NULL)
		return -ENOMEM;
	r = dir_make(dir, 0750);
	if (r == 0)
		r = ticket_files_adopt(dir);
	if (r == 0)
		r = ticket_keys_load(&a->ticket_keys, dir);
	return r < 0 ? failed("ticket_key", dir, r) : 0;
}

static int db_start(struct authd *a)
{
	CLEANUP(mem_freep) char *path = path_join(a->cfg->daemon.state, "auth.db");
	char boot_id[40];
	int r;

	if (path == NULL)
		return -ENOMEM;
	r = boot_id_read(boot_id);
	if (r == 0)
		r = db_open(&a->db, path);
	if (r == 0)
		r = facts_new(&a->facts, a->db, slice_of(boot_id));
	if (r == 0)
		r = revocations_new(&a->revocations, a->db, a->facts, REVOCATIONS_MAX);
	if (r == 0)
		r = users_new(&a->users, a->db, a->facts);
	if (r == 0)
		r = users_set_demo(a->users, a->cfg->demo);
	if (r < 0)
		return failed("users", path, r);
	if (a->cfg->demo)
		log_warn("demo", "users=jim,john password=known");
	return 0;
}

/* Edges are served without it; operators are refused. */
static void audit_start(struct authd *a)
{
	int r = control_audit_open(a);

	if (r < 0)
		log_error("audit_unwritable",
			"file=audit.log error=\"%s\" hint=\"authctl is refused until it can be "
			"written\"",
			strerror(-r));
}

static int state_open(struct authd *a)
{
	int r = dir_make(a->cfg->daemon.state, 0755);

	if (r < 0)
		return failed("state", a->cfg->daemon.state, r);
	r = keys_make(a->cfg);
	if (r >= 0)
		r = keys_load(a->cfg, &a->ring);
	if (r == 0)
		r = ticket_open(a);
	if (r == 0)
		r = db_start(a);
	if (r == 0)
		audit_start(a);
	if (r == 0 && keyring_own(a->ring) == NULL)
		log_warn("no_own_key", "hint=\"logins and authctl token need keys/own.conf\"");
	return r;
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
	struct authd *a = handle->data;

	(void)number;
	uv_stop(&a->loop);
}

int authd_reload_keys(struct authd *a)
{
	struct keyring *ring = NULL;
	int r = keys_load(a->cfg, &ring);

	if (r < 0) {
		log_warn("keys_kept", "count=%zu", keyring_count(a->ring));
		return r;
	}
	keyring_free(a->ring);
	a->ring = ring;
	return 0;
}

static void on_hup(uv_signal_t *handle, int number)
{
	struct authd *a = handle->data;
	int r = a->audit == NULL ? control_audit_open(a) : audit_reopen(a->audit);

	(void)number;
	if (r < 0)
		log_error("audit_kept", "file=audit.log error=\"%s\"", strerror(-r));
	(void)authd_reload_keys(a);
}

static int signals_start(struct authd *a)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

	for (int i = 0; i < 3; i++) {
		int r = uv_signal_init(&a->loop, &a->signals[i]);

		if (r < 0)
			return r;
		a->signals[i].data = a;
		r = uv_signal_start(
			&a->signals[i], numbers[i] == SIGHUP ? on_hup : on_stop_signal, numbers[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static void on_prune(uv_timer_t *timer)
{
	struct authd *a = timer->data;
	int r = revocations_prune(a->revocations, clock_wall_ms());

	if (r < 0)
		log_error("revocations_not_pruned", "error=%d", -r);
}

static int prune_start(struct authd *a)
{
	int r = uv_timer_init(&a->loop, &a->prune);

	a->prune.data = a;
	return r < 0 ? r : uv_timer_start(&a->prune, on_prune, PRUNE_MS, PRUNE_MS);
}

int authd_new(struct authd **out, const struct auth_config *cfg)
{
	struct authd *a = calloc(1, sizeof(*a));
	int r;

	if (a == NULL)
		return -ENOMEM;
	a->cfg = cfg;
	*out = a; /* lives until _exit(), whatever comes */
	a->epoch = random_u64();
	r = state_open(a);
	if (r < 0)
		return r;
	r = uv_loop_init(&a->loop);
	if (r == 0)
		r = signals_start(a);
	if (r == 0)
		r = prune_start(a);
	if (r == 0)
		r = arena_new(&a->arena, ARENA_MAX_BYTES);
	if (r == 0)
		r = peers_new(&a->peers, a->ticket_keys, cfg->asks_per_s);
	if (r == 0)
		r = login_desk_new(&a->login, &a->loop, a->users);
	if (r == 0)
		r = onetime_new(&a->onetime);
	return r < 0 ? failed("parts", "-", r) : 0;
}

static int listen_on(struct authd *a, const char *subdir, const char *name,
	const struct bus_options *options, struct bus_socket **out)
{
	CLEANUP(mem_freep) char *dir = path_join(a->cfg->daemon.run, subdir);
	CLEANUP(mem_freep) char *path = dir == NULL ? NULL : path_join(dir, name);
	int r;

	if (path == NULL)
		return -ENOMEM;
	r = dir_make(a->cfg->daemon.run, 0755);
	if (r == 0)
		r = dir_make(dir, 0755);
	if (r == 0)
		r = bus_listen(a->bus, path, options, out);
	return r < 0 ? failed("listen", path, r) : 0;
}

static int edge_listen(struct authd *a)
{
	struct bus_options options = {
		.pattern = BUS_REP,
		.max_message = AUTH_REQUEST_MAX_BYTES,
		.contexts = EDGE_CONTEXTS,
		.uids = a->cfg->edges.list,
		.n_uids = a->cfg->edges.n,
		.mode = 0666,
		.arg = a,
		.on_request = on_edge_request,
		.on_down = on_edge_down,
	};

	return listen_on(a, "auth", "auth.sock", &options, &a->edge_socket);
}

static int ctl_listen(struct authd *a)
{
	struct bus_options options = {
		.pattern = BUS_REP,
		.max_message = CTL_REQUEST_MAX_BYTES,
		.contexts = CTL_CONTEXTS,
		.uids = a->cfg->ctls.list,
		.n_uids = a->cfg->ctls.n,
		.mode = 0666,
		.arg = a,
		.on_request = on_ctl_request,
	};

	return listen_on(a, "ctl", "authctl.sock", &options, &a->ctl_socket);
}

int authd_listen(struct authd *a)
{
	const char *trust_path = a->cfg->router_trust;
	int r = bus_new(&a->bus, &a->loop);

	if (r < 0)
		return failed("bus", "-", r);
	r = edge_listen(a);
	if (r == 0)
		r = ctl_listen(a);
	if (r < 0)
		return r;
	r = trust_new(&a->trust, &a->loop, a->bus, trust_path, a->facts);
	if (r == 0)
		r = rotation_start(a);
	return r < 0 ? failed("dial", trust_path, r) : 0;
}

void authd_run(struct authd *a)
{
	const struct authd_counts *n = &a->counts;

	log_info("ready", "keys=%zu revocations=%zu demo=%s", keyring_count(a->ring),
		revocations_count(a->revocations), a->cfg->demo ? "on" : "off");
	(void)uv_run(&a->loop, UV_RUN_DEFAULT);
	log_info("stopped",
		"granted=%" PRIu64 " denied=%" PRIu64 " busy=%" PRIu64 " renewed=%" PRIu64
		" logins=%" PRIu64 " refreshed=%" PRIu64 " one_time=%" PRIu64
		" revocations=%" PRIu64 " violations=%" PRIu64,
		n->granted, n->denied, n->busy, n->renewed, n->logins, n->refreshed, n->one_time,
		n->revocations, n->violations);
	keyring_free(a->ring);
	ticket_keys_free(a->ticket_keys);
	users_free(a->users);
	revocations_free(a->revocations);
	facts_free(a->facts);
	db_close(a->db);
}
