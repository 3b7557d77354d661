/*
 * calls.c
 *
 * The calls of the library that concern sockets, which the linker leads here (ld --wrap).
 * Descriptors of the world begin at FIRST_FD, so that no mistake hits a real one.
 */
#include "world.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

/* The processor time of the calls, as measured on Linux. */
#define SOCKET_COST		(3 * US)
#define CONNECT_COST	(2 * US)
#define CALL_COST		(1 * US)
#define SEND_COST		(3 * US / 2)
#define RECEIVE_COST	(5 * US)
#define STREAM_COST		(3 * US)
#define FLOOD_COST		20		/* ns for an octet */

/* The socket of a descriptor of the running session. */
static Socket *
socket_of(int fd)
{
	Socket	   *socket;

	if (fd < FIRST_FD || fd >= FIRST_FD + MAX_FDS ||
		!running->sockets[fd - FIRST_FD].used)
		sim_fail("descriptor", "%d is not open", fd);
	socket = &running->sockets[fd - FIRST_FD];
	return socket;
}

/* ---- the calls that open and close ---- */

int
__wrap_socket(int domain, int type, int protocol)
{
	if (sim_fails(SIM_SOCKET))
	{
		errno = EMFILE;
		return -1;
	}
	for (int i = 0; i < MAX_FDS; i++)
	{
		Socket	   *socket = &running->sockets[i];

		if (socket->used)
			continue;
		memset(socket, 0, sizeof(*socket));
		socket->used = true;
		socket->tcp = (type & 0xf) == SOCK_STREAM;
		socket->serial = ++running->serials;
		socket->room = set.room;
		sim_spend(SOCKET_COST);
		return FIRST_FD + i;
	}
	errno = EMFILE;
	return -1;
}

int
__wrap_dup(int fd)
{
	return __wrap_socket(AF_INET, SOCK_DGRAM, 0);
}

int
__wrap_close(int fd)
{
	Socket	   *socket = socket_of(fd);

	while (socket->first != NULL)
	{
		Packet	   *packet = socket->first;

		socket->first = packet->next;
		free(packet);
	}
	free(socket->in);
	free(socket->at_server);
	socket->used = false;
	return 0;
}

int
__wrap_bind(int fd, const struct sockaddr *address, socklen_t len)
{
	(void) socket_of(fd);
	return 0;
}

int
__wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	Socket	   *socket = socket_of(fd);

	/* Linux doubles what it grants. */
	if (level == SOL_SOCKET && option == SO_RCVBUF)
		socket->room = 2 * (*(const int *) value < set.room ? *(const int *) value : set.room);
	return 0;
}

int
__wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	Socket	   *socket = socket_of(fd);

	*(int *) value = option == SO_RCVBUF ? socket->room : socket->error;
	if (option == SO_ERROR)
		socket->error = 0;
	return 0;
}

int
__wrap_shutdown(int fd, int how)
{
	socket_of(fd)->ended = true;
	return 0;
}

/* The UDP sockets of the running session. */
static int
count_ports(void)
{
	int			ports = 0;

	for (int i = 0; i < MAX_FDS; i++)
		ports += running->sockets[i].used && !running->sockets[i].tcp;
	return ports;
}

int
__wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	Socket	   *socket = socket_of(fd);
	Packet	   *packet;

	sim_spend(CONNECT_COST);
	if (sim_fails(SIM_CONNECT))
	{
		errno = ENETUNREACH;
		return -1;
	}
	if (address->sa_family == AF_INET)
		socket->server = (ntohl(((const struct sockaddr_in *) address)->sin_addr.s_addr) & 0xff) - 1;
	else
		socket->server = ((const struct sockaddr_in6 *) address)->sin6_addr.s6_addr[15] - 1;
	if (!socket->tcp && set.ports > 0 && count_ports() > set.ports)
	{
		errno = EAGAIN;
		return -1;
	}
	if (!socket->tcp)
		return 0;
	judge_connection();
	packet = packet_make(running->task.id, fd, socket->serial, socket->server, true, 0);
	event_at(running->local + latency(socket->server) + latency(socket->server),
			 deliver_connection, 0, 0, packet);
	errno = EINPROGRESS;
	return -1;
}

/* ---- the calls that send ---- */

static void
send_datagram(int fd, Socket *socket, const uint8_t *octets, int len)
{
	Packet	   *packet = packet_make(running->task.id, fd, socket->serial, socket->server,
									 false, len);
	int			copies;

	memcpy(packet->octets, octets, len);
	sim_spend(SEND_COST);
	session_progress();
	trace(running->local);
	trace((uint64_t) running->task.id << 32 | (uint64_t) fd << 16 | len);
	for (int i = 0; i < len; i++)
		trace(packet->octets[i]);
	judge_query(packet);
	pcap_packet(running->local, packet, true);
	copies = chance_of(&net_chance, set.loss) ? 0 : 1 + chance_of(&net_chance, set.dup);
	for (; copies > 0; copies--)
		event_at(running->local + latency(socket->server), server_datagram,
				 socket->server, 0, packet_copy(packet));
	free(packet);
}

/* Fails now and then, for a moment; sets errno. */
static bool
send_fails(Socket *socket)
{
	static const int errors[] = {EAGAIN, ENOBUFS, EPERM, EINTR};

	if (socket->error != 0)
	{
		errno = socket->error;
		if (!socket->tcp)
			socket->error = 0;
		return true;
	}
	if (sim_fails(SIM_SEND))
	{
		errno = EPERM;
		return true;
	}
	if (socket->tcp || !chance_of(&net_chance, healed ? 0 : set.sendfail))
		return false;
	errno = errors[chance_next(&net_chance) % 4];
	return true;
}

/* The length of the pieces that the system cuts a message into; 0: it does not. */
static int
segment_length(struct msghdr *message)
{
	uint16_t	segment = 0;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control != NULL;
		 control = CMSG_NXTHDR(message, control))
	{
		if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == UDP_SEGMENT)
			memcpy(&segment, CMSG_DATA(control), sizeof(segment));
	}
	return segment;
}

/* Sends a message, which lies in parts, as one datagram or cut into segments. */
static void
send_message(int fd, Socket *socket, const struct msghdr *message, int segment)
{
	static uint8_t octets[65536];
	int			len = 0;

	for (size_t i = 0; i < message->msg_iovlen; i++)
	{
		const struct iovec *part = &message->msg_iov[i];

		if (part->iov_len > sizeof(octets) - len)
			sim_fail("send", "a message has more than 65536 octets");
		memcpy(octets + len, part->iov_base, part->iov_len);
		len += part->iov_len;
	}
	if (segment == 0)
		segment = len;
	if (len > 64 * segment)
		sim_fail("send", "a message has more than 64 segments");
	for (int at = 0; at < len; at += segment)
		send_datagram(fd, socket, octets + at, len - at < segment ? len - at : segment);
}

int
__wrap_sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	Socket	   *socket = socket_of(fd);

	session_calls();
	sim_spend(CALL_COST);
	if (send_fails(socket))
		return -1;
	for (unsigned int i = 0; i < count; i++)
	{
		struct msghdr *message = &messages[i].msg_hdr;
		int			segment = segment_length(message);

		if (segment > 0 && !set.segments)
		{
			errno = EIO;
			return i > 0 ? (int) i : -1;
		}
		send_message(fd, socket, message, segment);
	}
	return count;
}

ssize_t
__wrap_send(int fd, const void *octets, size_t len, int flags)
{
	Socket	   *socket = socket_of(fd);
	Packet	   *packet;
	SimTime		at;

	if (send_fails(socket))
		return -1;
	if (!socket->tcp)
	{
		send_datagram(fd, socket, octets, len);
		return len;
	}
	if (!socket->open || socket->ended || socket->full)
	{
		errno = socket->ended ? EPIPE : EAGAIN;
		return -1;
	}
	if (set.pieces && len > 1 && chance_next(&net_chance) % 8 == 0)
	{
		len = 1 + chance_next(&net_chance) % (len - 1);
		socket->full = true;
		event_at(running->local + latency(socket->server), deliver_room, 0, 0,
				 packet_make(running->task.id, fd, socket->serial, socket->server, true, 0));
	}
	packet = packet_make(running->task.id, fd, socket->serial, socket->server, true, len);
	memcpy(packet->octets, octets, len);
	at = running->local + latency(socket->server);
	if (at <= socket->last_to)
		at = socket->last_to + 1;
	socket->last_to = at;
	sim_spend(STREAM_COST);
	session_progress();
	trace(running->local);
	trace(len);
	event_at(at, server_stream, socket->server, 0, packet);
	return len;
}

/* ---- the calls that receive ---- */

static void
fill_address(const Packet *packet, struct msghdr *message)
{
	struct sockaddr_in ip4 = {.sin_family = AF_INET};
	struct sockaddr_in6 ip6 = {.sin6_family = AF_INET6};

	ip4.sin_port = ip6.sin6_port = htons(53);
	ip4.sin_addr.s_addr = htonl(0x7f000001 + packet->server);
	ip6.sin6_addr.s6_addr[0] = 0xfd;
	ip6.sin6_addr.s6_addr[15] = packet->server + 1;
	if (message->msg_name == NULL)
		return;
	if (set.ipv6)
		memcpy(message->msg_name, &ip6, sizeof(ip6));
	else
		memcpy(message->msg_name, &ip4, sizeof(ip4));
	message->msg_namelen = set.ipv6 ? sizeof(ip6) : sizeof(ip4);
}

int
__wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
				struct timespec *timeout)
{
	Socket	   *socket = socket_of(fd);
	unsigned int got;

	session_calls();
	sim_spend(CALL_COST);
	if (socket->error != 0)
	{
		errno = socket->error;
		socket->error = 0;
		return -1;
	}
	for (got = 0; got < count && socket->first != NULL; got++)
	{
		Packet	   *packet = socket->first;
		struct iovec *part = &messages[got].msg_hdr.msg_iov[0];

		socket->first = packet->next;
		if (socket->first == NULL)
			socket->last = NULL;
		socket->octets -= packet->len + DATAGRAM_OVERHEAD;
		messages[got].msg_len = (size_t) packet->len < part->iov_len ? (size_t) packet->len : part->iov_len;
		memcpy(part->iov_base, packet->octets, messages[got].msg_len);
		fill_address(packet, &messages[got].msg_hdr);
		sim_spend(RECEIVE_COST);
		session_progress();
		trace(running->local);
		trace(packet->len);
		judge_answer(packet);
		free(packet);
	}
	if (got > 0)
		return got;
	errno = EAGAIN;
	return -1;
}

ssize_t
__wrap_recv(int fd, void *octets, size_t len, int flags)
{
	Socket	   *socket = socket_of(fd);

	sim_spend(CALL_COST);
	if (!socket->tcp)
	{
		struct iovec part = {octets, len};
		struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};

		if (__wrap_recvmmsg(fd, &message, 1, flags, NULL) < 0)
			return -1;
		return message.msg_len;
	}
	/* A call that succeeds can leave any error behind. */
	errno = ENOENT;
	if (socket->flood)
	{
		sim_spend(FLOOD_COST * len);
		memset(octets, 0, len);
		return len;
	}
	if (socket->in_len > 0)
	{
		if (len > (size_t) socket->in_len)
			len = socket->in_len;
		memcpy(octets, socket->in, len);
		socket->in_len -= len;
		memmove(socket->in, socket->in + len, socket->in_len);
		session_progress();
		trace(running->local);
		trace(len);
		return len;
	}
	if (socket->error == 0 && socket->ended)
		return 0;
	errno = socket->error != 0 ? socket->error : EAGAIN;
	return -1;
}
