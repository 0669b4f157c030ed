/*
 * authctl: the operator's way to auth.  One request over authctl.sock for each command, the answer
 * on stdout, one clear line on stderr when something is wrong.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/bus.h"
#include "common/cleanup.h"
#include "common/config.h"
#include "common/options.h"
#include "common/plain.h"
#include "ctl.pb-c.h"
#include "proto/codec.h"
#include "proto/codes.h"
#include "proto/limits.h"
#include "proto/pack.h"

#define ANSWER_MS 5000
#define TOKENS_PER_REQUEST 1000
#define ELEMENTS_MAX (TOKENS_PER_REQUEST + 8)

enum { EXIT_REFUSED = 5 };

struct options {
	const char *run;
	const char *sub;
	const char *ttl;
	const char *scope;
	const char *aud;
	const char *count;
	bool json;
	bool help;
	bool version;
};

struct call {
	struct arena *arena;
	char path[256];
};

static const char general_help[] =
	"Usage: authctl COMMAND [OPTION]...\n"
	"Makes and checks Postern's tokens.\n"
	"\n"
	"  token --sub ID     make a token for a user, signed by auth's own key\n"
	"  check TOKEN|-      tell whether a token is good, and if not, which rule refused it\n"
	"\n"
	"  --run DIR          directory of the sockets; default $POSTERN_RUN or /run/postern\n"
	"  --json             one JSON object a line\n"
	"  --help             this, or with a command its options\n"
	"  --version          the version\n"
	"\n"
	"Exit status: 0 done or valid, 1 error, 5 refused or invalid, 64 wrong usage.\n"
	"\n"
	"Example:\n"
	"  authctl token --sub 7 --ttl 1h | authctl check -\n";

static const char token_help[] =
	"Usage: authctl token --sub ID [--ttl TIME] [--scope WORDS] [--aud NAME] [--count N]\n"
	"Prints a token for the user ID, signed by auth's own key.\n"
	"\n"
	"  --sub ID        the user: 1 to 128 of [A-Za-z0-9._@:-]\n"
	"  --ttl TIME      how long it is good: 90s, 15min, 1h; default 1h\n"
	"  --scope WORDS   push: may push to anyone; read-only: may not send\n"
	"  --aud NAME      another audience than the one in keys/own.conf\n"
	"  --count N       N tokens, one a line, for the users 1 to N (or ID, ID + 1, ...)\n"
	"  --run DIR, --json\n"
	"\n"
	"Example:\n"
	"  authctl token --sub 7 --ttl 15min --scope push\n";

static const char check_help[] =
	"Usage: authctl check TOKEN|-\n"
	"Tells whether auth would take a token.  With -, the token is read from stdin, where\n"
	"other users of this machine cannot see it.\n"
	"\n"
	"  --run DIR, --json\n"
	"\n"
	"Example:\n"
	"  authctl check - <token.txt\n";

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "authctl: %s%s%s (see authctl --help)\n", what, value == NULL ? "" : ": ",
		value == NULL ? "" : value);
	return EXIT_USAGE;
}

static int failure(const char *what, const char *why)
{
	fprintf(stderr, "authctl: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

/* Auth passes on what stands in tokens and key files. */
static void print_plain(FILE *f, const char *before, struct slice text)
{
	struct buf b;

	buf_init(&b, 16384);
	plain_add(&b, text);
	fprintf(f, "%s%.*s", before, SLICE_ARGS(buf_slice(&b)));
	buf_fini(&b);
}

static void call_fini(struct call *c)
{
	arena_free(c->arena);
}

static void msg_freep(struct bus_msg **m)
{
	if (*m != NULL)
		bus_msg_free(*m);
}

/* The socket is there or not, and may be ours or not; each has its own advice. */
static int call_failure(const char *path, int error)
{
	switch (error) {
	case -ECONNREFUSED:
	case -ENOENT:
		return failure(
			path, "nobody listens there: is postern-auth running, is --run right?");
	case -EACCES:
	case -EPERM:
	case -ECONNRESET: /* let in by the path, turned away by its uid */
		return failure(path, "not permitted: run as a user of --ctl-uids");
	case -ETIMEDOUT:
		return failure(path,
			"no answer in 5 s: auth is busy, or this user is not one of --ctl-uids");
	default:
		return failure(path, strerror(-error));
	}
}

/* EXIT_SUCCESS and *out in the arena; else an exit code after a line. */
static int call_auth(struct call *c, Pb__AuthCtlRequest *request, const Pb__AuthCtlReply **out)
{
	static const struct codec_bounds bounds = {CTL_REPLY_MAX_BYTES, ELEMENTS_MAX};
	CLEANUP(msg_freep) struct bus_msg *answer = NULL;
	struct bus_msg *msg;
	ProtobufCMessage *reply;
	int r;

	request->wire = WIRE_VERSION;
	msg = pack_message(&request->base);
	if (msg == NULL)
		return failure("request", "out of memory");
	r = bus_call(c->path, msg, CTL_REPLY_MAX_BYTES, ANSWER_MS, &answer);
	if (r < 0)
		return call_failure(c->path, r);
	if (codec_decode(&pb__auth_ctl_reply__descriptor, bus_msg_bytes(answer), &bounds, c->arena,
		    &reply) != CODEC_OK ||
		!wire_is_known(((const Pb__AuthCtlReply *)reply)->wire))
		return failure(c->path, "the answer is not one of auth's");
	*out = (const Pb__AuthCtlReply *)reply;
	if ((*out)->code == EX_NONE)
		return EXIT_SUCCESS;
	print_plain(stderr, "authctl: ", codec_slice((*out)->message));
	fputc('\n', stderr);
	return (*out)->code == EX_UNAVAILABLE || (*out)->code == EX_INTERNAL ? EXIT_FAILURE
									     : EXIT_REFUSED;
}

static int call_init(struct call *c, const struct options *o)
{
	const char *run = o->run == NULL ? config_run_dir() : o->run;
	int n = snprintf(c->path, sizeof(c->path), "%s/ctl/authctl.sock", run);

	if (n < 0 || (size_t)n >= sizeof(c->path))
		return usage("--run is too long", NULL);
	return arena_new(&c->arena, 4 * CTL_REPLY_MAX_BYTES) < 0 ? failure("start", "out of memory")
								 : EXIT_SUCCESS;
}

static void print_token(struct slice token, bool json)
{
	if (json)
		printf("{\"token\":\"%.*s\"}\n", SLICE_ARGS(token));
	else
		printf("%.*s\n", SLICE_ARGS(token));
}

static bool number_parse(const char *text, unsigned long long max, unsigned long long *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out <= max;
}

static int tokens_print(struct call *c, Pb__CtlToken *ask, bool json)
{
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	const Pb__AuthCtlReply *reply = NULL;
	int code;

	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_TOKEN;
	request.token = ask;
	code = call_auth(c, &request, &reply);
	if (code != EXIT_SUCCESS)
		return code;
	if (reply->result_case != PB__AUTH_CTL_REPLY__RESULT_TOKEN)
		return failure(c->path, "the answer is not one of auth's");
	if (reply->token->token.len > 0)
		print_token(codec_slice(reply->token->token), json);
	for (size_t i = 0; i < reply->token->n_more; i++)
		print_token(codec_slice(reply->token->more[i]), json);
	return EXIT_SUCCESS;
}

/* In pages, since an answer has a bound. */
static int many_tokens(
	struct call *c, Pb__CtlToken *ask, const struct options *o, unsigned long long count)
{
	unsigned long long first = 1;
	unsigned long long done = 0;

	if (o->sub != NULL && !number_parse(o->sub, 999999999999999ULL, &first))
		return usage("with --count, --sub is a number", o->sub);
	while (done < count) {
		char sub[24];
		unsigned long long n =
			count - done < TOKENS_PER_REQUEST ? count - done : TOKENS_PER_REQUEST;
		int code;

		snprintf(sub, sizeof(sub), "%llu", first + done);
		ask->sub = codec_bytes(slice_of(sub));
		ask->count = (uint32_t)n;
		code = tokens_print(c, ask, o->json);
		if (code != EXIT_SUCCESS)
			return code;
		done += n;
	}
	return EXIT_SUCCESS;
}

static int command_token(const struct options *o, size_t n_words, const char *const *words)
{
	CLEANUP(call_fini) struct call c = {0};
	Pb__CtlToken ask = PB__CTL_TOKEN__INIT;
	unsigned long long count = 0;
	int64_t ttl_ms = duration_parse(o->ttl == NULL ? "1h" : o->ttl);
	int code;

	if (n_words > 0)
		return usage("token takes options only", words[0]);
	if (o->count != NULL && (!number_parse(o->count, 10000000, &count) || count == 0))
		return usage("--count is a number up to 10000000", o->count);
	if (o->sub == NULL && count == 0)
		return usage("--sub is missing", NULL);
	if (ttl_ms < 1000)
		return usage("--ttl is a time of 1s or more, for instance 1h", o->ttl);
	code = call_init(&c, o);
	if (code != EXIT_SUCCESS)
		return code;
	ask.sub = codec_bytes(slice_of(o->sub));
	ask.ttl_s = (uint64_t)ttl_ms / 1000;
	ask.scope = codec_bytes(slice_of(o->scope));
	ask.aud = codec_bytes(slice_of(o->aud));
	return count > 0 ? many_tokens(&c, &ask, o, count) : tokens_print(&c, &ask, o->json);
}

static void print_verdict(const Pb__CtlVerdict *v, bool json)
{
	struct buf b;

	if (!json && v->valid) {
		print_plain(stdout, "valid user=", codec_slice(v->uid));
		print_plain(stdout, " kid=", codec_slice(v->kid));
		printf(" expires_in=%" PRId64 "s", v->expires_in_ms / 1000);
		print_plain(stdout, " scope=", codec_slice(v->scope));
		putchar('\n');
		return;
	}
	if (!json) {
		print_plain(stdout, "invalid: ", codec_slice(v->reason));
		putchar('\n');
		return;
	}
	buf_init(&b, 8192);
	buf_printf(&b, "{\"valid\":%s,\"reason\":", v->valid ? "true" : "false");
	plain_add_json(&b, codec_slice(v->reason));
	if (v->valid) {
		buf_add_text(&b, ",\"uid\":");
		plain_add_json(&b, codec_slice(v->uid));
		buf_add_text(&b, ",\"kid\":");
		plain_add_json(&b, codec_slice(v->kid));
		buf_printf(&b, ",\"expires_in_ms\":%" PRId64 ",\"scope\":", v->expires_in_ms);
		plain_add_json(&b, codec_slice(v->scope));
	}
	buf_add_text(&b, "}");
	printf("%.*s\n", SLICE_ARGS(buf_slice(&b)));
	buf_fini(&b);
}

/* One token with its newline; more than one that could be valid is still sent, to be refused. */
static bool token_from_stdin(char *text, size_t size)
{
	size_t n = fread(text, 1, size - 1, stdin);

	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r' || text[n - 1] == ' '))
		n--;
	text[n] = '\0';
	return ferror(stdin) == 0;
}

static int command_check(const struct options *o, size_t n_words, const char *const *words)
{
	CLEANUP(call_fini) struct call c = {0};
	Pb__AuthCtlRequest request = PB__AUTH_CTL_REQUEST__INIT;
	Pb__CtlCheck ask = PB__CTL_CHECK__INIT;
	const Pb__AuthCtlReply *reply = NULL;
	char text[2 * TOKEN_MAX_BYTES];
	const char *token;
	int code;

	if (n_words != 1)
		return usage("check takes one token, or - to read it from stdin", NULL);
	token = words[0];
	if (strcmp(token, "-") == 0) {
		if (!token_from_stdin(text, sizeof(text)))
			return failure("stdin", strerror(errno));
		token = text;
	}
	code = call_init(&c, o);
	if (code != EXIT_SUCCESS)
		return code;
	ask.token = codec_bytes(slice_of(token));
	if (ask.token.len > CTL_REQUEST_MAX_BYTES / 2)
		return failure("check", "that is far too long for a token");
	request.command_case = PB__AUTH_CTL_REQUEST__COMMAND_CHECK;
	request.check = &ask;
	code = call_auth(&c, &request, &reply);
	if (code != EXIT_SUCCESS)
		return code;
	if (reply->result_case != PB__AUTH_CTL_REPLY__RESULT_VERDICT)
		return failure(c.path, "the answer is not one of auth's");
	print_verdict(reply->verdict, o->json);
	return reply->verdict->valid ? EXIT_SUCCESS : EXIT_REFUSED;
}

static const struct command {
	const char *name;
	const char *help;
	int (*run)(const struct options *o, size_t n_words, const char *const *words);
} commands[] = {
	{"token", token_help, command_token},
	{"check", check_help, command_check},
};

static const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			return &commands[i];
	}
	return NULL;
}

static const struct option_spec options[] = {
	{"--run", true, offsetof(struct options, run)},
	{"--sub", true, offsetof(struct options, sub)},
	{"--ttl", true, offsetof(struct options, ttl)},
	{"--scope", true, offsetof(struct options, scope)},
	{"--aud", true, offsetof(struct options, aud)},
	{"--count", true, offsetof(struct options, count)},
	{"--json", false, offsetof(struct options, json)},
	{"--help", false, offsetof(struct options, help)},
	{"--version", false, offsetof(struct options, version)},
	{0},
};

static int run(const struct options *o, const struct option_words *words)
{
	const struct command *command = words->n > 0 ? command_find(words->list[0]) : NULL;

	if (o->version) {
		puts("authctl " POSTERN_VERSION);
		return EXIT_SUCCESS;
	}
	if (o->help) {
		fputs(command == NULL ? general_help : command->help, stdout);
		return EXIT_SUCCESS;
	}
	if (words->n == 0)
		return usage("a command is missing", NULL);
	if (command == NULL)
		return usage("no such command", words->list[0]);
	return command->run(o, words->n - 1, words->list + 1);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct option_words words;
	struct buf complaint;
	int code;

	buf_init(&complaint, 1024);
	if (options_read(options, argc, argv, &o, &words, &complaint)) {
		code = run(&o, &words);
	} else {
		fprintf(stderr, "authctl: %.*s (see authctl --help)\n",
			SLICE_ARGS(buf_slice(&complaint)));
		code = EXIT_USAGE;
	}
	buf_fini(&complaint);
	return code;
}
