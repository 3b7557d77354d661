/*
 * near.c
 *
 * A server nearby: its round trips are short, and a queue there is longer than the way.
 *
 * How far the level can grow: such a server is busy with few questions, so more than that
 * do not stand in a queue which could be measured: they lie with sessions that wait for a
 * processor, and come to the server all at once when these go on.  Its receive buffer has
 * no room for that.  Little's law tells how many are enough: as many as a server can
 * answer in a millisecond, times the time that one of them takes.  Names that the server
 * has to look up take long; if there are many, the quickest answers tell of a queue in
 * time, and nothing is bounded here.
 *
 * How quickly it grows, and how long the queue can be: others begin at the same time, and
 * those that have begun before hold a queue that looks like a longer way.  Runs inside
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

/*
 * The queue that stands at the server, in microseconds: RFC 6817's TARGET, which is at
 * most 100 ms there.  A name server's socket buffer holds some 250 queries, which take
 * it some milliseconds.  Far away, an eighth of the round trip (RFC 9406).
 */
#define TARGET			1000
#define TARGET_TRIP		8

/*
 * A round trip shorter than this many microseconds can be that of a queue which others
 * hold.  If a session adds as much as it would without them, some five that begin one
 * after the other fill the buffer (RFC 6817 section 4.4, the latecomer's advantage).  So
 * the target falls to LEAST_TARGET of itself when it comes to NEARBY.
 */
#define LONGEST_OF_OTHERS	5000
#define LEAST_TARGET	(1.0 / 4)

/*
 * In the first rounds of a channel, of 8 answers at least (pace.c), an answer raises the
 * level by FIRST_GROWTH: if many sessions begin at once, their queue is seen before it is
 * full.  That queue can look like a long way, and like names that are looked up; only
 * start.c tells a server that is far.  Chosen by the worlds "busy" of test/sim, also with
 * slower servers.
 */
#define FIRST_GROWTH	(1.0 / 8)
#define FIRST_ROUNDS	2

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
	pace->silent++;
}

/*
 * Notes that the server is far: start.c has found that out before there are rounds.
 */
void
near_is_far(DnsPace *pace)
{
	pace->seen_rounds = Max(pace->seen_rounds, ROUNDS);
	pace->enough = WINDOW_MAX;
}

/*
 * Is the server so far that no queue of other sessions looks like that?
 */
bool
near_is_distant(const DnsPace *pace)
{
	return pace->nearest >= LONGEST_OF_OTHERS;
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

/*
 * The number by which an answer raises the level in slow start.  The sessions that have
 * one pace know more of each other.
 */
double
near_growth(const DnsPace *pace)
{
	return pace->joint == NULL && pace->seen_rounds < FIRST_ROUNDS ? FIRST_GROWTH : 1;
}

/*
 * The microseconds of the queue that can stand at a server whose quickest round trip of
 * late is base.
 */
double
near_target(int64 base)
{
	if (base >= LONGEST_OF_OTHERS)
		return clock_later(TARGET, base / TARGET_TRIP);
	return TARGET * Min(1, Max(1 + LEAST_TARGET - (double) base / NEARBY, LEAST_TARGET));
}

/* The microseconds in which a question is fresh. */
static double
mean_time(const DnsPace *pace)
{
	return pace->seen_sum / pace->seen + pace->silence / Max(pace->delivered, 1);
}
