/*
 * question.c
 *
 * Reads the parts of a question that users write: the name, and type and class
 * as mnemonic or number (RFC 3597 section 5).
 */
#include "postgres.h"

#include <arpa/inet.h>

#include "lookup/lookup.h"

#include "utils/builtins.h"
#include "utils/inet.h"

static int	parse_number(const char *text, const char *prefix, int max);

/*
 * Reads a record type.  If text is not a type, or is one that cannot be looked
 * up, raises or gives false, as on_failure says.
 */
bool
question_type(const char *text, OnFailure on_failure, uint16 *number)
{
	int			type = rrtype_by_name(text);
	bool		refused;

	if (type < 0)
		type = parse_number(text, "TYPE", 65535);
	refused = type == DNS_TYPE_OPT ||
		(type >= DNS_TYPE_TKEY && type <= DNS_TYPE_AXFR);
	if (on_failure == RETURN_FALSE && (type < 0 || refused))
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
				 type == DNS_TYPE_OPT ? errdetail("OPT is a part of messages, and no name has it.") :
				 errdetail("Zone transfers and transactions are no lookups.")));
	*number = type;
	return true;
}

/*
 * Reads a class.  If text is not a class, raises or gives false, as on_failure says.
 */
bool
question_class(const char *text, OnFailure on_failure, uint16 *number)
{
	int			class = rrclass_by_name(text);

	if (class < 0)
		class = parse_number(text, "CLASS", 65535);
	if (class < 0 && on_failure == RETURN_FALSE)
		return false;
	if (class < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a class", text),
				 errhint("Write IN, CH, HS, NONE or ANY, CLASS and a number up to 65535, or the number.")));
	*number = class;
	return true;
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

