/*
 * codes: the exception codes (in an `exception` frame) and close codes (RFC 6455, 7.4.2: 4000-4999
 * are private) that clients see.  One table; the enums, the names on the wire and the
 * documentation's table come from it or are compared with it.
 */
#ifndef POSTERN_PROTO_CODES_H
#define POSTERN_PROTO_CODES_H

/* X(number, SYMBOL, text, retry) */
#define EXCEPTION_CODES(X)                                                                         \
	X(1000, INTERNAL, "internal", "after")                                                     \
	X(1002, BAD_FRAME, "bad frame", "no")                                                      \
	X(1003, UNKNOWN_EVENT, "unknown event", "no")                                              \
	X(1004, BAD_DATA, "bad data", "no")                                                        \
	X(1005, TOO_LARGE, "too large", "no")                                                      \
	X(1101, RECIPIENT_UNKNOWN, "recipient unknown", "no")                                      \
	X(1102, RECIPIENT_OFFLINE, "recipient offline", "after")                                   \
	X(1103, INBOX_FULL, "inbox full", "after")                                                 \
	X(1301, RATE_LIMITED, "rate limited", "after")                                             \
	X(1302, TOO_MANY_WATCHES, "too many watches", "no")                                        \
	X(1401, TOKEN_INVALID, "token invalid", "reauth")                                          \
	X(1402, TOKEN_EXPIRED, "token expired", "reauth")                                          \
	X(1403, IDENTITY_MISMATCH, "identity mismatch", "no")                                      \
	X(1404, NOT_PERMITTED, "not permitted", "no")                                              \
	X(1409, IDENTITY_CHANGED, "identity changed in flight", "now")                             \
	X(1410, MID_REUSED, "mid reused with another body", "no")                                  \
	X(1503, UNAVAILABLE, "auth or router away", "after")

#define CLOSE_CODES(X)                                                                             \
	X(4001, BAD_PROTOCOL, "bad_protocol", "no")                                                \
	X(4003, FORBIDDEN, "forbidden", "no")                                                      \
	X(4004, SESSION_LIMIT, "session_limit", "no")                                              \
	X(4009, KICKED, "kicked", "no")                                                            \
	X(4100, OVERLOAD, "overload", "after")                                                     \
	X(4108, SLOW_CONSUMER, "slow_consumer", "after")                                           \
	X(4129, RATE_LIMITED, "rate_limited", "after")                                             \
	X(4131, ROUTER_AWAY, "router_away", "after")                                               \
	X(4200, RETRY, "retry", "after")                                                           \
	X(4201, HEARTBEAT_LOST, "heartbeat_lost", "after")                                         \
	X(4202, DRAIN, "drain", "after")                                                           \
	X(4203, REBALANCE, "rebalance", "after")                                                   \
	X(4205, OUT_OF_SYNC, "out_of_sync", "after")                                               \
	X(4230, TOKEN_EXPIRED, "token_expired", "reauth")                                          \
	X(4401, UNAUTHORIZED, "unauthorized", "reauth")                                            \
	X(4403, IDENTITY_MISMATCH, "identity_mismatch", "reauth")                                  \
	X(4404, REVOKED, "revoked", "reauth")                                                      \
	X(4409, REPLACED, "replaced", "reauth")                                                    \
	X(4410, LOGGED_OUT, "logged_out", "reauth")

#define EXCEPTION_ENUM_(number, symbol, text, retry) EX_##symbol = number,
#define CLOSE_ENUM_(number, symbol, text, retry) CLOSE_##symbol = number,
enum exception_code { EX_NONE = 0, EXCEPTION_CODES(EXCEPTION_ENUM_) };
enum close_code { CLOSE_NONE = 0, CLOSE_CODES(CLOSE_ENUM_) };

struct code_info {
	unsigned code;
	const char *name;
	const char *retry; /* no, now, after, reauth */
};

/* The entry of a code of either table, or NULL.  Static memory. */
const struct code_info *code_info(unsigned code);

#endif
