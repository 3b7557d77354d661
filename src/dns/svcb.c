/*
 * svcb.c
 *
 * Writes the parameters of SVCB and HTTPS records in presentation format (RFC
 * 9460).  rdata.c has found them sound.
 */
#include "postgres.h"

#include "dns/dns.h"

static bool exact_alpn(const uint8 *value, size_t len);
static bool exact_mandatory(const uint8 *value, size_t value_len,
							const uint8 *octets, size_t len);
static void append_param_value(StringInfo out, uint16 key, const uint8 *value,
							   size_t len);
static void append_alpn(StringInfo out, const uint8 *value, size_t len);
static void append_addresses(StringInfo out, const uint8 *value, size_t len,
							 size_t size);

/*
 * Appends service parameters (RFC 9460 section 2.1).
 */
void
svcb_params(StringInfo out, const uint8 *octets, size_t len)
{
	const uint8 *at = octets;

	while (at < octets + len)
	{
		uint16		key = wire_u16(at);
		size_t		value_len = wire_u16(at + 2);

		if (at > octets)
			appendStringInfoChar(out, ' ');
		svcb_param_key(out, key);
		if (value_len > 0)
		{
			appendStringInfoChar(out, '=');
			append_param_value(out, key, at + 4, value_len);
		}
		at += 4 + value_len;
	}
}

/*
 * Appends the word for the number of a SVCB parameter (RFC 9460 section 2.1).
 */
void
svcb_param_key(StringInfo out, uint16 key)
{
	static const char *const keys[] = {
		"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech",
		"ipv6hint", "dohpath", "ohttp"
	};

	if (key < lengthof(keys))
		appendStringInfoString(out, keys[key]);
	else
		appendStringInfo(out, "key%d", key);
}

/*
 * Does the text of sound parameters stand for them?  Readers refuse some (RFC 9460
 * sections 7.1.1, 8 and 14.3.2; RFC 9540 section 4), and no text has an empty item.
 */
bool
svcb_exact(const uint8 *octets, size_t len)
{
	bool		alpn = false;

	for (const uint8 *at = octets; at < octets + len; at += 4 + wire_u16(at + 2))
	{
		uint16		key = wire_u16(at);
		size_t		value_len = wire_u16(at + 2);

		if (key == SVC_INVALID || (key == SVC_OHTTP && value_len > 0) ||
			(key == SVC_NO_DEFAULT_ALPN && !alpn) ||
			(key == SVC_ECH && value_len == 0) ||
			(key == SVC_ALPN && !exact_alpn(at + 4, value_len)) ||
			(key == SVC_MANDATORY && !exact_mandatory(at + 4, value_len,
													  octets, len)))
			return false;
		alpn |= key == SVC_ALPN;
	}
	return true;
}

static bool
exact_alpn(const uint8 *value, size_t len)
{
	const uint8 *pos = value;
	const uint8 *data;
	size_t		data_len;

	while (rdata_string(&pos, value + len, &data, &data_len))
	{
		if (data_len == 0)
			return false;
	}
	return true;
}

/* Ascending keys of parameters that are there (RFC 9460 section 8). */
static bool
exact_mandatory(const uint8 *value, size_t value_len, const uint8 *octets,
				size_t len)
{
	const uint8 *at = octets;

	for (size_t i = 0; i < value_len; i += 2)
	{
		uint16		key = wire_u16(value + i);

		if (key == SVC_MANDATORY || (i > 0 && key <= wire_u16(value + i - 2)))
			return false;
		while (at < octets + len && wire_u16(at) < key)
			at += 4 + wire_u16(at + 2);
		if (at >= octets + len || wire_u16(at) != key)
			return false;
	}
	return true;
}

static void
append_param_value(StringInfo out, uint16 key, const uint8 *value, size_t len)
{
	switch (key)
	{
		case SVC_MANDATORY:
			for (size_t i = 0; i < len; i += 2)
			{
				if (i > 0)
					appendStringInfoChar(out, ',');
				svcb_param_key(out, wire_u16(value + i));
			}
			break;
		case SVC_ALPN:
			append_alpn(out, value, len);
			break;
		case SVC_PORT:
			appendStringInfo(out, "%d", wire_u16(value));
			break;
		case SVC_IPV4HINT:
			append_addresses(out, value, len, 4);
			break;
		case SVC_IPV6HINT:
			append_addresses(out, value, len, 16);
			break;
		case SVC_ECH:
			encode_base64(out, value, len);
			break;
		default:
			appendStringInfoChar(out, '"');
			encode_octets(out, value, len, ESCAPED_IN_QUOTES);
			appendStringInfoChar(out, '"');
			break;
	}
}

/*
 * Appends a list with commas between the items.  Commas within items are
 * escaped once for the list, and the whole once more for the quotes (RFC 9460
 * appendix A.1).
 */
static void
append_alpn(StringInfo out, const uint8 *value, size_t len)
{
	StringInfoData list;
	const uint8 *pos = value;
	const uint8 *data;
	size_t		data_len;

	initStringInfo(&list);
	while (rdata_string(&pos, value + len, &data, &data_len))
	{
		if (list.len > 0)
			appendStringInfoChar(&list, ',');
		for (size_t i = 0; i < data_len; i++)
		{
			if (data[i] == ',' || data[i] == '\\')
				appendStringInfoChar(&list, '\\');
			appendStringInfoChar(&list, data[i]);
		}
	}
	appendStringInfoChar(out, '"');
	encode_octets(out, (uint8 *) list.data, list.len, ESCAPED_IN_QUOTES);
	appendStringInfoChar(out, '"');
	pfree(list.data);
}

static void
append_addresses(StringInfo out, const uint8 *value, size_t len, size_t size)
{
	for (size_t i = 0; i < len; i += size)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		encode_address(out, value + i, size);
	}
}
