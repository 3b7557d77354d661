/*
 * records.c
 *
 * The SQL functions that look up records.  Each lookup asks one question; a
 * failure leaves nothing behind.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "utils/builtins.h"

static void query(FunctionCallInfo fcinfo, const char *server,
				  int first_argument);
static Datum typed_lookup(FunctionCallInfo fcinfo, uint16 type);
static bool read_typed(FunctionCallInfo fcinfo, uint16 type, OnFailure on_failure,
					   DnsRequest *request);
static bool read_address(FunctionCallInfo fcinfo, OnFailure on_failure,
						 DnsRequest *request);
static int	tell(const DnsRequest *request, DnsQuestion *questions);
static void look_up(FunctionCallInfo fcinfo, const char *server,
					const DnsRequest *request, bool typed);

/* One SQL function for each type; its result columns select the fields. */
#define DEFINE_FUNCTION(symbol, type) \
	PG_FUNCTION_INFO_V1(symbol); \
	Datum symbol(PG_FUNCTION_ARGS) { return typed_lookup(fcinfo, type); }

TYPED_FUNCTIONS(DEFINE_FUNCTION)

PG_FUNCTION_INFO_V1(pgcares_ptr_inet);
PG_FUNCTION_INFO_V1(pgcares_query);
PG_FUNCTION_INFO_V1(pgcares_query_at);

/*
 * dns_query(name, type, class, on_error)
 */
Datum
pgcares_query(PG_FUNCTION_ARGS)
{
	rows_open(fcinfo);
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

	rows_open(fcinfo);
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
	DnsRequest	request;

	rows_open(fcinfo);
	if (read_address(fcinfo, RAISE, &request))
		look_up(fcinfo, NULL, &request, true);
	return (Datum) 0;
}

/*
 * Predict the questions of dns_query(), of dns_query_at(), of dns_mx() and the
 * other typed functions, and of dns_ptr(address, on_error); see LookupFunction.
 */
int
records_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	DnsRequest	request;

	return argument_request(fcinfo, 0, RETURN_FALSE, &request) ?
		tell(&request, questions) : 0;
}

int
records_at_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	DnsRequest	request;

	return argument_request(fcinfo, 1, RETURN_FALSE, &request) ?
		tell(&request, questions) : 0;
}

int
records_typed_questions(FunctionCallInfo fcinfo, uint16 type,
						DnsQuestion *questions)
{
	DnsRequest	request;

	return read_typed(fcinfo, type, RETURN_FALSE, &request) ?
		tell(&request, questions) : 0;
}

int
records_address_questions(FunctionCallInfo fcinfo, uint16 type,
						  DnsQuestion *questions)
{
	DnsRequest	request;

	return read_address(fcinfo, RETURN_FALSE, &request) ? tell(&request, questions) : 0;
}

/* Looks up by name, type, class and on_error, from first_argument on. */
static void
query(FunctionCallInfo fcinfo, const char *server, int first_argument)
{
	DnsRequest	request;

	if (argument_request(fcinfo, first_argument, RAISE, &request))
		look_up(fcinfo, server, &request, false);
}

/* dns_mx(name, on_error) and the other typed functions. */
static Datum
typed_lookup(FunctionCallInfo fcinfo, uint16 type)
{
	DnsRequest	request;

	rows_open(fcinfo);
	if (read_typed(fcinfo, type, RAISE, &request))
		look_up(fcinfo, NULL, &request, true);
	return (Datum) 0;
}

/* Reads the arguments name and on_error; false if name is NULL. */
static bool
read_typed(FunctionCallInfo fcinfo, uint16 type, OnFailure on_failure,
		   DnsRequest *request)
{
	DnsQuestion *question = &request->question;
	text	   *written;
	inet		address;

	if (PG_ARGISNULL(0))
		return false;
	written = PG_GETARG_TEXT_PP(0);
	question->type = type;
	question->class = DNS_CLASS_IN;
	question->nsid = false;

	/* An untyped literal is text, even if it is an address. */
	if (type == DNS_TYPE_PTR &&
		address_parse_masked(text_to_cstring(written), &address))
	{
		request->written = written;
		request->bad_name = NULL;
		address_reverse_name(&address, &question->name);
	}
	else if (!argument_name_text(request, written, on_failure))
		return false;
	return argument_on_error(fcinfo, 1, on_failure, &request->on_error);
}

/* Reads the arguments address and on_error; false if address is NULL. */
static bool
read_address(FunctionCallInfo fcinfo, OnFailure on_failure, DnsRequest *request)
{
	DnsQuestion *question = &request->question;

	if (PG_ARGISNULL(0))
		return false;
	question->type = DNS_TYPE_PTR;
	question->class = DNS_CLASS_IN;
	question->nsid = false;
	request->written = NULL;
	request->bad_name = NULL;
	request->address = PG_GETARG_INET_PP(0);
	address_reverse_name(request->address, &question->name);
	return argument_on_error(fcinfo, 1, on_failure, &request->on_error);
}

/* Gives the question and 1, or 0 if the name is never asked. */
static int
tell(const DnsRequest *request, DnsQuestion *questions)
{
	*questions = request->question;
	return name_never_asked(&questions->name) ? 0 : 1;
}

/*
 * Asks one question, of server unless that is NULL, and puts the records into
 * the function's result.
 */
static void
look_up(FunctionCallInfo fcinfo, const char *server, const DnsRequest *request,
		bool typed)
{
	Lookup		lookup = {.server = server};
	DnsOutcome	outcome;

	if (!argument_is_bad_name(request, &outcome))
	{
		lookup_ask(&lookup, &request->question, 1, &outcome);
		if (outcome_is_noerror(&outcome))
			rows_put((ReturnSetInfo *) fcinfo->resultinfo, &outcome, typed);
		lookup_end(&lookup);
	}
	if (!outcome_is_noerror(&outcome))
		outcome_report(&outcome, argument_text(request), request->on_error);
}
