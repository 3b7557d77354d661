/*
 * mmsg.h
 *
 * sendmmsg(2) and recvmmsg(2) for systems that lack them: one system call for
 * each message.
 */
#ifndef PGCARES_MMSG_H
#define PGCARES_MMSG_H

#include <netinet/udp.h>
#include <sys/socket.h>

#ifndef MSG_WAITFORONE

struct mmsghdr
{
	struct msghdr msg_hdr;
	unsigned int msg_len;
};

/* The number of messages sent; -1, with errno, if the first one failed. */
static inline int
sendmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags)
{
	unsigned int done;

	for (done = 0; done < count; done++)
	{
		ssize_t		len = sendmsg(fd, &messages[done].msg_hdr, flags);

		if (len < 0)
			return done > 0 ? (int) done : -1;
		messages[done].msg_len = len;
	}
	return done;
}

/* The number of messages read; -1, with errno, if none.  Does not wait. */
static inline int
recvmmsg(int fd, struct mmsghdr *messages, unsigned int count, int flags,
		 struct timespec *timeout)
{
	unsigned int done;

	for (done = 0; done < count; done++)
	{
		ssize_t		len = recvmsg(fd, &messages[done].msg_hdr, flags);

		if (len < 0)
			return done > 0 ? (int) done : -1;
		messages[done].msg_len = len;
	}
	return done;
}

#endif							/* MSG_WAITFORONE */

#endif							/* PGCARES_MMSG_H */
