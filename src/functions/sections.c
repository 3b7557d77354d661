/*
 * sections.c
 *
 * The sections of a message as arrays of records.  Compression makes 20 MB of
 * records fit into a message of 64 kB.  So a message stays as it came until its
 * row is handed over, and pgcares.max_answer_memory bounds what is then made of
 * one that a name server has sent.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "access/htup_details.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

static Datum section_array(TupleDesc desc, int column, const DnsMessage *message,
						   DnsSection section, bool limited, Size *size);
static void append_element(StringInfo buffer, Datum element);
static Datum finish_array(StringInfo buffer, Oid type, int count);

/*
 * Fills the columns of the sections of a message, if there are any, from its
 * other columns; all begin at first_column.  Raises where they take too much
 * memory.
 */
void
sections_row(TupleDesc desc, int first_column, Datum *values, bool *nulls)
{
	static const int columns[] = {COLUMN_ANSWER, COLUMN_AUTHORITY, COLUMN_ADDITIONAL};
	DnsMessage	message;
	bytea	   *wire;
	Size		size = 0;
	bool		limited = !nulls[first_column + COLUMN_TRIES];

	if (nulls[first_column + COLUMN_RCODE])
		return;					/* there is no sound message */
	wire = DatumGetByteaPP(values[first_column + COLUMN_WIRE]);
	wire_open(&message, (const uint8 *) VARDATA_ANY(wire),
			  VARSIZE_ANY_EXHDR(wire));
	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		int			column = first_column + columns[i];

		values[column] = section_array(desc, column, &message, DNS_ANSWER + i,
									   limited, &size);
		nulls[column] = false;
	}
}

/*
 * Raises where what is made of a message that came has more octets than a call
 * may hold.
 */
void
sections_check_size(Size size)
{
	if (size > setting_max_answer_memory * (Size) 1024)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a message takes more memory than allowed"),
				 errdetail("A call may hold %d kB.", setting_max_answer_memory),
				 errhint("Increase pgcares.max_answer_memory.")));
}

/*
 * The records of a section; their type is taken from the column, since a name
 * could find another type.  They are put into the array at once: the server's
 * functions for that would keep a copy of all until it is complete.
 */
static Datum
section_array(TupleDesc desc, int column, const DnsMessage *message,
			  DnsSection section, bool limited, Size *size)
{
	Oid			type = get_element_type(TupleDescAttr(desc, column)->atttypid);
	TupleDesc	record_desc = lookup_rowtype_tupdesc(type, -1);
	MemoryContext context;
	MemoryContext old_context = CurrentMemoryContext;
	StringInfoData buffer;
	DnsWords	words;
	Datum		values[6];
	bool		nulls[6] = {false};
	int			count = 0;
	DnsCursor	cursor;
	DnsRR		rr;

	if (record_desc->natts != lengthof(values))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("sections of the result must be arrays of dns_record")));
	if (message->count[section] == 0)
	{
		ReleaseTupleDesc(record_desc);
		return PointerGetDatum(construct_empty_array(type));
	}

	context = AllocSetContextCreate(CurrentMemoryContext, "pgcares record",
									ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&buffer);
	memset(buffer.data, 0, ARR_OVERHEAD_NONULLS(1));
	buffer.len = ARR_OVERHEAD_NONULLS(1);
	wire_section(message, section, &cursor);
	while (wire_next(&cursor, &rr))
	{
		HeapTuple	record;

		CHECK_FOR_INTERRUPTS();
		if (rr.type == DNS_TYPE_OPT)
			continue;			/* a part of the header */
		MemoryContextSwitchTo(context);
		record_row(message, &rr, &words, values);
		record = heap_form_tuple(record_desc, values, nulls);
		*size += 2 * record->t_len; /* in the array and in its row */
		if (limited)
			sections_check_size(*size);
		append_element(&buffer, HeapTupleGetDatum(record));
		count++;
		MemoryContextSwitchTo(old_context);
		MemoryContextReset(context);
	}
	ReleaseTupleDesc(record_desc);
	MemoryContextDelete(context);
	return finish_array(&buffer, type, count);
}

/* A varlena of the alignment of composite types, which is the largest there is. */
static void
append_element(StringInfo buffer, Datum element)
{
	static const char padding[MAXIMUM_ALIGNOF] = {0};
	int			len = VARSIZE_ANY(DatumGetPointer(element));

	appendBinaryStringInfo(buffer, DatumGetPointer(element), len);
	appendBinaryStringInfo(buffer, padding, MAXALIGN(len) - len);
}

static Datum
finish_array(StringInfo buffer, Oid type, int count)
{
	ArrayType  *array = (ArrayType *) buffer->data;

	if (count == 0)
		return PointerGetDatum(construct_empty_array(type));
	SET_VARSIZE(array, buffer->len);
	array->ndim = 1;
	array->elemtype = type;
	ARR_DIMS(array)[0] = count;
	ARR_LBOUND(array)[0] = 1;
	return PointerGetDatum(array);
}
