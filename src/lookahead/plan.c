/*
 * plan.c
 *
 * Adds look-ahead nodes to finished plans.  A node starts lookups before the
 * rows that need them have their turn.  It is a hint: where a node is missing
 * or wrong, the call makes the lookup itself.  So this file leaves alone
 * whatever it does not know, and never touches a plan that others hold.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "optimizer/planner.h"
#include "tcop/pquery.h"
#include "utils/plancache.h"
#include "utils/portal.h"
#include "utils/syscache.h"

#include "lookahead/lookahead.h"

static planner_hook_type next_planner = NULL;
static ExecutorStart_hook_type next_start = NULL;

/*
 * The server usually loads the library while it plans the first statement that
 * uses it, too late for the planner hook.  So plans that run within the same
 * client message can be older than the hook.
 */
static bool older_plans = false;
static bool older_plans_reset = false;
static TimestampTz loaded_in;

static PlannedStmt *lookahead_planner(Query *parse, const char *query_string,
									  int cursor_options,
									  ParamListInfo params PLANNER_PARAMETER);
static void lookahead_start(QueryDesc *query, int eflags);
static bool change_older_plan(QueryDesc *query, int eflags);
static PlannedStmt *own_plan(QueryDesc *query);
static bool begins_named_portal(void);
static bool has_lookups(const PlannedStmt *stmt);
static void note_others(const PlannedStmt *stmt);
static bool can_go_forward_only(const PlannedStmt *stmt, int cursor_options);
static bool change_plan(LookaheadPlan *plan);
static Plan *walk(LookaheadPlan *plan, Plan *node,
				  const LookaheadDemand *demand);
static void walk_list(LookaheadPlan *plan, List *nodes,
					  const LookaheadDemand *demand);
static void note_subplans(LookaheadPlan *plan, const Plan *node,
						  const LookaheadDemand *demand);

/*
 * Called once, as the last step of loading the library: a node's name can be
 * registered only once.
 */
void
lookahead_init(void)
{
	RegisterCustomScanMethods(&lookahead_scan_methods);
	lookahead_run_init();

	next_planner = planner_hook;
	planner_hook = lookahead_planner;

	next_start = ExecutorStart_hook;
	ExecutorStart_hook = lookahead_start;

	/* Workers get the leader's plan, and the postmaster runs none. */
	if (process_shared_preload_libraries_in_progress || IsParallelWorker())
		return;
	older_plans = true;
	loaded_in = GetCurrentStatementStartTimestamp();
}

static PlannedStmt *
lookahead_planner(Query *parse, const char *query_string, int cursor_options,
				  ParamListInfo params PLANNER_PARAMETER)
{
	PlannedStmt *stmt;
	LookaheadPlan plan;

	if (next_planner != NULL)
		stmt = next_planner(parse, query_string, cursor_options, params PLANNER_ARGUMENT);
	else
		stmt = standard_planner(parse, query_string, cursor_options, params PLANNER_ARGUMENT);

	if (!has_lookups(stmt))
		return stmt;
	lookahead_survey(&plan, stmt);
	if (!plan.has_lookups && LOOKAHEAD_NEEDS_CALLS)
	{
		note_others(stmt);
		if (plan.asks)
			lookahead_report(&plan, REASON_PLACE);
		return stmt;
	}
	if (can_go_forward_only(stmt, cursor_options))
	{
		change_plan(&plan);
		lookahead_report(&plan, REASON_PLACE);
	}
	else
		lookahead_report(&plan, REASON_CURSOR);
	return stmt;
}

/*
 * Discards cached plans, so that they are made again with nodes, and adds nodes
 * to a plan that is about to run.  Takes some from the plan of a cursor.
 */
static void
lookahead_start(QueryDesc *query, int eflags)
{
	if (older_plans)
	{
		if (!older_plans_reset)
			ResetPlanCache();
		older_plans_reset = true;
		if (change_older_plan(query, eflags) ||
			GetCurrentStatementStartTimestamp() != loaded_in)
			older_plans = false;
	}
	if (begins_named_portal() && lookahead_hides_scans(query->plannedstmt->planTree))
	{
		PlannedStmt *stmt = own_plan(query);
		LookaheadPlan plan;

		lookahead_survey(&plan, stmt);
		lookahead_divide(&plan);
		query->plannedstmt = stmt;
	}
	if (next_start != NULL)
		next_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
}

/*
 * Gives a query a changed copy of its plan if the plan has not been through the
 * planner hook.  Returns false if there was nothing to change.
 */
static bool
change_older_plan(QueryDesc *query, int eflags)
{
	PlannedStmt *stmt = query->plannedstmt;
	int			cursor_options = 0;
	LookaheadPlan plan;

	/* The query can belong to a cursor; at least a portal runs it. */
	if (ActivePortal != NULL)
		cursor_options |= ActivePortal->cursorOptions;
	if (eflags & EXEC_FLAG_BACKWARD)
		cursor_options |= CURSOR_OPT_SCROLL;
	if (!has_lookups(stmt) || !can_go_forward_only(stmt, cursor_options))
		return false;
	lookahead_survey(&plan, stmt);
	if (plan.has_nodes)
		return false;

	stmt = own_plan(query);
	lookahead_survey(&plan, stmt);
	if (!change_plan(&plan))
		return false;
	lookahead_report(&plan, REASON_PLACE);
	query->plannedstmt = stmt;
	return true;
}

/*
 * A copy of a query's plan, since somebody else can keep the plan.  Lives as
 * long as the query.
 */
static PlannedStmt *
own_plan(QueryDesc *query)
{
	MemoryContext context = MemoryContextSwitchTo(GetMemoryChunkContext(query));
	PlannedStmt *stmt = copyObject(query->plannedstmt);

	MemoryContextSwitchTo(context);
	return stmt;
}

/* Does a cursor or a portal begin, which statements can refer to by name? */
static bool
begins_named_portal(void)
{
	return ActivePortal != NULL && ActivePortal->name[0] != '\0' &&
		ActivePortal->queryDesc == NULL;
}

/*
 * Can this plan call lookup functions?  This check is the only cost for most
 * statements.
 */
static bool
has_lookups(const PlannedStmt *stmt)
{
	ListCell   *lc;
	bool		own_functions = !LOOKAHEAD_NEEDS_CALLS;

	if (!setting_lookahead || stmt->commandType == CMD_UTILITY)
		return false;

	/* invalItems lists the functions that are not built in. */
	foreach(lc, stmt->invalItems)
	{
		PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

		own_functions |= item->cacheId == PROCOID &&
			lookup_functions_may_have(item->hashValue);
	}
	return own_functions;
}

/* Notes that the functions of a plan are none of ours. */
static void
note_others(const PlannedStmt *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->invalItems)
	{
		PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

		if (item->cacheId == PROCOID)
			lookup_functions_note_other(item->hashValue);
	}
}

/* Otherwise the caller can fetch rows backward, which a node cannot do. */
static bool
can_go_forward_only(const PlannedStmt *stmt, int cursor_options)
{
	if (cursor_options & CURSOR_OPT_SCROLL)
		return false;
	return !(cursor_options & CURSOR_OPT_FAST_PLAN) ||
		(cursor_options & CURSOR_OPT_NO_SCROLL) ||
		!ExecSupportsBackwardScan(stmt->planTree);
}

/*
 * Adds nodes to a plan; false if it has no place for one.
 */
static bool
change_plan(LookaheadPlan *plan)
{
	PlannedStmt *stmt = plan->stmt;
	int			highest_id = plan->last_id;
	int			i;
	LookaheadDemand demand = {0};

	demand.in_turn = demand.one_by_one = true;
	stmt->planTree = walk(plan, stmt->planTree, &demand);
	demand.one_by_one = false;

	/* A common table expression's readers have higher numbers: go down. */
	for (i = list_length(stmt->subplans); i > 0; i--)
	{
		ListCell   *cell = list_nth_cell(stmt->subplans, i - 1);

		if (lfirst(cell) == NULL)
			continue;			/* the planner dropped it */
		demand.limited = !bms_is_member(i, plan->read_whole) ||
			bms_is_member(i, plan->read_partly);
		demand.in_turn = bms_is_member(i, plan->read_in_turn);
		/* The server keeps the rows of a common table expression. */
		demand.repeated = !bms_is_member(i, plan->common) ||
			!bms_is_empty(((Plan *) lfirst(cell))->extParam);
		lfirst(cell) = walk(plan, lfirst(cell), &demand);
	}
	if (plan->last_id == highest_id)
		return false;
	lookahead_share_memory(stmt);
	return true;
}

/*
 * Adds nodes to a tree and returns its new top.
 */
static Plan *
walk(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand)
{
	LookaheadDemand left;
	LookaheadDemand right;
	Plan	   *top = node;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	note_subplans(plan, node, demand);

	/* Other providers' nodes manage what is below them. */
	if (IsA(node, CustomScan) && !custom_computes_plainly((CustomScan *) node))
		return node;
	if (IsA(node, ForeignScan) || IsA(node, CustomScan))
		return lookahead_split(plan, node, demand);

	/* Before its parts have nodes of their own. */
	if (IsA(node, Append))
		top = lookahead_over_parts(plan, (Append *) node, demand);
	lookahead_demands(node, demand, &left, &right);
	if (top != node)
		lookahead_forget_bound(&left);	/* some rows are perhaps filtered out */
	node->lefttree = walk(plan, node->lefttree, &left);
	node->righttree = walk(plan, node->righttree, &right);
	if (IsA(node, Append))
		walk_list(plan, ((Append *) node)->appendplans, &left);
	else if (IsA(node, MergeAppend))
		walk_list(plan, ((MergeAppend *) node)->mergeplans, &left);
	else if (IsA(node, SubqueryScan))
		((SubqueryScan *) node)->subplan =
			walk(plan, ((SubqueryScan *) node)->subplan, &left);
	return top != node ? top :
		lookahead_for_node(plan, node, demand, &left, &right);
}

static void
walk_list(LookaheadPlan *plan, List *nodes, const LookaheadDemand *demand)
{
	ListCell   *lc;

	foreach(lc, nodes)
		lfirst(lc) = walk(plan, lfirst(lc), demand);
}

/*
 * Notes, for each subplan that a node reads directly, whether the node will
 * read all of its rows.
 */
static void
note_subplans(LookaheadPlan *plan, const Plan *node,
			  const LookaheadDemand *demand)
{
	ListCell   *lc;

	if (IsA(node, CteScan))
	{
		int			number = ((const CteScan *) node)->ctePlanId;

		plan->common = bms_add_member(plan->common, number);
		if (demand->limited || demand->unsure || lookahead_has_bound(demand))
			plan->read_partly = bms_add_member(plan->read_partly, number);
		else
			plan->read_whole = bms_add_member(plan->read_whole, number);
		if (demand->in_turn)
			plan->read_in_turn = bms_add_member(plan->read_in_turn, number);
	}
	foreach(lc, node->initPlan)
	{
		SubPlan    *subplan = lfirst_node(SubPlan, lc);

		if (subplan->subLinkType == EXPR_SUBLINK ||
			subplan->subLinkType == ARRAY_SUBLINK)
			plan->read_whole = bms_add_member(plan->read_whole,
											  subplan->plan_id);
	}
}
