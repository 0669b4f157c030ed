/*
 * question_tokens: a good token for the next one of the same login, or for a one-time ticket.
 */
#include <errno.h>
#include <string.h>

#include "auth/questions.h"
#include "auth/refresh.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "proto/limits.h"

void question_refresh(const struct question *q, struct answer *out)
{
	struct authd *a = q->a;
	struct slice token = codec_slice(q->ask->refresh->token);
	struct refresh_terms terms = {.now_ms = clock_wall_ms()};
	struct token_facts facts;
	char *fresh = NULL;
	int r;

	if (!question_token_is_good(q, token, terms.now_ms, &facts)) {
		say_deny(out);
		return;
	}
	terms.iat_s = revocations_iat_s(a->revocations, (struct slice){facts.uid, facts.uid_len},
		facts.issuer_id, terms.now_ms);
	r = refresh_make(&fresh, a->ring, token, &facts, &terms);
	if (r == 0)
		r = say_token_copy(a, fresh, out);
	free(fresh);
	if (r < 0) {
		a->counts.denied++;
		log_debug("not_refreshed", "error=%d", -r);
		say_deny(out);
		return;
	}
	a->counts.refreshed++;
}

/* A token that ends sooner takes its ticket with it. */
static int64_t shorter(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void question_one_time(const struct question *q, struct answer *out)
{
	struct authd *a = q->a;
	const Pb__AuthOneTimeOrder *order = q->ask->one_time;
	int64_t wall_ms = clock_wall_ms();
	int64_t boot_ms = clock_boot_ms();
	unsigned char random[ONE_TIME_BYTES];
	char text[ONE_TIME_TEXT_BYTES + 1];
	struct token_facts facts;
	int r;

	if (!question_token_is_good(q, codec_slice(order->token), wall_ms, &facts)) {
		say_deny(out);
		return;
	}
	random_fill(random, sizeof(random));
	r = onetime_make(a->onetime, random, &facts, codec_slice(order->origin), boot_ms, text);
	explicit_bzero(random, sizeof(random));
	if (r < 0) {
		LOG_LIMITED(LOG_WARN, "no_one_time_ticket", "error=\"%s\"", strerror(-r));
		say_busy(out, r == -EAGAIN ? onetime_wait_ms(a->onetime, boot_ms) : BUSY_RETRY_MS);
		return;
	}
	a->counts.one_time++;
	say_one_time(out, text, shorter(ONE_TIME_MS, facts.exp_ms + TOKEN_LEEWAY_MS - wall_ms));
}
