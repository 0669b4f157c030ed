/*
 * Two claimed links are compared, never a lease that nobody claimed: a router hears of an edge by
 * its claim, and may have given a lease or two in vain before.
 */
#include "edge/lease.h"

enum uplink_change lease_change(const struct lease *claimed, const struct lease *now)
{
	if (claimed->edge_id == 0)
		return UPLINK_FIRST;
	if (claimed->edge_id != now->edge_id || claimed->edge_epoch != now->edge_epoch)
		return UPLINK_NEW_EDGE;
	return claimed->router_start == now->router_start ? UPLINK_SAME_ROUTER : UPLINK_NEW_ROUTER;
}
