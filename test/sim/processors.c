/*
 * processors.c
 *
 * The processors of a host on which sessions and servers run, if there are fewer
 * processors than of these.  Each keeps its processor until it has nothing to do, or for
 * a slice if others wait.  Then the one that has used the least time gets it.  Meanwhile
 * datagrams gather in the buffers of those that wait.
 */
#include "world.h"

typedef struct Thread
{
	bool		runs;
	bool		wants;
	SimTime		since;			/* it runs or waits */
	SimTime		used;
	void		(*resume) (int who);
	int			who;
} Thread;

static Thread *threads;
static int	nthreads;
static int	running_threads;
static SimTime least;			/* used by the last one that got a processor */

/*
 * Makes a thread that calls a function of the world when it gets a processor.  Returns
 * its number, or -1 if each thread has a processor of its own.
 */
int
processor_thread(void (*resume) (int who), int who)
{
	if (set.processors == 0)
		return -1;
	threads = realloc(threads, (nthreads + 1) * sizeof(Thread));
	threads[nthreads] = (Thread) {.resume = resume, .who = who};
	return nthreads++;
}

/* Gives the processors that are free to those that wait. */
static void
give(void)
{
	while (running_threads < set.processors)
	{
		Thread	   *next = NULL;

		for (int i = 0; i < nthreads; i++)
		{
			Thread	   *thread = &threads[i];

			if (thread->wants && (next == NULL || thread->used < next->used))
				next = thread;
		}
		if (next == NULL)
			return;
		next->wants = false;
		next->runs = true;
		next->since = now;
		least = next->used;
		running_threads++;
		next->resume(next->who);
	}
}

/*
 * Does a thread run?
 */
bool
processor_runs(int number)
{
	return number < 0 || threads[number].runs;
}

/*
 * A thread has something to do.  It is resumed when it gets a processor.
 */
void
processor_want(int number)
{
	Thread	   *thread = &threads[number];

	if (thread->runs || thread->wants)
		return;
	thread->wants = true;
	/* Who has slept gets no more than a slice for that. */
	if (thread->used < least - (SimTime) (set.slice * US))
		thread->used = least - (SimTime) (set.slice * US);
	give();
}

/*
 * A thread that runs has nothing more to do now.
 */
void
processor_leave(int number)
{
	if (number < 0)
		return;
	threads[number].runs = false;
	threads[number].used += now - threads[number].since;
	running_threads--;
	give();
}

/*
 * Is the slice of a thread over at a time that may be ahead of the world's?
 */
bool
processor_is_over(int number, SimTime at)
{
	return number >= 0 && at - threads[number].since >= set.slice * US;
}

/*
 * Takes the processor from a thread whose slice is over, if one waits for it that
 * has used less.  False if the thread goes on.
 */
bool
processor_yield(int number)
{
	Thread	   *thread = number < 0 ? NULL : &threads[number];
	bool		others = false;

	if (thread == NULL || !processor_is_over(number, now))
		return false;
	thread->used += now - thread->since;
	thread->since = now;
	for (int i = 0; i < nthreads; i++)
		others |= threads[i].wants && threads[i].used < thread->used;
	if (!others)
		return false;
	thread->runs = false;
	thread->wants = true;
	running_threads--;
	give();
	return true;
}

/* A slice of a process that only computes is over. */
static void
end_slice(int number, uint64_t token, Packet *packet)
{
	if (!processor_yield(number))
		event_at(now + set.slice * US, end_slice, number, 0, NULL);
}

static void
compute(int who)
{
	event_at(now + set.slice * US, end_slice, who, 0, NULL);
}

/*
 * Starts the processes that only compute.
 */
void
processors_start(void)
{
	for (int i = 0; i < set.hogs; i++)
	{
		int			number = processor_thread(compute, nthreads);

		if (number >= 0)
			processor_want(number);
	}
}
