/*
 * credentials: where a token may travel in a request head, and which dialect the client offers.
 * Authorization: Bearer T, and Sec-WebSocket-Protocol: postern.v1, bearer.T, always; the cookie
 * postern_token, the query's token=T, and ticket=X, a one-time ticket, where they are allowed.  No
 * other place is looked at.  Pure; what comes out is borrowed from the head.
 */
#ifndef POSTERN_EDGE_CREDENTIALS_H
#define POSTERN_EDGE_CREDENTIALS_H

#include <stdbool.h>

#include "common/slice.h"
#include "proto/http_head.h"

struct credential_places {
	bool cookie;
	bool query;
	bool ticket;
};

/* The zero entry is the strict one. */
enum credentials_result {
	CREDENTIALS_NONE,      /* 401: no token, or one that cannot be one; auth is not asked */
	CREDENTIALS_CONFLICT,  /* 400: two places, different bytes; or the field twice */
	CREDENTIALS_MALFORMED, /* 400: Sec-WebSocket-Protocol is no list of tokens */
	CREDENTIALS_FOUND,     /* token: three parts of base64url, at most TOKEN_MAX_BYTES */
};

struct credentials {
	struct slice token;
	bool is_one_time;   /* token is a one-time ticket, ONE_TIME_TEXT_BYTES of base64url */
	bool is_cookie;	    /* it was in a cookie and nowhere else */
	bool offers_native; /* postern.v1 */
	bool offers_other;  /* a subprotocol that is neither postern.v1 nor bearer.T */
	bool offers_bearer;
};

enum credentials_result credentials_find(const struct http_head *head,
	const struct credential_places *places, struct credentials *out);

#endif
