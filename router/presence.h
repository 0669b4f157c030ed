/*
 * presence: who watches whom, and what each watcher was told.  A change marks the user;
 * presence_tick() tells the watchers, the latest state only, at most once a second per watcher and
 * user.  Who may not be watched (enum core_watching) looks offline.  Pure.
 */
#ifndef POSTERN_ROUTER_PRESENCE_H
#define POSTERN_ROUTER_PRESENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "router/commands.h"
#include "router/contacts.h"
#include "router/sessions.h"
#include "router/users.h"

#define PRESENCE_PAUSE_MS 1000	 /* between two frames about one user to one watcher */
#define PRESENCE_SILENCE_MS 5000 /* after a restart: edges are opening their sessions again */

enum presence_state { PRESENCE_OFFLINE, PRESENCE_ONLINE, PRESENCE_AWAY, PRESENCE_UNKNOWN };

struct watch {
	struct session *watcher;
	struct user *subject;
	struct watch *next; /* of the subject's */
	struct watch *prev;
	int64_t told_ms;
	uint32_t told_devices;
	enum presence_state told_state;
	bool is_hidden; /* the watcher is told that he is offline, and nothing more */
};

struct presence {
	struct users *users; /* borrowed, as what follows */
	const struct contacts *contacts;
	enum core_watching watching;
	int64_t contacts_since_ms; /* wall: older ones are none any more */
	struct user *dirty_first;
	struct user *dirty_last;
	int64_t silent_until_ms; /* all users are unknown before that */
};

struct presence_view {
	enum presence_state state;
	uint32_t devices;
};
struct presence_view presence_of(const struct user *u);
const char *presence_word(enum presence_state state);

/* u's sessions, or whether they are away, changed. */
void presence_changed(struct presence *p, struct user *u);

/*
 * Replaces the session's list and answers with a frame for each of them.  uids are well-formed; one
 * that is there twice counts once.  false: out of memory, and nothing changed.
 */
struct presence_list {
	const struct slice *uids;
	size_t n;
};
bool presence_watch(struct presence *p, struct commands *c, struct session *s,
	const struct presence_list *list, int64_t now_ms);
/* These two have become contacts. */
void presence_reveal(struct presence *p, struct user *a, struct user *b);
/* The session watches nobody any more. */
void presence_forget(struct presence *p, struct session *s);

/* Adds what is due.  What there is no memory for stays due. */
void presence_tick(struct presence *p, struct commands *c, int64_t now_ms);

#endif
