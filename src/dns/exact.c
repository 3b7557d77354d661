/*
 * exact.c
 *
 * Decides whether record data can be written with its fields: a reader of zone files
 * must get the same octets back.  Some octets have no text of that kind, for example
 * an empty digest or a bitmap with zeros at its end; they are written in the form of
 * unknown types (RFC 3597 section 5).
 */
#include "postgres.h"

#include "dns/dns.h"

#define DNS_TYPE_X25		19
#define DNS_TYPE_KEY		25
#define DNS_TYPE_SINK		40
#define DNS_TYPE_NSEC		47
#define DNS_TYPE_RKEY		57
#define DNS_TYPE_URI		256

/* No zone key is there (RFC 2535 section 3.1.2). */
#define KEY_FLAGS_NO_KEY	0xc000

/* The types that NXT can show (RFC 2535 section 5.2). */
#define NXT_MAX_OCTETS		16

/* The fewest digits of an address in X25 (RFC 1183 section 3.1). */
#define X25_MIN_DIGITS		4

static bool is_always_exact(DnsFieldKind kind);
static bool exact_field(const DnsRR *rr, const DnsField *field);
static bool exact_base64(const DnsRR *rr, const DnsField *field);
static bool exact_string(const DnsRR *rr, const DnsField *field);
static bool exact_tag(const DnsField *field);
static bool exact_types(const DnsRR *rr, const DnsField *field);
static bool exact_flat_bitmap(const DnsField *field);
static bool exact_suffix(const DnsRR *rr, const DnsField *field);
static bool exact_atma(const DnsField *field);
static bool exact_prefixes(const DnsField *field);
static bool exact_location(const uint8 *octets);
static bool exact_size(uint8 size);
static bool exact_angle(uint32 angle, uint32 degrees);
static bool all_digits(const uint8 *octets, size_t len);

/*
 * Do the fields of a record of a sound message, as text, stand for its data?  The data
 * has just been opened.
 */
bool
exact_rdata(DnsRdata rdata)
{
	const DnsFieldDef *def = rdata.def;
	DnsField	field;

	/* The usual types are not read a second time for this. */
	while (def->name != NULL && is_always_exact(def->kind))
		def++;
	if (def->name == NULL)
		return true;

	while (rdata_next(&rdata, &field))
	{
		if (!exact_field(rdata.rr, &field))
			return false;
	}
	return true;
}

static bool
is_always_exact(DnsFieldKind kind)
{
	switch (kind)
	{
		case FIELD_U8:
		case FIELD_U16:
		case FIELD_U32:
		case FIELD_TIME:
		case FIELD_TYPE:
		case FIELD_IP4:
		case FIELD_IP6:
		case FIELD_NAME:
		case FIELD_JOINED:
		case FIELD_STRINGS:
		case FIELD_UNKNOWN:
			return true;
		default:
			return false;
	}
}

static bool
exact_field(const DnsRR *rr, const DnsField *field)
{
	switch (field->def->kind)
	{
		case FIELD_HEX:
		case FIELD_HASH:
		case FIELD_HIT:
		case FIELD_HIP_KEY:
		case FIELD_NSAP:
			return field->len > 0;
		case FIELD_BASE64:
			return exact_base64(rr, field);
		case FIELD_STRING:
			return exact_string(rr, field);
		case FIELD_TEXT:
			return rr->type != DNS_TYPE_URI || field->len > 0;
		case FIELD_TAG:
			return exact_tag(field);
		case FIELD_TYPES:
			return exact_types(rr, field);
		case FIELD_FLAT_TYPES:
			return field->len > 0 && field->len <= NXT_MAX_OCTETS &&
				exact_flat_bitmap(field);
		case FIELD_PORTS:
			return exact_flat_bitmap(field);
		case FIELD_SUFFIX:
			return exact_suffix(rr, field);
		case FIELD_ATMA:
			return exact_atma(field);
		case FIELD_PREFIXES:
			return exact_prefixes(field);
		case FIELD_PARAMS:
			return svcb_exact(field->data, field->len);
		case FIELD_LOC:
			return exact_location(field->data);
		default:
			return true;
	}
}

/* Only some types have text for no octets. */
static bool
exact_base64(const DnsRR *rr, const DnsField *field)
{
	bool		no_key;

	switch (rr->type)
	{
		case DNS_TYPE_KEY:
		case DNS_TYPE_RKEY:
			no_key = (wire_u16(rr->rdata) & KEY_FLAGS_NO_KEY) == KEY_FLAGS_NO_KEY;
			return no_key == (field->len == 0);
		case DNS_TYPE_IPSECKEY:
			/* Algorithm 0 has no key (RFC 4025 section 2.4). */
			return (rr->rdata[2] == 0) == (field->len == 0);
		case DNS_TYPE_SINK:
			return true;
		default:
			return field->len > 0;
	}
}

static bool
exact_string(const DnsRR *rr, const DnsField *field)
{
	return rr->type != DNS_TYPE_X25 ||
		(field->len >= X25_MIN_DIGITS && all_digits(field->data, field->len));
}

/* Letters and digits, at least one (RFC 8659 section 4.1). */
static bool
exact_tag(const DnsField *field)
{
	for (size_t i = 0; i < field->len; i++)
	{
		uint8		octet = field->data[i];

		if (!octet_is_plain(octet) || octet == '-' || octet == '_')
			return false;
	}
	return field->len > 0;
}

/* Windows without zeros at the end; NSEC has at least one (RFC 4034 section 4.1.2). */
static bool
exact_types(const DnsRR *rr, const DnsField *field)
{
	const uint8 *at = field->data;

	if (field->len == 0)
		return rr->type != DNS_TYPE_NSEC;
	for (; at < field->data + field->len; at += 2 + at[1])
	{
		if (at[1 + at[1]] == 0)
			return false;
	}
	return true;
}

static bool
exact_flat_bitmap(const DnsField *field)
{
	return field->len == 0 || field->data[field->len - 1] != 0;
}

/*
 * The bits of the suffix before its beginning are zero, and there is a name if there
 * is a prefix (RFC 2874 section 3.1).
 */
static bool
exact_suffix(const DnsRR *rr, const DnsField *field)
{
	uint8		prefix = rr->rdata[0];
	bool		has_name = rr->rdlength > 1 + field->len;

	return has_name == (prefix > 0) &&
		(prefix % 8 == 0 || (field->data[0] >> (8 - prefix % 8)) == 0);
}

/* Format 0 is hexadecimal, format 1 digits; others are unassigned. */
static bool
exact_atma(const DnsField *field)
{
	if (field->len < 2)
		return false;
	return field->data[0] == 0 ||
		(field->data[0] == 1 && all_digits(field->data + 1, field->len - 1));
}

/* Addresses of a known family without zeros at the end (RFC 3123 section 4). */
static bool
exact_prefixes(const DnsField *field)
{
	const uint8 *at = field->data;

	while (at < field->data + field->len)
	{
		int			family = wire_u16(at);
		int			size = at[3] & 0x7f;
		int			most = family == 1 ? 4 : 16;

		if (family < 1 || family > 2 || at[2] > 8 * most || size > most ||
			(size > 0 && at[3 + size] == 0))
			return false;
		at += 4 + size;
	}
	return true;
}

/* A location on earth, with sizes that are a digit and a power of ten (RFC 1876). */
static bool
exact_location(const uint8 *octets)
{
	return exact_size(octets[1]) && exact_size(octets[2]) &&
		exact_size(octets[3]) && exact_angle(wire_u32(octets + 4), 90) &&
		exact_angle(wire_u32(octets + 8), 180);
}

static bool
exact_size(uint8 size)
{
	return size == 0 || (size >> 4 >= 1 && size >> 4 <= 9 && (size & 15) <= 9);
}

static bool
exact_angle(uint32 angle, uint32 degrees)
{
	const uint32 zero = (uint32) 1 << 31;
	uint32		value = angle >= zero ? angle - zero : zero - angle;

	return value <= degrees * 3600000;
}

static bool
all_digits(const uint8 *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
	{
		if (octets[i] < '0' || octets[i] > '9')
			return false;
	}
	return len > 0;
}
