/*
 * question.c
 *
 * Turns what users write into a question: types and classes by mnemonic or number
 * (RFC 3597 section 5), addresses into the names of their PTR records.  Names are
 * written.c's.  Tells which names are special.
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "pgcares.h"

#include "utils/builtins.h"
#include "utils/inet.h"

static int	parse_number(const char *text, const char *prefix, int max);
static bool has_suffix(const DnsName *name, const char *label);

/*
 * The number of a record type that a user wrote.  Where it is none, or one that
 * cannot be looked up, raises, or gives false if soft.
 */
bool
question_type(const char *text, bool soft, uint16 *number)
{
	int			type = rrtype_by_name(text);
	bool		refused;

	if (type < 0)
		type = parse_number(text, "TYPE", 65535);
	refused = type == DNS_TYPE_OPT ||
		(type >= DNS_TYPE_TKEY && type <= DNS_TYPE_AXFR);
	if (soft && (type < 0 || refused))
		return false;
	if (type < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a record type", text),
				 errhint("Write a mnemonic of dns_types(), TYPE and a number up to 65535, or the number.")));
	if (refused)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot look up records of type \"%s\"", text),
				 errdetail("Zone transfers and transactions are no lookups.")));
	*number = type;
	return true;
}

/*
 * The number of a class that a user wrote.  Where it is none, raises, or gives
 * false if soft.
 */
bool
question_class(const char *text, bool soft, uint16 *number)
{
	int			class = rrclass_by_name(text);

	if (class < 0)
		class = parse_number(text, "CLASS", 65535);
	if (class < 0 && soft)
		return false;
	if (class < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a class", text),
				 errhint("Write IN, CH, HS, NONE or ANY, CLASS and a number up to 65535, or the number.")));
	*number = class;
	return true;
}

/*
 * The name to ask for.
 */
bool
question_read_name(const char *written, size_t len, bool soft, DnsName *name)
{
	const char *reason = question_name_with_len(written, len, setting_idn, name);

	if (reason != NULL && !soft)
		question_refuse_name(pnstrdup(written, len), reason);
	return reason == NULL;
}

/*
 * The name of an address's PTR records (RFC 1035 section 3.5, RFC 3596
 * section 2.5).  The netmask does not count.
 */
void
question_reverse_name(const inet *address, DnsName *name)
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

/*
 * Reads an address that stands where a name is expected; false if it is none.
 * Only the full form is one: anything else may be a name.
 */
bool
question_address(const char *text, inet *address)
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
 * Names that never exist in the DNS and are never sent there: onion (RFC 7686
 * section 2) and invalid (RFC 6761 section 6.4).
 */
bool
question_never_asked(const DnsName *name)
{
	return has_suffix(name, "onion") || has_suffix(name, "invalid");
}

/*
 * localhost and the names below it: this host, whatever a name server says
 * (RFC 6761 section 6.3).
 */
bool
question_localhost(const DnsName *name)
{
	return has_suffix(name, "localhost");
}

/*
 * Gives the letters a random case: a forger has to guess that too
 * (draft-vixie-dnsext-dns0x20).  May raise.
 */
void
question_randomize_case(DnsName *name)
{
	uint8		bits[WIRE_NAME_MAX];

	if (!pg_strong_random(bits, name->len))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bits")));
	for (int i = 0; i < name->len; i++)
	{
		uint8		octet = pg_ascii_tolower(name->octets[i]);

		if (octet >= 'a' && octet <= 'z' && (bits[i] & 1))
			octet = pg_ascii_toupper(octet);
		name->octets[i] = octet;
	}
}

/* Reads PREFIXnnn or nnn, in any case; -1 if it is neither. */
static int
parse_number(const char *text, const char *prefix, int max)
{
	int			value = 0;

	if (pg_strncasecmp(text, prefix, strlen(prefix)) == 0)
		text += strlen(prefix);
	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++)
	{
		if (!isdigit((unsigned char) *text))
			return -1;
		value = value * 10 + *text - '0';
		if (value > max)
			return -1;
	}
	return value;
}

/* Is label the last one of the name before the root? */
static bool
has_suffix(const DnsName *name, const char *label)
{
	int			len = strlen(label);
	const uint8 *at = name->octets;

	while (*at != 0)
	{
		if (*at == len && at[1 + len] == 0 &&
			pg_strncasecmp((const char *) at + 1, label, len) == 0)
			return true;
		at += 1 + *at;
	}
	return false;
}
