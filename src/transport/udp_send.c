/*
 * udp_send.c
 *
 * Sends messages over UDP, many with one system call.  A message waits in the queue of
 * its socket until flush.c flushes the queue.  Where the system can, messages of one
 * length go out as one, which it cuts to pieces (UDP_SEGMENT, see udp(7)).  Runs inside
 * the library too: stores, never raises.
 */
#include "postgres.h"

#include <netinet/in.h>

#include "system/mmsg.h"
#include "transport/transport.h"

/* The most pieces that the system cuts one message into: Linux's UDP_MAX_SEGMENTS. */
#define MAX_SEGMENTS	64

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
	int			count;			/* of messages */
	size_t		len;			/* of their part of the queue */
	struct iovec parts[MAX_BURST];
	int			ncalls;
	struct mmsghdr calls[MAX_BURST];
	SegmentControl controls[MAX_BURST];
} Burst;

static void gather(DnsSocket *socket, Burst *burst);
static void add_call(DnsSocket *socket, Burst *burst, size_t len, int first,
					 int count);
static void keep_unsent(DnsSocket *socket, const Burst *burst, int sent);

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
 * Sends one burst from the queue.  If the system refuses, notes the error in the socket,
 * and drops the queue of the library; burst.c takes that of the burst.  False if nothing
 * more can be sent now.
 */
bool
udp_send_flush(DnsChannel *channel, DnsSocket *socket)
{
	Burst		burst;
	bool		full = false;
	int			sent;

	if (socket->out_len == 0)
		return false;
	gather(socket, &burst);
	sent = sendmmsg(socket->fd, burst.calls, burst.ncalls, MSG_NOSIGNAL);
	if (sent < 0)
	{
		sent = 0;
		if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
			full = true;
		else if (burst.calls[0].msg_hdr.msg_control != NULL &&
				 (errno == EIO || errno == EINVAL || errno == EMSGSIZE ||
				  errno == EOPNOTSUPP))
			socket->no_segments = true;
		else if (errno == ENOBUFS)
			sent = 1;			/* lost: no event tells when to try again */
		else
		{
			socket->send_errno = channel->last_errno = errno;
			if (!socket->burst)
				socket->out_len = socket->out_count = 0;
			outbox_set_waits(channel, socket, false);
			return false;
		}
	}
	keep_unsent(socket, &burst, sent);
	/* Nothing is left if there was no memory for it. */
	outbox_set_waits(channel, socket, full && socket->out_len > 0);
	return socket->out_len > 0 && !full;
}

/*
 * Drops what is not sent yet: nobody waits for the answers any more.
 */
void
udp_send_drop(DnsChannel *channel)
{
	while (!dlist_is_empty(&channel->unsent))
	{
		DnsSocket  *socket = dlist_container(DnsSocket, unsent_node,
											 dlist_pop_head_node(&channel->unsent));

		socket->unsent = false;
		socket->out_len = socket->out_count = 0;
		outbox_set_waits(channel, socket, false);
	}
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
	burst->count = count;
	burst->len = at - socket->out;
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
		memset(control, 0, sizeof(*control));	/* its padding goes to the system too */
		control->header.cmsg_level = IPPROTO_UDP;
		control->header.cmsg_type = UDP_SEGMENT;
		control->header.cmsg_len = CMSG_LEN(sizeof(segment));
		memcpy(CMSG_DATA(&control->header), &segment, sizeof(segment));
	}
}

/*
 * Takes a burst out of the queue, but puts the messages of the calls from number sent on
 * back, before the others.  Without memory for that they are lost.
 */
static void
keep_unsent(DnsSocket *socket, const Burst *burst, int sent)
{
	size_t		rest = socket->out_len - burst->len;
	size_t		kept = 0;
	uint8	   *copy = sent < burst->ncalls ? malloc(burst->len) : NULL;

	socket->out_count -= burst->count;
	for (int i = sent; copy != NULL && i < burst->ncalls; i++)
	{
		const struct msghdr *call = &burst->calls[i].msg_hdr;

		for (size_t j = 0; j < call->msg_iovlen; j++)
		{
			size_t		len = STREAM_PREFIX + call->msg_iov[j].iov_len;

			memcpy(copy + kept, (uint8 *) call->msg_iov[j].iov_base - STREAM_PREFIX, len);
			kept += len;
			socket->out_count++;
		}
	}
	memmove(socket->out + kept, socket->out + burst->len, rest);
	if (kept > 0)
		memcpy(socket->out, copy, kept);
	free(copy);
	socket->out_len = kept + rest;
}
