-- Look-ahead: which lookups a plan starts before their rows are needed. This
-- changes no result. The queries are those of test/lookahead/cases.
\getenv odd PGCARES_TEST_MISBEHAVING
\getenv sources PG_ABS_SRCDIR
\set tables :sources '/test/lookahead/tables.sql'
\set ECHO none
\i :tables
\set ECHO all
SET pgcares.servers = :'odd';
SET jit = off;

-- an unqualified call; columns are qualified where there is more than one table
EXPLAIN (COSTS off)
SELECT id, dns_reverse(address, 'ignore') FROM hs;
EXPLAIN (COSTS off, VERBOSE)
SELECT id, dns_reverse(address, 'ignore') FROM hs;

-- LATERAL, with rows for all names or only for those with an answer
EXPLAIN (COSTS off)
SELECT h.id, q.* FROM hs h, LATERAL dns_mx(h.name, 'ignore') q;
EXPLAIN (COSTS off)
SELECT h.id, q.* FROM hs h LEFT JOIN LATERAL dns_mx(h.name, on_error => 'missing_ok') q ON true;

-- one lookup from the answers of another
EXPLAIN (COSTS off)
SELECT h.id, q.exchange, a.address
FROM hs h, LATERAL dns_mx(h.name) q, LATERAL dns_a(q.exchange) a;

-- a condition: cheaper ones come first, and the SELECT list is looked up only for
-- rows that pass
EXPLAIN (COSTS off)
SELECT id, dns_lookup(name, 4) FROM hs
WHERE dns_reverse(address, 'ignore') LIKE 'sound.1%' AND grp < 5;

-- aggregates, sets, subqueries
EXPLAIN (COSTS off)
SELECT grp, count(dns_reverse(address, 'ignore')) FROM hs GROUP BY grp;
EXPLAIN (COSTS off)
SELECT id, dns_mx(name, 'ignore') FROM hs;
-- PostgreSQL 19 names subplans in another way
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
		RETURN NEXT regexp_replace(line, 'SubPlan \S+', 'SubPlan');
	END LOOP;
END $$;
SELECT plan_of('SELECT id, (SELECT max(exchange) FROM dns_mx(name, ''ignore'')) FROM hs');
DROP FUNCTION plan_of;

-- limits on the number of rows
EXPLAIN (COSTS off)
SELECT id, dns_reverse(address, 'ignore') FROM hs LIMIT 10;
EXPLAIN (COSTS off)
SELECT id, dns_reverse(address, 'ignore') FROM hs ORDER BY note LIMIT 10 OFFSET 5;
EXPLAIN (COSTS off)
SELECT h.id, q.exchange FROM hs h, LATERAL dns_mx(h.name, 'ignore') q LIMIT 10;

-- statements that write
CREATE TABLE found (id integer, name text);
EXPLAIN (COSTS off)
INSERT INTO found SELECT id, dns_reverse(address, 'ignore') FROM hs;
EXPLAIN (COSTS off)
UPDATE hs SET name = dns_reverse(address, 'ignore') WHERE grp = 1;
EXPLAIN (COSTS off)
DELETE FROM hs WHERE dns_reverse(address, 'ignore') IS NULL;

-- row-level security drops rows before anything is looked up
SET ROLE regress_pgcares_reader;
EXPLAIN (COSTS off)
SELECT id FROM hrls WHERE dns_reverse(address, 'ignore') IS NOT NULL;
RESET ROLE;

-- as a program reads the plan
CREATE FUNCTION explain_json(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (COSTS off, FORMAT json) ' || query INTO plan;
	RETURN plan;
END
$$;
SELECT key, value
FROM jsonb_each(explain_json($$SELECT id, dns_reverse(address, 'ignore') FROM hs LIMIT 10$$)
	#> '{0,Plan,Plans,0}')
WHERE key NOT IN ('Plans', 'Async Capable', 'Disabled', 'Parent Relationship');

-- no node: nothing depends on rows, the call is not certain, its argument must not
-- be computed twice, or the function is not a lookup
SELECT query FROM (VALUES
	($$SELECT dns_reverse('198.18.0.1')$$),
	($$SELECT id, dns_reverse('198.18.0.1') FROM hs$$),
	($$SELECT id, CASE WHEN grp > 3 THEN dns_reverse(address) END FROM hs$$),
	($$SELECT id, coalesce(name, dns_reverse(address)) FROM hs$$),
	($$SELECT id FROM hs WHERE grp > 3 OR dns_reverse(address) IS NULL$$),
	($$SELECT count(dns_reverse(address)) FILTER (WHERE grp > 3) FROM hs$$),
	($$SELECT id, dns_lookup(name || random()) FROM hs$$),
	($$SELECT id, dns_lookup((SELECT max(t.name) FROM ttls t WHERE t.ttl < hs.id)) FROM hs$$),
	($$SELECT h.id, q.* FROM hs h, LATERAL mx_with_setting(h.name) q$$),
	($$SELECT h.id, q.* FROM hs h, LATERAL dns_query_many(ARRAY[h.name]) q$$),
	($$SELECT id, dns_reverse_address(address) FROM hs$$),
	($$SELECT id, upper(name) FROM hs$$)) AS v (query)
WHERE calls_ahead(query) <> '{}';

-- nor with the setting off
SET pgcares.lookahead = off;
EXPLAIN (COSTS off)
SELECT h.id, q.* FROM hs h, LATERAL dns_mx(h.name, 'ignore') q;
RESET pgcares.lookahead;

-- each query: its rows, whether they are the same without look-ahead (for some
-- only the number is certain), and the lookups that are started ahead
CREATE FUNCTION rows_of(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	result text[];
BEGIN
	EXECUTE format('SELECT array_agg(r::text ORDER BY r::text COLLATE "C") FROM (%s) AS r', query) INTO result;
	RETURN result;
END
$$;
CREATE FUNCTION run(fixed text, settings text, query text,
	OUT rows integer, OUT same boolean, OUT calls text) LANGUAGE plpgsql AS $$
DECLARE
	with_node text[];
	without text[];
BEGIN
	PERFORM use_settings(settings);
	calls := array_to_string(calls_ahead(query), '; ');
	with_node := rows_of(query);
	SET LOCAL pgcares.lookahead = off;
	without := rows_of(query);
	rows := coalesce(cardinality(without), 0);
	same := CASE fixed WHEN 'c' THEN cardinality(with_node) = cardinality(without)
		ELSE with_node IS NOT DISTINCT FROM without END;
END
$$;
\set cases `cat "$PG_ABS_SRCDIR/test/lookahead/cases"`
\pset format unaligned
\pset tuples_only on
\set ECHO none
SELECT format('SELECT %L AS name, * FROM run(%L, %L, %L)', c[1], c[2], c[3], c[4])
FROM unnest(string_to_array(:'cases', E'\n')) WITH ORDINALITY AS l (line, ord),
	regexp_match(line, '^(\w+)\|([ouc])\|([^|]*)\|(.*)$') AS c
WHERE c IS NOT NULL
ORDER BY ord \gexec
\set ECHO all
\pset tuples_only off
\pset format aligned

SET client_min_messages = warning;
DROP SCHEMA lookahead CASCADE;
DROP OWNED BY regress_pgcares_reader;
DROP ROLE regress_pgcares_reader;
