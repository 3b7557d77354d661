/*
 * batches.c
 *
 * The SQL functions that look up records or messages of all names of an array
 * at once, or ask all name servers of an array.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static void answer_message(DnsBatch *batch, uint32 index,
						   DnsAnswer *answer);
static void make_record(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
						Datum *values, bool *nulls);
static void make_message(DnsBatch *batch, uint32 index,
						 const DnsAnswer *answer, Datum *values, bool *nulls);

PG_FUNCTION_INFO_V1(pgcares_query_many);
PG_FUNCTION_INFO_V1(pgcares_message_many);
PG_FUNCTION_INFO_V1(pgcares_message_at_many);

static const DnsBatchKind record_kind = {
	.read = batches_read_name,
	.answer = batch_put_records,
	.make = make_record
};

static const DnsBatchKind message_kind = {
	.nsid = true,
	.read = batches_read_name,
	.answer = answer_message,
	.make = make_message,
	.finish = sections_row
};

/*
 * dns_query_many(names, type, class)
 */
Datum
pgcares_query_many(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {
		INT8OID, TEXTOID, TEXTOID, TEXTOID,
		TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID
	};
	DnsBatch	batch = {.kind = &record_kind};

	rows_begin(fcinfo, types, lengthof(types));
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return (Datum) 0;

	(void) argument_kind(fcinfo, 1, RAISE, &batch.types[0], &batch.class);
	batch.ntypes = 1;
	batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

/*
 * dns_message_many(names, type, class)
 */
Datum
pgcares_message_many(PG_FUNCTION_ARGS)
{
	DnsBatch	batch = {.kind = &message_kind, .ntypes = 1};

	messages_begin(fcinfo, 1);
	(void) argument_kind(fcinfo, 1, RAISE, &batch.types[0], &batch.class);
	batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

/*
 * dns_message_at_many(servers, name, type, class)
 */
Datum
pgcares_message_at_many(PG_FUNCTION_ARGS)
{
	DnsBatch	batch = {.kind = &message_kind, .ntypes = 1};
	DnsQuestion question;
	bool		is_name;

	messages_begin(fcinfo, 1);
	is_name = messages_question(fcinfo, 1, RAISE, &question);
	batch.types[0] = question.type;
	batch.class = question.class;
	batch.written = text_to_cstring(PG_GETARG_TEXT_PP(1));
	server_batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0),
					 is_name ? &question : NULL);
	return (Datum) 0;
}

/*
 * Reads an element that is a text; see DnsBatchKind.
 */
bool
batches_read_name(DnsBatch *batch, uint32 index, DnsName *name)
{
	const text *element = DatumGetTextPP(batch->elements[index]);

	return name_parse_with_len(VARDATA_ANY(element),
							   VARSIZE_ANY_EXHDR(element),
							   setting_idn, name) == NULL;
}

/*
 * Fills the question as the user gave it, its status, and the reason; and the
 * local value if there is one.  written is the question as error messages show it.
 */
void
batches_set_question(DnsBatch *batch, const DnsAnswer *answer, Datum question,
					 const char *written, Datum *values, bool *nulls)
{
	char	   *reason = outcome_reason(&answer->outcome, written);

	values[1] = question;
	values[2] = rows_word_datum(&batch->status, answer->outcome.status->name);
	nulls[1] = nulls[2] = false;
	if (reason != NULL)
	{
		values[3] = CStringGetTextDatum(reason);
		nulls[3] = false;
	}
	if (answer->local != 0)
	{
		values[4] = answer->local;
		nulls[4] = false;
	}
}

/*
 * The same for an element that is a text.
 */
void
batches_set_name(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
				 Datum *values, bool *nulls)
{
	Datum		name = batch->elements[index];

	batches_set_question(batch, answer, name,
						 outcome_is_noerror(&answer->outcome) ? NULL :
						 TextDatumGetCString(name), values, nulls);
}

static void
answer_message(DnsBatch *batch, uint32 index, DnsAnswer *answer)
{
	batch_put(batch, index, 0, answer);
}

/* ord, question, status, reason, and the columns of dns_record */
static void
make_record(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
			Datum *values, bool *nulls)
{
	batches_set_name(batch, index, answer, values, nulls);
	if (answer->rr == NULL)
		return;
	rows_record(&answer->outcome.message, answer->rr, &batch->words, &values[4]);
	memset(&nulls[4], false, 6 * sizeof(bool));
}

/* ord, and the columns of a message except its sections */
static void
make_message(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
			 Datum *values, bool *nulls)
{
	Datum		element = batch->elements[index];

	messages_row(&answer->outcome,
				 batch->written != NULL ? batch->written : TextDatumGetCString(element),
				 &values[1], &nulls[1]);
	values[1 + COLUMN_QUESTION] = element;
	nulls[1 + COLUMN_QUESTION] = false;
}
