/*
 * flow.h
 *
 * Flow control: how many questions are asked at a time.  It knows numbers and times, and
 * no question.  Nothing here raises, allocates in a memory context or calls the library.
 */
#ifndef PGCARES_FLOW_H
#define PGCARES_FLOW_H

#include "statistics/statistics.h"

/* Does asking fewer bring answers sooner, or more of them? */
typedef enum PaceTest
{
	PACE_TESTS_NOTHING,
	PACE_TESTS_DELAY,
	PACE_TESTS_LEVEL
} PaceTest;

/* The questions that are asked in some time; see share.c. */
typedef struct DnsSample
{
	int			number;			/* from 1 */
	int64		began;
	int64		ended;
	int			total;			/* questions under way when it began */
	int			asked;
	int			silent;			/* of these, not answered while they were fresh */
} DnsSample;

/* The pace of a channel; see pace.c. */
typedef struct DnsPace
{
	double		level;			/* the most fresh questions */
	double		total;			/* the most questions under way */
	double		trouble;		/* the total that was too many */
	int64		raised_at;
	int64		pause_until;	/* 0 if there is none */
	int64		probe_at;		/* the next question meanwhile */
	bool		slow_start;
	int64		halved_at;		/* losses of queries from before do not count */
	double		lost;			/* queries, fading */
	double		delivered;		/* answers, fading */

	/* The quickest round trips, in microseconds; 0 if there is none. */
	int64		base;			/* since base_since */
	int64		base_before;	/* in the time before that */
	int64		base_since;

	/* The present round. */
	int64		began;
	int64		looked_at;
	bool		growing;		/* in slow start: no queue has been seen */
	bool		over;			/* a query of this round is answered */
	int			answers;
	int			trips;
	int64		quickest;
	double		sum;			/* of the trips, in microseconds */
	bool		full;			/* the level kept a question from being asked */

	/* How many of the questions are answered while they are fresh. */
	double		expected;		/* the share */
	double		known;			/* questions that have told that */
	DnsSample	open;			/* of what is asked now */
	DnsSample	closed;			/* waits for the fate of its questions, if it has any */
	double		excess;			/* silent questions more than expected */
	int			low_sample;		/* the first sample with more */
	int64		low_since;		/* when that one began */
	int			low_total;		/* questions under way then */
	int			low_asked;		/* since then, in samples */
	int			low_silent;
	int			vain;			/* pauses one after another that have brought nothing */
	int64		changed_at;		/* the level was lowered to test the delay */
	PaceTest	testing;
	int			test_sample;	/* the first sample of the test */
	double		before;			/* the level before the test */
	double		share;			/* of the answers then, or before a pause */
	double		share_known;	/* questions that told it */
	int64		delay;			/* the quickest round trip then */
	double		queue;			/* the part of it that seems to be a queue */
} DnsPace;

/* ---- pace.c: how many questions are fresh ---- */

#define LOWEST_LEVEL	1

extern void pace_init(DnsPace *pace);
extern void pace_begin(DnsPace *pace);
extern bool pace_allows(DnsPace *pace, int fresh, int waiting, int capacity);
extern void pace_restart(DnsPace *pace);
extern void pace_answered(DnsPace *pace);
extern void pace_trip(DnsPace *pace, int64 trip, int64 sent_at);
extern void pace_lost(DnsPace *pace, int64 sent_at);
extern int64 pace_base(const DnsPace *pace);
extern int64 pace_time(const DnsPace *pace, int64 rto);
extern void pace_look(DnsPace *pace, int64 rto);

/* ---- share.c: how many questions wait ---- */

extern void share_begin(DnsPace *pace, int64 now);
extern bool share_allows(const DnsPace *pace, int total);
extern int	share_asked(DnsPace *pace, bool again);
extern void share_silent(DnsPace *pace, int sample);
extern void share_late(DnsPace *pace, int sample);
extern int64 share_time(const DnsPace *pace);
extern bool share_look(DnsPace *pace, int fresh, int waiting, int64 oldest);

#endif							/* PGCARES_FLOW_H */
