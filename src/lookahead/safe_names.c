/*
 * safe_names.c
 *
 * The functions of the server that can run for rows that are perhaps not used, by the name
 * of their C function, which is the same in all versions of the server; safe_functions.c
 * has the rules of each kind.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

static const char *const raises_nothing[] = {
	"array_cardinality", "array_dims", "array_length", "array_lower",
	"array_ndims", "array_unnest", "array_upper", "ascii", "bool_int4",
	"booleq", "boolne", "booltext", "bpchar_name", "bpcharlen", "btrim",
	"btrim1", "bytea_substr_no_len", "byteacat", "bytealtrim", "byteaoctetlen",
	"byteartrim", "byteatrim", "char_text", "cidr_abbrev", "date_finite",
	"dceil", "dfloor", "dround", "dsign", "dtrunc", "float4abs", "float4um",
	"float4up", "float8abs", "float8um", "float8up", "ftod",
	"generate_series_int4", "generate_series_int8", "generate_subscripts",
	"generate_subscripts_nodir", "hashchar", "hashinet", "hashint2", "hashint4",
	"hashint8", "i2tod", "i2tof", "i2toi4", "i4tof", "i8tof", "inet_abbrev",
	"inet_same_family", "inetnot", "int28", "int2and", "int2not", "int2or",
	"int2shl", "int2shr", "int2up", "int2xor", "int48", "int4_bool", "int4and",
	"int4not", "int4or", "int4shl", "int4shr", "int4up", "int4xor", "int8and",
	"int8not", "int8or", "int8shl", "int8shr", "int8up", "int8xor",
	"interval_finite", "json_typeof", "jsonb_array_element",
	"jsonb_array_element_text", "jsonb_contained", "jsonb_contains",
	"jsonb_exists", "jsonb_exists_all", "jsonb_exists_any",
	"jsonb_extract_path", "jsonb_extract_path_text", "jsonb_object_field",
	"jsonb_object_field_text", "jsonb_pretty", "jsonb_strip_nulls",
	"jsonb_typeof", "ltrim", "ltrim1", "md5_bytea", "md5_text",
	"multirange_empty", "name_text", "network_broadcast", "network_family",
	"network_host", "network_hostmask", "network_masklen", "network_netmask",
	"network_network", "network_overlap", "network_show", "network_sub",
	"network_subeq", "network_sup", "network_supeq", "now", "numeric_ceil",
	"numeric_floor", "numeric_sign", "numeric_uplus", "oidtoi8",
	"pg_column_size", "pg_num_nonnulls", "pg_num_nulls", "pg_size_pretty",
	"quote_ident", "quote_literal", "quote_nullable", "range_empty",
	"range_lower", "range_lower_inc", "range_lower_inf", "range_upper",
	"range_upper_inc", "range_upper_inf", "rtrim", "rtrim1", "sha224_bytea",
	"sha256_bytea", "sha384_bytea", "sha512_bytea", "statement_timestamp",
	"text_left", "text_name", "text_reverse", "text_right",
	"text_substr_no_len", "textcat", "textlen", "textoctetlen",
	"timestamp_finite", "to_hex32", "to_hex64", "translate", "ts_match_qv",
	"ts_match_vq", "tsvector_length", "uuid_hash"
};
static const char *const raises_cleanly[] = {
	"array_append", "array_cat", "array_fill", "array_prepend", "binary_decode",
	"binary_encode", "bpchar", "byteaGetByte", "bytea_substr", "chr",
	"cidr_set_masklen", "date_mi", "date_mi_interval", "date_mii",
	"date_pl_interval", "date_pli", "date_timestamp", "date_timestamptz",
	"datetime_timestamp", "datetimetz_timestamptz", "dexp", "dlog1", "dlog10",
	"dpow", "dsqrt", "dtof", "dtoi2", "dtoi4", "dtoi8", "extract_date",
	"extract_interval", "extract_time", "extract_timestamp",
	"extract_timestamptz", "extract_timetz", "float48div", "float48mi",
	"float48mul", "float48pl", "float4_numeric", "float4div", "float4mi",
	"float4mul", "float4pl", "float84div", "float84mi", "float84mul",
	"float84pl", "float8_numeric", "float8_timestamptz", "float8div",
	"float8mi", "float8mul", "float8pl", "ftoi2", "ftoi4", "ftoi8",
	"generate_series_numeric", "generate_series_step_int4",
	"generate_series_step_int8", "generate_series_step_numeric",
	"generate_series_timestamp", "generate_series_timestamptz", "i4tod",
	"i4toi2", "i8tod", "i8tooid", "in_range_date_interval",
	"in_range_float4_float8", "in_range_float8_float8", "in_range_int2_int2",
	"in_range_int2_int4", "in_range_int2_int8", "in_range_int4_int2",
	"in_range_int4_int4", "in_range_int4_int8", "in_range_int8_int8",
	"in_range_interval_interval", "in_range_numeric_numeric",
	"in_range_time_interval", "in_range_timestamp_interval",
	"in_range_timestamptz_interval", "in_range_timetz_interval", "inet_merge",
	"inet_set_masklen", "inet_to_cidr", "inetand", "inetmi", "inetmi_int8",
	"inetor", "inetpl", "int24div", "int24mi", "int24mul", "int24pl",
	"int28div", "int28mi", "int28mul", "int28pl", "int2_numeric", "int2abs",
	"int2div", "int2mi", "int2mul", "int2pl", "int2um", "int42div", "int42mi",
	"int42mul", "int42pl", "int48div", "int48mi", "int48mul", "int48pl",
	"int4_numeric", "int4abs", "int4div", "int4gcd", "int4lcm", "int4mi",
	"int4mul", "int4pl", "int4um", "int82", "int82div", "int82mi", "int82mul",
	"int82pl", "int84", "int84div", "int84mi", "int84mul", "int84pl",
	"int8_numeric", "int8abs", "int8div", "int8gcd", "int8lcm", "int8mi",
	"int8mul", "int8pl", "int8um", "interval_div", "interval_justify_days",
	"interval_justify_hours", "interval_justify_interval", "interval_mi",
	"interval_mul", "interval_part", "interval_pl", "interval_scale",
	"interval_time", "interval_trunc", "interval_um", "json_array_element",
	"json_array_element_text", "json_array_elements",
	"json_array_elements_text", "json_array_length", "json_each",
	"json_each_text", "json_extract_path", "json_extract_path_text",
	"json_object", "json_object_field", "json_object_field_text",
	"json_object_keys", "json_strip_nulls", "jsonb_array_elements",
	"jsonb_array_elements_text", "jsonb_array_length", "jsonb_bool",
	"jsonb_concat", "jsonb_delete", "jsonb_delete_array", "jsonb_delete_idx",
	"jsonb_delete_path", "jsonb_each", "jsonb_each_text", "jsonb_float4",
	"jsonb_float8", "jsonb_insert", "jsonb_int2", "jsonb_int4", "jsonb_int8",
	"jsonb_numeric", "jsonb_object", "jsonb_object_keys", "jsonb_path_exists",
	"jsonb_path_exists_opr", "jsonb_path_match", "jsonb_path_match_opr",
	"jsonb_path_query", "jsonb_path_query_array", "jsonb_path_query_first",
	"jsonb_set", "like_escape", "lpad", "make_date", "make_interval",
	"make_time", "make_timestamp", "make_timestamptz",
	"make_timestamptz_at_timezone", "mul_d_interval", "numeric", "numeric_abs",
	"numeric_add", "numeric_div", "numeric_div_trunc", "numeric_exp",
	"numeric_float4", "numeric_float8", "numeric_gcd", "numeric_int2",
	"numeric_int4", "numeric_int8", "numeric_lcm", "numeric_ln", "numeric_log",
	"numeric_mod", "numeric_mul", "numeric_power", "numeric_round",
	"numeric_sqrt", "numeric_sub", "numeric_trunc", "numeric_uminus",
	"pg_convert_from", "pg_convert_to", "range_constructor2",
	"range_constructor3", "repeat", "rpad", "similar_to_escape_1",
	"similar_to_escape_2", "text_format", "text_format_nv", "textoverlay",
	"textoverlay_no_len", "time_interval", "time_mi_interval", "time_part",
	"time_pl_interval", "time_scale", "timestamp_age", "timestamp_bin",
	"timestamp_date", "timestamp_izone", "timestamp_mi",
	"timestamp_mi_interval", "timestamp_part", "timestamp_pl_interval",
	"timestamp_scale", "timestamp_time", "timestamp_timestamptz",
	"timestamp_trunc", "timestamp_zone", "timestamptz_age", "timestamptz_bin",
	"timestamptz_date", "timestamptz_izone", "timestamptz_part",
	"timestamptz_scale", "timestamptz_time", "timestamptz_timestamp",
	"timestamptz_timetz", "timestamptz_trunc", "timestamptz_trunc_zone",
	"timestamptz_zone", "trim_array", "varchar", "width_bucket_float8",
	"width_bucket_numeric"
};
static const char *const needs_collation[] = {
	"hashbpchar", "hashtext", "hashtextextended", "texteq", "textne"
};
static const char *const changes_case[] = {
	"initcap", "lower", "upper"
};
static const char *const searches_text[] = {
	"replace_text", "text_starts_with", "textpos"
};
static const char *const searches_cleanly[] = {
	"float4_to_char", "float8_to_char", "int4_to_char", "int8_to_char",
	"interval_to_char", "numeric_to_char", "numeric_to_number", "regexp_count",
	"regexp_count_no_flags", "regexp_count_no_start", "regexp_instr",
	"regexp_instr_no_endoption", "regexp_instr_no_flags", "regexp_instr_no_n",
	"regexp_instr_no_start", "regexp_instr_no_subexpr", "regexp_like",
	"regexp_like_no_flags", "regexp_match", "regexp_match_no_flags",
	"regexp_matches", "regexp_matches_no_flags", "regexp_split_to_array",
	"regexp_split_to_array_no_flags", "regexp_split_to_table",
	"regexp_split_to_table_no_flags", "regexp_substr", "regexp_substr_no_flags",
	"regexp_substr_no_n", "regexp_substr_no_start", "regexp_substr_no_subexpr",
	"text_substr", "text_to_array", "text_to_array_null", "text_to_table",
	"text_to_table_null", "textregexreplace", "textregexreplace_extended",
	"textregexreplace_extended_no_flags", "textregexreplace_extended_no_n",
	"timestamp_to_char", "timestamptz_to_char", "to_date", "to_timestamp"
};
static const char *const splits_text[] = {
	"split_part"
};
static const char *const matches_like[] = {
	"nameiclike", "nameicnlike", "namelike", "namenlike", "texticlike",
	"texticnlike", "textlike", "textnlike"
};
static const char *const matches_regex[] = {
	"nameicregexeq", "nameicregexne", "nameregexeq", "nameregexne",
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
	"array_to_text", "array_to_text_null", "text_concat", "text_concat_ws"
};
static const char *const prints_cleanly[] = {
	"array_to_json", "json_build_array", "json_build_object",
	"jsonb_build_array", "jsonb_build_object", "to_json", "to_jsonb"
};
static const char *const compares_values[] = {
	"arraycontained", "arraycontains", "arrayoverlap",
	"elem_contained_by_range", "range_adjacent", "range_after", "range_before",
	"range_contained_by", "range_contains", "range_contains_elem",
	"range_overlaps", "range_overleft", "range_overright"
};
static const char *const compares_cleanly[] = {
	"array_position", "array_position_start", "array_positions", "array_remove",
	"array_replace", "range_intersect", "range_merge", "range_minus",
	"range_union"
};

#define SAFE(kind, names)	{kind, names, lengthof(names)}

static const struct
{
	FunctionKind kind;
	const char *const *names;
	int			count;
}			safe_names[] = {
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
	SAFE(PRINTS_CLEANLY, prints_cleanly),
	SAFE(COMPARES_VALUES, compares_values),
	SAFE(COMPARES_CLEANLY, compares_cleanly),
};

/*
 * Finds the kind of a function; false if it is not listed.
 */
bool
safe_names_find(const char *name, FunctionKind *kind)
{
	for (int i = 0; i < (int) lengthof(safe_names); i++)
	{
		for (int j = 0; j < safe_names[i].count; j++)
		{
			if (strcmp(name, safe_names[i].names[j]) != 0)
				continue;
			*kind = safe_names[i].kind;
			return true;
		}
	}
	return false;
}
