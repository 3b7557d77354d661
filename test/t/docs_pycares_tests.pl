# What the tests of pycares and aiodns show holds here: a row has the name of their
# test, what it shows, our statement, and its result or SQLSTATE. Tests of aiodns that
# pycares has too are there once. Tests of close(), threads, garbage collection and the
# end of Python have one counterpart: a session ends while it waits. Tests of Python's
# own objects, futures, sockets and warnings have none.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $knot = NameServer->knot;
my $silent = NameServer->silent;
my $closed = NameServer->closed_port;
my $directory = PostgreSQL::Test::Utils::tempdir();
append_to_file("$directory/hosts", "127.0.0.1 localhost\n::1 localhost\n");
append_to_file("$directory/resolv.conf", "nameserver 127.0.0.1\n");

# It answers ANY with several types, which Knot does not (RFC 8482).
my $any = NameServer->misbehaving;

my $short = q(SET pgcares.timeout = '100ms'; SET pgcares.tries = 1);
my $mute = sprintf q(SET pgcares.servers = '%s'), $silent->address;
my $host = q(SELECT name, addresses FROM);
my $info = q(SELECT node, service FROM);
my $address = q(SELECT address, port FROM);

my @pycares = (
	[ getaddrinfo => 'a port as number', "$address dns_getaddrinfo('localhost', 80)", '::1|80; 127.0.0.1|80' ],
	[ getaddrinfo2 => 'a port as service', "$address dns_getaddrinfo('localhost', 'http')", '::1|80; 127.0.0.1|80' ],
	[ getaddrinfo3 => 'no port', "$address dns_getaddrinfo('localhost')", qr/^::1\|0?; 127\.0\.0\.1\|0?$/ ],
	[ getaddrinfo4 => 'one family', "$address dns_getaddrinfo('localhost', 'http', 4)", '127.0.0.1|80' ],
	[ getaddrinfo5 => 'a host of the DNS', "$address dns_getaddrinfo('api.shop.example', 'http')", '192.0.2.11|80; 192.0.2.12|80' ],
	[ gethostbyaddr => 'IPv4', "$host dns_gethostbyaddr('127.0.0.1')", 'localhost|{127.0.0.1}' ],
	[ gethostbyaddr6 => 'IPv6', "$host dns_gethostbyaddr('::1')", 'localhost|{::1}' ],
	[ gethostbyname => 'a host', "$host dns_gethostbyname('localhost', 4)", 'localhost|{127.0.0.1}' ],
	[ gethostbyname_small_timeout => 'a short timeout', "$short; $host dns_gethostbyname('localhost', 4)", 'localhost|{127.0.0.1}' ],
	[ getnameinfo => 'host and service', "$info dns_getnameinfo('127.0.0.1', 80, '{lookuphost, lookupservice}')", 'localhost|http' ],
	[ getnameinfo_ipv6 => 'numbers', "$info dns_getnameinfo('fd01:dec0:0:1::2020', 80, '{numerichost, numericserv, lookupservice, lookuphost}')",
		'fd01:dec0:0:1::2020|80' ],
	[ getnameinfo_ipv6_ll => 'numbers; inet has no scope', "$info dns_getnameinfo('fe80::5abd:fee7:4177:60c0', 80,
		'{numerichost, numericserv, numericscope, lookupservice, lookuphost}')", 'fe80::5abd:fee7:4177:60c0|80' ],
	[ query_a => 'A', "SELECT address FROM dns_a('web.shop.example')", '192.0.2.10' ],
	[ query_a_bad => 'no such name', "SELECT address FROM dns_a('hgf8g2od29hdohid.shop.example')", 'ND003' ],
	[ query_a_rotate => 'several in turn', "SET pgcares.rotate = on; SELECT (SELECT count(*) FROM dns_a('web.shop.example') WHERE i > 0)
		FROM generate_series(1, 3) i", '1; 1; 1' ],
	[ query_aaaa => 'AAAA', "SELECT address FROM dns_aaaa('web.shop.example')", '2001:db8::10' ],
	[ query_caa => 'CAA', "SELECT flags, tag, value FROM dns_caa('shop.example') ORDER BY tag DESC LIMIT 1", '0|issue|ca.example' ],
	[ query_cname => 'CNAME', "SELECT cname FROM dns_cname('www.shop.example')", 'web.shop.example' ],
	[ query_mx => 'MX', "SELECT preference, exchange FROM dns_mx('shop.example') ORDER BY 1", '10|mail1.shop.example; 20|mail2.shop.example' ],
	[ query_ns => 'NS', "SELECT nsdname FROM dns_ns('shop.example') ORDER BY 1", 'ns1.shop.example; ns2.shop.example' ],
	[ query_txt => 'TXT', "SELECT txt FROM dns_txt('shop.example') ORDER BY 1", 'site-verification=4f2a9c; v=spf1 mx -all' ],
	[ query_txt_chunked => 'strings are joined', "SELECT txt FROM dns_txt('txt-strings.peer.example')", 'v=spf1 A MX  ~all' ],
	[ query_txt_multiple_chunked => 'many records', "SELECT count(*) FROM dns_txt('txt-many.peer.example')", '11' ],
	[ query_txt_bytes1 => 'ASCII is text', "SELECT bool_and(txt ~ '^[ -~]+\$') FROM dns_txt('shop.example')", 't' ],
	[ query_txt_bytes2 => 'other octets are there', "SELECT strings[2] FROM dns_txt('txt-octets.peer.example')", '\x736f6d65d06d697363d07374756666' ],
	[ query_txt_multiple_chunked_with_non_ascii_content => 'one record',
		"SELECT txt, dns_unescape(txt) = strings[1] || strings[2] FROM dns_txt('txt-octets.peer.example')",
		'ascii stringsome\208misc\208stuff|t' ],
	[ query_class_chaos => 'class CH', "SELECT rdata FROM dns_query('version.bind', 'TXT', 'CH')", '"knot"' ],
	[ query_class_invalid => 'no such class', "SELECT rdata FROM dns_query('shop.example', 'A', 'INVALIDTYPE')", '22023' ],
	[ query_soa => 'SOA', "SELECT mname, serial, minimum FROM dns_soa('shop.example')", 'ns1.shop.example|2026010101|300' ],
	[ query_srv => 'SRV', "SELECT target, port FROM dns_srv('_ldap._tcp.shop.example')", 'ldap.shop.example|389' ],
	[ query_naptr => 'NAPTR', "SELECT naptr_order, preference, flags, services, regexp, replacement FROM dns_naptr('naptr.all.example')
		ORDER BY preference LIMIT 1", '100|10|u|E2U+sip|!^.*$!sip:info@all.example!|.' ],
	[ query_ptr => 'PTR', "SELECT ptrdname FROM dns_ptr('25.2.0.192.in-addr.arpa')", 'mail1.shop.example' ],
	[ query_ptr_ipv6 => 'PTR of IPv6', "SELECT ptrdname FROM dns_ptr(dns_reverse_address('2001:db8::53')) ORDER BY 1",
		'ns1.all.example; ns1.shop.example' ],
	[ query_tlsa => 'TLSA', "SELECT cert_usage, selector, matching_type, length(data) FROM dns_tlsa('_443._tcp.web.shop.example')", '3|1|1|32' ],
	[ query_https => 'HTTPS', "SELECT priority, target, params->'alpn' FROM dns_https('shop.example')", '1|.|["h2", "h3"]' ],
	[ query_any => 'ANY', "SELECT count(*) FROM dns_query('api.shop.example', 'ANY')", '2' ],
	[ query_cancelled => 'cancel', "$mute; SELECT dns_lookup('web.shop.example')", '57014', 'pg_cancel_backend' ],
	[ reinit => 'the same servers after it', "SELECT dns_reset(); SELECT host(address) || ':' || udp_port FROM dns_servers()",
		'; ' . $knot->address ],
	[ query_bad_type => 'no such type', "SELECT rdata FROM dns_query('shop.example', 'NOSUCH')", '22023' ],
	[ query_timeout => 'no answer', "$mute; $short; SELECT dns_lookup('web.shop.example')", 'NDA12' ],
	[ query_onion => 'no question for onion', "SELECT address FROM dns_a('foo.onion')", 'ND003' ],
	[ channel_nameservers => 'a server of choice', "SET pgcares.servers = '@{[$knot->address]}'; SELECT address FROM dns_a('web.shop.example')", '192.0.2.10' ],
	[ channel_nameservers2 => 'another one later', "$mute; SET pgcares.servers = '@{[$knot->address]}';
		SELECT address FROM dns_a('web.shop.example')", '192.0.2.10' ],
	[ channel_nameservers3 => 'servers are shown', "SET pgcares.servers = '192.0.2.1, 192.0.2.2'; SELECT address FROM dns_servers()",
		'192.0.2.1; 192.0.2.2' ],
	[ channel_local_ip => 'an address that cannot be used', "$short; SET pgcares.local_ip4 = '192.0.2.1';
		SELECT address FROM dns_a('web.shop.example')", qr/^NDA1[12]$/ ],
	[ channel_local_ip2 => 'no address', "LOAD 'pgcares'; SET pgcares.local_ip4 = 'an invalid ip'", '22023' ],
	[ channel_timeout => 'cancel while waiting', "$mute; $host dns_gethostbyname('web.shop.example', 4)", '57014', 'pg_cancel_backend' ],
	[ import_errno => 'success has a code', "SELECT ares_code FROM dns_statuses() WHERE ares_name = 'ARES_SUCCESS'", '0' ],
	[ result_not_ascii => 'a name that is not ASCII', "SELECT rname FROM dns_soa('peer.example')", 'h\246stmaster.peer.example' ],
	[ idna_encoding => 'U-labels of a host', "SELECT name FROM dns_gethostbyname('españa.peer.example', 4)", 'xn--espaa-rta.peer.example' ],
	[ idna_encoding_query_a => 'U-labels of a question', "SELECT address FROM dns_a('españa.peer.example')", '192.0.2.91' ],
	[ idna_encoding_query_a => 'the same without IDNA', "SET pgcares.idn = off; SELECT address FROM dns_a('españa.peer.example')", 'NDA08' ],
	[ idna2008_encoding => 'IDNA of 2008', "SELECT addresses FROM dns_gethostbyname('straße.peer.example', 4)", '{192.0.2.92}' ],
	[ custom_resolvconf => 'a resolv.conf without a server that answers', "$short; SET pgcares.servers = ''; SET pgcares.udp_port = $closed;
		SET pgcares.resolvconf = '$directory/resolv.conf'; SELECT address FROM dns_a('web.shop.example')", qr/^NDA1[12]$/ ],
	[ errorcode_dict => 'codes and their names', "SELECT ares_code, ares_name FROM dns_statuses()
		WHERE ares_name IN ('ARES_SUCCESS', 'ARES_ENODATA', 'ARES_ECANCELLED') ORDER BY 1", '0|ARES_SUCCESS; 1|ARES_ENODATA; 24|ARES_ECANCELLED' ],
	[ search => 'the search list', "SET pgcares.domains = 'shop.example'; SELECT rdata FROM dns_search('printer')", '192.0.2.100' ],
	[ lookup => 'many names, all options', "SET pgcares.lookups = 'b'; SET pgcares.timeout = '1s'; SET pgcares.tries = 1;
		SET pgcares.socket_receive_buffer_size = '4kB'; SET pgcares.tcp_port = 53; SET pgcares.udp_port = 53; SET pgcares.rotate = on;
		SELECT status, address FROM dns_lookup_many('{a-books.shop.example, c-cakes.shop.example, e-eggs.shop.example, f-flutes.shop.example,
		g-games.shop.example, i-ink.shop.example, l-lamps.shop.example}', 4)", join '; ', map { "NOERROR|192.0.2.$_" } 71, 73, 75, 76, 77, 75, 79 ],
	[ strerror_str => 'every code has a text', "SELECT count(*) FROM dns_statuses() WHERE ares_code IS NOT NULL AND coalesce(dns_strerror(ares_code), '') = ''", '0' ],
	[ stops_large_domain_name_attack => 'a long text that is no name', "SELECT dns_lookup(U&'\\2160' || repeat('a', 255))", 'NDA08' ],
	[ close_idempotent => 'close() twice', 'SELECT dns_reset(); SELECT dns_reset()', '; ' ],
	[ query_after_close_raises => 'a lookup makes another channel', "SELECT dns_reset(); SELECT address FROM dns_a('web.shop.example')", '; 192.0.2.10' ],
	[ close_with_active_queries_from_different_thread => 'end while waiting', "$mute; SELECT dns_lookup('web.shop.example')", '57P01', 'pg_terminate_backend' ],
	[ threadsafe_close_with_pending_queries => 'the same with many', "$mute; SELECT * FROM dns_lookup_many('{a.example, b.example, c.example}')",
		'57P01', 'pg_terminate_backend' ]);

my @aiodns = (
	[ query_txt_chaos => 'class CH', "SELECT txt FROM dns_message('version.bind', 'TXT', 'CH') m, unnest(m.answer) r, btrim(r.rdata, '\"') txt", 'knot' ],
	[ query_bad_class => 'no such class', "SELECT rdata FROM dns_query('shop.example', 'A', 'INVALIDCLASS')", '22023' ],
	[ query_timeout => 'the timeout counts, no other limit', "$mute; $short; SET statement_timeout = '5s'; SELECT address FROM dns_a('web.shop.example')", 'NDA12' ],
	[ future_cancel => 'cancel', "$mute; SELECT address FROM dns_a('web.shop.example')", '57014', 'pg_cancel_backend' ],
	[ query_twice => 'the same again', "SELECT count(*) FROM dns_mx('shop.example'); SELECT count(*) FROM dns_mx('shop.example')", '2; 2' ],
	[ getaddrinfo_address_family_0 => 'both families', "SELECT family FROM dns_getaddrinfo('web.shop.example')", '6; 4' ],
	[ getaddrinfo_address_family_af_inet => 'IPv4 alone', "SELECT family FROM dns_getaddrinfo('web.shop.example', family => 4)", '4' ],
	[ getaddrinfo_address_family_af_inet6 => 'IPv6 alone', "SELECT family FROM dns_getaddrinfo('web.shop.example', family => 6)", '6' ],
	[ getnameinfo_ipv4 => 'without a port', "SELECT node FROM dns_getnameinfo('127.0.0.1')", 'localhost' ],
	[ getnameinfo_ipv6 => 'without a port', "SELECT node FROM dns_getnameinfo('::1')", 'localhost' ],
	[ gethostbyname_ipv6 => 'an IPv6 host', "$host dns_gethostbyname('web.shop.example', 6)", 'web.shop.example|{2001:db8::10}' ],
	[ query_async_await => 'the rows of a call', "SELECT address FROM dns_a('web.shop.example')", '192.0.2.10' ],
	[ query_dns => 'a whole message', "SELECT r.type, r.ttl, r.data->>'address', cardinality(authority), cardinality(additional)
		FROM dns_message('web.shop.example') m, unnest(answer) r", 'A|300|192.0.2.10|0|0' ],
	[ query_dns_with_qclass => 'the name CHAOS of a class', "SELECT status, cardinality(answer) FROM dns_message('id.server', 'TXT', 'CHAOS')", 'NOERROR|1' ],
	[ nameservers_property_getter => 'the servers', 'SELECT count(*) FROM dns_servers()', '1' ],
	[ nameservers_strips_port => 'servers without a port', "SET pgcares.servers = '192.0.2.1, 192.0.2.2'; SELECT host(address) FROM dns_servers()",
		'192.0.2.1; 192.0.2.2' ],
	[ convert_any_query_returns_all_records => 'ANY: all types', "SET pgcares.servers = '@{[$any->address]}';
		SELECT type FROM dns_query('web.shop.example', 'ANY')", 'A; AAAA; MX; TXT' ],
	[ convert_filters_by_query_type => 'no other types', "SELECT type, rdata FROM dns_query('www.shop.example', 'A')", 'A|192.0.2.10' ],
	[ convert_empty_result => 'no records', "SELECT count(*) FROM dns_mx('web.shop.example', 'missing_ok')", '0' ],
	[ convert_unknown_record_type => 'a type without a name', "SELECT type, rdata FROM dns_query('type65280.all.example', 65280::text)",
		'TYPE65280|\# 4 DEADBEEF' ],
	[ convert_txt_record => 'ASCII is text', "SELECT pg_typeof(txt), txt FROM dns_txt('shop.example') WHERE txt ~ '^v=spf1'", 'text|v=spf1 mx -all' ],
	[ convert_cname_query_returns_single_result => 'one row', "SELECT cname FROM dns_cname('www.shop.example')", 'web.shop.example' ],
	[ convert_soa_query_returns_single_result => 'one row', "SELECT mname FROM dns_soa('shop.example')", 'ns1.shop.example' ],
	[ convert_ptr_query_returns_single_result => 'one row', "SELECT ptrdname FROM dns_ptr('25.2.0.192.in-addr.arpa')", 'mail1.shop.example' ],
	[ query_cancel => 'cancel', "$mute; SELECT rdata FROM dns_query('web.shop.example')", '57014', 'pg_cancel_backend' ],
	[ gethostbyname_cancelled_future => 'cancel', "$mute; $host dns_gethostbyname('web.shop.example')", '57014', 'pg_cancel_backend' ],
	[ query_callback_error => 'no such name', "SELECT address FROM dns_a('d-drums.shop.example')", 'ND003' ],
	[ callback_error => 'the same for a host', "$host dns_gethostbyname('d-drums.shop.example')", 'ND003' ],
	[ convert_a_query_result => 'all records, with their TTL', "SELECT address, ttl FROM dns_a('api.shop.example') ORDER BY 1", '192.0.2.11|3600; 192.0.2.12|3600' ],
	[ convert_a_record => 'each field', "SELECT address, ttl FROM dns_a('web.shop.example')", '192.0.2.10|300' ],
	[ convert_aaaa_record => 'each field', "SELECT address, ttl FROM dns_aaaa('web.shop.example')", '2001:db8::10|300' ],
	[ convert_caa_record_with_string_value => 'each field', "SELECT flags & 128, tag, value, ttl FROM dns_caa('shop.example') WHERE tag = 'issue'", '0|issue|ca.example|3600' ],
	[ convert_cname_record => 'each field', "SELECT cname, ttl FROM dns_cname('www.shop.example')", 'web.shop.example|3600' ],
	[ convert_mx_record => 'each field', "SELECT preference, exchange, ttl FROM dns_mx('shop.example') ORDER BY 1", '10|mail1.shop.example|3600; 20|mail2.shop.example|3600' ],
	[ convert_naptr_record_with_string_fields => 'each field', "SELECT naptr_order, preference, flags, services, regexp, replacement, ttl
		FROM dns_naptr('naptr.all.example') ORDER BY preference LIMIT 1", '100|10|u|E2U+sip|!^.*$!sip:info@all.example!|.|300' ],
	[ convert_ns_record => 'each field', "SELECT nsdname, ttl FROM dns_ns('shop.example') ORDER BY 1", 'ns1.shop.example|3600; ns2.shop.example|3600' ],
	[ convert_ptr_record => 'each field', "SELECT ptrdname, ttl FROM dns_ptr('25.2.0.192.in-addr.arpa')", 'mail1.shop.example|3600' ],
	[ convert_soa_record => 'each field', "SELECT * FROM dns_soa('shop.example')", 'ns1.shop.example|hostmaster.shop.example|2026010101|7200|3600|1209600|300|3600' ],
	[ convert_srv_record => 'each field', "SELECT target, port, priority, weight, ttl FROM dns_srv('_ldap._tcp.shop.example')", 'ldap.shop.example|389|0|100|3600' ],
	[ ares_host_result => 'name, aliases, addresses', "SELECT name, aliases, addresses FROM dns_gethostbyname('www.shop.example', 4)",
		'web.shop.example|{www.shop.example}|{192.0.2.10}' ],
	[ compat_txt_returns_str => 'ASCII is text', "SELECT pg_typeof(txt), count(*) FROM dns_txt('shop.example') GROUP BY 1", 'text|2' ],
	[ compat_caa_returns_str => 'the same', "SELECT DISTINCT pg_typeof(tag), pg_typeof(value) FROM dns_caa('shop.example')", 'text|text' ],
	[ compat_naptr_returns_str => 'the same', "SELECT DISTINCT pg_typeof(flags), pg_typeof(services), pg_typeof(regexp) FROM dns_naptr('naptr.all.example')", 'text|text|text' ],
	[ close_resolver_multiple_times => 'closing twice', 'SELECT dns_reset(); SELECT dns_reset()', '; ' ],
	[ gethostbyname_bad_family => 'no such family', "$host dns_gethostbyname('web.shop.example', -1)", '22023' ]);

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', join "\n", Session::settings([$knot]), "pgcares.hosts_file = '$directory/hosts'",
	"pgcares.lookups = 'fb'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION pgcares');
my $watcher = Session->new($node);

# The rows of a statement or its SQLSTATE. If it is to be ended, that is done as soon as
# it waits for an answer.
sub outcome
{
	my ($statement, $ending) = @_;
	my $session = Session->new($node);

	$session->send($statement);
	if ($ending)
	{
		Session::wait_until(sub { $watcher->text("SELECT 1 FROM pg_stat_activity WHERE pid = @{[$session->pid]}
			AND state = 'active' AND wait_event IN ('PgcaresAnswer', 'Extension')") }, 'a lookup that waits');
		$watcher->text("SELECT $ending(@{[$session->pid]})");
	}
	my $result = $session->result;
	my $state = Session::sqlstate_of($result);
	$session->close;
	return $state eq '00000' ? join '; ', map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} } : $state;
}

foreach my $list ([ pycares => @pycares ], [ aiodns => @aiodns ])
{
	my ($peer, @tests) = @$list;

	foreach my $test (@tests)
	{
		my ($name, $shows, $statement, $expected, $ending) = @$test;
		my $what = "$peer, test_$name: $shows";

		ref $expected ? like(outcome($statement, $ending), $expected, $what) : is(outcome($statement, $ending), $expected, $what);
	}
}

done_testing();
