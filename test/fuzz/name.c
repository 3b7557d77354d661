/*
 * name.c
 *
 * Targets for input from users: "name" in several encodings, and "word" for types,
 * classes, ports and other words with a small grammar.
 */
#include "postgres.h"

#include "fuzz.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

/* A call of a function with one argument, and its result. */
typedef struct Call
{
	Oid			function;
	Datum		argument;
	Datum		result;
} Call;

static void check_question(const char *text, bool idn);
static void check_functions(const char *text);
static void check_address(const uint8 *octets, size_t len);
static void check_type(const char *text);
static void check_class(const char *text);
static void check_port(const char *text);
static bool call(const char *signature, Datum argument, int sqlstate,
				 Datum *result);
static void do_call(void *arg);
static void ask_type(void *arg);
static void ask_class(void *arg);
static void ask_port(void *arg);

/*
 * The first octet chooses the encoding of the database, and whether names are
 * converted; the rest is the text.
 */
void
fuzz_name(const uint8 *octets, size_t len)
{
	static const int encodings[] = {PG_UTF8, PG_LATIN1, PG_EUC_JP, PG_SQL_ASCII};
	char	   *text;

	if (len < 1)
		return;
	SetDatabaseEncoding(encodings[octets[0] & 3]);
	text = take_text(octets + 1, len - 1);
	if (text != NULL)
	{
		check_question(text, (octets[0] & 4) != 0);
		check_functions(text);
	}
	SetDatabaseEncoding(PG_UTF8);
	free(text);
	check_address(octets + 1, len - 1);
}

/*
 * One word.
 */
void
fuzz_word(const uint8 *octets, size_t len)
{
	char	   *text = take_text(octets, len);
	OnError		on_error;
	inet		address;

	if (text == NULL)
		return;
	check_type(text);
	check_class(text);
	check_port(text);
	(void) settings_on_error(text, true, &on_error);
	if (address_parse(text, &address) &&
		strchr(text, '/') != NULL)
		finding("\"%s\" is no address", text);
	free(text);
}

/* A valid name has a text, which gives the same name when it is read. */
static void
check_question(const char *text, bool idn)
{
	DnsName		name;
	DnsName		again;
	int			labels = 0;

	if (name_parse(text, idn, &name) != NULL)
		return;
	for (int at = 0; name.octets[at] != 0; at += 1 + name.octets[at])
	{
		if (at + name.octets[at] >= name.len || name.octets[at] > WIRE_LABEL_MAX)
			finding("\"%s\" has a label that is too long", text);
		labels++;
	}
	if (labels > 127 || name.octets[name.len - 1] != 0)
		finding("\"%s\" does not end with the root", text);
	(void) name_never_asked(&name);
	(void) name_is_localhost(&name);
	for (int final_dot = 0; final_dot < 2; final_dot++)
	{
		StringInfoData shown;

		initStringInfo(&shown);
		encode_name(&shown, &name, final_dot);
		check_ascii(shown.data);
		if (name_parse(shown.data, idn, &again) != NULL ||
			again.len != name.len ||
			memcmp(again.octets, name.octets, name.len) != 0)
			finding("\"%s\" is another name than \"%s\"", shown.data, text);
	}
	again = name;
	name_randomize_case(&again);
	if (!name_equal(&again, &name))
		finding("\"%s\" is another name in another case", text);
}

/* The functions on names return valid text, and their inverses lead back. */
static void
check_functions(const char *written)
{
	Datum		argument = CStringGetTextDatum(written);
	Datum		ascii;
	Datum		unicode;
	Datum		again;
	Datum		address;

	if (call("dns_to_ascii(text)", argument, ERRCODE_INVALID_PARAMETER_VALUE, &ascii))
	{
		check_ascii(TextDatumGetCString(ascii));
		if (call("dns_to_unicode(text)", argument,
				 ERRCODE_UNTRANSLATABLE_CHARACTER, &unicode))
		{
			(void) pg_verifymbstr(VARDATA_ANY(unicode), VARSIZE_ANY_EXHDR(unicode),
								  false);
			if (call("dns_to_ascii(text)", unicode,
					 ERRCODE_INVALID_PARAMETER_VALUE, &again) &&
				pg_strcasecmp(TextDatumGetCString(ascii),
							  TextDatumGetCString(again)) != 0)
				finding("\"%s\" is \"%s\" in Unicode, and that is \"%s\"",
						TextDatumGetCString(ascii), TextDatumGetCString(unicode),
						TextDatumGetCString(again));
		}
	}
	if (call("dns_address_from_reverse(text)", argument,
			 ERRCODE_INVALID_PARAMETER_VALUE, &address))
	{
		if (!call("dns_reverse_address(inet)", address, 0, &again) ||
			!call("dns_address_from_reverse(text)", again, 0, &argument) ||
			!DatumGetBool(DirectFunctionCall2(network_eq, address, argument)))
			finding("\"%s\" is another address the second time", written);
	}
}

/* Every address has a reverse name that leads back to it. */
static void
check_address(const uint8 *octets, size_t len)
{
	Datum		address;
	Datum		name;
	Datum		again;

	if (len != 4 && len != 16)
		return;
	address = InetPGetDatum(address_inet(octets, len));
	if (!call("dns_reverse_address(inet)", address, 0, &name) ||
		!call("dns_address_from_reverse(text)", name, 0, &again) ||
		!DatumGetBool(DirectFunctionCall2(network_eq, address, again)))
		finding("an address has another reverse name");
}

/* Soft and raising calls agree, and a valid type is found by its own text. */
static void
check_type(const char *text)
{
	uint16		number = 0;
	uint16		again;
	bool		taken = question_type(text, true, &number);

	if (taken == raises(ask_type, unconstify(char *, text),
						ERRCODE_INVALID_PARAMETER_VALUE))
		finding("\"%s\" is a type or not", text);
	if (taken && (!question_type(rrtype_text(number), true, &again) || again != number))
		finding("type \"%s\" is another one than \"%s\"", text, rrtype_text(number));
}

static void
check_class(const char *text)
{
	uint16		number = 0;
	uint16		again;
	bool		taken = question_class(text, true, &number);

	if (taken == raises(ask_class, unconstify(char *, text),
						ERRCODE_INVALID_PARAMETER_VALUE))
		finding("\"%s\" is a class or not", text);
	if (taken && (!question_class(rrclass_text(number), true, &again) || again != number))
		finding("class \"%s\" is another one than \"%s\"", text, rrclass_text(number));
}

static void
check_port(const char *text)
{
	int			port = 0;
	bool		taken = services_port(text, "tcp", true, true, &port);

	if (taken == raises(ask_port, unconstify(char *, text),
						ERRCODE_INVALID_PARAMETER_VALUE))
		finding("\"%s\" is a port or not", text);
	if (taken && (port < 0 || port > 65535))
		finding("\"%s\" is port %d", text, port);
}

/*
 * Calls a function that can raise this SQLSTATE, or no error if it is 0.  Returns
 * whether there is a result.
 */
static bool
call(const char *signature, Datum argument, int sqlstate, Datum *result)
{
	Call		arg = {function_named(signature), argument, (Datum) 0};

	if (raises(do_call, &arg, sqlstate))
		return false;
	*result = arg.result;
	return true;
}

static void
do_call(void *arg)
{
	Call	   *call = arg;

	call->result = OidFunctionCall1(call->function, call->argument);
}

static void
ask_type(void *arg)
{
	uint16		number;

	(void) question_type(arg, false, &number);
}

static void
ask_class(void *arg)
{
	uint16		number;

	(void) question_class(arg, false, &number);
}

static void
ask_port(void *arg)
{
	int			port;

	(void) services_port(arg, "tcp", true, false, &port);
}
