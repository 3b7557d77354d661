/*
 * support.c
 *
 * The planner support function of our functions.  Its main effect is that the
 * planner loads this library, even for the first statement of a session, so
 * that plan.c can look at the plan.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/lsyscache.h"

static bool count_elements(const Node *array, double *count);

PG_FUNCTION_INFO_V1(pgcares_support);

/*
 * dns_support(internal): the support function of all functions that ask.
 * Functions that take an array give one or more rows for each of its elements.
 */
Datum
pgcares_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestRows))
	{
		SupportRequestRows *rows = (SupportRequestRows *) request;

		if (is_funcclause(rows->node) &&
			count_elements(linitial(((FuncExpr *) rows->node)->args),
						   &rows->rows))
			PG_RETURN_POINTER(rows);
	}
	PG_RETURN_POINTER(NULL);
}

/* Counts the elements of a constant or ARRAY[]; false for anything else. */
static bool
count_elements(const Node *array, double *count)
{
	if (IsA(array, ArrayExpr) && !((const ArrayExpr *) array)->multidims)
	{
		*count = list_length(((const ArrayExpr *) array)->elements);
		return true;
	}
	if (IsA(array, Const) && !((const Const *) array)->constisnull &&
		OidIsValid(get_element_type(((const Const *) array)->consttype)))
	{
		ArrayType  *value = DatumGetArrayTypeP(((const Const *) array)->constvalue);

		*count = ArrayGetNItems(ARR_NDIM(value), ARR_DIMS(value));
		return true;
	}
	return false;
}
