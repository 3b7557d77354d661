/*
 * chain.c
 *
 * A chain of aliases that an answer leaves open (RFC 1034 section 5.3.3, step 4c): some
 * servers stop after a few steps, or at the end of their zones.  The last name is asked
 * for in the same slot, as soon as the window has room.  At the end, the steps are written
 * into the last answer, as CNAME records, so whoever reads it finds one whole chain, which
 * alias.c follows.  That answer is no longer empty, so the reply notes if it was a
 * referral.  If no answer comes for the last name, or none that can be read, they
 * stand in a message of their own, so that an error can tell the way.
 *
 *   question a      answer: a -> b, b -> c      question c      answer: c = 192.0.2.1
 *   slot's reply:   c = 192.0.2.1, a -> b, b -> c
 */
#include "postgres.h"

#include "engine/engine.h"

/* The most octets of a message that has only a question. */
#define QUESTION_MAX	(WIRE_HEADER_SIZE + WIRE_NAME_MAX + 4)

/* The names of a chain so far, from the question's to the one that is asked for. */
typedef struct DnsChain
{
	DnsName		names[ALIAS_MAX_NAMES];
	int			count;
	DnsReply	reply;			/* when and how often its earlier names were asked */
} DnsChain;

static bool has_alias(const DnsSlot *slot);
static bool is_open(const DnsSlot *slot, const DnsMessage *message);
static void extend(DnsSlot *slot, const DnsMessage *message);
static bool is_known(const DnsChain *chain, const DnsName *name);
static void chain_wait(DnsSlot *slot);
static void ask_last(DnsWindow *window);
static void close_chain(DnsSlot *slot);
static void write_question(const DnsSlot *slot, uint8 *octets, DnsMessage *message);
static size_t write_whole(const DnsChain *chain, const DnsMessage *message,
						  uint16 class, uint8 *octets, size_t size);
static uint8 *write_step(uint8 *at, const DnsName *owner, const DnsName *target,
						 uint16 class);

/*
 * Returns a finished question, or NULL.  Does not wait.  A question whose answer leaves
 * a chain open is asked again, and is not finished.  Can raise.
 */
DnsSlot *
chain_finished(DnsWindow *window)
{
	DnsSlot    *slot;

	ask_last(window);
	while ((slot = window_finished(window)) != NULL)
	{
		DnsMessage	message;

		if (has_alias(slot) && !slot->in_flight && !window->failed)
		{
			slot_open_answer(&slot->reply, &message);
			if (is_open(slot, &message))
			{
				extend(slot, &message);
				chain_wait(slot);
				ask_last(window);
				continue;
			}
		}
		if (slot->chain != NULL)
			close_chain(slot);
		return slot;
	}
	return NULL;
}

/*
 * Can an answer have aliases?  Not if it is empty, or begins with a record of the type
 * asked for that belongs to a name in the question, as nearly all do.
 */
static bool
has_alias(const DnsSlot *slot)
{
	const DnsReply *reply = &slot->reply;
	const uint8 *first;

	if (reply->answer == NULL || !reply->answered || reply->malformed ||
		wire_u16(reply->answer + 6) == 0)
		return false;
	first = reply->answer + reply->places.section[DNS_ANSWER];
	return (*first & WIRE_POINTER) != WIRE_POINTER ||
		wire_u16(first + 2) != slot->question.type;
}

/*
 * Does an answer leave a chain open?  An SOA record shows that the last name has no such
 * records (RFC 2308 section 2.2).  Whole messages are shown as they are.
 */
static bool
is_open(const DnsSlot *slot, const DnsMessage *message)
{
	const DnsChain *chain = slot->chain;
	DnsCursor	cursor;
	DnsName		owner;
	DnsRR		rr;

	if (slot->question.nsid ||
		!slot->window->style.rd || (message->flags & WIRE_TC) ||
		message_rcode(message) != RCODE_NOERROR ||
		alias_follow(message, &slot->question, &owner) != ALIAS_NO_RECORDS ||
		name_equal(&owner, &slot->question.name) || name_never_asked(&owner) ||
		(chain != NULL && (is_known(chain, &owner) || chain->count == ALIAS_MAX_NAMES)))
		return false;
	message_section(message, DNS_AUTHORITY, &cursor);
	while (message_next(&cursor, &rr))
	{
		if (rr.type == DNS_TYPE_SOA)
			return false;
	}
	return true;
}

/* Notes the steps of an answer, as many as there is room for. */
static void
extend(DnsSlot *slot, const DnsMessage *message)
{
	DnsChain   *chain = slot->chain;
	DnsName		names[ALIAS_MAX_NAMES];
	int			count = alias_names(message, &slot->question, names);

	if (chain == NULL)
	{
		chain = slot->chain = MemoryContextAlloc(slot->window->context, sizeof(DnsChain));
		chain->count = 0;
		chain->reply = slot->reply;
		name_copy(&chain->names[chain->count++], &names[0]);
	}
	else
	{
		chain->reply.queries += slot->reply.queries;
		chain->reply.servers_asked |= slot->reply.servers_asked;
	}
	for (int i = 1; i < count && chain->count < ALIAS_MAX_NAMES; i++)
		name_copy(&chain->names[chain->count++], &names[i]);
}

static bool
is_known(const DnsChain *chain, const DnsName *name)
{
	for (int i = 0; i < chain->count; i++)
	{
		if (name_equal(&chain->names[i], name))
			return true;
	}
	return false;
}

/* Puts a chain into those that wait for room: the one whose patience ends first leads. */
static void
chain_wait(DnsSlot *slot)
{
	dlist_head *chains = &slot->window->chains;
	dlist_node *after = &chains->head;

	while (dlist_has_prev(chains, after) &&
		   dlist_container(DnsSlot, done_node, dlist_prev_node(chains, after))->limit > slot->limit)
		after = dlist_prev_node(chains, after);
	dlist_insert_before(after, &slot->done_node);
}

/* Asks for the last names of chains, as far as there is room. */
static void
ask_last(DnsWindow *window)
{
	while (!dlist_is_empty(&window->chains))
	{
		DnsSlot    *slot = dlist_head_element(DnsSlot, done_node, &window->chains);
		const DnsChain *chain = slot->chain;
		bool		late = slot_is_late(slot);

		if (!late && !window->failed && !window_allows(window))
			return;
		dlist_delete(&slot->done_node);
		slot_renew(slot, &chain->names[chain->count - 1]);
		if (window->failed)
			slot_finish(slot, ARES_ECANCELLED);
		else if (late)
			slot_finish(slot, ARES_ETIMEOUT);
		else
			window_send(slot);
	}
}

/*
 * Makes a slot that of its first question again, and writes the steps into the answer if
 * there is a sound one, else into a message without one.
 */
static void
close_chain(DnsSlot *slot)
{
	DnsChain   *chain = slot->chain;
	DnsReply   *reply = &slot->reply;
	DnsMessage	message;
	uint8		question[QUESTION_MAX];
	uint8	   *octets = palloc(PG_UINT16_MAX);
	size_t		len;
	bool		answered;

	name_copy(&slot->question.name, &chain->names[0]);
	reply->asked_at = chain->reply.asked_at;
	reply->queries += chain->reply.queries;
	reply->servers_asked |= chain->reply.servers_asked;
	answered = reply->answer != NULL && !reply->malformed;
	if (!answered)
		write_question(slot, question, &message);
	else
	{
		slot_open_answer(reply, &message);
		reply->referral = message_is_referral(&message);
	}
	len = write_whole(chain, &message, slot->question.class, octets, PG_UINT16_MAX);
	if (len > 0 && message_open(&message, octets, len) && sound_message(&message))
		slot_store(slot, &message);
	else
		reply->malformed = true;
	reply->way = !answered && reply->answer != NULL;
	pfree(octets);
	slot->chain = NULL;
	pfree(chain);
	window_raise_failure(slot->window);
}

/* Writes a message with a slot's question and nothing else, and opens it. */
static void
write_question(const DnsSlot *slot, uint8 *octets, DnsMessage *message)
{
	const DnsName *name = &slot->question.name;
	uint8	   *at = octets + WIRE_HEADER_SIZE;

	memset(octets, 0, WIRE_HEADER_SIZE);
	wire_put_u16(octets + 2, WIRE_QR);
	wire_put_u16(octets + 4, 1);
	memcpy(at, name->octets, name->len);
	wire_put_u16(at + name->len, slot->question.type);
	wire_put_u16(at + name->len + 2, slot->question.class);
	(void) message_open(message, octets, at + name->len + 4 - octets);
	(void) sound_message(message);
}

/*
 * Writes the last answer of a chain with the chain's steps behind its answer section, and
 * without other records but OPT.  Names in it point backwards only, so they stay valid.
 * Gives the length; 0 if it does not fit.
 */
static size_t
write_whole(const DnsChain *chain, const DnsMessage *message, uint16 class,
			uint8 *octets, size_t size)
{
	DnsCursor	cursor;
	DnsRR		opt;
	uint8	   *at = octets;
	size_t		len;
	bool		has_opt = message_opt(message, &opt);

	message_section(message, DNS_AUTHORITY, &cursor);
	len = cursor.pos - message->start;
	if (len + chain->count * (2 * WIRE_NAME_MAX + WIRE_RECORD_FIXED) +
		(has_opt ? 1 + WIRE_RECORD_FIXED + opt.rdlength : 0) > size)
		return 0;
	memcpy(at, message->start, len);
	at += len;
	for (int i = 0; i + 1 < chain->count; i++)
		at = write_step(at, &chain->names[i], &chain->names[i + 1], class);
	if (has_opt)
	{
		*at++ = 0;				/* its name, the root */
		memcpy(at, opt.rdata - WIRE_RECORD_FIXED, WIRE_RECORD_FIXED + opt.rdlength);
		at += WIRE_RECORD_FIXED + opt.rdlength;
	}
	wire_put_u16(octets + 6, message->count[DNS_ANSWER] + chain->count - 1);
	wire_put_u16(octets + 8, 0);
	wire_put_u16(octets + 10, has_opt);
	return at - octets;
}

/* Writes a CNAME record, which cannot be kept: its TTL is not known here. */
static uint8 *
write_step(uint8 *at, const DnsName *owner, const DnsName *target, uint16 class)
{
	memcpy(at, owner->octets, owner->len);
	at += owner->len;
	wire_put_u16(at, DNS_TYPE_CNAME);
	wire_put_u16(at + 2, class);
	memset(at + 4, 0, 4);
	wire_put_u16(at + 8, target->len);
	memcpy(at + WIRE_RECORD_FIXED, target->octets, target->len);
	return at + WIRE_RECORD_FIXED + target->len;
}
