/*
 * parts.c
 *
 * Looks ahead over all parts of an Append: the partitions of a table, or the
 * members of a UNION ALL.  If the parts make the same calls, with the same
 * expressions of their columns, they hand up the columns and a node above the
 * Append does the rest, so that the lookups of one part do not end before those
 * of the next begin.  Otherwise each part gets a node of its own.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

/* A part of an Append, and the expressions that move up from it. */
typedef struct Part
{
	Plan	   *plan;
	List	   *targetlist;		/* as the planner made it */
	List	   *qual;			/* the same */
	int			nquals;			/* of qual, from the end, that move up */
	PassedColumns *columns;		/* that the part hands up */
	List	   *targets;		/* target list that takes these columns */
	List	   *conditions;		/* quals that take them */
} Part;

/* The parts of an Append, and of the Appends among its parts. */
typedef struct Parts
{
	LookaheadPlan *plan;
	List	   *appends;		/* the outermost one first */
	List	   *targetlists;	/* of the appends, as the planner made them */
	List	   *parts;			/* of Part * */
} Parts;

static bool read_append(Parts *all, Append *append);
static bool read_part(Parts *all, Plan *node);
static bool parts_are_equal(const Part *a, const Part *b);
static List *expressions_of(const List *entries);
static void hand_up(const Parts *all);
static List *passed_entries(const PassedColumns *columns);
static void put_back(const Parts *all);

/*
 * Puts a node above an Append.  Returns the Append itself if its parts differ or
 * make no calls, or if their rows must not be read ahead.  The parts must not
 * have nodes yet.
 */
Plan *
lookahead_over_parts(LookaheadPlan *plan, Append *append,
					 const LookaheadDemand *demand)
{
	Parts		all = {.plan = plan};
	const Part *first;
	List	   *targets = NIL;
	Plan	   *top;
	ListCell   *lc;

	if (demand->marks || !read_append(&all, append) || list_length(all.parts) < 2)
		return &append->plan;
	first = linitial(all.parts);
	foreach(lc, append->plan.targetlist)
	{
		TargetEntry *entry = flatCopyTargetEntry(lfirst(lc));

		entry->expr = list_nth_node(TargetEntry, first->targets,
									foreach_current_index(lc))->expr;
		targets = lappend(targets, entry);
	}
	hand_up(&all);
	top = lookahead_place(plan, &append->plan, targets, first->conditions, demand);
	if (top == &append->plan)
		put_back(&all);
	return top;
}

/* Reads an Append and all its parts; false if they cannot share a node. */
static bool
read_append(Parts *all, Append *append)
{
	ListCell   *lc;

	check_stack_depth();
	all->appends = lappend(all->appends, append);
	all->targetlists = lappend(all->targetlists, append->plan.targetlist);
	foreach(lc, append->appendplans)
	{
		Plan	   *node = lfirst(lc);

		if (node->initPlan != NIL ||
			!(IsA(node, Append) ? read_append(all, (Append *) node) :
			  read_part(all, node)))
			return false;
	}
	return true;
}

/* Adds a part; false if it makes no calls, or others than the first one. */
static bool
read_part(Parts *all, Plan *node)
{
	Part	   *part = palloc0(sizeof(Part));
	List	   *moved;

	if (!lookahead_hands_over(node) || !lookahead_has_calls(all->plan, node, &moved))
		return false;
	part->plan = node;
	part->targetlist = node->targetlist;
	part->qual = node->qual;
	part->nquals = list_length(moved);
	part->columns = columns_collect((Node *) node->targetlist, (Node *) moved);
	part->targets = (List *) columns_use((Node *) node->targetlist, part->columns);
	part->conditions = (List *) columns_use((Node *) moved, part->columns);
	all->parts = lappend(all->parts, part);
	return part->columns->list != NIL &&
		parts_are_equal(part, linitial(all->parts));
}

static bool
parts_are_equal(const Part *a, const Part *b)
{
	ListCell   *one;
	ListCell   *other;

	if (list_length(a->columns->list) != list_length(b->columns->list))
		return false;
	forboth(one, a->columns->list, other, b->columns->list)
	{
		if (exprType(lfirst(one)) != exprType(lfirst(other)) ||
			exprTypmod(lfirst(one)) != exprTypmod(lfirst(other)) ||
			exprCollation(lfirst(one)) != exprCollation(lfirst(other)))
			return false;
	}
	return equal(a->conditions, b->conditions) &&
		equal(expressions_of(a->targets), expressions_of(b->targets));
}

/* Target list entries also have names, which can differ. */
static List *
expressions_of(const List *entries)
{
	List	   *expressions = NIL;
	ListCell   *lc;

	foreach(lc, entries)
		expressions = lappend(expressions, lfirst_node(TargetEntry, lc)->expr);
	return expressions;
}

/* Lets all parts and Appends return columns only. */
static void
hand_up(const Parts *all)
{
	const Part *first = linitial(all->parts);
	ListCell   *lc;

	foreach(lc, all->parts)
	{
		const Part *part = lfirst(lc);

		part->plan->targetlist = columns_entries(part->columns);
		part->plan->qual = list_copy_head(part->qual,
										  list_length(part->qual) - part->nquals);
		early_forget(all->plan, part->plan);
	}
	foreach(lc, all->appends)
	{
		Plan	   *append = lfirst(lc);

		append->targetlist = passed_entries(first->columns);
		early_forget(all->plan, append);
	}
}

/* The target list of an Append whose parts return these columns. */
static List *
passed_entries(const PassedColumns *columns)
{
	List	   *entries = NIL;
	ListCell   *lc;

	foreach(lc, columns->list)
	{
		Node	   *column = lfirst(lc);
		int			number = foreach_current_index(lc) + 1;
		Var		   *var = makeVar(OUTER_VAR, number, exprType(column),
								  exprTypmod(column), exprCollation(column), 0);

		entries = lappend(entries, makeTargetEntry((Expr *) var, number, NULL,
												   false));
	}
	return entries;
}

static void
put_back(const Parts *all)
{
	ListCell   *lc;

	foreach(lc, all->parts)
	{
		const Part *part = lfirst(lc);

		part->plan->targetlist = part->targetlist;
		part->plan->qual = part->qual;
		early_forget(all->plan, part->plan);
	}
	foreach(lc, all->appends)
	{
		Plan	   *append = lfirst(lc);

		append->targetlist = list_nth(all->targetlists, foreach_current_index(lc));
		early_forget(all->plan, append);
	}
}
