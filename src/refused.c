/*
 * refused.c
 *
 * Questions that no server takes: nobody listens, or the host may not send.  That can be
 * over in a moment, when a name server restarts, so it costs time and no name.  A server
 * that ends a connection on which it was asked has taken the question.  A refused
 * question waits, with all that are refused after it, and no other is asked.  Now and then
 * one of them is asked again, and once an answer comes, all are.  How long that goes on is
 * counted from the first refusal behind the last answer, in time that the backend waits.
 */
#include "postgres.h"

#include "pgcares.h"

#include "common/pg_prng.h"

/*
 * Microseconds until the next question is asked again: as soon as it makes no load.  They
 * differ, so that sessions do not ask at the same instant.
 */
#define ASK_AGAIN_AFTER		50000
#define ASK_AGAIN_BEFORE	100000

static DnsReach *reach_of(const DnsSlot *slot);
static bool is_hopeless(const DnsSlot *slot);
static int64 random_pause(void);
static bool is_free_to_ask(DnsWindow *window);

/*
 * The library is done with a question on a channel, the window's or a lane's: takes it if
 * it was refused, and is to be asked again.  Called inside the library too; never raises.
 */
bool
refused_take(DnsSlot *slot, const DnsChannel *channel, ares_status_t status)
{
	DnsWindow  *window = slot->window;
	DnsReach   *reach;

	if (!status_is_refusal(status) || slot->done || slot->reply.answer != NULL ||
		window->of_lane != NULL || window->failed || window->out_of_memory ||
		channel->cut || channel->no_descriptors)
		return false;
	reach = reach_of(slot);
	if (!reach->gone)
		reach->gone_since = clock_waited();
	reach->gone = true;
	if (is_hopeless(slot))
		return false;

	slot_leave_lane(slot);
	slot->isolated = false;
	slot->in_refused = true;
	dlist_push_tail(&window->refused, &slot->refused_node);
	if (window->nrefused++ == 0)
		window->ask_again_at = clock_last() + random_pause();
	return true;
}

/*
 * A server has answered.  Called inside the library; never raises.
 */
void
refused_heard(DnsChannel *channel, bool tcp)
{
	DnsLane    *lane = channel->window->of_lane;
	DnsReach   *reach = lane != NULL ? &lane->owner->channel->reach[tcp] :
		&channel->reach[tcp];

	reach->heard = true;
	reach->gone = false;
}

/*
 * When refused_attend() has something to do at the latest, on the clock of clock_now().
 */
int64
refused_time(const DnsWindow *window)
{
	return window->nrefused > 0 ? window->ask_again_at : PG_INT64_MAX;
}

/*
 * Asks again what was refused: all of it when a server has answered, else one question
 * when it is time.  Ends what there is no hope for.  May raise.
 */
void
refused_attend(DnsWindow *window)
{
	int64		now;
	bool		is_time;

	if (window->nrefused == 0)
		return;
	now = clock_now();
	is_time = now >= window->ask_again_at;
	if (is_time)
		window->ask_again_at = now + random_pause();

	/* What is asked may be refused at once and comes behind the others again. */
	for (int left = window->nrefused; left > 0 && window->nrefused > 0; left--)
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, refused_node,
											  &window->refused);
		bool		gone = reach_of(slot)->gone;

		if (window->failed || (!gone && !is_free_to_ask(window)))
			break;
		slot_leave_refused(slot);
		if (gone && is_hopeless(slot))
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

/* What is known of the servers over the transport on which a question was refused. */
static DnsReach *
reach_of(const DnsSlot *slot)
{
	return &slot->window->channel->reach[slot->tcp];
}

/*
 * Has nobody answered for so long that it is of no use to wait?  Servers that have been
 * heard are given the time that silent ones have.  Where nobody has ever answered, nobody
 * may be there: many questions wait for that once, and one not at all.
 */
static bool
is_hopeless(const DnsSlot *slot)
{
	const DnsWindow *window = slot->window;
	const DnsChannel *channel = window->channel;
	const DnsReach *reach = reach_of(slot);
	int64		patience = window->many ? channel->config.timeout : 0;

	if (reach->heard)
		patience = (int64) channel->config.timeout * channel->config.tries *
			channel->nservers;
	return clock_waited() - reach->gone_since >= patience * 1000;
}

static int64
random_pause(void)
{
	return pg_prng_uint64_range(&pg_global_prng_state, ASK_AGAIN_AFTER,
								ASK_AGAIN_BEFORE);
}

/* May one more question be in flight? */
static bool
is_free_to_ask(DnsWindow *window)
{
	int			in_flight = window->in_flight + window->nisolated;

	return in_flight < window->channel->max_in_flight &&
		pace_allows(&window->channel->pace, in_flight, window->capacity);
}
