/*
 * sortlist.c
 *
 * The networks of pgcares.sortlist, whose addresses come before others.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "settings/settings.h"

/* A network; the union aligns the length word of an inet in an array. */
typedef union Network
{
	inet		inet;
	int32		length;
} Network;

/* The value of the setting when it was parsed. */
static char *parsed_text = NULL;
static Network *networks = NULL;
static int	nnetworks = 0;

static void refresh(void);
static bool prefix_length(const char *text, int family, int *bits);

/*
 * Reads a network of pgcares.sortlist: an address with a prefix length or a
 * netmask after a slash; an address alone stands for itself.  False if it is none.
 */
bool
sortlist_network(const char *text, inet *network)
{
	char		address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t		len = slash != NULL ? (size_t) (slash - text) : strlen(text);
	int			bits;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!address_parse(address, network))
		return false;

	if (slash != NULL && !prefix_length(slash + 1, ip_family(network), &bits))
		return false;
	if (slash == NULL)
		bits = ip_maxbits(network);
	ip_bits(network) = bits;
	return true;
}

/*
 * The rank of an address in pgcares.sortlist: the index of its network there,
 * from 0; an address in no network comes last.
 */
int
sortlist_rank(const inet *address)
{
	refresh();
	for (int i = 0; i < nnetworks; i++)
	{
		const inet *network = &networks[i].inet;

		if (ip_family(network) == ip_family(address) &&
			bitncmp(ip_addr(network), ip_addr(address),
					ip_bits(network)) == 0)
			return i;
	}
	return nnetworks;
}

/* Parses the setting if it has changed since the last time. */
static void
refresh(void)
{
	List	   *elements;
	ListCell   *cell;

	if (parsed_text != NULL && strcmp(parsed_text, setting_sortlist) == 0)
		return;
	if (!settings_list(setting_sortlist, &elements))
		elog(ERROR, "pgcares.sortlist is no list");
	if (parsed_text != NULL)
		pfree(parsed_text);
	parsed_text = NULL;
	if (networks != NULL)
		pfree(networks);
	networks = NULL;
	nnetworks = 0;
	networks = MemoryContextAlloc(TopMemoryContext,
								  (list_length(elements) + 1) * sizeof(Network));
	foreach(cell, elements)
	{
		if (!sortlist_network(lfirst(cell), &networks[nnetworks++].inet))
			elog(ERROR, "pgcares.sortlist has no valid network");
	}
	parsed_text = MemoryContextStrdup(TopMemoryContext, setting_sortlist);
}

/* Reads a prefix length, or a netmask whose one bits come first. */
static bool
prefix_length(const char *text, int family, int *bits)
{
	size_t		digits = strspn(text, "0123456789");
	struct in_addr mask;
	uint32		ones;

	if (digits >= 1 && digits <= 3 && text[digits] == '\0')
	{
		*bits = atoi(text);
		return *bits <= (family == PGSQL_AF_INET ? 32 : 128);
	}
	if (family != PGSQL_AF_INET || inet_pton(AF_INET, text, &mask) != 1)
		return false;
	ones = ntohl(mask.s_addr);
	for (*bits = 0; ones & 0x80000000; ones <<= 1)
		(*bits)++;
	return ones == 0;
}
