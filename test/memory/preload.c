/*
 * preload.c
 *
 * For LD_PRELOAD: wraps malloc() and its like in the whole server, so that the
 * library of fail.c can also fail the allocations of the server and of shared
 * libraries.
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

extern bool (*allocation_fails) (void);
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

bool		(*allocation_fails) (void) = NULL;

static bool
fails(void)
{
	if (allocation_fails == NULL || !allocation_fails())
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}
