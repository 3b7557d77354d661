/*
 * rules.c
 *
 * What the kinds of plan nodes mean for looking ahead: what they make of the
 * rows of their children, and where those calls are that are made for each row.
 * The node that looks ahead for them goes below, where the rows come from, or
 * above what computes those rows.
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
 * Tells from what is made of a node's rows what it makes of those of its
 * children.  An Append's and the like count as left.
 */
void
lookahead_demands(const Plan *node, const LookaheadDemand *demand,
				  LookaheadDemand *left, LookaheadDemand *right)
{
	static const LookaheadDemand all = {0};

	/* What wants so many rows at most may do with fewer of a child's. */
	*left = *right = *demand;
	left->limited = right->limited = demand->limited || has_bound(demand);
	left->one_by_one = right->one_by_one = false;
	forget_bound(left);
	forget_bound(right);
	switch (nodeTag(node))
	{
			/* As many rows as are read are given. */
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

			/* Everything is read before a row is given. */
		case T_Sort:
		case T_Hash:
			*left = all;
			left->workers = demand->workers;
			left->repeated = demand->repeated;
			break;

			/* Unless the caller takes only some of the rows that it returns. */
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
			/* Every row of the outer side gives one at least. */
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
			left->unsure = true;	/* in vain if the other side is empty */
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
 * Puts in what one node has need of, whose children have theirs; gives what
 * takes its place.
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
 * does with it; false where there cannot be any.
 */
static bool
find_for_input(SiteSearch *search, Plan *node)
{
	switch (nodeTag(node))
	{
		case T_NestLoop:
			sites_find_inside(search, (NestLoop *) node);

			/* A condition is looked at only if there are rows inside. */
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

			/* Conditions come first, and the first of them before others. */
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
				return false;	/* the arguments are states */
			sites_find_in_aggregates(search, (Node *) node->targetlist);
			sites_find_in_aggregates(search, (Node *) node->qual);
			return true;
		default:
			return false;
	}
}

/*
 * Looks ahead in the inner side of a nested loop for calls in the condition of
 * the join, which are made again and again for the same rows.
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

	/* What is kept for all turns of the loop is read once. */
	if (IsA(*inner, Material))
		inner = &(*inner)->lefttree;
	if (search.calls != NIL || search.perhaps != NIL)
		*inner = lookahead_above(&search, *inner, demand);
}

/*
 * Can a node leave its target list to one above, and its quals?
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

			/* Conditions on ranks and the like know the columns by number. */
		case T_WindowAgg:
			return node->qual == NIL &&
				((const WindowAgg *) node)->runCondition == NIL;
		default:
			return false;
	}
}

/*
 * Is each row of the input in the frame of some row, and all of them read?
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
 * A LIMIT wants as many rows as it says, if there are.  It says so in the plan,
 * or when it begins, and then in terms that have a value before it reads a row.
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

/* Is it made of constants and parameters?  Others would be worked out twice. */
static bool
limit_can_be_read(Node *node, const LookaheadDemand *demand)
{
	if (node == NULL || IsA(node, Const))
		return true;
	/* Workers may not get the value of a parameter that nothing below reads. */
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXTERN ||
			(((Param *) node)->paramkind == PARAM_EXEC && !demand->workers);
	return IsA(node, FuncExpr) &&
		function_early(((FuncExpr *) node)->funcid, InvalidOid,
					   ((FuncExpr *) node)->args) == 0 &&
		limit_can_be_read(linitial(((FuncExpr *) node)->args), demand);
}

/* Is it known, or will it be, how many rows are wanted at most? */
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

/* Of each child at most as many rows are wanted as of the node. */
static void
keep_bound(LookaheadDemand *child, const LookaheadDemand *demand)
{
	child->bound = demand->bound;
	if (!child->workers)
		child->limit = demand->limit;
}
