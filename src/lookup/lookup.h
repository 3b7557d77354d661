/*
 * lookup.h
 *
 * One question, a host, an array of questions, or questions ahead of their calls; and
 * what comes of them.
 */
#ifndef PGCARES_LOOKUP_H
#define PGCARES_LOOKUP_H

#include "engine/engine.h"

#include "utils/array.h"

/* ---- question.c: what users ask ---- */

extern bool question_type(const char *text, bool soft, uint16 *number);
extern bool question_class(const char *text, bool soft, uint16 *number);
extern bool question_read_name(const char *written, size_t len, bool soft,
						  DnsName *name);

/* ---- status.c: the statuses that a question may end with ---- */

#define DNS_SQLSTATE(a, b, c) MAKE_SQLSTATE('N', 'D', a, b, c)

typedef struct DnsStatus
{
	const char *name;
	int			code;			/* RCODE, or the library's status */
	int			sqlstate;		/* 0 for NOERROR */
	const char *message;
	const char *hint;
} DnsStatus;

/* The places of those that most questions end with. */
enum StatusNumber
{
	STATUS_NOERROR,
	STATUS_NODATA
};

extern const DnsStatus *status_at(int index);
extern const DnsStatus *status_by_name(const char *name);
extern const DnsStatus *status_by_rcode(int rcode);
extern const char *status_hint(const DnsStatus *status, bool chosen_server,
							   bool warning);

/* ---- outcome.c: what came of a question ---- */

typedef struct DnsOutcome
{
	const DnsStatus *status;
	const char *why;			/* instead of the status' message */
	const DnsWindow *window;	/* NULL if nothing was asked */
	const DnsReply *reply;		/* the same */
	bool		chosen_server;
	DnsMessage	message;		/* the answer, while the reply holds it */
	bool		sound;			/* there is a message, and it can be read */
	int			queries;
	int			servers;
	const char *what;			/* was looked up, instead of records */
	const char *note;			/* a sentence */
	const char *extended_error; /* a sentence */

	/* The last members, of which only the octets count that names have. */
	DnsQuestion question;
	DnsName		owner;			/* of the records, if there are any */
} DnsOutcome;

extern void outcome_read(DnsOutcome *outcome, const DnsWindow *window,
						 const DnsQuestion *question, const DnsReply *reply);
extern void outcome_keep(DnsOutcome *outcome);
extern void outcome_set(DnsOutcome *outcome, const char *status);
extern void outcome_read_message(DnsOutcome *outcome, const DnsMessage *message);
extern void outcome_of_found(DnsOutcome *outcome, bool exists, bool found,
							 const char *note);
extern void outcome_report(const DnsOutcome *outcome, const char *text,
						   OnError on_error);
extern bool outcome_is_noerror(const DnsOutcome *outcome);
extern bool outcome_is_missing(const DnsOutcome *outcome);

/* ---- lookup.c: one question, asked ahead or now ---- */

extern DnsWindow *lookup_ask(const DnsQuestion *question, const char *server,
							 DnsOutcome *outcome);
extern void lookup_end(DnsWindow *window);

/* ---- host.c: names and addresses of hosts ---- */

#define HOST_NO_TTL		(-1)

typedef struct HostAddress
{
	inet	   *address;
	int32		ttl;			/* HOST_NO_TTL if it is not from the DNS */
} HostAddress;

/* What was found out about a host. */
typedef struct Host
{
	char	   *name;			/* canonical; NULL if there is no such host */
	List	   *aliases;		/* of char *, the name not among them */
	List	   *addresses;		/* of HostAddress * */

	/* For host_duplicates.c. */
	struct hostset_hash *names_seen;
	struct hostset_hash *addresses_seen;
	uint64		seed;
} Host;

/* What is to be asked about a host. */
#define HOST_MAX_QUESTIONS	2

typedef struct HostQuestions
{
	DnsName		name;
	Lookups		lookups;
	int			count;			/* 0 if all is known */
	DnsQuestion questions[HOST_MAX_QUESTIONS];
} HostQuestions;

extern bool host_lookups(bool soft, Lookups *lookups);
extern bool host_known(Lookups lookups, const char *written,
					   const DnsName *name, int family, Host *host);
extern bool host_known_names(Lookups lookups, const inet *address, Host *host);
extern bool host_known_at_last(Lookups lookups, const DnsName *name,
							   int family, Host *host);
extern bool host_known_names_at_last(Lookups lookups, const inet *address,
									 Host *host);
extern bool host_begin(const char *written, int family, bool soft, Host *host,
					   HostQuestions *asked);
extern bool host_begin_names(const inet *address, bool soft, Host *host,
							 HostQuestions *asked);
extern void host_add_answer(Host *host, const DnsOutcome *outcome);
extern void host_merge(DnsOutcome *outcome, const DnsOutcome *outcomes,
					   int count);

/* ---- host_order.c: the order of its addresses ---- */

extern void host_order(Host *host);

/* ---- host_duplicates.c: what a host has already ---- */

extern bool hostset_add_name(Host *host, const char *name);
extern bool hostset_add_address(Host *host, const inet *address);

/* ---- batch.c: many questions in one call ---- */

/* A mnemonic as a text: see word_datum(). */
typedef struct DnsWord
{
	char		text[16];
} DnsWord;

/* Those of a record. */
typedef struct DnsWords
{
	DnsWord		class;
	DnsWord		type;
} DnsWords;

#define MAX_BATCH_TYPES	2		/* questions of one element */

/* Bits of DnsBatch.state; the others are the kind's. */
#define BATCH_SETTLED	0x01	/* nothing is to be asked for the element */

struct DnsBatch;
struct Tuplesortstate;

/* What a row of a batch is made of. */
typedef struct DnsAnswer
{
	DnsOutcome	outcome;
	const DnsRR *rr;			/* NULL in a row of no record */
	Datum		known;			/* in its place, what needed no question; or 0 */
} DnsAnswer;

/* What the elements of a batch are, and what its rows. */
typedef struct DnsBatchKind
{
	bool		nsid;			/* servers are asked for their identifiers */

	/* Reads an element; false if it is no name.  May be called again. */
	bool		(*read) (struct DnsBatch *batch, uint32 index, DnsName *name);

	/* Puts rows for what need not be asked; false if it has to be.  Or NULL. */
	bool		(*known) (struct DnsBatch *batch, uint32 index,
						  const DnsName *name);

	/* Puts rows for what came of a question; type numbers DnsBatch.types. */
	void		(*answer) (struct DnsBatch *batch, uint32 index, int type,
						   DnsAnswer *answer);

	/* What a record's rank begins with; below it the order counts.  Or NULL. */
	int			(*rank) (const DnsRR *rr);

	/* Fills the columns behind the position; all are NULL before. */
	void		(*make) (struct DnsBatch *batch, uint32 index,
						 const DnsAnswer *answer, Datum *values, bool *nulls);

	/*
	 * Fills columns that would make rows too large for the sort, from the
	 * others; those of the kind begin at first_column.  Or NULL.
	 */
	void		(*finish) (TupleDesc desc, int first_column, Datum *values,
						   bool *nulls);
} DnsBatchKind;

/* The caller sets the first group; the rest is zero. */
typedef struct DnsBatch
{
	const DnsBatchKind *kind;
	uint16		types[MAX_BATCH_TYPES];
	int			ntypes;
	uint16		class;
	Lookups		lookups;		/* for hosts */

	Datum	   *elements;
	bool	   *nulls;
	uint32		n;
	uint32	   *next;			/* the next equal element */
	uint8	   *state;
	DnsName		name;			/* that is being filed */
	uint32		fed;			/* elements that have been asked */
	int			fed_types;		/* questions of the one that comes next */
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

extern void batch_run(FunctionCallInfo fcinfo, DnsBatch *batch,
					  ArrayType *array);
extern void batch_put(DnsBatch *batch, uint32 index, int rank,
					  const DnsAnswer *answer);
extern void batch_put_records(DnsBatch *batch, uint32 index,
							  DnsAnswer *answer);

/* ---- prefetch_table.c: questions that were asked before the call ---- */

/* What one look-ahead node has done in one process; see EXPLAIN. */
typedef struct LookaheadCounters
{
	int64		max_rows;		/* most rows read ahead at a time */
	int64		started;		/* questions asked ahead */
	int64		shared;			/* not asked, as an equal one had been */
	int64		used;			/* of those started: some call took the answer */
	int64		max_in_flight;
	int64		timeouts;
	int64		waited;			/* us that calls have waited for answers */
} LookaheadCounters;

/* A statement that has asked ahead. */
typedef struct PrefetchStatement
{
	dlist_node	node;
	MemoryContext owner;		/* the executor state's */
	MemoryContext context;
	MemoryContextCallback release;
	struct prefetch_questions_hash *table;
	uint64		seed;			/* of its hash values */
	struct PrefetchQuestion *expected;	/* what is likely to be looked for next */
	int			nodes;			/* that have not ended */
} PrefetchStatement;

/* What a look-ahead node has asked. */
typedef struct Prefetch
{
	dlist_node	node;
	MemoryContextCallback release;
	PrefetchStatement *statement;
	DnsWindow  *window;			/* NULL before the first question */
	LookaheadCounters *counters;
	dlist_head	queue;			/* not yet asked */
	dlist_head	unused;			/* done, without a reference; oldest first */
	Size		unused_memory;	/* octets */
	Size		memory;			/* of all others */
	int			gathered;		/* questions since fed_at */
	int64		fed_at;			/* on the clock of clock_now() */
	int64		checked_at;		/* the same */
	bool		closed;
} Prefetch;

typedef enum PrefetchState
{
	PREFETCH_EXPECTED,			/* is not asked before a call wants it */
	PREFETCH_QUEUED,
	PREFETCH_ASKED,
	PREFETCH_DONE
} PrefetchState;

/* A question as it is compared: two that differ in case are two. */
typedef struct PrefetchKey
{
	uint16		type;
	uint16		class;
	uint8		nsid;
	uint8		len;			/* of the name */
	uint8		octets[FLEXIBLE_ARRAY_MEMBER];
} PrefetchKey;

/* A question of a statement; the reply's answer is palloc'd. */
typedef struct PrefetchQuestion
{
	Prefetch   *prefetch;
	dlist_node	node;			/* in the queue, or among the unused */
	PrefetchState state;
	int			references;
	bool		used;			/* some call took the answer */
	const DnsSlot *slot;		/* while it is asked */
	DnsReply	reply;			/* when it is done */
	uint32		hash;			/* of the key */
	PrefetchKey	key;
} PrefetchQuestion;

extern PrefetchStatement *prefetch_statement_find(MemoryContext owner);
extern PrefetchStatement *prefetch_statement_open(MemoryContext owner);
extern PrefetchStatement *prefetch_statement_calling(void);
extern PrefetchQuestion *prefetch_table_find(PrefetchStatement *statement,
											 const DnsQuestion *question, uint32 *hash);
extern PrefetchQuestion *prefetch_table_add(Prefetch *prefetch, const DnsQuestion *question,
											uint32 hash);
extern void prefetch_table_queue(PrefetchQuestion *prefetched, bool first);
extern void prefetch_table_expect(PrefetchQuestion *prefetched);
extern void prefetch_table_hold(PrefetchQuestion *prefetched);
extern void prefetch_table_drop(PrefetchQuestion *prefetched);
extern bool prefetch_table_take(PrefetchQuestion *prefetched, const DnsReply *reply);

/* ---- prefetch.c: asking before the call ---- */

extern Prefetch *prefetch_open(MemoryContext owner, LookaheadCounters *counters);
extern PrefetchQuestion *prefetch_start(Prefetch *prefetch, const DnsQuestion *question,
										bool ask);
extern int64 prefetch_time_left(const PrefetchQuestion *prefetched);
extern Size prefetch_memory(const Prefetch *prefetch);
extern void prefetch_attend(Prefetch *prefetch);
extern void prefetch_ask(Prefetch *prefetch);
extern void prefetch_close(Prefetch *prefetch);
extern bool prefetch_outcome(const DnsQuestion *question, DnsOutcome *outcome);

#endif							/* PGCARES_LOOKUP_H */
