-- Functions on the labels of names: parts, order, and names in block lists.

-- labels: escapes, U-labels, the root, and text that is no name
SELECT name, dns_labels(name), cardinality(dns_labels(name)) AS count, dns_parent(name)
FROM unnest(ARRAY['www.Shop.example', 'www.shop.example.', 'example', '.', 'a\.b.c', '\000\255.x', 'a\ b\032.x',
	'*.example', '_25._tcp.mx', '', 'a..b', '..', '.a', repeat('a', 64), 'a b', 'a\', NULL]) AS name;
SELECT dns_labels(U&'b\00fccher.example'), dns_parent(U&'www.b\00fccher.example');
SELECT cardinality(dns_labels(repeat('a.', 127))) AS most, dns_labels(repeat('a.', 128)) AS more;

-- the last labels
SELECT n, dns_suffix('a\.b.C.d.', n) FROM generate_series(-1, 4) AS n;
SELECT dns_suffix('.', 1), dns_suffix('a..b', 1), dns_suffix(NULL, 1), dns_suffix('a', NULL);

-- a domain itself, and what is below it, in any case of letters
SELECT name, domain, dns_is_below(name, domain)
FROM (VALUES ('www.shop.example', 'shop.example'), ('WWW.Shop.EXAMPLE', 'shop.example.'), ('shop.example.', 'SHOP.example'),
	('example', 'shop.example'), ('bookshop.example', 'shop.example'), ('a.shop.example.org', 'shop.example'),
	('a\.shop.example', 'shop.example'), ('a.\115hop.example', 'shop.example'), ('anything', '.'), ('.', '.'), ('.', 'example'),
	('x.xn--bcher-kva.example', U&'b\00fccher.example'), ('a..b', 'b'), ('a.b', ''), (NULL, 'b'), ('a.b', NULL)) AS v (name, domain);
-- the first label looks like the length octet of another
SELECT dns_is_below('\001b', 'b'), dns_is_below('a\001b', 'b'), dns_is_below('a.b', 'b');

-- canonical order: the example of RFC 4034 section 6.1, and names that are no names
SELECT name FROM unnest(ARRAY['z.example', '\200.z.example', 'zABC.a.EXAMPLE', 'example', '*.z.example',
	'Z.a.example', 'a.example', '\001.z.example', 'yljkjljk.a.example', '.', 'a..b']) AS name
ORDER BY dns_sort_key(name);
SELECT name, dns_sort_key(name)
FROM unnest(ARRAY['.', 'b.A', '\000.a', '\001.a', '\000\001\002.a', 'a\.b', '']) AS name;

-- the order is that of the labels, octet by octet, for all pairs of many names
CREATE TABLE label AS
	SELECT * FROM unnest(ARRAY['a', 'A', 'ab', 'b', '\000', '\000a', '\001', '\001\000', '\002', '\255', '-', '*']) AS label;
CREATE TABLE name AS
	SELECT concat_ws('.', a.label, b.label, c.label) AS name
	FROM label AS a LEFT JOIN label AS b ON true LEFT JOIN label AS c ON c.label = '\000' OR a.label = 'b'
	UNION ALL SELECT label FROM label UNION ALL SELECT a.label || '.' || b.label FROM label AS a, label AS b;
CREATE FUNCTION canonical(name text) RETURNS bytea[]
LANGUAGE sql AS $$
	SELECT array_agg(dns_unescape(lower(label)) ORDER BY n DESC)
	FROM unnest(dns_labels(name)) WITH ORDINALITY AS l (label, n)
$$;
SELECT count(*) > 100000 AS pairs, bool_and(o.octets = o.labels) AS same
FROM (SELECT dns_sort_key(name) AS key, canonical(name) AS labels FROM name OFFSET 0) AS a,
	(SELECT dns_sort_key(name) AS key, canonical(name) AS labels FROM name OFFSET 0) AS b,
	LATERAL (SELECT (a.key > b.key)::integer - (a.key < b.key)::integer,
		(a.labels > b.labels)::integer - (a.labels < b.labels)::integer) AS o (octets, labels);

-- indexes: order, equality, and all that is below a name
CREATE INDEX name_key ON name (dns_sort_key(name));
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT name FROM name ORDER BY dns_sort_key(name);
EXPLAIN (COSTS OFF) SELECT name FROM name
WHERE dns_sort_key(name) >= dns_sort_key('ab') AND dns_sort_key(name) < dns_sort_key('ab') || '\xff';
SELECT count(*) > 0 AS some, bool_and(dns_is_below(name, 'b')) AS all
FROM name WHERE dns_sort_key(name) >= dns_sort_key('b') AND dns_sort_key(name) < set_byte(dns_sort_key('b'), 1, 1);
SELECT count(*) FROM (
	SELECT name FROM name WHERE dns_is_below(name, 'b')
	EXCEPT SELECT name FROM name
	WHERE dns_sort_key(name) >= dns_sort_key('b') AND dns_sort_key(name) < set_byte(dns_sort_key('b'), 1, 1)) AS missed;
DROP TABLE name, label;
DROP FUNCTION canonical;

-- names in block lists (RFC 5782): of addresses, also as text, and of domains
SELECT dns_blocklist_name(inet '192.0.2.99', 'bad.example'), dns_blocklist_name('192.0.2.99', 'bad.example.'),
	dns_blocklist_name(inet '192.0.2.99/24', 'bad.example'), dns_blocklist_name((inet '192.0.2.99')::text, 'bad.example');
SELECT dns_blocklist_name(address, 'ugly.example') = dns_blocklist_name(host(address), 'ugly.example') AS same,
	dns_blocklist_name(address, 'ugly.example')
FROM (VALUES (inet '2001:db8:1:2:3:4:567:89ab'), ('::1'), ('::ffff:192.0.2.1')) AS v (address);
SELECT name, zone, dns_blocklist_name(name, zone)
FROM (VALUES ('Spammer.example', 'dbl.example'), ('a\.b.', 'dbl.example'), ('192.0.2', 'bl.example'), ('192.0.2.256', 'bl.example'),
	('x', '.'), ('192.0.2.1', '.'), ('.', 'dbl.example'), ('a..b', 'dbl.example'), ('x', 'a..b'), ('', ''),
	(NULL, 'dbl.example'), ('x', NULL)) AS v (name, zone);
SELECT n, length(dns_blocklist_name(repeat('a.', n) || 'b', 'dbl.example')) FROM generate_series(119, 122) AS n;

-- a random number for each weight, and always one for 0
SELECT bool_and(k > 0) AS above_0, bool_and(k < 'infinity') AS finite, count(DISTINCT k) > 90 AS different
FROM generate_series(0, 99) AS w, dns_srv_key(w) AS k;
SELECT bool_and(dns_srv_key(0) > dns_srv_key(65535)) FROM generate_series(1, 100);
-- the orders of three records are as often as RFC 2782 has them: each place is drawn from
-- the records that are left, by weight (chi-square of 5 degrees; 60 is one case in 10^11)
SELECT count(*) AS orders, sum((n - 12000 * p) ^ 2 / (12000 * p)) < 60 AS as_often
FROM (SELECT w, count(*) AS n
		FROM (SELECT array_agg(w ORDER BY dns_srv_key(w)) FROM generate_series(1, 12000) AS i, unnest('{1,2,5}'::integer[]) AS w GROUP BY i) AS s (w)
		GROUP BY w) AS o,
	LATERAL (SELECT w[1] / 8.0 * w[2] / (8 - w[1])) AS e (p);
