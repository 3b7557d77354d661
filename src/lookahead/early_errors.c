/*
 * early_errors.c
 *
 * Errors that occur before their turn.  Rows that were read ahead are perhaps
 * not used in the end, and without look-ahead another error can come first.
 * So an error is caught if the plan below consists only of the executor's
 * nodes, server functions that only compute, and our lookups: these hold no
 * lock and no reference when they raise such an error, and none
 * of them runs again.  So do the foreign tables of foreign.c.  Every other error
 * passes through: a cancel, a lack of memory, and any error of a user's function,
 * for which rows are not read ahead.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"

static void evaluate(List *arguments, ExprContext *econtext,
					 NullableDatum *values);
static void forget_error(MemoryContext context);
static bool can_wait(bool foreign);
static bool foreign_can_wait(int code);
static bool stop_clock(PlanState *node, void *context);

/*
 * Returns the next row of a plan node.  If reading it fails, returns NULL and
 * sets *failure, in the memory of the statement.  The node must not run again
 * then.  foreign: a foreign source computes the rows, and *failure is raised
 * unless another error ends the statement.
 */
TupleTableSlot *
early_errors_next_row(PlanState *child, bool foreign, ErrorData **failure)
{
	MemoryContext old_context = CurrentMemoryContext;
	TupleTableSlot *volatile row = NULL;

	PG_TRY();
	{
		row = ExecProcNode(child);
	}
	PG_CATCH();
	{
		if (!can_wait(foreign))
			PG_RE_THROW();
		MemoryContextSwitchTo(child->state->es_query_cxt);
		*failure = CopyErrorData();
		FlushErrorState();
		MemoryContextSwitchTo(old_context);
		(void) stop_clock(child, NULL);
	}
	PG_END_TRY();
	return row;
}

/*
 * Evaluates the arguments of a call.  Returns false if they are guarded and one
 * raises an error: the call will raise it again itself.  lookups: they look up
 * something themselves, and have the answers that are there; they are guarded.
 */
bool
early_errors_arguments(List *arguments, bool guarded, bool lookups,
					   ExprContext *econtext, NullableDatum *values)
{
	MemoryContext old_context = CurrentMemoryContext;
	volatile bool evaluated = true;

	if (!guarded && !lookups)
	{
		evaluate(arguments, econtext, values);
		return true;
	}
	lookup_only_ahead(lookups);
	PG_TRY();
	{
		evaluate(arguments, econtext, values);
		lookup_only_ahead(false);
	}
	PG_CATCH();
	{
		forget_error(old_context);
		evaluated = false;
	}
	PG_END_TRY();
	return evaluated;
}

/*
 * Calls a lookup that returns rows, which takes only answers that are there.  Its
 * arguments are computed in the given context, and the rows are in the econtext's query
 * memory.  Returns NULL if it raises an error: the call will raise it again itself.
 */
Tuplestorestate *
early_errors_rows(SetExprState *source, ExprContext *econtext, MemoryContext context,
				  TupleDesc columns)
{
	MemoryContext old_context = CurrentMemoryContext;
	Tuplestorestate *volatile rows = NULL;

	lookup_only_ahead(true);
	PG_TRY();
	{
		rows = ExecMakeTableFunctionResult(source, econtext, context, columns, false);
		lookup_only_ahead(false);
	}
	PG_CATCH();
	{
		forget_error(old_context);
	}
	PG_END_TRY();
	return rows;
}

/* Drops an error that the call will raise again; raises others. */
static void
forget_error(MemoryContext context)
{
	lookup_only_ahead(false);
	if (!can_wait(false))
		PG_RE_THROW();
	MemoryContextSwitchTo(context);
	FlushErrorState();
}

static void
evaluate(List *arguments, ExprContext *econtext, NullableDatum *values)
{
	ListCell   *cell;

	foreach(cell, arguments)
	{
		NullableDatum *value = &values[foreach_current_index(cell)];

		value->value = ExecEvalExpr((ExprState *) lfirst(cell), econtext,
									&value->isnull);
	}
}

/*
 * Is it an error of data, of a subquery with too many rows, or of DNS?  Or one by which a
 * function refuses an argument: a field that a type does not have, a pattern that it cannot
 * read, a text that becomes too long, too many questions, a server that must not be asked, a
 * value that is not in a domain?  A parallel worker's error can arrive at any time even
 * without look-ahead, and its query cannot go on.
 */
static bool
can_wait(bool foreign)
{
	int			code = geterrcode();

	if (IsInParallelMode() && !IsParallelWorker())
		return false;
	return ERRCODE_TO_CATEGORY(code) == ERRCODE_DATA_EXCEPTION ||
		code == ERRCODE_CARDINALITY_VIOLATION ||
		code == ERRCODE_FEATURE_NOT_SUPPORTED || code == ERRCODE_SYNTAX_ERROR ||
		code == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		code == ERRCODE_INSUFFICIENT_PRIVILEGE ||
		code == ERRCODE_CHECK_VIOLATION || code == ERRCODE_NOT_NULL_VIOLATION ||
		ERRCODE_TO_CATEGORY(code) == DNS_SQLSTATE('0', '0', '0') ||
		(foreign && foreign_can_wait(code));
}

/*
 * A foreign source reports the errors of its own functions, of any class.  Those
 * that do not belong to a row come when they happen.
 */
static bool
foreign_can_wait(int code)
{
	switch (ERRCODE_TO_CATEGORY(code))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
		default:
			return true;
	}
}

/* Stops EXPLAIN's clock in the nodes that an error has left. */
static bool
stop_clock(PlanState *node, void *context)
{
	if (node->instrument != NULL &&
		!INSTR_TIME_IS_ZERO(CLOCK_STARTED(node->instrument)))
		InstrStopNode(node->instrument, 0);
	return planstate_tree_walker(node, stop_clock, context);
}
