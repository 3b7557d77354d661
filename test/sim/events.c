/*
 * events.c
 *
 * All that is going to happen, in the order of time: a heap.  Events of one time happen
 * in the order in which they were made.
 */
#include "world.h"

SimTime		now;

static Event *heap;
static int	nevents;
static int	size;
static uint64_t numbers;

static bool
is_before(const Event *a, const Event *b)
{
	return a->at != b->at ? a->at < b->at : a->number < b->number;
}

/*
 * Lets something happen at a time.
 */
void
event_at(SimTime at, void (*happen) (int, uint64_t, Packet *), int who,
		 uint64_t token, Packet *packet)
{
	Event		event = {at, numbers++, happen, who, token, packet};
	int			i;

	if (nevents == size)
	{
		size = 2 * size + 1024;
		heap = realloc(heap, size * sizeof(Event));
	}
	for (i = nevents++; i > 0 && is_before(&event, &heap[(i - 1) / 2]); i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = event;
}

/*
 * The time of the next event; NEVER if there is none.
 */
SimTime
event_time(void)
{
	return nevents > 0 ? heap[0].at : NEVER;
}

/*
 * Lets the next event happen.  False if there is none.
 */
bool
event_next(void)
{
	Event		first;
	Event		last;
	int			i = 0;

	if (nevents == 0)
		return false;
	first = heap[0];
	last = heap[--nevents];
	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= nevents)
			break;
		if (child + 1 < nevents && is_before(&heap[child + 1], &heap[child]))
			child++;
		if (!is_before(&heap[child], &last))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
	now = first.at;
	first.happen(first.who, first.token, first.packet);
	return true;
}
