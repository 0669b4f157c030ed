/*
 * routerctl backup: the router makes the copy, and it is fetched in parts.  FILE must not be there
 * already.  The parts go to FILE.part, which gets its name when it is whole and on disk, and is
 * removed when anything goes wrong, an interruption too.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "router/ctl/ask.h"
#include "router/ctl/print.h"

#define MAKE_MAX_MS 1800000 /* until the router's copy is complete */
#define AGAIN_MS 50
#define PART ".part"

/* Held back, they interrupt no question; whether one came is asked between the parts. */
static void hold_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool is_interrupted(void)
{
	sigset_t set;

	return sigpending(&set) == 0 &&
	       (sigismember(&set, SIGINT) == 1 || sigismember(&set, SIGTERM) == 1 ||
		       sigismember(&set, SIGHUP) == 1);
}

static enum ctl_exit ask_part(struct ctl *c, Pb__CtlBackup *backup, const Pb__CtlBackupPart **out)
{
	Pb__RouterCtlRequest request = PB__ROUTER_CTL_REQUEST__INIT;
	Pb__RouterCtlReply *reply = NULL;
	enum ctl_exit result;

	request.command_case = PB__ROUTER_CTL_REQUEST__COMMAND_BACKUP;
	request.backup = backup;
	result = ctl_ask(c, &request, PB__ROUTER_CTL_REPLY__RESULT_BACKUP_PART, &reply);
	if (result == CTL_OK)
		*out = reply->backup_part;
	return result;
}

static void pause_a_little(void)
{
	const struct timespec t = {.tv_nsec = AGAIN_MS * 1000000L};

	nanosleep(&t, NULL);
}

static bool write_all(int fd, ProtobufCBinaryData data)
{
	size_t done = 0;

	while (done < data.len) {
		ssize_t n = write(fd, data.data + done, data.len - done);

		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return true;
}

static enum ctl_exit complain(const char *path)
{
	fprintf(stderr, "routerctl: %s: %s\n", path, strerror(errno));
	return CTL_ERROR;
}

/* The router need not keep it. */
static void cancel(struct ctl *c, Pb__CtlBackup *backup)
{
	const Pb__CtlBackupPart *ended = NULL;

	backup->cancel = true;
	(void)ask_part(c, backup, &ended);
}

/* One answer: a part, or that the copy is not complete yet. */
static enum ctl_exit take_part(
	struct ctl *c, Pb__CtlBackup *backup, int fd, const Pb__CtlBackupPart *part)
{
	const uint64_t next = backup->offset + part->data.len;

	backup->id = part->id;
	if (part->total == 0 && !part->end) {
		pause_a_little();
		return CTL_OK;
	}
	/* What ends before its end, or goes on after it, is no copy. */
	if (part->offset != backup->offset || part->total == 0 ||
		part->end != (next == part->total) || (part->data.len == 0 && !part->end)) {
		fprintf(stderr, "routerctl: the router answered another part\n");
		return CTL_ERROR;
	}
	backup->offset = next;
	return write_all(fd, part->data) ? CTL_OK : complain(c->args->file);
}

static enum ctl_exit fetch(struct ctl *c, Pb__CtlBackup *backup, int fd)
{
	const int64_t until_ms = clock_boot_ms() + MAKE_MAX_MS;
	const Pb__CtlBackupPart *part = NULL;
	bool end = false;

	while (!end) {
		enum ctl_exit result = ask_part(c, backup, &part);

		if (result != CTL_OK)
			return result;
		end = part->end;
		result = take_part(c, backup, fd, part);
		if (result == CTL_OK && !end && is_interrupted()) {
			fprintf(stderr, "routerctl: interrupted\n");
			result = CTL_ERROR;
		}
		if (result == CTL_OK && !end && backup->offset == 0 && clock_boot_ms() > until_ms) {
			fprintf(stderr, "routerctl: the copy is not complete in time\n");
			result = CTL_ERROR;
		}
		if (result != CTL_OK) {
			if (!end)
				cancel(c, backup);
			return result;
		}
	}
	return CTL_OK;
}

/* The name is durable when its directory is. */
static int sync_directory(const char *path)
{
	char dir[PATH_MAX];
	char *slash;
	int fd;
	int rc;

	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		return -1;
	slash = strrchr(dir, '/');
	if (slash == NULL)
		memcpy(dir, ".", 2);
	else
		slash[slash == dir ? 1 : 0] = '\0';
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

/* Unless there is one of that name meanwhile.  Not every file system knows both ways. */
static int give_name(const char *part, const char *path)
{
	int rc = renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE);

	return rc < 0 && (errno == EINVAL || errno == ENOSYS) ? link(part, path) : rc;
}

/* Everything is in the part. */
static enum ctl_exit finish(const char *path, const char *part, int fd)
{
	enum ctl_exit result;

	if (fsync(fd) < 0)
		return complain(part);
	if (give_name(part, path) < 0)
		return complain(path);
	if (sync_directory(path) == 0)
		return CTL_OK;
	result = complain(path);
	unlink(path);
	return result;
}

static enum ctl_exit take_backup(struct ctl *c, const char *part, int fd)
{
	Pb__CtlBackup backup = PB__CTL_BACKUP__INIT;
	enum ctl_exit result = fetch(c, &backup, fd);

	if (result == CTL_OK)
		result = finish(c->args->file, part, fd);
	if (result != CTL_OK)
		return result;
	print_backup(&c->out, c->args->file, backup.offset, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_backup(struct ctl *c)
{
	const char *path = c->args->file;
	char part[PATH_MAX];
	struct stat about;
	enum ctl_exit result;
	int fd;

	errno = ENAMETOOLONG;
	if (snprintf(part, sizeof(part), "%s" PART, path) >= (int)sizeof(part))
		return complain(path);
	errno = EEXIST;
	if (lstat(path, &about) == 0)
		return complain(path);
	hold_signals();
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return complain(part);
	result = take_backup(c, part, fd);
	close(fd);
	unlink(part);
	return result;
}
