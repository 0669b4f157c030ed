/* ctl: see ctl.h. */
#include "tests/fuzz/ctl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/bus.h"

struct bus_msg {
	size_t len;
	char data[];
};

static struct script *script;

void ctl_answers(struct script *s)
{
	script = s;
}

struct bus_msg *bus_msg_new(size_t len)
{
	struct bus_msg *m = malloc(sizeof(*m) + len);

	assert(m != NULL);
	m->len = len;
	return m;
}

void bus_msg_free(struct bus_msg *m)
{
	free(m);
}

char *bus_msg_data(struct bus_msg *m)
{
	return m->data;
}

struct slice bus_msg_bytes(const struct bus_msg *m)
{
	return (struct slice){m->data, m->len};
}

int bus_call(const char *path, struct bus_msg *m, size_t max_answer, int timeout_ms,
	struct bus_msg **out)
{
	static const int errors[] = {-ETIMEDOUT, -ECONNREFUSED, -EACCES, -ENAMETOOLONG, -EPROTO};
	struct slice answer;

	assert(path[0] == '/' && m->len > 0 && timeout_ms > 0);
	free(m);
	if (script_is_over(script))
		return errors[0];
	answer = script_slice(script);
	if (answer.len == 0)
		return errors[script_byte(script) % 5];
	assert(answer.len <= max_answer);
	*out = bus_msg_new(answer.len);
	memcpy((*out)->data, answer.data, answer.len);
	return 0;
}

/* A copy that is not ready yet is asked for again; here nobody waits. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted;
	(void)left;
	return 0;
}

/* Of proto/pack.h, which tools do not use. */
void bus_answer(struct bus_request *req, struct bus_msg *m)
{
	(void)req;
	free(m);
	abort();
}

void bus_request_drop(struct bus_request *req)
{
	(void)req;
	abort();
}
