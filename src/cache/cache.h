/*
 * cache.h
 *
 * Answers that are still good, for all sessions of a database, in shared memory.
 */
#ifndef PGCARES_CACHE_H
#define PGCARES_CACHE_H

#include "engine/engine.h"

/* ---- entries ---- */

#define CACHE_SCOPE		16		/* octets */

/* The key of an entry; there are no gaps between its members. */
typedef struct CacheKey
{
	Oid			database;
	uint16		type;
	uint16		class;
	uint32		nsid;
	uint8		scope[CACHE_SCOPE]; /* stands for the servers, and the form of the query */
	DnsName		name;			/* in lower case */
} CacheKey;

/* How long was waited for an answer that did not come, or would be. */
typedef struct CachePatience
{
	int32		timeout;		/* ms, of a try */
	int32		tries;
	int32		max_timeout;	/* ms */
} CachePatience;

/* An entry without its key. */
typedef struct CacheAnswer
{
	int64		since;			/* the TTLs count from here, on clock_shared() */
	int32		ttl;			/* seconds that the entry is good for */
	CachePatience patience;
	uint16		len;			/* of the message; 0 if there was none */
	uint8		status;			/* the library's, without a message */
	bool		failure;		/* has neither records nor shows that there are none */
	DnsPlaces	places;
	struct sockaddr_in6 server;
} CacheAnswer;

/* An entry, for those who look at all of them. */
typedef struct CacheEntry
{
	CacheKey	key;
	CacheAnswer answer;
	uint64		hits;
	uint8	   *octets;
} CacheEntry;

/* ---- cache_part.c: a part of the memory for answers ---- */

#define CACHE_NO_ENTRY			PG_UINT32_MAX
#define CACHE_PART_ALIGNMENT	256

typedef struct CachePart CachePart;

extern void cache_part_make(CachePart *part, Size size, int tranche);
extern LWLock *cache_part_lock(CachePart *part);
extern uint32 cache_part_find(const CachePart *part, const CacheKey *key, uint64 hash);
extern uint32 cache_part_next(const CachePart *part, uint32 from);
extern const CacheAnswer *cache_part_answer(const CachePart *part, uint32 entry);
extern bool cache_part_is_good(const CachePart *part, uint32 entry, int64 now);
extern void cache_part_key(const CachePart *part, uint32 entry, CacheKey *key);
extern void cache_part_use(CachePart *part, uint32 entry, uint8 *octets);
extern CacheEntry *cache_part_copy(const CachePart *part, uint32 entry);
extern void cache_part_add(CachePart *part, const CacheKey *key, uint64 hash,
						   const CacheAnswer *answer, const uint8 *octets);
extern void cache_part_remove(CachePart *part, uint32 entry);
extern Size cache_part_key_size(const CacheKey *key);

/* ---- cache_store.c: answers in shared memory ---- */

extern void cache_store_init(void);
extern bool cache_store_attach(bool make);
extern bool cache_store_find(const CacheKey *key, const CachePatience *patience,
							 int64 now, CacheAnswer *answer, uint8 **octets);
extern void cache_store_put(const CacheKey *key, const CacheAnswer *answer,
							const uint8 *octets);
extern int64 cache_store_flush(Oid database, const DnsName *name, int type, int64 now);
extern int	cache_store_parts(void);
extern List *cache_store_entries(int part, Oid database, int64 now);

/* ---- cache_rules.c: which answers are kept, and how long ---- */

extern int32 cache_rules_ttl(const DnsSlot *slot, bool *failure);

/* ---- cache.c: answers that are still good ---- */

/* The settings under which questions are asked, as far as the answers depend on them. */
typedef struct CacheScope
{
	bool		on;
	bool		chosen_server;	/* the caller named the server */
	bool		patient;		/* no deadline cuts the patience */
	CachePatience patience;
	uint8		digest[CACHE_SCOPE];
	DnsStyle	style;
} CacheScope;

extern void cache_init(void);
extern void cache_open(CacheScope *scope, const char *server);
extern bool cache_find(const CacheScope *scope, const DnsQuestion *question,
					   DnsReply *reply);
extern void cache_keep(const CacheScope *scope, const DnsSlot *slot);

#endif							/* PGCARES_CACHE_H */
