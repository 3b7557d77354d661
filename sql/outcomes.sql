-- The outcomes of lookups that find no records, and the effect of on_error.
\getenv odd PGCARES_TEST_MISBEHAVING
\set SHOW_CONTEXT never

-- the view of an application
CREATE FUNCTION outcome(name text, type text DEFAULT 'A', OUT state text,
	OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM dns_query(name, type);
	message := CASE WHEN FOUND THEN 'records' ELSE 'no rows' END;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;

-- no such name: also behind an alias, and for names that are never asked
-- (RFC 6761 section 6.4, RFC 7686)
SELECT * FROM dns_a('missing.all.example');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_a('dangling.all.example');
SELECT * FROM dns_a('Www.Example.ONION');
SELECT * FROM dns_txt('invalid.');
SELECT * FROM dns_ptr(inet '192.0.2.99');

-- no such records: also behind an alias, for a name that has only names below
-- it, and in an empty answer
SELECT * FROM dns_mx('a.all.example');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_a('nodata-target.all.example');
SELECT * FROM dns_a('empty.all.example');
SELECT * FROM dns_query('a.all.example', 'TYPE65280');
SET pgcares.servers = :'odd';
SELECT * FROM dns_a('nodatabare.example');

-- an empty answer that is no negative one (RFC 2308 section 2.2); if the query is not
-- recursive, a referral is what was asked for
SELECT * FROM dns_mx('referral.example', 'missing_ok');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_a('lame.example');
SELECT name, m.status, m.rcode, m.authority[1].type
FROM unnest('{referral.example,lame.example,nodata.example}'::text[]) AS name, dns_message(name) AS m;
SELECT question, status FROM dns_query_many('{referral.example,lame.example,nodata.example}');
SELECT status FROM dns_parse((SELECT wire FROM dns_message('referral.example')));
SET pgcares.recurse = off;
SELECT question, status FROM dns_query_many('{referral.example,lame.example,nodata.example}');
SELECT * FROM dns_a('referral.example');
SELECT * FROM dns_query('referral.example', 'NS', on_error => 'warning');
SELECT dns_lookup('referral.example');
SELECT h.name, a.address FROM (VALUES ('a.referral.example'), ('referral.a.example'), ('sound.example')) AS h (name) LEFT JOIN LATERAL dns_a(h.name) AS a ON true;
SELECT * FROM dns_a('tcreferral.example', 'missing_ok');
SELECT * FROM dns_a('lame.example');
SELECT * FROM dns_a('nodata.example');
RESET pgcares.recurse;

-- errors from a server; a server that does not know EDNS is asked once without it
\x on
SELECT o.*
FROM unnest('{1,2,3,4,5,6,7,8,9,10,11,15,16,23,100,4095}'::integer[]) AS code,
	outcome('rcode' || code || '.example') AS o
ORDER BY code;
\x off
SELECT label, address
FROM (VALUES ('badvers'), ('noedns1'), ('noedns4')) AS v (label),
	dns_a(label || '.example')
ORDER BY label;

-- the text of an extended error (RFC 8914) comes from a stranger
SELECT label, o.detail
FROM unnest(ARRAY['ede', 'edeempty', 'edehigh', 'edeutf8', 'edecut',
		'edeshort'])
	WITH ORDINALITY AS v (label, ord), outcome(label || '.example') AS o
ORDER BY ord;

-- octets behind a sound answer are ignored
SELECT address FROM dns_a('trailing.example');
SELECT status, answer[1].rdata FROM dns_message('trailing.example');
SELECT status, rdata FROM dns_query_many(ARRAY['trailing.example', 'trailing.bulk.example']);

-- answers that cannot be read
SELECT label, o.state, substring(o.message FROM ': (.*)') AS why
FROM unnest(ARRAY['short', 'counts', 'loopptr', 'fwdptr', 'longname',
		'badlabel', 'badlabel80', 'twoq', 'twoopt', 'optlong',
		'rdshort', 'rdlong', 'rdempty', 'a3', 'a8', 'tctc'])
	WITH ORDINALITY AS v (label, ord), outcome(label || '.example') AS o
ORDER BY ord;
SELECT label, type, o.state, substring(o.message FROM ': (.*)') AS why
FROM (VALUES
		('aaaa15', 'AAAA'), ('mxshort', 'MX'), ('soashort', 'SOA'),
		('srvshort', 'SRV'), ('txtlen', 'TXT'), ('caalen', 'CAA'),
		('rdempty', 'TXT'), ('rdlong', 'SVCB'), ('rdshort', 'NSEC3'),
		('rdlong', 'MX'))
	AS v (label, type), outcome(label || '.example', type) AS o
ORDER BY label, type;
SELECT * FROM dns_a('short.example');

-- aliases that lead nowhere; 16 steps are followed, 17 are not
SELECT * FROM dns_a('cname16.example');
SELECT * FROM dns_a('cname17.example');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_a('cnameself.example');
SELECT * FROM dns_a('cnameloop.example');
SELECT * FROM dns_a('cnameother.example');
SELECT * FROM dns_a('otherowner.example');

-- odd but sound answers, and true answers after forged ones
SELECT label, address
FROM unnest(ARRAY['twice', 'case', 'oddclass', 'tc', 'tcpartial', 'optunknown',
		'nsid', 'wrongid', 'wrongname', 'wrongtype', 'wrongclass',
		'wrongopcode', 'noquestion', 'reflect', 'garbage'])
	WITH ORDINALITY AS v (label, ord),
	dns_a(label || '.outcomes.example')
ORDER BY ord;

-- no answer: the tries, or the deadline of the call, are used up
SET pgcares.timeout = '50ms';
SET pgcares.tries = 2;
SELECT * FROM dns_a('drop.example');
\echo :LAST_ERROR_SQLSTATE
SET pgcares.timeout = '1min';
SET pgcares.deadline = '50ms';
SELECT * FROM dns_a('drop.example');
RESET pgcares.deadline;

-- a query that was lost is sent again
SET pgcares.timeout = '500ms';
RESET pgcares.tries;
SELECT * FROM dns_a('drop1.outcomes.example');
RESET pgcares.timeout;

-- no server listens; no name server is configured
SET pgcares.tries = 2;
SET pgcares.servers = '127.0.0.1:1';
SELECT * FROM dns_a('a.all.example');
\echo :LAST_ERROR_SQLSTATE
SET pgcares.servers = '127.0.0.1:1, 127.0.0.2:1';
SELECT * FROM dns_a('a.all.example');
SET pgcares.servers = '';
SELECT * FROM dns_a('a.all.example');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_a('www.example.onion');
RESET pgcares.servers;
RESET pgcares.tries;

-- the question is part of the message
SELECT * FROM dns_query('missing.all.example.', '65280');
SELECT * FROM dns_ptr(inet '2001:db8::dead/64');
SELECT * FROM dns_a('Ü.all.example');
SET pgcares.servers = :'odd';
SELECT * FROM dns_query('nodata.example', 'TXT', 'CH');
RESET pgcares.servers;

-- on_error as an argument, in any case of letters
SELECT * FROM dns_a('missing.all.example', 'error');
SELECT * FROM dns_a('missing.all.example', 'missing_ok');
SELECT * FROM dns_a('missing.all.example', on_error => 'WARNING');
SELECT * FROM dns_query('a.all.example', 'MX', on_error => 'Ignore');
SELECT * FROM dns_a('missing.all.example', NULL);
SELECT * FROM dns_a('missing.all.example', 'nonsense');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_a('a.all.example', '');
SELECT * FROM dns_a('a.all.example', 'ignore');

-- failures other than missing names and records
SET pgcares.servers = :'odd';
SELECT * FROM dns_a('rcode2.example', 'missing_ok');
SELECT * FROM dns_a('rcode2.example', 'warning');
SELECT * FROM dns_a('rcode2.example', 'ignore');
SELECT * FROM dns_a('short.example', 'ignore');

-- on_error as a setting; the argument of a call overrides it
SET pgcares.on_error = 'Missing_OK';
SHOW pgcares.on_error;
SELECT * FROM dns_a('nxdomain.example');
SELECT * FROM dns_a('nxdomain.example', NULL);
SELECT * FROM dns_a('nxdomain.example', 'error');
SELECT * FROM dns_a('rcode5.example');
SET pgcares.on_error = warning;
SELECT * FROM dns_a('rcode5.example');
SELECT * FROM dns_a('nxdomain.example');
SET pgcares.on_error = ignore;
SELECT * FROM dns_a('rcode5.example');

-- mistakes in a call are errors for any on_error
SELECT * FROM dns_a('a..example');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_query('a.example', 'NOSUCH', on_error => 'ignore');
\echo :LAST_ERROR_SQLSTATE
RESET pgcares.on_error;
RESET pgcares.servers;

-- each error can be caught
CREATE FUNCTION mail_servers(domain text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	RETURN string_agg(exchange, ' ' ORDER BY preference) FROM dns_mx(domain);
EXCEPTION WHEN SQLSTATE 'ND003' THEN
	RETURN 'no such domain';
END
$$;
SELECT n, mail_servers(n || '.shop.example')
FROM (VALUES ('a-books'), ('d-drums'), ('i-ink')) AS v (n) ORDER BY n;
SELECT mail_servers('j-jars.shop.example');

-- a transaction goes on after a lookup that failed in a savepoint
BEGIN;
SAVEPOINT s;
SELECT * FROM dns_a('missing.all.example');
ROLLBACK TO s;
SELECT * FROM dns_a('a.all.example');
COMMIT;


-- a text that is no name is an outcome, which on_error governs, for every function
CREATE FUNCTION result(call text, OUT result text)
LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	EXECUTE 'SELECT count(r) FROM ' || call || ' AS r' INTO rows;
	result := rows || CASE rows WHEN 1 THEN ' row' ELSE ' rows' END;
EXCEPTION WHEN OTHERS THEN
	result := SQLSTATE;
END
$$;
CREATE TABLE dirty (name text);
INSERT INTO dirty
VALUES (''), ('.a'), ('a..b'), ('a.example '), (' a.example'), (E'a.example\r'), (E'a\tb'), ('a b'),
	('\'), ('a\'), ('\25'), ('\256'), (repeat('a', 64)), (repeat('a.', 150)), (repeat('ü', 300)), ('a..');
SET client_min_messages = error;
SELECT call, on_error, result, count(*)
FROM dirty,
	unnest(ARRAY['dns_query(%L, ''MX'', ''IN'', %L)', 'dns_search(%L, ''A'', ''IN'', %L)', 'dns_a(%L, %L)', 'dns_txt(%L, %L)', 'dns_ptr(%L, %L)',
		'dns_lookup(%L, 0, %L)', 'dns_addresses(%L, 4, %L)', 'dns_getaddrinfo(%L, ''http'', on_error => %L)',
		'dns_gethostbyname(%L, 6, %L)', 'dns_query_at(''127.0.0.1'', %L, on_error => %L)']) AS call,
	unnest('{error,missing_ok,warning,ignore}'::text[]) WITH ORDINALITY AS e (on_error, ord),
	result(format(call, name, on_error))
GROUP BY call, on_error, ord, result
ORDER BY call, ord;
RESET client_min_messages;
SELECT count(*), count(*) FILTER (WHERE dns_is_name(name)) AS names FROM dirty;
SELECT count(*) AS not_names FROM unnest('{.,a,a.,a.b,\000,\.,_a,*.a,ü.example,192.0.2.1}'::text[]) AS name WHERE NOT dns_is_name(name);
SELECT status, count(*) FROM dirty, dns_message(name) GROUP BY status;
SELECT status, count(*) FROM dns_query_many(ARRAY(SELECT name FROM dirty)) GROUP BY status;
SELECT dirty.name, m.exchange FROM dirty LEFT JOIN LATERAL dns_mx(dirty.name, 'missing_ok') m ON true WHERE dirty.name LIKE 'a..%';
SELECT * FROM dns_mx('a..b', 'warning');
SELECT * FROM dns_lookup('a..b');
DROP TABLE dirty;

-- a text that is something else than a name: the hint tells; such a name can exist too
CREATE FUNCTION hint(call text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT FROM ' || call;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
END
$$;
SELECT written, hint(format('dns_a(%L)', written))
FROM unnest(ARRAY['https://www.all.example/a?b=c', 'www.all.example/a', 'http://192.0.2.1:80/', 'info@all.example', 'Info <info@all.example>',
		'www.all.example:443', '192.0.2.1:53', '[2001:db8::1]', '[2001:db8::1]:53', '192.0.2.1', '192.0.2.1/32', '2001:db8::1', '192.0.2.0/24',
		'"www.all.example"', $$'www.all.example'$$, 'a.all.example,b.all.example', 'a.all.example; b.all.example',
		' a.all.example', E'a.all.example\r\n', E'\t', 'a b.all.example', 'missing.all.example', 'nowhere.elsewhere.example',
		'0/25.2.0.192.in-addr.arpa.', 'Me\044myself@home._http._tcp.all.example', '192.0.2.256', ':', ',', '@', '/', '"'])
	WITH ORDINALITY AS v (written, ord)
ORDER BY ord;
SELECT call, hint(call)
FROM unnest(ARRAY['dns_ptr(''192.0.2.99'')', 'dns_ptr(inet ''192.0.2.99'')', 'dns_reverse(''192.0.2.99'')', 'dns_query(''192.0.2.10'', ''PTR'')',
		'dns_lookup(''info@all.example'')', 'dns_lookup(''192.0.2.0/24'')', 'dns_lookup(''2001:db8::1'', 4)', 'dns_search(''www.all.example:80'')',
		'dns_gethostbyaddr(''192.0.2.99'')', 'dns_getaddrinfo(''www.all.example:80'')', 'dns_a(''https://www.all.example'', ''missing_ok'')']) AS call;
SELECT * FROM dns_a(E'größe\rb');

-- a text that is too long for any name is cut in messages, not where it is a value
SELECT length(message), right(message, 70) AS message FROM outcome(repeat('äa', 100000));
SELECT length(question), length(reason) FROM dns_query_many(ARRAY[repeat('a.', 100000), repeat('\001', 250), repeat('a', 1101)]);
SELECT length(reason) FROM dns_message(repeat('a', 2000));

-- a chain of aliases that the answer leaves open is followed by asking for its last name
-- (RFC 1034 section 5.3.3), alone, in bulk and ahead of the call; 16 steps in all
SET pgcares.servers = :'odd';
\pset format unaligned
SELECT label, o.state, o.message, o.detail
FROM unnest('{open1,open5,open16,open17,open3.cname13,open3.cname14,openloop,open2.nxdomain,open2.nodata,open2.rcode2,open2.cnameother,open2.invalid}'::text[])
	WITH ORDINALITY AS v (label, ord), outcome(label || '.example') AS o
ORDER BY ord;

-- the detail names the way to any failure; in bulk and ahead of the call too
SET pgcares.timeout = '1s';
SET pgcares.tries = 1;
CREATE FUNCTION outcome_ahead(name text, OUT state text, OUT message text, OUT detail text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM a.address FROM (VALUES ('sound1.example'), ('sound2.example'), (name)) AS v (n), LATERAL dns_a(v.n) AS a;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL;
END
$$;
SELECT o.state, o.message, o.detail, row(o.state, o.message, o.detail) = a AS same_ahead, o.message = m.reason AS same_in_bulk
FROM unnest('{open2.drop,open1.a3,open2.rcode5,open1.rcode17,open2.tctc,open1.tcpsilent,openloop,open17}'::text[])
		WITH ORDINALITY AS v (label, ord),
	outcome(label || '.example') AS o, outcome_ahead(label || '.example') AS a,
	dns_query_many(ARRAY['sound3.example', label || '.example']) AS m
WHERE m.ord = 2
ORDER BY v.ord;
\pset format aligned
SELECT dns_lookup('open2.drop.host.example');
DROP FUNCTION outcome_ahead;
RESET pgcares.timeout;
RESET pgcares.tries;
SELECT question, status, rdata
FROM dns_query_many('{open1.example,open16.example,open17.example,openloop.example,open2.nxdomain.example,open2.nodata.example,open2.tc.example}');
SELECT h.name, a.address
FROM (VALUES ('open1.b.example'), ('open16.b.example'), ('open2.nxdomain.b.example'), ('open4.tc.b.example')) AS h (name)
	LEFT JOIN LATERAL dns_a(h.name, 'missing_ok') a ON true;
SELECT * FROM dns_gethostbyname('open2.c.example', 4);
SELECT status, tries, cardinality(answer) FROM dns_message('open2.d.example');
SET pgcares.recurse = off;
SELECT * FROM dns_a('open2.e.example', 'missing_ok');
RESET pgcares.recurse;
RESET pgcares.servers;

DROP FUNCTION outcome, mail_servers, result;
