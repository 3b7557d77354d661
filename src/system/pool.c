/*
 * pool.c
 *
 * Small pieces of memory that come and go with each question.  Pieces of one
 * size are cut from blocks, so that taking a piece or giving it back costs a
 * step or two; larger pieces come straight from malloc().  Of the blocks of a size,
 * only the first can be empty: it stays until pool_trim().  Runs inside the library: never raises, and returns NULL if
 * there is no memory.
 */
#include "postgres.h"

#include "system/system.h"

/* The header of each piece. */
typedef struct PieceHeader
{
	struct Block *block;		/* that the piece was cut from */
} PieceHeader;

/* The size of a piece, its header included, is a multiple of this. */
#define STEP	16

/*
 * The largest piece that is cut from a block, in steps.  Chosen, not measured.
 * With MALLOC_ONLY every piece comes from malloc(), so that a memory checker sees
 * each one.
 */
#ifdef MALLOC_ONLY
#define LARGEST_STEPS	0
#else
#define LARGEST_STEPS	16
#endif

/* A block and malloc()'s overhead together fill two pages. */
#define BLOCK_SIZE		(8192 - 16)

/*
 * Freed octets from which on malloc() is asked to return memory.  Chosen, not
 * measured: small calls must not pay for that.
 */
#define WORTH_TRIMMING	(1024 * 1024)

typedef struct Block
{
	dlist_node	node;
	int			steps;			/* of each piece */
	int			used;			/* pieces in use */
	void	   *free;			/* pieces that were used before, or NULL */
	char	   *fresh;			/* the first piece that was never used */
	int			nfresh;
} Block;

#define BLOCK_HEADER	TYPEALIGN(STEP, sizeof(Block))

/* By steps.  Behind the first block, the full ones come last. */
static dlist_head blocks[LARGEST_STEPS + 1];

/* The first block of each list, or NULL. */
static Block *first[LARGEST_STEPS + 1];

/* Octets of blocks that were freed since memory was given back to the system. */
static size_t freed = 0;

/* Marks pieces that came straight from malloc(); its list stays empty. */
static Block no_block;

/* The rare cases: not inlined, to keep the common path short. */
static pg_noinline void *take_large(size_t size);
static pg_noinline void *take_fresh(size_t steps);
static pg_noinline void give_first(void *memory, Block *block);

static Block *add_block(size_t steps);
static bool is_full(const Block *block);
static void move_first_if_full(int steps);
static pg_noinline void emptied(Block *block);
static void free_block(Block *block);

static inline PieceHeader *
header_of(void *memory)
{
	return (PieceHeader *) memory - 1;
}

/* The start of a piece from malloc(); its size is stored there. */
static inline size_t *
start_of(void *memory)
{
	return (size_t *) ((char *) memory - STEP);
}

/*
 * A piece of memory, aligned as by malloc(); NULL if there is no memory.
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
 * Takes back a piece; ignores NULL.
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
	if (--block->used == 0)
		emptied(block);
}

/*
 * The piece with room for size octets; it can move.  NULL if there is no
 * memory, and the old piece is then unchanged.
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
 * The number of usable octets in a piece.
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
 * The octets that a piece takes, its header included.
 */
size_t
pool_space(void *memory)
{
	return pool_room(memory) + (header_of(memory)->block == &no_block ? STEP : sizeof(PieceHeader));
}

/*
 * Gives memory that is free back to the system if it is worth it; all: also the last
 * empty block of each size.
 */
void
pool_trim(bool all)
{
	for (int steps = 1; all && steps <= LARGEST_STEPS; steps++)
	{
		if (first[steps] != NULL && first[steps]->used == 0)
			free_block(first[steps]);
	}
	if (freed < WORTH_TRIMMING)
		return;
	give_memory_back();
	freed = 0;
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

/* Takes a piece when the first block has no used one to give again. */
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

/* Takes back a piece whose block has an empty free list. */
static void
give_first(void *memory, Block *block)
{
	if (block == &no_block)
	{
		free(start_of(memory));
		return;
	}
	move_first_if_full(block->steps);
	if (first[block->steps]->used == 0)
		free_block(first[block->steps]);
	dlist_move_head(&blocks[block->steps], &block->node);
	first[block->steps] = block;
	*(void **) memory = NULL;
	block->free = memory;
	block->used--;
}

/* Adds a block at the head of its list; NULL if there is no memory. */
static Block *
add_block(size_t steps)
{
	Block	   *block = malloc(BLOCK_SIZE);

	if (block == NULL)
		return NULL;
	block->steps = steps;
	block->used = 0;
	block->free = NULL;
	/* The first header lies before the aligned piece. */
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

/* A block has no piece left: it is freed unless it is the first. */
static void
emptied(Block *block)
{
	if (block != first[block->steps])
		free_block(block);
}

static void
free_block(Block *block)
{
	int			steps = block->steps;

	dlist_delete(&block->node);
	free(block);
	freed += BLOCK_SIZE;
	first[steps] = dlist_is_empty(&blocks[steps]) ? NULL :
		dlist_head_element(Block, node, &blocks[steps]);
}
