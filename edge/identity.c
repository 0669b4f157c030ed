/*
 * Not listed means {ID_ENDED, ID_CLOSE}: what nobody thought of ends the connection, and the client
 * comes back with its token.
 */
#include "edge/identity.h"

#include "common/bug.h"

struct step {
	uint8_t next;
	uint8_t action;
};

static const struct step steps[ID_N_STATES][ID_EV_N] = {
	[ID_STEADY] =
		{
			[ID_EV_TOKEN] = {ID_ASKING, ID_ASK},
			[ID_EV_TOKEN_OVER] = {ID_STEADY, ID_SAY_OVER},
			[ID_EV_FRAME] = {ID_STEADY, ID_EXECUTE},
			[ID_EV_SETTLED] = {ID_STEADY, ID_NOTHING},
			[ID_EV_LOST] = {ID_STEADY, ID_NOTHING}, /* it is reopened as it is */
			[ID_EV_LEFT] = {ID_ENDED, ID_NOTHING},
			[ID_EV_SHUT] = {ID_ENDED, ID_NOTHING},
		},
	[ID_ASKING] =
		{
			[ID_EV_TOKEN] = {ID_ASKING, ID_SAY_BETWEEN},
			[ID_EV_TOKEN_OVER] = {ID_ASKING, ID_SAY_BETWEEN},
			[ID_EV_FRAME] = {ID_ASKING, ID_SAY_BETWEEN},
			[ID_EV_SAME] = {ID_STEADY, ID_RENEW},
			[ID_EV_OTHER] = {ID_SETTLING, ID_WAIT},
			[ID_EV_OTHER_READY] = {ID_MOVING, ID_REBIND},
			[ID_EV_OTHER_LOST] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_OTHER_DENIED] = {ID_ENDED, ID_MISMATCH},
			[ID_EV_DENIED] = {ID_STEADY, ID_SAY_INVALID},
			[ID_EV_BUSY] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_AWAY] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_TIMEOUT] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_SETTLED] = {ID_ASKING, ID_NOTHING},
			[ID_EV_LOST] = {ID_ASKING, ID_NOTHING}, /* the same user needs no link */
			[ID_EV_LEFT] = {ID_ENDED, ID_NOTHING},
			[ID_EV_SHUT] = {ID_ENDED, ID_NOTHING},
		},
	[ID_SETTLING] =
		{
			[ID_EV_TOKEN] = {ID_SETTLING, ID_SAY_BETWEEN},
			[ID_EV_TOKEN_OVER] = {ID_SETTLING, ID_SAY_BETWEEN},
			[ID_EV_FRAME] = {ID_SETTLING, ID_SAY_BETWEEN},
			[ID_EV_SETTLED] = {ID_MOVING, ID_REBIND},
			[ID_EV_TIMEOUT] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_LOST] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_LEFT] = {ID_ENDED, ID_NOTHING},
			[ID_EV_SHUT] = {ID_ENDED, ID_NOTHING},
		},
	[ID_MOVING] =
		{
			[ID_EV_TOKEN] = {ID_MOVING, ID_SAY_BETWEEN},
			[ID_EV_TOKEN_OVER] = {ID_MOVING, ID_SAY_BETWEEN},
			[ID_EV_FRAME] = {ID_MOVING, ID_SAY_BETWEEN},
			[ID_EV_OPENED] = {ID_STEADY, ID_SWITCH}, /* here and nowhere else */
			[ID_EV_REFUSED] = {ID_STEADY, ID_SAY_REFUSED},
			/* Nobody knows whether it was moved: neither user goes on. */
			[ID_EV_TIMEOUT] = {ID_ENDED, ID_CLOSE},
			/* A router that is gone has forgotten both; a link that only broke ends
			 * all of its connections. */
			[ID_EV_LOST] = {ID_STEADY, ID_SAY_AWAY},
			[ID_EV_SETTLED] = {ID_MOVING, ID_NOTHING},
			[ID_EV_LEFT] = {ID_ENDED, ID_NOTHING},
			[ID_EV_SHUT] = {ID_ENDED, ID_NOTHING},
		},
};

void identity_init(struct identity *id)
{
	*id = (struct identity){.state = ID_STEADY};
}

static bool is_answer(enum identity_event ev)
{
	return ev == ID_EV_SAME || ev == ID_EV_OTHER || ev == ID_EV_DENIED || ev == ID_EV_BUSY ||
	       ev == ID_EV_AWAY || ev == ID_EV_OPENED || ev == ID_EV_REFUSED || ev == ID_EV_TIMEOUT;
}

static enum identity_event sharpen(enum identity_event ev, const struct identity_facts *facts)
{
	if (ev == ID_EV_TOKEN && !facts->may_ask)
		return ID_EV_TOKEN_OVER;
	if (ev != ID_EV_OTHER)
		return ev;
	if (!facts->may_swap)
		return ID_EV_OTHER_DENIED;
	if (!facts->has_session)
		return ID_EV_OTHER_LOST;
	return facts->has_sends ? ID_EV_OTHER : ID_EV_OTHER_READY;
}

enum identity_action identity_step(struct identity *id, enum identity_event ev, uint16_t question,
	const struct identity_facts *facts)
{
	const bool was_asking = identity_is_asking(id);
	const struct step *step;

	/* Too late, whatever it says. */
	if (is_answer(ev) && (!was_asking || question != id->question) && !(BUG(48) && was_asking))
		return ID_NOTHING;
	if (BUG(47) && ev == ID_EV_FRAME && id->state == ID_ASKING)
		return ID_EXECUTE;
	step = &steps[id->state][sharpen(ev, facts)];
	id->state = step->next;
	if (identity_is_asking(id) != was_asking)
		id->question++;
	return (enum identity_action)step->action;
}
