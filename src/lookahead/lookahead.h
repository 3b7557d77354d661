/*
 * lookahead.h
 *
 * The plan node that reads rows ahead, and where plans get it.
 */
#ifndef PGCARES_LOOKAHEAD_H
#define PGCARES_LOOKAHEAD_H

#include "functions/functions.h"

#include "access/parallel.h"
#include "nodes/execnodes.h"
#include "nodes/plannodes.h"

/* ---- lookup_functions.c: the lookup functions, as a plan shows them ---- */

#define LOOKUP_MAX_QUESTIONS	2

/*
 * A lookup function.  questions() predicts from the arguments of a call which
 * questions it will ask and returns their number, 0 if it cannot tell.  server()
 * predicts the name server, palloc'd, or returns NULL; it is NULL for functions
 * that ask those of the settings.  Neither raises because of an argument's value:
 * the call itself does that.
 */
typedef struct LookupFunction
{
	const char *symbol;			/* of the function */
	PGFunction	function;
	int			(*questions) (FunctionCallInfo fcinfo, uint16 type,
							  DnsQuestion *questions);
	uint16		type;			/* of the questions, if the function fixes it */
	const char *(*server) (FunctionCallInfo fcinfo);
	bool		computes;		/* and asks nothing */
} LookupFunction;

extern void lookup_functions_init(void);
extern const LookupFunction *lookup_functions_find(Oid function);
extern bool lookup_functions_has(Oid function);
extern bool lookup_functions_asks(Oid function);
extern bool lookup_functions_may_have(uint32 hash);
extern void lookup_functions_note_wrapper(Oid function);
extern void lookup_functions_note_other(uint32 hash);

/* ---- plan.c: where a plan gets look-ahead nodes ---- */

/*
 * Building with -DLOOKAHEAD_EVERYWHERE puts a node wherever one is possible.
 * The server's own tests then show that the nodes do no harm.
 */
#ifdef LOOKAHEAD_EVERYWHERE
#define LOOKAHEAD_NEEDS_CALLS	false
#else
#define LOOKAHEAD_NEEDS_CALLS	true
#endif

/* The plan of one statement, while nodes are added to it. */
typedef struct LookaheadPlan
{
	PlannedStmt *stmt;
	int			last_id;		/* highest plan_node_id */
	bool		has_nodes;		/* of ours, from before */
	bool		has_lookups;	/* or functions in SQL that hold one */
	bool		asks;			/* also with functions that ask for an array */
	bool		has_effects;	/* besides lookups, visible to other parts */
	bool		session_changes;	/* settings or the role */
	bool		reads_session;	/* a function of a user that is not immutable */
	int			foreign_scans;	/* of the statement */
	List	   *init_plans;		/* of SubPlan *, run by reading a parameter */
	Bitmapset  *read_whole;		/* subplans whose rows are all wanted */
	Bitmapset  *read_partly;	/* subplans whose rows are perhaps not all read */
	Bitmapset  *read_in_turn;	/* subplans read with the statement's rows */
	Bitmapset  *common;			/* subplans of common table expressions */
	Bitmapset  *used;			/* subplans that are used somewhere */
	Bitmapset  *used_again;		/* subplans that are used more than once */
	struct LookaheadEarly *early;	/* by plan_node_id */
	List	   *wrappers;		/* OIDs of functions in SQL that hold a lookup */
	List	   *left_out;		/* calls, with reasons: see reasons.c */
} LookaheadPlan;

/* How the nodes above use a node's rows. */
typedef struct LookaheadDemand
{
	bool		limited;		/* they can stop before the last row */
	bool		unsure;			/* they read all, or none after the first */
	bool		in_turn;		/* they read as the caller takes rows */
	bool		marks;			/* they go back to earlier rows */
	bool		repeated;		/* they can read all rows again */
	bool		workers;		/* they can run in other processes */
	int			bound;			/* most rows that they want; 0 if unknown */
	const Limit *limit;			/* gives the bound at run time, or NULL */
	bool		one_by_one;		/* each row becomes one of the statement */
} LookaheadDemand;

extern void lookahead_init(void);

/* ---- run.c: how many rows the caller of a statement takes ---- */

extern void lookahead_run_init(void);
extern int64 lookahead_run_count(const EState *estate);

/* ---- plan_expressions.c: the expressions of plan nodes ---- */

extern List *plan_expressions_of_rows(const Plan *node);
extern List *plan_expressions_at_first(const Plan *node);

/* ---- comparisons.c: how plan nodes compare rows ---- */

extern List *comparisons_of_rows(const Plan *node);
extern List *comparisons_at_first(const Plan *node);
extern List *comparisons_add(List *list, Oid operator, Oid collation, Oid type);

/* ---- early.c: what can run before its turn ---- */

/* The obstacles to that. */
#define EARLY_ERRORS	0x01	/* it can raise an error */
#define EARLY_EFFECTS	0x02	/* it changes something, or sees changes */
#define EARLY_GUARD		0x04	/* it can raise errors that can be held back */
#define EARLY_WARNINGS	0x08	/* it can warn about rows that are not read in the end */
#define EARLY_FOREIGN	0x10	/* a foreign source computes it */

/* The obstacles in an expression, and the plans that it runs. */
typedef struct ExpressionLook
{
	bool		has_effects;	/* input: the statement has visible effects */
	bool		session_changes;	/* input: it can change settings or the role */
	bits8		early;
	Node	   *culprit;		/* the first part with errors or effects */
	Bitmapset  *subplans;		/* their numbers */
	Bitmapset  *whole;			/* of these, those that are read to the end */
	Bitmapset  *params;			/* that init plans can set */
} ExpressionLook;

/* Begins to look at expressions of a statement. */
#define LOOK_IN(plan) \
	{.has_effects = (plan)->has_effects, .session_changes = (plan)->session_changes}

/* The obstacles in a plan node and in the nodes below it. */
typedef struct LookaheadEarly
{
	bool		examined;
	bits8		own;			/* the node's own expressions */
	bits8		next;			/* all that runs for rows after the first */
	bits8		all;			/* the whole subtree */
} LookaheadEarly;

extern bits8 early_rows(LookaheadPlan *plan, Plan *node);
extern bits8 early_expression(LookaheadPlan *plan, Node *expression);
extern Node *early_culprit(const Plan *node);
extern void early_forget(LookaheadPlan *plan, const Plan *node);
extern void early_survey(LookaheadPlan *plan, const Plan *node);

/* ---- triggers.c: triggers of the tables that a statement changes ---- */

extern bool changes_fire_triggers(const LookaheadPlan *plan, const ModifyTable *node);
extern bool changes_run_functions(const LookaheadPlan *plan, const ModifyTable *node);
extern bool changes_alter_rows(const LookaheadPlan *plan, const ModifyTable *node);

/* ---- foreign.c: foreign tables and other extensions' nodes ---- */

extern bits8 foreign_early(const LookaheadPlan *plan, const ForeignScan *scan);
extern bits8 custom_early(const LookaheadPlan *plan, const CustomScan *scan);
extern bool custom_computes_plainly(const CustomScan *scan);
extern bool foreign_computes(const Plan *node);
extern int	foreign_scans_below(const LookaheadPlan *plan, const Plan *node);

/* ---- effects.c: what an expression changes, and sees of changes ---- */

extern bool expression_has_effect(Node *expression);
extern bool expression_changes_session(Node *expression);
extern bool expression_reads_session(Node *expression);
extern bool node_reads_session(const Node *node);
extern bool function_has_effect(Oid function);

/* ---- aggregates.c: aggregates and window functions that can be run ahead ---- */

extern bits8 aggregate_early(const Aggref *aggregate);
extern bits8 window_function_early(const WindowFunc *function);
extern List *aggregate_comparisons(const Aggref *aggregate);

/* ---- expressions.c: the same for expressions ---- */

extern void expression_look(Node *expression, ExpressionLook *seen);
extern int	expression_level(Node *expression);
extern bool expression_is_forbidden(Node *expression);

/* ---- safe_types.c: types whose values can be handled ahead ---- */

extern bool type_is_plain(Oid type);
extern bool type_is_sound(Oid type);
extern bits8 cast_early(Oid from, Oid to);
extern bool type_can_be_read(Oid type);
extern List *domain_conditions(Oid type);

/* ---- safe_names.c: functions that can be run ahead, by name ---- */

/* The kinds of safe functions, by what makes them raise. */
typedef enum FunctionKind
{
	RAISES_NOTHING,
	RAISES_CLEANLY,
	NEEDS_COLLATION,			/* raises if the collation is undecided */
	CHANGES_CASE,				/* the same, or in SQL_ASCII */
	SEARCHES_TEXT,				/* needs a deterministic collation */
	SEARCHES_CLEANLY,			/* the same; can raise one of class 22 */
	SPLITS_TEXT,				/* the same, and a field number other than 0 */
	MATCHES_LIKE,				/* the same, and a complete pattern */
	MATCHES_REGEX,				/* the same, and a valid expression */
	DIVIDES,					/* raises if the divisor is 0 */
	MOVES_TIME,					/* safe for the present and a small interval */
	PRINTS_ALL,					/* prints arguments of any types */
	PRINTS_CLEANLY,				/* the same; can raise one of class 22 */
	COMPARES_VALUES,			/* compares values of any types */
	COMPARES_CLEANLY			/* the same; can raise one of class 22 */
} FunctionKind;

extern bool safe_names_find(const char *name, FunctionKind *kind);

/* ---- safe_functions.c: functions that can be run ahead ---- */

extern bits8 function_early(Oid function, Oid collation, List *arguments);
extern bits8 operator_early(Oid operator, Oid function, Oid collation,
							List *arguments);
extern bool type_compares(Oid type, Oid collation);
extern bool function_makes_rows(Oid function);
extern bool function_reads_session(Oid function);

/* ---- reasons.c: why a call is not looked ahead for ---- */

typedef enum LookaheadReason
{
	REASON_RAISES,
	REASON_EFFECT,
	REASON_LOOKUP,
	REASON_SUBQUERY,
	REASON_JOINED,
	REASON_CONSTANT,
	REASON_UNKNOWN,
	REASON_ROWS_RAISE,
	REASON_ROWS_EFFECT,
	REASON_ROWS_AGAIN,
	REASON_ROWS_WARN,
	REASON_ROWS_FOREIGN,
	REASON_MARKS,
	REASON_SKIPPED,
	REASON_JOIN,
	REASON_CHANGE,
	REASON_FOREIGN,
	REASON_MANY,
	REASON_CURSOR,
	REASON_PLACE
} LookaheadReason;

extern bool reasons_same_call(const FuncExpr *a, const FuncExpr *b);
extern void reasons_note(LookaheadPlan *plan, const FuncExpr *call,
						 LookaheadReason reason, Node *culprit);
extern bool reasons_find(const LookaheadPlan *plan, const FuncExpr *call,
						 LookaheadReason *reason, Node **culprit);
extern const char *reasons_text(LookaheadReason reason);

/* ---- call_text.c: a call as text ---- */

extern char *call_text(const LookaheadPlan *plan, const Plan *node,
					   Node *expression);
extern const char *call_name(const Node *expression);

/* ---- report.c: calls that are not looked ahead for ---- */

extern void lookahead_report(LookaheadPlan *plan, LookaheadReason reason);

/* ---- demands.c: how plan nodes use the rows of their children ---- */

extern void lookahead_demands(const Plan *node, const LookaheadDemand *demand,
							  LookaheadDemand *left, LookaheadDemand *right);
extern void lookahead_forget_bound(LookaheadDemand *demand);
extern bool lookahead_has_bound(const LookaheadDemand *demand);
extern bool lookahead_limit_begins(const Limit *limit);

/* ---- rules.c: rules for each kind of plan node ---- */

extern bool lookahead_hands_over(const Plan *node);
extern Plan *lookahead_for_node(LookaheadPlan *plan, Plan *node,
								const LookaheadDemand *demand,
								const LookaheadDemand *left,
								const LookaheadDemand *right);

/* ---- wrappers.c: functions in SQL that hold a lookup ---- */

extern void wrappers_survey(LookaheadPlan *plan, Node *expression);
extern Node *wrapper_null_if(Node *condition, Node *expression);
extern Node *wrapper_expression(const LookaheadPlan *plan, const FuncExpr *call);

/* ---- site_search.c: a search for calls ---- */

/* A search for calls in the expressions of one node. */
typedef struct SiteSearch
{
	LookaheadPlan *plan;
	int			varno;			/* of the columns that calls can depend on */
	Bitmapset  *params;			/* that stay the same while the node runs */
	bool		uncertain;		/* calls found now are perhaps not made */
	int			wrappers;		/* whose bodies enclose the expression */
	bool		outside;		/* this is in another tree, where parameters */
	List	   *numbers;		/* of these numbers */
	List	   *values;			/* stand for these expressions */
	const Plan *tree;			/* the node there whose expression it is */
	List	   *inner_numbers;	/* the same, within that tree */
	List	   *inner_values;
	List	   *conditions;		/* calls are made for rows that meet these */
	Node	   *skipped;		/* calls are not made if this is true, or NULL */
	const ModifyTable *change;	/* whose table has columns, too, or NULL */
	bool		changed;		/* and these are those after the change */
	LookaheadReason joined;		/* why columns of others than varno do not do */
	bool		other_columns;	/* the last one depends on such */
	List	   *calls;			/* found: FuncExpr *, with INDEX_VAR Vars */
	List	   *perhaps;		/* the same, but perhaps not made */
	bits8		early;			/* obstacles in their arguments */
} SiteSearch;

extern void site_search_open(SiteSearch *search, LookaheadPlan *plan,
							 const Plan *node, int varno);
extern bool site_search_possible(LookaheadPlan *plan, Node *expression);

/* ---- sites.c: calls that can be looked ahead for ---- */

extern void sites_find(SiteSearch *search, Node *expression);
extern void sites_find_in_aggregates(SiteSearch *search, Node *expression);
extern void sites_find_inside(SiteSearch *search, NestLoop *loop);

/* ---- sources.c: columns of the rows that a lookup returns ---- */

extern Node *source_columns(const Plan *node, Node *expression);
extern const FuncExpr *source_of(Node *expression);
extern bool source_is_array(const FuncExpr *call);
extern bool source_params(SiteSearch *search, const Plan *node, List *numbers,
						  List *values);
extern bool source_conditions(SiteSearch *search, const Plan *tree);

/* ---- arguments_ahead.c: arguments that can be computed before a call ---- */

extern bool site_take(SiteSearch *search, FuncExpr *call);
extern void site_take_later(SiteSearch *search, FuncExpr *call);

/* ---- changes.c: calls of INSERT, UPDATE, DELETE and MERGE ---- */

extern void changes_find(SiteSearch *search, const ModifyTable *node);

/* ---- table_columns.c: the columns of a table that is changed ---- */

extern int	table_column_number(LookaheadPlan *plan, const ModifyTable *node,
								const Var *var, bool changed);

/* ---- columns.c: the columns that a node hands up ---- */

typedef struct PassedColumns
{
	List	   *list;			/* their expressions, in their order */
	HTAB	   *numbers;		/* of those that are Vars: ColumnNumber */
} PassedColumns;

extern PassedColumns *columns_collect(Node *expression, Node *more);
extern List *columns_entries(const PassedColumns *columns);
extern Node *columns_use(Node *node, PassedColumns *columns);

/* ---- node.c: adding nodes to a plan ---- */

extern void lookahead_survey(LookaheadPlan *plan, PlannedStmt *stmt);
extern Plan *lookahead_above(SiteSearch *search, Plan *child,
							 const LookaheadDemand *demand);
extern Plan *lookahead_split(LookaheadPlan *plan, Plan *node,
							 const LookaheadDemand *demand);
extern Plan *lookahead_place(LookaheadPlan *plan, Plan *node, List *targets,
							 List *quals, const LookaheadDemand *demand);
extern bool lookahead_has_calls(LookaheadPlan *plan, Plan *node, List **quals);

/* ---- parts.c: the parts of an Append ---- */

extern Plan *lookahead_over_parts(LookaheadPlan *plan, Append *append,
								  const LookaheadDemand *demand);

/* ---- divide.c: plans that can be searched for scans ---- */

extern bool lookahead_hides_scans(Plan *node);
extern void lookahead_divide(LookaheadPlan *plan);

/* ---- shares.c: how nodes share the memory ---- */

extern void lookahead_share_memory(PlannedStmt *stmt);

/* ---- call_site.c: the questions of a call, for a row ---- */

/* A call whose questions are started ahead. */
typedef struct CallSite
{
	const LookupFunction *call;
	List	   *arguments;		/* of ExprState * */
	FmgrInfo	function;
	FunctionCallInfo fcinfo;
	int			level;			/* of lookups in its arguments */
	bool		guarded;		/* the arguments can raise an error */
	const char *server;			/* of the questions, or NULL */
	struct CallSource *source;	/* the lookup whose rows it is made for, or NULL */
	int			left;			/* times that it can still be made for the row */

	/* row_queue.c */
	bool		certain;		/* the call is made for each row */
	int64		credit;			/* questions that can still be asked in vain */
	struct AheadRow *next;		/* the first row whose question perhaps waits */
} CallSite;

extern bool call_site_open(CallSite *site, PlanState *node, FuncExpr *expr,
						   bool guarded);
extern void call_site_begin(CallSite *site, ExprContext *econtext);
extern int	call_site_next(CallSite *site, ExprContext *econtext,
						   DnsQuestion *questions);

/* ---- ahead_row.c: a row that was read ahead ---- */

/* A question of a row. */
typedef struct RowQuestion
{
	PrefetchQuestion *prefetched;
	CallSite   *site;
	bool		certain;		/* needs no credit */
} RowQuestion;

/* A row that was read ahead, and the questions that were started for it. */
typedef struct AheadRow
{
	struct AheadRow *next;
	RowQuestion *questions;		/* behind the row, or in a chunk of their own */
	int			nquestions;
	int			room;			/* for so many */
	ItemPointerData tid;		/* in the table that the child scans, if any */
	uint16		level:15;		/* of the calls whose questions are started next */
	uint16		wanted:1;		/* it is certain to be taken */
} AheadRow;

extern AheadRow *ahead_row_make(MemoryContext context, TupleTableSlot *slot, int room);
extern void ahead_row_show(const AheadRow *row, TupleTableSlot *slot);
extern void ahead_row_make_room(AheadRow *row, MemoryContext context);
extern Size ahead_row_space(AheadRow *row);
extern void ahead_row_free(AheadRow *row);

/* ---- row_queue.c: rows that were read ahead ---- */

/* The queue of a node. */
typedef struct LookaheadRows
{
	struct LookaheadNode *node;
	MemoryContext context;		/* of the rows */
	int			nsites;
	CallSite   *sites;			/* the calls that are looked ahead for */
	Prefetch   *prefetch;			/* NULL before the first question */
	struct AheadRow *first;		/* of the rows, in their order; or NULL */
	struct AheadRow *last;
	int			room;			/* of each row, for so many questions */
	int			levels;			/* of calls that need the answers of others */
	struct AheadRow *behind;	/* the first row that has not started all, or NULL */
	uint64		answers;		/* of the statement, at the last look */
	int64		count;
	Size		space;			/* that the rows take */
} LookaheadRows;

extern void row_queue_open(LookaheadRows *rows, struct LookaheadNode *node);
extern void row_queue_open_site(LookaheadRows *rows, FuncExpr *expr, bool certain,
								bool guarded);
extern void row_queue_keep(LookaheadRows *rows, TupleTableSlot *slot,
						   ItemPointerData tid, bool wanted);
extern void row_queue_continue(LookaheadRows *rows);
extern Size row_queue_memory(const LookaheadRows *rows);
extern int	row_queue_waiting(const LookaheadRows *rows);
extern int64 row_queue_first_time_left(LookaheadRows *rows);
extern void row_queue_show_first(LookaheadRows *rows);
extern void row_queue_drop_first(LookaheadRows *rows);

/* ---- scan.c: the position of a node in a table ---- */

/* The name of the node, for EXPLAIN too. */
#define LOOKAHEAD_NAME	"DnsLookahead"

extern bool plan_is_lookahead(const Plan *node);
extern ScanState *scan_below(CustomScanState *css);
extern ItemPointerData scan_tid(const ScanState *scan);

/* ---- early_errors.c: errors that occur before their turn ---- */

extern TupleTableSlot *early_errors_next_row(PlanState *child, bool foreign,
											 ErrorData **failure);
extern Tuplestorestate *early_errors_rows(SetExprState *source, ExprContext *econtext,
										  MemoryContext context, TupleDesc columns);
extern bool early_errors_arguments(List *arguments, bool guarded, bool lookups,
								   ExprContext *econtext, NullableDatum *values);

/* ---- exec.c: the plan node ---- */

/*
 * The members of a node's custom_private, all but the last Integer nodes.  A node
 * is limited if the plan above can stop before the end, or before the bound.
 */
enum
{
	LOOKAHEAD_LIMITED,			/* the plan above can stop early */
	LOOKAHEAD_UNSURE,			/* perhaps after the first row */
	LOOKAHEAD_IN_TURN,			/* the statement's caller can stop early */
	LOOKAHEAD_ONE_BY_ONE,		/* the caller takes the rows one by one */
	LOOKAHEAD_GUARD_ROWS,		/* reading the child can raise an error */
	LOOKAHEAD_GUARD_CALLS,		/* so can computing arguments */
	LOOKAHEAD_WARNS,			/* reading the child can show warnings */
	LOOKAHEAD_FOREIGN,			/* a foreign source computes its rows */
	LOOKAHEAD_SHARES,			/* nodes that share the statement's memory */
	LOOKAHEAD_BOUND,			/* most rows that are taken; 0 if unknown */
	LOOKAHEAD_CALLS,			/* number of certain calls in custom_exprs */
	LOOKAHEAD_PERHAPS,			/* then of uncertain ones; then count and
								 * offset of the LIMIT that sets the bound */
	LOOKAHEAD_NOT				/* calls of the statement that have no
								 * look-ahead: a List of String */
};

extern const struct CustomScanMethods lookahead_scan_methods;

/* ---- explain.c: what EXPLAIN shows of a node ---- */

typedef struct LookaheadShared LookaheadShared;

/* The part of a node's state that is shown, and shared with workers. */
typedef struct LookaheadNode
{
	CustomScanState css;
	LookaheadCounters own;
	LookaheadCounters *counters;	/* own; in a worker, its shared ones */
	LookaheadCounters ended;	/* sum of workers whose memory is gone */
	LookaheadShared *shared;	/* counters of workers, or NULL */
	dsm_segment *segment;		/* that holds them, or NULL */
	MemoryContextCallback forget;
} LookaheadNode;

extern Size lookahead_estimate_dsm(CustomScanState *css, ParallelContext *pcxt);
extern void lookahead_init_dsm(CustomScanState *css, ParallelContext *pcxt,
							   void *coordinate);
extern void lookahead_init_worker(CustomScanState *css, shm_toc *toc,
								  void *coordinate);
extern void lookahead_explain(CustomScanState *css, List *ancestors,
							  ExplainState *es);

#endif							/* PGCARES_LOOKAHEAD_H */
