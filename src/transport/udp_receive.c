/*
 * udp_receive.c
 *
 * Reads messages over UDP, many with one system call, and passes them to the guard one
 * by one.  Where the system can, it hands over messages of one length that came together
 * as one, with their length beside it (UDP_GRO, see udp(7)).  Runs inside the library:
 * stores, never raises.
 */
#include "postgres.h"

#include <netinet/in.h>

#include "system/mmsg.h"
#include "transport/transport.h"

/* The control message with the length of the messages that came as one. */
typedef union LengthControl
{
	struct cmsghdr header;
	char		room[CMSG_SPACE(sizeof(int))];
} LengthControl;

/*
 * Datagrams that were read but not yet judged.  All come from one socket.  The library
 * reads until there are none; those that it leaves count as lost.  INBOX_SIZE is chosen,
 * not measured.  Each datagram has room for the largest one.  The 64 octets between them
 * spread their beginnings over the lines of the processor's cache.
 */
#define INBOX_SIZE	32
#define INBOX_STEP	(65536 + 64)

/*
 * A socket with this many queries can have answers that come together.  For fewer the
 * system would have more to do: to the first socket that asks for this, Linux changes
 * its own code, and again when the last one is closed.
 */
#define TOGETHER_FROM	64

static struct
{
	uint32		serial;			/* of the socket; 0 if it is empty */
	int			count;
	int			next;
	size_t		done;			/* octets of the next one that were taken */
	uint8	   *octets;
	struct mmsghdr calls[INBOX_SIZE];
	struct iovec parts[INBOX_SIZE];
	struct sockaddr_storage from[INBOX_SIZE];
	LengthControl controls[INBOX_SIZE];
} inbox;

static bool fill_inbox(DnsSocket *socket);
static size_t message_len(int i);
static bool same_address(const struct sockaddr *a, const struct sockaddr *b);

/*
 * Allocates the inbox, once for the process.  False if there is no memory.  Pages that
 * are never touched cost nothing.
 */
bool
udp_receive_reserve(void)
{
	if (inbox.octets != NULL)
		return true;
	inbox.octets = malloc(INBOX_SIZE * INBOX_STEP);
	if (inbox.octets == NULL)
		return false;
	for (int i = 0; i < INBOX_SIZE; i++)
	{
		struct msghdr *call = &inbox.calls[i].msg_hdr;

		inbox.parts[i].iov_base = inbox.octets + i * INBOX_STEP;
		inbox.parts[i].iov_len = UINT16_MAX;
		call->msg_iov = &inbox.parts[i];
		call->msg_iovlen = 1;
		call->msg_name = &inbox.from[i];
		call->msg_control = &inbox.controls[i];
	}
	return true;
}

/*
 * Lets the system hand over what has come together as one, if it can.  Called before each
 * query of a socket.
 */
void
udp_receive_together(const DnsSocket *socket)
{
#ifdef UDP_GRO
	int			on = 1;

	if (socket->asked == TOGETHER_FROM)
		(void) setsockopt(socket->fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
#endif
}

/*
 * Reads datagrams until one answers a query of this channel.  False, with errno, if there
 * is none.  When the budget of the turn is used up, the next turn reads on.
 */
bool
udp_receive(DnsChannel *channel, DnsSocket *socket, DnsVerdict *verdict)
{
	for (;;)
	{
		int			i;
		uint8	   *octets;
		size_t		len;

		if (inbox.serial != socket->serial && !fill_inbox(socket))
			return false;
		if (inbox.next == inbox.count)
		{
			inbox.serial = 0;
			/* The last fill emptied the socket. */
			if (inbox.count < INBOX_SIZE)
			{
				errno = EAGAIN;
				return false;
			}
			continue;
		}
		i = inbox.next;
		octets = (uint8 *) inbox.parts[i].iov_base + inbox.done;
		len = message_len(i);
		len = Min(len, inbox.calls[i].msg_len - inbox.done);
		socket->budget -= READ_COST + len;
		inbox.done += len;
		if (inbox.done >= inbox.calls[i].msg_len)
		{
			inbox.next++;
			inbox.done = 0;
		}
		/* Before connect(), the system accepts datagrams from anyone. */
		if (same_address((struct sockaddr *) &inbox.from[i],
						 (struct sockaddr *) &socket->address) &&
			guard_incoming(channel, socket, octets, len, verdict))
			return true;
	}
}

/*
 * Gives the library the stub for the next datagram, or for the bare error that is being
 * settled.  Returns the octets, or -1 with errno.
 */
ares_ssize_t
udp_receive_stub(DnsChannel *channel, DnsSocket *socket, uint8 *buffer)
{
	DnsSlot    *slot = channel->settling;
	DnsVerdict	verdict;

	if (slot != NULL && placeholder_socket(channel, slot) == socket)
	{
		DnsMessage	message;
		DnsTry	   *try = bare_error_open(slot, &message);

		channel->settling = NULL;
		if (try != NULL &&
			guard_judge(channel, slot, try, false, &message, &verdict))
			return placeholder_write_stub(verdict.id, verdict.flags, buffer);
	}
	if (socket->send_errno != 0)
	{
		errno = socket->send_errno;
		socket->send_errno = 0;
		return -1;
	}
	if (!udp_receive(channel, socket, &verdict))
		return -1;
	return placeholder_write_stub(verdict.id, verdict.flags, buffer);
}

/*
 * Reads as many datagrams as are there and fit in.  False, with errno, if none is there
 * or the budget is used up.
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
		inbox.calls[i].msg_hdr.msg_namelen = sizeof(inbox.from[i]);
		inbox.calls[i].msg_hdr.msg_controllen = sizeof(inbox.controls[i].room);
	}
	got = recvmmsg(socket->fd, inbox.calls, INBOX_SIZE, 0, NULL);
	if (got < 0 && errno == EINTR)
		errno = EAGAIN;			/* the next turn */
	if (got <= 0)
		return false;
	(void) clock_now();			/* they came before this, not before the wait */
	inbox.serial = socket->serial;
	inbox.count = got;
	inbox.next = 0;
	inbox.done = 0;
	return true;
}

/* The length of the messages in a datagram; the last of several can be shorter. */
static size_t
message_len(int i)
{
#ifdef UDP_GRO
	const struct cmsghdr *control = CMSG_FIRSTHDR(&inbox.calls[i].msg_hdr);

	if (control != NULL && control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_GRO)
	{
		int			len;

		memcpy(&len, CMSG_DATA(control), sizeof(len));
		if (len > 0)
			return len;
	}
#endif
	return inbox.calls[i].msg_len;
}

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
