/*
 * roundtrip.c
 *
 * When queries left, how long answers take, and from when on one is late.  Runs
 * inside the library: stores, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/*
 * An answer is late after this time, in microseconds, and after LATE_TRIPS times the time
 * that answers usually take: names that a resolver has to look up itself are
 * slower than those it knows.
 */
#define LATE_AFTER		500000

/*
 * So many times the time that answers usually take after a query was sent again,
 * an answer may be one to that.
 */
#define RESENT_TRIPS		2

/*
 * Notes that the library sends a slot's query: a new try begins.  Called inside
 * the library; never raises.
 */
void
roundtrip_begin(DnsSlot *slot)
{
	slot_leave_sent(slot);
	slot->resends = 0;
}

/*
 * Takes into the books which queries the last flush has sent.  Raises nothing.
 */
void
roundtrip_sent(DnsChannel *channel)
{
	for (int i = 0; i < channel->nsent; i++)
	{
		const DnsSent *sent = &channel->sent[i];
		DnsSlot    *slot = placeholder_slot(channel, sent->socket_serial, sent->id);

		/* Its time may be up, but the library goes on; or it is sent once more. */
		if (slot == NULL || slot->done || slot->in_sent)
			continue;
		slot->sent_at = slot->looked_at = channel->sent_at;
		slot->sent_number = ++channel->last_number;
		slot->in_sent = true;
		dlist_push_tail(&slot->window->sent, &slot->sent_node);
	}
	channel->nsent = 0;
}

/*
 * Notes that a server has answered a slot's query: what that took, and that it
 * has come to queries of that time.  Called inside the library; never raises.
 */
void
roundtrip_heard(DnsSlot *slot, int server)
{
	DnsWindow  *window = slot->window;
	int64	   *usual = &window->channel->usual_trip;
	int64		trip = clock_last() - slot->sent_at;

	window->heard_of[server] = Max(window->heard_of[server], slot->sent_number);

	/*
	 * Which of several queries an answer belongs to, nobody knows.  One that comes in
	 * the usual time after the last says that the one before was lost; one that comes
	 * later is an answer to that, which was slow.
	 */
	if (slot->reply.queries == 1)
		*usual += *usual == 0 ? trip : (trip - *usual) / 8;
	else if (slot->resends > 0 &&
			 clock_last() - slot->looked_at <= RESENT_TRIPS * *usual)
		pace_lost(&window->channel->pace, slot->sent_at);
}

/*
 * Microseconds after which something is late that has begun to come, or that
 * later questions have got already.
 */
int64
roundtrip_patience(const DnsChannel *channel)
{
	return Max(LATE_AFTER, LATE_TRIPS * channel->usual_trip);
}
