/*
 * triggers.c
 *
 * Triggers of the tables that a statement changes.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "parser/parsetree.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

/*
 * Can a node that changes tables fire triggers?  A partition has triggers of its own, and
 * those of a foreign table are unknown: both count as yes.
 */
bool
changes_fire_triggers(const LookaheadPlan *plan, const ModifyTable *node)
{
	ListCell   *lc;

	foreach(lc, node->resultRelations)
	{
		RangeTblEntry *entry = rt_fetch(lfirst_int(lc), plan->stmt->rtable);
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(entry->relid));
		bool		fires = true;

		if (HeapTupleIsValid(tuple))
		{
			Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

			fires = class->relkind != RELKIND_RELATION || class->relhastriggers;
			ReleaseSysCache(tuple);
		}
		if (fires)
			return true;
	}
	return false;
}

/*
 * Can its triggers run a user's function?  Those of foreign keys do not.
 */
bool
changes_run_functions(const LookaheadPlan *plan, const ModifyTable *node)
{
	ListCell   *lc;

	foreach(lc, node->resultRelations)
	{
		/* The planner has locked it. */
		Relation	relation = table_open(rt_fetch(lfirst_int(lc), plan->stmt->rtable)->relid,
										  NoLock);
		const TriggerDesc *triggers = relation->trigdesc;
		bool		found = false;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
			found |= triggers->triggers[i].tgfoid >= FirstUnpinnedObjectId;
		table_close(relation, NoLock);
		if (found)
			return true;
	}
	return false;
}

/*
 * Can something change a row before a node writes it: a trigger, or a foreign table?  The
 * triggers of foreign keys and others that run afterwards do not.
 */
bool
changes_alter_rows(const LookaheadPlan *plan, const ModifyTable *node)
{
	ListCell   *lc;

	foreach(lc, node->resultRelations)
	{
		/* The planner has locked it. */
		Relation	relation = table_open(rt_fetch(lfirst_int(lc), plan->stmt->rtable)->relid,
										  NoLock);
		const TriggerDesc *triggers = relation->trigdesc;
		bool		alters = relation->rd_rel->relkind != RELKIND_RELATION ||
			(triggers != NULL &&
			 (triggers->trig_insert_before_row || triggers->trig_update_before_row ||
			  triggers->trig_delete_before_row));

		table_close(relation, NoLock);
		if (alters)
			return true;
	}
	return false;
}
