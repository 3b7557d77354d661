/*
 * resend.c
 *
 * Asks again: questions whose datagram seems to be lost, and refused questions.  The
 * library asks again only after the whole timeout of a try, and counts that against the
 * server.  If the server has answered later questions meanwhile, it is alive, and
 * resend.c sends the question once more on the same socket.  A server that is silent or
 * slow for all questions gets no more queries than before.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * When less than one LAST_ONES-th of the level is in flight, the call waits for its last
 * questions.  They are sent again after RESEND_LAST_AFTER microseconds, sooner than
 * others: the wait costs more than a needless query.
 */
#define LAST_ONES			2
#define RESEND_LAST_AFTER	250000

/* The most resends within one try of the library. */
#define MAX_RESENDS			3

static int64 patience(const DnsWindow *window);
static bool are_last_ones(const DnsWindow *window);
static bool seems_lost(const DnsSlot *slot);
static bool is_free_to_ask(DnsWindow *window);

/*
 * The earliest time, on the clock of clock_now(), at which resend_lost() has something to
 * do.
 */
int64
resend_time(DnsWindow *window)
{
	if (dlist_is_empty(&window->sent))
		return PG_INT64_MAX;
	return dlist_head_element(DnsSlot, sent_node, &window->sent)->checked_at +
		patience(window);
}

/*
 * Queues the queries that seem to be lost; the next flush sends them.  Looks at each query
 * in the list once.
 */
void
resend_lost(DnsWindow *window)
{
	int64		now = clock_now();
	int64		late = now - patience(window);
	const DnsSlot *last;
	bool		more = !dlist_is_empty(&window->sent);

	if (more)
		last = dlist_tail_element(DnsSlot, sent_node, &window->sent);
	while (more)
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, sent_node,
											  &window->sent);

		if (slot->checked_at > late)
			break;
		more = (slot != last);
		slot_leave_sent(slot);
		if (slot->resends == MAX_RESENDS)
			continue;			/* the library will try again */
		if (seems_lost(slot) && outgoing_again(window->channel, slot))
		{
			slot->resends++;
			counters.resends++;
		}
		slot->checked_at = now;
		slot->in_sent = true;
		dlist_push_tail(&window->sent, &slot->sent_node);
	}
}

/*
 * The time, on the clock of clock_now(), by which resend_refused() must be called.
 */
int64
resend_refused_time(const DnsWindow *window)
{
	return window->nrefused > 0 ? window->ask_again_at : PG_INT64_MAX;
}

/*
 * Asks refused questions again: all of them once a server has answered, else one of them
 * when its time has come.  Ends questions for which the patience is over.  Can raise.
 */
void
resend_refused(DnsWindow *window)
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

/* Microseconds after which a query is late. */
static int64
patience(const DnsWindow *window)
{
	if (!are_last_ones(window))
		return roundtrip_patience(window->channel);
	return Max(RESEND_LAST_AFTER,
			   LATE_TRIPS * window->channel->rtt);
}

/* Are few questions in flight, compared with the level? */
static bool
are_last_ones(const DnsWindow *window)
{
	return window->in_flight < window->channel->pace.level / LAST_ONES;
}

/* Has the server answered a later query? */
static bool
seems_lost(const DnsSlot *slot)
{
	return slot->window->heard_of[slot->server] > slot->sent_number;
}

/* Is there room for one more question in flight? */
static bool
is_free_to_ask(DnsWindow *window)
{
	int			in_flight = window->in_flight + window->nisolated;

	return in_flight < window->channel->max_in_flight &&
		pace_allows(&window->channel->pace, in_flight, window->capacity);
}
