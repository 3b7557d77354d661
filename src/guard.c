/*
 * guard.c
 *
 * Stands between the wire and the library.  It checks every message that comes in
 * (RFC 5452 section 9.1), keeps the sound ones for their questions, and tells the
 * library no more than what it has to do next: the library never sees a
 * stranger's octets, so no answer can harm the queries that share a socket with
 * its question.  Runs inside the library: stores, never raises, never calls back.
 */
#include "postgres.h"

#include "pgcares.h"

/*
 * What the library is told.  With the first the query is done: no other rcode
 * is taken without a retry, a mark against the server or an effect on the time
 * that it waits for others.  With the second the next server is asked, with the
 * third the same question goes over TCP.
 */
#define VERDICT_DONE		11	/* DSOTYPENI */
#define VERDICT_NEXT_SERVER RCODE_SERVFAIL
#define VERDICT_USE_TCP		WIRE_TC

static size_t write_stub(uint16 id, uint16 verdict, uint8 *stub);
static bool answers_slot(DnsMessage *message, const DnsSlot *slot,
						 const DnsSocket *socket);
static bool is_bare_error(const DnsMessage *message);
static size_t ignore(void);

/*
 * Notes that the library's query id stands for a slot's question.
 */
void
guard_bind(DnsChannel *channel, DnsSlot *slot, uint16 id)
{
	channel->slot_of_id[id] = slot->index + 1;
	slot->id = id;
}

/*
 * Forgets the id of a slot whose query is over.
 */
void
guard_unbind(DnsChannel *channel, DnsSlot *slot)
{
	if (channel->slot_of_id[slot->id] == slot->index + 1)
		channel->slot_of_id[slot->id] = 0;
	guard_leave_socket(channel, slot);
}

/*
 * A slot's question no longer waits on the socket of its last query.
 */
void
guard_leave_socket(DnsChannel *channel, DnsSlot *slot)
{
	DnsSocket  *socket = guard_socket(channel, slot);

	if (socket != NULL)
		socket->waiting--;
	slot->socket_serial = 0;
}

/*
 * Judges a message that has come in, and writes what the library gets in its
 * place; stub has room for GUARD_STUB_SIZE octets and may be where the message
 * is.  Gives the length of that, 0 for a message that is to be ignored.
 */
size_t
guard_incoming(DnsChannel *channel, DnsSocket *socket,
			   const uint8 *octets, size_t len, uint8 *stub)
{
	DnsWindow  *window = channel->window;
	DnsMessage	message;
	DnsSlot    *slot;
	DnsProbe   *probe;

	if (window == NULL || !wire_open(&message, octets, len) ||
		!(message.flags & WIRE_QR) || (message.flags & WIRE_OPCODE_MASK) != 0)
		return ignore();

	if (channel->slot_of_id[message.id] > 0)
	{
		slot = &window->slots[channel->slot_of_id[message.id] - 1];
		if (slot->socket_serial != socket->serial)
			return ignore();
		if (answers_slot(&message, slot, socket))
		{
			if (!socket->tcp && !slot->reply.answered)
				resend_heard(slot, socket->server);
			return guard_judge(channel, socket, slot, &message, stub);
		}
		if (!is_bare_error(&message))
			return ignore();
		/* Somebody may have guessed the id, which does not happen over TCP. */
		if (socket->tcp)
			return guard_judge(channel, socket, slot, &message, stub);
		doubt_note(slot, &message);
		return 0;
	}

	probe = outgoing_probe(channel, message.id);
	if (probe != NULL && probe->socket_serial == socket->serial &&
		wire_asks(&message, &probe->question))
	{
		probe->used = false;
		refused_heard(channel, socket->tcp);
		return write_stub(message.id, VERDICT_DONE, stub);
	}
	return ignore();
}

/*
 * Judges the answer to a slot's question, and writes what the library gets in its
 * place, as guard_incoming() does.
 */
size_t
guard_judge(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot,
			DnsMessage *message, uint8 *stub)
{
	const DnsStyle *style = &slot->window->style;
	uint16		id = message->id;
	int			rcode = message->flags & WIRE_RCODE_MASK;
	bool		sound;
	bool		failed;

	/* Said twice, or by another server too: the first word counts. */
	if (slot->reply.answered)
		return write_stub(id, VERDICT_DONE, stub);

	counters.answers++;
	refused_heard(channel, socket->tcp);

	if ((message->flags & WIRE_TC) && !socket->tcp && !style->ignore_tc)
	{
		slot->tcp = true;
		return write_stub(id, VERDICT_USE_TCP, stub);
	}

	sound = wire_sound(message);
	if (sound)
		rcode = wire_rcode(message);

	if (edns_refused(slot, socket->server, rcode) &&
		outgoing_again(channel, slot))
		return 0;
	if (sound)
		edns_answered(channel, slot, socket->server, message);

	slot->reply.malformed = !sound;
	counters.malformed += !sound;
	slot->reply.answer_server = socket->server;
	slot->reply.answer_tcp = socket->tcp;
	slot_store(slot, message);

	/* Compressed names point into the question: give it back its letters. */
	if (slot->reply.answer != NULL && message->count[0] > 0)
		memcpy(slot->reply.answer + WIRE_HEADER_SIZE, slot->question.name.octets,
			   slot->question.name.len);

	/* Another server may know better; each one is asked once for that. */
	failed = !sound || rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP ||
		rcode == RCODE_REFUSED;
	if (failed && !style->first_answer &&
		++slot->failures < channel->nservers)
		return write_stub(id, VERDICT_NEXT_SERVER, stub);

	slot->reply.answered = true;
	pace_answered(&channel->pace, sound ? rcode : RCODE_FORMERR);
	return write_stub(id, VERDICT_DONE, stub);
}

/*
 * The socket of a slot's last query; NULL if it is closed.
 */
DnsSocket *
guard_socket(const DnsChannel *channel, const DnsSlot *slot)
{
	DnsSocket  *socket = slot->fd < channel->max_sockets ?
		channel->sockets[slot->fd] : NULL;

	return socket != NULL && socket->serial == slot->socket_serial ?
		socket : NULL;
}

/*
 * The slot whose query on the socket with this serial has the id; NULL if there is
 * none.
 */
DnsSlot *
guard_slot(const DnsChannel *channel, uint32 socket_serial, uint16 id)
{
	DnsSlot    *slot;

	if (channel->slot_of_id[id] == 0 || channel->window == NULL)
		return NULL;
	slot = &channel->window->slots[channel->slot_of_id[id] - 1];
	return slot->socket_serial == socket_serial ? slot : NULL;
}

/*
 * Writes what tells the library that a query is done, without an answer; gives
 * the length.
 */
size_t
guard_write_done(uint16 id, uint8 *stub)
{
	return write_stub(id, VERDICT_DONE, stub);
}

/* What was not expected is as if it had never come. */
static size_t
ignore(void)
{
	counters.ignored++;
	return 0;
}

/*
 * Is this the reply to what was asked?  Over UDP the case of letters may count, if
 * it was chosen at random.
 */
static bool
answers_slot(DnsMessage *message, const DnsSlot *slot, const DnsSocket *socket)
{
	uint8		sent[WIRE_NAME_MAX];

	if (!wire_asks(message, &slot->question))
		return false;
	if (!slot->window->style.dns0x20 || socket->tcp)
		return true;
	slot_write_name(slot, sent);
	return memcmp(message->start + WIRE_HEADER_SIZE, sent,
				  slot->question.name.len) == 0;
}

/*
 * Is this an error of a server that leaves the question out, as some do that
 * refuse a client or cannot read a query?  It has no records.
 */
static bool
is_bare_error(const DnsMessage *message)
{
	int			rcode = message->flags & WIRE_RCODE_MASK;

	return message->count[0] == 0 && message->count[DNS_ANSWER] == 0 &&
		message->count[DNS_AUTHORITY] == 0 && !(message->flags & WIRE_TC) &&
		(rcode == RCODE_FORMERR || rcode == RCODE_SERVFAIL ||
		 rcode == RCODE_NOTIMP || rcode == RCODE_REFUSED);
}

/* The placeholder question as a reply. */
static size_t
write_stub(uint16 id, uint16 verdict, uint8 *stub)
{
	memset(stub, 0, GUARD_STUB_SIZE);
	wire_put_u16(stub, id);
	wire_put_u16(stub + 2, WIRE_QR | WIRE_RD | verdict);
	wire_put_u16(stub + 4, 1);
	/* The root is the octet 0. */
	wire_put_u16(stub + WIRE_HEADER_SIZE + 1, DNS_TYPE_A);
	wire_put_u16(stub + WIRE_HEADER_SIZE + 3, DNS_CLASS_IN);
	return GUARD_STUB_SIZE;
}
