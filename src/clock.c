/*
 * clock.c
 *
 * The time, for whatever is late or has to be measured.
 */
#include "postgres.h"

#include "pgcares.h"

static int64 last_time = 0;		/* that clock_now() gave */

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
