/*
 * jsonb.c
 *
 * Makes jsonb piece by piece: keys, and values of the kinds that are needed.
 * What is pushed has the place of a value or of an element, whichever is due.
 * Objects of few members are filled without that, which costs less.
 */
#include "postgres.h"

#include "dns/dns.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

static void push_value(JsonbParseState **state, JsonbValue *value);
static int	compare_strings(const JsonbValue *a, const JsonbValue *b);

/*
 * Adds a member to an object whose pairs have room for it, in the order that
 * jsonb wants, and gives its value, which the caller fills.  The key is new, and
 * not copied.
 */
JsonbValue *
add_member(JsonbValue *object, const char *key)
{
	JsonbPair  *first = object->val.object.pairs;
	JsonbPair  *pair = first + object->val.object.nPairs++;
	JsonbValue	name;

	set_string(&name, unconstify(char *, key), strlen(key));
	for (; pair > first && compare_strings(&pair[-1].key, &name) > 0; pair--)
		*pair = pair[-1];
	pair->key = name;
	return &pair->value;
}

/*
 * Text, which is not copied.
 */
void
set_string(JsonbValue *value, char *text, int len)
{
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = len;
}

/*
 * A whole number.
 */
void
set_number(JsonbValue *value, int64 number)
{
	value->type = jbvNumeric;
	value->val.numeric = int64_to_numeric(number);
}

/*
 * A number with so many digits after the point.
 */
void
set_decimal(JsonbValue *value, double number, int digits)
{
	value->type = jbvNumeric;
	value->val.numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in,
							CStringGetDatum(psprintf("%.*f", digits, number)),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * True or false.
 */
void
set_boolean(JsonbValue *value, bool boolean)
{
	value->type = jbvBool;
	value->val.boolean = boolean;
}

/*
 * A key of an object; it is copied.
 */
void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	set_string(&value, pstrdup(key), strlen(key));
	pushJsonbValue(state, WJB_KEY, &value);
}

/*
 * Pushes the text of a buffer, which is not the caller's any more.  There may be
 * many small ones: none keeps more memory than its text.
 */
void
push_text(JsonbParseState **state, StringInfo buffer)
{
	JsonbValue	value;

	set_string(&value, pnstrdup(buffer->data, buffer->len), buffer->len);
	pfree(buffer->data);
	push_value(state, &value);
}

/*
 * A text value; it is copied.
 */
void
push_word(JsonbParseState **state, const char *word)
{
	JsonbValue	value;

	set_string(&value, pstrdup(word), strlen(word));
	push_value(state, &value);
}

void
push_number(JsonbParseState **state, int64 number)
{
	JsonbValue	value;

	set_number(&value, number);
	push_value(state, &value);
}

void
push_boolean(JsonbParseState **state, bool boolean)
{
	JsonbValue	value;

	set_boolean(&value, boolean);
	push_value(state, &value);
}

/*
 * Ends the outermost object; it is palloc'd.
 */
Jsonb *
end_object(JsonbParseState **state)
{
	return JsonbValueToJsonb(pushJsonbValue(state, WJB_END_OBJECT, NULL));
}

static void
push_value(JsonbParseState **state, JsonbValue *value)
{
	bool		in_array = (*state)->contVal.type == jbvArray;

	pushJsonbValue(state, in_array ? WJB_ELEM : WJB_VALUE, value);
}

/* Shorter ones come first. */
static int
compare_strings(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len - b->val.string.len;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}
