/*
 * lookahead_exec.c
 *
 * The plan node that reads ahead.  It hands on the rows of its child, in their
 * order; but before it does, it has read further rows, worked out the arguments
 * that a lookup function above will have for each, and had the questions of the
 * call started.  It never calls the function, and nothing that it does changes
 * a row: what is not started here is asked by the call.  The rows are kept in a
 * queue that work_mem bounds, with the answers.
 */
#include "postgres.h"

#include "pgcares.h"

#include "access/htup_details.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"

/* Rows to read ahead before it is known that any of them is wanted. */
#define FIRST_ROWS	4

/* A call whose questions are started ahead. */
typedef struct CallSite
{
	const DnsCall *call;
	List	   *arguments;		/* of ExprState * */
	FmgrInfo	function;
	FunctionCallInfo fcinfo;
} CallSite;

/* A row that was read ahead, and the questions that were started for it. */
typedef struct AheadRow
{
	dlist_node	node;
	MinimalTuple tuple;
	Size		space;
	int			npending;
	DnsPending *pending[FLEXIBLE_ARRAY_MEMBER];
} AheadRow;

typedef struct LookaheadState
{
	LookaheadNode node;
	bool		limited;		/* what is above may stop early */
	int			bound;			/* rows it takes at most; 0 if unknown */
	bool		passive;		/* rows are handed on as they come */
	int			nsites;
	CallSite   *sites;
	DnsAhead   *ahead;			/* once a question was to be started */

	MemoryContext row_context;
	dlist_head	rows;			/* of AheadRow, in their order */
	int64		nrows;
	Size		space;			/* that they take */
	bool		out;			/* the first is in use above */

	/* Since the last rescan. */
	bool		done;			/* the child has no more rows */
	int64		returned;
	int64		filtered;		/* by the node's own condition */
} LookaheadState;

static Node *create_state(CustomScan *plan);
static void begin_scan(CustomScanState *css, EState *estate, int eflags);
static void open_site(LookaheadState *state, FuncExpr *expr);
static TupleTableSlot *next_slot(CustomScanState *css);
static bool pass_row(LookaheadState *state);
static bool take_row(LookaheadState *state);
static void read_ahead(LookaheadState *state);
static bool wants_row(const LookaheadState *state);
static void keep_row(LookaheadState *state, TupleTableSlot *slot);
static void start_questions(LookaheadState *state, AheadRow *row);
static int	site_questions(CallSite *site, ExprContext *econtext,
						   DnsQuestion *questions);
static void show_row(LookaheadState *state, const AheadRow *row);
static void drop_first(LookaheadState *state);
static void rescan(CustomScanState *css);
static void end_scan(CustomScanState *css);

const struct CustomScanMethods lookahead_scan_methods = {
	.CustomName = "DnsLookahead",
	.CreateCustomScanState = create_state,
};

/*
 * No ShutdownCustomScan: it comes after each FETCH of a cursor, which goes on
 * afterwards with the rows that were read ahead.
 */
static const CustomExecMethods exec_methods = {
	.CustomName = "DnsLookahead",
	.BeginCustomScan = begin_scan,
	.ExecCustomScan = next_slot,
	.EndCustomScan = end_scan,
	.ReScanCustomScan = rescan,
	.EstimateDSMCustomScan = lookahead_estimate_dsm,
	.InitializeDSMCustomScan = lookahead_init_dsm,
	.InitializeWorkerCustomScan = lookahead_init_worker,
	.ExplainCustomScan = lookahead_explain,
};

static Node *
create_state(CustomScan *plan)
{
	LookaheadState *state = palloc0(sizeof(LookaheadState));

	NodeSetTag(state, T_CustomScanState);
	state->node.css.methods = &exec_methods;
	state->node.counters = &state->node.own;
	dlist_init(&state->rows);
	return (Node *) state;
}

/*
 * Nothing is read ahead where a cached plan outlives a change of the setting,
 * nor in the check of a row that somebody else has changed meanwhile.
 */
static void
begin_scan(CustomScanState *css, EState *estate, int eflags)
{
	LookaheadState *state = (LookaheadState *) css;
	CustomScan *plan = castNode(CustomScan, css->ss.ps.plan);
	ListCell   *cell;

	/* The node goes forward only, and never back to a mark. */
	outerPlanState(css) = ExecInitNode(outerPlan(plan), estate,
									   eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK));

	/* The server passes no bound through the node; rescans keep this one. */
	state->limited = intVal(list_nth(plan->custom_private, LOOKAHEAD_LIMITED)) != 0;
	state->bound = intVal(list_nth(plan->custom_private, LOOKAHEAD_BOUND));
	if (state->bound > 0 && css->ss.ps.qual == NULL)
		ExecSetTupleBound(state->bound, outerPlanState(css));

	state->passive = !setting_lookahead || estate->es_epq_active != NULL;
	if (state->passive || (eflags & EXEC_FLAG_EXPLAIN_ONLY))
		return;

	state->row_context = GenerationContextCreate(estate->es_query_cxt,
												 "pgcares look-ahead rows",
												 ALLOCSET_DEFAULT_SIZES);
	state->sites = palloc0(list_length(plan->custom_exprs) * sizeof(CallSite));
	foreach(cell, plan->custom_exprs)
		open_site(state, lfirst_node(FuncExpr, cell));
}

/* The function gets its own fcinfo, though it is not called. */
static void
open_site(LookaheadState *state, FuncExpr *expr)
{
	CallSite   *site = &state->sites[state->nsites];
	int			nargs = list_length(expr->args);

	site->call = call_of_function(expr->funcid);
	if (site->call == NULL)
		return;					/* it was one of ours when this was planned */

	site->arguments = ExecInitExprList(expr->args, &state->node.css.ss.ps);
	fmgr_info(expr->funcid, &site->function);
	fmgr_info_set_expr((Node *) expr, &site->function);
	site->fcinfo = palloc0(SizeForFunctionCallInfo(nargs));
	InitFunctionCallInfoData(*site->fcinfo, &site->function, nargs,
							 expr->inputcollid, NULL, NULL);
	state->nsites++;
}

/* The next row that meets the node's condition; an empty slot after the last. */
static TupleTableSlot *
next_slot(CustomScanState *css)
{
	LookaheadState *state = (LookaheadState *) css;
	ExprContext *econtext = css->ss.ps.ps_ExprContext;
	ProjectionInfo *projection = css->ss.ps.ps_ProjInfo;
	TupleTableSlot *slot = css->ss.ss_ScanTupleSlot;

	econtext->ecxt_scantuple = slot;
	for (;;)
	{
		/* Whoever has had the row before is through with it. */
		ResetExprContext(econtext);
		ExecClearTuple(slot);
		if (!(state->passive ? pass_row(state) : take_row(state)))
			return projection ? ExecClearTuple(css->ss.ps.ps_ResultTupleSlot) : slot;
		if (ExecQual(css->ss.ps.qual, econtext))
			break;
		state->filtered++;
		InstrCountFiltered1(css, 1);
		CHECK_FOR_INTERRUPTS();
	}
	state->returned++;
	return projection ? ExecProject(projection) : slot;
}

/*
 * The child's row, in the node's own slot: expressions are compiled for a
 * virtual one, and would not take the values out of a tuple.
 */
static bool
pass_row(LookaheadState *state)
{
	TupleTableSlot *child = ExecProcNode(outerPlanState(state));

	if (TupIsNull(child))
		return false;
	ExecCopySlot(state->node.css.ss.ss_ScanTupleSlot, child);
	return true;
}

/* Lets go of the row that is out, reads ahead, and puts out the next one. */
static bool
take_row(LookaheadState *state)
{
	AheadRow   *row;

	if (state->out)
		drop_first(state);
	read_ahead(state);
	if (state->nrows == 0)
		return false;

	row = dlist_head_element(AheadRow, node, &state->rows);
	show_row(state, row);
	if (row->npending > 0)
		pending_expect(row->pending[0]);
	state->out = true;
	return true;
}

static void
read_ahead(LookaheadState *state)
{
	bool		attended = false;

	while (!state->done && wants_row(state))
	{
		TupleTableSlot *child = ExecProcNode(outerPlanState(state));

		if (TupIsNull(child))
			state->done = true;
		else
			keep_row(state, child);
		CHECK_FOR_INTERRUPTS();
		if (state->ahead == NULL)
			continue;
		ahead_attend(state->ahead);
		if (state->done)
			ahead_ask(state->ahead);
		attended = true;
	}

	/* Lookups get on where there is no row to read, too. */
	if (!attended && state->ahead != NULL)
		ahead_attend(state->ahead);
}

/*
 * May a row be read ahead?  Under something that may stop early as many as have
 * been taken, and two, so that n rows above cost at most 2n here.  Of a bound,
 * what is still missing; rows that the condition has filtered out tell that more
 * will be needed.
 */
static bool
wants_row(const LookaheadState *state)
{
	Size		space = state->space;

	/* Without it the scan would end. */
	if (state->nrows == 0)
		return true;
	if (state->limited &&
		state->nrows >= Max(FIRST_ROWS, state->returned + state->filtered + 2))
		return false;
	if (state->bound > 0 &&
		state->nrows >= state->bound - state->returned + state->filtered)
		return false;
	if (state->ahead != NULL)
		space += ahead_memory(state->ahead);
	return space < (Size) work_mem * 1024;
}

static void
keep_row(LookaheadState *state, TupleTableSlot *slot)
{
	MemoryContext old_context = MemoryContextSwitchTo(state->row_context);
	LookaheadCounters *counters = state->node.counters;
	AheadRow   *row;

	row = palloc(offsetof(AheadRow, pending) +
				 state->nsites * CALL_MAX_QUESTIONS * sizeof(DnsPending *));
	row->tuple = ExecCopySlotMinimalTuple(slot);
	row->space = GetMemoryChunkSpace(row) + GetMemoryChunkSpace(row->tuple);
	row->npending = 0;
	MemoryContextSwitchTo(old_context);

	dlist_push_tail(&state->rows, &row->node);
	state->space += row->space;
	state->nrows++;
	counters->max_rows = Max(counters->max_rows, state->nrows);
	if (state->nsites > 0)
		start_questions(state, row);
}

/* Starts what the calls will ask for a row. */
static void
start_questions(LookaheadState *state, AheadRow *row)
{
	ExprContext *econtext = state->node.css.ss.ps.ps_ExprContext;
	MemoryContext old_context;

	old_context = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	show_row(state, row);
	for (int i = 0; i < state->nsites; i++)
	{
		DnsQuestion questions[CALL_MAX_QUESTIONS];
		int			n = site_questions(&state->sites[i], econtext, questions);

		if (n > 0 && state->ahead == NULL)
			state->ahead = ahead_open(state->node.css.ss.ps.state->es_query_cxt,
									  state->node.counters);
		for (int j = 0; j < n; j++)
		{
			DnsPending *pending = ahead_start(state->ahead, &questions[j]);

			if (pending != NULL)
				row->pending[row->npending++] = pending;
		}
	}
	MemoryContextSwitchTo(old_context);
	ResetExprContext(econtext);
}

/* Works out the arguments of a call, and what it will ask; gives the number. */
static int
site_questions(CallSite *site, ExprContext *econtext, DnsQuestion *questions)
{
	FunctionCallInfo fcinfo = site->fcinfo;
	ListCell   *cell;

	foreach(cell, site->arguments)
	{
		NullableDatum *argument = &fcinfo->args[foreach_current_index(cell)];

		argument->value = ExecEvalExpr((ExprState *) lfirst(cell), econtext,
									   &argument->isnull);
		if (argument->isnull && site->function.fn_strict)
			return 0;			/* it will not be called */
	}
	return site->call->questions(fcinfo, site->call->type, questions);
}

/* Puts a row into the node's slot; its values point into the tuple. */
static void
show_row(LookaheadState *state, const AheadRow *row)
{
	TupleTableSlot *slot = state->node.css.ss.ss_ScanTupleSlot;
	HeapTupleData tuple;

	tuple.t_len = row->tuple->t_len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) row->tuple - MINIMAL_TUPLE_OFFSET);
	ExecClearTuple(slot);
	heap_deform_tuple(&tuple, slot->tts_tupleDescriptor,
					  slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
}

static void
drop_first(LookaheadState *state)
{
	AheadRow   *row = dlist_container(AheadRow, node,
									  dlist_pop_head_node(&state->rows));

	for (int i = 0; i < row->npending; i++)
		pending_drop(row->pending[i]);
	state->nrows--;
	state->space -= row->space;
	state->out = false;
	pfree(row->tuple);
	pfree(row);
}

static void
rescan(CustomScanState *css)
{
	LookaheadState *state = (LookaheadState *) css;

	ExecClearTuple(css->ss.ss_ScanTupleSlot);
	while (state->nrows > 0)
		drop_first(state);
	state->done = false;
	state->returned = 0;
	state->filtered = 0;

	/* A child whose parameters have changed rescans by itself. */
	if (outerPlanState(css)->chgParam == NULL)
		ExecReScan(outerPlanState(css));
}

/* Not reached after an error: the statement's memory takes all with it. */
static void
end_scan(CustomScanState *css)
{
	LookaheadState *state = (LookaheadState *) css;

	ExecClearTuple(css->ss.ss_ScanTupleSlot);
	while (state->nrows > 0)
		drop_first(state);
	if (state->ahead != NULL)
		ahead_close(state->ahead);
	state->ahead = NULL;
	ExecEndNode(outerPlanState(css));
}
