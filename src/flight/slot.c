/*
 * slot.c
 *
 * The slots of a window hold its questions, each from asking to its answer:
 *
 *   free <------------ slot_release(), when the library is done too -----+
 *    |  slot_take()                                                     |
 *   pending --------- late, or never asked ------------------------+    |
 *    |  window_send()                                              |    |
 *   in flight <------ retry_refused()  ------- refused             |    |
 *    |                                          ^  ^ |             v    |
 *    +-- refused_take() ------------------------+  | +-----------> done-+
 *    +-- isolation_take() --> isolated ------------+               ^ ^
 *    |                           |       (the lane is refused)     | |
 *    |                           +-- the lane's reply -------------+ |
 *    +-- slot_finish() ----------------------------------------------+
 *
 * In flight, the library or the burst has the question (tries.c draws that).
 * slot_expire() ends a question in any of these states.  The library can still have
 * it then, so in_flight and done are both set.  A question in flight can also wait
 * for a lane (isolation_probe()): the first answer ends it.  Runs inside the library
 * too: stores and notes, never raises.
 */
#include "postgres.h"

#include "flight/flight.h"

static void prepare(DnsSlot *slot, DnsWindow *window, uint64 tag, struct DnsChain *chain);
static void count_failure(const DnsSlot *slot, ares_status_t status, int server);
static void put_in_order(DnsSlot *slot);
static void count_silence(const DnsSlot *slot, int server);
static void recycle(DnsSlot *slot);
static void drop_answer(DnsSlot *slot);
static int64 limit_from(const DnsWindow *window, int64 now);

/*
 * Takes a free slot for a question that is asked now.  The caller knows that there is
 * one.
 */
DnsSlot *
slot_take(DnsWindow *window, const DnsQuestion *question, uint64 tag)
{
	DnsSlot    *slot;

	if (!slist_is_empty(&window->free))
		slot = slist_container(DnsSlot, free_node,
							   slist_pop_head_node(&window->free));
	else
		slot = &window->slots[window->used++];
	question_copy(&slot->question, question);
	prepare(slot, window, tag, NULL);
	return slot;
}

/*
 * The feeder's question asks for another name now: begins anew with the slot of a finished
 * question.  Keeps tag, chain and deadline.
 */
void
slot_renew(DnsSlot *slot, const DnsName *name)
{
	int64		limit = slot->limit;

	drop_answer(slot);
	name_copy(&slot->question.name, name);
	prepare(slot, slot->window, slot->tag, slot->chain);
	slot->limit = limit;
	put_in_order(slot);
}

/*
 * Has the question's deadline passed already?
 */
bool
slot_is_late(const DnsSlot *slot)
{
	return slot->limit <= (slot->window->prefetch ? clock_waited() : clock_last());
}

/*
 * Ends a question, unless it has ended before.
 */
void
slot_finish(DnsSlot *slot, ares_status_t status)
{
	int			server;

	if (slot->done)
		return;
	dlist_delete(&slot->pending_node);
	dlist_push_tail(&slot->window->done, &slot->done_node);
	server = slot->tries[0].server;
	tries_leave(slot);
	slot_drop_bare_error(slot);
	slot_leave_lane(slot);
	slot_leave_refused(slot);
	slot->done = true;
	slot->reply.done_at = clock_last();
	slot->reply.status = status;
	if (status != ARES_SUCCESS && slot->window->of_lane == NULL)
		count_failure(slot, status, server);
}

/*
 * Ends a question whose last query is silent.  If another server has failed, its answer is
 * the outcome: that says more than a timeout.
 */
void
slot_end_silent(DnsSlot *slot)
{
	if (slot->reply.answer == NULL)
		slot_finish(slot, ARES_ETIMEOUT);
	else
	{
		count_silence(slot, slot->tries[0].server);
		slot_finish(slot, ARES_ESERVFAIL);
	}
}

/*
 * Frees the bare error of a slot, if there is one.
 */
void
slot_drop_bare_error(DnsSlot *slot)
{
	if (slot->bare_error == NULL)
		return;
	dlist_delete(&slot->bare_error_node);
	free(slot->bare_error);
	slot->bare_error = NULL;
}

/*
 * Takes a slot out of the queue for lanes and out of its lane, where it is in one.
 */
void
slot_leave_lane(DnsSlot *slot)
{
	if (slot->waits_for_lane)
		dlist_delete(&slot->lane_node);
	slot->waits_for_lane = false;
	if (slot->lane != NULL)
		slot->lane->slot = NULL;
	slot->lane = NULL;
	if (slot->only_isolated)
		slot->window->nisolated--;
	slot->only_isolated = false;
}

/*
 * Takes a slot out of the list of refused questions, if it is there.
 */
void
slot_leave_refused(DnsSlot *slot)
{
	if (!slot->in_refused)
		return;
	dlist_delete(&slot->refused_node);
	slot->in_refused = false;
	slot->window->nrefused--;
}

/*
 * Writes the name of a slot's question, its letters in the case that is sent.
 */
void
slot_write_name(const DnsSlot *slot, uint8 *octets)
{
	const DnsName *name = &slot->question.name;

	memcpy(octets, name->octets, name->len);
	if (!slot->window->style.dns0x20)
		return;
	for (int i = 0; i < name->len; i++)
	{
		if (slot->other_case[i / 8] & (1 << (i % 8)))
			octets[i] ^= 'a' ^ 'A';
	}
}

/*
 * Keeps a copy of an answer in place of the one before.  Notes in the window a limit
 * that is passed or a lack of memory.
 */
void
slot_store(DnsSlot *slot, const DnsMessage *message)
{
	DnsWindow  *window = slot->window;
	size_t		len = message->end - message->start;

	drop_answer(slot);
	if (window->answer_memory + len > window->answer_memory_limit)
	{
		window->over_memory_limit = true;
		return;
	}
	slot->reply.answer = pool_take(len);
	if (slot->reply.answer == NULL)
	{
		window->out_of_memory = true;
		return;
	}
	memcpy(slot->reply.answer, message->start, len);
	slot->reply.answer_len = len;
	slot->reply.places = message->places;
	window->answer_memory += len;
}

/*
 * Is the outcome of a reply in its answer?  The failure of one server is not, if another
 * one did not answer, nor are aliases that led to no answer.
 */
bool
slot_is_answered(const DnsReply *reply)
{
	return reply->answered ||
		(reply->answer != NULL && (!reply->way || reply->malformed) &&
		 reply->status != ARES_ETIMEOUT && reply->status != ARES_ECONNREFUSED);
}

/*
 * Opens the message of a reply that has an answer; the octets stay the reply's.
 */
void
slot_open_answer(const DnsReply *reply, DnsMessage *message)
{
	(void) message_open(message, reply->answer, reply->answer_len);
	message->places = reply->places;
}

/*
 * Frees the answers of a window whose memory is about to be freed.
 */
void
slot_drop_answers(DnsWindow *window)
{
	for (int i = 0; i < window->used; i++)
		drop_answer(&window->slots[i]);
}

/*
 * The feeder is through with a slot: frees it, or leaves that to the callback while
 * the library still has it.
 */
void
slot_release(DnsSlot *slot)
{
	slot->released = true;
	if (!slot->in_flight)
		recycle(slot);
}

/*
 * Ends the questions of a window whose deadline has passed.  The library can still
 * have them.
 */
void
slot_expire(DnsWindow *window)
{
	int64		now = window_clock(window);

	while (!dlist_is_empty(&window->pending))
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, pending_node,
											  &window->pending);

		if (slot->limit > now)
			break;
		slot_finish(slot, ARES_ETIMEOUT);
	}
}

/*
 * The number of questions that the library or the burst has, that a lane asks or that
 * wait to be asked again.
 */
int
window_under_way(const DnsWindow *window)
{
	return window->in_flight + window->nisolated + window->nrefused;
}

/*
 * The clock of deadlines, in microseconds.  For questions that are asked before the
 * call, only the time counts in which the backend waits: their answers can come while
 * it is busy, and are read later.
 */
int64
window_clock(const DnsWindow *window)
{
	return window->prefetch ? clock_waited() : clock_now();
}

static void
prepare(DnsSlot *slot, DnsWindow *window, uint64 tag, struct DnsChain *chain)
{
	memset(slot, 0, offsetof(DnsSlot, question));
	slot->window = window;
	slot->index = slot - window->slots;
	slot->tag = tag;
	slot->chain = chain;
	slot->reply.asked_at = clock_now();
	slot->limit = limit_from(window, window->prefetch ? clock_waited() :
							 slot->reply.asked_at);
	dlist_push_tail(&window->pending, &slot->pending_node);
}

/* Moves a slot from the end of the pending ones to where its deadline belongs. */
static void
put_in_order(DnsSlot *slot)
{
	dlist_head *pending = &slot->window->pending;
	dlist_iter	iter;

	dlist_delete(&slot->pending_node);
	dlist_reverse_foreach(iter, pending)
	{
		if (dlist_container(DnsSlot, pending_node, iter.cur)->limit <= slot->limit)
		{
			dlist_insert_after(iter.cur, &slot->pending_node);
			return;
		}
	}
	dlist_push_head(pending, &slot->pending_node);
}

/* Counts a question without a useful answer; server has had its last query. */
static void
count_failure(const DnsSlot *slot, ares_status_t status, int server)
{
	if (!slot->reply.nonexistent)
		slot->window->progress->failed++;
	if (status != ARES_ETIMEOUT)
		return;
	counters.timeouts++;
	if (slot->reply.queries > 0)
		count_silence(slot, server);
}

static void
count_silence(const DnsSlot *slot, int server)
{
	nameserver_tally(slot->window->channel, slot, server)->tally.timeouts++;
}

static void
recycle(DnsSlot *slot)
{
	drop_answer(slot);
	slist_push_head(&slot->window->free, &slot->free_node);
}

static void
drop_answer(DnsSlot *slot)
{
	slot->window->answer_memory -= slot->reply.answer_len;
	pool_give(slot->reply.answer);
	slot->reply.answer = NULL;
	slot->reply.answer_len = 0;
}

/*
 * The deadline of a question that is asked now, on the window's clock.  All calls of a
 * statement and what is asked ahead of them share pgcares.deadline.
 */
static int64
limit_from(const DnsWindow *window, int64 now)
{
	int64		deadline = setting_deadline * INT64CONST(1000);
	int64		limit = now + setting_max_timeout * INT64CONST(1000);

	if (deadline == 0)
		return limit;
	limit = clock_earlier(limit, now + deadline - clock_statement());
	return window->prefetch ? limit : Min(limit, window->opened + deadline);
}
