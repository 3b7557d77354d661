/*
 * books.c
 *
 * Checks the books of a window and its channel: lists are well formed, each flag agrees
 * with the list that it stands for, and counts are right.  Only builds with CHECK_BOOKS
 * have it and check after each turn of the wait loop.  An error in the books ends the
 * backend.
 */
#include "postgres.h"

#include "engine/engine.h"

#ifdef CHECK_BOOKS

/* Query ids that are checked in one call. */
#define IDS_AT_A_TIME	4096

/* The counts over the slots of a window. */
typedef struct Tally
{
	int			free;
	int			pending;
	int			burst[BURST_STATES];
	int			bare_errors;
	int			wait_for_lane;
	int			refused;
	int			in_flight;
	int			only_isolated;
	Size		answer_memory;
} Tally;

static void check_slots(const DnsWindow *window, Tally *tally);
static void check_slot(const DnsWindow *window, const DnsSlot *slot);
static void check_lists(DnsWindow *window, const Tally *tally);
static void check_burst(dlist_head *list, BurstState state);
static bool has_own_id(const DnsSlot *slot, uint16 id);
static void check_id(const DnsWindow *window, int index, uint16 id, bool own);
static int	list_length_of(const dlist_head *list, int most, const char *name);
static void check_lanes(DnsWindow *window);
static void check_channel(DnsChannel *channel);
static int *count_waiting(const DnsChannel *channel);

#define CHECK(condition, what) \
	do { \
		if (!(condition)) \
			elog(FATAL, "pgcares: the books are wrong: %s", what); \
	} while (0)

/*
 * Checks a window that has a channel.
 */
void
books_check(DnsWindow *window)
{
	Tally		tally = {0};

	CHECK(window->channel->window == window, "a channel has another window");
	check_slots(window, &tally);
	CHECK(tally.in_flight == window->in_flight, "questions in flight");
	for (int state = 0; state < BURST_STATES; state++)
		CHECK(tally.burst[state] == window->nburst[state], "questions of the burst");
	CHECK(tally.only_isolated == window->nisolated, "isolated questions");
	CHECK(tally.refused == window->nrefused, "questions refused");
	CHECK(tally.answer_memory == window->answer_memory, "memory of answers");
	check_lists(window, &tally);
	check_lanes(window);
	check_channel(window->channel);
}

/* Checks and counts the slots that are in use. */
static void
check_slots(const DnsWindow *window, Tally *tally)
{
	bool	   *is_free = palloc0(window->capacity * sizeof(bool));
	slist_iter	iter;

	slist_foreach(iter, unconstify(slist_head *, &window->free))
	{
		const DnsSlot *slot = slist_container(DnsSlot, free_node, iter.cur);

		CHECK(slot->index >= 0 && slot->index < window->used &&
			  !is_free[slot->index], "a slot is free twice");
		is_free[slot->index] = true;
		tally->free++;
	}
	for (int i = 0; i < window->used; i++)
	{
		const DnsSlot *slot = &window->slots[i];

		CHECK(slot->window == window && slot->index == i, "a slot of elsewhere");
		CHECK(!is_free[i] || !slot->in_flight, "a free slot is in flight");
		if (is_free[i])
			continue;
		check_slot(window, slot);
		tally->pending += !slot->done;
		tally->burst[BURST_NONE] += slot->burst != BURST_NONE;
		tally->burst[slot->burst] += slot->burst != BURST_NONE;
		tally->bare_errors += slot->bare_error != NULL;
		tally->wait_for_lane += slot->waits_for_lane;
		tally->refused += slot->in_refused;
		tally->in_flight += slot->in_flight;
		tally->only_isolated += slot->only_isolated;
		tally->answer_memory += slot->reply.answer_len;
	}
	pfree(is_free);
}

static void
check_slot(const DnsWindow *window, const DnsSlot *slot)
{
	const DnsChannel *channel = window->channel;

	CHECK(!slot->done || (slot->burst == BURST_NONE && slot->bare_error == NULL && !slot->waits_for_lane &&
						  !slot->only_isolated && !slot->in_refused && slot->lane == NULL),
		  "a question that is over is in a list");
	CHECK(slot->burst == BURST_NONE || slot->in_flight, "in the burst, but not in flight");
	CHECK(slot->bare_error == NULL || slot->in_flight, "a bare error, but not in flight");
	CHECK(!slot->waits_for_lane || slot->lane == NULL, "in a lane, and waits for one");
	CHECK(!slot->only_isolated || !slot->in_flight, "only isolated, but in flight");
	CHECK(!slot->only_isolated || slot->waits_for_lane || slot->lane != NULL,
		  "only isolated, but nobody asks");
	CHECK(slot->lane == NULL || slot->lane->slot == slot, "a lane of another");
	CHECK(slot->in_flight || slot->tries[0].socket_serial == 0,
		  "waits, but not in flight");
	CHECK(!slot->in_flight || slot->ntries > 0 || slot->burst == BURST_DUE ||
		  slot->burst == BURST_TCP, "in flight without a query");
	for (int i = 0; i < slot->ntries; i++)
		CHECK((has_own_id(slot, slot->tries[i].id) ? channel->slot_of_own_id :
			   channel->slot_of_id)[slot->tries[i].id] == slot->index + 1,
			  "in flight without an id");
	CHECK(slot->burst != BURST_NONE || slot->ntries == 0 ||
		  channel->slot_of_id[slot->library_id] == slot->index + 1,
		  "the library has it without an id");
	CHECK(!slot->in_refused || (!slot->in_flight && !slot->only_isolated && slot->lane == NULL),
		  "refused, but in flight");
	CHECK(slot->done || slot->in_flight || slot->only_isolated || slot->in_refused,
		  "nobody works on it");
}

/* Checks that each list has exactly the slots whose flags say so. */
static void
check_lists(DnsWindow *window, const Tally *tally)
{
	int			most = window->used;
	int64		limit = 0;
	dlist_iter	iter;

	CHECK(list_length_of(&window->pending, most, "pending") == tally->pending,
		  "pending");
	for (int state = BURST_FRESH; state < BURST_STATES; state++)
		CHECK(list_length_of(&window->burst[state], most, "burst") ==
			  tally->burst[state], "burst");
	CHECK(list_length_of(&window->bare_errors, most, "bare errors") == tally->bare_errors, "bare errors");
	CHECK(list_length_of(&window->lane_queue, most, "lane queue") == tally->wait_for_lane, "lane queue");
	CHECK(list_length_of(&window->refused, most, "refused") == tally->refused, "refused");
	(void) list_length_of(&window->done, most, "done");

	dlist_foreach(iter, &window->pending)
	{
		const DnsSlot *slot = dlist_container(DnsSlot, pending_node, iter.cur);

		CHECK(!slot->done, "pending, but over");
		CHECK(slot->limit >= limit, "the order of deadlines");
		limit = slot->limit;
	}
	for (int state = BURST_FRESH; state < BURST_STATES; state++)
		check_burst(&window->burst[state], state);
	dlist_foreach(iter, &window->bare_errors)
		CHECK(dlist_container(DnsSlot, bare_error_node, iter.cur)->bare_error != NULL,
			  "no bare error");
	dlist_foreach(iter, &window->lane_queue)
		CHECK(dlist_container(DnsSlot, lane_node, iter.cur)->waits_for_lane,
			  "does not wait for a lane");
	dlist_foreach(iter, &window->refused)
		CHECK(dlist_container(DnsSlot, refused_node, iter.cur)->in_refused,
			  "not refused");
	dlist_foreach(iter, &window->done)
		CHECK(dlist_container(DnsSlot, done_node, iter.cur)->done, "not over");
	(void) list_length_of(&window->chains, most, "chains");
	dlist_foreach(iter, &window->chains)
	{
		const DnsSlot *slot = dlist_container(DnsSlot, done_node, iter.cur);

		CHECK(slot->done && slot->chain != NULL, "no chain is open");
	}
}

/* Checks that a list of the burst has questions of its state, in the order of trying. */
static void
check_burst(dlist_head *list, BurstState state)
{
	int64		before = 0;
	dlist_iter	iter;

	dlist_foreach(iter, list)
	{
		const DnsSlot *slot = dlist_container(DnsSlot, burst_node, iter.cur);

		CHECK(slot->burst == state, "in another list of the burst");
		CHECK(state > BURST_WAITING || slot->tried_at >= before,
			  "the order of trying");
		before = slot->tried_at;
	}
}

/* Has pgcares chosen this id of a query of the slot, and not the library? */
static bool
has_own_id(const DnsSlot *slot, uint16 id)
{
	return slot->burst != BURST_NONE || slot->library_id != id;
}

/* Checks that an id stands for a slot that has it; own tells who has chosen it. */
static void
check_id(const DnsWindow *window, int index, uint16 id, bool own)
{
	DnsSlot    *slot;

	CHECK(index < window->used, "an id of no slot");
	if (index < 0)
		return;
	slot = &window->slots[index];
	CHECK(slot->in_flight && has_own_id(slot, id) == own &&
		  (!own || tries_of_id(slot, id) != NULL), "an id of another slot");
}

/* The length of a list; checks its links in both directions, up to most members. */
static int
list_length_of(const dlist_head *list, int most, const char *name)
{
	const dlist_node *node = &list->head;
	int			length = 0;

	if (node->next == NULL)
		return 0;				/* never used */
	do
	{
		CHECK(node->next != NULL && node->next->prev == node, name);
		node = node->next;
		CHECK(node == &list->head || length++ < most, name);
	} while (node != &list->head);
	return length;
}

static void
check_lanes(DnsWindow *window)
{
	dlist_iter	iter;

	CHECK(list_length_of(&window->lanes, window->nlanes, "lanes") == window->nlanes,
		  "lanes");
	dlist_foreach(iter, &window->lanes)
	{
		const DnsLane *lane = dlist_container(DnsLane, node, iter.cur);

		CHECK(lane->owner == window && lane->window->of_lane == lane,
			  "a lane of elsewhere");
		CHECK(lane->slot == NULL || lane->slot->lane == lane,
			  "a lane asks for nobody");
	}
}

/* Checks the ids, the sockets and their queues. */
static void
check_channel(DnsChannel *channel)
{
	static int	next_id = 0;
	const DnsWindow *window = channel->window;
	dlist_iter	iter;
	int			sockets = 0;
	int		   *waiting = count_waiting(channel);

	CHECK(channel->submitting == NULL && channel->settling == NULL,
		  "between two calls of the library");
	/* The ids are many, so a part of them each time. */
	next_id = (next_id + IDS_AT_A_TIME) % MAX_QUERY_IDS;
	for (int id = next_id; id < next_id + IDS_AT_A_TIME; id++)
	{
		/* Most are not in use. */
		if (channel->slot_of_id[id] == 0 && channel->slot_of_own_id[id] == 0)
			continue;
		check_id(window, channel->slot_of_id[id] - 1, id, false);
		check_id(window, channel->slot_of_own_id[id] - 1, id, true);
	}
	for (int fd = 0; fd < channel->max_sockets; fd++)
	{
		const DnsSocket *socket = channel->sockets[fd];

		if (socket == NULL)
			continue;
		sockets++;
		CHECK(socket->fd == fd, "a socket of another descriptor");
		CHECK(socket->waiting == waiting[fd], "waiting");
		CHECK((socket->out_len > 0) || !socket->out_waits, "waits to be sent");
	}
	pfree(waiting);
	(void) list_length_of(&channel->unsent, sockets, "unsent");
	dlist_foreach(iter, &channel->unsent)
		CHECK(dlist_container(DnsSocket, unsent_node, iter.cur)->unsent, "not unsent");
}

/* The number of questions that wait on each socket, by descriptor; palloc'd. */
static int *
count_waiting(const DnsChannel *channel)
{
	int		   *waiting = palloc0((channel->max_sockets + 1) * sizeof(int));

	for (int i = 0; i < channel->window->used; i++)
	{
		const DnsSlot *slot = &channel->window->slots[i];

		for (int j = 0; j < slot->ntries && slot->in_flight; j++)
		{
			if (tries_socket(channel, &slot->tries[j]) != NULL)
				waiting[slot->tries[j].fd]++;
		}
	}
	return waiting;
}

#endif							/* CHECK_BOOKS */
