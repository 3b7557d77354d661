/*
 * near.c
 *
 * How far the level can grow if the server is near.  A server nearby is busy with few
 * questions, so more than that do not stand in a queue which could be measured: they lie
 * with sessions that wait for a processor, and come to the server all at once when these
 * go on.  Its receive buffer has no room for that.  Little's law tells how many are
 * enough: as many as a server can answer in a millisecond, times the time that one of
 * them takes.  Names that the server has to look up take long; if there are many, the
 * quickest answers tell of a queue in time, and nothing is bounded here.  Runs inside
 * the library too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/* Microseconds: a server that is nearer than this is near. */
#define NEARBY			2000

/*
 * Questions for each microsecond of the quickest round trip, and for each of the mean
 * one, which is longer on a busy host.  Chosen by the worlds "crowded" and those with
 * slow=0.9 of test/sim.
 */
#define RATE			0.128
#define MEAN_RATE		0.032

/*
 * It takes this many rounds with round trips to tell how near the server is: a busy
 * backend sees few quick answers.  The nearest is remembered for SPAN microseconds, through
 * times in which there are none.
 */
#define ROUNDS			3
#define SPAN			INT64CONST(60000000)

/* The round trips fade by this factor with each round. */
#define FADING			(7.0 / 8)

static double mean_time(const DnsPace *pace);

/*
 * Begins to learn how near the server is.
 */
void
near_init(DnsPace *pace)
{
	pace->nearest = 0;
	pace->seen = pace->seen_sum = 0;
	pace->seen_rounds = 0;
	pace->enough = SILENT_LEVEL;
}

/*
 * Notes a round trip, in microseconds, that can be the quickest of the last minutes.
 */
void
near_trip(DnsPace *pace, int64 trip)
{
	if (pace->nearest > 0 && trip > pace->nearest &&
		clock_last() - pace->nearest_at <= SPAN)
		return;
	pace->nearest = trip;
	pace->nearest_at = clock_last();
}

/*
 * Notes that a question is no longer fresh after these microseconds, since it is silent.
 */
void
near_silent(DnsPace *pace, int64 time)
{
	pace->silence += time;
}

/*
 * Takes the round trips of a round into account.
 */
void
near_round(DnsPace *pace)
{
	double		mean = 0;

	if (pace->trips.number > 0)
	{
		pace->seen = FADING * pace->seen + pace->trips.number;
		pace->seen_sum = FADING * pace->seen_sum + pace->trips.sum;
		pace->seen_rounds++;
	}
	if (pace->seen_rounds > 0)
		mean = mean_time(pace);
	if (pace->seen_rounds < ROUNDS)
		pace->enough = SILENT_LEVEL;
	else if (pace->nearest > NEARBY || 4 * pace->quick < pace->judged)
		pace->enough = WINDOW_MAX;
	else
		pace->enough = Max(SILENT_LEVEL + RATE * pace->nearest,
						   MEAN_RATE * mean);
}

/*
 * Can more questions bring more answers?  prompt tells that the backend is not too busy
 * to see when they come.
 */
bool
near_allows(const DnsPace *pace, bool prompt)
{
	double		level = Max(pace->level, pace->level_of_all);

	return level < SILENT_LEVEL ||
		(level < pace->enough && (prompt || pace->nearest > NEARBY));
}

/* The microseconds in which a question is fresh. */
static double
mean_time(const DnsPace *pace)
{
	return pace->seen_sum / pace->seen + pace->silence / Max(pace->delivered, 1);
}
