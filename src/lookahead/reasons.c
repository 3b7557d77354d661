/*
 * reasons.c
 *
 * The reasons why a call is not looked ahead for.  The search for calls notes
 * each call that it must leave out; report.c shows what is left at the end.
 * docs/look-ahead.md lists the reasons in these words.
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

static const char *const texts[] = {
	[REASON_RAISES] = "its argument can raise an error that cannot be held back",
	[REASON_EFFECT] = "its argument has an effect or sees one",
	[REASON_LOOKUP] = "its argument is the answer of another lookup, which can be skipped or warn",
	[REASON_SUBQUERY] = "its argument is a subquery",
	[REASON_JOINED] = "its argument is known only after the join",
	[REASON_CONSTANT] = "its arguments are the same for all rows",
	[REASON_UNKNOWN] = "its argument can only be computed in its place",
	[REASON_ROWS_RAISE] = "to read the rows can raise an error that cannot be held back",
	[REASON_ROWS_EFFECT] = "to read the rows has an effect or sees one",
	[REASON_ROWS_AGAIN] = "the rows are read several times, not always all, and can raise an error",
	[REASON_ROWS_WARN] = "to read the rows can warn, and not all rows are wanted",
	[REASON_ROWS_FOREIGN] = "not all rows of a foreign table are wanted, or another one is read",
	[REASON_MARKS] = "a merge join goes back to earlier rows",
	[REASON_SKIPPED] = "SQL can skip it: AND, OR, CASE, COALESCE or FILTER decides",
	[REASON_JOIN] = "it is in the condition of a join",
	[REASON_CHANGE] = "it is in RETURNING, ON CONFLICT, an action of MERGE or a check",
	[REASON_FOREIGN] = "a foreign table or another extension computes it",
	[REASON_MANY] = "the function asks many questions at once by itself",
	[REASON_CURSOR] = "the cursor can go back to earlier rows",
	[REASON_PLACE] = "look-ahead does not know this place in a plan"
};

/* A call that a search has left out. */
typedef struct LeftOut
{
	const FuncExpr *call;
	LookaheadReason reason;
	Node	   *culprit;
} LeftOut;

/*
 * Are these the same call of a statement?  The expressions of a call differ from
 * place to place in a plan, but the planner keeps its location in the text.
 * Without a location, in a view, all calls of the function count.
 */
bool
reasons_same_call(const FuncExpr *a, const FuncExpr *b)
{
	return a->funcid == b->funcid && a->location == b->location;
}

/*
 * Notes why a call is left out, and the part of its arguments, or of what
 * computes the rows, that is to blame, or NULL.  A call that is left out in one
 * place can be looked ahead for in another.
 */
void
reasons_note(LookaheadPlan *plan, const FuncExpr *call, LookaheadReason reason,
			 Node *culprit)
{
	LeftOut    *entry = palloc(sizeof(LeftOut));

	entry->call = call;
	entry->reason = reason;
	entry->culprit = culprit;
	plan->left_out = lappend(plan->left_out, entry);
}

/*
 * Finds why a call is left out, if that was noted.  The last note counts, but
 * one that a search below a join has made only if there is no other.
 */
bool
reasons_find(const LookaheadPlan *plan, const FuncExpr *call,
			 LookaheadReason *reason, Node **culprit)
{
	bool		found = false;
	ListCell   *lc;

	foreach(lc, plan->left_out)
	{
		const LeftOut *entry = lfirst(lc);

		if (!reasons_same_call(entry->call, call) ||
			(found && entry->reason == REASON_JOINED))
			continue;
		*reason = entry->reason;
		*culprit = entry->culprit;
		found = true;
	}
	return found;
}

/*
 * A reason in words.
 */
const char *
reasons_text(LookaheadReason reason)
{
	return texts[reason];
}
