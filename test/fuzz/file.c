/*
 * file.c
 *
 * Target for the files of the system, in the place of src/system/file.c: reading a file
 * gives the input here.  The first octet selects the file.
 */
#include "postgres.h"

#include "fuzz.h"

#define MAX_NDOTS	15

/* The contents of the hosts file, resolv.conf and nsswitch.conf. */
typedef struct Content
{
	const char *octets;
	size_t		len;
} Content;

static Content hosts;
static Content resolvconf;
static Content nsswitch;
static int64 version = 0;		/* of all of them */

static const Content *file_of(const char *path);
static void check_system(void);
static void check_hosts(void);
static void check_entries(List *entries, const char *name);

void
fuzz_file(const uint8 *octets, size_t len)
{
	Content		input = {(const char *) octets + 1, len - 1};

	if (len < 1)
		return;
	version++;
	hosts = resolvconf = nsswitch = (Content) {"", 0};
	switch (octets[0] % 3)
	{
		case 0:
			resolvconf = input;
			break;
		case 1:
			nsswitch = input;
			break;
		default:
			hosts = input;
			break;
	}
	if (octets[0] % 3 < 2)
		check_system();
	else
		check_hosts();
}

void
file_state(const char *path, DnsFileState *state)
{
	memset(state, 0, sizeof(*state));
	state->regular = true;
	state->size = file_of(path)->len;
	state->mtime = version;
}

bool
file_state_equal(const DnsFileState *a, const DnsFileState *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* The copy is malloc'd, so that the sanitizer sees a read past its end. */
bool
file_read(DnsFile *file, OnFailure on_failure)
{
	const Content *content = file_of(file->path);

	file_state(file->path, &file->state);
	file->len = content->len;
	file->content = palloc(content->len + 1);
	if (content->len > 0)
		memcpy(file->content, content->octets, content->len);
	file->content[file->len] = '\0';
	return true;
}

static const Content *
file_of(const char *path)
{
	if (strcmp(path, setting_hosts_file) == 0)
		return &hosts;
	return strcmp(path, setting_resolvconf) == 0 ? &resolvconf : &nsswitch;
}

/* The values read from them are within bounds. */
static void
check_system(void)
{
	ListCell   *cell;

	if (!resolv_conf_refresh(RAISE))
		finding("the files cannot be read");
	if (resolv_conf_ndots() < 0 || resolv_conf_ndots() > MAX_NDOTS)
		finding("ndots is %d", resolv_conf_ndots());
	if (resolv_conf_lookups() == LOOKUPS_SYSTEM)
		finding("nothing says where hosts are looked up");
	if (list_length(resolv_conf_domains()) > 32)
		finding("there are %d domains", list_length(resolv_conf_domains()));
	foreach(cell, resolv_conf_domains())
	{
		const DnsName *name = lfirst(cell);
		StringInfoData text;
		DnsName		again;

		initStringInfo(&text);
		encode_name(&text, name, false);
		check_ascii(text.data);
		if (name_parse(text.data, false, &again) != NULL ||
			!name_equal(name, &again))
			finding("domain \"%s\" is none", text.data);
	}
}

/* The entries of the file are found, by name and by address. */
static void
check_hosts(void)
{
	const char *at = hosts.octets;
	const char *end = at + hosts.len;

	if (!hosts_file_refresh(RAISE))
		finding("the file cannot be read");
	while (at < end)
	{
		size_t		len = 0;
		char	   *word;
		DnsName		name;
		inet		address;

		while (at + len < end && strchr(" \t\r\v\f\n#", at[len]) == NULL)
			len++;
		word = pnstrdup(at, len);
		if (address_parse(word, &address))
			check_entries(hosts_file_by_address(&address), NULL);
		if (name_parse(word, false, &name) == NULL)
			check_entries(hosts_file_by_name(&name), word);
		pfree(word);
		at += len + 1;
	}
}

/* Each entry of a name has the name, in any notation. */
static void
check_entries(List *entries, const char *word)
{
	ListCell   *cell;
	ListCell   *inner;
	DnsName		name;
	DnsName		other;

	foreach(cell, entries)
	{
		const HostsEntry *entry = lfirst(cell);
		bool		found = false;

		check_ascii(address_text(entry->address));
		check_ascii(entry->canonical);
		foreach(inner, lcons(entry->canonical, list_copy(entry->aliases)))
		{
			check_ascii(lfirst(inner));
			if (word != NULL && name_parse(word, false, &name) == NULL &&
				name_parse(lfirst(inner), false, &other) == NULL)
				found |= name_equal(&name, &other);
		}
		if (word != NULL && !found)
			finding("an entry has no name \"%s\"", word);
	}
}
