/*
 * catalog.c
 *
 * SQL functions that show record types, statuses, versions, counters and the
 * name servers in use, and one that resets the servers' state.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* A status code of the library. */
typedef struct LibraryCode
{
	int			code;
	const char *name;
	const char *status;			/* the same outcome here, or NULL */
	int			sqlstate;		/* of the error for it, if it has no status; or 0 */
} LibraryCode;

static const LibraryCode library_codes[] = {
	{ARES_SUCCESS, "ARES_SUCCESS", "NOERROR", 0},
	{ARES_ENODATA, "ARES_ENODATA", "NODATA", 0},
	{ARES_EFORMERR, "ARES_EFORMERR", "FORMERR", 0},
	{ARES_ESERVFAIL, "ARES_ESERVFAIL", "SERVFAIL", 0},
	{ARES_ENOTFOUND, "ARES_ENOTFOUND", "NXDOMAIN", 0},
	{ARES_ENOTIMP, "ARES_ENOTIMP", "NOTIMP", 0},
	{ARES_EREFUSED, "ARES_EREFUSED", "REFUSED", 0},
	{ARES_EBADQUERY, "ARES_EBADQUERY", NULL, 0},
	{ARES_EBADNAME, "ARES_EBADNAME", "BADNAME", 0},
	{ARES_EBADFAMILY, "ARES_EBADFAMILY", NULL, ERRCODE_INVALID_PARAMETER_VALUE},
	{ARES_EBADRESP, "ARES_EBADRESP", "MALFORMED", 0},
	{ARES_ECONNREFUSED, "ARES_ECONNREFUSED", "UNREACHABLE", 0},
	{ARES_ETIMEOUT, "ARES_ETIMEOUT", "TIMEOUT", 0},
	{ARES_EOF, "ARES_EOF", NULL, 0},
	{ARES_EFILE, "ARES_EFILE", NULL, 0},
	{ARES_ENOMEM, "ARES_ENOMEM", NULL, ERRCODE_OUT_OF_MEMORY},
	{ARES_EDESTRUCTION, "ARES_EDESTRUCTION", NULL, 0},
	{ARES_EBADSTR, "ARES_EBADSTR", NULL, 0},
	{ARES_EBADFLAGS, "ARES_EBADFLAGS", NULL, ERRCODE_INVALID_PARAMETER_VALUE},
	{ARES_ENONAME, "ARES_ENONAME", NULL, 0},
	{ARES_EBADHINTS, "ARES_EBADHINTS", NULL, ERRCODE_INVALID_PARAMETER_VALUE},
	{ARES_ENOTINITIALIZED, "ARES_ENOTINITIALIZED", NULL, 0},
	{ARES_ELOADIPHLPAPI, "ARES_ELOADIPHLPAPI", NULL, 0},
	{ARES_EADDRGETNETWORKPARAMS, "ARES_EADDRGETNETWORKPARAMS", NULL, 0},
	{ARES_ECANCELLED, "ARES_ECANCELLED", NULL, ERRCODE_QUERY_CANCELED},
	{ARES_ESERVICE, "ARES_ESERVICE", NULL, ERRCODE_INVALID_PARAMETER_VALUE},
	{ARES_ENOSERVER, "ARES_ENOSERVER", "NOSERVER", 0},
};

static const LibraryCode *library_code_of(const char *status);
static void put_status(ReturnSetInfo *rsinfo, const DnsStatus *status,
					   const LibraryCode *library);

PG_FUNCTION_INFO_V1(pgcares_version);
PG_FUNCTION_INFO_V1(pgcares_strerror);
PG_FUNCTION_INFO_V1(pgcares_statuses);
PG_FUNCTION_INFO_V1(pgcares_status_is_final);
PG_FUNCTION_INFO_V1(pgcares_types);
PG_FUNCTION_INFO_V1(pgcares_servers);
PG_FUNCTION_INFO_V1(pgcares_reset);
PG_FUNCTION_INFO_V1(pgcares_stats);

/*
 * dns_version(): the library's version is that of the loaded library.
 */
Datum
pgcares_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("pgcares %s, c-ares %s",
											  PGCARES_RELEASE,
											  ares_version(NULL))));
}

/*
 * dns_strerror(code): the library's message for one of its statuses.
 */
Datum
pgcares_strerror(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(ares_strerror(PG_GETARG_INT32(0))));
}

/*
 * dns_statuses(): the statuses, each with the library's code for the same outcome, and
 * then the library's other codes.
 */
Datum
pgcares_statuses(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, INT4OID, TEXTOID, TEXTOID, INT4OID, TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const DnsStatus *status;

	rows_begin(fcinfo, types, lengthof(types));
	for (int i = 0; (status = status_at(i)) != NULL; i++)
		put_status(rsinfo, status, library_code_of(status->name));
	for (int i = 0; i < (int) lengthof(library_codes); i++)
	{
		if (library_codes[i].status == NULL)
			put_status(rsinfo, NULL, &library_codes[i]);
	}
	return (Datum) 0;
}

/*
 * dns_status_is_final(status)
 */
Datum
pgcares_status_is_final(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const DnsStatus *status = status_by_text(name);

	if (status == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid status \"%s\"", name),
				 errhint("dns_statuses() has all statuses.")));
	PG_RETURN_BOOL(status->final);
}

/*
 * dns_types()
 */
Datum
pgcares_types(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, INT4OID, TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const DnsType *type;

	rows_begin(fcinfo, types, lengthof(types));
	for (int i = 0; (type = rrtype_at(i)) != NULL; i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(type->name);
		values[1] = Int32GetDatum(type->code);
		values[2] = CStringGetTextDatum(type->meaning);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * dns_servers(): the servers that a lookup would ask now, in configured order.
 */
Datum
pgcares_servers(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {INT4OID, INETOID, INT4OID, INT4OID, TEXTOID, TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DnsServer	servers[MAX_ASKED_SERVERS];
	const char *source;
	int			count;

	rows_begin(fcinfo, types, lengthof(types));
	count = channel_servers(servers, lengthof(servers), &source);
	for (int i = 0; i < count; i++)
	{
		DnsServer  *server = &servers[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		values[0] = Int32GetDatum(i + 1);
		values[1] = InetPGetDatum(address_inet(server->address,
											   server->family == AF_INET ? 4 : 16));
		values[2] = Int32GetDatum(server->udp_port);
		values[3] = Int32GetDatum(server->tcp_port);
		values[4] = CStringGetTextDatum(server->interface);
		nulls[4] = server->interface[0] == '\0';
		values[5] = CStringGetTextDatum(source);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * dns_reset(): forgets what the process has learned about the name servers.
 */
Datum
pgcares_reset(PG_FUNCTION_ARGS)
{
	channel_reset();
	PG_RETURN_VOID();
}

/*
 * dns_stats(): the counters of this process since it began.
 */
Datum
pgcares_stats(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, INT8OID, TEXTOID};
	const struct
	{
		const char *name;
		uint64		value;
		const char *meaning;
	}			rows[] = {
		{"questions", counters.questions, "questions that were to be asked"},
		{"shared", counters.shared, "questions that had the answer of an equal one of the statement"},
		{"cache_hits", counters.cache_hits, "questions that the answer cache answered"},
		{"queries", counters.queries, "queries that were sent"},
		{"tcp_queries", counters.tcp_queries, "queries that were sent over TCP"},
		{"resends", counters.resends, "queries that were sent once more, since a datagram seemed lost"},
		{"answers", counters.answers, "answers that came"},
		{"malformed", counters.malformed, "answers that were not sound"},
		{"ignored", counters.ignored, "messages that came and answered no question"},
		{"timeouts", counters.timeouts, "questions whose time was up"},
		{"channels", counters.channels, "channels that were made"},
		{"sockets", counters.sockets, "sockets that were opened"},
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	rows_begin(fcinfo, types, lengthof(types));
	for (int i = 0; i < (int) lengthof(rows); i++)
	{
		Datum		values[3];
		bool		nulls[3] = {false};

		values[0] = CStringGetTextDatum(rows[i].name);
		values[1] = Int64GetDatum((int64) rows[i].value);
		values[2] = CStringGetTextDatum(rows[i].meaning);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

static const LibraryCode *
library_code_of(const char *status)
{
	for (int i = 0; i < (int) lengthof(library_codes); i++)
	{
		if (library_codes[i].status != NULL &&
			strcmp(library_codes[i].status, status) == 0)
			return &library_codes[i];
	}
	return NULL;
}

/* Adds a row of dns_statuses(); one of the two can be NULL. */
static void
put_status(ReturnSetInfo *rsinfo, const DnsStatus *status,
		   const LibraryCode *library)
{
	int			sqlstate = status != NULL ? status->sqlstate : library->sqlstate;
	Datum		values[6] = {0};
	bool		nulls[6] = {false};

	nulls[0] = nulls[1] = status == NULL;
	if (status != NULL)
	{
		values[0] = CStringGetTextDatum(status->name);
		values[1] = Int32GetDatum(status->code);
	}
	nulls[2] = status == NULL && sqlstate == 0;
	if (!nulls[2])
		values[2] = CStringGetTextDatum(unpack_sql_state(sqlstate));
	values[3] = CStringGetTextDatum(status != NULL ? status->message :
									ares_strerror(library->code));
	nulls[4] = nulls[5] = library == NULL;
	if (library != NULL)
	{
		values[4] = Int32GetDatum(library->code);
		values[5] = CStringGetTextDatum(library->name);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}
