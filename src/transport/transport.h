/*
 * transport.h
 *
 * Sockets under c-ares: what goes out, and what is let in.  Nothing here raises,
 * allocates in a memory context or calls the library.
 */
#ifndef PGCARES_TRANSPORT_H
#define PGCARES_TRANSPORT_H

#include "flight/flight.h"

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

/* The result of judging an answer. */
typedef struct DnsVerdict
{
	DnsSlot    *slot;			/* NULL if a probe is answered */
	uint16		id;				/* of the query, the library's if it asks */
	uint16		flags;			/* one of VERDICT_... */
} DnsVerdict;

/* ---- socket.c: the socket functions under the library ---- */

extern const struct ares_socket_functions_ex socket_functions;
extern void socket_state_changed(void *arg, ares_socket_t fd, int readable,
								 int writable);
extern bool socket_wants_write(const DnsSocket *socket);
extern DnsSocket *socket_make(DnsChannel *channel, const DnsNameServer *server);
extern void socket_refused(DnsChannel *channel, DnsSocket *socket, int error);
extern void socket_end_all(DnsChannel *channel, int asked, bool waiting);

/* ---- tcp_receive.c: what comes over TCP ---- */

extern ares_ssize_t tcp_receive(DnsChannel *channel, DnsSocket *socket,
								   uint8 *buffer, size_t len);
extern int64 tcp_receive_time(const DnsChannel *channel);
extern void tcp_receive_look_after(DnsChannel *channel);
extern void tcp_receive_end_silent(DnsChannel *channel, const DnsSlot *slot);

/* ---- outbox.c: the queue of a socket ---- */

extern bool outbox_queue(DnsChannel *channel, DnsSocket *socket,
						 const uint8 *message, size_t len);
extern bool outbox_flush(DnsChannel *channel, DnsSocket *socket);
extern void outbox_set_waits(DnsChannel *channel, DnsSocket *socket, bool waits);

/* ---- udp_receive.c: what comes over UDP ---- */

extern bool udp_receive_reserve(void);
extern void udp_receive_together(const DnsSocket *socket);
extern bool udp_receive(DnsChannel *channel, DnsSocket *socket,
						DnsVerdict *verdict);
extern ares_ssize_t udp_receive_stub(DnsChannel *channel, DnsSocket *socket,
									 uint8 *buffer);

/* ---- udp_send.c: what goes out over UDP ---- */

extern bool udp_send(DnsChannel *channel, DnsSocket *socket,
						  const uint8 *message, size_t len);
extern bool udp_send_flush(DnsChannel *channel, DnsSocket *socket);
extern void udp_send_drop(DnsChannel *channel);

/* ---- query.c: the messages that go out ---- */

extern size_t query_replace(DnsChannel *channel, DnsSocket *socket,
							const uint8 *query, size_t len, uint8 *message);
extern bool query_send(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot);
extern void query_send_probe(DnsChannel *channel, DnsSocket *socket,
							 const DnsSlot *slot, uint16 id);
extern void query_again(DnsChannel *channel, DnsSlot *slot);
extern DnsProbe *query_probe(DnsChannel *channel, uint16 id);

/* ---- guard.c: the messages that are let in ---- */

/* Header, name, type and class, an OPT record with an empty NSID option. */
#define GUARD_MAX_QUERY		(WIRE_HEADER_SIZE + WIRE_NAME_MAX + 4 + 11 + 4)

extern bool guard_incoming(DnsChannel *channel, DnsSocket *socket,
						   const uint8 *octets, size_t len, DnsVerdict *verdict);
extern bool guard_judge(DnsChannel *channel, DnsSlot *slot, DnsTry *try, bool tcp,
						DnsMessage *message, DnsVerdict *verdict);

/* ---- bare_error.c: errors without a question ---- */

extern void bare_error_note(DnsSlot *slot, const DnsMessage *message);
extern int64 bare_error_time_left(const DnsWindow *window);
extern DnsTry *bare_error_open(DnsSlot *slot, DnsMessage *message);

#endif							/* PGCARES_TRANSPORT_H */
