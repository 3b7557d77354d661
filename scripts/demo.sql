\set ON_ERROR_STOP on

-- Mail servers of a domain, as rows.
CREATE EXTENSION pgcares;
SELECT * FROM dns_query('shop.example', 'MX');

-- The same with a column for each field, in types of PostgreSQL.
SELECT * FROM dns_mx('shop.example') ORDER BY preference;
SELECT priority, weight, port, target FROM dns_srv('_sip._tcp.shop.example') ORDER BY weight DESC;
SELECT txt, ttl FROM dns_txt('shop.example');

-- Any type, here several of one name.
SELECT q.type, q.rdata
FROM unnest('{SOA,CAA,HTTPS,NAPTR,TYPE256}'::text[]) t, LATERAL dns_query('shop.example', t) q;

-- A name that is not there is an error, with an SQLSTATE of its own ...
\set ON_ERROR_STOP off
\set VERBOSITY verbose
SELECT * FROM dns_a('nowhere.shop.example');
\set VERBOSITY default
\set ON_ERROR_STOP on

-- ... unless you ask for no rows instead.
SELECT * FROM dns_a('nowhere.shop.example', on_error => 'missing_ok');

-- Enriching a table: every customer stays, with or without mail servers.
CREATE TABLE customer (name text, domain text);
INSERT INTO customer VALUES
	('The shop', 'shop.example'),
	('A book store', 'a-books.shop.example'),
	('Closed', 'nowhere.shop.example');
SELECT c.name, c.domain, m.preference, m.exchange
FROM customer c
LEFT JOIN LATERAL dns_mx(c.domain, on_error => 'missing_ok') m ON true
ORDER BY c.name, m.preference;

-- A reverse report: whose addresses are in the log?
CREATE TABLE access_log (client inet, hits integer);
INSERT INTO access_log VALUES
	('192.0.2.10', 17), ('192.0.2.25', 4), ('192.0.2.53', 230), ('192.0.2.250', 1);
SELECT l.client, l.hits, string_agg(p.ptrdname, ', ' ORDER BY p.ptrdname) AS names
FROM access_log l
LEFT JOIN LATERAL dns_ptr(l.client, on_error => 'missing_ok') p ON true
GROUP BY l.client, l.hits
ORDER BY l.hits DESC;

-- A larger log: the lookups of its rows are under way together ...
CREATE TABLE visit AS
	SELECT inet '10.0.0.0' + i AS client FROM generate_series(1, 5000) i;
\timing on
SELECT count(*) AS visits, count(p.ptrdname) AS names
FROM visit v LEFT JOIN LATERAL dns_ptr(v.client, on_error => 'missing_ok') p ON true;

-- ... which a node in the plan starts ...
EXPLAIN (ANALYZE, COSTS off)
SELECT count(*) AS visits, count(p.ptrdname) AS names
FROM visit v LEFT JOIN LATERAL dns_ptr(v.client, on_error => 'missing_ok') p ON true;

-- ... and without it, one after another.
SET pgcares.lookahead = off;
SELECT count(*) AS visits, count(p.ptrdname) AS names
FROM visit v LEFT JOIN LATERAL dns_ptr(v.client, on_error => 'missing_ok') p ON true;
RESET pgcares.lookahead;

-- An array in one call, with a status for each.
SELECT count(*) AS visits, count(r.ptrdname) AS names, string_agg(DISTINCT r.status, ', ') AS statuses
FROM dns_reverse_many(ARRAY(SELECT client FROM visit)) r;
\timing off

-- The full answer of a name server.
SELECT m.status, m.aa, m.question, m.answer[1].rdata, m.transport, m.tries
FROM dns_message('shop.example', 'SOA') m;
