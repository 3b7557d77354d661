/*
 * totals.c
 *
 * The tallies of all sessions, in shared memory.  A process counts in a place of its own,
 * which only that process writes, so a lookup costs neither a lock nor an addition when it
 * ends.  A table by server and one by type, of fixed size, hold the rest: the counts of
 * processes that have ended, and those for which a place has no room.  Who reads adds up
 * tables and places.
 *
 *   tables | place of process 0 | place of process 1 | ...
 *
 * A process leaves its place as it is when it ends; the next process with its number adds
 * it to the tables.  The lock is held for a moment, to add to the tables and to read
 * all.  Nothing raises while it is held, and nothing is allocated.  What finds no room in a
 * table is counted in its first row.  A number of 64 bits is read in one piece, where the
 * processor has such pieces.
 */
#include "postgres.h"

#include "statistics/statistics.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "utils/timestamp.h"

#define MAX_SERVERS		1000
#define MAX_TYPES		200

/* Servers and types that most sessions ask; chosen, not measured. */
#define PLACE_TALLIES	8

typedef struct Tables
{
	int			nservers;
	int			ntypes;
	DnsTotal	servers[MAX_SERVERS];
	DnsTotal	types[MAX_TYPES];
} Tables;

typedef struct PlacedTally
{
	DnsTypeTally own;
	DnsTally	before;			/* counted before the last reset */
} PlacedTally;

typedef struct Place
{
	uint32		count;
	PlacedTally tallies[PLACE_TALLIES];
} Place;

/* In shared memory; the places follow. */
typedef struct Totals
{
	TimestampTz reset;
	uint32		resets;			/* how often */
	Tables		tables;
} Totals;

static Size totals_size(void);
static void totals_start(void *memory);
static void clear(Totals *totals);
static Place *place_at(int number);
static void add_place(Tables *tables, const Place *place);
static void add_counts(Tables *tables, const DnsTypeTally *tally, const DnsTally *before,
					   int64 in_flight);
static bool is_equal(const DnsTally *a, const DnsTally *b);
static void add_difference(DnsTally *sum, const DnsTally *tally, const DnsTally *before);
static DnsTotal *row_of_server(Tables *tables, const DnsServerKey *key);
static DnsTotal *row_of_type(Tables *tables, int type);

static SharedPart part = {
	.name = "PgcaresStatistics",
	.size = totals_size,
	.start = totals_start
};

static const DnsTally nothing = {0};

static Place *own_place = NULL; /* NULL: this process has none yet */

/*
 * Asks for the shared memory.  Called once, when the module is loaded.
 */
void
totals_init(void)
{
	shared_part_add(&part);
}

/*
 * Gives this process its place, if there is shared memory.  Raises nothing.
 */
void
totals_attach(void)
{
	Totals	   *totals = part.memory;
	int			number = own_process_number();

	if (own_place != NULL || totals == NULL || number < 0 || number >= MaxBackends)
		return;
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	own_place = place_at(number);
	add_place(&totals->tables, own_place);
	own_place->count = 0;
	LWLockRelease(part.lock);
}

/*
 * A tally for a server and a type in the place of this process; NULL if there is no room.
 * Can run inside the library: raises nothing, and takes no lock.
 */
DnsTypeTally *
totals_place(const DnsServerKey *server, int type)
{
	PlacedTally *placed;

	if (own_place == NULL || own_place->count == PLACE_TALLIES)
		return NULL;
	placed = &own_place->tallies[own_place->count];
	memset(placed, 0, sizeof(*placed));
	placed->own.server = *server;
	placed->own.type = type;
	pg_write_barrier();			/* from here on others read it */
	own_place->count++;
	return &placed->own;
}

/*
 * Is there shared memory?  If so, takes the lock for totals_add_type() and
 * totals_add_server(), and gives the number of resets so far.
 */
bool
totals_lock(uint32 *resets)
{
	Totals	   *totals = part.memory;

	if (totals == NULL)
		return false;
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	*resets = totals->resets;
	return true;
}

/*
 * Gives back the lock of totals_lock().
 */
void
totals_unlock(void)
{
	LWLockRelease(part.lock);
}

/*
 * Moves the counts of a tally that is in no place.
 */
void
totals_add_type(DnsTypeTally *tally)
{
	Totals	   *totals = part.memory;

	add_counts(&totals->tables, tally, &nothing, tally->in_flight - tally->in_flight_told);
	memset(&tally->tally, 0, sizeof(tally->tally));
	tally->in_flight_told = tally->in_flight;
}

/*
 * Moves the counts of a server that have no type.
 */
void
totals_add_server(DnsServerTally *server)
{
	Totals	   *totals = part.memory;
	DnsTotal   *row = row_of_server(&totals->tables, &server->key);

	row->refused += server->refused;
	row->ignored += server->ignored;
	if (server->level > 0)
		row->level = server->level;
	server->refused = server->ignored = 0;
	server->level = 0;
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
	for (int i = 0; i < MaxBackends; i++)
	{
		Place	   *place = place_at(i);

		for (uint32 j = 0; j < place->count; j++)
		{
			PlacedTally *placed = &place->tallies[j];

			memset(&placed->before, 0, sizeof(placed->before));
			add_difference(&placed->before, &placed->own.tally, &nothing);
		}
	}
	LWLockRelease(part.lock);
}

/*
 * Copies the rows of a table, with what is in places, into palloc'd memory, and gives their
 * number and the time of the last reset; 0 if there is no shared memory.
 */
int
totals_copy(TotalsBy by, DnsTotal **copy, TimestampTz *reset)
{
	Totals	   *totals = part.memory;
	Tables	   *tables;

	if (totals == NULL)
		return 0;
	tables = palloc(sizeof(Tables));
	LWLockAcquire(part.lock, LW_SHARED);
	memcpy(tables, &totals->tables, sizeof(Tables));
	for (int i = 0; i < MaxBackends; i++)
		add_place(tables, place_at(i));
	*reset = totals->reset;
	LWLockRelease(part.lock);
	*copy = by == TOTALS_BY_SERVER ? tables->servers : tables->types;
	return by == TOTALS_BY_SERVER ? tables->nservers : tables->ntypes;
}

static Size
totals_size(void)
{
	return add_size(CACHELINEALIGN(sizeof(Totals)),
					mul_size(MaxBackends, CACHELINEALIGN(sizeof(Place))));
}

static void
totals_start(void *memory)
{
	clear(memory);
}

static void
clear(Totals *totals)
{
	Tables	   *tables = &totals->tables;

	tables->nservers = tables->ntypes = 1;
	memset(&tables->servers[0], 0, sizeof(DnsTotal));
	memset(&tables->types[0], 0, sizeof(DnsTotal));
	tables->types[0].type = ANY_TYPE;
	totals->reset = GetCurrentTimestamp();
}

static Place *
place_at(int number)
{
	char	   *places = (char *) part.memory + CACHELINEALIGN(sizeof(Totals));

	return (Place *) (places + number * CACHELINEALIGN(sizeof(Place)));
}

/* Adds the counts of a place since the last reset. */
static void
add_place(Tables *tables, const Place *place)
{
	uint32		count = *(volatile const uint32 *) &place->count;

	pg_read_barrier();
	for (uint32 i = 0; i < count; i++)
	{
		const PlacedTally *placed = &place->tallies[i];

		add_counts(tables, &placed->own, &placed->before, placed->own.in_flight);
	}
}

/* Adds the difference of two tallies, and questions in flight. */
static void
add_counts(Tables *tables, const DnsTypeTally *tally, const DnsTally *before,
		   int64 in_flight)
{
	DnsTotal   *of_server;
	DnsTotal   *of_type;

	if (in_flight == 0 && is_equal(&tally->tally, before))
		return;
	of_server = row_of_server(tables, &tally->server);
	of_type = row_of_type(tables, tally->type);
	add_difference(&of_server->tally, &tally->tally, before);
	add_difference(&of_type->tally, &tally->tally, before);
	of_server->in_flight += in_flight;
	of_type->in_flight += in_flight;
}

static bool
is_equal(const DnsTally *a, const DnsTally *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Adds each count on its own: others can be counting. */
static void
add_difference(DnsTally *sum, const DnsTally *tally, const DnsTally *before)
{
	volatile const uint64 *counts = (volatile const uint64 *) tally;

	for (size_t i = 0; i < sizeof(DnsTally) / sizeof(uint64); i++)
		((uint64 *) sum)[i] += counts[i] - ((const uint64 *) before)[i];
}

/* The row of a server; it is made if there is none. */
static DnsTotal *
row_of_server(Tables *tables, const DnsServerKey *key)
{
	DnsTotal   *row;

	for (int i = 0; i < tables->nservers; i++)
	{
		if (memcmp(&tables->servers[i].server, key, sizeof(*key)) == 0)
			return &tables->servers[i];
	}
	if (tables->nservers == MAX_SERVERS)
		return &tables->servers[0];
	row = &tables->servers[tables->nservers++];
	memset(row, 0, sizeof(*row));
	row->server = *key;
	return row;
}

/* The same for a type. */
static DnsTotal *
row_of_type(Tables *tables, int type)
{
	DnsTotal   *row;

	for (int i = 0; i < tables->ntypes; i++)
	{
		if (tables->types[i].type == type)
			return &tables->types[i];
	}
	if (tables->ntypes == MAX_TYPES)
		return &tables->types[0];
	row = &tables->types[tables->ntypes++];
	memset(row, 0, sizeof(*row));
	row->type = type;
	return row;
}
