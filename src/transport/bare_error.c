/*
 * bare_error.c
 *
 * Errors without a question.  A server that refuses a client or cannot read a query can
 * leave the question out of its answer.  Only the id then tells which query it answers,
 * and an attacker can guess an id.  So a bare error waits for a moment, and an answer
 * with the question that comes meanwhile wins.  Runs inside the library too: stores,
 * never raises.
 */
#include "postgres.h"

#include "transport/transport.h"

/*
 * The time that a bare error waits: this many microseconds, or the time in which the true
 * answer usually comes, but at most this part of a try: names that take a resolver long
 * must not make it longer than that.  Only the time counts in which the backend waits:
 * while it is busy, the answer can be there unread.
 */
#define BARE_ERROR_WAITS	100000
#define BARE_ERROR_PART		4

/*
 * Keeps a copy of a bare error for a slot, if it is the first one.
 */
void
bare_error_note(DnsSlot *slot, const DnsMessage *message)
{
	size_t		len = message->end - message->start;

	if (slot->bare_error != NULL || slot->done)
		return;
	slot->bare_error = malloc(len);
	if (slot->bare_error == NULL)
	{
		slot->window->out_of_memory = true;
		return;
	}
	memcpy(slot->bare_error, message->start, len);
	slot->bare_error_len = len;
	slot->bare_error_id = message->id;
	slot->bare_error_at = clock_slept();
	dlist_push_tail(&slot->window->bare_errors, &slot->bare_error_node);
}

/*
 * Microseconds until the first bare error of a window must be settled (wait.c).
 */
int64
bare_error_time_left(const DnsWindow *window)
{
	const DnsSlot *slot;

	if (dlist_is_empty(unconstify(dlist_head *, &window->bare_errors)))
		return PG_INT64_MAX;
	slot = dlist_head_element(DnsSlot, bare_error_node,
							  unconstify(dlist_head *, &window->bare_errors));
	return slot->bare_error_at - clock_slept() +
		clock_earlier(clock_later(BARE_ERROR_WAITS, roundtrip_timeout(window->channel)),
					  window->channel->config.timeout * INT64CONST(1000) / BARE_ERROR_PART);
}

/*
 * Opens the bare error of a slot.  Returns the query that it answers, or NULL if too many
 * have gone out since.  The message is good until slot_drop_bare_error().
 */
DnsTry *
bare_error_open(DnsSlot *slot, DnsMessage *message)
{
	(void) message_open(message, slot->bare_error, slot->bare_error_len);
	return tries_of_id(slot, slot->bare_error_id);
}
