/*
 * request: judges a complete request head: which path, may this method, is it a proper upgrade, is
 * there something that looks like a token.  All that can be known without asking anybody.  Pure.
 */
#ifndef POSTERN_EDGE_REQUEST_H
#define POSTERN_EDGE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "common/slice.h"
#include "edge/credentials.h"
#include "edge/origin.h"
#include "edge/pages.h"
#include "edge/position.h"
#include "edge/refusal.h"
#include "proto/http_head.h"

/* The zero entry is the strict one. */
enum request_kind {
	REQUEST_REFUSED, /* refusal, allow */
	REQUEST_UPGRADE, /* token, key, device, position, is_native */
	REQUEST_CHECK,	 /* token */
	REQUEST_REFRESH, /* token, as what follows; never a one-time ticket */
	REQUEST_LOGOUT,
	REQUEST_TICKET, /* a one-time ticket is wanted */
	REQUEST_LOGIN,	/* body_bytes */
	REQUEST_CHAT,	/* body_bytes, token, mid */
	REQUEST_PUSH,
	REQUEST_OPTIONS, /* allow */
	REQUEST_HEALTH,
	REQUEST_READY,
	REQUEST_PAGE, /* page, is_unchanged */
};

#define WEBSOCKET_KEY_BYTES 24

struct request {
	enum request_kind kind;
	enum refusal refusal;
	bool is_for_upgrade; /* refused or not: it asked for the path of upgrades */
	struct slice token;  /* borrowed from the head, as are all slices but cors */
	bool is_one_time;    /* token is a one-time ticket */
	struct slice origin; /* as it was sent; empty: none */
	struct slice mid;    /* Idempotency-Key; empty: none */
	struct slice key;    /* WEBSOCKET_KEY_BYTES */
	bool is_native;
	size_t device_len; /* 0: none given */
	char device[DEVICE_MAX_BYTES];
	bool has_position;
	struct position position;
	size_t body_bytes;
	const char *allow; /* static */
	struct cors cors;  /* of the list's text */
	const struct page *page;
	bool is_unchanged; /* If-None-Match holds the page's ETag */
};

struct request_rules {
	const struct origin_list *origins; /* empty: any, and no CORS */
	const struct pages *pages;	   /* NULL: no demo page */
	struct credential_places places;
};

void request_judge(
	const struct http_head *head, const struct request_rules *rules, struct request *out);

#endif
