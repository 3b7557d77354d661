/*
 * fail.c
 *
 * Allocations that fail, for tests: linked into their own library (build), it wraps
 * all functions by which pgcares, and its copy of c-ares, get memory.  In one
 * transaction it counts the calls of these functions and lets some of them fail, as
 * if there were no memory: malloc() returns NULL, and the server's functions raise.
 */
#include "postgres.h"

#include <malloc.h>

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "access/xact.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/tuplesort.h"

/* The allocations that fail, counted from 1; and their counts. */
static int64 first = 0;
static int64 last = 0;
static bool awaited = false;	/* from the next transaction on */
static bool counting = false;
static int64 counted = 0;
static int64 failed = 0;

/* Memory from malloc() and its like that was not freed. */
static int64 blocks = 0;

/* From preload.c, if it is loaded; and whether this file has asked already. */
extern bool (*allocation_fails) (void) __attribute__((weak));
static bool asked = false;

static bool fails(void);
static bool fails_below(void);
static void raise_if_it_fails(void);
static void transaction_ended(XactEvent event, void *arg);

PG_FUNCTION_INFO_V1(pgcares_fail);
PG_FUNCTION_INFO_V1(pgcares_failed);
PG_FUNCTION_INFO_V1(pgcares_blocks);

/*
 * fail(n, times): in the next transaction the n-th allocation fails, and the next
 * ones, times in all.
 */
Datum
pgcares_fail(PG_FUNCTION_ARGS)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(transaction_ended, NULL);
	registered = true;
	first = PG_GETARG_INT64(0);
	last = first + PG_GETARG_INT64(1) - 1;
	awaited = true;
	if (&allocation_fails != NULL)
		allocation_fails = fails_below;
	PG_RETURN_VOID();
}

/*
 * failed(): the number of allocations that have failed.
 */
Datum
pgcares_failed(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(failed);
}

/*
 * blocks(): the number of blocks in use outside memory contexts.
 */
Datum
pgcares_blocks(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(blocks);
}

static void
transaction_ended(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT)
		return;
	counting = awaited;
	awaited = false;
	if (counting)
		counted = failed = 0;
}

static bool
fails(void)
{
	if (!counting)
		return false;
	counted++;
	if (counted < first || counted > last)
		return false;
	failed++;
	return true;
}

static bool
fails_below(void)
{
	if (asked)
		return asked = false;
	return fails();
}

/* In the way of the server. */
static void
raise_if_it_fails(void)
{
	if (fails())
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Allocation " INT64_FORMAT " was to fail.", counted)));
}

/* ---- Memory that is not the server's ---- */

/* The function that gives the memory, unless it is to fail. */
#define GIVING(type, name, parameters, arguments, new) \
	extern type __real_##name parameters; \
	extern type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		type memory; \
		if (fails()) \
		{ \
			errno = ENOMEM; \
			return NULL; \
		} \
		asked = true; \
		memory = __real_##name arguments; \
		asked = false; \
		blocks += (memory != NULL && (new)); \
		return memory; \
	}

GIVING(void *, malloc, (size_t size), (size), true)
GIVING(void *, calloc, (size_t count, size_t size), (count, size), true)
GIVING(void *, realloc, (void *old, size_t size), (old, size), old == NULL)
GIVING(char *, strdup, (const char *text), (text), true)

extern void __real_free(void *memory);
extern void __wrap_free(void *memory);

void
__wrap_free(void *memory)
{
	blocks -= (memory != NULL);
	__real_free(memory);
}

/* ---- Memory contexts, and functions that put something into one ---- */

#define RAISING(type, name, parameters, arguments) \
	extern type __real_##name parameters; \
	extern type __wrap_##name parameters; \
	type __wrap_##name parameters \
	{ \
		raise_if_it_fails(); \
		return __real_##name arguments; \
	}

/* The flags can ask for NULL instead. */
#define ASKING(name, parameters, arguments) \
	extern void *__real_##name parameters; \
	extern void *__wrap_##name parameters; \
	void * \
	__wrap_##name parameters \
	{ \
		if (!(flags & MCXT_ALLOC_NO_OOM)) \
			raise_if_it_fails(); \
		else if (fails()) \
			return NULL; \
		return __real_##name arguments; \
	}

RAISING(void *, palloc, (Size size), (size))
RAISING(void *, palloc0, (Size size), (size))
RAISING(void *, repalloc, (void *old, Size size), (old, size))
RAISING(void *, repalloc_huge, (void *old, Size size), (old, size))
RAISING(char *, pstrdup, (const char *text), (text))
RAISING(void *, MemoryContextAlloc, (MemoryContext context, Size size), (context, size))
RAISING(void *, MemoryContextAllocZero, (MemoryContext context, Size size), (context, size))
RAISING(void *, MemoryContextAllocHuge, (MemoryContext context, Size size), (context, size))
RAISING(char *, MemoryContextStrdup, (MemoryContext context, const char *text), (context, text))
ASKING(palloc_extended, (Size size, int flags), (size, flags))
ASKING(MemoryContextAllocExtended, (MemoryContext context, Size size, int flags), (context, size, flags))
#if PG_VERSION_NUM < 170000
RAISING(void *, MemoryContextAllocZeroAligned, (MemoryContext context, Size size), (context, size))
#endif

RAISING(MemoryContext, AllocSetContextCreateInternal,
		(MemoryContext parent, const char *name, Size min, Size init, Size max),
		(parent, name, min, init, max))
RAISING(MemoryContext, GenerationContextCreate,
		(MemoryContext parent, const char *name, Size min, Size init, Size max),
		(parent, name, min, init, max))
RAISING(HTAB *, hash_create, (const char *name, long size, const HASHCTL *info, int flags),
		(name, size, info, flags))
RAISING(void *, hash_search, (HTAB *table, const void *key, HASHACTION action, bool *found),
		(table, key, action, found))

RAISING(text *, cstring_to_text, (const char *string), (string))
RAISING(text *, cstring_to_text_with_len, (const char *string, int len), (string, len))
RAISING(char *, text_to_cstring, (const text *string), (string))
RAISING(void, initStringInfo, (StringInfo string), (string))
RAISING(void, enlargeStringInfo, (StringInfo string, int needed), (string, needed))
RAISING(void, appendStringInfoString, (StringInfo string, const char *more), (string, more))
RAISING(List *, lappend, (List *list, void *element), (list, element))

RAISING(TupleDesc, CreateTemplateTupleDesc, (int natts), (natts))
RAISING(void, InitMaterializedSRF, (FunctionCallInfo fcinfo, bits32 flags), (fcinfo, flags))
RAISING(HeapTuple, heap_form_tuple, (TupleDesc desc, Datum *values, bool *nulls), (desc, values, nulls))
RAISING(void, tuplestore_putvalues, (Tuplestorestate *store, TupleDesc desc, Datum *values, bool *nulls),
		(store, desc, values, nulls))
RAISING(void, tuplesort_puttupleslot, (Tuplesortstate *sort, TupleTableSlot *slot), (sort, slot))
RAISING(JsonbValue *, pushJsonbValue, (JsonbParseState **state, JsonbIteratorToken token, JsonbValue *value),
		(state, token, value))
RAISING(Jsonb *, JsonbValueToJsonb, (JsonbValue *value), (value))
RAISING(ArrayBuildState *, accumArrayResult,
		(ArrayBuildState *state, Datum element, bool null, Oid type, MemoryContext context),
		(state, element, null, type, context))
