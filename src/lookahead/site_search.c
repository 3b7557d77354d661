/*
 * site_search.c
 *
 * Where a search for calls begins: the columns and parameters that calls can depend on,
 * and whether an expression has any calls.
 */
#include "postgres.h"

#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

static bool is_call(Node *node, LookaheadPlan *plan);

/*
 * Prepares a search for a look-ahead node next to the given node.  The calls
 * can depend on columns that have this varno in the given node.
 */
void
site_search_open(SiteSearch *search, LookaheadPlan *plan, const Plan *node, int varno)
{
	ListCell   *lc;

	memset(search, 0, sizeof(SiteSearch));
	search->plan = plan;
	search->varno = varno;
	search->joined = REASON_JOINED;
	search->params = bms_copy(node->extParam);
	foreach(lc, node->initPlan)
	{
		ListCell   *number;

		foreach(number, lfirst_node(SubPlan, lc)->setParam)
			search->params = bms_add_member(search->params, lfirst_int(number));
	}
}

/*
 * Can a search find anything in an expression?
 */
bool
site_search_possible(LookaheadPlan *plan, Node *expression)
{
	return is_call(expression, plan);
}

static bool
is_call(Node *node, LookaheadPlan *plan)
{
	if (node == NULL)
		return false;
	if (IsA(node, SubPlan) && ((SubPlan *) node)->parParam != NIL)
		return true;			/* its plan can hold one */
	if (IsA(node, FuncExpr) &&
		(lookup_functions_find(((FuncExpr *) node)->funcid) != NULL ||
		 list_member_oid(plan->wrappers, ((FuncExpr *) node)->funcid)))
		return true;
	return expression_tree_walker(node, is_call, plan);
}
