/*
 * sites.c
 *
 * Finds the calls of lookup functions in a finished plan that are certain to be
 * made for each row that a node reads: in its own expressions, in subqueries
 * that these run, and in the inner side of a nested loop.  A call that SQL can
 * skip is left out, or is listed apart, in search->perhaps.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static void find_in_wrapper(SiteSearch *search, const FuncExpr *call);
static bool find(Node *node, SiteSearch *search);
static void find_in_subplan(SiteSearch *search, SubPlan *subplan);
static void find_in_inner_subplan(SiteSearch *search, SubPlan *subplan);
static void find_in_inner_side(SiteSearch *search, NestLoop *loop, bool certain,
							   bool whole);
static bool find_in_aggregates(Node *node, SiteSearch *search);
static void find_in_tree(SiteSearch *search, Plan *tree, bool certain,
						 bool whole);
static void find_for_rows(SiteSearch *search, const Plan *tree, bool certain);
static void find_for_aggregates(SiteSearch *search, const Plan *tree, bool certain);
static void find_in_parts(SiteSearch *search, List *trees, bool certain,
						  bool whole);
static void find_outside(SiteSearch *search, const Plan *tree, Node *expression,
						 bool certain);

/*
 * Finds the calls that are certain to be made when an expression is evaluated.
 */
void
sites_find(SiteSearch *search, Node *expression)
{
	find(expression, search);
}

/*
 * Finds the calls in the arguments of aggregates.  These are evaluated for each
 * row of the input, wherever the aggregate is in the expression.
 */
void
sites_find_in_aggregates(SiteSearch *search, Node *expression)
{
	find_in_aggregates(expression, search);
}

/*
 * Finds the calls that are made in the inner side of a nested loop, for each
 * row of its outer side.
 */
void
sites_find_inside(SiteSearch *search, NestLoop *loop)
{
	ListCell   *lc;

	search->outside = true;
	foreach(lc, loop->nestParams)
	{
		NestLoopParam *param = lfirst_node(NestLoopParam, lc);

		search->numbers = lappend_int(search->numbers, param->paramno);
		search->values = lappend(search->values, param->paramval);
	}
	find_in_tree(search, loop->join.plan.righttree, true,
				 !loop->join.inner_unique && loop->join.jointype != JOIN_SEMI &&
				 loop->join.jointype != JOIN_ANTI);
	search->outside = false;
	search->numbers = search->values = NIL;
}

/*
 * Walks the parts of an expression that are evaluated whenever it is.  Skips
 * kinds of nodes that are not listed here.
 */
static bool
find(Node *node, SiteSearch *search)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_FuncExpr:
			if (site_take(search, (FuncExpr *) node))
				return false;
			find_in_wrapper(search, (FuncExpr *) node);
			expression_tree_walker(node, find, search);
			site_take_later(search, (FuncExpr *) node);
			return false;
		case T_List:
		case T_TargetEntry:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_FieldSelect:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ConvertRowtypeExpr:
		case T_CoerceToDomain:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_MinMaxExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_XmlExpr:
			break;

			/* The first operand decides whether others are evaluated. */
		case T_BoolExpr:
			if (((BoolExpr *) node)->boolop == NOT_EXPR)
				break;
			return find(linitial(((BoolExpr *) node)->args), search);
		case T_CoalesceExpr:
			return find(linitial(((CoalesceExpr *) node)->args), search);
		case T_CaseExpr:
			find((Node *) ((CaseExpr *) node)->arg, search);
			return find(linitial(((CaseExpr *) node)->args), search);
		case T_CaseWhen:
			return find((Node *) ((CaseWhen *) node)->expr, search);
		case T_RowCompareExpr:
			find(linitial(((RowCompareExpr *) node)->largs), search);
			return find(linitial(((RowCompareExpr *) node)->rargs), search);
		case T_ArrayCoerceExpr:
			return find((Node *) ((ArrayCoerceExpr *) node)->arg, search);
		case T_SubscriptingRef:
			return find((Node *) ((SubscriptingRef *) node)->refexpr, search);

		case T_SubPlan:
			find_in_subplan(search, (SubPlan *) node);
			return false;
		default:
			if (json_document(node) != NULL)
				return find(json_document(node), search);
			if (!is_json_of_parts(node))
				return false;
			break;
	}
	return expression_tree_walker(node, find, search);
}

/* Finds the calls in the body of a function in SQL, if it is a wrapper. */
static void
find_in_wrapper(SiteSearch *search, const FuncExpr *call)
{
	Node	   *body = NULL;

	if (search->wrappers < list_length(search->plan->wrappers))
		body = wrapper_expression(search->plan, call);
	search->wrappers++;
	find(body, search);
	search->wrappers--;
}

/*
 * Finds the calls of a subquery that runs again for each row: they are calls of
 * the node that runs it.
 */
static void
find_in_subplan(SiteSearch *search, SubPlan *subplan)
{
	bool		uncertain = search->uncertain;

	if (search->outside)
	{
		find_in_inner_subplan(search, subplan);
		return;
	}
	find((Node *) subplan->args, search);

	/*
	 * The test runs for rows of the subquery, if there are any.  A hash table needs
	 * all values of the row, even if the first one decides.
	 */
	search->uncertain = true;
	if (subplan->useHashTable && is_andclause(subplan->testexpr))
		find((Node *) ((BoolExpr *) subplan->testexpr)->args, search);
	else
		find(subplan->testexpr, search);
	search->uncertain = uncertain;

	if (!subplan->useHashTable && subplan->parParam != NIL)
	{
		search->outside = true;
		search->numbers = subplan->parParam;
		search->values = subplan->args;
		find_in_tree(search, list_nth(search->plan->stmt->subplans,
									  subplan->plan_id - 1), true,
					 subplan->subLinkType == EXPR_SUBLINK ||
					 subplan->subLinkType == ARRAY_SUBLINK);
		search->outside = false;
		search->numbers = search->values = NIL;
	}
}

/*
 * The same for a subquery in such a subquery, or in the inner side of a nested loop,
 * that depends on the rows of a lookup there.
 */
static void
find_in_inner_subplan(SiteSearch *search, SubPlan *subplan)
{
	List	   *numbers = search->inner_numbers;
	List	   *values = search->inner_values;

	if (!subplan->useHashTable &&
		source_params(search, search->tree, subplan->parParam, subplan->args))
		find_in_tree(search, list_nth(search->plan->stmt->subplans, subplan->plan_id - 1),
					 !search->uncertain,
					 subplan->subLinkType == EXPR_SUBLINK ||
					 subplan->subLinkType == ARRAY_SUBLINK);
	search->inner_numbers = numbers;
	search->inner_values = values;
}

/*
 * The inner side of a nested loop in a tree, which runs for each row of the outer side:
 * of a lookup, if it depends on that.
 */
static void
find_in_inner_side(SiteSearch *search, NestLoop *loop, bool certain, bool whole)
{
	SiteSearch	before = *search;
	List	   *params = NIL;
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, loop->nestParams)
	{
		NestLoopParam *param = lfirst_node(NestLoopParam, lc);

		params = lappend_int(params, param->paramno);
		columns = lappend(columns, param->paramval);
	}
	certain &= whole && source_conditions(search, loop->join.plan.lefttree);
	/* Without parameters, it can depend on the row, but not on the outer side. */
	if (params == NIL)
		certain = false;
	if (source_params(search, &loop->join.plan, params, columns))
		find_in_tree(search, loop->join.plan.righttree, certain,
					 whole && !loop->join.inner_unique &&
					 loop->join.jointype != JOIN_SEMI && loop->join.jointype != JOIN_ANTI);
	search->inner_numbers = before.inner_numbers;
	search->inner_values = before.inner_values;
	search->conditions = before.conditions;
}

static bool
find_in_aggregates(Node *node, SiteSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, Aggref))
	{
		if (((Aggref *) node)->aggfilter == NULL)
			find((Node *) ((Aggref *) node)->args, search);
		return false;
	}
	if (IsA(node, WindowFunc))
	{
		bool		uncertain = search->uncertain;

		/* Window functions that are not aggregates can skip rows. */
		search->uncertain |= !((WindowFunc *) node)->winagg;
		if (((WindowFunc *) node)->aggfilter == NULL)
			find((Node *) ((WindowFunc *) node)->args, search);
		search->uncertain = uncertain;
		return false;
	}
	return expression_tree_walker(node, find_in_aggregates, search);
}

/*
 * Walks a tree that the searched expressions run: the inner side of a nested
 * loop, or a subquery.  certain: a run of the tree makes the calls in it.  whole:
 * the tree is read to its end.
 */
static void
find_in_tree(SiteSearch *search, Plan *tree, bool certain, bool whole)
{
	ListCell   *lc;

	if (tree == NULL)
		return;
	check_stack_depth();
	switch (nodeTag(tree))
	{
		case T_FunctionScan:
			foreach(lc, ((FunctionScan *) tree)->functions)
				find_outside(search, tree, lfirst_node(RangeTblFunction, lc)->funcexpr,
							 certain);
			find_for_rows(search, tree, certain && whole);
			break;
		case T_Result:
			if (((Result *) tree)->resconstantqual != NULL)
			{
				/* The other calls depend on this condition. */
				find_outside(search, tree, linitial((List *) ((Result *) tree)->resconstantqual),
							 certain);
				break;
			}
			if (tree->lefttree == NULL && tree->qual == NIL)
				find_outside(search, tree, (Node *) tree->targetlist, certain);
			find_in_tree(search, tree->lefttree, certain, whole);
			if (tree->lefttree != NULL)
				find_for_rows(search, tree, certain && whole);
			break;

		case T_ValuesScan:
			foreach(lc, ((ValuesScan *) tree)->values_lists)
				find_outside(search, tree, lfirst(lc),
							 certain && (whole || lc == list_head(((ValuesScan *) tree)->values_lists)));
			break;

			/* These can have no rows. */
		case T_SeqScan:
		case T_SampleScan:
		case T_IndexScan:
		case T_IndexOnlyScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
		case T_CteScan:
		case T_NamedTuplestoreScan:
			find_outside(search, tree, tree->qual != NIL ? linitial(tree->qual) :
						 (Node *) tree->targetlist, false);
			break;

		case T_Limit:
			certain &= lookahead_limit_begins((Limit *) tree);
			find_in_tree(search, tree->lefttree, certain, false);
			break;
		case T_SubqueryScan:
			find_in_tree(search, ((SubqueryScan *) tree)->subplan, certain, whole);
			find_for_rows(search, tree, certain && whole);
			break;
		case T_CustomScan:
			if (!plan_is_lookahead(tree))
				break;
			find_in_tree(search, tree->lefttree, certain, whole);
			find_for_rows(search, tree, certain && whole);
			break;
		case T_ProjectSet:
			find_in_tree(search, tree->lefttree, certain, whole);
			find_for_rows(search, tree, certain && whole);
			break;
		case T_NestLoop:
			find_in_tree(search, tree->lefttree, certain, whole);
			find_in_inner_side(search, (NestLoop *) tree, certain, whole);
			find_for_rows(search, tree, false);
			break;
		case T_Memoize:
		case T_Material:
		case T_Group:
		case T_IncrementalSort:
		case T_Unique:
			find_in_tree(search, tree->lefttree, certain, whole);
			break;
		case T_WindowAgg:
			whole &= ((WindowAgg *) tree)->runCondition == NIL;
			find_in_tree(search, tree->lefttree, certain, whole);
			break;

			/* These read all rows before they return one. */
		case T_Hash:
		case T_Sort:
			find_in_tree(search, tree->lefttree, certain, true);
			break;
		case T_Agg:
			whole |= ((Agg *) tree)->aggstrategy == AGG_PLAIN ||
				((Agg *) tree)->aggstrategy == AGG_HASHED;
			find_in_tree(search, tree->lefttree, certain, whole);
			find_for_aggregates(search, tree, certain && whole);
			break;

			/* If one side turns out to be empty, the other need not run. */
		case T_HashJoin:
		case T_MergeJoin:
			find_in_tree(search, tree->lefttree, false, whole);
			find_in_tree(search, tree->righttree, false, whole);
			break;

			/* Parts can be pruned, or not be reached. */
		case T_Append:
			certain &= whole && !PRUNES_PARTS((Append *) tree);
			find_in_parts(search, ((Append *) tree)->appendplans, certain, whole);
			break;
		case T_MergeAppend:
			certain &= whole && !PRUNES_PARTS((MergeAppend *) tree);
			find_in_parts(search, ((MergeAppend *) tree)->mergeplans, certain,
						  whole);
			break;
		default:
			break;
	}
}

/* Finds calls that a node of a tree makes for each of its rows: those of a lookup. */
static void
find_for_rows(SiteSearch *search, const Plan *tree, bool certain)
{
	List	   *conditions = search->conditions;
	bool		all = certain && source_conditions(search, tree->lefttree);

	if (tree->qual != NIL)
		find_outside(search, tree, linitial(tree->qual), all);
	search->conditions = conditions;
	all = certain && source_conditions(search, tree);
	find_outside(search, tree, (Node *) tree->targetlist, all);
	search->conditions = conditions;
}

static void
find_for_aggregates(SiteSearch *search, const Plan *tree, bool certain)
{
	SiteSearch	before = *search;

	search->uncertain |= !(certain && source_conditions(search, tree->lefttree));
	search->tree = tree;
	find_in_aggregates((Node *) tree->targetlist, search);
	search->uncertain = before.uncertain;
	search->tree = before.tree;
	search->conditions = before.conditions;
}

static void
find_in_parts(SiteSearch *search, List *trees, bool certain, bool whole)
{
	ListCell   *lc;

	foreach(lc, trees)
		find_in_tree(search, lfirst(lc), certain, whole);
}

static void
find_outside(SiteSearch *search, const Plan *tree, Node *expression, bool certain)
{
	bool		uncertain = search->uncertain;
	const Plan *outer = search->tree;

	search->uncertain |= !certain;
	search->tree = tree;
	find(expression, search);
	search->tree = outer;
	search->uncertain = uncertain;
}
