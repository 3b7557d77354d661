/*
 * presentation.c
 *
 * Writes names, types, classes and record data in presentation format, as zone
 * files have it and dig prints it (RFC 1035 section 5.1, RFC 3597 section 5 for
 * what has no format of its own).  Octets that are not printable ASCII are
 * escaped: what comes out is valid in every database encoding.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "pgcares.h"

#include "utils/builtins.h"

/* Digits of a 32-bit number, and octets of an escaped one, at most. */
#define DECIMAL_MAX			10
#define ESCAPED_OCTET_MAX	4

static bool append_hex_field(StringInfo out, const DnsField *field);
static void append_number(StringInfo out, const DnsField *field);
static void append_strings(StringInfo out, const DnsField *field);
static void append_quoted(StringInfo out, const uint8 *octets, size_t len);
static void append_decimal(StringInfo out, uint32 number);
static char *reserve(StringInfo out, size_t len);
static void finish(StringInfo out, char *end);
static inline char *put_octet(char *to, uint8 octet, const char *escaped);

/*
 * The data of a record of a sound message.
 */
void
append_rdata(StringInfo out, const DnsMessage *message, const DnsRR *rr)
{
	DnsRdata	rdata;
	DnsField	field;
	bool		first = true;

	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
	{
		int			before = out->len;

		if (field.def->kind == FIELD_JOINED ||
			field.def->kind == FIELD_LENGTH8 ||
			field.def->kind == FIELD_LENGTH16)
			continue;			/* what it tells comes next */
		if (!first)
			appendStringInfoChar(out, ' ');
		append_field(out, &field);
		if (out->len == before + 1 && !first)
			out->data[--out->len] = '\0';	/* an empty field leaves no blank */
		first = false;
	}
}

/*
 * A name, the root as a dot; other names end in a dot only if asked for.
 */
void
append_name(StringInfo out, const DnsName *name, bool final_dot)
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
 * Octets as ASCII: those in escaped with a backslash before them (a blank as
 * \032), those that are not printable as \DDD.
 */
void
append_octets(StringInfo out, const uint8 *octets, size_t len,
			  const char *escaped)
{
	char	   *to = reserve(out, ESCAPED_OCTET_MAX * len);

	for (size_t i = 0; i < len; i++)
		to = put_octet(to, octets[i], escaped);
	finish(out, to);
}

/*
 * Hexadecimal digits, in upper case as dig has them.
 */
void
append_hex(StringInfo out, const uint8 *octets, size_t len)
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
 * Base64 without line breaks (RFC 4648 section 4).
 */
void
append_base64(StringInfo out, const uint8 *octets, size_t len)
{
	int			size = pg_b64_enc_len(len);

	enlargeStringInfo(out, size + 1);
	out->len += base64_encode(octets, len, out->data + out->len, size);
	out->data[out->len] = '\0';
}

/*
 * Base32 with the extended hex alphabet, unpadded, as in NSEC3 records
 * (RFC 4648 section 7, RFC 5155 section 3.3).
 */
void
append_base32hex(StringInfo out, const uint8 *octets, size_t len)
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
 * An address of 4 or 16 octets.
 */
void
append_address(StringInfo out, const uint8 *octets, size_t len)
{
	char	   *to = reserve(out, INET6_ADDRSTRLEN);

	if (len == 4)
	{
		for (int i = 0; i < 4; i++)
		{
			if (i > 0)
				*to++ = '.';
			to += pg_ultoa_n(octets[i], to);
		}
	}
	else
	{
		inet_ntop(AF_INET6, octets, to, INET6_ADDRSTRLEN);
		to += strlen(to);
	}
	finish(out, to);
}

/*
 * The mnemonic of a type, or TYPEnnn.
 */
void
append_type(StringInfo out, uint16 code)
{
	const DnsType *type = rrtype_by_code(code);

	if (type != NULL)
		appendStringInfoString(out, type->name);
	else
		appendStringInfo(out, "TYPE%d", code);
}

/*
 * The same as a text of its own, static or palloc'd.
 */
const char *
type_text(uint16 code)
{
	const DnsType *type = rrtype_by_code(code);

	return type != NULL ? type->name : psprintf("TYPE%d", code);
}

/*
 * The mnemonic of a class, or CLASSnnn.  Static or palloc'd.
 */
const char *
class_text(uint16 code)
{
	const char *name = rrclass_name(code);

	return name != NULL ? name : psprintf("CLASS%d", code);
}

/*
 * A field of record data.
 */
void
append_field(StringInfo out, const DnsField *field)
{
	switch (field->def->kind)
	{
		case FIELD_IP4:
		case FIELD_IP6:
			append_address(out, field->data, field->len);
			break;
		case FIELD_EUI48:
		case FIELD_EUI64:
			append_eui(out, field->data, field->len);
			break;
		case FIELD_LOC:
			append_location(out, field->data);
			break;
		case FIELD_NAME:
		case FIELD_OPTIONAL_NAME:
			append_name(out, &field->name, true);
			break;
		case FIELD_STRING:
		case FIELD_OPTIONAL_STRING:
		case FIELD_TEXT:
			append_quoted(out, field->data, field->len);
			break;
		case FIELD_TAG:
			append_octets(out, field->data, field->len, ESCAPED_IN_NAMES);
			break;
		case FIELD_STRINGS:
			append_strings(out, field);
			break;
		case FIELD_BASE64:
		case FIELD_HIP_KEY:
			append_base64(out, field->data, field->len);
			break;
		case FIELD_HASH:
			append_base32hex(out, field->data, field->len);
			break;
		case FIELD_PARAMS:
			append_params(out, field->data, field->len);
			break;
		case FIELD_NAMES:
			append_names(out, field);
			break;
		case FIELD_TYPES:
		case FIELD_FLAT_TYPES:
		case FIELD_PORTS:
			append_bitmap(out, field);
			break;
		case FIELD_SUFFIX:
			append_suffix(out, field);
			break;
		case FIELD_ATMA:
			append_atma(out, field);
			break;
		case FIELD_PREFIXES:
			append_prefixes(out, field->data, field->len);
			break;
		case FIELD_GATEWAY:
			append_gateway(out, field);
			break;
		default:
			if (!append_hex_field(out, field))
				append_number(out, field);
			break;
	}
}

/* The fields that are hexadecimal digits in some way; false for others. */
static bool
append_hex_field(StringInfo out, const DnsField *field)
{
	switch (field->def->kind)
	{
		case FIELD_HEX:
		case FIELD_HIT:
			break;
		case FIELD_SALT:
			if (field->len == 0)
				appendStringInfoChar(out, '-');
			break;
		case FIELD_UNKNOWN:
			appendStringInfo(out, field->len > 0 ? "\\# %zu " : "\\# %zu",
							 field->len);
			break;
		case FIELD_NSAP:
			appendStringInfoString(out, "0x");
			for (size_t i = 0; i < field->len; i++)
				appendStringInfo(out, "%02x", field->data[i]);
			return true;
		case FIELD_GROUPS:
			appendStringInfo(out, "%x:%x:%x:%x",
							 wire_u16(field->data), wire_u16(field->data + 2),
							 wire_u16(field->data + 4),
							 wire_u16(field->data + 6));
			return true;
		default:
			return false;
	}
	append_hex(out, field->data, field->len);
	return true;
}

/* The fields that are numbers, some of which have a word. */
static void
append_number(StringInfo out, const DnsField *field)
{
	uint32		number = field->number;

	switch (field->def->kind)
	{
		case FIELD_TIME:
			append_time(out, number, "%Y%m%d%H%M%S");
			break;
		case FIELD_TYPE:
			append_type(out, number);
			break;
		case FIELD_CERT_TYPE:
			append_cert_type(out, number);
			break;
		case FIELD_KEY_ALGORITHM:
			append_key_algorithm(out, number);
			break;
		case FIELD_DSYNC_SCHEME:
			if (number == 1)
				appendStringInfoString(out, "NOTIFY");
			else
				append_decimal(out, number);
			break;
		case FIELD_RELAY_TYPE:
			appendStringInfo(out, "%u %u", number >> 7, number & 0x7f);
			break;
		default:
			append_decimal(out, number);
			break;
	}
}

static void
append_strings(StringInfo out, const DnsField *field)
{
	const uint8 *pos = field->data;
	const uint8 *data;
	size_t		len;

	while (rdata_string(&pos, field->data + field->len, &data, &len))
	{
		if (data > field->data + 1)
			appendStringInfoChar(out, ' ');
		append_quoted(out, data, len);
	}
}

static void
append_quoted(StringInfo out, const uint8 *octets, size_t len)
{
	appendStringInfoChar(out, '"');
	append_octets(out, octets, len, ESCAPED_IN_QUOTES);
	appendStringInfoChar(out, '"');
}

static void
append_decimal(StringInfo out, uint32 number)
{
	char	   *to = reserve(out, DECIMAL_MAX);

	finish(out, to + pg_ultoa_n(number, to));
}

/* Makes room for so many octets more, and gives their place. */
static char *
reserve(StringInfo out, size_t len)
{
	enlargeStringInfo(out, len);
	return out->data + out->len;
}

/* What was reserved has been used up to there. */
static void
finish(StringInfo out, char *end)
{
	*end = '\0';
	out->len = end - out->data;
}

/*
 * Puts an octet where there is place for ESCAPED_OCTET_MAX, and gives the place
 * behind it.
 */
static inline char *
put_octet(char *to, uint8 octet, const char *escaped)
{
	bool		special;

	if ((uint8) ((octet | 0x20) - 'a') < 26 || (uint8) (octet - '0') < 10 ||
		octet == '-' || octet == '_')
	{
		*to++ = octet;			/* nowhere special */
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
