/*
 * host_batches.c
 *
 * The SQL functions that look up all hosts of an array at once: addresses of
 * names, names of addresses; all of them, or the first as dns_lookup() and
 * dns_reverse() do.  The hosts file and the search list count as for a single host.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/inet.h"

static void begin_rows(FunctionCallInfo fcinfo, const DnsBatchKind *kind, Oid data);
static Datum look_up_names(FunctionCallInfo fcinfo, const DnsBatchKind *kind);
static Datum look_up_addresses(FunctionCallInfo fcinfo, const DnsBatchKind *kind);
static bool read_address_element(DnsBatch *batch, uint32 index, DnsName *name);
static bool local_names(DnsBatch *batch, uint32 index, const DnsName *name);
static bool local_addresses(DnsBatch *batch, uint32 index,
							const DnsName *name);
static void answer_names(DnsBatch *batch, uint32 index,
						 DnsAnswer *answer);
static void answer_addresses(DnsBatch *batch, uint32 index,
							 DnsAnswer *answer);
static void put_found(DnsBatch *batch, uint32 index, DnsAnswer *answer);
static void put_missing(DnsBatch *batch, uint32 index, DnsAnswer *answer);
static int	rank_address(const DnsRR *rr);
static void make_name(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
					  Datum *values, bool *nulls);
static void make_address(DnsBatch *batch, uint32 index,
						 const DnsAnswer *answer, Datum *values, bool *nulls);
static Datum address_datum(const inet *address);
static void set_ttl(DnsBatch *batch, const DnsAnswer *answer, Datum *values,
					bool *nulls);
static void put_local_names(DnsBatch *batch, uint32 index, const Host *host);
static void put_local_addresses(DnsBatch *batch, uint32 index, Host *host);
static void set_sought(const DnsBatch *batch, uint32 index, const DnsName *name,
					   HostSought *sought);

PG_FUNCTION_INFO_V1(pgcares_addresses_many);
PG_FUNCTION_INFO_V1(pgcares_lookup_many);
PG_FUNCTION_INFO_V1(pgcares_ptr_many);
PG_FUNCTION_INFO_V1(pgcares_reverse_many);

#define NAME_KIND \
	.read = read_address_element, \
	.answer_locally = local_names, \
	.answer = answer_names, \
	.make = make_name

#define ADDRESS_KIND \
	.read = batches_read_name, \
	.answer_locally = local_addresses, \
	.answer = answer_addresses, \
	.rank = rank_address, \
	.make = make_address

static const DnsBatchKind names_kind = {NAME_KIND};
static const DnsBatchKind first_name_kind = {NAME_KIND, .one_row = true};
static const DnsBatchKind addresses_kind = {ADDRESS_KIND};
static const DnsBatchKind first_address_kind = {ADDRESS_KIND, .one_row = true};

/*
 * Bits of DnsBatch.state: the first answer for an element, while the second is
 * outstanding.
 */
#define FIRST_FOUND		0x02
#define FIRST_FAILED	0x04
#define FIRST_NODATA	0x08
#define FIRST_NXDOMAIN	0x10
#define FIRST_ANY		(FIRST_FOUND | FIRST_FAILED | FIRST_NODATA | FIRST_NXDOMAIN)

/* Another name that the search list completed the element to exists. */
#define OTHER_NODATA	0x20

/* Ranks of records: a message has fewer of them than that. */
#define RECORDS_OF_RANK	0x10000
#define RANK_LAST		PG_INT32_MAX

/*
 * dns_addresses_many(names, family)
 */
Datum
pgcares_addresses_many(PG_FUNCTION_ARGS)
{
	return look_up_addresses(fcinfo, &addresses_kind);
}

/*
 * dns_lookup_many(names, family)
 */
Datum
pgcares_lookup_many(PG_FUNCTION_ARGS)
{
	return look_up_addresses(fcinfo, &first_address_kind);
}

/*
 * dns_ptr_many(addresses)
 */
Datum
pgcares_ptr_many(PG_FUNCTION_ARGS)
{
	return look_up_names(fcinfo, &names_kind);
}

/*
 * dns_reverse_many(addresses)
 */
Datum
pgcares_reverse_many(PG_FUNCTION_ARGS)
{
	return look_up_names(fcinfo, &first_name_kind);
}

/* Checks the columns, the last of which is the TTL, and begins the rows. */
static void
begin_rows(FunctionCallInfo fcinfo, const DnsBatchKind *kind, Oid data)
{
	const Oid	types[] = {INT8OID, TEXTOID, TEXTOID, TEXTOID, data, INT4OID};

	rows_begin(fcinfo, types, lengthof(types) - kind->one_row);
}

/* Looks up the names of addresses. */
static Datum
look_up_names(FunctionCallInfo fcinfo, const DnsBatchKind *kind)
{
	DnsBatch	batch = {
		.kind = kind,
		.types = {DNS_TYPE_PTR},
		.ntypes = 1,
		.class = DNS_CLASS_IN,
		.what = host_what(true, 0)
	};

	begin_rows(fcinfo, kind, TEXTOID);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	(void) host_lookups(RAISE, &batch.lookups);
	batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

/* Looks up the addresses of names, of one family or of both. */
static Datum
look_up_addresses(FunctionCallInfo fcinfo, const DnsBatchKind *kind)
{
	DnsBatch	batch = {.kind = kind, .class = DNS_CLASS_IN};
	SearchList	search;
	int			family;

	begin_rows(fcinfo, kind, INETOID);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	(void) argument_family(fcinfo, 1, RAISE, &family);
	if (family != 6)
		batch.types[batch.ntypes++] = DNS_TYPE_A;
	if (family != 4)
		batch.types[batch.ntypes++] = DNS_TYPE_AAAA;
	batch.what = host_what(false, family);
	(void) host_lookups(RAISE, &batch.lookups);
	(void) search_list_read(&search, RAISE);
	batch.search = &search;
	batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

static bool
read_address_element(DnsBatch *batch, uint32 index, DnsName *name)
{
	address_reverse_name(DatumGetInetPP(batch->elements[index]), name);
	return true;
}

static bool
local_names(DnsBatch *batch, uint32 index, const DnsName *name)
{
	HostSought	sought;
	Host		host;

	set_sought(batch, index, NULL, &sought);
	if (!host_answer_locally(&sought, &host))
		return false;
	put_local_names(batch, index, &host);
	return true;
}

static bool
local_addresses(DnsBatch *batch, uint32 index, const DnsName *name)
{
	HostSought	sought;
	Host		host;

	set_sought(batch, index, name, &sought);
	if (!host_answer_locally(&sought, &host))
		return false;
	put_local_addresses(batch, index, &host);
	return true;
}

static void
answer_names(DnsBatch *batch, uint32 index, DnsAnswer *answer)
{
	HostSought	sought;
	Host		host;

	if (outcome_is_missing(&answer->outcome))
	{
		set_sought(batch, index, NULL, &sought);
		if (host_answer_at_last(&sought, &host))
		{
			put_local_names(batch, index, &host);
			return;
		}
	}
	put_found(batch, index, answer);
}

/*
 * Combines the answers for both families: a missing family gets a row only if
 * both are missing, a failure always gets one.
 */
static void
answer_addresses(DnsBatch *batch, uint32 index, DnsAnswer *answer)
{
	uint8	   *first = &batch->state[index];
	bool		is_last = (batch->ntypes == 1 || (*first & FIRST_ANY));
	bool		nxdomain = answer->outcome.status->code == RCODE_NXDOMAIN;

	if (outcome_is_noerror(&answer->outcome))
	{
		put_found(batch, index, answer);
		*first |= FIRST_FOUND;
	}
	else if (!outcome_is_missing(&answer->outcome))
	{
		/* If both fail, the failure of the first question is the host's. */
		if (batch->kind->one_row)
			batch_put(batch, index,
					  RANK_LAST - (answer->outcome.question.type == DNS_TYPE_A), answer);
		else if (!(*first & FIRST_FAILED))
			batch_put(batch, index, RANK_LAST, answer);
		*first |= FIRST_FAILED;
	}
	else if (!is_last)
		*first |= nxdomain ? FIRST_NXDOMAIN : FIRST_NODATA;
	else if (!(*first & (FIRST_FOUND | FIRST_FAILED)))
	{
		nxdomain |= (*first & FIRST_NXDOMAIN) != 0;
		*first &= ~FIRST_ANY;
		if (!nxdomain)
			*first |= OTHER_NODATA;
		if (!batch_search_next(batch, index))
			put_missing(batch, index, answer);
	}
}

/* Puts the rows of a host that the DNS does not have. */
static void
put_missing(DnsBatch *batch, uint32 index, DnsAnswer *answer)
{
	const char *status = batch->state[index] & OTHER_NODATA ? "NODATA" : "NXDOMAIN";
	HostSought	sought;
	Host		host;
	DnsName		name;

	(void) batches_read_name(batch, index, &name);
	set_sought(batch, index, &name, &sought);
	if (host_answer_at_last(&sought, &host))
		put_local_addresses(batch, index, &host);
	else
	{
		if (strcmp(answer->outcome.status->name, status) != 0)
			outcome_set(&answer->outcome, status);
		batch_put(batch, index, RANK_LAST, answer);
	}
}

/* Adds rows for the records of an answer, or for the first of them. */
static void
put_found(DnsBatch *batch, uint32 index, DnsAnswer *answer)
{
	const DnsOutcome *outcome = &answer->outcome;
	DnsCursor	cursor;
	DnsRR		rr;
	DnsRR		best;
	int			best_rank = RANK_LAST;
	int			place = 0;

	if (!batch->kind->one_row || !outcome_is_noerror(outcome))
	{
		batch_put_records(batch, index, answer);
		return;
	}
	message_section(&outcome->message, DNS_ANSWER, &cursor);
	while (message_next(&cursor, &rr))
	{
		int			rank;

		if (!alias_answers(&rr, &outcome->question, &outcome->owner))
			continue;
		rank = place++ + (batch->kind->rank ? batch->kind->rank(&rr) : 0);
		if (rank < best_rank)
			best = rr;
		best_rank = Min(best_rank, rank);
	}
	answer->rr = &best;
	batch_put(batch, index, best_rank, answer);
}

/* The rank of the first record with an address that ranks like this one. */
static int
rank_address(const DnsRR *rr)
{
	inet		address;

	StaticAssertStmt(((int64) MAX_NETWORKS + 1) * HOST_RANKS * RECORDS_OF_RANK < RANK_LAST,
					 "ranks are too large");
	address_set_inet(&address, rr->rdata, rr->rdlength);
	return host_address_rank(&address) * RECORDS_OF_RANK;
}

/* ord, question, status, reason, ptrdname, ttl */
static void
make_name(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
		  Datum *values, bool *nulls)
{
	inet	   *address = DatumGetInetPP(batch->elements[index]);
	DnsRdata	rdata;
	DnsField	field;

	batches_set_question(batch, answer, address_datum(address),
						 outcome_is_noerror(&answer->outcome) ? NULL :
						 address_text(address), values, nulls);
	if (answer->rr == NULL)
		return;
	rdata_open(&answer->outcome.message, answer->rr, &rdata);
	(void) rdata_next(&rdata, &field);
	values[4] = CStringGetTextDatum(name_to_text(&field.name));
	nulls[4] = false;
	set_ttl(batch, answer, values, nulls);
}

/* ord, question, status, reason, address, ttl */
static void
make_address(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
			 Datum *values, bool *nulls)
{
	batches_set_name(batch, index, answer, values, nulls);
	if (answer->rr == NULL)
		return;
	values[4] = InetPGetDatum(address_inet(answer->rr->rdata,
										   answer->rr->rdlength));
	nulls[4] = false;
	set_ttl(batch, answer, values, nulls);
}

/* An address as inet shows it, as a text: in a fraction of the time of inet_out(). */
static Datum
address_datum(const inet *address)
{
	StringInfoData buffer;

	initStringInfo(&buffer);
	encode_address(&buffer, ip_addr(address), ip_addrsize(address));
	if (ip_bits(address) != ip_maxbits(address))
	{
		appendStringInfoChar(&buffer, '/');
		encode_decimal(&buffer, ip_bits(address));
	}
	return rows_buffer_datum(&buffer);
}

/* A kind with a single row does not show the TTL. */
static void
set_ttl(DnsBatch *batch, const DnsAnswer *answer, Datum *values, bool *nulls)
{
	if (batch->kind->one_row)
		return;
	values[5] = Int32GetDatum(message_ttl(answer->rr));
	nulls[5] = false;
}

static void
put_local_names(DnsBatch *batch, uint32 index, const Host *host)
{
	DnsAnswer	answer = {.rr = NULL};
	int			rank = 0;
	ListCell   *cell;

	outcome_of_found(&answer.outcome, host->name != NULL, host->name != NULL,
					 NULL);
	if (host->name != NULL)
		answer.local = CStringGetTextDatum(host->name);
	batch_put(batch, index, rank++, &answer);
	foreach(cell, host->aliases)
	{
		answer.local = CStringGetTextDatum(lfirst(cell));
		batch_put(batch, index, rank++, &answer);
	}
}

static void
put_local_addresses(DnsBatch *batch, uint32 index, Host *host)
{
	DnsAnswer	answer = {.rr = NULL};
	int			rank = 0;
	ListCell   *cell;

	outcome_of_found(&answer.outcome, host->name != NULL,
					 host->addresses != NIL, NULL);
	if (host->addresses == NIL)
		batch_put(batch, index, 0, &answer);
	host_order(host);
	foreach(cell, host->addresses)
	{
		answer.local = InetPGetDatum(((HostAddress *) lfirst(cell))->address);
		batch_put(batch, index, rank++, &answer);
	}
}

/* Sets what is sought of an element; name is NULL if that is an address. */
static void
set_sought(const DnsBatch *batch, uint32 index, const DnsName *name,
		   HostSought *sought)
{
	sought->lookups = batch->lookups;
	sought->address = NULL;
	if (name == NULL)
	{
		sought->address = DatumGetInetPP(batch->elements[index]);
		return;
	}
	sought->written = TextDatumGetCString(batch->elements[index]);
	sought->family = batch->ntypes == 2 ? 0 :
		batch->types[0] == DNS_TYPE_A ? 4 : 6;
	name_copy(&sought->name, name);
}
