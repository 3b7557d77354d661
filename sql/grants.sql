-- Statements that grant a group of functions.

SELECT dns_grant_statements('analyst', 'message');

-- all groups
CREATE TEMP TABLE kind (name text);
INSERT INTO kind VALUES ('lookup'), ('batch'), ('message'), ('server'), ('operation');
SELECT name, count(s), count(DISTINCT s) FROM kind, dns_grant_statements('analyst', name) s GROUP BY name ORDER BY name;

-- a group that is not one, and nothing
SELECT dns_grant_statements('analyst', 'lookups');
SELECT dns_grant_statements('analyst', '');
SELECT dns_grant_statements('analyst', 'LOOKUP');
SELECT count(*) FROM dns_grant_statements(NULL, 'lookup');
SELECT count(*) FROM dns_grant_statements('analyst', NULL);

-- each function that PUBLIC cannot call is in one group, and no other function is in any;
-- only the planner calls the one that has internal arguments
SELECT 'CREATE ROLE regress_dns_' || name FROM kind \gexec
SELECT s FROM kind, dns_grant_statements('regress_dns_' || name, name) s ORDER BY s COLLATE "C" \gexec
CREATE ROLE regress_dns_none;
CREATE TEMP VIEW guarded AS
	SELECT p.oid, p.oid::regprocedure AS function,
		NOT has_function_privilege('regress_dns_none', p.oid, 'EXECUTE') AS guarded,
		(SELECT array_agg(name ORDER BY name) FROM kind
			WHERE has_function_privilege('regress_dns_' || name, p.oid, 'EXECUTE')) AS groups
	FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'pgcares');
SELECT count(*) > 40 AS many FROM guarded WHERE guarded;
SELECT function, groups FROM guarded WHERE guarded AND cardinality(groups) IS DISTINCT FROM 1;

-- only functions that take a server, and all of them, are in the group for them
SELECT function, groups FROM guarded JOIN pg_proc p USING (oid)
WHERE guarded AND (groups = '{server}') IS DISTINCT FROM coalesce(p.proargnames[:p.pronargs] && '{server,servers}', false);

-- the roles have what they were granted, and no more
SET ROLE regress_dns_lookup;
SELECT address FROM dns_a('a.all.example');
SELECT * FROM dns_query_at('127.0.0.1', 'a.all.example');
SELECT * FROM dns_servers();
RESET ROLE;

-- names of roles that need quotes; a role cannot be called "public"
CREATE FUNCTION grantees() RETURNS SETOF name LANGUAGE sql AS $$
	SELECT rolname FROM aclexplode((SELECT proacl FROM pg_proc WHERE oid = 'dns_reset()'::regprocedure)), pg_roles r
	WHERE r.oid = grantee AND rolname LIKE 'regress\_dns%' ORDER BY rolname COLLATE "C" $$;
CREATE ROLE "regress_dns ; DROP ""x""";
CREATE ROLE "regress_dns_Analyst";
CREATE ROLE "regress_dns_B\'";
CREATE TEMP TABLE odd AS SELECT rolname FROM pg_roles WHERE rolname IN ('regress_dns ; DROP "x"', 'regress_dns_Analyst', E'regress_dns_B\\\'');
SELECT s FROM odd, dns_grant_statements(rolname, 'operation') s WHERE s LIKE '%dns_reset%' ORDER BY s COLLATE "C";
SELECT s FROM odd, dns_grant_statements(rolname, 'operation') s ORDER BY s COLLATE "C" \gexec
SELECT * FROM grantees();
SELECT s FROM unnest('{select,current_user,"",public}'::text[]) n, dns_grant_statements(n, 'operation') s WHERE s LIKE '%dns_reset%';

-- in a schema whose name needs quotes
CREATE SCHEMA "Name Service";
ALTER EXTENSION pgcares SET SCHEMA "Name Service";
SELECT "Name Service".dns_grant_statements('analyst', 'server');
SET search_path = "Name Service";
SELECT dns_grant_statements('regress_dns_none', 'server') \gexec
RESET search_path;
SELECT has_function_privilege('regress_dns_none', '"Name Service".dns_query_at(text, text, text, text, text)', 'EXECUTE');
ALTER EXTENSION pgcares SET SCHEMA public;

DROP VIEW guarded;
DROP FUNCTION grantees;
DROP SCHEMA "Name Service";
SELECT format('DROP OWNED BY %I; DROP ROLE %I', rolname, rolname) FROM pg_roles WHERE rolname LIKE 'regress\_dns%' ORDER BY rolname COLLATE "C" \gexec
