/*
 * servers.c
 *
 * Name servers: each has a queue, drops what the queue has no room for, and needs time
 * for a query.  A server can stop, come back and become slower.  Somebody else, the
 * bystander, can ask the first server at a constant rate.
 */
#include "world.h"

Server		servers[MAX_SERVERS];
uint64_t	bystander_sent;
uint64_t	bystander_lost;

static void begin_work(int number);
static void go_on(int number, int worker);

static double
service_time(int number)
{
	double		service = number == 1 && set.service2 > 0 ? set.service2 : set.service;

	if (set.slower_at >= 0 && now >= set.slower_at * MS)
		service *= set.slower;
	return service * US * (0.5 + chance_unit(&net_chance));
}

/* A server is done with a query. */
static void
end_work(int number, uint64_t token, Packet *packet)
{
	servers[number].busy--;
	if (packet->session < 0)
		free(packet);
	else if (set.list == 0 || !resolver_takes(packet))
	{
		answer(packet);
		free(packet);
	}
	if (set.processors > 0 && !set.remote)
		go_on(number, token);
	else
		begin_work(number);
}

/* Begins to work on the first query that waits. */
static void
take_query(int number, int worker)
{
	Server	   *server = &servers[number];
	Packet	   *packet = server->first;

	server->first = packet->next;
	if (server->first == NULL)
		server->last = NULL;
	server->queued--;
	server->busy++;
	event_at(now + service_time(number), end_work, number, worker, packet);
}

static void
begin_work(int number)
{
	Server	   *server = &servers[number];

	if (set.processors > 0 && !set.remote)
	{
		for (int i = 0; i < set.workers && i < MAX_WORKERS; i++)
			processor_want(server->threads[i]);
		return;
	}
	while (server->busy < set.workers && server->first != NULL)
		take_query(number, 0);
}

/* A worker of a server gets a processor. */
static void
work(int who)
{
	int			number = who / MAX_WORKERS;
	int			worker = who % MAX_WORKERS;

	if (servers[number].first != NULL)
		take_query(number, worker);
	else
		processor_leave(servers[number].threads[worker]);
}

/* A worker of a server with a processor is done with a query. */
static void
go_on(int number, int worker)
{
	if (!processor_yield(servers[number].threads[worker]))
		work(number * MAX_WORKERS + worker);
}

/* Puts a query into the queue of a server. */
static void
enqueue(int number, Packet *packet)
{
	Server	   *server = &servers[number];
	int			session;
	int			index;
	Name	   *name;

	if (server->queued >= set.queue && !packet->tcp)
	{
		server->lost++;
		bystander_lost += packet->session < 0;
		free(packet);
		return;
	}
	name = packet->session < 0 ? NULL :
		name_asked(packet->octets, packet->len, &session, &index);
	if (name != NULL)
		name->seen++;
	packet->next = NULL;
	if (server->last != NULL)
		server->last->next = packet;
	else
		server->first = packet;
	server->last = packet;
	if (++server->queued > server->longest)
		server->longest = server->queued;
	begin_work(number);
}

/*
 * A datagram has come to a server.
 */
void
server_datagram(int who, uint64_t token, Packet *packet)
{
	Server	   *server = &servers[who];
	int			session;
	int			index;

	server->come++;
	if (server->up)
	{
		enqueue(who, packet);
		return;
	}
	server->refused++;
	if (packet->session >= 0 && set.refuse)
	{
		Name	   *name = name_asked(packet->octets, packet->len, &session, &index);

		if (name != NULL)
			name->refused++;
		event_at(now + latency(who), deliver_refusal, 0, 0, packet);
	}
	else
		free(packet);
}

/*
 * Octets of a TCP connection have come to a server.
 */
void
server_stream(int who, uint64_t token, Packet *packet)
{
	Socket	   *socket = packet_socket(packet);

	if (socket == NULL || !servers[who].up)
	{
		free(packet);
		return;
	}
	socket->at_server = realloc(socket->at_server, socket->at_server_len + packet->len);
	memcpy(socket->at_server + socket->at_server_len, packet->octets, packet->len);
	socket->at_server_len += packet->len;
	while (socket->at_server_len >= 2)
	{
		int			len = socket->at_server[0] << 8 | socket->at_server[1];
		Packet	   *query;

		if (socket->at_server_len < 2 + len)
			break;
		query = packet_make(packet->session, packet->fd, packet->serial, who, true, len);
		memcpy(query->octets, socket->at_server + 2, len);
		socket->at_server_len -= 2 + len;
		memmove(socket->at_server, socket->at_server + 2 + len, socket->at_server_len);
		servers[who].come++;
		enqueue(who, query);
	}
	free(packet);
}

static void
ask_as_bystander(int who, uint64_t token, Packet *packet)
{
	bystander_sent++;
	server_datagram(who, 0, packet_make(-1, 0, 0, who, false, 0));
	event_at(now + (SimTime) (SECOND / set.bystander), ask_as_bystander, who, 0, NULL);
}

static void
stop(int who, uint64_t token, Packet *packet)
{
	servers[who].up = false;
}

static void
start(int who, uint64_t token, Packet *packet)
{
	servers[who].up = true;
}

static void
heal(int who, uint64_t token, Packet *packet)
{
	params_heal();
	for (int i = 0; i < MAX_SERVERS; i++)
		servers[i].up = true;
}

void
servers_start(void)
{
	for (int i = 0; i < set.servers; i++)
	{
		servers[i].up = true;
		for (int j = 0; j < set.workers && j < MAX_WORKERS && !set.remote; j++)
			servers[i].threads[j] = processor_thread(work, i * MAX_WORKERS + j);
	}
	if (set.down_at >= 0)
	{
		event_at(set.down_at * MS, stop, set.down_server, 0, NULL);
		event_at((set.down_at + set.down_for) * MS, start, set.down_server, 0, NULL);
	}
	if (set.bystander > 0)
		event_at(0, ask_as_bystander, 0, 0, NULL);
	if (set.heal >= 0)
		event_at(set.heal * MS, heal, 0, 0, NULL);
}
