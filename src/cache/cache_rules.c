/*
 * cache_rules.c
 *
 * Which answers are kept, and how long:
 *
 *   records               the lowest TTL of the message, at most pgcares.cache_max_ttl
 *   no such name or data  the same and what its SOA record allows (RFC 2308 section 5), at
 *                         most pgcares.cache_max_negative_ttl; without SOA, not at all
 *   a failure             a few seconds (RFC 9520 section 3.2)
 *
 * An answer is kept as a whole, and only if it is sound, not truncated, and repeats the
 * question: an error without a question is easily forged.  A chain of aliases that was
 * put together from several answers does not repeat the question, and is not kept.
 */
#include "postgres.h"

#include "cache/cache.h"

/* Seconds.  RFC 9520 section 3.2 allows from 1 second to 5 minutes; the rest is chosen. */
#define FAILURE_TTL		5

static int32 ttl_of_answer(const DnsSlot *slot, bool *failure);
static int32 ttl_of_negative(int32 lowest, int32 negative);

/*
 * The seconds for which the reply to a finished question is kept, 0 if not at all.
 * *failure tells whether it is one; it has no message if nothing usable came.  Raises
 * nothing.
 */
int32
cache_rules_ttl(const DnsSlot *slot, bool *failure)
{
	const DnsReply *reply = &slot->reply;

	*failure = false;
	if (reply->nonexistent || reply->cached)
		return 0;
	if (slot_is_answered(reply))
		return ttl_of_answer(slot, failure);
	*failure = true;
	return reply->status == ARES_ETIMEOUT || reply->status == ARES_ECONNREFUSED ?
		FAILURE_TTL : 0;
}

static int32
ttl_of_answer(const DnsSlot *slot, bool *failure)
{
	const DnsQuestion *question = &slot->question;
	DnsMessage	message;
	DnsName		owner;
	int32		lowest;
	int32		negative;
	int			rcode;

	if (slot->reply.malformed)
		return 0;
	slot_open_answer(&slot->reply, &message);
	if ((message.flags & WIRE_TC) || message.count[0] != 1 ||
		!message_asks(&message, question))
		return 0;
	lowest = ttl_lowest(&message, &negative);
	rcode = message_rcode(&message);
	if ((rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN) &&
		!(slot->window->style.rd && message_is_referral(&message)))
	{
		AliasEnd	end = alias_follow(&message, question, &owner);

		if (end == ALIAS_NO_RECORDS)
			return ttl_of_negative(lowest, negative);
		if (end == ALIAS_RECORDS && rcode == RCODE_NOERROR)
			return Min(lowest, setting_cache_max_ttl);
	}
	*failure = true;
	return Min(lowest, FAILURE_TTL);
}

/* The seconds for which a negative answer is kept: 0 without an SOA record (RFC 2308). */
static int32
ttl_of_negative(int32 lowest, int32 negative)
{
	if (negative < 0)
		return 0;
	return Min(Min(lowest, negative), setting_cache_max_negative_ttl);
}
