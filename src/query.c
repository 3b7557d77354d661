/*
 * query.c
 *
 * The SQL functions that look up records.  A lookup is a window of one
 * question; whatever fails in it leaves nothing behind.
 */
#include "postgres.h"

#include "pgcares.h"

#include "utils/builtins.h"

static void query(FunctionCallInfo fcinfo, const char *server,
				  int first_argument);
static Datum typed_lookup(FunctionCallInfo fcinfo, uint16 type);
static void lookup(FunctionCallInfo fcinfo, const char *server,
				   const DnsQuestion *question, const char *written,
				   OnError on_error, bool typed);

/* One SQL function for each type: its columns say what it gives. */
#define TYPED_FUNCTION(symbol, type) \
	PG_FUNCTION_INFO_V1(symbol); \
	Datum symbol(PG_FUNCTION_ARGS) { return typed_lookup(fcinfo, type); } \
	extern int no_such_variable

TYPED_FUNCTION(pgcares_a, 1);
TYPED_FUNCTION(pgcares_aaaa, 28);
TYPED_FUNCTION(pgcares_caa, 257);
TYPED_FUNCTION(pgcares_cname, 5);
TYPED_FUNCTION(pgcares_hinfo, 13);
TYPED_FUNCTION(pgcares_https, 65);
TYPED_FUNCTION(pgcares_mx, 15);
TYPED_FUNCTION(pgcares_naptr, 35);
TYPED_FUNCTION(pgcares_ns, 2);
TYPED_FUNCTION(pgcares_ptr, DNS_TYPE_PTR);
TYPED_FUNCTION(pgcares_soa, 6);
TYPED_FUNCTION(pgcares_srv, 33);
TYPED_FUNCTION(pgcares_svcb, 64);
TYPED_FUNCTION(pgcares_tlsa, 52);
TYPED_FUNCTION(pgcares_txt, 16);
TYPED_FUNCTION(pgcares_uri, 256);

PG_FUNCTION_INFO_V1(pgcares_ptr_inet);
PG_FUNCTION_INFO_V1(pgcares_query);
PG_FUNCTION_INFO_V1(pgcares_query_at);

/*
 * dns_query(name, type, class, on_error)
 */
Datum
pgcares_query(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	query(fcinfo, NULL, 0);
	return (Datum) 0;
}

/*
 * dns_query_at(server, name, type, class, on_error)
 */
Datum
pgcares_query_at(PG_FUNCTION_ARGS)
{
	char	   *server;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;

	server = text_to_cstring(PG_GETARG_TEXT_PP(0));
	server_require(server);
	query(fcinfo, server, 1);
	return (Datum) 0;
}

/*
 * dns_ptr(address, on_error)
 */
Datum
pgcares_ptr_inet(PG_FUNCTION_ARGS)
{
	DnsQuestion question = {.type = DNS_TYPE_PTR, .class = DNS_CLASS_IN};
	inet	   *address;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;

	address = PG_GETARG_INET_PP(0);
	question_reverse_name(address, &question.name);
	lookup(fcinfo, NULL, &question, host_address_text(address),
		   argument_on_error(fcinfo, 1), true);
	return (Datum) 0;
}

/* The arguments name, type, class and on_error, from the first one on. */
static void
query(FunctionCallInfo fcinfo, const char *server, int first_argument)
{
	DnsQuestion question = {.nsid = false};
	char	   *written;

	for (int i = first_argument; i < first_argument + 3; i++)
	{
		if (PG_ARGISNULL(i))
			return;
	}

	written = text_to_cstring(PG_GETARG_TEXT_PP(first_argument));
	question.type = question_type(text_to_cstring(PG_GETARG_TEXT_PP(first_argument + 1)));
	question.class = question_class(text_to_cstring(PG_GETARG_TEXT_PP(first_argument + 2)));
	argument_name(written, &question.name);
	lookup(fcinfo, server, &question, written,
		   argument_on_error(fcinfo, first_argument + 3), false);
}

/* dns_mx(name, on_error) and its likes. */
static Datum
typed_lookup(FunctionCallInfo fcinfo, uint16 type)
{
	DnsQuestion question = {.type = type, .class = DNS_CLASS_IN};
	char	   *written;
	inet		address;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;

	/* An untyped literal is text, also where it is an address. */
	written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (type == DNS_TYPE_PTR && question_address(written, &address))
		question_reverse_name(&address, &question.name);
	else
		argument_name(written, &question.name);
	lookup(fcinfo, NULL, &question, written, argument_on_error(fcinfo, 1), true);
	return (Datum) 0;
}

/*
 * Asks one question, of the server if that is not NULL, and puts what is found
 * into the function's result.  A DNS failure is reported when the window is
 * closed, so that it does not cost the channel.
 */
static void
lookup(FunctionCallInfo fcinfo, const char *server, const DnsQuestion *question,
	   const char *written, OnError on_error, bool typed)
{
	DnsOutcome	outcome;
	DnsWindow  *window = ask(question, server, &outcome);

	if (outcome_is_noerror(&outcome))
		record_put_rows((ReturnSetInfo *) fcinfo->resultinfo, &outcome, typed);
	ask_done(window);

	if (!outcome_is_noerror(&outcome))
		outcome_report(&outcome, written, on_error);
}
