/*
 * world.h
 *
 * Virtual time, chance, the network, the name servers and the sessions.
 */
#ifndef WORLD_H
#define WORLD_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sim.h"

#define US			INT64_C(1000)
#define MS			INT64_C(1000000)
#define SECOND		INT64_C(1000000000)
#define NEVER		INT64_MAX

/* ---- params.c: the parameters of a world ---- */

/* Name, default, meaning. */
#define PARAMS(X) \
	X(sessions, 1, "sessions that ask at the same time") \
	X(shared, 0, "the sessions have shared memory") \
	X(judged, 0, "sessions that begin last and count for the time alone; 0: all count") \
	X(names, 2000, "names of a session") \
	X(batches, 1, "times that a session asks its names") \
	X(feeder, 0, "0 array, 1 look-ahead, 2 one name after the other, 3 only the store of answers") \
	X(stop, 0, "share of the names after which a session reads no more, as for a LIMIT") \
	X(stagger, 0, "us between the begins of two sessions") \
	X(timeout, 2000, "ms, a setting of the library like the next ones") \
	X(tries, 4, "") \
	X(deadline, 0, "ms") \
	X(max_timeout, 60000, "ms") \
	X(max_in_flight, 16384, "") \
	X(max_in_flight_total, 0, "of all sessions, if they have shared memory") \
	X(udp_max_queries, 256, "") \
	X(rotate, 0, "") \
	X(edns, 1, "") \
	X(dns0x20, 0, "") \
	X(keep_open, 0, "sockets stay open between two batches") \
	X(usevc, 0, "asks over TCP") \
	X(work_mem, 4096, "kB") \
	X(cache, 0, "the sessions ask the same names, and share answers (needs shared=1)") \
	X(cache_size, 0, "kB; 0: room for all") \
	X(cache_max_ttl, 86400, "s") \
	X(cache_max_negative, 3600, "s") \
	X(apart, 0, "ms between two batches of a session") \
	X(ports, 0, "UDP sockets of a session for which there are ports; 0: enough") \
	X(answer_memory, 1048576, "kB that the answers of a call take (max_answer_memory)") \
	X(descriptors, 1000, "that the server allows a session") \
	X(rtt, 1000, "us to a server and back") \
	X(jitter, 100, "us, mean of an exponential addition each way") \
	X(rtt2, 0, "us, of the second server; 0: the same") \
	X(loss, 0, "share of the datagrams, each way") \
	X(dup, 0, "share of the datagrams that come twice") \
	X(room, 212992, "octets, the most of a receive buffer (net.core.rmem_max)") \
	X(segments, 1, "the system cuts datagrams (UDP_SEGMENT)") \
	X(pieces, 1, "TCP comes in pieces") \
	X(inorder, 0, "a server answers the queries of a connection in their order") \
	X(sendfail, 0, "share of the sends that fail for a moment") \
	X(ipv6, 0, "addresses of the servers") \
	X(servers, 1, "name servers") \
	X(service, 18, "us that a server needs for a query") \
	X(service2, 0, "us, of the second server; 0: the same") \
	X(workers, 1, "queries that a server works on at a time") \
	X(queue, 256, "queries that wait at a server; it drops more") \
	X(down_at, -1, "ms, when a server stops") \
	X(down_for, 1000, "ms until it is back") \
	X(down_server, 0, "number of the server that stops") \
	X(refuse, 1, "a stopped server refuses; 0: it is silent") \
	X(slower_at, -1, "ms, when the servers become slower") \
	X(slower, 10, "times that they become slower") \
	X(bystander, 0, "queries a second that somebody else sends") \
	X(processors, 0, "that sessions, servers and hogs share; 0: each has its own") \
	X(remote, 0, "the servers are on hosts of their own") \
	X(hogs, 0, "processes that only compute") \
	X(slice, 3000, "us for which each of them has a processor while others wait") \
	X(list, 0, "requests that a recursive resolver holds; 0: no resolver") \
	X(hold, 8000, "ms that a dead name holds its place there") \
	X(jostle, 200, "ms after which a new request can take the place") \
	X(wait_limit, 0, "queries of all sessions that wait for its answers at the most; 0: any number") \
	X(full_rcode, 0, "RCODE of the answer to a query for which it has no room; 0: dropped") \
	X(gives_up, 0, "the one name server of all dead names is given up; hold counts for nothing") \
	X(recursion, 0, "us, mean of a resolver's additional time for a good name") \
	X(silent, 0, "share of names that are never answered, as below") \
	X(slow, 0, "answered slow_ms later") \
	X(slow_ms, 300, "ms") \
	X(slow_exp, 0, "ms, mean of an exponential addition") \
	X(late40, 0, "answered 40 ms later") \
	X(late200, 0, "answered 200 ms later") \
	X(late1000, 0, "answered 1000 ms later") \
	X(latefail, 0, "SERVFAIL after 3 s") \
	X(servfail, 0, "SERVFAIL") \
	X(elsewhere, 0, "SERVFAIL from the first server, an answer from the others") \
	X(nx, 0, "NXDOMAIN") \
	X(nodata, 0, "no such records") \
	X(tc, 0, "truncated, so asked over TCP") \
	X(malformed, 0, "answered by a malformed message") \
	X(forged, 0, "answered after forgeries") \
	X(bare, 0, "answered by FORMERR without a question") \
	X(cut, 0, "truncated, and the TCP connection ends") \
	X(flood, 0, "truncated, and the TCP connection floods") \
	X(noedns, 0, "FORMERR to queries with EDNS") \
	X(refused, 0, "REFUSED") \
	X(alias, 0, "an alias, whose target must be asked for") \
	X(circle, 0, "an alias of itself, after two such steps") \
	X(aliasnone, 0, "an alias whose target has no records") \
	X(aliasbad, 0, "an alias whose target is answered by a malformed message") \
	X(opt, 0, "servers answer EDNS with an OPT record") \
	X(lossy, 0, "lose their first queries") \
	X(drops, 4, "queries that they lose") \
	X(tail, 0, "these names come last") \
	X(alike, 1, "names one after the other that are of one kind, as in a list in order") \
	X(spy, 0, "forgers know ids") \
	X(cancel, -1, "ms, when session 0 is cancelled") \
	X(cancel_step, -1, "step at which session 0 is cancelled") \
	X(heal, -1, "ms, when all faults end") \
	X(fail_malloc, 0, "the n-th call fails, as below") \
	X(fail_palloc, 0, "") \
	X(fail_socket, 0, "") \
	X(fail_connect, 0, "") \
	X(fail_send, 0, "") \
	X(cost, 1, "of processor time, times what was measured") \
	X(row, 0, "us of processor time that a session needs for the row of an answer") \
	X(stall, 0, "share of the steps that lose the processor") \
	X(stall_us, 3000, "mean") \
	X(check, -1, "steps between two checks of the books; -1: more and more") \
	X(early, 0.01, "share of early second queries that is allowed") \
	X(budget, 0, "times that a name is asked again within a try, on average; -1: no check") \
	X(brief, 0, "prints one line") \
	X(most_ratio, 0, "of time and ideal; 0: no bound, as for the next ones") \
	X(most_queries, 0, "for a name") \
	X(most_lost, 0, "% of the datagrams") \
	X(most_wrong, -1, "outcomes; -1: no bound") \
	X(most_raised, -1, "sessions with an error; -1: no bound") \
	X(least_found, 0, "share of the names that are found in the cache") \
	X(blocks, 40e6, "most blocks of code between two waits") \
	X(idle, 20000, "most steps without progress")

typedef struct Params
{
#define X(name, value, meaning) double name;
	PARAMS(X)
#undef X
} Params;

extern Params set;

extern bool params_set(const char *word);
extern bool params_world(const char *name);
extern void params_swarm(uint64_t seed);
extern void params_cached(uint64_t seed);
extern void params_keep(void);
extern void params_print(void);
extern void params_heal(void);
extern bool healed;

/* ---- chance.c: chance and the trace ---- */

typedef struct Chance
{
	uint64_t	state;
} Chance;

extern uint64_t seed;
extern Chance net_chance;

extern uint64_t chance_next(Chance *chance);
extern bool chance_of(Chance *chance, double share);
extern double chance_unit(Chance *chance);
extern SimTime chance_exponential(Chance *chance, double mean);
extern void trace(uint64_t value);
extern uint64_t trace_hash(uint64_t *count);

/* ---- events.c: all that is going to happen ---- */

typedef struct Packet
{
	struct Packet *next;
	int			session;		/* -1: the bystander's */
	int			fd;
	uint32_t	serial;			/* of the socket */
	int			server;
	bool		tcp;
	int			len;
	uint8_t		octets[];
} Packet;

typedef struct Event
{
	SimTime		at;
	uint64_t	number;
	void		(*happen) (int who, uint64_t token, Packet *packet);
	int			who;
	uint64_t	token;
	Packet	   *packet;
} Event;

extern SimTime now;

extern void event_at(SimTime at, void (*happen) (int, uint64_t, Packet *),
					 int who, uint64_t token, Packet *packet);
extern SimTime event_time(void);
extern bool event_next(void);

/* ---- scheduler.c: sessions, and whose turn it is ---- */

#define FIRST_FD	20
#define MAX_FDS		1024

/* A datagram takes this much of a receive buffer besides its octets. */
#define DATAGRAM_OVERHEAD	768

typedef struct Socket
{
	bool		used;
	bool		tcp;
	bool		open;			/* TCP: connected */
	bool		ended;
	bool		closed;			/* by the server; the end is under way */
	bool		flood;
	bool		blocked;		/* by a query that is never answered */
	bool		full;			/* TCP: the system takes no more for now */
	int			error;
	int			server;
	uint32_t	serial;
	Packet	   *first;			/* UDP: datagrams that have come */
	Packet	   *last;
	int			octets;			/* of them */
	int			asked;			/* UDP: queries with an id of their own */
	int			room;			/* for them */
	uint8_t    *in;				/* TCP: what has come */
	int			in_len;
	uint8_t    *at_server;		/* TCP: what has come there */
	int			at_server_len;
	SimTime		last_to;		/* TCP keeps the order */
	SimTime		last_from;
} Socket;

/* A name of a session. */
typedef struct Name
{
	char		kind;
	bool		asked;			/* in this batch */
	bool		heard;			/* an answer has come */
	uint8_t		outcomes;		/* in this batch */
	uint8_t		status;			/* the last one; see judge.c */
	uint16_t	sent;			/* queries, in this batch */
	uint16_t	refused;		/* of them, the same */
	uint16_t	seen;			/* queries that a server has seen, the same */
	uint16_t	id;				/* of the last query */
	uint32_t	serial;
	SimTime		sent_at;
	uint8_t		servers;		/* to which queries went over UDP: a bit for each; in this batch */
	uint8_t		told_servers;	/* the same, as the engine counts them */
	uint16_t	told;			/* queries, as the engine counts them */
	SimTime		asked_at;
	SimTime		took;
	struct Request *request;	/* at the resolver */
	bool		known;			/* there */
} Name;

typedef struct Session
{
	SimTask		task;
	int			thread;			/* see processors.c */
	void		(*main) (const SimTask *, SimCounters *);
	SimCounters counted;
	Chance		chance;
	ucontext_t	context;
	SimTime		local;			/* its time; it runs ahead of the world's */
	SimTime		began;
	SimTime		batch_began;
	SimTime		ended;
	uint64_t	turn;
	bool		waiting;
	bool		finished;
	bool		interrupted;
	SimTime		cancelled_at;	/* the session has learned of a cancel; 0: it has not */
	int			errors;
	char		error[256];
	SimWant    *wants;
	int			nwants;
	Socket		sockets[MAX_FDS];
	uint32_t	serials;
	Name	   *names;
	int		   *order;			/* of the names of a batch, as they are asked */
	int			asked;			/* of them */
	int			oldest;			/* no name before this one of them is under way */
	int			answered;		/* names with an outcome, in this batch */
	int		   *name_of_id;		/* index + 1 */
	int			under_way;		/* questions, when it waits */
	uint64_t	steps;
	uint64_t	idle_steps;
	SimTime		spin_from;
	uint64_t	spin_steps;
	uint64_t	spin_packets;
	uint64_t	packets;
	uint64_t	large_letters;	/* in names that were sent */
	uint64_t	queries;		/* over UDP */
	uint64_t	told;			/* queries of names with an outcome, as the engine counts them */
	uint64_t	finds;			/* looks into the cache */
	uint64_t	found;
	uint64_t	dropped;		/* datagrams for which the buffer had no room */
	SimTime		refused_at;		/* the last time that nobody listened */
	SimTime		last_answer;	/* for the longest pause */
	SimTime		pause;
	SimTime		pause_until;
} Session;

extern Session *sessions;
extern int	nsessions;
extern Session *running;		/* NULL: the world */

extern void sessions_make(const char *library);
extern void sessions_run(void);
extern void session_wake(Session *session);
extern void session_progress(void);
extern void session_calls(void);

/* ---- processors.c: who runs ---- */

extern void processors_start(void);
extern int	processor_thread(void (*resume) (int who), int who);
extern bool processor_runs(int number);
extern void processor_want(int number);
extern void processor_leave(int number);
extern bool processor_is_over(int number, SimTime at);
extern bool processor_yield(int number);

/* ---- network.c: sockets and system calls ---- */

extern Packet *packet_make(int session, int fd, uint32_t serial, int server,
						   bool tcp, int len);
extern Packet *packet_copy(const Packet *packet);
extern Socket *packet_socket(const Packet *packet);
extern SimTime latency(int server);
extern int	socket_ready(const Socket *socket);
extern void deliver_datagram(int who, uint64_t token, Packet *packet);
extern void deliver_refusal(int who, uint64_t token, Packet *packet);
extern void deliver_connection(int who, uint64_t token, Packet *packet);
extern void deliver_stream(int who, uint64_t token, Packet *packet);
extern void deliver_room(int who, uint64_t token, Packet *packet);
extern void deliver_end(int who, uint64_t token, Packet *packet);

/* ---- servers.c: name servers; resolver.c: a recursive one; answers.c ---- */

#define MAX_SERVERS		8
#define MAX_WORKERS		8

typedef struct Server
{
	bool		up;
	int			busy;
	int			threads[MAX_WORKERS];
	int			queued;
	int			longest;		/* queue */
	Packet	   *first;
	Packet	   *last;
	uint64_t	come;
	uint64_t	lost;
	uint64_t	refused;
} Server;

extern Server servers[MAX_SERVERS];
extern uint64_t bystander_sent;
extern uint64_t bystander_lost;

extern void servers_start(void);
extern void server_datagram(int who, uint64_t token, Packet *packet);
extern void server_stream(int who, uint64_t token, Packet *packet);
extern void server_answer(Packet *packet, SimTime extra);
extern void server_failure(Packet *packet, int rcode);
extern bool resolver_takes(Packet *packet);
extern uint64_t resolver_lost;
extern void answer(Packet *packet);

/* ---- names.c: the names that sessions ask for ---- */

typedef struct NameKind
{
	char		letter;
	size_t		param;			/* offset in Params of its share */
	const char *status;			/* the right outcome; NULL: none is known */
	int			extra;			/* ms until the answer */
} NameKind;

extern const NameKind *name_kind(char letter);
extern bool name_has_targets(const Name *name);
extern void names_make(Session *session);
extern Name *name_asked(const uint8_t *query, int len, int *session, int *index);

/* ---- cached.c: the answer cache ---- */

extern int	cached_ttl(int index);
extern int	cached_minimum(int index);
extern void cached_end(void);

/* ---- failures.c: calls that fail ---- */

extern bool failures_are_set(void);

/* Queries of a question that can be answered; as MAX_TRIES of the engine. */
#define QUERIES_HELD	4

/* ---- judge.c: the checks; ideal.c, report.c: the figures; pcap.c ---- */

extern int	status_number(const char *status);
extern const char *status_text(int number);
extern void judge_query(const Packet *packet);
extern void judge_connection(void);
extern void judge_answer(const Packet *packet);
extern void judge_step(void);
extern void judge_batch(Session *session);
extern void judge_end(void);
extern SimTime patience(void);
extern SimTime ideal_time(const Session *session);
extern void report(const char *world);
extern void pcap_packet(SimTime at, const Packet *packet, bool to_server);

#endif							/* WORLD_H */
