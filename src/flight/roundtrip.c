/*
 * roundtrip.c
 *
 * How long an answer takes, and when it is late (RFC 6298).  Runs inside the library:
 * stores, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/*
 * A question is fresh for this many microseconds: before the first answer; at least; at
 * most, since some names take a resolver long, which is no load on the way; and with
 * this least variation.  RFC 6298 section 2 has a second as the least, for what it costs
 * to send again; here a question only stops to count as load.
 */
#define FIRST_TIMEOUT	100000
#define LEAST_TIMEOUT	20000
#define MOST_TIMEOUT	INT64CONST(1000000)
#define LEAST_VARIATION	10000

/*
 * The rest of a frame, or the answer over a connection, is late after this many
 * microseconds or after LATE_TRIPS usual round trips, whichever is longer: a resolver
 * needs longer for a name that it has to look up.
 */
#define LATE_AFTER		500000

/*
 * Notes the round trip of a query that is answered now.  The library asks again with the
 * same id, so only its first query tells a round trip (Karn's algorithm); each query of
 * the burst has an id of its own.
 */
void
roundtrip_heard(DnsSlot *slot, const DnsTry *try, bool tcp)
{
	DnsChannel *channel = slot->window->channel;
	int64		trip = clock_last() - try->sent_at;

	if (slot->burst == BURST_NONE && slot->reply.queries > 1)
		return;
	tally_trip(nameserver_tally(channel, slot, try->server), trip);
	if (tcp)
		return;					/* it has no datagram that can be lost */
	if (channel->rtt == 0)
	{
		channel->rtt = Max(trip, 1);
		channel->rttvar = trip / 2;
	}
	else
	{
		int64		off = trip - channel->rtt;

		channel->rttvar += (Max(off, -off) - channel->rttvar) / 4;
		channel->rtt += off / 8;
	}
	pace_trip(&channel->pace, trip, try->sent_at);
}

/*
 * Microseconds in which a question is fresh: RFC 6298's retransmission timeout.  At most
 * half of the time of a try, so that what is lost can be found out within it.
 */
int64
roundtrip_timeout(const DnsChannel *channel)
{
	int64		timeout = FIRST_TIMEOUT;

	if (channel->rtt > 0)
	{
		timeout = Max(channel->rtt + Max(4 * channel->rttvar, LEAST_VARIATION),
					  LEAST_TIMEOUT);
		timeout = clock_earlier(timeout, clock_later(MOST_TIMEOUT, 2 * pace_base(&channel->pace)));
	}
	return Min(timeout, channel->config.timeout * INT64CONST(500));
}

/*
 * Microseconds in which a question is fresh that was silent before and is asked again:
 * most of these stay silent, so it counts as load only as long as the way takes.
 */
int64
roundtrip_short(const DnsChannel *channel)
{
	return clock_earlier(clock_later(LEAST_TIMEOUT, 2 * pace_base(&channel->pace)),
						 roundtrip_timeout(channel));
}

/*
 * Microseconds after which an answer over a connection is late.
 */
int64
roundtrip_patience(const DnsChannel *channel)
{
	return Max(LATE_AFTER, LATE_TRIPS * channel->rtt);
}
