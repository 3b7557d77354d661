/*
 * ceiling.c
 *
 * Bounds the questions that all sessions together have under way.  Shared memory has their
 * number: each process takes some places at a time, has as many at least as it has
 * questions, and gives back the others.  If the places do not suffice, each gets its
 * portion of them (portion.c).  Some are kept for processes that begin, so that the bound
 * holds while the others have not yet come down to a smaller portion.
 *
 * A backend that exits gives back its places.  If there is no shared memory, there is no
 * bound.  Never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

#include "storage/ipc.h"

/* Places are taken and kept in steps: this many, or this share of what the process has. */
#define LEAST_STEP		4
#define STEP			(1.0 / 4)

/* The share of the places that is kept for processes that begin, and at least some. */
#define KEPT			(1.0 / 8)
#define LEAST_KEPT		4

/* Microseconds after which a process that got no place tries again. */
#define TRY_AGAIN		5000

/* Microseconds between two looks, at least, while the process has questions. */
#define LOOK_EVERY		500

static Size ceiling_size(void);
static bool change(int wanted, int must);
static int	step_of(int places);
static void leave(int code, Datum arg);

static SharedPart part = {
	.name = "PgcaresCeiling",
	.size = ceiling_size
};

static DnsUse own;				/* the places of this process */
static bool leaves_at_exit = false;
static int64 denied_at = 0;		/* on the clock of clock_now(); 0: it was not */
static int64 looked_at = 0;		/* the same */

/*
 * Asks for the shared memory.  Called once, when the module is loaded.
 */
void
ceiling_init(void)
{
	shared_part_add(&part);
}

/*
 * Must this process count its questions?
 */
bool
ceiling_counts(void)
{
	return part.memory != NULL && (setting_max_in_flight_total > 0 || own.used > 0);
}

/*
 * Can this process, with this many questions under way, ask one more?  Without a choice
 * it asks, and is counted.
 */
bool
ceiling_allows(int under_way, bool no_choice)
{
	if (under_way < own.used)
		return true;
	if (setting_max_in_flight_total == 0)
		return true;
	if (!leaves_at_exit)
		on_shmem_exit(leave, (Datum) 0);
	leaves_at_exit = true;
	if (change(under_way + 1, under_way + no_choice))
		return true;
	denied_at = clock_last();
	return no_choice;
}

/*
 * Gives back places that this process, with this many questions under way, does not need.
 */
void
ceiling_look(int under_way)
{
	int64		now = clock_last();

	if (own.used == 0 || (under_way > 0 && now - looked_at < LOOK_EVERY))
		return;
	looked_at = now;
	(void) change(under_way + (under_way > 0 && denied_at > 0), under_way);
	denied_at = 0;
}

/*
 * The time, on the clock of clock_now(), at which a process that got no place can try
 * again.
 */
int64
ceiling_time(void)
{
	return denied_at > 0 ? denied_at + TRY_AGAIN : PG_INT64_MAX;
}

#ifdef CHECK_BOOKS
/*
 * Does nobody have a place?
 */
bool
ceiling_is_idle(void)
{
	DnsUses		none = {0};

	return memcmp(part.memory, &none, sizeof(none)) == 0;
}
#endif

static Size
ceiling_size(void)
{
	return sizeof(DnsUses);
}

/*
 * Takes or gives back places: the process wants this many, and has that many questions at
 * least.  True if it has as many as it wants.
 */
static bool
change(int wanted, int must)
{
	DnsUses    *uses = part.memory;
	double		limit = setting_max_in_flight_total;
	int			places = wanted == 0 ? 0 : wanted + step_of(wanted);
	double		portion = WINDOW_MAX;

	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	if (limit > 0)
	{
		limit -= Max(limit * KEPT, Min(LEAST_KEPT, limit / 2));
		portion = portion_of(uses, &own, Max(limit, 1));
	}
	places = Max(must, Min(places, (int) portion));
	portion_change(uses, &own, places, places < wanted);
	LWLockRelease(part.lock);
	return places >= wanted;
}

static int
step_of(int places)
{
	return Max(LEAST_STEP, (int) (places * STEP));
}

/* Callback: the process exits, whatever it was doing. */
static void
leave(int code, Datum arg)
{
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	portion_change(part.memory, &own, 0, false);
	LWLockRelease(part.lock);
}
