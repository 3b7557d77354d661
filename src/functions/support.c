/*
 * support.c
 *
 * What the planner is told about our functions.  That it asks at all is what
 * matters most: this library is loaded by then, also for the first statement of
 * a session, and can look at the plan (plan.c).
 */
#include "postgres.h"

#include "functions/functions.h"

#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/lsyscache.h"

static bool count_elements(const Node *array, double *count);

PG_FUNCTION_INFO_V1(pgcares_support);

/*
 * dns_support(internal): the support function of all functions that ask.  Those
 * that take an array give a row for each of its elements, or some more.
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

/* The elements of an array that the statement shows; false if it is none. */
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
