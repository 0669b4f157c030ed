/*
 * The MAC covers a domain string, the boot id, and then the bytes: a ticket is no credential, a
 * credential is no ticket, and neither is worth anything after a reboot, whose clock starts again
 * at 0. The context is keyed once and re-initialised for each use, which is what makes a MAC cost a
 * microsecond (OpenSSL's one-shot HMAC() fetches the algorithm anew each time).
 */
#include "proto/ticket.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/random.h"
#include "proto/names.h"

enum {
	BOOT_ID_BYTES = 36,
	BOOT_ID_MAX_BYTES = 64,
	TICKET_KEY_ID = 1,
	CREDENTIAL_FIXED_BYTES = CREDENTIAL_BYTES - TICKET_MAC_BYTES,
};

static const struct slice ticket_domain = {"postern ticket 1", sizeof("postern ticket 1")};
static const struct slice edge_domain = {"postern edge 1", sizeof("postern edge 1")};

struct ticket_key {
	EVP_MAC_CTX *mac; /* holds the only copy of the secret; OpenSSL wipes it */
	unsigned char id;
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

int ticket_key_new(struct ticket_key **out, unsigned char key_id,
	const unsigned char secret[TICKET_KEY_BYTES], struct slice boot_id)
{
	struct ticket_key *key;
	int err;

	if (boot_id.len == 0 || boot_id.len > BOOT_ID_MAX_BYTES ||
		memchr(boot_id.data, '\0', boot_id.len) != NULL)
		return -EINVAL;
	key = calloc(1, sizeof(*key));
	if (key == NULL)
		return -ENOMEM;
	err = mac_new(&key->mac, secret);
	if (err < 0) {
		free(key);
		return err;
	}
	key->id = key_id;
	memcpy(key->boot_id, boot_id.data, boot_id.len);
	key->boot_id_len = boot_id.len + 1;
	*out = key;
	return 0;
}

void ticket_key_free(struct ticket_key *key)
{
	if (key == NULL)
		return;
	EVP_MAC_CTX_free(key->mac);
	free(key);
}

static bool mac_of(struct ticket_key *key, struct slice domain, const unsigned char *in, size_t len,
	unsigned char out[TICKET_MAC_BYTES])
{
	size_t out_len = 0;

	return EVP_MAC_init(key->mac, NULL, 0, NULL) == 1 &&
	       EVP_MAC_update(key->mac, (const unsigned char *)domain.data, domain.len) == 1 &&
	       EVP_MAC_update(key->mac, (const unsigned char *)key->boot_id, key->boot_id_len) ==
		       1 &&
	       EVP_MAC_update(key->mac, in, len) == 1 &&
	       EVP_MAC_final(key->mac, out, &out_len, TICKET_MAC_BYTES) == 1 &&
	       out_len == TICKET_MAC_BYTES;
}

static bool mac_is_good(
	struct ticket_key *key, struct slice domain, const unsigned char *in, size_t len)
{
	unsigned char mac[TICKET_MAC_BYTES];

	return mac_of(key, domain, in, len, mac) && CRYPTO_memcmp(mac, in + len, sizeof(mac)) == 0;
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
	struct ticket_key *key, const struct ticket *t, unsigned char out[TICKET_MAX_BYTES])
{
	const size_t len = TICKET_FIXED_BYTES + t->uid_len;

	if (!is_sound(t))
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
	return mac_of(key, ticket_domain, out, len, out + len) ? len + TICKET_MAC_BYTES : 0;
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

enum ticket_result ticket_verify(struct ticket_key *key, struct slice in, struct ticket *out)
{
	const unsigned char *p = (const unsigned char *)in.data;
	struct ticket t;
	size_t uid_len;

	if (in.len <= TICKET_FIXED_BYTES + TICKET_MAC_BYTES || in.len > TICKET_MAX_BYTES)
		return TICKET_BAD_LENGTH;
	uid_len = in.len - TICKET_FIXED_BYTES - TICKET_MAC_BYTES;
	if (get_le(p + 6, 2) != uid_len)
		return TICKET_BAD_LENGTH;
	if (p[4] != key->id)
		return TICKET_BAD_KEY;
	if (!mac_is_good(key, ticket_domain, p, TICKET_FIXED_BYTES + uid_len))
		return TICKET_BAD_MAC;
	read_fields(p, &t);
	if (memcmp(p, "TKT1", 4) != 0 || get_le(p + 88, 8) != 0 || !is_sound(&t))
		return TICKET_BAD_FIELD;
	*out = t;
	return TICKET_OK;
}

void credential_mint(struct ticket_key *key, uint32_t edge_id, uint32_t edge_epoch,
	unsigned char out[CREDENTIAL_BYTES])
{
	memset(out, 0, CREDENTIAL_BYTES);
	memcpy(out, "EDG1", 4);
	out[4] = key->id;
	put_le(out + 8, edge_id, 4);
	put_le(out + 12, edge_epoch, 4);
	/* A MAC that could not be made must not leave one that somebody could guess. */
	if (!mac_of(key, edge_domain, out, CREDENTIAL_FIXED_BYTES, out + CREDENTIAL_FIXED_BYTES))
		abort();
}

enum ticket_result credential_verify(
	struct ticket_key *key, struct slice in, uint32_t *out_id, uint32_t *out_epoch)
{
	const unsigned char *p = (const unsigned char *)in.data;

	if (in.len != CREDENTIAL_BYTES)
		return TICKET_BAD_LENGTH;
	if (p[4] != key->id)
		return TICKET_BAD_KEY;
	if (!mac_is_good(key, edge_domain, p, CREDENTIAL_FIXED_BYTES))
		return TICKET_BAD_MAC;
	if (memcmp(p, "EDG1", 4) != 0 || get_le(p + 5, 3) != 0)
		return TICKET_BAD_FIELD;
	*out_id = (uint32_t)get_le(p + 8, 4);
	*out_epoch = (uint32_t)get_le(p + 12, 4);
	return TICKET_OK;
}

/* Reads until size or the end; the number read, or -errno. */
static ssize_t read_all(int fd, void *buf, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, (char *)buf + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

int boot_id_read(char buf[40])
{
	CLEANUP(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read_all(fd, buf, BOOT_ID_BYTES);
	if (n < 0)
		return (int)n;
	if (n != BOOT_ID_BYTES)
		return -EIO;
	buf[BOOT_ID_BYTES] = '\0';
	return strspn(buf, "0123456789abcdef-") == BOOT_ID_BYTES ? 0 : -EIO;
}

/* A complete, synced key file under a name of its own in dir; its name goes to path. */
static int write_secret(const char *dir, char path[4096])
{
	unsigned char secret[TICKET_KEY_BYTES];
	CLEANUP(fd_closep) int fd = -1;
	int err = 0;

	if (snprintf(path, 4096, "%s/.ticket.key.XXXXXX", dir) >= 4096)
		return -ENAMETOOLONG;
	random_fill(secret, sizeof(secret));
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0) {
		err = -errno;
		explicit_bzero(secret, sizeof(secret));
		return err;
	}
	/* 32 bytes into a fresh file arrive together or not at all. */
	if (write(fd, secret, sizeof(secret)) != (ssize_t)sizeof(secret))
		err = -ENOSPC;
	else if (fchmod(fd, 0640) < 0 || fsync(fd) < 0)
		err = -errno;
	explicit_bzero(secret, sizeof(secret));
	if (err < 0)
		unlink(path);
	return err;
}

static int sync_dir(const char *dir)
{
	CLEANUP(fd_closep) int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int ticket_secret_make(const char *dir)
{
	char temporary[4096];
	char final[4096];
	int err;

	if (snprintf(final, sizeof(final), "%s/ticket.key", dir) >= (int)sizeof(final))
		return -ENAMETOOLONG;
	if (access(final, F_OK) == 0)
		return 0;
	err = write_secret(dir, temporary);
	if (err < 0)
		return err;
	/* link() never replaces: of two processes that start together one key wins, for both. */
	err = link(temporary, final) < 0 && errno != EEXIST ? -errno : 0;
	unlink(temporary);
	return err < 0 ? err : sync_dir(dir);
}

int ticket_secret_read(const char *dir, unsigned char out[TICKET_KEY_BYTES])
{
	CLEANUP(fd_closep) int fd = -1;
	char path[4096];
	struct stat st;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s/ticket.key", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & (S_IWGRP | S_IRWXO)) != 0)
		return -EACCES;
	if (!S_ISREG(st.st_mode) || st.st_size != TICKET_KEY_BYTES)
		return -EINVAL;
	n = read_all(fd, out, TICKET_KEY_BYTES);
	if (n == TICKET_KEY_BYTES)
		return 0;
	explicit_bzero(out, TICKET_KEY_BYTES);
	return n < 0 ? (int)n : -EIO;
}

int ticket_key_load(struct ticket_key **out, const char *dir)
{
	unsigned char secret[TICKET_KEY_BYTES];
	char boot_id[40];
	int err = ticket_secret_read(dir, secret);

	if (err < 0)
		return err;
	err = boot_id_read(boot_id);
	if (err == 0)
		err = ticket_key_new(out, TICKET_KEY_ID, secret, slice_of(boot_id));
	explicit_bzero(secret, sizeof(secret));
	return err;
}
