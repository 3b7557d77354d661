/*
 * judge.c
 *
 * The checks: of each query, after each step of a session, of each outcome, at the end of
 * a batch and at the end of the world.  The lists of the engine check themselves
 * (src/engine/books.c).
 */
#include "world.h"

#include <execinfo.h>
#include <stdarg.h>
#include <unistd.h>

#define MAX_STATUSES	64

/* A limit is kept when it is passed by less. */
#define LIMIT_SLACK		(20 * MS)

/* More steps than these, and ten for each datagram, in SPIN_TIME are a spin. */
#define SPIN_TIME		(100 * MS)
#define SPIN_STEPS		10000

/* The default of pgcares.edns_udp_size. */
#define EDNS_SIZE		1232

/* As MAX_LANES of the engine. */
#define MOST_LANES		64

#define FORGED_ADDRESS	0x42424242
#define OWN_ADDRESS		0x0a000000

static const char *statuses[MAX_STATUSES];

/*
 * Ends the program: a check has failed.
 */
void
sim_fail(const char *kind, const char *format,...)
{
	va_list		args;
	uint64_t	count;
	uint64_t	hash = trace_hash(&count);
	void	   *callers[16];
	int			ncallers;

	printf("FAILED [%s] ", kind);
	if (running != NULL)
		printf("session %d at %.6f s, step %lu: ", running->task.id,
			   running->local / 1e9, (unsigned long) running->steps);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n  seed %lu, trace %016lx of %lu\n ", (unsigned long) seed,
		   (unsigned long) hash, (unsigned long) count);
	params_print();
	fflush(stdout);
	running = NULL;
	ncallers = backtrace(callers, 16);
	backtrace_symbols_fd(callers + 1, ncallers - 1, 2);
	_exit(3);
}

/*
 * The number of a status, and the status of a number.
 */
int
status_number(const char *status)
{
	int			i;

	for (i = 0; i < MAX_STATUSES - 1 && statuses[i] != NULL; i++)
	{
		if (strcmp(statuses[i], status) == 0)
			return i;
	}
	statuses[i] = strdup(status);
	return i;
}

const char *
status_text(int number)
{
	return number < MAX_STATUSES ? statuses[number] : NULL;
}

/* Checks the header of a query and the letters of its name. */
static void
check_message(const Packet *packet)
{
	const uint8_t *octets = packet->octets;
	int			end = 12;
	int			large = 0;

	for (; octets[end] != 0; end += 1 + octets[end])
	{
		for (int i = 1; i <= octets[end]; i++)
			large += octets[end + i] >= 'A' && octets[end + i] <= 'Z';
	}
	if ((octets[2] & 0x81) != 0x01 || octets[5] != 1 || octets[7] != 0 || octets[9] != 0)
		sim_fail("query", "the header is wrong");
	if (octets[11] > set.edns || (large > 0 && !set.dns0x20))
		sim_fail("query", "EDNS or random letters, without the setting");
	if (packet->len != end + 5 + (octets[11] > 0 ? 11 : 0) || octets[end + 2] != 1)
		sim_fail("query", "the question is wrong");
	if (octets[11] > 0 && (octets[end + 8] << 8 | octets[end + 9]) != EDNS_SIZE)
		sim_fail("query", "the size in the OPT record is wrong");
	running->large_letters += large;
}

/*
 * Checks the socket of a query with a new id: it sends no more queries than the setting
 * allows, and the second query for a name leaves through another port.  What is asked
 * alone is repeated without EDNS through the same one.
 */
static void
check_socket(const Packet *packet, const Name *name, int index)
{
	Socket	   *socket = packet_socket(packet);

	/* The first query that the system sends can be the second one of the engine. */
	if (set.feeder != FEEDER_ALONE && name->sent == 1 && name->serial == packet->serial && set.sendfail == 0 &&
		set.down_at < 0 && !failures_are_set() && !name_has_targets(name))
		sim_fail("port", "name %d is asked again through the same port", index);
	if (socket->asked == 0 && set.feeder == FEEDER_ARRAY)
	{
		int			most = 2 * set.servers + QUERIES_HELD * (running->asked - running->answered);
		int			used = 0;

		for (int i = 0; i < MAX_FDS; i++)
			used += running->sockets[i].used && !running->sockets[i].tcp;
		if (used > most)
			sim_fail("port", "%d sockets are open, and not %d", used, most);
	}
	if (set.feeder == FEEDER_ALONE && set.edns && packet->octets[11] == 0 &&
		name->sent > 0 && name->serial == packet->serial)
		return;
	if (++socket->asked > set.udp_max_queries && set.udp_max_queries > 0)
		sim_fail("port", "a socket sends %d queries", socket->asked);
}

/*
 * Checks a query over UDP that leaves the running session: an id stands for one question
 * on a socket, while that question can still be answered and is not refused.
 */
void
judge_query(const Packet *packet)
{
	Session    *session = running;
	uint16_t	id = packet->octets[0] << 8 | packet->octets[1];
	int			owner;
	int			index;
	Name	   *name = name_asked(packet->octets, packet->len, &owner, &index);
	int			other = session->name_of_id[id] - 1;

	session->queries++;
	if (set.cache && name != NULL)
	{
		owner = session->task.id;
		name = &session->names[index];
	}
	if (set.usevc)
		sim_fail("query", "over UDP, and not over TCP");
	if (name == NULL)
		return;
	if (owner != session->task.id)
		sim_fail("query", "a name of session %d", owner);
	if (!name->asked)
		sim_fail("query", "name %d was not asked", index);
	check_message(packet);
	if (other >= 0 && other != index && !failures_are_set())
	{
		const Name *before = &session->names[other];

		/*
		 * A name asked more often had an early query, whose id is free when its try ends; one
		 * with targets can have had it from its second query on.
		 * That of a query that an error has answered is free, too.
		 */
		if (before->asked && !before->heard && before->outcomes == 0 && before->id == id &&
			before->kind != 'b' &&
			before->sent <= (name_has_targets(before) ? 1 : set.tries * set.servers) &&
			before->serial == packet->serial &&
			/* A refusal also ends what was sent before the session has read it. */
			(session->refused_at == 0 || before->sent_at > session->refused_at + 100 * MS) &&
			session->local - before->sent_at <
			(set.timeout < set.max_timeout ? set.timeout : set.max_timeout) * MS)
			sim_fail("ids", "id %d is that of name %d and of name %d", id, other, index);
	}
	if (other != index)
		check_socket(packet, name, index);
	session->name_of_id[id] = index + 1;
	name->id = id;
	name->serial = packet->serial;
	name->sent_at = session->local;
	name->servers |= 1 << packet_socket(packet)->server;
	if (name->sent++ > 0)
		return;
	if (session->last_answer > 0 && session->local - session->last_answer > session->pause)
	{
		session->pause = session->local - session->last_answer;
		session->pause_until = session->local;
	}
	session->last_answer = session->local;
}

/*
 * Checks the connections of the running session, which opens one more: a lane has one.
 */
void
judge_connection(void)
{
	int			used = 0;

	for (int i = 0; i < MAX_FDS; i++)
		used += running->sockets[i].used && running->sockets[i].tcp;
	if (used > MOST_LANES + 4 * set.servers)
		sim_fail("lanes", "%d connections are open", used);
}

/*
 * Notes that the running session reads an answer, which can be a forgery.
 */
void
judge_answer(const Packet *packet)
{
	int			owner;
	int			index;
	Name	   *name = name_asked(packet->octets, packet->len, &owner, &index);

	if (name != NULL && set.cache)
		running->names[index].heard = true;
	else if (name != NULL && owner == running->task.id)
		name->heard = true;
}

/* Has the oldest question been under way for longer than it may? */
static void
check_limits(Session *session)
{
	SimTime		slack = LIMIT_SLACK + (set.stall > 0 ? 40 * set.stall_us * US : 0);
	int			index;

	if (set.feeder == FEEDER_LOOKAHEAD)
		return;
	while (session->oldest < session->asked &&
		   session->names[session->order[session->oldest]].outcomes > 0)
		session->oldest++;
	if (session->oldest == session->asked)
		return;
	index = session->order[session->oldest];
	if (session->local - session->names[index].asked_at > set.max_timeout * MS + slack)
		sim_fail("limit", "name %d is past max_timeout", index);
	if (set.deadline > 0 && set.feeder == FEEDER_ARRAY &&
		session->local - session->batch_began > set.deadline * MS + slack)
		sim_fail("limit", "name %d is past the deadline", index);
}

/*
 * Checks the running session after a step.
 */
void
judge_step(void)
{
	Session    *session = running;

	if (++session->idle_steps > set.idle)
		sim_fail("idle", "%.0f steps without progress", set.idle);
	if (session->local > session->spin_from + SPIN_TIME)
	{
		session->spin_from = session->local;
		session->spin_steps = 0;
		session->spin_packets = session->packets;
	}
	if (++session->spin_steps > SPIN_STEPS + 10 * (session->packets - session->spin_packets))
		sim_fail("spin", "%lu steps in %.3f s for %lu datagrams",
				 (unsigned long) session->spin_steps,
				 (session->local - session->spin_from) / 1e9,
				 (unsigned long) (session->packets - session->spin_packets));
	if (session->cancelled_at > 0 && session->local > session->cancelled_at + LIMIT_SLACK)
		sim_fail("cancel", "the session goes on");
	check_limits(session);
}

/*
 * Checks the bound on the questions of all sessions.  Each can have one in any case.
 */
void
sim_under_way(int questions)
{
	static int	sum = 0;
	static int	ones = 0;

	sum += questions - running->under_way;
	ones += (questions == 1) - (running->under_way == 1);
	running->under_way = questions;
	if (set.shared && set.max_in_flight_total > 0 && sum - ones > set.max_in_flight_total)
		sim_fail("total", "%d questions are under way", sum);
}

/* Checks that a call has left no descriptor open. */
static void
check_closed(const Session *session)
{
	for (int i = 0; i < MAX_FDS && !set.keep_open; i++)
	{
		if (session->sockets[i].used)
			sim_fail("left", "descriptor %d is open after a call", FIRST_FD + i);
	}
}

/*
 * A session begins to ask its names.
 */
void
sim_batch_begins(void)
{
	Session    *session = running;

	if (set.feeder == FEEDER_ARRAY)
		check_closed(session);
	session->batch_began = session->local;
	session->cancelled_at = 0;
	session->asked = 0;
	session->answered = 0;
	session->oldest = 0;
	session->last_answer = 0;
	for (int i = 0; i < session->task.names; i++)
	{
		Name	   *name = &session->names[i];

		name->asked = false;
		name->outcomes = 0;
		name->heard = false;
		name->sent = 0;
		name->servers = 0;
		name->seen = 0;
		name->refused = 0;
		name->took = 0;
		name->serial = 0;
	}
}

/*
 * The session asks a name.
 */
void
sim_asked(int index)
{
	/* With several servers, a probe of one that has failed can be under way. */
	if (set.feeder == FEEDER_ALONE && set.servers == 1)
		check_closed(running);
	running->names[index].asked = true;
	running->names[index].asked_at = running->local;
	running->order[running->asked++] = index;
}

/*
 * A question of the session is over, after some queries to these servers, a bit for each.
 * address is that of the answer, or -1.
 */
void
sim_outcome(int index, const char *status, int64_t address, int queries, uint64_t servers)
{
	Name	   *name = &running->names[index];

	trace(index);
	trace(running->local);
	sim_spend(set.row * US);
	running->idle_steps = 0;
	running->answered++;
	running->told += queries;
	name->told = queries;
	name->told_servers = servers;
	if (!name->asked || ++name->outcomes != 1)
		sim_fail("outcome", "name %d has outcome %d", index, name->outcomes);
	name->status = status_number(status);
	name->took = running->local - name->asked_at;
	trace(name->status);
	if (address == FORGED_ADDRESS)
		sim_fail("forged", "name %d takes a forged answer", index);
	if (address >= 0 && address != (OWN_ADDRESS | index))
		sim_fail("answer", "name %d takes the answer of name %d", index,
				 (int) (address & 0xffffff));
}

/*
 * The session has raised an error, which ends its batch.
 */
void
sim_raised(const char *text)
{
	running->errors++;
	running->cancelled_at = 0;
	snprintf(running->error, sizeof(running->error), "%s", text);
	trace(running->errors);
}

/*
 * Checks that each name of a batch without an error has its outcome.
 */
void
judge_batch(Session *session)
{
	for (int i = 0; i < session->task.names; i++)
	{
		if (session->names[i].outcomes != 1)
			sim_fail("outcome", "name %d has no outcome", i);
	}
}

/* ---- the end of the world ---- */

/* Did the world let every query and every answer through in time? */
static bool
is_nothing_lost(void)
{
	for (int i = 0; i < set.servers; i++)
	{
		double		service = i == 1 && set.service2 > 0 ? set.service2 : set.service;

		if (servers[i].lost > 0 || servers[i].refused > 0 ||
			servers[i].longest * service * US / set.workers > set.timeout * MS / 2)
			return false;
	}
	for (int i = 0; i < nsessions; i++)
	{
		if (sessions[i].dropped > 0 || sessions[i].errors > 0)
			return false;
	}
	return set.loss == 0 && set.sendfail == 0 && set.down_at < 0 && set.deadline == 0 &&
		set.max_timeout >= 60000 && set.flood == 0 && set.list == 0 &&
		set.slower_at < 0 && set.stall == 0 && set.heal < 0 && set.descriptors >= 1000 && !failures_are_set() &&
		set.ports == 0 &&
		/* Half a millisecond for the pieces of each answer over TCP, and some. */
		(!set.pieces || set.names * (set.usevc ? 1 : set.tc + set.cut) * MS < set.timeout * MS / 2) &&
		(set.rtt + set.rtt2 + 20 * set.jitter) * US < set.timeout * MS / 2;
}

static bool
is_known(const Name *name)
{
	double		extra = name_kind(name->kind)->extra;

	if (name->kind == 'w')
		extra = set.slow_ms + 20 * set.slow_exp;
	/* Over TCP each piece of a query waits until the one before has left. */
	if (set.pieces && (set.usevc || name->kind == 't'))
		extra += set.rtt * 2 / 1000;
	/* An error without a question waits for two usual times more. */
	if (name->kind == 'b')
		extra = 100 + (set.rtt + 2 * set.jitter) * 2 / 1000;
	return name_kind(name->kind)->status != NULL && extra < set.timeout / 2;
}

/* Nothing raises an error that the world does not provoke. */
static void
check_error(const Session *session)
{
	if (session->errors > 0 && (session->task.id != 0 || (set.cancel < 0 && set.cancel_step < 0)) &&
		set.descriptors >= 1000 && set.answer_memory >= 1024 && !failures_are_set())
		sim_fail("raised", "%s", session->error);
}

/* Where nothing is lost, the outcome of each name is known. */
static void
check_outcomes(Session *session)
{
	running = session;
	for (int i = 0; i < session->task.names; i++)
	{
		const Name *name = &session->names[i];
		const char *status = status_text(name->status);

		if (name->outcomes > 0 && is_known(name) && strcmp(status, name_kind(name->kind)->status) != 0)
			sim_fail("oracle", "name %d, of kind %c, ends with %s", i, name->kind, status);
	}
	running = NULL;
}

/* A connection that floods is read for as long as a try lasts: its name is silent. */
static void
check_floods(const Session *session)
{
	for (int i = 0; i < session->task.names; i++)
	{
		const Name *name = &session->names[i];
		const char *status = status_text(name->status);

		if (name->kind == 'z' && name->outcomes > 0 && strcmp(status, "TIMEOUT") != 0)
			sim_fail("flood", "name %d, whose connection floods, ends with %s", i, status);
	}
}

/* A name costs its tries and no more, besides refusals, which take time; and few names cost a second query early. */
static void
check_budget(Session *session, bool nothing_lost)
{
	int			second = 0;
	bool		alone = set.feeder == FEEDER_ALONE;

	/* After a pause, servers that have failed are probed with the next question. */
	int			probes = set.apart > 0 && set.servers > 1 ? set.servers : 0;

	running = session;
	for (int i = 0; i < session->task.names; i++)
	{
		const Name *name = &session->names[i];
		bool		plain = set.edns && (name->kind == 'e' || name->kind == 'b');

		/*
		 * A query that is answered by FORMERR is repeated without EDNS.  The library can ask
		 * one server again before another has been asked.  A server that goes away refuses
		 * for queries that it has had.
		 */
		if (name->sent - name->refused > (set.tries * set.servers * (1 + plain + set.budget) + 1 +
										  alone * (set.servers - 1) + (set.down_at >= 0) + probes) *
			(name_has_targets(name) ? 3 : 1))
			sim_fail("budget", "name %d, of kind %c, costs %d queries", i, name->kind,
					 name->sent);
		/*
		 * What is asked alone can have an early second query, and over TCP a lane.  A
		 * server that is away refuses connections, again and again.
		 */
		if (((set.usevc && set.down_at < 0) || (!set.usevc && alone && strchr("tcz", name->kind) == NULL)) &&
			name->outcomes > 0 && !name_has_targets(name) &&
			name->told - name->refused >
			(set.tries + set.usevc) * set.servers * (1 + plain) + !set.usevc + alone * (set.servers - 1))
			sim_fail("budget", "name %d, of kind %c, costs %d queries of its own", i,
					 name->kind, name->told);
		second += name->kind == 'h' && name->sent > 1;
	}
	if (nothing_lost && second > set.early * session->task.names + 20)
		sim_fail("budget", "%d names of %d cost a second query", second,
				 session->task.names);
	running = NULL;
}

/* Is each name answered at once? */
static bool
is_prompt(void)
{
	return set.silent + set.lossy + set.slow + set.late200 + set.late1000 + set.latefail == 0;
}

/*
 * The counters of the engine are those of the world, unless the session drops what it was
 * about to send.
 */
static void
check_counts(const Session *session, bool nothing_lost)
{
	const SimCounters *counted = &session->counted;

	if (set.servers == 1 && counted->probes > 0)
		sim_fail("counts", "%lu probes of the only server", (unsigned long) counted->probes);
	if (!nothing_lost || set.stop > 0)
		return;
	if (counted->queries - counted->tcp_queries != session->queries)
		sim_fail("counts", "%lu queries over UDP, and not %lu",
				 (unsigned long) (counted->queries - counted->tcp_queries),
				 (unsigned long) session->queries);
	/* A lane and the owner of its question can ask at the same time. */
	if ((counted->tcp_queries == 0 || (is_prompt() && set.cut == 0)) &&
		session->told + counted->probes != counted->queries)
		sim_fail("counts", "%lu queries of names, and not %lu",
				 (unsigned long) session->told,
				 (unsigned long) (counted->queries - counted->probes));
	for (int i = 0; i < session->task.names && counted->tcp_queries + counted->probes == 0; i++)
	{
		const Name *name = &session->names[i];

		if (name->servers != name->told_servers)
			sim_fail("counts", "name %d asks the servers %x, and not %x", i,
					 name->told_servers, name->servers);
	}
}

/*
 * Each query is answered, given up or an early second one, unless its question is refused or
 * ends before.  An error that is answered by a query without EDNS is no answer.
 */
static void
check_ends(const Session *session)
{
	const SimCounters *counted = &session->counted;

	if (counted->tcp_queries > 0 || set.noedns + set.bare + set.forged > 0 || set.down_at >= 0 ||
		set.sendfail > 0 || set.deadline > 0 || set.max_timeout < 60000 || set.stop > 0 ||
		set.descriptors < 1000 || set.ports > 0 || failures_are_set())
		return;
	if (counted->answers + counted->timeouts + counted->resends + counted->probes <
		counted->queries)
		sim_fail("counts", "%lu answers, %lu queries given up, %lu early ones and %lu probes of %lu",
				 (unsigned long) counted->answers, (unsigned long) counted->timeouts,
				 (unsigned long) counted->resends, (unsigned long) counted->probes,
				 (unsigned long) counted->queries);
}

/*
 * A name that nobody answers gets its whole patience, and its last query comes no sooner
 * than a try before the end of that: early queries leave tries for a server that is away
 * for a while.  What is kept of such a name is told at once.
 */
static void
check_patience(Session *session)
{
	SimTime		try = set.timeout * MS;
	SimTime		whole = set.tries * set.servers * try;

	if (set.feeder != FEEDER_ARRAY || set.cache || set.usevc || set.down_at >= 0 || set.sendfail > 0 || set.deadline > 0 ||
		set.heal >= 0 || set.descriptors < 1000 || set.ports > 0 || whole > set.max_timeout * MS ||
		failures_are_set())
		return;
	running = session;
	for (int i = 0; i < session->task.names; i++)
	{
		const Name *name = &session->names[i];

		if (name->kind != 'd' || name->outcomes == 0 || name->heard)
			continue;
		if (name->took < whole - LIMIT_SLACK)
			sim_fail("patience", "name %d is given up after %.3f s", i, name->took / 1e9);
		if (name->sent_at < name->asked_at + whole - try - LIMIT_SLACK)
			sim_fail("patience", "name %d is asked for the last time after %.3f s", i,
					 (name->sent_at - name->asked_at) / 1e9);
	}
	running = NULL;
}

/* Where nothing is late or lost, servers that take turns are asked about equally often. */
static void
check_turns(void)
{
	uint64_t	come = 0;

	if (!set.rotate || set.usevc || set.feeder == FEEDER_ALONE || set.cancel >= 0 ||
		set.cancel_step >= 0 || !is_prompt())
		return;
	for (int i = 0; i < set.servers; i++)
		come += servers[i].come;
	for (int i = 0; i < set.servers && come >= 200 * set.servers; i++)
	{
		if (servers[i].come < come / set.servers / 2)
			sim_fail("turns", "server %d gets %lu queries of %lu", i,
					 (unsigned long) servers[i].come, (unsigned long) come);
	}
}

/* After the faults have ended, all is done in a time that has a bound. */
static void
check_healing(Session *session)
{
	const SimTask *task = &session->task;
	int			in_flight = task->max_in_flight < 16 ? task->max_in_flight : 16;
	SimTime		bound = 3 * patience() + 3 * SECOND;
	double		back = set.down_at < 0 ? 0 : set.down_at + set.down_for;
	double		healthy = set.heal > back ? set.heal : back;

	if (task->feeder == FEEDER_ALONE || set.ports > 0 || set.descriptors < 1000 ||
		(set.shared && set.max_in_flight_total > 0))
		in_flight = 1;
	/* Slow names cost their patience still, perhaps one after the other. */
	if (in_flight == 1)
		bound += task->names * patience();
	bound += task->names * (set.cut + set.tc) * set.tries * set.servers * 4 *
		(set.rtt + 2 * set.jitter) * US;
	bound += task->names * (SimTime) ((set.rtt + 2 * set.jitter) * US / in_flight +
									  2 * set.service * set.sessions * US + 50 * US * set.cost);
	/* A chain of aliases can have three names. */
	if (set.alias + set.circle + set.aliasnone + set.aliasbad > 0)
		bound *= 3;
	/* One connection after the other. */
	if (set.usevc || set.descriptors < 1000)
		bound *= 10;
	if (session->ended > healthy * MS + task->batches * bound)
		sim_fail("healing", "%.3f s after the faults, and not %.3f s",
				 session->ended / 1e9 - healthy / 1e3, task->batches * bound / 1e9);
}

/*
 * Checks all sessions at the end.
 */
void
judge_end(void)
{
	bool		nothing_lost = is_nothing_lost();

	int			raised = 0;

	if (nothing_lost)
		check_turns();
	cached_end();
	for (int i = 0; i < nsessions; i++)
		raised += sessions[i].errors > 0;
	if (set.most_raised >= 0 && raised > set.most_raised)
		sim_fail("raised", "%d sessions", raised);
	for (int i = 0; i < nsessions; i++)
	{
		Session    *session = &sessions[i];

		for (int fd = 0; fd < MAX_FDS; fd++)
		{
			running = session;
			if (session->sockets[fd].used)
				sim_fail("left", "descriptor %d is open", FIRST_FD + fd);
			running = NULL;
		}
		running = session;
		if (session->errors == 0 && set.stop == 0)
			judge_batch(session);
		if (session->errors == 0)
			check_counts(session, nothing_lost);
		if (session->errors == 0)
			check_ends(session);
		if (session->errors == 0)
			check_patience(session);
		if (session->errors == 0 && !failures_are_set())
			check_floods(session);
		running = NULL;
		running = session;
		check_error(session);
		running = NULL;
		if (set.heal >= 0)
		{
			running = session;
			check_healing(session);
			running = NULL;
		}
		if (set.dns0x20 && session->packets > 100 && session->large_letters == 0 && !set.usevc)
			sim_fail("letters", "they are not random");
		if (nothing_lost && set.feeder != FEEDER_STORE)
			check_outcomes(session);
		if (set.budget >= 0 && set.sendfail == 0)
			check_budget(session, nothing_lost);
	}
}
