/*
 * host_order.c
 *
 * The order of a host's addresses.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/* An address that is being sorted. */
typedef struct RankedAddress
{
	HostAddress *address;
	int			rank;
	int			place;			/* before sorting */
} RankedAddress;

static int	compare_ranks(const void *a, const void *b);

/*
 * Sorts the addresses by pgcares.sortlist; those of equal rank keep their
 * order.
 */
void
host_order(Host *host)
{
	int			count = list_length(host->addresses);
	RankedAddress *ranked;
	ListCell   *cell;

	if (count < 2 || *setting_sortlist == '\0')
		return;
	ranked = palloc(count * sizeof(RankedAddress));
	foreach(cell, host->addresses)
	{
		int			place = foreach_current_index(cell);

		ranked[place].address = lfirst(cell);
		ranked[place].rank = sortlist_rank(ranked[place].address->address);
		ranked[place].place = place;
	}
	qsort(ranked, count, sizeof(RankedAddress), compare_ranks);
	foreach(cell, host->addresses)
		lfirst(cell) = ranked[foreach_current_index(cell)].address;
	pfree(ranked);
}

static int
compare_ranks(const void *a, const void *b)
{
	const RankedAddress *one = a;
	const RankedAddress *other = b;

	return one->rank != other->rank ? one->rank - other->rank :
		one->place - other->place;
}
