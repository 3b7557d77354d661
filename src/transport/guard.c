/*
 * guard.c
 *
 * Stands between the wire and the library.  The guard checks every message that comes
 * in (RFC 5452 section 9.1), keeps an answer in the slot of its question, and gives the
 * library a stub with a verdict.  The library never sees octets from the wire, so no
 * answer can harm the queries that share a socket with its question.  Runs inside the
 * library: stores, never raises, never calls back.
 */
#include "postgres.h"

#include "transport/transport.h"

static bool answers_slot(DnsMessage *message, const DnsSlot *slot,
						 const DnsSocket *socket);
static bool is_bare_error(const DnsMessage *message);
static size_t ignore(void);

/*
 * Judges a message that has come in, and writes the stub that the library gets in its
 * place.  stub has room for PLACEHOLDER_STUB_SIZE octets and can be where the message
 * is.  Returns the length of the stub; 0 if the library gets none.
 */
size_t
guard_incoming(DnsChannel *channel, DnsSocket *socket,
			   const uint8 *octets, size_t len, uint8 *stub)
{
	DnsWindow  *window = channel->window;
	DnsMessage	message;
	DnsSlot    *slot;
	DnsProbe   *probe;

	if (window == NULL || !message_open(&message, octets, len) ||
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
				roundtrip_heard(slot, socket->server);
			return guard_judge(channel, socket, slot, &message, stub);
		}
		if (!is_bare_error(&message))
			return ignore();
		/* Over UDP an attacker can guess the id; over TCP he cannot. */
		if (socket->tcp)
			return guard_judge(channel, socket, slot, &message, stub);
		bare_error_note(slot, &message);
		return 0;
	}

	probe = outgoing_probe(channel, message.id);
	if (probe != NULL && probe->socket_serial == socket->serial &&
		message_asks(&message, &probe->question))
	{
		probe->used = false;
		nameserver_heard(channel, socket->tcp);
		return placeholder_write_stub(message.id, VERDICT_DONE, stub);
	}
	return ignore();
}

/*
 * Judges an answer to a slot's question, and writes the stub as guard_incoming() does.
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

	/* A duplicate, or a second server's answer: keep the first. */
	if (slot->reply.answered)
		return placeholder_write_stub(id, VERDICT_DONE, stub);

	counters.answers++;
	nameserver_heard(channel, socket->tcp);

	if ((message->flags & WIRE_TC) && !socket->tcp && !style->ignore_tc)
	{
		slot->tcp = true;
		return placeholder_write_stub(id, VERDICT_USE_TCP, stub);
	}

	sound = sound_message(message);
	if (sound)
		rcode = message_rcode(message);

	if (nameserver_edns_refused(slot, socket->server, rcode) &&
		outgoing_again(channel, slot))
		return 0;
	if (sound)
		nameserver_edns_answered(channel, slot, socket->server, message);

	slot->reply.malformed = !sound;
	counters.malformed += !sound;
	slot->reply.answer_server = socket->server;
	slot->reply.answer_tcp = socket->tcp;
	slot_store(slot, message);

	/* Compressed names point into the question: restore the case of its letters. */
	if (slot->reply.answer != NULL && message->count[0] > 0)
		memcpy(slot->reply.answer + WIRE_HEADER_SIZE, slot->question.name.octets,
			   slot->question.name.len);

	/* Another server can know better; each one is asked once for that. */
	failed = !sound || rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP ||
		rcode == RCODE_REFUSED;
	if (failed && !style->first_answer &&
		++slot->failures < channel->nservers)
		return placeholder_write_stub(id, VERDICT_NEXT_SERVER, stub);

	slot->reply.answered = true;
	pace_answered(&channel->pace, sound ? rcode : RCODE_FORMERR);
	return placeholder_write_stub(id, VERDICT_DONE, stub);
}

/* Counts an unexpected message, of which the library learns nothing. */
static size_t
ignore(void)
{
	counters.ignored++;
	return 0;
}

/*
 * Does a message repeat the question of a slot?  Over UDP the case of letters counts if
 * it was chosen at random.
 */
static bool
answers_slot(DnsMessage *message, const DnsSlot *slot, const DnsSocket *socket)
{
	uint8		sent[WIRE_NAME_MAX];

	if (!message_asks(message, &slot->question))
		return false;
	if (!slot->window->style.dns0x20 || socket->tcp)
		return true;
	slot_write_name(slot, sent);
	return memcmp(message->start + WIRE_HEADER_SIZE, sent,
				  slot->question.name.len) == 0;
}

/*
 * Is this a bare error?  It has neither a question nor records.
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

