/*
 * calm.c
 *
 * Is there room in a resolver's list of requests?  A name whose tries can all have met a
 * full list can be a good one.  So its last try waits for a calm time: a sample (share.c)
 * has been answered as expected since the last sign of a full list.  A name that was
 * asked in a calm time, some time before and after such signs, was not dropped.
 *
 * At the end of a batch no new question can tell that.  Then there is room if answers have
 * freed more places since the list was full than questions have taken.  Otherwise there is
 * a longer wait, in which the resolver finishes what it has.
 *
 * Runs inside the library too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * A time is calm if it is this many microseconds later than the last sign of a full list,
 * or earlier than the first one, and if a sample is good that began so much later.  These
 * were chosen in the simulator (worlds resolver and larger of test/sim), as those below.
 */
#define CALM_AFTER		INT64CONST(4000000)
#define CALM_BEFORE		100000
#define CALM_FOR		500000

/* Last tries are made as long as the last good sample is no older, in microseconds. */
#define LATELY			1000000

/*
 * The microseconds after which last tries are made if no new question tells: about as
 * long as a resolver works on a name.  Then one follows when the one before is
 * answered, or so many microseconds later.
 */
#define LAST_AFTER		INT64CONST(20000000)
#define LAST_EACH		5000

/*
 * The questions that were asked since then tell that there is room; this many are fresh.
 * A sign of a full list counts for as long as a resolver works on a name.
 */
void
calm_note(DnsPace *pace, int64 began, int fresh)
{
	pace->calm_at = began;
	if (began > pace->full_at + LAST_AFTER)
		pace->was_full = pace->stays_full;
	pace->free = Max(pace->free, LEAST_PROBES - fresh);
}

/*
 * The questions that were asked until then tell of a full list.
 */
void
calm_end(DnsPace *pace, int64 ended)
{
	/* One time of a full list can have several pauses. */
	if (pace->low_since > pace->full_at + CALM_AFTER / 2)
		pace->full_from = pace->low_from - CALM_BEFORE;
	pace->full_at = ended;
	pace->free = 0;
}

/*
 * A question that was held back, asked again at this time, is answered while it is fresh,
 * or not; this many are fresh.  Some answers, outside of a pause more than there are silent
 * questions, tell that there is room.  Silence tells nothing.
 */
void
calm_held(DnsPace *pace, int64 tried_at, bool answered, int fresh)
{
	if (answered)
		pace->room++;
	else if (pace->pause_until == 0)
		pace->room = Max(0, pace->room - 1);
	if (pace->room >= LEAST_PROBES && pace->pause_until == 0)
	{
		calm_note(pace, tried_at, fresh);
		pace->room = 0;
	}
}

/*
 * A question is asked, which takes a place in the list, or has one already.
 */
void
calm_asked(DnsPace *pace, bool takes)
{
	pace->free -= takes;
}

/*
 * A question is answered, which had a place in the list, or none.
 */
void
calm_answered(DnsPace *pace, bool had)
{
	pace->free += had;
}

/*
 * Was the time calm at which a question was asked?
 */
bool
calm_then(const DnsPace *pace, int64 asked_at)
{
	return pace->calm_at > asked_at + CALM_FOR &&
		(asked_at > pace->full_at + CALM_AFTER || asked_at < pace->full_from) &&
		(pace->excess == 0 || asked_at < pace->low_from);
}

/*
 * The time, on the clock of clock_now(), at which a question can be asked for the last
 * time; alone if no new question waits that can tell whether there is room.
 */
int64
calm_time(const DnsPace *pace, bool alone)
{
	if (!alone && pace->pause_until > 0)
		return PG_INT64_MAX;
	if (pace->pause_until == 0 && !pace->was_full)
		return clock_last();	/* there was no full list after all */
	if (pace->calm_at > pace->full_at && pace->excess == 0 &&
		(alone ? pace->free > 0 : clock_last() < pace->calm_at + LATELY))
		return pace->calm_at;
	return Max(Max(pace->full_at, pace->told_at) + LAST_AFTER, pace->last_at);
}

/*
 * A question is about to be asked for the last time.
 */
void
calm_took(DnsPace *pace)
{
	pace->last_at = clock_last() + LAST_EACH;
}
