# Property: dns_search() asks one name after another, in the order of resolv.conf(5),
# and no more than necessary: it stops at the first name that has records or that fails;
# and a name that needs no completion is not asked in any domain.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Sys::Hostname qw(hostname);
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $knot = NameServer->knot;
my $node;
{
	local $ENV{RES_OPTIONS} = 'ndots:7';
	local $ENV{LOCALDOMAIN} = 'wrong.example';
	$node = Session->cluster([$server], "pgcares.lookups = 'b'");
}
my $file = PostgreSQL::Test::Utils::tempdir() . '/resolv.conf';
my $session = Session->new($node);
$session->text("LOAD 'pgcares'; SET pgcares.resolvconf = '$file'");

sub write_file
{
	my ($content) = @_;

	open(my $handle, '>', $file) or die "cannot write \"$file\": $!\n";
	print $handle $content;
	close $handle or die "cannot write \"$file\": $!\n";
}

# A search, its outcome, and the names that were asked
sub searches
{
	my ($name, $state, $asked, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$server->forget;
	my $result = $session->query("SELECT name FROM dns_search('$name')");
	is(Session::sqlstate_of($result), $state, "$what: outcome");
	is_deeply([ map { $_->{name} } $server->log ], $asked, "$what: names asked");
	return $result;
}

# ---- The list of the settings

$session->text(q{SET pgcares.domains = 'one.example, two.example.'});
searches('sound', '00000', ['sound.one.example'], 'found in the first domain');
searches('nxdomain', 'ND003', [qw(nxdomain.one.example nxdomain.two.example nxdomain)], 'nowhere');
searches('nodata', 'NDA00', [qw(nodata.one.example nodata.two.example nodata)], 'no data anywhere');
searches('nxdomain.a', 'ND003', [qw(nxdomain.a nxdomain.a.one.example nxdomain.a.two.example)], 'with a dot');
searches('sound.a', '00000', ['sound.a'], 'with a dot, found');
searches('nxdomain.', 'ND003', ['nxdomain'], 'with a final dot');
searches('nxdomain.a.', 'ND003', ['nxdomain.a'], 'with two');
searches('nxdomain.a\\.', 'ND003', [ 'nxdomain.a\\046', 'nxdomain.a\\046.one.example', 'nxdomain.a\\046.two.example' ],
	'with a final dot that is not a separator');
searches('nxdomain.a\\\\.', 'ND003', ['nxdomain.a\\092'], 'with a backslash before it');
my $result = searches('nxdomain', 'ND003', [qw(nxdomain.one.example nxdomain.two.example nxdomain)], 'nowhere');
like($result->{error}{M}, qr/records of "nxdomain": /, 'the message has the name as it was written');
like($result->{error}{D}, qr/\b3 names were tried\./, '... and the detail the number of names');
is(searches('sound.', '00000', ['sound'], 'complete')->{rows}[0][0], 'sound', '... and its row');
is(searches('sound', '00000', ['sound.one.example'], 'completed')->{rows}[0][0],
	'sound.one.example', 'a row has the name that was found');

foreach ([ rcode2 => 'ND002' ], [ rcode5 => 'ND005' ], [ short => 'NDA10' ])
{
	my ($label, $state) = @$_;

	$result = searches($label, $state, ["$label.one.example"], "$label ends the search");
	unlike($result->{error}{M}, qr/no such/, '... and is not a missing name');
	is(Session::sqlstate_of($session->query("SELECT * FROM dns_search('$label', on_error => 'missing_ok')")),
		$state, '... with missing_ok neither');
}
$session->text(q{SET pgcares.timeout = '100ms'; SET pgcares.tries = 1});
searches('drop', 'NDA12', ['drop.one.example'], 'silence ends the search');
$session->text(q{RESET pgcares.timeout; RESET pgcares.tries});

# one deadline for all names
$session->text(q{SET pgcares.deadline = '1500ms'; SET pgcares.domains = 'nxdomain.one.example, nxdomain.two.example'});
searches('delay1000', 'NDA12', [qw(delay1000.nxdomain.one.example delay1000.nxdomain.two.example)],
	'the deadline is for the whole call');
$session->text(q{RESET pgcares.deadline; SET pgcares.domains = 'one.example, two.example'});

# ---- The dots that make a name complete

$session->text('SET pgcares.ndots = 0');
searches('nxdomain', 'ND003', [qw(nxdomain nxdomain.one.example nxdomain.two.example)], 'ndots 0');
$session->text('SET pgcares.ndots = 2');
searches('nxdomain.a', 'ND003', [qw(nxdomain.a.one.example nxdomain.a.two.example nxdomain.a)], 'ndots 2, one dot');
searches('nxdomain.a.b', 'ND003', [qw(nxdomain.a.b nxdomain.a.b.one.example nxdomain.a.b.two.example)],
	'ndots 2, two dots');
searches('nxdomain.a\\.b', 'ND003', [map { "nxdomain.a\\046b$_" } '.one.example', '.two.example', ''],
	'ndots 2, one dot and one that is not a separator');
$session->text('RESET pgcares.ndots');

# ---- Names that must not be asked in a domain

searches('invalid', 'ND003', [], 'invalid');
searches('x.onion', 'ND003', [], 'onion');
searches('nxdomain.localhost', 'ND003', ['nxdomain.localhost'], 'localhost');
$session->text(q{SET pgcares.search = off});
searches('nxdomain', 'ND003', ['nxdomain'], 'search off');
$session->text(q{RESET pgcares.search});
$server->forget;
$session->query(q{SELECT * FROM dns_query('nxdomain')});
$session->query(q{SELECT * FROM dns_message('nxdomain')});
is_deeply([ map { $_->{name} } $server->log ], [qw(nxdomain nxdomain)], 'functions of records and messages complete no name');

# ---- Hosts: a single label is completed, a name with a dot is asked as it stands. Every
# function, alone, ahead of its call, and in a batch

my @hosts = (
	[ 'a lookup', sub { "SELECT coalesce(host(dns_lookup($_[0], $_[1])), 'NULL')" } ],
	[ 'addresses', sub { "SELECT host(address) FROM dns_addresses($_[0], $_[1])" } ],
	[ 'getaddrinfo', sub { "SELECT host(address) FROM dns_getaddrinfo($_[0], family => $_[1])" } ],
	[ 'gethostbyname', sub { "SELECT host(unnest(addresses)) FROM dns_gethostbyname($_[0], $_[1])" } ]);
my $ahead = sub { "SELECT coalesce(host(dns_lookup(n, $_[1])), 'NULL') FROM (VALUES ($_[0])) v (n)" };
my $many = sub { "SELECT CASE status WHEN 'NOERROR' THEN host(address) ELSE status END FROM dns_addresses_many(ARRAY[$_[0]], $_[1])" };

sub asks_hosts
{
	my ($name, $outcome, $asked, $what) = @_;

	foreach my $function (@hosts, [ 'looked ahead', $ahead ], [ 'a batch', $many ])
	{
		foreach my $family (4, 0)
		{
			my %status = (ND003 => 'NXDOMAIN', NDA00 => 'NODATA', ND002 => 'SERVFAIL');
			my $expected = $function->[1] == $many ? $status{$outcome} // $outcome : $outcome;

			$server->forget;
			my $result = $session->query($function->[1]->("'$name'::text", $family));
			my $got = $result->{error} ? $result->{error}{C} : join ' ', sort map { $_->[0] } @{ $result->{rows} };
			$got = '192.0.2.1' if $got eq '2001:db8::1';    # of both, the first
			my @names = map { $_->{name} } grep { $_->{type} =~ /^(?:1|A)$/ } $server->log;
			like($got, qr/^\Q$expected\E(?: 2001:db8::1)?$/, "$what, $function->[0], family $family");
			is_deeply(\@names, $asked, '... and the names asked');
		}
	}
}

$session->text(q{SET pgcares.domains = 'one.example, two.example'});
asks_hosts('sound', '192.0.2.1', ['sound.one.example'], 'a single label');
asks_hosts('nxdomain', 'ND003', [qw(nxdomain.one.example nxdomain.two.example nxdomain)], 'a single label, nowhere');
asks_hosts('nodata', 'NDA00', [qw(nodata.one.example nodata.two.example nodata)], 'a single label without addresses');
asks_hosts('rcode2', 'ND002', ['rcode2.one.example'], 'a failure ends the search');
asks_hosts('sound.', '192.0.2.1', ['sound'], 'a final dot');
asks_hosts('nxdomain.', 'ND003', ['nxdomain'], 'a final dot, missing');
asks_hosts('nxdomain.a', 'ND003', ['nxdomain.a'], 'a name with a dot');
asks_hosts('sound.a', '192.0.2.1', ['sound.a'], 'a name with a dot, found');
asks_hosts('invalid', 'ND003', [], 'a name that is never asked');
$session->text('SET pgcares.ndots = 0');
asks_hosts('nxdomain', 'ND003', [qw(nxdomain nxdomain.one.example nxdomain.two.example)], 'ndots 0');
$session->text('SET pgcares.ndots = 2');
asks_hosts('nxdomain.a', 'ND003', ['nxdomain.a'], 'ndots 2, a name with a dot');
$session->text('RESET pgcares.ndots; SET pgcares.search = off');
asks_hosts('nxdomain', 'ND003', ['nxdomain'], 'search off');
$session->text('RESET pgcares.search');
is($session->text(q{SELECT canonname FROM dns_getaddrinfo('sound', family => 4, flags => '{canonname}')}), 'sound.one.example', 'the name that was found');
is($session->text(q{SELECT name FROM dns_gethostbyname('sound', 4)}), 'sound.one.example', '... as that of the host');
like($session->query(q{SELECT dns_lookup('nxdomain')})->{error}{D}, qr/\b3 names were tried\./, 'the number of names is told');

# many at a time: each element has the answer of the call, whatever the others are
my @elements = map { ("sound$_", "nxdomain.n$_", 'sound', "nodata$_", 'sound.', 'nxdomain', "rcode2.n$_", "sound.n$_", 'nxdomain.', 'SOUND') } 1 .. 40;
$session->text(q{CREATE TABLE hosts (ord bigint, name text); CREATE FUNCTION alone(name text, family int) RETURNS text LANGUAGE plpgsql AS $$
	BEGIN RETURN host(dns_lookup(name, family)); EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $$});
$session->text("INSERT INTO hosts VALUES (" . join('), (', map { $_ + 1 . ", '$elements[$_]'" } 0 .. $#elements) . ')');
foreach my $family (4, 0)
{
	is($session->text("SELECT count(*) FROM hosts h LEFT JOIN LATERAL (SELECT CASE b.status WHEN 'NOERROR' THEN host(b.address)
			WHEN 'NXDOMAIN' THEN 'ND003' WHEN 'NODATA' THEN 'NDA00' ELSE 'ND002' END AS found
		FROM many b WHERE b.ord = h.ord ORDER BY b.n LIMIT 1) b ON true WHERE found IS DISTINCT FROM alone(name, $family)" =~
		s/FROM hosts h/FROM (SELECT * FROM hosts) h/r =~ s/^/WITH many AS MATERIALIZED (SELECT *, row_number() OVER () AS n FROM dns_lookup_many(ARRAY(SELECT name FROM hosts ORDER BY ord), $family)) /r),
		'0', "400 elements, family $family: as the calls");
}
$session->text('DROP TABLE hosts; DROP FUNCTION alone(text, int)');

# ---- Lengths

my $long = join '.', ('l' x 60) x 3, 'm' x 30;    # 215 octets
$session->text("SET pgcares.domains = 'd23456789.d23456789.d23456789.example, two.example'");
my $short = "nxdomain.$long";
searches($short, 'ND003', [ $short, "$short.two.example" ], 'a name that would be too long is skipped');
$session->text("SET pgcares.domains = 'd23456789.d23456789.d23456789.example'");
searches($short, 'ND003', [$short], '... also if there is no other');

# ---- The system's list

$session->text(q{RESET pgcares.domains});
write_file("search one.example two.example\n");
searches('nxdomain', 'ND003', [qw(nxdomain.one.example nxdomain.two.example nxdomain)], 'search');
write_file("search wrong.example\noptions ndots:3 rotate\nsearch\tone.example   two.example. # three\r\n");
searches('nxdomain.a', 'ND003', [qw(nxdomain.a.one.example nxdomain.a.two.example nxdomain.a)],
	'the file has changed; the last list and ndots count');
$session->text('SET pgcares.ndots = 1');
searches('nxdomain.a', 'ND003', [qw(nxdomain.a nxdomain.a.one.example nxdomain.a.two.example)], 'pgcares.ndots overrides that');
$session->text('RESET pgcares.ndots');
write_file("domain one.example");
searches('nxdomain', 'ND003', [qw(nxdomain.one.example nxdomain)], 'domain');
write_file("# search wrong.example\n; search wrong.example\nsearch a..b one.example $long.$long one.example\n");
searches('nxdomain', 'ND003', [qw(nxdomain.one.example nxdomain)], 'invalid and duplicate domains');
write_file("search .\n");
searches('nxdomain', 'ND003', ['nxdomain'], 'the root');
write_file('search ' . join(' ', map { "d$_.example" } 1 .. 100) . "\n");
searches('nxdomain', 'ND003', [ (map { "nxdomain.d$_.example" } 1 .. 32), 'nxdomain' ], 'a hundred domains');
write_file("options ndots:999999999999\nsearch one.example\n");
searches('nxdomain.' . 'a.' x 14 . 'b', 'ND003', [ map { 'nxdomain.' . 'a.' x 14 . "b$_" } '', '.one.example' ],
	'15 dots are always enough');
$session->text(q{SET pgcares.domains = 'two.example'});
searches('nxdomain', 'ND003', [qw(nxdomain.two.example nxdomain)], 'our list counts more');
$session->text(q{RESET pgcares.domains});

my ($own) = hostname() =~ /\.(.+)/;
foreach ([ '', 'empty' ], [ join('', map { chr 128 + int rand 128 } 1 .. 100000), 'junk' ], [ undef, 'missing' ])
{
	my ($content, $what) = @$_;

	defined $content ? write_file($content) : unlink $file;
	searches('nxdomain', 'ND003', [ $own ? "nxdomain.$own" : (), 'nxdomain' ], "the file is $what");
}

# ---- Against a real server

$session->text("SET pgcares.servers = '${\$knot->address}'; SET pgcares.domains = 'shop.example, all.example'");
is($session->text(q{SELECT name, rdata FROM dns_search('mx', 'MX') ORDER BY rdata}),
	"mx.all.example|10 mail.all.example.\nmx.all.example|20 backup.all.example.", 'found in the second domain');
is($session->text('SELECT pg_backend_pid()'), $session->pid, 'the session goes on');

done_testing();
