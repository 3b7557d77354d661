/*
 * lookup.c
 *
 * One question and what comes of it: asked ahead of the call, or in a window of
 * its own.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/*
 * Sees to it that a question is answered, by the server if that is not NULL, and
 * reads what comes of it, which is good until lookup_end() is called with what
 * this gives.  Raises what a window raises.
 */
DnsWindow *
lookup_ask(const DnsQuestion *question, const char *server, DnsOutcome *outcome)
{
	DnsWindow  *window;
	DnsSlot    *slot;

	if (server == NULL && prefetch_outcome(question, outcome))
		return NULL;
	window = window_open(1, server);
	window_submit(window, question, 0);
	slot = wait_next(window);
	outcome_read(outcome, window, &slot->question, &slot->reply);
	return window;
}

/*
 * Ends what lookup_ask() began.  window may be NULL.
 */
void
lookup_end(DnsWindow *window)
{
	if (window != NULL)
		window_close(window);
}
