/*
 * prefetch.c
 *
 * Asks questions before the call that needs them: a look-ahead node starts them,
 * and the lookup function takes what came of them.  Each node has a window.  Only
 * as many questions are under way as a call may have; the others wait for their
 * turn, and whoever waits, all windows get on.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/*
 * How often answers are looked for while rows are read: not often, since a look
 * at all that was asked finds all of it answered where servers are near, and the
 * sockets are closed then.
 */
#define LOOK_AFTER		2000	/* us */
#define LOOK_SOONER		500		/* the same, where questions wait for room */

/*
 * How many questions are gathered, and how long, to be asked together while rows
 * come fast.  Where the next row is long in coming, they wait for that: whoever
 * needs an answer asks them.
 */
#define ASK_MANY		64
#define ASK_AFTER		200		/* us */

/* How long an answer takes, in microseconds, while none has come. */
#define UNKNOWN_TRIP	20000

/* The nodes that have not ended. */
static dlist_head aheads = DLIST_STATIC_INIT(aheads);

static void gather(DnsPending *pending);
static void release_ahead(void *arg);
static void open_window(DnsAhead *ahead);
static bool wait_for(DnsPending *pending);
static void give_up(DnsPending *pending);
static void move_on(DnsAhead *first);
static void feed(DnsAhead *ahead);
static int	total_in_flight(void);
static void collect(DnsAhead *ahead);
static bool is_over_limit(const DnsAhead *ahead);

/*
 * What a look-ahead node needs to ask ahead, for the statement whose memory this
 * is.  It ends with ahead_close(), or with that memory.  The counters are the
 * node's and live as long.
 */
DnsAhead *
ahead_open(MemoryContext owner, LookaheadCounters *counters)
{
	DnsStatement *statement = statement_find(owner);
	DnsAhead   *ahead;

	if (statement == NULL)
		statement = statement_open(owner);
	ahead = MemoryContextAllocZero(statement->context, sizeof(DnsAhead));
	ahead->statement = statement;
	ahead->counters = counters;
	dlist_init(&ahead->queue);
	dlist_init(&ahead->unused);

	ahead->release.func = release_ahead;
	ahead->release.arg = ahead;
	MemoryContextRegisterResetCallback(statement->context, &ahead->release);
	dlist_push_tail(&aheads, &ahead->node);
	statement->nodes++;
	return ahead;
}

/*
 * Asks a question ahead, or sees to it that it will be asked when there is room;
 * if the statement has asked it already, that is enough.  One that is not to be
 * asked is only expected, so that it shows whether a call wants it.  Gives a
 * reference, for pending_drop(), or NULL if it cannot be asked: the call will see.
 */
DnsPending *
ahead_start(DnsAhead *ahead, const DnsQuestion *question, bool ask)
{
	uint32		hash;
	DnsPending *pending = pending_find(ahead->statement, question, &hash);

	if (pending != NULL)
	{
		if (!window_is_current(pending->ahead->window))
			return NULL;
		pending_hold(pending);
		if (pending->state == PENDING_EXPECTED)
		{
			if (ask)
				gather(pending);
			return pending;
		}
		ahead->counters->shared++;
		counters.shared++;
		return pending;
	}

	if (ahead->window == NULL)
		open_window(ahead);
	if (ahead->window->failed || !window_is_current(ahead->window))
		return NULL;

	pending = pending_add(ahead, question, hash);
	pending_hold(pending);
	if (ask)
		gather(pending);
	return pending;
}

/*
 * Microseconds that an answer will probably be away: as long as answers usually
 * take from when it was asked, and if it is later than that as long again.
 */
int64
ahead_time_left(const DnsPending *pending)
{
	const DnsChannel *channel = pending->ahead->window->channel;
	int64		usual = channel != NULL ? channel->rtt : 0;
	int64		age;

	if (usual == 0)
		usual = UNKNOWN_TRIP;

	if (pending->state == PENDING_DONE)
		return 0;
	if (pending->state != PENDING_ASKED)
		return usual;
	age = clock_last() - pending->slot->reply.asked_at;
	return age < usual ? usual - age : age;
}

/*
 * Octets that the questions take which somebody refers to, or which are under
 * way, with their answers.
 */
Size
ahead_memory(const DnsAhead *ahead)
{
	return ahead->memory;
}

/*
 * Takes in what has come, and asks more where there is room then; does not wait,
 * and does nothing if it was called just before.
 */
void
ahead_attend(DnsAhead *ahead)
{
	int64		now;

	if (ahead->window == NULL ||
		(window_under_way(ahead->window) == 0 &&
		 dlist_is_empty(&ahead->queue)))
		return;
	now = clock_now();
	if (now - ahead->fed_at >= ASK_AFTER)
	{
		ahead->fed_at = now;
		feed(ahead);
	}
	if (now - ahead->checked_at <
		(dlist_is_empty(&ahead->queue) ? LOOK_AFTER : LOOK_SOONER))
		return;
	ahead->checked_at = now;
	wait_look();
	move_on(ahead);
}

/*
 * Asks the questions that have been gathered.
 */
void
ahead_ask(DnsAhead *ahead)
{
	if (ahead->window != NULL)
		feed(ahead);
}

/*
 * Ends the questions of a node.  What other nodes still refer to stays until all
 * nodes of the statement have come to this.
 */
void
ahead_close(DnsAhead *ahead)
{
	DnsStatement *statement = ahead->statement;

	if (ahead->window != NULL)
		window_close(ahead->window);
	ahead->window = NULL;
	release_ahead(ahead);
	if (--statement->nodes == 0)
		MemoryContextDelete(statement->context);
}

/*
 * What came of a question that the calling statement asked ahead, after waiting
 * for it; false if it did not ask, or not in the way it would ask now.  The
 * outcome's message is good until the next lookup.  Raises what waiting raises.
 */
bool
ahead_outcome(const DnsQuestion *question, DnsOutcome *outcome)
{
	DnsStatement *statement = statement_calling();
	DnsPending *pending;
	uint32		hash;
	bool		answered;

	if (statement == NULL)
		return false;
	pending = pending_find(statement, question, &hash);
	if (pending == NULL || !window_is_current(pending->ahead->window))
		return false;

	pending_hold(pending);
	answered = pending->state == PENDING_DONE || wait_for(pending);
	if (answered)
	{
		pending->ahead->counters->used += !pending->used;
		pending->used = true;
		outcome_read(outcome, pending->ahead->window, question,
					 &pending->reply);
	}
	pending_drop(pending);
	return answered;
}

/* Has a question asked together with others. */
static void
gather(DnsPending *pending)
{
	DnsAhead   *ahead = pending->ahead;

	pending_queue(pending, false);
	if (++ahead->gathered >= ASK_MANY)
		feed(ahead);
}

/* Reset callback of the statement's context, or its node has ended. */
static void
release_ahead(void *arg)
{
	DnsAhead   *ahead = arg;

	if (!ahead->closed)
		dlist_delete(&ahead->node);
	ahead->closed = true;
}

/* Raises where no channel can be made, as the call would. */
static void
open_window(DnsAhead *ahead)
{
	MemoryContext old_context = MemoryContextSwitchTo(ahead->statement->context);

	ahead->window = window_open(setting_max_in_flight, NULL);
	ahead->window->ahead = true;
	ahead->window->many = true;
	MemoryContextSwitchTo(old_context);
}

/*
 * Waits until a question is done, but not longer than a call may take: then the
 * reply says so.  False if there will be no answer.
 */
static bool
wait_for(DnsPending *pending)
{
	DnsAhead   *ahead = pending->ahead;
	int64		began = clock_now();
	int64		limit = PG_INT64_MAX;
	bool		given_up = false;

	if (setting_deadline > 0)
		limit = clock_waited() + setting_deadline * INT64CONST(1000);
	if (pending->state == PENDING_EXPECTED || pending->state == PENDING_QUEUED)
		pending_queue(pending, true);
	for (;;)
	{
		move_on(ahead);
		if (pending->state == PENDING_DONE || ahead->window->failed)
			break;
		if (clock_waited() >= limit)
		{
			give_up(pending);
			given_up = true;
			break;
		}
		wait_for_answers(limit == PG_INT64_MAX ? limit :
						 (limit - clock_waited() + 999) / 1000);
	}
	ahead->counters->waited += clock_now() - began;
	return pending->state == PENDING_DONE || given_up;
}

/* The call's time is up, but not the question's. */
static void
give_up(DnsPending *pending)
{
	if (pending->state == PENDING_ASKED)
		pending->reply = pending->slot->reply;
	else
		pending->reply.asked_at = clock_now();
	pending->reply.answer = NULL;
	pending->reply.status = ARES_ETIMEOUT;
	pending->reply.done_at = clock_now();
}

/* Takes what is finished and asks more, this node first. */
static void
move_on(DnsAhead *first)
{
	dlist_iter	iter;

	collect(first);
	feed(first);
	dlist_foreach(iter, &aheads)
	{
		DnsAhead   *ahead = dlist_container(DnsAhead, node, iter.cur);

		if (ahead->window != NULL && ahead != first)
		{
			collect(ahead);
			feed(ahead);
		}
	}
}

/*
 * Asks what is in the queue, as far as there is room.  It goes out at once: the
 * time of what the library has runs, whatever the backend does then.
 */
static void
feed(DnsAhead *ahead)
{
	bool		fed = false;

	ahead->gathered = 0;
	while (!dlist_is_empty(&ahead->queue) && !ahead->window->failed &&
		   total_in_flight() < setting_max_in_flight &&
		   window_has_room(ahead->window))
	{
		DnsPending *pending = dlist_container(DnsPending, node,
											  dlist_pop_head_node(&ahead->queue));
		LookaheadCounters *counted = ahead->counters;
		DnsQuestion question;

		question.type = pending->key.type;
		question.class = pending->key.class;
		question.nsid = pending->key.nsid;
		question.name.len = pending->key.len;
		memcpy(question.name.octets, pending->key.octets, pending->key.len);
		pending->state = PENDING_ASKED;
		pending->slot = window_submit(ahead->window, &question,
									  (uint64) (uintptr_t) pending);
		counted->started++;
		counted->max_in_flight = Max(counted->max_in_flight,
									 ahead->window->in_flight);
		fed = true;
	}
	if (fed && ahead->window->channel != NULL)
		(void) flush_channel(ahead->window->channel);
}

/* Questions that this process has under way ahead of their calls. */
static int
total_in_flight(void)
{
	int			total = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &aheads)
	{
		DnsAhead   *ahead = dlist_container(DnsAhead, node, iter.cur);

		if (ahead->window != NULL)
			total += window_under_way(ahead->window);
	}
	return total;
}

/*
 * Takes the answers of the questions that are finished.  A node that would hold
 * more of them than a call may gives up; rows are read ahead within work_mem, but
 * what is under way comes on top.
 */
static void
collect(DnsAhead *ahead)
{
	DnsSlot    *slot;

	while ((slot = window_finished(ahead->window)) != NULL)
	{
		/* Where the window failed, what there is may not be the answer. */
		if (!ahead->window->failed &&
			!pending_take((DnsPending *) (uintptr_t) slot->tag, &slot->reply))
			ahead->window->failed = true;
		slot_release(slot);
		ahead->window->failed |= is_over_limit(ahead);
	}
}

static bool
is_over_limit(const DnsAhead *ahead)
{
	return ahead->memory + ahead->unused_memory >
		ahead->window->answer_memory_limit;
}
