/*
 * query.c
 *
 * Writes the messages that go out.  The library sends the placeholder; query.c replaces
 * it with the question that its id stands for: any name, any class, EDNS as the settings
 * want it, no cookie.  Runs inside the library: stores, never raises, never calls back.
 */
#include "postgres.h"

#include "transport/transport.h"

static bool send_message(DnsChannel *channel, DnsSocket *socket,
						 const uint8 *message, size_t len);
static void note_round(DnsSlot *slot, int server);
static void note_query(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot);
static inline void count_query(DnsChannel *channel, DnsSlot *slot, int server, bool tcp);
static size_t write_slot(const DnsSlot *slot, const DnsTry *try, uint8 *message);
static size_t write_query(uint16 id, const DnsQuestion *question,
						  const DnsStyle *style, bool edns, uint8 *message);
static const DnsProbe *add_probe(DnsChannel *channel, DnsSocket *socket,
								 uint16 id, const DnsSlot *slot);

/*
 * Writes the message that replaces one from the library.  message has room for
 * GUARD_MAX_QUERY octets.  Returns its length; 0 if there is nothing to send.
 */
size_t
query_replace(DnsChannel *channel, DnsSocket *socket,
				 const uint8 *query, size_t len, uint8 *message)
{
	DnsWindow  *window = channel->window;
	const DnsProbe *probe;
	DnsTally   *tally;
	uint16		id;

	if (len < WIRE_HEADER_SIZE || window == NULL)
		return 0;
	id = wire_u16(query);

	/* The library sends the first query of a slot before it returns the id. */
	if (channel->slot_of_id[id] == 0 && channel->submitting != NULL)
	{
		placeholder_bind(channel, channel->submitting, id);
		channel->submitting = NULL;
	}
	if (channel->slot_of_id[id] > 0)
	{
		DnsSlot    *slot = &window->slots[channel->slot_of_id[id] - 1];

		note_query(channel, socket, slot);
		return write_slot(slot, &slot->tries[0], message);
	}

	/*
	 * The query belongs to no slot.  It is a probe, with which the library finds out
	 * whether a failed server is back: it repeats the question that was sent last.  An
	 * only server gets no probe: then the question was over before its connection stood.
	 */
	if (channel->nservers == 1 || channel->last_slot >= window->used)
		return 0;
	probe = add_probe(channel, socket, id, &window->slots[channel->last_slot]);
	tally = &tally_of(channel->tallies[socket->server], probe->question.type)->tally;
	tally->probes++;
	tally->tcp += socket->tcp;
	counters.queries++;
	counters.tcp_queries += socket->tcp;
	return write_query(id, &probe->question, &window->style,
					   window->style.edns, message);
}

/*
 * Sends the newest query of a question of the burst.  False, with errno, if there is no
 * memory.
 */
bool
query_send(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot)
{
	uint8		message[GUARD_MAX_QUERY];
	DnsTry	   *try = &slot->tries[0];

	try->edns = nameserver_edns_wanted(channel, slot, try->server);
	count_query(channel, slot, try->server, false);
	return udp_send(channel, socket, message, write_slot(slot, try, message));
}

/*
 * Sends a probe of the burst, with the question of a slot.
 */
void
query_send_probe(DnsChannel *channel, DnsSocket *socket, const DnsSlot *slot,
				 uint16 id)
{
	const DnsProbe *probe = add_probe(channel, socket, id, slot);
	const DnsStyle *style = &slot->window->style;
	uint8		message[GUARD_MAX_QUERY];

	nameserver_tally(channel, slot, socket->server)->tally.probes++;
	counters.queries++;
	socket->asked++;
	(void) udp_send(channel, socket, message,
					write_query(id, &probe->question, style, style->edns, message));
}

/*
 * Asks a question of the library once more through the same socket, now without an OPT
 * record.  The query has an id of its own: a duplicate of the error to the one before is
 * no answer to it.  The library knows of one query.  If this one cannot go out, the
 * library asks when it sees the end of the connection, or when the try is over.
 */
void
query_again(DnsChannel *channel, DnsSlot *slot)
{
	DnsTry	   *try = &slot->tries[0];
	DnsSocket  *socket = tries_socket(channel, try);
	uint8		message[GUARD_MAX_QUERY];

	if (socket == NULL || !placeholder_new_id(channel, slot))
		return;					/* closed meanwhile */
	try->answered = false;
	try->sent_at = clock_now();
	if (send_message(channel, socket, message, write_slot(slot, try, message)))
		count_query(channel, slot, try->server, socket->tcp);
}

/*
 * The probe with this id, or NULL.
 */
DnsProbe *
query_probe(DnsChannel *channel, uint16 id)
{
	for (int i = 0; i < MAX_PROBES; i++)
	{
		if (channel->probes[i].used && channel->probes[i].id == id)
			return &channel->probes[i];
	}
	return NULL;
}

/* Notes in a slot and a socket that the library sends the slot's query there. */
static void
note_query(DnsChannel *channel, DnsSocket *socket, DnsSlot *slot)
{
	DnsTry	   *try = &slot->tries[0];
	const DnsSocket *before = placeholder_socket(channel, slot);

	/* It asks again, since nothing has answered its last query. */
	if (before != NULL && !before->ended && !try->answered && slot->reply.queries > 0)
		nameserver_tally(channel, slot, try->server)->tally.timeouts++;
	placeholder_leave_socket(channel, slot);
	try->answered = false;
	try->fd = socket->fd;
	try->socket_serial = socket->serial;
	try->server = socket->server;
	try->edns = nameserver_edns_wanted(channel, slot, socket->server);
	try->sent_at = clock_now();
	if (socket->waiting++ == 0)
		socket->heard_at = try->sent_at;
	slot->tcp = socket->tcp;
	if (!socket->tcp)
		note_round(slot, socket->server);
	count_query(channel, slot, socket->server, socket->tcp);
	channel->last_slot = slot->index;
}

/*
 * Notes the round of a query that the library sends over UDP: it asks each server once
 * before it asks one again.
 */
static void
note_round(DnsSlot *slot, int server)
{
	uint64		bit = UINT64CONST(1) << server;

	if (slot->asked_round & bit)
	{
		slot->tried++;
		slot->asked_round = 0;
	}
	slot->asked_round |= bit;
}

/* Counts a query of a slot to a server. */
static inline void
count_query(DnsChannel *channel, DnsSlot *slot, int server, bool tcp)
{
	DnsTally   *tally = &nameserver_tally(channel, slot, server)->tally;
	uint64		bit = UINT64CONST(1) << server;

	if (slot->reply.queries == 0 && slot->window->of_lane == NULL)
		tally->first++;
	else if (slot->reply.queries == 0 || (slot->reply.servers_asked & bit))
		tally->sent_again++;	/* a lane begins, but has been asked to */
	else
		tally->passed_on++;
	slot->reply.servers_asked |= bit;
	slot->reply.queries++;
	counters.queries++;
	if (tcp)
	{
		tally->tcp++;
		counters.tcp_queries++;
	}
}

static size_t
write_slot(const DnsSlot *slot, const DnsTry *try, uint8 *message)
{
	const DnsStyle *style = &slot->window->style;
	size_t		len = write_query(try->id, &slot->question, style, try->edns,
								  message);

	if (style->dns0x20)
		slot_write_name(slot, message + WIRE_HEADER_SIZE);
	return len;
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
			/* An empty option asks for the identifier (RFC 5001 section 2.1). */
			wire_put_u16(at, EDNS_OPTION_NSID);
			wire_put_u16(at + 2, 0);
			at += 4;
		}
	}
	return at - message;
}

/*
 * Remembers a probe, in the place of the oldest one, which repeats the question of a slot.
 */
static const DnsProbe *
add_probe(DnsChannel *channel, DnsSocket *socket, uint16 id, const DnsSlot *slot)
{
	DnsProbe   *probe = &channel->probes[channel->next_probe];

	channel->next_probe = (channel->next_probe + 1) % MAX_PROBES;
	probe->used = true;
	probe->id = id;
	probe->socket_serial = socket->serial;
	question_copy(&probe->question, &slot->question);
	slot_write_name(slot, probe->question.name.octets);
	return probe;
}

/*
 * Sends a message at once over TCP, with the next flush over UDP.  False, with errno, if
 * the socket does not take it.
 */
static bool
send_message(DnsChannel *channel, DnsSocket *socket,
			 const uint8 *message, size_t len)
{
	if (!socket->tcp)
		return udp_send(channel, socket, message, len);
	return outbox_queue(channel, socket, message, len) &&
		outbox_flush(channel, socket);
}
