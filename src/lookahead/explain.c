/*
 * explain.c
 *
 * The EXPLAIN output of a look-ahead node, and how the counters of parallel
 * workers reach the process that shows them.  Each worker has its own counters
 * in the shared memory of the parallel query, and keeps them over rescans.
 * When that memory is detached, all of its workers have ended, and the leader
 * adds their counters to its own sum.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/parallel.h"
#include "nodes/extensible.h"
#include "storage/dsm.h"
#include "utils/ruleutils.h"

struct LookaheadShared
{
	int			nworkers;
	LookaheadCounters workers[FLEXIBLE_ARRAY_MEMBER];
};

static void take_over(dsm_segment *segment, Datum argument);
static void forget_segment(void *argument);
static void add_workers(LookaheadCounters *sum, const LookaheadShared *shared);
static void add_counters(LookaheadCounters *sum, const LookaheadCounters *part);
static void show_calls(LookaheadNode *node, List *ancestors, ExplainState *es);
static void show_not_ahead(List *lines, ExplainState *es);
static void show_counters(LookaheadNode *node, ExplainState *es);

/*
 * Octets of shared memory that the counters of workers need.  A custom scan
 * callback, like the next two.
 */
Size
lookahead_estimate_dsm(CustomScanState *css, ParallelContext *pcxt)
{
	return offsetof(LookaheadShared, workers) +
		pcxt->nworkers * sizeof(LookaheadCounters);
}

/*
 * Called again with other shared memory when the first is gone, and with the
 * same memory for a subplan that is used in two expressions: workers find the
 * first place.
 */
void
lookahead_init_dsm(CustomScanState *css, ParallelContext *pcxt, void *coordinate)
{
	LookaheadNode *node = (LookaheadNode *) css;
	LookaheadShared *shared = coordinate;

	if (pcxt->seg == NULL || node->segment != NULL)
		return;
	memset(shared, 0, node->css.pscan_len);
	shared->nworkers = pcxt->nworkers;

	/* The first to go, the memory or the node, unhooks the other. */
	if (node->forget.func == NULL)
	{
		node->forget.func = forget_segment;
		node->forget.arg = node;
		MemoryContextRegisterResetCallback(css->ss.ps.state->es_query_cxt,
										   &node->forget);
	}
	on_dsm_detach(pcxt->seg, take_over, PointerGetDatum(node));
	node->segment = pcxt->seg;
	node->shared = shared;
}

/* A worker continues the counters of the last worker with its number. */
void
lookahead_init_worker(CustomScanState *css, shm_toc *toc, void *coordinate)
{
	LookaheadNode *node = (LookaheadNode *) css;
	LookaheadShared *shared = coordinate;

	Assert(ParallelWorkerNumber < shared->nworkers);
	node->counters = &shared->workers[ParallelWorkerNumber];
}

static void
take_over(dsm_segment *segment, Datum argument)
{
	LookaheadNode *node = (LookaheadNode *) DatumGetPointer(argument);

	add_workers(&node->ended, node->shared);
	node->shared = NULL;
	node->segment = NULL;
}

static void
forget_segment(void *argument)
{
	LookaheadNode *node = argument;

	if (node->segment != NULL)
		cancel_on_dsm_detach(node->segment, take_over, PointerGetDatum(node));
}

static void
add_workers(LookaheadCounters *sum, const LookaheadShared *shared)
{
	for (int i = 0; i < shared->nworkers; i++)
		add_counters(sum, &shared->workers[i]);
}

static void
add_counters(LookaheadCounters *sum, const LookaheadCounters *part)
{
	sum->max_rows = Max(sum->max_rows, part->max_rows);
	sum->started += part->started;
	sum->shared += part->shared;
	sum->used += part->used;
	sum->max_in_flight = Max(sum->max_in_flight, part->max_in_flight);
	sum->timeouts += part->timeouts;
	sum->waited += part->waited;
}

/*
 * Adds the node's own properties to the output of EXPLAIN.
 */
void
lookahead_explain(CustomScanState *css, List *ancestors, ExplainState *es)
{
	LookaheadNode *node = (LookaheadNode *) css;

	show_calls(node, ancestors, es);
	if (es->analyze)
		show_counters(node, es);
}

/* Shows the calls that are looked ahead for, and the bound. */
static void
show_calls(LookaheadNode *node, List *ancestors, ExplainState *es)
{
	CustomScan *plan = castNode(CustomScan, node->css.ss.ps.plan);
	List	   *context = set_deparse_context_plan(es->deparse_cxt,
												   &plan->scan.plan, ancestors);
	bool		qualified = es->verbose || explain_relations(es) > 1;
	int			bound = intVal(list_nth(plan->custom_private, LOOKAHEAD_BOUND));
	int			ncalls = intVal(list_nth(plan->custom_private, LOOKAHEAD_CALLS)) +
		intVal(list_nth(plan->custom_private, LOOKAHEAD_PERHAPS));
	List	   *calls = NIL;
	List	   *limit = NIL;
	ListCell   *cell;

	foreach(cell, plan->custom_exprs)
	{
		List	  **list = foreach_current_index(cell) < ncalls ? &calls : &limit;

		*list = lappend(*list, deparse_expression(lfirst(cell), context,
												  qualified, false));
	}
	if (calls != NIL)
		ExplainPropertyList("Look-ahead", calls, es);
	if (bound > 0)
		ExplainPropertyInteger("Bound", NULL, bound, es);
	if (limit != NIL)
		ExplainPropertyList("Bound", limit, es);
	if (es->verbose)
		show_not_ahead(list_nth(plan->custom_private, LOOKAHEAD_NOT), es);
}

/* Shows the calls of the statement that have no look-ahead, with reasons. */
static void
show_not_ahead(List *lines, ExplainState *es)
{
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, lines)
	{
		if (es->format == EXPLAIN_FORMAT_TEXT)
			ExplainPropertyText("No Look-ahead", strVal(lfirst(lc)), es);
		texts = lappend(texts, strVal(lfirst(lc)));
	}
	if (texts != NIL && es->format != EXPLAIN_FORMAT_TEXT)
		ExplainPropertyList("No Look-ahead", texts, es);
}

/* Shows the counters of all processes, on one line in text format. */
static void
show_counters(LookaheadNode *node, ExplainState *es)
{
	LookaheadCounters sum = node->ended;
	double		waited;

	add_counters(&sum, &node->own);
	if (node->shared != NULL)
		add_workers(&sum, node->shared);
	waited = sum.waited / 1000.0;

	if (es->format != EXPLAIN_FORMAT_TEXT)
	{
		ExplainPropertyInteger("Max Rows Ahead", NULL, sum.max_rows, es);
		ExplainPropertyInteger("Lookups Started", NULL, sum.started, es);
		ExplainPropertyInteger("Lookups Shared", NULL, sum.shared, es);
		ExplainPropertyInteger("Lookups Not Used", NULL,
							   sum.started - sum.used, es);
		ExplainPropertyInteger("Max In Flight", NULL, sum.max_in_flight, es);
		ExplainPropertyInteger("Timeouts", NULL, sum.timeouts, es);
		if (es->timing)
			ExplainPropertyFloat("Wait Time", "ms", waited, 3, es);
		return;
	}

	if (sum.max_rows == 0)
		return;					/* nothing was read ahead */
	appendStringInfoSpaces(es->str, es->indent * 2);
	appendStringInfo(es->str, "Rows Ahead: " INT64_FORMAT "  Started: " INT64_FORMAT
					 "  Shared: " INT64_FORMAT "  Not Used: " INT64_FORMAT
					 "  In Flight: " INT64_FORMAT "  Timeouts: " INT64_FORMAT,
					 sum.max_rows, sum.started, sum.shared,
					 sum.started - sum.used, sum.max_in_flight, sum.timeouts);
	if (es->timing)
		appendStringInfo(es->str, "  Waited: %.3f ms", waited);
	appendStringInfoChar(es->str, '\n');
}
