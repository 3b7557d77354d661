/*
 * wait.c
 *
 * The one place that sleeps.  It waits for the sockets of all open windows, the latch and
 * the death of the postmaster together, answers interrupts, and lets the library process
 * the events.  So all questions make progress, whichever of them the backend waits for.
 * It raises only while the library is not on the stack.
 */
#include "postgres.h"

#include "engine/engine.h"

#include "miscadmin.h"

/*
 * The longest sleep, whatever the library's timers show.  Chosen, not measured: a lookup
 * whose timer is missed is late by no more.
 */
#define LONGEST_SLEEP	1000	/* ms */

static bool flush_all(void);
static void attend(int64 limit);
static void process(DnsWindow *window, int count, int64 woke);
static void process_library(DnsWindow *window, ares_channel_t *library,
							ares_fd_events_t *occurred, int count);
static void look_around(DnsWindow *window);
static void settle_bare_errors(DnsWindow *window);
static long sleep_time(int64 limit);
static int64 library_time(ares_channel_t *library);
static int64 time_left(DnsWindow *window);

/*
 * Sleeps until something happens to an open window or limit milliseconds are over, and
 * processes it.  Raises on interrupts, if no descriptor is left, and if a limit of the
 * call is passed.
 */
void
wait_for_answers(int64 limit)
{
	if (flush_all())
		limit = 0;
	if (!events_prepare())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not wait for answers: too many open files"),
				 errhint(HINT_DESCRIPTORS)));
	attend(limit);
}

/*
 * Processes the events that are there, without waiting.  Raises on interrupts, and if a
 * limit of the call is passed.
 */
void
wait_look(void)
{
	(void) flush_all();
	if (events_prepare())
		attend(0);
}

/*
 * Returns a finished question, and waits for one if there is none yet.  At least one must
 * be under way.  The slot is the caller's until slot_release().
 */
DnsSlot *
wait_next(DnsWindow *window)
{
	DnsSlot    *slot;

	while ((slot = chain_finished(window)) == NULL)
	{
		if (window_is_idle(window))
			elog(ERROR, "no question is under way");
		wait_for_answers(PG_INT64_MAX);
	}
	return slot;
}

/* Flushes all channels; true if the system refused something. */
static bool
flush_all(void)
{
	bool		refused = false;

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
		refused |= flush_channel(window->channel);
	return refused;
}

/*
 * One turn: waits, lets the library process the events, and does all that is due.  No
 * window opens or closes meanwhile, except lanes, which do so in a pass of their own.
 */
static void
attend(int64 limit)
{
	int64		began = clock_now();
	int64		woke;
	int			count;

	count = events_wait(sleep_time(limit));
	woke = clock_now();
	clock_add_sleep(woke - began);
	CHECK_FOR_INTERRUPTS();

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
		process(window, count, woke);
	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
	{
		if (window->of_lane == NULL)
			lane_attend(window);
	}
	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
		look_around(window);
	(void) flush_all();
	total_look();
	report_look(clock_last());
	clock_add_work(clock_now() - woke);
	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
		books_check(window);
}

/*
 * Lets the library process the events of a window's sockets at this time, which share the
 * budget of the turn.
 */
static void
process(DnsWindow *window, int count, int64 woke)
{
	DnsChannel *channel = window->channel;
	ares_fd_events_t *occurred;
	int			happened = events_collect(channel, count, &occurred);
	int			others = 0;		/* that are not of the burst */
	bool		all = true;		/* answers are read that have come */

	for (int i = 0; i < happened; i++)
	{
		DnsSocket  *socket = channel->sockets[occurred[i].fd];

		if (socket == NULL)
			continue;
		socket->budget = TURN_BUDGET / happened;
		if ((occurred[i].events & ARES_FD_EVENT_WRITE) && socket->out_len > 0)
			flush_socket(channel, socket);
		if (socket->burst && socket->send_errno != 0)
			replies_unsent(window, socket);
		else if (socket->burst)
		{
			replies_read(window, socket);
			all &= socket->budget > 0;
		}
		else
		{
			if (socket->send_errno != 0)
				occurred[i].events |= ARES_FD_EVENT_READ;
			occurred[others++] = occurred[i];
		}
	}
	if (all)
		channel->read_until = woke;
	/* Those of a window that no longer asks go to others, too. */
	channel_reserve_descriptors(channel, false);
	/* Each channel of the library ignores sockets that are not its own. */
	process_library(window, channel->ares, occurred, others);
	if (channel->ares_tcp != NULL)
		process_library(window, channel->ares_tcp, occurred, others);
}

/* Lets the library work, unless it has nothing to do: the burst asks most questions. */
static void
process_library(DnsWindow *window, ares_channel_t *library,
				ares_fd_events_t *occurred, int count)
{
	if (count == 0 && ares_queue_active_queries(library) == 0)
		return;
	window->out_of_memory |=
		memory_ran_out(ares_process_fds(library, occurred, count,
										ARES_PROCESS_FLAG_NONE));
}

/*
 * Does what is due after a wait: ends questions whose deadline has passed, and asks
 * others again.  Raises if a limit of the call is passed.
 */
static void
look_around(DnsWindow *window)
{
	settle_bare_errors(window);
	window_raise_failure(window);
	slot_expire(window);
	while (window->nburst[BURST_TCP] > 0)
		window_send(tries_first(window, BURST_TCP));
	retry_refused(window);
	burst_attend(window);
	window_raise_failure(window);
	tcp_receive_look_after(window->channel);
	burst_look(window);
}

/*
 * Lets the bare errors count that no real answer has contradicted.  The library reads
 * them as if they came now, and closes the socket if nothing else waits on it.
 */
static void
settle_bare_errors(DnsWindow *window)
{
	DnsChannel *channel = window->channel;

	while (bare_error_time_left(window) <= 0)
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, bare_error_node,
											  &window->bare_errors);
		DnsSocket  *socket = placeholder_socket(channel, slot);
		ares_fd_events_t event = {.events = ARES_FD_EVENT_READ};

		if (slot->burst != BURST_NONE)
		{
			burst_settle(slot);
			continue;
		}
		if (socket != NULL)
		{
			event.fd = socket->fd;
			channel->settling = slot;
			window->out_of_memory |=
				memory_ran_out(ares_process_fds(channel->ares, &event, 1,
												ARES_PROCESS_FLAG_NONE));
			channel->settling = NULL;
		}
		slot_drop_bare_error(slot);
	}
}

/* Milliseconds until something is due in one of the windows. */
static long
sleep_time(int64 limit)
{
	int64		sleep = limit;

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
	{
		if (sleep <= 0)
			break;
		sleep = clock_earlier(sleep, library_time(window->channel->ares));
		if (window->channel->ares_tcp != NULL)
			sleep = clock_earlier(sleep, library_time(window->channel->ares_tcp));
		sleep = clock_earlier(sleep, time_left(window));
	}
	return clock_earlier(sleep, report_time_left());
}

/* Milliseconds until the library has something to do. */
static int64
library_time(ares_channel_t *library)
{
	struct timeval longest = {LONGEST_SLEEP / 1000, 0};
	struct timeval left;
	struct timeval *timer = ares_timeout(library, &longest, &left);

	/* Rounded up, or the loop would spin in the last millisecond. */
	return timer->tv_sec * 1000 + (timer->tv_usec + 999) / 1000;
}

/*
 * Milliseconds until the first deadline of a window, or until something must be looked at
 * or sent again; 0 if that time has passed.
 */
static int64
time_left(DnsWindow *window)
{
	DnsChannel *channel = window->channel;
	int64		next = clock_earlier(burst_time(window), tcp_receive_time(channel));
	int64		left = PG_INT64_MAX;

	next = clock_earlier(next, retry_time(window));
	next = clock_earlier(next, pace_time(&channel->pace, roundtrip_timeout(channel)));
	next = clock_earlier(next, pause_time(&channel->pace));
	next = clock_earlier(next, ceiling_time());
	next = clock_earlier(next, joint_time(&channel->pace));
	if (next < PG_INT64_MAX)
		left = next - clock_now();
	left = clock_earlier(left, bare_error_time_left(window));
	/* The first question in the list has the earliest deadline. */
	if (!dlist_is_empty(&window->pending))
		left = clock_earlier(left, dlist_head_element(DnsSlot, pending_node,
													  &window->pending)->limit -
							 window_clock(window));
	/* Rounded up, or the loop would spin in the last millisecond. */
	return left > 0 ? left / 1000 + 1 : 0;
}
