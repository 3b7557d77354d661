/*
 * ahead_row.c
 *
 * A row that was read ahead, and its references to the questions that were started for it.
 * Many rows wait at a time, so each is one chunk: its tuple lies behind it, then room for
 * the references.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "executor/executor.h"

static inline MinimalTuple
tuple_of(const AheadRow *row)
{
	return (MinimalTuple) ((char *) row + MAXALIGN(sizeof(AheadRow)));
}

/* The place behind the tuple. */
static inline RowQuestion *
place_of_questions(const AheadRow *row)
{
	return (RowQuestion *) ((char *) tuple_of(row) + MAXALIGN(tuple_of(row)->t_len));
}

/*
 * The row in a slot, with room for so many questions, in this memory; the rest is zero.
 */
AheadRow *
ahead_row_make(MemoryContext context, TupleTableSlot *slot, int room)
{
	bool		is_copy;
	MinimalTuple tuple = ExecFetchSlotMinimalTuple(slot, &is_copy);
	Size		len = tuple->t_len;
	AheadRow   *row = MemoryContextAlloc(context,
										 MAXALIGN(sizeof(AheadRow)) + MAXALIGN(len) +
										 room * sizeof(RowQuestion));

	memset(row, 0, sizeof(AheadRow));
	memcpy(tuple_of(row), tuple, len);
	row->questions = place_of_questions(row);
	row->room = room;
	if (is_copy)
		pfree(tuple);
	return row;
}

/*
 * Puts a row into a virtual slot; its values point into the row.
 */
void
ahead_row_show(const AheadRow *row, TupleTableSlot *slot)
{
	HeapTupleData tuple;

	tuple.t_len = tuple_of(row)->t_len + MINIMAL_TUPLE_OFFSET;
	tuple.t_data = (HeapTupleHeader) ((char *) tuple_of(row) - MINIMAL_TUPLE_OFFSET);
	ExecClearTuple(slot);
	heap_deform_tuple(&tuple, slot->tts_tupleDescriptor,
					  slot->tts_values, slot->tts_isnull);
	ExecStoreVirtualTuple(slot);
	slot->tts_tid = row->tid;
}

/*
 * Makes room for twice as many questions, in the memory of the row.
 */
void
ahead_row_make_room(AheadRow *row, MemoryContext context)
{
	Size		size = 2 * row->room * sizeof(RowQuestion);

	if (row->questions != place_of_questions(row))
		row->questions = repalloc(row->questions, size);
	else
	{
		row->questions = MemoryContextAlloc(context, size);
		memcpy(row->questions, place_of_questions(row),
			   row->nquestions * sizeof(RowQuestion));
	}
	row->room *= 2;
}

/*
 * Octets that a row takes.
 */
Size
ahead_row_space(AheadRow *row)
{
	Size		space = GetMemoryChunkSpace(row);

	if (row->questions != place_of_questions(row))
		space += GetMemoryChunkSpace(row->questions);
	return space;
}

/*
 * Frees a row, whose references are dropped.
 */
void
ahead_row_free(AheadRow *row)
{
	if (row->questions != place_of_questions(row))
		pfree(row->questions);
	pfree(row);
}
