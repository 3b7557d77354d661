/*
 * file.c
 *
 * The files that settings name: their state, which shows a change, and their
 * content.  Only regular files are read: opening a named pipe would block, and
 * opening a device can have side effects.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "system/system.h"

#include "miscadmin.h"
#include "storage/fd.h"

#define PIECE		(1024 * 1024)	/* read between two looks at interrupts */

static bool read_open(DnsFile *file, int fd, int elevel);
static void state_of(const struct stat *st, DnsFileState *state);
static int64 nanoseconds(const struct timespec *time);

/*
 * The state of a file, which is not opened: all zero if there is no regular
 * file.
 */
void
file_state(const char *path, DnsFileState *state)
{
	struct stat st;

	/* Padding is compared too. */
	memset(state, 0, sizeof(*state));
	if (stat(path, &st) == 0)
		state_of(&st, state);
}

/*
 * Is this the same file, unchanged?
 */
bool
file_state_equal(const DnsFileState *a, const DnsFileState *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/*
 * Reads a file.  The content is NULL if there is no such file, if it is not a
 * regular one or, with unreadable_ok, if permission is denied.  Every other
 * failure, and a file of more than max_size octets, raises or returns false, as
 * on_failure says.  No message shows the file's content.
 */
bool
file_read(DnsFile *file, OnFailure on_failure)
{
	int			elevel = on_failure == RAISE ? ERROR : DEBUG5;
	int			fd;
	bool		done;

	file->content = NULL;
	file_state(file->path, &file->state);
	if (!file->state.regular)
		return true;

	/* Another file can have taken its place by now. */
	fd = OpenTransientFile(file->path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0 && (errno == ENOENT || (file->unreadable_ok && errno == EACCES)))
		return true;
	if (fd < 0)
	{
		ereport(elevel,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", file->path)));
		return false;
	}
	done = read_open(file, fd, elevel);
	CloseTransientFile(fd);
	return done;
}

static bool
read_open(DnsFile *file, int fd, int elevel)
{
	struct stat st;
	size_t		size;
	ssize_t		got;

	if (fstat(fd, &st) < 0)
	{
		ereport(elevel,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", file->path)));
		return false;
	}
	memset(&file->state, 0, sizeof(file->state));
	state_of(&st, &file->state);
	if (!file->state.regular)
		return true;
	size = file->state.size;
	if (size > file->max_size)
	{
		ereport(elevel,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" is too large", file->path),
				 errdetail("It has %zu octets, and %zu are read at most.",
						   size, file->max_size),
				 file->setting ?
				 errhint("Take from it what is not needed, or name another file in %s.",
						 file->setting) :
				 errhint("Take from it what is not needed.")));
		return false;
	}

	file->content = palloc_extended(size + 1, MCXT_ALLOC_HUGE);
	for (file->len = 0; file->len < size; file->len += got)
	{
		CHECK_FOR_INTERRUPTS();
		got = read(fd, file->content + file->len, Min(size - file->len, PIECE));
		if (got < 0)
		{
			ereport(elevel,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", file->path)));
			return false;
		}
		if (got == 0)
			break;				/* the file has become shorter */
	}
	file->content[file->len] = '\0';
	return true;
}

static void
state_of(const struct stat *st, DnsFileState *state)
{
	if (!S_ISREG(st->st_mode))
		return;
	state->regular = true;
	state->device = st->st_dev;
	state->inode = st->st_ino;
	state->size = st->st_size;
	state->mtime = nanoseconds(&st->st_mtim);
	state->ctime = nanoseconds(&st->st_ctim);
}

static int64
nanoseconds(const struct timespec *time)
{
	return time->tv_sec * INT64CONST(1000000000) + time->tv_nsec;
}
