/*
 * extended_error.c
 *
 * The extended error of an answer (RFC 8914), in words.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/*
 * Octets of a server's text in a message.  Chosen, not measured: the rest is cut;
 * dns_message() shows all of it.
 */
#define MAX_EXTENDED_TEXT	255

/* Extended errors (RFC 8914 section 5.2 and the IANA registry). */
static const char *const extended_errors[] = {
	"Other Error", "Unsupported DNSKEY Algorithm",
	"Unsupported DS Digest Type", "Stale Answer", "Forged Answer",
	"DNSSEC Indeterminate", "DNSSEC Bogus", "Signature Expired",
	"Signature Not Yet Valid", "DNSKEY Missing", "RRSIGs Missing",
	"No Zone Key Bit Set", "NSEC Missing", "Cached Error", "Not Ready",
	"Blocked", "Censored", "Filtered", "Prohibited", "Stale NXDOMAIN Answer",
	"Not Authoritative", "Not Supported", "No Reachable Authority",
	"Network Error", "Invalid Data", "Signature Expired before Valid",
	"Too Early", "Unsupported NSEC3 Iterations Value",
	"Unable to conform to policy", "Synthesized"
};

/*
 * The extended error of an answer as a sentence, palloc'd, or NULL.  A stranger wrote
 * its text.
 */
char *
extended_error_text(const DnsMessage *message)
{
	StringInfoData sentence;
	const uint8 *text;
	size_t		len;
	int			code;

	if (!message_extended_error(message, &code, &text, &len))
		return NULL;

	initStringInfo(&sentence);
	appendStringInfo(&sentence, "The server added extended error %d", code);
	if (code < (int) lengthof(extended_errors))
		appendStringInfo(&sentence, " (%s)", extended_errors[code]);
	if (len > 0)
	{
		appendStringInfoString(&sentence, ": ");
		encode_octets(&sentence, text, Min(len, MAX_EXTENDED_TEXT),
					  ESCAPED_IN_TEXT);
		if (len > MAX_EXTENDED_TEXT)
			appendStringInfoString(&sentence, "...");
	}
	appendStringInfoChar(&sentence, '.');
	return sentence.data;
}
