/*
 * isolation.c
 *
 * Which questions are to be asked on a connection of their own.  Over TCP many
 * questions share one connection, and where a server ends it, or stops in the midst
 * of a message, nobody knows over which of them.  Those that were on connections that
 * were lost are isolated: each is asked in a lane (lane.c).  Runs inside the library:
 * stores, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/*
 * Connections that may be lost over questions that share them, until each of
 * these gets one of its own.
 */
#define LOSSES_ALLOWED	2

static bool is_on(const DnsSlot *slot, const DnsSocket *socket);
static bool is_cut_off(const DnsSlot *slot, const DnsSocket *socket);
static void add(DnsSlot *slot);

/*
 * A connection has ended, and the library will ask on another one whatever is
 * unanswered.  Where a server ends it over a certain question, that would go on
 * until all others have no tries left.  So who was on two connections that were
 * lost, or whose answer was cut off, is isolated.  Writes frames
 * that tell the library that it need not ask these, and gives the octets; 0 when
 * there is nothing more to tell.  What is alone on a connection harms nobody.
 */
size_t
isolation_connection_lost(DnsChannel *channel, DnsSocket *socket,
					  uint8 *frames, size_t size)
{
	bool		shared = (socket->waiting > 1);
	size_t		used = 0;
	dlist_iter	iter;

	if (channel->window == NULL)
		return 0;
	dlist_foreach(iter, &channel->window->pending)
	{
		DnsSlot    *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		if (!is_on(slot, socket))
			continue;
		if (!socket->lost && shared)
			slot->losses += is_cut_off(slot, socket) ? LOSSES_ALLOWED : 1;
		if (slot->losses < LOSSES_ALLOWED || slot->isolated ||
			size - used < STREAM_PREFIX + PLACEHOLDER_STUB_SIZE)
			continue;
		slot->isolated = true;
		wire_put_u16(frames + used, PLACEHOLDER_STUB_SIZE);
		used += STREAM_PREFIX;
		used += placeholder_write_done(slot->id, frames + used);
	}
	socket->lost = true;
	return used;
}

/*
 * A connection that is shared is silent: isolates one of its questions as
 * well, the last one, which others can hold up.
 */
void
isolation_probe(DnsChannel *channel, const DnsSocket *socket)
{
	DnsWindow  *window = channel->window;
	dlist_iter	iter;

	dlist_reverse_foreach(iter, &window->pending)
	{
		DnsSlot    *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		if (is_on(slot, socket) && slot->lane == NULL && !slot->waits_for_lane)
		{
			add(slot);
			return;
		}
	}
}

/*
 * The library is done with a question: takes it if it is isolated.
 * Called inside the library; never raises.
 */
bool
isolation_take(DnsSlot *slot, ares_status_t status)
{
	DnsWindow  *window = slot->window;

	if (slot->done || slot->reply.answered || window->of_lane != NULL ||
		!(slot->isolated || slot->losses > 0) ||
		(status != ARES_SUCCESS && status != ARES_ECONNREFUSED &&
		 status != ARES_ETIMEOUT))
		return false;
	slot->only_isolated = true;
	window->nisolated++;
	if (slot->lane == NULL && !slot->waits_for_lane)
		add(slot);
	return true;
}

/* Does the question of a slot wait for its answer on this socket? */
static bool
is_on(const DnsSlot *slot, const DnsSocket *socket)
{
	return slot->in_flight && slot->socket_serial == socket->serial;
}

/* Is what the socket has of a frame the beginning of the answer to a slot? */
static bool
is_cut_off(const DnsSlot *slot, const DnsSocket *socket)
{
	return socket->in_len >= STREAM_PREFIX + sizeof(slot->id) &&
		wire_u16(socket->in + STREAM_PREFIX) == slot->id;
}

static void
add(DnsSlot *slot)
{
	slot->waits_for_lane = true;
	dlist_push_tail(&slot->window->lane_queue, &slot->lane_node);
}

