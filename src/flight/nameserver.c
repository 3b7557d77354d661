/*
 * nameserver.c
 *
 * The facts that a channel has learned about its name servers: their numbers, and which
 * of them do not know EDNS (RFC 6891 section 7).  If a server answers a query with an
 * OPT record by FORMERR, NOTIMP or BADVERS, it is asked again without the record.  If
 * that helps, and the server has never sent an OPT record itself, the channel remembers
 * it for a while and saves a query for each name.  A server that only stays silent to
 * EDNS is not found out: silence has other reasons too.  Runs inside the library:
 * stores, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

/*
 * Microseconds for which a server counts as one without EDNS: it can be upgraded, and
 * the answer that showed it can be a forgery.  Chosen, not measured: then one name costs
 * a second query again.
 */
#define REMEMBERED_FOR	(600 * INT64CONST(1000000))

/*
 * The answers that must be missing, one after the other, until a server has failed; as in
 * flow/silence.c.
 */
#define LEAST_EXPECTED	16

/* The others answer if they do so for this part of the expected share. */
#define SHARE_OF_OTHERS	0.8

/*
 * The number of a server.  Servers are numbered in the order in which they are first
 * asked; those beyond the table share its last number.
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
	channel->tallies[number] = tally_server(address);
	channel->nasked++;
	return number;
}

/*
 * Learns the servers of a new channel from the library's list of them, in its order.
 */
void
nameserver_learn(DnsChannel *channel, const char *servers)
{
	for (const char *at = servers; at != NULL && *at != '\0' &&
		 channel->nnameservers < Min(channel->nservers, MAX_ASKED_SERVERS);)
	{
		DnsNameServer *to = &channel->nameservers[channel->nnameservers++];
		DnsServer	server;

		at = server_from_library(at, &server);
		to->len = server_address(&server, &to->address);
		/* So the number of a server is its index. */
		(void) nameserver_number(channel, (struct sockaddr *) &to->address, to->len);
	}
}

/*
 * Notes that a server has answered over a transport.  A lane notes it for its owner.
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
 * Notes that nobody answers for a server of the burst.
 */
void
nameserver_failed(DnsChannel *channel, int server)
{
	channel->nameservers[server].failures++;
	channel->nameservers[server].failed_at = clock_last();
}

/*
 * The time of a try is over that began then: if the server has answered nobody since, it
 * has failed.
 */
void
nameserver_check(DnsChannel *channel, int server, int64 tried_at)
{
	const DnsNameServer *of = &channel->nameservers[server];

	if (of->heard_at <= tried_at && of->failed_at <= tried_at)
		nameserver_failed(channel, server);
}

/*
 * Notes that a server of the burst has answered.
 */
void
nameserver_answered(DnsChannel *channel, int server)
{
	DnsNameServer *of = &channel->nameservers[server];

	of->failures = of->silent = 0;
	of->heard_at = clock_last();
	channel->answers++;
}

/*
 * Notes that a question, asked at that time, has no answer in the usual time, as this share
 * of them should have.  If its server, of several, has been silent for so long, and for many
 * questions, it has failed, unless another one answers, but less than usual: so the next one
 * is asked before the time of a try is over.  True if it has failed now; others tells
 * whether another one answers.
 */
bool
nameserver_is_silent(DnsChannel *channel, int server, int64 tried_at, double expected,
					 bool *others)
{
	DnsNameServer *of = &channel->nameservers[server];
	int64		answers;
	int64		silent;

	if (channel->nnameservers == 1)
		return false;
	if (of->silent++ == 0)
	{
		of->answers_before = channel->answers;
		of->silent_before = channel->silent;
	}
	channel->silent++;
	if (of->failures > 0 || of->heard_at > tried_at || of->silent * expected < LEAST_EXPECTED)
		return false;
	*others = false;
	for (int i = 0; i < channel->nnameservers; i++)
		*others |= channel->nameservers[i].heard_at > tried_at;
	answers = channel->answers - of->answers_before;
	silent = channel->silent - of->silent_before - of->silent;
	if (*others && answers < Max(LEAST_EXPECTED, SHARE_OF_OTHERS * expected * (answers + silent)))
		return false;
	nameserver_failed(channel, server);
	return true;
}

/*
 * Is there one server only, or have all failed?
 */
bool
nameserver_is_last(const DnsChannel *channel)
{
	for (int i = 0; i < channel->nnameservers; i++)
	{
		if (channel->nameservers[i].failures == 0)
			return channel->nnameservers == 1;
	}
	return true;
}

/*
 * Must the next query of a slot to this server have an OPT record?
 */
bool
nameserver_edns_wanted(const DnsChannel *channel, const DnsSlot *slot, int server)
{
	return slot->window->style.edns && !(slot->plain_servers & UINT64CONST(1) << server) &&
		(channel->plain_until[server] == 0 ||
		 channel->plain_until[server] <= clock_now());
}

/*
 * Does an answer with this rcode mean that the server does not know EDNS?  If so, sets
 * the slot up to ask that server without an OPT record.
 */
bool
nameserver_edns_refused(DnsSlot *slot, DnsTry *try, int rcode)
{
	if (!try->edns ||
		(rcode != RCODE_FORMERR && rcode != RCODE_NOTIMP &&
		 rcode != RCODE_BADVERS))
		return false;
	try->edns = false;
	slot->plain_servers |= UINT64CONST(1) << try->server;
	return true;
}

/*
 * Learns from a sound answer.  An answer with an OPT record shows that the server knows
 * EDNS.  An answer without one, after the server has refused EDNS for the same
 * question, shows that it does not.
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
	if (message_opt(message, &opt))
		channel->edns_servers |= bit;
	else if ((slot->plain_servers & bit) &&
			 (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN))
		channel->plain_until[server] = clock_now() + REMEMBERED_FOR;
}
