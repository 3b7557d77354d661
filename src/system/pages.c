/*
 * pages.c
 *
 * Many small pieces of memory that come and go in any order, without a header for each.  A
 * page holds pieces of one size; once it holds none it serves any size.  Larger pieces are
 * chunks of the memory context, with which everything ends.
 */
#include "postgres.h"

#include "system/system.h"

#include "utils/memutils.h"

#define PAGE_SIZE		8192

/*
 * Pages that are taken from the context at a time, at most: one more is spent on their
 * alignment.  Chosen, not measured.
 */
#define PAGES_AT_ONCE	32

/* With MALLOC_ONLY a memory checker sees each piece, as in pool.c. */
#ifdef MALLOC_ONLY
#define IS_LARGE(size)	true
#else
#define IS_LARGE(size)	((size) > PAGES_LARGEST)
#endif

typedef struct MemoryPage
{
	dlist_node	node;			/* among those of its size unless full, or among the empty */
	void	   *free;			/* pieces that were used before, or NULL */
	int			step;			/* octets from one piece to the next */
	int			used;			/* pieces */
	int			fresh;			/* offset of the first piece that was never used */
} MemoryPage;

static MemoryPage *add_page(Pages *pages, Size step);
static bool add_area(Pages *pages);

static inline MemoryPage *
page_of(void *piece)
{
	return (MemoryPage *) ((uintptr_t) piece & ~(uintptr_t) (PAGE_SIZE - 1));
}

static inline bool
is_full(const MemoryPage *page)
{
	return page->free == NULL && page->fresh + page->step > PAGE_SIZE;
}

/*
 * A piece of memory, aligned to 8 octets; NULL if there is no memory.
 */
void *
pages_take(Pages *pages, Size size)
{
	Size		step = TYPEALIGN(PAGES_STEP, size);
	dlist_head *list;
	void	   *piece;
	MemoryPage *page;

	if (IS_LARGE(size))
		return MemoryContextAllocExtended(pages->context, size, MCXT_ALLOC_NO_OOM);
	list = &pages->room[step / PAGES_STEP];
	page = dlist_is_empty(list) ? add_page(pages, step) :
		dlist_head_element(MemoryPage, node, list);
	if (page == NULL)
		return NULL;
	piece = page->free;
	if (piece != NULL)
		page->free = *(void **) piece;
	else
	{
		piece = (char *) page + page->fresh;
		page->fresh += step;
	}
	page->used++;
	if (is_full(page))
		dlist_delete(&page->node);
	return piece;
}

/*
 * Takes back a piece of this size.
 */
void
pages_give(Pages *pages, void *piece, Size size)
{
	MemoryPage *page = page_of(piece);

	if (IS_LARGE(size))
	{
		pfree(piece);
		return;
	}
	if (is_full(page))
		dlist_push_head(&pages->room[page->step / PAGES_STEP], &page->node);
	*(void **) piece = page->free;
	page->free = piece;
	if (--page->used > 0)
		return;
	dlist_delete(&page->node);
	dlist_push_head(&pages->empty, &page->node);
}

/*
 * The octets that a piece of this size really takes.
 */
Size
pages_space(void *piece, Size size)
{
	return IS_LARGE(size) ? GetMemoryChunkSpace(piece) : TYPEALIGN(PAGES_STEP, size);
}

/* Adds a page for pieces of a size; NULL if there is no memory. */
static MemoryPage *
add_page(Pages *pages, Size step)
{
	MemoryPage *page;

	if (dlist_is_empty(&pages->empty) && !add_area(pages))
		return NULL;
	page = dlist_container(MemoryPage, node, dlist_pop_head_node(&pages->empty));
	page->free = NULL;
	page->step = step;
	page->used = 0;
	page->fresh = MAXALIGN(sizeof(MemoryPage));
	dlist_push_head(&pages->room[step / PAGES_STEP], &page->node);
	return page;
}

/* Takes empty pages from the context, twice as many each time. */
static bool
add_area(Pages *pages)
{
	int			count = Max(1, pages->next_count);
	char	   *area = MemoryContextAllocExtended(pages->context, (count + 1) * PAGE_SIZE,
												  MCXT_ALLOC_NO_OOM);

	if (area == NULL)
		return false;
	area = (char *) TYPEALIGN(PAGE_SIZE, area);
	for (int i = count - 1; i >= 0; i--)
		dlist_push_head(&pages->empty, &((MemoryPage *) (area + i * PAGE_SIZE))->node);
	pages->next_count = Min(2 * count, PAGES_AT_ONCE);
	return true;
}
