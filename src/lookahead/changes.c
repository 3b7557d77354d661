/*
 * changes.c
 *
 * The calls that INSERT, UPDATE, DELETE and MERGE make for each row besides those
 * in their source: in the actions of MERGE, in ON CONFLICT and in RETURNING.  They
 * take columns of the source, of the new row, which an INSERT makes of the columns
 * of its source, or of the changed table.  A call is certain only if its row is
 * certain to be changed in this way.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

static void find_in_actions(SiteSearch *search, const ModifyTable *node);
static bool find_in_action(SiteSearch *search, const MergeAction *action, bool certain);
static Node *test_of(List *quals, BoolTestType type);
static bool is_known_before(SiteSearch *search, Node *condition);
static bool has_other_columns(Node *node, SiteSearch *search);
static Node *skipping_test(const ModifyTable *node, const MergeAction *action);
static bool generates_columns(const LookaheadPlan *plan, const ModifyTable *node);
static void find_in_conflict(SiteSearch *search, const ModifyTable *node);
static void find_in_returning(SiteSearch *search, const ModifyTable *node);

/*
 * Finds the calls that a node makes for each row of its input.
 */
void
changes_find(SiteSearch *search, const ModifyTable *node)
{
	bool		alters = changes_alter_rows(search->plan, node);

	search->joined = REASON_CHANGE;
	if (!alters)
		search->change = node;
	find_in_actions(search, node);

	/* A generated column comes later. */
	if (!alters && !generates_columns(search->plan, node))
	{
		find_in_conflict(search, node);
		find_in_returning(search, node);
	}
	search->change = NULL;
}

/*
 * MERGE takes the first action of the row's kind whose condition is true, and each row
 * has one kind.  So a call of an action is certain for the rows for which no earlier
 * condition is true, if that can be computed ahead.
 */
static void
find_in_actions(SiteSearch *search, const ModifyTable *node)
{
	ListCell   *lc;

	search->varno = INNER_VAR;
	foreach(lc, node->mergeActionLists)
	{
		List	   *earlier[MERGE_KINDS] = {NIL};
		bool		certain[MERGE_KINDS];
		ListCell   *cell;

		memset(certain, true, sizeof(certain));
		foreach(cell, (List *) lfirst(lc))
		{
			const MergeAction *action = lfirst_node(MergeAction, cell);
			int			kind = MERGE_KIND(action);

			search->skipped = skipping_test(node, action);
			certain[kind] &= search->skipped != NULL;
			search->conditions = earlier[kind];
			certain[kind] &= find_in_action(search, action, certain[kind]);
			if (certain[kind] && action->qual != NULL)
				earlier[kind] = lappend(earlier[kind],
										test_of((List *) action->qual, IS_NOT_TRUE));
			search->conditions = NIL;
		}
	}
	search->skipped = NULL;
}

/* Finds the calls of an action.  Can its condition be computed ahead? */
static bool
find_in_action(SiteSearch *search, const MergeAction *action, bool certain)
{
	List	   *quals = (List *) action->qual;
	bool		known = quals == NIL || is_known_before(search, (Node *) quals);

	search->uncertain = !certain;
	if (quals != NIL)
		sites_find(search, linitial(quals));
	if (known && quals != NIL)
		search->conditions = lappend(list_copy(search->conditions), test_of(quals, IS_TRUE));
	search->uncertain |= !known;
	sites_find(search, (Node *) action->targetList);
	search->uncertain = false;
	return known;
}

/* Are the conditions of an action all true, or not? */
static Node *
test_of(List *quals, BoolTestType type)
{
	BooleanTest *test = makeNode(BooleanTest);

	test->arg = (Expr *) make_ands_explicit(quals);
	test->booltesttype = type;
	test->location = -1;
	return (Node *) test;
}

/* Can a condition be computed from a row of the source, without lookups? */
static bool
is_known_before(SiteSearch *search, Node *condition)
{
	return !contain_subplans(condition) && expression_level(condition) == 0 &&
		!(early_expression(search->plan, condition) & (EARLY_ERRORS | EARLY_EFFECTS)) &&
		!has_other_columns(condition, search);
}

static bool
has_other_columns(Node *node, SiteSearch *search)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var  *var = (const Var *) node;

		return var->varattno <= 0 ||
			(var->varno != search->varno &&
			 (search->change == NULL ||
			  table_column_number(search->plan, search->change, var, false) == 0));
	}
	return expression_tree_walker(node, has_other_columns, search);
}

/*
 * The condition under which a row is of another kind than an action: whether it
 * has a place in the table.  NULL if the plan does not tell.
 */
static Node *
skipping_test(const ModifyTable *node, const MergeAction *action)
{
	NullTest   *test;
	ListCell   *lc;

	if (MERGE_HAS_OTHER_KINDS(node))
		return NULL;
	foreach(lc, node->plan.lefttree->targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk || entry->resname == NULL ||
			strcmp(entry->resname, "ctid") != 0)
			continue;
		test = makeNode(NullTest);
		test->arg = (Expr *) makeVarFromTargetEntry(INDEX_VAR, (TargetEntry *) entry);
		test->nulltesttype = MERGE_KIND(action) == MERGE_MATCHED ? IS_NULL : IS_NOT_NULL;
		test->location = -1;
		return (Node *) test;
	}
	return NULL;
}

/* Does an INSERT compute columns from others? */
static bool
generates_columns(const LookaheadPlan *plan, const ModifyTable *node)
{
	Oid			table = rt_fetch(linitial_int(node->resultRelations),
								 plan->stmt->rtable)->relid;
	ListCell   *lc;

	if (node->operation != CMD_INSERT)
		return false;
	foreach(lc, node->plan.lefttree->targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk && get_attgenerated(table, entry->resno) != '\0')
			return true;
	}
	return false;
}

/* The excluded row has the columns of the source. */
static void
find_in_conflict(SiteSearch *search, const ModifyTable *node)
{
	if (node->onConflictAction != ONCONFLICT_UPDATE)
		return;
	search->varno = INNER_VAR;
	search->uncertain = true;
	if (node->onConflictWhere != NULL)
		sites_find(search, linitial((List *) node->onConflictWhere));
	sites_find(search, (Node *) node->onConflictSet);
	search->uncertain = false;
}

/*
 * RETURNING of an INSERT takes columns of the new row; the others those of the
 * source and of the table, for rows that were changed.
 */
static void
find_in_returning(SiteSearch *search, const ModifyTable *node)
{
	if (node->returningLists == NIL)
		return;
	search->uncertain = node->operation != CMD_INSERT ||
		node->onConflictAction != ONCONFLICT_NONE;
	search->varno = node->operation == CMD_INSERT ?
		linitial_int(node->resultRelations) : OUTER_VAR;
	search->changed = true;
	sites_find(search, linitial(node->returningLists));
	search->uncertain = false;
}
