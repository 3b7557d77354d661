/*
 * prefetch_servers.c
 *
 * Name servers of the caller's choice that a statement asks ahead.  Each has a
 * window of its own while there are questions for it, and only some have one at
 * a time.  The questions of the others wait until their turn comes, or their
 * calls ask them.
 */
#include "postgres.h"

#include "lookup/lookup.h"

/*
 * Servers with a window, as in server_batch.c, and questions in flight to each.
 * Chosen, not measured.
 */
#define SERVERS_AT_ONCE		64
#define QUESTIONS_EACH		64

static bool has_room(PrefetchStatement *statement);
static bool is_needed(const PrefetchServer *server);
static void close_window(PrefetchServer *server);

/*
 * The server with this text, or NULL if the statement does not ask it.
 */
PrefetchServer *
prefetch_server_find(PrefetchStatement *statement, const char *text)
{
	dlist_iter	iter;

	dlist_foreach(iter, &statement->servers)
	{
		PrefetchServer *server = dlist_container(PrefetchServer, node, iter.cur);

		if (strcmp(server->text, text) == 0)
			return server;
	}
	return NULL;
}

/*
 * The same; adds the server if there is none.
 */
PrefetchServer *
prefetch_server_get(PrefetchStatement *statement, const char *text)
{
	PrefetchServer *server = prefetch_server_find(statement, text);

	if (server != NULL)
		return server;
	server = MemoryContextAllocZero(statement->context, sizeof(PrefetchServer));
	server->text = MemoryContextStrdup(statement->context, text);
	server->statement = statement;
	dlist_push_tail(&statement->servers, &server->node);
	return server;
}

/*
 * Opens the window of a server.  False if others must end first.  Raises if it
 * cannot make a channel, as the call would.
 */
bool
prefetch_server_open(PrefetchServer *server)
{
	PrefetchStatement *statement = server->statement;
	MemoryContext old_context;

	if (server->window != NULL)
		return true;
	if (!has_room(statement))
		return false;
	old_context = MemoryContextSwitchTo(statement->context);
	server->window = window_open(Min(QUESTIONS_EACH, setting_max_in_flight),
								 server->text);
	server->window->prefetch = true;
	cache_open(&server->scope, server->text);
	MemoryContextSwitchTo(old_context);
	statement->open_servers++;
	if (statement->open_servers > 1 && server->window->channel != NULL)
	{
		channel_reserve_descriptors(server->window->channel, true);
		if (server->window->channel->spare_descriptors < CHANNEL_DESCRIPTORS)
		{
			close_window(server);
			return false;
		}
	}
	return true;
}

/* Can another window be opened?  Closes one that is no longer needed. */
static bool
has_room(PrefetchStatement *statement)
{
	dlist_iter	iter;

	if (statement->open_servers < SERVERS_AT_ONCE)
		return true;
	dlist_foreach(iter, &statement->servers)
	{
		PrefetchServer *server = dlist_container(PrefetchServer, node, iter.cur);

		if (server->window != NULL && !is_needed(server))
		{
			close_window(server);
			prefetch_table_forget_server(server);
			return true;
		}
	}
	return false;
}

/* Does a row refer to a question for it, or is one under way? */
static bool
is_needed(const PrefetchServer *server)
{
	return server->held > 0 || window_under_way(server->window) > 0 ||
		!window_is_idle(server->window);
}

static void
close_window(PrefetchServer *server)
{
	window_close(server->window);
	server->window = NULL;
	server->statement->open_servers--;
}
