/* pgcares--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgcares" to load this file. \quit

-- The planner
--
-- Only the planner can call this, so no rights are granted or revoked.

CREATE FUNCTION dns_support(internal)
RETURNS internal
AS 'MODULE_PATHNAME', 'pgcares_support'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_support(internal)
IS 'planner support for the functions that ask name servers';

-- Records

CREATE TYPE dns_record AS (
	name text,
	ttl integer,
	class text,
	type text,
	rdata text,
	data jsonb
);

COMMENT ON TYPE dns_record IS 'a DNS resource record';
COMMENT ON COLUMN dns_record.name IS 'owner of the record, without a final dot';
COMMENT ON COLUMN dns_record.ttl IS 'seconds for which the record can be kept';
COMMENT ON COLUMN dns_record.class IS 'class, almost always IN';
COMMENT ON COLUMN dns_record.type IS 'record type';
COMMENT ON COLUMN dns_record.rdata IS 'data in presentation format, as in a zone file';
COMMENT ON COLUMN dns_record.data IS 'data with the field names of the RFCs';

-- All functions that ask a name server are expensive, and VOLATILE, since planning
-- must not send packets.

CREATE FUNCTION dns_query(
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN',
	on_error text DEFAULT NULL)
RETURNS SETOF dns_record
AS 'MODULE_PATHNAME', 'pgcares_query'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_query(text, text, text, text)
IS 'records of any type';

CREATE FUNCTION dns_search(
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN',
	on_error text DEFAULT NULL)
RETURNS SETOF dns_record
AS 'MODULE_PATHNAME', 'pgcares_search'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_search(text, text, text, text)
IS 'records of any type, of a name that the search list completes';

CREATE FUNCTION dns_a(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	address inet,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_a'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_a(text, text)
IS 'A records: IPv4 addresses';

CREATE FUNCTION dns_aaaa(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	address inet,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_aaaa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_aaaa(text, text)
IS 'AAAA records: IPv6 addresses';

CREATE FUNCTION dns_caa(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	flags integer,
	tag text,
	value text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_caa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_caa(text, text)
IS 'CAA records: authorities that may issue certificates';

CREATE FUNCTION dns_cname(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	cname text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_cname'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_cname(text, text)
IS 'CNAME records: canonical name of an alias';

CREATE FUNCTION dns_hinfo(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	cpu text,
	os text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_hinfo'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_hinfo(text, text)
IS 'HINFO records: host information';

CREATE FUNCTION dns_https(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	priority integer,
	target text,
	params jsonb,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_https'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_https(text, text)
IS 'HTTPS records: service bindings of HTTPS';

CREATE FUNCTION dns_mx(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	preference integer,
	exchange text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_mx'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_mx(text, text)
IS 'MX records: mail exchanges';

CREATE FUNCTION dns_naptr(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	naptr_order integer,
	preference integer,
	flags text,
	services text,
	regexp text,
	replacement text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_naptr'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_naptr(text, text)
IS 'NAPTR records: naming authority pointers';

CREATE FUNCTION dns_ns(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	nsdname text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_ns'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ns(text, text)
IS 'NS records: authoritative name servers';

CREATE FUNCTION dns_ptr(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	ptrdname text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_ptr'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ptr(text, text)
IS 'PTR records: names that an address or name points to';

CREATE FUNCTION dns_ptr(address inet, on_error text DEFAULT NULL)
RETURNS TABLE (
	ptrdname text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_ptr_inet'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ptr(inet, text)
IS 'PTR records of an address: its names';

CREATE FUNCTION dns_soa(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	mname text,
	rname text,
	serial bigint,
	refresh bigint,
	retry bigint,
	expire bigint,
	minimum bigint,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_soa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_soa(text, text)
IS 'SOA records: start of a zone of authority';

CREATE FUNCTION dns_srv(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	priority integer,
	weight integer,
	port integer,
	target text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_srv'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_srv(text, text)
IS 'SRV records: servers of a service';

CREATE FUNCTION dns_svcb(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	priority integer,
	target text,
	params jsonb,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_svcb'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_svcb(text, text)
IS 'SVCB records: service bindings';

CREATE FUNCTION dns_tlsa(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	cert_usage integer,
	selector integer,
	matching_type integer,
	data bytea,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_tlsa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_tlsa(text, text)
IS 'TLSA records: certificate associations';

CREATE FUNCTION dns_txt(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	txt text,
	strings bytea[],
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_txt'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_txt(text, text)
IS 'TXT records: text strings';

CREATE FUNCTION dns_uri(name text, on_error text DEFAULT NULL)
RETURNS TABLE (
	priority integer,
	weight integer,
	target text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_uri'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_uri(text, text)
IS 'URI records: uniform resource identifiers';

-- Hosts

CREATE FUNCTION dns_lookup(
	name text,
	family integer DEFAULT 0,
	on_error text DEFAULT NULL)
RETURNS inet
AS 'MODULE_PATHNAME', 'pgcares_lookup'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_lookup(text, integer, text)
IS 'first address of a host';

CREATE FUNCTION dns_reverse(address inet, on_error text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_reverse'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_reverse(inet, text)
IS 'first name of an address';

CREATE FUNCTION dns_addresses(
	name text,
	family integer DEFAULT 0,
	on_error text DEFAULT NULL)
RETURNS TABLE (
	address inet,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_addresses'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_addresses(text, integer, text)
IS 'addresses of a host, IPv4 and IPv6';

CREATE FUNCTION dns_getaddrinfo(
	host text,
	service text DEFAULT NULL,
	family integer DEFAULT 0,
	socktype integer DEFAULT 0,
	protocol integer DEFAULT 0,
	flags text[] DEFAULT '{}',
	on_error text DEFAULT NULL)
RETURNS TABLE (
	address inet,
	port integer,
	family integer,
	socktype integer,
	protocol integer,
	ttl integer,
	canonname text)
AS 'MODULE_PATHNAME', 'pgcares_getaddrinfo'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_getaddrinfo(text, text, integer, integer, integer, text[], text)
IS 'addresses of a host and port of a service';

CREATE FUNCTION dns_gethostbyname(
	name text,
	family integer DEFAULT 0,
	on_error text DEFAULT NULL)
RETURNS TABLE (
	name text,
	aliases text[],
	addresses inet[])
AS 'MODULE_PATHNAME', 'pgcares_gethostbyname'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_gethostbyname(text, integer, text)
IS 'canonical name, aliases and addresses of a host';

CREATE FUNCTION dns_gethostbyaddr(address inet, on_error text DEFAULT NULL)
RETURNS TABLE (
	name text,
	aliases text[],
	addresses inet[])
AS 'MODULE_PATHNAME', 'pgcares_gethostbyaddr'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_gethostbyaddr(inet, text)
IS 'names of the host with an address';

CREATE FUNCTION dns_getnameinfo(
	address inet,
	port integer DEFAULT 0,
	flags text[] DEFAULT '{}',
	on_error text DEFAULT NULL)
RETURNS TABLE (
	node text,
	service text)
AS 'MODULE_PATHNAME', 'pgcares_getnameinfo'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_getnameinfo(inet, integer, text[], text)
IS 'names of an address and of a port';

-- Batches: all questions of a call are in flight at once, each outcome is a status,
-- and rows come in the order of the array.

CREATE FUNCTION dns_query_many(
	names text[],
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS TABLE (
	ord bigint,
	question text,
	status text,
	name text,
	ttl integer,
	class text,
	type text,
	rdata text,
	data jsonb)
AS 'MODULE_PATHNAME', 'pgcares_query_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_query_many(text[], text, text)
IS 'records of any type, of many names at once';

CREATE FUNCTION dns_reverse_many(addresses inet[])
RETURNS TABLE (
	ord bigint,
	address inet,
	status text,
	ptrdname text,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_reverse_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_reverse_many(inet[])
IS 'names of many addresses at once';

CREATE FUNCTION dns_lookup_many(names text[], family integer DEFAULT 0)
RETURNS TABLE (
	ord bigint,
	name text,
	status text,
	address inet,
	ttl integer)
AS 'MODULE_PATHNAME', 'pgcares_lookup_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_lookup_many(text[], integer)
IS 'addresses of many hosts at once';

-- Whole messages
--
-- The row has no type of its own: if a function and a type have the same name, a
-- call with an untyped literal is a cast.

CREATE FUNCTION dns_message(
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS TABLE (
	status text,
	rcode integer,
	aa boolean,
	tc boolean,
	rd boolean,
	ra boolean,
	ad boolean,
	cd boolean,
	question text,
	answer dns_record[],
	authority dns_record[],
	additional dns_record[],
	server text,
	transport text,
	elapsed interval,
	tries integer,
	edns_udp_size integer,
	ede_code integer,
	ede_text text,
	nsid text,
	wire bytea)
AS 'MODULE_PATHNAME', 'pgcares_message'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message(text, text, text)
IS 'whole answer to a question, or the reason why there is none';

CREATE FUNCTION dns_message_many(
	names text[],
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS TABLE (
	ord bigint,
	status text,
	rcode integer,
	aa boolean,
	tc boolean,
	rd boolean,
	ra boolean,
	ad boolean,
	cd boolean,
	question text,
	answer dns_record[],
	authority dns_record[],
	additional dns_record[],
	server text,
	transport text,
	elapsed interval,
	tries integer,
	edns_udp_size integer,
	ede_code integer,
	ede_text text,
	nsid text,
	wire bytea)
AS 'MODULE_PATHNAME', 'pgcares_message_many'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message_many(text[], text, text)
IS 'whole answers to questions about many names at once';

CREATE FUNCTION dns_parse(message bytea)
RETURNS TABLE (
	status text,
	rcode integer,
	aa boolean,
	tc boolean,
	rd boolean,
	ra boolean,
	ad boolean,
	cd boolean,
	question text,
	answer dns_record[],
	authority dns_record[],
	additional dns_record[],
	server text,
	transport text,
	elapsed interval,
	tries integer,
	edns_udp_size integer,
	ede_code integer,
	ede_text text,
	nsid text,
	wire bytea)
AS 'MODULE_PATHNAME', 'pgcares_parse'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 1;

COMMENT ON FUNCTION dns_parse(bytea)
IS 'parts of a DNS message';

CREATE FUNCTION dns_message_json(
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'pgcares_message_json'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message_json(text, text, text)
IS 'whole answer to a question as JSON (RFC 8427), NULL if no readable one comes';

CREATE FUNCTION dns_message_json(message bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'pgcares_message_json_parse'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_message_json(bytea)
IS 'DNS message as JSON (RFC 8427)';

-- A server of the caller's choice
--
-- These are separate functions, and not one more argument of the others, so that
-- they can be granted separately: see below.

CREATE FUNCTION dns_query_at(
	server text,
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN',
	on_error text DEFAULT NULL)
RETURNS SETOF dns_record
AS 'MODULE_PATHNAME', 'pgcares_query_at'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4;

COMMENT ON FUNCTION dns_query_at(text, text, text, text, text)
IS 'records of any type, from one name server';

CREATE FUNCTION dns_message_at(
	server text,
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS TABLE (
	status text,
	rcode integer,
	aa boolean,
	tc boolean,
	rd boolean,
	ra boolean,
	ad boolean,
	cd boolean,
	question text,
	answer dns_record[],
	authority dns_record[],
	additional dns_record[],
	server text,
	transport text,
	elapsed interval,
	tries integer,
	edns_udp_size integer,
	ede_code integer,
	ede_text text,
	nsid text,
	wire bytea)
AS 'MODULE_PATHNAME', 'pgcares_message_at'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 1;

COMMENT ON FUNCTION dns_message_at(text, text, text, text)
IS 'whole answer to a question, from one name server';

-- Without network

CREATE FUNCTION dns_reverse_address(address inet)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_reverse_address'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_reverse_address(inet)
IS 'name of an address in in-addr.arpa or ip6.arpa';

CREATE FUNCTION dns_address_from_reverse(name text)
RETURNS inet
AS 'MODULE_PATHNAME', 'pgcares_address_from_reverse'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_address_from_reverse(text)
IS 'address of a name in in-addr.arpa or ip6.arpa';

CREATE FUNCTION dns_is_name(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcares_is_name'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_is_name(text)
IS 'whether a text is a domain name, so that a name server can be asked for it';

CREATE FUNCTION dns_to_ascii(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_to_ascii'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_to_ascii(text)
IS 'domain name with A-labels, as queries have it';

CREATE FUNCTION dns_to_unicode(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_to_unicode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_to_unicode(text)
IS 'domain name with U-labels, for people to read';

CREATE FUNCTION dns_strerror(code integer)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_strerror'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_strerror(integer)
IS 'meaning of a status code of c-ares';

CREATE FUNCTION dns_statuses()
RETURNS TABLE (
	status text,
	code integer,
	sqlstate text,
	message text)
AS 'MODULE_PATHNAME', 'pgcares_statuses'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 20;

COMMENT ON FUNCTION dns_statuses()
IS 'outcomes of lookups';

CREATE FUNCTION dns_types()
RETURNS TABLE (
	type text,
	code integer,
	meaning text)
AS 'MODULE_PATHNAME', 'pgcares_types'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100;

COMMENT ON FUNCTION dns_types()
IS 'record types with a name';

CREATE FUNCTION dns_version()
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_version'
LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION dns_version()
IS 'versions of pgcares and of the c-ares library in use';

-- Operation

CREATE FUNCTION dns_servers()
RETURNS TABLE (
	ord integer,
	address inet,
	udp_port integer,
	tcp_port integer,
	interface text,
	source text)
AS 'MODULE_PATHNAME', 'pgcares_servers'
LANGUAGE C VOLATILE PARALLEL SAFE ROWS 3;

COMMENT ON FUNCTION dns_servers()
IS 'name servers that a lookup would ask now';

CREATE FUNCTION dns_reset()
RETURNS void
AS 'MODULE_PATHNAME', 'pgcares_reset'
LANGUAGE C VOLATILE PARALLEL RESTRICTED;

COMMENT ON FUNCTION dns_reset()
IS 'forgets what this session has learned about the name servers';

CREATE FUNCTION dns_stats()
RETURNS TABLE (
	counter text,
	value bigint,
	meaning text)
AS 'MODULE_PATHNAME', 'pgcares_stats'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 11;

COMMENT ON FUNCTION dns_stats()
IS 'counters of this session';

-- The names in questions leave the network, with any data that somebody puts into
-- them, so the administrator decides who may ask.  The same holds for functions that
-- reveal the network.

REVOKE ALL ON FUNCTION dns_query(text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_search(text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_a(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_aaaa(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_caa(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_cname(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_hinfo(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_https(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_mx(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_naptr(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_ns(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_ptr(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_ptr(inet, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_soa(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_srv(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_svcb(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_tlsa(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_txt(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_uri(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_lookup(text, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_reverse(inet, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_addresses(text, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_getaddrinfo(text, text, integer, integer, integer, text[], text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_gethostbyname(text, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_gethostbyaddr(inet, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_getnameinfo(inet, integer, text[], text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_query_many(text[], text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_reverse_many(inet[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_lookup_many(text[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_many(text[], text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_json(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_servers() FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_reset() FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_stats() FROM PUBLIC;

-- A role that chooses the server can send packets to every address and port that
-- the database server reaches, and learns which of them are open.

REVOKE ALL ON FUNCTION dns_query_at(text, text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_at(text, text, text, text) FROM PUBLIC;
