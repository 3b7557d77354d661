/*
 * batch_search.c
 *
 * The elements of a batch that the search list completes.  Such an element is asked as
 * one name after another, while the other elements are asked too.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "utils/memutils.h"

static List *list_names(const DnsBatch *batch, uint32 index,
						const DnsName *name);

/*
 * Prepares a batch that has a search list, in the current memory context.
 */
void
batch_search_open(DnsBatch *batch)
{
	batch->tried = MemoryContextAllocExtended(CurrentMemoryContext, batch->n,
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	batch->again_room = 64;
	batch->again = palloc(batch->again_room * sizeof(uint32));
}

/*
 * Has the element, whose name this is, to be completed?
 */
bool
batch_search_completes(const DnsBatch *batch, uint32 index, const DnsName *name)
{
	const text *written;

	if (batch->search == NULL)
		return false;
	written = DatumGetTextPP(batch->elements[index]);
	return search_list_completes(VARDATA_ANY(written),
								 VARSIZE_ANY_EXHDR(written), name);
}

/*
 * Completes the name of an element to the one that it is tried as now.
 */
void
batch_search_complete(const DnsBatch *batch, uint32 index, DnsName *name)
{
	name_copy(name, list_nth(list_names(batch, index, name),
							 batch->tried[index]));
}

/*
 * Has the questions of an element asked once more, for the next name that it is
 * completed to; false if there is none.  Call it when all questions for the present
 * name are answered, and the name is missing.
 */
bool
batch_search_next(DnsBatch *batch, uint32 index)
{
	DnsName		name;

	if (batch->search == NULL || !batch->kind->read(batch, index, &name) ||
		!batch_search_completes(batch, index, &name) ||
		batch->tried[index] + 1 >= list_length(list_names(batch, index, &name)))
		return false;

	if (batch->nagain == batch->again_room)
	{
		batch->again_room *= 2;
		batch->again = repalloc_huge(batch->again,
									 (Size) batch->again_room * sizeof(uint32));
	}
	batch->again[batch->nagain++] = index;
	batch->tried[index]++;
	batch->window->progress->known += batch->ntypes;
	return true;
}

static List *
list_names(const DnsBatch *batch, uint32 index, const DnsName *name)
{
	const text *written = DatumGetTextPP(batch->elements[index]);

	return search_list_names(batch->search, VARDATA_ANY(written),
							 VARSIZE_ANY_EXHDR(written), name);
}
