/*
 * guard.c
 *
 * Targets for input from the network: "guard" passes a sequence of messages to
 * questions in flight on several sockets, and "stream" the octets of a connection
 * in pieces.  The targets decide in another way than the guard which message
 * belongs to which question.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#define QUESTIONS	4
#define TCP			(FLIGHT_SOCKETS - 1)

/* A question, and its socket. */
typedef struct Asked
{
	uint16		id;
	int			socket;
	uint16		type;
	uint8		name_len;
	const char *name;			/* in wire form */
} Asked;

static const Asked asked[QUESTIONS] = {
	{0x0001, 0, DNS_TYPE_A, 7, "\1a\3eXa"},
	{0x0102, 0, DNS_TYPE_PTR, 1, ""},
	{0xffff, 1, DNS_TYPE_A, 7, "\1a\3eXa"},
	{0x0100, TCP, DNS_TYPE_ANY, 3, "\1z"}
};

static Flight *open_flight(uint8 style, DnsSlot **slots);
static void check_message(Flight *flight, DnsSlot **slots, int socket,
						  const uint8 *octets, size_t len);
static bool belongs(const DnsStyle *style, const Asked *to,
					const uint8 *octets, size_t len, int socket);
static bool same_octets(const uint8 *a, const uint8 *b, size_t len, bool exact);
static int	drain(Flight *flight, size_t room);
static int	count_frames(Flight *flight, const uint8 *octets, size_t len);

/*
 * The first octet is the style of the queries.  Each message has one octet for
 * the socket and, in its upper half, the question whose id and name it gets (none,
 * if no question has this number); two for its length; and its octets.
 */
void
fuzz_guard(const uint8 *octets, size_t len)
{
	const uint8 *end = octets + len;
	DnsSlot    *slots[QUESTIONS];
	Flight	   *flight;

	if (len < 1)
		return;
	flight = open_flight(*octets++, slots);
	while (end - octets >= 3)
	{
		int			socket = (octets[0] & 15) % FLIGHT_SOCKETS;
		int			number = octets[0] >> 4;
		size_t		message_len = wire_u16(octets + 1);
		uint8	   *message;

		octets += 3;
		message_len = Min(message_len, (size_t) (end - octets));
		message = malloc(message_len);
		memcpy(message, octets, message_len);
		octets += message_len;
		if (number < QUESTIONS && message_len >= sizeof(uint16))
			wire_put_u16(message, asked[number].id);
		if (number < QUESTIONS &&
			message_len >= (size_t) WIRE_HEADER_SIZE + asked[number].name_len)
			memcpy(message + WIRE_HEADER_SIZE, asked[number].name,
				   asked[number].name_len);
		check_message(flight, slots, socket, message, message_len);
		free(message);
	}
	flight_close(flight);
}

/*
 * The first octet is the style of the queries, the second the size of the pieces,
 * the rest comes over the connection.
 */
void
fuzz_stream(const uint8 *octets, size_t len)
{
	DnsSlot    *slots[QUESTIONS];
	Flight	   *flight;
	DnsSocket  *socket;
	size_t		piece;
	int			ends[2];
	int			wanted;
	int			found = 0;

	if (len < 3)
		return;
	piece = 1 + octets[1];
	flight = open_flight(octets[0], slots);
	wanted = count_frames(flight, octets + 2, len - 2);
	flight_close(flight);

	flight = open_flight(octets[0], slots);
	socket = &flight->sockets[TCP];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0)
		elog(ERROR, "no pair of sockets: %m");
	socket->fd = ends[0];
	socket->in = malloc(STREAM_MAX_FRAME);
	for (size_t at = 2; at < len; at += piece)
	{
		size_t		part = Min(piece, len - at);

		if (send(ends[1], octets + at, part, MSG_NOSIGNAL) != (ssize_t) part)
			elog(ERROR, "cannot send: %m");
		found += drain(flight, STREAM_PREFIX + PLACEHOLDER_STUB_SIZE + piece);
	}
	if (found != wanted)
		finding("in pieces of %zu octets %d messages pass, not %d",
				piece, found, wanted);
	close(ends[1]);
	(void) drain(flight, STREAM_MAX_FRAME);
	close(ends[0]);
	free(socket->in);
	flight_close(flight);
}

static Flight *
open_flight(uint8 style, DnsSlot **slots)
{
	Flight	   *flight = flight_open(style, QUESTIONS);

	for (int i = 0; i < QUESTIONS; i++)
	{
		DnsQuestion question = {.type = asked[i].type,.class = DNS_CLASS_IN};

		question.name.len = asked[i].name_len;
		memcpy(question.name.octets, asked[i].name, asked[i].name_len);
		slots[i] = flight_ask(flight, &question, asked[i].socket, asked[i].id);
	}
	return flight;
}

/* A message must reach only the question that it belongs to. */
static void
check_message(Flight *flight, DnsSlot **slots, int socket,
			  const uint8 *octets, size_t len)
{
	DnsReply	before[QUESTIONS];
	uint64		answers = counters.answers;
	uint64		ignored = counters.ignored;
	int			owner = -1;
	bool		judged;

	for (int i = 0; i < QUESTIONS; i++)
	{
		before[i] = slots[i]->reply;
		/* After an error to EDNS the question has another id. */
		if (slots[i]->tries[0].id == asked[i].id &&
			belongs(&flight->window.style, &asked[i], octets, len, socket))
			owner = i;
	}
	judged = flight_receive(flight, socket, octets, len);

	if (owner < 0 && (judged || counters.answers != answers ||
					  counters.ignored != ignored + 1))
		finding("a message that belongs to no question is not ignored");
	if (owner >= 0 && wire_u16(octets + 4) == 0 && socket != TCP &&
		(judged || counters.answers != answers ||
		 slots[owner]->bare_error == NULL))
		finding("an error without a question is believed at once");
	if (owner >= 0 && counters.ignored != ignored)
		finding("a message that belongs to question %d is ignored", owner);
	for (int i = 0; i < QUESTIONS; i++)
	{
		if (i != owner && memcmp(&before[i], &slots[i]->reply, sizeof(DnsReply)) != 0)
			finding("question %d gets what belongs to %d", i, owner);
	}
	if (owner >= 0 && slots[owner]->reply.answered &&
		slots[owner]->reply.answer == NULL)
		finding("question %d is answered by nothing", owner);
}

/*
 * RFC 5452 section 9.1, octet by octet: the name of the first question cannot be
 * compressed, since there is nothing before it.
 */
static bool
belongs(const DnsStyle *style, const Asked *to, const uint8 *octets, size_t len,
		int socket)
{
	const uint8 *tail = octets + WIRE_HEADER_SIZE + to->name_len;
	uint16		flags;

	if (len < WIRE_HEADER_SIZE || socket != to->socket ||
		wire_u16(octets) != to->id)
		return false;
	flags = wire_u16(octets + 2);
	if ((flags & (WIRE_QR | WIRE_OPCODE_MASK)) != WIRE_QR)
		return false;
	if (wire_u16(octets + 4) == 0)
		return wire_u16(octets + 6) == 0 && wire_u16(octets + 8) == 0 &&
			(flags & WIRE_TC) == 0 &&
			((flags & 15) == 1 || (flags & 15) == 2 || (flags & 15) == 4 ||
			 (flags & 15) == 5);
	return len >= (size_t) WIRE_HEADER_SIZE + to->name_len + 4 &&
		same_octets(octets + WIRE_HEADER_SIZE, (const uint8 *) to->name,
					to->name_len, style->dns0x20 && socket != TCP) &&
		wire_u16(tail) == to->type && wire_u16(tail + 2) == DNS_CLASS_IN;
}

static bool
same_octets(const uint8 *a, const uint8 *b, size_t len, bool exact)
{
	for (size_t i = 0; i < len; i++)
	{
		if (a[i] != b[i] && (exact || pg_ascii_tolower(a[i]) != pg_ascii_tolower(b[i])))
			return false;
	}
	return true;
}

/* Reads everything in one turn; returns the number of messages for the library. */
static int
drain(Flight *flight, size_t room)
{
	uint8	   *buffer = malloc(room);
	int			count = 0;
	ares_ssize_t got;

	flight->sockets[TCP].budget = PG_INT32_MAX;
	while ((got = tcp_receive(&flight->channel, &flight->sockets[TCP],
								 buffer, room)) > 0)
	{
		const ares_ssize_t size = STREAM_PREFIX + PLACEHOLDER_STUB_SIZE;

		if (got % size != 0)
			finding("the library gets %zd octets", (ssize_t) got);
		count += got / size;
		for (ares_ssize_t at = 0; at < got; at += size)
		{
			if (wire_u16(buffer + at) != PLACEHOLDER_STUB_SIZE)
				finding("the library gets a wrong length");
		}
	}
	free(buffer);
	return count;
}

/* The number of messages that should pass, found without a stream. */
static int
count_frames(Flight *flight, const uint8 *octets, size_t len)
{
	const uint8 *end = octets + len;
	int			count = 0;

	while (end - octets >= STREAM_PREFIX)
	{
		size_t		frame_len = wire_u16(octets);

		octets += STREAM_PREFIX;
		if (frame_len > (size_t) (end - octets))
			break;
		count += flight_receive(flight, TCP, octets, frame_len);
		octets += frame_len;
	}
	return count;
}
