/*
 * call_site.c
 *
 * A call of a lookup function that is looked ahead for, when the plan runs: computes
 * its arguments for a row, and the questions that the call will ask.  The call can
 * take the columns of another lookup, which returns several rows: the lookup is
 * called ahead, too, once its answers are there.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "executor/executor.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

/*
 * Rows of a lookup that a call is made for ahead.  Few answers have more; the calls
 * for the others ask by themselves.  Chosen, not measured.
 */
#define MOST_ROWS	64

/* A lookup whose rows another call takes. */
typedef struct CallSource
{
	struct CallSource *outer;	/* that it takes the rows of, or NULL */
	SetExprState *function;
	ExprContext *econtext;
	MemoryContext query_context;	/* the econtext's own */
	MemoryContext context;		/* of the rows */
	MemoryContext arguments;
	TupleDesc	columns;
	TupleTableSlot *slot;
	Tuplestorestate *rows;		/* NULL if there are none */
} CallSource;

static CallSource *open_source(const FuncExpr *call, PlanState *node);
static TupleDesc source_columns_of(const FuncExpr *call);
static void begin_source(CallSource *source, const ExprContext *econtext);
static void call_source(CallSource *source);
static bool next_row(CallSource *source);
static void end_source(CallSource *source);
static void drop_rows(CallSource *source);
static Node *use_slot(Node *node, void *context);

/*
 * Prepares a call, in a zeroed CallSite.  The function gets its own fcinfo, though it
 * is not called.  False if it no longer is one of ours, or will be refused.
 */
bool
call_site_open(CallSite *site, PlanState *node, FuncExpr *expr, bool guarded)
{
	int			nargs = list_length(expr->args);
	List	   *arguments = expr->args;
	const FuncExpr *source = source_of((Node *) arguments);

	site->call = lookup_functions_find(expr->funcid);
	if (site->call == NULL || expression_is_forbidden((Node *) expr))
		return false;
	if (source != NULL)
	{
		site->source = open_source(source, node);
		arguments = (List *) use_slot((Node *) arguments, NULL);
	}
	site->arguments = ExecInitExprList(arguments, node);
	fmgr_info(expr->funcid, &site->function);
	fmgr_info_set_expr((Node *) expr, &site->function);
	site->fcinfo = palloc0(SizeForFunctionCallInfo(nargs));
	InitFunctionCallInfoData(*site->fcinfo, &site->function, nargs,
							 expr->inputcollid, NULL, NULL);
	site->guarded = guarded;
	site->level = expression_level((Node *) expr->args);
	return true;
}

/*
 * Begins with a row, which is in the econtext's scan slot.
 */
void
call_site_begin(CallSite *site, ExprContext *econtext)
{
	site->left = 1;
	if (site->source == NULL)
		return;
	site->left = MOST_ROWS;
	begin_source(site->source, econtext);
}

/*
 * Computes the questions of the next time that the call is made for the row, and
 * returns how many these are; -1 if there is no such time.
 */
int
call_site_next(CallSite *site, ExprContext *econtext, DnsQuestion *questions)
{
	FunctionCallInfo fcinfo = site->fcinfo;
	CallSource *source = site->source;

	if (source != NULL)
	{
		if (site->left == 0 || !next_row(source))
			site->left = 0;
		econtext->ecxt_innertuple = source->slot;
	}
	if (site->left == 0)
	{
		if (source != NULL)
			end_source(source);
		return -1;
	}
	site->left--;
	if (!early_errors_arguments(site->arguments, site->guarded, site->level > 0,
								econtext, fcinfo->args))
		return 0;
	for (int i = 0; i < fcinfo->nargs && site->function.fn_strict; i++)
	{
		if (fcinfo->args[i].isnull)
			return 0;			/* it will not be called */
	}
	site->server = NULL;
	if (site->call->server != NULL)
	{
		site->server = site->call->server(fcinfo);
		if (site->server == NULL)
			return 0;
	}
	return site->call->questions(fcinfo, site->call->type, questions);
}

/* The columns of a lookup's rows, or the one that has the elements of an array. */
static TupleDesc
source_columns_of(const FuncExpr *call)
{
	TupleDesc	columns;

	if (!source_is_array(call))
		return lookup_rowtype_tupdesc_copy(call->funcresulttype, -1);
	columns = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(columns, 1, "element", call->funcresulttype, -1, 0);
	TupleDescInitEntryCollation(columns, 1, call->funccollid);
	finish_columns(columns);
	return columns;
}

static CallSource *
open_source(const FuncExpr *call, PlanState *node)
{
	CallSource *source = palloc0(sizeof(CallSource));
	const FuncExpr *outer = source_of((Node *) call->args);
	FuncExpr   *copy = copyObject((FuncExpr *) call);
	TupleDesc	columns = source_columns_of(call);

	if (outer != NULL)
	{
		source->outer = open_source(outer, node);
		copy->args = (List *) use_slot((Node *) copy->args, NULL);
	}
	source->econtext = CreateExprContext(node->state);
	source->query_context = source->econtext->ecxt_per_query_memory;
	source->function = ExecInitTableFunctionResult((Expr *) copy, source->econtext, node);
	source->context = AllocSetContextCreate(CurrentMemoryContext, "pgcares look-ahead source",
											ALLOCSET_SMALL_SIZES);
	source->arguments = AllocSetContextCreate(CurrentMemoryContext,
											  "pgcares look-ahead arguments",
											  ALLOCSET_SMALL_SIZES);
	source->columns = columns;
	source->slot = ExecInitExtraTupleSlot(node->state, columns, &TTSOpsMinimalTuple);
	return source;
}

/* Begins with a row, which is in the econtext's scan slot. */
static void
begin_source(CallSource *source, const ExprContext *econtext)
{
	source->econtext->ecxt_scantuple = econtext->ecxt_scantuple;
	if (source->outer != NULL)
		begin_source(source->outer, econtext);
	else
		call_source(source);
}

/* Calls the lookup, which takes only answers that are there. */
static void
call_source(CallSource *source)
{
	source->econtext->ecxt_per_query_memory = source->context;
	source->rows = early_errors_rows(source->function, source->econtext, source->arguments,
									 source->columns);
	source->econtext->ecxt_per_query_memory = source->query_context;
}

/* Puts the next row of the lookup into its slot; false if there is none. */
static bool
next_row(CallSource *source)
{
	for (;;)
	{
		if (source->rows != NULL &&
			tuplestore_gettupleslot(source->rows, true, false, source->slot))
			return true;
		drop_rows(source);
		if (source->outer == NULL || !next_row(source->outer))
			return false;
		source->econtext->ecxt_innertuple = source->outer->slot;
		call_source(source);
	}
}

static void
end_source(CallSource *source)
{
	drop_rows(source);
	if (source->outer != NULL)
		end_source(source->outer);
}

static void
drop_rows(CallSource *source)
{
	ExecClearTuple(source->slot);
	if (source->rows != NULL)
		tuplestore_end(source->rows);
	source->rows = NULL;
	MemoryContextReset(source->context);
	ResetExprContext(source->econtext);
}

/* Lets an expression take the columns of the lookup from the inner slot. */
static Node *
use_slot(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, FieldSelect) && IsA(((FieldSelect *) node)->arg, FuncExpr) &&
		expression_returns_set(node))
	{
		const FieldSelect *field = (FieldSelect *) node;

		return (Node *) makeVar(INNER_VAR, field->fieldnum, field->resulttype,
								field->resulttypmod, field->resultcollid, 0);
	}
	if (IsA(node, FuncExpr) && source_is_array((FuncExpr *) node))
	{
		const FuncExpr *array = (FuncExpr *) node;

		return (Node *) makeVar(INNER_VAR, 1, array->funcresulttype, -1,
								array->funccollid, 0);
	}
	return expression_tree_mutator(node, use_slot, context);
}
