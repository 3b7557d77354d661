/*
 * tallies.c
 *
 * The counts of this process, by name server and record type: plain numbers, most of them
 * where all sessions can read them (totals.c), and the rest here until it is added to
 * theirs.  Each question, query and answer is counted once, since this is done for each
 * lookup.  But for tallies_add(), runs inside the library: never raises, never allocates.
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

/* Those that are in no place of shared memory. */
static DnsTypeTally pairs[MAX_PAIRS] = {{.type = ANY_TYPE}};
static int	npairs = 1;
static DnsServerTally servers[MAX_SERVERS] = {
	{.last = &no_type, .types = &pairs[0]}
};
static int	nservers = 1;

bool		tallies_servers_changed = false;

static DnsTypeTally *make_pair(const DnsServerTally *server, uint16 type);
static pg_noinline void add_rest(void);
static bool pair_is_empty(const DnsTypeTally *pair);
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
	if (found == NULL)
	{
		found = make_pair(server, type);
		if (found == NULL)
			return &pairs[0];
		found->next = server->types;
		server->types = found;
	}
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
 * Adds to the counts of all sessions those that they do not see yet, if there is shared
 * memory.  Most often there are none.  Raises nothing.
 */
void
tallies_add(void)
{
	if (npairs > 1 || tallies_servers_changed)
		add_rest();
}

static pg_noinline void
add_rest(void)
{
	static uint32 known_resets = 0;
	uint32		resets;

	if (!totals_lock(&resets))
		return;
	/* The first one counts only if there is no room for more. */
	for (int i = 0; i < npairs; i++)
	{
		/* After a reset nobody knows of the questions in flight. */
		if (resets != known_resets)
			pairs[i].in_flight_told = 0;
		if (!pair_is_empty(&pairs[i]))
			totals_add_type(&pairs[i]);
	}
	for (int i = 0; i < nservers && tallies_servers_changed; i++)
	{
		if (servers[i].refused > 0 || servers[i].ignored > 0 || servers[i].level > 0)
			totals_add_server(&servers[i]);
	}
	tallies_servers_changed = false;
	known_resets = resets;
	totals_unlock();
}

/* A query, an answer or a change of what is in flight makes the rest count too. */
static bool
pair_is_empty(const DnsTypeTally *pair)
{
	const DnsTally *tally = &pair->tally;
	uint64		any = tally->first | tally->passed_on | tally->sent_again |
		tally->probes | tally->timeouts;

	for (int i = 0; i < TALLY_ANSWERS; i++)
		any |= tally->answers[i];
	return any == 0 && pair->in_flight == pair->in_flight_told;
}

/* A tally for a type's questions to a server; NULL if there is no room. */
static DnsTypeTally *
make_pair(const DnsServerTally *server, uint16 type)
{
	DnsTypeTally *pair = totals_place(&server->key, type);

	if (pair != NULL || npairs == MAX_PAIRS)
		return pair;
	pair = &pairs[npairs++];
	pair->server = server->key;
	pair->type = type;
	return pair;
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
