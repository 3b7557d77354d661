/*
 * counters.c
 *
 * The counters of this backend; dns_stats() shows them.
 */
#include "postgres.h"

#include "flight/flight.h"

DnsCounters counters = {0};
