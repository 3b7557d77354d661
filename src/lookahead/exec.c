/*
 * exec.c
 *
 * The plan node that reads ahead.  It returns the rows of its child in their
 * order.  Before it returns a row, it reads further rows, computes the
 * arguments that a lookup function above will get for each, and starts the
 * questions of the call.  It never changes a row, and calls a lookup function only
 * in the arguments of another, or for rows that another takes, once its answers are
 * there: the call asks each question that was not started here.  The rows wait in a
 * queue (row_queue.c); the queues of a statement and all answers together can be
 * as large as a hash table.
 * If the plan above can stop early, the node begins with one row and queues at
 * most as many as were taken.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "executor/executor.h"
#include "common/int.h"
#include "miscadmin.h"
#include "nodes/extensible.h"

/*
 * Both in microseconds.  After READ_AT_LEAST of reading, a row is returned as
 * soon as it has its answers.  A source that takes SLOW_SOURCE for a row is so
 * slow that the answers probably arrive before the next row.  Both are chosen,
 * not measured.
 */
#define READ_AT_LEAST	10000
#define SLOW_SOURCE		50000

/*
 * Eighths of the statement's memory that rows, and the questions and answers
 * that they wait for, can take.  The rest is for answers that are perhaps needed
 * again.  Chosen, not measured: each row that waits is one that is asked for early.
 */
#define ROWS_OF_8		7

/*
 * In a parallel plan, the questions of a process that can wait to be asked: this
 * part of the rows that it will probably have, and at least so many.  Others can
 * ask for the rows that it does not read.  Chosen, not measured.
 */
#define WAITING_PART	4
#define WAITING_LEAST	64

typedef struct LookaheadState
{
	LookaheadNode node;
	bool		limited;		/* the plan above can stop early */
	bool		unsure;			/* it perhaps takes only the first row */
	bool		in_turn;		/* the caller of the statement can stop */
	bool		one_by_one;		/* the caller takes the rows one by one */
	bool		guarded;		/* reading the child can raise an error */
	bool		warns;			/* or show warnings */
	bool		foreign;		/* a foreign source computes the rows */
	Size		memory;			/* that the node can take */
	int			waiting;		/* questions that can wait; 0 if any number */
	int64		bound;			/* most rows that are taken; 0 if unknown */
	List	   *limit;			/* of ExprState *, which give the bound */
	bool		bound_known;	/* since the last rescan */
	bool		passive;		/* returns rows as they come */
	ScanState  *scan;			/* the child, if it scans a table */
	LookaheadRows rows;			/* that were read ahead */
	bool		out;			/* the plan above uses the first row */
	int64		row_time;		/* us that the child took for the last row */

	/* Since the last rescan. */
	bool		begun;			/* the child has returned a row */
	bool		done;			/* it has no more, or has failed: */
	ErrorData  *failure;		/* raised after all rows before it */
	int64		returned;
	int64		filtered;		/* by the node's own condition */
} LookaheadState;

static Node *create_state(CustomScan *plan);
static void begin_scan(CustomScanState *css, EState *estate, int eflags);
static int	setting_of(const CustomScan *plan, int member);
static TupleTableSlot *next_slot(CustomScanState *css);
static void read_bound(LookaheadState *state);
static bool is_partial(const LookaheadState *state);
static bool pass_row(LookaheadState *state);
static bool take_row(LookaheadState *state);
static void read_ahead(LookaheadState *state);
static TupleTableSlot *next_child_row(LookaheadState *state);
static bool wants_row(const LookaheadState *state);
static bool is_wanted(const LookaheadState *state);
static bool row_is_due(LookaheadState *state, int64 read_for);
static void drop_all(LookaheadState *state);
static void rescan(CustomScanState *css);
static void end_scan(CustomScanState *css);

const struct CustomScanMethods lookahead_scan_methods = {
	.CustomName = LOOKAHEAD_NAME,
	.CreateCustomScanState = create_state,
};

/*
 * No ShutdownCustomScan: the server calls it after each FETCH of a cursor, and
 * the next FETCH needs the rows that were read ahead.
 */
static const CustomExecMethods exec_methods = {
	.CustomName = LOOKAHEAD_NAME,
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
	return (Node *) state;
}

/*
 * Reads nothing ahead if a cached plan has outlived a change of the setting, or
 * in the recheck (EvalPlanQual) of a row that somebody else has changed.
 */
static void
begin_scan(CustomScanState *css, EState *estate, int eflags)
{
	LookaheadState *state = (LookaheadState *) css;
	CustomScan *plan = castNode(CustomScan, css->ss.ps.plan);
	int			ncalls = setting_of(plan, LOOKAHEAD_CALLS) +
		setting_of(plan, LOOKAHEAD_PERHAPS);
	ListCell   *cell;

	/* The node only goes forward, and never back to a mark. */
	outerPlanState(css) = ExecInitNode(outerPlan(plan), estate,
									   eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK));

	state->limited = setting_of(plan, LOOKAHEAD_LIMITED) != 0;
	state->unsure = setting_of(plan, LOOKAHEAD_UNSURE) != 0;
	state->in_turn = setting_of(plan, LOOKAHEAD_IN_TURN) != 0;
	state->one_by_one = setting_of(plan, LOOKAHEAD_ONE_BY_ONE) != 0;
	state->guarded = setting_of(plan, LOOKAHEAD_GUARD_ROWS) != 0;
	state->warns = setting_of(plan, LOOKAHEAD_WARNS) != 0;
	state->foreign = setting_of(plan, LOOKAHEAD_FOREIGN) != 0;
	state->memory = get_hash_memory_limit() / 8 * ROWS_OF_8 /
		setting_of(plan, LOOKAHEAD_SHARES);
	if (plan->scan.plan.parallel_aware)
		state->waiting = Max(WAITING_LEAST, plan->scan.plan.plan_rows / WAITING_PART);
	state->bound = setting_of(plan, LOOKAHEAD_BOUND);
	state->limit = ExecInitExprList(list_copy_tail(plan->custom_exprs, ncalls),
									&css->ss.ps);
	state->scan = scan_below(css);

	state->passive = !setting_lookahead || estate->es_epq_active != NULL;
	if (state->passive || (eflags & EXEC_FLAG_EXPLAIN_ONLY))
		return;

	row_queue_open(&state->rows, &state->node);
	foreach(cell, plan->custom_exprs)
	{
		int			number = foreach_current_index(cell);

		if (number < ncalls)
			row_queue_open_site(&state->rows, lfirst_node(FuncExpr, cell),
								number < setting_of(plan, LOOKAHEAD_CALLS),
								setting_of(plan, LOOKAHEAD_GUARD_CALLS) != 0);
	}
}

static int
setting_of(const CustomScan *plan, int member)
{
	return intVal(list_nth(plan->custom_private, member));
}

/* Returns the next row that passes the quals; an empty slot after the last. */
static TupleTableSlot *
next_slot(CustomScanState *css)
{
	LookaheadState *state = (LookaheadState *) css;
	ExprContext *econtext = css->ss.ps.ps_ExprContext;
	ProjectionInfo *projection = css->ss.ps.ps_ProjInfo;
	TupleTableSlot *slot = css->ss.ss_ScanTupleSlot;

	econtext->ecxt_scantuple = slot;
	if (!state->bound_known)
		read_bound(state);
	for (;;)
	{
		/* The plan above has finished with the previous row. */
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
 * Evaluates the bound of the LIMIT above, which is known by now, and hands it
 * to the child: a sort need not keep more rows, and the server passes no bound
 * through a custom node.
 */
static void
read_bound(LookaheadState *state)
{
	CustomScanState *css = &state->node.css;
	ListCell   *lc;

	if (state->limit != NIL)
		state->bound = 0;
	foreach(lc, state->limit)
	{
		bool		isnull;
		int64		number = DatumGetInt64(ExecEvalExprSwitchContext(lfirst(lc),
																	 css->ss.ps.ps_ExprContext,
																	 &isnull));

		/* LIMIT NULL is no limit. */
		if (isnull && lc == list_head(state->limit))
			break;
		if (!isnull && pg_add_s64_overflow(state->bound, number, &state->bound))
			state->bound = 0;
	}
	if (state->bound > 0 && css->ss.ps.qual == NULL)
		ExecSetTupleBound(state->bound, outerPlanState(css));
	state->bound_known = true;
}

/* May the plan above stop before it has taken all rows? */
static bool
is_partial(const LookaheadState *state)
{
	return state->limited ||
		(state->in_turn && lookahead_run_count(state->node.css.ss.ps.state) > 0);
}

/*
 * Copies the child's row into the node's own slot.  Expressions are compiled
 * for a virtual slot, and would not take the values out of a tuple.
 */
static bool
pass_row(LookaheadState *state)
{
	TupleTableSlot *slot = state->node.css.ss.ss_ScanTupleSlot;
	TupleTableSlot *child = ExecProcNode(outerPlanState(state));

	if (TupIsNull(child))
		return false;
	ExecCopySlot(slot, child);
	slot->tts_tid = scan_tid(state->scan);
	return true;
}

/* Drops the row that is in use, reads ahead, and shows the next row. */
static bool
take_row(LookaheadState *state)
{
	if (state->out)
		row_queue_drop_first(&state->rows);
	state->out = false;
	read_ahead(state);
	if (state->rows.count == 0 && state->failure != NULL)
		ReThrowError(state->failure);	/* now it is its turn */
	if (state->rows.count == 0)
		return false;
	row_queue_show_first(&state->rows);
	state->out = true;
	return true;
}

static void
read_ahead(LookaheadState *state)
{
	bool		attended = false;
	int64		began = clock_now();
	int64		now = began;

	while (!state->done && wants_row(state) &&
		   !row_is_due(state, now - began))
	{
		TupleTableSlot *child = next_child_row(state);
		int64		before = now;

		now = clock_now();
		/* The first row's time includes work that the child does once. */
		if (state->begun)
			state->row_time = now - before;
		state->begun = true;
		if (TupIsNull(child))
			state->done = true;
		else
			row_queue_keep(&state->rows, child, scan_tid(state->scan),
						   is_wanted(state));
		CHECK_FOR_INTERRUPTS();
		if (state->rows.prefetch == NULL)
			continue;
		prefetch_attend(state->rows.prefetch);
		row_queue_continue(&state->rows);
		if (state->done)
			prefetch_ask(state->rows.prefetch);
		attended = true;
	}

	/* Lookups make progress even if there is no row to read. */
	if (!attended && state->rows.prefetch != NULL)
		prefetch_attend(state->rows.prefetch);
	row_queue_continue(&state->rows);
}

/*
 * Returns the child's next row.  An error that comes before its turn is held
 * back.  With an empty queue it is its turn already.
 */
static TupleTableSlot *
next_child_row(LookaheadState *state)
{
	if (!state->guarded || state->rows.count == 0)
		return ExecProcNode(outerPlanState(state));
	return early_errors_next_row(outerPlanState(state), state->foreign,
								 &state->failure);
}

/*
 * Can another row be read ahead?  If the plan above can stop early, the queue
 * holds at most as many rows as were taken, so that n rows above cost at most
 * 2n here, or as many as the statement's caller still takes.  A bound admits
 * the rows that are missing; rows that the quals have filtered out are needed
 * in addition.
 */
static bool
wants_row(const LookaheadState *state)
{
	int64		count = state->rows.count;

	/* With an empty queue the scan would end. */
	if (count == 0)
		return true;
	if (is_partial(state) &&
		(state->warns ||
		 ((state->foreign || count >= state->returned + state->filtered) &&
		  !is_wanted(state))))
		return false;
	if (state->unsure && state->returned == 0)
		return false;
	if (state->bound > 0 &&
		count >= state->bound - state->returned + state->filtered)
		return false;
	if (state->waiting > 0 && row_queue_waiting(&state->rows) >= state->waiting)
		return false;			/* leave the row to another process */
	return row_queue_memory(&state->rows) < state->memory;
}

/*
 * Is the next row to be read certain to be taken?  A row that the plan above
 * waits for is, and so are as many as the statement's caller still takes.
 */
static bool
is_wanted(const LookaheadState *state)
{
	return state->rows.count == 0 || !is_partial(state) ||
		(state->one_by_one &&
		 state->rows.count < lookahead_run_count(state->node.css.ss.ps.state));
}

/*
 * Is it better to return the first row than to wait for another one?  Halving
 * row_time keeps one slow row from marking the source as slow for ever.
 */
static bool
row_is_due(LookaheadState *state, int64 read_for)
{
	int64		left;

	if (state->rows.count == 0 ||
		(read_for < READ_AT_LEAST && state->row_time < SLOW_SOURCE))
		return false;
	left = row_queue_first_time_left(&state->rows);
	if (left == 0 && read_for >= READ_AT_LEAST)
		return true;
	if (state->row_time < SLOW_SOURCE || left >= state->row_time)
		return false;
	state->row_time /= 2;
	return true;
}

static void
drop_all(LookaheadState *state)
{
	while (state->rows.count > 0)
		row_queue_drop_first(&state->rows);
	state->out = false;
}

static void
rescan(CustomScanState *css)
{
	LookaheadState *state = (LookaheadState *) css;

	ExecClearTuple(css->ss.ss_ScanTupleSlot);
	drop_all(state);
	if (state->failure != NULL)
		ReThrowError(state->failure);	/* the child cannot run again */
	state->begun = state->done = false;
	state->row_time = 0;
	state->bound_known = false;
	state->returned = 0;
	state->filtered = 0;

	/* A child whose parameters have changed rescans by itself. */
	if (outerPlanState(css)->chgParam == NULL)
		ExecReScan(outerPlanState(css));
}

/* Not reached after an error: the statement's memory context frees it all. */
static void
end_scan(CustomScanState *css)
{
	LookaheadState *state = (LookaheadState *) css;

	ExecClearTuple(css->ss.ss_ScanTupleSlot);
	drop_all(state);
	if (state->rows.prefetch != NULL)
		prefetch_close(state->rows.prefetch);
	state->rows.prefetch = NULL;
	ExecEndNode(outerPlanState(css));
}
