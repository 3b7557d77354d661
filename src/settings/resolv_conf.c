/*
 * resolv_conf.c
 *
 * The system's configuration for hosts: where they are looked up, and how names
 * are completed.  The library reads it too but does not expose it, so it is
 * read again here, from pgcares.resolvconf (resolv.conf(5)) and, for the order
 * of lookups, from nsswitch.conf(5).  It is kept until one of the files
 * changes.  The environment is ignored.
 */
#include "postgres.h"

#include <unistd.h>

#include "settings/settings.h"

#define NSSWITCH		"/etc/nsswitch.conf"
#define MAX_FILE_SIZE	(1024 * 1024)
#define MAX_DOMAINS		32
#define MAX_NDOTS		15		/* as in resolv.conf(5) */
#define BLANKS			" \t\r"

typedef struct System
{
	MemoryContext context;		/* of the whole structure */
	DnsFileState resolvconf;
	DnsFileState nsswitch;
	char	   *path;			/* of resolvconf */
	Lookups		lookups;
	int			ndots;
	List	   *domains;		/* of DnsName * */
} System;

static System *cached = NULL;
static int64 checked_at = 0;		/* on the clock of clock_now() */

static bool read_resolvconf(System *system, OnFailure on_failure);
static bool read_nsswitch(System *system, OnFailure on_failure);
static void read_options(System *system, char *words);
static void read_domains(System *system, char *words);
static void read_lookups(System *system, char *words);
static void add_domain(System *system, const DnsName *name);
static char *next_word(char **words);

/*
 * Rereads the files if one has changed.  Must be called before the functions
 * below.  If an existing file cannot be read, raises or returns false, as on_failure says.
 */
bool
system_refresh(OnFailure on_failure)
{
	DnsFileState resolvconf;
	DnsFileState nsswitch;
	MemoryContext context;
	MemoryContext old_context;
	System	   *system;
	bool		done;

	if (on_failure == RETURN_FALSE && cached != NULL && clock_now() - checked_at < FILE_LOOK_AFTER &&
		strcmp(cached->path, setting_resolvconf) == 0)
		return true;
	file_state(setting_resolvconf, &resolvconf);
	checked_at = clock_now();
	file_state(NSSWITCH, &nsswitch);
	if (cached != NULL && strcmp(cached->path, setting_resolvconf) == 0 &&
		file_state_equal(&cached->resolvconf, &resolvconf) &&
		file_state_equal(&cached->nsswitch, &nsswitch))
		return true;

	/* Until it is complete, it belongs to the caller's context. */
	context = AllocSetContextCreate(CurrentMemoryContext, "pgcares system",
									ALLOCSET_SMALL_SIZES);
	old_context = MemoryContextSwitchTo(context);
	system = palloc0(sizeof(System));
	system->context = context;
	system->path = pstrdup(setting_resolvconf);
	system->lookups = LOOKUPS_SYSTEM;
	system->ndots = 1;
	done = read_resolvconf(system, on_failure) && read_nsswitch(system, on_failure);
	if (system->lookups == LOOKUPS_SYSTEM)
		system->lookups = LOOKUPS_FB;
	MemoryContextSwitchTo(old_context);
	if (!done)
	{
		MemoryContextDelete(context);
		return false;
	}

	if (cached != NULL)
		MemoryContextDelete(cached->context);
	MemoryContextSetParent(context, TopMemoryContext);
	cached = system;
	return true;
}

/*
 * The places where the system looks up hosts: never LOOKUPS_SYSTEM.
 */
Lookups
system_lookups(void)
{
	return cached->lookups;
}

/*
 * The number of dots from which on a name is tried as it is first.
 */
int
system_ndots(void)
{
	return cached->ndots;
}

/*
 * The search list, of DnsName *, valid until the next refresh: the file's, or
 * else the domain of this host's own name.
 */
List *
system_domains(void)
{
	return cached->domains;
}

/*
 * Reads the part of this host's name after the first dot.  False if that is no
 * domain.
 */
bool
system_own_domain(DnsName *domain)
{
	char		host[256];
	const char *dot;

	if (gethostname(host, sizeof(host)) != 0)
		return false;
	host[sizeof(host) - 1] = '\0';
	dot = strchr(host, '.');
	return dot != NULL && name_parse(dot + 1, false, domain) == NULL;
}

static bool
read_resolvconf(System *system, OnFailure on_failure)
{
	size_t		len;
	char	   *text;
	char	   *line;
	DnsName		own;

	if (!file_read(system->path, "pgcares.resolvconf", MAX_FILE_SIZE, true, on_failure,
				   &system->resolvconf, &text, &len))
		return false;
	while (text != NULL && (line = strsep(&text, "\n")) != NULL)
	{
		char	   *word = next_word(&line);

		if (word == NULL || *word == '#' || *word == ';')
			continue;
		if (strcmp(word, "search") == 0 || strcmp(word, "domain") == 0)
			read_domains(system, line);
		else if (strcmp(word, "options") == 0)
			read_options(system, line);
		else if (strcmp(word, "lookup") == 0)
			read_lookups(system, line);
	}

	if (system->domains == NIL && system_own_domain(&own))
		add_domain(system, &own);
	return true;
}

/* The lookup line of resolvconf takes precedence. */
static bool
read_nsswitch(System *system, OnFailure on_failure)
{
	size_t		len;
	char	   *text;
	char	   *line;

	if (!file_read(NSSWITCH, NULL, MAX_FILE_SIZE, true, on_failure, &system->nsswitch,
				   &text, &len))
		return false;
	while (text != NULL && system->lookups == LOOKUPS_SYSTEM &&
		   (line = strsep(&text, "\n")) != NULL)
	{
		char	   *word;

		line += strspn(line, BLANKS);
		if (strncmp(line, "hosts:", 6) != 0)
			continue;
		word = strchr(line, '#');
		if (word != NULL)
			*word = '\0';
		read_lookups(system, line + 6);
	}
	return true;
}

/* The last domain or search line counts. */
static void
read_domains(System *system, char *words)
{
	char	   *word;

	system->domains = NIL;
	while ((word = next_word(&words)) != NULL && *word != '#' && *word != ';')
	{
		DnsName		name;

		/* Words that are no domain name are skipped. */
		if (name_parse(word, false, &name) == NULL)
			add_domain(system, &name);
	}
}

static void
read_options(System *system, char *words)
{
	char	   *word;

	while ((word = next_word(&words)) != NULL)
	{
		if (strncmp(word, "ndots:", 6) == 0 && isdigit((unsigned char) word[6]))
			system->ndots = Min(strtoul(word + 6, NULL, 10), MAX_NDOTS);
	}
}

/*
 * Reads the words of a lookup line, or of the hosts line of nsswitch.conf, whose
 * conditions in brackets are ignored.  A line without a known word has no
 * effect.
 */
static void
read_lookups(System *system, char *words)
{
	bool		file = false;
	bool		bind = false;
	bool		file_first = false;
	char	   *word;

	while ((word = next_word(&words)) != NULL)
	{
		if (strcmp(word, "file") == 0 || strcmp(word, "files") == 0)
		{
			file_first |= !bind;
			file = true;
		}
		else if (strcmp(word, "bind") == 0 || strcmp(word, "dns") == 0 ||
				 strcmp(word, "resolve") == 0)
			bind = true;
	}
	if (file && bind)
		system->lookups = file_first ? LOOKUPS_FB : LOOKUPS_BF;
	else if (file || bind)
		system->lookups = file ? LOOKUPS_F : LOOKUPS_B;
}

static void
add_domain(System *system, const DnsName *name)
{
	DnsName    *domain;

	if (list_length(system->domains) >= MAX_DOMAINS)
		return;
	domain = palloc(sizeof(DnsName));
	*domain = *name;
	system->domains = lappend(system->domains, domain);
}

/* The next word of a line, or NULL. */
static char *
next_word(char **words)
{
	char	   *word;

	do
	{
		word = strsep(words, BLANKS);
	} while (word != NULL && *word == '\0');
	return word;
}
