/*
 * lane.c
 *
 * Lanes ask isolated questions: each is a window for one question at a time, with a
 * connection of its own, so that what goes wrong there concerns that question only.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Lanes of a window.  One that waits for a silent server is no use to others, so
 * there are many; each needs a descriptor.
 */
#define MAX_LANES	64

static bool open_lane(DnsWindow *window);
static void close_lane(DnsWindow *window, DnsLane *lane);
static bool attend_lane(DnsWindow *window, DnsLane *lane);
static void ask_next(DnsWindow *window, DnsLane *lane);
static void take_reply(DnsLane *lane, DnsSlot *asked);
static void translate_servers(DnsChannel *channel, DnsChannel *from,
							  DnsReply *reply);

/*
 * Takes in the replies to isolated questions, and asks the next ones.
 * May raise.
 */
void
lane_attend(DnsWindow *window)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &window->lanes)
	{
		DnsLane    *lane = dlist_container(DnsLane, node, iter.cur);

		if (!attend_lane(window, lane))
			close_lane(window, lane);
	}
	while (!dlist_is_empty(&window->lane_queue) && window->nlanes < MAX_LANES)
	{
		if (!open_lane(window))
			break;
	}
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
		if (dlist_is_empty(&window->lane_queue) || lane->window->in_flight > 0)
			return false;
		ask_next(window, lane);
	}
}

static void
ask_next(DnsWindow *window, DnsLane *lane)
{
	DnsSlot    *slot = dlist_container(DnsSlot, lane_node,
									   dlist_pop_head_node(&window->lane_queue));
	DnsSlot    *asked = slot_take(lane->window, &slot->question, 0);

	slot->waits_for_lane = false;
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
		slot_leave_lane(slot);
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
		int			number = nameserver_number(channel,
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
