/*
 * functions.h
 *
 * The functions that SQL calls: they read arguments and make rows.
 * Helpers and types that several of them share.
 */
#ifndef PGCARES_FUNCTIONS_H
#define PGCARES_FUNCTIONS_H

#include "lookup/lookup.h"

#include "funcapi.h"
#include "utils/tuplestore.h"

/* ---- arguments.c: arguments that SQL functions share ---- */

/* The question of a call, and its on_error. */
typedef struct DnsRequest
{
	DnsQuestion question;
	const text *written;		/* the name, as the user wrote it; or NULL */
	const char *bad_name;		/* NULL, or a sentence why that is not a name */
	const inet *address;		/* instead of a name; or NULL */
	OnError		on_error;
} DnsRequest;

/* A word of a flags argument; a NULL word ends a list. */
typedef struct FlagWord
{
	const char *word;
	int			bit;
} FlagWord;

extern bool argument_request(FunctionCallInfo fcinfo, int first_argument,
							 OnFailure on_failure, DnsRequest *request);
extern bool argument_kind(FunctionCallInfo fcinfo, int first_argument,
						  OnFailure on_failure, uint16 *type, uint16 *class);
extern bool argument_on_error(FunctionCallInfo fcinfo, int argument, OnFailure on_failure,
							  OnError *on_error);
extern const char *argument_server(FunctionCallInfo fcinfo);
extern bool argument_name_text(DnsRequest *request, const text *written,
							   OnFailure on_failure);
extern bool argument_is_bad_name(const DnsRequest *request, DnsOutcome *outcome);
extern char *argument_text(const DnsRequest *request);
extern bool argument_family(FunctionCallInfo fcinfo, int argument, OnFailure on_failure,
							int *family);
extern bool argument_port(FunctionCallInfo fcinfo, int argument, OnFailure on_failure,
						  int *port);
extern bool argument_flags(FunctionCallInfo fcinfo, int argument,
						   const FlagWord *words, const char *prefix, OnFailure on_failure,
						   int *flags);

/* ---- hosts.c: looking up a host ---- */

extern void hosts_find(const HostSought *sought, Host *host,
					   DnsOutcome *outcome);
extern Datum hosts_names_datum(const List *names);
extern int	hosts_questions(const HostSought *sought, DnsQuestion *questions);
extern int	hosts_call_questions(FunctionCallInfo fcinfo, uint16 type,
								 DnsQuestion *questions);
extern int	hosts_names_call_questions(FunctionCallInfo fcinfo, uint16 type,
									   DnsQuestion *questions);

/* ---- batches.c: elements of arrays ---- */

extern bool batches_read_name(DnsBatch *batch, uint32 index, DnsName *name);
extern void batches_set_question(DnsBatch *batch, const DnsAnswer *answer,
								 Datum question, const char *written,
								 Datum *values, bool *nulls);
extern void batches_set_name(DnsBatch *batch, uint32 index,
							 const DnsAnswer *answer, Datum *values,
							 bool *nulls);

/* ---- getaddrinfo.c, getnameinfo.c: getaddrinfo(3) and getnameinfo(3) ---- */

extern int	getaddrinfo_questions(FunctionCallInfo fcinfo, uint16 type,
								  DnsQuestion *questions);
extern int	getaddrinfo_port_questions(FunctionCallInfo fcinfo, uint16 type,
									   DnsQuestion *questions);
extern int	getnameinfo_questions(FunctionCallInfo fcinfo, uint16 type,
								  DnsQuestion *questions);

/* ---- confirm.c: names of addresses that have the address ---- */

extern int	confirm_names_questions(FunctionCallInfo fcinfo, uint16 type,
									DnsQuestion *questions);
extern int	confirm_address_questions(FunctionCallInfo fcinfo, uint16 type,
									  DnsQuestion *questions);

/* ---- labels.c: labels of names ---- */

extern bool labels_are_below(const DnsName *name, const DnsName *domain);

/* ---- services.c: ports and their names ---- */

extern const char *services_protocol(int socktype, int protocol);
extern bool services_port(const char *text, const char *protocol,
						  bool only_number, OnFailure on_failure, int *port);
extern char *services_name(int port, const char *protocol, bool only_number);

/* ---- names.c: names and addresses, without the network ---- */

extern char *names_to_unicode(const DnsName *name, int idn_flags);

/* ---- rows.c: records to rows ---- */

extern Datum rows_buffer_datum(const StringInfoData *buffer);
extern Datum rows_word_datum(DnsWord *word, const char *mnemonic);
extern void rows_record(const DnsMessage *message, const DnsRR *rr,
						DnsWords *words, Datum *values);
extern void rows_begin(FunctionCallInfo fcinfo, const Oid *types, int count);
extern void rows_require(TupleDesc desc, const Oid *types, int count);
extern void rows_require_record(TupleDesc desc);
extern void rows_open(FunctionCallInfo fcinfo);
extern void rows_put(ReturnSetInfo *rsinfo, const DnsOutcome *outcome,
					 bool typed);

/* ---- records.c, search.c: records of a name ---- */

/* The functions that look up records of one type: C symbol, type. */
#define TYPED_FUNCTIONS(function) \
	function(pgcares_a, 1) \
	function(pgcares_aaaa, 28) \
	function(pgcares_caa, 257) \
	function(pgcares_cname, 5) \
	function(pgcares_hinfo, 13) \
	function(pgcares_https, 65) \
	function(pgcares_mx, 15) \
	function(pgcares_naptr, 35) \
	function(pgcares_ns, 2) \
	function(pgcares_ptr, DNS_TYPE_PTR) \
	function(pgcares_soa, 6) \
	function(pgcares_srv, 33) \
	function(pgcares_svcb, 64) \
	function(pgcares_tlsa, 52) \
	function(pgcares_txt, 16) \
	function(pgcares_uri, 256)

extern int	records_questions(FunctionCallInfo fcinfo, uint16 type,
							  DnsQuestion *questions);
extern int	records_at_questions(FunctionCallInfo fcinfo, uint16 type,
								 DnsQuestion *questions);
extern int	records_typed_questions(FunctionCallInfo fcinfo, uint16 type,
									DnsQuestion *questions);
extern int	records_address_questions(FunctionCallInfo fcinfo, uint16 type,
									  DnsQuestion *questions);
extern int	search_questions(FunctionCallInfo fcinfo, uint16 type,
							 DnsQuestion *questions);

/* ---- messages.c: whole messages as rows ---- */

/*
 * The columns of a message's row, in order.  The question comes first, so that
 * the row of a batch is its position and this row.
 */
enum
{
	COLUMN_QUESTION,
	COLUMN_STATUS,
	COLUMN_REASON,
	COLUMN_RCODE,
	COLUMN_AA, COLUMN_TC, COLUMN_RD, COLUMN_RA, COLUMN_AD, COLUMN_CD,
	COLUMN_ANSWER,
	COLUMN_AUTHORITY,
	COLUMN_ADDITIONAL,
	COLUMN_SERVER,
	COLUMN_TRANSPORT,
	COLUMN_ELAPSED,
	COLUMN_TRIES,
	COLUMN_EDNS_UDP_SIZE,
	COLUMN_EDE_CODE,
	COLUMN_EDE_TEXT,
	COLUMN_NSID,
	COLUMN_WIRE
};

#define MESSAGE_COLUMNS		(COLUMN_WIRE + 1)

extern bool messages_question(FunctionCallInfo fcinfo, int first_argument,
							  OnFailure on_failure, DnsQuestion *question);
extern int	messages_questions(FunctionCallInfo fcinfo, uint16 type,
							   DnsQuestion *questions);
extern int	messages_at_questions(FunctionCallInfo fcinfo, uint16 type,
								  DnsQuestion *questions);
extern const char *messages_open(DnsMessage *message, const bytea *octets);
extern void messages_begin(FunctionCallInfo fcinfo, int first_column);
extern void messages_row(const DnsOutcome *outcome, const char *written,
						 Datum *values, bool *nulls);

/* ---- sections.c: sections of messages ---- */

extern void sections_row(TupleDesc desc, int first_column,
						 Datum *values, bool *nulls);
extern void sections_check_size(Size size);

#endif							/* PGCARES_FUNCTIONS_H */
