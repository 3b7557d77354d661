/*
 * setting.c
 *
 * Target for values of settings from superusers: the first octet chooses the
 * setting, the rest is its value, which is set as by SET and then used.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <net/if.h>

#include "fuzz.h"

#include "utils/guc.h"

#define MAX_USED	64			/* servers */

/* A setting and a value for it. */
typedef struct Setting
{
	const char *name;
	const char *value;
} Setting;

static const char *const names[] = {
	"pgcares.servers", "pgcares.domains", "pgcares.sortlist", "pgcares.allowed_servers",
	"pgcares.local_ip4", "pgcares.local_ip6", "pgcares.local_dev"
};

static void set(void *arg);
static void name_interface(DnsServer *server);
static void use_servers(void *arg);
static void check_server(const char *text);
static bool same_server(const DnsServer *a, const DnsServer *b);
static void use_sortlist(void);
static void use_domains(const char *value);

void
fuzz_setting(const uint8 *octets, size_t len)
{
	Setting		setting;
	char	   *text;

	if (len < 1 || (text = take_text(octets + 1, len - 1)) == NULL)
		return;
	setting.name = names[octets[0] % lengthof(names)];
	setting.value = text;
	check_server(text);
	if (!raises(set, &setting, ERRCODE_INVALID_PARAMETER_VALUE))
	{
		/* The interface of a server need not exist. */
		if (octets[0] % lengthof(names) == 0)
			(void) raises(use_servers, NULL, ERRCODE_UNDEFINED_OBJECT);
		use_domains(setting_domains);
		use_sortlist();
		setting.value = "";
		set(&setting);
	}
	free(text);
}

static void
set(void *arg)
{
	const Setting *setting = arg;

	(void) set_config_option(setting->name, setting->value, PGC_SUSET,
							 PGC_S_SESSION, GUC_ACTION_SET, true, ERROR, false);
}

/* The library has the servers that pgcares has read, and no others. */
static void
use_servers(void *arg)
{
	DnsServer	used[MAX_USED];
	const char *source;
	int			count = channel_servers(used, lengthof(used), &source);
	List	   *texts;
	ListCell   *cell;

	if (*setting_servers == '\0')
		return;
	if (!settings_list(setting_servers, &texts))
		finding("the setting is no list");
	if (count < 1 && texts != NIL)
		finding("there is no server in \"%s\"", setting_servers);
	for (int i = 0; i < count; i++)
	{
		bool		found = false;

		foreach(cell, texts)
		{
			DnsServer	server;

			if (server_parse(lfirst(cell), &server) != NULL)
				finding("\"%s\" is no server", (char *) lfirst(cell));
			if (server.udp_port == 0)
				server.udp_port = server.tcp_port = setting_udp_port;
			/* The library drops an interface that has no meaning. */
			if (used[i].interface[0] == '\0' &&
				!IN6_IS_ADDR_LINKLOCAL((struct in6_addr *) server.address))
				server.interface[0] = '\0';
			name_interface(&server);
			found |= same_server(&server, &used[i]);
		}
		if (!found)
			finding("server %d is not in \"%s\"", i, setting_servers);
	}
}

/* The library tells the name of an interface that is given as a number. */
static void
name_interface(DnsServer *server)
{
	char		name[IF_NAMESIZE];

	if (isdigit((unsigned char) server->interface[0]) &&
		if_indextoname(atoi(server->interface), name) != NULL)
		strlcpy(server->interface, name, sizeof(server->interface));
}

/* The text of a server gives the same server when it is read. */
static void
check_server(const char *text)
{
	DnsServer	server;
	DnsServer	again;
	struct sockaddr_storage address = {0};
	struct sockaddr_in *ip4 = (struct sockaddr_in *) &address;
	struct sockaddr_in6 *ip6 = (struct sockaddr_in6 *) &address;
	char	   *shown;

	if (server_parse(text, &server) != NULL)
		return;
	if (server.udp_port == 0)
		server.udp_port = server.tcp_port = 53;
	address.ss_family = server.family;
	if (server.family == AF_INET)
	{
		memcpy(&ip4->sin_addr, server.address, 4);
		ip4->sin_port = htons(server.udp_port);
	}
	else
	{
		memcpy(&ip6->sin6_addr, server.address, 16);
		ip6->sin6_port = htons(server.udp_port);
		ip6->sin6_scope_id = if_nametoindex(server.interface);
		if (server.interface[0] != '\0' && ip6->sin6_scope_id == 0)
			return;				/* there is no such interface */
	}
	shown = server_text((struct sockaddr *) &address);
	check_ascii(shown);
	if (server_parse(shown, &again) != NULL)
		finding("\"%s\" is shown as \"%s\", which is no server", text, shown);
	if (again.udp_port == 0)
		again.udp_port = again.tcp_port = 53;
	if (!same_server(&server, &again))
		finding("\"%s\" is shown as \"%s\"", text, shown);
}

static bool
same_server(const DnsServer *a, const DnsServer *b)
{
	return a->family == b->family && a->udp_port == b->udp_port &&
		a->tcp_port == b->tcp_port &&
		memcmp(a->address, b->address, a->family == AF_INET ? 4 : 16) == 0 &&
		strcmp(a->interface, b->interface) == 0;
}

static void
use_domains(const char *value)
{
	List	   *domains;
	ListCell   *cell;

	if (!settings_list(value, &domains))
		finding("\"%s\" is no list", value);
	foreach(cell, domains)
	{
		DnsName		name;

		if (name_parse(lfirst(cell), false, &name) != NULL)
			finding("\"%s\" is no domain", (char *) lfirst(cell));
	}
}

/* Addresses come in the order of their networks. */
static void
use_sortlist(void)
{
	static const char *const addresses[] = {
		"192.0.2.1", "10.1.2.3", "224.0.0.1", "2001:db8::1", "::"
	};
	Host		host = {0};
	int			last = 0;
	ListCell   *cell;

	for (int i = 0; i < (int) lengthof(addresses); i++)
	{
		HostAddress *address = palloc0(sizeof(HostAddress));

		address->address = palloc(sizeof(inet));
		if (!address_parse(addresses[i], address->address))
			elog(ERROR, "\"%s\" is no address", addresses[i]);
		host.addresses = lappend(host.addresses, address);
	}
	host_order(&host);
	foreach(cell, host.addresses)
	{
		int			rank = sortlist_rank(((HostAddress *) lfirst(cell))->address);

		if (rank < last)
			finding("the addresses are not in the order of \"%s\"", setting_sortlist);
		last = rank;
	}
}
