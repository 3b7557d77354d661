/*
 * flight.c
 *
 * Questions in flight: a window and a channel in the state of waiting for answers,
 * without the library and without a network.  The guard gets messages as from
 * socket.c.
 */
#include "postgres.h"

#include "fuzz.h"

#define SERIAL(socket)	((socket) + 1)

static uint16 slot_of_id[MAX_QUERY_IDS];
static uint16 slot_of_own_id[MAX_QUERY_IDS];

/*
 * A window with room for this many questions, palloc'd.  The bits of style choose
 * the form of its queries, and whether the burst or the library asks over UDP.
 */
Flight *
flight_open(uint8 style, int capacity)
{
	Flight	   *flight = palloc0(sizeof(Flight));
	DnsWindow  *window = &flight->window;
	DnsChannel *channel = &flight->channel;

	window_init(window, CurrentMemoryContext, capacity);
	window->channel = channel;
	window->answer_memory_limit = 1024 * 1024;
	window->style.rd = true;
	window->style.edns = (style & 1) != 0;
	window->style.dns0x20 = (style & 2) != 0;
	window->style.ignore_tc = (style & 4) != 0;
	window->style.first_answer = (style & 8) != 0;
	window->style.ad = (style & 16) != 0;

	channel->window = window;
	channel->nservers = (style & 32) != 0 ? 2 : 1;
	channel->config.timeout = 2000;
	channel->sockets = flight->of_fd;
	channel->max_sockets = FLIGHT_SOCKETS;
	channel->slot_of_id = slot_of_id;
	channel->slot_of_own_id = slot_of_own_id;
	for (int i = 0; i < FLIGHT_SOCKETS; i++)
	{
		flight->sockets[i].fd = i;
		flight->of_fd[i] = &flight->sockets[i];
		flight->sockets[i].tcp = (i == FLIGHT_SOCKETS - 1);
		flight->sockets[i].serial = SERIAL(i);
		flight->sockets[i].burst = (style & 64) != 0 && !flight->sockets[i].tcp;
	}
	channel->asked[0].ss_family = AF_INET;
	channel->tallies[0] = tally_server((struct sockaddr *) &channel->asked[0]);
	channel->nasked = 1;
	return flight;
}

/*
 * Puts a question in flight, as if its query had just been sent.
 */
DnsSlot *
flight_ask(Flight *flight, const DnsQuestion *question, int socket, uint16 id)
{
	DnsSlot    *slot = slot_take(&flight->window, question, 0);

	if (flight->sockets[socket].burst)
	{
		(void) tries_add(slot, &flight->sockets[socket], id);
		tries_enter(slot, BURST_FRESH);
	}
	else
	{
		slot->in_flight = true;
		slot->tries[0].fd = socket;
		slot->tries[0].socket_serial = SERIAL(socket);
		slot->tries[0].sent_at = clock_now();
		flight->sockets[socket].waiting++;
		placeholder_bind(&flight->channel, slot, id);
	}
	slot->reply.queries = 1;
	slot->reply.servers_asked = 1;
	return slot;
}

/*
 * Passes the guard a message from a socket.  Checks the verdict; true if there is one.
 */
bool
flight_receive(Flight *flight, int socket, const uint8 *octets, size_t len)
{
	DnsVerdict	verdict;

	if (!guard_incoming(&flight->channel, &flight->sockets[socket], octets, len,
						&verdict))
		return false;
	/* The library knows the query by the first id that the question had. */
	if (verdict.id != (flight->sockets[socket].burst ? wire_u16(octets) :
					   verdict.slot->library_id))
		finding("a verdict on another id");
	if (verdict.flags != VERDICT_DONE && verdict.flags != VERDICT_NEXT_SERVER &&
		verdict.flags != VERDICT_USE_TCP &&
		(verdict.flags != VERDICT_WITHOUT_EDNS || !flight->sockets[socket].burst))
		finding("a verdict that is none");
	return true;
}

/*
 * Frees all of it.
 */
void
flight_close(Flight *flight)
{
	DnsWindow  *window = &flight->window;

	for (int i = 0; i < window->used; i++)
	{
		DnsSlot    *slot = &window->slots[i];

		if (slot->burst == BURST_NONE)
		{
			placeholder_unbind(&flight->channel, slot);
			slot->in_flight = false;
		}
		slot_finish(slot, ARES_SUCCESS);
		slot_release(slot);
	}
	if (window->answer_memory != 0)
		finding("%zu octets of answers are left", window->answer_memory);
	for (int i = 0; i < FLIGHT_SOCKETS; i++)
	{
		if (flight->sockets[i].waiting != 0)
			finding("%d questions wait on a socket", flight->sockets[i].waiting);
	}
}
