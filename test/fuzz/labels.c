/*
 * labels.c
 *
 * Target "labels": the functions on the labels of names, for two texts.  They raise no
 * error, whatever the texts are.
 */
#include "postgres.h"

#include "fuzz.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* A call with up to two arguments, and its result. */
typedef struct Call
{
	const char *signature;
	Datum		arguments[2];
	int			nargs;
	bool		is_null;
	Datum		result;
} Call;

static bool call(const char *signature, int nargs, Datum first, Datum second,
				 Datum *result);
static void do_call(void *arg);
static bool read_name(const char *string, DnsName *name);
static void check_parts(const char *string, const DnsName *name);
static void check_pair(const char *string, const char *other);
static int	compare(const DnsName *name, const DnsName *other);
static int	places(const DnsName *name, int *starts);
static void check_blocklist(const char *string, const char *zone);

/*
 * The first octet chooses the encoding; a line feed ends the first text.
 */
void
fuzz_labels(const uint8 *octets, size_t len)
{
	static const int encodings[] = {PG_UTF8, PG_LATIN1, PG_EUC_JP, PG_SQL_ASCII};
	const uint8 *end;
	char	   *string = NULL;
	char	   *other = NULL;
	DnsName		name;

	if (len < 1)
		return;
	SetDatabaseEncoding(encodings[octets[0] & 3]);
	end = memchr(octets + 1, '\n', len - 1);
	if (end != NULL)
	{
		string = take_text(octets + 1, end - (octets + 1));
		other = take_text(end + 1, octets + len - (end + 1));
	}
	if (string != NULL && other != NULL)
	{
		check_parts(string, read_name(string, &name) ? &name : NULL);
		check_pair(string, other);
		check_pair(string, string);
		check_blocklist(string, other);
	}
	SetDatabaseEncoding(PG_UTF8);
	free(string);
	free(other);
}

/*
 * Labels, parent and suffixes are NULL for a text that is no name.  For a name, labels
 * that are joined again give the name, which is below each of its suffixes, and the
 * parent of a suffix is the next one.
 */
static void
check_parts(const char *string, const DnsName *name)
{
	Datum		written = CStringGetTextDatum(string);
	Datum		labels;
	Datum		above = written;
	Datum		result;
	Datum	   *label;
	int			count;
	StringInfoData joined;
	DnsName		again;

	if (call("dns_labels(text)", 1, written, (Datum) 0, &labels) != (name != NULL) ||
		call("dns_sort_key(text)", 1, written, (Datum) 0, &result) != (name != NULL))
		finding("\"%s\" is a name or not", string);
	if (name == NULL)
	{
		if (call("dns_parent(text)", 1, written, (Datum) 0, &result) ||
			call("dns_suffix(text,integer)", 2, written, Int32GetDatum(1), &result))
			finding("\"%s\" is no name, and has parts", string);
		return;
	}
	deconstruct_array(DatumGetArrayTypeP(labels), TEXTOID, -1, false, TYPALIGN_INT,
					  &label, NULL, &count);
	initStringInfo(&joined);
	for (int i = 0; i < count; i++)
	{
		check_ascii(TextDatumGetCString(label[i]));
		appendStringInfo(&joined, "%s.", TextDatumGetCString(label[i]));
	}
	if (!read_name(count > 0 ? joined.data : ".", &again) || !name_equal(&again, name))
		finding("the labels of \"%s\" are those of \"%s\"", string, joined.data);
	for (int i = count; i > 0; i--)
	{
		Datum		suffix;

		if (!call("dns_suffix(text,integer)", 2, written, Int32GetDatum(i), &suffix) ||
			!read_name(TextDatumGetCString(suffix), &again))
			finding("\"%s\" has no %d labels", string, i);
		if (!call("dns_is_below(text,text)", 2, written, suffix, &result) ||
			!DatumGetBool(result))
			finding("\"%s\" is not below \"%s\"", string, TextDatumGetCString(suffix));
		if (i < count &&
			strcmp(TextDatumGetCString(suffix), TextDatumGetCString(above)) != 0)
			finding("the parent of a suffix of \"%s\" is another one", string);
		if (!call("dns_parent(text)", 1, suffix, (Datum) 0, &above))
			finding("\"%s\" has no parent", TextDatumGetCString(suffix));
	}
	if (call("dns_suffix(text,integer)", 2, written, Int32GetDatum(count + 1), &result) ||
		call("dns_suffix(text,integer)", 2, written, Int32GetDatum(0), &result))
		finding("\"%s\" has more than %d labels, or less than one", string, count);
}

/*
 * Keys sort as the names do, label by label from the right; a name is below another if
 * and only if all labels of that are its last ones, and then its key begins with the
 * other's.
 */
static void
check_pair(const char *string, const char *other)
{
	Datum		written[] = {CStringGetTextDatum(string), CStringGetTextDatum(other)};
	bytea	   *keys[2];
	DnsName		names[2];
	Datum		key;
	Datum		below;
	size_t		len;
	int			order;
	bool		begins;

	for (int i = 0; i < 2; i++)
	{
		if (!call("dns_sort_key(text)", 1, written[i], (Datum) 0, &key) ||
			!read_name(i == 0 ? string : other, &names[i]))
		{
			if (call("dns_is_below(text,text)", 2, written[0], written[1], &below))
				finding("\"%s\" or \"%s\" is no name, and one is below the other", string, other);
			return;
		}
		keys[i] = DatumGetByteaPP(key);
	}
	len = Min(VARSIZE_ANY_EXHDR(keys[0]), VARSIZE_ANY_EXHDR(keys[1]));
	order = memcmp(VARDATA_ANY(keys[0]), VARDATA_ANY(keys[1]), len);
	begins = order == 0 && VARSIZE_ANY_EXHDR(keys[0]) >= VARSIZE_ANY_EXHDR(keys[1]);
	if (order == 0)
		order = (int) VARSIZE_ANY_EXHDR(keys[0]) - (int) VARSIZE_ANY_EXHDR(keys[1]);
	if ((order > 0) - (order < 0) != compare(&names[0], &names[1]))
		finding("the keys of \"%s\" and \"%s\" sort otherwise than the names", string, other);
	if (!call("dns_is_below(text,text)", 2, written[0], written[1], &below) ||
		DatumGetBool(below) != begins)
		finding("\"%s\" is below \"%s\" or not", string, other);
}

/* The canonical order of two names, label by label (RFC 4034 section 6.1). */
static int
compare(const DnsName *name, const DnsName *other)
{
	int			starts[2][WIRE_POINTERS_MAX];
	int			count = places(name, starts[0]);
	int			other_count = places(other, starts[1]);

	while (count > 0 && other_count > 0)
	{
		const uint8 *label = name->octets + starts[0][--count];
		const uint8 *other_label = other->octets + starts[1][--other_count];

		for (int i = 1; i <= Max(*label, *other_label); i++)
		{
			int			octet = i > *label ? -1 : label[i];
			int			other_octet = i > *other_label ? -1 : other_label[i];

			octet += octet >= 'A' && octet <= 'Z' ? 32 : 0;
			other_octet += other_octet >= 'A' && other_octet <= 'Z' ? 32 : 0;
			if (octet != other_octet)
				return octet > other_octet ? 1 : -1;
		}
	}
	return (count > 0) - (other_count > 0);
}

static int
places(const DnsName *name, int *starts)
{
	int			count = 0;

	for (int at = 0; name->octets[at] != 0; at += 1 + name->octets[at])
		starts[count++] = at;
	return count;
}

/*
 * A name in a block list is below the list, has the labels of both, and is the same for
 * an address and for its text.
 */
static void
check_blocklist(const char *string, const char *zone)
{
	Datum		written = CStringGetTextDatum(string);
	Datum		list = CStringGetTextDatum(zone);
	Datum		listed;
	Datum		again;
	inet		address;
	bool		is_address = address_parse(string, &address);

	if (!call("dns_blocklist_name(text,text)", 2, written, list, &listed))
	{
		if (is_address && call("dns_blocklist_name(inet,text)", 2,
							   InetPGetDatum(&address), list, &again))
			finding("\"%s\" has a name in \"%s\" or not", string, zone);
		return;
	}
	check_ascii(TextDatumGetCString(listed));
	if (!call("dns_is_below(text,text)", 2, listed, list, &again) || !DatumGetBool(again))
		finding("\"%s\" is not in the list \"%s\"", TextDatumGetCString(listed), zone);
	if (is_address &&
		(!call("dns_blocklist_name(inet,text)", 2, InetPGetDatum(&address), list, &again) ||
		 strcmp(TextDatumGetCString(again), TextDatumGetCString(listed)) != 0))
		finding("\"%s\" has two names in \"%s\"", string, zone);
}

static bool
read_name(const char *string, DnsName *name)
{
	return name_parse(string, true, name) == NULL;
}

/* Calls a function, which must raise no error.  Returns whether its result is not NULL. */
static bool
call(const char *signature, int nargs, Datum first, Datum second, Datum *result)
{
	Call		arg = {signature, {first, second}, nargs, false, (Datum) 0};

	raises(do_call, &arg, 0);
	*result = arg.result;
	return !arg.is_null;
}

static void
do_call(void *arg)
{
	Call	   *call = arg;
	FmgrInfo	function;
	LOCAL_FCINFO(fcinfo, 2);

	fmgr_info(function_named(call->signature), &function);
	InitFunctionCallInfoData(*fcinfo, &function, call->nargs, InvalidOid, NULL, NULL);
	for (int i = 0; i < call->nargs; i++)
	{
		fcinfo->args[i].value = call->arguments[i];
		fcinfo->args[i].isnull = false;
	}
	call->result = FunctionCallInvoke(fcinfo);
	call->is_null = fcinfo->isnull;
}
