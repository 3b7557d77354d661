/*
 * arguments.c
 *
 * Arguments that several SQL functions have, read in one way.  Those who read
 * them for a function raise 22023 where one means nothing; those who only tell
 * what a call will ask are soft: all of this gives them false instead.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

static const FlagWord *find_flag(const char *written, const FlagWord *words,
								 const char *prefix);
static char *list_flags(const FlagWord *words);

/*
 * The arguments name, type, class and on_error, from the first one on.  False
 * also where one of the first three is NULL, which asks nothing.
 */
bool
argument_request(FunctionCallInfo fcinfo, int first_argument, bool soft,
				 DnsRequest *request)
{
	DnsQuestion *question = &request->question;

	if (PG_ARGISNULL(first_argument))
		return false;
	question->nsid = false;
	return argument_kind(fcinfo, first_argument + 1, soft, &question->type,
						 &question->class) &&
		argument_name_text(request, PG_GETARG_TEXT_PP(first_argument), soft) &&
		argument_on_error(fcinfo, first_argument + 3, soft,
						  &request->on_error);
}

/*
 * The arguments type and class.  False also where one is NULL.
 */
bool
argument_kind(FunctionCallInfo fcinfo, int first_argument, bool soft,
			  uint16 *type, uint16 *class)
{
	if (PG_ARGISNULL(first_argument) || PG_ARGISNULL(first_argument + 1))
		return false;
	return question_type(text_to_cstring(PG_GETARG_TEXT_PP(first_argument)),
						 soft, type) &&
		question_class(text_to_cstring(PG_GETARG_TEXT_PP(first_argument + 1)),
					   soft, class);
}

/*
 * What the call, or else the setting, says about failures.
 */
bool
argument_on_error(FunctionCallInfo fcinfo, int argument, bool soft,
				  OnError *on_error)
{
	*on_error = setting_on_error;
	if (PG_NARGS() <= argument || PG_ARGISNULL(argument))
		return true;
	return settings_on_error(text_to_cstring(PG_GETARG_TEXT_PP(argument)), soft,
							 on_error);
}

/*
 * The name that a request asks for, from a text that it refers to then.
 */
bool
argument_name_text(DnsRequest *request, const text *written, bool soft)
{
	request->written = written;
	request->address = NULL;
	return question_read_name(VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written), soft,
						 &request->question.name);
}

/*
 * What the user wrote, palloc'd.
 */
char *
argument_text(const DnsRequest *request)
{
	return request->written != NULL ? text_to_cstring(request->written) :
		address_text(request->address);
}

/*
 * A family of addresses: 4 or 6, as in family(inet), or 0 for both.
 */
bool
argument_family(FunctionCallInfo fcinfo, int argument, bool soft, int *family)
{
	*family = PG_GETARG_INT32(argument);
	if (*family == 0 || *family == 4 || *family == 6)
		return true;
	if (!soft)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid family of addresses: %d", *family),
				 errhint("It is 4 for IPv4, 6 for IPv6, or 0 for both.")));
	return false;
}

/*
 * The bits of an array of words, in any case of letters.  Each may have the
 * prefix of C in front, AI_ say, or that with ARES_ before it.
 */
bool
argument_flags(FunctionCallInfo fcinfo, int argument, const FlagWord *words,
			   const char *prefix, bool soft, int *flags)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	*flags = 0;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *written = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
		const FlagWord *word = nulls[i] ? NULL : find_flag(written, words, prefix);

		if (word == NULL && soft)
			return false;
		if (word == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 nulls[i] ? errmsg("a flag cannot be NULL") :
					 errmsg("\"%s\" is not a flag", written),
					 errhint("Flags are %s.", list_flags(words))));
		*flags |= word->bit;
	}
	return true;
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
