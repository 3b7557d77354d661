/*
 * network.c
 *
 * The network between sessions and servers: packets, how long they take, and how they
 * arrive at the sockets of a session.
 */
#include "world.h"

#include <errno.h>

Packet *
packet_make(int session, int fd, uint32_t serial, int server, bool tcp, int len)
{
	Packet	   *packet = malloc(sizeof(Packet) + len);

	packet->next = NULL;
	packet->session = session;
	packet->fd = fd;
	packet->serial = serial;
	packet->server = server;
	packet->tcp = tcp;
	packet->len = len;
	return packet;
}

Packet *
packet_copy(const Packet *packet)
{
	Packet	   *copy = malloc(sizeof(Packet) + packet->len);

	memcpy(copy, packet, sizeof(Packet) + packet->len);
	copy->next = NULL;
	return copy;
}

/*
 * The socket that a packet comes from or goes to; NULL if it is closed.
 */
Socket *
packet_socket(const Packet *packet)
{
	Socket	   *socket;

	if (packet->session < 0)
		return NULL;
	socket = &sessions[packet->session].sockets[packet->fd - FIRST_FD];
	return socket->used && socket->serial == packet->serial ? socket : NULL;
}

/*
 * The time to or from a server.
 */
SimTime
latency(int server)
{
	double		rtt = server == 1 && set.rtt2 > 0 ? set.rtt2 : set.rtt;

	return (SimTime) (rtt * US / 2) + chance_exponential(&net_chance, set.jitter * US);
}

/*
 * Tells whether a socket is readable and writable.
 */
int
socket_ready(const Socket *socket)
{
	int			ready = 0;

	if (!socket->used)
		return 0;
	if (socket->first != NULL || socket->error != 0 || socket->ended ||
		socket->in_len > 0 || socket->flood)
		ready |= SIM_READ;
	if (!socket->tcp || (socket->open && !socket->full) || socket->error != 0 || socket->ended)
		ready |= SIM_WRITE;
	return ready;
}

/* ---- what arrives ---- */

void
deliver_datagram(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);
	int			octets = packet->len + DATAGRAM_OVERHEAD;

	if (socket == NULL || socket->octets + octets > socket->room)
	{
		sessions[packet->session].dropped += socket != NULL;
		free(packet);
		return;
	}
	pcap_packet(now, packet, false);
	socket->octets += octets;
	if (socket->last != NULL)
		socket->last->next = packet;
	else
		socket->first = packet;
	socket->last = packet;
	session_wake(&sessions[packet->session]);
}

/* The server is down, and its host says so. */
void
deliver_refusal(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);

	if (socket != NULL)
	{
		socket->error = ECONNREFUSED;
		sessions[packet->session].refused_at = now;
		session_wake(&sessions[packet->session]);
	}
	free(packet);
}

void
deliver_stream(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);

	if (socket != NULL)
	{
		socket->in = realloc(socket->in, socket->in_len + packet->len);
		memcpy(socket->in + socket->in_len, packet->octets, packet->len);
		socket->in_len += packet->len;
		session_wake(&sessions[packet->session]);
	}
	free(packet);
}

/* The system takes octets again. */
void
deliver_room(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);

	if (socket != NULL)
	{
		socket->full = false;
		session_wake(&sessions[packet->session]);
	}
	free(packet);
}

void
deliver_end(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);

	if (socket != NULL)
	{
		socket->ended = true;
		session_wake(&sessions[packet->session]);
	}
	free(packet);
}

void
deliver_connection(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);

	if (socket != NULL && servers[socket->server].up)
		socket->open = true;
	else if (socket != NULL)
	{
		socket->error = ECONNREFUSED;
		sessions[packet->session].refused_at = now;
	}
	if (socket != NULL)
		session_wake(&sessions[packet->session]);
	free(packet);
}
