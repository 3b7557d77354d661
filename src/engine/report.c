/*
 * report.c
 *
 * Tells other sessions, through shared memory, what this process asks: its counts and the
 * level at the end of a call and once a second within it, and its progress ten times a
 * second while it changes.  A call shorter than that costs nothing for its progress, and
 * the work that is seldom due stays out of the functions that each call runs (pg_noinline).
 * If there is no shared memory, only the counts of a window's progress are kept.
 */
#include "postgres.h"

#include "engine/engine.h"

#include "utils/timestamp.h"

/* Microseconds between two reports; chosen for people who watch. */
#define PROGRESS_EVERY	INT64CONST(100000)
#define COUNTS_EVERY	INT64CONST(1000000)

static bool published = false;	/* this process has a row of progress */
static int64 published_at;		/* on the clock of clock_now() */
static int64 due = PG_INT64_MAX;	/* the same; when to publish it next */
static int64 added_at = 0;		/* the same; the counts */
static bool in_flight_told = false; /* with them, questions in flight */

static pg_noinline void publish(int64 now);
static void add_window(ProgressRow *row, DnsWindow *window, int64 now);
static int	count_fresh(const DnsWindow *window, int64 now);
static void count_in_flight(void);
static pg_noinline void add_counts(int64 now);

/*
 * A window has just been opened.
 */
void
report_begin(void)
{
	if (published || due != PG_INT64_MAX || !shared_memory_is_there())
		return;
	totals_attach();
	due = clock_last() + PROGRESS_EVERY;
}

/*
 * Reports what is due.  Called after each wait; now is the time of clock_now().  Raises
 * nothing.
 */
void
report_look(int64 now)
{
	if (!shared_memory_is_there())
		return;
	if (now >= due)
		publish(now);
	else if (published)
		due = published_at + PROGRESS_EVERY;
	if (now - added_at >= COUNTS_EVERY)
		add_counts(now);
}

/*
 * Milliseconds until report_look() must be called.
 */
int64
report_time_left(void)
{
	return due == PG_INT64_MAX ? due : clock_later(due - clock_last(), 0) / 1000 + 1;
}

/*
 * Notes the level of a window that is about to give up its channel.
 */
void
report_level(const DnsWindow *window)
{
	const DnsChannel *channel = window->channel;

	if (!window->many || window->of_lane != NULL)
		return;
	for (int i = 0; i < Min(channel->nnameservers, channel->nasked); i++)
		tally_level(channel->tallies[i], (int) joint_level(&channel->pace));
}

/*
 * A window has given up its channel: reports the counts, gives back its places, and takes
 * back the progress if it was the last one.  Raises nothing.
 */
void
report_end(void)
{
	bool		last = events_next_window(NULL) == NULL;
	int64		now = clock_last();

	total_look();
	if (!shared_memory_is_there())
		return;
	if (last)
	{
		if (published)
			progress_clear();
		published = false;
		due = PG_INT64_MAX;
	}
	else if (published && now >= published_at + PROGRESS_EVERY)
		publish(now);			/* what is left */
	/* Questions of other windows in flight are not counted at the end of each call. */
	if (last ? in_flight_told : now - added_at >= COUNTS_EVERY)
		add_counts(now);
	else
		tallies_add();
}

static pg_noinline void
publish(int64 now)
{
	ProgressRow row = {.ahead = true};
	int64		began = now;

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
		window->progress->counted = false;
	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
	{
		if (window->of_lane != NULL)
			continue;
		began = Min(began, window->opened);
		add_window(&row, window, now);
	}
	row.since = GetCurrentTimestamp() - (now - began);
	progress_publish(&row);
	published = true;
	published_at = now;
	due = PG_INT64_MAX;			/* until something happens */
}

/* Adds the questions of a window. */
static void
add_window(ProgressRow *row, DnsWindow *window, int64 now)
{
	DnsProgress *progress = window->progress;
	int			pending = 0;
	dlist_iter	iter;
	int			fresh = window->many ? tries_fresh(window) : count_fresh(window, now);

	row->ahead &= window->prefetch;
	if (!dlist_is_empty(&window->pending))
	{
		const DnsSlot *slot = dlist_head_element(DnsSlot, pending_node, &window->pending);
		TimestampTz asked = GetCurrentTimestamp() - (now - slot->reply.asked_at);

		row->oldest = row->oldest == 0 ? asked : Min(row->oldest, asked);
	}
	dlist_foreach(iter, &window->pending)
		pending++;
	row->fresh += fresh;
	row->waiting += pending - fresh;
	row->done -= pending;
	/* Several windows of a call can have one progress. */
	if (progress->counted)
		return;
	progress->counted = true;
	row->known += Max(progress->known, progress->asked);
	row->done += progress->asked;
	row->failed += progress->failed;
}

/* The questions that were asked just now, of a window with few. */
static int
count_fresh(const DnsWindow *window, int64 now)
{
	int			fresh = 0;
	dlist_iter	iter;

	dlist_foreach(iter, unconstify(dlist_head *, &window->pending))
	{
		const DnsSlot *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		fresh += slot->in_flight &&
			now - slot->reply.asked_at < roundtrip_timeout(window->channel);
	}
	return fresh;
}

/* Counts the questions in flight, by server and type. */
static void
count_in_flight(void)
{
	in_flight_told = false;
	for (DnsServerTally *server = tally_next_server(NULL); server != NULL;
		 server = tally_next_server(server))
	{
		for (DnsTypeTally *type = server->types; type != NULL; type = type->next)
			type->in_flight = 0;
	}
	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
	{
		dlist_iter	iter;

		report_level(window);
		if (window->of_lane != NULL)
			continue;
		dlist_foreach(iter, &window->pending)
		{
			const DnsSlot *slot = dlist_container(DnsSlot, pending_node, iter.cur);

			if (slot->reply.queries == 0)
				continue;
			in_flight_told = true;
			nameserver_tally(window->channel, slot, slot->tries[0].server)->in_flight++;
		}
	}
}

static pg_noinline void
add_counts(int64 now)
{
	count_in_flight();
	tallies_add();
	added_at = now;
}
