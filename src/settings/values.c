/*
 * values.c
 *
 * The current values of the settings; settings.c has their table.  The defaults of
 * timeout and edns_udp_size are those of c-ares 1.34.  Those of max_in_flight,
 * udp_max_queries and socket_receive_buffer_size are measured: see settings.c.  Other
 * times and limits are chosen, not measured.
 */
#include "postgres.h"

#include "settings/settings.h"

#include "utils/varlena.h"

char	   *setting_servers = NULL;
char	   *setting_allowed_servers = NULL;
int			setting_udp_port = 53;
int			setting_tcp_port = 53;
int			setting_timeout = 2000;
int			setting_tries = 4;
int			setting_max_tries = 4;
int			setting_deadline = 0;
int			setting_max_timeout = 60 * 1000;
int			setting_max_answer_memory = 1024 * 1024;
int			setting_max_questions = 10 * 1000 * 1000;
int			setting_max_in_flight = 16384;
char	   *setting_domains = NULL;
int			setting_ndots = -1;
int			setting_lookups = LOOKUPS_SYSTEM;
char	   *setting_hosts_file = NULL;
char	   *setting_sortlist = NULL;
bool		setting_tcp = false;
bool		setting_recurse = true;
bool		setting_edns = true;
bool		setting_randomize_case = false;
bool		setting_primary_only = false;
bool		setting_ignore_truncation = false;
bool		setting_keep_open = false;
bool		setting_check_response = true;
bool		setting_default_server = false;
bool		setting_search = true;
int			setting_rotate = ROTATE_SYSTEM;
int			setting_edns_udp_size = 1232;
int			setting_max_edns_udp_size = 4096;
bool		setting_dnssec = false;
bool		setting_checking_disabled = false;
bool		setting_trust_ad = false;
char	   *setting_local_ip4 = NULL;
char	   *setting_local_ip6 = NULL;
char	   *setting_local_dev = NULL;
int			setting_socket_send_buffer_size = 0;
int			setting_socket_receive_buffer_size = 4 * 1024 * 1024;
int			setting_udp_max_queries = 256;
char	   *setting_resolvconf = NULL;
int			setting_on_error = ON_ERROR_ERROR;
bool		setting_idn = true;
bool		setting_lookahead = true;
int			setting_max_in_flight_total = 0;
int			setting_shared_memory_size = 64 * 1024;
int			setting_log_min_duration = -1;
bool		setting_cache = false;
int			setting_cache_size = 32 * 1024;
int			setting_cache_max_ttl = 24 * 60 * 60;
int			setting_cache_max_negative_ttl = 60 * 60;

uint64		settings_generation = 0;

/*
 * Splits a list setting.  The strings are palloc'd together, so none can be
 * freed alone.  False if the value is no list.
 */
bool
settings_list(const char *value, List **elements)
{
	*elements = NIL;
	return SplitGUCList(pstrdup(value), ',', elements);
}
