/*
 * transport.h
 *
 * Sockets under c-ares: what goes out, and what is let in.  Nothing here raises,
 * allocates in a memory context or calls the library.
 */
#ifndef PGCARES_TRANSPORT_H
#define PGCARES_TRANSPORT_H

#include "flight/flight.h"

/* ---- socket.c: the socket functions under the library ---- */

extern const struct ares_socket_functions_ex socket_functions;
extern void socket_state_changed(void *arg, ares_socket_t fd, int readable,
								 int writable);
extern bool socket_wants_write(const DnsSocket *socket);

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
extern ares_ssize_t udp_receive(DnsChannel *channel, DnsSocket *socket,
								uint8 *buffer, size_t len,
								struct sockaddr *address,
								ares_socklen_t *address_len);

/* ---- udp_send.c: what goes out over UDP ---- */

extern bool udp_send(DnsChannel *channel, DnsSocket *socket,
						  const uint8 *message, size_t len);
extern bool udp_send_flush(DnsChannel *channel, DnsSocket *socket);

/* ---- query.c: the messages that go out ---- */

extern size_t outgoing_message(DnsChannel *channel, DnsSocket *socket,
							   const uint8 *query, size_t len, uint8 *message);
extern bool outgoing_again(DnsChannel *channel, DnsSlot *slot);
extern DnsProbe *outgoing_probe(DnsChannel *channel, uint16 id);

/* ---- guard.c: the messages that are let in ---- */

/* Header, name, type and class, an OPT record with an empty NSID option. */
#define GUARD_MAX_QUERY		(WIRE_HEADER_SIZE + WIRE_NAME_MAX + 4 + 11 + 4)

extern size_t guard_incoming(DnsChannel *channel, DnsSocket *socket,
							 const uint8 *octets, size_t len, uint8 *stub);
extern size_t guard_judge(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot,
						  DnsMessage *message, uint8 *stub);

/* ---- bare_error.c: errors without a question ---- */

extern void bare_error_note(DnsSlot *slot, const DnsMessage *message);
extern int64 bare_error_time_left(const DnsWindow *window);
extern DnsSlot *bare_error_take(DnsChannel *channel, const DnsSocket *socket,
						   DnsMessage *message);

#endif							/* PGCARES_TRANSPORT_H */
