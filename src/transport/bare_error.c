/*
 * bare_error.c
 *
 * Errors without a question.  Servers that refuse a client or cannot read a query
 * may leave the question out of their answer, so that nothing but the id tells
 * whose it is, and that can be guessed.  Such an error waits for a moment: where
 * the answer with the question comes meanwhile, it is forgotten.
 */
#include "postgres.h"

#include "transport/transport.h"

/*
 * How long an answer with the question has after one without: microseconds in
 * which the backend waits for it, since while it is busy an answer may be there
 * unread; and at least so many times what answers usually take.
 */
#define BARE_ERROR_WAITS		100000
#define BARE_ERROR_TRIPS		2

/*
 * Keeps an error for the question of a slot.  Called inside the library; never
 * raises.
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
	slot->bare_error_at = clock_slept();
	dlist_push_tail(&slot->window->bare_errors, &slot->bare_error_node);
}

/*
 * Microseconds until settle_bare_errors() may find something to do.
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
		Max(BARE_ERROR_WAITS, BARE_ERROR_TRIPS * window->channel->usual_trip);
}

/*
 * The error that is being settled, if it came on this socket: gives its slot, and the
 * message, which is good until slot_drop_bare_error(); NULL if there is none.  Called
 * inside the library; never raises.
 */
DnsSlot *
bare_error_take(DnsChannel *channel, const DnsSocket *socket, DnsMessage *message)
{
	DnsSlot    *slot = channel->settling;

	if (slot == NULL || slot->bare_error == NULL ||
		slot->socket_serial != socket->serial)
		return NULL;
	channel->settling = NULL;
	(void) wire_open(message, slot->bare_error, slot->bare_error_len);
	return slot;
}
