/* Auth itself: see auth_rig.h.  Hashes of passwords are played. */
#include "tests/fuzz/auth_rig.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/base64url.h"
#include "auth/hash.h"
#include "auth/keyfile.h"
#include "auth/rotation.h"
#include "auth/token.h"
#include "common/json.h"
#include "common/random.h"

#define DB_MAX_BYTES 262144

char *tokens[TOKENS];
char jtis[TOKENS][64];
const char *const users[TOKENS] = {"ann", "bob", "ann", "cid", "shop:1"};
struct authd authd;
unsigned char credentials[EDGES][CREDENTIAL_BYTES];
bool is_used;

static char dir[64];
static char fresh_db[DB_MAX_BYTES];
static size_t fresh_db_len;

static struct bus_options edge_options = {
	.pattern = BUS_REP, .max_message = AUTH_REQUEST_MAX_BYTES};
static struct bus_options ctl_options = {.pattern = BUS_REP, .max_message = CTL_REQUEST_MAX_BYTES};

/* A password's hash is the password behind a mark. */
int hash_make(struct slice password, char out[HASH_MAX_BYTES])
{
	if (password.len == 0 || password.len > PASSWORD_MAX_BYTES)
		return -EINVAL;
	snprintf(out, HASH_MAX_BYTES, "$y$%.*s", SLICE_ARGS(password));
	return 0;
}

bool hash_is_ours(struct slice hash)
{
	return hash.len > 3 && memcmp(hash.data, "$y$", 3) == 0 &&
	       memchr(hash.data, '\0', hash.len) == NULL;
}

bool hash_fits(const char *hash, struct slice password)
{
	return slice_is(password, hash + 3);
}

/* The change of keys has a target of its own. */
int rotation_ticket(struct authd *a)
{
	(void)a;
	return -EBUSY;
}

int rotation_own(struct authd *a, struct key_error *e)
{
	(void)a;
	return key_error_set(e, "not here");
}

size_t rotation_list(const struct authd *a, struct ticketring_line out[TICKET_KEYS_MAX])
{
	(void)a;
	out[0] = (struct ticketring_line){.id = 1, .is_minting = true};
	return 1;
}

/* The router answers at the end of a script, or not in time. */
static struct trust_wait *told;

void trust_wait_for(struct trust *t, struct trust_wait *w, uint64_t number)
{
	(void)t;
	(void)number;
	w->next = told;
	told = w;
}

void trust_tell(struct trust *t)
{
	(void)t;
}

void router_answers(bool in_force)
{
	while (told != NULL) {
		struct trust_wait *w = told;

		told = w->next;
		w->done(w, in_force);
	}
}

bool router_is_awaited(void)
{
	return told != NULL;
}

static void path_of(char out[128], const char *name)
{
	snprintf(out, 128, "%s/%s", dir, name);
}

static void remove_dir(void)
{
	static const char *const names[] = {
		"own.conf", "own.secret", "shop.conf", "shop.secret", "auth.db", "audit.log"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(path, names[i]);
		(void)unlink(path);
	}
	(void)rmdir(dir);
}

/* Each line of the record is JSON, and nobody's secret is in it. */
static void audit_check(void)
{
	char path[128], line[AUDIT_LINE_MAX + 1];
	FILE *f;

	path_of(path, "audit.log");
	f = fopen(path, "re");
	assert(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		CLEANUP(json_decrefp) json_t *json = NULL;
		size_t len = strlen(line);

		assert(len > 1 && line[len - 1] == '\n');
		assert(json_read((struct slice){line, len - 1}, 4, &json) == JSON_READ);
		assert(json_text(json, "command").len > 0 && json_text(json, "result").len > 0);
		for (size_t i = 0; i < TOKENS; i++)
			assert(strstr(line, tokens[i]) == NULL);
	}
	fclose(f);
	assert(truncate(path, 0) == 0);
}

static void parts_begin(void)
{
	static const unsigned char secret[TICKET_KEY_BYTES] = "the key of this target";
	char path[128];

	path_of(path, "auth.db");
	assert(db_open(&authd.db, path) == 0);
	assert(facts_new(&authd.facts, authd.db, SLICE_LITERAL("boot")) == 0);
	assert(revocations_new(&authd.revocations, authd.db, authd.facts, REVOCATIONS_MAX) == 0);
	assert(users_new(&authd.users, authd.db, authd.facts) == 0 &&
		users_set_demo(authd.users, true) == 0);
	assert(ticket_keys_new(&authd.ticket_keys, SLICE_LITERAL("boot")) == 0);
	assert(ticket_keys_add(authd.ticket_keys, 1, secret) == 0);
	assert(peers_new(&authd.peers, authd.ticket_keys, 200) == 0 &&
		onetime_new(&authd.onetime) == 0);
	assert(login_desk_new(&authd.login, &authd.loop, authd.users) == 0);
	for (uint32_t i = 0; i < EDGES; i++)
		credential_mint(authd.ticket_keys, 3 + i, 9, credentials[i]);
}

static void parts_end(void)
{
	login_desk_close(authd.login);
	(void)uv_run(&authd.loop, UV_RUN_DEFAULT);
	onetime_free(authd.onetime);
	peers_free(authd.peers);
	ticket_keys_free(authd.ticket_keys);
	users_free(authd.users);
	revocations_free(authd.revocations);
	facts_free(authd.facts);
	db_close(authd.db);
}

static void db_keep(void)
{
	char path[128];
	FILE *f;

	path_of(path, "auth.db");
	f = fopen(path, "re");
	assert(f != NULL);
	fresh_db_len = fread(fresh_db, 1, sizeof(fresh_db), f);
	assert(fresh_db_len > 0 && fresh_db_len < sizeof(fresh_db));
	fclose(f);
}

static void db_put_back(void)
{
	char path[128];
	FILE *f;

	path_of(path, "auth.db");
	f = fopen(path, "we");
	assert(f != NULL && fwrite(fresh_db, 1, fresh_db_len, f) == fresh_db_len);
	fclose(f);
}

static void jti_keep(int which)
{
	unsigned char text[BASE64URL_DECODED_MAX(TOKEN_MAX_BYTES)];
	const char *from = strchr(tokens[which], '.') + 1;
	CLEANUP(json_decrefp) json_t *claims = NULL;
	struct slice jti;
	size_t len;

	assert(base64url_decode(
		(struct slice){from, strcspn(from, ".")}, text, sizeof(text), &len));
	assert(json_read((struct slice){(const char *)text, len}, 4, &claims) == JSON_READ);
	jti = json_text(claims, "jti");
	assert(jti.len > 0 && jti.len < sizeof(jtis[which]));
	memcpy(jtis[which], jti.data, jti.len);
}

static void token_add(int which, int64_t age_s, const char *scope)
{
	struct token_order order = {
		.sub = slice_of(users[which]),
		.scope = slice_of(scope),
		.iat_s = WORLD_WALL_MS / 1000 - age_s,
		.ttl_s = 3600,
	};
	const struct key *key = keyring_own(authd.ring);

	order.jti[0] = random_u64();
	if (which == OF_LOGIN)
		order.auth_time_s = order.iat_s;
	if (which == FOREIGN)
		key = keyring_by_kid(authd.ring, SLICE_LITERAL("shop"));
	assert(token_make(&tokens[which], key, &order) == 0);
	jti_keep(which);
}

static void keys_make(void)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct key_error e;

	assert(fd >= 0 && keyring_make_own(dir, &e) == 1);
	assert(keyfile_write(
		       fd, "shop.secret", SLICE_LITERAL("0123456789abcdef0123456789abcdef")) == 0 &&
		keyfile_write(fd, "shop.conf",
			SLICE_LITERAL("alg = HS256\nfile = shop.secret\nkid = shop\n"
				      "iss = https://shop.example\nusers = shop:\n")) == 0);
	assert(keyring_load(&authd.ring, dir, true, &e) == 0);
	close(fd);
}

void auth_begin(void)
{
	char path[128];

	snprintf(dir, sizeof(dir), "%s/postern-fuzz-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	world_reset();
	assert(mkdtemp(dir) != NULL && atexit(remove_dir) == 0);
	keys_make();
	authd.epoch = 5;
	assert(uv_loop_init(&authd.loop) == 0 && arena_new(&authd.arena, 1 << 22) == 0);
	path_of(path, "audit.log");
	assert(audit_open(&authd.audit, path, "auth") == 0);
	edge_options.arg = ctl_options.arg = &authd;
	edge_options.on_request = on_edge_request;
	edge_options.on_down = on_edge_down;
	ctl_options.on_request = on_ctl_request;
	assert(bus_listen(NULL, "auth.sock", &edge_options, &authd.edge_socket) == 0);
	assert(bus_listen(NULL, "authctl.sock", &ctl_options, &authd.ctl_socket) == 0);
	world_keep();
	token_add(MAY_PUSH, 0, "push");
	token_add(OF_LOGIN, 10, NULL);
	token_add(EXPIRED, 7200, NULL);
	token_add(READ_ONLY, 0, "read-only");
	token_add(FOREIGN, 0, "push");
	parts_begin();
	db_keep();
}

void auth_begin_again(void)
{
	audit_check();
	parts_end();
	db_put_back();
	parts_begin();
}
