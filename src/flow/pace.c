/*
 * pace.c
 *
 * How many fresh questions a channel has, which load the way and the server.  This level
 * begins small, and grows with each answer (slow start, RFC 5681) until answers come
 * later: a queue stands at the server.  From then on it keeps the queue short (LEDBAT,
 * RFC 6817), since other sessions use the same server.  Only the quickest answer of a
 * round tells the length of the queue: a resolver has some names at hand and looks up
 * others.  Lost queries halve the level, and share.c can do so.
 *
 * The channel keeps what the pace learns.  Runs inside the library too: never raises.
 *
 *   slow start ---- a queue, or losses ----> a level that keeps the queue as near.c has it
 *    | 2, 4, 8 ... (far away: start.c)        | + 1/16 a round while it is shorter
 *    |                                        | - up to 1/2 when it is longer
 *    +-- a delay too long for a queue: a round with fewer; no better: as before --+
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * Where the level begins: RFC 5681's smallest initial window.  A hundred sessions that
 * begin at once do not overrun a small server (world busy100 of test/sim).
 */
#define FIRST_LEVEL		2

/*
 * A longer delay, in microseconds, hardly comes from a queue in a socket's buffer: these
 * can be names that a resolver does not have at hand.  That is tested first.
 */
#define LONGEST_QUEUE	20000

/*
 * The level grows by this part of itself in a round at most, and falls by this part at
 * most, as in Swift (Kumar and others, SIGCOMM 2020).
 */
#define GAIN			(1.0 / 16)
#define DECREASE		(1.0 / 2)

/*
 * Answers of a round that are late together can have waited for a processor, here or with the
 * server: a queue lasts (CoDel, RFC 8289).  So the answers of this many rounds must be late
 * until the level falls, unless it still doubles, or the server is near and a buffer full by
 * then.  Chosen by worlds of test/sim with busy processors, and the worlds "busy".
 */
#define LATE_ROUNDS		4

/*
 * An answer is quick if it takes at most this many microseconds longer than the quickest
 * of late.  A queue delays all answers; if a resolver has few names at hand, a round
 * without a quick answer tells of a queue only if this many were expected in it: e^-4, a
 * round in fifty, has none by chance.  The
 * worlds with slow=0.9 of test/sim chose the time.
 */
#define QUICK			2000
#define QUICK_EXPECTED	4

/*
 * As long as no answers have told it: how many of so many answers are quick.  They fade
 * by this factor with each round.
 */
#define FIRST_QUICK		1
#define FIRST_JUDGED	2
#define FADING			(7.0 / 8)

/*
 * A round without an answer is over after this many timeouts.  Where nobody answers,
 * there is no load to be found out: the level grows up to SILENT_LEVEL.  Once a queue or
 * losses have been seen, few silent questions do not tell that: LEAST_ANSWERS do.
 */
#define SILENT_ROUND	1

/* A round has at least this many answers, so that chance counts for little (RFC 9406). */
#define LEAST_ANSWERS	8

/*
 * The losses that a level can have: a number that chance explains, plus this share of
 * the answers (BBRv2's loss threshold).
 */
#define LOST_BY_CHANCE	2
#define TOO_MANY_LOST	0.02

/* The quickest round trip is that of the last two spans of this many microseconds. */
#define BASE_SPAN		INT64CONST(2000000)

static void begin_round(DnsPace *pace, int64 now);
static void end_round(DnsPace *pace, int64 now);
static bool adjust_level(DnsPace *pace, int64 now);
static void forget_quick(DnsPace *pace);
static double allowed_queue(const DnsPace *pace, const DnsTrips *trips);
static void judge_delay(DnsPace *pace);
static void halve(DnsPace *pace, int64 now);

/*
 * Sets the pace of a new channel.
 */
void
pace_init(DnsPace *pace)
{
	pace->level = FIRST_LEVEL;
	pace->total = WINDOW_MAX;
	pace->slow_start = true;
	pace->start = START_IS_OVER;
	loss_init(pace);
	forget_quick(pace);
	near_init(pace);
	pace_begin(pace);
}

/*
 * Begins anew with few questions: nobody has listened, so all that was in flight can come
 * at once now (RFC 5681 section 4.1).
 */
void
pace_restart(DnsPace *pace)
{
	pace->level = FIRST_LEVEL;
	pace->slow_start = true;
	pace->testing = PACE_TESTS_NOTHING;
	pace->start = START_IS_OVER;
}

/*
 * Begins a round for a new window: the time before it tells nothing.
 */
void
pace_begin(DnsPace *pace)
{
	int64		now = clock_now();

	start_begin(pace, now);
	pace->base = pace->base_before = 0;
	pace->base_since = now;
	pace->testing = PACE_TESTS_NOTHING;
	pace->joined = false;
	pace->level_of_all = 0;
	pace->gone = pace->waited = 0;
	pace->trips = (DnsTrips) {0};
	share_begin(pace, now);
	begin_round(pace, now);
}

/*
 * Can a window with this many fresh questions, and this many that wait, ask one more?
 * Notes when the level, not the capacity of the window, is the limit.
 */
bool
pace_allows(DnsPace *pace, int fresh, int waiting, int capacity)
{
	/* There is always room while nothing waits. */
	if (fresh + waiting == 0)
		return true;
	if (!share_allows(pace, fresh + waiting))
		return false;
	if (fresh < (int) pace->level)
	{
		pace->most_fresh = Max(pace->most_fresh, fresh + 1);
		return true;
	}
	if (fresh < capacity)
		pace->full = pace->hungry = true;
	return false;
}

/*
 * Counts an answer.
 */
void
pace_answered(DnsPace *pace)
{
	pace->answers++;
	pace->delivered++;
	loss_answered(pace);
	if (pace->slow_start && pace->growing && pace->testing == PACE_TESTS_NOTHING &&
		pace->full && pace->level < WINDOW_MAX && near_allows(pace, clock_is_prompt()))
		pace->level += near_growth(pace) * start_gain(pace);
}

/*
 * Notes the round trip in microseconds of a query that was sent at this time.
 */
void
pace_trip(DnsPace *pace, int64 trip, int64 sent_at)
{
	DnsTrips	one;

	pace->over |= (sent_at >= pace->began);
	start_trip(pace, trip, sent_at);
	if (!clock_is_prompt() ||	/* the answer can have lain there */
		(pace->testing == PACE_TESTS_DELAY && sent_at < pace->changed_at))
		return;
	trip = Max(trip, 1);
	pace_near(pace, trip);
	one = (DnsTrips) {1, trip - pace_base(pace) <= QUICK, trip, trip};
	trips_add(&pace->trips, &one);
	pace_watch(pace, &pace->trips);
	start_watch(pace, &one, pace_base(pace));
}

/*
 * Notes a round trip that can be the quickest of late.
 */
void
pace_near(DnsPace *pace, int64 trip)
{
	int64		base = pace_base(pace);

	near_trip(pace, trip);
	pace->base = pace->base == 0 ? trip : Min(pace->base, trip);
	/* Answers that were quick until now are not. */
	if (base - pace_base(pace) > QUICK)
		forget_quick(pace);
}

/*
 * Are these round trips enough to tell whether a queue stands at the server?
 */
bool
pace_tells(const DnsPace *pace, const DnsTrips *trips)
{
	return trips->quick > 0 ||
		trips->number * pace->quick >= QUICK_EXPECTED * pace->judged;
}

/*
 * Ends the growth of this round if these round trips show a queue: not only at the end of
 * the round (RFC 9406 section 4.2).
 */
void
pace_watch(DnsPace *pace, const DnsTrips *trips)
{
	if (pace->slow_start && trips->number >= LEAST_ANSWERS &&
		trips->quickest - pace_base(pace) > allowed_queue(pace, trips))
		pace->growing = false;
}

/*
 * Counts a query that was lost although its server answers others.  sent_at is on the
 * clock of clock_now().
 */
void
pace_lost(DnsPace *pace, int64 sent_at)
{
	pace->lost += (sent_at >= pace->halved_at);
}

/*
 * The quickest round trip of late, in microseconds; 0 if none is known.
 */
int64
pace_base(const DnsPace *pace)
{
	if (pace->base == 0 || pace->base_before == 0)
		return Max(pace->base, pace->base_before);
	return Min(pace->base, pace->base_before);
}

/*
 * The time, on the clock of clock_now(), by which pace_look() must be called; rto is the
 * time in microseconds in which a question is fresh.
 */
int64
pace_time(const DnsPace *pace, int64 rto)
{
	return clock_earlier(start_time(pace), pace->full ?
						 pace->looked_at + SILENT_ROUND * rto : PG_INT64_MAX);
}

/*
 * Ends the round if it is over: a query of this round is answered, and there are enough
 * answers; or there are none.  rto is as for pace_time().  Called after each wait.
 */
void
pace_look(DnsPace *pace, int64 rto)
{
	int64		now = clock_now();

	start_look(pace, now);
	if (!pace->full && !pace->over)
		return;
	if (pace->over && pace->answers >= Max(LEAST_ANSWERS, (int) pace->level / 2))
		end_round(pace, now);
	else if (pace->full && now >= pace->looked_at + SILENT_ROUND * rto)
	{
		pace->looked_at = now;
		if (pace->answers == 0 && (pace->slow_start || pace->silent >= LEAST_ANSWERS))
			end_round(pace, now);
	}
}

static void
begin_round(DnsPace *pace, int64 now)
{
	pace->began = pace->looked_at = now;
	pace->over = false;
	pace->answers = pace->silent = 0;
	pace->full = false;
	pace->growing = true;
	if (now - pace->base_since < BASE_SPAN)
		return;
	pace->base_before = pace->base;
	pace->base = 0;
	pace->base_since = now;
}

static void
end_round(DnsPace *pace, int64 now)
{
	DnsTrips	trips = {0};	/* those that count in the next round, too */

	if (pace->answers == 0)
	{
		if (pace->full && pace->level < SILENT_LEVEL)
			pace->level = Min(2 * pace->level, SILENT_LEVEL);
	}
	else
	{
		if (pace->lost > LOST_BY_CHANCE + TOO_MANY_LOST * pace->delivered)
			halve(pace, now);
		else if (!adjust_level(pace, now))
			trips = pace->trips;
	}
	near_round(pace);
	pace->trips = trips;
	pace->lost /= 2;
	pace->delivered /= 2;
	pace->silence /= 2;
	begin_round(pace, now);
}

/*
 * Keeps the queue at the server short: RFC 6817 section 2.4.2, a round at a time.  False if
 * the round trips do not tell yet how long it is.
 */
static bool
adjust_level(DnsPace *pace, int64 now)
{
	double		queue = pace->trips.quickest - pace_base(pace);
	double		allowed = allowed_queue(pace, &pace->trips);

	if (pace->trips.number == 0)
	{
		/* The backend is too busy to tell, so it is what limits the load. */
		if (pace->full && pace->level < SILENT_LEVEL && pace->testing == PACE_TESTS_NOTHING)
			pace->level += Max(1, GAIN * pace->level);
		return true;
	}
	if (queue > allowed && !pace_tells(pace, &pace->trips))
		return false;
	if (queue <= allowed)
	{
		pace->late = 0;
		pace->judged = FADING * pace->judged + pace->trips.number;
		pace->quick = FADING * pace->quick + pace->trips.quick;
	}
	if (pace->testing == PACE_TESTS_DELAY && pace->trips.number < LEAST_ANSWERS)
		return false;
	if (pace->testing == PACE_TESTS_DELAY)
		judge_delay(pace);
	else if (queue <= allowed)
	{
		if (pace->full && !pace->slow_start && near_allows(pace, true))
			pace->level += (1 - queue / allowed) * Max(1, GAIN * pace->level);
		pace->level = Min(pace->level, WINDOW_MAX);
	}
	else if (pace->level > LOWEST_LEVEL && pace->testing == PACE_TESTS_NOTHING)
	{
		pace->late_queue = pace->late == 0 ? queue : Min(pace->late_queue, queue);
		if (++pace->late < LATE_ROUNDS && !pace->slow_start && near_is_distant(pace))
			return true;
		pace->late = 0;
		queue = pace->late_queue;
		pace->before = pace->level;
		pace->level *= 1 - DECREASE * (queue - allowed) / queue;
		pace->level = Max(pace->level, LOWEST_LEVEL);
		if (queue <= LONGEST_QUEUE)
			pace->slow_start = false;
		else
		{
			pace->testing = PACE_TESTS_DELAY;
			pace->changed_at = now;
			pace->delay = pace->trips.quickest;
			pace->delay_mean = pace->trips.sum / pace->trips.number;
			pace->queue = queue;
		}
	}
	return true;
}

static void
forget_quick(DnsPace *pace)
{
	pace->judged = FIRST_JUDGED;
	pace->quick = FIRST_QUICK;
}

/*
 * The microseconds by which the quickest answer of the round can be later than that of
 * late: the queue that can stand at the server, and what comes by chance.
 */
static double
allowed_queue(const DnsPace *pace, const DnsTrips *trips)
{
	return near_target(pace_base(pace)) + trips_chance(trips);
}

/*
 * The level is lower, since answers came late.  If they still do, the quickest or all of
 * them, that is not because of the queries of this channel: a resolver can have had a name
 * at hand by chance.
 */
static void
judge_delay(DnsPace *pace)
{
	double		shorter = pace->queue * DECREASE / 2;

	pace->testing = PACE_TESTS_NOTHING;
	if (pace->delay - pace->trips.quickest > shorter &&
		pace->delay_mean - pace->trips.sum / pace->trips.number > shorter)
	{
		pace->slow_start = false;
		return;
	}
	pace->level = pace->before;
	pace->base = pace->base_before = pace->trips.quickest;
	forget_quick(pace);
}

static void
halve(DnsPace *pace, int64 now)
{
	pace->slow_start = false;
	pace->level = Max(pace->level / 2, LOWEST_LEVEL);
	pace->halved_at = now;
	pace->lost = 0;
}
