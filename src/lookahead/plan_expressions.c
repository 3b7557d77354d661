/*
 * plan_expressions.c
 *
 * The expressions of plan nodes, by the time of their evaluation.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

static List *expressions_of_rows(const Plan *node);
static List *expressions_at_first(const Plan *node);

/*
 * The expressions that a node itself evaluates for its rows, and at the end its
 * comparisons.
 */
List *
plan_expressions_of_rows(const Plan *node)
{
	return lappend(expressions_of_rows(node), comparisons_of_rows(node));
}

/*
 * The expressions that a node evaluates, and the comparisons that it makes, only before
 * its first row.
 */
List *
plan_expressions_at_first(const Plan *node)
{
	return lappend(expressions_at_first(node), comparisons_at_first(node));
}

static List *
expressions_of_rows(const Plan *node)
{
	List	   *list = list_make2(node->targetlist, node->qual);

	switch (nodeTag(node))
	{
		case T_NestLoop:
			return lappend(list, ((NestLoop *) node)->join.joinqual);
		case T_MergeJoin:
			return lappend(lappend(list, ((MergeJoin *) node)->join.joinqual),
						   ((MergeJoin *) node)->mergeclauses);
		case T_HashJoin:
			return lappend(lappend(list, ((HashJoin *) node)->join.joinqual),
						   ((HashJoin *) node)->hashclauses);
		case T_IndexScan:
			return lappend(lappend(list, ((IndexScan *) node)->indexqual),
						   ((IndexScan *) node)->indexorderby);
		case T_IndexOnlyScan:
			return lappend(lappend(list, ((IndexOnlyScan *) node)->indexqual),
						   ((IndexOnlyScan *) node)->indexorderby);
		case T_BitmapHeapScan:
			return lappend(list, ((BitmapHeapScan *) node)->bitmapqualorig);
		case T_TidScan:
			return lappend(list, ((TidScan *) node)->tidquals);
		case T_TidRangeScan:
			return lappend(list, ((TidRangeScan *) node)->tidrangequals);
		case T_ValuesScan:
			return lappend(list, ((ValuesScan *) node)->values_lists);
		case T_Memoize:
			return lappend(list, ((Memoize *) node)->param_exprs);
		case T_WindowAgg:
			return lappend(list, ((WindowAgg *) node)->runCondition);
		case T_ForeignScan:
			return lappend(list, ((ForeignScan *) node)->fdw_exprs);
		case T_ModifyTable:
			list = lappend(list, ((ModifyTable *) node)->returningLists);
			list = lappend(list, ((ModifyTable *) node)->onConflictSet);
			list = lappend(list, ((ModifyTable *) node)->onConflictWhere);
			list = lappend(list, ((ModifyTable *) node)->withCheckOptionLists);
			return lappend(list, ((ModifyTable *) node)->mergeActionLists);
		case T_CustomScan:
			return lappend(list, ((CustomScan *) node)->custom_exprs);
		default:
			return list;
	}
}

static List *
expressions_at_first(const Plan *node)
{
	switch (nodeTag(node))
	{
		case T_Result:
			return list_make1(((Result *) node)->resconstantqual);
		case T_Hash:
			return list_make1(((Hash *) node)->hashkeys);
		case T_BitmapIndexScan:
			return list_make1(((BitmapIndexScan *) node)->indexqual);
		case T_FunctionScan:
			return list_make1(((FunctionScan *) node)->functions);
		case T_TableFuncScan:
			return list_make1(((TableFuncScan *) node)->tablefunc);
		case T_SampleScan:
			return list_make1(((SampleScan *) node)->tablesample);
		case T_WindowAgg:
			return list_make2(((WindowAgg *) node)->startOffset,
							  ((WindowAgg *) node)->endOffset);
		case T_Limit:
			return list_make2(((Limit *) node)->limitOffset,
							  ((Limit *) node)->limitCount);
		default:
			return NIL;
	}
}
