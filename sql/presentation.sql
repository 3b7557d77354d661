-- The text of records: rdata as in zone files and in the output of dig, data with
-- the field names of the RFCs. Each record is two lines here.
\getenv odd PGCARES_TEST_MISBEHAVING
\pset format unaligned
\pset tuples_only on

-- owners in all.example, whose first word is the record type
PREPARE show (text[]) AS
	SELECT concat_ws(' ', q.name, q.type, q.rdata) || E'\n  ' || q.data
	FROM unnest($1) WITH ORDINALITY AS o (owner, ord),
		dns_query(o.owner || '.all.example', split_part(o.owner, '-', 1)) AS q
	ORDER BY o.ord, q.rdata;

-- any owner and type
PREPARE show_one (text, text) AS
	SELECT concat_ws(' ', q.name, q.type, q.rdata) || E'\n  ' || q.data
	FROM dns_query($1, $2) AS q
	ORDER BY q.rdata;

-- addresses and identifiers
EXECUTE show ('{a,a-raw,aaaa,l32,l64,nid,eui48,eui64,x25,isdn,nsap}');
EXECUTE show ('{eid,nimloc}');
EXECUTE show ('{apl,apl-empty}');

-- an IPv6 address is written as inet writes it, with zeros anywhere
SELECT count(*), bool_and(rdata = host(rdata::inet)) AS as_inet,
	bool_and(right(encode(inet_send(rdata::inet), 'hex'), 32) = octets) AS complete
FROM (SELECT string_agg(CASE WHEN (zeros >> i) % 2 = 1 THEN '0000' ELSE word END,
			'' ORDER BY i) AS octets
		FROM generate_series(0, 255) AS zeros, generate_series(0, 7) AS i,
			unnest('{ffff,0001,00a0,0bcd}'::text[]) AS word
		GROUP BY zeros, word) AS a,
	LATERAL dns_parse(decode('000180000000000100000000' || '00001c00010000003c0010'
		|| octets, 'hex')) AS m, unnest(m.answer) AS r;

-- names
EXECUTE show ('{cname,dname,ptr,md,mf,mb,mg,mr,minfo,rp,talink}');
EXECUTE show_one ('nsap-ptr.all.example', 'NSAP-PTR');
EXECUTE show_one ('all.example', 'NS');
EXECUTE show_one ('all.example', 'SOA');

-- names with a number
EXECUTE show ('{mx,afsdb,kx,rt,lp,px,srv}');
EXECUTE show_one ('nullmx.all.example', 'MX');
EXECUTE show_one ('_underscore._tcp.all.example', 'SRV');

-- text
EXECUTE show ('{txt,txt-empty,txt-quote,txt-backslash,txt-nul,txt-high}');
EXECUTE show ('{txt-utf8,txt-semicolon,txt-newline,txt-255}');
EXECUTE show ('{spf,ninfo,avc,resinfo,wallet,cla,hinfo,hinfo-empty,gpos}');

-- services
EXECUTE show ('{naptr,naptr-escape,caa,caa-empty,uri,dsync,doa,sink}');
EXECUTE show ('{svcb,svcb-alias,svcb-escape}');
EXECUTE show ('{https,https-alias,https-dohpath,https-future}');

-- places
EXECUTE show ('{loc,loc-south,loc-west,loc-low,loc-far}');

-- keys and certificates
EXECUTE show ('{dnskey,cdnskey,cdnskey-delete,key,rkey,openpgpkey}');
EXECUTE show ('{cert,cert-uri,ipseckey,amtrelay,dhcid,hhit,brid}');

-- digests
EXECUTE show ('{ds,cds,cds-delete,ta,dlv,tlsa,smimea,sshfp,zonemd}');

-- signatures and denial of existence
EXECUTE show ('{rrsig,sig,nsec,nsec3param,csync}');
SET pgcares.servers = :'odd';
EXECUTE show_one ('nsec3.example', 'NSEC3');
RESET pgcares.servers;

-- rare types, types that are known by name only, and unknown types
EXECUTE show ('{wks,"null",nxt,hip,uinfo,uid,gid,unspec}');
EXECUTE show ('{type65280,type65281}');
EXECUTE show_one ('atma.all.example', 'TYPE34');
EXECUTE show_one ('a6.all.example', 'TYPE38');
EXECUTE show_one ('ipn.all.example', 'TYPE264');

-- values that are not assigned, and data that the format of its type cannot express, are
-- shown as octets; data has the fields that can be read
SELECT type, rdata || E'\n  ' || data
FROM (VALUES ('AMTRELAY', '0a04c0000201'), ('AMTRELAY', '0aff'), ('IPSECKEY', '0a0402c0000201'), ('LOC', '0100'),
		('A6', '81'), ('A6', '80'), ('ATMA', '0231'), ('APL', '0003080101'), ('APL', '000118020a00'),
		('CAA', '0006612d622d6331'), ('CERT', '000100020300'), ('CERT', '0001000203'), ('DS', '00010102'),
		('DSYNC', '003bff003500'), ('HIP', '000200010102'), ('NSEC', '00'), ('NSEC', '0000020000'), ('NSEC3', '010000000000'),
		('NXT', '0040000000'), ('SVCB', '00010000010001' || '00'), ('SVCB', '0001000002' || '0000'), ('URI', '00010002'),
		('WKS', 'c0000201060000'), ('LOC', '00a0131600000000000000000000000000'), ('DOA', '00000001000000020300'),
		('KEY', 'c0000305'), ('SRV', '00010002000301610162c00c'))
	AS v (name, octets)
	JOIN dns_types() AS t ON t.type = v.name,
	LATERAL (SELECT left(octets, 32) AS octets) AS o,
	LATERAL dns_parse(decode('000180000001000100000000' || '0163000001' || '0001' || '016300' || lpad(to_hex(code), 4, '0')
		|| '000100000000' || lpad(to_hex(length(o.octets) / 2), 4, '0') || o.octets, 'hex'), 'ignore') AS m,
	unnest(m.answer) AS r (name_, ttl, class, type_, rdata, data)
ORDER BY code, o.octets;

-- names that are not host names, as owners and as targets
SELECT q.name || ' ' || q.rdata
FROM unnest(ARRAY['esc\.dot', 'sp\032ace', 'nul\000nul', 'hi\255gh', 'quo\"te',
		'back\\slash', 'at\@sign', 'MiXeD']) WITH ORDINALITY AS o (owner, ord),
	dns_query(o.owner || '.all.example') AS q
ORDER BY o.ord;
EXECUTE show_one ('odd-targets.all.example', 'PTR');

-- every octet, in a name and in a text
SET pgcares.servers = :'odd';
SELECT rdata FROM dns_query('nameall.example', 'PTR') ORDER BY rdata;
SELECT rdata FROM dns_query('txtall.example', 'TXT');
EXECUTE show_one ('naptr255.example', 'NAPTR');
EXECUTE show_one ('urihigh.example', 'URI');

-- strings are the octets of the record, txt is text in any encoding
SELECT strings = ARRAY(
		SELECT string_agg(set_byte('\x00', 0, i), '' ORDER BY i)
		FROM generate_series(0, 255) AS i GROUP BY i / 128 ORDER BY i / 128)
FROM dns_txt('txtall.example');
RESET pgcares.servers;
\pset tuples_only off
\pset format aligned
SELECT t.txt, t.strings
FROM unnest('{txt,txt-empty,txt-quote,txt-backslash,txt-nul,txt-high,txt-utf8}'
		::text[]) WITH ORDINALITY AS o (owner, ord),
	dns_txt(o.owner || '.all.example') AS t
ORDER BY o.ord;

-- the other columns too
SELECT cpu, os FROM dns_hinfo('hinfo.all.example');
SELECT regexp FROM dns_naptr('naptr-escape.all.example');
SELECT ptrdname FROM dns_ptr('odd-targets.all.example') ORDER BY ptrdname;
SELECT jsonb_pretty(params) FROM dns_svcb('svcb.all.example');
SELECT jsonb_pretty(params) FROM dns_https('https.all.example');
