/*
 * totals.c
 *
 * The tallies of all sessions, in shared memory: a table by server and one by type, of
 * fixed size, under one lock that is held for a moment.  Nothing raises while it is
 * held, and nothing is allocated.  What finds no room is counted in the first row of
 * each table.
 */
#include "postgres.h"

#include "statistics/statistics.h"

#include "utils/timestamp.h"

#define MAX_SERVERS		1000
#define MAX_TYPES		200


/* In shared memory. */
typedef struct Totals
{
	TimestampTz reset;
	uint32		resets;			/* how often; changes the numbers of rows */
	int			nservers;
	int			ntypes;
	DnsTotal	servers[MAX_SERVERS];
	DnsTotal	types[MAX_TYPES];
} Totals;

static Size totals_size(void);
static void totals_start(void *memory);
static void clear(Totals *totals);
static void follow_reset(const Totals *totals);
static void add_server(Totals *totals, DnsServerTally *server);
static void add_type(Totals *totals, DnsServerTally *server, DnsTypeTally *part);
static bool is_empty(const DnsTypeTally *part);
static int	find_server(Totals *totals, const DnsServerKey *key);
static int	find_type(Totals *totals, int type);

static SharedPart part = {
	.name = "PgcaresStatistics",
	.size = totals_size,
	.start = totals_start
};

/* The last reset that this process knows. */
static uint32 known_resets = 0;

/*
 * Asks for the shared memory.  Called once, when the module is loaded.
 */
void
totals_init(void)
{
	shared_part_add(&part);
}

/*
 * Adds what this process has counted, if there is shared memory.  Raises nothing.
 */
void
totals_add(void)
{
	Totals	   *totals = part.memory;

	if (totals == NULL)
		return;
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	if (known_resets != totals->resets)
		follow_reset(totals);
	for (DnsServerTally *server = tally_next_server(NULL); server != NULL;
		 server = tally_next_server(server))
	{
		if (server->types != NULL || server->refused > 0)
			add_server(totals, server);
	}
	LWLockRelease(part.lock);
}

/*
 * Begins anew for all sessions, if there is shared memory.
 */
void
totals_reset(void)
{
	Totals	   *totals = part.memory;

	if (totals == NULL)
		return;
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	clear(totals);
	totals->resets++;
	LWLockRelease(part.lock);
}

/*
 * Copies the rows of a table into palloc'd memory, and gives their number and the time
 * of the last reset; 0 if there is no shared memory.
 */
int
totals_copy(TotalsBy by, DnsTotal **copy, TimestampTz *reset)
{
	Totals	   *totals = part.memory;
	const DnsTotal *rows;
	int			count;

	if (totals == NULL)
		return 0;
	*copy = palloc(Max(MAX_SERVERS, MAX_TYPES) * sizeof(DnsTotal));
	LWLockAcquire(part.lock, LW_SHARED);
	rows = by == TOTALS_BY_SERVER ? totals->servers : totals->types;
	count = by == TOTALS_BY_SERVER ? totals->nservers : totals->ntypes;
	memcpy(*copy, rows, count * sizeof(DnsTotal));
	*reset = totals->reset;
	LWLockRelease(part.lock);
	return count;
}

static Size
totals_size(void)
{
	return sizeof(Totals);
}

static void
totals_start(void *memory)
{
	clear(memory);
}

static void
clear(Totals *totals)
{
	totals->nservers = totals->ntypes = 1;
	memset(&totals->servers[0], 0, sizeof(DnsTotal));
	memset(&totals->types[0], 0, sizeof(DnsTotal));
	totals->types[0].type = ANY_TYPE;
	totals->reset = GetCurrentTimestamp();
}

/* The rows are others now, and know nothing of this process. */
static void
follow_reset(const Totals *totals)
{
	for (DnsServerTally *server = tally_next_server(NULL); server != NULL;
		 server = tally_next_server(server))
	{
		server->shared = -1;
		for (DnsTypeTally *type = server->types; type != NULL; type = type->next)
		{
			type->shared = -1;
			type->in_flight_told = 0;
		}
	}
	known_resets = totals->resets;
}

static void
add_server(Totals *totals, DnsServerTally *server)
{
	for (DnsTypeTally *type = server->types; type != NULL; type = type->next)
	{
		if (!is_empty(type))
			add_type(totals, server, type);
	}
	if (server->refused == 0 && server->ignored == 0 && server->level == 0)
		return;
	if (server->shared < 0)
		server->shared = find_server(totals, &server->key);
	totals->servers[server->shared].refused += server->refused;
	totals->servers[server->shared].ignored += server->ignored;
	if (server->level > 0)
		totals->servers[server->shared].level = server->level;
	server->refused = server->ignored = 0;
	server->level = 0;
}

static void
add_type(Totals *totals, DnsServerTally *server, DnsTypeTally *type)
{
	DnsTotal   *of_server;
	DnsTotal   *of_type;

	if (server->shared < 0)
		server->shared = find_server(totals, &server->key);
	if (type->shared < 0)
		type->shared = find_type(totals, type->type);
	of_server = &totals->servers[server->shared];
	of_type = &totals->types[type->shared];
	tally_move(&type->tally, &of_server->tally, &of_type->tally);
	of_server->in_flight += type->in_flight - type->in_flight_told;
	of_type->in_flight += type->in_flight - type->in_flight_told;
	type->in_flight_told = type->in_flight;
}

/* Is there nothing to add? */
static bool
is_empty(const DnsTypeTally *type)
{
	const DnsTally *tally = &type->tally;
	uint64		any = tally->first | tally->passed_on | tally->sent_again |
		tally->probes | tally->timeouts;

	for (int i = 0; i < TALLY_ANSWERS; i++)
		any |= tally->answers[i];
	return any == 0 && type->in_flight == type->in_flight_told;
}

/* The number of a server's row; it is made if there is none. */
static int
find_server(Totals *totals, const DnsServerKey *key)
{
	DnsTotal   *row;

	for (int i = 0; i < totals->nservers; i++)
	{
		if (memcmp(&totals->servers[i].server, key, sizeof(*key)) == 0)
			return i;
	}
	if (totals->nservers == MAX_SERVERS)
		return 0;
	row = &totals->servers[totals->nservers];
	memset(row, 0, sizeof(*row));
	row->server = *key;
	return totals->nservers++;
}

/* The same for a type. */
static int
find_type(Totals *totals, int type)
{
	DnsTotal   *row;

	for (int i = 0; i < totals->ntypes; i++)
	{
		if (totals->types[i].type == type)
			return i;
	}
	if (totals->ntypes == MAX_TYPES)
		return 0;
	row = &totals->types[totals->ntypes];
	memset(row, 0, sizeof(*row));
	row->type = type;
	return totals->ntypes++;
}
