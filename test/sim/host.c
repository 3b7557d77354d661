/*
 * host.c
 *
 * The calls of the library that concern the clock, chance and the files of the host, which
 * the linker leads here (ld --wrap).
 */
#include "world.h"

#include <errno.h>
#include <time.h>

int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	SimTime		at = (running != NULL ? running->local : now) + 1000 * SECOND;

	time->tv_sec = at / SECOND;
	time->tv_nsec = at % SECOND;
	return 0;
}

time_t
__wrap_time(time_t *time)
{
	time_t		at = 1700000000 + (running != NULL ? running->local : now) / SECOND;

	if (time != NULL)
		*time = at;
	return at;
}

void
__wrap_arc4random_buf(void *octets, size_t len)
{
	uint8_t    *at = octets;

	for (size_t i = 0; i < len; i++)
		at[i] = sim_random();
}

/* The library finds no file of the system. */
FILE *
__wrap_fopen(const char *path, const char *mode)
{
	errno = ENOENT;
	return NULL;
}

int
__wrap_gethostname(char *name, size_t size)
{
	snprintf(name, size, "sim");
	return 0;
}
