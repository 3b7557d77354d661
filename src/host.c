/*
 * host.c
 *
 * Names and addresses of hosts: what is known without asking, what the hosts
 * file says, what name servers answer, and in which order addresses come.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "pgcares.h"

static bool prefix_length(const char *text, int family, int *bits);
static int	class_bits(const uint8 *octets);

/*
 * Reads a network of pgcares.sortlist: an address with a prefix length or a
 * netmask behind a slash; an IPv4 address alone stands for its class, an IPv6
 * address for itself (resolv.conf(5), sortlist).  False if it is none.
 */
bool
host_network(const char *text, inet *network)
{
	char		address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t		len = slash != NULL ? (size_t) (slash - text) : strlen(text);
	int			bits;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (!question_address(address, network))
		return false;

	if (slash != NULL && !prefix_length(slash + 1, ip_family(network), &bits))
		return false;
	if (slash == NULL)
		bits = ip_family(network) == PGSQL_AF_INET ?
			class_bits(ip_addr(network)) : 128;
	ip_bits(network) = bits;
	return true;
}

/* Reads a prefix length, or a netmask whose ones come first. */
static bool
prefix_length(const char *text, int family, int *bits)
{
	size_t		digits = strspn(text, "0123456789");
	struct in_addr mask;
	uint32		ones;

	if (digits >= 1 && digits <= 3 && text[digits] == '\0')
	{
		*bits = atoi(text);
		return *bits <= (family == PGSQL_AF_INET ? 32 : 128);
	}
	if (family != PGSQL_AF_INET || inet_pton(AF_INET, text, &mask) != 1)
		return false;
	ones = ntohl(mask.s_addr);
	for (*bits = 0; ones & 0x80000000; ones <<= 1)
		(*bits)++;
	return ones == 0;
}

/* Classes A, B and C (RFC 791 section 3.2). */
static int
class_bits(const uint8 *octets)
{
	return octets[0] < 128 ? 8 : octets[0] < 192 ? 16 : octets[0] < 224 ? 24 : 32;
}
