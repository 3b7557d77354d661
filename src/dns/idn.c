/*
 * idn.c
 *
 * Names with characters that are not ASCII: their A-labels (UTS 46, non-transitional,
 * and IDNA2008, RFC 5891).  Raises only if there is no memory.
 */
#include "postgres.h"

#include <idn2.h>

#include "dns/dns.h"

#include "common/string.h"
#include "mb/pg_wchar.h"

static const char *convert_labels(const char *text, char **ascii);
static size_t label_len(const char *text);
static const char *convert(const char *text, char **ascii);
static char *text_to_utf8(const char *text);

/*
 * Converts a name to ASCII, palloc'd; its escapes stay.  Returns NULL, or the reason why
 * that is not possible: a sentence, static or palloc'd.
 */
const char *
idn_to_ascii(const char *text, char **ascii)
{
	/* libidn2 has no clear words for these. */
	for (const char *at = text; *at != '\0'; at++)
	{
		if ((uint8) *at <= ' ' || *at == 0x7f)
			return NAME_NEEDS_ESCAPE;
	}
	if (strchr(text, '\\') == NULL && convert(text, ascii) == NULL)
		return NULL;
	/* libidn2 refuses names for labels that are ASCII, such as -a and xn--a. */
	return convert_labels(text, ascii);
}

/*
 * Converts a name label by label: those that are ASCII stay as they are, others cannot
 * have escapes.  So every name that dns_to_unicode() gives is converted.
 */
static const char *
convert_labels(const char *text, char **ascii)
{
	StringInfoData all;
	const char *reason = NULL;

	initStringInfo(&all);
	while (*text != '\0' && reason == NULL)
	{
		size_t		len = label_len(text);
		char	   *label = pnstrdup(text, len);
		char	   *converted;

		/* A name has fewer, even if each octet is escaped. */
		if (all.len > 4 * WIRE_NAME_MAX)
			reason = "It has more than 255 octets.";
		else if (pg_is_ascii(label))
			appendStringInfoString(&all, label);
		else if (strchr(label, '\\') != NULL)
			reason = "A label cannot have escapes and characters that are not ASCII.";
		else if ((reason = convert(label, &converted)) == NULL)
		{
			appendStringInfoString(&all, converted);
			pfree(converted);
		}
		pfree(label);
		text += len;
		if (*text == '.')
			appendStringInfoChar(&all, *text++);
	}
	if (reason == NULL)
		*ascii = all.data;
	else
		pfree(all.data);
	return reason;
}

/* The octets of text before the first dot that has no backslash before it. */
static size_t
label_len(const char *text)
{
	const char *at = text;

	while (*at != '\0' && *at != '.')
		at += at[0] == '\\' && at[1] != '\0' ? 2 : 1;
	return at - text;
}

/* Converts a text without escapes. */
static const char *
convert(const char *text, char **ascii)
{
	char	   *utf8 = text_to_utf8(text);
	char	   *converted;
	int			rc;

	if (utf8 == NULL)
		return "It has characters that have no equivalent in Unicode.";
	rc = idn2_to_ascii_8z(utf8, &converted, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);
	pfree(utf8);
	if (rc == IDN2_MALLOC)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (rc != IDN2_OK)
		return psprintf("It cannot be converted to ASCII: %s.", idn2_strerror(rc));
	*ascii = pstrdup(converted);
	idn2_free(converted);
	return NULL;
}

/*
 * Converts from the database encoding; NULL if that is not possible.  In an
 * SQL_ASCII database the bytes must be UTF-8 already.
 */
static char *
text_to_utf8(const char *text)
{
	int			encoding = GetDatabaseEncoding();

	if (encoding != PG_UTF8 && encoding != PG_SQL_ASCII)
		return encode_recode(text, strlen(text), encoding, PG_UTF8);
	return pg_verify_mbstr(PG_UTF8, text, strlen(text), true) ?
		pstrdup(text) : NULL;
}
