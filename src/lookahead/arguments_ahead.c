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

/* The search for something in an argument that cannot be computed ahead. */
typedef struct Refusal
{
	SiteSearch *search;
	bool		later;			/* it can have the lookups that were found */
	LookaheadReason *reason;
	int			values;			/* of CASE that enclose the expression */
} Refusal;

static bool can_compute(SiteSearch *search, const FuncExpr *call,
						const FuncExpr *copy, bool later, LookaheadReason *reason,
						Node **culprit);
static FuncExpr *translated_call(SiteSearch *search, const FuncExpr *call);
static BooleanTest *is_not_true(Node *condition);
static Node *translate(Node *node, SiteSearch *search);
static bool refusal(Node *node, SiteSearch *search, bool later,
					LookaheadReason *reason);
static bool is_refused(Node *node, Refusal *context);
static void add_call(SiteSearch *search, FuncExpr *call);

/*
 * Adds a function call to those found, if it is one of ours and its arguments
 * can be computed ahead.  Adds a copy whose columns are those of the node's
 * input.
 */
bool
site_take(SiteSearch *search, FuncExpr *call)
{
	FuncExpr   *copy;
	Node	   *culprit = NULL;
	LookaheadReason reason;

	if (lookup_functions_find(call->funcid) == NULL)
		return false;
	copy = translated_call(search, call);
	if (can_compute(search, call, copy, false, &reason, &culprit))
	{
		add_call(search, copy);
		return true;
	}
	/* In another tree, a node there looks ahead for it, or notes a reason. */
	if (search->inner_numbers == NIL)
		reasons_note(search->plan, call, reason, culprit);
	return false;
}

/*
 * The same for a call that site_take() has left out because an argument holds a
 * lookup: its arguments can be computed when those that were found for the row
 * have their answers.
 */
void
site_take_later(SiteSearch *search, FuncExpr *call)
{
	FuncExpr   *copy;
	Node	   *culprit;
	LookaheadReason reason;

	if (search->calls == NIL || lookup_functions_find(call->funcid) == NULL)
		return;
	copy = translated_call(search, call);
	if (can_compute(search, call, copy, true, &reason, &culprit))
		add_call(search, copy);
}

/*
 * Can the arguments of a call, and of its copy with the node's columns, be
 * computed ahead, or later?  If not, sets the reason.
 */
static bool
can_compute(SiteSearch *search, const FuncExpr *call, const FuncExpr *copy,
			bool later, LookaheadReason *reason, Node **culprit)
{
	Node	   *args = (Node *) copy->args;
	ExpressionLook seen = LOOK_IN(search->plan);
	bits8		early;

	if (search->other_columns)
		*reason = search->joined;
	else if (refusal(args, search, later, reason))
		;
	else if (expression_returns_set(args) && source_of(args) == NULL)
		*reason = REASON_UNKNOWN;
	else if (!contain_var_clause(args))
		*reason = REASON_CONSTANT;
	else
	{
		early = early_expression(search->plan, args);
		/* A lookup in an argument would warn twice. */
		if (!(early & (EARLY_EFFECTS | EARLY_ERRORS | EARLY_WARNINGS)))
		{
			search->early |= early;
			return true;
		}
		expression_look((Node *) call->args, &seen);
		*culprit = seen.culprit;
		*reason = (early & EARLY_EFFECTS) ? REASON_EFFECT : REASON_RAISES;
	}
	return false;
}

/*
 * A copy of a call with the columns of the node's input.  Sets search->other_columns if
 * it has others: a column in another tree does not belong to the input, unless it is one
 * of a lookup there.
 */
static FuncExpr *
translated_call(SiteSearch *search, const FuncExpr *call)
{
	Node	   *copy = (Node *) call;

	search->other_columns = false;
	if (search->outside && contain_var_clause((Node *) call->args))
	{
		copy = source_columns(search->tree, (Node *) call);
		if (copy == NULL)
		{
			search->other_columns = true;
			return (FuncExpr *) call;
		}
	}
	copy = translate(copy, search);
	if (search->conditions != NIL && ((FuncExpr *) copy)->args != NIL)
	{
		Node	   *conditions = translate((Node *) make_ands_explicit(search->conditions),
										   search);

		linitial(((FuncExpr *) copy)->args) =
			wrapper_null_if((Node *) is_not_true(conditions),
							linitial(((FuncExpr *) copy)->args));
	}
	return (FuncExpr *) copy;
}

static BooleanTest *
is_not_true(Node *condition)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) condition;
	test->booltesttype = IS_NOT_TRUE;
	test->location = -1;
	return test;
}

/* A call that is certain in one place is certain. */
static void
add_call(SiteSearch *search, FuncExpr *call)
{
	if (search->skipped != NULL && call->args != NIL)
		linitial(call->args) = wrapper_null_if(search->skipped, linitial(call->args));
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
		int			number = var->varattno;

		if (var->varno != search->varno || var->varattno <= 0 || IS_OLD_COLUMN(var))
		{
			number = search->change == NULL ? 0 :
				table_column_number(search->plan, search->change, var, search->changed);
			search->other_columns |= number == 0;
		}
		return (Node *) makeVar(INDEX_VAR, number, var->vartype, var->vartypmod,
								var->varcollid, 0);
	}
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXEC)
	{
		SiteSearch	plain = *search;
		ListCell   *number;
		ListCell   *value;

		forboth(number, search->inner_numbers, value, search->inner_values)
		{
			if (lfirst_int(number) == ((Param *) node)->paramid)
				return translate(lfirst(value), search);
		}
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
 * Does an argument hold anything that cannot be computed ahead?  Sets the reason.
 */
static bool
refusal(Node *node, SiteSearch *search, bool later, LookaheadReason *reason)
{
	Refusal		context = {.search = search, .later = later, .reason = reason};

	return is_refused(node, &context);
}

static bool
is_refused(Node *node, Refusal *context)
{
	bool		refused;

	if (node == NULL)
		return false;
	*context->reason = REASON_UNKNOWN;
	switch (nodeTag(node))
	{
		case T_Param:
			if (((Param *) node)->paramkind == PARAM_EXTERN)
				return false;
			return ((Param *) node)->paramkind != PARAM_EXEC ||
				!bms_is_member(((Param *) node)->paramid, context->search->params);
		case T_FuncExpr:
			if (lookup_functions_find(((FuncExpr *) node)->funcid) != NULL)
			{
				if (context->later && list_member(context->search->calls, node))
					return false;
				*context->reason = REASON_LOOKUP;
				return true;
			}
			break;
		case T_CaseExpr:
			if (((CaseExpr *) node)->arg != NULL)
				context->values++;
			refused = expression_tree_walker(node, is_refused, context);
			if (((CaseExpr *) node)->arg != NULL)
				context->values--;
			return refused;
		case T_CaseTestExpr:
			return context->values == 0;	/* else it is that of an argument */
		case T_SubPlan:
		case T_AlternativeSubPlan:
			*context->reason = REASON_SUBQUERY;
			return true;
		case T_Aggref:
		case T_WindowFunc:
		case T_GroupingFunc:
		case T_CoerceToDomainValue:
		case T_SetToDefault:
		case T_CurrentOfExpr:
		case T_NextValueExpr:
			return true;
		default:
			break;
	}
	return expression_tree_walker(node, is_refused, context);
}
