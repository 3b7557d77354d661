/*
 * lookup_functions.c
 *
 * Which SQL functions are lookup functions: those that run the C functions
 * listed here, whatever their name and schema.  The callback that predicts a
 * call's questions is in the file of its function, and reads the arguments as
 * the function does.  The functions that ask for a whole array, and those that ask
 * nothing, have no callback.
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

/* A cached fact about an SQL function. */
typedef struct CachedFunction
{
	Oid			function;		/* the key */
	const LookupFunction *call;		/* NULL if it looks up nothing */
} CachedFunction;

/* A cached fact about the functions with one hash value in the syscache. */
typedef struct CachedHash
{
	uint32		hash;			/* the key */
	bool		lookup;			/* one of them is a lookup function */
} CachedHash;

/* The facts by OID and by hash value; NULL while there are none. */
static HTAB *cached_functions = NULL;
static HTAB *cached_hashes = NULL;

static const LookupFunction *find_function(Oid function);
static const LookupFunction *read_function(Oid function);
static const LookupFunction *call_by_symbol(const char *symbol);
static void note_hash(Oid function, bool lookup);
static void create_caches(void);
static void forget(Datum arg, int cache, uint32 hash);

/* Defined elsewhere; without PGDLLEXPORT they would be hidden from fmgr. */
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
DECLARE(pgcares_getaddrinfo_port, 0)
DECLARE(pgcares_getnameinfo, 0)
DECLARE(pgcares_message, 0)
DECLARE(pgcares_message_json, 0)
DECLARE(pgcares_names_in, 0)
DECLARE(pgcares_has_address, 0)
DECLARE(pgcares_query_at, 0)
DECLARE(pgcares_message_at, 0)
DECLARE(pgcares_query_many, 0)
DECLARE(pgcares_addresses_many, 0)
DECLARE(pgcares_ptr_many, 0)
DECLARE(pgcares_lookup_many, 0)
DECLARE(pgcares_reverse_many, 0)
DECLARE(pgcares_message_many, 0)
DECLARE(pgcares_message_at_many, 0)
DECLARE(pgcares_reverse_address, 0)
DECLARE(pgcares_address_from_reverse, 0)
DECLARE(pgcares_is_name, 0)
DECLARE(pgcares_to_ascii, 0)
DECLARE(pgcares_to_unicode, 0)
DECLARE(pgcares_unescape, 0)
DECLARE(pgcares_labels, 0)
DECLARE(pgcares_parent, 0)
DECLARE(pgcares_suffix, 0)
DECLARE(pgcares_is_below, 0)
DECLARE(pgcares_sort_key, 0)
DECLARE(pgcares_blocklist_name, 0)
DECLARE(pgcares_blocklist_name_inet, 0)
DECLARE(pgcares_srv_key, 0)
DECLARE(pgcares_status_is_final, 0)

#define CALL(symbol, questions) \
	{#symbol, symbol, questions, 0, NULL, false},
#define CALL_AT(symbol, questions) \
	{#symbol, symbol, questions, 0, argument_server, false},
#define TYPED_CALL(symbol, type) \
	{#symbol, symbol, records_typed_questions, type, NULL, false},
#define COMPUTES(symbol) \
	{#symbol, symbol, NULL, 0, NULL, true},

static const LookupFunction calls[] = {
	TYPED_FUNCTIONS(TYPED_CALL)
	CALL(pgcares_ptr_inet, records_address_questions)
	CALL(pgcares_query, records_questions)
	CALL(pgcares_search, search_questions)
	CALL(pgcares_lookup, hosts_call_questions)
	CALL(pgcares_reverse, hosts_names_call_questions)
	CALL(pgcares_addresses, hosts_call_questions)
	CALL(pgcares_gethostbyname, hosts_call_questions)
	CALL(pgcares_gethostbyaddr, hosts_names_call_questions)
	CALL(pgcares_getaddrinfo, getaddrinfo_questions)
	CALL(pgcares_getaddrinfo_port, getaddrinfo_port_questions)
	CALL(pgcares_getnameinfo, getnameinfo_questions)
	CALL(pgcares_message, messages_questions)
	CALL(pgcares_message_json, messages_questions)
	CALL(pgcares_names_in, confirm_names_questions)
	CALL(pgcares_has_address, confirm_address_questions)
	CALL_AT(pgcares_query_at, records_at_questions)
	CALL_AT(pgcares_message_at, messages_at_questions)

	/* These ask by themselves. */
	CALL(pgcares_query_many, NULL)
	CALL(pgcares_addresses_many, NULL)
	CALL(pgcares_ptr_many, NULL)
	CALL(pgcares_lookup_many, NULL)
	CALL(pgcares_reverse_many, NULL)
	CALL(pgcares_message_many, NULL)
	CALL(pgcares_message_at_many, NULL)

	/* These ask nothing: they only compute, so they can be arguments of others. */
	COMPUTES(pgcares_reverse_address)
	COMPUTES(pgcares_address_from_reverse)
	COMPUTES(pgcares_is_name)
	COMPUTES(pgcares_to_ascii)
	COMPUTES(pgcares_to_unicode)
	COMPUTES(pgcares_unescape)
	COMPUTES(pgcares_labels)
	COMPUTES(pgcares_parent)
	COMPUTES(pgcares_suffix)
	COMPUTES(pgcares_is_below)
	COMPUTES(pgcares_sort_key)
	COMPUTES(pgcares_blocklist_name)
	COMPUTES(pgcares_blocklist_name_inet)
	COMPUTES(pgcares_srv_key)
	COMPUTES(pgcares_status_is_final)
};

/*
 * Has all cached facts dropped when a function changes.
 */
void
lookup_functions_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, forget, (Datum) 0);
}

/*
 * Returns the lookup function that an SQL function runs, or NULL if it runs
 * none or its questions cannot be predicted.  A function with rights or
 * settings of its own does not count: here its arguments would be read with
 * those of the caller.
 */
const LookupFunction *
lookup_functions_find(Oid function)
{
	const LookupFunction *call = find_function(function);

	return call != NULL && call->questions != NULL ? call : NULL;
}

/*
 * Does a function look something up, or compute with names, and nothing else?
 */
bool
lookup_functions_has(Oid function)
{
	return find_function(function) != NULL;
}

/*
 * The same, for functions that do not only compute.
 */
bool
lookup_functions_asks(Oid function)
{
	const LookupFunction *call = find_function(function);

	return call != NULL && !call->computes;
}

/*
 * Can a function with this hash value be a lookup function?  True if unknown.
 * A plan lists what it depends on by hash value only.
 */
bool
lookup_functions_may_have(uint32 hash)
{
	CachedHash *entry = NULL;

	if (cached_hashes != NULL)
		entry = hash_search(cached_hashes, &hash, HASH_FIND, NULL);
	return entry == NULL || entry->lookup;
}

/*
 * Notes that a function holds a lookup function.
 */
void
lookup_functions_note_wrapper(Oid function)
{
	if (cached_hashes == NULL)
		create_caches();
	note_hash(function, true);
}

/*
 * Notes that a function with this hash value, of which nothing else is known, is no
 * lookup function: it is in the list of a plan that calls none, so the planner
 * has inlined it.
 */
void
lookup_functions_note_other(uint32 hash)
{
	CachedHash *entry;
	bool		found;

	if (cached_hashes == NULL)
		create_caches();
	entry = hash_search(cached_hashes, &hash, HASH_ENTER, &found);
	if (!found)
		entry->lookup = false;
}

/* The lookup function that a function runs, from memory if read before. */
static const LookupFunction *
find_function(Oid function)
{
	CachedFunction *entry;
	const LookupFunction *call;

	if (function < FirstUnpinnedObjectId)
		return NULL;			/* one of the server itself */
	if (cached_functions == NULL)
		create_caches();
	entry = hash_search(cached_functions, &function, HASH_FIND, NULL);
	if (entry != NULL)
		return entry->call;

	call = read_function(function);
	/* Functions can have changed during the read: then do not cache it. */
	if (cached_functions != NULL)
	{
		entry = hash_search(cached_functions, &function, HASH_ENTER, NULL);
		entry->call = call;
		note_hash(function, call != NULL && !call->computes);
	}
	return call;
}

/*
 * Reads the catalog.  If the symbol is not one of ours, it does not look for
 * the library: that would load it, or raise if it is missing.
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

	/* Nor is it ours if fmgr wraps it (SECURITY DEFINER, or SET). */
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
	CachedHash *entry = hash_search(cached_hashes, &hash, HASH_ENTER, &found);

	entry->lookup = lookup || (found && entry->lookup);
}

static void
create_caches(void)
{
	HASHCTL		control = {
		.keysize = sizeof(Oid),
		.entrysize = sizeof(CachedFunction)
	};
	HASHCTL		hash_control = {
		.keysize = sizeof(uint32),
		.entrysize = sizeof(CachedHash)
	};

	if (cached_hashes == NULL)
		cached_hashes = hash_create("pgcares function hashes", 64, &hash_control,
									HASH_ELEM | HASH_BLOBS);
	cached_functions = hash_create("pgcares functions", 64, &control,
								   HASH_ELEM | HASH_BLOBS);
}

/* Syscache callback: some function has changed, or perhaps all have. */
static void
forget(Datum arg, int cache, uint32 hash)
{
	if (cached_functions != NULL)
		hash_destroy(cached_functions);
	cached_functions = NULL;
	if (cached_hashes != NULL)
		hash_destroy(cached_hashes);
	cached_hashes = NULL;
}
