/*
 * hosts_file.c
 *
 * The hosts file, hosts(5).  It is read once and kept until it changes: its
 * text, and two indexes of its lines, by name and by address, sorted by hash.
 * Anything that is not an address or a domain name is skipped.
 */
#include "postgres.h"

#include "settings/settings.h"

#include "common/hashfn.h"
#include "miscadmin.h"

/*
 * Both are chosen, not measured.  A larger file raises an error.  Further
 * names of a host or an address are left out.
 */
#define MAX_FILE_SIZE	(128 * 1024 * 1024)	/* octets */
#define MAX_NAMES		1000	/* that one lookup returns */

/* The longest names write every octet as \DDD. */
#define WORD_SIZE		(4 * WIRE_NAME_MAX + 1)

/* An entry of an index: a line with a name, or an address, of this hash. */
typedef struct LineKey
{
	uint32		hash;
	uint32		offset;			/* of the line in the text */
} LineKey;

typedef struct LineIndex
{
	LineKey    *keys;
	size_t		count;
	size_t		size;
} LineIndex;

typedef struct HostsFile
{
	const char *text;
	LineIndex	names;
	LineIndex	addresses;
} HostsFile;

typedef bool (*LineMatches) (const char *line, const void *key);

static void *parse_file(const DnsFile *file);
static void index_lines(HostsFile *hosts, const char *end);
static void add_key(LineIndex *index, uint32 hash, size_t offset);
static int	compare_keys(const LineKey *a, const LineKey *b);
static size_t first_key(const LineIndex *index, uint32 hash);
static uint32 hash_address(const inet *address);
static List *find_entries(const LineIndex *index, uint32 hash,
						  LineMatches matches, const void *key);
static HostsEntry *read_entry(const char *line, int *names);
static bool has_name(const char *line, const void *key);
static bool has_address(const char *line, const void *key);
static const char *line_address(const char *line, inet *address);
static bool next_name(const char **at, DnsName *name);
static bool next_word(const char **at, char *word);

#define ST_SORT sort_keys
#define ST_ELEMENT_TYPE LineKey
#define ST_COMPARE(a, b) compare_keys(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static CachedFile cached = {
	.file = {.setting = "pgcares.hosts_file", .max_size = MAX_FILE_SIZE},
	.parse = parse_file
};

/*
 * Rereads the file if it has changed.  Must be called before the functions
 * below.  If it cannot be read, or is too large, raises or returns false, as
 * on_failure says.
 */
bool
hosts_file_refresh(OnFailure on_failure)
{
	return cached_file_refresh(&cached, setting_hosts_file, on_failure);
}

/*
 * Returns the lines that have a name, as a List of HostsEntry in the order of
 * the file as of the last hosts_file_refresh().  Lines beyond a limit are left out.
 */
List *
hosts_file_by_name(const DnsName *name)
{
	const HostsFile *hosts = cached.parsed;

	return find_entries(&hosts->names, name_hash(name, 0), has_name, name);
}

/*
 * Returns the lines of an address, whose netmask is ignored.
 */
List *
hosts_file_by_address(const inet *address)
{
	const HostsFile *hosts = cached.parsed;

	return find_entries(&hosts->addresses, hash_address(address), has_address,
						address);
}

static void *
parse_file(const DnsFile *file)
{
	HostsFile  *hosts = palloc0(sizeof(HostsFile));

	hosts->text = file->content;
	if (file->content != NULL)
		index_lines(hosts, file->content + file->len);
	return hosts;
}

static void
index_lines(HostsFile *hosts, const char *end)
{
	for (const char *line = hosts->text; line < end;)
	{
		size_t		offset = line - hosts->text;
		const char *at;
		const char *next = memchr(line, '\n', end - line);
		DnsName		name;
		inet		address;
		bool		named = false;

		at = line_address(line, &address);
		while (at != NULL && next_name(&at, &name))
		{
			add_key(&hosts->names, name_hash(&name, 0), offset);
			named = true;
		}
		if (named)
			add_key(&hosts->addresses, hash_address(&address), offset);
		line = next != NULL ? next + 1 : end;
	}
	if (hosts->names.count > 0)
	{
		sort_keys(hosts->names.keys, hosts->names.count);
		sort_keys(hosts->addresses.keys, hosts->addresses.count);
	}
}

static void
add_key(LineIndex *index, uint32 hash, size_t offset)
{
	if (index->count == index->size)
	{
		index->size = Max(index->size * 2, 64);
		index->keys = index->keys == NULL ?
			palloc(index->size * sizeof(LineKey)) :
			repalloc_huge(index->keys, index->size * sizeof(LineKey));
	}
	index->keys[index->count].hash = hash;
	index->keys[index->count].offset = offset;
	index->count++;
}

static int
compare_keys(const LineKey *a, const LineKey *b)
{
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The index of the first key with this hash or a greater one. */
static size_t
first_key(const LineIndex *index, uint32 hash)
{
	size_t		low = 0;
	size_t		high = index->count;

	while (low < high)
	{
		size_t		middle = low + (high - low) / 2;

		if (index->keys[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32
hash_address(const inet *address)
{
	return hash_bytes(ip_addr(address), ip_addrsize(address));
}

/* The lines of a hash, less those that have another name or address. */
static List *
find_entries(const LineIndex *index, uint32 hash, LineMatches matches,
			 const void *key)
{
	const char *text = ((const HostsFile *) cached.parsed)->text;
	List	   *entries = NIL;
	int			names = 0;
	int64		last = -1;

	for (size_t i = first_key(index, hash);
		 i < index->count && index->keys[i].hash == hash && names < MAX_NAMES;
		 i++)
	{
		uint32		offset = index->keys[i].offset;

		/* A line can have a name twice. */
		if (offset != last && matches(text + offset, key))
			entries = lappend(entries, read_entry(text + offset, &names));
		last = offset;
	}
	return entries;
}

/* Reads a line that has an address and a name; adds to the count of names. */
static HostsEntry *
read_entry(const char *line, int *names)
{
	HostsEntry *entry = palloc0(sizeof(HostsEntry));
	DnsName		name;
	const char *at;

	entry->address = palloc(sizeof(inet));
	at = line_address(line, entry->address);
	while (*names < MAX_NAMES && next_name(&at, &name))
	{
		char	   *text = name_to_text(&name);

		(*names)++;
		if (entry->canonical == NULL)
			entry->canonical = text;
		else
			entry->aliases = lappend(entry->aliases, text);
	}
	return entry;
}

static bool
has_name(const char *line, const void *key)
{
	inet		address;
	const char *at = line_address(line, &address);
	DnsName		name;

	while (next_name(&at, &name))
	{
		if (name_equal(&name, key))
			return true;
	}
	return false;
}

static bool
has_address(const char *line, const void *key)
{
	const inet *sought = key;
	inet		address;

	(void) line_address(line, &address);
	return ip_family(&address) == ip_family(sought) &&
		memcmp(ip_addr(&address), ip_addr(sought), ip_addrsize(sought)) == 0;
}

/*
 * Reads the address at the start of a line and returns the rest of the line;
 * NULL if there is no address.  An inet has no room for the zone of a
 * link-local address, so that is dropped.
 */
static const char *
line_address(const char *line, inet *address)
{
	char		word[WORD_SIZE];
	char	   *zone;

	if (!next_word(&line, word))
		return NULL;
	zone = strchr(word, '%');
	if (zone != NULL)
		*zone = '\0';
	return address_parse(word, address) ? line : NULL;
}

/* Reads the next domain name of the line; false at the end. */
static bool
next_name(const char **at, DnsName *name)
{
	char		word[WORD_SIZE];

	while (next_word(at, word))
	{
		if (name_parse(word, false, name) == NULL && name->len > 1)
			return true;
	}
	return false;
}

/*
 * Reads the next word of the line, empty if it is too long for a name; false
 * at the end.  The text ends with a zero, and zeros in it end lines too.
 */
static bool
next_word(const char **at, char *word)
{
	const char *begin = *at + strspn(*at, " \t\r\v\f");
	size_t		len = strcspn(begin, " \t\r\v\f\n#");

	CHECK_FOR_INTERRUPTS();
	*at = begin + len;
	if (len < WORD_SIZE)
		memcpy(word, begin, len);
	word[len < WORD_SIZE ? len : 0] = '\0';
	return len > 0;
}
