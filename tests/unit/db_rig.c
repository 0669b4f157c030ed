/* db_rig: see db_rig.h. */
#include "tests/unit/db_rig.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/limits.h"
#include "tests/unit/test.h"

struct db_rig rig;
char rig_file[128];
const char *rig_boot;
size_t rig_max;
static char dir[64];

int db_rig_setup(void **state)
{
	(void)state;
	rig_boot = "boot";
	rig_max = REVOCATIONS_MAX;
	snprintf(dir, sizeof(dir), "/tmp/postern-db-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(rig_file, sizeof(rig_file), "%s/auth.db", dir);
	return 0;
}

int db_rig_teardown(void **state)
{
	(void)state;
	rig_close();
	(void)unlink(rig_file);
	return rmdir(dir);
}

void rig_open(void)
{
	assert_int_equal(db_open(&rig.db, rig_file), 0);
	assert_int_equal(facts_new(&rig.facts, rig.db, slice_of(rig_boot)), 0);
	assert_int_equal(revocations_new(&rig.revocations, rig.db, rig.facts, rig_max), 0);
	assert_int_equal(users_new(&rig.users, rig.db, rig.facts), 0);
}

void rig_close(void)
{
	users_free(rig.users);
	revocations_free(rig.revocations);
	facts_free(rig.facts);
	db_close(rig.db);
	rig = (struct db_rig){0};
}

void rig_restart(void)
{
	rig_close();
	rig_open();
}

int rig_add(const char *username, const char *uid)
{
	struct user_new user = {
		.username = slice_of(username), .uid = slice_of(uid), .hash = "$y$not-a-hash"};

	return users_add(rig.users, &user);
}

struct text {
	size_t len;
	char bytes[8192];
};

static int fact_print(void *arg, const struct fact *fact)
{
	static const char *const kinds[] = {
		[FACT_USER] = "user",
		[FACT_REVOKE_USER] = "revoke_user",
		[FACT_REVOKE_TOKEN] = "revoke_token",
		[FACT_REVOKE_ISSUER] = "revoke_issuer",
	};
	struct text *t = arg;
	char subject[24] = "";

	if (fact->subject != 0)
		snprintf(subject, sizeof(subject), " %" PRIu64, fact->subject);
	t->len += (size_t)snprintf(t->bytes + t->len, sizeof(t->bytes) - t->len,
		"%s%" PRIu64 " %s%s%s%.*s", t->len == 0 ? "" : "; ", fact->number,
		kinds[fact->kind], subject, fact->uid.len == 0 ? "" : " ", (int)fact->uid.len,
		fact->uid.data);
	assert_true(t->len < sizeof(t->bytes));
	return 0;
}

const char *rig_facts(uint64_t after)
{
	static struct text t;

	t = (struct text){0};
	assert_int_equal(facts_after(rig.facts, after, 1000, INT64_MIN, fact_print, &t), 0);
	return t.bytes;
}
