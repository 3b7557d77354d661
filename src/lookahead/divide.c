/*
 * divide.c
 *
 * Removes look-ahead nodes from the plan of a cursor, or of a portal with a name,
 * if they are above several scans.  WHERE CURRENT OF searches such a plan for the
 * scan of a table, through the nodes that are listed here (the server's
 * execCurrentOf()).  It accepts a look-ahead node only in place of one scan.  The
 * rows stay the same; their lookups are not asked ahead.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static bool list_hides_scans(const List *nodes);
static Plan *hidden_below(Plan *node);
static Plan *divide(Plan *node);
static void push_down(Plan *node, Plan *below);
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
 * Removes these nodes from a plan, which nobody else holds.  Returns its top.
 */
Plan *
lookahead_divide(Plan *node)
{
	return divide(node);
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
divide(Plan *node)
{
	ListCell   *lc;

	if (node == NULL)
		return NULL;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Result:
		case T_Limit:
			node->lefttree = divide(node->lefttree);
			break;
		case T_SubqueryScan:
			((SubqueryScan *) node)->subplan = divide(((SubqueryScan *) node)->subplan);
			break;
		case T_Append:
			foreach(lc, ((Append *) node)->appendplans)
				lfirst(lc) = divide(lfirst(lc));
			break;
		case T_MergeAppend:
			foreach(lc, ((MergeAppend *) node)->mergeplans)
				lfirst(lc) = divide(lfirst(lc));
			break;
		case T_CustomScan:
			if (hidden_below(node) == NULL)
				break;
			node->lefttree = divide(node->lefttree);
			push_down(node, node->lefttree);
			node->lefttree->initPlan = list_concat(node->initPlan,
												   node->lefttree->initPlan);
			return node->lefttree;
		default:
			break;
	}
	return node;
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
