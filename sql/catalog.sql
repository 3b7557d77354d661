-- The catalog: types, statuses, versions, functions, comments and rights.

-- record types
SELECT * FROM dns_types();

-- each type can be asked for by its name, except those that are not for lookups
\getenv odd PGCARES_TEST_MISBEHAVING
SET pgcares.servers = :'odd';
CREATE FUNCTION type_asked(type text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM dns_query('nodata.example', type);
EXCEPTION
	WHEN invalid_parameter_value THEN
		RETURN false;
	WHEN OTHERS THEN
		RETURN SQLERRM LIKE 'could not look up ' || type || ' records of %';
END
$$;
SELECT type FROM dns_types() WHERE type_asked(type) IS NOT TRUE;
DROP FUNCTION type_asked;
RESET pgcares.servers;

-- outcomes
SELECT * FROM dns_statuses();

-- which are the last word about a name; those that are not, a batch asks for again
SELECT dns_status_is_final(status) AS final, string_agg(status, ' ' ORDER BY status COLLATE "C") AS statuses
FROM dns_statuses() WHERE status IS NOT NULL GROUP BY final ORDER BY final;
SELECT count(*) AS rcodes, bool_or(dns_status_is_final(status)) AS final
FROM generate_series(12, 4095) AS rcode, format('RCODE%s', rcode) AS status
WHERE rcode NOT IN (16, 23);
SELECT dns_status_is_final(NULL);
CREATE FUNCTION try_status(status text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	RETURN dns_status_is_final(status);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT status, try_status(status)
FROM unnest(ARRAY['', 'no error', 'noerror', 'NXDOMAIN ', 'RCODE', 'RCODEx', 'RCODE-1', 'RCODE012', 'RCODE3', 'RCODE4096', 'RCODE99999999999999999999']) AS status;
DROP FUNCTION try_status;

-- a status is final when missing_ok does not make an error of it
\getenv odd PGCARES_TEST_MISBEHAVING
SET pgcares.servers = :'odd';
CREATE FUNCTION is_error(name text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM dns_a(name, 'missing_ok');
	RETURN false;
EXCEPTION WHEN OTHERS THEN
	RETURN true;
END
$$;
SELECT string_agg(DISTINCT status, ' ' ORDER BY status) AS statuses, bool_and(is_error(question) = NOT dns_status_is_final(status)) AS same
FROM dns_query_many(ARRAY(SELECT format('rcode%s.example', rcode) FROM generate_series(0, 15) AS rcode)
	|| '{sound.example, nodata.example, not..a.name}');
DROP FUNCTION is_error;
RESET pgcares.servers;

-- every code of c-ares has one row, with the name and message that it has there
SELECT count(*), count(DISTINCT ares_code), min(ares_code), max(ares_code)
FROM dns_statuses() WHERE ares_code IS NOT NULL;
SELECT ares_name, status FROM dns_statuses() WHERE ares_code = 4;
SELECT ares_code FROM dns_statuses()
WHERE status IS NULL AND message <> dns_strerror(ares_code);

-- statuses of the library
SELECT code, dns_strerror(code)
FROM generate_series(0, 26) AS code
UNION ALL VALUES (-1, dns_strerror(-1)), (99, dns_strerror(99))
ORDER BY code;
SELECT dns_strerror(NULL);

-- versions: of the extension, and of a library that is new enough
SELECT v[1] = extversion AS pgcares,
	string_to_array(v[2], '.')::integer[] >= '{1,34,9}' AS c_ares
FROM pg_extension, regexp_match(dns_version(),
		'^pgcares (\S+), c-ares (\d+\.\d+\.\d+)$') AS v
WHERE extname = 'pgcares';

-- name servers: each one of the setting once, or those of resolvconf
SELECT ord, address, interface, source FROM dns_servers();
SET pgcares.servers = '127.0.0.2, [::1]:5353, fe80::1%lo, 127.0.0.2:53',
	'127.0.0.3:54, 127.0.0.2';
SELECT * FROM dns_servers();
SET pgcares.udp_port = 1053;
SET pgcares.tcp_port = 1054;
SELECT * FROM dns_servers();
SET pgcares.servers = '';
SELECT * FROM dns_servers();

-- without any name server, pgcares.default_server asks the local one
SET pgcares.default_server = on;
SELECT * FROM dns_servers();
RESET pgcares.default_server;
RESET pgcares.servers;
RESET pgcares.udp_port;
RESET pgcares.tcp_port;

-- lookups go on after a reset
SELECT dns_reset();
SELECT * FROM dns_a('a.all.example');
SELECT dns_reset();

-- everything that belongs to the extension; since PostgreSQL 17, array types
-- belong to it too
CREATE VIEW member AS
	SELECT classid, objid, pg_describe_object(classid, objid, 0) AS object
	FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
		AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcares')
		AND pg_describe_object(classid, objid, 0) NOT LIKE '%[]'
		AND NOT (classid = 'pg_type'::regclass	-- PostgreSQL 17 has the rows of views, too
			AND objid IN (SELECT reltype FROM pg_class WHERE relkind = 'v'));
SELECT object FROM member WHERE classid <> 'pg_proc'::regclass ORDER BY object;
SELECT format('%s(%s) -> %s', proname, pg_get_function_arguments(p.oid),
	pg_get_function_result(p.oid)) AS function
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
ORDER BY function;

-- how functions are executed
SELECT p.oid::regprocedure::text AS function, provolatile AS volatile,
	proparallel AS parallel, proisstrict AS strict, procost AS cost,
	prorows AS rows
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
ORDER BY function;

-- each shape of a row with several columns is a type: of a variable, of a table, of
-- JSON; and no type has the name of a function
CREATE VIEW shape AS
	SELECT t.oid, t.typname AS type, t.typrelid AS class
	FROM pg_type AS t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid
	WHERE t.typtype = 'c';
SELECT type, string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) AS columns
FROM shape JOIN pg_attribute ON attrelid = class
GROUP BY type ORDER BY type;
SELECT type FROM shape WHERE EXISTS (SELECT FROM pg_proc WHERE proname = type);
SELECT p.oid::regprocedure AS without_type
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE proretset AND prorettype <> 'text'::regtype AND prorettype NOT IN (SELECT oid FROM shape);
SELECT type AS unused FROM shape WHERE oid NOT IN (SELECT prorettype FROM pg_proc);
CREATE FUNCTION try_shape(type text, OUT "json" boolean, OUT "of" boolean, OUT variable boolean)
LANGUAGE plpgsql AS $$
DECLARE
	first text := (SELECT attname FROM pg_attribute WHERE attrelid = type::regclass AND attnum = 1);
BEGIN
	EXECUTE format('CREATE TEMPORARY TABLE x OF %I', type);
	EXECUTE format('INSERT INTO x SELECT * FROM json_populate_record(NULL::%I, %L)', type,
		json_build_object(first, CASE WHEN first IN ('address', 'node') THEN '192.0.2.1' ELSE '7' END));
	EXECUTE format('SELECT x.%I IS NOT NULL FROM x', first) INTO "json";
	EXECUTE 'SELECT (SELECT reloftype FROM pg_class WHERE oid = ''x''::regclass) = $1::regtype' INTO "of" USING type;
	EXECUTE format('CREATE FUNCTION pg_temp.v() RETURNS boolean LANGUAGE plpgsql AS
		$v$ DECLARE v %I; BEGIN SELECT * INTO v FROM x; RETURN v.%I IS NOT NULL; END $v$', type, first);
	SELECT pg_temp.v() INTO variable;
	DROP TABLE x;
	DROP FUNCTION pg_temp.v;
END
$$;
SELECT count(*) > 25 AS many, bool_and("json") AS "json", bool_and("of") AS "of", bool_and(variable) AS variable
FROM shape, try_shape(type);
DROP FUNCTION try_shape;
DO $$
DECLARE
	mx dns_mx_record;
BEGIN
	SELECT * INTO mx FROM dns_mx('mx.all.example') ORDER BY preference LIMIT 1;
	RAISE NOTICE '%', mx.exchange;
	mx := json_populate_record(mx, '{"preference": 7}');
	RAISE NOTICE '%', mx;
END
$$;

-- a type that somebody has changed is an error or has columns of NULLs, in every function
CREATE FUNCTION try_changed(function regprocedure, change text, OUT state text, OUT message text)
LANGUAGE plpgsql AS $$
DECLARE
	name text := split_part(function::text, '(', 1);
	arguments text;
BEGIN
	SELECT string_agg(CASE
			WHEN t = 'integer'::regtype THEN '0'
			WHEN t = 'inet'::regtype THEN '''192.0.2.10'''
			WHEN t = 'inet[]'::regtype THEN '''{192.0.2.10}'''
			WHEN t = 'bytea'::regtype THEN quote_literal((SELECT wire FROM dns_message('a.all.example')))
			WHEN argument IN ('names', 'servers') THEN quote_literal(ARRAY[CASE argument
				WHEN 'names' THEN 'a.all.example' ELSE current_setting('pgcares.servers') END])
			WHEN argument IN ('name', 'host') THEN quote_literal(substr(name, 5) || '.all.example')
			WHEN argument = 'server' THEN quote_literal(current_setting('pgcares.servers'))
			WHEN argument = 'type' THEN '''A'''
			WHEN argument = 'class' THEN '''IN'''
			WHEN argument = 'on_error' THEN '''ignore'''
			WHEN argument = 'flags' THEN '''{}'''
			ELSE 'NULL'
		END, ', ' ORDER BY ord)
	INTO arguments
	FROM pg_proc, unnest(proargtypes, proargnames) WITH ORDINALITY AS a (t, argument, ord)
	WHERE oid = function;
	EXECUTE 'ALTER TYPE ' || change;
	EXECUTE format('SELECT string_agg(r::text, '''') FROM %s(%s) AS r', name, arguments) INTO message;
	RAISE EXCEPTION 'rows or none' USING ERRCODE = 'P0002';
EXCEPTION WHEN OTHERS THEN
	state := SQLSTATE;
	message := SQLERRM;
END
$$;
SELECT statement AS change, t.state, t.message, count(*) > 0 AS some
FROM (SELECT p.oid::regprocedure AS function, prorettype::regtype AS type,
			(SELECT attname FROM pg_attribute WHERE attrelid = class AND attnum = 2) AS column
		FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
			JOIN shape ON shape.oid = prorettype WHERE proretset) AS f,
	LATERAL unnest(ARRAY['%I ADD ATTRIBUTE x integer', '%I DROP ATTRIBUTE %I', '%I ALTER ATTRIBUTE %I TYPE point'])
		AS c (statement),
	LATERAL try_changed(function, format(statement, type, "column")) AS t
GROUP BY statement, t.state, t.message ORDER BY statement COLLATE "C", t.state, t.message COLLATE "C";
DROP FUNCTION try_changed;

-- columns of a record
\d dns_record

-- everything has a comment
SELECT object FROM member
WHERE obj_description(objid, classid::regclass::name) IS NULL;
SELECT type, attname FROM shape JOIN pg_attribute ON attrelid = class
WHERE attnum > 0 AND col_description(attrelid, attnum) IS NULL;
SELECT type, obj_description(oid, 'pg_type') AS comment FROM shape ORDER BY type;

-- all columns and their comments, each once; those that mean the same say the same
SELECT attname AS column, comment,
	CASE WHEN count(*) < 4 THEN string_agg(type, ' ' ORDER BY type) ELSE count(*) || ' types' END AS of
FROM shape JOIN pg_attribute ON attrelid = class, col_description(class, attnum) AS comment
WHERE attnum > 0
GROUP BY attname, comment ORDER BY attname, comment COLLATE "C";

-- the rows of batches begin alike, and go on with the columns of a single lookup
SELECT type, string_agg(attname, ' ' ORDER BY attnum) FILTER (WHERE attnum <= 4) AS first
FROM shape JOIN pg_attribute ON attrelid = class WHERE type LIKE '%many%'
GROUP BY type ORDER BY type;
SELECT many.type, a.attname AS differs
FROM (VALUES ('query', ''), ('addresses', 'address'), ('ptr', 'ptr'), ('message', 'message')) AS v (many, single),
	shape AS many, shape AS single, pg_attribute AS a, pg_attribute AS b
WHERE many.type = concat('dns_', v.many, '_many_record') AND single.type = concat_ws('_', 'dns', nullif(v.single, ''), 'record')
	AND a.attrelid = many.class AND b.attrelid = single.class AND a.attname = b.attname
	AND (a.atttypid, col_description(many.class, a.attnum)) IS DISTINCT FROM (b.atttypid, col_description(single.class, b.attnum))
ORDER BY type, differs;

-- shapes without an RFC: those that are only ours
SELECT type FROM shape WHERE obj_description(oid, 'pg_type') !~ 'RFC \d+' ORDER BY type;
SELECT p.oid::regprocedure::text AS function
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE obj_description(p.oid, 'pg_proc') !~ 'RFC \d+' ORDER BY function;
SELECT obj_description(oid, 'pg_extension') FROM pg_extension
WHERE extname = 'pgcares';
SELECT p.oid::regprocedure::text AS function,
	obj_description(p.oid, 'pg_proc') AS comment
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
ORDER BY function;

-- functions that everybody can execute, and those that must be granted
CREATE ROLE regress_pgcares_user;
SELECT p.oid::regprocedure::text AS everybody
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE has_function_privilege('regress_pgcares_user', p.oid, 'EXECUTE')
ORDER BY everybody;
SELECT p.oid::regprocedure::text AS revoked
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE proacl IS NOT NULL
	AND NOT EXISTS (SELECT FROM aclexplode(proacl) WHERE grantee = 0)
ORDER BY revoked;
SELECT p.oid::regprocedure::text AS security_definer
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE prosecdef;

-- those among them that have no planner support
SELECT p.oid::regprocedure::text AS unsupported
FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid
WHERE proacl IS NOT NULL AND prosupport = 0
ORDER BY unsupported;

-- no lookup without a grant
SET ROLE regress_pgcares_user;
SELECT * FROM dns_a('a.all.example');
SELECT * FROM dns_query('a.all.example');
SELECT * FROM dns_ptr('192.0.2.1');
SELECT * FROM dns_servers();
SELECT dns_reset();
SELECT dns_to_ascii('a.example'), dns_reverse_address('192.0.2.1');
RESET ROLE;
GRANT EXECUTE ON FUNCTION dns_a TO regress_pgcares_user;
SET ROLE regress_pgcares_user;
SELECT * FROM dns_a('a.all.example');
SELECT * FROM dns_aaaa('aaaa.all.example');
RESET ROLE;
REVOKE EXECUTE ON FUNCTION dns_a FROM regress_pgcares_user;
DROP ROLE regress_pgcares_user;
DROP VIEW shape, member;

-- the extension can live in any schema
CREATE SCHEMA regress_pgcares;
ALTER EXTENSION pgcares SET SCHEMA regress_pgcares;
SELECT * FROM regress_pgcares.dns_query('a.all.example');
SELECT * FROM regress_pgcares.dns_mx('mx.all.example') ORDER BY preference;
ALTER EXTENSION pgcares SET SCHEMA public;
DROP SCHEMA regress_pgcares;
