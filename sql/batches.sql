-- All elements of an array looked up at once: dns_query_many, dns_addresses_many,
-- dns_ptr_many, and dns_lookup_many and dns_reverse_many with one row each.
\getenv odd PGCARES_TEST_MISBEHAVING
\set SHOW_CONTEXT never
\pset null NULL

-- a row for each record, in the order of the array, not of the answers
SELECT * FROM dns_query_many(ARRAY['api.shop.example', 'web.shop.example',
	'shop.example']);
SELECT ord, question, status, rdata, data
FROM dns_query_many(ARRAY['shop.example', 'nullmx.all.example',
	'e-eggs.shop.example'], 'MX');
SELECT * FROM dns_ptr_many(ARRAY['192.0.2.53', '192.0.2.11',
	'2001:db8::53']::inet[]);
SELECT * FROM dns_addresses_many(ARRAY['shop.example', 'api.shop.example',
	'ns1.shop.example']);

-- an element without records has one row, with the reason
SELECT ord, question, status, name, ttl, class, type, rdata, data
FROM dns_query_many(ARRAY['web.shop.example', 'missing.shop.example',
	'_ldap._tcp.shop.example', 'www.example.onion', 'a..b', 'dangling.all.example',
	'nodata-target.all.example', 'ldap.shop.example']);
SELECT * FROM dns_ptr_many(ARRAY['192.0.2.10', '192.0.2.99',
	'2001:db8::dead']::inet[]);

-- NULL asks nothing, but has a row
SELECT ord, question, status, rdata
FROM dns_query_many(ARRAY[NULL, 'web.shop.example', NULL]);
SELECT * FROM dns_ptr_many(ARRAY[NULL, '192.0.2.10']::inet[]);
SELECT * FROM dns_addresses_many(ARRAY['ldap.shop.example', NULL]);
SELECT * FROM dns_query_many(ARRAY[NULL, NULL]);

-- no array, an empty one, no type, no class
SELECT * FROM dns_query_many(NULL);
SELECT * FROM dns_query_many('{}');
SELECT * FROM dns_query_many(ARRAY['a.all.example'], NULL);
SELECT * FROM dns_query_many(ARRAY['a.all.example'], 'A', NULL);
SELECT * FROM dns_ptr_many(NULL);
SELECT * FROM dns_ptr_many('{}');
SELECT * FROM dns_addresses_many(NULL);
SELECT * FROM dns_addresses_many('{}');
SELECT * FROM dns_addresses_many(ARRAY['a.all.example'], NULL);

-- ord counts elements from 1, for any bounds and dimensions of the array
SELECT ord, question, rdata
FROM dns_query_many('[7:8]={api.shop.example,web.shop.example}');
SELECT ord, question, rdata
FROM dns_query_many('[-1:0][3:4]={{a.all.example,NULL},{missing.all.example,txt.all.example}}');
SELECT ord, question, ptrdname
FROM dns_ptr_many('[0:1][5:5]={{192.0.2.10},{192.0.2.11}}');

-- equal names are asked once: in any case of letters, with a final dot, with
-- escapes; the row shows the name as it was written
SET pgcares.servers = :'odd';
SELECT ord, question, status, rdata
FROM dns_query_many(ARRAY['sound.equal.example', 'SOUND.Equal.example',
	'n.other.equal.example', 'sound.equal.example.', 's\111und.equal.example',
	's\o\und.equal.example', 'sound.equal.example', 'nxdomain.equal.example',
	'sound\.other.equal.example', 'NXDOMAIN.equal.example',
	'sound.other.equal.example']);
SELECT txt AS queries FROM dns_txt('count.equal.example');
SELECT txt AS queries FROM dns_txt('count.other.equal.example');
SELECT ord, question, status, ttl
FROM dns_ptr_many(ARRAY['198.18.77.1', '198.18.77.1/24', '198.18.77.2',
	'198.18.77.1/0', '2001:db8:77::1/64', '2001:db8:77::1']::inet[]);
SELECT txt AS queries FROM dns_txt('count.77.18.198.in-addr.arpa');
SELECT txt AS queries
FROM dns_txt('count.7.7.0.0.8.b.d.0.1.0.0.2.ip6.arpa');
SELECT ord, question, status, address
FROM dns_addresses_many(ARRAY['sound.pair.example', 'Sound.Pair.Example.']);
SELECT txt AS queries FROM dns_txt('count.pair.example');

-- equal names of two calls, or of two types, are asked twice
SELECT count(*) FROM dns_query_many(ARRAY['sound.twice.example']) AS a,
	dns_query_many(ARRAY['sound.twice.example']) AS b,
	dns_query_many(ARRAY['sound.twice.example'], 'TXT') AS c;
SELECT txt AS queries FROM dns_txt('count.twice.example');

-- every outcome is a status, for any on_error: rows, no error, no warning
SET pgcares.on_error = 'error';
SELECT ord, question, status, rdata
FROM dns_query_many(ARRAY['sound.example', 'nodata.example',
	'nodatabare.example', 'nxdomain.example', 'rcode1.example', 'rcode2.example',
	'rcode4.example', 'rcode5.example', 'rcode6.example', 'rcode7.example',
	'rcode8.example', 'rcode9.example', 'rcode10.example', 'rcode11.example',
	'rcode15.example', 'rcode16.example', 'badvers.example', 'noedns1.example',
	'rcode23.example', 'rcode100.example', 'rcode4095.example', 'short.example',
	'tctc.example', 'cnameself.example', 'cname16.example', 'cname17.example',
	'otherowner.example', 'sound.example']);
SET pgcares.on_error = 'warning';
SELECT ord, status
FROM dns_query_many(ARRAY['nxdomain.example', 'rcode2.example',
	'sound.example']);
SET pgcares.on_error = 'ignore';
SELECT ord, status
FROM dns_query_many(ARRAY['nxdomain.example', 'rcode2.example',
	'sound.example']);
SELECT ord, status
FROM dns_ptr_many(ARRAY['192.0.2.1', '192.0.2.2']::inet[]);
RESET pgcares.on_error;
SET pgcares.timeout = '200ms';
SET pgcares.tries = 2;
SELECT ord, question, status, rdata
FROM dns_query_many(ARRAY['drop.batches.example', 'sound.example', 'tcpsilent.example',
	'drop1.batches.example']);
SET pgcares.servers = '127.0.0.1:1';
SELECT ord, question, status
FROM dns_query_many(ARRAY['a.all.example', 'b.all.example', NULL, '']);
SELECT * FROM dns_ptr_many(ARRAY['192.0.2.1']::inet[]);
SELECT * FROM dns_addresses_many(ARRAY['a.all.example']);
SET pgcares.servers = '';
SELECT ord, question, status
FROM dns_query_many(ARRAY['a.all.example', 'a b', 'www.invalid']);
RESET pgcares.servers;
RESET pgcares.timeout;
RESET pgcares.tries;

-- texts that are not names
SELECT ord, left(to_json(question)::text, 20) AS question, status
FROM dns_query_many(ARRAY['', ' ', 'a b.example', E'a\nb', '.example',
	'example..', 'a\256', 'a\', repeat('a', 64), repeat('a.', 128) || 'a',
	'💩.example', 'web.shop.example', '']);
SELECT ord, status, address
FROM dns_addresses_many(ARRAY['a..b', 'a.all.example', '']);

-- names that are not ASCII, unusual octets, the longest names
SELECT ord, question, status, name, rdata
FROM dns_query_many(ARRAY['bücher.all.example', 'BÜCHER.All.example',
	'xn--bcher-kva.all.example', 'esc\.dot.all.example', 'sp\ ace.all.example',
	'nul\000nul.all.example', 'hi\255gh.all.example', 'quo\"te.all.example',
	'back\\slash.all.example', 'at@sign.all.example', 'mixed.all.example',
	'12345.all.example', '*.wild.all.example', 'any.Name.wild.all.example']);
SELECT ord, length(question), status, rdata
FROM dns_query_many(ARRAY[
	repeat(repeat('l', 63) || '.', 3) || repeat('m', 49) || '.all.example',
	'aaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234.all.example',
	'.']);
SET pgcares.idn = off;
SELECT ord, question, status
FROM dns_query_many(ARRAY['bücher.all.example', 'a.all.example']);
RESET pgcares.idn;

-- aliases: the owner is the name at the end of the chain
SELECT ord, question, status, name, type, rdata
FROM dns_query_many(ARRAY['www2.shop.example', 'chain5.all.example',
	'loop1.all.example', 'www.dname.all.example', 'outside.all.example']);
SELECT ord, question, status, name, rdata
FROM dns_query_many(ARRAY['www2.shop.example', 'www.dname.all.example',
	'web.shop.example'], 'CNAME');
SELECT ord, question, status, ptrdname, ttl
FROM dns_ptr_many(ARRAY['192.0.2.129', '192.0.2.200']::inet[]);

-- an address with a netmask is that address
SELECT * FROM dns_ptr_many(ARRAY['192.0.2.10/24', '192.0.2.10/32',
	'2001:db8::10/64', '0.0.0.0', '::']::inet[]);
SELECT ord, ptrdname FROM dns_ptr_many('{192.0.2.10/32}'::cidr[]::inet[]);

-- the question is the text that inet has
SET pgcares.servers = :'odd';
CREATE TEMPORARY TABLE addressed AS
	SELECT set_masklen(a, m % (CASE family(a) WHEN 4 THEN 33 ELSE 129 END)) AS address
	FROM generate_series(0, 128) AS m,
		unnest(ARRAY['0.0.0.0', '255.255.255.255', '10.200.30.4', '::', '::1', '::ffff:192.0.2.1', '::192.0.2.1',
			'2001:db8::', '1:0:0:2::3', '1:2:3:4:5:6:7:8', 'fe80::a:0:0:1', '::1:0:0:0', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
			'64:ff9b::198.18.0.1', '0:0:0:0:0:0:1:0']::inet[]) AS a;
SELECT count(*) > 1900 AS many, bool_and(question = format('%s', a.address)) AS same
FROM (SELECT address, row_number() OVER (ORDER BY address) AS ord FROM addressed) AS a
	JOIN dns_ptr_many(ARRAY(SELECT address FROM addressed ORDER BY address)) AS m USING (ord);
RESET pgcares.servers;

-- types and classes, as in dns_query: any case, by number, ANY
SELECT ord, type, rdata FROM dns_query_many(ARRAY['https.all.example'], 'type65');
SELECT ord, type, rdata
FROM dns_query_many(ARRAY['type65280.all.example', 'type65281.all.example'],
	'65280');
SELECT ord, type, class, rdata
FROM dns_query_many(ARRAY['version.bind', 'a.all.example'], 'txt', 'ch');
SELECT ord, type, class, rdata
FROM dns_query_many(class => 'CLASS1', names => ARRAY['mx.all.example'],
	type => 'mX');
SELECT ord, type, class, rdata
FROM dns_query_many(ARRAY['a.all.example'], class => 'ANY');
SET pgcares.servers = :'odd';
SELECT ord, count(*), min(status), string_agg(DISTINCT type, ' ')
FROM dns_query_many(ARRAY['sound.example', 'n.example'], 'ANY') GROUP BY ord ORDER BY ord;
RESET pgcares.servers;

-- an unknown type or class is an error, and so is a type that no lookup can ask for
SELECT * FROM dns_query_many(ARRAY['a.all.example'], 'NOSUCH');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_query_many('{}', '');
SELECT * FROM dns_query_many(ARRAY['a.all.example'], 'AXFR');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_query_many(ARRAY['a.all.example'], 'A', 'XX');
\echo :LAST_ERROR_SQLSTATE

-- answers that come over TCP
SELECT ord, count(*), min(rdata), max(rdata)
FROM dns_query_many(ARRAY['many.all.example', 'a.all.example',
	'many.all.example.']) GROUP BY ord ORDER BY ord;
SELECT ord, count(*), count(DISTINCT rdata)
FROM dns_query_many(ARRAY['bigtxt.all.example', 'txt.all.example'], 'TXT')
GROUP BY ord ORDER BY ord;

-- a batch gives the same rows as single lookups: for every type, and for the
-- same types where most names have no records
CREATE TEMPORARY TABLE asked AS
	SELECT lower(type) || '.all.example' AS name, type
	FROM dns_types()
	WHERE code <> 41 AND code NOT BETWEEN 249 AND 255;
CREATE TEMPORARY TABLE compared AS
	SELECT a.type AS asked_type, many, one
	FROM asked AS a,
		LATERAL (SELECT ARRAY[a.name, 'a.all.example', 'multi.all.example',
			'missing.all.example', 'www2.shop.example', 'many.all.example']) AS n (names),
		LATERAL (SELECT array_agg(to_jsonb(q) ORDER BY q.ord, q.rdata COLLATE "C")
			FROM dns_query_many(n.names, a.type) AS q
			WHERE q.status = 'NOERROR') AS m (many),
		LATERAL (SELECT array_agg(to_jsonb(q) || jsonb_build_object('ord', e.ord,
				'question', e.name, 'status', 'NOERROR', 'reason', NULL) ORDER BY e.ord, q.rdata COLLATE "C")
			FROM unnest(n.names) WITH ORDINALITY AS e (name, ord),
				dns_query(e.name, a.type, on_error => 'ignore') AS q) AS o (one);
SELECT count(*) > 70 AS enough, count(many) > 65 AS with_records,
	bool_and(many IS NOT DISTINCT FROM one) AS equal
FROM compared;
SELECT asked_type, many, one FROM compared WHERE many IS DISTINCT FROM one;

-- ord ascends without an ORDER BY, and skips no element
SELECT bool_and(ord >= before) AS ascending, count(DISTINCT ord) = max(ord) AS all
FROM (SELECT ord, lag(ord) OVER () AS before
	FROM dns_query_many(ARRAY(SELECT name FROM asked))) AS t;

-- thousands of names, more than can be in flight at a time
SELECT count(*), count(DISTINCT ord), min(status), max(status),
	count(*) FILTER (WHERE rdata::inet <> inet '10.0.0.0' + ord) AS wrong
FROM dns_query_many(ARRAY(SELECT format('ip-10-0-%s-%s.dyn.example', g / 256, g % 256)
	FROM generate_series(1, 5000) AS g));
SELECT count(*), count(*) FILTER (WHERE question::inet <> inet '10.0.0.0' + ord) AS wrong,
	count(*) FILTER (WHERE ptrdname IS DISTINCT FROM
		format('ip-10-0-%s-%s.dyn.example', ord / 256, ord % 256)) AS wrong_name
FROM dns_ptr_many(ARRAY(SELECT inet '10.0.0.0' + g
	FROM generate_series(1, 5000) AS g));

-- a table of branches, joined by position
CREATE TEMPORARY TABLE branch (id integer PRIMARY KEY, name text);
INSERT INTO branch
	SELECT ord * 10, n || '.shop.example'
	FROM unnest(ARRAY['a-books', 'b-boats', 'c-cakes', 'd-drums', 'e-eggs',
		'f-flutes', 'g-games', 'h-hats', 'i-ink', 'j-jars', 'k-kites', 'l-lamps'])
		WITH ORDINALITY AS v (n, ord);
SELECT b.id, b.name, m.status, m.rdata
FROM (SELECT *, row_number() OVER (ORDER BY id) AS ord FROM branch) AS b
	JOIN dns_query_many(ARRAY(SELECT name FROM branch ORDER BY id), 'MX') AS m
		USING (ord)
ORDER BY b.id, m.rdata;

-- the same, joined by name in a common table expression
WITH m AS (SELECT * FROM dns_query_many(ARRAY(SELECT name FROM branch)))
SELECT b.id, m.status, m.rdata
FROM branch AS b JOIN m ON m.question = b.name
WHERE m.status <> 'NOERROR'
ORDER BY b.id;

-- called for each row
SELECT b.id, m.ord, m.status
FROM branch AS b, dns_query_many(ARRAY[b.name, 'www.' || b.name]) AS m
WHERE b.id <= 30
ORDER BY b.id, m.ord;

-- WITH ORDINALITY numbers rows, ord elements
SELECT row, ord, rdata
FROM dns_query_many(ARRAY['api.shop.example', 'web.shop.example'])
	WITH ORDINALITY AS t (ord, question, status, reason, name, ttl, class, type, rdata, data, row);
SELECT * FROM dns_addresses_many(ARRAY['api.shop.example', 'web.shop.example'])
	LIMIT 1 OFFSET 1;
SELECT *
FROM ROWS FROM (dns_ptr_many(ARRAY['192.0.2.10', '192.0.2.53']::inet[]),
	dns_addresses_many(ARRAY['ldap.shop.example', 'missing.shop.example']));

-- in the SELECT list
SELECT dns_addresses_many(ARRAY['ldap.shop.example', 'missing.shop.example']);
SELECT (dns_ptr_many(ARRAY['192.0.2.10', '192.0.2.11']::inet[])).*;
SELECT id, (dns_query_many(ARRAY[name, NULL])).status
FROM branch WHERE id <= 30 ORDER BY id;
SELECT EXISTS (SELECT FROM dns_query_many(ARRAY['missing.all.example'])
	WHERE status = 'NOERROR');

-- read forwards and backwards
BEGIN;
DECLARE c SCROLL CURSOR FOR
	SELECT ord, rdata FROM dns_query_many(ARRAY(SELECT name FROM branch ORDER BY id));
FETCH 2 FROM c;
MOVE LAST IN c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
COMMIT;

-- in PL/pgSQL
DO $$
DECLARE
	r record;
	addresses inet[];
	found_status text;
BEGIN
	FOR r IN SELECT * FROM dns_query_many(ARRAY['api.shop.example',
		'missing.shop.example']) LOOP
		RAISE NOTICE '% % % %', r.ord, r.question, r.status, r.rdata;
	END LOOP;
	addresses := ARRAY(SELECT address FROM dns_addresses_many(ARRAY['api.shop.example']));
	SELECT status INTO STRICT found_status FROM dns_ptr_many(addresses[2:2]);
	RAISE NOTICE '% %', addresses, found_status;
END
$$;

-- prepared, with a plan for any array
SET plan_cache_mode = force_generic_plan;
PREPARE many (text[], text) AS
	SELECT ord, status, rdata FROM dns_query_many($1, $2);
EXECUTE many (ARRAY['api.shop.example', NULL], 'A');
EXECUTE many ('{}', 'A');
EXECUTE many (ARRAY['nullmx.all.example'], 'MX');
DEALLOCATE many;
RESET plan_cache_mode;

-- kept, and as jsonb
CREATE TEMPORARY TABLE seen AS
	SELECT * FROM dns_query_many(ARRAY(SELECT name FROM branch), 'MX');
INSERT INTO seen SELECT * FROM dns_query_many(ARRAY['shop.example'], 'CAA');
SELECT type, count(*) FROM seen GROUP BY type ORDER BY type;
SELECT to_jsonb(q) FROM dns_query_many(ARRAY['e-eggs.shop.example', ''], 'MX') AS q;

-- one family of addresses, or both: IPv4 first; the status of a host without
-- addresses, and of one whose lookup fails for one family
SELECT family, l.*
FROM unnest(ARRAY[0, 4, 6]) AS family,
	dns_addresses_many(ARRAY['shop.example', 'ldap.shop.example',
		'aaaa.all.example', 'txt.all.example', 'missing.shop.example',
		'www2.shop.example', NULL, 'a..b', 'SHOP.example.'], family) AS l
ORDER BY family, l.ord, family(address), address;
SELECT * FROM dns_addresses_many(family => 6, names => ARRAY['mail1.shop.example']);
SELECT * FROM dns_addresses_many(ARRAY['a.all.example'], 2);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_addresses_many(ARRAY['a.all.example'], 10);
SELECT * FROM dns_addresses_many(ARRAY['a.all.example'], -1);
SELECT * FROM dns_addresses_many('{}', 46);
SET pgcares.servers = :'odd';
SELECT * FROM dns_addresses_many(ARRAY['a3.family.example', 'hexC0000201.family.example',
	'rcode2.family.example', 'nxdomain.family.example', 'nodata.family.example']);
SELECT * FROM dns_addresses_many(ARRAY['a3.family.example',
	'hexC0000201.family.example'], 6);
SELECT count(*) FROM dns_addresses_many(ARRAY['a.six.example', 'b.six.example'], 6);
SELECT txt AS queries FROM dns_txt('count.six.example');
RESET pgcares.servers;

-- dns_lookup_many and dns_reverse_many: one row for each element, whatever the number of
-- addresses and names, in the order of the array
SELECT family, l.*
FROM unnest(ARRAY[0, 4, 6]) AS family,
	dns_lookup_many(ARRAY['shop.example', 'ldap.shop.example',
		'aaaa.all.example', 'txt.all.example', 'missing.shop.example',
		'www2.shop.example', NULL, 'a..b', 'SHOP.example.', '192.0.2.7', 'localhost'], family) AS l
ORDER BY family, l.ord;
SELECT * FROM dns_reverse_many(ARRAY['192.0.2.53', '192.0.2.11', NULL, '2001:db8::dead',
	'192.0.2.10/24', '192.0.2.129']::inet[]);
SELECT * FROM dns_lookup_many(NULL);
SELECT * FROM dns_lookup_many('{}');
SELECT * FROM dns_lookup_many(ARRAY['a.all.example'], NULL);
SELECT * FROM dns_lookup_many(ARRAY['a.all.example'], 5);
SELECT * FROM dns_reverse_many(NULL);
SELECT * FROM dns_reverse_many('{}');

-- the row has what the scalar function gives, and the reason is what its error says, also
-- if one of two questions fails, and with a sortlist
CREATE FUNCTION alone(call text, OUT value text, OUT message text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE 'SELECT ' || call INTO value;
EXCEPTION WHEN OTHERS THEN
	message := SQLERRM;
END
$$;
SET pgcares.servers = :'odd';
SET pgcares.timeout = '200ms';
SET pgcares.tries = 1;
CREATE TEMPORARY TABLE host AS
	SELECT n || '.alone.example' AS name
	FROM unnest(ARRAY['sound', 'a3', 'hexC0000201', 'nodata', 'nxdomain', 'rcode2', 'rcode5',
		'rcode100', 'short', 'tctc', 'cnameself', 'cname17', 'cname3', 'big5', 'drop', 'nodatabare']) AS n
	UNION ALL VALUES ('www.invalid'), ('localhost'), ('192.0.2.1'), ('::1');
CREATE TEMPORARY VIEW compared_now AS
	SELECT current_setting('pgcares.sortlist') AS sortlist, family, m.ord, m.question, m.status, m.reason,
		host(m.address) AS value, a.value AS single, a.message
	FROM unnest(ARRAY[0, 4, 6]) AS family,
		LATERAL dns_lookup_many(ARRAY(SELECT name FROM host), family) AS m,
		LATERAL alone(format('host(dns_lookup(%L, %s))', m.question, family)) AS a;
CREATE TEMPORARY TABLE host_compared AS SELECT * FROM compared_now;
SET pgcares.sortlist = '2001:db8::/32, 192.0.2.3';
INSERT INTO host_compared SELECT * FROM compared_now;
RESET pgcares.sortlist;
SELECT count(*), count(value) > 20 AS found, count(reason) > 40 AS failed,
	bool_and(value IS NOT DISTINCT FROM single AND reason IS NOT DISTINCT FROM message) AS equal
FROM host_compared;
SELECT * FROM host_compared
WHERE value IS DISTINCT FROM single OR reason IS DISTINCT FROM message;
SELECT m.*, m.ptrdname IS NOT DISTINCT FROM a.value AND m.reason IS NOT DISTINCT FROM a.message AS equal
FROM dns_reverse_many(ARRAY['192.0.2.1', '2001:db8::1', '127.0.0.1', '192.0.2.9/16']::inet[]) AS m,
	LATERAL alone(format('dns_reverse(%L)', m.question)) AS a;
RESET pgcares.servers;
SELECT m.*, m.ptrdname IS NOT DISTINCT FROM a.value AND m.reason IS NOT DISTINCT FROM a.message AS equal
FROM dns_reverse_many(ARRAY['192.0.2.53', '192.0.2.11', '192.0.2.99', '::', '192.0.2.129', '10.1.2.3/8']::inet[]) AS m,
	LATERAL alone(format('dns_reverse(%L)', m.question)) AS a;

-- the reason in the other batches is what the error of a single lookup says, too
SET pgcares.servers = :'odd';
SELECT count(*), count(m.reason) > 10 AS failed, bool_and(m.reason IS NOT DISTINCT FROM a.message) AS equal
FROM (VALUES ('A', 'IN'), ('TYPE65280', 'IN'), ('TXT', 'CH')) AS t (type, class),
	LATERAL dns_query_many(ARRAY(SELECT name FROM host WHERE name NOT LIKE 'drop%'), t.type, t.class) AS m,
	LATERAL alone(format('count(*) FROM dns_query(%L, %L, %L)', m.question, t.type, t.class)) AS a;
SELECT ord, question, reason
FROM dns_addresses_many(ARRAY['nxdomain.example', 'rcode2.example', 'sound.example'], 6);
SELECT ord, question, reason FROM dns_message_many(ARRAY['nxdomain.example', 'sound.example', 'a..b'], 'MX');
RESET pgcares.servers;
SELECT ord, question, reason FROM dns_ptr_many(ARRAY['192.0.2.99', '192.0.2.53', NULL]::inet[]);
RESET pgcares.timeout;
RESET pgcares.tries;
DROP VIEW compared_now;
DROP FUNCTION alone;

-- names and their first addresses, side by side
SELECT *
FROM unnest(ARRAY['api.shop.example', NULL, 'missing.shop.example', 'shop.example']) WITH ORDINALITY AS n (name, ord)
	JOIN dns_lookup_many(ARRAY['api.shop.example', NULL, 'missing.shop.example', 'shop.example']) AS l USING (ord);

-- whole messages of all elements
SELECT ord, question, status, rcode, (answer[1]).rdata, cardinality(authority)
FROM dns_message_many(ARRAY['web.shop.example', NULL, 'missing.shop.example',
	'a..b', 'txt.all.example', 'WEB.shop.example.']);
SELECT ord, status, cardinality(answer)
FROM dns_message_many('[3:4]={mx.all.example,a.all.example}', 'MX');
SELECT * FROM dns_message_many('{}');
SELECT * FROM dns_message_many(NULL);
SELECT * FROM dns_message_many(ARRAY['a.all.example'], 'NOSUCH');

-- the limit on the questions of one call: names, addresses, and two for each
-- host; duplicates and texts that are not names count too
CREATE FUNCTION refused(statement text, OUT state text, OUT message text,
	OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	message := 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
END
$$;
SET pgcares.max_questions = 4;
SELECT n, call, r.state, r.message, r.detail
FROM (VALUES
		(4, 'dns_query_many(array_fill(text ''a.all.example'', ARRAY[4]))'),
		(5, 'dns_query_many(array_fill(text ''a.all.example'', ARRAY[5]))'),
		(5, 'dns_query_many(array_fill(text '''', ARRAY[5]))'),
		(4, 'dns_ptr_many(array_fill(inet ''192.0.2.1'', ARRAY[2, 2]))'),
		(5, 'dns_ptr_many(array_fill(inet ''192.0.2.1'', ARRAY[5]))'),
		(2, 'dns_addresses_many(array_fill(text ''a.all.example'', ARRAY[2]))'),
		(3, 'dns_addresses_many(array_fill(text ''a.all.example'', ARRAY[3]))'),
		(2, 'dns_lookup_many(array_fill(text ''a.all.example'', ARRAY[2]))'),
		(3, 'dns_lookup_many(array_fill(text ''a.all.example'', ARRAY[3]))'))
	AS v (n, call), refused('SELECT * FROM ' || call) AS r;
SELECT * FROM dns_query_many(ARRAY['a', 'b', 'c', 'd', 'e']);
\echo :LAST_ERROR_SQLSTATE
RESET pgcares.max_questions;

-- the number of questions in flight is a setting with limits
SET pgcares.max_in_flight = 0;
SET pgcares.max_in_flight = 16385;
SET pgcares.max_in_flight = 1;
SELECT count(*), max(ord)
FROM dns_query_many(ARRAY(SELECT format('ip-10-9-0-%s.dyn.example', g % 100)
	FROM generate_series(1, 300) AS g));
SET pgcares.max_in_flight = 16384;
SELECT ord, rdata FROM dns_query_many(ARRAY['a.all.example']);
RESET pgcares.max_in_flight;

DROP FUNCTION refused;

-- the planner expects a row for each element, if the statement shows the array
CREATE FUNCTION rows_planned(call text) RETURNS numeric
LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT JSON) SELECT * FROM ' || call INTO plan;
	RETURN plan #>> '{0,Plan,Plan Rows}';
END
$$;
SELECT call, rows_planned(call)
FROM (VALUES
		('dns_query_many(ARRAY[''a'', ''b'', ''c''])'),
		('dns_query_many(names => ''{{a,b},{c,d}}'', type => ''MX'')'),
		('dns_query_many(ARRAY[''a'', current_user::text])'),
		('dns_ptr_many(''{192.0.2.1}'')'),
		('dns_addresses_many(''{}'')'),
		('dns_lookup_many(''{a,b}'')'),
		('dns_reverse_many(''{192.0.2.1}'')'),
		('dns_message_many(array_fill(text ''a'', ARRAY[70]))'),
		('dns_message_at_many(''{127.0.0.1,127.0.0.2}'', ''a'')'),
		('dns_query_many(NULL)'),
		('dns_query_many(ARRAY(SELECT rolname::text FROM pg_roles))'),
		('dns_query(''a'')'))
	AS v (call);
DROP FUNCTION rows_planned;
