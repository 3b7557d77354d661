/*
 * calm.c
 *
 * Is there room in a resolver's list of requests?  A name whose tries can all have met a
 * full list can be a good one.  So its last try waits for a calm time: the last sign of a
 * full list (share.c) is some seconds old, and a sample has been answered as expected
 * since the try before.
 *
 * At the end of a batch no new question can tell that.  Then there is a longer wait, in
 * which the list loses old requests.  As long as the list can still be full, the last
 * tries go out one by one.
 *
 * Runs inside the library too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * The microseconds after the last sign of a full list until last tries are made: with
 * signs of room since, if nothing under way can tell, and in any case (as long as the
 * longest pause of share.c).  These were chosen in the simulator (worlds resolver and
 * larger of test/sim), as those below.
 */
#define CALM_AFTER		INT64CONST(4000000)
#define ALONE_AFTER		INT64CONST(6000000)
#define ALWAYS_AFTER	INT64CONST(12000000)

/* Microseconds between two last tries before ALWAYS_AFTER, with and without such signs. */
#define CALM_EACH		20000
#define ALONE_EACH		50000

/*
 * Notes what the questions tell that were asked in this time.
 */
void
calm_note(DnsPace *pace, int64 began, int64 ended, bool calm)
{
	if (calm)
		pace->calm_at = began;
	else
		pace->full_at = ended;
}

/*
 * Was the time calm at which a question was asked?
 */
bool
calm_then(const DnsPace *pace, int64 asked_at)
{
	return pace->calm_at > asked_at && asked_at > pace->full_at + CALM_AFTER;
}

/*
 * The time, on the clock of clock_now(), at which a question can be asked for the last
 * time; asked_at is that of the try before.  It is alone if no question is under way that
 * can tell whether there is room.
 */
int64
calm_time(const DnsPace *pace, int64 asked_at, bool alone)
{
	int64		after = pace->calm_at > asked_at ? CALM_AFTER :
		alone ? ALONE_AFTER : ALWAYS_AFTER;

	if (pace->pause_until > 0)
		return PG_INT64_MAX;
	return Max(pace->full_at + after, pace->probe_at);
}

/*
 * A question is about to be asked for the last time; asked_at is as above.
 */
void
calm_took(DnsPace *pace, int64 asked_at)
{
	int64		now = clock_last();

	if (now < pace->full_at + ALWAYS_AFTER)
		pace->probe_at = now + (pace->calm_at > asked_at ? CALM_EACH : ALONE_EACH);
}
