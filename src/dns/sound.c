/*
 * sound.c
 *
 * Checks that a message conforms to the standards; only a sound one is read
 * any further.  Raises nothing.
 */
#include "postgres.h"

#include "dns/dns.h"

static bool sound_options(const uint8 *pos, const uint8 *end);

/*
 * Is the whole message sound as an answer?  It must have at most one question
 * (RFC 9619), and its sections must be sound.
 */
bool
sound_message(DnsMessage *message)
{
	return message->count[0] <= 1 && sound_sections(message);
}

/*
 * Are the sections sound?  They must be complete, each record's data must fit its
 * type exactly, and there must be at most one OPT.  Octets behind the last section
 * are ignored, as other resolvers do; a DSO message has its data there (RFC 8490
 * section 5.4).  Notes where the parts begin.
 */
bool
sound_sections(DnsMessage *message)
{
	DnsPlaces	places = {.located = true};
	DnsCursor	cursor;

	if (!message_section(message, DNS_ANSWER, &cursor))
		return false;
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
	{
		DnsRR		rr;

		places.section[section] = cursor.pos - message->start;
		cursor.left = message->count[section];
		while (message_next(&cursor, &rr))
		{
			if (!sound_rdata(message, &rr))
				return false;
			if (rr.type != DNS_TYPE_OPT)
				continue;
			if (places.opt > 0 || section != DNS_ADDITIONAL || rr.name.len != 1)
				return false;
			places.opt = rr.rdata - WIRE_RECORD_FIXED - message->start;
		}
		if (cursor.left > 0)
			return false;
	}
	message->places = places;
	return true;
}

/*
 * Does the data of a record fit its type exactly?
 */
bool
sound_rdata(const DnsMessage *message, const DnsRR *rr)
{
	DnsRdata	rdata;
	DnsField	field;

	if (rr->type == DNS_TYPE_OPT)
		return sound_options(rr->rdata, rr->rdata + rr->rdlength);

	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
		;
	return rdata_done(&rdata);
}

/* Options of an OPT record (RFC 6891 section 6.1.2). */
static bool
sound_options(const uint8 *pos, const uint8 *end)
{
	while (end - pos >= 4)
	{
		size_t		len = wire_u16(pos + 2);

		pos += 4;
		if (len > (size_t) (end - pos))
			return false;
		pos += len;
	}
	return pos == end;
}
