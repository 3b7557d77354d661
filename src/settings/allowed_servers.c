/*
 * allowed_servers.c
 *
 * The networks of pgcares.allowed_servers, which bound the name servers that a caller
 * can choose.
 */
#include "postgres.h"

#include "settings/settings.h"

#include "utils/builtins.h"

static bool has_host_bits(const inet *network);
static bool contains(const inet *network, int family, const uint8 *address);

/*
 * Reads a network as PostgreSQL's type inet does; an address alone stands for itself.
 * False if it is none, or if the address has bits to the right of the prefix.  Raises
 * nothing.
 */
bool
allowed_servers_network(const char *text, inet *network)
{
	int			bits;

	SET_VARSIZE(network, sizeof(*network));
	ip_family(network) = strchr(text, ':') != NULL ? PGSQL_AF_INET6 : PGSQL_AF_INET;
	memset(ip_addr(network), 0, sizeof(ip_addr(network)));
	bits = pg_inet_net_pton(ip_family(network), text, ip_addr(network), -1);
	if (bits < 0 || bits > ip_maxbits(network))
		return false;
	ip_bits(network) = bits;
	return !has_host_bits(network);
}

/*
 * Can a caller choose this server?  An IPv4-mapped address reaches an IPv4 address, and
 * counts as that.
 */
bool
allowed_servers_has(const DnsServer *server)
{
	const uint8 *address = server->address;
	int			family = server->family == AF_INET ? PGSQL_AF_INET : PGSQL_AF_INET6;
	List	   *elements;
	ListCell   *cell;

	if (*setting_allowed_servers == '\0')
		return true;
	if (family == PGSQL_AF_INET6 &&
		IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) address))
	{
		family = PGSQL_AF_INET;
		address += 12;
	}
	if (!settings_list(setting_allowed_servers, &elements))
		elog(ERROR, "pgcares.allowed_servers is no list");
	foreach(cell, elements)
	{
		inet		network;

		if (!allowed_servers_network(lfirst(cell), &network))
			elog(ERROR, "pgcares.allowed_servers has no valid network");
		if (contains(&network, family, address))
			return true;
	}
	return false;
}

static bool
has_host_bits(const inet *network)
{
	for (int i = ip_bits(network); i < ip_maxbits(network); i++)
	{
		if (ip_addr(network)[i / 8] & (0x80 >> i % 8))
			return true;
	}
	return false;
}

static bool
contains(const inet *network, int family, const uint8 *address)
{
	return ip_family(network) == family &&
		bitncmp(ip_addr(network), address, ip_bits(network)) == 0;
}
