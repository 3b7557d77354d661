/*
 * lookahead_expressions.c
 *
 * Whether an expression can be evaluated before its turn: what in it changes
 * something or sees such changes, and what may raise an error.  Subplans are told
 * by their numbers, since they are plans.  Our own lookups change nothing.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "pgcares.h"

static bool look(Node *node, ExpressionLook *seen);
static bits8 early_function(const ExpressionLook *seen, Oid function);
static bool is_known_aggregate(Oid function);
static bool has_effect(Node *node, void *context);
static bool function_has_effect(Oid function, void *context);

/*
 * Adds what stands against evaluating an expression ahead, and the subplans and
 * parameters in it.
 */
void
expression_look(Node *expression, ExpressionLook *seen)
{
	look(expression, seen);
}

/*
 * Is there anything in an expression that other parts of the statement may see?
 */
bool
expression_has_effect(Node *expression)
{
	return has_effect(expression, NULL);
}

static bool
look(Node *node, ExpressionLook *seen)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_List:
		case T_TargetEntry:
		case T_RangeTblFunction:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoalesceExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RowExpr:
		case T_FieldSelect:
		case T_ConvertRowtypeExpr:
		case T_GroupingFunc:
		case T_SQLValueFunction:
			break;

		case T_ArrayExpr:
			if (((ArrayExpr *) node)->multidims)
				seen->early |= EARLY_ERRORS;
			break;
		case T_MinMaxExpr:
			if (type_output_may_raise(((MinMaxExpr *) node)->minmaxtype))
				seen->early |= EARLY_ERRORS;
			break;
		case T_SubscriptingRef:
			/* One element of an array, which need not be there. */
			if (((SubscriptingRef *) node)->refassgnexpr != NULL ||
				((SubscriptingRef *) node)->reflowerindexpr != NIL)
				seen->early |= EARLY_ERRORS;
			break;

		case T_Param:
			if (((Param *) node)->paramkind == PARAM_EXEC)
				seen->params = bms_add_member(seen->params,
											  ((Param *) node)->paramid);
			break;
		case T_SubPlan:
			seen->subplans = bms_add_member(seen->subplans,
											((SubPlan *) node)->plan_id);
			break;

		case T_FuncExpr:
			{
				FuncExpr   *call = (FuncExpr *) node;

				if (call->funcvariadic ||
					function_may_raise(call->funcid, call->inputcollid,
									   call->args))
					seen->early |= early_function(seen, call->funcid);
			}
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			{
				OpExpr	   *op = (OpExpr *) node;

				if (operator_may_raise(op->opno, op->opfuncid, op->inputcollid,
									   op->args))
					seen->early |= early_function(seen, op->opfuncid);
			}
			break;
		case T_ScalarArrayOpExpr:
			{
				ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;

				/* A pattern in an array is none that can be read here. */
				if (get_op_btree_interpretation(op->opno) == NIL ||
					operator_may_raise(op->opno, op->opfuncid, op->inputcollid,
									   op->args))
					seen->early |= early_function(seen, op->opfuncid);
			}
			break;
		case T_CoerceViaIO:
			{
				CoerceViaIO *cast = (CoerceViaIO *) node;

				if ((cast->resulttype != TEXTOID && cast->resulttype != VARCHAROID) ||
					type_output_may_raise(exprType((Node *) cast->arg)))
					seen->early |= EARLY_ERRORS;
			}
			break;

		case T_Aggref:
			if (!is_known_aggregate(((Aggref *) node)->aggfnoid))
				seen->early |= early_function(seen, ((Aggref *) node)->aggfnoid);
			break;
		case T_WindowFunc:
			if (!is_known_aggregate(((WindowFunc *) node)->winfnoid))
				seen->early |= early_function(seen, ((WindowFunc *) node)->winfnoid);
			break;

		default:
			seen->early |= EARLY_ERRORS;
			if (has_effect(node, NULL))
				seen->early |= EARLY_EFFECTS;
			break;
	}
	return expression_tree_walker(node, look, seen);
}

/* What stands against running a function that may raise an error. */
static bits8
early_function(const ExpressionLook *seen, Oid function)
{
	if (function_has_effect(function, NULL) ||
		(seen->has_effects && function_reads_session(function)))
		return EARLY_ERRORS | EARLY_EFFECTS;
	return EARLY_ERRORS;
}

/* Aggregates and window functions of the server that raise no error. */
static bool
is_known_aggregate(Oid function)
{
	static const char *const names[] = {
		"array_agg", "bool_and", "bool_or", "count", "cume_dist", "dense_rank",
		"every", "first_value", "lag", "last_value", "lead", "max", "min",
		"percent_rank", "rank", "row_number", "string_agg"
	};
	char	   *name;

	if (function >= FirstUnpinnedObjectId)
		return false;
	name = get_func_name(function);
	for (int i = 0; name != NULL && i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* Is there a volatile function in an expression that is no lookup? */
static bool
has_effect(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, NextValueExpr) ||
		check_functions_in_node(node, function_has_effect, NULL))
		return true;
	return expression_tree_walker(node, has_effect, context);
}

static bool
function_has_effect(Oid function, void *context)
{
	return func_volatile(function) == PROVOLATILE_VOLATILE &&
		!call_is_lookup(function);
}
