/*
 * unused.c
 *
 * Functions of PostgreSQL for parameters, for files of the system, for encodings and for an
 * area in shared memory: the engine is linked with them, but a world names its servers in
 * the settings, has no such area and logs nothing, so that none is called.  No header
 * declares them here, since all are the same.
 */
#include <stdlib.h>

#define UNUSED(function) \
	void function(void); \
	void function(void) { abort(); }

UNUSED(CloseTransientFile)
UNUSED(FindDefaultConversionProc)
UNUSED(GetCurrentTimestamp)
UNUSED(GetDatabaseEncoding)
UNUSED(GetNumConfigOptions)
UNUSED(MemoryContextSetIdentifier)
UNUSED(MemoryContextSetParent)
UNUSED(OpenTransientFile)
UNUSED(add_size)
UNUSED(dsa_attach_in_place)
UNUSED(dsa_on_shmem_exit_release_in_place)
UNUSED(dsa_pin_mapping)
UNUSED(errhidecontext)
UNUSED(errhidestmt)
UNUSED(find_option)
UNUSED(get_guc_variables)
UNUSED(mul_size)
UNUSED(pg_do_encoding_conversion_buf)
UNUSED(pg_is_ascii)
UNUSED(pg_verify_mbstr)
UNUSED(pnstrdup)
UNUSED(unpack_sql_state)

/* The same of variables. */
void	   *MyProc;
int			MaxBackends;
int			MyProcNumber;
int			MyProcPid;
unsigned int MyDatabaseId;

/* The clock of PostgreSQL 19: that of the system, in nanoseconds. */
unsigned long long ticks_per_ns_scaled = 0;
unsigned long long max_ticks_no_overflow = 0;
_Bool		timing_tsc_enabled = 0;
