/*
 * failures.c
 *
 * Lets the n-th call of a kind fail, counted over all sessions.
 */
#include "world.h"

static struct
{
	const char *call;
	size_t		param;
	uint64_t	count;
}			calls[] = {
	{"malloc", offsetof(Params, fail_malloc), 0},
	{"palloc", offsetof(Params, fail_palloc), 0},
	{"socket", offsetof(Params, fail_socket), 0},
	{"connect", offsetof(Params, fail_connect), 0},
	{"send", offsetof(Params, fail_send), 0}
};

/*
 * Is this the call that fails?
 */
int
sim_fails(const char *call)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
	{
		if (strcmp(calls[i].call, call) == 0)
			return ++calls[i].count == *(double *) ((char *) &set + calls[i].param);
	}
	return 0;
}
