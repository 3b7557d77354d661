/*
 * sections.c
 *
 * The sections of a message as arrays of records.  Compression fits 20 MB of
 * records into a message of 64 kB.  A message therefore stays compressed until
 * its row is returned, and pgcares.max_answer_memory bounds the records of a
 * message that a name server has sent.
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
 * Fills the section columns of a message from its other columns, if it is
 * sound.  The message's columns begin at first_column.  Raises if the sections
 * take too much memory.
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
	message_open(&message, (const uint8 *) VARDATA_ANY(wire),
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
 * Raises if the data made from a received message exceeds the memory limit of
 * a call.  size is in octets.
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
 * Makes the array of a section's records.  Their type comes from the column: a
 * lookup by name could find another type.  Each record goes into the array at
 * once: the server's array functions would keep a copy of each until the end.
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

	rows_require_record(record_desc);
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
	message_section(message, section, &cursor);
	while (message_next(&cursor, &rr))
	{
		HeapTuple	record;

		CHECK_FOR_INTERRUPTS();
		if (rr.type == DNS_TYPE_OPT)
			continue;			/* belongs to the header */
		MemoryContextSwitchTo(context);
		rows_record(message, &rr, &words, values);
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

/* Appends a varlena, aligned like a composite type: to MAXALIGN. */
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
