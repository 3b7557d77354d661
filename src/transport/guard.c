/*
 * guard.c
 *
 * Stands between the wire and who asks: the library or the burst.  The guard checks every
 * message that comes in (RFC 5452 section 9.1), keeps an answer in the slot of its
 * question, and gives a verdict.  The library gets it as a stub and never sees octets
 * from the wire, so no answer can harm the queries that share a socket with its question.
 * Runs inside the library too: stores, never raises, never calls back.
 */
#include "postgres.h"

#include "transport/transport.h"

static bool answers_slot(DnsMessage *message, const DnsSlot *slot,
						 const DnsSocket *socket);
static bool is_bare_error(const DnsMessage *message);
static bool ignore(const DnsChannel *channel, const DnsSocket *socket);
static inline TallyAnswer kind_of(const DnsMessage *message, const DnsQuestion *question,
								  bool sound, int rcode, bool failed);
static TallyAnswer kind_of_records(const DnsMessage *message, const DnsQuestion *question);

/*
 * Judges a message that has come in.  False if there is no verdict on a query.
 */
bool
guard_incoming(DnsChannel *channel, DnsSocket *socket,
			   const uint8 *octets, size_t len, DnsVerdict *verdict)
{
	DnsMessage	message;
	DnsSlot    *slot = NULL;
	DnsTry	   *try;
	DnsProbe   *probe;

	if (channel->window == NULL || !message_open(&message, octets, len) ||
		!(message.flags & WIRE_QR) || (message.flags & WIRE_OPCODE_MASK) != 0)
		return ignore(channel, socket);

	try = tries_find(channel, socket, message.id, &slot);
	if (try != NULL)
	{
		if (answers_slot(&message, slot, socket))
		{
			if (!slot->reply.answered)
				roundtrip_heard(slot, try, socket->tcp);
			return guard_judge(channel, slot, try, socket->tcp, &message, verdict);
		}
		if (!is_bare_error(&message))
			return ignore(channel, socket);
		/* Over UDP an attacker can guess the id; over TCP he cannot. */
		if (socket->tcp)
			return guard_judge(channel, slot, try, true, &message, verdict);
		bare_error_note(slot, &message);
		return false;
	}

	probe = query_probe(channel, message.id);
	if (probe != NULL && probe->socket_serial == socket->serial &&
		message_asks(&message, &probe->question))
	{
		probe->used = false;
		nameserver_heard(channel, socket->tcp);
		verdict->slot = NULL;
		verdict->id = message.id;
		verdict->flags = VERDICT_DONE;
		return true;
	}
	return ignore(channel, socket);
}

/*
 * Judges an answer to a query of a slot's question, as guard_incoming() does.
 */
bool
guard_judge(DnsChannel *channel, DnsSlot *slot, DnsTry *try, bool tcp,
			DnsMessage *message, DnsVerdict *verdict)
{
	const DnsStyle *style = &slot->window->style;
	int			rcode = message->flags & WIRE_RCODE_MASK;
	TallyAnswer kind;
	bool		sound;
	bool		failed;

	verdict->slot = slot;
	verdict->id = slot->burst != BURST_NONE ? try->id : slot->library_id;
	verdict->flags = VERDICT_DONE;
	/* A duplicate, or a second server's answer: keep the first. */
	if (slot->reply.answered)
		return true;
	/* A failure that comes twice counts once. */
	if (slot->elsewhere)
		return false;

	counters.answers++;
	try->answered = true;
	nameserver_heard(channel, tcp);

	if ((message->flags & WIRE_TC) && !tcp && !style->ignore_tc)
	{
		slot->tcp = true;
		verdict->flags = VERDICT_USE_TCP;
		return true;
	}

	sound = sound_message(message);
	if (sound)
		rcode = message_rcode(message);

	if (nameserver_edns_refused(slot, try, rcode))
	{
		if (slot->burst != BURST_NONE)
		{
			verdict->flags = VERDICT_WITHOUT_EDNS;
			return true;
		}
		query_again(channel, slot);
		return false;
	}
	if (sound)
		nameserver_edns_answered(channel, slot, try->server, message);

	slot->reply.malformed = !sound;
	counters.malformed += !sound;
	slot->reply.answer_server = try->server;
	slot->reply.answer_tcp = tcp;
	slot_store(slot, message);

	/* Compressed names point into the question: restore the case of its letters. */
	if (slot->reply.answer != NULL && message->count[0] > 0)
		memcpy(slot->reply.answer + WIRE_HEADER_SIZE, slot->question.name.octets,
			   slot->question.name.len);

	/* Another server can know better; each one is asked once for that. */
	failed = !sound || rcode == RCODE_SERVFAIL || rcode == RCODE_NOTIMP ||
		rcode == RCODE_REFUSED || (style->rd && message_is_referral(message));
	kind = kind_of(message, &slot->question, sound, rcode, failed);
	nameserver_tally(channel, slot, try->server)->tally.answers[kind]++;
	if (failed && !style->first_answer &&
		++slot->failures < channel->nservers)
	{
		/* For the library, the server would have failed: the burst or a lane goes on. */
		slot->elsewhere = slot->burst == BURST_NONE && slot->window->of_lane == NULL;
		verdict->flags = slot->elsewhere ? VERDICT_DONE : VERDICT_NEXT_SERVER;
		return true;
	}

	slot->reply.answered = true;
	if (kind > TALLY_NXDOMAIN)
		slot->window->progress->failed++;
	if (!tcp)
		pace_answered(&channel->pace);
	return true;
}

/*
 * The kind of an answer that can have aliases: as its outcome, except that an alias that
 * leads on is a record.
 */
static TallyAnswer
kind_of_records(const DnsMessage *message, const DnsQuestion *question)
{
	DnsName		owner;
	DnsCursor	cursor;
	DnsRR		rr;

	switch (alias_follow(message, question, &owner))
	{
		case ALIAS_RECORDS:
			return TALLY_NOERROR;
		case ALIAS_NO_RECORDS:
			message_section(message, DNS_AUTHORITY, &cursor);
			while (message_next(&cursor, &rr))
			{
				if (rr.type == DNS_TYPE_SOA)
					return TALLY_NODATA;
			}
			return name_equal(&owner, &question->name) ? TALLY_NODATA : TALLY_NOERROR;
		default:
			return TALLY_MALFORMED;
	}
}

/* Counts an unexpected message, on which there is no verdict. */
static bool
ignore(const DnsChannel *channel, const DnsSocket *socket)
{
	tally_ignored(channel->tallies[socket->server]);
	counters.ignored++;
	return false;
}

/* The kind of an answer; failed tells whether another server can know better. */
static inline TallyAnswer
kind_of(const DnsMessage *message, const DnsQuestion *question, bool sound, int rcode,
		bool failed)
{
	if (!sound)
		return TALLY_MALFORMED;
	if (rcode == RCODE_NOERROR && message->count[DNS_ANSWER] > 0)
	{
		const uint8 *first = message->start + message->places.section[DNS_ANSWER];

		/* Nearly always it belongs to a name in the question. */
		return (*first & WIRE_POINTER) == WIRE_POINTER && wire_u16(first + 2) == question->type ?
			TALLY_NOERROR : kind_of_records(message, question);
	}
	if (rcode == RCODE_NOERROR)
		return failed ? TALLY_OTHER : TALLY_NODATA;
	return rcode == RCODE_NXDOMAIN ? TALLY_NXDOMAIN :
		rcode == RCODE_SERVFAIL ? TALLY_SERVFAIL :
		rcode == RCODE_REFUSED ? TALLY_REFUSED : TALLY_OTHER;
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

