/*
 * pace.c
 *
 * How many questions a channel has in flight: as many as its servers make use of,
 * below pgcares.max_in_flight.  No fixed number fits all: a server nearby is busy with
 * a hundred and loses the rest; one that is 20 ms away needs thousands.  So the pace
 * tries twice as many while the backend waits although it has asked all it can, and
 * half as many when queries are lost.  It keeps the level with the most good answers,
 * and the lower of two equal ones.  It ignores how long an answer takes: a resolver
 * has some names at hand and looks up others.  The channel keeps what the pace learns.
 * Runs inside the library too: never raises.
 *
 *   HOLDING --- 5 rounds, try_at passed: half if queries were lost, --> SETTLING
 *     ^         else twice if the backend waits                           | 1 round
 *     |                                                                   v
 *     +-- twice as many, after 5 rounds: proven * gain if gain >= 1.1, -- COMPARING
 *     |   else proven                                                     |
 *     +-- gain >= 1.7: the new level; if the backend waits, twice that ---+
 *     |   (SETTLING) at once                                              |
 *     +-- half as many: the new level if the rate stays for 1 s, ---------+
 *     |   else proven
 *     +-- in any state, when too many queries are lost: half
 */
#include "postgres.h"

#include "flight/flight.h"

#define FIRST_LEVEL		128
#define LOWEST_LEVEL	16
#define STEP			2

/*
 * The new answer rate over the old one, with twice as many in flight.  Below GAIN the
 * step did not help.  From FULL_GAIN on another step can help too.  Between the two
 * the server is saturated: the level grows by the gain, and more would only wait.
 */
#define GAIN			1.1
#define FULL_GAIN		1.7

/* A lower level must keep this share of the answer rate. */
#define KEPT			0.95

/* More can help only if the backend waits for at least this share of the time. */
#define WAITING			0.1

/*
 * The losses that a level can have: a number that chance explains, plus this share of
 * the answers.  With more, too many are in flight.
 */
#define LOST_BY_CHANCE	5
#define TOO_MANY_LOST	0.05

/*
 * Microseconds until a lost query is noticed (resend.c); until then it keeps another
 * from being asked.  The counts of losses and answers are halved as often.
 */
#define LOSS_SHOWS		1000000

/*
 * A round ends when as many answers have come as the level has questions, but not
 * before SHORTEST_ROUND (microseconds), so that chance counts for little.  If the
 * answers do not come, it ends after LONGEST_ROUND (microseconds) or LONGEST_TRIPS
 * usual round trips, whichever is longer.
 */
#define SHORTEST_ROUND	4000
#define LONGEST_ROUND	100000
#define LONGEST_TRIPS	2

/*
 * Rounds that measure a level; the best of them counts.  A lower level gets fewer
 * rounds, so its result must be plain.
 */
#define ROUNDS_TO_SEE	5
#define ROUNDS_OF_FEWER	2

/*
 * Microseconds until the next try of another level.  A try without a full gain, and one
 * that lowers the level, doubles the pause, up to LONGEST_PAUSE.
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
 * Sets the pace of a new channel.
 */
void
pace_init(DnsPace *pace)
{
	hold(pace, FIRST_LEVEL, 0);
	pace->pause = TRY_AFTER;
	begin_round(pace, clock_now());
}

/*
 * Begins a round for a new window: the time before it tells nothing.
 */
void
pace_begin(DnsPace *pace)
{
	begin_round(pace, clock_now());
}

/*
 * Can a window with this many questions in flight ask one more?  Notes when the pace,
 * not the capacity of the window, is the limit.
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
 * Counts an answer.
 */
void
pace_answered(DnsPace *pace, int rcode)
{
	/* An overloaded server can answer SERVFAIL or REFUSED: no good answer. */
	pace->answers++;
	pace->good += (rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN);
}

/*
 * Counts a query that was lost although its server answers others.  sent_at is on the
 * clock of clock_now(): a loss is noticed late, and one from before the last change of
 * the level tells nothing about this level.
 */
void
pace_lost(DnsPace *pace, int64 sent_at)
{
	pace->lost += (sent_at >= pace->changed_at);
}

/*
 * The time, on the clock of clock_now(), by which pace_look() must be called.
 * rtt is the usual round trip in microseconds, or 0.
 */
int64
pace_time(const DnsPace *pace, int64 rtt)
{
	if (!pace->full)
		return PG_INT64_MAX;
	return pace->began + Max(LONGEST_ROUND, LONGEST_TRIPS * rtt);
}

/*
 * Ends the round if it is over.  Called after each wait.
 */
void
pace_look(DnsPace *pace, int64 rtt)
{
	int64		now;

	if (pace->answers < pace->level && !pace->full)
		return;
	now = clock_now();
	if (now >= (pace->answers < pace->level ? pace_time(pace, rtt) :
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

/* Measures the round that is over, and goes on to another state or level. */
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
			/* This round answered questions from before the change. */
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

/* Measures the level, and tries another one when that is due. */
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

/* Does the higher level bring more answers than the proven one? */
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

/* Does the lower level bring as many answers as the proven one? */
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

/* Begins to try a level; the present one is the proven one. */
static void
try_level(DnsPace *pace, int level)
{
	pace->proven = pace->level;
	set_level(pace, Max(Min(level, WINDOW_MAX), LOWEST_LEVEL));
	pace->state = PACE_SETTLING;
	pace->rounds = 0;
	pace->tried_rate = 0;
}

/* Stays at a level, at least until then (on the clock of clock_now()). */
static void
hold(DnsPace *pace, int level, int64 until)
{
	set_level(pace, level);
	pace->state = PACE_HOLDING;
	pace->rounds = 0;
	pace->try_at = until;
}

/* Counts losses anew: they are those of the new level. */
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
