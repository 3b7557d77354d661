/*
 * pace.c
 *
 * How many questions a channel has in flight: as many as its servers make use of,
 * below pgcares.max_in_flight.  A fixed number is wrong for somebody: a server
 * nearby gives all it can with a hundred, and loses what more there is; one that is
 * 20 ms away needs thousands.  So twice as many are tried where it may help, which
 * is where the backend waits for answers although it has asked all it may; and half
 * as many where queries are lost.  What brings the most good answers stays, and if
 * fewer bring as many, fewer.  How long answers take is not looked at: a resolver has
 * some names at hand, and others not.  What was found out stays with the channel.
 *
 *          5 rounds, and try_at has passed:
 *          half, if queries were lost; else twice, if the backend waits
 *   HOLDING ------------------------------------------> SETTLING <---+
 *    ^  ^  ^                                               | 1 round |
 *    |  |  |                                               v         |
 *    |  |  |  more, 5 rounds:    proven, or proven * gain  |         |
 *    |  |  +------------------------------------------ COMPARING ----+
 *    |  |     fewer, 2 rounds:   this level if it keeps    |  gain >= 1.7 and
 *    |  |     the rate, else proven                        |  the backend waits:
 *    |  +--------------------------------------------------+  twice again
 *    |        gain >= 1.7, and the backend does not wait: this level
 *    +------- from each state, if too many queries are lost: half
 */
#include "postgres.h"

#include "flight/flight.h"

#define FIRST_LEVEL		128
#define LOWEST_LEVEL	16
#define STEP			2

/*
 * So many times as many answers make it worth it; from the second on still more may
 * be.  In between the server gives all it can: so many times as many questions are
 * enough, and others would only wait there.
 */
#define GAIN			1.1
#define FULL_GAIN		1.7

/* So many of the answers have to be left with fewer questions. */
#define KEPT			0.95

/* The share of the time in which the backend waits, from which on more may help. */
#define WAITING			0.1

/*
 * Queries that are lost at a level, from which on there are too many in flight: so
 * many by chance, and this share of those that were answered.
 */
#define LOST_BY_CHANCE	5
#define TOO_MANY_LOST	0.05

/*
 * Microseconds until it shows that queries are lost, as others cannot be asked in
 * their place; see resend.c.  What is counted of them counts half after so long.
 */
#define LOSS_SHOWS		1000000

/*
 * Microseconds that a round takes at least, so that chance counts for little.  It
 * ends when as many answers have come as questions may be in flight; where they do
 * not come, after this time at least, and so many times what they usually take.
 */
#define SHORTEST_ROUND	4000
#define LONGEST_ROUND	100000
#define LONGEST_TRIPS	2

/*
 * Rounds that tell what a level brings: the best of them counts.  Fewer rounds are
 * looked at where there are fewer in flight, which so has to be plain.
 */
#define ROUNDS_TO_SEE	5
#define ROUNDS_OF_FEWER	2

/*
 * Microseconds until another level is tried, at first: twice as long each time that
 * more in flight has not helped, up to the longest pause.
 */
#define TRY_AFTER		INT64CONST(1000000)
#define LONGEST_PAUSE	(32 * TRY_AFTER)

static void begin_round(DnsPace *pace, int64 now);
static void end_round(DnsPace *pace, double elapsed, int64 now);
static void hold_on(DnsPace *pace, double rate, bool waits, int64 now);
static void compare_more(DnsPace *pace, bool waits, int64 now);
static void compare_fewer(DnsPace *pace, int64 now);
static void try_level(DnsPace *pace, int level);
static void hold(DnsPace *pace, int level, int64 until);
static void set_level(DnsPace *pace, int level);

/*
 * A channel knows nothing yet.
 */
void
pace_init(DnsPace *pace)
{
	hold(pace, FIRST_LEVEL, 0);
	pace->pause = TRY_AFTER;
	begin_round(pace, clock_now());
}

/*
 * A window begins to ask: what was before it says nothing.
 */
void
pace_begin(DnsPace *pace)
{
	begin_round(pace, clock_now());
}

/*
 * May a window with so many questions in flight, of at most capacity, ask one more?
 */
bool
pace_allows(DnsPace *pace, int in_flight, int capacity)
{
	if (in_flight < pace->level)
		return true;
	pace->full = (pace->level < capacity);
	return false;
}

/*
 * An answer has come.  Called inside the library; never raises.
 */
void
pace_answered(DnsPace *pace, int rcode)
{
	/* A server that is overrun may say so, and that is no answer. */
	pace->answers++;
	pace->good += (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN);
}

/*
 * A query that was sent then, on the clock of clock_now(), was lost, though the
 * server is there.  That shows late: what was lost with another number in flight
 * says nothing about this one.
 */
void
pace_lost(DnsPace *pace, int64 sent_at)
{
	pace->lost += (sent_at >= pace->changed_at);
}

/*
 * When pace_look() has something to do at the latest, on the clock of clock_now().
 * usual_trip is what answers take, in microseconds, or 0.
 */
int64
pace_time(const DnsPace *pace, int64 usual_trip)
{
	if (!pace->full)
		return PG_INT64_MAX;
	return pace->began + Max(LONGEST_ROUND, LONGEST_TRIPS * usual_trip);
}

/*
 * Looks how it goes, after each wait.
 */
void
pace_look(DnsPace *pace, int64 usual_trip)
{
	int64		now;

	if (pace->answers < pace->level && !pace->full)
		return;
	now = clock_now();
	if (now >= (pace->answers < pace->level ? pace_time(pace, usual_trip) :
				pace->began + SHORTEST_ROUND))
	{
		end_round(pace, now - pace->began, now);
		begin_round(pace, now);
	}
}

static void
begin_round(DnsPace *pace, int64 now)
{
	pace->began = now;
	pace->waited = clock_slept();
	pace->answers = 0;
	pace->good = 0;
	pace->full = false;
}

/* As many answers have come as there were questions in flight. */
static void
end_round(DnsPace *pace, double elapsed, int64 now)
{
	double		rate = pace->good / elapsed;
	bool		waits = pace->full &&
		clock_slept() - pace->waited >= WAITING * elapsed;

	if (now >= pace->halved_at + LOSS_SHOWS)
	{
		pace->answered /= 2;
		pace->lost /= 2;
		pace->halved_at = now;
	}
	pace->answered += pace->answers;
	if (pace->lost > LOST_BY_CHANCE + TOO_MANY_LOST * pace->answered)
	{
		hold(pace, Max(pace->level / STEP, LOWEST_LEVEL), now + TRY_AFTER);
		return;
	}
	switch (pace->state)
	{
		case PACE_HOLDING:
			hold_on(pace, rate, waits, now);
			break;
		case PACE_SETTLING:
			/* These were answers to questions from before the change. */
			pace->state = PACE_COMPARING;
			break;
		case PACE_COMPARING:
			pace->tried_rate = Max(pace->tried_rate, rate);
			pace->rounds++;
			if (pace->level > pace->proven)
				compare_more(pace, waits, now);
			else
				compare_fewer(pace, now);
			break;
	}
}

/* Is it time to try another level? */
static void
hold_on(DnsPace *pace, double rate, bool waits, int64 now)
{
	pace->rate = pace->rounds == 0 ? rate : Max(pace->rate, rate);
	if (++pace->rounds < ROUNDS_TO_SEE)
		return;
	if (now >= pace->try_at)
	{
		if (pace->lost > 0 && !pace->needed && pace->level > LOWEST_LEVEL)
			try_level(pace, pace->level / STEP);
		else if (waits)
			try_level(pace, pace->level * STEP);
		pace->needed = false;
	}
	if (pace->rounds > ROUNDS_TO_SEE)
		pace->rounds = 0;
}

/* Does a level give more than the one below? */
static void
compare_more(DnsPace *pace, bool waits, int64 now)
{
	double		gain = pace->rate > 0 ? pace->tried_rate / pace->rate : STEP;

	if (gain >= FULL_GAIN)
	{
		pace->pause = TRY_AFTER;
		pace->rate = pace->tried_rate;
		hold(pace, pace->level, now);
		if (waits)
			try_level(pace, pace->level * STEP);
	}
	else if (pace->rounds == ROUNDS_TO_SEE)
	{
		hold(pace, gain >= GAIN ? pace->proven * gain : pace->proven,
			 now + pace->pause);
		pace->pause = Min(2 * pace->pause, LONGEST_PAUSE);
	}
}

/* Does a level give as much as the one above, with those that it loses, too? */
static void
compare_fewer(DnsPace *pace, int64 now)
{
	bool		shown = now >= pace->changed_at + LOSS_SHOWS;

	if (pace->rounds < ROUNDS_OF_FEWER)
		return;
	if (shown && pace->tried_rate >= KEPT * pace->rate)
	{
		hold(pace, pace->level, now + pace->pause);
		pace->pause = Min(2 * pace->pause, LONGEST_PAUSE);
	}
	else if (shown || pace->tried_rate < pace->rate / STEP)
	{
		hold(pace, pace->proven, now + TRY_AFTER);
		pace->needed = true;
	}
	else
	{
		pace->rounds = 0;
		pace->tried_rate = 0;
	}
}

/* Tries more in flight, or fewer. */
static void
try_level(DnsPace *pace, int level)
{
	pace->proven = pace->level;
	set_level(pace, Max(Min(level, WINDOW_MAX), LOWEST_LEVEL));
	pace->state = PACE_SETTLING;
	pace->rounds = 0;
	pace->tried_rate = 0;
}

/* Stays at a level, until that time at least. */
static void
hold(DnsPace *pace, int level, int64 until)
{
	set_level(pace, level);
	pace->state = PACE_HOLDING;
	pace->rounds = 0;
	pace->try_at = until;
}

/* What is lost from now on, is lost at this level. */
static void
set_level(DnsPace *pace, int level)
{
	if (pace->level == level)
		return;
	pace->level = level;
	pace->changed_at = pace->halved_at = clock_last();
	pace->answered = 0;
	pace->lost = 0;
}
