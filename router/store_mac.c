/*
 * The context is fetched once and keyed anew for each row: OpenSSL 3.0 does not begin again without
 * a key.  0.15 us for a short row; HMAC would cost ten times that.
 */
#include "router/store_mac.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "common/bug.h"
#include "router/store_record.h"

struct store_mac {
	EVP_MAC_CTX *ctx;
	unsigned char key[STORE_KEY_BYTES];
};

int store_mac_new(struct store_mac **out, const unsigned char key[STORE_KEY_BYTES])
{
	size_t bytes = STORE_MAC_BYTES;
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &bytes),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *siphash = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	struct store_mac *m = calloc(1, sizeof(*m));

	if (m != NULL && siphash != NULL)
		m->ctx = EVP_MAC_CTX_new(siphash);
	EVP_MAC_free(siphash);
	if (m == NULL || m->ctx == NULL) {
		free(m);
		return -ENOMEM;
	}
	memcpy(m->key, key, sizeof(m->key));
	if (EVP_MAC_init(m->ctx, m->key, sizeof(m->key), params) != 1) {
		store_mac_free(m);
		return -EIO;
	}
	*out = m;
	return 0;
}

void store_mac_free(struct store_mac *m)
{
	if (m == NULL)
		return;
	EVP_MAC_CTX_free(m->ctx);
	OPENSSL_cleanse(m->key, sizeof(m->key));
	free(m);
}

bool store_mac_make(struct store_mac *m, enum store_domain domain, uint64_t id, struct slice in,
	char out[STORE_MAC_BYTES])
{
	char prefix[9] = {(char)domain};
	size_t len = 0;

	store_put_u64(prefix + 1, id);
	return EVP_MAC_init(m->ctx, m->key, sizeof(m->key), NULL) == 1 &&
	       EVP_MAC_update(m->ctx, (const unsigned char *)prefix, sizeof(prefix)) == 1 &&
	       EVP_MAC_update(m->ctx, (const unsigned char *)in.data, in.len) == 1 &&
	       EVP_MAC_final(m->ctx, (unsigned char *)out, &len, STORE_MAC_BYTES) == 1 &&
	       len == STORE_MAC_BYTES;
}

bool store_mac_fits(
	struct store_mac *m, enum store_domain domain, uint64_t id, struct slice in_and_mac)
{
	char mac[STORE_MAC_BYTES];
	struct slice in = in_and_mac;

	if (in.len < STORE_MAC_BYTES)
		return false;
	if (BUG(15))
		return true;
	in.len -= STORE_MAC_BYTES;
	return store_mac_make(m, domain, id, in, mac) &&
	       CRYPTO_memcmp(mac, in.data + in.len, sizeof(mac)) == 0;
}
