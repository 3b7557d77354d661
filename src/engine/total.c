/*
 * total.c
 *
 * A window among those of all sessions: it joins their pace (flow/joint.c), and its
 * questions count for the bound on all of them (flow/ceiling.c).
 */
#include "postgres.h"

#include "engine/engine.h"

static int	count_under_way(void);

/*
 * Lets a window that is about to ask take part in the pace of all sessions, if it does not
 * yet.
 */
void
total_join(DnsWindow *window)
{
	DnsChannel *channel = window->channel;

	if (!channel->pace.joined && window->of_lane == NULL)
		joint_join(&channel->pace, channel->servers_hash,
				   window->many ? window->capacity : 0);
}

/*
 * Does pgcares.max_in_flight_total leave room for one more question of a window?  There
 * is always room for a question that is asked alone, and while nothing of the window is
 * under way.
 */
bool
total_allows(const DnsWindow *window)
{
	return !ceiling_counts() ||
		ceiling_allows(count_under_way(),
					   !window->many || window_under_way(window) == 0);
}

/*
 * Lets other sessions have the places that this process no longer needs.  Raises nothing.
 */
void
total_look(void)
{
	if (ceiling_counts())
		ceiling_look(count_under_way());
}

static int
count_under_way(void)
{
	int			under_way = 0;

	for (DnsWindow *window = events_next_window(NULL); window != NULL;
		 window = events_next_window(window))
	{
		if (window->of_lane == NULL)
			under_way += window_under_way(window);
	}
	return under_way;
}
