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

/* ---- counters.c: what this backend has done ---- */

/* What this process has done since it began; see dns_stats(). */
typedef struct DnsCounters
{
	uint64		questions;
	uint64		shared;			/* not asked, as an equal one was */
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

/* Servers that a channel tells apart; bits of DnsSlot.servers_asked. */
#define MAX_ASKED_SERVERS	64

struct DnsChannel;
struct DnsWindow;

/* What the queries of a window look like. */
typedef struct DnsStyle
{
	bool		rd;
	bool		ad;				/* tell whether it is authentic, RFC 6840 5.7 */
	bool		cd;
	bool		dnssec;			/* DO bit */
	bool		edns;
	uint16		edns_udp_size;
	bool		dns0x20;		/* the case of letters is random */
	bool		ignore_tc;		/* take truncated answers as they are */
	bool		first_answer;	/* take failures without asking another server */
} DnsStyle;

/* What comes of a question.  The numbers of servers are the channel's. */
typedef struct DnsReply
{
	ares_status_t status;		/* the library's last word */
	bool		nonexistent;	/* a special name, never asked */
	bool		answered;		/* answer is the final one */
	bool		malformed;
	bool		answer_tcp;
	int			answer_server;
	int			queries;		/* sent so far */
	uint64		servers_asked;	/* a bit each */
	int64		asked_at;		/* on the clock of clock_now() */
	int64		done_at;
	uint8	   *answer;			/* of pool.c, the slot's */
	size_t		answer_len;
	DnsPlaces	places;			/* in the answer */
} DnsReply;

/* A question on its way, with its answer when it has come. */
typedef struct DnsSlot
{
	struct DnsWindow *window;
	int			index;			/* in the window's slots */
	slist_node	free_node;		/* while it is free */
	dlist_node	pending_node;	/* from window_submit() until it is done */
	dlist_node	done_node;		/* from then to wait_next() */
	dlist_node	sent_node;		/* while it may be sent again */

	uint64		tag;			/* the feeder's */
	int64		limit;			/* its time is up, on the window's clock */
	bool		in_flight;		/* the library has it */
	bool		done;			/* the reply is final */
	bool		released;		/* the feeder is through with it */
	DnsReply	reply;

	/* Written by the guard. */
	uint16		id;
	int			fd;				/* of the last query's socket */
	uint32		socket_serial;
	int			server;			/* that was asked last */
	bool		edns;			/* the last query had an OPT record */
	int			plain_server;	/* has refused such: its number + 1, or 0 */
	int			failures;		/* answers that were failures */

	/* For resend.c. */
	bool		in_sent;
	int			resends;
	int64		sent_at;		/* when the library sent it last */
	int64		sent_number;	/* the same, in the order of sending */
	int64		looked_at;		/* when we last looked, or sent it again */

	/* For bare_error.c. */
	uint8	   *bare_error;			/* malloc'd, an error that may be forged */
	size_t		bare_error_len;
	int64		bare_error_at;		/* when it came, on the clock of clock_slept() */
	dlist_node	bare_error_node;

	/* For isolation.c. */
	int			losses;			/* of connections that others were on, too */
	bool		isolated;		/* it is to be asked on one of its own */
	bool		only_isolated;		/* the library is done with it */
	bool		waits_for_lane;		/* it waits for a lane */
	dlist_node	lane_node;		/* while it does */
	struct DnsLane *lane;		/* that asks it */

	/* For refused.c. */
	bool		tcp;			/* it is asked over TCP */
	bool		in_refused;		/* it waits to be asked again */
	dlist_node	refused_node;	/* while it does */

	/* Letters that are sent in the other case: a bit for each octet. */
	uint8		other_case[(WIRE_NAME_MAX + 7) / 8];
	DnsQuestion question;		/* the last member, and never cleared */
} DnsSlot;

typedef struct DnsWindow
{
	MemoryContext context;
	MemoryContextCallback release;
	struct DnsChannel *channel; /* ours; NULL if no server is configured */
	bool		chosen_server;
	DnsStyle	style;
	uint64		generation;		/* of the settings, when it was up to date */
	int64		opened;
	int			capacity;
	DnsSlot    *slots;
	slist_head	free;
	dlist_head	pending;		/* in the order of asking */
	dlist_head	sent;			/* in the order of looked_at */
	dlist_head	done;			/* in the order of finishing */
	dlist_head	bare_errors;			/* in the order of bare_error_at */
	int			in_flight;
	int			used;			/* slots that have been in use */
	bool		many;			/* asks in bulk */
	bool		ahead;			/* asks before the call: see prefetch_table.c */
	bool		failed;			/* only if it does: no more answers come */
	int64		heard_of[MAX_ASKED_SERVERS];	/* last sent_number answered */
	struct DnsLane *of_lane;	/* that it is of another window, or NULL */
	dlist_head	lane_queue;		/* questions that wait for a lane */
	int			nisolated;			/* questions that only a lane asks */
	dlist_head	lanes;
	int			nlanes;
	dlist_head	refused;		/* questions that nobody has taken */
	int			nrefused;
	int64		ask_again_at;	/* one of them, on the clock of clock_now() */

	/* Noted inside the library, raised outside. */
	Size		answer_memory;
	Size		answer_memory_limit;
	bool		over_memory_limit;
	bool		out_of_memory;

	dlist_node	open_node;		/* of wait.c, while it has a channel; no lane */
} DnsWindow;

/* ---- slot.c: the places of questions in a window ---- */

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

#define MAX_QUERY_IDS		65536
#define MAX_PROBES			8
#define MAX_SOCKETS			64	/* UDP sockets, but for what is sent again */

/*
 * Messages that are sent with one call: more makes bursts, which servers may drop,
 * and hardly saves anything.
 */
#define MAX_BURST			128

/*
 * What is read on a channel in one turn of the wait loop, however much there is: octets,
 * and so many more for each call of the system or datagram.  The sockets on which
 * something has come share it evenly, so that a flood on one keeps no other from being
 * read.  The loop then looks at interrupts and limits before it reads on, after some
 * 10 ms.
 */
#define TURN_BUDGET			(512 * 1024)
#define READ_COST			64

#define CHANNEL_DESCRIPTORS 2	/* at least, for UDP and TCP */

/* A copy of a query that the library sends to see whether a server is back. */
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
	bool		want_read;		/* what the library waits for */
	bool		want_write;
	bool		out_waits;		/* our own octets wait until it is writable */
	uint32		serial;			/* unlike descriptors never used again */
	struct sockaddr_storage address;	/* of the server */
	int			server;			/* its number, see nasked */
	int			refused;		/* errno for which it must not be used */
	int			budget;			/* of what is read in this turn */

	uint8	   *out;			/* messages that wait, a length before each */
	size_t		out_len;
	size_t		out_size;

	/* UDP only: what waits in out, to be sent with one call. */
	bool		unsent;			/* it is among the channel's */
	dlist_node	unsent_node;
	int			out_count;		/* messages */
	bool		no_segments;	/* the system cuts nothing to pieces here */
	int			send_errno;		/* why it refused, until the library knows */

	/* TCP only: the frame that is coming in. */
	bool		established;	/* something has been sent */
	bool		lost;			/* its end has been looked into */
	int			waiting;		/* questions that wait for answers here */
	int64		heard_at;		/* last octets, or when waiting began */
	int64		probed_at;		/* when its silence was looked into */
	int64		partial_since;	/* part of a frame is there; 0 if none is */
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
	PACE_HOLDING,				/* the level is what it should be */
	PACE_SETTLING,				/* it was changed just now */
	PACE_COMPARING				/* is that better? */
} PaceState;

/* How many questions a channel has in flight; see pace.c. */
typedef struct DnsPace
{
	int			level;			/* at most so many */
	int			proven;			/* the level before another was tried */
	PaceState	state;
	int			rounds;			/* since the state began */
	double		rate;			/* good answers in a microsecond, at best */
	double		tried_rate;		/* the same, of the level that is tried */
	bool		needed;			/* fewer brought fewer answers */
	int64		changed_at;		/* the level, on the clock of clock_now() */
	int			answered;		/* since then */
	int			lost;			/* of what was sent since then */
	int64		halved_at;		/* these two */
	int64		try_at;			/* no other level is tried before */
	int64		pause;			/* us to the next try after one that did not help */

	/* The present round. */
	int64		began;
	int64		waited;			/* of clock_slept() */
	int			answers;
	int			good;
	bool		full;			/* more would have been asked */
} DnsPace;

/* Whether servers can be reached over a transport; see refused.c. */
typedef struct DnsReach
{
	bool		heard;			/* one has answered, ever */
	bool		gone;			/* a query was refused since */
	int64		gone_since;		/* the first one, on the clock of clock_waited() */
} DnsReach;

/* A channel and all that hangs on it; malloc'd, since the library uses it. */
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
	int			last_slot;		/* of which a query was sent last */
	DnsProbe	probes[MAX_PROBES];
	int			next_probe;

	dlist_head	unsent;			/* UDP sockets with messages that wait */
	bool		burst_waits;	/* one of them has a whole burst */
	DnsSent		sent[MAX_BURST];	/* left with the last flush, in that order */
	int			nsent;
	int64		sent_at;		/* the time of that */
	int64		last_number;	/* of what has been sent */
	DnsSocket **sockets;		/* by descriptor */
	int			max_sockets;
	bool		sockets_changed;
	int			queries_per_socket; /* a UDP socket's share */
	int			max_ports;		/* UDP sockets that found a port */
	int			max_in_flight;	/* as descriptors and ports allow */
	DnsPace		pace;
	int			spare_descriptors;	/* reserved, no socket has them */
	bool		no_descriptors; /* a socket could not have one */
	int			last_errno;
	bool		cut;			/* at last a connection ended that had been made */
	DnsReach	reach[2];		/* over UDP, over TCP */
	struct sockaddr_storage asked[MAX_ASKED_SERVERS];
	int			nasked;
	int			tcp_sockets;
	uint64		edns_servers;	/* have sent an OPT record: a bit each */
	int64		plain_until[MAX_ASKED_SERVERS]; /* asked without; 0 if never */
	int64		usual_trip;		/* time that answers take, 0 if not known */
} DnsChannel;

/* ---- placeholder.c: questions in the library's books ---- */

/*
 * What the library is told.  With the first the query is done: no other rcode
 * is taken without a retry, a mark against the server or an effect on the time
 * that it waits for others.  With the second the next server is asked, with the
 * third the same question goes over TCP.
 */
#define VERDICT_DONE		11	/* DSOTYPENI */
#define VERDICT_NEXT_SERVER RCODE_SERVFAIL
#define VERDICT_USE_TCP		WIRE_TC

/* Room for what the library gets instead of an answer: ". A" as a reply. */
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

/* ---- nameserver.c: what is known of name servers ---- */

extern int	nameserver_number(DnsChannel *channel,
								 const struct sockaddr *address, socklen_t len);
extern void nameserver_heard(DnsChannel *channel, bool tcp);
extern bool nameserver_edns_wanted(const DnsChannel *channel, const DnsSlot *slot,
						int server);
extern bool nameserver_edns_refused(DnsSlot *slot, int server, int rcode);
extern void nameserver_edns_answered(DnsChannel *channel, const DnsSlot *slot, int server,
						  const DnsMessage *message);

/* ---- roundtrip.c: how long answers take ---- */

/* An answer is late after so many times as long as answers usually take. */
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
extern int64 pace_time(const DnsPace *pace, int64 usual_trip);
extern void pace_look(DnsPace *pace, int64 usual_trip);

/* ---- isolation.c: questions for connections of their own ---- */

/* A window that asks one question of another window at a time. */
typedef struct DnsLane
{
	dlist_node	node;
	DnsWindow  *owner;
	DnsWindow  *window;
	DnsSlot    *slot;			/* of the other; NULL when it is over there */
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
