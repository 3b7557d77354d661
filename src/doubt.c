/*
 * doubt.c
 *
 * Errors without a question.  Servers that refuse a client or cannot read a query
 * may leave the question out of their answer, so that nothing but the id tells
 * whose it is, and that can be guessed.  Such an error waits for a moment: where
 * the answer with the question comes meanwhile, it is forgotten.
 */
#include "postgres.h"

#include "pgcares.h"

/*
 * How long an answer with the question has after one without: microseconds in
 * which the backend waits for it, since while it is busy an answer may be there
 * unread; and at least so many times what answers usually take.
 */
#define DOUBT_FOR		100000
#define DOUBT_TRIPS		2

/*
 * Keeps an error for the question of a slot.  Called inside the library; never
 * raises.
 */
void
doubt_note(DnsSlot *slot, const DnsMessage *message)
{
	size_t		len = message->end - message->start;

	if (slot->doubt != NULL || slot->done)
		return;
	slot->doubt = malloc(len);
	if (slot->doubt == NULL)
	{
		slot->window->out_of_memory = true;
		return;
	}
	memcpy(slot->doubt, message->start, len);
	slot->doubt_len = len;
	slot->doubt_at = clock_waited();
	dlist_push_tail(&slot->window->doubts, &slot->doubt_node);
}

/*
 * Microseconds until doubt_settle() may find something to do.
 */
int64
doubt_time_left(const DnsWindow *window)
{
	const DnsSlot *slot;

	if (dlist_is_empty(unconstify(dlist_head *, &window->doubts)))
		return PG_INT64_MAX;
	slot = dlist_head_element(DnsSlot, doubt_node,
							  unconstify(dlist_head *, &window->doubts));
	return slot->doubt_at - clock_waited() +
		Max(DOUBT_FOR, DOUBT_TRIPS * window->channel->usual_trip);
}

/*
 * Has the library read the errors that nothing has spoken against, as if they
 * came now.
 */
void
doubt_settle(DnsWindow *window)
{
	DnsChannel *channel = window->channel;

	while (doubt_time_left(window) <= 0)
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, doubt_node,
											  &window->doubts);
		DnsSocket  *socket = placeholder_socket(channel, slot);
		ares_fd_events_t event = {.events = ARES_FD_EVENT_READ};

		if (socket != NULL)
		{
			event.fd = socket->fd;
			channel->settling = slot;
			window->out_of_memory |=
				memory_ran_out(ares_process_fds(channel->ares, &event, 1,
												ARES_PROCESS_FLAG_SKIP_NON_FD));
			channel->settling = NULL;
		}
		slot_drop_doubt(slot);
	}
}

/*
 * What the library gets instead of the error that is settled, if it came on this
 * socket: gives the length, 0 for nothing.  Called inside the library; never raises.
 */
size_t
doubt_take(DnsChannel *channel, DnsSocket *socket, uint8 *stub)
{
	DnsSlot    *slot = channel->settling;
	DnsMessage	message;

	if (slot == NULL || slot->doubt == NULL ||
		slot->socket_serial != socket->serial)
		return 0;
	channel->settling = NULL;
	(void) wire_open(&message, slot->doubt, slot->doubt_len);
	return guard_judge(channel, socket, slot, &message, stub);
}
