-- The tables of the random statements, besides test/lookahead/effects.sql: made in the
-- database of each session that runs them, from the same rows in the same order, so
-- that equal statements get equal plans.  All tables that are read have the columns of
-- hosts.

CREATE TABLE hosts (id int PRIMARY KEY, name text, kind text, grp int, address inet);

-- names with one record, several, none or too many for a datagram; aliases of all
-- lengths; names that do not exist, in a zone or without one
INSERT INTO hosts
SELECT id, CASE WHEN id % 17 <> 0 THEN name END,
	(ARRAY['A', 'MX', 'TXT', 'AAAA', 'ANY', NULL])[id % 6 + 1], id % 5,
	CASE id % 4 WHEN 0 THEN inet '10.1.0.0' + id WHEN 1 THEN inet '192.0.2.0' + id
		WHEN 2 THEN inet '2001:db8::' + id WHEN 3 THEN inet '192.0.2.53' END
FROM unnest(ARRAY['shop.example', 'www.shop.example', 'www2.shop.example', 'a-books.shop.example', 'b-boats.shop.example',
	'c-cakes.shop.example', 'd-drums.shop.example', 'e-eggs.shop.example', 'f-flutes.shop.example', 'g-games.shop.example',
	'h-hats.shop.example', 'i-ink.shop.example', 'J-JARS.shop.example.', 'mail1.shop.example', 'WWW.SHOP.EXAMPLE',
	'all.example', 'mx.all.example', 'srv.all.example', 'txt.all.example', 'multi.all.example', 'chain3.all.example',
	'chain8.all.example', 'loop1.all.example', 'dangling.all.example', 'outside.all.example', 'x.y.wild.all.example',
	'many.all.example', 'bigtxt.all.example', 'sp\032ace.all.example', 'bücher.all.example', '_sip._tcp.shop.example',
	'ip-10-1-2-3.dyn.example', 'ip-10-1-2-4.dyn.example', 'ip-10-1-2-5.dyn.example', 'missing.dyn.example',
	'www.elsewhere.example', 'localhost', '192.0.2.10', 'e-eggs.shop.example', 'mail1.shop.example'])
	WITH ORDINALITY AS n (name, id);

CREATE TABLE few (LIKE hosts);
INSERT INTO few
SELECT g, (ARRAY['shop.example', 'g-games.shop.example', 'multi.all.example', 'h-hats.shop.example', NULL])[g % 5 + 1],
	(ARRAY['A', 'MX'])[g % 2 + 1], g % 3, inet '10.2.0.0' + g % 4
FROM generate_series(1, 15) g;

CREATE TABLE parted (LIKE hosts) PARTITION BY HASH (id);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT * FROM hosts WHERE id BETWEEN 10 AND 35;

CREATE TABLE plenty (LIKE hosts INCLUDING INDEXES);
INSERT INTO plenty
SELECT g, format('ip-10-3-%s-%s.dyn.example', g % 2, g), 'A', g % 7, inet '10.3.0.0' + g FROM generate_series(1, 250) g;

-- the same with names that cannot be asked, which is always an error
CREATE TABLE unsound AS
SELECT id, CASE id % 11 WHEN 9 THEN 'a..b' WHEN 10 THEN repeat('x', 64) || '.example' ELSE name END AS name, kind, grp, address
FROM hosts;

CREATE TABLE calm.unsound AS SELECT * FROM hosts;

CREATE VIEW barrier WITH (security_barrier) AS SELECT * FROM hosts WHERE grp <> 2;

-- Tables that are written to; every transaction that does so is rolled back.
CREATE TABLE changed (LIKE hosts INCLUDING INDEXES, note text);
INSERT INTO changed SELECT * FROM hosts WHERE id <= 25;
CREATE TABLE added (id int, note text);
CREATE TRIGGER before_change BEFORE INSERT OR UPDATE OR DELETE ON changed FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TRIGGER after_change AFTER INSERT ON added FOR EACH ROW EXECUTE FUNCTION note_change();

INSERT INTO queue SELECT * FROM hosts WHERE id <= 25;
CREATE TABLE nothing (LIKE hosts);

-- The functions under other names, with other properties, or wrapped
CREATE FUNCTION mx_stable(name text, on_error text DEFAULT NULL)
RETURNS TABLE (preference int, exchange text, ttl int)
AS 'pgcares', 'pgcares_mx' LANGUAGE C STABLE PARALLEL SAFE COST 100 ROWS 2;

CREATE FUNCTION mx_strict(name text, on_error text)
RETURNS TABLE (preference int, exchange text, ttl int)
AS 'pgcares', 'pgcares_mx' LANGUAGE C STABLE STRICT PARALLEL SAFE;

CREATE FUNCTION mx_restricted(name text, on_error text DEFAULT NULL)
RETURNS TABLE (preference int, exchange text, ttl int)
AS 'pgcares', 'pgcares_mx' LANGUAGE C VOLATILE PARALLEL RESTRICTED;

CREATE FUNCTION mx_inlined(name text, on_error text)
RETURNS TABLE (preference int, exchange text, ttl int)
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT m.preference, m.exchange, m.ttl FROM mx_stable(mx_inlined.name, mx_inlined.on_error) m $$;

CREATE FUNCTION mx_as_is(name text, on_error text)
RETURNS TABLE (preference int, exchange text, ttl int)
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$ SELECT m.preference, m.exchange, m.ttl FROM dns_mx(mx_as_is.name, mx_as_is.on_error) m $$;

CREATE FUNCTION lookup_stable(name text, family int DEFAULT 0, on_error text DEFAULT NULL)
RETURNS inet
AS 'pgcares', 'pgcares_lookup' LANGUAGE C STABLE PARALLEL SAFE COST 10;

CREATE FUNCTION reverse_strict(address inet, on_error text)
RETURNS text
AS 'pgcares', 'pgcares_reverse' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;

-- A statement with lookups of its own, within another one, which fails or not
CREATE FUNCTION attempt(given text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT string_agg(m.exchange, ' ' ORDER BY m.exchange)
		FROM (VALUES (given), ('shop.example'), ('e-eggs.shop.example')) AS v (name), LATERAL dns_mx(v.name, 'error') m);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;

CREATE FUNCTION calm.attempt(given text)
RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(m.exchange, ' ' ORDER BY m.exchange)
	FROM (VALUES (given), ('shop.example'), ('e-eggs.shop.example')) AS v (name), LATERAL public.dns_mx(v.name, 'ignore') m
$$;

-- The rows of a query as text: at most so many, or the error instead
CREATE FUNCTION some_rows(query text, most int)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN EXECUTE query LOOP
		EXIT WHEN most <= 0;
		most := most - 1;
		RETURN NEXT r::text;
	END LOOP;
END
$$;

CREATE FUNCTION rows_or_error(query text)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN EXECUTE query LOOP
		RETURN NEXT r::text;
	END LOOP;
EXCEPTION WHEN OTHERS THEN
	RETURN NEXT format('%s %s', SQLSTATE, SQLERRM);
END
$$;

ANALYZE hosts, few, unsound, calm.unsound, parted, plenty, changed, queue;
