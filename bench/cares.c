/*
 * cares.c
 *
 * The cost of c-ares alone: asks for the addresses of names on a channel whose
 * socket stays open, and counts the answers after reading them.
 *
 *   cares -p PORT [-w WINDOW] < NAMES
 *
 * WINDOW is the number of questions in flight at a time.  It prints the answers,
 * and the seconds: all, in user space, in the kernel.
 */
#include <ares.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define NAME_MAX_TEXT 253
#define SOCKETS_MAX 16
#define RECEIVE_BUFFER (4 * 1024 * 1024)
#define PATIENCE_MS 2000
#define TRIES 4

static char **names = NULL;
static unsigned name_count = 0;

/* The sockets that the channel waits for. */
static struct pollfd sockets[SOCKETS_MAX];
static unsigned socket_count = 0;

static unsigned under_way = 0;
static unsigned answers = 0;

static void
fail(const char *what)
{
	fprintf(stderr, "cares: %s\n", what);
	exit(1);
}

/* c-ares reports the sockets that it waits for. */
static void
watch(void *data, ares_socket_t fd, int readable, int writable)
{
	unsigned	i;

	(void) data;
	for (i = 0; i < socket_count && sockets[i].fd != fd; i++)
		;
	if (!readable && !writable)
	{
		if (i < socket_count)
			sockets[i] = sockets[--socket_count];
		return;
	}
	if (i == SOCKETS_MAX)
		fail("too many sockets");
	if (i == socket_count)
		socket_count++;
	sockets[i] = (struct pollfd) {.fd = fd, .events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0)};
}

static void
answered(void *data, ares_status_t status, size_t timeouts, const ares_dns_record_t *record)
{
	(void) data;
	(void) timeouts;
	under_way--;
	answers += (status == ARES_SUCCESS && ares_dns_record_rr_cnt(record, ARES_SECTION_ANSWER) > 0);
}

static ares_channel_t *
open_channel(const char *port)
{
	struct ares_options options = {
		.flags = ARES_FLAG_STAYOPEN | ARES_FLAG_EDNS, .timeout = PATIENCE_MS, .tries = TRIES,
		.sock_state_cb = watch, .lookups = "b", .socket_receive_buffer_size = RECEIVE_BUFFER
	};
	ares_channel_t *channel;
	char		server[sizeof("127.0.0.1:65535")];

	snprintf(server, sizeof(server), "127.0.0.1:%.5s", port);
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
		ares_init_options(&channel, &options,
						  ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
						  ARES_OPT_LOOKUPS | ARES_OPT_SOCK_RCVBUF | ARES_OPT_QUERY_CACHE) != ARES_SUCCESS ||
		ares_set_servers_csv(channel, server) != ARES_SUCCESS)
		fail("cannot make a channel");
	return channel;
}

/* Waits for the sockets or the next timeout, and lets c-ares handle the events. */
static void
wait_for_something(ares_channel_t *channel)
{
	ares_fd_events_t events[SOCKETS_MAX];
	struct timeval room;
	struct timeval *limit = ares_timeout(channel, NULL, &room);
	unsigned	count = 0,
				i;

	if (poll(sockets, socket_count, limit ? limit->tv_sec * 1000 + (limit->tv_usec + 999) / 1000 : PATIENCE_MS) < 0)
		fail("poll fails");
	for (i = 0; i < socket_count; i++)
	{
		if (sockets[i].revents != 0)
			events[count++] = (ares_fd_events_t) {
				.fd = sockets[i].fd,
				.events = (sockets[i].revents & ~POLLOUT ? ARES_FD_EVENT_READ : 0) |
				(sockets[i].revents & POLLOUT ? ARES_FD_EVENT_WRITE : 0)
			};
	}
	ares_process_fds(channel, events, count, ARES_PROCESS_FLAG_NONE);
}

/* Asks for all names, a window of them at a time. */
static void
ask(ares_channel_t *channel, unsigned window)
{
	unsigned	next = 0;

	while (next < name_count || under_way > 0)
	{
		for (; under_way < window && next < name_count; next++)
		{
			under_way++;
			ares_query_dnsrec(channel, names[next], ARES_CLASS_IN, ARES_REC_TYPE_A, answered, NULL, NULL);
		}
		if (under_way > 0)
			wait_for_something(channel);
	}
}

static void
read_names(void)
{
	char		name[NAME_MAX_TEXT + 3];
	unsigned	room = 0;

	while (fgets(name, sizeof(name), stdin) != NULL)
	{
		name[strcspn(name, "\n")] = '\0';
		if (name_count == room && (names = realloc(names, (room = room * 2 + 1) * sizeof(char *))) == NULL)
			fail("out of memory");
		if ((names[name_count++] = strdup(name)) == NULL)
			fail("out of memory");
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
	const char *port = "";
	unsigned	window = 1000;
	int			option;
	ares_channel_t *channel;
	struct timespec start,
				end;
	struct rusage before,
				after;

	while ((option = getopt(argc, argv, "p:w:")) != -1)
	{
		switch (option)
		{
			case 'p':
				port = optarg;
				break;
			case 'w':
				window = atoi(optarg);
				break;
			default:
				return 2;
		}
	}
	read_names();
	channel = open_channel(port);

	getrusage(RUSAGE_SELF, &before);
	clock_gettime(CLOCK_MONOTONIC, &start);
	ask(channel, window);
	clock_gettime(CLOCK_MONOTONIC, &end);
	getrusage(RUSAGE_SELF, &after);
	printf("%u %.6f %.6f %.6f\n", answers,
		   end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9,
		   seconds_of(after.ru_utime) - seconds_of(before.ru_utime),
		   seconds_of(after.ru_stime) - seconds_of(before.ru_stime));
	ares_destroy(channel);
	ares_library_cleanup();
	return 0;
}
