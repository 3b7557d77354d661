/*
 * ageing.c
 *
 * For LD_PRELOAD: puts the clock by which answers age forward, in the whole server, and
 * leaves the other clocks alone.  The seconds are a 64-bit number in the file that the
 * variable AGEING names.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *
seconds(void)
{
	static int64_t *map = NULL;
	int			fd;

	if (map != NULL || getenv("AGEING") == NULL)
		return map;
	fd = open(getenv("AGEING"), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? map = NULL : map;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
	int			result = syscall(SYS_clock_gettime, clock, now);

	if (result == 0 && clock == CLOCK_BOOTTIME && seconds() != NULL)
		now->tv_sec += *seconds();
	return result;
}
