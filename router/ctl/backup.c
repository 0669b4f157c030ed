/*
 * routerctl backup: the router makes the copy, and it is fetched in parts.  FILE must not be there
 * already, and when anything goes wrong it is removed again: what is there afterwards is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "router/ctl/ask.h"
#include "router/ctl/print.h"

#define MAKE_MAX_MS 1800000 /* until the router's copy is complete */
#define AGAIN_MS 50

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
	backup->id = part->id;
	if (part->total == 0) {
		pause_a_little();
		return CTL_OK;
	}
	if (part->offset != backup->offset || (part->data.len == 0 && !part->end)) {
		fprintf(stderr, "routerctl: the router answered another part\n");
		return CTL_ERROR;
	}
	backup->offset += part->data.len;
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

static enum ctl_exit take_backup(struct ctl *c, int fd)
{
	Pb__CtlBackup backup = PB__CTL_BACKUP__INIT;
	enum ctl_exit result = fetch(c, &backup, fd);

	if (result == CTL_OK && (fsync(fd) < 0 || sync_directory(c->args->file) < 0))
		result = complain(c->args->file);
	if (result != CTL_OK)
		return result;
	print_backup(&c->out, c->args->file, backup.offset, c->args->json);
	return ctl_flush(c, CTL_OK);
}

enum ctl_exit ctl_backup(struct ctl *c)
{
	const char *path = c->args->file;
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum ctl_exit result;

	if (fd < 0)
		return complain(path);
	result = take_backup(c, fd);
	if (close(fd) < 0 && result == CTL_OK)
		result = complain(path);
	if (result != CTL_OK)
		unlink(path);
	return result;
}
