/*
 * call_text.c
 *
 * A call as text, for messages while a plan is made.  The server's own way to
 * print expressions raises for a plan that it does not understand; this one
 * leaves out what it does not know.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "lookahead/lookahead.h"

static void add(StringInfo buffer, const LookaheadPlan *plan, const Plan *node,
				Node *expression);
static void add_column(StringInfo buffer, const LookaheadPlan *plan,
					   const Plan *node, const Var *var);
static const Plan *input_of(const Plan *node, int varno);
static void add_constant(StringInfo buffer, const Const *constant);
static void add_list(StringInfo buffer, const LookaheadPlan *plan,
					 const Plan *node, const char *name, List *arguments);

/*
 * The text of an expression of a plan node, palloc'd.  Raises nothing.
 */
char *
call_text(const LookaheadPlan *plan, const Plan *node, Node *expression)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	add(&buffer, plan, node, expression);
	return buffer.data;
}

/*
 * The name of what an expression runs first: a function or an operator; NULL if
 * it is neither.  Raises nothing.
 */
const char *
call_name(const Node *expression)
{
	if (IsA(expression, FuncExpr))
		return get_func_name(((const FuncExpr *) expression)->funcid);
	if (IsA(expression, OpExpr))
		return get_opname(((const OpExpr *) expression)->opno);
	if (IsA(expression, Aggref))
		return get_func_name(((const Aggref *) expression)->aggfnoid);
	return NULL;
}

static void
add(StringInfo buffer, const LookaheadPlan *plan, const Plan *node, Node *expression)
{
	check_stack_depth();
	switch (nodeTag(expression))
	{
		case T_Var:
			add_column(buffer, plan, node, (Var *) expression);
			break;
		case T_Const:
			add_constant(buffer, (Const *) expression);
			break;
		case T_FuncExpr:
			{
				FuncExpr   *call = (FuncExpr *) expression;

				if (call->funcformat == COERCE_IMPLICIT_CAST && call->args != NIL)
					add(buffer, plan, node, linitial(call->args));
				else
					add_list(buffer, plan, node, get_func_name(call->funcid), call->args);
			}
			break;
		case T_OpExpr:
			{
				OpExpr	   *op = (OpExpr *) expression;
				char	   *name = get_opname(op->opno);

				if (list_length(op->args) == 2)
					add(buffer, plan, node, linitial(op->args));
				appendStringInfo(buffer, " %s ", name != NULL ? name : "?");
				add(buffer, plan, node, llast(op->args));
			}
			break;
		case T_RelabelType:
			add(buffer, plan, node, (Node *) ((RelabelType *) expression)->arg);
			break;
		case T_CoerceViaIO:
			add(buffer, plan, node, (Node *) ((CoerceViaIO *) expression)->arg);
			appendStringInfo(buffer, "::%s",
							 format_type_be(((CoerceViaIO *) expression)->resulttype));
			break;
		default:
			appendStringInfoString(buffer, "...");
			break;
	}
}

/* A column of a table by name; one of a node's input by its expression there. */
static void
add_column(StringInfo buffer, const LookaheadPlan *plan, const Plan *node,
		   const Var *var)
{
	const Plan *input = input_of(node, var->varno);
	const RangeTblEntry *entry;

	if (input != NULL && var->varattno > 0 &&
		var->varattno <= list_length(input->targetlist))
	{
		add(buffer, plan, input,
			(Node *) list_nth_node(TargetEntry, input->targetlist,
								   var->varattno - 1)->expr);
		return;
	}
	if (IS_SPECIAL_VARNO(var->varno) ||
		(int) var->varno > list_length(plan->stmt->rtable))
	{
		appendStringInfoString(buffer, "...");
		return;
	}
	entry = rt_fetch(var->varno, plan->stmt->rtable);
	appendStringInfoString(buffer, entry->eref->aliasname);
	if (var->varattno > 0 && var->varattno <= list_length(entry->eref->colnames))
		appendStringInfo(buffer, ".%s",
						 strVal(list_nth(entry->eref->colnames, var->varattno - 1)));
}

/* The input of a node whose columns have this varno, or NULL. */
static const Plan *
input_of(const Plan *node, int varno)
{
	if (node == NULL)
		return NULL;
	if (varno == INNER_VAR)
		return node->righttree;
	if (varno == INDEX_VAR)
		return plan_is_lookahead(node) ? node->lefttree : NULL;
	if (varno != OUTER_VAR)
		return NULL;
	if (IsA(node, Append))
		return linitial(((const Append *) node)->appendplans);
	if (IsA(node, MergeAppend))
		return linitial(((const MergeAppend *) node)->mergeplans);
	return node->lefttree;
}

static void
add_constant(StringInfo buffer, const Const *constant)
{
	if (constant->constisnull)
		appendStringInfoString(buffer, "NULL");
	else if (constant->consttype == TEXTOID)
		appendStringInfoString(buffer, quote_literal_cstr(TextDatumGetCString(constant->constvalue)));
	else if (constant->consttype == INT4OID)
		appendStringInfo(buffer, "%d", DatumGetInt32(constant->constvalue));
	else
		appendStringInfoString(buffer, "...");
}

/* A call without the arguments at its end that are NULL, as by default. */
static void
add_list(StringInfo buffer, const LookaheadPlan *plan, const Plan *node,
		 const char *name, List *arguments)
{
	int			count = list_length(arguments);

	while (count > 0 && IsA(list_nth(arguments, count - 1), Const) &&
		   ((Const *) list_nth(arguments, count - 1))->constisnull)
		count--;
	appendStringInfo(buffer, "%s(", name != NULL ? name : "?");
	for (int i = 0; i < count; i++)
	{
		if (i > 0)
			appendStringInfoString(buffer, ", ");
		add(buffer, plan, node, list_nth(arguments, i));
	}
	appendStringInfoChar(buffer, ')');
}
