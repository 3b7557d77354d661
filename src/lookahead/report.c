/*
 * report.c
 *
 * Tells the user which calls of a statement are not looked ahead for, and why:
 * EXPLAIN (VERBOSE) shows it with a look-ahead node of the statement, and a
 * message at DEBUG1 is sent when the plan is made.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

/* The walk over a plan. */
typedef struct Report
{
	LookaheadPlan *plan;
	const Plan *node;			/* whose expressions are walked */
	LookaheadReason reason;		/* if no other was noted */
	List	   *covered;		/* calls that nodes look ahead for */
	List	   *texts;			/* the same, of String */
	CustomScan *first;			/* the first node of ours */
	List	   *lines;			/* of String */
	Bitmapset  *skipped;		/* subplans that SQL can skip */
} Report;

static void collect_covered(Report *report, const Plan *node);
static void walk_plan(Report *report, const Plan *node);
static void walk_node(Report *report, const Plan *node);
static void walk_lists(Report *report, List *lists, bool for_rows);
static LookaheadReason reason_of_list(const Plan *node, int number, bool for_rows);
static bool walk_expression(Node *node, Report *report);
static void walk_later(Report *report, List *arguments);
static void add_line(Report *report, const FuncExpr *call);
static bool is_covered(const Report *report, const FuncExpr *call);
static void for_each_child(Report *report, const Plan *node,
						   void (*walk) (Report *, const Plan *));

/*
 * Reports the calls of a plan.  If reason is not REASON_PLACE, it is that of all
 * calls.
 */
void
lookahead_report(LookaheadPlan *plan, LookaheadReason reason)
{
	Report		report = {.plan = plan, .reason = reason};
	ListCell   *lc;

	collect_covered(&report, plan->stmt->planTree);
	foreach(lc, plan->stmt->subplans)
		collect_covered(&report, lfirst(lc));
	walk_plan(&report, plan->stmt->planTree);

	/* A subplan has a higher number than those in it. */
	for (int i = list_length(plan->stmt->subplans); i > 0; i--)
	{
		report.reason = reason == REASON_PLACE && bms_is_member(i, report.skipped) ?
			REASON_SKIPPED : reason;
		walk_plan(&report, list_nth(plan->stmt->subplans, i - 1));
	}

	foreach(lc, report.lines)
		elog(DEBUG1, "no look-ahead for %s", strVal(lfirst(lc)));
	if (report.first != NULL)
		list_nth_cell(report.first->custom_private, LOOKAHEAD_NOT)->ptr_value =
			report.lines;
}

static void
collect_covered(Report *report, const Plan *node)
{
	if (node == NULL)
		return;
	check_stack_depth();
	if (plan_is_lookahead(node))
	{
		CustomScan *scan = (CustomScan *) node;
		ListCell   *lc;

		report->covered = list_concat(report->covered, scan->custom_exprs);
		foreach(lc, scan->custom_exprs)
			report->texts = lappend(report->texts,
									makeString(call_text(report->plan, node, lfirst(lc))));
		if (report->first == NULL)
			report->first = scan;
	}
	for_each_child(report, node, collect_covered);
}

static void
walk_plan(Report *report, const Plan *node)
{
	if (node == NULL)
		return;
	check_stack_depth();
	walk_node(report, node);
	for_each_child(report, node, walk_plan);
}

static void
walk_node(Report *report, const Plan *node)
{
	report->node = node;
	walk_lists(report, plan_expressions_of_rows(node), true);
	walk_lists(report, plan_expressions_at_first(node), false);
}

static void
walk_lists(Report *report, List *lists, bool for_rows)
{
	LookaheadReason reason = report->reason;
	ListCell   *lc;

	foreach(lc, lists)
	{
		List	   *list = lfirst(lc);

		/* The calls of our own node are covered, or their reason is noted. */
		if (plan_is_lookahead(report->node) && foreach_current_index(lc) > 1)
			break;
		if (reason == REASON_PLACE)
			report->reason = reason_of_list(report->node, foreach_current_index(lc),
											for_rows);
		/* The first qual decides whether the others are evaluated. */
		if (list == report->node->qual && list != NIL)
		{
			walk_expression(linitial(list), report);
			walk_later(report, list);
		}
		else
			walk_expression((Node *) list, report);
		report->reason = reason;
	}
}

/*
 * The reason that a list of expressions gives for its calls.  The first of those
 * for rows is the target list, the second the quals.
 */
static LookaheadReason
reason_of_list(const Plan *node, int number, bool for_rows)
{
	if (IsA(node, ForeignScan) || (IsA(node, CustomScan) && !plan_is_lookahead(node)))
		return REASON_FOREIGN;
	/* That of RETURNING: the node computes nothing else for its rows. */
	if (IsA(node, ModifyTable))
		return REASON_CHANGE;
	if (number < 2 || !for_rows)
		return REASON_PLACE;
	switch (nodeTag(node))
	{
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
			return REASON_JOIN;
		default:
			return REASON_PLACE;
	}
}

static bool
walk_expression(Node *node, Report *report)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_FuncExpr:
			if (lookup_functions_asks(((FuncExpr *) node)->funcid))
				add_line(report, (FuncExpr *) node);
			break;
		case T_SubPlan:
			if (report->reason == REASON_SKIPPED)
				report->skipped = bms_add_member(report->skipped,
												 ((SubPlan *) node)->plan_id);
			break;
		case T_BoolExpr:
			if (((BoolExpr *) node)->boolop == NOT_EXPR)
				break;
			walk_expression(linitial(((BoolExpr *) node)->args), report);
			walk_later(report, ((BoolExpr *) node)->args);
			return false;
		case T_CoalesceExpr:
			walk_expression(linitial(((CoalesceExpr *) node)->args), report);
			walk_later(report, ((CoalesceExpr *) node)->args);
			return false;
		case T_CaseExpr:
			{
				CaseExpr   *expr = (CaseExpr *) node;
				CaseWhen   *first = linitial_node(CaseWhen, expr->args);

				walk_expression((Node *) expr->arg, report);
				walk_expression((Node *) first->expr, report);
				walk_later(report, list_make2(NULL, first->result));
				walk_later(report, expr->args);
				walk_later(report, list_make2(NULL, expr->defresult));
			}
			return false;
		case T_CaseWhen:
			walk_expression((Node *) ((CaseWhen *) node)->expr, report);
			walk_expression((Node *) ((CaseWhen *) node)->result, report);
			return false;
		case T_Aggref:
			if (((Aggref *) node)->aggfilter == NULL)
				break;
			walk_later(report, list_make3(NULL, ((Aggref *) node)->args,
										  ((Aggref *) node)->aggfilter));
			return false;
		case T_WindowFunc:
			if (((WindowFunc *) node)->aggfilter == NULL)
				break;
			walk_later(report, list_make3(NULL, ((WindowFunc *) node)->args,
										  ((WindowFunc *) node)->aggfilter));
			return false;
		default:
			break;
	}
	return expression_tree_walker(node, walk_expression, report);
}

/* Walks the members of a list after the first, which SQL can skip. */
static void
walk_later(Report *report, List *arguments)
{
	LookaheadReason reason = report->reason;
	ListCell   *lc;

	if (reason != REASON_CURSOR && reason != REASON_FOREIGN)
		report->reason = REASON_SKIPPED;
	for_each_from(lc, arguments, 1)
		walk_expression(lfirst(lc), report);
	report->reason = reason;
}

/* Adds a line for a call, unless a node looks ahead for it. */
static void
add_line(Report *report, const FuncExpr *call)
{
	LookaheadReason reason = report->reason;
	Node	   *culprit = NULL;
	char	   *text = call_text(report->plan, report->node, (Node *) call);
	StringInfoData line;

	/* An equal call of the same columns shares its questions. */
	if (is_covered(report, call) ||
		(strstr(text, "...") == NULL && list_member(report->texts, makeString(text))))
		return;
	if (lookup_functions_find(call->funcid) == NULL)
		reason = REASON_MANY;
	else if (reason != REASON_CURSOR)
		(void) reasons_find(report->plan, call, &reason, &culprit);
	initStringInfo(&line);
	appendStringInfo(&line, "%s: %s", text, reasons_text(reason));
	if (culprit != NULL && call_name(culprit) != NULL)
		appendStringInfo(&line, ": %s", call_name(culprit));
	report->lines = list_append_unique(report->lines, makeString(line.data));
}

static bool
is_covered(const Report *report, const FuncExpr *call)
{
	ListCell   *lc;

	foreach(lc, report->covered)
	{
		if (IsA(lfirst(lc), FuncExpr) && reasons_same_call(lfirst(lc), call))
			return true;
	}
	return false;
}

static void
for_each_child(Report *report, const Plan *node,
			   void (*walk) (Report *, const Plan *))
{
	List	   *children = NIL;
	ListCell   *lc;

	walk(report, node->lefttree);
	walk(report, node->righttree);
	if (IsA(node, Append))
		children = ((const Append *) node)->appendplans;
	else if (IsA(node, MergeAppend))
		children = ((const MergeAppend *) node)->mergeplans;
	else if (IsA(node, SubqueryScan))
		children = list_make1(((const SubqueryScan *) node)->subplan);
	else if (IsA(node, CustomScan))
		children = ((const CustomScan *) node)->custom_plans;
	foreach(lc, children)
		walk(report, lfirst(lc));
}
