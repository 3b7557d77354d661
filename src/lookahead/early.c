/*
 * early.c
 *
 * Which parts of a plan can run before their turn.  A look-ahead node runs the
 * subtree below it for rows that the plan above has not asked for yet.  Parts
 * that change something, or that see the changes of others, never run early,
 * nor do parts that can raise an error which cannot be held back.  A node does
 * the work before its first row when its turn comes, whether rows are read
 * ahead or not.  Each subtree is examined once.  Kinds of nodes that are not
 * listed here do not run early.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

#include "lookahead/lookahead.h"

static LookaheadEarly look_at(LookaheadPlan *plan, Plan *node);
static LookaheadEarly combine(LookaheadPlan *plan, Plan *node);
static LookaheadEarly combine_parts(LookaheadPlan *plan, List *parts,
									bool together);
static LookaheadEarly early_subplan(LookaheadPlan *plan, int number);
static bits8 for_ever(bits8 early);
static bits8 early_with_plans(LookaheadPlan *plan, const ExpressionLook *seen);
static Bitmapset *direct_params(List *quals);

/*
 * Returns the obstacles to reading rows of a subtree ahead.
 */
bits8
early_rows(LookaheadPlan *plan, Plan *node)
{
	return look_at(plan, node).next;
}

/*
 * Returns the obstacles to evaluating an expression ahead.
 */
bits8
early_expression(LookaheadPlan *plan, Node *expression)
{
	ExpressionLook seen = LOOK_IN(plan);

	expression_look(expression, &seen);
	return early_with_plans(plan, &seen);
}

/*
 * Finds an expression of a subtree with an obstacle that cannot be held back;
 * NULL if there is none, or only in subplans.
 */
Node *
early_culprit(const Plan *node)
{
	ExpressionLook seen = {0};

	if (node == NULL)
		return NULL;
	check_stack_depth();
	expression_look((Node *) plan_expressions_of_rows(node), &seen);
	expression_look((Node *) plan_expressions_at_first(node), &seen);
	if (seen.culprit == NULL && IsA(node, SubqueryScan))
		return early_culprit(((const SubqueryScan *) node)->subplan);
	if (seen.culprit == NULL)
		seen.culprit = early_culprit(node->lefttree);
	return seen.culprit != NULL ? seen.culprit : early_culprit(node->righttree);
}

/*
 * Forgets the examination of a node whose expressions have changed.
 */
void
early_forget(LookaheadPlan *plan, const Plan *node)
{
	plan->early[node->plan_node_id].examined = false;
}

/*
 * Notes whether a node does anything that other parts of the statement can see,
 * and which subplans it runs.  Our own lookups have no effect.
 */
void
early_survey(LookaheadPlan *plan, const Plan *node)
{
	List	   *expressions = list_concat(plan_expressions_of_rows(node),
										  plan_expressions_at_first(node));
	ExpressionLook seen = {0};

	plan->has_effects |= IsA(node, LockRows) ||
		(IsA(node, ModifyTable) &&
		 changes_fire_triggers(plan, (const ModifyTable *) node)) ||
		expression_has_effect((Node *) expressions);

	plan->session_changes |= expression_changes_session((Node *) expressions) ||
		(IsA(node, ModifyTable) &&
		 changes_run_functions(plan, (const ModifyTable *) node));
	plan->reads_session |= expression_reads_session((Node *) expressions);
	plan->foreign_scans += IsA(node, ForeignScan);

	expression_look((Node *) expressions, &seen);
	if (IsA(node, CteScan))
		seen.subplans = bms_make_singleton(((const CteScan *) node)->ctePlanId);
	plan->used_again = bms_add_members(plan->used_again,
									   bms_intersect(plan->used, seen.subplans));
	plan->used = bms_add_members(plan->used, seen.subplans);
	plan->read_whole = bms_add_members(plan->read_whole, seen.whole);
}

/* The obstacles in a whole subtree, from memory if it was examined before. */
static LookaheadEarly
look_at(LookaheadPlan *plan, Plan *node)
{
	LookaheadEarly early = {0};

	if (node == NULL)
		return early;
	check_stack_depth();

	/* Our node evaluates what the node below has handed over. */
	if (plan_is_lookahead(node))
	{
		early = look_at(plan, node->lefttree);
		early.own = early_expression(plan, (Node *) node->targetlist) |
			early_expression(plan, (Node *) node->qual);
		early.next |= early.own;
		early.all |= early.own;
		return early;
	}
	if (!plan->early[node->plan_node_id].examined)
	{
		early = combine(plan, node);
		early.examined = true;
		plan->early[node->plan_node_id] = early;
	}
	return plan->early[node->plan_node_id];
}

/* Combines the obstacles in a node with those in the nodes below it. */
static LookaheadEarly
combine(LookaheadPlan *plan, Plan *node)
{
	LookaheadEarly early = {0};
	LookaheadEarly left = look_at(plan, node->lefttree);
	LookaheadEarly right = look_at(plan, node->righttree);
	LookaheadEarly parts = {0};
	ExpressionLook seen = LOOK_IN(plan);

	expression_look((Node *) plan_expressions_of_rows(node), &seen);
	early.all = early_with_plans(plan, &seen);
	/* The first row has passed the quals, so their init plans have run. */
	seen.params = bms_del_members(seen.params, direct_params(node->qual));
	early.own = early_with_plans(plan, &seen);
	early.next = left.next | right.next;
	switch (nodeTag(node))
	{
		case T_Result:
		case T_ProjectSet:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_FunctionScan:
		case T_ValuesScan:
		case T_TableFuncScan:
		case T_NamedTuplestoreScan:
		case T_WorkTableScan:
		case T_MergeJoin:
		case T_Material:
		case T_Memoize:
		case T_IncrementalSort:
		case T_Group:
		case T_WindowAgg:
		case T_Unique:
		case T_Gather:
		case T_GatherMerge:
		case T_Limit:
			break;

			/* The state of a sequence is not that of the statement's snapshot. */
		case T_SeqScan:
			if (get_rel_relkind(rt_fetch(((Scan *) node)->scanrelid,
										 plan->stmt->rtable)->relid) == RELKIND_SEQUENCE)
				early.own |= EARLY_EFFECTS;
			break;

			/* These read all of their input before they return a row. */
		case T_Sort:
		case T_Hash:
		case T_BitmapHeapScan:
		case T_BitmapIndexScan:
		case T_BitmapAnd:
		case T_BitmapOr:
			early.next = 0;
			break;
		case T_Agg:
			if (((Agg *) node)->aggstrategy == AGG_PLAIN ||
				((Agg *) node)->aggstrategy == AGG_HASHED)
				early.next = 0;
			break;
		case T_SetOp:
			if (((SetOp *) node)->strategy == SETOP_HASHED)
				early.next = 0;
			break;
		case T_HashJoin:
			early.next = left.next;
			break;

			/* The inner side starts again with each outer row. */
		case T_NestLoop:
		case T_RecursiveUnion:
			early.next = left.next | right.all;
			break;

		case T_Append:
			parts = combine_parts(plan, ((Append *) node)->appendplans, false);
			break;
		case T_MergeAppend:
			parts = combine_parts(plan, ((MergeAppend *) node)->mergeplans, true);
			break;
		case T_SubqueryScan:
			parts = look_at(plan, ((SubqueryScan *) node)->subplan);
			break;
		case T_CteScan:
			parts = early_subplan(plan, ((CteScan *) node)->ctePlanId);
			break;

			/*
			 * Only triggers and functions can see its changes.  It runs to its
			 * end in any case.  A row can violate a constraint.
			 */
		case T_ModifyTable:
			early.own |= for_ever(left.all);
			if (((ModifyTable *) node)->operation != CMD_DELETE)
				early.own |= EARLY_ERRORS;
			if (plan->has_effects)
				early.own |= EARLY_EFFECTS;
			break;

		case T_ForeignScan:
			early.own |= foreign_early(plan, (ForeignScan *) node);
			break;
		case T_CustomScan:
			early.own |= custom_early(plan, (CustomScan *) node);
			parts = combine_parts(plan, ((CustomScan *) node)->custom_plans, true);
			break;

		default:
			early.own |= EARLY_ERRORS | EARLY_EFFECTS;
			break;
	}
	early.next |= early.own | parts.next;
	early.all |= early.own | left.all | right.all | parts.all |
		early_expression(plan, (Node *) plan_expressions_at_first(node));
	return early;
}

/*
 * Combines the parts of an Append or MergeAppend.  An Append runs its parts one
 * after the other: the second has not begun when the first returns a row.  The
 * parts of a MergeAppend begin together.
 */
static LookaheadEarly
combine_parts(LookaheadPlan *plan, List *parts, bool together)
{
	LookaheadEarly sum = {0};
	ListCell   *lc;

	foreach(lc, parts)
	{
		LookaheadEarly part = look_at(plan, lfirst(lc));

		sum.next |= together || lc == list_head(parts) ? part.next : part.all;
		sum.all |= part.all;
	}
	return sum;
}

/*
 * The obstacles in a subplan, by its number.  A subplan that is used more than
 * once can be run again after an error.
 */
static LookaheadEarly
early_subplan(LookaheadPlan *plan, int number)
{
	LookaheadEarly early = look_at(plan, list_nth(plan->stmt->subplans,
												  number - 1));

	if (bms_is_member(number, plan->used_again))
	{
		early.next = for_ever(early.next);
		early.all = for_ever(early.all);
	}
	return early;
}

/* Turns an error that could be held back into one that cannot. */
static bits8
for_ever(bits8 early)
{
	return (early & EARLY_GUARD) ? early | EARLY_ERRORS : early;
}

/*
 * Adds the obstacles in the plans that an expression runs.  The first read of
 * an init plan's parameter runs it, and other expressions can read it too.
 */
static bits8
early_with_plans(LookaheadPlan *plan, const ExpressionLook *seen)
{
	bits8		early = seen->early;
	int			number = -1;
	ListCell   *lc;

	while ((number = bms_next_member(seen->subplans, number)) >= 0)
		early |= early_subplan(plan, number).all;
	foreach(lc, plan->init_plans)
	{
		SubPlan    *subplan = lfirst_node(SubPlan, lc);
		ListCell   *param;

		foreach(param, subplan->setParam)
		{
			if (bms_is_member(lfirst_int(param), seen->params))
				early |= for_ever(early_subplan(plan, subplan->plan_id).all);
		}
	}
	return early;
}

/* The parameters that quals use directly as operands. */
static Bitmapset *
direct_params(List *quals)
{
	Bitmapset  *params = NULL;
	ListCell   *qual;

	foreach(qual, quals)
	{
		ListCell   *lc;

		if (!IsA(lfirst(qual), OpExpr))
			continue;
		foreach(lc, ((OpExpr *) lfirst(qual))->args)
		{
			Param	   *param = lfirst(lc);

			if (IsA(param, Param) && param->paramkind == PARAM_EXEC)
				params = bms_add_member(params, param->paramid);
		}
	}
	return params;
}
