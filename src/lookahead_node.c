/*
 * lookahead_node.c
 *
 * Puts look-ahead nodes into a finished plan: between a node and its input,
 * which changes neither of them, or above a node that hands over what it would
 * have evaluated itself.  The nodes above find the same columns as before, in
 * number, order, name and type.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "pgcares.h"

typedef bool (*PlanVisitor) (Plan *node, void *context);

static bool visit_children(Plan *node, PlanVisitor visit, void *context);
static bool survey_node(Plan *node, void *context);
static bool locks_rows(Plan *node, void *context);
static TargetEntry *column_entry(const TargetEntry *entry, int varno);
static bool add_params(Node *node, Bitmapset **params);
static bool worth_splitting(SiteSearch *search, Plan *node, List **quals);
static List *sites_of(SiteSearch *search, Node *expression);
static bool add_columns(Node *node, List **columns);
static bool is_column(const Node *node);
static Node *use_columns(Node *node, List *columns);
static List *column_entries(List *columns);

/*
 * Looks at all nodes of a statement, for what making nodes needs to know.
 */
void
lookahead_survey(LookaheadPlan *plan, PlannedStmt *stmt)
{
	ListCell   *lc;

	memset(plan, 0, sizeof(LookaheadPlan));
	plan->stmt = stmt;
	survey_node(stmt->planTree, plan);
	foreach(lc, stmt->subplans)
	{
		if (lfirst(lc) != NULL)
			survey_node(lfirst(lc), plan);
	}
}

/*
 * Is it one of our nodes?
 */
bool
plan_is_lookahead(const Plan *node)
{
	return IsA(node, CustomScan) &&
		((const CustomScan *) node)->methods == &lookahead_scan_methods;
}

/*
 * Makes a node that reads child ahead for the calls, and passes its rows on as
 * they are.  Gives the child where there is nothing to do: without calls, where
 * earlier rows are wanted again, and where the child locks rows, since a cursor
 * knows its current row by the one that was locked last.
 */
Plan *
lookahead_above(LookaheadPlan *plan, Plan *child, List *calls,
				const LookaheadDemand *demand)
{
	CustomScan *scan;
	Plan	   *node;
	ListCell   *lc;

	if ((calls == NIL && LOOKAHEAD_NEEDS_CALLS) || demand->marks ||
		(plan->locks_rows && locks_rows(child, NULL)))
		return child;

	scan = makeNode(CustomScan);
	node = &scan->scan.plan;
	copy_plan_cost(node, child);
	node->plan_node_id = ++plan->last_id;
	node->parallel_aware = demand->workers;	/* only then its counters are shared */
	node->lefttree = child;
	node->extParam = bms_copy(child->extParam);
	node->allParam = bms_copy(child->allParam);
	add_params((Node *) calls, &node->extParam);
	add_params((Node *) calls, &node->allParam);
	foreach(lc, child->targetlist)
	{
		node->targetlist = lappend(node->targetlist,
								   column_entry(lfirst(lc), INDEX_VAR));
		scan->custom_scan_tlist = lappend(scan->custom_scan_tlist,
										  column_entry(lfirst(lc), OUTER_VAR));
	}
	scan->flags = CUSTOMPATH_SUPPORT_PROJECTION;
	scan->custom_exprs = calls;
	scan->custom_private = list_make2(makeInteger(demand->limited),
									  makeInteger(demand->bound));
	scan->methods = &lookahead_scan_methods;
	return node;
}

/*
 * Looks ahead for the calls of a node's own target list and quals: the node
 * computes the columns that these need, a node above does the rest.  Quals go
 * up from the first with a call on; those before it, among them all that keep
 * rows from being seen, still come first.  Calls of the target list are then
 * looked ahead for by a second node, for the rows that are left.
 */
Plan *
lookahead_split(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand)
{
	LookaheadDemand unbound = *demand;
	SiteSearch	search;
	List	   *initplans = node->initPlan;
	List	   *columns = NIL;
	List	   *targets;
	List	   *quals;
	List	   *calls;
	Plan	   *top = node;

	if (demand->marks || (plan->locks_rows && locks_rows(node, NULL)))
		return node;
	sites_open(&search, plan, node, INDEX_VAR, demand);
	if (!worth_splitting(&search, node, &quals))
		return node;
	add_columns((Node *) node->targetlist, &columns);
	add_columns((Node *) quals, &columns);
	if (columns == NIL)
		return node;			/* nothing changes from row to row */

	targets = (List *) use_columns((Node *) node->targetlist, columns);
	node->targetlist = column_entries(columns);
	node->qual = list_truncate(node->qual,
							   list_length(node->qual) - list_length(quals));
	node->initPlan = NIL;

	if (quals != NIL)
	{
		quals = (List *) use_columns((Node *) quals, columns);
		unbound.limited |= demand->bound > 0;
		unbound.bound = 0;
		calls = sites_of(&search, linitial(quals));
		top = lookahead_above(plan, top, calls, &unbound);
		top->qual = quals;
	}
	calls = sites_of(&search, (Node *) targets);
	if (calls != NIL || quals == NIL)
		top = lookahead_above(plan, top, calls, demand);
	top->targetlist = targets;
	top->initPlan = initplans;
	return top;
}

/*
 * Visits the nodes right below one, until the visitor returns true.
 */
static bool
visit_children(Plan *node, PlanVisitor visit, void *context)
{
	List	   *children = NIL;
	ListCell   *lc;

	check_stack_depth();
	if (node->lefttree != NULL && visit(node->lefttree, context))
		return true;
	if (node->righttree != NULL && visit(node->righttree, context))
		return true;
	if (IsA(node, SubqueryScan))
		return visit(((SubqueryScan *) node)->subplan, context);

	if (IsA(node, Append))
		children = ((Append *) node)->appendplans;
	else if (IsA(node, MergeAppend))
		children = ((MergeAppend *) node)->mergeplans;
	else if (IsA(node, BitmapAnd))
		children = ((BitmapAnd *) node)->bitmapplans;
	else if (IsA(node, BitmapOr))
		children = ((BitmapOr *) node)->bitmapplans;
	else if (IsA(node, CustomScan))
		children = ((CustomScan *) node)->custom_plans;
	foreach(lc, children)
	{
		if (visit(lfirst(lc), context))
			return true;
	}
	return false;
}

static bool
survey_node(Plan *node, void *context)
{
	LookaheadPlan *plan = context;
	ListCell   *lc;

	plan->last_id = Max(plan->last_id, node->plan_node_id);
	plan->has_nodes |= plan_is_lookahead(node);
	plan->locks_rows |= IsA(node, LockRows);
	foreach(lc, node->initPlan)
	{
		ListCell   *number;

		foreach(number, lfirst_node(SubPlan, lc)->setParam)
			plan->init_params = bms_add_member(plan->init_params,
											   lfirst_int(number));
	}
	return visit_children(node, survey_node, context);
}

/* Is there a node below that locks rows, or is it one? */
static bool
locks_rows(Plan *node, void *context)
{
	return IsA(node, LockRows) || visit_children(node, locks_rows, context);
}

/* An entry of a target list that takes another's column as it is. */
static TargetEntry *
column_entry(const TargetEntry *entry, int varno)
{
	TargetEntry *column = flatCopyTargetEntry((TargetEntry *) entry);
	Node	   *expr = (Node *) entry->expr;

	column->expr = (Expr *) makeVar(varno, entry->resno, exprType(expr),
									exprTypmod(expr), exprCollation(expr), 0);
	return column;
}

static bool
add_params(Node *node, Bitmapset **params)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
		*params = bms_add_member(*params, ((Param *) node)->paramid);
	return expression_tree_walker(node, add_params, params);
}

/*
 * Has a node calls to look ahead for in its target list, or in quals that can
 * go up?  Those are given, NIL if there are none.
 */
static bool
worth_splitting(SiteSearch *search, Plan *node, List **quals)
{
	List	   *columns = NIL;
	int			i;

	*quals = NIL;
	/* PL/pgSQL insists on how the plan of an expression looks like. */
	if (!LOOKAHEAD_NEEDS_CALLS)
		return !(IsA(node, Gather) && IsA(node->lefttree, Result));
	if (!sites_possible((Node *) node->targetlist) &&
		!sites_possible((Node *) node->qual))
		return false;

	add_columns((Node *) node->targetlist, &columns);
	add_columns((Node *) node->qual, &columns);
	for (i = 0; i < list_length(node->qual); i++)
	{
		Node	   *qual = use_columns(list_nth(node->qual, i), columns);

		if (sites_of(search, qual) != NIL)
		{
			*quals = list_copy_tail(node->qual, i);
			return true;
		}
	}
	return sites_of(search, use_columns((Node *) node->targetlist,
										columns)) != NIL;
}

static List *
sites_of(SiteSearch *search, Node *expression)
{
	search->calls = NIL;
	sites_find(search, expression);
	return search->calls;
}

/*
 * Collects what a node itself has to compute of an expression.
 */
static bool
add_columns(Node *node, List **columns)
{
	if (node == NULL)
		return false;
	if (is_column(node))
	{
		*columns = list_append_unique(*columns, node);
		return false;
	}
	return expression_tree_walker(node, add_columns, columns);
}

static bool
is_column(const Node *node)
{
	return IsA(node, Var) || IsA(node, Aggref) || IsA(node, GroupingFunc) ||
		IsA(node, WindowFunc);
}

/*
 * A copy of an expression that takes the columns from the node's input.
 */
static Node *
use_columns(Node *node, List *columns)
{
	if (node == NULL)
		return NULL;
	if (is_column(node))
	{
		AttrNumber	number = 0;
		ListCell   *lc;

		foreach(lc, columns)
		{
			number++;
			if (equal(lfirst(lc), node))
				return (Node *) makeVar(INDEX_VAR, number, exprType(node),
										exprTypmod(node), exprCollation(node),
										0);
		}
		elog(ERROR, "column of a plan node not found");
	}
	return expression_tree_mutator(node, use_columns, columns);
}

static List *
column_entries(List *columns)
{
	List	   *entries = NIL;
	ListCell   *lc;

	foreach(lc, columns)
		entries = lappend(entries,
						  makeTargetEntry(copyObject(lfirst(lc)),
										  list_length(entries) + 1, NULL,
										  false));
	return entries;
}
