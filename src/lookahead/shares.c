/*
 * shares.c
 *
 * How the look-ahead nodes of a statement share its memory: in equal parts among
 * those that can hold rows at the same time.  The parts of an Append run one
 * after the other, and each has returned all of its rows before the next begins.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "lookahead/lookahead.h"

static int	count_nodes(const Plan *node);
static int	count_list(const List *nodes, bool one_by_one);
static void tell(Plan *node, int shares);
static void tell_list(List *nodes, int shares);

/*
 * Tells all look-ahead nodes of a statement how many of them share its memory.
 */
void
lookahead_share_memory(PlannedStmt *stmt)
{
	int			shares = count_nodes(stmt->planTree) +
		count_list(stmt->subplans, false);

	tell(stmt->planTree, shares);
	tell_list(stmt->subplans, shares);
}

/* The most look-ahead nodes of a subtree that hold rows at a time. */
static int
count_nodes(const Plan *node)
{
	int			count;

	if (node == NULL)
		return 0;
	check_stack_depth();
	count = plan_is_lookahead(node) + count_nodes(node->lefttree) +
		count_nodes(node->righttree);
	if (IsA(node, Append))
		count += count_list(((const Append *) node)->appendplans, true);
	else if (IsA(node, MergeAppend))
		count += count_list(((const MergeAppend *) node)->mergeplans, false);
	else if (IsA(node, SubqueryScan))
		count += count_nodes(((const SubqueryScan *) node)->subplan);
	return count;
}

static int
count_list(const List *nodes, bool one_by_one)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, nodes)
	{
		int			part = count_nodes(lfirst(lc));

		count = one_by_one ? Max(count, part) : count + part;
	}
	return count;
}

static void
tell(Plan *node, int shares)
{
	if (node == NULL)
		return;
	check_stack_depth();
	if (plan_is_lookahead(node))
		intVal(list_nth(((CustomScan *) node)->custom_private,
						LOOKAHEAD_SHARES)) = shares;
	tell(node->lefttree, shares);
	tell(node->righttree, shares);
	if (IsA(node, Append))
		tell_list(((Append *) node)->appendplans, shares);
	else if (IsA(node, MergeAppend))
		tell_list(((MergeAppend *) node)->mergeplans, shares);
	else if (IsA(node, SubqueryScan))
		tell(((SubqueryScan *) node)->subplan, shares);
}

static void
tell_list(List *nodes, int shares)
{
	ListCell   *lc;

	foreach(lc, nodes)
		tell(lfirst(lc), shares);
}
