/*
 * resend.c
 *
 * Asks again where a datagram seems to be lost.  The library does so only when
 * the whole time of a try is over, and takes that for a failure of the server.
 * Where a server has answered later questions meanwhile, it is there, and the
 * question is sent once more on the same socket.  A server that is silent to
 * everybody, or slow for everybody, gets no query more than before.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Sooner where fewer than this share of the questions that may be in flight are
 * left, so that everybody waits for the last ones: a query too many costs less.
 */
#define LAST_ONES			2
#define RESEND_LAST_AFTER	250000

/* How often within one try. */
#define MAX_RESENDS			3

static int64 patience(const DnsWindow *window);
static bool are_last_ones(const DnsWindow *window);
static bool seems_lost(const DnsSlot *slot);
static bool is_free_to_ask(DnsWindow *window);

/*
 * When resend_lost() may next find something to do, on the clock of clock_now().
 */
int64
resend_time(DnsWindow *window)
{
	if (dlist_is_empty(&window->sent))
		return PG_INT64_MAX;
	return dlist_head_element(DnsSlot, sent_node, &window->sent)->looked_at +
		patience(window);
}

/*
 * Queues what seems to be lost, to be sent again.  Each query in the list is looked
 * at once.
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

		if (slot->looked_at > late)
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
		slot->looked_at = now;
		slot->in_sent = true;
		dlist_push_tail(&window->sent, &slot->sent_node);
	}
}

/*
 * When resend_refused() has something to do at the latest, on the clock of clock_now().
 */
int64
resend_refused_time(const DnsWindow *window)
{
	return window->nrefused > 0 ? window->ask_again_at : PG_INT64_MAX;
}

/*
 * Asks again what was refused: all of it when a server has answered, else one question
 * when it is time.  Ends what there is no hope for.  May raise.
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

	/* What is asked may be refused at once and comes behind the others again. */
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
			   LATE_TRIPS * window->channel->usual_trip);
}

/* Are hardly any questions in flight, compared with what may be? */
static bool
are_last_ones(const DnsWindow *window)
{
	return window->in_flight < window->channel->pace.level / LAST_ONES;
}

/* Has the server answered what it was asked later? */
static bool
seems_lost(const DnsSlot *slot)
{
	return slot->window->heard_of[slot->server] > slot->sent_number;
}

/* May one more question be in flight? */
static bool
is_free_to_ask(DnsWindow *window)
{
	int			in_flight = window->in_flight + window->nisolated;

	return in_flight < window->channel->max_in_flight &&
		pace_allows(&window->channel->pace, in_flight, window->capacity);
}
