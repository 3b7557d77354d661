/*
 * host_duplicates.c
 *
 * Finds names and addresses that a host has already.  An answer can have
 * thousands of them, so a hash table holds them.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "common/hashfn.h"
#include "common/pg_prng.h"

/* Octets of a name or an address. */
typedef struct SetKey
{
	const uint8 *octets;
	size_t		len;
} SetKey;

typedef struct SetEntry
{
	SetKey		key;
	uint32		hash;
	char		status;
} SetEntry;

#define SH_PREFIX hostset
#define SH_ELEMENT_TYPE SetEntry
#define SH_KEY_TYPE SetKey
#define SH_KEY key
#define SH_HASH_KEY(table, key) 0	/* the caller gives it */
#define SH_EQUAL(table, a, b) \
	((a).len == (b).len && memcmp((a).octets, (b).octets, (a).len) == 0)
#define SH_SCOPE static inline
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Entries of a new table, which grows.  Chosen, not measured. */
#define FIRST_SIZE	16

static bool is_new(struct hostset_hash **set, uint64 *seed, uint8 *octets,
				   size_t len);

/*
 * Notes a name of a host; false if the host has that name already.  Upper and
 * lower case are equal.
 */
bool
host_duplicates_add_name(Host *host, const char *name)
{
	size_t		len = strlen(name);
	uint8	   *octets = palloc(len);

	for (size_t i = 0; i < len; i++)
		octets[i] = pg_ascii_tolower(name[i]);
	return is_new(&host->names_seen, &host->seed, octets, len);
}

/*
 * Notes an address of a host; false if the host has it already.  The netmask
 * does not count.
 */
bool
host_duplicates_add_address(Host *host, const inet *address)
{
	size_t		len = ip_addrsize(address);
	uint8	   *octets = palloc(len);

	/* The length tells the families apart. */
	memcpy(octets, ip_addr(address), len);
	return is_new(&host->addresses_seen, &host->seed, octets, len);
}

/* Takes ownership of octets. */
static bool
is_new(struct hostset_hash **set, uint64 *seed, uint8 *octets, size_t len)
{
	SetKey		key = {octets, len};
	bool		found;

	if (*seed == 0)
		*seed = pg_prng_uint64(&pg_global_prng_state);
	if (*set == NULL)
		*set = hostset_create(CurrentMemoryContext, FIRST_SIZE, NULL);
	(void) hostset_insert_hash(*set, key,
							   (uint32) hash_bytes_extended(octets, len, *seed),
							   &found);
	if (found)
		pfree(octets);
	return !found;
}
