/*
 * datagram.c
 *
 * Messages over UDP, many in one call of the system.  What is to be sent waits
 * in a queue of its socket until it is flushed (flush.c); messages of one length go
 * out as one, which the system cuts to pieces (UDP_SEGMENT, see udp(7)), where it can.
 * A flush only records what it has sent: whoever called it takes that into the books
 * (resend_sent).  What comes in is read in batches.  All but the flush runs inside the
 * library, as socket.c does.
 */
#include "postgres.h"

#include <netinet/in.h>

#include "mmsg.h"
#include "pgcares.h"

/* What the system cuts to pieces may have so many. */
#define MAX_SEGMENTS	64

/* In the queue: its message has been sent. */
#define SENT_MARK	0x8000

#ifdef UDP_SEGMENT
#define CAN_SEGMENT	true
#else
#define CAN_SEGMENT	false
#define UDP_SEGMENT	0
#endif

/* Room for a control message that says how long the pieces are. */
typedef union SegmentControl
{
	struct cmsghdr header;
	char		room[CMSG_SPACE(sizeof(uint16))];
} SegmentControl;

/* Messages of a queue, by length, as the system wants to have them. */
typedef struct Burst
{
	struct iovec parts[MAX_BURST];
	int			ncalls;
	struct mmsghdr calls[MAX_BURST];
	SegmentControl controls[MAX_BURST];
} Burst;

/*
 * Datagrams that were read but not yet judged.  All belong to one socket, and
 * the library asks for them until there are none; what it leaves is as if lost.
 * One may have as many octets as there can be; the step keeps the beginnings of
 * all from being in each other's way in the processor's cache.
 */
#define INBOX_SIZE	32
#define INBOX_STEP	(65536 + 64)

static struct
{
	uint32		serial;			/* of the socket; 0 if it is empty */
	int			count;
	int			next;
	uint8	   *octets;
	struct mmsghdr calls[INBOX_SIZE];
	struct iovec parts[INBOX_SIZE];
	struct sockaddr_storage from[INBOX_SIZE];
} inbox;

static bool fill_inbox(DnsSocket *socket);
static void gather(DnsSocket *socket, Burst *burst);
static void add_call(DnsSocket *socket, Burst *burst, size_t len, int first,
					 int count);
static void mark_sent(DnsChannel *channel, DnsSocket *socket, Burst *burst,
					  int ncalls);
static void drop_sent(DnsSocket *socket);
static void set_waits(DnsChannel *channel, DnsSocket *socket, bool waits);
static bool same_address(const struct sockaddr *a, const struct sockaddr *b);

/*
 * Sees to it that there is room for what comes in; false where there is no memory
 * for it.  Of what is not used, nothing is real memory.
 */
bool
datagram_reserve(void)
{
	if (inbox.octets != NULL)
		return true;
	inbox.octets = malloc(INBOX_SIZE * INBOX_STEP);
	return inbox.octets != NULL;
}

/*
 * Gives the library what the next datagram that concerns it comes to.  What is left
 * when the budget of the turn is used up is read in the next turn.
 */
ares_ssize_t
datagram_receive(DnsChannel *channel, DnsSocket *socket,
				 uint8 *buffer, size_t len,
				 struct sockaddr *address, ares_socklen_t *address_len)
{
	size_t		stub_len = doubt_take(channel, socket, buffer);

	memcpy(address, &socket->address, *address_len);
	if (stub_len > 0)
		return stub_len;
	if (socket->send_errno != 0)
	{
		errno = socket->send_errno;
		socket->send_errno = 0;
		return -1;
	}
	for (;;)
	{
		int			i;

		if (inbox.serial != socket->serial && !fill_inbox(socket))
			return -1;
		if (inbox.next == inbox.count)
		{
			inbox.serial = 0;
			/* There was no more when it was filled. */
			if (inbox.count < INBOX_SIZE)
			{
				errno = EAGAIN;
				return -1;
			}
			continue;
		}
		i = inbox.next++;
		/* The system takes in datagrams of others until it is connected. */
		if (same_address((struct sockaddr *) &inbox.from[i],
						 (struct sockaddr *) &socket->address))
			stub_len = guard_incoming(channel, socket,
									  inbox.parts[i].iov_base,
									  inbox.calls[i].msg_len, buffer);
		if (stub_len > 0)
			return stub_len;
	}
}

/*
 * Puts a message behind those that wait to be sent.  False, with errno, where
 * there is no memory for it.
 */
bool
datagram_send(DnsChannel *channel, DnsSocket *socket,
			  const uint8 *message, size_t len)
{
	if (!stream_queue(channel, socket, message, len))
		return false;
	if (!socket->unsent)
		dlist_push_tail(&channel->unsent, &socket->unsent_node);
	socket->unsent = true;
	if (++socket->out_count >= MAX_BURST && !socket->out_waits)
		channel->burst_waits = true;
	return true;
}

/*
 * Sends one burst of what waits, as far as the system takes it, and records in the
 * channel what has left.  Where the system refuses, the library learns of it when it
 * next reads.  False where nothing more can be sent now.
 */
bool
datagram_flush(DnsChannel *channel, DnsSocket *socket)
{
	Burst		burst;
	bool		full = false;
	int			sent;

	channel->nsent = 0;
	if (socket->out_len == 0)
		return false;
	gather(socket, &burst);
	sent = sendmmsg(socket->fd, burst.calls, burst.ncalls, MSG_NOSIGNAL);
	if (sent > 0)
		mark_sent(channel, socket, &burst, sent);
	else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		full = true;
	else if (burst.calls[0].msg_hdr.msg_control != NULL &&
			 (errno == EIO || errno == EINVAL || errno == EMSGSIZE ||
			  errno == EOPNOTSUPP))
		socket->no_segments = true;
	else if (errno == ENOBUFS)
		/* As if lost on the way: the socket does not tell when to try again. */
		mark_sent(channel, socket, &burst, 1);
	else
	{
		socket->send_errno = channel->last_errno = errno;
		socket->out_len = 0;
	}
	drop_sent(socket);
	set_waits(channel, socket, full);
	return socket->out_len > 0 && !full;
}

/*
 * Reads as many datagrams as there are and find room.  False, with errno, where
 * there is none.
 */
static bool
fill_inbox(DnsSocket *socket)
{
	int			got;

	if (socket->budget <= 0)
	{
		errno = EAGAIN;
		return false;
	}
	for (int i = 0; i < INBOX_SIZE; i++)
	{
		struct msghdr *call = &inbox.calls[i].msg_hdr;

		inbox.parts[i].iov_base = inbox.octets + i * INBOX_STEP;
		inbox.parts[i].iov_len = UINT16_MAX;
		memset(call, 0, sizeof(*call));
		call->msg_iov = &inbox.parts[i];
		call->msg_iovlen = 1;
		call->msg_name = &inbox.from[i];
		call->msg_namelen = sizeof(inbox.from[i]);
	}
	got = recvmmsg(socket->fd, inbox.calls, INBOX_SIZE, 0, NULL);
	if (got < 0 && errno == EINTR)
		errno = EAGAIN;			/* the next turn */
	if (got <= 0)
		return false;
	for (int i = 0; i < got; i++)
		socket->budget -= READ_COST + inbox.calls[i].msg_len;
	inbox.serial = socket->serial;
	inbox.count = got;
	inbox.next = 0;
	return true;
}

/*
 * Puts together the calls for the first messages of a queue, those of one length
 * side by side.
 */
static void
gather(DnsSocket *socket, Burst *burst)
{
	const uint8 *at = socket->out;
	uint8		by_len[GUARD_MAX_QUERY + 1] = {0};
	int			count = Min(socket->out_count, MAX_BURST);
	size_t		shortest = GUARD_MAX_QUERY;
	size_t		longest = 0;
	int			first = 0;

	for (int i = 0; i < count; i++)
	{
		size_t		len = wire_u16(at);

		by_len[len]++;
		shortest = Min(shortest, len);
		longest = Max(longest, len);
		at += STREAM_PREFIX + len;
	}
	burst->ncalls = 0;
	for (size_t len = shortest; len <= longest; len++)
	{
		int			number = by_len[len];

		by_len[len] = first;
		for (int done = 0; done < number; done += MAX_SEGMENTS)
			add_call(socket, burst, len, first + done,
					 Min(number - done, MAX_SEGMENTS));
		first += number;
	}

	at = socket->out;
	for (int i = 0; i < count; i++)
	{
		size_t		len = wire_u16(at);
		struct iovec *part = &burst->parts[by_len[len]++];

		part->iov_base = unconstify(uint8 *, at + STREAM_PREFIX);
		part->iov_len = len;
		at += STREAM_PREFIX + len;
	}
}

/* One call for messages of one length, or where it has to be, one for each. */
static void
add_call(DnsSocket *socket, Burst *burst, size_t len, int first, int count)
{
	int			step = CAN_SEGMENT && !socket->no_segments ? count : 1;

	for (int i = first; i < first + count; i += step)
	{
		struct msghdr *call = &burst->calls[burst->ncalls].msg_hdr;
		SegmentControl *control = &burst->controls[burst->ncalls++];
		uint16		segment = len;

		memset(call, 0, sizeof(*call));
		call->msg_iov = &burst->parts[i];
		call->msg_iovlen = step;
		if (step == 1)
			continue;
		call->msg_control = control;
		call->msg_controllen = sizeof(control->room);
		control->header.cmsg_level = IPPROTO_UDP;
		control->header.cmsg_type = UDP_SEGMENT;
		control->header.cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(&control->header), &segment, sizeof(segment));
	}
}

/* Records what the first calls have sent. */
static void
mark_sent(DnsChannel *channel, DnsSocket *socket, Burst *burst, int ncalls)
{
	channel->sent_at = clock_now();
	for (int i = 0; i < ncalls; i++)
	{
		const struct msghdr *call = &burst->calls[i].msg_hdr;

		for (size_t j = 0; j < call->msg_iovlen; j++)
		{
			uint8	   *message = call->msg_iov[j].iov_base;
			uint8	   *prefix = message - STREAM_PREFIX;
			DnsSent    *record = &channel->sent[channel->nsent++];

			record->id = wire_u16(message);
			record->socket_serial = socket->serial;
			wire_put_u16(prefix, wire_u16(prefix) | SENT_MARK);
		}
	}
}

/* Takes out of the queue what has been sent. */
static void
drop_sent(DnsSocket *socket)
{
	uint8	   *end = socket->out + socket->out_len;
	uint8	   *to = socket->out;

	socket->out_count = 0;
	for (const uint8 *at = socket->out; at < end;)
	{
		size_t		len = STREAM_PREFIX + (wire_u16(at) & ~SENT_MARK);

		if (!(wire_u16(at) & SENT_MARK))
		{
			memmove(to, at, len);
			to += len;
			socket->out_count++;
		}
		at += len;
	}
	socket->out_len = to - socket->out;
}

/* Notes whether what is left waits until the socket is writable. */
static void
set_waits(DnsChannel *channel, DnsSocket *socket, bool waits)
{
	if (socket->out_waits == waits)
		return;
	socket->out_waits = waits;
	channel->sockets_changed = true;
}

/* Are these the same address and port? */
static bool
same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *) a;
	const struct sockaddr_in *b4 = (const struct sockaddr_in *) b;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *) a;
	const struct sockaddr_in6 *b6 = (const struct sockaddr_in6 *) b;

	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return a4->sin_port == b4->sin_port &&
			a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return a6->sin6_port == b6->sin6_port &&
		memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}
