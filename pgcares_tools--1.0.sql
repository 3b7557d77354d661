/* pgcares_tools--1.0.sql */

-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pgcares_tools" to load this file. \quit

-- All functions are SQL over those of pgcares.  Their bodies are parsed here, once, so
-- that no later search_path decides which functions they call; the check at the end
-- shows that these are the right ones.
--
-- Functions that return sets are STABLE, although what they call is VOLATILE: the
-- planner then puts their bodies in place of the calls, and look-ahead sees the lookups.
-- A plain EXPLAIN does not run them, since they return sets.

-- Rows

CREATE TYPE dns_mail_host_record AS (
	kind text,
	preference integer,
	exchange text
);

COMMENT ON TYPE dns_mail_host_record IS 'a host that takes the mail of a domain';
COMMENT ON COLUMN dns_mail_host_record.kind IS 'mx, implicit (no MX, but an address) or null_mx (takes no mail)';
COMMENT ON COLUMN dns_mail_host_record.preference IS 'the lowest is preferred';
COMMENT ON COLUMN dns_mail_host_record.exchange IS 'host that takes mail; NULL for null_mx';

CREATE TYPE dns_fcrdns_record AS (
	ptrdname text,
	confirmed boolean
);

COMMENT ON TYPE dns_fcrdns_record IS 'a name of an address';
COMMENT ON COLUMN dns_fcrdns_record.ptrdname IS 'name that the address points to';
COMMENT ON COLUMN dns_fcrdns_record.confirmed IS 'whether the name has the address; NULL if that could not be looked up';

CREATE TYPE dns_fcrdns_in_record AS (
	ord bigint,
	address inet,
	confirmed boolean
);

COMMENT ON TYPE dns_fcrdns_in_record IS 'whether an address belongs to one of the domains';
COMMENT ON COLUMN dns_fcrdns_in_record.ord IS 'position of the address in the array, from 1';
COMMENT ON COLUMN dns_fcrdns_in_record.address IS 'address as it was given';
COMMENT ON COLUMN dns_fcrdns_in_record.confirmed IS 'whether it has a confirmed name in one of the domains; NULL if nobody knows';

CREATE TYPE dns_blocklist_record AS (
	zone text,
	listed boolean,
	codes inet[],
	reason text
);

COMMENT ON TYPE dns_blocklist_record IS 'what one block list has of an address or domain';
COMMENT ON COLUMN dns_blocklist_record.zone IS 'block list';
COMMENT ON COLUMN dns_blocklist_record.listed IS 'whether it is listed; NULL if that could not be looked up';
COMMENT ON COLUMN dns_blocklist_record.codes IS 'addresses of the listing, whose meaning the list defines';
COMMENT ON COLUMN dns_blocklist_record.reason IS 'texts of the listing';

CREATE TYPE dns_spf_record AS (
	status text,
	ord integer,
	qualifier text,
	mechanism text,
	value text
);

COMMENT ON TYPE dns_spf_record IS 'a term of an SPF record';
COMMENT ON COLUMN dns_spf_record.status IS 'of the whole record: ok, none, several, syntax or temperror';
COMMENT ON COLUMN dns_spf_record.ord IS 'position of the term, from 1';
COMMENT ON COLUMN dns_spf_record.qualifier IS '+, -, ~ or ?; NULL for a modifier';
COMMENT ON COLUMN dns_spf_record.mechanism IS 'name of the mechanism or modifier; NULL for a term that is neither';
COMMENT ON COLUMN dns_spf_record.value IS 'what follows the name, without : or =; the whole term if it is neither';

CREATE TYPE dns_spf_cost_record AS (
	domain text,
	status text,
	lookups integer,
	void_lookups integer,
	mx_hosts integer,
	within_limits boolean
);

COMMENT ON TYPE dns_spf_cost_record IS 'lookups that the check of an SPF record needs';
COMMENT ON COLUMN dns_spf_cost_record.domain IS 'domain whose record it is';
COMMENT ON COLUMN dns_spf_cost_record.status IS 'ok, or the first problem: none, several, syntax or temperror';
COMMENT ON COLUMN dns_spf_cost_record.lookups IS 'terms that need a lookup, if no mechanism matches; counted up to 20';
COMMENT ON COLUMN dns_spf_cost_record.void_lookups IS 'those whose answer has no records';
COMMENT ON COLUMN dns_spf_cost_record.mx_hosts IS 'most mail hosts of an mx term: receivers look up the addresses of each';
COMMENT ON COLUMN dns_spf_cost_record.within_limits IS 'no problem, 10 lookups at most, 2 of them void at most, and 10 mail hosts of a term at most';

CREATE TYPE dns_dmarc_record AS (
	status text,
	found_at text,
	policy text,
	tags jsonb
);

COMMENT ON TYPE dns_dmarc_record IS 'the DMARC policy of a domain';
COMMENT ON COLUMN dns_dmarc_record.status IS 'ok, none, invalid (its policy is wrong, and there is nowhere to report to) or temperror';
COMMENT ON COLUMN dns_dmarc_record.found_at IS 'domain that has the policy record: the domain itself or one above it';
COMMENT ON COLUMN dns_dmarc_record.policy IS 'none, quarantine or reject, for mail from the domain; NULL if receivers do not apply one';
COMMENT ON COLUMN dns_dmarc_record.tags IS 'tags of the record';

CREATE TYPE dns_srv_target_record AS (
	ord bigint,
	priority integer,
	weight integer,
	port integer,
	target text,
	addresses inet[]
);

COMMENT ON TYPE dns_srv_target_record IS 'a server of a service';
COMMENT ON COLUMN dns_srv_target_record.ord IS 'position in the order in which clients try the servers, from 1';
COMMENT ON COLUMN dns_srv_target_record.priority IS 'the lowest is tried first';
COMMENT ON COLUMN dns_srv_target_record.weight IS 'share of the load among equal priorities';
COMMENT ON COLUMN dns_srv_target_record.port IS 'port of the service';
COMMENT ON COLUMN dns_srv_target_record.target IS 'host of the service';
COMMENT ON COLUMN dns_srv_target_record.addresses IS 'its addresses';

CREATE TYPE dns_zone_record AS (
	zone text,
	mname text,
	serial bigint
);

COMMENT ON TYPE dns_zone_record IS 'a zone';
COMMENT ON COLUMN dns_zone_record.zone IS 'name of the zone';
COMMENT ON COLUMN dns_zone_record.mname IS 'primary name server';
COMMENT ON COLUMN dns_zone_record.serial IS 'version of the zone';

CREATE TYPE dns_zone_check_record AS (
	server text,
	address inet,
	status text,
	aa boolean,
	serial bigint,
	elapsed interval
);

COMMENT ON TYPE dns_zone_check_record IS 'what one name server of a zone has of it';
COMMENT ON COLUMN dns_zone_check_record.server IS 'name server';
COMMENT ON COLUMN dns_zone_check_record.address IS 'address that was asked; NULL if the server has none';
COMMENT ON COLUMN dns_zone_check_record.status IS 'outcome, one of dns_statuses()';
COMMENT ON COLUMN dns_zone_check_record.aa IS 'the server is an authority for the zone';
COMMENT ON COLUMN dns_zone_check_record.serial IS 'version of the zone that it has';
COMMENT ON COLUMN dns_zone_check_record.elapsed IS 'time from the first query to the outcome';

CREATE TYPE dns_propagation_record AS (
	server text,
	status text,
	ttl integer,
	rdata text[],
	rdata_digest text,
	elapsed interval
);

COMMENT ON TYPE dns_propagation_record IS 'what one name server answers';
COMMENT ON COLUMN dns_propagation_record.server IS 'server that was asked';
COMMENT ON COLUMN dns_propagation_record.status IS 'outcome, one of dns_statuses()';
COMMENT ON COLUMN dns_propagation_record.ttl IS 'lowest TTL of the answer';
COMMENT ON COLUMN dns_propagation_record.rdata IS 'data of the answer in presentation format, sorted';
COMMENT ON COLUMN dns_propagation_record.rdata_digest IS 'the same for servers that have the same data; NULL if there is none';
COMMENT ON COLUMN dns_propagation_record.elapsed IS 'time from the first query to the outcome';

CREATE TYPE dns_dane_record AS (
	cert_usage integer,
	selector integer,
	matching_type integer,
	data bytea,
	ttl integer,
	ad boolean
);

COMMENT ON TYPE dns_dane_record IS 'data of a TLSA record that the name server has verified';
COMMENT ON COLUMN dns_dane_record.cert_usage IS 'how the certificate is used';
COMMENT ON COLUMN dns_dane_record.selector IS 'part of the certificate that is matched';
COMMENT ON COLUMN dns_dane_record.matching_type IS 'how it is matched: exactly or by digest';
COMMENT ON COLUMN dns_dane_record.data IS 'certificate, key or digest';
COMMENT ON COLUMN dns_dane_record.ttl IS 'seconds for which the record can be kept';
COMMENT ON COLUMN dns_dane_record.ad IS 'the server has verified the data: true in every row';

-- Mail

CREATE FUNCTION dns_mail_hosts(domain text, on_error text DEFAULT 'missing_ok')
RETURNS SETOF dns_mail_host_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 4
BEGIN ATOMIC
	-- Nothing is asked for NULL.  Addresses are asked for only if there is certainly no
	-- MX, with a final dot, so that no search list completes the name.  A question that
	-- has failed is asked again to raise its error or warning.
	SELECT CASE WHEN h.exchange = '.' THEN 'null_mx' WHEN x.records IS NULL THEN 'implicit' ELSE 'mx' END,
		h.preference, nullif(h.exchange, '.')
	FROM dns_message(domain, 'MX') AS m,
		LATERAL (SELECT array_agg(ROW(s.preference, s.exchange, s.ttl)::dns_mx_record ORDER BY s.preference) AS records,
				array_agg(ROW(s.preference, s.exchange, s.ttl)::dns_mx_record ORDER BY s.preference)
					FILTER (WHERE s.exchange <> '.') AS hosts
			FROM (SELECT (r.data ->> 'preference')::integer, r.data ->> 'exchange', r.ttl
				FROM unnest(m.answer) AS r WHERE r.type = 'MX' AND m.status = 'NOERROR'
				UNION ALL SELECT * FROM dns_mx(
					CASE WHEN m.status NOT IN ('NOERROR', 'NODATA', 'NXDOMAIN', 'BADNAME') AND on_error IS DISTINCT FROM 'ignore'
						THEN domain END, coalesce(nullif(on_error, 'error'), 'missing_ok'))) AS s (preference, exchange, ttl)) AS x,
		LATERAL (SELECT array_agg(ROW(0, domain, a.ttl)::dns_mx_record) AS hosts
			FROM dns_addresses(CASE WHEN m.status = 'NODATA' THEN rtrim(domain, '.') || '.' END, 0,
				coalesce(nullif(on_error, 'error'), 'missing_ok')) AS a) AS a,
		LATERAL unnest(coalesce(x.hosts, x.records[:1], a.hosts[:1])) AS h;
END;

COMMENT ON FUNCTION dns_mail_hosts(text, text)
IS 'hosts that take the mail of a domain (RFC 5321 section 5.1, RFC 7505)';

-- The answers of dns_message_json(): whether one has a record of a type, and whether it
-- is a sound answer without one (RFC 2308 section 2.2).

CREATE FUNCTION dns_answer_has(answer jsonb, type integer)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN answer @? ('$.answerRRs[*] ? (@.TYPE == ' || type || ')')::jsonpath;

COMMENT ON FUNCTION dns_answer_has(jsonb, integer)
IS 'whether an answer of dns_message_json() has records of a type, by number';

CREATE FUNCTION dns_answer_lacks(answer jsonb, type integer)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN NOT dns_answer_has(answer, type) AND answer @@ '$.RCODE == 3 || $.RCODE == 0 &&
	(exists($.authorityRRs[*] ? (@.TYPE == 6)) || !exists($.answerRRs[*]) &&
		($.AA == true || $.RA == true && !exists($.authorityRRs[*] ? (@.TYPE == 2))))';

COMMENT ON FUNCTION dns_answer_lacks(jsonb, integer)
IS 'whether an answer of dns_message_json() says that there are no records of a type (RFC 2308)';

CREATE FUNCTION dns_mail_verdict(domain text, mx jsonb, a jsonb, aaaa jsonb)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN NOT dns_is_name(domain) THEN false
	WHEN dns_answer_has(mx, 15) THEN mx @? '$.answerRRs[*].rdataMX ? (!(@ like_regex "^[0-9]+ [.]$"))'
	WHEN dns_answer_lacks(mx, 15) IS NOT TRUE THEN NULL
	WHEN dns_answer_has(a, 1) OR dns_answer_has(aaaa, 28) THEN true
	WHEN dns_answer_lacks(a, 1) AND dns_answer_lacks(aaaa, 28) THEN false
END;

COMMENT ON FUNCTION dns_mail_verdict(text, jsonb, jsonb, jsonb)
IS 'whether a domain with these answers accepts mail; NULL if they do not tell';

CREATE FUNCTION dns_accepts_mail(domain text)
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE COST 10000
RETURN dns_mail_verdict(domain, dns_message_json(domain, 'MX'),
	dns_message_json(domain, 'A'), dns_message_json(domain, 'AAAA'));

COMMENT ON FUNCTION dns_accepts_mail(text)
IS 'whether a domain accepts mail; NULL if nobody knows (RFC 5321 section 5.1, RFC 7505)';

CREATE FUNCTION dns_tags(record text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
	SELECT CASE WHEN bool_and(m IS NOT NULL) AND count(DISTINCT m[1]) = count(*)
		THEN jsonb_object_agg(coalesce(m[1], ''), m[2]) END
	FROM regexp_split_to_table(regexp_replace(record, '\s*;?\s*$', ''), ';') AS tag,
		LATERAL (SELECT regexp_match(tag, '^\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$') AS m) AS parts;
END;

COMMENT ON FUNCTION dns_tags(text)
IS 'tags of a DKIM, DMARC, MTA-STS, TLS-RPT or BIMI record; NULL if it is no tag list (RFC 6376 section 3.2)';

-- Sender Policy Framework

-- A macro-string, a domain-spec, a CIDR length and a network (RFC 7208 sections 5.6, 7.1
-- and 12).

CREATE FUNCTION dns_spf_is_macro(value text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value ~* '^([!-$&-~]|%%|%_|%-|%\{[slodiphcrtv](0*[1-9][0-9]*)?r?[-.+,/_=]*\})*$';

COMMENT ON FUNCTION dns_spf_is_macro(text)
IS 'whether a text is a macro-string of an SPF record (RFC 7208 section 7.1)';

CREATE FUNCTION dns_spf_is_domain(value text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN dns_spf_is_macro(value) AND value !~* '%\{[crt]' AND
	value ~* '(\.([a-z0-9]*[a-z][a-z0-9]*|[a-z0-9]+-[a-z0-9-]*[a-z0-9])\.?|%%|%_|%-|%\{[^}]*\})$';

COMMENT ON FUNCTION dns_spf_is_domain(text)
IS 'whether a text is a domain-spec of an SPF record (RFC 7208 section 7.1)';

CREATE FUNCTION dns_spf_is_cidr(value text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN value ~ '^(/(0|[1-9][0-9]?))?(//(0|[1-9][0-9]{0,2}))?$' AND
	coalesce(substring(value, '^/([0-9]+)')::integer <= 32, true) AND
	coalesce(substring(value, '//([0-9]+)$')::integer <= 128, true);

COMMENT ON FUNCTION dns_spf_is_cidr(text)
IS 'whether a text is a dual-cidr-length of an SPF record, or empty (RFC 7208 section 5.6)';

CREATE FUNCTION dns_spf_is_network(value text, version text)
RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE version
	WHEN '4' THEN value ~ '^((25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.|(?=/|$))){4}(?<!\.)(/(3[0-2]|[12][0-9]|[0-9]))?$'
	-- an address, not a name, if it becomes the 32 labels of one
	ELSE value ~ ':' AND cardinality(dns_labels(dns_blocklist_name(
		substring(value, '^([0-9A-Fa-f:.]+)(?:/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$'), '.'))) = 32
END;

COMMENT ON FUNCTION dns_spf_is_network(text, text)
IS 'whether a text is an ip4-network or ip6-network of an SPF record (RFC 7208 section 5.6)';

CREATE FUNCTION dns_spf_parse(record text)
RETURNS SETOF dns_spf_record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 10
BEGIN ATOMIC
	-- The grammar of RFC 7208 section 12.  Without MATERIALIZED, each expression would be
	-- evaluated wherever its column is used.
	WITH term AS MATERIALIZED (
		SELECT row_number() OVER () AS ord, t.term,
			regexp_match(t.term, '^([-+?~]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:(:)(.*)|(/.*)?)$', 'i') AS mechanism,
			CASE WHEN strpos(t.term, '=') > 0 THEN regexp_match(t.term, '^([a-z][a-z0-9_.-]*)=(.*)$', 'i') END AS modifier
		FROM string_to_table(CASE WHEN record ILIKE 'v=spf1 %' THEN substr(record, 8) END, ' ') AS t (term)
		WHERE t.term <> ''
	), parsed AS MATERIALIZED (
		SELECT ord, term, mechanism IS NOT NULL AS is_mechanism, mechanism[3] IS NOT NULL AS has_colon,
			CASE WHEN mechanism IS NOT NULL THEN coalesce(nullif(mechanism[1], ''), '+') END AS qualifier,
			lower(coalesce(mechanism[2], modifier[1])) AS name,
			CASE WHEN mechanism IS NOT NULL THEN coalesce(mechanism[4], mechanism[5], '') ELSE modifier[2] END AS value
		FROM term
	), checked AS MATERIALIZED (
		SELECT *, CASE
				WHEN name IS NULL THEN false
				WHEN NOT is_mechanism AND name IN ('redirect', 'exp') THEN
					dns_spf_is_domain(value) AND count(*) OVER (PARTITION BY is_mechanism, name) = 1
				WHEN NOT is_mechanism THEN dns_spf_is_macro(value)
				WHEN name = 'all' THEN value = '' AND NOT has_colon
				WHEN name IN ('a', 'mx') AND NOT has_colon THEN dns_spf_is_cidr(value)
				WHEN name IN ('a', 'mx') THEN
					dns_spf_is_domain(regexp_replace(value, '(/[0-9]+)?(//[0-9]+)?$', '')) AND
					dns_spf_is_cidr(substring(value, '((?:/[0-9]+)?(?://[0-9]+)?)$'))
				WHEN name = 'ptr' AND NOT has_colon THEN value = ''
				WHEN name IN ('include', 'exists', 'ptr') THEN has_colon AND dns_spf_is_domain(value)
				ELSE has_colon AND dns_spf_is_network(value, right(name, 1))
			END AS sound
		FROM parsed
	)
	SELECT CASE WHEN bool_and(sound) OVER () THEN 'ok' ELSE 'syntax' END, ord::integer,
		CASE WHEN sound THEN qualifier END, CASE WHEN sound THEN name END, CASE WHEN sound THEN nullif(value, '') ELSE term END
	FROM checked ORDER BY ord;
END;

COMMENT ON FUNCTION dns_spf_parse(text)
IS 'terms of an SPF record that is given as text (RFC 7208 sections 4.6.1 and 12)';

CREATE FUNCTION dns_spf(domain text)
RETURNS SETOF dns_spf_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 10
BEGIN ATOMIC
	SELECT CASE
			WHEN m.status NOT IN ('NOERROR', 'NODATA', 'NXDOMAIN', 'BADNAME') THEN 'temperror'
			WHEN s.records IS NULL THEN 'none'
			WHEN cardinality(s.records) > 1 THEN 'several'
			ELSE coalesce(t.status, 'ok')
		END, t.ord, t.qualifier, t.mechanism, t.value
	FROM dns_message(domain, 'TXT') AS m,
		LATERAL (SELECT array_agg(r.data ->> 'txt') AS records FROM unnest(m.answer) AS r
			WHERE r.type = 'TXT' AND r.data ->> 'txt' ~* '^v=spf1( |$)') AS s
		LEFT JOIN LATERAL dns_spf_parse(CASE WHEN cardinality(s.records) = 1 THEN s.records[1] END) AS t ON true;
END;

COMMENT ON FUNCTION dns_spf(text)
IS 'terms of the SPF record of a domain, and the status of the record (RFC 7208)';

-- The terms of a domain's record that need a lookup if nothing matches, each as the
-- record that is asked for and the name, which is empty if a macro decides it.

CREATE FUNCTION dns_spf_todo(domain text, answer dns_record[])
RETURNS TABLE (status text, terms text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	WITH found AS (
		SELECT array_agg(r.data ->> 'txt') AS records FROM unnest(answer) AS r
		WHERE r.type = 'TXT' AND r.data ->> 'txt' ~* '^v=spf1( |$)'
	), parsed AS (
		SELECT t.status, t.ord, t.mechanism,
			CASE WHEN t.mechanism IN ('a', 'mx') THEN regexp_replace(coalesce(t.value, ''), '(/[0-9]+)?(//[0-9]+)?$', '')
				ELSE t.value END AS value,
			coalesce(min(t.ord) FILTER (WHERE t.mechanism = 'all') OVER (), 1e6) AS last
		FROM found, dns_spf_parse(CASE WHEN cardinality(records) = 1 THEN records[1] END) AS t
	)
	SELECT CASE WHEN records IS NULL THEN 'none' WHEN cardinality(records) > 1 THEN 'several'
			ELSE coalesce((SELECT max(status) FROM parsed), 'ok') END,
		ARRAY(SELECT CASE mechanism WHEN 'redirect' THEN 'include' WHEN 'exists' THEN 'a' ELSE mechanism END ||
				CASE WHEN value ~ '%' OR mechanism = 'ptr' THEN ' ' ELSE ' ' || coalesce(nullif(value, ''), domain) END
			FROM parsed
			WHERE mechanism IN ('include', 'a', 'mx', 'ptr', 'exists') AND ord < last OR mechanism = 'redirect' AND last = 1e6
			ORDER BY mechanism = 'redirect', ord)
	FROM found;
END;

COMMENT ON FUNCTION dns_spf_todo(text, dns_record[])
IS 'status of the SPF record in an answer, and what its check looks up (RFC 7208 section 4.6.4)';

CREATE FUNCTION dns_spf_cost(domains text[])
RETURNS SETOF dns_spf_cost_record
LANGUAGE sql VOLATILE PARALLEL SAFE COST 10000 ROWS 1000
BEGIN ATOMIC
	-- Each round asks one question for each domain: for the first of the terms that are
	-- left.  The terms of a record that is included come before the others.
	WITH RECURSIVE walk (ord, domain, round, todo, lookups, voids, mx_hosts, status) AS (
		SELECT d.ord, d.domain, 0, ARRAY['record ' || d.domain], 0, 0, 0, NULL::text
		FROM unnest(domains) WITH ORDINALITY AS d (domain, ord)
		WHERE d.domain IS NOT NULL
		UNION ALL
		SELECT w.ord, w.domain, w.round + 1, coalesce(s.terms, '{}') || w.todo[2:],
			w.lookups + (w.round > 0)::integer,
			w.voids + (w.round > 0 AND coalesce(m.status IN ('NODATA', 'NXDOMAIN'), false))::integer,
			greatest(w.mx_hosts, (SELECT count(*) FROM unnest(m.answer) AS r WHERE r.type = 'MX')::integer),
			CASE WHEN m.status NOT IN ('NOERROR', 'NODATA', 'NXDOMAIN', 'BADNAME') THEN 'temperror'
				ELSE nullif(s.status, 'ok') END
		FROM walk AS w
			LEFT JOIN LATERAL dns_message(nullif(substr(w.todo[1], strpos(w.todo[1], ' ') + 1), ''),
				CASE WHEN starts_with(w.todo[1], 'a ') THEN 'A' WHEN starts_with(w.todo[1], 'mx ') THEN 'MX' ELSE 'TXT' END) AS m ON true
			LEFT JOIN LATERAL dns_spf_todo(substr(w.todo[1], strpos(w.todo[1], ' ') + 1), m.answer) AS s
				ON w.todo[1] ~ '^(record|include) .'
		WHERE cardinality(w.todo) > 0 AND w.status IS NULL AND w.lookups < 20
	)
	SELECT DISTINCT ON (ord) domain, coalesce(status, 'ok'), lookups, voids, mx_hosts,
		status IS NULL AND lookups <= 10 AND voids <= 2 AND mx_hosts <= 10
	FROM walk ORDER BY ord, round DESC;
END;

COMMENT ON FUNCTION dns_spf_cost(text[])
IS 'lookups that the checks of SPF records need, includes followed, for many domains at once (RFC 7208 section 4.6.4)';

CREATE FUNCTION dns_spf_cost(domain text)
RETURNS SETOF dns_spf_cost_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT c.* FROM dns_spf_cost(ARRAY[domain]) AS c;
END;

COMMENT ON FUNCTION dns_spf_cost(text)
IS 'lookups that the check of an SPF record needs, includes followed (RFC 7208 section 4.6.4)';

-- Domain-based Message Authentication, Reporting, and Conformance

CREATE FUNCTION dns_dmarc_step(domain text, step integer)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN dns_suffix(domain, CASE step WHEN 1 THEN cardinality(dns_labels(domain))
	ELSE least(cardinality(dns_labels(domain)), 8) - step + 1 END);

COMMENT ON FUNCTION dns_dmarc_step(text, integer)
IS 'domain of a step of the DNS tree walk, from 1; NULL behind the last (RFC 9989 section 4.10)';

-- What is wrong in a record is left out, and of equal tags the first one counts.

CREATE FUNCTION dns_dmarc_tags(record text)
RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT jsonb_object_agg(t.name, t.value)
	FROM (SELECT DISTINCT ON (m[1]) m[1] AS name, m[2] AS value
		FROM regexp_split_to_table(record, ';') WITH ORDINALITY AS s (tag, ord),
			LATERAL regexp_match(s.tag, '^\s*([A-Za-z][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$') AS m
		WHERE m IS NOT NULL ORDER BY m[1], s.ord) AS t;
END;

COMMENT ON FUNCTION dns_dmarc_tags(text)
IS 'tags of a DMARC record, without those that are wrong (RFC 9989 section 4.8)';

CREATE FUNCTION dns_dmarc_policy(tags jsonb, below boolean)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
	WHEN tags IS NULL THEN NULL
	WHEN coalesce(lower(tags ->> 'p'), 'none') IN ('none', 'quarantine', 'reject') AND
		coalesce(lower(tags ->> 'sp'), 'none') IN ('none', 'quarantine', 'reject') AND
		coalesce(lower(tags ->> 'np'), 'none') IN ('none', 'quarantine', 'reject')
	THEN coalesce(lower(CASE WHEN below THEN tags ->> 'sp' END), lower(tags ->> 'p'), 'none')
	WHEN tags ->> 'rua' ~* '(^|,)\s*[a-z][a-z0-9+.-]*:[^\s,]' THEN 'none'
END;

COMMENT ON FUNCTION dns_dmarc_policy(jsonb, boolean)
IS 'policy of a DMARC record, for its domain or for those below it; NULL if receivers apply none (RFC 9989 section 4.10.1)';

CREATE FUNCTION dns_dmarc_pick(domain text, answers jsonb[])
RETURNS SETOF dns_dmarc_record
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
	-- The number of labels decides how many steps there are, and what their names are.
	WITH step AS MATERIALIZED (
		SELECT a.k::integer AS k, CASE a.k WHEN 1 THEN n.labels ELSE least(n.labels, 8) - a.k + 1 END AS labels,
			coalesce(dns_answer_has(a.answer, 16) OR dns_answer_lacks(a.answer, 16), false) AS known,
			CASE WHEN dns_answer_has(a.answer, 16) THEN (SELECT CASE WHEN count(*) = 1 THEN coalesce(dns_tags(min(t.txt)), dns_dmarc_tags(min(t.txt))) END
				FROM jsonb_path_query(a.answer, '$.answerRRs[*].rdataTXT') AS r (rdata),
					LATERAL (SELECT trim(BOTH '"' FROM replace(r.rdata #>> '{}', '" "', '')) AS txt) AS t
				WHERE t.txt ~ '^v\s*=\s*DMARC1\s*(;|$)') END AS tags
		FROM (SELECT cardinality(dns_labels(domain)) AS labels OFFSET 0) AS n,
			LATERAL unnest(answers[:least(n.labels, 8)]) WITH ORDINALITY AS a (answer, k)
		WHERE n.labels IS NOT NULL
	), stop AS (
		-- The walk ends at a record that says whether it is one of a public suffix.
		SELECT coalesce(min(k) FILTER (WHERE k > 1 AND lower(tags ->> 'psd') IN ('y', 'n')), max(k)) AS k FROM step
	), chosen AS (
		-- The domain's own record; or that of the organizational domain, which is one
		-- below a public suffix, or has the fewest labels; or that of the suffix.
		SELECT step.* FROM step, stop
		WHERE step.tags IS NOT NULL AND step.k <= stop.k
		ORDER BY step.k <> 1,
			NOT (step.k = stop.k - 1 AND step.labels < 8 AND
				(SELECT lower(s.tags ->> 'psd') = 'y' FROM step AS s WHERE s.k = stop.k) IS TRUE),
			step.k DESC
		LIMIT 1
	)
	SELECT CASE WHEN u.unknown AND c.k IS DISTINCT FROM 1 THEN 'temperror' WHEN c.k IS NULL THEN 'none'
			WHEN p.policy IS NULL THEN 'invalid' ELSE 'ok' END,
		CASE WHEN c.k = 1 OR NOT u.unknown THEN dns_dmarc_step(domain, c.k) END,
		CASE WHEN c.k = 1 OR NOT u.unknown THEN p.policy END,
		CASE WHEN c.k = 1 OR NOT u.unknown THEN c.tags END
	FROM (SELECT coalesce(bool_or(NOT step.known), false) AS unknown FROM step, stop WHERE step.k <= stop.k) AS u
		LEFT JOIN chosen AS c ON true
		LEFT JOIN LATERAL dns_dmarc_policy(c.tags, c.k > 1) AS p (policy) ON true
	WHERE domain IS NOT NULL;
END;

COMMENT ON FUNCTION dns_dmarc_pick(text, jsonb[])
IS 'policy that the answers to the steps of a DNS tree walk give (RFC 9989 section 4.10)';

CREATE FUNCTION dns_dmarc(domain text)
RETURNS SETOF dns_dmarc_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 1
BEGIN ATOMIC
	-- All steps of the walk are known from the name, so they are asked at once.
	SELECT p.* FROM (SELECT ARRAY[
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 1), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 2), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 3), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 4), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 5), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 6), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 7), 'TXT'),
		dns_message_json('_dmarc.' || dns_dmarc_step(domain, 8), 'TXT')] AS answers OFFSET 0) AS w,
		LATERAL dns_dmarc_pick(domain, w.answers) AS p;
END;

COMMENT ON FUNCTION dns_dmarc(text)
IS 'DMARC policy of a domain, found with the DNS tree walk (RFC 9989 section 4.10)';

-- Trust in addresses

CREATE FUNCTION dns_fcrdns(address inet, on_error text DEFAULT 'missing_ok')
RETURNS SETOF dns_fcrdns_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 1
BEGIN ATOMIC
	SELECT p.ptrdname, CASE
			WHEN m.status = 'NOERROR' THEN EXISTS (SELECT FROM unnest(m.answer) AS r
				WHERE r.type IN ('A', 'AAAA') AND (r.data ->> 'address')::inet = host(address)::inet)
			WHEN m.status IN ('NODATA', 'NXDOMAIN', 'BADNAME') THEN false
		END
	FROM dns_ptr(address, coalesce(nullif(on_error, 'error'), 'missing_ok')) AS p,
		LATERAL dns_message(p.ptrdname, CASE WHEN family(address) = 4 THEN 'A' ELSE 'AAAA' END) AS m;
END;

COMMENT ON FUNCTION dns_fcrdns(inet, text)
IS 'names of an address, and whether they have this address (RFC 8601 section 3)';

CREATE FUNCTION dns_fcrdns_in_many(addresses inet[], domains text[])
RETURNS SETOF dns_fcrdns_in_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 1000
BEGIN ATOMIC
	SELECT a.ord, a.address, dns_has_address(dns_names_in(a.address, domains), a.address)
	FROM unnest(addresses) WITH ORDINALITY AS a (address, ord)
	WHERE domains IS NOT NULL;
END;

COMMENT ON FUNCTION dns_fcrdns_in_many(inet[], text[])
IS 'whether addresses have a confirmed name in one of the domains, all at once: one row an address (RFC 8601 section 3)';

CREATE FUNCTION dns_fcrdns_in(address inet, domains text[])
RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL SAFE COST 10000
RETURN dns_has_address(dns_names_in(address, domains), address);

COMMENT ON FUNCTION dns_fcrdns_in(inet, text[])
IS 'whether an address has a confirmed name in one of the domains; NULL if nobody knows (RFC 8601 section 3)';

CREATE FUNCTION dns_blocklist(address inet, zones text[])
RETURNS SETOF dns_blocklist_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 4
BEGIN ATOMIC
	-- The reason is asked for only if there is a listing.
	SELECT z.zone,
		CASE WHEN dns_is_name(z.zone) IS NOT TRUE THEN NULL
			WHEN m.status = 'NOERROR' THEN EXISTS (SELECT FROM unnest(m.answer) AS r
				WHERE r.type = 'A' AND r.data ->> 'address' LIKE '127.%')
			WHEN m.status IN ('NODATA', 'NXDOMAIN', 'BADNAME') THEN false END,
		ARRAY(SELECT (r.data ->> 'address')::inet FROM unnest(m.answer) AS r WHERE r.type = 'A' ORDER BY 1),
		t.reason
	FROM unnest(zones) AS z (zone),
		LATERAL dns_message(coalesce(dns_blocklist_name(address, z.zone), ''), 'A') AS m,
		LATERAL (SELECT string_agg(t.txt, ' ' ORDER BY t.txt) AS reason
			FROM dns_txt(CASE WHEN m.status = 'NOERROR' THEN split_part(m.question, ' ', 1) END, 'ignore') AS t) AS t;
END;

COMMENT ON FUNCTION dns_blocklist(inet, text[])
IS 'what block lists have of an address (RFC 5782)';

CREATE FUNCTION dns_blocklist(name text, zones text[])
RETURNS SETOF dns_blocklist_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 4
BEGIN ATOMIC
	-- The reason is asked for only if there is a listing.
	SELECT z.zone,
		CASE WHEN dns_is_name(z.zone) IS NOT TRUE THEN NULL
			WHEN m.status = 'NOERROR' THEN EXISTS (SELECT FROM unnest(m.answer) AS r
				WHERE r.type = 'A' AND r.data ->> 'address' LIKE '127.%')
			WHEN m.status IN ('NODATA', 'NXDOMAIN', 'BADNAME') THEN false END,
		ARRAY(SELECT (r.data ->> 'address')::inet FROM unnest(m.answer) AS r WHERE r.type = 'A' ORDER BY 1),
		t.reason
	FROM unnest(zones) AS z (zone),
		LATERAL dns_message(coalesce(dns_blocklist_name(name, z.zone), ''), 'A') AS m,
		LATERAL (SELECT string_agg(t.txt, ' ' ORDER BY t.txt) AS reason
			FROM dns_txt(CASE WHEN m.status = 'NOERROR' THEN split_part(m.question, ' ', 1) END, 'ignore') AS t) AS t;
END;

COMMENT ON FUNCTION dns_blocklist(text, text[])
IS 'what block lists have of a domain, or of an address that is given as text (RFC 5782)';

-- Services

CREATE FUNCTION dns_srv_targets(name text, on_error text DEFAULT 'missing_ok')
RETURNS SETOF dns_srv_target_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 4
BEGIN ATOMIC
	SELECT row_number() OVER (ORDER BY s.priority, dns_srv_key(s.weight)), s.priority, s.weight, s.port, s.target, a.addresses
	FROM dns_srv(name, coalesce(nullif(on_error, 'error'), 'missing_ok')) AS s,
		LATERAL (SELECT array_agg(a.address) AS addresses
			FROM dns_addresses(s.target || '.', 0, coalesce(nullif(on_error, 'error'), 'missing_ok')) AS a) AS a
	WHERE s.target <> '.';
END;

COMMENT ON FUNCTION dns_srv_targets(text, text)
IS 'servers of a service with their addresses, in the order in which to try them (RFC 2782)';

CREATE FUNCTION dns_dane(name text, port integer)
RETURNS SETOF dns_dane_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 2
BEGIN ATOMIC
	-- ad is true only if pgcares.trust_ad is on.
	SELECT (r.data ->> 'cert_usage')::integer, (r.data ->> 'selector')::integer,
		(r.data ->> 'matching_type')::integer, decode(r.data ->> 'data', 'hex'), r.ttl, m.ad
	FROM dns_message('_' || port || '._tcp.' || name, 'TLSA') AS m, LATERAL unnest(m.answer) AS r
	WHERE m.ad AND r.type = 'TLSA';
END;

COMMENT ON FUNCTION dns_dane(text, integer)
IS 'certificate associations of a TCP service, if the name server has verified them and pgcares.trust_ad is on (RFC 6698)';

-- Zones

CREATE FUNCTION dns_zone(name text)
RETURNS SETOF dns_zone_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 1
BEGIN ATOMIC
	-- An answer without the SOA has that of the zone (RFC 2308 section 3).  An alias
	-- leads to the zone of its target, so the name above it is asked, too.
	SELECT r.name, r.data ->> 'mname', (r.data ->> 'serial')::bigint
	FROM dns_message(name, 'SOA') AS m
		LEFT JOIN LATERAL dns_message(CASE
			WHEN (m.answer[1]).type = 'CNAME' THEN dns_parent(name)
			WHEN (m.answer[1]).type = 'DNAME' THEN (m.answer[1]).name END, 'SOA') AS above ON true,
		LATERAL unnest(coalesce(above.answer || above.authority, m.answer || m.authority)) AS r
	WHERE r.type = 'SOA' AND dns_is_below(name, r.name);
END;

COMMENT ON FUNCTION dns_zone(text)
IS 'zone that a name belongs to (RFC 1034 section 4.2, RFC 2308 section 3)';

CREATE FUNCTION dns_zone_check(zone text)
RETURNS SETOF dns_zone_check_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 4
BEGIN ATOMIC
	SELECT n.nsdname, a.address, m.status, m.aa,
		(SELECT (r.data ->> 'serial')::bigint FROM unnest(m.answer) AS r WHERE r.type = 'SOA' LIMIT 1),
		m.elapsed
	FROM dns_ns(zone, 'missing_ok') AS n
		LEFT JOIN LATERAL dns_addresses(n.nsdname || '.', 0, 'ignore') AS a ON true
		LEFT JOIN LATERAL dns_message_at(host(a.address), zone, 'SOA') AS m ON true;
END;

COMMENT ON FUNCTION dns_zone_check(text)
IS 'version of a zone at every address of each of its name servers (RFC 1034 section 4.3.5)';

CREATE FUNCTION dns_propagation(name text, type text, servers text[])
RETURNS SETOF dns_propagation_record
LANGUAGE sql STABLE PARALLEL SAFE COST 10000 ROWS 4
BEGIN ATOMIC
	SELECT s.server, m.status, a.ttl, a.rdata,
		encode(sha256(convert_to(array_to_string(a.rdata, E'\n'), 'UTF8')), 'hex'), m.elapsed
	FROM unnest(servers) AS s (server),
		LATERAL dns_message_at(s.server, name, type) AS m,
		LATERAL (SELECT min(r.ttl) AS ttl, array_agg(r.rdata ORDER BY r.rdata COLLATE "C") AS rdata
			FROM unnest(m.answer) AS r WHERE r.type <> 'RRSIG') AS a;
END;

COMMENT ON FUNCTION dns_propagation(text, text, text[])
IS 'answers of many name servers to one question, to compare (RFC 2181 section 5)';

-- The names in questions leave the network, with any data that somebody puts into
-- them, so the administrator decides who may ask.  Who is granted one of these needs
-- the functions of pgcares that it calls, too.

REVOKE ALL ON FUNCTION dns_mail_hosts(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_accepts_mail(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_spf(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_spf_cost(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_spf_cost(text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_dmarc(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_fcrdns(inet, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_fcrdns_in_many(inet[], text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_fcrdns_in(inet, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_blocklist(inet, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_blocklist(text, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_srv_targets(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_dane(text, integer) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_zone(text) FROM PUBLIC;

-- A role that chooses the server can send packets to every address and port that
-- the database server reaches, and so can one that chooses the name servers of a zone.

REVOKE ALL ON FUNCTION dns_zone_check(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION dns_propagation(text, text, text[]) FROM PUBLIC;

-- The bodies above name functions without a schema, since pgcares can be in any.  If one
-- of them is neither PostgreSQL's nor pgcares', somebody has planted it in a schema that
-- is searched before that of pgcares.

DO $$
DECLARE
	planted text;
BEGIN
	SET LOCAL search_path = pg_catalog, pg_temp;
	WITH member AS (
		SELECT d.classid, d.objid, e.extname
		FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid
		WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname IN ('pgcares', 'pgcares_tools')
	), used AS (
		-- an array stands for its elements
		SELECT d.refclassid AS class, coalesce(nullif(t.typelem, 0), d.refobjid) AS object
		FROM member AS m JOIN pg_depend AS d ON d.classid = m.classid AND d.objid = m.objid
			LEFT JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid
		WHERE m.extname = 'pgcares_tools' AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
			AND d.refobjid >= 16384
	)
	SELECT string_agg(DISTINCT pg_describe_object(class, object, 0), ', ') INTO planted
	FROM used WHERE NOT EXISTS (SELECT FROM member WHERE classid = class AND objid = object);
	IF planted IS NOT NULL THEN
		RAISE EXCEPTION 'pgcares_tools would call what is not its own: %', planted
			USING HINT = 'Create it in the schema of pgcares, or in one where nobody else can create anything.';
	END IF;
END
$$;
