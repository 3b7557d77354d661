/*
 * services.c
 *
 * Ports and the names of their services, from this host's configuration
 * (services(5)).
 */
#include "postgres.h"

#include <netdb.h>
#include <netinet/in.h>

#include "functions/functions.h"

static void require_memory(void);
static bool read_number(const char *text, int *number);

/*
 * The name of the protocol whose services to search.
 */
const char *
services_protocol(int socktype, int protocol)
{
	switch (protocol)
	{
		case IPPROTO_UDP:
			return "udp";
		case IPPROTO_SCTP:
			return "sctp";
		case IPPROTO_DCCP:
			return "dccp";
		case 0:
			return socktype == SOCK_DGRAM ? "udp" : "tcp";
		default:
			return "tcp";
	}
}

/*
 * Reads a port from a number or the name of a service.  If text is neither,
 * raises or gives false, as on_failure says.
 */
bool
services_port(const char *text, const char *protocol, bool only_number,
			  OnFailure on_failure, int *port)
{
	struct servent *entry = NULL;

	if (read_number(text, port))
		return true;
	errno = 0;
	if (!only_number)
		entry = getservbyname(text, protocol);
	if (entry != NULL)
	{
		*port = ntohs((uint16) entry->s_port);
		return true;
	}
	require_memory();
	if (on_failure == RETURN_FALSE)
		return false;
	if (only_number)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a port", text),
				 errdetail("The flag numericserv allows numbers from 0 to 65535 only.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a service of %s", text, protocol),
			 errhint("It is a number from 0 to 65535, or a name that the server's host knows.")));
}

/*
 * The name of a port, or its number if it has no name, palloc'd.
 */
char *
services_name(int port, const char *protocol, bool only_number)
{
	struct servent *entry = NULL;

	errno = 0;
	if (!only_number)
		entry = getservbyport(htons(port), protocol);
	if (entry == NULL)
		require_memory();
	return entry != NULL ? pstrdup(entry->s_name) : psprintf("%d", port);
}

/* Only errno tells lack of memory from an unknown service. */
static void
require_memory(void)
{
	if (errno == ENOMEM)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
}

static bool
read_number(const char *text, int *number)
{
	size_t		digits = strspn(text, "0123456789");

	if (digits < 1 || digits > 5 || text[digits] != '\0')
		return false;
	*number = atoi(text);
	return *number <= 65535;
}
