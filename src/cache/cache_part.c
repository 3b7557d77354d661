/*
 * cache_part.c
 *
 * A part of the memory for answers: it is cut into blocks of one size.  An entry takes as
 * many blocks as its key and its message need, so no memory is lost between entries, and
 * any free blocks serve any entry.  If the part is full, the entries that were used least
 * go first (CLOCK): a hand turns over the blocks, takes the entries that are over or were
 * not used, and lets the others count as used one time less.
 *
 *   part:   lock | buckets | block | block | ...
 *
 *   bucket -> entry -> entry               by CacheHead.chain
 *              |  its further blocks       by next, which also links the free blocks
 *
 * The caller has the part's lock: shared to read, exclusive to change.  Nothing here
 * raises, but for cache_part_copy().
 */
#include "postgres.h"

#include "cache/cache.h"

#include "port/atomics.h"
#include "port/pg_bitutils.h"

/*
 * Chosen, not measured: most answers fit into one block.  An entry that was used more
 * often than MAX_USAGE since the hand came by counts as if it had not been.
 */
#define BLOCK_SIZE		256
#define MAX_USAGE		3

#define LARGEST_SHARE	4		/* no entry takes more than this fraction of a part */

typedef enum BlockKind
{
	BLOCK_FREE,
	BLOCK_FIRST,				/* of an entry */
	BLOCK_FURTHER
} BlockKind;

#define KEY_FIXED		offsetof(CacheKey, name.octets)

/* The begin of an entry, in its first block. */
typedef struct CacheHead
{
	uint32		next;			/* as in a CacheBlock */
	uint32		kind;
	uint32		chain;			/* the next entry of the bucket */
	pg_atomic_uint32 usage;
	pg_atomic_uint64 hits;
	uint64		hash;
	CacheAnswer answer;
	uint8		key[KEY_FIXED]; /* without the name's octets */
} CacheHead;

/* A block that is not the first one of an entry. */
typedef struct CacheBlock
{
	uint32		next;			/* block of the entry, or free block */
	uint32		kind;
	uint8		octets[BLOCK_SIZE - 2 * sizeof(uint32)];
} CacheBlock;

/* The name, and behind it the message, fill what these leave of the blocks. */
typedef union CacheRoom
{
	CacheHead	head;
	CacheBlock	block;
	uint8		octets[BLOCK_SIZE];
} CacheRoom;

struct CachePart
{
	LWLock		lock;
	uint32		nblocks;
	uint32		nbuckets;		/* a power of two */
	uint32		used;			/* blocks that were ever taken: the first ones */
	uint32		free;			/* the first free one of these */
	uint32		nfree;			/* their number */
	uint32		hand;
};

/* A place in the octets of an entry. */
typedef struct CacheReader
{
	const CachePart *part;
	uint32		index;			/* of the block */
	Size		offset;			/* in the block */
} CacheReader;

static uint32 *bucket_of(const CachePart *part, uint64 hash);
static CacheRoom *room_at(const CachePart *part, uint32 index);
static uint32 blocks_of(Size len);
static uint32 make_entry(CachePart *part, uint32 count);
static uint32 take_block(CachePart *part);
static void evict(CachePart *part, int64 now);
static void begin_octets(CacheReader *reader, const CachePart *part, uint32 entry);
static uint8 *next_octets(CacheReader *reader, Size *len);
static void write_octets(CacheReader *writer, const uint8 *octets, Size len);
static void read_octets(CacheReader *reader, uint8 *octets, Size len);

/*
 * Makes a part of these octets, aligned to CACHE_PART_ALIGNMENT.
 */
void
cache_part_make(CachePart *part, Size size, int tranche)
{
	Size		room = size - 2 * BLOCK_SIZE;

	StaticAssertStmt(sizeof(CacheHead) < BLOCK_SIZE && sizeof(CachePart) <= BLOCK_SIZE &&
					 CACHE_PART_ALIGNMENT == BLOCK_SIZE, "blocks are too small");
	memset(part, 0, sizeof(*part));
	LWLockInitialize(&part->lock, tranche);
	part->nblocks = room / (BLOCK_SIZE + sizeof(uint32));
	part->nbuckets = pg_prevpower2_32(part->nblocks);
	part->free = CACHE_NO_ENTRY;
	memset(bucket_of(part, 0), 0xff, part->nbuckets * sizeof(uint32));
}

/*
 * The lock of a part.
 */
LWLock *
cache_part_lock(CachePart *part)
{
	return &part->lock;
}

/*
 * Finds the entry with a key, whose hash value this is, or CACHE_NO_ENTRY.
 */
uint32
cache_part_find(const CachePart *part, const CacheKey *key, uint64 hash)
{
	uint32		entry = *bucket_of(part, hash);

	while (entry != CACHE_NO_ENTRY)
	{
		const CacheHead *head = &room_at(part, entry)->head;

		if (head->hash == hash && memcmp(head->key, key, KEY_FIXED) == 0)
		{
			CacheReader reader;
			uint8		name[WIRE_NAME_MAX];

			begin_octets(&reader, part, entry);
			read_octets(&reader, name, key->name.len);
			if (memcmp(name, key->name.octets, key->name.len) == 0)
				return entry;
		}
		entry = head->chain;
	}
	return CACHE_NO_ENTRY;
}

/*
 * The first entry from here on, or CACHE_NO_ENTRY: 0 is the begin, and one more than an
 * entry is the place behind it.
 */
uint32
cache_part_next(const CachePart *part, uint32 from)
{
	for (; from < part->used; from++)
	{
		if (room_at(part, from)->head.kind == BLOCK_FIRST)
			return from;
	}
	return CACHE_NO_ENTRY;
}

/*
 * An entry without its key and its octets.
 */
const CacheAnswer *
cache_part_answer(const CachePart *part, uint32 entry)
{
	return &room_at(part, entry)->head.answer;
}

/*
 * Is an entry still good?
 */
bool
cache_part_is_good(const CachePart *part, uint32 entry, int64 now)
{
	const CacheAnswer *answer = cache_part_answer(part, entry);

	return now < answer->since + answer->ttl * INT64CONST(1000000);
}

/*
 * Reads the key of an entry.
 */
void
cache_part_key(const CachePart *part, uint32 entry, CacheKey *key)
{
	CacheReader reader;

	memcpy(key, room_at(part, entry)->head.key, KEY_FIXED);
	begin_octets(&reader, part, entry);
	read_octets(&reader, key->name.octets, key->name.len);
}

/*
 * Reads the message of an entry, and counts that as a hit.
 */
void
cache_part_use(CachePart *part, uint32 entry, uint8 *octets)
{
	CacheHead  *head = &room_at(part, entry)->head;
	CacheReader reader;
	uint8		name[WIRE_NAME_MAX];

	begin_octets(&reader, part, entry);
	read_octets(&reader, name, head->key[KEY_FIXED - 1]);
	read_octets(&reader, octets, head->answer.len);
	pg_atomic_fetch_add_u64(&head->hits, 1);
	if (pg_atomic_read_u32(&head->usage) < MAX_USAGE)
		pg_atomic_fetch_add_u32(&head->usage, 1);
}

/*
 * A palloc'd copy of an entry.  Raises if there is no memory for it.
 */
CacheEntry *
cache_part_copy(const CachePart *part, uint32 entry)
{
	CacheHead  *head = &room_at(part, entry)->head;
	CacheEntry *copy = palloc(sizeof(CacheEntry));
	CacheReader reader;

	memcpy(&copy->key, head->key, KEY_FIXED);
	copy->answer = head->answer;
	copy->hits = pg_atomic_read_u64(&head->hits);
	copy->octets = palloc(copy->answer.len);
	begin_octets(&reader, part, entry);
	read_octets(&reader, copy->key.name.octets, copy->key.name.len);
	read_octets(&reader, copy->octets, copy->answer.len);
	return copy;
}

/*
 * Adds an entry with this key, of which there must be none, and a message that octets
 * has.  Others can go for it.  Adds none that is too large for the part.
 */
void
cache_part_add(CachePart *part, const CacheKey *key, uint64 hash,
			   const CacheAnswer *answer, const uint8 *octets)
{
	uint32		count = blocks_of(key->name.len + answer->len);
	uint32	   *bucket = bucket_of(part, hash);
	uint32		entry;
	CacheHead  *head;
	CacheReader writer;

	if (count > part->nblocks / LARGEST_SHARE)
		return;
	while (part->nfree + part->nblocks - part->used < count)
		evict(part, answer->since);
	entry = make_entry(part, count);
	head = &room_at(part, entry)->head;
	pg_atomic_init_u32(&head->usage, 0);
	pg_atomic_init_u64(&head->hits, 0);
	head->hash = hash;
	head->answer = *answer;
	memcpy(head->key, key, KEY_FIXED);
	begin_octets(&writer, part, entry);
	write_octets(&writer, key->name.octets, key->name.len);
	write_octets(&writer, octets, answer->len);
	head->chain = *bucket;
	*bucket = entry;
}

/*
 * Takes an entry out of its bucket, and frees its blocks.
 */
void
cache_part_remove(CachePart *part, uint32 entry)
{
	CacheHead  *head = &room_at(part, entry)->head;
	uint32	   *at = bucket_of(part, head->hash);
	uint32		index = entry;

	while (*at != entry)
		at = &room_at(part, *at)->head.chain;
	*at = head->chain;
	while (index != CACHE_NO_ENTRY)
	{
		CacheBlock *block = &room_at(part, index)->block;
		uint32		next = block->next;

		block->kind = BLOCK_FREE;
		block->next = part->free;
		part->free = index;
		part->nfree++;
		index = next;
	}
}

/*
 * The octets of a key that count, for its hash value: they are in one piece.
 */
Size
cache_part_key_size(const CacheKey *key)
{
	return KEY_FIXED + key->name.len;
}

static uint32 *
bucket_of(const CachePart *part, uint64 hash)
{
	uint32	   *buckets = (uint32 *) ((char *) part + MAXALIGN(sizeof(CachePart)));

	return &buckets[hash & (part->nbuckets - 1)];
}

static CacheRoom *
room_at(const CachePart *part, uint32 index)
{
	char	   *end = (char *) bucket_of(part, 0) + part->nbuckets * sizeof(uint32);

	return (CacheRoom *) TYPEALIGN(BLOCK_SIZE, end) + index;
}

/* The blocks that an entry with so many octets takes. */
static uint32
blocks_of(Size len)
{
	Size		first = BLOCK_SIZE - sizeof(CacheHead);
	Size		further = sizeof(((CacheBlock *) NULL)->octets);

	return len <= first ? 1 : 1 + (len - first + further - 1) / further;
}

/* Takes the blocks of an entry, which are there, and gives the first one. */
static uint32
make_entry(CachePart *part, uint32 count)
{
	uint32		next = CACHE_NO_ENTRY;

	while (count-- > 0)
	{
		uint32		index = take_block(part);
		CacheBlock *block = &room_at(part, index)->block;

		block->kind = count > 0 ? BLOCK_FURTHER : BLOCK_FIRST;
		block->next = next;
		next = index;
	}
	return next;
}

static uint32
take_block(CachePart *part)
{
	uint32		index = part->free;

	if (index == CACHE_NO_ENTRY)
		return part->used++;
	part->free = room_at(part, index)->block.next;
	part->nfree--;
	return index;
}

/* Turns the hand until an entry has gone.  There must be one. */
static void
evict(CachePart *part, int64 now)
{
	for (;;)
	{
		uint32		index = part->hand;
		CacheHead  *head = &room_at(part, index)->head;
		uint32		usage;

		part->hand = index + 1 < part->used ? index + 1 : 0;
		if (head->kind != BLOCK_FIRST)
			continue;
		usage = pg_atomic_read_u32(&head->usage);
		if (usage == 0 || !cache_part_is_good(part, index, now))
		{
			cache_part_remove(part, index);
			return;
		}
		pg_atomic_write_u32(&head->usage, usage - 1);
	}
}

/* Begins with the octets that an entry has behind its head. */
static void
begin_octets(CacheReader *reader, const CachePart *part, uint32 entry)
{
	reader->part = part;
	reader->index = entry;
	reader->offset = sizeof(CacheHead);
}

/* Gives the next octets of an entry that are in one block, at most len; *len of them. */
static uint8 *
next_octets(CacheReader *reader, Size *len)
{
	CacheRoom  *room = room_at(reader->part, reader->index);
	uint8	   *octets;

	if (reader->offset == BLOCK_SIZE)
	{
		reader->index = room->block.next;
		reader->offset = offsetof(CacheBlock, octets);
		room = room_at(reader->part, reader->index);
	}
	*len = Min(*len, BLOCK_SIZE - reader->offset);
	octets = room->octets + reader->offset;
	reader->offset += *len;
	return octets;
}

static void
write_octets(CacheReader *writer, const uint8 *octets, Size len)
{
	while (len > 0)
	{
		Size		piece = len;
		uint8	   *to = next_octets(writer, &piece);

		memcpy(to, octets, piece);
		octets += piece;
		len -= piece;
	}
}

static void
read_octets(CacheReader *reader, uint8 *octets, Size len)
{
	while (len > 0)
	{
		Size		piece = len;
		uint8	   *from = next_octets(reader, &piece);

		memcpy(octets, from, piece);
		octets += piece;
		len -= piece;
	}
}
