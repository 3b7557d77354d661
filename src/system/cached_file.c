/*
 * cached_file.c
 *
 * The contents of a file, kept in this process until the file changes.  Reading can be
 * interrupted at any time, and then leaves nothing behind.
 */
#include "postgres.h"

#include "system/system.h"

#include "utils/memutils.h"

/* A prediction trusts the file that was read for this long. */
#define LOOK_AFTER		INT64CONST(1000000) /* us */

static bool is_current(CachedFile *cached, const char *path,
					   OnFailure on_failure);

/*
 * Reads and parses the file at path again if it has changed.  Must be called
 * before parsed is used, which is valid until the next call.  If the file
 * cannot be read, raises or returns false, as on_failure says.
 */
bool
cached_file_refresh(CachedFile *cached, const char *path, OnFailure on_failure)
{
	MemoryContext context;
	MemoryContext old_context;
	bool		done;

	if (cached->context != NULL)
	{
		if (is_current(cached, path, on_failure))
			return true;
		MemoryContextDelete(cached->context);
		cached->context = NULL;
	}

	/* Until it is complete, it belongs to the caller's context. */
	context = AllocSetContextCreate(CurrentMemoryContext, "pgcares file",
									ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(context);
	cached->file.path = pstrdup(path);
	MemoryContextSetIdentifier(context, cached->file.path);
	cached->checked_at = clock_now();
	done = file_read(&cached->file, on_failure);
	if (done)
		cached->parsed = cached->parse(&cached->file);
	MemoryContextSwitchTo(old_context);
	if (!done)
	{
		MemoryContextDelete(context);
		return false;
	}
	MemoryContextSetParent(context, TopMemoryContext);
	cached->context = context;
	return true;
}

static bool
is_current(CachedFile *cached, const char *path, OnFailure on_failure)
{
	DnsFileState state;

	if (strcmp(cached->file.path, path) != 0)
		return false;
	if (on_failure == RETURN_FALSE &&
		clock_now() - cached->checked_at < LOOK_AFTER)
		return true;
	file_state(path, &state);
	cached->checked_at = clock_now();
	return file_state_equal(&cached->file.state, &state);
}
