/*
 * safe_types.c
 *
 * Which of the server's types can compare, print and read their values before
 * their turn.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "nodes/execnodes.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

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
		case BITOID:
		case VARBITOID:
		case CASHOID:
		case PG_LSNOID:
		case XID8OID:
		case UNKNOWNOID:		/* a constant, where any type will do */
			return true;
		default:
			return false;
	}
}

/*
 * The same for a type that can also be made of such types: an enumeration, an array, a
 * range of the server, or a domain, whose values have been checked.
 */
bool
type_is_sound(Oid type)
{
	Oid			part;

	type = getBaseType(type);
	if (type_is_plain(type))
		return true;
	part = get_element_type(type);
	if (OidIsValid(part))
		return type_is_sound(part);
	/* A user's range can have functions of its own. */
	return type_is_enum(type) || (type < FirstUnpinnedObjectId && type_is_range(type));
}

/*
 * Returns the obstacles to a cast through text before its turn.
 */
bits8
cast_early(Oid from, Oid to)
{
	if (!type_is_sound(from) || !type_can_be_read(to))
		return EARLY_ERRORS;
	return to == TEXTOID || to == VARCHAROID ? 0 : EARLY_GUARD;
}

/*
 * Can values of a type be read from text with no other errors than those of data?  A domain
 * has checks.
 */
bool
type_can_be_read(Oid type)
{
	Oid			part = get_element_type(type);

	return OidIsValid(part) ? type_can_be_read(part) :
		get_typtype(type) != TYPTYPE_DOMAIN && type_is_sound(type);
}

/*
 * The conditions that a domain checks, of Expr *.
 */
List *
domain_conditions(Oid type)
{
	/* The memory context keeps a pointer to it. */
	DomainConstraintRef *domain = palloc0(sizeof(DomainConstraintRef));
	List	   *conditions = NIL;
	ListCell   *lc;

	InitDomainConstraintRef(type, domain, CurrentMemoryContext, false);
	foreach(lc, domain->constraints)
		conditions = lappend(conditions, lfirst_node(DomainConstraintState, lc)->check_expr);
	return conditions;
}
