/*
 * tcp_receive.c
 *
 * Reads messages over TCP, each behind a length of two octets (RFC 1035 section 4.2.2).
 * Frames are put together here and pass the guard one by one, so that a bad frame does
 * not harm the others on the connection.  Runs inside the library: stores, never raises.
 */
#include "postgres.h"

#include "transport/transport.h"

static int64 due(const DnsChannel *channel, const DnsSocket *socket);
static size_t judge_frames(DnsChannel *channel, DnsSocket *socket,
						   uint8 *buffer, size_t len);

/*
 * Reads from a connection, and gives the library a stub for each whole frame that
 * answers a query.  When the budget of the turn is used up, the next turn reads on.
 */
ares_ssize_t
tcp_receive(DnsChannel *channel, DnsSocket *socket,
			   uint8 *buffer, size_t len)
{
	for (;;)
	{
		size_t		given = judge_frames(channel, socket, buffer, len);
		int			save_errno;
		ssize_t		got;

		if (given > 0)
			return given;
		if (socket->budget <= 0)
		{
			errno = EAGAIN;
			return -1;
		}
		got = socket->send_errno != 0 ? -1 :
			recv(socket->fd, socket->in + socket->in_len,
				 STREAM_MAX_FRAME - socket->in_len, 0);
		if (socket->send_errno != 0)
			errno = socket->send_errno;
		socket->budget -= READ_COST + Max(got, 0);
		if (got > 0)
		{
			socket->in_len += got;
			socket->heard_at = clock_now();
			continue;
		}
		if (got < 0 && errno == EINTR)
			errno = EAGAIN;		/* the next turn */
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return got;			/* nothing yet */
		if (got == 0)
			channel->last_errno = ECONNRESET;	/* errno does not tell */
		else
			channel->last_errno = errno;

		/* The end, or an error; the next call finds it again. */
		save_errno = errno;
		given = socket->established ?
			isolation_connection_lost(channel, socket, buffer, len) :
			refused_connection(channel, socket, buffer, len);
		errno = save_errno;
		return given > 0 ? (ares_ssize_t) given : got;
	}
}

/*
 * The earliest time, on the clock of clock_now(), at which tcp_receive_look_after() has
 * something to do.
 */
int64
tcp_receive_time(const DnsChannel *channel)
{
	int64		earliest = PG_INT64_MAX;

	if (channel->tcp_sockets == 0)
		return earliest;
	for (int fd = 0; fd < channel->max_sockets; fd++)
		earliest = clock_earlier(earliest, due(channel, channel->sockets[fd]));
	return earliest;
}

/*
 * Looks after connections on which several questions wait.  If the rest of a frame does
 * not come, because octets trickle or the length is wrong, it ends the connection.  If
 * a connection is silent, the reason is one question or a slow server: a lane finds
 * out which.
 */
void
tcp_receive_look_after(DnsChannel *channel)
{
	int64		now = clock_now();

	if (channel->tcp_sockets == 0)
		return;
	for (int fd = 0; fd < channel->max_sockets; fd++)
	{
		DnsSocket  *socket = channel->sockets[fd];

		if (due(channel, socket) > now)
			continue;
		/* The library reads the end of the connection next. */
		if (socket->partial_since > 0)
			(void) shutdown(socket->fd, SHUT_RDWR);
		else
			isolation_probe(channel, socket);
		socket->probed_at = now;
	}
}

/*
 * A lane has answered a slot's question: ends the connection on which the slot waits,
 * if that has been silent for the whole patience.
 */
void
tcp_receive_end_silent(DnsChannel *channel, const DnsSlot *slot)
{
	DnsSocket  *socket = placeholder_socket(channel, slot);

	if (socket != NULL && socket->tcp &&
		socket->heard_at + roundtrip_patience(channel) < clock_now())
		(void) shutdown(socket->fd, SHUT_RDWR);
}

/* When to look after a socket, on the clock of clock_now(). */
static int64
due(const DnsChannel *channel, const DnsSocket *socket)
{
	int64		since;

	if (socket == NULL || !socket->tcp || socket->waiting < 2)
		return PG_INT64_MAX;
	since = socket->partial_since > 0 ? socket->partial_since : socket->heard_at;
	return Max(since, socket->probed_at) + roundtrip_patience(channel);
}

/*
 * Passes the whole frames of the socket's buffer through the guard.  Returns the octets
 * written for the library.
 */
static size_t
judge_frames(DnsChannel *channel, DnsSocket *socket, uint8 *buffer, size_t len)
{
	size_t		used = 0;
	size_t		given = 0;

	while (socket->in_len - used >= STREAM_PREFIX &&
		   len - given >= STREAM_PREFIX + PLACEHOLDER_STUB_SIZE)
	{
		size_t		frame_len = wire_u16(socket->in + used);
		DnsVerdict	verdict;

		if (socket->in_len - used - STREAM_PREFIX < frame_len)
			break;
		if (guard_incoming(channel, socket, socket->in + used + STREAM_PREFIX,
						   frame_len, &verdict))
		{
			wire_put_u16(buffer + given, PLACEHOLDER_STUB_SIZE);
			given += STREAM_PREFIX;
			given += placeholder_write_stub(verdict.id, verdict.flags,
											buffer + given);
		}
		used += STREAM_PREFIX + frame_len;
	}
	socket->in_len -= used;
	memmove(socket->in, socket->in + used, socket->in_len);
	if (socket->in_len == 0)
		socket->partial_since = 0;
	else if (used > 0 || socket->partial_since == 0)
		socket->partial_since = clock_now();
	return given;
}
