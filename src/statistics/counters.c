/*
 * counters.c
 *
 * The counters of this process; dns_stats() shows them.
 */
#include "postgres.h"

#include "statistics/statistics.h"

DnsCounters counters = {0};
