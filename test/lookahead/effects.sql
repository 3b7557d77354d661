-- Functions that do more than return a value, or that raise, and their traces: for the
-- random statements (test/fuzz) and for those of side_effects. Each of two sessions has
-- them in a database of its own, so that neither sees the other's locks, sequences and
-- numbers of calls.

CREATE TABLE log (n serial, what text);
CREATE SEQUENCE counted;
CREATE TABLE queue (id int PRIMARY KEY, name text, kind text, grp int, address inet, state text DEFAULT 'new');

-- Writes a row and sends a notice, which stays when the row is rolled back.
CREATE FUNCTION wrote(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO log (what) VALUES (wrote.what);
	RAISE NOTICE 'wrote %', what;
	RETURN true;
END
$$;
CREATE FUNCTION wrote(what int) RETURNS boolean LANGUAGE sql AS 'SELECT wrote(what::text)';

-- The same, to stand in place of a value
CREATE FUNCTION kept(what text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrote(what);
	RETURN what;
END
$$;
CREATE FUNCTION kept(what int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrote(what);
	RETURN what;
END
$$;

-- Read the writes of others
CREATE FUNCTION has_log(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN EXISTS (SELECT FROM log WHERE log.what = has_log.what);
END
$$;
CREATE FUNCTION logged() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RETURN count(*) FROM log;
END
$$;

-- Takes a job: several sessions can do so at a time.
CREATE FUNCTION take_job() RETURNS int LANGUAGE sql AS $$
	UPDATE queue SET state = 'taken'
	WHERE id = (SELECT q.id FROM queue q WHERE q.state = 'new' ORDER BY q.id FOR UPDATE SKIP LOCKED LIMIT 1)
	RETURNING id
$$;

-- Raise at one value, with different declared volatilities
CREATE FUNCTION raises_at(given int, bad int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF given = bad THEN
		RAISE 'raised at %', given USING ERRCODE = 'P0099';
	END IF;
	RETURN given;
END
$$;
CREATE FUNCTION raises_stable(given int, bad int) RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN raises_at(given, bad);
END
$$;
CREATE FUNCTION raises_sql(given int, bad int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT given + 0 / (given - bad)';

-- Effects and errors that no function call in the statement shows: those of an
-- operator, an aggregate, a cast, and the checks of domains
CREATE FUNCTION wrote_both(a int, b int) RETURNS boolean LANGUAGE sql AS 'SELECT wrote(a + b)';
CREATE OPERATOR === (FUNCTION = wrote_both, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION wrote_sum(a int, b int) RETURNS int LANGUAGE sql AS 'SELECT CASE WHEN wrote(b) THEN a + b END';
CREATE AGGREGATE written_sum(int) (SFUNC = wrote_sum, STYPE = int, INITCOND = '0');
CREATE TYPE boxed AS (id int);
CREATE FUNCTION unboxed(b boxed) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN kept(b.id); END';
CREATE CAST (boxed AS int) WITH FUNCTION unboxed(boxed);
CREATE DOMAIN written AS int CHECK (wrote(VALUE));
CREATE DOMAIN not_two AS int CHECK (VALUE <> 2);

-- The same for a search_path that begins with "calm": they cost as much, but do not raise.
CREATE SCHEMA calm;
CREATE FUNCTION calm.raises_at(given int, bad int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN given; END';
CREATE FUNCTION calm.raises_stable(given int, bad int) RETURNS int LANGUAGE plpgsql STABLE AS 'BEGIN RETURN given; END';
CREATE FUNCTION calm.raises_sql(given int, bad int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT given + 0 / greatest(1, given - bad)';

CREATE DOMAIN calm.not_two AS int CHECK (VALUE IS NOT NULL OR VALUE IS NULL);

CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM wrote(format('%s %s of %s', TG_WHEN, TG_OP, coalesce(NEW.id, OLD.id)));
	RETURN coalesce(NEW, OLD);
END
$$;
CREATE TRIGGER before_change BEFORE INSERT OR UPDATE OR DELETE ON queue FOR EACH ROW EXECUTE FUNCTION note_change();

-- Stop reading: after the first row, and after a given number.
CREATE FUNCTION first_row(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	EXECUTE query INTO r;
	RETURN r::text;
END
$$;
CREATE FUNCTION rows_of_cursor(query text, most int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	r record;
BEGIN
	OPEN c FOR EXECUTE query;
	WHILE most > 0 LOOP
		FETCH c INTO r;
		EXIT WHEN NOT FOUND;
		most := most - 1;
		RETURN NEXT r::text;
	END LOOP;
	CLOSE c;
END
$$;

CREATE FUNCTION returned(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT s::text FROM (%s) AS s', query);
END
$$;

-- The traces that statements have left. The xmax of a row shows that a statement has
-- locked it or written to it, even if it was rolled back.
CREATE TABLE lookups (oid oid);

CREATE FUNCTION traces(OUT log text, OUT sequences text, OUT advisory_locks text, OUT settings text, OUT row_locks text,
	OUT calls bigint, OUT questions bigint)
LANGUAGE plpgsql AS $$
DECLARE
	began bigint := current_setting('fuzz.began');
BEGIN
	SELECT string_agg(l.what, ' ' ORDER BY l.n) INTO log FROM log l;
	SELECT concat_ws(' ', c.last_value, c.is_called, n.last_value, n.is_called) INTO sequences FROM counted c, log_n_seq n;
	SELECT string_agg(concat_ws(' ', l.objid, l.mode), ', ' ORDER BY l.objid, l.mode) INTO advisory_locks
	FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid();
	settings := concat_ws(' ', current_setting('fuzz.a'), current_setting('fuzz.b'));
	SELECT string_agg(q.id::text, ' ' ORDER BY q.id) INTO row_locks FROM queue q WHERE q.xmax::text::bigint >= began;
	SELECT sum(pg_stat_get_function_calls(l.oid)) INTO calls FROM lookups l;
	SELECT s.value INTO questions FROM dns_stats() s WHERE s.counter = 'questions';
END
$$;

-- After all functions have been created
CREATE FUNCTION find_lookups() RETURNS void LANGUAGE sql AS $$
	INSERT INTO lookups
	SELECT oid FROM pg_proc
	WHERE probin LIKE '%pgcares%' AND provolatile <> 'i' AND prosrc NOT IN ('pgcares_stats', 'pgcares_reset', 'pgcares_servers')
$$;

-- Restores the initial state
CREATE FUNCTION begin_anew() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM log) THEN
		DELETE FROM log;
	END IF;
	PERFORM setval('log_n_seq', 1, false), setval('counted', 1), pg_advisory_unlock_all(),
		set_config('fuzz.a', 'none', false), set_config('fuzz.b', '0', false), pg_stat_force_next_flush(),
		set_config('fuzz.began', pg_snapshot_xmax(pg_current_snapshot())::text, false);
END
$$;
