/*
 * roundtrip.c
 *
 * When a query was sent, how long an answer takes, and when it is late.  Runs inside
 * the library: stores, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/*
 * An answer is late after this many microseconds or after LATE_TRIPS usual round trips,
 * whichever is longer: a resolver needs longer for a name that it has to look up.
 */
#define LATE_AFTER		500000

/*
 * An answer that comes within this many usual round trips of a resent query counts as
 * the answer to that query.
 */
#define RESENT_TRIPS		2

/*
 * Begins a new try: the library sends a slot's query.
 */
void
roundtrip_begin(DnsSlot *slot)
{
	slot_leave_sent(slot);
	slot->resends = 0;
}

/*
 * Takes the queries that the last flush has sent into the books.
 */
void
roundtrip_sent(DnsChannel *channel)
{
	for (int i = 0; i < channel->nsent; i++)
	{
		const DnsSent *sent = &channel->sent[i];
		DnsSlot    *slot = placeholder_slot(channel, sent->socket_serial, sent->id);

		/* The question can be over while the library goes on; or it is resent. */
		if (slot == NULL || slot->done || slot->in_sent)
			continue;
		slot->sent_at = slot->checked_at = channel->sent_at;
		slot->sent_number = ++channel->last_number;
		slot->in_sent = true;
		dlist_push_tail(&slot->window->sent, &slot->sent_node);
	}
	channel->nsent = 0;
}

/*
 * Notes that a server has answered a slot's query: the round trip, and that the server
 * has got as far as this query.
 */
void
roundtrip_heard(DnsSlot *slot, int server)
{
	DnsWindow  *window = slot->window;
	int64	   *usual = &window->channel->rtt;
	int64		trip = clock_last() - slot->sent_at;

	window->heard_of[server] = Max(window->heard_of[server], slot->sent_number);

	/*
	 * After several queries nobody knows which one the answer belongs to.  Within the
	 * usual time of the last query, it is taken for the answer to that one: the query
	 * before was lost.  Later, it is taken for a slow answer to an earlier query.
	 */
	if (slot->reply.queries == 1)
		*usual += *usual == 0 ? trip : (trip - *usual) / 8;
	else if (slot->resends > 0 &&
			 clock_last() - slot->checked_at <= RESENT_TRIPS * *usual)
		pace_lost(&window->channel->pace, slot->sent_at);
}

/*
 * Microseconds after which an answer is late: the rest of a frame, or an answer while
 * later questions have theirs.
 */
int64
roundtrip_patience(const DnsChannel *channel)
{
	return Max(LATE_AFTER, LATE_TRIPS * channel->rtt);
}
