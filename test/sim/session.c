/*
 * session.c
 *
 * A session: it asks names as the feeders of src/lookup do, in bulk, ahead of the call or
 * one after the other, and tells the world each outcome.  At the end nothing may be left.
 */
#include "postgres.h"

#include "session.h"

#include "lookup/lookup.h"

#include "miscadmin.h"

#undef snprintf

extern void __real_books_check(DnsWindow *window);

/*
 * The most pieces of memory outside of contexts that stay for the life of a backend: the
 * reserve, the inbox, blocks of the pool.
 */
#define MAX_PIECES	4

/* The memory of a row with a name in the queue of a look-ahead node. */
#define ROW_SPACE	112

static const SimTask *task;
static long blocks_left;		/* of code, until the session must wait */

/*
 * Counts the blocks of code of the engine, which the compiler tells (gcc's option
 * -fsanitize-coverage=trace-pc): this finds loops without an end.
 */
void
__sanitizer_cov_trace_pc(void)
{
	if (--blocks_left >= 0)
		return;
	session_has_waited();
	sim_fail("endless", "more than %ld blocks of code without a wait", task->blocks);
}

/*
 * Begins to count anew.
 */
void
session_has_waited(void)
{
	blocks_left = task->blocks;
}

/* Reads a name "a.b.c". */
static void
read_name(int index, DnsQuestion *question)
{
	char		text[64];
	DnsName    *name = &question->name;

	sim_name(index, text);
	name->len = 0;
	for (const char *at = text; *at != '\0';)
	{
		int			len = strcspn(at, ".");

		name->octets[name->len++] = len;
		memcpy(name->octets + name->len, at, len);
		name->len += len;
		at += len + (at[len] == '.');
	}
	name->octets[name->len++] = 0;
	question->type = 1;
	question->class = 1;
	question->nsid = false;
}

/* The address in an answer; -1 if it has none. */
static int64
address_of(const DnsReply *reply)
{
	DnsMessage	message;
	DnsCursor	cursor;
	DnsRR		rr;

	if (reply->answer == NULL || reply->malformed)
		return -1;
	slot_open_answer(reply, &message);
	message_section(&message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		if (rr.type == 1 && rr.rdlength == 4)
			return (int64) rr.rdata[0] << 24 | rr.rdata[1] << 16 |
				rr.rdata[2] << 8 | rr.rdata[3];
	}
	return -1;
}

/* ---- the cache: the linker leads its functions here ---- */

extern bool __real_cache_find(const CacheScope *scope, const DnsQuestion *question,
							  DnsReply *reply);
extern void __real_cache_keep(const CacheScope *scope, const DnsSlot *slot);

/* The number of the name of a question. */
static int
index_of(const DnsQuestion *question)
{
	return atoi((const char *) question->name.octets + 2);
}

bool
__wrap_cache_find(const CacheScope *scope, const DnsQuestion *question, DnsReply *reply)
{
	bool		found = __real_cache_find(scope, question, reply);
	int			rcode = -1;
	int32		lowest = -1;
	int32		negative;
	DnsMessage	message;

	if (!scope->on)
		return found;
	if (found && slot_is_answered(reply))
	{
		slot_open_answer(reply, &message);
		rcode = message_rcode(&message);
		lowest = ttl_lowest(&message, &negative);
		if (lowest == PG_INT32_MAX)
			lowest = -1;
	}
	sim_finds(index_of(question), found, rcode, lowest);
	return found;
}

void
__wrap_cache_keep(const CacheScope *scope, const DnsSlot *slot)
{
	const DnsReply *reply = &slot->reply;
	bool		answered = slot_is_answered(reply);
	DnsMessage	message;

	__real_cache_keep(scope, slot);
	if (!scope->on)
		return;
	if (answered && !reply->malformed)
		slot_open_answer(reply, &message);
	sim_keeps(index_of(&slot->question),
			  answered && !reply->malformed ? message_rcode(&message) : -1,
			  answered ? 0 : reply->status, clock_now() - reply->asked_at);
}

static void
tell_outcome(int index, const DnsOutcome *outcome)
{
	const DnsReply *reply = outcome->reply;

	sim_outcome(index, outcome->status->name, address_of(reply), reply->queries,
				reply->servers_asked);
}

/* Has the session read enough? */
static bool
is_enough(int read)
{
	return task->stop > 0 && read >= task->stop;
}

/* Tells the outcome of a name if the cache has it. */
static bool
tell_cached(const CacheScope *scope, const DnsQuestion *question, int index)
{
	DnsReply	reply;
	DnsOutcome	outcome;

	if (!cache_find(scope, question, &reply))
		return false;
	outcome_read_cached(&outcome, scope, question, &reply);
	tell_outcome(index, &outcome);
	if (reply.answer != NULL)
		pfree(reply.answer);
	return true;
}

/* Asks as src/lookup/batch.c does. */
static void
ask_array(void)
{
	int			read = 0;
	int64		done_at = 0;
	BatchOrder	order;
	CacheScope	scope;
	DnsWindow  *window;

	batch_order_begin(&order, task->names);
	cache_open(&scope, NULL);
	window = window_open(Min(task->names, setting_max_in_flight), NULL);
	window->many = true;
	for (;;)
	{
		DnsSlot    *slot;
		DnsOutcome	outcome;
		DnsQuestion question;
		uint32		index;

		while (window_has_room(window) && batch_order_next(&order, &index))
		{
			CHECK_FOR_INTERRUPTS();
			read_name(index, &question);
			sim_asked(index);
			if (tell_cached(&scope, &question, index))
				read++;
			else
				window_submit(window, &question, index);
		}
		if (window_is_idle(window) || is_enough(read))
			break;
		slot = chain_finished(window);
		if (slot == NULL)
		{
			wait_for_answers(PG_INT64_MAX);
			continue;
		}
		read_name(slot->tag, &question);
		if (!name_equal(&slot->question.name, &question.name))
			sim_fail("outcome", "name %d has become another one", (int) slot->tag);
		cache_keep(&scope, slot);
		outcome_read(&outcome, window, &slot->question, &slot->reply);
		if (slot->reply.done_at < done_at)
			sim_fail("order", "name %d was done before the one that is told before it",
					 (int) slot->tag);
		done_at = slot->reply.done_at;
		tell_outcome(slot->tag, &outcome);
		read++;
		slot_release(slot);
	}
	window_close(window);
}

/* Asks each name in a statement of its own. */
static void
ask_alone(void)
{
	for (int i = 0; i < task->names; i++)
	{
		DnsQuestion question;
		DnsOutcome	outcome;
		Lookup		lookup = {0};

		sim_statement++;
		CHECK_FOR_INTERRUPTS();
		read_name(i, &question);
		sim_asked(i);
		lookup_ask(&lookup, &question, 1, &outcome);
		tell_outcome(i, &outcome);
		lookup_end(&lookup);
	}
}

/* A call waits no longer than the deadline allows. */
static void
check_limit(int index, int64 waited)
{
	if (setting_deadline > 0 && waited > setting_deadline * INT64CONST(1000) + task->slack)
		sim_fail("limit", "the call of name %d waits for " INT64_FORMAT " us", index, waited);
}

/*
 * Asks as a look-ahead node and the calls above it do: rows are read ahead while memory
 * allows, and each call in the order of the rows waits for its answer.
 */
static void
ask_ahead(void)
{
	LookaheadCounters counters = {0};
	Prefetch   *prefetch = prefetch_open(CurrentMemoryContext, &counters);
	PrefetchQuestion **rows = palloc0(task->names * sizeof(PrefetchQuestion *));
	int			read = 0;

	for (int i = 0; i < task->names && !is_enough(i); i++)
	{
		DnsQuestion question;
		DnsReply	reply;
		DnsOutcome	outcome;
		int64		began;

		while (read < task->names &&
			   (read <= i || (read - i) * ROW_SPACE + prefetch->memory <
				get_hash_memory_limit() / 8 * 7))
		{
			CHECK_FOR_INTERRUPTS();
			read_name(read, &question);
			sim_asked(read);
			rows[read] = prefetch_start(prefetch, NULL, &question);
			if (rows[read] != NULL && rows[read]->state == PREFETCH_EXPECTED)
				(void) prefetch_gather(rows[read]);
			read++;
			prefetch_attend(prefetch);
		}
		prefetch_ask(prefetch);
		read_name(i, &question);
		began = clock_now();
		if (rows[i] == NULL || !prefetch_outcome(NULL, &question, true, &reply, &outcome))
			ereport(ERROR, (errmsg("name %d was not asked ahead", i)));
		check_limit(i, clock_now() - began);
		tell_outcome(i, &outcome);
		prefetch_table_drop(rows[i]);
	}
	prefetch_close(prefetch);
}

/*
 * The linker leads the checks of the engine's books here.  They take long, so they become
 * rare when there are many turns, and are so for a window with many questions.
 */
void
__wrap_books_check(DnsWindow *window)
{
	static int	calls = 0;
	int			apart = task->check >= 0 ? task->check :
		(1 + calls / 200) * (1 + window->used / 1000);

	calls++;
	if (apart > 0 && calls % apart == 0)
		__real_books_check(window);
}

/*
 * The questions of this session under way.
 */
int
under_way(void)
{
	int			count = 0;

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
	{
		if (window->of_lane == NULL)
			count += window_under_way(window);
	}
	return count;
}

static void
apply_settings(void)
{
	static bool first = true;

	setting_servers = unconstify(char *, task->servers);
	setting_resolvconf = "/dev/null";
	setting_local_ip4 = setting_local_ip6 = setting_local_dev = "";
	setting_timeout = task->timeout;
	setting_tries = task->tries;
	setting_deadline = task->deadline;
	setting_max_timeout = task->max_timeout;
	setting_max_in_flight = task->max_in_flight;
	setting_max_in_flight_total = task->max_in_flight_total;
	setting_max_answer_memory = task->answer_memory;
	setting_udp_max_queries = task->udp_max_queries;
	setting_rotate = task->rotate ? ROTATE_ON : ROTATE_OFF;
	setting_edns = task->edns;
	setting_randomize_case = task->dns0x20;
	setting_tcp = task->tcp;
	setting_keep_open = task->keep_open;
	setting_cache = task->cache;
	setting_cache_size = task->cache_size > 0 ? task->cache_size : 65536;
	setting_cache_max_ttl = task->cache_max_ttl;
	setting_cache_max_negative_ttl = task->cache_max_negative;
	descriptors_left = task->descriptors;
	hash_memory_limit = task->work_mem * (Size) 1024 * 2;
	if (first)
		memory_init();
	if (first && task->shared)
	{
		joint_init();
		ceiling_init();
	}
	if (first && task->cache)
		cache_store_init();
	first = false;
}

/* Asks the names once, in a memory context of their own, as a statement. */
static void
ask_batch(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "ExecutorState",
												  ALLOCSET_DEFAULT_SIZES);
	PrefetchRun run;

	CurrentMemoryContext = context;
	prefetch_statement_run(&run, context, false);
	sim_statement++;
	sim_batch_begins();
	if (sigsetjmp(raised, 0) != 0)
		sim_raised(raised_text);
	else if (task->feeder == FEEDER_ARRAY)
		ask_array();
	else if (task->feeder == FEEDER_LOOKAHEAD)
		ask_ahead();
	else if (task->feeder == FEEDER_STORE)
		store_try(task);
	else
		ask_alone();
	prefetch_statement_ran(&run);
	CurrentMemoryContext = TopMemoryContext;
	MemoryContextDelete(context);
}

/* The counts of the tallies agree with the counters. */
static void
check_tallies(SimCounters *counted)
{
	uint64		queries = 0;
	uint64		tcp = 0;

	for (const DnsServerTally *server = tally_next_server(NULL); server != NULL;
		 server = tally_next_server(server))
	{
		for (const DnsTypeTally *type = server->types; type != NULL; type = type->next)
		{
			const DnsTally *tally = &type->tally;

			queries += tally->first + tally->passed_on + tally->sent_again + tally->probes;
			tcp += tally->tcp;
			counted->probes += tally->probes;
			counted->timeouts += tally->timeouts;
			for (int i = 0; i < TALLY_ANSWERS; i++)
				counted->answers += tally->answers[i];
		}
	}
	if (queries != counters.queries || tcp != counters.tcp_queries)
		sim_fail("counts", UINT64_FORMAT " queries in the tallies, and not " UINT64_FORMAT
				 "; over TCP " UINT64_FORMAT ", and not " UINT64_FORMAT,
				 queries, counters.queries, tcp, counters.tcp_queries);
}

void
session_main(const SimTask *given, SimCounters *counted)
{
	size_t		chunks;

	task = given;
	session_has_waited();
	apply_settings();
	for (int i = 0; i < task->batches; i++)
	{
		if (i > 0 && task->apart > 0)
			sim_sleep(task->apart);
		ask_batch();
		if (i == 0)
			chunks = memory_chunks();
		else if (memory_chunks() > chunks + 2)
			sim_fail("left", "%zu pieces of memory", memory_chunks() - chunks);
	}
	channel_reset();
	if (task->shared && sim_sessions_left() == 1 &&
		!(joint_is_idle() && ceiling_is_idle()))
		sim_fail("left", "shared memory counts questions");
	exit_shared_memory();
	sim_under_way(0);
	if (descriptors_left != task->descriptors)
		sim_fail("left", "%d descriptors are reserved",
				 task->descriptors - descriptors_left);
	pool_trim(true);			/* an empty block of each size stays */
	if (pieces_in_use > MAX_PIECES)
		sim_fail("left", "%ld pieces of memory are in use", pieces_in_use);
	counted->questions = counters.questions;
	counted->queries = counters.queries;
	counted->tcp_queries = counters.tcp_queries;
	counted->sockets = counters.sockets;
	counted->channels = counters.channels;
	counted->resends = counters.resends;
	check_tallies(counted);
}
