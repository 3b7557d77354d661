/*
 * channel.c
 *
 * Makes channels from the settings, and keeps one idle channel for the next lookup: it
 * has learned which servers answer.  The library schedules what is asked alone: it
 * chooses ids, servers, sockets and the times of retries, and gets one placeholder
 * question for all queries (placeholder.c).  The burst schedules the rest (burst.c).  A
 * channel is made in the backend that uses it, never in the postmaster, and nothing here
 * starts a thread.
 */
#include "postgres.h"

#include "engine/engine.h"

#include "common/hashfn.h"
#include "storage/fd.h"

static DnsChannel *idle_channel = NULL;

static DnsChannel *make_channel(const DnsChannelConfig *config);
static void raise_out_of_memory(void);
static ares_status_t start_channel(DnsChannel *channel, const char *csv);
static ares_status_t learn_servers(DnsChannel *channel);
static ares_status_t make_placeholder(DnsChannel *channel);

/*
 * Raises if the library is too old.
 */
void
channel_check_library(void)
{
	if (library_is_too_old())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("pgcares cannot use c-ares %s", ares_version(NULL)),
				 errdetail("Older versions have known vulnerabilities."),
				 errhint("Install c-ares %s or newer.",
						 OLDEST_CARES_TEXT)));
}

/*
 * Returns a channel made from the present settings: the idle one, or a new one.  server
 * is NULL, or the one server to ask instead, which always gets a new channel.  Returns
 * NULL if no name server is configured.  The caller owns the channel and ends it with
 * channel_keep() or channel_destroy().  Raises if the settings cannot be carried out.
 */
DnsChannel *
channel_open(const char *server)
{
	DnsChannelConfig config;
	DnsChannel *channel = idle_channel;

	config_read(&config, server);
	if (server != NULL || channel == NULL ||
		!config_equal(&channel->config, &config))
		return make_channel(&config);
	idle_channel = NULL;
	return channel;
}

/*
 * Returns a new channel for a lane of a window that has this channel: the same servers
 * and settings, but TCP, a single try, and one server after the other.  Raises as
 * channel_open() does.
 */
DnsChannel *
channel_open_lane(const DnsChannel *channel)
{
	DnsChannelConfig config = channel->config;

	config.flags |= ARES_FLAG_USEVC;
	config.tries = 1;
	config.rotate = ROTATE_OFF;
	return make_channel(&config);
}

/*
 * Puts the name servers that a lookup would ask now into servers, at most max, and
 * returns their number.  *source tells where they come from.
 */
int
channel_servers(DnsServer *servers, int max, const char **source)
{
	DnsChannelConfig config;
	DnsChannel *channel;
	char	   *csv;
	int			count = 0;

	config_read(&config, NULL);
	*source = *config.servers != '\0' ? "pgcares.servers" : setting_resolvconf;
	if (*config.servers == '\0' && !(config.flags & ARES_FLAG_NO_DFLT_SVR))
	{
		config.flags |= ARES_FLAG_NO_DFLT_SVR;
		channel = make_channel(&config);
		if (channel == NULL)
		{
			*source = "default";
			config.flags &= ~ARES_FLAG_NO_DFLT_SVR;
			channel = make_channel(&config);
		}
	}
	else
		channel = make_channel(&config);
	if (channel == NULL)
		return 0;

	csv = ares_get_servers_csv(channel->ares);
	if (memory_ran_out(csv != NULL ? ARES_SUCCESS : ARES_ENOMEM))
	{
		ares_free_string(csv);
		channel_destroy(channel);
		raise_out_of_memory();
	}
	for (const char *at = csv; at != NULL && *at != '\0' && count < max;)
		at = server_from_library(at, &servers[count++]);
	ares_free_string(csv);
	channel_destroy(channel);
	return count;
}

/*
 * Keeps a channel, on which no question is in flight, for the next lookup.  It has no
 * open socket, unless pgcares.keep_open is set or the library still waits for the answer
 * to a probe.
 */
void
channel_keep(DnsChannel *channel)
{
	channel_release_descriptors(channel);
	channel_reset();
	channel->max_ports = MAX_SOCKETS;
	idle_channel = channel;
	pool_trim(false);
}

/*
 * Frees a channel and all queries on it; the callbacks of those queries run.  Takes
 * NULL, and channels that were made in part.
 */
void
channel_destroy(DnsChannel *channel)
{
	if (channel == NULL)
		return;
	joint_leave(&channel->pace);
	events_forget(channel);
	channel->reading = NULL;
	socket_end_all(channel, 0, true);
	ares_destroy(channel->ares);
	ares_destroy(channel->ares_tcp);
	if (channel->placeholder != NULL)
		ares_dns_record_destroy(channel->placeholder);
	(void) memory_ran_out(ARES_SUCCESS);
	channel_release_descriptors(channel);
	free(channel->sockets);
	free(channel->slot_of_id);
	free(channel->slot_of_own_id);
	free(channel->csv);
	config_free(&channel->config);
	free(channel);
	pool_trim(true);
}

/*
 * Destroys the idle channel, with all that it has learned.
 */
void
channel_reset(void)
{
	channel_destroy(idle_channel);
	idle_channel = NULL;
}

/*
 * Reserves descriptors for the event set and for the sockets that the next call of the
 * library can open, if a question is in flight or the caller asks one: a socket function
 * must not reserve one itself.  If the server allows
 * too few, or there are too few ports, this lowers max_in_flight.  If it allows none,
 * socket_open() sets no_descriptors.
 */
void
channel_reserve_descriptors(DnsChannel *channel, bool asks)
{
	int			share = channel->queries_per_socket;
	int			in_flight = channel->window->in_flight;
	int			wanted = 0;

	/* All queries can need new sockets for a retry, and a connection to each server. */
	if (asks || in_flight + channel->window->nisolated > 0)
		wanted = CHANNEL_DESCRIPTORS + in_flight / share +
			Max(Min(in_flight, channel->nservers) - 1, 0);

	events_reserve_descriptor();
	while (channel->spare_descriptors < wanted && AcquireExternalFD())
		channel->spare_descriptors++;
	if (channel->spare_descriptors < wanted)
		socket_end_all(channel, 0, false);

	/* Others can need them more: a call within a row of this one, for example. */
	for (; channel->spare_descriptors > wanted; channel->spare_descriptors--)
		ReleaseExternalFD();

	channel->max_in_flight = Min(WINDOW_MAX, channel->max_ports * share);
	if (channel->spare_descriptors < wanted)
		channel->max_in_flight = Min(channel->max_in_flight,
									 (channel->spare_descriptors - 1) * share);
	channel->max_in_flight = Max(channel->max_in_flight, 1);
}

/*
 * Reserves a descriptor for the next socket, besides that of the event set.  False if
 * there is none.
 */
bool
channel_has_descriptor(DnsChannel *channel)
{
	events_reserve_descriptor();
	if (channel->spare_descriptors == 0 && AcquireExternalFD())
		channel->spare_descriptors++;
	return channel->spare_descriptors > 0;
}

/*
 * Gives back the reserved descriptors that no socket uses.
 */
void
channel_release_descriptors(DnsChannel *channel)
{
	for (; channel->spare_descriptors > 0; channel->spare_descriptors--)
		ReleaseExternalFD();
}

/*
 * Returns a new channel; NULL if there is no name server.  Raises if there is no memory
 * or a name server cannot be used.
 */
static DnsChannel *
make_channel(const DnsChannelConfig *config)
{
	char	   *csv = config_servers(config);
	DnsChannel *channel;
	ares_status_t status = ARES_ENOMEM;

	if (csv == NULL)
		return NULL;
	config_check_descriptors(config);
	counters.channels++;
	channel = calloc(1, sizeof(DnsChannel));
	if (channel != NULL && config_copy(&channel->config, config) &&
		memory_reserve() && udp_receive_reserve())
		status = start_channel(channel, csv);
	if (memory_ran_out(status))
		status = ARES_ENOMEM;
	if (status == ARES_SUCCESS)
		return channel;

	channel_destroy(channel);
	if (status == ARES_ENOMEM)
		raise_out_of_memory();
	if (status != ARES_ENOSERVER)
		elog(ERROR, "could not make a resolver channel: %s",
			 ares_strerror(status));
	return NULL;
}

static void
raise_out_of_memory(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OUT_OF_MEMORY),
			 errmsg("out of memory"),
			 errdetail("Failed while making a resolver channel.")));
}

/* Makes all parts of a channel that has its configuration. */
static ares_status_t
start_channel(DnsChannel *channel, const char *csv)
{
	ares_status_t status;

	channel->slot_of_id = calloc(MAX_QUERY_IDS, sizeof(uint16));
	channel->slot_of_own_id = calloc(MAX_QUERY_IDS, sizeof(uint16));
	channel->csv = strdup(csv);
	if (channel->slot_of_id == NULL || channel->slot_of_own_id == NULL ||
		channel->csv == NULL)
		return ARES_ENOMEM;
	dlist_init(&channel->unsent);

	channel->queries_per_socket = config_queries_per_socket(&channel->config);
	channel->max_ports = MAX_SOCKETS;
	channel->max_in_flight = WINDOW_MAX;
	pace_init(&channel->pace);
	channel->early_left = EARLY_FIRST;

	status = make_placeholder(channel);
	if (status == ARES_SUCCESS)
		status = library_make(channel, &channel->ares, 0);
	if (status == ARES_SUCCESS)
		status = learn_servers(channel);
	return status;
}

/*
 * Counts the servers that the library has, and tells the burst of them.
 */
static ares_status_t
learn_servers(DnsChannel *channel)
{
	char	   *servers = ares_get_servers_csv(channel->ares);
	struct ares_options options = {0};
	int			mask = 0;

	if (servers == NULL)
		return ARES_ENOMEM;
	for (const char *at = servers; *at != '\0'; at++)
		channel->nservers += (at == servers || at[-1] == ',');
	if (channel->config.flags & ARES_FLAG_PRIMARY)
		channel->nservers = Min(channel->nservers, 1);
	nameserver_learn(channel, servers);
	channel->servers_hash = hash_bytes_extended((unsigned char *) servers,
												strlen(servers), channel->nservers);
	ares_free_string(servers);

	/* A file of the system can have said so. */
	if (ares_save_options(channel->ares, &options, &mask) != ARES_SUCCESS)
		return ARES_ENOMEM;
	ares_destroy_options(&options);
	channel->rotate = mask & ARES_OPT_ROTATE;
	channel->servers_hash += channel->rotate;
	return channel->nservers == 0 ? ARES_ENOSERVER : ARES_SUCCESS;
}

/* Makes the placeholder ". A"; see placeholder.c. */
static ares_status_t
make_placeholder(DnsChannel *channel)
{
	ares_status_t status;

	status = ares_dns_record_create(&channel->placeholder, 0, ARES_FLAG_RD,
									ARES_OPCODE_QUERY, ARES_RCODE_NOERROR);
	if (status == ARES_SUCCESS)
		status = ares_dns_record_query_add(channel->placeholder, "",
										   ARES_REC_TYPE_A, ARES_CLASS_IN);
	return status;
}
