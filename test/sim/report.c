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
	SimTime		busy;			/* the sum of the shortest times of names */
	SimTime		longest;		/* the longest of them */
} Sums;

/* The shortest time that a name takes. */
static SimTime
shortest_time(const Name *name)
{
	SimTime		patience = set.timeout * set.tries * set.servers * MS;

	if (name->kind == 'd' && set.list == 0)
		return patience;
	if (name->kind == 'd')
		return set.hold * MS < patience ? set.hold * MS : patience;
	return (SimTime) (set.rtt * US) +
		(name->kind == 'w' ? set.slow_ms : name_kind(name->kind)->extra) * MS;
}

static void
add_name(Sums *sums, const Name *name)
{
	const char *right = name_kind(name->kind)->status;
	const char *status = status_text(name->status);
	SimTime		shortest = shortest_time(name);

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
	sums->busy += shortest;
	if (shortest > sums->longest)
		sums->longest = shortest;
}

/*
 * The shortest time for a batch of all sessions: no more than max_in_flight at a time,
 * no more than the servers can do, no less than the slowest name.
 */
static SimTime
ideal_time(const Sums *sums)
{
	SimTime		window = sums->busy / (set.sessions * set.max_in_flight);
	SimTime		service = sums->names * set.service * US / (set.workers * (set.rotate ? set.servers : 1));
	SimTime		work = sums->names / set.sessions * 8 * US * set.cost;
	SimTime		ideal = sums->longest;

	if (window > ideal)
		ideal = window;
	if (service > ideal)
		ideal = service;
	if (work > ideal)
		ideal = work;
	return ideal + (SimTime) (set.rtt * US);
}

static int
compare_times(const void *a, const void *b)
{
	SimTime		difference = *(const SimTime *) a - *(const SimTime *) b;

	return difference < 0 ? -1 : difference > 0;
}

static void
print_times(const Sums *sums)
{
	SimTime    *times = calloc(nsessions, sizeof(SimTime));
	SimTime		last = 0;
	SimTime		pause = 0;
	SimTime		pause_until = 0;
	SimTime		ideal = ideal_time(sums);

	for (int i = 0; i < nsessions; i++)
	{
		const Session *session = &sessions[i];

		times[i] = session->ended - session->batch_began;
		if (session->ended - session->batch_began > last)
			last = session->ended - session->batch_began;
		if (session->pause > pause)
		{
			pause = session->pause;
			pause_until = session->pause_until;
		}
	}
	qsort(times, nsessions, sizeof(SimTime), compare_times);
	printf("  time %.3f s, ideal %.3f s, ratio %.2f; sessions from %.3f s to %.3f s, median %.3f s; %.0f names/s\n",
		   last / 1e9, ideal / 1e9, (double) last / ideal, times[0] / 1e9,
		   times[nsessions - 1] / 1e9, times[nsessions / 2] / 1e9,
		   sums->names / (last / 1e9));
	printf("  longest time without a new name %.3f s, until %.3f s\n", pause / 1e9,
		   pause_until / 1e9);
	free(times);
}

static void
print_servers(void)
{
	uint64_t	come = 0;
	uint64_t	lost = 0;
	uint64_t	refused = 0;
	uint64_t	dropped = 0;
	int			longest = 0;

	for (int i = 0; i < set.servers; i++)
	{
		come += servers[i].come;
		lost += servers[i].lost;
		refused += servers[i].refused;
		if (servers[i].longest > longest)
			longest = servers[i].longest;
	}
	for (int i = 0; i < nsessions; i++)
		dropped += sessions[i].dropped;
	printf("  servers: %lu queries, lost %lu = %.2f %%, refused %lu, longest queue %d; resolver dropped %lu; client dropped %lu; bystander lost %lu of %lu = %.2f %%\n",
		   (unsigned long) come, (unsigned long) lost, come > 0 ? 100.0 * lost / come : 0,
		   (unsigned long) refused, longest, (unsigned long) resolver_lost,
		   (unsigned long) dropped, (unsigned long) bystander_lost,
		   (unsigned long) bystander_sent,
		   bystander_sent > 0 ? 100.0 * bystander_lost / bystander_sent : 0);
}

/*
 * Prints the figures.
 */
void
report(const char *world)
{
	Sums		sums = {0};
	uint64_t	steps = 0;
	uint64_t	count;
	uint64_t	hash = trace_hash(&count);
	int			errors = 0;

	for (int i = 0; i < nsessions; i++)
	{
		for (int j = 0; j < sessions[i].task.names; j++)
			add_name(&sums, &sessions[i].names[j]);
		steps += sessions[i].steps;
		errors += sessions[i].errors > 0;
		if (sessions[i].errors > 0 && errors < 3)
			printf("  session %d raised: %s\n", i, sessions[i].error);
	}
	printf("%s, seed %lu: %d x %.0f names, trace %016lx of %lu, %lu steps\n", world,
		   (unsigned long) seed, nsessions, set.names, (unsigned long) hash,
		   (unsigned long) count, (unsigned long) steps);
	print_times(&sums);
	printf("  queries a name %.4f; silent names %lu, queries each %.2f, at most %d; wrong %lu, of them false TIMEOUT %lu; errors %d\n",
		   sums.names > 0 ? (double) sums.sent / sums.names : 0,
		   (unsigned long) sums.silent,
		   sums.silent > 0 ? (double) sums.silent_sent / sums.silent : 0,
		   sums.silent_most, (unsigned long) sums.wrong, (unsigned long) sums.timeouts,
		   errors);
	print_servers();
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
	sessions_make(argv[1]);
	servers_start();
	sessions_run();
	judge_end();
	report(argv[3]);
	return 0;
}
