/*
 * sources.c
 *
 * Columns of the rows that a lookup, or an array, returns, in a tree that another plan runs for each
 * of its rows: a subquery, or the inner side of a nested loop.  A column becomes a field
 * of the lookup's result, as in
 *
 *	(SELECT max(a.address) FROM dns_mx(h.name) m, LATERAL dns_a(m.exchange) a)
 *
 * where the second call is dns_a((dns_mx(h.name)).exchange), once for each row.  So its
 * questions can be asked when the first lookup has its answer.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "rewrite/rewriteManip.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* A walk over an expression of a node. */
typedef struct ColumnSearch
{
	const Plan *node;
	bool		unknown;		/* a column comes from something else */
} ColumnSearch;

static Node *replace_column(Node *node, ColumnSearch *search);
static bool joins_all_rows(const SiteSearch *search, const NestLoop *loop);
static Node *replace_param(Node *node, ColumnSearch *search);
static Node *entry_of(const Plan *node, List *entries, int number, ColumnSearch *search);
static Node *field_of(const FunctionScan *scan, const Var *var);
static bool find_source(Node *node, const FuncExpr **source);

/*
 * A copy of an expression of a node, with fields of lookups in place of columns; NULL
 * if a column comes from something else.
 */
Node *
source_columns(const Plan *node, Node *expression)
{
	ColumnSearch search = {.node = node};

	expression = replace_column(expression, &search);
	return search.unknown ? NULL : expression;
}

/*
 * The one lookup whose rows an expression takes, or the one array whose elements; NULL
 * if there is none, or not only one.  Its arguments can take the rows of another.
 */
const FuncExpr *
source_of(Node *expression)
{
	const FuncExpr *source = NULL;

	if (!expression_returns_set(expression) || find_source(expression, &source) ||
		source == NULL ||
		(expression_returns_set((Node *) source->args) &&
		 source_of((Node *) source->args) == NULL))
		return NULL;
	return source;
}

/*
 * Notes in a search what parameters stand for, which a node hands to the tree that it
 * runs; false if these are not all columns of lookups.
 */
bool
source_params(SiteSearch *search, const Plan *node, List *numbers, List *values)
{
	ListCell   *number;
	ListCell   *value;

	forboth(number, numbers, value, values)
	{
		Node	   *column = source_columns(node, lfirst(value));

		if (column == NULL)
			return false;
		search->inner_numbers = lappend_int(list_copy(search->inner_numbers),
											lfirst_int(number));
		search->inner_values = lappend(list_copy(search->inner_values), column);
	}
	return true;
}

/*
 * Adds to a search the conditions under which a tree hands up a row of the lookup that it
 * reads; false if these are not all known.
 */
bool
source_conditions(SiteSearch *search, const Plan *tree)
{
	ListCell   *lc;

	if (tree == NULL)
		return true;
	if (IsA(tree, NestLoop))
		return joins_all_rows(search, (const NestLoop *) tree);
	if (!IsA(tree, FunctionScan) && !plan_is_lookahead(tree) && !IsA(tree, Sort) &&
		!IsA(tree, Agg) && !IsA(tree, ProjectSet))
		return false;
	foreach(lc, tree->qual)
	{
		Node	   *condition = source_columns(tree, lfirst(lc));

		if (condition == NULL || contain_subplans(condition) ||
			contain_aggs_of_level(condition, 0) || expression_level(condition) > 1)
			return false;
		search->conditions = lappend(list_copy(search->conditions), condition);
	}
	return source_conditions(search, tree->lefttree);
}

/* Does a join hand up all pairs of rows, without a condition? */
static bool
joins_all_rows(const SiteSearch *search, const NestLoop *loop)
{
	SiteSearch	sides = *search;

	return (loop->join.jointype == JOIN_INNER || loop->join.jointype == JOIN_LEFT) &&
		loop->join.joinqual == NIL && loop->join.plan.qual == NIL &&
		source_conditions(&sides, loop->join.plan.lefttree) &&
		source_conditions(&sides, loop->join.plan.righttree) &&
		list_length(sides.conditions) == list_length(search->conditions);
}

/*
 * Does a function return the elements of an array, each as one value?
 */
bool
source_is_array(const FuncExpr *call)
{
	return call->funcid == F_UNNEST_ANYARRAY && !type_is_rowtype(call->funcresulttype);
}

static Node *
replace_column(Node *node, ColumnSearch *search)
{
	const Plan *plan = search->node;
	const Var  *var = (Var *) node;

	if (node == NULL)
		return NULL;
	if (!IsA(node, Var))
		return expression_tree_mutator(node, replace_column, search);
	check_stack_depth();
	if (var->varno == OUTER_VAR && plan->lefttree != NULL)
		return entry_of(plan->lefttree, plan->lefttree->targetlist, var->varattno, search);
	if (var->varno == INNER_VAR && plan->righttree != NULL)
		return replace_param(entry_of(plan->righttree, plan->righttree->targetlist,
									  var->varattno, search), search);
	if (var->varno == INDEX_VAR && plan_is_lookahead(plan))
		return entry_of(plan, ((const CustomScan *) plan)->custom_scan_tlist, var->varattno,
						search);
	if (IsA(plan, SubqueryScan) &&
		var->varno == (int) ((const SubqueryScan *) plan)->scan.scanrelid)
	{
		const Plan *subplan = ((const SubqueryScan *) plan)->subplan;

		return entry_of(subplan, subplan->targetlist, var->varattno, search);
	}
	node = IsA(plan, FunctionScan) ? field_of((const FunctionScan *) plan, var) : NULL;
	search->unknown |= node == NULL;
	return node != NULL ? node : copyObject((Node *) var);
}

/* Replaces the parameters that a nested loop hands to its inner side. */
static Node *
replace_param(Node *node, ColumnSearch *search)
{
	const NestLoop *loop = (const NestLoop *) search->node;
	ListCell   *lc;

	if (node == NULL || !IsA(loop, NestLoop))
		return node;
	if (!IsA(node, Param) || ((Param *) node)->paramkind != PARAM_EXEC)
		return expression_tree_mutator(node, replace_param, search);
	foreach(lc, loop->nestParams)
	{
		const NestLoopParam *param = lfirst_node(NestLoopParam, lc);

		if (param->paramno == ((Param *) node)->paramid)
			return replace_column((Node *) param->paramval, search);
	}
	return node;
}

/* replace_column() for a column of a target list, which is of the given node. */
static Node *
entry_of(const Plan *node, List *entries, int number, ColumnSearch *search)
{
	ColumnSearch inner = {.node = node};
	Node	   *expression;

	if (number <= 0 || number > list_length(entries))
	{
		search->unknown = true;
		return NULL;
	}
	expression = replace_column((Node *) list_nth_node(TargetEntry, entries, number - 1)->expr,
								&inner);
	search->unknown |= inner.unknown;
	return expression;
}

/*
 * A field of what a lookup returns, or an element of an array; NULL if the scan's
 * function is another one.
 */
static Node *
field_of(const FunctionScan *scan, const Var *var)
{
	const RangeTblFunction *function = linitial_node(RangeTblFunction, scan->functions);
	const FuncExpr *call = (FuncExpr *) function->funcexpr;
	FieldSelect *field;

	if (list_length(scan->functions) != 1 || var->varno != (int) scan->scan.scanrelid ||
		var->varattno <= 0 || var->varattno > function->funccolcount ||
		!IsA(call, FuncExpr) || !call->funcretset)
		return NULL;
	if (source_is_array(call))
		return (Node *) copyObject(call);
	if (lookup_functions_find(call->funcid) == NULL ||
		get_typtype(call->funcresulttype) != TYPTYPE_COMPOSITE)
		return NULL;
	field = makeNode(FieldSelect);
	field->arg = (Expr *) copyObject(call);
	field->fieldnum = var->varattno;
	field->resulttype = var->vartype;
	field->resulttypmod = var->vartypmod;
	field->resultcollid = var->varcollid;
	return (Node *) field;
}

/* Finds the lookup whose fields are taken; true if there is another set, too. */
static bool
find_source(Node *node, const FuncExpr **source)
{
	if (node == NULL)
		return false;
	if (IsA(node, FieldSelect) && IsA(((FieldSelect *) node)->arg, FuncExpr))
	{
		const FuncExpr *call = (FuncExpr *) ((FieldSelect *) node)->arg;

		if (call->funcretset && lookup_functions_find(call->funcid) != NULL)
		{
			if (*source != NULL && !equal(*source, call))
				return true;
			*source = call;
			return false;
		}
	}
	if (IsA(node, FuncExpr) && source_is_array((FuncExpr *) node))
	{
		if (*source != NULL && !equal(*source, node))
			return true;
		*source = (FuncExpr *) node;
		return false;
	}
	if ((IsA(node, FuncExpr) && ((FuncExpr *) node)->funcretset) ||
		(IsA(node, OpExpr) && ((OpExpr *) node)->opretset))
		return true;
	return expression_tree_walker(node, find_source, source);
}
