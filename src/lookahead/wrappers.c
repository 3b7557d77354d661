/*
 * wrappers.c
 *
 * Functions in SQL that hold a lookup, and that the planner does not inline
 * because they are declared STABLE or STRICT.  If the body is one expression, the
 * lookups in it are found with the arguments of the call in place of the
 * parameters.  The body itself runs as ever.  The planner has read it, too, so
 * that reading it here raises nothing new.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/functions.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* Wrappers in wrappers that are read.  Chosen: one of each schema, and one more. */
#define MOST_LEVELS		3

/* A call whose arguments replace the parameters of a body. */
typedef struct Replacement
{
	const FuncExpr *call;
	Node	   *skipped;		/* the condition under which it is not made, or NULL */
} Replacement;

/* A walk through the expressions of a statement. */
typedef struct WrapperSearch
{
	LookaheadPlan *plan;
	int			levels;			/* of bodies that enclose the expression */
	bool		found;			/* a lookup in a body */
} WrapperSearch;

static bool note_wrappers(Node *node, WrapperSearch *search);
static Node *read_body(const FuncExpr *call);
static bool is_readable(Form_pg_proc function, HeapTuple tuple, const FuncExpr *call);
static Query *stored_query(Datum body);
static Query *parsed_query(HeapTuple tuple, const FuncExpr *call);
static bool is_one_expression(const Query *query);
static Node *skipping_condition(const FuncExpr *call);
static Node *replace(Node *node, Replacement *replacement);
static Node *replace_call(FuncExpr *node, Replacement *replacement);

/*
 * Notes the wrappers that expressions of a plan call, and whether they have a
 * lookup at all.
 */
void
wrappers_survey(LookaheadPlan *plan, Node *expression)
{
	WrapperSearch search = {.plan = plan};

	note_wrappers(expression, &search);
	plan->has_lookups |= search.found;
}

/*
 * The expression that a call of a wrapper computes; NULL if it calls none.
 */
Node *
wrapper_expression(const LookaheadPlan *plan, const FuncExpr *call)
{
	return list_member_oid(plan->wrappers, call->funcid) ? read_body(call) : NULL;
}

/*
 * An expression that is NULL if a condition is true.  The first argument of a
 * lookup becomes one where the call is not made: without it, nothing is asked.
 */
Node *
wrapper_null_if(Node *condition, Node *expression)
{
	CaseWhen   *when = makeNode(CaseWhen);
	CaseExpr   *node = makeNode(CaseExpr);

	when->expr = copyObject((Expr *) condition);
	when->result = (Expr *) makeNullConst(exprType(expression), exprTypmod(expression),
										  exprCollation(expression));
	when->location = -1;
	node->casetype = exprType(expression);
	node->casecollid = exprCollation(expression);
	node->args = list_make1(when);
	node->defresult = (Expr *) expression;
	node->location = -1;
	return (Node *) node;
}

static bool
note_wrappers(Node *node, WrapperSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr))
	{
		FuncExpr   *call = (FuncExpr *) node;
		WrapperSearch inner = {.plan = search->plan, .levels = search->levels + 1};

		search->plan->asks |= lookup_functions_asks(call->funcid);
		if (lookup_functions_find(call->funcid) != NULL)
			search->found = true;
		else if (call->funcid >= FirstUnpinnedObjectId && search->levels < MOST_LEVELS)
			note_wrappers(read_body(call), &inner);
		if (inner.found)
		{
			search->plan->wrappers = list_append_unique_oid(search->plan->wrappers,
															call->funcid);
			lookup_functions_note_wrapper(call->funcid);
			search->found = true;
		}
	}
	return expression_tree_walker(node, note_wrappers, search);
}

/* The body of a function with the arguments of a call; NULL if it cannot be read. */
static Node *
read_body(const FuncExpr *call)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(call->funcid));
	Query	   *query = NULL;
	Replacement replacement = {.call = call};
	Node	   *body = NULL;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	if (is_readable((Form_pg_proc) GETSTRUCT(tuple), tuple, call))
	{
		bool		is_null;
		Datum		stored = SysCacheGetAttr(PROCOID, tuple,
											 Anum_pg_proc_prosqlbody, &is_null);

		query = is_null ? parsed_query(tuple, call) : stored_query(stored);
	}
	if (query != NULL && is_one_expression(query))
	{
		if (((Form_pg_proc) GETSTRUCT(tuple))->proisstrict)
			replacement.skipped = skipping_condition(call);
		body = replace((Node *) linitial_node(TargetEntry, query->targetList)->expr,
					   &replacement);
		fix_opfuncids(body);
	}
	ReleaseSysCache(tuple);
	return body;
}

/* The planner reads the bodies of these functions, and inlines them if it can. */
static bool
is_readable(Form_pg_proc function, HeapTuple tuple, const FuncExpr *call)
{
	return function->prolang == SQLlanguageId &&
		function->prokind == PROKIND_FUNCTION &&
		!function->prosecdef && !function->proretset &&
		function->prorettype != RECORDOID && function->prorettype != VOIDOID &&
		heap_attisnull(tuple, Anum_pg_proc_proconfig, NULL) &&
		function->pronargs == list_length(call->args) && !call->funcvariadic &&
		may_execute(call->funcid);
}

/* The query of a body that is stored as such. */
static Query *
stored_query(Datum body)
{
	Node	   *node = stringToNode(TextDatumGetCString(body));

	if (IsA(node, List))
	{
		List	   *queries = linitial_node(List, (List *) node);

		return list_length(queries) == 1 ? linitial(queries) : NULL;
	}
	return (Query *) node;
}

/* The query of a body that is stored as text, if it is a plain SELECT. */
static Query *
parsed_query(HeapTuple tuple, const FuncExpr *call)
{
	bool		is_null;
	Datum		source = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc,
										 &is_null);
	List	   *statements = is_null ? NIL : pg_parse_query(TextDatumGetCString(source));
	const SelectStmt *select;
	ParseState *parse;
	Query	   *query;

	if (list_length(statements) != 1)
		return NULL;
	select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
	if (!IsA(select, SelectStmt) || select->op != SETOP_NONE ||
		select->fromClause != NIL || select->valuesLists != NIL ||
		select->withClause != NULL || list_length(select->targetList) != 1)
		return NULL;

	parse = make_parsestate(NULL);
	parse->p_sourcetext = TextDatumGetCString(source);
	sql_fn_parser_setup(parse, prepare_sql_fn_parse_info(tuple, (Node *) call,
														 call->inputcollid));
	query = transformTopLevelStmt(parse, linitial(statements));
	free_parsestate(parse);
	return query;
}

static bool
is_one_expression(const Query *query)
{
	return IsA(query, Query) && query->commandType == CMD_SELECT &&
		!query->hasAggs && !query->hasWindowFuncs && !query->hasTargetSRFs &&
		!query->hasSubLinks && query->cteList == NIL && query->rtable == NIL &&
		query->jointree->fromlist == NIL && query->jointree->quals == NULL &&
		query->groupClause == NIL && query->groupingSets == NIL &&
		query->havingQual == NULL && query->windowClause == NIL &&
		query->limitOffset == NULL && query->limitCount == NULL &&
		query->setOperations == NULL && list_length(query->targetList) == 1;
}

/* The condition under which a STRICT function is not called; NULL if none. */
static Node *
skipping_condition(const FuncExpr *call)
{
	List	   *tests = NIL;
	ListCell   *lc;

	foreach(lc, call->args)
	{
		NullTest   *test;

		if (IsA(lfirst(lc), Const) && !lfirst_node(Const, lc)->constisnull)
			continue;
		test = makeNode(NullTest);
		test->arg = lfirst(lc);
		test->nulltesttype = IS_NULL;
		test->location = -1;
		tests = lappend(tests, test);
	}
	if (tests == NIL)
		return NULL;
	if (list_length(tests) == 1)
		return linitial(tests);
	return (Node *) makeBoolExpr(OR_EXPR, tests, -1);
}

/* A copy of a body with all arguments of its calls, and without parameters. */
static Node *
replace(Node *node, Replacement *replacement)
{
	if (node == NULL)
		return NULL;
	check_stack_depth();
	if (IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN)
	{
		int			number = ((Param *) node)->paramid;

		if (number > 0 && number <= list_length(replacement->call->args))
			return copyObject(list_nth(replacement->call->args, number - 1));
	}
	if (IsA(node, FuncExpr))
		return replace_call((FuncExpr *) node, replacement);
	return expression_tree_mutator(node, replace, replacement);
}

/*
 * The same for a function.  Without its first argument, a lookup asks nothing: a
 * STRICT wrapper makes no call for a NULL.
 */
static Node *
replace_call(FuncExpr *node, Replacement *replacement)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(node->funcid));
	FuncExpr   *call = copyObject(node);
	const NullTest *test = (NullTest *) replacement->skipped;
	ListCell   *first;

	if (HeapTupleIsValid(tuple))
	{
		call->args = expand_function_arguments(call->args, false,
											   call->funcresulttype, tuple);
		ReleaseSysCache(tuple);
	}
	call->args = (List *) replace((Node *) call->args, replacement);
	first = list_head(call->args);
	if (test != NULL && first != NULL && lookup_functions_find(call->funcid) != NULL &&
		!(IsA(test, NullTest) && equal(test->arg, lfirst(first))))
		lfirst(first) = wrapper_null_if(replacement->skipped, lfirst(first));
	return (Node *) call;
}
