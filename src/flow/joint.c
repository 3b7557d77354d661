/*
 * joint.c
 *
 * One pace for all sessions that ask the same servers.  Shared memory has a record for
 * each list of servers, with a pace that counts the answers of all windows which ask
 * them, so the level is found for all of them together (an ensemble, RFC 9040), and a new
 * session begins where the others are.  A window's own pace counts what has come
 * since the window looked last, and has a portion of the level (portion.c).
 *
 *   window: answers, trips, losses ----+         +----> level / hungry windows
 *   window: answers, trips, losses ----+-> pace -+----> level / hungry windows
 *   window: three questions -----------+         +----> as many as it uses
 *
 * A window looks after its turns, but not for each answer.  A backend that exits gives
 * back what its windows use.  If there is no shared memory, or no record is free, each
 * window keeps its own pace.  Never raises.
 */
#include "postgres.h"

#include "flow/flow.h"

#include "storage/ipc.h"

/* Lists of servers for which there are records; those used last are kept. */
#define MAX_RECORDS		64

/*
 * A record is forgotten when nobody has used it for this many microseconds: the load of
 * the servers has changed.  Chosen, not measured.
 */
#define FORGET_AFTER	INT64CONST(600000000)

/* Microseconds between two looks of a window, at least. */
#define LOOK_EVERY		200

/*
 * The level of all windows together is this at least, and begins here: the server of a
 * whole cluster has room for that many, so a busy machine, whose delays look like a
 * queue, does not bring the level down further.
 */
#define LOWEST_OF_ALL	32

/*
 * The trips by which a queue is seen in slow start: those of a whole round tell of the
 * queue that stood there when the level was half, and many processors fill it quickly.
 */
#define LATEST			8

/*
 * A new window comes to its level in the time of a round trip, in steps of that many
 * microseconds: the questions of others have been spread by their answers, and a small
 * server far away has no room for all of them at once.
 */
#define STEP			1000

/* The servers of a list, in shared memory. */
typedef struct DnsJoint
{
	uint64		servers;		/* a hash of the list; 0: never used */
	int			windows;
	int64		used_at;		/* on the clock of clock_now() */
	int64		trip;			/* the quickest, in microseconds; 0 if not known */
	DnsUses		uses;			/* of fresh questions */
	int64		most_used;		/* in the present round, and in the one before */
	int64		most_used_before;
	int64		round;			/* began then */
	DnsTrips	latest;
	bool		tested;			/* the level of all, by a window's share.c */
	DnsPace		pace;
} DnsJoint;

static Size joint_size(void);
static DnsJoint *find_record(uint64 servers, bool make);
static void begin(DnsJoint *joint, int64 now);
static void give_level(DnsJoint *joint, DnsPace *own);
static void give(DnsJoint *joint, DnsPace *own);
static void note_use(DnsJoint *joint);
static bool is_half_used(const DnsJoint *joint);
static void take(DnsPace *own, const DnsJoint *joint, int64 now);
static void leave(DnsPace *own, int64 now);
static void leave_all(int code, Datum arg);

static SharedPart part = {
	.name = "PgcaresPace",
	.size = joint_size
};

/* The paces of this process that have joined. */
static dlist_head joined = DLIST_STATIC_INIT(joined);
static bool leaves_at_exit = false;

/*
 * Asks for the shared memory.  Called once, when the module is loaded.
 */
void
joint_init(void)
{
	shared_part_add(&part);
}

/*
 * Lets a window that begins to ask take part, if there is shared memory.  servers is a
 * hash of the list of its servers, and capacity the most questions that it can ask; or 0
 * if it does not wait for the pace and only counts.
 */
void
joint_join(DnsPace *own, uint64 servers, int capacity)
{
	int64		now;
	DnsJoint   *joint;
	double		portion;

	own->joined = true;
	if (part.memory == NULL)
		return;
	if (!leaves_at_exit)
		on_shmem_exit(leave_all, (Datum) 0);
	leaves_at_exit = true;

	now = clock_now();
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	joint = find_record(servers, capacity > 0);
	if (joint != NULL)
	{
		if (joint->windows++ == 0)
			begin(joint, now);
		dlist_push_tail(&joined, &own->joint_node);
		own->joint = joint;
		own->looked_at_joint = now;
		own->base = own->base_before = 0;
		own->use.used = 0;
		own->use.hungry = false;
		own->begins_until = now + joint->trip;
		own->joint_tests = own->leads = false;
		/* These places are taken before the first question is asked. */
		portion = portion_of(&joint->uses, &own->use, joint->pace.level);
		portion_change(&joint->uses, &own->use, Min((int) portion, Max(capacity, 1)), false);
		take(own, joint, now);
	}
	LWLockRelease(part.lock);
}

/*
 * The time, on the clock of clock_now(), by which joint_look() must be called.
 */
int64
joint_time(const DnsPace *own)
{
	return own->joint != NULL && own->begins_until > own->looked_at_joint &&
		own->hungry ? own->looked_at_joint + STEP : PG_INT64_MAX;
}

/*
 * Brings the pace of a window and that of all together: the one that ends rounds is
 * theirs.  fresh is the number of the window's fresh questions, rto as for pace_look().
 */
void
joint_look(DnsPace *own, int fresh, int64 rto)
{
	DnsJoint   *joint = own->joint;
	int64		now = clock_last();

	if (now - own->looked_at_joint < LOOK_EVERY)
		return;
	own->looked_at_joint = now;
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	give(joint, own);
	portion_change(&joint->uses, &own->use, Max(own->most_fresh, fresh), own->hungry);
	own->most_fresh = fresh;
	own->hungry = false;
	note_use(joint);
	pace_look(&joint->pace, rto);
	/* Each hungry window asks one at least, and what is asked is the level. */
	joint->pace.level = Max(joint->pace.level, Max(joint->uses.hungry, LOWEST_OF_ALL));
	if (pace_base(&joint->pace) > 0)
		joint->trip = pace_base(&joint->pace);
	take(own, joint, now);
	LWLockRelease(part.lock);
}

/*
 * A window no longer asks.
 */
void
joint_leave(DnsPace *own)
{
	own->joined = false;
	if (own->joint == NULL)
		return;
	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	give(own->joint, own);
	leave(own, clock_last());
	LWLockRelease(part.lock);
}

/*
 * The level of all windows that ask the same servers.
 */
double
joint_level(const DnsPace *own)
{
	/* A torn double would only be shown. */
	return own->joint != NULL ? own->joint->pace.level : own->level;
}

#ifdef CHECK_BOOKS
/*
 * Does nobody use anything?
 */
bool
joint_is_idle(void)
{
	const DnsJoint *records = part.memory;
	DnsUses		none = {0};

	for (int i = 0; i < MAX_RECORDS; i++)
	{
		if (records[i].windows != 0 || records[i].tested ||
			memcmp(&records[i].uses, &none, sizeof(none)) != 0)
			return false;
	}
	return true;
}
#endif

static Size
joint_size(void)
{
	return MAX_RECORDS * sizeof(DnsJoint);
}

/*
 * The record of a list of servers; if there is none, that which was used the longest time
 * ago is taken, or NULL is returned.
 */
static DnsJoint *
find_record(uint64 servers, bool make)
{
	DnsJoint   *records = part.memory;
	DnsJoint   *oldest = NULL;

	for (int i = 0; i < MAX_RECORDS; i++)
	{
		DnsJoint   *record = &records[i];

		if (record->servers == servers)
			return record;
		if (record->windows == 0 && (oldest == NULL || record->used_at < oldest->used_at))
			oldest = record;
	}
	if (!make || oldest == NULL)
		return NULL;
	memset(oldest, 0, sizeof(*oldest));
	oldest->servers = servers;
	return oldest;
}

/* The first window asks, as far as now is known. */
static void
begin(DnsJoint *joint, int64 now)
{
	if (joint->pace.level == 0 || now - joint->used_at > FORGET_AFTER)
		pace_init(&joint->pace);
	else
		pace_begin(&joint->pace);
	joint->pace.level = Max(joint->pace.level, LOWEST_OF_ALL);
}

/*
 * Takes over how a window has changed its level: with the answers of slow start, or by a
 * decision of share.c.  A test of the level is one for all, since a window alone has
 * little influence on the answers; while one window tests, others only seem to.
 */
static void
give_level(DnsJoint *joint, DnsPace *own)
{
	DnsPace    *pace = &joint->pace;
	bool		tests = own->testing == PACE_TESTS_LEVEL;

	if (tests == own->joint_tests)
		pace->level += own->level - own->portion;
	else
	{
		own->leads |= tests && !joint->tested;
		if (own->leads)
		{
			pace->level *= own->level / own->portion;
			joint->tested = own->leads = tests;
		}
	}
	pace->level = Min(Max(pace->level, LOWEST_OF_ALL), WINDOW_MAX);
	own->joint_tests = tests;
}

/* Adds what a window has counted since it looked last. */
static void
give(DnsJoint *joint, DnsPace *own)
{
	DnsPace    *pace = &joint->pace;

	give_level(joint, own);
	if (own->slow_start != own->joint_slow_start)
		pace->slow_start = own->slow_start;

	if (own->trips.number > 0)
	{
		trips_add(&pace->trips, &own->trips);
		trips_add(&joint->latest, &own->trips);
		if (own->base_since == pace->base_since &&
			(own->joint_base == 0 || own->base < own->joint_base))
			pace_near(pace, own->base);
	}
	pace->answers += own->answers;
	pace->delivered += own->delivered;
	pace->lost += own->lost;
	pace->silence += own->silence;
	pace->over |= own->over;
	pace->full |= own->full;
	pace_watch(pace, &joint->latest);
	if (joint->latest.number >= LATEST && pace_tells(pace, &joint->latest))
		joint->latest = (DnsTrips) {0};

	own->trips = (DnsTrips) {0};
	own->answers = 0;
	own->delivered = own->lost = own->silence = 0;
	own->over = false;
}

/* Notes how much of the level is used, before the round can end. */
static void
note_use(DnsJoint *joint)
{
	if (joint->round != joint->pace.began)
	{
		joint->round = joint->pace.began;
		joint->most_used_before = joint->most_used;
		joint->most_used = 0;
	}
	joint->most_used = Max(joint->most_used, joint->uses.used);
}

/*
 * Is at least half of the level used?  Then it grows in slow start, whether or not it
 * keeps a question from being asked (RFC 7661 section 4.3): the next session can need it.
 */
static bool
is_half_used(const DnsJoint *joint)
{
	return Max(joint->most_used, joint->most_used_before) > joint->pace.level / 2;
}

/* Tells a window what all know now. */
static void
take(DnsPace *own, const DnsJoint *joint, int64 now)
{
	const DnsPace *pace = &joint->pace;
	int64		left = own->begins_until - now;

	own->slow_start = own->joint_slow_start = pace->slow_start;
	own->growing = pace->growing;
	own->level_of_all = pace->level;
	own->full = pace->full || (pace->slow_start && is_half_used(joint));
	own->began = pace->began;
	own->looked_at = pace->looked_at;
	own->halved_at = pace->halved_at;
	own->changed_at = pace->changed_at;
	own->base = own->joint_base = pace->base;
	own->base_before = pace->base_before;
	own->base_since = pace->base_since;
	own->nearest = pace->nearest;
	own->nearest_at = pace->nearest_at;
	own->enough = pace->enough;
	own->judged = pace->judged;
	own->quick = pace->quick;
	if (!own->joint_tests)
		own->testing = pace->testing;
	own->portion = portion_of(&joint->uses, &own->use, pace->level);
	if (left >= STEP)
		own->portion *= Max(joint->trip - left + STEP, STEP) / (double) Max(joint->trip, left);
	own->portion = Max(own->portion, 1);
	own->level = own->portion;
}

static void
leave(DnsPace *own, int64 now)
{
	DnsJoint   *joint = own->joint;

	portion_change(&joint->uses, &own->use, 0, false);
	joint->windows--;
	if (own->leads)
		joint->tested = own->leads = false;
	joint->used_at = now;
	own->joint = NULL;
	dlist_delete(&own->joint_node);
}

/* Callback: the process exits, whatever it was doing. */
static void
leave_all(int code, Datum arg)
{
	dlist_mutable_iter iter;

	LWLockAcquire(part.lock, LW_EXCLUSIVE);
	dlist_foreach_modify(iter, &joined)
		leave(dlist_container(DnsPace, joint_node, iter.cur), clock_last());
	LWLockRelease(part.lock);
}
