-- Whole messages: from servers, from octets that a user has, and both as JSON.
\getenv knot PGCARES_TEST_SERVER
\getenv odd PGCARES_TEST_MISBEHAVING
\set SHOW_CONTEXT never

-- the sections of an answer, as dns_query shows records, without OPT
\x on
SELECT status, rcode, aa, tc, rd, ra, ad, cd, question, answer, authority,
	additional, transport, tries, edns_udp_size, ede_code, ede_text, nsid
FROM dns_message('mx.all.example', 'MX');
SELECT status, rcode, question, answer, authority, additional
FROM dns_message('Missing.all.example');
\x off
SELECT a.* FROM dns_message('www.shop.example') AS m, unnest(m.answer) AS a;
SELECT (SELECT array_agg(q ORDER BY q) FROM dns_query('shop.example', 'TXT') AS q)
	= (SELECT array_agg(a ORDER BY a)
		FROM dns_message('shop.example', 'TXT') AS m, unnest(m.answer) AS a) AS same;
SELECT pg_typeof(answer), cardinality(answer) AS answers,
	cardinality(authority) AS authority, cardinality(additional) AS additional
FROM dns_message('ns.sub.all.example');

-- who answered, and when
SELECT server = :'knot' AS knot, elapsed > '0' AS took_time,
	elapsed < '1 minute' AS soon
FROM dns_message('a.all.example');

-- every type and class, by name or number; a NULL asks nothing
SELECT v.name, question, status
FROM (VALUES ('a.all.example.', 'type1', 'Class1'), ('.', 'NS', 'IN'),
		('sp\032ace.all.example', '16', 'IN'), ('Ü.all.example', 'a', 'IN'),
		('version.server', 'TXT', 'CH'), ('a.all.example', 'TYPE65280', 'IN'))
	AS v (name, type, class), dns_message(name, type, class);
SELECT count(*) FROM dns_message(NULL);
SELECT count(*) FROM dns_message('a.all.example', NULL);
SELECT count(*) FROM dns_message('a.all.example', class => NULL);
SELECT count(*) FROM dns_message_at(NULL, 'a.all.example');
SELECT count(*) FROM dns_query_at(NULL, 'a.all.example');
SELECT count(*) FROM dns_query_at(:'knot', NULL);
SELECT count(*) FROM dns_parse(NULL);
SELECT dns_message_json(NULL::bytea) IS NULL, dns_message_json(NULL::text) IS NULL;

-- a text that is not a name is an outcome; a wrong type or class is an error
SELECT name, m.status, m.reason, m.tries, to_jsonb(m) - 'reason' =
	(SELECT to_jsonb(b) - 'reason' FROM dns_message('') AS b) AS nothing_else
FROM unnest(ARRAY['a..b', 'a b', repeat('a', 64), '\256', 'a\'])
	WITH ORDINALITY AS v (name, ord), dns_message(name) AS m
ORDER BY ord;
SELECT num_nonnulls(VARIADIC ARRAY(SELECT value
	FROM jsonb_each_text(to_jsonb(m)))) AS columns
FROM dns_message('a..b') AS m;
SELECT * FROM dns_message('a.all.example', 'NOSUCH');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_message('a.all.example', 'AXFR');
SELECT * FROM dns_message('a..b', 'A', 'NOSUCH');
\echo :LAST_ERROR_SQLSTATE

-- outcomes; some have the last server's answer, some have none
SELECT label, status, rcode, aa, tc, cardinality(answer) AS answers,
	server = :'odd' AS odd, transport, tries, wire IS NOT NULL AS wire
FROM unnest(ARRAY['sound', 'nodata', 'nodatabare', 'nxdomain', 'ra', 'rcode1',
		'rcode2', 'rcode4', 'rcode5', 'rcode9', 'rcode16', 'rcode23',
		'rcode4095', 'headeronly', 'badvers', 'noedns1', 'tc', 'tctc', 'short',
		'twoq', 'cnameloop', 'cname17', 'x.invalid'])
	WITH ORDINALITY AS v (label, ord),
	dns_message_at(:'odd', label || CASE WHEN label !~ '\.' THEN '.messages.example' ELSE '' END)
ORDER BY ord;

-- the reason is what the error of a single lookup says; for octets, with the name of
-- the question, if there is one
SELECT label, m.status, m.reason, p.reason IS NOT DISTINCT FROM m.reason AS parsed
FROM unnest(ARRAY['sound.reason.example', 'NXDOMAIN.reason.example', 'nodata.reason.example', 'rcode5.reason.example',
		'cnameloop.reason.example', 'cname17.reason.example'])
	WITH ORDINALITY AS v (label, ord),
	dns_message_at(:'odd', label, 'MX') AS m, dns_parse(m.wire) AS p
ORDER BY ord;
SELECT status, reason FROM dns_parse('\x000180050000000000000000');
SELECT status, reason FROM dns_parse('\x000100000001000000000000'::bytea || '\x0000010001');

-- the answer shows a loop of aliases
SELECT a.name, a.rdata
FROM dns_message_at(:'odd', 'cnameloop.example') AS m, unnest(m.answer) AS a;

-- the EDNS text of an answer comes from a stranger
SELECT label, edns_udp_size, ede_code, ede_text, nsid
FROM unnest(ARRAY['sound', 'nsid', 'ede', 'edeempty', 'edehigh', 'edeutf8',
		'edecut', 'edeshort', 'optunknown', 'noedns1'])
	WITH ORDINALITY AS v (label, ord),
	dns_message_at(:'odd', label || '.edns.example')
ORDER BY ord;

-- anybody can set the AD bit; it is shown only if the way to the servers is trusted
SELECT ad FROM dns_message_at(:'odd', 'ad.example');
SET pgcares.trust_ad = on;
SELECT ad FROM dns_message_at(:'odd', 'ad.example');
SELECT ad FROM dns_message_at(:'odd', 'sound.example');
SELECT dns_message_json('a.all.example') -> 'AD' AS ad;
RESET pgcares.trust_ad;
SELECT dns_message_json('a.all.example') ? 'AD' AS ad;

-- no answer at all
SET pgcares.timeout = '50ms';
SET pgcares.tries = 2;
CREATE VIEW no_answer AS
	SELECT status, question, server, transport, elapsed IS NOT NULL AS elapsed,
		tries, rcode, answer, wire
	FROM dns_message('drop.example', 'MX');
SET pgcares.servers = :'odd';
SELECT * FROM no_answer;
SELECT dns_message_json('drop.example') IS NULL AS none;
SELECT dns_message_json('short.example') IS NULL AS malformed;
SELECT dns_message_json('a..example') IS NULL AS badname;
SET pgcares.servers = '127.0.0.1:1';
SELECT * FROM no_answer;
SET pgcares.servers = '';
SELECT * FROM no_answer;
RESET pgcares.servers;
RESET pgcares.tries;
RESET pgcares.timeout;
DROP VIEW no_answer;

-- settings that change the question change the answer
SET pgcares.recurse = off;
SET pgcares.edns = off;
SET pgcares.checking_disabled = on;
SELECT rd, cd, edns_udp_size, nsid FROM dns_message('a.all.example');
RESET pgcares.recurse;
RESET pgcares.edns;
RESET pgcares.checking_disabled;
SET pgcares.tcp = on;
SELECT rd, cd, edns_udp_size, nsid, transport, tries
FROM dns_message('a.all.example');
RESET pgcares.tcp;

-- one server: its records or its message
SELECT * FROM dns_query_at(:'knot', 'mx.all.example', 'MX') ORDER BY rdata;
SELECT * FROM dns_query_at(:'knot', 'missing.all.example');
SELECT * FROM dns_query_at(:'knot', 'missing.all.example', on_error => 'missing_ok');
SELECT * FROM dns_query_at(:'odd', 'rcode5.example', on_error => 'warning');
SELECT * FROM dns_query_at(:'odd', 'referral.example');
SELECT * FROM dns_query_at(:'odd', 'open2.referral.example', on_error => 'warning');
SELECT * FROM dns_query_at('127.0.0.1:1', 'a.example');
SET pgcares.timeout = '50ms';
SET pgcares.tries = 1;
SELECT * FROM dns_query_at(:'odd', 'drop.example');
RESET pgcares.timeout;
RESET pgcares.tries;
SELECT * FROM dns_query_at(:'knot', 'a..example', on_error => 'ignore');
SELECT * FROM dns_query_at('localhost', 'a.all.example', on_error => 'ignore');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_message_at('fe80::1%nosuchdevice', 'a.all.example');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_message_at('fe80::1', 'a..b');

-- several servers in one statement
SELECT s.name, m.status, m.nsid
FROM (VALUES ('knot', :'knot'), ('odd', :'odd')) AS s (name, server),
	LATERAL dns_message_at(s.server, 'nsid.all.example') AS m
ORDER BY s.name;

-- the octets of an answer give the same row again, except for server and time
SELECT name, type, string_agg(a.key, ' ' ORDER BY a.key) AS differs
FROM (VALUES ('mx.all.example', 'MX'), ('missing.all.example', 'A'),
		('a.all.example', 'AAAA'), ('www.shop.example', 'A'),
		('txt.all.example', 'TXT'), ('shop.example', 'ANY'),
		('a.nowhere', 'A'))
	AS v (name, type), dns_message(name, type) AS m, dns_parse(m.wire) AS p,
	jsonb_each(to_jsonb(m)) AS a, jsonb_each(to_jsonb(p)) AS b
WHERE a.key = b.key AND a.value <> b.value
GROUP BY name, type ORDER BY name, type;

-- octets from elsewhere: an answer, a query, a part of a zone transfer
\x on
SELECT * FROM dns_parse('\x04d2 8580 0001 0001 0000 0001
	01610765 78616d70 6c650000 010001 c00c0001 00010000 003c0004 c0000201
	00002910 00000080 000000');
SELECT status, rcode, rd, ad, question, answer, edns_udp_size
FROM dns_parse('\x0001 0120 0001 0000 0000 0001 00 0002 0001
	00 0029 04d0 00000000 0000');
SELECT status, rcode, question, answer
FROM dns_parse('\x0001 8400 0000 0001 0000 0000
	00 0010 0001 ffffffff 0003 02 ff00');
\x off

-- several questions; other operations; an answer without a question
SELECT status, rcode, question, cardinality(answer) AS answers
FROM unnest(ARRAY[
		'\x0001 8180 0002 0001 0000 0000 016100 0001 0001 016200 001c 0003
			016100 0001 0001 00000000 0004 c0000201',
		'\x0001 8183 0002 0000 0000 0000 016100 0001 0001 016200 001c 0003',
		'\x0001 a400 0001 0000 0000 0000 016100 0006 0001',
		'\x0001 8005 0000 0000 0000 0000',
		'\x0001 8000 0000 0000 0000 0000',
		'\x0001 8000 0001 0000 0000 0000 00 00ff 00ff',
		'\x0001 8300 0001 0000 0000 0000 016100 0001 0001'
	]::bytea[]) WITH ORDINALITY AS v (message, ord), dns_parse(message)
ORDER BY ord;

-- octets behind the sections are ignored; DSO has its data there (RFC 8490)
SELECT rcode, question, cardinality(additional) AS additional, length(wire) AS wire
FROM unnest(ARRAY['\x0001 0000 0000 0000 0000 0000 00', '\x0001 3000 0000 0000 0000 0000 0001 0008 00003a98 00003a98',
		'\x0001 0000 0001 0000 0000 0000 016100 0001 0001 616e64206d6f7265'
	]::bytea[]) WITH ORDINALITY AS v (message, ord), dns_parse(message)
ORDER BY ord;

-- every operation reads a question and a record of every type without data, in every
-- section (RFC 2136 sections 2.4 and 2.5); OPT is part of the header
SELECT opcode, count(*) AS messages, count(p.rcode) AS read, count(DISTINCT r.type) AS types,
	string_agg(DISTINCT r.class, ' ') AS classes, string_agg(DISTINCT r.rdata, ' ') AS rdata
FROM generate_series(0, 6) AS opcode, unnest('{0,8}'::integer[]) AS qr, dns_types() AS t,
	unnest('{00fe,00ff}'::text[]) AS class, generate_series(0, 2) AS section,
	dns_parse(decode('0001' || to_hex(qr | opcode / 2) || to_hex(opcode % 2 * 8) || '00' || '0001'
		|| overlay('000000000000' PLACING '0001' FROM 4 * section + 1)
		|| '016100' || lpad(to_hex(t.code), 4, '0') || class
		|| '016100' || lpad(to_hex(t.code), 4, '0') || class || '00000000' || '0000', 'hex')) AS p,
	unnest(p.answer || p.authority || p.additional) AS r
WHERE t.type <> 'OPT'
GROUP BY opcode ORDER BY opcode;

-- a dynamic update: the zone, each kind of prerequisite, each kind of update, and TSIG
SELECT r.*
FROM dns_parse('\x0001 2800 0001 0005 0006 0001 036f7267 00 0006 0001
		0161 c00c 00ff 00ff 00000000 0000 0162 c00c 0001 00ff 00000000 0000
		0163 c00c 0001 0001 00000000 0004 c0000201
		0164 c00c 00ff 00fe 00000000 0000 0165 c00c 000f 00fe 00000000 0000
		0161 c00c 000f 0001 0000003c 0009 000a 046d61696c c00c
		0162 c00c 0001 00ff 00000000 0000 0163 c00c 00ff 00ff 00000000 0000
		0164 c00c 0001 00fe 00000000 0004 c0000202 0165 c00c 0010 00fe 00000000 0004 03616263
		0166 c00c 0005 00fe 00000000 0002 c00c
		036b6579 00 00fa 00ff 00000000 001a 08686d61632d6d643500 000000000001 012c 0000 0001 0000 0000') AS p,
	LATERAL (SELECT 1, a.* FROM unnest(p.answer) AS a UNION ALL SELECT 2, a.* FROM unnest(p.authority) AS a
		UNION ALL SELECT 3, a.* FROM unnest(p.additional) AS a) AS r (section, name, ttl, class, type, rdata, data);

-- a notification; a question about changes; a zone; mailboxes; a key; SIG(0)
SELECT status, rcode, question, answer[1].type AS answer, answer[1].rdata, authority[1].rdata AS authority,
	additional[1].type AS additional
FROM unnest(ARRAY[
		'\x0001 2400 0001 0001 0000 0000 016100 0006 0001 016100 0006 0001 00000000 0016
			0000 00000001 00000002 00000003 00000004 00000005',
		'\x0001 0000 0001 0000 0001 0000 016100 00fb 0001 016100 0006 0001 00000000 0016
			0000 00000001 00000002 00000003 00000004 00000005',
		'\x0001 8400 0001 0001 0000 0000 016100 00fc 0001 016100 0006 0001 00000000 0016
			0000 00000001 00000002 00000003 00000004 00000005',
		'\x0001 8400 0001 0001 0000 0000 016100 00fd 0001 016100 0008 0001 00000000 0001 00',
		'\x0001 8400 0001 0001 0000 0000 016100 00fe 0001 016100 0008 0001 00000000 0001 00',
		'\x0001 0000 0001 0000 0000 0001 016100 00f9 00ff
			016100 00f9 00ff 00000000 0014 0161 00 00000001 00000002 0003 0000 0001 ff 0000',
		'\x0001 2800 0001 0000 0000 0001 016100 0006 0001
			00 0018 00ff 00000000 0014 0000 0d 00 00000000 00000002 00000001 1234 00 ff'
	]::bytea[]) WITH ORDINALITY AS v (message, ord), dns_parse(message)
ORDER BY ord;

-- octets that are not a message
CREATE FUNCTION refused(octets bytea, OUT state text, OUT message text,
	OUT detail text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dns_parse($1);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL;
END
$$;
SELECT * FROM refused('');
SELECT left(encode(v.message, 'hex'), 40) AS message, r.state, r.detail
FROM unnest(ARRAY[
		'\x0102030405060708090a0b',
		'\x0001 0000 0001 0000 0000 0000',
		'\x0001 0000 0000 0001 0000 0000',
		'\x0001 0000 0001 0000 0000 0000 c00c 0001 0001',
		'\x0001 0000 0001 0000 0000 0000 016100 0001 00',
		'\x0001 8000 0000 0001 0000 0000 00 0001 0001 00000000 0003 010203',
		'\x0001 8000 0000 0001 0000 0000 00 0029 0200 00000000 0000',
		'\x0001 8000 0000 0000 0000 0002 00 0029 0200 00000000 0000
			00 0029 0200 00000000 0000'
	]::bytea[]) WITH ORDINALITY AS v (message, ord), refused(v.message) AS r
ORDER BY ord;
SELECT * FROM refused(decode(repeat('00', 65536), 'hex'));
SELECT length(answer[1].data ->> 'txt') FROM dns_parse(decode('000184000000000100000000' || '00001000010000'
	|| '0000' || 'ffe8' || repeat('ff' || repeat('61', 255), 255) || 'e7'
	|| repeat('61', 231), 'hex'));
SELECT dns_message_json('\x00'::bytea) IS NULL AS none;

-- with on_error they are a row, with as much of the header as there is
SELECT status, rcode, aa, tc, rd, ra, ad, cd, num_nonnulls(question, answer, authority, additional,
		server, transport, elapsed, tries, edns_udp_size, ede_code, ede_text, nsid) AS others, wire = message AS wire
FROM unnest(ARRAY['', '\x0102030405060708090a0b', '\x0001 87b3 0001 0000 0000 0000',
		'\x0001 8000 0000 0001 0000 0000 00 0001 0001 00000000 0003 010203'
	]::bytea[]) WITH ORDINALITY AS v (message, ord), dns_parse(message, 'ignore')
ORDER BY ord;
SELECT status, rcode, length(wire) FROM dns_parse(decode(repeat('00', 65536), 'hex'), 'ignore');
SELECT on_error, status, reason FROM unnest('{warning,ignore}'::text[]) AS on_error, dns_parse('\x00', on_error);
SELECT status FROM dns_parse('\x00', 'error');
\echo :LAST_ERROR_SQLSTATE
SELECT status FROM dns_parse('\x00', 'missing_ok');
SELECT status FROM dns_parse('\x000100000000000000000000', 'nonsense');
SET pgcares.on_error = 'ignore';
SELECT status FROM dns_parse('\x00');
SELECT status FROM dns_parse('\x00', 'error');
RESET pgcares.on_error;
SELECT * FROM refused(set_byte((SELECT wire FROM dns_message('a.all.example')), 7, 9));

-- compression pointers that only lead to one another: a few are a name, but
-- thousands are refused (the first record has them, the second the last one)
SELECT n, r.state
FROM unnest(ARRAY[1, 126, 127, 8000]) AS n,
	refused(decode('000180000000000200000000' || '00000a00010000003c' || lpad(to_hex(2 * n + 1), 4, '0')
		|| '00' || (SELECT string_agg(to_hex(49152 + CASE i WHEN 0 THEN 23 ELSE 22 + 2 * i END), '' ORDER BY i)
			FROM generate_series(0, n - 1) AS i)
		|| to_hex(49152 + 22 + 2 * n) || '000100010000003c0004c0000201', 'hex')) AS r;

-- a bitmap has no type or port above 65535
SELECT type, octets, r.state
FROM (VALUES (30, '00'), (11, '7f00000106')) AS v (type, begin), unnest(ARRAY[8192, 8193]) AS octets,
	refused(decode('000180000000000100000000' || '00' || lpad(to_hex(type), 4, '0') || '00010000003c'
		|| lpad(to_hex(length(begin) / 2 + octets), 4, '0') || begin || repeat('ff', octets), 'hex')) AS r
ORDER BY type, octets;

-- JSON: of an answer, of octets, and of an answer's octets
SELECT jsonb_pretty(dns_message_json('nullmx.all.example', 'MX')
	- 'ID' - 'messageOctetsHEX') AS json;
SELECT jsonb_pretty(dns_message_json('\x04d2 0100 0001 0000 0000 0000
	01610765 78616d70 6c650000 010001'::bytea)) AS query;
SELECT dns_message_json('\x0001 8180 0002 0000 0000 0000
	016100 0001 0001 016200 ff00 0abc'::bytea) -> 'questionRRs' AS questions;
SELECT dns_message_json(wire) - 'AD' = dns_message_json('mx.all.example', 'MX')
	|| jsonb_build_object('ID', ('x' || substr(encode(wire, 'hex'), 1, 4))::bit(16)::integer,
		'messageOctetsHEX', upper(encode(wire, 'hex'))) AS same
FROM dns_message('mx.all.example', 'MX');

-- data of a type has a member of its own if the RFC defines one; names in it are
-- not compressed
SELECT r ->> 'TYPEname' AS type, m.key, m.value
FROM (VALUES ('a', 'A'), ('aaaa', 'AAAA'), ('mx', 'MX'), ('ns', 'NS'),
		('soa', 'SOA'), ('srv', 'SRV'), ('txt', 'TXT'), ('type65280', 'TYPE65280'),
		('caa', 'CAA'))
	AS v (label, type),
	jsonb_array_elements(dns_message_json(
		CASE WHEN type IN ('NS', 'SOA') THEN 'all.example' ELSE label || '.all.example' END,
		v.type) -> 'answerRRs') AS r,
	jsonb_each_text(r) AS m
WHERE m.key LIKE 'rdata%' OR m.key = 'RDATAHEX'
ORDER BY v.type, r ->> 'RDATAHEX', m.key COLLATE "C";

-- an untyped literal is a name
SELECT dns_message_json('a.all.example') ->> 'QNAME' AS qname;

-- types belong to the extension, for any search_path
CREATE SCHEMA regress_messages;
CREATE TYPE regress_messages.dns_record AS (name integer);
CREATE DOMAIN regress_messages.text AS integer;
SET search_path = regress_messages, public, pg_catalog;
SELECT pg_typeof(answer), answer[1].rdata FROM public.dns_message('a.all.example');
SELECT pg_typeof(p.answer), p.answer[1].rdata
FROM dns_message_at(:'knot', 'a.all.example') AS m, dns_parse(m.wire) AS p;
RESET search_path;
DROP SCHEMA regress_messages CASCADE;

-- in another schema
CREATE SCHEMA regress_messages;
ALTER EXTENSION pgcares SET SCHEMA regress_messages;
SELECT pg_typeof(answer), answer[1].rdata
FROM regress_messages.dns_message('a.all.example');
ALTER EXTENSION pgcares SET SCHEMA public;
DROP SCHEMA regress_messages;

-- kept in a table, a message can be read later
CREATE TEMP TABLE kept AS
	SELECT name, m.wire
	FROM unnest(ARRAY['a.all.example', 'missing.all.example']) AS name,
		dns_message(name) AS m;
SELECT k.name, p.status, p.answer[1].rdata, p.authority[1].type
FROM kept AS k, dns_parse(k.wire) AS p ORDER BY k.name;
CREATE INDEX ON kept ((dns_message_json(wire) ->> 'QNAME'));
DROP FUNCTION refused;
