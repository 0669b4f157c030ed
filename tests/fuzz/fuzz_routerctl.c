/*
 * routerctl against a hostile router: whatever the router answers to a command, what is printed is
 * plain text, or JSON where that was asked for, and the command ends with an exit code of its own.
 * A backup is there, and not empty, when it is said to be, and else nothing of it is.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/limits.h"
#include "router/ctl/commands.h"
#include "tests/fuzz/ctl.h"
#include "tests/fuzz/script.h"
#include "tests/fuzz/shown.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* explain asks nobody. */
static const char *const names[] = {"push", "who", "user", "edges", "stats", "top", "inbox",
	"drain", "kick", "why", "tail", "explain", "backup", "ping"};

static const char *const codes[] = {NULL, "4001", "BUSY", "9999"}; /* to explain */

static char backup[64];

static void begin(void)
{
	if (backup[0] == '\0')
		snprintf(backup, sizeof(backup), "%s/postern-fuzz-backup-%d",
			access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
}

static void check_backup(enum ctl_exit code)
{
	struct stat about;
	char part[80];
	bool is_there = stat(backup, &about) == 0;

	snprintf(part, sizeof(part), "%s.part", backup);
	assert(access(part, F_OK) < 0);
	assert(is_there == (code == CTL_OK) && (!is_there || about.st_size > 0));
	if (is_there)
		assert(unlink(backup) == 0);
}

static bool is_exit(enum ctl_exit code)
{
	switch (code) {
	case CTL_OK:
	case CTL_ERROR:
	case CTL_STORED:
	case CTL_TIMED_OUT:
	case CTL_REFUSED:
	case CTL_USAGE:
		return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};
	const char *name = names[script_byte(&s) % (sizeof(names) / sizeof(names[0]))];
	unsigned flags = script_byte(&s);
	const struct ctl_args args = {
		.command = name,
		.user = strcmp(name, "push") == 0 && flags & 2 ? NULL : "ann",
		.all = (flags & 2) != 0,
		.data = flags & 4 ? "not json" : NULL,
		.word = strcmp(name, "explain") != 0 ? NULL : codes[flags >> 1 & 3],
		.wait = (Pb__CtlWait)(flags >> 3 & 3),
		.file = backup,
		.edge_id = 7,
		.purge = (flags & 32) != 0,
		.json = flags & 1,
		.run = "/run",
	};
	struct shown shown;
	enum ctl_exit code;
	sigset_t signals; /* which a backup holds back */

	begin();
	sigprocmask(SIG_SETMASK, NULL, &signals);
	ctl_answers(&s);
	shown_begin(&shown);
	code = commands_run(commands_find(name), &args);
	shown_end(&shown, args.json, "routerctl: ");
	sigprocmask(SIG_SETMASK, &signals, NULL);
	assert(is_exit(code));
	if (strcmp(name, "backup") == 0)
		check_backup(code);
	return 0;
}
