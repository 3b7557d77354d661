/*
 * prefetch_statement.c
 *
 * The statements that ask ahead, and which of them runs.  The memory of its
 * executor state identifies a statement.
 */
#include "postgres.h"

#include "lookup/lookup.h"

static dlist_head statements = DLIST_STATIC_INIT(statements);

/* The memory of the innermost executor state that runs; NULL if none does. */
static MemoryContext running = NULL;

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
 * Notes that the executor state with this memory runs now, or none if NULL.
 * Returns the memory of the one that ran before, to be noted again at the end.
 */
MemoryContext
prefetch_statement_run(MemoryContext owner)
{
	MemoryContext outer = running;

	running = owner;
	return outer;
}

/*
 * The statement that is calling a function now, or NULL if it does not ask
 * ahead.  The current context is then a descendant of its memory.  It is not in
 * an expression that PL/pgSQL evaluates without running a statement.
 */
PrefetchStatement *
prefetch_statement_calling(void)
{
	PrefetchStatement *statement;

	if (dlist_is_empty(&statements))
		return NULL;
	statement = find_statement(running);
	for (MemoryContext context = CurrentMemoryContext;
		 context != NULL && statement != NULL; context = context->parent)
	{
		if (context == running)
			return statement;
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
