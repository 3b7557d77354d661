/*
 * address.c
 *
 * IP addresses from octets, from and to text, and as the names of their PTR records
 * (RFC 1035 section 3.5, RFC 3596 section 2.5).
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "dns/dns.h"

#include "utils/builtins.h"
#include "utils/inet.h"

/*
 * Makes a palloc'd inet, without a netmask, from 4 or 16 octets.
 */
inet *
address_inet(const uint8 *octets, size_t len)
{
	inet	   *result = palloc(sizeof(inet));

	address_set_inet(result, octets, len);
	return result;
}

/*
 * The same, into an inet that the caller owns.
 */
void
address_set_inet(inet *address, const uint8 *octets, size_t len)
{
	memset(address, 0, sizeof(*address));
	ip_family(address) = len == 4 ? PGSQL_AF_INET : PGSQL_AF_INET6;
	ip_bits(address) = len * 8;
	memcpy(ip_addr(address), octets, len);
	SET_INET_VARSIZE(address);
}

/*
 * An address as text, without a netmask.
 */
char *
address_text(const inet *address)
{
	return TextDatumGetCString(DirectFunctionCall1(network_host,
												   InetPGetDatum(address)));
}

/*
 * Reads an address that is given in place of a name; false if the text is
 * none.  Only the full form counts: anything else can be a name.
 */
bool
address_parse(const char *text, inet *address)
{
	inet_struct *ip = (inet_struct *) VARDATA(address);
	bool		digit = *text >= '0' && *text <= '9';

	memset(address, 0, sizeof(*address));
	if (digit && inet_pton(AF_INET, text, ip->ipaddr) == 1)
	{
		ip->family = PGSQL_AF_INET;
		ip->bits = 32;
	}
	else if (strchr(text, ':') != NULL &&
			 inet_pton(AF_INET6, text, ip->ipaddr) == 1)
	{
		ip->family = PGSQL_AF_INET6;
		ip->bits = 128;
	}
	else
		return false;
	SET_INET_VARSIZE(address);
	return true;
}

/*
 * The same for an address that can have the length of its netmask behind it, as text of
 * the type inet does.
 */
bool
address_parse_masked(const char *text, inet *address)
{
	const char *slash = strchr(text, '/');
	char		alone[INET6_ADDRSTRLEN];
	int			bits = 0;

	if (slash == NULL)
		return address_parse(text, address);
	if (slash - text >= (ptrdiff_t) sizeof(alone))
		return false;
	strlcpy(alone, text, slash - text + 1);
	if (!address_parse(alone, address) || slash[1] == '\0' || strlen(slash + 1) > 3)
		return false;
	for (const char *digit = slash + 1; *digit != '\0'; digit++)
	{
		if (*digit < '0' || *digit > '9')
			return false;
		bits = bits * 10 + *digit - '0';
	}
	if (bits > ip_maxbits(address))
		return false;
	ip_bits(address) = bits;
	return true;
}

/*
 * The same, but false for a network: its netmask has to be as long as the address.  That
 * is how an inet without a netmask is cast to text.
 */
bool
address_parse_host(const char *text, inet *address)
{
	return address_parse_masked(text, address) &&
		ip_bits(address) == ip_maxbits(address);
}

/*
 * The name of an address's PTR records (RFC 1035 section 3.5, RFC 3596 section
 * 2.5).  The netmask is ignored.
 */
void
address_reverse_name(const inet *address, DnsName *name)
{
	static const char hex_digits[] = "0123456789abcdef";
	static const char ip4_suffix[] = "\7in-addr\4arpa";
	static const char ip6_suffix[] = "\3ip6\4arpa";
	const uint8 *octets = ip_addr(address);
	uint8	   *at = name->octets;

	if (ip_family(address) == PGSQL_AF_INET)
	{
		for (int i = 3; i >= 0; i--)
		{
			*at = pg_ultoa_n(octets[i], (char *) at + 1);
			at += 1 + *at;
		}
		memcpy(at, ip4_suffix, sizeof(ip4_suffix));
		at += sizeof(ip4_suffix);
	}
	else
	{
		for (int i = 15; i >= 0; i--)
		{
			*at++ = 1;
			*at++ = hex_digits[octets[i] & 0xf];
			*at++ = 1;
			*at++ = hex_digits[octets[i] >> 4];
		}
		memcpy(at, ip6_suffix, sizeof(ip6_suffix));
		at += sizeof(ip6_suffix);
	}
	name->len = at - name->octets;
}
