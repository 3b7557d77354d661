/*
 * search.c
 *
 * dns_search(): tries an incomplete name with the domains of the search list; see
 * search_list.c.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "utils/builtins.h"

static void search(FunctionCallInfo fcinfo, DnsQuestion *question,
				   List *names, DnsOutcome *outcome);
static List *list_names(const DnsRequest *request, OnFailure on_failure);

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
		search(fcinfo, &question, list_names(&request, RAISE), &outcome);
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
	List	   *names;

	if (!argument_request(fcinfo, 0, RETURN_FALSE, &request))
		return 0;
	names = list_names(&request, RETURN_FALSE);
	if (names == NIL)
		return 0;
	*questions = request.question;
	questions->name = *(DnsName *) linitial(names);
	return name_never_asked(&questions->name) ? 0 : 1;
}

/*
 * Tries one name after another, under one deadline, and puts the records into
 * the function's result.
 */
static void
search(FunctionCallInfo fcinfo, DnsQuestion *question, List *names,
	   DnsOutcome *outcome)
{
	Lookup		lookup = {.server = NULL};
	DnsOutcome	last;
	int			tried = 0;
	ListCell   *cell;

	memset(outcome, 0, offsetof(DnsOutcome, question));
	foreach(cell, names)
	{
		question->name = *(DnsName *) lfirst(cell);
		lookup_ask(&lookup, question, 1, &last);
		if (outcome_is_noerror(&last))
			rows_put((ReturnSetInfo *) fcinfo->resultinfo, &last, false);

		tried++;
		search_list_add(outcome, &last);
		if (!outcome_is_missing(&last))
			break;
	}
	lookup_end(&lookup);
	search_list_note(outcome, tried);
}

/*
 * The names to try, in order, as a List of DnsName *.  If the system's
 * configuration is unreadable, raises or gives NIL, as on_failure says.
 */
static List *
list_names(const DnsRequest *request, OnFailure on_failure)
{
	SearchList	list;

	if (!search_list_read(&list, on_failure))
		return NIL;
	return search_list_names(&list, VARDATA_ANY(request->written),
							 VARSIZE_ANY_EXHDR(request->written),
							 &request->question.name);
}
