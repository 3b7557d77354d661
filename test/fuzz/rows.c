/*
 * rows.c
 *
 * Calls SQL functions like the executor, and checks their rows: all of them are
 * converted to text as for a client.
 */
#include "postgres.h"

#include "fuzz.h"

#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

/*
 * The function with this signature, such as dns_parse(bytea).
 */
Oid
function_named(const char *signature)
{
	return DatumGetObjectId(DirectFunctionCall1(regprocedurein,
												CStringGetDatum(signature)));
}

/*
 * The columns of its rows; never freed.
 */
TupleDesc
columns_of(const char *signature)
{
	MemoryContext old_context = MemoryContextSwitchTo(TopMemoryContext);
	TupleDesc	columns;

	get_func_result_type(function_named(signature), NULL, &columns);
	MemoryContextSwitchTo(old_context);
	return columns;
}

/*
 * A place for rows.
 */
ReturnSetInfo *
open_rows(TupleDesc columns)
{
	ReturnSetInfo *rows = makeNode(ReturnSetInfo);

	rows->allowedModes = SFRM_Materialize;
	rows->expectedDesc = rows->setDesc = columns;
	rows->setResult = tuplestore_begin_heap(false, false, work_mem);
	return rows;
}

/*
 * Checks the rows and closes their place; returns their number.
 */
int
check_rows(ReturnSetInfo *rows)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(rows->setDesc,
													&TTSOpsMinimalTuple);
	int			count = 0;

	while (tuplestore_gettupleslot(rows->setResult, true, false, slot))
	{
		count++;
		slot_getallattrs(slot);
		for (int i = 0; i < rows->setDesc->natts; i++)
		{
			if (!slot->tts_isnull[i])
				check_text(text_of(slot->tts_values[i],
								   TupleDescAttr(rows->setDesc, i)->atttypid));
		}
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rows->setResult);
	return count;
}

/*
 * Calls a function that returns rows, with an argument and a NULL; returns their number.
 */
int
check_rows_of(Oid function, TupleDesc columns, Datum argument)
{
	LOCAL_FCINFO(fcinfo, 2);
	FmgrInfo	flinfo;
	ReturnSetInfo *rows = makeNode(ReturnSetInfo);

	rows->econtext = makeNode(ExprContext);
	rows->econtext->ecxt_per_query_memory = CurrentMemoryContext;
	rows->econtext->ecxt_per_tuple_memory = CurrentMemoryContext;
	rows->allowedModes = SFRM_Materialize;
	rows->expectedDesc = columns;
	fmgr_info(function, &flinfo);
	InitFunctionCallInfoData(*fcinfo, &flinfo, 2, InvalidOid, NULL,
							 (Node *) rows);
	fcinfo->args[0].value = argument;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = (Datum) 0;
	fcinfo->args[1].isnull = true;
	(void) FunctionCallInvoke(fcinfo);
	return check_rows(rows);
}

/*
 * A value in the text form for a client.
 */
char *
text_of(Datum value, Oid type)
{
	Oid			function;
	bool		varlena;

	getTypeOutputInfo(type, &function, &varlena);
	return OidOutputFunctionCall(function, value);
}
