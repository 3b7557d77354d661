-- A type whose comparisons can be seen, and raise if fuzz.b is above 0: for lookahead_comparisons.pl
CREATE TYPE noisy AS (n int);
CREATE FUNCTION compared(a noisy, b noisy) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN a.n - b.n; END';
CREATE FUNCTION less(a noisy, b noisy) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN compared(a, b) < 0; END';
CREATE FUNCTION same(a noisy, b noisy) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN compared(a, b) = 0; END';
CREATE FUNCTION hashed(a noisy) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM compared(a, a); RETURN hashint4(a.n); END';
CREATE OPERATOR <# (FUNCTION = less, LEFTARG = noisy, RIGHTARG = noisy);
CREATE OPERATOR =# (FUNCTION = same, LEFTARG = noisy, RIGHTARG = noisy, COMMUTATOR = =#, HASHES, MERGES);
CREATE OPERATOR CLASS by_n DEFAULT FOR TYPE noisy USING btree AS OPERATOR 1 <#, OPERATOR 3 =#, FUNCTION 1 compared(noisy, noisy);
CREATE OPERATOR CLASS by_n DEFAULT FOR TYPE noisy USING hash AS OPERATOR 1 =#, FUNCTION 1 hashed(noisy);

CREATE TABLE ten AS SELECT id, 'h' || id || '.test' AS name, ROW(id)::noisy AS c, id / 3 AS grp FROM generate_series(1, 10) id;
CREATE INDEX ON ten (c);
CREATE INDEX ON ten (grp);
CREATE TABLE more AS SELECT * FROM ten;
CREATE INDEX ON more (c);
CREATE TABLE often AS SELECT ROW(g % 6)::noisy AS c FROM generate_series(1, 60) g;
ANALYZE;

CREATE OR REPLACE FUNCTION compared(a noisy, b noisy) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RAISE NOTICE 'compared % with %', a.n, b.n;
	IF 4 IN (a.n, b.n) AND current_setting('fuzz.b')::int > 0 THEN
		RAISE 'compared' USING ERRCODE = 'P0098';
	END IF;
	RETURN a.n - b.n;
END
$$;
