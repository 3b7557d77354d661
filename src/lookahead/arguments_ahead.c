/*
 * arguments_ahead.c
 *
 * Whether the arguments of a call can be computed before the call is made: from
 * the row alone, at any time, and without side effects.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"

#include "lookahead/lookahead.h"

static Node *translate(Node *node, SiteSearch *search);
static bool is_refused(Node *node, SiteSearch *search);
static void add_call(SiteSearch *search, FuncExpr *call);

/*
 * Adds a function call to those found, if it is one of ours and its arguments
 * can be computed ahead.  Adds a copy whose columns are those of the node's
 * input.
 */
bool
site_take(SiteSearch *search, FuncExpr *call)
{
	Node	   *args = (Node *) call->args;
	bits8		early;

	if (lookup_functions_find(call->funcid) == NULL)
		return false;
	/* A column in another tree does not belong to the node's input. */
	if (search->outside && contain_var_clause(args))
		return false;

	search->other_columns = false;
	call = (FuncExpr *) translate((Node *) call, search);
	args = (Node *) call->args;
	if (search->other_columns || is_refused(args, search) ||
		expression_returns_set(args))
		return false;
	if (!contain_var_clause(args))
		return false;			/* the same question for all rows */
	early = early_expression(search->plan, args);
	if (early & (EARLY_EFFECTS | EARLY_ERRORS))
		return false;
	search->early |= early;
	add_call(search, call);
	return true;
}

/* A call that is certain in one place is certain. */
static void
add_call(SiteSearch *search, FuncExpr *call)
{
	if (list_member(search->calls, call))
		return;
	if (search->uncertain)
	{
		search->perhaps = list_append_unique(search->perhaps, call);
		return;
	}
	search->perhaps = list_delete(search->perhaps, call);
	search->calls = lappend(search->calls, call);
}

/*
 * Copies an expression, with the columns of the node's input, and with
 * parameters replaced by their values.  Sets search->other_columns if there
 * are other columns.
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
			search->other_columns = true;
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
			search->other_columns |= plain.other_columns;
			return node;
		}
	}
	return expression_tree_mutator(node, translate, search);
}

/*
 * Does an argument hold anything that cannot be computed ahead?
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
			if (lookup_functions_find(((FuncExpr *) node)->funcid) != NULL)
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
