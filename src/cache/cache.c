/*
 * cache.c
 *
 * Answers that are still good: found before a question gets a window, kept when it is
 * done.  Sessions of a database share them if they ask the same servers in the same way:
 * a digest of all settings that can change an answer, or the trust in it, is a part of
 * the key.  What only changes how long to wait is none; an entry that stands for no
 * answer tells how long was waited for it.
 */
#include "postgres.h"

#include "cache/cache.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* The scope that was opened last; the settings and a server decide on it. */
static CacheScope last_scope;
static char *last_server = NULL;	/* NULL: the configured ones */
static uint64 last_generation;
static DnsFileState last_file;
static bool last_is_valid = false;

static object_access_hook_type next_access_hook = NULL;

static bool is_last(const char *server);
static void remember(const CacheScope *scope, const char *server,
					 const DnsChannelConfig *config);
static void make_digest(CacheScope *scope, const DnsChannelConfig *config);
static void add_text(StringInfo text, const char *string);
static void fill_key(CacheKey *key, const CacheScope *scope,
					 const DnsQuestion *question);
static void see_database(ObjectAccessType access, Oid class, Oid object, int sub,
						 void *argument);

/*
 * Called once, when the module is loaded, before shared_memory_init().
 */
void
cache_init(void)
{
	cache_store_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	next_access_hook = object_access_hook;
	object_access_hook = see_database;
}

/*
 * Reads the settings under which questions are about to be asked: of the configured
 * servers, or of this one.  The scope stays what it is if they change.  Can raise.
 */
void
cache_open(CacheScope *scope, const char *server)
{
	DnsChannelConfig config;

	scope->on = setting_cache && cache_store_attach(true);
	if (!scope->on)
		return;
	if (is_last(server))
	{
		*scope = last_scope;
		return;
	}
	scope->chosen_server = server != NULL;
	config_read(&config, server);
	window_read_style(&scope->style);
	scope->patience.timeout = config.timeout;
	scope->patience.tries = config.tries;
	scope->patience.max_timeout = setting_max_timeout;
	scope->patient = setting_deadline == 0;
	make_digest(scope, &config);
	remember(scope, server, &config);
}

/*
 * Finds a kept answer to a question, and makes the reply that a server would give now:
 * its TTLs are counted down, and the name is in the case of this question.  The octets
 * are palloc'd.  False if there is none.  Raises nothing.
 */
bool
cache_find(const CacheScope *scope, const DnsQuestion *question, DnsReply *reply)
{
	CacheKey	key;
	CacheAnswer answer;
	uint8	   *octets;
	DnsMessage	message;
	int64		now;

	if (!scope->on)
		return false;
	fill_key(&key, scope, question);
	now = clock_shared();
	if (!cache_store_find(&key, &scope->patience, now, &answer, &octets))
		return false;

	counters.cache_hits++;
	memset(reply, 0, sizeof(*reply));
	reply->cached = true;
	reply->asked_at = reply->done_at = clock_last();
	reply->status = answer.status;
	reply->server = answer.server;
	if (octets == NULL)
		return true;
	reply->answered = true;
	reply->answer = octets;
	reply->answer_len = answer.len;
	reply->places = answer.places;
	slot_open_answer(reply, &message);
	ttl_count_down(&message, octets, (now - answer.since) / 1000000);
	memcpy(octets + WIRE_HEADER_SIZE, question->name.octets, question->name.len);
	return true;
}

/*
 * Keeps the reply to the question of a slot, if the rules allow that.  Call it when the
 * question is finished, in the scope that was open when its window was opened.  Raises
 * nothing.
 */
void
cache_keep(const CacheScope *scope, const DnsSlot *slot)
{
	const DnsReply *reply = &slot->reply;
	CacheAnswer answer = {.status = reply->status};
	CacheKey	key;
	int64		age;

	if (!scope->on)
		return;
	answer.ttl = cache_rules_ttl(slot, &answer.failure);

	/* The server made the TTLs after it was asked; the answer can have waited for us. */
	age = answer.failure ? 0 : reply->done_at - reply->asked_at;
	if (answer.ttl <= age / 1000000)
		return;
	answer.since = clock_shared() - age;
	answer.patience = scope->patience;
	if (slot_is_answered(reply))
	{
		answer.len = reply->answer_len;
		answer.places = reply->places;
		memcpy(&answer.server, &slot->window->channel->asked[reply->answer_server],
			   sizeof(answer.server));
	}
	else if (!scope->patient)
		return;					/* others would have waited longer */
	fill_key(&key, scope, &slot->question);
	cache_store_put(&key, &answer, reply->answer);
}

/* Is the last scope still the one to open? */
static bool
is_last(const char *server)
{
	DnsFileState file;

	if (!last_is_valid || last_generation != settings_generation ||
		(server == NULL) != (last_server == NULL) ||
		(server != NULL && strcmp(server, last_server) != 0))
		return false;
	if (server != NULL || *setting_servers != '\0')
		return true;
	file_state(setting_resolvconf, &file);
	return file_state_equal(&file, &last_file);
}

static void
remember(const CacheScope *scope, const char *server, const DnsChannelConfig *config)
{
	last_is_valid = false;
	if (last_server != NULL)
		pfree(last_server);
	last_server = NULL;
	if (server != NULL)
		last_server = MemoryContextStrdup(TopMemoryContext, server);
	last_scope = *scope;
	last_generation = settings_generation;
	last_file = config->file;
	last_is_valid = true;
}

/*
 * Makes a digest of whom a query asks, from where, in which form, and which answers count.
 * Users choose some of that: no two choices may have the same digest.  Raises if the
 * server's cryptography fails.
 */
static void
make_digest(CacheScope *scope, const DnsChannelConfig *config)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	int			numbers[] = {config->flags & ~ARES_FLAG_STAYOPEN, config->udp_port,
	config->tcp_port, config->edns_udp_size, scope->chosen_server};
	uint8		whole[PG_SHA256_DIGEST_LENGTH];
	StringInfoData text;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, (const char *) numbers, sizeof(numbers));
	appendBinaryStringInfo(&text, (const char *) &scope->style, sizeof(scope->style));
	appendBinaryStringInfo(&text, (const char *) &config->file, sizeof(config->file));
	add_text(&text, config->servers);
	add_text(&text, config->local_ip4);
	add_text(&text, config->local_ip6);
	add_text(&text, config->local_dev);
	if (*config->servers == '\0')
		add_text(&text, config->resolvconf);
	if (context == NULL || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) text.data, text.len) < 0 ||
		pg_cryptohash_final(context, whole, sizeof(whole)) < 0)
		elog(ERROR, "could not compute a digest of the settings");
	pg_cryptohash_free(context);
	pfree(text.data);
	memcpy(scope->digest, whole, CACHE_SCOPE);
}

/* Adds a string with its end, so that two strings are not taken for one. */
static void
add_text(StringInfo text, const char *string)
{
	appendBinaryStringInfo(text, string, strlen(string) + 1);
}

static void
fill_key(CacheKey *key, const CacheScope *scope, const DnsQuestion *question)
{
	key->database = MyDatabaseId;
	key->type = question->type;
	key->class = question->class;
	key->nsid = question->nsid;
	memcpy(key->scope, scope->digest, CACHE_SCOPE);
	key->name.len = question->name.len;
	name_fold(&question->name, key->name.octets);
}

/*
 * Hook: something is done to an object.  Answers that were kept for a database go with
 * it, and a new one can have its number.
 */
static void
see_database(ObjectAccessType access, Oid class, Oid object, int sub, void *argument)
{
	if (next_access_hook)
		next_access_hook(access, class, object, sub, argument);
	if (class == DatabaseRelationId && (access == OAT_DROP || access == OAT_POST_CREATE) &&
		cache_store_attach(false))
		(void) cache_store_flush(object, NULL, -1, 0);
}
