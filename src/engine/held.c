/*
 * held.c
 *
 * Questions that a resolver with a full list seems to have dropped (flow/share.c).  A try
 * while the list is full would be in vain, so they are held back until there is room, or
 * the pause has lasted long enough; then they come before new questions.  They hold no
 * place in the list.
 */
#include "postgres.h"

#include "engine/engine.h"

static bool has_one_try(const DnsSlot *slot);

/*
 * Holds back the questions that were dropped, when the list of a resolver turns out to
 * be full.  Raises nothing.
 */
void
held_take(DnsWindow *window)
{
	static const BurstState silent[] = {BURST_SILENT, BURST_STILL_SILENT, BURST_WAITING};

	for (size_t i = 0; i < lengthof(silent); i++)
	{
		dlist_mutable_iter iter;

		dlist_foreach_modify(iter, &window->burst[silent[i]])
		{
			DnsSlot    *slot = dlist_container(DnsSlot, burst_node, iter.cur);

			if (slot->tried_at >= window->channel->pace.low_since)
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

	return channel->pace.pause_until > 0 &&
		(slot->tried_at >= channel->pace.low_since ||
		 has_one_try(slot));
}

/*
 * The time, on the clock of clock_now(), by which questions that are held must be asked
 * again or ended, besides share_time().
 */
int64
held_time(const DnsWindow *window, int64 now)
{
	int64		next = tries_first_after(window, BURST_HELD,
										 tries_time(window->channel));

	if (next > now || held_allows(window) ||
		ask_is_last(tries_first(window, BURST_HELD)))
		return next;
	return PG_INT64_MAX;
}

/*
 * Is there room for the first question that is held?
 */
bool
held_allows(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;
	int			fresh = tries_fresh(window);

	/* A probe can be in vain, so the last try is none. */
	if (channel->pace.pause_until > 0 && has_one_try(tries_first(window, BURST_HELD)))
		return false;
	return window->nrefused == 0 && fresh < (int) channel->pace.level &&
		share_allows(&channel->pace, fresh + tries_waiting(window)) &&
		!(channel->starved && ask_pending(window));
}

/* Can a question be asked once more only? */
static bool
has_one_try(const DnsSlot *slot)
{
	return slot->tried + 2 >= slot->window->channel->config.tries;
}
