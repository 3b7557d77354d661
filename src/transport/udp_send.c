/*
 * udp_send.c
 *
 * Sends messages over UDP, many in one call of the system.  A message waits in the
 * queue of its socket until the queue is flushed (flush.c).  Messages of one length go
 * out as one, which the system cuts to pieces (UDP_SEGMENT, see udp(7)), where it can.
 * A flush only records what it has sent; its caller takes that into the books.
 */
#include "postgres.h"

#include <netinet/in.h>

#include "system/mmsg.h"
#include "transport/transport.h"

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

static void gather(DnsSocket *socket, Burst *burst);
static void add_call(DnsSocket *socket, Burst *burst, size_t len, int first,
					 int count);
static void mark_sent(DnsChannel *channel, DnsSocket *socket, Burst *burst,
					  int ncalls);
static void drop_sent(DnsSocket *socket);

/*
 * Puts a message behind those that wait to be sent.  False, with errno, where
 * there is no memory for it.
 */
bool
udp_send(DnsChannel *channel, DnsSocket *socket,
			  const uint8 *message, size_t len)
{
	if (!outbox_queue(channel, socket, message, len))
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
udp_send_flush(DnsChannel *channel, DnsSocket *socket)
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
	outbox_set_waits(channel, socket, full);
	return socket->out_len > 0 && !full;
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

