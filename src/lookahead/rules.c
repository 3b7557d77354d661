/*
 * rules.c
 *
 * The rules for each kind of plan node: how it uses the rows of its children,
 * and which calls it makes for each row.  The node that looks ahead for these
 * calls goes below, where the rows come from, or above the node that computes
 * the rows.
 */
#include "postgres.h"

#include "common/int.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static LookaheadDemand demand_of_limit(const Limit *limit,
									   LookaheadDemand demand);
static bool limit_can_be_read(Node *node, const LookaheadDemand *demand);
static bool has_bound(const LookaheadDemand *demand);
static void forget_bound(LookaheadDemand *demand);
static void keep_bound(LookaheadDemand *child, const LookaheadDemand *demand);
static bool find_for_input(SiteSearch *search, Plan *node);
static void look_inside(LookaheadPlan *plan, NestLoop *loop,
						const LookaheadDemand *demand);
static bool hands_over(const Plan *node);
static bool reads_all_rows(const WindowAgg *node);

/*
 * Derives a node's demand on its children from the demand on the node.  The
 * children of an Append, a MergeAppend and a SubqueryScan count as left.
 */
void
lookahead_demands(const Plan *node, const LookaheadDemand *demand,
				  LookaheadDemand *left, LookaheadDemand *right)
{
	static const LookaheadDemand all = {0};

	/* A node with a bound can need fewer rows of a child than the bound. */
	*left = *right = *demand;
	left->limited = right->limited = demand->limited || has_bound(demand);
	left->one_by_one = right->one_by_one = false;
	forget_bound(left);
	forget_bound(right);
	switch (nodeTag(node))
	{
			/* These return one row for each row that they read. */
		case T_Result:
		case T_SubqueryScan:
			if (node->qual == NIL)
				*left = *demand;
			break;

		case T_Gather:
		case T_GatherMerge:
			left->workers = true;
			keep_bound(left, demand);
			break;
		case T_Append:
			left->one_by_one = demand->one_by_one;
			/* FALLTHROUGH */
		case T_MergeAppend:
			keep_bound(left, demand);
			break;

		case T_Limit:
			*left = demand_of_limit((const Limit *) node, *demand);
			break;

			/* These read all rows before they return one. */
		case T_Sort:
		case T_Hash:
			*left = all;
			left->workers = demand->workers;
			left->repeated = demand->repeated;
			break;

			/* So does this, unless the caller takes only some of its rows. */
		case T_ModifyTable:
			*left = all;
			left->in_turn = demand->in_turn;
			left->workers = demand->workers;
			break;
		case T_Agg:
			if (((const Agg *) node)->aggstrategy == AGG_PLAIN ||
				((const Agg *) node)->aggstrategy == AGG_HASHED)
			{
				*left = all;
				left->workers = demand->workers;
				left->repeated = demand->repeated;
			}
			break;

		case T_Material:
			left->marks = false;
			break;

		case T_NestLoop:
			/* Every outer row yields at least one row. */
			if (((const Join *) node)->jointype == JOIN_LEFT &&
				node->qual == NIL)
				keep_bound(left, demand);
			right->repeated = true;
			right->limited |= ((const Join *) node)->inner_unique ||
				((const Join *) node)->jointype == JOIN_SEMI ||
				((const Join *) node)->jointype == JOIN_ANTI;
			break;
		case T_RecursiveUnion:
			right->repeated = true;
			break;
		case T_HashJoin:
			left->unsure = true;	/* not needed if the inner side is empty */
			break;
		case T_MergeJoin:
			left->limited = right->limited = true;
			right->marks |= !((const MergeJoin *) node)->skip_mark_restore;
			break;

		default:
			break;
	}
}

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
		sites_open(&search, plan, node, OUTER_VAR);
		if (find_for_input(&search, node))
			node->lefttree = lookahead_above(&search, node->lefttree, left);
	}
	if (IsA(node, NestLoop))
		look_inside(plan, (NestLoop *) node, right);
	if (hands_over(node))
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

		case T_WindowAgg:
			if (!reads_all_rows((WindowAgg *) node))
				return false;
			sites_find_in_aggregates(search, (Node *) node->targetlist);
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
	sites_open(&search, plan, &loop->join.plan, INNER_VAR);
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
static bool
hands_over(const Plan *node)
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

/*
 * Derives the demand of a LIMIT, which reads as many rows as it states if
 * there are that many.  The number is in the plan, or is computed when the
 * LIMIT begins, from expressions that have a value before it reads a row.
 */
static LookaheadDemand
demand_of_limit(const Limit *limit, LookaheadDemand demand)
{
	const Const *count = (const Const *) limit->limitCount;
	const Const *offset = (const Const *) limit->limitOffset;
	int64		bound = 0;

	demand.limited |= has_bound(&demand);
	forget_bound(&demand);
	if (count == NULL || (IsA(count, Const) && count->constisnull))
		return demand;			/* LIMIT ALL, or OFFSET only */
	if (limit->limitOption != LIMIT_OPTION_COUNT)
		demand.limited = true;
	else if (!IsA(count, Const) || (offset != NULL && !IsA(offset, Const)))
	{
		if (limit_can_be_read(limit->limitCount, &demand) &&
			limit_can_be_read(limit->limitOffset, &demand))
			demand.limit = limit;
		else
			demand.limited = true;
	}
	else
	{
		if (offset != NULL && !offset->constisnull)
			bound = DatumGetInt64(offset->constvalue);
		if (!pg_add_s64_overflow(bound, DatumGetInt64(count->constvalue),
								 &bound) &&
			bound > 0 && bound <= INT_MAX)
			demand.bound = bound;
		else
			demand.limited = true;
	}
	return demand;
}

/* Only constants and parameters?  Others would be evaluated twice. */
static bool
limit_can_be_read(Node *node, const LookaheadDemand *demand)
{
	if (node == NULL || IsA(node, Const))
		return true;
	/* A worker gets no value for a parameter that nothing below reads. */
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN ||
			(((Param *) node)->paramkind == PARAM_EXEC && !demand->workers);
	return IsA(node, FuncExpr) &&
		function_early(((FuncExpr *) node)->funcid, InvalidOid,
					   ((FuncExpr *) node)->args) == 0 &&
		limit_can_be_read(linitial(((FuncExpr *) node)->args), demand);
}

/* Is there a bound, now or at run time? */
static bool
has_bound(const LookaheadDemand *demand)
{
	return demand->bound > 0 || demand->limit != NULL;
}

static void
forget_bound(LookaheadDemand *demand)
{
	demand->bound = 0;
	demand->limit = NULL;
}

/* The node's bound holds for each child too. */
static void
keep_bound(LookaheadDemand *child, const LookaheadDemand *demand)
{
	child->bound = demand->bound;
	if (!child->workers)
		child->limit = demand->limit;
}
