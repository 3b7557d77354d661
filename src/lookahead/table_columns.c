/*
 * table_columns.c
 *
 * Columns of the table that UPDATE, DELETE or MERGE changes, in the rows of its
 * source.  The source hands up only the new values and the place of a row, and the
 * node for changes then reads the row again.  A look-ahead node below needs the
 * column before.  So the scan of the table, and the nodes above it, hand up one
 * column more, which the node for changes ignores ("junk").
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"

/* A column of the table, and how to hand it up. */
typedef struct TableColumn
{
	LookaheadPlan *plan;
	const ModifyTable *change;
	const Var  *var;			/* of the first of the tables */
	bool		anew;			/* as a further column, even if there is one */
	bool		look;			/* only to find out whether it can be done */
} TableColumn;

static int	changed_column(const ModifyTable *node, const Var *var);
static int	hand_up(TableColumn *column, Plan *node);
static int	hand_up_from_scan(TableColumn *column, Scan *scan);
static int	hand_up_from_parts(TableColumn *column, Append *append);
static int	pass_on(TableColumn *column, Plan *node, Plan *child);
static int	pass_through(TableColumn *column, CustomScan *scan);
static int	project(TableColumn *column, Plan *node, int varno, int number);
static int	add_entry(const TableColumn *column, List **entries, Var *var);
static AttrNumber number_in_table(const TableColumn *column, Index table);

/*
 * The number of the column, in the rows of a change's source, whose value a column
 * of the changed table has; 0 if there is none.  changed: after the change, as
 * RETURNING shows it.  Adds the column to the source if necessary.
 */
int
table_column_number(LookaheadPlan *plan, const ModifyTable *node, const Var *var,
					bool changed)
{
	TableColumn column = {.plan = plan, .change = node, .var = var, .look = true};
	int			number;

	if (node->operation == CMD_INSERT || var->varattno <= 0 ||
		var->varno != linitial_int(node->resultRelations))
		return 0;
	if (changed && !IS_OLD_COLUMN(var))
	{
		/* MERGE has several actions, and a deleted row has no new columns. */
		if (node->operation == CMD_MERGE ||
			(node->operation == CMD_DELETE && IS_NEW_COLUMN(var)))
			return 0;
		number = changed_column(node, var);
		if (number != 0)
			return number;
		if (node->operation == CMD_UPDATE &&
			get_attgenerated(rt_fetch(var->varno, plan->stmt->rtable)->relid,
							 var->varattno) != '\0')
			return 0;
	}
	if (hand_up(&column, node->plan.lefttree) == 0)
		return 0;
	column.look = false;
	return hand_up(&column, node->plan.lefttree);
}

/* The number of the source's column with the new value; 0 if it stays. */
static int
changed_column(const ModifyTable *node, const Var *var)
{
	ListCell   *lc;

	if (node->operation != CMD_UPDATE)
		return 0;
	foreach(lc, linitial_node(List, node->updateColnosLists))
	{
		if (lfirst_int(lc) == var->varattno)
			return foreach_current_index(lc) + 1;
	}
	return 0;
}

/*
 * Makes a plan hand up the column; returns its number, or 0 if the plan cannot, or
 * any other number if this is only to find that out.
 */
static int
hand_up(TableColumn *column, Plan *node)
{
	int			number;

	if (node == NULL)
		return 0;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_SeqScan:
		case T_IndexScan:
		case T_BitmapHeapScan:
		case T_TidScan:
		case T_TidRangeScan:
			return hand_up_from_scan(column, (Scan *) node);
		case T_Append:
			return hand_up_from_parts(column, (Append *) node);
		case T_CustomScan:
			return plan_is_lookahead(node) ? pass_through(column, (CustomScan *) node) : 0;

			/* These return the rows of their child as they are. */
		case T_Hash:
		case T_Material:
		case T_Sort:
		case T_IncrementalSort:
		case T_LockRows:
			return pass_on(column, node, node->lefttree);

		case T_Result:
		case T_NestLoop:
		case T_HashJoin:
		case T_MergeJoin:
			number = hand_up(column, node->lefttree);
			if (number != 0)
				return project(column, node, OUTER_VAR, number);
			number = hand_up(column, node->righttree);
			return number != 0 ? project(column, node, INNER_VAR, number) : 0;
		default:
			return 0;
	}
}

static int
hand_up_from_scan(TableColumn *column, Scan *scan)
{
	Var		   *var;

	if (!list_member_int(column->change->resultRelations, scan->scanrelid))
		return 0;
	var = copyObject((Var *) column->var);
	var->varno = scan->scanrelid;
	var->varattno = number_in_table(column, scan->scanrelid);
	CLEAR_RETURNING(var);
	return var->varattno > 0 ? add_entry(column, &scan->plan.targetlist, var) : 0;
}

/* All parts must hand up the column at the same number. */
static int
hand_up_from_parts(TableColumn *column, Append *append)
{
	TableColumn part = *column;
	int			length = list_length(append->plan.targetlist);
	ListCell   *lc;

	part.anew = true;
	foreach(lc, append->appendplans)
	{
		Plan	   *child = lfirst(lc);

		if (list_length(child->targetlist) != length || hand_up(&part, child) == 0)
			return 0;
	}
	return project(&part, &append->plan, OUTER_VAR, length + 1);
}

/* For a node whose columns are those of its child. */
static int
pass_on(TableColumn *column, Plan *node, Plan *child)
{
	int			length = list_length(node->targetlist);
	int			number;

	if (list_length(child->targetlist) != length)
		return 0;
	number = hand_up(column, child);
	return number > length ? project(column, node, OUTER_VAR, number) : number;
}

/* The same for a look-ahead node, which reads all columns of its child. */
static int
pass_through(TableColumn *column, CustomScan *scan)
{
	Plan	   *node = &scan->scan.plan;
	int			number = hand_up(column, node->lefttree);
	Var		   *var;

	if (number > list_length(scan->custom_scan_tlist) && !column->look)
	{
		var = copyObject((Var *) column->var);
		var->varno = OUTER_VAR;
		var->varattno = number;
		CLEAR_RETURNING(var);
		(void) add_entry(column, &scan->custom_scan_tlist, var);
	}
	return number != 0 ? project(column, node, INDEX_VAR, number) : 0;
}

/* Adds a column of its child to a node. */
static int
project(TableColumn *column, Plan *node, int varno, int number)
{
	Var		   *var = copyObject((Var *) column->var);

	var->varno = varno;
	var->varattno = number;
	CLEAR_RETURNING(var);
	return add_entry(column, &node->targetlist, var);
}

/* The number of a column in a target list, which gets it if it has not. */
static int
add_entry(const TableColumn *column, List **entries, Var *var)
{
	int			number = list_length(*entries) + 1;
	ListCell   *lc;

	foreach(lc, *entries)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);
		const Var  *other = (const Var *) entry->expr;

		if (!column->anew && IsA(other, Var) && other->varno == var->varno &&
			other->varattno == var->varattno)
			return entry->resno;
	}
	if (!column->look)
		*entries = lappend(*entries, makeTargetEntry((Expr *) var, number, NULL, true));
	return number;
}

/* Partitions have the same columns, perhaps in another order. */
static AttrNumber
number_in_table(const TableColumn *column, Index table)
{
	List	   *rtable = column->plan->stmt->rtable;
	Oid			relid = rt_fetch(table, rtable)->relid;
	Oid			first = rt_fetch(column->var->varno, rtable)->relid;

	if (relid == first)
		return column->var->varattno;
	return get_attnum(relid, get_attname(first, column->var->varattno, false));
}
