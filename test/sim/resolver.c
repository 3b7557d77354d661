/*
 * resolver.c
 *
 * A recursive resolver as unbound: a list of requests that it works on.  Half of the list
 * keeps its requests to their end.  In the other half a new request can take the place
 * of the oldest one, unless that was asked for lately (jostle-timeout).  Otherwise a new request
 * is dropped when the list is full, or fails.  A dead name holds its place until the resolver
 * gives up and answers SERVFAIL.  A name that is known is answered without a place.
 *
 * Where all dead names have the same silent name server, a resolver notices that (unbound's
 * services/cache/infra.c and util/rtt.c): each query in vain doubles the time of the next ones,
 * and when that is long, it is given up: what is asked then fails at once, except for a probe now
 * and then.
 */
#include "world.h"

/* Times for the silent name server, in ms, and queries to it for each name. */
#define FIRST_TIME	376
#define TWICE_BELOW	5000		/* without EDNS, once more */
#define GIVEN_UP	12000
#define MOST_TIME	120000
#define MOST_TRIES	5

typedef struct Request
{
	struct Request *before;		/* in the half that can be jostled */
	struct Request *next;
	Name	   *name;
	Packet	   *askers;
	SimTime		asked;			/* of late */
	uint64_t	number;
	int			tries;			/* at the silent name server */
	int			time;			/* ms, of the last of them */
	bool		stays;
} Request;

uint64_t	resolver_lost;

static int	nrequests;
static int	nstaying;
static int	nwaiting;
static uint64_t numbers;
static Request *oldest;
static Request *newest;
static int	silent_time = FIRST_TIME;
static SimTime probe_at;

static void
unlink_request(Request *request)
{
	if (request->before != NULL)
		request->before->next = request->next;
	else
		oldest = request->next;
	if (request->next != NULL)
		request->next->before = request->before;
	else
		newest = request->before;
}

static void
free_request(Request *request)
{
	nrequests--;
	if (request->stays)
		nstaying--;
	else
		unlink_request(request);
	request->name->request = NULL;
	while (request->askers != NULL)
	{
		Packet	   *packet = request->askers;

		request->askers = packet->next;
		free(packet);
		nwaiting--;
	}
	free(request);
}

/* Adds who asks; a query that comes twice is answered once. */
static void
add_asker(Request *request, Packet *packet)
{
	for (Packet *at = request->askers; at != NULL; at = at->next)
	{
		if (at->fd == packet->fd && at->serial == packet->serial &&
			at->octets[0] == packet->octets[0] && at->octets[1] == packet->octets[1])
		{
			free(packet);
			return;
		}
	}
	packet->next = request->askers;
	request->askers = packet;
	request->asked = now;
	nwaiting++;
}

/* The recursion of a request is over, unless the request has lost its place. */
static void
end_request(int who, uint64_t token, Packet *packet)
{
	int			session;
	int			index;
	Name	   *name = name_asked(packet->octets, packet->len, &session, &index);
	Request    *request = name->request;

	free(packet);
	if (request == NULL || request->number != token)
		return;
	name->known = name->kind != 'd' || healed;
	for (Packet *at = request->askers; at != NULL; at = at->next)
	{
		if (name->known)
			server_answer(at, 0);
		else
			server_failure(at, 2);
	}
	free_request(request);
}

static void try_over(int who, uint64_t token, Packet *packet);

/* Asks the silent name server; false if it is given up, or was asked often enough. */
static bool
ask_silent(Request *request, const Packet *packet)
{
	if (request->tries == MOST_TRIES || (silent_time >= GIVEN_UP && now < probe_at))
		return false;
	request->tries++;
	request->time = silent_time;
	if (silent_time >= GIVEN_UP)
		probe_at = now + (silent_time + 1000) * MS;
	event_at(now + (request->time < TWICE_BELOW ? 2 : 1) * request->time * MS,
			 try_over, 0, request->number, packet_copy(packet));
	return true;
}

/* The silent name server has not answered. */
static void
try_over(int who, uint64_t token, Packet *packet)
{
	int			session;
	int			index;
	Request    *request = name_asked(packet->octets, packet->len, &session, &index)->request;

	if (request != NULL && request->number == token && !healed)
	{
		if (silent_time >= request->time && silent_time < 2 * request->time)
			silent_time = 2 * request->time < MOST_TIME ? 2 * request->time : MOST_TIME;
		if (ask_silent(request, packet))
		{
			free(packet);
			return;
		}
	}
	end_request(who, token, packet);
}

/* Makes room in the list; false if it is full. */
static bool
make_room(void)
{
	if (nrequests < set.list)
		return true;
	if (oldest == NULL || now - oldest->asked < set.jostle * MS)
		return false;
	free_request(oldest);
	return true;
}

/* There is no room for a query. */
static void
turn_away(Packet *packet)
{
	resolver_lost++;
	if (set.full_rcode > 0)
		server_failure(packet, set.full_rcode);
	free(packet);
}

/*
 * Takes a query into the list, or drops it.  False if it can be answered at once.
 */
bool
resolver_takes(Packet *packet)
{
	int			session;
	int			index;
	Name	   *name = name_asked(packet->octets, packet->len, &session, &index);
	Request    *request;
	SimTime		time;

	if (name == NULL || name->known)
		return false;
	if (set.wait_limit > 0 && nwaiting >= set.wait_limit)
	{
		turn_away(packet);
		return true;
	}
	if (name->request != NULL)
	{
		add_asker(name->request, packet);
		return true;
	}
	if (!make_room())
	{
		turn_away(packet);
		return true;
	}
	request = calloc(1, sizeof(Request));
	request->name = name;
	request->asked = now;
	request->number = ++numbers;
	request->stays = nstaying < set.list / 2;
	nrequests++;
	nstaying += request->stays;
	if (!request->stays)
	{
		request->before = newest;
		if (newest != NULL)
			newest->next = request;
		else
			oldest = request;
		newest = request;
	}
	name->request = request;
	packet->next = NULL;
	request->askers = packet;
	nwaiting++;
	if (name->kind == 'd' && set.gives_up)
	{
		if (!ask_silent(request, packet))
			end_request(0, request->number, packet_copy(packet));
		return true;
	}
	time = name->kind == 'd' ? (SimTime) (set.hold * MS) :
		name_kind(name->kind)->extra * MS + chance_exponential(&net_chance, set.recursion * US);
	event_at(now + time, end_request, 0, request->number, packet_copy(packet));
	return true;
}
