/*
 * divide.c
 *
 * Removes look-ahead nodes from the plan of a cursor, or of a portal with a name,
 * if they are above several scans.  WHERE CURRENT OF searches such a plan for the
 * scan of a table, through the nodes that are listed here (the server's
 * execCurrentOf()).  It accepts a look-ahead node only in place of one scan.  The
 * rows stay the same.  Parts that scan a table get nodes of their own.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static bool list_hides_scans(const List *nodes);
static Plan *hidden_below(Plan *node);
static Plan *divide(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand);
static Plan *take_away(LookaheadPlan *plan, Plan *node,
					   const LookaheadDemand *demand);
static void push_down(Plan *node, Plan *below);
static void look_ahead_apart(LookaheadPlan *plan, Plan *node,
							 const LookaheadDemand *demand);
static bool scans_table(const Plan *node);
static Node *substitute(Node *node, List *entries);

/*
 * Does a look-ahead node stop a search for the scan of a table?
 */
bool
lookahead_hides_scans(Plan *node)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Result:
		case T_Limit:
			return lookahead_hides_scans(node->lefttree);
		case T_SubqueryScan:
			return lookahead_hides_scans(((SubqueryScan *) node)->subplan);
		case T_Append:
			return list_hides_scans(((Append *) node)->appendplans);
		case T_MergeAppend:
			return list_hides_scans(((MergeAppend *) node)->mergeplans);
		case T_CustomScan:
			return hidden_below(node) != NULL;
		default:
			return false;
	}
}

static bool
list_hides_scans(const List *nodes)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		if (lookahead_hides_scans(lfirst(lc)))
			return true;
	}
	return false;
}

/*
 * Removes these nodes from a surveyed plan, which nobody else holds.
 */
void
lookahead_divide(LookaheadPlan *plan)
{
	LookaheadDemand demand = {.in_turn = true, .one_by_one = true};

	plan->stmt->planTree = divide(plan, plan->stmt->planTree, &demand);
	lookahead_share_memory(plan->stmt);
}

/* The plan that nodes of ours hide from the search, or NULL. */
static Plan *
hidden_below(Plan *node)
{
	if (!plan_is_lookahead(node))
		return NULL;
	while (plan_is_lookahead(node))
		node = node->lefttree;
	switch (nodeTag(node))
	{
		case T_Append:
		case T_MergeAppend:
		case T_SubqueryScan:
		case T_Result:
		case T_Limit:
			return node;
		default:
			return NULL;
	}
}

static Plan *
divide(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand)
{
	LookaheadDemand left;
	LookaheadDemand right;
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	lookahead_demands(node, demand, &left, &right);
	switch (nodeTag(node))
	{
		case T_Result:
		case T_Limit:
			node->lefttree = divide(plan, node->lefttree, &left);
			break;
		case T_SubqueryScan:
			((SubqueryScan *) node)->subplan =
				divide(plan, ((SubqueryScan *) node)->subplan, &left);
			break;
		case T_Append:
			foreach(lc, ((Append *) node)->appendplans)
				lfirst(lc) = divide(plan, lfirst(lc), &left);
			break;
		case T_MergeAppend:
			foreach(lc, ((MergeAppend *) node)->mergeplans)
				lfirst(lc) = divide(plan, lfirst(lc), &left);
			break;
		case T_CustomScan:
			if (hidden_below(node) == NULL)
				break;
			node = take_away(plan, node, demand);
			look_ahead_apart(plan, node, demand);
			break;
		default:
			break;
	}
	return node;
}

/* Takes nodes of ours away and returns the plan below them. */
static Plan *
take_away(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand)
{
	Plan	   *below = node->lefttree;

	below = plan_is_lookahead(below) ? take_away(plan, below, demand) :
		divide(plan, below, demand);
	push_down(node, below);
	below->initPlan = list_concat(node->initPlan, below->initPlan);
	return below;
}

/*
 * Gives a node's target list and quals to the plan below it, or to its parts.
 * Over a MergeAppend and a Limit, a node only passes rows on.
 */
static void
push_down(Plan *node, Plan *below)
{
	List	   *entries = below->targetlist;
	ListCell   *lc;

	if (IsA(below, MergeAppend) || IsA(below, Limit))
		return;
	if (!IsA(below, Append))
	{
		below->targetlist = (List *) substitute((Node *) node->targetlist, entries);
		below->qual = list_concat(below->qual,
								  (List *) substitute((Node *) node->qual, entries));
		return;
	}

	foreach(lc, ((Append *) below)->appendplans)
		push_down(node, lfirst(lc));
	below->targetlist = NIL;
	foreach(lc, node->targetlist)
	{
		TargetEntry *entry = flatCopyTargetEntry(lfirst(lc));
		Node	   *expr = (Node *) entry->expr;

		entry->expr = (Expr *) makeVar(OUTER_VAR, entry->resno, exprType(expr),
									   exprTypmod(expr), exprCollation(expr), 0);
		below->targetlist = lappend(below->targetlist, entry);
	}
}

/* Looks ahead for each part of an Append that scans a table. */
static void
look_ahead_apart(LookaheadPlan *plan, Plan *node, const LookaheadDemand *demand)
{
	LookaheadDemand left;
	LookaheadDemand right;
	ListCell   *lc;

	if (!IsA(node, Append))
		return;
	lookahead_demands(node, demand, &left, &right);
	foreach(lc, ((Append *) node)->appendplans)
	{
		if (IsA(lfirst(lc), Append))
			look_ahead_apart(plan, lfirst(lc), &left);
		else if (scans_table(lfirst(lc)))
			lfirst(lc) = lookahead_split(plan, lfirst(lc), &left);
	}
}

/* A look-ahead node can stand for these: see scan.c. */
static bool
scans_table(const Plan *node)
{
	switch (nodeTag(node))
	{
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
			return true;
		default:
			return false;
	}
}

/* A copy of an expression with a node's columns in place of their numbers. */
static Node *
substitute(Node *node, List *entries)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) && ((Var *) node)->varno == INDEX_VAR)
		return copyObject((Node *) list_nth_node(TargetEntry, entries,
												 ((Var *) node)->varattno - 1)->expr);
	return expression_tree_mutator(node, substitute, entries);
}
