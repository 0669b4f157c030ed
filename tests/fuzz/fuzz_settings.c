/*
 * Settings of the three daemons, as flags, in the environment and as a file.  Whatever they are, a
 * start that is allowed has every value within its bounds, and one that is not is refused with
 * exactly one line of plain text.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "auth/config.h"
#include "edge/config.h"
#include "router/config.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARGS_MAX 24

/* What the first byte says of the file, beside whose it is. */
enum file_kind { FILE_AS_IT_IS, FILE_NONE, FILE_MISSING, FILE_DIRECTORY, FILE_TOO_LONG };

struct arguments {
	int n;
	char *list[ARGS_MAX + 1];
};

static void add(struct arguments *args, const char *text, size_t len)
{
	assert(args->n < ARGS_MAX);
	args->list[args->n] = strndup(text, len);
	assert(args->list[args->n] != NULL);
	args->n++;
}

static void arguments_free(struct arguments *args)
{
	for (int i = 0; i < args->n; i++)
		free(args->list[i]);
}

/* A file that has no name, but can be opened by one. */
static int file_of(struct slice text, bool is_long, char path[64])
{
	int fd = memfd_create("settings", MFD_CLOEXEC);

	assert(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
	if (is_long)
		assert(ftruncate(fd, 70000) == 0);
	snprintf(path, 64, "/proc/self/fd/%d", fd);
	return fd;
}

static void check_edge(const struct edge_config *c)
{
	assert(c->max_connections >= 1 && c->msgs_per_second >= 1 && c->msgs_burst >= 1);
	assert(c->pending_bytes >= 16384 && c->interval_ms >= 100 && c->grace_ms >= 100);
	assert(c->head_timeout_ms >= 100 && c->upgrade_timeout_ms >= 100);
	assert(c->origins.n <= ORIGINS_MAX && c->n_proxy_from <= PROXY_NETWORKS_MAX);
	assert(!c->has_listen_proxy || c->n_proxy_from > 0);
	assert(!c->token_cookie || c->origins.n > 0);
	assert(!c->demo || c->demo_public || address_is_loopback(&c->listen));
	assert(c->swap == EDGE_SWAP_REJECT || c->swap == EDGE_SWAP_REBIND);
	assert(strlen(c->auth_path) < SOCKET_PATH_BYTES && c->auth_path[0] != '\0');
}

static void check_router(const struct router_config *c)
{
	assert(c->inbox_rows >= 1 && c->inbox_bytes >= 65536 && c->retention_ms >= 1000);
	assert(c->sessions_per_user >= 1 && c->sessions_per_user <= 1024);
	assert(c->edges.n > 0 && c->edges.n <= UID_LIST_MAX && c->ctls.n > 0 && c->auths.n > 0);
	assert(c->recipients <= CORE_RECIPIENTS_ANY && c->watching <= CORE_WATCH_OFF &&
		c->session_policy <= CORE_LIMIT_DEVICE);
	assert(c->daemon.run[0] != '\0' && c->daemon.state[0] != '\0');
}

/* The router keeps its settings for ever. */
static void router_free(struct router_config *c)
{
	free(c->daemon.run);
	free(c->daemon.state);
	free(c->page);
	free(c->page_hosts);
	free(c->store);
}

static void check_auth(const struct auth_config *c)
{
	assert(c->asks_per_s >= 100 && c->asks_per_s <= 1000000);
	assert(c->edges.n > 0 && c->ctls.n > 0 && c->router_trust != NULL);
	assert(c->daemon.run[0] != '\0' && c->daemon.state[0] != '\0');
}

static enum config_result load(unsigned daemon, struct arguments *args)
{
	static struct edge_config edge;
	static struct router_config router;
	static struct auth_config auth;
	enum config_result result;

	switch (daemon) {
	case 0:
		result = edge_config_load(&edge, args->n, args->list);
		if (result == CONFIG_OK || result == CONFIG_CHECK)
			check_edge(&edge);
		edge_config_free(&edge);
		return result;
	case 1:
		result = router_config_load(&router, args->n, args->list);
		if (result == CONFIG_OK || result == CONFIG_CHECK)
			check_router(&router);
		router_free(&router);
		return result;
	default:
		result = auth_config_load(&auth, args->n, args->list);
		if (result == CONFIG_OK || result == CONFIG_CHECK)
			check_auth(&auth);
		auth_config_free(&auth);
		return result;
	}
}

/* One line, which moves no cursor. */
static void check_complaint(const char *text, size_t len)
{
	assert(len > 0 && text[len - 1] == '\n' && memchr(text, '\n', len - 1) == NULL);
	for (size_t i = 0; i + 1 < len; i++)
		assert((unsigned char)text[i] >= ' ' && (unsigned char)text[i] < 0x7f);
}

static void run(unsigned daemon, struct arguments *args)
{
	FILE *const real_stderr = stderr;
	FILE *const real_stdout = stdout;
	enum config_result result;
	char *said = NULL;
	size_t said_len = 0;

	stderr = open_memstream(&said, &said_len);
	assert(stderr != NULL);
	stdout = stderr;
	result = load(daemon, args);
	fclose(stderr);
	stderr = real_stderr;
	stdout = real_stdout;
	assert(config_exit(result) == (result == CONFIG_USAGE		? EXIT_USAGE
					      : result == CONFIG_UNSAFE ? EXIT_CONFIG
									: EXIT_SUCCESS));
	if (result == CONFIG_USAGE || result == CONFIG_UNSAFE)
		check_complaint(said, said_len);
	else
		assert((result == CONFIG_DONE) == (said_len > 0));
	free(said);
}

static void add_file(struct arguments *args, enum file_kind kind, const char *path)
{
	static const char *const others[] = {
		[FILE_MISSING] = "/nowhere/settings", [FILE_DIRECTORY] = "/"};

	if (kind == FILE_MISSING || kind == FILE_DIRECTORY)
		path = others[kind];
	if (kind == FILE_NONE)
		return;
	add(args, "--config", 8);
	add(args, path, strlen(path));
}

/* Lines up to an empty one are arguments or, behind a dollar, of the environment; then the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};
	unsigned first = script_byte(&s);
	enum file_kind kind = (enum file_kind)(first / 3 % 5);
	struct arguments args = {0}, env = {0};
	char **const real_environ = environ;
	char path[64];
	int fd;

	add(&args, "daemon", 6);
	while (args.n < ARGS_MAX - 2 && env.n < ARGS_MAX && s.left > 0 && s.at[0] != '\n') {
		const uint8_t *end = memchr(s.at, '\n', s.left);
		struct slice line = script_take(&s, end == NULL ? s.left : (size_t)(end - s.at));

		script_byte(&s);
		if (line.data[0] == '$')
			add(&env, line.data + 1, line.len - 1);
		/* The file is ours to name. */
		else if (line.len < 8 || memcmp(line.data, "--config", 8) != 0)
			add(&args, line.data, line.len);
	}
	script_byte(&s);
	fd = file_of(script_rest(&s), kind == FILE_TOO_LONG, path);
	add_file(&args, kind, path);
	environ = env.list;
	run(first % 3, &args);
	environ = real_environ;
	arguments_free(&args);
	arguments_free(&env);
	close(fd);
	return 0;
}
