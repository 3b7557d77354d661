/*
 * safe_functions.c
 *
 * Which functions and operators of the server can run for rows that are perhaps not
 * used: those that never raise an error, and those that raise one that early_errors.c
 * holds back, and leave nothing behind, since they only compute.  A function that is not
 * listed in safe_names.c counts as unsafe.  Running out of memory does not count as an
 * error.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "regex/regex.h"
#include "utils/builtins.h"
#include "utils/fmgrtab.h"
#include "utils/lsyscache.h"

#include "lookahead/lookahead.h"

/*
 * Months by which the present can be moved and stay a valid time: 1000 years.  A
 * timestamp reaches from 4713 BC to 294276 AD.
 */
#define SMALL_INTERVAL	(12 * 1000)

/* The functions that read settings, which other statements can change. */
static const char *const session_functions[] = {
	"show_config_by_name",
	"show_config_by_name_missing_ok",
};

static const char *c_name(Oid function);
static bool collation_raises(FunctionKind kind, Oid collation);
static bool values_raise(FunctionKind kind, Oid collation, List *arguments);
static bool arguments_raise(FunctionKind kind, Oid collation,
							List *arguments);
static bool compares(Oid type, List *arguments, Oid collation);
static bool is_not_zero(Node *node);
static bool like_raises(List *arguments);
static bool regex_raises(List *arguments, Oid collation);
static bool time_raises(List *arguments);
static bool is_within(int64 value, int64 limit);
static bool printing_raises(List *arguments);

/*
 * Returns the obstacle to running a function ahead with these arguments: 0,
 * EARLY_GUARD or EARLY_ERRORS.
 */
bits8
function_early(Oid function, Oid collation, List *arguments)
{
	const char *name = c_name(function);
	FunctionKind kind;

	if (name == NULL || !safe_names_find(name, &kind) ||
		collation_raises(kind, collation) || values_raise(kind, collation, arguments))
		return EARLY_ERRORS;
	return arguments_raise(kind, collation, arguments) ? EARLY_GUARD : 0;
}

/*
 * The same for an operator.  Comparisons of the server's own types raise no error.
 */
bits8
operator_early(Oid operator, Oid function, Oid collation, List *arguments)
{
	bits8		early = function_early(function, collation, arguments);
	Oid			left;
	Oid			right;

	if (early != EARLY_ERRORS || operator >= FirstUnpinnedObjectId ||
		!operator_orders(operator))
		return early;
	op_input_types(operator, &left, &right);
	return compares(left, arguments, collation) && compares(right, arguments, collation) ?
		0 : EARLY_ERRORS;
}

/*
 * Do values of a type compare without an error?
 */
bool
type_compares(Oid type, Oid collation)
{
	return type_is_sound(type) && (OidIsValid(collation) || !type_is_collatable(type));
}

/* The same for an operand, of a type that its value gives if the operator takes any. */
static bool
compares(Oid type, List *arguments, Oid collation)
{
	if (IsPolymorphicType(type))
		type = arguments != NIL ? exprType(linitial(arguments)) : InvalidOid;
	return type_compares(type, collation);
}

/*
 * Is it a function that makes rows of a JSON document, with the columns that the statement
 * gives?
 */
bool
function_makes_rows(Oid function)
{
	static const char *const names[] = {
		"json_to_record", "json_to_recordset", "jsonb_to_record", "jsonb_to_recordset"
	};
	const char *name = c_name(function);

	for (int i = 0; name != NULL && i < (int) lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/*
 * Does a function read anything that other statements of the session can set?
 * A user's own function counts as reading it unless it is immutable.
 */
bool
function_reads_session(Oid function)
{
	const char *name = c_name(function);

	if (name == NULL)
		return func_volatile(function) != PROVOLATILE_IMMUTABLE;
	for (int i = 0; i < (int) lengthof(session_functions); i++)
	{
		if (strcmp(name, session_functions[i]) == 0)
			return true;
	}
	return false;
}

/* The C name of a built-in function of the server; NULL for others. */
static const char *
c_name(Oid function)
{
	uint16		index;

	if (function > fmgr_last_builtin_oid)
		return NULL;
	index = fmgr_builtin_oid_index[function];
	return index == InvalidOidBuiltinMapping ? NULL :
		fmgr_builtins[index].funcName;
}

/* Is the collation undecided, or unfit for searching in a text? */
static bool
collation_raises(FunctionKind kind, Oid collation)
{
	switch (kind)
	{
		case NEEDS_COLLATION:
		case CHANGES_CASE:
			return !OidIsValid(collation);
		case SEARCHES_TEXT:
		case SEARCHES_CLEANLY:
		case SPLITS_TEXT:
		case MATCHES_LIKE:
		case MATCHES_REGEX:
			return !OidIsValid(collation) ||
				!get_collation_isdeterministic(collation);
		default:
			return false;
	}
}

/* Can values of any types raise an error of any kind here? */
static bool
values_raise(FunctionKind kind, Oid collation, List *arguments)
{
	ListCell   *lc;

	switch (kind)
	{
		case PRINTS_CLEANLY:
			return printing_raises(arguments);
		case COMPARES_VALUES:
		case COMPARES_CLEANLY:
			foreach(lc, arguments)
			{
				if (!type_compares(exprType(lfirst(lc)), collation))
					return true;
			}
			return false;
		default:
			return false;
	}
}

static bool
arguments_raise(FunctionKind kind, Oid collation, List *arguments)
{
	switch (kind)
	{
		case RAISES_NOTHING:
		case NEEDS_COLLATION:
		case SEARCHES_TEXT:
		case COMPARES_VALUES:
			return false;
		case RAISES_CLEANLY:
		case SEARCHES_CLEANLY:
		case PRINTS_CLEANLY:
		case COMPARES_CLEANLY:
			return true;
		case CHANGES_CASE:
			/* In SQL_ASCII, the locale can reject the text. */
			return GetDatabaseEncoding() == PG_SQL_ASCII;
		case SPLITS_TEXT:
			return !is_not_zero(lthird(arguments));
		case MATCHES_LIKE:
			return like_raises(arguments);
		case MATCHES_REGEX:
			return regex_raises(arguments, collation);
		case DIVIDES:
			return !is_not_zero(lsecond(arguments));
		case MOVES_TIME:
			return time_raises(arguments);
		case PRINTS_ALL:
			return printing_raises(arguments);
	}
	return true;
}

/* Is it a number that is constant and not 0?  NULL counts as one. */
static bool
is_not_zero(Node *node)
{
	const Const *number = (const Const *) node;

	if (!IsA(node, Const))
		return false;
	if (number->constisnull)
		return true;
	switch (number->consttype)
	{
		case INT2OID:
			return DatumGetInt16(number->constvalue) != 0;
		case INT4OID:
			return DatumGetInt32(number->constvalue) != 0;
		case INT8OID:
			return DatumGetInt64(number->constvalue) != 0;
		default:
			return false;
	}
}

/* A pattern must not end with the escape character. */
static bool
like_raises(List *arguments)
{
	const Const *pattern = lsecond(arguments);
	text	   *value;

	if (!IsA(pattern, Const))
		return true;
	if (pattern->constisnull)
		return false;
	value = DatumGetTextPP(pattern->constvalue);
	return VARSIZE_ANY_EXHDR(value) > 0 &&
		VARDATA_ANY(value)[VARSIZE_ANY_EXHDR(value) - 1] == '\\';
}

/* Compiles the expression as the functions do, but without an error. */
static bool
regex_raises(List *arguments, Oid collation)
{
	const Const *expression = lsecond(arguments);
	text	   *value;
	pg_wchar   *characters;
	int			len;
	regex_t		regex;
	bool		sound;

	if (!IsA(expression, Const))
		return true;
	if (expression->constisnull)
		return false;
	value = DatumGetTextPP(expression->constvalue);
	characters = palloc((VARSIZE_ANY_EXHDR(value) + 1) * sizeof(pg_wchar));
	len = pg_mb2wchar_with_len(VARDATA_ANY(value), characters,
							   VARSIZE_ANY_EXHDR(value));
	sound = pg_regcomp(&regex, characters, len, REG_ADVANCED, collation) == REG_OKAY;
	if (sound)
		pg_regfree(&regex);
	pfree(characters);
	return !sound;
}

/* False only for now() or statement_timestamp(), moved by a small interval. */
static bool
time_raises(List *arguments)
{
	const FuncExpr *time = linitial(arguments);
	const Const *interval = lsecond(arguments);
	const char *name = IsA(time, FuncExpr) ? c_name(time->funcid) : NULL;
	const Interval *value;

	if (name == NULL || !IsA(interval, Const) ||
		(strcmp(name, "now") != 0 && strcmp(name, "statement_timestamp") != 0))
		return true;
	if (interval->constisnull)
		return false;
	value = DatumGetIntervalP(interval->constvalue);
	return !is_within(value->month, SMALL_INTERVAL) ||
		!is_within(value->day, 31 * SMALL_INTERVAL) ||
		!is_within(value->time, USECS_PER_DAY * 31 * SMALL_INTERVAL);
}

static bool
is_within(int64 value, int64 limit)
{
	return value >= -limit && value <= limit;
}

static bool
printing_raises(List *arguments)
{
	ListCell   *lc;

	foreach(lc, arguments)
	{
		if (!type_is_sound(exprType(lfirst(lc))))
			return true;
	}
	return false;
}

