/*
 * isolation.c
 *
 * Which questions need a TCP connection of their own.  Many questions share one
 * connection.  If the server ends it, or stops in the middle of a message, nobody knows
 * which question was the reason.  The suspects are isolated: each is asked in a lane
 * (lane.c), and so are those for which another server must be asked.  Runs inside the
 * library: stores, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/*
 * A question that was on this many shared connections when they were lost is isolated, and
 * earlier if it has only one query left.  Chosen, not measured; with 1, one loss would
 * isolate all questions of the connection.
 */
#define LOSSES_ALLOWED	2

static bool is_suspect(const DnsSlot *slot);
static bool is_spent(const DnsSlot *slot, int left);
static bool is_on(const DnsSlot *slot, const DnsSocket *socket);
static bool is_cut_off(const DnsSlot *slot, const DnsSocket *socket);
static void leave_to_lane(DnsSlot *slot);
static void add(DnsSlot *slot);

/*
 * A connection has ended, and the library asks its questions again on another one.  If
 * a server ends connections because of one question, the others lose all their tries
 * that way.  So this isolates a question that was on LOSSES_ALLOWED shared connections
 * when they were lost, or whose answer was cut off; and it ends one that has had all its
 * queries, of which the last one is for its lane.  Writes frames which tell the library
 * that these questions are done.  Returns the octets written; 0 when there is nothing left
 * to tell.
 */
size_t
isolation_connection_lost(DnsChannel *channel, DnsSocket *socket,
					  uint8 *frames, size_t size)
{
	bool		shared = (socket->waiting > 1);
	size_t		used = 0;
	dlist_iter	iter;

	channel->reach[true].heard = true;	/* the server has been there */
	channel->cut = true;
	if (channel->window == NULL)
		return 0;
	dlist_foreach(iter, &channel->window->pending)
	{
		DnsSlot    *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		if (!is_on(slot, socket))
			continue;
		if (!socket->lost && shared)
			slot->losses += is_cut_off(slot, socket) ? LOSSES_ALLOWED : 1;
		if (!is_suspect(slot) || slot->isolated ||
			size - used < STREAM_PREFIX + PLACEHOLDER_STUB_SIZE)
			continue;
		slot->isolated = true;
		slot->turned_away = slot->window->of_lane != NULL;
		wire_put_u16(frames + used, PLACEHOLDER_STUB_SIZE);
		used += STREAM_PREFIX;
		used += placeholder_write_done(slot->library_id, frames + used);
	}
	socket->lost = true;
	return used;
}

/*
 * A shared connection is silent: has its last question, which the others can hold up,
 * asked in a lane as well.
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
 * Takes a question with which the library is done, if it is isolated and has no answer:
 * from now on only a lane asks it.  False if the question ends here.
 */
bool
isolation_take(DnsSlot *slot, ares_status_t status)
{
	DnsWindow  *window = slot->window;

	if (slot->done || slot->reply.answered || window->of_lane != NULL ||
		slot->turned_away || !(slot->isolated || slot->losses > 0) ||
		(status != ARES_SUCCESS && status != ARES_ECONNREFUSED &&
		 status != ARES_ETIMEOUT))
		return false;
	leave_to_lane(slot);
	return true;
}

/*
 * Takes over a question from the library, which has had the answer of a server that is
 * of no use for it: a lane asks the others.  Other questions still go to that server.
 */
void
isolation_take_over(DnsSlot *slot)
{
	slot->elsewhere = false;
	leave_to_lane(slot);
}

static void
leave_to_lane(DnsSlot *slot)
{
	slot_drop_bare_error(slot);
	slot->only_isolated = true;
	slot->window->nisolated++;
	if (slot->lane == NULL && !slot->waits_for_lane)
		add(slot);
}

/*
 * Is the library to be done with a question whose connection was lost?  A lane only asks
 * again as long as there are queries left.
 */
static bool
is_suspect(const DnsSlot *slot)
{
	if (slot->window->of_lane != NULL)
		return is_spent(slot, 0);
	return slot->losses >= LOSSES_ALLOWED || (slot->losses > 0 && is_spent(slot, 1));
}

/* Has a question at most this many queries left? */
static bool
is_spent(const DnsSlot *slot, int left)
{
	const DnsChannel *channel = slot->window->channel;

	return slot->spent + slot->reply.queries + left >=
		channel->config.tries * channel->nservers;
}

/* Does the question of a slot wait for its answer on this socket? */
static bool
is_on(const DnsSlot *slot, const DnsSocket *socket)
{
	return slot->in_flight && slot->tries[0].socket_serial == socket->serial;
}

/* Has the socket the beginning of a frame that answers a slot? */
static bool
is_cut_off(const DnsSlot *slot, const DnsSocket *socket)
{
	return socket->in_len >= STREAM_PREFIX + sizeof(slot->tries[0].id) &&
		wire_u16(socket->in + STREAM_PREFIX) == slot->tries[0].id;
}

static void
add(DnsSlot *slot)
{
	slot->waits_for_lane = true;
	dlist_push_tail(&slot->window->lane_queue, &slot->lane_node);
}

