/*
 * statistics.h
 *
 * Counts of what is asked and answered: those of this process, and those of all sessions
 * in shared memory.
 */
#ifndef PGCARES_STATISTICS_H
#define PGCARES_STATISTICS_H

#include "settings/settings.h"

#include "datatype/timestamp.h"
#include "port/pg_bitutils.h"

/* ---- counters.c: the counters of this process ---- */

/* Counted since the process began; see dns_stats(). */
typedef struct DnsCounters
{
	uint64		questions;
	uint64		shared;			/* not asked: an equal one was */
	uint64		cache_hits;		/* not asked: the answer cache had the answer */
	uint64		queries;
	uint64		tcp_queries;
	uint64		resends;
	uint64		answers;
	uint64		malformed;
	uint64		ignored;
	uint64		timeouts;
	uint64		channels;
	uint64		sockets;
} DnsCounters;

extern DnsCounters counters;

/* ---- tallies.c: what this process counts by name server and record type ---- */

typedef enum TallyAnswer
{
	TALLY_NOERROR,				/* with records */
	TALLY_NODATA,
	TALLY_NXDOMAIN,
	TALLY_SERVFAIL,
	TALLY_REFUSED,
	TALLY_OTHER,
	TALLY_MALFORMED
} TallyAnswer;

#define TALLY_ANSWERS	(TALLY_MALFORMED + 1)

/*
 * Round trips by length: element i counts those shorter than 2^(i + SHORTEST_TRIP)
 * microseconds that no element before counts; the last one counts all longer ones.
 */
#define TALLY_TRIPS		16
#define SHORTEST_TRIP	7

/* All members are uint64: totals.c takes them as an array. */
typedef struct DnsTally
{
	/* Each query is one of these. */
	uint64		first;			/* asks a question for the first time */
	uint64		passed_on;		/* asks it of another server */
	uint64		sent_again;		/* asks a server again that was asked before */
	uint64		probes;			/* finds out whether a server is back */

	uint64		tcp;			/* of these, over TCP */
	uint64		answers[TALLY_ANSWERS];
	uint64		timeouts;		/* queries that were given up */
	uint64		trip_time;		/* us, of all in trips */
	uint64		trips[TALLY_TRIPS];
} DnsTally;

/* The address of a name server; all zero stands for the servers beyond a table. */
typedef struct DnsServerKey
{
	uint16		family;			/* AF_INET or AF_INET6 */
	uint16		port;
	uint32		scope;			/* of a link-local address: the interface's number */
	uint8		address[16];	/* 4 or 16 octets are used */
} DnsServerKey;

#define ANY_TYPE	(-1)		/* stands for the types beyond a table */

/* The questions of one type to one server.  Others can read it; see totals.c. */
typedef struct DnsTypeTally
{
	struct DnsTypeTally *next;	/* of the same server; only for this process */
	DnsServerKey server;
	int			type;			/* or ANY_TYPE */
	int			in_flight;		/* as engine/report.c has counted them last */
	int			in_flight_told; /* as others know it, if they cannot read this */
	DnsTally	tally;
} DnsTypeTally;

typedef struct DnsServerTally
{
	DnsServerKey key;
	DnsTypeTally *last;			/* the type that was sought last; never NULL */
	DnsTypeTally *types;

	/* Since it was added to shared memory. */
	uint64		refused;		/* connections, or sockets of UDP */
	uint64		ignored;		/* messages */
	int			level;			/* fresh questions; 0 if not known */
} DnsServerTally;

extern bool tallies_servers_changed;	/* there is something for tallies_add() */

extern DnsServerTally *tally_server(const struct sockaddr *address);
extern DnsTypeTally *tally_find(DnsServerTally *server, uint16 type);
extern DnsServerTally *tally_next_server(const DnsServerTally *server);
extern void tallies_add(void);

/*
 * The tally of a type's questions to a server.  Does not fail: those for which there is
 * no room share one.
 */
static inline DnsTypeTally *
tally_of(DnsServerTally *server, uint16 type)
{
	return server->last->type == type ? server->last : tally_find(server, type);
}

/*
 * Counts a connection or a datagram that was refused.
 */
static inline void
tally_refused(DnsServerTally *server)
{
	server->refused++;
	tallies_servers_changed = true;
}

/*
 * Counts a message that answers no question.
 */
static inline void
tally_ignored(DnsServerTally *server)
{
	server->ignored++;
	tallies_servers_changed = true;
}

/*
 * Notes how many fresh questions all sessions have at a server.
 */
static inline void
tally_level(DnsServerTally *server, int level)
{
	server->level = level;
	tallies_servers_changed = true;
}

/*
 * Counts a round trip of this many microseconds.
 */
static inline void
tally_trip(DnsTypeTally *tally, int64 trip)
{
	uint64		least = trip | ((1 << SHORTEST_TRIP) - 1);
	int			element = pg_leftmost_one_pos64(least) - SHORTEST_TRIP + 1;

	tally->tally.trips[Min(element, TALLY_TRIPS - 1)]++;
	tally->tally.trip_time += trip;
}

/* ---- totals.c: the tallies of all sessions, in shared memory ---- */

/* By server, or by type. */
typedef struct DnsTotal
{
	DnsServerKey server;
	int			type;
	int			level;
	int64		in_flight;
	uint64		refused;
	uint64		ignored;
	DnsTally	tally;
} DnsTotal;

typedef enum TotalsBy
{
	TOTALS_BY_SERVER,
	TOTALS_BY_TYPE
} TotalsBy;

extern void totals_init(void);
extern void totals_attach(void);
extern DnsTypeTally *totals_place(const DnsServerKey *server, int type);
extern bool totals_lock(uint32 *resets);
extern void totals_unlock(void);
extern void totals_add_type(DnsTypeTally *tally);
extern void totals_add_server(DnsServerTally *server);
extern void totals_reset(void);
extern int	totals_copy(TotalsBy by, DnsTotal **copy, TimestampTz *reset);

/* ---- progress.c: what each process is looking up, in shared memory ---- */

/* The questions of a call, or of a look-ahead node. */
typedef struct DnsProgress
{
	int64		known;			/* as far as the feeder knows; or fewer than asked */
	int64		asked;
	int64		failed;			/* of these, without a useful answer */
	bool		counted;		/* for engine/report.c */
} DnsProgress;

/* The lookups of a process. */
typedef struct ProgressRow
{
	int			pid;			/* 0: nothing */
	Oid			database;
	Oid			role;
	bool		ahead;			/* only for calls to come */
	int64		known;
	int64		done;
	int64		failed;
	int64		fresh;
	int64		waiting;
	TimestampTz oldest;			/* since then a question waits; 0 if none does */
	TimestampTz since;
} ProgressRow;

extern void progress_init(void);
extern void progress_publish(const ProgressRow *row);
extern void progress_clear(void);
extern int	progress_rows(void);
extern bool progress_read(int index, ProgressRow *row);

#endif							/* PGCARES_STATISTICS_H */
