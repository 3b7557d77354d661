/*
 * settings.h
 *
 * The configuration parameters, and the files of the system that they name.
 */
#ifndef PGCARES_SETTINGS_H
#define PGCARES_SETTINGS_H

#include "dns/dns.h"

/* ---- settings.c: the configuration parameters ---- */

typedef enum OnError
{
	ON_ERROR_ERROR,
	ON_ERROR_MISSING_OK,
	ON_ERROR_WARNING,
	ON_ERROR_IGNORE
} OnError;

typedef enum Rotate
{
	ROTATE_SYSTEM,
	ROTATE_ON,
	ROTATE_OFF
} Rotate;

typedef enum Lookups
{
	LOOKUPS_SYSTEM,
	LOOKUPS_B,
	LOOKUPS_F,
	LOOKUPS_BF,
	LOOKUPS_FB
} Lookups;

#define HINT_DESCRIPTORS \
	"Increase max_files_per_process, or the system's limit of open files."

#define WINDOW_MAX	16384		/* far below the 65536 query ids */

extern char *setting_servers;
extern char *setting_allowed_servers;
extern int	setting_udp_port;
extern int	setting_tcp_port;
extern int	setting_timeout;	/* ms */
extern int	setting_tries;
extern int	setting_max_tries;
extern int	setting_deadline;	/* ms, 0 is none */
extern int	setting_max_timeout;	/* ms */
extern int	setting_max_answer_memory;	/* kB */
extern int	setting_max_questions;
extern int	setting_max_in_flight;
extern int	setting_max_in_flight_total;
extern int	setting_lookups;
extern char *setting_hosts_file;
extern char *setting_domains;
extern int	setting_ndots;		/* -1 means the system's */
extern char *setting_sortlist;
extern bool setting_tcp;
extern bool setting_recurse;
extern bool setting_edns;
extern bool setting_randomize_case;
extern bool setting_primary_only;
extern bool setting_ignore_truncation;
extern bool setting_keep_open;
extern bool setting_check_response;
extern bool setting_default_server;
extern bool setting_search;
extern int	setting_rotate;
extern int	setting_edns_udp_size;
extern int	setting_max_edns_udp_size;
extern bool setting_dnssec;
extern bool setting_checking_disabled;
extern bool setting_trust_ad;
extern char *setting_local_ip4;
extern char *setting_local_ip6;
extern char *setting_local_dev;
extern int	setting_socket_send_buffer_size;	/* octets, 0: the system's */
extern int	setting_socket_receive_buffer_size; /* the same */
extern int	setting_udp_max_queries;
extern char *setting_resolvconf;
extern int	setting_on_error;
extern bool setting_idn;
extern bool setting_lookahead;
extern int	setting_shared_memory_size; /* kB */
extern int	setting_log_min_duration;	/* ms, -1 is never */
extern bool setting_cache;
extern int	setting_cache_size; /* kB */
extern int	setting_cache_max_ttl;	/* s */
extern int	setting_cache_max_negative_ttl; /* s */

/* Changes whenever a setting is set, even to the same value. */
extern uint64 settings_generation;

extern void settings_init(void);
extern bool settings_on_error(const char *name, OnFailure on_failure, OnError *on_error);
extern bool settings_is_default(const char *name);
extern bool settings_list(const char *value, List **elements);

/* ---- resolv_conf.c: the system's configuration for hosts ---- */

extern List *resolv_conf_servers(const char *path);
extern void resolv_conf_patience(int *timeout, int *tries);
extern bool resolv_conf_refresh(OnFailure on_failure);
extern Lookups resolv_conf_lookups(void);
extern int	resolv_conf_ndots(void);
extern List *resolv_conf_domains(void);
extern bool resolv_conf_own_domain(DnsName *domain);

/* ---- check.c: check hooks of the settings ---- */

extern bool check_servers(char **newval, void **extra, GucSource source);
extern bool check_allowed_servers(char **newval, void **extra, GucSource source);
extern bool check_domains(char **newval, void **extra, GucSource source);
extern bool check_sortlist(char **newval, void **extra, GucSource source);
extern bool check_local_ip4(char **newval, void **extra, GucSource source);
extern bool check_local_ip6(char **newval, void **extra, GucSource source);
extern bool check_local_dev(char **newval, void **extra, GucSource source);

/* ---- server.c: name servers as the settings write them ---- */

typedef struct DnsServer
{
	int			family;			/* AF_INET or AF_INET6 */
	uint8		address[16];	/* 4 or 16 octets are used */
	int			udp_port;		/* 0 if none was given */
	int			tcp_port;
	char		interface[IFNAMSIZ];	/* of a link-local address, or empty */
} DnsServer;

#define HINT_SERVER_SYNTAX \
	"A name server is written ip, ip:port, [ip6]:port or ip6%%interface."

extern const char *server_parse(const char *text, DnsServer *server);
extern bool server_parse_address(const char *text, DnsServer *server);
extern void server_require(const char *text);
extern char *server_text(const struct sockaddr *address);
extern char *server_csv(const char *setting);
extern char *server_list_csv(const List *servers);
extern const char *server_from_library(const char *list, DnsServer *server);
extern socklen_t server_address(const DnsServer *server,
								struct sockaddr_storage *address);

/* ---- allowed_servers.c: the servers that a caller can choose ---- */

extern bool allowed_servers_network(const char *text, inet *network);
extern bool allowed_servers_has(const DnsServer *server);

/* ---- hosts_file.c: the hosts file ---- */

typedef struct HostsEntry
{
	inet	   *address;
	char	   *canonical;
	List	   *aliases;		/* of char * */
} HostsEntry;

extern bool hosts_file_refresh(OnFailure on_failure);
extern List *hosts_file_by_name(const DnsName *name);
extern List *hosts_file_by_address(const inet *address);

/* ---- channel_config.c: the configuration of a channel ---- */

/* The strings come last. */
typedef struct DnsChannelConfig
{
	int			flags;			/* ARES_FLAG_ */
	int			set_timeout;	/* ms, as set */
	int			set_tries;		/* the same */
	int			udp_port;
	int			tcp_port;
	int			rotate;
	int			send_buffer_size;
	int			receive_buffer_size;
	int			udp_max_queries;
	int			edns_udp_size;
	DnsFileState file;			/* of resolvconf, if it is read */
	int			timeout;		/* ms, as set or as in that file */
	int			tries;			/* the same */
	char	   *servers;
	char	   *local_ip4;
	char	   *local_ip6;
	char	   *local_dev;
	char	   *resolvconf;
} DnsChannelConfig;

extern void config_read(DnsChannelConfig *config, const char *server);
extern bool config_is_set(const DnsChannelConfig *config);
extern bool config_equal(const DnsChannelConfig *a, const DnsChannelConfig *b);
extern bool config_copy(DnsChannelConfig *to, const DnsChannelConfig *from);
extern void config_free(DnsChannelConfig *config);
extern char *config_servers(const DnsChannelConfig *config);
extern void config_check_descriptors(const DnsChannelConfig *config);
extern int	config_queries_per_socket(const DnsChannelConfig *config);

/* ---- sortlist.c: the order of addresses ---- */

#define MAX_NETWORKS	1000		/* of a setting */

extern bool sortlist_network(const char *text, inet *network);
extern int	sortlist_rank(const inet *address);

#endif							/* PGCARES_SETTINGS_H */
