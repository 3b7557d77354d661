/*
 * window.c
 *
 * A window holds questions in flight and their answers.  A feeder submits questions while
 * there is room, waits, and takes finished questions in the order of finishing, so that
 * a slow question holds up no other.  A window owns its channel: nobody else's queries
 * are on it.  A reset callback of its memory context frees all that it holds, so nothing
 * outlives an error.  The callback of the library only stores; errors are raised after
 * the library has returned.
 */
#include "postgres.h"

#include "engine/engine.h"

#include "miscadmin.h"

static DnsWindow *make_window(MemoryContext parent, int capacity);
static void randomize_case(DnsSlot *slot);
static void take_channel(DnsWindow *window, DnsChannel *channel);
static bool is_room(DnsWindow *window);
static void release_window(void *arg);
static void answer_arrived(void *arg, ares_status_t status, size_t timeouts,
						   const ares_dns_record_t *record);

/*
 * Opens a window for up to capacity questions at a time, in a memory context of its own
 * below the current one.  server is NULL, or the one name server to ask instead of the
 * configured ones.  Raises if no channel can be made.  If no name server is configured,
 * it raises nothing: that is the outcome of each question.
 */
DnsWindow *
window_open(int capacity, const char *server)
{
	DnsWindow  *window = make_window(CurrentMemoryContext, capacity);

	window->chosen_server = (server != NULL);
	window_read_style(&window->style);
	window->answer_memory_limit = setting_max_answer_memory * (Size) 1024;
	window->opened = clock_now();
	window->generation = settings_generation;
	take_channel(window, channel_open(server));
	return window;
}

/* Makes a window, whose memory is zero, an empty one without a channel. */
void
window_init(DnsWindow *window, MemoryContext context, int capacity)
{
	Assert(capacity >= 1 && capacity <= WINDOW_MAX);
	window->context = context;
	window->progress = &window->own_progress;
	window->capacity = capacity;
	window->slots = MemoryContextAllocHuge(context, capacity * sizeof(DnsSlot));
	slist_init(&window->free);
	dlist_init(&window->pending);
	for (int state = 0; state < BURST_STATES; state++)
		dlist_init(&window->burst[state]);
	dlist_init(&window->done);
	dlist_init(&window->chains);
	dlist_init(&window->bare_errors);
	dlist_init(&window->lane_queue);
	dlist_init(&window->lanes);
	dlist_init(&window->refused);
}

/*
 * Opens the window of a lane, for one question of the owner window at a time: the same
 * servers and settings, but TCP.  The caller closes it by deleting its memory context.
 * Can raise.
 */
DnsWindow *
window_open_lane(DnsWindow *window, DnsLane *of_lane)
{
	DnsWindow  *lane = make_window(window->context, 1);

	lane->of_lane = of_lane;
	lane->style = window->style;
	lane->answer_memory_limit = window->answer_memory_limit;
	lane->opened = window->opened;
	lane->prefetch = window->prefetch;
	lane->progress = window->progress;
	take_channel(lane, channel_open_lane(window->channel));
	return lane;
}

/*
 * Closes a window and keeps its channel for the next one, unless the caller chose the
 * server or the window has failed.  Cancels queries whose questions are over.
 */
void
window_close(DnsWindow *window)
{
	DnsChannel *channel = window->channel;

	if (channel != NULL)
	{
		report_level(window);
		joint_leave(&channel->pace);
		burst_end(window);
		if (window->in_flight > 0)
			library_cancel(channel);
		window->failed |= memory_ran_out(ARES_SUCCESS);
		events_dismiss(window);
		window->channel = NULL;
		channel->window = NULL;
		if (window->chosen_server || window->failed)
		{
			channel_destroy(channel);
			channel = NULL;
		}
	}
	/* First, so that channel_keep() can trim the pool of the answers. */
	MemoryContextDelete(window->context);
	if (channel != NULL)
		channel_keep(channel);
	report_end();
}

/*
 * Can another question be submitted?  There is always room while nothing is under way.
 */
bool
window_has_room(DnsWindow *window)
{
	if (is_room(window))
		return true;
	if (!window_is_idle(window) || window->in_flight == 0)
		return false;
	/* The library can be full of questions that are over. */
	library_cancel(window->channel);
	return is_room(window);
}

/*
 * May a window have one more question under way?
 */
bool
window_allows(DnsWindow *window)
{
	int			fresh;

	if (window->channel == NULL)
		return true;
	/* Refused questions go first, when their time has come. */
	if (window->nrefused > 0 ||
		window_under_way(window) >= window->channel->max_in_flight)
		return false;
	total_join(window);
	fresh = tries_fresh(window);	/* a connection sets its own pace */
	if (pace_allows(&window->channel->pace, fresh, tries_waiting(window), window->capacity))
		return total_allows(window);
	window->hungry = true;
	return false;
}

/*
 * Asks a question; there must be room.  Flushes the channel if a whole burst waits.  tag
 * is the feeder's, to recognize the slot when wait_next() or chain_finished() returns
 * it.  Does not wait; can raise.
 */
DnsSlot *
window_submit(DnsWindow *window, const DnsQuestion *question, uint64 tag)
{
	DnsSlot    *slot = slot_take(window, question, tag);

	counters.questions++;
	window->progress->asked++;

	if (slot_is_late(slot))
	{
		slot_finish(slot, ARES_ETIMEOUT);
		return slot;
	}
	if (name_never_asked(&question->name))
	{
		slot->reply.nonexistent = true;
		slot_finish(slot, ARES_ENOTFOUND);
		return slot;
	}
	if (window->channel == NULL)
	{
		slot_finish(slot, ARES_ENOSERVER);
		return slot;
	}
	window_send(slot);
	if (window->channel->burst_waits)
		(void) flush_channel(window->channel);
	return slot;
}

/*
 * Asks the question of a slot: in bulk over UDP, or by a placeholder for the library.
 * Does not wait; can raise.
 */
void
window_send(DnsSlot *slot)
{
	DnsWindow  *window = slot->window;
	DnsChannel *channel = window->channel;
	ares_channel_t *library;
	ares_status_t status = ARES_ENOMEM;
	unsigned short id;

	if (window->style.dns0x20)
		randomize_case(slot);
	slot->tcp |= (channel->config.flags & ARES_FLAG_USEVC) != 0;
	if (burst_takes(slot))
	{
		burst_ask(slot);
		window_raise_failure(window);
		return;
	}
	tries_leave(slot);
	slot->asked_round = 0;
	slot->in_flight = true;
	window->in_flight++;
	channel_reserve_descriptors(channel, false);
	channel->submitting = slot;
	library = library_channel(channel, window->many || slot->tcp);
	if (library != NULL)
		status = ares_send_dnsrec(library, channel->placeholder,
								  answer_arrived, slot, &id);
	channel->submitting = NULL;
	window->out_of_memory |= memory_ran_out(status);

	/* The callback can have run already, above all with an error. */
	if (slot->in_flight)
	{
		if (status == ARES_SUCCESS)
			placeholder_bind(channel, slot, id);
		else
			answer_arrived(slot, status, 0, NULL);
	}
	window_raise_failure(window);
}

/*
 * Has the feeder taken every question that it has submitted?
 */
bool
window_is_idle(const DnsWindow *window)
{
	return dlist_is_empty(unconstify(dlist_head *, &window->pending)) &&
		dlist_is_empty(unconstify(dlist_head *, &window->done)) &&
		dlist_is_empty(unconstify(dlist_head *, &window->chains));
}

/*
 * Returns a finished question, or NULL, whether or not its answer leaves a chain of
 * aliases open.  Does not wait.
 */
DnsSlot *
window_finished(DnsWindow *window)
{
	if (dlist_is_empty(&window->done))
		return NULL;
	return dlist_container(DnsSlot, done_node,
						   dlist_pop_head_node(&window->done));
}

/*
 * Would a new window ask in the same way?  A change of resolv.conf does not count.
 */
bool
window_is_current(DnsWindow *window)
{
	DnsStyle	style;

	if (window->channel == NULL)
		return false;
	if (window->generation == settings_generation)
		return true;
	window_read_style(&style);
	if (memcmp(&style, &window->style, sizeof(style)) != 0 ||
		!config_is_set(&window->channel->config))
		return false;
	window->generation = settings_generation;
	return true;
}

/*
 * Reads the style of queries from the settings.  Clears the padding, since styles are
 * compared with memcmp().
 */
void
window_read_style(DnsStyle *style)
{
	memset(style, 0, sizeof(*style));
	style->rd = setting_recurse;
	style->ad = setting_trust_ad;
	style->cd = setting_checking_disabled;
	style->dnssec = setting_dnssec;
	style->edns = setting_dnssec || setting_edns;
	style->edns_udp_size = Min(setting_edns_udp_size,
							   setting_max_edns_udp_size);
	style->ignore_tc = setting_ignore_truncation;
	style->first_answer = !setting_check_response;
	style->dns0x20 = setting_randomize_case;
}

/*
 * Raises the failures that the callback and the socket functions could only note.  A
 * window that asks before the call raises nothing: it fails, no more answers come, and
 * the call asks by itself.  Its queries are cancelled, since the library is not to be
 * trusted after a lack of memory.
 */
void
window_raise_failure(DnsWindow *window)
{
	bool		no_descriptors = window->channel != NULL &&
		window->channel->no_descriptors;

	if (window->prefetch)
	{
		if (!window->failed &&
			(window->out_of_memory || window->over_memory_limit || no_descriptors))
		{
			window->failed = true;
			burst_cancel(window);
			library_cancel(window->channel);
		}
		return;
	}
	if (window->out_of_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Failed while receiving an answer.")));
	if (window->over_memory_limit)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("answers take more memory than allowed"),
				 errdetail("A call may hold %d kB.", setting_max_answer_memory),
				 errhint("Ask for less in one call, or increase pgcares.max_answer_memory.")));
	if (no_descriptors)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not open a socket: too many open files"),
				 errhint(HINT_DESCRIPTORS)));
}

/* Makes a window without a channel, in a context below parent. */
static DnsWindow *
make_window(MemoryContext parent, int capacity)
{
	MemoryContext context = AllocSetContextCreate(parent, "pgcares window",
												  ALLOCSET_DEFAULT_SIZES);
	DnsWindow  *window = MemoryContextAllocZero(context, sizeof(DnsWindow));

	window_init(window, context, capacity);

	/* From here on the context frees all that the window holds. */
	window->release.func = release_window;
	window->release.arg = window;
	MemoryContextRegisterResetCallback(context, &window->release);
	return window;
}

/*
 * Chooses at random the letters of a slot's name that are sent in the other case.
 */
static void
randomize_case(DnsSlot *slot)
{
	const DnsName *name = &slot->question.name;
	DnsName		sent;

	memset(slot->other_case, 0, sizeof(slot->other_case));
	name_copy(&sent, name);
	name_randomize_case(&sent);
	for (int i = 0; i < name->len; i++)
	{
		if (sent.octets[i] != name->octets[i])
			slot->other_case[i / 8] |= 1 << (i % 8);
	}
}

/* Gives a window its channel; NULL if there is no name server. */
static void
take_channel(DnsWindow *window, DnsChannel *channel)
{
	window->channel = channel;
	if (channel == NULL)
		return;
	channel->window = window;
	channel->last_errno = 0;
	pace_begin(&channel->pace);
	start_again(&channel->pace);
	events_enlist(window);
	report_begin();
}

static bool
is_room(DnsWindow *window)
{
	return (!slist_is_empty(&window->free) || window->used < window->capacity) &&
		dlist_is_empty(&window->chains) && window_allows(window);
}

/*
 * Reset callback of the window's context: runs in window_close(), and when an error, a
 * rollback or an abandoned query deletes the context.  The slots still exist: the
 * library calls back for each query that it drops.
 */
static void
release_window(void *arg)
{
	DnsWindow  *window = arg;

	slot_drop_answers(window);
	if (window->channel != NULL)
	{
		burst_cancel(window);
		events_dismiss(window);
		channel_destroy(window->channel);
		if (window->of_lane == NULL)	/* else the owner has other lanes that are gone */
			report_end();
	}
	window->channel = NULL;
}

/*
 * Callback: the library is done with a query.  Runs inside the library.
 */
static void
answer_arrived(void *arg, ares_status_t status, size_t timeouts,
			   const ares_dns_record_t *record)
{
	DnsSlot    *slot = arg;
	DnsChannel *channel = slot->window->channel;

	slot->in_flight = false;
	slot->window->in_flight--;
	/* A message that the library sends from now on, such as a probe, is another's. */
	if (channel->submitting == slot)
		channel->submitting = NULL;
	slot->window->out_of_memory |= (status == ARES_ENOMEM);
	placeholder_unbind(channel, slot);
	status = refused_status(slot, status);
	/* A question whose time was up first is over. */
	if (slot->elsewhere && status == ARES_SUCCESS && !slot->done && slot->tcp)
		isolation_take_over(slot);
	else if (slot->elsewhere && status == ARES_SUCCESS && !slot->done)
		burst_take_over(slot);
	else if (!isolation_take(slot, status) && !refused_take(slot, channel, status))
		slot_finish(slot, status);
	if (slot->released)
		slot_release(slot);
}

