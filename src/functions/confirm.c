/*
 * confirm.c
 *
 * The SQL functions that confirm a name of an address: which names it has in some
 * domains, and whether a name has the address.  An outcome that does not tell is
 * NULL, and never an error.  The argument of one can be the other, so that
 * look-ahead asks both questions ahead.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static int	forward_questions(const ArrayType *names, const inet *address, int from,
							  DnsQuestion *questions, int *next);
static int	read_domains(ArrayType *array, DnsName **domains);
static bool is_in(const DnsName *name, const DnsName *domains, int count);
static List *names_in(const DnsOutcome *outcome, const DnsName *domains, int count);
static bool has_address(const DnsOutcome *outcome, const inet *address);

PG_FUNCTION_INFO_V1(pgcares_names_in);
PG_FUNCTION_INFO_V1(pgcares_has_address);

/*
 * dns_names_in(address, domains): the names of an address that are one of the domains
 * or below one (RFC 8601 section 3); NULL if they could not be looked up.
 */
Datum
pgcares_names_in(PG_FUNCTION_ARGS)
{
	Lookup		lookup = {.server = NULL};
	DnsName    *domains;
	int			count = read_domains(PG_GETARG_ARRAYTYPE_P(1), &domains);
	DnsQuestion question;
	DnsOutcome	outcome;
	List	   *names = NIL;

	(void) confirm_names_questions(fcinfo, 0, &question);
	lookup_ask(&lookup, &question, 1, &outcome);
	if (outcome_is_noerror(&outcome))
		names = names_in(&outcome, domains, count);
	lookup_end(&lookup);
	if (!outcome_is_noerror(&outcome) && !outcome_is_missing(&outcome))
		PG_RETURN_NULL();
	return hosts_names_datum(names);
}

/*
 * dns_has_address(names, address): whether one of the names has the address; NULL if
 * none has, and one could not be looked up.
 */
Datum
pgcares_has_address(PG_FUNCTION_ARGS)
{
	ArrayType  *names = PG_GETARG_ARRAYTYPE_P(0);
	const inet *address = PG_GETARG_INET_PP(1);
	Lookup		lookup = {.server = NULL};
	DnsQuestion questions[LOOKUP_MAX_QUESTIONS];
	DnsOutcome	outcomes[LOOKUP_MAX_QUESTIONS];
	bool		found = false;
	bool		unknown = false;
	int			count;
	int			next = 0;

	while (!found &&
		   (count = forward_questions(names, address, next, questions, &next)) > 0)
	{
		lookup_ask(&lookup, questions, count, outcomes);
		for (int i = 0; i < count; i++)
		{
			if (outcome_is_noerror(&outcomes[i]))
				found |= has_address(&outcomes[i], address);
			else
				unknown |= !outcome_is_missing(&outcomes[i]);
		}
	}
	lookup_end(&lookup);
	if (unknown && !found)
		PG_RETURN_NULL();
	PG_RETURN_BOOL(found);
}

/*
 * Predict the questions of dns_names_in(), and the first ones of dns_has_address(); see
 * LookupFunction.  The functions are strict.
 */
int
confirm_names_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	questions->type = DNS_TYPE_PTR;
	questions->class = DNS_CLASS_IN;
	questions->nsid = false;
	address_reverse_name(PG_GETARG_INET_PP(0), &questions->name);
	return name_never_asked(&questions->name) ? 0 : 1;
}

int
confirm_address_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	int			next;

	return forward_questions(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_INET_PP(1), 0,
							 questions, &next);
}

/*
 * Makes the questions for the next names of an array, as many as are asked at once; returns
 * their number.  Text that is no name is left out.
 */
static int
forward_questions(const ArrayType *names, const inet *address, int from,
				  DnsQuestion *questions, int *next)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			count = 0;

	deconstruct_array((ArrayType *) names, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &n);
	for (*next = from; *next < n && count < LOOKUP_MAX_QUESTIONS; (*next)++)
	{
		DnsQuestion *question = &questions[count];

		if (nulls[*next] ||
			name_parse(TextDatumGetCString(elements[*next]), setting_idn,
					   &question->name) != NULL ||
			name_never_asked(&question->name))
			continue;
		question->type = ip_family(address) == PGSQL_AF_INET ? DNS_TYPE_A : DNS_TYPE_AAAA;
		question->class = DNS_CLASS_IN;
		question->nsid = false;
		count++;
	}
	pfree(elements);			/* there can be thousands of names */
	pfree(nulls);
	return count;
}

/* Reads an array of domains, palloc'd, without what is no name; returns their number. */
static int
read_domains(ArrayType *array, DnsName **domains)
{
	Datum	   *elements;
	bool	   *nulls;
	int			n;
	int			count = 0;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	*domains = palloc(Max(n, 1) * sizeof(DnsName));
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i] &&
			name_parse(TextDatumGetCString(elements[i]), true, &(*domains)[count]) == NULL)
			count++;
	}
	return count;
}

static bool
is_in(const DnsName *name, const DnsName *domains, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (labels_are_below(name, &domains[i]))
			return true;
	}
	return false;
}

/* The names in an answer that are in one of the domains, as a list of char *. */
static List *
names_in(const DnsOutcome *outcome, const DnsName *domains, int count)
{
	DnsCursor	cursor;
	DnsRR		rr;
	List	   *names = NIL;

	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		const uint8 *pos = rr.rdata;
		DnsName		name;

		CHECK_FOR_INTERRUPTS();
		if (alias_answers(&rr, &outcome->question, &outcome->owner) &&
			message_name(&outcome->message, &pos, rr.rdata + rr.rdlength, &name) &&
			is_in(&name, domains, count))
			names = lappend(names, name_to_text(&name));
	}
	return names;
}

/* Does an answer have a record of this address? */
static bool
has_address(const DnsOutcome *outcome, const inet *address)
{
	DnsCursor	cursor;
	DnsRR		rr;

	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		CHECK_FOR_INTERRUPTS();
		if (alias_answers(&rr, &outcome->question, &outcome->owner) &&
			rr.rdlength == ip_addrsize(address) &&
			memcmp(rr.rdata, ip_addr(address), rr.rdlength) == 0)
			return true;
	}
	return false;
}
