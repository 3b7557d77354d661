/*
 * many.c
 *
 * The SQL functions that ask for all elements of an array at once.
 */
#include "postgres.h"

#include "pgcares.h"

#include "utils/builtins.h"

static bool read_text(DnsBatch *batch, uint32 index, DnsName *name);
static bool read_address(DnsBatch *batch, uint32 index, DnsName *name);
static void answer_records(DnsBatch *batch, uint32 index, int type,
						   DnsAnswer *answer);
static void answer_addresses(DnsBatch *batch, uint32 index, int type,
							 DnsAnswer *answer);
static int	rank_address(const DnsRR *rr);
static void make_record(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
						Datum *values, bool *nulls);
static void make_name(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
					  Datum *values, bool *nulls);
static void make_address(DnsBatch *batch, uint32 index,
						 const DnsAnswer *answer, Datum *values, bool *nulls);
static void put_element(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
						Datum *values, bool *nulls, int status);

PG_FUNCTION_INFO_V1(pgcares_query_many);
PG_FUNCTION_INFO_V1(pgcares_reverse_many);
PG_FUNCTION_INFO_V1(pgcares_lookup_many);

static const DnsBatchKind record_kind = {
	.read = read_text,
	.answer = answer_records,
	.make = make_record
};

static const DnsBatchKind name_kind = {
	.read = read_address,
	.answer = answer_records,
	.make = make_name
};

static const DnsBatchKind address_kind = {
	.read = read_text,
	.answer = answer_addresses,
	.rank = rank_address,
	.make = make_address
};

/*
 * What the first of two answers for an element was, while the second is awaited:
 * bits of DnsBatch.state.
 */
#define FIRST_FOUND		0x02
#define FIRST_FAILED	0x04
#define FIRST_NODATA	0x08
#define FIRST_NXDOMAIN	0x10

/* Ranks of addresses: those of A records before those of AAAA records. */
#define RANK_OF_TYPE	0x10000
#define RANK_LAST		PG_INT32_MAX

/*
 * dns_query_many(names, type, class)
 */
Datum
pgcares_query_many(PG_FUNCTION_ARGS)
{
	DnsBatch	batch = {.kind = &record_kind};

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		return (Datum) 0;

	batch.types[0] = question_type(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	batch.ntypes = 1;
	batch.class = question_class(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

/*
 * dns_reverse_many(addresses)
 */
Datum
pgcares_reverse_many(PG_FUNCTION_ARGS)
{
	DnsBatch	batch = {
		.kind = &name_kind,
		.types = {DNS_TYPE_PTR},
		.ntypes = 1,
		.class = DNS_CLASS_IN
	};

	InitMaterializedSRF(fcinfo, 0);
	if (!PG_ARGISNULL(0))
		batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

/*
 * dns_lookup_many(names, family)
 */
Datum
pgcares_lookup_many(PG_FUNCTION_ARGS)
{
	DnsBatch	batch = {.kind = &address_kind, .class = DNS_CLASS_IN};

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;

	batch.types[0] = DNS_TYPE_A;
	batch.types[1] = DNS_TYPE_AAAA;
	batch.ntypes = 2;
	batch_run(fcinfo, &batch, PG_GETARG_ARRAYTYPE_P(0));
	return (Datum) 0;
}

static bool
read_text(DnsBatch *batch, uint32 index, DnsName *name)
{
	return question_name(TextDatumGetCString(batch->elements[index]),
						 setting_idn, name) == NULL;
}

static bool
read_address(DnsBatch *batch, uint32 index, DnsName *name)
{
	question_reverse_name(DatumGetInetPP(batch->elements[index]), name);
	return true;
}

static void
answer_records(DnsBatch *batch, uint32 index, int type, DnsAnswer *answer)
{
	batch_put_records(batch, index, answer);
}

/*
 * Addresses of both families are one answer: that there are none of one family
 * is of interest only if there are none at all; a failure always is.
 */
static void
answer_addresses(DnsBatch *batch, uint32 index, int type, DnsAnswer *answer)
{
	uint8	   *first = &batch->state[index];
	bool		is_last = (batch->ntypes == 1 || *first != 0);
	bool		nxdomain = answer->outcome.status->code == RCODE_NXDOMAIN;

	if (outcome_is_noerror(&answer->outcome))
	{
		batch_put_records(batch, index, answer);
		*first |= FIRST_FOUND;
	}
	else if (!outcome_is_missing(&answer->outcome))
	{
		if (!(*first & FIRST_FAILED))
			batch_put(batch, index, RANK_LAST, answer);
		*first |= FIRST_FAILED;
	}
	else if (!is_last)
		*first |= nxdomain ? FIRST_NXDOMAIN : FIRST_NODATA;
	else if (!(*first & (FIRST_FOUND | FIRST_FAILED)))
	{
		if (*first & FIRST_NXDOMAIN)
			outcome_set(&answer->outcome, "NXDOMAIN");
		batch_put(batch, index, RANK_LAST, answer);
	}
}

/* Networks of the sortlist first, and IPv4 before IPv6. */
static int
rank_address(const DnsRR *rr)
{
	return rr->type == DNS_TYPE_AAAA ? RANK_OF_TYPE : 0;
}

/* ord, question, status, and the columns of dns_record */
static void
make_record(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
			Datum *values, bool *nulls)
{
	put_element(batch, index, answer, values, nulls, 2);
	if (answer->rr == NULL)
		return;
	record_row(&answer->outcome.message, answer->rr, &values[3]);
	memset(&nulls[3], false, 6 * sizeof(bool));
}

/* ord, address, status, ptrdname, ttl */
static void
make_name(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
		  Datum *values, bool *nulls)
{
	DnsRdata	rdata;
	DnsField	field;
	StringInfoData buffer;

	put_element(batch, index, answer, values, nulls, 2);
	if (answer->rr == NULL)
		return;
	rdata_open(&answer->outcome.message, answer->rr, &rdata);
	rdata_next(&rdata, &field);
	initStringInfo(&buffer);
	append_name(&buffer, &field.name, false);
	values[3] = CStringGetTextDatum(buffer.data);
	values[4] = Int32GetDatum(record_ttl(answer->rr));
	nulls[3] = nulls[4] = false;
}

/* ord, name, status, address, ttl */
static void
make_address(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
			 Datum *values, bool *nulls)
{
	put_element(batch, index, answer, values, nulls, 2);
	if (answer->rr == NULL)
		return;
	values[3] = InetPGetDatum(record_inet(answer->rr->rdata,
										  answer->rr->rdlength));
	values[4] = Int32GetDatum(record_ttl(answer->rr));
	nulls[3] = nulls[4] = false;
}

/* The element as it was given, and its status. */
static void
put_element(DnsBatch *batch, uint32 index, const DnsAnswer *answer,
			Datum *values, bool *nulls, int status)
{
	values[1] = batch->elements[index];
	values[status] = CStringGetTextDatum(answer->outcome.status->name);
	nulls[1] = nulls[status] = false;
}
