/*
 * responder.c
 *
 * A name server that costs next to nothing, for measuring its clients.
 *
 *   responder [-p PORT] [-d MS] [-s PERCENT] [-S MS] [-l PERCENT] [-a]
 *
 * It listens on 127.0.0.1 (UDP), and answers after -d milliseconds.  -s percent of
 * all names are slow, always the same ones, and take -S milliseconds more; -l percent
 * of all queries are lost, so that one that is sent again has another chance.  With -a
 * each answer is sent alone.
 *
 * It prints "ready PORT OCTETS" with the size of its receive buffer when it is
 * ready, and "queries NUMBER" for each SIGUSR1.  It ends with its parent process.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "answer.h"

#define BATCH 128				/* messages that one system call takes */
#define GROUP_MAX 32			/* answers that are sent as one */
#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define NANOSECONDS_PER_MS UINT64_C(1000000)

/* A query, which becomes its answer and waits for its time. */
typedef struct Message
{
	struct Message *next;
	uint64_t	due;
	struct sockaddr_in peer;
	Packet		packet;
} Message;

/* Messages that wait equally long, so that the first is due first. */
typedef struct Queue
{
	uint64_t	delay;
	Message    *first;
	Message    *last;
} Queue;

static Queue usual;
static Queue slow;
static double slow_percent = 0;
static double lost_percent = 0;

static Message *spare = NULL;
static uint64_t random_state = UINT64_C(0x9e3779b97f4a7c15);
static unsigned long queries = 0;

/* Answers of one length to one peer go to the kernel together, if it can. */
static bool grouping = true;

static volatile sig_atomic_t ended = false;
static volatile sig_atomic_t asked = false;

static void
handle_signal(int number)
{
	if (number == SIGUSR1)
		asked = true;
	else
		ended = true;
}

static void
fail(const char *what)
{
	fprintf(stderr, "responder: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000 * NANOSECONDS_PER_MS + time.tv_nsec;
}

/* True with this probability, in percent. */
static bool
chance(double percent)
{
	if (percent <= 0)
		return false;
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double) (random_state >> 11) < percent / 100 * (double) (UINT64_C(1) << 53);
}

static Message *
take_spare(void)
{
	Message    *message = spare;

	if (message != NULL)
		spare = message->next;
	else if ((message = malloc(sizeof(Message))) == NULL)
		fail("malloc");
	return message;
}

static void
give_back(Message *message)
{
	message->next = spare;
	spare = message;
}

static void
enqueue(Queue *queue, Message *message, uint64_t time)
{
	message->due = time + queue->delay;
	message->next = NULL;
	if (queue->first == NULL)
		queue->first = message;
	else
		queue->last->next = message;
	queue->last = message;
}

/* Receives the waiting queries and queues their answers; returns their number. */
static int
receive(int fd)
{
	static struct mmsghdr headers[BATCH];
	static struct iovec parts[BATCH];
	static Message *batch[BATCH];
	uint64_t	time;
	int			count,
				i;

	for (i = 0; i < BATCH; i++)
	{
		if (batch[i] == NULL)
			batch[i] = take_spare();
		parts[i] = (struct iovec) {batch[i]->packet.octets, QUERY_MAX};
		headers[i].msg_hdr = (struct msghdr) {
			.msg_name = &batch[i]->peer, .msg_namelen = sizeof(batch[i]->peer),
			.msg_iov = &parts[i], .msg_iovlen = 1
		};
	}
	count = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
	if (count < 0)
	{
		if (errno != EAGAIN && errno != EINTR)
			fail("recvmmsg");
		return 0;
	}

	time = now();
	queries += count;
	for (i = 0; i < count; i++)
	{
		uint32_t	hash;

		batch[i]->packet.length = headers[i].msg_len;
		if (headers[i].msg_hdr.msg_flags & MSG_TRUNC || chance(lost_percent) || !make_answer(&batch[i]->packet, &hash))
			continue;
		enqueue(hash % 10000 < slow_percent * 100 ? &slow : &usual, batch[i], time);
		batch[i] = NULL;
	}
	return count;
}

/* Takes the next message that is due out of its queue; NULL if none is due. */
static Message *
dequeue(uint64_t time)
{
	Queue	   *queue = slow.first != NULL && slow.first->due <= time ? &slow : &usual;
	Message    *message = queue->first;

	if (message == NULL || message->due > time)
		return NULL;
	queue->first = message->next;
	return message;
}

/* Sends this many messages; one that cannot be sent is lost. */
static void
transmit(int fd, struct mmsghdr *headers, unsigned count)
{
	unsigned	sent = 0;

	while (sent < count)
	{
		int			result = sendmmsg(fd, headers + sent, count - sent, 0);

		if (result > 0)
			sent += result;
		else if (errno != EINTR)
		{
			/* a kernel without UDP_SEGMENT: the first group is lost */
			grouping = false;
			sent++;
		}
	}
}

/* Sends a batch of due messages; false if none is due. */
static bool
send_due(int fd)
{
	static struct mmsghdr headers[BATCH];
	static struct iovec parts[BATCH];
	static union
	{
		struct cmsghdr header;
		char		room[CMSG_SPACE(sizeof(uint16_t))];
	}			controls[BATCH];
	Message    *batch[BATCH];
	unsigned	count = 0,
				groups = 0,
				i;
	uint64_t	time = now();

	while (count < BATCH && (batch[count] = dequeue(time)) != NULL)
	{
		Message    *message = batch[count];
		Packet	   *packet = &message->packet;
		struct msghdr *group = groups > 0 ? &headers[groups - 1].msg_hdr : NULL;

		parts[count] = (struct iovec) {packet->octets, packet->length};
		if (grouping && group != NULL && group->msg_iovlen < GROUP_MAX &&
			group->msg_iov->iov_len == packet->length &&
			memcmp(group->msg_name, &message->peer, sizeof(message->peer)) == 0)
		{
			struct cmsghdr *control = &controls[groups - 1].header;

			group->msg_iovlen++;
			group->msg_control = control;
			group->msg_controllen = sizeof(controls[0]);
			control->cmsg_level = SOL_UDP;
			control->cmsg_type = UDP_SEGMENT;
			control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
			*(uint16_t *) CMSG_DATA(control) = packet->length;
		}
		else
			headers[groups++].msg_hdr = (struct msghdr) {
				.msg_name = &message->peer, .msg_namelen = sizeof(message->peer),
				.msg_iov = &parts[count], .msg_iovlen = 1
			};
		count++;
	}
	transmit(fd, headers, groups);
	for (i = 0; i < count; i++)
		give_back(batch[i]);
	return count > 0;
}

/* Sleeps until there is a query, an answer is due or a signal comes. */
static void
wait_for_something(int fd, const sigset_t *open_signals)
{
	struct pollfd poll = {.fd = fd, .events = POLLIN};
	struct timespec limit;
	uint64_t	due = UINT64_MAX,
				time = now();

	if (usual.first != NULL)
		due = usual.first->due;
	if (slow.first != NULL && slow.first->due < due)
		due = slow.first->due;
	due = due > time ? due - time : 0;
	limit.tv_sec = due / (1000 * NANOSECONDS_PER_MS);
	limit.tv_nsec = due % (1000 * NANOSECONDS_PER_MS);
	if (ppoll(&poll, 1, usual.first || slow.first ? &limit : NULL, open_signals) < 0 && errno != EINTR)
		fail("ppoll");
}

/* Signals come only during the wait, so that none is missed. */
static sigset_t
hold_signals(void)
{
	static const int signals[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP};
	struct sigaction action = {.sa_handler = handle_signal};
	sigset_t	held,
				before;
	unsigned	i;

	sigemptyset(&held);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
	{
		sigaction(signals[i], &action, NULL);
		sigaddset(&held, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &held, &before);
	return before;
}

static int
open_socket(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	socklen_t	length = sizeof(address);
	int			size = RECEIVE_BUFFER;
	socklen_t	size_length = sizeof(size);
	int			fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *) &address, length) < 0)
		fail("cannot listen");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &size_length);
	getsockname(fd, (struct sockaddr *) &address, &length);
	printf("ready %d %d\n", ntohs(address.sin_port), size);
	fflush(stdout);
	return fd;
}

int
main(int argc, char **argv)
{
	int			port = 0,
				option,
				fd;
	double		delay = 0,
				slowness = 0;
	sigset_t	open_signals = hold_signals();

	while ((option = getopt(argc, argv, "p:d:s:S:l:a")) != -1)
	{
		switch (option)
		{
			case 'p':
				port = atoi(optarg);
				break;
			case 'd':
				delay = atof(optarg);
				break;
			case 's':
				slow_percent = atof(optarg);
				break;
			case 'S':
				slowness = atof(optarg);
				break;
			case 'l':
				lost_percent = atof(optarg);
				break;
			case 'a':
				grouping = false;
				break;
			default:
				return 2;
		}
	}
	usual.delay = delay * NANOSECONDS_PER_MS;
	slow.delay = (delay + slowness) * NANOSECONDS_PER_MS;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_TIMERSLACK, 1);
	fd = open_socket(port);
	while (!ended)
	{
		int			received = receive(fd);

		while (send_due(fd))
			;
		if (received == 0)
			wait_for_something(fd, &open_signals);
		if (asked)
		{
			asked = false;
			printf("queries %lu\n", queries);
			fflush(stdout);
		}
	}
	return 0;
}
