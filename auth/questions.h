/*
 * questions: what an edge may ask, one function for each kind, and what it may be answered.  For
 * dispatch.c, which has checked who asks and that he may.
 */
#ifndef POSTERN_AUTH_QUESTIONS_H
#define POSTERN_AUTH_QUESTIONS_H

#include "auth/authd_parts.h"
#include "auth/token.h"
#include "proto/limits.h"

#define BUSY_RETRY_MS 1000

struct question {
	struct authd *a;
	struct peer_edge *edge;
	const Pb__AuthAsk *ask;
	struct bus_request *req; /* of a question that travels alone: the handler answers it */
	uint32_t wire;		 /* that it is answered in, too */
};

/* One answer and all that it points to. */
struct answer {
	Pb__AuthAnswer answer;
	union {
		Pb__AuthGrant grant;
		Pb__AuthDeny deny;
		Pb__AuthBusy busy;
		Pb__AuthToken token;
		Pb__AuthOneTime one_time;
		Pb__AuthDone done;
	} body;
	unsigned char ticket[TICKET_MAX_BYTES];
	char one_time[ONE_TIME_TEXT_BYTES];
	char uid[UID_MAX_BYTES];
};

/* answers.c */
void say_deny(struct answer *out);
void say_busy(struct answer *out, int64_t retry_after_ms);
void say_token(struct answer *out, const char *token); /* borrowed until out is sent */
/* From the arena; 0, or -errno and nothing was said. */
int say_token_copy(struct authd *a, const char *token, struct answer *out);
void say_one_time(struct answer *out, const char text[ONE_TIME_TEXT_BYTES], int64_t expires_in_ms);
void say_grant(struct authd *a, const struct ticket *t, int64_t boot_ms, struct answer *out);
void say_done(struct answer *out);
/* Answers a question that travelled alone. */
void answer_one(struct bus_request *req, uint32_t wire, struct answer *one);

/* questions.c.  A token that is good and not revoked; else the denial is counted. */
bool question_token_is_good(
	const struct question *q, struct slice token, int64_t wall_ms, struct token_facts *out);
void question_verify(const struct question *q, struct answer *out);
void question_renew(const struct question *q, struct answer *out);
void question_redeem(const struct question *q, struct answer *out);

/* question_tokens.c */
void question_refresh(const struct question *q, struct answer *out);
void question_one_time(const struct question *q, struct answer *out);

/* question_login.c: alone */
void question_login(const struct question *q, struct answer *out);

/* question_logout.c: alone */
void question_logout(const struct question *q, struct answer *out);

#endif
