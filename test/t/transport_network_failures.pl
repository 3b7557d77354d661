# If the system does not send a query, or has no port for it, this is only the status of the
# question: the call goes on, does not hang, and does not spin.
# Once: no version of PostgreSQL changes this.

use strict;
use warnings;
use List::Util qw(sum0);
use Network;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Batch;
use NameServer;
use Session;

# The share of the waiting time in which a backend can be busy; busy seconds besides that
use constant { BUSY => 0.1, AT_ONCE => $ENV{PGCARES_WATCHED} ? 20 : 1 };

plan skip_all => $Network::missing if $Network::missing;

my $server = NameServer->misbehaving;
my $good = $server->address;
my $node = Session->cluster([$server], "pgcares.timeout = '2s'", 'pgcares.tries = 2');
my $session = Session->new($node, options => '-c statement_timeout=60s');
my $other = Session->new($node);

# A batch that must not keep the backend busy
sub batch
{
	my ($what, @batch) = @_;
	my $before = $session->cpu_time;
	my $batch = Batch->run($server, $session, @batch);
	my $used = $session->cpu_time - $before;

	is($batch->{state}, '00000', "$what: no error");
	cmp_ok($used, '<', AT_ONCE + BUSY * $batch->{seconds}, '... without being busy');
	note(sprintf '%s: %.2f s, of these %.2f s at work', $what, $batch->{seconds}, $used);
	return $batch;
}

sub queries
{
	my ($batch, $pattern) = @_;
	return sum0(map { $batch->{times}{$_} } grep { /$pattern/ } keys %{ $batch->{times} });
}

# ---- Queries that are not sent

Network::command("ip route add $_ table local") foreach 'unreachable 127.0.5.1', 'prohibit 127.0.5.2', 'blackhole 127.0.5.3';

# Settings with which no query can be sent. There is no way out of this network.
my @refused = (
	[ 'no route to the host', servers => '127.0.5.1' ],
	[ 'not permitted', servers => '127.0.5.2' ],
	[ 'not possible', servers => '127.0.5.3' ],
	[ 'a broadcast address', servers => '127.255.255.255' ],
	[ 'no route to the network', servers => '240.0.0.1' ],
	[ 'no route to the network, IPv6', servers => '[2001:db8::1]' ],
	[ 'no server listens', servers => '127.0.0.1:' . NameServer->closed_port ],
	[ 'all of these', servers => "127.0.5.1, 127.0.5.2, 127.0.5.3, 127.255.255.255, 240.0.0.1" ],
	[ 'no such local address', servers => $good, local_ip4 => '192.0.2.1' ],
	[ 'no such interface', servers => $good, local_dev => 'nowhere' ]);

$session->text('CREATE TABLE hosts AS SELECT i AS g FROM generate_series(1, 300) i');
foreach my $way ('udp', 'tcp')
{
	foreach (@refused)
	{
		my ($what, %settings) = @$_;
		my $batch = batch("$what, $way", q{'sound'}, 2000, %settings, Session::way($way));

		is_deeply($batch->{statuses}, { UNREACHABLE => 2000 }, '... the status of each name');
		cmp_ok($batch->{seconds}, '<', 10, '... soon');

		# the other functions
		$session->text(join '; ', map { "SET pgcares.$_ = '$settings{$_}'" } sort keys %settings);
		is($session->sqlstate(q{SELECT * FROM dns_a('sound.example')}), 'NDA11', '... of a single lookup');
		is($session->text(q{SELECT count(*), count(a.address) FROM hosts LEFT JOIN LATERAL dns_a('n' || g || '.example', 'ignore') a ON true}),
			'300|0', '... and with look-ahead');
		$session->text('RESET ALL');
		next if $settings{servers} eq $good;

		$batch = batch("$what, and another server, $way", q{'sound'}, 2000, servers => "$settings{servers}, $good", Session::way($way));
		$batch->all_succeed(2000, '... with another server');
		$batch->asked_once(2000, '... which');
	}
}

# ---- The interface is down for a while

foreach my $way ('udp', 'tcp')
{
	my ($names, $zone) = Batch->names(q{'delay5'}, 2000);
	my $before = $session->cpu_time;

	$server->forget;
	$session->text(Session::set_way($way) . "; SET pgcares.max_in_flight = 20");
	$session->send("SELECT status, count(*) FROM dns_query_many($names) GROUP BY status ORDER BY status");
	Session::wait_until(sub { $server->has_seen("delay5.n300.$zone") }, 'some of the questions');
	Network::command('ip link set lo down');
	$other->text('SELECT pg_sleep(1)');
	Network::command('ip link set lo up');
	my $result = $session->result;

	is(Session::sqlstate_of($result), '00000', "the interface is down for a while, $way: no error");
	is(sum0(map { $_->[1] } @{ $result->{rows} }), 2000, '... a row for each name');
	is(join(' ', grep { !/^(NOERROR|TIMEOUT|UNREACHABLE)$/ } map { $_->[0] } @{ $result->{rows} }), '', '... with a status that fits');
	cmp_ok($session->cpu_time - $before, '<', AT_ONCE, '... without being busy');
	note(join ', ', map { "@$_" } @{ $result->{rows} });
	batch("the interface is up again, $way", q{'sound'}, 500, Session::way($way))->all_succeed(500, '... at once');
	$session->text('RESET ALL');
}

# ---- Few ports

Network::command('echo "50000 50009" > /proc/sys/net/ipv4/ip_local_port_range');
foreach my $way ('udp', 'tcp')
{
	my $batch = batch("ten ports, $way", q{'sound'}, 2000, Session::way($way));
	$batch->all_succeed(2000, '... are enough');

	# once their number is known, there are no more sockets than that
	foreach my $labels (q{'sound'}, q{'delay50'})
	{
		$batch = batch("ten ports, each for one query, $labels, $way", $labels, 500, Session::way($way), udp_max_queries => 1);
		is(sum0(values %{ $batch->{statuses} }), 500, '... a row for each name');
		cmp_ok($batch->{statuses}{NOERROR}, '>=', 500 * 0.98, '... nearly all succeed');
		cmp_ok($batch->{seconds}, '<', 15, '... soon');
		is($batch->{statuses}{TIMEOUT} // 0, 0, '... and none has waited in vain');
	}
}
Network::command('echo "32768 60999" > /proc/sys/net/ipv4/ip_local_port_range');

# ---- A slow network and a full buffer: queries wait until they can be sent

SKIP:
{
	skip '"tc" is not installed, or lacks a module', 12
	  if system('tc qdisc add dev lo root tbf rate 4mbit burst 100kb latency 20s > /dev/null 2>&1') != 0;
	foreach my $way ('udp', 'tcp')
	{
		foreach my $window (200, 2000)
		{
			my $batch = batch("a slow network, $window in flight, $way", q{'sound'}, 2000, Session::way($way),
				max_in_flight => $window, socket_send_buffer_size => '2kB', timeout => '20s');
			$batch->all_succeed(2000, '... all names succeed');
			cmp_ok($batch->{seconds}, '<', 15, '... soon') if !$ENV{PGCARES_WATCHED};
		}
	}
	Network::command('tc qdisc del dev lo root');
}

is_deeply([ $session->inet_sockets ], [], 'no socket is left');
is($session->text(q{SELECT host(address) FROM dns_a('sound.example')}), '192.0.2.1', 'the session goes on');
done_testing();
