/*
 * rules.c
 *
 * The rules for each kind of plan node: which calls it makes for each row.  The
 * node that looks ahead for these calls goes below, where the rows come from, or
 * above the node that computes the rows.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static bool find_for_input(SiteSearch *search, Plan *node);
static void look_inside(LookaheadPlan *plan, NestLoop *loop,
						const LookaheadDemand *demand);
static bool reads_all_rows(const WindowAgg *node);

/*
 * Adds the look-ahead nodes for one node; its children have theirs already.
 * Returns the plan that takes its place.
 */
Plan *
lookahead_for_node(LookaheadPlan *plan, Plan *node,
				   const LookaheadDemand *demand, const LookaheadDemand *left,
				   const LookaheadDemand *right)
{
	SiteSearch	search;

	if (node->lefttree != NULL)
	{
		site_search_open(&search, plan, node, OUTER_VAR);
		if (find_for_input(&search, node))
			node->lefttree = lookahead_above(&search, node->lefttree, left);
	}
	if (IsA(node, NestLoop))
		look_inside(plan, (NestLoop *) node, right);
	if (lookahead_hands_over(node))
		return lookahead_split(plan, node, demand);
	return node;
}

/*
 * Finds the calls that a node makes for each row of its input, whatever it then
 * does with the row.  Returns false if it cannot make any.
 */
static bool
find_for_input(SiteSearch *search, Plan *node)
{
	switch (nodeTag(node))
	{
		case T_NestLoop:
			sites_find_inside(search, (NestLoop *) node);

			/* The join condition runs only if the inner side has rows. */
			search->uncertain = true;
			if (((Join *) node)->joinqual != NIL)
				sites_find(search, linitial(((Join *) node)->joinqual));
			return true;
		case T_HashJoin:
			sites_find(search, (Node *) ((HashJoin *) node)->hashkeys);
			return true;
		case T_Hash:
			sites_find(search, (Node *) ((Hash *) node)->hashkeys);
			return true;

			/* Quals run before the target list; only the first is certain. */
		case T_Result:
			if (node->qual != NIL)
				sites_find(search, linitial(node->qual));
			else
				sites_find(search, (Node *) node->targetlist);
			return true;
		case T_ProjectSet:
			sites_find(search, (Node *) node->targetlist);
			return true;

		case T_ModifyTable:
			changes_find(search, (ModifyTable *) node);
			return true;

		case T_WindowAgg:
			/* Otherwise it can skip rows, or read them later, or never. */
			search->uncertain = !reads_all_rows((WindowAgg *) node);
			sites_find_in_aggregates(search, (Node *) node->targetlist);

			/* It computes no column after the row that ends it. */
			search->uncertain = true;
			if (!lookahead_hands_over(node))
				sites_find(search, (Node *) node->targetlist);
			return true;
		case T_Agg:
			if (DO_AGGSPLIT_COMBINE(((Agg *) node)->aggsplit))
				return false;	/* the arguments are transition states */
			sites_find_in_aggregates(search, (Node *) node->targetlist);
			sites_find_in_aggregates(search, (Node *) node->qual);
			return true;
		default:
			return false;
	}
}

/*
 * Adds a node to the inner side of a nested loop for calls in the join
 * condition, which are made again and again for the same rows.
 */
static void
look_inside(LookaheadPlan *plan, NestLoop *loop, const LookaheadDemand *demand)
{
	Plan	  **inner = &loop->join.plan.righttree;
	SiteSearch	search;

	if (loop->join.joinqual == NIL)
		return;
	site_search_open(&search, plan, &loop->join.plan, INNER_VAR);
	sites_find(&search, linitial(loop->join.joinqual));

	/* Material keeps its rows for all outer rows: read them ahead once. */
	if (IsA(*inner, Material))
		inner = &(*inner)->lefttree;
	if (search.calls != NIL || search.perhaps != NIL)
		*inner = lookahead_above(&search, *inner, demand);
}

/*
 * Can a node hand over its target list and its quals to a node above it?
 */
bool
lookahead_hands_over(const Plan *node)
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
		case T_SubqueryScan:
		case T_FunctionScan:
		case T_ValuesScan:
		case T_TableFuncScan:
		case T_CteScan:
		case T_NamedTuplestoreScan:
		case T_WorkTableScan:
		case T_ForeignScan:
		case T_NestLoop:
		case T_MergeJoin:
		case T_HashJoin:
		case T_Gather:
		case T_GatherMerge:
		case T_Group:
			return true;
		case T_Agg:
			return !DO_AGGSPLIT_SKIPFINAL(((const Agg *) node)->aggsplit);

			/* Quals and run conditions refer to its columns by number. */
		case T_WindowAgg:
			return node->qual == NIL &&
				((const WindowAgg *) node)->runCondition == NIL;
		default:
			return false;
	}
}

/*
 * Does the node read all rows of its input, and is each in some row's frame?
 */
static bool
reads_all_rows(const WindowAgg *node)
{
	return node->plan.qual == NIL && node->runCondition == NIL &&
		(node->frameOptions & FRAMEOPTION_START_UNBOUNDED_PRECEDING) &&
		(node->frameOptions & (FRAMEOPTION_END_CURRENT_ROW |
							   FRAMEOPTION_END_UNBOUNDED_FOLLOWING)) &&
		!(node->frameOptions & FRAMEOPTION_EXCLUSION);
}
