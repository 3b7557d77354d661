/*
 * refused.c
 *
 * Questions that no server takes: nobody listens, or this host must not send.  A name
 * server that restarts is back in a moment, so a refusal costs time and no question
 * fails at once.  A refused question waits with the others that are refused, and no new
 * one is asked; retry.c asks again.  The patience counts from the first refusal after
 * the last answer, in time that the backend waits.  If a server ends a connection on
 * which it was asked, it has taken the question.  Runs inside the library too: stores,
 * never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

#include "common/pg_prng.h"
#include "port/pg_bitutils.h"

/*
 * Microseconds until the next refused question is asked again: soon, but without load.
 * The time is random between the two, so that sessions do not ask at the same instant.
 */
#define ASK_AGAIN_AFTER		50000
#define ASK_AGAIN_BEFORE	100000

static bool is_refusal(ares_status_t status);
static DnsReach *reach_of(const DnsSlot *slot);

/*
 * Takes a question with which the library is done, if it was refused and must be asked
 * again.  channel is the window's or a lane's.  False if the question ends here.
 */
bool
refused_take(DnsSlot *slot, const DnsChannel *channel, ares_status_t status)
{
	DnsWindow  *window = slot->window;
	DnsReach   *reach;

	slot->turned_away = false;
	if (!is_refusal(status) || slot->done || slot->reply.answer != NULL ||
		window->of_lane != NULL || window->failed || window->out_of_memory ||
		channel->cut || channel->no_descriptors)
		return false;
	reach = reach_of(slot);
	if (!reach->gone)
	{
		reach->gone_since = clock_waited();
		pace_restart(&window->channel->pace);
	}
	reach->gone = true;
	if (refused_for_good(slot))
		return false;

	slot_drop_bare_error(slot);
	slot_leave_lane(slot);
	slot->isolated = false;
	slot->in_refused = true;
	dlist_push_tail(&window->refused, &slot->refused_node);
	if (window->nrefused++ == 0)
		refused_pause(window, clock_last());
	return true;
}

/*
 * A server has taken no connection.  The library would ask its questions again on the next one at
 * once, until all their tries are used up.  So this writes frames which tell the library
 * that the questions are done which every server has refused.  Returns the octets
 * written; 0 when there is nothing left to tell.
 */
size_t
refused_connection(DnsChannel *channel, DnsSocket *socket, uint8 *frames, size_t size)
{
	size_t		used = 0;
	dlist_iter	iter;

	if (!socket->ended)
		tally_refused(channel->tallies[socket->server]);
	socket->ended = true;
	if (channel->window == NULL)
		return 0;
	dlist_foreach(iter, &channel->window->pending)
	{
		DnsSlot    *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		if (!slot->in_flight || slot->tries[0].socket_serial != socket->serial)
			continue;
		slot->refused_by |= UINT64CONST(1) << socket->server;
		if (pg_popcount64(slot->refused_by) < channel->nservers || slot->turned_away ||
			size - used < STREAM_PREFIX + PLACEHOLDER_STUB_SIZE)
			continue;
		slot->turned_away = true;
		wire_put_u16(frames + used, PLACEHOLDER_STUB_SIZE);
		used += STREAM_PREFIX;
		used += placeholder_write_done(slot->library_id, frames + used);
	}
	return used;
}

/*
 * The status of a question with which the library is done: refused, if it was told so
 * because of that.
 */
ares_status_t
refused_status(DnsSlot *slot, ares_status_t status)
{
	slot->refused_by = 0;
	return slot->turned_away ? ARES_ECONNREFUSED : status;
}

/*
 * Has a query been refused since the last answer?
 */
bool
refused_by_all(const DnsSlot *slot)
{
	return reach_of(slot)->gone;
}

/*
 * Is the patience with refusals over?  Servers that have answered before get the time
 * that silent servers have: timeout * tries for each.  If no server has ever answered,
 * a window of many questions waits for one timeout, and a single question not at all.
 */
bool
refused_for_good(const DnsSlot *slot)
{
	const DnsWindow *window = slot->window;
	const DnsChannel *channel = window->channel;
	const DnsReach *reach = reach_of(slot);
	int64		patience = window->many ? channel->config.timeout : 0;

	if (reach->heard)
		patience = (int64) channel->config.timeout * channel->config.tries *
			channel->nservers;
	return clock_waited() - reach->gone_since >= patience * 1000;
}

/*
 * Sets the time at which the next refused question of a window is asked again.
 */
void
refused_pause(DnsWindow *window, int64 now)
{
	window->ask_again_at = now +
		pg_prng_uint64_range(&pg_global_prng_state, ASK_AGAIN_AFTER,
							 ASK_AGAIN_BEFORE);
}

static bool
is_refusal(ares_status_t status)
{
	/* EBADFAMILY: this host has no IPv6, for example. */
	return status == ARES_ECONNREFUSED || status == ARES_EBADFAMILY;
}

/* The reach of the servers over the transport of a slot. */
static DnsReach *
reach_of(const DnsSlot *slot)
{
	return &slot->window->channel->reach[slot->tcp];
}
