/*
 * names.c
 *
 * SQL functions on names and addresses that need no network.
 */
#include "postgres.h"

#include <idn2.h>

#include "functions/functions.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

/* A label has at most WIRE_LABEL_MAX letters of at most four octets. */
#define U_LABEL_SIZE	(4 * WIRE_LABEL_MAX + 1)

static bool address_of_reverse(const DnsName *name, uint8 *octets, size_t *len);
static int	label_number(const uint8 *label, int base);
static void append_unicode_label(StringInfo out, const uint8 *label,
								 int idn_flags);
static bool unicode_label(const char *a_label, int idn_flags, char *u_label);

PG_FUNCTION_INFO_V1(pgcares_reverse_address);
PG_FUNCTION_INFO_V1(pgcares_address_from_reverse);
PG_FUNCTION_INFO_V1(pgcares_is_name);
PG_FUNCTION_INFO_V1(pgcares_to_ascii);
PG_FUNCTION_INFO_V1(pgcares_to_unicode);

/*
 * dns_reverse_address(address)
 */
Datum
pgcares_reverse_address(PG_FUNCTION_ARGS)
{
	DnsName		name;

	address_reverse_name(DatumGetInetPP(PG_GETARG_DATUM(0)), &name);
	PG_RETURN_TEXT_P(cstring_to_text(name_to_text(&name)));
}

/*
 * dns_address_from_reverse(name)
 */
Datum
pgcares_address_from_reverse(PG_FUNCTION_ARGS)
{
	char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	DnsName		name;
	uint8		octets[16];
	size_t		len;

	if (name_parse(written, false, &name) != NULL ||
		!address_of_reverse(&name, octets, &len))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not the reverse name of an address", encode_readable(written)),
				 errhint("It is four numbers below in-addr.arpa, or 32 hexadecimal digits below ip6.arpa.")));
	PG_RETURN_DATUM(InetPGetDatum(address_inet(octets, len)));
}

/*
 * dns_is_name(name)
 */
Datum
pgcares_is_name(PG_FUNCTION_ARGS)
{
	text	   *written = PG_GETARG_TEXT_PP(0);
	DnsName		name;

	PG_RETURN_BOOL(name_parse_with_len(VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written),
									   true, &name) == NULL);
}

/*
 * dns_to_ascii(name)
 */
Datum
pgcares_to_ascii(PG_FUNCTION_ARGS)
{
	char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	DnsName		name;
	const char *reason = name_parse(written, true, &name);

	if (reason != NULL)
		name_refuse(written, reason);
	PG_RETURN_TEXT_P(cstring_to_text(name_to_text(&name)));
}

/*
 * dns_to_unicode(name)
 */
Datum
pgcares_to_unicode(PG_FUNCTION_ARGS)
{
	char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *unicode;
	DnsName		name;
	const char *reason = name_parse(written, true, &name);

	if (reason != NULL)
		name_refuse(written, reason);
	unicode = names_to_unicode(&name, 0);
	PG_RETURN_TEXT_P(cstring_to_text(pg_any_to_server(unicode, strlen(unicode),
													  PG_UTF8)));
}

/*
 * A name in UTF-8, with U-labels for its A-labels.  idn_flags are libidn2's
 * flags for the characters that a U-label can have.
 */
char *
names_to_unicode(const DnsName *name, int idn_flags)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	if (name->len == 1)
		appendStringInfoChar(&buffer, '.');
	for (const uint8 *label = name->octets; *label != 0; label += 1 + *label)
	{
		if (buffer.len > 0)
			appendStringInfoChar(&buffer, '.');
		append_unicode_label(&buffer, label, idn_flags);
	}
	return buffer.data;
}

/* Reads the address of a reverse name; false if name is not one. */
static bool
address_of_reverse(const DnsName *name, uint8 *octets, size_t *len)
{
	static const uint8 ip4_suffix[] = "\7in-addr\4arpa";
	static const uint8 ip6_suffix[] = "\3ip6\4arpa";
	const uint8 *at = name->octets;
	const uint8 *labels[33];
	int			count = 0;

	while (*at != 0 && count < (int) lengthof(labels))
	{
		if (pg_strcasecmp((const char *) at, (const char *) ip4_suffix) == 0 ||
			pg_strcasecmp((const char *) at, (const char *) ip6_suffix) == 0)
			break;
		labels[count++] = at;
		at += 1 + *at;
	}
	if (at[0] == 7 && count == 4)
	{
		*len = 4;
		for (int i = 0; i < 4; i++)
		{
			int			number = label_number(labels[3 - i], 10);

			if (number < 0)
				return false;
			octets[i] = number;
		}
		return true;
	}
	if (at[0] == 3 && count == 32)
	{
		*len = 16;
		for (int i = 0; i < 16; i++)
		{
			int			high = label_number(labels[31 - 2 * i], 16);
			int			low = label_number(labels[30 - 2 * i], 16);

			if (high < 0 || low < 0)
				return false;
			octets[i] = high << 4 | low;
		}
		return true;
	}
	return false;
}

/* Reads a decimal below 256 or one hexadecimal digit; -1 if neither. */
static int
label_number(const uint8 *label, int base)
{
	char		digits[4] = "";
	char	   *end;
	long		number;

	if (*label > (base == 10 ? 3 : 1) || !isxdigit(label[1]) ||
		(*label > 1 && label[1] == '0'))
		return -1;
	memcpy(digits, label + 1, *label);
	number = strtol(digits, &end, base);
	return end == digits + *label && number <= 255 ? number : -1;
}

/*
 * Writes a label in UTF-8: an A-label as its U-label if that converts back to
 * the same A-label, any other label unchanged.
 */
static void
append_unicode_label(StringInfo out, const uint8 *label, int idn_flags)
{
	StringInfoData ascii;
	char		u_label[U_LABEL_SIZE];
	bool		found = false;

	initStringInfo(&ascii);
	encode_octets(&ascii, label + 1, *label, ESCAPED_IN_NAMES);
	if (pg_strncasecmp(ascii.data, "xn--", 4) == 0)
	{
		/* U-labels are lower case (RFC 5890 section 2.3.2.1). */
		char	   *a_label = asc_tolower(ascii.data, ascii.len);

		found = unicode_label(a_label, idn_flags, u_label);
		pfree(a_label);
	}
	appendStringInfoString(out, found ? u_label : ascii.data);
	pfree(ascii.data);
}

/* False if there is no U-label. */
static bool
unicode_label(const char *a_label, int idn_flags, char *u_label)
{
	char	   *unicode = NULL;
	char	   *again = NULL;
	bool		found = false;
	int			rc;

	rc = idn2_to_unicode_8z8z(a_label, &unicode, 0);
	if (rc == IDN2_OK)
		rc = idn2_to_ascii_8z(unicode, &again,
							  IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT |
							  idn_flags);
	if (rc == IDN2_OK && strcmp(again, a_label) == 0)
		found = strlcpy(u_label, unicode, U_LABEL_SIZE) < U_LABEL_SIZE;
	idn2_free(unicode);
	idn2_free(again);
	if (rc == IDN2_MALLOC)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	return found;
}
