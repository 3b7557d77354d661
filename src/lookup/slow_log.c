/*
 * slow_log.c
 *
 * The log of slow lookups: a line for each question that took pgcares.log_min_duration or
 * longer, however it was asked.  Only the server's log has it, since it names the servers.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "utils/memutils.h"

static void write_line(const DnsWindow *window, const DnsOutcome *outcome,
					   int64 duration);
static char *asked_servers(const DnsWindow *window, const DnsReply *reply);

/*
 * Logs a question that is over, if it was slow.
 */
void
slow_log(const DnsWindow *window, const DnsQuestion *question, const DnsReply *reply)
{
	int64		duration = reply->done_at - reply->asked_at;
	MemoryContext caller;
	MemoryContext context;
	DnsOutcome	outcome;

	if (setting_log_min_duration < 0 ||
		duration < setting_log_min_duration * INT64CONST(1000))
		return;
	/* It has no outcome; whoever asks reports that. */
	if (window->failed || reply->status == ARES_ENOMEM || reply->status == ARES_ECANCELLED)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "pgcares slow lookup",
									ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	outcome_read(&outcome, window, question, reply);
	write_line(window, &outcome, duration);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
}

static void
write_line(const DnsWindow *window, const DnsOutcome *outcome, int64 duration)
{
	const DnsQuestion *question = &outcome->question;
	int			sqlstate = outcome->status->sqlstate;
	const char *class = "";

	if (question->class != DNS_CLASS_IN)
		class = psprintf("%s ", rrclass_text(question->class));
	ereport(LOG_SERVER_ONLY,
			(errcode(sqlstate),
			 errmsg_internal("slow lookup: name \"%s\", type %s%s, outcome %s, SQLSTATE %s, servers %s, tries %d, " INT64_FORMAT ".%03d ms",
							 name_to_text(&question->name), class,
							 rrtype_text(question->type), outcome->status->name,
							 unpack_sql_state(sqlstate), asked_servers(window, outcome->reply),
							 outcome->queries, duration / 1000, (int) (duration % 1000)),
			 errhidestmt(true),
			 errhidecontext(true)));
}

/* The servers that were asked, as the settings write them. */
static char *
asked_servers(const DnsWindow *window, const DnsReply *reply)
{
	const DnsChannel *channel = window->channel;
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; channel != NULL && i < channel->nasked; i++)
	{
		if (reply->servers_asked & (UINT64CONST(1) << i))
			appendStringInfo(&list, "%s%s", list.len > 0 ? " " : "",
							 server_text((const struct sockaddr *) &channel->asked[i]));
	}
	return list.len > 0 ? list.data : "none";
}
