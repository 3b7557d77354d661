/*
 * sim.h
 *
 * Between the world and the sessions in it.  The world is one program (world.c and the
 * files beside it).  A session is a copy of a shared library that has the engine, what
 * the engine needs of PostgreSQL (postgres.c) and a feeder (session.c).
 */
#ifndef SIM_H
#define SIM_H

#include <stdint.h>

typedef int64_t SimTime;		/* ns since the world began */

/* Bits of SimWant. */
#define SIM_READ	1
#define SIM_WRITE	2

/* A descriptor that a session waits for. */
typedef struct SimWant
{
	int			fd;
	int			wanted;
	int			got;
} SimWant;

typedef enum SimFeeder
{
	FEEDER_ARRAY,				/* as src/lookup/batch.c */
	FEEDER_LOOKAHEAD,			/* rows in order, through src/lookup/prefetch.c */
	FEEDER_ALONE,				/* one question after the other */
	FEEDER_STORE				/* none: answers come and go in the cache (store.c) */
} SimFeeder;

/* Calls that can be made to fail. */
typedef enum SimCall
{
	SIM_MALLOC,
	SIM_PALLOC,
	SIM_SOCKET,
	SIM_CONNECT,
	SIM_SEND,
	SIM_NCALLS
} SimCall;

/* The task of a session, with the settings of the library. */
typedef struct SimTask
{
	int			id;
	SimFeeder	feeder;
	int			names;
	int			batches;		/* the same names again; the channel is kept */
	int			stop;			/* outcomes after which a batch ends; 0: all */
	long		blocks;			/* of code between two waits, at most */
	int			check;			/* steps between two checks of the books; 0: none */
	int			work_mem;		/* kB */
	int			answer_memory;	/* kB */
	int			slack;			/* us by which a limit can be passed */
	int			descriptors;	/* that the server allows */
	const char *servers;
	int			timeout;
	int			tries;
	int			deadline;
	int			max_timeout;
	int			max_in_flight;
	int			max_in_flight_total;
	int			udp_max_queries;
	int			rotate;
	int			edns;
	int			dns0x20;
	int			tcp;
	int			keep_open;
	int			shared;			/* there is shared memory */
	int			cache;
	int			cache_size;		/* kB; 0: room for all */
	int			cache_max_ttl;
	int			cache_max_negative;
	int			apart;			/* ms between two batches */
} SimTask;

/* The counters of the engine when a session ends. */
typedef struct SimCounters
{
	uint64_t	questions;
	uint64_t	queries;
	uint64_t	tcp_queries;
	uint64_t	resends;
	uint64_t	probes;
	uint64_t	answers;		/* as the tallies have them */
	uint64_t	timeouts;		/* the same */
	uint64_t	sockets;
	uint64_t	channels;
} SimCounters;

/* ---- of the session ---- */

extern void session_main(const SimTask *task, SimCounters *counted);

/* ---- of the world, for the session that runs ---- */

extern void sim_name(int index, char *text);
extern void sim_wait(SimWant *wants, int count, long timeout_ms);
extern int	sim_interrupted(void);
extern void sim_sleep(long ms);
extern void sim_spend(SimTime time);
extern uint64_t sim_random(void);
extern void sim_under_way(int questions);
extern int	sim_sessions_left(void);
extern void *sim_shared(const char *name, size_t size);
extern void sim_batch_begins(void);
extern void sim_asked(int index);
extern void sim_outcome(int index, const char *status, int64_t address, int queries,
						uint64_t servers);
extern void sim_finds(int index, int found, int rcode, int ttl);
extern void sim_keeps(int index, int rcode, int status, int64_t us);
extern void sim_raised(const char *text);
extern int	sim_fails(SimCall call);
extern void sim_fail(const char *kind, const char *format,...)
			__attribute__((noreturn, format(printf, 2, 3)));

#endif							/* SIM_H */
