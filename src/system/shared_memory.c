/*
 * shared_memory.c
 *
 * The memory that all sessions share.  It is there if shared_preload_libraries has the
 * module: one segment of the server's main shared memory, with parts of fixed size, and
 * behind them an area (dsa) in which hash tables (dshash) grow.  The area never takes
 * memory from elsewhere, so pgcares.shared_memory_size bounds it.
 *
 *   header | part | part | ... | area, of pgcares.shared_memory_size
 *
 * The postmaster makes all of it, before any backend is there, and again after a crash:
 * a killed backend makes the server begin with new shared memory, so nothing half done
 * outlives it.  A backend attaches to the area when it first needs it.
 */
#include "postgres.h"

#include "system/system.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#define AREA_NAME		"PgcaresArea"

#define MAX_PARTS		8
#define MAX_TABLES		8

/* The begin of the segment. */
typedef struct SharedHeader
{
	int			area_tranche;
	int			part_tranche[MAX_PARTS];
	int			table_tranche[MAX_TABLES];
	dshash_table_handle table[MAX_TABLES];
	LWLockPadded lock[MAX_PARTS];
} SharedHeader;

static SharedPart *parts[MAX_PARTS];
static int	nparts = 0;
static SharedTable *tables[MAX_TABLES];
static int	ntables = 0;
static Size area_size;			/* octets */

static SharedHeader *header = NULL; /* NULL: there is no shared memory */
static dsa_area *area = NULL;	/* NULL: this process has not attached to it */

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

static void request(void);
static void start(void);
static void make_segment(void);
static void place_parts(void);
static void name_locks(void);
static Size parts_offset(void);
static char *area_place(void);
static void parameters_of(const SharedTable *table, int tranche,
						  dshash_parameters *parameters);

/*
 * Adds a part of fixed size, before shared_memory_init().  The caller keeps the struct
 * for good.
 */
void
shared_part_add(SharedPart *part)
{
	Assert(nparts < MAX_PARTS);
	parts[nparts++] = part;
}

/*
 * Adds a hash table, before shared_memory_init().  The caller keeps the struct for good.
 */
void
shared_table_add(SharedTable *table)
{
	Assert(ntables < MAX_TABLES);
	tables[ntables++] = table;
}

/*
 * Asks the server for shared memory if it is about to make it: called once, when the
 * module is loaded.  size is that of the area, in octets.
 */
void
shared_memory_init(Size size)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	area_size = dsa_minimum_size();
	area_size = TYPEALIGN_DOWN(BLCKSZ, Max(size, area_size));
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start;
}

/*
 * Is there shared memory?
 */
bool
shared_memory_is_there(void)
{
	return header != NULL;
}

/*
 * The area, to which this process attaches; NULL if there is no shared memory.
 * dsa_allocate_extended() with DSA_ALLOC_NO_OOM tells that it is full; without it, a full
 * area raises.  Can raise, when the process first attaches.
 */
dsa_area *
shared_memory_area(void)
{
	MemoryContext caller;

	if (area != NULL || header == NULL)
		return area;
	caller = MemoryContextSwitchTo(TopMemoryContext);
	area = dsa_attach_in_place(area_place(), NULL);
	dsa_pin_mapping(area);
	MemoryContextSwitchTo(caller);
	on_shmem_exit(dsa_on_shmem_exit_release_in_place, PointerGetDatum(area_place()));
	return area;
}

/*
 * A hash table for this process; NULL if there is no shared memory.  Can raise, when the
 * process first attaches.
 *
 * An error that is raised while the process has an entry releases its lock when the
 * transaction or subtransaction ends, as with all locks of the server.  To insert raises
 * if the area is full, and leaves no entry.
 */
dshash_table *
shared_table_open(SharedTable *table)
{
	dshash_parameters parameters;
	MemoryContext caller;

	if (table->table != NULL || header == NULL)
		return table->table;
	parameters_of(table, header->table_tranche[table->number], &parameters);
	(void) shared_memory_area();
	caller = MemoryContextSwitchTo(TopMemoryContext);
	table->table = dshash_attach(area, &parameters, header->table[table->number], NULL);
	MemoryContextSwitchTo(caller);
	return table->table;
}

/* Hook: the server asks how much it is to have. */
static void
request(void)
{
	Size		size = parts_offset();

	if (next_request_hook)
		next_request_hook();
	for (int i = 0; i < nparts; i++)
		size = add_size(size, CACHELINEALIGN(parts[i]->size()));
	size = add_size(size, BLCKSZ);	/* to align the area */
	RequestAddinShmemSpace(add_size(size, area_size));
}

/* Hook: the server's shared memory has just been made, or this process has found it. */
static void
start(void)
{
	Size		size = parts_offset();
	bool		found;

	if (next_startup_hook)
		next_startup_hook();
	for (int i = 0; i < nparts; i++)
		size += CACHELINEALIGN(parts[i]->size());

	area = NULL;
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	header = ShmemInitStruct("pgcares", size + BLCKSZ + area_size, &found);
	place_parts();
	if (!found)
		make_segment();
	LWLockRelease(AddinShmemInitLock);
	name_locks();
}

/* Makes what is in the segment. */
static void
make_segment(void)
{
	char	   *place;
	dsa_area   *made;

	for (int i = 0; i < nparts; i++)
	{
		header->part_tranche[i] = new_tranche(parts[i]->name);
		LWLockInitialize(parts[i]->lock, header->part_tranche[i]);
		memset(parts[i]->memory, 0, parts[i]->size());
		if (parts[i]->start != NULL)
			parts[i]->start(parts[i]->memory);
	}

	header->area_tranche = new_tranche(AREA_NAME);
	place = area_place();
	made = dsa_create_in_place(place, area_size, header->area_tranche, NULL);
	dsa_pin(made);
	dsa_set_size_limit(made, area_size);
	for (int i = 0; i < ntables; i++)
	{
		dshash_parameters parameters;
		dshash_table *table;

		header->table_tranche[i] = new_tranche(tables[i]->name);
		parameters_of(tables[i], header->table_tranche[i], &parameters);
		table = dshash_create(made, &parameters, NULL);
		header->table[i] = dshash_get_hash_table_handle(table);
		dshash_detach(table);
	}
	dsa_detach(made);
}

/* Finds the parts. */
static void
place_parts(void)
{
	char	   *memory = (char *) header + parts_offset();

	for (int i = 0; i < nparts; i++)
	{
		parts[i]->memory = memory;
		parts[i]->lock = &header->lock[i].lock;
		memory += CACHELINEALIGN(parts[i]->size());
	}
	for (int i = 0; i < ntables; i++)
	{
		tables[i]->number = i;
		tables[i]->table = NULL;
	}
}

/* Tells this process, and those that it forks, the names of the locks. */
static void
name_locks(void)
{
	name_tranche(header->area_tranche, AREA_NAME);
	for (int i = 0; i < nparts; i++)
		name_tranche(header->part_tranche[i], parts[i]->name);
	for (int i = 0; i < ntables; i++)
		name_tranche(header->table_tranche[i], tables[i]->name);
}

/* Octets from the begin of the segment to its first part. */
static Size
parts_offset(void)
{
	return CACHELINEALIGN(sizeof(SharedHeader));
}

static char *
area_place(void)
{
	char	   *memory = (char *) header + parts_offset();

	for (int i = 0; i < nparts; i++)
		memory += CACHELINEALIGN(parts[i]->size());
	return (char *) TYPEALIGN(BLCKSZ, memory);
}

static void
parameters_of(const SharedTable *table, int tranche, dshash_parameters *parameters)
{
	memset(parameters, 0, sizeof(*parameters));
	parameters->key_size = table->key_size;
	parameters->entry_size = table->entry_size;
	set_octets_as_key(parameters);
	parameters->tranche_id = tranche;
}
