/*
 * udp_send.c
 *
 * Sends messages over UDP, many with one system call.  A message waits in the queue of
 * its socket until flush.c flushes the queue.  Where the system can, messages of one
 * length go out as one, which it cuts to pieces (UDP_SEGMENT, see udp(7)).  A flush only
 * records the messages that it has sent; its caller takes the record into the books.
 * Runs inside the library too: stores, never raises.
 */
#include "postgres.h"

#include <netinet/in.h>

#include "system/mmsg.h"
#include "transport/transport.h"

/* The most pieces that the system cuts one message into: Linux's UDP_MAX_SEGMENTS. */
#define MAX_SEGMENTS	64

/* A bit in the length before a message: it has been sent. */
#define SENT_MARK	0x8000

#ifdef UDP_SEGMENT
#define CAN_SEGMENT	true
#else
#define CAN_SEGMENT	false
#define UDP_SEGMENT	0
#endif

/* The control message that tells the system the length of the pieces. */
typedef union SegmentControl
{
	struct cmsghdr header;
	char		room[CMSG_SPACE(sizeof(uint16))];
} SegmentControl;

/* The messages of a queue, sorted by length, as sendmmsg() takes them. */
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
 * Appends a message to the queue of a socket.  False, with errno, if there is no memory.
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
 * Sends one burst from the queue, and records in the channel which messages have left.
 * If the system refuses, the library learns of it when it next reads.  False if nothing
 * more can be sent now.
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
		/* Counts as lost: no event tells when to try again. */
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
 * Prepares the calls for the first messages of a queue, sorted by length.  by_len first
 * counts the messages of a length, then is the index of the next one.
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

/* Adds one call for count messages of one length, or one call for each. */
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

/* Records and marks the messages that the first calls have sent. */
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

/* Takes the marked messages out of the queue. */
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

