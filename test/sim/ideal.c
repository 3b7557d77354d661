/*
 * ideal.c
 *
 * The ideal time of a batch: that of a client that knows all but what the network is going
 * to lose.  It asks the names in their order, max_in_flight of them at a time, as fast as
 * the servers and its processor can, and waits for a silent name as long as the settings
 * tell.  It learns that a query or its answer is lost when the answer would take longer
 * than any answer to this name, and asks again at that time.  Its losses are drawn apart
 * from those of the world, several times, and the time is the mean.
 */
#include "world.h"

/* The draws of losses. */
#define DRAWS		64

/* A latency can have this many times the mean of what is added by chance. */
#define MOST_JITTER	10

/* The processor time of a name: one datagram each way, as calls.c counts them. */
#define NAME_COST	(13 * US / 2)

/*
 * The patience with a name that nobody answers.
 */
SimTime
patience(void)
{
	SimTime		time = set.timeout * set.tries * set.servers * MS;

	if (set.deadline > 0 && set.deadline * MS < time)
		time = set.deadline * MS;
	if (set.max_timeout * MS < time)
		time = set.max_timeout * MS;
	return time;
}

/* Microseconds that a query takes the server; servers that take turns wait for the slowest. */
static double
slowest_service(void)
{
	return set.rotate && set.servers > 1 && set.service2 > set.service ?
		set.service2 : set.service;
}

/* The time of a name of each session, if they alone share the processors with the server. */
static SimTime
shared_time(void)
{
	return set.processors == 0 ? 0 :
		((set.service + set.row) * US + NAME_COST * set.cost) * set.sessions / set.processors;
}

static SimTime
longer(SimTime a, SimTime b)
{
	return a > b ? a : b;
}

/* The shortest time that a name takes. */
static SimTime
shortest_time(const Name *name)
{
	if (name->kind == 'd' && set.list > 0 && set.hold * MS < patience())
		return set.hold * MS;
	if (name->kind == 'd')
		return patience();
	return (SimTime) ((set.rtt + set.service) * US) +
		(name->kind == 'w' ? set.slow_ms : name_kind(name->kind)->extra) * MS;
}

/* Microseconds after which an answer to a name with this shortest time is overdue. */
static SimTime
longest_time(SimTime shortest)
{
	return shortest + (SimTime) (2 * MOST_JITTER * set.jitter * US);
}

/* The time that a name takes whose queries and answers can be lost. */
static SimTime
time_with_losses(Chance *chance, const Name *name)
{
	SimTime		shortest = shortest_time(name);
	SimTime		time = shortest;

	if (name->kind == 'd')
		return shortest;
	while (chance_of(chance, set.loss) || chance_of(chance, set.loss))
	{
		time += longest_time(shortest);
		if (time >= patience())
			return patience();
	}
	return time;
}

/* Puts a time at the root of a heap of times, and moves it to its place. */
static void
replace_first(SimTime *heap, int count, SimTime time)
{
	int			i = 0;

	for (;;)
	{
		int			child = 2 * i + 1;

		if (child >= count)
			break;
		if (child + 1 < count && heap[child + 1] < heap[child])
			child++;
		if (heap[child] >= time)
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = time;
}

/* The time of a session's batch, with one draw of losses. */
static SimTime
drawn_time(const Session *session, Chance *chance)
{
	int			places = set.max_in_flight;
	SimTime    *heap = calloc(places, sizeof(SimTime));	/* when a place is free */
	SimTime		service = slowest_service() * US *
		(set.judged > 0 ? set.judged : set.sessions) /
		(set.workers * (set.rotate ? set.servers : 1));
	SimTime		step = longer(service, longer(NAME_COST * set.cost, shared_time()));
	SimTime		at = 0;
	SimTime		end = 0;

	for (int i = 0; i < session->task.names; i++)
	{
		SimTime		over;

		at = (heap[0] > at ? heap[0] : at) + step;
		over = at + time_with_losses(chance, &session->names[i]);
		replace_first(heap, places, over);
		if (over > end)
			end = over;
	}
	free(heap);
	return end;
}

/*
 * The ideal time of a session's batch.
 */
SimTime
ideal_time(const Session *session)
{
	Chance		chance = {seed * 6364136223846793005 + session->task.id};
	int			draws = set.loss > 0 ? DRAWS : 1;
	SimTime		sum = 0;

	for (int i = 0; i < draws; i++)
		sum += drawn_time(session, &chance);
	return sum / draws;
}
