/*
 * held.c
 *
 * Questions that a resolver with a full list seems to have dropped (flow/share.c).  A try
 * while the list is full would be in vain, so they are held back until there is room, or
 * the pause has lasted long enough; then they take turns with new questions, which tell
 * whether there is room.  They hold no place in the list.  The last try of a question
 * waits longer, for a calm time, unless a try was made in one: that was not dropped.
 */
#include "postgres.h"

#include "engine/engine.h"

static int64 last_time(const DnsWindow *window);
static bool is_turn(const DnsWindow *window);

/*
 * Holds back the questions that were dropped, when the list of a resolver turns out to
 * be full.  Raises nothing.
 */
void
held_take(DnsWindow *window)
{
	static const BurstState silent[] =
	{BURST_SILENT, BURST_STILL_SILENT, BURST_SECOND, BURST_WAITING};
	dlist_mutable_iter iter;

	/* A probe can be in vain, so the last try is none. */
	dlist_foreach_modify(iter, &window->burst[BURST_DUE])
	{
		DnsSlot    *slot = dlist_container(DnsSlot, burst_node, iter.cur);

		if (!held_has_tries(slot) && !slot->met_room)
			tries_enter(slot, BURST_LAST);
	}
	for (size_t i = 0; i < lengthof(silent); i++)
	{
		dlist_foreach_modify(iter, &window->burst[silent[i]])
		{
			DnsSlot    *slot = dlist_container(DnsSlot, burst_node, iter.cur);

			if (slot->tried_at >= window->channel->pace.low_since && !slot->met_room)
				tries_enter(slot, BURST_HELD);
		}
	}
}

/*
 * Must a silent question be held back?  In a pause: if it was asked since the list is
 * full, or has but one try left.
 */
bool
held_is_due(const DnsSlot *slot)
{
	const DnsChannel *channel = slot->window->channel;

	return channel->pace.pause_until > 0 && !slot->met_room &&
		(slot->tried_at >= channel->pace.low_since || !held_has_tries(slot));
}

/*
 * The state of a question whose try is over.  The last try waits for a calm time
 * (flow/calm.c) in a pause, since a probe can be in vain, and if each try can have met a
 * full list.
 */
BurstState
held_next(const DnsSlot *slot)
{
	const DnsPace *pace = &slot->window->channel->pace;

	if (!held_has_tries(slot) && !slot->met_room &&
		(pace->pause_until > 0 || pace->was_full))
		return BURST_LAST;
	return held_is_due(slot) ? BURST_HELD : BURST_DUE;
}

/*
 * Can a question be asked more than once yet?
 */
bool
held_has_tries(const DnsSlot *slot)
{
	return slot->tried + 2 < slot->window->channel->config.tries;
}

/*
 * The next question to be asked for the last time now, which has waited for a calm time;
 * NULL if there is none.  The caller asks it.
 */
DnsSlot *
held_release(DnsWindow *window, int64 now)
{
	DnsSlot    *slot;

	if (last_time(window) > now)
		return NULL;
	slot = tries_first(window, BURST_LAST);
	window->turns = Max(0, window->turns - 1);
	slot->last_try = true;
	calm_took(&window->channel->pace);
	return slot;
}

/*
 * The time, on the clock of clock_now(), by which questions that are held must be asked
 * again or ended, besides pause_time().
 */
int64
held_time(const DnsWindow *window, int64 now)
{
	int64		next = tries_first_after(window, BURST_HELD,
										 tries_time(window->channel));
	int64		last = last_time(window);

	if (next <= now && held_has_tries(tries_first(window, BURST_HELD)) &&
		!held_allows(window))
		next = PG_INT64_MAX;
	return Min(next, last);
}

/* The time at which the first of the last tries can be made. */
static int64
last_time(const DnsWindow *window)
{
	if (window->nburst[BURST_LAST] == 0 || !is_turn(window))
		return PG_INT64_MAX;
	return calm_time(&window->channel->pace, !window->hungry);
}

/*
 * Is there room for the first question that is held?
 */
bool
held_allows(const DnsWindow *window)
{
	return is_turn(window) &&
		share_allows(&window->channel->pace, tries_fresh(window) + tries_waiting(window));
}

/*
 * Can a question be asked that is no new one?  In a pause, new questions are the probes,
 * if there are any.
 */
static bool
is_turn(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;

	if (window->hungry && (channel->pace.pause_until > 0 || window->turns <= 0))
		return false;
	return window->nrefused == 0 && tries_fresh(window) < (int) channel->pace.level &&
		!(channel->starved && ask_pending(window));
}
