/*
 * host.c
 *
 * Names and addresses of hosts, from three sources: facts that need no
 * question, the hosts file (and when it counts), and the answers of name
 * servers.  Single lookups and batches ask the questions, this file does not.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

static bool read_candidates(HostSought *sought, OnFailure on_failure);
static int	weigh(const DnsOutcome *outcome);
static void add_local(const HostSought *sought, Host *host);
static bool add_from_file(const HostSought *sought, Host *host);
static void add_names_of_entry(Host *host, const HostsEntry *entry);
static void add_name(Host *host, char *name);
static void add_address(Host *host, const inet *address, int32 ttl, int family);

/*
 * Gives the sources of a host lookup and their order, never LOOKUPS_SYSTEM.
 * Call it once in a call of an SQL function, for all its hosts: it reads the
 * files again if they have changed.  If one is unreadable, raises or gives
 * false, as on_failure says.
 */
bool
host_lookups(OnFailure on_failure, Lookups *lookups)
{
	*lookups = setting_lookups;
	if (*lookups == LOOKUPS_SYSTEM)
	{
		if (!resolv_conf_refresh(on_failure))
			return false;
		*lookups = resolv_conf_lookups();
	}
	return *lookups == LOOKUPS_B || hosts_file_refresh(on_failure);
}

/*
 * Seeks the addresses of a host, of one family, or of both if family is 0.  A single
 * label is completed with the search list, a name with a dot is asked as it stands.  If
 * a file is unreadable, raises or gives false, as on_failure says.
 */
bool
host_seek(HostSought *sought, const char *written, int family,
		  OnFailure on_failure)
{
	sought->address = NULL;
	sought->written = written;
	sought->family = family;
	sought->bad_name = name_parse(written, setting_idn, &sought->name);
	return host_lookups(on_failure, &sought->lookups) &&
		read_candidates(sought, on_failure);
}

/*
 * The same for the names of an address.  Its netmask does not count.
 */
bool
host_seek_names(HostSought *sought, const inet *address, OnFailure on_failure)
{
	sought->address = address;
	sought->bad_name = NULL;
	sought->names = NIL;
	address_reverse_name(address, &sought->name);
	return host_lookups(on_failure, &sought->lookups);
}

/*
 * Finds a host without a question: an address written as name stands for
 * itself, localhost is this host, and the hosts file counts if it comes first
 * or alone.  127.0.0.1 and ::1 are no exceptions: RFC 6761 section 6.3 has rules
 * for names only.  True if no question is needed: then host has no addresses if
 * there are none, and no name if there is no such host.
 */
bool
host_answer_locally(const HostSought *sought, Host *host)
{
	inet		address;

	memset(host, 0, sizeof(*host));
	if (sought->address == NULL && address_parse_host(sought->written, &address))
	{
		add_name(host, pnstrdup(sought->written, strcspn(sought->written, "/")));
		add_address(host, &address, HOST_NO_TTL, sought->family);
		return true;
	}
	if (sought->address == NULL && name_is_localhost(&sought->name))
	{
		add_local(sought, host);
		return true;
	}
	if ((sought->lookups == LOOKUPS_F || sought->lookups == LOOKUPS_FB) &&
		(add_from_file(sought, host) || sought->lookups == LOOKUPS_F))
		return true;
	/* Forget names that the file has for the other family only. */
	memset(host, 0, sizeof(*host));
	return false;
}

/*
 * Finds a host that the DNS does not have: true if the hosts file comes last
 * and has what is sought.
 */
bool
host_answer_at_last(const HostSought *sought, Host *host)
{
	memset(host, 0, sizeof(*host));
	return sought->lookups == LOOKUPS_BF && add_from_file(sought, host);
}

/*
 * The object of a host lookup as error messages say it: names, or addresses of a
 * family, or of both if that is 0.
 */
const char *
host_what(bool names, int family)
{
	return names ? "PTR records" :
		family == 4 ? "IPv4 addresses" :
		family == 6 ? "IPv6 addresses" : "addresses";
}

/*
 * Has the host what is sought?
 */
bool
host_is_found(const HostSought *sought, const Host *host)
{
	return sought->address != NULL ? host->name != NULL :
		host->addresses != NIL;
}

/*
 * Gives the questions to ask, and their number.
 */
int
host_questions(const HostSought *sought, DnsQuestion *questions)
{
	int			count = 0;

	if (sought->address != NULL)
		questions[count++].type = DNS_TYPE_PTR;
	else
	{
		if (sought->family != 6)
			questions[count++].type = DNS_TYPE_A;
		if (sought->family != 4)
			questions[count++].type = DNS_TYPE_AAAA;
	}
	for (int i = 0; i < count; i++)
	{
		name_copy(&questions[i].name, &sought->name);
		questions[i].class = DNS_CLASS_IN;
		questions[i].nsid = false;
	}
	return count;
}

/*
 * Adds the records of an answer: for an A or AAAA question, addresses with
 * their TTLs and the names of the alias chain; for a PTR question, names.
 */
void
host_add_answer(Host *host, const DnsOutcome *outcome)
{
	DnsName		names[ALIAS_MAX_NAMES];
	DnsCursor	cursor;
	DnsRR		rr;

	if (outcome->question.type != DNS_TYPE_PTR)
	{
		int			count = alias_names(&outcome->message, &outcome->question,
										names);

		/* The last name is the canonical one. */
		add_name(host, name_to_text(&names[count - 1]));
		for (int i = 0; i < count - 1; i++)
			add_name(host, name_to_text(&names[i]));

		if (host->cnames == NIL && count > 1)
		{
			for (int i = 0; i < count; i++)
				host->cnames = lappend(host->cnames, name_to_text(&names[i]));
		}
	}

	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		const uint8 *pos = rr.rdata;

		CHECK_FOR_INTERRUPTS();
		if (!alias_answers(&rr, &outcome->question, &outcome->owner))
			continue;
		if (rr.type != DNS_TYPE_PTR)
			add_address(host, address_inet(rr.rdata, rr.rdlength),
						message_ttl(&rr), 0);
		else if (message_name(&outcome->message, &pos, rr.rdata + rr.rdlength,
							  &names[0]))
			add_name(host, name_to_text(&names[0]));
	}
}

/* Reads the names to try for a single label. */
static bool
read_candidates(HostSought *sought, OnFailure on_failure)
{
	size_t		len = strlen(sought->written);
	SearchList	list;

	sought->names = NIL;
	if (sought->bad_name != NULL ||
		!search_list_completes(sought->written, len, &sought->name))
		return true;
	if (!search_list_read(&list, on_failure))
		return false;
	sought->names = search_list_names(&list, sought->written, len,
									  &sought->name);
	return true;
}

/*
 * Merges the outcomes of a host's questions: a failure of one is the failure
 * of all; else, if one found records, records were found; else, if one outcome
 * is that the name does not exist, it does not exist.
 */
void
host_merge(DnsOutcome *outcome, const DnsOutcome *outcomes, int count)
{
	int			queries = 0;
	int			servers = 0;
	int			best = 0;

	for (int i = 0; i < count; i++)
	{
		int			weight = weigh(&outcomes[i]);

		if (weight > best)
			*outcome = outcomes[i];
		best = Max(best, weight);
		queries += outcomes[i].queries;
		servers = Max(servers, outcomes[i].servers);
	}
	outcome->queries = queries;
	outcome->servers = servers;
}

/* The highest weight wins; weights begin at 1. */
static int
weigh(const DnsOutcome *outcome)
{
	if (outcome_is_noerror(outcome))
		return 3;
	if (!outcome_is_missing(outcome))
		return 4;
	return outcome->status->code == RCODE_NXDOMAIN ? 2 : 1;
}

/* This host's loopback addresses (RFC 6761 section 6.3). */
static void
add_local(const HostSought *sought, Host *host)
{
	static const uint8 ip4[] = {127, 0, 0, 1};
	static const uint8 ip6[16] = {[15] = 1};

	add_name(host, name_to_text(&sought->name));
	add_address(host, address_inet(ip4, sizeof(ip4)), HOST_NO_TTL,
				sought->family);
	add_address(host, address_inet(ip6, sizeof(ip6)), HOST_NO_TTL,
				sought->family);
}

/* True if the file has what is sought. */
static bool
add_from_file(const HostSought *sought, Host *host)
{
	List	   *entries = sought->address != NULL ?
		hosts_file_by_address(sought->address) : hosts_file_by_name(&sought->name);
	ListCell   *cell;

	foreach(cell, entries)
	{
		HostsEntry *entry = lfirst(cell);

		add_names_of_entry(host, entry);
		if (sought->address == NULL)
			add_address(host, entry->address, HOST_NO_TTL, sought->family);
	}
	return host_is_found(sought, host);
}

static void
add_names_of_entry(Host *host, const HostsEntry *entry)
{
	ListCell   *cell;

	add_name(host, entry->canonical);
	foreach(cell, entry->aliases)
		add_name(host, lfirst(cell));
}

/* The first name is the canonical one; duplicates are dropped. */
static void
add_name(Host *host, char *name)
{
	if (!host_duplicates_add_name(host, name))
		return;
	if (host->name == NULL)
		host->name = name;
	else
		host->aliases = lappend(host->aliases, name);
}

/* Adds an address of the family, without netmask, unless it is there. */
static void
add_address(Host *host, const inet *address, int32 ttl, int family)
{
	HostAddress *added;

	if (family != 0 && (ip_family(address) == PGSQL_AF_INET ? 4 : 6) != family)
		return;
	if (!host_duplicates_add_address(host, address))
		return;
	added = palloc(sizeof(HostAddress));
	added->address = address_inet(ip_addr(address), ip_addrsize(address));
	added->ttl = ttl;
	host->addresses = lappend(host->addresses, added);
}
