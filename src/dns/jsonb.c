/*
 * jsonb.c
 *
 * Builds jsonb piece by piece from keys and values.  The push functions add a
 * value or an element, whichever is due.  Small objects are filled directly,
 * which costs less.
 */
#include "postgres.h"

#include "dns/dns.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

static void push_value(JsonbState *state, JsonbValue *value);
static int	compare_strings(const JsonbValue *a, const JsonbValue *b);

/*
 * Adds a member, in jsonb's order of keys, to an object whose pairs have room
 * for it.  Returns the value, which the caller fills.  The key must be new and
 * is not copied.
 */
JsonbValue *
jsonb_add_member(JsonbValue *object, const char *key)
{
	JsonbPair  *first = object->val.object.pairs;
	JsonbPair  *pair = first + object->val.object.nPairs++;
	JsonbValue	name;

	jsonb_set_string(&name, unconstify(char *, key), strlen(key));
	for (; pair > first && compare_strings(&pair[-1].key, &name) > 0; pair--)
		*pair = pair[-1];
	pair->key = name;
	return &pair->value;
}

/*
 * Sets a text, which is not copied.
 */
void
jsonb_set_string(JsonbValue *value, char *text, int len)
{
	value->type = jbvString;
	value->val.string.val = text;
	value->val.string.len = len;
}

/*
 * Sets a whole number.
 */
void
jsonb_set_number(JsonbValue *value, int64 number)
{
	value->type = jbvNumeric;
	value->val.numeric = int64_to_numeric(number);
}

/*
 * Sets a number with this many digits after the decimal point.
 */
void
jsonb_set_decimal(JsonbValue *value, double number, int digits)
{
	value->type = jbvNumeric;
	value->val.numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in,
							CStringGetDatum(psprintf("%.*f", digits, number)),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * Sets true or false.
 */
void
jsonb_set_boolean(JsonbValue *value, bool boolean)
{
	value->type = jbvBool;
	value->val.boolean = boolean;
}

/*
 * Pushes a key of an object; it is copied.
 */
void
jsonb_push_key(JsonbState *state, const char *key)
{
	JsonbValue	value;

	jsonb_set_string(&value, pstrdup(key), strlen(key));
	jsonb_push(state, WJB_KEY, &value);
}

/*
 * Pushes a copy of a buffer's text and frees the buffer.  The copy has no
 * spare memory: there can be many small ones.
 */
void
jsonb_push_text(JsonbState *state, StringInfo buffer)
{
	JsonbValue	value;

	jsonb_set_string(&value, pnstrdup(buffer->data, buffer->len), buffer->len);
	pfree(buffer->data);
	push_value(state, &value);
}

/*
 * Pushes a text value; it is copied.
 */
void
jsonb_push_word(JsonbState *state, const char *word)
{
	JsonbValue	value;

	jsonb_set_string(&value, pstrdup(word), strlen(word));
	push_value(state, &value);
}

void
jsonb_push_number(JsonbState *state, int64 number)
{
	JsonbValue	value;

	jsonb_set_number(&value, number);
	push_value(state, &value);
}

void
jsonb_push_boolean(JsonbState *state, bool boolean)
{
	JsonbValue	value;

	jsonb_set_boolean(&value, boolean);
	push_value(state, &value);
}

/*
 * Ends the outermost object and returns it, palloc'd.
 */
Jsonb *
jsonb_end_object(JsonbState *state)
{
	return JsonbValueToJsonb(jsonb_push(state, WJB_END_OBJECT, NULL));
}

static void
push_value(JsonbState *state, JsonbValue *value)
{
	bool		in_array = JSONB_LEVEL(state)->contVal.type == jbvArray;

	jsonb_push(state, in_array ? WJB_ELEM : WJB_VALUE, value);
}

/* Shorter strings come first, as in jsonb. */
static int
compare_strings(const JsonbValue *a, const JsonbValue *b)
{
	if (a->val.string.len != b->val.string.len)
		return a->val.string.len - b->val.string.len;
	return memcmp(a->val.string.val, b->val.string.val, a->val.string.len);
}
