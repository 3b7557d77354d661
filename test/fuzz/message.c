/*
 * message.c
 *
 * Targets that read whole messages: "message" as the argument of dns_parse() and
 * dns_message_json(), "answer" as a server's reply to a question in flight, with
 * everything that is made from an answer.  The first octet of an answer is the style
 * of the query; the question is the answer's own.
 */
#include "postgres.h"

#include "fuzz.h"

#include "utils/builtins.h"

#define MAX_TYPED	32

/* A function with the fields of a type as columns. */
typedef struct TypedFunction
{
	uint16		type;
	TupleDesc	columns;
} TypedFunction;

static Oid	parse_function;
static Oid	json_function;
static bool json_is_null;
static TupleDesc parse_columns;
static TupleDesc message_columns;
static TupleDesc record_columns;
static TypedFunction typed[MAX_TYPED];
static int	ntyped = 0;

static void parse(void *arg);
static void make_json(void *arg);
static void report(void *arg);
static void check_fields(DnsMessage *message);
static void check_record(const DnsMessage *message, const DnsRR *rr);
static void check_name(const DnsName *name);
static void check_outcome(const DnsOutcome *outcome);
static void check_rows_of_answer(const DnsOutcome *outcome);
static void check_host(const DnsOutcome *outcome);
static bytea *take_bytea(const uint8 *octets, size_t len);

/*
 * Finds the functions that the targets call.
 */
void
message_prepare(void)
{
	parse_function = function_named("dns_parse(bytea,text)");
	json_function = function_named("dns_message_json(bytea)");
	parse_columns = columns_of("dns_parse(bytea,text)");
}

void
answer_prepare(void)
{
#define SIGNATURE(symbol, number) \
	{ \
		const char *name = strchr(#symbol, '_') + 1; \
		Assert(ntyped < MAX_TYPED); \
		typed[ntyped].type = (number); \
		typed[ntyped++].columns = columns_of(psprintf("dns_%s(text,text)", name)); \
	}
	TYPED_FUNCTIONS(SIGNATURE)
	message_columns = columns_of("dns_message(text,text,text)");
	record_columns = columns_of("dns_query(text,text,text,text)");
}

/*
 * dns_parse() and dns_message_json() agree on whether octets are a message.
 */
void
fuzz_message(const uint8 *octets, size_t len)
{
	bytea	   *value = take_bytea(octets, len);
	DnsMessage	message;
	bool		sound = len <= PG_UINT16_MAX &&
		message_open(&message, octets, len) && sound_sections(&message);

	if (raises(parse, value, status_by_name("MALFORMED")->sqlstate) == sound ||
		raised_by(make_json, value) != 0 || json_is_null == sound)
		finding("it is %s message", sound ? "a" : "no");
	free(value);
}

/*
 * Octets that answer the question in flight.
 */
void
fuzz_answer(const uint8 *octets, size_t len)
{
	DnsQuestion question = {.name = {.len = 1}, .type = DNS_TYPE_A,.class = DNS_CLASS_IN};
	DnsMessage	message;
	Flight	   *flight;
	DnsSlot    *slot;
	const uint8 *pos;
	uint8		style;

	if (len-- < 1)
		return;
	style = *octets++;
	if (!message_open(&message, octets, len))
		return;
	check_fields(&message);
	(void) message_question(&message, &question, &pos);

	flight = flight_open(style, 1);
	slot = flight_ask(flight, &question, style & 64 ? FLIGHT_SOCKETS - 1 : 0,
					  message.id);
	(void) flight_receive(flight, style & 64 ? FLIGHT_SOCKETS - 1 : 0, octets, len);
	if (slot->reply.answer != NULL)
	{
		DnsOutcome	outcome;

		slot->reply.done_at = slot->reply.asked_at + 1;
		outcome_read(&outcome, &flight->window, &slot->question, &slot->reply);
		if (outcome.sound != sound_message(&message))
			finding("the answer is%s sound", outcome.sound ? " not" : "");
		check_outcome(&outcome);
	}
	flight_close(flight);
}

static void
parse(void *arg)
{
	if (check_rows_of(parse_function, parse_columns, PointerGetDatum(arg)) != 1)
		finding("a message is not one row");
}

static void
make_json(void *arg)
{
	FmgrInfo	function;
	Datum		json;

	LOCAL_FCINFO(fcinfo, 1);

	fmgr_info(json_function, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = PointerGetDatum(arg);
	fcinfo->args[0].isnull = false;
	json = FunctionCallInvoke(fcinfo);
	json_is_null = fcinfo->isnull;
	if (!json_is_null)
		check_ascii(text_of(json, JSONBOID));
}

static void
report(void *arg)
{
	outcome_report(arg, "name.example", ON_ERROR_ERROR);
}

/*
 * All parts that are read lie within the message, even if it breaks off; it is sound
 * if each record is; and a reader that has noted positions finds the same parts as one
 * that has not.
 */
static void
check_fields(DnsMessage *message)
{
	DnsMessage	unread = *message;
	bool		sound = sound_sections(message);
	DnsRR		opt;
	DnsRR		same;
	const uint8 *text;
	size_t		len;
	int			code;

	if (sound_message(message) && !sound)
		finding("the message is sound, and its sections are not");
	(void) message_rcode(message);
	if (message_extended_error(message, &code, &text, &len) &&
		(text < message->start || text + len > message->end))
		finding("an extended error outside of the message");
	if (message_opt(message, &opt) != message_opt(&unread, &same) ||
		message_rcode(message) != message_rcode(&unread) ||
		(message_opt(message, &opt) && (opt.rdata != same.rdata ||
										opt.name.len != same.name.len)))
		finding("the OPT record is another one");
	for (int section = DNS_ANSWER; section <= DNS_ADDITIONAL; section++)
	{
		DnsCursor	cursor;
		DnsCursor	other;
		DnsRR		rr;
		int			count = 0;

		if (!message_section(message, section, &cursor) && sound)
			finding("a section of a sound message does not begin");
		(void) message_section(&unread, section, &other);
		if (cursor.pos != other.pos || cursor.left != other.left)
			finding("a section begins elsewhere");
		for (; message_next(&cursor, &rr); count++)
		{
			if (sound && !sound_rdata(message, &rr))
				finding("a record of a sound message is not sound");
			if (sound_rdata(message, &rr))
				check_record(message, &rr);
		}
		if (sound && count != message->count[section])
			finding("a section has %d records", count);
	}
}

/* Checks the fields and the text of a sound record. */
static void
check_record(const DnsMessage *message, const DnsRR *rr)
{
	DnsRdata	rdata;
	DnsField	field;
	StringInfoData text;
	StringInfoData again;
	Jsonb	   *json;

	rdata_open(message, rr, &rdata);
	while (rdata_next(&rdata, &field))
	{
		if (field.data < rr->rdata ||
			field.data + field.len > rr->rdata + rr->rdlength)
			finding("a field outside of its record");
		if (field.def->kind == FIELD_NAME)
			check_name(&field.name);
	}
	if (rr->type == DNS_TYPE_OPT)
		return;

	if (!rdata_done(&rdata))
		finding("a sound record is not read to its end");
	check_name(&rr->name);
	initStringInfo(&text);
	initStringInfo(&again);
	presentation_rdata(&text, message, rr);
	presentation_rdata(&again, message, rr);
	check_ascii(text.data);
	if (strcmp(text.data, again.data) != 0)
		finding("a record looks different the second time");
	json = json_rdata(message, rr);
	if (!JB_ROOT_IS_OBJECT(json) || JB_ROOT_COUNT(json) == 0)
		finding("a record has no fields as jsonb");
	pfree(json);
	pfree(text.data);
	pfree(again.data);
}

/* A name can be read again from its text. */
static void
check_name(const DnsName *name)
{
	StringInfoData text;
	DnsName		again;

	initStringInfo(&text);
	encode_name(&text, name, false);
	check_ascii(text.data);
	if (name_parse(text.data, false, &again) != NULL ||
		again.len != name->len ||
		memcmp(again.octets, name->octets, name->len) != 0)
		finding("\"%s\" is another name when it is read", text.data);
	pfree(text.data);
}

/* Checks everything that is made from an answer. */
static void
check_outcome(const DnsOutcome *outcome)
{
	ReturnSetInfo *rows = open_rows(message_columns);
	Datum		values[MESSAGE_COLUMNS];
	bool		nulls[MESSAGE_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	messages_row(outcome, NULL, values, nulls);
	tuplestore_putvalues(rows->setResult, message_columns, values, nulls);
	if (check_rows(rows) != 1)
		finding("an answer is not one row");

	if (outcome_is_noerror(outcome))
	{
		check_rows_of_answer(outcome);
		check_host(outcome);
	}
	else if (!raises(report, unconstify(DnsOutcome *, outcome),
					 outcome->status->sqlstate))
		finding("%s is not reported", outcome->status->name);
}

/* Each record that answers is a row, with generic and with typed columns. */
static void
check_rows_of_answer(const DnsOutcome *outcome)
{
	ReturnSetInfo *rows = open_rows(record_columns);
	DnsCursor	cursor;
	DnsRR		rr;
	int			wanted = 0;

	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
		wanted += alias_answers(&rr, &outcome->question, &outcome->owner);
	if (wanted == 0)
		finding("NOERROR without records");

	rows_put(rows, outcome, false);
	if (check_rows(rows) != wanted)
		finding("there are %d records, and not as many rows", wanted);
	for (int i = 0; i < ntyped; i++)
	{
		if (typed[i].type != outcome->question.type ||
			outcome->question.class != DNS_CLASS_IN)
			continue;
		rows = open_rows(typed[i].columns);
		rows_put(rows, outcome, true);
		if (check_rows(rows) != wanted)
			finding("there are %d records, and not as many typed rows", wanted);
	}
}

/* Checks the host that an answer describes. */
static void
check_host(const DnsOutcome *outcome)
{
	uint16		type = outcome->question.type;
	Host		host = {0};
	ListCell   *cell;

	if (outcome->question.class != DNS_CLASS_IN ||
		(type != DNS_TYPE_A && type != DNS_TYPE_AAAA && type != DNS_TYPE_PTR))
		return;
	host_add_answer(&host, outcome);
	if (host.name == NULL)
		finding("a host without a name");
	check_ascii(host.name);
	foreach(cell, host.aliases)
		check_ascii(lfirst(cell));
	foreach(cell, host.addresses)
		check_ascii(address_text(((HostAddress *) lfirst(cell))->address));
	host_order(&host);
}

/* malloc'd, so that the sanitizer sees a read past its end. */
static bytea *
take_bytea(const uint8 *octets, size_t len)
{
	bytea	   *value = malloc(VARHDRSZ + len);

	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), octets, len);
	return value;
}
