/*
 * pool.c
 *
 * Small pieces of memory that come and go with each question.  Pieces of one
 * size are cut from blocks, which makes taking one and giving it back a step or
 * two each; what is larger is malloc()'s own.  Blocks of which nothing is in use
 * stay until pool_trim().  Runs inside the library: never raises, and gives NULL
 * where there is no memory.
 */
#include "postgres.h"

#include "system/system.h"

/* What stands before each piece. */
typedef struct PieceHeader
{
	struct Block *block;		/* that it is of */
} PieceHeader;

/* Octets of a piece, its header included, are so many steps. */
#define STEP	16

/*
 * The largest piece that is cut from a block, in steps.  There is none where a
 * checker is to see each piece by itself.
 */
#ifdef MALLOC_ONLY
#define LARGEST_STEPS	0
#else
#define LARGEST_STEPS	16
#endif

/* A block, with what malloc() adds to it, is two pages. */
#define BLOCK_SIZE		(8192 - 16)

/* To give back so much is worth asking malloc() to give it back too. */
#define WORTH_TRIMMING	(1024 * 1024)

typedef struct Block
{
	dlist_node	node;
	int			steps;			/* of each piece */
	int			used;			/* pieces in use */
	void	   *free;			/* the first of those that were in use, or NULL */
	char	   *fresh;			/* where those begin that never were */
	int			nfresh;
} Block;

#define BLOCK_HEADER	TYPEALIGN(STEP, sizeof(Block))

/* By steps.  Behind the first one those come last that are full. */
static dlist_head blocks[LARGEST_STEPS + 1];

/* The first of each list, or NULL. */
static Block *first[LARGEST_STEPS + 1];

/* Stands for the block of a piece that is malloc()'s; has never one at hand. */
static Block no_block;

/* Apart, so that the usual way has no part in what they need. */
static pg_noinline void *take_large(size_t size);
static pg_noinline void *take_fresh(size_t steps);
static pg_noinline void give_first(void *memory, Block *block);

static Block *add_block(size_t steps);
static bool is_full(const Block *block);
static void move_first_if_full(int steps);
static size_t trim(int steps, int spare);

static inline PieceHeader *
header_of(void *memory)
{
	return (PieceHeader *) memory - 1;
}

/* Where malloc() has put a piece that is not of a block; its size is there. */
static inline size_t *
start_of(void *memory)
{
	return (size_t *) ((char *) memory - STEP);
}

/*
 * A piece of memory, aligned as malloc()'s are; NULL where there is none.
 */
void *
pool_take(size_t size)
{
	size_t		steps = (size + sizeof(PieceHeader) + STEP - 1) / STEP;
	Block	   *block;
	void	   *memory;

	if (steps > LARGEST_STEPS)
		return take_large(size);
	block = first[steps];
	if (block == NULL || block->free == NULL)
		return take_fresh(steps);
	memory = block->free;
	block->free = *(void **) memory;
	block->used++;
	return memory;
}

/*
 * Takes back a piece, if it is one.
 */
void
pool_give(void *memory)
{
	Block	   *block;

	if (memory == NULL)
		return;
	block = header_of(memory)->block;
	if (block->free == NULL)
	{
		give_first(memory, block);
		return;
	}
	*(void **) memory = block->free;
	block->free = memory;
	block->used--;
}

/*
 * The piece with room for so many octets, which may be another one then.  NULL
 * where there is no memory, and the piece is as it was.
 */
void *
pool_resize(void *memory, size_t size)
{
	size_t		room = pool_room(memory);
	void	   *other;

	if (size <= room)
		return memory;
	if (header_of(memory)->block == &no_block)
	{
		other = size > SIZE_MAX - STEP ? NULL :
			realloc(start_of(memory), size + STEP);
		if (other == NULL)
			return NULL;
		*(size_t *) other = size;
		return (char *) other + STEP;
	}
	other = pool_take(size);
	if (other == NULL)
		return NULL;
	memcpy(other, memory, room);
	pool_give(memory);
	return other;
}

/*
 * Octets of a piece that may be used.
 */
size_t
pool_room(void *memory)
{
	const Block *block = header_of(memory)->block;

	if (block == &no_block)
		return *start_of(memory);
	return block->steps * STEP - sizeof(PieceHeader);
}

/*
 * Frees the blocks of which no piece is in use, but for so many of each size.
 */
void
pool_trim(int spare)
{
	size_t		freed = 0;

	for (int steps = 1; steps <= LARGEST_STEPS; steps++)
		freed += first[steps] == NULL ? 0 : trim(steps, spare);
	if (freed >= WORTH_TRIMMING)
		give_memory_back();
}

static void *
take_large(size_t size)
{
	char	   *start;

	if (size > SIZE_MAX - STEP)
		return NULL;
	start = malloc(size + STEP);
	if (start == NULL)
		return NULL;
	*(size_t *) start = size;
	header_of(start + STEP)->block = &no_block;
	return start + STEP;
}

/* Takes a piece where the first block has none at hand. */
static void *
take_fresh(size_t steps)
{
	void	   *memory;
	Block	   *block;

	move_first_if_full(steps);
	block = first[steps];
	if (block == NULL || is_full(block))
		block = add_block(steps);
	if (block == NULL)
		return NULL;
	if (block->free != NULL)
		return pool_take(steps * STEP - sizeof(PieceHeader));
	memory = block->fresh;
	header_of(memory)->block = block;
	block->fresh += steps * STEP;
	block->nfresh--;
	block->used++;
	return memory;
}

/* Takes back a piece whose block has no other one at hand: now it has. */
static void
give_first(void *memory, Block *block)
{
	if (block == &no_block)
	{
		free(start_of(memory));
		return;
	}
	move_first_if_full(block->steps);
	dlist_move_head(&blocks[block->steps], &block->node);
	first[block->steps] = block;
	*(void **) memory = NULL;
	block->free = memory;
	block->used--;
}

/* A new block for pieces of a size, before the others; NULL without memory. */
static Block *
add_block(size_t steps)
{
	Block	   *block = malloc(BLOCK_SIZE);

	if (block == NULL)
		return NULL;
	block->steps = steps;
	block->used = 0;
	block->free = NULL;
	/* The first header is before what is aligned. */
	block->fresh = (char *) block + BLOCK_HEADER + STEP;
	block->nfresh = (BLOCK_SIZE - BLOCK_HEADER - STEP + sizeof(PieceHeader)) /
		(steps * STEP);
	dlist_push_head(&blocks[steps], &block->node);
	first[steps] = block;
	return block;
}

static bool
is_full(const Block *block)
{
	return block->free == NULL && block->nfresh == 0;
}

/* Puts the first block of a list behind the others if it is full. */
static void
move_first_if_full(int steps)
{
	if (first[steps] == NULL || !is_full(first[steps]))
		return;
	dlist_delete(&first[steps]->node);
	dlist_push_tail(&blocks[steps], &first[steps]->node);
	first[steps] = dlist_head_element(Block, node, &blocks[steps]);
}

/* Frees blocks for pieces of one size; gives what they had of octets. */
static size_t
trim(int steps, int spare)
{
	size_t		freed = 0;
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &blocks[steps])
	{
		Block	   *block = dlist_container(Block, node, iter.cur);

		if (block->used > 0 || spare-- > 0)
			continue;
		dlist_delete(&block->node);
		free(block);
		freed += BLOCK_SIZE;
	}
	first[steps] = dlist_is_empty(&blocks[steps]) ? NULL :
		dlist_head_element(Block, node, &blocks[steps]);
	return freed;
}
