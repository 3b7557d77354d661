/*
 * escapes.c
 *
 * The octets that text with escapes stands for (RFC 1035 section 5.1).
 */
#include "postgres.h"

#include "functions/functions.h"

#include "utils/builtins.h"

static int	escaped_octet(const char *digits, const char *end);

PG_FUNCTION_INFO_V1(pgcares_unescape);

/*
 * dns_unescape(text): \DDD is an octet, \X is the character X, and other characters
 * are their octets in the database's encoding.
 */
Datum
pgcares_unescape(PG_FUNCTION_ARGS)
{
	text	   *written = PG_GETARG_TEXT_PP(0);
	const char *at = VARDATA_ANY(written);
	const char *end = at + VARSIZE_ANY_EXHDR(written);
	bytea	   *octets = palloc(VARHDRSZ + VARSIZE_ANY_EXHDR(written));
	char	   *to = VARDATA(octets);

	while (at < end)
	{
		int			octet;

		if (*at != '\\')
		{
			*to++ = *at++;
			continue;
		}
		at++;
		octet = escaped_octet(at, end);
		if (octet < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
					 errmsg("\"%s\" has an escape without meaning",
							text_to_cstring(written)),
					 errdetail("After a backslash come three digits of a number up to 255, or another character.")));
		*to++ = octet;
		at += *at >= '0' && *at <= '9' ? 3 : 1;
	}
	SET_VARSIZE(octets, to - (char *) octets);
	PG_RETURN_BYTEA_P(octets);
}

/* Reads what is behind a backslash: an octet, or -1. */
static int
escaped_octet(const char *digits, const char *end)
{
	int			octet = 0;

	if (digits == end)
		return -1;
	if (*digits < '0' || *digits > '9')
		return (uint8) *digits;
	if (end - digits < 3)
		return -1;
	for (int i = 0; i < 3; i++)
	{
		if (digits[i] < '0' || digits[i] > '9')
			return -1;
		octet = 10 * octet + digits[i] - '0';
	}
	return octet <= 255 ? octet : -1;
}
