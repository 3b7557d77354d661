-- pgcares_tools: services and zones, and the extension itself.
CREATE EXTENSION pgcares_tools;

-- servers of a service, in the order in which to try them
SELECT ord, priority, weight, port, target, addresses
FROM dns_srv_targets('_ldap._tcp.shop.example');
SELECT array_agg(ord ORDER BY ord) AS ord, array_agg(priority ORDER BY ord) AS priorities,
	array_agg(target ORDER BY priority, weight) AS targets, array_agg(port ORDER BY priority, weight) AS ports
FROM dns_srv_targets('_sip._tcp.srv.test');
SELECT DISTINCT target, (SELECT array_agg(a ORDER BY a) FROM unnest(addresses) AS a) AS addresses
FROM dns_srv_targets('_sip._tcp.srv.test') ORDER BY target;
SELECT * FROM dns_srv_targets('_none._tcp.srv.test');
SELECT * FROM dns_srv_targets('_other._tcp.srv.test');
SELECT * FROM dns_srv_targets('_sip._tcp.srv.elsewhere');
SELECT * FROM dns_srv_targets('_sip._tcp.srv.elsewhere', 'ignore');
SELECT * FROM dns_srv_targets(NULL);

-- of two, one with three times the weight of the other is the first three times as often;
-- one without weight almost never
CREATE FUNCTION first_ports(name text, runs integer) RETURNS integer[]
LANGUAGE plpgsql AS $$
DECLARE
	ports integer[];
BEGIN
	FOR i IN 1 .. runs LOOP
		ports := ports || (SELECT port FROM dns_srv_targets(name) WHERE ord = 1);
	END LOOP;
	RETURN ports;
END
$$;
SELECT count(*) FILTER (WHERE port = 5060) BETWEEN 600 AND 900 AS three_quarters,
	count(*) FILTER (WHERE port NOT IN (5060, 5061)) AS others
FROM unnest(first_ports('_sip._tcp.srv.test', 1000)) AS port;
SELECT count(*) FILTER (WHERE port = 3) > 195 AS almost_always FROM unnest(first_ports('_zero._tcp.srv.test', 200)) AS port;
-- the two without weight come in both orders
SELECT count(DISTINCT ports) AS orders
FROM generate_series(1, 60) AS i, LATERAL (SELECT array_agg(k ORDER BY dns_srv_key(0 * (i + k))) FROM unnest('{1,2}'::integer[]) AS k) AS a (ports);
DROP FUNCTION first_ports;

-- the zone of a name: its top, below it, of a name that does not exist, and of aliases
SELECT name, z.*
FROM unnest('{test,a.srv.test,nowhere.x.test,out.alias.test,in.alias.test,x.tree.test,www.tree.test,tree.test,www2.shop.example,shop.example.,
	5.2.0.192.in-addr.arpa,elsewhere,a..b,NULL}'::text[]) WITH ORDINALITY AS n (name, n),
	LATERAL dns_zone(name) AS z ORDER BY n;

-- every address of every name server of a zone; on the port of the server of the tests
\getenv server PGCARES_TEST_SERVER
SELECT split_part(:'server', ':', 2) AS port \gset
SET pgcares.udp_port = :port;
SET pgcares.tcp_port = :port;
SET pgcares.tries = 1;
SET pgcares.timeout = '250ms';
SELECT server, address, status, aa, serial, elapsed > '0' AS elapsed FROM dns_zone_check('test') ORDER BY server;
RESET pgcares.tries;
RESET pgcares.timeout;
RESET pgcares.udp_port;
RESET pgcares.tcp_port;
SELECT * FROM dns_zone_check('nowhere.test');
SELECT * FROM dns_zone_check('a..b');
SELECT * FROM dns_zone_check(NULL);

-- the answers of many servers
SELECT server = :'server' AS server, status, ttl, rdata, rdata_digest, elapsed >= '0' AS elapsed
FROM dns_propagation('two.mail.test', 'MX', ARRAY[:'server', :'server']);
SELECT status, ttl, rdata, rdata_digest FROM dns_propagation('nowhere.test', 'A', ARRAY[:'server']);
SELECT a.rdata_digest = b.rdata_digest AS same
FROM dns_propagation('a.srv.test', 'A', ARRAY[:'server']) AS a, dns_propagation('b.srv.test', 'A', ARRAY[:'server']) AS b;
SELECT * FROM dns_propagation('a..b', 'A', ARRAY[:'server']) AS p (server, status) WHERE server <> :'server';
SELECT count(*) FROM dns_propagation('a.srv.test', 'A', '{}');
SELECT count(*) FROM dns_propagation('a.srv.test', 'A', NULL);

-- certificates need a server that verifies, and trust in it
SELECT * FROM dns_dane('web.shop.example', 443);

-- ---- The extension

-- everything has a comment; each function is safe in parallel workers, and its body is
-- bound to what it calls
CREATE VIEW member AS
	SELECT d.classid, d.objid, pg_describe_object(d.classid, d.objid, 0) AS object
	FROM pg_depend AS d JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	WHERE d.deptype = 'e' AND e.extname = 'pgcares_tools' AND pg_describe_object(d.classid, d.objid, 0) NOT LIKE '%[]';
SELECT object FROM member WHERE obj_description(objid, classid::regclass::name) IS NULL;
SELECT t.typname, attname FROM member JOIN pg_type AS t ON classid = 'pg_type'::regclass AND objid = t.oid
	JOIN pg_attribute ON attrelid = t.typrelid WHERE attnum > 0 AND col_description(attrelid, attnum) IS NULL;
SELECT p.oid::regprocedure::text AS function, provolatile AS volatile, proisstrict AS strict, proretset AS set,
	EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) AS everybody,
	obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure::text AS function
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE proparallel <> 's' OR prosqlbody IS NULL OR proconfig IS NOT NULL OR prosecdef;

-- a search_path that would lead elsewhere; other schemas for both extensions
CREATE SCHEMA regress_tools;
CREATE SCHEMA regress_evil;
CREATE FUNCTION regress_evil.dns_message(name text, type text) RETURNS SETOF dns_message_record
LANGUAGE sql AS $$ SELECT NULL::dns_message_record FROM (SELECT 1 / 0) AS s $$;
CREATE FUNCTION regress_evil.ne(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT 1 / 0 = 0';
CREATE OPERATOR regress_evil.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_evil.ne);
SET search_path = regress_evil, pg_catalog, public;
SELECT count(*) FROM public.dns_mail_hosts('two.mail.test');
ALTER EXTENSION pgcares_tools SET SCHEMA regress_tools;
ALTER EXTENSION pgcares SET SCHEMA regress_evil;
SET search_path = pg_catalog;
SELECT count(*) FROM regress_tools.dns_mail_hosts('two.mail.test');
SELECT regress_tools.dns_accepts_mail('two.mail.test');
SELECT status FROM regress_tools.dns_dmarc('corp.test');
SELECT status, lookups FROM regress_tools.dns_spf_cost('ten.spf.test');
RESET search_path;
DROP VIEW member;
DROP EXTENSION pgcares_tools;
ALTER EXTENSION pgcares SET SCHEMA public;

-- somebody who can create in the schema of the new extension cannot have it call theirs
\set VERBOSITY terse
SET search_path = regress_evil, public;
CREATE EXTENSION pgcares_tools SCHEMA regress_evil;
DROP FUNCTION regress_evil.dns_message(text, text);
CREATE EXTENSION pgcares_tools SCHEMA regress_evil;
SELECT count(*) FROM dns_mail_hosts('two.mail.test');
DROP EXTENSION pgcares_tools;
SET search_path = public, regress_evil;
CREATE OPERATOR regress_evil.|| (LEFTARG = text, RIGHTARG = integer, FUNCTION = repeat);
CREATE EXTENSION pgcares_tools SCHEMA regress_evil;
RESET search_path;
DROP SCHEMA regress_evil CASCADE;
\set VERBOSITY default
DROP SCHEMA regress_tools;

-- without a grant, nothing is asked
CREATE EXTENSION pgcares_tools;
CREATE ROLE regress_pgcares_user;
SET ROLE regress_pgcares_user;
SELECT * FROM dns_mail_hosts('two.mail.test');
SELECT dns_accepts_mail('two.mail.test');
SELECT * FROM dns_spf_cost('{two.spf.test}'::text[]);
SELECT * FROM dns_propagation('two.mail.test', 'MX', '{127.0.0.1}');
SELECT mechanism FROM dns_spf_parse('v=spf1 mx'), dns_tags('p=none');
RESET ROLE;
-- ... nor without a grant of the function below
GRANT EXECUTE ON FUNCTION dns_zone(text) TO regress_pgcares_user;
SET ROLE regress_pgcares_user;
SELECT * FROM dns_zone('two.mail.test');
RESET ROLE;
GRANT EXECUTE ON FUNCTION dns_message(text, text, text) TO regress_pgcares_user;
SET ROLE regress_pgcares_user;
SELECT * FROM dns_zone('two.mail.test');
RESET ROLE;
REVOKE ALL ON FUNCTION dns_zone(text) FROM regress_pgcares_user;
REVOKE ALL ON FUNCTION dns_message(text, text, text) FROM regress_pgcares_user;
DROP ROLE regress_pgcares_user;
DROP EXTENSION pgcares CASCADE;
CREATE EXTENSION pgcares;
