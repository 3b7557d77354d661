/*
 * resend.c
 *
 * Asks again where a datagram seems to be lost.  The library does so only when
 * the whole time of a try is over, and takes that for a failure of the server.
 * Where a server has answered later questions meanwhile, it is there, and the
 * question is sent once more on the same socket.  A server that is silent to
 * everybody, or slow for everybody, gets no query more than before.
 */
#include "postgres.h"

#include "pgcares.h"

/*
 * Not before this time, in microseconds, and not before so many times the time
 * that answers usually take: names that a resolver has to look up itself are
 * slower than those it knows.
 */
#define RESEND_AFTER		500000
#define RESEND_AFTER_TRIPS	4

/*
 * Sooner where fewer than this share of the questions that may be in flight are
 * left, so that everybody waits for the last ones: a query too many costs less.
 */
#define LAST_ONES			2
#define RESEND_LAST_AFTER	250000

/* How often within one try. */
#define MAX_RESENDS			3

/*
 * So many times the time that answers usually take after a query was sent again,
 * an answer may be one to that.
 */
#define RESENT_TRIPS		2

static int64 patience(const DnsWindow *window);
static bool are_last_ones(const DnsWindow *window);
static bool seems_lost(const DnsSlot *slot);

/*
 * Notes that the library sends a slot's query: a new try begins.  Called inside
 * the library; never raises.
 */
void
resend_begin(DnsSlot *slot)
{
	slot_leave_sent(slot);
	slot->resends = 0;
}

/*
 * Takes into the books which queries the last flush has sent.  Raises nothing.
 */
void
resend_sent(DnsChannel *channel)
{
	for (int i = 0; i < channel->nsent; i++)
	{
		const DnsSent *sent = &channel->sent[i];
		DnsSlot    *slot = placeholder_slot(channel, sent->socket_serial, sent->id);

		/* Its time may be up, but the library goes on; or it is sent once more. */
		if (slot == NULL || slot->done || slot->in_sent)
			continue;
		slot->sent_at = slot->looked_at = channel->sent_at;
		slot->sent_number = ++channel->last_number;
		slot->in_sent = true;
		dlist_push_tail(&slot->window->sent, &slot->sent_node);
	}
	channel->nsent = 0;
}

/*
 * Notes that a server has answered a slot's query: what that took, and that it
 * has come to queries of that time.  Called inside the library; never raises.
 */
void
resend_heard(DnsSlot *slot, int server)
{
	DnsWindow  *window = slot->window;
	int64	   *usual = &window->channel->usual_trip;
	int64		trip = clock_last() - slot->sent_at;

	window->heard_of[server] = Max(window->heard_of[server], slot->sent_number);

	/*
	 * Which of several queries an answer belongs to, nobody knows.  One that comes in
	 * the usual time after the last says that the one before was lost; one that comes
	 * later is an answer to that, which was slow.
	 */
	if (slot->reply.queries == 1)
		*usual += *usual == 0 ? trip : (trip - *usual) / 8;
	else if (slot->resends > 0 &&
			 clock_last() - slot->looked_at <= RESENT_TRIPS * *usual)
		pace_lost(&window->channel->pace, slot->sent_at);
}

/*
 * Microseconds after which something is late that has begun to come, or that
 * later questions have got already.
 */
int64
resend_patience(const DnsChannel *channel)
{
	return Max(RESEND_AFTER, RESEND_AFTER_TRIPS * channel->usual_trip);
}

/*
 * When resend_lost() may next find something to do, on the clock of clock_now().
 */
int64
resend_time(DnsWindow *window)
{
	if (dlist_is_empty(&window->sent))
		return PG_INT64_MAX;
	return dlist_head_element(DnsSlot, sent_node, &window->sent)->looked_at +
		patience(window);
}

/*
 * Queues what seems to be lost, to be sent again.  Each query in the list is looked
 * at once.
 */
void
resend_lost(DnsWindow *window)
{
	int64		now = clock_now();
	int64		late = now - patience(window);
	const DnsSlot *last;
	bool		more = !dlist_is_empty(&window->sent);

	if (more)
		last = dlist_tail_element(DnsSlot, sent_node, &window->sent);
	while (more)
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, sent_node,
											  &window->sent);

		if (slot->looked_at > late)
			break;
		more = (slot != last);
		slot_leave_sent(slot);
		if (slot->resends == MAX_RESENDS)
			continue;			/* the library will try again */
		if (seems_lost(slot) && outgoing_again(window->channel, slot))
		{
			slot->resends++;
			counters.resends++;
		}
		slot->looked_at = now;
		slot->in_sent = true;
		dlist_push_tail(&window->sent, &slot->sent_node);
	}
}

/* Microseconds after which a query is late. */
static int64
patience(const DnsWindow *window)
{
	if (!are_last_ones(window))
		return resend_patience(window->channel);
	return Max(RESEND_LAST_AFTER,
			   RESEND_AFTER_TRIPS * window->channel->usual_trip);
}

/* Are hardly any questions in flight, compared with what may be? */
static bool
are_last_ones(const DnsWindow *window)
{
	return window->in_flight < window->channel->pace.level / LAST_ONES;
}

/* Has the server answered what it was asked later? */
static bool
seems_lost(const DnsSlot *slot)
{
	return slot->window->heard_of[slot->server] > slot->sent_number;
}
