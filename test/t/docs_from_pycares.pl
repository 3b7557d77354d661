# Every statement of docs/from-pycares.md runs and has a row, and every member of
# pycares has its row there.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use NameServer;
use Session;

# The members of pycares 4 and 5
my %fields = (
	ares_query_a_result => 'host ttl',
	ares_query_aaaa_result => 'host ttl',
	ares_query_caa_result => 'critical property value ttl',
	ares_query_cname_result => 'cname ttl',
	ares_query_mx_result => 'host priority ttl',
	ares_query_naptr_result => 'order preference flags service regex replacement ttl',
	ares_query_ns_result => 'host ttl',
	ares_query_ptr_result => 'name aliases ttl',
	ares_query_soa_result => 'nsname hostmaster serial refresh retry expires minttl ttl',
	ares_query_srv_result => 'host port priority weight ttl',
	ares_query_txt_result => 'text ttl',
	ares_host_result => 'name aliases addresses',
	ares_nameinfo_result => 'node service',
	ares_addrinfo_result => 'nodes cnames',
	ares_addrinfo_node_result => 'addr family socktype protocol flags ttl',
	ares_addrinfo_cname_result => 'alias name ttl',
	ARecordData => 'addr',
	AAAARecordData => 'addr',
	CAARecordData => 'critical tag value',
	CNAMERecordData => 'cname',
	HTTPSRecordData => 'priority target params',
	MXRecordData => 'priority exchange',
	NAPTRRecordData => 'order preference flags service regexp replacement',
	NSRecordData => 'nsdname',
	PTRRecordData => 'dname',
	SOARecordData => 'mname rname serial refresh retry expire minimum',
	SRVRecordData => 'priority weight port target',
	TLSARecordData => 'cert_usage selector matching_type cert_association_data',
	TXTRecordData => 'data',
	URIRecordData => 'priority weight target',
	DNSRecord => 'name type record_class ttl data',
	HostResult => 'name aliases addresses',
	NameInfoResult => 'node service',
	AddrInfoResult => 'nodes cnames',
	AddrInfoNode => 'addr family socktype protocol flags ttl',
	AddrInfoCname => 'alias name ttl',
	DNSResult => 'answer authority additional');
my @members = (
	qw(flags timeout tries ndots tcp_port udp_port servers domains lookups sock_state_cb socket_send_buffer_size
	socket_receive_buffer_size rotate local_ip local_dev resolvconf_path event_thread),
	qw(query search getaddrinfo getnameinfo gethostbyname gethostbyaddr cancel reinit close destroy set_local_ip
	set_local_dev getsock process_fd process_read_fd process_write_fd wait),
	(map { "QUERY_TYPE_$_" } qw(A AAAA ANY CAA CNAME MX NAPTR NS PTR SOA SRV TXT TLSA HTTPS URI)),
	(map { "QUERY_CLASS_$_" } qw(IN CHAOS HS HESOID NONE ANY)),
	(map { "ARES_FLAG_$_" } qw(USEVC PRIMARY IGNTC NORECURSE STAYOPEN NOSEARCH NOALIASES NOCHECKRESP EDNS NO_DFLT_SVR
		DNS0x20)),
	(map { "ARES_NI_$_" } qw(NOFQDN NUMERICHOST NAMEREQD NUMERICSERV DGRAM TCP UDP SCTP DCCP NUMERICSCOPE LOOKUPHOST
		LOOKUPSERVICE IDN IDN_ALLOW_UNASSIGNED IDN_USE_STD3_ASCII_RULES)),
	(map { "AI_$_" } qw(CANONNAME NUMERICHOST PASSIVE NUMERICSERV V4MAPPED ALL ADDRCONFIG)),
	(map { "ARES_$_" } qw(SUCCESS ENODATA EFORMERR ESERVFAIL ENOTFOUND ENOTIMP EREFUSED EBADQUERY EBADNAME EBADFAMILY
		EBADRESP ECONNREFUSED ETIMEOUT EOF EFILE ENOMEM EDESTRUCTION EBADSTR EBADFLAGS ENONAME EBADHINTS
		ENOTINITIALIZED ELOADIPHLPAPI EADDRGETNETWORKPARAMS ECANCELLED ESERVICE)),
	qw(Channel AresError errno.errorcode errno.strerror reverse_address ARES_VERSION ares_threadsafety ARES_SOCKET_BAD));
push @members, map { my $type = $_; map { "$type.$_" } split ' ', $fields{$type} } sort keys %fields;

# The rows of all tables: members, the words about them, statement
my $document = slurp_file("$FindBin::Bin/../../docs/from-pycares.md");
my @rows = map { [ split / \| / ] } $document =~ /^\| (.* \| .* \| `.*`) \|$/mg;
my @blocks = $document =~ /^```sql\n(.*?)^```\n/msg;
my $lines = () = $document =~ /^\| (?!\w+ \| here \| statement)/mg;
is(scalar @rows, $lines, 'every row of the tables is read');
cmp_ok(scalar @blocks, '>', 0, 'there are blocks of statements');

my %has = map { $_ => 1 } map { $_->[0] =~ /`([\w.]+)/g } @rows;
is_deeply([ grep { !$has{$_} } @members ], [], 'every member of pycares has a row');

my $knot = NameServer->knot;
my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', join "\n", Session::settings([$knot]));
$node->start;
my $session = Session->new($node);

foreach my $block (@blocks)
{
	is(Session::sqlstate_of($session->query($block)), '00000', (split /\n/, $block)[0]);
}

# A row's settings are for that row. Nothing waits that could be cancelled.
foreach my $row (@rows)
{
	my ($statement) = $row->[2] =~ /^`(.*)`$/;
	my $result = $session->query("BEGIN; $statement");

	is(Session::sqlstate_of($result), '00000', "$row->[0]: $statement")
	  or diag $result->{error}{M} // 'the connection was closed';
	cmp_ok(scalar @{ $result->{rows} }, '>', 0, 'it has a row') if $statement =~ /SELECT/ && $statement !~ /pg_cancel_backend/;
	$session->query('ROLLBACK');
}

done_testing();
