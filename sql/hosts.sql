-- Hosts by name and by address, and names that a search list completes. The
-- hosts file has tests of its own: here only name servers are asked.
\getenv odd PGCARES_TEST_MISBEHAVING
\set SHOW_CONTEXT never
SET pgcares.lookups = b;

-- the first address, of both families or of one; through aliases; in any case of
-- letters
SELECT dns_lookup('shop.example'), dns_lookup('shop.example', 4),
	dns_lookup('shop.example', 6);
SELECT dns_lookup('WWW2.Shop.Example.'), dns_lookup('aaaa.all.example', 6);
SELECT dns_lookup('aaaa.all.example');

-- an address gives itself, localhost is known, and neither needs a server
SET pgcares.servers = '';
SELECT dns_lookup('192.0.2.1'), dns_lookup('2001:DB8:0::1'),
	dns_lookup('::ffff:192.0.2.1');
SELECT dns_lookup('localhost'), dns_lookup('LocalHost.', 6),
	dns_lookup('a.b.localhost', 4);
SELECT * FROM dns_addresses('localhost');
SELECT * FROM dns_gethostbyname('a.localhost', 6);
SELECT * FROM dns_gethostbyname('192.0.2.1');
SELECT dns_lookup('192.0.2.1', 6);
SELECT dns_lookup('www.example.onion');
SELECT dns_lookup('shop.example');
RESET pgcares.servers;

-- other forms of addresses are names
SET pgcares.servers = :'odd';
SELECT n, dns_lookup(n, 4)
FROM unnest(ARRAY['127.1', '0x7f.1', '0x7f000001', '2130706433', '127.0.0.01',
		'127.0.0.1.', 'localhost.example', 'notlocalhost']) AS n;
RESET pgcares.servers;

-- all addresses
SELECT * FROM dns_addresses('www2.shop.example');
SELECT * FROM dns_addresses('shop.example', 6);
SELECT * FROM dns_addresses('a.all.example');
SELECT address FROM dns_addresses('api.shop.example', family => 4) ORDER BY 1;

-- in the order of RFC 6724: by precedence, then by scope; alone and in a batch
SELECT address FROM dns_addresses('order.all.example');
SELECT array_agg(b.address ORDER BY n) = ARRAY(SELECT address FROM dns_addresses('order.all.example')) AS same
FROM dns_addresses_many('{order.all.example}') WITH ORDINALITY AS b (ord, question, status, reason, address, ttl, n);
SELECT address = dns_lookup('order.all.example') AS same FROM dns_lookup_many('{order.all.example}');

-- in the order of the sortlist; an address alone is a network of its own
SET pgcares.sortlist = '10.0.0.0/8, 192.0.2.31, 2002::31, ::/0';
SELECT address FROM dns_addresses('order.all.example');
SELECT array_agg(b.address ORDER BY n) = ARRAY(SELECT address FROM dns_addresses('order.all.example')) AS same
FROM dns_addresses_many('{order.all.example}') WITH ORDINALITY AS b (ord, question, status, reason, address, ttl, n);
SELECT address = dns_lookup('order.all.example') AS same FROM dns_lookup_many('{order.all.example}');
SET pgcares.sortlist = '192.0.2.0';
SELECT dns_lookup('web.shop.example');
SET pgcares.sortlist = '2001:db8::/32';
SELECT address FROM dns_addresses('shop.example');
SELECT dns_lookup('shop.example'), dns_lookup('localhost');
SET pgcares.sortlist = '::1/128, 192.0.2.12/32, 192.0.2.0/255.255.255.0, ::/0';
SELECT address FROM dns_addresses('api.shop.example');
SELECT dns_lookup('shop.example'), dns_lookup('localhost');
SET pgcares.sortlist = '192.0.2.11/32';
SELECT dns_lookup('api.shop.example');
RESET pgcares.sortlist;

-- no such name, no such addresses
SELECT dns_lookup('missing.all.example');
\echo :LAST_ERROR_SQLSTATE
SELECT dns_lookup('a.all.example', 6);
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_addresses('mx.all.example');
SELECT * FROM dns_addresses('dangling.all.example', 4);
SELECT dns_lookup('missing.all.example', on_error => 'missing_ok') IS NULL;
SELECT * FROM dns_addresses('missing.all.example', on_error => 'missing_ok');
SELECT * FROM dns_addresses('mx.all.example', 0, 'warning');
SELECT * FROM dns_gethostbyname('missing.all.example', 0, 'ignore');

-- NULL
SELECT dns_lookup(NULL) IS NULL AND dns_lookup('shop.example', NULL) IS NULL
	AND dns_reverse(NULL) IS NULL AS "null";
SELECT * FROM dns_addresses(NULL);
SELECT * FROM dns_gethostbyname(NULL);
SELECT * FROM dns_gethostbyaddr(NULL);

-- mistakes in a call
SELECT dns_lookup('shop.example', 5);
\echo :LAST_ERROR_SQLSTATE
SELECT dns_lookup('a..example');
SELECT dns_lookup('localhost', 0, 'nonsense');
SELECT * FROM dns_gethostbyaddr('192.0.2.1', 'nonsense');

-- one question finds an address and the other one fails: one address is enough
-- for dns_lookup, but a function that returns all of them shows the failure
SET pgcares.servers = :'odd';
SELECT dns_lookup('aaaa15.example');
SELECT * FROM dns_addresses('aaaa15.example');
SELECT * FROM dns_addresses('aaaa15.example', 0, 'missing_ok');
SELECT * FROM dns_addresses('aaaa15.example', 0, 'warning');
SELECT * FROM dns_addresses('aaaa15.example', 0, 'ignore');
SELECT * FROM dns_addresses('a3.example', 0, 'ignore');
SELECT * FROM dns_gethostbyname('aaaa15.example');
SELECT * FROM dns_gethostbyname('aaaa15.example', 0, 'ignore');
SELECT address FROM dns_getaddrinfo('aaaa15.example');
SELECT address FROM dns_getaddrinfo('aaaa15.example', on_error => 'warning');
SELECT dns_lookup('rcode2.example');
SELECT dns_lookup('rcode5.example', 6, 'warning');
RESET pgcares.servers;

-- one question at a time
SET pgcares.max_in_flight = 1;
SELECT * FROM dns_addresses('shop.example');
RESET pgcares.max_in_flight;

-- an address as text of the type inet, with its netmask, is that address; a network is none
SELECT written, dns_lookup(written, on_error => 'ignore'), h.*, g.address, g.canonname
FROM unnest(ARRAY[(inet '192.0.2.10')::text, (inet '2001:db8::10')::text, '192.0.2.10/24', '2001:db8::10/64']) AS written
	LEFT JOIN LATERAL dns_gethostbyname(written, on_error => 'ignore') AS h ON true
	LEFT JOIN LATERAL dns_getaddrinfo(written, flags => '{canonname}', on_error => 'ignore') AS g ON true;
SELECT question, status, address FROM dns_lookup_many(ARRAY[(inet '192.0.2.10')::text, '192.0.2.0/24']);
SELECT address FROM dns_getaddrinfo('192.0.2.10/32', flags => '{numerichost}');

-- names of addresses; the netmask is ignored
SELECT dns_reverse('192.0.2.10'), dns_reverse('192.0.2.10/24'),
	dns_reverse('2001:db8::10');
SELECT dns_reverse('192.0.2.129'), dns_reverse('192.0.2.200');
SELECT dns_reverse('192.0.2.99');
SELECT dns_reverse('192.0.2.99', 'missing_ok') IS NULL;

-- as in C: the canonical name, the names that led to it, the addresses
SELECT * FROM dns_gethostbyname('www2.shop.example');
SELECT * FROM dns_gethostbyname('web.shop.example', 4);
SELECT * FROM dns_gethostbyname('www.dname.all.example');
SELECT * FROM dns_gethostbyaddr('2001:db8::10/64');
SELECT addresses, name || aliases @> '{ns1.all.example,ns1.shop.example}' AS both
FROM dns_gethostbyaddr('192.0.2.53');
SELECT * FROM dns_gethostbyaddr('192.0.2.99');

-- addresses to connect to
SELECT * FROM dns_getaddrinfo('www.shop.example');
SELECT * FROM dns_getaddrinfo('www.shop.example', '8080', 4, 1, 6,
	'{canonname}');
SELECT address, port, family FROM dns_getaddrinfo('192.0.2.1', '443');
SELECT * FROM dns_getaddrinfo('localhost', '53', socktype => 2,
	flags => '{canonname}');
SELECT cnames FROM dns_getaddrinfo('www2.shop.example', family => 4);
SELECT cnames FROM dns_getaddrinfo('localhost', family => 4);
SELECT * FROM dns_getaddrinfo(NULL);
SELECT * FROM dns_getaddrinfo(NULL, '53', flags => '{passive}');
SELECT address FROM dns_getaddrinfo(NULL, family => 6, flags => '{AI_PASSIVE}');
SELECT address FROM dns_getaddrinfo('shop.example', flags => '{passive}');

-- a port that is a number; NULL and texts stand for a service
SELECT * FROM dns_getaddrinfo('www.shop.example', 443, 4, socktype => 1);
SELECT address, port, ttl FROM dns_getaddrinfo('localhost', 80);
SELECT port FROM unnest('{0,1,65535}'::int[]) AS p, dns_getaddrinfo('192.0.2.1', p);
SELECT port FROM dns_getaddrinfo('192.0.2.1', port => 53);
SELECT port FROM dns_getaddrinfo('192.0.2.1', 53::smallint);
SELECT port FROM dns_getaddrinfo('192.0.2.1', NULL::int);
SELECT address, port FROM dns_getaddrinfo(NULL, 53, 4, flags => '{passive}');
SELECT * FROM dns_getaddrinfo('192.0.2.1', 65536);
SELECT * FROM dns_getaddrinfo('192.0.2.1', -1);
SELECT * FROM dns_getaddrinfo('shop.example', 443, flags => '{numerichost}');

-- IPv4 addresses as IPv6 addresses: instead of IPv6 addresses, or besides them
SELECT flags, address, family
FROM (VALUES (1, '{}'::text[]), (2, '{v4mapped}'), (3, '{v4mapped,all}'),
		(4, '{all}')) AS v (ord, flags),
	dns_getaddrinfo('shop.example', NULL, 6, flags => v.flags)
ORDER BY ord;
SELECT address, family
FROM dns_getaddrinfo('a.all.example', NULL, 6, flags => '{Ares_AI_v4Mapped}');
SELECT address FROM dns_getaddrinfo('a.all.example', NULL, 6);
SELECT address FROM dns_getaddrinfo('shop.example', NULL, 0,
	flags => '{v4mapped,all}');

-- texts that are not an address, port, service or flag
SELECT * FROM dns_getaddrinfo('192.0.2.1', flags => '{numerichost}');
SELECT * FROM dns_getaddrinfo('shop.example', flags => '{numerichost}');
SELECT * FROM dns_getaddrinfo('192.0.2.1', 'https', flags => '{numericserv}');
SELECT * FROM dns_getaddrinfo('192.0.2.1', '65536');
SELECT * FROM dns_getaddrinfo('192.0.2.1', 'nosuch', socktype => 2);
SELECT * FROM dns_getaddrinfo('192.0.2.1', '');
SELECT * FROM dns_getaddrinfo('192.0.2.1', flags => '{canonname,nosuch}');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM dns_getaddrinfo('192.0.2.1', flags => '{NULL}');

-- names of an address and a port; one of the ports has no name
SELECT ord, flags, i.*
FROM (VALUES
		(1, '{}'::text[]), (2, '{lookuphost}'), (3, '{lookupservice}'),
		(4, '{lookuphost,lookupservice}'), (5, '{numerichost}'),
		(6, '{lookupservice,numericserv}'),
		(7, '{NI_LOOKUPHOST,ares_ni_lookupservice,numericscope,tcp}'),
		(8, '{namereqd,NUMERICSERV,lookuphost,lookupservice}'))
	AS v (ord, flags),
	dns_getnameinfo('192.0.2.10', 64999, v.flags) AS i
ORDER BY ord;
SELECT * FROM dns_getnameinfo('2001:db8::10/64');
SELECT protocol, service
FROM unnest('{tcp,udp,dgram,sctp,dccp}'::text[]) AS protocol,
	dns_getnameinfo('192.0.2.10', 64999, ARRAY['lookupservice', protocol]);
SELECT * FROM dns_getnameinfo('192.0.2.10', 0, '{lookupservice}');
-- a port without flags: its service, or else the number
SELECT * FROM unnest('{443,64999,65535}'::int[]) AS port, dns_getnameinfo('192.0.2.10', port);
SELECT * FROM dns_getnameinfo('192.0.2.10', 443, '{numericserv}');

-- an address without a name is shown itself, unless a name is required
SELECT * FROM dns_getnameinfo('192.0.2.99/24');
SELECT * FROM dns_getnameinfo('192.0.2.99', 0, '{namereqd}');
SELECT * FROM dns_getnameinfo('192.0.2.99', 0, '{namereqd}', 'missing_ok');

-- without the domain of this host
SET pgcares.domains = 'shop.example, all.example';
SELECT address, node
FROM unnest('{192.0.2.10,192.0.2.82,192.0.2.1}'::inet[]) AS address,
	dns_getnameinfo(address, 0, '{nofqdn}');
RESET pgcares.domains;

-- with U-labels
SELECT flags, node
FROM (VALUES (1, '{}'::text[]), (2, '{idn}'),
		(3, '{idn,idn_allow_unassigned,idn_use_std3_ascii_rules}'))
	AS v (ord, flags), dns_getnameinfo('192.0.2.102', 0, v.flags)
ORDER BY ord;
SELECT node FROM dns_getnameinfo('192.0.2.200', 0, '{idn}');

-- mistakes
SELECT * FROM dns_getnameinfo('192.0.2.10', 65536);
SELECT * FROM dns_getnameinfo('192.0.2.10', -1);
SELECT * FROM dns_getnameinfo('192.0.2.10', 0, '{numerichost,namereqd}');
SELECT * FROM dns_getnameinfo('192.0.2.10', 0, '{AI_PASSIVE}');
SELECT * FROM dns_getnameinfo(NULL);

-- names that are completed: a name with few dots is tried with the list first,
-- others unchanged first; a final dot keeps a name unchanged
SET pgcares.domains = 'shop.example, all.example';
SELECT name, type, rdata FROM dns_search('web');
SELECT name, type, rdata FROM dns_search('mx', 'MX') ORDER BY rdata;
SET pgcares.ndots = 2;
SELECT name, rdata FROM dns_search('mail.b-boats');
SELECT name, rdata FROM dns_search('_sip._tcp', 'srv') ORDER BY rdata;
RESET pgcares.ndots;
SELECT name, rdata FROM dns_search('a.all.example');
SELECT name, rdata FROM dns_search('A.ALL.example.');
SELECT name, rdata FROM dns_search('www');
SET pgcares.ndots = 0;
SELECT name FROM dns_search('shop.example');

-- nothing found: one name that exists outweighs others that do not
SELECT * FROM dns_search('mx.all.example');
SET pgcares.ndots = 3;
SELECT * FROM dns_search('mx.all.example', on_error => 'error');
SELECT * FROM dns_search('missing.all.example');
RESET pgcares.ndots;

-- a failure ends the search
SELECT * FROM dns_search('nosuch', on_error => 'missing_ok');
SET pgcares.servers = :'odd';
SET pgcares.domains = 'nxdomain.example, nodata.example';
SELECT * FROM dns_search('nxdomain');
SET pgcares.domains = 'x.example';
SELECT * FROM dns_search('nodata', 'MX');
SELECT * FROM dns_search('nodata', 'MX', on_error => 'missing_ok');
SELECT * FROM dns_search('rcode2');
SELECT * FROM dns_search('rcode2', on_error => 'warning');
SELECT * FROM dns_search('nxdomain.');
SELECT * FROM dns_search('x.onion');
SELECT * FROM dns_search('a..b');
SELECT * FROM dns_search('a', 'NOSUCH');
SELECT * FROM dns_search(NULL);
RESET pgcares.servers;
RESET pgcares.domains;

-- over a table
SELECT n, dns_lookup(n || '.shop.example', 0, 'missing_ok')
FROM unnest('{a-books,b-boats,d-drums}'::text[]) AS n ORDER BY n;
SELECT n, address
FROM unnest('{a-books,b-boats,d-drums}'::text[]) WITH ORDINALITY AS v (n, ord)
	LEFT JOIN LATERAL dns_addresses(n || '.shop.example', 0, 'missing_ok')
	ON true
ORDER BY ord, address;
