/*
 * wait.c
 *
 * The one place that sleeps.  It waits for the sockets of a channel, the latch
 * and the death of the postmaster together, answers interrupts, and lets the
 * library work on what has happened.  Raising is left to the server
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

static void rebuild_events(DnsWindow *window);
static void check_descriptor(const DnsChannel *channel);
static long sleep_time(DnsChannel *channel, int64 limit);
static int	collect_events(DnsWindow *window, int occurred);

/*
 * Sleeps until something happens on the window's channel, but for limit
 * milliseconds at most, and has the library process it.
 */
void
wait_for_answers(DnsWindow *window, int64 limit)
{
	DnsChannel *channel = window->channel;
	int			occurred;
	int			count;

	if (channel->sockets_changed)
		rebuild_events(window);

	occurred = WaitEventSetWait(window->events, sleep_time(channel, limit),
								window->occurred, window->max_events,
								answer_wait_event());
	count = collect_events(window, occurred);
	CHECK_FOR_INTERRUPTS();

	channel_reserve_descriptors(channel);
	ares_process_fds(channel->ares, window->fd_events, count,
					 ARES_PROCESS_FLAG_NONE);
}

/*
 * Makes the event set anew, since sockets cannot be taken out of one.  There
 * are few: a socket serves udp_max_queries queries.
 */
static void
rebuild_events(DnsWindow *window)
{
	DnsChannel *channel = window->channel;
	int			nsockets = 0;

	if (window->events != NULL)
		FreeWaitEventSet(window->events);
	window->events = NULL;

	for (int fd = 0; fd < channel->max_sockets; fd++)
		nsockets += (channel->sockets[fd] != NULL);
	if (nsockets + 2 > window->max_events)
	{
		window->max_events = Max(nsockets + 2, 2 * window->max_events);
		window->occurred =
			MemoryContextAlloc(window->context,
							   window->max_events * sizeof(WaitEvent));
		window->fd_events =
			MemoryContextAlloc(window->context,
							   window->max_events * sizeof(ares_fd_events_t));
	}

	/* The set reserves the descriptor that was kept for it by itself. */
	channel_reserve_descriptors(channel);
	check_descriptor(channel);
	ReleaseExternalFD();
	channel->event_descriptor = false;
	window->events = create_wait_event_set(nsockets + 2);
	AddWaitEventToSet(window->events, WL_LATCH_SET, PGINVALID_SOCKET,
					  MyLatch, NULL);
	AddWaitEventToSet(window->events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET,
					  NULL, NULL);
	for (int fd = 0; fd < channel->max_sockets; fd++)
	{
		DnsSocket  *socket = channel->sockets[fd];
		uint32		events;

		if (socket == NULL)
			continue;
		events = (socket->want_read ? WL_SOCKET_READABLE : 0) |
			(socket_wants_write(socket) ? WL_SOCKET_WRITEABLE : 0);
		if (events != 0)
			AddWaitEventToSet(window->events, events, fd, NULL, socket);
	}
	channel->sockets_changed = false;
}

/*
 * An event set is a descriptor too.  Where there is none left the server would
 * call it an internal error, and lose some memory.
 */
static void
check_descriptor(const DnsChannel *channel)
{
	if (channel->event_descriptor)
	{
		int			fd = dup(STDERR_FILENO);
		bool		none = fd < 0 && (errno == EMFILE || errno == ENFILE);

		if (fd >= 0)
			close(fd);
		if (!none)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
			 errmsg("could not wait for answers: too many open files"),
			 errhint(HINT_DESCRIPTORS)));
}

static long
sleep_time(DnsChannel *channel, int64 limit)
{
	struct timeval longest = {LONGEST_SLEEP / 1000, 0};
	struct timeval left;
	struct timeval *timer = ares_timeout(channel->ares, &longest, &left);
	long		sleep;

	/* Rounded up, or the loop would spin in the last millisecond. */
	sleep = timer->tv_sec * 1000 + (timer->tv_usec + 999) / 1000;
	return Min(sleep, limit);
}

/* Turns what occurred into what the library wants to know. */
static int
collect_events(DnsWindow *window, int occurred)
{
	int			count = 0;

	for (int i = 0; i < occurred; i++)
	{
		WaitEvent  *event = &window->occurred[i];

		if (event->events & WL_LATCH_SET)
			ResetLatch(MyLatch);
		if (event->events & WL_SOCKET_MASK)
		{
			ares_fd_events_t *fd_event = &window->fd_events[count++];

			fd_event->fd = event->fd;
			fd_event->events = 0;
			if (event->events & WL_SOCKET_READABLE)
				fd_event->events |= ARES_FD_EVENT_READ;
			if (event->events & WL_SOCKET_WRITEABLE)
			{
				fd_event->events |= ARES_FD_EVENT_WRITE;
				socket_writable(window->channel, event->fd);
			}
		}
	}
	return count;
}
