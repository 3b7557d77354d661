/*
 * prefetch.c
 *
 * Asks questions ahead of the call that needs them: a look-ahead node starts
 * them, and the lookup function takes the outcomes.  All nodes of a statement
 * share a window.  All statements of the process together have no more
 * questions in flight than one call can have; the others queue.  A wait for any
 * answer serves all windows.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/*
 * How often to check for answers while rows are read.  Checks every 500 us
 * found every question answered if the server was near; the sockets are closed
 * then, and made anew for the next 20 questions.  While questions are queued,
 * each answer makes room for one, so checks are more frequent.
 */
#define LOOK_AFTER		2000	/* us */
#define LOOK_SOONER		500		/* the same, while questions are queued */

/*
 * How many questions to gather, and for how long, to ask them together while rows come
 * fast.  If the next row is slow, they wait for it, or until a call that needs an answer
 * asks them.  Both are chosen, not measured.
 */
#define ASK_MANY		64
#define ASK_AFTER		200		/* us */

/* The first questions, which show whether some names have no answer; chosen in test/sim. */
#define MANY			256

/*
 * The assumed time of an answer before the first, in microseconds.  Chosen, not
 * measured.
 */
#define UNKNOWN_TRIP	20000

static bool take_cached(PrefetchQuestion *prefetched);
static void open_window(PrefetchStatement *statement);
static bool wait_for(PrefetchQuestion *prefetched, const DnsQuestion *question,
					 DnsReply *reply);
static void move_on(Prefetch *first);
static void feed(Prefetch *prefetch);
static bool is_any(const DnsWindow *window);
static void flush(DnsWindow *window);
static int	total_in_flight(void);
static void take_answers(PrefetchStatement *statement, DnsWindow *window,
						 const CacheScope *scope);
static void collect(PrefetchStatement *statement);

/*
 * Opens a prefetch for a look-ahead node of the statement whose memory is
 * owner.  It ends with prefetch_close(), or with that memory.  The node owns
 * the counters, which must live as long.
 */
Prefetch *
prefetch_open(MemoryContext owner, LookaheadCounters *counters)
{
	PrefetchStatement *statement = prefetch_statement_open(owner);
	Prefetch   *prefetch = MemoryContextAllocZero(statement->context,
												  sizeof(Prefetch));

	prefetch->statement = statement;
	prefetch->counters = counters;
	dlist_push_tail(&statement->prefetches, &prefetch->node);
	return prefetch;
}

/*
 * Notes a question that a call will probably ask, unless the statement has it
 * already; server is NULL for those of the settings.  Gives a reference, which
 * the caller returns with prefetch_table_drop(), or NULL if the question cannot
 * be asked: the call will find out why.
 */
PrefetchQuestion *
prefetch_start(Prefetch *prefetch, const char *server, const DnsQuestion *question)
{
	PrefetchStatement *statement = prefetch->statement;
	PrefetchServer *chosen = NULL;
	DnsWindow  *window;
	uint32		hash;
	PrefetchQuestion *prefetched;

	if (server != NULL)
		chosen = prefetch_server_get(statement, server);
	else if (statement->window == NULL)
		open_window(statement);
	window = chosen != NULL ? chosen->window : statement->window;
	if (window != NULL && (window->failed || !window_is_current(window)))
		return NULL;

	prefetched = prefetch_table_find(statement, chosen, question, &hash);
	if (prefetched == NULL)
		prefetched = prefetch_table_add(prefetch, chosen, question, hash);
	else if (prefetched->state != PREFETCH_EXPECTED)
	{
		prefetch->counters->shared++;
		counters.shared++;
	}
	prefetch_table_hold(prefetched);
	return prefetched;
}

/*
 * Queues a question that is only expected, to be asked together with others,
 * unless the cache has its answer.  False if too many other servers are asked.
 */
bool
prefetch_gather(PrefetchQuestion *prefetched)
{
	Prefetch   *prefetch = prefetched->prefetch;

	if (prefetched->server != NULL && !prefetch_server_open(prefetched->server))
		return false;
	if (prefetched->state == PREFETCH_EXPECTED && take_cached(prefetched))
		return true;
	prefetch_table_queue(prefetched, false);
	if (++prefetch->gathered >= ASK_MANY)
		feed(prefetch);
	return true;
}

/*
 * Estimates the microseconds until an answer comes: the rest of the usual
 * round trip, or, if that has passed, as long again as the question is old.
 */
int64
prefetch_time_left(const PrefetchQuestion *prefetched)
{
	const DnsWindow *window = prefetch_table_window(prefetched);
	int64		usual = window != NULL && window->channel != NULL ?
		window->channel->rtt : 0;
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
 * Takes the answers that have come, and asks more questions if there is room.  Does not
 * wait, and does nothing just after another call.  The caller has called clock_now().
 */
void
prefetch_attend(Prefetch *prefetch)
{
	int64		now;

	if (prefetch->queue.count == 0 && prefetch_statement_in_flight(prefetch->statement) == 0)
		return;
	now = clock_last();
	if (now - prefetch->fed_at >= ASK_AFTER)
	{
		prefetch->fed_at = now;
		feed(prefetch);
	}
	if (now - prefetch->checked_at <
		(prefetch->queue.count == 0 ? LOOK_AFTER : LOOK_SOONER))
		return;
	prefetch->checked_at = now;
	wait_look();
	move_on(prefetch);
}

/*
 * Asks the gathered questions.
 */
void
prefetch_ask(Prefetch *prefetch)
{
	feed(prefetch);
}

/*
 * Ends the prefetch of a node, whose references the caller has returned.  The
 * last one of the statement ends all of its questions.
 */
void
prefetch_close(Prefetch *prefetch)
{
	PrefetchStatement *statement = prefetch->statement;
	dlist_iter	iter;

	dlist_delete(&prefetch->node);
	if (!dlist_is_empty(&statement->prefetches))
		return;
	if (statement->window != NULL)
		window_close(statement->window);
	dlist_foreach(iter, &statement->servers)
	{
		PrefetchServer *server = dlist_container(PrefetchServer, node, iter.cur);

		if (server->window != NULL)
			window_close(server->window);
	}
	MemoryContextDelete(statement->context);
}

/*
 * Waits for a question that the calling statement asked ahead, and reads reply and
 * outcome; server is NULL for those of the settings.  False if it was not asked, or with
 * other settings, or is not answered and must not wait.  The outcome points into the
 * reply; its message is valid until the next lookup.  Raises what waiting raises.
 */
bool
prefetch_outcome(const char *server, const DnsQuestion *question, bool wait,
				 DnsReply *reply, DnsOutcome *outcome)
{
	PrefetchStatement *statement = prefetch_statement_calling();
	PrefetchServer *chosen;
	PrefetchQuestion *prefetched;
	DnsWindow  *window;
	uint32		hash;
	bool		answered;

	if (statement == NULL)
		return false;
	chosen = server != NULL ? prefetch_server_find(statement, server) : NULL;
	if (server != NULL && chosen == NULL)
		return false;
	prefetched = prefetch_table_find(statement, chosen, question, &hash);
	if (prefetched == NULL)
		return false;
	window = prefetch_table_window(prefetched);
	if (window == NULL || !window_is_current(window))
		return false;

	prefetch_table_hold(prefetched);
	answered = prefetched->state == PREFETCH_DONE ||
		(wait && wait_for(prefetched, question, reply));
	if (prefetched->state == PREFETCH_DONE)
		prefetch_answer_read(prefetched->answer, reply);
	if (answered)
	{
		if (!prefetched->used && prefetched->credit != NULL)
			*prefetched->credit += prefetched->earns;
		prefetched->prefetch->counters->used += !prefetched->used;
		prefetched->used = true;
		outcome_read(outcome, window, question, reply);
	}
	prefetch_table_drop(prefetched);
	return answered;
}

/*
 * Takes the answer of a question that is only expected from the cache.  False if that has
 * none.  The answer stays with the statement: until the call, the entry can go.
 */
static bool
take_cached(PrefetchQuestion *prefetched)
{
	const PrefetchServer *server = prefetched->server;
	DnsQuestion question;
	DnsReply	reply;
	bool		taken;

	prefetch_table_question(prefetched, &question);
	if (!cache_find(server != NULL ? &server->scope : &prefetched->prefetch->statement->scope,
					&question, &reply))
		return false;
	taken = prefetch_table_take(prefetched, &reply);
	if (reply.answer != NULL)
		pfree(reply.answer);
	prefetched->used |= taken;	/* it was not started */
	return taken;
}

/* Raises if it cannot make a channel, as the call would. */
static void
open_window(PrefetchStatement *statement)
{
	MemoryContext old_context = MemoryContextSwitchTo(statement->context);

	cache_open(&statement->scope, NULL);
	statement->window = window_open(setting_max_in_flight, NULL);
	statement->window->prefetch = true;
	statement->window->many = true;
	MemoryContextSwitchTo(old_context);
}

/*
 * Waits until a question is done, at most for pgcares.deadline, then makes a reply: a
 * timeout.  False if the window has failed.
 */
static bool
wait_for(PrefetchQuestion *prefetched, const DnsQuestion *question, DnsReply *reply)
{
	Prefetch   *prefetch = prefetched->prefetch;
	const DnsWindow *window = prefetch_table_window(prefetched);
	int64		began = clock_now();
	int64		limit = PG_INT64_MAX;
	bool		given_up = false;

	if (setting_deadline > 0)
		limit = clock_waited() - clock_statement() + setting_deadline * INT64CONST(1000);
	if (prefetched->state == PREFETCH_EXPECTED && take_cached(prefetched))
		return true;
	if (prefetched->state == PREFETCH_EXPECTED || prefetched->state == PREFETCH_QUEUED)
		prefetch_table_queue(prefetched, true);
	for (;;)
	{
		move_on(prefetch);
		if (prefetched->state == PREFETCH_DONE || window->failed)
			break;
		if (clock_waited() >= limit)
		{
			prefetch_answer_give_up(prefetched, reply);
			slow_log(window, question, reply);
			given_up = true;
			break;
		}
		wait_for_answers(limit == PG_INT64_MAX ? limit :
						 (limit - clock_waited() + 999) / 1000);
	}
	prefetch->counters->waited += clock_now() - began;
	return prefetched->state == PREFETCH_DONE || given_up;
}

/* Takes finished answers and asks more, for this node first. */
static void
move_on(Prefetch *first)
{
	PrefetchStatement *statement = NULL;

	collect(first->statement);
	feed(first);
	while ((statement = prefetch_statement_next(statement)) != NULL)
	{
		dlist_iter	iter;

		collect(statement);
		dlist_foreach(iter, &statement->prefetches)
			feed(dlist_container(Prefetch, node, iter.cur));
	}
}

/*
 * Asks queued questions while there is room, and sends them at once: their
 * time in the library runs even while the backend works.
 */
static void
feed(Prefetch *prefetch)
{
	LookaheadCounters *counted = prefetch->counters;
	DnsWindow  *fed = NULL;
	bool		any = is_any(prefetch->statement->window);

	prefetch->gathered = 0;
	while (prefetch->queue.count > 0 &&
		   total_in_flight() < setting_max_in_flight)
	{
		PrefetchQuestion *prefetched = prefetch_queue_next(&prefetch->queue, any);
		DnsWindow  *window = prefetch_table_window(prefetched);
		DnsQuestion question;

		if (window->failed || !window_has_room(window))
			break;
		if (fed != NULL && fed != window)
			flush(fed);
		fed = window;
		prefetch_queue_remove(prefetched);
		prefetch_table_question(prefetched, &question);
		prefetched->state = PREFETCH_ASKED;
		prefetched->slot = window_submit(window, &question,
										 (uint64) (uintptr_t) prefetched);
		counted->started++;
		counted->max_in_flight = Max(counted->max_in_flight, window->in_flight);
	}
	if (fed != NULL)
		flush(fed);
}

/*
 * Is any question asked next, not the first one?  Not as long as all of many are answered.
 */
static bool
is_any(const DnsWindow *window)
{
	return window != NULL && (window->progress->asked < MANY || tries_waiting(window) > 0);
}

static void
flush(DnsWindow *window)
{
	if (window->channel != NULL)
		(void) flush_channel(window->channel);
}

/* Questions of all statements that are in flight. */
static int
total_in_flight(void)
{
	PrefetchStatement *statement = NULL;
	int			total = 0;

	while ((statement = prefetch_statement_next(statement)) != NULL)
		total += prefetch_statement_in_flight(statement);
	return total;
}

/* Takes the answers of all windows of a statement. */
static void
collect(PrefetchStatement *statement)
{
	dlist_iter	iter;

	if (statement->window != NULL)
		take_answers(statement, statement->window, &statement->scope);
	dlist_foreach(iter, &statement->servers)
	{
		PrefetchServer *server = dlist_container(PrefetchServer, node, iter.cur);

		if (server->window != NULL)
			take_answers(statement, server->window, &server->scope);
	}
}

/*
 * Takes the answers of finished questions.  A statement whose questions and
 * answers exceed the limit of one call fails: work_mem bounds the rows read
 * ahead, but the questions in flight come on top.
 */
static void
take_answers(PrefetchStatement *statement, DnsWindow *window, const CacheScope *scope)
{
	DnsSlot    *slot;

	while ((slot = chain_finished(window)) != NULL)
	{
		slow_log(window, &slot->question, &slot->reply);
		/* After a failure of the window, a reply is not reliable. */
		if (!window->failed)
			cache_keep(scope, slot);
		if (!window->failed &&
			!prefetch_table_take((PrefetchQuestion *) (uintptr_t) slot->tag, &slot->reply))
			window->failed = true;
		slot_release(slot);
		window->failed |= statement->memory + statement->unused_memory >
			window->answer_memory_limit;
	}
}
