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
static dlist_head prefetches = DLIST_STATIC_INIT(prefetches);

static void gather(PrefetchQuestion *prefetched);
static void release_ahead(void *arg);
static void open_window(Prefetch *prefetch);
static bool wait_for(PrefetchQuestion *prefetched);
static void give_up(PrefetchQuestion *prefetched);
static void move_on(Prefetch *first);
static void feed(Prefetch *prefetch);
static int	total_in_flight(void);
static void collect(Prefetch *prefetch);
static bool is_over_limit(const Prefetch *prefetch);

/*
 * What a look-ahead node needs to ask ahead, for the statement whose memory this
 * is.  It ends with prefetch_close(), or with that memory.  The counters are the
 * node's and live as long.
 */
Prefetch *
prefetch_open(MemoryContext owner, LookaheadCounters *counters)
{
	PrefetchStatement *statement = prefetch_statement_find(owner);
	Prefetch   *prefetch;

	if (statement == NULL)
		statement = prefetch_statement_open(owner);
	prefetch = MemoryContextAllocZero(statement->context, sizeof(Prefetch));
	prefetch->statement = statement;
	prefetch->counters = counters;
	dlist_init(&prefetch->queue);
	dlist_init(&prefetch->unused);

	prefetch->release.func = release_ahead;
	prefetch->release.arg = prefetch;
	MemoryContextRegisterResetCallback(statement->context, &prefetch->release);
	dlist_push_tail(&prefetches, &prefetch->node);
	statement->nodes++;
	return prefetch;
}

/*
 * Asks a question ahead, or sees to it that it will be asked when there is room;
 * if the statement has asked it already, that is enough.  One that is not to be
 * asked is only expected, so that it shows whether a call wants it.  Gives a
 * reference, for prefetch_table_drop(), or NULL if it cannot be asked: the call will see.
 */
PrefetchQuestion *
prefetch_start(Prefetch *prefetch, const DnsQuestion *question, bool ask)
{
	uint32		hash;
	PrefetchQuestion *prefetched = prefetch_table_find(prefetch->statement, question, &hash);

	if (prefetched != NULL)
	{
		if (!window_is_current(prefetched->prefetch->window))
			return NULL;
		prefetch_table_hold(prefetched);
		if (prefetched->state == PREFETCH_EXPECTED)
		{
			if (ask)
				gather(prefetched);
			return prefetched;
		}
		prefetch->counters->shared++;
		counters.shared++;
		return prefetched;
	}

	if (prefetch->window == NULL)
		open_window(prefetch);
	if (prefetch->window->failed || !window_is_current(prefetch->window))
		return NULL;

	prefetched = prefetch_table_add(prefetch, question, hash);
	prefetch_table_hold(prefetched);
	if (ask)
		gather(prefetched);
	return prefetched;
}

/*
 * Microseconds that an answer will probably be away: as long as answers usually
 * take from when it was asked, and if it is later than that as long again.
 */
int64
prefetch_time_left(const PrefetchQuestion *prefetched)
{
	const DnsChannel *channel = prefetched->prefetch->window->channel;
	int64		usual = channel != NULL ? channel->rtt : 0;
	int64		age;

	if (usual == 0)
		usual = UNKNOWN_TRIP;

	if (prefetched->state == PREFETCH_DONE)
		return 0;
	if (prefetched->state != PREFETCH_ASKED)
		return usual;
	age = clock_last() - prefetched->slot->reply.asked_at;
	return age < usual ? usual - age : age;
}

/*
 * Octets that the questions take which somebody refers to, or which are under
 * way, with their answers.
 */
Size
prefetch_memory(const Prefetch *prefetch)
{
	return prefetch->memory;
}

/*
 * Takes in what has come, and asks more where there is room then; does not wait,
 * and does nothing if it was called just before.
 */
void
prefetch_attend(Prefetch *prefetch)
{
	int64		now;

	if (prefetch->window == NULL ||
		(window_under_way(prefetch->window) == 0 &&
		 dlist_is_empty(&prefetch->queue)))
		return;
	now = clock_now();
	if (now - prefetch->fed_at >= ASK_AFTER)
	{
		prefetch->fed_at = now;
		feed(prefetch);
	}
	if (now - prefetch->checked_at <
		(dlist_is_empty(&prefetch->queue) ? LOOK_AFTER : LOOK_SOONER))
		return;
	prefetch->checked_at = now;
	wait_look();
	move_on(prefetch);
}

/*
 * Asks the questions that have been gathered.
 */
void
prefetch_ask(Prefetch *prefetch)
{
	if (prefetch->window != NULL)
		feed(prefetch);
}

/*
 * Ends the questions of a node.  What other nodes still refer to stays until all
 * nodes of the statement have come to this.
 */
void
prefetch_close(Prefetch *prefetch)
{
	PrefetchStatement *statement = prefetch->statement;

	if (prefetch->window != NULL)
		window_close(prefetch->window);
	prefetch->window = NULL;
	release_ahead(prefetch);
	if (--statement->nodes == 0)
		MemoryContextDelete(statement->context);
}

/*
 * What came of a question that the calling statement asked ahead, after waiting
 * for it; false if it did not ask, or not in the way it would ask now.  The
 * outcome's message is good until the next lookup.  Raises what waiting raises.
 */
bool
prefetch_outcome(const DnsQuestion *question, DnsOutcome *outcome)
{
	PrefetchStatement *statement = prefetch_statement_calling();
	PrefetchQuestion *prefetched;
	uint32		hash;
	bool		answered;

	if (statement == NULL)
		return false;
	prefetched = prefetch_table_find(statement, question, &hash);
	if (prefetched == NULL || !window_is_current(prefetched->prefetch->window))
		return false;

	prefetch_table_hold(prefetched);
	answered = prefetched->state == PREFETCH_DONE || wait_for(prefetched);
	if (answered)
	{
		prefetched->prefetch->counters->used += !prefetched->used;
		prefetched->used = true;
		outcome_read(outcome, prefetched->prefetch->window, question,
					 &prefetched->reply);
	}
	prefetch_table_drop(prefetched);
	return answered;
}

/* Has a question asked together with others. */
static void
gather(PrefetchQuestion *prefetched)
{
	Prefetch   *prefetch = prefetched->prefetch;

	prefetch_table_queue(prefetched, false);
	if (++prefetch->gathered >= ASK_MANY)
		feed(prefetch);
}

/* Reset callback of the statement's context, or its node has ended. */
static void
release_ahead(void *arg)
{
	Prefetch   *prefetch = arg;

	if (!prefetch->closed)
		dlist_delete(&prefetch->node);
	prefetch->closed = true;
}

/* Raises where no channel can be made, as the call would. */
static void
open_window(Prefetch *prefetch)
{
	MemoryContext old_context = MemoryContextSwitchTo(prefetch->statement->context);

	prefetch->window = window_open(setting_max_in_flight, NULL);
	prefetch->window->prefetch = true;
	prefetch->window->many = true;
	MemoryContextSwitchTo(old_context);
}

/*
 * Waits until a question is done, but not longer than a call may take: then the
 * reply says so.  False if there will be no answer.
 */
static bool
wait_for(PrefetchQuestion *prefetched)
{
	Prefetch   *prefetch = prefetched->prefetch;
	int64		began = clock_now();
	int64		limit = PG_INT64_MAX;
	bool		given_up = false;

	if (setting_deadline > 0)
		limit = clock_waited() + setting_deadline * INT64CONST(1000);
	if (prefetched->state == PREFETCH_EXPECTED || prefetched->state == PREFETCH_QUEUED)
		prefetch_table_queue(prefetched, true);
	for (;;)
	{
		move_on(prefetch);
		if (prefetched->state == PREFETCH_DONE || prefetch->window->failed)
			break;
		if (clock_waited() >= limit)
		{
			give_up(prefetched);
			given_up = true;
			break;
		}
		wait_for_answers(limit == PG_INT64_MAX ? limit :
						 (limit - clock_waited() + 999) / 1000);
	}
	prefetch->counters->waited += clock_now() - began;
	return prefetched->state == PREFETCH_DONE || given_up;
}

/* The call's time is up, but not the question's. */
static void
give_up(PrefetchQuestion *prefetched)
{
	if (prefetched->state == PREFETCH_ASKED)
		prefetched->reply = prefetched->slot->reply;
	else
		prefetched->reply.asked_at = clock_now();
	prefetched->reply.answer = NULL;
	prefetched->reply.status = ARES_ETIMEOUT;
	prefetched->reply.done_at = clock_now();
}

/* Takes what is finished and asks more, this node first. */
static void
move_on(Prefetch *first)
{
	dlist_iter	iter;

	collect(first);
	feed(first);
	dlist_foreach(iter, &prefetches)
	{
		Prefetch   *prefetch = dlist_container(Prefetch, node, iter.cur);

		if (prefetch->window != NULL && prefetch != first)
		{
			collect(prefetch);
			feed(prefetch);
		}
	}
}

/*
 * Asks what is in the queue, as far as there is room.  It goes out at once: the
 * time of what the library has runs, whatever the backend does then.
 */
static void
feed(Prefetch *prefetch)
{
	bool		fed = false;

	prefetch->gathered = 0;
	while (!dlist_is_empty(&prefetch->queue) && !prefetch->window->failed &&
		   total_in_flight() < setting_max_in_flight &&
		   window_has_room(prefetch->window))
	{
		PrefetchQuestion *prefetched = dlist_container(PrefetchQuestion, node,
													   dlist_pop_head_node(&prefetch->queue));
		LookaheadCounters *counted = prefetch->counters;
		DnsQuestion question;

		question.type = prefetched->key.type;
		question.class = prefetched->key.class;
		question.nsid = prefetched->key.nsid;
		question.name.len = prefetched->key.len;
		memcpy(question.name.octets, prefetched->key.octets, prefetched->key.len);
		prefetched->state = PREFETCH_ASKED;
		prefetched->slot = window_submit(prefetch->window, &question,
										 (uint64) (uintptr_t) prefetched);
		counted->started++;
		counted->max_in_flight = Max(counted->max_in_flight,
									 prefetch->window->in_flight);
		fed = true;
	}
	if (fed && prefetch->window->channel != NULL)
		(void) flush_channel(prefetch->window->channel);
}

/* Questions that this process has under way ahead of their calls. */
static int
total_in_flight(void)
{
	int			total = 0;
	dlist_iter	iter;

	dlist_foreach(iter, &prefetches)
	{
		Prefetch   *prefetch = dlist_container(Prefetch, node, iter.cur);

		if (prefetch->window != NULL)
			total += window_under_way(prefetch->window);
	}
	return total;
}

/*
 * Takes the answers of the questions that are finished.  A node that would hold
 * more of them than a call may gives up; rows are read ahead within work_mem, but
 * what is under way comes on top.
 */
static void
collect(Prefetch *prefetch)
{
	DnsSlot    *slot;

	while ((slot = window_finished(prefetch->window)) != NULL)
	{
		/* Where the window failed, what there is may not be the answer. */
		if (!prefetch->window->failed &&
			!prefetch_table_take((PrefetchQuestion *) (uintptr_t) slot->tag, &slot->reply))
			prefetch->window->failed = true;
		slot_release(slot);
		prefetch->window->failed |= is_over_limit(prefetch);
	}
}

static bool
is_over_limit(const Prefetch *prefetch)
{
	return prefetch->memory + prefetch->unused_memory >
		prefetch->window->answer_memory_limit;
}
