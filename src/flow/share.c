/*
 * share.c
 *
 * How many questions can be under way.  Each question without an answer holds a place in
 * a resolver's list of requests, and a resolver whose list is full drops new questions.
 * So share.c looks at the share of the questions that are answered while they are fresh,
 * in samples: the questions that are asked in some time, judged when all of them are
 * answered or silent.
 *
 * Silence has two meanings: a name that nobody answers, or a server that drops what it
 * has no room for.  The silent questions that are more than expected are added up, sample
 * by sample (a cumulative sum: Page, "Continuous inspection schemes", Biometrika 41,
 * 1954).  When there are too many, the place where the sum left zero tells since when
 * questions are dropped.  What was asked since then is held back (engine/held.c), and
 * there is a pause (pause.c) until a few new questions, as probes, are answered again.  Only new
 * questions tell: of those that were asked before, many are names that nobody answers.
 *
 * If the share falls while few questions wait, the level is halved, to see whether that
 * brings more answers; if not, the names are to blame, and fewer answers are expected.
 * In slow start, a smaller fall is enough for that, and any gain that chance does not
 * explain shows that the level was too high: far away, the losses come before a delay does.
 *
 *   share good: the total grows, if      share low: half the level --> better: stays
 *        ^      there is one                |                    --> else as before
 *        |                                  +-- low for long: a pause, for probes
 *        +--------- probes answered, or long enough ----------------+
 *
 * Runs inside the library too: never raises.
 */
#include "postgres.h"

#include <math.h>

#include "flow/flow.h"

/*
 * The share of the fresh questions that are answered is low below SHARE_KEPT of what is
 * expected; probes are answered well above SHARE_PROBES; below SHARE_GONE, nobody answers.
 * A sample has LEAST_KNOWN questions.  The share that is expected is the mean of the first
 * FEW_KNOWN at least, and then follows the samples, sooner to the better than to the worse.
 * These were chosen in the simulator (test/sim), as those below.
 */
#define SHARE_KEPT		0.8
#define SHARE_PROBES	0.5
#define SHARE_GONE		0.1
#define LEAST_KNOWN		32
#define LEARN_BETTER	(1.0 / 4)
#define LEARN_WORSE		(1.0 / 32)
#define LEARN_PROBES	(1.0 / 8)
#define FEW_KNOWN		256
#define MOST_KNOWN		1024	/* older questions count for no more than that */

/*
 * A sample adds to the sum what is silent beyond this share of the expected answers; a
 * list is full when the sum is above MOST_EXCESS, also if the expected share is too high
 * by so many standard deviations.  From CLEAR_EXCESS on last tries wait; from TOO_MUCH_EXCESS
 * on no test of the level is awaited: at the end of a batch none comes to an end.
 */
#define SHARE_USUAL		0.9
#define DEVIATIONS		2
#define CLEAR_EXCESS	4
#define MOST_EXCESS		16
#define TOO_MUCH_EXCESS	64

/*
 * After this many pauses that have brought nothing, the names are to blame; or after the
 * second number the server, if it has answered nothing at all.
 */
#define MOST_IN_VAIN	3
#define MOST_UNHEARD	2

static void begin_sample(DnsPace *pace, int64 now, int fresh);
static DnsSample *sample_of(DnsPace *pace, int number);
static void judge(DnsPace *pace, int fresh, int waiting);
static void learn(DnsPace *pace, double share);
static void add_up(DnsPace *pace);
static bool is_full(const DnsPace *pace, int waiting);
static bool is_gone(const DnsPace *pace);
static bool is_less(double share, double count, double than, double than_count);
static void test_level(DnsPace *pace, double share);
static void judge_level(DnsPace *pace, double share, int waiting);

/*
 * Begins anew, for a new window: the samples before it tell nothing, and a pause is over.
 */
void
share_begin(DnsPace *pace, int64 now)
{
	if (pace->pause_until > 0)
		pause_end(pace, 0);
	pace->expected = -1;
	pace->was_full = pace->stays_full = false;
	pace->excess = pace->vain = 0;
	pace->closed.asked = 0;
	begin_sample(pace, now, 0);
}

/*
 * Can a question be asked?  In a pause, a probe can, now and then.
 */
bool
share_allows(const DnsPace *pace, int total)
{
	return pace->pause_until == 0 ? total < pace->total : clock_last() >= pace->probe_at;
}

/*
 * Counts a new question that is asked now.  Gives the number of the sample that it
 * belongs to.
 */
int
share_asked(DnsPace *pace)
{
	if (pace->pause_until > 0)
		pause_probed(pace, true);
	pace->told_at = clock_last();
	pace->open.asked++;
	return pace->open.number;
}

/*
 * Counts a question of a sample that was not answered while it was fresh.
 */
void
share_silent(DnsPace *pace, int sample)
{
	DnsSample  *of = sample_of(pace, sample);

	if (of != NULL)
		of->silent++;
}

/*
 * Counts a late answer to a question of a sample that seemed silent: it was not dropped.
 */
void
share_late(DnsPace *pace, int sample)
{
	DnsSample  *of = sample_of(pace, sample);

	if (of != NULL)
		of->silent--;
	else if (sample > 0 && sample >= pace->low_sample)
	{
		pace->excess = Max(0, pace->excess - 1);
		pace->sure_excess = Max(0, pace->sure_excess - 1);
	}
}

/*
 * Forgets the samples: one of several servers has failed meanwhile, and others answer, or will
 * be asked now.  This many questions are fresh, and this many wait.
 */
void
share_skip(DnsPace *pace, int fresh, int waiting, bool others)
{
	if (!others)
		(void) silence_begin(pace, waiting);
	if (pace->testing == PACE_TESTS_LEVEL)
	{
		pace->testing = PACE_TESTS_NOTHING;
		pace->level = Max(pace->level, pace->before);
	}
	pace->excess = 0;
	pace->closed.asked = 0;
	begin_sample(pace, clock_last(), fresh);
}

/*
 * Begins a pause that is due, ends one that has lasted long enough, and judges a sample if
 * the fate of its questions is known.  This many questions wait, and the oldest fresh one was
 * asked at this time.  True if a pause begins.
 */
bool
share_look(DnsPace *pace, int fresh, int waiting, int64 oldest)
{
	int64		now = clock_now();
	bool		paused = pace->pause_until > 0;

	if (paused && now >= pace->pause_until)
	{
		pace->vain++;
		pause_end(pace, waiting);
	}
	else if (paused && pace->room >= LEAST_PROBES)
	{
		pace->vain = 0;
		pause_end(pace, waiting);
	}
	else if (!paused && pause_is_due(pace, fresh, waiting))
		pause_begin(pace, pace->unheard);
	if (pace->closed.asked > 0 && oldest > pace->closed.ended)
	{
		judge(pace, fresh, waiting);
		pace->closed.asked = 0;
	}
	if (paused != (pace->pause_until > 0))
	{
		pace->closed.asked = 0;
		begin_sample(pace, now, fresh);
	}
	if (pace->closed.asked == 0 &&
		pace->open.asked >= (pace->pause_until > 0 ? LEAST_PROBES : LEAST_KNOWN))
	{
		pace->closed = pace->open;
		pace->closed.ended = now;
		begin_sample(pace, now, fresh);
	}
	return !paused && pace->pause_until > 0;
}

static void
begin_sample(DnsPace *pace, int64 now, int fresh)
{
	pace->open = (DnsSample) {.number = pace->open.number + 1, .began = now, .fresh = fresh};
}

/* The sample with this number; NULL if it is judged. */
static DnsSample *
sample_of(DnsPace *pace, int number)
{
	if (number == pace->open.number)
		return &pace->open;
	if (number == pace->closed.number && pace->closed.asked > 0)
		return &pace->closed;
	return NULL;
}

/* Looks whether as many of the questions of a sample are answered as expected. */
static void
judge(DnsPace *pace, int fresh, int waiting)
{
	double		share = 1 - (double) pace->closed.silent / pace->closed.asked;

	if (pace->pause_until > 0)
	{
		if (share < SHARE_PROBES * pace->expected)
		{
			calm_end(pace, pace->closed.ended);
			return;
		}
		/* Who answers all probes was not away. */
		if (pace->closed.began <= pace->paused_at && share >= SHARE_KEPT * pace->expected)
			pace->unheard = false;
		/* There is room again, so the probes tell of the names. */
		pace->expected += (share - pace->expected) * LEARN_PROBES;
		pace->vain = 0;
		pause_end(pace, waiting);
		return;
	}
	if (pace->expected < 0)
	{
		/* The first sample is small, and tells of the names. */
		pace->expected = share;
		pace->known = pace->closed.asked;
		return;
	}
	if (silence_judge(pace, waiting))
		return;
	if (share >= SHARE_PROBES * pace->expected)
		pace->vain = 0;			/* there was room */
	/* The first samples tell what to expect, as long as chance explains how they differ. */
	if (pace->known < FEW_KNOWN && pace->testing == PACE_TESTS_NOTHING &&
		!is_less(share, pace->closed.asked, pace->expected, pace->known))
	{
		learn(pace, share);
		pace->waited = waiting - pace->gone;
		return;
	}
	add_up(pace);
	if (pace->excess > MOST_EXCESS / 2 ||
		is_less(share, pace->closed.asked, pace->expected, pace->known))
	{
		calm_end(pace, pace->closed.ended);
		/* Others can fill a list while too few are asked here to tell for sure. */
		pace->was_full |= pace->sure_excess > CLEAR_EXCESS && waiting > LEAST_WAITING &&
			pace->no_other && !pace->slow_start && !is_gone(pace);
	}
	else if (pace->excess == 0 && share > 0)
	{
		calm_note(pace, pace->closed.began, fresh);
		pace->waited = waiting - pace->gone;
	}
	if (pace->testing == PACE_TESTS_LEVEL &&
		!(pace->sure_excess > TOO_MUCH_EXCESS && is_full(pace, waiting)))
	{
		if (pace->closed.number >= pace->test_sample)
			judge_level(pace, share, waiting);
		else
		{
			pace->share = share;
			pace->share_known = pace->closed.asked;
		}
	}
	else if (is_full(pace, waiting))
	{
		if (pace->vain < (share > 0 ? MOST_IN_VAIN : MOST_UNHEARD))
			pause_begin(pace, is_gone(pace));
		else
			pause_give_up(pace, share);
	}
	else if (pace->slow_start && !pace->stays_full && share > 0 &&
			 is_less(share, pace->closed.asked, SHARE_USUAL * pace->expected, pace->known))
		test_level(pace, share);
	else if (share >= SHARE_KEPT * pace->expected)
		learn(pace, share);
	else if (pace->stays_full)
		pace->expected += (share - pace->expected) * LEARN_WORSE;
	else if (share > 0)			/* else there is nothing to compare with */
		test_level(pace, share);
}

/*
 * Learns what share of the questions is answered: the mean of the last ones, except that a
 * fall is learned slowly, and a rise that chance does not explain quickly.
 */
static void
learn(DnsPace *pace, double share)
{
	double		asked = pace->closed.asked;
	double		part = asked / (pace->known + asked);

	if (pace->known >= FEW_KNOWN && share < pace->expected)
		part = Min(part, LEARN_WORSE);
	else if (is_less(pace->expected, pace->known, share, asked))
		part = Max(part, LEARN_BETTER);
	pace->expected += (share - pace->expected) * part;
	pace->known = Min(pace->known + asked, MOST_KNOWN);
	pause_good(pace);
}

/* Adds up the silent questions that are more than expected. */
static void
add_up(DnsPace *pace)
{
	const DnsSample *sample = &pace->closed;
	double		excess;
	double		chance;

	if (pace->excess == 0)
	{
		pace->low_sample = sample->number;
		pace->low_since = sample->began;
		pace->low_fresh = sample->fresh;
		pace->low_from = pace->judged_from;
		pace->low_asked = pace->low_silent = 0;
		pace->sure_excess = 0;
	}
	pace->low_asked += sample->asked;
	pace->low_silent += sample->silent;
	excess = sample->silent - sample->asked * (1 - SHARE_USUAL * pace->expected);
	chance = DEVIATIONS * sqrt(pace->expected * (1 - pace->expected) / pace->known);
	pace->sure_before = pace->sure_excess;
	pace->sure_excess = Max(0, pace->sure_excess + excess - chance * sample->asked);
	pace->judged_from = sample->began;
	/* If a server answers again with as many waiting, its list was not full. */
	if (excess < 0 && pace->excess > MOST_EXCESS)
		pace->excess = 0;
	else
		pace->excess = Max(0, pace->excess + excess);
}

/*
 * Is the list of a resolver full?  At first, one sample does not tell: as the usual time changes,
 * late answers seem to be silence in one and not in the next.  While few questions wait, also as
 * compared to those that were fresh when the trouble began, their number is not the reason for
 * the silence, unless it was before.  If there are hardly any answers at all, the server is
 * gone, unless its list was full before, or many waited while it still answered: a list that is
 * full by then takes no question.  As long as another server can answer, that one is asked.
 */
static bool
is_full(const DnsPace *pace, int waiting)
{
	if (pace->sure_excess <= MOST_EXCESS)
		return false;
	if (pace->stays_full || pace->sure_before == 0)
		return pace->stays_full;
	if (is_gone(pace))
		return pace->no_other && pace->waited > LEAST_WAITING;
	return waiting - pace->gone > Max(Min(pace->level + 2 * pace->low_fresh, 2 * pace->level), LEAST_WAITING);
}

/* Is there hardly any answer since the trouble began? */
static bool
is_gone(const DnsPace *pace)
{
	double		share = 1 - (double) pace->low_silent / pace->low_asked;

	return pace->closed.silent == pace->closed.asked || share < SHARE_GONE * pace->expected;
}

/*
 * Is a share of answers less than another one, by more than chance explains?  Each of them
 * is told by a number of questions.  (The test of two proportions, with three deviations.)
 */
static bool
is_less(double share, double count, double than, double than_count)
{
	double		both = (share * count + than * than_count) / (count + than_count);
	double		variance = both * (1 - both) * (1 / count + 1 / than_count);

	return than - share > 3 * sqrt(variance);
}

/* Asks fewer, to see whether that brings answers. */
static void
test_level(DnsPace *pace, double share)
{
	pace->testing = PACE_TESTS_LEVEL;
	pace->test_sample = pace->open.number + 1;
	pace->share = share;
	pace->share_known = pace->closed.asked;
	pace->before = pace->level;
	pace->level = Max(pace->level / 2, LOWEST_LEVEL);
}

/*
 * Fewer were asked.  If that has not brought back at least half of the answers that were
 * missing, or in slow start any for sure, the list of the resolver is full, if many
 * questions wait, or else the names are to blame.
 */
static void
judge_level(DnsPace *pace, double share, int waiting)
{
	bool		half = share >= (pace->share + pace->expected) / 2;
	bool		sure = is_less(pace->share, pace->share_known, share, pace->closed.asked);

	pace->testing = PACE_TESTS_NOTHING;
	if (pace->slow_start ? sure : half)
	{
		if (half)
			pace->excess = 0;
		pace->slow_start = false;
		return;
	}
	pace->level = Max(pace->level, pace->before);
	if (is_full(pace, waiting))
		pause_begin(pace, is_gone(pace));
	else
	{
		pace->expected += (share - pace->expected) * LEARN_BETTER;
		pace->known = pace->closed.asked;
	}
}
