/*
 * scheduler.c
 *
 * The sessions: each is a copy of the library on a stack of its own, and runs until it
 * waits.  A session has a time of its own, which runs ahead of the world's by the work
 * that it does; the world catches up whenever the session waits.
 */
#include "world.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_SIZE	(1024 * 1024)

/* The processor time of a turn of the wait loop. */
#define TURN_COST	(2 * US)

Session    *sessions;
int			nsessions;
Session    *running;

static ucontext_t world;
static int	unfinished;

/* Runs a session until it waits. */
static void
take_turn(int who, uint64_t token, Packet *packet)
{
	Session    *session = &sessions[who];

	if (session->finished || token != session->turn)
		return;
	if (!processor_runs(session->thread))
	{
		processor_want(session->thread);
		return;
	}
	if (session->local < now)
		session->local = now;
	trace(now);
	trace(who);
	running = session;
	swapcontext(&world, &session->context);
	running = NULL;
}

/* A session gets a processor. */
static void
resume(int who)
{
	event_at(now, take_turn, who, sessions[who].turn, NULL);
}

/* Lets the world get to a time, unless something wakes the session before. */
static void
sleep_until(SimTime at)
{
	Session    *session = running;

	session->turn++;
	if (event_time() > at)
	{
		/* Nothing happens before: as take_turn() would do. */
		now = session->local = at;
		trace(now);
		trace(session->task.id);
		return;
	}
	event_at(at, take_turn, session->task.id, session->turn, NULL);
	swapcontext(&session->context, &world);
}

/* Lets others have the processor if the slice is over. */
static void
yield(void)
{
	Session    *session = running;

	if (!processor_is_over(session->thread, session->local))
		return;
	if (session->local > now)
		sleep_until(session->local);
	session->turn++;
	if (processor_yield(session->thread))
		swapcontext(&session->context, &world);
}

static void
run_session(void)
{
	Session    *session = running;

	session->began = session->local;
	session->main(&session->task, &session->counted);
	session->ended = session->local;
	if (session->thread >= 0)
		sleep_until(session->local);
	processor_leave(session->thread);
	session->finished = true;
	unfinished--;
	for (;;)
		swapcontext(&session->context, &world);
}

static void *
load(const char *path)
{
	void	   *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL)
	{
		fprintf(stderr, "%s\n", dlerror());
		exit(2);
	}
	return library;
}

/*
 * Loads a copy of the library, with variables of its own.  The file stays open until all
 * are loaded: dlopen() takes two files of one name for the same.
 */
static void *
load_copy(const void *image, size_t size, int *opened)
{
	int			fd = *opened = memfd_create("session", 0);
	char		path[64];

	if (fd < 0 || write(fd, image, size) != (ssize_t) size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return load(path);
}

static void
fill_task(SimTask *task, int id)
{
	static char csv[MAX_SERVERS * 24];

	csv[0] = '\0';
	for (int i = 0; i < set.servers; i++)
		sprintf(csv + strlen(csv), set.ipv6 ? "%s[fd00::%d]:53" : "%s127.0.0.%d:53",
				i > 0 ? "," : "", i + 1);
	task->id = id;
	task->feeder = set.feeder;
	task->names = set.names;
	task->batches = set.batches;
	task->check = set.check;
	task->blocks = set.blocks;
	task->work_mem = set.work_mem;
	task->answer_memory = set.answer_memory;
	task->slack = 30000 + (set.stall > 0 ? 40 * set.stall_us : 0);
	if (set.processors > 0)
		task->slack += (set.sessions + set.servers * set.workers + set.hogs) * set.slice;
	task->descriptors = set.descriptors;
	task->servers = csv;
	task->timeout = set.timeout;
	task->stop = set.stop * set.names;
	task->tries = set.tries;
	task->deadline = set.deadline;
	task->max_timeout = set.max_timeout;
	task->max_in_flight = set.max_in_flight;
	task->max_in_flight_total = set.max_in_flight_total;
	task->udp_max_queries = set.udp_max_queries;
	task->rotate = set.rotate;
	task->edns = set.edns;
	task->dns0x20 = set.dns0x20;
	task->tcp = set.usevc;
	task->keep_open = set.keep_open;
	task->shared = set.shared;
	task->cache = set.cache;
	task->cache_size = set.cache_size;
	task->cache_max_ttl = set.cache_max_ttl;
	task->cache_max_negative = set.cache_max_negative;
	task->apart = set.apart;
}

static void
cancel(int who, uint64_t token, Packet *packet)
{
	sessions[who].interrupted = true;
	session_wake(&sessions[who]);
}

/*
 * Makes the sessions, which begin at their times.
 */
void
sessions_make(const char *library)
{
	int			fd = open(library, O_RDONLY);
	struct stat st;
	void	   *image;
	int		   *opened;

	if (fd < 0 || fstat(fd, &st) < 0)
	{
		fprintf(stderr, "there is no %s\n", library);
		exit(2);
	}
	image = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	nsessions = set.sessions;
	opened = calloc(nsessions, sizeof(int));
	sessions = calloc(nsessions, sizeof(Session));
	for (int i = 0; i < nsessions; i++)
	{
		Session    *session = &sessions[i];

		*(void **) &session->main = dlsym(i == 0 ? load(library) : load_copy(image, st.st_size, &opened[i]),
										  "session_main");
		fill_task(&session->task, i);
		session->thread = processor_thread(resume, i);
		session->chance.state = seed * 7919 + i;
		names_make(session);
		getcontext(&session->context);
		session->context.uc_stack.ss_size = STACK_SIZE;
		session->context.uc_stack.ss_sp = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
											   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
											   -1, 0);
		makecontext(&session->context, run_session, 0);
		event_at(set.stagger * US * i, take_turn, i, ++session->turn, NULL);
	}
	for (int i = 1; i < nsessions; i++)
		close(opened[i]);
	free(opened);
	munmap(image, st.st_size);
	if (set.cancel >= 0)
		event_at(set.cancel * MS, cancel, 0, 0, NULL);
}

/*
 * Runs the world until all sessions have ended.
 */
void
sessions_run(void)
{
	unfinished = nsessions;
	while (unfinished > 0 && event_next())
		;
	for (int i = 0; i < nsessions; i++)
	{
		if (sessions[i].finished)
			continue;
		running = &sessions[i];
		sim_fail("stuck", "the session waits, and nothing is left to happen");
	}
}

static int
count_ready(Session *session)
{
	int			ready = 0;

	for (int i = 0; i < session->nwants; i++)
	{
		SimWant    *want = &session->wants[i];

		want->got = want->wanted &
			socket_ready(&session->sockets[want->fd - FIRST_FD]);
		ready += want->got != 0;
	}
	return ready;
}

/*
 * Waits for sockets, the end of the time-out, or a cancel.
 */
void
sim_wait(SimWant *wants, int count, long timeout_ms)
{
	Session    *session = running;

	session->steps++;
	sim_spend(TURN_COST);
	if (chance_of(&net_chance, set.stall))
		session->local += chance_exponential(&net_chance, set.stall_us * US);
	judge_step();
	if (set.cancel_step >= 0 && session->task.id == 0 && session->steps == set.cancel_step)
		session->interrupted = true;

	session->wants = wants;
	session->nwants = count;
	sleep_until(session->local);	/* what has come meanwhile is there then */
	yield();
	if (count_ready(session) == 0 && timeout_ms != 0 && !session->interrupted)
	{
		session->waiting = true;
		processor_leave(session->thread);
		sleep_until(timeout_ms < 0 ? session->local + 1000000 * SECOND :
					session->local + timeout_ms * MS);
		session->waiting = false;
		(void) count_ready(session);
	}
}

/*
 * Lets time pass, in which the running session does nothing.
 */
void
sim_sleep(long ms)
{
	sleep_until(running->local + ms * MS);
}

/*
 * The running session calls the system, and can lose its processor.
 */
void
session_calls(void)
{
	yield();
}

/*
 * Wakes a session that waits.
 */
void
session_wake(Session *session)
{
	if (!session->waiting)
		return;
	session->waiting = false;
	event_at(now, take_turn, session->task.id, ++session->turn, NULL);
}

/*
 * Notes that the running session has got further: it sends or reads.
 */
void
session_progress(void)
{
	running->idle_steps = 0;
	running->packets++;
}

int
sim_interrupted(void)
{
	bool		interrupted = running->interrupted;

	running->interrupted = false;
	if (interrupted)
		running->cancelled_at = running->local;
	return interrupted;
}

/*
 * Adds processor time to the time of the running session.
 */
void
sim_spend(SimTime time)
{
	running->local += (SimTime) (time * set.cost);
}

uint64_t
sim_random(void)
{
	return chance_next(&running->chance);
}

int
sim_sessions_left(void)
{
	return unfinished;
}

/*
 * The memory with this name, which all sessions share; zero at first.
 */
void *
sim_shared(const char *name, size_t size)
{
	static struct
	{
		const char *name;
		void	   *memory;
	}			parts[8];
	int			i = 0;

	while (parts[i].name != NULL && strcmp(parts[i].name, name) != 0)
		i++;
	if (parts[i].name == NULL)
	{
		parts[i].name = strdup(name);
		parts[i].memory = calloc(1, size);
	}
	return parts[i].memory;
}
