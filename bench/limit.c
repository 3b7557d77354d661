/*
 * limit.c
 *
 * The most that one process can reach: sends queries that were made before the
 * clock starts, receives the answers, and only checks that each is the answer to
 * its query.  A program that reads and keeps answers takes longer.
 *
 *   limit -p PORT [-t TYPE] [-w WINDOW] [-g] < NAMES
 *
 * TYPE is a number; WINDOW is the number of queries in flight at a time; with -g
 * queries of one length go to the kernel together (UDP_SEGMENT), and answers come from
 * it together (UDP_GRO).  It prints the answers, and the seconds: all, in user space, in
 * the kernel.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER_SIZE 12
#define NAME_MAX_TEXT 253
#define QUERY_MAX (HEADER_SIZE + NAME_MAX_TEXT + 2 + 4)
#define ANSWER_MAX 512
#define BATCH 128				/* messages that one system call takes */
#define GROUP_MAX 32			/* queries that are sent as one */
#define GROUP_OCTETS (65536 + 64)	/* room for answers that come as one */
#define WINDOW_MAX 16384
#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define PATIENCE_MS 1000		/* then a query is sent again */

typedef struct Query
{
	size_t		offset;			/* in "octets" */
	unsigned	length;
} Query;

/* A query in flight; its place in "slots" is the ID. */
typedef struct Slot
{
	unsigned	query;
	bool		used;
	uint64_t	sent;			/* in milliseconds */
} Slot;

static unsigned char *octets = NULL;
static Query *queries = NULL;
static unsigned query_count = 0;

static Slot slots[WINDOW_MAX];
static unsigned short free_slots[WINDOW_MAX];
static unsigned free_count = 0;
static unsigned answers = 0;

/* Slots to be sent. */
static unsigned short outbox[WINDOW_MAX];
static unsigned outbox_count = 0;

static void
fail(const char *what)
{
	fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t
milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Writes the query for a name; returns its length. */
static unsigned
make_query(unsigned char *query, const char *name, unsigned type)
{
	unsigned	length = HEADER_SIZE;

	memcpy(query, "\0\0\1\0\0\1\0\0\0\0\0\0", HEADER_SIZE);
	while (*name != '\0')
	{
		size_t		label = strcspn(name, ".");

		query[length++] = label;
		memcpy(query + length, name, label);
		length += label;
		name += label + (name[label] == '.');
	}
	memcpy(query + length, (unsigned char[]) {0, type >> 8, type, 0, 1}, 5);
	return length + 5;
}

/* Makes the queries for the names of standard input. */
static void
read_names(unsigned type)
{
	char		name[NAME_MAX_TEXT + 3];
	size_t		used = 0,
				room = 0;
	unsigned	query_room = 0;

	while (fgets(name, sizeof(name), stdin) != NULL)
	{
		name[strcspn(name, "\n")] = '\0';
		if (used + QUERY_MAX > room && (octets = realloc(octets, room = room * 2 + QUERY_MAX)) == NULL)
			fail("realloc");
		if (query_count == query_room &&
			(queries = realloc(queries, (query_room = query_room * 2 + 1) * sizeof(Query))) == NULL)
			fail("realloc");
		queries[query_count].offset = used;
		queries[query_count].length = make_query(octets + used, name, type);
		used += queries[query_count++].length;
	}
}

static int
open_socket(int port, bool grouping)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int			size = RECEIVE_BUFFER;
	int			on = grouping;
	int			fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
		fail("cannot connect");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
	return fd;
}

/* Puts new queries into the outbox while the window has room for them. */
static void
fill_window(unsigned *next, uint64_t time)
{
	while (free_count > 0 && *next < query_count)
	{
		unsigned	id = free_slots[--free_count];
		unsigned char *query = octets + queries[*next].offset;

		query[0] = id >> 8;
		query[1] = id;
		slots[id] = (Slot) {(*next)++, true, time};
		outbox[outbox_count++] = id;
	}
}

/* Puts the queries that have waited too long for an answer into the outbox. */
static void
send_again(uint64_t time)
{
	unsigned	id;

	for (id = 0; id < WINDOW_MAX; id++)
	{
		if (slots[id].used && slots[id].sent + PATIENCE_MS <= time)
			outbox[outbox_count++] = id;
	}
}

/* Sends a batch from the outbox, in groups of one length with -g. */
static void
send_batch(int fd, bool grouping, uint64_t time)
{
	static struct mmsghdr headers[BATCH];
	static struct iovec parts[BATCH];
	static union
	{
		struct cmsghdr header;
		char		room[CMSG_SPACE(sizeof(uint16_t))];
	}			controls[BATCH];
	unsigned	count = 0,
				groups = 0,
				sent = 0;

	while (outbox_count > 0 && count < BATCH)
	{
		Slot	   *slot = &slots[outbox[--outbox_count]];
		Query	   *query = &queries[slot->query];
		struct msghdr *group = groups > 0 ? &headers[groups - 1].msg_hdr : NULL;

		slot->sent = time;
		parts[count] = (struct iovec) {octets + query->offset, query->length};
		if (grouping && group != NULL && group->msg_iovlen < GROUP_MAX &&
			group->msg_iov->iov_len == query->length)
		{
			struct cmsghdr *control = &controls[groups - 1].header;

			group->msg_iovlen++;
			group->msg_control = control;
			group->msg_controllen = sizeof(controls[0]);
			control->cmsg_level = SOL_UDP;
			control->cmsg_type = UDP_SEGMENT;
			control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
			*(uint16_t *) CMSG_DATA(control) = query->length;
		}
		else
			headers[groups++].msg_hdr = (struct msghdr) {.msg_iov = &parts[count], .msg_iovlen = 1};
		count++;
	}
	while (sent < groups)
	{
		int			result = sendmmsg(fd, headers + sent, groups - sent, 0);

		if (result < 0 && errno != EINTR)
			fail("sendmmsg");
		sent += result > 0 ? result : 0;
	}
}

/* Takes an answer, unless it is none to a query. */
static void
take_answer(const unsigned char *answer, unsigned length)
{
	unsigned	id = answer[0] << 8 | answer[1];
	Query	   *query;

	if (length < HEADER_SIZE || id >= WINDOW_MAX || !slots[id].used)
		return;
	query = &queries[slots[id].query];
	if (length < query->length || !(answer[2] & 0x80) ||
		memcmp(answer + HEADER_SIZE, octets + query->offset + HEADER_SIZE, query->length - HEADER_SIZE) != 0)
		return;
	slots[id].used = false;
	free_slots[free_count++] = id;
	answers++;
}

/* Receives all waiting messages; returns the number of those that came alone or as one. */
static int
receive(int fd)
{
	static struct mmsghdr headers[BATCH];
	static struct iovec parts[BATCH];
	static unsigned char received[BATCH][GROUP_OCTETS];
	static union
	{
		struct cmsghdr header;
		char		room[CMSG_SPACE(sizeof(int))];
	}			controls[BATCH];
	int			count,
				i;

	for (i = 0; i < BATCH; i++)
	{
		parts[i] = (struct iovec) {received[i], GROUP_OCTETS};
		headers[i].msg_hdr = (struct msghdr) {
			.msg_iov = &parts[i], .msg_iovlen = 1,
			.msg_control = &controls[i], .msg_controllen = sizeof(controls[i])
		};
	}
	count = recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, NULL);
	if (count < 0 && errno != EAGAIN && errno != EINTR)
		fail("recvmmsg");

	for (i = 0; i < count; i++)
	{
		unsigned	length = headers[i].msg_len,
					done;
		int			each = length;
		struct cmsghdr *control = CMSG_FIRSTHDR(&headers[i].msg_hdr);

		if (control != NULL && control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO)
			memcpy(&each, CMSG_DATA(control), sizeof(each));
		for (done = 0; done < length; done += each)
			take_answer(received[i] + done, length - done < (unsigned) each ? length - done : (unsigned) each);
	}
	return count;
}

/* Asks all queries, each until it is answered. */
static void
ask(int fd, bool grouping)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	unsigned	next = 0;
	uint64_t	looked = milliseconds();

	while (answers < query_count)
	{
		uint64_t	time = milliseconds();

		fill_window(&next, time);
		if (time - looked > PATIENCE_MS / 10)
		{
			looked = time;
			send_again(time);
		}
		while (outbox_count > 0)
			send_batch(fd, grouping, time);
		if (receive(fd) <= 0)
			poll(&poll_fd, 1, PATIENCE_MS / 10);
	}
}

static double
seconds_of(struct timeval time)
{
	return time.tv_sec + time.tv_usec / 1e6;
}

int
main(int argc, char **argv)
{
	int			port = 0,
				type = 1,
				window = 1000,
				option,
				fd;
	bool		grouping = false;
	struct timespec start,
				end;
	struct rusage before,
				after;

	while ((option = getopt(argc, argv, "p:t:w:g")) != -1)
	{
		switch (option)
		{
			case 'p':
				port = atoi(optarg);
				break;
			case 't':
				type = atoi(optarg);
				break;
			case 'w':
				window = atoi(optarg);
				break;
			case 'g':
				grouping = true;
				break;
			default:
				return 2;
		}
	}
	for (; window > 0 && free_count < WINDOW_MAX; window--)
		free_slots[free_count] = free_count, free_count++;
	read_names(type);
	fd = open_socket(port, grouping);

	getrusage(RUSAGE_SELF, &before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	ask(fd, grouping);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_SELF, &after);
	printf("%u %.6f %.6f %.6f\n", answers,
		   end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9,
		   seconds_of(after.ru_utime) - seconds_of(before.ru_utime),
		   seconds_of(after.ru_stime) - seconds_of(before.ru_stime));
	return 0;
}
