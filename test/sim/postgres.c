/*
 * postgres.c
 *
 * The parts of PostgreSQL that the engine needs: memory contexts, errors, descriptors, wait event
 * sets.  An error jumps to the session, as to the loop of a backend.  A wait gives the
 * turn to the world.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port.h"
#include "session.h"
#include "storage/fd.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/dsa.h"

#include "system/system.h"

#undef printf
#undef snprintf
#undef vsnprintf

/* ---- statements ---- */

int64		sim_statement;

TimestampTz
GetCurrentStatementStartTimestamp(void)
{
	return sim_statement;
}

TimestampTz
GetCurrentTransactionStartTimestamp(void)
{
	return sim_statement;
}

/* ---- memory contexts ---- */

typedef struct Context
{
	MemoryContextData data;
	struct Chunk *chunks;
} Context;

typedef struct Chunk
{
	Context    *context;
	struct Chunk *before;
	struct Chunk *next;
	Size		size;
} Chunk;

static Context top = {.data = {.name = "TopMemoryContext"}};
MemoryContext TopMemoryContext = &top.data;
MemoryContext CurrentMemoryContext = &top.data;
static size_t nchunks;

static void *
allocate(MemoryContext context, Size size, int flags)
{
	Chunk	   *chunk = sim_fails(SIM_PALLOC) ? NULL : __real_malloc(sizeof(Chunk) + size);
	Context    *owner = (Context *) context;

	if (chunk == NULL && (flags & MCXT_ALLOC_NO_OOM))
		return NULL;
	if (chunk == NULL)
		ereport(ERROR, (errmsg("out of memory")));
	chunk->context = owner;
	chunk->before = NULL;
	chunk->next = owner->chunks;
	chunk->size = size;
	if (owner->chunks != NULL)
		owner->chunks->before = chunk;
	owner->chunks = chunk;
	nchunks++;
	if (flags & MCXT_ALLOC_ZERO)
		memset(chunk + 1, 0, size);
	else
		memset(chunk + 1, 0x7f, Min(size, 4096));
	return chunk + 1;
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size min_size,
							  Size block_size, Size max_size)
{
	Context    *context = __real_calloc(1, sizeof(Context));

	context->data.name = name;
	context->data.parent = parent;
	context->data.nextchild = parent->firstchild;
	if (parent->firstchild != NULL)
		parent->firstchild->prevchild = &context->data;
	parent->firstchild = &context->data;
	return &context->data;
}

void
MemoryContextRegisterResetCallback(MemoryContext context, MemoryContextCallback *callback)
{
	callback->next = context->reset_cbs;
	context->reset_cbs = callback;
}

void
MemoryContextReset(MemoryContext context)
{
	Context    *owner = (Context *) context;

	while (context->firstchild != NULL)
		MemoryContextDelete(context->firstchild);
	while (context->reset_cbs != NULL)
	{
		MemoryContextCallback *callback = context->reset_cbs;

		context->reset_cbs = callback->next;
		callback->func(callback->arg);
	}
	while (owner->chunks != NULL)
		pfree(owner->chunks + 1);
}

void
MemoryContextDelete(MemoryContext context)
{
	MemoryContextReset(context);
	if (context->prevchild != NULL)
		context->prevchild->nextchild = context->nextchild;
	else
		context->parent->firstchild = context->nextchild;
	if (context->nextchild != NULL)
		context->nextchild->prevchild = context->prevchild;
	__real_free(context);
}

void
pfree(void *memory)
{
	Chunk	   *chunk = (Chunk *) memory - 1;

	if (chunk->before != NULL)
		chunk->before->next = chunk->next;
	else
		chunk->context->chunks = chunk->next;
	if (chunk->next != NULL)
		chunk->next->before = chunk->before;
	nchunks--;
	__real_free(chunk);
}

/*
 * The pieces of memory in all contexts.
 */
size_t
memory_chunks(void)
{
	return nchunks;
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return allocate(context, size, 0);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return allocate(context, size, MCXT_ALLOC_ZERO);
}

void *
MemoryContextAllocHuge(MemoryContext context, Size size)
{
	return allocate(context, size, 0);
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	return allocate(context, size, flags);
}

void *
palloc(Size size)
{
	return allocate(CurrentMemoryContext, size, 0);
}

void *
palloc0(Size size)
{
	return allocate(CurrentMemoryContext, size, MCXT_ALLOC_ZERO);
}

void *
palloc_extended(Size size, int flags)
{
	return allocate(CurrentMemoryContext, size, flags);
}

void *
repalloc(void *memory, Size size)
{
	const Chunk *chunk = (Chunk *) memory - 1;
	void	   *more = allocate((MemoryContext) chunk->context, size, 0);

	memcpy(more, memory, Min(size, chunk->size));
	pfree(memory);
	return more;
}

char *
pstrdup(const char *text)
{
	return strcpy(palloc(strlen(text) + 1), text);
}

char *
MemoryContextStrdup(MemoryContext context, const char *text)
{
	return strcpy(MemoryContextAlloc(context, strlen(text) + 1), text);
}

/* As in an allocation set: a power of two, and a header of 16 octets. */
Size
GetMemoryChunkSpace(void *memory)
{
	Size		size = ((Chunk *) memory - 1)->size;
	Size		power = 8;

	while (power < size)
		power *= 2;
	return (power > 8192 ? size : power) + 16;
}

/* ---- errors and interrupts ---- */

sigjmp_buf	raised;
char		raised_text[256];
static int	raised_level;
volatile sig_atomic_t InterruptPending = false;

bool
errstart(int level, const char *domain)
{
	raised_level = level;
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return errstart(level, domain);
}

int
errcode(int code)
{
	return 0;
}

int
errcode_for_file_access(void)
{
	return 0;
}

static int
set_text(const char *format, va_list args)
{
	(void) vsnprintf(raised_text, sizeof(raised_text), format, args);
	va_end(args);
	return 0;
}

int
errmsg(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	return set_text(format, args);
}

int
errmsg_internal(const char *format,...)
{
	va_list		args;

	va_start(args, format);
	return set_text(format, args);
}

int
errdetail(const char *format,...)
{
	return 0;
}

int
errhint(const char *format,...)
{
	return 0;
}

/* An error that ends the backend, as those of the books, ends the world. */
void
errfinish(const char *file, int line, const char *function)
{
	if (raised_level >= FATAL)
		sim_fail("books", "%s", raised_text);
	if (raised_level >= ERROR)
		siglongjmp(raised, 1);
}

void
ProcessInterrupts(void)
{
	InterruptPending = false;
	ereport(ERROR, (errmsg("canceling statement")));
}

/* ---- shared memory ---- */

static pg_on_exit_callback at_exit[4];
static Datum at_exit_arg[4];
static int	nat_exit;

/* The linker leads the parts of fixed size here. */
void
__wrap_shared_part_add(SharedPart *part)
{
	static LWLock lock;

	part->memory = sim_shared(part->name, part->size());
	part->lock = &lock;
}

/* The area: one piece, which the world takes as it is asked for. */
dsa_pointer
dsa_allocate_extended(dsa_area *area, size_t size, int flags)
{
	return (dsa_pointer) sim_shared("area", size);
}

void *
dsa_get_address(dsa_area *area, dsa_pointer pointer)
{
	return (void *) pointer;
}

void
LWLockInitialize(LWLock *lock, int tranche)
{
}

/* Sessions take turns only when they wait, and nobody waits while it has a lock. */
bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	return true;
}

void
LWLockRelease(LWLock *lock)
{
}

void
on_shmem_exit(pg_on_exit_callback function, Datum arg)
{
	at_exit[nat_exit] = function;
	at_exit_arg[nat_exit++] = arg;
}

/*
 * The process gives up its shared memory.
 */
void
exit_shared_memory(void)
{
	while (nat_exit-- > 0)
		at_exit[nat_exit](0, at_exit_arg[nat_exit]);
}

/* ---- descriptors and events ---- */

int			descriptors_left;
size_t		hash_memory_limit;
static Latch latch;
Latch	   *MyLatch = &latch;
bool		IsUnderPostmaster = true;

struct WaitEventSet
{
	int			count;
	WaitEvent	events[FLEXIBLE_ARRAY_MEMBER];
};

bool
AcquireExternalFD(void)
{
	if (descriptors_left == 0)
		return false;
	descriptors_left--;
	return true;
}

void
ReleaseExternalFD(void)
{
	descriptors_left++;
}

WaitEventSet *
CreateWaitEventSet(
#if PG_VERSION_NUM >= 170000
				   struct ResourceOwnerData *owner,
#else
				   MemoryContext context,
#endif
				   int size)
{
	if (!AcquireExternalFD())
		elog(ERROR, "too many open files");
	return __real_calloc(1, sizeof(WaitEventSet) + size * sizeof(WaitEvent));
}

void
FreeWaitEventSet(WaitEventSet *events)
{
	ReleaseExternalFD();
	__real_free(events);
}

int
AddWaitEventToSet(WaitEventSet *set, uint32 events, pgsocket fd, Latch *latch,
				  void *user_data)
{
	WaitEvent  *event = &set->events[set->count];

	event->pos = set->count;
	event->events = events;
	event->fd = fd;
	event->user_data = user_data;
	return set->count++;
}

/* PostgreSQL 17 has events with names. */
#if PG_VERSION_NUM >= 170000
uint32
WaitEventExtensionNew(const char *name)
{
	return PG_WAIT_EXTENSION;
}
#endif

int
WaitEventSetWait(WaitEventSet *set, long timeout, WaitEvent *occurred, int size,
				 uint32 info)
{
	SimWant    *wants = __real_calloc(set->count, sizeof(SimWant));
	int			nwants = 0;
	int			count = 0;

	for (int i = 0; i < set->count; i++)
	{
		if (!(set->events[i].events & WL_SOCKET_MASK))
			continue;
		wants[nwants].fd = set->events[i].fd;
		wants[nwants].got = i;
		wants[nwants++].wanted =
			(set->events[i].events & WL_SOCKET_READABLE ? SIM_READ : 0) |
			(set->events[i].events & WL_SOCKET_WRITEABLE ? SIM_WRITE : 0);
	}
	sim_under_way(under_way());
	sim_wait(wants, nwants, timeout);
	session_has_waited();
	for (int i = 0, want = 0; i < set->count && want < nwants && count < size; i++)
	{
		if (!(set->events[i].events & WL_SOCKET_MASK))
			continue;
		if (wants[want].got != 0)
		{
			occurred[count] = set->events[i];
			occurred[count++].events =
				(wants[want].got & SIM_READ ? WL_SOCKET_READABLE : 0) |
				(wants[want].got & SIM_WRITE ? WL_SOCKET_WRITEABLE : 0);
		}
		want++;
	}
	__real_free(wants);
	InterruptPending = sim_interrupted();
	return count;
}

void
ResetLatch(Latch *which)
{
}
