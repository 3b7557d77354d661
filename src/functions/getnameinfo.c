/*
 * getnameinfo.c
 *
 * dns_getnameinfo(): gives the names of an address and a port, with the flags
 * of ares_getnameinfo(3).  Unlike that function, it shows only an address
 * without a name as a number; a lookup without an answer is a failure; and the
 * service of a port is shown without a flag.
 */
#include "postgres.h"

#include <idn2.h>

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define FLAG_NOFQDN				(1 << 0)
#define FLAG_NUMERICHOST		(1 << 1)
#define FLAG_NAMEREQD			(1 << 2)
#define FLAG_NUMERICSERV		(1 << 3)
#define FLAG_TCP				(1 << 4)
#define FLAG_UDP				(1 << 5)
#define FLAG_SCTP				(1 << 6)
#define FLAG_DCCP				(1 << 7)
#define FLAG_NUMERICSCOPE		(1 << 8)	/* no effect: inet has no scope */
#define FLAG_LOOKUPHOST			(1 << 9)
#define FLAG_LOOKUPSERVICE		(1 << 10)
#define FLAG_IDN				(1 << 11)
#define FLAG_IDN_UNASSIGNED		(1 << 12)
#define FLAG_IDN_STD3			(1 << 13)

static const FlagWord nameinfo_words[] = {
	{"nofqdn", FLAG_NOFQDN},
	{"numerichost", FLAG_NUMERICHOST},
	{"namereqd", FLAG_NAMEREQD},
	{"numericserv", FLAG_NUMERICSERV},
	{"dgram", FLAG_UDP},
	{"tcp", FLAG_TCP},
	{"udp", FLAG_UDP},
	{"sctp", FLAG_SCTP},
	{"dccp", FLAG_DCCP},
	{"numericscope", FLAG_NUMERICSCOPE},
	{"lookuphost", FLAG_LOOKUPHOST},
	{"lookupservice", FLAG_LOOKUPSERVICE},
	{"idn", FLAG_IDN},
	{"idn_allow_unassigned", FLAG_IDN_UNASSIGNED},
	{"idn_use_std3_ascii_rules", FLAG_IDN_STD3},
	{NULL, 0}
};

/* The arguments except the address. */
typedef struct NameinfoRequest
{
	int			port;
	int			flags;
	OnError		on_error;
} NameinfoRequest;

static bool read_nameinfo(FunctionCallInfo fcinfo, OnFailure on_failure,
						  NameinfoRequest *request);
static bool read_flags(FunctionCallInfo fcinfo, OnFailure on_failure, int *flags);
static bool find_node(const inet *address, const NameinfoRequest *request,
					  char **node);
static char *short_name(const char *text);
static bool own_domain(DnsName *domain);
static char *unicode_name(const char *text, int flags);
static const char *service_flags_protocol(int flags);

PG_FUNCTION_INFO_V1(pgcares_getnameinfo);

/*
 * dns_getnameinfo(address, port, flags, on_error)
 */
Datum
pgcares_getnameinfo(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID, TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	NameinfoRequest request;
	char	   *node = NULL;
	Datum		values[2];
	bool		nulls[2] = {true, true};

	rows_begin(fcinfo, types, lengthof(types));
	if (!read_nameinfo(fcinfo, RAISE, &request))
		return (Datum) 0;

	if (request.flags & FLAG_LOOKUPHOST)
	{
		if (!find_node(PG_GETARG_INET_PP(0), &request, &node))
			return (Datum) 0;	/* reported already */
		values[0] = CStringGetTextDatum(node);
		nulls[0] = false;
	}
	if (request.flags & FLAG_LOOKUPSERVICE)
	{
		values[1] = CStringGetTextDatum(services_name(request.port,
													  service_flags_protocol(request.flags),
													  request.flags & FLAG_NUMERICSERV));
		nulls[1] = false;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}

/*
 * The question of dns_getnameinfo(); see LookupFunction.
 */
int
getnameinfo_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	NameinfoRequest request;
	HostSought	sought;

	if (!read_nameinfo(fcinfo, RETURN_FALSE, &request) ||
		!(request.flags & FLAG_LOOKUPHOST) ||
		(request.flags & FLAG_NUMERICHOST) ||
		!host_seek_names(&sought, PG_GETARG_INET_PP(0), RETURN_FALSE))
		return 0;
	return hosts_questions(&sought, questions);
}

/*
 * Reads the arguments.  False if one other than on_error is NULL.  If one is
 * invalid, raises or gives false, as on_failure says.
 */
static bool
read_nameinfo(FunctionCallInfo fcinfo, OnFailure on_failure,
			  NameinfoRequest *request)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return false;
	if (!argument_on_error(fcinfo, 3, on_failure, &request->on_error) ||
		!read_flags(fcinfo, on_failure, &request->flags))
		return false;
	if (!argument_port(fcinfo, 1, on_failure, &request->port))
		return false;

	/* A port is there to be shown: by its name or, if it has none, as a number. */
	if (!(request->flags & (FLAG_LOOKUPHOST | FLAG_LOOKUPSERVICE)))
		request->flags |= FLAG_LOOKUPHOST |
			(request->port != 0 ? FLAG_LOOKUPSERVICE : 0);
	return true;
}

static bool
read_flags(FunctionCallInfo fcinfo, OnFailure on_failure, int *flags)
{
	if (!argument_flags(fcinfo, 2, nameinfo_words, "NI_", on_failure, flags))
		return false;
	if ((*flags & FLAG_NUMERICHOST) && (*flags & FLAG_NAMEREQD))
	{
		if (on_failure == RAISE)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("flags numerichost and namereqd exclude each other")));
		return false;
	}
	return true;
}

/* False if the lookup failed and on_error did not raise. */
static bool
find_node(const inet *address, const NameinfoRequest *request, char **node)
{
	int			flags = request->flags;
	HostSought	sought;
	Host		host;
	DnsOutcome	outcome;

	*node = address_text(address);
	if (flags & FLAG_NUMERICHOST)
		return true;
	(void) host_seek_names(&sought, address, RAISE);
	hosts_find(&sought, &host, &outcome);
	if (host.name == NULL)
	{
		if (outcome_is_missing(&outcome) && !(flags & FLAG_NAMEREQD))
			return true;
		outcome_report(&outcome, *node, request->on_error);
		return false;
	}
	*node = host.name;
	if (flags & FLAG_NOFQDN)
		*node = short_name(*node);
	if (flags & FLAG_IDN)
		*node = unicode_name(*node, flags);
	return true;
}

/* Removes this host's own domain from a name below that domain. */
static char *
short_name(const char *text)
{
	DnsName		name;
	DnsName		domain;
	DnsName		rest;

	if (name_parse(text, false, &name) != NULL || !own_domain(&domain))
		return pstrdup(text);
	for (int offset = 1 + name.octets[0]; offset < name.len;
		 offset += 1 + name.octets[offset])
	{
		rest.len = name.len - offset;
		memcpy(rest.octets, name.octets + offset, rest.len);
		if (rest.len > 1 && name_equal(&rest, &domain))
		{
			name.octets[offset] = 0;
			name.len = offset + 1;
			break;
		}
	}
	return name_to_text(&name);
}

/*
 * The domain of this host: the first of pgcares.domains, or, if that is empty,
 * the domain of the host's name.  False if there is none.
 */
static bool
own_domain(DnsName *domain)
{
	List	   *domains;

	if (*setting_domains == '\0')
		return resolv_conf_own_domain(domain);
	return settings_list(setting_domains, &domains) &&
		name_parse(linitial(domains), false, domain) == NULL;
}

/* The name with U-labels, or unchanged if the encoding cannot hold them. */
static char *
unicode_name(const char *text, int flags)
{
	int			encoding = GetDatabaseEncoding();
	int			idn_flags = 0;
	char	   *unicode;
	DnsName		name;

	if (name_parse(text, false, &name) != NULL)
		return pstrdup(text);
	if (flags & FLAG_IDN_UNASSIGNED)
		idn_flags |= IDN2_ALLOW_UNASSIGNED;
	if (flags & FLAG_IDN_STD3)
		idn_flags |= IDN2_USE_STD3_ASCII_RULES;
	unicode = names_to_unicode(&name, idn_flags);
	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		unicode = encode_recode(unicode, strlen(unicode), PG_UTF8, encoding);
	return unicode != NULL ? unicode : pstrdup(text);
}

static const char *
service_flags_protocol(int flags)
{
	return flags & FLAG_UDP ? "udp" : flags & FLAG_SCTP ? "sctp" :
		flags & FLAG_DCCP ? "dccp" : "tcp";
}
