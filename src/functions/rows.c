/*
 * rows.c
 *
 * Turns the records of an answer into rows.  The columns of a typed function
 * are the fields of its record type, found by name in the table of types: no
 * type needs code of its own.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/*
 * An answer with more records gets a memory context for its rows.  Chosen, not
 * measured: fewer rows are not worth a context.
 */
#define FEW_RECORDS		8

static void typed_row(const DnsMessage *message, const DnsRR *rr,
					  TupleDesc desc, Datum *values, bool *nulls);
static int	find_column(TupleDesc desc, int first, const char *type,
						const char *field);
static Datum field_datum(const DnsField *field, const char *column, Oid type);
static Datum field_text(const DnsField *field);
static Datum strings_array(const DnsField *field);
static Datum bytea_datum(const uint8 *octets, size_t len);

/*
 * The content of a buffer as a palloc'd text.
 */
Datum
rows_buffer_datum(const StringInfoData *buffer)
{
	return PointerGetDatum(cstring_to_text_with_len(buffer->data, buffer->len));
}

/*
 * A mnemonic as a text that is stored in word.
 */
Datum
rows_word_datum(DnsWord *word, const char *mnemonic)
{
	size_t		len = strlen(mnemonic);

	if (len > sizeof(word->text) - VARHDRSZ_SHORT)
		elog(ERROR, "the mnemonic \"%s\" is too long", mnemonic);
	SET_VARSIZE_SHORT(word->text, VARHDRSZ_SHORT + len);
	memcpy(VARDATA_SHORT(word->text), mnemonic, len);
	return PointerGetDatum(word->text);
}

/*
 * Fills the six columns of dns_record, none of which is NULL.  The values are
 * palloc'd or stored in words.
 */
void
rows_record(const DnsMessage *message, const DnsRR *rr, DnsWords *words,
			Datum *values)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	encode_name(&buffer, &rr->name, false);
	values[0] = rows_buffer_datum(&buffer);
	values[1] = Int32GetDatum(message_ttl(rr));
	values[2] = rows_word_datum(&words->class, rrclass_text(rr->class));
	values[3] = rows_word_datum(&words->type, rrtype_text(rr->type));
	resetStringInfo(&buffer);
	presentation_rdata(&buffer, message, rr);
	values[4] = rows_buffer_datum(&buffer);
	values[5] = JsonbPGetDatum(json_rdata(message, rr));
}

/*
 * Makes an empty set of rows that have columns of these types, like
 * InitMaterializedSRF().  InvalidOid stands for any type.  Raises if the result
 * has others: ALTER TYPE can have changed it.
 */
void
rows_begin(FunctionCallInfo fcinfo, const Oid *types, int count)
{
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	rows_require(((ReturnSetInfo *) fcinfo->resultinfo)->setDesc, types, count);
}

/*
 * Raises if rows do not have columns of these types; see rows_begin().
 */
void
rows_require(TupleDesc desc, const Oid *types, int count)
{
	bool		same = desc->natts == count;

	for (int i = 0; same && i < count; i++)
		same = !TupleDescAttr(desc, i)->attisdropped &&
			(types[i] == InvalidOid || TupleDescAttr(desc, i)->atttypid == types[i]);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the result must have the columns that the extension gave it"),
				 errhint("Undo what ALTER TYPE has changed.")));
}

/*
 * Raises if rows do not have the columns of dns_record.
 */
void
rows_require_record(TupleDesc desc)
{
	static const Oid types[] = {TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID};

	rows_require(desc, types, lengthof(types));
}

/*
 * Makes an empty set of rows for rows_put(), like
 * InitMaterializedSRF(), but without a copy of the expected columns.
 */
void
rows_open(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old_context;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		!(rsinfo->allowedModes & SFRM_Materialize) ||
		rsinfo->expectedDesc == NULL)
	{
		/* This function raises the right error. */
		InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
		return;
	}
	old_context = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	MemoryContextSwitchTo(old_context);
}

/*
 * Adds the records that answer the outcome's question to a set: as rows of
 * dns_record, or, if typed, with the type's own columns and the TTL.
 */
void
rows_put(ReturnSetInfo *rsinfo, const DnsOutcome *outcome, bool typed)
{
	TupleDesc	desc = rsinfo->expectedDesc;
	Datum	   *values = palloc(desc->natts * sizeof(Datum));
	bool	   *nulls = palloc0(desc->natts * sizeof(bool));
	DnsWords	words;
	MemoryContext row_context = NULL;
	MemoryContext old_context = CurrentMemoryContext;
	DnsCursor	cursor;
	DnsRR		rr;

	if (!typed)
		rows_require_record(desc);

	/* The memory of a few rows is freed after the call. */
	if (outcome->message.count[DNS_ANSWER] > FEW_RECORDS)
	{
		row_context = AllocSetContextCreate(CurrentMemoryContext, "pgcares row",
											ALLOCSET_DEFAULT_SIZES);
		MemoryContextSwitchTo(row_context);
	}
	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		if (!alias_answers(&rr, &outcome->question, &outcome->owner))
			continue;
		if (typed)
			typed_row(&outcome->message, &rr, desc, values, nulls);
		else
			rows_record(&outcome->message, &rr, &words, values);
		tuplestore_putvalues(rsinfo->setResult, desc, values, nulls);
		if (row_context != NULL)
			MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old_context);
	if (row_context != NULL)
		MemoryContextDelete(row_context);
}

static void
typed_row(const DnsMessage *message, const DnsRR *rr, TupleDesc desc,
		  Datum *values, bool *nulls)
{
	const char *type = rrtype_text(rr->type);
	DnsRdata	rdata;
	DnsField	field;
	int			next = 0;		/* most columns are in the order of fields */
	int			column;

	memset(nulls, true, desc->natts * sizeof(bool));
	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
	{
		column = find_column(desc, next, type, field.def->name);
		if (column < 0)
			continue;			/* the function does not show it */
		next = column + 1;
		values[column] = field_datum(&field, field.def->name,
									 TupleDescAttr(desc, column)->atttypid);
		nulls[column] = false;
	}
	column = find_column(desc, next, type, "ttl");
	if (column >= 0 && TupleDescAttr(desc, column)->atttypid == INT4OID)
	{
		values[column] = Int32GetDatum(message_ttl(rr));
		nulls[column] = false;
	}
}

/*
 * The column of a field; -1 if there is none.  It has the field's name, or
 * type_field if that name is an SQL key word.  The search begins at first.
 */
static int
find_column(TupleDesc desc, int first, const char *type, const char *field)
{
	size_t		type_len = strlen(type);

	for (int i = 0; i < desc->natts; i++)
	{
		int			column = (first + i) % desc->natts;
		const char *name = NameStr(TupleDescAttr(desc, column)->attname);

		if (strcmp(name, field) == 0)
			return column;
		if (pg_strncasecmp(name, type, type_len) == 0 &&
			name[type_len] == '_' && strcmp(name + type_len + 1, field) == 0)
			return column;
	}
	return -1;
}

static Datum
field_datum(const DnsField *field, const char *column, Oid type)
{
	switch (field->def->kind)
	{
		case FIELD_U8:
		case FIELD_U16:
			if (type == INT4OID)
				return Int32GetDatum((int32) field->number);
			break;
		case FIELD_U32:
			if (type == INT8OID)
				return Int64GetDatum((int64) field->number);
			break;
		case FIELD_TIME:
			if (type == TIMESTAMPTZOID)
				return TimestampTzGetDatum(time_t_to_timestamptz(field->number));
			break;
		case FIELD_IP4:
		case FIELD_IP6:
			if (type == INETOID)
				return InetPGetDatum(address_inet(field->data, field->len));
			break;
		case FIELD_NAME:
		case FIELD_STRING:
		case FIELD_OPTIONAL_STRING:
		case FIELD_TAG:
		case FIELD_TEXT:
		case FIELD_JOINED:
			if (type == TEXTOID)
				return field_text(field);
			break;
		case FIELD_STRINGS:
			if (type == BYTEAARRAYOID)
				return strings_array(field);
			break;
		case FIELD_PARAMS:
			if (type == JSONBOID)
				return JsonbPGetDatum(json_params(field));
			break;
		default:
			if (type == BYTEAOID)
				return bytea_datum(field->data, field->len);
			break;
	}
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("column \"%s\" of the result cannot have type %s",
					column, format_type_be(type))));
}

static Datum
field_text(const DnsField *field)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	if (field->def->kind == FIELD_NAME)
		encode_name(&buffer, &field->name, false);
	else if (field->def->kind == FIELD_JOINED)
		fields_joined(&buffer, field);
	else
		encode_text(&buffer, field->data, field->len);
	return rows_buffer_datum(&buffer);
}

static Datum
strings_array(const DnsField *field)
{
	ArrayBuildState *state = initArrayResult(BYTEAOID, CurrentMemoryContext,
											 false);
	const uint8 *pos = field->data;
	const uint8 *data;
	size_t		len;

	while (rdata_string(&pos, field->data + field->len, &data, &len))
		state = accumArrayResult(state, bytea_datum(data, len), false,
								 BYTEAOID, CurrentMemoryContext);
	return makeArrayResult(state, CurrentMemoryContext);
}

static Datum
bytea_datum(const uint8 *octets, size_t len)
{
	return PointerGetDatum(cstring_to_text_with_len((const char *) octets, len));
}
