/*
 * message_json.c
 *
 * Whole messages as JSON (RFC 8427): the header, the question, the records of
 * the three sections and the octets of the message.  The sections are
 * complete: OPT is among the additional records.  Record data is in
 * hexadecimal for every type, and also as text for the types that the RFC
 * names.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "miscadmin.h"

/* The types with a member of their own (RFC 8427 section 2.3). */
static const char *const named_types[] = {
	"A", "AAAA", "CDNSKEY", "CDS", "CNAME", "CSYNC", "DNAME", "DNSKEY", "HIP",
	"IPSECKEY", "KEY", "MX", "NS", "NSEC", "NSEC3", "NSEC3PARAM", "OPENPGPKEY",
	"PTR", "RRSIG", "SMIMEA", "SPF", "SRV", "SSHFP", "TLSA", "TXT"
};

static Jsonb *message_to_json(const DnsMessage *message, bool show_ad,
							  bool limited);
static void push_header(JsonbState *state, const DnsMessage *message,
						bool show_ad);
static void push_questions(JsonbState *state, const DnsMessage *message);
static void push_records(JsonbState *state, const char *key,
						 const DnsMessage *message, DnsSection section,
						 bool limited);
static void push_record(JsonbState *state, const DnsMessage *message,
						const DnsRR *rr);
static void push_named_data(JsonbState *state, const DnsMessage *message,
							const DnsRR *rr);
static void push_owner(JsonbState *state, const char *prefix,
					   const DnsName *name, uint16 type, uint16 class);
static void push_long_key(JsonbState *state, const char *prefix,
						  const char *rest);
static void push_member(JsonbState *state, const char *key, int64 number);
static void push_flag(JsonbState *state, const char *key, bool flag);

PG_FUNCTION_INFO_V1(pgcares_message_json);
PG_FUNCTION_INFO_V1(pgcares_message_json_parse);

/*
 * dns_message_json(name, type, class): NULL if there is no sound answer.
 */
Datum
pgcares_message_json(PG_FUNCTION_ARGS)
{
	DnsQuestion question;
	DnsOutcome	outcome;
	Lookup		lookup = {.server = NULL};
	Jsonb	   *json = NULL;

	if (!messages_question(fcinfo, 0, RAISE, &question))
		PG_RETURN_NULL();

	lookup_ask(&lookup, &question, 1, &outcome);
	if (outcome.sound)
		json = message_to_json(&outcome.message, outcome.shows_ad, true);
	lookup_end(&lookup);
	if (json == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(json);
}

/*
 * dns_message_json(message): NULL if the octets cannot be read.
 */
Datum
pgcares_message_json_parse(PG_FUNCTION_ARGS)
{
	DnsMessage	message;

	if (messages_open(&message, PG_GETARG_BYTEA_PP(0)) != NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(message_to_json(&message, true, false));
}

/*
 * Makes a palloc'd object of a message whose sections are sound.  If limited,
 * raises when the object takes too much memory.
 */
static Jsonb *
message_to_json(const DnsMessage *message, bool show_ad, bool limited)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "pgcares message",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(context);
	JsonbState	state = {0};
	StringInfoData octets;
	JsonbValue *object;
	Jsonb	   *json;

	jsonb_push(&state, WJB_BEGIN_OBJECT, NULL);
	push_header(&state, message, show_ad);
	push_questions(&state, message);
	push_records(&state, "answerRRs", message, DNS_ANSWER, limited);
	push_records(&state, "authorityRRs", message, DNS_AUTHORITY, limited);
	push_records(&state, "additionalRRs", message, DNS_ADDITIONAL, limited);

	initStringInfo(&octets);
	encode_hex(&octets, message->start, message->end - message->start);
	jsonb_push_key(&state, "messageOctetsHEX");
	jsonb_push_text(&state, &octets);
	object = jsonb_push(&state, WJB_END_OBJECT, NULL);
	MemoryContextSwitchTo(old_context);
	json = JsonbValueToJsonb(object);
	MemoryContextDelete(context);
	return json;
}

/* RCODE is the header's four bits; OPT has the rest. */
static void
push_header(JsonbState *state, const DnsMessage *message, bool show_ad)
{
	static const char *const counts[] = {"QDCOUNT", "ANCOUNT", "NSCOUNT", "ARCOUNT"};
	uint16		flags = message->flags;

	push_member(state, "ID", message->id);
	push_flag(state, "QR", (flags & WIRE_QR) != 0);
	push_member(state, "Opcode", (flags & WIRE_OPCODE_MASK) >> 11);
	push_flag(state, "AA", (flags & WIRE_AA) != 0);
	push_flag(state, "TC", (flags & WIRE_TC) != 0);
	push_flag(state, "RD", (flags & WIRE_RD) != 0);
	push_flag(state, "RA", (flags & WIRE_RA) != 0);
	if (show_ad)
		push_flag(state, "AD", (flags & WIRE_AD) != 0);
	push_flag(state, "CD", (flags & WIRE_CD) != 0);
	push_member(state, "RCODE", flags & WIRE_RCODE_MASK);
	for (int i = 0; i < (int) lengthof(counts); i++)
		push_member(state, counts[i], message->count[i]);
}

/* The first question has its own members; several are also in a list. */
static void
push_questions(JsonbState *state, const DnsMessage *message)
{
	const uint8 *pos;
	DnsQuestion question;

	if (!message_question(message, &question, &pos))
		return;
	push_owner(state, "Q", &question.name, question.type, question.class);
	if (message->count[0] == 1)
		return;

	jsonb_push_key(state, "questionRRs");
	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	pos = message->start + WIRE_HEADER_SIZE;
	for (int i = 0; i < message->count[0]; i++)
	{
		if (!message_next_question(message, &question, &pos))
			break;
		jsonb_push(state, WJB_BEGIN_OBJECT, NULL);
		push_owner(state, "", &question.name, question.type, question.class);
		jsonb_push(state, WJB_END_OBJECT, NULL);
	}
	jsonb_push(state, WJB_END_ARRAY, NULL);
}

static void
push_records(JsonbState *state, const char *key,
			 const DnsMessage *message, DnsSection section, bool limited)
{
	DnsCursor	cursor;
	DnsRR		rr;

	jsonb_push_key(state, key);
	jsonb_push(state, WJB_BEGIN_ARRAY, NULL);
	message_section(message, section, &cursor);
	while (message_next(&cursor, &rr))
	{
		CHECK_FOR_INTERRUPTS();
		push_record(state, message, &rr);
		if (limited)
			sections_check_size(MemoryContextMemAllocated(CurrentMemoryContext, false));
	}
	jsonb_push(state, WJB_END_ARRAY, NULL);
}

/*
 * Decompresses the names in the data, so that the record is readable without
 * the message; RDLENGTH is the length of the decompressed data.
 */
static void
push_record(JsonbState *state, const DnsMessage *message,
			const DnsRR *rr)
{
	StringInfoData hex;

	initStringInfo(&hex);
	presentation_hex(&hex, message, rr);

	jsonb_push(state, WJB_BEGIN_OBJECT, NULL);
	push_owner(state, "", &rr->name, rr->type, rr->class);
	push_member(state, "TTL", rr->ttl);
	push_member(state, "RDLENGTH", hex.len / 2);
	jsonb_push_key(state, "RDATAHEX");
	jsonb_push_text(state, &hex);
	push_named_data(state, message, rr);
	jsonb_push(state, WJB_END_OBJECT, NULL);
}

static void
push_named_data(JsonbState *state, const DnsMessage *message,
				const DnsRR *rr)
{
	const char *type = rrtype_text(rr->type);
	StringInfoData data;

	/* The data might not match the form of its type. */
	if (rrtype_fields(rr)->kind == FIELD_UNKNOWN)
		return;
	for (int i = 0; i < (int) lengthof(named_types); i++)
	{
		if (strcmp(named_types[i], type) != 0)
			continue;
		initStringInfo(&data);
		presentation_rdata(&data, message, rr);
		push_long_key(state, "rdata", type);
		jsonb_push_text(state, &data);
		return;
	}
}

/*
 * Adds the name, type and class of a question or a record.  Only registered
 * types and classes have names, and an OPT record has no class (RFC 6891
 * section 6.1.2).
 */
static void
push_owner(JsonbState *state, const char *prefix, const DnsName *name,
		   uint16 type, uint16 class)
{
	StringInfoData text;

	initStringInfo(&text);
	encode_name(&text, name, true);
	push_long_key(state, prefix, "NAME");
	jsonb_push_text(state, &text);

	push_long_key(state, prefix, "TYPE");
	jsonb_push_number(state, type);
	if (rrtype_by_code(type) != NULL)
	{
		push_long_key(state, prefix, "TYPEname");
		jsonb_push_word(state, rrtype_text(type));
	}
	push_long_key(state, prefix, "CLASS");
	jsonb_push_number(state, class);
	if (rrclass_name(class) != NULL && type != DNS_TYPE_OPT)
	{
		push_long_key(state, prefix, "CLASSname");
		jsonb_push_word(state, rrclass_text(class));
	}
}

/* Adds a key of two parts. */
static void
push_long_key(JsonbState *state, const char *prefix, const char *rest)
{
	char		key[32];

	snprintf(key, sizeof(key), "%s%s", prefix, rest);
	jsonb_push_key(state, key);
}

static void
push_member(JsonbState *state, const char *key, int64 number)
{
	jsonb_push_key(state, key);
	jsonb_push_number(state, number);
}

static void
push_flag(JsonbState *state, const char *key, bool flag)
{
	jsonb_push_key(state, key);
	jsonb_push_boolean(state, flag);
}
