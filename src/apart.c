/*
 * apart.c
 *
 * Questions on connections of their own.  Over TCP many questions share one
 * connection, and where a server ends it, or stops in the midst of a message,
 * nobody knows over which of them.  Those that were on connections that were lost
 * are asked apart, each in a window for one question, a lane: what goes wrong
 * there concerns that question only.
 */
#include "postgres.h"

#include "pgcares.h"

/*
 * Lanes of a window.  One that waits for a silent server is no use to others, so
 * there are many; each needs a descriptor.
 */
#define MAX_LANES	64

/*
 * Connections that may be lost over questions that share them, until each of
 * these gets one of its own.
 */
#define LOSSES_ALLOWED	2

static bool is_on(const DnsSlot *slot, const DnsSocket *socket);
static bool is_cut_off(const DnsSlot *slot, const DnsSocket *socket);
static void add(DnsSlot *slot);
static bool open_lane(DnsWindow *window);
static void close_lane(DnsWindow *window, DnsLane *lane);
static bool attend_lane(DnsWindow *window, DnsLane *lane);
static void ask_next(DnsWindow *window, DnsLane *lane);
static void take_reply(DnsLane *lane, DnsSlot *asked);
static void translate_servers(DnsChannel *channel, DnsChannel *from,
							  DnsReply *reply);

/*
 * A connection has ended, and the library will ask on another one whatever is
 * unanswered.  Where a server ends it over a certain question, that would go on
 * until all others have no tries left.  So who was on two connections that were
 * lost, or whose answer was cut off, is to be asked apart.  Writes frames
 * that tell the library that it need not ask these, and gives the octets; 0 when
 * there is nothing more to tell.  What is alone on a connection harms nobody.
 */
size_t
apart_connection_lost(DnsChannel *channel, DnsSocket *socket,
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
		if (slot->losses < LOSSES_ALLOWED || slot->apart ||
			size - used < STREAM_PREFIX + PLACEHOLDER_STUB_SIZE)
			continue;
		slot->apart = true;
		wire_put_u16(frames + used, PLACEHOLDER_STUB_SIZE);
		used += STREAM_PREFIX;
		used += placeholder_write_done(slot->id, frames + used);
	}
	socket->lost = true;
	return used;
}

/*
 * A connection that is shared is silent: has one of its questions asked apart as
 * well, the last one, which others can hold up.
 */
void
apart_probe(DnsChannel *channel, const DnsSocket *socket)
{
	DnsWindow  *window = channel->window;
	dlist_iter	iter;

	dlist_reverse_foreach(iter, &window->pending)
	{
		DnsSlot    *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		if (is_on(slot, socket) && slot->lane == NULL && !slot->in_apart)
		{
			add(slot);
			return;
		}
	}
}

/*
 * The library is done with a question: takes it if it is to be asked apart.
 * Called inside the library; never raises.
 */
bool
apart_take(DnsSlot *slot, ares_status_t status)
{
	DnsWindow  *window = slot->window;

	if (slot->done || slot->reply.answered || window->of_lane != NULL ||
		!(slot->apart || slot->losses > 0) ||
		(status != ARES_SUCCESS && status != ARES_ECONNREFUSED &&
		 status != ARES_ETIMEOUT))
		return false;
	slot->only_apart = true;
	window->napart++;
	if (slot->lane == NULL && !slot->in_apart)
		add(slot);
	return true;
}

/*
 * Takes in what came of questions that are asked apart, and asks the next ones.
 * May raise.
 */
void
apart_attend(DnsWindow *window)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &window->lanes)
	{
		DnsLane    *lane = dlist_container(DnsLane, node, iter.cur);

		if (!attend_lane(window, lane))
			close_lane(window, lane);
	}
	while (!dlist_is_empty(&window->apart) && window->nlanes < MAX_LANES)
	{
		if (!open_lane(window))
			break;
	}
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
	slot->in_apart = true;
	dlist_push_tail(&slot->window->apart, &slot->apart_node);
}

/*
 * Opens a lane and has it ask; false where there is no descriptor for it.
 */
static bool
open_lane(DnsWindow *window)
{
	DnsLane    *lane;

	/* The others need theirs. */
	if (window->nlanes > 0 &&
		window->channel->spare_descriptors < CHANNEL_DESCRIPTORS)
		return false;
	lane = MemoryContextAllocZero(window->context, sizeof(DnsLane));
	lane->owner = window;
	lane->window = window_open_lane(window, lane);
	dlist_push_tail(&window->lanes, &lane->node);
	window->nlanes++;

	if (!channel_has_descriptor(lane->window->channel))
	{
		close_lane(window, lane);
		/* Without any lane nothing would get on. */
		window->channel->no_descriptors |= window->nlanes == 0;
		return false;
	}
	if (!attend_lane(window, lane))
		close_lane(window, lane);
	return true;
}

/* With the memory everything else goes. */
static void
close_lane(DnsWindow *window, DnsLane *lane)
{
	if (lane->slot != NULL)
		lane->slot->lane = NULL;
	dlist_delete(&lane->node);
	window->nlanes--;
	MemoryContextDelete(lane->window->context);
	pfree(lane);
}

/*
 * Takes in what has come and asks the next question; false where there is
 * nothing to do for the lane.
 */
static bool
attend_lane(DnsWindow *window, DnsLane *lane)
{
	for (;;)
	{
		DnsSlot    *asked = window_finished(lane->window);

		if (asked != NULL && lane->slot != NULL)
			take_reply(lane, asked);
		if (asked != NULL)
			slot_release(asked);
		window->failed |= lane->window->failed;
		if (lane->slot != NULL)
			return true;		/* is under way */
		/* The library may still have what is over for us. */
		if (dlist_is_empty(&window->apart) || lane->window->in_flight > 0)
			return false;
		ask_next(window, lane);
	}
}

static void
ask_next(DnsWindow *window, DnsLane *lane)
{
	DnsSlot    *slot = dlist_container(DnsSlot, apart_node,
									   dlist_pop_head_node(&window->apart));
	DnsSlot    *asked = slot_take(lane->window, &slot->question, 0);

	slot->in_apart = false;
	slot->lane = lane;
	lane->slot = slot;
	asked->limit = slot->limit;
	window_send(asked);
}

/* What came of a question is what comes of it in the window that has it. */
static void
take_reply(DnsLane *lane, DnsSlot *asked)
{
	DnsSlot    *slot = lane->slot;
	DnsReply	reply = asked->reply;

	if (slot->in_flight && !reply.answered)
	{
		/* The library waits for it all the same. */
		slot_leave_apart(slot);
		return;
	}
	tcp_receive_end_silent(slot->window->channel, slot);
	if (reply.answer != NULL)
	{
		DnsMessage	answer;

		slot_open_answer(&reply, &answer);
		slot_store(slot, &answer);
	}
	reply.answer = slot->reply.answer;
	reply.answer_len = slot->reply.answer_len;
	reply.places = slot->reply.places;
	translate_servers(slot->window->channel, lane->window->channel, &reply);
	reply.servers_asked |= slot->reply.servers_asked;
	reply.queries += slot->reply.queries;
	reply.asked_at = slot->reply.asked_at;
	slot->reply = reply;
	slot->tcp = true;
	if (slot->in_flight ||
		!refused_take(slot, lane->window->channel, reply.status))
		slot_finish(slot, reply.status);
}

/* Gives servers the numbers that they have in another channel. */
static void
translate_servers(DnsChannel *channel, DnsChannel *from, DnsReply *reply)
{
	uint64		asked = 0;
	int			answer_server = reply->answer_server;

	for (int i = 0; i < from->nasked; i++)
	{
		int			number = socket_server_number(channel,
												  (struct sockaddr *) &from->asked[i],
												  sizeof(from->asked[i]));

		if (reply->servers_asked & (UINT64CONST(1) << i))
			asked |= UINT64CONST(1) << number;
		if (reply->answer_server == i)
			answer_server = number;
	}
	reply->servers_asked = asked;
	reply->answer_server = answer_server;
}
