/*
 * tries.c
 *
 * The queries of a question, and what the burst does with it.  Each query of the burst
 * has an id of its own, so an answer tells which query it belongs to, and an answer to an
 * earlier query still counts.  Stores, never raises.
 *
 *   none --- burst_ask() --> fresh --- no answer in the usual time --> silent
 *    ^                                                                   |
 *    |                     asked early twice, or not: waiting <-- second <-+ asked early, or not
 *    |         fresh <-- held <-- the list of the resolver seems full ---+
 *    |                                               the time of the try is over
 *    |                                                                   v
 *    +-- slot_finish(),        again <-- burst_attend(): there is room - due     last
 *        refused: from any      | ^                                      ^        ^ |
 *        of them; over TCP:     | +---- a calm time ---------------------|--------|-+
 *        by way of BURST_TCP    +------------> still silent -------------+--------+
 *                                                  one try is left, and the list was full
 */
#include "postgres.h"

#include "flight/flight.h"

#define ID_POOL			512

static DnsTry *find_among(const DnsChannel *channel, const uint16 *slot_of,
						  const DnsSocket *socket, uint16 id, DnsSlot **slot);
static void forget(DnsSlot *slot, DnsTry *try);

/*
 * Chooses an id that nobody can guess and that is not in use (RFC 5452 section 9.2).
 * False if there are no random numbers.
 */
bool
tries_new_id(const DnsChannel *channel, uint16 *id)
{
	static uint16 ids[ID_POOL];
	static int	left = 0;

	do
	{
		if (left == 0 && !pg_strong_random(ids, sizeof(ids)))
			return false;
		if (left == 0)
			left = ID_POOL;
		*id = ids[--left];
		/* The next one is taken soon, and its place in the table is anywhere. */
		if (left > 0)
			__builtin_prefetch(&channel->slot_of_own_id[ids[left - 1]]);
	} while (channel->slot_of_own_id[*id] != 0);
	return true;
}

/*
 * Adds a query of the burst with this id, which leaves through this socket.  Forgets the
 * oldest one if there are too many.  The caller sets its edns.
 */
DnsTry *
tries_add(DnsSlot *slot, DnsSocket *socket, uint16 id)
{
	DnsTry	   *try = &slot->tries[0];

	if (slot->ntries == MAX_TRIES)
		forget(slot, &slot->tries[--slot->ntries]);
	memmove(&slot->tries[1], try, slot->ntries * sizeof(DnsTry));
	slot->ntries++;
	memset(try, 0, sizeof(*try));
	try->id = id;
	try->server = socket->server;
	try->fd = socket->fd;
	try->socket_serial = socket->serial;
	try->sent_at = clock_last();
	slot->window->channel->slot_of_own_id[id] = slot->index + 1;
	socket->waiting++;
	socket->asked++;
	return try;
}

/*
 * The query of a slot with this id, or NULL.
 */
DnsTry *
tries_of_id(DnsSlot *slot, uint16 id)
{
	for (int i = 0; i < slot->ntries; i++)
	{
		if (slot->tries[i].id == id)
			return &slot->tries[i];
	}
	return NULL;
}

/*
 * The query with this id that left through this socket, and its slot; NULL if there is
 * none.
 */
DnsTry *
tries_find(const DnsChannel *channel, const DnsSocket *socket, uint16 id,
		   DnsSlot **slot)
{
	DnsTry	   *try = find_among(channel, channel->slot_of_own_id, socket, id, slot);

	if (try == NULL && !socket->burst)
		try = find_among(channel, channel->slot_of_id, socket, id, slot);
	return try;
}

/*
 * Forgets a query: no other answer to it counts.
 */
void
tries_drop(DnsSlot *slot, DnsTry *try)
{
	int			after = slot->ntries - 1 - (try - slot->tries);

	forget(slot, try);
	memmove(try, try + 1, after * sizeof(DnsTry));
	slot->ntries--;
	memset(&slot->tries[slot->ntries], 0, sizeof(DnsTry));
}

/*
 * Does a query of a slot without EDNS ask this server?
 */
bool
tries_without_edns(const DnsSlot *slot, int server)
{
	for (int i = 0; i < slot->ntries; i++)
	{
		if (slot->tries[i].server == server && !slot->tries[i].edns)
			return true;
	}
	return false;
}

/*
 * The socket of a query; NULL if it is closed.
 */
DnsSocket *
tries_socket(const DnsChannel *channel, const DnsTry *try)
{
	DnsSocket  *socket = try->fd < channel->max_sockets ?
		channel->sockets[try->fd] : NULL;

	return socket != NULL && socket->serial == try->socket_serial ?
		socket : NULL;
}

/*
 * Puts a question of the burst into the list of a state.
 */
void
tries_enter(DnsSlot *slot, BurstState state)
{
	DnsWindow  *window = slot->window;

	if (slot->burst == BURST_NONE)
	{
		slot->in_flight = true;
		window->in_flight++;
		window->nburst[BURST_NONE]++;
	}
	else
	{
		dlist_delete(&slot->burst_node);
		window->nburst[slot->burst]--;
	}
	slot->burst = state;
	window->nburst[state]++;
	dlist_push_tail(&window->burst[state], &slot->burst_node);
}

/*
 * Takes a question out of the burst, if it is there, and forgets its queries.
 */
void
tries_leave(DnsSlot *slot)
{
	DnsWindow  *window = slot->window;

	if (slot->burst == BURST_NONE)
		return;
	while (slot->ntries > 0)
		forget(slot, &slot->tries[--slot->ntries]);
	memset(slot->tries, 0, sizeof(slot->tries));
	dlist_delete(&slot->burst_node);
	window->nburst[slot->burst]--;
	window->nburst[BURST_NONE]--;
	window->in_flight--;
	slot->burst = BURST_NONE;
	slot->in_flight = false;
}

/*
 * The number of questions that were asked just now: they load the server.
 */
int
tries_fresh(const DnsWindow *window)
{
	return window->nburst[BURST_FRESH] + window->nburst[BURST_AGAIN];
}

/*
 * The microseconds that a try lasts.
 */
int64
tries_time(const DnsChannel *channel)
{
	return channel->config.timeout * INT64CONST(1000);
}

/*
 * The number of other questions of the burst without an answer: each can hold a place in
 * a resolver's list, but those that are held back.
 */
int
tries_waiting(const DnsWindow *window)
{
	return window->nburst[BURST_NONE] - tries_fresh(window) -
		window->nburst[BURST_HELD] - window->nburst[BURST_LAST] - window->nburst[BURST_TCP];
}

/*
 * The first question of a list, which is not empty.
 */
DnsSlot *
tries_first(const DnsWindow *window, BurstState state)
{
	return dlist_head_element(DnsSlot, burst_node,
							  unconstify(dlist_head *, &window->burst[state]));
}

/*
 * This many microseconds after the last try of the first question of a list; never if
 * it is empty.
 */
int64
tries_first_after(const DnsWindow *window, BurstState state, int64 after)
{
	return window->nburst[state] == 0 ? PG_INT64_MAX :
		tries_first(window, state)->tried_at + after;
}

/* As tries_find(), in one of the two tables of ids. */
static DnsTry *
find_among(const DnsChannel *channel, const uint16 *slot_of, const DnsSocket *socket,
		   uint16 id, DnsSlot **slot)
{
	DnsTry	   *try;

	if (slot_of[id] == 0 || channel->window == NULL)
		return NULL;
	*slot = &channel->window->slots[slot_of[id] - 1];
	try = tries_of_id(*slot, id);
	return try != NULL && try->socket_serial == socket->serial ? try : NULL;
}

static void
forget(DnsSlot *slot, DnsTry *try)
{
	DnsChannel *channel = slot->window->channel;
	DnsSocket  *socket = tries_socket(channel, try);

	channel->slot_of_own_id[try->id] = 0;
	if (socket != NULL)
		socket->waiting--;
}
