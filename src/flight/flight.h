/*
 * flight.h
 *
 * The books of questions in flight: slots, the ids that stand for them, round trips,
 * the pace, name servers.  Nothing here raises, allocates in a memory context or calls
 * the library.
 */
#ifndef PGCARES_FLIGHT_H
#define PGCARES_FLIGHT_H

#include "settings/settings.h"

/* ---- counters.c: the counters of this backend ---- */

/* Counted since the process began; see dns_stats(). */
typedef struct DnsCounters
{
	uint64		questions;
	uint64		shared;			/* not asked: an equal one was */
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
	bool		answer_tcp;
	int			answer_server;
	int			queries;		/* sent so far */
	uint64		servers_asked;	/* one bit for each */
	int64		asked_at;		/* on the clock of clock_now() */
	int64		done_at;
	uint8	   *answer;			/* from pool.c, owned by the slot */
	size_t		answer_len;
	DnsPlaces	places;			/* in the answer */
} DnsReply;

/* A question in flight, and its answer; slot.c draws its life. */
typedef struct DnsSlot
{
	struct DnsWindow *window;
	int			index;			/* in the window's slots */
	slist_node	free_node;		/* while it is free */
	dlist_node	pending_node;	/* from window_submit() until it is done */
	dlist_node	done_node;		/* from then to window_finished() */
	dlist_node	sent_node;		/* while in_sent */

	uint64		tag;			/* the feeder's */
	int64		limit;			/* the deadline, on the window's clock */
	bool		in_flight;		/* the library has it */
	bool		done;			/* the reply is final */
	bool		released;		/* the feeder is through with it */
	DnsReply	reply;

	/* Written by the guard. */
	uint16		id;
	int			fd;				/* the socket of the last query */
	uint32		socket_serial;	/* the same; 0 if the slot waits on none */
	int			server;			/* asked last */
	bool		edns;			/* the last query had an OPT record */
	int			plain_server;	/* refused EDNS: its number + 1, or 0 */
	int			failures;		/* answers that were failures */

	/* For resend.c. */
	bool		in_sent;		/* in the window's list of sent queries */
	int			resends;
	int64		sent_at;		/* the library's last query left */
	int64		sent_number;	/* its place in the order of sending */
	int64		checked_at;		/* resend.c last looked at it */

	/* For bare_error.c. */
	uint8	   *bare_error;			/* malloc'd; can be a forgery */
	size_t		bare_error_len;
	int64		bare_error_at;		/* when it came, on the clock of clock_slept() */
	dlist_node	bare_error_node;

	/* For isolation.c. */
	int			losses;			/* shared connections that were lost */
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
	dlist_head	pending;		/* in the order of asking */
	dlist_head	sent;			/* in the order of checked_at */
	dlist_head	done;			/* in the order of finishing */
	dlist_head	bare_errors;			/* in the order of bare_error_at */
	int			in_flight;
	int			used;			/* slots that were ever taken */
	bool		many;			/* asks in bulk */
	bool		prefetch;			/* asks before the call: see prefetch_table.c */
	bool		failed;			/* ahead only: no more answers come */
	int64		heard_of[MAX_ASKED_SERVERS];	/* last sent_number answered */
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

extern DnsSlot *slot_take(DnsWindow *window, const DnsQuestion *question,
						  uint64 tag);
extern bool slot_is_late(const DnsSlot *slot);
extern void slot_finish(DnsSlot *slot, ares_status_t status);
extern void slot_write_name(const DnsSlot *slot, uint8 *octets);
extern void slot_store(DnsSlot *slot, const DnsMessage *message);
extern void slot_drop_answers(DnsWindow *window);
extern void slot_open_answer(const DnsReply *reply, DnsMessage *message);
extern void slot_release(DnsSlot *slot);
extern void slot_expire(DnsWindow *window);
extern int64 window_clock(const DnsWindow *window);
extern void slot_leave_sent(DnsSlot *slot);
extern void slot_drop_bare_error(DnsSlot *slot);
extern void slot_leave_lane(DnsSlot *slot);
extern void slot_leave_refused(DnsSlot *slot);

/* ---- nameserver.c, pace.c, placeholder.c: what a channel knows ---- */

#define MAX_QUERY_IDS		65536	/* an id has 16 bits (RFC 1035 section 4.1.1) */

/* Chosen, not measured.  A new probe takes the place of the oldest one. */
#define MAX_PROBES			8

/*
 * UDP sockets of a channel, besides those for retries: a bound on the descriptors that
 * one call can take.  Chosen, not measured.  With fewer queries to a socket, fewer
 * questions are in flight.
 */
#define MAX_SOCKETS			64

/*
 * Messages that are sent with one call.  Chosen, not measured: a longer burst saves
 * hardly any calls, and servers can drop it.
 */
#define MAX_BURST			128

/*
 * The octets that a channel reads in one turn of the wait loop.  Each datagram, and each
 * read over TCP, costs READ_COST on top.  The readable sockets share the budget evenly,
 * so that a flood on one does not starve the others.  The loop looks at interrupts and
 * limits between turns, so after about 10 ms: chosen so that a cancel acts at once.
 */
#define TURN_BUDGET			(512 * 1024)
#define READ_COST			64

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
	bool		want_read;		/* the library waits for this */
	bool		want_write;
	bool		out_waits;		/* out waits until the socket is writable */
	uint32		serial;			/* never used again, unlike descriptors */
	struct sockaddr_storage address;	/* of the server */
	int			server;			/* its number, see nameserver.c */
	int			refused;		/* errno for which it must not be used, or 0 */
	int			budget;			/* left to read in this turn */

	uint8	   *out;			/* queued messages, a length before each */
	size_t		out_len;
	size_t		out_size;

	/* UDP only. */
	bool		unsent;			/* in the channel's list */
	dlist_node	unsent_node;
	int			out_count;		/* messages in out */
	bool		no_segments;	/* UDP_SEGMENT does not work here */
	int			send_errno;		/* of a failed send, until the library knows */

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

/* A query that has left a socket. */
typedef struct DnsSent
{
	uint16		id;
	uint32		socket_serial;
} DnsSent;

typedef enum PaceState
{
	PACE_HOLDING,				/* stays at the level */
	PACE_SETTLING,				/* the level has just changed */
	PACE_COMPARING				/* measures whether the change helps */
} PaceState;

/* The pace of a channel; see pace.c. */
typedef struct DnsPace
{
	int			level;			/* the most questions in flight */
	int			proven;			/* the level before the one that is tried */
	PaceState	state;
	int			rounds;			/* since the state began */
	double		rate;			/* good answers per microsecond, best round */
	double		tried_rate;		/* the same at the level that is tried */
	bool		needed;			/* a lower level brought fewer answers */
	int64		changed_at;		/* the level changed, on the clock of clock_now() */
	int			answered;		/* since then */
	int			lost;			/* of the queries sent since then */
	int64		halved_at;		/* answered and lost were halved */
	int64		try_at;			/* no other level is tried before */
	int64		pause;			/* us from a try that did not help to the next */

	/* The present round. */
	int64		began;
	int64		waited;			/* clock_slept() at that time */
	int			answers;
	int			good;
	bool		full;			/* the level kept a question from being asked */
} DnsPace;

/* Whether servers are reachable over a transport; see refused.c. */
typedef struct DnsReach
{
	bool		heard;			/* one has answered, ever */
	bool		gone;			/* a query was refused since the last answer */
	int64		gone_since;		/* the first refusal, on the clock of clock_waited() */
} DnsReach;

/* A channel; malloc'd with all that it owns, since the library calls us back. */
typedef struct DnsChannel
{
	ares_channel_t *ares;
	ares_dns_record_t *placeholder;
	DnsChannelConfig config;
	int			nservers;
	DnsWindow  *window;			/* the owner, NULL while idle */

	uint16	   *slot_of_id;		/* slot index + 1 by query id, or 0 */
	DnsSlot    *submitting;		/* whose first query has no id yet */
	DnsSlot    *settling;		/* whose bare error is being judged */
	int			last_slot;		/* the index of the slot that was sent last */
	DnsProbe	probes[MAX_PROBES];
	int			next_probe;

	dlist_head	unsent;			/* UDP sockets with queued messages */
	bool		burst_waits;	/* one of them has a whole burst */
	DnsSent		sent[MAX_BURST];	/* left with the last flush, in this order */
	int			nsent;
	int64		sent_at;		/* the time of that flush */
	int64		last_number;	/* the last DnsSlot.sent_number */
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
	int			nasked;
	int			tcp_sockets;
	uint64		edns_servers;	/* that have sent an OPT record: one bit for each */
	int64		plain_until[MAX_ASKED_SERVERS]; /* asked without EDNS; 0 if never */
	int64		rtt;			/* us, a moving average; 0 if not known */
} DnsChannel;

/* ---- placeholder.c: questions in the library's books ---- */

/*
 * The verdicts of a stub.  VERDICT_NEXT_SERVER makes the library ask the next server,
 * VERDICT_USE_TCP the same question over TCP.  VERDICT_DONE ends the query and has no
 * other effect.  It relies on two functions of c-ares 1.34.9: process_answer() in
 * ares_process.c retries, and blames the server, for the rcodes 2, 4 and 5 only;
 * ares_metrics_record() in ares_metrics.c derives timeouts from answers with the rcodes 0
 * and 3 only, so that quick answers do not shorten pgcares.timeout.  With any of these
 * rcodes instead of 11, test/t/engine_deadline.pl fails.
 */
#define VERDICT_DONE		11	/* DSOTYPENI */
#define VERDICT_NEXT_SERVER RCODE_SERVFAIL
#define VERDICT_USE_TCP		WIRE_TC

/* The size of a stub, which the library gets in place of an answer: ". A" as a reply. */
#define PLACEHOLDER_STUB_SIZE	(WIRE_HEADER_SIZE + 1 + 4)

extern void placeholder_bind(DnsChannel *channel, DnsSlot *slot, uint16 id);
extern void placeholder_unbind(DnsChannel *channel, DnsSlot *slot);
extern void placeholder_leave_socket(DnsChannel *channel, DnsSlot *slot);
extern DnsSocket *placeholder_socket(const DnsChannel *channel,
									 const DnsSlot *slot);
extern DnsSlot *placeholder_slot(const DnsChannel *channel,
								 uint32 socket_serial, uint16 id);
extern size_t placeholder_write_done(uint16 id, uint8 *stub);
extern size_t placeholder_write_stub(uint16 id, uint16 verdict, uint8 *stub);

/* ---- nameserver.c: what a channel learns of its servers ---- */

extern int	nameserver_number(DnsChannel *channel,
								 const struct sockaddr *address, socklen_t len);
extern void nameserver_heard(DnsChannel *channel, bool tcp);
extern bool nameserver_edns_wanted(const DnsChannel *channel, const DnsSlot *slot,
						int server);
extern bool nameserver_edns_refused(DnsSlot *slot, int server, int rcode);
extern void nameserver_edns_answered(DnsChannel *channel, const DnsSlot *slot, int server,
						  const DnsMessage *message);

/* ---- roundtrip.c: how long answers take ---- */

/* An answer is late after this many usual round trips; see roundtrip_patience(). */
#define LATE_TRIPS			4

extern void roundtrip_begin(DnsSlot *slot);
extern void roundtrip_sent(DnsChannel *channel);
extern void roundtrip_heard(DnsSlot *slot, int server);
extern int64 roundtrip_patience(const DnsChannel *channel);

/* ---- pace.c: how many questions are in flight ---- */

extern void pace_init(DnsPace *pace);
extern void pace_begin(DnsPace *pace);
extern bool pace_allows(DnsPace *pace, int in_flight, int capacity);
extern void pace_answered(DnsPace *pace, int rcode);
extern void pace_lost(DnsPace *pace, int64 sent_at);
extern int64 pace_time(const DnsPace *pace, int64 rtt);
extern void pace_look(DnsPace *pace, int64 rtt);

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

/* ---- refused.c: questions that no server takes ---- */

extern bool refused_take(DnsSlot *slot, const DnsChannel *channel,
						 ares_status_t status);
extern bool refused_by_all(const DnsSlot *slot);
extern bool refused_for_good(const DnsSlot *slot);
extern void refused_pause(DnsWindow *window, int64 now);

#endif							/* PGCARES_FLIGHT_H */
