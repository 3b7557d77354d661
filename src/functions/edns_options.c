/*
 * edns_options.c
 *
 * The EDNS options of a message as rows.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static void put_option(ReturnSetInfo *rsinfo, uint16 code, const uint8 *octets,
					   size_t len);

PG_FUNCTION_INFO_V1(pgcares_edns_options);

/*
 * dns_edns_options(message): in the order of the message.  No rows if it has no OPT
 * record, or the octets are no message.
 */
Datum
pgcares_edns_options(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INT4OID, TEXTOID, JSONBOID, BYTEAOID};
	DnsMessage	message;
	DnsRR		opt;

	rows_begin(fcinfo, types, lengthof(types));
	if (messages_open(&message, PG_GETARG_BYTEA_PP(0)) == NULL &&
		message_opt(&message, &opt))
	{
		const uint8 *pos = opt.rdata;
		const uint8 *octets;
		uint16		code;
		size_t		len;

		while (message_next_option(&opt, &pos, &code, &octets, &len))
			put_option((ReturnSetInfo *) fcinfo->resultinfo, code, octets, len);
	}
	return (Datum) 0;
}

static void
put_option(ReturnSetInfo *rsinfo, uint16 code, const uint8 *octets, size_t len)
{
	bytea	   *copy = palloc(VARHDRSZ + len);
	Jsonb	   *data = options_data(code, octets, len);
	StringInfoData name;
	Datum		values[4];
	bool		nulls[4] = {false, false, data == NULL, false};

	initStringInfo(&name);
	options_name(&name, code);
	SET_VARSIZE(copy, VARHDRSZ + len);
	memcpy(VARDATA(copy), octets, len);
	values[0] = Int32GetDatum(code);
	values[1] = CStringGetTextDatum(name.data);
	values[2] = JsonbPGetDatum(data);
	values[3] = PointerGetDatum(copy);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}
