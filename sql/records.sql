-- Lookups of records: typed functions, dns_query, aliases, and the places in a
-- query where the functions can stand.
\getenv odd PGCARES_TEST_MISBEHAVING

-- addresses
SELECT * FROM dns_a('api.shop.example') ORDER BY address;
SELECT * FROM dns_aaaa('shop.example');

-- aliases and delegations
SELECT * FROM dns_cname('www.shop.example');
SELECT * FROM dns_ns('shop.example') ORDER BY nsdname;
SELECT * FROM dns_soa('shop.example');

-- mail and services
SELECT * FROM dns_mx('shop.example') ORDER BY preference;
SELECT * FROM dns_mx('nullmx.all.example');
SELECT * FROM dns_srv('_sip._tcp.shop.example') ORDER BY target;
SELECT * FROM dns_srv('srv.all.example') ORDER BY priority;
SELECT * FROM dns_naptr('shop.example') ORDER BY preference;
SELECT * FROM dns_uri('shop.example');
SELECT * FROM dns_https('shop.example');
SELECT * FROM dns_svcb('svcb-alias.all.example');

-- text, issuers, certificates, hosts
SELECT txt, ttl FROM dns_txt('shop.example') ORDER BY txt;
SELECT * FROM dns_txt('txt.all.example');
SELECT * FROM dns_caa('shop.example') ORDER BY tag;
SELECT * FROM dns_tlsa('_443._tcp.web.shop.example');
SELECT * FROM dns_hinfo('shop.example');

-- names of addresses: of an inet, whose netmask is ignored, of a text with an
-- address, and of its reverse name
SELECT * FROM dns_ptr(inet '192.0.2.53') ORDER BY ptrdname;
SELECT * FROM dns_ptr('192.0.2.53') ORDER BY ptrdname;
SELECT * FROM dns_ptr(inet '192.0.2.10/24');
SELECT * FROM dns_ptr(cidr '192.0.2.10/32');
SELECT * FROM dns_ptr('10.2.0.192.in-addr.arpa');
SELECT * FROM dns_ptr(inet '2001:db8::53') ORDER BY ptrdname;
SELECT * FROM dns_ptr('2001:db8::10');
SELECT * FROM dns_ptr('2001:DB8:0:0:0:0:0.0.0.16');
SELECT * FROM dns_ptr(address => '192.0.2.200');
-- text of the type inet has a netmask; one that is none is a name
SELECT written, p.*
FROM unnest(ARRAY[(inet '192.0.2.10')::text, (inet '2001:db8::10')::text, '192.0.2.10/24', '192.0.2.10/0', '2001:db8::10/64', '192.0.2.10/33',
		'192.0.2.10/', '192.0.2.10/-1', '192.0.2.10/0000', '192.0.2/24', '2001:db8::10/129', '2001:db8::10/4294967296', '/24', 'all.example/24']) AS written
	LEFT JOIN LATERAL dns_ptr(written, 'ignore') AS p ON true;
SELECT * FROM dns_ptr(name => 'ptr.all.example');

-- every type in one shape
SELECT q.*
FROM (VALUES
	(1, 'api.shop.example', 'A'),
	(2, 'shop.example', 'AAAA'),
	(3, 'www.shop.example', 'CNAME'),
	(4, 'shop.example', 'NS'),
	(5, 'shop.example', 'SOA'),
	(6, 'shop.example', 'MX'),
	(7, '_sip._tcp.shop.example', 'SRV'),
	(8, 'shop.example', 'NAPTR'),
	(9, 'shop.example', 'URI'),
	(10, 'shop.example', 'HTTPS'),
	(11, 'svcb-alias.all.example', 'SVCB'),
	(12, 'shop.example', 'TXT'),
	(13, 'shop.example', 'CAA'),
	(14, '_443._tcp.web.shop.example', 'TLSA'),
	(15, 'shop.example', 'HINFO'),
	(16, '53.2.0.192.in-addr.arpa', 'PTR')) AS o (ord, owner, type),
	dns_query(o.owner, o.type) AS q
ORDER BY o.ord, q.rdata COLLATE "C";

-- type A and class IN are the defaults; mnemonics have any case
SELECT * FROM dns_query('web.shop.example');
SELECT * FROM dns_query(class => 'in', type => 'mX', name => 'mx.all.example')
ORDER BY rdata;

-- types and classes by number (RFC 3597), unknown ones too
SELECT q.type, q.class, q.rdata
FROM (VALUES
	(1, 'TYPE65', 'IN'), (2, '65', 'CLASS1'), (3, 'type00065', '1'))
	AS o (ord, type, class),
	dns_query('https.all.example', o.type, o.class) AS q
ORDER BY o.ord;
SELECT * FROM dns_query('type65280.all.example', 'TYPE65280');
SELECT * FROM dns_query('type65281.all.example', '65281');

-- unknown types and classes, and types that no lookup can ask for
SELECT * FROM dns_query('a.all.example', 'TYPE65536');
SELECT * FROM dns_query('a.all.example', '-1');
SELECT * FROM dns_query('a.all.example', 'TYPE');
SELECT * FROM dns_query('a.all.example', '');
SELECT * FROM dns_query('a.all.example', ' A');
SELECT * FROM dns_query('a.all.example', 'A', 'CLASS65536');
SELECT * FROM dns_query('a.all.example', 'A', 'XX');
SELECT * FROM dns_query('all.example', 'AXFR');
SELECT * FROM dns_query('all.example', 'TYPE251');
SELECT * FROM dns_query('all.example', 'opt');

-- other classes; IPv4 addresses have no form of their own in CH
SELECT * FROM dns_query('version.bind', 'TXT', 'CH');
SELECT * FROM dns_query('version.bind', 'TXT', 'chaos');
SELECT * FROM dns_query('a.all.example', class => 'ANY');
SELECT * FROM dns_query('cname.all.example', class => 'ANY');
SET pgcares.servers = :'odd';
SELECT * FROM dns_query('sound.example', 'A', 'CH');
SELECT * FROM dns_query('sound.example', 'AAAA', 'HS');
SELECT * FROM dns_query('sound.example', 'MX', 'CLASS65280');

-- ANY: all records that the server gives
SELECT * FROM dns_query('sound.example', 'ANY') ORDER BY type COLLATE "C";
SELECT count(*) FROM dns_query('sound.example', '*');
RESET pgcares.servers;

-- TTLs: a set top bit counts as 0 (RFC 2181 section 8)
SELECT name, ttl FROM dns_query('ttl0.all.example');
SELECT name, ttl FROM dns_query('ttlmax.all.example');
SET pgcares.servers = :'odd';
SELECT name, ttl FROM dns_query('ttltop.example');
RESET pgcares.servers;

-- CNAME chains: the owner is the name at their end
SELECT * FROM dns_query('www2.shop.example');
SELECT * FROM dns_query('chain5.all.example');
SELECT * FROM dns_query('www2.shop.example', 'CNAME');
SELECT * FROM dns_mx('i-ink.shop.example');

-- DNAME, and the CNAME that a server derives from it (RFC 6672 section 3.1)
SELECT * FROM dns_query('www.dname.all.example');
SELECT * FROM dns_query('www.dname.all.example', 'CNAME');
SELECT * FROM dns_query('dname.all.example', 'DNAME');
SET pgcares.servers = :'odd';
SELECT * FROM dns_query('dname.odd.example');
SELECT * FROM dns_query('dnameonly.odd.example');
SELECT * FROM dns_query('dname.example');

-- aliases in any order, and records that do not belong to the question
SELECT * FROM dns_query('cnameback.example');
SELECT * FROM dns_query('cnameplus.example');
SELECT * FROM dns_query('otherplus.example');
RESET pgcares.servers;

-- wildcards: the owner is the name that was asked
SELECT * FROM dns_query('Some.Name.wild.all.example');
SELECT * FROM dns_query('*.wild.all.example', 'TXT');

-- answers that come over TCP
SELECT count(*), min(address), max(address) FROM dns_a('many.all.example');
SELECT count(*), sum(length(txt)) FROM dns_txt('bigtxt.all.example');

-- NULL asks nothing
SELECT * FROM dns_query(NULL);
SELECT * FROM dns_query('a.all.example', NULL);
SELECT * FROM dns_query('a.all.example', 'A', NULL);
SELECT * FROM dns_mx(NULL);
SELECT * FROM dns_ptr(NULL::inet);
SELECT * FROM dns_ptr(NULL::text);

-- in the SELECT list
SELECT dns_mx('nullmx.all.example');
SELECT (dns_mx('nullmx.all.example')).*;
SELECT n, dns_a(n || '.shop.example')
FROM (VALUES ('web'), ('ldap'), (NULL)) AS v (n) ORDER BY n;

-- in FROM: numbered, side by side, with columns of other names
SELECT * FROM dns_a('web.shop.example') WITH ORDINALITY;
SELECT *
FROM ROWS FROM (dns_a('web.shop.example'), dns_aaaa('web.shop.example'))
	AS t (v4, ttl4, v6, ttl6);

-- in expressions
SELECT EXISTS (SELECT FROM dns_mx('shop.example')) AS takes_mail,
	ARRAY(SELECT address FROM dns_a('api.shop.example') ORDER BY 1) AS api;

-- only some rows
SELECT count(*) FROM (SELECT FROM dns_a('many.all.example') LIMIT 3) AS t;
BEGIN;
DECLARE c SCROLL CURSOR FOR
	SELECT address FROM dns_a('many.all.example') ORDER BY address;
FETCH 2 FROM c;
MOVE 10 IN c;
FETCH BACKWARD 1 FROM c;
CLOSE c;
COMMIT;

-- rows as jsonb
SELECT to_jsonb(m) FROM dns_mx('e-eggs.shop.example') AS m;
SELECT to_jsonb(q) FROM dns_query('e-eggs.shop.example', 'MX') AS q;

-- prepared, with a plan for any name
SET plan_cache_mode = force_generic_plan;
PREPARE mx (text) AS SELECT * FROM dns_mx($1) ORDER BY preference;
EXECUTE mx ('l-lamps.shop.example');
EXECUTE mx ('g-games.shop.example');
DEALLOCATE mx;
RESET plan_cache_mode;

-- only calls that are executed ask: count is the number of queries below a name
SET pgcares.servers = :'odd';
CREATE VIEW planned AS SELECT * FROM dns_a('sound.planned.example');
PREPARE planned AS SELECT * FROM dns_a('sound.planned.example');
DO $$
BEGIN
	EXECUTE 'EXPLAIN TABLE planned';
	EXECUTE 'EXPLAIN EXECUTE planned';
END
$$;
SELECT txt AS queries FROM dns_txt('count.planned.example');
EXECUTE planned;
SELECT txt AS queries FROM dns_txt('count.planned.example');
DROP VIEW planned;
DEALLOCATE planned;
RESET pgcares.servers;

-- a table of branches with their mail servers
CREATE TABLE branch (name text PRIMARY KEY);
INSERT INTO branch VALUES ('a-books'), ('b-boats'), ('c-cakes'), ('d-drums'),
	('e-eggs'), ('f-flutes'), ('g-games'), ('h-hats'), ('i-ink'), ('j-jars'),
	('k-kites'), ('l-lamps');
SELECT b.name, m.preference, m.exchange, m.ttl
FROM branch AS b
	LEFT JOIN LATERAL
		dns_mx(b.name || '.shop.example', on_error => 'missing_ok') AS m ON true
ORDER BY b.name, m.preference;

-- a view asks when it is read
CREATE VIEW branch_address AS
	SELECT b.name, a.address
	FROM branch AS b, dns_a(b.name || '.shop.example', 'ignore') AS a;
SELECT * FROM branch_address ORDER BY name;

-- records can be stored
CREATE TABLE seen AS
	SELECT q.*
	FROM branch AS b,
		dns_query(b.name || '.shop.example', 'MX', on_error => 'ignore') AS q;
SELECT type, count(*) FROM seen GROUP BY type;
INSERT INTO seen SELECT * FROM dns_query('shop.example', 'CAA');
SELECT DISTINCT data->>'tag' AS tag FROM seen WHERE type = 'CAA' ORDER BY 1;

DROP VIEW branch_address;
DROP TABLE branch, seen;
