/*
 * push.c
 *
 * Makes jsonb piece by piece: keys, and values of the kinds that are needed.
 * What is pushed has the place of a value or of an element, whichever is due.
 */
#include "postgres.h"

#include "pgcares.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

static void push_value(JsonbParseState **state, JsonbValue *value);

/*
 * A key of an object; it is copied.
 */
void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = pstrdup(key);
	value.val.string.len = strlen(key);
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

	value.type = jbvString;
	value.val.string.val = memcpy(palloc(buffer->len + 1), buffer->data,
								  buffer->len + 1);
	value.val.string.len = buffer->len;
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

	value.type = jbvString;
	value.val.string.val = pstrdup(word);
	value.val.string.len = strlen(word);
	push_value(state, &value);
}

/*
 * A whole number.
 */
void
push_number(JsonbParseState **state, int64 number)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = int64_to_numeric(number);
	push_value(state, &value);
}

/*
 * True or false.
 */
void
push_boolean(JsonbParseState **state, bool boolean)
{
	JsonbValue	value;

	value.type = jbvBool;
	value.val.boolean = boolean;
	push_value(state, &value);
}

/*
 * A number with so many digits after the point.
 */
void
push_decimal(JsonbParseState **state, double number, int digits)
{
	JsonbValue	value;

	value.type = jbvNumeric;
	value.val.numeric = DatumGetNumeric(
		DirectFunctionCall3(numeric_in,
							CStringGetDatum(psprintf("%.*f", digits, number)),
							ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
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
