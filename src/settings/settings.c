/*
 * settings.c
 *
 * The configuration parameters pgcares.*, in one table.  Superusers decide
 * which servers are asked, which files are read and how much a call can use;
 * every user decides on timeouts and style.  A changed setting takes effect at
 * the next lookup.
 */
#include "postgres.h"

#include <limits.h>

#include "settings/settings.h"

#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

static const struct config_enum_entry on_error_options[] = {
	{"error", ON_ERROR_ERROR, false},
	{"missing_ok", ON_ERROR_MISSING_OK, false},
	{"warning", ON_ERROR_WARNING, false},
	{"ignore", ON_ERROR_IGNORE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry rotate_options[] = {
	{"system", ROTATE_SYSTEM, false},
	{"on", ROTATE_ON, false},
	{"off", ROTATE_OFF, false},
	{"true", ROTATE_ON, true},
	{"false", ROTATE_OFF, true},
	{NULL, 0, false}
};

/* As in the lookup line of resolv.conf: b asks name servers, f reads the file. */
static const struct config_enum_entry lookups_options[] = {
	{"system", LOOKUPS_SYSTEM, false},
	{"b", LOOKUPS_B, false},
	{"f", LOOKUPS_F, false},
	{"bf", LOOKUPS_BF, false},
	{"fb", LOOKUPS_FB, false},
	{NULL, 0, false}
};

/* kB.  The hash tables of the area begin with a few of them. */
#define LEAST_SHARED_MEMORY	1024

/* kB.  An answer of 64 kB must fit into a quarter of a part; see cache_store.c. */
#define LEAST_CACHE		512

typedef enum SettingKind
{
	SETTING_BOOL,
	SETTING_INT,
	SETTING_ENUM,
	SETTING_STRING
} SettingKind;

typedef struct Setting
{
	const char *name;
	GucContext	context;
	SettingKind kind;
	void	   *variable;		/* holds the default, except of strings */
	int			min;
	int			max;
	int			flags;
	const struct config_enum_entry *options;
	const char *text;			/* default of a string */
	GucStringCheckHook check;
	const char *summary;
	const char *detail;
} Setting;

static void refuse_client_options(const Setting *setting);
static void define(const Setting *setting);
static void assign_bool(bool newval, void *extra);
static void assign_number(int newval, void *extra);
static void assign_string(const char *newval, void *extra);

static const Setting settings[] = {
	/* The servers to ask.  Hidden from plain roles: they reveal the network. */
	{"pgcares.servers", PGC_SUSET, SETTING_STRING, &setting_servers,
		.flags = GUC_LIST_INPUT | GUC_SUPERUSER_ONLY, .text = "",
		.check = check_servers,
		.summary = "Name servers to ask.",
	.detail = "A list of ip, ip:port, [ip6]:port or ip6%interface. If it is empty, pgcares.resolvconf names them."},
	{"pgcares.allowed_servers", PGC_SUSET, SETTING_STRING,
		&setting_allowed_servers,
		.flags = GUC_LIST_INPUT | GUC_SUPERUSER_ONLY, .text = "",
		.check = check_allowed_servers,
		.summary = "Networks of the name servers that a caller can choose.",
	.detail = "A list of addresses, each with a prefix length or alone, that bounds dns_query_at(), dns_message_at() and dns_message_at_many(). If it is empty, any server can be chosen."},
	{"pgcares.udp_port", PGC_SUSET, SETTING_INT, &setting_udp_port,
		.min = 1, .max = 65535,
	.summary = "UDP port of name servers that are given without a port."},
	{"pgcares.tcp_port", PGC_SUSET, SETTING_INT, &setting_tcp_port,
		.min = 1, .max = 65535,
	.summary = "TCP port of name servers that are given without a port."},
	{"pgcares.resolvconf", PGC_SUSET, SETTING_STRING, &setting_resolvconf,
		.text = "/etc/resolv.conf",
		.summary = "File that names the system's name servers.",
	.detail = "Its name servers are asked if pgcares.servers is empty. The next lookup notices a change."},
	{"pgcares.rotate", PGC_SUSET, SETTING_ENUM, &setting_rotate,
		.options = rotate_options,
		.summary = "Spreads queries over all name servers.",
	.detail = "\"system\" follows the options line of pgcares.resolvconf."},

	/* Names and addresses of hosts. */
	{"pgcares.lookups", PGC_SUSET, SETTING_ENUM, &setting_lookups,
		.options = lookups_options,
		.summary = "Sources of the names and addresses of hosts, in their order.",
	.detail = "b is DNS, f the hosts file. \"system\" follows the system's configuration."},
	{"pgcares.hosts_file", PGC_SUSET, SETTING_STRING, &setting_hosts_file,
		.text = "/etc/hosts",
		.summary = "File with the names and addresses of hosts.",
	.detail = "The next lookup notices a change."},
	{"pgcares.domains", PGC_SUSET, SETTING_STRING, &setting_domains,
		.flags = GUC_LIST_INPUT, .text = "", .check = check_domains,
		.summary = "Domains that complete names: those of dns_search(), and single labels in the functions for hosts.",
	.detail = "A list. If it is empty, pgcares.resolvconf names them."},
	{"pgcares.ndots", PGC_SUSET, SETTING_INT, &setting_ndots,
		.min = -1, .max = 15,
		.summary = "Number of dots in a name from which on dns_search() first asks for it unchanged.",
	.detail = "-1 means the system's value, from pgcares.resolvconf."},
	{"pgcares.sortlist", PGC_SUSET, SETTING_STRING, &setting_sortlist,
		.flags = GUC_LIST_INPUT, .text = "", .check = check_sortlist,
		.summary = "Networks whose addresses come first, in this order.",
	.detail = "A list of IPv4 or IPv6 addresses, each with a prefix length or a netmask. An address alone stands for itself."},

	/* How long to wait. */
	{"pgcares.timeout", PGC_USERSET, SETTING_INT, &setting_timeout,
		.min = 10, .max = INT_MAX, .flags = GUC_UNIT_MS,
		.summary = "Time that a name server has to answer one query.",
	.detail = "pgcares.max_timeout applies if it is shorter. If nobody sets this, and pgcares.resolvconf names the servers, its option timeout takes precedence."},
	{"pgcares.tries", PGC_USERSET, SETTING_INT, &setting_tries,
		.min = 1, .max = 100,
		.summary = "Number of times that each name server is asked before a lookup fails.",
	.detail = "pgcares.max_tries applies if it is lower. If nobody sets this, and pgcares.resolvconf names the servers, its option attempts takes precedence."},
	/* Each retry of a name that gets no answer loads somebody else's server. */
	{"pgcares.max_tries", PGC_SUSET, SETTING_INT, &setting_max_tries,
		.min = 1, .max = 100,
		.summary = "Most times that each name server can be asked.",
	.detail = "It bounds pgcares.tries."},
	{"pgcares.deadline", PGC_USERSET, SETTING_INT, &setting_deadline,
		.min = 0, .max = INT_MAX, .flags = GUC_UNIT_MS,
		.summary = "Time that the lookups of one statement can take.",
	.detail = "0 means no limit. Questions without an answer by then count as not answered (TIMEOUT)."},
	{"pgcares.max_timeout", PGC_SUSET, SETTING_INT, &setting_max_timeout,
		.min = 10, .max = INT_MAX, .flags = GUC_UNIT_MS,
		.summary = "Longest time that one question can take, all its tries together.",
	.detail = "It bounds pgcares.timeout times pgcares.tries times the number of name servers."},

	/*
	 * Limits on the cost of a call, which others bear too: a user who is limited
	 * must not be able to raise them.  max_in_flight is an upper bound; pace.c
	 * finds out how much of it to use.  A name that nobody answers needs a place
	 * for its whole patience, and loads nobody.
	 */
	{"pgcares.max_in_flight", PGC_SUSET, SETTING_INT, &setting_max_in_flight,
		.min = 1, .max = WINDOW_MAX,
		.summary = "Most questions that one call has in flight at a time.",
	.detail = "There are fewer if more would not bring the answers sooner."},
	{"pgcares.max_in_flight_total", PGC_SUSET, SETTING_INT,
		&setting_max_in_flight_total, .min = 0, .max = INT_MAX,
		.summary = "Most questions that all sessions together have in flight at a time.",
	.detail = "0 means no limit. It has no effect unless shared_preload_libraries has pgcares. Each session can have one question in any case."},
	{"pgcares.max_questions", PGC_SUSET, SETTING_INT, &setting_max_questions,
		.min = 1, .max = INT_MAX,
	.summary = "Most questions that one call can ask."},
	{"pgcares.max_answer_memory", PGC_SUSET, SETTING_INT,
		&setting_max_answer_memory, .min = 1, .max = MAX_KILOBYTES,
		.flags = GUC_UNIT_KB,
	.summary = "Most memory that the answers held by one call can take."},

	/*
	 * The form of a query, and the transport.  Every user decides on what
	 * concerns only the query; whom a query reaches, which answers count, and
	 * sockets that stay open are for superusers.
	 */
	{"pgcares.tcp", PGC_USERSET, SETTING_BOOL, &setting_tcp,
	.summary = "Asks over TCP only."},
	{"pgcares.recurse", PGC_USERSET, SETTING_BOOL, &setting_recurse,
		.summary = "Asks name servers to find the answer elsewhere if they do not have it (the RD bit).",
	.detail = "Off shows what a name server knows itself."},
	{"pgcares.edns", PGC_USERSET, SETTING_BOOL, &setting_edns,
		.summary = "Sends queries with EDNS.",
	.detail = "pgcares.dnssec needs EDNS and switches it on."},
	{"pgcares.randomize_case", PGC_USERSET, SETTING_BOOL, &setting_randomize_case,
		.summary = "Sends names in random upper and lower case, which the answer has to repeat.",
	.detail = "An answer is harder to forge then. Some name servers do not repeat the case."},
	{"pgcares.primary_only", PGC_SUSET, SETTING_BOOL, &setting_primary_only,
	.summary = "Asks the first name server only."},
	{"pgcares.ignore_truncation", PGC_SUSET, SETTING_BOOL,
		&setting_ignore_truncation,
	.summary = "Takes a truncated answer, instead of asking again over TCP."},
	{"pgcares.keep_open", PGC_SUSET, SETTING_BOOL, &setting_keep_open,
		.summary = "Keeps sockets open between lookups.",
	.detail = "Otherwise each call opens sockets of its own and closes them."},
	{"pgcares.check_response", PGC_SUSET, SETTING_BOOL, &setting_check_response,
		.summary = "Asks the next name server if one answers with SERVFAIL, NOTIMP or REFUSED.",
	.detail = "If it is off, the first answer is the outcome."},
	{"pgcares.default_server", PGC_SUSET, SETTING_BOOL, &setting_default_server,
	.summary = "Asks 127.0.0.1 if no name server is configured."},
	{"pgcares.search", PGC_SUSET, SETTING_BOOL, &setting_search,
		.summary = "Completes names with the search list.",
	.detail = "dns_search() does so, and the functions for hosts do it for single labels."},
	{"pgcares.edns_udp_size", PGC_USERSET, SETTING_INT, &setting_edns_udp_size,
		.min = WIRE_UDP_MIN, .max = 65535, .flags = GUC_UNIT_BYTE,
		.summary = "Largest answer that a name server can send over UDP.",
	.detail = "pgcares.max_edns_udp_size applies if it is smaller."},
	/* Large answers come in fragments, which can be forged (RFC 9715). */
	{"pgcares.max_edns_udp_size", PGC_SUSET, SETTING_INT,
		&setting_max_edns_udp_size,
		.min = WIRE_UDP_MIN, .max = 65535, .flags = GUC_UNIT_BYTE,
		.summary = "Largest answer over UDP that a user can allow.",
	.detail = "It bounds pgcares.edns_udp_size."},
	{"pgcares.dnssec", PGC_USERSET, SETTING_BOOL, &setting_dnssec,
	.summary = "Asks for DNSSEC records too (the DO bit)."},
	{"pgcares.checking_disabled", PGC_USERSET, SETTING_BOOL,
		&setting_checking_disabled,
	.summary = "Asks for answers even if they fail DNSSEC validation (the CD bit)."},
	{"pgcares.trust_ad", PGC_SUSET, SETTING_BOOL, &setting_trust_ad,
		.summary = "Shows whether name servers mark answers as authentic (the AD bit).",
	.detail = "Set it only if the name servers and the way to them can be trusted."},

	/* The sockets. */
	{"pgcares.local_ip4", PGC_SUSET, SETTING_STRING, &setting_local_ip4,
		.text = "", .check = check_local_ip4,
	.summary = "IPv4 address to send queries from."},
	{"pgcares.local_ip6", PGC_SUSET, SETTING_STRING, &setting_local_ip6,
		.text = "", .check = check_local_ip6,
	.summary = "IPv6 address to send queries from."},
	{"pgcares.local_dev", PGC_SUSET, SETTING_STRING, &setting_local_dev,
		.text = "", .check = check_local_dev,
	.summary = "Network interface to send queries through."},
	{"pgcares.socket_send_buffer_size", PGC_SUSET, SETTING_INT,
		&setting_socket_send_buffer_size, .min = 0, .max = 1 << 30,
		.flags = GUC_UNIT_BYTE,
		.summary = "Send buffer of a socket.",
	.detail = "0 means the system's default."},
	{"pgcares.socket_receive_buffer_size", PGC_SUSET, SETTING_INT,
		&setting_socket_receive_buffer_size, .min = 0, .max = 1 << 30,
		.flags = GUC_UNIT_BYTE,
		.summary = "Receive buffer of a socket.",
	.detail = "The system can grant less. 0 means the system's default."},

	/*
	 * A forger guesses a long-used port more easily (RFC 5452).  A new port
	 * after every 256 queries costs nothing measurable; after every 16, a
	 * tenth more CPU time for a lookup.  The answers to 256 queries, 1232
	 * octets each, take 0.6 MB of a receive buffer; if the system grants less,
	 * more sockets are used (channel.c).
	 */
	{"pgcares.udp_max_queries", PGC_SUSET, SETTING_INT,
		&setting_udp_max_queries, .min = 0, .max = 65535,
		.summary = "Number of queries after which a new UDP port replaces the old one.",
	.detail = "0 means as many as the receive buffer can hold answers to, which is the most in any case."},

	/* The results that a caller sees. */
	{"pgcares.on_error", PGC_USERSET, SETTING_ENUM, &setting_on_error,
		.options = on_error_options,
	.summary = "How lookup functions treat a DNS failure, unless the call decides."},
	{"pgcares.idn", PGC_USERSET, SETTING_BOOL, &setting_idn,
	.summary = "Converts names that are not ASCII to their A-labels (IDNA2008)."},

	/*
	 * Off is for users who must not send a question for a row that nobody
	 * fetches, and for finding out whether the lookahead causes a problem.
	 */
	{"pgcares.lookahead", PGC_USERSET, SETTING_BOOL, &setting_lookahead,
		.summary = "Starts the lookups of later rows while earlier ones are processed.",
	.detail = "Plans of statements that call lookup functions get nodes that read rows ahead."},

	{"pgcares.log_min_duration", PGC_SUSET, SETTING_INT, &setting_log_min_duration,
		.min = -1, .max = INT_MAX, .flags = GUC_UNIT_MS,
		.summary = "Time from which on a lookup is logged.",
	.detail = "A line of the server's log has the name, type, outcome, servers, tries and time of each question. 0 logs all of them, -1 none."},

	/* The memory of all sessions; the server makes it once, when it starts. */
	{"pgcares.shared_memory_size", PGC_POSTMASTER, SETTING_INT,
		&setting_shared_memory_size, .min = LEAST_SHARED_MEMORY, .max = MAX_KILOBYTES,
		.flags = GUC_UNIT_KB,
		.summary = "Memory that all sessions share.",
	.detail = "It is there if shared_preload_libraries has pgcares. Statistics take a little more."},

	/*
	 * The answers that all sessions of a database share.  On is a decision about what
	 * one role can learn of another.  The limits of times are those of unbound.
	 */
	{"pgcares.cache", PGC_SUSET, SETTING_BOOL, &setting_cache,
		.summary = "Keeps answers, and uses kept ones, as long as their TTLs allow.",
	.detail = "They are in the memory that the sessions share, if shared_preload_libraries has pgcares."},
	{"pgcares.cache_size", PGC_POSTMASTER, SETTING_INT, &setting_cache_size,
		.min = LEAST_CACHE, .max = MAX_KILOBYTES, .flags = GUC_UNIT_KB,
		.summary = "Memory for kept answers.",
	.detail = "It is a part of pgcares.shared_memory_size, taken when the first answer is to be kept. If that has not so much left, a smaller part is taken."},
	{"pgcares.cache_max_ttl", PGC_SUSET, SETTING_INT, &setting_cache_max_ttl,
		.min = 1, .max = INT_MAX, .flags = GUC_UNIT_S,
	.summary = "Longest time that an answer is kept."},
	{"pgcares.cache_max_negative_ttl", PGC_SUSET, SETTING_INT,
		&setting_cache_max_negative_ttl, .min = 0, .max = INT_MAX, .flags = GUC_UNIT_S,
		.summary = "Longest time that an answer is kept which tells that a name, or records, do not exist.",
	.detail = "With 0, none is kept."},
};

/*
 * Defines all settings.  Called once, when the library is loaded; raises before
 * it defines anything, so that another attempt can be made.
 */
void
settings_init(void)
{
	for (int i = 0; i < (int) lengthof(settings); i++)
		refuse_client_options(&settings[i]);
	for (int i = 0; i < (int) lengthof(settings); i++)
		define(&settings[i]);
	MarkGUCPrefixReserved("pgcares");
}

/*
 * Reads the on_error argument of a call.  If it is not a known word, raises, or
 * returns false, as on_failure says.
 */
bool
settings_on_error(const char *name, OnFailure on_failure, OnError *on_error)
{
	for (const struct config_enum_entry *option = on_error_options;
		 option->name != NULL; option++)
	{
		if (pg_strcasecmp(option->name, name) != 0)
			continue;
		*on_error = option->val;
		return true;
	}
	if (on_failure == RETURN_FALSE)
		return false;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for on_error: \"%s\"", name),
			 errhint("It is one of error, missing_ok, warning, ignore.")));
}

/*
 * Has nobody set a parameter: no file, database, role or session?
 */
bool
settings_is_default(const char *name)
{
	const struct config_generic *parameter = find_parameter(name);

	return parameter != NULL && parameter->source == PGC_S_DEFAULT;
}

/*
 * Raises if a plain role has put a setting for superusers into the options of
 * its connection.  The server would only warn, and the built-in default would
 * replace the administrator's value: other name servers, higher limits.
 */
static void
refuse_client_options(const Setting *setting)
{
	const struct config_generic *parameter = find_parameter(setting->name);

	if (setting->context != PGC_SUSET || parameter == NULL ||
		parameter->reset_source != PGC_S_CLIENT ||
		parameter->reset_scontext != PGC_BACKEND ||
		pg_parameter_aclcheck(setting->name, parameter->reset_srole,
							  ACL_SET) == ACLCHECK_OK)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to set parameter \"%s\"", setting->name),
			 errhint("Connect without this parameter.")));
}

static void
define(const Setting *setting)
{
	GucContext	context = setting->context;

	/* The server refuses such a parameter later; then it has no effect. */
	if (context == PGC_POSTMASTER && !process_shared_preload_libraries_in_progress)
		context = PGC_SIGHUP;
	switch (setting->kind)
	{
		case SETTING_BOOL:
			{
				bool	   *variable = setting->variable;

				DefineCustomBoolVariable(setting->name, setting->summary,
										 setting->detail, variable, *variable,
										 context, setting->flags,
										 NULL, assign_bool, NULL);
				break;
			}
		case SETTING_INT:
			{
				int		   *variable = setting->variable;

				DefineCustomIntVariable(setting->name, setting->summary,
										setting->detail, variable, *variable,
										setting->min, setting->max,
										context, setting->flags,
										NULL, assign_number, NULL);
				break;
			}
		case SETTING_ENUM:
			{
				int		   *variable = setting->variable;

				DefineCustomEnumVariable(setting->name, setting->summary,
										 setting->detail, variable, *variable,
										 setting->options,
										 context, setting->flags,
										 NULL, assign_number, NULL);
				break;
			}
		case SETTING_STRING:
			DefineCustomStringVariable(setting->name, setting->summary,
									   setting->detail, setting->variable,
									   setting->text,
									   context, setting->flags,
									   setting->check, assign_string, NULL);
			break;
	}
}

static void
assign_bool(bool newval, void *extra)
{
	settings_generation++;
}

static void
assign_number(int newval, void *extra)
{
	settings_generation++;
}

static void
assign_string(const char *newval, void *extra)
{
	settings_generation++;
}
