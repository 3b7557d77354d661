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
 * A lookup function, and what tells from the arguments of a call which questions
 * it will ask: their number, 0 where none can be told.  Raises nothing for what
 * the arguments hold: the call does that itself.
 */
typedef struct LookupFunction
{
	const char *symbol;			/* of the function */
	PGFunction	function;
	int			(*questions) (FunctionCallInfo fcinfo, uint16 type,
							  DnsQuestion *questions);
	uint16		type;			/* of the questions, if the function says it */
} LookupFunction;

extern void lookup_functions_init(void);
extern const LookupFunction *lookup_functions_find(Oid function);
extern bool lookup_functions_has(Oid function);
extern bool lookup_functions_may_have(uint32 hash);

/* ---- plan.c: where a plan gets look-ahead nodes ---- */

/*
 * A server in which every plan has as many nodes as can be shows, with the
 * server's own tests, that they do no harm: build with -DLOOKAHEAD_EVERYWHERE.
 */
#ifdef LOOKAHEAD_EVERYWHERE
#define LOOKAHEAD_NEEDS_CALLS	false
#else
#define LOOKAHEAD_NEEDS_CALLS	true
#endif

/* The plan of one statement, while nodes are put into it. */
typedef struct LookaheadPlan
{
	PlannedStmt *stmt;
	int			last_id;		/* highest plan_node_id */
	bool		has_nodes;		/* of ours, from before */
	bool		has_effects;	/* besides lookups, that other parts may see */
	List	   *init_plans;		/* of SubPlan *: reading a parameter runs one */
	Bitmapset  *read_whole;		/* subplans of which all rows are wanted */
	Bitmapset  *read_partly;	/* or perhaps not all */
	Bitmapset  *read_in_turn;	/* with the rows of the statement */
	Bitmapset  *common;			/* of common table expressions */
	Bitmapset  *used;			/* subplans that stand in some place */
	Bitmapset  *used_again;		/* and in another one */
	struct LookaheadEarly *early;	/* by plan_node_id */
} LookaheadPlan;

/* What the nodes above make of a node's rows. */
typedef struct LookaheadDemand
{
	bool		limited;		/* they may not want all of them */
	bool		unsure;			/* all are read, but perhaps for nothing */
	bool		in_turn;		/* they are read as the statement's rows are */
	bool		marks;			/* they go back to earlier ones */
	bool		repeated;		/* they may have all of them read again */
	bool		workers;		/* they may be in other processes */
	int			bound;			/* they want so many at most; 0 if unknown */
	const Limit *limit;			/* it tells the bound at run time, or NULL */
	bool		one_by_one;		/* each row is one of the statement */
} LookaheadDemand;

extern void lookahead_init(void);

/* ---- run.c: how many rows the caller of a statement takes ---- */

extern void lookahead_run_init(void);
extern uint64 lookahead_run_count(const EState *estate);

/* ---- early.c: what may be run before its turn ---- */

/* What stands against it. */
#define EARLY_ERRORS	0x01	/* it may raise an error */
#define EARLY_EFFECTS	0x02	/* it changes something, or sees such changes */
#define EARLY_GUARD		0x04	/* an error that it may raise can be kept */
#define EARLY_WARNINGS	0x08	/* it may warn of rows that are not wanted */

/* The same of an expression, and which plans are run to evaluate it. */
typedef struct ExpressionLook
{
	bool		has_effects;	/* the statement, for others to see */
	bits8		early;
	Bitmapset  *subplans;		/* their numbers */
	Bitmapset  *params;			/* that may be those of init plans */
} ExpressionLook;

/* The same of a plan node and of those below it. */
typedef struct LookaheadEarly
{
	bool		known;
	bits8		own;			/* the node's own expressions */
	bits8		next;			/* what is run for rows after the first */
	bits8		all;			/* the whole subtree */
} LookaheadEarly;

extern bits8 early_rows(LookaheadPlan *plan, Plan *node);
extern bits8 early_expression(LookaheadPlan *plan, Node *expression);
extern void early_forget(LookaheadPlan *plan, const Plan *node);
extern void early_survey(LookaheadPlan *plan, const Plan *node);

/* ---- expressions.c: the same of expressions ---- */

extern void expression_look(Node *expression, ExpressionLook *seen);
extern bool expression_has_effect(Node *expression);

/* ---- safe_types.c: types that can be worked with ahead ---- */

extern bool type_is_plain(Oid type);
extern bool type_output_may_raise(Oid type);
extern bits8 cast_early(Oid from, Oid to);

/* ---- safe_functions.c: functions that can be run ahead ---- */

extern bits8 function_early(Oid function, Oid collation, List *arguments);
extern bits8 operator_early(Oid operator, Oid function, Oid collation,
							List *arguments);
extern bool function_reads_session(Oid function);

/* ---- rules.c: what the kinds of nodes mean for it ---- */

extern void lookahead_demands(const Plan *node, const LookaheadDemand *demand,
							  LookaheadDemand *left, LookaheadDemand *right);
extern Plan *lookahead_for_node(LookaheadPlan *plan, Plan *node,
								const LookaheadDemand *demand,
								const LookaheadDemand *left,
								const LookaheadDemand *right);

/* ---- sites.c: calls that can be looked ahead for ---- */

/* A search for calls in the expressions of one node. */
typedef struct SiteSearch
{
	LookaheadPlan *plan;
	int			varno;			/* of what the calls may depend on */
	Bitmapset  *params;			/* that stay the same while the node runs */
	bool		uncertain;		/* calls that are found now may not be made */
	bool		outside;		/* this is in another tree, where parameters */
	List	   *numbers;		/* of these numbers */
	List	   *values;			/* stand for these expressions */
	bool		lost;			/* the last one depends on other columns */
	List	   *calls;			/* found: FuncExpr *, with INDEX_VAR */
	List	   *perhaps;		/* the same, that are perhaps not made */
	bits8		early;			/* what stands against their arguments */
} SiteSearch;

extern void sites_open(SiteSearch *search, LookaheadPlan *plan,
					   const Plan *node, int varno);
extern bool sites_possible(Node *expression);
extern void sites_find(SiteSearch *search, Node *expression);
extern void sites_find_in_aggregates(SiteSearch *search, Node *expression);
extern void sites_find_inside(SiteSearch *search, NestLoop *loop);

/* ---- arguments_ahead.c: what can be worked out before a call ---- */

extern bool site_take(SiteSearch *search, FuncExpr *call);

/* ---- node.c: putting nodes into a plan ---- */

extern void lookahead_survey(LookaheadPlan *plan, PlannedStmt *stmt);
extern Plan *lookahead_above(SiteSearch *search, Plan *child,
							 const LookaheadDemand *demand);
extern Plan *lookahead_split(LookaheadPlan *plan, Plan *node,
							 const LookaheadDemand *demand);

/* ---- row_queue.c: rows that were read ahead ---- */

typedef struct CallSite CallSite;

/* The queue of a node. */
typedef struct LookaheadRows
{
	struct LookaheadNode *node;
	MemoryContext context;		/* of the rows */
	int			nsites;
	CallSite   *sites;			/* the calls that are looked ahead for */
	Prefetch   *prefetch;			/* once a question was to be started */
	dlist_head	list;			/* the rows, in their order */
	int64		count;
	Size		space;			/* that they take */
} LookaheadRows;

extern void rows_open(LookaheadRows *rows, struct LookaheadNode *node);
extern void rows_open_site(LookaheadRows *rows, FuncExpr *expr, bool certain,
						   bool guarded);
extern void rows_keep(LookaheadRows *rows, TupleTableSlot *slot,
					  ItemPointerData tid, bool wanted);
extern Size rows_memory(const LookaheadRows *rows);
extern int64 rows_first_time_left(LookaheadRows *rows);
extern void rows_show_first(LookaheadRows *rows);
extern void rows_drop_first(LookaheadRows *rows);

/* ---- scan.c: where a node stands in a table ---- */

/* The name of the node, for EXPLAIN too. */
#define LOOKAHEAD_NAME	"DnsLookahead"

extern bool plan_is_lookahead(const Plan *node);
extern ScanState *scan_below(CustomScanState *css);
extern ItemPointerData scan_tid(const ScanState *scan);

/* ---- early_errors.c: errors that come before their turn ---- */

extern TupleTableSlot *guard_next_row(PlanState *child, ErrorData **failure);
extern bool guard_arguments(List *arguments, bool guarded,
							ExprContext *econtext, NullableDatum *values);

/* ---- exec.c: the plan node ---- */

/*
 * The members of a node's custom_private, all of them Integer nodes.  A node is
 * limited if what is above may stop before the end, or before the bound.
 */
enum
{
	LOOKAHEAD_LIMITED,			/* something above may not want all rows */
	LOOKAHEAD_UNSURE,			/* or none but the first */
	LOOKAHEAD_IN_TURN,			/* the caller of the statement may not */
	LOOKAHEAD_ONE_BY_ONE,		/* it takes the node's rows one by one */
	LOOKAHEAD_GUARD_ROWS,		/* reading the child may raise an error */
	LOOKAHEAD_GUARD_CALLS,		/* so may working out arguments */
	LOOKAHEAD_WARNS,			/* reading the child may show warnings */
	LOOKAHEAD_BOUND,			/* how many are taken at most; 0 if unknown */
	LOOKAHEAD_CALLS,			/* of custom_exprs, those that are certain */
	LOOKAHEAD_PERHAPS			/* and then others; after them, count and
								 * offset of a LIMIT that gives the bound */
};

extern const struct CustomScanMethods lookahead_scan_methods;

/* ---- explain.c: what a node has done ---- */

typedef struct LookaheadShared LookaheadShared;

/* The part of a node's state that is shown, and shared with workers. */
typedef struct LookaheadNode
{
	CustomScanState css;
	LookaheadCounters own;
	LookaheadCounters *counters;	/* own; in a worker, those that are shared */
	LookaheadCounters ended;	/* of workers whose shared memory is gone */
	LookaheadShared *shared;	/* of workers, while there is shared memory */
	dsm_segment *segment;		/* that it is in */
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
