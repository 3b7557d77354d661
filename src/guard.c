/*
 * guard.c
 *
 * Stands between the library and the wire.  Outwards it replaces the
 * placeholder question by the message of the question that its id stands for:
 * any name, any class, EDNS as the settings want it, no cookie.  Inwards it
 * checks every message (RFC 5452 section 9.1), keeps the sound ones for their
 * questions, and tells the library no more than what it has to do next: the
 * library never sees a stranger's octets, so no answer can harm the queries
 * that share a socket with its question.  Runs inside the library: stores,
 * never raises, never calls back.
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

static void leave_socket(DnsChannel *channel, DnsSlot *slot);
static DnsProbe *find_probe(DnsChannel *channel, uint16 id);
static const DnsProbe *add_probe(DnsChannel *channel, DnsSocket *socket,
								 uint16 id);
static size_t write_query(uint16 id, const DnsQuestion *question,
						  const DnsStyle *style, bool edns, uint8 *message);
static size_t write_stub(uint16 id, uint16 verdict, uint8 *stub);
static bool answers_question(const DnsMessage *message,
							 const DnsQuestion *asked, bool exact);
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
	leave_socket(channel, slot);
}

/*
 * Writes the message that takes the place of one from the library; message has
 * room for GUARD_MAX_QUERY octets.  Gives its length, 0 for nothing to send.
 */
size_t
guard_outgoing(DnsChannel *channel, DnsSocket *socket,
			   const uint8 *query, size_t len, uint8 *message)
{
	DnsWindow  *window = channel->window;
	const DnsProbe *probe;
	DnsSlot    *slot;
	uint16		id;

	if (len < WIRE_HEADER_SIZE || window == NULL)
		return 0;
	id = wire_u16(query);

	/* The first query of a slot is sent before we are told its id. */
	if (channel->slot_of_id[id] == 0 && channel->submitting != NULL)
	{
		guard_bind(channel, channel->submitting, id);
		channel->submitting = NULL;
	}
	if (channel->slot_of_id[id] > 0)
	{
		slot = &window->slots[channel->slot_of_id[id] - 1];
		leave_socket(channel, slot);
		doubt_forget(slot);
		slot->fd = socket->fd;
		slot->socket_serial = socket->serial;
		if (socket->waiting++ == 0)
			socket->heard_at = clock_now();
		slot->server = socket->server;
		slot->reply.servers_asked |= UINT64CONST(1) << socket->server;
		slot->edns = edns_wanted(channel, slot, socket->server);
		slot->reply.queries++;
		counters.queries++;
		counters.tcp_queries += socket->tcp;
		resend_begin(slot);
		channel->last_question = slot->asked;
		return write_query(id, &slot->asked, &window->style, slot->edns,
						   message);
	}

	/*
	 * A query nobody submitted: the library copies one to find out whether a
	 * failed server is back.
	 */
	probe = add_probe(channel, socket, id);
	if (probe == NULL)
		return 0;
	return write_query(id, &probe->question, &window->style,
					   window->style.edns, message);
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
		if (answers_question(&message, &slot->asked,
							 window->style.dns0x20 && !socket->tcp))
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

	probe = find_probe(channel, message.id);
	if (probe != NULL && probe->socket_serial == socket->serial &&
		answers_question(&message, &probe->question, false))
	{
		probe->used = false;
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
			const DnsMessage *message, uint8 *stub)
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

	if ((message->flags & WIRE_TC) && !socket->tcp && !style->ignore_tc)
		return write_stub(id, VERDICT_USE_TCP, stub);

	sound = wire_sound(message);
	if (sound)
		rcode = wire_rcode(message);

	if (edns_refused(slot, socket->server, rcode) &&
		guard_ask_again(channel, slot))
		return 0;
	if (sound)
		edns_answered(channel, slot, socket->server, message);

	slot->reply.malformed = !sound;
	counters.malformed += !sound;
	slot->reply.answer_server = socket->server;
	slot->reply.answer_tcp = socket->tcp;
	slot_store(slot, message->start, message->end - message->start);

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
 * Sends a slot's question once more, on the socket of its last query.  False
 * where that cannot be done.
 */
bool
guard_ask_again(DnsChannel *channel, DnsSlot *slot)
{
	DnsSocket  *socket = guard_socket(channel, slot);
	uint8		message[GUARD_MAX_QUERY];
	size_t		len;

	if (socket == NULL)
		return false;			/* closed meanwhile */
	if (socket->out_waits)
		return false;			/* it may not have been sent yet */
	len = write_query(slot->id, &slot->asked, &slot->window->style, slot->edns,
					  message);
	if (!socket_send_message(channel, socket, message, len))
		return false;
	slot->reply.queries++;
	counters.queries++;
	return true;
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
 * The slot whose query on this socket has the id; NULL if there is none.
 */
DnsSlot *
guard_slot(const DnsChannel *channel, const DnsSocket *socket, uint16 id)
{
	DnsSlot    *slot;

	if (channel->slot_of_id[id] == 0 || channel->window == NULL)
		return NULL;
	slot = &channel->window->slots[channel->slot_of_id[id] - 1];
	return slot->socket_serial == socket->serial ? slot : NULL;
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

/* A slot's question no longer waits on the socket of its last query. */
static void
leave_socket(DnsChannel *channel, DnsSlot *slot)
{
	DnsSocket  *socket = guard_socket(channel, slot);

	if (socket != NULL)
		socket->waiting--;
	slot->socket_serial = 0;
}

/* What was not expected is as if it had never come. */
static size_t
ignore(void)
{
	counters.ignored++;
	return 0;
}

/*
 * Is this the reply to what was asked?  exact: the case of letters counts, since
 * it was chosen at random.
 */
static bool
answers_question(const DnsMessage *message, const DnsQuestion *asked,
				 bool exact)
{
	DnsQuestion question;
	const uint8 *pos;

	if (!wire_question(message, &question, &pos) ||
		question.type != asked->type || question.class != asked->class ||
		!name_equal(&question.name, &asked->name))
		return false;
	return !exact ||
		memcmp(question.name.octets, asked->name.octets, asked->name.len) == 0;
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

static size_t
write_query(uint16 id, const DnsQuestion *question, const DnsStyle *style,
			bool edns, uint8 *message)
{
	uint8	   *at = message + WIRE_HEADER_SIZE;

	memset(message, 0, WIRE_HEADER_SIZE);
	wire_put_u16(message, id);
	wire_put_u16(message + 2,
				 (style->rd ? WIRE_RD : 0) | (style->ad ? WIRE_AD : 0) |
				 (style->cd ? WIRE_CD : 0));
	wire_put_u16(message + 4, 1);
	wire_put_u16(message + 10, edns ? 1 : 0);

	memcpy(at, question->name.octets, question->name.len);
	at += question->name.len;
	wire_put_u16(at, question->type);
	wire_put_u16(at + 2, question->class);
	at += 4;

	if (edns)
	{
		/* RFC 6891 section 6.1.2: root, OPT, size, flags, options. */
		*at++ = 0;
		wire_put_u16(at, DNS_TYPE_OPT);
		wire_put_u16(at + 2, style->edns_udp_size);
		wire_put_u16(at + 4, 0);
		wire_put_u16(at + 6, style->dnssec ? EDNS_DO : 0);
		wire_put_u16(at + 8, question->nsid ? 4 : 0);
		at += 10;
		if (question->nsid)
		{
			/* An empty one asks for it (RFC 5001 section 2.1). */
			wire_put_u16(at, EDNS_OPTION_NSID);
			wire_put_u16(at + 2, 0);
			at += 4;
		}
	}
	return at - message;
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

static DnsProbe *
find_probe(DnsChannel *channel, uint16 id)
{
	for (int i = 0; i < MAX_PROBES; i++)
	{
		if (channel->probes[i].used && channel->probes[i].id == id)
			return &channel->probes[i];
	}
	return NULL;
}

/* Remembers a probe, in the place of the oldest one if need be. */
static const DnsProbe *
add_probe(DnsChannel *channel, DnsSocket *socket, uint16 id)
{
	DnsProbe   *probe = &channel->probes[channel->next_probe];

	if (channel->last_question.name.len == 0)
		return NULL;
	channel->next_probe = (channel->next_probe + 1) % MAX_PROBES;
	probe->used = true;
	probe->id = id;
	probe->socket_serial = socket->serial;
	probe->question = channel->last_question;
	return probe;
}
