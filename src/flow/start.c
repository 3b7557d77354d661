/*
 * start.c
 *
 * The start of a pace far away, where the round trips of slow start are long.  The first
 * round trip does not tell a server that is far from one nearby that others keep busy;
 * but a queue grows while all sessions begin, and a long way does not.  So while no answer
 * comes, a second pair of questions follows the first.  If it takes no longer, the server
 * is far, and a train of questions, sent at once, tells how quickly it answers (Jain and
 * Routhier, "Packet trains", IEEE JSAC 4(6), 1986; Hoe, "Improving the start-up behavior
 * of a congestion control scheme for TCP", SIGCOMM 1996).  The first train is short, since
 * others can begin too; as far as its answers allow, a longer one follows.  What the
 * server answers in a round trip at the rate of that one is asked then, spread over a
 * round trip (as Misund and Briscoe, "Paced chirping", Netdev 0x13, 2019, do), and slow
 * start goes on.
 *
 *   waits --> looks again --> train --> longer train --> spreads --> over
 *     |            |            |            |                        ^
 *     +-- near ----+-- queue ---+------------+-- slow, or few answers +
 *
 * If the longer train takes longer in proportion, not the way but the server has set the
 * rate: half of it is asked.  In either case slow start is careful above that rate, since a
 * server far away gets more than its buffer holds before anybody hears of it.  A session
 * that has asked before knows the level, and spreads it, too.  All sessions together
 * (joint.c) have no such start.  Runs inside the library too: never raises.
 */
#include "postgres.h"

#include <math.h>

#include "flow/flow.h"

/*
 * The second pair of questions follows after this many microseconds: a queue of 270
 * queries at a server nearby, as many as a usual receive buffer holds, is shorter.
 */
#define LOOK_AGAIN		5000
#define TWO_PAIRS		4

/*
 * A server is far at this distance in microseconds, if the second pair, and the quickest
 * of a train, take longer than the first by at most this part.  Nearer, slow start is
 * quick.
 */
#define FAR				10000
#define LONGER			(1.0 / 16)

/*
 * The questions of the trains.  A hundred sessions that begin at once 20 ms away lose no
 * more of their queries with the first one than by slow start (test/sim), and a usual
 * receive buffer has room for two of the second.  Half of the answers tell the rate, since
 * some names are slow.
 */
#define FIRST_TRAIN		16
#define LAST_TRAIN		128

/* A train is over after this many round trips. */
#define TRAIN_TRIPS		1.5

/*
 * The answers tell a rate if they come within this part of a round trip; else there is
 * little to gain.  Closer than this many microseconds, they can have waited for the
 * process.
 */
#define MOST_TIME		(1.0 / 8)
#define LEAST_TIME		200

/* This part of the rate is asked for the longer train, and if the server has set it. */
#define PART			0.5

/*
 * When slow start is careful, the level grows by this part of its usual growth
 * (conservative slow start, RFC 9406), and only until so many answers show a queue of
 * this many microseconds, or of this part of the way.  The worlds with a queue of 270 in test/sim chose these.
 */
#define CAREFUL_GAIN	(1.0 / 4)
#define LATEST			8
#define QUEUE			1000
#define QUEUE_TRIP		32

/* Microseconds between two steps of the level. */
#define STEP			1000

static void send_train(DnsPace *pace, int train, int64 now);
static bool is_longer(const DnsPace *pace, double trip);
static void measure(DnsPace *pace, int64 now);
static void end_train(DnsPace *pace, int64 now);
static void spread(DnsPace *pace, int64 now);

/*
 * Begins, for a new window.
 */
void
start_begin(DnsPace *pace, int64 now)
{
	/* The window before can have ended while it spread the level. */
	if (pace->start == START_SPREADS && pace->halved_at < pace->start_at)
		pace->level = Max(pace->level, pace->start_level);
	pace->start = pace->slow_start && pace->level < TWO_PAIRS ? START_WAITS :
		START_IS_OVER;
	pace->start_at = now;
	pace->start_trips = (DnsTrips) {0};
	pace->start_level = 0;
	pace->train_time = 0;
	pace->careful_above = 0;
	pace->latest = (DnsTrips) {0};
}

/*
 * After start_begin(), in a session that knows the level of a server far away: it is not
 * asked at once, either.  joint.c does so for all sessions together.
 */
void
start_again(DnsPace *pace)
{
	if (pace->level <= LAST_TRAIN || pace->nearest < FAR)
		return;
	pace->start = START_SPREADS;
	pace->start_level = pace->level;
	pace->start_trips = (DnsTrips) {1, 0, pace->nearest, pace->nearest};
	pace->level = LAST_TRAIN;
}

/*
 * Notes the round trip in microseconds of a query that was sent at this time.
 */
void
start_trip(DnsPace *pace, int64 trip, int64 sent_at)
{
	int64		now = clock_last();

	if (pace->start == START_IS_OVER || pace->start == START_SPREADS ||
		(pace->start != START_TRAIN && !clock_is_prompt()))
		return;
	if (trip < FAR || !pace->slow_start || pace->joint != NULL)
	{
		pace->start = START_IS_OVER;
		return;
	}
	if (pace->start == START_TRAIN)
	{
		if (sent_at < pace->start_at)
			return;
		if (pace->start_answers++ == 0)
			pace->train_at = now;
		pace->answered_at = now;
		trips_add(&pace->latest, &(DnsTrips) {1, 0, trip, trip});
		if (pace->start_answers == pace->train / 2)
			measure(pace, now);
		return;
	}
	trips_add(&pace->start_trips, &(DnsTrips) {1, 0, trip, trip});
	if (pace->start != START_LOOKS_AGAIN || sent_at < pace->start_at)
		return;
	pace->start = START_IS_OVER;
	if (is_longer(pace, pace->start_trips.sum / pace->start_trips.number))
		return;
	near_is_far(pace);
	send_train(pace, FIRST_TRAIN, now);
}

/*
 * Brings the level to where it is to be now.
 */
void
start_look(DnsPace *pace, int64 now)
{
	if (pace->start == START_WAITS && !pace->full)
		pace->start_at = now;
	else if (pace->start == START_WAITS && now >= pace->start_at + LOOK_AGAIN)
	{
		pace->start = START_LOOKS_AGAIN;
		pace->start_at = now;
		pace->level = Max(pace->level, TWO_PAIRS);
	}
	else if (pace->start == START_TRAIN &&
			 now >= pace->start_at + TRAIN_TRIPS * pace->start_trips.quickest)
		end_train(pace, now);
	else if (pace->start == START_SPREADS)
		spread(pace, now);
}

/*
 * The time, on the clock of clock_now(), by which start_look() must be called.
 */
int64
start_time(const DnsPace *pace)
{
	if (!pace->full || pace->joint != NULL)
		return PG_INT64_MAX;
	switch (pace->start)
	{
		case START_WAITS:
			return pace->start_at + LOOK_AGAIN;
		case START_TRAIN:
			return pace->start_at + TRAIN_TRIPS * pace->start_trips.quickest + 1;
		case START_SPREADS:
			return clock_last() + STEP;
		default:
			return PG_INT64_MAX;
	}
}

/*
 * By how much the level grows with an answer in slow start.
 */
double
start_gain(const DnsPace *pace)
{
	if (pace->start == START_TRAIN)
		return 0;
	return pace->careful_above > 0 && pace->level > pace->careful_above ? CAREFUL_GAIN : 1;
}

/*
 * If slow start is careful, ends the growth of this round as soon as round trips show a
 * queue that is short for the way, but not for the buffer of a server.  base is the
 * quickest of late, in microseconds.
 */
void
start_watch(DnsPace *pace, const DnsTrips *trip, int64 base)
{
	if (pace->careful_above == 0 || !pace->slow_start)
		return;
	trips_add(&pace->latest, trip);
	if (pace->latest.number < LATEST)
		return;
	if (pace->latest.quickest - base > clock_later(QUEUE, base / QUEUE_TRIP) + trips_chance(&pace->latest))
		pace->growing = false;
	pace->latest = (DnsTrips) {0};
}

/* Asks this many questions at once. */
static void
send_train(DnsPace *pace, int train, int64 now)
{
	pace->start = START_TRAIN;
	pace->start_at = now;
	pace->train = train;
	pace->start_answers = 0;
	pace->latest = (DnsTrips) {0};
	pace->level = Max(pace->level, train);
}

/* Is a round trip longer than the quickest one? */
static bool
is_longer(const DnsPace *pace, double trip)
{
	return trip > (1 + LONGER) * pace->start_trips.quickest;
}

/*
 * Half of a train is answered: a longer one follows, as far as the rate allows, or the
 * level to reach in a round trip is chosen.
 */
static void
measure(DnsPace *pace, int64 now)
{
	int64		trip = pace->start_trips.quickest;
	int64		time = Max(pace->answered_at - pace->train_at, LEAST_TIME);
	double		rate = (double) pace->start_answers / time;

	pace->start = START_IS_OVER;
	if (!pace->growing || time > MOST_TIME * trip || is_longer(pace, pace->latest.quickest))
	{
		pace->level = Min(pace->level, Max(pace->start_answers, TWO_PAIRS));
		return;
	}
	if (pace->train_time == 0 && PART * rate * trip > 2 * FIRST_TRAIN)
	{
		pace->train_time = time;
		send_train(pace, Min(PART * rate * trip, LAST_TRAIN), now);
		return;
	}
	/* If the way had set the times, more questions would have taken as long. */
	pace->careful_above = rate * trip;
	if (time > pace->train_time * sqrt(2.0 * pace->start_answers / FIRST_TRAIN))
		rate *= PART;
	pace->start = START_SPREADS;
	pace->start_at = now;
	pace->start_level = Min(rate * trip, WINDOW_MAX);
}

/*
 * Few questions of the train are answered, so they were too many.  Goes on with as many
 * as are answered; the others do not tell what share of the names is.
 */
static void
end_train(DnsPace *pace, int64 now)
{
	/* Silent names of earlier questions take places, so the first train can be shorter. */
	if (pace->train_time == 0 && pace->start_answers >= pace->train / 4)
	{
		measure(pace, now);
		return;
	}
	pace->start = START_IS_OVER;
	pace->level = Min(pace->level, Max(pace->start_answers, TWO_PAIRS));
	share_begin(pace, now);
}

/* Asks more, step by step. */
static void
spread(DnsPace *pace, int64 now)
{
	double		done = (double) (now + STEP - pace->start_at) / pace->start_trips.quickest;

	if (pace->growing && pace->halved_at < pace->start_at && pace->joint == NULL &&
		pace->testing == PACE_TESTS_NOTHING)
		pace->level = Max(pace->level, Min(done, 1) * pace->start_level);
	else
		done = 1;
	if (done >= 1)
		pace->start = START_IS_OVER;
}
