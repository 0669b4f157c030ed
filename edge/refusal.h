/*
 * refusal: every way in which the door says no: status line, code, text, and what goes with it.
 * Pure.
 */
#ifndef POSTERN_EDGE_REFUSAL_H
#define POSTERN_EDGE_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"

enum refusal {
	REFUSAL_BAD_HEAD,
	REFUSAL_EARLY_BYTES,
	REFUSAL_UPGRADE_FIELDS,
	REFUSAL_WEBSOCKET_VERSION,
	REFUSAL_SUBPROTOCOL,
	REFUSAL_TWO_TOKENS,
	REFUSAL_DEVICE,
	REFUSAL_POSITION,
	REFUSAL_BODY,
	REFUSAL_LOGIN,
	REFUSAL_KEY,
	REFUSAL_UNAUTHORIZED,
	REFUSAL_ORIGIN,
	REFUSAL_SESSION,
	REFUSAL_NOT_FOUND,
	REFUSAL_METHOD,
	REFUSAL_HEAD_TIMEOUT,
	REFUSAL_BODY_TIMEOUT,
	REFUSAL_BODY_TOO_LARGE,
	REFUSAL_NO_UPGRADE,
	REFUSAL_RATE,
	REFUSAL_HEAD_TOO_LARGE,
	REFUSAL_TRANSFER_ENCODING,
	REFUSAL_FULL,
	REFUSAL_AUTH_AWAY,
	REFUSAL_ROUTER_AWAY,
	REFUSAL_DRAINING,
	REFUSAL_HTTP_VERSION,
	N_REFUSALS
};

struct refusal_info {
	unsigned status;
	const char *reason; /* of the status line */
	unsigned code;	    /* of proto/codes.h */
	const char *message;
	const char *fields; /* further header fields, each with its CRLF, or "" */
};

/* Static memory. */
const struct refusal_info *refusal_info(enum refusal r);
/* Whether the client is told to come back later: it gets after_ms and Retry-After. */
bool refusal_is_temporary(enum refusal r);
/* What a refused OPEN is, by the router's close code. */
enum refusal refusal_of_open(unsigned code);

/* Which Origin may read the answer. */
struct cors {
	struct slice origin; /* empty: none */
	bool has_cookies;    /* and whether it may send them along */
};

struct refusal_detail {
	enum refusal refusal;
	unsigned code;	   /* instead of the table's; 0: the table's */
	int64_t after_ms;  /* of temporary ones */
	const char *allow; /* with REFUSAL_METHOD: "GET, OPTIONS" */
	struct cors cors;
};

/* Appends the whole answer, head and body (PROTOCOL.md, before the 101). */
void refusal_write(struct buf *out, const struct refusal_detail *d);

/* Why a call of the HTTP API was not carried out. */
struct refusal_exception {
	unsigned code;	    /* an exception code of proto/codes.h */
	struct slice field; /* that is to blame; empty: none */
	int64_t after_ms;   /* of temporary ones */
	struct cors cors;
};

/* The same answer for an exception. */
void refusal_write_exception(struct buf *out, const struct refusal_exception *e);

/* The fields of CORS, or nothing when no Origin may read it. */
void cors_write(struct buf *out, const struct cors *cors);

#endif
