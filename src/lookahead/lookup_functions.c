/*
 * lookup_functions.c
 *
 * Which functions of SQL are lookup functions, whatever they are called there
 * and wherever the extension lives: those that run the C functions listed here.
 * What tells the questions of a call is in the file of its function, and reads
 * the arguments as the function does.  The functions that ask servers of the
 * caller's choice, and those that ask for a whole array, have no such thing.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"

/* What is known of a function of SQL. */
typedef struct KnownFunction
{
	Oid			function;		/* the key */
	const LookupFunction *call;		/* NULL if it looks up nothing */
} KnownFunction;

/* What is known of the functions with a hash value in the system's cache. */
typedef struct KnownHash
{
	uint32		hash;			/* the key */
	bool		lookup;			/* one of them is a lookup function */
} KnownHash;

/* By OID and by hash value; NULL while nothing is known. */
static HTAB *known = NULL;
static HTAB *known_hashes = NULL;

static const LookupFunction *find_function(Oid function);
static const LookupFunction *read_function(Oid function);
static const LookupFunction *call_by_symbol(const char *symbol);
static void note_hash(Oid function, bool lookup);
static void create_known(void);
static void forget(Datum arg, int cache, uint32 hash);

/* Defined elsewhere; without the mark they would be hidden from fmgr. */
#define DECLARE(symbol, type) \
	extern PGDLLEXPORT Datum symbol(PG_FUNCTION_ARGS);

TYPED_FUNCTIONS(DECLARE)
DECLARE(pgcares_ptr_inet, 0)
DECLARE(pgcares_query, 0)
DECLARE(pgcares_search, 0)
DECLARE(pgcares_lookup, 0)
DECLARE(pgcares_reverse, 0)
DECLARE(pgcares_addresses, 0)
DECLARE(pgcares_gethostbyname, 0)
DECLARE(pgcares_gethostbyaddr, 0)
DECLARE(pgcares_getaddrinfo, 0)
DECLARE(pgcares_getnameinfo, 0)
DECLARE(pgcares_message, 0)
DECLARE(pgcares_message_json, 0)
DECLARE(pgcares_query_at, 0)
DECLARE(pgcares_message_at, 0)
DECLARE(pgcares_query_many, 0)
DECLARE(pgcares_reverse_many, 0)
DECLARE(pgcares_lookup_many, 0)
DECLARE(pgcares_message_many, 0)

#define CALL(symbol, questions)		{#symbol, symbol, questions, 0},
#define TYPED_CALL(symbol, type)	{#symbol, symbol, query_typed_questions, type},

static const LookupFunction calls[] = {
	TYPED_FUNCTIONS(TYPED_CALL)
	CALL(pgcares_ptr_inet, query_address_questions)
	CALL(pgcares_query, query_questions)
	CALL(pgcares_search, search_questions)
	CALL(pgcares_lookup, hosts_call_questions)
	CALL(pgcares_reverse, hosts_names_call_questions)
	CALL(pgcares_addresses, hosts_call_questions)
	CALL(pgcares_gethostbyname, hosts_call_questions)
	CALL(pgcares_gethostbyaddr, hosts_names_call_questions)
	CALL(pgcares_getaddrinfo, addrinfo_questions)
	CALL(pgcares_getnameinfo, nameinfo_questions)
	CALL(pgcares_message, message_questions)
	CALL(pgcares_message_json, message_questions)

	/* These ask by themselves. */
	CALL(pgcares_query_at, NULL)
	CALL(pgcares_message_at, NULL)
	CALL(pgcares_query_many, NULL)
	CALL(pgcares_reverse_many, NULL)
	CALL(pgcares_lookup_many, NULL)
	CALL(pgcares_message_many, NULL)
};

/*
 * Sees to it that what is known of functions is given up when one changes.
 */
void
lookup_functions_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget, (Datum) 0);
}

/*
 * The lookup function that a function of SQL is and whose questions can be told,
 * or NULL.  One that runs with rights or settings of its own is none: its
 * arguments would be read with others.
 */
const LookupFunction *
lookup_functions_find(Oid function)
{
	const LookupFunction *call = find_function(function);

	return call != NULL && call->questions != NULL ? call : NULL;
}

/*
 * Does a function look something up, and nothing else?
 */
bool
lookup_functions_has(Oid function)
{
	return find_function(function) != NULL;
}

/*
 * May a function with this hash value be a lookup function, as far as functions
 * are known?  What a plan depends on is told by hash values only.
 */
bool
lookup_functions_may_have(uint32 hash)
{
	KnownHash  *entry = NULL;

	if (known_hashes != NULL)
		entry = hash_search(known_hashes, &hash, HASH_FIND, NULL);
	return entry == NULL || entry->lookup;
}

/* What is known of a function, from memory if it was read before. */
static const LookupFunction *
find_function(Oid function)
{
	KnownFunction *entry;
	const LookupFunction *call;

	if (function < FirstUnpinnedObjectId)
		return NULL;			/* one of the server itself */
	if (known == NULL)
		create_known();
	entry = hash_search(known, &function, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->call;

	call = read_function(function);
	/* While that was read, functions may have changed: then it is not kept. */
	if (known != NULL)
	{
		entry = hash_search(known, &function, HASH_ENTER, NULL);
		entry->call = call;
		note_hash(function, call != NULL && call->questions != NULL);
	}
	return call;
}

/*
 * Reads the catalog.  Where the symbol is not one of ours the library is not
 * looked for, since that would load it, or raise if it is not there.
 */
static const LookupFunction *
read_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	const LookupFunction *call = NULL;
	FmgrInfo	info;

	if (!HeapTupleIsValid(tuple))
		return NULL;			/* dropped meanwhile: the call reports that */
	if (((Form_pg_proc) GETSTRUCT(tuple))->prolang == ClanguageId)
	{
		bool		is_null;
		Datum		symbol = SysCacheGetAttr(PROCOID, tuple,
											 Anum_pg_proc_prosrc, &is_null);

		if (!is_null)
			call = call_by_symbol(TextDatumGetCString(symbol));
	}
	ReleaseSysCache(tuple);
	if (call == NULL)
		return NULL;

	/* Neither is it ours where fmgr has to do more than to call it. */
	fmgr_info(function, &info);
	return info.fn_addr == call->function ? call : NULL;
}

static const LookupFunction *
call_by_symbol(const char *symbol)
{
	for (int i = 0; i < (int) lengthof(calls); i++)
	{
		if (strcmp(calls[i].symbol, symbol) == 0)
			return &calls[i];
	}
	return NULL;
}

static void
note_hash(Oid function, bool lookup)
{
	uint32		hash = GetSysCacheHashValue1(PROCOID,
											 ObjectIdGetDatum(function));
	bool		found;
	KnownHash  *entry = hash_search(known_hashes, &hash, HASH_ENTER, &found);

	entry->lookup = lookup || (found && entry->lookup);
}

static void
create_known(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(KnownFunction)
	};
	HASHCTL		hash_control = {
		.keysize = sizeof(uint32),
		.entrysize = sizeof(KnownHash)
	};

	if (known_hashes == NULL)
		known_hashes = hash_create("pgcares function hashes", 64, &hash_control,
								   HASH_ELEM | HASH_BLOBS);
	known = hash_create("pgcares functions", 64, &control,
						HASH_ELEM | HASH_BLOBS);
}

/* Some function has changed, or all of them may have. */
static void
forget(Datum arg, int cache, uint32 hash)
{
	if (known != NULL)
		hash_destroy(known);
	known = NULL;
	if (known_hashes != NULL)
		hash_destroy(known_hashes);
	known_hashes = NULL;
}
