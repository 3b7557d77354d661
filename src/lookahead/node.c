/*
 * node.c
 *
 * Adds look-ahead nodes to a finished plan: between a node and its input, which
 * changes neither of them, or above a node that hands over some of its own
 * expressions.  The nodes above find the same columns as before, in number,
 * order, name and type.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/extensible.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static List **quals_place(LookaheadPlan *plan, Plan *node);
static bool calls_of_a_side(LookaheadPlan *plan, Join *join);
static bool may_read_ahead(const LookaheadPlan *plan, const Plan *node, bits8 early,
						   const LookaheadDemand *demand);
static bool can_begin_again(const LookaheadDemand *demand);
static void note_refusal(LookaheadPlan *plan, List *calls, const Plan *node,
						 bits8 early, const LookaheadDemand *demand);
static void survey_node(LookaheadPlan *plan, Plan *node);
static void survey_list(LookaheadPlan *plan, List *nodes);
static List *limit_expressions(const LookaheadDemand *demand);
static TargetEntry *column_entry(const TargetEntry *entry, int varno);
static bool add_params(Node *node, Bitmapset **params);
static bool find_sites(SiteSearch *search, Node *expression);

/*
 * Examines all nodes of a statement and collects the facts that adding nodes
 * needs.
 */
void
lookahead_survey(LookaheadPlan *plan, PlannedStmt *stmt)
{
	memset(plan, 0, sizeof(LookaheadPlan));
	plan->stmt = stmt;
	survey_node(plan, stmt->planTree);
	survey_list(plan, stmt->subplans);
	plan->early = palloc0((plan->last_id + 1) * sizeof(LookaheadEarly));
}

/*
 * Makes a node that reads child ahead for the calls that a search has found,
 * and passes its rows on unchanged.  Returns child itself if there are no
 * calls, if the plan above goes back to earlier rows, or if rows must not be
 * read before they are wanted.
 */
Plan *
lookahead_above(SiteSearch *search, Plan *child, const LookaheadDemand *demand)
{
	LookaheadPlan *plan = search->plan;
	List	   *calls = list_concat_copy(search->calls, search->perhaps);
	List	   *limit = limit_expressions(demand);
	bits8		early = early_rows(plan, child);
	int			settings[] = {
		[LOOKAHEAD_LIMITED] = demand->limited,
		[LOOKAHEAD_UNSURE] = demand->unsure,
		[LOOKAHEAD_IN_TURN] = demand->in_turn,
		[LOOKAHEAD_ONE_BY_ONE] = demand->one_by_one,
		[LOOKAHEAD_GUARD_ROWS] = (early & EARLY_GUARD) != 0,
		[LOOKAHEAD_GUARD_CALLS] = (search->early & EARLY_GUARD) != 0,
		[LOOKAHEAD_WARNS] = (early & EARLY_WARNINGS) != 0,
		[LOOKAHEAD_FOREIGN] = (early & EARLY_FOREIGN) != 0,
		[LOOKAHEAD_SHARES] = 1,
		[LOOKAHEAD_BOUND] = demand->bound,
		[LOOKAHEAD_CALLS] = list_length(search->calls),
		[LOOKAHEAD_PERHAPS] = list_length(search->perhaps)
	};
	CustomScan *scan;
	Plan	   *node;
	ListCell   *lc;

	if (calls == NIL && LOOKAHEAD_NEEDS_CALLS)
		return child;
	if (!may_read_ahead(plan, child, early, demand))
	{
		note_refusal(plan, calls, child, early, demand);
		return child;
	}

	scan = makeNode(CustomScan);
	node = &scan->scan.plan;
	copy_plan_cost(node, child);
	node->plan_node_id = ++plan->last_id;
	node->parallel_aware = demand->workers;	/* shares the counters */
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
	scan->custom_exprs = list_concat(calls, limit);
	for (int i = 0; i < (int) lengthof(settings); i++)
		scan->custom_private = lappend(scan->custom_private,
									   makeInteger(settings[i]));
	scan->custom_private = lappend(scan->custom_private, NIL);
	scan->methods = &lookahead_scan_methods;
	return node;
}

/*
 * Looks ahead for the calls in a node's own target list and quals: the node
 * computes the columns that these need, and a node above does the rest.  The
 * first qual with a call and all after it move up.  Those before it still run
 * first; they include all security quals.  A second node then looks ahead for
 * the calls in the target list, for the rows that are left.
 */
Plan *
lookahead_split(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand)
{
	List	  **place = quals_place(plan, node);
	List	   *targetlist = node->targetlist;
	List	   *quals = *place;
	PassedColumns *columns;
	List	   *moved;
	Plan	   *top;

	/* An Append reads an asynchronous part only if no node is between them. */
	if (node->async_capable || !lookahead_has_calls(plan, node, &moved))
		return node;
	columns = columns_collect((Node *) targetlist, (Node *) moved);
	if (columns->list == NIL)
		return node;			/* nothing changes from row to row */

	node->targetlist = columns_entries(columns);
	*place = list_copy_head(quals, list_length(quals) - list_length(moved));
	early_forget(plan, node);
	top = lookahead_place(plan, node, (List *) columns_use((Node *) targetlist, columns),
						  (List *) columns_use((Node *) moved, columns), demand);
	if (top == node)
	{
		node->targetlist = targetlist;
		*place = quals;
		early_forget(plan, node);
	}
	else if (place != &node->qual && moved != NIL)
		((Join *) node)->inner_unique = false;	/* the first match can fail above */
	return top;
}

/*
 * The quals that a node above can evaluate.  Inner joins keep them with the
 * conditions of the join.  A nested loop evaluates these again and again for the
 * same row: if they make calls for the rows of one side, nodes below look ahead.
 */
static List **
quals_place(LookaheadPlan *plan, Plan *node)
{
	Join	   *join = (Join *) node;

	if (!IsA(node, NestLoop) && !IsA(node, HashJoin) && !IsA(node, MergeJoin))
		return &node->qual;
	if (join->jointype != JOIN_INNER || node->qual != NIL || join->joinqual == NIL)
		return &node->qual;
	if (IsA(node, NestLoop) &&
		(calls_of_a_side(plan, join) ||
		 (IsA(node->righttree, Memoize) && ((Memoize *) node->righttree)->singlerow)))
		return &node->qual;
	return &join->joinqual;
}

/* Does the first condition of a join make calls for the rows of one side? */
static bool
calls_of_a_side(LookaheadPlan *plan, Join *join)
{
	SiteSearch	search;

	site_search_open(&search, plan, &join->plan, OUTER_VAR);
	if (find_sites(&search, linitial(join->joinqual)))
		return true;
	site_search_open(&search, plan, &join->plan, INNER_VAR);
	return find_sites(&search, linitial(join->joinqual));
}

/*
 * Makes the nodes that look ahead for the calls in quals and targets, which take
 * the columns of the given node, and compute these.  Returns the node itself if
 * its rows must not be read before they are wanted.
 */
Plan *
lookahead_place(LookaheadPlan *plan, Plan *node, List *targets, List *quals,
				const LookaheadDemand *demand)
{
	LookaheadDemand unbound = *demand;
	List	   *initplans = node->initPlan;
	SiteSearch	search;
	Plan	   *top = node;

	if (quals != NIL)
		lookahead_forget_bound(&unbound);
	site_search_open(&search, plan, node, INDEX_VAR);
	if (!may_read_ahead(plan, node, early_rows(plan, node), &unbound))
	{
		find_sites(&search, (Node *) (quals != NIL ? quals : targets));
		note_refusal(plan, list_concat_copy(search.calls, search.perhaps), node,
					 early_rows(plan, node), &unbound);
		return node;
	}

	node->initPlan = NIL;
	if (quals != NIL)
	{
		find_sites(&search, linitial(quals));
		top = lookahead_above(&search, top, &unbound);
		top->qual = quals;
	}
	find_sites(&search, (Node *) targets);
	top = lookahead_above(&search, top, demand);
	top->targetlist = targets;
	top->initPlan = initplans;
	return top;
}

/*
 * Can rows of a node be read before they are wanted, in spite of these obstacles?
 * A plan that an error has interrupted must not run again.  A foreign source must
 * not be asked for anything after an error, and the error must come in the end.
 */
static bool
may_read_ahead(const LookaheadPlan *plan, const Plan *node, bits8 early,
			   const LookaheadDemand *demand)
{
	return !demand->marks && !(early & (EARLY_EFFECTS | EARLY_ERRORS)) &&
		!((early & EARLY_GUARD) && can_begin_again(demand)) &&
		!((early & (EARLY_WARNINGS | EARLY_FOREIGN)) && demand->limited) &&
		!((early & EARLY_FOREIGN) &&
		  foreign_scans_below(plan, node) < plan->foreign_scans);
}

/* Can the plan above read all rows again before it has got to the last one? */
static bool
can_begin_again(const LookaheadDemand *demand)
{
	return demand->repeated && (demand->limited || demand->in_turn || demand->marks);
}

/* Notes why the rows of a node are not read ahead for these calls. */
static void
note_refusal(LookaheadPlan *plan, List *calls, const Plan *node, bits8 early,
			 const LookaheadDemand *demand)
{
	LookaheadReason reason = REASON_ROWS_WARN;
	Node	   *culprit = NULL;
	ListCell   *lc;

	if (demand->marks)
		reason = REASON_MARKS;
	else if (early & (EARLY_EFFECTS | EARLY_ERRORS))
	{
		reason = (early & EARLY_EFFECTS) ? REASON_ROWS_EFFECT : REASON_ROWS_RAISE;
		culprit = early_culprit(node);
		if (culprit == NULL && foreign_computes(node))
			reason = REASON_FOREIGN;
	}
	else if ((early & EARLY_GUARD) && can_begin_again(demand))
		reason = REASON_ROWS_AGAIN;
	else if (early & EARLY_FOREIGN)
		reason = REASON_ROWS_FOREIGN;
	foreach(lc, calls)
		reasons_note(plan, lfirst(lc), reason, culprit);
}

/*
 * Surveys a node and the nodes below it.
 */
static void
survey_node(LookaheadPlan *plan, Plan *node)
{
	ListCell   *lc;

	if (node == NULL)
		return;
	check_stack_depth();
	plan->last_id = Max(plan->last_id, node->plan_node_id);
	plan->has_nodes |= plan_is_lookahead(node);
	early_survey(plan, node);
	wrappers_survey(plan, (Node *) plan_expressions_of_rows(node));
	wrappers_survey(plan, (Node *) plan_expressions_at_first(node));
	foreach(lc, node->initPlan)
		plan->init_plans = lappend(plan->init_plans, lfirst(lc));

	survey_node(plan, node->lefttree);
	survey_node(plan, node->righttree);
	if (IsA(node, SubqueryScan))
		survey_node(plan, ((SubqueryScan *) node)->subplan);
	else if (IsA(node, Append))
		survey_list(plan, ((Append *) node)->appendplans);
	else if (IsA(node, MergeAppend))
		survey_list(plan, ((MergeAppend *) node)->mergeplans);
	else if (IsA(node, BitmapAnd))
		survey_list(plan, ((BitmapAnd *) node)->bitmapplans);
	else if (IsA(node, BitmapOr))
		survey_list(plan, ((BitmapOr *) node)->bitmapplans);
	else if (IsA(node, CustomScan))
		survey_list(plan, ((CustomScan *) node)->custom_plans);
}

static void
survey_list(LookaheadPlan *plan, List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
		survey_node(plan, lfirst(lc));
}

/* The expressions that give the bound at run time: a LIMIT's count, offset. */
static List *
limit_expressions(const LookaheadDemand *demand)
{
	if (demand->limit == NULL)
		return NIL;
	if (demand->limit->limitOffset == NULL)
		return list_make1(copyObject(demand->limit->limitCount));
	return list_make2(copyObject(demand->limit->limitCount),
					  copyObject(demand->limit->limitOffset));
}

/* A target list entry that passes another entry's column on unchanged. */
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
 * Does a node have calls to look ahead for in its target list, or in quals that
 * can move up?  Sets *quals to these quals, or to NIL.
 */
bool
lookahead_has_calls(LookaheadPlan *plan, Plan *node, List **quals)
{
	List	   *all = *quals_place(plan, node);
	PassedColumns *columns;
	SiteSearch	search;

	*quals = NIL;
	/* PL/pgSQL requires this shape of an expression's plan. */
	if (!LOOKAHEAD_NEEDS_CALLS)
		return !(IsA(node, Gather) && IsA(node->lefttree, Result));
	if (!site_search_possible(plan, (Node *) node->targetlist) &&
		!site_search_possible(plan, (Node *) all))
		return false;

	site_search_open(&search, plan, node, INDEX_VAR);
	columns = columns_collect((Node *) node->targetlist, (Node *) all);
	for (int i = 0; i < list_length(all); i++)
	{
		if (find_sites(&search, columns_use(list_nth(all, i), columns)))
		{
			*quals = list_copy_tail(all, i);
			break;
		}
	}
	return *quals != NIL ||
		find_sites(&search, columns_use((Node *) node->targetlist, columns));
}

/* Starts a new search and finds the calls in one expression. */
static bool
find_sites(SiteSearch *search, Node *expression)
{
	search->calls = search->perhaps = NIL;
	search->early = 0;
	sites_find(search, expression);
	return search->calls != NIL || search->perhaps != NIL;
}
