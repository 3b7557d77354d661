/*
 * batch_put.c
 *
 * Puts the rows of a batch into its sort.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "executor/tuptable.h"
#include "miscadmin.h"
#include "utils/tuplesort.h"

/*
 * Adds a row for the element at index and for each element equal to it.  The
 * rank orders the rows of one element.  The batch's kind makes the row from
 * answer; if answer is NULL, the row has only its position.
 */
void
batch_put(DnsBatch *batch, uint32 index, int rank, DnsAnswer *answer)
{
	MemoryContext old_context = MemoryContextSwitchTo(batch->row_context);
	TupleTableSlot *row = batch->row;
	int			natts = row->tts_tupleDescriptor->natts;

	if (answer != NULL)
		answer->outcome.what = batch->what;
	for (; index != BATCH_NO_ELEMENT; index = batch->next[index])
	{
		ExecClearTuple(row);
		memset(row->tts_isnull, true, natts * sizeof(bool));
		row->tts_values[0] = Int64GetDatum(((int64) index + 1) << BATCH_RANK_BITS | rank);
		row->tts_isnull[0] = false;
		if (answer != NULL)
			batch->kind->make(batch, index, answer, row->tts_values,
							  row->tts_isnull);
		ExecStoreVirtualTuple(row);
		tuplesort_puttupleslot(batch->sort, row);
		MemoryContextReset(batch->row_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old_context);
}

/*
 * Adds a row for each record that answers the question, or, without records,
 * one row with only the status.
 */
void
batch_put_records(DnsBatch *batch, uint32 index, DnsAnswer *answer)
{
	const DnsOutcome *outcome = &answer->outcome;
	DnsCursor	cursor;
	DnsRR		rr;
	int			rank = 0;

	answer->rr = NULL;
	if (!outcome_is_noerror(outcome))
	{
		batch_put(batch, index, 0, answer);
		return;
	}
	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		if (!alias_answers(&rr, &outcome->question, &outcome->owner))
			continue;
		answer->rr = &rr;
		batch_put(batch, index, rank++ + (batch->kind->rank ? batch->kind->rank(&rr) : 0),
				  answer);
	}
}

/*
 * Adds the row of an element that is not a name, or whose server was to be asked for a
 * text that is none.
 */
void
batch_put_badname(DnsBatch *batch, uint32 index)
{
	DnsAnswer	answer = {.rr = NULL};

	outcome_set(&answer.outcome, "BADNAME");
	answer.outcome.question.type = batch->types[0];
	answer.outcome.question.class = batch->class;
	batch->state[index] = BATCH_SETTLED;
	batch_put(batch, index, 0, &answer);
}
