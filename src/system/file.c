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

#define PIECE		(1024 * 1024)	/* read at a time */

static bool read_open(int fd, const char *path, const char *setting, size_t max,
					  OnFailure on_failure, DnsFileState *state, char **content,
					  size_t *len);
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
 * Reads a file: its content, palloc'd, and its state when it was opened.  The
 * content is NULL if there is no such file, if it is not a regular one or, with
 * unreadable_ok, if permission is denied.  Every other failure, and a file of more
 * than max octets, raises or returns false, as on_failure says.  setting is the parameter
 * that names the file, or NULL.  No message shows the file's content.
 */
bool
file_read(const char *path, const char *setting, size_t max,
		  bool unreadable_ok, OnFailure on_failure, DnsFileState *state, char **content,
		  size_t *len)
{
	int			fd;
	bool		done;

	*content = NULL;
	file_state(path, state);
	if (!state->regular)
		return true;

	/* Another file can have taken its place by now. */
	fd = OpenTransientFile(path, O_RDONLY | O_NONBLOCK | PG_BINARY);
	if (fd < 0 && (errno == ENOENT || (unreadable_ok && errno == EACCES)))
		return true;
	if (fd < 0)
	{
		ereport(on_failure == RAISE ? ERROR : DEBUG5,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path)));
		return false;
	}
	done = read_open(fd, path, setting, max, on_failure, state, content, len);
	CloseTransientFile(fd);
	return done;
}

static bool
read_open(int fd, const char *path, const char *setting, size_t max, OnFailure on_failure,
		  DnsFileState *state, char **content, size_t *len)
{
	struct stat st;
	char	   *octets;
	ssize_t		got;

	if (fstat(fd, &st) < 0)
	{
		ereport(on_failure == RAISE ? ERROR : DEBUG5,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", path)));
		return false;
	}
	memset(state, 0, sizeof(*state));
	state_of(&st, state);
	if (!state->regular)
		return true;
	if (state->size > (int64) max)
	{
		ereport(on_failure == RAISE ? ERROR : DEBUG5,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("file \"%s\" is too large", path),
				 errdetail("It has %lld octets, and %zu are read at most.",
						   (long long) state->size, max),
				 setting ?
				 errhint("Take from it what is not needed, or name another file in %s.",
						 setting) :
				 errhint("Take from it what is not needed.")));
		return false;
	}

	octets = palloc_extended(state->size + 1, MCXT_ALLOC_HUGE);
	for (*len = 0; *len < (size_t) state->size; *len += got)
	{
		CHECK_FOR_INTERRUPTS();
		got = read(fd, octets + *len, Min(state->size - *len, PIECE));
		if (got < 0)
		{
			ereport(on_failure == RAISE ? ERROR : DEBUG5,
					(errcode_for_file_access(),
					 errmsg("could not read file \"%s\": %m", path)));
			return false;
		}
		if (got == 0)
			break;				/* the file has become shorter */
	}
	octets[*len] = '\0';
	*content = octets;
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
