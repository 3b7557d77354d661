/*
 * window.c
 *
 * The questions that are in flight, and their answers as they come.  A feeder
 * submits questions while there is room, waits, and takes what is finished, in
 * the order of finishing, so that one slow question holds up no other.  A
 * window owns a channel: nobody else's queries are on it.  Everything a window
 * holds is freed with its memory context, so that nothing outlives an error,
 * whoever raises it and wherever.  The callback only stores; all that may raise
 * happens after the library has returned.
 */
#include "postgres.h"

#include "pgcares.h"

#include "miscadmin.h"

DnsCounters counters = {0};

static void wait_for_change(DnsWindow *window);
static bool is_room(const DnsWindow *window);
static int64 window_time_left(DnsWindow *window);
static int64 slot_limit(const DnsSlot *slot);
static void release_window(void *arg);
static void answer_arrived(void *arg, ares_status_t status, size_t timeouts,
						   const ares_dns_record_t *record);
static void finish(DnsSlot *slot, ares_status_t status);
static void recycle(DnsSlot *slot);
static void expire(DnsWindow *window);
static void raise_if_failed(DnsWindow *window);

/*
 * Opens a window for up to capacity questions at a time, in a memory context of
 * its own below the current one.  server is NULL, or the one name server to ask
 * instead of the configured ones.  Raises where no channel can be made; that no
 * name server is configured is an outcome of the questions, not an error here.
 */
DnsWindow *
window_open(int capacity, const char *server)
{
	MemoryContext context;
	DnsWindow  *window;

	Assert(capacity >= 1 && capacity <= WINDOW_MAX);

	context = AllocSetContextCreate(CurrentMemoryContext, "pgcares window",
									ALLOCSET_DEFAULT_SIZES);
	window = MemoryContextAllocZero(context, sizeof(DnsWindow));
	window->context = context;
	window->capacity = capacity;
	window->slots = MemoryContextAllocExtended(context,
											   capacity * sizeof(DnsSlot),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	slist_init(&window->free);
	dlist_init(&window->pending);
	dlist_init(&window->sent);
	dlist_init(&window->done);
	for (int i = capacity - 1; i >= 0; i--)
	{
		window->slots[i].window = window;
		window->slots[i].index = i;
		slist_push_head(&window->free, &window->slots[i].free_node);
	}

	window->chosen_server = (server != NULL);
	window->style.rd = !(setting_flag_bits & ARES_FLAG_NORECURSE);
	window->style.ad = setting_trust_ad;
	window->style.cd = setting_checking_disabled;
	window->style.dnssec = setting_dnssec;
	window->style.edns = setting_dnssec || (setting_flag_bits & ARES_FLAG_EDNS);
	window->style.edns_udp_size = setting_edns_udp_size;
	window->style.ignore_tc = setting_flag_bits & ARES_FLAG_IGNTC;
	window->style.first_answer = setting_flag_bits & ARES_FLAG_NOCHECKRESP;
	window->style.dns0x20 = setting_flag_bits & ARES_FLAG_DNS0x20;
	window->answer_memory_limit = setting_max_answer_memory * (Size) 1024;
	window->opened = clock_now();

	/* From here on the context frees whatever the window comes to hold. */
	window->release.func = release_window;
	window->release.arg = window;
	MemoryContextRegisterResetCallback(context, &window->release);

	window->channel = channel_open(server);
	if (window->channel != NULL)
	{
		window->channel->window = window;
		window->channel->last_errno = 0;
		window->channel->sockets_changed = true;
	}
	return window;
}

/*
 * Closes a window whose work is done and keeps its channel for the next one,
 * but not that of a server of the caller's choice.  Queries whose questions'
 * time was up are given up.
 */
void
window_close(DnsWindow *window)
{
	DnsChannel *channel = window->channel;

	if (channel != NULL)
	{
		if (window->in_flight > 0)
			ares_cancel(channel->ares);
		window->channel = NULL;
		channel->window = NULL;
		if (window->chosen_server)
			channel_destroy(channel);
		else
			channel_keep(channel);
	}
	MemoryContextDelete(window->context);
}

/*
 * May another question be submitted?  Not while the window is full, and there is
 * always room when nothing is under way.
 */
bool
window_has_room(DnsWindow *window)
{
	/* The library may be full of questions whose time is up. */
	if (!is_room(window) && window_is_idle(window) && window->in_flight > 0)
		ares_cancel(window->channel->ares);
	return is_room(window);
}

/*
 * Asks a question.  There has to be room.  tag is the feeder's, to know the
 * slot again.  Returns at once; may raise.
 */
void
window_submit(DnsWindow *window, const DnsQuestion *question, uint64 tag)
{
	DnsChannel *channel = window->channel;
	DnsSlot    *slot;
	ares_status_t status;
	unsigned short id;

	slot = slist_container(DnsSlot, free_node,
						   slist_pop_head_node(&window->free));
	slot->question = slot->asked = *question;
	slot->tag = tag;
	slot->edns = window->style.edns;
	slot->asked_at = clock_now();
	dlist_push_tail(&window->pending, &slot->pending_node);
	counters.questions++;

	if (slot_limit(slot) <= slot->asked_at)
	{
		finish(slot, ARES_ETIMEOUT);
		return;
	}
	if (question_never_asked(&question->name))
	{
		slot->nonexistent = true;
		finish(slot, ARES_ENOTFOUND);
		return;
	}
	if (channel == NULL)
	{
		finish(slot, ARES_ENOSERVER);
		return;
	}
	if (window->style.dns0x20)
		question_randomize_case(&slot->asked.name);

	slot->in_flight = true;
	window->in_flight++;
	channel_reserve_descriptors(channel);
	channel->submitting = slot;
	status = ares_send_dnsrec(channel->ares, channel->placeholder,
							  answer_arrived, slot, &id);
	channel->submitting = NULL;

	/* The callback may have run already, with an error above all. */
	if (slot->in_flight)
	{
		if (status == ARES_SUCCESS)
			guard_bind(channel, slot, id);
		else
			answer_arrived(slot, status, 0, NULL);
	}
	raise_if_failed(window);
}

/*
 * Is there nothing that has been asked and not yet been taken?
 */
bool
window_is_idle(const DnsWindow *window)
{
	return dlist_is_empty(unconstify(dlist_head *, &window->pending)) &&
		dlist_is_empty(unconstify(dlist_head *, &window->done));
}

/*
 * A question that is finished; waits for one if there is none yet, and there has
 * to be one under way.  The slot is the caller's until window_release().
 */
DnsSlot *
window_next(DnsWindow *window)
{
	while (dlist_is_empty(&window->done))
	{
		if (window_is_idle(window))
			elog(ERROR, "no question is under way");
		wait_for_change(window);
	}
	return dlist_container(DnsSlot, done_node,
						   dlist_pop_head_node(&window->done));
}

/*
 * Drops a question and its answer.
 */
void
window_release(DnsSlot *slot)
{
	slot->released = true;
	if (!slot->in_flight)
		recycle(slot);
}

/*
 * Keeps a copy of an answer for its question, instead of the one before.  Called
 * inside the library: stores and notes, and never raises.
 */
void
window_store(DnsSlot *slot, const uint8 *octets, size_t len)
{
	DnsWindow  *window = slot->window;
	uint8	   *copy;

	window->answer_memory -= slot->answer_len;
	free(slot->answer);
	slot->answer = NULL;
	slot->answer_len = 0;

	if (window->answer_memory + len > window->answer_memory_limit)
	{
		window->over_memory_limit = true;
		return;
	}
	copy = malloc(len);
	if (copy == NULL)
	{
		window->out_of_memory = true;
		return;
	}
	memcpy(copy, octets, len);
	slot->answer = copy;
	slot->answer_len = len;
	window->answer_memory += len;
}

/*
 * Microseconds of a clock that only goes forward.
 */
int64
clock_now(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/*
 * Waits until something has happened: an answer, a retry, or that time is up
 * for a question.  Raises on interrupts and where a limit of the call is
 * passed.
 */
static void
wait_for_change(DnsWindow *window)
{
	if (window->in_flight > 0)
		wait_for_answers(window, window_time_left(window));
	raise_if_failed(window);
	expire(window);
	resend_lost(window);
}

static bool
is_room(const DnsWindow *window)
{
	return !slist_is_empty(unconstify(slist_head *, &window->free)) &&
		(window->channel == NULL ||
		 window->in_flight < window->channel->max_in_flight);
}

/*
 * Milliseconds until the first question's time is up or something may have to
 * be sent again, 0 if that has passed.
 */
static int64
window_time_left(DnsWindow *window)
{
	int64		limit = resend_time(window);
	int64		left;

	/* Limits ascend with the order of asking. */
	if (!dlist_is_empty(&window->pending))
		limit = Min(limit, slot_limit(dlist_head_element(DnsSlot, pending_node,
														 &window->pending)));
	left = limit - clock_now();
	/* Rounded up, or the loop would spin in the last millisecond. */
	return left > 0 ? left / 1000 + 1 : 0;
}

/* When a question's time is up. */
static int64
slot_limit(const DnsSlot *slot)
{
	int64		limit = slot->asked_at + setting_max_timeout * INT64CONST(1000);

	if (setting_deadline > 0)
		limit = Min(limit, slot->window->opened +
					setting_deadline * INT64CONST(1000));
	return limit;
}

/*
 * Reset callback of the window's context: runs at window_close(), and when an
 * error, a rollback or an abandoned query throws the context away.  The slots
 * are still there, since the library calls back for each query it drops.
 */
static void
release_window(void *arg)
{
	DnsWindow  *window = arg;

	if (window->events != NULL)
		FreeWaitEventSet(window->events);
	window->events = NULL;
	if (window->channel != NULL)
		channel_destroy(window->channel);
	window->channel = NULL;
	for (int i = 0; i < window->capacity; i++)
		free(window->slots[i].answer);
}

/*
 * The library is done with a query.  Runs inside the library.
 */
static void
answer_arrived(void *arg, ares_status_t status, size_t timeouts,
			   const ares_dns_record_t *record)
{
	DnsSlot    *slot = arg;

	slot->in_flight = false;
	slot->window->in_flight--;
	resend_forget(slot);
	guard_unbind(slot->window->channel, slot);
	finish(slot, slot->given_up ? ARES_ECONNREFUSED : status);
	if (slot->released)
		recycle(slot);
}

static void
finish(DnsSlot *slot, ares_status_t status)
{
	if (slot->done)
		return;					/* its time was up before */
	dlist_delete(&slot->pending_node);
	dlist_push_tail(&slot->window->done, &slot->done_node);
	resend_forget(slot);
	slot->done = true;
	slot->done_at = clock_now();
	slot->status = status;
	if (status == ARES_ETIMEOUT)
		counters.timeouts++;
}

/* Makes a slot free for another question. */
static void
recycle(DnsSlot *slot)
{
	DnsWindow  *window = slot->window;
	int			index = slot->index;

	window->answer_memory -= slot->answer_len;
	free(slot->answer);
	memset(slot, 0, sizeof(*slot));
	slot->window = window;
	slot->index = index;
	slist_push_head(&window->free, &slot->free_node);
}

/* Ends the questions whose time is up; the library may hold on to them. */
static void
expire(DnsWindow *window)
{
	int64		now = clock_now();

	while (!dlist_is_empty(&window->pending))
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, pending_node,
											  &window->pending);

		if (slot_limit(slot) > now)
			break;
		finish(slot, ARES_ETIMEOUT);
	}
}

/*
 * Raises what the callback and the socket functions could only note.
 */
static void
raise_if_failed(DnsWindow *window)
{
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
	if (window->channel != NULL && window->channel->no_descriptors)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not open a socket: too many open files"),
				 errhint(HINT_DESCRIPTORS)));
}
