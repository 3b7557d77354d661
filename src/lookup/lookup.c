/*
 * lookup.c
 *
 * Looks up one question, which was asked ahead of the call or gets a window of
 * its own.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/*
 * Asks a question, of server unless that is NULL, and reads the outcome.  The
 * outcome is valid until the caller passes the result, which can be NULL, to
 * lookup_end().  Raises what a window raises.
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
 * Ends a lookup.  window is the result of lookup_ask(), NULL included.
 */
void
lookup_end(DnsWindow *window)
{
	if (window != NULL)
		window_close(window);
}
