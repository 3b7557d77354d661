/*
 * prefetch_table.c
 *
 * A table of the questions that a statement has asked ahead of its calls.
 * They belong to the statement, which its memory context identifies: no other
 * statement gets their answers, and they end with it.  Answers without a
 * reference are kept for a while, since equal questions come again.
 * prefetch.c asks and waits, this file does not.
 *
 *   PrefetchStatement     one for each executor state; has table and memory
 *     Prefetch            one for each look-ahead node; has a window, a queue and
 *                         the unused answers
 *       PrefetchQuestion  one for each question, found by type, class, nsid and
 *                         name; rows and calls hold references to it
 *
 *   (all functions but feed() are prefetch_table_...)
 *
 *     add()
 *       |
 *   EXPECTED --queue()--> QUEUED --feed()--> ASKED --take()--> DONE
 *       |                    |                                 ^  |
 *       | last drop()        | last drop()              hold() |  | last drop()
 *       v                    v                                 |  v
 *     freed                freed <-- oldest, over limit ----- unused
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "miscadmin.h"

#define KEY_SIZE(len)	(offsetof(PrefetchKey, octets) + (len))

typedef struct PrefetchEntry
{
	PrefetchQuestion *prefetched;
	uint32		hash;
	char		status;
} PrefetchEntry;

static bool same_key(const PrefetchKey *a, const PrefetchKey *b);

#define SH_PREFIX prefetch_questions
#define SH_ELEMENT_TYPE PrefetchEntry
#define SH_KEY_TYPE PrefetchQuestion *
#define SH_KEY prefetched
#define SH_HASH_KEY(table, sought) (sought)->hash
#define SH_EQUAL(table, a, b) same_key(&(a)->key, &(b)->key)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static dlist_head statements = DLIST_STATIC_INIT(statements);

static void release_statement(void *arg);
static bool is_question(const PrefetchKey *key, const DnsQuestion *question);
static void fill_key(PrefetchKey *key, const DnsQuestion *question);
static uint32 hash_key(const PrefetchStatement *statement, const PrefetchKey *key);
static void keep_unused(PrefetchQuestion *prefetched);
static void forget(PrefetchQuestion *prefetched);
static Size question_size(PrefetchQuestion *prefetched);

/*
 * The statement with this memory, or NULL if it does not ask ahead.
 */
PrefetchStatement *
prefetch_statement_find(MemoryContext owner)
{
	dlist_iter	iter;

	dlist_foreach(iter, &statements)
	{
		PrefetchStatement *statement = dlist_container(PrefetchStatement, node, iter.cur);

		if (statement->owner == owner)
			return statement;
	}
	return NULL;
}

/*
 * Makes the table of the statement with this memory.  It ends with that
 * memory, or earlier if the caller deletes statement->context.
 */
PrefetchStatement *
prefetch_statement_open(MemoryContext owner)
{
	MemoryContext context = AllocSetContextCreate(owner, "pgcares look-ahead",
												  ALLOCSET_DEFAULT_SIZES);
	PrefetchStatement *statement = MemoryContextAllocZero(context, sizeof(PrefetchStatement));

	statement->owner = owner;
	statement->context = context;
	statement->seed = pg_prng_uint64(&pg_global_prng_state);
	statement->table = prefetch_questions_create(context, 256, NULL);

	statement->release.func = release_statement;
	statement->release.arg = statement;
	MemoryContextRegisterResetCallback(context, &statement->release);
	dlist_push_head(&statements, &statement->node);
	return statement;
}

/*
 * The statement that is calling a function now: the current context is the
 * expression's, a descendant of the executor state's.  In a function that runs
 * its own statement, the nearest executor state is that statement's.
 */
PrefetchStatement *
prefetch_statement_calling(void)
{
	if (dlist_is_empty(&statements))
		return NULL;
	for (MemoryContext context = CurrentMemoryContext; context != NULL;
		 context = context->parent)
	{
		PrefetchStatement *statement = prefetch_statement_find(context);

		if (statement != NULL || strcmp(context->name, "ExecutorState") == 0)
			return statement;
	}
	return NULL;
}

/*
 * Finds a question of the statement.  If there is none, gives NULL and the
 * hash for prefetch_table_add().
 */
PrefetchQuestion *
prefetch_table_find(PrefetchStatement *statement, const DnsQuestion *question, uint32 *hash)
{
	union
	{
		PrefetchQuestion	prefetched;
		char		room[offsetof(PrefetchQuestion, key) + KEY_SIZE(WIRE_NAME_MAX)];
	}			sought;
	PrefetchEntry *entry;

	if (statement->expected != NULL &&
		is_question(&statement->expected->key, question))
		return statement->expected;
	fill_key(&sought.prefetched.key, question);
	*hash = sought.prefetched.hash = hash_key(statement, &sought.prefetched.key);
	entry = prefetch_questions_lookup(statement->table, &sought.prefetched);
	return entry != NULL ? entry->prefetched : NULL;
}

/*
 * Adds a question of a node, as expected and without a reference.
 */
PrefetchQuestion *
prefetch_table_add(Prefetch *prefetch, const DnsQuestion *question, uint32 hash)
{
	PrefetchQuestion *prefetched;
	bool		found;

	prefetched = MemoryContextAllocZero(prefetch->statement->context,
										offsetof(PrefetchQuestion, key) +
										KEY_SIZE(question->name.len));
	prefetched->prefetch = prefetch;
	prefetched->state = PREFETCH_EXPECTED;
	prefetched->hash = hash;
	fill_key(&prefetched->key, question);
	prefetch_questions_insert(prefetch->statement->table, prefetched, &found);
	prefetch->memory += question_size(prefetched);
	return prefetched;
}

/*
 * Puts a question that is not asked yet at the end of its node's queue, or at
 * the head if first.
 */
void
prefetch_table_queue(PrefetchQuestion *prefetched, bool first)
{
	dlist_head *queue = &prefetched->prefetch->queue;

	if (prefetched->state == PREFETCH_QUEUED)
		dlist_delete(&prefetched->node);
	prefetched->state = PREFETCH_QUEUED;
	if (first)
		dlist_push_head(queue, &prefetched->node);
	else
		dlist_push_tail(queue, &prefetched->node);
}

/*
 * Hints that a call will probably look up this question next:
 * prefetch_table_find() tries it first.
 */
void
prefetch_table_expect(PrefetchQuestion *prefetched)
{
	prefetched->prefetch->statement->expected = prefetched;
}

/*
 * Takes a reference.
 */
void
prefetch_table_hold(PrefetchQuestion *prefetched)
{
	Prefetch   *prefetch = prefetched->prefetch;

	if (prefetched->references++ == 0 && prefetched->state == PREFETCH_DONE)
	{
		dlist_delete(&prefetched->node);
		prefetch->unused_memory -= question_size(prefetched);
		prefetch->memory += question_size(prefetched);
	}
}

/*
 * Drops a reference.  A question in flight continues; its answer is kept for a
 * while, like others.
 */
void
prefetch_table_drop(PrefetchQuestion *prefetched)
{
	if (--prefetched->references > 0)
		return;
	if (prefetched->state == PREFETCH_QUEUED)
		dlist_delete(&prefetched->node);
	if (prefetched->state == PREFETCH_QUEUED || prefetched->state == PREFETCH_EXPECTED)
		forget(prefetched);
	else if (prefetched->state == PREFETCH_DONE)
		keep_unused(prefetched);
}

/*
 * Copies the reply to a question that was asked.  False if memory runs out: an
 * error here could hit another statement than the question's.
 */
bool
prefetch_table_take(PrefetchQuestion *prefetched, const DnsReply *reply)
{
	Prefetch   *prefetch = prefetched->prefetch;
	uint8	   *copy = NULL;

	if (reply->answer != NULL)
	{
		copy = MemoryContextAllocExtended(prefetch->statement->context,
										  reply->answer_len, MCXT_ALLOC_NO_OOM);
		if (copy == NULL)
			return false;
		memcpy(copy, reply->answer, reply->answer_len);
	}
	prefetch->memory -= question_size(prefetched);
	prefetched->reply = *reply;
	prefetched->reply.answer = copy;
	prefetch->memory += question_size(prefetched);

	if (reply->status == ARES_ETIMEOUT)
		prefetch->counters->timeouts++;
	prefetched->state = PREFETCH_DONE;
	if (prefetched->references == 0)
		keep_unused(prefetched);
	return true;
}

/* Reset callback of the statement's context. */
static void
release_statement(void *arg)
{
	PrefetchStatement *statement = arg;

	dlist_delete(&statement->node);
}

static bool
is_question(const PrefetchKey *key, const DnsQuestion *question)
{
	return key->len == question->name.len && key->type == question->type &&
		key->class == question->class && key->nsid == question->nsid &&
		memcmp(key->octets, question->name.octets, key->len) == 0;
}

static void
fill_key(PrefetchKey *key, const DnsQuestion *question)
{
	key->type = question->type;
	key->class = question->class;
	key->nsid = question->nsid;
	key->len = question->name.len;
	memcpy(key->octets, question->name.octets, question->name.len);
}

static uint32
hash_key(const PrefetchStatement *statement, const PrefetchKey *key)
{
	return (uint32) hash_bytes_extended((const unsigned char *) key,
										KEY_SIZE(key->len), statement->seed);
}

static bool
same_key(const PrefetchKey *a, const PrefetchKey *b)
{
	return a->len == b->len && memcmp(a, b, KEY_SIZE(a->len)) == 0;
}

/*
 * Keeps an answer without a reference.  Frees the oldest ones if they exceed
 * the memory limit of a hash table.
 */
static void
keep_unused(PrefetchQuestion *prefetched)
{
	Prefetch   *prefetch = prefetched->prefetch;
	Size		limit = get_hash_memory_limit();

	dlist_push_tail(&prefetch->unused, &prefetched->node);
	prefetch->memory -= question_size(prefetched);
	prefetch->unused_memory += question_size(prefetched);
	while (prefetch->unused_memory > limit)
	{
		PrefetchQuestion *oldest = dlist_head_element(PrefetchQuestion, node,
													  &prefetch->unused);

		if (oldest == prefetched)
			break;
		dlist_delete(&oldest->node);
		forget(oldest);
	}
}

/* Frees a question that is in no list and not in flight. */
static void
forget(PrefetchQuestion *prefetched)
{
	Prefetch   *prefetch = prefetched->prefetch;

	if (prefetched->state == PREFETCH_DONE)
		prefetch->unused_memory -= question_size(prefetched);
	else
		prefetch->memory -= question_size(prefetched);
	prefetch_questions_delete(prefetch->statement->table, prefetched);
	if (prefetch->statement->expected == prefetched)
		prefetch->statement->expected = NULL;
	if (prefetched->reply.answer != NULL)
		pfree(prefetched->reply.answer);
	pfree(prefetched);
}

/* Octets of a question, its answer and its entry in the table. */
static Size
question_size(PrefetchQuestion *prefetched)
{
	Size		size = GetMemoryChunkSpace(prefetched) + 2 * sizeof(PrefetchEntry);

	if (prefetched->reply.answer != NULL)
		size += GetMemoryChunkSpace(prefetched->reply.answer);
	return size;
}
