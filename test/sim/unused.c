/*
 * unused.c
 *
 * Functions of PostgreSQL for files of the system, for encodings and for shared memory: the
 * engine is linked with them, but a world names its servers in the settings, has no shared
 * memory and logs nothing, so that none is called.  No header declares them here, since
 * all are the same.
 */
#include <stdlib.h>

#define UNUSED(function) \
	void function(void); \
	void function(void) { abort(); }

UNUSED(CloseTransientFile)
UNUSED(FindDefaultConversionProc)
UNUSED(GetCurrentTimestamp)
UNUSED(GetDatabaseEncoding)
UNUSED(LWLockAcquire)
UNUSED(LWLockRelease)
UNUSED(MemoryContextSetIdentifier)
UNUSED(MemoryContextSetParent)
UNUSED(OpenTransientFile)
UNUSED(errhidecontext)
UNUSED(errhidestmt)
UNUSED(mul_size)
UNUSED(pg_do_encoding_conversion_buf)
UNUSED(pg_is_ascii)
UNUSED(pg_verify_mbstr)
UNUSED(pnstrdup)
UNUSED(unpack_sql_state)

/* The same of variables. */
void	   *MyProc;
int			MaxBackends;
int			MyProcPid;
unsigned int MyDatabaseId;
