/*
 * sends.c
 *
 * For LD_PRELOAD: wraps sendmmsg() in the whole server, counts its calls and the
 * messages that they send, and can make it behave like a system that has little room,
 * or cannot cut messages to pieces.  Counts the sockets, too, that are to have what comes
 * together as one (UDP_GRO).  The behaviour and the counts are 64-bit numbers in the file
 * that the variable SENDS names.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The numbers of the file. */
enum
{
	WHAT,
	CALLS,
	MESSAGES,
	REFUSED,
	TOGETHER,
	NUMBERS
};

/* The behaviours. */
enum
{
	AS_ALWAYS,
	NO_SEGMENTS,				/* no message is cut to pieces */
	ONE_AT_A_TIME,				/* a call sends no more than its first message */
	OFTEN_FULL,					/* two calls of three find no room in the buffer */
	OFTEN_LOST,					/* one call of seven finds no room in the system */
	FORBIDDEN,					/* sending is forbidden */
	NO_ROUTE					/* there is no way to anywhere */
};

static int64_t *
numbers(void)
{
	static int64_t *map = NULL;
	int			fd;

	if (map != NULL || getenv("SENDS") == NULL)
		return map;
	fd = open(getenv("SENDS"), O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, NUMBERS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, 0);
	close(fd);
	return map == MAP_FAILED ? map = NULL : map;
}

static int
refusal(const int64_t *number, const struct mmsghdr *messages)
{
	switch (number[WHAT])
	{
		case NO_SEGMENTS:
			return messages[0].msg_hdr.msg_controllen > 0 ? EIO : 0;
		case OFTEN_FULL:
			return number[CALLS] % 3 != 0 ? EAGAIN : 0;
		case OFTEN_LOST:
			return number[CALLS] % 7 == 0 ? ENOBUFS : 0;
		case FORBIDDEN:
			return EPERM;
		case NO_ROUTE:
			return ENETUNREACH;
		default:
			return 0;
	}
}

int
sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	int			(*real) (int, struct mmsghdr *, unsigned int, int) =
		(int (*) (int, struct mmsghdr *, unsigned int, int)) dlsym(RTLD_NEXT, "sendmmsg");
	int64_t    *number = numbers();
	int			sent;

	if (number == NULL)
		return real(fd, messages, count, flags);
	number[CALLS]++;
	errno = refusal(number, messages);
	if (errno != 0)
	{
		number[REFUSED]++;
		return -1;
	}
	sent = real(fd, messages, number[WHAT] == ONE_AT_A_TIME ? 1 : count, flags);
	for (int i = 0; i < sent; i++)
		number[MESSAGES] += messages[i].msg_hdr.msg_iovlen;
	return sent;
}

int
setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	int			(*real) (int, int, int, const void *, socklen_t) =
		(int (*) (int, int, int, const void *, socklen_t)) dlsym(RTLD_NEXT, "setsockopt");
	int64_t    *number = numbers();

	if (number != NULL && level == IPPROTO_UDP && option == UDP_GRO)
		number[TOGETHER]++;
	return real(fd, level, option, value, len);
}
