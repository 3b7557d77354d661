/*
 * other_scan.c
 *
 * For lookahead_other_scans.pl: a module with a plan node of its own, which scans a table
 * as Seq Scan does.  The table's name chooses what it states: safe_ that it can run in a
 * parallel worker, plain_ that it cannot, hidden_ that it can, but that it evaluates
 * the condition by itself.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "nodes/extensible.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static Plan *make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
					   List *clauses, List *custom_plans);
static Node *make_state(CustomScan *scan);
static void begin(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *run(CustomScanState *node);
static void end(CustomScanState *node);
static void rescan(CustomScanState *node);

static const CustomPathMethods path_methods = {"OtherScan", make_plan, NULL};
static const CustomScanMethods scan_methods = {"OtherScan", make_state};
static const CustomExecMethods exec_methods = {
	.CustomName = "OtherScan",
	.BeginCustomScan = begin,
	.ExecCustomScan = run,
	.EndCustomScan = end,
	.ReScanCustomScan = rescan,
};

static set_rel_pathlist_hook_type next_hook;

static bool
begins_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static void
add_paths(PlannerInfo *root, RelOptInfo *rel, Index rti, RangeTblEntry *rte)
{
	const char *name = rte->rtekind == RTE_RELATION ? get_rel_name(rte->relid) : "";
	CustomPath *path;

	if (next_hook)
		next_hook(root, rel, rti, rte);
	if (!begins_with(name, "safe_") && !begins_with(name, "plain_") &&
		!begins_with(name, "hidden_"))
		return;
	path = makeNode(CustomPath);
	path->path.pathtype = T_CustomScan;
	path->path.parent = rel;
	path->path.pathtarget = rel->reltarget;
	path->path.parallel_safe = !begins_with(name, "plain_");
	path->path.rows = rel->rows;
	path->path.total_cost = 1;
	path->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_private = begins_with(name, "hidden_") ? list_make1(makeInteger(1)) : NIL;
	path->methods = &path_methods;
	rel->pathlist = NIL;
	rel->partial_pathlist = NIL;
	add_path(rel, &path->path);
}

static Plan *
make_plan(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
		  List *custom_plans)
{
	CustomScan *scan = makeNode(CustomScan);

	clauses = extract_actual_clauses(clauses, false);
	scan->scan.scanrelid = rel->relid;
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = clauses;
	if (path->custom_private != NIL)
		scan->custom_exprs = copyObject(clauses);
	scan->flags = path->flags;
	scan->methods = &scan_methods;
	return &scan->scan.plan;
}

static Node *
make_state(CustomScan *scan)
{
	CustomScanState *node = makeNode(CustomScanState);

	node->methods = &exec_methods;
	return (Node *) node;
}

static void
begin(CustomScanState *node, EState *estate, int eflags)
{
	node->ss.ss_currentScanDesc = NULL;
}

static TupleTableSlot *
next(ScanState *node)
{
	if (node->ss_currentScanDesc == NULL)
	{
		/* whatever slot the server has made for a custom scan */
		node->ss_currentScanDesc = table_beginscan(node->ss_currentRelation,
												   node->ps.state->es_snapshot, 0, NULL);
	}
	{
		HeapTuple	tuple = heap_getnext(node->ss_currentScanDesc, ForwardScanDirection);

		if (tuple == NULL)
			return ExecClearTuple(node->ss_ScanTupleSlot);
		ExecForceStoreHeapTuple(tuple, node->ss_ScanTupleSlot, false);
		return node->ss_ScanTupleSlot;
	}
}

static bool
recheck(ScanState *node, TupleTableSlot *slot)
{
	return true;
}

static TupleTableSlot *
run(CustomScanState *node)
{
	return ExecScan(&node->ss, next, recheck);
}

static void
end(CustomScanState *node)
{
	if (node->ss.ss_currentScanDesc != NULL)
		table_endscan(node->ss.ss_currentScanDesc);
}

static void
rescan(CustomScanState *node)
{
	if (node->ss.ss_currentScanDesc != NULL)
		table_rescan(node->ss.ss_currentScanDesc, NULL);
	ExecScanReScan(&node->ss);
}

void
_PG_init(void)
{
	RegisterCustomScanMethods(&scan_methods);
	next_hook = set_rel_pathlist_hook;
	set_rel_pathlist_hook = add_paths;
}
