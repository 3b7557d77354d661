/*
 * events.c
 *
 * The list of open windows, and the event set: all their sockets, the latch and the
 * death of the postmaster.
 */
#include "postgres.h"

#include <unistd.h>

#include "engine/engine.h"

#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"

/*
 * The windows that have a channel, without the lanes, which are in lists of their owners;
 * and the event set for the sockets of all.
 */
static dlist_head open_windows = DLIST_STATIC_INIT(open_windows);
static WaitEventSet *events = NULL;
static DnsChannel *events_channel = NULL;	/* the only one in events, or NULL */
static bool event_descriptor = false;	/* reserved for the set */

/* Arrays in TopMemoryContext, which grow and are never freed. */
static int	max_events = 0;
static WaitEvent *occurred = NULL;
static ares_fd_events_t *fd_events = NULL;

static void free_events(void);
static int	make_room(void);
static void add_sockets(DnsChannel *channel);
static bool take_descriptor(void);

/*
 * Adds a window, which now has a channel, to those that wait.
 */
void
events_enlist(DnsWindow *window)
{
	if (window->of_lane == NULL)
		dlist_push_tail(&open_windows, &window->open_node);
	window->channel->sockets_changed |= (events_channel != window->channel);
}

/*
 * Removes a window that is about to lose its channel.  The event set stays for the next
 * window if the channel keeps its sockets open.  Raises nothing.
 */
void
events_dismiss(DnsWindow *window)
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
 * Frees the event set if it is that of a channel which is about to be destroyed.  Raises
 * nothing.
 */
void
events_forget(const DnsChannel *channel)
{
	if (events_channel == channel)
		free_events();
}

/*
 * Reserves the descriptor that the event set needs, if there is one.
 */
void
events_reserve_descriptor(void)
{
	if (!event_descriptor && events == NULL)
		event_descriptor = AcquireExternalFD();
}

/*
 * Returns the open window after this one; the first one after NULL; NULL at the end.  The
 * lanes of a window follow it.
 */
DnsWindow *
events_next_window(DnsWindow *window)
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

/*
 * Makes a new event set if sockets have changed, since an event set cannot lose one.
 * There are few sockets: each serves udp_max_queries queries.  False if there is no
 * descriptor for the set.
 */
bool
events_prepare(void)
{
	bool		changed = (events == NULL);
	int			nevents;
	DnsWindow  *first = events_next_window(NULL);

	for (DnsWindow *window = first; window != NULL; window = events_next_window(window))
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
	if (IsUnderPostmaster)		/* not in single-user mode */
		AddWaitEventToSet(events, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
	for (DnsWindow *window = first; window != NULL; window = events_next_window(window))
		add_sockets(window->channel);
	if (first != NULL && events_next_window(first) == NULL)
		events_channel = first->channel;
	return true;
}

/*
 * Sleeps until something happens or timeout milliseconds are over.  Returns the number of
 * events.
 */
int
events_wait(long timeout)
{
	int			count = WaitEventSetWait(events, timeout, occurred, max_events,
										 answer_wait_event());

	for (int i = 0; i < count; i++)
	{
		if (occurred[i].events & WL_LATCH_SET)
			ResetLatch(MyLatch);
	}
	return count;
}

/*
 * Picks a channel's events and puts them into the library's form.  Returns their number.
 * The array is good until the next call.
 */
int
events_collect(const DnsChannel *channel, int count, ares_fd_events_t **collected)
{
	int			happened = 0;

	for (int i = 0; i < count; i++)
	{
		const WaitEvent *event = &occurred[i];
		ares_fd_events_t *fd_event;

		if (event->user_data != channel || !(event->events & WL_SOCKET_MASK))
			continue;
		fd_event = &fd_events[happened++];
		fd_event->fd = event->fd;
		fd_event->events = 0;
		if (event->events & WL_SOCKET_READABLE)
			fd_event->events |= ARES_FD_EVENT_READ;
		if (event->events & WL_SOCKET_WRITEABLE)
			fd_event->events |= ARES_FD_EVENT_WRITE;
	}
	*collected = fd_events;
	return happened;
}

static void
free_events(void)
{
	if (events != NULL)
		FreeWaitEventSet(events);
	events = NULL;
	events_channel = NULL;
}

/* Makes room for the events of all sockets.  Returns the number of events. */
static int
make_room(void)
{
	int			nevents = 2;

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
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
 * Gives back the reserved descriptor, since the event set reserves one itself.  False if
 * there is none.  dup() finds that out first: CreateWaitEventSet() would raise an
 * internal error and lose some memory.
 */
static bool
take_descriptor(void)
{
	int			fd;

	events_reserve_descriptor();
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
