/*
 * host_order.c
 *
 * The order of a host's addresses: by the networks of pgcares.sortlist, then as RFC
 * 6724 section 6 has it for destinations, by those rules that need no route: higher
 * precedence first (rule 6), then smaller scope (rule 8), then as they came (rule 10).
 * Rules 1 to 5 and 7 compare with the source address that a route would give.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "utils/builtins.h"

/* Scopes; RFC 6724 section 3.1. */
enum
{
	SCOPE_LINK,
	SCOPE_SITE,
	SCOPE_GLOBAL,
	SCOPES
};

/*
 * The policy table of RFC 6724 section 2.1, longer prefixes first.  The place is that of
 * the precedence among all.
 */
typedef struct Policy
{
	uint8		prefix[16];
	int			bits;
	int			place;
} Policy;

static const Policy policies[] = {
	{{[15] = 1}, 128, 0},		/* loopback: precedence 50 */
	{{[10] = 0xff, [11] = 0xff}, 96, 3},	/* IPv4-mapped, just after IPv4: 35 */
	{{0}, 96, 7},				/* IPv4-compatible: 1 */
	{{0x20, 0x01}, 32, 5},		/* Teredo: 5 */
	{{0x20, 0x02}, 16, 4},		/* 6to4: 30 */
	{{0x3f, 0xfe}, 16, 7},		/* 6bone: 1 */
	{{0xfe, 0xc0}, 10, 7},		/* site-local: 1 */
	{{0xfc}, 7, 6},				/* unique local: 3 */
	{{0}, 0, 1}					/* 40 */
};

#define PLACE_IPV4	2			/* 35 */
#define PLACES		8

/* An address that is being sorted. */
typedef struct RankedAddress
{
	HostAddress *address;
	int			rank;
	int			place;			/* before sorting */
} RankedAddress;

static int	policy_place(const uint8 *ip6);
static int	scope_of(const inet *address);
static int	scope_of_ip4(const uint8 *octets);
static int	compare_ranks(const void *a, const void *b);

/*
 * The rank of an address, at most HOST_RANKS for each network of pgcares.sortlist, and
 * once more: the lowest comes first.
 */
int
host_address_rank(const inet *address)
{
	int			place = ip_family(address) == PGSQL_AF_INET ? PLACE_IPV4 :
		policy_place(ip_addr(address));

	StaticAssertStmt(PLACES * SCOPES == HOST_RANKS, "HOST_RANKS is wrong");
	return sortlist_rank(address) * HOST_RANKS + place * SCOPES +
		scope_of(address);
}

/*
 * Sorts the addresses by their ranks; those of equal rank keep their order.
 */
void
host_order(Host *host)
{
	int			count = list_length(host->addresses);
	RankedAddress *ranked;
	ListCell   *cell;

	if (count < 2)
		return;
	ranked = palloc(count * sizeof(RankedAddress));
	foreach(cell, host->addresses)
	{
		int			place = foreach_current_index(cell);

		ranked[place].address = lfirst(cell);
		ranked[place].rank = host_address_rank(ranked[place].address->address);
		ranked[place].place = place;
	}
	qsort(ranked, count, sizeof(RankedAddress), compare_ranks);
	foreach(cell, host->addresses)
		lfirst(cell) = ranked[foreach_current_index(cell)].address;
	pfree(ranked);
}

static int
policy_place(const uint8 *ip6)
{
	const Policy *policy = policies;

	while (bitncmp(policy->prefix, ip6, policy->bits) != 0)
		policy++;
	return policy->place;
}

static int
scope_of(const inet *address)
{
	const uint8 *octets = ip_addr(address);

	if (ip_family(address) == PGSQL_AF_INET)
		return scope_of_ip4(octets);
	if (policy_place(octets) == PLACE_IPV4 + 1)
		return scope_of_ip4(octets + 12);
	if (octets[0] == 0xff)
		return (octets[1] & 15) <= 2 ? SCOPE_LINK :
			(octets[1] & 15) <= 5 ? SCOPE_SITE : SCOPE_GLOBAL;
	if (octets[0] == 0xfe)
		return (octets[1] & 0xc0) == 0x80 ? SCOPE_LINK : SCOPE_SITE;
	return policy_place(octets) == 0 ? SCOPE_LINK : SCOPE_GLOBAL;
}

/* RFC 6724 section 3.2 */
static int
scope_of_ip4(const uint8 *octets)
{
	return octets[0] == 127 || (octets[0] == 169 && octets[1] == 254) ?
		SCOPE_LINK : SCOPE_GLOBAL;
}

static int
compare_ranks(const void *a, const void *b)
{
	const RankedAddress *one = a;
	const RankedAddress *other = b;

	return one->rank != other->rank ? one->rank - other->rank :
		one->place - other->place;
}
