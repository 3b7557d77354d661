/*
 * outcome.c
 *
 * The outcome of a question is one of our statuses.  It comes from the
 * answer's RCODE, or from the library's status if there is no answer.  Only
 * this file decides whether an outcome is an error, a warning or neither.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "port/pg_bitutils.h"

static void clear(DnsOutcome *outcome);
static void read_reply(DnsOutcome *outcome, const DnsStyle *style,
					   const DnsQuestion *question, const DnsReply *reply);
static void read_answer(DnsOutcome *outcome, bool ignore_tc, bool recursive);
static void read_status(DnsOutcome *outcome, AliasEnd end, bool ignore_tc,
						bool recursive);
static bool is_referral(const DnsOutcome *outcome);
static void read_failure(DnsOutcome *outcome, ares_status_t status);
static void add_note(DnsOutcome *outcome, const char *sentence);
static void set_failure(DnsOutcome *outcome, const char *name, const char *why);
static char *describe_records(const DnsQuestion *question);
static char *describe_way(const DnsMessage *message, const DnsQuestion *question);
static char *describe_tries(const DnsOutcome *outcome, const char *text);

/*
 * Reads the outcome of a window's question.  The outcome's message points into
 * the reply; the rest is palloc'd and outlives the window.  Raises if the
 * library ran out of memory.
 */
void
outcome_read(DnsOutcome *outcome, const DnsWindow *window,
			 const DnsQuestion *question, const DnsReply *reply)
{
	read_reply(outcome, &window->style, question, reply);
	outcome->chosen_server = window->chosen_server;
	if (reply->cached)
		return;
	if (outcome->message.start != NULL)
		outcome->server = (const struct sockaddr *)
			&window->channel->asked[reply->answer_server];
	else if ((reply->status == ARES_ECONNREFUSED || reply->status == ARES_EBADFAMILY) &&
			 window->channel->last_errno != 0)
	{
		add_note(outcome, psprintf("The last error was: %s.",
								   strerror(window->channel->last_errno)));
		outcome->hint = advice_on_error(window->channel->last_errno);
	}
}

/*
 * The same for a reply from the cache, to a question that got no window.
 */
void
outcome_read_cached(DnsOutcome *outcome, const CacheScope *scope,
					const DnsQuestion *question, const DnsReply *reply)
{
	read_reply(outcome, &scope->style, question, reply);
	outcome->chosen_server = scope->chosen_server;
}

/*
 * Copies the message into palloc'd memory, so that it outlives its slot.
 */
void
outcome_keep(DnsOutcome *outcome)
{
	size_t		len = outcome->message.end - outcome->message.start;
	uint8	   *copy;

	if (len == 0)
		return;
	copy = palloc(len);
	memcpy(copy, outcome->message.start, len);
	outcome->message.start = copy;
	outcome->message.end = copy + len;
}

/*
 * Makes an outcome that has only a status.
 */
void
outcome_set(DnsOutcome *outcome, const char *status)
{
	clear(outcome);
	outcome->status = status_by_name(status);
}

/*
 * Makes the outcome of a text that is not a name, with a sentence that says why.  The
 * caller sets the question's type and class, or what was sought.
 */
void
outcome_of_bad_name(DnsOutcome *outcome, const char *reason)
{
	outcome_set(outcome, "BADNAME");
	outcome->note = reason;
}

/*
 * Reads the outcome from a message that no window received and whose sections
 * are sound.  Sets no status if the message is not the answer to one question.
 */
void
outcome_read_message(DnsOutcome *outcome, const DnsMessage *message)
{
	const uint8 *pos;

	clear(outcome);
	outcome->message = *message;
	outcome->sound = true;
	if (!(message->flags & WIRE_QR) ||
		(message->flags & WIRE_OPCODE_MASK) != 0)
		return;
	if (message->count[0] == 1 &&
		message_question(message, &outcome->question, &pos))
		read_answer(outcome, false, (message->flags & WIRE_RD) != 0);
	else if (message_rcode(message) != RCODE_NOERROR)
		outcome->status = status_by_rcode(message_rcode(message));
}

/*
 * Makes the outcome of a lookup that asked no question: exists tells whether
 * the name exists, found whether it has the data sought.  note is NULL or a
 * sentence.
 */
void
outcome_of_found(DnsOutcome *outcome, bool exists, bool found, const char *note)
{
	outcome_set(outcome, found ? "NOERROR" : exists ? "NODATA" : "NXDOMAIN");
	outcome->question.class = DNS_CLASS_IN;
	outcome->note = note;
}

/*
 * The reason why there are no records, as an error message says it, palloc'd; NULL if
 * there are some, or no status.  text is the name as the user wrote it, or NULL for
 * that of the question, if there is one.
 */
char *
outcome_reason(const DnsOutcome *outcome, const char *text)
{
	const DnsStatus *status = outcome->status;
	const char *what = outcome->what;
	const char *why = outcome->why;

	if (status == NULL || outcome_is_noerror(outcome))
		return NULL;
	if (why == NULL)
		why = status->message;
	if (text == NULL && outcome->question.name.len == 0)
		return psprintf("%s (%s)", why, status->name);
	if (text == NULL)
		text = name_to_text(&outcome->question.name);
	if (what == NULL)
		what = describe_records(&outcome->question);
	return psprintf("could not look up %s of \"%s\": %s (%s)", what,
					encode_readable(text), why, status->name);
}

/*
 * Raises, warns or returns for an outcome without records, as on_error says.  Returns for
 * a delegation that was asked for.  text is the name as the user wrote it.
 */
void
outcome_report(const DnsOutcome *outcome, const char *text, OnError on_error)
{
	const DnsStatus *status = outcome->status;
	const char *hint = status_hint(status, outcome->chosen_server,
								   on_error == ON_ERROR_WARNING);
	const char *advice;
	char	   *tries;
	int			level = ERROR;

	if (outcome->delegation || on_error == ON_ERROR_IGNORE ||
		(on_error != ON_ERROR_ERROR && outcome_is_missing(outcome)))
		return;
	if (on_error == ON_ERROR_WARNING)
		level = WARNING;
	tries = describe_tries(outcome, text);
	if (outcome->hint != NULL)
		hint = outcome->hint;
	advice = advice_for(text, outcome);
	if (advice != NULL)
		hint = outcome_is_missing(outcome) ? psprintf("%s %s", advice, hint) : advice;
	ereport(level,
			(errcode(status->sqlstate),
			 errmsg_internal("%s", outcome_reason(outcome, text)),
			 tries ? errdetail_internal("%s", tries) : 0,
			 hint ? errhint("%s", hint) : 0));
}

/*
 * Has the lookup found records?
 */
bool
outcome_is_noerror(const DnsOutcome *outcome)
{
	return outcome->status->sqlstate == 0;
}

/*
 * Does the name, or do the records, not exist?
 */
bool
outcome_is_missing(const DnsOutcome *outcome)
{
	return outcome->status->final && !outcome_is_noerror(outcome);
}

static void
clear(DnsOutcome *outcome)
{
	memset(outcome, 0, offsetof(DnsOutcome, question));
	outcome->question.name.len = 0;
	outcome->question.type = 0;
	outcome->question.class = 0;
	outcome->question.nsid = false;
	outcome->owner.len = 0;
}

/* Reads what a reply says, whoever gave it. */
static void
read_reply(DnsOutcome *outcome, const DnsStyle *style, const DnsQuestion *question,
		   const DnsReply *reply)
{
	clear(outcome);
	question_copy(&outcome->question, question);
	outcome->reply = reply;
	outcome->queries = reply->queries;
	outcome->servers = pg_popcount64(reply->servers_asked);
	outcome->shows_ad = style->ad;
	outcome->cached = reply->cached;

	if (reply->nonexistent)
	{
		outcome->status = status_by_rcode(RCODE_NXDOMAIN);
		outcome->note = "This name is special and not looked up in the DNS.";
		return;
	}
	if (reply->way)
	{
		DnsMessage	message;

		slot_open_answer(reply, &message);
		outcome->note = describe_way(&message, &outcome->question);
	}
	if (!slot_is_answered(reply))
	{
		read_failure(outcome, reply->status);
		return;
	}
	if (!reply->way)
		slot_open_answer(reply, &outcome->message);
	if (reply->cached)
		outcome->server = (const struct sockaddr *) &reply->server;
	outcome->sound = !reply->malformed;
	if (outcome->sound)
		read_answer(outcome, style->ignore_tc, style->rd);
	else
		set_failure(outcome, "MALFORMED", NULL);
}

/* Reads the outcome of a question without an answer. */
static void
read_failure(DnsOutcome *outcome, ares_status_t status)
{
	switch (status)
	{
		case ARES_ETIMEOUT:
			set_failure(outcome, "TIMEOUT", NULL);
			break;
		case ARES_ECONNREFUSED:
		case ARES_EBADFAMILY:	/* for example, no IPv6 on this host */
			set_failure(outcome, "UNREACHABLE", NULL);
			break;
		case ARES_ENOSERVER:
			set_failure(outcome, "NOSERVER", NULL);
			break;
		case ARES_ENOMEM:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
			break;
		default:
			elog(ERROR, "unexpected status of a query: %s",
				 ares_strerror(status));
	}
}

/*
 * Reads the outcome's message, which must be sound.  If the query was not recursive, a
 * referral is what was asked for.
 */
static void
read_answer(DnsOutcome *outcome, bool ignore_tc, bool recursive)
{
	const DnsQuestion *question = &outcome->question;
	AliasEnd	end = alias_follow(&outcome->message, question, &outcome->owner);

	outcome->extended_error = extended_error_text(&outcome->message);
	read_status(outcome, end, ignore_tc, recursive);
	if (end == ALIAS_LOOP || end == ALIAS_TOO_LONG ||
		(!outcome_is_noerror(outcome) && !name_equal(&outcome->owner, &question->name)))
		outcome->note = describe_way(&outcome->message, question);
}

/* Sets the status of an answer with this end of its chain of aliases. */
static void
read_status(DnsOutcome *outcome, AliasEnd end, bool ignore_tc, bool recursive)
{
	bool		truncated = (outcome->message.flags & WIRE_TC) != 0;
	int			rcode = message_rcode(&outcome->message);

	if (rcode != RCODE_NOERROR)
	{
		outcome->status = status_by_rcode(rcode);
		return;
	}

	switch (end)
	{
		case ALIAS_RECORDS:
			outcome->status = status_at(STATUS_NOERROR);
			if (truncated && !ignore_tc)
				set_failure(outcome, "MALFORMED",
							"the answer is truncated over TCP too");
			break;
		case ALIAS_NO_RECORDS:
			outcome->delegation = !recursive && !truncated && message_is_delegation(&outcome->message);
			outcome->status = recursive && is_referral(outcome) ?
				status_by_name("REFERRAL") : status_at(STATUS_NODATA);
			if (truncated)
				set_failure(outcome, "MALFORMED", "the answer is truncated");
			break;
		case ALIAS_LOOP:
			set_failure(outcome, "MALFORMED", "its aliases form a loop");
			break;
		case ALIAS_TOO_LONG:
			set_failure(outcome, "MALFORMED",
						"its aliases form a chain of more than 16");
			break;
	}
}

/* Is the answer, or the last one of a chain of aliases, a referral? */
static bool
is_referral(const DnsOutcome *outcome)
{
	return message_is_referral(&outcome->message) ||
		(outcome->reply != NULL && outcome->reply->referral);
}

static void
add_note(DnsOutcome *outcome, const char *sentence)
{
	outcome->note = outcome->note == NULL ? sentence :
		psprintf("%s %s", outcome->note, sentence);
}

static void
set_failure(DnsOutcome *outcome, const char *name, const char *why)
{
	outcome->status = status_by_name(name);
	outcome->why = why;
}

static char *
describe_records(const DnsQuestion *question)
{
	if (question->class == DNS_CLASS_IN)
		return psprintf("%s records", rrtype_text(question->type));
	return psprintf("%s %s records", rrclass_text(question->class),
					rrtype_text(question->type));
}

/* The chain of aliases that an answer has, as a sentence; NULL if there is none. */
static char *
describe_way(const DnsMessage *message, const DnsQuestion *question)
{
	DnsName		names[ALIAS_MAX_NAMES];
	int			count = alias_names(message, question, names);
	StringInfoData sentence;

	if (count == 1)
		return NULL;
	initStringInfo(&sentence);
	for (int i = 1; i < count; i++)
		appendStringInfo(&sentence, "%s an alias of \"%s\"",
						 i == 1 ? "It is" : ", which is", name_to_text(&names[i]));
	appendStringInfoChar(&sentence, '.');
	return sentence.data;
}

static char *
describe_tries(const DnsOutcome *outcome, const char *text)
{
	StringInfoData sentences;
	char	   *octet;

	initStringInfo(&sentences);
	if (outcome->queries > 0)
		appendStringInfo(&sentences, "%d %s sent to %d %s.",
						 outcome->queries,
						 outcome->queries == 1 ? "query was" : "queries were",
						 outcome->servers,
						 outcome->servers == 1 ? "server" : "servers");
	else if (outcome->cached)
		appendStringInfoString(&sentences, "No query was sent: the answer is from the cache.");
	if (outcome->note != NULL)
		appendStringInfo(&sentences, "%s%s", sentences.len > 0 ? " " : "",
						 outcome->note);
	if (outcome->note != NULL && strcmp(outcome->note, NAME_NEEDS_ESCAPE) == 0 &&
		(octet = advice_on_octet(text)) != NULL)
		appendStringInfo(&sentences, " %s", octet);
	if (outcome->extended_error != NULL)
		appendStringInfo(&sentences, " %s", outcome->extended_error);
	return sentences.len > 0 ? sentences.data : NULL;
}
