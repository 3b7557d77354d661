/*
 * lookahead_arguments.c
 *
 * Whether the arguments of a call can be worked out before the call is made:
 * from the row alone, at any time, without leaving traces.  For rows that may
 * not be wanted they must not raise an error either, whatever the row holds:
 * only what is listed here does not.  Running out of memory does not count.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "pgcares.h"

static Node *translate(Node *node, SiteSearch *search);
static bool is_refused(Node *node, SiteSearch *search);
static bool may_raise(Node *node, const Bitmapset *init_params);
static bool function_may_raise(Oid function, Oid collation, List *arguments);
static bool collation_may_raise(Oid collation, bool searched);
static bool text_cast_may_raise(const CoerceViaIO *cast);

/*
 * Adds a function call to those found, if it is one of ours and its arguments
 * can be worked out ahead, as a copy in terms of the node's own input.
 */
bool
site_take(SiteSearch *search, FuncExpr *call)
{
	Node	   *args = (Node *) call->args;

	if (call_of_function(call->funcid) == NULL)
		return false;
	/* A column there is one of a relation that is not the node's input. */
	if (search->outside && contain_var_clause(args))
		return false;

	search->lost = false;
	call = (FuncExpr *) translate((Node *) call, search);
	args = (Node *) call->args;
	if (search->lost || is_refused(args, search) ||
		contain_volatile_functions(args) || expression_returns_set(args))
		return false;
	if (!contain_var_clause(args))
		return false;			/* the same question for all rows */
	if (search->harmless && may_raise(args, search->plan->init_params))
		return false;
	search->calls = list_append_unique(search->calls, call);
	return true;
}

/*
 * A copy of an expression with columns of the node's input, and in the place of
 * parameters what they stand for.  Notes whether there are other columns.
 */
static Node *
translate(Node *node, SiteSearch *search)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;

		if (var->varno != search->varno || var->varattno <= 0)
			search->lost = true;
		return (Node *) makeVar(INDEX_VAR, var->varattno, var->vartype,
								var->vartypmod, var->varcollid, 0);
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		SiteSearch	plain = *search;
		ListCell   *number;
		ListCell   *value;

		plain.numbers = plain.values = NIL;
		forboth(number, search->numbers, value, search->values)
		{
			if (lfirst_int(number) != ((Param *) node)->paramid)
				continue;
			node = translate(lfirst(value), &plain);
			search->lost |= plain.lost;
			return node;
		}
	}
	return expression_tree_mutator(node, translate, search);
}

/*
 * Is there anything in an argument that cannot be worked out ahead?
 */
static bool
is_refused(Node *node, SiteSearch *search)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Param:
			if (((Param *) node)->paramkind == PARAM_EXTERN)
				return false;
			return ((Param *) node)->paramkind != PARAM_EXEC ||
				!bms_is_member(((Param *) node)->paramid, search->params);
		case T_FuncExpr:
			if (call_of_function(((FuncExpr *) node)->funcid) != NULL)
				return true;
			break;
		case T_SubPlan:
		case T_AlternativeSubPlan:
		case T_Aggref:
		case T_WindowFunc:
		case T_GroupingFunc:
		case T_CaseTestExpr:
		case T_CoerceToDomainValue:
		case T_SetToDefault:
		case T_CurrentOfExpr:
		case T_NextValueExpr:
			return true;
		default:
			break;
	}
	return expression_tree_walker(node, is_refused, search);
}

static bool
may_raise(Node *node, const Bitmapset *init_params)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_List:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CoalesceExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
			break;

		case T_Param:
			/* An init plan that has not run yet is run when it is read. */
			return ((Param *) node)->paramkind == PARAM_EXEC &&
				bms_is_member(((Param *) node)->paramid, init_params);

		case T_FuncExpr:
			{
				FuncExpr   *call = (FuncExpr *) node;

				if (function_may_raise(call->funcid, call->inputcollid,
									   call->args))
					return true;
			}
			break;

		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			{
				OpExpr	   *op = (OpExpr *) node;

				if (function_may_raise(op->opfuncid, op->inputcollid, op->args))
					return true;
			}
			break;

		case T_CoerceViaIO:
			if (text_cast_may_raise((CoerceViaIO *) node))
				return true;
			break;

		default:
			return true;
	}
	return expression_tree_walker(node, may_raise, (void *) init_params);
}

static bool
function_may_raise(Oid function, Oid collation, List *arguments)
{
	switch (function)
	{
		case F_TEXTCAT:
		case F_TEXT_BPCHAR:
		case F_TEXT_CHAR:
		case F_TEXT_NAME:
		case F_BTRIM_TEXT:
		case F_BTRIM_TEXT_TEXT:
		case F_LTRIM_TEXT:
		case F_LTRIM_TEXT_TEXT:
		case F_RTRIM_TEXT:
		case F_RTRIM_TEXT_TEXT:
		case F_LEFT:
		case F_RIGHT:
		case F_JSONB_OBJECT_FIELD_TEXT:
		case F_HOST:
		case F_TEXT_INET:
		case F_ABBREV_INET:
		case F_INT4_INT2:
		case F_INT8_INT2:
		case F_INT8_INT4:
		case F_INT4EQ:
		case F_INT4NE:
		case F_INT4LT:
		case F_INT4LE:
		case F_INT4GT:
		case F_INT4GE:
			return false;

		case F_TEXTEQ:
		case F_TEXTNE:
			return collation_may_raise(collation, false);

			/* In SQL_ASCII, text need not be what the locale expects. */
		case F_LOWER_TEXT:
		case F_UPPER_TEXT:
			return collation_may_raise(collation, false) ||
				GetDatabaseEncoding() == PG_SQL_ASCII;

		case F_REPLACE:
			return collation_may_raise(collation, true);

			/* There is no field number 0. */
		case F_SPLIT_PART:
			{
				Const	   *field = lthird(arguments);

				return !IsA(field, Const) ||
					(!field->constisnull &&
					 DatumGetInt32(field->constvalue) == 0) ||
					collation_may_raise(collation, true);
			}

		default:
			return true;
	}
}

/* A collation may be undecided, or not fit for searching in a text. */
static bool
collation_may_raise(Oid collation, bool searched)
{
	return !OidIsValid(collation) ||
		(searched && !get_collation_isdeterministic(collation));
}

/* Casts to text of what has an output function that knows no error. */
static bool
text_cast_may_raise(const CoerceViaIO *cast)
{
	if (cast->resulttype != TEXTOID && cast->resulttype != VARCHAROID)
		return true;
	switch (exprType((Node *) cast->arg))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
		case NAMEOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case INETOID:
		case CIDROID:
			return false;
		default:
			return true;
	}
}
