/*
 * safe_functions.c
 *
 * Which functions and operators of the server can be run for rows that are perhaps
 * not wanted: those that raise no error, whatever the row holds, and those that
 * raise one of class 22 and leave nothing behind then, since they only compute.
 * Functions are known by the name of their C function, which stays the same over
 * the versions of the server.  Of those that are not listed here nothing is known.
 * Running out of memory does not count.
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

/* Intervals up to so many months lead from the present to no impossible time. */
#define SMALL_INTERVAL	(12 * 1000)

/* The functions that raise no error, or one of class 22 for some arguments. */
typedef enum FunctionKind
{
	RAISES_NOTHING,
	RAISES_CLEANLY,
	NEEDS_COLLATION,			/* raises one where none was decided */
	CHANGES_CASE,				/* the same, and in SQL_ASCII */
	SEARCHES_TEXT,				/* needs a collation that is deterministic */
	SEARCHES_CLEANLY,			/* the same, and may raise an error */
	SPLITS_TEXT,				/* the same, and no field number 0 */
	MATCHES_LIKE,				/* the same, and a pattern that is complete */
	MATCHES_REGEX,				/* the same, and an expression that is sound */
	DIVIDES,					/* not by 0 */
	MOVES_TIME,					/* only the present, by an interval */
	PRINTS_ALL					/* text of arguments of any types */
} FunctionKind;

typedef struct SafeFunction
{
	const char *name;			/* of the C function */
	FunctionKind kind;
} SafeFunction;

/* In the order of strcmp(). */
static const SafeFunction safe_functions[] = {
	{"array_cardinality", RAISES_NOTHING},
	{"array_length", RAISES_NOTHING},
	{"array_unnest", RAISES_NOTHING},
	{"binary_decode", RAISES_CLEANLY},
	{"binary_encode", RAISES_CLEANLY},
	{"booleq", RAISES_NOTHING},
	{"boolne", RAISES_NOTHING},
	{"booltext", RAISES_NOTHING},
	{"bpchar", RAISES_CLEANLY},
	{"bpcharlen", RAISES_NOTHING},
	{"btrim", RAISES_NOTHING},
	{"btrim1", RAISES_NOTHING},
	{"char_text", RAISES_NOTHING},
	{"cidr_set_masklen", RAISES_CLEANLY},
	{"date_mi", RAISES_CLEANLY},
	{"date_mii", RAISES_CLEANLY},
	{"date_pli", RAISES_CLEANLY},
	{"date_timestamp", RAISES_CLEANLY},
	{"date_timestamptz", RAISES_CLEANLY},
	{"dtoi2", RAISES_CLEANLY},
	{"dtoi4", RAISES_CLEANLY},
	{"dtoi8", RAISES_CLEANLY},
	{"float48div", RAISES_CLEANLY},
	{"float48mi", RAISES_CLEANLY},
	{"float48mul", RAISES_CLEANLY},
	{"float48pl", RAISES_CLEANLY},
	{"float4div", RAISES_CLEANLY},
	{"float4mi", RAISES_CLEANLY},
	{"float4mul", RAISES_CLEANLY},
	{"float4pl", RAISES_CLEANLY},
	{"float84div", RAISES_CLEANLY},
	{"float84mi", RAISES_CLEANLY},
	{"float84mul", RAISES_CLEANLY},
	{"float84pl", RAISES_CLEANLY},
	{"float8div", RAISES_CLEANLY},
	{"float8mi", RAISES_CLEANLY},
	{"float8mul", RAISES_CLEANLY},
	{"float8pl", RAISES_CLEANLY},
	{"ftoi2", RAISES_CLEANLY},
	{"ftoi4", RAISES_CLEANLY},
	{"ftoi8", RAISES_CLEANLY},
	{"generate_series_int4", RAISES_NOTHING},
	{"generate_series_int8", RAISES_NOTHING},
	{"generate_series_step_int4", RAISES_CLEANLY},
	{"generate_series_step_int8", RAISES_CLEANLY},
	{"hashint4", RAISES_NOTHING},
	{"hashint8", RAISES_NOTHING},
	{"hashtext", NEEDS_COLLATION},
	{"i2toi4", RAISES_NOTHING},
	{"i4tod", RAISES_CLEANLY},
	{"i4toi2", RAISES_CLEANLY},
	{"i8tod", RAISES_CLEANLY},
	{"inet_abbrev", RAISES_NOTHING},
	{"inet_set_masklen", RAISES_CLEANLY},
	{"inet_to_cidr", RAISES_CLEANLY},
	{"inetand", RAISES_CLEANLY},
	{"inetmi", RAISES_CLEANLY},
	{"inetmi_int8", RAISES_CLEANLY},
	{"inetor", RAISES_CLEANLY},
	{"inetpl", RAISES_CLEANLY},
	{"initcap", CHANGES_CASE},
	{"int24div", RAISES_CLEANLY},
	{"int24mi", RAISES_CLEANLY},
	{"int24mul", RAISES_CLEANLY},
	{"int24pl", RAISES_CLEANLY},
	{"int28", RAISES_NOTHING},
	{"int28div", RAISES_CLEANLY},
	{"int28mi", RAISES_CLEANLY},
	{"int28mul", RAISES_CLEANLY},
	{"int28pl", RAISES_CLEANLY},
	{"int2abs", RAISES_CLEANLY},
	{"int2div", RAISES_CLEANLY},
	{"int2mi", RAISES_CLEANLY},
	{"int2mod", DIVIDES},
	{"int2mul", RAISES_CLEANLY},
	{"int2pl", RAISES_CLEANLY},
	{"int2um", RAISES_CLEANLY},
	{"int42div", RAISES_CLEANLY},
	{"int42mi", RAISES_CLEANLY},
	{"int42mul", RAISES_CLEANLY},
	{"int42pl", RAISES_CLEANLY},
	{"int48", RAISES_NOTHING},
	{"int48div", RAISES_CLEANLY},
	{"int48mi", RAISES_CLEANLY},
	{"int48mul", RAISES_CLEANLY},
	{"int48pl", RAISES_CLEANLY},
	{"int4_numeric", RAISES_CLEANLY},
	{"int4abs", RAISES_CLEANLY},
	{"int4div", RAISES_CLEANLY},
	{"int4mi", RAISES_CLEANLY},
	{"int4mod", DIVIDES},
	{"int4mul", RAISES_CLEANLY},
	{"int4pl", RAISES_CLEANLY},
	{"int4um", RAISES_CLEANLY},
	{"int82", RAISES_CLEANLY},
	{"int82div", RAISES_CLEANLY},
	{"int82mi", RAISES_CLEANLY},
	{"int82mul", RAISES_CLEANLY},
	{"int82pl", RAISES_CLEANLY},
	{"int84", RAISES_CLEANLY},
	{"int84div", RAISES_CLEANLY},
	{"int84mi", RAISES_CLEANLY},
	{"int84mul", RAISES_CLEANLY},
	{"int84pl", RAISES_CLEANLY},
	{"int8_numeric", RAISES_CLEANLY},
	{"int8abs", RAISES_CLEANLY},
	{"int8div", RAISES_CLEANLY},
	{"int8mi", RAISES_CLEANLY},
	{"int8mod", DIVIDES},
	{"int8mul", RAISES_CLEANLY},
	{"int8pl", RAISES_CLEANLY},
	{"int8um", RAISES_CLEANLY},
	{"json_array_element", RAISES_CLEANLY},
	{"json_array_element_text", RAISES_CLEANLY},
	{"json_extract_path", RAISES_CLEANLY},
	{"json_extract_path_text", RAISES_CLEANLY},
	{"json_object_field", RAISES_CLEANLY},
	{"json_object_field_text", RAISES_CLEANLY},
	{"jsonb_array_element", RAISES_NOTHING},
	{"jsonb_array_element_text", RAISES_NOTHING},
	{"jsonb_bool", RAISES_CLEANLY},
	{"jsonb_contains", RAISES_NOTHING},
	{"jsonb_exists", RAISES_NOTHING},
	{"jsonb_extract_path", RAISES_NOTHING},
	{"jsonb_extract_path_text", RAISES_NOTHING},
	{"jsonb_int2", RAISES_CLEANLY},
	{"jsonb_int4", RAISES_CLEANLY},
	{"jsonb_int8", RAISES_CLEANLY},
	{"jsonb_numeric", RAISES_CLEANLY},
	{"jsonb_object_field", RAISES_NOTHING},
	{"jsonb_object_field_text", RAISES_NOTHING},
	{"jsonb_typeof", RAISES_NOTHING},
	{"lower", CHANGES_CASE},
	{"ltrim", RAISES_NOTHING},
	{"ltrim1", RAISES_NOTHING},
	{"name_text", RAISES_NOTHING},
	{"namelike", MATCHES_LIKE},
	{"namenlike", MATCHES_LIKE},
	{"network_broadcast", RAISES_NOTHING},
	{"network_family", RAISES_NOTHING},
	{"network_host", RAISES_NOTHING},
	{"network_hostmask", RAISES_NOTHING},
	{"network_masklen", RAISES_NOTHING},
	{"network_netmask", RAISES_NOTHING},
	{"network_network", RAISES_NOTHING},
	{"network_overlap", RAISES_NOTHING},
	{"network_show", RAISES_NOTHING},
	{"network_sub", RAISES_NOTHING},
	{"network_subeq", RAISES_NOTHING},
	{"network_sup", RAISES_NOTHING},
	{"network_supeq", RAISES_NOTHING},
	{"now", RAISES_NOTHING},
	{"numeric_abs", RAISES_CLEANLY},
	{"numeric_add", RAISES_CLEANLY},
	{"numeric_div", RAISES_CLEANLY},
	{"numeric_float8", RAISES_CLEANLY},
	{"numeric_int2", RAISES_CLEANLY},
	{"numeric_int4", RAISES_CLEANLY},
	{"numeric_int8", RAISES_CLEANLY},
	{"numeric_mod", RAISES_CLEANLY},
	{"numeric_mul", RAISES_CLEANLY},
	{"numeric_round", RAISES_CLEANLY},
	{"numeric_sub", RAISES_CLEANLY},
	{"numeric_trunc", RAISES_CLEANLY},
	{"numeric_uminus", RAISES_CLEANLY},
	{"quote_ident", RAISES_NOTHING},
	{"quote_literal", RAISES_NOTHING},
	{"regexp_match", SEARCHES_CLEANLY},
	{"regexp_match_no_flags", SEARCHES_CLEANLY},
	{"replace_text", SEARCHES_TEXT},
	{"rtrim", RAISES_NOTHING},
	{"rtrim1", RAISES_NOTHING},
	{"split_part", SPLITS_TEXT},
	{"statement_timestamp", RAISES_NOTHING},
	{"text_concat", PRINTS_ALL},
	{"text_concat_ws", PRINTS_ALL},
	{"text_format", RAISES_CLEANLY},
	{"text_format_nv", RAISES_CLEANLY},
	{"text_left", RAISES_NOTHING},
	{"text_reverse", RAISES_NOTHING},
	{"text_right", RAISES_NOTHING},
	{"text_starts_with", SEARCHES_TEXT},
	{"text_substr", SEARCHES_CLEANLY},
	{"text_substr_no_len", RAISES_NOTHING},
	{"text_to_array", SEARCHES_CLEANLY},
	{"textcat", RAISES_NOTHING},
	{"texteq", NEEDS_COLLATION},
	{"texticlike", MATCHES_LIKE},
	{"texticnlike", MATCHES_LIKE},
	{"texticregexeq", MATCHES_REGEX},
	{"texticregexne", MATCHES_REGEX},
	{"textlen", RAISES_NOTHING},
	{"textlike", MATCHES_LIKE},
	{"textne", NEEDS_COLLATION},
	{"textnlike", MATCHES_LIKE},
	{"textoctetlen", RAISES_NOTHING},
	{"textpos", SEARCHES_TEXT},
	{"textregexeq", MATCHES_REGEX},
	{"textregexne", MATCHES_REGEX},
	{"textregexreplace", SEARCHES_CLEANLY},
	{"textregexreplace_extended", SEARCHES_CLEANLY},
	{"textregexreplace_extended_no_flags", SEARCHES_CLEANLY},
	{"textregexreplace_extended_no_n", SEARCHES_CLEANLY},
	{"textregexreplace_noopt", MATCHES_REGEX},
	{"textregexsubstr", MATCHES_REGEX},
	{"timestamp_date", RAISES_CLEANLY},
	{"timestamp_mi", RAISES_CLEANLY},
	{"timestamp_mi_interval", RAISES_CLEANLY},
	{"timestamp_pl_interval", RAISES_CLEANLY},
	{"timestamp_timestamptz", RAISES_CLEANLY},
	{"timestamptz_date", RAISES_CLEANLY},
	{"timestamptz_mi", RAISES_CLEANLY},
	{"timestamptz_mi_interval", MOVES_TIME},
	{"timestamptz_pl_interval", MOVES_TIME},
	{"timestamptz_timestamp", RAISES_CLEANLY},
	{"upper", CHANGES_CASE},
	{"varchar", RAISES_CLEANLY},
};

/* The functions that read what other statements of the session can set. */
static const char *const session_functions[] = {
	"show_config_by_name",
	"show_config_by_name_missing_ok",
};

static const char *c_name(Oid function);
static int	compare_names(const void *key, const void *element);
static bool collation_raises(FunctionKind kind, Oid collation);
static bool arguments_raise(FunctionKind kind, Oid collation,
							List *arguments);
static bool is_number_but(Node *node, int64 refused);
static bool like_raises(List *arguments);
static bool regex_raises(List *arguments, Oid collation);
static bool time_raises(List *arguments);
static bool is_within(int64 value, int64 limit);
static bool printing_raises(List *arguments);
static bool type_is_plain(Oid type);

/*
 * What stands against running a function ahead, called with such arguments: nothing,
 * EARLY_GUARD or EARLY_ERRORS.
 */
bits8
function_early(Oid function, Oid collation, List *arguments)
{
	const char *name = c_name(function);
	const SafeFunction *safe = NULL;

	if (name != NULL)
		safe = bsearch(name, safe_functions, lengthof(safe_functions),
					   sizeof(SafeFunction), compare_names);
	if (safe == NULL || collation_raises(safe->kind, collation))
		return EARLY_ERRORS;
	return arguments_raise(safe->kind, collation, arguments) ? EARLY_GUARD : 0;
}

/*
 * The same of an operator.  Comparisons of the server's own scalar types raise no
 * error.
 */
bits8
operator_early(Oid operator, Oid function, Oid collation, List *arguments)
{
	bits8		early = function_early(function, collation, arguments);
	Oid			left;
	Oid			right;

	if (early != EARLY_ERRORS || operator >= FirstUnpinnedObjectId ||
		get_op_btree_interpretation(operator) == NIL)
		return early;
	op_input_types(operator, &left, &right);
	if (type_is_plain(left) && type_is_plain(right) &&
		(OidIsValid(collation) || !type_is_collatable(left)))
		return 0;
	return EARLY_ERRORS;
}

/*
 * The same of a cast through text.
 */
bits8
cast_early(Oid from, Oid to)
{
	if (type_output_may_raise(from) || !type_is_plain(to))
		return EARLY_ERRORS;
	return to == TEXTOID || to == VARCHAROID ? 0 : EARLY_GUARD;
}

/*
 * May the output function of a type raise an error, or depend on its users?
 */
bool
type_output_may_raise(Oid type)
{
	type = getBaseType(type);
	return !type_is_plain(type);
}

/*
 * Does a function read what other statements of the session can set?  Nobody knows
 * what a user's own function reads unless it is immutable.
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

/* The name of a C function of the server; NULL where it is none. */
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

static int
compare_names(const void *key, const void *element)
{
	return strcmp(key, ((const SafeFunction *) element)->name);
}

/* A collation may be undecided, or not fit for searching in a text. */
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

static bool
arguments_raise(FunctionKind kind, Oid collation, List *arguments)
{
	switch (kind)
	{
		case RAISES_NOTHING:
		case NEEDS_COLLATION:
		case SEARCHES_TEXT:
			return false;
		case RAISES_CLEANLY:
		case SEARCHES_CLEANLY:
			return true;
		case CHANGES_CASE:
			/* In SQL_ASCII, text need not be what the locale expects. */
			return GetDatabaseEncoding() == PG_SQL_ASCII;
		case SPLITS_TEXT:
			return !is_number_but(lthird(arguments), 0);
		case MATCHES_LIKE:
			return like_raises(arguments);
		case MATCHES_REGEX:
			return regex_raises(arguments, collation);
		case DIVIDES:
			return !is_number_but(lsecond(arguments), 0);
		case MOVES_TIME:
			return time_raises(arguments);
		case PRINTS_ALL:
			return printing_raises(arguments);
	}
	return true;
}

/* Is it a constant, and not this number?  NULL is no number. */
static bool
is_number_but(Node *node, int64 refused)
{
	const Const *number = (const Const *) node;

	if (!IsA(node, Const))
		return false;
	if (number->constisnull)
		return true;
	switch (number->consttype)
	{
		case INT2OID:
			return DatumGetInt16(number->constvalue) != refused;
		case INT4OID:
			return DatumGetInt32(number->constvalue) != refused;
		case INT8OID:
			return DatumGetInt64(number->constvalue) != refused;
		default:
			return false;
	}
}

/* A pattern must not end with the character that escapes the next one. */
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

/* Compiles the expression as the functions do, which would raise an error. */
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

/* Is it anything but the time of the transaction, moved by a small interval? */
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
		if (type_output_may_raise(exprType(lfirst(lc))))
			return true;
	}
	return false;
}

/* A type of the server whose values are compared and printed by itself. */
static bool
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
