/*
 * cache_entries.c
 *
 * The SQL functions that show the answers which are kept, and forget them.  They concern
 * the present database only.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"

static void put_entry(ReturnSetInfo *rsinfo, const CacheEntry *entry, int64 now);
static const char *status_of(const CacheEntry *entry);

PG_FUNCTION_INFO_V1(pgcares_cache_entries);
PG_FUNCTION_INFO_V1(pgcares_cache_flush);

/*
 * dns_cache_entries(): the answers that are kept.  Those of one part are copied at a time.
 */
Datum
pgcares_cache_entries(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, INT8OID, INT4OID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext context;
	MemoryContext old_context;

	rows_begin(fcinfo, types, lengthof(types));
	if (!cache_store_attach(false))
		return (Datum) 0;
	context = AllocSetContextCreate(CurrentMemoryContext, "pgcares cache",
									ALLOCSET_DEFAULT_SIZES);
	old_context = MemoryContextSwitchTo(context);
	for (int i = 0; i < cache_store_parts(); i++)
	{
		int64		now = clock_shared();
		ListCell   *cell;

		foreach(cell, cache_store_entries(i, MyDatabaseId, now))
		{
			CHECK_FOR_INTERRUPTS();
			put_entry(rsinfo, lfirst(cell), now);
		}
		MemoryContextReset(context);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
	return (Datum) 0;
}

/*
 * dns_cache_flush(name, type): forgets answers, and returns their number.
 */
Datum
pgcares_cache_flush(PG_FUNCTION_ARGS)
{
	DnsName		name;
	uint16		type = 0;

	if (!PG_ARGISNULL(0))
	{
		char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(0));
		const char *reason = name_parse(written, setting_idn, &name);

		if (reason != NULL)
			name_refuse(written, reason);
	}
	if (!PG_ARGISNULL(1))
		(void) question_type(text_to_cstring(PG_GETARG_TEXT_PP(1)), RAISE, &type);
	if (!cache_store_attach(false))
		PG_RETURN_INT64(0);
	PG_RETURN_INT64(cache_store_flush(MyDatabaseId, PG_ARGISNULL(0) ? NULL : &name,
									  PG_ARGISNULL(1) ? -1 : type, clock_shared()));
}

/* Adds the row of an entry: question, type, class, status, seconds_left, hits, octets. */
static void
put_entry(ReturnSetInfo *rsinfo, const CacheEntry *entry, int64 now)
{
	const CacheAnswer *answer = &entry->answer;
	StringInfoData name;
	Datum		values[7];
	bool		nulls[7] = {false};

	initStringInfo(&name);
	encode_name(&name, &entry->key.name, false);
	values[0] = rows_buffer_datum(&name);
	values[1] = CStringGetTextDatum(rrtype_text(entry->key.type));
	values[2] = CStringGetTextDatum(rrclass_text(entry->key.class));
	values[3] = CStringGetTextDatum(status_of(entry));
	values[4] = Int32GetDatum(answer->ttl - (int32) ((now - answer->since) / 1000000));
	values[5] = Int64GetDatum((int64) entry->hits);
	values[6] = Int32GetDatum(answer->len);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* The status that a lookup would have. */
static const char *
status_of(const CacheEntry *entry)
{
	DnsMessage	message;
	DnsOutcome	outcome;

	if (entry->answer.len == 0)
		return entry->answer.status == ARES_ETIMEOUT ? "TIMEOUT" : "UNREACHABLE";
	if (!message_open(&message, entry->octets, entry->answer.len))
		elog(ERROR, "a kept answer is damaged");
	message.places = entry->answer.places;
	outcome_read_message(&outcome, &message);
	return outcome.status->name;
}
