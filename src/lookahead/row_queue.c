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

#include "access/parallel.h"
#include "access/xact.h"
#include "nodes/extensible.h"

/*
 * Rows that are looked at in search of new answers.  Chosen, not measured.
 */
#define LATER_ROWS		512

/*
 * Blocks of rows.  A block is freed when its last row is dropped, so large ones would hold
 * memory that no row needs.
 */
#define ROW_BLOCKS		ALLOCSET_DEFAULT_MINSIZE, ALLOCSET_DEFAULT_INITSIZE, 64 * 1024

static void account(LookaheadRows *rows, Size more, Size less);
static bool continue_row(LookaheadRows *rows, AheadRow *row);
static bool has_answers(const AheadRow *row);
static void start_questions(LookaheadRows *rows, AheadRow *row);
static void start_question(LookaheadRows *rows, AheadRow *row, CallSite *site,
						   const DnsQuestion *question, bool certain);
static void make_room(LookaheadRows *rows, AheadRow *row);
static void ask_waiting(LookaheadRows *rows, CallSite *site);
static bool ask_for_row(AheadRow *row, CallSite *site);

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
											ROW_BLOCKS);
	rows->sites = palloc0(list_length(plan->custom_exprs) * sizeof(CallSite));
	rows->room = 1;
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
	rows->room = rows->nsites;
}

/*
 * Appends a row to the queue and starts its questions.  tid is its place in the
 * table, if the child scans one.  wanted: it is certain to be taken.
 */
void
row_queue_keep(LookaheadRows *rows, TupleTableSlot *slot, ItemPointerData tid,
			   bool wanted)
{
	LookaheadCounters *counters = rows->node->counters;
	AheadRow   *row = ahead_row_make(rows->context, slot, rows->room);

	row->tid = tid;
	row->wanted = wanted;
	if (rows->first == NULL)
		rows->first = row;
	else
		rows->last->next = row;
	rows->last = row;
	account(rows, ahead_row_space(row), 0);
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
		row = row->next;
	}
	while (rows->behind != NULL && rows->behind->level > rows->levels)
		rows->behind = rows->behind->next;
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
	return rows->prefetch != NULL ? rows->prefetch->queue.count : 0;
}

/*
 * Estimates the microseconds until the first row has its answers; 0 if it has
 * them.
 */
int64
row_queue_first_time_left(LookaheadRows *rows)
{
	const AheadRow *row = rows->first;
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
	const AheadRow *row = rows->first;

	ahead_row_show(row, rows->node->css.ss.ss_ScanTupleSlot);
	if (row->nquestions > 0)
		prefetch_table_expect(row->questions[0].prefetched);
}

/*
 * Drops the first row and its references to its questions.
 */
void
row_queue_drop_first(LookaheadRows *rows)
{
	AheadRow   *row = rows->first;

	if (rows->behind == row)
		rows->behind = row->next;
	for (int i = 0; i < rows->nsites; i++)
	{
		if (rows->sites[i].next == row)
			rows->sites[i].next = row->next;
		ask_waiting(rows, &rows->sites[i]);
	}
	rows->first = row->next;
	for (int i = 0; i < row->nquestions; i++)
		prefetch_table_drop(row->questions[i].prefetched);
	rows->count--;
	account(rows, 0, ahead_row_space(row));
	ahead_row_free(row);
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
	ahead_row_show(row, rows->node->css.ss.ss_ScanTupleSlot);
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
	if (row->nquestions == row->room)
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

/*
 * Makes room for more questions of a row, and of the next rows if their calls can have as
 * many without the answers of others.
 */
static void
make_room(LookaheadRows *rows, AheadRow *row)
{
	Size		before = ahead_row_space(row);

	ahead_row_make_room(row, rows->context);
	rows->room = Max(rows->room, Min(row->room, rows->nsites * LOOKUP_MAX_QUESTIONS));
	account(rows, ahead_row_space(row), before);
}

/* Asks for the rows that wait, while there is credit. */
static void
ask_waiting(LookaheadRows *rows, CallSite *site)
{
	while (site->next != NULL && ask_for_row(site->next, site))
		site->next = site->next->next;
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
