/*
 * prefetch_statement.c
 *
 * The statements that ask ahead, and which of them runs.  The memory of its
 * executor state identifies a statement.
 */
#include "postgres.h"

#include "lookup/lookup.h"

static dlist_head statements = DLIST_STATIC_INIT(statements);

/* The innermost run of the executor; NULL if there is none. */
static PrefetchRun *innermost = NULL;

static PrefetchStatement *find_statement(MemoryContext owner);
static void release_statement(void *arg);

/*
 * The table of the statement with this memory; makes one if there is none.  It
 * ends with that memory, or earlier if the caller deletes statement->context.
 */
PrefetchStatement *
prefetch_statement_open(MemoryContext owner)
{
	PrefetchStatement *statement = find_statement(owner);
	MemoryContext context;

	if (statement != NULL)
		return statement;
	context = AllocSetContextCreate(owner, "pgcares look-ahead",
									ALLOCSET_DEFAULT_SIZES);
	statement = MemoryContextAllocZero(context, sizeof(PrefetchStatement));
	statement->owner = owner;
	statement->context = context;
	prefetch_table_create(statement);
	dlist_init(&statement->servers);
	dlist_init(&statement->prefetches);

	statement->release.func = release_statement;
	statement->release.arg = statement;
	MemoryContextRegisterResetCallback(context, &statement->release);
	dlist_push_head(&statements, &statement->node);
	return statement;
}

/*
 * Notes that the executor state with this memory runs now, in the caller's *run.
 * part: it finds the answers of the statement that has called it, unless it
 * asks ahead itself.
 */
void
prefetch_statement_run(PrefetchRun *run, MemoryContext owner, bool part)
{
	run->owner = owner;
	run->part = part;
	run->outer = innermost;
	innermost = run;
}

/*
 * Notes the end of a run.
 */
void
prefetch_statement_ran(const PrefetchRun *run)
{
	innermost = run->outer;
}

/*
 * The statement that is calling a function now, or NULL if it does not ask
 * ahead.  The current context is then a descendant of its memory.  It is not in
 * an expression that PL/pgSQL evaluates without running a statement.
 */
PrefetchStatement *
prefetch_statement_calling(void)
{
	const PrefetchRun *run = innermost;
	MemoryContext context = CurrentMemoryContext;

	while (run != NULL && !dlist_is_empty(&statements))
	{
		PrefetchStatement *statement = find_statement(run->owner);

		while (context != NULL && context != run->owner)
			context = context->parent;
		if (context == NULL || statement != NULL)
			return context != NULL ? statement : NULL;
		run = run->part ? run->outer : NULL;
	}
	return NULL;
}

/*
 * The statements that ask ahead, one after the other: the first if given NULL,
 * and NULL after the last.
 */
PrefetchStatement *
prefetch_statement_next(PrefetchStatement *statement)
{
	if (statement == NULL)
		return dlist_is_empty(&statements) ? NULL :
			dlist_head_element(PrefetchStatement, node, &statements);
	return dlist_has_next(&statements, &statement->node) ?
		dlist_container(PrefetchStatement, node, statement->node.next) : NULL;
}

static PrefetchStatement *
find_statement(MemoryContext owner)
{
	dlist_iter	iter;

	dlist_foreach(iter, &statements)
	{
		PrefetchStatement *statement = dlist_container(PrefetchStatement, node, iter.cur);

		if (statement->owner == owner)
			return statement;
	}
	return NULL;
}

/* Reset callback of the statement's context. */
static void
release_statement(void *arg)
{
	PrefetchStatement *statement = arg;

	prefetch_table_release(statement);
	dlist_delete(&statement->node);
}

/*
 * The number of questions of a statement that are in flight.
 */
int
prefetch_statement_in_flight(const PrefetchStatement *statement)
{
	int			count = 0;
	dlist_iter	iter;

	if (statement->window != NULL)
		count = window_under_way(statement->window);
	dlist_foreach(iter, unconstify(dlist_head *, &statement->servers))
	{
		PrefetchServer *server = dlist_container(PrefetchServer, node, iter.cur);

		if (server->window != NULL)
			count += window_under_way(server->window);
	}
	return count;
}
