-- Names as input and output, and the functions on names that ask no server.
\getenv odd PGCARES_TEST_MISBEHAVING
\set SHOW_CONTEXT never

-- the name that a server sees, in the server's own answer; txt doubles backslashes
CREATE FUNCTION asked(name text) RETURNS text
LANGUAGE sql SET pgcares.servers = :'odd' AS $$
	SELECT replace(substring(txt FROM 'qname=echo\.(.*)'), '\\', '\')
	FROM dns_txt('echo.' || name)
$$;

-- why a name is refused
CREATE FUNCTION refused(name text, OUT state text, OUT detail text)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dns_to_ascii(name);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE,
		detail = PG_EXCEPTION_DETAIL;
END
$$;

-- with and without trailing dot, in any case of letters
SELECT name FROM dns_query('web.shop.example.');
SELECT * FROM dns_a('WEB.Shop.EXAMPLE');
SELECT asked('Upper.Lower.example');

-- letters, digits and hyphens are usual, but a name can have any octet
SELECT name, asked(name)
FROM unnest(ARRAY['_sip._tcp.example', '-a-.example', '*.example', '12.34',
		'a/b.example', 'a@b.example', 'a:b.example', '"a".example'])
	AS v (name);

-- escapes: \X and \DDD (RFC 1035 section 5.1, RFC 4343 section 2.1)
SELECT name, asked(name)
FROM unnest(ARRAY['a\.b.example', 'a\046b.example', 'a\032b.example',
		'a\ b.example', 'a\\b.example', 'a\"b.example', '\097\098\099.example',
		'\a\b\c.example', '\000.example', '\255\128.example',
		'\009\010.example']) AS v (name);

-- the root
SELECT dns_to_ascii('.');
SET pgcares.servers = :'odd';
SELECT name, rdata FROM dns_query('.', 'A');
RESET pgcares.servers;

-- a label has 63 octets at most, in any notation
SELECT * FROM dns_a('aaaaaaaaabbbbbbbbbbccccccccccdddddddddd' ||
	'eeeeeeeeeeffffffffff1234.all.example');
SELECT length(asked(repeat('a', 63) || '.example')),
	length(asked(repeat('\000', 63) || '.example'));
SELECT len, r.*
FROM (VALUES (63), (64), (1000)) AS v (len),
	refused(repeat('a', len) || '.example') AS r;
SELECT len, r.*
FROM (VALUES (63), (64)) AS v (len), refused(repeat('\097', len)) AS r;

-- with an escape for one of its letters a name is the same, or refused for the same
-- reason: labels and names of each length, with dots too many, and other octets
CREATE FUNCTION read_name(name text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	reason text;
BEGIN
	RETURN dns_to_ascii(name);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
	RETURN reason;
END
$$;
SELECT plain = escaped AS equal, count(*), count(DISTINCT plain)
FROM generate_series(1, 260) AS len, unnest(ARRAY[1, 6, 62, 63, 64]) AS size,
	unnest(ARRAY['', '.', '..', ' ', '*']) AS first, unnest(ARRAY['', '.', '..', '*']) AS last,
	LATERAL (SELECT first || left(repeat(repeat('a', size) || '.', 200), len) || last) AS v (name),
	read_name(name) AS plain, read_name(regexp_replace(name, 'a', '\097')) AS escaped
GROUP BY equal;

-- equal names are found whatever octets they have besides letters, and where; names
-- below invalid are never asked
SELECT value AS shared FROM dns_stats() WHERE counter = 'shared' \gset
SELECT count(*)
FROM dns_query_many(ARRAY(
	SELECT repeat('n', place) || '\' || to_char(octet, 'FM000') || 'n.octets.invalid'
	FROM generate_series(0, 16) AS place, generate_series(0, 255) AS octet));
SELECT value - :shared AS equal FROM dns_stats() WHERE counter = 'shared';

-- a name has 255 octets at most: 253 characters without escapes
SELECT address FROM dns_a(repeat(repeat('l', 63) || '.', 3) ||
	repeat('m', 49) || '.all.example');
SELECT length(name), r.*
FROM (VALUES (61), (62)) AS v (len),
	concat(repeat(repeat('a', 63) || '.', 3), repeat('a', len)) AS name,
	refused(name) AS r;
SELECT length(name), r.*
FROM (VALUES (61), (62)) AS v (len),
	concat(repeat(repeat('a', 63) || '.', 3), repeat('a', len), '.') AS name,
	refused(name) AS r;
SELECT length(name), r.*
FROM (VALUES (126), (127), (128)) AS v (len), repeat('a.', len) AS name,
	refused(name) AS r;

-- texts that are not names
SELECT to_json(name) AS name, r.*
FROM unnest(ARRAY['', '..', '.example', 'a..example', 'example..', ' ',
		' example', 'a b.example', E'a\tb', E'a\nb.example', E'a\x01b',
		E'a\x7fb', 'a\', 'a\1', 'a\12', 'a\12x', 'a\256', 'a\999.example'])
	WITH ORDINALITY AS v (name, ord),
	refused(name) AS r
ORDER BY ord;
SELECT * FROM dns_a('www..example');
SELECT * FROM dns_mx('');
SELECT * FROM dns_ptr('192.0.2. 1');

-- names that are not ASCII are asked as A-labels (RFC 5891)
\pset format unaligned
SELECT * FROM dns_a('bücher.all.example');
SELECT * FROM dns_query('BÜCHER.All.example');
SELECT name, asked(name)
FROM unnest(ARRAY['bücher.example', '_sip._tcp.bücher.example',
		'*.bücher.example', 'Bücher.例え.テスト', 'xn--bcher-kva.bücher.example',
		'bücher.example.'])
	WITH ORDINALITY AS v (name, ord)
ORDER BY ord;

-- but not with pgcares.idn off
SET pgcares.idn = off;
SELECT * FROM dns_a('bücher.all.example');
SELECT * FROM dns_a('xn--bcher-kva.all.example');
SELECT dns_to_ascii('bücher.example');
RESET pgcares.idn;

-- names as they are asked: IDNA2008 with the mapping of UTS 46
SELECT name, dns_to_ascii(name)
FROM unnest(ARRAY['Example.COM.', 'a\032b.example', 'BÜCHER.example',
		'faß.example', 'ςόλος.example', '例え。テスト', 'ＡＢＣ．example',
		U&'cafe\0301.example', U&'caf\00E9.example', U&'\05D0\05D1.example',
		U&'\0915\094D\200D\0937.example'])
	WITH ORDINALITY AS v (name, ord)
ORDER BY ord;
SELECT length(dns_to_ascii(repeat('ü', 57)));
\pset format aligned

-- refused: symbols, joiners and marks out of place, both directions in one
-- label, hyphens at an end, blanks, labels and names that are too long
\set VERBOSITY terse
SELECT dns_to_ascii('💩.example');
SELECT dns_to_ascii(U&'a\200Db.example');
SELECT dns_to_ascii(U&'\0301a.example');
SELECT dns_to_ascii(U&'\05D0a.example');
SELECT dns_to_ascii('-ü.example');
SELECT dns_to_ascii('ü-.example');
SELECT dns_to_ascii('ab--ü.example');
SELECT dns_to_ascii('xn--ü.example');
SELECT dns_to_ascii('ü b.example');
SELECT dns_to_ascii(repeat('ü', 58));
SELECT dns_to_ascii('ü..example');
SELECT dns_to_ascii('.ü');
\set VERBOSITY default
SELECT dns_to_ascii('ü\.b.example');
SELECT dns_to_ascii('ü.\.b.é.'), dns_to_ascii('\252.ü'), dns_to_ascii('ü.xn--a'), dns_to_ascii('Xn--A.ü');
SELECT left(written, 20) AS written, dns_is_name(written)
FROM unnest(ARRAY['ü.\.b', 'ü.a\', 'ü.\25', '\..ü', '..ü\', 'ü。\.', '\ü', 'a\b。ü', 'ü.\032', repeat('ü.\065.', 20), repeat('ü.\065.', 50), 'xn--ü.xn--a'])
	AS written;

-- names for people to read; labels other than A-labels stay unchanged
\pset format unaligned
SELECT name, dns_to_unicode(name)
FROM unnest(ARRAY['xn--bcher-kva.example', 'xn--bcher-kva.Example.',
		'xn--fa-hia.example', 'xn--r8jz45g.xn--zckzah', '_tcp.xn--bcher-kva',
		'bücher.xn--bcher-kva', '.', 'xn--.example', 'xn--a.example',
		'xn--zzzzzzzz.example', 'xn--ls8h.example', 'a\.b.\255.xn--bcher-kva',
		'xn--bcher\.kva'])
	WITH ORDINALITY AS v (name, ord)
ORDER BY ord;
-- ... and are read back, also with octets that only escapes can show
SELECT count(*) AS names, count(*) FILTER (WHERE dns_sort_key(dns_to_unicode(name)) = dns_sort_key(name)) AS same
FROM (SELECT string_agg((ARRAY['xn--bcher-kva', 'xn--fa-hia', 'xn--r8jz45g', 'xn--a', '_tcp', 'a\.b', '\255', 'sp\032ace', 'x\"y', '\092', 'plain', '-a', 'a--'])[1 + (i * 7919 + j * i) % 13], '.' ORDER BY j)
	FROM generate_series(1, 1000) i, generate_series(1, 1 + i % 5) j GROUP BY i) AS v (name);
SELECT dns_to_unicode('XN--BCHER-KVA.Example');
SELECT dns_to_unicode('a..b');
\pset format aligned

-- addresses and the names of their PTR records; a netmask is ignored
SELECT address, name, dns_address_from_reverse(name)
FROM unnest(ARRAY['192.0.2.1', '192.0.2.1/24', '0.0.0.0', '255.255.255.255',
		'2001:db8::a:1', '::', '::ffff:192.0.2.1']::inet[]) AS v (address),
	dns_reverse_address(address) AS name;
SELECT dns_address_from_reverse('1.2.0.192.IN-ADDR.Arpa.');
SELECT dns_address_from_reverse(upper(dns_reverse_address('2001:db8::abcd')));
SELECT dns_address_from_reverse('\049.2.0.192.in-addr.arpa');

-- other names below in-addr.arpa and ip6.arpa stand for no address
CREATE FUNCTION address_of(name text) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
	RETURN dns_address_from_reverse(name);
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN 'none';
END
$$;
SELECT name, address_of(name)
FROM unnest(ARRAY['2.0.192.in-addr.arpa', '0.1.2.0.192.in-addr.arpa',
		'129.128-159.2.0.192.in-addr.arpa', '256.2.0.192.in-addr.arpa',
		'01.2.0.192.in-addr.arpa', '+1.2.0.192.in-addr.arpa',
		'a.2.0.192.in-addr.arpa', '\000.2.0.192.in-addr.arpa',
		'1\000.2.0.192.in-addr.arpa', '1\0002.2.0.192.in-addr.arpa',
		'1.2.0.192.in-addr.arpa.example', '1.2.0.192.ip6.arpa', 'in-addr.arpa',
		'1.0.0.2.ip6.arpa',
		'g' || substr(dns_reverse_address('2001:db8::1'), 2),
		'10' || substr(dns_reverse_address('2001:db8::1'), 2),
		'0.' || dns_reverse_address('2001:db8::1'), 'www.shop.example',
		'192.0.2.1', '.', ''])
	WITH ORDINALITY AS v (name, ord)
ORDER BY ord;
SELECT dns_address_from_reverse('www.shop.example');

-- NULL
SELECT dns_to_ascii(NULL), dns_to_unicode(NULL), dns_reverse_address(NULL),
	dns_address_from_reverse(NULL);

DROP FUNCTION asked, refused, address_of;

-- text with escapes stands for octets (RFC 1035 section 5.1)
SELECT v.text, dns_unescape(v.text)
FROM unnest(ARRAY['', 'plain', 'a\.b', '\065\000\255', '\\065', '\"x\"', 'é\é'])
	WITH ORDINALITY AS v (text, ord)
ORDER BY ord;
SELECT dns_unescape(NULL) IS NULL AS none;
SELECT dns_unescape('\');
\echo :LAST_ERROR_SQLSTATE
SELECT dns_unescape('a\06');
SELECT dns_unescape('a\256');
SELECT dns_unescape('a\0x1');
