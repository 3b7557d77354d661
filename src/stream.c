/*
 * stream.c
 *
 * Messages over TCP: a length of two octets before each (RFC 1035 section
 * 4.2.2).  Frames are put together here and pass through the guard one by one,
 * so that a bad one does not take along what else is on the connection.  Runs
 * inside the library, as socket.c does.
 */
#include "postgres.h"

#include "pgcares.h"

static size_t give_up(DnsChannel *channel, DnsSocket *socket, uint8 *buffer);
static size_t judge_frames(DnsChannel *channel, DnsSocket *socket,
						   uint8 *buffer, size_t len);

/*
 * Reads what is there, puts frames together, and gives the library its share of
 * each whole one.
 */
ares_ssize_t
stream_receive(DnsChannel *channel, DnsSocket *socket,
			   uint8 *buffer, size_t len)
{
	for (;;)
	{
		size_t		given = judge_frames(channel, socket, buffer, len);
		ssize_t		got;

		if (given > 0)
			return given;
		got = recv(socket->fd, socket->in + socket->in_len,
				   STREAM_MAX_FRAME - socket->in_len, 0);
		if (got == 0)
			channel->last_errno = ECONNRESET;	/* nothing else tells of it */
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return got;			/* nothing yet */
		if (got <= 0 && !socket->lost)
		{
			given = give_up(channel, socket, buffer);
			if (given > 0)
				return given;
		}
		if (got <= 0)
			return got;			/* the end, or an error */
		socket->in_len += got;
	}
}

/*
 * Puts a message behind those that wait to be sent.  False, with errno, where
 * there is no memory.
 */
bool
stream_queue(DnsSocket *socket, const uint8 *message, size_t len)
{
	size_t		needed = socket->out_len + STREAM_PREFIX + len;

	if (needed > socket->out_size)
	{
		size_t		size = Max(needed, 2 * socket->out_size);
		uint8	   *out = realloc(socket->out, size);

		if (out == NULL)
		{
			errno = ENOMEM;
			return false;
		}
		socket->out = out;
		socket->out_size = size;
	}
	wire_put_u16(socket->out + socket->out_len, len);
	memcpy(socket->out + socket->out_len + STREAM_PREFIX, message, len);
	socket->out_len = needed;
	return true;
}

/*
 * Sends as much as the connection takes; the rest waits until it is writable.
 * False, with errno, where the connection has failed.
 */
bool
stream_flush(DnsChannel *channel, DnsSocket *socket)
{
	size_t		sent = 0;

	while (sent < socket->out_len)
	{
		ssize_t		rc = send(socket->fd, socket->out + sent,
							  socket->out_len - sent, MSG_NOSIGNAL);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc < 0)
			break;
		socket->established = true;
		sent += rc;
	}
	if ((sent < socket->out_len) != (socket->out_waits))
	{
		socket->out_waits = !socket->out_waits;
		channel->sockets_changed = true;
	}
	socket->out_len -= sent;
	memmove(socket->out, socket->out + sent, socket->out_len);
	if (socket->out_len == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
		return true;
	channel->last_errno = errno;
	return false;
}

/*
 * Tells the library of the question that is to blame for the end of a connection
 * before it learns of the end itself, which is there at the next try too.
 */
static size_t
give_up(DnsChannel *channel, DnsSocket *socket, uint8 *buffer)
{
	int			save_errno = errno;
	size_t		len = guard_connection_lost(channel, socket,
											buffer + STREAM_PREFIX);

	socket->lost = true;
	errno = save_errno;
	if (len == 0)
		return 0;
	wire_put_u16(buffer, len);
	return STREAM_PREFIX + len;
}

/*
 * Passes the whole frames of the buffer through the guard.  Gives the octets
 * written for the library.
 */
static size_t
judge_frames(DnsChannel *channel, DnsSocket *socket, uint8 *buffer, size_t len)
{
	size_t		used = 0;
	size_t		given = 0;

	while (socket->in_len - used >= STREAM_PREFIX &&
		   len - given >= STREAM_PREFIX + GUARD_STUB_SIZE)
	{
		size_t		frame_len = wire_u16(socket->in + used);
		size_t		stub_len;

		if (socket->in_len - used - STREAM_PREFIX < frame_len)
			break;
		stub_len = guard_incoming(channel, socket,
								  socket->in + used + STREAM_PREFIX, frame_len,
								  buffer + given + STREAM_PREFIX);
		if (stub_len > 0)
		{
			wire_put_u16(buffer + given, stub_len);
			given += STREAM_PREFIX + stub_len;
		}
		used += STREAM_PREFIX + frame_len;
	}
	socket->in_len -= used;
	memmove(socket->in, socket->in + used, socket->in_len);
	return given;
}
