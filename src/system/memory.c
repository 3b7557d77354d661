/*
 * memory.c
 *
 * Memory for the library.  c-ares 1.34.9 goes on after a failed allocation and
 * may then use what it could not make, so that it crashes the backend.  So it
 * never sees one: where the system has nothing left, it gets a piece of a
 * reserve, and whoever called it learns of that when it has returned.  Only a
 * copy of the library that is ours alone is given these functions.  One that
 * others in the process may use keeps its own: then the status of a call has to
 * do, and where the library hides what failed, nothing helps.  Runs inside the
 * library: stores, never raises, never calls back.
 */
#include "postgres.h"

#include "system/system.h"

static bool ran_out = false;

#ifdef CARES_STATICLIB

/*
 * What the library may need between the first failure and its return, when it
 * lets go of its channel.  Nothing of it is real memory before it is used.
 */
#define RESERVE_SIZE	(1024 * 1024)

/* What stands before each piece of the reserve. */
typedef struct Piece
{
	size_t		size;			/* of what follows */
	size_t		before;			/* where the piece before this one is */
	bool		used;
} Piece;

#define PIECE_ALIGN		16
#define PIECE_HEADER	TYPEALIGN(PIECE_ALIGN, sizeof(Piece))

/* Pieces lie on top of each other, and go when all above them have gone. */
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
 * Gives the library its functions, before it is used.
 */
void
memory_init(void)
{
#ifdef CARES_STATICLIB
	/* Nothing of this can fail on a system that PostgreSQL runs on, but Windows. */
	(void) ares_library_init_mem(ARES_LIB_INIT_ALL, library_malloc, library_free,
								 library_realloc);
#endif
}

/*
 * Sees to it that there is a reserve; false where there is no memory for it.
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
 * Has the call of the library that ended with this status lacked memory?  Asked
 * after each call that matters; what the others lacked does not count.
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
