/*
 * json.c
 *
 * Writes record data as jsonb: an object with the RFC's field names.  Numbers
 * are numbers, lists are arrays, and all else is text in presentation format, but
 * texts are not escaped (encode_text).  Names have no final dot.
 */
#include "postgres.h"

#include "dns/dns.h"

#define DNS_TYPE_KEY		25
#define DNS_TYPE_DNSKEY		48
#define DNS_TYPE_CDNSKEY	60

/* Its key tag is computed in another way (RFC 4034 appendix B.1). */
#define ALGORITHM_RSAMD5	1

/* At most one field of a record makes two members. */
#define MAX_MEMBERS		(RRTYPE_MAX_FIELDS + 1)

static bool has_key_tag(const DnsRR *rr);
static int	key_tag(const DnsRR *rr);
static void add_relay_type(JsonbValue *object, const DnsField *field);
static void add_location(JsonbValue *object, const uint8 *octets);
static void set_field(JsonbValue *value, const DnsField *field);
static void set_list(JsonbValue *value, const DnsField *field);
static JsonbValue *push_strings(JsonbState *state, const uint8 *octets,
								size_t len);
static JsonbValue *push_prefixes(JsonbState *state,
								 const DnsField *field);
static JsonbValue *push_names(JsonbState *state, const DnsField *field);
static JsonbValue *push_bitmap(JsonbState *state, const DnsField *field);
static void push_params(JsonbState *state, const DnsField *field);
static void push_param_value(JsonbState *state, uint16 key,
							 const uint8 *value, size_t len);
static void push_addresses(JsonbState *state, const uint8 *value,
						   size_t len, size_t size);

/*
 * The data of a record of a sound message, palloc'd.
 */
Jsonb *
json_rdata(const DnsMessage *message, const DnsRR *rr)
{
	JsonbPair	pairs[MAX_MEMBERS];
	JsonbValue	object;
	DnsRdata	rdata;
	DnsField	field;

	object.type = jbvObject;
	object.val.object.nPairs = 0;
	object.val.object.pairs = pairs;
	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
	{
		if (field.def->kind == FIELD_LOC)
			add_location(&object, field.data);
		else if (field.def->kind == FIELD_LENGTH8 ||
				 field.def->kind == FIELD_LENGTH16)
			continue;
		else if (field.def->kind == FIELD_RELAY_TYPE)
			add_relay_type(&object, &field);
		else
			set_field(jsonb_add_member(&object, field.def->name), &field);
		if (field.def->kind == FIELD_BASE64 && has_key_tag(rr))
			jsonb_set_number(jsonb_add_member(&object, "key_tag"), key_tag(rr));
	}
	return JsonbValueToJsonb(&object);
}

/*
 * The parameters of a SVCB or HTTPS record, palloc'd.
 */
Jsonb *
json_params(const DnsField *field)
{
	JsonbState	state = {0};

	jsonb_push(&state, WJB_BEGIN_OBJECT, NULL);
	push_params(&state, field);
	return jsonb_end_object(&state);
}

/* Can signatures and DS records name a record of this type by a key tag? */
static bool
has_key_tag(const DnsRR *rr)
{
	return rr->type == DNS_TYPE_DNSKEY || rr->type == DNS_TYPE_CDNSKEY ||
		rr->type == DNS_TYPE_KEY;
}

/* RFC 4034 appendix B */
static int
key_tag(const DnsRR *rr)
{
	uint32		sum = 0;

	if (rr->rdata[3] == ALGORITHM_RSAMD5)
		return rr->rdlength < 7 ? 0 : wire_u16(rr->rdata + rr->rdlength - 3);
	for (int i = 0; i < rr->rdlength; i++)
		sum += i & 1 ? rr->rdata[i] : rr->rdata[i] << 8;
	return (sum + (sum >> 16)) & 0xffff;
}

/* Two fields in one octet (RFC 8777 sections 4.2.2 and 4.2.3). */
static void
add_relay_type(JsonbValue *object, const DnsField *field)
{
	jsonb_set_boolean(jsonb_add_member(object, "discovery_optional"),
					  (field->number & 0x80) != 0);
	jsonb_set_number(jsonb_add_member(object, field->def->name), field->number & 0x7f);
}

/*
 * The fields of a location: degrees north and east, metres (RFC 1876
 * section 2).
 */
static void
add_location(JsonbValue *object, const uint8 *octets)
{
	static const char *const keys[] = {"version", "size", "horiz_pre", "vert_pre"};
	static const char *const angles[] = {"latitude", "longitude"};

	jsonb_set_number(jsonb_add_member(object, keys[0]), octets[0]);
	for (int i = 1; i <= 3; i++)
	{
		double		metres = (octets[i] >> 4) / 100.0;

		for (int power = octets[i] & 15; power > 0; power--)
			metres *= 10;
		jsonb_set_decimal(jsonb_add_member(object, keys[i]), metres, 2);
	}
	for (int i = 0; i < 2; i++)
	{
		double		units = (double) wire_u32(octets + 4 + 4 * i) - 2147483648.0;

		jsonb_set_decimal(jsonb_add_member(object, angles[i]), units / 3600000, 8);
	}
	jsonb_set_decimal(jsonb_add_member(object, "altitude"),
					  wire_u32(octets + 12) / 100.0 - 100000, 2);
}

static void
set_field(JsonbValue *value, const DnsField *field)
{
	StringInfoData buffer;

	switch (field->def->kind)
	{
		case FIELD_U8:
		case FIELD_U16:
		case FIELD_U32:
		case FIELD_KEY_ALGORITHM:
		case FIELD_OCTAL:
			jsonb_set_number(value, field->number);
			return;
		case FIELD_TIME48:
			jsonb_set_number(value, fields_time48(field));
			return;
		case FIELD_STRINGS:
		case FIELD_PREFIXES:
		case FIELD_NAMES:
		case FIELD_TYPES:
		case FIELD_FLAT_TYPES:
		case FIELD_PORTS:
		case FIELD_PARAMS:
			set_list(value, field);
			return;
		default:
			break;
	}

	initStringInfo(&buffer);
	switch (field->def->kind)
	{
		case FIELD_TIME:
			fields_time(&buffer, field->number, "%Y-%m-%dT%H:%M:%SZ");
			break;
		case FIELD_GATEWAY:
			if (field->number != GATEWAY_NAME)
			{
				presentation_field(&buffer, field);
				break;
			}
			pg_fallthrough;
		case FIELD_NAME:
		case FIELD_OPTIONAL_NAME:
			encode_name(&buffer, &field->name, false);
			break;
		case FIELD_OPTIONAL_STRING:
		case FIELD_STRING:
		case FIELD_TAG:
		case FIELD_TEXT:
			encode_text(&buffer, field->data, field->len);
			break;
		case FIELD_DOA_DATA:
		case FIELD_SIZED:
			encode_base64(&buffer, field->data, field->len);
			break;
		case FIELD_JOINED:
			fields_joined(&buffer, field);
			break;
		case FIELD_SALT:
		case FIELD_UNKNOWN:
			encode_hex(&buffer, field->data, field->len);
			break;
		default:
			presentation_field(&buffer, field);
			break;
	}
	jsonb_set_string(value, buffer.data, buffer.len);
}

/* Fields that hold a list. */
static void
set_list(JsonbValue *value, const DnsField *field)
{
	JsonbState	state = {0};

	switch (field->def->kind)
	{
		case FIELD_STRINGS:
			*value = *push_strings(&state, field->data, field->len);
			break;
		case FIELD_PREFIXES:
			*value = *push_prefixes(&state, field);
			break;
		case FIELD_NAMES:
			*value = *push_names(&state, field);
			break;
		case FIELD_PARAMS:
			jsonb_push(&state, WJB_BEGIN_OBJECT, NULL);
			push_params(&state, field);
			*value = *jsonb_push(&state, WJB_END_OBJECT, NULL);
			break;
		default:
			*value = *push_bitmap(&state, field);
			break;
	}
}

static JsonbValue *
push_strings(JsonbState *state, const uint8 *octets, size_t len)
{
	const uint8 *pos = octets;
	const uint8 *data;
	size_t		data_len;

	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	while (rdata_string(&pos, octets + len, &data, &data_len))
	{
		StringInfoData buffer;

		initStringInfo(&buffer);
		encode_text(&buffer, data, data_len);
		jsonb_push_text(state, &buffer);
	}
	return jsonb_push(state, WJB_END_ARRAY, NULL);
}

static JsonbValue *
push_prefixes(JsonbState *state, const DnsField *field)
{
	const uint8 *at = field->data;

	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	while (at < field->data + field->len)
	{
		StringInfoData buffer;
		size_t		len = 4 + (at[3] & 0x7f);

		initStringInfo(&buffer);
		fields_prefixes(&buffer, at, len);
		jsonb_push_text(state, &buffer);
		at += len;
	}
	return jsonb_push(state, WJB_END_ARRAY, NULL);
}

static JsonbValue *
push_names(JsonbState *state, const DnsField *field)
{
	const uint8 *pos = field->data;
	DnsName		name;

	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	while (pos < field->data + field->len &&
		   rdata_plain_name(&pos, field->data + field->len, &name))
	{
		StringInfoData buffer;

		initStringInfo(&buffer);
		encode_name(&buffer, &name, false);
		jsonb_push_text(state, &buffer);
	}
	return jsonb_push(state, WJB_END_ARRAY, NULL);
}

/* Ports as numbers, types as words. */
static JsonbValue *
push_bitmap(JsonbState *state, const DnsField *field)
{
	DnsBitmapPlace at = {.window = field->data};
	StringInfoData type;
	int			number;

	initStringInfo(&type);
	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	while ((number = fields_next_number(field, &at)) >= 0)
	{
		if (field->def->kind == FIELD_PORTS)
		{
			jsonb_push_number(state, number);
			continue;
		}
		resetStringInfo(&type);
		rrtype_append(&type, number);
		jsonb_push_word(state, type.data);
	}
	return jsonb_push(state, WJB_END_ARRAY, NULL);
}

static void
push_params(JsonbState *state, const DnsField *field)
{
	const uint8 *at = field->data;

	while (at < field->data + field->len)
	{
		StringInfoData key;
		size_t		len = wire_u16(at + 2);

		initStringInfo(&key);
		svcb_param_key(&key, wire_u16(at));
		jsonb_push_key(state, key.data);
		pfree(key.data);
		push_param_value(state, wire_u16(at), at + 4, len);
		at += 4 + len;
	}
}

static void
push_param_value(JsonbState *state, uint16 key, const uint8 *value,
				 size_t len)
{
	StringInfoData buffer;

	/* A parameter without a value is true if it is there. */
	if (len == 0)
	{
		jsonb_push_boolean(state, true);
		return;
	}

	initStringInfo(&buffer);
	switch (key)
	{
		case SVC_MANDATORY:
			jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
			for (size_t i = 0; i < len; i += 2)
			{
				initStringInfo(&buffer);
				svcb_param_key(&buffer, wire_u16(value + i));
				jsonb_push_text(state, &buffer);
			}
			jsonb_push(state, WJB_END_ARRAY, NULL);
			return;
		case SVC_ALPN:
			push_strings(state, value, len);
			return;
		case SVC_PORT:
			jsonb_push_number(state, wire_u16(value));
			return;
		case SVC_IPV4HINT:
			push_addresses(state, value, len, 4);
			return;
		case SVC_IPV6HINT:
			push_addresses(state, value, len, 16);
			return;
		case SVC_ECH:
			encode_base64(&buffer, value, len);
			break;
		default:
			encode_text(&buffer, value, len);
			break;
	}
	jsonb_push_text(state, &buffer);
}

static void
push_addresses(JsonbState *state, const uint8 *value, size_t len,
			   size_t size)
{
	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	for (size_t i = 0; i < len; i += size)
	{
		StringInfoData buffer;

		initStringInfo(&buffer);
		encode_address(&buffer, value + i, size);
		jsonb_push_text(state, &buffer);
	}
	jsonb_push(state, WJB_END_ARRAY, NULL);
}
