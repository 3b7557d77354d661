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

/* The steps of the start far away; see start.c. */
typedef enum PaceStart
{
	START_IS_OVER,
	START_WAITS,				/* for the first answer */
	START_LOOKS_AGAIN,			/* whether others take longer */
	START_TRAIN,				/* which tells how quickly the server answers */
	START_SPREADS				/* what that allows, over a round trip */
} PaceStart;

/* The questions that are asked in some time; see share.c. */
typedef struct DnsSample
{
	int			number;			/* from 1 */
	int64		began;
	int64		ended;
	int			fresh;			/* questions when it began */
	int			asked;
	int			silent;			/* of these, not answered while they were fresh */
} DnsSample;

/* Round trips, in microseconds. */
typedef struct DnsTrips
{
	int			number;
	int			quick;			/* near the quickest of late */
	int64		quickest;
	double		sum;
} DnsTrips;

/* The part of a shared amount that one of its users has; see portion.c. */
typedef struct DnsUse
{
	int			used;
	bool		hungry;			/* it could use more */
} DnsUse;

/* The same of all together. */
typedef struct DnsUses
{
	int64		used;
	int64		sated;			/* used by those who are not hungry */
	int			hungry;
} DnsUses;

/* The pace of a channel; see pace.c. */
typedef struct DnsPace
{
	double		level;			/* the most fresh questions */
	double		total;			/* the most questions under way */
	int64		raised_at;
	int64		pause_until;	/* 0 if there is none */
	int64		paused_at;
	int64		probe_at;		/* the next question meanwhile */
	int64		probe_each;		/* microseconds between two of them */
	bool		slow_start;
	int64		halved_at;		/* losses of queries from before do not count */
	double		lost;			/* queries, fading */
	double		delivered;		/* answers, fading */
	double		silent_left;	/* questions that can be silent by chance */
	double		lost_left;		/* the same; those that were only late do not count */

	/* The quickest round trips, in microseconds; 0 if there is none. */
	int64		base;			/* since base_since */
	int64		base_before;	/* in the time before that */
	int64		base_since;

	/* How near the server is; see near.c. */
	int64		nearest;		/* round trip of the last minutes; 0 if not known */
	int64		nearest_at;
	double		seen;			/* round trips, fading */
	double		seen_sum;
	int			seen_rounds;	/* that had some */
	double		silence;		/* microseconds of questions that fell silent, fading */
	double		enough;			/* the level that it grows to */

	/* Answers of late, fading, and how many of them were quick. */
	double		judged;
	double		quick;

	/* The start far away. */
	PaceStart	start;
	int64		start_at;		/* the present step began */
	DnsTrips	start_trips;	/* before the trains */
	int			train;			/* the questions of it */
	int			start_answers;	/* to the train */
	int64		train_at;		/* the first of them came */
	int64		answered_at;	/* the last one came */
	int64		train_time;		/* half of the first train was answered in; 0: not yet */
	double		start_level;	/* the level that the train allows first */
	DnsTrips	latest;			/* of the train, or after it */
	double		careful_above;	/* slow start is careful above this level; 0: nowhere */

	/* The present round. */
	int64		began;
	int64		looked_at;
	bool		growing;		/* in slow start: no queue has been seen */
	bool		over;			/* a query of this round is answered */
	int			answers;
	int			silent;			/* questions that fell silent */
	DnsTrips	trips;
	bool		full;			/* the level kept a question from being asked */
	int			late;			/* rounds until now, one after the other */
	double		late_queue;		/* the shortest of their queues, in microseconds */

	/* How many of the questions are answered while they are fresh. */
	double		expected;		/* the share */
	double		known;			/* questions that have told that */
	DnsSample	open;			/* of what is asked now */
	DnsSample	closed;			/* waits for the fate of its questions, if it has any */
	double		excess;			/* silent questions more than expected */
	double		sure_excess;	/* the same, less what chance explains */
	double		sure_before;	/* and that before the last sample */
	int			low_sample;		/* the first sample with more */
	int64		low_since;		/* when that one began */
	int64		low_from;		/* and the sample before */
	int			low_fresh;		/* questions that were fresh then */
	int64		judged_from;	/* the last sample that was judged began */
	int			low_asked;		/* since then, in samples */
	int			low_silent;
	int			gone;			/* questions that wait since nobody answered */
	int			waited;			/* those that waited when a sample was good */
	bool		no_other;		/* no other server can answer if this one does not */
	int			vain;			/* pauses one after another that have brought nothing */
	int64		calm_at;		/* the last sample that tells of a calm time began */
	int			free;			/* places in a list: answers since it was full, less questions */
	int64		full_from;		/* since then, a list could be full */
	int64		full_at;		/* the last one that tells of a full list ended */
	bool		unheard;		/* hardly anybody answers, or did when the pause began */
	bool		was_full;		/* a list was full, it seems */
	bool		stays_full;		/* names that nobody answers fill it */
	int			room;			/* answers to held questions that tell of room */
	int64		told_at;		/* the last new question was asked */
	int64		last_at;		/* the next last try, if no new question tells */
	int64		changed_at;		/* the level was lowered to test the delay */
	PaceTest	testing;
	int			test_sample;	/* the first sample of the test */
	double		before;			/* the level before the test */
	double		share;			/* of the answers then, or before a pause */
	double		share_known;	/* questions that told it */
	int64		delay;			/* the quickest round trip then */
	double		delay_mean;		/* and the mean one */
	double		queue;			/* the part of it that seems to be a queue */

	/* For joint.c, as long as a window asks. */
	bool		joined;			/* or there is nobody to join */
	struct DnsJoint *joint;		/* NULL: this pace is alone */
	dlist_node	joint_node;
	DnsUse		use;			/* of the level of all */
	bool		hungry;			/* since it looked last, as with the next one */
	int			most_fresh;
	int64		looked_at_joint;
	int64		begins_until;
	double		portion;		/* the level that it got then, as with the next ones */
	double		level_of_all;
	bool		joint_slow_start;
	int64		joint_base;
	bool		joint_tests;	/* share.c tests the level */
	bool		leads;			/* and does so for all */
} DnsPace;

/* ---- near.c: the level and the queue of a server nearby ---- */

/* The level that needs no sign that more bring more: without an answer, it ends here. */
#define SILENT_LEVEL	128

extern void near_init(DnsPace *pace);
extern void near_trip(DnsPace *pace, int64 trip);
extern void near_silent(DnsPace *pace, int64 time);
extern void near_is_far(DnsPace *pace);
extern bool near_is_distant(const DnsPace *pace);
extern void near_round(DnsPace *pace);
extern bool near_allows(const DnsPace *pace, bool prompt);
extern double near_growth(const DnsPace *pace);
extern double near_target(int64 base);

/* ---- trips.c: round trips ---- */

extern void trips_add(DnsTrips *trips, const DnsTrips *more);
extern double trips_chance(const DnsTrips *trips);

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
extern void pace_near(DnsPace *pace, int64 trip);
extern bool pace_tells(const DnsPace *pace, const DnsTrips *trips);
extern void pace_watch(DnsPace *pace, const DnsTrips *trips);
extern void pace_look(DnsPace *pace, int64 rto);

/* ---- start.c: the start far away ---- */

extern void start_begin(DnsPace *pace, int64 now);
extern void start_again(DnsPace *pace);
extern void start_trip(DnsPace *pace, int64 trip, int64 sent_at);
extern void start_watch(DnsPace *pace, const DnsTrips *trip, int64 base);
extern void start_look(DnsPace *pace, int64 now);
extern int64 start_time(const DnsPace *pace);
extern double start_gain(const DnsPace *pace);

/* ---- share.c: how many questions wait ---- */

extern void share_begin(DnsPace *pace, int64 now);
extern bool share_allows(const DnsPace *pace, int total);
extern int	share_asked(DnsPace *pace);
extern void share_silent(DnsPace *pace, int sample);
extern void share_late(DnsPace *pace, int sample);
extern void share_skip(DnsPace *pace, int fresh, int waiting, bool others);
extern bool share_look(DnsPace *pace, int fresh, int waiting, int64 oldest);

/* ---- pause.c: when the list of a resolver seems to be full ---- */

extern void pause_begin(DnsPace *pace, bool unheard);
extern int64 pause_time(const DnsPace *pace);
extern bool pause_is_due(const DnsPace *pace, int fresh, int waiting);
extern void pause_probed(DnsPace *pace, bool new);
extern void pause_end(DnsPace *pace, int waiting);
extern void pause_good(DnsPace *pace);
extern void pause_give_up(DnsPace *pace, double share);

/* ---- loss.c: why queries are lost ---- */

extern void loss_init(DnsPace *pace);
extern void loss_answered(DnsPace *pace);
extern void loss_silent(DnsPace *pace);
extern void loss_late(DnsPace *pace);
extern bool loss_is_chance(const DnsPace *pace, int fresh, bool known);

/* ---- silence.c: a server that falls silent ---- */

extern bool silence_judge(DnsPace *pace, int waiting);
extern bool silence_begin(DnsPace *pace, int waiting);

/* ---- portion.c: what each gets of an amount ---- */

extern void portion_change(DnsUses *all, DnsUse *own, int used, bool hungry);
extern double portion_of(const DnsUses *all, const DnsUse *own, double amount);

/* ---- joint.c: one pace for all sessions ---- */

extern void joint_init(void);
extern void joint_join(DnsPace *own, uint64 servers, int capacity);
extern int64 joint_time(const DnsPace *own);
extern void joint_look(DnsPace *own, int fresh, int64 rto);
extern void joint_leave(DnsPace *own);
extern double joint_level(const DnsPace *own);
#ifdef CHECK_BOOKS
extern bool joint_is_idle(void);
#endif

/* ---- ceiling.c: a bound on the questions of all sessions ---- */

extern void ceiling_init(void);
extern bool ceiling_counts(void);
extern bool ceiling_allows(int under_way, bool no_choice);
extern void ceiling_look(int under_way);
extern int64 ceiling_time(void);
#ifdef CHECK_BOOKS
extern bool ceiling_is_idle(void);
#endif

/* ---- calm.c: is there room in a resolver's list? ---- */

#define LEAST_PROBES	8		/* answers that tell that there is room */

/* The list of a resolver is not full while fewer questions than this wait. */
#define LEAST_WAITING	32

extern void calm_note(DnsPace *pace, int64 began, int fresh);
extern void calm_end(DnsPace *pace, int64 ended);
extern void calm_held(DnsPace *pace, int64 tried_at, bool answered, int fresh);
extern void calm_asked(DnsPace *pace, bool takes);
extern void calm_answered(DnsPace *pace, bool had);
extern bool calm_then(const DnsPace *pace, int64 at);
extern int64 calm_time(const DnsPace *pace, bool alone);
extern void calm_took(DnsPace *pace);

#endif							/* PGCARES_FLOW_H */
