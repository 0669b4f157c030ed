/*
 * db_rig: auth.db in a directory of its own, opened and opened again.
 */
#ifndef POSTERN_TESTS_UNIT_DB_RIG_H
#define POSTERN_TESTS_UNIT_DB_RIG_H

#include "auth/facts.h"
#include "auth/revocations.h"
#include "auth/users.h"

/* All NULL: closed. */
struct db_rig {
	struct db *db;
	struct facts *facts;
	struct revocations *revocations;
	struct users *users;
};

extern struct db_rig rig;
extern char rig_file[128];   /* of the file */
extern const char *rig_boot; /* the boot that rig_open() is in; "boot" at first */
extern size_t rig_max;	     /* of revocations; REVOCATIONS_MAX at first */

/* For cmocka: makes and removes the directory.  Nothing is opened. */
int db_rig_setup(void **state);
int db_rig_teardown(void **state);

void rig_open(void);
void rig_close(void);
/* As auth does at a start: closes it, and opens it again. */
void rig_restart(void);

/* users_add() with some hash. */
int rig_add(const char *username, const char *uid);

/* All facts after a number as text, "1 user ann; 2 revoke_user ben; ...", until the next call. */
const char *rig_facts(uint64_t after);

#endif
