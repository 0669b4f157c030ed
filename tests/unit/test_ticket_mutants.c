/*
 * ticket: nothing passes that was not minted.  Valid tickets and credentials are changed in every
 * way that a forger without the key can think of, first one by one, then at random, and each must
 * be refused.  POSTERN_MUTANTS says how many at random, POSTERN_SEED which; both are printed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/ticket.h"
#include "tests/unit/test.h"

#define MUTANTS 100000
#define BYTES_MAX (2 * TICKET_MAX_BYTES)
#define TICKETS 24

enum { RETIRED = 6, OLDER = 7, MINTING = 8 };

struct bytes {
	size_t len;
	unsigned char data[BYTES_MAX];
};

/* What the real ring made, and is good: tickets, then credentials. */
static struct bytes good[TICKETS];
static struct bytes good_credentials[TICKETS];
/* What others made: the key that was retired, other secrets under the same ids, another boot. */
static struct bytes foreign[TICKETS];
static struct ticket_keys *ring;
static struct ticket_keys *others[3];

static uint64_t seed;
static uint64_t as_ticket[TICKET_BAD_FIELD + 1]; /* how often which verdict */

/* splitmix64 */
static uint64_t draw(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t below(size_t n)
{
	return (size_t)(draw() % n);
}

static void add_key(struct ticket_keys *keys, const char *text, unsigned char id)
{
	unsigned char secret[TICKET_KEY_BYTES] = {0};

	snprintf((char *)secret, sizeof(secret), "%s %u", text, id);
	assert_int_equal(ticket_keys_add(keys, id, secret), 0);
}

static struct ticket_keys *keys_of(
	const char *text, const char *boot, unsigned char one, unsigned char two)
{
	struct ticket_keys *keys = NULL;

	assert_int_equal(ticket_keys_new(&keys, slice_of(boot)), 0);
	add_key(keys, text, one);
	add_key(keys, text, two);
	return keys;
}

static struct ticket draw_ticket(size_t i)
{
	static const size_t lens[] = {1, 3, 3, 8, UID_MAX_BYTES - 1, UID_MAX_BYTES};
	struct ticket t = {
		.flags = (unsigned char)below(8),
		.session = draw(),
		.edge_id = (uint32_t)draw(),
		.edge_epoch = (uint32_t)draw(),
		.nonce = draw(),
		.issued_at_ms = (int64_t)(draw() >> 20),
		.present_by_ms = (int64_t)(draw() >> 20),
		.session_end_ms = (int64_t)(draw() >> 20),
		.ceiling_ms = (int64_t)(draw() >> 1),
		.token_hash = draw(),
		.auth_epoch = draw(),
		.issuer_id = (uint32_t)draw(),
		.rate_class = (uint32_t)draw(),
		.uid_len = lens[i % 6],
	};

	for (size_t k = 0; k < t.uid_len; k++)
		t.uid[k] = "0123456789abcdefghijklmnopqrstuvwxyz.:-_@"[below(41)];
	return t;
}

static void mint(struct ticket_keys *keys, unsigned char id, size_t i, struct bytes *out)
{
	struct ticket t = draw_ticket(i);

	assert_true(ticket_keys_mint_with(keys, id));
	out->len = ticket_mint(keys, &t, out->data);
	assert_true(out->len > 0);
}

static int setup(void **state)
{
	const char *given = getenv("POSTERN_SEED");

	(void)state;
	seed = given == NULL ? 1 : strtoull(given, NULL, 10);
	ring = keys_of("ours", "boot", RETIRED, OLDER);
	others[0] = keys_of("theirs", "boot", OLDER, MINTING);
	others[1] = keys_of("ours", "boot before", OLDER, MINTING);
	others[2] = keys_of("ours", "boo", OLDER, MINTING);
	for (size_t i = 0; i < TICKETS / 2; i++)
		mint(ring, RETIRED, i, &foreign[i]);
	for (size_t i = TICKETS / 2; i < TICKETS; i++)
		mint(others[i % 3], i % 2 == 0 ? OLDER : MINTING, i, &foreign[i]);
	/* A rotation: 6 goes, 8 comes. */
	assert_true(ticket_keys_mint_with(ring, OLDER) && ticket_keys_remove(ring, RETIRED));
	add_key(ring, "ours", MINTING);
	for (size_t i = 0; i < TICKETS; i++) {
		mint(ring, i % 3 == 0 ? OLDER : MINTING, i, &good[i]);
		good_credentials[i].len = CREDENTIAL_BYTES;
		credential_mint(ring, (uint32_t)draw(), (uint32_t)draw(), good_credentials[i].data);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ticket_keys_free(ring);
	for (size_t i = 0; i < 3; i++)
		ticket_keys_free(others[i]);
	return 0;
}

static bool is_one_of(const struct bytes *list, const struct bytes *m)
{
	for (size_t i = 0; i < TICKETS; i++) {
		if (list[i].len == m->len && memcmp(list[i].data, m->data, m->len) == 0)
			return true;
	}
	return false;
}

static void fail_with(const struct bytes *m, const char *what)
{
	for (size_t i = 0; i < m->len; i++)
		fprintf(stderr, "%02x", m->data[i]);
	fail_msg("\n%s was accepted (seed state %" PRIu64 ")", what, seed);
}

/* From memory that ends where the bytes end, as both kinds; what was minted must pass. */
static void judge(const struct bytes *m)
{
	bool is_ticket = is_one_of(good, m);
	bool is_credential = is_one_of(good_credentials, m);
	char *exact = malloc(m->len + 1);
	struct slice in = {exact, m->len};
	enum ticket_result result;
	struct ticket before, t;
	uint32_t id = 1, epoch = 2;

	assert_non_null(exact);
	memcpy(exact, m->data, m->len);
	memset(&before, 0xee, sizeof(before));
	t = before;
	result = ticket_verify(ring, in, &t);
	as_ticket[result]++;
	if ((result == TICKET_OK) != is_ticket)
		fail_with(m, is_ticket ? "not what was minted" : "a ticket");
	if ((credential_verify(ring, in, &id, &epoch) == TICKET_OK) != is_credential)
		fail_with(m, is_credential ? "not what was minted" : "a credential");
	if (!is_ticket && memcmp(&t, &before, sizeof(t)) != 0)
		fail_with(m, "a part of a ticket");
	if (!is_credential && (id != 1 || epoch != 2))
		fail_with(m, "a part of a credential");
	free(exact);
}

/* The fields, each with its place; the last are those that the length moves. */
static const struct field {
	size_t at;
	size_t len;
} fields[] = {{0, 4}, {4, 1}, {5, 1}, {6, 2}, {8, 8}, {16, 4}, {20, 4}, {24, 8}, {32, 8}, {40, 8},
	{48, 8}, {56, 8}, {64, 8}, {72, 8}, {80, 4}, {84, 4}, {88, 8}};
enum { FIELDS = sizeof(fields) / sizeof(fields[0]) };

static void every_bit_and_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < TICKETS; i++) {
		struct bytes m = i % 2 == 0 ? good[i] : good_credentials[i];

		judge(&m);
		for (size_t bit = 0; bit < m.len * 8; bit++) {
			m.data[bit / 8] ^= (unsigned char)(1u << (bit % 8));
			judge(&m);
			m.data[bit / 8] ^= (unsigned char)(1u << (bit % 8));
		}
		for (size_t at = 0; i < 2 && at < m.len; at++) {
			unsigned char was = m.data[at];

			for (unsigned value = 0; value < 256; value++) {
				m.data[at] = (unsigned char)value;
				judge(&m);
			}
			m.data[at] = was;
		}
	}
}

static void set_uid_len(struct bytes *m)
{
	size_t n = m->len - TICKET_FIXED_BYTES - TICKET_MAC_BYTES;

	m->data[6] = (unsigned char)n;
	m->data[7] = (unsigned char)(n >> 8);
}

/* Cut and prolonged at both ends and before the MAC, with the length field as it was and as the new
 * length wants it. */
static void every_length(void **state)
{
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		for (size_t len = 0; len < BYTES_MAX; len++) {
			struct bytes m = {.len = len};
			size_t n = len < good[i].len ? len : good[i].len;

			memcpy(m.data, good[i].data, n);
			judge(&m);
			set_uid_len(&m);
			judge(&m);
			/* The old MAC at the new end. */
			if (len < TICKET_FIXED_BYTES + TICKET_MAC_BYTES)
				continue;
			memcpy(m.data + len - TICKET_MAC_BYTES,
				good[i].data + good[i].len - TICKET_MAC_BYTES, TICKET_MAC_BYTES);
			judge(&m);
			memcpy(m.data, good[i].data, 8);
			judge(&m);
		}
	}
}

static void every_key_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < TICKETS; i++) {
		for (unsigned id = 0; id < 256; id++) {
			struct bytes m = good[i];

			m.data[4] = (unsigned char)id;
			judge(&m);
			m = foreign[i];
			m.data[4] = (unsigned char)id;
			judge(&m);
			m = good_credentials[i];
			m.data[4] = (unsigned char)id;
			judge(&m);
		}
	}
}

/* Each field of one in another, alone and with the MAC it belonged to. */
static void every_field_swapped(void **state)
{
	(void)state;
	for (size_t i = 0; i < TICKETS; i++) {
		for (size_t k = 0; k < 2 * TICKETS; k++) {
			const struct bytes *other = k < TICKETS ? &good[k] : &foreign[k - TICKETS];

			for (size_t f = 0; f < FIELDS; f++) {
				struct bytes m = good[i];

				memcpy(m.data + fields[f].at, other->data + fields[f].at,
					fields[f].len);
				judge(&m);
				memcpy(m.data + m.len - TICKET_MAC_BYTES,
					other->data + other->len - TICKET_MAC_BYTES,
					TICKET_MAC_BYTES);
				judge(&m);
			}
		}
	}
}

static void splice(const struct bytes *a, size_t a_len, const struct bytes *b, size_t b_at)
{
	struct bytes m = {.len = a_len + (b->len - b_at)};

	memcpy(m.data, a->data, a_len);
	memcpy(m.data + a_len, b->data + b_at, b->len - b_at);
	judge(&m);
	if (m.len < TICKET_FIXED_BYTES + TICKET_MAC_BYTES)
		return;
	set_uid_len(&m);
	judge(&m);
}

static void every_splice_of_two(void **state)
{
	(void)state;
	for (size_t i = 0; i < TICKETS; i++) {
		const struct bytes *a = &good[i];
		const struct bytes *b =
			i % 4 == 0 ? &foreign[(i + 5) % TICKETS] : &good[(i + 1 + i % 3) % TICKETS];

		for (size_t at = 0; at <= a->len && at <= b->len; at++)
			splice(a, at, b, at);
		/* The end of one moves against the other: the MAC stays at the end. */
		for (size_t at = 0; at <= a->len; at++) {
			size_t from_end = a->len - at;

			if (from_end <= b->len)
				splice(a, at, b, b->len - from_end);
		}
		splice(a, a->len, b, 0);
		splice(&good_credentials[i], CREDENTIAL_BYTES, a, CREDENTIAL_BYTES);
		splice(a, CREDENTIAL_BYTES, &good_credentials[i], CREDENTIAL_BYTES);
	}
}

/* At random */

static void mutate_bits(struct bytes *m)
{
	for (size_t n = 1 + below(8); n > 0 && m->len > 0; n--)
		m->data[below(m->len)] ^= (unsigned char)(1u << below(8));
}

static void mutate_bytes(struct bytes *m)
{
	size_t at = m->len == 0 ? 0 : below(m->len);

	for (size_t n = 1 + below(16); n > 0 && at < m->len; n--)
		m->data[at++] = (unsigned char)draw();
}

static void mutate_length(struct bytes *m)
{
	size_t len = below(4) == 0 ? below(BYTES_MAX) : m->len + below(33);

	if (len >= 16 && below(4) != 0)
		len -= 16;
	if (len >= BYTES_MAX)
		len = BYTES_MAX - 1;
	for (size_t i = m->len; i < len; i++)
		m->data[i] = (unsigned char)draw();
	m->len = len;
	if (len > 8 && below(2) == 0)
		set_uid_len(m);
}

/* A piece goes out, or in: what is behind it moves. */
static void mutate_shift(struct bytes *m)
{
	size_t at = m->len == 0 ? 0 : below(m->len);
	size_t n = 1 + below(16);

	if (below(2) == 0 && at + n < m->len) {
		memmove(m->data + at, m->data + at + n, m->len - at - n);
		m->len -= n;
	} else if (m->len + n < BYTES_MAX) {
		memmove(m->data + at + n, m->data + at, m->len - at);
		m->len += n;
	}
	if (m->len > 8 && below(2) == 0)
		set_uid_len(m);
}

static void mutate_key_id(struct bytes *m)
{
	static const unsigned char ids[] = {0, 1, RETIRED, OLDER, MINTING, 9, 255};

	if (m->len > 4)
		m->data[4] = ids[below(sizeof(ids))];
}

static const struct bytes *any(void)
{
	switch (below(4)) {
	case 0:
		return &foreign[below(TICKETS)];
	case 1:
		return &good_credentials[below(TICKETS)];
	default:
		return &good[below(TICKETS)];
	}
}

static void mutate_field(struct bytes *m)
{
	const struct field *f = &fields[below(FIELDS)];
	const struct bytes *other = any();

	if (f->at + f->len <= m->len && f->at + f->len <= other->len)
		memcpy(m->data + f->at, other->data + f->at, f->len);
}

static void mutate_mac(struct bytes *m)
{
	const struct bytes *other = any();

	if (m->len >= TICKET_MAC_BYTES)
		memcpy(m->data + m->len - TICKET_MAC_BYTES,
			other->data + other->len - TICKET_MAC_BYTES, TICKET_MAC_BYTES);
}

static void mutate_splice(struct bytes *m)
{
	const struct bytes *other = any();
	size_t at = below(m->len + 1);
	size_t from = below(2) == 0 && at <= other->len ? at : below(other->len + 1);
	size_t n = other->len - from;

	if (at + n > BYTES_MAX)
		n = BYTES_MAX - at;
	memcpy(m->data + at, other->data + from, n);
	m->len = at + n;
}

static void so_many_at_random(void **state)
{
	static void (*const ways[])(struct bytes *) = {mutate_bits, mutate_bytes, mutate_length,
		mutate_shift, mutate_key_id, mutate_field, mutate_mac, mutate_splice};
	const char *given = getenv("POSTERN_MUTANTS");
	uint64_t n = given == NULL ? MUTANTS : strtoull(given, NULL, 10);
	uint64_t first = seed;

	(void)state;
	memset(as_ticket, 0, sizeof(as_ticket));
	for (uint64_t i = 0; i < n; i++) {
		struct bytes m = *any();

		for (size_t k = 1 + (below(4) == 0 ? below(3) : 0); k > 0; k--)
			ways[below(sizeof(ways) / sizeof(ways[0]))](&m);
		judge(&m);
	}
	printf("mutants: %" PRIu64 " at random from seed state %" PRIu64 ", as tickets: %" PRIu64
	       " of a bad length, %" PRIu64 " of no key, %" PRIu64 " of a bad MAC, %" PRIu64
	       " as they were minted; 0 accepted\n",
		n, first, as_ticket[TICKET_BAD_LENGTH], as_ticket[TICKET_BAD_KEY],
		as_ticket[TICKET_BAD_MAC], as_ticket[TICKET_OK]);
	/* A forger's work is to come as far as the MAC. */
	assert_true(as_ticket[TICKET_BAD_MAC] >= n / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_and_byte),
		cmocka_unit_test(every_length),
		cmocka_unit_test(every_key_id),
		cmocka_unit_test(every_field_swapped),
		cmocka_unit_test(every_splice_of_two),
		cmocka_unit_test(so_many_at_random),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
