/*
 * resolv_conf.c
 *
 * The system's configuration: the name servers, where hosts are looked up, and how
 * names are completed.  It comes from pgcares.resolvconf (resolv.conf(5)) and, for
 * the order of lookups, from nsswitch.conf(5), and is kept until one of the files
 * changes.  The environment is ignored.
 *
 * A line means what it means to getaddrinfo(3) of the GNU C library: a keyword begins
 * the line, with a blank behind it, and no more than three name servers count.
 * Deliberate differences: a carriage return is a blank, and a comment ends a search
 * list.  The library reads the file too, but only the options rotate and use-vc count
 * there.
 */
#include "postgres.h"

#include <unistd.h>

#include "settings/settings.h"

#define NSSWITCH		"/etc/nsswitch.conf"
/*
 * The first two are chosen, not measured: a larger file raises an error, and
 * further domains are ignored.
 */
#define MAX_FILE_SIZE	(16 * 1024 * 1024)	/* octets */
#define MAX_DOMAINS		32
#define MAX_SERVERS		3		/* as in resolv.conf(5) */
#define MAX_NDOTS		15		/* as in resolv.conf(5) */
#define MAX_TIMEOUT		30		/* seconds, as in resolv.conf(5) */
#define MAX_ATTEMPTS	5		/* as in resolv.conf(5) */
#define BLANKS			" \t\r"

/* The contents of resolv.conf. */
typedef struct ResolvConf
{
	Lookups		lookups;		/* LOOKUPS_SYSTEM if it does not say */
	int			ndots;
	int			timeout;		/* ms; 0 if it does not say */
	int			attempts;		/* the same */
	List	   *domains;		/* of DnsName * */
	List	   *servers;		/* of DnsServer * */
} ResolvConf;

static void *parse_resolvconf(const DnsFile *file);
static void *parse_nsswitch(const DnsFile *file);
static void read_server(ResolvConf *conf, char *words);
static void read_options(ResolvConf *conf, char *words);
static void read_domains(ResolvConf *conf, char *words, int max);
static void read_lookups(Lookups *lookups, char *words);
static void add_domain(ResolvConf *conf, const DnsName *name);
static bool read_number(const char *word, const char *option, int max, int *number);
static char *take_word(char **words);

static CachedFile resolvconf = {
	.file = {
		.setting = "pgcares.resolvconf",
		.max_size = MAX_FILE_SIZE,
		.unreadable_ok = true
	},
	.parse = parse_resolvconf
};

static CachedFile nsswitch = {
	.file = {.max_size = MAX_FILE_SIZE, .unreadable_ok = true},
	.parse = parse_nsswitch
};

/*
 * The name servers that a file like resolv.conf has, of DnsServer *, valid until the
 * file is read again.  Raises if an existing file cannot be read.
 */
List *
resolv_conf_servers(const char *path)
{
	(void) cached_file_refresh(&resolvconf, path, RAISE);
	return ((const ResolvConf *) resolvconf.parsed)->servers;
}

/*
 * Rereads the files that have changed.  Must be called before the functions
 * below.  If an existing file cannot be read, raises or returns false, as
 * on_failure says.
 */
bool
resolv_conf_refresh(OnFailure on_failure)
{
	return cached_file_refresh(&resolvconf, setting_resolvconf, on_failure) &&
		cached_file_refresh(&nsswitch, NSSWITCH, on_failure);
}

/*
 * The places where the system looks up hosts: never LOOKUPS_SYSTEM.  The lookup
 * line of resolv.conf takes precedence.
 */
Lookups
resolv_conf_lookups(void)
{
	Lookups		lookups = ((const ResolvConf *) resolvconf.parsed)->lookups;

	if (lookups == LOOKUPS_SYSTEM)
		lookups = *(const Lookups *) nsswitch.parsed;
	return lookups == LOOKUPS_SYSTEM ? LOOKUPS_FB : lookups;
}

/*
 * The time that the file pgcares.resolvconf gives a server to answer, in ms, and the
 * number of times that each one is asked: 0 if it does not say, or cannot be read.
 */
void
resolv_conf_patience(int *timeout, int *tries)
{
	const ResolvConf *conf;

	*timeout = *tries = 0;
	if (!cached_file_refresh(&resolvconf, setting_resolvconf, RETURN_FALSE))
		return;
	conf = resolvconf.parsed;
	*timeout = conf->timeout;
	*tries = conf->attempts;
}

/*
 * The number of dots from which on a name is tried as it is first.
 */
int
resolv_conf_ndots(void)
{
	return ((const ResolvConf *) resolvconf.parsed)->ndots;
}

/*
 * The search list, of DnsName *, valid until the next refresh: the file's, or
 * else the domain of this host's own name.
 */
List *
resolv_conf_domains(void)
{
	return ((const ResolvConf *) resolvconf.parsed)->domains;
}

/*
 * Reads the part of this host's name after the first dot.  False if that is no
 * domain.
 */
bool
resolv_conf_own_domain(DnsName *domain)
{
	char		host[256];
	const char *dot;

	if (gethostname(host, sizeof(host)) != 0)
		return false;
	host[sizeof(host) - 1] = '\0';
	dot = strchr(host, '.');
	return dot != NULL && name_parse(dot + 1, false, domain) == NULL;
}

static void *
parse_resolvconf(const DnsFile *file)
{
	ResolvConf *conf = palloc0(sizeof(ResolvConf));
	char	   *text = file->content;
	char	   *line;
	DnsName		own;

	conf->lookups = LOOKUPS_SYSTEM;
	conf->ndots = 1;
	while ((line = strsep(&text, "\n")) != NULL)
	{
		const char *word = strsep(&line, BLANKS);

		if (strcmp(word, "nameserver") == 0)
			read_server(conf, line);
		else if (strcmp(word, "search") == 0)
			read_domains(conf, line, MAX_DOMAINS);
		else if (strcmp(word, "domain") == 0)
			read_domains(conf, line, 1);
		else if (strcmp(word, "options") == 0)
			read_options(conf, line);
		else if (strcmp(word, "lookup") == 0)
			read_lookups(&conf->lookups, line);
	}

	if (conf->domains == NIL && resolv_conf_own_domain(&own))
		add_domain(conf, &own);
	return conf;
}

/* The first line for hosts with a known word counts. */
static void *
parse_nsswitch(const DnsFile *file)
{
	Lookups    *lookups = palloc(sizeof(Lookups));
	char	   *text = file->content;
	char	   *line;

	*lookups = LOOKUPS_SYSTEM;
	while (*lookups == LOOKUPS_SYSTEM && (line = strsep(&text, "\n")) != NULL)
	{
		char	   *word;

		line += strspn(line, BLANKS);
		if (strncmp(line, "hosts:", 6) != 0)
			continue;
		word = strchr(line, '#');
		if (word != NULL)
			*word = '\0';
		read_lookups(lookups, line + 6);
	}
	return lookups;
}

/* Words that are no address are skipped, and so is an interface that has gone. */
static void
read_server(ResolvConf *conf, char *words)
{
	DnsServer  *server = palloc(sizeof(DnsServer));
	char	   *word = take_word(&words);

	if (word != NULL && list_length(conf->servers) < MAX_SERVERS &&
		server_parse_address(word, server))
		conf->servers = lappend(conf->servers, server);
	else
		pfree(server);
}

/* The last domain or search line that has a word counts, up to max words of it. */
static void
read_domains(ResolvConf *conf, char *words, int max)
{
	char	   *word = take_word(&words);

	if (word == NULL)
		return;
	conf->domains = NIL;
	for (; word != NULL && *word != '#' && *word != ';' && max > 0;
		 word = take_word(&words), max--)
	{
		DnsName		name;

		/* Words that are no domain name are skipped. */
		if (name_parse(word, false, &name) == NULL)
			add_domain(conf, &name);
	}
}

static void
read_options(ResolvConf *conf, char *words)
{
	char	   *word;
	int			number;

	while ((word = take_word(&words)) != NULL)
	{
		if (read_number(word, "ndots:", MAX_NDOTS, &number))
			conf->ndots = number;
		else if (read_number(word, "timeout:", MAX_TIMEOUT, &number))
			conf->timeout = Max(number, 1) * 1000;
		else if (read_number(word, "attempts:", MAX_ATTEMPTS, &number))
			conf->attempts = Max(number, 1);
	}
}

/* Reads the number from 0 to max behind the name of an option, if it is that one. */
static bool
read_number(const char *word, const char *option, int max, int *number)
{
	size_t		len = strlen(option);
	long		given;

	if (strncmp(word, option, len) != 0)
		return false;
	given = strtol(word + len, NULL, 10);
	*number = Max(Min(given, max), 0);
	return true;
}

/*
 * Reads the words of a lookup line, or of the hosts line of nsswitch.conf, whose
 * conditions in brackets are ignored.  A line without a known word has no
 * effect.
 */
static void
read_lookups(Lookups *lookups, char *words)
{
	bool		file = false;
	bool		bind = false;
	bool		file_first = false;
	char	   *word;

	while ((word = take_word(&words)) != NULL)
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
		*lookups = file_first ? LOOKUPS_FB : LOOKUPS_BF;
	else if (file || bind)
		*lookups = file ? LOOKUPS_F : LOOKUPS_B;
}

static void
add_domain(ResolvConf *conf, const DnsName *name)
{
	DnsName    *domain;

	if (list_length(conf->domains) >= MAX_DOMAINS)
		return;
	domain = palloc(sizeof(DnsName));
	*domain = *name;
	conf->domains = lappend(conf->domains, domain);
}

/* The next word of a line, or NULL. */
static char *
take_word(char **words)
{
	char	   *word;

	do
	{
		word = strsep(words, BLANKS);
	} while (word != NULL && *word == '\0');
	return word;
}
