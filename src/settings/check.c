/*
 * check.c
 *
 * Check hooks of the configuration parameters: strict, and without I/O.  They
 * run in parallel workers too, and outside of transactions.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <net/if.h>

#include "settings/settings.h"

#include "utils/guc.h"

/*
 * Entries of a list.  Chosen, not measured: a longer list raises an error.  The
 * C library uses 3 servers, and resolv.conf(5) allowed 6 domains.
 */
#define MAX_SERVERS		16
#define MAX_DOMAINS		32

static bool is_server(const char *element);
static bool is_allowed_network(const char *element);
static bool is_domain(const char *element);
static bool is_network(const char *element);
static bool check_elements(char *value, int max, const char *what,
						   bool (*check) (const char *));

/*
 * Checks the list of name servers.
 */
bool
check_servers(char **newval, void **extra, GucSource source)
{
	return check_elements(*newval, MAX_SERVERS, "name servers", is_server);
}

static bool
is_server(const char *element)
{
	DnsServer	server;
	const char *reason = server_parse(element, &server);

	if (reason == NULL)
		return true;
	GUC_check_errdetail("\"%s\" is not a name server: %s.", element, reason);
	GUC_check_errhint(HINT_SERVER_SYNTAX);
	return false;
}

/*
 * Checks the list of networks of servers that can be chosen.
 */
bool
check_allowed_servers(char **newval, void **extra, GucSource source)
{
	return check_elements(*newval, MAX_NETWORKS, "networks", is_allowed_network);
}

static bool
is_allowed_network(const char *element)
{
	inet		network;

	if (allowed_servers_network(element, &network))
		return true;
	GUC_check_errdetail("\"%s\" is not a network.", element);
	GUC_check_errhint("A network is an address with a prefix length, and no bits to the right of that, or an address alone.");
	return false;
}

/*
 * Checks a list of domains.
 */
bool
check_domains(char **newval, void **extra, GucSource source)
{
	return check_elements(*newval, MAX_DOMAINS, "domains", is_domain);
}

static bool
is_domain(const char *element)
{
	DnsName		name;
	const char *reason = name_parse(element, false, &name);

	if (reason == NULL)
		return true;
	GUC_check_errdetail("\"%s\" is not a domain name. %s", element, reason);
	return false;
}

/*
 * Checks a list of networks.
 */
bool
check_sortlist(char **newval, void **extra, GucSource source)
{
	return check_elements(*newval, MAX_NETWORKS, "networks", is_network);
}

static bool
is_network(const char *element)
{
	inet		network;

	if (sortlist_network(element, &network))
		return true;
	GUC_check_errdetail("\"%s\" is not a network.", element);
	return false;
}

/*
 * Accepts an IPv4 address, or nothing.
 */
bool
check_local_ip4(char **newval, void **extra, GucSource source)
{
	struct in_addr address;

	if (**newval == '\0' || inet_pton(AF_INET, *newval, &address) == 1)
		return true;
	GUC_check_errdetail("It has to be an IPv4 address, or empty.");
	return false;
}

/*
 * Accepts an IPv6 address, or nothing.
 */
bool
check_local_ip6(char **newval, void **extra, GucSource source)
{
	struct in6_addr address;

	if (**newval == '\0' || inet_pton(AF_INET6, *newval, &address) == 1)
		return true;
	GUC_check_errdetail("It has to be an IPv6 address, or empty.");
	return false;
}

/*
 * Accepts anything that can be the name of an interface.
 */
bool
check_local_dev(char **newval, void **extra, GucSource source)
{
	if (strlen(*newval) < IFNAMSIZ && strpbrk(*newval, "/ \t\r\n") == NULL)
		return true;
	GUC_check_errdetail("It has to be the name of a network interface, or empty.");
	return false;
}

/* Checks a list of at most max elements, and each of them; blanks alone become an empty value. */
static bool
check_elements(char *value, int max, const char *what, bool (*check) (const char *))
{
	List	   *elements;
	ListCell   *cell;

	if (!settings_list(value, &elements))
		GUC_check_errdetail("List syntax is invalid.");
	else if (list_length(elements) > max)
		GUC_check_errdetail("There can be %d %s at most.", max, what);
	else
	{
		if (elements == NIL)
			*value = '\0';
		foreach(cell, elements)
		{
			if (!check(lfirst(cell)))
				return false;
		}
		return true;
	}
	return false;
}
