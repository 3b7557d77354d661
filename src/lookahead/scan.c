/*
 * scan.c
 *
 * Which nodes are ours, and the position of a node in the table that its child
 * scans.  WHERE CURRENT OF searches the plan for a scan of the table.  It
 * accepts a node that names the table and has the row's TID in its slot (the
 * server's execCurrentOf()).
 */
#include "postgres.h"

#include "lookahead/lookahead.h"

#include "access/relscan.h"
#include "nodes/extensible.h"
#include "utils/rel.h"

/*
 * Is it one of our nodes?
 */
bool
plan_is_lookahead(const Plan *node)
{
	return IsA(node, CustomScan) &&
		strcmp(((const CustomScan *) node)->methods->CustomName,
			   LOOKAHEAD_NAME) == 0;
}

/*
 * Returns the table scan that is a node's child, or NULL.  The node then looks
 * like a scan of the same table.
 */
ScanState *
scan_below(CustomScanState *css)
{
	ScanState  *child = (ScanState *) outerPlanState(css);

	switch (nodeTag(child))
	{
		case T_SeqScanState:
		case T_SampleScanState:
		case T_IndexScanState:
		case T_IndexOnlyScanState:
		case T_BitmapHeapScanState:
		case T_TidScanState:
		case T_TidRangeScanState:
			break;
		case T_CustomScanState:
			if (plan_is_lookahead(child->ps.plan) &&
				child->ss_currentRelation != NULL)
				break;
			return NULL;
		default:
			return NULL;
	}
	css->ss.ss_currentRelation = child->ss_currentRelation;
	css->ss.ss_ScanTupleSlot->tts_tableOid =
		RelationGetRelid(child->ss_currentRelation);
	return child;
}

/*
 * Returns the TID of a scan's last row; an invalid one if scan is NULL.
 */
ItemPointerData
scan_tid(const ScanState *scan)
{
	ItemPointerData none;

	ItemPointerSetInvalid(&none);
	if (scan == NULL)
		return none;
	if (IsA(scan, IndexOnlyScanState))
		return ((const IndexOnlyScanState *) scan)->ioss_ScanDesc->xs_heaptid;
	return scan->ss_ScanTupleSlot->tts_tid;
}
