/*
 * alias.c
 *
 * Finds the records that answer a question: it follows the aliases in the
 * answer section, CNAME (RFC 1034 section 3.6.2) and DNAME (RFC 6672), from the
 * question's name.  All other records in the answer are ignored.
 */
#include "postgres.h"

#include "dns/dns.h"

#define DNS_TYPE_MD			3
#define DNS_TYPE_MF			4
#define DNS_TYPE_MB			7
#define DNS_TYPE_MG			8
#define DNS_TYPE_MR			9
#define DNS_TYPE_DNAME		39
#define DNS_TYPE_IXFR		251
#define DNS_TYPE_MAILB		253
#define DNS_TYPE_MAILA		254

static bool begins_with_answer(const DnsMessage *message, const DnsQuestion *question);
static AliasEnd walk(const DnsMessage *message, const DnsQuestion *question,
					 DnsName *names, int *count);
static bool next_name(const DnsMessage *message, const DnsQuestion *question,
					  const DnsName *name, DnsName *next, bool *found);
static bool has_type(const DnsRR *rr, const DnsQuestion *question);
static bool has_class(const DnsRR *rr, const DnsQuestion *question);
static bool read_target(const DnsMessage *message, const DnsRR *rr,
						DnsName *target);
static int	suffix_offset(const DnsName *name, const DnsName *suffix);
static bool substitute(const DnsName *name, int offset, const DnsName *target,
					   DnsName *next);

/*
 * Follows the aliases of a sound message from the question's name to *owner,
 * the name that owns the records asked for.
 */
AliasEnd
alias_follow(const DnsMessage *message, const DnsQuestion *question,
			 DnsName *owner)
{
	DnsName		names[ALIAS_MAX_NAMES];
	int			count;
	AliasEnd	end;

	if (begins_with_answer(message, question))
	{
		name_copy(owner, &question->name);
		return ALIAS_RECORDS;
	}
	end = walk(message, question, names, &count);
	name_copy(owner, &names[count - 1]);
	return end;
}

/*
 * Stores the names of that chain, from the question's to the owner's, in an
 * array of ALIAS_MAX_NAMES; returns their number.
 */
int
alias_names(const DnsMessage *message, const DnsQuestion *question,
			DnsName *names)
{
	int			count;

	(void) walk(message, question, names, &count);
	return count;
}

/*
 * Does a record of the answer section answer the question?  owner is the result
 * of alias_follow().
 */
bool
alias_answers(const DnsRR *rr, const DnsQuestion *question,
			  const DnsName *owner)
{
	return has_type(rr, question) && has_class(rr, question) &&
		name_equal(&rr->name, owner);
}

/*
 * Does a sound message repeat the question, and does its first record belong to the name
 * there and answer it?  Nearly all answers do, and no name has to be read to see that.
 */
static bool
begins_with_answer(const DnsMessage *message, const DnsQuestion *question)
{
	const uint8 *name = message->start + WIRE_HEADER_SIZE;
	const uint8 *first = name + question->name.len + 4;
	DnsRR		rr;

	if (message->count[DNS_ANSWER] == 0 ||
		first != message->start + message->places.section[DNS_ANSWER] ||
		wire_u16(first) != (WIRE_POINTER << 8 | WIRE_HEADER_SIZE) ||
		!name_octets_equal(name, question->name.octets, question->name.len))
		return false;
	rr.type = wire_u16(first + 2);
	rr.class = wire_u16(first + 4);
	return has_type(&rr, question) && has_class(&rr, question);
}

static AliasEnd
walk(const DnsMessage *message, const DnsQuestion *question, DnsName *names,
	 int *count)
{
	name_copy(&names[0], &question->name);
	for (*count = 1;; (*count)++)
	{
		DnsName		next;
		bool		found;

		if (!next_name(message, question, &names[*count - 1], &next, &found))
			return found ? ALIAS_RECORDS : ALIAS_NO_RECORDS;
		for (int i = 0; i < *count; i++)
		{
			if (name_equal(&names[i], &next))
				return ALIAS_LOOP;
		}
		if (*count == ALIAS_MAX_NAMES)
			return ALIAS_TOO_LONG;
		name_copy(&names[*count], &next);
	}
}

/*
 * Takes one step.  False at the end of the chain; *found is then true if the
 * records asked for are there.  They take precedence over aliases of the same
 * name.
 */
static bool
next_name(const DnsMessage *message, const DnsQuestion *question,
		  const DnsName *name, DnsName *next, bool *found)
{
	DnsCursor	cursor;
	DnsRR		rr;
	bool		cname = false;
	bool		dname = false;

	*found = false;
	message_section(message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		DnsName		target;
		int			offset;

		if (alias_answers(&rr, question, name))
		{
			*found = true;
			return false;
		}
		if (cname || !has_class(&rr, question))
			continue;
		if (rr.type == DNS_TYPE_CNAME && name_equal(&rr.name, name))
			cname = read_target(message, &rr, next);
		else if (rr.type == DNS_TYPE_DNAME && !dname &&
				 (offset = suffix_offset(name, &rr.name)) > 0 &&
				 read_target(message, &rr, &target))
			dname = substitute(name, offset, &target, next);
	}
	return cname || dname;
}

/* Has a record the type asked for, or one that the question's type stands for? */
static bool
has_type(const DnsRR *rr, const DnsQuestion *question)
{
	switch (question->type)
	{
		case DNS_TYPE_ANY:
		case DNS_TYPE_AXFR:
		case DNS_TYPE_IXFR:
			return true;
		case DNS_TYPE_MAILB:	/* RFC 1035 section 3.2.3 */
			return rr->type == DNS_TYPE_MB || rr->type == DNS_TYPE_MG ||
				rr->type == DNS_TYPE_MR;
		case DNS_TYPE_MAILA:
			return rr->type == DNS_TYPE_MD || rr->type == DNS_TYPE_MF;
		default:
			return rr->type == question->type;
	}
}

static bool
has_class(const DnsRR *rr, const DnsQuestion *question)
{
	return rr->class == question->class || question->class == DNS_CLASS_ANY;
}

static bool
read_target(const DnsMessage *message, const DnsRR *rr, DnsName *target)
{
	const uint8 *pos = rr->rdata;

	return message_name(message, &pos, rr->rdata + rr->rdlength, target);
}

/* The octet of name at which the suffix begins; -1 if it is no suffix. */
static int
suffix_offset(const DnsName *name, const DnsName *suffix)
{
	int			offset = 0;

	while (name->len - offset > suffix->len)
		offset += 1 + name->octets[offset];
	if (name->len - offset != suffix->len ||
		!name_octets_equal(name->octets + offset, suffix->octets, suffix->len))
		return -1;
	return offset;
}

/*
 * Replaces the suffix that begins at offset by target (RFC 6672 section 2.2).
 * False if the result would be too long.
 */
static bool
substitute(const DnsName *name, int offset, const DnsName *target,
		   DnsName *next)
{
	if (offset + target->len > WIRE_NAME_MAX)
		return false;
	memcpy(next->octets, name->octets, offset);
	memcpy(next->octets + offset, target->octets, target->len);
	next->len = offset + target->len;
	return true;
}
