/*
 * ticket: what auth gives an edge so that the router can know a session's user without believing
 * the edge.  Fixed layout, little-endian, HMAC-SHA-256 at the end; no parser runs before the MAC.
 * Times are CLOCK_BOOTTIME in ms.  The MAC covers a domain string with the kernel's boot id first,
 * so no ticket outlives a boot.
 *
 *   0 4  magic "TKT1"          32 8  issued at
 *   4 1  key id                40 8  present by
 *   5 1  flags                 48 8  session end
 *   6 2  uid length            56 8  ceiling of renewals (token exp + 30 s)
 *   8 8  session id            64 8  first 8 bytes of SHA-256 over issuer and jti, or of the token
 *  16 4  edge id               72 8  auth epoch
 *  20 4  edge epoch            80 4  issuer id
 *  24 8  nonce                 84 4  rate class
 *                              88 8  zero
 *  96 n  uid, then 32 bytes of MAC
 *
 * Also the edge credential (48 bytes: magic "EDG1", key id, 3 zero bytes, edge id, edge epoch,
 * MAC), which the router gives and auth checks, with the same key and another domain string.
 */
#ifndef POSTERN_PROTO_TICKET_H
#define POSTERN_PROTO_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/slice.h"
#include "proto/limits.h"

#define TICKET_FIXED_BYTES 96
#define TICKET_MAC_BYTES 32
#define TICKET_MAX_BYTES (TICKET_FIXED_BYTES + UID_MAX_BYTES + TICKET_MAC_BYTES)
#define TICKET_KEY_BYTES 32
#define CREDENTIAL_BYTES 48

enum ticket_flag { TICKET_MAY_SEND = 1, TICKET_MAY_PUSH = 2, TICKET_READ_ONLY = 4 };

struct ticket {
	unsigned char flags;
	uint64_t session;
	uint32_t edge_id;
	uint32_t edge_epoch;
	uint64_t nonce;
	int64_t issued_at_ms;
	int64_t present_by_ms;
	int64_t session_end_ms;
	int64_t ceiling_ms;
	uint64_t token_hash;
	uint64_t auth_epoch;
	uint32_t issuer_id;
	uint32_t rate_class;
	size_t uid_len;
	char uid[UID_MAX_BYTES];
};

/*
 * Up to TICKET_KEYS_MAX keys by id, ready to use, one of which mints.  What comes in is checked
 * with the key that it names, and with no other.  One thread at a time.
 */
struct ticket_keys;

/* Without a key yet.  boot_id is the kernel's, as text.  0, or -errno. */
int ticket_keys_new(struct ticket_keys **out, struct slice boot_id);
/* Wipes the secrets. */
void ticket_keys_free(struct ticket_keys *keys);
DEFINE_FREEP(struct ticket_keys, ticket_keys_free)

/*
 * secret is copied; id is 1 to 255.  The first key mints.  0, -EEXIST: there is one of that id,
 * -ENOSPC: TICKET_KEYS_MAX are there, or -errno.
 */
int ticket_keys_add(
	struct ticket_keys *keys, unsigned char id, const unsigned char secret[TICKET_KEY_BYTES]);
/* What it made is refused from now on.  The key that mints stays: false, as for an unknown id. */
bool ticket_keys_remove(struct ticket_keys *keys, unsigned char id);
/* From now on this one mints; false: it is not there. */
bool ticket_keys_mint_with(struct ticket_keys *keys, unsigned char id);

bool ticket_keys_has(const struct ticket_keys *keys, unsigned char id);
size_t ticket_keys_count(const struct ticket_keys *keys);
/* The id of the key that mints; 0: there is none. */
unsigned char ticket_keys_minting(const struct ticket_keys *keys);
/* All ids, in the order in which they were added; how many. */
size_t ticket_keys_ids(const struct ticket_keys *keys, unsigned char out[TICKET_KEYS_MAX]);
/* Ids go round: 1 comes after 255. */
unsigned char ticket_key_next(unsigned char id);

/* Writes the ticket's bytes; the number written, or 0: t breaks a bound of its own, or no key. */
size_t ticket_mint(
	struct ticket_keys *keys, const struct ticket *t, unsigned char out[TICKET_MAX_BYTES]);

enum ticket_result {
	TICKET_OK,
	TICKET_BAD_LENGTH,
	TICKET_BAD_KEY, /* no key has that id: never made, or retired */
	TICKET_BAD_MAC,
	TICKET_BAD_FIELD
};

/* Length, key id, MAC (constant time), then magic, zero field and the uid's characters. */
enum ticket_result ticket_verify(struct ticket_keys *keys, struct slice in, struct ticket *out);

/* A key that mints must be there. */
void credential_mint(struct ticket_keys *keys, uint32_t edge_id, uint32_t edge_epoch,
	unsigned char out[CREDENTIAL_BYTES]);
enum ticket_result credential_verify(
	struct ticket_keys *keys, struct slice in, uint32_t *out_id, uint32_t *out_epoch);

#endif
