/*
 * getaddrinfo.c
 *
 * dns_getaddrinfo(): gives addresses to connect to, with the flags of
 * getaddrinfo(3) (RFC 3493 section 6.1), through the lookups of hosts.c.
 */
#include "postgres.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define FLAG_CANONNAME		(1 << 0)
#define FLAG_NUMERICHOST	(1 << 1)
#define FLAG_PASSIVE		(1 << 2)
#define FLAG_NUMERICSERV	(1 << 3)
#define FLAG_V4MAPPED		(1 << 4)
#define FLAG_ALL			(1 << 5)
#define FLAG_ADDRCONFIG		(1 << 6)

static const FlagWord addrinfo_words[] = {
	{"canonname", FLAG_CANONNAME},
	{"numerichost", FLAG_NUMERICHOST},
	{"passive", FLAG_PASSIVE},
	{"numericserv", FLAG_NUMERICSERV},
	{"v4mapped", FLAG_V4MAPPED},
	{"all", FLAG_ALL},
	{"addrconfig", FLAG_ADDRCONFIG},
	{NULL, 0}
};

/* The arguments of a call. */
typedef struct AddrinfoRequest
{
	char	   *host;			/* or NULL */
	int			port;
	int			family;
	int			socktype;
	int			protocol;
	int			flags;
	OnError		on_error;
} AddrinfoRequest;

static Datum getaddrinfo_rows(FunctionCallInfo fcinfo, bool is_port);
static int	questions_of(FunctionCallInfo fcinfo, bool is_port,
						 DnsQuestion *questions);
static bool read_addrinfo(FunctionCallInfo fcinfo, bool is_port,
						  OnFailure on_failure, AddrinfoRequest *request);
static bool read_port(FunctionCallInfo fcinfo, bool is_port,
					  OnFailure on_failure, AddrinfoRequest *request);
static void find(const AddrinfoRequest *request, Host *host, DnsOutcome *outcome);
static bool seek(const AddrinfoRequest *request, OnFailure on_failure,
				 HostSought *sought);
static void add_wildcards(const AddrinfoRequest *request, Host *host);
static bool find_configured(OnFailure on_failure, bool *ip4, bool *ip6);
static bool is_mapped(const AddrinfoRequest *request);
static void map_ip4(const AddrinfoRequest *request, Host *host);
static inet *mapped(const inet *address);
static void put_rows(FunctionCallInfo fcinfo, const AddrinfoRequest *request,
					 const Host *host);

PG_FUNCTION_INFO_V1(pgcares_getaddrinfo);
PG_FUNCTION_INFO_V1(pgcares_getaddrinfo_port);

/*
 * dns_getaddrinfo(host, service, family, socktype, protocol, flags, on_error)
 */
Datum
pgcares_getaddrinfo(PG_FUNCTION_ARGS)
{
	return getaddrinfo_rows(fcinfo, false);
}

/*
 * dns_getaddrinfo(host, port, family, socktype, protocol, flags, on_error)
 */
Datum
pgcares_getaddrinfo_port(PG_FUNCTION_ARGS)
{
	return getaddrinfo_rows(fcinfo, true);
}

/*
 * The questions of dns_getaddrinfo(), with a service or a port; see LookupFunction.
 */
int
getaddrinfo_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	return questions_of(fcinfo, false, questions);
}

int
getaddrinfo_port_questions(FunctionCallInfo fcinfo, uint16 type,
						   DnsQuestion *questions)
{
	return questions_of(fcinfo, true, questions);
}

static Datum
getaddrinfo_rows(FunctionCallInfo fcinfo, bool is_port)
{
	static const Oid types[] = {INETOID, INT4OID, INT4OID, INT4OID, INT4OID, INT4OID, TEXTOID, TEXTARRAYOID};
	AddrinfoRequest request;
	Host		host = {0};
	DnsOutcome	outcome;

	rows_begin(fcinfo, types, lengthof(types));
	if (!read_addrinfo(fcinfo, is_port, RAISE, &request))
		return (Datum) 0;
	if (request.host == NULL)
	{
		add_wildcards(&request, &host);
		put_rows(fcinfo, &request, &host);
		return (Datum) 0;
	}

	find(&request, &host, &outcome);
	put_rows(fcinfo, &request, &host);
	if (!outcome_is_noerror(&outcome))
		outcome_report(&outcome, request.host, request.on_error);
	return (Datum) 0;
}

static int
questions_of(FunctionCallInfo fcinfo, bool is_port, DnsQuestion *questions)
{
	AddrinfoRequest request;
	HostSought	sought;

	if (!read_addrinfo(fcinfo, is_port, RETURN_FALSE, &request) ||
		request.host == NULL || !seek(&request, RETURN_FALSE, &sought))
		return 0;
	return hosts_questions(&sought, questions);
}

/*
 * Reads the arguments.  False if one is NULL that must not be.  If one is
 * invalid, raises or gives false, as on_failure says.
 */
static bool
read_addrinfo(FunctionCallInfo fcinfo, bool is_port, OnFailure on_failure,
			  AddrinfoRequest *request)
{
	inet		address;

	memset(request, 0, sizeof(*request));
	if (PG_ARGISNULL(2) || PG_ARGISNULL(3) || PG_ARGISNULL(4) ||
		PG_ARGISNULL(5))
		return false;
	request->socktype = PG_GETARG_INT32(3);
	request->protocol = PG_GETARG_INT32(4);
	if (!argument_on_error(fcinfo, 6, on_failure, &request->on_error) ||
		!argument_family(fcinfo, 2, on_failure, &request->family) ||
		!argument_flags(fcinfo, 5, addrinfo_words, "AI_", on_failure, &request->flags))
		return false;
	if (!PG_ARGISNULL(0))
		request->host = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(1) && !read_port(fcinfo, is_port, on_failure, request))
		return false;

	if (!(request->flags & FLAG_NUMERICHOST) || request->host == NULL ||
		address_parse_host(request->host, &address))
		return true;
	if (on_failure == RAISE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not an address", request->host),
				 errdetail("The flag numerichost allows no names.")));
	return false;
}

/* Reads the port, from a number or from the name of a service. */
static bool
read_port(FunctionCallInfo fcinfo, bool is_port, OnFailure on_failure,
		  AddrinfoRequest *request)
{
	if (is_port)
		return argument_port(fcinfo, 1, on_failure, &request->port);
	return services_port(text_to_cstring(PG_GETARG_TEXT_PP(1)),
						 services_protocol(request->socktype, request->protocol),
						 request->flags & FLAG_NUMERICSERV, on_failure, &request->port);
}

static void
find(const AddrinfoRequest *request, Host *host, DnsOutcome *outcome)
{
	HostSought	sought;

	if (seek(request, RAISE, &sought))
	{
		hosts_find(&sought, host, outcome);
		if (is_mapped(request))
			map_ip4(request, host);
	}
	else
	{
		outcome_of_found(outcome, true, false,
						 "The database server has no address of that family, and the flag addrconfig is set.");
		outcome->what = "addresses";
	}
}

/*
 * Seeks the families that the call wants and this host can use.  Also false if
 * there is none.
 */
static bool
seek(const AddrinfoRequest *request, OnFailure on_failure, HostSought *sought)
{
	bool		ip4 = true;
	bool		ip6 = true;

	if ((request->flags & FLAG_ADDRCONFIG) &&
		!find_configured(on_failure, &ip4, &ip6))
		return false;
	ip4 &= request->family != 6 || is_mapped(request);
	ip6 &= request->family != 4;
	return (ip4 || ip6) &&
		host_seek(sought, request->host, ip4 && ip6 ? 0 : ip4 ? 4 : 6,
				  on_failure);
}

/* Does the call want IPv4 addresses as mapped IPv6 addresses? */
static bool
is_mapped(const AddrinfoRequest *request)
{
	return request->family == 6 && (request->flags & FLAG_V4MAPPED);
}

/* Adds the wildcard addresses, for a server to listen on. */
static void
add_wildcards(const AddrinfoRequest *request, Host *host)
{
	static const uint8 octets[16] = {0};

	for (int family = 4; family <= 6; family += 2)
	{
		HostAddress *any = palloc(sizeof(HostAddress));

		if (!(request->flags & FLAG_PASSIVE) ||
			(request->family != 0 && request->family != family))
			continue;
		any->address = address_inet(octets, family == 4 ? 4 : 16);
		any->ttl = HOST_NO_TTL;
		host->addresses = lappend(host->addresses, any);
	}
}

/* Finds the families of this host's addresses, except loopback. */
static bool
find_configured(OnFailure on_failure, bool *ip4, bool *ip6)
{
	struct ifaddrs *interfaces;

	*ip4 = *ip6 = false;
	if (getifaddrs(&interfaces) != 0)
	{
		if (on_failure == RAISE)
			ereport(ERROR,
					(errcode(ERRCODE_SYSTEM_ERROR),
					 errmsg("could not list the addresses of this host: %m")));
		return false;
	}
	for (struct ifaddrs *at = interfaces; at != NULL; at = at->ifa_next)
	{
		const struct sockaddr *address = at->ifa_addr;

		if (address == NULL)
			continue;
		if (address->sa_family == AF_INET)
		{
			const struct sockaddr_in *in = (const struct sockaddr_in *) address;

			*ip4 |= (ntohl(in->sin_addr.s_addr) >> 24) != IN_LOOPBACKNET;
		}
		else if (address->sa_family == AF_INET6)
		{
			const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;

			*ip6 |= !IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
		}
	}
	freeifaddrs(interfaces);
	return true;
}

/*
 * Maps IPv4 addresses to IPv6.  Drops them if there are IPv6 addresses, unless
 * the flag all is set.
 */
static void
map_ip4(const AddrinfoRequest *request, Host *host)
{
	List	   *addresses = NIL;
	bool		has_ip6 = false;
	ListCell   *cell;

	foreach(cell, host->addresses)
	{
		HostAddress *found = lfirst(cell);

		has_ip6 |= ip_family(found->address) == PGSQL_AF_INET6;
	}
	foreach(cell, host->addresses)
	{
		HostAddress *found = lfirst(cell);

		if (ip_family(found->address) == PGSQL_AF_INET)
		{
			if (has_ip6 && !(request->flags & FLAG_ALL))
				continue;
			found->address = mapped(found->address);
		}
		addresses = lappend(addresses, found);
	}
	host->addresses = addresses;
}

/* RFC 4291 section 2.5.5.2 */
static inet *
mapped(const inet *address)
{
	uint8		octets[16] = {[10] = 0xff, [11] = 0xff};

	memcpy(octets + 12, ip_addr(address), 4);
	return address_inet(octets, sizeof(octets));
}

static void
put_rows(FunctionCallInfo fcinfo, const AddrinfoRequest *request, const Host *host)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	foreach(cell, host->addresses)
	{
		HostAddress *found = lfirst(cell);
		Datum		values[8];
		bool		nulls[8] = {false};

		values[0] = InetPGetDatum(found->address);
		values[1] = Int32GetDatum(request->port);
		values[2] = Int32GetDatum(ip_family(found->address) == PGSQL_AF_INET ? 4 : 6);
		values[3] = Int32GetDatum(request->socktype);
		values[4] = Int32GetDatum(request->protocol);
		values[5] = Int32GetDatum(found->ttl);
		nulls[5] = found->ttl == HOST_NO_TTL;
		nulls[6] = !(request->flags & FLAG_CANONNAME) || host->name == NULL;
		if (!nulls[6])
			values[6] = CStringGetTextDatum(host->name);
		values[7] = hosts_names_datum(host->cnames);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}
