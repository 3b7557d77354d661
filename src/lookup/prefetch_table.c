/*
 * prefetch_table.c
 *
 * A table of the questions that a statement has asked ahead of its calls.
 * No other statement gets their answers, and they end with it.  Answers without a reference are kept for a while, since equal questions come
 * again.  prefetch.c asks and waits, this file does not.
 *
 *   PrefetchStatement     one for each executor state; has the table, a window,
 *                         the unused answers and the account of the memory
 *     Prefetch            one for each look-ahead node; has a queue
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
#define QUESTION_SIZE(len)	(offsetof(PrefetchQuestion, key) + KEY_SIZE(len))

typedef struct PrefetchEntry
{
	PrefetchQuestion *prefetched;
	uint32		hash;
	char		status;
} PrefetchEntry;

static bool same_question(const PrefetchQuestion *a, const PrefetchQuestion *b);

#define SH_PREFIX prefetch_questions
#define SH_ELEMENT_TYPE PrefetchEntry
#define SH_KEY_TYPE PrefetchQuestion *
#define SH_KEY prefetched
#define SH_HASH_KEY(table, sought) (sought)->hash
#define SH_EQUAL(table, a, b) same_question(a, b)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static bool is_question(const PrefetchQuestion *prefetched, const PrefetchServer *server,
						const DnsQuestion *question);
static void count_known(const PrefetchQuestion *prefetched, int more);
static void fill_key(PrefetchKey *key, const DnsQuestion *question);
static uint32 hash_question(const PrefetchStatement *statement,
							const PrefetchQuestion *prefetched);
static void keep_unused(PrefetchQuestion *prefetched);
static void forget(PrefetchQuestion *prefetched);
static void give(PrefetchQuestion *prefetched);
static Size question_size(PrefetchQuestion *prefetched);

/*
 * Makes the table of a statement, in its memory.  Questions and answers are in the pool.
 */
void
prefetch_table_create(PrefetchStatement *statement)
{
	statement->seed = pg_prng_uint64(&pg_global_prng_state);
	statement->table = prefetch_questions_create(statement->context, 256, NULL);
	dlist_init(&statement->unused);
	statement->memory_limit = get_hash_memory_limit();
}

/*
 * Frees all questions of a statement and their answers.  The table itself ends with the
 * statement's memory.  A table that has found no memory to grow says that it has grown.
 */
void
prefetch_table_release(PrefetchStatement *statement)
{
	const prefetch_questions_hash *table = statement->table;
	uint64		size = statement->adding != NULL ? statement->size : table->size;

	for (uint64 i = 0; i < size; i++)
	{
		if (table->data[i].status == prefetch_questions_SH_IN_USE)
			give(table->data[i].prefetched);
	}
	if (statement->adding != NULL)
		give(statement->adding);
}

/*
 * Finds a question of the statement; server is NULL for those of the settings.
 * If there is none, gives NULL and the hash for prefetch_table_add().
 */
PrefetchQuestion *
prefetch_table_find(PrefetchStatement *statement, const PrefetchServer *server,
					const DnsQuestion *question, uint32 *hash)
{
	union
	{
		PrefetchQuestion	prefetched;
		char		room[QUESTION_SIZE(WIRE_NAME_MAX)];
	}			sought;
	PrefetchEntry *entry;

	if (statement->expected != NULL &&
		is_question(statement->expected, server, question))
		return statement->expected;
	sought.prefetched.server = unconstify(PrefetchServer *, server);
	fill_key(&sought.prefetched.key, question);
	*hash = sought.prefetched.hash = hash_question(statement, &sought.prefetched);
	entry = prefetch_questions_lookup(statement->table, &sought.prefetched);
	return entry != NULL ? entry->prefetched : NULL;
}

/*
 * Adds a question of a node, as expected and without a reference.
 */
PrefetchQuestion *
prefetch_table_add(Prefetch *prefetch, PrefetchServer *server,
				   const DnsQuestion *question, uint32 hash)
{
	Size		size = QUESTION_SIZE(question->name.len);
	PrefetchQuestion *prefetched = pool_take(size);
	bool		found;

	if (prefetched == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	memset(prefetched, 0, size);
	prefetched->prefetch = prefetch;
	prefetched->server = server;
	if (server != NULL)
		server->questions++;
	prefetched->state = PREFETCH_EXPECTED;
	prefetched->hash = hash;
	fill_key(&prefetched->key, question);
	prefetch->statement->adding = prefetched;
	prefetch->statement->size = prefetch->statement->table->size;
	prefetch_questions_insert(prefetch->statement->table, prefetched, &found);
	prefetch->statement->adding = NULL;
	prefetch_table_account(prefetch, question_size(prefetched), 0);
	return prefetched;
}

/*
 * Reads the question back.
 */
void
prefetch_table_question(const PrefetchQuestion *prefetched, DnsQuestion *question)
{
	const PrefetchKey *key = &prefetched->key;

	question->type = key->type;
	question->class = key->class;
	question->nsid = key->nsid;
	question->name.len = key->len;
	memcpy(question->name.octets, key->octets, key->len);
}

/*
 * The window that asks a question; NULL while a chosen server has none.
 */
DnsWindow *
prefetch_table_window(const PrefetchQuestion *prefetched)
{
	return prefetched->server != NULL ? prefetched->server->window :
		prefetched->prefetch->statement->window;
}

/*
 * Puts a question that is not asked yet into its node's queue, to be asked first if a call
 * waits for it.  Can raise.
 */
void
prefetch_table_queue(PrefetchQuestion *prefetched, bool first)
{
	if (prefetched->state == PREFETCH_QUEUED)
		prefetch_queue_remove(prefetched);
	prefetch_table_account(prefetched->prefetch, prefetch_queue_add(prefetched, first), 0);
	if (prefetched->state != PREFETCH_QUEUED)
		count_known(prefetched, 1);
	prefetched->state = PREFETCH_QUEUED;
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
	if (prefetched->references == 0 && prefetched->server != NULL)
		prefetched->server->held++;
	if (prefetched->references++ == 0 && prefetched->state == PREFETCH_DONE)
	{
		dlist_delete(&prefetched->node);
		prefetched->prefetch->statement->unused_memory -= question_size(prefetched);
		prefetch_table_account(prefetched->prefetch, question_size(prefetched), 0);
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
	if (prefetched->server != NULL)
		prefetched->server->held--;
	if (prefetched->state == PREFETCH_QUEUED)
	{
		prefetch_queue_remove(prefetched);
		count_known(prefetched, -1);
	}
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
	PrefetchAnswer *answer = prefetch_answer_keep(reply);

	if (answer == NULL)
		return false;
	prefetched->answer = answer;
	prefetched->state = PREFETCH_DONE;
	prefetch_table_account(prefetch, pool_space(answer), 0);

	if (reply->status == ARES_ETIMEOUT)
		prefetch->counters->timeouts++;
	prefetch->statement->answers++;
	if (prefetched->references == 0)
		keep_unused(prefetched);
	return true;
}

/*
 * Adds to the memory that a node takes, and subtracts from it.  Frees the oldest
 * unused answers that exceed the limit of the statement; the newest one stays,
 * since a call perhaps reads it.
 */
void
prefetch_table_account(Prefetch *prefetch, Size more, Size less)
{
	PrefetchStatement *statement = prefetch->statement;

	prefetch->memory += more;
	prefetch->memory -= less;
	statement->memory += more;
	statement->memory -= less;
	while (statement->memory + statement->unused_memory > statement->memory_limit &&
		   !dlist_is_empty(&statement->unused))
	{
		dlist_node *oldest = dlist_head_node(&statement->unused);

		if (!dlist_has_next(&statement->unused, oldest))
			break;
		dlist_delete(oldest);
		forget(dlist_container(PrefetchQuestion, node, oldest));
	}
}

/*
 * Frees the unused answers of a server.
 */
void
prefetch_table_forget_server(const PrefetchServer *server)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &server->statement->unused)
	{
		PrefetchQuestion *prefetched = dlist_container(PrefetchQuestion, node, iter.cur);

		if (prefetched->server != server)
			continue;
		dlist_delete(iter.cur);
		forget(prefetched);
	}
}

static bool
is_question(const PrefetchQuestion *prefetched, const PrefetchServer *server,
			const DnsQuestion *question)
{
	const PrefetchKey *key = &prefetched->key;

	return prefetched->server == server &&
		key->len == question->name.len && key->type == question->type &&
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
hash_question(const PrefetchStatement *statement, const PrefetchQuestion *prefetched)
{
	const PrefetchKey *key = &prefetched->key;

	return (uint32) hash_bytes_extended((const unsigned char *) key, KEY_SIZE(key->len),
										statement->seed ^ (uintptr_t) prefetched->server);
}

static bool
same_question(const PrefetchQuestion *a, const PrefetchQuestion *b)
{
	return a->server == b->server && a->key.len == b->key.len &&
		memcmp(&a->key, &b->key, KEY_SIZE(a->key.len)) == 0;
}

/* Keeps an answer without a reference while there is memory. */
static void
keep_unused(PrefetchQuestion *prefetched)
{
	PrefetchStatement *statement = prefetched->prefetch->statement;
	Size		size = question_size(prefetched);

	dlist_push_tail(&statement->unused, &prefetched->node);
	statement->unused_memory += size;
	prefetch_table_account(prefetched->prefetch, 0, size);
}

/* Frees a question that is in no list and not in flight. */
static void
forget(PrefetchQuestion *prefetched)
{
	PrefetchStatement *statement = prefetched->prefetch->statement;
	PrefetchServer *server = prefetched->server;
	Size		size = question_size(prefetched);

	if (prefetched->state == PREFETCH_DONE)
		statement->unused_memory -= size;
	else
		prefetch_table_account(prefetched->prefetch, 0, size);
	prefetch_questions_delete(statement->table, prefetched);
	if (statement->expected == prefetched)
		statement->expected = NULL;
	if (server != NULL && --server->questions == 0 && server->window == NULL)
	{
		dlist_delete(&server->node);
		pfree(server->text);
		pfree(server);
	}
	give(prefetched);
}

/* Frees a question that nothing knows any more, and its answer. */
static void
give(PrefetchQuestion *prefetched)
{
	if (prefetched->state == PREFETCH_DONE)
		pool_give(prefetched->answer);
	pool_give(prefetched);
}

/* Octets of a question, its answer and its entry in the table. */
static Size
question_size(PrefetchQuestion *prefetched)
{
	Size		size = pool_space(prefetched) + 2 * sizeof(PrefetchEntry);

	if (prefetched->state == PREFETCH_DONE)
		size += pool_space(prefetched->answer);
	return size;
}

/* Counts a question that is queued, or no longer so, for dns_stat_progress. */
static void
count_known(const PrefetchQuestion *prefetched, int more)
{
	DnsWindow  *window = prefetch_table_window(prefetched);

	if (window != NULL)
		window->progress->known += more;
}
