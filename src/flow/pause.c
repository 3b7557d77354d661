/*
 * pause.c
 *
 * A pause in asking, since the list of a resolver seems to be full (share.c decides when).
 * After it, names that nobody answers still fill the list; or else the server has lost
 * questions for another reason, mostly because too many came at once.  Then fewer are
 * under way for a while.  Runs inside the library too: never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

/*
 * In a pause, the resolver finishes what it has: it works on a name for some seconds.
 * Meanwhile only probes are asked, one in PROBE_EACH microseconds, and less often each
 * time, down to PROBE_RARELY: each of them can be in vain.  The pause ends when the share
 * of LEAST_PROBES of them is good again, or as many questions that were held are answered,
 * or after LONGEST_PAUSE microseconds.  Then the level begins anew with that many.
 *
 * If a pause lasts for A_MOMENT microseconds, or many questions wait after it, names that
 * nobody answers fill the list.  They do not if more than MOST_ANSWERED is expected.
 */
#define PROBE_EACH		50000
#define PROBE_RARELY	200000
#define PROBE_BACKOFF	(17.0 / 16)
#define LONGEST_PAUSE	INT64CONST(18000000)
#define A_MOMENT		1000000
#define MOST_ANSWERED	0.97

/*
 * A server that answered nobody when the pause began, and is back in that many microseconds,
 * was away: names keep their places for longer.
 */
#define SHORT_SILENCE	4000000

/*
 * Otherwise too many questions were fresh.  Then the total is what waits and TOTAL_KEPT of
 * the questions that were fresh, and it grows slowly while the share is good, as CUBIC does
 * near the last trouble (RFC 9438).
 */
#define TOTAL_KEPT		0.5
#define LEAST_TOTAL		128
#define TOTAL_GAIN		(1.0 / 64)
#define RAISE_EACH		250000	/* us */

static bool names_fill_list(const DnsPace *pace, int waiting);

/*
 * Begins a pause: waits until the resolver has room, or a server that has answered hardly
 * anybody is back.
 */
void
pause_begin(DnsPace *pace, bool unheard)
{
	int64		now = clock_last();

	pace->testing = PACE_TESTS_NOTHING;
	pace->excess = 0;
	pace->gone = 0;
	if (pace->vain == 0)		/* else there was no level since */
		pace->before = pace->level;
	calm_end(pace, now);
	pace->was_full = true;
	pace->unheard = unheard;
	pace->room = 0;
	pace->paused_at = now;
	pace->pause_until = now + LONGEST_PAUSE;
	pace->probe_at = now + PROBE_EACH;
	pace->probe_each = PROBE_EACH;
}

/*
 * Must a pause begin, although no sample tells of a full list?  All servers have fallen
 * silent one after the other, and nothing new is asked meanwhile; or the bound on what is
 * under way has kept everything from being asked for a moment, so names that nobody answers
 * seem to hold all places.
 */
bool
pause_is_due(const DnsPace *pace, int fresh, int waiting)
{
	if (pace->unheard && pace->no_other && pace->waited > LEAST_WAITING)
		return true;
	return fresh == 0 && waiting >= (int) pace->total &&
		clock_last() >= pace->told_at + A_MOMENT;
}

/*
 * A probe is asked in a pause: a new question, or one that was held back.
 */
void
pause_probed(DnsPace *pace, bool new)
{
	pace->probe_at = clock_last() + (new ? pace->probe_each : PROBE_EACH);
	if (new)
		pace->probe_each = Min(pace->probe_each * PROBE_BACKOFF, PROBE_RARELY);
}

/*
 * The time, on the clock of clock_now(), by which share_look() must be called or a probe
 * can be asked.
 */
int64
pause_time(const DnsPace *pace)
{
	if (pace->pause_until == 0)
		return PG_INT64_MAX;
	return pace->probe_at > clock_last() ? pace->probe_at : pace->pause_until;
}

/*
 * Ends a pause, after which this many questions still wait.  Begins with few questions: a
 * list with room for a few has none for twice as many.  If names do not fill it, the server
 * has lost questions, and no last try has to wait for room.
 */
void
pause_end(DnsPace *pace, int waiting)
{
	pace->pause_until = 0;
	pace->was_full = pace->stays_full = names_fill_list(pace, waiting);
	pace->total = pace->stays_full || pace->unheard ? WINDOW_MAX :
		Max(LEAST_TOTAL, waiting + pace->low_fresh * TOTAL_KEPT);
	pace->unheard = false;
	pace->level = LEAST_PROBES;
	pace->slow_start = !pace->stays_full;
}

/*
 * As many questions are answered as expected.
 */
void
pause_good(DnsPace *pace)
{
	int64		now = clock_last();

	if (pace->expected > MOST_ANSWERED)
		pace->stays_full = false;
	if (pace->total >= WINDOW_MAX || now < pace->raised_at + RAISE_EACH)
		return;
	pace->total *= 1 + TOTAL_GAIN;
	pace->raised_at = now;
}

/*
 * Pauses have brought nothing, so the names are to blame: this share of them is answered.
 */
void
pause_give_up(DnsPace *pace, double share)
{
	pace->excess = 0;
	pace->vain = 0;
	pace->expected = share;
	pace->known = pace->closed.asked;
	pace->level = Max(pace->level, pace->before);
	pace->was_full = pace->stays_full = false;
	pace->total = WINDOW_MAX;
	pace->waited = 0;
}

/* Do names that nobody answers fill the list?  Once they do, they do so for long. */
static bool
names_fill_list(const DnsPace *pace, int waiting)
{
	if (pace->expected > MOST_ANSWERED)
		return false;
	if (pace->stays_full)
		return true;
	if (pace->unheard && clock_last() < pace->paused_at + SHORT_SILENCE)
		return false;
	return clock_last() >= pace->paused_at + A_MOMENT ||
		waiting > Max(LEAST_WAITING, pace->low_fresh / 2);
}
