/*
 * flush.c
 *
 * Sends the queues of sockets.  Only the top level of the engine flushes, when a burst is
 * full and before the backend waits.  It never flushes inside the library, nor while it
 * walks a list: a flush changes the lists of the books.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Sends the queues of a channel's UDP sockets.  If the system refuses one, who asks
 * learns of it here and asks again at once: returns true, since the next flush must send
 * that.  Can raise.
 */
bool
flush_channel(DnsChannel *channel)
{
	bool		refused = false;
	int			count = 0;
	dlist_iter	iter;

	channel->burst_waits = false;
	dlist_foreach(iter, &channel->unsent)
		count++;
	for (; count > 0 && !dlist_is_empty(&channel->unsent); count--)
	{
		DnsSocket  *socket = dlist_container(DnsSocket, unsent_node,
											 dlist_pop_head_node(&channel->unsent));
		ares_fd_events_t event = {.fd = socket->fd, .events = ARES_FD_EVENT_READ};

		socket->unsent = false;
		if (!socket->out_waits)
			flush_socket(channel, socket);
		if (socket->send_errno == 0)
			continue;
		refused = true;
		if (socket->burst)
		{
			replies_unsent(channel->window, socket);
			continue;
		}
		channel_reserve_descriptors(channel, false);
		channel->window->out_of_memory |=
			memory_ran_out(ares_process_fds(channel->ares, &event, 1,
											ARES_PROCESS_FLAG_SKIP_NON_FD));
	}
	return refused;
}

/*
 * Sends the queue of a socket.  The library learns of a refusal when it next reads.
 * Raises nothing.
 */
void
flush_socket(DnsChannel *channel, DnsSocket *socket)
{
	bool		more = !socket->tcp;

	if (socket->tcp)
		(void) outbox_flush(channel, socket);
	while (more)
		more = udp_send_flush(channel, socket);
}
