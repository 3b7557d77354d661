/*
 * foreign.c
 *
 * Foreign tables, and nodes of other extensions, whose rows can be read ahead.  What a
 * foreign data wrapper does is known only for those of the server itself: they read rows
 * from a file or from another server, in a fixed order and from a fixed state, and their
 * errors leave nothing behind that the end of the transaction does not clean up.  Until
 * then the connection to another server is of no use.  So rows are read ahead only if all
 * are wanted, so that the error comes in any case, and if nothing else in the statement
 * can use the connection.  A node of another extension tells whether it can run in a
 * parallel worker.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/extensible.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

static bool is_known(Oid server);
static bool handler_is_known(Oid handler);
static bool changes_rows(const LookaheadPlan *plan, const ForeignScan *scan);

/*
 * The obstacles to reading rows of a foreign scan ahead.
 */
bits8
foreign_early(const LookaheadPlan *plan, const ForeignScan *scan)
{
	if (changes_rows(plan, scan))
		return EARLY_ERRORS | EARLY_EFFECTS;
	/* In a parallel plan, errors are not held back: they can be a worker's. */
	if (plan->has_effects || plan->reads_session ||
		plan->stmt->parallelModeNeeded || !is_known(scan->fs_server))
		return EARLY_ERRORS;
	return EARLY_GUARD | EARLY_FOREIGN;
}

/*
 * The obstacles to reading rows of another extension's node ahead.  If the extension
 * states that its node can run in a parallel worker, it has no effect, and sees none that
 * the statement does not have.  Its errors of data are those of the expressions that it
 * evaluates; others are not held back.
 */
bits8
custom_early(const LookaheadPlan *plan, const CustomScan *scan)
{
	if (!scan->scan.plan.parallel_safe || plan->has_effects ||
		plan->stmt->parallelModeNeeded)
		return EARLY_ERRORS | EARLY_EFFECTS;
	return EARLY_GUARD;
}

/*
 * Does another extension's node leave it to the server to compute its columns and its
 * condition?  Then a node above it can do so.  It must be a plain scan of a table: others
 * can know their columns by number.
 */
bool
custom_computes_plainly(const CustomScan *scan)
{
	return scan->scan.scanrelid > 0 && scan->custom_scan_tlist == NIL &&
		scan->custom_exprs == NIL && scan->custom_plans == NIL &&
		(scan->flags & CUSTOMPATH_SUPPORT_PROJECTION) != 0;
}

/*
 * The number of foreign scans in a tree, and in common table expressions that only it
 * reads, but without other subplans.
 */
int
foreign_scans_below(const LookaheadPlan *plan, const Plan *node)
{
	List	   *parts = NIL;
	int			count;
	ListCell   *lc;

	if (node == NULL)
		return 0;
	check_stack_depth();
	count = IsA(node, ForeignScan) + foreign_scans_below(plan, node->lefttree) +
		foreign_scans_below(plan, node->righttree);
	if (IsA(node, SubqueryScan))
		count += foreign_scans_below(plan, ((const SubqueryScan *) node)->subplan);
	else if (IsA(node, CteScan))
	{
		int			number = ((const CteScan *) node)->ctePlanId;

		if (!bms_is_member(number, plan->used_again))
			parts = list_make1(list_nth(plan->stmt->subplans, number - 1));
	}
	else if (IsA(node, Append))
		parts = ((const Append *) node)->appendplans;
	else if (IsA(node, MergeAppend))
		parts = ((const MergeAppend *) node)->mergeplans;
	foreach(lc, parts)
		count += foreign_scans_below(plan, lfirst(lc));
	return count;
}

/*
 * Does a foreign table, or a node of another extension, compute rows that a join or a
 * scan takes?
 */
bool
foreign_computes(const Plan *node)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	return IsA(node, ForeignScan) || (IsA(node, CustomScan) && !plan_is_lookahead(node)) ||
		foreign_computes(node->lefttree) || foreign_computes(node->righttree);
}

/* Does a wrapper of the server itself read the tables of this foreign server? */
static bool
is_known(Oid server)
{
	const ForeignServer *foreign = GetForeignServerExtended(server, FSV_MISSING_OK);
	const ForeignDataWrapper *wrapper;

	if (foreign == NULL)
		return false;
	wrapper = GetForeignDataWrapperExtended(foreign->fdwid, FDW_MISSING_OK);
	return wrapper != NULL && handler_is_known(wrapper->fdwhandler);
}

static bool
handler_is_known(Oid handler)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(handler));
	bool		known = false;

	if (!HeapTupleIsValid(tuple))
		return false;
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		bool		is_null;
		Datum		symbol = SysCacheGetAttr(PROCOID, tuple,
											 Anum_pg_proc_prosrc, &is_null);
		const char *name = is_null ? "" : TextDatumGetCString(symbol);

		known = strcmp(name, "postgres_fdw_handler") == 0 ||
			strcmp(name, "file_fdw_handler") == 0;
	}
	ReleaseSysCache(tuple);
	return known;
}

/* Does the scan change rows at the foreign server, or lock them there? */
static bool
changes_rows(const LookaheadPlan *plan, const ForeignScan *scan)
{
	ListCell   *lc;

	if (scan->operation != CMD_SELECT || changes_relations(plan->stmt, scan->fs_relids))
		return true;
	foreach(lc, plan->stmt->rowMarks)
	{
		const PlanRowMark *mark = lfirst_node(PlanRowMark, lc);

		if (mark->strength != LCS_NONE && bms_is_member(mark->rti, scan->fs_relids))
			return true;
	}
	return false;
}
