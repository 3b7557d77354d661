/*
 * flush.c
 *
 * Sends what waits in the queues of sockets.  This is done from the top level of the
 * engine only, when a burst is full and before the backend waits: never inside the
 * library, nor while a list is walked, since what has left goes into the books here.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Sends what was asked on a channel since, and has the library look into what could
 * not be sent.  True where there was such: the library asks again at once, and that is
 * sent the next time.  Raises nothing.
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
		channel_reserve_descriptors(channel);
		channel->window->out_of_memory |=
			memory_ran_out(ares_process_fds(channel->ares, &event, 1,
											ARES_PROCESS_FLAG_SKIP_NON_FD));
	}
	return refused;
}

/*
 * Sends what waits on a socket.  That it is refused shows when the library next reads.
 * Raises nothing.
 */
void
flush_socket(DnsChannel *channel, DnsSocket *socket)
{
	bool		more = !socket->tcp;

	if (socket->tcp)
		(void) outbox_flush(channel, socket);
	while (more)
	{
		more = udp_send_flush(channel, socket);
		roundtrip_sent(channel);
	}
}
