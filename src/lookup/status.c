/*
 * status.c
 *
 * The statuses that a question can end with: RCODEs that are errors, statuses
 * of the library if there is no answer, and some of our own.  Each has a
 * message and a hint, and is final or temporary: a final one is what the DNS
 * has about the name, and asking again gives the same until a TTL is over;
 * a temporary one is about a server or the way to it.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#define HINT_MISSING	"Use on_error => 'missing_ok' to go on without rows."
#define HINT_FAILED		"Use on_error => 'warning' or 'ignore' to go on without rows."
#define HINT_TIMEOUT	"Increase pgcares.timeout, pgcares.tries or pgcares.deadline, or check pgcares.servers."
#define HINT_REFERRAL	"Set pgcares.servers to servers that answer recursive queries."
#define HINT_SERVERS	"Check pgcares.servers."
#define HINT_CHOSEN_TIMEOUT	"Increase pgcares.timeout, pgcares.tries or pgcares.deadline, or check the name server."
#define HINT_CHOSEN_SERVER	"Check the name server."
#define HINT_CHOSEN_REFERRAL	"Ask a server that answers recursive queries, or set pgcares.recurse to off if the referral is what you want."
#define HINT_NO_SERVER	"Set pgcares.servers, or name servers in the file of pgcares.resolvconf."

#define MAX_RCODE	4095		/* 12 bits (RFC 6891 section 6.1.3) */

/* The first ones are in the order of StatusNumber. */
static const DnsStatus statuses[] = {
	{"NOERROR", 0, 0, "records were found", NULL, true},
	{"NODATA", 0, DNS_SQLSTATE('A', '0', '0'),
	"the name has no such records", HINT_MISSING, true},
	{"FORMERR", 1, DNS_SQLSTATE('0', '0', '1'),
	"the server did not understand the query", HINT_FAILED, false},
	{"SERVFAIL", 2, DNS_SQLSTATE('0', '0', '2'), "server failure", HINT_FAILED, false},
	{"NXDOMAIN", 3, DNS_SQLSTATE('0', '0', '3'), "no such domain", HINT_MISSING, true},
	{"NOTIMP", 4, DNS_SQLSTATE('0', '0', '4'),
	"the server does not implement this", HINT_FAILED, false},
	{"REFUSED", 5, DNS_SQLSTATE('0', '0', '5'),
	"the server refused to answer", HINT_SERVERS, false},
	{"YXDOMAIN", 6, DNS_SQLSTATE('0', '0', '6'),
	"a name exists that should not", HINT_FAILED, false},
	{"YXRRSET", 7, DNS_SQLSTATE('0', '0', '7'),
	"records exist that should not", HINT_FAILED, false},
	{"NXRRSET", 8, DNS_SQLSTATE('0', '0', '8'),
	"records do not exist that should", HINT_FAILED, false},
	{"NOTAUTH", 9, DNS_SQLSTATE('0', '0', '9'),
	"the server is not authoritative", HINT_SERVERS, false},
	{"NOTZONE", 10, DNS_SQLSTATE('0', '1', '0'),
	"the name is not in the zone", HINT_FAILED, false},
	{"DSOTYPENI", 11, DNS_SQLSTATE('0', '1', '1'),
	"the server does not implement this DSO type", HINT_FAILED, false},
	{"BADVERS", 16, DNS_SQLSTATE('0', '1', '6'),
	"the server does not support this version of EDNS", HINT_FAILED, false},
	{"BADCOOKIE", 23, DNS_SQLSTATE('0', '2', '3'),
	"the server wants a cookie", HINT_FAILED, false},
	{"REFERRAL", 0, DNS_SQLSTATE('A', '1', '3'),
	"the server refers to other servers", HINT_REFERRAL, false},
	{"MALFORMED", ARES_EBADRESP, DNS_SQLSTATE('A', '1', '0'),
	"malformed answer", HINT_FAILED, false},
	{"UNREACHABLE", ARES_ECONNREFUSED, DNS_SQLSTATE('A', '1', '1'),
	"no server could be reached", HINT_SERVERS, false},
	{"TIMEOUT", ARES_ETIMEOUT, DNS_SQLSTATE('A', '1', '2'),
	"no answer", HINT_TIMEOUT, false},
	{"NOSERVER", ARES_ENOSERVER, DNS_SQLSTATE('A', '2', '6'),
	"no name server is configured", HINT_NO_SERVER, false},
	{"BADNAME", ARES_EBADNAME, DNS_SQLSTATE('A', '0', '8'),
	"the text is not a domain name", HINT_MISSING, true},
};

/*
 * The status at an index; NULL past the last one.
 */
const DnsStatus *
status_at(int index)
{
	return index < (int) lengthof(statuses) ? &statuses[index] : NULL;
}

/*
 * The status with this name, which must exist.
 */
const DnsStatus *
status_by_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(statuses); i++)
	{
		if (strcmp(statuses[i].name, name) == 0)
			return &statuses[i];
	}
	elog(ERROR, "no status \"%s\"", name);
}

/*
 * The status with this name, also of an RCODE without a name of its own; NULL
 * if there is none.
 */
const DnsStatus *
status_by_text(const char *text)
{
	const DnsStatus *status;
	unsigned	rcode;
	char		canonical[16];

	for (int i = 0; (status = status_at(i)) != NULL; i++)
	{
		if (strcmp(status->name, text) == 0)
			return status;
	}
	if (sscanf(text, "RCODE%4u", &rcode) != 1 || rcode > MAX_RCODE)
		return NULL;
	snprintf(canonical, sizeof(canonical), "RCODE%u", rcode);
	status = status_by_rcode((int) rcode);
	if (strcmp(canonical, text) != 0 || strcmp(canonical, status->name) != 0)
		return NULL;			/* another spelling */
	return status;
}

/*
 * The status of an RCODE that is an error.  If it has no name, the status is
 * palloc'd and its name is made from the number.
 */
const DnsStatus *
status_by_rcode(int rcode)
{
	DnsStatus  *status;
	int			digits = Min(rcode, 99);

	for (int i = 0; i < (int) lengthof(statuses); i++)
	{
		const DnsStatus *named = &statuses[i];

		if (named->code == rcode && named->sqlstate != 0 &&
			named->sqlstate == DNS_SQLSTATE('0', '0' + digits / 10,
											'0' + digits % 10))
			return named;
	}
	status = palloc0(sizeof(DnsStatus));
	status->name = psprintf("RCODE%d", rcode);
	status->code = rcode;
	status->sqlstate = DNS_SQLSTATE('0', '0' + digits / 10, '0' + digits % 10);
	status->message = "the server gave an error";
	status->hint = HINT_FAILED;
	return status;
}

/*
 * The hint for a status that is an error or a warning, or NULL.  If the caller
 * chose the server, the hint does not advise to check pgcares.servers.
 */
const char *
status_hint(const DnsStatus *status, bool chosen_server, bool warning)
{
	const char *hint = status->hint;

	if (hint == NULL || (warning && strcmp(hint, HINT_FAILED) == 0))
		return NULL;			/* HINT_FAILED advises a warning */
	if (!chosen_server)
		return hint;
	if (strcmp(hint, HINT_TIMEOUT) == 0)
		return HINT_CHOSEN_TIMEOUT;
	if (strcmp(hint, HINT_SERVERS) == 0)
		return HINT_CHOSEN_SERVER;
	if (strcmp(hint, HINT_REFERRAL) == 0)
		return HINT_CHOSEN_REFERRAL;
	return hint;
}
