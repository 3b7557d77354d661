/*
 * memory.c
 *
 * Memory for the library.  c-ares 1.34.9 goes on after a failed allocation and
 * can then use the missing object, which crashes the backend.  So it never sees
 * a failure: when the system has no memory left, it gets a piece of a reserve,
 * and its caller learns of that after it has returned.  Only a private, static
 * copy of the library gets these functions.  A shared copy keeps its own: then
 * only the status of a call shows that memory ran out, and a failure that the
 * library hides goes unnoticed.  Runs inside the library: notes failures, never
 * raises, never calls back.
 */
#include "postgres.h"

#include "system/system.h"

static bool ran_out = false;

#ifdef CARES_STATICLIB

/*
 * Enough for the library from the first failure until it returns and the
 * channel is destroyed: chosen, not measured.  If it runs out, the library sees
 * the failure.  Pages that are never touched cost nothing.
 */
#define RESERVE_SIZE	(1024 * 1024)

/* The header of each piece of the reserve. */
typedef struct Piece
{
	size_t		size;			/* of the memory that follows */
	size_t		before;			/* the offset of the piece before this one */
	bool		used;
} Piece;

#define PIECE_ALIGN		16
#define PIECE_HEADER	TYPEALIGN(PIECE_ALIGN, sizeof(Piece))

/* The pieces are a stack: one is freed when all above it are free. */
static char *reserve = NULL;
static size_t reserve_used = 0;
static size_t last_piece = 0;

static void *library_malloc(size_t size);
static void *library_realloc(void *old, size_t size);
static void library_free(void *memory);
static bool in_reserve(const void *memory);
static void *take_piece(size_t size);
static void give_back(void *memory);

#endif

/*
 * Gives the library these functions.  Called before the library is used.
 */
void
memory_init(void)
{
#ifdef CARES_STATICLIB
	/* Can fail on Windows only. */
	(void) ares_library_init_mem(ARES_LIB_INIT_ALL, library_malloc, library_free,
								 library_realloc);
#endif
}

/*
 * Makes sure that there is a reserve; false if there is no memory for it.
 */
bool
memory_reserve(void)
{
#ifdef CARES_STATICLIB
	if (reserve == NULL)
		reserve = malloc(RESERVE_SIZE);
	return reserve != NULL;
#else
	return true;
#endif
}

/*
 * Did the library call that returned this status run out of memory?  Checked
 * after each call that matters, and then reset.
 */
bool
memory_ran_out(ares_status_t status)
{
	bool		result = ran_out || status == ARES_ENOMEM;

	ran_out = false;
	return result;
}

#ifdef CARES_STATICLIB

static void *
library_malloc(size_t size)
{
	void	   *memory = pool_take(size);

	return memory != NULL ? memory : take_piece(size);
}

static void *
library_realloc(void *old, size_t size)
{
	void	   *memory;
	size_t		old_size;

	if (old == NULL)
		return library_malloc(size);
	if (!in_reserve(old))
	{
		memory = pool_resize(old, size);
		if (memory != NULL)
			return memory;
		old_size = pool_room(old);
	}
	else
		old_size = ((Piece *) ((char *) old - PIECE_HEADER))->size;

	memory = library_malloc(size);
	if (memory == NULL)
		return NULL;
	memcpy(memory, old, Min(old_size, size));
	library_free(old);
	return memory;
}

static void
library_free(void *memory)
{
	if (in_reserve(memory))
		give_back(memory);
	else
		pool_give(memory);
}

static bool
in_reserve(const void *memory)
{
	return reserve != NULL &&
		(uintptr_t) memory - (uintptr_t) reserve < RESERVE_SIZE;
}

static void *
take_piece(size_t size)
{
	Piece	   *piece;
	size_t		needed = PIECE_HEADER + TYPEALIGN(PIECE_ALIGN, size);

	ran_out = true;
	if (reserve == NULL || size > RESERVE_SIZE ||
		needed > RESERVE_SIZE - reserve_used)
		return NULL;
	piece = (Piece *) (reserve + reserve_used);
	piece->size = size;
	piece->before = last_piece;
	piece->used = true;
	last_piece = reserve_used;
	reserve_used += needed;
	return (char *) piece + PIECE_HEADER;
}

static void
give_back(void *memory)
{
	((Piece *) ((char *) memory - PIECE_HEADER))->used = false;
	while (reserve_used > 0)
	{
		Piece	   *piece = (Piece *) (reserve + last_piece);

		if (piece->used)
			break;
		reserve_used = last_piece;
		last_piece = piece->before;
	}
}

#endif							/* CARES_STATICLIB */
