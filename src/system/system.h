/*
 * system.h
 *
 * The clock, memory and files: nothing here knows anything of DNS.
 */
#ifndef PGCARES_SYSTEM_H
#define PGCARES_SYSTEM_H

#include "system/compat.h"

#include <net/if.h>
#include <sys/socket.h>

#include "fmgr.h"
#include "lib/dshash.h"
#include "lib/ilist.h"
#include "lib/stringinfo.h"
#include "portability/instr_time.h"
#include "storage/lwlock.h"

/* How a function tells that it cannot do its work. */
typedef enum OnFailure
{
	RAISE,
	RETURN_FALSE				/* quietly: the call itself will raise */
} OnFailure;

/* ---- file.c: the files that settings name ---- */

typedef struct DnsFileState
{
	bool		regular;		/* exists and is a regular file */
	uint64		device;
	uint64		inode;
	int64		size;
	int64		mtime;			/* ns */
	int64		ctime;			/* ns: shows a change of permissions too */
} DnsFileState;

/* A file to read.  The caller sets the first group. */
typedef struct DnsFile
{
	const char *path;
	const char *setting;		/* that names it, or NULL */
	size_t		max_size;
	bool		unreadable_ok;	/* permission denied means no file */

	DnsFileState state;			/* when it was opened */
	char	   *content;		/* palloc'd, with a zero behind; or NULL */
	size_t		len;
} DnsFile;

extern void file_state(const char *path, DnsFileState *state);
extern bool file_state_equal(const DnsFileState *a, const DnsFileState *b);
extern bool file_read(DnsFile *file, OnFailure on_failure);

/* ---- cached_file.c: what a file says, until it changes ---- */

typedef struct CachedFile
{
	DnsFile		file;

	/*
	 * Gives what is kept, palloc'd.  The file's content is NULL if there is no
	 * such file, and is palloc'd in the same memory.
	 */
	void	   *(*parse) (const DnsFile *file);

	MemoryContext context;		/* of path, content and parsed; or NULL */
	void	   *parsed;
	int64		checked_at;		/* on the clock of clock_now() */
} CachedFile;

extern bool cached_file_refresh(CachedFile *cached, const char *path,
								OnFailure on_failure);

/* ---- memory.c: memory for the library ---- */

extern void memory_init(void);
extern bool memory_reserve(void);
extern bool memory_ran_out(ares_status_t status);

/* ---- pool.c: small pieces of memory ---- */

extern void *pool_take(size_t size);
extern void pool_give(void *memory);
extern void *pool_resize(void *memory, size_t size);
extern size_t pool_room(void *memory);
extern size_t pool_space(void *memory);
extern void pool_trim(bool all);

/* ---- shared_memory.c: the memory that all sessions share ---- */

/* A part of fixed size.  The caller sets the first group. */
typedef struct SharedPart
{
	const char *name;			/* as a wait event */
	Size		(*size) (void);	/* in octets; called when MaxBackends is known */
	void		(*start) (void *memory);	/* or NULL.  The memory is zero.  Must not raise */

	void	   *memory;			/* NULL: there is no shared memory */
	LWLock	   *lock;
} SharedPart;

/*
 * A hash table in the area.  The caller sets the first group.  The key is the first
 * key_size octets of an entry: clear the gaps between its members.
 */
typedef struct SharedTable
{
	const char *name;			/* as a wait event */
	Size		key_size;
	Size		entry_size;

	int			number;
	dshash_table *table;		/* NULL: this process has not attached to it */
} SharedTable;

extern void shared_part_add(SharedPart *part);
extern void shared_table_add(SharedTable *table);
extern void shared_memory_init(Size size);
extern bool shared_memory_is_there(void);
extern dsa_area *shared_memory_area(void);
extern dshash_table *shared_table_open(SharedTable *table);

/* ---- clock.c: the time ---- */

extern int64 clock_now(void);
extern int64 clock_last(void);
extern int64 clock_shared(void);
extern int64 clock_waited(void);
extern int64 clock_statement(void);
extern int64 clock_slept(void);
extern void clock_add_sleep(int64 time);
extern bool clock_is_prompt(void);
extern void clock_add_work(int64 time);

/*
 * The earlier of two times, or the shorter of two spans.  Calls a function in its
 * arguments once, which Min() would call twice.
 */
static inline int64
clock_earlier(int64 a, int64 b)
{
	return Min(a, b);
}

/*
 * The later of two times, or the longer of two spans.
 */
static inline int64
clock_later(int64 a, int64 b)
{
	return Max(a, b);
}

#endif							/* PGCARES_SYSTEM_H */
