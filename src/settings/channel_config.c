/*
 * channel_config.c
 *
 * The configuration of a channel: the settings that it depends on, and the
 * state of the system's file if the library reads it.  A channel is reused as
 * long as its configuration is the present one.
 */
#include "postgres.h"

#include <fcntl.h>
#include <unistd.h>

#include "settings/settings.h"

#include "storage/fd.h"

/*
 * DATAGRAM_OVERHEAD: octets that the kernel charges a receive buffer for a
 * datagram besides its own; 832 were measured for a datagram of 66.
 * DEFAULT_RECEIVE_BUFFER: Linux's net.core.rmem_default, in octets.
 */
#define DATAGRAM_OVERHEAD	1024
#define DEFAULT_RECEIVE_BUFFER	212992

#define DEFAULT_SERVER		"127.0.0.1"	/* as in resolv.conf(5) */

static void read_settings(DnsChannelConfig *config);
static int	library_flags(void);
static void set_patience(DnsChannelConfig *config);
static bool same_settings(const DnsChannelConfig *a, const DnsChannelConfig *b);

/*
 * Reads the configuration of a channel into *config.  server is NULL or
 * replaces pgcares.servers.  The strings are not copied: the settings or the
 * caller own them.
 */
void
config_read(DnsChannelConfig *config, const char *server)
{
	read_settings(config);
	if (server != NULL)
		config->servers = unconstify(char *, server);

	/* The system's file counts only if no servers are set. */
	if (*config->servers == '\0')
		file_state(setting_resolvconf, &config->file);
	set_patience(config);
}

/*
 * Returns the servers of a configuration as the library writes them, palloc'd: those of
 * the setting, of the system's file, or the default one.  NULL if there is none.  Raises
 * if the setting names an interface that does not exist.
 */
char *
config_servers(const DnsChannelConfig *config)
{
	char	   *csv;

	if (*config->servers != '\0')
		return server_csv(config->servers);

	/* A file that was replaced meanwhile is noticed by the next lookup. */
	csv = server_list_csv(resolv_conf_servers(config->resolvconf));
	if (*csv != '\0')
		return csv;
	return config->flags & ARES_FLAG_NO_DFLT_SVR ? NULL :
		pstrdup(DEFAULT_SERVER);
}

/*
 * Would both make the same channel?
 */
bool
config_equal(const DnsChannelConfig *a, const DnsChannelConfig *b)
{
	return same_settings(a, b) && a->timeout == b->timeout && a->tries == b->tries &&
		memcmp(&a->file, &b->file, sizeof(a->file)) == 0;
}

/*
 * Are the settings still the same as in *config?
 */
bool
config_is_set(const DnsChannelConfig *config)
{
	DnsChannelConfig now;

	read_settings(&now);
	return same_settings(config, &now);
}

/*
 * Copies a configuration; the strings are malloc'd.  False if there is no
 * memory.  The caller frees to with config_free() in either case.
 */
bool
config_copy(DnsChannelConfig *to, const DnsChannelConfig *from)
{
	*to = *from;
	to->servers = strdup(from->servers);
	to->local_ip4 = strdup(from->local_ip4);
	to->local_ip6 = strdup(from->local_ip6);
	to->local_dev = strdup(from->local_dev);
	to->resolvconf = strdup(from->resolvconf);
	return to->servers && to->local_ip4 && to->local_ip6 &&
		to->local_dev && to->resolvconf;
}

/*
 * Frees the strings of a copy.
 */
void
config_free(DnsChannelConfig *config)
{
	free(config->servers);
	free(config->local_ip4);
	free(config->local_ip6);
	free(config->local_dev);
	free(config->resolvconf);
}

/*
 * Raises if no descriptor is left for the system's file: the library treats a
 * file that it cannot open as empty.
 */
void
config_check_descriptors(const DnsChannelConfig *config)
{
	int			fd;

	if (!config->file.regular)
		return;					/* no file that matters is read */
	fd = BasicOpenFile(config->resolvconf, O_RDONLY | PG_BINARY);
	if (fd >= 0)
		close(fd);
	else if (errno == EMFILE || errno == ENFILE)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not open file \"%s\": too many open files",
						config->resolvconf),
				 errhint(HINT_DESCRIPTORS)));
}

/*
 * The number of queries that a UDP socket can serve: as set, but no more than
 * its receive buffer holds answers for.  Only a socket shows the buffer that
 * the system grants; if none can be opened, the first lookup reports that.
 */
int
config_queries_per_socket(const DnsChannelConfig *config)
{
	int			wanted = config->receive_buffer_size;
	int			granted = DEFAULT_RECEIVE_BUFFER;
	socklen_t	len = sizeof(granted);
	int			queries;
	int			fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
	{
		if (wanted > 0)
			(void) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
		(void) getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &granted, &len);
		close(fd);
	}
	queries = Max(granted / (config->edns_udp_size + DATAGRAM_OVERHEAD), 1);
	if (config->udp_max_queries > 0)
		queries = Min(queries, config->udp_max_queries);
	return queries;
}

/* Reads all but the state of the file. */
static void
read_settings(DnsChannelConfig *config)
{
	/* Padding is compared too. */
	memset(config, 0, sizeof(*config));
	config->flags = library_flags();
	config->set_timeout = setting_timeout;
	config->set_tries = setting_tries;
	config->udp_port = setting_udp_port;
	config->tcp_port = setting_tcp_port;
	config->rotate = setting_rotate;
	config->send_buffer_size = setting_socket_send_buffer_size;
	config->receive_buffer_size = setting_socket_receive_buffer_size;
	config->udp_max_queries = setting_udp_max_queries;
	config->edns_udp_size = Min(setting_edns_udp_size,
								setting_max_edns_udp_size);
	config->servers = setting_servers;
	config->local_ip4 = setting_local_ip4;
	config->local_ip6 = setting_local_ip6;
	config->local_dev = setting_local_dev;
	config->resolvconf = setting_resolvconf;
}

/*
 * Sets how long and how often a server is asked.  Where nobody has set that, the options
 * of the system's file count, if its servers are asked.
 */
static void
set_patience(DnsChannelConfig *config)
{
	static DnsFileState known;	/* the file that has these options */
	static int	timeout = 0;
	static int	tries = 0;
	bool		from_file = *config->servers == '\0';

	if (from_file && !file_state_equal(&config->file, &known))
	{
		resolv_conf_patience(&timeout, &tries);
		known = config->file;
	}
	config->timeout = from_file && timeout > 0 && settings_is_default("pgcares.timeout") ?
		timeout : setting_timeout;
	config->tries = from_file && tries > 0 && settings_is_default("pgcares.tries") ?
		tries : setting_tries;
	config->timeout = Min(config->timeout, setting_max_timeout);
	config->tries = Min(config->tries, setting_max_tries);
}

/* The library's flags for the settings that a channel depends on. */
static int
library_flags(void)
{
	return (setting_tcp ? ARES_FLAG_USEVC : 0) |
		(setting_primary_only ? ARES_FLAG_PRIMARY : 0) |
		(setting_keep_open ? ARES_FLAG_STAYOPEN : 0) |
		(setting_default_server ? 0 : ARES_FLAG_NO_DFLT_SVR);
}

static bool
same_settings(const DnsChannelConfig *a, const DnsChannelConfig *b)
{
	return memcmp(a, b, offsetof(DnsChannelConfig, file)) == 0 &&
		strcmp(a->servers, b->servers) == 0 &&
		strcmp(a->local_ip4, b->local_ip4) == 0 &&
		strcmp(a->local_ip6, b->local_ip6) == 0 &&
		strcmp(a->local_dev, b->local_dev) == 0 &&
		strcmp(a->resolvconf, b->resolvconf) == 0;
}
