/*
 * advice.c
 *
 * Hints for texts that fail as names since they are something else: URLs, mail
 * addresses, IP addresses and so on.  Most are domain names by their syntax, so they
 * are asked for as they stand; only then do hints say more than that.  And hints for
 * errors that come from a setting.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "mb/pg_wchar.h"

/* Space and the other white space of ASCII, in any locale. */
#define IS_WHITE(octet)	((octet) == ' ' || ((octet) >= '\t' && (octet) <= '\r'))

static bool is_about_name(const DnsOutcome *outcome);
static bool is_service_instance(const char *text);
static bool is_reverse(const char *text, size_t len);
static bool is_asked_as_it_stands(const char *text, const DnsOutcome *outcome);
static bool is_quoted(const char *text, size_t len);
static bool has_port(const char *text);

/*
 * The hint for a failed lookup of text, static; NULL if the text can be a name that
 * somebody means.
 */
const char *
advice_for(const char *text, const DnsOutcome *outcome)
{
	size_t		len = strlen(text);
	inet		address;

	if (len == 0 || !is_about_name(outcome) || is_service_instance(text))
		return NULL;
	if (IS_WHITE(text[0]) || IS_WHITE(text[len - 1]))
		return "Remove the white space at its ends, as btrim(name, E' \\t\\r\\n') does.";
	if (is_quoted(text, len))
		return "Remove the quotation marks around it.";
	if (address_parse_masked(text, &address))
		return is_asked_as_it_stands(text, outcome) ?
			"It is an address: dns_ptr() and dns_reverse() look up its names." : NULL;
	if (strchr(text, '@') != NULL)
		return "It looks like a mail address: only the part behind the @ is a domain name.";
	if (strstr(text, "://") != NULL || (strchr(text, '/') != NULL && !is_reverse(text, len)))
		return "It looks like a URL: only its host is a domain name.";
	if (*text == '[')
		return "Write an address without brackets.";
	if (has_port(text))
		return "It looks like a host and a port: only the part before the last colon is a name or an address.";
	if (strchr(text, ',') != NULL || strchr(text, ';') != NULL)
		return "It looks like a list: look up each name by itself, or an array of them.";
	return NULL;
}

/*
 * A sentence about the first white space or control character of text, which a message
 * does not show well, palloc'd; NULL if there is none in ASCII.
 */
char *
advice_on_octet(const char *text)
{
	const char *at = text;

	while ((uint8) *at > ' ' && *at != 0x7f)
		at++;
	if (*at == '\0')
		return NULL;
	return psprintf("Character %d is \\%03d.", pg_mbstrlen_with_len(text, at - text) + 1, *at);
}

/*
 * The hint for an error of the system, a number of errno, that a setting can have caused,
 * static; NULL if none has.
 */
const char *
advice_on_error(int error)
{
	if (error == ENODEV && *setting_local_dev != '\0')
		return "Check pgcares.local_dev.";
	if (error == EADDRNOTAVAIL &&
		(*setting_local_ip4 != '\0' || *setting_local_ip6 != '\0'))
		return "Check pgcares.local_ip4 and pgcares.local_ip6.";
	return NULL;
}

/* Can the text be the reason for the outcome? */
static bool
is_about_name(const DnsOutcome *outcome)
{
	return outcome->status->final ||
		outcome->status == status_by_name("SERVFAIL") ||
		outcome->status == status_by_name("REFUSED");
}

/* Is it a service, whose instances have names of any characters (RFC 6763 section 4.1.1)? */
static bool
is_service_instance(const char *text)
{
	return strstr(text, "._tcp.") != NULL || strstr(text, "._udp.") != NULL;
}

/* Is it a reverse name?  These have a slash in delegations of less than 256 addresses (RFC 2317). */
static bool
is_reverse(const char *text, size_t len)
{
	if (len > 0 && text[len - 1] == '.')
		len--;
	return len >= 5 && pg_strncasecmp(text + len - 5, ".arpa", 5) == 0;
}

/* Was an address asked for as a name, and not for its names? */
static bool
is_asked_as_it_stands(const char *text, const DnsOutcome *outcome)
{
	DnsName		name;

	return name_parse(text, false, &name) == NULL &&
		name_equal(&name, &outcome->question.name);
}

static bool
is_quoted(const char *text, size_t len)
{
	return len > 1 && text[0] == text[len - 1] && (*text == '"' || *text == '\'');
}

/* Does it end in a colon and a port? */
static bool
has_port(const char *text)
{
	const char *colon = strrchr(text, ':');

	return colon != NULL && colon > text && colon[1] != '\0' &&
		strspn(colon + 1, "0123456789") == strlen(colon + 1);
}
