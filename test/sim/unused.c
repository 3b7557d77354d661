/*
 * unused.c
 *
 * Functions of PostgreSQL for files of the system and for encodings: the engine is linked
 * with them, but a world names its servers in the settings, so that none is called.  No
 * header declares them here, since all are the same.
 */
#include <stdlib.h>

#define UNUSED(function) \
	void function(void); \
	void function(void) { abort(); }

UNUSED(CloseTransientFile)
UNUSED(FindDefaultConversionProc)
UNUSED(GetDatabaseEncoding)
UNUSED(MemoryContextSetIdentifier)
UNUSED(MemoryContextSetParent)
UNUSED(OpenTransientFile)
UNUSED(pg_do_encoding_conversion_buf)
UNUSED(pg_is_ascii)
UNUSED(pg_verify_mbstr)
UNUSED(pnstrdup)
