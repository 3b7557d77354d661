/*
 * flight.h
 *
 * The books of questions in flight: slots, their queries, the ids that stand for them,
 * round trips, name servers.  Nothing here raises, allocates in a memory context or calls
 * the library.
 */
#ifndef PGCARES_FLIGHT_H
#define PGCARES_FLIGHT_H

#include "flow/flow.h"

/* ---- slot.c: questions in flight and their answers ---- */

/* Servers that a channel tells apart: the bits of DnsReply.servers_asked. */
#define MAX_ASKED_SERVERS	64

struct DnsChannel;
struct DnsWindow;

/* The style of a window's queries. */
typedef struct DnsStyle
{
	bool		rd;
	bool		ad;				/* ask for the AD bit, RFC 6840 section 5.7 */
	bool		cd;
	bool		dnssec;			/* DO bit */
	bool		edns;
	uint16		edns_udp_size;
	bool		dns0x20;		/* send letters in random case */
	bool		ignore_tc;		/* take truncated answers as they are */
	bool		first_answer;	/* take a failure without asking another server */
} DnsStyle;

/* The reply to a question.  The numbers of servers are the channel's. */
typedef struct DnsReply
{
	ares_status_t status;		/* the library's last word */
	bool		nonexistent;	/* a special name, never asked */
	bool		answered;		/* answer is the final one */
	bool		malformed;
	bool		way;			/* answer only has aliases that led to no answer */
	bool		referral;		/* answer has aliases that led to a referral */
	bool		answer_tcp;
	int			answer_server;
	int			queries;		/* sent so far */
	uint64		servers_asked;	/* one bit for each */
	int64		asked_at;		/* on the clock of clock_now() */
	int64		done_at;
	uint8	   *answer;			/* from pool.c, owned by the slot */
	size_t		answer_len;
	DnsPlaces	places;			/* in the answer */
	bool		cached;			/* nothing was sent; the answer is palloc'd */
	struct sockaddr_in6 server; /* that gave the cached answer; can be an IPv4 one */
} DnsReply;

/* A query of a question; while it can be answered, the channel knows its id. */
typedef struct DnsTry
{
	uint16		id;
	bool		edns;			/* has an OPT record */
	bool		answered;
	uint8		early;			/* 1 or 2: the first or second early one; else 0 */
	int			server;			/* its number, see nameserver.c */
	int			fd;				/* the socket through which it left */
	uint32		socket_serial;	/* the same; 0 if it waits on none */
	int64		sent_at;		/* on the clock of clock_now() */
} DnsTry;

/* The queries of a question that can still be answered; an older one is forgotten. */
#define MAX_TRIES		4

/* The states of a question in the burst; tries.c draws them. */
typedef enum BurstState
{
	BURST_NONE,					/* not in the burst */
	BURST_FRESH,				/* asked just now */
	BURST_AGAIN,				/* the same, but not for the first time */
	BURST_SILENT,				/* silent, and perhaps lost */
	BURST_STILL_SILENT,			/* the same, after it was asked again */
	BURST_SECOND,				/* silent, and perhaps asked early */
	BURST_WAITING,				/* silent, and nothing can be done about it */
	BURST_LAST,					/* silent, and waits for a calm time for its last try */
	BURST_HELD,					/* silent, and perhaps dropped by a full resolver */
	BURST_REFUSED,				/* is about to be asked elsewhere */
	BURST_DUE,					/* waits to be asked again */
	BURST_TCP					/* waits to be asked over TCP */
} BurstState;

#define BURST_STATES	(BURST_TCP + 1)

/* A question in flight, and its answer; slot.c draws its life. */
typedef struct DnsSlot
{
	struct DnsWindow *window;
	int			index;			/* in the window's slots */
	slist_node	free_node;		/* while it is free */
	dlist_node	pending_node;	/* from window_submit() until it is done */
	dlist_node	done_node;		/* in the window's done, then in chains */

	uint64		tag;			/* the feeder's */
	struct DnsChain *chain;		/* of aliases that are followed, or NULL */
	int64		limit;			/* the deadline, on the window's clock */
	bool		in_flight;		/* the library or the burst has it */
	bool		done;			/* the reply is final */
	bool		released;		/* the feeder is through with it */
	DnsReply	reply;

	/* Its queries; the library has one at a time. */
	DnsTry		tries[MAX_TRIES];	/* the last one first */
	int			ntries;
	uint64		plain_servers;	/* those that refused EDNS for it */
	int			failures;		/* answers that were failures */
	uint16		library_id;		/* by which the library knows its query */
	bool		elsewhere;		/* the library is done, burst or lane asks the next server */
	uint64		refused_by;		/* servers that took no connection for it */
	bool		turned_away;	/* by all, so the library is done */

	/* For burst.c. */
	BurstState	burst;
	dlist_node	burst_node;		/* in the list of its state */
	int			tried;			/* rounds of tries that are over */
	uint64		asked_round;	/* the servers asked in this round, also by the library */
	int			sample;			/* of share.c, that it counts in; 0 if in none */
	bool		counted;		/* one of them has not refused */
	int64		tried_at;		/* the last of these tries */
	bool		met_room;		/* a try was made in a calm time; see calm.c */
	bool		last_try;		/* has waited for a calm time, and was made */
	bool		listed;			/* can have a place in the list of a resolver */
	uint8		server;			/* that this try asks */
	uint8		early;			/* early queries that have been sent */
	uint8		made_early;		/* 1 + the server whose next try was made early; or 0 */

	/* For bare_error.c. */
	uint8	   *bare_error;			/* malloc'd; can be a forgery */
	size_t		bare_error_len;
	uint16		bare_error_id;		/* of the query that it answers */
	int64		bare_error_at;		/* when it came, on the clock of clock_slept() */
	dlist_node	bare_error_node;

	/* For isolation.c. */
	int			losses;			/* shared connections that were lost */
	int			spent;			/* a lane's: queries before it */
	bool		isolated;		/* needs a connection of its own */
	bool		only_isolated;		/* the library is done with it */
	bool		waits_for_lane;
	dlist_node	lane_node;		/* while it waits */
	struct DnsLane *lane;		/* the lane that asks it, or NULL */

	/* For refused.c. */
	bool		tcp;			/* asked over TCP */
	bool		in_refused;		/* waits to be asked again */
	dlist_node	refused_node;	/* while it waits */

	/* The letters that are sent in the other case: a bit for each octet. */
	uint8		other_case[(WIRE_NAME_MAX + 7) / 8];
	DnsQuestion question;		/* the last member, and never cleared */
} DnsSlot;

typedef struct DnsWindow
{
	MemoryContext context;
	MemoryContextCallback release;
	struct DnsChannel *channel; /* owned; NULL if no server is configured */
	bool		chosen_server;	/* the caller named the server */
	DnsStyle	style;
	uint64		generation;		/* of the settings that it agrees with */
	int64		opened;
	int			capacity;
	DnsSlot    *slots;
	slist_head	free;
	dlist_head	pending;		/* in the order of their deadlines */
	dlist_head	done;			/* in the order of finishing */
	dlist_head	chains;			/* their last names are asked when there is room, before new ones */
	dlist_head	bare_errors;			/* in the order of bare_error_at */
	int			in_flight;
	int			used;			/* slots that were ever taken */
	bool		many;			/* asks in bulk */
	bool		prefetch;			/* asks before the call: see prefetch_table.c */
	bool		failed;			/* ahead only: no more answers come */
	DnsProgress own_progress;
	DnsProgress *progress;		/* its own, or that of a call with several windows */
	dlist_head	burst[BURST_STATES];	/* by state, in the order of tried_at */
	int			nburst[BURST_STATES];	/* their lengths; [BURST_NONE] is of all */
	bool		hungry;			/* the pace keeps a new question from being asked */
	bool		loses;			/* an early query has shown that queries are lost */
	int			turns;			/* of held questions, before a new one */
	struct DnsLane *of_lane;	/* the lane that this window is, or NULL */
	dlist_head	lane_queue;		/* questions that wait for a lane */
	int			nisolated;			/* questions that only a lane asks */
	dlist_head	lanes;
	int			nlanes;
	dlist_head	refused;		/* questions that no server has taken */
	int			nrefused;
	int64		ask_again_at;	/* the next of them, on the clock of clock_now() */

	/* Noted inside the library, raised outside. */
	Size		answer_memory;
	Size		answer_memory_limit;
	bool		over_memory_limit;
	bool		out_of_memory;

	dlist_node	open_node;		/* for events.c, while it has a channel; no lane */
} DnsWindow;

/* ---- slot.c: the life of a slot ---- */

extern DnsSlot *slot_take(DnsWindow *window, const DnsQuestion *question, uint64 tag);
extern void slot_renew(DnsSlot *slot, const DnsName *name);
extern bool slot_is_late(const DnsSlot *slot);
extern void slot_finish(DnsSlot *slot, ares_status_t status);
extern void slot_end_silent(DnsSlot *slot);
extern void slot_write_name(const DnsSlot *slot, uint8 *octets);
extern void slot_store(DnsSlot *slot, const DnsMessage *message);
extern void slot_drop_answers(DnsWindow *window);
extern bool slot_is_answered(const DnsReply *reply);
extern void slot_open_answer(const DnsReply *reply, DnsMessage *message);
extern void slot_release(DnsSlot *slot);
extern void slot_expire(DnsWindow *window);
extern int	window_under_way(const DnsWindow *window);
extern int64 window_clock(const DnsWindow *window);
extern void slot_drop_bare_error(DnsSlot *slot);
extern void slot_leave_lane(DnsSlot *slot);
extern void slot_leave_refused(DnsSlot *slot);

/* ---- nameserver.c, placeholder.c: what a channel knows ---- */

#define MAX_QUERY_IDS		65536	/* an id has 16 bits (RFC 1035 section 4.1.1) */

/* Chosen, not measured.  A new probe takes the place of the oldest one. */
#define MAX_PROBES			8

/*
 * UDP sockets of a channel, besides those for retries.  Chosen, not measured: with fewer
 * queries to a socket, fewer questions are in flight.
 */
#define MAX_SOCKETS			64
#define CHANNEL_DESCRIPTORS 2	/* at least, for UDP and TCP */

/* A query by which the library finds out whether a failed server is back. */
typedef struct DnsProbe
{
	bool		used;
	uint16		id;
	uint32		socket_serial;
	DnsQuestion question;
} DnsProbe;

typedef struct DnsSocket
{
	int			fd;
	bool		tcp;
	bool		burst;			/* the burst's; the library does not know it */
	int			asked;			/* queries that left, if it is the burst's */
	bool		want_read;		/* the library waits for this */
	bool		want_write;
	bool		out_waits;		/* out waits until the socket is writable */
	uint32		serial;			/* never used again, unlike descriptors */
	struct sockaddr_storage address;	/* of the server */
	int			server;			/* its number, see nameserver.c */
	int			refused;		/* errno for which it must not be used, or 0 */
	bool		ended;			/* nothing more comes */
	int			send_errno;		/* of a failed send, until the library knows */
	int			budget;			/* left to read in this turn */

	uint8	   *out;			/* queued messages, a length before each */
	size_t		out_len;
	size_t		out_size;

	/* UDP only. */
	bool		unsent;			/* in the channel's list */
	dlist_node	unsent_node;
	int			out_count;		/* messages in out */
	bool		no_segments;	/* UDP_SEGMENT does not work here */

	/* TCP only: the frame that is coming in. */
	bool		established;	/* something has been sent */
	bool		lost;			/* has ended, and isolation.c knows */
	int			waiting;		/* questions that wait for answers here; UDP too */
	int64		heard_at;		/* last octets, or the begin of waiting */
	int64		probed_at;		/* its silence was last looked into */
	int64		partial_since;	/* part of a frame is there since; 0 if none is */
	uint8	   *in;
	size_t		in_len;
} DnsSocket;

/* Whether servers are reachable over a transport; see refused.c. */
typedef struct DnsReach
{
	bool		heard;			/* one has answered or taken a connection, ever */
	bool		gone;			/* a query was refused since the last answer */
	int64		gone_since;		/* the first refusal, on the clock of clock_waited() */
} DnsReach;

/* A server as the burst knows it, in the order of the configuration. */
typedef struct DnsNameServer
{
	struct sockaddr_storage address;
	socklen_t	len;
	int			failures;		/* tries in a row that nothing answered */
	int			silent;			/* questions, since it has answered one */
	int64		answers_before; /* of all servers, until the first of them */
	int64		silent_before;	/* the same */
	int64		heard_at;		/* on the clock of clock_now() */
	int64		failed_at;		/* the same; the last failure */
	struct
	{
		int			fd;
		uint32		serial;		/* 0 if there is none */
	}			sockets[2];		/* for first queries, and for others */
} DnsNameServer;

/*
 * The early second queries that a channel can send from the beginning, and by how much
 * they grow with each question; see second.c in engine/.
 */
#define EARLY_FIRST		20
#define EARLY_SHARE		0.01

/* A channel; malloc'd with all that it owns, since the library calls us back. */
typedef struct DnsChannel
{
	ares_channel_t *ares;		/* for what is asked alone */
	ares_channel_t *ares_tcp;	/* for what a burst asks over TCP; NULL until then */
	ares_dns_record_t *placeholder;
	DnsChannelConfig config;
	char	   *csv;			/* the configured servers, as the library takes them */
	uint64		servers_hash;	/* of those that it has, and how it takes turns */
	int			nservers;
	DnsWindow  *window;			/* the owner, NULL while idle */

	/* The index + 1 of a slot by query id, or 0. */
	uint16	   *slot_of_id;		/* the library's ids */
	uint16	   *slot_of_own_id;	/* those that tries_new_id() has chosen */
	DnsSlot    *submitting;		/* whose first query has no id yet */
	DnsSlot    *settling;		/* whose bare error is being judged */
	int			last_slot;		/* the index of the slot that was sent last */
	DnsProbe	probes[MAX_PROBES];
	int			next_probe;

	dlist_head	unsent;			/* UDP sockets with queued messages */
	bool		burst_waits;	/* one of them has a whole burst */
	DnsSocket **sockets;		/* by descriptor */
	int			max_sockets;
	bool		sockets_changed;
	int			queries_per_socket; /* UDP */
	int			max_ports;		/* UDP sockets for which there are ports */
	int			max_in_flight;	/* that descriptors and ports allow */
	DnsPace		pace;
	int			spare_descriptors;	/* reserved, not yet used by a socket */
	bool		no_descriptors; /* there was none for a socket */
	int			last_errno;
	bool		cut;			/* the last failure ended an established connection */
	DnsReach	reach[2];		/* over UDP, over TCP */
	struct sockaddr_storage asked[MAX_ASKED_SERVERS];
	DnsServerTally *tallies[MAX_ASKED_SERVERS];
	int			nasked;
	int			tcp_sockets;
	uint64		edns_servers;	/* that have sent an OPT record: one bit for each */
	int64		plain_until[MAX_ASKED_SERVERS]; /* asked without EDNS; 0 if never */
	int64		rtt;			/* us, smoothed; 0 if not known */
	int64		rttvar;			/* us, its variation */

	/* For burst.c. */
	DnsNameServer nameservers[MAX_ASKED_SERVERS];
	int			nnameservers;
	int64		answers;		/* of all of them */
	int64		silent;			/* questions that were not answered in the usual time */
	bool		rotate;
	DnsSocket  *reading;		/* stays open meanwhile */
	bool		starved;		/* no descriptor is left for another socket */
	int64		read_until;		/* all answers are read that came before this time */
	double		early_left;		/* early second queries that can be sent */
	int64		early_at;		/* the next of them, not before this time */
} DnsChannel;

/* ---- placeholder.c: questions in the library's books ---- */

/*
 * The verdicts of a stub.  VERDICT_NEXT_SERVER makes the library ask the next server,
 * VERDICT_USE_TCP the same question over TCP.  VERDICT_DONE ends the query and does no
 * more.  VERDICT_WITHOUT_EDNS is for the burst only, which asks the same server anew.  In c-ares 1.34.9, process_answer() retries, and blames the server, for the rcodes
 * 2, 4 and 5 only; ares_metrics_record() derives timeouts from answers with the rcodes 0
 * and 3 only.  With any of these instead of 11, test/t/engine_deadline.pl fails.
 */
#define VERDICT_DONE		11	/* DSOTYPENI */
#define VERDICT_NEXT_SERVER RCODE_SERVFAIL
#define VERDICT_USE_TCP		WIRE_TC
#define VERDICT_WITHOUT_EDNS	RCODE_FORMERR

/* The size of a stub, which the library gets in place of an answer: ". A" as a reply. */
#define PLACEHOLDER_STUB_SIZE	(WIRE_HEADER_SIZE + 1 + 4)

extern void placeholder_bind(DnsChannel *channel, DnsSlot *slot, uint16 id);
extern bool placeholder_new_id(DnsChannel *channel, DnsSlot *slot);
extern void placeholder_unbind(DnsChannel *channel, DnsSlot *slot);
extern void placeholder_leave_socket(DnsChannel *channel, DnsSlot *slot);
extern DnsSocket *placeholder_socket(const DnsChannel *channel, const DnsSlot *slot);
extern size_t placeholder_write_done(uint16 id, uint8 *stub);
extern size_t placeholder_write_stub(uint16 id, uint16 verdict, uint8 *stub);

/* ---- tries.c: the queries of a question ---- */

extern bool tries_new_id(const DnsChannel *channel, uint16 *id);
extern DnsTry *tries_add(DnsSlot *slot, DnsSocket *socket, uint16 id);
extern DnsTry *tries_of_id(DnsSlot *slot, uint16 id);
extern DnsTry *tries_find(const DnsChannel *channel, const DnsSocket *socket,
						  uint16 id, DnsSlot **slot);
extern DnsSocket *tries_socket(const DnsChannel *channel, const DnsTry *try);
extern void tries_drop(DnsSlot *slot, DnsTry *try);
extern bool tries_without_edns(const DnsSlot *slot, int server);
extern void tries_enter(DnsSlot *slot, BurstState state);
extern void tries_leave(DnsSlot *slot);
extern int	tries_fresh(const DnsWindow *window);
extern int64 tries_time(const DnsChannel *channel);
extern int	tries_waiting(const DnsWindow *window);
extern DnsSlot *tries_first(const DnsWindow *window, BurstState state);
extern int64 tries_first_after(const DnsWindow *window, BurstState state, int64 after);

/* ---- nameserver.c: what a channel learns of its servers ---- */

extern int	nameserver_number(DnsChannel *channel,
								 const struct sockaddr *address, socklen_t len);
extern void nameserver_learn(DnsChannel *channel, const char *servers);
extern void nameserver_heard(DnsChannel *channel, bool tcp);
extern void nameserver_failed(DnsChannel *channel, int server);
extern void nameserver_check(DnsChannel *channel, int server, int64 tried_at);
extern void nameserver_answered(DnsChannel *channel, int server);
extern bool nameserver_is_silent(DnsChannel *channel, int server, int64 tried_at,
								 double expected, bool *others);
extern bool nameserver_is_last(const DnsChannel *channel);
extern bool nameserver_edns_wanted(const DnsChannel *channel, const DnsSlot *slot,
						int server);
extern bool nameserver_edns_refused(DnsSlot *slot, DnsTry *try, int rcode);
extern void nameserver_edns_answered(DnsChannel *channel, const DnsSlot *slot, int server,
						  const DnsMessage *message);

/*
 * The tally of what a slot asks a server.
 */
static inline DnsTypeTally *
nameserver_tally(const DnsChannel *channel, const DnsSlot *slot, int server)
{
	return tally_of(channel->tallies[server], slot->question.type);
}

/* ---- roundtrip.c: how long answers take ---- */

/* An answer is late after this many usual round trips; see roundtrip_patience(). */
#define LATE_TRIPS			4

extern void roundtrip_heard(DnsSlot *slot, const DnsTry *try, bool tcp);
extern int64 roundtrip_timeout(const DnsChannel *channel);
extern int64 roundtrip_short(const DnsChannel *channel);
extern int64 roundtrip_patience(const DnsChannel *channel);

/* ---- isolation.c: questions for connections of their own ---- */

/* A window that asks one question of another window at a time. */
typedef struct DnsLane
{
	dlist_node	node;
	DnsWindow  *owner;
	DnsWindow  *window;
	DnsSlot    *slot;			/* of the owner; NULL when the question is over there */
} DnsLane;

extern size_t isolation_connection_lost(DnsChannel *channel, DnsSocket *socket,
									uint8 *frames, size_t size);
extern void isolation_probe(DnsChannel *channel, const DnsSocket *socket);
extern bool isolation_take(DnsSlot *slot, ares_status_t status);
extern void isolation_take_over(DnsSlot *slot);

/* ---- refused.c: questions that no server takes ---- */

extern bool refused_take(DnsSlot *slot, const DnsChannel *channel,
						 ares_status_t status);
extern size_t refused_connection(DnsChannel *channel, DnsSocket *socket,
								 uint8 *frames, size_t size);
extern ares_status_t refused_status(DnsSlot *slot, ares_status_t status);
extern bool refused_by_all(const DnsSlot *slot);
extern bool refused_for_good(const DnsSlot *slot);
extern void refused_pause(DnsWindow *window, int64 now);

#endif							/* PGCARES_FLIGHT_H */
