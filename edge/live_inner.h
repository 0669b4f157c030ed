/*
 * live_inner: what the files of live share.  live.c: building, the loop's turns, and the ends of
 * connections; live_open.c: openings, adoption, reopening; live_down.c: what the router says;
 * live_client.c: what clients say; live_identity.c, live_question.c: new tokens; live_call.c: the
 * HTTP API's messages; live_sync.c: numbered frames, pages, positions; live_time.c: what the clock
 * says; live_drain.c: the orderly end.  For these files alone.
 */
#ifndef POSTERN_EDGE_LIVE_INNER_H
#define POSTERN_EDGE_LIVE_INNER_H

#include "common/buf.h"
#include "common/map.h"
#include "common/memory.h"
#include "edge/conn.h"
#include "edge/frame.h"
#include "edge/live.h"
#include "edge/sends.h"
#include "edge/syncs.h"
#include "edge/uplink.h"
#include "edge/wheel.h"
#include "edge/ws.h"
#include "proto/limits.h"
#include "proto/ticket.h"

enum live_stage {
	LIVE_OPENING,  /* the router was asked; the door waits */
	LIVE_ADMITTED, /* the router said yes; the door will adopt or cancel */
	LIVE_ADOPTED,  /* libwebsockets has the socket, until ws_events.on_closed */
};

/* The page of an inbox that a connection waits for. */
enum live_sync {
	LIVE_SYNC_NONE,
	LIVE_SYNC_QUEUED,
	LIVE_SYNC_USER, /* asked for */
	LIVE_SYNC_SYSTEM,
};

/* Who the connection is, where it is not who it began as. */
struct live_user {
	uint8_t uid_len;
	uint16_t ticket_len;
	char text[]; /* uid, ticket */
};

struct live_question; /* live_question.h */

/* What few connections have. */
struct live_change {
	struct live_question *question; /* a new token is being looked at */
	struct live_user *user;		/* NULL: as it began */
};

/* One connection.  10,000 and more of them are idle at a time, so what is rarely there is a
 * pointer. */
struct live_conn {
	struct ws_link link; /* first: ws.h gives this back */
	struct wheel_entry timer;
	struct conn rules;
	struct live *live;
	uint64_t session; /* 0: not known */
	uint64_t nonce;
	uint64_t serial;
	uint64_t renew_ask; /* 0: auth is not being asked */
	live_opened_fn *opened;
	void *opened_arg;
	struct live_conn *next_grave;
	struct buf *watch; /* uids, each after a byte of its length; NULL: it watches nobody */
	struct live_change *change; /* NULL: nothing of it */
	struct fingerprint token;   /* the one in force */
	uint32_t index;		    /* in live->conns */
	enum live_stage stage;
	bool is_open;	   /* the router holds the session */
	bool is_reopening; /* the router was asked to take it again */
	bool wants_reopen; /* the same, still to be asked */
	bool has_news;	   /* a new ticket came while the router took it again with the old one */
	uint8_t sync;	   /* enum live_sync */
	bool is_behind;	   /* counted in live->n_behind */
	bool has_position; /* epoch and the streams' numbers mean something */
	bool may_push;
	bool is_leaving; /* closing, whoever began it: the session has ended */
	uint8_t uid_len;
	uint8_t device_len;
	uint16_t ticket_len;
	char epoch[EPOCH_BYTES];
	char text[]; /* uid, device, ticket */
};

struct live {
	uv_loop_t *loop;
	struct live_config config;
	struct conn_limits limits;
	struct auth_client *auth;
	struct uplink *uplink;
	struct ws *ws;
	struct map *by_nonce;	/* stages before LIVE_ADOPTED, and what is being reopened */
	struct map *by_session; /* is_open */
	struct sends *sends;
	struct syncs syncs;
	struct live_calls *calls;
	size_t n_behind;
	struct memory memory;
	struct live_conn **conns; /* all of them */
	size_t n_conns;
	struct live_conn *graves; /* freed at the end of the turn */
	struct wheel wheel;
	struct wire *ping;
	struct buf scratch;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_timer_t wheel_timer;
	uv_timer_t second_timer;
	uv_timer_t reopen_timer;
	uv_timer_t gather_timer;
	size_t reopen_next;
	size_t n_wants_reopen;
	uint64_t last_serial;
	uint64_t random;
	size_t most_opening; /* in by_nonce at once, since the last gauges */
	uint64_t upgrades;
	uint64_t refused;
	uint64_t exceptions;
	uint64_t slow_closed;
	bool has_gathered;
	bool is_draining;
	void (*drained)(void *arg);
	void *drained_arg;
};

static inline const struct live_user *live_changed_user(const struct live_conn *c)
{
	return c->change == NULL ? NULL : c->change->user;
}
static inline struct slice live_uid(const struct live_conn *c)
{
	const struct live_user *u = live_changed_user(c);

	return u != NULL ? (struct slice){u->text, u->uid_len}
			 : (struct slice){c->text, c->uid_len};
}
static inline struct slice live_device(const struct live_conn *c)
{
	return (struct slice){c->text + c->uid_len, c->device_len};
}
static inline struct slice live_ticket(const struct live_conn *c)
{
	const struct live_user *u = live_changed_user(c);

	return u != NULL ? (struct slice){u->text + u->uid_len, u->ticket_len}
			 : (struct slice){c->text + c->uid_len + c->device_len, c->ticket_len};
}
static inline int64_t live_now(const struct live *l)
{
	return (int64_t)uv_now(l->loop);
}

/* live.c */
/* Between min and max: so that many clients do not come back at once. */
uint32_t live_jitter(struct live *l, uint32_t min_ms, uint32_t max_ms);
/* Closes with 4108. */
void live_close_slow(struct live_conn *c);
/* Closes for want of memory: what cannot be written must not count as written. */
void live_close_short(struct live_conn *c);
/* Queues a frame; a connection that does not read is closed with 4108. */
void live_put(struct live_conn *c, struct wire *w);
/* Queues what is in l->scratch. */
void live_put_scratch(struct live_conn *c);
/* Tells the router that a session is over; code: the close code, 0: there was none. */
void live_say_close(struct live *l, uint64_t session, unsigned code);
/* The session has ended here: the router is told (unless it said so itself), the tables forget it.
 */
void live_end_session(struct live_conn *c, bool tell_router, unsigned code);
/* Ends the session and closes the socket.  Of a connection that was not adopted nothing remains. */
void live_close(struct live_conn *c, unsigned code, uint32_t after_ms);
/* Out of all tables, freed at the end of the turn.  Not while libwebsockets has it. */
void live_bury(struct live_conn *c);

/* live_open.c */
/* The router's word about where a user's streams begin. */
void live_begin_streams(struct live_conn *c, const Pb__DownOpened *o);
struct frame_resume live_resume(const struct live_conn *c, const Pb__DownOpened *o);
/* Asks for the session of a ticket. */
void live_fill_open(
	const struct live_conn *c, struct slice ticket, uint64_t nonce, Pb__UpOpen *out);
void live_on_opened(struct live *l, const Pb__DownOpened *o);
void live_on_open_refused(struct live *l, const Pb__DownOpenRefused *r);
void live_on_link_up(void *arg, enum uplink_change change);
void live_on_link_down(void *arg);
/* Answers a send that gets no answer: 1503. */
void live_on_send_lost(void *arg, const struct send_entry *e);
void live_on_reopen_timer(uv_timer_t *timer);

/* live_down.c */
void live_on_item(void *arg, const Pb__DownItem *item);
void live_on_system(void *arg, const struct system_message *m);

const char *live_state_name(Pb__SendState state);

/* live_call.c: true: it was of a call. */
struct live_calls;
int live_calls_new(struct live_calls **out, struct live *l);
bool live_call_on_opened(struct live *l, const Pb__DownOpened *o);
bool live_call_on_open_refused(struct live *l, const Pb__DownOpenRefused *r);
void live_call_on_shut(struct live *l, const Pb__DownShut *s);
void live_call_on_result(struct live *l, const Pb__DownResult *r);
void live_calls_on_down(struct live *l);

/* live_client.c */
void live_on_text(struct ws_link *link, struct slice text);
void live_say_exception(
	struct live_conn *c, struct slice id, unsigned code, struct slice field, uint32_t after_ms);
/* Tells the router whom c watches.  0 or -errno. */
int live_say_watch(struct live_conn *c);
void live_forget_watch(struct live_conn *c);
/* A frame that is in order, or not (e): it is carried out, or refused. */
void live_execute(struct live_conn *c, const struct frame *f, struct frame_error e);

/* live_identity.c */
/* Every frame comes here first, but what is no frame at all. */
void live_take_frame(
	struct live_conn *c, const struct frame *f, struct frame_error e, struct slice text);
/* A send was answered. */
void live_note_settled(struct live_conn *c);
void live_note_lost(struct live_conn *c);
void live_on_question_due(struct live_conn *c);
/* Whether the answer to an opening is the answer to c's rebind, and if so, what follows. */
bool live_take_rebound(struct live_conn *c, const Pb__DownOpened *o);
bool live_take_rebind_refused(struct live_conn *c, const Pb__DownOpenRefused *r);
/* A new ticket of the same session: the router is told.  false: not of this user, or not of its
 * length. */
bool live_take_ticket(struct live_conn *c, const struct auth_reply *reply);
/* Tells the router of it. */
void live_say_renewed(struct live_conn *c);

/* live_question.c */
/* The time at which a question must have ended; INT64_MAX: none is open, or auth_client has it. */
int64_t live_question_due_ms(const struct live_conn *c);
/* The connection ends. */
void live_end_question(struct live_conn *c, bool is_shut);
void live_free_change(struct live_conn *c);

/* live_sync.c */
/* A numbered frame came; STREAM_NEXT: the caller queues it. */
enum stream_take live_take(struct live_conn *c, bool system, uint64_t number);
/* Whatever the connection is behind with is asked for, as soon as there is room. */
void live_want_sync(struct live_conn *c);
void live_sync_some(struct live *l);
/* The session ended: no page will come. */
void live_forget_sync(struct live_conn *c);
void live_note_behind(struct live_conn *c);
void live_on_page(struct live *l, const Pb__DownPage *p);
void live_on_reset(struct live *l, const Pb__DownReset *r);
void live_on_room(struct ws_link *link);
void live_on_pong(struct ws_link *link, struct slice payload);
/* Nothing was read for a while? */
void live_on_slow(struct live_conn *c);
const char *live_reset_reason(Pb__ResetReason reason);
/* Tells a native client the numbers at which it is from here on. */
void live_put_reset(struct live_conn *c, const char *reason);
/* The position in a heartbeat or sync, an acknowledgement.  false: refused, the client was told. */
bool live_take_position(struct live_conn *c, const struct frame *f);
void live_rewind(struct live_conn *c, const struct frame *f);
void live_ask_position(struct live_conn *c);

/* live_drain.c */
/* At the end of a turn. */
void live_look_drained(struct live *l);

/* live_time.c */
void live_say_away(struct live_conn *c, bool away);
/* Auth is not asked any more to renew what another ticket will replace. */
void live_cancel_renewal(struct live_conn *c);
void live_on_bytes(struct ws_link *link);
void live_on_wheel_timer(uv_timer_t *timer);
void live_on_second_timer(uv_timer_t *timer);
void live_set_timer(struct live_conn *c);
int64_t live_wheel_tick_ms(const struct live_config *config);

#endif
