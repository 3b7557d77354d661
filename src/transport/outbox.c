/*
 * outbox.c
 *
 * The queue of a socket: messages that wait to be sent, each behind its length, as in a
 * TCP stream (RFC 1035 section 4.2.2).  outbox_queue() never sends.  Runs inside the
 * library too: stores, never raises.
 */
#include "postgres.h"

#include "transport/transport.h"

/*
 * Appends a message to the queue.  False, with errno, if there is no memory.
 */
bool
outbox_queue(DnsChannel *channel, DnsSocket *socket,
			 const uint8 *message, size_t len)
{
	size_t		needed = socket->out_len + STREAM_PREFIX + len;

	if (needed > socket->out_size)
	{
		size_t		size = Max(needed, 2 * socket->out_size);
		uint8	   *out = realloc(socket->out, size);

		if (out == NULL)
		{
			channel->window->out_of_memory = true;
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
 * TCP: sends as much as the connection takes; the rest waits until it is writable.
 * False, with errno, if the connection has failed.
 */
bool
outbox_flush(DnsChannel *channel, DnsSocket *socket)
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
	socket->out_len -= sent;
	memmove(socket->out, socket->out + sent, socket->out_len);
	outbox_set_waits(channel, socket, socket->out_len > 0);
	if (socket->out_len == 0 || errno == EAGAIN || errno == EWOULDBLOCK)
		return true;
	channel->last_errno = errno;
	return false;
}

/*
 * Notes whether the queue waits until the socket is writable.  Leaves errno alone.
 */
void
outbox_set_waits(DnsChannel *channel, DnsSocket *socket, bool waits)
{
	if (socket->out_waits == waits)
		return;
	socket->out_waits = waits;
	channel->sockets_changed = true;
}
