/*
 * silence.c
 *
 * A server that falls silent: all that is asked meanwhile waits for its next try, so few
 * questions are asked until it answers.  They hold no place in a resolver's list when it
 * is back, since it has forgotten them, or has not had them.  Runs inside the library
 * too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * A server has fallen silent if none of the questions of a sample is answered, and this
 * many were expected to be: names that nobody answers can come in a row.
 */
#define LEAST_EXPECTED	16

/*
 * Looks whether a server that has answered is silent; share.c has closed a sample, and
 * this many questions wait.  If so, there are few fresh questions from now on, as after a
 * timeout of TCP (RFC 5681 section 3.1), and slow start is careful above half of the
 * level until now.  If many waited before, a full list can be the reason: share.c decides.
 */
bool
silence_judge(DnsPace *pace, int waiting)
{
	const DnsSample *sample = &pace->closed;

	if (sample->silent == sample->asked &&
		!(pace->no_other && pace->waited > LEAST_WAITING) &&
		sample->asked * pace->expected >= LEAST_EXPECTED &&
		silence_begin(pace, waiting))
		return true;
	pace->gone = Min(pace->gone, waiting);
	pace->unheard = false;
	return false;
}

/*
 * A server has fallen silent while this many questions wait.  False if a pause, or a pace
 * for all sessions, bounds them already.
 */
bool
silence_begin(DnsPace *pace, int waiting)
{
	if (pace->joint != NULL || pace->was_full || pace->total < WINDOW_MAX)
		return false;
	pace->gone = waiting;
	pace->unheard = true;
	pace->testing = PACE_TESTS_NOTHING;
	if (pace->level > SILENT_LEVEL)
	{
		pace->careful_above = pace->level / 2;
		pace->level = SILENT_LEVEL;
		pace->slow_start = true;
	}
	return true;
}
