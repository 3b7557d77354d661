/*
 * datagram.c
 *
 * Messages over UDP.  What the system does not take at once waits in a queue of
 * the socket until it is writable; the library would leave it there until it has
 * something else to send.  Runs inside the library, as socket.c does.
 */
#include "postgres.h"

#include <netinet/in.h>

#include "pgcares.h"

/*
 * Datagrams that are thrown away before the loop looks around again, so that a
 * flood cannot keep it from interrupts and timers.
 */
#define MAX_DROPS	64

static bool same_address(const struct sockaddr *a, const struct sockaddr *b);

/*
 * Reads until a datagram comes that concerns the library, and gives it that.
 */
ares_ssize_t
datagram_receive(DnsChannel *channel, DnsSocket *socket,
				 uint8 *buffer, size_t len,
				 struct sockaddr *address, ares_socklen_t *address_len)
{
	size_t		stub_len = doubt_take(channel, socket, buffer);

	if (stub_len > 0)
	{
		memcpy(address, &socket->address, *address_len);
		return stub_len;
	}
	for (int drops = 0; drops < MAX_DROPS; drops++)
	{
		ssize_t		got = recvfrom(socket->fd, buffer, len, 0,
								   address, address_len);

		if (got < 0)
			return got;
		/* The system takes in datagrams of others until it is connected. */
		if (!same_address(address, (struct sockaddr *) &socket->address))
			continue;
		stub_len = guard_incoming(channel, socket, buffer, got, buffer);
		if (stub_len > 0)
			return stub_len;
	}
	errno = EAGAIN;
	return -1;
}

/*
 * Sends a message, or puts it behind those that wait to be sent.  False, with
 * errno, where it cannot be sent.
 */
bool
datagram_send(DnsChannel *channel, DnsSocket *socket,
			  const uint8 *message, size_t len)
{
	if (socket->out_len == 0)
	{
		if (send(socket->fd, message, len, MSG_NOSIGNAL) >= 0)
			return true;

		/* As if lost on the way: the socket does not tell when to try again. */
		if (errno == ENOBUFS)
			return true;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return false;
	}
	if (!stream_queue(channel, socket, message, len))
		return false;
	datagram_flush(channel, socket);
	return true;
}

/*
 * Sends what waits, as far as the system takes it.  One that cannot be sent is as
 * good as lost.
 */
void
datagram_flush(DnsChannel *channel, DnsSocket *socket)
{
	size_t		sent = 0;

	while (sent < socket->out_len)
	{
		size_t		len = wire_u16(socket->out + sent);

		if (send(socket->fd, socket->out + sent + STREAM_PREFIX, len,
				 MSG_NOSIGNAL) < 0 &&
			(errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		sent += STREAM_PREFIX + len;
	}
	stream_sent(channel, socket, sent);
}

/* Are these the same address and port? */
static bool
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *) a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *) b;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *) a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *) b;

	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
			a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
		memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}
