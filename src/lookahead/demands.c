/*
 * demands.c
 *
 * The rules for each kind of plan node: how it uses the rows of its children, and
 * how many of them.
 */
#include "postgres.h"

#include "common/int.h"

#include "lookahead/lookahead.h"

static LookaheadDemand demand_of_limit(const Limit *limit,
									   LookaheadDemand demand);
static bool limit_can_be_read(Node *node, const LookaheadDemand *demand);
static void forget_bound(LookaheadDemand *demand);
static void keep_bound(LookaheadDemand *child, const LookaheadDemand *demand);

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
	lookahead_forget_bound(left);
	lookahead_forget_bound(right);
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
			pg_fallthrough;
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
		case T_WindowAgg:
			/* The condition can end it before the last row. */
			left->limited |= ((const WindowAgg *) node)->runCondition != NIL;
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
 * Drops a bound: the rows can be too few, so that more are wanted.
 */
void
lookahead_forget_bound(LookaheadDemand *demand)
{
	demand->limited |= lookahead_has_bound(demand);
	demand->one_by_one = false;
	forget_bound(demand);
}

/*
 * Is a LIMIT certain to ask for a first row?
 */
bool
lookahead_limit_begins(const Limit *limit)
{
	const Const *count = (const Const *) limit->limitCount;

	return count == NULL ||
		(IsA(count, Const) &&
		 (count->constisnull || DatumGetInt64(count->constvalue) > 0));
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

	demand.limited |= lookahead_has_bound(&demand);
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

/*
 * Is there a bound, now or at run time?
 */
bool
lookahead_has_bound(const LookaheadDemand *demand)
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
