/*
 * grants.c
 *
 * Statements that grant a group of functions. Each function that PUBLIC cannot call is
 * in one group, and the functions of a group have the same risk. Whoever runs the
 * statements decides: nothing is granted here.
 */
#include "postgres.h"

#include "functions/functions.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* A function with the types of its arguments, and its group. */
typedef struct GrantedFunction
{
	const char *group;
	const char *function;
} GrantedFunction;

/* In the order of the install script */
static const GrantedFunction granted_functions[] = {
	/* names leave the network, to the configured servers */
	{"lookup", "dns_query(text, text, text, text)"},
	{"lookup", "dns_search(text, text, text, text)"},
	{"lookup", "dns_a(text, text)"},
	{"lookup", "dns_aaaa(text, text)"},
	{"lookup", "dns_caa(text, text)"},
	{"lookup", "dns_cname(text, text)"},
	{"lookup", "dns_hinfo(text, text)"},
	{"lookup", "dns_https(text, text)"},
	{"lookup", "dns_mx(text, text)"},
	{"lookup", "dns_naptr(text, text)"},
	{"lookup", "dns_ns(text, text)"},
	{"lookup", "dns_ptr(text, text)"},
	{"lookup", "dns_ptr(inet, text)"},
	{"lookup", "dns_soa(text, text)"},
	{"lookup", "dns_srv(text, text)"},
	{"lookup", "dns_svcb(text, text)"},
	{"lookup", "dns_tlsa(text, text)"},
	{"lookup", "dns_txt(text, text)"},
	{"lookup", "dns_uri(text, text)"},
	{"lookup", "dns_lookup(text, integer, text)"},
	{"lookup", "dns_reverse(inet, text)"},
	{"lookup", "dns_names_in(inet, text[])"},
	{"lookup", "dns_has_address(text[], inet)"},
	{"lookup", "dns_addresses(text, integer, text)"},
	{"lookup", "dns_getaddrinfo(text, text, integer, integer, integer, text[], text)"},
	{"lookup", "dns_getaddrinfo(text, integer, integer, integer, integer, text[], text)"},
	{"lookup", "dns_gethostbyname(text, integer, text)"},
	{"lookup", "dns_gethostbyaddr(inet, text)"},
	{"lookup", "dns_getnameinfo(inet, integer, text[], text)"},

	/* the same for as many names as somebody likes, in one call */
	{"batch", "dns_query_many(text[], text, text)"},
	{"batch", "dns_addresses_many(text[], integer)"},
	{"batch", "dns_ptr_many(inet[])"},
	{"batch", "dns_lookup_many(text[], integer)"},
	{"batch", "dns_reverse_many(inet[])"},

	/* whole answers, which show the server that gave them */
	{"message", "dns_message(text, text, text)"},
	{"message", "dns_message_many(text[], text, text)"},
	{"message", "dns_message_json(text, text, text)"},

	/* packets to any address and port: see the end of the install script */
	{"server", "dns_query_at(text, text, text, text, text)"},
	{"server", "dns_message_at(text, text, text, text)"},
	{"server", "dns_message_at_many(text[], text, text, text)"},

	/* the servers' addresses, the state of the session, and what all sessions share */
	{"operation", "dns_servers()"},
	{"operation", "dns_reset()"},
	{"operation", "dns_stats()"},
	{"operation", "dns_stat_reset()"},
	{"operation", "dns_cache_entries()"},
	{"operation", "dns_cache_flush(text, text)"},
};

PG_FUNCTION_INFO_V1(pgcares_grant_statements);

/*
 * dns_grant_statements(grantee, functions): GRANT statements for the group, in the
 * order of the install script. The functions are where this one is, wherever the
 * extension has been moved.
 */
Datum
pgcares_grant_statements(PG_FUNCTION_ARGS)
{
	static const Oid types[] = {TEXTOID};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const char *grantee = quote_identifier(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	const char *group = text_to_cstring(PG_GETARG_TEXT_PP(1));
	const char *schema = quote_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)));
	int			count = 0;

	rows_begin(fcinfo, types, lengthof(types));
	for (int i = 0; i < (int) lengthof(granted_functions); i++)
	{
		const GrantedFunction *granted = &granted_functions[i];
		Datum		value;
		bool		null = false;

		if (strcmp(granted->group, group) != 0)
			continue;
		value = CStringGetTextDatum(psprintf("GRANT EXECUTE ON FUNCTION %s.%s TO %s",
											 schema, granted->function, grantee));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &null);
		count++;
	}
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is not a group of functions", group),
				 errhint("The groups are \"lookup\", \"batch\", \"message\", \"server\" and \"operation\".")));
	return (Datum) 0;
}
