/*
 * server.c
 *
 * Name servers as text.  The library's own parser reads some addresses in another
 * way than the C library (127.1 as 127.1.0.0) and accepts too much (a link-local
 * address without its interface), so this one decides what a server is, and the
 * library sees only full addresses.  Does no I/O and raises nothing while parsing:
 * check hooks call it.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <net/if.h>

#include "settings/settings.h"

#define DNS_PORT	53

static const char *take_address(char *address, bool bracket, DnsServer *server);
static bool append_server(StringInfo csv, const DnsServer *server);
static bool take_port(const char *text, int *port);

/*
 * Reads ip, ip:port, [ip6], [ip6]:port, each IPv6 address with %interface where
 * it has one.  Returns NULL, or the reason why the text is none of these.
 */
const char *
server_parse(const char *text, DnsServer *server)
{
	char		address[INET6_ADDRSTRLEN + sizeof(server->interface) + 1];
	bool		bracket = (*text == '[');
	const char *end;			/* of the address */
	const char *port;
	inet		network;

	memset(server, 0, sizeof(*server));

	/* Separate address and port; an IPv6 address needs brackets to have one. */
	if (bracket)
	{
		end = strchr(++text, ']');
		if (end == NULL)
			return "the closing bracket is missing";
		port = end + 1;
	}
	else
	{
		end = strchr(text, ':');
		if (end == NULL || strchr(end + 1, ':') != NULL)
			end = text + strlen(text);
		port = end;
	}
	if (strchr(text, '/') != NULL && address_parse_masked(text, &network))
		return "it has a netmask";
	if (*port != '\0' && !take_port(port, &server->udp_port))
		return "a port is a colon and a number from 1 to 65535";
	server->tcp_port = server->udp_port;

	if (end - text >= (ptrdiff_t) sizeof(address))
		return "it is not an IP address";
	memcpy(address, text, end - text);
	address[end - text] = '\0';
	return take_address(address, bracket, server);
}

/*
 * Reads an address as a nameserver line of resolv.conf(5) has it: ip, ip6, or
 * ip6%interface.  False if a name server cannot have it.
 */
bool
server_parse_address(const char *text, DnsServer *server)
{
	char		address[INET6_ADDRSTRLEN + sizeof(server->interface) + 1];

	memset(server, 0, sizeof(*server));
	return strlcpy(address, text, sizeof(address)) < sizeof(address) &&
		take_address(address, false, server) == NULL;
}

/*
 * Raises if text is not a name server, or not one that a caller can choose.
 */
void
server_require(const char *text)
{
	DnsServer	server;
	const char *reason = server_parse(text, &server);

	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a name server: %s", text, reason),
				 errhint(HINT_SERVER_SYNTAX)));
	if (!allowed_servers_has(&server))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to ask name server \"%s\"", text),
				 errdetail("It is in no network of pgcares.allowed_servers."),
				 errhint("Choose another server, or have a superuser add it to pgcares.allowed_servers.")));
}

/*
 * Returns a name server as server_parse() reads it, palloc'd, without the port
 * if it is the usual one.
 */
char *
server_text(const struct sockaddr *address)
{
	StringInfoData text;
	char		interface[IFNAMSIZ];
	const struct sockaddr_in *ip4 = (const struct sockaddr_in *) address;
	const struct sockaddr_in6 *ip6 = (const struct sockaddr_in6 *) address;
	bool		is_ip6 = (address->sa_family == AF_INET6);
	int			port = ntohs(is_ip6 ? ip6->sin6_port : ip4->sin_port);
	bool		bracket = is_ip6 && port != DNS_PORT;

	initStringInfo(&text);
	if (bracket)
		appendStringInfoChar(&text, '[');
	if (is_ip6)
		encode_address(&text, ip6->sin6_addr.s6_addr, 16);
	else
		encode_address(&text, (const uint8 *) &ip4->sin_addr, 4);
	if (is_ip6 && ip6->sin6_scope_id != 0 &&
		if_indextoname(ip6->sin6_scope_id, interface) != NULL)
		appendStringInfo(&text, "%%%s", interface);
	if (bracket)
		appendStringInfoChar(&text, ']');
	if (port != DNS_PORT)
		appendStringInfo(&text, ":%d", port);
	return text.data;
}

/*
 * Returns the servers of pgcares.servers as the library writes them, palloc'd.
 * Raises if an interface does not exist: the library would silently drop the
 * server.
 */
char *
server_csv(const char *setting)
{
	StringInfoData csv;
	List	   *elements;
	ListCell   *cell;

	initStringInfo(&csv);
	if (!settings_list(setting, &elements))
		elog(ERROR, "pgcares.servers is no list");
	foreach(cell, elements)
	{
		DnsServer	server;

		if (server_parse(lfirst(cell), &server) != NULL)
			elog(ERROR, "pgcares.servers has no valid server");
		if (!append_server(&csv, &server))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_OBJECT),
					 errmsg("network interface \"%s\" does not exist",
							server.interface),
					 errhint("Check the name servers.")));
	}
	return csv.data;
}

/*
 * The same for a List of DnsServer *, those with an interface that exists.
 */
char *
server_list_csv(const List *servers)
{
	StringInfoData csv;
	ListCell   *cell;

	initStringInfo(&csv);
	foreach(cell, servers)
		(void) append_server(&csv, lfirst(cell));
	return csv.data;
}

/*
 * Reads the first server of a list as the library writes it: ip:port,
 * [ip6]:port%interface, or dns://[ip6%interface]:port?tcpport=port.  Returns
 * the rest of the list, or NULL at the end.
 */
const char *
server_from_library(const char *list, DnsServer *server)
{
	size_t		len = strcspn(list, ",");
	const char *end = list + len;
	const char *at = list;
	size_t		part;
	char		address[INET6_ADDRSTRLEN];

	memset(server, 0, sizeof(*server));
	if (strncmp(at, "dns://", 6) == 0)
		at += 6;
	at += (*at == '[');
	part = strspn(at, "0123456789abcdefABCDEF:.");
	if (at == list || at[-1] != '[')
		part = strcspn(at, ":");	/* an IPv4 address */
	strlcpy(address, at, Min(part + 1, sizeof(address)));
	server->family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	inet_pton(server->family, address, server->address);

	for (at += part; at < end; at += part)
	{
		char		mark = *at++;

		part = strcspn(at, "%]:?,");
		if (mark == '%')
			strlcpy(server->interface, at,
					Min(part + 1, sizeof(server->interface)));
		else if (mark == ':')
			server->udp_port = server->tcp_port = atoi(at);
		else if (mark == '?' && strncmp(at, "tcpport=", 8) == 0)
			server->tcp_port = atoi(at + 8);
	}
	return *end == ',' ? end + 1 : NULL;
}

/*
 * Writes the address and UDP port of a server as a socket takes it.  Returns its length.
 */
socklen_t
server_address(const DnsServer *server, struct sockaddr_storage *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *) address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) address;

	memset(address, 0, sizeof(*address));
	if (server->family == AF_INET)
	{
		in->sin_family = AF_INET;
		in->sin_port = htons(server->udp_port);
		memcpy(&in->sin_addr, server->address, sizeof(in->sin_addr));
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(server->udp_port);
	memcpy(&in6->sin6_addr, server->address, sizeof(in6->sin6_addr));
	if (*server->interface != '\0')
		in6->sin6_scope_id = if_nametoindex(server->interface);
	return sizeof(*in6);
}

static const char *
take_address(char *address, bool bracket, DnsServer *server)
{
	char	   *interface = strchr(address, '%');
	struct in_addr ip4;

	if (interface != NULL)
	{
		*interface++ = '\0';
		if (*interface == '\0' || strlen(interface) >= IFNAMSIZ ||
			strpbrk(interface, "/:%[],\" \t\n\v\f\r") != NULL)
			return "what follows the percent sign is not an interface";
		strcpy(server->interface, interface);
	}

	/* inet_aton() reads 127.1 and 0x7f.1 too, and takes no notice of what follows a blank. */
	if (strpbrk(address, " \t\n\v\f\r") == NULL &&
		inet_aton(address, &ip4) != 0)
	{
		server->family = AF_INET;
		memcpy(server->address, &ip4, sizeof(ip4));
		if (bracket || interface != NULL)
			return "only IPv6 addresses have brackets or an interface";
		return NULL;
	}
	if (inet_pton(AF_INET6, address, server->address) == 1)
	{
		const struct in6_addr *in6 = (const struct in6_addr *) server->address;

		server->family = AF_INET6;
		if (IN6_IS_ADDR_LINKLOCAL(in6) && interface == NULL)
			return "a link-local address needs its interface";
		/* RFC 3879; the library would silently drop the server. */
		if (IN6_IS_ADDR_SITELOCAL(in6))
			return "site-local addresses are not asked";
		return NULL;
	}
	return "it is not an IP address";
}

/*
 * Adds a server as the library writes it.  False if its interface, a name or an
 * index (RFC 4007 section 11.2), does not exist.
 */
static bool
append_server(StringInfo csv, const DnsServer *server)
{
	char		address[INET6_ADDRSTRLEN];
	char		name[IFNAMSIZ];
	const char *interface = server->interface;
	size_t		digits = strspn(interface, "0123456789");

	if (*interface != '\0' && if_nametoindex(interface) == 0)
	{
		interface = NULL;
		if (server->interface[digits] == '\0')
			interface = if_indextoname(strtoul(server->interface, NULL, 10), name);
		if (interface == NULL)
			return false;
	}
	inet_ntop(server->family, server->address, address, sizeof(address));
	appendStringInfo(csv, "%s[%s]", csv->len > 0 ? "," : "", address);
	if (server->udp_port > 0)
		appendStringInfo(csv, ":%d", server->udp_port);
	if (*interface != '\0')
		appendStringInfo(csv, "%%%s", interface);
	return true;
}

static bool
take_port(const char *text, int *port)
{
	size_t		digits = strspn(text + 1, "0123456789");

	if (*text != ':' || digits < 1 || digits > 5 || text[1 + digits] != '\0')
		return false;
	*port = atoi(text + 1);
	return *port >= 1 && *port <= 65535;
}
