/*
 * name.c
 *
 * Turns names as users write them, with escapes and U-labels, into wire form
 * (RFC 1035 section 5.1, RFC 5891).  Parsing never raises for an invalid name,
 * so that a batch can go on after it.
 */
#include "postgres.h"

#include "dns/dns.h"

#include "common/hashfn.h"
#include "common/string.h"

/* A word that has this octet eight times. */
#define EACH_OCTET(octet)	(UINT64CONST(0x0101010101010101) * (octet))

static inline uint64 fold_word(uint64 word);
static bool parse_plain_name(const char *text, size_t len, DnsName *name);
static const char *parse_ascii_name(const char *text, size_t len,
									DnsName *name);
static const char *parse_escape(const char **at, const char *end,
								uint8 *octet);
static const char *end_label(DnsName *name, size_t start, size_t end);
static const char *parse_other_name(const char *text, DnsName *name);
static const uint8 *last_label(const DnsName *name);
static bool is_label(const uint8 *at, const char *label);

/*
 * Parses text into *name.  Returns NULL, or the reason why it is no name: a
 * sentence, static or palloc'd.  With idn, text that is not ASCII is converted.
 */
const char *
name_parse(const char *text, bool idn, DnsName *name)
{
	return name_parse_with_len(text, strlen(text), idn, name);
}

/*
 * The same for text of len octets without a NUL.
 */
const char *
name_parse_with_len(const char *text, size_t len, bool idn, DnsName *name)
{
	const char *reason;
	char	   *copy;

	if (parse_plain_name(text, len, name))
		return NULL;			/* the usual case */
	reason = parse_ascii_name(text, len, name);
	if (reason == NULL)
		return NULL;

	copy = pnstrdup(text, len);
	if (!pg_is_ascii(copy))
		reason = idn ? parse_other_name(copy, name) :
			"It is not ASCII, and pgcares.idn is off.";
	pfree(copy);
	return reason;
}

/*
 * The text of a name, palloc'd.
 */
char *
name_to_text(const DnsName *name)
{
	StringInfoData text;

	initStringInfo(&text);
	encode_name(&text, name, false);
	return text.data;
}

/*
 * Raises an error: text is not a domain name.
 */
void
name_refuse(const char *text, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a domain name", encode_readable(text)),
			 errdetail("%s", reason),
			 errhint("A name is labels of 1 to 63 octets with dots between them. Octets that are not printable ASCII are written \\DDD, a decimal number of three digits.")));
}

/*
 * Is it a name that never exists in the DNS and is never sent there?  These
 * are onion (RFC 7686 section 2) and invalid (RFC 6761 section 6.4).
 */
bool
name_never_asked(const DnsName *name)
{
	const uint8 *last = last_label(name);

	return is_label(last, "onion") || is_label(last, "invalid");
}

/*
 * Are two names the same (RFC 4343)?
 */
bool
name_equal(const DnsName *a, const DnsName *b)
{
	return a->len == b->len && name_octets_equal(a->octets, b->octets, a->len);
}

/*
 * Gives a hash value, the same for names that are equal.
 */
uint32
name_hash(const DnsName *name, uint64 seed)
{
	uint8		octets[WIRE_NAME_MAX];

	name_fold(name, octets);
	return (uint32) hash_bytes_extended(octets, name->len, seed);
}

/*
 * Writes the octets of a name in lower case.  Length octets are below 'A', so all octets
 * can be treated as letters.
 */
void
name_fold(const DnsName *name, uint8 *octets)
{
	int			at = 0;

	/* Eight at a time: batches hash every name. */
	for (; at + (int) sizeof(uint64) <= name->len; at += sizeof(uint64))
	{
		uint64		word;

		memcpy(&word, name->octets + at, sizeof(word));
		word = fold_word(word);
		memcpy(octets + at, &word, sizeof(word));
	}
	for (; at < name->len; at++)
	{
		uint8		octet = name->octets[at];

		octets[at] = octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
	}
}

/* Folds eight octets. */
static inline uint64
fold_word(uint64 word)
{
	uint64		low = word & EACH_OCTET(0x7f);

	/* Each sum has its top bit set from 'A' on, or behind 'Z'. */
	return word | (((low + EACH_OCTET(0x80 - 'A')) ^ (low + EACH_OCTET(0x7f - 'Z'))) &
				   ~word & EACH_OCTET(0x80)) >> 2;
}

/*
 * Compares octets of names in the same way.  Length octets are below 'A', so all
 * octets can be treated as letters.
 */
bool
name_octets_equal(const uint8 *a, const uint8 *b, size_t len)
{
	if (memcmp(a, b, len) == 0)
		return true;			/* the usual case */
	for (size_t i = 0; i < len; i++)
	{
		if (pg_ascii_tolower(a[i]) != pg_ascii_tolower(b[i]))
			return false;
	}
	return true;
}

/*
 * Is it localhost or a name below it?  These are this host, whatever name
 * servers answer (RFC 6761 section 6.3).
 */
bool
name_is_localhost(const DnsName *name)
{
	return is_label(last_label(name), "localhost");
}

/*
 * Gives the letters a random case, which a forger has to guess too
 * (draft-vixie-dnsext-dns0x20).  Can raise.
 */
void
name_randomize_case(DnsName *name)
{
	uint8		bits[WIRE_NAME_MAX];

	if (!pg_strong_random(bits, name->len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bits")));
	for (int i = 0; i < name->len; i++)
	{
		uint8		octet = pg_ascii_tolower(name->octets[i]);

		if (octet >= 'a' && octet <= 'z' && (bits[i] & 1))
			octet = pg_ascii_toupper(octet);
		name->octets[i] = octet;
	}
}

/*
 * Parses a name without escapes: its text is the wire form with dots for the length
 * octets.  False if it is no such name.
 */
static bool
parse_plain_name(const char *text, size_t len, DnsName *name)
{
	uint8	   *label = name->octets;	/* its length octet */
	uint8	   *at = label + 1;
	uint8	   *end;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len > WIRE_NAME_MAX - 2)
		return false;
	memcpy(at, text, len);
	end = at + len;
	for (*end = '.'; label < end; label = at++)
	{
		while (octet_is_plain(*at))
			at++;
		*label = at - label - 1;
		if (*at != '.' || *label == 0 || *label > WIRE_LABEL_MAX)
			return false;
	}
	*end = 0;
	name->len = end + 1 - name->octets;
	return true;
}

/* Text that is not ASCII fails too, with some reason. */
static const char *
parse_ascii_name(const char *text, size_t len, DnsName *name)
{
	const char *at = text;
	const char *end = text + len;
	size_t		start = 0;		/* the length octet of the label */
	size_t		place = 1;
	const char *reason = NULL;

	if (len == 0)
		return "It is empty.";
	if (len == 1 && *text == '.')
		at++;					/* the root */

	while (reason == NULL && at < end)
	{
		uint8		octet = *at;

		if (octet == '.')
		{
			reason = end_label(name, start, place);
			start = place++;
			at++;
			continue;
		}
		if (octet == '\\')
			reason = parse_escape(&at, end, &octet);
		else if (octet <= ' ' || octet >= 0x7f)
			reason = NAME_NEEDS_ESCAPE;
		else
			at++;
		if (place < WIRE_NAME_MAX)
			name->octets[place] = octet;
		place++;
	}
	if (reason == NULL && place > start + 1)
	{
		reason = end_label(name, start, place);
		start = place;
	}
	if (reason != NULL)
		return reason;
	name->octets[start] = 0;
	name->len = start + 1;
	return NULL;
}

/* Reads \DDD or \X at *at, and moves behind it. */
static const char *
parse_escape(const char **at, const char *end, uint8 *octet)
{
	const char *digits = *at + 1;
	int			value = 0;

	if (digits == end)
		return "It ends with a backslash.";
	if (IS_HIGHBIT_SET(*digits))
		return "It is not ASCII.";
	if (!isdigit((unsigned char) *digits))
	{
		*octet = *digits;
		*at = digits + 1;
		return NULL;
	}
	for (int i = 0; i < 3; i++)
	{
		if (digits + i == end || !isdigit((unsigned char) digits[i]))
			return "A backslash and a digit begin a decimal number of three digits.";
		value = value * 10 + digits[i] - '0';
	}
	if (value > 255)
		return "An octet is 255 at most.";
	*octet = value;
	*at = digits + 3;
	return NULL;
}

/*
 * Ends a label: sets its length octet, at start.  The label's octets follow
 * it, up to end, as far as there is room for them.
 */
static const char *
end_label(DnsName *name, size_t start, size_t end)
{
	size_t		len = end - start - 1;

	if (len == 0)
		return "A label is empty.";
	if (len > WIRE_LABEL_MAX)
		return "A label has more than 63 octets.";
	/* The root label needs room too. */
	if (end + 1 > WIRE_NAME_MAX)
		return "It has more than 255 octets.";
	name->octets[start] = len;
	return NULL;
}

/* Parses a name that is not ASCII. */
static const char *
parse_other_name(const char *text, DnsName *name)
{
	char	   *ascii;
	const char *reason = idn_to_ascii(text, &ascii);

	if (reason != NULL)
		return reason;
	reason = parse_ascii_name(ascii, strlen(ascii), name);
	pfree(ascii);
	return reason;
}

/* The last label of a name before the root; the root itself has none but that. */
static const uint8 *
last_label(const DnsName *name)
{
	const uint8 *at = name->octets;

	while (*at != 0 && at[1 + *at] != 0)
		at += 1 + *at;
	return at;
}

/* Is this the label at a place in a name?  Case does not count. */
static bool
is_label(const uint8 *at, const char *label)
{
	size_t		len = strlen(label);

	return *at == len && pg_strncasecmp((const char *) at + 1, label, len) == 0;
}
