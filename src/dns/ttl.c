/*
 * ttl.c
 *
 * How long the records of a message hold, and the message some seconds later, with its
 * TTLs counted down.  OPT, whose TTL field holds flags (RFC 6891 section 6.1.3), is no
 * record here.
 */
#include "postgres.h"

#include "dns/dns.h"

#define TTL_OFFSET	6			/* octets from a TTL to the record's data */

/*
 * The lowest TTL of a sound message's records, in seconds; PG_INT32_MAX if it has none.
 * *negative is the time that its SOA record allows for an answer that something does not
 * exist (RFC 2308 section 5); -1 if it has no SOA record in the authority section.
 */
int32
ttl_lowest(const DnsMessage *message, int32 *negative)
{
	int32		lowest = PG_INT32_MAX;

	*negative = -1;
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
	{
		DnsCursor	cursor;
		DnsRR		rr;

		message_section(message, section, &cursor);
		while (message_next(&cursor, &rr))
		{
			int32		ttl;

			if (rr.type == DNS_TYPE_OPT)
				continue;
			ttl = message_ttl(&rr);
			lowest = Min(lowest, ttl);
			if (rr.type == DNS_TYPE_SOA && section == DNS_AUTHORITY)
			{
				uint32		minimum = wire_u32(rr.rdata + rr.rdlength - 4);

				*negative = Min((uint32) ttl, minimum);
			}
		}
	}
	return lowest;
}

/*
 * Counts the TTLs of a sound message down by this many seconds, in its octets, which are
 * the caller's; none gets below 0.
 */
void
ttl_count_down(const DnsMessage *message, uint8 *octets, int32 seconds)
{
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
	{
		DnsCursor	cursor;
		DnsRR		rr;

		if (message->count[section] == 0)
			continue;
		message_section(message, section, &cursor);
		while (message_next(&cursor, &rr))
		{
			uint8	   *at = octets + (rr.rdata - message->start) - TTL_OFFSET;
			int32		ttl = message_ttl(&rr) - seconds;

			if (rr.type == DNS_TYPE_OPT)
				continue;
			ttl = Max(ttl, 0);
			wire_put_u16(at, ttl >> 16);
			wire_put_u16(at + 2, ttl & 0xffff);
		}
	}
}
