/*
 * safe_functions.c
 *
 * Which functions and operators of the server can run for rows that are perhaps not
 * used: those that never raise an error, and those that raise one of class 22
 * and leave nothing behind, since they only compute.  A function is known by
 * the name of its C function, which is the same in all versions of the server.
 * A function that is not listed here counts as unsafe.  Running out of memory
 * does not count as an error.
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

/* The kinds of safe functions, by what makes them raise. */
typedef enum FunctionKind
{
	RAISES_NOTHING,
	RAISES_CLEANLY,
	NEEDS_COLLATION,			/* raises if the collation is undecided */
	CHANGES_CASE,				/* the same, or in SQL_ASCII */
	SEARCHES_TEXT,				/* needs a deterministic collation */
	SEARCHES_CLEANLY,			/* the same; can raise one of class 22 */
	SPLITS_TEXT,				/* the same, and a field number other than 0 */
	MATCHES_LIKE,				/* the same, and a complete pattern */
	MATCHES_REGEX,				/* the same, and a valid expression */
	DIVIDES,					/* raises if the divisor is 0 */
	MOVES_TIME,					/* safe for the present and a small interval */
	PRINTS_ALL					/* prints arguments of any types */
} FunctionKind;

static const char *const raises_nothing[] = {
	"array_cardinality", "array_length", "array_unnest", "booleq", "boolne",
	"booltext", "bpcharlen", "btrim", "btrim1", "char_text",
	"generate_series_int4", "generate_series_int8", "generate_subscripts",
	"generate_subscripts_nodir", "hashint4", "hashint8", "i2toi4",
	"inet_abbrev", "int28", "int48", "jsonb_array_element",
	"jsonb_array_element_text", "jsonb_contains", "jsonb_exists",
	"jsonb_extract_path", "jsonb_extract_path_text", "jsonb_object_field",
	"jsonb_object_field_text", "jsonb_typeof", "ltrim", "ltrim1", "name_text",
	"network_broadcast", "network_family", "network_host", "network_hostmask",
	"network_masklen", "network_netmask", "network_network",
	"network_overlap", "network_show", "network_sub", "network_subeq",
	"network_sup", "network_supeq", "now", "quote_ident", "quote_literal",
	"rtrim", "rtrim1", "statement_timestamp", "text_left", "text_reverse",
	"text_right", "text_substr_no_len", "textcat", "textlen", "textoctetlen"
};
static const char *const raises_cleanly[] = {
	"binary_decode", "binary_encode", "bpchar", "cidr_set_masklen", "date_mi",
	"date_mii", "date_pli", "date_timestamp", "date_timestamptz", "dtoi2",
	"dtoi4", "dtoi8", "float48div", "float48mi", "float48mul", "float48pl",
	"float4div", "float4mi", "float4mul", "float4pl", "float84div",
	"float84mi", "float84mul", "float84pl", "float8div", "float8mi",
	"float8mul", "float8pl", "ftoi2", "ftoi4", "ftoi8",
	"generate_series_step_int4", "generate_series_step_int8", "i4tod",
	"i4toi2", "i8tod", "inet_set_masklen", "inet_to_cidr", "inetand",
	"inetmi", "inetmi_int8", "inetor", "inetpl", "int24div", "int24mi",
	"int24mul", "int24pl", "int28div", "int28mi", "int28mul", "int28pl",
	"int2abs", "int2div", "int2mi", "int2mul", "int2pl", "int2um", "int42div",
	"int42mi", "int42mul", "int42pl", "int48div", "int48mi", "int48mul",
	"int48pl", "int4_numeric", "int4abs", "int4div", "int4mi", "int4mul",
	"int4pl", "int4um", "int82", "int82div", "int82mi", "int82mul", "int82pl",
	"int84", "int84div", "int84mi", "int84mul", "int84pl", "int8_numeric",
	"int8abs", "int8div", "int8mi", "int8mul", "int8pl", "int8um",
	"json_array_element", "json_array_element_text", "json_array_elements",
	"json_array_elements_text", "json_array_length", "json_each",
	"json_each_text", "json_extract_path", "json_extract_path_text",
	"json_object_field", "json_object_field_text", "json_object_keys",
	"jsonb_array_elements", "jsonb_array_elements_text", "jsonb_array_length",
	"jsonb_bool", "jsonb_each", "jsonb_each_text", "jsonb_int2", "jsonb_int4",
	"jsonb_int8", "jsonb_numeric", "jsonb_object_keys", "numeric_abs",
	"numeric_add", "numeric_div", "numeric_float8", "numeric_int2",
	"numeric_int4", "numeric_int8", "numeric_mod", "numeric_mul",
	"numeric_round", "numeric_sub", "numeric_trunc", "numeric_uminus",
	"text_format", "text_format_nv", "timestamp_date", "timestamp_mi",
	"timestamp_mi_interval", "timestamp_pl_interval", "timestamp_timestamptz",
	"timestamptz_date", "timestamptz_mi", "timestamptz_timestamp", "varchar"
};
static const char *const needs_collation[] = {
	"hashtext", "texteq", "textne"
};
static const char *const changes_case[] = {
	"initcap", "lower", "upper"
};
static const char *const searches_text[] = {
	"replace_text", "text_starts_with", "textpos"
};
static const char *const searches_cleanly[] = {
	"regexp_match", "regexp_match_no_flags", "regexp_matches",
	"regexp_matches_no_flags", "regexp_split_to_array",
	"regexp_split_to_array_no_flags", "regexp_split_to_table",
	"regexp_split_to_table_no_flags", "text_substr", "text_to_array",
	"text_to_array_null", "text_to_table", "text_to_table_null",
	"textregexreplace", "textregexreplace_extended",
	"textregexreplace_extended_no_flags", "textregexreplace_extended_no_n"
};
static const char *const splits_text[] = {
	"split_part"
};
static const char *const matches_like[] = {
	"namelike", "namenlike", "texticlike", "texticnlike", "textlike",
	"textnlike"
};
static const char *const matches_regex[] = {
	"texticregexeq", "texticregexne", "textregexeq", "textregexne",
	"textregexreplace_noopt", "textregexsubstr"
};
static const char *const divides[] = {
	"int2mod", "int4mod", "int8mod"
};
static const char *const moves_time[] = {
	"timestamptz_mi_interval", "timestamptz_pl_interval"
};
static const char *const prints_all[] = {
	"text_concat", "text_concat_ws"
};

#define SAFE(kind, names)	{kind, names, lengthof(names)}

static const struct
{
	FunctionKind kind;
	const char *const *names;	/* of C functions */
	int			count;
}			safe_functions[] = {
	SAFE(RAISES_NOTHING, raises_nothing),
	SAFE(RAISES_CLEANLY, raises_cleanly),
	SAFE(NEEDS_COLLATION, needs_collation),
	SAFE(CHANGES_CASE, changes_case),
	SAFE(SEARCHES_TEXT, searches_text),
	SAFE(SEARCHES_CLEANLY, searches_cleanly),
	SAFE(SPLITS_TEXT, splits_text),
	SAFE(MATCHES_LIKE, matches_like),
	SAFE(MATCHES_REGEX, matches_regex),
	SAFE(DIVIDES, divides),
	SAFE(MOVES_TIME, moves_time),
	SAFE(PRINTS_ALL, prints_all),
};

/* The functions that read settings, which other statements can change. */
static const char *const session_functions[] = {
	"show_config_by_name",
	"show_config_by_name_missing_ok",
};

static const char *c_name(Oid function);
static bool find_kind(Oid function, FunctionKind *kind);
static bool collation_raises(FunctionKind kind, Oid collation);
static bool arguments_raise(FunctionKind kind, Oid collation,
							List *arguments);
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
	FunctionKind kind;

	if (!find_kind(function, &kind) || collation_raises(kind, collation))
		return EARLY_ERRORS;
	return arguments_raise(kind, collation, arguments) ? EARLY_GUARD : 0;
}

/*
 * The same for an operator.  Comparisons of the server's own scalar types
 * raise no error.
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
	if (type_is_plain(left) && type_is_plain(right) &&
		(OidIsValid(collation) || !type_is_collatable(left)))
		return 0;
	return EARLY_ERRORS;
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

/* Finds the kind of a function; false if it is not listed. */
static bool
find_kind(Oid function, FunctionKind *kind)
{
	const char *name = c_name(function);

	for (int i = 0; name != NULL && i < (int) lengthof(safe_functions); i++)
	{
		for (int j = 0; j < safe_functions[i].count; j++)
		{
			if (strcmp(name, safe_functions[i].names[j]) != 0)
				continue;
			*kind = safe_functions[i].kind;
			return true;
		}
	}
	return false;
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
		if (type_output_may_raise(exprType(lfirst(lc))))
			return true;
	}
	return false;
}

