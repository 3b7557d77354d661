/*
 * lane.c
 *
 * Lanes ask isolated questions.  A lane is a window for one question at a time, with a
 * connection of its own, so that a failure there concerns only that question.  A lane
 * whose question has failed at a server begins with the next server.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * The most lanes of a window; further isolated questions queue.  There are many, since
 * one that waits for a silent server is blocked, and not more, since each needs a
 * descriptor.  Chosen, not measured.
 */
#define MAX_LANES	64

static bool open_lane(DnsWindow *window);
static void close_lane(DnsWindow *window, DnsLane *lane);
static bool attend_lane(DnsWindow *window, DnsLane *lane);
static bool is_fit(const DnsWindow *window, const DnsLane *lane);
static void ask_next(DnsWindow *window, DnsLane *lane);
static void take_reply(DnsLane *lane, DnsSlot *asked);
static void translate_servers(DnsChannel *channel, DnsChannel *from,
							  DnsReply *reply);

/*
 * Takes the replies to isolated questions, and asks the next ones.  Can raise.
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
 * Opens a lane and lets it ask.  False if there is no descriptor for it.
 */
static bool
open_lane(DnsWindow *window)
{
	DnsLane    *lane;

	/* Leave the owner's channel its descriptors. */
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
		/* Without any lane the isolated questions would never be asked. */
		window->channel->no_descriptors |= window->nlanes == 0;
		return false;
	}
	if (!attend_lane(window, lane))
		close_lane(window, lane);
	return true;
}

/* Closes a lane; the reset callback of its context destroys the channel. */
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
 * Takes the reply, if it has come, and asks the next question.  False if there is nothing
 * left for the lane to do.
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
			return true;		/* waits for its reply */
		/* The library can still have a question that is over for us. */
		if (dlist_is_empty(&window->lane_queue) || lane->window->in_flight > 0 ||
			!is_fit(window, lane))
			return false;
		ask_next(window, lane);
	}
}

/*
 * Can a lane ask the next question?  Not if it has asked before, and that question or
 * this one does not begin with the first server.
 */
static bool
is_fit(const DnsWindow *window, const DnsLane *lane)
{
	const DnsSlot *slot = dlist_head_element(DnsSlot, lane_node,
											 unconstify(dlist_head *, &window->lane_queue));

	return lane->window->used == 0 ||
		(slot->failures == 0 && strcmp(lane->window->channel->csv, window->channel->csv) == 0);
}

static void
ask_next(DnsWindow *window, DnsLane *lane)
{
	DnsSlot    *slot = dlist_container(DnsSlot, lane_node,
									   dlist_pop_head_node(&window->lane_queue));
	DnsSlot    *asked = slot_take(lane->window, &slot->question, 0);

	/* The servers that have failed for this question come last. */
	asked->failures = slot->failures;
	asked->spent = slot->reply.queries;
	if (slot->failures > 0)
		lane->window->out_of_memory |=
			memory_ran_out(library_begin_behind(lane->window->channel, slot->reply.answer_server));

	slot->waits_for_lane = false;
	slot->lane = lane;
	lane->slot = slot;
	asked->limit = slot->limit;
	window_send(asked);
}

/* Copies the lane's reply to the waiting slot. */
static void
take_reply(DnsLane *lane, DnsSlot *asked)
{
	DnsSlot    *slot = lane->slot;
	DnsReply	reply = asked->reply;

	if (slot->in_flight && !reply.answered)
	{
		/* The lane has failed, but the library still waits for the answer. */
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
	if (asked->reply.answer == NULL)
	{
		/* The answer of another server stays, if there is one. */
		reply.malformed = slot->reply.malformed;
		reply.answer_server = slot->reply.answer_server;
		reply.answer_tcp = slot->reply.answer_tcp;
	}
	reply.servers_asked |= slot->reply.servers_asked;
	reply.queries += slot->reply.queries;
	reply.asked_at = slot->reply.asked_at;
	slot->reply = reply;
	slot->tcp = true;
	if (slot->in_flight ||
		!refused_take(slot, lane->window->channel, reply.status))
		slot_finish(slot, reply.status);
}

/* Translates the server numbers of a reply from the lane's channel to the owner's. */
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
