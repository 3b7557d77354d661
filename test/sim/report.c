/*
 * report.c
 *
 * The figures of a world, and the program: sim LIBRARY SEED WORLD [name=value...].
 */
#include "world.h"

#include <signal.h>

/* The sums over all names of the last batch. */
typedef struct Sums
{
	uint64_t	names;
	uint64_t	sent;
	uint64_t	silent;			/* names that nobody answers */
	uint64_t	silent_sent;
	int			silent_most;
	uint64_t	wrong;			/* outcomes that a perfect world does not have */
	uint64_t	timeouts;		/* of them TIMEOUT or UNREACHABLE */
	uint64_t	by_status[64];
	SimTime		ideal;			/* the longest of the sessions */
} Sums;

static void
add_name(Sums *sums, const Name *name)
{
	const char *right = name_kind(name->kind)->status;
	const char *status = status_text(name->status);

	if (name->outcomes == 0)
		return;
	sums->names++;
	sums->sent += name->sent;
	sums->by_status[name->status]++;
	if (set.list > 0 && name->kind == 'd')
		right = NULL;
	if (name->kind == 'd')
	{
		sums->silent++;
		sums->silent_sent += name->sent;
		if (name->sent > sums->silent_most)
			sums->silent_most = name->sent;
	}
	if (right != NULL && strcmp(status, right) != 0)
	{
		sums->wrong++;
		sums->timeouts += strcmp(status, "TIMEOUT") == 0 ||
			strcmp(status, "UNREACHABLE") == 0;
	}
}

static int
compare_times(const void *a, const void *b)
{
	SimTime		difference = *(const SimTime *) a - *(const SimTime *) b;

	return difference < 0 ? -1 : difference > 0;
}

/* Counts of datagrams at the servers and on the way. */
typedef struct Traffic
{
	uint64_t	come;
	uint64_t	lost;
	uint64_t	refused;
	uint64_t	dropped;
	int			longest;
} Traffic;

static void
add_traffic(Traffic *traffic)
{
	for (int i = 0; i < set.servers; i++)
	{
		traffic->come += servers[i].come;
		traffic->lost += servers[i].lost;
		traffic->refused += servers[i].refused;
		if (servers[i].longest > traffic->longest)
			traffic->longest = servers[i].longest;
	}
	for (int i = 0; i < nsessions; i++)
		traffic->dropped += sessions[i].dropped;
}

static double
percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * part / whole : 0;
}

/* The figures of one line, which run collects for many seeds. */
static void
print_line(const char *world, const Sums *sums, const Traffic *traffic, SimTime last)
{
	uint64_t	count;
	uint64_t	hash = trace_hash(&count);

	printf("%-10s %4lu  time %8.3f  ideal %8.3f  ratio %5.2f  queries %.4f  silent %.2f/%d  lost %.2f%%  wrong %lu  false %lu  bystander %.2f%%  trace %016lx\n",
		   world, (unsigned long) seed, last / 1e9, sums->ideal / 1e9, (double) last / sums->ideal,
		   sums->names > 0 ? (double) sums->sent / sums->names : 0,
		   sums->silent > 0 ? (double) sums->silent_sent / sums->silent : 0,
		   sums->silent_most, percent(traffic->lost + resolver_lost, traffic->come),
		   (unsigned long) sums->wrong, (unsigned long) sums->timeouts,
		   percent(bystander_lost, bystander_sent), (unsigned long) hash);
}

static void
print_sessions(void)
{
	SimTime    *times = calloc(nsessions, sizeof(SimTime));
	SimTime		pause = 0;
	SimTime		pause_until = 0;
	uint64_t	steps = 0;
	int			errors = 0;

	for (int i = 0; i < nsessions; i++)
	{
		const Session *session = &sessions[i];

		steps += session->steps;
		times[i] = session->ended - session->batch_began;
		if (session->pause > pause)
		{
			pause = session->pause;
			pause_until = session->pause_until;
		}
		if (session->errors > 0 && ++errors < 3)
			printf("  session %d raised: %s\n", i, session->error);
	}
	qsort(times, nsessions, sizeof(SimTime), compare_times);
	printf("  sessions: first %.3f s, median %.3f s, last %.3f s; %d with an error; longest time without a new name %.3f s, until %.3f s; steps %lu\n",
		   times[0] / 1e9, times[nsessions / 2] / 1e9, times[nsessions - 1] / 1e9, errors,
		   pause / 1e9, pause_until / 1e9, (unsigned long) steps);
	free(times);
}

static void
print_servers(const Traffic *traffic)
{
	printf("  servers: queries");
	for (int i = 0; i < set.servers; i++)
		printf(" %lu", (unsigned long) servers[i].come);
	printf("; lost %lu, refused %lu, longest queue %d; resolver dropped %lu; client dropped %lu; bystander lost %lu of %lu\n",
		   (unsigned long) traffic->lost, (unsigned long) traffic->refused,
		   traffic->longest, (unsigned long) resolver_lost,
		   (unsigned long) traffic->dropped, (unsigned long) bystander_lost,
		   (unsigned long) bystander_sent);
}

/* The figures keep the bounds that the world has. */
static void
check_bounds(const Sums *sums, const Traffic *traffic, SimTime last)
{
	double		ratio = (double) last / sums->ideal;
	double		queries = sums->names > 0 ? (double) sums->sent / sums->names : 0;
	double		lost = percent(traffic->lost + resolver_lost, traffic->come);

	if (set.most_ratio > 0 && ratio > set.most_ratio)
		sim_fail("figures", "the ratio is %.2f, and not %.2f", ratio, set.most_ratio);
	if (set.most_queries > 0 && queries > set.most_queries)
		sim_fail("figures", "a name costs %.4f queries, and not %.4f", queries,
				 set.most_queries);
	if (set.most_lost > 0 && lost > set.most_lost)
		sim_fail("figures", "%.2f %% are lost, and not %.2f %%", lost, set.most_lost);
	if (set.most_wrong >= 0 && sums->wrong > set.most_wrong)
		sim_fail("figures", "%lu outcomes are wrong, and not %.0f",
				 (unsigned long) sums->wrong, set.most_wrong);
}

/*
 * Prints the figures.
 */
void
report(const char *world)
{
	Sums		sums = {0};
	Traffic		traffic = {0};
	SimTime		last = 0;

	for (int i = 0; i < nsessions; i++)
	{
		SimTime		ideal = ideal_time(&sessions[i]);

		if (ideal > sums.ideal)
			sums.ideal = ideal;
		for (int j = 0; j < sessions[i].task.names; j++)
			add_name(&sums, &sessions[i].names[j]);
		if ((set.judged == 0 || i >= nsessions - set.judged) &&
			sessions[i].ended - sessions[i].batch_began > last)
			last = sessions[i].ended - sessions[i].batch_began;
	}
	add_traffic(&traffic);
	print_line(world, &sums, &traffic, last);
	check_bounds(&sums, &traffic, last);
	if (set.brief)
		return;
	print_sessions();
	print_servers(&traffic);
	printf("  outcomes:");
	for (int i = 0; status_text(i) != NULL; i++)
		printf(" %s %lu", status_text(i), (unsigned long) sums.by_status[i]);
	printf("\n");
}

/* A crash of the engine is a fault like others. */
static void
crashed(int number)
{
	sim_fail("crash", "signal %d", number);
}

int
main(int argc, char **argv)
{
	if (argc < 4)
	{
		fprintf(stderr, "usage: sim LIBRARY SEED WORLD [name=value...]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	seed = strtoull(argv[2], NULL, 0);
	net_chance.state = seed * 1000003 + 17;
	if (!params_world(argv[3]))
	{
		fprintf(stderr, "there is no world %s\n", argv[3]);
		return 2;
	}
	if (strcmp(argv[3], "swarm") == 0)
		params_swarm(seed);
	if (strcmp(argv[3], "cached") == 0)
		params_cached(seed);
	for (int i = 4; i < argc; i++)
	{
		if (!params_set(argv[i]))
		{
			fprintf(stderr, "there is no parameter %s\n", argv[i]);
			return 2;
		}
	}
	signal(SIGSEGV, crashed);
	signal(SIGABRT, crashed);
	params_keep();
	sessions_make(argv[1]);
	servers_start();
	processors_start();
	sessions_run();
	judge_end();
	report(argv[3]);
	return 0;
}
