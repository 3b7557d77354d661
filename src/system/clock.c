/*
 * clock.c
 *
 * The time, for whatever is late or has to be measured.
 */
#include "postgres.h"

#include "system/system.h"

static int64 last_time = 0;		/* that clock_now() gave */
static int64 time_slept = 0;
static int64 time_worked = 0;

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
 * What clock_now() gave last, for what is done in the same step: it is called
 * after each wait, when a question is asked and when queries are sent, and so
 * this is the time at which what is worked on had come.
 */
int64
clock_last(void)
{
	return last_time;
}

/*
 * Microseconds that this process has waited for answers and worked on them so far.
 * An answer that comes while it does something else is not read meanwhile, so
 * whoever gives answers time counts these.
 */
int64
clock_waited(void)
{
	return time_slept + time_worked;
}

/*
 * Microseconds of these in which nothing was to be done.
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
}

/*
 * Adds microseconds in which it worked on answers.
 */
void
clock_add_work(int64 time)
{
	time_worked += time;
}
