/*
 * hash: crypt_r() of libxcrypt.  Its scratch structure is 32 KiB and held the password, so it lives
 * on the heap and is wiped.
 */
#include "auth/hash.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "proto/limits.h"

_Static_assert(HASH_MAX_BYTES >= CRYPT_OUTPUT_SIZE, "a hash fits");

#define SCHEME "$y$"	/* yescrypt */
#define DIGEST_CHARS 43 /* of 32 bytes */

struct scratch {
	struct crypt_data data;
	char password[PASSWORD_MAX_BYTES + 1];
};

static void scratch_freep(struct scratch **s)
{
	if (*s != NULL)
		explicit_bzero(*s, sizeof(**s));
	free(*s);
}

/* Hashes with the parameters and salt of setting; the text, in s, or NULL. */
static const char *hash_run(struct scratch *s, struct slice password, const char *setting)
{
	const char *text;

	if (password.len == 0 || password.len > PASSWORD_MAX_BYTES ||
		memchr(password.data, '\0', password.len) != NULL)
		return NULL;
	memcpy(s->password, password.data, password.len);
	s->password[password.len] = '\0';
	text = crypt_r(s->password, setting, &s->data);
	return text == NULL || text[0] == '*' ? NULL : text;
}

int hash_make(struct slice password, char out[HASH_MAX_BYTES])
{
	CLEANUP(scratch_freep) struct scratch *s = calloc(1, sizeof(*s));
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *text;

	if (s == NULL)
		return -ENOMEM;
	/* No bytes given: libcrypt takes the salt from the kernel. */
	if (crypt_gensalt_rn(SCHEME, 0, NULL, 0, setting, sizeof(setting)) == NULL)
		return -errno;
	text = hash_run(s, password, setting);
	if (text == NULL)
		return -EINVAL;
	snprintf(out, HASH_MAX_BYTES, "%s", text);
	return 0;
}

/* "$y$j9T$" of "$y$j9T$SALT$HASH"; 0: it has no such beginning. */
static size_t parameters_len(struct slice hash)
{
	size_t dollars = 0;

	for (size_t i = 0; i < hash.len; i++) {
		dollars += hash.data[i] == '$';
		if (dollars == 3)
			return i + 1;
	}
	return 0;
}

static bool is_hash_text(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.data[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '.' || c == '/'))
			return false;
	}
	return true;
}

bool hash_is_ours(struct slice hash)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct slice ours;
	const char *last;
	size_t n;

	if (crypt_gensalt_rn(SCHEME, 0, NULL, 0, setting, sizeof(setting)) == NULL)
		return false;
	ours = slice_of(setting);
	n = parameters_len(ours);
	/* The salt has its length, then a dollar and 43 characters. */
	if (hash.len != ours.len + 1 + DIGEST_CHARS || memcmp(hash.data, ours.data, n) != 0)
		return false;
	last = hash.data + ours.len;
	return *last == '$' && is_hash_text((struct slice){hash.data + n, ours.len - n}) &&
	       is_hash_text((struct slice){last + 1, DIGEST_CHARS});
}

bool hash_fits(const char *hash, struct slice password)
{
	CLEANUP(scratch_freep) struct scratch *s = calloc(1, sizeof(*s));
	const char *text = s == NULL ? NULL : hash_run(s, password, hash);
	size_t len = strlen(hash);

	return text != NULL && strlen(text) == len && CRYPTO_memcmp(text, hash, len) == 0;
}
