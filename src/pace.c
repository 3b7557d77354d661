/*
 * pace.c
 *
 * How many questions a channel has in flight: as many as its servers make use of,
 * below pgcares.max_in_flight.  A fixed number is wrong for somebody: a server
 * nearby gives all it can with a hundred, and loses what more there is; one that is
 * 20 ms away needs thousands.  So more are tried where it may help, which is where
 * the backend waits for answers although it has asked all it may: twice as many,
 * which stays if clearly more good answers come in the same time.  If not, or if
 * answers are lost, there are fewer again.  How long answers take is not looked at:
 * a resolver has some names at hand, and others not.  What was found out stays with
 * the channel.
 */
#include "postgres.h"

#include "pgcares.h"

#define FIRST_LEVEL		128
#define LOWEST_LEVEL	16
#define GROWTH			2

/*
 * So many times as many answers make it worth it; from the second on still more may
 * be.  In between the server gives all it can: so many times as many questions are
 * enough, and others would only wait there.
 */
#define GAIN			1.1
#define FULL_GAIN		1.7

/* The share of the time in which the backend waits, from which on more may help. */
#define WAITING			0.1

/* Lost queries among the answers, from which on there are too many in flight. */
#define TOO_MANY_LOST	0.05

/*
 * Microseconds that a round takes at least, so that chance counts for little.  It
 * ends when as many answers have come as questions may be in flight; where they do
 * not come, after this time at least, and so many times what they usually take.
 */
#define SHORTEST_ROUND	2000
#define LONGEST_ROUND	100000
#define LONGEST_TRIPS	2

/* Rounds without gain until a level is given up. */
#define ROUNDS_TO_SEE	2

/* Microseconds until more are tried again. */
#define TRY_AFTER		INT64CONST(1000000)

static void begin_round(DnsPace *pace, int64 now);
static void end_round(DnsPace *pace, double elapsed, int64 now);
static void compare(DnsPace *pace, double rate, bool waits, int64 now);
static void grow(DnsPace *pace);
static void hold(DnsPace *pace, int level, int64 now);

/*
 * A channel knows nothing yet.
 */
void
pace_init(DnsPace *pace)
{
	pace->level = FIRST_LEVEL;
	pace->state = PACE_HOLDING;
	pace->try_at = 0;
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
	pace->waited = wait_clock();
	pace->answers = 0;
	pace->good = 0;
	pace->lost = 0;
	pace->full = false;
}

/* As many answers have come as there were questions in flight. */
static void
end_round(DnsPace *pace, double elapsed, int64 now)
{
	double		rate = pace->good / elapsed;
	bool		waits = pace->full &&
		wait_clock() - pace->waited >= WAITING * elapsed;

	if (pace->lost > TOO_MANY_LOST * pace->answers)
	{
		hold(pace, Max(pace->level / GROWTH, LOWEST_LEVEL), now);
		return;
	}
	switch (pace->state)
	{
		case PACE_SETTLING:
			/* These were answers to questions from before the change. */
			pace->state = PACE_COMPARING;
			pace->rounds = 0;
			break;
		case PACE_COMPARING:
			compare(pace, rate, waits, now);
			break;
		case PACE_HOLDING:
			pace->rate = rate;
			if (waits && now >= pace->try_at)
				grow(pace);
			break;
	}
}

/* Does a level give more than the one before? */
static void
compare(DnsPace *pace, double rate, bool waits, int64 now)
{
	double		gain = pace->rate > 0 ? rate / pace->rate : GROWTH;

	if (gain >= FULL_GAIN)
	{
		pace->rate = rate;
		hold(pace, pace->level, now);
		if (waits)
			grow(pace);
	}
	else if (gain >= GAIN)
		hold(pace, pace->proven * gain, now);
	else if (++pace->rounds == ROUNDS_TO_SEE)
		hold(pace, pace->proven, now);
}

/* Tries more in flight. */
static void
grow(DnsPace *pace)
{
	pace->proven = pace->level;
	pace->level = Min(pace->level * GROWTH, WINDOW_MAX);
	pace->state = PACE_SETTLING;
}

/* Stays at a level for a while. */
static void
hold(DnsPace *pace, int level, int64 now)
{
	pace->level = level;
	pace->changed_at = now;
	pace->state = PACE_HOLDING;
	pace->try_at = now + TRY_AFTER;
}
