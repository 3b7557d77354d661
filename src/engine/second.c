/*
 * second.c
 *
 * Second queries before the time of a try is over.  If the server has answered others
 * meanwhile, a silent question is asked once more with another id, through another port:
 * the id of the answer tells whether the first query was lost.  These queries have a
 * budget; one that shows a loss is given back (burst.c).
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Microseconds after which a silent question can be asked once more, if that is later
 * than twice the usual time: Linux's TCP_RTO_MIN.
 */
#define EARLY_AFTER		INT64CONST(200000)

static int64 early_after(const DnsChannel *channel);

/*
 * The time, on the clock of clock_now(), by which second_ask() must be called.
 */
int64
second_time(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;

	/* Without a budget they wait until their time is up. */
	if (channel->early_left < 1)
		return PG_INT64_MAX;
	return clock_later(channel->early_at,
					   tries_first_after(window, BURST_SILENT, early_after(channel)));
}

/*
 * Asks silent questions once more whose server has answered others meanwhile, as long as
 * the budget lasts.  Can raise.
 */
void
second_ask(DnsWindow *window, int64 now)
{
	DnsChannel *channel = window->channel;

	while (second_time(window) <= now)
	{
		DnsSlot    *slot = tries_first(window, BURST_SILENT);
		int			server = slot->tries[0].server;

		tries_enter(slot, BURST_WAITING);
		if (slot->early ||
			channel->nameservers[server].heard_at <= slot->tried_at ||
			!ask_server(slot, server))
			continue;
		/* As many as the level allows, and not at one instant. */
		channel->early_at = Max(channel->early_at, now) +
			roundtrip_timeout(channel) / channel->pace.level;
		slot->early = true;
		slot->early_id = slot->tries[0].id;
		channel->early_left--;
		counters.resends++;
	}
}

/* Microseconds after which a silent question can be asked once more. */
static int64
early_after(const DnsChannel *channel)
{
	return clock_earlier(clock_later(EARLY_AFTER, 2 * roundtrip_timeout(channel)),
						 tries_time(channel) / 2);
}
