/*
 * clock.c
 *
 * The time of deadlines and measurements.
 */
#include "postgres.h"

#include "system/system.h"

#include <time.h>

#include "access/xact.h"

#ifdef CLOCK_BOOTTIME
#define AGEING_CLOCK	CLOCK_BOOTTIME
#else
#define AGEING_CLOCK	CLOCK_MONOTONIC
#endif

/*
 * Microseconds: a shorter sleep is only the time of the system call; what is read so
 * long after a sleep has come at its end.
 */
#define REAL_SLEEP	20
#define PROMPT		200

static int64 last_time = 0;		/* the last result of clock_now() */
static int64 time_slept = 0;
static int64 time_worked = 0;
static int64 woke_at = 0;		/* the end of the last sleep; 0 if that was none */

/*
 * Microseconds of a clock that only goes forward.
 */
int64
clock_now(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	last_time = (int64) INSTR_TIME_GET_MICROSEC(now);
	return last_time;
}

/*
 * The result of the last clock_now(), which is called after each wait, when a
 * question is asked and when queries are sent.  So this is the time at which
 * the present work arrived.
 */
int64
clock_last(void)
{
	return last_time;
}

/*
 * Microseconds of a clock that is the same for all processes, and, where the system has
 * one, goes on while the machine sleeps: an answer ages then too.
 */
int64
clock_shared(void)
{
	struct timespec now;

	clock_gettime(AGEING_CLOCK, &now);
	return now.tv_sec * INT64CONST(1000000) + now.tv_nsec / 1000;
}

/*
 * Microseconds that this process has spent waiting for answers and working on
 * them.  Deadlines of answers count these: the process reads no answer while it
 * does something else.
 */
int64
clock_waited(void)
{
	return time_slept + time_worked;
}

/*
 * The part of clock_waited() that belongs to the client's present statement, whatever
 * functions it has called meanwhile.  A procedure that commits begins anew: it works in
 * slices, and each of them may take the time of a statement.
 */
int64
clock_statement(void)
{
	static TimestampTz statement = 0;
	static TimestampTz transaction = 0;
	static int64 began = 0;

	if (statement != GetCurrentStatementStartTimestamp() ||
		transaction != GetCurrentTransactionStartTimestamp())
	{
		statement = GetCurrentStatementStartTimestamp();
		transaction = GetCurrentTransactionStartTimestamp();
		began = clock_waited();
	}
	return clock_waited() - began;
}

/*
 * The part of clock_waited() in which the process slept, in microseconds.
 */
int64
clock_slept(void)
{
	return time_slept;
}

/*
 * Adds microseconds in which the process slept.
 */
void
clock_add_sleep(int64 time)
{
	time_slept += time;
	woke_at = time >= REAL_SLEEP ? last_time : 0;
}

/*
 * Has the process just been woken?  Then what it reads has come this moment; else that
 * can have waited for the process.
 */
bool
clock_is_prompt(void)
{
	return woke_at > 0 && last_time - woke_at <= PROMPT;
}

/*
 * Adds microseconds in which the process worked on answers.
 */
void
clock_add_work(int64 time)
{
	time_worked += time;
}
