/*
 * portion.c
 *
 * Divides an amount among those who use it.  Each gets as much as it uses if that is
 * little; the rest goes to the hungry ones, those who could use more, in equal portions
 * (max-min fairness; the desired rates of RFC 8699 section 5.3).  Nobody gets more than
 * the others leave free now, and each gets one at least.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * One of them now uses this much, and is hungry or not.
 */
void
portion_change(DnsUses *all, DnsUse *own, int used, bool hungry)
{
	all->used += used - own->used;
	all->sated += (hungry ? 0 : used) - (own->hungry ? 0 : own->used);
	all->hungry += hungry - own->hungry;
	own->used = used;
	own->hungry = hungry;
}

/*
 * The portion of one of them, as if it were hungry.
 */
double
portion_of(const DnsUses *all, const DnsUse *own, double amount)
{
	double		sated = all->sated - (own->hungry ? 0 : own->used);
	int			hungry = all->hungry - own->hungry + 1;
	double		fair = (amount - sated) / hungry;
	double		left = amount - (all->used - own->used);

	return Max(1, Min(fair, left));
}
