/*
 * Tickets and edge credentials.  What nobody minted is never taken, whatever it looks like; what
 * was minted comes back as it was, and not with a byte changed, cut, added, or under a key that is
 * gone; and of what the right key signed only what is sound is taken.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <string.h>

#include "proto/names.h"
#include "proto/ticket.h"
#include "tests/fuzz/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BOOT "a boot"

static const unsigned char first[TICKET_KEY_BYTES] = "the first key of this target";
static const unsigned char second[TICKET_KEY_BYTES] = "the second key of this target";
static const unsigned char third[TICKET_KEY_BYTES] = "the third key of this target";

static struct ticket_keys *keys;

static void keys_begin(void)
{
	assert(ticket_keys_new(&keys, SLICE_LITERAL(BOOT)) == 0);
	assert(ticket_keys_add(keys, 1, first) == 0);
	assert(ticket_keys_add(keys, 255, second) == 0);
}

static struct slice slice_from(const void *bytes, size_t len)
{
	return (struct slice){bytes, len};
}

static void check_strange(struct slice in)
{
	struct ticket t;
	uint32_t id, epoch;

	assert(ticket_verify(keys, in, &t) != TICKET_OK);
	assert(credential_verify(keys, in, &id, &epoch) != TICKET_OK);
}

static struct ticket ticket_from(struct script *s)
{
	struct ticket t = {
		.flags = script_byte(s),
		.session = script_number(s, 8),
		.edge_id = (uint32_t)script_number(s, 4),
		.edge_epoch = (uint32_t)script_number(s, 4),
		.nonce = script_number(s, 8),
		.issued_at_ms = (int64_t)script_number(s, 8),
		.present_by_ms = (int64_t)script_number(s, 8),
		.session_end_ms = (int64_t)script_number(s, 8),
		.ceiling_ms = (int64_t)script_number(s, 8),
		.token_hash = script_number(s, 8),
		.auth_epoch = script_number(s, 8),
		.issuer_id = (uint32_t)script_number(s, 4),
		.rate_class = (uint32_t)script_number(s, 4),
	};
	struct slice uid;

	t.uid_len = script_byte(s);
	uid = script_take(s, t.uid_len < UID_MAX_BYTES ? t.uid_len : UID_MAX_BYTES);
	if (uid.len > 0)
		memcpy(t.uid, uid.data, uid.len);
	return t;
}

static bool is_sound(const struct ticket *t)
{
	return t->flags < 8 && t->issued_at_ms >= 0 && t->present_by_ms >= 0 &&
	       t->session_end_ms >= 0 && t->ceiling_ms >= 0 && t->uid_len <= UID_MAX_BYTES &&
	       name_is_uid(slice_from(t->uid, t->uid_len));
}

static void assert_same(const struct ticket *a, const struct ticket *b)
{
	assert(a->flags == b->flags && a->session == b->session && a->edge_id == b->edge_id &&
		a->edge_epoch == b->edge_epoch && a->nonce == b->nonce &&
		a->issued_at_ms == b->issued_at_ms && a->present_by_ms == b->present_by_ms &&
		a->session_end_ms == b->session_end_ms && a->ceiling_ms == b->ceiling_ms &&
		a->token_hash == b->token_hash && a->auth_epoch == b->auth_epoch &&
		a->issuer_id == b->issuer_id && a->rate_class == b->rate_class);
	assert(a->uid_len == b->uid_len && memcmp(a->uid, b->uid, a->uid_len) == 0);
}

/* Changes the bytes as the script says; whether they are others now. */
static bool spoil(struct script *s, unsigned char *bytes, size_t *len, size_t max)
{
	unsigned char flip = script_byte(s);
	size_t at = script_number(s, 2) % *len;
	size_t before = *len;

	*len = before - script_byte(s) % 4 + script_byte(s) % 4;
	*len = *len > max ? max : *len;
	bytes[at] ^= flip;
	return *len != before || flip != 0;
}

static void check_ticket(struct script *s)
{
	unsigned char bytes[TICKET_MAX_BYTES + 8] = {0};
	struct ticket t = ticket_from(s);
	struct ticket back;
	size_t len = ticket_mint(keys, &t, bytes);

	assert((len > 0) == is_sound(&t));
	if (len == 0)
		return;
	assert(len == TICKET_FIXED_BYTES + t.uid_len + TICKET_MAC_BYTES);
	assert(ticket_verify(keys, slice_from(bytes, len), &back) == TICKET_OK);
	assert_same(&t, &back);
	/* It is no credential, too. */
	assert(credential_verify(keys, slice_from(bytes, len), &t.edge_id, &t.edge_epoch) !=
		TICKET_OK);
	if (spoil(s, bytes, &len, sizeof(bytes)))
		assert(ticket_verify(keys, slice_from(bytes, len), &back) != TICKET_OK);
}

static void check_credential(struct script *s)
{
	unsigned char bytes[CREDENTIAL_BYTES + 8] = {0};
	uint32_t id = (uint32_t)script_number(s, 4);
	uint32_t epoch = (uint32_t)script_number(s, 4);
	uint32_t id_back, epoch_back;
	size_t len = CREDENTIAL_BYTES;
	struct ticket t;

	credential_mint(keys, id, epoch, bytes);
	assert(credential_verify(keys, slice_from(bytes, len), &id_back, &epoch_back) == TICKET_OK);
	assert(id == id_back && epoch == epoch_back);
	assert(ticket_verify(keys, slice_from(bytes, len), &t) != TICKET_OK);
	if (spoil(s, bytes, &len, sizeof(bytes)))
		assert(credential_verify(keys, slice_from(bytes, len), &id_back, &epoch_back) !=
			TICKET_OK);
}

/* As whoever has the key could: the bytes are the script's, the MAC is right. */
static struct slice sign(struct script *s, const char *domain, size_t domain_len)
{
	static unsigned char bytes[TICKET_MAX_BYTES + 64];
	unsigned char text[sizeof(bytes) + 64];
	struct slice in = script_take(s, TICKET_MAX_BYTES);
	size_t n = 0;
	unsigned mac_len = 0;

	if (in.len < 5)
		return slice_from(bytes, 0);
	memcpy(bytes, in.data, in.len);
	bytes[4] = 1;
	memcpy(text, domain, domain_len);
	n = domain_len;
	memcpy(text + n, BOOT, sizeof(BOOT));
	n += sizeof(BOOT);
	memcpy(text + n, bytes, in.len);
	assert(HMAC(EVP_sha256(), first, sizeof(first), text, n + in.len, bytes + in.len,
		       &mac_len) != NULL);
	return slice_from(bytes, in.len + mac_len);
}

static void check_signed(struct script *s)
{
	bool is_credential = script_byte(s) % 2 == 1;
	struct slice in = is_credential ? sign(s, "postern edge 1", sizeof("postern edge 1"))
					: sign(s, "postern ticket 1", sizeof("postern ticket 1"));
	const char *fixed = in.data;
	struct ticket t;
	uint32_t id, epoch;

	if (ticket_verify(keys, in, &t) == TICKET_OK) {
		assert(!is_credential && memcmp(fixed, "TKT1\1", 5) == 0 && is_sound(&t));
		assert(in.len == TICKET_FIXED_BYTES + t.uid_len + TICKET_MAC_BYTES);
		assert(memcmp(fixed + TICKET_FIXED_BYTES - 8, "\0\0\0\0\0\0\0\0", 8) == 0);
	}
	if (credential_verify(keys, in, &id, &epoch) == TICKET_OK)
		assert(is_credential && memcmp(fixed, "EDG1\1\0\0\0", 8) == 0 &&
			in.len == CREDENTIAL_BYTES);
}

/* With the key away what it made is refused; back again, it is taken. */
static void check_retired(struct script *s)
{
	unsigned char bytes[TICKET_MAX_BYTES];
	struct ticket t = ticket_from(s);
	struct ticket back;
	unsigned char id = script_byte(s);
	unsigned char ids[TICKET_KEYS_MAX];
	size_t len;
	int added;

	assert(ticket_keys_add(keys, 9, third) == -ENOSPC);
	assert(!ticket_keys_remove(keys, ticket_keys_minting(keys)) &&
		ticket_keys_remove(keys, 255));
	added = ticket_keys_add(keys, id, third);
	assert(added == (id == 0 ? -EINVAL : id == 1 ? -EEXIST : 0));
	assert(ticket_keys_mint_with(keys, id) == (id != 0));
	len = ticket_mint(keys, &t, bytes);
	assert(ticket_keys_mint_with(keys, 1));
	assert(ticket_keys_ids(keys, ids) == ticket_keys_count(keys) && ids[0] == 1);
	if (added == 0) {
		assert(ticket_keys_has(keys, id) && ticket_key_next(id) != 0);
		assert(len == 0 || ticket_verify(keys, slice_from(bytes, len), &back) == TICKET_OK);
		assert(ticket_keys_remove(keys, id) && !ticket_keys_has(keys, id));
		assert(len == 0 ||
			ticket_verify(keys, slice_from(bytes, len), &back) == TICKET_BAD_KEY);
	}
	ticket_keys_free(keys);
	keys_begin();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script s = {data, size};

	if (keys == NULL)
		keys_begin();
	assert(ticket_keys_mint_with(keys, script_byte(&s) % 2 == 0 ? 1 : 255));
	switch (script_byte(&s) % 5) {
	case 0:
		check_strange(script_rest(&s));
		break;
	case 1:
		check_ticket(&s);
		break;
	case 2:
		check_credential(&s);
		break;
	case 3:
		check_signed(&s);
		break;
	case 4:
		assert(ticket_keys_mint_with(keys, 1));
		check_retired(&s);
		break;
	}
	return 0;
}
