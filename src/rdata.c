/*
 * rdata.c
 *
 * Reads the data of resource records field by field, as the table of types lays
 * it out, and checks that it fits.  Like wire.c it trusts no octet, allocates
 * nothing and raises nothing: it may be called from inside the library's socket
 * functions.
 */
#include "postgres.h"

#include "pgcares.h"

static bool field_string(DnsRdata *rdata, DnsField *field);
static bool field_fixed(DnsRdata *rdata, DnsField *field, size_t len);
static bool field_number(DnsRdata *rdata, DnsField *field, int octets);
static bool field_gateway(DnsRdata *rdata, DnsField *field);
static bool sound_strings(const uint8 *pos, const uint8 *end);
static bool sound_type_bitmap(const uint8 *pos, const uint8 *end);
static bool sound_svc_params(const uint8 *pos, const uint8 *end);
static bool sound_svc_param(uint16 key, const uint8 *value, size_t len);
static bool sound_prefixes(const uint8 *pos, const uint8 *end);
static bool sound_options(const uint8 *pos, const uint8 *end);

/*
 * Begins to read the data of a record, field by field.  A type of which we
 * know no fields has one field without a meaning, its octets (RFC 3597).
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
 * Reads the next field.  False behind the last one and where the data does not
 * fit; rdata_done() tells which.
 */
bool
rdata_next(DnsRdata *rdata, DnsField *field)
{
	const DnsFieldDef *def = rdata->def;
	bool		sound = true;

	if (def->name == NULL)
		return false;

	field->def = def;
	field->data = rdata->pos;
	field->len = rdata->end - rdata->pos;
	switch (def->kind)
	{
		case FIELD_U8:
		case FIELD_KEY_ALGORITHM:
		case FIELD_DSYNC_SCHEME:
		case FIELD_RELAY_TYPE:
			sound = field_number(rdata, field, 1);
			break;
		case FIELD_U16:
		case FIELD_TYPE:
		case FIELD_CERT_TYPE:
			sound = field_number(rdata, field, 2);
			break;
		case FIELD_U32:
		case FIELD_TIME:
			sound = field_number(rdata, field, 4);
			break;
		case FIELD_IP4:
			sound = field_fixed(rdata, field, 4);
			break;
		case FIELD_EUI48:
			sound = field_fixed(rdata, field, 6);
			break;
		case FIELD_EUI64:
		case FIELD_GROUPS:
			sound = field_fixed(rdata, field, 8);
			break;
		case FIELD_IP6:
		case FIELD_LOC:
			sound = field_fixed(rdata, field, 16);
			break;
		case FIELD_NAME:
			sound = wire_name(rdata->message, &rdata->pos, rdata->end,
							  &field->name);
			break;
		case FIELD_STRING:
		case FIELD_TAG:
		case FIELD_SALT:
		case FIELD_HASH:
			sound = field_string(rdata, field);
			break;
		case FIELD_JOINED:		/* the same octets once more: FIELD_STRINGS */
			break;
		case FIELD_STRINGS:
			sound = sound_strings(rdata->pos, rdata->end);
			rdata->pos = rdata->end;
			break;
		case FIELD_TYPES:
			sound = sound_type_bitmap(rdata->pos, rdata->end);
			rdata->pos = rdata->end;
			break;
		case FIELD_PARAMS:
			sound = sound_svc_params(rdata->pos, rdata->end);
			rdata->pos = rdata->end;
			break;
		case FIELD_PREFIXES:
			sound = sound_prefixes(rdata->pos, rdata->end);
			rdata->pos = rdata->end;
			break;
		case FIELD_GATEWAY:
			sound = field_gateway(rdata, field);
			break;
		case FIELD_TEXT:
		case FIELD_HEX:
		case FIELD_NSAP:
		case FIELD_BASE64:
		case FIELD_UNKNOWN:
			rdata->pos = rdata->end;
			break;
	}
	if (sound)
		rdata->def++;
	return sound;
}

/*
 * Were all fields there, and nothing behind them?
 */
bool
rdata_done(const DnsRdata *rdata)
{
	return rdata->def->name == NULL && rdata->pos == rdata->end;
}

/*
 * Does the data of a record fit its type exactly?
 */
bool
rdata_sound(const DnsMessage *message, const DnsRR *rr)
{
	DnsRdata	rdata;
	DnsField	field;

	if (rr->type == DNS_TYPE_OPT)
		return sound_options(rr->rdata, rr->rdata + rr->rdlength);

	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
		;
	return rdata_done(&rdata);
}

/*
 * Takes the next character-string (RFC 1035 section 3.3) of a run of them that
 * ends at end.  False when there is none, or it does not fit.
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

static bool
field_string(DnsRdata *rdata, DnsField *field)
{
	return rdata_string(&rdata->pos, rdata->end, &field->data, &field->len);
}

static bool
field_fixed(DnsRdata *rdata, DnsField *field, size_t len)
{
	if (len > (size_t) (rdata->end - rdata->pos))
		return false;
	field->len = len;
	rdata->pos += len;
	return true;
}

static bool
field_number(DnsRdata *rdata, DnsField *field, int octets)
{
	if (!field_fixed(rdata, field, octets))
		return false;
	field->number = 0;
	for (int i = 0; i < octets; i++)
		field->number = (field->number << 8) | field->data[i];
	return true;
}

/*
 * The gateway of IPSECKEY (RFC 4025 section 2.5) and the relay of AMTRELAY
 * (RFC 8777 section 4.2.3): its kind stands in the second octet of the data.
 */
static bool
field_gateway(DnsRdata *rdata, DnsField *field)
{
	field->number = rdata->rr->rdata[1];
	if (rdata->rr->type == DNS_TYPE_AMTRELAY)
		field->number &= 0x7f;

	switch (field->number)
	{
		case GATEWAY_NONE:
			return field_fixed(rdata, field, 0);
		case GATEWAY_IP4:
			return field_fixed(rdata, field, 4);
		case GATEWAY_IP6:
			return field_fixed(rdata, field, 16);
		case GATEWAY_NAME:
			return wire_name(rdata->message, &rdata->pos, rdata->end,
							 &field->name);
		default:
			return false;
	}
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

/* Keys in ascending order, values of a form that fits (RFC 9460 section 2.2). */
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

/* Options of an OPT record (RFC 6891 section 6.1.2). */
static bool
sound_options(const uint8 *pos, const uint8 *end)
{
	while (end - pos >= 4)
	{
		size_t		len = wire_u16(pos + 2);

		pos += 4;
		if (len > (size_t) (end - pos))
			return false;
		pos += len;
	}
	return pos == end;
}
