/*
 * refused.c
 *
 * Questions that no server takes: nobody listens, or the host may not send.  That can be
 * over in a moment, when a name server restarts, so it costs time and no name.  A server
 * that ends a connection on which it was asked has taken the question.  A refused
 * question waits, with all that are refused after it, and no other is asked; resend.c
 * asks again.  How long that goes on is counted from the first refusal behind the last
 * answer, in time that the backend waits.  Runs inside the library too: stores, never
 * raises.
 */
#include "postgres.h"

#include "flight/flight.h"

#include "common/pg_prng.h"

/*
 * Microseconds until the next question is asked again: as soon as it makes no load.  They
 * differ, so that sessions do not ask at the same instant.
 */
#define ASK_AGAIN_AFTER		50000
#define ASK_AGAIN_BEFORE	100000

static bool is_refusal(ares_status_t status);
static DnsReach *reach_of(const DnsSlot *slot);

/*
 * The library is done with a question on a channel, the window's or a lane's: takes it if
 * it was refused, and is to be asked again.  Called inside the library too; never raises.
 */
bool
refused_take(DnsSlot *slot, const DnsChannel *channel, ares_status_t status)
{
	DnsWindow  *window = slot->window;
	DnsReach   *reach;

	if (!is_refusal(status) || slot->done || slot->reply.answer != NULL ||
		window->of_lane != NULL || window->failed || window->out_of_memory ||
		channel->cut || channel->no_descriptors)
		return false;
	reach = reach_of(slot);
	if (!reach->gone)
		reach->gone_since = clock_waited();
	reach->gone = true;
	if (refused_for_good(slot))
		return false;

	slot_leave_lane(slot);
	slot->isolated = false;
	slot->in_refused = true;
	dlist_push_tail(&window->refused, &slot->refused_node);
	if (window->nrefused++ == 0)
		refused_pause(window, clock_last());
	return true;
}

/*
 * Is nobody there to ask, as far as is known?
 */
bool
refused_by_all(const DnsSlot *slot)
{
	return reach_of(slot)->gone;
}

/*
 * Has nobody answered for so long that it is of no use to wait?  Servers that have been
 * heard are given the time that silent ones have.  Where nobody has ever answered, nobody
 * may be there: many questions wait for that once, and one not at all.
 */
bool
refused_for_good(const DnsSlot *slot)
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

/*
 * Sets the time at which one of a window's refused questions is asked again.
 */
void
refused_pause(DnsWindow *window, int64 now)
{
	window->ask_again_at = now +
		pg_prng_uint64_range(&pg_global_prng_state, ASK_AGAIN_AFTER,
							 ASK_AGAIN_BEFORE);
}

/* Does a status of the library say that nobody takes a question? */
static bool
is_refusal(ares_status_t status)
{
	/* The other one: there is no IPv6 on this host, say. */
	return status == ARES_ECONNREFUSED || status == ARES_EBADFAMILY;
}

/* What is known of the servers over the transport on which a question was refused. */
static DnsReach *
reach_of(const DnsSlot *slot)
{
	return &slot->window->channel->reach[slot->tcp];
}
