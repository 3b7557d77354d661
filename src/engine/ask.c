/*
 * ask.c
 *
 * Asks a server a question of the burst: which server, through which socket, with which
 * id.
 */
#include "postgres.h"

#include "engine/engine.h"

#include "common/pg_prng.h"

/*
 * Microseconds after a failure until a server that has failed gets a question too, beside
 * the one that answers; as FAILOVER_DELAY in library.c.
 */
#define PROBE_AFTER		INT64CONST(5000000)

static DnsSocket *take_socket(DnsChannel *channel, int server, bool again);
static uint16 take_id(const DnsChannel *channel);

/*
 * Queues a query of a question to a server.  False if there is no socket for it, with
 * the reason in the channel.  Can raise.
 */
bool
ask_server(DnsSlot *slot, int server)
{
	DnsChannel *channel = slot->window->channel;
	DnsSocket  *socket = take_socket(channel, server, slot->reply.queries > 0);

	if (socket == NULL)
		return false;
	(void) tries_add(slot, socket, take_id(channel));
	/* Without memory for the queue the window fails. */
	(void) query_send(channel, socket, slot);
	return true;
}

/*
 * Before a question is asked: asks a server that has failed a while ago, too.  Nobody
 * waits for it, and its answer shows that it is back.  Can raise.
 */
void
ask_failed(DnsSlot *slot)
{
	DnsChannel *channel = slot->window->channel;

	for (int i = 0; i < channel->nnameservers; i++)
	{
		DnsNameServer *server = &channel->nameservers[i];
		DnsSocket  *socket;

		if (server->failures == 0 || i == ask_choose(channel, 0) ||
			clock_last() < server->failed_at + PROBE_AFTER)
			continue;
		server->failed_at = clock_last();
		socket = take_socket(channel, i, true);
		if (socket != NULL)
			query_send_probe(channel, socket, slot, take_id(channel));
		return;
	}
}

/*
 * The server with the fewest failures that is not among those asked; -1 if there is none.
 * If several have equally few, the first of them, or any of them if they take turns.
 */
int
ask_choose(const DnsChannel *channel, uint64 asked)
{
	int			best = -1;
	int			equal = 0;

	for (int i = 0; i < channel->nnameservers; i++)
	{
		int			failures = channel->nameservers[i].failures;
		int			fewest = best < 0 ? INT_MAX : channel->nameservers[best].failures;

		if ((asked & (UINT64CONST(1) << i)) || failures > fewest)
			continue;
		equal = failures < fewest ? 1 : equal + 1;
		if (equal == 1 ||
			(channel->rotate &&
			 pg_prng_uint64_range(&pg_global_prng_state, 1, equal) == 1))
			best = i;
	}
	return best;
}

/*
 * Has every server been asked as often as the settings allow?
 */
bool
ask_is_last(const DnsSlot *slot)
{
	const DnsChannel *channel = slot->window->channel;

	return slot->tried + 1 >= channel->config.tries &&
		ask_choose(channel, slot->asked_round) < 0;
}

/*
 * Does any question of a window wait for an answer?
 */
bool
ask_pending(const DnsWindow *window)
{
	return window->in_flight > window->nburst[BURST_DUE];
}

/*
 * A socket for one more query to a server.  Queries that repeat a question leave through
 * another port than the first ones.  NULL if none can be opened.
 */
static DnsSocket *
take_socket(DnsChannel *channel, int server, bool again)
{
	DnsNameServer *from = &channel->nameservers[server];
	DnsSocket  *socket = from->sockets[again].fd < channel->max_sockets ?
		channel->sockets[from->sockets[again].fd] : NULL;

	if (socket != NULL && socket->serial == from->sockets[again].serial &&
		socket->asked < channel->queries_per_socket)
	{
		udp_receive_together(socket);
		return socket;
	}

	socket_end_all(channel, channel->queries_per_socket, false);
	channel_reserve_descriptors(channel, true);
	if (channel->spare_descriptors < CHANNEL_DESCRIPTORS)
	{
		/* The last one is for TCP. */
		if (ask_pending(channel->window))
		{
			channel->starved = true;
			return NULL;
		}
		/* All are asked again: their earlier queries can have no answer now. */
		socket_end_all(channel, 0, true);
	}
	socket = socket_make(channel, from);
	if (socket == NULL)
		return NULL;
	from->sockets[again].fd = socket->fd;
	from->sockets[again].serial = socket->serial;
	return socket;
}

static uint16
take_id(const DnsChannel *channel)
{
	uint16		id;

	if (!tries_new_id(channel, &id))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random query ids")));
	return id;
}
