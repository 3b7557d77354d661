/*
 * counters.c
 *
 * What this backend has asked and got so far; dns_stats() shows it.
 */
#include "postgres.h"

#include "flight/flight.h"

DnsCounters counters = {0};
