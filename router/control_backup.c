/*
 * One backup at a time.  The store makes the copy beside itself; when it is complete its name is
 * removed at once and the open file is read in parts, so that nothing is left of it whatever ends
 * first: the operator, the router, or the reading.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/codec.h"
#include "proto/codes.h"
#include "router/control_internal.h"
#include "router/inbox.h"

#define UNREAD_MS 60000 /* nobody asked for so long: he is gone */

static void forget(struct backup *b)
{
	if (b->fd >= 0)
		close(b->fd);
	*b = (struct backup){.fd = -1};
}

static int open_copy(struct backup *b, const char *path)
{
	struct stat about;

	b->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (b->fd < 0 || fstat(b->fd, &about) < 0)
		return -errno;
	b->total = (uint64_t)about.st_size;
	return b->total > 0 ? 0 : -ENODATA;
}

void control_backup_done(struct control *c, const char *path, const char *why)
{
	struct backup *b = &c->backup;
	int rc = path == NULL || b->id == 0 ? 0 : open_copy(b, path);

	if (path == NULL || rc < 0) {
		log_error("backup_failed", "reason=\"%s\"", path == NULL ? why : strerror(-rc));
		b->failed = true;
	} else if (b->id != 0) {
		log_info("backup", "bytes=%" PRIu64, b->total);
	}
	if (path != NULL && unlink(path) < 0)
		log_error("backup_left", "path=%s error=\"%s\"", path, strerror(errno));
}

static void answer_part(struct control *c, struct asker asker, Pb__CtlBackupPart *part)
{
	Pb__RouterCtlReply reply = PB__ROUTER_CTL_REPLY__INIT;

	part->id = c->backup.id;
	part->total = c->backup.total;
	reply.result_case = PB__ROUTER_CTL_REPLY__RESULT_BACKUP_PART;
	reply.backup_part = part;
	control_answer(asker, &reply);
}

static void begin(struct control *c, struct asker asker)
{
	struct backup *b = &c->backup;
	Pb__CtlBackupPart part = PB__CTL_BACKUP_PART__INIT;
	int rc = b->id != 0 ? -EBUSY : inbox_backup(c->hub->inbox);

	if (rc == -EBUSY) {
		control_refuse(asker, EX_RATE_LIMITED, "another backup is under way");
		return;
	}
	if (rc < 0) {
		control_refuse(asker, EX_NOT_PERMITTED, "this store cannot be copied");
		return;
	}
	*b = (struct backup){
		.id = random_u64() | 1,
		.fd = -1,
		.used_ms = clock_boot_ms(),
	};
	answer_part(c, asker, &part);
}

static void read_part(struct control *c, struct asker asker, uint64_t offset)
{
	struct backup *b = &c->backup;
	Pb__CtlBackupPart part = PB__CTL_BACKUP_PART__INIT;
	uint8_t *data = arena_alloc(c->arena, CTL_BACKUP_PART_BYTES);
	ssize_t n;

	if (data == NULL || offset > b->total) {
		control_refuse(asker, data == NULL ? EX_INTERNAL : EX_BAD_DATA, "offset");
		return;
	}
	n = pread(b->fd, data, CTL_BACKUP_PART_BYTES, (off_t)offset);
	if (n < 0 || (n == 0 && offset < b->total)) {
		forget(b);
		control_refuse(asker, EX_INTERNAL, "the copy cannot be read");
		return;
	}
	part.offset = offset;
	part.data.data = data;
	part.data.len = (size_t)n;
	part.end = offset + (uint64_t)n == b->total;
	answer_part(c, asker, &part);
	if (part.end)
		forget(b);
}

void control_on_backup(struct control *c, const Pb__RouterCtlRequest *request, struct asker asker)
{
	const Pb__CtlBackup *ask = request->backup;
	struct backup *b = &c->backup;
	Pb__CtlBackupPart part = PB__CTL_BACKUP_PART__INIT;

	if (ask->id == 0) {
		begin(c, asker);
		return;
	}
	if (ask->id != b->id) {
		control_refuse(asker, EX_BAD_DATA, "there is no such backup any more");
		return;
	}
	b->used_ms = clock_boot_ms();
	if (ask->cancel || b->failed) {
		bool failed = b->failed;

		part.end = true;
		if (!failed)
			answer_part(c, asker, &part);
		forget(b);
		if (failed)
			control_refuse(asker, EX_INTERNAL, "the copy failed; see the router's log");
	} else if (b->fd < 0) {
		answer_part(c, asker, &part); /* total 0: not ready yet */
	} else {
		read_part(c, asker, ask->offset);
	}
}

void control_backup_tick(struct control *c, int64_t now_ms)
{
	if (c->backup.id != 0 && now_ms - c->backup.used_ms > UNREAD_MS)
		forget(&c->backup);
}
