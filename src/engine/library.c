/*
 * library.c
 *
 * The channels of the library that a channel of ours has: one for what is asked alone,
 * and for a burst one that asks over TCP.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <unistd.h>

#include "engine/engine.h"

/* Both are the defaults of c-ares, set here so that a new default changes nothing. */
#define FAILOVER_CHANCE		10	/* 1 query in 10 probes a failed server */
#define FAILOVER_DELAY		5000	/* ms until a failed server can be probed */

static ares_status_t init(DnsChannel *channel, ares_channel_t **ares, int flags);
static ares_status_t init_alone(ares_channel_t **ares,
								struct ares_options *options, int mask);
static ares_status_t set_servers(DnsChannel *channel, ares_channel_t *ares);
static void set_local(DnsChannel *channel, ares_channel_t *ares);

/*
 * Makes one of the library's channels for a channel, with these flags besides those of
 * the settings.  The caller destroys what is in *ares, after a failure too.
 */
ares_status_t
library_make(DnsChannel *channel, ares_channel_t **ares, int flags)
{
	ares_status_t status = init(channel, ares, flags);

	if (status == ARES_SUCCESS)
		status = ares_set_socket_functions_ex(*ares, &socket_functions, channel);
	if (status == ARES_SUCCESS)
		status = set_servers(channel, *ares);
	if (status == ARES_SUCCESS)
		set_local(channel, *ares);
	return status;
}

/*
 * The library's channel for the questions of a window: many tells whether it asks in
 * bulk.  For a burst, the library asks only over TCP, through a channel of its own; NULL
 * if that cannot be made.
 */
ares_channel_t *
library_channel(DnsChannel *channel, bool many)
{
	if (!many || (channel->config.flags & ARES_FLAG_USEVC))
		return channel->ares;
	if (channel->ares_tcp == NULL &&
		library_make(channel, &channel->ares_tcp, ARES_FLAG_USEVC) != ARES_SUCCESS)
	{
		ares_destroy(channel->ares_tcp);
		channel->ares_tcp = NULL;
	}
	return channel->ares_tcp;
}

/*
 * Moves the first servers of a channel that has asked nothing yet, up to this number,
 * behind the others.
 */
ares_status_t
library_begin_behind(DnsChannel *channel, int server)
{
	const char *comma = channel->csv - 1;
	size_t		rest;
	char	   *turned;

	for (int i = 0; i <= server && comma != NULL; i++)
		comma = strchr(comma + 1, ',');
	if (comma == NULL)
		return ARES_SUCCESS;	/* it is the last one */
	turned = malloc(strlen(channel->csv) + 1);
	if (turned == NULL)
		return ARES_ENOMEM;
	rest = strlen(comma + 1);
	memcpy(turned, comma + 1, rest);
	turned[rest] = ',';
	memcpy(turned + rest + 1, channel->csv, comma - channel->csv);
	turned[rest + 1 + (comma - channel->csv)] = '\0';
	free(channel->csv);
	channel->csv = turned;
	return set_servers(channel, channel->ares);
}

/*
 * Ends all queries of the library; their callbacks run.
 */
void
library_cancel(DnsChannel *channel)
{
	ares_cancel(channel->ares);
	if (channel->ares_tcp != NULL)
		ares_cancel(channel->ares_tcp);
}

/*
 * Sets every option, so that neither a default of the library nor an option in a file
 * changes a lookup.
 */
static ares_status_t
init(DnsChannel *channel, ares_channel_t **ares, int flags)
{
	DnsChannelConfig *config = &channel->config;
	char		lookups[] = "b";
	struct ares_options options = {0};
	int			mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
		ARES_OPT_MAXTIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_UDP_PORT |
		ARES_OPT_TCP_PORT | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB |
		ARES_OPT_RESOLVCONF | ARES_OPT_UDP_MAX_QUERIES |
		ARES_OPT_QUERY_CACHE | ARES_OPT_SERVER_FAILOVER;

	options.flags = config->flags | flags | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
	options.timeout = config->timeout;
	options.maxtimeout = config->timeout;
	options.tries = config->tries;
	options.udp_port = config->udp_port;
	options.tcp_port = config->tcp_port;
	options.lookups = lookups;
	options.sock_state_cb = socket_state_changed;
	options.sock_state_cb_data = channel;
	options.resolvconf_path = config->file.regular ? config->resolvconf : "/dev/null";
	options.udp_max_queries = channel->queries_per_socket;
	options.server_failover_opts.retry_chance = FAILOVER_CHANCE;
	options.server_failover_opts.retry_delay = FAILOVER_DELAY;
	if (config->rotate != ROTATE_SYSTEM)
		mask |= config->rotate == ROTATE_ON ? ARES_OPT_ROTATE : ARES_OPT_NOROTATE;
	if (config->send_buffer_size > 0)
	{
		options.socket_send_buffer_size = config->send_buffer_size;
		mask |= ARES_OPT_SOCK_SNDBUF;
	}
	if (config->receive_buffer_size > 0)
	{
		options.socket_receive_buffer_size = config->receive_buffer_size;
		mask |= ARES_OPT_SOCK_RCVBUF;
	}

	/* set_servers() replaces the default server. */
	options.flags &= ~ARES_FLAG_NO_DFLT_SVR;
	return init_alone(ares, &options, mask);
}

/*
 * Hides the environment, which is the postmaster's: a variable that was set for another
 * program must not change the servers or the options.
 */
static ares_status_t
init_alone(ares_channel_t **ares, struct ares_options *options,
						 int mask)
{
	char	   *nothing[] = {NULL};
	char	  **everything = environ;
	ares_status_t status;

	environ = nothing;
	status = ares_init_options(ares, options, mask);
	environ = everything;
	return status;
}

/* Gives the library the servers, also those of the system's file: see server.c. */
static ares_status_t
set_servers(DnsChannel *channel, ares_channel_t *ares)
{
	return ares_set_servers_csv(ares, channel->csv);
}

static void
set_local(DnsChannel *channel, ares_channel_t *ares)
{
	struct in_addr ip4;
	struct in6_addr ip6;

	if (inet_pton(AF_INET, channel->config.local_ip4, &ip4) == 1)
		ares_set_local_ip4(ares, ntohl(ip4.s_addr));
	if (inet_pton(AF_INET6, channel->config.local_ip6, &ip6) == 1)
		ares_set_local_ip6(ares, (const unsigned char *) &ip6);
	if (*channel->config.local_dev != '\0')
		ares_set_local_dev(ares, channel->config.local_dev);
}
