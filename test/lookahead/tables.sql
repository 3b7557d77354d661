-- The tables of the cases of look-ahead, for sql/lookahead.sql and the TAP tests. The
-- names are those of the misbehaving name server: N determines the number of addresses
-- and mail exchanges of hostN, which no other host has.

CREATE SCHEMA lookahead;
SET search_path = lookahead, public;

-- names that are NULL, aliases, missing, failing, and in other letters
CREATE TABLE hosts (id integer PRIMARY KEY, name text, kind text, grp integer, address inet, note text);
INSERT INTO hosts
SELECT i,
	CASE
		WHEN i % 17 = 0 THEN NULL
		WHEN i % 13 = 0 THEN format('nxdomain.host%s.example', i)
		WHEN i % 11 = 0 THEN format('cname2.host%s.example', i)
		WHEN i % 19 = 0 THEN format('rcode2.host%s.example', i)
		WHEN i % 7 = 0 THEN format('HOST%s.example', i - 1)
		ELSE format('host%s.example', i)
	END,
	(ARRAY['A', 'MX', 'TXT', NULL])[i % 4 + 1],
	i % 7,
	CASE WHEN i % 16 <> 0 THEN inet '198.18.0.0' + i END,
	'note ' || i * 31 % 20
FROM generate_series(1, 600) AS i;

CREATE TABLE hs AS SELECT * FROM hosts WHERE id <= 40;
CREATE UNIQUE INDEX hs_id ON hs (id);
CREATE TABLE dup AS
	SELECT i AS id, format('host%s.example', i % 10) AS name, inet '198.18.0.0' + i % 10 AS address
	FROM generate_series(1, 400) AS i;
CREATE TABLE ttls AS SELECT i AS ttl, format('host%s.example', i - 60) AS name FROM generate_series(60, 389) AS i;
CREATE UNIQUE INDEX ttls_ttl ON ttls (ttl);
CREATE TABLE hp (LIKE hosts) PARTITION BY HASH (id);
CREATE TABLE hp0 PARTITION OF hp FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE hp1 PARTITION OF hp FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO hp SELECT * FROM hs;

-- the rows that a role may see
CREATE ROLE regress_pgcares_reader;
GRANT USAGE ON SCHEMA lookahead TO regress_pgcares_reader;
CREATE TABLE hrls AS SELECT * FROM hs;
ALTER TABLE hrls ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON hrls USING (id % 2 = 0);
CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM hs WHERE grp < 5;

-- the same lookups with other properties
CREATE FUNCTION mx_strict(name text, on_error text)
RETURNS TABLE (preference integer, exchange text, ttl integer)
AS '$libdir/pgcares', 'pgcares_mx' LANGUAGE C VOLATILE STRICT PARALLEL SAFE COST 10000 ROWS 4;
CREATE FUNCTION mx_stable(name text, on_error text)
RETURNS TABLE (preference integer, exchange text, ttl integer)
AS '$libdir/pgcares', 'pgcares_mx' LANGUAGE C STABLE PARALLEL SAFE COST 10000 ROWS 4;
CREATE FUNCTION mx_restricted(name text, on_error text)
RETURNS TABLE (preference integer, exchange text, ttl integer)
AS '$libdir/pgcares', 'pgcares_mx' LANGUAGE C VOLATILE PARALLEL RESTRICTED COST 10000 ROWS 4;
CREATE FUNCTION reverse_stable(address inet, on_error text) RETURNS text
AS '$libdir/pgcares', 'pgcares_reverse' LANGUAGE C STABLE PARALLEL SAFE COST 10000;

-- wrappers: the first one is stable, so that the planner can inline it
CREATE FUNCTION mx_inlined(name text)
RETURNS TABLE (preference integer, exchange text, ttl integer)
LANGUAGE sql STABLE ROWS 4 AS 'SELECT * FROM lookahead.mx_stable(name, ''ignore'')';
CREATE FUNCTION mx_wrapped(name text)
RETURNS TABLE (preference integer, exchange text, ttl integer)
LANGUAGE sql VOLATILE ROWS 4 AS 'SELECT * FROM public.dns_mx(name, ''ignore'')';
CREATE FUNCTION mx_with_setting(name text)
RETURNS TABLE (preference integer, exchange text, ttl integer)
LANGUAGE sql VOLATILE ROWS 4 SET pgcares.tries = 2 AS 'SELECT * FROM public.dns_mx(name, ''ignore'')';
CREATE FUNCTION exchanges(name text) RETURNS bigint
LANGUAGE sql VOLATILE RETURN (SELECT count(*) FROM dns_mx(name, 'ignore'));

GRANT SELECT ON ALL TABLES IN SCHEMA lookahead TO regress_pgcares_reader;
GRANT EXECUTE ON FUNCTION dns_mx(text, text), dns_reverse(inet, text) TO regress_pgcares_reader;

-- the plan of a statement with settings such as 'role=reader, enable_seqscan=off', or
-- the calls that it looks ahead for
CREATE FUNCTION use_settings(settings text) RETURNS void LANGUAGE sql AS $$
	SELECT set_config(split_part(setting, '=', 1), split_part(setting, '=', 2), true)
	FROM unnest(string_to_array(settings, ', ')) AS setting
$$;
CREATE FUNCTION calls_ahead(query text) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN ARRAY(
		SELECT jsonb_array_elements_text(node->'Look-ahead')
		FROM jsonb_path_query(plan, 'strict $.** ? (exists (@."Look-ahead"))') AS node);
END
$$;

ANALYZE;
CREATE FUNCTION address_stable(name text) RETURNS inet LANGUAGE sql STABLE AS $$SELECT dns_lookup($1, 4, 'ignore')$$;
CREATE FUNCTION address_strict(name text, grp int) RETURNS text LANGUAGE sql STRICT RETURN grp || coalesce(host(dns_lookup(lower(name), 4, on_error => 'ignore')), 'none');
