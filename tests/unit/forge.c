/* forge: see forge.h. */
#include "tests/unit/forge.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(bool ok)
{
	if (!ok)
		abort();
}

void forge_init(struct forge *f)
{
	f->keys[FORGE_RSA] = EVP_RSA_gen(2048);
	f->keys[FORGE_RSA_OTHER] = EVP_RSA_gen(2048);
	f->keys[FORGE_RSA_1024] = EVP_RSA_gen(1024);
	f->keys[FORGE_P256] = EVP_EC_gen("P-256");
	f->keys[FORGE_P384] = EVP_EC_gen("P-384");
	f->keys[FORGE_P521] = EVP_EC_gen("P-521");
	f->keys[FORGE_ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	for (int i = 0; i < FORGE_N_KEYS; i++)
		must(f->keys[i] != NULL);
	snprintf(f->dir, sizeof(f->dir), "/tmp/postern-keys-XXXXXX");
	must(mkdtemp(f->dir) != NULL);
}

static void path_of(const struct forge *f, const char *name, char out[512])
{
	snprintf(out, 512, "%s/%s", f->dir, name);
}

void forge_clear(const struct forge *f)
{
	DIR *dir = opendir(f->dir);
	const struct dirent *entry;

	must(dir != NULL);
	while ((entry = readdir(dir)) != NULL) {
		char path[512];

		path_of(f, entry->d_name, path);
		if (entry->d_name[0] != '.')
			must(unlink(path) == 0);
	}
	closedir(dir);
}

void forge_fini(struct forge *f)
{
	forge_clear(f);
	must(rmdir(f->dir) == 0);
	for (int i = 0; i < FORGE_N_KEYS; i++)
		EVP_PKEY_free(f->keys[i]);
}

void forge_file(const struct forge *f, const char *name, const char *text, unsigned mode)
{
	char path[512];
	FILE *file;

	path_of(f, name, path);
	file = fopen(path, "w");
	must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
	must(chmod(path, mode) == 0);
}

char *forge_pem(const struct forge *f, enum forge_key key)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data, *text;
	long len;

	must(bio != NULL && PEM_write_bio_PUBKEY(bio, f->keys[key]) == 1);
	len = BIO_get_mem_data(bio, &data);
	text = strndup(data, (size_t)len);
	must(text != NULL);
	BIO_free(bio);
	return text;
}

void forge_pem_file(const struct forge *f, const char *name, enum forge_key key)
{
	char *pem = forge_pem(f, key);

	forge_file(f, name, pem, 0600);
	free(pem);
}

char *forge_base64(const void *bytes, size_t n)
{
	size_t size = (n + 2) / 3 * 4 + 1;
	char *text = malloc(size);
	int len;

	must(text != NULL);
	len = EVP_EncodeBlock((unsigned char *)text, bytes, (int)n);
	while (len > 0 && text[len - 1] == '=')
		text[--len] = '\0';
	for (int i = 0; i < len; i++) {
		if (text[i] == '+')
			text[i] = '-';
		else if (text[i] == '/')
			text[i] = '_';
	}
	return text;
}

static char *number_text(const EVP_PKEY *key, const char *name, int width)
{
	unsigned char bytes[1024];
	BIGNUM *n = NULL;
	int len;

	must(EVP_PKEY_get_bn_param(key, name, &n) == 1);
	len = BN_bn2binpad(n, bytes, width == 0 ? BN_num_bytes(n) : width);
	must(len > 0);
	BN_free(n);
	return forge_base64(bytes, (size_t)len);
}

static char *jwk_make(const char *kty, const char *a, char *a_value, const char *b, char *b_value,
	const char *more)
{
	char *text;

	must(asprintf(&text, "{\"kty\":%s,\"%s\":\"%s\",\"%s\":\"%s\"%s}", kty, a, a_value, b,
		     b_value, more) > 0);
	free(a_value);
	free(b_value);
	return text;
}

static char *jwk_ed25519(const EVP_PKEY *key, const char *members)
{
	unsigned char x[32];
	size_t len = sizeof(x);

	must(EVP_PKEY_get_raw_public_key(key, x, &len) == 1);
	return jwk_make("\"OKP\"", "crv", strdup("Ed25519"), "x", forge_base64(x, len), members);
}

char *forge_jwk(const struct forge *f, enum forge_key which, const char *members)
{
	static const char *const ec[] = {
		[FORGE_P256] = "\"EC\",\"crv\":\"P-256\"",
		[FORGE_P384] = "\"EC\",\"crv\":\"P-384\"",
		[FORGE_P521] = "\"EC\",\"crv\":\"P-521\"",
	};
	const EVP_PKEY *key = f->keys[which];

	if (which == FORGE_ED25519)
		return jwk_ed25519(key, members);
	if (EVP_PKEY_is_a(key, "RSA"))
		return jwk_make("\"RSA\"", "n", number_text(key, OSSL_PKEY_PARAM_RSA_N, 0), "e",
			number_text(key, OSSL_PKEY_PARAM_RSA_E, 0), members);
	{
		int half = (EVP_PKEY_get_bits(key) + 7) / 8;

		return jwk_make(ec[which], "x", number_text(key, OSSL_PKEY_PARAM_EC_PUB_X, half),
			"y", number_text(key, OSSL_PKEY_PARAM_EC_PUB_Y, half), members);
	}
}

static size_t sign_hmac(
	const struct forge_order *o, const char *digest, const char *text, unsigned char *out)
{
	unsigned len = 0;

	must(HMAC(EVP_get_digestbyname(digest), o->secret.data, (int)o->secret.len,
		     (const unsigned char *)text, strlen(text), out, &len) != NULL);
	return len;
}

static size_t der_to_raw(const unsigned char *der, size_t len, int half, unsigned char *out)
{
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);

	must(sig != NULL);
	must(BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, half) == half);
	must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + half, half) == half);
	ECDSA_SIG_free(sig);
	return 2 * (size_t)half;
}

static size_t sign_public(const struct forge_order *o, const char *digest, const char *text,
	unsigned char *out, size_t size)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *params;
	unsigned char der[1024];
	size_t len = sizeof(der);

	must(ctx != NULL &&
		EVP_DigestSignInit_ex(ctx, &params, digest, NULL, NULL, o->key, NULL) == 1);
	if (o->alg[0] == 'P')
		must(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(params, RSA_PSS_SALTLEN_DIGEST) == 1);
	must(EVP_DigestSign(ctx, der, &len, (const unsigned char *)text, strlen(text)) == 1);
	EVP_MD_CTX_free(ctx);
	if (EVP_PKEY_is_a(o->key, "EC"))
		return der_to_raw(der, len, (EVP_PKEY_get_bits(o->key) + 7) / 8, out);
	must(len <= size);
	memcpy(out, der, len);
	return len;
}

char *forge_token(const struct forge_order *o)
{
	char *header = forge_base64(o->header, strlen(o->header));
	char *payload = forge_base64(o->payload, strlen(o->payload));
	char *text, *signature, *token;
	unsigned char bytes[1024];
	char digest[] = "SHA000";
	size_t len;

	must(asprintf(&text, "%s.%s", header, payload) > 0);
	memcpy(digest + 3, o->alg + 2, 3);
	if (o->alg[0] == 'H')
		len = sign_hmac(o, digest, text, bytes);
	else
		len = sign_public(o, strcmp(o->alg, "EdDSA") == 0 ? NULL : digest, text, bytes,
			sizeof(bytes));
	signature = forge_base64(bytes, len);
	must(asprintf(&token, "%s.%s", text, signature) > 0);
	free(header);
	free(payload);
	free(text);
	free(signature);
	return token;
}
