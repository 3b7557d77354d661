/*
 * effects.c
 *
 * Finds how an expression changes tables or the session (its settings and its role), and
 * how it depends on such changes.  The functions of an aggregate and the checks of a
 * domain count too, which an expression does not show.  Our own lookups change nothing.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* A search for a function of some kind. */
typedef struct FunctionSearch
{
	bool		(*is_wanted) (Oid function);
} FunctionSearch;

static bool find(Node *node, FunctionSearch *search);
static bool is_found(Oid function, void *context);
static bool aggregate_has(Oid aggregate, const FunctionSearch *search);
static bool function_changes_session(Oid function);
static bool function_is_users(Oid function);
static bool prints_by_settings(Oid type);

/*
 * Does an expression have an effect that other parts of the statement can see?
 */
bool
expression_has_effect(Node *expression)
{
	FunctionSearch search = {function_has_effect};

	return find(expression, &search);
}

/*
 * Can an expression change a setting, or the role?
 */
bool
expression_changes_session(Node *expression)
{
	FunctionSearch search = {function_changes_session};

	return find(expression, &search);
}

/*
 * Does an expression call a function of a user that is not immutable, and is not
 * a lookup?  It can read what other parts of the statement read.
 */
bool
expression_reads_session(Node *expression)
{
	FunctionSearch search = {function_is_users};

	return find(expression, &search);
}

/*
 * Does the result of an expression's node depend on settings or on the role, such as the
 * time zone?  Its arguments do not count.
 */
bool
node_reads_session(const Node *node)
{
	Oid			function = InvalidOid;
	const List *arguments = NIL;
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_SQLValueFunction:
			return true;
		case T_CoerceViaIO:
			{
				const CoerceViaIO *cast = (const CoerceViaIO *) node;

				return prints_by_settings(exprType((Node *) cast->arg)) ||
					prints_by_settings(cast->resulttype);
			}
		case T_FuncExpr:
			function = ((const FuncExpr *) node)->funcid;
			arguments = ((const FuncExpr *) node)->args;
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			function = ((const OpExpr *) node)->opfuncid;
			arguments = ((const OpExpr *) node)->args;
			break;
		default:
			return false;
	}
	if (func_volatile(function) != PROVOLATILE_STABLE || function == F_NOW ||
		function == F_TRANSACTION_TIMESTAMP || function == F_STATEMENT_TIMESTAMP)
		return false;

	/* Many only print their arguments. */
	foreach(lc, arguments)
	{
		if (prints_by_settings(exprType(lfirst(lc))))
			return true;
	}
	return prints_by_settings(get_func_rettype(function));
}

/*
 * Is it a volatile function other than a lookup?
 */
bool
function_has_effect(Oid function)
{
	return func_volatile(function) == PROVOLATILE_VOLATILE &&
		!lookup_functions_has(function);
}

static bool
find(Node *node, FunctionSearch *search)
{
	if (node == NULL)
		return false;
	if (check_functions_in_node(node, is_found, search))
		return true;
	switch (nodeTag(node))
	{
		case T_NextValueExpr:
			if (search->is_wanted(F_NEXTVAL))
				return true;
			break;
		case T_Aggref:
			if (aggregate_has(((Aggref *) node)->aggfnoid, search))
				return true;
			break;
		case T_WindowFunc:
			if (aggregate_has(((WindowFunc *) node)->winfnoid, search))
				return true;
			break;
		case T_CoerceToDomain:
			if (find((Node *) domain_conditions(((CoerceToDomain *) node)->resulttype),
					 search))
				return true;
			break;
		default:
			break;
	}
	return expression_tree_walker(node, find, search);
}

static bool
is_found(Oid function, void *context)
{
	return ((const FunctionSearch *) context)->is_wanted(function);
}

/* The server declares all aggregates immutable, whatever their functions are. */
static bool
aggregate_has(Oid aggregate, const FunctionSearch *search)
{
	HeapTuple	tuple;
	bool		found = false;

	if (aggregate < FirstUnpinnedObjectId)
		return false;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_aggregate form = (Form_pg_aggregate) GETSTRUCT(tuple);
		Oid			functions[] = {
			form->aggtransfn, form->aggfinalfn, form->aggcombinefn,
			form->aggmtransfn, form->aggminvtransfn, form->aggmfinalfn
		};

		for (int i = 0; i < (int) lengthof(functions) && !found; i++)
			found = OidIsValid(functions[i]) && search->is_wanted(functions[i]);
		ReleaseSysCache(tuple);
	}
	return found;
}

static bool
function_changes_session(Oid function)
{
	return function == F_SET_CONFIG ||
		(function >= FirstUnpinnedObjectId && function_has_effect(function));
}

static bool
function_is_users(Oid function)
{
	return function >= FirstUnpinnedObjectId &&
		func_volatile(function) != PROVOLATILE_IMMUTABLE &&
		!lookup_functions_has(function);
}

/* Do settings decide how values of a type are printed, read, or computed with? */
static bool
prints_by_settings(Oid type)
{
	Oid			part;

	type = getBaseType(type);
	switch (type)
	{
		case BYTEAOID:
		case CASHOID:
		case DATEOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case INTERVALOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case TIMETZOID:
			return true;
		default:
			break;
	}
	part = get_element_type(type);
	if (OidIsValid(part))
		return prints_by_settings(part);
	return !type_is_sound(type) || type_is_range(type);
}
