/*
 * wait.c
 *
 * The one place that sleeps.  It waits for the sockets of all windows that are
 * open, the latch and the death of the postmaster together, answers interrupts,
 * and lets the library work on what has happened, so that all questions get on
 * whichever of them is waited for.  Raising is left to the server
 * (interrupts) and happens only while the library is not on the stack.
 */
#include "postgres.h"

#include <unistd.h>

#include "pgcares.h"

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"

/* However long the library's timers run, look around this often. */
#define LONGEST_SLEEP	1000	/* ms */

/*
 * The windows that have a channel, but for lanes, which hang on their windows; and the
 * events of all their sockets.
 */
static dlist_head open_windows = DLIST_STATIC_INIT(open_windows);
static WaitEventSet *events = NULL;
static DnsChannel *events_channel = NULL;	/* its sockets only; or NULL */
static bool event_descriptor = false;	/* reserved for the set */

/* Room for as many events as there are sockets; never freed. */
static int	max_events = 0;
static WaitEvent *occurred = NULL;
static ares_fd_events_t *fd_events = NULL;

static DnsWindow *next_window(DnsWindow *window);
static bool flush_all(void);
static void free_events(void);
static void attend(int64 limit);
static bool prepare_events(void);
static int	make_room(void);
static void add_sockets(DnsChannel *channel);
static bool take_descriptor(void);
static long sleep_time(int64 limit);
static int	collect_events(DnsWindow *window, int count);

/*
 * Lets a window take part in waiting: it has a channel now.
 */
void
wait_enlist(DnsWindow *window)
{
	if (window->of_lane == NULL)
		dlist_push_tail(&open_windows, &window->open_node);
	window->channel->sockets_changed |= (events_channel != window->channel);
}

/*
 * Forgets a window that is about to lose its channel.  The event set is kept for
 * the next one where the channel keeps its sockets.  Raises nothing.
 */
void
wait_dismiss(DnsWindow *window)
{
	if (window->of_lane == NULL)
		dlist_delete(&window->open_node);
	if (events_channel != window->channel ||
		!(window->channel->config.flags & ARES_FLAG_STAYOPEN))
		free_events();
	if (dlist_is_empty(&open_windows) && event_descriptor)
	{
		ReleaseExternalFD();
		event_descriptor = false;
	}
}

/*
 * Forgets a channel that is about to be destroyed.  Raises nothing.
 */
void
wait_forget(const DnsChannel *channel)
{
	if (events_channel == channel)
		free_events();
}

/*
 * Reserves the descriptor that the event set will need, if it can be had.
 */
void
wait_reserve_descriptor(void)
{
	if (!event_descriptor && events == NULL)
		event_descriptor = AcquireExternalFD();
}

/*
 * Sleeps until something happens to one of the open windows, but for limit
 * milliseconds at most, and has it worked on.  Raises on interrupts, where no
 * descriptor is left, and where a limit of the call is passed.
 */
void
wait_for_answers(int64 limit)
{
	if (flush_all())
		limit = 0;
	if (!prepare_events())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not wait for answers: too many open files"),
				 errhint(HINT_DESCRIPTORS)));
	attend(limit);
}

/*
 * Works on what has happened already, if anything, without waiting.  Raises on
 * interrupts only, and where a limit of the call is passed.
 */
void
wait_look(void)
{
	(void) flush_all();
	if (prepare_events())
		attend(0);
}

/*
 * The window behind this one, the first one behind NULL; NULL at the end.  The lanes
 * of a window come behind it.
 */
static DnsWindow *
next_window(DnsWindow *window)
{
	dlist_head *list = &open_windows;
	dlist_node *node = NULL;

	if (window != NULL)
	{
		DnsLane    *lane = window->of_lane;

		if (lane == NULL && !dlist_is_empty(&window->lanes))
			return dlist_head_element(DnsLane, node, &window->lanes)->window;
		if (lane != NULL && dlist_has_next(&lane->owner->lanes, &lane->node))
			return dlist_container(DnsLane, node,
								   dlist_next_node(&lane->owner->lanes,
												   &lane->node))->window;
		node = lane != NULL ? &lane->owner->open_node : &window->open_node;
	}
	if (node != NULL ? !dlist_has_next(list, node) : dlist_is_empty(list))
		return NULL;
	node = node != NULL ? dlist_next_node(list, node) : dlist_head_node(list);
	return dlist_container(DnsWindow, open_node, node);
}

/* Sends what was asked since; true if some of it could not be sent. */
static bool
flush_all(void)
{
	bool		refused = false;

	for (DnsWindow *window = next_window(NULL); window != NULL;
		 window = next_window(window))
		refused |= flush_channel(window->channel);
	return refused;
}

static void
free_events(void)
{
	if (events != NULL)
		FreeWaitEventSet(events);
	events = NULL;
	events_channel = NULL;
}

/*
 * One turn: waits, has the library work on what has happened, and does what is due.
 * Windows neither open nor close meanwhile; lanes do, in a pass of their own.
 */
static void
attend(int64 limit)
{
	int64		began = clock_now();
	int64		woke;
	int			count;
	dlist_iter	iter;

	count = WaitEventSetWait(events, sleep_time(limit), occurred, max_events,
							 answer_wait_event());
	woke = clock_now();
	clock_add_sleep(woke - began);
	for (int i = 0; i < count; i++)
	{
		if (occurred[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
	CHECK_FOR_INTERRUPTS();

	for (DnsWindow *window = next_window(NULL); window != NULL;
		 window = next_window(window))
	{
		int			happened = collect_events(window, count);

		ares_status_t status;

		channel_reserve_descriptors(window->channel);
		status = ares_process_fds(window->channel->ares, fd_events, happened,
								  ARES_PROCESS_FLAG_NONE);
		window->out_of_memory |= memory_ran_out(status);
	}
	dlist_foreach(iter, &open_windows)
		apart_attend(dlist_container(DnsWindow, open_node, iter.cur));
	for (DnsWindow *window = next_window(NULL); window != NULL;
		 window = next_window(window))
		window_look_around(window);
	(void) flush_all();
	clock_add_work(clock_now() - woke);
	for (DnsWindow *window = next_window(NULL); window != NULL;
		 window = next_window(window))
		books_check(window);
}

/*
 * Makes the event set anew where sockets have changed, since they cannot be
 * taken out of one.  There are few: a socket serves udp_max_queries queries.
 * False if there is no descriptor for it.
 */
static bool
prepare_events(void)
{
	bool		changed = (events == NULL);
	int			nevents;
	DnsWindow  *first = next_window(NULL);

	for (DnsWindow *window = first; window != NULL; window = next_window(window))
	{
		changed |= window->channel->sockets_changed;
		window->channel->sockets_changed = false;
	}
	if (!changed)
		return true;

	free_events();
	if (!take_descriptor())
		return false;
	nevents = make_room();
	events = create_wait_event_set(nevents);
	AddWaitEventToSet(events, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (DnsWindow *window = first; window != NULL; window = next_window(window))
		add_sockets(window->channel);
	if (first != NULL && next_window(first) == NULL)
		events_channel = first->channel;
	return true;
}

/* Sees to it that all events find room; gives the number of them. */
static int
make_room(void)
{
	int			nevents = 2;

	for (DnsWindow *window = next_window(NULL); window != NULL;
		 window = next_window(window))
	{
		for (int fd = 0; fd < window->channel->max_sockets; fd++)
			nevents += (window->channel->sockets[fd] != NULL);
	}
	if (nevents > max_events)
	{
		int			size = Max(nevents, 2 * max_events);
		WaitEvent  *more = MemoryContextAlloc(TopMemoryContext,
											  size * sizeof(WaitEvent));

		if (occurred != NULL)
			pfree(occurred);
		occurred = more;
		max_events = 0;
		if (fd_events != NULL)
			pfree(fd_events);
		fd_events = NULL;
		fd_events = MemoryContextAlloc(TopMemoryContext,
									   size * sizeof(ares_fd_events_t));
		max_events = size;
	}
	return nevents;
}

static void
add_sockets(DnsChannel *channel)
{
	for (int fd = 0; fd < channel->max_sockets; fd++)
	{
		DnsSocket  *socket = channel->sockets[fd];
		uint32		wanted;

		if (socket == NULL)
			continue;
		wanted = (socket->want_read ? WL_SOCKET_READABLE : 0) |
			(socket_wants_write(socket) ? WL_SOCKET_WRITEABLE : 0);
		if (wanted != 0)
			AddWaitEventToSet(events, wanted, fd, NULL, channel);
	}
}

/*
 * Gives back the descriptor that was reserved, as the set reserves it by itself;
 * false if there is none.  Where there is none left the server would call that an
 * internal error, and lose some memory.
 */
static bool
take_descriptor(void)
{
	int			fd;

	wait_reserve_descriptor();
	if (!event_descriptor)
		return false;
	fd = dup(STDERR_FILENO);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		return false;
	if (fd >= 0)
		close(fd);
	ReleaseExternalFD();
	event_descriptor = false;
	return true;
}

/* Milliseconds until something is due in one of the windows. */
static long
sleep_time(int64 limit)
{
	struct timeval longest = {LONGEST_SLEEP / 1000, 0};
	int64		sleep = limit;

	for (DnsWindow *window = next_window(NULL); window != NULL;
		 window = next_window(window))
	{
		struct timeval left;
		struct timeval *timer;

		if (sleep <= 0)
			break;
		timer = ares_timeout(window->channel->ares, &longest, &left);
		sleep = Min(sleep, window_time_left(window));
		/* Rounded up, or the loop would spin in the last millisecond. */
		sleep = Min(sleep, timer->tv_sec * 1000 + (timer->tv_usec + 999) / 1000);
	}
	return sleep;
}

/*
 * Turns what occurred to a window's sockets into what the library wants to know, and
 * gives them what they may read.
 */
static int
collect_events(DnsWindow *window, int count)
{
	int			happened = 0;

	for (int i = 0; i < count; i++)
	{
		WaitEvent  *event = &occurred[i];
		ares_fd_events_t *fd_event;

		if (event->user_data != window->channel || !(event->events & WL_SOCKET_MASK))
			continue;
		fd_event = &fd_events[happened++];
		fd_event->fd = event->fd;
		fd_event->events = 0;
		if (event->events & WL_SOCKET_READABLE)
			fd_event->events |= ARES_FD_EVENT_READ;
		if (event->events & WL_SOCKET_WRITEABLE)
		{
			DnsSocket  *socket = window->channel->sockets[event->fd];

			fd_event->events |= ARES_FD_EVENT_WRITE;
			if (socket != NULL && socket->out_len > 0)
				flush_socket(window->channel, socket);
			if (socket != NULL && socket->send_errno != 0)
				fd_event->events |= ARES_FD_EVENT_READ;
		}
	}
	for (int i = 0; i < happened; i++)
	{
		DnsSocket  *socket = window->channel->sockets[fd_events[i].fd];

		if (socket != NULL)
			socket->budget = TURN_BUDGET / happened;
	}
	return happened;
}
