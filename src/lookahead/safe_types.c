/*
 * safe_types.c
 *
 * Which of the server's types can compare, print and read their values before
 * their turn.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"

#include "lookahead/lookahead.h"

/*
 * Is it a type of the server whose values compare and print without an error?
 */
bool
type_is_plain(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case CHAROID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case OIDOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case NAMEOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case BYTEAOID:
		case UUIDOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
		case MACADDR8OID:
		case DATEOID:
		case TIDOID:
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
		case JSONOID:
		case JSONBOID:
			return true;
		default:
			return false;
	}
}

/*
 * Can the output function of a type raise an error, or depend on user code?
 */
bool
type_output_may_raise(Oid type)
{
	type = getBaseType(type);
	return !type_is_plain(type);
}

/*
 * Returns the obstacles to a cast through text before its turn.
 */
bits8
cast_early(Oid from, Oid to)
{
	if (type_output_may_raise(from) || !type_is_plain(to))
		return EARLY_ERRORS;
	return to == TEXTOID || to == VARCHAROID ? 0 : EARLY_GUARD;
}
