/*
 * fill.c
 *
 * A module for a test: takes all memory of the area that pgcares has in the server's
 * shared memory, as if others had taken it, and keeps it until the server makes new shared
 * memory.
 */
#include "postgres.h"

#include "fmgr.h"
#include "storage/shmem.h"
#include "utils/dsa.h"

/* The first octets of an area that was made in place: see dsa.c of PostgreSQL. */
#define AREA_MAGIC	0x0ce26608

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(fill_shared_memory);

/*
 * fill_shared_memory(size): returns the octets that it has taken.  size is that of the
 * whole segment.
 */
Datum
fill_shared_memory(PG_FUNCTION_ARGS)
{
	int64		size = PG_GETARG_INT64(0);
	int64		taken = 0;
	bool		found;
	char	   *segment = ShmemInitStruct("pgcares", size, &found);
	char	   *place = segment;
	dsa_area   *area;

	if (!found)
		elog(ERROR, "there is no segment");
	while (*(uint32 *) place != AREA_MAGIC)
	{
		place += sizeof(uint64);
		if (place >= segment + size)
			elog(ERROR, "there is no area in the segment");
	}
	area = dsa_attach_in_place(place, NULL);
	dsa_pin_mapping(area);
	for (size_t part = 1024 * 1024; part >= 16; part /= 2)
	{
		while (DsaPointerIsValid(dsa_allocate_extended(area, part, DSA_ALLOC_NO_OOM | DSA_ALLOC_HUGE)))
			taken += part;
	}
	PG_RETURN_INT64(taken);
}
