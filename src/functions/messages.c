/*
 * messages.c
 *
 * Whole messages as rows: the outcome of a question, every section of the
 * answer, and the server, the time and the queries that it took.  The octets
 * of a message make the same row.  No DNS outcome is an error here, except for
 * octets that cannot be read, as on_error says.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* The row that is being filled. */
typedef struct MessageRow
{
	Datum	   *values;
	bool	   *nulls;
} MessageRow;

static void put_message(FunctionCallInfo fcinfo, const char *server,
						int first_argument);
static void put_row(ReturnSetInfo *rsinfo, const DnsOutcome *outcome,
					const char *written);
static void report_malformed(const char *reason, OnError on_error);
static void put(MessageRow *row, int column, Datum value);
static void put_octets(MessageRow *row, int column, const uint8 *octets,
					   size_t len);
static void put_header(MessageRow *row, const DnsMessage *message);
static void put_questions(MessageRow *row, const DnsMessage *message);
static void put_edns(MessageRow *row, const DnsMessage *message);
static void put_exchange(MessageRow *row, const DnsOutcome *outcome);
static void append_question(StringInfo out, const DnsQuestion *question);

PG_FUNCTION_INFO_V1(pgcares_message);
PG_FUNCTION_INFO_V1(pgcares_message_at);
PG_FUNCTION_INFO_V1(pgcares_parse);

/*
 * dns_message(name, type, class)
 */
Datum
pgcares_message(PG_FUNCTION_ARGS)
{
	put_message(fcinfo, NULL, 0);
	return (Datum) 0;
}

/*
 * dns_message_at(server, name, type, class)
 */
Datum
pgcares_message_at(PG_FUNCTION_ARGS)
{
	char	   *server = text_to_cstring(PG_GETARG_TEXT_PP(0));

	server_require(server);
	put_message(fcinfo, server, 1);
	return (Datum) 0;
}

/*
 * dns_parse(message, on_error)
 */
Datum
pgcares_parse(PG_FUNCTION_ARGS)
{
	DnsMessage	message;
	DnsOutcome	outcome;
	OnError		on_error;
	const char *reason;

	messages_begin(fcinfo, 0);
	argument_on_error(fcinfo, 1, RAISE, &on_error);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	reason = messages_open(&message, PG_GETARG_BYTEA_PP(0));
	if (reason == NULL)
		outcome_read_message(&outcome, &message);
	else
	{
		report_malformed(reason, on_error);
		outcome_set(&outcome, "MALFORMED");
		outcome.why = "the value is not a DNS message";
		outcome.message = message;
	}
	put_row((ReturnSetInfo *) fcinfo->resultinfo, &outcome, NULL);
	return (Datum) 0;
}

/*
 * Reads the arguments name, type and class; name is the one numbered
 * first_argument.  False if the name is invalid.  If type or class is invalid,
 * raises or gives false, as on_failure says.
 */
bool
messages_question(FunctionCallInfo fcinfo, int first_argument, OnFailure on_failure,
				  DnsQuestion *question)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(first_argument));

	question->nsid = true;
	return argument_kind(fcinfo, first_argument + 1, on_failure, &question->type,
						 &question->class) &&
		name_parse(name, setting_idn, &question->name) == NULL;
}

/*
 * Predicts the question of a function with these arguments; see
 * LookupFunction.
 */
int
messages_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	return !PG_ARGISNULL(0) && messages_question(fcinfo, 0, RETURN_FALSE, questions) &&
		!name_never_asked(&questions->name);
}

/*
 * The same for dns_message_at().
 */
int
messages_at_questions(FunctionCallInfo fcinfo, uint16 type, DnsQuestion *questions)
{
	return !PG_ARGISNULL(1) && messages_question(fcinfo, 1, RETURN_FALSE, questions) &&
		!name_never_asked(&questions->name);
}

/*
 * Opens a message that a user gave; the octets are not copied.  Returns NULL, or
 * the reason why it cannot be read: a static sentence.  The message then has only
 * its octets, and its header if that is complete.
 */
const char *
messages_open(DnsMessage *message, const bytea *octets)
{
	const uint8 *start = (const uint8 *) VARDATA_ANY(octets);
	size_t		len = VARSIZE_ANY_EXHDR(octets);
	const char *reason = NULL;

	memset(message, 0, sizeof(*message));
	if (!message_open(message, start, Min(len, PG_UINT16_MAX)))
		reason = "It has fewer than the 12 octets of a header.";
	else if (len > PG_UINT16_MAX)
		reason = "It has more than 65535 octets.";
	else if (!sound_sections(message))
		reason = "Its sections do not fit its header, their record types or its length.";
	message->start = start;
	message->end = start + len;
	return reason;
}

/*
 * Makes an empty set of rows with the columns of a message, from first_column
 * on, behind the position of a batch if that is 1.
 */
void
messages_begin(FunctionCallInfo fcinfo, int first_column)
{
	static const Oid types[1 + MESSAGE_COLUMNS] = {
		INT8OID,
		TEXTOID, TEXTOID, TEXTOID,
		INT4OID, BOOLOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID,
		InvalidOid, InvalidOid, InvalidOid, /* see sections.c */
		TEXTOID, TEXTOID, INTERVALOID, INT4OID,
		INT4OID, INT4OID, TEXTOID, TEXTOID, BYTEAOID
	};

	rows_begin(fcinfo, &types[1 - first_column], first_column + MESSAGE_COLUMNS);
}

/*
 * Fills the columns of a message except its sections (sections.c); all are NULL
 * before.  written is the name as the user wrote it, or NULL.
 */
void
messages_row(const DnsOutcome *outcome, const char *written, Datum *values,
			 bool *nulls)
{
	const DnsMessage *message = &outcome->message;
	MessageRow	row = {.values = values, .nulls = nulls};
	char	   *reason = outcome_reason(outcome, written);

	if (outcome->status != NULL)
		put(&row, COLUMN_STATUS, CStringGetTextDatum(outcome->status->name));
	if (reason != NULL)
		put(&row, COLUMN_REASON, CStringGetTextDatum(reason));
	if (outcome->sound)
	{
		put_header(&row, message);
		put_questions(&row, message);
		put_edns(&row, message);
	}
	else if (outcome->reply == NULL &&
			 message->end - message->start >= WIRE_HEADER_SIZE)
		put_header(&row, message);	/* what can be read of a user's octets */
	if (message->start != NULL)
		put(&row, COLUMN_WIRE,
			PointerGetDatum(cstring_to_text_with_len((const char *) message->start,
													 message->end - message->start)));
	if (outcome->reply != NULL)
		put_exchange(&row, outcome);
	else if (message->start == NULL)
		put(&row, COLUMN_TRIES, Int32GetDatum(0));	/* the text is not a name */
}

/* dns_message() and dns_message_at(): one row for every outcome. */
static void
put_message(FunctionCallInfo fcinfo, const char *server, int first_argument)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *written = text_to_cstring(PG_GETARG_TEXT_PP(first_argument));
	DnsQuestion question;
	DnsOutcome	outcome;
	Lookup		lookup = {.server = server};

	messages_begin(fcinfo, 0);
	if (messages_question(fcinfo, first_argument, RAISE, &question))
		lookup_ask(&lookup, &question, 1, &outcome);
	else
	{
		outcome_set(&outcome, "BADNAME");
		outcome.question.type = question.type;
		outcome.question.class = question.class;
	}
	put_row(rsinfo, &outcome, written);
	lookup_end(&lookup);
}

/* Adds the row of an outcome. */
static void
put_row(ReturnSetInfo *rsinfo, const DnsOutcome *outcome, const char *written)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcares row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Datum		values[MESSAGE_COLUMNS];
	bool		nulls[MESSAGE_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	messages_row(outcome, written, values, nulls);
	if (outcome->sound)
		sections_row(rsinfo->setDesc, 0, values, nulls);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

/* Raises or warns that octets are not a message, or neither, as on_error says. */
static void
report_malformed(const char *reason, OnError on_error)
{
	if (on_error == ON_ERROR_IGNORE)
		return;
	ereport(on_error == ON_ERROR_WARNING ? WARNING : ERROR,
			(errcode(status_by_name("MALFORMED")->sqlstate),
			 errmsg("the value is not a DNS message (MALFORMED)"),
			 errdetail_internal("%s", reason),
			 on_error == ON_ERROR_WARNING ? 0 :
			 errhint("Use on_error => 'warning' or 'ignore' to get a row with this status.")));
}

static void
put(MessageRow *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

/* Puts a stranger's octets as text; leaves NULL if there are none. */
static void
put_octets(MessageRow *row, int column, const uint8 *octets, size_t len)
{
	StringInfoData text;

	if (len == 0)
		return;
	initStringInfo(&text);
	encode_text(&text, octets, len);
	put(row, column, CStringGetTextDatum(text.data));
}

static void
put_header(MessageRow *row, const DnsMessage *message)
{
	uint16		flags = message->flags;

	put(row, COLUMN_RCODE, Int32GetDatum(message_rcode(message)));
	put(row, COLUMN_AA, BoolGetDatum((flags & WIRE_AA) != 0));
	put(row, COLUMN_TC, BoolGetDatum((flags & WIRE_TC) != 0));
	put(row, COLUMN_RD, BoolGetDatum((flags & WIRE_RD) != 0));
	put(row, COLUMN_RA, BoolGetDatum((flags & WIRE_RA) != 0));
	put(row, COLUMN_AD, BoolGetDatum((flags & WIRE_AD) != 0));
	put(row, COLUMN_CD, BoolGetDatum((flags & WIRE_CD) != 0));
}

static void
put_questions(MessageRow *row, const DnsMessage *message)
{
	const uint8 *pos = message->start + WIRE_HEADER_SIZE;
	StringInfoData questions;
	DnsQuestion question;

	initStringInfo(&questions);
	for (int i = 0; i < message->count[0]; i++)
	{
		if (!message_next_question(message, &question, &pos))
			break;
		if (i > 0)
			appendStringInfoString(&questions, ", ");
		append_question(&questions, &question);
	}
	if (questions.len > 0)
		put(row, COLUMN_QUESTION, CStringGetTextDatum(questions.data));
}

static void
put_edns(MessageRow *row, const DnsMessage *message)
{
	DnsRR		opt;
	const uint8 *text;
	size_t		len;
	int			code;

	if (!message_opt(message, &opt))
		return;
	put(row, COLUMN_EDNS_UDP_SIZE, Int32GetDatum(opt.class));
	if (message_opt_option(&opt, EDNS_OPTION_NSID, &text, &len))
		put_octets(row, COLUMN_NSID, text, len);
	if (message_extended_error(message, &code, &text, &len))
	{
		put(row, COLUMN_EDE_CODE, Int32GetDatum(code));
		put_octets(row, COLUMN_EDE_TEXT, text, len);
	}
}

/* Puts the question, server, transport, elapsed time and tries. */
static void
put_exchange(MessageRow *row, const DnsOutcome *outcome)
{
	const DnsReply *reply = outcome->reply;
	Interval   *elapsed = palloc0(sizeof(Interval));
	StringInfoData question;

	initStringInfo(&question);
	append_question(&question, &outcome->question);
	put(row, COLUMN_QUESTION, CStringGetTextDatum(question.data));

	/* Anybody on the path can set this bit: see pgcares.trust_ad. */
	if (!outcome->shows_ad)
		row->nulls[COLUMN_AD] = true;

	if (outcome->server != NULL)
		put(row, COLUMN_SERVER, CStringGetTextDatum(server_text(outcome->server)));
	if (outcome->cached)
		put(row, COLUMN_TRANSPORT, CStringGetTextDatum("CACHE"));
	else if (outcome->message.start != NULL)
		put(row, COLUMN_TRANSPORT,
			CStringGetTextDatum(reply->answer_tcp ? "TCP" : "UDP"));
	elapsed->time = reply->done_at - reply->asked_at;
	put(row, COLUMN_ELAPSED, IntervalPGetDatum(elapsed));
	put(row, COLUMN_TRIES, Int32GetDatum(reply->queries));
}

/* As dig prints it, except for the order: example.com. IN MX */
static void
append_question(StringInfo out, const DnsQuestion *question)
{
	encode_name(out, &question->name, true);
	appendStringInfo(out, " %s %s", rrclass_text(question->class),
					 rrtype_text(question->type));
}
