/*
 * The MAC covers a domain string, the boot id, and then the bytes: a ticket is no credential, a
 * credential is no ticket, and neither is worth anything after a reboot, whose clock starts again
 * at 0. The context is keyed once and re-initialised for each use, which is what makes a MAC cost a
 * microsecond (OpenSSL's one-shot HMAC() fetches the algorithm anew each time).
 */
#include "proto/ticket.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/bug.h"
#include "proto/names.h"

enum {
	BOOT_ID_MAX_BYTES = 64,
	CREDENTIAL_FIXED_BYTES = CREDENTIAL_BYTES - TICKET_MAC_BYTES,
};

static const struct slice ticket_domain = {"postern ticket 1", sizeof("postern ticket 1")};
static const struct slice edge_domain = {"postern edge 1", sizeof("postern edge 1")};

struct key {
	EVP_MAC_CTX *mac; /* holds the only copy of the secret; OpenSSL wipes it */
	unsigned char id;
};

struct ticket_keys {
	struct key list[TICKET_KEYS_MAX];
	size_t n;
	size_t minting;	    /* in the list */
	size_t boot_id_len; /* with its terminator */
	char boot_id[BOOT_ID_MAX_BYTES + 1];
};

static void put_le(unsigned char *p, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t get_le(const unsigned char *p, size_t n)
{
	uint64_t value = 0;

	for (size_t i = 0; i < n; i++)
		value |= (uint64_t)p[i] << (8 * i);
	return value;
}

static int mac_new(EVP_MAC_CTX **out, const unsigned char secret[TICKET_KEY_BYTES])
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = hmac == NULL ? NULL : EVP_MAC_CTX_new(hmac);

	EVP_MAC_free(hmac);
	if (mac == NULL)
		return -ENOMEM;
	if (EVP_MAC_init(mac, secret, TICKET_KEY_BYTES, params) != 1) {
		EVP_MAC_CTX_free(mac);
		return -EIO;
	}
	*out = mac;
	return 0;
}

int ticket_keys_new(struct ticket_keys **out, struct slice boot_id)
{
	struct ticket_keys *keys;

	if (boot_id.len == 0 || boot_id.len > BOOT_ID_MAX_BYTES ||
		memchr(boot_id.data, '\0', boot_id.len) != NULL)
		return -EINVAL;
	keys = calloc(1, sizeof(*keys));
	if (keys == NULL)
		return -ENOMEM;
	memcpy(keys->boot_id, boot_id.data, boot_id.len);
	keys->boot_id_len = boot_id.len + 1;
	*out = keys;
	return 0;
}

void ticket_keys_free(struct ticket_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->n; i++)
		EVP_MAC_CTX_free(keys->list[i].mac);
	free(keys);
}

static const struct key *key_find(const struct ticket_keys *keys, unsigned char id)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->list[i].id == id)
			return &keys->list[i];
	}
	return NULL;
}

int ticket_keys_add(
	struct ticket_keys *keys, unsigned char id, const unsigned char secret[TICKET_KEY_BYTES])
{
	struct key *key;
	int err;

	if (id == 0)
		return -EINVAL;
	if (key_find(keys, id) != NULL)
		return -EEXIST;
	if (keys->n == TICKET_KEYS_MAX)
		return -ENOSPC;
	key = &keys->list[keys->n];
	err = mac_new(&key->mac, secret);
	if (err < 0)
		return err;
	key->id = id;
	keys->n++;
	return 0;
}

bool ticket_keys_remove(struct ticket_keys *keys, unsigned char id)
{
	const struct key *key = key_find(keys, id);
	size_t at;

	if (key == NULL || id == ticket_keys_minting(keys))
		return false;
	if (BUG(42))
		return true;
	at = (size_t)(key - keys->list);
	EVP_MAC_CTX_free(key->mac);
	keys->n--;
	memmove(&keys->list[at], &keys->list[at + 1], (keys->n - at) * sizeof(*key));
	if (keys->minting > at)
		keys->minting--;
	return true;
}

bool ticket_keys_mint_with(struct ticket_keys *keys, unsigned char id)
{
	const struct key *key = key_find(keys, id);

	if (key == NULL)
		return false;
	keys->minting = (size_t)(key - keys->list);
	return true;
}

bool ticket_keys_has(const struct ticket_keys *keys, unsigned char id)
{
	return key_find(keys, id) != NULL;
}

size_t ticket_keys_count(const struct ticket_keys *keys)
{
	return keys->n;
}

unsigned char ticket_keys_minting(const struct ticket_keys *keys)
{
	return keys->n == 0 ? 0 : keys->list[keys->minting].id;
}

size_t ticket_keys_ids(const struct ticket_keys *keys, unsigned char out[TICKET_KEYS_MAX])
{
	for (size_t i = 0; i < keys->n; i++)
		out[i] = keys->list[i].id;
	return keys->n;
}

unsigned char ticket_key_next(unsigned char id)
{
	return id == UINT8_MAX ? 1 : (unsigned char)(id + 1);
}

static bool mac_of(const struct ticket_keys *keys, const struct key *key, struct slice domain,
	struct slice in, unsigned char out[TICKET_MAC_BYTES])
{
	size_t out_len = 0;

	return EVP_MAC_init(key->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(key->mac, (const unsigned char *)domain.data, domain.len) == 1 &&
	       EVP_MAC_update(key->mac, (const unsigned char *)keys->boot_id, keys->boot_id_len) ==
		       1 &&
	       EVP_MAC_update(key->mac, (const unsigned char *)in.data, in.len) == 1 &&
	       EVP_MAC_final(key->mac, out, &out_len, TICKET_MAC_BYTES) == 1 &&
	       out_len == TICKET_MAC_BYTES;
}

/* The MAC stands behind in, and the key's id is its fifth byte, which the MAC covers. */
static enum ticket_result mac_check(
	const struct ticket_keys *keys, struct slice domain, struct slice in)
{
	const struct key *key = key_find(keys, (unsigned char)in.data[4]);
	unsigned char mac[TICKET_MAC_BYTES];

	if (key == NULL)
		return TICKET_BAD_KEY;
	if (!mac_of(keys, key, domain, in, mac) ||
		CRYPTO_memcmp(mac, in.data + in.len, sizeof(mac)) != 0)
		return TICKET_BAD_MAC;
	return TICKET_OK;
}

/* The same for what is minted and what is verified. */
static bool is_sound(const struct ticket *t)
{
	const unsigned flags = TICKET_MAY_SEND | TICKET_MAY_PUSH | TICKET_READ_ONLY;

	return (t->flags & ~flags) == 0 && t->issued_at_ms >= 0 && t->present_by_ms >= 0 &&
	       t->session_end_ms >= 0 && t->ceiling_ms >= 0 && t->uid_len <= UID_MAX_BYTES &&
	       name_is_uid((struct slice){t->uid, t->uid_len});
}

size_t ticket_mint(
	struct ticket_keys *keys, const struct ticket *t, unsigned char out[TICKET_MAX_BYTES])
{
	const struct key *key = &keys->list[keys->minting];
	const struct slice in = {(const char *)out, TICKET_FIXED_BYTES + t->uid_len};

	if (keys->n == 0 || !is_sound(t))
		return 0;
	memcpy(out, "TKT1", 4);
	out[4] = key->id;
	out[5] = t->flags;
	put_le(out + 6, t->uid_len, 2);
	put_le(out + 8, t->session, 8);
	put_le(out + 16, t->edge_id, 4);
	put_le(out + 20, t->edge_epoch, 4);
	put_le(out + 24, t->nonce, 8);
	put_le(out + 32, (uint64_t)t->issued_at_ms, 8);
	put_le(out + 40, (uint64_t)t->present_by_ms, 8);
	put_le(out + 48, (uint64_t)t->session_end_ms, 8);
	put_le(out + 56, (uint64_t)t->ceiling_ms, 8);
	put_le(out + 64, t->token_hash, 8);
	put_le(out + 72, t->auth_epoch, 8);
	put_le(out + 80, t->issuer_id, 4);
	put_le(out + 84, t->rate_class, 4);
	put_le(out + 88, 0, 8);
	memcpy(out + TICKET_FIXED_BYTES, t->uid, t->uid_len);
	return mac_of(keys, key, ticket_domain, in, out + in.len) ? in.len + TICKET_MAC_BYTES : 0;
}

static void read_fields(const unsigned char *in, struct ticket *out)
{
	*out = (struct ticket){
		.flags = in[5],
		.session = get_le(in + 8, 8),
		.edge_id = (uint32_t)get_le(in + 16, 4),
		.edge_epoch = (uint32_t)get_le(in + 20, 4),
		.nonce = get_le(in + 24, 8),
		.issued_at_ms = (int64_t)get_le(in + 32, 8),
		.present_by_ms = (int64_t)get_le(in + 40, 8),
		.session_end_ms = (int64_t)get_le(in + 48, 8),
		.ceiling_ms = (int64_t)get_le(in + 56, 8),
		.token_hash = get_le(in + 64, 8),
		.auth_epoch = get_le(in + 72, 8),
		.issuer_id = (uint32_t)get_le(in + 80, 4),
		.rate_class = (uint32_t)get_le(in + 84, 4),
		.uid_len = get_le(in + 6, 2),
	};
	memcpy(out->uid, in + TICKET_FIXED_BYTES, out->uid_len);
}

enum ticket_result ticket_verify(struct ticket_keys *keys, struct slice in, struct ticket *out)
{
	const unsigned char *p = (const unsigned char *)in.data;
	enum ticket_result result;
	struct ticket t;
	size_t uid_len;

	if (in.len <= TICKET_FIXED_BYTES + TICKET_MAC_BYTES || in.len > TICKET_MAX_BYTES)
		return TICKET_BAD_LENGTH;
	uid_len = in.len - TICKET_FIXED_BYTES - TICKET_MAC_BYTES;
	if (get_le(p + 6, 2) != uid_len)
		return TICKET_BAD_LENGTH;
	result = mac_check(
		keys, ticket_domain, (struct slice){in.data, TICKET_FIXED_BYTES + uid_len});
	if (result != TICKET_OK)
		return result;
	read_fields(p, &t);
	if (memcmp(p, "TKT1", 4) != 0 || get_le(p + 88, 8) != 0 || !is_sound(&t))
		return TICKET_BAD_FIELD;
	*out = t;
	return TICKET_OK;
}

void credential_mint(struct ticket_keys *keys, uint32_t edge_id, uint32_t edge_epoch,
	unsigned char out[CREDENTIAL_BYTES])
{
	const struct key *key = &keys->list[keys->minting];
	const struct slice in = {(const char *)out, CREDENTIAL_FIXED_BYTES};

	memset(out, 0, CREDENTIAL_BYTES);
	memcpy(out, "EDG1", 4);
	out[4] = key->id;
	put_le(out + 8, edge_id, 4);
	put_le(out + 12, edge_epoch, 4);
	/* A MAC that could not be made must not leave one that somebody could guess. */
	if (keys->n == 0 || !mac_of(keys, key, edge_domain, in, out + CREDENTIAL_FIXED_BYTES))
		abort();
}

enum ticket_result credential_verify(
	struct ticket_keys *keys, struct slice in, uint32_t *out_id, uint32_t *out_epoch)
{
	const unsigned char *p = (const unsigned char *)in.data;
	enum ticket_result result;

	if (in.len != CREDENTIAL_BYTES)
		return TICKET_BAD_LENGTH;
	result = mac_check(keys, edge_domain, (struct slice){in.data, CREDENTIAL_FIXED_BYTES});
	if (result != TICKET_OK)
		return result;
	if (memcmp(p, "EDG1", 4) != 0 || get_le(p + 5, 3) != 0)
		return TICKET_BAD_FIELD;
	*out_id = (uint32_t)get_le(p + 8, 4);
	*out_epoch = (uint32_t)get_le(p + 12, 4);
	return TICKET_OK;
}
