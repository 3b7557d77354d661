/*
 * answers.c
 *
 * How a server answers a query, by the kind of its name.  An answer has the address
 * 10.x.y.z with the number of the name, so that a session that takes another name's
 * answer is found out; a forged one has 66.66.66.66.
 */
#include "world.h"

#include <ctype.h>

#define MAX_ANSWER	600

typedef struct Message
{
	uint8_t		octets[MAX_ANSWER];
	int			len;
	int			question_end;
} Message;

static void
put_u32(uint8_t *at, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		at[i] = number >> (24 - 8 * i);
}

/* Makes the answer NOERROR with one address. */
static void
make_answer(const Packet *query, int index, Message *message)
{
	uint8_t    *octets = message->octets;
	int			end = 12;

	while (end < query->len && query->octets[end] != 0)
		end += 1 + query->octets[end];
	end += 5;
	if (end > query->len)
		end = query->len;
	memcpy(octets, query->octets, end);
	octets[2] = 0x80 | (query->octets[2] & 0x01);
	octets[3] = 0x80;
	octets[6] = 0;
	octets[7] = 1;
	memset(octets + 8, 0, 4);
	message->question_end = end;
	memcpy(octets + end, "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a", 13);
	put_u32(octets + end + 6, cached_ttl(index));
	octets[end + 13] = index >> 16;
	octets[end + 14] = index >> 8;
	octets[end + 15] = index;
	message->len = end + 16;
}

static void
drop_records(Message *message)
{
	message->octets[7] = 0;
	message->len = message->question_end;
}

/* Replaces the records by an SOA record of "example", where the name is to have one. */
static void
make_negative(const Packet *query, int index, Message *message)
{
	uint8_t    *at;
	int			zone = 12 + 1 + query->octets[12];

	drop_records(message);
	if (!set.cache || cached_minimum(index) < 0)
		return;
	zone += 1 + query->octets[zone];
	at = message->octets + message->len;
	memcpy(at, "\0\0\0\6\0\1\0\0\0\0\0\x16\0\0", 14);
	at[0] = 0xc0;
	at[1] = zone;
	put_u32(at + 6, cached_ttl(index));
	for (int i = 0; i < 4; i++)
		put_u32(at + 14 + 4 * i, 1 + i);
	put_u32(at + 30, cached_minimum(index));
	message->octets[9] = 1;
	message->len += 34;
}

/* Sends octets to where a query came from. */
static void
send_back(const Packet *query, const uint8_t *octets, int len, SimTime extra)
{
	Packet	   *packet = packet_make(query->session, query->fd, query->serial,
									 query->server, query->tcp, len);
	SimTime		at = now + extra + latency(query->server);

	memcpy(packet->octets, octets, len);
	if (chance_of(&net_chance, set.loss))
		free(packet);
	else
	{
		if (chance_of(&net_chance, set.dup))
			event_at(now + extra + latency(query->server), deliver_datagram, 0, 0,
					 packet_copy(packet));
		event_at(at, deliver_datagram, 0, 0, packet);
	}
}

/* The same over TCP, in order, and perhaps in pieces. */
static void
send_frame(const Packet *query, const uint8_t *octets, int len)
{
	Socket	   *socket = packet_socket(query);
	uint8_t		frame[2 + MAX_ANSWER];
	SimTime		at = now + latency(query->server);
	int			sent = 0;

	if (socket == NULL || socket->closed || socket->blocked)
		return;
	frame[0] = len >> 8;
	frame[1] = len;
	memcpy(frame + 2, octets, len);
	len += 2;
	while (sent < len)
	{
		int			part = len - sent;
		Packet	   *packet;

		if (set.pieces && part > 1 && chance_next(&net_chance) % 4 == 0)
			part = 1 + chance_next(&net_chance) % (part - 1);
		if (at <= socket->last_from)
			at = socket->last_from + 1;
		socket->last_from = at;
		packet = packet_make(query->session, query->fd, query->serial, query->server,
							 true, part);
		memcpy(packet->octets, frame + sent, part);
		event_at(at, deliver_stream, 0, 0, packet);
		sent += part;
		at += chance_next(&net_chance) % (2 * MS);
	}
}

/* Sends an answer that took longer; others have overtaken it. */
static void
send_later(int who, uint64_t token, Packet *packet)
{
	send_frame(packet, packet->octets, packet->len);
	free(packet);
}

static void
reply(const Packet *query, const Message *message, SimTime extra)
{
	if (query->tcp && extra > 0)
	{
		Packet	   *later = packet_make(query->session, query->fd, query->serial,
										query->server, true, message->len);

		memcpy(later->octets, message->octets, message->len);
		event_at(now + extra, send_later, 0, 0, later);
	}
	else if (query->tcp)
		send_frame(query, message->octets, message->len);
	else
		send_back(query, message->octets, message->len, extra);
}

/*
 * Sends forgeries: with another id, over another socket, with letters in another case if
 * the case is chosen at random, with another name, and an error without a question.
 */
static void
forge(const Packet *query, const Message *message)
{
	Message		forged = *message;

	memcpy(forged.octets + forged.len - 4, "\x42\x42\x42\x42", 4);
	forged.octets[0] ^= 1;
	reply(query, &forged, 0);
	forged.octets[0] ^= 1;
	if (set.spy && !query->tcp)
	{
		Packet		other = *query;
		const Session *session = &sessions[query->session];

		for (other.fd = FIRST_FD; other.fd < FIRST_FD + MAX_FDS; other.fd++)
		{
			const Socket *socket = &session->sockets[other.fd - FIRST_FD];

			if (!socket->used || socket->tcp || other.fd == query->fd)
				continue;
			other.serial = socket->serial;
			reply(&other, &forged, 0);
			break;
		}
	}
	if (set.dns0x20 && !query->tcp)
	{
		forged.octets[13] ^= 0x20;
		reply(query, &forged, 0);
	}
	forged.octets[13] = 'q';
	reply(query, &forged, 0);
	if (query->tcp)
		return;
	forged.octets[3] |= 2;
	memset(forged.octets + 4, 0, 8);
	forged.len = 12;
	reply(query, &forged, 0);
}

/* The connection ends without an answer, and without those to later queries. */
static void
end_connection(const Packet *query)
{
	Socket	   *socket = packet_socket(query);
	SimTime		at = now + latency(query->server);

	if (socket == NULL || socket->closed)
		return;
	socket->closed = true;
	if (at <= socket->last_from)
		at = socket->last_from + 1;
	event_at(at, deliver_end, 0, 0,
			 packet_make(query->session, query->fd, query->serial, query->server, true, 0));
}

/* The connection sends octets without an end. */
static void
flood_connection(const Packet *query)
{
	Socket	   *socket = packet_socket(query);

	if (socket == NULL)
		return;
	socket->flood = true;
	session_wake(&sessions[query->session]);
}

/*
 * Replaces the records of an answer by those of an alias, for the query's first letter:
 * a name is an alias of x, or by way of x an alias of y; x is one of y, or of the name
 * itself in a circle; y has the address, if there is one.  The answer does not have all
 * steps.
 */
static void
make_alias(const Packet *query, const Name *name, int index, Message *message)
{
	int			first = tolower(query->octets[13]);
	int			label = query->octets[12];
	int			owner = 12;

	if (first == 'y' && name->kind == 'v')
		message->octets[7] = 9;
	if (first == 'y' && name->kind != 'u')
		return;
	drop_records(message);
	if (first == 'y')
		return;
	for (int more = index % 3;; more--)
	{
		uint8_t    *at = message->octets + message->len;
		int			next = first != 'x' ? 'x' : name->kind == 'g' ? 'g' : 'y';

		memcpy(at, "\0\0\0\5\0\1\0\0\0\x3c\0\0", 12);
		at[0] = 0xc0 | owner >> 8;
		at[1] = owner;
		at[11] = 1 + label + 2;
		owner = message->len + 12;
		at[12] = label;
		memcpy(at + 13, query->octets + 13, label);
		at[13] = next;
		at[13 + label] = 0xc0;
		at[14 + label] = 13 + label;
		message->len += 12 + at[11];
		message->octets[7]++;
		if (more <= 0 || next != 'x')
			return;
		first = next;
	}
}

/* Adds an OPT record without options. */
static void
add_opt(Message *message)
{
	memcpy(message->octets + message->len, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
	message->len += 11;
	message->octets[11]++;
}

/* Answers by the kind of a name, after an additional time. */
static void
answer_name(const Packet *query, const Name *name, int index, SimTime extra)
{
	Message		message;
	bool		truncated = !query->tcp && strchr("tcz", name->kind) != NULL;

	make_answer(query, index, &message);
	if (truncated)
	{
		message.octets[2] |= 0x02;
		drop_records(&message);
	}
	else if (name->kind == 'c')
	{
		end_connection(query);
		return;
	}
	else if (name->kind == 'z')
	{
		flood_connection(query);
		return;
	}
	else if (name->kind == 'r' || (name->kind == 'e' && query->octets[11] > 0))
	{
		message.octets[3] |= name->kind == 'r' ? 5 : 1;
		drop_records(&message);
	}
	else if (name->kind == 'n')
	{
		message.octets[3] |= 3;
		make_negative(query, index, &message);
	}
	else if (name->kind == 's' || name->kind == 'p' ||
			 (name->kind == 'o' && query->server == 0))
	{
		message.octets[3] |= 2;
		drop_records(&message);
	}
	else if (name->kind == 'q')
		make_negative(query, index, &message);
	else if (name->kind == 'm')
		message.octets[7] = 9;
	else if (name->kind == 'f')
		forge(query, &message);
	else if (name->kind == 'b')
	{
		message.octets[3] |= 1;
		message.octets[5] = 0;
		message.octets[7] = 0;
		message.len = 12;
	}
	else if (name_has_targets(name))
		make_alias(query, name, index, &message);
	if (set.opt && query->octets[11] > 0 && strchr("embv", name->kind) == NULL)
		add_opt(&message);
	reply(query, &message, extra);
}

/*
 * Answers a query, if its name gets an answer.
 */
void
answer(Packet *query)
{
	int			session;
	int			index = 0;
	const Name *name = name_asked(query->octets, query->len, &session, &index);
	SimTime		extra = 0;

	if (name == NULL)
	{
		Message		message;

		/* A probe of the library, or a query that lost its name. */
		make_answer(query, 0, &message);
		reply(query, &message, 0);
		return;
	}
	if (name->kind == 'd' && !healed)
	{
		Socket	   *socket = query->tcp && set.inorder ? packet_socket(query) : NULL;

		if (socket != NULL)
			socket->blocked = true;
		return;
	}
	if (name->kind == 'l' && name->seen <= set.drops && !healed)
		return;
	extra = name_kind(name->kind)->extra * MS;
	if (name->kind == 'w')
		extra = (SimTime) (set.slow_ms * MS) +
			chance_exponential(&net_chance, set.slow_exp * MS);
	answer_name(query, name, index, extra);
}

/*
 * Answers a query with an additional time.
 */
void
server_answer(Packet *packet, SimTime extra)
{
	int			session;
	int			index;
	const Name *name = name_asked(packet->octets, packet->len, &session, &index);

	if (name != NULL)
		answer_name(packet, name, index, extra);
}

/*
 * Answers a query with an RCODE and no records.
 */
void
server_failure(Packet *packet, int rcode)
{
	Message		message;

	make_answer(packet, 0, &message);
	message.octets[3] |= rcode;
	drop_records(&message);
	reply(packet, &message, 0);
}
