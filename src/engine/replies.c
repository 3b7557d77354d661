/*
 * replies.c
 *
 * Replies to the queries of the burst: answers, and refusals by this host or by the
 * server's.
 */
#include "postgres.h"

#include "engine/engine.h"

static void leave_socket(DnsWindow *window, DnsSocket *socket);
static void ask_elsewhere(DnsWindow *window);

/*
 * Reads what has come through a socket.  Can raise.
 */
void
replies_read(DnsWindow *window, DnsSocket *socket)
{
	DnsVerdict	verdict;

	window->channel->reading = socket;
	while (udp_receive(window->channel, socket, &verdict))
	{
		if (verdict.slot != NULL)
			burst_obey(&verdict);
		else					/* a probe: the server is back */
			nameserver_answered(window->channel, socket->server);
	}
	window->channel->reading = NULL;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ||
		errno == ENOBUFS || errno == ENOMEM)
		return;
	socket_refused(window->channel, socket, errno);
	leave_socket(window, socket);
}

/*
 * The system does not send the queue of a socket: asks its questions elsewhere.  Can
 * raise.
 */
void
replies_unsent(DnsWindow *window, DnsSocket *socket)
{
	const uint8 *end = socket->out + socket->out_len;
	int			error = socket->send_errno;

	socket->send_errno = 0;
	socket_refused(window->channel, socket, error);
	for (const uint8 *at = socket->out; at < end;
		 at += STREAM_PREFIX + wire_u16(at))
	{
		DnsSlot    *slot;
		DnsTry	   *try = tries_find(window->channel, socket,
									 wire_u16(at + STREAM_PREFIX), &slot);

		if (try != NULL && try == &slot->tries[0] && slot->burst <= BURST_HELD)
			tries_enter(slot, BURST_REFUSED);
	}
	socket->out_len = 0;
	socket->out_count = 0;
	if (error == ECONNREFUSED)	/* the answer to an earlier message */
		leave_socket(window, socket);
	else
		ask_elsewhere(window);
}

/* A socket sends to where nobody listens: asks its questions elsewhere. */
static void
leave_socket(DnsWindow *window, DnsSocket *socket)
{
	for (int state = BURST_FRESH; state <= BURST_HELD; state++)
	{
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, &window->burst[state])
		{
			DnsSlot    *slot = dlist_container(DnsSlot, burst_node, iter.cur);

			if (slot->tries[0].socket_serial == socket->serial)
				tries_enter(slot, BURST_REFUSED);
		}
	}
	nameserver_failed(window->channel, socket->server);
	ask_elsewhere(window);
}

/* Asks the refused questions of a window elsewhere. */
static void
ask_elsewhere(DnsWindow *window)
{
	while (window->nburst[BURST_REFUSED] > 0)
		burst_try(tries_first(window, BURST_REFUSED));
}
