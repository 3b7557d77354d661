-- The tables of the statements in analyst: what somebody who asks DNS from SQL has. Analyst.pm
-- sets the number of ROWS.
CREATE TABLE hosts (id int PRIMARY KEY, name text, label text, ip inet, site int, url text, email text, names text[],
	doc json, docb jsonb, ip_text text, seen date);
INSERT INTO hosts
SELECT i, CASE WHEN i % 9 = 0 THEN 'nxdomain.' ELSE '' END || 'host' || i || '.example', 'host' || i, inet '198.18.0.0' + i, i % 5,
	'https://www.host' || i || '.example:8443/path', 'someone@host' || i || '.example',
	ARRAY['first' || i || '.example', 'second' || i || '.example'],
	json_build_object('host', 'doc' || i || '.example'), jsonb_build_object('host', 'docb' || i || '.example'),
	'198.18.1.' || i, date '2026-11-01' + i
FROM generate_series(1, ROWS) i;
CREATE TABLE expected AS SELECT id, inet '192.0.2.1' AS ip FROM hosts;
CREATE TABLE blocked AS SELECT inet '192.0.2.0' + i AS ip FROM generate_series(1, 5) i;
CREATE TABLE sites AS SELECT i AS site, 'site' || i || '.example' AS domain FROM generate_series(0, 4) i;
CREATE TABLE found (id int PRIMARY KEY, ip inet, name text);
CREATE TABLE prefixed (id int, name text, other text GENERATED ALWAYS AS ('www.' || name) STORED);
INSERT INTO prefixed SELECT id, name FROM hosts WHERE id <= 10;
INSERT INTO found SELECT id, ip FROM hosts WHERE id <= 10;
CREATE TABLE visits (id int, day date, client inet, referrer text) PARTITION BY RANGE (id);
DO $$
BEGIN
	FOR i IN 0 .. 5 LOOP
		EXECUTE format('CREATE TABLE visits_%s PARTITION OF visits FOR VALUES FROM (%s) TO (%s)', i, i * ROWS / 6, (i + 1) * ROWS / 6);
	END LOOP;
END
$$;
INSERT INTO visits SELECT id - 1, seen, ip, name FROM hosts;
CREATE DOMAIN hostname AS text CHECK (VALUE ~ '^[a-z0-9.-]+$');
CREATE TYPE state AS ENUM ('new', 'live', 'old');
CREATE TABLE assets AS
SELECT i AS id, 'host' || i || '.example' AS name, (ARRAY['new', 'live', 'old'])[i % 3 + 1]::state AS state, ARRAY[(ARRAY['web', 'b'])[i % 2 + 1], 'a'] AS tags,
	timestamptz '2026-11-01' + i * interval '1 day' AS at, tstzrange('2026-11-01', '2026-11-01'::timestamptz + i * interval '1 day') AS during,
	i / 7::float8 AS load, jsonb_build_object('host', 'doc' || i || '.example', 'ports', jsonb_build_array(25, 443, i)) AS doc,
	inet '198.18.0.0' + i AS ip, cidr '198.18.0.0/16' AS net, '00:00:00:00:00:02'::macaddr AS mac, md5(i::text)::uuid AS uid
FROM generate_series(1, ROWS) i;
CREATE VIEW resolved AS SELECT id, dns_lookup(name, 4, 'ignore') AS address FROM hosts;
CREATE FUNCTION first_address(name text) RETURNS inet LANGUAGE sql VOLATILE AS $$SELECT dns_lookup(name, 4, 'ignore')$$;
CREATE FUNCTION stable_address(name text) RETURNS inet LANGUAGE sql STABLE AS $$SELECT dns_lookup(name, 4, 'ignore')$$;
CREATE FUNCTION strict_address(name text) RETURNS inet LANGUAGE sql VOLATILE STRICT AS $$SELECT dns_lookup(name, 4, 'ignore')$$;
CREATE FUNCTION stored_address(name text) RETURNS inet LANGUAGE sql STABLE RETURN dns_lookup(name, 4, on_error => 'ignore');
CREATE FUNCTION family_address(name text, family int) RETURNS text LANGUAGE sql STRICT STABLE AS
$$SELECT coalesce(host(dns_lookup(lower($1) || '.', family, on_error => 'ignore')), 'none')$$;
CREATE FUNCTION fallback_address(name text) RETURNS inet LANGUAGE sql STRICT AS $$SELECT dns_lookup(coalesce($1, 'nobody.example'), 4, 'ignore')$$;
CREATE FUNCTION outer_address(name text) RETURNS text LANGUAGE sql STABLE AS $$SELECT 'at ' || family_address($1, 4)$$;
CREATE FUNCTION any_address(name anyelement) RETURNS inet LANGUAGE sql STABLE AS $$SELECT dns_lookup($1::text, 4, 'ignore')$$;
CREATE FUNCTION owner_address(name text) RETURNS inet LANGUAGE sql STABLE SECURITY DEFINER AS $$SELECT dns_lookup(name, 4, 'ignore')$$;
CREATE FUNCTION set_address(name text) RETURNS inet LANGUAGE sql STABLE SET work_mem = '1MB' AS $$SELECT dns_lookup(name, 4, 'ignore')$$;
CREATE FUNCTION table_address(name text) RETURNS inet LANGUAGE sql STABLE AS $$SELECT dns_lookup($1, 4, 'ignore') FROM sites LIMIT 1$$;
CREATE FUNCTION sometimes_address(name text, site int) RETURNS inet LANGUAGE sql STABLE AS
$$SELECT CASE WHEN $2 = 3 THEN dns_lookup($1, 4, 'ignore') END$$;
CREATE FUNCTION resolves(name text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN dns_lookup(name, 4, 'ignore') IS NOT NULL; END$$;
CREATE FUNCTION count_resolved(most int) RETURNS bigint LANGUAGE plpgsql AS
$$BEGIN RETURN (SELECT count(dns_lookup(name, 4, 'ignore')) FROM hosts WHERE id <= most); END$$;
ANALYZE;
