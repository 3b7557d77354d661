/*
 * arguments.c
 *
 * Reads the arguments that several SQL functions share.  A function that runs
 * raises 22023 for an invalid argument; a text that is not a name is an outcome.  Code that only predicts the questions
 * of a call passes RETURN_FALSE.
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
 * Reads the arguments name, type, class and on_error; name is the one numbered
 * first_argument.  Also false if one of the first three is NULL: the call asks
 * nothing then.
 */
bool
argument_request(FunctionCallInfo fcinfo, int first_argument, OnFailure on_failure,
				 DnsRequest *request)
{
	DnsQuestion *question = &request->question;

	if (PG_ARGISNULL(first_argument))
		return false;
	question->nsid = false;
	return argument_kind(fcinfo, first_argument + 1, on_failure, &question->type,
						 &question->class) &&
		argument_name_text(request, PG_GETARG_TEXT_PP(first_argument), on_failure) &&
		argument_on_error(fcinfo, first_argument + 3, on_failure,
						  &request->on_error);
}

/*
 * Reads the arguments type and class.  Also false if one is NULL.
 */
bool
argument_kind(FunctionCallInfo fcinfo, int first_argument, OnFailure on_failure,
			  uint16 *type, uint16 *class)
{
	if (PG_ARGISNULL(first_argument) || PG_ARGISNULL(first_argument + 1))
		return false;
	return question_type(text_to_cstring(PG_GETARG_TEXT_PP(first_argument)),
						 on_failure, type) &&
		question_class(text_to_cstring(PG_GETARG_TEXT_PP(first_argument + 1)),
					   on_failure, class);
}

/*
 * Reads on_error from the argument or, if that is NULL, from the setting.
 */
bool
argument_on_error(FunctionCallInfo fcinfo, int argument, OnFailure on_failure,
				  OnError *on_error)
{
	*on_error = setting_on_error;
	if (PG_NARGS() <= argument || PG_ARGISNULL(argument))
		return true;
	return settings_on_error(text_to_cstring(PG_GETARG_TEXT_PP(argument)), on_failure,
							 on_error);
}

/*
 * The name server in the first argument, palloc'd; NULL if that is NULL, or if the
 * call will raise for it.
 */
const char *
argument_server(FunctionCallInfo fcinfo)
{
	DnsServer	server;
	char	   *written;

	if (PG_ARGISNULL(0))
		return NULL;
	written = text_to_cstring(PG_GETARG_TEXT_PP(0));
	return server_parse(written, &server) == NULL && allowed_servers_has(&server) ?
		written : NULL;
}

/*
 * Sets the name of a request from a text, which must outlive the request.  If that is
 * not a name, notes it in the request or gives false, as on_failure says.
 */
bool
argument_name_text(DnsRequest *request, const text *written, OnFailure on_failure)
{
	request->written = written;
	request->address = NULL;
	request->bad_name = name_parse_with_len(VARDATA_ANY(written), VARSIZE_ANY_EXHDR(written),
											setting_idn, &request->question.name);
	return request->bad_name == NULL || on_failure == RAISE;
}

/*
 * Is the text of a request not a name?  Then makes the outcome of that.
 */
bool
argument_is_bad_name(const DnsRequest *request, DnsOutcome *outcome)
{
	if (request->bad_name == NULL)
		return false;
	outcome_of_bad_name(outcome, request->bad_name);
	outcome->question.type = request->question.type;
	outcome->question.class = request->question.class;
	return true;
}

/*
 * The name or address as the user wrote it, palloc'd.
 */
char *
argument_text(const DnsRequest *request)
{
	return request->written != NULL ? text_to_cstring(request->written) :
		address_text(request->address);
}

/*
 * Reads an address family: 4 or 6, as in family(inet), or 0 for both.
 */
bool
argument_family(FunctionCallInfo fcinfo, int argument, OnFailure on_failure, int *family)
{
	*family = PG_GETARG_INT32(argument);
	if (*family == 0 || *family == 4 || *family == 6)
		return true;
	if (on_failure == RAISE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid family of addresses: %d", *family),
				 errhint("It is 4 for IPv4, 6 for IPv6, or 0 for both.")));
	return false;
}

/*
 * Reads a port.
 */
bool
argument_port(FunctionCallInfo fcinfo, int argument, OnFailure on_failure, int *port)
{
	*port = PG_GETARG_INT32(argument);
	if (*port >= 0 && *port <= 65535)
		return true;
	if (on_failure == RAISE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid port: %d", *port),
				 errhint("It is a number from 0 to 65535.")));
	return false;
}

/*
 * Reads flags from an array of words.  Case does not matter.  A word can have
 * the prefix of its C name, for example AI_ or ARES_AI_.
 */
bool
argument_flags(FunctionCallInfo fcinfo, int argument, const FlagWord *words,
			   const char *prefix, OnFailure on_failure, int *flags)
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

		if (word == NULL && on_failure == RETURN_FALSE)
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
