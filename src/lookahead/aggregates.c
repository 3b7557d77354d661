/*
 * aggregates.c
 *
 * Which aggregates and window functions of the server can run for rows that are perhaps
 * not used.  One that is not listed here counts as unsafe.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"

static const char *const raises_nothing[] = {
	"any_value", "bool_and", "bool_or", "count", "cume_dist", "dense_rank", "every",
	"first_value", "lag", "last_value", "lead", "percent_rank", "rank", "row_number",
	"string_agg"
};
static const char *const raises_cleanly[] = {
	"avg", "bit_and", "bit_or", "bit_xor", "corr", "covar_pop", "covar_samp", "mode",
	"nth_value", "ntile", "percentile_cont", "percentile_disc", "regr_avgx", "regr_avgy",
	"regr_count", "regr_intercept", "regr_r2", "regr_slope", "regr_sxx", "regr_sxy",
	"regr_syy", "stddev", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp",
	"variance"
};
static const char *const prints_cleanly[] = {
	"json_agg", "json_object_agg", "jsonb_agg", "jsonb_object_agg"
};
static const char *const compares[] = {
	"max", "min"
};

#define IS_LISTED(name, list)	is_listed(name, list, lengthof(list))

static bits8 function_by_name(Oid function, Oid collation, List *types);
static bool is_listed(const char *name, const char *const *list, int length);
static bool all_compare(List *types, Oid collation);

/*
 * Returns the obstacles to an aggregate: 0, EARLY_GUARD or EARLY_ERRORS.
 */
bits8
aggregate_early(const Aggref *aggregate)
{
	return function_by_name(aggregate->aggfnoid, aggregate->inputcollid,
							aggregate->aggargtypes);
}

/*
 * The same for a window function.
 */
bits8
window_function_early(const WindowFunc *function)
{
	List	   *types = NIL;
	ListCell   *lc;

	foreach(lc, function->args)
		types = lappend_oid(types, exprType(lfirst(lc)));
	return function_by_name(function->winfnoid, function->inputcollid, types);
}

/*
 * The comparisons by which an aggregate orders the rows of a group, or finds equal ones,
 * as expressions whose operands only have the right type.
 */
List *
aggregate_comparisons(const Aggref *aggregate)
{
	List	   *list = NIL;
	ListCell   *lc;

	foreach(lc, list_concat_copy(aggregate->aggorder, aggregate->aggdistinct))
	{
		SortGroupClause *clause = lfirst_node(SortGroupClause, lc);
		Node	   *value = get_sortgroupclause_expr(clause, aggregate->args);

		if (OidIsValid(clause->sortop))
			list = comparisons_add(list, clause->sortop, exprCollation(value), exprType(value));
		list = comparisons_add(list, clause->eqop, exprCollation(value), exprType(value));
	}
	return list;
}

static bits8
function_by_name(Oid function, Oid collation, List *types)
{
	const char *name = function < FirstUnpinnedObjectId ? get_func_name(function) : NULL;

	if (name == NULL)
		return EARLY_ERRORS;
	if (IS_LISTED(name, raises_nothing))
		return 0;
	if (IS_LISTED(name, raises_cleanly))
		return EARLY_GUARD;
	if (IS_LISTED(name, prints_cleanly))
		return all_compare(types, DEFAULT_COLLATION_OID) ? EARLY_GUARD : EARLY_ERRORS;
	if (IS_LISTED(name, compares))
		return all_compare(types, collation) ? 0 : EARLY_ERRORS;
	/* Arrays become one of more dimensions if all have the same. */
	if (strcmp(name, "array_agg") == 0)
		return OidIsValid(get_element_type(linitial_oid(types))) ? EARLY_GUARD : 0;
	return EARLY_ERRORS;
}

static bool
is_listed(const char *name, const char *const *list, int length)
{
	for (int i = 0; i < length; i++)
	{
		if (strcmp(name, list[i]) == 0)
			return true;
	}
	return false;
}

static bool
all_compare(List *types, Oid collation)
{
	ListCell   *lc;

	foreach(lc, types)
	{
		if (!type_compares(lfirst_oid(lc), collation))
			return false;
	}
	return true;
}
