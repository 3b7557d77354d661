/*
 * compat.h
 *
 * The only file that asks which PostgreSQL or which c-ares this is.  Each
 * entry has the change and its version, and goes when that version goes.
 */
#ifndef PGCARES_COMPAT_H
#define PGCARES_COMPAT_H

#include "postgres.h"

#include <ares.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "catalog/pg_proc.h"
#include "common/base64.h"
#include "executor/instrument.h"
#include "lib/dshash.h"
#include "miscadmin.h"
#include "nodes/plannodes.h"
#include "nodes/primnodes.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "storage/waiteventset.h"
#else
#include "commands/explain.h"
#endif
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/proc.h"

#if PG_VERSION_NUM < 150000
#error "pgcares needs PostgreSQL 15 or newer"
#endif

/* PostgreSQL 19 uses uint8 instead. */
#if PG_VERSION_NUM >= 190000
typedef uint8 bits8;
#endif

/* An encoding that PostgreSQL 19 removed: no database has it. */
#if PG_VERSION_NUM >= 190000
#define PG_MULE_INTERNAL	(-1)
#endif

/* The statement at the end of a case that goes on with the next; added in PostgreSQL 19. */
#ifndef pg_fallthrough
#define pg_fallthrough	__attribute__((fallthrough))
#endif

/* Eleven security fixes: checked here, by the Makefile and when loading. */
#define OLDEST_ARES_VERSION			0x012209
#define OLDEST_CARES_TEXT	"1.34.9"

#if ARES_VERSION < OLDEST_ARES_VERSION
#error "pgcares needs c-ares 1.34.9 or newer"
#endif

/* The library found at run time can be older than the headers. */
static inline bool
library_is_too_old(void)
{
	int			version;

	(void) ares_version(&version);
	return version < OLDEST_ARES_VERSION;
}

/*
 * Returns freed memory to the system; other C libraries do so by themselves.
 */
static inline void
give_memory_back(void)
{
#ifdef __GLIBC__
	(void) malloc_trim(0);
#endif
}

/*
 * A wait event set without a resource owner: it lives until it is freed.
 * PostgreSQL 17 gave sets to resource owners instead of memory contexts.
 */
static inline WaitEventSet *
create_wait_event_set(int nevents)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, nevents);
#else
	return CreateWaitEventSet(TopMemoryContext, nevents);
#endif
}

/*
 * The wait event shown while a lookup waits.  Since PostgreSQL 17 an extension
 * can name its own; the name is registered at the first wait.
 */
static inline uint32
answer_wait_event(void)
{
#if PG_VERSION_NUM >= 170000
	static uint32 event = 0;

	if (event == 0)
		event = WaitEventExtensionNew("PgcaresAnswer");
	return event;
#else
	return PG_WAIT_EXTENSION;
#endif
}

/*
 * Writes len octets as Base64 into size bytes; returns the length.  PostgreSQL
 * 18 made the octets unsigned.
 */
static inline int
base64_encode(const uint8 *octets, int len, char *out, int size)
{
#if PG_VERSION_NUM >= 180000
	return pg_b64_encode(octets, len, out, size);
#else
	return pg_b64_encode((const char *) octets, len, out, size);
#endif
}

/*
 * A jsonb value that is being built; all zero at first.  PostgreSQL 19 made a struct of
 * its own for that.  JSONB_LEVEL is the innermost array or object.
 */
#if PG_VERSION_NUM >= 190000
typedef JsonbInState JsonbState;
#define JSONB_LEVEL(state)	((state)->parseState)
#else
typedef JsonbParseState *JsonbState;
#define JSONB_LEVEL(state)	(*(state))
#endif

/*
 * Adds a token to a jsonb value.  Returns the value when the token ends the outermost array
 * or object.
 */
static inline JsonbValue *
jsonb_push(JsonbState *state, JsonbIteratorToken token, JsonbValue *value)
{
#if PG_VERSION_NUM >= 190000
	pushJsonbValue(state, token, value);
	return state->result;
#else
	return pushJsonbValue(state, token, value);
#endif
}

/*
 * The server's entry for a parameter, or NULL.  PostgreSQL 16 made the search
 * public and changed the list of all parameters.
 */
static inline const struct config_generic *
find_parameter(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, DEBUG5);
#else
	struct config_generic **all = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
#endif
}

/*
 * The number of this process among the server's, from 0; a backend's is less than
 * MaxBackends.  PostgreSQL 17 gave it a variable.
 */
static inline int
own_process_number(void)
{
#if PG_VERSION_NUM >= 170000
	return MyProcNumber;
#else
	return MyProc->pgprocno;
#endif
}

/*
 * A number for locks that belong together.  PostgreSQL 19 keeps the name for all processes;
 * before, each process gives the number its name.
 */
static inline int
new_tranche(const char *name)
{
#if PG_VERSION_NUM >= 190000
	return LWLockNewTrancheId(name);
#else
	return LWLockNewTrancheId();
#endif
}

static inline void
name_tranche(int tranche, const char *name)
{
#if PG_VERSION_NUM < 190000
	LWLockRegisterTranche(tranche, name);
#endif
}

/*
 * Sets up a shared hash table whose keys are octets.  PostgreSQL 17 added a function that
 * copies a key.
 */
static inline void
set_octets_as_key(dshash_parameters *parameters)
{
	parameters->compare_function = dshash_memcmp;
	parameters->hash_function = dshash_memhash;
#if PG_VERSION_NUM >= 170000
	parameters->copy_function = dshash_memcpy;
#endif
}

/*
 * Copies the cost and the parallel safety of a plan node to one that adds
 * almost no work.  PostgreSQL 18 began to count disabled nodes.
 */
static inline void
copy_plan_cost(Plan *plan, const Plan *from)
{
#if PG_VERSION_NUM >= 180000
	plan->disabled_nodes = from->disabled_nodes;
#endif
	plan->startup_cost = from->startup_cost;
	plan->total_cost = from->total_cost;
	plan->plan_rows = from->plan_rows;
	plan->plan_width = from->plan_width;
	plan->parallel_safe = from->parallel_safe;
}

/*
 * The last parameter of ExecutorRun(), which PostgreSQL 18 removed.
 */
#if PG_VERSION_NUM >= 180000
#define RUN_ONCE_PARAMETER
#define RUN_ONCE_ARGUMENT
#else
#define RUN_ONCE_PARAMETER	, bool run_once
#define RUN_ONCE_ARGUMENT	, run_once
#endif

/*
 * The last parameter of the planner, which PostgreSQL 19 added.
 */
#if PG_VERSION_NUM >= 190000
#define PLANNER_PARAMETER	, ExplainState *explain
#define PLANNER_ARGUMENT	, explain
#else
#define PLANNER_PARAMETER
#define PLANNER_ARGUMENT
#endif

/*
 * When EXPLAIN's clock of a node was started; zero if it does not run.  PostgreSQL 19 moved
 * it into a struct of its own.
 */
#if PG_VERSION_NUM >= 190000
#define CLOCK_STARTED(instrument)	((instrument)->instr.starttime)
#else
#define CLOCK_STARTED(instrument)	((instrument)->starttime)
#endif

/*
 * Can an Append or MergeAppend leave out parts at run time?  PostgreSQL 18
 * moved the pruning information from the node to the statement.
 */
#if PG_VERSION_NUM >= 180000
#define PRUNES_PARTS(node)	((node)->part_prune_index >= 0)
#else
#define PRUNES_PARTS(node)	((node)->part_prune_info != NULL)
#endif

/*
 * How INTERSECT and EXCEPT compare rows.  PostgreSQL 18 uses the operators of a sort there.
 */
#if PG_VERSION_NUM >= 180000
#define SETOP_COLUMNS		cmpColIdx
#define SETOP_OPERATORS		cmpOperators
#define SETOP_COLLATIONS	cmpCollations
#else
#define SETOP_COLUMNS		dupColIdx
#define SETOP_OPERATORS		dupOperators
#define SETOP_COLLATIONS	dupCollations
#endif

/*
 * Is it an SQL/JSON expression that evaluates all of its parts?  PostgreSQL 16 has
 * added these.
 */
static inline bool
is_json_of_parts(const Node *node)
{
#if PG_VERSION_NUM >= 160000
	return IsA(node, JsonConstructorExpr) || IsA(node, JsonValueExpr) ||
		IsA(node, JsonIsPredicate);
#else
	return false;
#endif
}

/*
 * The values of which an SQL/JSON constructor makes a document; NIL if it is none.
 */
static inline List *
json_values(const Node *node)
{
#if PG_VERSION_NUM >= 160000
	return IsA(node, JsonConstructorExpr) ? ((const JsonConstructorExpr *) node)->args : NIL;
#else
	return NIL;
#endif
}

/*
 * Is it an SQL/JSON function that takes something out of a document, or says what it
 * does if there is nothing?  PostgreSQL 17 has added these.
 */
static inline bool
is_json_query(const Node *node)
{
#if PG_VERSION_NUM >= 170000
	return IsA(node, JsonExpr) || IsA(node, JsonBehavior);
#else
	return false;
#endif
}

/*
 * The types of the columns of JSON_TABLE, which PostgreSQL 17 has added; NIL for others.
 */
static inline List *
json_table_types(const Node *node)
{
#if PG_VERSION_NUM >= 170000
	return IsA(node, TableFunc) && ((const TableFunc *) node)->functype == TFT_JSON_TABLE ?
		((const TableFunc *) node)->coltypes : NIL;
#else
	return NIL;
#endif
}

/*
 * The document of an SQL/JSON function that takes a value out of it; NULL if it is
 * none.  PostgreSQL 17 has added these.
 */
static inline Node *
json_document(const Node *node)
{
#if PG_VERSION_NUM >= 170000
	return IsA(node, JsonExpr) ? ((const JsonExpr *) node)->formatted_expr : NULL;
#else
	return NULL;
#endif
}

/*
 * Is a column one of the old row in RETURNING, or one of the new row by name?
 * PostgreSQL 18 has added OLD and NEW.
 */
#if PG_VERSION_NUM >= 180000
#define IS_OLD_COLUMN(var)	((var)->varreturningtype == VAR_RETURNING_OLD)
#define IS_NEW_COLUMN(var)	((var)->varreturningtype == VAR_RETURNING_NEW)
#define CLEAR_RETURNING(var)	((var)->varreturningtype = VAR_RETURNING_DEFAULT)
#else
#define IS_OLD_COLUMN(var)	false
#define IS_NEW_COLUMN(var)	false
#define CLEAR_RETURNING(var)	((void) 0)
#endif

/*
 * The kinds of actions of MERGE.  PostgreSQL 17 has added those for rows of the table that
 * the source does not have; then the plan alone does not tell the kind of a row.
 */
#if PG_VERSION_NUM >= 170000
#define MERGE_KINDS			NUM_MERGE_MATCH_KINDS
#define MERGE_MATCHED		MERGE_WHEN_MATCHED
#define MERGE_KIND(action)	((int) (action)->matchKind)
#define MERGE_HAS_OTHER_KINDS(node) \
	((node)->mergeJoinConditions != NIL && linitial((node)->mergeJoinConditions) != NULL)
#else
#define MERGE_KINDS			2
#define MERGE_MATCHED		1
#define MERGE_KIND(action)	((action)->matched ? 1 : 0)
#define MERGE_HAS_OTHER_KINDS(node)	false
#endif

/*
 * Can the current user call a function?  PostgreSQL 16 has one check for all kinds of
 * objects.
 */
static inline bool
may_execute(Oid function)
{
#if PG_VERSION_NUM >= 160000
	return object_aclcheck(ProcedureRelationId, function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#else
	return pg_proc_aclcheck(function, GetUserId(), ACL_EXECUTE) == ACLCHECK_OK;
#endif
}

/*
 * Is an operator one of an order?  PostgreSQL 18 has orders beside those of btree.
 */
static inline bool
operator_orders(Oid operator)
{
#if PG_VERSION_NUM >= 180000
	return get_op_index_interpretation(operator) != NIL;
#else
	return get_op_btree_interpretation(operator) != NIL;
#endif
}

/* How an operator orders.  PostgreSQL 18 has a type of its own instead of btree's numbers. */
#if PG_VERSION_NUM >= 180000
typedef CompareType OperatorOrder;
#else
typedef int16 OperatorOrder;
#endif

/*
 * A description of rows is complete.  PostgreSQL 19 works out then where the columns of a row
 * are, and crashes without.
 */
static inline void
finish_columns(TupleDesc columns)
{
#if PG_VERSION_NUM >= 190000
	TupleDescFinalize(columns);
#endif
}

/*
 * Does a statement change rows of one of these relations?  PostgreSQL 19 has a set of those
 * that are changed instead of a list.
 */
static inline bool
changes_relations(const PlannedStmt *stmt, const Bitmapset *relids)
{
#if PG_VERSION_NUM >= 190000
	return bms_overlap(stmt->resultRelationRelids, relids);
#else
	ListCell   *lc;

	foreach(lc, stmt->resultRelations)
	{
		if (bms_is_member(lfirst_int(lc), relids))
			return true;
	}
	return false;
#endif
}

/*
 * The number of relations in the statement that EXPLAIN shows.  PostgreSQL 18
 * adds one for GROUP BY, and rtable_size leaves it out: EXPLAIN qualifies
 * columns by this number.
 */
static inline int
explain_relations(const ExplainState *es)
{
#if PG_VERSION_NUM >= 180000
	return es->rtable_size;
#else
	return list_length(es->rtable);
#endif
}

#endif							/* PGCARES_COMPAT_H */
