/*
 * wire.c
 *
 * Reads DNS messages where they lie (RFC 1035 section 4): header, names,
 * questions and resource records.  Every octet comes from a stranger, so each
 * read is checked against the end of what holds it, and a compression pointer
 * may only point backwards, and a name have no more of them than labels, which
 * bounds the work.
 * Allocates nothing, raises nothing, knows no channel: it may be called from
 * inside the library's socket functions.
 */
#include "postgres.h"

#include "pgcares.h"

uint16
wire_u16(const uint8 *at)
{
	return (uint16) ((at[0] << 8) | at[1]);
}

uint32
wire_u32(const uint8 *at)
{
	return ((uint32) wire_u16(at) << 16) | wire_u16(at + 2);
}

void
wire_put_u16(uint8 *at, uint16 value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/*
 * Begins to read a message of len octets that stay where they are.  False if
 * not even a header is there.
 */
bool
wire_open(DnsMessage *message, const uint8 *octets, size_t len)
{
	if (len < WIRE_HEADER_SIZE)
		return false;

	message->start = octets;
	message->end = octets + len;
	message->id = wire_u16(octets);
	message->flags = wire_u16(octets + 2);
	for (int i = 0; i < 4; i++)
		message->count[i] = wire_u16(octets + 4 + 2 * i);
	return true;
}

/*
 * Reads the name at *pos, which may be compressed (RFC 1035 section 4.1.4),
 * and moves *pos behind it.  What lies at *pos itself must end before limit.
 */
bool
wire_name(const DnsMessage *message, const uint8 **pos, const uint8 *limit,
		  DnsName *name)
{
	const uint8 *at = *pos;
	const uint8 *segment = at;	/* pointers must point before this */
	int			jumps = 0;

	name->len = 0;
	for (;;)
	{
		if (at >= limit)
			return false;
		if ((*at & 0xc0) == 0xc0)
		{
			const uint8 *target;

			if (limit - at < 2)
				return false;
			target = message->start + (wire_u16(at) & 0x3fff);
			if (target >= segment ||
				target < message->start + WIRE_HEADER_SIZE ||
				jumps == WIRE_POINTERS_MAX)
				return false;
			if (jumps++ == 0)
				*pos = at + 2;
			at = segment = target;
			limit = message->end;
		}
		else
		{
			size_t		take = 1 + (size_t) *at;

			if (*at > WIRE_LABEL_MAX ||
				take > (size_t) (limit - at) ||
				name->len + take > WIRE_NAME_MAX)
				return false;
			memcpy(name->octets + name->len, at, take);
			name->len += take;
			at += take;
			if (take == 1)
			{
				if (jumps == 0)
					*pos = at;
				return true;
			}
		}
	}
}

/*
 * Are two names the same (RFC 4343)?  Length octets are below 'A', so all
 * octets can be treated as letters.
 */
bool
name_equal(const DnsName *a, const DnsName *b)
{
	if (a->len != b->len)
		return false;
	if (memcmp(a->octets, b->octets, a->len) == 0)
		return true;			/* mostly */
	for (int i = 0; i < a->len; i++)
	{
		if (pg_ascii_tolower(a->octets[i]) != pg_ascii_tolower(b->octets[i]))
			return false;
	}
	return true;
}

/*
 * Reads the first question of a message, which should be its only one; *pos is
 * left behind it.
 */
bool
wire_question(const DnsMessage *message, DnsQuestion *question,
			  const uint8 **pos)
{
	*pos = message->start + WIRE_HEADER_SIZE;
	return message->count[0] > 0 && wire_next_question(message, question, pos);
}

/*
 * Reads the question at *pos and moves *pos behind it.
 */
bool
wire_next_question(const DnsMessage *message, DnsQuestion *question,
				   const uint8 **pos)
{
	if (!wire_name(message, pos, message->end, &question->name) ||
		message->end - *pos < 4)
		return false;
	question->type = wire_u16(*pos);
	question->class = wire_u16(*pos + 2);
	*pos += 4;
	return true;
}

/*
 * Places a cursor before the first record of a section.  False if the message
 * is cut short before that; the cursor then gives nothing.
 */
bool
wire_section(const DnsMessage *message, DnsSection section, DnsCursor *cursor)
{
	DnsQuestion question;
	DnsRR		rr;

	cursor->message = message;
	cursor->left = 0;
	cursor->pos = message->start + WIRE_HEADER_SIZE;
	for (int i = 0; i < message->count[0]; i++)
	{
		if (!wire_next_question(message, &question, &cursor->pos))
			return false;
	}

	for (int before = DNS_ANSWER; before < (int) section; before++)
	{
		cursor->left = message->count[before];
		while (wire_next(cursor, &rr))
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
 * Reads the next record of the cursor's section.  False at the end, and where
 * the message is cut short (then cursor->left is not 0).
 */
bool
wire_next(DnsCursor *cursor, DnsRR *rr)
{
	const DnsMessage *message = cursor->message;
	const uint8 *pos = cursor->pos;

	if (cursor->left == 0 ||
		!wire_name(message, &pos, message->end, &rr->name) ||
		message->end - pos < 10)
		return false;
	rr->type = wire_u16(pos);
	rr->class = wire_u16(pos + 2);
	rr->ttl = wire_u32(pos + 4);
	rr->rdlength = wire_u16(pos + 8);
	rr->rdata = pos + 10;
	if (rr->rdlength > message->end - rr->rdata)
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
wire_opt(const DnsMessage *message, DnsRR *opt)
{
	DnsCursor	cursor;

	wire_section(message, DNS_ADDITIONAL, &cursor);
	while (wire_next(&cursor, opt))
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
wire_rcode(const DnsMessage *message)
{
	DnsRR		opt;
	int			rcode = message->flags & WIRE_RCODE_MASK;

	if (message->count[DNS_ADDITIONAL] > 0 && wire_opt(message, &opt))
		rcode |= (opt.ttl >> 24) << 4;
	return rcode;
}

/*
 * Finds one option of an OPT record; *value points into the message.
 */
bool
wire_opt_option(const DnsRR *opt, uint16 code, const uint8 **value, size_t *len)
{
	const uint8 *pos = opt->rdata;
	const uint8 *end = opt->rdata + opt->rdlength;

	while (end - pos >= 4)
	{
		*len = wire_u16(pos + 2);
		*value = pos + 4;
		if (*len > (size_t) (end - *value))
			return false;
		if (wire_u16(pos) == code)
			return true;
		pos = *value + *len;
	}
	return false;
}

/*
 * Finds the extended error in a message (RFC 8914 section 2); *text points into
 * the message, comes from a stranger and may be empty.
 */
bool
wire_extended_error(const DnsMessage *message, int *code,
					const uint8 **text, size_t *len)
{
	DnsRR		opt;
	const uint8 *value;

	if (!wire_opt(message, &opt) ||
		!wire_opt_option(&opt, EDNS_OPTION_EDE, &value, len) || *len < 2)
		return false;
	*code = wire_u16(value);
	*text = value + 2;
	*len -= 2;
	return true;
}

/*
 * Is the whole message as an answer has to be?  There is one question at most
 * (RFC 9619), and the sections are sound.
 */
bool
wire_sound(const DnsMessage *message)
{
	return message->count[0] <= 1 && wire_sections_sound(message);
}

/*
 * Are the sections as the standards have them?  They fill the message exactly,
 * each record's data fits its type exactly, and there is at most one OPT.
 */
bool
wire_sections_sound(const DnsMessage *message)
{
	DnsCursor	cursor;
	int			opts = 0;

	if (!wire_section(message, DNS_ANSWER, &cursor))
		return false;
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
	{
		DnsRR		rr;

		cursor.left = message->count[section];
		while (wire_next(&cursor, &rr))
		{
			if (!rdata_sound(message, &rr))
				return false;
			if (rr.type == DNS_TYPE_OPT &&
				(++opts > 1 || section != DNS_ADDITIONAL || rr.name.len != 1))
				return false;
		}
		if (cursor.left > 0)
			return false;
	}
	return cursor.pos == message->end;
}
