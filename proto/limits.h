/*
 * limits: the bounds that more than one process, or a client, must know, each with its unit.  A
 * bound that an operator may change is a setting whose default is here.  What bounds one module
 * alone is a named constant at the top of its file.
 */
#ifndef POSTERN_PROTO_LIMITS_H
#define POSTERN_PROTO_LIMITS_H

/* Of every message between processes.  A receiver takes this version and the one before. */
#define WIRE_VERSION 3
#define WIRE_VERSION_OLDEST 2

/* Identities */
#define UID_MAX_BYTES 128    /* [A-Za-z0-9._@:-] */
#define DEVICE_MAX_BYTES 36  /* [A-Za-z0-9_-]; the server's own are ~ and 16 hex digits */
#define EVENT_MAX_BYTES 64   /* [A-Za-z0-9_.:-] */
#define MID_MAX_BYTES 64     /* [A-Za-z0-9_.:-] */
#define TOKEN_MAX_BYTES 3072 /* a JWT */
#define USERNAME_MAX_BYTES 128
#define PASSWORD_MAX_BYTES 256
#define LINK_KEY_BYTES 16
#define LINK_PATH_MAX_BYTES 100 /* a unix socket's path holds 107 */
#define EPOCH_BYTES 8		/* text */

/* The request head, RFC 9112 */
#define HEAD_MAX_BYTES 8192
#define HEAD_MAX_FIELDS 64
#define HEAD_TARGET_MAX_BYTES 4096
#define HEAD_DEADLINE_MS 5000
#define BODY_MAX_BYTES 65536
#define BODY_DEADLINE_MS 5000
#define LINGER_MS 2000		/* after a refusal, until the client's EOF */
#define UPGRADE_TIMEOUT_MS 3000 /* auth and OPEN together */

/* Client frames */
#define FRAME_MAX_BYTES 65536
#define CHAT_MAX_BYTES 16384 /* message text, and data of a push by a client */
#define FRAME_MAX_DEPTH 16
#define FRAME_ID_MAX_BYTES 64 /* the JSON text of id */
#define BAD_FRAMES 3	      /* in BAD_FRAMES_MS: close 4001 */
#define BAD_FRAMES_MS 10000
#define WATCH_MAX_USERS 100
#define MSGS_PER_S 20
#define MSGS_BURST 40
#define CONN_SENDS_IN_FLIGHT 64
#define CONN_PENDING_BYTES 262144 /* unsent frames of one connection: shed, then close 4108 */

#define SEND_ANSWER_MS 5000 /* a send without the router's answer by then is answered 1503 */

/* The inbox.  Rows are messages; bytes are those of their bodies. */
#define MIDS_PER_DEVICE 1024   /* message ids remembered of one (user, device) ... */
#define MIDS_MS 600000	       /* ... for so long ... */
#define MIDS_MAX 2097152       /* ... and of all together; the oldest is forgotten first */
#define DEVICES_PER_USER 64    /* positions kept; the one seen longest ago is forgotten */
#define NEW_INBOXES_PER_DAY 20 /* made by one user, where any recipient is allowed */
#define INBOX_ROWS 100000      /* not acknowledged, per user: then 1103 */
#define INBOX_BYTES 67108864
#define INBOX_RETENTION_S 2592000 /* 30 days: then a message is gone, acknowledged or not */
#define INBOX_KEEP_ACKED_S 86400  /* at least so long it is kept after its time, acknowledged */
#define STORE_BATCH_ROWS 1024	  /* of one commit */
#define STORE_PENDING_ROWS 65536  /* waiting for their commit; over it sends are answered 1503 */
#define STORE_PENDING_BYTES 67108864
#define EDGE_PENDING_ROWS 32768 /* of these, by way of one edge */
#define EDGE_PENDING_BYTES 33554432
#define SYNC_PAGE_ROWS 128 /* one page of a replay: the first of these that is reached */
#define SYNC_PAGE_BYTES 65536
#define SYNCS_IN_FLIGHT 64    /* pages that one edge waits for; one more is a violation */
#define POSITION_PING_MS 1000 /* from a stored message to the ping that carries its number */
#define SLOW_CONSUMER_MS                                                                           \
	30000	       /* a connection whose messages wait in the inbox and that reads             \
			  nothing: close 4108 */
#define DRAIN_MS 10000 /* from SIGTERM until the last client is closed */

/* Liveness */
#define HEARTBEAT_INTERVAL_MS 25000
#define HEARTBEAT_GRACE_MS 20000
#define TCP_USER_TIMEOUT_MS 30000

/* Sessions */
#define SESSION_MAX_MS 900000 /* a ticket's longest session end */
#define TICKET_PRESENT_MS 10000
#define TOKEN_LEEWAY_MS 30000
#define REOPEN_WINDOW_MS 30000 /* after a router start */
#define SESSIONS_PER_USER 64
#define API_SESSION_MS 10000	 /* of one HTTP request: then its session is closed */
#define API_SESSIONS_PER_USER 16 /* at a time; not counted among the sessions */

/* Identity on a live connection */
#define AUTH_EXPIRING_MS 60000 /* before exp: `auth.expiring` */
#define REAUTHS_PER_MINUTE 6   /* questions to auth of one connection; then 1301 */
#define REAUTH_TIMEOUT_MS 5000 /* for auth, and again for the router */

/* Identity without a connection */
#define ONE_TIME_MS 30000	/* a one-time ticket's life */
#define ONE_TIME_BYTES 32	/* random */
#define ONE_TIME_TEXT_BYTES 43	/* the same in base64url */
#define ONE_TIME_MAX 65536	/* unused at a time, of all users; then busy ... */
#define ONE_TIME_PER_USER 16	/* ... and of one: the oldest is forgotten */
#define LOGIN_TTL_S 3600	/* a login's token */
#define REFRESH_MAX_MS 86400000 /* after the login a token is not refreshed any more */

/* Keys and revocation */
#define TICKET_KEYS_MAX 2 /* live ids: the one that mints and the one before */
#define TICKET_KEY_RETIRE_MS (SESSION_MAX_MS + 60000) /* then the one before is gone */
/* The router keeps a revocation, and the id of a session that was ended for good, for so long: no
 * ticket from before is good any more then. */
#define MARK_KEPT_MS (SESSION_MAX_MS + 60000)
#define MARKS_MAX 1048576
#define REVOKE_CONFIRM_MS 2000	/* auth waits so long for the router's word that it is in force */
#define REVOCATIONS_MAX 1048576 /* that auth keeps; half of them may be logouts ... */
#define LOGOUTS_PER_USER 1024	/* ... so many of one user */

/* Messages between processes, in bytes, protocol header excluded */
#define AUTH_REQUEST_MAX_BYTES 262144
#define AUTH_REPLY_MAX_BYTES 65536
#define AUTH_ASKS_PER_REQUEST 64
#define AUTH_REQUESTS_IN_FLIGHT 4 /* batches of verifications of one edge */
#define AUTH_LOGINS_IN_FLIGHT 16  /* of one edge */
#define HELLO_MAX_BYTES 1024
#define LINK_BATCH_MAX_BYTES 1048576
#define LINK_BATCH_MAX_ITEMS 4096
#define LINK_BATCH_MAX_ELEMENTS 32768 /* of a batch, as codec.h counts them */
#define LINK_WINDOW_BATCHES 64
#define LINK_WINDOW_RESERVE 16 /* of them, kept by a sender for batches without items */
#define LINK_WINDOW_BYTES 8388608
#define LINK_QUEUE_MAX_BYTES 33554432 /* router, for one link; over it the link is closed */
#define LINK_CLAIM_MS 5000
#define LINK_SILENT_MS 10000 /* an edge says gauges each second; then its sessions are away */
#define LINK_DEAD_MS 45000   /* then its link is closed */
/* What waits for subscribers that do not read, the same bytes for all of them: at most 128 MiB. */
#define SYSTEM_BATCH_MAX_BYTES 131072
#define SYSTEM_QUEUE 1024
#define SYSTEM_KEPT 256 /* system messages that router and edges keep for repair */
#define TRUST_MAX_BYTES 65536
#define TRUST_FACTS_PER_REQUEST 256
#define CTL_REQUEST_MAX_BYTES 131072
#define CTL_REPLY_MAX_BYTES 1048576
#define CTL_USERS_PER_PAGE 512
#define CTL_WAIT_MAX_MS 60000
#define CTL_TOP_MAX 100
#define CTL_TOKENS_PER_REQUEST 1000
#define CTL_BACKUP_PART_BYTES 524288
#define TAIL_KEPT 1024
#define WHY_PER_USER 16 /* reasons kept of one user ... */
#define WHY_USERS 4096	/* ... and of so many users, those with the newest */
#define CTL_LOGINS_PER_PAGE 512
#define TAIL_WAIT_MS 20000
#define PUSH_MAX_BYTES 65536 /* data of a push */
#define CODEC_MAX_DEPTH 6

/* Processes */
#define MAX_EDGES 64
#define EDGE_VIOLATIONS_PER_MINUTE 8 /* then its link is closed */
#define LOGIN_QUEUE 32
#define LOGIN_FAILURES_PER_MINUTE 5

#endif
