/*
 * store_mac: the keyed 128-bit MAC (SipHash-2-4) of what the store keeps.  It finds every bit that
 * the disk turned and every row that stands where it was not written; who reads the key can forge.
 * One thread at a time.
 */
#ifndef POSTERN_ROUTER_STORE_MAC_H
#define POSTERN_ROUTER_STORE_MAC_H

#include <stdbool.h>
#include <stdint.h>

#include "common/slice.h"

#define STORE_MAC_BYTES 16
#define STORE_KEY_BYTES 16

struct store_mac;

/* What kind of row; the same bytes as another kind have another MAC. */
enum store_domain {
	STORE_DOMAIN_MESSAGE = 1,
	STORE_DOMAIN_USER,
	STORE_DOMAIN_DEVICE,
	STORE_DOMAIN_CONTACT,
	STORE_DOMAIN_META,
	STORE_DOMAIN_HEAD,
	STORE_DOMAIN_MARK,
};

/* Copies key.  0 and an owned *out, or -ENOMEM or -EIO. */
int store_mac_new(struct store_mac **out, const unsigned char key[STORE_KEY_BYTES]);
void store_mac_free(struct store_mac *m);
/* id is the row's own key.  false: no memory. */
bool store_mac_make(struct store_mac *m, enum store_domain domain, uint64_t id, struct slice in,
	char out[STORE_MAC_BYTES]);
/* in ends with its MAC. */
bool store_mac_fits(
	struct store_mac *m, enum store_domain domain, uint64_t id, struct slice in_and_mac);

#endif
