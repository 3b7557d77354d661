/*
 * expressions.c
 *
 * Whether an expression can be evaluated before its turn: which parts of it
 * change something or see such changes, and which can raise an error.
 * Subplans are only listed by number; early.c examines their plans.  Our own
 * lookups change nothing.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "lookahead/lookahead.h"

static bool look(Node *node, ExpressionLook *seen);
static bool json_is_sound(Node *node);
static bool reads_sound_rows(const RangeTblFunction *function);
static bool can_be_read(List *types);
static void note(ExpressionLook *seen, Oid function, bits8 early);
static bool ignores_failures(const FuncExpr *call);
static bool may_warn(const FuncExpr *call);
static bool add_level(Node *node, int *level);
static bool is_forbidden(Node *node, void *context);

/*
 * Adds the obstacles to evaluating an expression ahead, and its subplans and
 * parameters.
 */
void
expression_look(Node *expression, ExpressionLook *seen)
{
	look(expression, seen);
}

/*
 * How deep are lookups in an expression: 0 if there is none, 2 if one is in the
 * arguments of another?
 */
int
expression_level(Node *expression)
{
	int			level = 0;

	(void) add_level(expression, &level);
	return level;
}

/*
 * Does an expression call a function that the current user must not call?
 */
bool
expression_is_forbidden(Node *expression)
{
	return is_forbidden(expression, NULL);
}

static bool
look(Node *node, ExpressionLook *seen)
{
	bits8		before = seen->early;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
		case T_Const:
		case T_List:
		case T_TargetEntry:
		case T_RelabelType:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CaseTestExpr:
		case T_CoerceToDomainValue:
		case T_CoalesceExpr:
		case T_BoolExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_RowExpr:
		case T_FieldSelect:
		case T_ConvertRowtypeExpr:
		case T_GroupingFunc:
		case T_SortGroupClause:
		case T_SQLValueFunction:
			break;

		case T_RangeTblFunction:
			if (reads_sound_rows((RangeTblFunction *) node))
			{
				seen->early |= EARLY_GUARD;
				return look((Node *) ((FuncExpr *) ((RangeTblFunction *) node)->funcexpr)->args,
							seen);
			}
			break;
		case T_CoerceToDomain:
			seen->early |= EARLY_GUARD;
			look((Node *) domain_conditions(((CoerceToDomain *) node)->resulttype), seen);
			break;
		case T_ArrayExpr:
			if (((ArrayExpr *) node)->multidims)
				seen->early |= EARLY_GUARD;
			break;
		case T_MinMaxExpr:
			if (!type_compares(((MinMaxExpr *) node)->minmaxtype,
							   ((MinMaxExpr *) node)->inputcollid))
				seen->early |= EARLY_ERRORS;
			break;
		case T_SubscriptingRef:
			/* Reading one element is safe, even if it does not exist. */
			if (((SubscriptingRef *) node)->refassgnexpr != NULL ||
				((SubscriptingRef *) node)->reflowerindexpr != NIL)
				seen->early |= EARLY_GUARD;
			/* A user's type that is no array has a function of its own for that. */
			if (!OidIsValid(get_element_type(((SubscriptingRef *) node)->refcontainertype)) &&
				!type_is_sound(((SubscriptingRef *) node)->refcontainertype))
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
			/* It can return more than the one row that is allowed. */
			if (((SubPlan *) node)->subLinkType == EXPR_SUBLINK ||
				((SubPlan *) node)->subLinkType == ROWCOMPARE_SUBLINK)
				seen->early |= EARLY_GUARD;
			if (((SubPlan *) node)->subLinkType == EXPR_SUBLINK ||
				((SubPlan *) node)->subLinkType == ARRAY_SUBLINK)
				seen->whole = bms_add_member(seen->whole,
											 ((SubPlan *) node)->plan_id);
			break;

		case T_FuncExpr:
			{
				FuncExpr   *call = (FuncExpr *) node;

				if (!ignores_failures(call))
					note(seen, call->funcid, call->funcvariadic ? EARLY_ERRORS :
						 function_early(call->funcid, call->inputcollid, call->args));
				if (lookup_functions_asks(call->funcid) && may_warn(call))
					seen->early |= EARLY_WARNINGS;
			}
			break;
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
			{
				OpExpr	   *op = (OpExpr *) node;

				note(seen, op->opfuncid,
					 operator_early(op->opno, op->opfuncid, op->inputcollid,
									op->args));
			}
			break;
		case T_ScalarArrayOpExpr:
			{
				ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;
				bits8		early = operator_early(op->opno, op->opfuncid,
												   op->inputcollid, op->args);

				/* An array of patterns is not checked here. */
				if (early == 0 && !operator_orders(op->opno))
					early = EARLY_GUARD;
				note(seen, op->opfuncid, early);
			}
			break;
		case T_CoerceViaIO:
			{
				CoerceViaIO *cast = (CoerceViaIO *) node;

				seen->early |= cast_early(exprType((Node *) cast->arg),
										  cast->resulttype);
			}
			break;

		case T_Aggref:
			note(seen, ((Aggref *) node)->aggfnoid, aggregate_early((Aggref *) node));
			look((Node *) aggregate_comparisons((Aggref *) node), seen);
			break;
		case T_WindowFunc:
			note(seen, ((WindowFunc *) node)->winfnoid,
				 window_function_early((WindowFunc *) node));
			break;

		default:
			if (json_is_sound(node))
			{
				seen->early |= EARLY_GUARD;
				break;
			}
			seen->early |= EARLY_ERRORS;
			if (expression_has_effect(node))
				seen->early |= EARLY_EFFECTS;
			break;
	}
	if (seen->session_changes && node_reads_session(node))
		seen->early |= EARLY_EFFECTS;
	if (seen->culprit == NULL &&
		(seen->early & ~before & (EARLY_ERRORS | EARLY_EFFECTS)))
		seen->culprit = node;
	return expression_tree_walker(node, look, seen);
}

/*
 * Is it SQL/JSON whose values all have types that can be printed, and read again?
 */
static bool
json_is_sound(Node *node)
{
	ListCell   *lc;
	Oid			type;

	if (json_table_types(node) != NIL)
		return can_be_read(json_table_types(node));
	if (!is_json_query(node) && !is_json_of_parts(node))
		return false;
	foreach(lc, json_values(node))
	{
		if (!type_is_sound(exprType(lfirst(lc))))
			return false;
	}
	type = exprType(node);
	return !OidIsValid(type) || type_can_be_read(type);
}

/*
 * Does a function in FROM make rows of a JSON document whose columns all have sound types?
 * Those are in the statement, as in jsonb_to_recordset(doc) AS r (name text, port int).
 */
static bool
reads_sound_rows(const RangeTblFunction *function)
{
	const FuncExpr *call = (FuncExpr *) function->funcexpr;

	return IsA(call, FuncExpr) && function_makes_rows(call->funcid) &&
		function->funccoltypes != NIL && can_be_read(function->funccoltypes);
}

static bool
can_be_read(List *types)
{
	ListCell   *lc;

	foreach(lc, types)
	{
		if (!type_can_be_read(lfirst_oid(lc)))
			return false;
	}
	return true;
}

/* Adds the obstacles to a function; EARLY_ERRORS if nothing is known of it. */
static void
note(ExpressionLook *seen, Oid function, bits8 early)
{
	if (early == EARLY_ERRORS && lookup_functions_has(function))
		early = EARLY_GUARD;
	if (early == EARLY_ERRORS &&
		(function_has_effect(function) ||
		 (seen->has_effects && function_reads_session(function))))
		early |= EARLY_EFFECTS;
	seen->early |= early;
}

/*
 * Is this a lookup that raises no error, whatever the answer and the name?  Its only
 * other arguments are an address family and on_error.
 */
static bool
ignores_failures(const FuncExpr *call)
{
	if (!lookup_functions_asks(call->funcid) || list_length(call->args) < 2)
		return false;
	for (int i = 1; i < list_length(call->args); i++)
	{
		const Const *argument = list_nth(call->args, i);
		bool		is_last = i == list_length(call->args) - 1;

		if (!IsA(argument, Const) || argument->constisnull ||
			argument->consttype != (is_last ? TEXTOID : INT4OID))
			return false;
		if (is_last)
			return pg_strcasecmp(TextDatumGetCString(argument->constvalue), "ignore") == 0;
		if (DatumGetInt32(argument->constvalue) != 0 &&
			DatumGetInt32(argument->constvalue) != 4 &&
			DatumGetInt32(argument->constvalue) != 6)
			return false;
	}
	return false;
}

/* Can a lookup warn?  Its last argument, on_error, decides, or the setting. */
static bool
may_warn(const FuncExpr *call)
{
	const Const *on_error = llast(call->args);

	if (exprType((Node *) on_error) != TEXTOID ||
		func_volatile(call->funcid) == PROVOLATILE_IMMUTABLE)
		return false;			/* it has no on_error, or asks nothing */
	if (!IsA(on_error, Const))
		return true;
	if (on_error->constisnull)
		return setting_on_error == ON_ERROR_WARNING;
	return on_error->consttype == TEXTOID &&
		pg_strcasecmp(TextDatumGetCString(on_error->constvalue), "warning") == 0;
}

static bool
add_level(Node *node, int *level)
{
	int			inner = 0;

	if (node == NULL)
		return false;
	(void) expression_tree_walker(node, add_level, &inner);
	if (IsA(node, FuncExpr) && lookup_functions_asks(((FuncExpr *) node)->funcid))
		inner++;
	*level = Max(*level, inner);
	return false;
}

static bool
is_forbidden(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && !may_execute(((FuncExpr *) node)->funcid))
		return true;
	return expression_tree_walker(node, is_forbidden, context);
}
