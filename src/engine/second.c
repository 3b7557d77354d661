/*
 * second.c
 *
 * Early queries, before the time of a try is over.  If the server has answered others
 * meanwhile, a silent question is asked once more with another id, through another port:
 * the id of the answer tells whether the first query was lost.  These queries have a
 * budget; one that shows a loss is given back.
 *
 * Where queries are lost by chance, not since there are too many, the early query comes as
 * soon as the answer is late.  If another one has shown a loss, a second early query
 * follows after twice that time (RFC 6298 section 5.5).  It is the question's next try, made
 * early; at the time of that try the question only waits.  So no question costs more, and
 * its patience stays as it is.  In the last quarter of a try nothing is asked early.
 */
#include "postgres.h"

#include "engine/engine.h"

/*
 * Microseconds after which a silent question can be asked once more, if that is later
 * than twice the usual time: Linux's TCP_RTO_MIN.
 */
#define EARLY_AFTER		INT64CONST(200000)

/*
 * The backend wakes late by up to this many microseconds; queries that are due by then go
 * out together.
 */
#define LATE_WAKE		2000

static int64 second_at(const DnsWindow *window);
static int64 third_at(const DnsWindow *window);
static bool ask_early(DnsSlot *slot, int server, int64 now);
static bool may_be_third(const DnsSlot *slot);
static bool has_answered(const DnsSlot *slot, int64 since);
static int64 early_after(const DnsWindow *window);
static int64 long_after(const DnsChannel *channel);

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
					   clock_earlier(second_at(window), third_at(window)));
}

/*
 * Asks silent questions once more whose server has answered others meanwhile, as long as
 * the budget lasts.  Can raise.
 */
void
second_ask(DnsWindow *window, int64 now)
{
	while (second_time(window) <= window->channel->read_until)
	{
		if (third_at(window) <= window->channel->read_until)
		{
			DnsSlot    *slot = tries_first(window, BURST_SECOND);
			int			server = slot->tries[0].server;

			tries_enter(slot, BURST_WAITING);
			if (may_be_third(slot) && ask_early(slot, server, now))
				slot->made_early = server + 1;
		}
		else
		{
			DnsSlot    *slot = tries_first(window, BURST_SILENT);
			int			server = slot->tries[0].server;

			tries_enter(slot, BURST_SECOND);
			if (!slot->early && has_answered(slot, slot->tried_at) &&
				now < slot->tried_at + tries_time(window->channel) / 4 * 3)
				(void) ask_early(slot, server, now);
		}
	}
}

/*
 * Learns from the answer to an early query, which has arrived first: those before it were
 * lost, lately or in another try.  Raises nothing.
 */
void
second_answered(DnsSlot *slot, const DnsTry *try)
{
	DnsChannel *channel = slot->window->channel;

	if (slot->tried_at <= try->sent_at)
		pace_lost(&channel->pace, slot->tried_at);
	channel->early_left += try->early;
	slot->window->loses = true;
}

/*
 * Was the try of a question that is about to begin made early?  Then the question only
 * waits for as long as the try lasts.
 */
bool
second_was_early(DnsSlot *slot)
{
	if (slot->made_early != slot->server + 1)
		return false;
	slot->made_early = 0;
	slot->sample = 0;
	slot->tried_at = clock_last();
	tries_enter(slot, BURST_AGAIN);
	return true;
}

/*
 * The time at which the first silent question can be asked early.  The server can take
 * longer to answer others; if there are more servers, those behind it do not wait for that.
 */
static int64
second_at(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;
	const DnsSlot *slot;

	if (window->nburst[BURST_SILENT] == 0)
		return PG_INT64_MAX;
	slot = tries_first(window, BURST_SILENT);
	if (has_answered(slot, slot->tried_at))
		return slot->tried_at + early_after(window);
	return channel->nnameservers > 1 ? slot->tried_at + long_after(channel) : PG_INT64_MAX;
}

/*
 * The time at which the first question that was asked early can be asked early again, or
 * turns out to be none that is.
 */
static int64
third_at(const DnsWindow *window)
{
	const DnsSlot *slot;
	int64		second_sent;

	if (window->nburst[BURST_SECOND] == 0 || !window->loses ||
		!loss_is_chance(&window->channel->pace, tries_fresh(window), true))
		return PG_INT64_MAX;
	slot = tries_first(window, BURST_SECOND);
	second_sent = slot->tries[0].sent_at;
	if (!may_be_third(slot))
		return 0;
	return has_answered(slot, second_sent) ? second_sent + 2 * early_after(window) :
		PG_INT64_MAX;
}

/* Queues an early query of a question.  False if there is no socket.  Can raise. */
static bool
ask_early(DnsSlot *slot, int server, int64 now)
{
	DnsChannel *channel = slot->window->channel;

	if (!ask_server(slot, server))
		return false;
	/* As many as the level allows, and not at one instant. */
	channel->early_at = Max(channel->early_at, now - LATE_WAKE) +
		roundtrip_timeout(channel) / channel->pace.level;
	slot->tries[0].early = ++slot->early;
	channel->early_left--;
	counters.resends++;
	return true;
}

/*
 * Can the next try of a question be made early?  One must be left then for a server that
 * goes away for a while.
 */
static bool
may_be_third(const DnsSlot *slot)
{
	return slot->tries[0].early == 1 && held_has_tries(slot);
}

/* Has the server of a question's last query answered any question since this time? */
static bool
has_answered(const DnsSlot *slot, int64 since)
{
	return slot->window->channel->nameservers[slot->tries[0].server].heard_at > since;
}

/*
 * Microseconds after which a silent question can be asked early: if queries can be lost
 * since there are too many of them, a long time; if many answers are late, but some
 * queries have been lost, twice the usual time.
 */
static int64
early_after(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;
	int			fresh = tries_fresh(window);

	if (loss_is_chance(&channel->pace, fresh, false))
		return roundtrip_timeout(channel);
	if (window->loses && loss_is_chance(&channel->pace, fresh, true))
		return clock_earlier(2 * roundtrip_timeout(channel), long_after(channel));
	return long_after(channel);
}

/* The long time of early_after(), which is over before the try is. */
static int64
long_after(const DnsChannel *channel)
{
	return clock_earlier(clock_later(EARLY_AFTER, 2 * roundtrip_timeout(channel)),
						 tries_time(channel) / 2);
}
