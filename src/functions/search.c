/*
 * search.c
 *
 * dns_search(): tries an incomplete name with the domains of the search list
 * (resolv.conf(5)).  It asks one name after another, so that no domain learns
 * of a name that was found before it, and tries the next name only if this
 * name, or its records, do not exist (RFC 1535 section 6).
 */
#include "postgres.h"

#include "functions/functions.h"

#include "utils/builtins.h"

static void search(FunctionCallInfo fcinfo, DnsQuestion *question,
				   List *candidates, DnsOutcome *outcome);
static List *list_candidates(const DnsRequest *request, OnFailure on_failure);
static List *add_candidate(List *candidates, const DnsName *name,
						   const DnsName *domain);
static bool is_complete(const text *written, const DnsName *name);
static int	count_dots(const DnsName *name);
static char *describe_search(const DnsOutcome *outcome, int tried);

PG_FUNCTION_INFO_V1(pgcares_search);

/*
 * dns_search(name, type, class, on_error)
 */
Datum
pgcares_search(PG_FUNCTION_ARGS)
{
	DnsRequest	request;
	DnsQuestion question;
	DnsOutcome	outcome;

	rows_open(fcinfo);
	if (!argument_request(fcinfo, 0, RAISE, &request))
		return (Datum) 0;

	if (!argument_is_bad_name(&request, &outcome))
	{
		question = request.question;
		search(fcinfo, &question, list_candidates(&request, RAISE), &outcome);
	}
	if (!outcome_is_noerror(&outcome))
		outcome_report(&outcome, argument_text(&request), request.on_error);
	return (Datum) 0;
}

/*
 * Predicts the first question of dns_search(), the only one that is certain;
 * see LookupFunction.
 */
int
search_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	DnsRequest	request;
	List	   *candidates;

	if (!argument_request(fcinfo, 0, RETURN_FALSE, &request))
		return 0;
	candidates = list_candidates(&request, RETURN_FALSE);
	if (candidates == NIL)
		return 0;
	*questions = request.question;
	questions->name = *(DnsName *) linitial(candidates);
	return name_never_asked(&questions->name) ? 0 : 1;
}

/*
 * Tries one name after another, under one deadline, and puts the records into
 * the function's result.
 */
static void
search(FunctionCallInfo fcinfo, DnsQuestion *question, List *candidates,
	   DnsOutcome *outcome)
{
	Lookup		lookup = {.server = NULL};
	DnsOutcome	last;
	int			tried = 0;
	int			queries = 0;
	int			servers = 0;
	ListCell   *cell;

	foreach(cell, candidates)
	{
		question->name = *(DnsName *) lfirst(cell);
		lookup_ask(&lookup, question, 1, &last);
		if (outcome_is_noerror(&last))
			rows_put((ReturnSetInfo *) fcinfo->resultinfo, &last, false);

		tried++;
		queries += last.queries;
		servers = Max(servers, last.servers);
		/* An outcome of a name that exists replaces NXDOMAIN of another. */
		if (tried == 1 || !outcome_is_missing(&last) ||
			outcome->status->code == RCODE_NXDOMAIN)
			*outcome = last;
		if (!outcome_is_missing(&last))
			break;
	}
	lookup_end(&lookup);

	outcome->queries = queries;
	outcome->servers = servers;
	if (tried > 1 || outcome->note == NULL)
		outcome->note = describe_search(outcome, tried);
}

/*
 * The names to try, in order, as a List of DnsName.  If the system's
 * configuration is unreadable, raises or gives NIL, as on_failure says.
 */
static List *
list_candidates(const DnsRequest *request, OnFailure on_failure)
{
	const DnsName *name = &request->question.name;
	List	   *candidates = NIL;
	bool		first;
	ListCell   *cell;

	if (is_complete(request->written, name))
		return list_make1(unconstify(DnsName *, name));
	if ((setting_ndots < 0 || *setting_domains == '\0') &&
		!resolv_conf_refresh(on_failure))
		return NIL;

	first = count_dots(name) >=
		(setting_ndots >= 0 ? setting_ndots : resolv_conf_ndots());
	if (first)
		candidates = add_candidate(candidates, name, NULL);
	if (*setting_domains != '\0')
	{
		List	   *domains;

		if (!settings_list(setting_domains, &domains))
			elog(ERROR, "pgcares.domains is no list");
		foreach(cell, domains)
		{
			DnsName		domain;

			if (name_parse(lfirst(cell), false, &domain) != NULL)
				elog(ERROR, "pgcares.domains has no valid domain");
			candidates = add_candidate(candidates, name, &domain);
		}
	}
	else
	{
		foreach(cell, resolv_conf_domains())
			candidates = add_candidate(candidates, name, lfirst(cell));
	}
	if (!first)
		candidates = add_candidate(candidates, name, NULL);
	return candidates;
}

/*
 * Adds a name, followed by domain unless that is NULL.  Skips a name that is
 * there already or is too long.
 */
static List *
add_candidate(List *candidates, const DnsName *name, const DnsName *domain)
{
	DnsName    *candidate = palloc(sizeof(DnsName));
	ListCell   *cell;

	*candidate = *name;
	if (domain != NULL)
	{
		if (name->len - 1 + domain->len > WIRE_NAME_MAX)
			return candidates;
		memcpy(candidate->octets + name->len - 1, domain->octets, domain->len);
		candidate->len = name->len - 1 + domain->len;
	}
	foreach(cell, candidates)
	{
		if (name_equal(lfirst(cell), candidate))
			return candidates;
	}
	return lappend(candidates, candidate);
}

/*
 * Must the search ask only the name as it is?  True if it ends with an
 * unescaped dot, or if it is special: no search domain must learn of it
 * (RFC 7686 section 2, RFC 6761 section 6).
 */
static bool
is_complete(const text *written, const DnsName *name)
{
	const char *start = VARDATA_ANY(written);
	const char *last = start + VARSIZE_ANY_EXHDR(written) - 1;
	int			backslashes = 0;

	if (!setting_search || name_never_asked(name) || name_is_localhost(name))
		return true;
	if (*last != '.')
		return false;
	for (const char *at = last; at > start && at[-1] == '\\'; at--)
		backslashes++;
	return backslashes % 2 == 0;
}

/* The number of dots between labels. */
static int
count_dots(const DnsName *name)
{
	int			labels = 0;

	for (const uint8 *label = name->octets; *label != 0; label += 1 + *label)
		labels++;
	return labels - 1;
}

static char *
describe_search(const DnsOutcome *outcome, int tried)
{
	StringInfoData sentence;

	initStringInfo(&sentence);
	appendStringInfo(&sentence, "%d %s tried", tried,
					 tried == 1 ? "name was" : "names were");
	if (!outcome_is_missing(outcome) && tried > 1)
		appendStringInfo(&sentence, ", the last one \"%s\"",
						 name_to_text(&outcome->question.name));
	appendStringInfoChar(&sentence, '.');
	return sentence.data;
}
