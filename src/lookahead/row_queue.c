/*
 * row_queue.c
 *
 * The rows that a look-ahead node has read ahead, in their order, and the
 * questions that were started for them.  A certain call's questions are always
 * started.  Questions of an uncertain call, or for a row that is perhaps not
 * wanted, need credit: one at first, and one more for each question that a call
 * has used.  So the node asks at most twice as many questions as are used, plus
 * one.  Rows that wait are asked for as soon as there is credit.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "nodes/extensible.h"

/*
 * Rows that are looked at in search of new answers.  Chosen, not measured.
 */
#define LATER_ROWS		512

/* A call whose questions are started ahead. */
struct CallSite
{
	const LookupFunction *call;
	List	   *arguments;		/* of ExprState * */
	FmgrInfo	function;
	FunctionCallInfo fcinfo;
	int			level;			/* of lookups in its arguments */
	bool		guarded;		/* the arguments can raise an error */
	bool		certain;		/* the call is made for each row */
	int64		credit;			/* questions that can still be asked in vain */
	struct AheadRow *next;		/* the first row whose question perhaps waits */
	const char *server;			/* of the row that is started, or NULL */
};

/* A question of a row. */
typedef struct RowQuestion
{
	PrefetchQuestion *prefetched;
	CallSite   *site;
	bool		certain;		/* needs no credit */
} RowQuestion;

/* A row that was read ahead, and the questions that were started for it. */
typedef struct AheadRow
{
	dlist_node	node;
	MinimalTuple tuple;
	ItemPointerData tid;		/* in the table that the child scans, if any */
	Size		space;
	bool		wanted;			/* it is certain to be taken */
	int			level;			/* of the calls whose questions are started next */
	int			nquestions;
	RowQuestion questions[FLEXIBLE_ARRAY_MEMBER];
} AheadRow;

static void account(LookaheadRows *rows, Size more, Size less);
static bool continue_row(LookaheadRows *rows, AheadRow *row);
static bool has_answers(const AheadRow *row);
static void start_questions(LookaheadRows *rows, AheadRow *row);
static int	site_questions(CallSite *site, ExprContext *econtext,
						   DnsQuestion *questions);
static void start_question(LookaheadRows *rows, AheadRow *row, CallSite *site,
						   const DnsQuestion *question, bool certain);
static void ask_waiting(LookaheadRows *rows, CallSite *site);
static bool ask_for_row(AheadRow *row, CallSite *site);
static AheadRow *row_after(LookaheadRows *rows, AheadRow *row);
static void show(LookaheadRows *rows, const AheadRow *row);
static AheadRow *first_row(LookaheadRows *rows);

/*
 * Makes an empty queue for a node, in the memory of its statement.
 */
void
row_queue_open(LookaheadRows *rows, LookaheadNode *node)
{
	CustomScanState *css = &node->css;
	const CustomScan *plan = castNode(CustomScan, css->ss.ps.plan);

	rows->node = node;
	rows->context = GenerationContextCreate(css->ss.ps.state->es_query_cxt,
											"pgcares look-ahead rows",
											ALLOCSET_DEFAULT_SIZES);
	rows->sites = palloc0(list_length(plan->custom_exprs) * sizeof(CallSite));
	dlist_init(&rows->list);
}

/*
 * Adds a call whose questions are to be started ahead.  The function gets its
 * own fcinfo, though it is not called.
 */
void
row_queue_open_site(LookaheadRows *rows, FuncExpr *expr, bool certain, bool guarded)
{
	CallSite   *site = &rows->sites[rows->nsites];
	int			nargs = list_length(expr->args);

	site->call = lookup_functions_find(expr->funcid);
	/* It no longer is one of our functions, or the call will be refused. */
	if (site->call == NULL || expression_is_forbidden((Node *) expr))
		return;

	site->arguments = ExecInitExprList(expr->args, &rows->node->css.ss.ps);
	fmgr_info(expr->funcid, &site->function);
	fmgr_info_set_expr((Node *) expr, &site->function);
	site->fcinfo = palloc0(SizeForFunctionCallInfo(nargs));
	InitFunctionCallInfoData(*site->fcinfo, &site->function, nargs,
							 expr->inputcollid, NULL, NULL);
	site->certain = certain;
	site->guarded = guarded;
	site->level = expression_level((Node *) expr->args);
	rows->levels = Max(rows->levels, site->level);
	site->credit = 1;
	rows->nsites++;
}

/*
 * Appends a row to the queue and starts its questions.  tid is its place in the
 * table, if the child scans one.  wanted: it is certain to be taken.
 */
void
row_queue_keep(LookaheadRows *rows, TupleTableSlot *slot, ItemPointerData tid,
			   bool wanted)
{
	MemoryContext old_context = MemoryContextSwitchTo(rows->context);
	LookaheadCounters *counters = rows->node->counters;
	AheadRow   *row;

	row = palloc(offsetof(AheadRow, questions) +
				 rows->nsites * LOOKUP_MAX_QUESTIONS * sizeof(RowQuestion));
	row->tuple = ExecCopySlotMinimalTuple(slot);
	row->tid = tid;
	row->space = GetMemoryChunkSpace(row) + GetMemoryChunkSpace(row->tuple);
	row->wanted = wanted;
	row->level = 0;
	row->nquestions = 0;
	MemoryContextSwitchTo(old_context);

	dlist_push_tail(&rows->list, &row->node);
	account(rows, row->space, 0);
	rows->count++;
	counters->max_rows = Max(counters->max_rows, rows->count);
	if (rows->nsites > 0)
		start_questions(rows, row);
	if (rows->levels == 0)
		return;
	(void) continue_row(rows, row);
	if (rows->behind == NULL && row->level <= rows->levels)
		rows->behind = row;
}

/*
 * Starts the questions of calls that have needed the answers of others, for the
 * rows that have got these.
 */
void
row_queue_continue(LookaheadRows *rows)
{
	bool		started = false;
	AheadRow   *row = rows->behind;

	if (row == NULL || rows->prefetch == NULL ||
		rows->answers == rows->prefetch->statement->answers)
		return;
	rows->answers = rows->prefetch->statement->answers;
	for (int i = 0; row != NULL && i < LATER_ROWS; i++)
	{
		started |= continue_row(rows, row);
		row = row_after(rows, row);
	}
	while (rows->behind != NULL && rows->behind->level > rows->levels)
		rows->behind = row_after(rows, rows->behind);
	if (started)
		prefetch_ask(rows->prefetch);
}

/*
 * Octets that the rows, their questions and the answers take.
 */
Size
row_queue_memory(const LookaheadRows *rows)
{
	return rows->prefetch != NULL ? rows->prefetch->memory : rows->space;
}

/*
 * Questions that are to be asked as soon as there is room.
 */
int
row_queue_waiting(const LookaheadRows *rows)
{
	return rows->prefetch != NULL ? rows->prefetch->queued : 0;
}

/*
 * Estimates the microseconds until the first row has its answers; 0 if it has
 * them.
 */
int64
row_queue_first_time_left(LookaheadRows *rows)
{
	const AheadRow *row = first_row(rows);
	int64		left = 0;

	for (int i = 0; i < row->nquestions; i++)
	{
		if (row->questions[i].prefetched->state != PREFETCH_EXPECTED)
			left = clock_later(left, prefetch_time_left(row->questions[i].prefetched));
	}
	return left;
}

/*
 * Puts the first row into the node's slot.  Its values are valid until the row
 * is dropped.
 */
void
row_queue_show_first(LookaheadRows *rows)
{
	const AheadRow *row = first_row(rows);

	show(rows, row);
	if (row->nquestions > 0)
		prefetch_table_expect(row->questions[0].prefetched);
}

/*
 * Drops the first row and its references to its questions.
 */
void
row_queue_drop_first(LookaheadRows *rows)
{
	AheadRow   *row = first_row(rows);

	if (rows->behind == row)
		rows->behind = row_after(rows, row);
	for (int i = 0; i < rows->nsites; i++)
	{
		if (rows->sites[i].next == row)
			rows->sites[i].next = row_after(rows, row);
		ask_waiting(rows, &rows->sites[i]);
	}
	dlist_delete(&row->node);
	for (int i = 0; i < row->nquestions; i++)
		prefetch_table_drop(row->questions[i].prefetched);
	rows->count--;
	account(rows, 0, row->space);
	pfree(row->tuple);
	pfree(row);
}

/*
 * Starts the questions of a row's next levels, while those of the lower ones are
 * answered; false if there are none.  The calls below run here: an error of
 * a parallel worker, which they can receive, must not be held back.
 */
static bool
continue_row(LookaheadRows *rows, AheadRow *row)
{
	bool		started = false;

	while (row->level <= rows->levels && has_answers(row) &&
		   (!IsInParallelMode() || IsParallelWorker()))
	{
		start_questions(rows, row);
		started = true;
	}
	return started;
}

/* Are all certain questions of a row answered? */
static bool
has_answers(const AheadRow *row)
{
	for (int i = 0; i < row->nquestions; i++)
	{
		if (row->questions[i].site->certain &&
			row->questions[i].prefetched->state != PREFETCH_DONE)
			return false;
	}
	return true;
}

/* Starts the questions that the calls of the row's level will ask. */
static void
start_questions(LookaheadRows *rows, AheadRow *row)
{
	PlanState  *node = &rows->node->css.ss.ps;
	ExprContext *econtext = node->ps_ExprContext;
	MemoryContext old_context;

	old_context = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	show(rows, row);
	for (int i = 0; i < rows->nsites; i++)
	{
		DnsQuestion questions[LOOKUP_MAX_QUESTIONS];
		int			n = 0;

		if (rows->sites[i].level == row->level)
			n = site_questions(&rows->sites[i], econtext, questions);

		if (n > 0 && rows->prefetch == NULL)
		{
			rows->prefetch = prefetch_open(node->state->es_query_cxt,
										   rows->node->counters);
			prefetch_table_account(rows->prefetch, rows->space, 0);
		}
		for (int j = 0; j < n; j++)
			start_question(rows, row, &rows->sites[i], &questions[j],
						   row->wanted && rows->sites[i].certain);
	}
	row->level++;
	MemoryContextSwitchTo(old_context);
	ResetExprContext(econtext);
}

/* Accounts for rows; the statement shares the memory among its nodes. */
static void
account(LookaheadRows *rows, Size more, Size less)
{
	rows->space += more;
	rows->space -= less;
	if (rows->prefetch != NULL)
		prefetch_table_account(rows->prefetch, more, less);
}

/* Computes a call's arguments and questions; returns how many questions. */
static int
site_questions(CallSite *site, ExprContext *econtext, DnsQuestion *questions)
{
	FunctionCallInfo fcinfo = site->fcinfo;

	if (!early_errors_arguments(site->arguments, site->guarded, site->level > 0,
								econtext, fcinfo->args))
		return 0;
	for (int i = 0; i < fcinfo->nargs && site->function.fn_strict; i++)
	{
		if (fcinfo->args[i].isnull)
			return 0;			/* it will not be called */
	}
	site->server = NULL;
	if (site->call->server != NULL)
	{
		site->server = site->call->server(fcinfo);
		if (site->server == NULL)
			return 0;
	}
	return site->call->questions(fcinfo, site->call->type, questions);
}

/* Notes a question, and asks it ahead if it needs no credit or there is some. */
static void
start_question(LookaheadRows *rows, AheadRow *row, CallSite *site,
			   const DnsQuestion *question, bool certain)
{
	PrefetchQuestion *prefetched;
	RowQuestion *entry;

	prefetched = prefetch_start(rows->prefetch, site->server, question);
	if (prefetched == NULL)
		return;
	entry = &row->questions[row->nquestions++];
	entry->prefetched = prefetched;
	entry->site = site;
	entry->certain = certain;
	if (prefetched->credit == NULL && !prefetched->used)
	{
		prefetched->credit = &site->credit;
		prefetched->earns = 1;
	}
	if (prefetched->state != PREFETCH_EXPECTED)
		return;
	if (certain && prefetch_gather(prefetched))
		return;
	if (site->next == NULL)
		site->next = row;
	ask_waiting(rows, site);
}

/* Asks for the rows that wait, while there is credit. */
static void
ask_waiting(LookaheadRows *rows, CallSite *site)
{
	while (site->next != NULL && ask_for_row(site->next, site))
		site->next = row_after(rows, site->next);
}

/* Asks a call's questions for a row; false if the row must wait. */
static bool
ask_for_row(AheadRow *row, CallSite *site)
{
	for (int i = 0; i < row->nquestions; i++)
	{
		RowQuestion *entry = &row->questions[i];
		PrefetchQuestion *prefetched = entry->prefetched;

		if (entry->site != site || prefetched->state != PREFETCH_EXPECTED)
			continue;
		if ((!entry->certain && site->credit == 0) || !prefetch_gather(prefetched))
			return false;
		if (entry->certain)
			continue;
		/* A call that uses it returns the credit and earns another one. */
		site->credit--;
		prefetched->credit = &site->credit;
		prefetched->earns = 2;
	}
	return true;
}

/* The row behind a row, or NULL. */
static AheadRow *
row_after(LookaheadRows *rows, AheadRow *row)
{
	return dlist_has_next(&rows->list, &row->node) ?
		dlist_container(AheadRow, node, row->node.next) : NULL;
}

/* Puts a row into the node's slot; its values point into the tuple. */
static void
show(LookaheadRows *rows, const AheadRow *row)
{
	TupleTableSlot *slot = rows->node->css.ss.ss_ScanTupleSlot;
	HeapTupleData tuple;

	tuple.t_len = row->tuple->t_len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) row->tuple - MINIMAL_TUPLE_OFFSET);
	ExecClearTuple(slot);
	heap_deform_tuple(&tuple, slot->tts_tupleDescriptor,
					  slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
	slot->tts_tid = row->tid;
}

static AheadRow *
first_row(LookaheadRows *rows)
{
	return dlist_head_element(AheadRow, node, &rows->list);
}
