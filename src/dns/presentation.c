/*
 * presentation.c
 *
 * Writes types, classes and record data in presentation format, as in zone files
 * and in dig's output (RFC 1035 section 5.1; RFC 3597 section 5 for data without a
 * format of its own).
 */
#include "postgres.h"

#include "dns/dns.h"

static void append_unknown(StringInfo out, const DnsMessage *message,
						   const DnsRR *rr);
static bool append_hex_field(StringInfo out, const DnsField *field);
static void append_number(StringInfo out, const DnsField *field);
static void append_strings(StringInfo out, const DnsField *field);
static void append_quoted(StringInfo out, const uint8 *octets, size_t len);

/*
 * Appends the data of a record of a sound message: with its fields if a reader of zone
 * files gets the same octets from them, else as octets (RFC 3597 section 5).
 */
void
presentation_rdata(StringInfo out, const DnsMessage *message, const DnsRR *rr)
{
	DnsRdata	rdata;
	DnsField	field;
	bool		first = true;

	rdata_open(message, rr, &rdata);
	if (!exact_rdata(rdata))
	{
		append_unknown(out, message, rr);
		return;
	}
	while (rdata_next(&rdata, &field))
	{
		int			before = out->len;

		if (field.def->kind == FIELD_JOINED ||
			field.def->kind == FIELD_LENGTH8 ||
			field.def->kind == FIELD_LENGTH16)
			continue;			/* it describes a later field */
		if (!first)
			appendStringInfoChar(out, ' ');
		presentation_field(out, &field);
		if (out->len == before + 1 && !first)
			out->data[--out->len] = '\0';	/* an empty field leaves no blank */
		first = false;
	}
}

/* Names in the data are written out, since there is no message to point into. */
static void
append_unknown(StringInfo out, const DnsMessage *message, const DnsRR *rr)
{
	StringInfoData hex;

	initStringInfo(&hex);
	presentation_hex(&hex, message, rr);
	appendStringInfo(out, hex.len > 0 ? "\\# %d %s" : "\\# %d", hex.len / 2,
					 hex.data);
	pfree(hex.data);
}

/*
 * Appends the data of a record in hexadecimal, with its names uncompressed.
 */
void
presentation_hex(StringInfo out, const DnsMessage *message, const DnsRR *rr)
{
	const uint8 *pos = rr->rdata;
	DnsRdata	rdata;
	DnsField	field;

	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
	{
		if (field.def->kind == FIELD_NAME ||
			field.def->kind == FIELD_OPTIONAL_NAME ||
			(field.def->kind == FIELD_GATEWAY && field.number == GATEWAY_NAME))
			encode_hex(out, field.name.octets, field.name.len);
		else
			encode_hex(out, pos, rdata.pos - pos);
		pos = rdata.pos;
	}
}

/*
 * Appends a field of record data.
 */
void
presentation_field(StringInfo out, const DnsField *field)
{
	switch (field->def->kind)
	{
		case FIELD_IP4:
		case FIELD_IP6:
			encode_address(out, field->data, field->len);
			break;
		case FIELD_EUI48:
		case FIELD_EUI64:
			fields_eui(out, field->data, field->len);
			break;
		case FIELD_LOC:
			fields_location(out, field->data);
			break;
		case FIELD_NAME:
		case FIELD_OPTIONAL_NAME:
			encode_name(out, &field->name, true);
			break;
		case FIELD_STRING:
		case FIELD_OPTIONAL_STRING:
		case FIELD_TEXT:
			append_quoted(out, field->data, field->len);
			break;
		case FIELD_TAG:
			encode_octets(out, field->data, field->len, ESCAPED_IN_NAMES);
			break;
		case FIELD_STRINGS:
			append_strings(out, field);
			break;
		case FIELD_DOA_DATA:
			if (field->len == 0)
				appendStringInfoChar(out, '-');
			pg_fallthrough;
		case FIELD_BASE64:
		case FIELD_HIP_KEY:
			encode_base64(out, field->data, field->len);
			break;
		case FIELD_SIZED:
			appendStringInfo(out, field->len > 0 ? "%zu " : "%zu", field->len);
			encode_base64(out, field->data, field->len);
			break;
		case FIELD_HASH:
			encode_base32hex(out, field->data, field->len);
			break;
		case FIELD_PARAMS:
			svcb_params(out, field->data, field->len);
			break;
		case FIELD_NAMES:
			fields_names(out, field);
			break;
		case FIELD_TYPES:
		case FIELD_FLAT_TYPES:
		case FIELD_PORTS:
			fields_bitmap(out, field);
			break;
		case FIELD_SUFFIX:
			fields_suffix(out, field);
			break;
		case FIELD_ATMA:
			fields_atma(out, field);
			break;
		case FIELD_PREFIXES:
			fields_prefixes(out, field->data, field->len);
			break;
		case FIELD_GATEWAY:
			fields_gateway(out, field);
			break;
		default:
			if (!append_hex_field(out, field))
				append_number(out, field);
			break;
	}
}

/* Appends a field of hexadecimal digits; false if it is another kind. */
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
	encode_hex(out, field->data, field->len);
	return true;
}

/* Appends a field that is a number, or the word for it. */
static void
append_number(StringInfo out, const DnsField *field)
{
	uint32		number = field->number;

	switch (field->def->kind)
	{
		case FIELD_TIME:
			fields_time(out, number, "%Y%m%d%H%M%S");
			break;
		case FIELD_TIME48:
			appendStringInfo(out, UINT64_FORMAT, fields_time48(field));
			break;
		case FIELD_RCODE:
			fields_rcode(out, number);
			break;
		case FIELD_OCTAL:
			appendStringInfo(out, "%o", number);
			break;
		case FIELD_TYPE:
			rrtype_append(out, number);
			break;
		case FIELD_CERT_TYPE:
			fields_cert_type(out, number);
			break;
		case FIELD_KEY_ALGORITHM:
			fields_key_algorithm(out, number);
			break;
		case FIELD_DSYNC_SCHEME:
			if (number == 1)
				appendStringInfoString(out, "NOTIFY");
			else
				encode_decimal(out, number);
			break;
		case FIELD_RELAY_TYPE:
			appendStringInfo(out, "%u %u", number >> 7, number & 0x7f);
			break;
		default:
			encode_decimal(out, number);
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
	encode_octets(out, octets, len, ESCAPED_IN_QUOTES);
	appendStringInfoChar(out, '"');
}
