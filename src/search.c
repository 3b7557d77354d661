/*
 * search.c
 *
 * dns_search(): names that are not complete, tried with the domains of the
 * search list (resolv.conf(5)).  One name is asked after another, so that no
 * domain learns of a name that was found before; and only where a name, or its
 * records, do not exist is the next one tried (RFC 1535 section 6).
 */
#include "postgres.h"

#include "pgcares.h"

#include "utils/builtins.h"

static void search(FunctionCallInfo fcinfo, DnsQuestion *question,
				   List *candidates, DnsOutcome *outcome);
static List *list_candidates(const char *written, const DnsName *name);
static List *add_candidate(List *candidates, const DnsName *name,
						   const DnsName *domain);
static bool is_complete(const char *written, const DnsName *name);
static int	count_dots(const DnsName *name);
static char *describe_search(const DnsOutcome *outcome, int tried);

PG_FUNCTION_INFO_V1(pgcares_search);

/*
 * dns_search(name, type, class, on_error)
 */
Datum
pgcares_search(PG_FUNCTION_ARGS)
{
	OnError		on_error;
	DnsQuestion question = {.nsid = false};
	DnsOutcome	outcome;
	char	   *written;
	DnsName		name;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return (Datum) 0;

	written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	question.type = question_type(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	question.class = question_class(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	argument_name(written, &name);
	on_error = argument_on_error(fcinfo, 3);

	search(fcinfo, &question, list_candidates(written, &name), &outcome);
	if (!outcome_is_noerror(&outcome))
		outcome_report(&outcome, written, on_error);
	return (Datum) 0;
}

/*
 * Tries one name after another in one window, so that one deadline goes for all
 * of them, and puts what is found into the function's result.
 */
static void
search(FunctionCallInfo fcinfo, DnsQuestion *question, List *candidates,
	   DnsOutcome *outcome)
{
	DnsWindow  *window = NULL;
	DnsOutcome	last;
	int			tried = 0;
	int			queries = 0;
	int			servers = 0;
	ListCell   *cell;

	foreach(cell, candidates)
	{
		DnsSlot    *slot = NULL;

		question->name = *(DnsName *) lfirst(cell);
		if (window != NULL || !ahead_outcome(question, &last))
		{
			if (window == NULL)
				window = window_open(1, NULL);
			window_submit(window, question, 0);
			slot = window_next(window);
			outcome_read(&last, window, question, &slot->reply);
		}
		if (outcome_is_noerror(&last))
			record_put_rows((ReturnSetInfo *) fcinfo->resultinfo, &last, false);
		if (slot != NULL)
			window_release(slot);

		tried++;
		queries += last.queries;
		servers = Max(servers, last.servers);
		/* That one of the names exists counts more than that others do not. */
		if (tried == 1 || !outcome_is_missing(&last) ||
			outcome->status->code == RCODE_NXDOMAIN)
			*outcome = last;
		if (!outcome_is_missing(&last))
			break;
	}
	ask_done(window);

	outcome->queries = queries;
	outcome->servers = servers;
	if (tried > 1 || outcome->note == NULL)
		outcome->note = describe_search(outcome, tried);
}

/*
 * The names to try, in their order, as a List of DnsName.
 */
static List *
list_candidates(const char *written, const DnsName *name)
{
	List	   *candidates = NIL;
	int			ndots = setting_ndots >= 0 ? setting_ndots : system_ndots();
	bool		first = count_dots(name) >= ndots;
	ListCell   *cell;

	if (is_complete(written, name))
		return list_make1(unconstify(DnsName *, name));

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

			if (question_name(lfirst(cell), false, &domain) != NULL)
				elog(ERROR, "pgcares.domains has no valid domain");
			candidates = add_candidate(candidates, name, &domain);
		}
	}
	else
	{
		foreach(cell, system_domains())
			candidates = add_candidate(candidates, name, lfirst(cell));
	}
	if (!first)
		candidates = add_candidate(candidates, name, NULL);
	return candidates;
}

/*
 * Adds a name, with a domain behind it or without, unless it is there already,
 * or too long to be a name.
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
 * Is the name to be asked only as it is?  So is one with a final dot that no
 * backslash takes for part of a label, and one that is special wherever it
 * stands: no domain may hear of it (RFC 7686 section 2, RFC 6761 section 6).
 */
static bool
is_complete(const char *written, const DnsName *name)
{
	size_t		len = strlen(written);
	int			backslashes = 0;

	if ((setting_flag_bits & ARES_FLAG_NOSEARCH) ||
		question_never_asked(name) || question_localhost(name))
		return true;
	if (written[len - 1] != '.')
		return false;
	for (const char *at = written + len - 1; at > written && at[-1] == '\\'; at--)
		backslashes++;
	return backslashes % 2 == 0;
}

/* Dots between labels. */
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
	{
		appendStringInfoString(&sentence, ", the last one \"");
		append_name(&sentence, &outcome->question.name, false);
		appendStringInfoChar(&sentence, '"');
	}
	appendStringInfoChar(&sentence, '.');
	return sentence.data;
}
