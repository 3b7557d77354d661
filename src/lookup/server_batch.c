/*
 * server_batch.c
 *
 * Asks many name servers one question: each has a window of its own, and so a
 * channel, and all windows wait together.  The rows are those of a batch whose
 * elements are the servers.
 */
#include "postgres.h"

#include "lookup/lookup.h"

#include "miscadmin.h"
#include "utils/builtins.h"

/*
 * Servers that are asked at a time.  Chosen, not measured: each takes some 300 kB
 * for its channel, and some descriptors.
 */
#define SERVERS_AT_ONCE		64

/* The windows of a call that are open. */
typedef struct ServerWindows
{
	DnsWindow  *windows[SERVERS_AT_ONCE];
	CacheScope	scopes[SERVERS_AT_ONCE];	/* of the windows */
	int			count;
	int64		opened;			/* the call; the deadline counts from here */
	DnsProgress *progress;		/* of the call */
} ServerWindows;

static void require_servers(const DnsBatch *batch);
static bool ask_element(DnsBatch *batch, ServerWindows *open, const DnsQuestion *question);
static DnsWindow *open_server(ServerWindows *open, const char *server);
static void submit_servers(DnsBatch *batch, ServerWindows *open,
						   const DnsQuestion *question);
static bool take_finished(DnsBatch *batch, ServerWindows *open);

/*
 * Asks the servers of an array, and fills the function's result with a row for each.
 * If question is NULL, no server is asked: the text is not a name.  Raises for a text
 * that is not a server and when a limit is passed, never for an outcome.
 */
void
server_batch_run(FunctionCallInfo fcinfo, DnsBatch *batch, ArrayType *array,
				 const DnsQuestion *question)
{
	ServerWindows open = {.opened = clock_now()};

	if (!batch_open(fcinfo, batch, array))
		return;
	/* Lives as long as the windows, also after an error. */
	open.progress = palloc0(sizeof(DnsProgress));
	open.progress->known = batch->n;
	require_servers(batch);
	for (;;)
	{
		submit_servers(batch, &open, question);
		if (open.count == 0)
			break;
		if (!take_finished(batch, &open))
			wait_for_answers(PG_INT64_MAX);
	}
	batch_close(batch);
}

/* Before the first server is asked: raises if one is none. */
static void
require_servers(const DnsBatch *batch)
{
	for (uint32 i = 0; i < batch->n; i++)
	{
		char	   *server;

		CHECK_FOR_INTERRUPTS();
		if (batch->nulls[i])
			continue;
		server = TextDatumGetCString(batch->elements[i]);
		server_require(server);
		pfree(server);
	}
}

/* Asks the next servers, as many as there is room for. */
static void
submit_servers(DnsBatch *batch, ServerWindows *open, const DnsQuestion *question)
{
	for (; batch->fed < batch->n; batch->fed++)
	{
		uint32		index = batch->fed;

		CHECK_FOR_INTERRUPTS();
		if (batch->nulls[index])
		{
			open->progress->known--;
			batch_put(batch, index, 0, NULL);
		}
		else if (question == NULL)
			batch_put_badname(batch, index);
		else if (!ask_element(batch, open, question))
			return;				/* comes again when there is room */
	}
}

/*
 * Asks the next server, unless the cache has its answer.  False if others must end first.
 */
static bool
ask_element(DnsBatch *batch, ServerWindows *open, const DnsQuestion *question)
{
	char	   *server = TextDatumGetCString(batch->elements[batch->fed]);
	CacheScope	scope;
	DnsWindow  *window;
	bool		done;

	cache_open(&scope, server);
	done = batch_take_cached(batch, &scope, question, batch->fed);
	if (!done && open->count < SERVERS_AT_ONCE &&
		(window = open_server(open, server)) != NULL)
	{
		open->scopes[open->count] = scope;
		open->windows[open->count++] = window;
		window_submit(window, question, batch->fed);
		done = true;
	}
	pfree(server);
	return done;
}

/* Opens a window for one server; NULL if no descriptors are left for it. */
static DnsWindow *
open_server(ServerWindows *open, const char *server)
{
	DnsWindow  *window = window_open(1, server);

	window->opened = open->opened;
	window->progress = open->progress;
	if (open->count > 0 && window->channel != NULL)
	{
		channel_reserve_descriptors(window->channel, true);
		if (window->channel->spare_descriptors < CHANNEL_DESCRIPTORS)
		{
			window_close(window);
			return NULL;
		}
	}
	return window;
}

/* Makes rows of the questions that are finished.  False if none is. */
static bool
take_finished(DnsBatch *batch, ServerWindows *open)
{
	int			left = 0;
	int			count = open->count;

	for (int i = 0; i < count; i++)
	{
		DnsWindow  *window = open->windows[i];
		DnsSlot    *slot = window_finished(window);

		if (slot == NULL)
		{
			open->scopes[left] = open->scopes[i];
			open->windows[left++] = window;
			continue;
		}
		batch_take(batch, &open->scopes[i], slot);
		window_close(window);
	}
	open->count = left;
	return left < count;
}
