/*
 * options.c
 *
 * The options of EDNS (RFC 6891 section 6.1.2 and the IANA registry): their names, and
 * their octets as jsonb with the RFC's field names.  Octets come from strangers, so each
 * field is checked against what is left.
 */
#include "postgres.h"

#include "dns/dns.h"

#define OPTION_MAX_FIELDS	5
#define COOKIE_SIZE			8		/* of a client's cookie (RFC 7873 section 4) */

typedef enum OptionKind
{
	OPTION_U8,
	OPTION_U16,
	OPTION_U32,
	OPTION_HEX8,				/* eight octets */
	OPTION_HEX,					/* the rest, not empty */
	OPTION_TEXT,				/* the rest */
	OPTION_LIST8,				/* the rest, numbers */
	OPTION_LIST16,
	OPTION_NAME,				/* the rest, without compression */
	OPTION_PREFIX,				/* the rest, an address cut behind its prefix */
	OPTION_COUNT				/* how many octets the rest has */
} OptionKind;

typedef struct OptionField
{
	const char *name;
	OptionKind	kind;
} OptionField;

typedef struct OptionDef
{
	uint16		code;
	const char *name;
	int			least;			/* fields that must be there */
	OptionField fields[OPTION_MAX_FIELDS];
} OptionDef;

/* The names are those that dig prints, in capitals. */
static const OptionDef options[] = {
	/* draft-sekar-dns-llq, RFC 8764 */
	{1, "LLQ", 5, {{"version", OPTION_U16}, {"opcode", OPTION_U16}, {"error", OPTION_U16}, {"id", OPTION_HEX8}, {"lease", OPTION_U32}}},
	{2, "UL", 1, {{"lease", OPTION_U32}, {"key_lease", OPTION_U32}}},	/* RFC 9664 */
	{EDNS_OPTION_NSID, "NSID", 1, {{"nsid", OPTION_TEXT}}},
	{5, "DAU", 1, {{"algorithms", OPTION_LIST8}}},	/* RFC 6975 */
	{6, "DHU", 1, {{"algorithms", OPTION_LIST8}}},
	{7, "N3U", 1, {{"algorithms", OPTION_LIST8}}},
	{8, "CLIENT-SUBNET", 4, {{"family", OPTION_U16}, {"source_prefix_length", OPTION_U8},	/* RFC 7871 */
	{"scope_prefix_length", OPTION_U8}, {"address", OPTION_PREFIX}}},
	{9, "EXPIRE", 0, {{"expire", OPTION_U32}}},	/* RFC 7314 */
	{10, "COOKIE", 1, {{"client_cookie", OPTION_HEX8}, {"server_cookie", OPTION_HEX}}}, /* RFC 7873 */
	{11, "TCP-KEEPALIVE", 0, {{"timeout", OPTION_U16}}},	/* RFC 7828 */
	{12, "PADDING", 1, {{"length", OPTION_COUNT}}}, /* RFC 7830 */
	{13, "CHAIN", 1, {{"closest_trust_point", OPTION_NAME}}},	/* RFC 7901 */
	{14, "KEY-TAG", 1, {{"key_tags", OPTION_LIST16}}},	/* RFC 8145 */
	{EDNS_OPTION_EDE, "EDE", 2, {{"info_code", OPTION_U16}, {"extra_text", OPTION_TEXT}}},
	{16, "CLIENT-TAG", 1, {{"tag", OPTION_U16}}},	/* draft-bellis-dnsop-edns-tags */
	{17, "SERVER-TAG", 1, {{"tag", OPTION_U16}}},
	{18, "REPORT-CHANNEL", 1, {{"agent_domain", OPTION_NAME}}}, /* RFC 9567 */
	{19, "ZONEVERSION", 0, {{"label_count", OPTION_U8}, {"type", OPTION_U8}, {"version", OPTION_HEX}}}	/* RFC 9660 */
};

static const OptionDef *find_option_def(uint16 code);
static bool push_field(JsonbState *state, const OptionField *field,
					   const uint8 *start, const uint8 **pos, const uint8 *end);
static bool push_number(JsonbState *state, int size, const uint8 **pos, const uint8 *end);
static bool push_list(JsonbState *state, int size, const uint8 *pos, const uint8 *end);
static bool push_name(JsonbState *state, const uint8 *pos, const uint8 *end);
static bool push_prefix(JsonbState *state, const uint8 *start, const uint8 *pos,
						const uint8 *end);
static bool push_hex(JsonbState *state, size_t len, const uint8 **pos, const uint8 *end);

/*
 * Appends the name of an option, or OPT and its number.
 */
void
options_name(StringInfo out, uint16 code)
{
	const OptionDef *def = find_option_def(code);

	if (def != NULL)
		appendStringInfoString(out, def->name);
	else
		appendStringInfo(out, "OPT%d", code);
}

/*
 * The fields of an option, palloc'd.  NULL if the option is unknown, or its octets are
 * not of its form.
 */
Jsonb *
options_data(uint16 code, const uint8 *octets, size_t len)
{
	const OptionDef *def = find_option_def(code);
	const uint8 *pos = octets;
	const uint8 *end = octets + len;
	JsonbState	state = {0};
	int			count;

	if (def == NULL)
		return NULL;
	jsonb_push(&state, WJB_BEGIN_OBJECT, NULL);
	for (count = 0; count < OPTION_MAX_FIELDS && def->fields[count].name != NULL; count++)
	{
		if (pos == end && count >= def->least)
			break;
		jsonb_push_key(&state, def->fields[count].name);
		if (!push_field(&state, &def->fields[count], octets, &pos, end))
			return NULL;
	}
	return pos == end ? jsonb_end_object(&state) : NULL;
}

static const OptionDef *
find_option_def(uint16 code)
{
	for (int i = 0; i < (int) lengthof(options); i++)
	{
		if (options[i].code == code)
			return &options[i];
	}
	return NULL;
}

/* Pushes the value of a field at *pos, and goes behind it.  False if it does not fit. */
static bool
push_field(JsonbState *state, const OptionField *field, const uint8 *start,
		   const uint8 **pos, const uint8 *end)
{
	const uint8 *at = *pos;
	StringInfoData text;

	switch (field->kind)
	{
		case OPTION_U8:
			return push_number(state, 1, pos, end);
		case OPTION_U16:
			return push_number(state, 2, pos, end);
		case OPTION_U32:
			return push_number(state, 4, pos, end);
		case OPTION_HEX8:
			return push_hex(state, COOKIE_SIZE, pos, end);
		case OPTION_HEX:
			return push_hex(state, Max(end - at, 1), pos, end);
		case OPTION_TEXT:
			initStringInfo(&text);
			encode_text(&text, at, end - at);
			jsonb_push_text(state, &text);
			break;
		case OPTION_COUNT:
			jsonb_push_number(state, end - at);
			break;
		case OPTION_LIST8:
		case OPTION_LIST16:
			if (!push_list(state, field->kind == OPTION_LIST8 ? 1 : 2, at, end))
				return false;
			break;
		case OPTION_NAME:
			if (!push_name(state, at, end))
				return false;
			break;
		case OPTION_PREFIX:
			if (!push_prefix(state, start, at, end))
				return false;
			break;
	}
	*pos = end;
	return true;
}

static bool
push_number(JsonbState *state, int size, const uint8 **pos, const uint8 *end)
{
	const uint8 *at = *pos;

	if (end - at < size)
		return false;
	jsonb_push_number(state, size == 1 ? *at : size == 2 ? wire_u16(at) : wire_u32(at));
	*pos += size;
	return true;
}

static bool
push_list(JsonbState *state, int size, const uint8 *pos, const uint8 *end)
{
	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	while (pos < end)
	{
		if (!push_number(state, size, &pos, end))
			return false;
	}
	jsonb_push(state, WJB_END_ARRAY, NULL);
	return true;
}

static bool
push_name(JsonbState *state, const uint8 *pos, const uint8 *end)
{
	StringInfoData text;
	DnsName		name;

	if (!rdata_plain_name(&pos, end, &name) || pos != end)
		return false;
	initStringInfo(&text);
	encode_name(&text, &name, false);
	jsonb_push_text(state, &text);
	return true;
}

/* The address of a client's network (RFC 7871 section 6): as many octets as its prefix. */
static bool
push_prefix(JsonbState *state, const uint8 *start, const uint8 *pos, const uint8 *end)
{
	int			family = wire_u16(start);
	int			bits = start[2];
	int			size = family == 1 ? 4 : 16;
	uint8		address[16] = {0};
	StringInfoData text;

	if (family < 1 || family > 2 || bits > 8 * size || start[3] > 8 * size ||
		end - pos != (bits + 7) / 8)
		return false;
	memcpy(address, pos, end - pos);
	initStringInfo(&text);
	encode_address(&text, address, size);
	jsonb_push_text(state, &text);
	return true;
}

static bool
push_hex(JsonbState *state, size_t len, const uint8 **pos, const uint8 *end)
{
	StringInfoData text;

	if ((size_t) (end - *pos) < len)
		return false;
	initStringInfo(&text);
	encode_hex(&text, *pos, len);
	jsonb_push_text(state, &text);
	*pos += len;
	return true;
}
