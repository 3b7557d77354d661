/*
 * loss.c
 *
 * Why queries are lost: by chance, or since there are too many.  Early queries
 * (engine/second.c) are for the first kind.  Questions that have been silent tell which
 * it is; one whose answer comes late was not lost, but that shows only then.  Runs
 * inside the library too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * Queries can be lost by chance if at most this share of the questions is silent, plus a
 * few; else they are lost since there are too many, or nobody answers (the world lossy of
 * test/sim).
 */
#define SILENT_BY_CHANCE	0.05
#define FIRST_BY_CHANCE		2

/*
 * Silent questions beyond that share are remembered up to these numbers, so that the late
 * beginning of a batch does not count at its end; with fewer, late answers seem lost.
 * LEAST_SPARE can be silent one after the other.
 */
#define LEAST_REMEMBERED	32
#define MOST_REMEMBERED		160
#define LEAST_SPARE			8

/*
 * Begins to learn why queries are lost.
 */
void
loss_init(DnsPace *pace)
{
	pace->silent_left = pace->lost_left = FIRST_BY_CHANCE;
}

/*
 * Counts an answer.
 */
void
loss_answered(DnsPace *pace)
{
	pace->silent_left += SILENT_BY_CHANCE;
	pace->lost_left += SILENT_BY_CHANCE;
}

/*
 * Counts a new question that is silent.
 */
void
loss_silent(DnsPace *pace)
{
	double		most = Max(LEAST_SPARE, SILENT_BY_CHANCE * pace->level);
	double		least = -Max(Min(most, MOST_REMEMBERED), LEAST_REMEMBERED);

	pace->silent_left = Max(Min(pace->silent_left, most) - 1, least);
	pace->lost_left = Max(Min(pace->lost_left, most) - 1, least);
}

/*
 * Counts an answer to the first query of a silent question.
 */
void
loss_late(DnsPace *pace)
{
	pace->lost_left++;
}

/*
 * Is there so little load, with this many fresh questions, and are so few questions silent
 * that chance is the reason if queries are lost?  If it is known that some are, questions
 * whose answers were late do not count.  Nearby, the load is that of other sessions.
 */
bool
loss_is_chance(const DnsPace *pace, int fresh, bool known)
{
	return near_is_distant(pace) && (known ? pace->lost_left : pace->silent_left) >= 0 &&
		pace->pause_until == 0 && fresh <= pace->level / 2;
}
