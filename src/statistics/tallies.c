/*
 * tallies.c
 *
 * The counts of this process, by name server and record type: plain numbers, which
 * totals.c adds to those of all sessions.  Each question, query and answer is counted
 * once here, since this is done for each lookup.  Runs inside the library: never raises,
 * never allocates.
 */
#include "postgres.h"

#include "statistics/statistics.h"

#include <netinet/in.h>

/*
 * Servers, and pairs of a server and a type, for which this process has room; further
 * ones share the first of each.  Pages that are never touched cost nothing.
 */
#define MAX_SERVERS		1000
#define MAX_PAIRS		2000

/* The tally of a server that has not been asked yet. */
static DnsTypeTally no_type = {.type = ANY_TYPE};

static DnsTypeTally pairs[MAX_PAIRS] = {{.type = ANY_TYPE, .shared = -1}};
static int	npairs = 1;
static DnsServerTally servers[MAX_SERVERS] = {
	{.last = &no_type, .types = &pairs[0], .shared = -1}
};
static int	nservers = 1;

static void read_key(DnsServerKey *key, const struct sockaddr *address);

/*
 * The tally of a server, for the life of the process.
 */
DnsServerTally *
tally_server(const struct sockaddr *address)
{
	DnsServerTally *server = &servers[0];
	DnsServerKey key;

	read_key(&key, address);
	for (int i = 1; i < nservers; i++)
	{
		if (memcmp(&servers[i].key, &key, sizeof(key)) == 0)
			return &servers[i];
	}
	if (nservers < MAX_SERVERS)
	{
		server = &servers[nservers++];
		server->key = key;
		server->last = &no_type;
		server->shared = -1;
	}
	return server;
}

/*
 * For tally_of(): seeks the tally of a type, or makes it.
 */
DnsTypeTally *
tally_find(DnsServerTally *server, uint16 type)
{
	DnsTypeTally *found = server->types;

	while (found != NULL && found->type != type)
		found = found->next;
	if (found == NULL && npairs < MAX_PAIRS)
	{
		found = &pairs[npairs++];
		found->type = type;
		found->shared = -1;
		found->next = server->types;
		server->types = found;
	}
	if (found == NULL)
		return &pairs[0];
	server->last = found;
	return found;
}

/*
 * The server after this one, or the first one after NULL; NULL after the last one.
 */
DnsServerTally *
tally_next_server(const DnsServerTally *server)
{
	int			next = server == NULL ? 0 : server - servers + 1;

	return next < nservers ? &servers[next] : NULL;
}

/*
 * Moves what a tally counts to two sums.  Most members are zero after a short call.
 */
void
tally_move(DnsTally *from, DnsTally *sum, DnsTally *other_sum)
{
	uint64	   *counts = (uint64 *) from;

	for (size_t i = 0; i < sizeof(DnsTally) / sizeof(uint64); i++)
	{
		if (counts[i] == 0)
			continue;
		((uint64 *) sum)[i] += counts[i];
		((uint64 *) other_sum)[i] += counts[i];
		counts[i] = 0;
	}
}

static void
read_key(DnsServerKey *key, const struct sockaddr *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *) address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;

	memset(key, 0, sizeof(*key));
	key->family = address->sa_family;
	if (address->sa_family == AF_INET)
	{
		key->port = ntohs(in->sin_port);
		memcpy(key->address, &in->sin_addr, sizeof(in->sin_addr));
	}
	else
	{
		key->port = ntohs(in6->sin6_port);
		key->scope = in6->sin6_scope_id;
		memcpy(key->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
	}
}
