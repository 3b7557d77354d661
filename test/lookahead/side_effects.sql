-- The tables of side_effects
CREATE TABLE host AS SELECT id, 'h' || id || '.test' AS name, CASE id WHEN 2 THEN 0 ELSE id END AS x FROM generate_series(1, 1000) id;
CREATE TABLE ten AS SELECT * FROM host WHERE id <= 10;
CREATE TABLE sorted (id int PRIMARY KEY, name text);
INSERT INTO sorted SELECT id, name FROM host;
CREATE TABLE emptyt (ip inet);
CREATE TABLE known AS SELECT inet '192.0.2.1' AS ip, g AS id FROM generate_series(1, 3) g;
CREATE TABLE log4 (name text, ip inet);
CREATE FUNCTION seen(n text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RETURN EXISTS (SELECT FROM log4 WHERE log4.name = n); END$$;
CREATE SEQUENCE s;
CREATE FUNCTION first_ip() RETURNS inet LANGUAGE sql AS $$SELECT dns_lookup(name || left((1 / x)::text, 0)) FROM host ORDER BY id$$;
CREATE FUNCTION some_ips(most int) RETURNS SETOF inet LANGUAGE sql AS 'SELECT dns_lookup(name, 4) FROM host LIMIT most';
CREATE FUNCTION all_ips() RETURNS SETOF inet LANGUAGE sql AS 'SELECT dns_lookup(name, 4) FROM host';
CREATE TABLE partitioned (id int, name text) PARTITION BY RANGE (id);
DO $$
BEGIN
	FOR i IN 0 .. 99 LOOP
		EXECUTE format('CREATE TABLE partitioned_%s PARTITION OF partitioned FOR VALUES FROM (%s) TO (%s)', i, i * 3, i * 3 + 3);
	END LOOP;
END
$$;
INSERT INTO partitioned SELECT id - 1, name FROM host WHERE id <= 300;
CREATE TABLE made (id int, ip inet);
CREATE TRIGGER before_made BEFORE INSERT ON made FOR EACH ROW EXECUTE FUNCTION note_change();
CREATE TABLE checked (id int CHECK (raises_at(id, 3) > 0), ip inet);
CREATE VIEW watched WITH (security_barrier) AS SELECT id, name FROM ten WHERE wrote(id);
CREATE FUNCTION sets_zone(hours int) RETURNS boolean LANGUAGE sql AS $$SELECT set_config('timezone', 'Etc/GMT+' || hours, false) = set_config('extra_float_digits', (hours % 2 - 1)::text, false)$$;
CREATE DOMAIN setting AS int CHECK (sets_zone(VALUE) IS NOT NULL);
CREATE FUNCTION drawn(a int, b int) RETURNS int LANGUAGE sql AS $$SELECT a + b + nextval('counted')::int$$;
CREATE AGGREGATE drawn_sum(int) (SFUNC = drawn, STYPE = int, INITCOND = '0');
CREATE TABLE zoned (id int, at text, ip inet);
CREATE FUNCTION set_zone() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM sets_zone(NEW.id); RETURN NEW; END';
CREATE TRIGGER before_zoned BEFORE INSERT ON zoned FOR EACH ROW EXECUTE FUNCTION set_zone();
CREATE TABLE ragged (id int, name text, grp int, words text[], many text[], at timestamptz, one text COLLATE "C", other text COLLATE "POSIX");
INSERT INTO ragged
SELECT id, CASE id WHEN 1 THEN 'nxdomain.' ELSE '' END || name, id / 2, CASE id WHEN 5 THEN '{a}' ELSE '{a,b}' END::text[],
	array_fill(name, ARRAY[CASE id WHEN 3 THEN 30 ELSE 2 END]), CASE id WHEN 10 THEN '294000-01-01' ELSE '2020-01-01' END::timestamptz,
	CASE WHEN id > 1 THEN 'x' END, 'y' FROM ten;
CREATE INDEX ON ragged (grp);
INSERT INTO queue (id, name, grp) SELECT id, name, id % 3 FROM ten;
ANALYZE;
