/*
 * comparisons.c
 *
 * The operators by which plan nodes compare rows: to sort, merge and group them, to
 * find equal ones, and to find the frame of a window.  They can be those of a user's
 * type, which do and raise anything, or those of a record or an array with such values
 * in it.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/nbtree.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

static bool compares_at_first(const Plan *node);
static List *comparisons_of(const Plan *node);
static List *comparisons(int count, const Oid *operators, const Oid *collations,
						 const AttrNumber *columns, const List *targets, List *list);
static List *comparisons_of_cache(const Memoize *node);
static List *comparisons_of_groups(const Agg *node);
static List *comparisons_of_window(const WindowAgg *node);
static Node *support_function(Oid operator);
static Node *function_call(Oid function, Oid collation);

/*
 * The comparisons that a node makes while it returns rows, as expressions whose operands
 * only have the right type.
 */
List *
comparisons_of_rows(const Plan *node)
{
	return compares_at_first(node) ? NIL : comparisons_of(node);
}

/*
 * Those that it makes only before its first row.
 */
List *
comparisons_at_first(const Plan *node)
{
	return compares_at_first(node) ? comparisons_of(node) : NIL;
}

/*
 * Adds the comparison of two values of a type to a list: NULLs in their place.
 */
List *
comparisons_add(List *list, Oid operator, Oid collation, Oid type)
{
	OpExpr	   *comparison = makeNode(OpExpr);
	Const	   *value = makeNullConst(type, -1, collation);

	comparison->opno = operator;
	comparison->opfuncid = get_opcode(operator);
	comparison->opresulttype = BOOLOID;
	comparison->inputcollid = collation;
	comparison->args = list_make2(value, value);
	comparison->location = -1;
	list = lappend(list, comparison);
	if (operator >= FirstUnpinnedObjectId)
		list = lappend(list, support_function(operator));
	return list;
}

static bool
compares_at_first(const Plan *node)
{
	return IsA(node, Sort) ||
		(IsA(node, Agg) && ((const Agg *) node)->aggstrategy == AGG_HASHED) ||
		(IsA(node, SetOp) && ((const SetOp *) node)->strategy == SETOP_HASHED);
}

static List *
comparisons_of(const Plan *node)
{
#define BY(type, operators, collations, columns, targets) \
	comparisons(((const type *) node)->numCols, ((const type *) node)->operators, \
				((const type *) node)->collations, ((const type *) node)->columns, \
				(targets)->targetlist, NIL)

	switch (nodeTag(node))
	{
		case T_Sort:
		case T_IncrementalSort:
			return BY(Sort, sortOperators, collations, sortColIdx, node);
		case T_MergeAppend:
			return BY(MergeAppend, sortOperators, collations, sortColIdx, node);
		case T_GatherMerge:
			return BY(GatherMerge, sortOperators, collations, sortColIdx, node->lefttree);
		case T_Group:
			return BY(Group, grpOperators, grpCollations, grpColIdx, node->lefttree);
		case T_Unique:
			return BY(Unique, uniqOperators, uniqCollations, uniqColIdx, node);
		case T_SetOp:
			return BY(SetOp, SETOP_OPERATORS, SETOP_COLLATIONS, SETOP_COLUMNS, node);
		case T_RecursiveUnion:
			return BY(RecursiveUnion, dupOperators, dupCollations, dupColIdx, node);
		case T_Agg:
			return comparisons_of_groups((const Agg *) node);
		case T_WindowAgg:
			return comparisons_of_window((const WindowAgg *) node);
		case T_Memoize:
			return comparisons_of_cache((const Memoize *) node);
		default:
			return NIL;
	}
#undef BY
}

/* Adds the comparisons by some columns to a list. */
static List *
comparisons(int count, const Oid *operators, const Oid *collations,
			const AttrNumber *columns, const List *targets, List *list)
{
	for (int i = 0; i < count; i++)
	{
		const TargetEntry *entry = list_nth_node(TargetEntry, targets, columns[i] - 1);

		list = comparisons_add(list, operators[i], collations[i],
							   exprType((Node *) entry->expr));
	}
	return list;
}

static List *
comparisons_of_cache(const Memoize *node)
{
	List	   *list = NIL;

	for (int i = 0; i < node->numKeys; i++)
		list = comparisons_add(list, node->hashOperators[i], node->collations[i],
							   exprType(list_nth(node->param_exprs, i)));
	return list;
}

/* Grouping sets have a chain of nodes, which the first one runs. */
static List *
comparisons_of_groups(const Agg *node)
{
	const List *targets = node->plan.lefttree->targetlist;
	List	   *list = comparisons(node->numCols, node->grpOperators, node->grpCollations,
								   node->grpColIdx, targets, NIL);
	ListCell   *lc;

	foreach(lc, node->chain)
	{
		const Agg  *next = lfirst_node(Agg, lc);
		const Sort *sort = (const Sort *) next->plan.lefttree;

		list = comparisons(next->numCols, next->grpOperators, next->grpCollations,
						   next->grpColIdx, targets, list);
		if (sort != NULL)
			list = comparisons(sort->numCols, sort->sortOperators, sort->collations,
							   sort->sortColIdx, targets, list);
	}
	return list;
}

static List *
comparisons_of_window(const WindowAgg *node)
{
	const List *targets = node->plan.lefttree->targetlist;
	List	   *list = comparisons(node->partNumCols, node->partOperators,
								   node->partCollations, node->partColIdx, targets, NIL);

	list = comparisons(node->ordNumCols, node->ordOperators, node->ordCollations,
					   node->ordColIdx, targets, list);
	if (OidIsValid(node->startInRangeFunc))
		list = lappend(list, function_call(node->startInRangeFunc, node->inRangeColl));
	if (OidIsValid(node->endInRangeFunc))
		list = lappend(list, function_call(node->endInRangeFunc, node->inRangeColl));
	return list;
}

/* A sort uses a function of the operator's family instead of the operator; NULL if none. */
static Node *
support_function(Oid operator)
{
	Oid			family;
	Oid			type;
	Oid			function;
	OperatorOrder order;

	if (!get_ordering_op_properties(operator, &family, &type, &order))
		return NULL;
	function = get_opfamily_proc(family, type, type, BTORDER_PROC);
	return OidIsValid(function) ? function_call(function, InvalidOid) : NULL;
}

static Node *
function_call(Oid function, Oid collation)
{
	return (Node *) makeFuncExpr(function, get_func_rettype(function), NIL, InvalidOid,
								 collation, COERCE_EXPLICIT_CALL);
}
