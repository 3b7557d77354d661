/*
 * cached.c
 *
 * The answer cache as it ought to be: for each name the answer that was kept last, with the
 * time from which it ages.  Each answer that the engine finds in its cache must be good, and
 * show the time that is left; where there is room for all, each good one must be found.
 *
 * All sessions ask the same names, whose TTLs are in ttls[] by their numbers.
 */
#include "world.h"

/* The clock of the engine counts microseconds; work between two looks takes a few. */
#define SLACK			(2 * MS)

#define FAILURE_TTL		5		/* s */
#define RCODE_NXDOMAIN	3
#define NO_ANSWER		(-1)

/* Of the library: those that stand for no answer and are kept. */
#define TIMED_OUT		12
#define UNREACHABLE		11

typedef struct Kept
{
	bool		is_there;
	bool		failure;
	int			rcode;			/* or NO_ANSWER */
	int			shown;			/* TTL of its record; -1: it has none */
	int			ttl;			/* s for which it is good */
	SimTime		since;
} Kept;

static Kept *all;

/* s; the last one is beyond each cap */
static const int ttls[] = {0, 1, 2, 7, 30, 60, 61, 300, 3600, 7000, 86400, 604800};

#define NTTLS	((int) (sizeof(ttls) / sizeof(ttls[0])))

/*
 * The TTL of a name's record, or of the SOA record that tells that there is none, in
 * seconds.
 */
int
cached_ttl(int index)
{
	return set.cache ? ttls[index % NTTLS] : 60;
}

/*
 * The MINIMUM of that SOA record; -1 if the answer has none.
 */
int
cached_minimum(int index)
{
	return index % 3 == 0 ? -1 : ttls[index / NTTLS % NTTLS];
}

static int
least(int a, int b)
{
	return a < b ? a : b;
}

/* The seconds for which an answer can be kept, 0 if not at all; fills in the rest. */
static int
ttl_of(Kept *kept, int index, char kind, int status)
{
	if (kept->rcode == NO_ANSWER)
	{
		kept->failure = true;
		return (status == TIMED_OUT || status == UNREACHABLE) && set.deadline == 0 ?
			FAILURE_TTL : 0;
	}
	/* A circle of aliases in one answer; see make_alias(). */
	if (kind == 'g' && index % 3 > 0)
	{
		kept->failure = true;
		kept->shown = 60;
		return FAILURE_TTL;
	}
	/* Malformed, without a question, or a chain from several answers. */
	if (strchr("mbaguv", kind) != NULL || (kind == 'f' && kept->rcode != 0))
		return 0;
	if (kept->rcode == 0 && kind != 'q')
	{
		kept->shown = cached_ttl(index);
		return least(kept->shown, set.cache_max_ttl);
	}
	if (kept->rcode == 0 || kept->rcode == RCODE_NXDOMAIN)
	{
		if (cached_minimum(index) < 0)
			return 0;
		kept->shown = cached_ttl(index);
		return least(least(kept->shown, cached_minimum(index)), set.cache_max_negative);
	}
	kept->failure = true;
	return FAILURE_TTL;
}

static Kept *
kept_of(int index)
{
	if (all == NULL)
		all = calloc(set.names, sizeof(Kept));
	return &all[index];
}

static bool
is_good(const Kept *kept, SimTime at)
{
	return kept->is_there && at < kept->since + kept->ttl * SECOND;
}

/*
 * The running session gives the cache the reply to a name, which it asked so long ago: its
 * RCODE, or -1 and the library's status.
 */
void
sim_keeps(int index, int rcode, int status, int64_t us)
{
	Kept	   *before = kept_of(index);
	Kept		kept = {.rcode = rcode, .shown = -1};

	kept.ttl = ttl_of(&kept, index, running->names[index].kind, status);
	kept.since = running->local - (kept.failure ? 0 : us * US);
	if (kept.ttl == 0 || !is_good(&(Kept) {true, .ttl = kept.ttl, .since = kept.since}, running->local))
		return;
	if (kept.failure && is_good(before, running->local) && !before->failure)
		return;
	kept.is_there = true;
	*before = kept;
	trace(kept.since);
}

/*
 * The running session looks for a name in the cache.  If it is found, rcode is that of the
 * answer, and ttl the lowest one of its records, each of them -1 if there is none.
 */
void
sim_finds(int index, int found, int rcode, int ttl)
{
	const Kept *kept = kept_of(index);
	SimTime		age = running->local - kept->since;

	trace(found);
	trace(age);
	running->finds++;
	running->found += found;
	if (found && !is_good(kept, running->local - SLACK))
		sim_fail("cache", "name %d, of kind %c, is found %s%.6f s after it was asked for, and not only for %d s", index, running->names[index].kind,
				 kept->is_there ? "" : "and never kept, ", age / 1e9, kept->ttl);
	if (!found && set.cache_size == 0 && set.fail_palloc == 0 && is_good(kept, running->local + SLACK))
		sim_fail("cache", "name %d is not found %.6f s after it was asked for, and is good for %d s",
				 index, age / 1e9, kept->ttl);
	if (!found)
		return;
	if (rcode != kept->rcode)
		sim_fail("cache", "name %d has RCODE %d, and not %d", index, rcode, kept->rcode);
	if (kept->shown < 0 ? ttl >= 0 :
		ttl < kept->shown - (int) ((age + SLACK) / SECOND) ||
		ttl > kept->shown - (int) ((age - SLACK) / SECOND))
		sim_fail("cache", "name %d shows a TTL of %d, %.6f s after it was %d", index, ttl,
				 age / 1e9, kept->shown);
}

/*
 * The end of a world in which much is found, if the world says so.
 */
void
cached_end(void)
{
	uint64_t	finds = 0;
	uint64_t	found = 0;

	for (int i = 0; i < nsessions; i++)
	{
		finds += sessions[i].finds;
		found += sessions[i].found;
	}
	if (set.least_found > 0 && found < set.least_found * finds)
		sim_fail("figures", "%lu of %lu names are found in the cache, and not %.2f",
				 (unsigned long) found, (unsigned long) finds, set.least_found);
}
