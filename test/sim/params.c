/*
 * params.c
 *
 * The parameters of a world, the worlds that have names, and the swarm, in which the seed
 * chooses the parameters.
 */
#include "world.h"

Params		set = {
#define X(name, value, meaning) .name = value,
	PARAMS(X)
#undef X
};
bool		healed;

static Params kept;

static const struct
{
	const char *name;
	size_t		offset;
	double		value;
	const char *meaning;
}			table[] = {
#define X(name, value, meaning) {#name, offsetof(Params, name), value, meaning},
	PARAMS(X)
#undef X
};

#define NPARAMS		(sizeof(table) / sizeof(table[0]))

/* 20,000 names at a server that is 20 ms away and fast. */
#define FAR		"names=20000 rtt=20000 jitter=200 service=3 queue=1e6 timeout=500 "

/* A server that is near, has a queue of 270 and needs 15 us. */
#define BUSY	"rtt=100 jitter=20 service=15 queue=270 bystander=200 "

/*
 * A quick server on the host of the sessions, whose two processors have other work.  The
 * sessions lost as many of their queries as real ones did when they had no bound for a
 * server nearby.
 */
#define CROWDED "rtt=20 jitter=3 service=3 queue=270 processors=2 slice=4000 row=4 hogs=12 shared=1 "

/*
 * A resolver.  With these values the engine before the burst loses as many names as a real
 * unbound in front of Knot made it lose.
 */
#define RECURSIVE "names=10000 rtt=200 jitter=50 service=100 queue=270 recursion=20000 jostle=1e6 list=500 hold=20000 "

/* The same with a list of 1,024 requests. */
#define LARGER	RECURSIVE "list=1024 "

static const struct
{
	const char *name;
	const char *params;
}			worlds[] = {
	{"plain", ""},
	{"healthy", "names=5000"},
	{"knot", "sessions=10 names=5000 rtt=100 jitter=20"},
	{"many", "sessions=100 names=2000 rtt=100 jitter=20 bystander=200"},
	{"dirty", FAR "silent=0.02"},
	{"dirty0", FAR},
	{"dirty2", FAR "silent=0.02"},
	{"dirty10", FAR "silent=0.1"},
	{"dirty30", FAR "silent=0.3"},
	{"slow", FAR "slow=0.01"},
	{"lost", FAR "loss=0.0025"},
	{"slowlost", FAR "slow=0.01 loss=0.0025"},
	{"lossy", FAR "loss=0.02"},
	{"latencies", "names=20000 rtt=2000 jitter=200 service=3 queue=1e6 late40=0.3 late200=0.1 late1000=0.05 latefail=0.02 silent=0.03"},
	{"resolver2", RECURSIVE "silent=0.02"},
	{"resolver10", RECURSIVE "silent=0.1"},
	{"resolver30", RECURSIVE "silent=0.3"},
	{"larger2", LARGER "silent=0.02"},
	{"larger10", LARGER "silent=0.1"},
	{"larger30", LARGER "silent=0.3"},
	{"busy1", BUSY "sessions=1 names=60000"},
	{"busy10", BUSY "sessions=10 names=6000"},
	{"busy40", BUSY "sessions=40 names=2000"},
	{"busy100", BUSY "sessions=100 names=2000"},
	{"crowded", CROWDED "sessions=8 names=10000"},
	{"restart", "names=150000 rtt=100 jitter=20 service=5 down_at=500"},
	{"away", "names=20000 rtt=20000 jitter=200 service=5 down_at=100 refuse=0"},
	{"slower", "names=50000 rtt=1000 service=15 queue=270 slower_at=300"},
	{"dying", "names=50000 servers=2 rtt=1000 service=15 down_at=200 down_for=1e6 refuse=0"},
	{"unlike", "names=50000 servers=2 rotate=1 rtt=1000 rtt2=40000 service=15 service2=150 queue=270"},
	{"silentname", "names=60000 rtt=20000 jitter=200 service=5 queue=1e5 silent=0.0005"},
	{"clean0", "names=200000 rtt=50 jitter=5 service=3 queue=1e6"},
	{"clean5", "names=200000 rtt=5000 jitter=50 service=3 queue=1e6"},
	{"clean20", "names=200000 rtt=20000 jitter=200 service=3 queue=1e6"},
	{"clean100", "names=200000 rtt=100000 jitter=1000 service=3 queue=1e6"},
	{"short", "names=2000 rtt=20000 jitter=200 service=3 queue=1e6"},
	{"tcp", "names=2000 tc=0.3 cut=0.01"},
	{"flood", "names=50 flood=0.1 deadline=5000"},
	{"zoo", "sessions=3 names=600 servers=2 rtt=3000 jitter=2000 loss=0.02 dup=0.02 silent=0.02 slow=0.05 servfail=0.05 nx=0.1 tc=0.05 malformed=0.03 forged=0.05 bare=0.02 cut=0.01 timeout=300 dns0x20=1"},
	{"cancel", "names=20000 rtt=20000 silent=0.1 cancel=1500"},
	{"cached", ""},
	{"swarm", ""}
};

static double *
value_of(size_t i)
{
	return (double *) ((char *) &set + table[i].offset);
}

/*
 * Sets a parameter by a word "name=value".  False if there is no such parameter.
 */
bool
params_set(const char *word)
{
	const char *sign = strchr(word, '=');

	for (size_t i = 0; sign != NULL && i < NPARAMS; i++)
	{
		if (strlen(table[i].name) == (size_t) (sign - word) &&
			strncmp(table[i].name, word, sign - word) == 0)
		{
			*value_of(i) = atof(sign + 1);
			return true;
		}
	}
	return false;
}

/*
 * Sets the parameters of a world with a name.  False if there is none.
 */
bool
params_world(const char *name)
{
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
	{
		char	   *copy;

		if (strcmp(worlds[i].name, name) != 0)
			continue;
		copy = strdup(worlds[i].params);
		for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
		{
			if (!params_set(word))
				abort();
		}
		free(copy);
		return true;
	}
	return false;
}

/*
 * Keeps the parameters for params_print(): the world can change them.
 */
void
params_keep(void)
{
	kept = set;
}

/*
 * Prints the parameters with which the world began, if they differ from the defaults.
 */
void
params_print(void)
{
	for (size_t i = 0; i < NPARAMS; i++)
	{
		double		value = *(double *) ((char *) &kept + table[i].offset);

		if (value != table[i].value)
			printf(" %s=%.12g", table[i].name, value);
	}
	printf("\n");
}

/*
 * All faults end.
 */
void
params_heal(void)
{
	healed = true;
	set.loss = set.dup = set.stall = 0;
	set.queue = 1e9;
	set.slower = 1;
	set.list = 0;
}

/* A world of the swarm. */

static double
pick(Chance *chance, int count, const double *values)
{
	return values[chance_next(chance) % count];
}

#define PICK(...) \
	pick(&chance, sizeof((double[]) {__VA_ARGS__}) / sizeof(double), \
		 (double[]) {__VA_ARGS__})

static const size_t faults[] = {
	offsetof(Params, silent), offsetof(Params, slow), offsetof(Params, late200),
	offsetof(Params, servfail), offsetof(Params, nx), offsetof(Params, tc),
	offsetof(Params, malformed), offsetof(Params, forged), offsetof(Params, bare),
	offsetof(Params, cut), offsetof(Params, lossy), offsetof(Params, noedns),
	offsetof(Params, refused)
};

/*
 * Chooses a world: also which faults there are, and small limits.
 */
void
params_swarm(uint64_t number)
{
	Chance		chance = {number * 31337 + 5};

	set.sessions = PICK(1, 1, 2, 4);
	set.names = PICK(5, 50, 300, 1000, 2000);
	set.batches = PICK(1, 1, 2);
	set.feeder = PICK(0, 0, 0, 0, 0, 1, 1, 2);
	if (set.feeder == FEEDER_ALONE && set.names > 100)
		set.names = 100;
	set.rtt = PICK(100, 1000, 20000, 200000);
	set.jitter = set.rtt * PICK(0.01, 0.3, 2);
	set.service = PICK(2, 20, 200);
	set.queue = PICK(16, 256, 256, 100000);
	set.servers = PICK(1, 1, 2, 3);
	if (chance_of(&chance, 0.3))
		set.loss = PICK(0.01, 0.1, 0.4);
	if (chance_of(&chance, 0.2))
		set.dup = PICK(0.05, 0.5);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
	{
		if (chance_of(&chance, 0.3))
			*(double *) ((char *) &set + faults[i]) = PICK(0.005, 0.05, 0.09);
	}
	set.drops = PICK(1, 2, 4);
	set.timeout = PICK(50, 300, 500, 2000);
	set.tries = PICK(1, 2, 4);
	set.max_in_flight = PICK(1, 16, 128, 2000, 2000, 16384);
	set.udp_max_queries = PICK(1, 16, 256, 256, 0);
	set.edns = PICK(0, 1, 1);
	set.dns0x20 = PICK(0, 0, 1);
	if (set.max_in_flight < 100 && set.names > 10 * set.max_in_flight)
		set.names = 10 * set.max_in_flight;
	set.rotate = PICK(0, 0, 0, 1);
	set.ipv6 = PICK(0, 0, 1);
	set.segments = PICK(1, 1, 0);
	set.keep_open = PICK(0, 0, 0, 1);
	set.usevc = PICK(0, 0, 0, 0, 0, 0, 0, 1);
	if (chance_of(&chance, 0.1))
		set.sendfail = PICK(0.001, 0.05);
	if (chance_of(&chance, 0.2))
	{
		set.down_at = PICK(0, 10, 300);
		set.down_for = PICK(5, 500, 5000);
		set.refuse = PICK(0, 1);
	}
	if (chance_of(&chance, 0.1))
		set.cancel = PICK(0, 5, 100, 700, 3000);
	if (chance_of(&chance, 0.1))
		set.cancel_step = chance_next(&chance) % 200;
	if (chance_of(&chance, 0.2))
		set.deadline = PICK(20, 500, 3000);
	if (chance_of(&chance, 0.2))
		set.max_timeout = PICK(100, 1000, 5000);
	if (chance_of(&chance, 0.1))
		set.stall = PICK(0.01, 0.1);
	if (chance_of(&chance, 0.05))
		set.fail_malloc = 1 + chance_next(&chance) % 2000;
	if (chance_of(&chance, 0.05))
		set.fail_palloc = 1 + chance_next(&chance) % 100;
	if (chance_of(&chance, 0.05))
		set.fail_socket = 1 + chance_next(&chance) % 10;
	if (chance_of(&chance, 0.05))
		set.descriptors = PICK(3, 4, 8, 20);
	if (chance_of(&chance, 0.05))
		set.ports = PICK(1, 2, 5);
	if (chance_of(&chance, 0.05))
		set.answer_memory = PICK(1, 2, 10);
	if (chance_of(&chance, 0.3))
		set.heal = PICK(10, 100, 1000);
	if (chance_of(&chance, 0.3))
	{
		set.alias = PICK(0.05, 0.3);
		set.aliasnone = PICK(0, 0.05);
		set.aliasbad = PICK(0, 0, 0.05);
		set.circle = PICK(0, 0, 0.05);
	}
	set.opt = PICK(0, 1);
	if (chance_of(&chance, 0.1))
		set.stop = PICK(0.01, 0.5, 0.9);

	/* Who knows ids wins where queries are asked again on another socket. */
	set.spy = set.loss == 0 && set.queue > 16 && set.down_at < 0 && set.sendfail == 0 &&
		set.stall == 0 && set.timeout >= 500 && set.rtt <= 20000;

	if (chance_of(&chance, 0.4))
	{
		set.shared = 1;
		set.stagger = PICK(0, 0, 100, 20000, 500000);
		set.max_in_flight_total = PICK(0, 0, 0, 1, 7, 60, 1000);
		if (set.max_in_flight_total > 0 && set.names > 50 * set.max_in_flight_total)
			set.names = 50 * set.max_in_flight_total;
	}
}

/*
 * Chooses a world of sessions that share a cache, for virtual hours.
 */
void
params_cached(uint64_t number)
{
	Chance		chance = {number * 27644437 + 11};

	params_swarm(number);
	set.cache = set.shared = 1;
	set.sessions = PICK(1, 2, 2, 4);
	set.names = PICK(12, 100, 300);
	set.batches = PICK(2, 4, 12);
	set.apart = PICK(0, 400, 1000, 5000, 29000, 61000, 3600000, 30000000);
	set.stagger = PICK(0, 100, 700000, 1800000000);
	set.cache_size = PICK(0, 0, 0, 512, 1024);
	set.cache_max_ttl = PICK(86400, 86400, 0, 1, 3000);
	set.cache_max_negative = PICK(3600, 3600, 0, 1, 3000);
	set.nx = set.nodata = 0.2;
	set.timeout = PICK(300, 300, 2000);
	set.servfail = PICK(0, 0.1);
	set.silent = PICK(0, 0.05);
	set.stop = 0;
	set.heal = -1;
	set.cancel = PICK(-1, -1, -1, 500);
	if (set.feeder == FEEDER_ALONE)
		set.names = 100;

	/* Or the store alone. */
	if (chance_of(&chance, 0.2))
	{
		set.feeder = FEEDER_STORE;
		set.fail_palloc = 0;
	}
}
