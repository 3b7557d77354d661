/*
 * placeholder.c
 *
 * The trick on which the engine rests.  The library schedules queries and knows none
 * of the questions.  For each it gets the same one, the placeholder ". A":
 *
 *   window_send() asks the library for ". A"     the library chooses the id 4711
 *   4711 stands for slot 12, "MX example.com"    that is what goes out (query.c)
 *   an answer to 4711 comes in                   the guard checks it, and stores it in
 *                                                slot 12 (guard.c)
 *   the library reads a stub: ". A" again,       the verdict is its rcode: done, ask the
 *   with the id 4711 and a verdict               next server, or use TCP
 *
 * A server that refuses EDNS is asked once more, which the library does not notice: that
 * query has an id of its own on the wire, and 4711 stands for it in the stub.
 *
 * Runs inside the library: stores, never raises, never calls back.
 */
#include "postgres.h"

#include "flight/flight.h"

static void drop_own_id(DnsChannel *channel, const DnsSlot *slot);

/*
 * Notes that the library's query id stands for a slot's question, unless that is known.
 */
void
placeholder_bind(DnsChannel *channel, DnsSlot *slot, uint16 id)
{
	if (channel->slot_of_id[id] == slot->index + 1)
		return;
	channel->slot_of_id[id] = slot->index + 1;
	slot->library_id = id;
	slot->tries[0].id = id;
	slot->ntries = 1;
	/* Another question of the library could go out with it already. */
	if (channel->slot_of_own_id[id] != 0)
		(void) placeholder_new_id(channel, slot);
}

/*
 * Lets the library's query for a slot go out with an id of its own from now on, which the
 * library does not know.  Answers with the id before are ignored.  False if there are no
 * random numbers.
 */
bool
placeholder_new_id(DnsChannel *channel, DnsSlot *slot)
{
	uint16		id;

	do
	{
		if (!tries_new_id(channel, &id))
			return false;
	} while (channel->slot_of_id[id] != 0);
	drop_own_id(channel, slot);
	channel->slot_of_own_id[id] = slot->index + 1;
	slot->tries[0].id = id;
	return true;
}

/*
 * Forgets the id and the socket of a slot whose query is over.
 */
void
placeholder_unbind(DnsChannel *channel, DnsSlot *slot)
{
	if (slot->ntries > 0)
	{
		drop_own_id(channel, slot);
		channel->slot_of_id[slot->library_id] = 0;
	}
	placeholder_leave_socket(channel, slot);
	slot->ntries = 0;
}

/*
 * A slot's question no longer waits on the socket of its last query.
 */
void
placeholder_leave_socket(DnsChannel *channel, DnsSlot *slot)
{
	DnsSocket  *socket = placeholder_socket(channel, slot);

	if (socket != NULL)
		socket->waiting--;
	slot->tries[0].socket_serial = 0;
}

/*
 * The socket of a slot's last query; NULL if it is closed.
 */
DnsSocket *
placeholder_socket(const DnsChannel *channel, const DnsSlot *slot)
{
	return tries_socket(channel, &slot->tries[0]);
}

/*
 * Writes the stub that tells the library that a query is done.  Returns its length.
 */
size_t
placeholder_write_done(uint16 id, uint8 *stub)
{
	return placeholder_write_stub(id, VERDICT_DONE, stub);
}

/*
 * Writes the stub that tells the library what to do next about a query: the
 * placeholder question as a reply, with a verdict.  stub has room for
 * PLACEHOLDER_STUB_SIZE octets.  Returns the length.
 */
size_t
placeholder_write_stub(uint16 id, uint16 verdict, uint8 *stub)
{
	memset(stub, 0, PLACEHOLDER_STUB_SIZE);
	wire_put_u16(stub, id);
	wire_put_u16(stub + 2, WIRE_QR | WIRE_RD | verdict);
	wire_put_u16(stub + 4, 1);
	/* The root is the octet 0. */
	wire_put_u16(stub + WIRE_HEADER_SIZE + 1, DNS_TYPE_A);
	wire_put_u16(stub + WIRE_HEADER_SIZE + 3, DNS_CLASS_IN);
	return PLACEHOLDER_STUB_SIZE;
}

/* Frees the id with which the query of a slot goes out, if the library does not know it. */
static void
drop_own_id(DnsChannel *channel, const DnsSlot *slot)
{
	if (slot->tries[0].id != slot->library_id)
		channel->slot_of_own_id[slot->tries[0].id] = 0;
}
