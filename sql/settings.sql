-- The settings: defaults, limits, who may set them, and their effect on queries.
\getenv odd PGCARES_TEST_MISBEHAVING
\set SHOW_CONTEXT never

LOAD 'pgcares';

-- all of them, with their defaults
SELECT name, boot_val, unit, min_val, max_val,
	CASE WHEN name IN ('pgcares.cache_size', 'pgcares.shared_memory_size') THEN 'sighup; postmaster if preloaded' ELSE context END AS context
FROM pg_settings WHERE name LIKE 'pgcares.%' ORDER BY name;
SELECT name, concat_ws(' ', short_desc, extra_desc) AS description
FROM pg_settings WHERE name LIKE 'pgcares.%' ORDER BY name;

-- as SHOW prints them
SHOW pgcares.timeout;
SHOW pgcares.tries;
SHOW pgcares.deadline;
SHOW pgcares.max_timeout;
SHOW pgcares.max_answer_memory;
SHOW pgcares.edns_udp_size;
SHOW pgcares.socket_receive_buffer_size;
SHOW pgcares.on_error;
SHOW pgcares.rotate;
SHOW pgcares.idn;

-- units
SET pgcares.timeout = '1.5s';
SHOW pgcares.timeout;
SET pgcares.timeout = 2000;
SHOW pgcares.timeout;
SET pgcares.deadline = '2min';
SHOW pgcares.deadline;
SET pgcares.max_answer_memory = '16MB';
SHOW pgcares.max_answer_memory;
SET pgcares.edns_udp_size = '4kB';
SHOW pgcares.edns_udp_size;
RESET pgcares.timeout;
RESET pgcares.deadline;
RESET pgcares.max_answer_memory;
RESET pgcares.edns_udp_size;

-- the SQLSTATE and the message of a value
CREATE FUNCTION try(setting text, value text, OUT state text, OUT detail text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('pgcares.' || setting, value, true);
	detail := CASE WHEN value <> current_setting('pgcares.' || setting)
		THEN 'is ' || current_setting('pgcares.' || setting) END;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
		detail = PG_EXCEPTION_DETAIL;
END
$$;

-- numbers and words out of range
BEGIN;
SELECT setting, value, t.state
FROM (VALUES
		('timeout', '{10,9,-1,2kB}'::text[]), ('tries', '{1,100,0,101}'),
		('deadline', '{0,-1}'), ('max_timeout', '{10,9}'),
		('max_answer_memory', '{1kB,0}'),
		('edns_udp_size', '{512,65535,511,65536}'),
		('udp_port', '{1,65535,0,65536}'), ('tcp_port', '{1,65535,0,65536}'),
		('udp_max_queries', '{0,65535,-1,65536}'),
		('socket_send_buffer_size', '{0,1GB,-1,2GB}'),
		('socket_receive_buffer_size', '{0,1GB,-1,2GB}'),
		('on_error', '{error,missing_ok,warning,Ignore,"",nonsense}'),
		('rotate', '{system,on,FALSE,maybe}'), ('idn', '{off,maybe}'),
		('dnssec', '{yes,2}'), ('tcp', '{on,usevc}'), ('checking_disabled', '{1,always}'))
	AS v (setting, values), unnest(v.values) AS value, try(setting, value) AS t
ORDER BY setting, state NULLS FIRST, value;
ROLLBACK;

-- name servers: valid ones
\pset format unaligned
BEGIN;
SELECT value, t.*
FROM unnest(ARRAY['', '127.0.0.1', '127.0.0.1:53', '127.0.0.1:65535', '::1',
		'[::1]', '[::1]:5353', '2001:DB8::1', '::ffff:192.0.2.1', 'fe80::1%lo',
		'[fe80::1%lo]:53', '127.0.0.1,::1', ' 127.0.0.1 , [::1]:53 ',
		'127.0.0.1,127.0.0.1', '127.1', '127.1:53', '1.2.3', '127.0.0.01',
		'0x7f000001', '2130706433'])
	WITH ORDINALITY AS v (value, ord), try('servers', value) AS t
ORDER BY ord;

-- invalid ones
SELECT value, t.*
FROM unnest(ARRAY['1.2.3.4.5', '1.2.3.', '1..2', '08.1.1.1', '4294967296', '127.1 x',
		'[127.1]', '127.1%lo', '256.1.1.1', '127.0.0.1/32', 'localhost', 'ns1.shop.example',
		'127.0.0.1:0', '127.0.0.1:65536', '127.0.0.1:', '127.0.0.1:dns',
		'127.0.0.1:-1', '127.0.0.1:53:53', '127.0.0.1#53', 'fe80::1',
		'[fe80::1]:53', 'fe80::1%', 'fe80::1%a/b', 'fe80::1%lo:53',
		'fe80::1%interface0123456', 'fec0::1%lo',
		'127.0.0.1%lo', '[127.0.0.1]', '[::1', '::1]', '[::1]53', '[::1]:',
		'[fe80::1]%lo:53', '127.0.0.1;::1', '127.0.0.1 ::1', ',', '127.0.0.1,',
		'127.0.0.1,,::1', '"127.0.0.1', '127.0.0.1,localhost',
		'dns://127.0.0.1'])
	WITH ORDINALITY AS v (value, ord), try('servers', value) AS t
ORDER BY ord;

-- their number
SELECT n, t.*
FROM (VALUES (16), (17)) AS v (n),
	LATERAL (SELECT string_agg('192.0.2.' || i, ',')
		FROM generate_series(1, n) AS i) AS s (list),
	try('servers', list) AS t
ORDER BY n;
ROLLBACK;
\pset format aligned

-- networks of servers that can be chosen
\pset format unaligned
BEGIN;
SELECT value, t.*
FROM unnest(ARRAY['', ' ', '10.0.0.0/8', '192.0.2.1', '192.0.2.1/32', '0.0.0.0/0', '::/0', 'fe80::/10', '2001:db8::1/128',
		'10.0.0.0/8, 2001:DB8::/32', '10.0.0.1/8', '10/8', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/', '10.0.0.0/255.0.0.0', '10.0.0.0/8 ,',
		'2001:db8::1/32', '::/129', 'fe80::1%lo', '127.1', '0x7f.0.0.1', '127.0.0.1:53', '[::1]', 'localhost', 'any', '10.0.0.0/8 192.0.2.1'])
	WITH ORDINALITY AS v (value, ord), try('allowed_servers', value) AS t
ORDER BY ord;
ROLLBACK;
\pset format aligned

-- as lists
SET pgcares.servers = '127.0.0.1', '::1';
SHOW pgcares.servers;
SET pgcares.servers = '127.0.0.1, 1.2.3.4.5';
RESET pgcares.servers;

-- an IPv4 address can have fewer than four parts, as in resolv.conf
SET pgcares.servers = '127.1, 1.2.3, 0x7f.2:54, 017.0.0.1, 2130706435';
SELECT address, udp_port FROM dns_servers();
RESET pgcares.servers;

-- blanks name no server and no domain: they mean the same as an empty text
SET pgcares.servers = ' ';
SET pgcares.domains = E' \n\t';
SELECT current_setting('pgcares.servers') AS servers, current_setting('pgcares.domains') AS domains;
RESET pgcares.servers;
RESET pgcares.domains;

-- a missing interface shows only in a lookup
SET pgcares.servers = 'fe80::1%nosuch0';
SELECT * FROM dns_a('a.all.example');
\echo :LAST_ERROR_SQLSTATE
RESET pgcares.servers;

-- addresses and interfaces of our own
BEGIN;
SELECT setting, value, t.state
FROM (VALUES
		('local_ip4', '{"",127.0.0.1,127.1,127.0.0.1:53,::1}'::text[]),
		('local_ip6', '{"",::1,127.0.0.1,[::1],fe80::1%lo}'),
		('local_dev', '{"",lo,a b,a/b,sixteen-letters-}'))
	AS v (setting, values), unnest(v.values) AS value, try(setting, value) AS t
ORDER BY setting, state NULLS FIRST, value;
ROLLBACK;

-- the prefix is reserved
SET pgcares.nosuch = 1;
SHOW pgcares.nosuch;

-- who may set each setting, and who may see the servers
CREATE ROLE regress_pgcares_plain;
SET ROLE regress_pgcares_plain;
SELECT name FROM pg_settings WHERE name LIKE 'pgcares.s%' ORDER BY name;
SET pgcares.timeout = '1s';
SET pgcares.on_error = 'ignore';
SET pgcares.tcp = on;
SET pgcares.keep_open = on;
RESET pgcares.tcp;
SET pgcares.max_timeout = '1d';
\set VERBOSITY sqlstate
SHOW pgcares.servers;
SET pgcares.servers = '127.0.0.1';
\set VERBOSITY default
RESET ROLE;
RESET pgcares.timeout;
RESET pgcares.on_error;

-- for a transaction, and for a function
BEGIN;
SET LOCAL pgcares.on_error = 'missing_ok';
SELECT * FROM dns_a('missing.all.example');
COMMIT;
SHOW pgcares.on_error;
CREATE FUNCTION mail_servers(domain text) RETURNS bigint
LANGUAGE sql SET pgcares.on_error = 'ignore' AS $$
	SELECT count(*) FROM dns_mx(domain)
$$;
SELECT mail_servers('shop.example'), mail_servers('missing.all.example');
SHOW pgcares.on_error;
CREATE FUNCTION wrong() RETURNS void
LANGUAGE sql SET pgcares.on_error = 'nonsense' AS '';

-- their effect on the queries that a server sees
CREATE FUNCTION seen() RETURNS text
LANGUAGE sql SET pgcares.servers = :'odd' AS $$
	SELECT substring(txt FROM 'transport.* src=[0-9.]+')
	FROM dns_txt('echo.example')
$$;
SELECT seen();
SET pgcares.edns_udp_size = 4096;
SELECT seen();
SET pgcares.dnssec = on;
SELECT seen();
SET pgcares.checking_disabled = on;
SELECT seen();
RESET pgcares.dnssec;
RESET pgcares.checking_disabled;
SET pgcares.edns = off;
SELECT seen();
RESET pgcares.edns;
SET pgcares.recurse = off;
SELECT seen();
RESET pgcares.recurse;
SET pgcares.tcp = on;
SELECT seen();
RESET pgcares.tcp;
SET pgcares.local_ip4 = '127.0.0.9';
SELECT seen();
RESET pgcares.edns_udp_size;

-- an address that is not ours
SET pgcares.local_ip4 = '192.0.2.1';
SELECT seen();
RESET pgcares.local_ip4;

-- ports of name servers that are given without one
SELECT split_part(:'odd', ':', 2) AS port \gset
SET pgcares.servers = '127.0.0.1';
SET pgcares.udp_port = :port;
SELECT * FROM dns_a('sound.example');
RESET pgcares.udp_port;
SET pgcares.tcp_port = :port;
SET pgcares.tcp = on;
SELECT * FROM dns_a('sound.example');
RESET pgcares.tcp_port;
RESET pgcares.tcp;

-- letters in random case: all are lower case once in 2^63 times
SET pgcares.servers = :'odd';
SET pgcares.randomize_case = on;
SELECT lower(q) = q AS small, lower(q)
FROM dns_txt('echo.' || repeat('abcdefghijklmnopqrstuvwxyz.', 2) || 'example'),
	substring(txt FROM 'qname=(.*)') AS q;
RESET pgcares.randomize_case;

-- a truncated answer counts only with ignore_truncation
SET pgcares.ignore_truncation = on;
SELECT address FROM dns_a('tcpartial.example');
RESET pgcares.ignore_truncation;
SELECT address FROM dns_a('tcpartial.example');
RESET pgcares.servers;

-- the limit of memory
SET pgcares.max_answer_memory = '4kB';
SELECT count(*) FROM dns_txt('bigtxt.all.example');
\echo :LAST_ERROR_SQLSTATE
RESET pgcares.max_answer_memory;
SELECT count(*) FROM dns_txt('bigtxt.all.example');

DROP FUNCTION try, mail_servers, seen;
DROP ROLE regress_pgcares_plain;
