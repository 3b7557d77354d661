/*
 * lookup.h
 *
 * Looks up one question, a host or an array of questions, or asks questions
 * ahead of their calls; and reads the outcomes.
 */
#ifndef PGCARES_LOOKUP_H
#define PGCARES_LOOKUP_H

#include "cache/cache.h"

#include "nodes/execnodes.h"
#include "utils/array.h"

/* ---- question.c: questions as users write them ---- */

extern bool question_type(const char *text, OnFailure on_failure, uint16 *number);
extern bool question_class(const char *text, OnFailure on_failure, uint16 *number);

/* ---- status.c: the statuses that a question can end with ---- */

#define DNS_SQLSTATE(a, b, c) MAKE_SQLSTATE('N', 'D', a, b, c)

typedef struct DnsStatus
{
	const char *name;
	int			code;			/* RCODE, or the library's status */
	int			sqlstate;		/* 0 for NOERROR */
	const char *message;
	const char *hint;
	bool		final;			/* the last word about a name, for a while */
} DnsStatus;

/* Indexes of the two most common statuses, for status_at(). */
enum StatusNumber
{
	STATUS_NOERROR,
	STATUS_NODATA
};

extern const DnsStatus *status_at(int index);
extern const DnsStatus *status_by_name(const char *name);
extern const DnsStatus *status_by_rcode(int rcode);
extern const DnsStatus *status_by_text(const char *text);
extern const char *status_hint(const DnsStatus *status, bool chosen_server, bool warning);

/* ---- outcome.c: the outcome of a question ---- */

typedef struct DnsOutcome
{
	const DnsStatus *status;
	const char *why;			/* instead of the status' message */
	const char *hint;			/* instead of the status' hint */
	const DnsReply *reply;		/* NULL if no question was asked */
	const struct sockaddr *server;	/* that gave the message; or NULL */
	bool		shows_ad;		/* the AD bit is to be trusted */
	bool		chosen_server;
	bool		delegation;		/* that a query without recursion asks for */
	bool		cached;			/* nothing was sent for it */
	DnsMessage	message;		/* the answer, while the reply holds it */
	bool		sound;			/* there is a message, and it is readable */
	int			queries;
	int			servers;
	const char *what;			/* looked up; NULL for records */
	const char *note;			/* a sentence */
	const char *extended_error; /* a sentence */

	/* Last: clear() skips the octets of names, valid only up to len. */
	DnsQuestion question;
	DnsName		owner;			/* of the records, if there are any */
} DnsOutcome;

extern void outcome_read(DnsOutcome *outcome, const DnsWindow *window,
						 const DnsQuestion *question, const DnsReply *reply);
extern void outcome_read_cached(DnsOutcome *outcome, const CacheScope *scope,
								const DnsQuestion *question, const DnsReply *reply);
extern void outcome_keep(DnsOutcome *outcome);
extern void outcome_set(DnsOutcome *outcome, const char *status);
extern void outcome_of_bad_name(DnsOutcome *outcome, const char *reason);
extern void outcome_read_message(DnsOutcome *outcome, const DnsMessage *message);
extern void outcome_of_found(DnsOutcome *outcome, bool exists, bool found, const char *note);
extern char *outcome_reason(const DnsOutcome *outcome, const char *text);
extern void outcome_report(const DnsOutcome *outcome, const char *text, OnError on_error);
extern bool outcome_is_noerror(const DnsOutcome *outcome);
extern bool outcome_is_missing(const DnsOutcome *outcome);

/* ---- advice.c: hints for texts that are something else than a name ---- */

extern const char *advice_for(const char *text, const DnsOutcome *outcome);
extern char *advice_on_octet(const char *text);
extern const char *advice_on_error(int error);

/* ---- extended_error.c: an extended error in words ---- */

extern char *extended_error_text(const DnsMessage *message);

/* ---- slow_log.c: the log of slow lookups ---- */

extern void slow_log(const DnsWindow *window, const DnsQuestion *question, const DnsReply *reply);

/* ---- call.c: the questions of one call, asked ahead or now ---- */

#define LOOKUP_MAX_QUESTIONS	2	/* at once */

/* The caller sets the server; the rest is zero. */
typedef struct Lookup
{
	const char *server;			/* NULL: the configured ones */
	bool		began;
	CacheScope	scope;			/* since it began */
	DnsReply	replies[LOOKUP_MAX_QUESTIONS];	/* by question, if it got no window */
	DnsWindow  *window;			/* NULL if all was asked ahead, or is in the cache */
	DnsSlot    *slot;			/* of the last outcome */
} Lookup;

extern void lookup_ask(Lookup *lookup, const DnsQuestion *questions, int count,
					   DnsOutcome *outcomes);
extern void lookup_end(Lookup *lookup);
extern void lookup_only_ahead(bool only);

/* ---- search_list.c: which names an incomplete name is tried as ---- */

typedef struct SearchList
{
	List	   *domains;		/* of DnsName * */
	int			ndots;
} SearchList;

extern bool search_list_read(SearchList *list, OnFailure on_failure);
extern List *search_list_names(const SearchList *list, const char *written,
							   size_t len, const DnsName *name);
extern bool search_list_completes(const char *written, size_t len, const DnsName *name);
extern void search_list_add(DnsOutcome *outcome, const DnsOutcome *last);
extern void search_list_note(DnsOutcome *outcome, int tried);

/* ---- host.c: names and addresses of hosts ---- */

#define HOST_NO_TTL		(-1)

typedef struct HostAddress
{
	inet	   *address;
	int32		ttl;			/* HOST_NO_TTL if it is not from the DNS */
} HostAddress;

/* A host, as far as it has been found. */
typedef struct Host
{
	char	   *name;			/* canonical; NULL if there is no such host */
	List	   *aliases;		/* of char *, without the name */
	List	   *cnames;			/* of char *: the aliases of one answer, and the name */
	List	   *addresses;		/* of HostAddress * */

	/* For host_duplicates.c. */
	struct hostset_hash *names_seen;
	struct hostset_hash *addresses_seen;
	uint64		seed;
} Host;

/* The object of a host lookup: addresses of a name, or names of an address. */
typedef struct HostSought
{
	Lookups		lookups;		/* the sources; never LOOKUPS_SYSTEM */
	const inet *address;		/* NULL if addresses are sought */
	const char *written;		/* otherwise NULL: the name, as the user wrote it */
	int			family;			/* of the addresses; 0 is both */
	const char *bad_name;		/* NULL, or a sentence why that is not a name */
	List	   *names;			/* to try, of DnsName *; NIL: only the name */
	DnsName		name;			/* to ask for */
} HostSought;

#define HOST_MAX_QUESTIONS	LOOKUP_MAX_QUESTIONS

extern bool host_lookups(OnFailure on_failure, Lookups *lookups);
extern bool host_seek(HostSought *sought, const char *written, int family, OnFailure on_failure);
extern bool host_seek_names(HostSought *sought, const inet *address, OnFailure on_failure);
extern bool host_answer_locally(const HostSought *sought, Host *host);
extern bool host_answer_at_last(const HostSought *sought, Host *host);
extern const char *host_what(bool names, int family);
extern bool host_is_found(const HostSought *sought, const Host *host);
extern int	host_questions(const HostSought *sought, DnsQuestion *questions);
extern void host_add_answer(Host *host, const DnsOutcome *outcome);
extern void host_merge(DnsOutcome *outcome, const DnsOutcome *outcomes, int count);

/* ---- host_order.c: the order of a host's addresses ---- */

#define HOST_RANKS	24			/* of addresses in one network of the sortlist */

extern int	host_address_rank(const inet *address);
extern void host_order(Host *host);

/* ---- host_duplicates.c: names and addresses that a host has already ---- */

extern bool host_duplicates_add_name(Host *host, const char *name);
extern bool host_duplicates_add_address(Host *host, const inet *address);

/* ---- batch_order.c: the order in which the elements of a batch are asked ---- */

typedef struct BatchOrder
{
	uint32		n;
	uint32		left;
	uint32		step;
	uint32		at;
} BatchOrder;

extern void batch_order_begin(BatchOrder *order, uint32 n);
extern bool batch_order_next(BatchOrder *order, uint32 *index);

/* ---- batch.c: many questions in one call ---- */

/* Room for a mnemonic as a text datum: see rows_word_datum(). */
typedef struct DnsWord
{
	char		text[16];
} DnsWord;

/* The mnemonics of a record. */
typedef struct DnsWords
{
	DnsWord		class;
	DnsWord		type;
} DnsWords;

#define MAX_BATCH_TYPES	2		/* questions of one element */

/* Bits of DnsBatch.state; the kind uses the others. */
#define BATCH_SETTLED	0x01	/* the element needs no more questions */

struct DnsBatch;
struct Tuplesortstate;

/* The data for one row of a batch. */
typedef struct DnsAnswer
{
	DnsOutcome	outcome;
	const DnsRR *rr;			/* NULL in a row without a record */
	Datum		local;			/* instead of rr, without a question; or 0 */
} DnsAnswer;

/* How a batch reads its elements and makes its rows. */
typedef struct DnsBatchKind
{
	bool		nsid;			/* servers are asked for their identifiers */

	/* Reads an element; false if it is not a name.  Can be called again. */
	bool		(*read) (struct DnsBatch *batch, uint32 index, DnsName *name);

	/* Puts rows if no question is needed; false if one is.  Or NULL. */
	bool		(*answer_locally) (struct DnsBatch *batch, uint32 index, const DnsName *name);

	/* Puts rows for an outcome. */
	void		(*answer) (struct DnsBatch *batch, uint32 index, DnsAnswer *answer);

	/* The base of a record's rank; its position is added.  Or NULL. */
	int			(*rank) (const DnsRR *rr);

	/*
	 * The element has a single row: of those that are put for it, the one with
	 * the lowest rank.
	 */
	bool		one_row;

	/* Fills the columns after the position; all are NULL before. */
	void		(*make) (struct DnsBatch *batch, uint32 index, const DnsAnswer *answer,
						 Datum *values, bool *nulls);

	/*
	 * Fills, from the other columns, those that would make rows too large for
	 * the sort; the kind's columns begin at first_column.  Or NULL.
	 */
	void		(*finish) (TupleDesc desc, int first_column, Datum *values, bool *nulls);
} DnsBatchKind;

/* The caller sets the first group; the rest is zero. */
typedef struct DnsBatch
{
	const DnsBatchKind *kind;
	uint16		types[MAX_BATCH_TYPES];
	int			ntypes;
	uint16		class;
	const char *what;			/* looked up; NULL for records */
	const char *written;		/* the name, if the elements are servers */
	Lookups		lookups;		/* for hosts */
	const SearchList *search;	/* completes single labels; or NULL */

	Datum	   *elements;
	bool	   *nulls;
	uint32		n;
	uint32	   *next;			/* the next equal element */
	uint8	   *state;
	DnsName		name;			/* of the element that chain_name() files */
	bool		completed;		/* the search list completes it */
	uint8	   *tried;			/* names that each element was tried as; or NULL */
	uint32	   *again;			/* elements to try as their next name */
	uint32		nagain;
	uint32		again_room;
	uint32		fed;			/* servers that have been asked */
	BatchOrder	order;			/* of the elements that have not been asked yet */
	uint32		feeding;		/* the element that is asked now */
	int			fed_types;		/* questions asked of it */
	CacheScope	scope;			/* of its window */
	DnsWindow  *window;
	MemoryContext answer_context;	/* for one answer */
	MemoryContext row_context;	/* for one row */
	DnsWord		status;			/* of one row */
	DnsWords	words;
	struct Tuplesortstate *sort;
	TupleTableSlot *row;		/* goes into the sort */
	TupleTableSlot *sorted;		/* comes out of it */
	ReturnSetInfo *result;
} DnsBatch;

extern void batch_run(FunctionCallInfo fcinfo, DnsBatch *batch, ArrayType *array);
extern bool batch_open(FunctionCallInfo fcinfo, DnsBatch *batch, ArrayType *array);
extern void batch_close(DnsBatch *batch);
extern void batch_take(DnsBatch *batch, const CacheScope *scope, DnsSlot *slot);
extern bool batch_take_cached(DnsBatch *batch, const CacheScope *scope,
							  const DnsQuestion *question, uint32 index);

/* ---- batch_put.c: the rows of a batch ---- */

#define BATCH_NO_ELEMENT	PG_UINT32_MAX
#define BATCH_RANK_BITS		31	/* of a non-negative int */

extern void batch_put_badname(DnsBatch *batch, uint32 index);
extern void batch_put(DnsBatch *batch, uint32 index, int rank, DnsAnswer *answer);
extern void batch_put_records(DnsBatch *batch, uint32 index, DnsAnswer *answer);

/* ---- server_batch.c: one question to many servers ---- */

extern void server_batch_run(FunctionCallInfo fcinfo, DnsBatch *batch,
							 ArrayType *array, const DnsQuestion *question);

/* ---- batch_search.c: elements that the search list completes ---- */

extern void batch_search_open(DnsBatch *batch);
extern bool batch_search_completes(const DnsBatch *batch, uint32 index, const DnsName *name);
extern void batch_search_complete(const DnsBatch *batch, uint32 index, DnsName *name);
extern bool batch_search_next(DnsBatch *batch, uint32 index);

/* ---- prefetch_table.c: questions asked ahead of the call ---- */

/* Counts of one look-ahead node in one process; see EXPLAIN. */
typedef struct LookaheadCounters
{
	int64		max_rows;		/* most rows read ahead at a time */
	int64		started;		/* questions asked ahead */
	int64		shared;			/* not asked: an equal question had been */
	int64		used;			/* started, and a call took the answer */
	int64		max_in_flight;
	int64		timeouts;
	int64		waited;			/* us that calls have waited for answers */
} LookaheadCounters;

/* A statement that asks ahead. */
typedef struct PrefetchStatement
{
	dlist_node	node;
	MemoryContext owner;		/* the executor state's */
	MemoryContext context;
	MemoryContextCallback release;
	struct prefetch_questions_hash *table;
	uint64		seed;			/* of its hash values */
	struct PrefetchQuestion *expected;	/* probably the next to be looked up */
	struct PrefetchQuestion *adding;	/* not in the table yet */
	uint64		size;			/* of the table, before that */
	CacheScope	scope;			/* of the window */
	DnsWindow  *window;			/* NULL before the first question */
	dlist_head	servers;		/* that were chosen: PrefetchServer */
	int			open_servers;	/* of these, with a window */
	dlist_head	prefetches;		/* of nodes that have not ended */
	dlist_head	unused;			/* done and unreferenced; oldest first */
	uint64		answers;		/* that have come */
	Size		unused_memory;	/* octets */
	Size		memory;			/* octets of rows, other questions and answers */
	Size		memory_limit;	/* of both: that of a hash table */
} PrefetchStatement;

/* A name server that the caller has chosen. */
typedef struct PrefetchServer
{
	dlist_node	node;
	PrefetchStatement *statement;
	char	   *text;			/* as the caller wrote it */
	DnsWindow  *window;			/* NULL if it has to wait for one */
	CacheScope	scope;			/* of the window */
	int			questions;		/* that exist */
	int			held;			/* of these, with references */
} PrefetchServer;

/* Questions that wait to be asked; see prefetch_queue.c. */
typedef struct PrefetchQueue
{
	struct PrefetchQuestion **questions;	/* a ring */
	uint32		room;			/* a power of two, or 0 */
	uint32		first;			/* the number of the first question */
	uint32		count;
	struct PrefetchQuestion *urgent;	/* for which a call waits; or NULL */
} PrefetchQueue;

/* The questions of one look-ahead node. */
typedef struct Prefetch
{
	dlist_node	node;
	PrefetchStatement *statement;
	LookaheadCounters *counters;
	PrefetchQueue queue;		/* not yet asked */
	Size		memory;			/* octets of its part of the statement's */
	int			gathered;		/* questions since fed_at */
	int64		fed_at;			/* on the clock of clock_now() */
	int64		checked_at;		/* the same */
} Prefetch;

typedef enum PrefetchState
{
	PREFETCH_EXPECTED,			/* not asked until a call wants it */
	PREFETCH_QUEUED,
	PREFETCH_ASKED,
	PREFETCH_DONE
} PrefetchState;

/* The key of a question, besides its server; names that differ in case are different. */
typedef struct PrefetchKey
{
	uint16		type;
	uint16		class;
	uint8		nsid;
	uint8		len;			/* of the name */
	uint8		octets[FLEXIBLE_ARRAY_MEMBER];
} PrefetchKey;

/* A reply in little room, with its answer behind it; see prefetch_answer.c. */
typedef struct PrefetchAnswer PrefetchAnswer;

/* A question of a statement: many wait at a time, so its members are small. */
typedef struct PrefetchQuestion
{
	Prefetch   *prefetch;
	PrefetchServer *server;		/* NULL for those of the settings */
	union
	{
		uint32		number;		/* in the queue */
		dlist_node	node;		/* among the unused */
	};
	union
	{
		const DnsSlot *slot;	/* while it is asked */
		PrefetchAnswer *answer; /* when it is done; from pool.c */
	};
	int64	   *credit;			/* that its first use increases, or NULL */
	int			references;
	uint32		hash;			/* of the key */
	uint8		state;			/* a PrefetchState */
	uint8		earns;			/* the increase of the credit */
	bool		used;			/* a call has taken the answer */
	PrefetchKey	key;
} PrefetchQuestion;

extern void prefetch_table_create(PrefetchStatement *statement);
extern PrefetchQuestion *prefetch_table_find(PrefetchStatement *statement,
											 const PrefetchServer *server,
											 const DnsQuestion *question, uint32 *hash);
extern PrefetchQuestion *prefetch_table_add(Prefetch *prefetch, PrefetchServer *server,
											const DnsQuestion *question, uint32 hash);
extern void prefetch_table_question(const PrefetchQuestion *prefetched, DnsQuestion *question);
extern DnsWindow *prefetch_table_window(const PrefetchQuestion *prefetched);
extern void prefetch_table_queue(PrefetchQuestion *prefetched, bool first);
extern void prefetch_table_expect(PrefetchQuestion *prefetched);
extern void prefetch_table_hold(PrefetchQuestion *prefetched);
extern void prefetch_table_drop(PrefetchQuestion *prefetched);
extern void prefetch_table_account(Prefetch *prefetch, Size more, Size less);
extern void prefetch_table_release(PrefetchStatement *statement);
extern void prefetch_table_forget_server(const PrefetchServer *server);
extern bool prefetch_table_take(PrefetchQuestion *prefetched, const DnsReply *reply);

/* ---- prefetch_queue.c: questions that wait to be asked ---- */

extern Size prefetch_queue_add(PrefetchQuestion *prefetched, bool first);
extern void prefetch_queue_remove(PrefetchQuestion *prefetched);
extern PrefetchQuestion *prefetch_queue_next(const PrefetchQueue *queue, bool any);

/* ---- prefetch_answer.c: replies that wait for their calls ---- */

extern PrefetchAnswer *prefetch_answer_keep(const DnsReply *reply);
extern void prefetch_answer_read(const PrefetchAnswer *kept, DnsReply *reply);
extern void prefetch_answer_give_up(const PrefetchQuestion *prefetched, DnsReply *reply);

/* ---- prefetch_statement.c: the statements that ask ahead ---- */

/* A run of the executor that has not ended. */
typedef struct PrefetchRun
{
	MemoryContext owner;		/* of the executor state */
	bool		part;			/* its lookups belong to the outer run */
	struct PrefetchRun *outer;	/* that began it, or NULL */
} PrefetchRun;

extern PrefetchStatement *prefetch_statement_open(MemoryContext owner);
extern void prefetch_statement_run(PrefetchRun *run, MemoryContext owner, bool part);
extern void prefetch_statement_ran(const PrefetchRun *run);
extern PrefetchStatement *prefetch_statement_calling(void);
extern PrefetchStatement *prefetch_statement_next(PrefetchStatement *statement);
extern int	prefetch_statement_in_flight(const PrefetchStatement *statement);

/* ---- prefetch_servers.c: name servers of the caller's choice ---- */

extern PrefetchServer *prefetch_server_find(PrefetchStatement *statement, const char *text);
extern PrefetchServer *prefetch_server_get(PrefetchStatement *statement, const char *text);
extern bool prefetch_server_open(PrefetchServer *server);

/* ---- prefetch.c: asking ahead of the call ---- */

extern Prefetch *prefetch_open(MemoryContext owner, LookaheadCounters *counters);
extern PrefetchQuestion *prefetch_start(Prefetch *prefetch, const char *server,
										const DnsQuestion *question);
extern bool prefetch_gather(PrefetchQuestion *prefetched);
extern int64 prefetch_time_left(const PrefetchQuestion *prefetched);
extern void prefetch_attend(Prefetch *prefetch);
extern void prefetch_ask(Prefetch *prefetch);
extern void prefetch_close(Prefetch *prefetch);
extern bool prefetch_outcome(const char *server, const DnsQuestion *question, bool wait,
							 DnsReply *reply, DnsOutcome *outcome);

#endif							/* PGCARES_LOOKUP_H */
