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

-- without any name server, the library asks the local one, if the flags allow it
SET pgcares.flags = 'edns';
SELECT * FROM dns_servers();
RESET pgcares.flags;
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
		AND pg_describe_object(classid, objid, 0) NOT LIKE '%[]';
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

-- columns of a record
\d dns_record

-- everything has a comment
SELECT object FROM member
WHERE obj_description(objid, classid::regclass::name) IS NULL;
SELECT attname FROM pg_attribute
WHERE attrelid = 'dns_record'::regclass
	AND col_description(attrelid, attnum) IS NULL;
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
DROP VIEW member;

-- the extension can live in any schema
CREATE SCHEMA regress_pgcares;
ALTER EXTENSION pgcares SET SCHEMA regress_pgcares;
SELECT * FROM regress_pgcares.dns_query('a.all.example');
SELECT * FROM regress_pgcares.dns_mx('mx.all.example') ORDER BY preference;
ALTER EXTENSION pgcares SET SCHEMA public;
DROP SCHEMA regress_pgcares;
