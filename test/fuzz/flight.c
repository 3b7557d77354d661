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

/*
 * A window with room for this many questions, palloc'd.  The bits of style choose
 * the form of its queries.
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
	channel->slot_of_id = slot_of_id;
	for (int i = 0; i < FLIGHT_SOCKETS; i++)
	{
		flight->sockets[i].fd = -1;
		flight->sockets[i].tcp = (i == FLIGHT_SOCKETS - 1);
		flight->sockets[i].serial = SERIAL(i);
	}
	channel->asked[0].ss_family = AF_INET;
	channel->nasked = 1;
	return flight;
}

/*
 * Puts a question in flight, as if the library had just sent it.
 */
DnsSlot *
flight_ask(Flight *flight, const DnsQuestion *question, int socket, uint16 id)
{
	DnsSlot    *slot = slot_take(&flight->window, question, 0);

	slot->in_flight = true;
	slot->socket_serial = SERIAL(socket);
	flight->sockets[socket].waiting++;
	slot->reply.queries = 1;
	slot->reply.servers_asked = 1;
	placeholder_bind(&flight->channel, slot, id);
	if (!flight->sockets[socket].tcp)
	{
		flight->channel.sent[0] = (DnsSent) {id, SERIAL(socket)};
		flight->channel.nsent = 1;
		flight->channel.sent_at = clock_now();
		roundtrip_sent(&flight->channel);
	}
	return slot;
}

/*
 * Passes the guard a message from a socket.  Checks the stub for the library, and
 * returns its length.
 */
size_t
flight_receive(Flight *flight, int socket, const uint8 *octets, size_t len)
{
	uint8	   *stub = malloc(PLACEHOLDER_STUB_SIZE);
	size_t		stub_len = guard_incoming(&flight->channel,
										  &flight->sockets[socket],
										  octets, len, stub);

	if (stub_len != 0 && stub_len != PLACEHOLDER_STUB_SIZE)
		finding("the library gets %zu octets", stub_len);
	if (stub_len != 0 && memcmp(stub, octets, 2) != 0)
		finding("the library gets another id");
	free(stub);
	return stub_len;
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
		placeholder_unbind(&flight->channel, &window->slots[i]);
		slot_finish(&window->slots[i], ARES_SUCCESS);
		window->slots[i].in_flight = false;
		slot_release(&window->slots[i]);
	}
	if (window->answer_memory != 0)
		finding("%zu octets of answers are left", window->answer_memory);
}
