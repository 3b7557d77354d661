/*
 * mmsg.h
 *
 * sendmmsg(2) and recvmmsg(2) for systems that do not have them: a call of the
 * system for each message.
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

/* How many were sent; -1, with errno, if the first could not be. */
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

/* How many have come; -1, with errno, if there is none.  Waits for none. */
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
