/*
 * share.c
 *
 * How many questions can wait for an answer.  Each of them holds a place in a resolver's
 * list of requests, and a resolver whose list is full drops new questions.  So share.c
 * looks at the share of the questions that are answered while they are fresh, in samples:
 * the questions that are asked in some time, judged when all of them are answered or
 * silent.
 *
 * Silence has two meanings: a name that nobody answers, or a server that drops what it
 * has no room for.  When the share falls while many questions wait, it lowers the total
 * of them, and pauses until the share is good again.  When it falls a little, or while
 * few wait, it halves the level, to see whether that brings more answers; if not, the
 * names are to blame, and it expects fewer answers.
 *
 *   share good: the total grows        share low: half the level --> better: stays
 *        ^                                  |                   --> else as before
 *        |                                  +-- very low, many wait: half the total,
 *        +--------- probes answered, or long enough ---------------- a pause
 *
 * Runs inside the library too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * The share of the fresh questions that are answered is low below SHARE_KEPT of what is
 * expected; below SHARE_FULL, a resolver's list can be full.  A sample has LEAST_KNOWN
 * questions.  What is expected follows the share, sooner to the better than to the worse.
 * These were chosen in the simulator (test/sim), as those below.
 */
#define SHARE_KEPT		0.8
#define SHARE_FULL		0.5
#define LEAST_KNOWN		32
#define LEARN_BETTER	4
#define LEARN_WORSE		32

/*
 * The total falls to this part when the share is low, and grows by a part of itself when
 * it is not: by less where it was low before, as CUBIC does (RFC 9438).
 */
#define TOTAL_KEPT		0.5
#define TOTAL_GAIN		(1.0 / 8)
#define TOTAL_GAIN_NEAR	(1.0 / 64)
#define RAISE_EACH		250000	/* us */

/*
 * When the total has fallen, there is a pause, so that the resolver finishes what it has:
 * it works on a name for some seconds.  Meanwhile only probes are asked, one in
 * PROBE_EACH microseconds.  The pause ends when the share of LEAST_PROBES of them is good
 * again, or after LONGEST_PAUSE microseconds.
 */
#define PROBE_EACH		50000
#define LEAST_PROBES	8
#define LONGEST_PAUSE	INT64CONST(4000000)

/* The total is not found out below this many questions. */
#define LEAST_TOTAL		128

static void adjust(DnsPace *pace, int waiting);
static void judge_level(DnsPace *pace, double share);
static void lower_total(DnsPace *pace, int waiting);
static void judge_probes(DnsPace *pace, double share);
static void raise_total(DnsPace *pace);

/*
 * Begins a sample: the questions that are asked from now on belong to it.
 */
void
share_begin(DnsPace *pace, int64 now)
{
	pace->sample_began = now;
	pace->sample_end = 0;
	pace->asked = 0;
	pace->silent = 0;
}

/*
 * Is there room for one more question, besides this many that are silent?  In a pause,
 * there is room for a probe, now and then.
 */
bool
share_allows(const DnsPace *pace, int waiting)
{
	if (pace->pause_until > 0)
		return clock_last() >= pace->probe_at;
	return waiting < pace->total;
}

/*
 * Counts a question that is asked now.  A question that is asked again tells nothing of
 * the share, but as a probe.
 */
void
share_asked(DnsPace *pace, bool again)
{
	if (!again || pace->pause_until > 0)
		pace->asked += (pace->sample_end == 0);
	if (pace->pause_until > 0)
		pace->probe_at = clock_last() + PROBE_EACH;
}

/*
 * Counts a question, asked at this time, that was not answered while it was fresh.
 */
void
share_silent(DnsPace *pace, int64 sent_at, bool again)
{
	if (!again || pace->pause_until > 0)
		pace->silent += (sent_at >= pace->sample_began &&
					 (pace->sample_end == 0 || sent_at <= pace->sample_end));
}

/*
 * The time, on the clock of clock_now(), by which share_look() must be called or a probe
 * can be asked.
 */
int64
share_time(const DnsPace *pace)
{
	if (pace->pause_until == 0)
		return PG_INT64_MAX;
	return pace->probe_at > clock_last() ? pace->probe_at : pace->pause_until;
}

/*
 * Ends a pause that has lasted long enough, and judges the sample if the fate of its
 * questions is known.  waiting is the number of silent questions, oldest the time at which
 * the oldest fresh one was asked.
 */
void
share_look(DnsPace *pace, int waiting, int64 oldest)
{
	int64		now = clock_now();

	if (pace->pause_until > 0 && now >= pace->pause_until)
	{
		pace->pause_until = 0;
		share_begin(pace, now);
	}
	if (pace->sample_end == 0 &&
		pace->asked >= (pace->pause_until > 0 ? LEAST_PROBES : LEAST_KNOWN))
		pace->sample_end = now;
	if (pace->sample_end != 0 && oldest > pace->sample_end)
	{
		adjust(pace, waiting);
		share_begin(pace, now);
	}
}

/* Looks whether as many of the fresh questions are answered as expected. */
static void
adjust(DnsPace *pace, int waiting)
{
	double		share = 1 - (double) pace->silent / pace->asked;

	/* The first sample is small, and tells of the names. */
	if (pace->expected < 0)
		pace->expected = share;
	else if (pace->pause_until > 0)
		judge_probes(pace, share);
	else if (pace->testing == PACE_TESTS_LEVEL)
		judge_level(pace, share);
	else if (share >= SHARE_KEPT * pace->expected)
	{
		pace->expected += (share - pace->expected) /
			(share > pace->expected ? LEARN_BETTER : LEARN_WORSE);
		raise_total(pace);
	}
	else if (share == 0)
		return;					/* there is nothing to compare with */
	else if (share < SHARE_FULL * pace->expected &&
			 waiting > 2 * pace->level && waiting > LEAST_TOTAL)
		lower_total(pace, waiting);
	else
	{
		pace->testing = PACE_TESTS_LEVEL;
		pace->share = share;
		pace->before = pace->level;
		pace->level = Max(pace->level / 2, LOWEST_LEVEL);
	}
}

/*
 * Fewer were asked.  If that has not brought back at least half of the answers that were
 * missing, the names are to blame.
 */
static void
judge_level(DnsPace *pace, double share)
{
	pace->testing = PACE_TESTS_NOTHING;
	if (share >= (pace->share + pace->expected) / 2)
	{
		pace->slow_start = false;
		return;
	}
	pace->level = Max(pace->level, pace->before);
	pace->expected += (share - pace->expected) / LEARN_BETTER;
}

/* Lowers the total, and pauses. */
static void
lower_total(DnsPace *pace, int waiting)
{
	int64		now = clock_last();

	pace->slow_start = false;
	pace->trouble = Min(waiting, pace->total);
	pace->total = Max(LEAST_TOTAL, pace->trouble * TOTAL_KEPT);
	pace->pause_until = now + LONGEST_PAUSE;
	pace->probe_at = now + PROBE_EACH;
}

/* Ends a pause when enough of the probes are answered. */
static void
judge_probes(DnsPace *pace, double share)
{
	if (share >= SHARE_FULL * pace->expected)
		pace->pause_until = 0;
}

/* Raises the total: slowly where the last trouble was. */
static void
raise_total(DnsPace *pace)
{
	int64		now = clock_last();
	bool		near = pace->total >= TOTAL_KEPT * pace->trouble;

	if (pace->total >= WINDOW_MAX || (near && now < pace->raised_at + RAISE_EACH))
		return;
	pace->total *= 1 + (near ? TOTAL_GAIN_NEAR : TOTAL_GAIN);
	pace->raised_at = now;
}
