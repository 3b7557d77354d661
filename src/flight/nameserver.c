/*
 * nameserver.c
 *
 * What a channel has learned of its name servers: their numbers, and which do not know
 * EDNS (RFC 6891 section 7).  A server that answers a query with an OPT record by
 * FORMERR, NOTIMP or BADVERS is asked again without.  If that helps, and it has never
 * shown that it knows EDNS, the channel remembers it for a while, so that it does not
 * cost a query for each name.  A server that does not answer such queries at all is
 * not found out: silence has other reasons too.  Runs inside the library: stores,
 * never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/* A server may learn, and what says so may have been forged: microseconds. */
#define REMEMBERED_FOR	(600 * INT64CONST(1000000))

/*
 * The number of a server, which is remembered: they are numbered as they are
 * first asked, and the ones beyond the table share its last number.
 */
int
nameserver_number(DnsChannel *channel, const struct sockaddr *address,
					 socklen_t len)
{
	int			number;

	for (number = 0; number < channel->nasked; number++)
	{
		if (memcmp(&channel->asked[number], address, len) == 0)
			return number;
	}
	if (number == MAX_ASKED_SERVERS)
		return MAX_ASKED_SERVERS - 1;
	memcpy(&channel->asked[number], address,
		   Min(len, sizeof(channel->asked[number])));
	channel->nasked++;
	return number;
}

/*
 * A server has answered.  Called inside the library; never raises.
 */
void
nameserver_heard(DnsChannel *channel, bool tcp)
{
	DnsLane    *lane = channel->window->of_lane;
	DnsReach   *reach = lane != NULL ? &lane->owner->channel->reach[tcp] :
		&channel->reach[tcp];

	reach->heard = true;
	reach->gone = false;
}

/*
 * Does the next query of a slot to a server have an OPT record?
 */
bool
nameserver_edns_wanted(const DnsChannel *channel, const DnsSlot *slot, int server)
{
	return slot->window->style.edns && slot->plain_server != server + 1 &&
		(channel->plain_until[server] == 0 ||
		 channel->plain_until[server] <= clock_now());
}

/*
 * Does an answer with this rcode say that the server does not know EDNS?  Then
 * the slot's question is for asking it again, without.
 */
bool
nameserver_edns_refused(DnsSlot *slot, int server, int rcode)
{
	if (!slot->edns ||
		(rcode != RCODE_FORMERR && rcode != RCODE_NOTIMP &&
		 rcode != RCODE_BADVERS))
		return false;
	slot->edns = false;
	slot->plain_server = server + 1;
	return true;
}

/*
 * Takes note of a sound answer: one with an OPT record shows that the server knows
 * EDNS, whatever it says to some questions; one without, to a question to which it
 * has refused EDNS, that it does not.
 */
void
nameserver_edns_answered(DnsChannel *channel, const DnsSlot *slot, int server,
			  const DnsMessage *message)
{
	uint64		bit = UINT64CONST(1) << server;
	int			rcode = message->flags & WIRE_RCODE_MASK;
	DnsRR		opt;

	if (channel->edns_servers & bit)
		return;
	if (wire_opt(message, &opt))
		channel->edns_servers |= bit;
	else if (slot->plain_server == server + 1 &&
			 (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN))
		channel->plain_until[server] = clock_now() + REMEMBERED_FOR;
}
