/*
 * prefetch_answer.c
 *
 * Replies that wait for their calls.  Many rows wait behind a name that is silent, so a
 * reply is kept in little room: small numbers, and the answer behind them without a gap.
 */
#include "postgres.h"

#include "lookup/lookup.h"

struct PrefetchAnswer
{
	uint64		servers_asked;
	uint32		elapsed;		/* us; more than an hour counts as that */
	DnsPlaces	places;
	uint16		queries;
	uint16		len;			/* of the answer; 0 if there is none */
	uint8		status;
	uint8		server;			/* that answered */
	bool		nonexistent:1;
	bool		answered:1;
	bool		malformed:1;
	bool		way:1;
	bool		referral:1;
	bool		tcp:1;
	bool		cached:1;		/* the address of the server comes first */
	uint8		octets[FLEXIBLE_ARRAY_MEMBER];
};

StaticAssertDecl(MAX_ASKED_SERVERS <= PG_UINT8_MAX + 1, "the number of a server must fit");

/*
 * Copies a reply and its answer into a piece of the pool.  NULL if there is no memory.
 */
PrefetchAnswer *
prefetch_answer_keep(const DnsReply *reply)
{
	size_t		len = reply->answer != NULL ? reply->answer_len : 0;
	PrefetchAnswer *kept = pool_take(offsetof(PrefetchAnswer, octets) + len +
									 (reply->cached ? sizeof(reply->server) : 0));
	uint8	   *octets;

	if (kept == NULL)
		return NULL;
	Assert(len <= PG_UINT16_MAX && (unsigned) reply->status <= PG_UINT8_MAX);
	kept->servers_asked = reply->servers_asked;
	kept->elapsed = Min(reply->done_at - reply->asked_at, PG_UINT32_MAX);
	kept->places = reply->places;
	kept->queries = Min(reply->queries, PG_UINT16_MAX);
	kept->len = len;
	kept->status = reply->status;
	kept->server = reply->answer_server;
	kept->nonexistent = reply->nonexistent;
	kept->answered = reply->answered;
	kept->malformed = reply->malformed;
	kept->way = reply->way;
	kept->referral = reply->referral;
	kept->tcp = reply->answer_tcp;
	kept->cached = reply->cached;
	octets = kept->octets;
	if (kept->cached)
	{
		memcpy(octets, &reply->server, sizeof(reply->server));
		octets += sizeof(reply->server);
	}
	if (len > 0)
		memcpy(octets, reply->answer, len);
	return kept;
}

/*
 * Reads a reply back, the times as if it had been asked at time 0.  The octets of the
 * answer stay where they are.
 */
void
prefetch_answer_read(const PrefetchAnswer *kept, DnsReply *reply)
{
	const uint8 *octets = kept->octets;

	memset(reply, 0, sizeof(*reply));
	reply->servers_asked = kept->servers_asked;
	reply->done_at = kept->elapsed;
	reply->places = kept->places;
	reply->queries = kept->queries;
	reply->status = kept->status;
	reply->answer_server = kept->server;
	reply->nonexistent = kept->nonexistent;
	reply->answered = kept->answered;
	reply->malformed = kept->malformed;
	reply->way = kept->way;
	reply->referral = kept->referral;
	reply->answer_tcp = kept->tcp;
	reply->cached = kept->cached;
	if (kept->cached)
	{
		memcpy(&reply->server, octets, sizeof(reply->server));
		octets += sizeof(reply->server);
	}
	if (kept->len > 0)
	{
		reply->answer = unconstify(uint8 *, octets);
		reply->answer_len = kept->len;
	}
}

/*
 * The reply to a question that is not answered when the call's deadline has passed: a
 * timeout.
 */
void
prefetch_answer_give_up(const PrefetchQuestion *prefetched, DnsReply *reply)
{
	int64		now = clock_now();

	*reply = (DnsReply) {.asked_at = now};
	if (prefetched->state == PREFETCH_ASKED)
		*reply = prefetched->slot->reply;
	reply->answer = NULL;
	reply->status = ARES_ETIMEOUT;
	reply->done_at = now;
}
