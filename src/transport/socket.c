/*
 * socket.c
 *
 * The socket functions under the library: non-blocking, close-on-exec, with every
 * descriptor counted.  The library sends through query.c and reads through guard.c.
 * Runs inside the library: never raises, never allocates in a memory context, looks at
 * no interrupts and never calls back.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "transport/transport.h"

static int	socket_open(int domain, int type, int protocol, void *arg);
static int	socket_close(int fd, void *arg);
static int	socket_option(int fd, ares_socket_opt_t option, const void *value,
						  ares_socklen_t len, void *arg);
static int	socket_connect(int fd, const struct sockaddr *address,
						   ares_socklen_t len, unsigned int flags, void *arg);
static int	socket_bind(int fd, unsigned int flags,
						const struct sockaddr *address, socklen_t len, void *arg);
static ares_ssize_t socket_receive(int fd, void *buffer, size_t len, int flags,
								   struct sockaddr *address,
								   ares_socklen_t *address_len, void *arg);
static ares_ssize_t socket_send(int fd, const void *buffer, size_t len,
								int flags, const struct sockaddr *address,
								ares_socklen_t address_len, void *arg);
static unsigned int interface_index(const char *name, void *arg);
static const char *interface_name(unsigned int index, char *name, size_t size,
								  void *arg);

const struct ares_socket_functions_ex socket_functions = {
	.version = 1,
	.flags = ARES_SOCKFUNC_FLAG_NONBLOCKING,
	.asocket = socket_open,
	.aclose = socket_close,
	.asetsockopt = socket_option,
	.aconnect = socket_connect,
	.arecvfrom = socket_receive,
	.asendto = socket_send,
	.abind = socket_bind,
	.aif_nametoindex = interface_index,
	.aif_indextoname = interface_name
};

/* The last DnsSocket.serial, over all channels. */
static uint32 last_serial = 0;

static bool add_socket(DnsChannel *channel, DnsSocket *socket);
static bool bind_local(DnsChannel *channel, int fd, int family);

/*
 * Callback: the library waits for other events on a socket.
 */
void
socket_state_changed(void *arg, ares_socket_t fd, int readable, int writable)
{
	DnsChannel *channel = arg;
	DnsSocket  *socket;

	channel->sockets_changed = true;
	if (fd >= channel->max_sockets || channel->sockets[fd] == NULL)
		return;					/* closed already */
	socket = channel->sockets[fd];
	socket->want_read = readable;
	socket->want_write = writable;
}

/*
 * Does the library or the queue wait until the socket is writable?
 */
bool
socket_wants_write(const DnsSocket *socket)
{
	return socket->want_write || socket->out_waits;
}

/*
 * Opens a UDP socket for the burst to a server, as the library would.  NULL if that cannot
 * be, with the reason in the channel.
 */
DnsSocket *
socket_make(DnsChannel *channel, const DnsNameServer *server)
{
	const DnsChannelConfig *config = &channel->config;
	const struct sockaddr *address = (const struct sockaddr *) &server->address;
	int			fd = socket_open(address->sa_family, SOCK_DGRAM, 0, channel);
	DnsSocket  *new;

	if (fd < 0)
		return NULL;
	new = channel->sockets[fd];
	new->burst = true;
	new->want_read = true;
	channel->sockets_changed = true;
	if (config->send_buffer_size > 0)
		(void) socket_option(fd, ARES_SOCKET_OPT_SENDBUF_SIZE,
							 &config->send_buffer_size, sizeof(int), channel);
	if (config->receive_buffer_size > 0)
		(void) socket_option(fd, ARES_SOCKET_OPT_RECVBUF_SIZE,
							 &config->receive_buffer_size, sizeof(int), channel);
	if (*config->local_dev != '\0')
		(void) socket_option(fd, ARES_SOCKET_OPT_BIND_DEVICE, config->local_dev,
							 strlen(config->local_dev) + 1, channel);
	if (bind_local(channel, fd, address->sa_family) &&
		socket_connect(fd, address, server->len, 0, channel) == 0)
		return new;
	(void) socket_close(fd, channel);
	return NULL;
}

/*
 * Closes the sockets of the burst that have served at least this many queries; those on
 * which questions wait only if waiting is true.  The one that is being read stays.
 */
void
socket_end_all(DnsChannel *channel, int asked, bool waiting)
{
	for (int fd = 0; fd < channel->max_sockets; fd++)
	{
		DnsSocket  *socket = channel->sockets[fd];

		if (socket != NULL && socket->burst && socket != channel->reading &&
			socket->asked >= asked && (waiting || socket->waiting == 0))
			(void) socket_close(fd, channel);
	}
}

/*
 * Notes an error for which a socket is of no use.  An established connection that ends
 * was not refused.
 */
void
socket_refused(DnsChannel *channel, DnsSocket *socket, int error)
{
	channel->last_errno = error;
	if (!socket->tcp || (!socket->ended && !socket->established))
		tally_refused(channel->tallies[socket->server]);
	socket->ended = true;
}

static int
socket_open(int domain, int type, int protocol, void *arg)
{
	DnsChannel *channel = arg;
	DnsSocket  *new;

	channel->cut = false;		/* a failure from here on cuts no connection */
	if (channel->spare_descriptors == 0)
	{
		channel->no_descriptors = true;
		errno = EMFILE;
		return ARES_SOCKET_BAD;
	}
	new = calloc(1, sizeof(DnsSocket));
	if (new == NULL)
	{
		/* The library would blame the server. */
		channel->window->out_of_memory = true;
		return ARES_SOCKET_BAD;
	}
	new->tcp = (type == SOCK_STREAM);
	new->serial = ++last_serial;
	if (new->tcp)
		new->in = malloc(STREAM_MAX_FRAME);
	new->fd = socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (new->fd < 0)
	{
		channel->last_errno = errno;
		if (errno == EMFILE || errno == ENFILE)
			channel->no_descriptors = true;
	}
	else if ((!new->tcp || new->in != NULL) && add_socket(channel, new))
	{
		int			on = 1;

		if (new->tcp)
			(void) setsockopt(new->fd, IPPROTO_TCP, TCP_NODELAY,
							  &on, sizeof(on));
		channel->spare_descriptors--;
		channel->tcp_sockets += new->tcp;
		counters.sockets++;
		return new->fd;
	}
	else
	{
		close(new->fd);
		channel->window->out_of_memory = true;
		errno = ENOMEM;
	}
	free(new->in);
	free(new);
	return ARES_SOCKET_BAD;
}

static int
socket_close(int fd, void *arg)
{
	DnsChannel *channel = arg;
	DnsSocket  *socket = channel->sockets[fd];

	channel->sockets[fd] = NULL;
	channel->sockets_changed = true;
	if (socket->unsent)
		dlist_delete(&socket->unsent_node);
	channel->spare_descriptors++;
	channel->tcp_sockets -= socket->tcp;
	free(socket->in);
	free(socket->out);
	free(socket);
	return close(fd);
}

static int
socket_option(int fd, ares_socket_opt_t option, const void *value,
			  ares_socklen_t len, void *arg)
{
	DnsChannel *channel = arg;
	DnsSocket  *socket = channel->sockets[fd];
	int			rc;

	switch (option)
	{
			/* The system can grant less than asked for, or nothing. */
		case ARES_SOCKET_OPT_SENDBUF_SIZE:
			(void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, len);
			return 0;
		case ARES_SOCKET_OPT_RECVBUF_SIZE:
			(void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, len);
			return 0;

			/*
			 * After a failure the library goes on, over any interface that the
			 * system chooses.  socket_connect() then refuses.
			 */
		case ARES_SOCKET_OPT_BIND_DEVICE:
			rc = setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, value, len);
			if (rc < 0)
				socket->refused = errno;
			return rc;
		default:
			errno = ENOSYS;
			return -1;
	}
}

static int
socket_connect(int fd, const struct sockaddr *address, ares_socklen_t len,
			   unsigned int flags, void *arg)
{
	DnsChannel *channel = arg;
	DnsSocket  *socket = channel->sockets[fd];
	int			rc;

	if (socket->refused != 0)
	{
		channel->last_errno = errno = socket->refused;
		return -1;
	}
	memcpy(&socket->address, address, Min(len, sizeof(socket->address)));
	socket->server = nameserver_number(channel, address, len);
	rc = connect(fd, address, len);
	if (rc < 0 && errno == EAGAIN)
	{
		/*
		 * There is no free port.  The library would take EAGAIN for a connection
		 * in progress.  The other sockets are all for which there are ports.
		 */
		channel->max_ports = 0;
		for (int i = 0; i < channel->max_sockets; i++)
			channel->max_ports += (channel->sockets[i] != NULL && i != fd);
		errno = EADDRNOTAVAIL;
	}
	if (rc < 0 && errno != EINPROGRESS)
		socket_refused(channel, socket, errno);
	return rc;
}

static int
socket_bind(int fd, unsigned int flags, const struct sockaddr *address,
			socklen_t len, void *arg)
{
	DnsChannel *channel = arg;
	int			rc = bind(fd, address, len);

	if (rc < 0)
		channel->last_errno = errno;
	return rc;
}

static ares_ssize_t
socket_receive(int fd, void *buffer, size_t len, int flags,
			   struct sockaddr *address, ares_socklen_t *address_len,
			   void *arg)
{
	DnsChannel *channel = arg;
	DnsSocket  *socket = channel->sockets[fd];
	ares_ssize_t rc;

	if (socket->tcp)
		rc = tcp_receive(channel, socket, buffer, len);
	else
	{
		memcpy(address, &socket->address, *address_len);
		rc = udp_receive_stub(channel, socket, buffer);
	}
	if (rc < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return rc;
	if (rc <= 0)
		channel->cut = socket->tcp && socket->established;
	if (rc < 0)
		socket_refused(channel, socket, errno);
	socket->ended |= rc <= 0;
	return rc;
}

/*
 * The library sends placeholders; the messages of their questions go out instead.
 */
static ares_ssize_t
socket_send(int fd, const void *buffer, size_t len, int flags,
			const struct sockaddr *address, ares_socklen_t address_len,
			void *arg)
{
	DnsChannel *channel = arg;
	DnsSocket  *socket = channel->sockets[fd];
	uint8		message[GUARD_MAX_QUERY];
	size_t		message_len;
	const uint8 *at = buffer;
	const uint8 *end = at + len;

	if (!socket->tcp)
	{
		message_len = query_replace(channel, socket, at, len, message);
		if (message_len > 0 &&
			!udp_send(channel, socket, message, message_len))
		{
			channel->last_errno = errno;
			return -1;
		}
		return len;
	}

	/* The frames are whole: every call takes all of them. */
	while (end - at > STREAM_PREFIX)
	{
		size_t		frame_len = wire_u16(at);

		at += STREAM_PREFIX;
		if (frame_len > (size_t) (end - at))
			break;
		message_len = query_replace(channel, socket, at, frame_len, message);
		if (message_len > 0 &&
			!outbox_queue(channel, socket, message, message_len))
			return -1;
		at += frame_len;
	}

	/*
	 * A failure must not show here: the library would not read the answers that came
	 * before the end, and would ask again at once if there is no connection.
	 */
	if (!outbox_flush(channel, socket) && !socket->established)
	{
		socket->send_errno = errno;
		(void) shutdown(fd, SHUT_RDWR); /* so that the library reads */
	}
	return len;
}

static unsigned int
interface_index(const char *name, void *arg)
{
	return if_nametoindex(name);
}

static const char *
interface_name(unsigned int index, char *name, size_t size, void *arg)
{
	return size >= IF_NAMESIZE ? if_indextoname(index, name) : NULL;
}

/* Puts a socket into the channel's array, by descriptor.  False without memory. */
static bool
add_socket(DnsChannel *channel, DnsSocket *socket)
{
	if (socket->fd >= channel->max_sockets)
	{
		int			size = Max(socket->fd + 1, 2 * channel->max_sockets);
		DnsSocket **sockets = realloc(channel->sockets,
									  size * sizeof(DnsSocket *));

		if (sockets == NULL)
			return false;
		memset(sockets + channel->max_sockets, 0,
			   (size - channel->max_sockets) * sizeof(DnsSocket *));
		channel->sockets = sockets;
		channel->max_sockets = size;
	}
	channel->sockets[socket->fd] = socket;
	return true;
}

/* Binds a socket to the local address of its family, if one is set. */
static bool
bind_local(DnsChannel *channel, int fd, int family)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (family == AF_INET &&
		inet_pton(AF_INET, channel->config.local_ip4, &in.sin_addr) == 1)
		return socket_bind(fd, 0, (struct sockaddr *) &in, sizeof(in), channel) == 0;
	if (family == AF_INET6 &&
		inet_pton(AF_INET6, channel->config.local_ip6, &in6.sin6_addr) == 1)
		return socket_bind(fd, 0, (struct sockaddr *) &in6, sizeof(in6), channel) == 0;
	return true;
}
