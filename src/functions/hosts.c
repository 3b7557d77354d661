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

/* A lookup of a host by its name. */
typedef struct HostLookup
{
	OnError		on_error;
	char	   *written;
	int			family;
	Host		host;
	DnsOutcome	outcome;
} HostLookup;

#define NOTE_ONLY_FILE	"Only the hosts file was read."

static bool find_by_arguments(FunctionCallInfo fcinfo, HostLookup *lookup);
static void ask_host(const DnsQuestion *questions, int count, Host *host,
					 DnsOutcome *outcome);
static bool read_arguments(FunctionCallInfo fcinfo, OnFailure on_failure,
						   HostLookup *lookup);
static int	tell(const HostQuestions *asked, DnsQuestion *questions);
static void put_host(FunctionCallInfo fcinfo, const Host *host);
static Datum names_array(const List *names);
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
	HostLookup	lookup;

	if (!find_by_arguments(fcinfo, &lookup))
		PG_RETURN_NULL();
	if (lookup.host.addresses == NIL)
	{
		outcome_report(&lookup.outcome, lookup.written, lookup.on_error);
		PG_RETURN_NULL();
	}
	PG_RETURN_INET_P(((HostAddress *) linitial(lookup.host.addresses))->address);
}

/*
 * dns_reverse(address, on_error)
 */
Datum
pgcares_reverse(PG_FUNCTION_ARGS)
{
	OnError		on_error;
	inet	   *address;
	Host		host;
	DnsOutcome	outcome;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();

	(void) argument_on_error(fcinfo, 1, RAISE, &on_error);
	address = PG_GETARG_INET_PP(0);
	hosts_find_names(address, &host, &outcome);
	if (host.name == NULL)
	{
		outcome_report(&outcome, address_text(address), on_error);
		PG_RETURN_NULL();
	}
	PG_RETURN_TEXT_P(cstring_to_text(host.name));
}

/*
 * dns_addresses(name, family, on_error)
 */
Datum
pgcares_addresses(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	HostLookup	lookup;
	ListCell   *cell;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (!find_by_arguments(fcinfo, &lookup))
		return (Datum) 0;
	foreach(cell, lookup.host.addresses)
	{
		HostAddress *found = lfirst(cell);
		Datum		values[2];
		bool		nulls[2] = {false};

		values[0] = InetPGetDatum(found->address);
		values[1] = Int32GetDatum(found->ttl);
		nulls[1] = found->ttl == HOST_NO_TTL;
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	if (!outcome_is_noerror(&lookup.outcome))
		outcome_report(&lookup.outcome, lookup.written, lookup.on_error);
	return (Datum) 0;
}

/*
 * dns_gethostbyname(name, family, on_error)
 */
Datum
pgcares_gethostbyname(PG_FUNCTION_ARGS)
{
	HostLookup	lookup;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (!find_by_arguments(fcinfo, &lookup))
		return (Datum) 0;
	if (lookup.host.addresses != NIL)
		put_host(fcinfo, &lookup.host);
	if (!outcome_is_noerror(&lookup.outcome))
		outcome_report(&lookup.outcome, lookup.written, lookup.on_error);
	return (Datum) 0;
}

/*
 * dns_gethostbyaddr(address, on_error)
 */
Datum
pgcares_gethostbyaddr(PG_FUNCTION_ARGS)
{
	OnError		on_error;
	inet	   *address;
	Host		host;
	DnsOutcome	outcome;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (PG_ARGISNULL(0))
		return (Datum) 0;

	(void) argument_on_error(fcinfo, 1, RAISE, &on_error);
	address = PG_GETARG_INET_PP(0);
	hosts_find_names(address, &host, &outcome);
	if (host.name != NULL)
	{
		HostAddress own = {.ttl = HOST_NO_TTL};

		own.address = address_inet(ip_addr(address), ip_addrsize(address));
		host.addresses = list_make1(&own);
		put_host(fcinfo, &host);
	}
	else
		outcome_report(&outcome, address_text(address), on_error);
	return (Datum) 0;
}

/*
 * Finds the addresses of a host by name, of one family, or of both if family
 * is 0.  If the question of one family fails, the host can still have
 * addresses of the other.  Raises if written is not a name.
 */
void
hosts_find(const char *written, int family, Host *host, DnsOutcome *outcome)
{
	HostQuestions asked;

	(void) host_begin(written, family, RAISE, host, &asked);
	if (asked.count == 0)
		outcome_of_found(outcome, host->name != NULL, host->addresses != NIL,
						 host->name == NULL ? NOTE_ONLY_FILE : NULL);
	else
	{
		ask_host(asked.questions, asked.count, host, outcome);
		if (outcome_is_missing(outcome) &&
			host_known_at_last(asked.lookups, &asked.name, family, host))
			outcome_of_found(outcome, true, true, NULL);
	}
	outcome->what = family == 4 ? "IPv4 addresses" :
		family == 6 ? "IPv6 addresses" : "addresses";
	host_order(host);
}

/*
 * Finds the names of an address.  Its netmask does not count.
 */
void
hosts_find_names(const inet *address, Host *host, DnsOutcome *outcome)
{
	HostQuestions asked;

	(void) host_begin_names(address, RAISE, host, &asked);
	if (asked.count == 0)
		outcome_of_found(outcome, host->name != NULL, host->name != NULL,
						 NOTE_ONLY_FILE);
	else
	{
		ask_host(asked.questions, asked.count, host, outcome);
		if (outcome_is_missing(outcome) &&
			host_known_names_at_last(asked.lookups, address, host))
			outcome_of_found(outcome, true, true, NULL);
	}
	outcome->question = asked.questions[0];
}

/*
 * Predict the questions of hosts_find() and hosts_find_names(), and give their
 * number.  These functions raise nothing.
 */
int
hosts_questions(const char *written, int family, DnsQuestion *questions)
{
	Host		host;
	HostQuestions asked;

	return host_begin(written, family, RETURN_FALSE, &host, &asked) ?
		tell(&asked, questions) : 0;
}

int
hosts_names_questions(const inet *address, DnsQuestion *questions)
{
	Host		host;
	HostQuestions asked;

	return host_begin_names(address, RETURN_FALSE, &host, &asked) ?
		tell(&asked, questions) : 0;
}

/*
 * Predict the questions of SQL functions with the arguments name, family and
 * on_error, or address and on_error; see LookupFunction.
 */
int
hosts_call_questions(FunctionCallInfo fcinfo, uint16 type,
					 DnsQuestion *questions)
{
	HostLookup	lookup;

	return read_arguments(fcinfo, RETURN_FALSE, &lookup) ?
		hosts_questions(lookup.written, lookup.family, questions) : 0;
}

int
hosts_names_call_questions(FunctionCallInfo fcinfo, uint16 type,
						   DnsQuestion *questions)
{
	OnError		on_error;

	return !PG_ARGISNULL(0) && argument_on_error(fcinfo, 1, RETURN_FALSE, &on_error) ?
		hosts_names_questions(PG_GETARG_INET_PP(0), questions) : 0;
}

/* Looks up the host of the arguments; false if name or family is NULL. */
static bool
find_by_arguments(FunctionCallInfo fcinfo, HostLookup *lookup)
{
	if (!read_arguments(fcinfo, RAISE, lookup))
		return false;
	hosts_find(lookup->written, lookup->family, &lookup->host,
			   &lookup->outcome);
	return true;
}

/* Reads name, family and on_error; false if name or family is NULL. */
static bool
read_arguments(FunctionCallInfo fcinfo, OnFailure on_failure, HostLookup *lookup)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return false;
	lookup->written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	return argument_on_error(fcinfo, 2, on_failure, &lookup->on_error) &&
		argument_family(fcinfo, 1, on_failure, &lookup->family);
}

/* Gives the questions and their number, or 0 if the name is never asked. */
static int
tell(const HostQuestions *asked, DnsQuestion *questions)
{
	if (name_never_asked(&asked->name))
		return 0;
	memcpy(questions, asked->questions, asked->count * sizeof(DnsQuestion));
	return asked->count;
}

/* Asks the questions of a host, and merges all answers in their order. */
static void
ask_host(const DnsQuestion *questions, int count, Host *host,
		 DnsOutcome *outcome)
{
	Lookup		lookup = {.server = NULL};
	DnsOutcome	outcomes[HOST_MAX_QUESTIONS];

	lookup_ask(&lookup, questions, count, outcomes);
	for (int i = 0; i < count; i++)
	{
		if (outcome_is_noerror(&outcomes[i]))
			host_add_answer(host, &outcomes[i]);
	}
	lookup_end(&lookup);
	host_merge(outcome, outcomes, count);
}

/* Adds the row of dns_gethostbyname() and dns_gethostbyaddr(). */
static void
put_host(FunctionCallInfo fcinfo, const Host *host)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		values[3];
	bool		nulls[3] = {false};

	values[0] = CStringGetTextDatum(host->name);
	values[1] = names_array(host->aliases);
	values[2] = addresses_array(host->addresses);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
names_array(const List *names)
{
	ArrayBuildState *state = initArrayResult(TEXTOID, CurrentMemoryContext,
											 false);
	ListCell   *cell;

	foreach(cell, names)
		state = accumArrayResult(state, CStringGetTextDatum(lfirst(cell)), false,
								 TEXTOID, CurrentMemoryContext);
	return makeArrayResult(state, CurrentMemoryContext);
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
