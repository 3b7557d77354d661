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
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

static void find_in_actions(SiteSearch *search, const ModifyTable *node);
static void find_in_action(SiteSearch *search, const MergeAction *action, bool certain);
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
	search->joined = REASON_CHANGE;

	/* Triggers can change the row. */
	if (!search->plan->has_effects)
		search->change = node;
	find_in_actions(search, node);

	/* A generated column comes later. */
	if (!search->plan->has_effects && !generates_columns(search->plan, node))
	{
		find_in_conflict(search, node);
		find_in_returning(search, node);
	}
	search->change = NULL;
}

/*
 * MERGE takes the first action of the row's kind whose condition is true.  So the
 * first one is certain if it has none, and each row has one kind.
 */
static void
find_in_actions(SiteSearch *search, const ModifyTable *node)
{
	ListCell   *lc;

	search->varno = INNER_VAR;
	foreach(lc, node->mergeActionLists)
	{
		const MergeAction *first[MERGE_KINDS] = {NULL};
		ListCell   *cell;

		foreach(cell, (List *) lfirst(lc))
		{
			const MergeAction *action = lfirst_node(MergeAction, cell);
			int			kind = MERGE_KIND(action);

			search->skipped = skipping_test(node, action);
			find_in_action(search, action,
						   first[kind] == NULL && search->skipped != NULL);
			if (first[kind] == NULL)
				first[kind] = action;
		}
	}
	search->skipped = NULL;
}

static void
find_in_action(SiteSearch *search, const MergeAction *action, bool certain)
{
	List	   *quals = (List *) action->qual;

	search->uncertain = !certain;
	if (quals != NIL)
		sites_find(search, linitial(quals));
	search->uncertain |= quals != NIL;
	sites_find(search, (Node *) action->targetList);
	search->uncertain = false;
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
