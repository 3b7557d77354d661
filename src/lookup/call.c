/*
 * call.c
 *
 * The one way to ask the questions of a single call: they were asked ahead of
 * it, are in the cache, or get a window, under one deadline.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/* No call asks anything; see lookup_only_ahead(). */
static bool only_ahead = false;

static void ask_now(Lookup *lookup, const DnsQuestion *questions,
					const int *numbers, int count, DnsOutcome *outcomes,
					bool keep);

/*
 * Asks questions, all at once, and reads the outcome of each.  The outcomes are
 * valid until the next lookup_ask() or lookup_end().  Raises what a window
 * raises.
 */
void
lookup_ask(Lookup *lookup, const DnsQuestion *questions, int count,
		   DnsOutcome *outcomes)
{
	bool		ahead = lookup->window == NULL;
	bool		keep = count > 1;
	int			numbers[LOOKUP_MAX_QUESTIONS];
	int			left = 0;

	Assert(count <= LOOKUP_MAX_QUESTIONS);
	if (!lookup->began)
		cache_open(&lookup->scope, lookup->server);
	lookup->began = true;
	for (int i = 0; i < count; i++)
	{
		if (ahead && prefetch_outcome(lookup->server, &questions[i], !only_ahead,
									  &lookup->replies[i], &outcomes[i]))
		{
			if (keep)
				outcome_keep(&outcomes[i]);
		}
		else if (cache_find(&lookup->scope, &questions[i], &lookup->replies[i]))
			outcome_read_cached(&outcomes[i], &lookup->scope, &questions[i],
								&lookup->replies[i]);
		else
			numbers[left++] = i;
	}
	if (left > 0)
		ask_now(lookup, questions, numbers, left, outcomes, keep);
}

/*
 * Ends a lookup.  Call it before an error is raised for an outcome, so that the
 * error does not destroy the channel.
 */
void
lookup_end(Lookup *lookup)
{
	if (lookup->window != NULL)
		window_close(lookup->window);
}

/*
 * Lets calls use the answers that are there, or no longer only these.  A call
 * that needs another one raises an error of class ND, which the caller catches.
 */
void
lookup_only_ahead(bool only)
{
	only_ahead = only;
}

/* Asks the questions with these numbers. */
static void
ask_now(Lookup *lookup, const DnsQuestion *questions, const int *numbers,
		int count, DnsOutcome *outcomes, bool keep)
{
	int			asked = 0;

	if (only_ahead)
		ereport(ERROR,
				(errcode(DNS_SQLSTATE('0', '0', '0')),
				 errmsg_internal("the answer is not there yet")));
	if (lookup->window == NULL)
		lookup->window = window_open(Min(count, setting_max_in_flight),
									 lookup->server);
	for (int finished = 0; finished < count; finished++)
	{
		DnsOutcome *outcome;

		if (lookup->slot != NULL)
			slot_release(lookup->slot);
		for (; asked < count && window_has_room(lookup->window); asked++)
			window_submit(lookup->window, &questions[numbers[asked]],
						  numbers[asked]);
		lookup->slot = wait_next(lookup->window);
		cache_keep(&lookup->scope, lookup->slot);
		outcome = &outcomes[lookup->slot->tag];
		slow_log(lookup->window, &lookup->slot->question, &lookup->slot->reply);
		outcome_read(outcome, lookup->window, &lookup->slot->question,
					 &lookup->slot->reply);
		if (keep)
			outcome_keep(outcome);
	}
}
