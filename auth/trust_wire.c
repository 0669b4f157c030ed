/* After a question that was not answered the other wire is tried, whatever the reason. */
#include "auth/trust_wire.h"

#include "proto/limits.h"

void trust_wire_init(struct trust_wire *w)
{
	*w = (struct trust_wire){.next = WIRE_VERSION};
}

void trust_wire_answered(struct trust_wire *w, uint32_t wire, uint64_t router_start)
{
	if (wire >= 3) {
		w->wire_2_start = 0;
		return;
	}
	if (w->wire_3_broke && w->wire_2_start == router_start)
		w->old_start = router_start;
	w->wire_2_start = router_start;
	w->wire_3_broke = false;
	w->next = w->old_start == router_start ? 2 : WIRE_VERSION;
}

void trust_wire_unanswered(struct trust_wire *w, bool broke)
{
	if (w->next >= 3 && broke)
		w->wire_3_broke = true;
	w->next = w->next >= 3 ? 2 : WIRE_VERSION;
}

bool trust_wire_may_tell(const struct trust_wire *w, uint64_t router_start)
{
	return w->next >= 3 || (w->old_start != 0 && w->old_start == router_start);
}
