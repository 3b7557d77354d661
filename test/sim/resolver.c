/*
 * resolver.c
 *
 * A recursive resolver as unbound: a list of requests that it works on.  Half of the list
 * keeps its requests to their end.  In the other half a new request can take the place
 * of the oldest one, unless that was asked for lately (jostle-timeout).  Otherwise a new request
 * is dropped when the list is full.  A dead name holds its place until the resolver
 * gives up and answers SERVFAIL.  A name that is known is answered without a place.
 */
#include "world.h"

typedef struct Request
{
	struct Request *before;		/* in the half that can be jostled */
	struct Request *next;
	Name	   *name;
	Packet	   *askers;
	SimTime		asked;			/* of late */
	uint64_t	number;
	bool		stays;
} Request;

uint64_t	resolver_lost;

static int	nrequests;
static int	nstaying;
static uint64_t numbers;
static Request *oldest;
static Request *newest;

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
			server_failure(at);
	}
	free_request(request);
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
	if (name->request != NULL)
	{
		add_asker(name->request, packet);
		return true;
	}
	if (!make_room())
	{
		resolver_lost++;
		free(packet);
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
	time = name->kind == 'd' ? (SimTime) (set.hold * MS) :
		name_kind(name->kind)->extra * MS + chance_exponential(&net_chance, set.recursion * US);
	event_at(now + time, end_request, 0, request->number, packet_copy(packet));
	packet->next = NULL;
	request->askers = packet;
	return true;
}
