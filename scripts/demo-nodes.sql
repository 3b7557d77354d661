\set ON_ERROR_STOP on

-- Each node has a table of names and a view that looks them up, 20 ms away, 100 at a time.
CREATE EXTENSION postgres_fdw;
SELECT format('CREATE SERVER node%s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, port %L,
	dbname ''postgres'', async_capable ''true'', fetch_size ''10000'', batch_size ''1000'')',
	i, current_setting('unix_socket_directories'), 6000 + i)
FROM generate_series(1, :nodes) i \gexec
SELECT format('CREATE USER MAPPING FOR CURRENT_USER SERVER node%s', i)
FROM generate_series(1, :nodes) i \gexec

-- Tables and views of the nodes become one, a partition each.
CREATE TABLE domain (id bigint, name text) PARTITION BY HASH (id);
CREATE TABLE domain_a (id bigint, name text, address inet, ttl integer) PARTITION BY HASH (id);
SELECT format('CREATE FOREIGN TABLE %1$s_%2$s PARTITION OF %1$s
	FOR VALUES WITH (MODULUS %3$s, REMAINDER %4$s) SERVER node%2$s OPTIONS (table_name %1$L)',
	t, i, :nodes, i - 1)
FROM unnest('{domain,domain_a}'::text[]) t, generate_series(1, :nodes) i \gexec

-- The time of one node, which has all names.
INSERT INTO domain_1 SELECT i, 'n' || i || '.example' FROM generate_series(1, 10000 * 2 * :nodes) i
WHERE satisfies_hash_partition('domain'::regclass, :nodes, 0, i::bigint) LIMIT 10000;
\timing on
SELECT count(address) FROM domain_a;
\timing off

-- The same number of names on all nodes, and the same statement.
TRUNCATE domain;
INSERT INTO domain SELECT i, 'm' || i || '.example' FROM generate_series(1, 10000) i;
SELECT tableoid::regclass AS partition, count(*) FROM domain GROUP BY 1 ORDER BY 1;
\timing on
SELECT count(address) FROM domain_a;
\timing off

-- All nodes are asked at the same time, which the plan calls "Async".
EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT count(address) FROM domain_a;
