/*
 * revoke: the disk and auth's own tables at once, the router by trust.c.
 */
#include "auth/revoke.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "auth/authd_parts.h"
#include "common/log.h"

struct pending {
	struct trust_wait wait; /* the first member: on_confirmed() turns it back */
	revoke_done_fn *done;
	void *arg;
};

static void on_confirmed(struct trust_wait *w, bool in_force)
{
	CLEANUP(mem_freep) struct pending *p = (struct pending *)w;

	if (!in_force)
		LOG_LIMITED(LOG_WARN, "revocation_unconfirmed",
			"hint=\"recorded; the router gets it when it is back\"");
	p->done(p->arg, in_force);
}

int revoke_all(
	struct authd *a, const struct revocation *list, size_t n, revoke_done_fn *done, void *arg)
{
	CLEANUP(mem_freep) struct pending *p = calloc(1, sizeof(*p));
	int r;

	if (p == NULL)
		return -ENOMEM;
	r = revocations_add(a->revocations, list, n);
	if (r < 0) {
		LOG_LIMITED(LOG_ERROR, "revocation_failed", "error=\"%s\"",
			r == -ENOBUFS ? "there are too many" : strerror(-r));
		return r;
	}
	a->counts.revocations += n;
	*p = (struct pending){.wait.done = on_confirmed, .done = done, .arg = arg};
	trust_wait_for(a->trust, &p->wait, facts_last(a->facts));
	p = NULL;
	return 0;
}
