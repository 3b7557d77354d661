/*
 * fields.c
 *
 * Writes the fields of record data that have a format of their own: times, type
 * bitmaps, locations, address prefixes.  All expect data that rdata.c has found
 * sound, and but for fields_joined() write ASCII.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <time.h>

#include "dns/dns.h"

static void append_angle(StringInfo out, uint32 angle, char positive,
						 char negative);
static void append_metres(StringInfo out, uint8 power);

/*
 * Appends character-strings with nothing between them.  A character can begin in one
 * and end in the next.
 */
void
fields_joined(StringInfo out, const DnsField *field)
{
	const uint8 *pos = field->data;
	const uint8 *data;
	size_t		len;
	StringInfoData joined;

	if (field->len > 0 && field->len == (size_t) 1 + *pos)
	{
		encode_text(out, pos + 1, *pos);
		return;
	}
	initStringInfo(&joined);
	while (rdata_string(&pos, field->data + field->len, &data, &len))
		appendBinaryStringInfo(&joined, (const char *) data, len);
	encode_text(out, (const uint8 *) joined.data, joined.len);
	pfree(joined.data);
}

/*
 * Appends an extended unique identifier (RFC 7043 sections 3.2 and 4.2).
 */
void
fields_eui(StringInfo out, const uint8 *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		appendStringInfo(out, i > 0 ? "-%02x" : "%02x", octets[i]);
}

/*
 * Appends seconds since 1970 as strftime() formats them, in UTC.
 */
void
fields_time(StringInfo out, uint32 seconds, const char *format)
{
	time_t		time = seconds;
	struct tm	tm;
	char		text[32];

	strftime(text, sizeof(text), format, gmtime_r(&time, &tm));
	appendStringInfoString(out, text);
}

/*
 * The seconds since 1970 of TSIG (RFC 8945 section 4.2).
 */
uint64
fields_time48(const DnsField *field)
{
	return ((uint64) wire_u16(field->data) << 32) | wire_u32(field->data + 2);
}

/*
 * Appends the mnemonic of a response code of TSIG and TKEY (RFC 8945 section 3, RFC
 * 2930 section 2.6), or its number.
 */
void
fields_rcode(StringInfo out, uint16 code)
{
	static const char *const names[] = {
		"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
		"YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE", NULL, NULL,
		NULL, NULL, NULL, "BADSIG", "BADKEY", "BADTIME", "BADMODE", "BADNAME",
		"BADALG", "BADTRUNC"
	};

	if (code < lengthof(names) && names[code] != NULL)
		appendStringInfoString(out, names[code]);
	else
		encode_decimal(out, code);
}

/*
 * Appends the type of a certificate (RFC 4398 section 2.1).
 */
void
fields_cert_type(StringInfo out, uint16 type)
{
	static const char *const names[] = {
		NULL, "PKIX", "SPKI", "PGP", "IPKIX", "ISPKI", "IPGP", "ACPKIX",
		"IACPKIX"
	};

	if (type > 0 && type < lengthof(names))
		appendStringInfoString(out, names[type]);
	else if (type == 253 || type == 254)
		appendStringInfoString(out, type == 253 ? "URI" : "OID");
	else
		appendStringInfo(out, "%d", type);
}

/*
 * Appends the mnemonic of a DNSSEC algorithm (IANA registry), or its number.
 */
void
fields_key_algorithm(StringInfo out, uint8 algorithm)
{
	static const char *const names[] = {
		NULL, "RSAMD5", "DH", "DSA", NULL, "RSASHA1", "NSEC3DSA",
		"NSEC3RSASHA1", "RSASHA256", NULL, "RSASHA512", NULL, "ECCGOST",
		"ECDSAP256SHA256", "ECDSAP384SHA384", "ED25519", "ED448"
	};

	if (algorithm < lengthof(names) && names[algorithm] != NULL)
		appendStringInfoString(out, names[algorithm]);
	else if (algorithm >= 252 && algorithm <= 254)
		appendStringInfoString(out, algorithm == 252 ? "INDIRECT" :
							   algorithm == 253 ? "PRIVATEDNS" : "PRIVATEOID");
	else
		appendStringInfo(out, "%d", algorithm);
}

/*
 * Returns the next number of a bitmap: types in windows (RFC 4034 section 4.1.2),
 * or bits from 0 on.  The search starts at *at, which the caller sets to the
 * field's data and 0 at first.  -1 at the end.
 */
int
fields_next_number(const DnsField *field, DnsBitmapPlace *at)
{
	const uint8 *end = field->data + field->len;
	bool		flat = field->def->kind != FIELD_TYPES;

	while (at->window < end)
	{
		const uint8 *bits = flat ? at->window : at->window + 2;
		int			octets = flat ? (int) field->len : at->window[1];
		int			first = flat ? 0 : at->window[0] * 256;

		while (at->bit < octets * 8)
		{
			int			bit = at->bit++;

			if (bits[bit / 8] & (0x80 >> (bit % 8)))
				return first + bit;
		}
		at->window = bits + octets;
		at->bit = 0;
	}
	return -1;
}

/*
 * Appends the ports of WKS (RFC 1035 section 3.4.2) as numbers, or the types
 * of NXT (RFC 2535 section 5.2) and of NSEC and similar records as words, with
 * blanks between them.
 */
void
fields_bitmap(StringInfo out, const DnsField *field)
{
	const char *separator = "";
	DnsBitmapPlace at = {.window = field->data};
	int			number;

	while ((number = fields_next_number(field, &at)) >= 0)
	{
		appendStringInfoString(out, separator);
		if (field->def->kind == FIELD_PORTS)
			appendStringInfo(out, "%d", number);
		else
			rrtype_append(out, number);
		separator = " ";
	}
}

/*
 * Appends the gateway of IPSECKEY or the relay of AMTRELAY; a dot for none.
 */
void
fields_gateway(StringInfo out, const DnsField *field)
{
	switch (field->number)
	{
		case GATEWAY_NONE:
			appendStringInfoChar(out, '.');
			break;
		case GATEWAY_NAME:
			encode_name(out, &field->name, true);
			break;
		default:
			encode_address(out, field->data, field->len);
			break;
	}
}

/*
 * Appends names, with blanks between them.
 */
void
fields_names(StringInfo out, const DnsField *field)
{
	const uint8 *pos = field->data;
	DnsName		name;

	while (pos < field->data + field->len &&
		   rdata_plain_name(&pos, field->data + field->len, &name))
	{
		if (out->len > 0 && out->data[out->len - 1] != ' ')
			appendStringInfoChar(out, ' ');
		encode_name(out, &name, true);
	}
}

/*
 * Appends the part of an address that an A6 record holds (RFC 2874 section
 * 3.2).
 */
void
fields_suffix(StringInfo out, const DnsField *field)
{
	uint8		address[16] = {0};

	memcpy(address + sizeof(address) - field->len, field->data, field->len);
	if (field->len > 0)
		encode_address(out, address, sizeof(address));
}

/*
 * Appends an ATM address: hexadecimal, or digits after a plus sign.
 */
void
fields_atma(StringInfo out, const DnsField *field)
{
	if (field->data[0] == 1)
	{
		appendStringInfoChar(out, '+');
		encode_octets(out, field->data + 1, field->len - 1, ESCAPED_IN_NAMES);
		return;
	}
	for (size_t i = 1; i < field->len; i++)
		appendStringInfo(out, "%02x", field->data[i]);
}

/*
 * Appends address prefixes (RFC 3123 section 5): family, address, length; an
 * exclamation mark negates.
 */
void
fields_prefixes(StringInfo out, const uint8 *octets, size_t len)
{
	const uint8 *at = octets;

	while (at < octets + len)
	{
		int			family = wire_u16(at);
		int			size = at[3] & 0x7f;
		uint8		address[16] = {0};

		memcpy(address, at + 4, Min(size, (int) sizeof(address)));
		appendStringInfo(out, "%s%s%d:", at > octets ? " " : "",
						 at[3] & 0x80 ? "!" : "", family);
		if (family == 1 || family == 2)
			encode_address(out, address, family == 1 ? 4 : 16);
		else
			encode_hex(out, at + 4, size);
		appendStringInfo(out, "/%d", at[2]);
		at += 4 + size;
	}
}

/*
 * Appends a location (RFC 1876 section 3).
 */
void
fields_location(StringInfo out, const uint8 *octets)
{
	int64		altitude = (int64) wire_u32(octets + 12) - 10000000;
	int64		height = altitude < 0 ? -altitude : altitude;

	append_angle(out, wire_u32(octets + 4), 'N', 'S');
	appendStringInfoChar(out, ' ');
	append_angle(out, wire_u32(octets + 8), 'E', 'W');
	appendStringInfo(out, " %s%d.%02dm", altitude < 0 ? "-" : "",
					 (int) (height / 100), (int) (height % 100));
	for (int i = 1; i <= 3; i++)
	{
		appendStringInfoChar(out, ' ');
		append_metres(out, octets[i]);
	}
}

/* Appends an angle in thousandths of a second of arc; 2^31 is zero. */
static void
append_angle(StringInfo out, uint32 angle, char positive, char negative)
{
	const uint32 zero = (uint32) 1 << 31;
	uint32		value = angle >= zero ? angle - zero : zero - angle;

	appendStringInfo(out, "%u %u %u.%03u %c", value / 3600000,
					 value / 60000 % 60, value / 1000 % 60, value % 1000,
					 angle >= zero ? positive : negative);
}

/* Appends metres; power is a digit and a power of ten, in centimetres. */
static void
append_metres(StringInfo out, uint8 power)
{
	int			mantissa = power >> 4;
	int			exponent = power & 15;

	if (exponent < 2)
		appendStringInfo(out, "%d.%02dm", 0,
						 exponent == 0 ? mantissa : mantissa * 10);
	else
	{
		appendStringInfo(out, "%d", mantissa);
		for (int i = 2; i < exponent && mantissa > 0; i++)
			appendStringInfoChar(out, '0');
		appendStringInfoChar(out, 'm');
	}
}
