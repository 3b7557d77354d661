/*
 * prefetch_table.c
 *
 * The questions that a statement has asked ahead of the calls that need them,
 * found again by the question.  They belong to the statement, which is known by
 * its memory: others never get their answers, and all ends with it.  Answers
 * that nobody refers to any more are kept for a while, since equal questions
 * come again.  Asking and waiting are not done here (prefetch.c).
 *
 *   DnsStatement   one for each executor state; has the table and the memory
 *     DnsAhead     one for each look-ahead node; has a window, a queue, unused answers
 *       DnsPending   one for each question, found by type, class, nsid and name;
 *                    rows and calls hold references to it
 *
 *   pending_add()
 *       |
 *    EXPECTED --pending_queue()--> QUEUED --feed()--> ASKED --pending_take()--> DONE
 *       |                            |                                          ^ |
 *       | last pending_drop()        |                           pending_hold() | | last
 *       v                            v                                          | v drop
 *     freed                        freed <---- oldest, over hash memory ------ unused
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "miscadmin.h"

#define KEY_SIZE(len)	(offsetof(PendingKey, octets) + (len))

typedef struct PendingEntry
{
	DnsPending *pending;
	uint32		hash;
	char		status;
} PendingEntry;

static bool same_key(const PendingKey *a, const PendingKey *b);

#define SH_PREFIX pendings
#define SH_ELEMENT_TYPE PendingEntry
#define SH_KEY_TYPE DnsPending *
#define SH_KEY pending
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
static bool is_question(const PendingKey *key, const DnsQuestion *question);
static void fill_key(PendingKey *key, const DnsQuestion *question);
static uint32 hash_key(const DnsStatement *statement, const PendingKey *key);
static void keep_unused(DnsPending *pending);
static void forget(DnsPending *pending);
static Size pending_size(DnsPending *pending);

/*
 * The statement with this memory, or NULL if it has asked nothing ahead.
 */
DnsStatement *
statement_find(MemoryContext owner)
{
	dlist_iter	iter;

	dlist_foreach(iter, &statements)
	{
		DnsStatement *statement = dlist_container(DnsStatement, node, iter.cur);

		if (statement->owner == owner)
			return statement;
	}
	return NULL;
}

/*
 * Begins to keep questions of the statement with this memory, and ends with it,
 * or earlier when its context is deleted.
 */
DnsStatement *
statement_open(MemoryContext owner)
{
	MemoryContext context = AllocSetContextCreate(owner, "pgcares look-ahead",
												  ALLOCSET_DEFAULT_SIZES);
	DnsStatement *statement = MemoryContextAllocZero(context, sizeof(DnsStatement));

	statement->owner = owner;
	statement->context = context;
	statement->seed = pg_prng_uint64(&pg_global_prng_state);
	statement->table = pendings_create(context, 256, NULL);

	statement->release.func = release_statement;
	statement->release.arg = statement;
	MemoryContextRegisterResetCallback(context, &statement->release);
	dlist_push_head(&statements, &statement->node);
	return statement;
}

/*
 * The statement that is calling a function now: functions are called in memory
 * of the expression, which is below that of the executor's state.  A function
 * that runs a statement of its own has another executor's state nearer by.
 */
DnsStatement *
statement_calling(void)
{
	if (dlist_is_empty(&statements))
		return NULL;
	for (MemoryContext context = CurrentMemoryContext; context != NULL;
		 context = context->parent)
	{
		DnsStatement *statement = statement_find(context);

		if (statement != NULL || strcmp(context->name, "ExecutorState") == 0)
			return statement;
	}
	return NULL;
}

/*
 * A question of the statement, or NULL: then *hash is for pending_add().
 */
DnsPending *
pending_find(DnsStatement *statement, const DnsQuestion *question, uint32 *hash)
{
	union
	{
		DnsPending	pending;
		char		room[offsetof(DnsPending, key) + KEY_SIZE(WIRE_NAME_MAX)];
	}			sought;
	PendingEntry *entry;

	if (statement->expected != NULL &&
		is_question(&statement->expected->key, question))
		return statement->expected;
	fill_key(&sought.pending.key, question);
	*hash = sought.pending.hash = hash_key(statement, &sought.pending.key);
	entry = pendings_lookup(statement->table, &sought.pending);
	return entry != NULL ? entry->pending : NULL;
}

/*
 * A new question of a node, which is not to be asked yet.  There is no reference
 * to it either.
 */
DnsPending *
pending_add(DnsAhead *ahead, const DnsQuestion *question, uint32 hash)
{
	DnsPending *pending;
	bool		found;

	pending = MemoryContextAllocZero(ahead->statement->context,
									 offsetof(DnsPending, key) +
									 KEY_SIZE(question->name.len));
	pending->ahead = ahead;
	pending->state = PENDING_EXPECTED;
	pending->hash = hash;
	fill_key(&pending->key, question);
	pendings_insert(ahead->statement->table, pending, &found);
	ahead->memory += pending_size(pending);
	return pending;
}

/*
 * Puts a question that is not asked yet at the end of its node's queue, or before
 * all others.
 */
void
pending_queue(DnsPending *pending, bool first)
{
	dlist_head *queue = &pending->ahead->queue;

	if (pending->state == PENDING_QUEUED)
		dlist_delete(&pending->node);
	pending->state = PENDING_QUEUED;
	if (first)
		dlist_push_head(queue, &pending->node);
	else
		dlist_push_tail(queue, &pending->node);
}

/*
 * Tells that a question will probably be looked for soon, which is quicker then.
 */
void
pending_expect(DnsPending *pending)
{
	pending->ahead->statement->expected = pending;
}

/*
 * Takes a reference.
 */
void
pending_hold(DnsPending *pending)
{
	DnsAhead   *ahead = pending->ahead;

	if (pending->references++ == 0 && pending->state == PENDING_DONE)
	{
		dlist_delete(&pending->node);
		ahead->unused_memory -= pending_size(pending);
		ahead->memory += pending_size(pending);
	}
}

/*
 * Drops a reference.  A question that is under way goes on; its answer is kept
 * for a while, as others are.
 */
void
pending_drop(DnsPending *pending)
{
	if (--pending->references > 0)
		return;
	if (pending->state == PENDING_QUEUED)
		dlist_delete(&pending->node);
	if (pending->state == PENDING_QUEUED || pending->state == PENDING_EXPECTED)
		forget(pending);
	else if (pending->state == PENDING_DONE)
		keep_unused(pending);
}

/*
 * Notes what came of a question that was asked.  False where there is no memory
 * for it: the error would be that of a statement that may not be the question's.
 */
bool
pending_take(DnsPending *pending, const DnsReply *reply)
{
	DnsAhead   *ahead = pending->ahead;
	uint8	   *copy = NULL;

	if (reply->answer != NULL)
	{
		copy = MemoryContextAllocExtended(ahead->statement->context,
										  reply->answer_len, MCXT_ALLOC_NO_OOM);
		if (copy == NULL)
			return false;
		memcpy(copy, reply->answer, reply->answer_len);
	}
	ahead->memory -= pending_size(pending);
	pending->reply = *reply;
	pending->reply.answer = copy;
	ahead->memory += pending_size(pending);

	if (reply->status == ARES_ETIMEOUT)
		ahead->counters->timeouts++;
	pending->state = PENDING_DONE;
	if (pending->references == 0)
		keep_unused(pending);
	return true;
}

/* Reset callback of the statement's context. */
static void
release_statement(void *arg)
{
	DnsStatement *statement = arg;

	dlist_delete(&statement->node);
}

static bool
is_question(const PendingKey *key, const DnsQuestion *question)
{
	return key->len == question->name.len && key->type == question->type &&
		key->class == question->class && key->nsid == question->nsid &&
		memcmp(key->octets, question->name.octets, key->len) == 0;
}

static void
fill_key(PendingKey *key, const DnsQuestion *question)
{
	key->type = question->type;
	key->class = question->class;
	key->nsid = question->nsid;
	key->len = question->name.len;
	memcpy(key->octets, question->name.octets, question->name.len);
}

static uint32
hash_key(const DnsStatement *statement, const PendingKey *key)
{
	return (uint32) hash_bytes_extended((const unsigned char *) key,
										KEY_SIZE(key->len), statement->seed);
}

static bool
same_key(const PendingKey *a, const PendingKey *b)
{
	return a->len == b->len && memcmp(a, b, KEY_SIZE(a->len)) == 0;
}

/*
 * Keeps an answer to which there is no reference, instead of the oldest ones if
 * they take more memory than a hash table may.
 */
static void
keep_unused(DnsPending *pending)
{
	DnsAhead   *ahead = pending->ahead;
	Size		limit = get_hash_memory_limit();

	dlist_push_tail(&ahead->unused, &pending->node);
	ahead->memory -= pending_size(pending);
	ahead->unused_memory += pending_size(pending);
	while (ahead->unused_memory > limit)
	{
		DnsPending *oldest = dlist_head_element(DnsPending, node,
												&ahead->unused);

		if (oldest == pending)
			break;
		dlist_delete(&oldest->node);
		forget(oldest);
	}
}

/* Frees a question that is in no list and not under way. */
static void
forget(DnsPending *pending)
{
	DnsAhead   *ahead = pending->ahead;

	if (pending->state == PENDING_DONE)
		ahead->unused_memory -= pending_size(pending);
	else
		ahead->memory -= pending_size(pending);
	pendings_delete(ahead->statement->table, pending);
	if (ahead->statement->expected == pending)
		ahead->statement->expected = NULL;
	if (pending->reply.answer != NULL)
		pfree(pending->reply.answer);
	pfree(pending);
}

/* Its entry in the table included. */
static Size
pending_size(DnsPending *pending)
{
	Size		size = GetMemoryChunkSpace(pending) + 2 * sizeof(PendingEntry);

	if (pending->reply.answer != NULL)
		size += GetMemoryChunkSpace(pending->reply.answer);
	return size;
}
