-- pgcares_tools: mail, sender policies, and trust in addresses.
CREATE EXTENSION pgcares_tools;
\getenv odd PGCARES_TEST_MISBEHAVING

-- hosts that take mail, best first
SELECT domain, m.*
FROM unnest('{two.mail.test,four.mail.test,six.mail.test,alias.mail.test,toaddress.mail.test,no.mail.test,mixed.mail.test,
	text.mail.test,nowhere.mail.test,Two.Mail.TEST.,a..b,NULL}'::text[]) WITH ORDINALITY AS d (domain, n)
	CROSS JOIN LATERAL dns_mail_hosts(domain) AS m ORDER BY n, preference;
SELECT * FROM dns_mail_hosts('two.mail.elsewhere');
SELECT * FROM dns_mail_hosts('two.mail.elsewhere', 'error');
SELECT * FROM dns_mail_hosts('two.mail.elsewhere', 'warning');
SELECT * FROM dns_mail_hosts('two.mail.elsewhere', 'ignore');
SELECT * FROM dns_mail_hosts('text.mail.test', 'error');
SELECT * FROM dns_mail_hosts('two.mail.test', 'maybe');
-- no search list completes a name
SET pgcares.domains = 'srv.test';
SELECT count(*) FROM dns_addresses('test');
SELECT * FROM dns_mail_hosts('test');
RESET pgcares.domains;

-- whether a domain accepts mail
SELECT domain, dns_accepts_mail(domain)
FROM unnest('{two.mail.test,four.mail.test,six.mail.test,alias.mail.test,toaddress.mail.test,no.mail.test,mixed.mail.test,
	text.mail.test,nowhere.mail.test,two.mail.elsewhere,a..b,NULL}'::text[]) AS domain;

-- nobody knows: no answer, a failure, a referral; and an address that one question gives
SET pgcares.servers = :'odd';
SET pgcares.tries = 1;
SET pgcares.timeout = '250ms';
SELECT domain, dns_accepts_mail(domain)
FROM unnest('{drop.a.example,rcode2.a.example,referral.a.example,nodata.a.example,sound.a.example}'::text[]) AS domain;
RESET pgcares.servers;
RESET pgcares.tries;
RESET pgcares.timeout;

-- tags of other records
SELECT record, dns_tags(record)
FROM unnest(ARRAY['v=DKIM1; k=rsa; p=MIGf+/A=', 'v=STSv1; id=20260101T000000Z;', 'v=TLSRPTv1;rua=mailto:a@b.example,https://c.example/?x=1',
	' v = BIMI1 ;l=; a = ; ', 'a=1;b=2;a=3', 'a=1;A=2', 'a', '=1', '1a=1', 'a=1;;b=2', 'a-b=1', ';', '', NULL]) AS record;

-- sender policies: status and terms
SELECT domain, s.*
FROM unnest('{ok,inc,upper,bare,two,bad,almost,alias,nowhere,h1,nul,high,utf8,cr,other}'::text[]) WITH ORDINALITY AS d (domain, n),
	LATERAL dns_spf(domain || '.spf.test') AS s ORDER BY n, s.ord;
SELECT * FROM dns_spf('ok.spf.elsewhere');
SELECT * FROM dns_spf('a..b');
SELECT * FROM dns_spf(NULL);

-- the grammar of a record: the terms that are right
SELECT term, s.qualifier, s.mechanism, s.value
FROM unnest(ARRAY['all', '-ALL', '~all', '?all', '+all', 'a', 'A', 'a:b.example', 'a/24', 'a//64', 'a/0//0', 'a:b.example/32//128', 'a:b.example.',
	'a:%{d}', 'a:%{d}/24', 'a:a/b.example', 'a:a/24.example', 'mx', 'mx:b.example', 'mx/8', '-mx:b.example//48', 'ptr', 'ptr:b.example',
	'include:b.example', '-include:_spf.b-c.example', 'exists:%{i}.b.example', 'exists:%{ir}.%{v}._spf.%{d2}', 'exists:%{L1R-+,/_=.}.b.example',
	'exists:a%%b.example', 'exists:%{d}%_.%-', 'exists:%{s}', 'exists:%{H}.b.example', 'exists:a=b.example', 'ip4:192.0.2.1', 'ip4:192.0.2.0/24', 'ip4:0.0.0.0/0',
	'ip4:255.255.255.255/32', 'ip6:::1', 'ip6:2001:db8::/32', 'ip6:::ffff:192.0.2.1/128', 'ip6:1:2:3:4:5:6:7:8', 'ip6:2001:DB8::A/0',
	'redirect=b.example', 'Redirect=%{d}.b.example', 'exp=e.%{d}', 'unknown=', 'un-known_1.x=anything/:%{c}%%', 'mx=b', 'a=1', 'include=b',
	'all=x']) WITH ORDINALITY AS t (term, n), LATERAL dns_spf_parse('v=spf1 ' || term) AS s
WHERE status = 'ok' ORDER BY n;

-- ... and wrong ones
SELECT term, s.status, s.qualifier, s.mechanism, s.value
FROM unnest(ARRAY['all.', 'all:', 'all/8', 'all:b.example', '--all', '=all', '!all', 'a:', 'a:/24', 'a:b', 'a:1.2.3.4', 'a:b.example:8080', 'a:b.123', 'a:b.-c', 'a:b.c-',
	'a:b..', 'a/33', 'a/024', 'a/', 'a//', 'a/24/64', 'a//129', 'a//064', 'a/24//', 'a:b.example/33', 'a:b.example//129', 'a:b.example/', 'mx:', 'mx/b',
	'mx:b.example/a', 'mxb.example', 'ptr:', 'ptr/24', 'ptr:b', 'include', 'include:', 'include/24', 'include:b', 'include:%{d', 'exists', 'exists:', 'exists:%', 'exists:%a.b.example',
	'exists:%{}.b.example', 'exists:%{x}.b.example', 'exists:%{d0}', 'exists:%{d00}', 'exists:%{d-2}', 'exists:%{dd}', 'exists:%{c}', 'exists:%{t}.b.example', 'exists:%{d}b',
	'ip4', 'ip4:', 'ip4:1.2.3', 'ip4:1.2.3.4.5', 'ip4:1.2.3.256', 'ip4:01.2.3.4', 'ip4:1.2.3.4/33', 'ip4:1.2.3.4/', 'ip4:1.2.3.4/032', 'ip4:1.2.3.4/-1', 'ip4:b.example',
	'ip4:::1', 'ip6', 'ip6:', 'ip6:1.2.3.4', 'ip6:::1/129', 'ip6:::1/', 'ip6:::1/01', 'ip6:1:2:3:4:5:6:7', 'ip6:::1::', 'ip6:fe80::1%lo', 'ip6:b:c.example', 'redirect=', 'redirect=b', 'redirect:b.example',
	'redirect=1.2.3.4', 'redirect=b.example/24', '-redirect=b.example', 'exp=', 'exp=b', 'exp=%{c}.b.example', '1x=y', '_x=y', 'x=%', 'x=%{q}', 'unknown', 'unknown:x', '+', '-', ':', '/24', 'redirect=b.example redirect=b.example',
	'exp=a.example EXP=b.example', E'mx\tall', U&'a:b\00fccher.example']) WITH ORDINALITY AS t (term, n),
	LATERAL (SELECT count(*) FILTER (WHERE p.status = 'syntax') = count(*) AND count(*) > 0 AS wrong FROM dns_spf_parse('v=spf1 ' || term) AS p) AS w,
	LATERAL dns_spf_parse('v=spf1 ' || term) AS s
WHERE NOT wrong ORDER BY n, s.ord;
SELECT * FROM dns_spf_parse('v=spf1  mx   ip4:192.0.2.1 nonsense -all  ');
SELECT record, terms FROM unnest(ARRAY['v=spf1', 'v=spf1 ', 'v=spf10 mx', 'v=spf1mx', 'spf2.0/pra mx', ' v=spf1 mx', '', NULL]) AS record,
	LATERAL (SELECT count(*) FROM dns_spf_parse(record)) AS s (terms);

-- what the check of a record costs, one by one and all at once
SELECT d.domain, c.status, c.lookups, c.void_lookups, c.mx_hosts, c.within_limits
FROM unnest('{ok,bare,ten,eleven,void2,void3,loop,after,mx3,mx10,mx11,many,broken,missing,outside,two,h1,nowhere}'::text[]) WITH ORDINALITY AS d (domain, n),
	LATERAL dns_spf_cost(d.domain || '.spf.test') AS c ORDER BY n;
SELECT * FROM dns_spf_cost('{ten.spf.test,a..b,ok.spf.elsewhere,void3.spf.test,a b,ten.spf.test,NULL}'::text[]);
SELECT * FROM dns_spf_cost('{}'::text[]);
SELECT * FROM dns_spf_cost(NULL::text[]);
SELECT * FROM dns_spf_cost(NULL::text);

-- DMARC: the steps of the walk
SELECT domain, array_agg(dns_dmarc_step(domain, n) ORDER BY n)
FROM unnest('{test,corp.test,a.b.c.d.e.f.g,a.b.c.d.e.f.g.h,a.b.c.d.e.f.g.h.i,a.b.c.d.e.f.g.h.i.j.mail.example.com,.,a..b}'::text[]) AS domain,
	generate_series(1, 9) AS n GROUP BY domain ORDER BY cardinality(dns_labels(domain)), domain;

-- ... and the policies that it finds
SELECT domain, d.status, d.found_at, d.policy, d.tags - 'v' AS tags
FROM unnest('{corp.test,CORP.test.,a.b.corp.test,1.2.3.4.5.6.7.8.9.corp.test,3.4.5.6.7.8.9.corp.test,gov.test,agency.gov.test,x.agency.gov.test,y.x.agency.gov.test,other.gov.test,
	group.test,unit.group.test,a.unit.group.test,part.unit.group.test,a.part.unit.group.test,own.part.unit.group.test,x.group.test,double.test,second.test,other.test,nolist.test,
	nopolicy.test,strange.test,x.strange.test,junk.test,twice.test,badsp.test,x.badsp.test,badnp.test,case.test,x.case.test,lower.test,later.test,space.test,
	suffix.test,a.suffix.test,b.a.suffix.test,x.deep.a.suffix.test,split.test,nothing.test,lame.test,a.lame.test,test,elsewhere,a..b}'::text[]) WITH ORDINALITY AS l (domain, n),
	LATERAL dns_dmarc(domain) AS d ORDER BY n;
SELECT * FROM dns_dmarc(NULL);

-- names of addresses, confirmed by the names' addresses
SELECT address, f.* FROM unnest('{192.0.2.11,192.0.2.53,192.0.2.203,192.0.2.204,192.0.2.205,192.0.2.99,2001:db8::203,10.1.2.3}'::inet[]) AS address,
	LATERAL dns_fcrdns(address) AS f ORDER BY address, ptrdname;
SELECT * FROM dns_fcrdns('198.51.100.1');
SELECT * FROM dns_fcrdns('198.51.100.1', 'ignore');
SELECT address, dns_fcrdns_in(address, '{crawler.test,Dyn.EXAMPLE}')
FROM unnest('{192.0.2.203,192.0.2.204,192.0.2.205,192.0.2.11,192.0.2.99,10.1.2.3,198.51.100.1,NULL}'::inet[]) AS address;
SELECT dns_has_address(names, '192.0.2.203'), names
FROM unnest(ARRAY['{bot1.crawler.test}', '{a.srv.test,b.srv.test,bot1.crawler.test}', '{bot1.crawler.elsewhere,bot1.crawler.test}', '{bot1.crawler.elsewhere,a.srv.test}',
	'{nowhere.test,NULL,a..b}', '{}', NULL]) AS text, LATERAL (SELECT text::text[] AS names) AS n;
SELECT dns_has_address('{bot1.crawler.test}', address)
FROM unnest('{192.0.2.203/24,2001:db8::203,::ffff:192.0.2.203,NULL}'::inet[]) AS address;
SELECT domains, dns_names_in('192.0.2.53', domains)
FROM unnest(ARRAY['{all.example}', '{ALL.Example.,NULL,a..b}', '{.}', '{ns1.shop.example,all.example}', '{hop.example}', '{}']) AS text, LATERAL (SELECT text::text[] AS domains) AS d;
SELECT dns_names_in('192.0.2.129', '{shop.example}') AS by_alias, dns_names_in('192.0.2.99', '{.}') AS none, dns_names_in('198.51.100.1', '{.}') AS unknown;
-- the same for all at once: a row for each, in the order of the array
SELECT * FROM dns_fcrdns_in_many(ARRAY(SELECT address
	FROM unnest('{198.51.100.1,192.0.2.205,192.0.2.204,192.0.2.203,NULL,192.0.2.203,2001:db8::203,192.0.2.203/24}'::inet[]) AS address), '{NULL,crawler.test,Dyn.EXAMPLE,a..b}');
SELECT * FROM dns_fcrdns_in_many('{192.0.2.203,192.0.2.205}', '{}');
SELECT * FROM dns_fcrdns_in_many('{192.0.2.203}', NULL);
SELECT * FROM dns_fcrdns_in_many('{}', '{crawler.test}');
SELECT * FROM dns_fcrdns_in_many(NULL, '{crawler.test}');
SELECT dns_fcrdns_in('192.0.2.205', '{elsewhere}'), dns_fcrdns_in('192.0.2.203', '{}'), dns_fcrdns_in('192.0.2.203', NULL);

-- block lists
SELECT address, b.* FROM unnest('{127.0.0.2,127.0.0.1,192.0.2.25,2001:db8::1,2001:db8::2}'::inet[]) WITH ORDINALITY AS a (address, n),
	LATERAL dns_blocklist(address, '{bl.test,parked.test}') AS b ORDER BY n, zone;
SELECT name, b.* FROM unnest('{bad.example,good.example,192.0.2.25,a..b}'::text[]) WITH ORDINALITY AS a (name, n),
	LATERAL dns_blocklist(name, '{dbl.test,bl.test,bl.elsewhere}') AS b ORDER BY n, zone;
-- what every list has and what none has, by which one can see whether it works (RFC 5782 section 5)
SELECT listed, codes FROM unnest('{127.0.0.2,127.0.0.1,::ffff:7f00:2,::ffff:7f00:1}'::inet[]) WITH ORDINALITY AS a (address, n),
	LATERAL dns_blocklist(address, '{bl.test}') ORDER BY n;
SELECT name, listed, codes FROM unnest('{TEST,INVALID,::FFFF:7F00:2}'::text[]) AS name, LATERAL dns_blocklist(name, '{dbl.test,bl.test}') ORDER BY 1, zone;
SELECT * FROM dns_blocklist('bad.example', '{}');
SELECT * FROM dns_blocklist('bad.example', NULL);
SELECT * FROM dns_blocklist('bad.example', '{NULL,a..b}');

DROP EXTENSION pgcares_tools;
