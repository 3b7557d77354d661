/*
 * hosts.c
 *
 * The SQL functions that look up hosts: addresses of a name, names of an
 * address.  For both families, both questions are in flight at once, and a
 * failure of one is reported even if the other finds addresses.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* A call of one of these functions. */
typedef struct HostCall
{
	OnError		on_error;
	HostSought	sought;
	Host		host;
	DnsOutcome	outcome;
} HostCall;

#define NOTE_ONLY_FILE	"Only the hosts file was read."

static bool read_name_call(FunctionCallInfo fcinfo, OnFailure on_failure,
						   HostCall *call);
static bool read_address_call(FunctionCallInfo fcinfo, OnFailure on_failure,
							  HostCall *call);
static void ask_host(const HostSought *sought, Host *host, DnsOutcome *outcome);
static void ask_name(Lookup *lookup, const HostSought *sought, Host *host,
					 DnsOutcome *outcome);
static void report(const HostCall *call);
static void put_host(FunctionCallInfo fcinfo, const Host *host);
static Datum addresses_array(const List *addresses);

PG_FUNCTION_INFO_V1(pgcares_lookup);
PG_FUNCTION_INFO_V1(pgcares_reverse);
PG_FUNCTION_INFO_V1(pgcares_addresses);
PG_FUNCTION_INFO_V1(pgcares_gethostbyname);
PG_FUNCTION_INFO_V1(pgcares_gethostbyaddr);

/*
 * dns_lookup(name, family, on_error): one address is enough, even if the other
 * family fails.
 */
Datum
pgcares_lookup(PG_FUNCTION_ARGS)
{
	HostCall	call;

	if (!read_name_call(fcinfo, RAISE, &call))
		PG_RETURN_NULL();
	hosts_find(&call.sought, &call.host, &call.outcome);
	if (call.host.addresses == NIL)
	{
		report(&call);
		PG_RETURN_NULL();
	}
	PG_RETURN_INET_P(((HostAddress *) linitial(call.host.addresses))->address);
}

/*
 * dns_reverse(address, on_error)
 */
Datum
pgcares_reverse(PG_FUNCTION_ARGS)
{
	HostCall	call;

	if (!read_address_call(fcinfo, RAISE, &call))
		PG_RETURN_NULL();
	hosts_find(&call.sought, &call.host, &call.outcome);
	if (call.host.name == NULL)
	{
		report(&call);
		PG_RETURN_NULL();
	}
	PG_RETURN_TEXT_P(cstring_to_text(call.host.name));
}

/*
 * dns_addresses(name, family, on_error)
 */
Datum
pgcares_addresses(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INETOID, INT4OID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	HostCall	call;
	ListCell   *cell;

	rows_begin(fcinfo, types, lengthof(types));
	if (!read_name_call(fcinfo, RAISE, &call))
		return (Datum) 0;
	hosts_find(&call.sought, &call.host, &call.outcome);
	foreach(cell, call.host.addresses)
	{
		HostAddress *found = lfirst(cell);
		Datum		values[2];
		bool		nulls[2] = {false};

		values[0] = InetPGetDatum(found->address);
		values[1] = Int32GetDatum(found->ttl);
		nulls[1] = found->ttl == HOST_NO_TTL;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	report(&call);
	return (Datum) 0;
}

/*
 * dns_gethostbyname(name, family, on_error)
 */
Datum
pgcares_gethostbyname(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, TEXTARRAYOID, INETARRAYOID};
	HostCall	call;

	rows_begin(fcinfo, types, lengthof(types));
	if (!read_name_call(fcinfo, RAISE, &call))
		return (Datum) 0;
	hosts_find(&call.sought, &call.host, &call.outcome);
	if (call.host.addresses != NIL)
		put_host(fcinfo, &call.host);
	report(&call);
	return (Datum) 0;
}

/*
 * dns_gethostbyaddr(address, on_error)
 */
Datum
pgcares_gethostbyaddr(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, TEXTARRAYOID, INETARRAYOID};
	HostCall	call;

	rows_begin(fcinfo, types, lengthof(types));
	if (!read_address_call(fcinfo, RAISE, &call))
		return (Datum) 0;
	hosts_find(&call.sought, &call.host, &call.outcome);
	if (call.host.name != NULL)
	{
		const inet *address = call.sought.address;
		HostAddress own = {.ttl = HOST_NO_TTL};

		own.address = address_inet(ip_addr(address), ip_addrsize(address));
		call.host.addresses = list_make1(&own);
		put_host(fcinfo, &call.host);
	}
	else
		report(&call);
	return (Datum) 0;
}

/*
 * Finds what is sought of a host.  If the question of one family fails, the host
 * can still have addresses of the other.
 */
void
hosts_find(const HostSought *sought, Host *host, DnsOutcome *outcome)
{
	if (sought->bad_name != NULL)
	{
		memset(host, 0, sizeof(*host));
		outcome_of_bad_name(outcome, sought->bad_name);
	}
	else if (host_answer_locally(sought, host))
		outcome_of_found(outcome, host->name != NULL,
						 host_is_found(sought, host),
						 host->name == NULL ? NOTE_ONLY_FILE : NULL);
	else
	{
		ask_host(sought, host, outcome);
		if (outcome_is_missing(outcome) && host_answer_at_last(sought, host))
			outcome_of_found(outcome, true, true, NULL);
	}
	outcome->what = host_what(sought->address != NULL, sought->family);
	host_order(host);
}

/*
 * Names, of char *, as an array of texts.
 */
Datum
hosts_names_datum(const List *names)
{
	ArrayBuildState *state = initArrayResult(TEXTOID, CurrentMemoryContext,
											 false);
	ListCell   *cell;

	foreach(cell, names)
		state = accumArrayResult(state, CStringGetTextDatum(lfirst(cell)), false,
								 TEXTOID, CurrentMemoryContext);
	return makeArrayResult(state, CurrentMemoryContext);
}

/*
 * Predicts the questions of hosts_find(), and gives their number: of the names that
 * the search list completes a name to, those for the first are certain.  Raises
 * nothing.
 */
int
hosts_questions(const HostSought *sought, DnsQuestion *questions)
{
	Host		host;
	HostSought	first = *sought;

	if (sought->bad_name != NULL || name_never_asked(&sought->name) ||
		host_answer_locally(sought, &host))
		return 0;
	if (sought->names != NIL)
		first.name = *(DnsName *) linitial(sought->names);
	return host_questions(&first, questions);
}

/*
 * Predict the questions of SQL functions with the arguments name, family and
 * on_error, or address and on_error; see LookupFunction.
 */
int
hosts_call_questions(FunctionCallInfo fcinfo, uint16 type,
					 DnsQuestion *questions)
{
	HostCall	call;

	return read_name_call(fcinfo, RETURN_FALSE, &call) ?
		hosts_questions(&call.sought, questions) : 0;
}

int
hosts_names_call_questions(FunctionCallInfo fcinfo, uint16 type,
						   DnsQuestion *questions)
{
	HostCall	call;

	return read_address_call(fcinfo, RETURN_FALSE, &call) ?
		hosts_questions(&call.sought, questions) : 0;
}

/* Reads name, family and on_error; false if name or family is NULL. */
static bool
read_name_call(FunctionCallInfo fcinfo, OnFailure on_failure, HostCall *call)
{
	int			family;

	return !PG_ARGISNULL(0) && !PG_ARGISNULL(1) &&
		argument_on_error(fcinfo, 2, on_failure, &call->on_error) &&
		argument_family(fcinfo, 1, on_failure, &family) &&
		host_seek(&call->sought, text_to_cstring(PG_GETARG_TEXT_PP(0)), family,
				  on_failure);
}

/* Reads address and on_error; false if the address is NULL. */
static bool
read_address_call(FunctionCallInfo fcinfo, OnFailure on_failure, HostCall *call)
{
	return !PG_ARGISNULL(0) &&
		argument_on_error(fcinfo, 1, on_failure, &call->on_error) &&
		host_seek_names(&call->sought, PG_GETARG_INET_PP(0), on_failure);
}

/* Asks for a host, also as each name that the search list completes it to. */
static void
ask_host(const HostSought *sought, Host *host, DnsOutcome *outcome)
{
	Lookup		lookup = {.server = NULL};
	HostSought	completed;
	DnsOutcome	last;
	int			tried = 0;
	ListCell   *cell;

	if (sought->names == NIL)
		ask_name(&lookup, sought, host, outcome);
	else
	{
		completed = *sought;
		memset(outcome, 0, offsetof(DnsOutcome, question));
		foreach(cell, sought->names)
		{
			completed.name = *(DnsName *) lfirst(cell);
			ask_name(&lookup, &completed, host, &last);
			tried++;
			search_list_add(outcome, &last);
			if (!outcome_is_missing(&last))
				break;
		}
		search_list_note(outcome, tried);
	}
	lookup_end(&lookup);
}

/* Asks the questions of a name, and merges all answers in their order. */
static void
ask_name(Lookup *lookup, const HostSought *sought, Host *host,
		 DnsOutcome *outcome)
{
	DnsQuestion questions[HOST_MAX_QUESTIONS];
	DnsOutcome	outcomes[HOST_MAX_QUESTIONS];
	int			count = host_questions(sought, questions);

	lookup_ask(lookup, questions, count, outcomes);
	for (int i = 0; i < count; i++)
	{
		if (outcome_is_noerror(&outcomes[i]))
			host_add_answer(host, &outcomes[i]);
	}
	host_merge(outcome, outcomes, count);
}

/* Raises or warns as on_error says, unless all was found. */
static void
report(const HostCall *call)
{
	if (!outcome_is_noerror(&call->outcome))
		outcome_report(&call->outcome,
					   call->sought.address != NULL ?
					   address_text(call->sought.address) : call->sought.written,
					   call->on_error);
}

/* Adds the row of dns_gethostbyname() and dns_gethostbyaddr(). */
static void
put_host(FunctionCallInfo fcinfo, const Host *host)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(host->name);
	values[1] = hosts_names_datum(host->aliases);
	values[2] = addresses_array(host->addresses);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
addresses_array(const List *addresses)
{
	ArrayBuildState *state = initArrayResult(INETOID, CurrentMemoryContext,
											 false);
	ListCell   *cell;

	foreach(cell, addresses)
	{
		HostAddress *found = lfirst(cell);

		state = accumArrayResult(state, InetPGetDatum(found->address), false,
								 INETOID, CurrentMemoryContext);
	}
	return makeArrayResult(state, CurrentMemoryContext);
}
