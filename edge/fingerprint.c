/*
 * A comparison of 128 bits of a SHA-256: who could make two tokens with the same has broken it.
 */
#include "edge/fingerprint.h"

#include <openssl/evp.h>

void fingerprint_start(void)
{
	(void)fingerprint_of(SLICE_LITERAL(""));
}

struct fingerprint fingerprint_of(struct slice token)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	struct fingerprint f = {{0}};

	if (EVP_Digest(token.data, token.len, digest, NULL, EVP_sha256(), NULL) == 1)
		memcpy(f.bytes, digest, sizeof(f.bytes));
	return f;
}
