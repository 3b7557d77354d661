/*
 * message.c
 *
 * Reads DNS messages in place (RFC 1035 section 4): header, names, questions
 * and resource records.  Every octet comes from a stranger, so each read is
 * checked against the end of the message or part.  A compression pointer must
 * point backwards, and a name must have no more pointers than labels, which
 * bounds the work.  Allocates nothing, raises nothing, knows no channel: it
 * can be called from inside the library's socket functions.
 */
#include "postgres.h"

#include "dns/dns.h"

static bool is_empty(const DnsMessage *message);
static bool read_record(const DnsMessage *message, const uint8 *pos, DnsRR *rr);

/*
 * Begins to read a message of len octets, which are not copied.  False if it
 * is shorter than a header or longer than a message can be.
 */
bool
message_open(DnsMessage *message, const uint8 *octets, size_t len)
{
	if (len < WIRE_HEADER_SIZE || len > PG_UINT16_MAX)
		return false;

	message->start = octets;
	message->end = octets + len;
	message->id = wire_u16(octets);
	message->flags = wire_u16(octets + 2);
	for (int i = 0; i < 4; i++)
		message->count[i] = wire_u16(octets + 4 + 2 * i);
	memset(&message->places, 0, sizeof(message->places));
	return true;
}

/*
 * Reads the name at *pos, which can be compressed (RFC 1035 section 4.1.4),
 * and moves *pos behind it.  The octets at *pos itself must end before limit.
 */
bool
message_name(const DnsMessage *message, const uint8 **pos, const uint8 *limit,
			 DnsName *name)
{
	const uint8 *at = *pos;
	size_t		len = 0;
	int			jumps = 0;

	name->len = 0;
	for (;;)
	{
		const uint8 *segment = at;	/* pointers must point before this */
		const uint8 *stop = at + Min(limit - at, (int) (WIRE_NAME_MAX - len));
		const uint8 *target;

		/* The labels of this segment.  The root label needs room too. */
		while (at < stop && *at > 0 && *at <= WIRE_LABEL_MAX)
			at += 1 + *at;
		if (at >= stop)
			return false;
		if (*at == 0)
		{
			at++;
			memcpy(name->octets + len, segment, at - segment);
			name->len = len + (at - segment);
			if (jumps == 0)
				*pos = at;
			return true;
		}

		if ((*at & 0xc0) != 0xc0 || limit - at < 2)
			return false;
		target = message->start + (wire_u16(at) & 0x3fff);
		if (target >= segment ||
			target < message->start + WIRE_HEADER_SIZE ||
			jumps == WIRE_POINTERS_MAX)
			return false;
		if (at > segment)		/* else the name is but a pointer, as nearly all are */
			memcpy(name->octets + len, segment, at - segment);
		len += at - segment;
		if (jumps++ == 0)
			*pos = at + 2;
		at = target;
		limit = message->end;
	}
}

/*
 * Is this the first question of the message?  Its name cannot be compressed:
 * no name precedes it.
 */
bool
message_asks(DnsMessage *message, const DnsQuestion *question)
{
	const uint8 *name = message->start + WIRE_HEADER_SIZE;
	const uint8 *rest = name + question->name.len;

	if (message->count[0] == 0 ||
		message->end - name < question->name.len + 4 ||
		wire_u16(rest) != question->type ||
		wire_u16(rest + 2) != question->class ||
		!name_octets_equal(name, question->name.octets, question->name.len))
		return false;
	if (message->count[0] == 1)
		message->places.section[DNS_ANSWER] = rest + 4 - message->start;
	return true;
}

/*
 * Reads the first question of a message, which should be its only one, and
 * sets *pos behind it.
 */
bool
message_question(const DnsMessage *message, DnsQuestion *question,
				 const uint8 **pos)
{
	*pos = message->start + WIRE_HEADER_SIZE;
	return message->count[0] > 0 && message_next_question(message, question, pos);
}

/*
 * Reads the question at *pos and moves *pos behind it.
 */
bool
message_next_question(const DnsMessage *message, DnsQuestion *question,
					  const uint8 **pos)
{
	if (!message_name(message, pos, message->end, &question->name) ||
		message->end - *pos < 4)
		return false;
	question->type = wire_u16(*pos);
	question->class = wire_u16(*pos + 2);
	*pos += 4;
	return true;
}

/*
 * Places a cursor before the first record of a section.  False if the message
 * is cut short before that; the cursor then returns no record.
 */
bool
message_section(const DnsMessage *message, DnsSection section, DnsCursor *cursor)
{
	int			at = section;

	/* Start from the nearest section whose place is known. */
	while (at > 0 && message->places.section[at] == 0)
		at--;

	cursor->message = message;
	cursor->left = 0;
	cursor->pos = message->start + message->places.section[at];
	if (at == 0)
	{
		DnsQuestion question;

		cursor->pos = message->start + WIRE_HEADER_SIZE;
		for (int i = 0; i < message->count[0]; i++)
		{
			if (!message_next_question(message, &question, &cursor->pos))
				return false;
		}
		at = DNS_ANSWER;
	}
	for (; at < (int) section; at++)
	{
		DnsRR		rr;

		cursor->left = message->count[at];
		while (message_next(cursor, &rr))
			;
		if (cursor->left > 0)
		{
			cursor->left = 0;
			return false;
		}
	}
	cursor->left = message->count[section];
	return true;
}

/*
 * Reads the next record of the cursor's section.  False at the end, and if the
 * message is cut short (then cursor->left is not 0).
 */
bool
message_next(DnsCursor *cursor, DnsRR *rr)
{
	const DnsMessage *message = cursor->message;
	const uint8 *pos = cursor->pos;

	if (cursor->left == 0 ||
		!message_name(message, &pos, message->end, &rr->name) ||
		!read_record(message, pos, rr))
		return false;
	cursor->pos = rr->rdata + rr->rdlength;
	cursor->left--;
	return true;
}

/*
 * Finds the OPT record (RFC 6891), which extends the header.  False if there
 * is none.
 */
bool
message_opt(const DnsMessage *message, DnsRR *opt)
{
	DnsCursor	cursor;

	if (message->places.located)
	{
		/* Its name is the root. */
		opt->name.len = 1;
		opt->name.octets[0] = 0;
		return message->places.opt > 0 &&
			read_record(message, message->start + message->places.opt, opt);
	}
	message_section(message, DNS_ADDITIONAL, &cursor);
	while (message_next(&cursor, opt))
	{
		if (opt->type == DNS_TYPE_OPT)
			return true;
	}
	return false;
}

/*
 * The whole RCODE: four bits of the header, and eight more in the OPT record
 * (RFC 6891 section 6.1.3).
 */
int
message_rcode(const DnsMessage *message)
{
	DnsRR		opt;
	int			rcode = message->flags & WIRE_RCODE_MASK;

	if (message->count[DNS_ADDITIONAL] > 0 && message_opt(message, &opt))
		rcode |= (opt.ttl >> 24) << 4;
	return rcode;
}

/*
 * Is a sound message an empty answer that is no negative one: a delegation, or one of a
 * server that neither knows the zone nor recurses?
 */
bool
message_is_referral(const DnsMessage *message)
{
	return is_empty(message) &&
		(!(message->flags & WIRE_RA) || message_is_delegation(message));
}

/*
 * Is a sound message an empty answer that refers to other servers (RFC 2308 section 2.2)?
 */
bool
message_is_delegation(const DnsMessage *message)
{
	DnsCursor	cursor;
	DnsRR		rr;
	bool		ns = false;

	if (!is_empty(message))
		return false;
	message_section(message, DNS_AUTHORITY, &cursor);
	while (message_next(&cursor, &rr))
	{
		if (rr.type == DNS_TYPE_SOA)
			return false;
		ns |= rr.type == DNS_TYPE_NS;
	}
	return ns;
}

/* Has it no answer and no error, and is its server no authority? */
static bool
is_empty(const DnsMessage *message)
{
	return message->count[DNS_ANSWER] == 0 && !(message->flags & WIRE_AA) &&
		message_rcode(message) == RCODE_NOERROR;
}

/*
 * The TTL in seconds; one with the top bit set counts as 0 (RFC 2181 section
 * 8).
 */
int32
message_ttl(const DnsRR *rr)
{
	return rr->ttl > PG_INT32_MAX ? 0 : (int32) rr->ttl;
}

/*
 * Reads the next option of an OPT record.  *pos, which begins at the record's data, is put
 * behind it; *value points into the message.  False at the end.
 */
bool
message_next_option(const DnsRR *opt, const uint8 **pos, uint16 *code,
					const uint8 **value, size_t *len)
{
	const uint8 *end = opt->rdata + opt->rdlength;

	if (end - *pos < 4)
		return false;
	*code = wire_u16(*pos);
	*len = wire_u16(*pos + 2);
	*value = *pos + 4;
	if (*len > (size_t) (end - *value))
		return false;
	*pos = *value + *len;
	return true;
}

/*
 * Finds one option of an OPT record; *value points into the message.
 */
bool
message_opt_option(const DnsRR *opt, uint16 code, const uint8 **value, size_t *len)
{
	const uint8 *pos = opt->rdata;
	uint16		found;

	while (message_next_option(opt, &pos, &found, value, len))
	{
		if (found == code)
			return true;
	}
	return false;
}

/*
 * Finds the extended error in a message (RFC 8914 section 2); *text points into
 * the message, comes from a stranger and can be empty.
 */
bool
message_extended_error(const DnsMessage *message, int *code,
					   const uint8 **text, size_t *len)
{
	DnsRR		opt;
	const uint8 *value;

	if (!message_opt(message, &opt) ||
		!message_opt_option(&opt, EDNS_OPTION_EDE, &value, len) || *len < 2)
		return false;
	*code = wire_u16(value);
	*text = value + 2;
	*len -= 2;
	return true;
}

/* Reads the part of a record that follows its name. */
static bool
read_record(const DnsMessage *message, const uint8 *pos, DnsRR *rr)
{
	if (message->end - pos < WIRE_RECORD_FIXED)
		return false;
	rr->type = wire_u16(pos);
	rr->class = wire_u16(pos + 2);
	rr->ttl = wire_u32(pos + 4);
	rr->rdlength = wire_u16(pos + 8);
	rr->rdata = pos + WIRE_RECORD_FIXED;
	return rr->rdlength <= message->end - rr->rdata;
}

