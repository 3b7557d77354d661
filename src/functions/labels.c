/*
 * labels.c
 *
 * SQL functions on the labels of names, which need no network.  They are for columns,
 * conditions and indexes, so text that is no name gives NULL and never an error.
 */
#include "postgres.h"

#include <math.h>

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* The weight of a record with weight 0, beside those that have at least 1. */
#define SMALL_WEIGHT	1e-6

static bool read_name(const text *written, DnsName *name);
static int	label_places(const DnsName *name, uint8 *places);
static Datum text_from(const DnsName *name, size_t place);
static void address_labels(const inet *address, DnsName *name);
static bool append_labels(DnsName *name, const uint8 *labels, size_t len);

PG_FUNCTION_INFO_V1(pgcares_labels);
PG_FUNCTION_INFO_V1(pgcares_parent);
PG_FUNCTION_INFO_V1(pgcares_suffix);
PG_FUNCTION_INFO_V1(pgcares_is_below);
PG_FUNCTION_INFO_V1(pgcares_sort_key);
PG_FUNCTION_INFO_V1(pgcares_blocklist_name);
PG_FUNCTION_INFO_V1(pgcares_blocklist_name_inet);
PG_FUNCTION_INFO_V1(pgcares_srv_key);

/*
 * dns_labels(name): the labels as text, from left to right, without the root's.
 */
Datum
pgcares_labels(PG_FUNCTION_ARGS)
{
	DnsName		name;
	uint8		places[WIRE_POINTERS_MAX];
	Datum		labels[WIRE_POINTERS_MAX];
	int			count;

	if (!read_name(PG_GETARG_TEXT_PP(0), &name))
		PG_RETURN_NULL();
	count = label_places(&name, places);
	for (int i = 0; i < count; i++)
	{
		const uint8 *label = name.octets + places[i];
		StringInfoData text;

		initStringInfo(&text);
		encode_octets(&text, label + 1, *label, ESCAPED_IN_NAMES);
		labels[i] = PointerGetDatum(cstring_to_text_with_len(text.data, text.len));
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(labels, count, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

/*
 * dns_parent(name): the name without its first label; NULL for the root.
 */
Datum
pgcares_parent(PG_FUNCTION_ARGS)
{
	DnsName		name;

	if (!read_name(PG_GETARG_TEXT_PP(0), &name) || name.len == 1)
		PG_RETURN_NULL();
	return text_from(&name, 1 + name.octets[0]);
}

/*
 * dns_suffix(name, labels): the last labels of a name; NULL if it has not so many.
 */
Datum
pgcares_suffix(PG_FUNCTION_ARGS)
{
	int32		wanted = PG_GETARG_INT32(1);
	DnsName		name;
	uint8		places[WIRE_POINTERS_MAX];
	int			count;

	if (!read_name(PG_GETARG_TEXT_PP(0), &name))
		PG_RETURN_NULL();
	count = label_places(&name, places);
	if (wanted < 1 || wanted > count)
		PG_RETURN_NULL();
	return text_from(&name, places[count - wanted]);
}

/*
 * dns_is_below(name, domain): is the name the domain itself, or below it (RFC 4343)?
 */
Datum
pgcares_is_below(PG_FUNCTION_ARGS)
{
	DnsName		name;
	DnsName		domain;

	if (!read_name(PG_GETARG_TEXT_PP(0), &name) ||
		!read_name(PG_GETARG_TEXT_PP(1), &domain))
		PG_RETURN_NULL();
	PG_RETURN_BOOL(labels_are_below(&name, &domain));
}

/*
 * Is a name the domain itself, or below it?
 */
bool
labels_are_below(const DnsName *name, const DnsName *domain)
{
	uint8		places[WIRE_POINTERS_MAX];
	int			count = label_places(name, places);

	if (domain->len == 1)
		return true;

	/* The domain has to begin where a label of the name does. */
	for (int i = 0; i < count; i++)
	{
		if (name->len - places[i] == domain->len)
			return name_octets_equal(name->octets + places[i], domain->octets,
									 domain->len);
	}
	return false;
}

/*
 * dns_sort_key(name): octets that sort as names do in canonical order (RFC 4034 section
 * 6.1): the labels from right to left in lower case, each with a 0 behind it.  The
 * octets 0 and 1 of a label become 1 1 and 1 2, so that 0 is always an end.
 */
Datum
pgcares_sort_key(PG_FUNCTION_ARGS)
{
	DnsName		name;
	uint8		places[WIRE_POINTERS_MAX];
	bytea	   *key = palloc(VARHDRSZ + 2 * WIRE_NAME_MAX);
	uint8	   *to = (uint8 *) VARDATA(key);

	if (!read_name(PG_GETARG_TEXT_PP(0), &name))
		PG_RETURN_NULL();
	for (int i = label_places(&name, places) - 1; i >= 0; i--)
	{
		const uint8 *label = name.octets + places[i];

		for (int j = 1; j <= *label; j++)
		{
			uint8		octet = label[j];

			if (octet <= 1)
			{
				*to++ = 1;
				octet++;
			}
			*to++ = octet >= 'A' && octet <= 'Z' ? octet | 0x20 : octet;
		}
		*to++ = 0;
	}
	SET_VARSIZE(key, to - (uint8 *) key);
	PG_RETURN_BYTEA_P(key);
}

/*
 * dns_blocklist_name(name, zone): the name that a block list has for a domain, or for
 * an address that is given as text (RFC 5782 sections 2.1, 2.4 and 3).
 */
Datum
pgcares_blocklist_name(PG_FUNCTION_ARGS)
{
	text	   *written = PG_GETARG_TEXT_PP(0);
	inet		address;
	DnsName		listed;
	DnsName		zone;

	if (!read_name(PG_GETARG_TEXT_PP(1), &zone))
		PG_RETURN_NULL();
	if (address_parse_masked(text_to_cstring(written), &address))
		address_labels(&address, &listed);
	else if (!read_name(written, &listed) || listed.len == 1)
		PG_RETURN_NULL();
	if (!append_labels(&listed, zone.octets, zone.len))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name_to_text(&listed)));
}

/*
 * dns_blocklist_name(address, zone): the same for an address.
 */
Datum
pgcares_blocklist_name_inet(PG_FUNCTION_ARGS)
{
	DnsName		listed;
	DnsName		zone;

	if (!read_name(PG_GETARG_TEXT_PP(1), &zone))
		PG_RETURN_NULL();
	address_labels(DatumGetInetPP(PG_GETARG_DATUM(0)), &listed);
	if (!append_labels(&listed, zone.octets, zone.len))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(name_to_text(&listed)));
}

/*
 * dns_srv_key(weight): a random number; sorting the records of a priority by it gives
 * the order of RFC 2782: a record is the first of those that are left with the
 * probability of its weight.  A weight of 0 leaves a very small chance.
 */
Datum
pgcares_srv_key(PG_FUNCTION_ARGS)
{
	int32		weight = PG_GETARG_INT32(0);
	uint64		bits;

	if (!pg_strong_random(&bits, sizeof(bits)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bits")));
	PG_RETURN_FLOAT8(-log(((bits >> 11) + 1) * pow(2, -53)) /
					 (weight > 0 ? weight : SMALL_WEIGHT));
}

/* Reads a name; false if the text is none. */
static bool
read_name(const text *written, DnsName *name)
{
	return name_parse_with_len(VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written),
							   true, name) == NULL;
}

/* Finds where each label begins, from left to right; returns their number. */
static int
label_places(const DnsName *name, uint8 *places)
{
	int			count = 0;

	for (int at = 0; name->octets[at] != 0; at += 1 + name->octets[at])
		places[count++] = at;
	return count;
}

/* The text of a name from a label on, or of the root. */
static Datum
text_from(const DnsName *name, size_t place)
{
	DnsName		rest = {.len = name->len - place};

	memcpy(rest.octets, name->octets + place, rest.len);
	PG_RETURN_TEXT_P(cstring_to_text(name_to_text(&rest)));
}

/* The labels of an address in reverse order: its reverse name, without the zone. */
static void
address_labels(const inet *address, DnsName *name)
{
	uint8		places[WIRE_POINTERS_MAX];
	int			count;

	address_reverse_name(address, name);
	count = label_places(name, places);
	name->len = places[count - 2] + 1;
	name->octets[name->len - 1] = 0;
}

/* Puts labels in place of a name's root label; false if that is too long for a name. */
static bool
append_labels(DnsName *name, const uint8 *labels, size_t len)
{
	if (name->len - 1 + len > WIRE_NAME_MAX)
		return false;
	memcpy(name->octets + name->len - 1, labels, len);
	name->len += len - 1;
	return true;
}
