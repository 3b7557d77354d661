/*
 * retry.c
 *
 * Asks refused questions again; refused.c has the rules.
 */
#include "postgres.h"

#include "engine/engine.h"

static bool is_free_to_ask(DnsWindow *window);

/*
 * The time, on the clock of clock_now(), by which retry_refused() must be called.
 */
int64
retry_time(const DnsWindow *window)
{
	return window->nrefused > 0 ? window->ask_again_at : PG_INT64_MAX;
}

/*
 * Asks refused questions again: all of them once a server has answered, else one of them
 * when its time has come.  Ends questions for which the patience is over.  Can raise.
 */
void
retry_refused(DnsWindow *window)
{
	int64		now;
	bool		is_time;

	if (window->nrefused == 0)
		return;
	now = clock_now();
	is_time = now >= window->ask_again_at;
	if (is_time)
		refused_pause(window, now);

	/* A question can be refused again at once: it then goes to the end of the list. */
	for (int left = window->nrefused; left > 0 && window->nrefused > 0; left--)
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, refused_node,
											  &window->refused);
		bool		gone = refused_by_all(slot);

		if (window->failed || (!gone && !is_free_to_ask(window)))
			break;
		slot_leave_refused(slot);
		if (gone && refused_for_good(slot))
			slot_finish(slot, ARES_ECONNREFUSED);
		else if (!gone || is_time)
		{
			is_time &= !gone;
			window_send(slot);
		}
		else
		{
			slot->in_refused = true;
			dlist_push_tail(&window->refused, &slot->refused_node);
			window->nrefused++;
		}
	}
}

/* Is there room for one more question in flight? */
static bool
is_free_to_ask(DnsWindow *window)
{
	int			under_way = window->in_flight + window->nisolated;

	return under_way < window->channel->max_in_flight &&
		pace_allows(&window->channel->pace,
					tries_fresh(window), tries_waiting(window),
					window->capacity);
}
