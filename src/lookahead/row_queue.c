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
	int			room;			/* for so many */
	RowQuestion *questions;
} AheadRow;

static void account(LookaheadRows *rows, Size more, Size less);
static bool continue_row(LookaheadRows *rows, AheadRow *row);
static bool has_answers(const AheadRow *row);
static void start_questions(LookaheadRows *rows, AheadRow *row);
static void start_question(LookaheadRows *rows, AheadRow *row, CallSite *site,
						   const DnsQuestion *question, bool certain);
static void make_room(LookaheadRows *rows, AheadRow *row);
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
 * Adds a call whose questions are to be started ahead.
 */
void
row_queue_open_site(LookaheadRows *rows, FuncExpr *expr, bool certain, bool guarded)
{
	CallSite   *site = &rows->sites[rows->nsites];

	if (!call_site_open(site, &rows->node->css.ss.ps, expr, guarded))
		return;
	site->certain = certain;
	site->credit = 1;
	rows->levels = Max(rows->levels, site->level);
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

	row = palloc0(sizeof(AheadRow));
	row->tuple = ExecCopySlotMinimalTuple(slot);
	row->tid = tid;
	row->room = Max(1, rows->nsites * LOOKUP_MAX_QUESTIONS);
	row->questions = palloc(row->room * sizeof(RowQuestion));
	row->space = GetMemoryChunkSpace(row) + GetMemoryChunkSpace(row->tuple) +
		GetMemoryChunkSpace(row->questions);
	row->wanted = wanted;
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
	pfree(row->questions);
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
		CallSite   *site = &rows->sites[i];
		int			n;

		if (site->level != row->level)
			continue;
		call_site_begin(site, econtext);
		while ((n = call_site_next(site, econtext, questions)) >= 0)
		{
			if (n > 0 && rows->prefetch == NULL)
			{
				rows->prefetch = prefetch_open(node->state->es_query_cxt,
											   rows->node->counters);
				prefetch_table_account(rows->prefetch, rows->space, 0);
			}
			for (int j = 0; j < n; j++)
				start_question(rows, row, site, &questions[j],
							   row->wanted && site->certain);
		}
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
	make_room(rows, row);
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

/* Makes room for one more question of a row. */
static void
make_room(LookaheadRows *rows, AheadRow *row)
{
	Size		before = GetMemoryChunkSpace(row->questions);
	Size		after;

	if (row->nquestions < row->room)
		return;
	row->room *= 2;
	row->questions = repalloc(row->questions, row->room * sizeof(RowQuestion));
	after = GetMemoryChunkSpace(row->questions);
	row->space += after - before;
	account(rows, after, before);
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
