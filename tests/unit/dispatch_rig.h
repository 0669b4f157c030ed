/*
 * dispatch_rig: auth without sockets.  Keys, tickets, users and the password worker are the real
 * ones; the bus and the clocks are played here, one request at a time.
 */
#ifndef POSTERN_TESTS_UNIT_DISPATCH_RIG_H
#define POSTERN_TESTS_UNIT_DISPATCH_RIG_H

#include <stdbool.h>

#include "auth/authd_parts.h"

#define PIPE 7 /* of uid 1234 */
#define BOOT 9000000LL
#define RIG_REVOCATIONS_MAX 4096
#define WALL 1767225600000LL

struct bus_request {
	bool used; /* answered or dropped */
};

extern struct bus_request request;
extern int64_t boot_ms; /* both clocks */
extern struct authd a;
extern unsigned char credential[CREDENTIAL_BYTES]; /* shown by send_asks() */

/* The router answers all who wait for a revocation to be in force; how many they were.  waited_for:
 * the number that the last of them waits for. */
extern uint64_t waited_for;
unsigned router_answers(bool in_force);

int dispatch_rig_setup(void **state);
int dispatch_rig_teardown(void **state);

/* A token of the own key, owned. */
char *own_token(const char *sub, int64_t ttl_s, const char *scope);
/* The same, of a login now. */
char *login_token(const char *sub, int64_t ttl_s, const char *scope);
void verify_init(Pb__AuthAsk *ask, Pb__AuthVerify *verify, const char *token, uint64_t nonce);

void send_bytes(const void *bytes, size_t len);
void send_message(Pb__AuthRequest *message);
void send_asks(Pb__AuthAsk **asks, size_t n);
void send_ctl(const void *bytes, size_t len);

/* The last answer's bytes; data NULL: there was none. */
struct slice answer_bytes(void);
/* The same decoded, which must have so many answers.  Until the next. */
const Pb__AuthReply *reply_read(size_t n_answers);
const Pb__AuthCtlReply *ctl_reply_read(void);
const Pb__AuthAnswer *verify_one(const char *token);

/* What audit.log holds, until the next; puts a directory in its place, and takes it away. */
const char *audit_text(void);
void audit_break(void);
void audit_mend(void);

/* The request was dropped, its pipe closed, and that counted. */
void expect_violation(void);

#endif
