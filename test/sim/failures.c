/*
 * failures.c
 *
 * Lets the n-th call of a kind fail, counted over all sessions.
 */
#include "world.h"

static const size_t params[SIM_NCALLS] = {
	[SIM_MALLOC] = offsetof(Params, fail_malloc),
	[SIM_PALLOC] = offsetof(Params, fail_palloc),
	[SIM_SOCKET] = offsetof(Params, fail_socket),
	[SIM_CONNECT] = offsetof(Params, fail_connect),
	[SIM_SEND] = offsetof(Params, fail_send)
};

static uint64_t counts[SIM_NCALLS];

/*
 * Is this the call that fails?
 */
int
sim_fails(SimCall call)
{
	double		number = *(double *) ((char *) &set + params[call]);

	return ++counts[call] == number;
}

/*
 * Does the world let a call fail?
 */
bool
failures_are_set(void)
{
	for (int i = 0; i < SIM_NCALLS; i++)
	{
		if (*(double *) ((char *) &set + params[i]) > 0)
			return true;
	}
	return false;
}
