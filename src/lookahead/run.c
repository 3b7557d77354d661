/*
 * run.c
 *
 * Which statement runs, and how many rows its caller takes at a time.  PL/pgSQL's
 * SELECT INTO and loops, SQL functions, cursors and clients that fetch some rows
 * at a time run the executor for a number of rows, and perhaps never again.  The
 * plan does not show it; only the call of ExecutorRun does.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "executor/executor.h"

/* A run of the executor that has not ended, and the run that began it. */
typedef struct Run
{
	const EState *estate;
	uint64		count;			/* of rows; 0 for all */
	struct Run *outer;
} Run;

static ExecutorRun_hook_type next_run = NULL;
static ExecutorFinish_hook_type next_finish = NULL;
static Run *innermost = NULL;

static void note_run(QueryDesc *query, ScanDirection direction,
					 uint64 count RUN_ONCE_PARAMETER);
static bool computes_function(const QueryDesc *query);
static void note_finish(QueryDesc *query);

/*
 * Called once, when the library is loaded.
 */
void
lookahead_run_init(void)
{
	next_run = ExecutorRun_hook;
	ExecutorRun_hook = note_run;
	next_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = note_finish;
}

/*
 * How many more rows a statement's current run takes; 0 for all.
 */
int64
lookahead_run_count(const EState *estate)
{
	for (const Run *run = innermost; run != NULL; run = run->outer)
	{
		if (run->estate == estate)
			return run->count > 0 ? run->count - estate->es_processed : 0;
	}
	return 0;
}

static void
note_run(QueryDesc *query, ScanDirection direction,
		 uint64 count RUN_ONCE_PARAMETER)
{
	Run			run = {query->estate, count, innermost};
	PrefetchRun asking;

	prefetch_statement_run(&asking, query->estate->es_query_cxt,
						   computes_function(query));
	innermost = &run;
	PG_TRY();
	{
		if (next_run != NULL)
			next_run(query, direction, count RUN_ONCE_ARGUMENT);
		else
			standard_ExecutorRun(query, direction, count RUN_ONCE_ARGUMENT);
	}
	PG_FINALLY();
	{
		innermost = run.outer;
		prefetch_statement_ran(&asking);
	}
	PG_END_TRY();
}

/*
 * Is it the body of a function in SQL that is one expression?  It is a part of the
 * statement that calls the function: see wrappers.c.
 */
static bool
computes_function(const QueryDesc *query)
{
	const Plan *plan = query->plannedstmt->planTree;

	return query->dest->mydest == DestSQLFunction && IsA(plan, Result) &&
		plan->lefttree == NULL && query->plannedstmt->subplans == NIL;
}

/* The end of a statement can run parts of it that nobody has read. */
static void
note_finish(QueryDesc *query)
{
	PrefetchRun asking;

	prefetch_statement_run(&asking, query->estate->es_query_cxt, false);
	PG_TRY();
	{
		if (next_finish != NULL)
			next_finish(query);
		else
			standard_ExecutorFinish(query);
	}
	PG_FINALLY();
	{
		prefetch_statement_ran(&asking);
	}
	PG_END_TRY();
}
