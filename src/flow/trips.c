/*
 * trips.c
 *
 * Round trips of queries, added up.
 */
#include "postgres.h"

#include <math.h>

#include "flow/flow.h"

/*
 * The allowance for chance, in mean delays over sqrt(n): one round in thirty is later
 * without a queue, if two exponential delays add up.
 */
#define CHANCE			1.5

/*
 * Adds round trips to others.
 */
void
trips_add(DnsTrips *trips, const DnsTrips *more)
{
	trips->quickest = trips->number == 0 ? more->quickest :
		Min(trips->quickest, more->quickest);
	trips->number += more->number;
	trips->quick += more->quick;
	trips->sum += more->sum;
}

/*
 * The microseconds by which the quickest of these answers can be late by chance.  The
 * work of a resolver, or a busy way, delays each answer in its own way, a queue all of
 * them: if two such delays add up, the quickest of n answers is late by their mean over
 * sqrt(2n).
 */
double
trips_chance(const DnsTrips *trips)
{
	int			number = Max(trips->number, 1);
	double		mean = trips->sum / number - trips->quickest;

	return CHANCE * mean / sqrt(number);
}
