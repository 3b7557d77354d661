/*
 * progress.c
 *
 * The lookups of each process, in shared memory: a place for each backend, which
 * only that backend writes.  A reader copies it, and again if it was changed meanwhile,
 * as with pg_stat_activity, so nobody waits for a lock.
 */
#include "postgres.h"

#include "statistics/statistics.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "storage/procarray.h"

/* How often a place is read again that is being changed. */
#define ATTEMPTS	1000

/* In shared memory. */
typedef struct Place
{
	uint32		changes;		/* odd while it is being changed */
	ProgressRow row;
} Place;

static Size progress_size(void);
static void write_place(const ProgressRow *row);

static SharedPart part = {
	.name = "PgcaresProgress",
	.size = progress_size
};

static const ProgressRow nothing = {0};

/*
 * Asks for the shared memory.  Called once, when the module is loaded.
 */
void
progress_init(void)
{
	shared_part_add(&part);
}

/*
 * Shows what this process is looking up; fills in who it is.  There must be shared
 * memory.  Raises nothing.
 */
void
progress_publish(const ProgressRow *row)
{
	ProgressRow own = *row;

	own.pid = MyProcPid;
	own.database = MyDatabaseId;
	own.role = MyProc->roleId;
	write_place(&own);
}

/*
 * This process looks up nothing.  There must be shared memory.  Raises nothing.
 */
void
progress_clear(void)
{
	write_place(&nothing);
}

/*
 * The number of places; 0 if there is no shared memory.
 */
int
progress_rows(void)
{
	return part.memory != NULL ? MaxBackends : 0;
}

/*
 * Reads a place.  False if its process looks up nothing.
 */
bool
progress_read(int index, ProgressRow *row)
{
	volatile Place *place = (volatile Place *) part.memory + index;
	uint32		before;
	uint32		after;

	for (int i = 0; i < ATTEMPTS; i++)
	{
		CHECK_FOR_INTERRUPTS();
		before = place->changes;
		pg_read_barrier();
		memcpy(row, unvolatize(ProgressRow *, &place->row), sizeof(*row));
		pg_read_barrier();
		after = place->changes;
		if (before == after && before % 2 == 0)
			return row->pid != 0 && BackendPidGetProc(row->pid) != NULL;
	}
	return false;
}

static Size
progress_size(void)
{
	return mul_size(MaxBackends, sizeof(Place));
}

static void
write_place(const ProgressRow *row)
{
	volatile Place *place;
	int			number = own_process_number();

	if (number < 0 || number >= MaxBackends)
		return;
	place = (volatile Place *) part.memory + number;
	place->changes++;
	pg_write_barrier();
	memcpy(unvolatize(ProgressRow *, &place->row), row, sizeof(*row));
	pg_write_barrier();
	place->changes++;
}
