/*
 * burst.c
 *
 * Asks questions in bulk over UDP, and when again; ask.c chooses server, socket and id.
 * The library asks what is asked alone, and what needs a connection.  A question has
 * pgcares.tries rounds, in each of which every server is asked once.  A try lasts
 * pgcares.timeout.
 *
 * A question that is answered is over; one that is refused takes time, not tries
 * (refused.c); one that is silent for longer than usual only waits (tries.c draws that).
 * New questions come before those that are asked again: silent names keep none waiting.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Held questions for each new one: they come first, but only new ones tell whether there
 * is room (world resolver30 with list=300 of test/sim).
 */
#define TURNS			3

static bool ask_without_edns(DnsSlot *slot, const DnsTry *try);
static void note_answer(DnsSlot *slot, uint16 id);
static void move_silent(DnsWindow *window, int64 now);
static void ask_held(DnsWindow *window, int64 now);
static void end_tries(DnsWindow *window, BurstState state, int64 now);
static bool end_try(DnsSlot *slot, BurstState state);
static bool may_ask_again(const DnsWindow *window, int64 now);
static void refuse(DnsSlot *slot);

/*
 * Does the burst ask the question of a slot?
 */
bool
burst_takes(const DnsSlot *slot)
{
	return slot->window->many && !slot->tcp;
}

/*
 * Asks a question, for the first time or after it was refused.  Can raise.
 */
void
burst_ask(DnsSlot *slot)
{
	DnsChannel *channel = slot->window->channel;

	if (slot->tried == 0 && slot->reply.queries == 0)
		channel->early_left += EARLY_SHARE;
	slot->asked_round = 0;
	slot->made_early = 0;
	slot->window->turns = Min(slot->window->turns + TURNS, (int) channel->pace.level);
	ask_failed(slot);
	burst_try(slot);
}

/*
 * Takes over a question from the library, which has had the answer of a server that is
 * of no use for it: other questions still go to that server.  The round goes on with the
 * servers that the library has not asked in it.  Runs inside the library.
 */
void
burst_take_over(DnsSlot *slot)
{
	slot->elsewhere = false;
	slot->tried = Min(slot->tried, slot->window->channel->config.tries - 1);
	slot->counted = true;
	slot->tried_at = clock_last();
	tries_enter(slot, BURST_DUE);
}

/*
 * Does what the guard's verdict on an answer asks for.  Can raise.
 */
void
burst_obey(const DnsVerdict *verdict)
{
	DnsSlot    *slot = verdict->slot;
	const DnsTry *answered = tries_of_id(slot, verdict->id);
	DnsTry		try = {0};

	if (answered != NULL)
		try = *answered;
	note_answer(slot, verdict->id);
	slot->window->channel->starved = false;
	if (verdict->flags == VERDICT_DONE)
		slot_finish(slot, ARES_SUCCESS);
	else if (verdict->flags == VERDICT_USE_TCP)
		tries_enter(slot, BURST_TCP);
	else if (slot->burst <= BURST_HELD &&
			 (verdict->flags != VERDICT_WITHOUT_EDNS || !ask_without_edns(slot, answered ? &try : NULL)))
	{
		slot->counted = true;
		burst_try(slot);
	}
}

/*
 * Lets the bare error of a question count, which no real answer has contradicted.  Can
 * raise.
 */
void
burst_settle(DnsSlot *slot)
{
	DnsVerdict	verdict;
	DnsMessage	message;
	DnsTry	   *try = bare_error_open(slot, &message);
	bool		judged = try != NULL &&
		guard_judge(slot->window->channel, slot, try, false, &message, &verdict);

	slot_drop_bare_error(slot);
	if (judged)
		burst_obey(&verdict);
}

/*
 * The time, on the clock of clock_now(), by which burst_attend() must be called.
 */
int64
burst_time(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;
	int64		now = clock_last();
	int64		next;

	if (may_ask_again(window, now))
		return now;
	next = clock_earlier(tries_first_after(window, BURST_FRESH, roundtrip_timeout(channel)),
						 tries_first_after(window, BURST_AGAIN, roundtrip_short(channel)));
	next = clock_earlier(next, tries_first_after(window, BURST_STILL_SILENT, tries_time(channel)));
	next = clock_earlier(next, tries_first_after(window, BURST_SECOND, tries_time(channel)));
	next = clock_earlier(next, tries_first_after(window, BURST_WAITING, tries_time(channel)));
	next = clock_earlier(next, held_time(window, now));
	next = clock_earlier(next, second_time(window));
	return clock_earlier(next, tries_first_after(window, BURST_SILENT, tries_time(channel)));
}

/*
 * Lets the pace look at a window.
 */
void
burst_look(DnsWindow *window)
{
	DnsChannel *channel = window->channel;

	channel->pace.no_other = nameserver_is_last(channel);
	if (share_look(&channel->pace, tries_fresh(window), tries_waiting(window),
				   clock_earlier(tries_first_after(window, BURST_FRESH, 0),
								 tries_first_after(window, BURST_AGAIN, 0))))
		held_take(window);
	if (channel->pace.joint != NULL)
		joint_look(&channel->pace, tries_fresh(window), roundtrip_timeout(channel));
	else
		pace_look(&channel->pace, roundtrip_timeout(channel));
}

/*
 * Ends tries whose time is over, and asks again.  Can raise.
 */
void
burst_attend(DnsWindow *window)
{
	int64		now;
	DnsSlot    *slot;

	if (window->nburst[BURST_NONE] == 0)
		return;
	now = clock_now();
	move_silent(window, now);
	second_ask(window, now);
	end_tries(window, BURST_SILENT, now);
	end_tries(window, BURST_STILL_SILENT, now);
	end_tries(window, BURST_SECOND, now);
	end_tries(window, BURST_WAITING, now);
	if (!ask_pending(window))
		window->channel->starved = false;
	while (!window->failed && (slot = held_release(window, now)) != NULL)
		burst_try(slot);
	ask_held(window, now);
	while (!window->failed && may_ask_again(window, now))
		burst_try(tries_first(window, BURST_DUE));
	window->hungry = false;
}

/*
 * Ends all questions of the burst without an answer.  Raises nothing.
 */
void
burst_cancel(DnsWindow *window)
{
	for (int state = BURST_FRESH; state < BURST_STATES; state++)
	{
		while (window->nburst[state] > 0)
			slot_finish(tries_first(window, state), ARES_ECANCELLED);
	}
}

/*
 * A window is about to give up its channel: closes the sockets, except those that the
 * settings keep open for the next one.  Raises nothing.
 */
void
burst_end(DnsWindow *window)
{
	DnsChannel *channel = window->channel;
	bool		keep = channel->config.flags & ARES_FLAG_STAYOPEN;

	burst_cancel(window);
	udp_send_drop(channel);
	socket_end_all(channel, keep ? channel->queries_per_socket : 0, true);
}

/*
 * Asks the next server of the round, begins the next round, or ends the question.  Can
 * raise.
 */
void
burst_try(DnsSlot *slot)
{
	DnsWindow  *window = slot->window;
	DnsChannel *channel = window->channel;

	for (;;)
	{
		int			server = ask_choose(channel, slot->asked_round);
		bool		again;

		if (server >= 0)
		{
			slot->asked_round |= UINT64CONST(1) << server;
			slot->server = server;
			if (second_was_early(slot))
				return;
			if (!ask_server(slot, server))
			{
				if (!channel->starved)
					continue;
				slot->asked_round &= ~(UINT64CONST(1) << server);
				tries_enter(slot, BURST_DUE);
				return;
			}
			slot->tried_at = clock_last();
			again = slot->reply.queries > 1 && slot->burst != BURST_HELD;
			calm_asked(&channel->pace, !slot->listed || slot->burst == BURST_HELD || slot->burst == BURST_LAST);
			slot->listed = true;
			slot->sample = slot->reply.queries > 1 ? 0 : share_asked(&channel->pace);
			tries_enter(slot, again ? BURST_AGAIN : BURST_FRESH);
			return;
		}
		if (!slot->counted)
		{
			refuse(slot);
			return;
		}
		if (slot->tried + 1 >= channel->config.tries)
		{
			/* If a server has failed, its answer is the outcome. */
			slot_finish(slot, slot->reply.answer != NULL ? ARES_ESERVFAIL :
						ARES_ETIMEOUT);
			return;
		}
		slot->tried++;
		slot->counted = false;
		slot->asked_round = 0;
	}
}

/*
 * Asks a server that has refused EDNS anew, with another id: a duplicate of its error is
 * no answer to that.  It has the time of a try, as with the library: far away, the error
 * takes much of it.  False if there is no socket.
 */
static bool
ask_without_edns(DnsSlot *slot, const DnsTry *try)
{
	if (try == NULL)
		return false;
	if (tries_without_edns(slot, try->server))
		return true;
	if (!ask_server(slot, try->server))
		return false;
	slot->tried_at = clock_last();
	tries_enter(slot, BURST_AGAIN);
	return true;
}

/* Notes that a server has answered the query with this id. */
static void
note_answer(DnsSlot *slot, uint16 id)
{
	DnsChannel *channel = slot->window->channel;
	DnsTry	   *try = tries_of_id(slot, id);

	if (try == NULL)
		return;
	nameserver_answered(channel, try->server);
	calm_answered(&channel->pace, slot->listed);
	slot->listed = false;

	if (slot->last_try)
		channel->pace.last_at = clock_last();
	if (slot->burst >= BURST_SILENT && !try->early)
	{
		loss_late(&channel->pace);
		share_late(&channel->pace, slot->sample);
	}
	if (slot->burst == BURST_FRESH && slot->sample == 0)
		calm_held(&channel->pace, slot->tried_at, true, tries_fresh(slot->window));
	slot->sample = 0;

	if (try->early)
		second_answered(slot, try);
	if (slot->reply.answered)
		return;
	/* A failure: the same server's answer to this query counts once. */
	tries_drop(slot, try);
}

/* Questions without an answer in the usual time are no longer fresh. */
static void
move_silent(DnsWindow *window, int64 now)
{
	DnsChannel *channel = window->channel;
	bool		others;

	while (tries_first_after(window, BURST_FRESH, roundtrip_timeout(channel)) <= now)
	{
		DnsSlot    *slot = tries_first(window, BURST_FRESH);

		tries_enter(slot, held_is_due(slot) ? BURST_HELD : BURST_SILENT);
		if (slot->sample == 0)
			calm_held(&channel->pace, slot->tried_at, false, 0);
		near_silent(&channel->pace, roundtrip_timeout(channel));
		loss_silent(&channel->pace);
		share_silent(&channel->pace, slot->sample);
		if (nameserver_is_silent(channel, slot->server, slot->tried_at,
								 channel->pace.expected, &others))
			share_skip(&channel->pace, tries_fresh(window), tries_waiting(window), others);
	}
	while (tries_first_after(window, BURST_AGAIN, roundtrip_short(channel)) <= now)
	{
		tries_enter(tries_first(window, BURST_AGAIN), BURST_STILL_SILENT);
		near_silent(&channel->pace, roundtrip_short(channel));
	}
}

/*
 * Asks the questions again that are held back and whose try is over, as far as there is
 * room, and ends those that have no try left.
 */
static void
ask_held(DnsWindow *window, int64 now)
{
	DnsChannel *channel = window->channel;

	while (!window->failed &&
		   tries_first_after(window, BURST_HELD, tries_time(channel)) <= now)
	{
		DnsSlot    *slot = tries_first(window, BURST_HELD);
		bool		more = held_has_tries(slot);

		nameserver_check(channel, slot->server, slot->tried_at);
		if (more && !held_allows(window))
			break;
		if (!end_try(slot, BURST_HELD))
			continue;
		if (more)
		{
			window->turns = Max(0, window->turns - 1);
			if (channel->pace.pause_until > 0)
				pause_probed(&channel->pace, false);
			burst_try(slot);
		}
		else
			tries_enter(slot, held_next(slot));
	}
}

/* Ends the tries of a list whose time is over. */
static void
end_tries(DnsWindow *window, BurstState state, int64 now)
{
	while (tries_first_after(window, state, tries_time(window->channel)) <= now)
	{
		DnsSlot    *slot = tries_first(window, state);

		if (end_try(slot, state))
			tries_enter(slot, held_next(slot));
	}
}

/*
 * Ends the try of a question in the list of this state.  True if the question is to be
 * asked again.
 */
static bool
end_try(DnsSlot *slot, BurstState state)
{
	DnsChannel *channel = slot->window->channel;

	/* Better than no answer at all. */
	if (slot->bare_error != NULL)
		burst_settle(slot);
	if (slot->burst != state)
		return false;
	nameserver_check(channel, slot->server, slot->tried_at);
	slot->counted = true;
	if (ask_is_last(slot))
	{
		slot_end_silent(slot);
		return false;
	}
	/* A question that is held was asked when the list was full. */
	if (state != BURST_HELD)
		slot->met_room |= calm_then(&channel->pace, slot->tried_at);
	/* The early query of the next try is counted at the end of that. */
	if (slot->made_early != slot->server + 1)
		nameserver_tally(channel, slot, slot->server)->tally.timeouts++;
	return true;
}

/*
 * Can a question that is due be asked?  New questions come first, but none waits longer
 * than a try lasts.
 */
static bool
may_ask_again(const DnsWindow *window, int64 now)
{
	const DnsChannel *channel = window->channel;

	if (window->nburst[BURST_DUE] == 0 || window->nrefused > 0 ||
		tries_fresh(window) >= (int) channel->pace.level ||
		(channel->starved && ask_pending(window)))
		return false;
	return !window->hungry ||
		tries_first_after(window, BURST_DUE, 2 * tries_time(channel)) <= now;
}

/* No server takes a question. */
static void
refuse(DnsSlot *slot)
{
	tries_leave(slot);
	if (!refused_take(slot, slot->window->channel, ARES_ECONNREFUSED))
		slot_finish(slot, ARES_ECONNREFUSED);
}
