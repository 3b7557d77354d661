# Property: every setting that concerns queries changes the queries on the wire, and only
# settings do: neither the postmaster's environment, nor options of a file that names no
# server.
#
# Our own name servers log their queries. Each case is one session with its settings;
# most cases show the opposite too.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;

use IO::Socket::INET;
use List::Util qw(max min);
use NameServer;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Socket qw(SOL_SOCKET);
use Test::More;
use Time::HiRes qw(time);

# A constant of Linux that Socket.pm does not have
use constant SO_BINDTODEVICE => 25;

my $first = NameServer->misbehaving;
my $second = NameServer->misbehaving;
my $failing = NameServer->misbehaving(mode => 'servfail');
my $closed = '127.0.0.1:' . NameServer->closed_port;
my $both = join ', ', map { $_->address } $first, $second;
my @everything;

# Aliases and search lists for the resolver of the C library. c-ares reads the
# same variables.
my $directory = PostgreSQL::Test::Utils::tempdir;
append_to_file("$directory/aliases", "shorty real.example\n");
append_to_file("$directory/search.conf", "nameserver 127.0.0.1\nsearch corp.example\noptions ndots:5\n");
append_to_file("$directory/rotate.conf", "nameserver 127.0.0.1\noptions rotate\n");
$ENV{HOSTALIASES} = "$directory/aliases";
$ENV{LOCALDOMAIN} = 'local.example';
$ENV{RES_OPTIONS} = 'ndots:9';

my $node = Session->cluster([$first]);

# A session with these settings, and new logs of the servers
sub session
{
	my (%settings) = @_;
	my $session = Session->new($node);

	$session->text("SET pgcares.$_ = '$settings{$_}'") foreach sort keys %settings;
	$_->forget foreach $first, $second, $failing;
	return $session;
}

# The rows of statements in such a session, or their SQLSTATEs
sub run
{
	my ($settings, @statements) = @_;
	my $session = session(%$settings);
	my @results = map { $session->query($_) } @statements;

	$session->close;
	push @everything, map { $_->log } $first, $second, $failing;
	return join ' ', map { $_->{error} ? $_->{error}{C} : map { @$_ } @{ $_->{rows} } } @results;
}

# The statement that looks up an address
sub a
{
	my ($name) = @_;
	return "SELECT host(address) FROM dns_a('$name')";
}

# The statement that looks up $count addresses
sub many
{
	my ($count) = @_;
	return "SELECT count(*) FROM generate_series(1, $count) i, LATERAL dns_a('n' || i || '.example')";
}

# One property of all queries that came to a server, in order
sub seen
{
	my ($server, $property) = @_;
	return join ' ', map { $_->{$property} // 'none' } $server->log;
}

sub counts
{
	return join ' ', map { $_->count } @_;
}

sub distinct
{
	my %distinct = map { $_ => 1 } @_;
	return scalar keys %distinct;
}

# ---- Transport

is(run({}, a('a.example')), '192.0.2.1', 'an address is found');
is(seen($first, 'transport'), 'udp', '... over UDP');
is(run({ tcp => 'on' }, a('a.example')), '192.0.2.1', 'tcp: the address is found');
is(seen($first, 'transport'), 'tcp', '... over TCP');

run({}, a('tc.example'));
is(seen($first, 'transport'), 'udp tcp', 'a truncated answer is asked for again over TCP');
run({ ignore_truncation => 'on' }, a('tc.example'));
is(seen($first, 'transport'), 'udp', 'ignore_truncation: a truncated answer is not asked for over TCP');

# ---- A change takes effect at once, also where the session keeps its channel

foreach my $case (
	[ tcp => 'on', 'transport', 'udp tcp udp' ], [ recurse => 'off', 'rd', '1 0 1' ],
	[ edns => 'off', 'edns', '1232 none 1232' ], [ randomize_case => 'on', 'letters', 'small large small' ])
{
	my ($setting, $other, $property, $expected) = @$case;
	my $name = 'abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.example';

	run({ keep_open => 'on' }, a($name), "SET pgcares.$setting = $other", a($name), "RESET pgcares.$setting", a($name));
	my $seen = $property eq 'letters' ? join ' ', map { $_->{name} =~ /[A-Z]/ ? 'large' : 'small' } $first->log : seen($first, $property);
	is($seen, $expected, "$setting, switched $other and back");
}
foreach my $case (
	[ "$closed, " . $second->address => primary_only => 'on', '192.0.2.1 NDA11 192.0.2.1', 'a.example' ],
	[ $failing->address . ', ' . $second->address => check_response => 'off', '192.0.2.1 ND002 192.0.2.1', 'a.example' ],
	[ $first->address => ignore_truncation => 'on', 'NDA10', 'tc.example' ])
{
	my ($servers, $setting, $other, $expected, $name) = @$case;
	my $outcome = run({ keep_open => 'on', servers => $servers },
		a($name), 'SELECT dns_reset()', "SET pgcares.$setting = $other", a($name), "RESET pgcares.$setting", a($name));

	like($outcome =~ s/ +/ /gr, qr/\Q$expected\E/, "$setting, switched $other and back");
}

# ---- Servers

foreach my $case ([ $failing->address, 'fails', 'ND002' ], [ $closed, 'is down', 'NDA11' ])
{
	my ($bad, $what, $sqlstate) = @$case;
	my $servers = "$bad, " . $second->address;

	is(run({ servers => $servers }, a('a.example')), '192.0.2.1', "the second server answers when the first $what");
	is(counts($second), '1', '... and was asked once');
	is(run({ servers => $servers, primary_only => 'on' }, a('a.example')),
		$sqlstate, "primary_only: an error when the first server $what");
	is(counts($second), '0', '... and the second one was not asked');
}

my $failing_first = join ', ', map { $_->address } $failing, $second;
is(run({ servers => $failing_first, check_response => 'off' }, a('a.example')),
	'ND002', 'check_response off: the failure of the first server is the result');
is(counts($failing, $second), '1 0', '... and the second one was not asked');

run({ servers => join ', ', map { $_->address } $second, $first }, a('a.example'));
is(counts($first, $second), '0 1', 'servers are asked in the order of the list');

is(run({ servers => $both, rotate => 'off' }, many(40)), '40', '40 lookups, rotate off');
is(counts($first, $second), '40 0', '... all go to the first server');
is(run({ servers => $both, rotate => 'on' }, many(40)), '40', '40 lookups, rotate on');
cmp_ok($first->count, '>', 0, '... some go to the first server');
cmp_ok($second->count, '>', 0, '... and some to the second');
run({ servers => $both, resolvconf => "$directory/rotate.conf" }, many(40));
is(counts($first, $second), '40 0', 'rotate system: a file counts only for the servers that it names');

# ---- Header and EDNS

run({}, a('a.example'));
is(seen($first, 'rd'), '1', 'recursion is desired');
is(seen($first, 'cd'), '0', 'checking is not disabled');
is(seen($first, 'ad'), '0', 'AD is not set');
is(seen($first, 'edns'), '1232', 'EDNS has the default size');
is(seen($first, 'do'), '0', 'DNSSEC records are not requested');
run({ recurse => 'off' }, a('a.example'));
is(seen($first, 'rd'), '0', 'recurse off: recursion is not desired');
run({ checking_disabled => 'on' }, a('a.example'));
is(seen($first, 'cd'), '1', 'checking_disabled: CD is set');
run({ edns => 'off' }, a('a.example'));
is(seen($first, 'edns'), 'none', 'edns off: no EDNS');
run({ dnssec => 'on' }, a('a.example'));
is(seen($first, 'do'), '1', 'dnssec: DO is set');
run({ dnssec => 'on', edns => 'off' }, a('a.example'));
is(seen($first, 'edns') . ' ' . seen($first, 'do'), '1232 1', '... also with edns off');
foreach my $size (512, 1400, 65535)
{
	run({ edns_udp_size => $size, max_edns_udp_size => 65535 }, a('a.example'));
	is(seen($first, 'edns'), $size, "edns_udp_size $size");
}

# ---- The name in the question

my @names = ('shorty', 'MiXeD.Case.Example', 'two.labels', '_under_score', 'trailing.dot.', '.', 'sp\032ace.example');
my @asked = ('shorty', 'MiXeD.Case.Example', 'two.labels', '_under_score', 'trailing.dot', '', 'sp\032ace.example');
my %from_file =
  (servers => '', resolvconf => "$directory/search.conf", udp_port => $first->port, tcp_port => $first->port);

foreach my $search ('on', 'off')
{
	run({ search => $search }, map { a($_) } @names);
	is_deeply([ map { $_->{name} } $first->log ], \@asked, "names are asked as given (search $search)");
	run({ %from_file, search => $search }, map { a($_) } @names);
	is_deeply([ map { $_->{name} } $first->log ], \@asked, '... also if a file has a search list');
}

my $letters = 'abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.example';
my %random = (randomize_case => 'on', timeout => 300, tries => 1);
is(run({}, a($letters)), '192.0.2.1', 'a long name');
is(seen($first, 'name'), $letters, '... goes out as given');
is(run({%random}, a($letters)), '192.0.2.1', 'randomize_case: an answer in the same case is taken');
is(lc seen($first, 'name'), $letters, '... the name is the same');
like(seen($first, 'name'), qr/[a-z].*[A-Z]|[A-Z].*[a-z]/, '... in mixed case');
is(run({%random}, "SELECT name FROM dns_query('$letters')"),
	$letters, '... and the owner of the record has the case of the call');
is(run({}, a("case.$letters")), '192.0.2.1', 'an answer in other case is taken without randomize_case');
is(run({%random}, a("case.$letters")), 'NDA12', 'randomize_case: an answer in other case is ignored');
is(counts($first), '1', '... the server has seen the query');

# ---- Ports

my %no_port = (servers => '127.0.0.1', udp_port => $first->port, tcp_port => $second->port);
is(run({%no_port}, a('a.example')), '192.0.2.1', 'a server without a port');
is(counts($first, $second), '1 0', '... is asked at udp_port');
is(run({ %no_port, tcp => 'on' }, a('a.example')), '192.0.2.1', 'a server without a port, over TCP');
is(counts($first, $second), '0 1', '... is asked at tcp_port');
run({ %no_port, servers => $failing->address }, a('a.example'));
is(counts($first, $second, $failing), '0 0 1', 'the port of a server overrides that');

# ---- The source of queries

run({}, a('a.example'));
is(seen($first, 'src'), '127.0.0.1', 'queries come from the address that the system chooses');
run({ local_ip4 => '127.0.0.5' }, a('a.example'), 'SET pgcares.tcp = on', a('a.example'));
is(seen($first, 'src'), '127.0.0.5 127.0.0.5', 'local_ip4: they come from that address, over UDP and TCP');
is(run({ local_ip4 => '192.0.2.1', timeout => 300, tries => 1 }, a('a.example')),
	'NDA11', 'local_ip4: an address that is not of this host is an error');
is(counts($first), '0', '... and nothing was sent from another one');

# ::1 is always asked from ::1, so only another address shows that the setting counts.
SKIP:
{
	my $six = eval { NameServer->misbehaving(address => '::1') };
	skip 'this host has no ::1', 4 if !$six;

	is(run({ servers => $six->address, local_ip6 => '::1' }, a('a.example')),
		'192.0.2.1', 'local_ip6: an answer comes');
	is(seen($six, 'src'), '::1', '... to that address');
	$six->forget;
	is(run({ servers => $six->address, local_ip6 => '2001:db8::1', timeout => 300, tries => 1 }, a('a.example')),
		'NDA11', 'local_ip6: an address that is not of this host is an error');
	is(counts($six), '0', '... and nothing was sent from another one');
}

# Since Linux 5.7 everybody can bind a socket to a device.
my @over_both = (a('a.example'), 'SET pgcares.tcp = on', a('a.example'));
SKIP:
{
	my $socket = IO::Socket::INET->new(Proto => 'udp');
	skip 'this user cannot bind a socket to a device', 2
	  if !$socket->setsockopt(SOL_SOCKET, SO_BINDTODEVICE, 'lo');

	is(run({ local_dev => 'lo' }, @over_both), '192.0.2.1 192.0.2.1', 'local_dev: queries go through lo');
	is(seen($first, 'transport'), 'udp tcp', '... over UDP and TCP');
}
is(run({ local_dev => 'nosuchdevice', timeout => 300, tries => 1 }, @over_both),
	'NDA11 NDA11', 'local_dev: a device that does not exist is an error');
is(counts($first), '0', '... and nothing was sent through another one');

# ---- Sockets

run({}, (a('a.example')) x 4);
is(counts($first), '4', 'four lookups');
cmp_ok(distinct(split / /, seen($first, 'sport')), '>', 1, '... come from ports of their own');
run({ keep_open => 'on' }, (a('a.example')) x 4);
is(counts($first), '4', 'four lookups, keep_open');
is(distinct(split / /, seen($first, 'sport')), 1, '... come from one port');
run({ keep_open => 'on', tcp => 'on' }, (a('a.example')) x 4);
is(counts($first), '4', 'four lookups over TCP, keep_open');
is(distinct(split / /, seen($first, 'sport')), 1, '... use one connection');

foreach my $limit (0, 3)
{
	my %queries;

	run({ keep_open => 'on', udp_max_queries => $limit }, (a('a.example')) x 7);
	$queries{ $_->{sport} }++ foreach $first->log;
	is(scalar keys %queries, 1, 'udp_max_queries 0: a port serves any number') if $limit == 0;
	cmp_ok(scalar keys %queries, '>=', 3, 'udp_max_queries 3: seven lookups take three ports') if $limit == 3;
	cmp_ok(max(values %queries), '<=', 3, '... none serves more than three') if $limit == 3;
}

# The buffer sizes of the open socket of a session, from the system. Linux doubles the
# values that are set.
sub buffers
{
	my $session = session(keep_open => 'on', @_);

	$session->text(a('a.example'));
	my $said = `ss -H -u -a -n -m 'dport = :${\$first->port}' 2>&1`;
	$session->close;
	return { $said =~ /\b(rb|tb)(\d+)/g };
}

SKIP:
{
	my $system = buffers(socket_receive_buffer_size => 0);
	skip 'the program "ss" does not show the socket', 4 if !$system->{rb};
	my $ours = buffers(socket_receive_buffer_size => 40000, socket_send_buffer_size => 30000);

	is($ours->{rb}, 80000, 'socket_receive_buffer_size reaches the socket');
	isnt($system->{rb}, 80000, '... whose buffer has another size without');
	is($ours->{tb}, 60000, 'socket_send_buffer_size reaches the socket');
	isnt($system->{tb}, 60000, '... whose buffer has another size without');
}

# ---- Timeouts and tries

foreach my $tries (1, 3)
{
	is(run({ timeout => 250, tries => $tries }, a('drop.example')), 'NDA12', "silence, tries $tries");
	is(counts($first), $tries, '... that many queries');
}
is(run({ servers => $both, timeout => 250, tries => 2 }, a('drop.example')),
	'NDA12', 'silence of two servers, tries 2');
is(counts($first, $second), '2 2', '... each of them is asked twice');

foreach my $timeout (300, 900)
{
	my $start = time;

	run({ timeout => $timeout, tries => 3 }, a('drop.example'));
	my $seconds = time - $start;
	my @times = map { $_->{time} } $first->log;
	my @gaps = map { $times[$_] - $times[ $_ - 1 ] } 1 .. $#times;

	is(scalar @gaps, 2, "timeout $timeout, tries 3: three queries");
	cmp_ok($seconds, '>=', 3 * $timeout / 1000, '... each waited for');
	# the server may see the first of two late
	cmp_ok(min(@gaps), '>=', $timeout / 1000 / 2, '... each after the timeout of the one before');
	cmp_ok(min(@gaps), '<', $timeout / 1000 + 0.5, '... and not long after');
}

# ---- Ids and ports cannot be guessed (RFC 5452 section 9.2)

is(run({ lookahead => 'off' }, many(200)), '200', '200 lookups');
my @log = $first->log;
cmp_ok(distinct(map { $_->{sport} } @log), '>=', 190, '... each from a fresh port');
cmp_ok(distinct(map { $_->{id} } @log), '>=', 195, '... each with an id of its own');
foreach my $shift (0, 2, 4, 6, 8, 10, 12, 14)
{
	my %quarter = map { $_ => 0 } 0 .. 3;

	$quarter{ $_->{id} >> $shift & 3 }++ foreach @log;
	cmp_ok(min(values %quarter), '>=', 20, "... in which bits $shift and " . ($shift + 1) . ' have all values');
}

# c-ares keeps random octets in a channel, so the channel must not be older than the
# backend.
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pgcares'");
$node->restart;
my @first_ids = map { run({}, a('a.example')); ($first->log)[0]{id} } 1 .. 20;
cmp_ok(distinct(@first_ids), '>=', 19, 'with the library in the postmaster, backends begin with ids of their own');

# ---- Things that no setting asks for

cmp_ok(scalar(grep { defined $_->{edns} } @everything), '>', 300, 'there were hundreds of queries with EDNS');
is(scalar(grep { $_->{cookie} } @everything), 0, '... none had a cookie');
is(scalar(grep { $_->{type} eq 'junk' } @everything), 0, 'nothing but queries ever came');

$ENV{RES_OPTIONS} = 'use-vc';
$node->restart;
run({}, a('a.example'));
is(seen($first, 'transport'), 'udp', 'RES_OPTIONS=use-vc in the postmaster\'s environment has no effect');

$ENV{RES_OPTIONS} = 'rotate';
$node->restart;
run({ servers => $both }, many(40));
is(counts($first, $second), '40 0', 'RES_OPTIONS=rotate has no effect');

done_testing();
