/*
 * statistics.c
 *
 * SQL functions that show what all sessions have counted and what they are looking up
 * now.  The views of the extension call them.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static void require_view(FunctionCallInfo fcinfo, const char *view);
static bool require_memory(void);
static int	put_tally(const DnsTotal *total, TotalsBy by, Datum *values, bool *nulls);
static uint64 count_queries(const DnsTally *tally);
static Datum trips_array(const DnsTally *tally);
static bool may_see(const ProgressRow *row);
static void put_progress(ReturnSetInfo *rsinfo, const ProgressRow *row);

PG_FUNCTION_INFO_V1(pgcares_server_statistics);
PG_FUNCTION_INFO_V1(pgcares_type_statistics);
PG_FUNCTION_INFO_V1(pgcares_progress);
PG_FUNCTION_INFO_V1(pgcares_stat_reset);

/*
 * dns_server_statistics(): for the view dns_stat_servers.
 */
Datum
pgcares_server_statistics(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {
		INETOID, INT4OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
		INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID,
		INT8ARRAYOID, INT8OID, INT4OID, TIMESTAMPTZOID
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DnsTotal   *totals;
	TimestampTz reset;
	int			count;

	rows_begin(fcinfo, types, lengthof(types));
	require_view(fcinfo, "dns_stat_servers");
	if (!require_memory())
		return (Datum) 0;
	count = totals_copy(TOTALS_BY_SERVER, &totals, &reset);
	for (int i = 0; i < count; i++)
	{
		const DnsTotal *total = &totals[i];
		const DnsTally *tally = &total->tally;
		Datum		values[21];
		bool		nulls[21] = {false};
		int			n = 0;

		/* The first row is for the servers that have none; most often for nobody. */
		if (i == 0 && count_queries(tally) == 0)
			continue;
		nulls[0] = nulls[1] = i == 0;
		values[n++] = i == 0 ? (Datum) 0 :
			InetPGetDatum(address_inet(total->server.address,
									   total->server.family == AF_INET ? 4 : 16));
		values[n++] = Int32GetDatum(total->server.port);
		values[n++] = Int64GetDatum(tally->first + tally->passed_on);
		n += put_tally(total, TOTALS_BY_SERVER, values + n, nulls + n);
		values[n++] = Int64GetDatum(total->in_flight);
		nulls[n] = total->level == 0;
		values[n++] = Int32GetDatum(total->level);
		values[n++] = TimestampTzGetDatum(reset);
		Assert(n == lengthof(values));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * dns_type_statistics(): for the view dns_stat_types.
 */
Datum
pgcares_type_statistics(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {
		TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
		INT8OID, INT8OID, INT8OID, INT8OID, FLOAT8OID, INT8ARRAYOID, INT8OID, TIMESTAMPTZOID
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DnsTotal   *totals;
	TimestampTz reset;
	int			count;

	rows_begin(fcinfo, types, lengthof(types));
	require_view(fcinfo, "dns_stat_types");
	if (!require_memory())
		return (Datum) 0;
	count = totals_copy(TOTALS_BY_TYPE, &totals, &reset);
	for (int i = 0; i < count; i++)
	{
		const DnsTotal *total = &totals[i];
		Datum		values[17];
		bool		nulls[17] = {false};
		int			n = 0;

		if (i == 0 && count_queries(&total->tally) == 0)
			continue;
		nulls[0] = i == 0;
		values[n++] = i == 0 ? (Datum) 0 : CStringGetTextDatum(rrtype_text(total->type));
		values[n++] = Int64GetDatum(total->tally.first);
		n += put_tally(total, TOTALS_BY_TYPE, values + n, nulls + n);
		values[n++] = Int64GetDatum(total->in_flight);
		values[n++] = TimestampTzGetDatum(reset);
		Assert(n == lengthof(values));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * dns_progress(): for the view dns_stat_progress.  Shows what pg_stat_activity shows to
 * the same user.
 */
Datum
pgcares_progress(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {
		INT4OID, NAMEOID, NAMEOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
		INTERVALOID, TIMESTAMPTZOID
	};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	rows_begin(fcinfo, types, lengthof(types));
	if (!require_memory())
		return (Datum) 0;
	for (int i = 0; i < progress_rows(); i++)
	{
		ProgressRow row;

		if (progress_read(i, &row) && may_see(&row))
			put_progress(rsinfo, &row);
	}
	return (Datum) 0;
}

/*
 * dns_stat_reset(): sets the counts of all sessions to zero.
 */
Datum
pgcares_stat_reset(PG_FUNCTION_ARGS)
{
	totals_reset();
	PG_RETURN_VOID();
}

/*
 * Raises unless the caller may read the view that shows the rows: the right to see them
 * is granted there, and PostgreSQL checks a function in a view with the rights of whoever
 * reads the view.
 */
static void
require_view(FunctionCallInfo fcinfo, const char *view)
{
	Oid			schema = get_func_namespace(fcinfo->flinfo->fn_oid);
	Oid			relation = get_relname_relid(view, schema);

	if (!OidIsValid(relation) ||
		pg_class_aclcheck(relation, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_VIEW, view);
}

/* Tells why there are no rows if there is no shared memory. */
static bool
require_memory(void)
{
	if (shared_memory_is_there())
		return true;
	ereport(NOTICE,
			(errmsg("sessions do not tell each other what they look up"),
			 errhint("Add pgcares to shared_preload_libraries and restart the server.")));
	return false;
}

/*
 * Puts the columns from queries to round_trips; by type, there are two less.  Gives their
 * number.
 */
static int
put_tally(const DnsTotal *total, TotalsBy by, Datum *values, bool *nulls)
{
	const DnsTally *tally = &total->tally;
	uint64		trips = 0;
	int			n = 0;

	for (int i = 0; i < TALLY_TRIPS; i++)
		trips += tally->trips[i];
	values[n++] = Int64GetDatum(count_queries(tally));
	for (int i = TALLY_NOERROR; i <= TALLY_OTHER; i++)
		values[n++] = Int64GetDatum(tally->answers[i]);
	values[n++] = Int64GetDatum(tally->timeouts);
	if (by == TOTALS_BY_SERVER)
		values[n++] = Int64GetDatum(total->refused);
	values[n++] = Int64GetDatum(tally->tcp);
	values[n++] = Int64GetDatum(tally->sent_again);
	values[n++] = Int64GetDatum(tally->answers[TALLY_MALFORMED]);
	if (by == TOTALS_BY_SERVER)
		values[n++] = Int64GetDatum(total->ignored);
	nulls[n] = trips == 0;
	values[n++] = Float8GetDatum(trips == 0 ? 0 : tally->trip_time / 1000.0 / trips);
	values[n++] = trips_array(tally);
	return n;
}

static uint64
count_queries(const DnsTally *tally)
{
	return tally->first + tally->passed_on + tally->sent_again + tally->probes;
}

static Datum
trips_array(const DnsTally *tally)
{
	Datum		elements[TALLY_TRIPS];

	for (int i = 0; i < TALLY_TRIPS; i++)
		elements[i] = Int64GetDatum(tally->trips[i]);
	return PointerGetDatum(construct_array(elements, TALLY_TRIPS, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* The rule of pg_stat_activity. */
static bool
may_see(const ProgressRow *row)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), row->role);
}

static void
put_progress(ReturnSetInfo *rsinfo, const ProgressRow *row)
{
	char	   *database = get_database_name(row->database);
	char	   *role = GetUserNameFromId(row->role, true);
	NameData	names[2];
	Datum		values[11];
	bool		nulls[11] = {false};
	Interval   *waits = palloc0(sizeof(Interval));

	namestrcpy(&names[0], database != NULL ? database : "");
	namestrcpy(&names[1], role != NULL ? role : "");
	values[0] = Int32GetDatum(row->pid);
	values[1] = NameGetDatum(&names[0]);
	nulls[1] = database == NULL;
	values[2] = NameGetDatum(&names[1]);
	nulls[2] = role == NULL;
	values[3] = CStringGetTextDatum(row->ahead ? "look-ahead" : "call");
	values[4] = Int64GetDatum(row->known);
	values[5] = Int64GetDatum(row->done);
	values[6] = Int64GetDatum(row->failed);
	values[7] = Int64GetDatum(row->fresh);
	values[8] = Int64GetDatum(row->waiting);
	waits->time = clock_later(GetCurrentTimestamp() - row->oldest, 0);
	values[9] = IntervalPGetDatum(waits);
	nulls[9] = row->oldest == 0;
	values[10] = TimestampTzGetDatum(row->since);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}
