# Property: an answer that is truncated, or that fails to come over TCP, is fetched in full
# or becomes an error in time; it never counts as the whole answer. A bad connection has no
# effect on the next lookup.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Test::More;
use Time::HiRes qw(time);

my $knot = NameServer->knot;
my $server = NameServer->misbehaving;
my $udp_only = NameServer->misbehaving(udp_only => 1);

# A late answer in this test never comes within a try, and nothing exceeds a deadline of
# 500 ms by chance.
my $node = Session->cluster([$server], "pgcares.timeout = '5s'", 'pgcares.tries = 2');
my $session = Session->new($node);
my $pid = $session->pid;

# The records of a lookup, or the SQLSTATE; and the time that it took
sub look_up
{
	my ($name, $type) = @_;
	my $begin = time;
	my $result = $session->query("SELECT rdata FROM dns_query('$name', '" . ($type // 'A') . "') ORDER BY rdata");
	my $records = join ' ', map { @$_ } @{ $result->{rows} };

	return wantarray ? ($result->{error} ? $result->{error}{C} : $records, $result->{time} - $begin) : $records;
}

sub set
{
	my (%settings) = @_;
	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
}

# The transports over which a name was asked: "udp tcp"
sub transports
{
	my ($name) = @_;
	return join ' ', map { $_->{transport} } grep { $_->{name} eq $name } $server->log;
}

# Tests that the session goes on as before.
sub goes_on
{
	my ($what) = @_;
	is((look_up('sound.example'))[0], '192.0.2.1', "the next lookup is right after $what");
}

# ---- Large answers of a real server

set(servers => $knot->address);
foreach my $way ('udp', 'udp, no edns', 'tcp, no edns', 'tcp')
{
	my %many = map { $_ => 1 } split / /, look_up('many.all.example');
	my @texts = split /(?<=") (?=")/, look_up('bigtxt.all.example', 'TXT');

	set(Session::way($way));
	is_deeply(\%many, { map { ("198.51.100.$_" => 1) } 1 .. 100 }, "all of 100 addresses ($way)");
	is(scalar @texts, 40, '... and 40 texts');
	is(scalar(grep { $texts[$_] =~ sprintf('^"%02d-[a-z]{197}"$', $_ + 1) } 0 .. $#texts), 40, '... each in full');
}
$session->text('RESET ALL');

# ---- The whole answer comes over TCP

my @whole = (
	[ 'tc', 'truncated, without a record' ],
	[ 'tcpartial', 'truncated, with another record' ],
	[ 'tcplen0', 'an empty frame before the answer' ],
	[ 'tcpgarbage', 'a frame of garbage before the answer' ],
	[ 'tcpgarbage9', 'a short frame of garbage before the answer' ],
	[ 'tcptwice', 'the answer twice' ],
	[ 'tcpreorder', 'the answer late' ],
	[ 'tcpslow', 'the answer octet by octet' ]);

foreach my $case (@whole)
{
	my ($label, $what) = @$case;

	is((look_up("$label.example"))[0], '192.0.2.1', "$label: $what");
	is(transports("$label.example"), 'udp tcp', '... asked again over TCP once');
	goes_on($label);
}

# The same on one connection, on which the next lookup reads anything that comes after the
# answer
set(Session::way('tcp, keep_open'));
foreach my $case (@whole)
{
	is((look_up("$case->[0].over.tcp.example"))[0], '192.0.2.1', "$case->[0]: the same on an open connection");
	goes_on($case->[0]);
}
set(Session::way('udp'));

my %addresses = map { $_ => 1 } split / /, look_up('big.example');
is(scalar keys %addresses, 3750, '3750 addresses');
my %texts = map { $_ => 1 } split / /, look_up('big280.example', 'TXT');
is(scalar keys %texts, 280, '280 texts');
is(transports('big.example') . ', ' . transports('big280.example'), 'udp tcp, udp tcp', '... over TCP');

# ---- It does not come

foreach my $case (
	[ 'tctc', 'truncated over TCP too', 'NDA10' ],
	[ 'tcclose', 'TCP closed after the query', 'NDA11' ],
	[ 'tcreset', 'TCP reset after the query', 'NDA11' ],
	[ 'tcplong', 'a frame longer than what comes', 'NDA11' ],
	[ 'tcphalf', 'half a frame', 'NDA11' ])
{
	my ($label, $what, $sqlstate) = @$case;
	my ($given, $seconds, $error) = look_up("$label.example");

	is($given, $sqlstate, "$label: $what");
	cmp_ok($seconds, '<', 3, '... the error comes at once');
	is($session->text("SELECT count(*) FROM dns_query('again.$label.example', on_error => 'ignore')"),
		'1', '... for this name only');
	is($session->text("SELECT count(*) FROM dns_query('$label.example', on_error => 'ignore')"),
		'0', '... and none of its records is shown');
	goes_on($label);
}

set(deadline => 500);
foreach my $label ('tcpsilent', 'tcpslow1000')
{
	my ($given, $seconds) = look_up("$label.example");

	is($given, 'NDA12', "$label: no answer over TCP within the deadline");
	cmp_ok($seconds, '>=', 0.45, '... the lookup waits until then');
	cmp_ok($seconds, '<', 2, '... and not much longer');
	goes_on($label);
}
set(deadline => 0);

# ---- There is no TCP

set(servers => $udp_only->address);
foreach my $way ('udp', 'tcp, no edns')
{
	set(Session::way($way));
	my ($given, $seconds) = look_up('tcpartial.example');

	is($given, 'NDA11', "no server listens on TCP ($way)");
	cmp_ok($seconds, '<', 3, '... the error comes at once');
}
set(Session::way('udp'));
goes_on('all that');
$session->text('RESET ALL');

# ---- Without TCP

set(ignore_truncation => 'on');
is((look_up('tc.example'))[0], 'NDA10', 'ignore_truncation: truncated and empty is not "no such records"');
is((look_up('tcpartial.example'))[0], '192.0.2.66', 'ignore_truncation: truncated records are taken');

is($session->text('SELECT pg_backend_pid()'), $pid, 'all that was one session');

done_testing();
