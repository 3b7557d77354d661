/*
 * messages.c
 *
 * Whole messages as rows: the outcome of a question, every section of the
 * answer, and the server, the time and the queries that it took.  The octets
 * of a message make the same row.  No DNS outcome is an error here.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

/* The row that is being filled. */
typedef struct MessageRow
{
	TupleDesc	desc;
	int			first_column;
	Datum	   *values;
	bool	   *nulls;
} MessageRow;

static void put_message(FunctionCallInfo fcinfo, const char *server,
						int first_argument);
static void put_row(ReturnSetInfo *rsinfo, const DnsOutcome *outcome);
static void open_row(MessageRow *row, TupleDesc desc, int first_column,
					 Datum *values, bool *nulls);
static void put(MessageRow *row, int column, Datum value);
static void put_octets(MessageRow *row, int column, const uint8 *octets,
					   size_t len);
static void put_header(MessageRow *row, const DnsMessage *message);
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
 * dns_parse(message)
 */
Datum
pgcares_parse(PG_FUNCTION_ARGS)
{
	DnsMessage	message;
	DnsOutcome	outcome;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	messages_open(&message, PG_GETARG_BYTEA_PP(0));
	outcome_read_message(&outcome, &message);
	put_row((ReturnSetInfo *) fcinfo->resultinfo, &outcome);
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
 * Opens a message that a user gave.  Raises if the octets are not a message.
 */
void
messages_open(DnsMessage *message, const bytea *octets)
{
	size_t		len = VARSIZE_ANY_EXHDR(octets);
	const char *reason;

	if (len > PG_UINT16_MAX)
		reason = "It has more than 65535 octets.";
	else if (!message_open(message, (const uint8 *) VARDATA_ANY(octets), len))
		reason = "It has fewer than the 12 octets of a header.";
	else if (!sound_sections(message))
		reason = "Its sections do not fit its header, their record types or its length.";
	else
		return;

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("the value is not a DNS message"),
			 errdetail_internal("%s", reason)));
}

/*
 * Fills the columns of a message except its sections (sections.c).  The
 * columns begin at first_column and are the last ones.
 */
void
messages_row(TupleDesc desc, int first_column, const DnsOutcome *outcome,
			 Datum *values, bool *nulls)
{
	const DnsMessage *message = &outcome->message;
	MessageRow	row;

	open_row(&row, desc, first_column, values, nulls);
	if (outcome->status != NULL)
		put(&row, COLUMN_STATUS, CStringGetTextDatum(outcome->status->name));
	if (outcome->sound)
	{
		put_header(&row, message);
		put_edns(&row, message);
	}
	if (message->start != NULL)
		put(&row, COLUMN_WIRE,
			PointerGetDatum(cstring_to_text_with_len((const char *) message->start,
													 message->end - message->start)));
	if (outcome->reply != NULL)
		put_exchange(&row, outcome);
}

/*
 * Fills the columns for a text that is not a name: no question was asked.
 */
void
messages_row_badname(TupleDesc desc, int first_column,
					 Datum *values, bool *nulls)
{
	MessageRow	row;

	open_row(&row, desc, first_column, values, nulls);
	put(&row, COLUMN_STATUS, CStringGetTextDatum("BADNAME"));
	put(&row, COLUMN_TRIES, Int32GetDatum(0));
}

/* dns_message() and dns_message_at(): one row for every outcome. */
static void
put_message(FunctionCallInfo fcinfo, const char *server, int first_argument)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	DnsQuestion question;
	DnsOutcome	outcome;
	Lookup		lookup = {.server = server};

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (!messages_question(fcinfo, first_argument, RAISE, &question))
	{
		put_row(rsinfo, NULL);
		return;
	}
	lookup_ask(&lookup, &question, 1, &outcome);
	put_row(rsinfo, &outcome);
	lookup_end(&lookup);
}

/* Adds the row of an outcome, or, if NULL, of a text that is not a name. */
static void
put_row(ReturnSetInfo *rsinfo, const DnsOutcome *outcome)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcares row",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	Datum		values[MESSAGE_COLUMNS];
	bool		nulls[MESSAGE_COLUMNS];

	if (outcome != NULL)
	{
		messages_row(rsinfo->setDesc, 0, outcome, values, nulls);
		sections_row(rsinfo->setDesc, 0, values, nulls);
	}
	else
		messages_row_badname(rsinfo->setDesc, 0, values, nulls);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(context);
}

static void
open_row(MessageRow *row, TupleDesc desc, int first_column,
		 Datum *values, bool *nulls)
{
	if (desc->natts != first_column + MESSAGE_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the result must have the columns of a message")));
	row->desc = desc;
	row->first_column = first_column;
	row->values = values + first_column;
	row->nulls = nulls + first_column;
	memset(row->nulls, true, MESSAGE_COLUMNS * sizeof(bool));
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
	encode_octets(&text, octets, len, ESCAPED_IN_TEXT);
	put(row, column, CStringGetTextDatum(text.data));
}

static void
put_header(MessageRow *row, const DnsMessage *message)
{
	uint16		flags = message->flags;
	const uint8 *pos = message->start + WIRE_HEADER_SIZE;
	StringInfoData questions;
	DnsQuestion question;

	put(row, COLUMN_RCODE, Int32GetDatum(message_rcode(message)));
	put(row, COLUMN_AA, BoolGetDatum((flags & WIRE_AA) != 0));
	put(row, COLUMN_TC, BoolGetDatum((flags & WIRE_TC) != 0));
	put(row, COLUMN_RD, BoolGetDatum((flags & WIRE_RD) != 0));
	put(row, COLUMN_RA, BoolGetDatum((flags & WIRE_RA) != 0));
	put(row, COLUMN_AD, BoolGetDatum((flags & WIRE_AD) != 0));
	put(row, COLUMN_CD, BoolGetDatum((flags & WIRE_CD) != 0));

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
	const DnsWindow *window = outcome->window;
	const DnsReply *reply = outcome->reply;
	const struct sockaddr_storage *server;
	Interval   *elapsed = palloc0(sizeof(Interval));
	StringInfoData question;

	initStringInfo(&question);
	append_question(&question, &outcome->question);
	put(row, COLUMN_QUESTION, CStringGetTextDatum(question.data));

	/* Anybody on the path can set this bit: see pgcares.trust_ad. */
	if (!window->style.ad)
		row->nulls[COLUMN_AD] = true;

	if (outcome->message.start != NULL)
	{
		server = &window->channel->asked[reply->answer_server];
		put(row, COLUMN_SERVER,
			CStringGetTextDatum(server_text((const struct sockaddr *) server)));
		put(row, COLUMN_TRANSPORT,
			CStringGetTextDatum(reply->answer_tcp ? "TCP" : "UDP"));
	}
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
