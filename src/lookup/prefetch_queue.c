/*
 * prefetch_queue.c
 *
 * The questions of a look-ahead node that wait to be asked, in the order of their rows.
 * One that a call waits for comes first.  As with batch_order.c, names that follow each other
 * are not asked together if some have no answer: then the next question is any of those
 * that wait.  The rows are still given in their order.
 *
 * The queue is a ring: the lowest bits of a question's number are its place.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "common/pg_prng.h"

#define FIRST_ROOM	64

static Size grow(PrefetchQueue *queue, MemoryContext context);
static void put(PrefetchQueue *queue, uint32 number, PrefetchQuestion *prefetched);
static PrefetchQuestion *get(const PrefetchQueue *queue, uint32 number);

/*
 * Adds a question, which comes first if a call waits for it.  Gives the octets that the
 * queue takes in addition.  Can raise.
 */
Size
prefetch_queue_add(PrefetchQuestion *prefetched, bool first)
{
	PrefetchQueue *queue = &prefetched->prefetch->queue;
	Size		more = 0;

	if (queue->count == queue->room)
		more = grow(queue, prefetched->prefetch->statement->context);
	put(queue, queue->first + queue->count, prefetched);
	queue->count++;
	if (first)
		queue->urgent = prefetched;
	return more;
}

/*
 * Removes a question: the first one takes its place.
 */
void
prefetch_queue_remove(PrefetchQuestion *prefetched)
{
	PrefetchQueue *queue = &prefetched->prefetch->queue;

	put(queue, prefetched->number, get(queue, queue->first));
	queue->first++;
	queue->count--;
	if (queue->urgent == prefetched)
		queue->urgent = NULL;
}

/*
 * Chooses the next question, which stays in the queue: the first one, or any.  There must
 * be one.
 */
PrefetchQuestion *
prefetch_queue_next(const PrefetchQueue *queue, bool any)
{
	Assert(queue->count > 0);
	if (queue->urgent != NULL)
		return queue->urgent;
	return get(queue, queue->first +
			   (any ? pg_prng_uint64_range(&pg_global_prng_state, 0, queue->count - 1) : 0));
}

static Size
grow(PrefetchQueue *queue, MemoryContext context)
{
	PrefetchQueue larger = *queue;
	uint32		more;

	larger.room = Max(2 * queue->room, FIRST_ROOM);
	larger.questions = MemoryContextAllocHuge(context, larger.room * sizeof(PrefetchQuestion *));
	for (uint32 i = 0; i < queue->count; i++)
		put(&larger, queue->first + i, get(queue, queue->first + i));
	if (queue->questions != NULL)
		pfree(queue->questions);
	more = larger.room - queue->room;
	*queue = larger;
	return more * sizeof(PrefetchQuestion *);
}

static void
put(PrefetchQueue *queue, uint32 number, PrefetchQuestion *prefetched)
{
	queue->questions[number & (queue->room - 1)] = prefetched;
	prefetched->number = number;
}

static PrefetchQuestion *
get(const PrefetchQueue *queue, uint32 number)
{
	return queue->questions[number & (queue->room - 1)];
}
