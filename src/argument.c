/*
 * argument.c
 *
 * Arguments that several SQL functions have, read in one way.  All of them
 * raise 22023 where the text means nothing.
 */
#include "postgres.h"

#include "pgcares.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

static const FlagWord *find_flag(const char *written, const FlagWord *words,
								 const char *prefix);
static char *list_flags(const FlagWord *words);

/*
 * What the call, or else the setting, says about failures.
 */
OnError
argument_on_error(FunctionCallInfo fcinfo, int argument)
{
	if (PG_NARGS() <= argument || PG_ARGISNULL(argument))
		return setting_on_error;
	return settings_on_error(text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

/*
 * The name to ask for.
 */
void
argument_name(const char *written, DnsName *name)
{
	const char *reason = question_name(written, setting_idn, name);

	if (reason != NULL)
		question_refuse_name(written, reason);
}

/*
 * A family of addresses: 4 or 6, as in family(inet), or 0 for both.
 */
int
argument_family(FunctionCallInfo fcinfo, int argument)
{
	int			family = PG_GETARG_INT32(argument);

	if (family != 0 && family != 4 && family != 6)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid family of addresses: %d", family),
				 errhint("It is 4 for IPv4, 6 for IPv6, or 0 for both.")));
	return family;
}

/*
 * The bits of an array of words, in any case of letters.  Each may have the
 * prefix of C in front, AI_ say, or that with ARES_ before it.
 */
int
argument_flags(FunctionCallInfo fcinfo, int argument, const FlagWord *words,
			   const char *prefix)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	int			flags = 0;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *written = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
		const FlagWord *word = nulls[i] ? NULL : find_flag(written, words, prefix);

		if (word == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 nulls[i] ? errmsg("a flag cannot be NULL") :
					 errmsg("\"%s\" is not a flag", written),
					 errhint("Flags are %s.", list_flags(words))));
		flags |= word->bit;
	}
	return flags;
}

static const FlagWord *
find_flag(const char *written, const FlagWord *words, const char *prefix)
{
	size_t		len = strlen(prefix);

	if (pg_strncasecmp(written, "ARES_", 5) == 0 &&
		pg_strncasecmp(written + 5, prefix, len) == 0)
		written += 5;
	if (pg_strncasecmp(written, prefix, len) == 0)
		written += len;
	for (const FlagWord *word = words; word->word != NULL; word++)
	{
		if (pg_strcasecmp(word->word, written) == 0)
			return word;
	}
	return NULL;
}

static char *
list_flags(const FlagWord *words)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const FlagWord *word = words; word->word != NULL; word++)
		appendStringInfo(&list, "%s%s", list.len > 0 ? ", " : "", word->word);
	return list.data;
}
