# Property: names with a special meaning, and addresses, are never asked; and if a name
# server fails, a host never counts as missing, nor an address as one without a name.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use NameServer;
use Session;

my $server = NameServer->misbehaving;
my $node = Session->cluster([$server], 'pgcares.tries = 1', "pgcares.timeout = '250ms'");
my $session = Session->new($node);
my $hosts = PostgreSQL::Test::Utils::tempdir() . '/hosts';
append_to_file($hosts, "10.0.0.1 localhost a.localhost 192.0.2.1 host.invalid\n");
$session->text("LOAD 'pgcares'; SET pgcares.hosts_file = '$hosts'");

# Tests the rows of a statement, or its SQLSTATE, and that it asks nothing.
sub unasked
{
	my ($sql, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$server->forget;
	my $result = $session->query($sql);
	my $rows = join ' ', map { join '|', map { $_ // '' } @$_ } @{ $result->{rows} };
	is($result->{error} ? $result->{error}{C} : $rows, $expected, $sql);
	is($server->count, 0, '... and nothing is asked');
}

foreach my $lookups (qw(b f fb bf))
{
	$session->text("SET pgcares.lookups = $lookups");
	foreach my $name ('localhost', 'LOCALHOST.', 'a.localhost', 'a.b.LocalHost.')
	{
		unasked("SELECT dns_lookup('$name')", '::1');
		unasked("SELECT * FROM dns_addresses('$name')", '::1| 127.0.0.1|');
		unasked("SELECT address FROM dns_getaddrinfo('$name', family => 6)", '::1');
	}
	unasked(q{SELECT * FROM dns_gethostbyname('A.localhost')}, 'A.localhost|{}|{::1,127.0.0.1}');
	unasked(q{SELECT dns_lookup('192.0.2.1')}, '192.0.2.1');
	unasked(q{SELECT dns_lookup('192.0.2.1', 6)}, 'NDA00');
	unasked(q{SELECT dns_lookup('192.0.2.1', 6, 'missing_ok') IS NULL}, 't');
	unasked(q{SELECT * FROM dns_addresses('2001:DB8::0001', 6)}, '2001:db8::1|');
	unasked(q{SELECT * FROM dns_gethostbyname('2001:db8::1')}, '2001:db8::1|{}|{2001:db8::1}');
	unasked(q{SELECT dns_lookup('x.onion')}, 'ND003');
	unasked(q{SELECT dns_lookup('onion', 0, 'missing_ok') IS NULL}, 't');
	unasked(q{SELECT * FROM dns_getaddrinfo('a.Onion')}, 'ND003');
	unasked(q{SELECT dns_lookup('a.invalid.')}, 'ND003');
	unasked(q{SELECT dns_lookup('host.invalid')}, $lookups eq 'b' ? 'ND003' : '10.0.0.1');
	unasked(q{SELECT * FROM dns_getaddrinfo(NULL, '53')}, '');
	unasked(q{SELECT node FROM dns_getnameinfo('192.0.2.1', 0, '{numerichost}')}, '192.0.2.1');
	unasked(q{SELECT service FROM dns_getnameinfo('192.0.2.1', 1, '{lookupservice,numericserv}')}, '1');
}

# Names that only look like them are asked.
$session->text('SET pgcares.lookups = b');
foreach my $name ('127.1', '0x7f.0.0.1', '0177.0.0.1', '2130706433', '1.2.3.4.', '1.2.3', 'localhost.example',
	'notlocalhost', 'invalid.example', 'onion.example', '::g', 'fe80::1%lo')
{
	$server->forget;
	is($session->text("SELECT dns_lookup('$name', 4)"), '192.0.2.1', "$name is a name");
	is_deeply([ map { lc $_->{name} =~ s/\\037/%/r } $server->log ], [ $name =~ s/\.$//r ], '... and is asked');
}
$server->forget;
$session->text(q{SELECT dns_reverse('127.0.0.1'), dns_reverse('::1')});
is($server->count, 2, 'loopback addresses are asked like others');

# A server that fails, in each way
my $broken = "SET pgcares.servers = '%s'";
my %states = (servfail => 'ND002', refuse => 'ND005', silent => 'NDA12', short => 'NDA10', closed => 'NDA11');
foreach my $mode (sort keys %states)
{
	my $failing = $mode eq 'closed' ? undef : NameServer->misbehaving(mode => $mode);
	my $state = $states{$mode};

	$session->text(sprintf $broken, $failing ? $failing->address : '127.0.0.1:' . NameServer->closed_port);
	foreach my $call (
		"dns_lookup('a.example'%s)", "dns_lookup('a.example', 6%s)", "dns_reverse('192.0.2.1'%s)",
		"dns_addresses('a.example'%s)", "dns_gethostbyname('a.example'%s)", "dns_gethostbyaddr('192.0.2.1'%s)",
		"dns_getaddrinfo('a.example'%s)", "dns_getnameinfo('192.0.2.1'%s)", "dns_search('a'%s)",
		"dns_getnameinfo('192.0.2.1', 53, '{namereqd,lookuphost,lookupservice}'%s)")
	{
		my $with = sub { sprintf "SELECT * FROM $call AS r", ", on_error => '$_[0]'" };
		my $rows = $call =~ /dns_(lookup|reverse)/ ? [ [undef] ] : [];

		is($session->sqlstate(sprintf "SELECT * FROM $call AS r", ''), $state, "$mode: $call: an error");
		is($session->sqlstate($with->('missing_ok')), $state, '... that is not a missing host');
		my $result = $session->query($with->('warning'));
		is($result->{notices}[0]{C}, $state, '... or a warning');
		is_deeply($result->{rows}, $rows, '... without rows');
		is_deeply($session->query($with->('ignore'))->{rows}, $rows, '... or nothing');
	}
	$failing->stop if $failing;
}

# A host that does not exist, and an address without a name
my $missing = NameServer->misbehaving(mode => 'nxdomain');
$session->text(sprintf $broken, $missing->address);
is($session->text(q{SELECT * FROM dns_getnameinfo('192.0.2.1')}), '192.0.2.1|', 'an address without a name is shown');
is($session->sqlstate(q{SELECT * FROM dns_getnameinfo('192.0.2.1', 0, '{namereqd}')}), 'ND003',
	'... unless a name is required');
is($session->text(q{SELECT * FROM dns_addresses('a.example', 0, 'missing_ok')}), '', 'a host that does not exist');

done_testing();
