/*
 * chance.c
 *
 * Chance, all of it from the seed, and the hash of the trace: two runs with one seed have
 * the same hash.  The exponential distribution uses integers, so that no mathematical
 * library changes a world.
 */
#include "world.h"

uint64_t	seed;
Chance		net_chance;

static uint64_t hash = UINT64_C(1469598103934665603);
static uint64_t traced;

/* SplitMix64. */
uint64_t
chance_next(Chance *chance)
{
	uint64_t	z = (chance->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/*
 * A number from 0 to below 1.
 */
double
chance_unit(Chance *chance)
{
	return (chance_next(chance) >> 11) * (1.0 / 9007199254740992.0);
}

/*
 * True in this share of the cases.  Takes no chance where the share is 0.
 */
bool
chance_of(Chance *chance, double share)
{
	return share > 0 && chance_unit(chance) < share;
}

/*
 * A time of an exponential distribution.  The logarithm is taken from a table of one
 * straight line for each power of two.
 */
SimTime
chance_exponential(Chance *chance, double mean)
{
	uint64_t	bits;
	int			zeros;
	double		fraction;

	if (mean <= 0)
		return 0;
	bits = chance_next(chance) | 1;
	zeros = __builtin_clzll(bits);
	fraction = zeros == 63 ? 0 : (double) ((bits << (zeros + 1)) >> 11) / 9007199254740992.0;
	return (SimTime) ((zeros + 1 - fraction) * 0.6931471805599453 * mean);
}

/*
 * Adds to the hash of the trace.
 */
void
trace(uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(1099511628211);
	hash ^= hash >> 29;
	traced++;
}

uint64_t
trace_hash(uint64_t *count)
{
	*count = traced;
	return hash;
}
