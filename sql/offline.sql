-- The functions that ask no name server, for everybody: a first check of an installation.

SELECT dns_version() ~ '^pgcares \S+, c-ares \d+\.\d+\.\d+$' AS version;
SELECT dns_reverse_address('192.0.2.1'), dns_reverse_address('2001:db8::1');
SELECT dns_address_from_reverse('1.2.0.192.in-addr.arpa');
SELECT dns_is_name('shop.example'), dns_is_name('a..example');
SELECT dns_to_ascii('bücher.example'), dns_to_unicode('xn--bcher-kva.example');
SELECT dns_unescape('a\000\255');
SELECT dns_status_is_final('NODATA'), dns_status_is_final('TIMEOUT');
SELECT dns_strerror(4);
SELECT status, sqlstate FROM dns_statuses() WHERE status = 'NXDOMAIN';
SELECT type, code FROM dns_types() WHERE type IN ('A', 'MX') ORDER BY code;
SELECT status, aa, question, answer[1].rdata FROM dns_parse('\x04d2858000010001000000000161076578616d706c650000010001c00c000100010000003c0004c0000201');
SELECT dns_message_json('\x04d2858000010001000000000161076578616d706c650000010001c00c000100010000003c0004c0000201'::bytea) ->> 'QNAME' AS qname;
SELECT option, data FROM dns_edns_options('\x1a2b8182000100000000000100000100010000290000000000000008000f000400160041');
SELECT count(*) FROM dns_grant_statements('analyst', 'operation');

-- all others are refused, and wait for no server
CREATE ROLE regress_offline;
SET ROLE regress_offline;
SELECT * FROM dns_a('shop.example');
RESET ROLE;
DROP ROLE regress_offline;
SELECT * FROM dns_a('a..example');
SET pgcares.servers = '127.0.0.1:none';
