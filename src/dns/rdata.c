/*
 * rdata.c
 *
 * Reads the data of resource records field by field, as the table of types lays
 * it out, and checks that it fits.  Like message.c it trusts no octet, allocates
 * nothing and raises nothing: it can be called from inside the library's socket
 * functions.
 */
#include "postgres.h"

#include "dns/dns.h"

/* The sizes, in octets, of the fields of fixed size. */
static const uint8 field_sizes[] = {
	[FIELD_U8] = 1,
	[FIELD_LENGTH8] = 1,
	[FIELD_KEY_ALGORITHM] = 1,
	[FIELD_DSYNC_SCHEME] = 1,
	[FIELD_RELAY_TYPE] = 1,
	[FIELD_U16] = 2,
	[FIELD_LENGTH16] = 2,
	[FIELD_TYPE] = 2,
	[FIELD_RCODE] = 2,
	[FIELD_OCTAL] = 2,
	[FIELD_CERT_TYPE] = 2,
	[FIELD_U32] = 4,
	[FIELD_TIME] = 4,
	[FIELD_IP4] = 4,
	[FIELD_TIME48] = 6,
	[FIELD_EUI48] = 6,
	[FIELD_EUI64] = 8,
	[FIELD_GROUPS] = 8,
	[FIELD_IP6] = 16,
	[FIELD_LOC] = 16,
	[FIELD_UNKNOWN] = 0			/* the last kind: sets the table's length */
};

/* The most octets of a bitmap of types or ports, which are 16-bit numbers. */
#define FLAT_BITMAP_MAX		((PG_UINT16_MAX + 1) / 8)

static bool field_fixed(DnsRdata *rdata, DnsField *field, size_t len);
static bool field_sized(DnsRdata *rdata, DnsField *field);
static bool field_rest_sound(const DnsField *field);
static bool field_gateway(DnsRdata *rdata, DnsField *field);
static bool sound_strings(const uint8 *pos, const uint8 *end);
static bool sound_type_bitmap(const uint8 *pos, const uint8 *end);
static bool sound_svc_params(const uint8 *pos, const uint8 *end);
static bool sound_svc_param(uint16 key, const uint8 *value, size_t len);
static bool sound_names(const uint8 *pos, const uint8 *end);
static bool sound_prefixes(const uint8 *pos, const uint8 *end);

/*
 * Begins to read the data of a record, field by field.  The data of an unknown
 * type is one field of plain octets (RFC 3597).
 */
void
rdata_open(const DnsMessage *message, const DnsRR *rr, DnsRdata *rdata)
{
	rdata->message = message;
	rdata->rr = rr;
	rdata->def = rrtype_fields(rr);
	rdata->pos = rr->rdata;
	rdata->end = rr->rdata + rr->rdlength;
}

/*
 * Reads the next field.  False after the last one and if the data does not
 * fit; rdata_done() distinguishes the two.
 */
bool
rdata_next(DnsRdata *rdata, DnsField *field)
{
	const DnsFieldDef *def = rdata->def;
	bool		sound;

	if (def->name == NULL)
		return false;

	field->def = def;
	field->data = rdata->pos;
	field->len = rdata->end - rdata->pos;
	switch (def->kind)
	{
		case FIELD_OPTIONAL_NAME:
		case FIELD_OPTIONAL_STRING:
			if (rdata->pos == rdata->end)
			{
				rdata->def++;
				return false;
			}
			break;
		default:
			break;
	}
	switch (def->kind)
	{
		case FIELD_NAME:
		case FIELD_OPTIONAL_NAME:
			sound = message_name(rdata->message, &rdata->pos, rdata->end,
								 &field->name);
			break;
		case FIELD_STRING:
		case FIELD_OPTIONAL_STRING:
		case FIELD_TAG:
		case FIELD_SALT:
		case FIELD_HASH:
			sound = rdata_string(&rdata->pos, rdata->end,
								 &field->data, &field->len);
			break;
		case FIELD_GATEWAY:
			sound = field_gateway(rdata, field);
			break;
		case FIELD_HIT:
			sound = field_fixed(rdata, field, rdata->rr->rdata[0]);
			break;
		case FIELD_HIP_KEY:
			sound = field_fixed(rdata, field, wire_u16(rdata->rr->rdata + 2));
			break;
		case FIELD_SUFFIX:
			/* RFC 2874 section 3.1 */
			sound = rdata->rr->rdata[0] <= 128 &&
				field_fixed(rdata, field, 16 - rdata->rr->rdata[0] / 8);
			break;
		case FIELD_SIZED:
			sound = field_sized(rdata, field);
			break;
		case FIELD_JOINED:		/* FIELD_STRINGS reads the same octets */
			sound = true;
			break;
		default:
			if (field_sizes[def->kind] > 0)
				sound = field_fixed(rdata, field, field_sizes[def->kind]);
			else
			{
				sound = field_rest_sound(field);
				rdata->pos = rdata->end;
			}
			break;
	}
	if (sound)
		rdata->def++;
	return sound;
}

/*
 * Were all fields there, with nothing after them?
 */
bool
rdata_done(const DnsRdata *rdata)
{
	return rdata->def->name == NULL && rdata->pos == rdata->end;
}

/*
 * Reads the next character-string (RFC 1035 section 3.3) of a run that ends at
 * end.  False if there is none, or if it does not fit.
 */
bool
rdata_string(const uint8 **pos, const uint8 *end, const uint8 **data,
			 size_t *len)
{
	if (*pos >= end || **pos > end - *pos - 1)
		return false;
	*len = **pos;
	*data = *pos + 1;
	*pos = *data + *len;
	return true;
}

/*
 * Reads the next name of a run of uncompressed names that ends at end.
 */
bool
rdata_plain_name(const uint8 **pos, const uint8 *end, DnsName *name)
{
	/* A message that begins here, so that no pointer is valid. */
	DnsMessage	nowhere = {.start = *pos, .end = end};

	return message_name(&nowhere, pos, end, name);
}

/* Takes len octets; one, two or four of them are a number. */
static bool
field_fixed(DnsRdata *rdata, DnsField *field, size_t len)
{
	if (len > field->len)
		return false;
	field->len = len;
	field->number = len == 4 ? wire_u32(field->data) :
		len == 2 ? wire_u16(field->data) : len == 1 ? field->data[0] : 0;
	rdata->pos += len;
	return true;
}

/* Takes a length of two octets, and as many octets. */
static bool
field_sized(DnsRdata *rdata, DnsField *field)
{
	size_t		room = field->len;
	size_t		len;

	if (!field_fixed(rdata, field, 2))
		return false;
	len = field->number;
	field->data += 2;
	field->len = room - 2;
	return field_fixed(rdata, field, len);
}

/* Is a field that extends to the end of the data sound? */
static bool
field_rest_sound(const DnsField *field)
{
	const uint8 *end = field->data + field->len;

	switch (field->def->kind)
	{
		case FIELD_STRINGS:
			return sound_strings(field->data, end);
		case FIELD_TYPES:
			return sound_type_bitmap(field->data, end);
		case FIELD_PARAMS:
			return sound_svc_params(field->data, end);
		case FIELD_PREFIXES:
			return sound_prefixes(field->data, end);
		case FIELD_NAMES:
			return sound_names(field->data, end);
		case FIELD_ATMA:
			return field->len > 0;
		case FIELD_FLAT_TYPES:
		case FIELD_PORTS:
			return field->len <= FLAT_BITMAP_MAX;
		default:
			return true;
	}
}

/*
 * The gateway of IPSECKEY (RFC 4025 section 2.5) and the relay of AMTRELAY
 * (RFC 8777 section 4.2.3): the second octet of the data holds its kind.
 */
static bool
field_gateway(DnsRdata *rdata, DnsField *field)
{
	uint8		kind = rdata->rr->rdata[1];
	bool		sound;

	if (rdata->rr->type == DNS_TYPE_AMTRELAY)
		kind &= 0x7f;
	switch (kind)
	{
		case GATEWAY_NONE:
			sound = field_fixed(rdata, field, 0);
			break;
		case GATEWAY_IP4:
			sound = field_fixed(rdata, field, 4);
			break;
		case GATEWAY_IP6:
			sound = field_fixed(rdata, field, 16);
			break;
		case GATEWAY_NAME:
			sound = message_name(rdata->message, &rdata->pos, rdata->end,
								 &field->name);
			break;
		default:
			sound = false;
			break;
	}
	field->number = kind;
	return sound;
}

/* One character-string or more (RFC 1035 section 3.3.14). */
static bool
sound_strings(const uint8 *pos, const uint8 *end)
{
	const uint8 *data;
	size_t		len;

	if (pos == end)
		return false;
	while (rdata_string(&pos, end, &data, &len))
		;
	return pos == end;
}

/* Windows in ascending order, 1 to 32 octets each (RFC 4034 section 4.1.2). */
static bool
sound_type_bitmap(const uint8 *pos, const uint8 *end)
{
	int			last = -1;

	while (end - pos >= 2)
	{
		if (pos[0] <= last || pos[1] < 1 || pos[1] > 32 ||
			pos[1] > end - pos - 2)
			return false;
		last = pos[0];
		pos += 2 + pos[1];
	}
	return pos == end;
}

/* Keys in ascending order, values of the right form (RFC 9460 section 2.2). */
static bool
sound_svc_params(const uint8 *pos, const uint8 *end)
{
	int			last = -1;

	while (end - pos >= 4)
	{
		uint16		key = wire_u16(pos);
		size_t		len = wire_u16(pos + 2);

		pos += 4;
		if (key <= last || len > (size_t) (end - pos) ||
			!sound_svc_param(key, pos, len))
			return false;
		last = key;
		pos += len;
	}
	return pos == end;
}

static bool
sound_svc_param(uint16 key, const uint8 *value, size_t len)
{
	switch (key)
	{
		case SVC_MANDATORY:
			return len > 0 && len % 2 == 0;
		case SVC_ALPN:
			return sound_strings(value, value + len);
		case SVC_NO_DEFAULT_ALPN:
			return len == 0;
		case SVC_PORT:
			return len == 2;
		case SVC_IPV4HINT:
			return len > 0 && len % 4 == 0;
		case SVC_IPV6HINT:
			return len > 0 && len % 16 == 0;
		default:
			return true;
	}
}

/* Names one after the other, none of them compressed (RFC 8005 section 5). */
static bool
sound_names(const uint8 *pos, const uint8 *end)
{
	DnsName		name;

	while (pos < end)
	{
		if (!rdata_plain_name(&pos, end, &name))
			return false;
	}
	return true;
}

/* Address prefixes of an APL record (RFC 3123 section 4). */
static bool
sound_prefixes(const uint8 *pos, const uint8 *end)
{
	while (end - pos >= 4)
	{
		int			len = pos[3] & 0x7f;

		if (len > end - pos - 4)
			return false;
		pos += 4 + len;
	}
	return pos == end;
}

