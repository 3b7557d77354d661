/*
 * cache_store.c
 *
 * Answers in shared memory, found by their keys.  The memory is taken from the area that
 * all sessions share when the first answer is to be kept, and cut into parts with a lock
 * each (cache_part.c).  A key belongs to one part, so that sessions seldom wait for each
 * other, and a reader never for another reader.
 */
#include "postgres.h"

#include "cache/cache.h"

#include "common/hashfn.h"
#include "utils/dsa.h"

/* Chosen, not measured.  A quarter of a part must have room for the largest message. */
#define SMALLEST_PART	((Size) 512 * 1024)
#define MAX_PARTS		32

/* In the part of the segment that has a fixed size. */
typedef struct CacheControl
{
	uint64		seed;			/* of the hash values */
	bool		tried;			/* to take the memory */
	dsa_pointer memory;			/* of the parts */
	Size		part_size;
	int			nparts;
} CacheControl;

static Size control_size(void);
static bool make_parts(CacheControl *control);
static CachePart *part_at(int number);
static CachePart *part_of(uint64 hash);
static uint64 hash_key(const CacheKey *key);
static bool has_patience(const CacheAnswer *answer, const CachePatience *patience);
static bool is_named(const CachePart *part, uint32 entry, Oid database,
					 const DnsName *name, int type);

static SharedPart control_part = {.name = "PgcaresCache", .size = control_size};
static char *parts = NULL;		/* NULL: this process has not attached to them */
static bool no_parts = false;	/* there was no memory for them */

/*
 * Asks for shared memory: called once, before shared_memory_init().
 */
void
cache_store_init(void)
{
	shared_part_add(&control_part);
}

/*
 * Is there memory for answers?  If not, and make is true, takes it; false again if there
 * is none.  Must be true before any other function here is called.  Can raise.
 */
bool
cache_store_attach(bool make)
{
	CacheControl *control = control_part.memory;
	bool		failed = false;

	if (parts != NULL)
		return true;
	if (control == NULL || no_parts)
		return false;
	(void) shared_memory_area();
	LWLockAcquire(control_part.lock, LW_EXCLUSIVE);
	if (make && !control->tried)
		failed = !make_parts(control);
	if (DsaPointerIsValid(control->memory))
		parts = dsa_get_address(shared_memory_area(), control->memory);
	no_parts = control->tried && parts == NULL;
	LWLockRelease(control_part.lock);

	if (failed)
		ereport(LOG,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("no shared memory is left to keep DNS answers"),
				 errhint("Increase pgcares.shared_memory_size.")));
	return parts != NULL;
}

/*
 * Finds an entry that is good now, and if it has no message, one for which as long was
 * waited.  *octets becomes a palloc'd copy of its message, or NULL if there is none.
 * False if there is no such entry, or no memory.  Raises nothing.
 */
bool
cache_store_find(const CacheKey *key, const CachePatience *patience, int64 now,
				 CacheAnswer *answer, uint8 **octets)
{
	uint64		hash = hash_key(key);
	CachePart  *part = part_of(hash);
	uint32		entry;
	bool		found = false;

	*octets = NULL;
	LWLockAcquire(cache_part_lock(part), LW_SHARED);
	entry = cache_part_find(part, key, hash);
	if (entry != CACHE_NO_ENTRY)
	{
		*answer = *cache_part_answer(part, entry);
		found = cache_part_is_good(part, entry, now) &&
			has_patience(answer, patience);
	}
	if (found && answer->len > 0)
	{
		*octets = MemoryContextAllocExtended(CurrentMemoryContext, answer->len,
											 MCXT_ALLOC_NO_OOM);
		found = *octets != NULL;
	}
	if (found)
		cache_part_use(part, entry, *octets);
	LWLockRelease(cache_part_lock(part));
	return found;
}

/*
 * Keeps an answer, whose message octets has, in place of one with the same key, unless
 * that is good and this is a failure.  Keeps none that is too large for a part.  Raises
 * nothing.
 */
void
cache_store_put(const CacheKey *key, const CacheAnswer *answer, const uint8 *octets)
{
	uint64		hash = hash_key(key);
	CachePart  *part = part_of(hash);
	uint32		entry;
	bool		better = false;

	LWLockAcquire(cache_part_lock(part), LW_EXCLUSIVE);
	entry = cache_part_find(part, key, hash);
	if (entry != CACHE_NO_ENTRY)
	{
		better = answer->failure && !cache_part_answer(part, entry)->failure &&
			cache_part_is_good(part, entry, answer->since);
		if (!better)
			cache_part_remove(part, entry);
	}
	if (!better)
		cache_part_add(part, key, hash, answer, octets);
	LWLockRelease(cache_part_lock(part));
}

/*
 * Removes the entries of a database: those of a name, in any case, unless that is NULL,
 * and of a type, unless that is negative.  Returns the number of those that were good.
 */
int64
cache_store_flush(Oid database, const DnsName *name, int type, int64 now)
{
	int64		count = 0;

	for (int i = 0; i < cache_store_parts(); i++)
	{
		CachePart  *part = part_at(i);
		uint32		entry = 0;

		LWLockAcquire(cache_part_lock(part), LW_EXCLUSIVE);
		while ((entry = cache_part_next(part, entry)) != CACHE_NO_ENTRY)
		{
			if (is_named(part, entry, database, name, type))
			{
				count += cache_part_is_good(part, entry, now);
				cache_part_remove(part, entry);
			}
			entry++;
		}
		LWLockRelease(cache_part_lock(part));
	}
	return count;
}

/*
 * The number of parts, for cache_store_entries().
 */
int
cache_store_parts(void)
{
	const CacheControl *control = control_part.memory;

	return control->nparts;
}

/*
 * The entries of a database in one of the parts that are good now: a List of palloc'd
 * CacheEntry *.  Raises if there is no memory for it.
 */
List *
cache_store_entries(int number, Oid database, int64 now)
{
	CachePart  *part = part_at(number);
	List	   *entries = NIL;
	uint32		entry = 0;

	LWLockAcquire(cache_part_lock(part), LW_SHARED);
	while ((entry = cache_part_next(part, entry)) != CACHE_NO_ENTRY)
	{
		if (is_named(part, entry, database, NULL, -1) &&
			cache_part_is_good(part, entry, now))
			entries = lappend(entries, cache_part_copy(part, entry));
		entry++;
	}
	LWLockRelease(cache_part_lock(part));
	return entries;
}

static Size
control_size(void)
{
	return sizeof(CacheControl);
}

/*
 * Takes the memory of the setting, or half of it, and so on, at last that of the smallest
 * part, and makes the parts.
 */
static bool
make_parts(CacheControl *control)
{
	dsa_area   *area = shared_memory_area();
	Size		size = setting_cache_size * (Size) 1024;
	dsa_pointer memory;

	control->tried = true;
	for (;; size = Max(size / 2, SMALLEST_PART))
	{
		memory = dsa_allocate_extended(area, size, DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE);
		if (DsaPointerIsValid(memory) || size <= SMALLEST_PART)
			break;
	}
	if (!DsaPointerIsValid(memory) ||
		!pg_strong_random(&control->seed, sizeof(control->seed)))
		return false;
	control->nparts = Min(size / SMALLEST_PART, MAX_PARTS);
	control->part_size = TYPEALIGN_DOWN(CACHE_PART_ALIGNMENT, size / control->nparts);
	control->memory = memory;
	parts = dsa_get_address(area, memory);
	for (int i = 0; i < control->nparts; i++)
		cache_part_make(part_at(i), control->part_size, control_part.lock->tranche);
	return true;
}

static CachePart *
part_at(int number)
{
	const CacheControl *control = control_part.memory;

	return (CachePart *) (parts + number * control->part_size);
}

static CachePart *
part_of(uint64 hash)
{
	return part_at((hash >> 32) % cache_store_parts());
}

/* Strangers choose the names: the seed keeps them from choosing the bucket. */
static uint64
hash_key(const CacheKey *key)
{
	const CacheControl *control = control_part.memory;

	return hash_bytes_extended((const unsigned char *) key, cache_part_key_size(key),
							   control->seed);
}

/* Has the entry a message, or was as long waited for one as somebody would wait now? */
static bool
has_patience(const CacheAnswer *answer, const CachePatience *patience)
{
	return answer->len > 0 ||
		(answer->patience.timeout >= patience->timeout &&
		 answer->patience.tries >= patience->tries &&
		 answer->patience.max_timeout >= patience->max_timeout);
}

/* Has an entry that database, name and type?  See cache_store_flush(). */
static bool
is_named(const CachePart *part, uint32 entry, Oid database, const DnsName *name, int type)
{
	CacheKey	key;

	cache_part_key(part, entry, &key);
	return key.database == database && (type < 0 || key.type == type) &&
		(name == NULL || name_equal(&key.name, name));
}
