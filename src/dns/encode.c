/*
 * encode.c
 *
 * Writes names, addresses, numbers and octets as text.  This runs for every
 * row, so it is direct: it reserves room once and then writes the octets
 * there.  In names and in the presentation format, octets that are not printable
 * ASCII are escaped.  Other data comes as it was sent, as far as it is text.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "dns/dns.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

/* The most digits of a 32-bit number, and octets of an escaped octet. */
#define DECIMAL_MAX			10
#define ESCAPED_OCTET_MAX	4

/* Octets of a user's text in a message; a name in which each octet is escaped has fewer. */
#define READABLE_MAX		1100

static bool is_ascii(const char *text, size_t len);
static bool is_readable(int encoding, const char *text, size_t len);
static void put_text(StringInfo out, int encoding, const uint8 *octets, size_t len);
static char *reserve(StringInfo out, size_t len);
static void finish(StringInfo out, char *end);
static inline char *put_octet(char *to, uint8 octet, const char *escaped);
static char *put_ip4(char *to, const uint8 *octets);
static char *put_ip6(char *to, const uint8 *octets);

/*
 * Appends a name.  The root is a dot; other names end in a dot if final_dot is
 * set.
 */
void
encode_name(StringInfo out, const DnsName *name, bool final_dot)
{
	const uint8 *label = name->octets;
	char	   *to = reserve(out, ESCAPED_OCTET_MAX * name->len);

	if (name->len == 1)
		*to++ = '.';
	while (*label != 0)
	{
		const uint8 *next = label + 1 + *label;

		while (++label < next)
			to = put_octet(to, *label, ESCAPED_IN_NAMES);
		if (*label != 0 || final_dot)
			*to++ = '.';
	}
	finish(out, to);
}

/*
 * Appends octets as ASCII.  Those in escaped get a backslash (a blank becomes
 * \032), and those that are not printable become \DDD.
 */
void
encode_octets(StringInfo out, const uint8 *octets, size_t len,
			  const char *escaped)
{
	char	   *to = reserve(out, ESCAPED_OCTET_MAX * len);

	for (size_t i = 0; i < len; i++)
		to = put_octet(to, octets[i], escaped);
	finish(out, to);
}

/*
 * Appends octets that are no name and have no format: as they are if they are text in
 * the database's encoding.  Otherwise characters stay, other octets become \DDD, and
 * a backslash is doubled, so that dns_unescape() gives the octets.
 */
void
encode_text(StringInfo out, const uint8 *octets, size_t len)
{
	put_text(out, GetDatabaseEncoding(), octets, len);
}

/*
 * Makes text of a user fit for a message that any client can read: the same text, or
 * a palloc'd copy.  Only SQL_ASCII has text that is no UTF-8; its octets become \DDD.
 * Text that is too long for any name is cut, so that a document in place of a name does
 * not fill the server's log.
 */
const char *
encode_readable(const char *text)
{
	StringInfoData out;
	size_t		len = strlen(text);
	bool		cut = len > READABLE_MAX;

	if (cut)
		len = pg_mbcliplen(text, Min(len, 2 * READABLE_MAX), READABLE_MAX);
	else if (GetDatabaseEncoding() != PG_SQL_ASCII)
		return text;
	initStringInfo(&out);
	if (GetDatabaseEncoding() != PG_SQL_ASCII)
		appendBinaryStringInfo(&out, text, len);
	else
		put_text(&out, PG_UTF8, (const uint8 *) text, len);
	if (cut)
		appendStringInfoString(&out, "...");
	return out.data;
}

static void
put_text(StringInfo out, int encoding, const uint8 *octets, size_t len)
{
	const char *at = (const char *) octets;
	const char *end = at + len;

	if (pg_encoding_verifymbstr(encoding, at, len) == (int) len &&
		is_readable(encoding, at, len))
	{
		appendBinaryStringInfo(out, at, len);
		return;
	}
	while (at < end)
	{
		int			size = *at == '\0' ? -1 :
			pg_encoding_verifymbchar(encoding, at, end - at);

		if (*at == '\\')
			appendStringInfoString(out, "\\\\");
		else if (size > 0 && is_readable(encoding, at, size))
			appendBinaryStringInfo(out, at, size);
		else
		{
			for (int i = 0; i < Max(size, 1); i++)
				appendStringInfo(out, "\\%03d", (uint8) at[i]);
		}
		at += Max(size, 1);
	}
}

/*
 * Converts text from one encoding to another, palloc'd; NULL if that is not
 * possible.
 */
char *
encode_recode(const char *text, size_t len, int from, int to)
{
	size_t		size = len * MAX_CONVERSION_GROWTH + 1;
	Oid			conversion = FindDefaultConversionProc(from, to);
	char	   *recoded;

	if (!OidIsValid(conversion))
		return NULL;
	recoded = palloc(size);
	if (pg_do_encoding_conversion_buf(conversion, from, to,
									  (unsigned char *) unconstify(char *, text),
									  len, (unsigned char *) recoded, size,
									  true) == (int) len)
		return recoded;
	pfree(recoded);
	return NULL;
}

static bool
is_ascii(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	}
	return true;
}

/*
 * Can a client whose encoding is UTF-8 read text that has the form of the encoding?
 * Many encodings have gaps, and a value in one is an error for the client.
 */
static bool
is_readable(int encoding, const char *text, size_t len)
{
	char	   *recoded;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII || encoding == PG_MULE_INTERNAL)
		return true;			/* the same, or without a conversion */
	if (is_ascii(text, len))
		return true;
	recoded = encode_recode(text, len, encoding, PG_UTF8);
	if (recoded == NULL)
		return false;
	pfree(recoded);
	return true;
}

/*
 * Appends hexadecimal digits, in upper case as in dig.
 */
void
encode_hex(StringInfo out, const uint8 *octets, size_t len)
{
	static const char digits[] = "0123456789ABCDEF";
	char	   *to = reserve(out, 2 * len);

	for (size_t i = 0; i < len; i++)
	{
		*to++ = digits[octets[i] >> 4];
		*to++ = digits[octets[i] & 15];
	}
	finish(out, to);
}

/*
 * Appends Base64 without line breaks (RFC 4648 section 4).
 */
void
encode_base64(StringInfo out, const uint8 *octets, size_t len)
{
	int			size = pg_b64_enc_len(len);

	enlargeStringInfo(out, size + 1);
	out->len += base64_encode(octets, len, out->data + out->len, size);
	out->data[out->len] = '\0';
}

/*
 * Appends Base32 with the extended hex alphabet, unpadded, as in NSEC3 records
 * (RFC 4648 section 7, RFC 5155 section 3.3).
 */
void
encode_base32hex(StringInfo out, const uint8 *octets, size_t len)
{
	static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
	uint32		bits = 0;
	int			nbits = 0;

	for (size_t i = 0; i < len; i++)
	{
		bits = (bits << 8) | octets[i];
		for (nbits += 8; nbits >= 5; nbits -= 5)
			appendStringInfoChar(out, alphabet[(bits >> (nbits - 5)) & 31]);
	}
	if (nbits > 0)
		appendStringInfoChar(out, alphabet[(bits << (5 - nbits)) & 31]);
}

/*
 * Appends an address of 4 or 16 octets.
 */
void
encode_address(StringInfo out, const uint8 *octets, size_t len)
{
	char	   *to = reserve(out, INET6_ADDRSTRLEN);

	finish(out, len == 4 ? put_ip4(to, octets) : put_ip6(to, octets));
}

/*
 * Appends a number.
 */
void
encode_decimal(StringInfo out, uint32 number)
{
	char	   *to = reserve(out, DECIMAL_MAX);

	finish(out, to + pg_ultoa_n(number, to));
}

/* Makes room for len more octets, and returns where they go. */
static char *
reserve(StringInfo out, size_t len)
{
	if (out->maxlen - out->len <= (int) len)
		enlargeStringInfo(out, len);
	return out->data + out->len;
}

/* Sets the length: the reserved room is filled up to end. */
static void
finish(StringInfo out, char *end)
{
	*end = '\0';
	out->len = end - out->data;
}

/*
 * Writes an octet where there is room for ESCAPED_OCTET_MAX, and returns the
 * place after it.
 */
static inline char *
put_octet(char *to, uint8 octet, const char *escaped)
{
	bool		special;

	if (octet_is_plain(octet))
	{
		*to++ = octet;
		return to;
	}

	special = octet != 0 && strchr(escaped, octet) != NULL;
	if (octet < ' ' || octet > '~' || (special && octet == ' '))
	{
		*to++ = '\\';
		*to++ = '0' + octet / 100;
		*to++ = '0' + octet / 10 % 10;
		*to++ = '0' + octet % 10;
		return to;
	}
	if (special)
		*to++ = '\\';
	*to++ = octet;
	return to;
}

static char *
put_ip4(char *to, const uint8 *octets)
{
	for (int i = 0; i < 4; i++)
	{
		uint8		octet = octets[i];

		if (i > 0)
			*to++ = '.';
		if (octet >= 100)
			*to++ = '0' + octet / 100;
		if (octet >= 10)
			*to++ = '0' + octet / 10 % 10;
		*to++ = '0' + octet % 10;
	}
	return to;
}

/*
 * Writes an IPv6 address as inet_ntop() does, in a sixth of the time: the longest
 * run of zeros is left out (RFC 5952 section 4.2), and an IPv4 address at the end
 * is written as one.
 */
static char *
put_ip6(char *to, const uint8 *octets)
{
	int			zeros = -1;		/* start of the run */
	int			longest = 1;	/* one group is no run */
	int			groups = 8;

	for (int i = 0, start = 0; i < 8; i++)
	{
		if (wire_u16(octets + 2 * i) != 0)
			start = i + 1;
		else if (i + 1 - start > longest)
		{
			longest = i + 1 - start;
			zeros = start;
		}
	}
	if (zeros == 0 && (longest == 6 ||
					   (longest == 5 && wire_u16(octets + 10) == 0xffff)))
		groups = 6;

	for (int i = 0; i < groups; i++)
	{
		uint16		group = wire_u16(octets + 2 * i);

		if (i > 0 || i == zeros)
			*to++ = ':';
		if (i == zeros)
		{
			i += longest - 1;	/* the second colon comes before the next group */
			continue;
		}
		for (int shift = 12; shift >= 0; shift -= 4)
		{
			if (shift == 0 || group >> shift != 0)
				*to++ = "0123456789abcdef"[(group >> shift) & 15];
		}
	}
	if (groups < 8)
	{
		*to++ = ':';
		return put_ip4(to, octets + 12);
	}
	if (zeros + longest == 8)
		*to++ = ':';
	return to;
}
