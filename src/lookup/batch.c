/*
 * batch.c
 *
 * Feeds a window from an array: as many questions of a call as the window
 * holds are in flight at once, and equal questions are asked once.  Answers
 * become rows as they come, in any order; a sort by position puts the rows in
 * the order of the array, on disk if they exceed work_mem.  Each element costs
 * its place in the array and a few octets.  The caller (batches.c) decides
 * which questions an element asks and which rows an answer gives.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "access/htup_details.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "common/pg_prng.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/tuplesort.h"
#include "utils/tuplestore.h"

/* An element, by its name, which is read again from the array. */
typedef struct NameEntry
{
	uint32		index;			/* the last element with this name so far */
	uint32		hash;
	char		status;
} NameEntry;

static bool same_name(DnsBatch *batch, uint32 index);

#define SH_PREFIX names
#define SH_ELEMENT_TYPE NameEntry
#define SH_KEY_TYPE uint32
#define SH_KEY index
#define SH_HASH_KEY(table, key) 0	/* the caller gives it */
#define SH_EQUAL(table, a, b) same_name((table)->private_data, a)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static void open_sort(DnsBatch *batch);
static void read_names(DnsBatch *batch);
static void chain_name(DnsBatch *batch, names_hash *table, uint32 index,
					   uint64 seed);
static void submit_elements(DnsBatch *batch);
static bool next_element(DnsBatch *batch);
static bool is_settled(DnsBatch *batch, uint32 index, DnsName *name);
static int64 take_rank_out(TupleTableSlot *sorted);

/*
 * Asks the questions of an array's elements and fills the function's result,
 * whose first column is the position.  The caller has set the first group of
 * the batch's members.  Raises when a limit is passed, never for the outcome
 * of a question.
 */
void
batch_run(FunctionCallInfo fcinfo, DnsBatch *batch, ArrayType *array)
{
	if (!batch_open(fcinfo, batch, array))
		return;

	cache_open(&batch->scope, NULL);

	/* The deadline counts from here. */
	batch->window = window_open(Min((int64) batch->n * batch->ntypes,
									setting_max_in_flight), NULL);
	batch->window->many = true;
	batch->window->progress->known = (int64) batch->n * batch->ntypes;
	read_names(batch);
	batch_order_begin(&batch->order, batch->n);
	for (;;)
	{
		DnsSlot    *slot;

		submit_elements(batch);
		if (window_is_idle(batch->window))
			break;
		slot = chain_finished(batch->window);
		if (slot != NULL)
			batch_take(batch, &batch->scope, slot);
		else
			wait_for_answers(PG_INT64_MAX);
	}
	window_close(batch->window);
	batch_close(batch);
}

/*
 * Reads the elements of an array, and makes room for their rows.  False if there is
 * none.  Raises if a call may not have so many questions.
 */
bool
batch_open(FunctionCallInfo fcinfo, DnsBatch *batch, ArrayType *array)
{
	int			n;
	int64		questions;

	batch->result = (ReturnSetInfo *) fcinfo->resultinfo;
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &batch->elements, &batch->nulls, &n);
	if (n == 0)
		return false;
	questions = (int64) n * batch->ntypes;
	if (questions > setting_max_questions)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many questions in one call"),
				 errdetail("The call has " INT64_FORMAT " questions, and %d are allowed.",
						   questions, setting_max_questions),
				 errhint("Ask in several calls, or increase pgcares.max_questions.")));

	batch->n = n;
	batch->next = MemoryContextAllocHuge(CurrentMemoryContext, n * sizeof(uint32));
	for (int i = 0; i < n; i++)
		batch->next[i] = BATCH_NO_ELEMENT;
	batch->state = MemoryContextAllocExtended(CurrentMemoryContext, n,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (batch->search != NULL)
		batch_search_open(batch);
	batch->answer_context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcares answer",
												  ALLOCSET_DEFAULT_SIZES);
	batch->row_context = AllocSetContextCreate(CurrentMemoryContext,
											   "pgcares row",
											   ALLOCSET_DEFAULT_SIZES);
	open_sort(batch);
	return true;
}

/*
 * Makes rows of a finished question, whose tag is the element, keeps its answer in the
 * scope, and releases its slot.
 */
void
batch_take(DnsBatch *batch, const CacheScope *scope, DnsSlot *slot)
{
	MemoryContext old_context = MemoryContextSwitchTo(batch->answer_context);
	DnsAnswer	answer;

	answer.rr = NULL;
	answer.local = 0;
	slow_log(slot->window, &slot->question, &slot->reply);
	cache_keep(scope, slot);
	outcome_read(&answer.outcome, slot->window, &slot->question, &slot->reply);
	batch->kind->answer(batch, slot->tag, &answer);
	slot_release(slot);
	MemoryContextSwitchTo(old_context);
	MemoryContextReset(batch->answer_context);
}

/*
 * Makes rows of the element's question if the cache has an answer in the scope.  False if
 * it has none.
 */
bool
batch_take_cached(DnsBatch *batch, const CacheScope *scope, const DnsQuestion *question,
				  uint32 index)
{
	MemoryContext old_context = MemoryContextSwitchTo(batch->answer_context);
	DnsReply	reply;
	bool		found = cache_find(scope, question, &reply);

	if (found)
	{
		DnsAnswer	answer = {.rr = NULL};

		outcome_read_cached(&answer.outcome, scope, question, &reply);
		batch->kind->answer(batch, index, &answer);
		MemoryContextReset(batch->answer_context);
	}
	MemoryContextSwitchTo(old_context);
	return found;
}

/*
 * Moves the sorted rows to the result.  Large columns are filled only now: the
 * sort holds one row in memory for each of its runs on disk.
 */
void
batch_close(DnsBatch *batch)
{
	MemoryContext old_context = MemoryContextSwitchTo(batch->row_context);
	Tuplestorestate *result = batch->result->setResult;
	TupleDesc	desc = batch->result->setDesc;
	TupleTableSlot *sorted = batch->sorted;
	int64		last = 0;

	tuplesort_performsort(batch->sort);
	while (tuplesort_gettupleslot(batch->sort, true, false, sorted, NULL))
	{
		int64		position = take_rank_out(sorted);

		CHECK_FOR_INTERRUPTS();
		if (batch->kind->one_row && position == last)
			continue;
		last = position;
		if (batch->kind->finish == NULL)
		{
			tuplestore_puttupleslot(result, sorted);
			continue;
		}
		slot_getallattrs(sorted);
		batch->kind->finish(desc, 1, sorted->tts_values, sorted->tts_isnull);
		tuplestore_putvalues(result, desc, sorted->tts_values,
							 sorted->tts_isnull);
		MemoryContextReset(batch->row_context);
	}
	MemoryContextSwitchTo(old_context);
	tuplesort_end(batch->sort);
}

/*
 * The sort key is the position, with the rank in the lowest bits.  A second key
 * would be a further column, and each row would have to be formed again without
 * it, which takes 5 % of the instructions of a lookup.
 */
static void
open_sort(DnsBatch *batch)
{
	TupleDesc	desc = batch->result->setDesc;
	AttrNumber	column = 1;
	Oid			operator = Int8LessOperator;
	Oid			collation = InvalidOid;
	bool		nulls_first = false;

	batch->row = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	batch->sorted = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	batch->sort = tuplesort_begin_heap(desc, 1, &column, &operator, &collation,
									   &nulls_first, work_mem, NULL,
									   TUPLESORT_NONE);
}

/*
 * Chains the elements that are equal.  Adds the rows of the elements that are
 * NULL or not a name.
 */
static void
read_names(DnsBatch *batch)
{
	MemoryContext old_context = CurrentMemoryContext;
	uint64		seed = pg_prng_uint64(&pg_global_prng_state);
	names_hash *table = names_create(CurrentMemoryContext, batch->n, batch);

	for (uint32 i = 0; i < batch->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (batch->nulls[i])
		{
			batch->state[i] = BATCH_SETTLED;
			batch->window->progress->known -= batch->ntypes;
			batch_put(batch, i, 0, NULL);
			continue;
		}

		MemoryContextSwitchTo(batch->answer_context);
		if (batch->kind->read(batch, i, &batch->name))
			chain_name(batch, table, i, seed);
		else
		{
			batch->window->progress->known -= batch->ntypes;
			batch_put_badname(batch, i);
		}
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(batch->answer_context);
	}
	names_destroy(table);
}

/* Appends an element, named batch->name, to the chain of that name. */
static void
chain_name(DnsBatch *batch, names_hash *table, uint32 index, uint64 seed)
{
	bool		found;
	NameEntry  *entry;

	batch->completed = batch_search_completes(batch, index, &batch->name);
	entry = names_insert_hash(table, index, name_hash(&batch->name, seed), &found);

	if (found)
	{
		batch->next[entry->index] = index;
		entry->index = index;
		batch->state[index] = BATCH_SETTLED;
		counters.shared += batch->ntypes;
		batch->window->progress->known -= batch->ntypes;
	}
}

/*
 * Is batch->name the name of the element?  One that is completed is not the same with
 * a dot at its end.
 */
static bool
same_name(DnsBatch *batch, uint32 index)
{
	DnsName		name;

	return batch->kind->read(batch, index, &name) &&
		name_equal(&name, &batch->name) &&
		batch_search_completes(batch, index, &name) == batch->completed;
}

/* Submits questions while the window has room. */
static void
submit_elements(DnsBatch *batch)
{
	MemoryContext old_context = MemoryContextSwitchTo(batch->answer_context);

	while (window_has_room(batch->window) && next_element(batch))
	{
		uint32		index = batch->feeding;
		DnsQuestion question;

		CHECK_FOR_INTERRUPTS();
		question.class = batch->class;
		question.nsid = batch->kind->nsid;
		question.type = batch->types[batch->fed_types];
		if (!is_settled(batch, index, &question.name))
		{
			if (!batch_take_cached(batch, &batch->scope, &question, index))
				window_submit(batch->window, &question, index);
			batch->fed_types++;
		}
		if (batch->fed_types == batch->ntypes ||
			(batch->state[index] & BATCH_SETTLED))
			batch->fed_types = 0;
		MemoryContextReset(batch->answer_context);
	}
	MemoryContextSwitchTo(old_context);
}

/* Chooses the element to ask; false if there is none. */
static bool
next_element(DnsBatch *batch)
{
	if (batch->fed_types > 0)
		return true;			/* not all of its questions are asked */
	if (batch->nagain == 0)
		return batch_order_next(&batch->order, &batch->feeding);
	batch->feeding = batch->again[--batch->nagain];
	return true;
}

/*
 * Is the element settled?  If not, sets the name to ask.
 */
static bool
is_settled(DnsBatch *batch, uint32 index, DnsName *name)
{
	const DnsBatchKind *kind = batch->kind;
	bool		completed;

	if (batch->state[index] & BATCH_SETTLED)
		return true;
	kind->read(batch, index, name);
	completed = batch_search_completes(batch, index, name);
	if (batch->fed_types == 0 && kind->answer_locally != NULL &&
		!(completed && batch->tried[index] > 0) &&
		kind->answer_locally(batch, index, name))
	{
		batch->state[index] |= BATCH_SETTLED;
		batch->window->progress->known -= batch->ntypes;
		return true;
	}
	if (completed)
		batch_search_complete(batch, index, name);
	return false;
}

/*
 * Removes the rank from a row's first column, in place: the sort does not read
 * the row again, and the column is never NULL and comes first in the data.  Gives the
 * position that is left.
 */
static int64
take_rank_out(TupleTableSlot *sorted)
{
	bool		copied;
	MinimalTuple tuple = ExecFetchSlotMinimalTuple(sorted, &copied);
	char	   *at = (char *) tuple + tuple->t_hoff - MINIMAL_TUPLE_OFFSET;
	int64		position;

	Assert(!copied);
	memcpy(&position, at, sizeof(position));
	position >>= BATCH_RANK_BITS;
	memcpy(at, &position, sizeof(position));
	return position;
}
