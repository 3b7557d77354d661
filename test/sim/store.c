/*
 * store.c
 *
 * A session that asks nobody: it keeps, seeks and forgets answers of all sizes in the memory
 * that the sessions share, at random.  What is found must be what was kept last for that key, and
 * good; some keys, which are sought again and again, must stay when there is no room for all.
 */
#include "postgres.h"

#include "session.h"

#include "cache/cache.h"

#include "common/hashfn.h"

#undef snprintf

#define KEYS		3000
#define USED_KEYS	30			/* these are sought often */
#define STEPS		3000
#define LARGEST		3000		/* octets of most messages */
#define HUGE		60000
#define BLOCK		256			/* as in src/cache/cache_part.c */
#define SMALLEST	(512 * 1024)	/* as in src/cache/cache_store.c */

/* The answer that was kept last for a key. */
typedef struct Model
{
	bool		is_there;
	bool		failure;
	int			ttl;
	int64		since;
	uint32		len;
	uint64		hash;			/* of the octets */
} Model;

static const CachePatience patience = {1000, 1, 1000};

static uint64
chance(uint64 count)
{
	return sim_random() % count;
}

static void
make_key(int number, CacheKey *key)
{
	memset(key, 0, sizeof(*key));
	key->database = 1;
	key->type = 1 + number % 3;
	key->class = 1;
	key->name.len = 10 + number * 7 % 240;
	memset(key->name.octets, 'a', key->name.len);
	key->name.octets[0] = key->name.len - 2;
	snprintf((char *) key->name.octets + 1, 9, "%08d", number);
	key->name.octets[9] = 'a';
	key->name.octets[key->name.len - 1] = 0;
}

static uint64
hash_of(const uint8 *octets, int len)
{
	return hash_bytes_extended(octets, len, 1);
}

static bool
is_good(const Model *model, int64 now)
{
	return model->is_there && now < model->since + model->ttl * INT64CONST(1000000);
}

/* Keeps an answer; is there one that would be found? */
static void
put(int number, Model *model, bool is_found)
{
	static uint8 octets[HUGE];
	CacheKey	key;
	CacheAnswer answer = {.since = clock_shared(), .patience = patience};

	make_key(number, &key);
	answer.len = chance(50) == 0 ? chance(HUGE) : chance(4) > 0 ? chance(200) : chance(LARGEST);
	answer.ttl = 1 + chance(chance(2) ? 10 : 20000);
	answer.failure = chance(5) == 0;
	for (int i = 0; i < answer.len; i++)
		octets[i] = sim_random();
	cache_store_put(&key, &answer, octets);
	if (answer.failure && is_found && !model->failure)
		return;
	*model = (Model) {true, answer.failure, answer.ttl, answer.since, answer.len,
	hash_of(octets, answer.len)};
}

/* Is the key found? */
static bool
find(int number, const Model *model, bool room_for_all)
{
	CacheKey	key;
	CacheAnswer answer;
	uint8	   *octets;
	int64		now = clock_shared();
	bool		good = is_good(model, now);
	bool		found;

	make_key(number, &key);
	found = cache_store_find(&key, &patience, now, &answer, &octets);
	if (found != good && (found || room_for_all))
		sim_fail("store", "key %d is%s found", number, found ? "" : " not");
	if (found && (answer.len != model->len || answer.since != model->since ||
				  hash_of(octets, answer.len) != model->hash))
		sim_fail("store", "key %d has another answer", number);
	if (octets != NULL)
		pfree(octets);
	return found;
}

/* All entries: each is the one of its key, and together they fit. */
static void
check_entries(const Model *models, Size size)
{
	int64		now = clock_shared();
	Size		octets = 0;

	for (int part = 0; part < cache_store_parts(); part++)
	{
		ListCell   *cell;

		foreach(cell, cache_store_entries(part, 1, now))
		{
			const CacheEntry *entry = lfirst(cell);
			int			number = atoi((const char *) entry->key.name.octets + 1);
			const Model *model = &models[number];

			if (number < 0 || number >= KEYS || !is_good(model, now) ||
				entry->answer.len != model->len ||
				hash_of(entry->octets, entry->answer.len) != model->hash)
				sim_fail("store", "an entry of key %d is another one", number);
			octets += TYPEALIGN(BLOCK, entry->answer.len + entry->key.name.len);
		}
	}
	if (octets > size)
		sim_fail("store", "entries of %zu octets are in %zu", octets, size);
}

/* Forgets a key, all of a type, or all. */
static void
forget(Model *models)
{
	int			number = chance(KEYS);
	int			which = chance(40);
	CacheKey	key;

	make_key(number, &key);
	if (which == 0)
	{
		(void) cache_store_flush(1, NULL, -1, clock_shared());
		memset(models, 0, KEYS * sizeof(Model));
	}
	else if (which == 1)
	{
		(void) cache_store_flush(1, NULL, key.type, clock_shared());
		for (int i = key.type - 1; i < KEYS; i += 3)
			models[i].is_there = false;
	}
	else
	{
		int64		count = cache_store_flush(1, &key.name, -1, clock_shared());

		if (count > is_good(&models[number], clock_shared()))
			sim_fail("store", "key %d is forgotten " INT64_FORMAT " times", number, count);
		models[number].is_there = false;
	}
}

/*
 * Some thousand steps of the running session.
 */
void
store_try(const SimTask *task)
{
	Model	   *models = sim_shared("models", KEYS * sizeof(Model));
	Size		size = task->cache_size > 0 ? Max(task->cache_size * 1024, SMALLEST) : 64 * 1024 * 1024;
	int			keys = task->names < 100 ? KEYS : KEYS / 4;
	int			sought = 0;
	int			missed = 0;

	if (!cache_store_attach(true))
		sim_fail("store", "there is no memory");
	for (int i = 0; i < STEPS; i++)
	{
		int			number = chance(3) == 0 ? chance(USED_KEYS) : chance(keys);
		Model	   *model = &models[number];
		bool		was_there = is_good(model, clock_shared());
		bool		found = find(number, model, task->cache_size == 0);

		sought += found && number < USED_KEYS;
		missed += !found && was_there && number < USED_KEYS;
		if (!found || chance(10) == 0)
			put(number, model, found);
		if (chance(100) == 0)
			forget(models);
		if (chance(50) == 0)
			sim_sleep(chance(4) > 0 ? chance(100) : chance(3000000));
	}
	if (missed > sought / 10 + 10)
		sim_fail("store", "keys that are used were found %d times, and missed %d times", sought, missed);
	check_entries(models, size);
	for (int i = 0; i < task->names; i++)
	{
		sim_asked(i);
		sim_outcome(i, "NOERROR", -1, 0, 0);
	}
}
