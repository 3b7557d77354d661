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

-- Rows
--
-- Each shape of a row is a type, so that variables and tables can have it. No type has
-- the name of a function: a call with an untyped literal would be a cast.

CREATE TYPE dns_record AS (
	name text,
	ttl integer,
	class text,
	type text,
	rdata text,
	data jsonb
);

COMMENT ON TYPE dns_record IS 'a resource record (RFC 1035 section 3.2.1)';
COMMENT ON COLUMN dns_record.name IS 'owner of the record, without a final dot';
COMMENT ON COLUMN dns_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';
COMMENT ON COLUMN dns_record.class IS 'class, almost always IN (RFC 1035 section 3.2.4)';
COMMENT ON COLUMN dns_record.type IS 'record type, one of dns_types(), or TYPE and a number (RFC 3597)';
COMMENT ON COLUMN dns_record.rdata IS 'data as in a zone file (RFC 1035 section 5.1)';
COMMENT ON COLUMN dns_record.data IS 'data with the field names of the RFCs';

CREATE TYPE dns_address_record AS (
	address inet,
	ttl integer
);

COMMENT ON TYPE dns_address_record IS 'an address: data of an A record (RFC 1035 section 3.4.1) or an AAAA record (RFC 3596), or from the hosts file';
COMMENT ON COLUMN dns_address_record.address IS 'IPv4 or IPv6 address';
COMMENT ON COLUMN dns_address_record.ttl IS 'seconds for which the address can be kept (RFC 2181 section 8); NULL if it is not from the DNS';

CREATE TYPE dns_caa_record AS (
	flags integer,
	tag text,
	value text,
	ttl integer
);

COMMENT ON TYPE dns_caa_record IS 'data of a CAA record (RFC 8659 section 4.1)';
COMMENT ON COLUMN dns_caa_record.flags IS 'flags; 128 is critical';
COMMENT ON COLUMN dns_caa_record.tag IS 'property, such as issue';
COMMENT ON COLUMN dns_caa_record.value IS 'value of the property';
COMMENT ON COLUMN dns_caa_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_cname_record AS (
	cname text,
	ttl integer
);

COMMENT ON TYPE dns_cname_record IS 'data of a CNAME record (RFC 1035 section 3.3.1)';
COMMENT ON COLUMN dns_cname_record.cname IS 'canonical name';
COMMENT ON COLUMN dns_cname_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_hinfo_record AS (
	cpu text,
	os text,
	ttl integer
);

COMMENT ON TYPE dns_hinfo_record IS 'data of a HINFO record (RFC 1035 section 3.3.2)';
COMMENT ON COLUMN dns_hinfo_record.cpu IS 'type of CPU';
COMMENT ON COLUMN dns_hinfo_record.os IS 'operating system';
COMMENT ON COLUMN dns_hinfo_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_mx_record AS (
	preference integer,
	exchange text,
	ttl integer
);

COMMENT ON TYPE dns_mx_record IS 'data of an MX record (RFC 1035 section 3.3.9)';
COMMENT ON COLUMN dns_mx_record.preference IS 'the lowest is preferred';
COMMENT ON COLUMN dns_mx_record.exchange IS 'host that takes mail';
COMMENT ON COLUMN dns_mx_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_naptr_record AS (
	naptr_order integer,
	preference integer,
	flags text,
	services text,
	regexp text,
	replacement text,
	ttl integer
);

COMMENT ON TYPE dns_naptr_record IS 'data of a NAPTR record (RFC 3403 section 4.1)';
COMMENT ON COLUMN dns_naptr_record.naptr_order IS 'the lowest is processed first';
COMMENT ON COLUMN dns_naptr_record.preference IS 'the lowest of equal order is preferred';
COMMENT ON COLUMN dns_naptr_record.flags IS 'how to go on';
COMMENT ON COLUMN dns_naptr_record.services IS 'service parameters';
COMMENT ON COLUMN dns_naptr_record.regexp IS 'substitution expression';
COMMENT ON COLUMN dns_naptr_record.replacement IS 'next name to look up';
COMMENT ON COLUMN dns_naptr_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_ns_record AS (
	nsdname text,
	ttl integer
);

COMMENT ON TYPE dns_ns_record IS 'data of an NS record (RFC 1035 section 3.3.11)';
COMMENT ON COLUMN dns_ns_record.nsdname IS 'authoritative name server';
COMMENT ON COLUMN dns_ns_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_ptr_record AS (
	ptrdname text,
	ttl integer
);

COMMENT ON TYPE dns_ptr_record IS 'data of a PTR record (RFC 1035 section 3.3.12)';
COMMENT ON COLUMN dns_ptr_record.ptrdname IS 'name that is pointed to';
COMMENT ON COLUMN dns_ptr_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_soa_record AS (
	mname text,
	rname text,
	serial bigint,
	refresh bigint,
	retry bigint,
	expire bigint,
	minimum bigint,
	ttl integer
);

COMMENT ON TYPE dns_soa_record IS 'data of an SOA record (RFC 1035 section 3.3.13)';
COMMENT ON COLUMN dns_soa_record.mname IS 'primary name server';
COMMENT ON COLUMN dns_soa_record.rname IS 'mailbox of the administrator, as a name';
COMMENT ON COLUMN dns_soa_record.serial IS 'version of the zone';
COMMENT ON COLUMN dns_soa_record.refresh IS 'seconds until a secondary checks the zone';
COMMENT ON COLUMN dns_soa_record.retry IS 'seconds until a failed check is repeated';
COMMENT ON COLUMN dns_soa_record.expire IS 'seconds until an unchecked zone is void';
COMMENT ON COLUMN dns_soa_record.minimum IS 'limit of the TTL of negative answers (RFC 2308 section 4)';
COMMENT ON COLUMN dns_soa_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_srv_record AS (
	priority integer,
	weight integer,
	port integer,
	target text,
	ttl integer
);

COMMENT ON TYPE dns_srv_record IS 'data of an SRV record (RFC 2782)';
COMMENT ON COLUMN dns_srv_record.priority IS 'the lowest is tried first';
COMMENT ON COLUMN dns_srv_record.weight IS 'share of the load among equal priorities';
COMMENT ON COLUMN dns_srv_record.port IS 'port of the service';
COMMENT ON COLUMN dns_srv_record.target IS 'host of the service';
COMMENT ON COLUMN dns_srv_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_svcb_record AS (
	priority integer,
	target text,
	params jsonb,
	ttl integer
);

COMMENT ON TYPE dns_svcb_record IS 'data of an SVCB or HTTPS record (RFC 9460)';
COMMENT ON COLUMN dns_svcb_record.priority IS 'the lowest is tried first; 0 makes the owner an alias of the target';
COMMENT ON COLUMN dns_svcb_record.target IS 'host of the service; . is the owner of the record';
COMMENT ON COLUMN dns_svcb_record.params IS 'parameters by name';
COMMENT ON COLUMN dns_svcb_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_tlsa_record AS (
	cert_usage integer,
	selector integer,
	matching_type integer,
	data bytea,
	ttl integer
);

COMMENT ON TYPE dns_tlsa_record IS 'data of a TLSA record (RFC 6698 section 2.1)';
COMMENT ON COLUMN dns_tlsa_record.cert_usage IS 'how the certificate is used';
COMMENT ON COLUMN dns_tlsa_record.selector IS 'part of the certificate that is matched';
COMMENT ON COLUMN dns_tlsa_record.matching_type IS 'how it is matched: exactly or by digest';
COMMENT ON COLUMN dns_tlsa_record.data IS 'certificate, public key or digest';
COMMENT ON COLUMN dns_tlsa_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_txt_record AS (
	txt text,
	strings bytea[],
	ttl integer
);

COMMENT ON TYPE dns_txt_record IS 'data of a TXT record (RFC 1035 section 3.3.14)';
COMMENT ON COLUMN dns_txt_record.txt IS 'all strings, joined';
COMMENT ON COLUMN dns_txt_record.strings IS 'exact octets of each string';
COMMENT ON COLUMN dns_txt_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_uri_record AS (
	priority integer,
	weight integer,
	target text,
	ttl integer
);

COMMENT ON TYPE dns_uri_record IS 'data of a URI record (RFC 7553 section 4)';
COMMENT ON COLUMN dns_uri_record.priority IS 'the lowest is tried first';
COMMENT ON COLUMN dns_uri_record.weight IS 'share of the load among equal priorities';
COMMENT ON COLUMN dns_uri_record.target IS 'URI';
COMMENT ON COLUMN dns_uri_record.ttl IS 'seconds for which the record can be kept (RFC 2181 section 8)';

CREATE TYPE dns_addrinfo_record AS (
	address inet,
	port integer,
	family integer,
	socktype integer,
	protocol integer,
	ttl integer,
	canonname text,
	cnames text[]
);

COMMENT ON TYPE dns_addrinfo_record IS 'an address to connect to (RFC 3493 section 6.1)';
COMMENT ON COLUMN dns_addrinfo_record.address IS 'IPv4 or IPv6 address';
COMMENT ON COLUMN dns_addrinfo_record.port IS 'port of the service';
COMMENT ON COLUMN dns_addrinfo_record.family IS '4 or 6';
COMMENT ON COLUMN dns_addrinfo_record.socktype IS 'type of socket, as was asked';
COMMENT ON COLUMN dns_addrinfo_record.protocol IS 'protocol, as was asked';
COMMENT ON COLUMN dns_addrinfo_record.ttl IS 'seconds for which the address can be kept (RFC 2181 section 8); NULL if it is not from the DNS';
COMMENT ON COLUMN dns_addrinfo_record.canonname IS 'canonical name of the host';
COMMENT ON COLUMN dns_addrinfo_record.cnames IS 'names of the CNAME chain, in order';

CREATE TYPE dns_host_record AS (
	name text,
	aliases text[],
	addresses inet[]
);

COMMENT ON TYPE dns_host_record IS 'names and addresses of a host';
COMMENT ON COLUMN dns_host_record.name IS 'canonical name';
COMMENT ON COLUMN dns_host_record.aliases IS 'other names';
COMMENT ON COLUMN dns_host_record.addresses IS 'addresses';

CREATE TYPE dns_nameinfo_record AS (
	node text,
	service text
);

COMMENT ON TYPE dns_nameinfo_record IS 'names of an address and of a port (RFC 3493 section 6.2)';
COMMENT ON COLUMN dns_nameinfo_record.node IS 'name of the host, or its address';
COMMENT ON COLUMN dns_nameinfo_record.service IS 'name of the service, or its port';

CREATE TYPE dns_message_record AS (
	question text,
	status text,
	reason text,
	rcode integer,
	aa boolean,
	tc boolean,
	rd boolean,
	ra boolean,
	ad boolean,
	cd boolean,
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
	wire bytea
);

COMMENT ON TYPE dns_message_record IS 'a whole message (RFC 1035 section 4.1), or the reason why there is none';
COMMENT ON COLUMN dns_message_record.question IS 'question of the message, such as example.com. IN MX';
COMMENT ON COLUMN dns_message_record.status IS 'outcome, one of dns_statuses()';
COMMENT ON COLUMN dns_message_record.reason IS 'why there are no records, as the error of a single lookup says it; NULL if there are some';
COMMENT ON COLUMN dns_message_record.rcode IS 'response code, with the bits of EDNS (RFC 6891 section 6.1.3)';
COMMENT ON COLUMN dns_message_record.aa IS 'the server is an authority for the name';
COMMENT ON COLUMN dns_message_record.tc IS 'the message is truncated';
COMMENT ON COLUMN dns_message_record.rd IS 'the query asked for recursion';
COMMENT ON COLUMN dns_message_record.ra IS 'the server offers recursion';
COMMENT ON COLUMN dns_message_record.ad IS 'the server has verified the data (RFC 4035 section 3.2.3); NULL unless pgcares.trust_ad is on';
COMMENT ON COLUMN dns_message_record.cd IS 'the query asked not to verify the data (RFC 4035 section 3.2.2)';
COMMENT ON COLUMN dns_message_record.answer IS 'records that answer the question';
COMMENT ON COLUMN dns_message_record.authority IS 'records of the authority section';
COMMENT ON COLUMN dns_message_record.additional IS 'records of the additional section, without OPT (RFC 6891)';
COMMENT ON COLUMN dns_message_record.server IS 'name server that sent the message';
COMMENT ON COLUMN dns_message_record.transport IS 'UDP, TCP or CACHE';
COMMENT ON COLUMN dns_message_record.elapsed IS 'time from the first query to the outcome';
COMMENT ON COLUMN dns_message_record.tries IS 'queries that were sent';
COMMENT ON COLUMN dns_message_record.edns_udp_size IS 'octets of the largest UDP message that the server takes (RFC 6891 section 6.2.3)';
COMMENT ON COLUMN dns_message_record.ede_code IS 'code of the extended error (RFC 8914)';
COMMENT ON COLUMN dns_message_record.ede_text IS 'text of the extended error (RFC 8914)';
COMMENT ON COLUMN dns_message_record.nsid IS 'identifier of the server (RFC 5001), as text';
COMMENT ON COLUMN dns_message_record.wire IS 'octets of the message (RFC 1035 section 4.1)';

CREATE TYPE dns_edns_option_record AS (
	code integer,
	option text,
	data jsonb,
	octets bytea
);

COMMENT ON TYPE dns_edns_option_record IS 'an option of EDNS (RFC 6891 section 6.1.2)';
COMMENT ON COLUMN dns_edns_option_record.code IS 'code of the option (IANA registry)';
COMMENT ON COLUMN dns_edns_option_record.option IS 'mnemonic, or OPT and the code';
COMMENT ON COLUMN dns_edns_option_record.data IS 'data with the field names of the RFCs; NULL if the option is unknown, or its octets are not of its form';
COMMENT ON COLUMN dns_edns_option_record.octets IS 'octets of the option';

CREATE TYPE dns_lookup_many_record AS (
	ord bigint,
	question text,
	status text,
	reason text,
	address inet
);

COMMENT ON TYPE dns_lookup_many_record IS 'first address of one of many hosts';
COMMENT ON COLUMN dns_lookup_many_record.ord IS 'position of the question in the array, from 1';
COMMENT ON COLUMN dns_lookup_many_record.question IS 'what was given, as text';
COMMENT ON COLUMN dns_lookup_many_record.status IS 'outcome, one of dns_statuses()';
COMMENT ON COLUMN dns_lookup_many_record.reason IS 'why there are no records, as the error of a single lookup says it; NULL if there are some';
COMMENT ON COLUMN dns_lookup_many_record.address IS 'first address; NULL if there is none';

-- PostgreSQL has no composite type that includes another.  The other rows of batches are
-- made from dns_lookup_many_record, up to its column reason, and the row of the single
-- lookup, so that each column and its comment stands here once.

DO $$
DECLARE
	shape record;
	col record;
BEGIN
	FOR shape IN
		SELECT * FROM (VALUES
			('dns_reverse_many_record', 'dns_ptr_record', 'ttl', 'first name of one of many addresses'),
			('dns_addresses_many_record', 'dns_address_record', '', 'an address of one of many hosts'),
			('dns_ptr_many_record', 'dns_ptr_record', '', 'a name of one of many addresses'),
			('dns_query_many_record', 'dns_record', '', 'a record of one of many names'),
			('dns_message_many_record', 'dns_message_record', '', 'a whole message for one of many questions'))
			AS v (type, single, without, comment)
	LOOP
		EXECUTE pg_catalog.format('CREATE TYPE %I AS ()', shape.type);
		EXECUTE pg_catalog.format('COMMENT ON TYPE %I IS %L', shape.type, shape.comment);
		FOR col IN
			SELECT attname AS name, pg_catalog.format_type(atttypid, atttypmod) AS type,
				pg_catalog.col_description(attrelid, attnum) AS comment
			FROM pg_catalog.pg_attribute
			WHERE attrelid = 'dns_lookup_many_record'::pg_catalog.regclass AND attname <> 'address'
				OR attrelid = shape.single::pg_catalog.regclass
					AND attname NOT IN ('question', 'status', 'reason', shape.without)
			ORDER BY attrelid <> 'dns_lookup_many_record'::pg_catalog.regclass, attnum
		LOOP
			EXECUTE pg_catalog.format('ALTER TYPE %I ADD ATTRIBUTE %I %s', shape.type, col.name, col.type);
			EXECUTE pg_catalog.format('COMMENT ON COLUMN %I.%I IS %L', shape.type, col.name, col.comment);
		END LOOP;
	END LOOP;
END
$$;

COMMENT ON COLUMN dns_ptr_many_record.ttl IS 'seconds for which the name can be kept (RFC 2181 section 8); NULL if it is not from the DNS';
COMMENT ON COLUMN dns_reverse_many_record.ptrdname IS 'first name; NULL if there is none';

CREATE TYPE dns_status_record AS (
	status text,
	code integer,
	sqlstate text,
	message text,
	ares_code integer,
	ares_name text
);

COMMENT ON TYPE dns_status_record IS 'an outcome of lookups, or a status code of c-ares';
COMMENT ON COLUMN dns_status_record.status IS 'name of the outcome';
COMMENT ON COLUMN dns_status_record.code IS 'response code, or status code of c-ares';
COMMENT ON COLUMN dns_status_record.sqlstate IS 'SQLSTATE of the error';
COMMENT ON COLUMN dns_status_record.message IS 'meaning';
COMMENT ON COLUMN dns_status_record.ares_code IS 'status code of c-ares for the same, as in errno.errorcode of pycares';
COMMENT ON COLUMN dns_status_record.ares_name IS 'name of that status code in C';

CREATE TYPE dns_type_record AS (
	type text,
	code integer,
	meaning text
);

COMMENT ON TYPE dns_type_record IS 'a record type (RFC 6895 section 3.1)';
COMMENT ON COLUMN dns_type_record.type IS 'mnemonic';
COMMENT ON COLUMN dns_type_record.code IS 'number';
COMMENT ON COLUMN dns_type_record.meaning IS 'meaning';

CREATE TYPE dns_server_record AS (
	ord integer,
	address inet,
	udp_port integer,
	tcp_port integer,
	interface text,
	source text
);

COMMENT ON TYPE dns_server_record IS 'a name server in use';
COMMENT ON COLUMN dns_server_record.ord IS 'position, from 1';
COMMENT ON COLUMN dns_server_record.address IS 'IPv4 or IPv6 address';
COMMENT ON COLUMN dns_server_record.udp_port IS 'port for UDP';
COMMENT ON COLUMN dns_server_record.tcp_port IS 'port for TCP';
COMMENT ON COLUMN dns_server_record.interface IS 'network interface of a link-local address';
COMMENT ON COLUMN dns_server_record.source IS 'setting or file that names the server';

CREATE TYPE dns_stats_record AS (
	counter text,
	value bigint,
	meaning text
);

COMMENT ON TYPE dns_stats_record IS 'a counter of this session';
COMMENT ON COLUMN dns_stats_record.counter IS 'name';
COMMENT ON COLUMN dns_stats_record.value IS 'count since the session began';
COMMENT ON COLUMN dns_stats_record.meaning IS 'meaning';

CREATE TYPE dns_server_statistics_record AS (
	address inet,
	port integer,
	questions bigint,
	queries bigint,
	noerror bigint,
	nodata bigint,
	nxdomain bigint,
	servfail bigint,
	refused bigint,
	other bigint,
	timeouts bigint,
	refused_connections bigint,
	tcp bigint,
	sent_again bigint,
	malformed bigint,
	ignored bigint,
	round_trip double precision,
	round_trips bigint[],
	in_flight bigint,
	level integer,
	stats_reset timestamp with time zone
);

COMMENT ON TYPE dns_server_statistics_record IS 'counts of a name server';
COMMENT ON COLUMN dns_server_statistics_record.address IS 'address; NULL for all servers that have no row of their own';
COMMENT ON COLUMN dns_server_statistics_record.port IS 'port';
COMMENT ON COLUMN dns_server_statistics_record.questions IS 'questions that the server was asked';
COMMENT ON COLUMN dns_server_statistics_record.queries IS 'queries that were sent';
COMMENT ON COLUMN dns_server_statistics_record.noerror IS 'answers with such records, or with an alias that leads on';
COMMENT ON COLUMN dns_server_statistics_record.nodata IS 'answers that the name has no such records';
COMMENT ON COLUMN dns_server_statistics_record.nxdomain IS 'answers that there is no such name';
COMMENT ON COLUMN dns_server_statistics_record.servfail IS 'answers that the server has failed';
COMMENT ON COLUMN dns_server_statistics_record.refused IS 'answers that the server refuses to answer';
COMMENT ON COLUMN dns_server_statistics_record.other IS 'other answers';
COMMENT ON COLUMN dns_server_statistics_record.timeouts IS 'queries that were given up without an answer';
COMMENT ON COLUMN dns_server_statistics_record.refused_connections IS 'connections and datagrams that the server''s host, or the way to it, refused';
COMMENT ON COLUMN dns_server_statistics_record.tcp IS 'queries that were sent over TCP';
COMMENT ON COLUMN dns_server_statistics_record.sent_again IS 'queries to a server that had been asked the same question before';
COMMENT ON COLUMN dns_server_statistics_record.malformed IS 'answers that were not sound';
COMMENT ON COLUMN dns_server_statistics_record.ignored IS 'messages that answered no question';
COMMENT ON COLUMN dns_server_statistics_record.round_trip IS 'mean time of an answer, in milliseconds';
COMMENT ON COLUMN dns_server_statistics_record.round_trips IS 'answers by their time: below 0.128, 0.256, 0.512, 1.024 ... milliseconds; the last element is for all others';
COMMENT ON COLUMN dns_server_statistics_record.in_flight IS 'questions that wait for an answer now, up to a second ago';
COMMENT ON COLUMN dns_server_statistics_record.level IS 'fresh questions that all sessions have at a time, as found last';
COMMENT ON COLUMN dns_server_statistics_record.stats_reset IS 'time since which all this is counted';

CREATE TYPE dns_type_statistics_record AS (
	type text,
	questions bigint,
	queries bigint,
	noerror bigint,
	nodata bigint,
	nxdomain bigint,
	servfail bigint,
	refused bigint,
	other bigint,
	timeouts bigint,
	tcp bigint,
	sent_again bigint,
	malformed bigint,
	round_trip double precision,
	round_trips bigint[],
	in_flight bigint,
	stats_reset timestamp with time zone
);

COMMENT ON TYPE dns_type_statistics_record IS 'counts of a record type';
COMMENT ON COLUMN dns_type_statistics_record.type IS 'record type; NULL for all types that have no row of their own';
COMMENT ON COLUMN dns_type_statistics_record.questions IS 'questions that were asked';
COMMENT ON COLUMN dns_type_statistics_record.queries IS 'queries that were sent';
COMMENT ON COLUMN dns_type_statistics_record.noerror IS 'answers with such records, or with an alias that leads on';
COMMENT ON COLUMN dns_type_statistics_record.nodata IS 'answers that the name has no such records';
COMMENT ON COLUMN dns_type_statistics_record.nxdomain IS 'answers that there is no such name';
COMMENT ON COLUMN dns_type_statistics_record.servfail IS 'answers that the server has failed';
COMMENT ON COLUMN dns_type_statistics_record.refused IS 'answers that the server refuses to answer';
COMMENT ON COLUMN dns_type_statistics_record.other IS 'other answers';
COMMENT ON COLUMN dns_type_statistics_record.timeouts IS 'queries that were given up without an answer';
COMMENT ON COLUMN dns_type_statistics_record.tcp IS 'queries that were sent over TCP';
COMMENT ON COLUMN dns_type_statistics_record.sent_again IS 'queries to a server that had been asked the same question before';
COMMENT ON COLUMN dns_type_statistics_record.malformed IS 'answers that were not sound';
COMMENT ON COLUMN dns_type_statistics_record.round_trip IS 'mean time of an answer, in milliseconds';
COMMENT ON COLUMN dns_type_statistics_record.round_trips IS 'answers by their time: below 0.128, 0.256, 0.512, 1.024 ... milliseconds; the last element is for all others';
COMMENT ON COLUMN dns_type_statistics_record.in_flight IS 'questions that wait for an answer now, up to a second ago';
COMMENT ON COLUMN dns_type_statistics_record.stats_reset IS 'time since which all this is counted';

CREATE TYPE dns_progress_record AS (
	pid integer,
	datname name,
	usename name,
	kind text,
	known bigint,
	done bigint,
	failed bigint,
	fresh bigint,
	waiting bigint,
	oldest_wait interval,
	since timestamp with time zone
);

COMMENT ON TYPE dns_progress_record IS 'questions of a session';
COMMENT ON COLUMN dns_progress_record.pid IS 'process';
COMMENT ON COLUMN dns_progress_record.datname IS 'database';
COMMENT ON COLUMN dns_progress_record.usename IS 'role';
COMMENT ON COLUMN dns_progress_record.kind IS 'call, or look-ahead if no call waits';
COMMENT ON COLUMN dns_progress_record.known IS 'questions of the call or look-ahead that are known so far';
COMMENT ON COLUMN dns_progress_record.done IS 'known questions that are over';
COMMENT ON COLUMN dns_progress_record.failed IS 'known questions that are over without a useful answer';
COMMENT ON COLUMN dns_progress_record.fresh IS 'questions that were asked just now';
COMMENT ON COLUMN dns_progress_record.waiting IS 'questions that have waited for longer';
COMMENT ON COLUMN dns_progress_record.oldest_wait IS 'time that the oldest question has waited';
COMMENT ON COLUMN dns_progress_record.since IS 'begin of the call or look-ahead';

CREATE TYPE dns_cache_record AS (
	question text,
	type text,
	class text,
	status text,
	seconds_left integer,
	hits bigint,
	octets integer
);

COMMENT ON TYPE dns_cache_record IS 'an answer that is kept';
COMMENT ON COLUMN dns_cache_record.question IS 'name, in lower case';
COMMENT ON COLUMN dns_cache_record.type IS 'type asked for';
COMMENT ON COLUMN dns_cache_record.class IS 'class asked for';
COMMENT ON COLUMN dns_cache_record.status IS 'status that a lookup has';
COMMENT ON COLUMN dns_cache_record.seconds_left IS 'time for which the answer is still good';
COMMENT ON COLUMN dns_cache_record.hits IS 'lookups that it has answered';
COMMENT ON COLUMN dns_cache_record.octets IS 'length of its message; 0 if no answer came';

-- Records
--
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
IS 'records of any type, of a name that the search list completes (RFC 1123 section 6.1.4.3)';

CREATE FUNCTION dns_a(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_address_record
AS 'MODULE_PATHNAME', 'pgcares_a'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_a(text, text)
IS 'A records: IPv4 addresses (RFC 1035 section 3.4.1)';

CREATE FUNCTION dns_aaaa(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_address_record
AS 'MODULE_PATHNAME', 'pgcares_aaaa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_aaaa(text, text)
IS 'AAAA records: IPv6 addresses (RFC 3596)';

CREATE FUNCTION dns_caa(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_caa_record
AS 'MODULE_PATHNAME', 'pgcares_caa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_caa(text, text)
IS 'CAA records: authorities that may issue certificates (RFC 8659)';

CREATE FUNCTION dns_cname(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_cname_record
AS 'MODULE_PATHNAME', 'pgcares_cname'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_cname(text, text)
IS 'CNAME records: canonical name of an alias (RFC 1035 section 3.3.1)';

CREATE FUNCTION dns_hinfo(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_hinfo_record
AS 'MODULE_PATHNAME', 'pgcares_hinfo'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_hinfo(text, text)
IS 'HINFO records: host information (RFC 1035 section 3.3.2)';

CREATE FUNCTION dns_https(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_svcb_record
AS 'MODULE_PATHNAME', 'pgcares_https'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_https(text, text)
IS 'HTTPS records: service bindings of HTTPS (RFC 9460)';

CREATE FUNCTION dns_mx(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_mx_record
AS 'MODULE_PATHNAME', 'pgcares_mx'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_mx(text, text)
IS 'MX records: mail exchanges (RFC 1035 section 3.3.9)';

CREATE FUNCTION dns_naptr(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_naptr_record
AS 'MODULE_PATHNAME', 'pgcares_naptr'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_naptr(text, text)
IS 'NAPTR records: naming authority pointers (RFC 3403)';

CREATE FUNCTION dns_ns(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_ns_record
AS 'MODULE_PATHNAME', 'pgcares_ns'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ns(text, text)
IS 'NS records: authoritative name servers (RFC 1035 section 3.3.11)';

CREATE FUNCTION dns_ptr(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_ptr_record
AS 'MODULE_PATHNAME', 'pgcares_ptr'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ptr(text, text)
IS 'PTR records: names that a name or an address points to (RFC 1035 section 3.3.12)';

CREATE FUNCTION dns_ptr(address inet, on_error text DEFAULT NULL)
RETURNS SETOF dns_ptr_record
AS 'MODULE_PATHNAME', 'pgcares_ptr_inet'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ptr(inet, text)
IS 'PTR records: names that an address points to (RFC 1035 section 3.5, RFC 3596 section 2.5)';

CREATE FUNCTION dns_soa(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_soa_record
AS 'MODULE_PATHNAME', 'pgcares_soa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_soa(text, text)
IS 'SOA records: start of a zone of authority (RFC 1035 section 3.3.13)';

CREATE FUNCTION dns_srv(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_srv_record
AS 'MODULE_PATHNAME', 'pgcares_srv'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_srv(text, text)
IS 'SRV records: hosts of a service (RFC 2782)';

CREATE FUNCTION dns_svcb(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_svcb_record
AS 'MODULE_PATHNAME', 'pgcares_svcb'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_svcb(text, text)
IS 'SVCB records: service bindings (RFC 9460)';

CREATE FUNCTION dns_tlsa(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_tlsa_record
AS 'MODULE_PATHNAME', 'pgcares_tlsa'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_tlsa(text, text)
IS 'TLSA records: certificate associations (RFC 6698)';

CREATE FUNCTION dns_txt(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_txt_record
AS 'MODULE_PATHNAME', 'pgcares_txt'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_txt(text, text)
IS 'TXT records: text strings (RFC 1035 section 3.3.14)';

CREATE FUNCTION dns_uri(name text, on_error text DEFAULT NULL)
RETURNS SETOF dns_uri_record
AS 'MODULE_PATHNAME', 'pgcares_uri'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_uri(text, text)
IS 'URI records: uniform resource identifiers (RFC 7553)';

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
IS 'first address of a host, in the order of RFC 6724';

CREATE FUNCTION dns_reverse(address inet, on_error text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_reverse'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_reverse(inet, text)
IS 'first name of an address (RFC 1035 section 3.5, RFC 3596 section 2.5)';

CREATE FUNCTION dns_names_in(address inet, domains text[])
RETURNS text[]
AS 'MODULE_PATHNAME', 'pgcares_names_in'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_names_in(inet, text[])
IS 'names of an address that are one of the domains or below one; NULL if nobody knows (RFC 8601 section 3)';

CREATE FUNCTION dns_has_address(names text[], address inet)
RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcares_has_address'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_has_address(text[], inet)
IS 'whether one of the names has the address; NULL if nobody knows (RFC 8601 section 3)';

CREATE FUNCTION dns_addresses(
	name text,
	family integer DEFAULT 0,
	on_error text DEFAULT NULL)
RETURNS SETOF dns_address_record
AS 'MODULE_PATHNAME', 'pgcares_addresses'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_addresses(text, integer, text)
IS 'addresses of a host, in the order of RFC 6724';

CREATE FUNCTION dns_getaddrinfo(
	host text,
	service text DEFAULT NULL,
	family integer DEFAULT 0,
	socktype integer DEFAULT 0,
	protocol integer DEFAULT 0,
	flags text[] DEFAULT '{}',
	on_error text DEFAULT NULL)
RETURNS SETOF dns_addrinfo_record
AS 'MODULE_PATHNAME', 'pgcares_getaddrinfo'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_getaddrinfo(text, text, integer, integer, integer, text[], text)
IS 'addresses of a host and port of a service (RFC 3493 section 6.1)';

CREATE FUNCTION dns_getaddrinfo(
	host text,
	port integer,
	family integer DEFAULT 0,
	socktype integer DEFAULT 0,
	protocol integer DEFAULT 0,
	flags text[] DEFAULT '{}',
	on_error text DEFAULT NULL)
RETURNS SETOF dns_addrinfo_record
AS 'MODULE_PATHNAME', 'pgcares_getaddrinfo_port'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_getaddrinfo(text, integer, integer, integer, integer, text[], text)
IS 'addresses of a host, with a port (RFC 3493 section 6.1)';

CREATE FUNCTION dns_gethostbyname(
	name text,
	family integer DEFAULT 0,
	on_error text DEFAULT NULL)
RETURNS SETOF dns_host_record
AS 'MODULE_PATHNAME', 'pgcares_gethostbyname'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_gethostbyname(text, integer, text)
IS 'names and addresses of a host';

CREATE FUNCTION dns_gethostbyaddr(address inet, on_error text DEFAULT NULL)
RETURNS SETOF dns_host_record
AS 'MODULE_PATHNAME', 'pgcares_gethostbyaddr'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_gethostbyaddr(inet, text)
IS 'names and addresses of the host with an address';

CREATE FUNCTION dns_getnameinfo(
	address inet,
	port integer DEFAULT 0,
	flags text[] DEFAULT '{}',
	on_error text DEFAULT NULL)
RETURNS SETOF dns_nameinfo_record
AS 'MODULE_PATHNAME', 'pgcares_getnameinfo'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_getnameinfo(inet, integer, text[], text)
IS 'names of an address and of a port (RFC 3493 section 6.2)';

-- Batches: all questions of a call are in flight at once, each outcome is a status,
-- and rows come in the order of the array.

CREATE FUNCTION dns_query_many(
	names text[],
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS SETOF dns_query_many_record
AS 'MODULE_PATHNAME', 'pgcares_query_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_query_many(text[], text, text)
IS 'records of any type, of many names at once';

CREATE FUNCTION dns_addresses_many(names text[], family integer DEFAULT 0)
RETURNS SETOF dns_addresses_many_record
AS 'MODULE_PATHNAME', 'pgcares_addresses_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_addresses_many(text[], integer)
IS 'addresses of many hosts at once';

CREATE FUNCTION dns_ptr_many(addresses inet[])
RETURNS SETOF dns_ptr_many_record
AS 'MODULE_PATHNAME', 'pgcares_ptr_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_ptr_many(inet[])
IS 'names of many addresses at once';

CREATE FUNCTION dns_lookup_many(names text[], family integer DEFAULT 0)
RETURNS SETOF dns_lookup_many_record
AS 'MODULE_PATHNAME', 'pgcares_lookup_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_lookup_many(text[], integer)
IS 'first address of many hosts at once, one row each';

CREATE FUNCTION dns_reverse_many(addresses inet[])
RETURNS SETOF dns_reverse_many_record
AS 'MODULE_PATHNAME', 'pgcares_reverse_many'
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_reverse_many(inet[])
IS 'first name of many addresses at once, one row each';

-- Whole messages

CREATE FUNCTION dns_message(
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS SETOF dns_message_record
AS 'MODULE_PATHNAME', 'pgcares_message'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message(text, text, text)
IS 'whole message that answers a question, or the reason why there is none';

CREATE FUNCTION dns_message_many(
	names text[],
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS SETOF dns_message_many_record
AS 'MODULE_PATHNAME', 'pgcares_message_many'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 1000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message_many(text[], text, text)
IS 'whole messages that answer questions about many names at once';

CREATE FUNCTION dns_parse(
	message bytea,
	on_error text DEFAULT NULL)
RETURNS SETOF dns_message_record
AS 'MODULE_PATHNAME', 'pgcares_parse'
LANGUAGE C STABLE PARALLEL SAFE ROWS 1;

COMMENT ON FUNCTION dns_parse(bytea, text)
IS 'octets of a message as columns; on_error says what becomes of octets that are no message';

CREATE FUNCTION dns_message_json(
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS jsonb
AS 'MODULE_PATHNAME', 'pgcares_message_json'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message_json(text, text, text)
IS 'whole message that answers a question, as JSON (RFC 8427); NULL if none comes that can be read';

CREATE FUNCTION dns_message_json(message bytea)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'pgcares_message_json_parse'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_message_json(bytea)
IS 'octets of a message as JSON (RFC 8427); NULL if they are no message';

CREATE FUNCTION dns_edns_options(message bytea)
RETURNS SETOF dns_edns_option_record
AS 'MODULE_PATHNAME', 'pgcares_edns_options'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2;

COMMENT ON FUNCTION dns_edns_options(bytea)
IS 'options of the OPT record of a message (RFC 6891 section 6.1.2); none if the octets are no message';

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
LANGUAGE C VOLATILE PARALLEL SAFE COST 10000 ROWS 4
SUPPORT dns_support;

COMMENT ON FUNCTION dns_query_at(text, text, text, text, text)
IS 'records of any type, from one name server';

CREATE FUNCTION dns_message_at(
	server text,
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS SETOF dns_message_record
AS 'MODULE_PATHNAME', 'pgcares_message_at'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 1
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message_at(text, text, text, text)
IS 'whole message that answers a question, from one name server';

CREATE FUNCTION dns_message_at_many(
	servers text[],
	name text,
	type text DEFAULT 'A',
	class text DEFAULT 'IN')
RETURNS SETOF dns_message_many_record
AS 'MODULE_PATHNAME', 'pgcares_message_at_many'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 10
SUPPORT dns_support;

COMMENT ON FUNCTION dns_message_at_many(text[], text, text, text)
IS 'whole messages that answer one question, from many name servers at once';

-- Without network

CREATE FUNCTION dns_reverse_address(address inet)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_reverse_address'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_reverse_address(inet)
IS 'name of an address in in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5)';

CREATE FUNCTION dns_address_from_reverse(name text)
RETURNS inet
AS 'MODULE_PATHNAME', 'pgcares_address_from_reverse'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_address_from_reverse(text)
IS 'address of a name in in-addr.arpa (RFC 1035 section 3.5) or ip6.arpa (RFC 3596 section 2.5)';

CREATE FUNCTION dns_is_name(name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcares_is_name'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_is_name(text)
IS 'whether a text is a domain name that can be asked for (RFC 1035 section 3.1)';

CREATE FUNCTION dns_to_ascii(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_to_ascii'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_to_ascii(text)
IS 'domain name with A-labels, as queries have it (RFC 5891)';

CREATE FUNCTION dns_to_unicode(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_to_unicode'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_to_unicode(text)
IS 'domain name with U-labels, for people to read (RFC 5891)';

CREATE FUNCTION dns_unescape(text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'pgcares_unescape'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_unescape(text)
IS 'octets that a text with the escapes of zone files stands for (RFC 1035 section 5.1)';

-- Names, for columns, conditions and indexes: text that is no name gives NULL

CREATE FUNCTION dns_labels(name text)
RETURNS text[]
AS 'MODULE_PATHNAME', 'pgcares_labels'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_labels(text)
IS 'labels of a domain name, from left to right (RFC 1034 section 3.1)';

CREATE FUNCTION dns_parent(name text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_parent'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_parent(text)
IS 'domain name without its first label; NULL for the root';

CREATE FUNCTION dns_suffix(name text, labels integer)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_suffix'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_suffix(text, integer)
IS 'last labels of a domain name; NULL if it has fewer';

CREATE FUNCTION dns_is_below(name text, domain text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcares_is_below'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_is_below(text, text)
IS 'whether a name is a domain itself or below it, in any case of letters (RFC 4343)';

CREATE FUNCTION dns_sort_key(name text)
RETURNS bytea
AS 'MODULE_PATHNAME', 'pgcares_sort_key'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_sort_key(text)
IS 'octets that sort as names do in canonical order (RFC 4034 section 6.1)';

CREATE FUNCTION dns_blocklist_name(name text, zone text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_blocklist_name'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_blocklist_name(text, text)
IS 'name of a domain in a block list (RFC 5782 section 3)';

CREATE FUNCTION dns_blocklist_name(address inet, zone text)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_blocklist_name_inet'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_blocklist_name(inet, text)
IS 'name of an address in a block list (RFC 5782 sections 2.1 and 2.4)';

CREATE FUNCTION dns_srv_key(weight integer)
RETURNS double precision
AS 'MODULE_PATHNAME', 'pgcares_srv_key'
LANGUAGE C VOLATILE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_srv_key(integer)
IS 'random number that sorts SRV records of one priority by their weights (RFC 2782)';

CREATE FUNCTION dns_strerror(code integer)
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_strerror'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_strerror(integer)
IS 'meaning of a status code of c-ares';

CREATE FUNCTION dns_statuses()
RETURNS SETOF dns_status_record
AS 'MODULE_PATHNAME', 'pgcares_statuses'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 40;

COMMENT ON FUNCTION dns_statuses()
IS 'outcomes of lookups, and status codes of c-ares';

CREATE FUNCTION dns_status_is_final(status text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'pgcares_status_is_final'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;

COMMENT ON FUNCTION dns_status_is_final(text)
IS 'whether an outcome is the last word about a name, so that asking again is of no use before a TTL is over';

CREATE FUNCTION dns_types()
RETURNS SETOF dns_type_record
AS 'MODULE_PATHNAME', 'pgcares_types'
LANGUAGE C IMMUTABLE PARALLEL SAFE ROWS 100;

COMMENT ON FUNCTION dns_types()
IS 'record types that have a mnemonic (RFC 6895 section 3.1)';

CREATE FUNCTION dns_version()
RETURNS text
AS 'MODULE_PATHNAME', 'pgcares_version'
LANGUAGE C STABLE PARALLEL SAFE;

COMMENT ON FUNCTION dns_version()
IS 'versions of pgcares and of the c-ares library in use';

CREATE FUNCTION dns_grant_statements(grantee text, functions text)
RETURNS SETOF text
AS 'MODULE_PATHNAME', 'pgcares_grant_statements'
LANGUAGE C STABLE STRICT PARALLEL SAFE ROWS 20;

COMMENT ON FUNCTION dns_grant_statements(text, text)
IS 'statements that grant a group of functions: lookup, batch, message, server or operation';

-- Operation

CREATE FUNCTION dns_servers()
RETURNS SETOF dns_server_record
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
RETURNS SETOF dns_stats_record
AS 'MODULE_PATHNAME', 'pgcares_stats'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 12;

COMMENT ON FUNCTION dns_stats()
IS 'counters of this session';

-- All sessions
--
-- The counts of all sessions, and their progress, are in shared memory, which is there if
-- shared_preload_libraries has the library. The functions are for the views. They check
-- themselves who may see what.

CREATE FUNCTION dns_server_statistics()
RETURNS SETOF dns_server_statistics_record
AS 'MODULE_PATHNAME', 'pgcares_server_statistics'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 3;

COMMENT ON FUNCTION dns_server_statistics()
IS 'rows of the view dns_stat_servers';

CREATE FUNCTION dns_type_statistics()
RETURNS SETOF dns_type_statistics_record
AS 'MODULE_PATHNAME', 'pgcares_type_statistics'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 5;

COMMENT ON FUNCTION dns_type_statistics()
IS 'rows of the view dns_stat_types';

CREATE FUNCTION dns_progress()
RETURNS SETOF dns_progress_record
AS 'MODULE_PATHNAME', 'pgcares_progress'
LANGUAGE C VOLATILE PARALLEL RESTRICTED ROWS 5;

COMMENT ON FUNCTION dns_progress()
IS 'rows of the view dns_stat_progress';

CREATE FUNCTION dns_stat_reset()
RETURNS void
AS 'MODULE_PATHNAME', 'pgcares_stat_reset'
LANGUAGE C VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION dns_stat_reset()
IS 'sets the counts of all sessions to zero';

CREATE VIEW dns_stat_servers AS
SELECT address,
	port,
	questions,
	queries,
	noerror,
	nodata,
	nxdomain,
	servfail,
	refused,
	other,
	timeouts,
	refused_connections,
	tcp,
	sent_again,
	malformed,
	ignored,
	round_trip,
	round_trips,
	in_flight,
	level,
	stats_reset
FROM dns_server_statistics();

COMMENT ON VIEW dns_stat_servers IS 'counts of all sessions, by name server';
COMMENT ON COLUMN dns_stat_servers.address IS 'address; NULL for all servers that have no row of their own';
COMMENT ON COLUMN dns_stat_servers.port IS 'port';
COMMENT ON COLUMN dns_stat_servers.questions IS 'questions that the server was asked';
COMMENT ON COLUMN dns_stat_servers.queries IS 'queries that were sent';
COMMENT ON COLUMN dns_stat_servers.noerror IS 'answers with such records, or with an alias that leads on';
COMMENT ON COLUMN dns_stat_servers.nodata IS 'answers that the name has no such records';
COMMENT ON COLUMN dns_stat_servers.nxdomain IS 'answers that there is no such name';
COMMENT ON COLUMN dns_stat_servers.servfail IS 'answers that the server has failed';
COMMENT ON COLUMN dns_stat_servers.refused IS 'answers that the server refuses to answer';
COMMENT ON COLUMN dns_stat_servers.other IS 'other answers';
COMMENT ON COLUMN dns_stat_servers.timeouts IS 'queries that were given up without an answer';
COMMENT ON COLUMN dns_stat_servers.refused_connections IS 'connections and datagrams that the server''s host, or the way to it, refused';
COMMENT ON COLUMN dns_stat_servers.tcp IS 'queries that were sent over TCP';
COMMENT ON COLUMN dns_stat_servers.sent_again IS 'queries to a server that had been asked the same question before';
COMMENT ON COLUMN dns_stat_servers.malformed IS 'answers that were not sound';
COMMENT ON COLUMN dns_stat_servers.ignored IS 'messages that answered no question';
COMMENT ON COLUMN dns_stat_servers.round_trip IS 'mean time of an answer, in milliseconds';
COMMENT ON COLUMN dns_stat_servers.round_trips IS 'answers by their time: below 0.128, 0.256, 0.512, 1.024 ... milliseconds; the last element is for all others';
COMMENT ON COLUMN dns_stat_servers.in_flight IS 'questions that wait for an answer now, up to a second ago';
COMMENT ON COLUMN dns_stat_servers.level IS 'fresh questions that all sessions have at a time, as found last';
COMMENT ON COLUMN dns_stat_servers.stats_reset IS 'time since which all this is counted';

CREATE VIEW dns_stat_types AS
SELECT type,
	questions,
	queries,
	noerror,
	nodata,
	nxdomain,
	servfail,
	refused,
	other,
	timeouts,
	tcp,
	sent_again,
	malformed,
	round_trip,
	round_trips,
	in_flight,
	stats_reset
FROM dns_type_statistics();

COMMENT ON VIEW dns_stat_types IS 'counts of all sessions, by record type';
COMMENT ON COLUMN dns_stat_types.type IS 'record type; NULL for all types that have no row of their own';
COMMENT ON COLUMN dns_stat_types.questions IS 'questions that were asked';
COMMENT ON COLUMN dns_stat_types.queries IS 'queries that were sent';
COMMENT ON COLUMN dns_stat_types.noerror IS 'answers with such records, or with an alias that leads on';
COMMENT ON COLUMN dns_stat_types.nodata IS 'answers that the name has no such records';
COMMENT ON COLUMN dns_stat_types.nxdomain IS 'answers that there is no such name';
COMMENT ON COLUMN dns_stat_types.servfail IS 'answers that the server has failed';
COMMENT ON COLUMN dns_stat_types.refused IS 'answers that the server refuses to answer';
COMMENT ON COLUMN dns_stat_types.other IS 'other answers';
COMMENT ON COLUMN dns_stat_types.timeouts IS 'queries that were given up without an answer';
COMMENT ON COLUMN dns_stat_types.tcp IS 'queries that were sent over TCP';
COMMENT ON COLUMN dns_stat_types.sent_again IS 'queries to a server that had been asked the same question before';
COMMENT ON COLUMN dns_stat_types.malformed IS 'answers that were not sound';
COMMENT ON COLUMN dns_stat_types.round_trip IS 'mean time of an answer, in milliseconds';
COMMENT ON COLUMN dns_stat_types.round_trips IS 'answers by their time: below 0.128, 0.256, 0.512, 1.024 ... milliseconds; the last element is for all others';
COMMENT ON COLUMN dns_stat_types.in_flight IS 'questions that wait for an answer now, up to a second ago';
COMMENT ON COLUMN dns_stat_types.stats_reset IS 'time since which all this is counted';

CREATE VIEW dns_stat_progress AS
SELECT pid,
	datname,
	usename,
	kind,
	known,
	done,
	failed,
	fresh,
	waiting,
	oldest_wait,
	since
FROM dns_progress();

COMMENT ON VIEW dns_stat_progress IS 'questions that sessions ask now';
COMMENT ON COLUMN dns_stat_progress.pid IS 'process';
COMMENT ON COLUMN dns_stat_progress.datname IS 'database';
COMMENT ON COLUMN dns_stat_progress.usename IS 'role';
COMMENT ON COLUMN dns_stat_progress.kind IS 'call, or look-ahead if no call waits';
COMMENT ON COLUMN dns_stat_progress.known IS 'questions of the call or look-ahead that are known so far';
COMMENT ON COLUMN dns_stat_progress.done IS 'known questions that are over';
COMMENT ON COLUMN dns_stat_progress.failed IS 'known questions that are over without a useful answer';
COMMENT ON COLUMN dns_stat_progress.fresh IS 'questions that were asked just now';
COMMENT ON COLUMN dns_stat_progress.waiting IS 'questions that have waited for longer';
COMMENT ON COLUMN dns_stat_progress.oldest_wait IS 'time that the oldest question has waited';
COMMENT ON COLUMN dns_stat_progress.since IS 'begin of the call or look-ahead';

REVOKE ALL ON dns_stat_servers, dns_stat_types FROM PUBLIC;
GRANT SELECT ON dns_stat_servers, dns_stat_types TO pg_monitor;
GRANT SELECT ON dns_stat_progress TO PUBLIC;
REVOKE ALL ON FUNCTION dns_stat_reset() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dns_stat_reset() TO pg_monitor;
-- Kept answers, those of this database

CREATE FUNCTION dns_cache_entries()
RETURNS SETOF dns_cache_record
AS 'MODULE_PATHNAME', 'pgcares_cache_entries'
LANGUAGE C VOLATILE PARALLEL SAFE ROWS 1000;

COMMENT ON FUNCTION dns_cache_entries()
IS 'answers that are kept';

CREATE VIEW dns_cache AS
SELECT question, type, class, status, seconds_left, hits, octets
FROM dns_cache_entries();

COMMENT ON VIEW dns_cache IS 'answers that are kept, if pgcares is in shared_preload_libraries';
COMMENT ON COLUMN dns_cache.question IS 'name, in lower case';
COMMENT ON COLUMN dns_cache.type IS 'type asked for';
COMMENT ON COLUMN dns_cache.class IS 'class asked for';
COMMENT ON COLUMN dns_cache.status IS 'status that a lookup has';
COMMENT ON COLUMN dns_cache.seconds_left IS 'time for which the answer is still good';
COMMENT ON COLUMN dns_cache.hits IS 'lookups that it has answered';
COMMENT ON COLUMN dns_cache.octets IS 'length of its message; 0 if no answer came';

CREATE FUNCTION dns_cache_flush(name text DEFAULT NULL, type text DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'pgcares_cache_flush'
LANGUAGE C VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION dns_cache_flush(text, text)
IS 'forgets kept answers, or those for a name or type, and counts them';

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
REVOKE ALL ON FUNCTION dns_getaddrinfo(text, integer, integer, integer, integer, text[], text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_gethostbyname(text, integer, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_gethostbyaddr(inet, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_getnameinfo(inet, integer, text[], text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_query_many(text[], text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_addresses_many(text[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_ptr_many(inet[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_lookup_many(text[], integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_reverse_many(inet[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_names_in(inet, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_has_address(text[], inet) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_many(text[], text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_json(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_servers() FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_reset() FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_stats() FROM PUBLIC;

-- Kept answers show what other roles have asked.

REVOKE ALL ON FUNCTION dns_cache_entries() FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_cache_flush(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION dns_cache_entries() TO pg_monitor;
GRANT SELECT ON dns_cache TO pg_monitor;

-- A role that chooses the server can send packets to every address and port that
-- the database server reaches, and learns which of them are open.

REVOKE ALL ON FUNCTION dns_query_at(text, text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_at(text, text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_message_at_many(text[], text, text, text) FROM PUBLIC;
