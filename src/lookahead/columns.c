/*
 * columns.c
 *
 * The columns that a node hands up when some of its expressions move to a node
 * above it: the parts that only the node itself can compute.
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"

#include "lookahead/lookahead.h"

/* Two Vars of a node with the same numbers are the same column. */
typedef struct ColumnNumber
{
	int			varno;			/* the key */
	int			varattno;		/* the key, too */
	int			number;			/* in the list, from 1 */
} ColumnNumber;

static bool add_columns(Node *node, PassedColumns *columns);
static bool is_column(const Node *node);
static int	column_number(const PassedColumns *columns, Node *node);
static ColumnNumber *find_number(const PassedColumns *columns, const Var *var,
								 HASHACTION action);

/*
 * The columns of two expressions: the parts that only the node itself can
 * compute.
 */
PassedColumns *
columns_collect(Node *expression, Node *more)
{
	PassedColumns *columns = palloc0(sizeof(PassedColumns));
	HASHCTL		control = {
		.keysize = offsetof(ColumnNumber, number),
		.entrysize = sizeof(ColumnNumber),
		.hcxt = CurrentMemoryContext
	};

	columns->numbers = hash_create("pgcares columns", 32, &control,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	add_columns(expression, columns);
	add_columns(more, columns);
	return columns;
}

/*
 * The target list entries of the columns.
 */
List *
columns_entries(const PassedColumns *columns)
{
	List	   *entries = NIL;
	ListCell   *lc;

	foreach(lc, columns->list)
		entries = lappend(entries,
						  makeTargetEntry(copyObject(lfirst(lc)),
										  list_length(entries) + 1, NULL,
										  false));
	return entries;
}

/*
 * A copy of an expression that takes the columns from the node's input.
 */
Node *
columns_use(Node *node, PassedColumns *columns)
{
	if (node == NULL)
		return NULL;
	if (is_column(node))
	{
		int			number = column_number(columns, node);

		if (number == 0)
			elog(ERROR, "column of a plan node not found");
		return (Node *) makeVar(INDEX_VAR, number, exprType(node),
								exprTypmod(node), exprCollation(node), 0);
	}
	return expression_tree_mutator(node, columns_use, columns);
}

static bool
add_columns(Node *node, PassedColumns *columns)
{
	if (node == NULL)
		return false;
	if (!is_column(node))
		return expression_tree_walker(node, add_columns, columns);
	if (column_number(columns, node) > 0)
		return false;
	columns->list = lappend(columns->list, node);
	if (IsA(node, Var))
		find_number(columns, (Var *) node, HASH_ENTER)->number =
			list_length(columns->list);
	return false;
}

static bool
is_column(const Node *node)
{
	return IsA(node, Var) || IsA(node, Aggref) || IsA(node, GroupingFunc) ||
		IsA(node, WindowFunc);
}

/* The number of a column in the list; 0 if it is not there. */
static int
column_number(const PassedColumns *columns, Node *node)
{
	ListCell   *lc;

	if (IsA(node, Var))
	{
		ColumnNumber *entry = find_number(columns, (Var *) node, HASH_FIND);

		return entry != NULL ? entry->number : 0;
	}
	foreach(lc, columns->list)
	{
		if (equal(lfirst(lc), node))
			return foreach_current_index(lc) + 1;
	}
	return 0;
}

static ColumnNumber *
find_number(const PassedColumns *columns, const Var *var, HASHACTION action)
{
	ColumnNumber key = {var->varno, var->varattno, 0};

	return hash_search(columns->numbers, &key, action, NULL);
}
